/* Requests that were orphaned: the store took one, its answer was lost, and this replica went on
 * aside with another in its place. When the first is pulled later, it looks like a rollout under
 * way that nobody drives.
 *
 * It is told by what only that course of things leaves behind: the claim is this replica's, it was
 * made before the side stream's request, and it arrived in this file after that. What a living
 * process of this replica appends arrives before anything that is said aside later. */
#include <string.h>

#include "ledger/store.h"

struct candidate {
    int64_t number, at, row;
};

struct looking {
    struct roll_ledger *ledger;
    const struct roll_aside *aside;
    GArray *lost, *made; /* struct candidate: open in the main stream; requested aside */
};

static bool is_own(const struct looking *looking, const char *host)
{
    const char *colon = host ? strrchr(host, ':') : NULL;

    return colon && strlen(colon + 1) == 8 && strncmp(colon + 1, looking->ledger->replica, 8) == 0;
}

static struct roll_error *sort_out(void *user, const struct roll_rollout_row *row)
{
    const struct looking *looking = user;
    struct candidate candidate = {.number = row->number, .at = row->requested_at};
    int64_t base = roll_side_base(looking->aside->side);

    if (row->number > base + looking->aside->joined && row->number <= base + looking->aside->seq)
        g_array_append_val(looking->made, candidate);
    else if (!roll_number_is_side(row->number) && row->ended_at == 0 && is_own(looking, row->host))
        g_array_append_val(looking->lost, candidate);
    return NULL;
}

/* When it arrived in this file. */
static struct roll_error *find_rows(struct roll_ledger *ledger, const char *stream, int64_t base,
                                    GArray *candidates)
{
    int64_t id, projection;

    ROLL_TRY(roll_stream_find(ledger, stream, &id, &projection));
    for (guint i = 0; i < candidates->len; i++) {
        struct candidate *candidate = &g_array_index(candidates, struct candidate, i);
        struct roll_sql_stmt *stmt;
        bool row;
        ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_EVENT_ROW, &stmt));
        roll_sql_bind_int(stmt, ":stream", id);
        roll_sql_bind_int(stmt, ":seq", candidate->number - base);
        ROLL_TRY(roll_sql_step(stmt, &row));
        candidate->row = row ? roll_sql_int_at(stmt, 0) : 0;
        roll_sql_reset(stmt);
    }
    return NULL;
}

/* The first request aside that came after it, and was here before it. */
static int64_t instead_of(const struct candidate *lost, const GArray *made)
{
    const struct candidate *found = NULL;

    for (guint i = 0; i < made->len; i++) {
        const struct candidate *candidate = &g_array_index(made, struct candidate, i);
        if (candidate->at >= lost->at && candidate->row < lost->row &&
            (!found || candidate->number < found->number))
            found = candidate;
    }
    return found ? found->number : 0;
}

static struct roll_error *look(struct looking *looking, roll_orphan_fn fn, void *user)
{
    const struct roll_aside *aside = looking->aside;
    struct roll_rollout_query query = {.stream = aside->stream};

    ROLL_TRY(roll_ledger_rollouts(looking->ledger, &query, sort_out, looking));
    if (looking->lost->len == 0 || looking->made->len == 0)
        return NULL;
    ROLL_TRY(find_rows(looking->ledger, aside->stream, 0, looking->lost));
    ROLL_TRY(find_rows(looking->ledger, aside->side, roll_side_base(aside->side), looking->made));
    for (guint i = 0; i < looking->lost->len; i++) {
        const struct candidate *lost = &g_array_index(looking->lost, struct candidate, i);
        struct roll_orphan orphan = {
            .stream = aside->stream, .number = lost->number, .by = instead_of(lost, looking->made)};
        if (orphan.by)
            ROLL_TRY(fn(user, &orphan));
    }
    return NULL;
}

struct roll_error *roll_ledger_orphans(struct roll_ledger *ledger, const struct roll_aside *aside,
                                       roll_orphan_fn fn, void *user)
{
    struct looking looking = {ledger, aside, g_array_new(FALSE, FALSE, sizeof(struct candidate)),
                              g_array_new(FALSE, FALSE, sizeof(struct candidate))};
    struct roll_error *err = look(&looking, fn, user);

    g_array_unref(looking.lost);
    g_array_unref(looking.made);
    return err;
}
