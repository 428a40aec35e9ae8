/* Settings: what the state keeps by name beside resources, deployments and stacks. */
#include "sandbox/server.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

static char *name_of(const char *kind, const char *what)
{
    g_autofree char *spelt = g_strconcat(kind, what ? ":" : NULL, what, NULL);

    return g_ascii_strdown(spelt, -1);
}

struct roll_error *sandbox_setting_get(struct sandbox_server *server, const char *kind,
                                       const char *what, char **ret_value)
{
    g_autofree char *name = name_of(kind, what);
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_SETTING_GET, &stmt));
    roll_sql_bind_text(stmt, ":name", name);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_value = row ? g_strdup(roll_sql_text_at(stmt, 0)) : NULL;
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *sandbox_setting_put(struct sandbox_server *server, const char *kind,
                                       const char *what, const char *value)
{
    g_autofree char *name = name_of(kind, what);
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_SETTING_PUT, &stmt));
    roll_sql_bind_text(stmt, ":name", name);
    roll_sql_bind_text(stmt, ":value", value);
    return roll_sql_run(stmt);
}
