/* Joining: a side stream goes into the store as a whole, then one event in the main stream names
 * it. With that event ends what the side stream has replaced: a request that the store had taken
 * though its answer was lost. */
#include "sync/sync.h"

struct joining {
    struct roll_sync *sync;
    struct roll_ledger *ledger;
    const struct roll_actor *actor;
    const struct roll_aside *aside;
    GArray *drafts;    /* struct roll_draft */
    GPtrArray *bodies; /* what they point to */
};

static void draft(struct joining *joining, enum roll_event_kind kind, void *body_take)
{
    struct roll_draft draft = {.stream = joining->aside->stream, .kind = kind, .body = body_take};

    g_array_append_val(joining->drafts, draft);
    g_ptr_array_add(joining->bodies, body_take);
}

struct ending {
    struct joining *joining;
    int64_t rollout;
};

/* The driver went on aside before anything of it could be sent. */
static struct roll_error *end_step(void *user, const struct roll_step_row *row)
{
    struct ending *ending = user;

    if (row->outcome)
        return NULL;
    struct roll_step_ended *body = g_new0(struct roll_step_ended, 1);
    char *target = g_strdup(row->target);
    g_ptr_array_add(ending->joining->bodies, target);
    *body = (struct roll_step_ended){
        .rollout = ending->rollout,
        .target = target,
        .step = row->step,
        .attempt = row->attempt,
        .outcome = (char *)(uintptr_t) "absent",
        .last = true,
        .code = (char *)(uintptr_t) "GoneAside",
        .message = (char *)(uintptr_t) "never sent: its driver did not hear that the shared "
                                       "ledger had taken it, and went on aside",
    };
    draft(ending->joining, ROLL_EVENT_step_ended, body);
    return NULL;
}

/* Whoever holds its lock drives it all the same. */
static struct roll_error *end_orphan(void *user, const struct roll_orphan *orphan)
{
    struct joining *joining = user;
    struct ending ending = {joining, orphan->number};
    roll_auto(lock) struct roll_lock *lock = NULL;

    ROLL_TRY(roll_ledger_lock(joining->ledger, orphan->stream, orphan->number, &lock));
    if (!lock)
        return NULL;
    ROLL_TRY(roll_ledger_steps(joining->ledger, orphan->stream, orphan->number, end_step, &ending));
    struct roll_rollout_superseded *end = g_new0(struct roll_rollout_superseded, 1);
    *end = (struct roll_rollout_superseded){
        .rollout = orphan->number,
        .by = orphan->by,
        .reason = (char *)(uintptr_t) "gone aside: its request was taken, the answer was lost",
    };
    draft(joining, ROLL_EVENT_rollout_superseded, end);
    return NULL;
}

static struct roll_error *append(struct joining *joining)
{
    const struct roll_aside *aside = joining->aside;
    const struct roll_expect expect = {.stream = aside->stream, .head = aside->main_head};
    struct roll_ledger_joined *body = g_new0(struct roll_ledger_joined, 1);

    *body = (struct roll_ledger_joined){.side = (char *)(uintptr_t)aside->side,
                                        .head = (char *)(uintptr_t)aside->head,
                                        .side_seq = aside->seq};
    draft(joining, aside->moved ? ROLL_EVENT_ledger_reconciled : ROLL_EVENT_ledger_joined, body);
    return roll_ledger_append(joining->ledger, joining->actor, 0, &expect, 1,
                              (const struct roll_draft *)(const void *)joining->drafts->data,
                              joining->drafts->len, NULL, 0, NULL);
}

/* It is in the store as a whole before the main stream names it. What it has replaced ends before
 * that event: nothing of it is under way beside what is spliced in there. */
static struct roll_error *join(void *user, const struct roll_aside *aside)
{
    struct joining *joining = user;

    joining->aside = aside;
    g_array_set_size(joining->drafts, 0);
    ROLL_TRY(sync_push_stream(joining->sync, joining->ledger, aside->side));
    ROLL_TRY(roll_ledger_orphans(joining->ledger, aside, end_orphan, joining));
    ROLL_TRY(append(joining));
    joining->sync->report.joined++;
    return NULL;
}

struct roll_error *sync_join_sides(struct roll_sync *sync, struct roll_ledger *ledger,
                                   const struct roll_actor *actor)
{
    struct joining joining = {
        .sync = sync,
        .ledger = ledger,
        .actor = actor,
        .drafts = g_array_new(FALSE, FALSE, sizeof(struct roll_draft)),
        .bodies = g_ptr_array_new_with_free_func(g_free),
    };
    struct roll_error *err = roll_ledger_asides(ledger, join, &joining);

    g_array_unref(joining.drafts);
    g_ptr_array_unref(joining.bodies);
    return err;
}
