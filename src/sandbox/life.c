/* The life of deployments, computed from stored times: what has become due is done in the order of
 * its time, as if the server had been awake then. Nested deployments are deployments of their own;
 * when one ends, so does its operation. */
#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/json.h"
#include "sandbox/life.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

void moment_push(struct moment *moment, int64_t serial)
{
    for (const GList *link = moment->ready.head; link; link = link->next) {
        if (*(int64_t *)link->data == serial)
            return;
    }
    g_queue_push_tail(&moment->ready, g_memdup2(&serial, sizeof(serial)));
}

char *life_text(const json_t *value)
{
    GString *text = g_string_new(NULL);
    roll_json_write(value, text);
    return g_string_free(text, FALSE);
}

json_t *life_value(const char *text)
{
    json_t *value = NULL;
    if (text)
        roll_error_free(roll_json_parse(text, strlen(text), ROLL_JSON_STRICT, &value));
    return value;
}

json_t *life_error(const char *code, const char *target, const char *message)
{
    g_autofree char *valid = g_utf8_make_valid(message, -1);
    return json_pack("{s:s,s:s,s:s}", "code", code, "target", target, "message", valid);
}

struct roll_error *life_as_failure(struct roll_error *err, const char *target, json_t **ret_failure)
{
    if (!err || roll_error_code(err) != ROLL_E_TEMPLATE)
        return err;
    json_t *detail = life_value(err->detail);
    const char *code = roll_json_get_string(detail, "code");
    GString *text = g_string_new(err->message);
    for (const struct roll_error *cause = err->cause; cause; cause = cause->cause)
        g_string_append_printf(text, ": %s", cause->message);
    *ret_failure = life_error(code ? code : "InvalidTemplate", target, text->str);
    g_string_free(text, TRUE);
    json_decref(detail);
    roll_error_free(err);
    return NULL;
}

/* After an error (consumed) the queue is only emptied: the transaction will be undone. */
static struct roll_error *settle(struct moment *moment, struct roll_error *err)
{
    int64_t *serial;
    while ((serial = g_queue_pop_head(&moment->ready)) != NULL) {
        if (!err)
            err = life_go_on(moment, *serial);
        g_free(serial);
    }
    return err;
}

/* ---- time ---- */

static struct roll_error *run_task(struct sandbox_server *server, int64_t serial, const char *kind,
                                   const char *target, int64_t at_ms)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_TASK_DONE, &stmt));
    roll_sql_bind_int(stmt, ":serial", serial);
    ROLL_TRY(roll_sql_run(stmt));
    if (strcmp(kind, SANDBOX_STACK_TASK) == 0)
        return sandbox_stack_clean(server, target, at_ms);
    if (strcmp(kind, "delete-group") != 0)
        return NULL;
    g_autofree char *key = sandbox_key(target);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_STACK_DELETE_SCOPE, &stmt));
    roll_sql_bind_text(stmt, ":scope", key);
    ROLL_TRY(roll_sql_run(stmt));
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_DELETE_SCOPE, &stmt));
    roll_sql_bind_text(stmt, ":scope", key);
    ROLL_TRY(roll_sql_run(stmt));
    return sandbox_store_delete(server, target);
}

struct due {
    bool task;
    bool any;
    int64_t serial, position, at_ms;
    char *kind, *target;
};

static struct roll_error *find_due(struct sandbox_server *server, int64_t now_ms, struct due *due)
{
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_OPERATION_DUE, &stmt));
    roll_sql_bind_int(stmt, ":now", now_ms);
    ROLL_TRY(roll_sql_step(stmt, &row));
    if (row) {
        due->any = true;
        due->serial = roll_sql_int_at(stmt, 0);
        due->position = roll_sql_int_at(stmt, 1);
        due->at_ms = roll_sql_int_at(stmt, 2);
    }
    roll_sql_reset(stmt);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_TASK_DUE, &stmt));
    roll_sql_bind_int(stmt, ":now", now_ms);
    ROLL_TRY(roll_sql_step(stmt, &row));
    if (row && (!due->any || roll_sql_int_at(stmt, 3) < due->at_ms)) {
        due->any = due->task = true;
        due->serial = roll_sql_int_at(stmt, 0);
        due->kind = g_strdup(roll_sql_text_at(stmt, 1));
        due->target = g_strdup(roll_sql_text_at(stmt, 2));
        due->at_ms = roll_sql_int_at(stmt, 3);
    }
    roll_sql_reset(stmt);
    return NULL;
}

static void due_clear(struct due *due)
{
    g_free(due->kind);
    g_free(due->target);
    *due = (struct due){0};
}

/* All operations that end at the same time, then what follows from them: one look through a
 * deployment for all. */
static struct roll_error *do_due(struct sandbox_server *server, struct due *due)
{
    struct moment moment = {.server = server, .at_ms = due->at_ms, .ready = G_QUEUE_INIT};
    struct roll_error *err = NULL;
    if (due->task)
        return run_task(server, due->serial, due->kind, due->target, due->at_ms);
    while (!err && due->any && !due->task) {
        err = life_complete_operation(&moment, due->serial, due->position);
        due_clear(due);
        if (!err)
            err = find_due(server, moment.at_ms, due);
    }
    return settle(&moment, err);
}

/* Inside a transaction: everything up to now_ms, one moment after the other. */
static struct roll_error *catch_up(struct sandbox_server *server, int64_t now_ms)
{
    for (;;) {
        struct due due = {0};
        struct roll_error *err = find_due(server, now_ms, &due);
        bool any = due.any;
        if (!err && any)
            err = do_due(server, &due);
        due_clear(&due);
        if (err || !any)
            return err;
    }
}

struct roll_error *sandbox_life_advance(struct sandbox_server *server, int64_t now_ms)
{
    struct due due = {0};
    struct roll_error *err = find_due(server, now_ms, &due);
    bool any = due.any;
    due_clear(&due);
    if (err || !any)
        return err;
    ROLL_TRY(roll_sql_begin(server->sql, true));
    err = catch_up(server, now_ms);
    roll_fault("sandbox-advance");
    if (!err)
        err = roll_sql_commit(server->sql);
    roll_sql_rollback(server->sql);
    return err;
}

struct roll_error *sandbox_life_begin(struct sandbox_server *server,
                                      struct sandbox_deployment *deployment, int64_t at_ms)
{
    struct moment moment = {.server = server, .at_ms = at_ms, .ready = G_QUEUE_INIT};
    g_free(deployment->state);
    deployment->state = g_strdup("Running");
    ROLL_TRY(sandbox_deployment_save(server, deployment));
    moment_push(&moment, deployment->serial);
    ROLL_TRY(settle(&moment, NULL));
    return catch_up(server, at_ms);
}

static struct roll_error *cancel(struct moment *moment, struct sandbox_deployment *deployment)
{
    g_autoptr(GPtrArray) operations = sandbox_operations_new();
    ROLL_TRY(sandbox_operations(moment->server, deployment->serial, operations));
    for (guint i = 0; i < operations->len; i++) {
        struct sandbox_operation *operation = operations->pdata[i];
        if (strcmp(operation->state, "Running") != 0)
            continue;
        ROLL_TRY(sandbox_operation_end(moment->server, deployment->serial, operation->position,
                                       "Canceled", moment->at_ms, false, NULL));
        roll_auto(sandbox_deployment) struct sandbox_deployment *nested = NULL;
        if (operation->nested)
            ROLL_TRY(sandbox_deployment_load(moment->server, operation->nested, &nested));
        if (nested && sandbox_deployment_is_active(nested))
            ROLL_TRY(cancel(moment, nested));
    }
    g_free(deployment->state);
    deployment->state = g_strdup("Canceled");
    deployment->changed_ms = moment->at_ms;
    life_forget_parameters(deployment);
    sandbox_run_forget(moment->server, deployment->serial);
    return sandbox_deployment_save(moment->server, deployment);
}

struct roll_error *sandbox_life_cancel(struct sandbox_server *server,
                                       struct sandbox_deployment *deployment, int64_t at_ms)
{
    struct moment moment = {.server = server, .at_ms = at_ms, .ready = G_QUEUE_INIT};
    ROLL_TRY(cancel(&moment, deployment));
    ROLL_TRY(sandbox_stack_deployed(server, deployment, at_ms));
    ROLL_TRY(settle(&moment, life_end_parent(&moment, deployment)));
    return catch_up(server, at_ms);
}
