/* How it begins and ends. */
#include "rollout/machine.h"

/* The first reason to end is the one that counts. */
void machine_finish(struct roll_machine *machine, enum roll_machine_end end)
{
    if (machine->end == ROLL_END_NONE)
        machine->end = end;
}

/* ---- beginning
 * -------------------------------------------------------------------------------------------------------
 */

size_t machine_count_intents(const struct roll_machine *machine)
{
    size_t count = 0;

    for (guint i = 0; i < machine->rollouts->len; i++) {
        const struct rollout *rollout = g_ptr_array_index(machine->rollouts, i);
        for (size_t j = 0; j < rollout->n_jobs; j++)
            count += rollout->jobs[j].intended;
    }
    return count;
}

bool machine_tidies(const struct roll_machine *machine)
{
    return machine->mode == ROLL_MACHINE_SETTLE && machine->own->stray && machine->own->ended;
}

/* The first look at what was folded: may this process drive at all? */
void machine_open(struct roll_machine *machine)
{
    machine->opened = true;
    if (machine->end)
        return;
    if (machine->own->number == 0 && machine->own->wait)
        return; /* its first append starts no target */
    if (machine->own->number == 0)
        machine_inherit_open(
            machine); /* the first append starts no target on which something is under way */
    else if (machine->claimed || (machine_tidies(machine) && machine_count_intents(machine) > 0))
        machine_begin(machine);
    else if (machine_wait_over(machine))
        return; /* which is recorded, also by who only settles */
    else if (machine->mode == ROLL_MACHINE_SETTLE && machine_count_intents(machine) == 0)
        machine_finish(machine, ROLL_END_SETTLED);
    else if (machine_claim_refused(machine))
        machine_finish(machine, ROLL_END_FENCED);
}

/* Our claim is durable, so what is folded now is all that there is: jobs go on from there. */
void machine_begin(struct roll_machine *machine)
{
    bool requested = machine->request != NULL && !machine->own->wait;

    machine->begun = true;
    machine->begin_boot_ms = machine->boot_ms;
    if (!requested)
        machine_inherit_open(machine);
    if (machine->mode == ROLL_MACHINE_SETTLE)
        machine->unsettled = machine_count_intents(machine);
    for (guint i = 0; i < machine->rollouts->len; i++) {
        struct rollout *rollout = g_ptr_array_index(machine->rollouts, i);
        bool fresh =
            requested && rollout == machine->own; /* scheduled as its appends are answered */
        for (size_t j = 0; !fresh && j < rollout->n_jobs; j++)
            machine_schedule(machine, &rollout->jobs[j]);
    }
}

/* ---- ends ----------------------------------------------------------------------------------- */

static bool is_quiet(const struct roll_machine *machine)
{
    return machine->occupied == 0 && machine->inherited == 0;
}

bool machine_back_wanted(const struct roll_machine *machine)
{
    return machine->mode == ROLL_MACHINE_DRIVE && machine->claimed &&
           machine->own->order->back_on_failure && machine->touched && machine_stopping(machine) &&
           !machine->own->cancelling && is_quiet(machine);
}

/* What others wrote may be in its way: it is decided again. */
void machine_forget_back(struct roll_machine *machine)
{
    roll_choice_free(machine->back);
    machine->back = NULL;
    g_clear_pointer(&machine->no_back, g_free);
    machine->back_known = false;
    machine->back_asked = 0;
}

static enum roll_machine_end failure(const struct roll_machine *machine)
{
    if (!machine_back_wanted(machine))
        return ROLL_END_FAILED;
    if (!machine->back_known)
        return ROLL_END_NONE; /* it is being decided */
    return machine->back ? ROLL_END_FAILED_BACK : ROLL_END_FAILED;
}

/* Every target has reached its goal. */
static bool has_all(const struct roll_machine *machine)
{
    return machine->counts[ROLL_TARGET_SUCCEEDED] == machine->own->n_jobs;
}

enum roll_machine_end machine_end_due(const struct roll_machine *machine)
{
    if (machine->mode == ROLL_MACHINE_SETTLE)
        return machine->unsettled == 0 ? ROLL_END_SETTLED : ROLL_END_NONE;
    if (!is_quiet(machine))
        return ROLL_END_NONE;
    if (machine->own->cancelling) /* it may have come too late */
        return has_all(machine) ? ROLL_END_SUCCEEDED : ROLL_END_CANCELLED;
    if (machine_stopping(machine))
        return failure(machine);
    if (machine->ring < machine->rings->len)
        return ROLL_END_NONE;
    if (!machine_prune_over(machine))
        return ROLL_END_NONE;
    return machine->failed > 0 ? ROLL_END_FAILED : ROLL_END_SUCCEEDED;
}

static char *reason_of(struct roll_machine *machine, struct append *append,
                       enum roll_machine_end end)
{
    g_autofree char *text = NULL;

    if (end == ROLL_END_SUCCEEDED || end == ROLL_END_CANCELLED)
        return NULL;
    if (end == ROLL_END_REFUSED || end == ROLL_END_EXPIRED)
        return machine_text(append, machine->own->wait->why);
    text = g_strdup_printf(
        "%zu of %zu target%s failed%s%s", machine->failed, machine->own->n_jobs,
        machine->own->n_jobs == 1 ? "" : "s",
        machine->back_known && !machine->back ? "; no automatic back: " : "",
        machine->back_known && !machine->back && machine->no_back ? machine->no_back : "");
    return machine_text(append, text);
}

/* The automatic back is requested and claimed in the append that ends the rollout: there is no
 * moment in which the environment is failed and nobody's. */
static void draft_back(struct roll_machine *machine, struct append *append)
{
    append->next_rollout = machine->head + append->drafts->len + 1;
    machine_draft(machine, append, ROLL_EVENT_rollout_requested, &machine->back->request);
    machine_draft_claim(machine, append, append->next_rollout, false);
    for (guint i = 0; machine->back->blobs && i < machine->back->blobs->len; i++)
        g_ptr_array_add(append->blobs, g_ptr_array_index(machine->back->blobs, i));
}

void machine_draft_end(struct roll_machine *machine, struct append *append,
                       enum roll_machine_end end)
{
    struct roll_rollout_failed *body =
        machine_body(append, struct roll_rollout_failed); /* all ends have its shape */
    static const enum roll_event_kind kinds[] = {
        [ROLL_END_SUCCEEDED] = ROLL_EVENT_rollout_succeeded,
        [ROLL_END_FAILED] = ROLL_EVENT_rollout_failed,
        [ROLL_END_FAILED_BACK] = ROLL_EVENT_rollout_failed,
        [ROLL_END_CANCELLED] = ROLL_EVENT_rollout_cancelled,
        [ROLL_END_REFUSED] = ROLL_EVENT_rollout_refused,
        [ROLL_END_EXPIRED] = ROLL_EVENT_rollout_expired,
    };

    *body = (struct roll_rollout_failed){
        .rollout = machine->own->number,
        .reason = reason_of(machine, append, end),
    };
    machine_draft(machine, append, kinds[end], body);
    append->ending = end;
    if (end == ROLL_END_FAILED_BACK)
        draft_back(machine, append);
}

/* Nothing is under way any more, and what remains this process cannot learn; or the shared store
 * was out of reach until the claim lapsed. */
bool machine_is_stuck(struct roll_machine *machine)
{
    bool given_up = machine_is_away(machine) && machine->until <= machine->wall_ms;
    bool nothing_to_send = machine->left > 0 && g_queue_is_empty(&machine->starts) &&
                           g_queue_is_empty(&machine->fenced);

    return (nothing_to_send || given_up) && machine->mode == ROLL_MACHINE_DRIVE &&
           machine->claimed && !machine->append && g_hash_table_size(machine->asked) == 0 &&
           machine_agenda_next(machine) == INT64_MAX && g_queue_is_empty(&machine->records) &&
           machine_bake_left(machine) == 0 && machine_window_left(machine) == 0;
}
