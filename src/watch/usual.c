/* What something usually takes, from what it took. */
#include "rollbook/watch.h"

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
