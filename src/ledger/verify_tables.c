/* Verifying tables: the file's layout against the one that this program makes, and the projections
 * against what the events say. */
#include <string.h>

#include "ledger/verify.h"

static struct roll_error *open_empty(struct roll_sql **ret_copy)
{
    const struct roll_sql_options options = {.path = ":memory:",
                                             .statements = roll_ledger_statements(),
                                             .count = LEDGER_STATEMENTS,
                                             .create = true};
    roll_auto(sql) struct roll_sql *copy = NULL;

    ROLL_TRY(roll_sql_open(&options, &copy));
    ROLL_TRY(roll_ledger_schema(copy));
    *ret_copy = g_steal_pointer(&copy);
    return NULL;
}

/* One row of the layout as text; NULL at the end. Owned. */
static struct roll_error *next_layout(struct roll_sql_stmt *stmt, char **ret_name, char **ret_text)
{
    bool row;

    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_name = row ? g_strdup(roll_sql_text_at(stmt, 0)) : NULL;
    *ret_text = row ? g_strdup_printf("%s %s %s", roll_sql_text_at(stmt, 1),
                                      roll_sql_text_at(stmt, 2), roll_sql_text_at(stmt, 3))
                    : NULL;
    return NULL;
}

static struct roll_error *compare_layouts(struct verify *verify, struct roll_sql_stmt *here,
                                          struct roll_sql_stmt *wanted)
{
    bool more = true;

    while (more && !verify->report.first_bad) {
        g_autofree char *name = NULL, *text = NULL, *wanted_name = NULL, *wanted_text = NULL;
        ROLL_TRY(next_layout(here, &name, &text));
        ROLL_TRY(next_layout(wanted, &wanted_name, &wanted_text));
        if (g_strcmp0(name, wanted_name) != 0 || g_strcmp0(text, wanted_text) != 0)
            roll_verify_finding(verify, "the layout of the file was changed, at '%s'",
                                wanted_name && g_strcmp0(name, wanted_name) >= 0 ? wanted_name
                                : name                                           ? name
                                                                                 : wanted_name);
        more = wanted_name != NULL;
    }
    return NULL;
}

/* The tables, indexes and triggers are those that this program makes: a trigger that guards nothing
 * any more would not be seen in any row. */
static struct roll_error *check_layout(struct verify *verify, struct roll_sql *empty)
{
    struct roll_sql_stmt *here, *wanted;

    ROLL_TRY(roll_sql_use(verify->ledger->sql, LEDGER_LAYOUT, &here));
    ROLL_TRY(roll_sql_use(empty, LEDGER_LAYOUT, &wanted));
    struct roll_error *err = compare_layouts(verify, here, wanted);
    roll_sql_reset(here);
    roll_sql_reset(wanted);
    return err;
}

static struct roll_error *dump(struct roll_sql *sql, int64_t id, char ret_hex[ROLL_HEX_SIZE])
{
    struct roll_sha256 *digest = roll_sha256_begin();
    struct roll_error *err = roll_stream_dump(sql, id, digest);

    roll_sha256_end(digest, ret_hex);
    return err;
}

/* Stream by stream in memory: the file is only read, and bounded by the largest stream. */
static struct roll_error *check_projections(struct verify *verify, struct roll_sql *empty)
{
    char stored[ROLL_HEX_SIZE], folded[ROLL_HEX_SIZE];

    for (guint i = 0; i < verify->streams->len && !verify->report.first_bad; i++) {
        const struct roll_stream *stream = verify->streams->pdata[i];
        if (stream->projection != ROLL_PROJECTION_VERSION)
            continue; /* folded again before anybody looks at it */
        ROLL_TRY(roll_sql_begin(empty, true));
        ROLL_TRY(roll_stream_fold(verify->ledger, empty, stream->id, stream->name));
        ROLL_TRY(dump(empty, stream->id, folded));
        roll_sql_rollback(empty);
        ROLL_TRY(dump(verify->ledger->sql, stream->id, stored));
        if (strcmp(folded, stored) != 0)
            roll_verify_finding(verify, "%s: the projections differ from what its events say",
                                stream->name);
    }
    return NULL;
}

struct roll_error *roll_verify_tables(struct verify *verify, bool projections)
{
    roll_auto(sql) struct roll_sql *empty = NULL;

    ROLL_TRY(open_empty(&empty));
    ROLL_TRY(check_layout(verify, empty));
    return projections && !verify->report.first_bad ? check_projections(verify, empty) : NULL;
}
