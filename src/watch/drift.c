/* Drift: what is live is otherwise than the rollout left it. ARM's what-if of the recorded texts,
 * without what it said just after the rollout; who did it, from the activity log. Changes nothing
 * in Azure. */
#include "watch/log.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* ---- one target ------------------------------------------------------------------------------ */

struct look {
    const struct roll_drift_options *options;
    const char *stream;
    bool drifted, unknown;
};

/* ---- the look before ------------------------------------------------------------------------ */

/* What the last look at the target found, if it was at the same rollout. */
struct last {
    int64_t at;
    char finding[ROLL_HEX_SIZE];
    json_t *result; /* or NULL. Owned */
};

static struct roll_error *see_last(void *user, const struct roll_look_row *row)
{
    *(int64_t *)user = row->checked_seq;
    return NULL;
}

static struct roll_error *load_last(const struct look *look, const struct watch_live *live,
                                    struct last *ret_last)
{
    roll_auto(event) struct roll_event *event = NULL;
    const struct roll_drift_checked *body;
    int64_t seq = 0;

    ROLL_TRY(
        roll_ledger_look(look->options->ledger, look->stream, "drift", live->name, see_last, &seq));
    if (seq)
        ROLL_TRY(roll_ledger_event(look->options->ledger, look->stream, seq, &event));
    body = event ? roll_event_body(event, drift_checked) : NULL;
    if (!body || body->rollout != live->rollout || !body->result)
        return NULL;
    ret_last->at = event->at;
    g_strlcpy(ret_last->finding, body->finding ? body->finding : "", sizeof ret_last->finding);
    /* One that was redacted tells nothing any more: then all is found anew. */
    roll_error_free(
        roll_ledger_object_json(look->options->ledger, body->result, &ret_last->result));
    return NULL;
}

static const json_t *find(const json_t *list, const json_t *difference)
{
    g_autofree char *key = watch_key_of(difference);
    size_t index;
    json_t *other;

    json_array_foreach ((json_t *)(uintptr_t)list, index, other) {
        g_autofree char *its = watch_key_of(other);
        if (strcmp(its, key) == 0)
            return other;
    }
    return NULL;
}

static void copy(json_t *to, const json_t *from, const char *name)
{
    if (json_object_get(from, name))
        json_object_set(to, name, json_object_get(from, name));
}

/* How many the last look did not find. */
static size_t count_fresh(const json_t *differences, const struct last *last)
{
    const json_t *before = json_object_get(last->result, "differences");
    size_t index, fresh = 0;
    json_t *difference;

    json_array_foreach ((json_t *)(uintptr_t)differences, index, difference)
        fresh += find(before, difference) == NULL;
    return fresh;
}

/* Who made a change is the easier to tell, the better it is known when. */
static void date(json_t *differences, const struct last *last,
                 const struct watch_forecast *forecast)
{
    static const char *const lists[] = {"differences", "unsure"};
    const char *asked = roll_json_get_string(last->result, "askedAt");
    char now[ROLL_TIME_SIZE];
    size_t index;
    json_t *difference;

    roll_time_format(forecast->answered_ms, now);
    json_array_foreach (differences, index, difference) {
        const json_t *known = NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(lists) && !known; i++)
            known = find(json_object_get(last->result, lists[i]), difference);
        if (known) {
            copy(difference, known, "foundAt");
            copy(difference, known, "cleanAt");
            copy(difference, known, "by");
            continue;
        }
        json_object_set_new(difference, "foundAt", json_string(now));
        if (asked)
            json_object_set_new(difference, "cleanAt", json_string(asked));
    }
}

/* ---- recording ------------------------------------------------------------------------------ */

/* What was found before, and less of it, is no news: its finding stands. */
static struct roll_error *record(const struct look *look, const struct watch_live *live,
                                 const json_t *report, const struct watch_forecast *forecast,
                                 const struct last *last, size_t fresh)
{
    const json_t *differences = json_object_get(report, "differences");
    const json_t *unevaluated = json_object_get(report, "unevaluated");
    const json_t *unsure = json_object_get(report, "unsure");
    char digest[ROLL_HEX_SIZE], finding[ROLL_HEX_SIZE], asked[ROLL_TIME_SIZE];
    g_autoptr(GString) text = NULL;

    roll_time_format(forecast->asked_ms, asked);
    roll_auto(json) json_t *result = json_pack(
        "{s:O,s:O,s:O,s:s,s:O,s:O,s:O}", "name", json_object_get(report, "name"), "release",
        json_object_get(report, "release"), "rollout", json_object_get(report, "rollout"),
        "askedAt", asked, "differences", differences, "unsure", unsure, "unevaluated", unevaluated);
    ROLL_TRY(roll_json_canonical(result, &text));
    roll_sha256_hex(text->str, text->len, digest);
    watch_finding(live->rollout, differences, finding);
    if (fresh == 0 && *last->finding)
        g_strlcpy(finding, last->finding, sizeof finding);
    const struct roll_drift_checked body = {.target = (char *)(uintptr_t)live->name,
                                            .differences = (int64_t)json_array_size(differences),
                                            .result = digest,
                                            .finding = finding,
                                            .rollout = live->rollout,
                                            .unevaluated = (int64_t)json_array_size(unevaluated),
                                            .fresh = (int64_t)fresh,
                                            .unsure = (int64_t)json_array_size(unsure)};
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

/* ---- comparing ------------------------------------------------------------------------------ */

/* A value that is not kept looks the same when it is another one. */
static void doubt_hidden(const json_t *now, const json_t *known, json_t *unevaluated)
{
    g_autoptr(GHashTable) keys = watch_keys_of(known);
    size_t index;
    json_t *difference;

    json_array_foreach ((json_t *)(uintptr_t)now, index, difference) {
        const char *is = roll_json_get_string(difference, "is");
        g_autofree char *key = watch_key_of(difference);
        if (is && strstr(is, WATCH_HIDDEN) && g_hash_table_contains(keys, key))
            json_array_append_new(
                unevaluated,
                json_pack("{s:s,s:s*,s:s}", "resource",
                          roll_json_get_string(difference, "resource"), "path",
                          roll_json_get_string(difference, "path"), "reason",
                          "a value that may be a secret is not kept, so that nobody knows whether "
                          "it is another one than after the rollout"));
    }
}

/* What ARM said after the rollout too, and what nobody is known to have done, may be what it always
 * says: it is shown, and is no drift. */
static json_t *take_unsure(json_t *differences, const struct watch_baseline *baseline)
{
    g_autoptr(GHashTable) keys = watch_keys_of(baseline->unsure);
    json_t *unsure = json_array();

    for (size_t i = json_array_size(differences); i-- > 0;) {
        json_t *difference = json_array_get(differences, i);
        g_autofree char *key = watch_key_of(difference);
        if (watch_is_others(difference) || !g_hash_table_contains(keys, key))
            continue;
        json_array_insert(unsure, 0, difference);
        json_array_remove(differences, i);
    }
    return unsure;
}

static json_t *show_baseline(const struct watch_baseline *baseline, size_t left)
{
    char at[ROLL_TIME_SIZE];

    if (!baseline->seq)
        return json_null();
    roll_time_format(baseline->of_ms, at);
    return json_pack("{s:s,s:I,s:b}", "at", at, "known", (json_int_t)left, "pending",
                     baseline->pending != 0);
}

static void say_state(struct look *look, json_t *report)
{
    bool drifted = json_array_size(json_object_get(report, "differences")) > 0;
    bool unsure = json_array_size(json_object_get(report, "unsure")) > 0;

    look->drifted = look->drifted || drifted;
    look->unknown = look->unknown || unsure;
    json_object_set_new(report, "state",
                        json_string(drifted  ? "drifted"
                                    : unsure ? "unsure"
                                             : "clean"));
}

/* While ARM was asked somebody may have deployed: then it says nothing about what is live now. */
static struct roll_error *compare(struct look *look, const struct watch_live *live,
                                  const struct watch_forecast *forecast, const struct last *last,
                                  json_t *report)
{
    const struct roll_drift_options *options = look->options;
    roll_auto(watch_baseline) struct watch_baseline *baseline = NULL;
    roll_auto(json) json_t *now = json_array(), *unevaluated = json_array();
    roll_auto(json) json_t *differences = NULL, *unsure = NULL;
    g_autofree char *unread = NULL, *unread_then = NULL;
    size_t left = 0;
    bool still = false;

    watch_differences(forecast->body, now, unevaluated);
    ROLL_TRY(watch_baseline_load(options->ledger, look->stream, live, false, &baseline));
    ROLL_TRY(watch_baseline_settle(options, look->stream, live, baseline, &unread_then));
    differences = watch_subtract(now, baseline->known, &left);
    doubt_hidden(now, baseline->known, unevaluated);
    date(differences, last, forecast);
    if (json_array_size(differences) > 0)
        ROLL_TRY(watch_attribute(options, live, 0, differences, &unread));
    unsure = take_unsure(differences, baseline);
    ROLL_TRY(watch_is_live(options->ledger, look->stream, live->name, live->rollout, &still));
    if (!still) {
        say_unknown(look, report, NULL, "it was deployed to while ARM was asked");
        return NULL;
    }
    json_object_set(report, "differences", differences);
    json_object_set(report, "unsure", unsure);
    json_object_set(report, "unevaluated", unevaluated);
    json_object_set_new(report, "baseline", show_baseline(baseline, left));
    if (unread)
        json_object_set_new(report, "logUnread", json_string(unread));
    say_state(look, report);
    return record(look, live, report, forecast, last, count_fresh(differences, last));
}

/* ARM forecasts nothing in a group that is gone: with it went all that the rollout put there. */
static json_t *forecast_of_gone(const struct watch_live *live)
{
    const struct roll_order_target *target = live->target;
    const struct roll_arm_scope scope = {target->scope, target->subscription,
                                         target->resource_group, target->management_group};
    g_autofree char *path = roll_arm_scope_path(&scope);

    return json_pack("{s:[{s:s,s:s}]}", "changes", "resourceId", path, "changeType", "Create");
}

static struct roll_error *look_at(struct look *look, const struct watch_live *live,
                                  struct watch_forecast *forecast, json_t *targets)
{
    json_t *report = json_pack("{s:s,s:s,s:I}", "name", live->name, "release",
                               live->target->release, "rollout", (json_int_t)live->rollout);

    json_array_append_new(targets, report);
    if (!forecast->body && forecast->gone)
        forecast->body = forecast_of_gone(live);
    if (forecast->body) {
        struct last last = {0};
        struct roll_error *err = load_last(look, live, &last);
        if (!err)
            err = compare(look, live, forecast, &last, report);
        json_decref(last.result);
        return err;
    }
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
    char at[ROLL_TIME_SIZE];
    struct roll_error *err = check_quiet(&look);

    if (!err)
        err = watch_lives_read(options, false, &lives);
    if (!err)
        err = look_at_all(&look, lives, targets);
    for (size_t i = 0; !err && i < json_array_size(lives->left); i++)
        look.unknown = look.unknown ||
                       json_is_true(json_object_get(json_array_get(lives->left, i), "unknown"));
    roll_time_format(roll_now_ms(), at);
    if (!err)
        *ret_report = json_pack("{s:s,s:s,s:s,s:b,s:b,s:O,s:O}", "service", options->plan->service,
                                "environment", options->environment->name, "checkedAt", at,
                                "drifted", look.drifted, "unknown", look.unknown, "targets",
                                targets, "leftOut", lives->left);
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
    roll_auto(watch_baseline) struct watch_baseline *baseline = NULL;
    int64_t checked = 0, settled;

    ROLL_TRY(watch_baseline_load(options->ledger, stream, live, true, &baseline));
    ROLL_TRY(roll_ledger_look(options->ledger, stream, "drift", live->name, see_checked, &checked));
    settled = watch_baseline_due(baseline);
    if (!baseline->seq || (settled && settled <= now_ms)) {
        due->baseline = true;
        return NULL;
    }
    if (settled)
        due->wake = MIN(due->wake, settled);
    int64_t at = MAX(checked, baseline->at) + DAY_MS;
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
