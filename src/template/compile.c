/* JSON with expressions inside becomes nodes; whatever has none stays the one jansson value. */
#include "parse.h"
#include "value.h"

/* ret_node stays NULL for a value without expressions; size is added to. */
static struct roll_error *compile(struct arena *arena, json_t *value, struct trail *trail,
                                  struct node **ret_node, size_t *size) ROLL_CHECKED;

static struct node *new_node(struct arena *arena, enum node_kind kind, json_t *value)
{
    struct node *node = arena_alloc(arena, sizeof(*node));
    node->kind = kind;
    node->value = value;
    return node;
}

static struct node *const_node(struct arena *arena, json_t *value, size_t size, bool literal)
{
    struct node *node = new_node(arena, NODE_CONST, value);
    node->size = size;
    node->literal = literal;
    return node;
}

static bool text_is_escaped(const char *text, size_t size)
{
    return size >= 3 && text[0] == '[' && text[1] == '[' && text[size - 1] == ']';
}

static struct roll_error *compile_string(struct arena *arena, json_t *value, struct node **ret_node,
                                         size_t *size)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    *size += length + 3;
    if (length > MAX_LITERAL && utf16_length(text, length) > MAX_LITERAL)
        return template_error("The template language expression literal limit exceeded. Limit: "
                              "'%d' and actual: '%zu'.",
                              MAX_LITERAL, utf16_length(text, length));
    if (text[0] != '[')
        return NULL;
    if (text_is_expression(text, length)) {
        struct node *node = new_node(arena, NODE_EXPR, value);
        ROLL_TRY(expr_parse(arena, text + 1, length - 2, &node->expr));
        *ret_node = node;
    } else if (text_is_escaped(text, length)) {
        json_t *unescaped = arena_keep(arena, json_stringn_nocheck(text + 1, length - 1));
        *ret_node = const_node(arena, unescaped, length + 3, false);
    }
    return NULL;
}

static bool is_loop(const json_t *value)
{
    size_t index;
    json_t *element;
    if (!json_is_array(value) || json_array_size(value) == 0)
        return false;
    json_array_foreach (value, index, element)
        if (!object_get(element, "name") || !object_get(element, "count") ||
            !object_get(element, "input"))
            return false;
    return true;
}

static struct roll_error *compile_copies(struct arena *arena, json_t *value, struct trail *trail,
                                         struct node *node)
{
    size_t index;
    json_t *element;
    node->copy_count = (unsigned)json_array_size(value);
    node->copies = arena_alloc(arena, node->copy_count * sizeof(struct copy));
    json_array_foreach (value, index, element) {
        struct copy *copy = NULL;
        struct roll_error *err = copy_compile(arena, element, trail, &copy);
        if (err)
            return trail_key(trail, trail_index(trail, err, index), "copy");
        node->copies[index] = *copy;
    }
    return NULL;
}

static struct roll_error *compile_key(struct arena *arena, const char *key, struct member *member)
{
    size_t size = strlen(key);
    member->key = key;
    member->key_size = size;
    if (text_is_expression(key, size)) {
        ROLL_TRY(expr_parse(arena, key + 1, size - 2, &member->key_expr));
    } else if (text_is_escaped(key, size)) {
        member->key = key + 1;
        member->key_size = size - 1;
    }
    return NULL;
}

/* An object becomes a node at its first member that is one; what came before it is constant. */
static void begin_object(struct arena *arena, json_t *value, struct node **node, size_t before)
{
    const char *key;
    json_t *member;
    if (*node)
        return;
    *node = new_node(arena, NODE_OBJECT, value);
    (*node)->members = arena_alloc(arena, json_object_size(value) * sizeof(struct member));
    json_object_foreach (value, key, member) {
        if ((*node)->count == before)
            break;
        struct member *slot = &(*node)->members[(*node)->count++];
        slot->key = key;
        slot->key_size = strlen(key);
        slot->value = const_node(arena, member, 0, true);
    }
}

static struct roll_error *compile_object(struct arena *arena, json_t *value, struct trail *trail,
                                         struct node **ret_node, size_t *size)
{
    struct node *node = NULL;
    const char *key;
    json_t *element;
    size_t seen = 0;
    json_object_foreach (value, key, element) {
        struct node *child = NULL;
        size_t child_size = 0;
        if (g_ascii_strcasecmp(key, "copy") == 0 && is_loop(element)) {
            begin_object(arena, value, &node, seen);
            ROLL_TRY(compile_copies(arena, element, trail, node));
            seen++;
            continue;
        }
        ROLL_TRY(trail_key(trail, compile(arena, element, trail, &child, &child_size), key));
        *size += child_size + strlen(key) + 4;
        if (!node && (child || key[0] == '['))
            ROLL_TRY(arena_check(arena, seen * (sizeof(struct node) + sizeof(struct member))));
        if (child || key[0] == '[')
            begin_object(arena, value, &node, seen);
        seen++;
        if (!node)
            continue;
        struct member *member = &node->members[node->count++];
        ROLL_TRY(trail_key(trail, compile_key(arena, key, member), key));
        member->value = child ? child : const_node(arena, element, child_size, true);
    }
    *size += 2;
    *ret_node = node;
    return NULL;
}

static struct roll_error *compile_array(struct arena *arena, json_t *value, struct trail *trail,
                                        struct node **ret_node, size_t *size)
{
    struct node *node = NULL;
    size_t index;
    json_t *element;
    json_array_foreach (value, index, element) {
        struct node *child = NULL;
        size_t child_size = 0;
        ROLL_TRY(trail_index(trail, compile(arena, element, trail, &child, &child_size), index));
        *size += child_size + 1;
        if (child && !node) {
            ROLL_TRY(arena_check(arena, index * sizeof(struct node)));
            node = new_node(arena, NODE_ARRAY, value);
            node->items = arena_alloc(arena, json_array_size(value) * sizeof(struct node *));
            for (size_t i = 0; i < index; i++)
                node->items[i] = const_node(arena, json_array_get(value, i), 0, true);
            node->count = (unsigned)json_array_size(value);
        }
        if (node)
            node->items[index] = child ? child : const_node(arena, element, child_size, true);
    }
    *size += 2;
    *ret_node = node;
    return NULL;
}

static struct roll_error *compile(struct arena *arena, json_t *value, struct trail *trail,
                                  struct node **ret_node, size_t *size)
{
    ROLL_TRY(arena_check(arena, 0));
    switch (json_typeof(value)) {
    case JSON_STRING:
        return compile_string(arena, value, ret_node, size);
    case JSON_OBJECT:
        return compile_object(arena, value, trail, ret_node, size);
    case JSON_ARRAY:
        return compile_array(arena, value, trail, ret_node, size);
    default:
        *size += 6;
        return NULL;
    }
}

struct roll_error *node_compile(struct arena *arena, json_t *value, struct trail *trail,
                                struct node **ret_node)
{
    struct node *node = NULL;
    size_t size = 0;
    ROLL_TRY(compile(arena, value, trail, &node, &size));
    *ret_node = node ? node : const_node(arena, value, size, true);
    return NULL;
}

struct roll_error *copy_compile(struct arena *arena, const json_t *value, struct trail *trail,
                                struct copy **ret_copy)
{
    struct copy *copy = arena_alloc(arena, sizeof(*copy));
    const struct {
        const char *key;
        struct node **slot;
    } parts[] = {{"name", &copy->name},
                 {"count", &copy->count},
                 {"input", &copy->input},
                 {"mode", &copy->mode},
                 {"batchSize", &copy->batch_size}};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        json_t *part = object_get(value, parts[i].key);
        if (part)
            ROLL_TRY(
                trail_key(trail, node_compile(arena, part, trail, parts[i].slot), parts[i].key));
    }
    *ret_copy = copy;
    return NULL;
}

static void walk_copy(const struct copy *copy, void (*visit)(const struct expr *, void *),
                      void *user)
{
    const struct node *const parts[] = {copy->name, copy->count, copy->input, copy->mode,
                                        copy->batch_size};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        if (parts[i])
            node_walk(parts[i], visit, user);
}

void node_walk(const struct node *node, void (*visit)(const struct expr *, void *), void *user)
{
    if (!node)
        return;
    if (node->kind == NODE_EXPR)
        expr_walk(node->expr, visit, user);
    for (unsigned i = 0; i < node->count; i++) {
        if (node->kind == NODE_OBJECT && node->members[i].key_expr)
            expr_walk(node->members[i].key_expr, visit, user);
        node_walk(node->kind == NODE_OBJECT ? node->members[i].value : node->items[i], visit, user);
    }
    for (unsigned i = 0; i < node->copy_count; i++)
        walk_copy(&node->copies[i], visit, user);
}
