/* Events that follow into the shared store. What a driver says of its steps counts when it is
 * durable here (DESIGN section 4), so that no deployment waits for the store, nor fails with it.
 * The store gets it in groups, a moment later.
 *
 * Until then somebody else's event may get one of the places: then what waits is put behind that
 * (roll_ledger_append_behind), and the machine, which has folded it already, is given the other's
 * event alone. The fence counts from what the store took: a driver that others cannot hear starts
 * nothing new. */
#include <string.h>

#include "driver.h"
#include "rollbook/log.h"
#include "rollbook/time.h"

enum {
    FOLLOW_MS = 200,    /* so long events gather */
    PATIENCE_MS = 2000, /* the loop stands still for no longer */
    LAST_MS = 5000,     /* at the end */
    PAUSE_MS = 5000,    /* a store that is out of reach is left alone: so long, then longer */
    PAUSE_MAX_MS = 60000,
};

/* ---- what may follow ------------------------------------------------------------------------- */

static bool is_said_of_steps(enum roll_event_kind kind)
{
    static const enum roll_event_kind kinds[] = {
        ROLL_EVENT_step_intended,  ROLL_EVENT_step_ended,        ROLL_EVENT_rollout_succeeded,
        ROLL_EVENT_rollout_failed, ROLL_EVENT_rollout_cancelled, ROLL_EVENT_rollout_detached,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (kinds[i] == kind)
            return true;
    return false;
}

/* That something never arrived is true only as long as nobody else drives. And whoever was
 * overruled may say otherwise of what ARM does not tell: its word may be in the store already, and
 * counts. */
static bool needs_store(const struct roll_driver *driver, const struct roll_draft *draft)
{
    const struct roll_step_ended *ended = draft->kind == ROLL_EVENT_step_ended ? draft->body : NULL;

    return ended && (strcmp(ended->outcome, "absent") == 0 ||
                     roll_machine_may_differ(driver->machine, ended));
}

/* An action leaves no name under which it could be looked for: whoever takes over has to hear of
 * it, or it would run again. */
static bool starts_action(const struct roll_draft *draft)
{
    const struct roll_step_intended *intent =
        draft->kind == ROLL_EVENT_step_intended ? draft->body : NULL;

    return intent && intent->step > 0;
}

bool roll_driver_may_follow(const struct roll_driver *driver, const struct roll_action *action)
{
    bool starts = false;

    if (!roll_ledger_is_shared(driver->options->ledger))
        return false;
    for (size_t i = 0; i < action->n_drafts; i++) {
        if (!is_said_of_steps(action->drafts[i].kind) || needs_store(driver, &action->drafts[i]) ||
            starts_action(&action->drafts[i]))
            return false;
        starts |= action->drafts[i].kind == ROLL_EVENT_step_intended;
    }
    return !starts || roll_boot_ms() - driver->append_boot_ms < ROLL_FENCE_MS / 2;
}

/* ---- places ---------------------------------------------------------------------------------- */

static char *words_of(const struct roll_event *event)
{
    return g_strconcat(event->kind_name, " ", event->body_text, NULL);
}

void roll_driver_note_folded(struct roll_driver *driver, const struct roll_event *event)
{
    bool waits =
        driver->waiting_from ? event->seq >= driver->waiting_from : driver->appended_behind;

    bool aside = roll_number_is_side(event->seq);
    bool taken = aside && !roll_ledger_is_aside(driver->options->ledger);

    if (driver->taken_along && !aside) /* it has joined, before this */
        g_ptr_array_set_size(driver->unsettled, 0);
    if (!waits && !taken && driver->unsettled->len == 0)
        return;
    if (driver->unsettled->len == 0) {
        driver->settled = driver->head.seq;
        driver->taken_along = !waits;
    }
    g_ptr_array_add(driver->unsettled, words_of(event));
}

static struct roll_error *see_first(void *user, const struct roll_waiting *waiting)
{
    struct roll_driver *driver = user;

    if (strcmp(waiting->stream, driver->stream) == 0)
        driver->waiting_from = waiting->first;
    return NULL;
}

struct roll_error *roll_driver_note_waiting(struct roll_driver *driver)
{
    driver->waiting_from = 0;
    g_ptr_array_set_size(driver->unsettled, 0);
    return roll_ledger_waiting(driver->options->ledger, see_first, driver);
}

struct again {
    struct roll_driver *driver;
    GPtrArray *known; /* what is in driver->unsettled from `next` on is still to come */
    guint next;
};

/* What was folded comes again in the same order; what comes between is new. */
static struct roll_error *see_again(void *user, const struct roll_event *event)
{
    struct again *again = user;
    struct roll_driver *driver = again->driver;
    g_autofree char *words = words_of(event);

    if (again->next == again->known->len || strcmp(words, again->known->pdata[again->next]) != 0)
        return roll_driver_fold(driver, event);
    again->next++;
    if (driver->unsettled->len == 0)
        driver->settled = driver->head.seq;
    driver->head.seq = event->seq;
    memcpy(driver->head.hash, event->hash, sizeof driver->head.hash);
    g_ptr_array_add(driver->unsettled, g_steal_pointer(&words));
    roll_machine_moved(driver->machine, event->seq);
    return NULL;
}

/* Another process of this replica went aside, and took along what this one had said. */
static bool was_taken_along(const struct roll_driver *driver)
{
    return roll_number_is_side(driver->head.seq) && !roll_ledger_is_aside(driver->options->ledger);
}

enum roll_observation_kind roll_driver_conflict(const struct roll_driver *driver)
{
    if (!was_taken_along(driver))
        return ROLL_SAW_CONFLICT;
    return roll_machine_can_wait(driver->machine) ? ROLL_SAW_APPEND_AWAY : ROLL_SAW_APPEND_FAILED;
}

/* Then what others said in the main stream meanwhile lies before the join: it is heard, as whoever
 * did not go aside is fenced by it. */
static struct roll_error *has_gone_on(const struct roll_driver *driver, bool *ret_on)
{
    roll_auto(event) struct roll_event *next = NULL;

    *ret_on = false;
    if (!was_taken_along(driver) || roll_number_is_side(driver->settled))
        return NULL;
    struct roll_error *err =
        roll_ledger_event(driver->options->ledger, driver->stream, driver->settled + 1, &next);
    *ret_on = !err;
    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    return NULL;
}

struct roll_error *roll_driver_look_again(struct roll_driver *driver)
{
    roll_auto(event) struct roll_event *last = NULL;

    if (driver->replaying || driver->unsettled->len == 0)
        return NULL;
    struct roll_error *err =
        roll_ledger_event(driver->options->ledger, driver->stream, driver->head.seq, &last);
    if (err && err->code != ROLL_E_NOT_FOUND)
        return err;
    bool stays = !err && strcmp(last->hash, driver->head.hash) == 0, on;
    roll_error_free(err);
    ROLL_TRY(has_gone_on(driver, &on));
    if (stays && !on)
        return NULL;
    struct again again = {.driver = driver, .known = driver->unsettled};
    driver->unsettled = g_ptr_array_new_with_free_func(g_free);
    driver->waiting_from = 0;
    driver->appended_behind = false;
    driver->head.seq = driver->settled;
    err = roll_ledger_events(driver->options->ledger, driver->stream, driver->settled + 1,
                             see_again, &again);
    g_ptr_array_unref(again.known);
    return err;
}

/* ---- following ------------------------------------------------------------------------------- */

void roll_driver_published(struct roll_driver *driver, int64_t boot_ms)
{
    driver->append_boot_ms = boot_ms;
    driver->waiting_from = 0;
    driver->follow_pause_ms = 0;
    if (!was_taken_along(driver))
        g_ptr_array_set_size(driver->unsettled, 0);
}

/* What came between is folded first: it may say that somebody else drives now. */
static struct roll_error *flush(struct roll_driver *driver, int64_t patience_ms)
{
    struct roll_ledger *ledger = driver->options->ledger;
    int64_t started = roll_boot_ms();

    driver->waiting_from = 0;
    ROLL_TRY(roll_ledger_waiting(ledger, see_first, driver));
    bool asks = driver->waiting_from != 0; /* else another process gave it to the store */
    driver->waiting_from = 0;
    ROLL_TRY(roll_ledger_flush(ledger, patience_ms));
    ROLL_TRY(roll_driver_catch_up(driver));
    if (asks && roll_ledger_is_shared(ledger))
        roll_machine_published(driver->machine, started);
    roll_driver_published(driver, asks ? started : driver->append_boot_ms);
    return NULL;
}

static void on_follow(void *user)
{
    struct roll_driver *driver = user;

    driver->follow_timer = 0;
    struct roll_error *err = flush(driver, PATIENCE_MS);
    if (err) {
        roll_driver_notice_once(
            driver, g_strdup_printf("the shared ledger is out of reach; what happens is recorded "
                                    "here, and follows: %s",
                                    roll_error_innermost(err)));
        roll_error_free(err);
        driver->follow_pause_ms = CLAMP(driver->follow_pause_ms * 2, PAUSE_MS, PAUSE_MAX_MS);
        roll_driver_follow(driver);
    }
    roll_driver_pump(driver);
}

void roll_driver_follow(struct roll_driver *driver)
{
    if (driver->follow_timer)
        return;
    driver->follow_timer = roll_loop_timer(driver->options->loop,
                                           roll_boot_ms() + MAX(driver->follow_pause_ms, FOLLOW_MS),
                                           on_follow, driver);
}

/* The outcome stands, whatever the store does. */
void roll_driver_follow_last(struct roll_driver *driver)
{
    roll_loop_cancel_timer(driver->options->loop, driver->follow_timer);
    driver->follow_timer = 0;
    struct roll_error *err = flush(driver, driver->follow_pause_ms ? PATIENCE_MS : LAST_MS);
    if (!err)
        return;
    g_autofree char *text = g_strdup_printf(
        "the end of this is recorded here, and waits for the shared ledger, which is "
        "out of reach (%s): roll ledger sync brings it there",
        roll_error_innermost(err));
    roll_driver_notice(driver, text);
    roll_error_free(err);
}
