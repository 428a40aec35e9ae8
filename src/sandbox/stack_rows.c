/* Rows of stacks, and of the operations that change them. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/stack.h"
#include "sandbox_sql.h"

void sandbox_stack_free(struct sandbox_stack *stack)
{
    if (!stack)
        return;
    g_free(stack->key);
    g_free(stack->id);
    g_free(stack->scope);
    g_free(stack->state);
    g_free(stack->operation);
    g_free(stack->template);
    json_decref(stack->body);
    json_decref(stack->pending);
    g_free(stack);
}

static void free_stack(void *stack)
{
    sandbox_stack_free(stack);
}

GPtrArray *sandbox_stacks_new(void)
{
    return g_ptr_array_new_with_free_func(free_stack);
}

bool sandbox_stack_is_active(const struct sandbox_stack *stack)
{
    return strcmp(stack->state, "succeeded") != 0 && strcmp(stack->state, "failed") != 0 &&
           strcmp(stack->state, "canceled") != 0;
}

json_t *sandbox_stack_properties(const struct sandbox_stack *stack)
{
    return json_object_get(stack->body, "properties");
}

void sandbox_stack_enter(struct sandbox_stack *stack, const char *state)
{
    g_free(stack->state);
    stack->state = g_strdup(state);
    json_object_set_new(sandbox_stack_properties(stack), "provisioningState", json_string(state));
}

/* ---- reading -------------------------------------------------------------------------------- */

static struct roll_error *parse(const char *text, json_t **ret_value)
{
    return text ? roll_json_parse(text, strlen(text), ROLL_JSON_STRICT, ret_value) : NULL;
}

/* The columns in the order in which every statement stack_… of state/sandbox.sql selects them. */
static struct roll_error *read_stack(struct roll_sql_stmt *stmt, struct sandbox_stack **ret_stack)
{
    roll_auto(sandbox_stack) struct sandbox_stack *stack = g_new0(struct sandbox_stack, 1);
    stack->serial = roll_sql_int_at(stmt, 0);
    stack->key = g_strdup(roll_sql_text_at(stmt, 1));
    stack->id = g_strdup(roll_sql_text_at(stmt, 2));
    stack->scope = g_strdup(roll_sql_text_at(stmt, 3));
    stack->state = g_strdup(roll_sql_text_at(stmt, 4));
    stack->operation = g_strdup(roll_sql_text_at(stmt, 5));
    stack->deployment = roll_sql_int_at(stmt, 6);
    stack->started_ms = roll_sql_int_at(stmt, 7);
    ROLL_TRY(parse(roll_sql_text_at(stmt, 8), &stack->body));
    stack->template = g_strdup(roll_sql_text_at(stmt, 9));
    ROLL_TRY(parse(roll_sql_text_at(stmt, 10), &stack->pending));
    *ret_stack = g_steal_pointer(&stack);
    return NULL;
}

static struct roll_error *read_one(struct roll_sql_stmt *stmt, struct sandbox_stack **ret_stack)
{
    bool row;
    *ret_stack = NULL;
    ROLL_TRY(roll_sql_step(stmt, &row));
    struct roll_error *err = row ? read_stack(stmt, ret_stack) : NULL;
    roll_sql_reset(stmt);
    return err;
}

struct roll_error *sandbox_stack_find(struct sandbox_server *server, const char *id,
                                      struct sandbox_stack **ret_stack)
{
    struct roll_sql_stmt *stmt;
    g_autofree char *key = sandbox_key(id);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_STACK_BY_KEY, &stmt));
    roll_sql_bind_text(stmt, ":key", key);
    return read_one(stmt, ret_stack);
}

struct roll_error *sandbox_stack_of(struct sandbox_server *server, int64_t deployment,
                                    struct sandbox_stack **ret_stack)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_STACK_BY_DEPLOYMENT, &stmt));
    roll_sql_bind_int(stmt, ":deployment", deployment);
    return read_one(stmt, ret_stack);
}

struct roll_error *sandbox_stack_page(struct sandbox_server *server, const char *scope_id,
                                      int64_t after, int top, GPtrArray *out)
{
    struct roll_sql_stmt *stmt;
    bool row;
    g_autofree char *key = sandbox_key(scope_id ? scope_id : ""); /* outlives the statement */
    if (scope_id) {
        ROLL_TRY(roll_sql_use(server->sql, SANDBOX_STACK_LIST, &stmt));
        roll_sql_bind_text(stmt, ":scope", key);
        roll_sql_bind_int(stmt, ":after", after);
        roll_sql_bind_int(stmt, ":top", top);
    } else {
        ROLL_TRY(roll_sql_use(server->sql, SANDBOX_STACK_DENYING, &stmt));
    }
    for (;;) {
        struct sandbox_stack *stack;
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        struct roll_error *err = read_stack(stmt, &stack);
        if (err) {
            roll_sql_reset(stmt);
            return err;
        }
        g_ptr_array_add(out, stack);
    }
}

/* ---- writing -------------------------------------------------------------------------------- */

static struct roll_error *save_operation(struct sandbox_server *server,
                                         const struct sandbox_stack *stack, const char *state)
{
    struct roll_sql_stmt *stmt;
    const json_t *error = json_object_get(sandbox_stack_properties(stack), "error");
    g_autoptr(GString) text = g_string_new(NULL);
    if (error)
        roll_json_write(error, text);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_STACK_OPERATION_PUT, &stmt));
    roll_sql_bind_text(stmt, ":id", stack->operation);
    roll_sql_bind_text(stmt, ":state", state);
    roll_sql_bind_text(stmt, ":error", error ? text->str : NULL);
    return roll_sql_run(stmt);
}

static bool denies(const struct sandbox_stack *stack)
{
    const json_t *settings = json_object_get(sandbox_stack_properties(stack), "denySettings");
    const char *mode = roll_json_get_string(settings, "mode");
    return mode && strcmp(mode, "none") != 0;
}

struct roll_error *sandbox_stack_save(struct sandbox_server *server,
                                      const struct sandbox_stack *stack)
{
    struct roll_sql_stmt *stmt;
    g_autoptr(GString) body = g_string_new(NULL);
    g_autoptr(GString) pending = g_string_new(NULL);
    roll_json_write(stack->body, body);
    if (stack->pending)
        roll_json_write(stack->pending, pending);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_STACK_PUT, &stmt));
    roll_sql_bind_text(stmt, ":key", stack->key);
    roll_sql_bind_text(stmt, ":id", stack->id);
    roll_sql_bind_text(stmt, ":scope", stack->scope);
    roll_sql_bind_text(stmt, ":state", stack->state);
    roll_sql_bind_text(stmt, ":operation", stack->operation);
    roll_sql_bind_int(stmt, ":deployment", stack->deployment);
    roll_sql_bind_int(stmt, ":at", stack->started_ms);
    roll_sql_bind_int(stmt, ":denies", denies(stack));
    roll_sql_bind_text(stmt, ":body", body->str);
    roll_sql_bind_text(stmt, ":template", stack->template);
    roll_sql_bind_text(stmt, ":pending", stack->pending ? pending->str : NULL);
    ROLL_TRY(roll_sql_run(stmt));
    return save_operation(server, stack, stack->state);
}

struct roll_error *sandbox_stack_remove(struct sandbox_server *server,
                                        const struct sandbox_stack *stack)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_STACK_DELETE, &stmt));
    roll_sql_bind_text(stmt, ":key", stack->key);
    ROLL_TRY(roll_sql_run(stmt));
    return save_operation(server, stack, "succeeded");
}
