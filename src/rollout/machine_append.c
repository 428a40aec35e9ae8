/* What goes into the ledger. One append is under way at a time; all that came up meanwhile goes
 * into the next one. */
#include "rollout/machine.h"

#define DRAFTS_OF_RECORD 2 /* an outcome and its sequel */

static struct append *append_new(const struct roll_machine *machine)
{
    struct append *append = g_new0(struct append, 1);

    append->boot_ms = machine->boot_ms;
    append->rollout = machine->own->number;
    append->drafts = g_array_new(FALSE, FALSE, sizeof(struct roll_draft));
    append->bodies = g_ptr_array_new_with_free_func(g_free);
    append->blobs = g_ptr_array_new();
    append->starts = g_ptr_array_new();
    append->records = g_ptr_array_new();
    return append;
}

void machine_append_free(struct append *append)
{
    if (!append)
        return;
    g_array_unref(append->drafts);
    g_ptr_array_unref(append->bodies);
    g_ptr_array_unref(append->blobs);
    g_ptr_array_unref(append->starts);
    g_ptr_array_unref(append->records);
    g_free(append);
}

void *machine_body_of(struct append *append, size_t size)
{
    void *body = g_malloc0(size);

    g_ptr_array_add(append->bodies, body);
    return body;
}

char *machine_text(struct append *append, const char *text)
{
    char *copy = g_strdup(text);

    g_ptr_array_add(append->bodies, copy);
    return copy;
}

void machine_draft(struct roll_machine *machine, struct append *append, enum roll_event_kind kind,
                   const void *body)
{
    struct roll_draft draft = {.stream = machine->stream, .kind = kind, .body = body};

    g_array_append_val(append->drafts, draft);
}

static bool has_room(const struct append *append, guint drafts)
{
    return append->drafts->len + drafts <= MACHINE_APPEND_MAX;
}

/* ---- parts ---------------------------------------------------------------------------------- */

bool roll_machine_may_differ(const struct roll_machine *machine,
                             const struct roll_step_ended *ended)
{
    return machine->unseen && !ended->accepted && strcmp(ended->outcome, "cancelled") != 0;
}

/* That it never arrived is said only when the shared store hears it: till then somebody else may
 * have taken over, and send it. */
static bool waits_for_store(const struct roll_machine *machine, const struct job *job)
{
    return machine_is_away(machine) &&
           (strcmp(job->outcome->outcome, "absent") == 0 ||
            (!job->accepted && roll_machine_may_differ(machine, job->outcome)));
}

void machine_draft_records(struct roll_machine *machine, struct append *append)
{
    guint left = machine->records.length;

    /* One place is kept for what ends or detaches. */
    for (; left > 0 && has_room(append, DRAFTS_OF_RECORD + 1); left--) {
        struct job *job = g_queue_pop_head(&machine->records);
        if (waits_for_store(machine, job)) {
            g_queue_push_tail(&machine->records, job);
            continue;
        }
        machine_draft_record(machine, append, job);
        job->appending = true;
        g_ptr_array_add(append->records, job);
    }
}

static void draft_intent(struct roll_machine *machine, struct append *append, struct job *job)
{
    struct roll_step_intended *body = machine_body(append, struct roll_step_intended);

    *body = (struct roll_step_intended){
        .rollout = append->rollout,
        .target = job->target->name,
        .step = job->step,
        .attempt = job->attempt,
        .release = job->target->release,
        .floor = job->step == 0 ? job->target->floor : 0,
    };
    machine_draft(machine, append, ROLL_EVENT_step_intended, body);
    job->appending = true;
    g_ptr_array_add(append->starts, job);
}

/* Since the job was queued, starting may have been stopped: then the target is untouched, or its
 * rest is skipped. */
static bool is_dropped(struct roll_machine *machine, struct job *job)
{
    bool ended = job->state == ROLL_TARGET_SUCCEEDED || job->state == ROLL_TARGET_FAILED;

    if (job->pruning)
        return machine_prune_dropped(machine, job);
    if (ended || job->intended) { /* heard of while this was under way */
        machine_schedule(machine, job);
        return true;
    }
    if (job->state == ROLL_TARGET_WAITING && !machine_may_start(machine)) {
        job->phase = PHASE_IDLE;
        machine_vacate(machine, job);
        return true;
    }
    if (machine->own->cancelling) {
        machine_conclude(machine, job, "cancelled", NULL, "not started: the rollout was cancelled");
        return true;
    }
    return false;
}

static void draft_starts(struct roll_machine *machine, struct append *append)
{
    while (!g_queue_is_empty(&machine->starts) && has_room(append, 2)) {
        struct job *job = g_queue_pop_head(&machine->starts);
        if (is_dropped(machine, job))
            continue;
        if (job->pruning)
            machine_prune_draft(machine, append, job);
        else
            draft_intent(machine, append, job);
    }
}

static void add_blobs(struct append *append, const GPtrArray *blobs)
{
    for (guint i = 0; blobs && i < blobs->len; i++)
        g_ptr_array_add(append->blobs, g_ptr_array_index(blobs, i));
}

/* ---- kinds of appends ----------------------------------------------------------------------- */

static const struct rollout *superseded_by_request(const struct roll_machine *machine)
{
    for (guint i = 0; i < machine->rollouts->len; i++) {
        const struct rollout *rollout = g_ptr_array_index(machine->rollouts, i);
        if (rollout->number > 0 && rollout->number == machine->request->supersedes)
            return rollout;
    }
    return NULL;
}

/* The end of what it takes the place of, the request, the claim and the first intents: one append.
 * A rollout that has to wait is requested alone, and signed, so that it is known when it is folded.
 */
static void build_request(struct roll_machine *machine, struct append *append)
{
    struct roll_rollout_requested *request = machine_body(append, struct roll_rollout_requested);
    const struct rollout *old = superseded_by_request(machine);
    struct roll_rollout_superseded *end;

    *request = *machine->request; /* its members stay the caller's */

    append->first = true;
    append->rollout = machine->head + 1;
    if (request->supersedes > 0 && !(old && old->ended)) {
        append->rollout++;
        end = machine_body(append, struct roll_rollout_superseded);
        *end =
            (struct roll_rollout_superseded){.rollout = request->supersedes, .by = append->rollout};
        machine_draft(machine, append, ROLL_EVENT_rollout_superseded, end);
    }
    if (machine->own->wait)
        request->driver = machine->driver;
    machine_draft(machine, append, ROLL_EVENT_rollout_requested, request);
    add_blobs(append, machine->request_blobs);
    if (machine->own->wait)
        return;
    machine_draft_claim(machine, append, append->rollout, false);
    machine_advance(machine);
    draft_starts(machine, append);
}

void machine_draft_detached(struct roll_machine *machine, struct append *append,
                            enum roll_machine_end ending)
{
    struct roll_rollout_detached *body = machine_body(append, struct roll_rollout_detached);

    *body =
        (struct roll_rollout_detached){.rollout = machine->own->number, .driver = machine->driver};
    machine_draft(machine, append, ROLL_EVENT_rollout_detached, body);
    append->ending = ending;
}

/* Every append under a claim that runs low renews it, so that no PUT leaves shortly before the
 * claim lapses. */
static void build_regular(struct roll_machine *machine, struct append *append)
{
    bool away = machine_is_away(machine);
    enum roll_machine_end end;

    if (!away && (machine->renew || machine_renewal_due(machine)))
        machine_draft_claim(machine, append, machine->own->number,
                            machine->mode == ROLL_MACHINE_SETTLE);
    machine_draft_records(machine, append);
    if (machine->detach) {
        machine_draft_detached(machine, append, ROLL_END_DETACHED);
        return;
    }
    if (!away)
        draft_starts(machine, append);
    machine_draft_records(machine, append); /* of starts that were dropped */
    end = machine_end_due(machine);
    if (away && end == ROLL_END_FAILED_BACK)
        return; /* which is a request */
    if (end == ROLL_END_SETTLED && g_queue_is_empty(&machine->records))
        machine_draft_detached(machine, append, end);
    else if (end != ROLL_END_NONE && end != ROLL_END_SETTLED)
        machine_draft_end(machine, append, end);
}

/* Only outcomes: a second process that looks at the same hears them with its next append. */
static void build_outcomes(struct roll_machine *machine, struct append *append)
{
    machine_draft_records(machine, append);
    if (append->drafts->len == 0 && machine_end_due(machine) == ROLL_END_SETTLED)
        machine_finish(machine, ROLL_END_SETTLED);
}

static void build(struct roll_machine *machine, struct append *append)
{
    if (machine_waits(machine))
        machine_wait_build(machine, append);
    else if (machine->own->number > 0 && machine->claimed)
        build_regular(machine, append);
    else if (machine->detach)
        machine_finish(machine, ROLL_END_DETACHED); /* nothing is ours to give back */
    else if (machine->own->number == 0)
        build_request(machine, append);
    else if (machine_tidies(machine))
        build_outcomes(machine, append);
    else
        machine_draft_claim(machine, append, machine->own->number,
                            machine->mode == ROLL_MACHINE_SETTLE);
}

bool machine_append_due(struct roll_machine *machine, struct roll_action *ret_action)
{
    struct append *append;

    if (machine->append)
        return false;
    append = append_new(machine);
    build(machine, append);
    if (append->drafts->len == 0) {
        machine_append_free(append);
        return false;
    }
    append->id = ++machine->last_id;
    machine->append = append;
    *ret_action = (struct roll_action){
        .id = append->id,
        .kind = ROLL_ACTION_APPEND,
        .rollout = machine->own->number,
        .request_hash = machine->own->hash,
        .drafts = (const struct roll_draft *)append->drafts->data,
        .n_drafts = append->drafts->len,
        .blobs = (const struct roll_blob *const *)append->blobs->pdata,
        .n_blobs = append->blobs->len,
    };
    return true;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void go_on(struct roll_machine *machine, struct job *job)
{
    machine_schedule(machine, job);
    job->appending = job->heard = false;
}

static void appended(struct roll_machine *machine, struct append *append)
{
    machine_appended(machine, append);
    if (append->tidied)
        machine->begun = false;
    else if (!machine->begun && machine->claimed)
        machine_begin(machine);
    for (guint i = 0; i < append->records->len; i++) {
        struct job *job = g_ptr_array_index(append->records, i);
        machine_inherit_ended(machine, job);
        go_on(machine, job);
    }
    for (guint i = 0; i < append->starts->len; i++)
        go_on(machine, g_ptr_array_index(append->starts, i));
    if (append->ending != ROLL_END_NONE) {
        machine->next_rollout = append->next_rollout;
        machine_finish(machine, append->ending);
    }
}

static void queue_again(struct roll_machine *machine, struct job *job, GQueue *queue)
{
    job->appending = false;
    if (job->heard)
        machine_inherit_heard(machine, job, job->heard_intended);
    else
        g_queue_push_head(queue, job);
    job->heard = false;
}

/* Nothing was written: all of it is decided again, on what others wrote. */
static void take_back(struct roll_machine *machine, struct append *append)
{
    for (guint i = append->records->len; i > 0; i--)
        queue_again(machine, g_ptr_array_index(append->records, i - 1), &machine->records);
    for (guint i = append->starts->len; i > 0; i--)
        queue_again(machine, g_ptr_array_index(append->starts, i - 1), &machine->starts);
    if (append->ending == ROLL_END_FAILED_BACK)
        machine_forget_back(machine);
    if (append->first)
        machine_finish(machine, ROLL_END_CONFLICT);
    else if (append->ending == ROLL_END_DETACHED || append->ending == ROLL_END_WAITING)
        machine_finish(machine, append->ending);
    else if (machine->own->ended && !machine_tidies(machine))
        machine_finish(machine, ROLL_END_ENDED); /* somebody else ended what waited */
}

static void away(struct roll_machine *machine, struct append *append)
{
    machine_go_away(machine);
    take_back(machine, append);
}

void machine_append_answer(struct roll_machine *machine, enum roll_observation_kind answer,
                           bool behind)
{
    struct append *append = g_steal_pointer(&machine->append);

    append->behind = behind;
    if (answer == ROLL_SAW_APPENDED)
        appended(machine, append);
    else if (answer == ROLL_SAW_CONFLICT)
        take_back(machine, append);
    else if (answer == ROLL_SAW_APPEND_AWAY && roll_machine_can_wait(machine))
        away(machine, append);
    else
        machine_finish(machine, ROLL_END_ERROR);
    machine_append_free(append);
}
