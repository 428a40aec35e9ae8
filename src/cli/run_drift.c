/* What roll run does about drift: a baseline after each rollout, then a look a day. */
#include "run.h"

#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"
#include "rollbook/watch.h"

/* ARM, the credential or the network is in trouble: that is nobody's drift, and asking twice a
 * minute would mend nothing. */
#define AGAIN_MS (INT64_C(3600) * 1000)

/* ---- when ----------------------------------------------------------------------------------- */

static char *failed_path(const struct roll_app *app, const char *stream)
{
    g_autofree char *name = g_strdup_printf("%s.look-failed", stream);

    g_strdelimit(name, "/", '~');
    return g_build_filename(app->workspace->state_dir, "run", name, NULL);
}

/* When the last look failed, UTC ms; 0: it did not. A note of this machine alone, and no fact. */
static int64_t failed_at(const struct roll_app *app, const char *stream)
{
    g_autofree char *path = failed_path(app, stream), *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? g_ascii_strtoll(text, NULL, 10) : 0;
}

static void note_failure(const struct roll_app *app, const char *stream, bool failed)
{
    g_autofree char *path = failed_path(app, stream), *dir = g_path_get_dirname(path);
    g_autofree char *text = g_strdup_printf("%" PRId64 "\n", roll_now_ms());

    if (failed && g_mkdir_with_parents(dir, 0700) == 0)
        (void)g_file_set_contents(path, text, -1, NULL);
    else if (!failed)
        (void)g_remove(path);
}

struct roll_error *roll_run_drift_due(struct roll_app *app, const struct roll_plan *plan,
                                      const struct roll_plan_environment *environment,
                                      int64_t now_ms, struct roll_drift_due *ret_due)
{
    const struct roll_drift_options options = {
        .ledger = app->ledger, .plan = plan, .environment = environment};
    g_autofree char *stream = roll_stream_of(plan, environment);
    int64_t failed = failed_at(app, stream);

    *ret_due = (struct roll_drift_due){.wake = INT64_MAX};
    if (!app->ledger)
        return NULL;
    ROLL_TRY(roll_drift_is_due(&options, now_ms, ret_due));
    if (failed && failed <= now_ms && now_ms < failed + AGAIN_MS &&
        (ret_due->baseline || ret_due->drift))
        *ret_due = (struct roll_drift_due){.wake = failed + AGAIN_MS};
    return NULL;
}

/* ---- telling -------------------------------------------------------------------------------- */

struct pass {
    struct roll_app *app;
    const char *stream;
    json_t *done;
    bool failed;
};

/* quiet: for -v and the JSON alone. */
static void note_as(struct pass *pass, bool quiet, const char *did, char *text_take)
{
    json_array_append_new(pass->done, json_pack("{s:s,s:s,s:s,s:i}", "environment", pass->stream,
                                                "did", did, "reason", text_take, "exit", 0));
    if (!quiet || pass->app->globals.verbose)
        roll_say(pass->app, "%s: %s: %s", pass->stream, did, text_take);
    g_free(text_take);
}

static void note(struct pass *pass, const char *did, char *text_take)
{
    note_as(pass, false, did, text_take);
}

static bool note_error(struct pass *pass, const char *did, const json_t *target)
{
    const json_t *error = json_object_get(target, "error");
    const char *code = roll_json_get_string(error, "code");

    if (!error)
        return false;
    pass->failed = true;
    note(pass, did,
         g_strdup_printf("%s could not be looked at: %s%s%s", roll_json_get_string(target, "name"),
                         code ? code : "", code ? ": " : "",
                         roll_json_get_string(error, "message")));
    return true;
}

static json_int_t number(const json_t *target, const char *name)
{
    return json_integer_value(json_object_get(target, name));
}

/* After most rollouts nothing differs, which nobody has to read. */
static void note_baseline(struct pass *pass, const json_t *target)
{
    json_int_t still = number(target, "differences"), since = number(target, "changedSince");
    json_int_t unsure = number(target, "unsure");
    const char *from = roll_json_get_string(target, "settledFrom");
    g_autofree char *later =
        since ? g_strdup_printf(", %" JSON_INTEGER_FORMAT " changed since", since) : g_strdup("");
    g_autofree char *open =
        unsure ? g_strdup_printf(", %" JSON_INTEGER_FORMAT " may be somebody's%s%s", unsure,
                                 from ? ": the activity log tells from " : "", from ? from : "")
               : g_strdup("");

    if (note_error(pass, "baseline", target) || !json_object_get(target, "differences"))
        return;
    note_as(pass, !still && !since && !unsure, "baseline",
            g_strdup_printf("%s at %s: %" JSON_INTEGER_FORMAT " propert%s still differ%s%s%s",
                            roll_json_get_string(target, "name"),
                            roll_json_get_string(target, "release"), still,
                            still == 1 ? "y" : "ies", still == 1 ? "s" : "", later, open));
}

static void note_drift(struct pass *pass, const json_t *target)
{
    size_t count = json_array_size(json_object_get(target, "differences"));
    size_t unsure = json_array_size(json_object_get(target, "unsure"));
    const char *name = roll_json_get_string(target, "name");

    if (note_error(pass, "drift", target))
        return;
    note(pass, "drift",
         count ? g_strdup_printf("%s: %zu difference%s; roll drift %s tells them", name, count,
                                 count == 1 ? "" : "s", pass->stream)
         : unsure
             ? g_strdup_printf("%s: not known, %zu may be somebody's; roll drift %s tells them",
                               name, unsure, pass->stream)
             : g_strdup_printf("%s: none", name));
}

/* What nobody knows of is no clean bill. */
static void note_left(struct pass *pass, const json_t *left)
{
    const char *name = roll_json_get_string(left, "target");
    json_int_t count = number(left, "targets");

    if (json_is_true(json_object_get(left, "unknown")))
        note(pass, "drift",
             name ? g_strdup_printf("%s: %s", name, roll_json_get_string(left, "why"))
                  : g_strdup_printf("%" JSON_INTEGER_FORMAT " targets: %s", count,
                                    roll_json_get_string(left, "why")));
}

/* ---- looking -------------------------------------------------------------------------------- */

static struct roll_error *look(struct pass *pass, const struct roll_drift_options *options,
                               const struct roll_drift_due *due)
{
    roll_auto(json) json_t *taken = NULL, *report = NULL;
    size_t index;
    json_t *target;

    if (due->baseline) {
        ROLL_TRY(roll_baseline(options, &taken));
        json_array_foreach (taken, index, target)
            note_baseline(pass, target);
    }
    if (due->drift) {
        ROLL_TRY(roll_drift(options, &report));
        json_array_foreach (json_object_get(report, "targets"), index, target)
            note_drift(pass, target);
        json_array_foreach (json_object_get(report, "leftOut"), index, target)
            note_left(pass, target);
    }
    return NULL;
}

/* A look that cannot be had is told, and keeps nobody from what else is due. */
struct roll_error *roll_run_drift(struct roll_app *app, const struct roll_plan *plan,
                                  const struct roll_plan_environment *environment, json_t *done)
{
    g_autofree char *stream = roll_stream_of(plan, environment);
    struct pass pass = {app, stream, done, false};
    roll_auto(loop) struct roll_loop *loop = NULL;
    roll_auto(links) struct roll_links *links = NULL;
    roll_auto(lock) struct roll_lock *lock = NULL;
    struct roll_drift_due due;

    if (!app->ledger)
        return NULL;
    ROLL_TRY(roll_ledger_lock(app->ledger, stream, 0, &lock)); /* no rollout's number */
    if (!lock)                                                 /* another pass is at it */
        return NULL;
    ROLL_TRY(roll_run_drift_due(app, plan, environment, roll_now_ms(), &due));
    if (!due.baseline && !due.drift)
        return NULL;
    ROLL_TRY(roll_loop_new(&loop));
    links = roll_links_new(loop, roll_app_sandbox, app);
    const struct roll_drift_options options = {.ledger = app->ledger,
                                               .loop = loop,
                                               .links = links,
                                               .actor = &app->actor,
                                               .plan = plan,
                                               .environment = environment};
    struct roll_error *err = look(&pass, &options, &due);
    note_failure(app, stream, err != NULL || pass.failed);
    if (err && roll_error_code(err) != ROLL_E_DAMAGED) {
        note(&pass, "drift", g_strdup(err->message));
        roll_error_free(err);
        err = NULL;
    }
    return err;
}
