/* Folding what was found in ARM's history: evidence, until a person says that it was good (or the
 * tags of a lost ledger do). Then it is a rollout of kind adopted, at the time when ARM had it. */
#include "ledger/fold.h"
#include "ledger/store.h"

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

struct span {
    int64_t from, to; /* of all targets, UTC ms */
};

static int64_t number_of(const json_t *entry, const char *name)
{
    return json_integer_value(json_object_get(entry, name));
}

static struct span span_of(const json_t *targets)
{
    struct span span = {INT64_MAX, 0};
    const char *name;
    json_t *entry;

    json_object_foreach ((json_t *)(uintptr_t)targets, name, entry) {
        int64_t at = number_of(entry, "at");
        span.from = MIN(span.from, MAX(at - number_of(entry, "durationMs"), 0));
        span.to = MAX(span.to, at);
    }
    span.from = MIN(span.from, span.to);
    return span;
}

static struct roll_error *add_rollout(struct roll_fold *fold, const struct roll_event *event,
                                      const struct roll_adoption_accepted *body,
                                      const struct span *span)
{
    struct fold_rollout *rollout;
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ROLLOUT_ADD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":number", event->seq);
    roll_sql_bind_text(stmt, ":service", fold->service);
    roll_sql_bind_text(stmt, ":hash", event->hash);
    roll_sql_bind_text(stmt, ":lane", "release");
    roll_sql_bind_text(stmt, ":kind", "adopted");
    roll_sql_bind_text(stmt, ":release", body->release);
    roll_sql_bind_text(stmt, ":from", NULL);
    roll_sql_bind_text(stmt, ":reason", body->reason);
    roll_sql_bind_text(stmt, ":order", body->order);
    roll_sql_bind_text(stmt, ":proved", event->actor.proved);
    roll_sql_bind_text(stmt, ":claimed", event->actor.claimed);
    roll_sql_bind_int(stmt, ":requested_at", span->from);
    roll_sql_bind_int(stmt, ":targets", (int64_t)json_object_size(body->targets));
    roll_sql_bind_int(stmt, ":cause", 0);
    roll_sql_bind_int(stmt, ":supersedes", 0);
    roll_sql_bind_int(stmt, ":partial", 0);
    roll_sql_bind_text(stmt, ":state", "succeeded");
    ROLL_TRY(roll_sql_run(stmt));
    ROLL_TRY(roll_fold_rollout(fold, event->seq, &rollout));
    rollout->ended_at = span->to;
    rollout->succeeded = (int64_t)json_object_size(body->targets);
    rollout->changed = true;
    return NULL;
}

static struct roll_error *add_step(struct roll_fold *fold, const struct roll_event *event,
                                   const char *release, const char *target, const json_t *entry)
{
    int64_t at = number_of(entry, "at");
    struct fold_step *step;

    ROLL_TRY(roll_fold_step(fold, event->seq, target, 0, &step));
    step->there = step->changed = step->accepted = true;
    step->attempt = 1;
    fold_set_text(&step->release, release);
    fold_set_text(&step->outcome, "succeeded");
    fold_set_text(&step->result, roll_json_get_string(entry, "result"));
    step->duration_ms = number_of(entry, "durationMs");
    step->intended_at = MAX(at - step->duration_ms, 1);
    step->ended_at = step->arm_at = step->clean_at = at;
    step->resources = number_of(entry, "resources");
    return NULL;
}

/* What the target has: unless this ledger has put something there since. */
static struct roll_error *hold(struct roll_fold *fold, const struct roll_event *event,
                               const char *release, const char *name, const json_t *entry)
{
    struct fold_environment *environment;
    struct fold_target *target;
    int64_t at = number_of(entry, "at");

    ROLL_TRY(roll_fold_target(fold, name, &target));
    if (!json_is_true(json_object_get(entry, "live")) || target->dirty || target->since >= at)
        return NULL;
    ROLL_TRY(roll_fold_environment(fold, &environment));
    fold_set_text(&environment->last_good, release);
    if (target->release)
        roll_fold_hold(environment, target->release, -1);
    fold_set_text(&target->release, release);
    target->rollout = target->accepted_rollout = event->seq;
    target->since = at;
    fold_set_text(&target->accepted_release, release);
    target->changed = true;
    roll_fold_hold(environment, release, 1);
    roll_fold_live(environment, event->seq, at);
    return NULL;
}

static struct roll_error *mark(struct roll_fold *fold, const struct roll_event *event,
                               const char *release, const json_t *entry)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ADOPTED_ACCEPT, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":seq", number_of(entry, "adopted"));
    roll_sql_bind_text(stmt, ":release", release);
    roll_sql_bind_int(stmt, ":accepted", event->seq);
    return roll_sql_run(stmt);
}

/* It succeeded when ARM says so, so that it takes its place among what was rolled out since. */
struct roll_error *roll_fold_adoption_accepted(struct roll_fold *fold,
                                               const struct roll_event *event)
{
    const struct roll_adoption_accepted *body = roll_event_body(event, adoption_accepted);
    const struct span span = span_of(body->targets);
    struct fold_environment *environment;
    const char *name;
    json_t *entry;

    if (!body->release || !body->order || json_object_size(body->targets) == 0)
        return NULL;
    ROLL_TRY(add_rollout(fold, event, body, &span));
    ROLL_TRY(roll_fold_environment(fold, &environment));
    if (environment->last_rollout == 0)
        environment->last_rollout = event->seq;
    environment->changed = true;
    json_object_foreach (body->targets, name, entry) {
        ROLL_TRY(add_step(fold, event, body->release, name, entry));
        ROLL_TRY(hold(fold, event, body->release, name, entry));
        ROLL_TRY(mark(fold, event, body->release, entry));
    }
    return roll_fold_success_add(fold, event->seq, span.to, event->seq, body->release);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct roll_error *roll_ledger_adopted(struct roll_ledger *ledger, const char *stream,
                                       roll_adopted_fn fn, void *user)
{
    struct roll_sql_stmt *stmt;
    struct roll_error *err = NULL;
    bool there = true;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_ADOPTED_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    while (!err && there) {
        err = roll_sql_step(stmt, &there);
        if (err || !there)
            break;
        const struct roll_adopted_row row = {.target = roll_sql_text_at(stmt, 0),
                                             .name = roll_sql_text_at(stmt, 1),
                                             .at = roll_sql_int_at(stmt, 2),
                                             .seq = roll_sql_int_at(stmt, 3),
                                             .release = roll_sql_text_at(stmt, 4),
                                             .accepted = roll_sql_int_at(stmt, 5)};
        err = fn(user, &row);
    }
    roll_sql_reset(stmt);
    return err;
}
