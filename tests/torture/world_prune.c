/* What `back --prune` may have deleted: every other release has a thing that no other one has
 * (world_thing), so that going back leaves it over. */
#include <string.h>

#include "rollbook/sql.h"
#include "torture/world.h"

enum { SELECT_THINGS, SELECT_PUT, SELECT_COUNT };

static const struct roll_sql_text statements[] = {
    [SELECT_THINGS] = {"things", "SELECT lower(id) FROM resource WHERE type = "
                                 "'microsoft.network/applicationsecuritygroups'"},
    [SELECT_PUT] = {"put",
                    "SELECT lower(scope), coalesce(json_extract(tags, '$.\"roll-release\"'), "
                    "'') FROM deployment WHERE parent IS NULL AND state = 'Succeeded'"},
};

struct check {
    const struct world *world;
    struct roll_sql *sql;
    GHashTable *things; /* id in lower case of what is there */
    GHashTable *deleted; /* id in lower case → number of deletions under way: intended, not ended */
    GString *wrong;
};

static struct roll_error *each(struct check *check, int statement,
                               void (*fn)(struct check *, struct roll_sql_stmt *))
{
    struct roll_sql_stmt *stmt;
    bool row = true;

    ROLL_TRY(roll_sql_use(check->sql, statement, &stmt));
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        fn(check, stmt);
    }
}

static void note_thing(struct check *check, struct roll_sql_stmt *stmt)
{
    g_hash_table_add(check->things, g_strdup(roll_sql_text_at(stmt, 0)));
}

static char *id_of(const char *scope, const char *thing)
{
    return g_strconcat(scope, "/providers/microsoft.network/applicationsecuritygroups/", thing,
                       NULL);
}

/* What was put is there, or somebody meant to delete it. */
static void check_put(struct check *check, struct roll_sql_stmt *stmt)
{
    g_autofree char *thing = world_thing(roll_sql_text_at(stmt, 1));
    g_autofree char *id = thing ? id_of(roll_sql_text_at(stmt, 0), thing) : NULL;

    if (id && !g_hash_table_contains(check->things, id) &&
        !g_hash_table_contains(check->deleted, id))
        g_string_append_printf(check->wrong, "%s is gone, and nobody meant to delete it\n", id);
}

static struct roll_error *note_event(void *user, const struct roll_event *event)
{
    const struct roll_prune_intended *intended = roll_event_body(event, prune_intended);
    const struct roll_prune_ended *ended = roll_event_body(event, prune_ended);
    const char *resource = intended ? intended->resource : ended ? ended->resource : NULL;
    struct check *check = user;

    if (!resource)
        return NULL;
    char *id = g_ascii_strdown(resource, -1);
    gpointer open = g_hash_table_lookup(check->deleted, id);
    if (ended && !g_hash_table_contains(check->deleted, id)) { /* why it stays */
        g_free(id);
        return NULL;
    }
    g_hash_table_insert(check->deleted, id,
                        GINT_TO_POINTER(intended ? GPOINTER_TO_INT(open) + 1 : 0));
    return NULL;
}

static void check_ended(struct check *check)
{
    GHashTableIter iter;
    gpointer id, open;

    g_hash_table_iter_init(&iter, check->deleted);
    while (g_hash_table_iter_next(&iter, &id, &open))
        if (GPOINTER_TO_INT(open) > 0)
            g_string_append_printf(check->wrong, "the deletion of %s has no outcome\n",
                                   (const char *)id);
}

/* What is live has all that is its own. */
static struct roll_error *check_live(void *user, const struct roll_target_row *row)
{
    struct check *check = user;
    g_autofree char *thing = row->dirty || !row->release ? NULL : world_thing(row->release);
    g_autofree char *group = world_group(check->world, row->target);
    g_autofree char *scope = g_strdup_printf(
        "/subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups/%s", group);
    g_autofree char *id = thing ? id_of(scope, thing) : NULL;

    if (id && !g_hash_table_contains(check->things, id))
        g_string_append_printf(check->wrong, "%s of %s, which is live, is not there\n", id,
                               row->release);
    return NULL;
}

static struct roll_error *check_all(struct check *check, struct roll_ledger *ledger)
{
    ROLL_TRY(each(check, SELECT_THINGS, note_thing));
    ROLL_TRY(roll_ledger_events(ledger, WORLD_STREAM, 1, note_event, check));
    ROLL_TRY(each(check, SELECT_PUT, check_put));
    check_ended(check);
    return roll_ledger_targets(ledger, WORLD_STREAM, NULL, check_live, check);
}

struct roll_error *world_check_prunes(const struct world *world, struct roll_ledger *ledger,
                                      const char *sandbox, GString *wrong)
{
    struct roll_sql_options options = {
        .path = sandbox, .statements = statements, .count = SELECT_COUNT};
    struct check check = {.world = world,
                          .things = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                          .deleted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                          .wrong = wrong};
    struct roll_error *err = roll_sql_open(&options, &check.sql);

    if (!err)
        err = check_all(&check, ledger);
    roll_sql_close(check.sql);
    g_hash_table_unref(check.things);
    g_hash_table_unref(check.deleted);
    return err;
}
