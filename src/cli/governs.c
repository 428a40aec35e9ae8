/* What governs a rollout, and what one that waits is waiting for: for show and status. The facts
 * are those of the audit. */
#include "view.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/rollout.h"
#include "rollbook/time.h"
#include "rollbook/watch.h"

/* ---- what it waits for ---------------------------------------------------------------------- */

/* What cannot be told is said in the place of it: a status is shown all the same. */
json_t *roll_view_lacks(struct roll_app *app, const char *stream, int64_t number,
                        struct roll_lacks *ret_lacks)
{
    struct roll_lacks lacks = {0};
    struct roll_error *err = roll_rollout_lacks(
        app->ledger, app->workspace ? app->workspace->root : NULL, stream, number, &lacks);
    json_t *list = json_array();

    for (guint i = 0; i < lacks.texts->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(lacks.texts, i)));
    if (err)
        json_array_append_new(list, json_string(err->message));
    roll_error_free(err);
    if (ret_lacks) {
        *ret_lacks = lacks;
        ret_lacks->texts = NULL;
    }
    roll_lacks_clear(&lacks);
    return list;
}

char *roll_view_join(const json_t *texts, const char *between)
{
    GString *out = g_string_new(NULL);
    size_t index;
    json_t *text;

    json_array_foreach (texts, index, text)
        g_string_append_printf(out, "%s%s", index ? between : "", json_string_value(text));
    return g_string_free(out, FALSE);
}

/* ---- facts ---------------------------------------------------------------------------------- */

/* Whose signatures count is asked of ssh-keygen; without it nothing is said. */
static void add_missing(struct roll_app *app, const char *stream, int64_t number, json_t *approvals)
{
    roll_auto(approved) struct roll_approved *approved = NULL;
    g_autofree char *missing = NULL;
    struct roll_error *err = roll_approved_load(app->ledger, stream, number, &approved);

    if (!err)
        err = roll_approvals_missing(app->ledger, approved, 0, &missing);
    if (!err)
        json_object_set_new(approvals, "missing", missing ? json_string(missing) : json_null());
    roll_error_free(err);
}

/* A rule that cannot be read is not open: the message says why. */
static json_t *window_of(const json_t *rules)
{
    struct roll_timing timing = {0};
    struct roll_error *err = roll_timing_at(rules, roll_now_ms(), &timing);
    json_t *view = json_pack("{s:b,s:s?}", "open", !err && timing.open, "why",
                             err ? err->message : timing.why);
    char until[ROLL_TIME_SIZE];

    if (!err && timing.until && timing.until != ROLL_NEVER) {
        roll_time_format(timing.until, until);
        json_object_set_new(view, "until", json_string(until));
    }
    roll_timing_clear(&timing);
    roll_error_free(err);
    return view;
}

/* A plan that cannot be read is said there, in the place of its rules. */
static void add_window(struct roll_app *app, const char *stream, int64_t number, json_t *view)
{
    roll_auto(json) json_t *rules = NULL;
    struct roll_error *err = roll_rollout_timing(
        app->ledger, app->workspace ? app->workspace->root : NULL, stream, number, &rules);

    if (err)
        json_object_set_new(view, "window",
                            json_pack("{s:b,s:s}", "open", false, "why", err->message));
    else if (json_object_size(rules) > 0)
        json_object_set_new(view, "window", window_of(rules));
    roll_error_free(err);
}

static void add_waits(struct roll_app *app, const char *stream, int64_t number, json_t *view)
{
    struct roll_lacks lacks = {0};
    char time[ROLL_TIME_SIZE];

    json_object_set_new(view, "waitsFor", roll_view_lacks(app, stream, number, &lacks));
    if (!lacks.expires_at)
        return;
    roll_time_format(lacks.expires_at, time);
    json_object_set_new(view, "expiresAt", json_string(time));
}

struct roll_error *roll_view_add_governs(struct roll_app *app, const char *stream, int64_t number,
                                         json_t *view)
{
    const struct roll_audit_options options = {
        .stream = stream, .first = number, .at = roll_now_ms()};
    roll_auto(json) json_t *list = json_pack("[O]", view), *facts = NULL;
    json_t *approvals;

    ROLL_TRY(roll_audit(app->ledger, &options, list, &facts));
    approvals = json_object_get(view, "approvals");
    if (json_array_size(json_object_get(approvals, "asked")) > 0)
        add_missing(app, stream, number, approvals);
    if (!roll_json_get_string(view, "finishedAt"))
        add_window(app, stream, number, view);
    if (g_strcmp0(roll_json_get_string(view, "state"), "waiting") == 0)
        add_waits(app, stream, number, view);
    return NULL;
}

/* ---- for people ----------------------------------------------------------------------------- */

static void row(struct roll_table *table, const char *name, enum roll_paint paint, char *text_take)
{
    roll_table_cell(table, ROLL_DIM, name);
    roll_table_cell_take(table, paint, text_take);
    roll_table_row(table);
}

static char *with(const json_t *entry, const char *first, const char *const *others)
{
    GString *out = g_string_new(roll_json_get_string(entry, first));

    for (; *others; others++)
        if (roll_json_get_string(entry, *others))
            g_string_append_printf(out, ", %s", roll_json_get_string(entry, *others));
    return g_string_free(out, FALSE);
}

static void add_approvals(struct roll_table *table, const json_t *approvals)
{
    static const char *const voice[] = {"at", "key", "reason", NULL};
    size_t index;
    json_t *entry;

    json_array_foreach (json_object_get(approvals, "given"), index, entry)
        row(table, "approved by", ROLL_PLAIN, with(entry, "by", voice));
    json_array_foreach (json_object_get(approvals, "rejected"), index, entry)
        row(table, "refused by", ROLL_BAD, with(entry, "by", voice));
}

static void add_gates(struct roll_table *table, const json_t *gates)
{
    size_t index;
    json_t *gate;

    json_array_foreach (gates, index, gate) {
        const char *verdict = roll_json_get_string(gate, "verdict");
        const char *summary = roll_json_get_string(gate, "summary");
        bool later = g_strcmp0(roll_json_get_string(gate, "when"), "later") == 0;
        row(table, "gate", g_strcmp0(verdict, "passed") == 0 ? ROLL_GOOD : ROLL_WARN,
            g_strdup_printf("%s %s%s%s%s", roll_json_get_string(gate, "gate"),
                            verdict ? verdict
                            : later ? "open"
                                    : "not evaluated",
                            later ? ", put off" : "", summary ? ": " : "", summary ? summary : ""));
    }
}

static void add_overrides(struct roll_table *table, const json_t *overrides)
{
    size_t index;
    json_t *entry;

    json_array_foreach (overrides, index, entry) {
        const char *name = roll_json_get_string(entry, "name");
        const char *reason = roll_json_get_string(entry, "reason");
        row(table, "passed by", ROLL_WARN,
            g_strdup_printf("%s%s%s%s%s", roll_json_get_string(entry, "kind"), name ? ":" : "",
                            name ? name : "", reason ? ": " : "", reason ? reason : ""));
    }
}

static void add_debts(struct roll_table *table, const json_t *debts)
{
    size_t index;
    json_t *debt;

    json_array_foreach (debts, index, debt) {
        const char *closed = roll_json_get_string(debt, "closedAt");
        const char *owner = roll_json_get_string(debt, "owner");
        const char *by = roll_json_get_string(debt, "closedBy");
        row(table, closed ? "owed" : "owes", closed ? ROLL_PLAIN : ROLL_WARN,
            closed ? g_strdup_printf("%s, closed %s%s%s", roll_json_get_string(debt, "debt"),
                                     closed, by ? " by " : "", by ? by : "")
                   : g_strdup_printf("%s (%s), %s %s", roll_json_get_string(debt, "debt"),
                                     owner ? owner : "nobody known",
                                     g_strcmp0(roll_json_get_string(debt, "state"), "overdue") == 0
                                         ? "overdue since"
                                         : "until",
                                     roll_json_get_string(debt, "due")));
    }
}

void roll_view_print_governs(struct roll_table *table, const json_t *view)
{
    const json_t *window = json_object_get(view, "window"),
                 *lacks = json_object_get(view, "waitsFor");
    const json_t *approvals = json_object_get(view, "approvals");
    const char *why = roll_json_get_string(window, "why");
    const char *missing = roll_json_get_string(approvals, "missing");
    const char *expires = roll_json_get_string(view, "expiresAt");

    add_approvals(table, approvals);
    add_gates(table, json_object_get(view, "gates"));
    add_overrides(table, json_object_get(view, "overrides"));
    add_debts(table, json_object_get(view, "debts"));
    if (window)
        row(table, "window", ROLL_PLAIN, g_strdup(why ? why : "open"));
    if (!lacks && missing) /* it was passed by, or too little: a late one still counts */
        row(table, "not approved by", ROLL_WARN, g_strdup(missing));
    if (json_array_size(lacks) > 0)
        row(table, "waits", ROLL_WARN, roll_view_join(lacks, "; "));
    if (expires)
        row(table, "expires", ROLL_PLAIN, g_strdup(expires));
}
