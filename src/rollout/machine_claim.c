/* Who drives (DESIGN section 4). A claim stands until its time by the wall clock; whoever takes
 * over appends first. A PUT leaves only under our own unlapsed claim and shortly after our last
 * append: time that passed in between, asleep or suspended, makes the driver ask the ledger again
 * whether it still is the driver. */
#include "rollout/machine.h"

#define SLOW_APPENDS_MAX 5
#define AWAY_MIN_MS 5000
#define AWAY_MAX_MS 30000

void machine_fold_claimed(struct roll_machine *machine, const struct roll_rollout_claimed *claim)
{
    bool mine = strcmp(claim->driver, machine->driver) == 0;
    bool tidies = claim->settle && machine_waits(machine); /* it does not start what waits */

    if (machine->own->number == 0 || claim->rollout != machine->own->number)
        return;
    if (!mine && (machine->claimed || (machine->opened && !tidies)))
        machine_finish(machine, ROLL_END_FENCED);
    g_free(machine->claimant);
    machine->claimant = g_strdup(claim->driver);
    machine->until = claim->until;
    machine->claimed = mine;
}

void machine_fold_detached(struct roll_machine *machine, const struct roll_rollout_detached *body)
{
    if (body->rollout != machine->own->number || g_strcmp0(body->driver, machine->claimant) != 0)
        return;
    g_clear_pointer(&machine->claimant, g_free);
    machine->claimed = false;
}

/* Replicas whose clocks differ mean the same instant by it. */
static int64_t claim_time(const struct roll_machine *machine)
{
    return machine->wall_ms + machine->ahead_ms;
}

void roll_machine_set_clock(struct roll_machine *machine, bool known, int64_t ahead_ms)
{
    machine->corrected = known;
    machine->ahead_ms = known ? ahead_ms : 0;
}

static bool is_anothers(const struct roll_machine *machine)
{
    return machine->claimant && !machine->claimed && !machine->gone;
}

static bool stands(const struct roll_machine *machine)
{
    int64_t blur = machine->corrected ? MACHINE_BLUR_MS : 0;

    return is_anothers(machine) && machine->until + blur > claim_time(machine);
}

/* Of clocks that are far apart nobody knows what they will say next: who takes over then is silent
 * until nothing of the other one can leave any more. */
bool machine_claim_refused(struct roll_machine *machine)
{
    bool doubtful = is_anothers(machine) && ABS(machine->ahead_ms) > MACHINE_SKEW_MS;

    machine->unseen = is_anothers(machine) || machine->take;
    machine->overrule = machine->take && (stands(machine) || doubtful);
    return stands(machine) && !machine->take;
}

bool roll_machine_may_put(const struct roll_machine *machine, int64_t wall_ms, int64_t boot_ms)
{
    return !machine->end && machine->claimed && wall_ms + machine->ahead_ms < machine->until &&
           machine->fresh_boot_ms != INT64_MIN && boot_ms >= machine->quiet_boot_ms &&
           boot_ms - machine->fresh_boot_ms <= ROLL_FENCE_MS;
}

bool machine_may_put(const struct roll_machine *machine)
{
    return roll_machine_may_put(machine, machine->wall_ms, machine->boot_ms);
}

bool machine_renewal_due(const struct roll_machine *machine)
{
    return machine->claimed && machine->until - claim_time(machine) <= ROLL_CLAIM_RENEW_MS;
}

int64_t machine_renewal_boot(const struct roll_machine *machine)
{
    if (!machine->claimed)
        return INT64_MAX;
    return machine->boot_ms + MAX(machine->until - ROLL_CLAIM_RENEW_MS - claim_time(machine), 0);
}

/* Without any is as good as with none. */
static bool rules_changed(const struct roll_machine *machine)
{
    const json_t *then = machine->own->timing, *today = machine->today;

    if (!today || (json_object_size(today) == 0 && json_object_size(then) == 0))
        return false;
    return !json_equal(today, then);
}

void machine_draft_claim(struct roll_machine *machine, struct append *append, int64_t number,
                         bool settle)
{
    struct roll_rollout_claimed *body = machine_body(append, struct roll_rollout_claimed);

    *body = (struct roll_rollout_claimed){
        .rollout = number,
        .driver = machine->driver,
        .host = machine->host,
        .until = claim_time(machine) + ROLL_CLAIM_MS,
        .settle = settle,
        .timing = !settle && number == machine->own->number && rules_changed(machine)
                      ? machine->today
                      : NULL,
    };
    machine_draft(machine, append, ROLL_EVENT_rollout_claimed, body);
}

/* The fence counts from when the append was asked for: it was durable some time after that, so the
 * time is on the safe side. A ledger that takes longer than the fence each time would keep every
 * PUT back for ever. */
static void watch_slow_ledger(struct roll_machine *machine, const struct append *append)
{
    if (g_queue_is_empty(&machine->fenced) || machine->boot_ms - append->boot_ms <= ROLL_FENCE_MS)
        machine->slow = 0;
    else if (++machine->slow >= SLOW_APPENDS_MAX)
        machine_finish(machine, ROLL_END_ERROR);
}

/* ---- the shared store is out of reach ------------------------------------------------------- */

bool machine_is_away(const struct roll_machine *machine)
{
    return machine->boot_ms < machine->away_boot_ms;
}

bool roll_machine_can_wait(const struct roll_machine *machine)
{
    return !machine->end && machine->begun && machine->claimed &&
           machine->mode == ROLL_MACHINE_DRIVE;
}

/* What runs is followed, and recorded here; what needs the store (a renewal, a new intent) waits.
 * A PUT leaves under an unlapsed claim only, however long that takes; and whoever takes the rollout
 * over meanwhile is heard of with the next append that the store takes. */
void machine_go_away(struct roll_machine *machine)
{
    machine->away_pause_ms = CLAMP(machine->away_pause_ms * 2, AWAY_MIN_MS, AWAY_MAX_MS);
    machine->away_boot_ms = machine->boot_ms + machine->away_pause_ms;
}

static void come_back(struct roll_machine *machine)
{
    machine->away_boot_ms = INT64_MIN;
    machine->away_pause_ms = 0;
}

void machine_appended(struct roll_machine *machine, const struct append *append)
{
    struct job *job;

    if (!append->behind) {
        come_back(machine);
        machine->fresh_boot_ms = append->boot_ms;
        machine->renew = false;
        watch_slow_ledger(machine, append);
    }
    if (machine->overrule && machine->claimed) {
        machine->overrule = false;
        machine->quiet_boot_ms = machine->boot_ms + ROLL_FENCE_MS;
    }
    while ((job = g_queue_pop_head(&machine->fenced)))
        machine_due(machine, job, machine->boot_ms);
}

void roll_machine_published(struct roll_machine *machine, int64_t boot_ms)
{
    come_back(machine);
    if (machine->fresh_boot_ms != INT64_MIN)
        machine->fresh_boot_ms = MAX(machine->fresh_boot_ms, boot_ms);
}
