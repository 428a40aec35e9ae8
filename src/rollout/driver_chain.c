/* Which rollouts a machine has to know besides its own: what that took the place of, and what ended
 * with an intent that was heard of only later (a driver on another replica had not heard yet that
 * it was overruled). Whatever of theirs is under way is waited for and recorded by whoever drives
 * next, so that an intent has its outcome however its driver ended. */
#include <inttypes.h>

#include "rollbook/ledger.h"
#include "rollout/driver.h"

enum { MAX_CHAIN = 8 };

struct link {
    struct roll_known known; /* owned */
    bool stray;
    int depth; /* place in the chain of what took whose place, from 1; 0: none */
};

static void link_clear(gpointer link)
{
    roll_known_clear(&((struct link *)link)->known);
}

static bool is_there(const GArray *links, int64_t number)
{
    for (guint i = 0; i < links->len; i++)
        if (g_array_index(links, struct link, i).known.number == number)
            return true;
    return false;
}

static struct roll_error *add(struct roll_driver *driver, int64_t number, bool stray, GArray *links)
{
    struct link link = {.stray = stray};
    struct roll_error *err = roll_driver_look_up(driver, number, &link.known);

    g_array_append_val(links, link);
    return err;
}

static struct roll_error *add_chain(struct roll_driver *driver, int64_t number, GArray *links)
{
    for (int i = 0; number && i <= MAX_CHAIN; i++) {
        ROLL_TRY(add(driver, number, false, links));
        g_array_index(links, struct link, links->len - 1).depth = i + 1;
        number = g_array_index(links, struct link, links->len - 1).known.supersedes;
    }
    return NULL;
}

static struct roll_error *add_strays(struct roll_driver *driver, GArray *links)
{
    g_autoptr(GArray) numbers = NULL;

    ROLL_TRY(roll_ledger_unsettled(driver->options->ledger, driver->stream, &numbers));
    for (guint i = 0; i < numbers->len; i++) {
        int64_t number = g_array_index(numbers, int64_t, i);
        if (!is_there(links, number))
            ROLL_TRY(add(driver, number, true, links));
    }
    return NULL;
}

static bool is_older(const struct roll_known *a, const struct roll_known *b)
{
    if (!roll_number_is_side(a->number) && !roll_number_is_side(b->number))
        return a->number < b->number;
    return a->requested_at < b->requested_at; /* numbers of side streams say nothing of when */
}

/* What was superseded is older than what took its place, whatever the clock was set to between. */
static gint by_age(gconstpointer a, gconstpointer b)
{
    const struct link *left = a, *right = b;

    if (left->depth && right->depth)
        return right->depth - left->depth;
    return is_older(&left->known, &right->known) ? -1 : is_older(&right->known, &left->known);
}

static struct roll_error *enter(struct roll_driver *driver, const struct link *link)
{
    struct roll_order *order = NULL;

    ROLL_TRY(roll_order_load(driver->options->ledger, link->known.order, &order));
    g_ptr_array_add(driver->orders, order);
    driver->order = order;
    if (link->stray)
        roll_machine_add_stray(driver->machine, link->known.number, order);
    else
        roll_machine_add(driver->machine, link->known.number, order);
    return NULL;
}

/* The own one is the last. */
static struct roll_error *enter_all(struct roll_driver *driver, int64_t own, GArray *links,
                                    int64_t *ret_first)
{
    const struct link *last = NULL;

    g_array_sort(links, by_age);
    for (guint i = 0; i < links->len; i++) {
        const struct link *link = &g_array_index(links, struct link, i);
        if (i == 0)
            *ret_first = link->known.number;
        if (link->known.number == own)
            last = link;
        else
            ROLL_TRY(enter(driver, link));
    }
    return last ? enter(driver, last) : NULL;
}

struct roll_error *roll_driver_add_rollouts(struct roll_driver *driver, int64_t own,
                                            int64_t supersedes, int64_t *ret_first)
{
    g_autoptr(GArray) links = g_array_new(FALSE, FALSE, sizeof(struct link));

    *ret_first = INT64_MAX;
    g_array_set_clear_func(links, link_clear);
    ROLL_TRY(add_chain(driver, own ? own : supersedes, links));
    ROLL_TRY(add_strays(driver, links));
    struct link *first = links->len ? &g_array_index(links, struct link, 0) : NULL;
    if (own && first->known.ended_at)
        first->stray = true; /* else nothing could be said of it any more */
    return enter_all(driver, own, links, ret_first);
}
