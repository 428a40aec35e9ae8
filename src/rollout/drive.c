/* Starting, resuming and settling rollouts (cancel.c: cancelling): a machine is built from the
 * ledger, given to the driver, and run to its end. */
#include "driver.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"

/* ---- signals and the end of the wait -------------------------------------------------------- */

static void on_signal(void *user, int signal_number)
{
    struct roll_driver *driver = user;

    (void)signal_number;
    roll_driver_leave(driver);
    roll_driver_pump(driver);
}

static void on_timeout(void *user)
{
    struct roll_driver *driver = user;

    roll_driver_notice(driver, driver->reached ? "the wait is over; the deployment goes on in Azure"
                                               : "the wait is over");
    roll_driver_leave(driver);
    roll_driver_pump(driver);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void order_free(void *order)
{
    roll_order_free(order);
}

void roll_driver_clear(struct roll_driver *driver)
{
    roll_driver_end_gates(driver);
    g_ptr_array_unref(driver->gates);
    roll_machine_free(driver->machine);
    roll_loop_cancel_timer(driver->options->loop, driver->follow_timer);
    g_ptr_array_unref(driver->unsettled);
    g_hash_table_unref(driver->told);
    g_hash_table_unref(driver->paces);
    g_hash_table_unref(driver->groupless);
    g_hash_table_unref(driver->remedies);
    g_hash_table_unref(driver->failures);
    roll_pruner_free(driver->pruner);
    g_free(driver->silence);
    g_free(driver->waits_for);
    if (driver->sends)
        g_hash_table_unref(driver->sends);
    if (driver->began)
        g_hash_table_unref(driver->began);
    if (driver->poll_urls)
        g_hash_table_unref(driver->poll_urls);
    if (driver->orders)
        g_ptr_array_unref(driver->orders);
    roll_loop_cancel_timer(driver->options->loop, driver->look_timer);
    roll_look_leave(driver->look);
    roll_lock_free(driver->lock);
    g_free(driver->actor.proved);
    g_free(driver->actor.claimed);
    g_free(driver->stream);
    g_free(driver->service);
    g_free(driver->environment);
    g_free(driver->host);
    roll_error_free(driver->err);
}

void roll_driver_init(struct roll_driver *driver, const struct roll_driver_options *options,
                      const char *stream)
{
    const char *slash = strchr(stream, '/');

    *driver = (struct roll_driver){.options = options, .unproved = options->unproved};
    driver->stream = g_strdup(stream);
    driver->service = slash ? g_strndup(stream, (gsize)(slash - stream)) : g_strdup(stream);
    driver->environment = g_strdup(slash ? slash + 1 : "");
    driver->actor.proved = g_strdup(options->actor.proved);
    driver->actor.claimed = g_strdup(options->actor.claimed);
    driver->links = options->links;
    driver->gates = g_ptr_array_new();
    driver->unsettled = g_ptr_array_new_with_free_func(g_free);
    driver->orders = g_ptr_array_new_with_free_func(order_free);
    driver->began = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    driver->poll_urls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    driver->sends = g_hash_table_new_full(NULL, NULL, roll_send_free, NULL);
    driver->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    driver->groupless = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    driver->paces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    driver->remedies = roll_remedies_new();
    driver->failures =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
    driver->host =
        g_strdup_printf("%s:%.8s", g_get_host_name(), roll_ledger_replica(options->ledger));
    roll_uuid_random(driver->driver_id);
}

/* ---- rebuilding a machine from the ledger --------------------------------------------------- */

void roll_known_clear(struct roll_known *known)
{
    g_free(known->order);
    g_free(known->host);
    g_free(known->state);
}

static struct roll_error *take_row(void *user, const struct roll_rollout_row *row)
{
    struct roll_known *known = user;

    known->number = row->number;
    known->requested_at = row->requested_at;
    known->supersedes = row->supersedes;
    known->order = g_strdup(row->order);
    known->host = g_strdup(row->host);
    known->state = g_strdup(row->state);
    known->claim_until = row->claim_until;
    known->detached = row->detached;
    known->ended_at = row->ended_at;
    return NULL;
}

struct roll_error *roll_driver_look_up(struct roll_driver *driver, int64_t rollout,
                                       struct roll_known *ret_known)
{
    struct roll_rollout_query query = {.stream = driver->stream, .number = rollout, .limit = 1};

    *ret_known = (struct roll_known){0};
    ROLL_TRY(roll_ledger_rollouts(driver->options->ledger, &query, take_row, ret_known));
    if (!ret_known->number)
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no rollout '%s#%" PRId64 "'",
                              driver->stream, rollout);
    return NULL;
}

static struct roll_error *machine_new(struct roll_driver *driver, enum roll_machine_mode mode,
                                      bool gone)
{
    struct roll_head head;
    ROLL_TRY(roll_ledger_head(driver->options->ledger, driver->stream, &head));
    struct roll_machine_options machine = {
        .stream = driver->stream,
        .driver = driver->driver_id,
        .host = driver->host,
        .mode = mode,
        .take = driver->options->take,
        .gone = gone,
        .head = head.seq,
    };

    roll_machine_free(driver->machine);
    driver->machine = roll_machine_new(&machine);
    roll_driver_set_clock(driver);
    return NULL;
}

/* Folds the stream from an event on; what lies before is not this machine's. */
static struct roll_error *fold_from(struct roll_driver *driver, int64_t first)
{
    struct roll_head head;

    if (first == INT64_MAX) {
        ROLL_TRY(roll_ledger_head(driver->options->ledger, driver->stream, &head));
        driver->head = head;
        return NULL;
    }
    ROLL_TRY(roll_driver_note_waiting(driver));
    driver->head = (struct roll_head){.seq = first - 1};
    driver->replaying = true;
    struct roll_error *err = roll_driver_catch_up(driver);
    driver->replaying = false;
    return err;
}

/* ---- running -------------------------------------------------------------------------------- */

/* Who we are is in the token; it is asked for before the first event names us, and before anything
 * is recorded. */
static struct roll_error *prove(struct roll_driver *driver)
{
    const struct roll_order_target *first = g_ptr_array_index(driver->order->targets, 0);

    if (driver->actor.proved)
        return NULL;
    return roll_links_prove(driver->links, first, &driver->actor.proved);
}

/* An append that failed is worth more than what the machine made of it. */
static struct roll_error *run(struct roll_driver *driver)
{
    unsigned timeout = 0;

    driver->outcome.end = ROLL_END_NONE;
    ROLL_TRY(roll_loop_signals(driver->options->loop, on_signal, driver));
    ROLL_TRY(roll_ledger_data_version(driver->options->ledger, &driver->data_version));
    if (driver->options->timeout_ms > 0)
        timeout = roll_loop_timer(driver->options->loop,
                                  roll_boot_ms() + driver->options->timeout_ms, on_timeout, driver);
    roll_driver_pump(driver);
    while (driver->outcome.end == ROLL_END_NONE && !driver->err)
        ROLL_TRY(roll_loop_run(driver->options->loop));
    if (timeout)
        roll_loop_cancel_timer(driver->options->loop, timeout);
    roll_loop_cancel_timer(driver->options->loop, driver->leave_timer);
    driver->leave_timer = 0;
    roll_driver_changed(driver);
    roll_driver_follow_last(driver);
    if (!driver->err && !driver->detaching)
        ROLL_TRY(roll_driver_look_end(driver));
    return g_steal_pointer(&driver->err);
}

/* The automatic back is a rollout of its own, requested and claimed already: it is driven to its
 * end too. */
static struct roll_error *run_back(struct roll_driver *driver, struct roll_outcome *outcome)
{
    int64_t first = INT64_MAX;

    roll_driver_notice(driver, "rolling back what was touched");
    ROLL_TRY(machine_new(driver, ROLL_MACHINE_DRIVE, false));
    ROLL_TRY(roll_driver_add_rollouts(driver, outcome->back, 0, &first));
    ROLL_TRY(fold_from(driver, first));
    ROLL_TRY(run(driver));
    outcome->back_end = driver->outcome.end;
    return NULL;
}

static struct roll_error *run_to_end(struct roll_driver *driver, struct roll_outcome *ret_outcome)
{
    struct roll_machine_view view;

    ROLL_TRY(run(driver));
    roll_machine_view(driver->machine, &view);
    driver->outcome.rollout = view.rollout;
    driver->outcome.reached = driver->reached;
    driver->outcome.unsure = driver->unsure || driver->puts_away > 0;
    *ret_outcome = driver->outcome;
    if (ret_outcome->end == ROLL_END_FAILED_BACK && ret_outcome->back)
        return run_back(driver, ret_outcome);
    return NULL;
}

/* On this replica the lock tells whether the driver lives; elsewhere only its claim does. */
struct roll_error *roll_driver_take_lock(struct roll_driver *driver, const struct roll_known *known,
                                         bool *ret_gone, bool *ret_alive)
{
    bool here = g_strcmp0(known->host, driver->host) == 0;

    ROLL_TRY(
        roll_ledger_lock(driver->options->ledger, driver->stream, known->number, &driver->lock));
    *ret_alive = driver->lock == NULL;
    *ret_gone = driver->lock != NULL && (here || !known->host);
    return NULL;
}

/* What is superseded may have a driver that is gone; then nothing of it can still leave, and its
 * young intents need not be waited for so long. */
static struct roll_error *is_gone(struct roll_driver *driver, int64_t superseded, bool *ret_gone)
{
    struct roll_known known = {0};
    bool alive = false;
    struct roll_error *err = superseded ? roll_driver_look_up(driver, superseded, &known) : NULL;

    if (!err && superseded)
        err = roll_driver_take_lock(driver, &known, ret_gone, &alive);
    roll_known_clear(&known);
    return err;
}

static struct roll_error *start(struct roll_driver *driver, struct roll_choice *choice,
                                struct roll_outcome *ret_outcome)
{
    int64_t first = INT64_MAX;
    bool gone = false;

    driver->order = choice->order;
    ROLL_TRY(roll_driver_seal(choice));
    ROLL_TRY(prove(driver));
    ROLL_TRY(is_gone(driver, choice->request.supersedes, &gone));
    ROLL_TRY(machine_new(driver, ROLL_MACHINE_DRIVE, gone));
    ROLL_TRY(roll_driver_add_rollouts(driver, 0, choice->request.supersedes, &first));
    driver->order = choice->order;
    ROLL_TRY(fold_from(driver, first));
    if (driver->head.seq != choice->head.seq)
        return roll_error_new(ROLL_E_CONFLICT, "'%s' has moved on since this was decided",
                              driver->stream);
    ret_outcome->end = ROLL_END_ERROR;
    ROLL_TRY(roll_driver_look_before(driver));
    roll_machine_request(driver->machine, &choice->request, choice->order, choice->blobs);
    driver->request_blobs = choice->blobs;
    ROLL_TRY(run_to_end(driver, ret_outcome));
    if (ret_outcome->end == ROLL_END_CONFLICT)
        return roll_error_new(ROLL_E_CONFLICT, "'%s' has moved on since this was decided",
                              driver->stream);
    return NULL;
}

struct roll_error *roll_rollout_start(const struct roll_driver_options *options,
                                      struct roll_choice *choice, struct roll_outcome *ret_outcome)
{
    struct roll_driver driver;
    g_autofree char *stream =
        g_strdup_printf("%s/%s", choice->order->service, choice->order->environment);
    struct roll_error *err;

    roll_driver_init(&driver, options, stream);
    err = start(&driver, choice, ret_outcome);
    roll_driver_clear(&driver);
    return err;
}

struct roll_error *roll_driver_go_on(struct roll_driver *driver, const struct roll_known *known,
                                     enum roll_machine_mode mode, bool gone,
                                     struct roll_outcome *ret_outcome)
{
    int64_t first = INT64_MAX;

    ROLL_TRY(machine_new(driver, mode, gone));
    ROLL_TRY(roll_driver_add_rollouts(driver, known->number, 0, &first));
    if (g_strcmp0(known->state, "waiting") != 0 ||
        !(driver->unproved || mode == ROLL_MACHINE_SETTLE))
        ROLL_TRY(prove(driver));
    if (driver->takes_over)
        ROLL_TRY(roll_driver_check_takeover(driver, known));
    ROLL_TRY(fold_from(driver, first));
    if (mode == ROLL_MACHINE_DRIVE && g_strcmp0(known->state, "waiting") != 0)
        ROLL_TRY(roll_driver_govern(driver, known->number));
    return run_to_end(driver, ret_outcome);
}

/* Who drives, until when its claim stands, and what to type. */
struct roll_error *roll_driver_driven(const struct roll_driver *driver,
                                      const struct roll_known *known, const char *verb)
{
    char until[ROLL_TIME_SIZE];
    g_autofree char *take =
        g_strdup_printf("roll %s %s#%" PRId64 " --take", verb, driver->environment, known->number);
    g_autofree char *status = g_strdup_printf("roll status %s", driver->environment);
    g_autofree char *host = known->host ? g_strndup(known->host, strcspn(known->host, ":")) : NULL;
    roll_auto(json) json_t *detail = json_pack("{s:[s,s]}", "next", status, take);
    g_autoptr(GString) text = g_string_new(NULL);

    roll_json_write(detail, text);
    roll_time_format(known->claim_until, until);
    return roll_error_detail(
        roll_error_new(ROLL_E_CONFLICT,
                       "'%s#%" PRId64 "' is driven by another process on %s; its claim %s until %s",
                       driver->stream, known->number, host ? host : "an unknown host",
                       roll_driver_claim_stands(driver, known) ? "stands" : "stood", until),
        text->str);
}

/* With --take a lock that is held does not stand in the way: its holder may hang. It is fenced by
 * our claim, and the machine waits until it cannot send any more. */
static struct roll_error *resume(struct roll_driver *driver, int64_t rollout,
                                 struct roll_outcome *ret_outcome)
{
    struct roll_known known;
    bool gone = false, alive = false;
    struct roll_error *err = roll_driver_look_up(driver, rollout, &known);

    if (!err)
        err = roll_driver_take_lock(driver, &known, &gone, &alive);
    if (!err && alive && !driver->options->take && !known.ended_at)
        err = roll_driver_driven(driver, &known, "resume");
    driver->takes_over = !err && roll_driver_is_anothers(&known, gone);
    if (driver->takes_over)
        err = roll_driver_check_clock(driver, &known, "resume");
    if (!err)
        err = roll_driver_go_on(driver, &known, ROLL_MACHINE_DRIVE, gone, ret_outcome);
    if (!err && ret_outcome->end == ROLL_END_FENCED)
        err = roll_driver_driven(driver, &known, "resume");
    roll_known_clear(&known);
    return err;
}

struct roll_error *roll_rollout_resume(const struct roll_driver_options *options,
                                       const char *stream, int64_t rollout,
                                       struct roll_outcome *ret_outcome)
{
    struct roll_driver driver;
    struct roll_error *err;

    roll_driver_init(&driver, options, stream);
    err = resume(&driver, rollout, ret_outcome);
    roll_driver_clear(&driver);
    return err;
}

struct open_rollout {
    int64_t number;
};

static struct roll_error *see_open(void *user, const struct roll_environment_row *row)
{
    struct open_rollout *open = user;

    open->number = row->open_rollout;
    return NULL;
}

/* Of one that has ended nothing can leave any more under its claim, so that this is not waited for.
 */
static bool may_settle(const struct roll_driver *driver, const struct roll_known *known, bool gone,
                       bool alive)
{
    return !alive && (gone || known->ended_at || roll_driver_is_free(driver, known));
}

static struct roll_error *settle(struct roll_driver *driver, struct roll_outcome *ret_outcome)
{
    struct open_rollout open = {0};
    g_autoptr(GArray) unsettled = NULL;
    struct roll_known known = {0};
    bool gone = false, alive = false;
    struct roll_error *err;

    ROLL_TRY(roll_ledger_environments(driver->options->ledger, driver->stream, see_open, &open));
    ROLL_TRY(roll_ledger_unsettled(driver->options->ledger, driver->stream, &unsettled));
    if (!open.number && unsettled->len > 0)
        open.number = g_array_index(unsettled, int64_t, unsettled->len - 1);
    *ret_outcome = (struct roll_outcome){.end = ROLL_END_SETTLED, .rollout = open.number};
    if (!open.number)
        return NULL;
    err = roll_driver_look_up(driver, open.number, &known);
    if (!err)
        err = roll_driver_take_lock(driver, &known, &gone, &alive);
    if (!err && may_settle(driver, &known, gone, alive))
        err = roll_driver_go_on(driver, &known, ROLL_MACHINE_SETTLE, gone, ret_outcome);
    roll_known_clear(&known);
    return err;
}

struct roll_error *roll_rollout_settle(const struct roll_driver_options *options,
                                       const char *stream, struct roll_outcome *ret_outcome)
{
    struct roll_driver driver;
    struct roll_error *err;

    roll_driver_init(&driver, options, stream);
    err = settle(&driver, ret_outcome);
    roll_driver_clear(&driver);
    return err;
}
