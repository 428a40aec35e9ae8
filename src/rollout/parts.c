/* A rollback with its dependents: what became of the parts that go back before it. Told from the
 * streams of the parts, so that whoever goes on knows it, whatever was typed in between. */
#include <inttypes.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/ledger.h"
#include "rollbook/rollout.h"

/* So much two machines' clocks may differ: a part may seem older than what it belongs to. */
#define CLOCKS_MS (INT64_C(24) * 3600 * 1000)

/* A rollback or hotfix of a part's environment. */
struct candidate {
    int64_t number, at;
    char *state;
};

struct candidates {
    GPtrArray *rows; /* the newest first */
    int64_t since;
};

static void candidate_free(void *data)
{
    struct candidate *candidate = data;

    g_free(candidate->state);
    g_free(candidate);
}

/* Events are read when the rows are: queries do not nest. */
static struct roll_error *take(void *user, const struct roll_rollout_row *row)
{
    const struct candidates *candidates = user;
    struct candidate *candidate;

    if (row->requested_at < candidates->since - CLOCKS_MS)
        return roll_error_new(ROLL_E_FOUND, "enough was read");
    if (strcmp(row->lane, "release") == 0)
        return NULL;
    candidate = g_new(struct candidate, 1);
    *candidate = (struct candidate){row->number, row->requested_at, g_strdup(row->state)};
    g_ptr_array_add(candidates->rows, candidate);
    return NULL;
}

static struct roll_error *read_rows(struct roll_ledger *ledger, const char *stream,
                                    struct candidates *candidates)
{
    const struct roll_rollout_query query = {.stream = stream};
    struct roll_error *err = roll_ledger_rollouts(ledger, &query, take, candidates);

    if (roll_error_code(err) != ROLL_E_FOUND)
        return err;
    roll_error_free(err);
    return NULL;
}

static void enter(json_t *part, const char *stream, const struct candidate *candidate, bool ours)
{
    json_object_set_new(part, "rollout", json_sprintf("%s#%" PRId64, stream, candidate->number));
    json_object_set_new(part, "state", json_string(candidate->state));
    json_object_set_new(part, "done", json_boolean(strcmp(candidate->state, "succeeded") == 0));
    if (!ours)
        json_object_set_new(part, "apart", json_true());
}

/* What belongs to it too, and did not get it done. */
static void enter_earlier(json_t *part, const char *stream, const struct candidate *candidate)
{
    json_t *earlier = json_object_get(part, "earlier");

    if (!earlier) {
        earlier = json_array();
        json_object_set_new(part, "earlier", earlier);
    }
    json_array_append_new(earlier, json_sprintf("%s#%" PRId64, stream, candidate->number));
}

static bool is_good(const struct candidate *candidate)
{
    return candidate && strcmp(candidate->state, "succeeded") == 0;
}

/* The newest that belongs to it; where that did not succeed, another rollback or hotfix that did
 * has seen to it, an ordinary release has not. */
static struct roll_error *find(struct roll_ledger *ledger, const char *stream, const char *whole,
                               int64_t since, json_t *part)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(candidate_free);
    struct candidates candidates = {rows, since};
    const struct candidate *ours = NULL, *apart = NULL;

    ROLL_TRY(read_rows(ledger, stream, &candidates));
    for (guint i = 0; i < rows->len; i++) {
        const struct candidate *candidate = g_ptr_array_index(rows, i);
        roll_auto(event) struct roll_event *event = NULL;
        const struct roll_rollout_requested *body;

        ROLL_TRY(roll_ledger_event(ledger, stream, candidate->number, &event));
        body = roll_event_body(event, rollout_requested);
        if (body && g_strcmp0(body->part_of, whole) == 0) {
            if (ours)
                enter_earlier(part, stream, candidate);
            ours = ours ? ours : candidate;
        } else if (!ours && body && !body->part_of && candidate->at >= since && is_good(candidate))
            apart = candidate;
    }
    if (apart && !is_good(ours)) {
        enter(part, stream, apart, false);
        if (ours)
            enter_earlier(part, stream, ours);
    } else if (ours)
        enter(part, stream, ours, true);
    return NULL;
}

struct roll_error *roll_rollout_parts(struct roll_ledger *ledger, const char *stream,
                                      int64_t rollout, json_t **ret_parts)
{
    g_autofree char *whole = g_strdup_printf("%s#%" PRId64, stream, rollout);
    roll_auto(event) struct roll_event *event = NULL;
    roll_auto(json) json_t *parts = json_array();
    const struct roll_rollout_requested *body;
    size_t index;
    json_t *name;

    ROLL_TRY(roll_ledger_event(ledger, stream, rollout, &event));
    body = roll_event_body(event, rollout_requested);
    if (!body || !body->with)
        return NULL;
    json_array_foreach (json_object_get(body->with, "parts"), index, name) {
        const char *text = json_string_value(name);
        json_t *part = json_pack("{s:s,s:b}", "environment", text ? text : "", "done", 0);
        json_array_append_new(parts, part);
        if (text)
            ROLL_TRY(find(ledger, text, whole, event->at, part));
    }
    *ret_parts = g_steal_pointer(&parts);
    return NULL;
}
