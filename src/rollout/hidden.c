/* What commands of a plan do not get to know of our surroundings. */
#include "driver.h"

#include <string.h>

#include "rollbook/json.h"

GPtrArray *roll_hidden_variables(const json_t *plan)
{
    static const char prefix[] = "env:";
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    size_t index;
    json_t *rule;

    json_array_foreach (json_object_get(plan, "notify"), index, rule) {
        const char *webhook = roll_json_get_string(rule, "webhook");
        if (webhook && g_str_has_prefix(webhook, prefix) && webhook[sizeof prefix - 1])
            g_ptr_array_add(names, g_strdup(webhook + sizeof prefix - 1));
    }
    g_ptr_array_add(names, NULL);
    return names;
}
