/* Cancelling: asked for by an event; done by whoever drives. When nobody does, this process drives
 * to the end itself; else it waits for what the driver makes of it. */
#include "driver.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"

enum { LOOK_MS = 250, PATIENCE_MS = 6 * 60 * 1000, APPEND_TRIES = 20 };

static struct roll_error *request_cancel(struct roll_driver *driver, int64_t rollout,
                                         const char *reason)
{
    struct roll_rollout_cancelling body = {.rollout = rollout};
    struct roll_draft draft = {
        .stream = driver->stream, .kind = ROLL_EVENT_rollout_cancelling, .body = &body};
    g_autofree char *copy = g_strdup(reason);
    struct roll_error *err;

    body.reason = copy;
    for (int tries = 0; tries < APPEND_TRIES; tries++) {
        struct roll_expect expect = {.stream = driver->stream};
        ROLL_TRY(roll_ledger_head(driver->options->ledger, driver->stream, &expect.head));
        err = roll_ledger_append(driver->options->ledger, &driver->actor, 0, &expect, 1, &draft, 1,
                                 NULL, 0, NULL);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            return err;
        roll_error_free(err);
    }
    return roll_error_new(ROLL_E_CONFLICT, "'%s' is being written to all the time", driver->stream);
}

/* ---- waiting for the driver ----------------------------------------------------------------- */

struct waiting {
    struct roll_driver *driver;
    int64_t rollout, until_boot_ms;
    unsigned timer;
    struct roll_known known;  /* owned; as last seen */
    bool let_go, gone, alive; /* alive: the driver lives */
    struct roll_error *err;
};

static enum roll_machine_end end_of(const char *state)
{
    static const struct {
        const char *state;
        enum roll_machine_end end;
    } ends[] = {
        {"succeeded", ROLL_END_SUCCEEDED}, {"failed", ROLL_END_FAILED},
        {"cancelled", ROLL_END_CANCELLED}, {"superseded", ROLL_END_SUPERSEDED},
        {"refused", ROLL_END_REFUSED},     {"expired", ROLL_END_EXPIRED},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++)
        if (g_strcmp0(state, ends[i].state) == 0)
            return ends[i].end;
    return ROLL_END_ENDED;
}

static struct roll_error *look(struct waiting *waiting)
{
    roll_known_clear(&waiting->known);
    return roll_driver_look_up(waiting->driver, waiting->rollout, &waiting->known);
}

/* A driver gives its lock back after its last event: whoever gets the lock looks once more, and
 * when the rollout is still open, its driver died or let go. */
static struct roll_error *watch(struct waiting *waiting)
{
    struct roll_driver *driver = waiting->driver;
    int64_t version = 0;

    ROLL_TRY(roll_ledger_data_version(driver->options->ledger, &version));
    if (version != driver->data_version)
        ROLL_TRY(look(waiting));
    driver->data_version = version;
    if (waiting->known.ended_at)
        return NULL;
    ROLL_TRY(roll_driver_take_lock(driver, &waiting->known, &waiting->gone, &waiting->alive));
    return waiting->alive ? NULL : look(waiting);
}

static bool is_over(const struct waiting *waiting)
{
    return waiting->err || waiting->let_go || waiting->known.ended_at || !waiting->alive ||
           roll_boot_ms() >= waiting->until_boot_ms;
}

static void on_look(void *user)
{
    struct waiting *waiting = user;

    waiting->timer = 0;
    waiting->err = watch(waiting);
    if (is_over(waiting))
        roll_loop_stop(waiting->driver->options->loop);
    else
        waiting->timer = roll_loop_timer(waiting->driver->options->loop, roll_boot_ms() + LOOK_MS,
                                         on_look, waiting);
}

static void on_signal(void *user, int signal_number)
{
    struct waiting *waiting = user;

    (void)signal_number;
    waiting->let_go = true;
    roll_loop_stop(waiting->driver->options->loop);
}

static struct roll_error *unfinished(const struct waiting *waiting)
{
    const struct roll_driver *driver = waiting->driver;
    g_autofree char *next =
        g_strdup_printf("{\"next\":[\"roll status %s\",\"roll cancel %s#%" PRId64 " --take\"]}",
                        driver->environment, driver->environment, waiting->rollout);

    return roll_error_detail(roll_error_new(ROLL_E_DETACHED,
                                            "'%s#%" PRId64
                                            "' has not ended yet; its cancel is recorded, and the "
                                            "process that drives it is to carry it out",
                                            driver->stream, waiting->rollout),
                             next);
}

static struct roll_error *run(struct waiting *waiting)
{
    struct roll_driver *driver = waiting->driver;
    struct roll_loop *loop = driver->options->loop;

    ROLL_TRY(roll_loop_signals(loop, on_signal, waiting));
    ROLL_TRY(roll_ledger_data_version(driver->options->ledger, &driver->data_version));
    ROLL_TRY(look(waiting));
    waiting->timer = roll_loop_timer(loop, roll_boot_ms(), on_look, waiting);
    while (!is_over(waiting))
        ROLL_TRY(roll_loop_run(loop));
    return g_steal_pointer(&waiting->err);
}

static struct roll_error *conclude(struct waiting *waiting, struct roll_outcome *ret_outcome)
{
    if (waiting->known.ended_at) {
        *ret_outcome =
            (struct roll_outcome){.end = end_of(waiting->known.state), .rollout = waiting->rollout};
        return NULL;
    }
    if (waiting->alive)
        return unfinished(waiting);
    return roll_driver_go_on(waiting->driver, &waiting->known, ROLL_MACHINE_DRIVE, waiting->gone,
                             ret_outcome);
}

static struct roll_error *wait_for_driver(struct roll_driver *driver, int64_t rollout,
                                          struct roll_outcome *ret_outcome)
{
    int64_t timeout = driver->options->timeout_ms;
    struct waiting waiting = {.driver = driver, .rollout = rollout, .alive = true};
    struct roll_error *err;

    waiting.until_boot_ms =
        roll_boot_ms() + (timeout > 0 ? MIN(timeout, PATIENCE_MS) : PATIENCE_MS);
    err = driver->options->no_wait ? look(&waiting) : run(&waiting);
    if (waiting.timer)
        roll_loop_cancel_timer(driver->options->loop, waiting.timer);
    if (!err)
        err = conclude(&waiting, ret_outcome);
    roll_known_clear(&waiting.known);
    return err;
}

/* ---- cancelling ----------------------------------------------------------------------------- */

/* What another replica drives is left alone, and nothing is recorded. */
static struct roll_error *check(struct roll_driver *driver, const struct roll_known *known,
                                bool gone, bool alive)
{
    bool stands = known->host && roll_driver_claim_stands(driver, known);

    if (known->ended_at)
        return roll_error_new(ROLL_E_NOTHING, "'%s#%" PRId64 "' has ended already: %s",
                              driver->stream, known->number, known->state);
    if (!alive && roll_driver_is_anothers(known, gone))
        ROLL_TRY(roll_driver_check_clock(driver, known, "cancel"));
    if (stands && !gone && !alive && !driver->options->take)
        return roll_driver_driven(driver, known, "cancel");
    return NULL;
}

static struct roll_error *cancel(struct roll_driver *driver, int64_t rollout, const char *reason,
                                 struct roll_outcome *ret_outcome)
{
    struct roll_known known;
    bool gone = false, alive = false;
    struct roll_error *err = roll_driver_look_up(driver, rollout, &known);

    if (!err && !known.ended_at)
        err = roll_driver_take_lock(driver, &known, &gone, &alive);
    if (!err)
        err = check(driver, &known, gone, alive);
    if (!err)
        err = request_cancel(driver, rollout, reason);
    driver->unproved = true;
    if (!err && alive && !driver->options->take)
        err = wait_for_driver(driver, rollout, ret_outcome);
    else if (!err)
        err = roll_driver_go_on(driver, &known, ROLL_MACHINE_DRIVE, gone, ret_outcome);
    if (!err && ret_outcome->end == ROLL_END_FENCED)
        err = roll_driver_driven(driver, &known, "cancel");
    roll_known_clear(&known);
    return err;
}

struct roll_error *roll_rollout_cancel(const struct roll_driver_options *options,
                                       const char *stream, int64_t rollout, const char *reason,
                                       struct roll_outcome *ret_outcome)
{
    struct roll_driver driver;
    struct roll_error *err;

    roll_driver_init(&driver, options, stream);
    err = cancel(&driver, rollout, reason, ret_outcome);
    roll_driver_clear(&driver);
    return err;
}
