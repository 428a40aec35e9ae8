/* Rows of deployments. Those of their operations are in operation_rows.c. */
#include <string.h>

#include "sandbox/deployment.h"
#include "sandbox_sql.h"

void sandbox_deployment_free(struct sandbox_deployment *deployment)
{
    if (!deployment)
        return;
    char *texts[] = {deployment->key,       deployment->id,
                     deployment->scope,     deployment->state,
                     deployment->status_id, deployment->correlation,
                     deployment->location,  deployment->tags,
                     deployment->mode,      deployment->digest,
                     deployment->hash,      deployment->parameters,
                     deployment->shown,     deployment->extra,
                     deployment->outputs,   deployment->output_resources,
                     deployment->error,     deployment->on_error};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_free(deployment);
}

static void deployment_unref(void *data)
{
    sandbox_deployment_free(data);
}

GPtrArray *sandbox_deployments_new(void)
{
    return g_ptr_array_new_with_free_func(deployment_unref);
}

bool sandbox_deployment_is_active(const struct sandbox_deployment *deployment)
{
    return strcmp(deployment->state, "Accepted") == 0 || strcmp(deployment->state, "Running") == 0;
}

const char *sandbox_deployment_name(const struct sandbox_deployment *deployment)
{
    return sandbox_last_name(deployment->id);
}

static char *text_at(struct roll_sql_stmt *stmt, int column)
{
    return g_strdup(roll_sql_text_at(stmt, column));
}

/* The columns in the order in which every statement deployment_… of state/sandbox.sql selects them.
 */
static struct sandbox_deployment *read_deployment(struct roll_sql_stmt *stmt)
{
    struct sandbox_deployment *deployment = g_new0(struct sandbox_deployment, 1);
    deployment->serial = roll_sql_int_at(stmt, 0);
    deployment->key = text_at(stmt, 1);
    deployment->id = text_at(stmt, 2);
    deployment->scope = text_at(stmt, 3);
    deployment->state = text_at(stmt, 4);
    deployment->status_id = text_at(stmt, 5);
    deployment->started_ms = roll_sql_int_at(stmt, 6);
    deployment->changed_ms = roll_sql_int_at(stmt, 7);
    deployment->correlation = text_at(stmt, 8);
    deployment->location = text_at(stmt, 9);
    deployment->tags = text_at(stmt, 10);
    deployment->mode = text_at(stmt, 11);
    deployment->digest = text_at(stmt, 12);
    deployment->hash = text_at(stmt, 13);
    deployment->parameters = text_at(stmt, 14);
    deployment->shown = text_at(stmt, 15);
    deployment->extra = text_at(stmt, 16);
    deployment->outputs = text_at(stmt, 17);
    deployment->output_resources = text_at(stmt, 18);
    deployment->error = text_at(stmt, 19);
    deployment->failing = roll_sql_int_at(stmt, 20) != 0;
    deployment->parent = roll_sql_int_at(stmt, 21);
    deployment->parent_position = roll_sql_int_at(stmt, 22);
    deployment->on_error = text_at(stmt, 23);
    return deployment;
}

static struct roll_error *read_one(struct roll_sql_stmt *stmt,
                                   struct sandbox_deployment **ret_deployment)
{
    bool row;
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_deployment = row ? read_deployment(stmt) : NULL;
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *sandbox_deployment_find(struct sandbox_server *server, const char *id,
                                           struct sandbox_deployment **ret_deployment)
{
    struct roll_sql_stmt *stmt;
    g_autofree char *key = sandbox_key(id);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_BY_KEY, &stmt));
    roll_sql_bind_text(stmt, ":key", key);
    return read_one(stmt, ret_deployment);
}

struct roll_error *sandbox_deployment_load(struct sandbox_server *server, int64_t serial,
                                           struct sandbox_deployment **ret_deployment)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_BY_SERIAL, &stmt));
    roll_sql_bind_int(stmt, ":serial", serial);
    return read_one(stmt, ret_deployment);
}

struct roll_error *sandbox_deployment_page(struct sandbox_server *server, const char *scope_id,
                                           int64_t before, const char *state, int top,
                                           GPtrArray *out)
{
    struct roll_sql_stmt *stmt;
    bool row;
    g_autofree char *key = sandbox_key(scope_id);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_LIST, &stmt));
    roll_sql_bind_text(stmt, ":scope", key);
    roll_sql_bind_int(stmt, ":before", before);
    roll_sql_bind_text(stmt, ":state", state);
    roll_sql_bind_int(stmt, ":top", top);
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        g_ptr_array_add(out, read_deployment(stmt));
    }
}

struct roll_error *sandbox_deployment_last_good(struct sandbox_server *server, const char *scope_id,
                                                const char *except_id, char **ret_id)
{
    struct roll_sql_stmt *stmt;
    bool row;
    g_autofree char *scope = sandbox_key(scope_id);
    g_autofree char *except = sandbox_key(except_id);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_LAST_GOOD, &stmt));
    roll_sql_bind_text(stmt, ":scope", scope);
    roll_sql_bind_text(stmt, ":except", except);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_id = row ? text_at(stmt, 0) : NULL;
    roll_sql_reset(stmt);
    return NULL;
}

static struct roll_error *put_template(struct sandbox_server *server, const char *digest,
                                       const char *text, size_t size)
{
    struct roll_sql_stmt *stmt;
    g_autofree char *copy = g_strndup(text, size);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_TEMPLATE_PUT, &stmt));
    roll_sql_bind_text(stmt, ":digest", digest);
    roll_sql_bind_text(stmt, ":text", copy);
    return roll_sql_run(stmt);
}

static struct roll_error *prune_template(struct sandbox_server *server, const char *digest)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_TEMPLATE_PRUNE, &stmt));
    roll_sql_bind_text(stmt, ":digest", digest);
    return roll_sql_run(stmt);
}

struct roll_error *sandbox_deployment_remove(struct sandbox_server *server,
                                             const struct sandbox_deployment *deployment)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_DELETE, &stmt));
    roll_sql_bind_text(stmt, ":key", deployment->key);
    ROLL_TRY(roll_sql_run(stmt));
    sandbox_run_forget(server, deployment->serial);
    return prune_template(server, deployment->digest);
}

static void bind_new(struct roll_sql_stmt *stmt, const struct sandbox_deployment *deployment)
{
    roll_sql_bind_text(stmt, ":key", deployment->key);
    roll_sql_bind_text(stmt, ":id", deployment->id);
    roll_sql_bind_text(stmt, ":scope", deployment->scope);
    roll_sql_bind_text(stmt, ":status_id", deployment->status_id);
    roll_sql_bind_int(stmt, ":at", deployment->started_ms);
    roll_sql_bind_text(stmt, ":correlation", deployment->correlation);
    roll_sql_bind_text(stmt, ":location", deployment->location);
    roll_sql_bind_text(stmt, ":tags", deployment->tags);
    roll_sql_bind_text(stmt, ":mode", deployment->mode);
    roll_sql_bind_text(stmt, ":template", deployment->digest);
    roll_sql_bind_text(stmt, ":hash", deployment->hash);
    roll_sql_bind_text(stmt, ":parameters", deployment->parameters);
    roll_sql_bind_text(stmt, ":shown", deployment->shown);
    roll_sql_bind_text(stmt, ":extra", deployment->extra);
    roll_sql_bind_text(stmt, ":on_error", deployment->on_error);
    if (deployment->parent) {
        roll_sql_bind_int(stmt, ":parent", deployment->parent);
        roll_sql_bind_int(stmt, ":parent_position", deployment->parent_position);
    } else {
        roll_sql_bind_null(stmt, ":parent");
        roll_sql_bind_null(stmt, ":parent_position");
    }
}

struct roll_error *sandbox_deployment_insert(struct sandbox_server *server,
                                             struct sandbox_deployment *deployment,
                                             const char *template_text, size_t template_size)
{
    struct roll_sql_stmt *stmt;
    bool row;
    roll_auto(sandbox_deployment) struct sandbox_deployment *older = NULL;
    ROLL_TRY(put_template(server, deployment->digest, template_text, template_size));
    ROLL_TRY(sandbox_deployment_find(server, deployment->id, &older));
    if (older)
        ROLL_TRY(sandbox_deployment_remove(server, older));
    /* Removing the older one may have taken the template along that both share. */
    ROLL_TRY(put_template(server, deployment->digest, template_text, template_size));
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_INSERT, &stmt));
    bind_new(stmt, deployment);
    ROLL_TRY(roll_sql_step(stmt, &row));
    deployment->serial = row ? roll_sql_int_at(stmt, 0) : 0;
    return row ? roll_sql_run(stmt) : NULL;
}

struct roll_error *sandbox_deployment_save(struct sandbox_server *server,
                                           const struct sandbox_deployment *deployment)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_UPDATE, &stmt));
    roll_sql_bind_text(stmt, ":state", deployment->state);
    roll_sql_bind_int(stmt, ":at", deployment->changed_ms);
    roll_sql_bind_text(stmt, ":outputs", deployment->outputs);
    roll_sql_bind_text(stmt, ":output_resources", deployment->output_resources);
    roll_sql_bind_text(stmt, ":error", deployment->error);
    roll_sql_bind_int(stmt, ":failing", deployment->failing);
    roll_sql_bind_text(stmt, ":parameters", deployment->parameters);
    roll_sql_bind_text(stmt, ":on_error", deployment->on_error);
    roll_sql_bind_int(stmt, ":serial", deployment->serial);
    return roll_sql_run(stmt);
}
