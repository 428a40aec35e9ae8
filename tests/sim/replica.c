/* Replicas of a shared ledger: each host has a real ledger (in memory) and the real module sync,
 * above a model of the store (store.c). What a command does before and after it drives, and what
 * the driver does with the ledger, is done here as src/cli/share.c, src/rollout/driver.c and
 * driver_behind.c do it. The facts are folded from each replica's own course of the stream: its
 * rules are judged by what that replica knows. */
#include "sim.h"

#include <stdlib.h>

#include "release/internal.h"
#include "rollbook/plan.h"
#include "rollbook/sync.h"
#include "rollbook/time.h"
#include "rollout/driver.h"
#include "rollout/machine.h"

enum { TRIES = 5, FOLLOW_MS = 200, FLUSH_MS = 2000, PAUSE_MS = 5000, AWAY_MS = 2000 };

struct replica {
    struct roll_ledger *ledger;
    struct roll_sync *sync;
    struct roll_head seen; /* the last event that its view has */
};

struct shared_driver {
    struct roll_driver driver; /* the real one's memory of places in the stream */
    struct roll_driver_options options;
    bool emergency, aside; /* of its command: may go on without the store; does */
    bool following;
    int64_t first;    /* where its machine's folding began */
    GPtrArray *blobs; /* of its request */
};

static const struct roll_actor somebody = {.claimed = (char *)(uintptr_t) "somebody"};

/* Only what says nothing of the store is part of the game. */
static bool is_fine(struct world *world, struct roll_error *err, const char *what)
{
    bool fine = !err || roll_sync_is_absent(err) || err->code == ROLL_E_CONFLICT;

    if (!fine)
        sim_violate(world, "%s: %s", what, roll_error_innermost(err));
    else if (err)
        sim_trace(world, "host %d: %s: %s", world->host, what, err->message);
    bool good = !err;
    roll_error_free(err);
    return good;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* One for each host, so that its replica has a name of its own; made once, and copied from then on.
 */
static struct roll_ledger *blank(struct world *world, int host)
{
    static struct roll_ledger *blanks[SIM_HOSTS];

    if (!blanks[host])
        is_fine(world, roll_ledger_rehearse(NULL, &blanks[host]), "making a ledger");
    return blanks[host];
}

void __wrap_roll_uuid_random(char ret_uuid[ROLL_UUID_SIZE]);
static int uuid_host;
void __wrap_roll_uuid_random(char ret_uuid[ROLL_UUID_SIZE])
{
    g_snprintf(ret_uuid, ROLL_UUID_SIZE, "%08d-0000-4000-8000-000000000000",
               11111111 * (uuid_host + 1));
}

void sim_replicas_open(struct world *world)
{
    const struct roll_store store = {.account = (char[]){"sim"},
                                     .container = (char[]){"sim"},
                                     .prefix = (char[]){"ledger"},
                                     .cloud = (char[]){"public"},
                                     .endpoint = (char[]){"http://127.0.0.1:1/sim"}};

    g_setenv("ARM_ACCESS_KEY", "c2lt", FALSE);
    sim_store_open(world);
    world->replicas = g_new0(struct replica, SIM_HOSTS);
    world->hosts = (int)sim_between(world, SIM_PLAN, 2, SIM_HOSTS);
    for (int i = 0; i < world->hosts; i++) {
        struct replica *replica = &world->replicas[i];
        uuid_host = i;
        is_fine(world, roll_ledger_rehearse(blank(world, i), &replica->ledger), "a ledger");
        is_fine(world, roll_sync_new(&store, &replica->sync), "a sync");
    }
    sim_look(world, 0);
}

void sim_replicas_close(struct world *world)
{
    if (!world->replicas)
        return;
    for (int i = 0; i < world->hosts; i++) {
        roll_sync_free(world->replicas[i].sync);
        roll_ledger_close(world->replicas[i].ledger);
    }
    g_free(world->replicas);
    sim_store_close(world);
}

static struct replica *here(const struct world *world)
{
    return &world->replicas[world->host];
}

/* ---- the lock of who drives ------------------------------------------------------------------ */

static struct world *locking;

struct roll_error *__wrap_roll_ledger_lock(struct roll_ledger *ledger, const char *stream,
                                           int64_t rollout, struct roll_lock **ret_lock);
struct roll_error *__wrap_roll_ledger_lock(struct roll_ledger *ledger, const char *stream,
                                           int64_t rollout, struct roll_lock **ret_lock)
{
    const struct fact *fact = sim_fact(locking, rollout);
    int host = -1;
    bool held = fact && sim_driver_alive(locking, fact->claimant, &host) && host == locking->host;

    (void)ledger, (void)stream;
    *ret_lock = held ? NULL : (struct roll_lock *)g_malloc(1);
    return NULL;
}

void __wrap_roll_lock_free(struct roll_lock *lock);
void __wrap_roll_lock_free(struct roll_lock *lock)
{
    g_free(lock);
}

/* ---- the view -------------------------------------------------------------------------------- */

static struct roll_error *collect(void *user, const struct roll_event *event)
{
    struct roll_event *copy = roll_event_new(event->stream, event->seq, event->at, &event->actor,
                                             event->kind, event->body);

    memcpy(copy->hash, event->hash, sizeof copy->hash);
    g_ptr_array_add(user, copy);
    return NULL;
}

/* Places before the last one that was seen have changed: waiting events were put behind others',
 * or a side stream of this replica took its place in the main stream. */
static bool has_parted(struct world *world)
{
    struct replica *replica = here(world);
    roll_auto(event) struct roll_event *last = NULL;

    if (replica->seen.seq == 0)
        return false;
    if (roll_number_is_side(replica->seen.seq))
        return true;
    struct roll_error *err =
        roll_ledger_event(replica->ledger, SIM_STREAM, replica->seen.seq, &last);
    bool same = !err && strcmp(last->hash, replica->seen.hash) == 0;
    roll_error_free(err);
    return !same;
}

static void forget(struct world *world)
{
    bool apart = world->here->apart;

    sim_view_clear(world->here);
    sim_view_init(world->here);
    world->here->apart = apart;
    here(world)->seen = (struct roll_head){0};
}

static guint count_main(const GPtrArray *events)
{
    guint count = 0;

    for (guint i = 0; i < events->len; i++)
        count += !roll_number_is_side(((const struct roll_event *)events->pdata[i])->seq);
    return count;
}

/* The first of the last `own` events of the main stream, or of the side stream. */
static guint first_own(const GPtrArray *events, guint own, bool aside)
{
    guint i = events->len;

    while (i > 0 && own > 0) {
        const struct roll_event *event = events->pdata[--i];
        own -= roll_number_is_side(event->seq) == aside;
    }
    return own > 0 ? events->len : i;
}

/* Takes what is new. own: so many events at the end of their stream were said by driver just now,
 * and are judged. */
static void see(struct world *world, const char *driver, guint own)
{
    struct replica *replica = here(world);
    bool aside = roll_ledger_is_aside(replica->ledger);
    g_autoptr(GPtrArray) events = g_ptr_array_new();

    guint before = count_main(world->here->events);
    bool was_aside = roll_number_is_side(replica->seen.seq);

    if (has_parted(world))
        forget(world);
    guint known = world->here->events->len;
    if (!is_fine(world,
                 roll_ledger_events(replica->ledger, SIM_STREAM, known ? replica->seen.seq + 1 : 1,
                                    collect, events),
                 "reading"))
        return;
    /* What came into the main stream since is not heard of by who drives aside. */
    world->here->apart |= was_aside && count_main(events) > before;
    guint first = own ? first_own(events, own, aside) : events->len;
    for (guint i = 0; i < events->len; i++) {
        struct roll_event *event = events->pdata[i];
        bool is_own = i >= first && roll_number_is_side(event->seq) == aside;
        sim_take_event(world, is_own ? driver : NULL, event);
        replica->seen.seq = event->seq;
        memcpy(replica->seen.hash, event->hash, sizeof event->hash);
    }
}

int64_t sim_replica_head(const struct world *world)
{
    struct roll_head head = {0};

    roll_error_free(roll_ledger_head(here(world)->ledger, SIM_STREAM, &head));
    return head.seq;
}

/* ---- before a command decides ---------------------------------------------------------------- */

/* As the command's process: its own handles of the ledger and of the store. */
static void act_as(struct world *world, bool emergency, bool aside)
{
    struct replica *replica = here(world);

    locking = world;
    roll_sync_attach(replica->sync, replica->ledger, emergency);
    roll_ledger_set_aside(replica->ledger, aside);
}

static struct roll_error *exchange_once(struct replica *replica)
{
    struct roll_error *err = NULL;

    for (int tries = 0; tries < TRIES; tries++) {
        roll_error_free(err);
        ROLL_TRY(roll_sync_pull(replica->sync, replica->ledger, NULL));
        err = roll_sync_push(replica->sync, replica->ledger, &somebody, NULL);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            break;
    }
    return err;
}

static bool exchange(struct world *world, bool hurry)
{
    struct replica *replica = here(world);

    act_as(world, false, false);
    roll_sync_hurry(replica->sync, hurry);
    struct roll_error *err = exchange_once(replica);
    roll_sync_hurry(replica->sync, false);
    bool good = is_fine(world, err, "exchanging with the store");
    see(world, NULL, 0);
    sim_processes_notice(world, NULL);
    return good;
}

/* False: the command ends here. *ret_aside: it goes on without the store. */
bool sim_share(struct world *world, int host, bool emergency, bool *ret_aside)
{
    bool knows = false;

    sim_look(world, host);
    *ret_aside = false;
    if (!world->replicas)
        return true;
    if (sim_chance(world, SIM_AWAY, 150))
        sim_store_go_away(world, host);
    if (exchange(world, emergency))
        return true;
    roll_error_free(roll_sync_knows(here(world)->ledger, &knows));
    if (!knows || !emergency)
        return false;
    sim_trace(world, "host %d goes on aside", host);
    *ret_aside = world->emergency = true;
    act_as(world, true, false);
    is_fine(world, roll_ledger_go_aside(here(world)->ledger), "going aside");
    see(world, NULL, 0);
    return true;
}

/* The team learns at once what was done aside, when the store is back. */
static void come_home(struct world *world, struct process *process)
{
    if (process->shared->aside && process->shared->emergency)
        exchange(world, true);
}

/* Of drivers that never wait. */
static struct roll_loop *idle_loop(struct world *world)
{
    static struct roll_loop *loop;

    if (!loop)
        is_fine(world, roll_loop_new(&loop), "a loop");
    return loop;
}

/* ---- a driver's place in the stream ---------------------------------------------------------- */

void sim_shared_start(struct world *world, struct process *process)
{
    struct shared_driver *shared = g_new0(struct shared_driver, 1);
    struct replica *replica = here(world);

    shared->options = (struct roll_driver_options){.ledger = replica->ledger,
                                                   .loop = idle_loop(world),
                                                   .sync = replica->sync,
                                                   .actor = somebody};
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
    return g_strdup_printf("host:%.8s", roll_ledger_replica(here(world)->ledger));
}

void sim_shared_as(struct process *process, bool emergency, bool aside)
{
    process->shared->emergency = emergency;
    process->shared->aside = aside;
}

void sim_shared_enter(struct world *world, const struct process *process)
{
    act_as(world, process->shared->emergency, process->shared->aside);
    roll_driver_set_clock(&process->shared->driver);
}

static void leave(struct world *world, struct process *process)
{
    bool aside = roll_ledger_is_aside(here(world)->ledger);

    if (aside && !process->shared->aside)
        sim_trace(world, "p%d     goes on aside", process->id);
    process->shared->aside = aside;
    process->head = process->shared->driver.head.seq;
}

void sim_shared_catch_up(struct world *world, struct process *process)
{
    sim_shared_enter(world, process);
    is_fine(world, roll_driver_catch_up(&process->shared->driver), "catching up");
    leave(world, process);
}

/* By the real driver: what it took the place of, and what was heard of too late. */
void sim_shared_add(struct world *world, struct process *process, int64_t own, int64_t supersedes)
{
    struct roll_driver *driver = &process->shared->driver;
    driver->machine = process->machine; /* the automatic back has another one */
    sim_shared_enter(world, process);
    is_fine(world, roll_driver_add_rollouts(driver, own, supersedes, &process->shared->first),
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
    is_fine(world, roll_ledger_unsettled(here(world)->ledger, SIM_STREAM, &numbers), "intents");
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
        is_fine(world, roll_ledger_head(driver->options->ledger, SIM_STREAM, &driver->head),
                "head");
    } else {
        is_fine(world, roll_driver_note_waiting(driver), "waiting");
        driver->head = (struct roll_head){.seq = first - 1};
        driver->replaying = true;
        is_fine(world, roll_driver_catch_up(driver), "folding");
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
    struct roll_error *err = roll_ledger_event(here(world)->ledger, SIM_STREAM, head->seq, &last);
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

    roll_error_free(roll_ledger_events(here(world)->ledger, SIM_STREAM, first, fold, &folding));
}

/* ---- appends --------------------------------------------------------------------------------- */

static struct roll_error *append(struct world *world, struct process *process,
                                 const struct pending_append *append, bool behind)
{
    struct roll_ledger *ledger = here(world)->ledger;
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
        return roll_ledger_append_behind(ledger, &somebody, &expect, drafts, append->events->len,
                                         objects, append->objects->len);
    return roll_ledger_append(ledger, &somebody, 0, &expect, 1, drafts, append->events->len,
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
    struct roll_ledger *ledger = here(world)->ledger;
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
    bool good = is_fine(world, flush(world, process), "following");
    see(world, NULL, 0);
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
    return roll_ledger_is_shared(here(world)->ledger) && roll_sync_is_absent(err) &&
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

    bool aside = roll_ledger_is_aside(here(world)->ledger);

    for (guint i = first_own(events, count, aside); i < events->len; i++) {
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
    see(world, process->driver, err ? 0 : pending->events->len);
    if (!err)
        note_numbers(world, process, pending->events->len);
    if (!err && !pending->seen.behind)
        process->append_ms = pending->at_ms;
    pending->boot_ms = started;
    is_fine(world, err, "appending");
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
    is_fine(world, roll_driver_catch_up(driver), "catching up");
    driver->appended_behind = false;
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
    struct roll_ledger *ledger = here(world)->ledger;
    struct roll_error *err = NULL;

    for (int tries = 0; tries < TRIES; tries++) {
        struct roll_expect expect = {.stream = SIM_STREAM};
        roll_error_free(err);
        err = roll_ledger_head(ledger, SIM_STREAM, &expect.head);
        if (!err)
            err = roll_ledger_append(ledger, &somebody, 0, &expect, 1, &draft, 1, NULL, 0, NULL);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            break;
    }
    bool good = is_fine(world, err, "saying");
    see(world, "person", good);
    return good;
}

void sim_shared_done(struct world *world, struct process *process)
{
    sim_shared_enter(world, process);
    is_fine(world, flush(world, process), "following at the end");
    see(world, NULL, 0);
    leave(world, process);
    come_home(world, process);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void free_blob(gpointer data)
{
    release_blob_free(data);
}

/* Enters the order into a request; what is returned goes with it. */
struct roll_blob *sim_shared_seal(struct world *world, struct roll_rollout_requested *request,
                                  const struct roll_order *order)
{
    struct roll_blob *blob = g_new0(struct roll_blob, 1);

    is_fine(world, roll_order_write(order, &blob->data), "an order");
    roll_sha256_hex(blob->data->str, blob->data->len, blob->digest);
    g_free(request->order);
    request->order = g_strdup(blob->digest);
    g_hash_table_replace(world->orders_by_digest, g_strdup(blob->digest),
                         (gpointer)(uintptr_t)order);
    return blob;
}

const GPtrArray *sim_shared_keep(struct process *process, struct roll_blob *blob_take)
{
    process->shared->blobs = g_ptr_array_new_with_free_func(free_blob);
    g_ptr_array_add(process->shared->blobs, blob_take);
    return process->shared->blobs;
}

/* ---- who was here last ----------------------------------------------------------------------- */

/* By the tags of ARM's newest deployments: is there one of a rollout that is not known here? */
bool sim_replica_is_surprised(const struct world *world, bool *ret_aside)
{
    *ret_aside = false;
    for (int i = 0; i < world->n_targets; i++) {
        const struct deployment *newest = sim_newest(world, i);
        if (!newest || sim_fact(world, newest->rollout))
            continue;
        *ret_aside = roll_number_is_side(newest->rollout);
        return true;
    }
    return false;
}

/* ---- rest ------------------------------------------------------------------------------------ */

void sim_replicas_exchange(struct world *world)
{
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < world->hosts; i++) {
            sim_look(world, i);
            exchange(world, false);
        }
}

static void check_equal(struct world *world, int host)
{
    const GPtrArray *first = world->views[0].events, *other = world->views[host].events;

    if (first->len != other->len)
        sim_violate(world, "host 0 knows %u events, host %d %u", first->len, host, other->len);
    for (guint i = 0; i < MIN(first->len, other->len); i++) {
        const struct roll_event *a = first->pdata[i], *b = other->pdata[i];
        if (a->seq != b->seq || strcmp(a->hash, b->hash) != 0)
            sim_violate(world, "event %u is another one for host %d", i, host);
    }
}

static struct roll_error *check_target(void *user, const struct roll_target_row *row)
{
    struct world *world = user;

    if (!row->dirty && row->release)
        sim_check_live_release(world, sim_target_index(row->target), sim_release(row->release));
    return NULL;
}

/* What was marked bad by whichever side is bad. */
static struct roll_error *check_marks(struct world *world)
{
    GHashTableIter iter;
    gpointer release;

    g_hash_table_iter_init(&iter, world->here->bad);
    while (g_hash_table_iter_next(&iter, &release, NULL)) {
        g_autofree char *name = g_strdup_printf("v%d", GPOINTER_TO_INT(release));
        const char *where = NULL;
        ROLL_TRY(roll_ledger_bad(here(world)->ledger, SIM_STREAM, name, &where));
        if (!where)
            sim_violate(world, "%s was marked bad, and is not", name);
    }
    return NULL;
}

static struct roll_error *check(struct world *world)
{
    struct roll_ledger *ledger = here(world)->ledger;
    g_autoptr(GArray) open = NULL;
    bool equal = false;

    ROLL_TRY(roll_ledger_targets(ledger, SIM_STREAM, NULL, check_target, world));
    ROLL_TRY(roll_ledger_open_rollouts(ledger, SIM_STREAM, &open));
    if (open->len > 0)
        sim_violate(world, "the ledger says that #%d is open",
                    (int)g_array_index(open, int64_t, 0));
    ROLL_TRY(check_marks(world));
    ROLL_TRY(roll_ledger_rebuild(ledger, &equal));
    if (!equal)
        sim_violate(world, "rebuilt tables differ at host %d", world->host);
    return NULL;
}

/* Every replica has the same course of events, and the real ledger says of it what is so. */
void sim_replicas_check(struct world *world)
{
    for (int i = 0; i < world->hosts; i++) {
        sim_look(world, i);
        forget(world);
        see(world, NULL, 0);
    }
    for (int i = 1; i < world->hosts; i++)
        check_equal(world, i);
    sim_look(world, (int)(world->config.seed / 7 % (uint64_t)world->hosts));
    act_as(world, false, false);
    is_fine(world, check(world), "looking at the ledger");
    sim_look(world, 0);
}
