/* Who made the differences of a target: the activity log's acts, each with what surrounds it. Where
 * several may have, all of them are named; where none is, why. */
#include "watch/log.h"

#include <string.h>

#include "rollbook/time.h"

#define CANDIDATES_MAX 5

/* ---- what the rollout itself did ------------------------------------------------------------ */

/* What was adopted has the correlation id that ARM told then. */
static void know_adopted(const struct roll_drift_options *options, const struct watch_live *live,
                         GHashTable *own)
{
    json_t *details = NULL;
    const char *correlation;

    if (*live->result)
        roll_error_free(roll_ledger_object_json(options->ledger, live->result, &details));
    correlation = roll_json_get_string(details, "correlationId");
    if (correlation)
        g_hash_table_add(own, g_strdup(correlation));
    json_decref(details);
}

/* Of its deployment's attempts and of the actions behind it. */
static void know_own(const struct roll_drift_options *options, const struct watch_live *live,
                     GHashTable *own)
{
    know_adopted(options, live, own);
    for (int64_t step = 0; step <= (int64_t)live->target->steps->len; step++)
        for (int64_t attempt = 1; attempt <= MAX(live->attempt, 1); attempt++) {
            char correlation[ROLL_UUID_SIZE];
            g_free(roll_step_name(options->plan->service, options->environment->name,
                                  live->request_hash, live->target->name, step, attempt,
                                  correlation));
            g_hash_table_add(own, g_strdup(correlation));
        }
}

/* ---- one difference ------------------------------------------------------------------------- */

struct search {
    struct watch_log *log;
    GHashTable *own;
    int64_t began, until, now;
};

static int64_t time_in(const json_t *difference, const char *name)
{
    const char *text = roll_json_get_string(difference, name);
    int64_t at = 0;

    if (text)
        roll_error_free(roll_time_parse(text, &at));
    return at;
}

/* Between the look that did not find it and the first that did. A look whose time lies behind that
 * of this one was taken by a clock that was wrong. */
static struct watch_span span_of(const struct search *search, const json_t *difference)
{
    int64_t clean = time_in(difference, "cleanAt"), found = time_in(difference, "foundAt");
    int64_t until = found && found < search->until ? found : search->until;

    return (struct watch_span){clean && clean <= until ? clean - WATCH_BEFORE_MS
                                                       : search->began - WATCH_CLOCK_MS,
                               until + WATCH_BEHIND_MS};
}

static bool is_same_hand(const json_t *a, const json_t *b)
{
    static const char *const members[] = {"who", "tool", "deployment", "client", NULL};

    for (int i = 0; members[i]; i++)
        if (g_strcmp0(roll_json_get_string(a, members[i]), roll_json_get_string(b, members[i])) !=
            0)
            return false;
    return true;
}

/* The newest of what one hand did with one tool stands for the others. */
static void add_hand(json_t *hands, json_t *hand_take)
{
    size_t index;
    json_t *known;

    json_array_foreach (hands, index, known)
        if (is_same_hand(known, hand_take)) {
            json_decref(hand_take);
            return;
        }
    json_array_append_new(hands, hand_take);
}

static struct roll_error *hands_of(struct search *search, const json_t *causes, const json_t *near,
                                   json_t *hands, const char **gap)
{
    size_t index;
    json_t *event;

    json_array_foreach ((json_t *)(uintptr_t)causes, index, event) {
        roll_auto(json) json_t *together = NULL;
        const char *less = NULL;
        if (index >= CANDIDATES_MAX)
            return NULL;
        ROLL_TRY(watch_log_act(search->log, event, near, &together, &less));
        add_hand(hands, watch_who(event, together));
        *gap = *gap ? *gap : less;
    }
    return NULL;
}

static void leave_open(json_t *difference, const char *why)
{
    json_object_set_new(difference, "why", json_string(why));
    json_object_set_new(difference, "open", json_true());
}

static void say_nobody(const struct search *search, json_t *difference, const json_t *near,
                       const char *gap)
{
    int64_t found = time_in(difference, "foundAt");
    bool late = search->now < (found ? found : search->until) + WATCH_LATE_MS;
    const char *resource = roll_json_get_string(difference, "resource");

    if (json_object_get(difference, "by")) /* an earlier look knew it */
        return;
    if (gap)
        leave_open(difference, gap);
    else if (late)
        leave_open(difference,
                   "nobody that the activity log names so far; it may be 20 minutes late");
    else
        json_object_set_new(difference, "why",
                            json_string(watch_has_own_write(near, resource, search->own)
                                            ? "the activity log has nobody's write since the "
                                              "rollout's own"
                                            : "nobody that the activity log names"));
}

static struct roll_error *explain(struct search *search, json_t *difference)
{
    const char *resource = roll_json_get_string(difference, "resource");
    const struct watch_span span = span_of(search, difference);
    roll_auto(json) json_t *causes = NULL, *hands = json_array();
    const json_t *near = NULL;
    const char *gap = NULL;

    ROLL_TRY(watch_log_near(search->log, resource, &near, &gap));
    causes = watch_causes(near, difference, &span, search->own);
    if (json_array_size(causes) == 0) {
        say_nobody(search, difference, near, gap);
        return NULL;
    }
    ROLL_TRY(hands_of(search, causes, near, hands, &gap));
    json_object_del(difference, "by");
    if (json_array_size(hands) == 1)
        json_object_set(difference, "by", json_array_get(hands, 0));
    else
        json_object_set(difference, "candidates", hands);
    if (gap)
        leave_open(difference, gap);
    return NULL;
}

/* ---- those of one target -------------------------------------------------------------------- */

struct roll_error *watch_attribute(const struct roll_drift_options *options,
                                   const struct watch_live *live, int64_t until_ms,
                                   json_t *differences, char **ret_unread)
{
    g_autoptr(GHashTable) own = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    roll_auto(watch_log) struct watch_log *log = NULL;
    int64_t now = roll_now_ms(), began = live->began ? live->began : live->since;
    struct search search = {
        .own = own, .began = began, .until = until_ms ? until_ms : now, .now = now};
    size_t index;
    json_t *difference;

    *ret_unread = NULL;
    ROLL_TRY(watch_log_new(options, live, began - WATCH_CLOCK_MS,
                           until_ms ? until_ms + WATCH_BEHIND_MS : 0, &log));
    search.log = log;
    know_own(options, live, own);
    json_array_foreach (differences, index, difference)
        ROLL_TRY(explain(&search, difference));
    *ret_unread = g_strdup(watch_log_unread(log));
    return NULL;
}

bool watch_is_others(const json_t *difference)
{
    return json_object_get(difference, "by") || json_object_get(difference, "candidates");
}

bool watch_is_settled(const json_t *difference)
{
    return !watch_is_others(difference) && !json_object_get(difference, "open");
}
