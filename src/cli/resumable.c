/* Which rollout `roll resume ENV` goes on with where none is open: the last one, if it failed or
 * was cancelled; else, where targets are dirty, the newest of those that left them so. What was
 * refused since, or went to other targets, has nothing to resume. */
#include "app.h"

#include <string.h>

struct state {
    bool resumable;
};

static struct roll_error *see_state(void *user, const struct roll_rollout_row *row)
{
    struct state *state = user;

    state->resumable = strcmp(row->state, "failed") == 0 || strcmp(row->state, "cancelled") == 0;
    return NULL;
}

static struct roll_error *see_rollout(struct roll_ledger *ledger, const char *stream,
                                      int64_t number, bool *ret_resumable)
{
    const struct roll_rollout_query query = {.stream = stream, .number = number, .limit = 1};
    struct state state = {false};

    ROLL_TRY(roll_ledger_rollouts(ledger, &query, see_state, &state));
    *ret_resumable = state.resumable;
    return NULL;
}

static struct roll_error *see_dirty(void *user, const struct roll_target_row *row)
{
    GArray *numbers = user;

    for (guint i = 0; i < numbers->len; i++)
        if (g_array_index(numbers, int64_t, i) == row->dirty_rollout)
            return NULL;
    if (row->dirty && row->dirty_rollout)
        g_array_append_val(numbers, row->dirty_rollout);
    return NULL;
}

static int by_newest(gconstpointer a, gconstpointer b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

    return one < other ? 1 : one > other ? -1 : 0;
}

struct roll_error *roll_resumable(struct roll_ledger *ledger, const char *stream, int64_t last,
                                  int64_t *ret_number)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(int64_t));
    bool resumable = false;

    *ret_number = 0;
    ROLL_TRY(see_rollout(ledger, stream, last, &resumable));
    if (resumable) {
        *ret_number = last;
        return NULL;
    }
    ROLL_TRY(roll_ledger_targets(ledger, stream, NULL, see_dirty, numbers));
    g_array_sort(numbers, by_newest);
    for (guint i = 0; i < numbers->len && !resumable; i++) {
        ROLL_TRY(see_rollout(ledger, stream, g_array_index(numbers, int64_t, i), &resumable));
        if (resumable)
            *ret_number = g_array_index(numbers, int64_t, i);
    }
    return NULL;
}
