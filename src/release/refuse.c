/* How this module says no: the reason as message, what to type next as detail. */
#include <stdarg.h>

#include "release/internal.h"

struct roll_error *release_error_next(struct roll_error *err, ...)
{
    roll_auto(json) json_t *commands = json_array();
    va_list list;
    va_start(list, err);
    for (char *command = va_arg(list, char *); command; command = va_arg(list, char *)) {
        json_array_append_new(commands, json_string(command));
        g_free(command);
    }
    va_end(list);
    roll_auto(json) json_t *detail = json_object();
    json_object_set(detail, "next", commands);
    g_autoptr(GString) text = g_string_new(NULL);
    roll_json_write(detail, text);
    return roll_error_detail(err, text->str);
}

bool release_overridden(const char *const *overrides, const char *kind, const char *name)
{
    g_autofree char *wanted = name ? g_strconcat(kind, ":", name, NULL) : g_strdup(kind);
    return overrides && g_strv_contains(overrides, wanted);
}

char *release_join_names(const GPtrArray *names, guint limit)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < names->len && i < limit; i++)
        g_string_append_printf(text, "%s'%s'", i ? ", " : "",
                               (const char *)g_ptr_array_index(names, i));
    if (names->len > limit)
        g_string_append_printf(text, " and %u more", names->len - limit);
    return g_string_free(text, FALSE);
}

char *release_stream_name(const char *service, const char *environment)
{
    return g_strconcat(service, "/", environment, NULL);
}
