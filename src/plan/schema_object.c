/* Keywords about objects and lists. */
#include <string.h>

#include "plan/schema.h"
#include "rollbook/text.h"

void roll_keyword_properties(struct roll_check *check, json_t *rules, json_t *argument,
                             json_t *value)
{
    (void)rules;
    const char *name;
    json_t *member;
    json_object_foreach (value, name, member) {
        json_t *known = json_object_get(argument, name);
        if (known)
            roll_check_member(check, known, name, member);
    }
}

/* An unknown member is nearly always a typing mistake: the nearest known one is named, else all. */
static void unknown_member(struct roll_check *check, json_t *known, const char *name)
{
    gsize size = check->pointer->len;
    roll_pointer_append(check->pointer, name);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autoptr(GString) all = g_string_new(NULL);
    const char *candidate;
    json_t *rules;
    json_object_foreach (known, candidate, rules) {
        g_string_append_printf(all, "%s%s", all->len ? ", " : "", candidate);
        g_ptr_array_add(names, (gpointer)(uintptr_t)candidate);
    }
    g_ptr_array_add(names, NULL);
    const char *nearest = roll_text_nearest(name, (const char *const *)names->pdata);
    g_autoptr(GString) shown = g_string_new(NULL);
    roll_text_safe(name, strlen(name), false, shown);
    if (nearest)
        roll_check_fail(check, "unknown member '%s', did you mean '%s'?", shown->str, nearest);
    else
        roll_check_fail(check, "unknown member '%s', expected one of: %s", shown->str, all->str);
    g_string_truncate(check->pointer, size);
}

void roll_keyword_additional(struct roll_check *check, json_t *rules, json_t *argument,
                             json_t *value)
{
    json_t *known = json_object_get(rules, "properties");
    const char *name;
    json_t *member;
    json_object_foreach (value, name, member) {
        if (json_object_get(known, name))
            continue;
        if (json_is_false(argument))
            unknown_member(check, known, name);
        else
            roll_check_member(check, argument, name, member);
    }
}

void roll_keyword_property_names(struct roll_check *check, json_t *rules, json_t *argument,
                                 json_t *value)
{
    (void)rules;
    const char *name;
    json_t *member;
    json_object_foreach (value, name, member) {
        roll_auto(json) json_t *text = json_string(name);
        roll_check_member(check, argument, name, text);
    }
}

void roll_keyword_required(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    (void)rules;
    size_t at;
    json_t *name;
    json_array_foreach (argument, at, name) {
        const char *text = json_string_value(name);
        if (json_is_object(value) && !json_object_get(value, text))
            roll_check_fail(check, "expected the member '%s', which is missing", text);
    }
}

void roll_keyword_dependent_required(struct roll_check *check, json_t *rules, json_t *argument,
                                     json_t *value)
{
    (void)rules;
    gsize size = check->pointer->len;
    const char *name;
    size_t at;
    json_t *names, *needed;
    json_object_foreach (argument, name, names) {
        roll_pointer_append(check->pointer, name);
        json_array_foreach (names, at, needed) {
            const char *text = json_string_value(needed);
            if (json_object_get(value, name) && !json_object_get(value, text))
                roll_check_fail(check, "'%s' needs '%s' beside it", name, text);
        }
        g_string_truncate(check->pointer, size);
    }
}

void roll_keyword_min_properties(struct roll_check *check, json_t *rules, json_t *argument,
                                 json_t *value)
{
    (void)rules;
    if (json_is_object(value) && (json_int_t)json_object_size(value) < json_integer_value(argument))
        roll_check_fail(check, "expected at least %" JSON_INTEGER_FORMAT " member here",
                        json_integer_value(argument));
}

void roll_keyword_max_properties(struct roll_check *check, json_t *rules, json_t *argument,
                                 json_t *value)
{
    (void)rules;
    if (json_is_object(value) && (json_int_t)json_object_size(value) > json_integer_value(argument))
        roll_check_fail(check, "expected at most %" JSON_INTEGER_FORMAT " member here",
                        json_integer_value(argument));
}

void roll_keyword_items(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    (void)rules;
    size_t at;
    json_t *element;
    json_array_foreach (value, at, element) {
        roll_check_element(check, argument, at, element);
    }
}

void roll_keyword_min_items(struct roll_check *check, json_t *rules, json_t *argument,
                            json_t *value)
{
    (void)rules;
    if (json_is_array(value) && (json_int_t)json_array_size(value) < json_integer_value(argument))
        roll_check_fail(check, "expected at least %" JSON_INTEGER_FORMAT " element here",
                        json_integer_value(argument));
}

/* Lists of texts only: a set of what was seen, so that a long list costs no more than it is long.
 */
void roll_keyword_unique_items(struct roll_check *check, json_t *rules, json_t *argument,
                               json_t *value)
{
    (void)rules;
    if (!json_is_true(argument))
        return;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    size_t at;
    json_t *element;
    json_array_foreach (value, at, element) {
        const char *text = json_string_value(element);
        if (!text || g_hash_table_add(seen, (gpointer)(uintptr_t)text))
            continue;
        gsize size = check->pointer->len;
        g_string_append_printf(check->pointer, "/%zu", at);
        roll_check_fail(check, "'%s' stands here for the second time", text);
        g_string_truncate(check->pointer, size);
    }
}
