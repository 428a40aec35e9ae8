/* A ledger of an older program, made from one of this program: its layout goes back to that of
 * schema_1 … schema_N, what was derived is forgotten, and the next command brings it up to date
 * again. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/store.h"
#include "torture/world.h"

static void run(sqlite3 *db, const char *sql)
{
    char *message = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK)
        return;
    fprintf(stderr, "cannot make a ledger older: %s: %s\n", sql, message);
    exit(2);
}

/* name → "TYPE SQL" */
static GHashTable *layout_of(sqlite3 *db)
{
    GHashTable *layout = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(db,
                           "SELECT name, type, sql FROM sqlite_schema WHERE sql IS NOT NULL AND "
                           "name NOT GLOB 'sqlite_*'",
                           -1, &stmt, NULL) != SQLITE_OK)
        abort();
    while (sqlite3_step(stmt) == SQLITE_ROW)
        g_hash_table_insert(
            layout, g_strdup((const char *)sqlite3_column_text(stmt, 0)),
            g_strdup_printf("%s %s", sqlite3_column_text(stmt, 1), sqlite3_column_text(stmt, 2)));
    sqlite3_finalize(stmt);
    return layout;
}

static GHashTable *layout_of_version(int version)
{
    sqlite3 *db = NULL;

    if (sqlite3_open(":memory:", &db) != SQLITE_OK)
        abort();
    for (int number = 1; number <= version; number++) {
        g_autofree char *name = g_strdup_printf("schema_%d", number);
        for (int i = 0; i < LEDGER_STATEMENTS; i++)
            if (g_str_equal(roll_ledger_statements()[i].name, name))
                run(db, roll_ledger_statements()[i].sql);
    }
    GHashTable *layout = layout_of(db);
    sqlite3_close(db);
    return layout;
}

/* rank: tables are made first, and dropped last. */
static void apply(sqlite3 *db, GHashTable *here, GHashTable *wanted, bool drop, bool tables)
{
    GHashTableIter iter;
    gpointer name, text;

    g_hash_table_iter_init(&iter, drop ? here : wanted);
    while (g_hash_table_iter_next(&iter, &name, &text)) {
        const char *other = g_hash_table_lookup(drop ? wanted : here, name);
        const char *sql = strchr(text, ' ') + 1;
        g_autofree char *type = g_strndup(text, (gsize)(sql - 1 - (const char *)text));
        g_autofree char *dropping = g_strdup_printf("DROP %s IF EXISTS %s", type, (char *)name);
        if ((other && g_str_equal(other, text)) || g_str_equal(type, "table") != tables)
            continue;
        run(db, drop ? dropping : sql);
    }
}

void world_age(struct world *world, int version)
{
    g_autofree char *path = g_build_filename(world->folder, "state", "ledger.db", NULL);
    g_autofree char *mark = g_strdup_printf("PRAGMA user_version=%d", version);
    g_autoptr(GHashTable) wanted = layout_of_version(version);
    sqlite3 *db = NULL;

    if (sqlite3_open(path, &db) != SQLITE_OK)
        abort();
    sqlite3_busy_timeout(db, 10000);
    run(db, "BEGIN IMMEDIATE");
    g_autoptr(GHashTable) here = layout_of(db);
    apply(db, here, wanted, true, false);
    apply(db, here, wanted, true, true);
    g_autoptr(GHashTable) left = layout_of(db);
    apply(db, left, wanted, false, true);
    apply(db, left, wanted, false, false);
    run(db, "UPDATE streams SET projection=0");
    run(db, mark);
    run(db, "COMMIT");
    sqlite3_close(db);
}

int world_newest(void)
{
    return ROLL_LEDGER_VERSION;
}
