/* A scope's history of deployments is bounded: what is too old goes, unless a lock keeps it (REST
 * reference 8.3). */
#include "sandbox/deployment.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

#define GROOM_ABOVE 700
#define GROOM_TO 600

struct roll_error *sandbox_history_deletable(struct sandbox_server *server,
                                             const struct sandbox_deployment *deployment,
                                             struct sandbox_reply *reply, bool *ret_deletable)
{
    struct sandbox_id id = {0};
    if (!sandbox_id_parse(deployment->id, &id))
        return roll_error_new(ROLL_E_INTERNAL, "'%s' is not a deployment's id", deployment->id);
    struct roll_error *err = sandbox_lock_check(server, &id, CHANGE_DELETE, reply, ret_deletable);
    sandbox_id_clear(&id);
    return err;
}

static struct roll_error *count(struct sandbox_server *server, const char *scope,
                                int64_t *ret_count)
{
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_COUNT, &stmt));
    roll_sql_bind_text(stmt, ":scope", scope);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_count = row ? roll_sql_int_at(stmt, 0) : 0;
    roll_sql_reset(stmt);
    return NULL;
}

/* A lock on the scope ends grooming (REST reference 6.4), and so does the flag that opts out. */
static struct roll_error *may_groom(struct sandbox_server *server,
                                    const struct sandbox_deployment *deployment, bool *ret_may)
{
    struct sandbox_reply reply;
    struct sandbox_id id = {0};
    bool opted_out = false;
    struct roll_error *err = NULL;
    if (sandbox_id_parse(deployment->id, &id) && id.scope.subscription)
        err = sandbox_feature_is_on(server, id.scope.subscription, "DisableDeploymentGrooming",
                                    &opted_out);
    sandbox_id_clear(&id);
    ROLL_TRY(err);
    sandbox_reply_init(&reply);
    err = sandbox_history_deletable(server, deployment, &reply, ret_may);
    sandbox_reply_clear(&reply);
    *ret_may = *ret_may && !opted_out;
    return err;
}

/* History grooming (REST reference 8.3): above 700 the oldest go, down to 600; what is active
 * stays. */
struct roll_error *sandbox_history_groom(struct sandbox_server *server,
                                         const struct sandbox_deployment *deployment,
                                         bool *ret_full)
{
    const char *scope = deployment->scope;
    bool may = false;
    int64_t have;
    struct roll_sql_stmt *stmt;
    bool row;
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    *ret_full = false;
    ROLL_TRY(count(server, scope, &have));
    if (have <= GROOM_ABOVE)
        return NULL;
    *ret_full = have >= SANDBOX_HISTORY_LIMIT;
    ROLL_TRY(may_groom(server, deployment, &may));
    if (!may)
        return NULL;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_OLDEST, &stmt));
    roll_sql_bind_text(stmt, ":scope", scope);
    roll_sql_bind_int(stmt, ":top", have - GROOM_TO);
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            break;
        g_ptr_array_add(keys, g_strdup(roll_sql_text_at(stmt, 0)));
    }
    for (guint i = 0; i < keys->len; i++) {
        roll_auto(sandbox_deployment) struct sandbox_deployment *old = NULL;
        ROLL_TRY(sandbox_deployment_find(server, keys->pdata[i], &old));
        if (old)
            ROLL_TRY(sandbox_deployment_remove(server, old));
    }
    *ret_full = have - keys->len >= SANDBOX_HISTORY_LIMIT;
    return NULL;
}
