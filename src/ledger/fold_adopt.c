/* Folding what was found in ARM's history: evidence, until a person says that it was good (or the
 * tags of a lost ledger do). Then it is a rollout of kind adopted, at the time when ARM had it. */
#include "ledger/fold.h"
#include "ledger/query.h"

#include "rollbook/json.h"

struct roll_error *roll_fold_deployment_adopted(struct roll_fold *fold,
                                                const struct roll_event *event)
{
    const struct roll_deployment_adopted *body = roll_event_body(event, deployment_adopted);
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ADOPTED_ADD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_text(stmt, ":target", body->target);
    roll_sql_bind_text(stmt, ":name", body->name);
    roll_sql_bind_int(stmt, ":at", body->arm_at);
    roll_sql_bind_int(stmt, ":seq", event->seq);
    return roll_sql_run(stmt);
}

/* ---- accepted -------------------------------------------------------------------------------- */

struct accepting {
    struct roll_fold *fold;
    const struct roll_event *event;
    const struct roll_adoption_accepted *body;
    int64_t number;   /* of the rollout: this event's, or the one that it goes on with */
    json_t *targets;  /* those that count here: new reference */
    int64_t from, to; /* of all targets, UTC ms */
};

static int64_t number_of(const json_t *entry, const char *name)
{
    return json_integer_value(json_object_get(entry, name));
}

static bool flag_of(const json_t *entry, const char *name)
{
    return json_is_true(json_object_get(entry, name));
}

/* Two may have accepted the same without hearing of each other: the first word counts. */
static struct roll_error *counts_already(struct roll_fold *fold, const json_t *entry,
                                         bool *ret_counts)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ADOPTED_ACCEPTED, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":seq", number_of(entry, "adopted"));
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_counts = row && roll_sql_int_at(stmt, 0) != 0;
    roll_sql_reset(stmt);
    return NULL;
}

static struct roll_error *take_targets(struct accepting *accepting)
{
    const char *name;
    json_t *entry;
    bool counts = false;

    accepting->from = INT64_MAX;
    json_object_foreach (accepting->body->targets, name, entry) {
        int64_t at = number_of(entry, "at");
        ROLL_TRY(counts_already(accepting->fold, entry, &counts));
        if (counts)
            continue;
        json_object_set(accepting->targets, name, entry);
        accepting->from = MIN(accepting->from, MAX(at - number_of(entry, "durationMs"), 0));
        accepting->to = MAX(accepting->to, at);
    }
    if (accepting->body->count) { /* of all its events */
        accepting->from = accepting->body->from_at;
        accepting->to = accepting->body->to_at;
    }
    accepting->from = MIN(accepting->from, accepting->to);
    return NULL;
}

static const char *state_of(const struct roll_adoption_accepted *body)
{
    return body->failed ? "failed" : body->recovered ? "recovered" : "succeeded";
}

static struct roll_error *add_rollout(const struct accepting *accepting)
{
    const struct roll_adoption_accepted *body = accepting->body;
    const struct roll_event *event = accepting->event;
    struct roll_fold *fold = accepting->fold;
    struct fold_rollout *rollout;
    struct roll_sql_stmt *stmt;
    int64_t targets = (int64_t)json_object_size(accepting->targets);

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ROLLOUT_ADD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":number", accepting->number);
    roll_sql_bind_text(stmt, ":service", fold->service);
    roll_sql_bind_text(stmt, ":hash", event->hash);
    roll_sql_bind_text(stmt, ":lane", body->lane ? body->lane : "release");
    roll_sql_bind_text(stmt, ":kind", "adopted");
    roll_sql_bind_text(stmt, ":release", body->release);
    roll_sql_bind_text(stmt, ":from", body->from);
    roll_sql_bind_text(stmt, ":reason", body->reason);
    roll_sql_bind_text(stmt, ":order", body->order);
    roll_sql_bind_text(stmt, ":proved", event->actor.proved);
    roll_sql_bind_text(stmt, ":claimed", event->actor.claimed);
    roll_sql_bind_int(stmt, ":requested_at", accepting->from);
    roll_sql_bind_int(stmt, ":targets", body->count ? body->count : targets);
    roll_sql_bind_int(stmt, ":cause", 0);
    roll_sql_bind_int(stmt, ":supersedes", 0);
    roll_sql_bind_int(stmt, ":partial", body->partial);
    roll_sql_bind_text(stmt, ":state", state_of(body));
    ROLL_TRY(roll_sql_run(stmt));
    ROLL_TRY(roll_fold_rollout(fold, accepting->number, &rollout));
    rollout->ended_at = accepting->to;
    fold_set_text(&rollout->end_reason, body->failed);
    rollout->changed = true;
    return NULL;
}

static struct roll_error *add_step(const struct accepting *accepting, const char *target,
                                   const json_t *entry)
{
    int64_t at = number_of(entry, "at");
    bool failed = flag_of(entry, "failed");
    struct fold_rollout *rollout;
    struct fold_step *step;

    ROLL_TRY(roll_fold_step(accepting->fold, accepting->number, target, 0, &step));
    step->there = step->changed = step->accepted = true;
    step->attempt = 1;
    fold_set_text(&step->release, accepting->body->release);
    fold_set_text(&step->outcome, failed ? "failed" : "succeeded");
    fold_set_text(&step->result, roll_json_get_string(entry, "result"));
    step->duration_ms = number_of(entry, "durationMs");
    step->intended_at = MAX(at - step->duration_ms, 1);
    step->ended_at = step->arm_at = at;
    step->clean_at = failed ? 0 : at;
    step->resources = number_of(entry, "resources");
    ROLL_TRY(roll_fold_rollout(accepting->fold, accepting->number, &rollout));
    *(failed ? &rollout->failed : &rollout->succeeded) += 1;
    rollout->changed = true;
    return NULL;
}

/* What made it dirty had ended before this began: then it is what this left. */
static struct roll_error *overcome(const struct accepting *accepting, const char *name,
                                   struct fold_target *target, const json_t *entry)
{
    struct fold_environment *environment;
    struct fold_step *step;
    int64_t began = number_of(entry, "at") - number_of(entry, "durationMs");

    ROLL_TRY(roll_fold_step(accepting->fold, target->dirty_rollout, name, 0, &step));
    if (!step->there || !step->outcome || step->ended_at >= began)
        return NULL;
    ROLL_TRY(roll_fold_environment(accepting->fold, &environment));
    environment->dirty--;
    environment->changed = true;
    target->dirty = target->restorable = false;
    target->dirty_rollout = 0;
    return NULL;
}

/* What the target has: unless this ledger has put something there since. */
static struct roll_error *hold(const struct accepting *accepting, const char *name,
                               const json_t *entry)
{
    struct roll_fold *fold = accepting->fold;
    const char *release = accepting->body->release;
    struct fold_environment *environment;
    struct fold_target *target;
    int64_t at = number_of(entry, "at");

    ROLL_TRY(roll_fold_target(fold, name, &target));
    target->floor = MAX(target->floor, number_of(entry, "floor"));
    target->changed = true;
    if (target->dirty && flag_of(entry, "live"))
        ROLL_TRY(overcome(accepting, name, target, entry));
    if (target->dirty || target->since >= at ||
        (!flag_of(entry, "live") && !flag_of(entry, "dirty")))
        return NULL;
    target->accepted_rollout = accepting->number;
    fold_set_text(&target->accepted_release, release);
    if (flag_of(entry, "dirty"))
        return roll_fold_make_dirty(fold, target, accepting->number);
    ROLL_TRY(roll_fold_environment(fold, &environment));
    fold_set_text(&environment->last_good, release);
    if (target->release)
        roll_fold_hold(environment, target->release, -1);
    fold_set_text(&target->release, release);
    target->rollout = accepting->number;
    target->since = at;
    roll_fold_hold(environment, release, 1);
    roll_fold_live(environment, accepting->number, at);
    return NULL;
}

static struct roll_error *mark(const struct accepting *accepting, const json_t *entry)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(accepting->fold->sql, LEDGER_ADOPTED_ACCEPT, &stmt));
    roll_sql_bind_int(stmt, ":stream", accepting->fold->stream);
    roll_sql_bind_int(stmt, ":seq", number_of(entry, "adopted"));
    roll_sql_bind_text(stmt, ":release", accepting->body->release);
    roll_sql_bind_int(stmt, ":accepted", accepting->number);
    return roll_sql_run(stmt);
}

/* ---- the environment ------------------------------------------------------------------------- */

/* The last rollout is the last one by time, whatever was accepted when. */
static struct roll_error *be_last(const struct accepting *accepting,
                                  struct fold_environment *environment)
{
    struct roll_sql_stmt *stmt;
    int64_t requested_at = 0;
    bool row;

    if (environment->last_rollout) {
        ROLL_TRY(roll_sql_use(accepting->fold->sql, LEDGER_ROLLOUT_TIME, &stmt));
        roll_sql_bind_int(stmt, ":stream", accepting->fold->stream);
        roll_sql_bind_int(stmt, ":number", environment->last_rollout);
        ROLL_TRY(roll_sql_step(stmt, &row));
        requested_at = row ? roll_sql_int_at(stmt, 0) : 0;
        roll_sql_reset(stmt);
    }
    if (accepting->from >= requested_at)
        environment->last_rollout = accepting->number;
    return NULL;
}

static struct roll_error *change_marks(const struct accepting *accepting)
{
    const struct roll_adoption_accepted *body = accepting->body;

    for (char **version = body->lifts; version && *version; version++)
        ROLL_TRY(roll_fold_bad_lift(accepting->fold, *version));
    for (char **version = body->bad; version && *version; version++)
        ROLL_TRY(roll_fold_bad_add(accepting->fold, *version, accepting->number));
    return NULL;
}

static struct roll_error *fold_environment(const struct accepting *accepting)
{
    const struct roll_adoption_accepted *body = accepting->body;
    struct fold_environment *environment;

    ROLL_TRY(roll_fold_environment(accepting->fold, &environment));
    ROLL_TRY(be_last(accepting, environment));
    environment->changed = true;
    if (body->hold && !environment->back_hold) {
        environment->back_hold = true;
        environment->hold_rollout = accepting->number;
        fold_set_text(&environment->back_reason, body->reason);
    }
    return change_marks(accepting);
}

/* A part of it is one only where that made the environment whole. */
static struct roll_error *fold_success(const struct accepting *accepting)
{
    struct fold_environment *environment;

    if (accepting->body->failed)
        return NULL;
    ROLL_TRY(roll_fold_environment(accepting->fold, &environment));
    if (accepting->body->partial &&
        (environment->dirty > 0 ||
         g_strcmp0(roll_fold_held(environment), accepting->body->release) != 0))
        return NULL;
    return roll_fold_success_add(accepting->fold, accepting->event->seq, accepting->to,
                                 accepting->number, accepting->body->release);
}

/* It succeeded when ARM says so, so that it takes its place among what was rolled out since. */
static struct roll_error *accept(struct accepting *accepting)
{
    bool first = accepting->body->after == 0;
    struct fold_rollout *rollout;
    const char *name;
    json_t *entry;

    ROLL_TRY(take_targets(accepting));
    if (json_object_size(accepting->targets) == 0)
        return NULL;
    if (first)
        ROLL_TRY(add_rollout(accepting));
    ROLL_TRY(roll_fold_rollout(accepting->fold, accepting->number, &rollout));
    if (!rollout->there)
        return NULL;
    if (first)
        ROLL_TRY(fold_environment(accepting));
    json_object_foreach (accepting->targets, name, entry) {
        ROLL_TRY(add_step(accepting, name, entry));
        ROLL_TRY(hold(accepting, name, entry));
        ROLL_TRY(mark(accepting, entry));
    }
    return first ? fold_success(accepting) : NULL;
}

struct roll_error *roll_fold_adoption_accepted(struct roll_fold *fold,
                                               const struct roll_event *event)
{
    const struct roll_adoption_accepted *body = roll_event_body(event, adoption_accepted);
    struct accepting accepting = {.fold = fold,
                                  .event = event,
                                  .body = body,
                                  .number = event->seq - MAX(body->after, 0),
                                  .targets = json_object()};
    struct roll_error *err = NULL;

    if (body->release && body->order)
        err = accept(&accepting);
    json_decref(accepting.targets);
    return err;
}

/* ---- reading --------------------------------------------------------------------------------- */

static struct roll_error *fill_adopted(void *user, struct roll_sql_stmt *stmt)
{
    const struct ledger_call *call = user;
    const struct roll_adopted_row row = {.target = roll_sql_text_at(stmt, 0),
                                         .name = roll_sql_text_at(stmt, 1),
                                         .at = roll_sql_int_at(stmt, 2),
                                         .seq = roll_sql_int_at(stmt, 3),
                                         .release = roll_sql_text_at(stmt, 4),
                                         .accepted = roll_sql_int_at(stmt, 5)};

    return (*(roll_adopted_fn *)call->fn)(call->user, &row);
}

struct roll_error *roll_ledger_adopted(struct roll_ledger *ledger, const char *stream,
                                       roll_adopted_fn fn, void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_ADOPTED_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    return roll_sql_each(stmt, fill_adopted, &call);
}

struct roll_error *roll_ledger_adopted_find(struct roll_ledger *ledger, const char *stream,
                                            struct roll_adopted_row *row)
{
    struct roll_sql_stmt *stmt;
    bool there;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_ADOPTED_FIND, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_text(stmt, ":target", row->target);
    roll_sql_bind_text(stmt, ":name", row->name);
    roll_sql_bind_int(stmt, ":at", row->at);
    ROLL_TRY(roll_sql_step(stmt, &there));
    row->seq = there ? roll_sql_int_at(stmt, 0) : 0;
    row->accepted = there ? roll_sql_int_at(stmt, 1) : 0;
    roll_sql_reset(stmt);
    return NULL;
}
