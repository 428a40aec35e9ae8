/* One spelling for effective parameters: equal values give equal bytes, whatever order the files
 * had. */
#include "release/chooser.h"

static int by_bytes(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GString *release_parameters_write(json_t *parameters)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    json_t *entry;
    json_object_foreach (parameters, name, entry)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, by_bytes);
    roll_auto(json) json_t *sorted = json_object();
    for (guint i = 0; i < names->len; i++) {
        const char *key = g_ptr_array_index(names, i);
        json_object_set(sorted, key, json_object_get(parameters, key));
    }
    GString *text = g_string_new(NULL);
    roll_json_write(sorted, text);
    return text;
}
