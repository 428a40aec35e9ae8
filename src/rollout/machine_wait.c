/* What comes before the first claim (DESIGN section 7). A rollout that has to wait stands in the
 * ledger and is nobody's: any process may evaluate its gates, and whoever first sees that all has
 * passed claims it. That claim, which does not settle, is the durable fact that it had.
 *
 * Verdicts of gates and refusals are facts of the stream. Whether enough people have approved, a
 * window is open and nothing else is in the way is asked of the driver (ROLL_ACTION_START): the
 * answer counts only for the head that it was asked on, and the claim's compare-and-swap sees to
 * it that nothing came in between.
 *
 * What it took the place of may still be under way. That is ended first, under a claim that
 * settles, so that no intent is orphaned however the waiting ends. */
#include "rollout/machine.h"

#include "rollbook/json.h"

#define ASK_AGAIN_MIN_MS 1000
#define ASK_AGAIN_MS (INT64_C(60) * 1000)

/* ---- facts ---------------------------------------------------------------------------------- */

static void gate_free(gpointer data)
{
    struct gate *gate = data;

    if (gate->answer)
        roll_event_body_free(ROLL_EVENT_gate_evaluated, gate->answer);
    machine_blob_free(gate->result);
    g_free(gate->name);
    g_free(gate->verdict);
    g_free(gate->summary);
    g_free(gate);
}

void machine_wait_free(struct wait *wait)
{
    if (!wait)
        return;
    g_ptr_array_unref(wait->gates);
    g_free(wait->rejection);
    g_free(wait->why);
    g_free(wait);
}

struct wait *machine_wait_new(const struct roll_rollout_requested *request)
{
    const json_t *before = json_object_get(request->gates, "before");
    bool asks = json_array_size(json_object_get(request->gates, "approvals")) > 0 ||
                json_is_true(json_object_get(request->gates, "wait"));
    struct wait *wait;
    size_t index;
    json_t *name;

    if (!asks && json_array_size(before) == 0 && request->not_before == 0)
        return NULL;
    wait = g_new0(struct wait, 1);
    wait->not_before = request->not_before;
    wait->expires = request->expires;
    wait->asked_head = -1;
    wait->again_boot_ms = INT64_MIN;
    wait->gates = g_ptr_array_new_with_free_func(gate_free);
    json_array_foreach (before, index, name) {
        struct gate *gate = g_new0(struct gate, 1);
        gate->name = g_strdup(json_is_string(name) ? json_string_value(name) : "");
        g_ptr_array_add(wait->gates, gate);
    }
    return wait;
}

void machine_fold_rejected(struct rollout *rollout, const struct roll_approval_rejected *body)
{
    struct wait *wait = rollout->wait;

    if (wait->rejected)
        return;
    wait->rejected = true;
    wait->rejection = g_strdup_printf("refused by %s%s%s", body->approver, body->reason ? ": " : "",
                                      body->reason ? body->reason : "");
}

/* The last verdict counts: who evaluates again has a reason to. */
void machine_fold_gate(struct rollout *rollout, const struct roll_gate_evaluated *body)
{
    for (guint i = 0; i < rollout->wait->gates->len; i++) {
        struct gate *gate = g_ptr_array_index(rollout->wait->gates, i);
        if (strcmp(gate->name, body->gate) != 0)
            continue;
        g_free(gate->verdict);
        gate->verdict = g_strdup(body->verdict);
        g_free(gate->summary);
        gate->summary = g_strdup(body->summary);
    }
}

/* ---- where it stands ------------------------------------------------------------------------ */

static void set_why(struct wait *wait, char *why_take)
{
    g_free(wait->why);
    wait->why = why_take;
}

/* The first gate that was evaluated and not passed. */
static const struct gate *gate_not_passed(const struct wait *wait)
{
    for (guint i = 0; i < wait->gates->len; i++) {
        const struct gate *gate = g_ptr_array_index(wait->gates, i);
        if (gate->verdict && strcmp(gate->verdict, "passed") != 0)
            return gate;
    }
    return NULL;
}

static bool all_passed(const struct wait *wait)
{
    for (guint i = 0; i < wait->gates->len; i++) {
        const struct gate *gate = g_ptr_array_index(wait->gates, i);
        if (!gate->verdict || strcmp(gate->verdict, "passed") != 0)
            return false;
    }
    return true;
}

/* Nothing can start it any more: how it ends, and why. */
static enum roll_machine_end hopeless(const struct roll_machine *machine)
{
    const struct wait *wait = machine->own->wait;

    if (machine->own->cancelling)
        return ROLL_END_CANCELLED;
    if (wait->rejected || gate_not_passed(wait))
        return ROLL_END_REFUSED;
    return wait->expires > 0 && machine->wall_ms >= wait->expires ? ROLL_END_EXPIRED
                                                                  : ROLL_END_NONE;
}

bool machine_waits(const struct roll_machine *machine)
{
    const struct rollout *own = machine->own;

    if (own->number == 0 || !own->wait || own->started || own->ended)
        return false;
    return machine->mode == ROLL_MACHINE_DRIVE || machine_wait_over(machine);
}

/* Nothing can start it any more, and nothing is under way: whoever comes by ends it. */
bool machine_wait_over(const struct roll_machine *machine)
{
    const struct rollout *own = machine->own;

    return own->number > 0 && own->wait && !own->started && !own->ended &&
           hopeless(machine) != ROLL_END_NONE && machine_count_intents(machine) == 0;
}

static char *why_hopeless(const struct wait *wait, enum roll_machine_end end)
{
    const struct gate *gate = gate_not_passed(wait);

    if (end == ROLL_END_EXPIRED)
        return g_strdup("it waited for too long");
    if (end != ROLL_END_REFUSED)
        return NULL;
    if (wait->rejected)
        return g_strdup(wait->rejection);
    return g_strdup_printf("gate '%s' %s%s%s", gate->name,
                           strcmp(gate->verdict, "failed") == 0 ? "was not passed"
                                                                : "could not be evaluated",
                           gate->summary ? ": " : "", gate->summary ? gate->summary : "");
}

/* ---- questions ------------------------------------------------------------------------------ */

static void ask(struct roll_machine *machine, enum roll_action_kind kind, const char *gate,
                uint64_t *ret_asked, struct roll_action *ret_action)
{
    *ret_asked = ++machine->last_id;
    *ret_action = (struct roll_action){
        .id = *ret_asked,
        .kind = kind,
        .rollout = machine->own->number,
        .request_hash = machine->own->hash,
        .gate = gate,
    };
}

static bool ask_gate(struct roll_machine *machine, struct roll_action *ret_action)
{
    const struct wait *wait = machine->own->wait;

    for (guint i = 0; i < wait->gates->len; i++) {
        struct gate *gate = g_ptr_array_index(wait->gates, i);
        if (gate->verdict || gate->asked || gate->answer)
            continue;
        ask(machine, ROLL_ACTION_GATE, gate->name, &gate->asked, ret_action);
        return true;
    }
    return false;
}

/* A yes counts only for what it was asked on. */
static bool may_start_now(const struct roll_machine *machine, const struct wait *wait)
{
    return wait->may_start && wait->asked_head == machine->head;
}

/* Something was written since the last answer, or it was long ago. */
static bool start_is_open(const struct roll_machine *machine, const struct wait *wait)
{
    return wait->asked_head != machine->head || machine->boot_ms >= wait->again_boot_ms;
}

static bool ask_start(struct roll_machine *machine, struct roll_action *ret_action)
{
    struct wait *wait = machine->own->wait;

    if (!all_passed(wait) || wait->asked || machine->wall_ms < wait->not_before ||
        may_start_now(machine, wait) || !start_is_open(machine, wait))
        return false;
    wait->asked_head = machine->head;
    wait->may_start = false;
    ask(machine, ROLL_ACTION_START, NULL, &wait->asked, ret_action);
    return true;
}

bool machine_wait_ask(struct roll_machine *machine, struct roll_action *ret_action)
{
    if (!machine_waits(machine) || machine->detach || machine->append ||
        hopeless(machine) != ROLL_END_NONE)
        return false;
    return ask_gate(machine, ret_action) || ask_start(machine, ret_action);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void answer_gate(struct gate *gate, const struct roll_observation *observation)
{
    gate->asked = 0;
    gate->answer = g_new0(struct roll_gate_evaluated, 1);
    gate->answer->gate = g_strdup(gate->name);
    gate->answer->verdict = g_strdup(observation->verdict ? observation->verdict : "error");
    gate->answer->summary =
        observation->message ? g_utf8_make_valid(observation->message, -1) : NULL;
    gate->answer->scripts = json_deep_copy(observation->scripts);
    gate->result = observation->result;
    if (gate->result)
        gate->answer->result = g_strdup(gate->result->digest);
}

static struct gate *gate_asked(const struct wait *wait, uint64_t id)
{
    for (guint i = 0; wait && i < wait->gates->len; i++) {
        struct gate *gate = g_ptr_array_index(wait->gates, i);
        if (gate->asked == id)
            return gate;
    }
    return NULL;
}

static void answer_start(struct roll_machine *machine, struct wait *wait,
                         const struct roll_observation *observation)
{
    int64_t again = observation->retry_after_ms;

    wait->asked = 0;
    wait->may_start = observation->healthy;
    /* Where nobody could look, those recorded count again. */
    roll_machine_govern(machine, (json_t *)(uintptr_t)observation->timing);
    wait->again_boot_ms = machine->boot_ms +
                          (again < 0 ? ASK_AGAIN_MS : CLAMP(again, ASK_AGAIN_MIN_MS, ASK_AGAIN_MS));
    set_why(wait, observation->healthy ? NULL : g_strdup(observation->message));
}

void machine_wait_answer(struct roll_machine *machine, const struct roll_observation *observation)
{
    struct wait *wait = machine->own->wait;
    struct gate *gate =
        observation->kind == ROLL_SAW_GATE ? gate_asked(wait, observation->id) : NULL;

    if (gate)
        answer_gate(gate, observation);
    else
        machine_blob_free(observation->result);
    if (observation->kind == ROLL_SAW_START && wait && wait->asked == observation->id)
        answer_start(machine, wait, observation);
}

/* ---- what goes into the ledger -------------------------------------------------------------- */

/* Another process may have evaluated it meanwhile: then its word stands. */
static void draft_verdicts(struct roll_machine *machine, struct append *append)
{
    const struct wait *wait = machine->own->wait;

    for (guint i = 0; i < wait->gates->len; i++) {
        const struct gate *gate = g_ptr_array_index(wait->gates, i);
        if (!gate->answer || gate->verdict)
            continue;
        gate->answer->rollout = machine->own->number;
        machine_draft(machine, append, ROLL_EVENT_gate_evaluated, gate->answer);
        if (gate->result)
            g_ptr_array_add(append->blobs, gate->result);
    }
}

/* Under a claim that settles: what was superseded is ended, then the claim is given back. */
static void build_tidying(struct roll_machine *machine, struct append *append)
{
    if (machine->renew || machine_renewal_due(machine))
        machine_draft_claim(machine, append, machine->own->number, true);
    machine_draft_records(machine, append);
    if (!machine->detach &&
        (machine->inherited > append->records->len || !g_queue_is_empty(&machine->records)))
        return;
    machine_draft_detached(machine, append, machine->detach ? ROLL_END_WAITING : ROLL_END_NONE);
    append->tidied = true;
}

static void leave(struct roll_machine *machine, struct append *append)
{
    if (append->drafts->len == 0)
        machine_finish(machine, ROLL_END_WAITING);
    append->ending = ROLL_END_WAITING;
}

static void build_end_or_start(struct roll_machine *machine, struct append *append)
{
    struct wait *wait = machine->own->wait;
    enum roll_machine_end end = hopeless(machine);

    if (end != ROLL_END_NONE) {
        set_why(wait, why_hopeless(wait, end));
        machine_draft_end(machine, append, end);
    } else if (may_start_now(machine, wait) && all_passed(wait)) {
        machine_draft_claim(machine, append, machine->own->number, false);
    }
}

void machine_wait_build(struct roll_machine *machine, struct append *append)
{
    if (machine->claimed) {
        build_tidying(machine, append);
        return;
    }
    draft_verdicts(machine, append);
    if (machine->detach)
        leave(machine, append);
    else if (append->drafts->len > 0)
        return;
    else if (machine_claim_refused(machine))
        return; /* somebody else tidies */
    else if (machine_count_intents(machine) > 0)
        machine_draft_claim(machine, append, machine->own->number, true);
    else
        build_end_or_start(machine, append);
}

/* ---- when, and why not ---------------------------------------------------------------------- */

static int64_t boot_of(const struct roll_machine *machine, int64_t wall_ms)
{
    return machine->boot_ms + MAX(wall_ms - machine->wall_ms, 0);
}

int64_t machine_wait_boot(const struct roll_machine *machine)
{
    const struct wait *wait = machine->own->wait;
    int64_t at = INT64_MAX;
    int64_t lapses =
        machine->until - machine->ahead_ms + (machine->corrected ? MACHINE_BLUR_MS : 0);

    if (!machine_waits(machine) || machine->claimed)
        return at;
    if (wait->expires > machine->wall_ms)
        at = MIN(at, boot_of(machine, wait->expires));
    if (machine->wall_ms < wait->not_before)
        at = MIN(at, boot_of(machine, wait->not_before));
    else if (hopeless(machine) == ROLL_END_NONE && all_passed(wait) && !wait->asked &&
             !wait->may_start)
        at = MIN(at, wait->again_boot_ms);
    if (machine->claimant && !machine->claimed && lapses > machine->wall_ms)
        at = MIN(at, boot_of(machine, lapses));
    return MAX(at, machine->boot_ms + 1);
}

const char *machine_waits_for(const struct roll_machine *machine)
{
    const struct wait *wait = machine->own->wait;

    if (!machine_waits(machine) || machine->claimed || machine->append || machine->end ||
        machine_count_intents(machine) > 0 || !all_passed(wait))
        return NULL;
    if (machine->wall_ms < wait->not_before)
        return "its time";
    if (wait->asked || wait->may_start || wait->asked_head != machine->head)
        return NULL;
    return wait->why ? wait->why : "an approval or a window";
}
