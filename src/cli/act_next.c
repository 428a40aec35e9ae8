/* What to type next, by how a rollout ended: each command with what it does, the likeliest first.
 */
#include "act.h"

#include <inttypes.h>
#include <stdarg.h>

#include "rollbook/calendar.h"
#include "rollbook/json.h"
#include "rollbook/ready.h"
#include "rollbook/rollout.h"

/* Commands below one another, each with what it does. */
struct advice {
    struct roll_table *table;
    bool any;
};

static void G_GNUC_PRINTF(3, 4)
    advise(struct advice *advice, const char *effect, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *command = g_strdup_vprintf(format, arguments);
    roll_table_cell_take(advice->table, ROLL_PLAIN,
                         g_strconcat(advice->any ? "      " : "next: ", command, NULL));
    roll_table_cell(advice->table, ROLL_PLAIN, effect);
    roll_table_row(advice->table);
    va_end(arguments);
    advice->any = true;
}

/* Of leftovers: what Azure refused may go later. */
static bool was_not_deleted(const json_t *view)
{
    size_t index, at;
    json_t *target, *pruned;

    json_array_foreach (json_object_get(view, "targets"), index, target)
        json_array_foreach (json_object_get(target, "pruned"), at, pruned)
            if (g_strcmp0(roll_json_get_string(pruned, "outcome"), "failed") == 0)
                return true;
    return false;
}

static struct roll_error *see_open(void *user, const struct roll_environment_row *row)
{
    *(int64_t *)user = row->open_rollout;
    return NULL;
}

/* Of a part that was resumed by itself: what it belongs to goes on with the others. */
static struct roll_error *advise_whole(struct roll_act *act, const json_t *view,
                                       struct advice *advice)
{
    const char *whole = roll_json_get_string(view, "partOf");
    const char *hash = whole ? strchr(whole, '#') : NULL;
    g_autofree char *stream = hash ? g_strndup(whole, (gsize)(hash - whole)) : NULL;
    int64_t open = 0;

    if (!hash || act->whole)
        return NULL;
    ROLL_TRY(roll_ledger_environments(act->app->ledger, stream, see_open, &open));
    if (open == g_ascii_strtoll(hash + 1, NULL, 10))
        advise(advice, "goes on with what waits for it", "roll resume %s", whole);
    return NULL;
}

static struct roll_error *advise_success(struct roll_act *act, const json_t *view,
                                         struct advice *advice)
{
    g_autofree char *goal = NULL;
    const char *kind = roll_json_get_string(view, "kind");
    const char *name = act->name;

    if (g_strcmp0(kind, "back") == 0) {
        roll_say(act->app, "data, secrets' values and deleted resources do not come back with it");
        roll_say(act->app,
                 "a hold keeps schedules away from %s until roll out, roll forward or roll unhold",
                 name);
        ROLL_TRY(advise_whole(act, view, advice));
        advise(advice, "undoes this", "roll forward %s --reason TEXT", name);
        if (was_not_deleted(view) && roll_json_get_string(view, "version"))
            advise(advice, "tries again to delete what could not be",
                   "roll back %s --to %s --prune", name, roll_json_get_string(view, "version"));
        return NULL;
    }
    if (g_strcmp0(kind, "hotfix") == 0)
        roll_say(act->app, "the next ordinary release must contain this fix");
    const char *except[] = {roll_json_get_string(view, "version"), NULL};
    ROLL_TRY(roll_back_goal(act->app, act->stream, except, &goal));
    if (goal) {
        g_autofree char *effect = g_strdup_printf("returns to %s", goal);
        advise(advice, effect, "roll back %s", name);
    }
    return NULL;
}

static struct roll_error *is_dead(struct roll_act *act, const char *version, bool *ret_dead)
{
    roll_auto(json) json_t *last = NULL;

    ROLL_TRY(roll_ready_last(act->app->ledger, act->stream, version, &last));
    *ret_dead = g_strcmp0(roll_json_get_string(last, "state"), "dead") == 0;
    return NULL;
}

/* The next older one that a back could go to. What the last readiness check called dead would be
 * refused; what it never looked at may do. Owned, NULL: none. */
static struct roll_error *find_older(struct roll_act *act, const char *goal, const char *from,
                                     char **ret_older)
{
    g_autoptr(GPtrArray) except = g_ptr_array_new_with_free_func(g_free);
    bool dead = true;

    g_ptr_array_add(except, g_strdup(goal ? goal : ""));
    g_ptr_array_add(except, g_strdup(from ? from : ""));
    g_ptr_array_add(except, NULL);
    while (dead) {
        g_autofree char *older = NULL;
        ROLL_TRY(roll_back_goal(act->app, act->stream, (const char *const *)except->pdata, &older));
        if (!older)
            return NULL;
        ROLL_TRY(is_dead(act, older, &dead));
        if (!dead)
            *ret_older = g_steal_pointer(&older);
        else
            g_ptr_array_insert(except, 0, g_steal_pointer(&older));
    }
    return NULL;
}

/* DESIGN section 6: the failed targets again, the next older ready release, forward, hotfix. */
static struct roll_error *advise_failed_back(struct roll_act *act, const json_t *view,
                                             struct advice *advice)
{
    const char *name = act->name;
    const char *goal = roll_json_get_string(view, "version");
    const char *from = roll_json_get_string(view, "from");
    g_autofree char *older = NULL;

    ROLL_TRY(find_older(act, goal, from, &older));
    if (older)
        advise(advice, "an older good release", "roll back %s --to %s", name, older);
    advise(advice, "returns to what was left", "roll forward %s --reason TEXT", name);
    advise(advice, "fixes what is live", "roll hotfix %s --artifact NAME=REF --reason TEXT", name);
    return NULL;
}

/* A role that was granted a moment ago: the same, with patience. */
static bool was_denied(const json_t *view)
{
    size_t index;
    json_t *target;

    json_array_foreach (json_object_get(view, "targets"), index, target) {
        if (roll_arm_is_denied(roll_json_get_string(target, "code"),
                               roll_json_get_string(target, "message")))
            return true;
    }
    return false;
}

static void advise_access(struct roll_act *act, const struct roll_outcome *outcome,
                          const json_t *view, struct advice *advice)
{
    if (!act->options->wait_for_access && was_denied(view))
        advise(advice, "waits 10 minutes for a role that was just granted",
               "roll resume %s#%" PRId64 " --wait-for-access", act->name, outcome->rollout);
}

/* Has any target got something of the rollout? */
static bool was_touched(const json_t *view)
{
    static const char *const untouched[] = {"skipped", "absent", "refused", "conflict", NULL};
    size_t index;
    json_t *target;

    json_array_foreach (json_object_get(view, "targets"), index, target) {
        const char *state = roll_json_get_string(target, "state");
        bool deployed = json_object_get(target, "step") != NULL; /* an action after it failed */
        if (state && (deployed || !g_strv_contains(untouched, state)))
            return true;
    }
    return false;
}

static struct roll_error *advise_failure(struct roll_act *act, const struct roll_outcome *outcome,
                                         const json_t *view, struct advice *advice)
{
    const char *name = act->name;

    advise_access(act, outcome, view, advice);
    advise(advice, "sends what failed again", "roll resume %s#%" PRId64, name, outcome->rollout);
    if (g_strcmp0(roll_json_get_string(view, "kind"), "back") == 0)
        return advise_failed_back(act, view, advice);
    if (was_touched(view) && roll_json_get_string(view, "from"))
        advise(advice, "returns what was touched", "roll back %s", name);
    return NULL;
}

static void advise_failure_back(struct roll_act *act, const struct roll_outcome *outcome,
                                struct advice *advice)
{
    const char *name = act->name;

    if (outcome->back_end == ROLL_END_SUCCEEDED)
        roll_say(act->app,
                 "what failed is marked bad here, and a hold keeps schedules away from %s", name);
    else
        advise(advice, "sends what failed again", "roll resume %s#%" PRId64, name, outcome->back);
    advise(advice, "what failed, in full", "roll show %s#%" PRId64, name, outcome->rollout);
}

static void advise_detached(struct roll_act *act, const struct roll_outcome *outcome,
                            struct advice *advice)
{
    const char *name = act->name;
    bool nothing = !outcome->reached && !outcome->unsure && outcome->end == ROLL_END_DETACHED;

    advise(advice, nothing ? "sends it" : "goes on from here", "roll resume %s#%" PRId64, name,
           outcome->rollout);
    if (nothing)
        advise(advice, "drops it", "roll cancel %s#%" PRId64, name, outcome->rollout);
}

/* What ended is not opened again: resume asks for it in a new rollout, which waits for what this
 * one had to wait for. */
static struct roll_error *advise_cancelled(struct roll_act *act, const struct roll_outcome *outcome,
                                           const json_t *view, struct advice *advice)
{
    const char *name = act->name;
    bool touched = was_touched(view);

    if (g_strcmp0(roll_json_get_string(view, "kind"), "back") == 0) {
        advise(advice, "goes back all the same, in a new rollout", "roll resume %s#%" PRId64, name,
               outcome->rollout);
        if (touched)
            return advise_failed_back(act, view, advice);
        advise(advice, "ends its hold and lifts its mark", "roll forward %s --reason TEXT", name);
        return NULL;
    }
    if (touched && roll_json_get_string(view, "from"))
        advise(advice, "returns what was touched", "roll back %s", name);
    advise(advice,
           touched ? "sends what is missing, in a new rollout"
                   : "asks for it anew, if it is wanted",
           "roll resume %s#%" PRId64, name, outcome->rollout);
    return NULL;
}

/* Its time or its window comes by itself; somebody has to look then. What had begun is resumed by
 * whoever began it. */
static void advise_start(struct roll_act *act, const struct roll_outcome *outcome,
                         const struct roll_lacks *lacks, struct advice *advice)
{
    const char *name = act->name;
    bool later = lacks->starts_at && lacks->starts_at != ROLL_NEVER;
    g_autofree char *time = later ? roll_report_time(lacks->starts_at) : NULL;
    g_autofree char *by_run =
        later ? g_strdup_printf("starts it%s, from %s on: a timer, or --watch",
                                lacks->approval || lacks->hold ? " when all has passed" : "", time)
              : NULL;

    if (later && !outcome->reached)
        advise(advice, by_run, "roll run %s", name);
    advise(advice,
           later && !lacks->approval && !lacks->hold ? "waits here, and starts it then"
                                                     : "starts it when all has passed",
           "roll resume %s#%" PRId64 " --wait", name, outcome->rollout);
}

static struct roll_error *advise_waiting(struct roll_act *act, const struct roll_outcome *outcome,
                                         struct advice *advice)
{
    const char *name = act->name;
    struct roll_lacks lacks = {0};
    struct roll_error *err = roll_rollout_lacks(act->app->ledger, act->app->workspace->root,
                                                act->stream, outcome->rollout, &lacks);

    if (!err && lacks.approval)
        advise(advice, "signs it, by somebody else", "roll approve %s#%" PRId64, name,
               outcome->rollout);
    if (!err && lacks.hold)
        advise(advice, "ends the hold", "roll unhold %s", name);
    if (!err && lacks.parts && lacks.texts->len == lacks.parts)
        advise(advice, "goes on with its parts", "roll resume %s#%" PRId64, name, outcome->rollout);
    else if (!err && !lacks.dead)
        advise_start(act, outcome, &lacks, advice);
    if (!err)
        advise(advice, "drops it", "roll cancel %s#%" PRId64, name, outcome->rollout);
    roll_lacks_clear(&lacks);
    return err;
}

struct roll_error *roll_act_say_next(struct roll_act *act, const struct roll_outcome *outcome,
                                     const json_t *view)
{
    roll_auto(table) struct roll_table *table = roll_table_new(NULL);
    struct advice advice = {.table = table};

    if (outcome->end == ROLL_END_SUCCEEDED)
        ROLL_TRY(advise_success(act, view, &advice));
    else if (outcome->end == ROLL_END_FAILED)
        ROLL_TRY(advise_failure(act, outcome, view, &advice));
    else if (outcome->end == ROLL_END_FAILED_BACK)
        advise_failure_back(act, outcome, &advice);
    else if (outcome->end == ROLL_END_CANCELLED)
        ROLL_TRY(advise_cancelled(act, outcome, view, &advice));
    else if (outcome->end == ROLL_END_WAITING)
        ROLL_TRY(advise_waiting(act, outcome, &advice));
    else if (outcome->end == ROLL_END_SUPERSEDED || outcome->end == ROLL_END_FENCED)
        advise(&advice, "what is live now", "roll status %s", act->name);
    else if (outcome->end == ROLL_END_DETACHED || outcome->end == ROLL_END_SETTLED)
        advise_detached(act, outcome, &advice);
    if (advice.any && !act->app->globals.quiet)
        roll_table_print(table, &act->app->out);
    return NULL;
}
