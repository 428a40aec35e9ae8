/* Baselines: what ARM's what-if says of a release just after it succeeded. Defaults that servers
 * add, read-only properties and arrays in another order are said then as every day; only what is
 * new later is drift. What somebody changed between the rollout and the look is no part of it. */
#include "watch/drift.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"

/* ---- is there one? --------------------------------------------------------------------------- */

static struct roll_error *see_baseline(void *user, const struct roll_look_row *row)
{
    *(int64_t *)user = g_ascii_strtoll(row->summary, NULL, 10);
    return NULL;
}

static struct roll_error *has_baseline(struct roll_ledger *ledger, const char *stream,
                                       const struct watch_live *live, bool *ret_has)
{
    int64_t rollout = 0;

    ROLL_TRY(roll_ledger_look(ledger, stream, "baseline", live->name, see_baseline, &rollout));
    *ret_has = rollout == live->rollout;
    return NULL;
}

/* ---- what it holds --------------------------------------------------------------------------- */

/* Only what nobody did since. *ret_others: what somebody did. New references. */
static void part(json_t *differences, json_t **ret_known, json_t **ret_others)
{
    json_t *known = json_array(), *others = json_array(), *difference;
    size_t index;

    json_array_foreach (differences, index, difference)
        json_array_append(json_object_get(difference, "by") ? others : known, difference);
    *ret_known = known;
    *ret_others = others;
}

static struct roll_error *record(const struct roll_drift_options *options,
                                 const struct watch_live *live, const char *stream, json_t *known,
                                 json_t *unevaluated)
{
    const struct roll_order_target *target = live->target;
    char at[ROLL_TIME_SIZE], digest[ROLL_HEX_SIZE];
    g_autoptr(GString) text = NULL;

    roll_time_format(roll_now_ms(), at);
    roll_auto(json) json_t *result = json_pack(
        "{s:s,s:I,s:s,s:s,s:O,s:O}", "target", target->name, "rollout", (json_int_t)live->rollout,
        "release", target->release, "at", at, "differences", known, "unevaluated", unevaluated);
    ROLL_TRY(roll_json_canonical(result, &text));
    roll_sha256_hex(text->str, text->len, digest);
    const struct roll_baseline_taken body = {.rollout = live->rollout,
                                             .target = target->name,
                                             .result = digest,
                                             .differences = (int64_t)json_array_size(known)};
    const struct roll_draft draft = {stream, ROLL_EVENT_baseline_taken, &body};
    const struct roll_object object = {text->str, text->len};
    return watch_append(options->ledger, options->actor, &draft, &object, 1);
}

static struct roll_error *take(const struct roll_drift_options *options,
                               const struct watch_live *live, const char *stream,
                               const struct watch_forecast *forecast, json_t *report)
{
    roll_auto(json) json_t *differences = json_array(), *unevaluated = json_array();
    roll_auto(json) json_t *known = NULL, *others = NULL;
    g_autofree char *unread = NULL;
    bool still = false, has = false;

    if (!forecast->body) {
        json_object_set_new(
            report, "error",
            json_pack("{s:s*,s:s}", "code", forecast->code, "message", forecast->why));
        return NULL;
    }
    watch_differences(forecast->body, differences, unevaluated);
    if (json_array_size(differences) > 0)
        ROLL_TRY(watch_attribute(options, live, differences, &unread));
    part(differences, &known, &others);
    ROLL_TRY(watch_is_live(options->ledger, stream, live->name, live->rollout, &still));
    ROLL_TRY(has_baseline(options->ledger, stream, live, &has));
    if (!still || has) /* somebody was faster: with a rollout, or with the baseline */
        return NULL;
    json_object_set_new(report, "differences", json_integer((json_int_t)json_array_size(known)));
    json_object_set_new(report, "changedSince", json_integer((json_int_t)json_array_size(others)));
    json_object_set_new(report, "unevaluated",
                        json_integer((json_int_t)json_array_size(unevaluated)));
    return record(options, live, stream, known, unevaluated);
}

/* ---- which are missing ----------------------------------------------------------------------- */

static struct roll_error *keep_missing(const struct roll_drift_options *options, const char *stream,
                                       struct watch_lives *lives)
{
    for (guint i = lives->lives->len; i-- > 0;) {
        const struct watch_live *live = &g_array_index(lives->lives, struct watch_live, i);
        bool has = false;
        ROLL_TRY(has_baseline(options->ledger, stream, live, &has));
        if (has)
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
        json_t *report = json_pack("{s:s,s:s,s:I}", "name", live->name, "release",
                                   live->target->release, "rollout", (json_int_t)live->rollout);
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
    ROLL_TRY(keep_missing(options, stream, lives));
    ROLL_TRY(take_all(options, stream, lives, taken));
    *ret_taken = g_steal_pointer(&taken);
    return NULL;
}
