/* What the last readiness check said, where it counts: in status, before a back, and for roll run.
 */
#include "ready.h"

#include <string.h>

#include "rollbook/time.h"
#include "rollbook/watch.h"

/* ---- status --------------------------------------------------------------------------------- */

enum { ENOUGH = 3 }; /* fewer are not called usual */

/* The first reason, and how many more there are. */
static char *why_of(const json_t *last)
{
    const json_t *reasons = json_object_get(last, "reasons"), *first = json_array_get(reasons, 0);
    size_t count = json_array_size(reasons);
    const char *subject = roll_json_get_string(first, "subject");
    const char *why = roll_json_get_string(first, "why");

    if (!why)
        return NULL;
    g_autofree char *more = count > 1 ? g_strdup_printf(" (and %zu more)", count - 1) : NULL;
    return g_strdup_printf("%s: %s%s", subject ? subject : "", why, more ? more : "");
}

/* What is known of one goal; it was never checked: nothing. */
static struct roll_error *add_last(struct roll_app *app, const char *stream, const char *goal,
                                   json_t *to)
{
    roll_auto(json) json_t *last = NULL;

    ROLL_TRY(roll_ready_last(app->ledger, stream, goal, &last));
    if (!last)
        return NULL;
    g_autofree char *why = why_of(last);
    json_object_set(to, "ready", json_object_get(last, "state"));
    json_object_set(to, "checkedAt", json_object_get(last, "checkedAt"));
    json_object_set(to, "since", json_object_get(last, "since"));
    if (why)
        json_object_set_new(to, "why", json_string(why));
    return NULL;
}

static int rank_of(const json_t *goal)
{
    static const char *const words[] = {"ready", "degraded", "dead", NULL};
    const char *state = roll_json_get_string(goal, "ready");

    for (int i = 0; state && words[i]; i++)
        if (strcmp(state, words[i]) == 0)
            return i;
    return -1;
}

/* Where targets go to different ones, a back is as ready as the worst of them. One that was never
 * checked is not known to be ready. */
static struct roll_error *add_goals(struct roll_app *app, const char *stream, json_t *rollback)
{
    size_t index, known = 0;
    json_t *goal, *goals = json_object_get(rollback, "goals"), *worst = NULL;

    json_array_foreach (goals, index, goal) {
        ROLL_TRY(add_last(app, stream, roll_json_get_string(goal, "version"), goal));
        known += rank_of(goal) >= 0;
        if (rank_of(goal) > rank_of(worst))
            worst = goal;
    }
    if (known == json_array_size(goals) || rank_of(worst) > 0)
        json_object_set(rollback, "ready", json_object_get(worst, "ready"));
    return NULL;
}

struct roll_error *roll_ready_add(struct roll_app *app, const char *stream, json_t *view)
{
    json_t *rollback = json_object_get(view, "rollback");
    const char *goal = roll_json_get_string(rollback, "version");
    struct roll_usual usual;

    if (!app->ledger || !goal)
        return NULL;
    ROLL_TRY(json_object_get(rollback, "goals") ? add_goals(app, stream, rollback)
                                                : add_last(app, stream, goal, rollback));
    if (json_is_null(json_object_get(rollback, "ready")))
        return NULL;
    ROLL_TRY(roll_usual_rollouts(app->ledger, stream, "back", &usual));
    if (usual.count >= ENOUGH)
        json_object_set_new(rollback, "usualMs", json_integer(usual.median_ms));
    return NULL;
}

static char *ago_of(const json_t *rollback, const char *member)
{
    const char *text = roll_json_get_string(rollback, member);
    int64_t at = 0;

    if (text)
        roll_error_free(roll_time_parse(text, &at));
    return roll_report_ago(at, roll_now_ms());
}

char *roll_ready_sentence(const json_t *rollback, const char *name)
{
    const char *state = roll_json_get_string(rollback, "ready");
    const char *why = roll_json_get_string(rollback, "why");
    json_int_t usual = json_integer_value(json_object_get(rollback, "usualMs"));
    g_autoptr(GString) text = g_string_new(NULL);

    if (!state || !json_object_get(rollback, "checkedAt"))
        return NULL;
    bool ready = strcmp(state, "ready") == 0;
    g_autofree char *checked = ago_of(rollback, "checkedAt");
    g_autofree char *since = ready ? NULL : ago_of(rollback, "since");
    g_string_append_printf(text, "rollback to %s: %s", roll_json_get_string(rollback, "version"),
                           state);
    if (since)
        g_string_append_printf(text, " since %s", since);
    g_string_append_printf(text, ", checked %s", checked);
    if (usual) {
        g_string_append(text, ", usually ");
        roll_duration_write(usual, text);
    }
    if (why)
        g_string_append_printf(text, "; %s; next: roll ready %s", why, name);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* ---- before a back -------------------------------------------------------------------------- */

static struct roll_error *refuse(struct roll_act *act, const char *why, const char *next)
{
    const char *name = act->name;
    roll_auto(json) json_t *detail = json_object();
    json_t *commands = json_array();
    g_autoptr(GString) text = g_string_new(NULL);

    json_object_set_new(detail, "next", commands);
    if (next)
        json_array_append_new(
            commands, json_sprintf("roll back %s --to %s   which was found ready", name, next));
    json_array_append_new(commands, json_sprintf("roll ready %s   what to do about it", name));
    json_array_append_new(commands,
                          json_sprintf("roll back %s --anyway   sends it all the same", name));
    roll_json_write(detail, text);
    return roll_error_detail(
        roll_error_new(ROLL_E_FOUND, "it cannot be rolled back to now: %s", why), text->str);
}

/* By what the last check saw, once for each release that targets go to. */
static struct roll_error *say_changed(struct roll_act *act, const struct roll_choice *choice)
{
    g_autoptr(GHashTable) goals = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < choice->order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, i);
        if (g_hash_table_add(goals, target->release))
            ROLL_TRY(roll_ready_changed(act->app->ledger, act->stream, target->release, texts));
    }
    for (guint i = 0; i < texts->len; i++)
        roll_say(act->app, "note     %s", (const char *)texts->pdata[i]);
    return NULL;
}

struct roll_error *roll_ready_bar(struct roll_act *act, const struct roll_choice *choice)
{
    const struct roll_ready_options options = {
        .ledger = act->app->ledger,
        .loop = act->loop,
        .links = act->links,
        .plan = act->plan,
        .environment = act->environment,
    };
    g_autofree char *why = NULL, *next = NULL;

    ROLL_TRY(say_changed(act, choice));
    if (act->options->dry_run) /* which asks nobody */
        return NULL;
    ROLL_TRY(roll_ready_before_back(&options, choice->order, &why, &next));
    if (!why)
        return NULL;
    g_autofree char *line = g_strjoinv("; ", (char *[]){why, NULL});
    return refuse(act, g_strdelimit(line, "\n", ' '), next);
}

/* ---- one environment ------------------------------------------------------------------------ */

struct roll_error *roll_ready_environment(struct roll_app *app, const struct roll_plan *plan,
                                          const struct roll_plan_environment *environment,
                                          const char *release, enum roll_ready_how how,
                                          json_t **ret_facts)
{
    roll_auto(loop) struct roll_loop *loop = NULL;

    ROLL_TRY(roll_loop_new(&loop));
    roll_auto(links) struct roll_links *links = roll_links_new(loop, roll_app_sandbox, app);
    const struct roll_ready_options options = {
        .ledger = app->ledger,
        .loop = loop,
        .links = links,
        .plan = plan,
        .environment = environment,
        .actor = app->actor,
        .release = release,
        .drill = how != ROLL_READY_LOOK,
        .always = how == ROLL_READY_DAILY,
    };
    return roll_ready_check(&options, ret_facts);
}

/* A first release has nothing to go back to, which is nobody's trouble. Where something else was
 * good once, and no back may go there (a floor, marks), there is. */
static bool lost_its_goal(const json_t *facts)
{
    const json_t *goals = json_object_get(facts, "goals"), *release;
    size_t index;

    if (json_is_true(json_object_get(facts, "goalLost")))
        return true;
    if (!goals || json_array_size(goals) > 0)
        return false;
    json_array_foreach (json_object_get(facts, "releases"), index, release)
        if (!json_is_true(json_object_get(release, "live")))
            return true;
    return false;
}

char *roll_ready_trouble(const json_t *facts)
{
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    const json_t *release;

    if (lost_its_goal(facts))
        return g_strdup("nothing is left to go back to");

    json_array_foreach (json_object_get(facts, "releases"), index, release) {
        const char *state = roll_json_get_string(release, "state");
        if (!json_is_true(json_object_get(release, "goal")) || g_strcmp0(state, "ready") == 0)
            continue;
        g_string_append_printf(text, "%s%s is %s", text->len ? ", " : "",
                               roll_json_get_string(release, "version"), state);
    }
    return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

/* ---- roll run ------------------------------------------------------------------------------- */

struct roll_error *roll_run_ready_due(struct roll_app *app, const char *stream, int64_t now_ms,
                                      bool *work, int64_t *wake)
{
    int64_t due;

    ROLL_TRY(roll_ready_due(app->ledger, stream, &due));
    if (due <= now_ms)
        *work = true;
    else
        *wake = MIN(*wake, due);
    return NULL;
}

char *roll_ready_summary(const json_t *facts, const char *name)
{
    const json_t *releases = json_object_get(facts, "releases");
    const json_t *goals = json_object_get(facts, "goals");
    const char *goal = json_string_value(json_array_get(goals, 0));
    g_autofree char *trouble = roll_ready_trouble(facts);
    size_t count = json_array_size(releases);
    g_autofree char *looked =
        g_strdup_printf("readiness of %zu release%s", count, count == 1 ? "" : "s");

    if (trouble)
        return g_strdup_printf("%s: %s; next: roll ready %s", looked, trouble, name);
    if (!goal)
        return g_steal_pointer(&looked);
    return g_strdup_printf("%s: a back to %s%s is ready", looked, goal,
                           json_array_size(goals) > 1 ? " and others" : "");
}
