/* The event loop: timers, descriptors, and the one place that waits.
 *
 * libcurl's multi handle does the waiting once there is one; a loop that never sent a request waits
 * with poll, since starting libcurl and OpenSSL costs milliseconds that a command without network
 * should not pay. */
#include <errno.h>
#include <poll.h>

#include "http/internal.h"
#include "rollbook/time.h"

/* Nothing waits longer at a stretch, so that no lost wake-up is for ever. */
#define WAIT_MAX_MS 60000

struct timer {
    int64_t at;
    unsigned id;
    roll_loop_fn fn;
    void *user;
};

struct watch {
    roll_loop_fn fn;
    void *user;
};

struct roll_error *roll_loop_new(struct roll_loop **ret_loop)
{
    struct roll_loop *loop = g_new0(struct roll_loop, 1);

    loop->timers = g_sequence_new(g_free);
    loop->timer_by_id = g_hash_table_new(NULL, NULL);
    loop->watches = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    loop->children = g_ptr_array_new_with_free_func(child_free);
    *ret_loop = loop;
    return NULL;
}

void roll_loop_free(struct roll_loop *loop)
{
    if (!loop)
        return;
    transfers_free(loop->transfers);
    g_ptr_array_unref(loop->children);
    signals_free(loop->signals);
    g_hash_table_unref(loop->watches);
    g_hash_table_unref(loop->timer_by_id);
    g_sequence_free(loop->timers);
    g_free(loop);
}

void roll_loop_stop(struct roll_loop *loop)
{
    loop->stopped = true;
}

/* ---- timers --------------------------------------------------------------------------------- */

static gint compare_timers(gconstpointer left, gconstpointer right, gpointer unused)
{
    const struct timer *a = left, *b = right;

    (void)unused;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

unsigned roll_loop_timer(struct roll_loop *loop, int64_t boot_ms, roll_loop_fn fn, void *user)
{
    struct timer *timer = g_new0(struct timer, 1);

    do
        loop->last_timer++;
    while (loop->last_timer == 0 ||
           g_hash_table_contains(loop->timer_by_id, GUINT_TO_POINTER(loop->last_timer)));
    timer->at = boot_ms;
    timer->id = loop->last_timer;
    timer->fn = fn;
    timer->user = user;
    g_hash_table_insert(loop->timer_by_id, GUINT_TO_POINTER(timer->id),
                        g_sequence_insert_sorted(loop->timers, timer, compare_timers, NULL));
    return timer->id;
}

void roll_loop_cancel_timer(struct roll_loop *loop, unsigned id)
{
    GSequenceIter *at = g_hash_table_lookup(loop->timer_by_id, GUINT_TO_POINTER(id));

    if (!at)
        return;
    g_hash_table_remove(loop->timer_by_id, GUINT_TO_POINTER(id));
    g_sequence_remove(at);
}

static const struct timer *first_timer(const struct roll_loop *loop)
{
    GSequenceIter *first = g_sequence_get_begin_iter(loop->timers);

    return g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
}

/* Those that are due now and were set before now: one that sets itself again for "now" must not
 * starve the rest. */
static void fire_timers(struct roll_loop *loop)
{
    if (!first_timer(loop))
        return;
    int64_t now = roll_boot_ms();
    g_autoptr(GArray) due = g_array_new(FALSE, FALSE, sizeof(unsigned));

    for (GSequenceIter *at = g_sequence_get_begin_iter(loop->timers); !g_sequence_iter_is_end(at);
         at = g_sequence_iter_next(at)) {
        const struct timer *timer = g_sequence_get(at);
        if (timer->at > now)
            break;
        g_array_append_val(due, timer->id);
    }
    for (guint i = 0; i < due->len && !loop->stopped; i++) {
        unsigned id = g_array_index(due, unsigned, i);
        GSequenceIter *at = g_hash_table_lookup(loop->timer_by_id, GUINT_TO_POINTER(id));
        if (!at)
            continue; /* cancelled by one before it */
        struct timer timer = *(const struct timer *)g_sequence_get(at);
        roll_loop_cancel_timer(loop, id);
        timer.fn(timer.user);
    }
}

/* ---- descriptors ---------------------------------------------------------------------------- */

void roll_loop_watch(struct roll_loop *loop, int fd, roll_loop_fn fn, void *user)
{
    struct watch *watch = g_new0(struct watch, 1);

    watch->fn = fn;
    watch->user = user;
    g_hash_table_replace(loop->watches, GINT_TO_POINTER(fd), watch);
}

void roll_loop_unwatch(struct roll_loop *loop, int fd)
{
    g_hash_table_remove(loop->watches, GINT_TO_POINTER(fd));
}

static GArray *collect_fds(const struct roll_loop *loop)
{
    GArray *fds = g_array_new(FALSE, TRUE, sizeof(struct curl_waitfd));
    GHashTableIter iter;
    gpointer fd = NULL;
    struct curl_waitfd wait = {.events = CURL_WAIT_POLLIN};

    g_hash_table_iter_init(&iter, loop->watches);
    while (g_hash_table_iter_next(&iter, &fd, NULL)) {
        wait.fd = GPOINTER_TO_INT(fd);
        g_array_append_val(fds, wait);
    }
    if (signals_fd(loop) >= 0) {
        wait.fd = signals_fd(loop);
        g_array_append_val(fds, wait);
    }
    children_collect(loop, fds);
    return fds;
}

/* A callback may end the watching of a descriptor that comes later: each is looked up again. */
static void dispatch_fds(struct roll_loop *loop, const GArray *fds)
{
    for (guint i = 0; i < fds->len && !loop->stopped; i++) {
        const struct curl_waitfd *fd = &g_array_index(fds, struct curl_waitfd, i);
        if (fd->revents == 0)
            continue;
        if (fd->fd == signals_fd(loop)) {
            signals_dispatch(loop);
            continue;
        }
        const struct watch *found = g_hash_table_lookup(loop->watches, GINT_TO_POINTER(fd->fd));
        if (found) {
            struct watch watch = *found;
            watch.fn(watch.user);
        }
    }
}

/* ---- waiting -------------------------------------------------------------------------------- */

static int wait_ms(const struct roll_loop *loop)
{
    const struct timer *timer = first_timer(loop);
    int64_t until = timer ? timer->at : INT64_MAX;
    int64_t now = roll_boot_ms();

    until = MIN(until, transfers_deadline(loop));
    until = MIN(until, children_deadline(loop));
    if (until <= now)
        return 0;
    return (int)MIN(until - now, WAIT_MAX_MS);
}

static struct roll_error *wait_without_curl(GArray *fds, int timeout_ms)
{
    g_autofree struct pollfd *polled = g_new0(struct pollfd, fds->len + 1);

    for (guint i = 0; i < fds->len; i++) {
        polled[i].fd = g_array_index(fds, struct curl_waitfd, i).fd;
        polled[i].events = POLLIN;
    }
    if (poll(polled, fds->len, timeout_ms) < 0) {
        if (errno == EINTR)
            return NULL;
        return roll_error_errno(errno, "cannot wait for events");
    }
    for (guint i = 0; i < fds->len; i++)
        g_array_index(fds, struct curl_waitfd, i).revents = polled[i].revents;
    return NULL;
}

static struct roll_error *wait_for_events(struct roll_loop *loop, int timeout_ms)
{
    g_autoptr(GArray) fds = collect_fds(loop);
    CURLM *multi = transfers_multi(loop);

    if (multi) {
        CURLMcode code = curl_multi_poll(multi, (struct curl_waitfd *)(void *)fds->data, fds->len,
                                         timeout_ms, NULL);
        if (code == CURLM_OUT_OF_MEMORY)
            return roll_error_new(ROLL_E_HTTP, "cannot wait for events: %s",
                                  curl_multi_strerror(code));
        /* Anything else is an interrupted or refused poll: the callers below find nothing ready and
         * wait again. */
        if (code != CURLM_OK)
            return NULL;
    } else {
        ROLL_TRY(wait_without_curl(fds, timeout_ms));
    }
    dispatch_fds(loop, fds);
    return NULL;
}

static bool has_work(const struct roll_loop *loop)
{
    return g_sequence_get_length(loop->timers) > 0 || g_hash_table_size(loop->watches) > 0 ||
           loop->children->len > 0 || transfers_busy(loop);
}

struct roll_error *roll_loop_run(struct roll_loop *loop)
{
    struct roll_error *err = NULL;

    while (!err && !loop->stopped && has_work(loop)) {
        fire_timers(loop);
        if (!loop->stopped)
            children_pump(loop);
        /* Last, so that what the callbacks above asked for leaves before the wait. */
        bool more = !loop->stopped && transfers_perform(loop);
        if (loop->stopped || !has_work(loop))
            break;
        err = wait_for_events(loop, more ? 0 : wait_ms(loop));
    }
    loop->stopped = false;
    return err;
}
