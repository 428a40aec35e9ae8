/* roll status: what to type next, for what waits, runs, failed, or is open beside another one. */
#include "status.h"

#include <inttypes.h>

#include "rollbook/calendar.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"

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

/* Does a back have anything to do? Not where nothing is left to go back to, nor, where all targets
 * have what is live, after a rollout that ARM refused. */
static bool goes_back(const json_t *view, const struct rows *rows)
{
    const char *goal = roll_json_get_string(json_object_get(view, "rollback"), "version");

    return goal && (rows->dirty > 0 || rows->mixed ||
                    g_strcmp0(goal, roll_json_get_string(view, "version")) != 0);
}

/* What was superseded leaves nothing to resume; then only another rollout helps. */
static void add_mending(struct status *status, const char *stream, const char *environment,
                        const struct rows *rows, const json_t *view)
{
    bool back = rows->last_good && goes_back(view, rows);
    g_autofree char *resume = NULL;
    int64_t number = 0;
    struct roll_error *err =
        roll_resumable(status->app->ledger, stream, rows->last_rollout, &number);

    if (err) /* what is named then says itself when it has nothing to resume */
        number = rows->last_rollout;
    roll_error_free(err);
    if (number)
        resume = g_strdup_printf("roll resume %s#%" PRId64, environment, number);
    else
        resume = g_strdup_printf("roll out %s", environment);
    g_ptr_array_add(status->hints,
                    back ? g_strdup_printf("next: roll back %s, or %s", environment, resume)
                         : g_strdup_printf("next: %s", resume));
}

void roll_status_add_next(struct status *status, const char *environment, const struct rows *rows,
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
        add_mending(status, stream, environment, rows, view);
}

/* Said by a driver on another replica that had not heard of its end. */
static struct roll_error *hint_at_unsettled(struct status *status, const char *stream,
                                            const char *environment)
{
    g_autoptr(GArray) numbers = NULL;

    ROLL_TRY(roll_ledger_unsettled(status->app->ledger, stream, &numbers));
    for (guint i = 0; i < numbers->len; i++) {
        int64_t number = g_array_index(numbers, int64_t, i);
        g_ptr_array_add(status->hints,
                        g_strdup_printf("%s#%" PRId64 " has ended, but what became of something "
                                        "that it sent is not known; next: roll resume %s#%" PRId64,
                                        stream, number, environment, number));
    }
    return NULL;
}

struct roll_error *roll_status_add_open(struct status *status, const char *stream,
                                        const char *environment, const struct rows *rows,
                                        json_t *view)
{
    g_autoptr(GArray) numbers = NULL;
    json_t *open;

    if (!status->app->ledger || !rows->seen)
        return NULL;
    ROLL_TRY(hint_at_unsettled(status, stream, environment));
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
