/* The state file: opened, made when it is new, and what is kept in it beside resources and
 * deployments. */
#include <string.h>

#include "rollbook/time.h"
#include "sandbox/deployment.h"
#include "sandbox/faults.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

#define APPLICATION_ID 0x524f4c53u /* "ROLS" */

/* What makes each version out of the one before; the first makes it out of nothing. A released step
 * is never changed: what is new is one more. */
static const int steps[] = {SANDBOX_SCHEMA, SANDBOX_SCHEMA_2, SANDBOX_SCHEMA_3, SANDBOX_SCHEMA_4};
#define SCHEMA_VERSION ((int)G_N_ELEMENTS(steps))

static struct roll_error *prepare(struct roll_sql *sql)
{
    int64_t version;
    /* A killed process loses nothing that it answered; only a power cut could, which a practice
     * ground may. */
    ROLL_TRY(roll_sql_pragma_set(sql, "synchronous", 1));
    ROLL_TRY(roll_sql_pragma_get(sql, "user_version", &version));
    if (version > SCHEMA_VERSION)
        return roll_error_new(
            ROLL_E_TOO_NEW,
            "the sandbox's state was made by a newer program (version %d, known is %d)",
            (int)version, SCHEMA_VERSION);
    if (version == SCHEMA_VERSION)
        return NULL;
    ROLL_TRY(roll_sql_begin(sql, true));
    struct roll_error *err = NULL;
    for (int64_t step = version; !err && step < SCHEMA_VERSION; step++)
        err = roll_sql_script(sql, sandbox_statements[steps[step]].sql);
    if (!err)
        err = roll_sql_pragma_set(sql, "application_id", APPLICATION_ID);
    if (!err)
        err = roll_sql_pragma_set(sql, "user_version", SCHEMA_VERSION);
    if (!err)
        err = roll_sql_commit(sql);
    roll_sql_rollback(sql);
    return err;
}

static void template_unref(void *data)
{
    roll_template_free(data);
}

static void run_free(void *data)
{
    sandbox_run_free(data);
}

struct roll_error *sandbox_server_open(const char *state_file, int64_t operation_time_ms,
                                       const char *const *faults,
                                       struct sandbox_server **ret_server)
{
    roll_auto(sandbox_server) struct sandbox_server *server = g_new0(struct sandbox_server, 1);
    server->operation_time_ms = operation_time_ms;
    server->templates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, template_unref);
    server->certificates = g_ptr_array_new();
    server->runs = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, run_free);
    server->buckets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    server->runtime = sandbox_runtime(server);
    ROLL_TRY(sandbox_faults_new(faults, &server->faults));
    struct roll_sql_options options = {
        .path = state_file ? state_file : ":memory:",
        .statements = sandbox_statements,
        .count = SANDBOX_STATEMENTS,
        .create = true,
        .application_id = APPLICATION_ID,
        .wal = state_file != NULL,
    };
    ROLL_TRY(roll_sql_open(&options, &server->sql));
    ROLL_TRY(prepare(server->sql));
    *ret_server = g_steal_pointer(&server);
    return NULL;
}

void sandbox_server_free(struct sandbox_server *server)
{
    if (!server)
        return;
    g_hash_table_unref(server->buckets);
    g_hash_table_unref(server->runs);
    g_ptr_array_unref(server->certificates);
    g_hash_table_unref(server->templates);
    sandbox_faults_free(server->faults);
    roll_sql_close(server->sql);
    g_free(server->url);
    g_free(server);
}

struct roll_error *sandbox_server_port(struct sandbox_server *server, int *ret_port)
{
    g_autofree char *text = NULL;
    guint64 port = 0;
    ROLL_TRY(sandbox_setting_get(server, "port", NULL, &text));
    if (text && !g_ascii_string_to_unsigned(text, 10, 1, 65535, &port, NULL))
        port = 0;
    *ret_port = (int)port;
    return NULL;
}

struct roll_error *sandbox_server_keep_port(struct sandbox_server *server, int port)
{
    g_autofree char *text = g_strdup_printf("%d", port);
    return sandbox_setting_put(server, "port", NULL, text);
}

static struct roll_error *last(struct sandbox_server *server, int statement, int64_t *until_ms)
{
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, statement, &stmt));
    ROLL_TRY(roll_sql_step(stmt, &row));
    if (row && !roll_sql_null_at(stmt, 0))
        *until_ms = MAX(*until_ms, roll_sql_int_at(stmt, 0));
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *sandbox_server_busy_until(struct sandbox_server *server, int64_t *ret_until_ms)
{
    int64_t until_ms = 0;
    ROLL_TRY(last(server, SANDBOX_OPERATION_LAST, &until_ms));
    ROLL_TRY(last(server, SANDBOX_TASK_LAST, &until_ms));
    *ret_until_ms = until_ms;
    return NULL;
}
