/* Readiness: which releases, what each needs, what is known, what has to be asked; judged and
 * recorded. */
#include <string.h>

#include "rollbook/time.h"
#include "rollbook/watch.h"
#include "watch/ready.h"

#define PATIENCE_MS (INT64_C(120) * 1000)

/* ---- what is told --------------------------------------------------------------------------- */

static json_t *drill_of(const struct ready_release *release)
{
    json_t *drill = NULL;

    for (guint i = 0; i < release->uses->len; i++) {
        const struct ready_use *use = &g_array_index(release->uses, struct ready_use, i);
        if (!use->item->facts || !use->target)
            continue;
        drill = drill ? drill : json_object();
        if (!json_object_get(drill, use->target))
            json_object_set_new(drill, use->target, json_object());
        json_object_update(json_object_get(drill, use->target), use->item->facts);
    }
    return drill;
}

static json_t *release_facts(const struct ready_check *check, const struct ready_release *release)
{
    char since[ROLL_TIME_SIZE];
    json_t *drill = drill_of(release);
    json_t *facts;

    roll_time_format(release->since, since);
    facts = json_pack("{s:o,s:s,s:s,s:s,s:b,s:b,s:o,s:o}", "release",
                      json_sprintf("%s@%s", check->options->plan->service, release->version),
                      "version", release->version, "state", ready_words[release->state], "since",
                      since, "live", release->live, "goal", release->goal, "targets",
                      ready_counts(release), "reasons", ready_reasons(check, release));
    if (drill)
        json_object_set_new(facts, "drill", drill);
    return facts;
}

static struct roll_error *add_usual(const struct ready_check *check, json_t *facts)
{
    struct roll_usual usual;

    ROLL_TRY(roll_usual_rollouts(check->options->ledger, check->stream, "back", &usual));
    if (usual.count > 0)
        json_object_set_new(facts, "usual",
                            json_pack("{s:i,s:I,s:I}", "count", (int)usual.count, "medianMs",
                                      (json_int_t)usual.median_ms, "p95Ms",
                                      (json_int_t)usual.p95_ms));
    return NULL;
}

static struct roll_error *facts_of(const struct ready_check *check, json_t **ret_facts)
{
    char at[ROLL_TIME_SIZE];
    json_t *goals = json_array(), *releases = json_array();

    roll_time_format(check->now_ms, at);
    roll_auto(json) json_t *facts = json_pack(
        "{s:s,s:s,s:s,s:s,s:I,s:o,s:o}", "service", check->options->plan->service, "environment",
        check->options->environment->name, "stream", check->stream, "checkedAt", at, "asked",
        (json_int_t)check->asked, "goals", goals, "releases", releases);
    for (guint i = 0; i < check->releases->len; i++) {
        const struct ready_release *release = g_ptr_array_index(check->releases, i);
        json_array_append_new(releases, release_facts(check, release));
        if (release->goal && !check->options->release)
            json_array_append_new(goals, json_string(release->version));
    }
    if (check->options->release)
        json_object_del(facts, "goals");
    if (check->lost && !check->options->release)
        json_object_set_new(facts, "goalLost", json_true());
    if (check->no_goal)
        json_object_set_new(facts, "noGoal", json_string(check->no_goal));
    ROLL_TRY(add_usual(check, facts));
    *ret_facts = g_steal_pointer(&facts);
    return NULL;
}

/* ---- the check ------------------------------------------------------------------------------ */

static struct roll_error *find_all(struct ready_check *check)
{
    ROLL_TRY(ready_find_releases(check));
    for (guint i = 0; i < check->releases->len; i++)
        ROLL_TRY(ready_find_needs(check, g_ptr_array_index(check->releases, i)));
    if (check->options->drill)
        ROLL_TRY(ready_add_drill(check));
    for (guint i = 0; i < check->releases->len; i++)
        ROLL_TRY(ready_load_last(check, g_ptr_array_index(check->releases, i)));
    return NULL;
}

static void judge_all(struct ready_check *check)
{
    for (guint i = 0; i < check->releases->len; i++)
        ready_judge(check, g_ptr_array_index(check->releases, i));
}

struct roll_error *roll_ready_check(const struct roll_ready_options *options, json_t **ret_facts)
{
    roll_auto(ready_check) struct ready_check *check = ready_check_new(options);
    int64_t patience_ms = options->patience_ms ? options->patience_ms : PATIENCE_MS;

    check->now_ms = roll_now_ms();
    ROLL_TRY(find_all(check));
    ROLL_TRY(ready_ask_all(check, NULL, patience_ms));
    judge_all(check);
    ROLL_TRY(ready_record(check));
    return facts_of(check, ret_facts);
}
