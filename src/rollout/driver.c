/* The driver: performs what the machine asks for, and tells it what happened.
 *
 * Appends are synchronous (the machine waits for them anyway); everything else is a callback on the
 * loop. Each input is followed by roll_driver_pump(), which drains roll_machine_next. Callbacks of
 * the loop never run inside roll_driver_pump(). */
#include "driver.h"

#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/json.h"
#include "rollbook/log.h"
#include "rollbook/sync.h"
#include "rollbook/time.h"

enum { WATCH_MS = 500, LEAVE_MS = 2000 };

/* ---- telling the listener ------------------------------------------------------------------- */

void roll_driver_changed(struct roll_driver *driver)
{
    const struct roll_listener *listener = driver->options->listener;

    if (listener && listener->changed && driver->machine && driver->order)
        listener->changed(listener->user, driver->machine, driver->order);
}

void roll_driver_notice(struct roll_driver *driver, const char *text)
{
    const struct roll_listener *listener = driver->options->listener;

    if (listener && listener->notice)
        listener->notice(listener->user, text);
}

void roll_driver_notice_once(struct roll_driver *driver, char *text)
{
    if (g_hash_table_contains(driver->told, text)) {
        g_free(text);
        return;
    }
    roll_driver_notice(driver, text);
    g_hash_table_add(driver->told, text);
}

/* ---- durable facts -------------------------------------------------------------------------- */

int64_t roll_driver_number(const struct roll_driver *driver)
{
    struct roll_machine_view view;

    roll_machine_view(driver->machine, &view);
    return view.rollout;
}

/* What an earlier process intended may have arrived. */
static void note_earlier(struct roll_driver *driver, const struct roll_event *event)
{
    if (event->kind == ROLL_EVENT_step_intended)
        driver->unsure |=
            roll_event_body(event, step_intended)->rollout == roll_driver_number(driver);
    else if (event->kind == ROLL_EVENT_step_ended)
        driver->reached |=
            roll_event_body(event, step_ended)->accepted &&
            roll_event_body(event, step_ended)->rollout == roll_driver_number(driver);
}

/* Alerts count from here on. */
static void note_began(struct roll_driver *driver, const struct roll_event *event)
{
    const struct roll_step_intended *body;

    if (event->kind != ROLL_EVENT_step_intended)
        return;
    body = roll_event_body(event, step_intended);
    if (body->rollout == roll_driver_number(driver) &&
        !g_hash_table_contains(driver->began, body->target))
        g_hash_table_insert(driver->began, g_strdup(body->target),
                            g_memdup2(&event->at, sizeof(event->at)));
}

struct roll_error *roll_driver_fold(void *user, const struct roll_event *event)
{
    struct roll_driver *driver = user;
    const struct roll_listener *listener = driver->options->listener;

    roll_machine_fold(driver->machine, event);
    roll_driver_note_folded(driver, event);
    driver->head.seq = event->seq;
    memcpy(driver->head.hash, event->hash, sizeof(event->hash));
    note_began(driver, event);
    if (driver->replaying)
        note_earlier(driver, event);
    if (listener && listener->event && !driver->replaying)
        listener->event(listener->user, event);
    return NULL;
}

/* The shared store went out of reach: from here on the course goes on in this replica's side
 * stream, whose numbers begin elsewhere. */
static struct roll_error *follow_aside(struct roll_driver *driver)
{
    struct roll_head head;

    if (!roll_ledger_is_aside(driver->options->ledger) || roll_number_is_side(driver->head.seq))
        return NULL;
    ROLL_TRY(roll_ledger_head(driver->options->ledger, driver->stream, &head));
    driver->left = driver->head;
    driver->head = head;
    roll_machine_moved(driver->machine, head.seq);
    return NULL;
}

/* Nothing has been said aside yet, and the main stream has gone on where this one left it: it is
 * not out of reach any more, and what others said there counts. */
static struct roll_error *come_back(struct roll_driver *driver)
{
    struct roll_ledger *ledger = driver->options->ledger;
    roll_auto(event) struct roll_event *next = NULL;

    if (!roll_ledger_is_aside(ledger) || !roll_number_is_side(driver->head.seq) ||
        driver->head.seq % ROLL_SIDE_MAX != 0 || driver->left.seq == 0)
        return NULL;
    struct roll_error *err = roll_ledger_event(ledger, driver->stream, driver->left.seq + 1, &next);
    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        ROLL_TRY(err);
    roll_error_free(err);
    if (!next)
        return NULL;
    roll_ledger_set_aside(ledger, false);
    driver->head = driver->left;
    roll_machine_moved(driver->machine, driver->head.seq);
    return NULL;
}

/* Folds what was appended since, by this driver or by others. */
struct roll_error *roll_driver_catch_up(struct roll_driver *driver)
{
    ROLL_TRY(come_back(driver));
    ROLL_TRY(roll_driver_look_again(driver));
    ROLL_TRY(roll_ledger_events(driver->options->ledger, driver->stream, driver->head.seq + 1,
                                roll_driver_fold, driver));
    return follow_aside(driver);
}

void roll_driver_observe(struct roll_driver *driver, const struct roll_observation *observation)
{
    roll_driver_set_clock(driver);
    roll_machine_observe(driver->machine, observation, roll_now_ms(), roll_boot_ms());
}

/* ---- appending ------------------------------------------------------------------------------ */

static struct roll_error *take_lock(struct roll_driver *driver, int64_t rollout)
{
    roll_lock_free(driver->lock);
    driver->lock = NULL;
    return roll_ledger_lock(driver->options->ledger, driver->stream, rollout, &driver->lock);
}

/* The lock of a rollout that is about to be claimed is taken before its event can be seen. One that
 * waits is nobody's, and has none. */
static struct roll_error *lock_claimed(struct roll_driver *driver, const struct roll_action *action)
{
    bool waits = action->n_drafts > 0 &&
                 action->drafts[action->n_drafts - 1].kind == ROLL_EVENT_rollout_requested;

    for (size_t i = 0; i < action->n_drafts; i++) {
        if (action->drafts[i].kind == ROLL_EVENT_rollout_requested && !waits)
            return take_lock(driver, driver->head.seq + 1 + (int64_t)i);
        if (action->drafts[i].kind == ROLL_EVENT_rollout_claimed && !driver->lock &&
            !driver->options->take)
            return take_lock(driver, roll_driver_number(driver));
    }
    return NULL;
}

static GArray *objects_of(const struct roll_action *action)
{
    GArray *objects = g_array_new(FALSE, FALSE, sizeof(struct roll_object));

    for (size_t i = 0; i < action->n_blobs; i++) {
        struct roll_object object = {action->blobs[i]->data->str, action->blobs[i]->data->len};
        g_array_append_val(objects, object);
    }
    return objects;
}

static struct roll_error *append(struct roll_driver *driver, const struct roll_action *action,
                                 const struct roll_expect *expect, const GArray *objects,
                                 bool behind)
{
    struct roll_ledger *ledger = driver->options->ledger;
    const struct roll_object *first = (const struct roll_object *)(const void *)objects->data;

    if (behind)
        return roll_ledger_append_behind(ledger, &driver->actor, expect, action->drafts,
                                         action->n_drafts, first, objects->len);
    return roll_ledger_append(ledger, &driver->actor, 0, expect, 1, action->drafts,
                              action->n_drafts, first, objects->len, NULL);
}

/* Why an append was not answered. What the store does not take now, though what runs can be
 * followed without it, is asked again; that is said. */
static enum roll_observation_kind kind_of(struct roll_driver *driver, const struct roll_error *err)
{
    if (roll_error_code(err) == ROLL_E_CONFLICT)
        return ROLL_SAW_CONFLICT;
    if (!roll_ledger_is_shared(driver->options->ledger) || !roll_sync_is_absent(err) ||
        !roll_machine_can_wait(driver->machine))
        return ROLL_SAW_APPEND_FAILED;
    roll_driver_notice_once(
        driver, g_strdup_printf("the shared ledger is out of reach; what runs is followed, and "
                                "nothing new is sent until it answers: %s",
                                roll_error_innermost(err)));
    return ROLL_SAW_APPEND_AWAY;
}

/* To ask again at once would be to ask for ever. */
static struct roll_error *after_conflict(struct roll_driver *driver, struct roll_error *err_take,
                                         enum roll_observation_kind *ret_kind)
{
    *ret_kind = roll_driver_conflict(driver);
    if (*ret_kind == ROLL_SAW_CONFLICT)
        return err_take;
    roll_driver_notice_once(
        driver, g_strdup("another process of this machine went on without the shared ledger; "
                         "nothing new is sent until that has joined"));
    return roll_error_wrap(err_take,
                           "another process of this machine went on without the shared ledger");
}

/* Of a fleet the order alone has megabytes, which nobody reads again once they are recorded. */
static void drop_recorded(struct roll_driver *driver)
{
    if (!driver->request_blobs || roll_driver_number(driver) == 0)
        return;
    g_ptr_array_set_size(driver->request_blobs, 0);
    driver->request_blobs = NULL;
}

static void perform_append(struct roll_driver *driver, const struct roll_action *action)
{
    struct roll_expect expect = {.stream = driver->stream, .head = driver->head};
    g_autoptr(GArray) objects = objects_of(action);
    struct roll_observation seen = {.id = action->id, .kind = ROLL_SAW_APPENDED};
    struct roll_error *err = lock_claimed(driver, action);
    struct roll_error *read_err;
    int64_t started = roll_boot_ms();

    seen.behind = roll_driver_may_follow(driver, action);
    roll_fault("before-append");
    if (!err)
        err = append(driver, action, &expect, objects, seen.behind);
    roll_fault("after-append");
    if (err)
        seen.kind = kind_of(driver, err);
    driver->appended_behind = !err && seen.behind;
    read_err = roll_driver_catch_up(driver);
    driver->appended_behind = false;
    drop_recorded(driver);
    if (seen.kind == ROLL_SAW_CONFLICT)
        err = after_conflict(driver, err, &seen.kind);
    if (!err && seen.behind)
        roll_driver_follow(driver);
    else if (!err)
        roll_driver_published(driver, started);
    if (read_err) {
        seen.kind = ROLL_SAW_APPEND_FAILED;
        err = roll_error_join(err, read_err);
    }
    if (seen.kind == ROLL_SAW_APPEND_FAILED)
        driver->err = roll_error_join(driver->err, err);
    else
        roll_error_free(err);
    roll_driver_observe(driver, &seen);
}

/* ---- deciding on an automatic back ---------------------------------------------------------- */

struct roll_error *roll_driver_seal(struct roll_choice *choice)
{
    struct roll_blob *blob = g_new0(struct roll_blob, 1);
    struct roll_error *err = roll_order_write(choice->order, &blob->data);

    if (err) {
        g_free(blob);
        return err;
    }
    roll_sha256_hex(blob->data->str, blob->data->len, blob->digest);
    g_ptr_array_add(choice->blobs, blob);
    g_free(choice->request.order);
    choice->request.order = g_strdup(blob->digest);
    return NULL;
}

static void perform_decide_back(struct roll_driver *driver, const struct roll_action *action)
{
    struct roll_observation seen = {.id = action->id, .kind = ROLL_SAW_BACK};
    struct roll_error *err = roll_choose_auto_back(driver->options->ledger, driver->stream,
                                                   action->rollout, driver->order, &seen.choice);

    if (!err)
        err = roll_driver_seal(seen.choice);
    if (err) {
        roll_choice_free(seen.choice);
        seen.choice = NULL;
    }
    seen.message = err ? err->message : NULL;
    roll_driver_observe(driver, &seen);
    roll_error_free(err);
}

/* ---- the pump ------------------------------------------------------------------------------- */

/* Who took over what hangs has no lock yet: when that dies, this process must not look gone. */
static struct roll_error *hold_lock(struct roll_driver *driver)
{
    int64_t rollout = roll_driver_number(driver);

    if (driver->lock || !driver->options->take || !rollout)
        return NULL;
    return roll_ledger_lock(driver->options->ledger, driver->stream, rollout, &driver->lock);
}

static void wake(void *user)
{
    struct roll_driver *driver = user;
    int64_t version = 0;
    struct roll_error *err;

    driver->timer = 0;
    err = roll_ledger_data_version(driver->options->ledger, &version);
    if (!err && version != driver->data_version) {
        driver->data_version = version;
        err = roll_driver_catch_up(driver);
    }
    if (!err)
        err = hold_lock(driver);
    if (err) {
        roll_log(ROLL_LOG_VERBOSE, "the ledger could not be read just now: %s", err->message);
        roll_error_free(err);
    }
    roll_driver_say_silence(driver);
    roll_driver_pump(driver);
}

void roll_driver_look_at(struct roll_driver *driver, int64_t wake_boot_ms)
{
    int64_t latest = roll_boot_ms() + WATCH_MS;

    if (driver->timer)
        roll_loop_cancel_timer(driver->options->loop, driver->timer);
    driver->timer = roll_loop_timer(driver->options->loop, MIN(wake_boot_ms, latest), wake, driver);
}

static void end(struct roll_driver *driver, const struct roll_action *action)
{
    if (driver->timer)
        roll_loop_cancel_timer(driver->options->loop, driver->timer);
    driver->timer = 0;
    driver->outcome.end = action->end;
    if (action->end == ROLL_END_DETACHED && driver->left_waiting)
        driver->outcome.end = ROLL_END_WAITING; /* between two rings */
    driver->outcome.back = action->next_rollout;
    roll_loop_stop(driver->options->loop);
}

static bool perform(struct roll_driver *driver, const struct roll_action *action)
{
    switch (action->kind) {
    case ROLL_ACTION_APPEND:
        perform_append(driver, action);
        return true;
    case ROLL_ACTION_PROBE: {
        struct roll_send *send = roll_send_new(driver, action);
        struct roll_error *err = roll_probe(send);
        if (err)
            roll_send_refuse_later(send, NULL, err);
        return true;
    }
    case ROLL_ACTION_LEFTOVERS:
    case ROLL_ACTION_DELETE:
    case ROLL_ACTION_SEEK:
        roll_driver_prune(driver, action);
        return true;
    case ROLL_ACTION_DECIDE_BACK:
        perform_decide_back(driver, action);
        return true;
    case ROLL_ACTION_GATE:
        roll_driver_gate(driver, action);
        return true;
    case ROLL_ACTION_START:
        roll_driver_start(driver, action);
        return true;
    case ROLL_ACTION_DONE:
        end(driver, action);
        return false;
    default:
        roll_driver_send(driver, action);
        return true;
    }
}

/* Lets go; ARM goes on. Once only. */
static void detach(struct roll_driver *driver)
{
    struct roll_observation seen = {.kind = ROLL_SAW_DETACH};

    if (driver->detaching)
        return;
    driver->detaching = true;
    roll_driver_observe(driver, &seen);
}

static void leave_now(void *user)
{
    struct roll_driver *driver = user;

    driver->leave_timer = 0;
    detach(driver);
    roll_driver_pump(driver);
}

/* The answer to what is away tells the person whether anything goes on in Azure. */
void roll_driver_leave(struct roll_driver *driver)
{
    if (driver->leaving || driver->puts_away == 0) {
        detach(driver);
        return;
    }
    driver->leaving = true;
    driver->leave_timer =
        roll_loop_timer(driver->options->loop, roll_boot_ms() + LEAVE_MS, leave_now, driver);
}

/* What it waits for is said once. */
static bool waits_for_others(struct roll_driver *driver)
{
    struct roll_machine_view view;
    g_autofree char *text = NULL;

    roll_machine_view(driver->machine, &view);
    if (!view.waits_for)
        return false;
    text = g_strdup_printf("waiting for %s", view.waits_for);
    if (g_strcmp0(driver->waits_for, text) != 0) {
        roll_driver_notice(driver, text);
        g_free(driver->waits_for);
        driver->waits_for = g_strdup(text);
    }
    return true;
}

/* Who was not told to wait for others does not; who was told not to wait leaves when ARM has it. */
static bool leaves_at_once(struct roll_driver *driver)
{
    if (driver->detaching)
        return false;
    if (waits_for_others(driver))
        return driver->left_waiting = !driver->options->wait;
    return driver->options->no_wait && driver->puts_accepted > 0 && driver->puts_under_way == 0;
}

void roll_driver_pump(struct roll_driver *driver)
{
    struct roll_action action;
    int64_t wake_boot_ms = INT64_MAX;

    if (driver->outcome.end != ROLL_END_NONE)
        return;
    if (driver->leaving && driver->puts_away == 0)
        detach(driver);
    for (;;) {
        while (roll_machine_next(driver->machine, roll_now_ms(), roll_boot_ms(), &action,
                                 &wake_boot_ms))
            if (!perform(driver, &action))
                return;
        if (!leaves_at_once(driver))
            break;
        detach(driver);
    }
    roll_driver_changed(driver);
    roll_driver_look_at(driver, wake_boot_ms);
}
