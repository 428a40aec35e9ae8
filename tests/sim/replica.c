/* Replicas of a shared ledger: each host has a real ledger (in memory) and the real module sync,
 * above a model of the store (store.c). What a command does before and after it drives, and what
 * the driver does with the ledger, is done here as src/cli/share.c, src/rollout/driver.c and
 * driver_behind.c do it. The facts are folded from each replica's own course of the stream: its
 * rules are judged by what that replica knows. */
#include "replica.h"

#include <stdlib.h>

#include "release/internal.h"
#include "rollbook/plan.h"
#include "rollbook/sync.h"
#include "rollbook/time.h"
#include "rollout/driver.h"
#include "rollout/machine.h"

enum { TRIES = 5 };

const struct roll_actor sim_somebody = {.claimed = (char *)(uintptr_t) "somebody"};

/* Only what says nothing of the store is part of the game. */
bool sim_is_fine(struct world *world, struct roll_error *err, const char *what)
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
        sim_is_fine(world, roll_ledger_rehearse(NULL, &blanks[host]), "making a ledger");
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
        sim_is_fine(world, roll_ledger_rehearse(blank(world, i), &replica->ledger), "a ledger");
        sim_is_fine(world, roll_sync_new(&store, &replica->sync), "a sync");
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

struct replica *sim_replica_here(const struct world *world)
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
    copy->beside_at = event->beside_at;
    g_ptr_array_add(user, copy);
    return NULL;
}

/* Places before the last one that was seen have changed: waiting events were put behind others',
 * or a side stream of this replica took its place in the main stream. */
static bool has_parted(struct world *world)
{
    struct replica *replica = sim_replica_here(world);
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
    sim_replica_here(world)->seen = (struct roll_head){0};
}

static guint count_main(const GPtrArray *events)
{
    guint count = 0;

    for (guint i = 0; i < events->len; i++)
        count += !roll_number_is_side(((const struct roll_event *)events->pdata[i])->seq);
    return count;
}

/* The first of the last `own` events of the main stream, or of the side stream. */
guint sim_replica_first_own(const GPtrArray *events, guint own, bool aside)
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
void sim_replica_see(struct world *world, const char *driver, guint own)
{
    struct replica *replica = sim_replica_here(world);
    bool aside = roll_ledger_is_aside(replica->ledger);
    g_autoptr(GPtrArray) events = g_ptr_array_new();

    guint before = count_main(world->here->events);
    bool was_aside = roll_number_is_side(replica->seen.seq);

    if (has_parted(world))
        forget(world);
    guint known = world->here->events->len;
    if (!sim_is_fine(world,
                     roll_ledger_events(replica->ledger, SIM_STREAM,
                                        known ? replica->seen.seq + 1 : 1, collect, events),
                     "reading"))
        return;
    /* What came into the main stream since is not heard of by who drives aside. */
    world->here->apart |= was_aside && count_main(events) > before;
    guint first = own ? sim_replica_first_own(events, own, aside) : events->len;
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

    roll_error_free(roll_ledger_head(sim_replica_here(world)->ledger, SIM_STREAM, &head));
    return head.seq;
}

/* ---- before a command decides ---------------------------------------------------------------- */

/* As the command's process: its own handles of the ledger and of the store. */
void sim_replica_act_as(struct world *world, bool emergency, bool aside)
{
    struct replica *replica = sim_replica_here(world);

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
        err = roll_sync_push(replica->sync, replica->ledger, &sim_somebody, NULL);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            break;
    }
    return err;
}

static bool exchange(struct world *world, bool hurry)
{
    struct replica *replica = sim_replica_here(world);

    sim_replica_act_as(world, false, false);
    roll_sync_hurry(replica->sync, hurry);
    struct roll_error *err = exchange_once(replica);
    roll_sync_hurry(replica->sync, false);
    bool good = sim_is_fine(world, err, "exchanging with the store");
    sim_replica_see(world, NULL, 0);
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
    roll_error_free(roll_sync_knows(sim_replica_here(world)->ledger, &knows));
    if (!knows || !emergency)
        return false;
    sim_trace(world, "host %d goes on aside", host);
    *ret_aside = world->emergency = true;
    sim_replica_act_as(world, true, false);
    sim_is_fine(world, roll_ledger_go_aside(sim_replica_here(world)->ledger), "going aside");
    sim_replica_see(world, NULL, 0);
    return true;
}

/* The team learns at once what was done aside, when the store is back. */
void sim_replica_come_home(struct world *world, struct process *process)
{
    if (process->shared->aside && process->shared->emergency)
        exchange(world, true);
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

    sim_is_fine(world, roll_order_write(order, &blob->data), "an order");
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

    int floor = world->here->holdings[sim_target_index(row->target)].floor;
    if (row->floor != floor)
        sim_violate(world, "the ledger says that the floor of %s is %d, and not %d", row->target,
                    (int)row->floor, floor);
    if (!row->dirty && row->release)
        sim_check_live_release(world, sim_target_index(row->target), sim_release(row->release));
    return NULL;
}

/* What was marked bad by whichever side is bad, unless a forward of the main stream lifted that. */
static struct roll_error *check_marks(struct world *world)
{
    for (int release = 1; release <= world->releases; release++) {
        bool bad = g_hash_table_contains(world->here->bad, GINT_TO_POINTER(release));
        g_autofree char *name = g_strdup_printf("v%d", release);
        const char *where = NULL;
        ROLL_TRY(roll_ledger_bad(sim_replica_here(world)->ledger, SIM_STREAM, name, &where));
        if (bad != (where != NULL))
            sim_violate(world,
                        bad ? "%s was marked bad, and is not" : "%s is bad, and nobody says so",
                        name);
    }
    return NULL;
}

/* Whoever set a hold is heard, and of two backs the later one. */
static struct roll_error *check_holds(void *user, const struct roll_environment_row *row)
{
    struct world *world = user;
    const struct view *view = world->here;

    if (row->hold != (view->back > 0) || row->hold_rollout != view->back ||
        row->hold_by_person != view->hold)
        sim_violate(world,
                    "the hold is of #%" G_GINT64_FORMAT " in the ledger, of #%" G_GINT64_FORMAT
                    " by what was said; a person's: %d and %d",
                    row->hold_rollout, view->back, row->hold_by_person, view->hold);
    return NULL;
}

static struct roll_error *check(struct world *world)
{
    struct roll_ledger *ledger = sim_replica_here(world)->ledger;
    g_autoptr(GArray) open = NULL;
    bool equal = false;

    ROLL_TRY(roll_ledger_targets(ledger, SIM_STREAM, NULL, check_target, world));
    ROLL_TRY(roll_ledger_open_rollouts(ledger, SIM_STREAM, &open));
    if (open->len > 0)
        sim_violate(world, "the ledger says that #%d is open",
                    (int)g_array_index(open, int64_t, 0));
    ROLL_TRY(check_marks(world));
    ROLL_TRY(roll_ledger_environments(ledger, SIM_STREAM, check_holds, world));
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
        sim_replica_see(world, NULL, 0);
    }
    for (int i = 1; i < world->hosts; i++)
        check_equal(world, i);
    sim_look(world, (int)(world->config.seed / 7 % (uint64_t)world->hosts));
    sim_replica_act_as(world, false, false);
    sim_is_fine(world, check(world), "looking at the ledger");
    sim_look(world, 0);
}
