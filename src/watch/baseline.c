/* Baselines: what ARM's what-if says of a release just after it succeeded. Defaults that servers
 * add, read-only properties and arrays in another order are said then as every day; only what is
 * new later is drift. But what somebody changed between the rollout and the look is no part of it,
 * and the activity log tells of that minutes later: until then a difference is pending, and what
 * the log can never tell (it cannot be read, it was too long) stays unsure and is shown. */
#include "watch/log.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"

void watch_baseline_free(struct watch_baseline *baseline)
{
    if (!baseline)
        return;
    json_decref(baseline->known);
    json_decref(baseline->unsure);
    json_decref(baseline->unevaluated);
    g_free(baseline);
}

/* ---- from the ledger ------------------------------------------------------------------------- */

struct head {
    int64_t seq, at, rollout;
};

static struct roll_error *see_head(void *user, const struct roll_look_row *row)
{
    *(struct head *)user =
        (struct head){row->checked_seq, row->checked_at, g_ascii_strtoll(row->summary, NULL, 10)};
    return NULL;
}

static json_t *list_in(const json_t *result, const char *name)
{
    json_t *list = json_object_get(result, name);

    return json_is_array(list) ? json_incref(list) : json_array();
}

static struct roll_error *load_lists(struct roll_ledger *ledger, const char *digest,
                                     struct watch_baseline *baseline)
{
    roll_auto(json) json_t *result = NULL;
    const char *asked;

    ROLL_TRY(roll_ledger_object_json(ledger, digest, &result));
    asked = roll_json_get_string(result, "askedAt");
    if (asked)
        roll_error_free(roll_time_parse(asked, &baseline->of_ms));
    baseline->known = list_in(result, "differences");
    baseline->unsure = list_in(result, "unsure");
    baseline->unevaluated = list_in(result, "unevaluated");
    return NULL;
}

struct roll_error *watch_baseline_load(struct roll_ledger *ledger, const char *stream,
                                       const struct watch_live *live, bool bare,
                                       struct watch_baseline **ret_baseline)
{
    roll_auto(watch_baseline) struct watch_baseline *baseline = g_new0(struct watch_baseline, 1);
    roll_auto(event) struct roll_event *event = NULL;
    const struct roll_baseline_taken *body;
    struct head head = {0};

    ROLL_TRY(roll_ledger_look(ledger, stream, "baseline", live->name, see_head, &head));
    if (head.seq && head.rollout == live->rollout)
        ROLL_TRY(roll_ledger_event(ledger, stream, head.seq, &event));
    body = event ? roll_event_body(event, baseline_taken) : NULL;
    if (body) {
        *baseline = (struct watch_baseline){
            .seq = head.seq, .at = head.at, .of_ms = head.at, .pending = body->pending};
        if (!bare)
            ROLL_TRY(load_lists(ledger, body->result, baseline));
    }
    *ret_baseline = g_steal_pointer(&baseline);
    return NULL;
}

int64_t watch_baseline_due(const struct watch_baseline *baseline)
{
    return baseline->seq && baseline->pending ? baseline->at + WATCH_LATE_MS : 0;
}

/* ---- recording ------------------------------------------------------------------------------- */

static struct roll_error *record(const struct roll_drift_options *options,
                                 const struct watch_live *live, const char *stream,
                                 const struct watch_baseline *baseline)
{
    const struct roll_order_target *target = live->target;
    char asked[ROLL_TIME_SIZE], digest[ROLL_HEX_SIZE];
    g_autoptr(GString) text = NULL;

    roll_time_format(baseline->of_ms, asked);
    roll_auto(json) json_t *result = json_pack(
        "{s:s,s:I,s:s,s:s,s:O,s:O,s:O}", "target", target->name, "rollout",
        (json_int_t)live->rollout, "release", target->release, "askedAt", asked, "differences",
        baseline->known, "unsure", baseline->unsure, "unevaluated", baseline->unevaluated);
    ROLL_TRY(roll_json_canonical(result, &text));
    roll_sha256_hex(text->str, text->len, digest);
    const struct roll_baseline_taken body = {
        .rollout = live->rollout,
        .target = target->name,
        .result = digest,
        .differences = (int64_t)json_array_size(baseline->known),
        .pending = baseline->pending,
    };
    const struct roll_draft draft = {stream, ROLL_EVENT_baseline_taken, &body};
    const struct roll_object object = {text->str, text->len};
    return watch_append(options->ledger, options->actor, &draft, &object, 1);
}

/* ---- what it takes up ------------------------------------------------------------------------ */

/* Each goes where the log says that it belongs: known to be nobody's else's, not known (yet), or
 * somebody's, which no baseline has. *ret_others: how many those are. */
static void sort(struct watch_baseline *baseline, const json_t *differences, size_t *ret_others)
{
    size_t index;
    json_t *difference;

    *ret_others = 0;
    json_array_foreach ((json_t *)(uintptr_t)differences, index, difference) {
        bool settled = watch_is_settled(difference);
        if (watch_is_others(difference)) {
            (*ret_others)++;
            continue;
        }
        json_array_append(settled ? baseline->known : baseline->unsure, difference);
        if (settled) { /* what was looked for and not found is no part of it */
            json_object_del(difference, "why");
            json_object_del(difference, "open");
        }
    }
}

struct roll_error *watch_baseline_settle(const struct roll_drift_options *options,
                                         const char *stream, const struct watch_live *live,
                                         struct watch_baseline *baseline, char **ret_unread)
{
    int64_t due = watch_baseline_due(baseline), now = roll_now_ms();
    roll_auto(json) json_t *waiting = NULL;
    size_t others = 0, index;
    json_t *difference;

    *ret_unread = NULL;
    if (!due || now < due)
        return NULL;
    waiting = baseline->unsure;
    baseline->unsure = json_array();
    json_array_foreach (waiting, index, difference) {
        json_object_del(difference, "why");
        json_object_del(difference, "open");
    }
    ROLL_TRY(watch_attribute(options, live, baseline->of_ms, waiting, ret_unread));
    sort(baseline, waiting, &others);
    /* A log that cannot be read is asked again, as long as it has what happened. */
    if (*ret_unread && now < baseline->of_ms + WATCH_LOG_MS)
        return NULL;
    baseline->pending = 0;
    baseline->at = now;
    return record(options, live, stream, baseline);
}

/* ---- taking one ------------------------------------------------------------------------------ */

static struct roll_error *has_baseline(struct roll_ledger *ledger, const char *stream,
                                       const struct watch_live *live, bool *ret_has)
{
    roll_auto(watch_baseline) struct watch_baseline *baseline = NULL;

    ROLL_TRY(watch_baseline_load(ledger, stream, live, true, &baseline));
    *ret_has = baseline->seq != 0;
    return NULL;
}

static void say(json_t *report, const struct watch_baseline *baseline, size_t others)
{
    char due[ROLL_TIME_SIZE];

    roll_time_format(roll_now_ms() + WATCH_LATE_MS, due);
    json_object_set_new(report, "differences",
                        json_integer((json_int_t)json_array_size(baseline->known)));
    json_object_set_new(report, "changedSince", json_integer((json_int_t)others));
    json_object_set_new(report, "unevaluated",
                        json_integer((json_int_t)json_array_size(baseline->unevaluated)));
    json_object_set_new(report, "unsure",
                        json_integer((json_int_t)json_array_size(baseline->unsure)));
    if (baseline->pending)
        json_object_set_new(report, "settledFrom", json_string(due));
}

static void say_error(json_t *report, const char *code, const char *message)
{
    json_object_set_new(report, "error", json_pack("{s:s*,s:s}", "code", code, "message", message));
}

static struct roll_error *take(const struct roll_drift_options *options,
                               const struct watch_live *live, const char *stream,
                               const struct watch_forecast *forecast, json_t *report)
{
    roll_auto(watch_baseline) struct watch_baseline *baseline = g_new0(struct watch_baseline, 1);
    roll_auto(json) json_t *differences = json_array();
    g_autofree char *unread = NULL;
    bool still = false, has = false;
    size_t others = 0;

    if (!forecast->body) {
        say_error(report, forecast->code, forecast->why);
        return NULL;
    }
    baseline->of_ms = forecast->answered_ms;
    baseline->known = json_array();
    baseline->unsure = json_array();
    baseline->unevaluated = json_array();
    watch_differences(forecast->body, differences, baseline->unevaluated);
    if (json_array_size(differences) > 0)
        ROLL_TRY(watch_attribute(options, live, baseline->of_ms, differences, &unread));
    sort(baseline, differences, &others);
    baseline->pending = (int64_t)json_array_size(baseline->unsure);
    ROLL_TRY(watch_is_live(options->ledger, stream, live->name, live->rollout, &still));
    ROLL_TRY(has_baseline(options->ledger, stream, live, &has));
    if (!still || has) /* somebody was faster: with a rollout, or with the baseline */
        return NULL;
    say(report, baseline, others);
    return record(options, live, stream, baseline);
}

/* ---- which are missing ----------------------------------------------------------------------- */

static json_t *report_of(const struct watch_live *live)
{
    return json_pack("{s:s,s:s,s:I}", "name", live->name, "release", live->target->release,
                     "rollout", (json_int_t)live->rollout);
}

/* One that is there, but for what the log may tell by now. */
static struct roll_error *settle(const struct roll_drift_options *options, const char *stream,
                                 const struct watch_live *live, json_t *reports)
{
    roll_auto(watch_baseline) struct watch_baseline *baseline = NULL;
    roll_auto(json) json_t *report = report_of(live);
    g_autofree char *unread = NULL;

    ROLL_TRY(watch_baseline_load(options->ledger, stream, live, false, &baseline));
    if (!watch_baseline_due(baseline) || roll_now_ms() < watch_baseline_due(baseline))
        return NULL;
    size_t before = json_array_size(baseline->known) + json_array_size(baseline->unsure);
    ROLL_TRY(watch_baseline_settle(options, stream, live, baseline, &unread));
    size_t after = json_array_size(baseline->known) + json_array_size(baseline->unsure);
    say(report, baseline, before - after);
    if (baseline->pending)
        say_error(report, unread,
                  "the activity log cannot be read: what differs may be somebody's");
    json_array_append(reports, report);
    return NULL;
}

static struct roll_error *keep_missing(const struct roll_drift_options *options, const char *stream,
                                       struct watch_lives *lives, json_t *reports)
{
    for (guint i = lives->lives->len; i-- > 0;) {
        const struct watch_live *live = &g_array_index(lives->lives, struct watch_live, i);
        bool has = false;
        ROLL_TRY(has_baseline(options->ledger, stream, live, &has));
        if (!has)
            continue;
        ROLL_TRY(settle(options, stream, live, reports));
        g_array_remove_index(lives->lives, i);
    }
    return NULL;
}

static struct roll_error *take_all(const struct roll_drift_options *options, const char *stream,
                                   const struct watch_lives *lives, json_t *taken)
{
    guint count = lives->lives->len;
    g_autofree struct watch_forecast *forecasts = g_new0(struct watch_forecast, count + 1);
    struct roll_error *err = watch_forecasts(options, lives, forecasts);

    for (guint i = 0; i < count; i++) {
        const struct watch_live *live = &g_array_index(lives->lives, struct watch_live, i);
        json_t *report = report_of(live);
        if (!err)
            err = take(options, live, stream, &forecasts[i], report);
        json_array_append_new(taken, report);
        watch_forecast_clear(&forecasts[i]);
    }
    return err;
}

struct roll_error *roll_baseline(const struct roll_drift_options *options, json_t **ret_taken)
{
    g_autofree char *stream =
        g_strdup_printf("%s/%s", options->plan->service, options->environment->name);
    roll_auto(watch_lives) struct watch_lives *lives = NULL;
    roll_auto(json) json_t *taken = json_array();

    ROLL_TRY(watch_lives_read(options, false, &lives));
    ROLL_TRY(keep_missing(options, stream, lives, taken));
    ROLL_TRY(take_all(options, stream, lives, taken));
    *ret_taken = g_steal_pointer(&taken);
    return NULL;
}
