/* Folding steps: intents and outcomes, and what they say of their targets; data floors. */
#include <string.h>

#include "ledger/fold.h"
#include "ledger/statements.h"
#include "rollbook/ledger.h"

/* ---- intents --------------------------------------------------------------------------------- */

/* A new attempt takes the place of the one before. */
static struct roll_error *record_intent(struct roll_fold *fold, const struct roll_event *event,
                                        const struct roll_step_intended *body)
{
    struct fold_step *step;

    ROLL_TRY(roll_fold_step(fold, body->rollout, body->target, body->step, &step));
    step->there = step->changed = true;
    step->attempt = body->attempt;
    fold_set_text(&step->release, body->release);
    fold_set_text(&step->outcome, NULL);
    step->accepted = false;
    step->intended_at = event->at;
    step->ended_at = step->arm_at = step->duration_ms = step->resources = step->clean_at = 0;
    fold_set_text(&step->code, NULL);
    fold_set_text(&step->message, NULL);
    fold_set_text(&step->result, NULL);
    return NULL;
}

static struct roll_error *start_rollout(struct roll_fold *fold, int64_t number)
{
    struct fold_rollout *rollout;

    ROLL_TRY(roll_fold_rollout(fold, number, &rollout));
    if (rollout->there && g_strcmp0(rollout->state, "requested") == 0) {
        fold_set_text(&rollout->state, "running");
        rollout->changed = true;
    }
    return NULL;
}

/* When a rollout's deployment was last seen at ARM: by ARM's clock (0: nobody knows), or else ours.
 */
struct seen_at {
    int64_t arm, any;
};

static struct roll_error *look_when(struct roll_fold *fold, int64_t rollout, const char *target,
                                    struct seen_at *ret_seen)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_fold_save_steps(fold));
    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_STEP_ARM_TIME, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    roll_sql_bind_text(stmt, ":target", target);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_seen = row ? (struct seen_at){roll_sql_int_at(stmt, 1), roll_sql_int_at(stmt, 0)}
                    : (struct seen_at){0};
    roll_sql_reset(stmt);
    return NULL;
}

/* A side stream was spliced in beside what others did meanwhile: the target has what ARM had later.
 */
static struct roll_error *is_overtaken(struct roll_fold *fold, const struct roll_event *event,
                                       const struct fold_target *target, const char *name,
                                       bool *ret_overtaken)
{
    struct seen_at accepted;

    *ret_overtaken = false;
    if (!event->beside_at || target->accepted_rollout == 0)
        return NULL;
    ROLL_TRY(look_when(fold, target->accepted_rollout, name, &accepted));
    *ret_overtaken = accepted.any > event->beside_at;
    return NULL;
}

/* Another replica's driver had not heard that it was overruled, and intended the same: what became
 * of it is known, or will be told once. */
static struct roll_error *is_known(struct roll_fold *fold, const struct roll_step_intended *body,
                                   bool *ret_known)
{
    struct fold_step *step;

    ROLL_TRY(roll_fold_step(fold, body->rollout, body->target, body->step, &step));
    *ret_known = step->there && body->attempt <= step->attempt;
    return NULL;
}

/* An action of a later step changes the target just as the deployment does, so that every intent
 * makes it dirty. */
struct roll_error *roll_fold_step_intended(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_step_intended *body = roll_event_body(event, step_intended);
    struct fold_target *target;
    bool overtaken, known;

    ROLL_TRY(is_known(fold, body, &known));
    if (known)
        return NULL;
    ROLL_TRY(record_intent(fold, event, body));
    ROLL_TRY(roll_fold_target(fold, body->target, &target));
    target->floor = MAX(target->floor, body->floor);
    target->changed = true;
    ROLL_TRY(is_overtaken(fold, event, target, body->target, &overtaken));
    if (overtaken)
        return start_rollout(fold, body->rollout);
    ROLL_TRY(roll_fold_make_dirty(fold, target, body->rollout));
    fold_set_text(&target->going, body->release);
    return start_rollout(fold, body->rollout);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

/* A check has no intent before it. What is said of an attempt that another has followed is history.
 */
static struct roll_error *record_outcome(struct roll_fold *fold, const struct roll_event *event,
                                         const struct roll_step_ended *body)
{
    struct fold_step *step;

    ROLL_TRY(roll_fold_step(fold, body->rollout, body->target, body->step, &step));
    if (step->there && body->attempt < step->attempt)
        return NULL;
    step->there = step->changed = true;
    step->attempt = body->attempt;
    if (body->release)
        fold_set_text(&step->release, body->release);
    fold_set_text(&step->outcome, body->outcome);
    step->accepted = body->accepted;
    step->ended_at = event->at;
    step->arm_at = body->arm_at;
    step->duration_ms = body->duration_ms;
    step->resources = body->resources;
    fold_set_text(&step->code, body->code);
    fold_set_text(&step->message, body->message);
    fold_set_text(&step->result, body->result);
    return NULL;
}

static bool is_good(const char *outcome)
{
    return strcmp(outcome, "succeeded") == 0 || strcmp(outcome, "skipped") == 0;
}

static bool never_arrived(const struct roll_step_ended *body)
{
    return !body->accepted &&
           (strcmp(body->outcome, "refused") == 0 || strcmp(body->outcome, "absent") == 0);
}

/* Whether all steps of the target ended well; the first one has none before it. */
static struct roll_error *all_good(struct roll_fold *fold, const struct roll_step_ended *body,
                                   bool *ret_good)
{
    struct roll_sql_stmt *stmt;
    bool bad = false;

    if (is_good(body->outcome) && body->step > 0) {
        ROLL_TRY(roll_fold_save_steps(fold));
        ROLL_TRY(roll_sql_use(fold->sql, LEDGER_STEP_NOT_GOOD, &stmt));
        roll_sql_bind_int(stmt, ":stream", fold->stream);
        roll_sql_bind_int(stmt, ":rollout", body->rollout);
        roll_sql_bind_text(stmt, ":target", body->target);
        ROLL_TRY(roll_sql_step(stmt, &bad));
        roll_sql_reset(stmt);
    }
    *ret_good = is_good(body->outcome) && !bad;
    return NULL;
}

/* Each target counts once in its rollout, by its last word. */
static struct roll_error *count_target(struct roll_fold *fold, int64_t number,
                                       struct fold_target *target, bool good)
{
    struct fold_rollout *rollout;

    ROLL_TRY(roll_fold_rollout(fold, number, &rollout));
    if (!rollout->there)
        return NULL;
    if (target->counted_rollout == number)
        *(target->counted_good ? &rollout->succeeded : &rollout->failed) -= 1;
    *(good ? &rollout->succeeded : &rollout->failed) += 1;
    rollout->changed = true;
    target->counted_rollout = number;
    target->counted_good = good;
    return NULL;
}

/* The success is noted in the step that brought it. */
static struct roll_error *note_success(struct roll_fold *fold, const struct roll_event *event,
                                       const struct roll_step_ended *body, const char *release)
{
    struct fold_step *step;

    ROLL_TRY(roll_fold_step(fold, body->rollout, body->target, body->step, &step));
    fold_set_text(&step->release, release);
    step->clean_at = event->at;
    step->changed = true;
    return NULL;
}

static struct roll_error *make_clean(struct roll_fold *fold, const struct roll_event *event,
                                     const struct roll_step_ended *body, struct fold_target *target)
{
    const char *release = target->going ? target->going : body->release;

    if (!release)
        return NULL;
    ROLL_TRY(roll_fold_make_clean(fold, target, body->rollout, release, event->at));
    return note_success(fold, event, body, release);
}

static bool is_its(const struct roll_step_ended *body, const struct fold_target *target)
{
    return target->dirty && target->dirty_rollout == body->rollout;
}

/* behind: what ARM has is what another rollout put later, and had been told of. */
static struct roll_error *fold_outcome(struct roll_fold *fold, const struct roll_event *event,
                                       const struct roll_step_ended *body,
                                       struct fold_target *target, bool behind)
{
    bool good = false, ours = is_its(body, target);
    bool as_before = never_arrived(body) || behind;

    if (body->last)
        ROLL_TRY(all_good(fold, body, &good));
    if (ours && !as_before)
        roll_fold_forget_held(target);
    if (ours && target->restorable && (never_arrived(body) || (behind && body->last)))
        ROLL_TRY(roll_fold_restore(fold, target));
    else if (ours && good && !behind)
        ROLL_TRY(make_clean(fold, event, body, target));
    return body->last ? count_target(fold, body->rollout, target, good) : NULL;
}

/* Do the numbers of two rollouts tell which was first? Those of different side streams do not. */
static bool is_one_course(int64_t a, int64_t b)
{
    if (roll_number_is_side(a) != roll_number_is_side(b))
        return false;
    return !roll_number_is_side(a) || a / ROLL_SIDE_MAX == b / ROLL_SIDE_MAX;
}

/* An older rollout has the target, since what was said of that aside was spliced in behind the
 * intent of this one: in one course the intent would have made it this one's. */
static bool is_anothers(const struct roll_step_ended *body, const struct fold_target *target)
{
    int64_t holder = target->dirty ? target->dirty_rollout : target->rollout;

    return holder == target->accepted_rollout && holder < body->rollout;
}

/* Its intent was heard of when a later rollout had been accepted here already, or one of which the
 * numbers do not tell: a driver on another replica could not tell in time. Or it waited while that
 * one ran. */
static bool is_heard_late(const struct roll_step_ended *body, const struct fold_target *target)
{
    return is_its(body, target) && (target->accepted_rollout > body->rollout ||
                                    !is_one_course(body->rollout, target->accepted_rollout));
}

/* What the target has, by ARM's times, where the order of the log does not tell: what this outcome
 * speaks of came later than what was accepted last, or is behind it. */
struct order_at_arm {
    bool later, behind;
};

/* Steps that ARM does not see, as checks, have the time of those before them. */
static struct roll_error *order_at_arm(struct roll_fold *fold, const struct roll_step_ended *body,
                                       const struct fold_target *target,
                                       struct order_at_arm *ret_order)
{
    bool late = is_heard_late(body, target);
    struct seen_at own = {0}, accepted;

    *ret_order = (struct order_at_arm){0};
    if (target->accepted_rollout == 0 || (!body->accepted && !late) ||
        (is_one_course(body->rollout, target->accepted_rollout) && !is_anothers(body, target) &&
         !late))
        return NULL;
    if (body->accepted)
        own.arm = body->arm_at;
    else
        ROLL_TRY(look_when(fold, body->rollout, body->target, &own));
    if (own.arm == 0)
        return NULL;
    ROLL_TRY(look_when(fold, target->accepted_rollout, body->target, &accepted));
    ret_order->later = body->accepted && own.arm > accepted.any;
    ret_order->behind = late && own.arm < accepted.arm;
    return NULL;
}

/* The target is the rollout's again, as since its intent. */
static struct roll_error *take_back(struct roll_fold *fold, const struct roll_step_ended *body,
                                    struct fold_target *target)
{
    struct fold_step *step;

    if (target->dirty && target->dirty_rollout == body->rollout)
        return NULL;
    ROLL_TRY(roll_fold_make_dirty(fold, target, body->rollout));
    ROLL_TRY(roll_fold_step(fold, body->rollout, body->target, body->step, &step));
    fold_set_text(&target->going, step->release);
    return NULL;
}

/* Numbers of side streams say nothing about when: then the times of the requests do. */
static struct roll_error *is_not_older(struct roll_fold *fold, int64_t rollout, int64_t other,
                                       bool *ret_newer)
{
    int64_t numbers[2] = {rollout, other}, times[2] = {0, 0};
    struct roll_sql_stmt *stmt;
    bool row;

    *ret_newer = rollout >= other;
    if (other == 0 || is_one_course(rollout, other))
        return NULL;
    for (int i = 0; i < 2; i++) {
        ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ROLLOUT_TIME, &stmt));
        roll_sql_bind_int(stmt, ":stream", fold->stream);
        roll_sql_bind_int(stmt, ":number", numbers[i]);
        ROLL_TRY(roll_sql_step(stmt, &row));
        times[i] = row ? roll_sql_int_at(stmt, 0) : 0;
        roll_sql_reset(stmt);
    }
    *ret_newer = times[0] >= times[1];
    return NULL;
}

/* A driver on another replica, which had not heard that it was overruled, says later what became of
 * the same intent, or check: what was said first counts, and was gone on from. But what Azure took
 * is taken, though it refused somebody else's request of the same name: that is revoked. */
struct telling {
    bool told, revokes;
};

static struct roll_error *look_at_telling(struct roll_fold *fold,
                                          const struct roll_step_ended *body,
                                          struct telling *ret_telling)
{
    struct fold_step *step;

    ROLL_TRY(roll_fold_step(fold, body->rollout, body->target, body->step, &step));
    bool again = step->there && step->outcome && body->attempt <= step->attempt;
    ret_telling->revokes = again && body->accepted && !step->accepted;
    ret_telling->told = again && !ret_telling->revokes;
    return NULL;
}

/* Unless a later rollout has it. */
static struct roll_error *count_after_all(struct roll_fold *fold,
                                          const struct roll_step_ended *body,
                                          struct fold_target *target)
{
    bool newer = false;

    ROLL_TRY(is_not_older(fold, body->rollout,
                          target->dirty ? target->dirty_rollout : target->rollout, &newer));
    return newer ? take_back(fold, body, target) : NULL;
}

/* A superseded rollout's step may end after its rollout did, settled by the successor. What it says
 * of acceptance counts by the rollouts' order, and it cleans nothing that a later rollout has
 * touched. */
struct roll_error *roll_fold_step_ended(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_step_ended *body = roll_event_body(event, step_ended);
    struct fold_target *target;
    struct telling telling;
    struct order_at_arm order;
    bool overtaken, newer = false;

    ROLL_TRY(look_at_telling(fold, body, &telling));
    if (telling.told)
        return NULL;
    ROLL_TRY(record_outcome(fold, event, body));
    ROLL_TRY(roll_fold_target(fold, body->target, &target));
    target->changed = true;
    ROLL_TRY(is_overtaken(fold, event, target, body->target, &overtaken));
    if (overtaken)
        return body->last ? count_target(fold, body->rollout, target, is_good(body->outcome))
                          : NULL;
    ROLL_TRY(order_at_arm(fold, body, target, &order));
    if (order.later) {
        newer = true;
        ROLL_TRY(take_back(fold, body, target));
    } else if (body->accepted && !order.behind) {
        ROLL_TRY(is_not_older(fold, body->rollout, target->accepted_rollout, &newer));
    }
    if (telling.revokes && newer && !order.later)
        ROLL_TRY(count_after_all(fold, body, target));
    if (newer) {
        fold_set_text(&target->accepted_release, body->release ? body->release : target->going);
        target->accepted_rollout = body->rollout;
    }
    return fold_outcome(fold, event, body, target, order.behind);
}

/* ---- floors ---------------------------------------------------------------------------------- */

struct roll_error *roll_fold_floor_set(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_floor_set *body = roll_event_body(event, floor_set);
    struct fold_target *target;
    struct roll_sql_stmt *stmt;

    if (body->target) {
        ROLL_TRY(roll_fold_target(fold, body->target, &target));
        target->floor = event->beside_at ? MAX(target->floor, body->floor) : body->floor;
        target->changed = true;
        return NULL;
    }
    ROLL_TRY(roll_fold_flush(fold)); /* rows in memory would write the old floor again */
    ROLL_TRY(roll_sql_use(
        fold->sql, event->beside_at ? LEDGER_TARGET_FLOOR_RAISE : LEDGER_TARGET_FLOOR_ALL, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":floor", body->floor);
    return roll_sql_run(stmt);
}
