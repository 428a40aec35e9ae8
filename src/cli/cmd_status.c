/* roll status [ENV]: what is live where, and what to type next. Never contacts ARM. */
#include "ready.h"
#include "standings.h"
#include "view.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/policy.h"
#include "rollbook/rollout.h"
#include "rollbook/sync.h"
#include "rollbook/time.h"

struct status {
    struct roll_app *app;
    const char *only; /* an environment, or NULL */
    json_t *list;
    GPtrArray *hints; /* of char * */
};

struct rows {
    char *live, *last_good, *previous, *last_state, *hold_reason;
    int64_t since, clean, dirty, open_rollout, last_rollout, debts, hold_rollout;
    bool mixed, hold, hold_by_person, unknown, seen;
};

static struct roll_error *take(void *user, const struct roll_environment_row *row)
{
    struct rows *rows = user;

    *rows = (struct rows){
        .live = g_strdup(row->live),
        .last_good = g_strdup(row->last_good),
        .previous = g_strdup(row->previous),
        .last_state = g_strdup(row->last_state),
        .hold_reason = g_strdup(row->hold_reason),
        .since = row->since,
        .clean = row->clean,
        .dirty = row->dirty,
        .open_rollout = row->open_rollout,
        .last_rollout = row->last_rollout,
        .debts = row->debts,
        .hold_rollout = row->hold_rollout,
        .mixed = row->mixed,
        .hold = row->hold,
        .hold_by_person = row->hold_by_person,
        .unknown = row->unknown,
        .seen = true,
    };
    return NULL;
}

static void rows_clear(struct rows *rows)
{
    g_free(rows->live);
    g_free(rows->last_good);
    g_free(rows->previous);
    g_free(rows->last_state);
    g_free(rows->hold_reason);
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *hold_json(const struct rows *rows)
{
    if (!rows->hold && !rows->hold_by_person)
        return json_null();
    return json_pack("{s:s,s:s?,s:I}", "by", rows->hold_by_person ? "person" : "back", "reason",
                     rows->hold_reason, "rollout", (json_int_t)rows->hold_rollout);
}

static json_t *view_of(const char *service, const char *environment, const struct rows *rows,
                       const char *goal)
{
    const char *version = rows->live ? rows->live : rows->last_good;
    char since[ROLL_TIME_SIZE] = "";
    json_t *view = json_object();

    if (rows->since)
        roll_time_format(rows->since, since);
    json_object_set_new(view, "service", json_string(service));
    json_object_set_new(view, "environment", json_string(environment));
    json_object_set_new(view, "release",
                        version ? json_sprintf("%s@%s", service, version) : json_null());
    json_object_set_new(view, "version", text_or_null(version));
    json_object_set_new(view, "since", text_or_null(*since ? since : NULL));
    json_object_set_new(view, "state", json_string(rows->last_state ? rows->last_state : "empty"));
    json_object_set_new(view, "hold", hold_json(rows));
    json_object_set_new(
        view, "targets",
        json_pack("{s:I,s:I}", "clean", (json_int_t)rows->clean, "dirty", (json_int_t)rows->dirty));
    json_object_set_new(view, "mixed", json_boolean(rows->mixed));
    json_object_set_new(view, "previous", text_or_null(rows->previous));
    json_object_set_new(view, "debts", json_integer(rows->debts));
    json_object_set_new(view, "rollback",
                        json_pack("{s:o,s:n}", "version", text_or_null(goal), "ready"));
    return view;
}

/* It is nobody's: whoever sees that all has passed may start it. Owned. */
static char *next_of_waiting(const struct roll_lacks *lacks, const char *environment,
                             int64_t rollout)
{
    if (lacks->dead)
        return g_strdup_printf("roll cancel %s#%" PRId64, environment, rollout);
    if (lacks->approval)
        return g_strdup_printf("roll approve %s#%" PRId64, environment, rollout);
    if (lacks->hold)
        return g_strdup_printf("roll unhold %s", environment);
    if (lacks->parts)
        return g_strdup_printf("roll resume %s#%" PRId64, environment, rollout);
    if (lacks->starts_at && lacks->starts_at != ROLL_NEVER) {
        g_autofree char *time = roll_report_time(lacks->starts_at);
        return g_strdup_printf("roll run   starts it, from %s on", time);
    }
    return g_strdup_printf("roll resume %s#%" PRId64 " --wait", environment, rollout);
}

/* " until …", owned: when it ends by itself. */
static char *expiry_of(const struct roll_lacks *lacks, json_t *view)
{
    char time[ROLL_TIME_SIZE];

    if (!lacks->expires_at)
        return g_strdup("");
    g_autofree char *shown = roll_report_time(lacks->expires_at);
    roll_time_format(lacks->expires_at, time);
    json_object_set_new(view, "expiresAt", json_string(time));
    return g_strdup_printf(" until %s", shown);
}

static void add_waits(struct status *status, const char *stream, const char *environment,
                      int64_t rollout, json_t *view)
{
    struct roll_lacks lacks = {0};
    json_t *texts = roll_view_lacks(status->app, stream, rollout, &lacks);
    g_autofree char *text = roll_view_join(texts, "; ");
    g_autofree char *next = next_of_waiting(&lacks, environment, rollout);
    g_autofree char *until = expiry_of(&lacks, view);
    char *hint;

    if (lacks.expires_at && lacks.expires_at <= roll_now_ms()) /* whoever comes next records it */
        hint = g_strdup_printf("%s#%" PRId64 " waited%s and has expired; next: ask for it again",
                               stream, rollout, until);
    else if (*text)
        hint = g_strdup_printf("%s#%" PRId64 " waits%s: %s; next: %s", stream, rollout, until, text,
                               next);
    else
        hint = g_strdup_printf("%s#%" PRId64 " has all that it waited for; next: roll resume "
                               "%s#%" PRId64 "   unless a command waits for it",
                               stream, rollout, environment, rollout);
    g_ptr_array_add(status->hints, hint);
    json_object_set_new(view, "waitsFor", texts);
    if (lacks.starts_at && lacks.starts_at != ROLL_NEVER) {
        char time[ROLL_TIME_SIZE];
        roll_time_format(lacks.starts_at, time);
        json_object_set_new(view, "startsAt", json_string(time));
    }
}

/* environment: as it is typed. */
static void add_hints(struct status *status, const char *environment, const struct rows *rows,
                      json_t *view)
{
    g_autofree char *stream = g_strdup_printf("%s/%s", roll_json_get_string(view, "service"),
                                              roll_json_get_string(view, "environment"));

    if (rows->unknown)
        g_ptr_array_add(
            status->hints,
            g_strdup_printf("%s holds events of a newer roll: use that version to deploy",
                            environment));
    if (rows->open_rollout && g_strcmp0(rows->last_state, "waiting") == 0)
        add_waits(status, stream, environment, rows->open_rollout, view);
    else if (rows->open_rollout && rows->last_state)
        g_ptr_array_add(status->hints, g_strdup_printf("next: roll resume %s#%" G_GINT64_FORMAT
                                                       "   if its command is gone",
                                                       environment, (gint64)rows->open_rollout));
    else if (rows->dirty > 0 && g_strcmp0(rows->last_state, "recovered") == 0)
        g_ptr_array_add(status->hints, g_strdup_printf("next: roll back %s, or roll out %s: nobody "
                                                       "knows what its dirty targets have",
                                                       environment, environment));
    else if (rows->dirty > 0 || g_strcmp0(rows->last_state, "failed") == 0)
        g_ptr_array_add(
            status->hints,
            rows->last_good
                ? g_strdup_printf("next: roll back %s, or roll resume %s#%" G_GINT64_FORMAT,
                                  environment, environment, (gint64)rows->last_rollout)
                : g_strdup_printf("next: roll resume %s#%" G_GINT64_FORMAT, environment,
                                  (gint64)rows->last_rollout));
}

/* After a reconcile the environment waits for one, and another one is open beside it. */
static struct roll_error *add_open(struct status *status, const char *stream,
                                   const char *environment, const struct rows *rows, json_t *view)
{
    g_autoptr(GArray) numbers = NULL;
    json_t *open;

    if (!status->app->ledger || !rows->seen)
        return NULL;
    ROLL_TRY(roll_ledger_open_rollouts(status->app->ledger, stream, &numbers));
    if (numbers->len == 0)
        return NULL;
    open = json_array();
    json_object_set_new(view, "open", open);
    for (guint i = 0; i < numbers->len; i++) {
        int64_t number = g_array_index(numbers, int64_t, i);
        g_autofree char *name = g_strdup_printf("%s#%" PRId64, stream, number);
        json_array_append_new(open, json_string(name));
        if (number != rows->open_rollout)
            g_ptr_array_add(status->hints,
                            g_strdup_printf("%s is open, too, since two ledgers were reconciled; "
                                            "next: roll resume %s#%" PRId64 ", or roll cancel "
                                            "%s#%" PRId64,
                                            name, environment, number, environment, number));
    }
    return NULL;
}

static struct roll_error *add_standings(struct status *status, const char *stream,
                                        const struct rows *rows)
{
    if (!rows->mixed && rows->dirty == 0)
        return NULL;
    return roll_standings_add(status->app, stream, status->hints);
}

static struct roll_error *add_progress(struct status *status, const char *stream,
                                       const struct rows *rows, json_t *view)
{
    if (!rows->open_rollout || g_strcmp0(rows->last_state, "waiting") == 0)
        return NULL;
    return roll_standings_add_progress(status->app, stream, rows->open_rollout, status->hints,
                                       view);
}

static void say_ready(struct status *status, const char *stream, const json_t *rollback,
                      const char *name)
{
    g_autofree char *sentence = roll_ready_sentence(rollback, name);

    if (sentence)
        g_ptr_array_add(status->hints, g_strdup_printf("%s: %s", stream, sentence));
}

/* Targets may go back to different ones: each is told. */
static struct roll_error *add_readiness(struct status *status, const char *stream, const char *name,
                                        const GPtrArray *goals, json_t *view)
{
    json_t *rollback = json_object_get(view, "rollback"), *list = json_array(), *goal;
    size_t index;

    for (guint i = 0; i < goals->len; i++)
        json_array_append_new(list, json_pack("{s:s}", "version", goals->pdata[i]));
    if (goals->len > 0)
        json_object_set(rollback, "goals", list);
    struct roll_error *err = roll_ready_add(status->app, stream, view);
    json_array_foreach (list, index, goal)
        say_ready(status, stream, goal, name);
    say_ready(status, stream, rollback, name);
    json_decref(list);
    return err;
}

static void add_needed(struct status *status, const char *stream, const struct rows *rows,
                       json_t *view)
{
    g_autoptr(GPtrArray) names = roll_workspace_needed_by(status->app->workspace, stream);
    json_t *list = json_array();

    for (guint i = 0; i < names->len; i++)
        json_array_append_new(list, json_string(names->pdata[i]));
    if (names->len > 0) {
        g_autofree char *text = roll_view_join(list, ", ");
        if (rows->last_good)
            g_ptr_array_add(status->hints,
                            g_strdup_printf("%s is needed by %s: roll back %s --with-dependents "
                                            "takes that back first",
                                            stream, text, stream));
        json_object_set(view, "neededBy", list);
    }
    json_decref(list);
}

static struct roll_error *look(struct status *status, const struct roll_outline *outline)
{
    g_autofree char *stream = g_strdup_printf("%s/%s", outline->service, outline->environment);
    struct rows rows = {0};
    g_autoptr(GPtrArray) goals = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *goal = NULL;
    g_autofree char *name = roll_name_to_type(status->app->workspace, stream);
    struct roll_error *err = NULL;

    if (status->app->ledger)
        err = roll_ledger_environments(status->app->ledger, stream, take, &rows);
    const char *live[] = {rows.live ? rows.live : rows.last_good, NULL};
    if (!err && (rows.mixed || rows.dirty > 0))
        goal = roll_uneven_goal(status->app, stream, rows.clean + rows.dirty, goals);
    else if (!err)
        err = roll_back_goal(status->app, stream, live, &goal);
    if (!err && status->app->ledger)
        err = add_standings(status, stream, &rows);
    if (!err) {
        json_t *view = view_of(outline->service, outline->environment, &rows, goal);
        json_object_set_new(view, "unrestricted", json_boolean(!outline->has_lanes));
        json_array_append_new(status->list, view);
        err = add_progress(status, stream, &rows, view);
        add_hints(status, name, &rows, view);
        add_needed(status, stream, &rows, view);
        err = roll_error_join(err, add_open(status, stream, name, &rows, view));
        err = roll_error_join(err, add_readiness(status, stream, name, goals, view));
    }
    rows_clear(&rows);
    return err;
}

static bool is_wanted(const char *only, const struct roll_outline *outline)
{
    g_autofree char *stream = g_strdup_printf("%s/%s", outline->service, outline->environment);

    return !only || strcmp(only, stream) == 0 || strcmp(only, outline->environment) == 0;
}

static struct roll_error *look_if_wanted(void *user, const struct roll_outline *outline)
{
    struct status *status = user;

    return is_wanted(status->only, outline) ? look(status, outline) : NULL;
}

/* A name that is not there, or that two services have, is explained by the search that every other
 * command makes. */
static struct roll_error *look_all(struct status *status)
{
    struct roll_app *app = status->app;
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;

    ROLL_TRY(roll_workspace_outline(app->workspace, look_if_wanted, status));
    if (!status->only || json_array_size(status->list) == 1)
        return NULL;
    return roll_workspace_environment(app->workspace, status->only, &plan, &environment);
}

static void print_row(struct roll_table *table, const json_t *view)
{
    const json_t *targets = json_object_get(view, "targets");
    const json_t *hold = json_object_get(view, "hold");
    const char *state = roll_json_get_string(view, "state");
    const char *since = roll_json_get_string(view, "since");
    json_int_t dirty = json_integer_value(json_object_get(targets, "dirty"));
    int64_t since_ms = 0;
    struct roll_error *err = since ? roll_time_parse(since, &since_ms) : NULL;
    g_autoptr(GString) remarks = g_string_new(NULL);

    roll_error_free(err);
    if (json_is_true(json_object_get(view, "mixed")))
        g_string_append(remarks, "mixed  ");
    if (json_is_object(hold)) {
        const char *reason = roll_json_get_string(hold, "reason");
        g_string_append_printf(remarks, "hold%s%s  ", reason ? ": " : "",
                               reason                                       ? reason
                               : roll_json_get_string(hold, "by")[0] == 'b' ? " of a rollback"
                                                                            : "");
    }
    roll_table_cell_take(table, ROLL_PLAIN,
                         g_strdup_printf("%s/%s", roll_json_get_string(view, "service"),
                                         roll_json_get_string(view, "environment")));
    roll_table_cell(table, ROLL_BOLD, roll_json_get_string(view, "version"));
    roll_table_cell(table, roll_view_state_paint(state), state);
    roll_table_cell_take(table, ROLL_PLAIN,
                         since_ms ? roll_report_ago(since_ms, roll_now_ms()) : g_strdup("-"));
    roll_table_cell_take(
        table, dirty ? ROLL_BAD : ROLL_PLAIN,
        dirty ? g_strdup_printf("%" JSON_INTEGER_FORMAT " clean, %" JSON_INTEGER_FORMAT " dirty",
                                json_integer_value(json_object_get(targets, "clean")), dirty)
              : g_strdup_printf("%" JSON_INTEGER_FORMAT " clean",
                                json_integer_value(json_object_get(targets, "clean"))));
    roll_table_cell(table, ROLL_PLAIN,
                    roll_json_get_string(json_object_get(view, "rollback"), "version"));
    roll_table_cell(table, ROLL_WARN, remarks->len ? g_strchomp(remarks->str) : "");
    roll_table_row(table);
}

/* DESIGN section 12: without lanes anybody who has the credential may do anything there. */
static void say_unrestricted(const struct status *status)
{
    g_autoptr(GString) names = g_string_new(NULL);
    size_t index;
    json_t *view;

    json_array_foreach (status->list, index, view) {
        if (json_is_true(json_object_get(view, "unrestricted")))
            g_string_append_printf(names, "%s%s/%s", names->len ? ", " : "",
                                   roll_json_get_string(view, "service"),
                                   roll_json_get_string(view, "environment"));
    }
    if (names->len)
        roll_say(status->app, "no lanes: anybody with the credential may deploy to %s", names->str);
}

static void print(const struct status *status)
{
    static const char *const headings[] = {
        "ENVIRONMENT", "LIVE", "LAST ROLLOUT", "SINCE", "TARGETS", "ROLL BACK GOES TO", "", NULL};
    roll_auto(table) struct roll_table *table = roll_table_new(headings);
    size_t index;
    json_t *view;

    json_array_foreach (status->list, index, view)
        print_row(table, view);
    roll_table_print(table, &status->app->out);
    say_unrestricted(status);
    for (guint i = 0; i < status->hints->len; i++)
        roll_say(status->app, "%s", (const char *)g_ptr_array_index(status->hints, i));
}

/* What was recorded while the shared ledger was out of reach. */
static struct roll_error *add_pending(struct status *status)
{
    roll_auto(json) json_t *pending = NULL;
    size_t index, at;
    json_t *row, *view;

    ROLL_TRY(roll_app_pending(status->app, &pending));
    json_array_foreach (pending, index, row) {
        const char *stream = roll_json_get_string(row, "stream");
        json_int_t events = json_integer_value(json_object_get(row, "events"));
        g_ptr_array_add(status->hints,
                        g_strdup_printf("%s: %" JSON_INTEGER_FORMAT
                                        " event%s recorded %s wait for the shared ledger; next: "
                                        "roll ledger sync",
                                        stream, events, events == 1 ? "" : "s",
                                        json_object_get(row, "side") ? "aside" : "here"));
        json_array_foreach (status->list, at, view) {
            g_autofree char *name = g_strdup_printf("%s/%s", roll_json_get_string(view, "service"),
                                                    roll_json_get_string(view, "environment"));
            if (strcmp(name, stream) == 0)
                json_object_set_new(
                    view, "pending",
                    json_integer(events + json_integer_value(json_object_get(view, "pending"))));
        }
    }
    return NULL;
}

static json_t *time_or_null(int64_t at)
{
    char text[ROLL_TIME_SIZE];

    if (!at)
        return json_null();
    roll_time_format(at, text);
    return json_string(text);
}

/* How old the replica is; the store is not asked. */
static void say_age(struct status *status, const struct roll_store_known *known, bool knows)
{
    g_autofree char *pulled = roll_report_ago(known->pulled_at, roll_now_ms());
    g_autofree char *tried = roll_report_ago(known->tried_at, roll_now_ms());
    g_autoptr(GString) text = g_string_new(NULL);

    if (!knows && !known->pulled_at)
        g_string_append(text, "this machine does not know yet what was deployed: it never pulled "
                              "the whole shared ledger");
    else if (!known->pulled_at)
        g_string_append(text,
                        "the shared ledger was never pulled: what is shown is this machine's");
    else
        g_string_append_printf(text, "as of the shared ledger %s", pulled);
    if (known->trouble)
        g_string_append_printf(text, "; out of reach %s: %s", tried, known->trouble);
    if (!known->pulled_at || known->trouble)
        g_string_append(text, "; next: roll ledger sync");
    g_ptr_array_add(status->hints, g_string_free(g_steal_pointer(&text), FALSE));
}

static void view_age(const struct status *status, const struct roll_store_known *known)
{
    size_t index;
    json_t *view;

    json_array_foreach (status->list, index, view)
        json_object_set_new(view, "shared",
                            json_pack("{s:o,s:o,s:b,s:s?}", "asOf", time_or_null(known->pulled_at),
                                      "askedAt", time_or_null(known->tried_at), "reached",
                                      known->tried_at && !known->trouble, "trouble",
                                      known->trouble));
}

static struct roll_error *add_age(struct status *status)
{
    struct roll_app *app = status->app;
    struct roll_store_known known = {0};
    bool knows = false;

    if (!app->store)
        ROLL_TRY(roll_workspace_store(app->workspace, &app->store));
    if (!app->store)
        return NULL;
    ROLL_TRY(roll_sync_knows(app->ledger, &knows));
    if (app->ledger)
        ROLL_TRY(roll_ledger_store_known(app->ledger, &known));
    say_age(status, &known, knows);
    view_age(status, &known);
    roll_store_known_clear(&known);
    return NULL;
}

struct owing {
    struct status *status;
    json_t *list;
};

static struct roll_error *see_debt(void *user, const struct roll_debt_row *row)
{
    struct owing *owing = user;
    bool overdue = row->due < roll_now_ms();
    char due[ROLL_TIME_SIZE];

    if (row->closed_at)
        return NULL;
    roll_time_format(row->due, due);
    json_array_append_new(owing->list,
                          json_pack("{s:I,s:s,s:s?,s:s,s:b}", "rollout", (json_int_t)row->rollout,
                                    "debt", row->debt, "owner", row->owner, "due", due, "overdue",
                                    overdue));
    g_autofree char *typed = roll_name_to_type(owing->status->app->workspace, row->stream);
    g_autofree char *name = g_strdup_printf("%s#%" PRId64, typed, row->rollout);
    g_autofree char *next = roll_debt_next(name, row->debt);
    g_ptr_array_add(owing->status->hints,
                    g_strdup_printf("owes %s of %s#%" PRId64 " (%s), %s %s; next: %s", row->debt,
                                    row->stream, row->rollout,
                                    row->owner ? row->owner : "nobody known",
                                    overdue ? "overdue since" : "until", due, next));
    return NULL;
}

static struct roll_error *add_debts(struct status *status)
{
    size_t index;
    json_t *view;

    json_array_foreach (status->list, index, view) {
        g_autofree char *name = g_strdup_printf("%s/%s", roll_json_get_string(view, "service"),
                                                roll_json_get_string(view, "environment"));
        struct owing owing = {status, NULL};
        if (json_integer_value(json_object_get(view, "debts")) == 0)
            continue;
        owing.list = json_array();
        json_object_set_new(view, "owes", owing.list);
        ROLL_TRY(roll_ledger_debts(status->app->ledger, name, see_debt, &owing));
    }
    return NULL;
}

static struct roll_error *add_drift(struct status *status)
{
    size_t index, at;
    json_t *view, *finding;

    json_array_foreach (status->list, index, view) {
        g_autofree char *name = g_strdup_printf("%s/%s", roll_json_get_string(view, "service"),
                                                roll_json_get_string(view, "environment"));
        roll_auto(json) json_t *found = NULL;
        ROLL_TRY(roll_view_drift(status->app, name, &found));
        if (json_array_size(found) == 0)
            continue;
        json_object_set(view, "drift", found);
        json_array_foreach (found, at, finding)
            g_ptr_array_add(status->hints,
                            g_strdup_printf("%s %s has drifted: %s since %s; next: roll drift %s",
                                            name, roll_json_get_string(finding, "target"),
                                            roll_json_get_string(finding, "summary"),
                                            roll_json_get_string(finding, "since"), name));
    }
    return NULL;
}

struct roll_error *roll_view_status(struct roll_app *app, const char *only, json_t *list)
{
    g_autoptr(GPtrArray) hints = g_ptr_array_new_with_free_func(g_free);
    struct status status = {app, only, list, hints};

    ROLL_TRY(look_all(&status));
    ROLL_TRY(add_debts(&status));
    ROLL_TRY(add_drift(&status));
    return add_pending(&status);
}

static struct roll_error *run(struct roll_app *app, void *context, char **arguments)
{
    roll_auto(json) json_t *list = json_array();
    g_autoptr(GPtrArray) hints = g_ptr_array_new_with_free_func(g_free);
    struct status status = {app, arguments[0], list, hints};

    (void)context;
    ROLL_TRY(look_all(&status));
    ROLL_TRY(add_debts(&status));
    ROLL_TRY(add_drift(&status));
    ROLL_TRY(add_pending(&status));
    ROLL_TRY(add_age(&status));
    if (app->json)
        roll_report_json(&app->out, list);
    else
        print(&status);
    return NULL;
}

const struct roll_command roll_cmd_status = {
    .name = "status",
    .arguments = "[ENV]",
    .summary = "what is live where",
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run,
};
