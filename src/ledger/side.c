/* Side streams: what this replica appended while the shared store was out of reach, and how it
 * takes its place in the course of the main stream.
 *
 * Nothing is copied or renumbered: event k of a side stream is number base + k in the course of its
 * main stream, where base follows from the side stream's name and lies above every number of a main
 * stream. So what its bodies say of rollouts (which are numbers of the main stream, or base + k)
 * holds before it is spliced in and afterwards. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"

enum { REPLICA_DIGITS = 8, BASES = 999000, FIRST_BASE = 1000 };

/* ---- names and numbers ----------------------------------------------------------------------- */

static char *side_name(const struct roll_ledger *ledger, const char *stream)
{
    return g_strdup_printf("%s~%.*s", stream, REPLICA_DIGITS, ledger->replica);
}

bool roll_side_is_own(const struct roll_ledger *ledger, const char *stream)
{
    const char *tilde = strchr(stream, '~');

    return tilde && strlen(tilde + 1) == REPLICA_DIGITS &&
           strncmp(tilde + 1, ledger->replica, REPLICA_DIGITS) == 0;
}

char *roll_side_main(const char *side)
{
    return g_strndup(side, strcspn(side, "~"));
}

int64_t roll_side_base(const char *side)
{
    char hex[ROLL_HEX_SIZE];

    roll_sha256_hex(side, strlen(side), hex);
    hex[8] = '\0';
    return ((int64_t)(g_ascii_strtoull(hex, NULL, 16) % BASES) + FIRST_BASE) * ROLL_SIDE_MAX;
}

/* ---- what was joined ------------------------------------------------------------------------- */

static void clear_join(void *data)
{
    struct roll_join *join = data;

    g_free(join->side);
    g_free(join->head);
}

static struct roll_error *add_join(void *user, struct roll_sql_stmt *stmt)
{
    const char *line = roll_sql_text_at(stmt, 1);
    roll_auto(event) struct roll_event *event = NULL;

    ROLL_TRY(roll_event_parse(line ? line : "", line ? strlen(line) : 0, &event));
    if (event->kind != ROLL_EVENT_ledger_joined && event->kind != ROLL_EVENT_ledger_reconciled)
        return NULL;
    const struct roll_ledger_joined *body = event->body;
    struct roll_join join = {.seq = roll_sql_int_at(stmt, 0),
                             .side = g_strdup(body->side),
                             .head = g_strdup(body->head),
                             .side_seq = body->side_seq,
                             .beside = event->kind == ROLL_EVENT_ledger_reconciled};
    g_array_append_val((GArray *)user, join);
    return NULL;
}

struct roll_error *roll_joins_load(struct roll_ledger *ledger, int64_t id, GArray **ret_joins)
{
    g_autoptr(GArray) joins = g_array_new(FALSE, FALSE, sizeof(struct roll_join));
    struct roll_sql_stmt *stmt;

    g_array_set_clear_func(joins, clear_join);
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_EVENT_JOINS, &stmt));
    roll_sql_bind_int(stmt, ":stream", id);
    ROLL_TRY(roll_sql_each(stmt, add_join, joins));
    *ret_joins = g_steal_pointer(&joins);
    return NULL;
}

int64_t roll_joins_before(const GArray *joins, const char *side, int64_t seq)
{
    int64_t joined = 0;

    for (guint i = 0; i < joins->len; i++) {
        const struct roll_join *join = &g_array_index(joins, struct roll_join, i);
        if (join->seq < seq && strcmp(join->side, side) == 0)
            joined = MAX(joined, join->side_seq);
    }
    return joined;
}

void roll_side_clear(struct roll_side *side)
{
    g_free(side->name);
    *side = (struct roll_side){0};
}

struct roll_error *roll_side_load(struct roll_ledger *ledger, const char *stream,
                                  struct roll_side *ret_side)
{
    g_autoptr(GArray) joins = NULL;
    g_autofree char *name = side_name(ledger, stream);
    struct roll_side side = {.base = roll_side_base(name)};
    int64_t main_id, projection, at;

    ROLL_TRY(roll_stream_find(ledger, name, &side.id, &projection));
    ROLL_TRY(roll_stream_head(ledger, side.id, &side.head, &at));
    ROLL_TRY(roll_stream_find(ledger, stream, &main_id, &projection));
    if (side.id != 0) {
        ROLL_TRY(roll_joins_load(ledger, main_id, &joins));
        side.joined = roll_joins_before(joins, name, INT64_MAX);
    } else { /* its first event follows what is known of the main stream */
        ROLL_TRY(roll_stream_head(ledger, main_id, &side.head, &at));
        side.head.seq = 0;
    }
    side.name = g_steal_pointer(&name);
    *ret_side = side;
    return NULL;
}

/* ---- for sync -------------------------------------------------------------------------------- */

void roll_ledger_set_aside(struct roll_ledger *ledger, bool aside)
{
    ledger->aside = aside;
}

bool roll_ledger_is_aside(const struct roll_ledger *ledger)
{
    return ledger->aside;
}

static struct roll_error *row_of(struct roll_ledger *ledger, int statement, int64_t id, int64_t seq,
                                 int64_t *ret_row)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(ledger->sql, statement, &stmt));
    roll_sql_bind_int(stmt, ":stream", id);
    if (statement == LEDGER_EVENT_ROW)
        roll_sql_bind_int(stmt, ":seq", seq);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_row = row ? roll_sql_int_at(stmt, 0) : 0;
    roll_sql_reset(stmt);
    return NULL;
}

static struct roll_error *look_aside(struct roll_ledger *ledger, const char *main_stream,
                                     const struct roll_side *side, roll_aside_fn fn, void *user)
{
    int64_t main_id, projection, first, last, at;
    struct roll_aside row = {
        .stream = main_stream, .side = side->name, .seq = side->head.seq, .joined = side->joined};

    ROLL_TRY(roll_stream_find(ledger, main_stream, &main_id, &projection));
    ROLL_TRY(roll_stream_head(ledger, main_id, &row.main_head, &at));
    memcpy(row.head, side->head.hash, sizeof row.head);
    ROLL_TRY(row_of(ledger, LEDGER_EVENT_ROW, side->id, side->joined + 1, &first));
    ROLL_TRY(row_of(ledger, LEDGER_EVENT_LAST_ROW, main_id, 0, &last));
    row.moved = last > first;
    return fn(user, &row);
}

struct roll_error *roll_ledger_asides(struct roll_ledger *ledger, roll_aside_fn fn, void *user)
{
    g_autoptr(GPtrArray) streams = NULL;

    if (!ledger->sides)
        return NULL;
    ROLL_TRY(roll_stream_list(ledger, &streams));
    for (guint i = 0; i < streams->len; i++) {
        const struct roll_stream *stream = streams->pdata[i];
        struct roll_side side = {0};
        struct roll_error *err = NULL;
        if (!roll_side_is_own(ledger, stream->name))
            continue;
        g_autofree char *main_stream = roll_side_main(stream->name);
        ROLL_TRY(roll_side_load(ledger, main_stream, &side));
        if (side.head.seq > side.joined)
            err = look_aside(ledger, main_stream, &side, fn, user);
        roll_side_clear(&side);
        if (err)
            return err;
    }
    return NULL;
}
