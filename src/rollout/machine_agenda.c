/* Time: which job acts when, on the boot clock. Jobs that are due together act in the order in
 * which they were entered. */
#include "rollout/machine.h"

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS 30000
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS (INT64_C(10) * 60 * 1000)
#define POLL_FAST_MS 500
#define POLL_SLOW_MS 900   /* an end is noticed within a second (DESIGN section 11) */
#define POLL_FOUND_MS 2000 /* after a look that found what somebody else had begun */
#define POLL_GROWTH 20     /* the interval is the deployment's age divided by this */
#define SPREAD_MS 250      /* jobs that were thrown back together come again apart */

static gint compare(gconstpointer a, gconstpointer b, gpointer user)
{
    const struct job *left = a, *right = b;

    (void)user;
    if (left->due_boot_ms != right->due_boot_ms)
        return left->due_boot_ms < right->due_boot_ms ? -1 : 1;
    return left->due_order < right->due_order ? -1 : left->due_order > right->due_order;
}

void machine_agenda_init(struct roll_machine *machine)
{
    machine->agenda = g_sequence_new(NULL);
}

void machine_not_due(struct roll_machine *machine, struct job *job)
{
    (void)machine;
    if (job->entry)
        g_sequence_remove(job->entry);
    job->entry = NULL;
}

void machine_due(struct roll_machine *machine, struct job *job, int64_t boot_ms)
{
    machine_not_due(machine, job);
    job->due_boot_ms = boot_ms;
    job->due_order = ++machine->orders;
    job->entry = g_sequence_insert_sorted(machine->agenda, job, compare, NULL);
}

struct job *machine_agenda_take(struct roll_machine *machine)
{
    GSequenceIter *first = g_sequence_get_begin_iter(machine->agenda);
    struct job *job;

    if (g_sequence_iter_is_end(first))
        return NULL;
    job = g_sequence_get(first);
    if (job->due_boot_ms > machine->boot_ms)
        return NULL;
    machine_not_due(machine, job);
    return job;
}

int64_t machine_agenda_next(const struct roll_machine *machine)
{
    GSequenceIter *first = g_sequence_get_begin_iter(machine->agenda);

    if (g_sequence_iter_is_end(first))
        return INT64_MAX;
    return ((const struct job *)g_sequence_get(first))->due_boot_ms;
}

/* ARM's word decides; without it the pause doubles. */
int64_t machine_backoff_ms(const struct job *job, int64_t retry_after_ms)
{
    int64_t pause = BACKOFF_FIRST_MS;

    if (retry_after_ms >= 0)
        return CLAMP(retry_after_ms, RETRY_MIN_MS, RETRY_MAX_MS);
    for (int i = 1; i < job->tries && pause < BACKOFF_MAX_MS; i++)
        pause *= 2;
    return MIN(pause, BACKOFF_MAX_MS) + (int64_t)(job->index * 7919 % SPREAD_MS);
}

/* A young deployment is asked often, since most are short; an old one as often as it takes to
 * notice its end within a second. Where ARM counts reads, azure/budget.c spreads those of many.
 * What is taken over has been looked at a moment ago, all at once. */
int64_t machine_poll_ms(const struct roll_machine *machine, const struct job *job,
                        int64_t retry_after_ms)
{
    int64_t age = machine->boot_ms - job->accepted_boot_ms;

    if (retry_after_ms >= 0)
        return CLAMP(retry_after_ms, RETRY_MIN_MS, RETRY_MAX_MS);
    return CLAMP(age / POLL_GROWTH, POLL_FAST_MS, job->accepted ? POLL_SLOW_MS : POLL_FOUND_MS);
}
