/* Evaluating the JSON around expressions: objects, arrays, and the loops that make arrays. */
#include "eval.h"

static struct roll_error *eval_key(const struct eval *eval, const struct member *member,
                                   json_t **ret_key)
{
    roll_auto(json) json_t *key = NULL;
    ROLL_TRY(eval_expr(eval, member->key_expr, &key));
    if (is_marker(key) && marker_of(key)->hidden && json_is_string(marker_of(key)->hidden)) {
        *ret_key = json_incref(marker_of(key)->hidden);
    } else if (is_marker(key)) {
        GString *text = g_string_new("[");
        expr_print(marker_of(key)->expr, text);
        eval->work->complete = false;
        *ret_key = json_gtext(g_string_append_c(text, ']'));
    } else if (json_is_string(key)) {
        *ret_key = json_incref(key);
    } else {
        return template_error(
            "The language expression '%s' as the name of a property is of type '%s', expected type "
            "is 'String'.",
            member->key, type_word(key));
    }
    return NULL;
}

struct roll_error *eval_members(const struct eval *eval, const struct member *members,
                                unsigned count, json_t *object)
{
    struct trail *trail = &eval->work->trail;
    for (unsigned i = 0; i < count; i++) {
        const struct member *member = &members[i];
        roll_auto(json) json_t *key = NULL;
        json_t *value = NULL;
        ROLL_TRY(trail_key(trail, eval_node(eval, member->value, &value), member->key));
        struct roll_error *err = member->key_expr ? eval_key(eval, member, &key) : NULL;
        if (err) {
            json_decref(value);
            return trail_key(trail, err, member->key);
        }
        object_put(object, key ? json_string_value(key) : member->key, value);
    }
    return NULL;
}

static struct roll_error *eval_object(const struct eval *eval, const struct node *node,
                                      json_t **ret_value)
{
    roll_auto(json) json_t *object = json_object();
    ROLL_TRY(work_hold(eval->work, OBJECT_BYTES(node->count + node->copy_count)));
    ROLL_TRY(eval_members(eval, node->members, node->count, object));
    for (unsigned i = 0; i < node->copy_count; i++) {
        json_t *array = NULL;
        roll_auto(json) json_t *name = NULL;
        struct roll_error *err = eval_identity(eval, node->copies[i].name, &name);
        if (!err && !json_is_string(name))
            err = template_error("The name of a 'copy' loop is not a string.");
        if (!err)
            err = eval_copy_array(eval, &node->copies[i], FRAME_PROPERTY, &array);
        if (err)
            return trail_key(&eval->work->trail, trail_index(&eval->work->trail, err, i), "copy");
        object_put(object, json_string_value(name), array);
    }
    *ret_value = g_steal_pointer(&object);
    return NULL;
}

static struct roll_error *eval_array(const struct eval *eval, const struct node *node,
                                     json_t **ret_value)
{
    roll_auto(json) json_t *array = json_array();
    ROLL_TRY(work_hold(eval->work, ARRAY_BYTES(node->count)));
    for (unsigned i = 0; i < node->count; i++) {
        json_t *value = NULL;
        ROLL_TRY(trail_index(&eval->work->trail, eval_node(eval, node->items[i], &value), i));
        json_array_append_new(array, value);
    }
    *ret_value = g_steal_pointer(&array);
    return NULL;
}

struct roll_error *eval_node(const struct eval *eval, const struct node *node, json_t **ret_value)
{
    switch (node->kind) {
    case NODE_CONST:
        *ret_value = json_incref(node->value);
        return NULL;
    case NODE_EXPR:
        return eval_expr(eval, node->expr, ret_value);
    case NODE_OBJECT:
        return eval_object(eval, node, ret_value);
    default:
        return eval_array(eval, node, ret_value);
    }
}

struct roll_error *eval_identity(const struct eval *eval, const struct node *node,
                                 json_t **ret_value)
{
    roll_auto(json) json_t *value = NULL;
    ROLL_TRY(eval_node(eval, node, &value));
    json_t *plain = value_reveal(eval->work, value);
    *ret_value = plain ? plain : g_steal_pointer(&value);
    return NULL;
}

struct roll_error *eval_identity_expr(const struct eval *eval, const struct expr *expr,
                                      json_t **ret_value)
{
    roll_auto(json) json_t *value = NULL;
    ROLL_TRY(eval_expr(eval, expr, &value));
    json_t *plain = value_reveal(eval->work, value);
    *ret_value = plain ? plain : g_steal_pointer(&value);
    return NULL;
}

/* ---- loops that make arrays ---- */

static struct roll_error *count_error(void)
{
    return template_error("The template 'copy' definition has an invalid copy count. The copy "
                          "count must be a positive integer value and cannot exceed '%d'. Please "
                          "see https://aka.ms/arm-copy for usage details.",
                          MAX_COPY);
}

struct roll_error *eval_copy_count(const struct eval *eval, const struct copy *copy,
                                   json_int_t *ret_count)
{
    roll_auto(json) json_t *value = NULL;
    struct eval planned = *eval;
    planned.place = eval->place == PLACE_VARIABLE || eval->place == PLACE_PARAMETER
                        ? eval->place
                        : PLACE_IDENTITY;
    if (!copy->count)
        return count_error();
    ROLL_TRY(trail_key(&eval->work->trail, eval_identity(&planned, copy->count, &value), "count"));
    if (is_marker(value)) {
        *ret_count = -1;
        return NULL;
    }
    gint64 number = -1;
    if (json_is_integer(value))
        number = json_integer_value(value);
    else if (!json_is_string(value) ||
             !g_ascii_string_to_signed(json_string_value(value), 10, 0, MAX_COPY, &number, NULL))
        return trail_key(&eval->work->trail, count_error(), "count");
    if (number < 0 || number > MAX_COPY)
        return trail_key(&eval->work->trail, count_error(), "count");
    *ret_count = number;
    return NULL;
}

struct roll_error *eval_copy_array(const struct eval *eval, const struct copy *copy,
                                   enum frame_kind kind, json_t **ret_array)
{
    json_int_t count = 0;
    roll_auto(json) json_t *name = NULL;
    roll_auto(json) json_t *array = json_array();
    ROLL_TRY(work_hold(eval->work, ROLL_JSON_ARRAY_BYTES));
    ROLL_TRY(eval_copy_count(eval, copy, &count));
    if (count < 0)
        return template_error(
            "The count of a 'copy' loop must be known before the deployment starts.");
    if (copy->name)
        ROLL_TRY(eval_identity(eval, copy->name, &name));
    struct frame frame = {.kind = kind, .outer = eval->frame};
    frame.name = json_is_string(name) ? json_string_value(name) : NULL;
    struct eval inner = *eval;
    inner.frame = &frame;
    for (json_int_t i = 0; i < count; i++) {
        json_t *value = NULL;
        frame.index = i;
        ROLL_TRY(work_burn(eval->work, 1));
        ROLL_TRY(trail_key(&eval->work->trail, eval_node(&inner, copy->input, &value), "input"));
        json_array_append_new(array, value);
        ROLL_TRY(work_hold(eval->work, ROLL_JSON_ITEM_BYTES));
    }
    *ret_array = g_steal_pointer(&array);
    return NULL;
}
