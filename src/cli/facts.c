/* The document of `roll report`, put together: status and log with what only a page has room for.
 */
#include "facts.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"
#include "rollbook/watch.h"

enum {
    MAX_DIFF_TARGETS = 500, /* of a comparison */
    MAX_DIFFS = 200,        /* pairs of releases: the newest */
};

/* ---- durations ------------------------------------------------------------------------------ */

/* The median of those that succeeded, of one kind; 0 when there are fewer than three. */
static int64_t usual_ms(const json_t *rollouts, const char *kind)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(int64_t));
    struct roll_usual usual;
    size_t index;
    json_t *view;

    json_array_foreach (rollouts, index, view) {
        int64_t took = json_integer_value(json_object_get(view, "durationMs"));
        if (took > 0 && g_strcmp0(roll_json_get_string(view, "kind"), kind) == 0 &&
            g_strcmp0(roll_json_get_string(view, "state"), "succeeded") == 0)
            g_array_append_val(all, took);
    }
    roll_usual_of(all, &usual);
    return usual.count < 3 ? 0 : usual.median_ms;
}

void facts_add_duration(json_t *view)
{
    int64_t ended = facts_time(view, "finishedAt");

    if (ended)
        json_object_set_new(view, "durationMs",
                            json_integer(ended - facts_time(view, "startedAt")));
}

static void add_durations(json_t *rollouts)
{
    static const char *const kinds[] = {"out", "hotfix", "back", "forward"};
    size_t index;
    json_t *view;

    json_array_foreach (rollouts, index, view)
        facts_add_duration(view);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        int64_t usual = usual_ms(rollouts, kinds[i]);
        json_array_foreach (rollouts, index, view)
            if (usual && g_strcmp0(roll_json_get_string(view, "kind"), kinds[i]) == 0)
                json_object_set_new(view, "usualMs", json_integer(usual));
    }
}

/* ---- differences ---------------------------------------------------------------------------- */

/* Targets that change alike share one group. */
static json_t *group_alike(json_t *diff)
{
    json_t *groups = json_array(), *group, *changes;
    const char *target;
    size_t index;

    json_object_foreach (diff, target, changes) {
        json_t *found = NULL;
        json_array_foreach (groups, index, group)
            if (!found && json_equal(json_object_get(group, "changes"), changes))
                found = group;
        if (!found) {
            found = json_pack("{s:[],s:O}", "targets", "changes", changes);
            json_array_append_new(groups, found);
        }
        json_array_append_new(json_object_get(found, "targets"), json_string(target));
    }
    return groups;
}

/* What cannot be compared any more (a redacted template) is left out of the page. */
static void add_diff(struct roll_app *app, json_t *view, json_t *diffs)
{
    const char *service = roll_json_get_string(view, "service");
    const char *environment = roll_json_get_string(view, "environment");
    const char *tried = roll_json_get_string(view, "tried");
    const char *from = tried ? tried : roll_json_get_string(view, "from");
    const char *to = roll_json_get_string(view, "version");
    size_t targets = json_array_size(json_object_get(view, "targets"));
    roll_auto(json) json_t *diff = NULL;

    if (!from || !to || targets > MAX_DIFF_TARGETS)
        return;
    g_autofree char *name = g_strdup_printf("%s/%s %s..%s", service, environment, from, to);
    if (!json_object_get(diffs, name)) {
        if (json_object_size(diffs) >= MAX_DIFFS)
            return;
        struct roll_error *err =
            roll_release_diff(app->ledger, service, environment, from, to, &diff);
        roll_error_free(err);
        if (err)
            return;
        json_object_set_new(diffs, name, group_alike(diff));
    }
    json_object_set_new(view, "diff", json_string(name));
}

/* ---- one environment ------------------------------------------------------------------------ */

static bool is_trouble(const json_t *target)
{
    const char *state = roll_json_get_string(target, "state");

    return g_strcmp0(state, "succeeded") != 0 && g_strcmp0(state, "skipped") != 0;
}

/* Those in trouble stay; a page has no use for thousands of rows that say the same. */
void facts_shorten_targets(json_t *view)
{
    json_t *targets = json_object_get(view, "targets");
    size_t all = json_array_size(targets), kept = 0;
    json_t *shorter = json_array();

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < all && kept < FACTS_MAX_TARGETS; i++) {
            json_t *target = json_array_get(targets, i);
            if (is_trouble(target) == (pass == 0)) {
                json_array_append(shorter, target);
                kept++;
            }
        }
    json_object_set_new(view, "targets", shorter);
    if (all > kept)
        json_object_set_new(view, "moreTargets", json_integer((json_int_t)(all - kept)));
}

static void leave_out_older(json_t *rollouts, int64_t since)
{
    size_t kept = 0;

    while (kept < json_array_size(rollouts) &&
           facts_time(json_array_get(rollouts, kept), "startedAt") >= since)
        kept++;
    while (json_array_size(rollouts) > kept)
        json_array_remove(rollouts, json_array_size(rollouts) - 1);
}

static struct roll_error *add_rollouts(struct roll_app *app, json_t *environment, int64_t since,
                                       json_t *diffs)
{
    const char *stream = roll_json_get_string(environment, "stream");
    const struct roll_rollout_query query = {.stream = stream};
    json_t *rollouts = NULL, *bands = json_array(), *view;
    size_t index;

    json_object_set_new(environment, "bands", bands);
    ROLL_TRY(roll_view_rollouts(app, &query, true, &rollouts));
    json_object_set_new(environment, "rollouts", rollouts);
    ROLL_TRY(facts_add_looks(app, stream, environment));
    add_durations(rollouts);
    leave_out_older(rollouts, since);
    ROLL_TRY(facts_add_events(app, stream, rollouts, bands));
    json_array_foreach (rollouts, index, view) {
        if (json_object_get(view, "parts"))
            ROLL_TRY(roll_view_add_parts(app, stream, facts_number(view), view));
        add_diff(app, view, diffs);
        facts_shorten_targets(view);
    }
    if (index > 0)
        facts_add_freezes(app, stream, facts_time(json_array_get(rollouts, index - 1), "startedAt"),
                          roll_now_ms(), bands);
    return NULL;
}

static struct roll_error *add_environment(struct roll_app *app, json_t *environment, int64_t since,
                                          json_t *diffs)
{
    json_object_set_new(environment, "stream",
                        json_sprintf("%s/%s", roll_json_get_string(environment, "service"),
                                     roll_json_get_string(environment, "environment")));
    if (app->ledger)
        return add_rollouts(app, environment, since, diffs);
    json_object_set_new(environment, "rollouts", json_array());
    json_object_set_new(environment, "bands", json_array());
    return NULL;
}

/* ---- releases ------------------------------------------------------------------------------- */

static struct roll_error *take_release(void *user, const struct roll_release_row *row)
{
    char at[ROLL_TIME_SIZE];

    roll_time_format(row->at, at);
    json_array_append_new(user,
                          json_pack("{s:o,s:s,s:s,s:s*,s:s,s:s*,s:s*}", "release",
                                    json_sprintf("%s@%s", row->service, row->version), "version",
                                    row->version, "digest", row->manifest, "commit", row->commit,
                                    "madeAt", at, "verdict", row->verdict, "reason", row->reason));
    return NULL;
}

/* Where a rollback left it, so that it is bad there alone. */
static struct roll_error *add_bad(struct roll_app *app, const json_t *environment,
                                  const json_t *releases, size_t from)
{
    for (size_t i = from; i < json_array_size(releases); i++) {
        json_t *release = json_array_get(releases, i), *names;
        const char *where = NULL;

        ROLL_TRY(roll_ledger_bad(app->ledger, roll_json_get_string(environment, "stream"),
                                 roll_json_get_string(release, "version"), &where));
        if (g_strcmp0(where, "here") != 0)
            continue;
        names = json_object_get(release, "badIn");
        if (!names)
            json_object_set_new(release, "badIn", names = json_array());
        json_array_append(names, json_object_get(environment, "environment"));
    }
    return NULL;
}

static struct roll_error *add_releases_of(struct roll_app *app, const char *service,
                                          const json_t *environments, json_t *releases)
{
    size_t index, from = json_array_size(releases);
    json_t *environment;

    ROLL_TRY(roll_ledger_releases(app->ledger, service, take_release, releases));
    json_array_foreach ((json_t *)(uintptr_t)environments, index, environment)
        if (g_strcmp0(roll_json_get_string(environment, "service"), service) == 0)
            ROLL_TRY(add_bad(app, environment, releases, from));
    return NULL;
}

static struct roll_error *add_releases(struct roll_app *app, const json_t *environments,
                                       json_t *releases)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    size_t index;
    json_t *environment;

    json_array_foreach (environments, index, environment) {
        const char *service = roll_json_get_string(environment, "service");
        if (app->ledger && g_hash_table_add(seen, (gpointer)(uintptr_t)service))
            ROLL_TRY(add_releases_of(app, service, environments, releases));
    }
    return NULL;
}

/* ---- all together --------------------------------------------------------------------------- */

struct roll_error *roll_facts(struct roll_app *app, const struct roll_facts_options *options,
                              json_t **ret_facts)
{
    char at[ROLL_TIME_SIZE], since[ROLL_TIME_SIZE];
    json_t *environments = json_array(), *releases = json_array(), *diffs = json_object();
    size_t index;
    json_t *environment;

    roll_time_format(roll_now_ms(), at);
    roll_time_format(options->since, since);
    roll_auto(json) json_t *facts =
        json_pack("{s:s,s:s,s:s*,s:o,s:o,s:o}", "generatedAt", at, "program", "roll " ROLL_VERSION,
                  "since", options->since ? since : NULL, "environments", environments, "releases",
                  releases, "diffs", diffs);
    ROLL_TRY(roll_view_status(app, options->stream ? options->stream : options->environment,
                              environments));
    json_array_foreach (environments, index, environment)
        ROLL_TRY(add_environment(app, environment, options->since, diffs));
    ROLL_TRY(add_releases(app, environments, releases));
    if (options->incident)
        ROLL_TRY(facts_add_incident(app, options, facts));
    *ret_facts = g_steal_pointer(&facts);
    return NULL;
}
