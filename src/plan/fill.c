/* Patterns with {names}: filled when used, checked when read. */
#include <stdarg.h>
#include <string.h>

#include "plan/internal.h"
#include "rollbook/text.h"

typedef const char *(*lookup_fn)(void *user, const char *name);

/* Appends pattern with each {name} replaced by what lookup says; *ret_unknown, owned, is the first
 * that it does not know
 * ("" for a brace without an end). */
static bool fill(const char *pattern, lookup_fn lookup, void *user, GString *out,
                 char **ret_unknown)
{
    for (const char *at = pattern; *at; at++) {
        if (*at != '{') {
            g_string_append_c(out, *at);
            continue;
        }
        if (at[1] == '{') {
            g_string_append_c(out, *at++);
            continue;
        }
        const char *end = strchr(at, '}');
        g_autofree char *name = end ? g_strndup(at + 1, (gsize)(end - at - 1)) : g_strdup("");
        const char *value = end ? lookup(user, name) : NULL;
        if (!value) {
            *ret_unknown = g_steal_pointer(&name);
            return false;
        }
        g_string_append(out, value);
        at = end;
    }
    return true;
}

static const char *look_up_value(void *user, const char *name)
{
    return g_hash_table_lookup(user, name);
}

struct roll_error *roll_plan_fill(const char *pattern, char **ret_text, ...)
{
    g_autoptr(GHashTable) values = g_hash_table_new(g_str_hash, g_str_equal);
    va_list arguments;
    va_start(arguments, ret_text);
    for (char *name = va_arg(arguments, char *); name; name = va_arg(arguments, char *))
        g_hash_table_insert(values, name, va_arg(arguments, char *));
    va_end(arguments);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *unknown = NULL;
    if (!fill(pattern, look_up_value, values, out, &unknown)) {
        if (!*unknown)
            return roll_error_new(ROLL_E_PLAN, "'%s' has a brace that is not closed", pattern);
        return roll_error_new(ROLL_E_PLAN, "'{%s}' has no value in '%s'", unknown, pattern);
    }
    *ret_text = g_string_free(g_steal_pointer(&out), FALSE);
    return NULL;
}

static const char *look_up_name(void *user, const char *name)
{
    const char *const *allowed = user;
    return g_strv_contains(allowed, name) ? name : NULL;
}

void roll_plan_check_pattern(struct roll_findings *findings, const char *pointer,
                             const char *pattern, const char *const *allowed)
{
    if (!pattern)
        return;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *unknown = NULL;
    if (fill(pattern, look_up_name, (void *)(uintptr_t)allowed, out, &unknown))
        return;
    g_autoptr(GString) names = g_string_new(NULL);
    for (const char *const *name = allowed; *name; name++)
        g_string_append_printf(names, "%s{%s}", names->len ? ", " : "", *name);
    g_autoptr(GString) shown = g_string_new(NULL);
    roll_text_safe(unknown, strlen(unknown), false, shown);
    if (*unknown)
        roll_findings_add(findings, pointer, "unknown placeholder '{%s}', expected one of %s",
                          shown->str, names->str);
    else
        roll_findings_add(findings, pointer,
                          "expected '}' after '{', or '{{' for a brace; placeholders are %s",
                          names->str);
}
