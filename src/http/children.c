/* Child processes inside the loop: their output is read as it comes, they are reaped without
 * waiting. */
#include "http/internal.h"
#include "rollbook/time.h"

struct child {
    struct roll_process *process; /* owned */
    void (*fn)(void *user, const struct roll_process_result *result);
    void *user;
};

void child_free(gpointer data)
{
    struct child *child = data;

    roll_process_free(child->process);
    g_free(child);
}

struct roll_error *
roll_loop_process(struct roll_loop *loop, const struct roll_process_options *options,
                  void (*fn)(void *user, const struct roll_process_result *result), void *user)
{
    roll_auto(process) struct roll_process *process = NULL;

    /* Before the start: a child that ends at once must find the handler. */
    ROLL_TRY(signals_need_child(loop));
    ROLL_TRY(roll_process_start(options, &process));
    struct child *child = g_new0(struct child, 1);
    child->process = g_steal_pointer(&process);
    child->fn = fn;
    child->user = user;
    g_ptr_array_add(loop->children, child);
    return NULL;
}

void roll_loop_cancel_process(struct roll_loop *loop, const void *user)
{
    for (guint i = loop->children->len; i > 0; i--) {
        const struct child *child = g_ptr_array_index(loop->children, i - 1);
        if (child->user == user)
            g_ptr_array_remove_index(loop->children, i - 1);
    }
}

void children_collect(const struct roll_loop *loop, GArray *fds)
{
    for (guint i = 0; i < loop->children->len; i++) {
        const struct child *child = g_ptr_array_index(loop->children, i);
        int open[2] = {-1, -1};
        int count = roll_process_fds(child->process, open);
        for (int n = 0; n < count; n++) {
            struct curl_waitfd wait = {.fd = open[n], .events = CURL_WAIT_POLLIN};
            g_array_append_val(fds, wait);
        }
    }
}

int64_t children_deadline(const struct roll_loop *loop)
{
    int64_t first = INT64_MAX;

    for (guint i = 0; i < loop->children->len; i++) {
        const struct child *child = g_ptr_array_index(loop->children, i);
        int64_t deadline = roll_process_deadline(child->process);
        if (deadline != 0)
            first = MIN(first, deadline);
    }
    return first;
}

static void wipe_result(struct roll_process_result *result)
{
    if (result->out)
        roll_wipe(result->out->str, result->out->len);
    if (result->err)
        roll_wipe(result->err->str, result->err->len);
    roll_process_result_clear(result);
}

void children_pump(struct roll_loop *loop)
{
    guint i = 0;

    while (i < loop->children->len && !loop->stopped) {
        struct child *child = g_ptr_array_index(loop->children, i);
        struct roll_process_result result = {0};
        if (!roll_process_pump(child->process, roll_boot_ms(), &result)) {
            i++;
            continue;
        }
        /* Out of the list before its callback, which may start another one. */
        child = g_ptr_array_steal_index(loop->children, i);
        child->fn(child->user, &result);
        wipe_result(&result);
        child_free(child);
        i = 0; /* its callback may have changed the list */
    }
}
