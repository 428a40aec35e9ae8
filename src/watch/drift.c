/* Drift: what is live is otherwise than the rollout left it. ARM's what-if of the recorded texts,
 * without what it said just after the rollout; who did it, from the activity log. Changes nothing
 * in Azure. */
#include "watch/drift.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* ---- the baseline ---------------------------------------------------------------------------- */

struct baseline {
    int64_t seq, at, rollout;
};

static struct roll_error *see_baseline(void *user, const struct roll_look_row *row)
{
    *(struct baseline *)user = (struct baseline){row->checked_seq, row->checked_at,
                                                 g_ascii_strtoll(row->summary, NULL, 10)};
    return NULL;
}

/* *ret_known NULL: none was taken since the rollout. New reference. */
static struct roll_error *load_baseline(struct roll_ledger *ledger, const char *stream,
                                        const struct watch_live *live, int64_t *ret_at,
                                        json_t **ret_known)
{
    struct baseline baseline = {0};
    roll_auto(event) struct roll_event *event = NULL;
    roll_auto(json) json_t *result = NULL;

    *ret_known = NULL;
    ROLL_TRY(roll_ledger_look(ledger, stream, "baseline", live->name, see_baseline, &baseline));
    if (baseline.rollout != live->rollout)
        return NULL;
    ROLL_TRY(roll_ledger_event(ledger, stream, baseline.seq, &event));
    if (!roll_event_body(event, baseline_taken))
        return NULL;
    ROLL_TRY(
        roll_ledger_object_json(ledger, roll_event_body(event, baseline_taken)->result, &result));
    *ret_at = baseline.at;
    *ret_known = json_incref(json_object_get(result, "differences"));
    return NULL;
}

/* ---- one target ------------------------------------------------------------------------------ */

struct look {
    const struct roll_drift_options *options;
    const char *stream;
    bool drifted, unknown;
};

static struct roll_error *record(const struct look *look, const struct watch_live *live,
                                 const json_t *report)
{
    const json_t *differences = json_object_get(report, "differences");
    const json_t *unevaluated = json_object_get(report, "unevaluated");
    char digest[ROLL_HEX_SIZE], finding[ROLL_HEX_SIZE];
    g_autoptr(GString) text = NULL;
    roll_auto(json) json_t *result =
        json_pack("{s:O,s:O,s:O,s:O,s:O}", "name", json_object_get(report, "name"), "release",
                  json_object_get(report, "release"), "rollout", json_object_get(report, "rollout"),
                  "differences", differences, "unevaluated", unevaluated);

    ROLL_TRY(roll_json_canonical(result, &text));
    roll_sha256_hex(text->str, text->len, digest);
    watch_finding(live->rollout, differences, finding);
    const struct roll_drift_checked body = {.target = (char *)(uintptr_t)live->name,
                                            .differences = (int64_t)json_array_size(differences),
                                            .result = digest,
                                            .finding = finding,
                                            .rollout = live->rollout,
                                            .unevaluated = (int64_t)json_array_size(unevaluated)};
    const struct roll_draft draft = {look->stream, ROLL_EVENT_drift_checked, &body};
    const struct roll_object object = {text->str, text->len};
    return watch_append(look->options->ledger, look->options->actor, &draft, &object, 1);
}

static void say_unknown(struct look *look, json_t *report, const char *code, const char *why)
{
    look->unknown = true;
    json_object_set_new(report, "state", json_string("unknown"));
    json_object_set_new(report, "error", json_pack("{s:s*,s:s}", "code", code, "message", why));
}

/* While ARM was asked somebody may have deployed: then it says nothing about what is live now. */
static struct roll_error *compare(struct look *look, const struct watch_live *live,
                                  const struct watch_forecast *forecast, json_t *report)
{
    roll_auto(json) json_t *now = json_array(), *unevaluated = json_array();
    roll_auto(json) json_t *known = NULL, *differences = NULL;
    g_autofree char *unread = NULL;
    char text[ROLL_TIME_SIZE];
    int64_t baseline_at = 0;
    size_t left = 0;
    bool still = false;

    watch_differences(forecast->body, now, unevaluated);
    ROLL_TRY(load_baseline(look->options->ledger, look->stream, live, &baseline_at, &known));
    differences = watch_subtract(now, known, &left);
    if (json_array_size(differences) > 0)
        ROLL_TRY(watch_attribute(look->options, live, differences, &unread));
    ROLL_TRY(watch_is_live(look->options->ledger, look->stream, live->name, live->rollout, &still));
    if (!still) {
        say_unknown(look, report, NULL, "it was deployed to while ARM was asked");
        return NULL;
    }
    look->drifted = look->drifted || json_array_size(differences) > 0;
    json_object_set_new(report, "state",
                        json_string(json_array_size(differences) ? "drifted" : "clean"));
    json_object_set(report, "differences", differences);
    json_object_set(report, "unevaluated", unevaluated);
    roll_time_format(baseline_at, text);
    json_object_set_new(report, "baseline",
                        known ? json_pack("{s:s,s:I}", "at", text, "known", (json_int_t)left)
                              : json_null());
    if (unread)
        json_object_set_new(report, "logUnread", json_string(unread));
    return record(look, live, report);
}

static struct roll_error *look_at(struct look *look, const struct watch_live *live,
                                  const struct watch_forecast *forecast, json_t *targets)
{
    json_t *report = json_pack("{s:s,s:s,s:I}", "name", live->name, "release",
                               live->target->release, "rollout", (json_int_t)live->rollout);

    json_array_append_new(targets, report);
    if (forecast->body)
        return compare(look, live, forecast, report);
    say_unknown(look, report, forecast->code, forecast->why);
    return NULL;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static struct roll_error *see_open(void *user, const struct roll_environment_row *row)
{
    *(int64_t *)user = row->open_rollout;
    return NULL;
}

static struct roll_error *check_quiet(const struct look *look)
{
    int64_t open = 0;

    ROLL_TRY(roll_ledger_environments(look->options->ledger, look->stream, see_open, &open));
    return open ? roll_error_new(ROLL_E_CONFLICT,
                                 "rollout %s#%" PRId64
                                 " is under way: what is live is about to change",
                                 look->stream, open)
                : NULL;
}

static struct roll_error *look_at_all(struct look *look, const struct watch_lives *lives,
                                      json_t *targets)
{
    guint count = lives->lives->len;
    g_autofree struct watch_forecast *forecasts = g_new0(struct watch_forecast, count + 1);
    struct roll_error *err = watch_forecasts(look->options, lives, forecasts);

    for (guint i = 0; i < count; i++) {
        if (!err)
            err = look_at(look, &g_array_index(lives->lives, struct watch_live, i), &forecasts[i],
                          targets);
        watch_forecast_clear(&forecasts[i]);
    }
    return err;
}

struct roll_error *roll_drift(const struct roll_drift_options *options, json_t **ret_report)
{
    g_autofree char *stream =
        g_strdup_printf("%s/%s", options->plan->service, options->environment->name);
    struct look look = {.options = options, .stream = stream};
    roll_auto(watch_lives) struct watch_lives *lives = NULL;
    roll_auto(json) json_t *targets = json_array();
    json_t *left = json_array();
    char at[ROLL_TIME_SIZE];
    struct roll_error *err = check_quiet(&look);

    if (!err)
        err = watch_lives_read(options, false, &lives);
    if (!err)
        err = look_at_all(&look, lives, targets);
    for (guint i = 0; !err && i < lives->left->len; i++)
        json_array_append_new(left, json_string(g_ptr_array_index(lives->left, i)));
    roll_time_format(roll_now_ms(), at);
    if (!err)
        *ret_report =
            json_pack("{s:s,s:s,s:s,s:b,s:b,s:O,s:O}", "service", options->plan->service,
                      "environment", options->environment->name, "checkedAt", at, "drifted",
                      look.drifted, "unknown", look.unknown, "targets", targets, "leftOut", left);
    json_decref(left);
    return err;
}

/* ---- when ------------------------------------------------------------------------------------ */

static struct roll_error *see_checked(void *user, const struct roll_look_row *row)
{
    *(int64_t *)user = row->checked_at;
    return NULL;
}

static struct roll_error *due_of(const struct roll_drift_options *options, const char *stream,
                                 const struct watch_live *live, int64_t now_ms,
                                 struct roll_drift_due *due)
{
    struct baseline baseline = {0};
    int64_t checked = 0;

    ROLL_TRY(
        roll_ledger_look(options->ledger, stream, "baseline", live->name, see_baseline, &baseline));
    ROLL_TRY(roll_ledger_look(options->ledger, stream, "drift", live->name, see_checked, &checked));
    if (baseline.rollout != live->rollout) {
        due->baseline = true;
        return NULL;
    }
    int64_t at = MAX(checked, baseline.at) + DAY_MS;
    due->drift = due->drift || at <= now_ms;
    if (at > now_ms)
        due->wake = MIN(due->wake, at);
    return NULL;
}

struct roll_error *roll_drift_is_due(const struct roll_drift_options *options, int64_t now_ms,
                                     struct roll_drift_due *ret_due)
{
    g_autofree char *stream =
        g_strdup_printf("%s/%s", options->plan->service, options->environment->name);
    roll_auto(watch_lives) struct watch_lives *lives = NULL;
    struct roll_drift_due due = {.wake = INT64_MAX};
    int64_t open = 0;

    *ret_due = due;
    if (json_is_false(json_object_get(options->plan->value, "drift")))
        return NULL;
    ROLL_TRY(roll_ledger_environments(options->ledger, stream, see_open, &open));
    if (!open)
        ROLL_TRY(watch_lives_read(options, true, &lives));
    for (guint i = 0; lives && i < lives->lives->len; i++)
        ROLL_TRY(due_of(options, stream, &g_array_index(lives->lives, struct watch_live, i), now_ms,
                        &due));
    *ret_due = due;
    return NULL;
}
