/* A driver above a replica: its place in the stream, what it appends, and what follows into the
 * store. As src/rollout/driver.c and driver_behind.c do it. */
#include "replica.h"

#include <stdlib.h>

#include "rollbook/time.h"
#include "rollout/machine.h"

enum { TRIES = 5, FOLLOW_MS = 200, FLUSH_MS = 2000, PAUSE_MS = 5000 };

/* Of drivers that never wait. */
static struct roll_loop *idle_loop(struct world *world)
{
    static struct roll_loop *loop;

    if (!loop)
        sim_is_fine(world, roll_loop_new(&loop), "a loop");
    return loop;
}

/* ---- a driver's place in the stream ---------------------------------------------------------- */

void sim_shared_start(struct world *world, struct process *process)
{
    struct shared_driver *shared = g_new0(struct shared_driver, 1);
    struct replica *replica = sim_replica_here(world);

    shared->options = (struct roll_driver_options){.ledger = replica->ledger,
                                                   .loop = idle_loop(world),
                                                   .sync = replica->sync,
                                                   .actor = sim_somebody};
    roll_driver_init(&shared->driver, &shared->options, SIM_STREAM);
    g_strlcpy(shared->driver.driver_id, process->driver, sizeof shared->driver.driver_id);
    shared->driver.machine = process->machine;
    process->shared = shared;
}

void sim_shared_free(struct shared_driver *shared)
{
    if (!shared)
        return;
    shared->driver.machine = NULL; /* the process's */
    roll_driver_clear(&shared->driver);
    if (shared->blobs)
        g_ptr_array_unref(shared->blobs);
    g_free(shared);
}

char *sim_replica_host(const struct world *world)
{
    return g_strdup_printf("host:%.8s", roll_ledger_replica(sim_replica_here(world)->ledger));
}

void sim_shared_as(struct process *process, bool emergency, bool aside)
{
    process->shared->emergency = emergency;
    process->shared->aside = aside;
}

void sim_shared_enter(struct world *world, const struct process *process)
{
    sim_replica_act_as(world, process->shared->emergency, process->shared->aside);
    roll_driver_set_clock(&process->shared->driver);
}

static void leave(struct world *world, struct process *process)
{
    bool aside = roll_ledger_is_aside(sim_replica_here(world)->ledger);

    if (aside && !process->shared->aside)
        sim_trace(world, "p%d     goes on aside", process->id);
    process->shared->aside = aside;
    process->head = process->shared->driver.head.seq;
}

void sim_shared_catch_up(struct world *world, struct process *process)
{
    sim_shared_enter(world, process);
    sim_is_fine(world, roll_driver_catch_up(&process->shared->driver), "catching up");
    leave(world, process);
}

/* By the real driver: what it took the place of, and what was heard of too late. */
void sim_shared_add(struct world *world, struct process *process, int64_t own, int64_t supersedes)
{
    struct roll_driver *driver = &process->shared->driver;
    driver->machine = process->machine; /* the automatic back has another one */
    sim_shared_enter(world, process);
    sim_is_fine(world, roll_driver_add_rollouts(driver, own, supersedes, &process->shared->first),
                "knowing rollouts");
    for (guint i = 0; i < process->machine->rollouts->len; i++) {
        const struct rollout *rollout = process->machine->rollouts->pdata[i];
        g_ptr_array_add(process->added, GSIZE_TO_POINTER((gsize)rollout->number));
    }
}

const struct fact *sim_shared_unsettled(struct world *world)
{
    g_autoptr(GArray) numbers = NULL;

    if (!world->replicas)
        return NULL;
    sim_is_fine(world, roll_ledger_unsettled(sim_replica_here(world)->ledger, SIM_STREAM, &numbers),
                "intents");
    if (!numbers || numbers->len == 0)
        return NULL;
    return sim_fact(world, g_array_index(numbers, int64_t, numbers->len - 1));
}

/* Or nothing of what was is its business. */
void sim_shared_fold_from(struct world *world, struct process *process)
{
    int64_t first = process->shared->first;
    struct roll_driver *driver = &process->shared->driver;

    sim_shared_enter(world, process);
    if (first == INT64_MAX) {
        sim_is_fine(world, roll_ledger_head(driver->options->ledger, SIM_STREAM, &driver->head),
                    "head");
    } else {
        sim_is_fine(world, roll_driver_note_waiting(driver), "waiting");
        driver->head = (struct roll_head){.seq = first - 1};
        driver->replaying = true;
        sim_is_fine(world, roll_driver_catch_up(driver), "folding");
        driver->replaying = false;
    }
    roll_driver_set_clock(driver);
    leave(world, process);
}

/* What it folded last has its place still. */
bool sim_shared_is_settled(const struct world *world, const struct process *process)
{
    const struct roll_head *head = &process->shared->driver.head;
    roll_auto(event) struct roll_event *last = NULL;
    struct roll_error *err =
        roll_ledger_event(sim_replica_here(world)->ledger, SIM_STREAM, head->seq, &last);
    bool same = !err && strcmp(last->hash, head->hash) == 0;

    roll_error_free(err);
    return same;
}

struct folding {
    struct roll_machine *machine;
    int64_t last;
    bool done;
};

static struct roll_error *fold(void *user, const struct roll_event *event)
{
    struct folding *folding = user;

    if (!folding->done)
        roll_machine_fold(folding->machine, event);
    folding->done |= event->seq == folding->last;
    return NULL;
}

void sim_shared_fold(const struct world *world, struct roll_machine *machine,
                     const struct process *process)
{
    struct folding folding = {machine, process->head, false};
    int64_t first = process->shared->first;

    if (first == INT64_MAX) /* its own request is the first */
        first = (int64_t)GPOINTER_TO_SIZE(process->added->pdata[0]);

    roll_error_free(
        roll_ledger_events(sim_replica_here(world)->ledger, SIM_STREAM, first, fold, &folding));
}

/* ---- appends --------------------------------------------------------------------------------- */

static struct roll_error *append(struct world *world, struct process *process,
                                 const struct pending_append *append, bool behind)
{
    struct roll_ledger *ledger = sim_replica_here(world)->ledger;
    const struct roll_expect expect = {.stream = SIM_STREAM, .head = process->shared->driver.head};
    g_autofree struct roll_draft *drafts = g_new0(struct roll_draft, append->events->len);
    g_autofree struct roll_object *objects = g_new0(struct roll_object, append->objects->len + 1);

    for (guint i = 0; i < append->events->len; i++) {
        const struct roll_event *event = append->events->pdata[i];
        drafts[i] = (struct roll_draft){SIM_STREAM, event->kind, event->body};
    }
    for (guint i = 0; i < append->objects->len; i++) {
        const GString *object = append->objects->pdata[i];
        objects[i] = (struct roll_object){object->str, object->len};
    }
    if (behind)
        return roll_ledger_append_behind(ledger, &sim_somebody, &expect, drafts,
                                         append->events->len, objects, append->objects->len);
    return roll_ledger_append(ledger, &sim_somebody, 0, &expect, 1, drafts, append->events->len,
                              objects, append->objects->len, NULL);
}

static void follow(struct world *world, struct process *process, int64_t delay_ms);

static void note_waiting(const struct roll_waiting *waiting, bool *asks)
{
    *asks |= strcmp(waiting->stream, SIM_STREAM) == 0;
}

static struct roll_error *see_waiting(void *user, const struct roll_waiting *waiting)
{
    note_waiting(waiting, user);
    return NULL;
}

/* As driver_behind.c's flush. */
static struct roll_error *flush(struct world *world, struct process *process)
{
    struct roll_driver *driver = &process->shared->driver;
    struct roll_ledger *ledger = sim_replica_here(world)->ledger;
    int64_t started = sim_boot(world, process->host);
    bool asks = false;

    ROLL_TRY(roll_ledger_waiting(ledger, see_waiting, &asks));
    ROLL_TRY(roll_ledger_flush(ledger, FLUSH_MS));
    ROLL_TRY(roll_driver_catch_up(driver));
    if (asks && roll_ledger_is_shared(ledger)) {
        roll_machine_published(process->machine, started);
        process->append_ms = world->now;
    }
    roll_driver_published(driver, asks ? started : driver->append_boot_ms);
    return NULL;
}

static void follow_now(struct world *world, void *data)
{
    struct process *process = data;

    if (!process->alive)
        return;
    sim_look(world, process->host);
    if (world->now < process->paused_until) {
        follow(world, process, process->paused_until - world->now);
        return;
    }
    process->shared->following = false;
    sim_shared_enter(world, process);
    bool good = sim_is_fine(world, flush(world, process), "following");
    sim_replica_see(world, NULL, 0);
    leave(world, process);
    if (!good)
        follow(world, process, PAUSE_MS);
    sim_process_pump(world, process);
}

static void follow(struct world *world, struct process *process, int64_t delay_ms)
{
    if (process->shared->following && delay_ms == FOLLOW_MS)
        return;
    process->shared->following = true;
    sim_at(world, delay_ms, follow_now, process, NULL);
}

/* As driver.c's kind_of. */
static enum roll_observation_kind kind_of(struct world *world, const struct process *process,
                                          const struct roll_error *err)
{
    if (roll_error_code(err) == ROLL_E_CONFLICT)
        return ROLL_SAW_CONFLICT;
    return roll_ledger_is_shared(sim_replica_here(world)->ledger) && roll_sync_is_absent(err) &&
                   roll_machine_can_wait(process->machine)
               ? ROLL_SAW_APPEND_AWAY
               : ROLL_SAW_APPEND_FAILED;
}

static bool is_ours(const struct process *process, const struct roll_event *event)
{
    return strcmp(roll_event_body(event, rollout_claimed)->driver, process->driver) == 0;
}

static void note_numbers(struct world *world, struct process *process, guint count)
{
    GPtrArray *events = world->here->events;

    bool aside = roll_ledger_is_aside(sim_replica_here(world)->ledger);

    for (guint i = sim_replica_first_own(events, count, aside); i < events->len; i++) {
        const struct roll_event *event = events->pdata[i];
        if (roll_number_is_side(event->seq) != aside)
            continue;
        if (event->kind == ROLL_EVENT_rollout_claimed && is_ours(process, event))
            process->claim_seq = event->seq;
        if (event->kind == ROLL_EVENT_rollout_requested && process->own == 0) {
            process->own = event->seq;
            g_ptr_array_add(process->added, GSIZE_TO_POINTER((gsize)event->seq));
        }
    }
}

/* Durable, or not, when this returns; the machine is told later. */
void sim_shared_append(struct world *world, struct process *process)
{
    struct roll_driver *driver = &process->shared->driver;
    struct pending_append *pending = process->append;
    g_autofree struct roll_draft *drafts = g_new0(struct roll_draft, pending->events->len);
    struct roll_action action = {.drafts = drafts, .n_drafts = pending->events->len};
    int64_t started = sim_boot(world, process->host) - (world->now - pending->at_ms);
    int64_t head = driver->head.seq;

    sim_shared_enter(world, process);
    for (guint i = 0; i < pending->events->len; i++)
        drafts[i] = (struct roll_draft){
            .kind = ((const struct roll_event *)pending->events->pdata[i])->kind,
            .body = ((const struct roll_event *)pending->events->pdata[i])->body,
        };
    pending->seen = (struct roll_observation){
        .id = pending->id,
        .kind = ROLL_SAW_APPENDED,
        .behind = roll_driver_may_follow(driver, &action),
    };
    /* It takes no time in the driver; here something may have come between. */
    struct roll_error *err = pending->expect == head
                                 ? append(world, process, pending, pending->seen.behind)
                                 : roll_error_new(ROLL_E_CONFLICT, "the stream has gone on");
    if (err)
        pending->seen.kind = kind_of(world, process, err);
    pending->last = err ? 0 : head + 1; /* else a conflict */
    sim_replica_see(world, process->driver, err ? 0 : pending->events->len);
    if (!err)
        note_numbers(world, process, pending->events->len);
    if (!err && !pending->seen.behind)
        process->append_ms = pending->at_ms;
    pending->boot_ms = started;
    sim_is_fine(world, err, "appending");
    leave(world, process);
    sim_processes_notice(world, process);
}

/* What it answered reaches the machine. */
void sim_shared_appended(struct world *world, struct process *process,
                         struct roll_observation *ret_seen)
{
    struct roll_driver *driver = &process->shared->driver;
    struct pending_append *pending = process->append;
    bool good = pending->seen.kind == ROLL_SAW_APPENDED;

    sim_shared_enter(world, process);
    driver->appended_behind = good && pending->seen.behind;
    sim_is_fine(world, roll_driver_catch_up(driver), "catching up");
    driver->appended_behind = false;
    if (pending->seen.kind == ROLL_SAW_CONFLICT)
        pending->seen.kind = roll_driver_conflict(driver);
    if (good && pending->seen.behind)
        follow(world, process, FOLLOW_MS);
    else if (good)
        roll_driver_published(driver, pending->boot_ms);
    leave(world, process);
    *ret_seen = pending->seen;
}

/* What a person says: it waits for the store. */
bool sim_shared_note(struct world *world, enum roll_event_kind kind, const void *body)
{
    const struct roll_draft draft = {SIM_STREAM, kind, body};
    struct roll_ledger *ledger = sim_replica_here(world)->ledger;
    struct roll_error *err = NULL;

    for (int tries = 0; tries < TRIES; tries++) {
        struct roll_expect expect = {.stream = SIM_STREAM};
        roll_error_free(err);
        err = roll_ledger_head(ledger, SIM_STREAM, &expect.head);
        if (!err)
            err =
                roll_ledger_append(ledger, &sim_somebody, 0, &expect, 1, &draft, 1, NULL, 0, NULL);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            break;
    }
    bool good = sim_is_fine(world, err, "saying");
    sim_replica_see(world, "person", good);
    return good;
}

void sim_shared_done(struct world *world, struct process *process)
{
    sim_shared_enter(world, process);
    sim_is_fine(world, flush(world, process), "following at the end");
    sim_replica_see(world, NULL, 0);
    leave(world, process);
    sim_replica_come_home(world, process);
}
