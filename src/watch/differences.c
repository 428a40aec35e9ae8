/* From ARM's what-if of what is live to what is otherwise than it was left (REST reference 3). What
 * a template says and ARM cannot compute before a deployment is kept apart: it tells nothing. */
#include "watch/drift.h"

#include <inttypes.h>
#include <string.h>

#define DIFFERENCES_MAX 5000

struct found {
    struct watch_shown place; /* borrowed */
    json_t *differences, *unevaluated;
};

/* ---- what cannot be told --------------------------------------------------------------------- */

static bool is_expression(const char *text)
{
    size_t length = strlen(text);

    return length > 2 && text[0] == '[' && text[1] != '[' && text[length - 1] == ']';
}

static bool has_expression(const json_t *value)
{
    const char *name;
    json_t *member;
    size_t index;

    if (json_is_string(value))
        return is_expression(json_string_value(value));
    json_object_foreach ((json_t *)(uintptr_t)value, name, member)
        if (has_expression(member))
            return true;
    json_array_foreach ((json_t *)(uintptr_t)value, index, member)
        if (has_expression(member))
            return true;
    return false;
}

static void add_unevaluated(struct found *found, const char *path, const char *reason)
{
    if (json_array_size(found->unevaluated) < DIFFERENCES_MAX)
        json_array_append_new(found->unevaluated,
                              json_pack("{s:s,s:s*,s:s}", "resource", found->place.resource, "path",
                                        path, "reason", reason));
}

/* ---- properties ------------------------------------------------------------------------------ */

static char *text_of(const struct found *found, const char *path, const json_t *value)
{
    if (value && path && watch_path_is_secret(&found->place, path))
        return g_strdup("\"" WATCH_HIDDEN "\"");
    return watch_text_of(path, value);
}

static void add_difference(struct found *found, const char *change, const char *path,
                           const json_t *is, const json_t *wanted)
{
    g_autofree char *is_text = text_of(found, path, is);
    g_autofree char *wanted_text = text_of(found, path, wanted);

    if (json_array_size(found->differences) < DIFFERENCES_MAX)
        json_array_append_new(found->differences,
                              json_pack("{s:s,s:s,s:s*,s:s*,s:s*}", "resource",
                                        found->place.resource, "change", change, "path", path, "is",
                                        is_text, "wanted", wanted_text));
}

static void walk(struct found *found, const char *above, const json_t *deltas, int depth);

static bool has_children(const json_t *delta)
{
    return json_array_size(json_object_get(delta, "children")) > 0;
}

static void take_delta(struct found *found, const char *path, const json_t *delta, int depth)
{
    const char *type = roll_json_get_string(delta, "propertyChangeType");
    const json_t *before = json_object_get(delta, "before");
    const json_t *after = json_object_get(delta, "after");

    if (!type || g_ascii_strcasecmp(type, "NoEffect") == 0)
        return;
    if (has_children(delta) && depth < ROLL_JSON_MAX_DEPTH)
        walk(found, path, json_object_get(delta, "children"), depth + 1);
    else if (has_expression(after))
        add_unevaluated(found, path, "its value is known at the deployment only");
    else
        add_difference(found, "changed", path, json_is_null(before) ? NULL : before,
                       json_is_null(after) ? NULL : after);
}

static void walk(struct found *found, const char *above, const json_t *deltas, int depth)
{
    size_t index;
    json_t *delta;

    json_array_foreach ((json_t *)(uintptr_t)deltas, index, delta) {
        const char *own = roll_json_get_string(delta, "path");
        g_autofree char *path = *above && own && *own ? g_strdup_printf("%s.%s", above, own)
                                                      : g_strdup(own && *own ? own : above);
        take_delta(found, path, delta, depth);
    }
}

/* ---- resources ------------------------------------------------------------------------------- */

static bool is_type(const char *type, const char *word)
{
    return g_ascii_strcasecmp(type, word) == 0;
}

/* Ignore is what the template does not have: nobody promised anything about it. */
static void take_change(struct found *found, const json_t *change)
{
    const char *type = roll_json_get_string(change, "changeType");
    const char *reason = roll_json_get_string(change, "unsupportedReason");

    if (!type || is_type(type, "NoChange") || is_type(type, "Ignore"))
        return;
    if (is_type(type, "Create"))
        add_difference(found, "deleted", NULL, NULL, NULL);
    else if (is_type(type, "Modify"))
        walk(found, "", json_object_get(change, "delta"), 0);
    else if (is_type(type, "Delete"))
        add_difference(found, "added", NULL, NULL, NULL);
    else
        add_unevaluated(found, NULL, reason ? reason : "ARM does not say what would change");
}

static void add_diagnostics(const json_t *what_if, struct found *found)
{
    size_t index;
    json_t *diagnostic;

    json_array_foreach (json_object_get(what_if, "diagnostics"), index, diagnostic) {
        const char *message = roll_json_get_string(diagnostic, "message");
        const char *target = roll_json_get_string(diagnostic, "target");
        g_autofree char *kept = message ? roll_release_redact(message, strlen(message)) : NULL;
        found->place = (struct watch_shown){target ? target : "", NULL, NULL};
        add_unevaluated(found, NULL, kept ? kept : "ARM gave no reason");
    }
}

/* ---- order ----------------------------------------------------------------------------------- */

char *watch_key_of(const json_t *difference)
{
    static const char *const members[] = {"resource", "path", "change", "is", "wanted", NULL};
    GString *key = g_string_new(NULL);

    for (int i = 0; members[i]; i++) {
        const char *text = roll_json_get_string(difference, members[i]);
        g_autofree char *lower = i == 0 ? g_ascii_strdown(text ? text : "", -1) : NULL;
        g_string_append(key, lower ? lower : text ? text : "");
        g_string_append_c(key, '\n');
    }
    return g_string_free(key, FALSE);
}

static int by_key(const void *a, const void *b)
{
    g_autofree char *left = watch_key_of(*(json_t *const *)a),
                    *right = watch_key_of(*(json_t *const *)b);

    return strcmp(left, right);
}

/* ARM gives no order that would be the same tomorrow. */
static void sort(json_t *list)
{
    size_t count = json_array_size(list);
    g_autofree json_t **items = g_new0(json_t *, count + 1);

    for (size_t i = 0; i < count; i++)
        items[i] = json_incref(json_array_get(list, i));
    qsort(items, count, sizeof(json_t *), by_key);
    json_array_clear(list);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, items[i]);
}

static struct watch_shown place_of(const json_t *change)
{
    const char *id = roll_json_get_string(change, "resourceId");

    return (struct watch_shown){id ? id : "", json_object_get(change, "before"),
                                json_object_get(change, "after")};
}

void watch_differences(const json_t *what_if, json_t *differences, json_t *unevaluated)
{
    struct found found = {{NULL, NULL, NULL}, differences, unevaluated};
    size_t index;
    json_t *change;

    json_array_foreach (json_object_get(what_if, "changes"), index, change) {
        found.place = place_of(change);
        take_change(&found, change);
    }
    json_array_foreach (json_object_get(what_if, "potentialChanges"), index, change) {
        found.place = place_of(change);
        add_unevaluated(&found, NULL, "whether it would be deployed depends on the deployment");
    }
    add_diagnostics(what_if, &found);
    sort(differences);
    sort(unevaluated);
}

/* ---- comparing ------------------------------------------------------------------------------- */

GHashTable *watch_keys_of(const json_t *list)
{
    GHashTable *keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    size_t index;
    json_t *difference;

    json_array_foreach ((json_t *)(uintptr_t)list, index, difference)
        g_hash_table_add(keys, watch_key_of(difference));
    return keys;
}

json_t *watch_subtract(const json_t *now, const json_t *known, size_t *ret_left)
{
    g_autoptr(GHashTable) keys = watch_keys_of(known);
    json_t *rest = json_array(), *difference;
    size_t index;

    *ret_left = 0;
    json_array_foreach ((json_t *)(uintptr_t)now, index, difference) {
        g_autofree char *key = watch_key_of(difference);
        if (g_hash_table_contains(keys, key))
            (*ret_left)++;
        else
            json_array_append(rest, difference);
    }
    return rest;
}

void watch_finding(int64_t rollout, const json_t *differences, char ret_hex[ROLL_HEX_SIZE])
{
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    json_t *difference;

    g_string_printf(text, "%" PRId64 "\n", rollout);
    json_array_foreach ((json_t *)(uintptr_t)differences, index, difference) {
        g_autofree char *key = watch_key_of(difference);
        g_string_append(text, key);
    }
    roll_sha256_hex(text->str, text->len, ret_hex);
}
