/* roll mark, roll hold, roll unhold: facts that people state. They write the ledger only and never
 * ask. */
#include "app.h"
#include "governance.h"

#include <string.h>

#include "rollbook/json.h"

struct context {
    const char *reason, *fixed_by, *target;
    bool yes;
};

static struct roll_error *append(struct roll_app *app, const char *stream,
                                 enum roll_event_kind kind, const void *body)
{
    const struct roll_draft draft = {.stream = stream, .kind = kind, .body = body};

    return roll_app_append(app, stream, &draft, 1);
}

/* With -o json what was written is the document. */
static struct roll_error *report(struct roll_app *app, json_t *view)
{
    if (app->json)
        roll_report_json(&app->out, view);
    json_decref(view);
    return NULL;
}

/* ---- mark ----------------------------------------------------------------------------------- */

/* A mark counts everywhere at once: the role of any environment that asks for one will do. To
 * condemn a release is for whoever may release, fix or roll back; to lift that, in whole or in
 * part, for the release role. */
static struct roll_error *need_role_somewhere(struct roll_app *app, const struct roll_plan *plan,
                                              bool lifts, const char *what)
{
    struct roll_error *err = NULL;

    /* Also where there are no lanes any more. */
    for (guint i = 0; lifts && i < plan->environments->len; i++)
        ROLL_TRY(roll_app_need_governance(app, plan, g_ptr_array_index(plan->environments, i)));
    for (guint i = 0; i < plan->environments->len; i++) {
        const struct roll_plan_environment *environment = g_ptr_array_index(plan->environments, i);
        char **roles = environment->lanes[ROLL_LANE_RELEASE].roles;
        if (lifts ? !roles || !*roles : !environment->has_lanes)
            continue;
        roll_error_free(err);
        err = lifts ? roll_app_need_role(app, plan, environment, ROLL_LANE_RELEASE, what)
                    : roll_app_need_any_role(app, plan, environment, what);
        if (!err)
            return NULL;
    }
    return err;
}

static struct roll_error *need_role_to_mark(struct roll_app *app, const struct roll_plan *plan,
                                            const char *verdict, bool fixed)
{
    if (strcmp(verdict, "good") == 0)
        return need_role_somewhere(app, plan, true, "'roll mark RELEASE good'");
    return need_role_somewhere(
        app, plan, fixed, fixed ? "'roll mark RELEASE bad --fixed-by'" : "'roll mark RELEASE bad'");
}

/* The mark of a back is its environment's: this word does not lift it. */
static struct roll_error *say_where_bad(struct roll_app *app, const struct roll_plan *plan,
                                        const char *version)
{
    for (guint i = 0; i < plan->environments->len; i++) {
        const struct roll_plan_environment *environment = g_ptr_array_index(plan->environments, i);
        g_autofree char *stream = roll_stream_of(plan, environment);
        const char *where = NULL;
        ROLL_TRY(roll_ledger_bad(app->ledger, stream, version, &where));
        if (where)
            roll_say(app,
                     "in %s it stays bad, where a rollback left it; next: roll out %s --release %s "
                     "--override quarantine --reason TEXT",
                     stream, environment->name, version);
    }
    return NULL;
}

static struct roll_error *mark_release(struct roll_app *app, const struct context *context,
                                       char **arguments)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const char *at = strrchr(arguments[0], '@');
    g_autofree char *service = at ? g_strndup(arguments[0], (gsize)(at - arguments[0])) : NULL;
    const char *version = NULL;
    struct roll_release_marked body = {0};
    roll_auto(release) struct roll_release *release = NULL;

    ROLL_TRY(roll_workspace_plan(app->workspace, service, &plan));
    ROLL_TRY(roll_version_argument(arguments[0], plan->service, &version));
    ROLL_TRY(roll_app_write_ledger(app));
    ROLL_TRY(roll_release_load(app->ledger, plan->service, version, &release));
    ROLL_TRY(need_role_to_mark(app, plan, arguments[1], context->fixed_by != NULL));
    g_autofree char *version_copy = g_strdup(version), *verdict = g_strdup(arguments[1]);
    g_autofree char *fixed_by = g_strdup(context->fixed_by), *reason = g_strdup(context->reason);
    body = (struct roll_release_marked){
        .version = version_copy, .verdict = verdict, .fixed_by = fixed_by, .reason = reason};
    ROLL_TRY(append(app, plan->service, ROLL_EVENT_release_marked, &body));
    roll_say(app, "%s@%s is marked %s", plan->service, version, arguments[1]);
    if (strcmp(arguments[1], "good") == 0)
        ROLL_TRY(say_where_bad(app, plan, version));
    return report(app,
                  json_pack("{s:s,s:s,s:s,s:s?,s:s?}", "service", plan->service, "version", version,
                            "verdict", verdict, "fixedBy", fixed_by, "reason", reason));
}

static struct roll_error *mark_floor(struct roll_app *app, const struct context *context,
                                     char **arguments)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    g_autofree char *stream = NULL, *reason = g_strdup(context->reason),
                    *target = g_strdup(context->target);
    char *end = NULL;
    struct roll_floor_set body = {.reason = reason, .target = target};

    if (!arguments[2])
        return roll_error_new(ROLL_E_USAGE, "'roll mark ENV floor' needs a number");
    body.floor = g_ascii_strtoll(arguments[2], &end, 10);
    if (*end || body.floor < 0)
        return roll_error_new(ROLL_E_USAGE, "a data floor is a number, not '%s'", arguments[2]);
    if (!reason)
        return roll_error_new(ROLL_E_USAGE, "'roll mark ENV floor' needs '--reason'");
    ROLL_TRY(roll_workspace_environment(app->workspace, arguments[0], &plan, &environment));
    if (target && !roll_plan_target_find(environment, target))
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no target '%s'", environment->name,
                              target);
    stream = roll_stream_of(plan, environment);
    ROLL_TRY(roll_app_write_ledger(app));
    ROLL_TRY(
        roll_app_need_role(app, plan, environment, ROLL_LANE_RELEASE, "'roll mark ENV floor'"));
    ROLL_TRY(append(app, stream, ROLL_EVENT_floor_set, &body));
    roll_say(app, "the data floor of %s%s%s is %" G_GINT64_FORMAT " now", stream, target ? " " : "",
             target ? target : "", (gint64)body.floor);
    return report(app, json_pack("{s:s,s:s,s:s?,s:I,s:s}", "service", plan->service, "environment",
                                 environment->name, "target", target, "floor",
                                 (json_int_t)body.floor, "reason", reason));
}

static struct roll_error *run_mark(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;

    if (strcmp(arguments[1], "floor") == 0)
        return mark_floor(app, context, arguments);
    if (strcmp(arguments[1], "good") != 0 && strcmp(arguments[1], "bad") != 0)
        return roll_error_new(ROLL_E_USAGE, "a release is marked good or bad, not '%s'",
                              arguments[1]);
    if (arguments[2])
        return roll_error_new(ROLL_E_USAGE, "unexpected argument '%s'", arguments[2]);
    return mark_release(app, context, arguments);
}

static const struct roll_option mark_options[] = {
    {"reason", 'r', ROLL_TEXT, offsetof(struct context, reason), "TEXT", "why; recorded"},
    {"fixed-by", 0, ROLL_TEXT, offsetof(struct context, fixed_by), "COMMIT",
     "with bad: releases that contain this commit are good again"},
    {"target", 't', ROLL_TEXT, offsetof(struct context, target), "NAME",
     "with floor: this target only"},
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL,
     "for scripts: nothing is asked anyway"},
    {NULL},
};

const struct roll_command roll_cmd_mark = {
    .name = "mark",
    .arguments = "RELEASE good|bad  or  ENV floor N",
    .summary = "mark a release good or bad everywhere, or set a data floor",
    .options = mark_options,
    .context_size = sizeof(struct context),
    .min_arguments = 2,
    .max_arguments = 3,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run_mark,
};

/* ---- hold ----------------------------------------------------------------------------------- */

static struct roll_error *see_hold(void *user, const struct roll_environment_row *row)
{
    bool *held = user;

    *held = row->hold || row->hold_by_person;
    return NULL;
}

static struct roll_error *check_held(struct roll_app *app, const char *stream)
{
    bool held = false;

    ROLL_TRY(roll_ledger_environments(app->ledger, stream, see_hold, &held));
    return held ? NULL : roll_error_new(ROLL_E_NOTHING, "'%s' is not held", stream);
}

static struct roll_error *set_hold(struct roll_app *app, const struct context *context,
                                   const char *name, bool hold)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    g_autofree char *stream = NULL, *reason = g_strdup(context->reason);
    struct roll_hold_set set = {.reason = reason};
    struct roll_hold_lifted lifted = {.reason = reason};

    ROLL_TRY(roll_workspace_environment(app->workspace, name, &plan, &environment));
    stream = roll_stream_of(plan, environment);
    ROLL_TRY(roll_app_write_ledger(app));
    if (!hold)
        ROLL_TRY(check_held(app, stream));
    ROLL_TRY(hold ? roll_app_need_any_role(app, plan, environment, "'roll hold'")
                  : roll_app_need_role(app, plan, environment, ROLL_LANE_RELEASE, "'roll unhold'"));
    ROLL_TRY(append(app, stream, hold ? ROLL_EVENT_hold_set : ROLL_EVENT_hold_lifted,
                    hold ? (const void *)&set : (const void *)&lifted));
    roll_say(
        app,
        hold ? "%s is held: schedules and releases leave it alone, roll back and roll hotfix do not"
             : "%s is no longer held",
        stream);
    return report(app, json_pack("{s:s,s:s,s:b,s:s?}", "service", plan->service, "environment",
                                 environment->name, "hold", hold, "reason", reason));
}

static struct roll_error *run_hold(struct roll_app *app, void *user, char **arguments)
{
    return set_hold(app, user, arguments[0], true);
}

static struct roll_error *run_unhold(struct roll_app *app, void *user, char **arguments)
{
    return set_hold(app, user, arguments[0], false);
}

static const struct roll_option hold_options[] = {
    {"reason", 'r', ROLL_TEXT, offsetof(struct context, reason), "TEXT", "why; recorded"},
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL,
     "for scripts: nothing is asked anyway"},
    {NULL},
};

const struct roll_command roll_cmd_hold = {
    .name = "hold",
    .arguments = "ENV",
    .summary = "keep schedules and ordinary releases away from an environment",
    .options = hold_options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run_hold,
};

const struct roll_command roll_cmd_unhold = {
    .name = "unhold",
    .arguments = "ENV",
    .summary = "end a hold",
    .options = hold_options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run_unhold,
};
