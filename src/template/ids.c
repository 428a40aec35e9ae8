/* Resource ids, and other text made of known and unknown parts (reference 15, 17.9). */
#include "expand.h"

struct pieces {
    struct work *work;
    GString *text;    /* since the last unknown part */
    GPtrArray *parts; /* of const struct expr, once there is an unknown one */
};

struct pieces *pieces_new(struct work *work)
{
    struct pieces *pieces = g_new0(struct pieces, 1);
    pieces->work = work;
    pieces->text = g_string_new(NULL);
    return pieces;
}

void pieces_text(struct pieces *pieces, const char *text)
{
    g_string_append(pieces->text, text);
}

static void close_text(struct pieces *pieces)
{
    if (!pieces->parts)
        pieces->parts = g_ptr_array_new();
    if (pieces->text->len > 0)
        g_ptr_array_add(pieces->parts,
                        (gpointer)(uintptr_t)expr_text(pieces->work, pieces->text->str));
    g_string_truncate(pieces->text, 0);
}

void pieces_value(struct pieces *pieces, json_t *value)
{
    if (json_is_string(value)) {
        g_string_append(pieces->text, json_string_value(value));
    } else if (is_marker(value) && json_is_string(marker_of(value)->hidden)) {
        g_string_append(pieces->text, json_string_value(marker_of(value)->hidden));
    } else if (value) {
        close_text(pieces);
        g_ptr_array_add(pieces->parts, (gpointer)(uintptr_t)expr_of(pieces->work, value));
    }
}

json_t *pieces_end(struct pieces *pieces)
{
    json_t *value = NULL;
    if (!pieces->parts) {
        value = json_stringn_nocheck(pieces->text->str, pieces->text->len);
    } else {
        close_text(pieces);
        const struct expr *const *parts = (const struct expr *const *)pieces->parts->pdata;
        value = marker_new(pieces->work,
                           pieces->parts->len == 1
                               ? parts[0]
                               : expr_call(pieces->work, "concat", parts, pieces->parts->len));
        g_ptr_array_free(pieces->parts, TRUE);
    }
    g_string_free(pieces->text, TRUE);
    g_free(pieces);
    return value;
}

void pieces_scope(struct pieces *pieces, const struct scope *scope)
{
    if (scope->kind == ROLL_SCOPE_MANAGEMENT_GROUP) {
        pieces_text(pieces, "/providers/Microsoft.Management/managementGroups/");
        pieces_value(pieces, scope->management_group);
    } else if (scope->kind != ROLL_SCOPE_TENANT) {
        pieces_text(pieces, "/subscriptions/");
        pieces_value(pieces, scope->subscription);
        if (scope->kind == ROLL_SCOPE_GROUP) {
            pieces_text(pieces, "/resourceGroups/");
            pieces_value(pieces, scope->group);
        }
    }
}

void pieces_resource(struct pieces *pieces, const char *type, json_t *name)
{
    pieces_text(pieces, "/providers/");
    const char *known = json_is_string(name) ? json_string_value(name) : NULL;
    size_t segment = strcspn(type, "/");
    g_string_append_len(pieces->text, type, (gssize)segment);
    type += segment;
    while (*type) {
        segment = 1 + strcspn(type + 1, "/");
        g_string_append_len(pieces->text, type, (gssize)segment);
        type += segment;
        pieces_text(pieces, "/");
        if (!known) { /* its segments cannot be told apart: the whole name stands in the last place
                       */
            if (!*type)
                pieces_value(pieces, name);
            continue;
        }
        size_t length = strcspn(known, "/");
        g_string_append_len(pieces->text, known, (gssize)length);
        known += length + (known[length] == '/');
    }
}

json_t *scope_id(struct work *work, const struct scope *scope)
{
    struct pieces *pieces = pieces_new(work);
    pieces_scope(pieces, scope);
    return pieces_end(pieces);
}

char *value_label(json_t *value)
{
    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    GString *text = g_string_new("[");
    if (is_marker(value))
        expr_print(marker_of(value)->expr, text);
    return g_string_free(g_string_append_c(text, ']'), FALSE);
}

char *fold_id(const char *id)
{
    static const char long_form[] = "/providers/microsoft.resources/resourcegroups/";
    size_t size = strlen(id);
    while (size > 0 && id[size - 1] == '/')
        size--;
    char *folded = g_ascii_strdown(id, (gssize)size);
    /* subscriptionResourceId() of a resource group: it has a shorter id of its own */
    char *found = strstr(folded, long_form);
    if (found && !strchr(found + strlen(long_form), '/'))
        memmove(found, found + strlen("/providers/microsoft.resources"),
                strlen(found + strlen("/providers/microsoft.resources")) + 1);
    return folded;
}
