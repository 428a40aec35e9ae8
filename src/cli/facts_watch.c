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

static struct roll_error *add_release(struct roll_app *app, const char *stream,
                                      const json_t *environment, const char *version, json_t *list)
{
    const char *live = roll_json_get_string(environment, "version");
    const json_t *rollback = json_object_get(environment, "rollback");
    const char *goal = roll_json_get_string(rollback, "version");
    roll_auto(json) json_t *last = NULL;

    ROLL_TRY(roll_ready_last(app->ledger, stream, version, &last));
    if (!last)
        return NULL;
    json_array_append_new(
        list, json_pack("{s:s,s:O,s:O,s:O,s:b,s:b,s:o}", "version", version, "state",
                        json_object_get(last, "state"), "since", json_object_get(last, "since"),
                        "checkedAt", json_object_get(last, "checkedAt"), "live",
                        g_strcmp0(live, version) == 0, "goal", g_strcmp0(goal, version) == 0,
                        "reasons", reasons_of(last)));
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

static struct roll_error *take_target(void *user, const struct roll_target_row *row)
{
    GPtrArray *targets = user;

    if (targets->len < MAX_TARGETS)
        g_ptr_array_add(targets, g_strdup(row->target));
    return NULL;
}

static struct roll_error *take_look(void *user, const struct roll_look_row *row)
{
    int64_t *newest = user;

    *newest = MAX(*newest, row->checked_at);
    return NULL;
}

static struct roll_error *add_drift_time(struct roll_app *app, const char *stream,
                                         json_t *environment)
{
    g_autoptr(GPtrArray) targets = g_ptr_array_new_with_free_func(g_free);
    int64_t newest = 0;
    char at[ROLL_TIME_SIZE];

    ROLL_TRY(roll_ledger_targets(app->ledger, stream, NULL, take_target, targets));
    for (guint i = 0; i < targets->len; i++)
        ROLL_TRY(roll_ledger_look(app->ledger, stream, "drift", g_ptr_array_index(targets, i),
                                  take_look, &newest));
    roll_time_format(newest, at);
    if (newest)
        json_object_set_new(environment, "driftCheckedAt", json_string(at));
    return NULL;
}

struct roll_error *facts_add_looks(struct roll_app *app, const char *stream, json_t *environment)
{
    ROLL_TRY(add_readiness(app, stream, environment));
    return add_drift_time(app, stream, environment);
}
