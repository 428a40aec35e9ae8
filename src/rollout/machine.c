/* The machine's public face: making one, its inputs and its output. machine.h explains how it
 * works. */
#include "rollout/machine.h"

#include "rollbook/digest.h"

struct roll_machine *roll_machine_new(const struct roll_machine_options *options)
{
    struct roll_machine *machine = g_new0(struct roll_machine, 1);

    machine->stream = g_strdup(options->stream);
    machine->driver = g_strdup(options->driver);
    machine->host = g_strdup(options->host);
    machine->mode = options->mode;
    machine->take = options->take;
    machine->gone = options->gone;
    machine->head = options->head;
    machine->fresh_boot_ms = INT64_MIN;
    machine->quiet_boot_ms = INT64_MIN;
    machine->away_boot_ms = INT64_MIN;
    machine->rollouts = g_ptr_array_new();
    machine->asked = g_hash_table_new(g_direct_hash, g_direct_equal);
    machine_agenda_init(machine);
    return machine;
}

void machine_blob_free(struct roll_blob *blob)
{
    if (!blob)
        return;
    g_string_free(blob->data, TRUE);
    g_free(blob);
}

static void free_rollout(struct rollout *rollout)
{
    for (size_t i = 0; i < rollout->n_jobs; i++) {
        machine_forget_outcome(&rollout->jobs[i]);
        machine_prune_clear(&rollout->jobs[i]);
    }
    if (rollout->pruned)
        g_hash_table_unref(rollout->pruned);
    g_hash_table_unref(rollout->by_name);
    machine_wait_free(rollout->wait);
    machine_window_free(rollout->window);
    json_decref(rollout->timing);
    g_free(rollout->jobs);
    g_free(rollout);
}

void roll_machine_free(struct roll_machine *machine)
{
    if (!machine)
        return;
    machine_append_free(machine->append);
    json_decref(machine->today);
    for (guint i = 0; i < machine->rollouts->len; i++)
        free_rollout(g_ptr_array_index(machine->rollouts, i));
    g_ptr_array_unref(machine->rollouts);
    if (machine->sequence)
        g_ptr_array_unref(machine->sequence);
    if (machine->rings)
        g_array_unref(machine->rings);
    g_queue_clear(&machine->freed);
    g_queue_clear(&machine->starts);
    g_queue_clear(&machine->records);
    g_queue_clear(&machine->fenced);
    g_sequence_free(machine->agenda);
    g_hash_table_unref(machine->asked);
    roll_choice_free(machine->back);
    g_free(machine->no_back);
    g_free(machine->claimant);
    g_free(machine->stream);
    g_free(machine->driver);
    g_free(machine->host);
    g_free(machine);
}

static void init_job(struct job *job, struct rollout *rollout, size_t index)
{
    job->rollout = rollout;
    job->index = index;
    job->target = g_ptr_array_index(rollout->order->targets, index);
    job->attempt = 1;
    job->trouble_boot_ms = job->missing_boot_ms = job->probe_boot_ms = -1;
}

/* Another rollout becomes the own one: what was folded of the former one's life is not this one's.
 */
static void own(struct roll_machine *machine, struct rollout *rollout)
{
    machine->own = rollout;
    machine->failed = machine->occupied = 0;
    machine->touched = machine->claimed = false;
    g_clear_pointer(&machine->claimant, g_free);
    if (machine->end != ROLL_END_UNKNOWN_KIND)
        machine->end = ROLL_END_NONE;
    for (guint i = 0; i < machine->rollouts->len; i++) {
        struct rollout *other = g_ptr_array_index(machine->rollouts, i);
        for (size_t j = 0; j < other->n_jobs; j++)
            other->jobs[j].occupies = false;
    }
    machine_sequence_init(machine);
}

void roll_machine_add(struct roll_machine *machine, int64_t number, const struct roll_order *order)
{
    struct rollout *rollout = g_new0(struct rollout, 1);

    /* Known of the one that is gone on with, or that is superseded; not of what these took the
     * place of, which may have been driven elsewhere. */
    for (guint i = 0; number && i < machine->rollouts->len; i++)
        ((struct rollout *)g_ptr_array_index(machine->rollouts, i))->gone = false;
    rollout->number = number;
    rollout->gone = number && machine->gone;
    rollout->order = order;
    rollout->n_jobs = order->targets->len;
    rollout->jobs = g_new0(struct job, rollout->n_jobs);
    rollout->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < rollout->n_jobs; i++) {
        init_job(&rollout->jobs[i], rollout, i);
        g_hash_table_insert(rollout->by_name, rollout->jobs[i].target->name, &rollout->jobs[i]);
    }
    g_ptr_array_add(machine->rollouts, rollout);
    own(machine, rollout);
}

void roll_machine_add_stray(struct roll_machine *machine, int64_t number,
                            const struct roll_order *order)
{
    roll_machine_add(machine, number, order);
    machine->own->stray = true;
}

void roll_machine_request(struct roll_machine *machine,
                          const struct roll_rollout_requested *request,
                          const struct roll_order *order, const GPtrArray *blobs)
{
    roll_machine_add(machine, 0, order);
    machine->request = request;
    machine->request_blobs = blobs;
    machine->own->wait = machine_wait_new(request);
    machine_window_set(machine->own, json_object_get(request->gates, "timing"));
}

void roll_machine_govern(struct roll_machine *machine, json_t *timing)
{
    json_incref(timing);
    json_decref(machine->today);
    machine->today = timing;
}

static struct job *take_question(struct roll_machine *machine, uint64_t id)
{
    struct job *job = g_hash_table_lookup(machine->asked, GSIZE_TO_POINTER(id));

    if (!job)
        return NULL;
    g_hash_table_remove(machine->asked, GSIZE_TO_POINTER(id));
    job->asked = 0;
    return job;
}

/* A job's question is answered once; whatever comes later, twice or without a question is dropped.
 */
static void observe_job(struct roll_machine *machine, const struct roll_observation *observation)
{
    struct job *job = take_question(machine, observation->id);

    if (!job || machine->end) {
        machine_blob_free(observation->result);
        if (observation->leftovers)
            g_ptr_array_unref(observation->leftovers);
        return;
    }
    if (observation->kind == ROLL_SAW_PROBED)
        machine_probed(machine, job, observation);
    else if (observation->kind == ROLL_SAW_LEFTOVERS)
        machine_sorted(machine, job, observation->leftovers);
    else
        machine_reply(machine, job, observation);
}

static void observe_back(struct roll_machine *machine, const struct roll_observation *observation)
{
    if (observation->id != machine->back_asked || machine->back_known) {
        roll_choice_free(observation->choice);
        return;
    }
    machine->back_known = true;
    machine->back = observation->choice;
    machine->no_back = g_strdup(observation->message);
}

void roll_machine_observe(struct roll_machine *machine, const struct roll_observation *observation,
                          int64_t wall_ms, int64_t boot_ms)
{
    machine->wall_ms = wall_ms;
    machine->boot_ms = boot_ms;
    switch (observation->kind) {
    case ROLL_SAW_APPENDED:
    case ROLL_SAW_CONFLICT:
    case ROLL_SAW_APPEND_FAILED:
    case ROLL_SAW_APPEND_AWAY:
        if (machine->append && machine->append->id == observation->id)
            machine_append_answer(machine, observation->kind, observation->behind);
        break;
    case ROLL_SAW_REPLY:
    case ROLL_SAW_PROBED:
    case ROLL_SAW_LEFTOVERS:
        observe_job(machine, observation);
        break;
    case ROLL_SAW_BACK:
        observe_back(machine, observation);
        break;
    case ROLL_SAW_GATE:
    case ROLL_SAW_START:
        machine_wait_answer(machine, observation);
        break;
    case ROLL_SAW_DETACH:
        machine->detach = true;
        break;
    }
}

static bool say_done(struct roll_machine *machine, struct roll_action *ret_action)
{
    if (machine->done)
        return false;
    machine->done = true;
    *ret_action = (struct roll_action){
        .id = ++machine->last_id,
        .kind = ROLL_ACTION_DONE,
        .rollout = machine->own->number,
        .request_hash = machine->own->hash,
        .end = machine->end,
        .next_rollout = machine->next_rollout,
    };
    return true;
}

static bool act(struct roll_machine *machine, struct roll_action *ret_action)
{
    struct job *job;

    while ((job = machine_agenda_take(machine))) {
        if (machine_act(machine, job, ret_action))
            return true;
    }
    return false;
}

static bool decide_back(struct roll_machine *machine, struct roll_action *ret_action)
{
    if (machine->back_asked || !machine_back_wanted(machine))
        return false;
    machine->back_asked = ++machine->last_id;
    *ret_action = (struct roll_action){
        .id = machine->back_asked,
        .kind = ROLL_ACTION_DECIDE_BACK,
        .rollout = machine->own->number,
        .request_hash = machine->own->hash,
    };
    return true;
}

/* When all that is left cannot be learned by this process, it gives its claim back and goes. */
static bool append(struct roll_machine *machine, struct roll_action *ret_action)
{
    if (machine_append_due(machine, ret_action))
        return true;
    if (machine->end || !machine_is_stuck(machine))
        return false;
    machine->detach = true;
    return machine_append_due(machine, ret_action);
}

static int64_t wake(const struct roll_machine *machine)
{
    int64_t at = INT64_MAX, bake = machine_bake_left(machine),
            window = machine_window_left(machine);

    if (machine->begun && !machine->detach)
        at = machine_agenda_next(machine);
    if (machine->append)
        return at;
    at = MIN(at, machine_wait_boot(machine));
    if (bake > 0)
        at = MIN(at, machine->boot_ms + bake);
    if (window > 0 && window != INT64_MAX)
        at = MIN(at, machine->boot_ms + window);
    return MIN(at,
               machine_is_away(machine) ? machine->away_boot_ms : machine_renewal_boot(machine));
}

bool roll_machine_next(struct roll_machine *machine, int64_t wall_ms, int64_t boot_ms,
                       struct roll_action *ret_action, int64_t *ret_wake_boot_ms)
{
    machine->wall_ms = wall_ms;
    machine->boot_ms = boot_ms;
    *ret_wake_boot_ms = INT64_MAX;
    if (!machine->opened)
        machine_open(machine);
    if (!machine->end && machine->begun && !machine->detach) {
        if (act(machine, ret_action))
            return true;
        machine_advance(machine);
        machine_prune_advance(machine);
        if (act(machine, ret_action)) /* of leftovers that were begun with just now */
            return true;
        if (decide_back(machine, ret_action))
            return true;
    }
    if (!machine->end && machine_wait_ask(machine, ret_action))
        return true;
    if (!machine->end && append(machine, ret_action))
        return true;
    if (machine->end)
        return say_done(machine, ret_action);
    *ret_wake_boot_ms = wake(machine);
    return false;
}

static const char *state_name(const struct roll_machine *machine)
{
    static const char *const ends[] = {
        [ROLL_END_SUCCEEDED] = "succeeded",   [ROLL_END_FAILED] = "failed",
        [ROLL_END_FAILED_BACK] = "failed",    [ROLL_END_CANCELLED] = "cancelled",
        [ROLL_END_SUPERSEDED] = "superseded", [ROLL_END_REFUSED] = "refused",
        [ROLL_END_EXPIRED] = "expired",
    };

    if (machine->end < G_N_ELEMENTS(ends) && ends[machine->end])
        return ends[machine->end];
    if (machine_waits(machine) || machine_window_left(machine) > 0)
        return "waiting";
    if (machine->counts[ROLL_TARGET_WAITING] == machine->own->n_jobs)
        return "requested";
    if (machine_bake_left(machine) > 0)
        return "verifying";
    if (machine->counts[ROLL_TARGET_CHECKING] > 0 && machine->counts[ROLL_TARGET_RUNNING] == 0)
        return "verifying";
    return "running";
}

void roll_machine_view(const struct roll_machine *machine, struct roll_machine_view *ret_view)
{
    int64_t bake = machine_bake_left(machine);

    *ret_view = (struct roll_machine_view){
        .rollout = machine->own->number,
        .state = state_name(machine),
        .ring = (int)MIN(machine->ring, machine->rings->len - 1),
        .rings = (int)machine->rings->len,
        .until_boot_ms = bake > 0 ? machine->boot_ms + bake : 0,
        .waits_for =
            machine_waits(machine) ? machine_waits_for(machine) : machine_window_why(machine),
    };
    memcpy(ret_view->counts, machine->counts, sizeof ret_view->counts);
}

enum roll_target_state roll_machine_target_state(const struct roll_machine *machine, size_t index)
{
    return machine->own->jobs[index].state;
}
