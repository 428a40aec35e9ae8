/* What something usually takes, from what it took. */
#include "rollbook/watch.h"

#include <string.h>

static int by_number(gconstpointer a, gconstpointer b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

void roll_usual_of(GArray *durations, struct roll_usual *ret_usual)
{
    guint count = durations->len;

    *ret_usual = (struct roll_usual){.count = count};
    if (count == 0)
        return;
    g_array_sort(durations, by_number);
    ret_usual->median_ms = g_array_index(durations, int64_t, count / 2);
    ret_usual->p95_ms = g_array_index(durations, int64_t, (count * 95 + 99) / 100 - 1);
}

struct gathering {
    const char *kind;
    GArray *durations;
};

static struct roll_error *see_rollout(void *user, const struct roll_rollout_row *row)
{
    struct gathering *gathering = user;
    int64_t took = row->ended_at - row->requested_at;

    if (row->ended_at && took >= 0 && !row->partial && strcmp(row->kind, gathering->kind) == 0 &&
        strcmp(row->state, "succeeded") == 0)
        g_array_append_val(gathering->durations, took);
    return NULL;
}

struct roll_error *roll_usual_rollouts(struct roll_ledger *ledger, const char *stream,
                                       const char *kind, struct roll_usual *ret_usual)
{
    g_autoptr(GArray) durations = g_array_new(FALSE, FALSE, sizeof(int64_t));
    struct gathering gathering = {kind, durations};
    const struct roll_rollout_query query = {.stream = stream, .limit = ROLL_USUAL_ROLLOUTS};

    if (ledger)
        ROLL_TRY(roll_ledger_rollouts(ledger, &query, see_rollout, &gathering));
    roll_usual_of(durations, ret_usual);
    return NULL;
}
