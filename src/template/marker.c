/* Values that are unknown until run time, or known but not to be shown: what is left of their
 * expressions. */
#include "function.h"

static struct marker *new_marker(struct work *work, const struct expr *expr)
{
    struct marker *marker = arena_alloc(work->arena, sizeof(*marker));
    marker->json.type = MARKER_TYPE;
    marker->json.refcount = (size_t)-1; /* jansson neither counts nor frees it */
    marker->expr = expr;
    work->markers++;
    work->made += sizeof(*marker) + 16;
    return marker;
}

json_t *marker_new(struct work *work, const struct expr *expr)
{
    return &new_marker(work, expr)->json;
}

json_t *marker_hide(struct work *work, const struct expr *expr, json_t *value)
{
    if (is_marker(value) || json_is_boolean(value) || json_is_number(value) ||
        json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0))
        return value; /* says too little to be a secret, and decides conditions */
    struct marker *marker = new_marker(work, expr);
    marker->hidden = arena_keep(work->arena, value);
    return &marker->json;
}

static struct expr *new_expr(struct work *work, enum expr_kind kind, unsigned count)
{
    struct expr *expr = arena_alloc(work->arena, sizeof(*expr));
    work->made += sizeof(*expr) + 32 + 8 * (size_t)count;
    expr->kind = kind;
    expr->count = count;
    if (count > 0)
        expr->args = arena_alloc(work->arena, count * sizeof(struct expr *));
    return expr;
}

const struct expr *expr_of(struct work *work, json_t *value)
{
    if (is_marker(value))
        return marker_of(value)->expr;
    struct expr *expr = new_expr(work, EXPR_LITERAL, 0);
    expr->literal = arena_keep(work->arena, json_incref(value));
    return expr;
}

const struct expr *expr_text(struct work *work, const char *text)
{
    struct expr *expr = new_expr(work, EXPR_LITERAL, 0);
    expr->literal = arena_keep(work->arena, json_text(text));
    expr->name = json_string_value(expr->literal);
    return expr;
}

const struct expr *expr_call(struct work *work, const char *name, const struct expr *const *args,
                             unsigned count)
{
    struct expr *expr = new_expr(work, EXPR_CALL, count);
    expr->name = arena_text(work->arena, name, strlen(name));
    expr->function = function_find(name, strlen(name));
    for (unsigned i = 0; i < count; i++)
        expr->args[i] = args[i];
    return expr;
}

const struct expr *expr_access(struct work *work, const struct expr *base, const struct expr *index,
                               bool dotted)
{
    struct expr *expr = new_expr(work, EXPR_ACCESS, 2);
    expr->dotted = dotted;
    expr->args[0] = base;
    expr->args[1] = index;
    return expr;
}

const struct expr *expr_reduce(const struct eval *eval, const struct expr *expr)
{
    json_t *value = NULL;
    if (expr->kind == EXPR_LITERAL)
        return expr;
    gsize trail = eval->work->trail.pointer->len;
    struct roll_error *err = eval_expr(eval, expr, &value);
    if (err) {
        roll_error_free(err); /* the branch may never be taken */
        g_string_truncate(eval->work->trail.pointer, trail);
        return expr;
    }
    const struct expr *reduced = expr_of(eval->work, value);
    json_decref(value);
    return reduced;
}

static void print_text(const char *text, size_t size, GString *out)
{
    g_string_append_c(out, '\'');
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\'')
            g_string_append_c(out, '\'');
        g_string_append_c(out, text[i]);
    }
    g_string_append_c(out, '\'');
}

static void print_value(const json_t *value, GString *out)
{
    const char *key;
    size_t index;
    json_t *element;
    const char *separator = "";
    if (out->len > MAX_TEXT)
        return; /* parts that are shared can be endless when they are written out */
    if (is_marker(value)) {
        expr_print(marker_of(value)->expr, out);
    } else if (json_is_string(value)) {
        print_text(json_string_value(value), json_string_length(value), out);
    } else if (json_is_integer(value)) {
        g_string_append_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_object(value)) {
        g_string_append(out, "createObject(");
        json_object_foreach ((json_t *)(uintptr_t)value, key, element) {
            g_string_append(out, separator);
            print_text(key, strlen(key), out);
            g_string_append(out, ", ");
            print_value(element, out);
            separator = ", ";
        }
        g_string_append_c(out, ')');
    } else if (json_is_array(value)) {
        g_string_append(out, "createArray(");
        json_array_foreach (value, index, element) {
            g_string_append(out, separator);
            print_value(element, out);
            separator = ", ";
        }
        g_string_append_c(out, ')');
    } else if (json_is_real(value)) {
        g_string_append(out, "json('");
        roll_json_write(value, out);
        g_string_append(out, "')");
    } else {
        g_string_append(out, json_is_null(value)   ? "null()"
                             : json_is_true(value) ? "true()"
                                                   : "false()");
    }
}

void expr_print(const struct expr *expr, GString *out)
{
    if (out->len > MAX_TEXT)
        return; /* value_finish refuses it */
    switch (expr->kind) {
    case EXPR_LITERAL:
        if (expr->literal)
            print_value(expr->literal, out);
        else
            print_text(expr->name, strlen(expr->name), out);
        break;
    case EXPR_ACCESS:
        expr_print(expr->args[0], out);
        if (expr->dotted) {
            g_string_append_printf(out, ".%s", json_string_value(expr->args[1]->literal));
            break;
        }
        g_string_append_c(out, '[');
        expr_print(expr->args[1], out);
        g_string_append_c(out, ']');
        break;
    case EXPR_CALL:
        if (expr->space)
            g_string_append_printf(out, "%s.", expr->space);
        g_string_append(out, expr->function && expr->function->body != function_unknown &&
                                     expr->function->special != special_list
                                 ? expr->function->name
                                 : expr->name);
        g_string_append_c(out, '(');
        for (unsigned i = 0; i < expr->count; i++) {
            g_string_append(out, i > 0 ? ", " : "");
            expr_print(expr->args[i], out);
        }
        g_string_append_c(out, ')');
        break;
    }
}

static bool has_marker(struct work *work, json_t *value, unsigned depth)
{
    const char *key;
    size_t index;
    json_t *element;
    work->fuel -= work->fuel > 0;
    if (is_marker(value))
        return true;
    if (depth > MAX_VALUE_DEPTH || work->fuel == 0)
        return false; /* whoever walks it next refuses it */
    if (json_is_object(value))
        json_object_foreach (value, key, element)
            if (has_marker(work, element, depth + 1))
                return true;
    if (json_is_array(value))
        json_array_foreach (value, index, element)
            if (has_marker(work, element, depth + 1))
                return true;
    return false;
}

bool value_has_marker(struct work *work, json_t *value)
{
    return work->markers > 0 && has_marker(work, value, 0);
}

json_t *value_reveal(struct work *work, json_t *value)
{
    const char *key;
    size_t index;
    json_t *element;
    if (work->fuel == 0 || work->made > MAX_MADE)
        return NULL; /* the next step says so */
    work->fuel--;
    if (is_marker(value))
        return marker_of(value)->hidden ? value_reveal(work, marker_of(value)->hidden) : NULL;
    if ((!json_is_object(value) && !json_is_array(value)) || !value_has_marker(work, value))
        return json_incref(value);
    json_t *copy = json_is_object(value) ? json_object() : json_array();
    work->made += container_bytes(value);
    if (json_is_object(value))
        json_object_foreach (value, key, element) {
            json_t *part = value_reveal(work, element);
            if (!part)
                goto unknown;
            object_put(copy, key, part);
        }
    else
        json_array_foreach (value, index, element) {
            json_t *part = value_reveal(work, element);
            if (!part)
                goto unknown;
            json_array_append_new(copy, part);
        }
    return copy;
unknown:
    json_decref(copy);
    return NULL;
}

/* ---- what leaves the module ---- */

struct finish {
    struct work *work;
    bool reveal;
    bool escape;
    size_t size;
    unsigned depth;
};

static struct roll_error *finish_value(struct finish *finish, json_t *value, json_t **ret_value)
    ROLL_CHECKED;

static struct roll_error *finish_marker(struct finish *finish, const struct marker *marker,
                                        json_t **ret_value)
{
    if (finish->reveal && marker->hidden)
        return finish_value(finish, marker->hidden, ret_value);
    GString *text = g_string_new("[");
    expr_print(marker->expr, text);
    g_string_append_c(text, ']');
    finish->size += text->len + 3;
    finish->work->complete = false;
    *ret_value = json_gtext(text);
    return work_make(finish->work, ROLL_JSON_STRING_BYTES + json_string_length(*ret_value));
}

static struct roll_error *finish_object(struct finish *finish, json_t *value, json_t **ret_value)
{
    const char *key;
    json_t *element;
    json_t *copy = NULL;
    size_t seen = 0;
    json_object_foreach (value, key, element) {
        roll_auto(json) json_t *part = NULL;
        finish->size += strlen(key) + 4;
        struct roll_error *err = finish_value(finish, element, &part);
        if (err) {
            json_decref(copy);
            return err;
        }
        if (part != element && !copy) {
            const char *before;
            json_t *kept;
            size_t taken = 0;
            copy = json_object();
            finish->work->made += container_bytes(value);
            json_object_foreach (value, before, kept) {
                if (taken++ == seen)
                    break;
                object_put(copy, before, json_incref(kept));
            }
        }
        if (copy)
            object_put(copy, key, json_incref(part));
        seen++;
    }
    *ret_value = copy ? copy : json_incref(value);
    return NULL;
}

static struct roll_error *finish_array(struct finish *finish, json_t *value, json_t **ret_value)
{
    size_t index;
    json_t *element;
    json_t *copy = NULL;
    json_array_foreach (value, index, element) {
        roll_auto(json) json_t *part = NULL;
        finish->size++;
        struct roll_error *err = finish_value(finish, element, &part);
        if (err) {
            json_decref(copy);
            return err;
        }
        if (part != element && !copy) {
            copy = json_array();
            finish->work->made += container_bytes(value);
            for (size_t i = 0; i < index; i++)
                json_array_append(copy, json_array_get(value, i));
        }
        if (copy)
            json_array_append(copy, part);
    }
    *ret_value = copy ? copy : json_incref(value);
    return NULL;
}

static struct roll_error *finish_container(struct finish *finish, json_t *value, json_t **ret_value)
{
    if (++finish->depth > MAX_VALUE_DEPTH)
        return roll_error_new(ROLL_E_TEMPLATE, "a value nests deeper than '%d' levels",
                              MAX_VALUE_DEPTH);
    ROLL_TRY(work_hold(finish->work, 0));
    if (finish->size > MAX_TEXT)
        return roll_error_new(ROLL_E_TEMPLATE, "the expanded template is larger than '%u' bytes",
                              MAX_TEXT);
    finish->size += 2;
    ROLL_TRY(json_is_object(value) ? finish_object(finish, value, ret_value)
                                   : finish_array(finish, value, ret_value));
    finish->depth--;
    return NULL;
}

static struct roll_error *finish_value(struct finish *finish, json_t *value, json_t **ret_value)
{
    if (is_marker(value))
        return finish_marker(finish, marker_of(value), ret_value);
    if (json_is_object(value) || json_is_array(value))
        return finish_container(finish, value, ret_value);
    if (json_is_string(value)) {
        size_t size = json_string_length(value);
        const char *text = json_string_value(value);
        finish->size += size + 3;
        if (finish->escape && size > 1 && text[0] == '[' && text[size - 1] == ']') {
            GString *escaped = g_string_sized_new(size + 2);
            g_string_append_printf(escaped, "[%s", text);
            *ret_value = json_gtext(escaped);
            return NULL;
        }
    } else {
        finish->size += 6;
    }
    *ret_value = json_incref(value);
    return NULL;
}

struct roll_error *value_finish(struct work *work, json_t *value, bool reveal, bool escape,
                                size_t *size, json_t **ret_value)
{
    struct finish finish = {.work = work, .reveal = reveal, .escape = escape};
    json_t *finished = NULL;
    struct roll_error *err = finish_value(&finish, value, &finished);
    *size += finish.size;
    if (!err && finish.size > MAX_TEXT) {
        json_decref(finished);
        err = roll_error_new(ROLL_E_TEMPLATE, "the expanded template is larger than '%u' bytes",
                             MAX_TEXT);
    }
    json_decref(value);
    if (!err)
        *ret_value = finished;
    return err;
}
