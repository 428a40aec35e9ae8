/* A driver as a process: it performs what the machine asks for, on a host with clocks of its own,
 * and may be killed or stand still at any action. */
#include "sim.h"

#include <stdlib.h>

int64_t sim_wall(const struct world *world, int host)
{
    return SIM_EPOCH_MS + world->now + world->offset[host];
}

int64_t sim_boot(const struct world *world, int host)
{
    return world->now + world->boot[host];
}

/* ---- life
 * ------------------------------------------------------------------------------------------------------------------
 */

struct process *sim_process_start(struct world *world, int host, enum roll_machine_mode mode,
                                  bool take, bool gone)
{
    struct process *process = g_new0(struct process, 1);
    struct roll_machine_options options = {
        .stream = SIM_STREAM, .host = "host", .mode = mode, .take = take, .gone = gone};
    g_autofree char *replica = NULL;

    sim_look(world, host);
    options.head = sim_head(world);
    process->id = (int)world->processes->len + 1;
    process->host = host;
    process->alive = true;
    process->mode = mode;
    process->take = take;
    process->gone = gone;
    process->append_ms = -1;
    process->added = g_ptr_array_new();
    process->cancelled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_snprintf(process->driver, sizeof process->driver, "%08x-0000-4000-8000-000000000000",
               (unsigned)process->id);
    options.driver = process->driver;
    if (world->replicas)
        options.host = replica = sim_replica_host(world);
    process->machine = roll_machine_new(&options);
    g_ptr_array_add(world->processes, process);
    if (world->replicas)
        sim_shared_start(world, process);
    return process;
}

static void free_append(struct pending_append *append)
{
    g_ptr_array_unref(append->events);
    g_ptr_array_unref(append->objects);
    g_free(append);
}

static void free_request(struct roll_rollout_requested *request)
{
    if (request)
        roll_event_body_free(ROLL_EVENT_rollout_requested, request);
}

void sim_process_free(struct process *process)
{
    roll_machine_free(process->machine);
    sim_shared_free(process->shared);
    if (process->append)
        free_append(process->append);
    free_request(process->request);
    g_ptr_array_unref(process->added);
    g_hash_table_unref(process->cancelled);
    g_free(process);
}

void sim_process_kill(struct world *world, struct process *process)
{
    sim_trace(world, "crash  process %d", process->id);
    process->alive = false;
}

bool sim_driver_alive(const struct world *world, const char *driver, int *ret_host)
{
    for (guint i = world->processes->len; i > 0; i--) {
        const struct process *process = g_ptr_array_index(world->processes, i - 1);
        if (strcmp(process->driver, driver) == 0) {
            *ret_host = process->host;
            return process->alive;
        }
    }
    return false;
}

int sim_alive(const struct world *world)
{
    int count = 0;

    for (guint i = 0; i < world->processes->len; i++)
        count += ((const struct process *)g_ptr_array_index(world->processes, i))->alive;
    return count;
}

/* ---- a machine from the ledger
 * --------------------------------------------------------------------------------------------- */

static void add(struct world *world, struct process *process, int64_t number)
{
    const struct fact *fact = sim_fact(world, number);

    if (fact->supersedes)
        add(world, process, fact->supersedes);
    roll_machine_add(process->machine, number, fact->order);
    g_ptr_array_add(process->added, GSIZE_TO_POINTER((gsize)number));
}

/* The rollout (0: a new one), and before it what it takes the place of (0: nothing). */
void sim_process_add_chain(struct world *world, struct process *process, int64_t own,
                           int64_t supersedes)
{
    if (process->shared)
        sim_shared_add(world, process, own, supersedes);
    else if (own || supersedes)
        add(world, process, own ? own : supersedes);
    process->own = own;
    process->order = own ? sim_fact(world, own)->order : NULL;
}

void sim_fold_added(const struct world *world, struct roll_machine *machine,
                    const struct process *process, int64_t head)
{
    int64_t first = process->added->len
                        ? (int64_t)GPOINTER_TO_SIZE(g_ptr_array_index(process->added, 0))
                        : head + 1;

    for (int64_t seq = first; seq <= head; seq++)
        roll_machine_fold(machine, g_ptr_array_index(world->here->events, (guint)seq - 1));
}

static void catch_up(struct world *world, struct process *process, int64_t head)
{
    if (process->shared) {
        sim_shared_catch_up(world, process);
        return;
    }
    for (; process->head < head; process->head++)
        roll_machine_fold(process->machine,
                          g_ptr_array_index(world->here->events, (guint)process->head));
}

/* ---- running
 * ------------------------------------------------------------------------------------------------------------------
 */

static void pump(struct world *world, struct process *process);

struct wake {
    struct process *process;
    uint64_t number;
};

static void wake(struct world *world, void *data)
{
    const struct wake *wake = data;

    if (wake->number == wake->process->wakes)
        pump(world, wake->process);
}

static void wake_at(struct world *world, struct process *process, int64_t delay_ms)
{
    struct wake *next = g_new(struct wake, 1);

    *next = (struct wake){process, ++process->wakes};
    sim_at(world, delay_ms, wake, next, g_free);
}

void sim_process_go(struct world *world, struct process *process)
{
    if (process->shared) {
        sim_shared_fold_from(world, process);
    } else {
        process->head = sim_head(world);
        sim_fold_added(world, process->machine, process, process->head);
    }
    wake_at(world, process, 0);
}

void sim_process_observe(struct world *world, struct process *process,
                         const struct roll_observation *observation)
{
    sim_look(world, process->host);
    if (process->shared)
        sim_shared_enter(world, process);
    roll_machine_observe(process->machine, observation, sim_wall(world, process->host),
                         sim_boot(world, process->host));
    pump(world, process);
}

void sim_process_pump(struct world *world, struct process *process)
{
    pump(world, process);
}

/* ---- answers from ARM
 * ------------------------------------------------------------------------------------------------------------
 */

struct delivery {
    struct process *process;
    int machine; /* which one of the process's asked: the automatic back has another */
    uint64_t id;
    struct answer answer;
};

/* What ARM said in full, as a driver hands it to the machine, which owns it from then on. */
static struct roll_blob *result_of(const struct answer *answer)
{
    struct roll_blob *blob;

    if (answer->arm_at == 0 && !answer->message)
        return NULL;
    blob = g_new0(struct roll_blob, 1);
    blob->data = g_string_new(answer->message ? answer->message : "{}");
    roll_sha256_hex(blob->data->str, blob->data->len, blob->digest);
    return blob;
}

static void deliver(struct world *world, void *data)
{
    struct delivery *delivery = data;
    struct process *process = delivery->process;
    struct roll_observation observation = {.id = delivery->id, .kind = ROLL_SAW_REPLY};

    if (!process->alive || process->machines != delivery->machine)
        return;
    if (world->now < process->paused_until) {
        struct delivery *later = g_memdup2(delivery, sizeof *delivery);
        sim_at(world, process->paused_until - world->now, deliver, later, g_free);
        return;
    }
    observation.outcome = delivery->answer.outcome;
    observation.state = delivery->answer.state;
    observation.code = delivery->answer.code;
    observation.message = delivery->answer.message;
    observation.correlation_id =
        delivery->answer.correlation[0] ? delivery->answer.correlation : NULL;
    observation.arm_at = delivery->answer.arm_at;
    observation.whole = delivery->answer.whole;
    observation.result = result_of(&delivery->answer);
    observation.retry_after_ms = delivery->answer.retry_after_ms;
    sim_trace(world, "p%d     reply to %d: %d %s %s", process->id, (int)delivery->id,
              observation.outcome, observation.state ? observation.state : "",
              observation.code ? observation.code : "");
    sim_process_observe(world, process, &observation);
}

void sim_answer(struct world *world, struct process *process, uint64_t id, int64_t delay_ms,
                const struct answer *answer)
{
    struct delivery *delivery = g_new(struct delivery, 1);

    *delivery = (struct delivery){process, process->machines, id, *answer};
    sim_at(world, delay_ms, deliver, delivery, g_free);
}

/* ---- appends
 * ------------------------------------------------------------------------------------------------------------------------
 */

static void append_done(struct world *world, void *data);

static void append_reaches_ledger(struct world *world, void *data)
{
    struct process *process = data;
    struct pending_append *append = process->append;

    if (!process->alive && sim_chance(world, SIM_CRASH, 500))
        return; /* it died first */
    sim_look(world, process->host);
    if (process->shared) {
        sim_shared_append(world, process);
        sim_at(world, sim_between(world, SIM_TIME, 1, 15), append_done, process, NULL);
        return;
    }
    if (sim_append(world, process->driver, append->expect, append->events)) {
        append->first = append->expect + 1;
        append->last = append->expect + append->events->len;
        process->append_ms = append->at_ms;
        for (guint i = 0; i < append->events->len; i++) {
            const struct roll_event *event = g_ptr_array_index(append->events, i);
            if (event->kind == ROLL_EVENT_rollout_claimed)
                process->claim_seq = append->first + i;
        }
        sim_processes_notice(world, process);
    }
    sim_at(world, sim_between(world, SIM_TIME, 1, 15), append_done, process, NULL);
}

static void append_done(struct world *world, void *data)
{
    struct process *process = data;
    struct pending_append *append = process->append;
    struct roll_observation observation = {.kind = ROLL_SAW_APPENDED};

    if (!process->alive)
        return;
    if (world->now < process->paused_until) {
        sim_at(world, process->paused_until - world->now, append_done, process, NULL);
        return;
    }
    sim_look(world, process->host);
    observation.id = append->id;
    if (process->shared) {
        sim_shared_appended(world, process, &observation);
        process->refused |= observation.kind == ROLL_SAW_APPEND_FAILED;
    } else if (append->last == 0) {
        sim_trace(world, "p%d     conflict", process->id);
        observation.kind = ROLL_SAW_CONFLICT;
        catch_up(world, process, sim_head(world));
    } else {
        if (process->own == 0)
            for (int64_t seq = append->first; seq <= append->last; seq++) {
                const struct roll_event *event =
                    g_ptr_array_index(world->here->events, (guint)seq - 1);
                if (event->kind == ROLL_EVENT_rollout_requested) {
                    process->own = seq;
                    g_ptr_array_add(process->added, GSIZE_TO_POINTER((gsize)seq));
                }
            }
        /* What others wrote since may be read along. */
        catch_up(world, process,
                 sim_between(world, SIM_TIME, 0, 2) ? append->last : sim_head(world));
    }
    free_append(g_steal_pointer(&process->append));
    sim_process_observe(world, process, &observation);
}

static void free_draft(gpointer event)
{
    roll_event_free(event);
}

static void free_object(gpointer object)
{
    g_string_free(object, TRUE);
}

static void perform_append(struct world *world, struct process *process,
                           const struct roll_action *action)
{
    struct pending_append *append = g_new0(struct pending_append, 1);
    int64_t slow = sim_chance(world, SIM_SLOW, 10) ? sim_between(world, SIM_SLOW, 1000, 15000) : 0;

    append->id = action->id;
    append->expect = process->head;
    append->at_ms = world->now;
    append->events = g_ptr_array_new_with_free_func(free_draft);
    append->objects = g_ptr_array_new_with_free_func(free_object);
    for (size_t i = 0; process->shared && i < action->n_blobs; i++)
        g_ptr_array_add(append->objects, g_string_new_len(action->blobs[i]->data->str,
                                                          (gssize)action->blobs[i]->data->len));
    for (size_t i = 0; i < action->n_drafts; i++)
        g_ptr_array_add(append->events,
                        sim_event(world, action->drafts[i].kind, action->drafts[i].body));
    if (process->append)
        sim_violate(world, "a second append while one is under way");
    process->append = append;
    sim_at(world, slow + sim_between(world, SIM_TIME, 1, 15), append_reaches_ledger, process, NULL);
}

/* ---- others wrote
 * ----------------------------------------------------------------------------------------------------------------------
 */

static void notice(struct world *world, void *data)
{
    struct process *process = data;

    if (!process->alive)
        return;
    if (world->now < process->paused_until || process->append) {
        sim_at(world, MAX(process->paused_until - world->now, 500), notice, process, NULL);
        return;
    }
    sim_look(world, process->host);
    catch_up(world, process, sim_head(world));
    pump(world, process);
}

/* A living driver sees some time later that the file has changed. */
void sim_processes_notice(struct world *world, const struct process *writer)
{
    for (guint i = 0; i < world->processes->len; i++) {
        struct process *process = g_ptr_array_index(world->processes, i);
        if (process->alive && process != writer &&
            (!world->replicas || process->host == world->host))
            sim_at(world, sim_between(world, SIM_TIME, 100, 5000), notice, process, NULL);
    }
}

/* ---- the machine's other wishes
 * ------------------------------------------------------------------------------------------------------------
 */

static void perform_probe(struct world *world, struct process *process,
                          const struct roll_action *action)
{
    struct roll_observation observation = {
        .id = action->id, .kind = ROLL_SAW_PROBED, .message = "status 500"};

    observation.healthy = !sim_chance(world, SIM_SICK, 300);
    process->probed[sim_target_index(action->target->name)] =
        (struct probed){action->rollout, action->step, observation.healthy};
    roll_machine_observe(process->machine, &observation, sim_wall(world, process->host),
                         sim_boot(world, process->host));
}

static void perform_back(struct world *world, struct process *process,
                         const struct roll_action *action)
{
    struct roll_observation observation = {
        .id = action->id, .kind = ROLL_SAW_BACK, .message = "nothing to go back to"};

    sim_judge_back_asked(world, process);
    observation.choice = sim_auto_back(world, process);
    process->back_of = process->own;
    process->goes_back = observation.choice != NULL;
    if (sim_chance(world, SIM_NOISE, 200)) /* what was decided on changes */
        sim_act_floor(world, process->host);
    roll_machine_observe(process->machine, &observation, sim_wall(world, process->host),
                         sim_boot(world, process->host));
}

/* The automatic back is driven by the same process under the same claim, as a rollout of its own.
 */
static void go_back(struct world *world, struct process *process, int64_t number)
{
    g_autofree char *replica = world->replicas ? sim_replica_host(world) : g_strdup("host");
    struct roll_machine_options options = {
        .stream = SIM_STREAM, .driver = process->driver, .host = replica, .head = sim_head(world)};

    roll_machine_free(process->machine);
    free_request(g_steal_pointer(&process->request));
    process->machine = roll_machine_new(&options);
    process->machines++;
    g_ptr_array_set_size(process->added, 0);
    sim_process_add_chain(world, process, number, 0);
    sim_process_go(world, process);
}

static void perform_done(struct world *world, struct process *process,
                         const struct roll_action *action)
{
    static const char *const ends[] = {"none",      "succeeded",  "failed",  "failed-back",
                                       "cancelled", "superseded", "ended",   "settled",
                                       "detached",  "conflict",   "fenced",  "unknown",
                                       "error",     "waiting",    "refused", "expired"};

    sim_trace(world, "p%d     done: %s", process->id, ends[action->end]);
    if (action->end == ROLL_END_ERROR && !process->refused)
        sim_violate(world, "process %d ends with an error", process->id);
    process->end = action->end;
    if (action->end == ROLL_END_FAILED_BACK)
        go_back(world, process, action->next_rollout);
    else
        process->alive = false;
    if (!process->alive && process->shared)
        sim_shared_done(world, process);
}

static void perform(struct world *world, struct process *process, const struct roll_action *action)
{
    static const char *const names[] = {"append",      "put",       "get",    "poll", "cancel",
                                        "explain",     "leftovers", "delete", "seek", "probe",
                                        "decide-back", "gate",      "start",  "done"};

    sim_trace(world, "p%d     %d %s %s step %d attempt %d", process->id, (int)action->id,
              names[action->kind], action->target ? action->target->name : "", (int)action->step,
              (int)action->attempt);
    switch (action->kind) {
    case ROLL_ACTION_APPEND:
        perform_append(world, process, action);
        break;
    case ROLL_ACTION_PUT:
        sim_arm_put(world, process, action);
        break;
    case ROLL_ACTION_POLL:
        sim_judge_poll(world, process, action);
        sim_arm_read(world, process, action);
        break;
    case ROLL_ACTION_GET:
    case ROLL_ACTION_EXPLAIN:
        sim_arm_read(world, process, action);
        break;
    case ROLL_ACTION_CANCEL:
        sim_note_cancel(process, action);
        sim_arm_cancel(world, process, action);
        break;
    case ROLL_ACTION_PROBE:
        perform_probe(world, process, action);
        break;
    case ROLL_ACTION_LEFTOVERS:
        sim_prune_sort(world, process, action);
        break;
    case ROLL_ACTION_DELETE:
        sim_prune_delete(world, process, action);
        break;
    case ROLL_ACTION_SEEK:
        sim_prune_seek(world, process, action);
        break;
    case ROLL_ACTION_DECIDE_BACK:
        perform_back(world, process, action);
        break;
    case ROLL_ACTION_GATE:
    case ROLL_ACTION_START:
        sim_gates_ask(world, process, action);
        break;
    case ROLL_ACTION_DONE:
        perform_done(world, process, action);
        break;
    }
}

/* Between any two actions the process may die, stand still, or be told to go away. True: it goes
 * on. */
static bool survives(struct world *world, struct process *process)
{
    struct roll_observation detach = {.kind = ROLL_SAW_DETACH};

    if (sim_chance(world, SIM_CRASH, 6)) {
        sim_process_kill(world, process);
        return false;
    }
    if (sim_chance(world, SIM_PAUSE, 3)) {
        process->paused_until =
            world->now + sim_between(world, SIM_PAUSE, 1000,
                                     sim_chance(world, SIM_PAUSE, 300) ? 3600000 : 30000);
        sim_trace(world, "pause  process %d until %.3f", process->id,
                  (double)process->paused_until / 1000);
        wake_at(world, process, process->paused_until - world->now);
        return false;
    }
    if (sim_chance(world, SIM_CRASH, 2)) {
        sim_trace(world, "p%d     is told to detach", process->id);
        roll_machine_observe(process->machine, &detach, sim_wall(world, process->host),
                             sim_boot(world, process->host));
    }
    return true;
}

/* It has to wait for others, and was not told to. */
static bool leaves_at_once(const struct process *process)
{
    struct roll_machine_view view;

    roll_machine_view(process->machine, &view);
    return view.waits_for && !process->patient;
}

static void pump(struct world *world, struct process *process)
{
    struct roll_observation detach = {.kind = ROLL_SAW_DETACH};
    struct roll_action action;
    int64_t wake_boot = INT64_MAX;

    if (!process->alive || world->violation || world->now < process->paused_until)
        return;
    sim_look(world, process->host);
    if (process->shared)
        sim_shared_enter(world, process);
    while (roll_machine_next(process->machine, sim_wall(world, process->host),
                             sim_boot(world, process->host), &action, &wake_boot)) {
        world->steps++;
        perform(world, process, &action);
        if (!process->alive || world->violation || action.kind == ROLL_ACTION_DONE ||
            !survives(world, process))
            return;
    }
    sim_check_live(world, process);
    if (leaves_at_once(process)) {
        sim_process_observe(world, process, &detach);
        return;
    }
    if (wake_boot != INT64_MAX)
        wake_at(world, process, wake_boot - sim_boot(world, process->host));
}
