/* Rows of operations: what a deployment does to each of its resources, and what it cleans away. */
#include <string.h>

#include "rollbook/digest.h"
#include "sandbox/deployment.h"
#include "sandbox_sql.h"

static char *text_at(struct roll_sql_stmt *stmt, int column)
{
    return g_strdup(roll_sql_text_at(stmt, column));
}

struct roll_error *sandbox_operation_add(struct sandbox_server *server, int64_t deployment,
                                         int64_t position, const char *kind, const char *target,
                                         const char *type)
{
    struct roll_sql_stmt *stmt;
    char hex[ROLL_HEX_SIZE];
    g_autofree char *seed = g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s",
                                            deployment, position, target);
    g_autofree char *id = NULL;
    roll_sha256_hex(seed, strlen(seed), hex);
    hex[16] = '\0';
    id = g_ascii_strup(hex, -1);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_OPERATION_INSERT, &stmt));
    roll_sql_bind_int(stmt, ":deployment", deployment);
    roll_sql_bind_int(stmt, ":position", position);
    roll_sql_bind_text(stmt, ":id", id);
    roll_sql_bind_text(stmt, ":kind", kind);
    roll_sql_bind_text(stmt, ":target", target);
    roll_sql_bind_text(stmt, ":type", type);
    return roll_sql_run(stmt);
}

struct roll_error *sandbox_operation_start(struct sandbox_server *server, int64_t deployment,
                                           int64_t position, int64_t start_ms, int64_t end_ms,
                                           int64_t nested)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_OPERATION_START, &stmt));
    roll_sql_bind_int(stmt, ":deployment", deployment);
    roll_sql_bind_int(stmt, ":position", position);
    roll_sql_bind_int(stmt, ":start_at", start_ms);
    roll_sql_bind_int(stmt, ":end_at", end_ms);
    if (nested)
        roll_sql_bind_int(stmt, ":nested", nested);
    else
        roll_sql_bind_null(stmt, ":nested");
    return roll_sql_run(stmt);
}

struct roll_error *sandbox_operation_end(struct sandbox_server *server, int64_t deployment,
                                         int64_t position, const char *state, int64_t end_ms,
                                         bool created, const char *error_json)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_OPERATION_END, &stmt));
    roll_sql_bind_int(stmt, ":deployment", deployment);
    roll_sql_bind_int(stmt, ":position", position);
    roll_sql_bind_text(stmt, ":state", state);
    roll_sql_bind_int(stmt, ":end_at", end_ms);
    roll_sql_bind_int(stmt, ":created", created);
    roll_sql_bind_text(stmt, ":error", error_json);
    return roll_sql_run(stmt);
}

static void operation_free(void *data)
{
    struct sandbox_operation *operation = data;
    g_free(operation->id);
    g_free(operation->target);
    g_free(operation->type);
    g_free(operation->state);
    g_free(operation->error);
    g_free(operation->kind);
    g_free(operation);
}

GPtrArray *sandbox_operations_new(void)
{
    return g_ptr_array_new_with_free_func(operation_free);
}

struct roll_error *sandbox_operations(struct sandbox_server *server, int64_t deployment,
                                      GPtrArray *out)
{
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_OPERATION_LIST, &stmt));
    roll_sql_bind_int(stmt, ":deployment", deployment);
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        struct sandbox_operation *operation = g_new0(struct sandbox_operation, 1);
        operation->position = roll_sql_int_at(stmt, 0);
        operation->id = text_at(stmt, 1);
        operation->target = text_at(stmt, 2);
        operation->type = text_at(stmt, 3);
        operation->state = text_at(stmt, 4);
        operation->start_ms = roll_sql_int_at(stmt, 5);
        operation->end_ms = roll_sql_int_at(stmt, 6);
        operation->nested = roll_sql_int_at(stmt, 7);
        operation->created = roll_sql_int_at(stmt, 8) != 0;
        operation->error = text_at(stmt, 9);
        operation->kind = text_at(stmt, 10);
        g_ptr_array_add(out, operation);
    }
}
