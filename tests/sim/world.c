/* Time, chance, and the run of one seed. */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>

/* One world in so many has a shared ledger: it takes as long as thirty others. */
#define SHARED_EVERY 128

/* Seeds modulo 20 of worlds where people want more (bits): none of those that found something
 * before there were any, so that these keep their histories. */
#define WISHES UINT32_C(0x24420)
#define WISHES_SHARED UINT32_C(0xa7ceb)

const char *const sim_trouble_names[SIM_TROUBLES] = {
    "crash",  "pause",  "lost",    "late",   "duplicate", "throttle", "busy",
    "refuse", "unsent", "missing", "denied", "fail",      "sick",     "slow",
    "noise",  "gate",   "clock",   "away",   "unheard",
};

/* ---- chance: SplitMix64, a stream for each purpose
 * ----------------------------------------------------------------------- */

static uint64_t draw(struct world *world, enum sim_chance stream)
{
    uint64_t value = (world->random[stream] += UINT64_C(0x9E3779B97F4A7C15));

    value = (value ^ (value >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94D049BB133111EB);
    return value ^ (value >> 31);
}

bool sim_chance(struct world *world, enum sim_chance stream, int per_mille)
{
    bool hit = (int)(draw(world, stream) % 1000) < per_mille;

    if (stream < SIM_TROUBLES && (world->calm || (world->config.off & (1U << stream))))
        return false;
    return hit;
}

int64_t sim_between(struct world *world, enum sim_chance stream, int64_t low, int64_t high)
{
    return low + (int64_t)(draw(world, stream) % (uint64_t)(high - low + 1));
}

/* ---- time
 * ----------------------------------------------------------------------------------------------------------------
 */

struct happening {
    int64_t at_ms;
    uint64_t order;
    sim_fn fn;
    void *data;
    GDestroyNotify free_data;
};

static gint compare(gconstpointer a, gconstpointer b, gpointer user)
{
    const struct happening *left = a, *right = b;

    (void)user;
    if (left->at_ms != right->at_ms)
        return left->at_ms < right->at_ms ? -1 : 1;
    return left->order < right->order ? -1 : left->order > right->order;
}

static void free_happening(gpointer data)
{
    struct happening *happening = data;

    if (happening->free_data)
        happening->free_data(happening->data);
    g_free(happening);
}

void sim_at(struct world *world, int64_t delay_ms, sim_fn fn, void *data, GDestroyNotify free_data)
{
    struct happening *happening = g_new(struct happening, 1);

    *happening =
        (struct happening){world->now + MAX(delay_ms, 0), ++world->orders, fn, data, free_data};
    g_sequence_insert_sorted(world->queue, happening, compare, NULL);
}

static bool happen(struct world *world)
{
    GSequenceIter *first = g_sequence_get_begin_iter(world->queue);
    struct happening *happening;

    if (g_sequence_iter_is_end(first))
        return false;
    happening = g_sequence_get(first);
    world->now = happening->at_ms;
    happening->fn(world, happening->data);
    g_sequence_remove(first);
    if (world->now > SIM_END_MS)
        sim_violate(world, "the run does not end: a day has passed");
    if (++world->steps > SIM_STEPS_MAX)
        sim_violate(world, "the run does not end: too many steps");
    return true;
}

/* ---- words
 * ----------------------------------------------------------------------------------------------------------------
 */

void sim_trace(struct world *world, const char *format, ...)
{
    va_list values;

    if (!world->config.verbose)
        return;
    printf("%9.3f  ", (double)world->now / 1000);
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    putchar('\n');
}

void sim_violate(struct world *world, const char *format, ...)
{
    va_list values;

    if (world->violation)
        return;
    va_start(values, format);
    world->violation = g_strdup_vprintf(format, values);
    va_end(values);
    sim_trace(world, "VIOLATION  %s", world->violation);
}

int sim_target_index(const char *name)
{
    return name[0] == 't' && name[1] >= '0' && name[1] < '0' + SIM_TARGETS_MAX && !name[2]
               ? name[1] - '0'
               : -1;
}

int sim_release(const char *version)
{
    return (int)g_ascii_strtoll(version + 1, NULL, 10);
}

/* ---- the run of one seed
 * ----------------------------------------------------------------------------------------------------
 */

static void free_event(gpointer event)
{
    roll_event_free(event);
}

static void free_order(gpointer order)
{
    roll_order_free(order);
}

static void free_process(gpointer process)
{
    sim_process_free(process);
}

static void free_intent(gpointer data)
{
    struct intent *intent = data;

    g_free(intent->name);
    g_free(intent->outcome);
    g_free(intent);
}

void sim_view_init(struct view *view)
{
    *view = (struct view){
        .events = g_ptr_array_new_with_free_func(free_event),
        .facts = g_ptr_array_new_with_free_func(g_free),
        .intents = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_intent),
        .bad = g_hash_table_new(NULL, NULL),
    };
}

void sim_view_clear(struct view *view)
{
    g_ptr_array_unref(view->events);
    g_ptr_array_unref(view->facts);
    g_hash_table_unref(view->intents);
    g_hash_table_unref(view->bad);
}

void sim_look(struct world *world, int host)
{
    world->host = host;
    world->here = &world->views[world->replicas ? host : 0];
}

static void free_deployment(gpointer data)
{
    struct deployment *deployment = data;

    g_free(deployment->name);
    g_free(deployment);
}

/* Kinds of trouble that came later leave the histories of seeds as they were. */
static int place_of(int chance)
{
    if (chance < SIM_AWAY || chance == SIM_WISHES)
        return chance;
    return chance < SIM_TROUBLES ? chance + 2 : chance - (SIM_TROUBLES - SIM_AWAY);
}

/* Clocks of hosts differ by less than a minute from each other. */
static void world_init(struct world *world, const struct sim_config *config)
{
    *world = (struct world){.config = *config};
    for (int i = 0; i < SIM_CHANCES; i++)
        world->random[i] = config->seed * UINT64_C(0xD1342543DE82EF95) +
                           (uint64_t)place_of(i) * UINT64_C(0x2545F4914F6CDD1D);
    world->tidy = config->seed % 3 == 2;
    world->wishes = (config->shared ? WISHES_SHARED : WISHES) >> config->seed % 20 & 1;
    world->queue = g_sequence_new(free_happening);
    world->hosts = SIM_HOSTS;
    for (int i = 0; i < SIM_HOSTS; i++)
        sim_view_init(&world->views[i]);
    world->here = &world->views[0];
    world->deployments = g_ptr_array_new_with_free_func(free_deployment);
    world->things = g_ptr_array_new_with_free_func(g_free);
    world->contents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    world->actions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    world->processes = g_ptr_array_new_with_free_func(free_process);
    world->timings = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    world->order_list = g_ptr_array_new_with_free_func(free_order);
    world->n_targets = (int)sim_between(world, SIM_PLAN, 1, SIM_TARGETS_MAX);
    if (config->targets)
        world->n_targets = MIN(world->n_targets, config->targets);
    world->longest_ms = sim_between(world, SIM_PLAN, 0, 2) ? 60000 : 2000;
    if (sim_between(world, SIM_PLAN, 0, 2) == 0)
        world->stacks = (int)sim_between(world, SIM_PLAN, 1, (1 << SIM_TARGETS_MAX) - 1);
    for (int i = 0; i < SIM_HOSTS; i++) {
        world->offset[i] = sim_between(world, SIM_PLAN, -29000, 29000);
        world->boot[i] = sim_between(world, SIM_PLAN, 0, 1000000);
    }
    if (config->shared || config->seed % SHARED_EVERY == SHARED_EVERY - 1) {
        world->tidy = false;
        world->stacks = 0;
        world->orders_by_digest = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        sim_replicas_open(world);
    }
}

static void world_clear(struct world *world)
{
    g_ptr_array_unref(world->processes);
    sim_replicas_close(world);
    if (world->orders_by_digest)
        g_hash_table_unref(world->orders_by_digest);
    g_sequence_free(world->queue);
    for (int i = 0; i < SIM_HOSTS; i++)
        sim_view_clear(&world->views[i]);
    g_ptr_array_unref(world->deployments);
    g_ptr_array_unref(world->things);
    g_hash_table_unref(world->contents);
    g_hash_table_unref(world->actions);
    g_ptr_array_unref(world->order_list);
    g_ptr_array_unref(world->timings);
}

static void let_time_pass(struct world *world, void *data)
{
    (void)world, (void)data;
}

/* False: there is neither an open rollout nor an unknown outcome. */
static bool go_on(struct world *world, int host)
{
    if (world->replicas)
        sim_replicas_exchange(world);
    sim_look(world, host);
    if (sim_open_rollout(world)) {
        sim_gates_help(world);
        sim_resume(world, host, true);
        return true;
    }
    bool unsettled = sim_shared_unsettled(world) != NULL;
    if (unsettled)
        sim_settle(world, host);
    return unsettled;
}

/* The trouble is over: what is open is resumed until nothing is, then everything must agree. */
static void bring_to_end(struct world *world)
{
    enum { TRIES = 13 };

    world->calm = true;
    for (int i = 0; i < TRIES && !world->violation && go_on(world, i % world->hosts); i++) {
        /* Whoever is told to wait for a time leaves at once, and by its clock that time has yet to
         * come; a freeze may last. */
        sim_at(world, 60000 * (i + 1), let_time_pass, NULL, NULL);
        while (!world->violation && happen(world))
            ;
    }
    if (!world->violation && world->replicas)
        sim_replicas_exchange(world);
    if (!world->violation && world->replicas)
        sim_replicas_check(world);
    if (!world->violation)
        sim_check_end(world);
}

char *sim_run(const struct sim_config *config)
{
    struct world world;

    world_init(&world, config);
    sim_people_start(&world);
    while (!world.violation && happen(&world))
        ;
    if (!world.violation)
        bring_to_end(&world);
    world_clear(&world);
    return world.violation;
}
