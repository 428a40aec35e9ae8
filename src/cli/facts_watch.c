/* What the last looks said, for the page: could the releases that a back may go to be deployed
 * again, and when was drift looked for. From the ledger alone. */
#include "facts.h"

#include <string.h>

#include "rollbook/ready.h"
#include "rollbook/time.h"

enum { MAX_RELEASES = 10, MAX_TARGETS = 50 };

/* ---- readiness ------------------------------------------------------------------------------ */

static struct roll_error *take_version(void *user, const struct roll_success_row *row)
{
    GPtrArray *versions = user;

    if (row->release && !row->adopted &&
        !g_ptr_array_find_with_equal_func(versions, row->release, g_str_equal, NULL))
        g_ptr_array_add(versions, g_strdup(row->release));
    return versions->len < MAX_RELEASES ? NULL : roll_error_new(ROLL_E_FOUND, "enough was read");
}

/* The reasons in the words of the check, without what only the next check needs. */
static json_t *reasons_of(const json_t *last)
{
    static const char *const members[] = {"state", "subject", "why", "next", "targets"};
    json_t *reasons = json_array(), *entry;
    size_t index;

    json_array_foreach (json_object_get(last, "reasons"), index, entry) {
        json_t *reason = json_object();
        for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
            if (json_object_get(entry, members[i]))
                json_object_set(reason, members[i], json_object_get(entry, members[i]));
        json_array_append_new(reasons, reason);
    }
    return reasons;
}

/* Where targets go to different ones, each is a goal. */
static bool is_goal(const json_t *rollback, const char *version)
{
    const json_t *goals = json_object_get(rollback, "goals"), *goal;
    size_t index;

    json_array_foreach (goals, index, goal)
        if (g_strcmp0(roll_json_get_string(goal, "version"), version) == 0)
            return true;
    return g_strcmp0(roll_json_get_string(rollback, "version"), version) == 0;
}

static struct roll_error *add_release(struct roll_app *app, const char *stream,
                                      const json_t *environment, const char *version, json_t *list)
{
    const char *live = roll_json_get_string(environment, "version");
    const json_t *rollback = json_object_get(environment, "rollback");
    roll_auto(json) json_t *last = NULL;

    ROLL_TRY(roll_ready_last(app->ledger, stream, version, &last));
    if (!last)
        return NULL;
    json_array_append_new(list, json_pack("{s:s,s:O,s:O,s:O,s:b,s:b,s:o}", "version", version,
                                          "state", json_object_get(last, "state"), "since",
                                          json_object_get(last, "since"), "checkedAt",
                                          json_object_get(last, "checkedAt"), "live",
                                          g_strcmp0(live, version) == 0, "goal",
                                          is_goal(rollback, version), "reasons", reasons_of(last)));
    return NULL;
}

static struct roll_error *add_readiness(struct roll_app *app, const char *stream,
                                        json_t *environment)
{
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    json_t *list = json_array();
    struct roll_error *err =
        roll_ledger_successes(app->ledger, stream, NULL, take_version, versions);

    json_object_set_new(environment, "readiness", list);
    if (err && roll_error_code(err) != ROLL_E_FOUND)
        return err;
    roll_error_free(err);
    for (guint i = 0; i < versions->len; i++)
        ROLL_TRY(add_release(app, stream, environment, g_ptr_array_index(versions, i), list));
    return NULL;
}

/* ---- drift ---------------------------------------------------------------------------------- */

struct held {
    char *target;
    bool clean;
    int64_t rollout;
};

static void held_clear(void *item)
{
    g_free(((struct held *)item)->target);
}

static struct roll_error *take_target(void *user, const struct roll_target_row *row)
{
    GArray *targets = user;
    const struct held held = {g_strdup(row->target), row->release && !row->dirty, row->rollout};

    if (targets->len < MAX_TARGETS)
        g_array_append_val(targets, held);
    else
        g_free(held.target);
    return NULL;
}

struct looked {
    int64_t seq, at;
};

static struct roll_error *take_look(void *user, const struct roll_look_row *row)
{
    *(struct looked *)user = (struct looked){row->checked_seq, row->checked_at};
    return NULL;
}

struct looks {
    int64_t newest;
    json_int_t looked, unsure;
};

/* A look counts for what is live now: it names the rollout. */
static struct roll_error *see_target(struct roll_app *app, const char *stream,
                                     const struct held *held, struct looks *looks)
{
    roll_auto(event) struct roll_event *event = NULL;
    const struct roll_drift_checked *body;
    struct looked looked = {0};

    ROLL_TRY(roll_ledger_look(app->ledger, stream, "drift", held->target, take_look, &looked));
    if (looked.seq)
        ROLL_TRY(roll_ledger_event(app->ledger, stream, looked.seq, &event));
    body = event ? roll_event_body(event, drift_checked) : NULL;
    if (!held->clean || !body || body->rollout != held->rollout)
        return NULL;
    looks->newest = MAX(looks->newest, looked.at);
    looks->looked++;
    looks->unsure += body->unsure > 0;
    return NULL;
}

static struct roll_error *add_drift_time(struct roll_app *app, const char *stream,
                                         json_t *environment)
{
    g_autoptr(GArray) targets = g_array_new(FALSE, FALSE, sizeof(struct held));
    struct looks looks = {0};
    char at[ROLL_TIME_SIZE];

    g_array_set_clear_func(targets, held_clear);
    ROLL_TRY(roll_ledger_targets(app->ledger, stream, NULL, take_target, targets));
    for (guint i = 0; i < targets->len; i++)
        ROLL_TRY(see_target(app, stream, &g_array_index(targets, struct held, i), &looks));
    roll_time_format(looks.newest, at);
    if (!looks.looked)
        return NULL;
    json_object_set_new(environment, "driftCheckedAt", json_string(at));
    json_object_set_new(environment, "driftLooks",
                        json_pack("{s:I,s:I}", "targets", looks.looked, "unsure", looks.unsure));
    return NULL;
}

struct roll_error *facts_add_looks(struct roll_app *app, const char *stream, json_t *environment)
{
    ROLL_TRY(add_readiness(app, stream, environment));
    return add_drift_time(app, stream, environment);
}
