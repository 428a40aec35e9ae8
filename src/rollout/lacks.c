/* What a rollout that waits still lacks (DESIGN section 7): told from what was recorded with its
 * request, the ledger as it is now, and the time. The driver asks before it starts one; status and
 * show say it to people. */
#include <inttypes.h>
#include <string.h>

#include "driver.h"
#include "rollbook/calendar.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"

struct lacks {
    struct roll_ledger *ledger;
    const char *workspace; /* or NULL */
    const char *stream;
    bool committed; /* today's plan has to be */
    json_t *timing; /* of today's plan, or NULL; owned by the caller */
    const struct roll_event *request;
    const struct roll_rollout_requested *body;
    GPtrArray *texts; /* owned texts */
    int64_t again_ms, expires_at;
    bool approval, hold, dead; /* as in struct roll_lacks */
    guint parts;
};

static void add(struct lacks *lacks, char *text_take)
{
    g_ptr_array_add(lacks->texts, text_take);
}

static bool overrides(const struct lacks *lacks, const char *kind)
{
    size_t index;
    json_t *override;

    json_array_foreach (lacks->body->overrides, index, override)
        if (g_strcmp0(roll_json_get_string(override, "kind"), kind) == 0)
            return true;
    return false;
}

static struct roll_error *check_approvals(struct lacks *lacks)
{
    roll_auto(approved) struct roll_approved *approved = NULL;
    g_autofree char *missing = NULL;

    if (json_array_size(json_object_get(lacks->body->gates, "approvals")) == 0)
        return NULL;
    ROLL_TRY(roll_approved_load(lacks->ledger, lacks->stream, lacks->request->seq, &approved));
    ROLL_TRY(roll_approvals_missing(lacks->ledger, approved, 0, &missing));
    lacks->approval = missing != NULL;
    if (missing)
        add(lacks, g_strdup_printf("approval of %s", missing));
    return NULL;
}

/* Today's rules, where they are known. */
static const json_t *timing_of(const struct lacks *lacks)
{
    return lacks->timing ? lacks->timing : json_object_get(lacks->body->gates, "timing");
}

static struct roll_error *check_timing(struct lacks *lacks)
{
    struct roll_timing timing = {0};
    g_autofree char *slip = NULL;

    ROLL_TRY(roll_today_timing(lacks->ledger, lacks->workspace, lacks->stream, lacks->body,
                               &lacks->timing, lacks->committed ? &slip : NULL));
    if (slip)
        add(lacks, g_strdup_printf("today's plan to be reviewed: %s", slip));
    ROLL_TRY(roll_timing_at(timing_of(lacks), roll_now_ms(), &timing));
    if (!timing.open) {
        add(lacks, g_strdup_printf("its window: %s", timing.why));
        if (timing.until != ROLL_NEVER)
            lacks->again_ms = MAX(timing.until - roll_now_ms(), 0);
    }
    roll_timing_clear(&timing);
    return NULL;
}

static struct roll_error *see_hold(void *user, const struct roll_environment_row *row)
{
    struct lacks *lacks = user;

    lacks->hold = row->hold_by_person && strcmp(lacks->body->lane, "release") == 0 &&
                  !overrides(lacks, "hold");
    if (lacks->hold)
        add(lacks, g_strdup_printf("the hold to end%s%s", row->hold_reason ? ": " : "",
                                   row->hold_reason ? row->hold_reason : ""));
    return NULL;
}

static struct roll_error *see_data(void *user, const struct roll_release_row *row)
{
    *(int64_t *)user = row->data_version;
    return NULL;
}

static struct roll_error *see_floor(void *user, const struct roll_target_row *row)
{
    *(int64_t *)user = row->floor;
    return NULL;
}

/* Its release was marked bad, or a floor passed it by, since it was asked for. */
static struct roll_error *check_target(struct lacks *lacks, const char *service,
                                       const struct roll_order_target *target)
{
    const char *where = NULL;
    int64_t data = 0, floor = 0;

    ROLL_TRY(roll_ledger_bad(lacks->ledger, lacks->stream, target->release, &where));
    if (where && !overrides(lacks, "quarantine")) {
        lacks->dead = true;
        add(lacks,
            g_strdup_printf("%s, which is marked bad (roll cancel ends this)", target->release));
        return NULL;
    }
    ROLL_TRY(roll_ledger_release(lacks->ledger, service, target->release, see_data, &data));
    ROLL_TRY(roll_ledger_targets(lacks->ledger, lacks->stream, target->name, see_floor, &floor));
    lacks->dead = data < floor;
    if (lacks->dead)
        add(lacks,
            g_strdup_printf("%s, which is below the data floor of %s (roll cancel ends this)",
                            target->release, target->name));
    return NULL;
}

/* One word on it is enough: a fleet's targets would all say the same. */
static struct roll_error *check_targets(struct lacks *lacks, const struct roll_order *order)
{
    g_autofree char *service = g_strndup(lacks->stream, strcspn(lacks->stream, "/"));
    guint before = lacks->texts->len;

    for (guint i = 0; i < order->targets->len && lacks->texts->len == before; i++)
        ROLL_TRY(check_target(lacks, service, g_ptr_array_index(order->targets, i)));
    return NULL;
}

/* What needs it goes back before it. */
static struct roll_error *check_parts(struct lacks *lacks)
{
    roll_auto(json) json_t *parts = NULL;
    size_t index;
    json_t *part;

    if (lacks->body->with)
        ROLL_TRY(roll_rollout_parts(lacks->ledger, lacks->stream, lacks->request->seq, &parts));
    json_array_foreach (parts, index, part) {
        const char *rollout = roll_json_get_string(part, "rollout");
        if (json_is_true(json_object_get(part, "done")))
            continue;
        add(lacks, g_strdup_printf("its part %s (%s)",
                                   rollout ? rollout : roll_json_get_string(part, "environment"),
                                   rollout ? roll_json_get_string(part, "state") : "not begun"));
        lacks->parts++;
    }
    return NULL;
}

static struct roll_error *check(struct lacks *lacks, const struct roll_order *order)
{
    ROLL_TRY(check_approvals(lacks));
    ROLL_TRY(roll_ledger_environments(lacks->ledger, lacks->stream, see_hold, lacks));
    ROLL_TRY(check_timing(lacks));
    ROLL_TRY(check_targets(lacks, order));
    return check_parts(lacks);
}

static struct roll_error *find(struct lacks *lacks, int64_t rollout,
                               struct roll_event **ret_request)
{
    ROLL_TRY(roll_ledger_event(lacks->ledger, lacks->stream, rollout, ret_request));
    lacks->request = *ret_request;
    lacks->body = roll_event_body(*ret_request, rollout_requested);
    return lacks->body ? NULL
                       : roll_error_new(ROLL_E_NOT_FOUND, "'%s#%" PRId64 "' is not a request",
                                        lacks->stream, rollout);
}

/* ---- for the driver ------------------------------------------------------------------------- */

struct roll_error *roll_driver_lacks(struct roll_driver *driver, int64_t rollout, GPtrArray *texts,
                                     int64_t *ret_again_ms, json_t **ret_timing)
{
    struct lacks lacks = {.ledger = driver->options->ledger,
                          .workspace = driver->options->workspace,
                          .committed = true,
                          .stream = driver->stream,
                          .texts = texts,
                          .again_ms = -1};
    roll_auto(event) struct roll_event *request = NULL;
    struct roll_error *err = find(&lacks, rollout, &request);

    if (!err)
        err = check(&lacks, driver->order);
    *ret_again_ms = lacks.again_ms;
    *ret_timing = lacks.timing;
    return err;
}

struct roll_error *roll_driver_govern(struct roll_driver *driver, int64_t rollout)
{
    struct lacks lacks = {.ledger = driver->options->ledger, .stream = driver->stream};
    roll_auto(event) struct roll_event *request = NULL;
    roll_auto(json) json_t *timing = NULL;
    g_autofree char *slip = NULL;
    struct roll_error *err;

    ROLL_TRY(find(&lacks, rollout, &request));
    err = roll_today_timing(driver->options->ledger, driver->options->workspace, driver->stream,
                            lacks.body, &timing, &slip);
    if (err || slip)
        roll_driver_notice_once(driver, g_strdup_printf("windows and freezes of then count: %s",
                                                        err ? err->message : slip));
    else if (timing)
        roll_machine_govern(driver->machine, timing);
    roll_error_free(err);
    return NULL;
}

/* ---- for people ----------------------------------------------------------------------------- */

struct verdicts {
    int64_t rollout;
    GHashTable *of; /* gate -> verdict, owned */
};

static struct roll_error *see_verdict(void *user, const struct roll_event *event)
{
    const struct verdicts *verdicts = user;
    const struct roll_gate_evaluated *body = roll_event_body(event, gate_evaluated);

    if (body && body->rollout == verdicts->rollout)
        g_hash_table_replace(verdicts->of, g_strdup(body->gate), g_strdup(body->verdict));
    return NULL;
}

static struct roll_error *check_gates(struct lacks *lacks)
{
    g_autoptr(GHashTable) of = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    struct verdicts verdicts = {lacks->request->seq, of};
    const json_t *before = json_object_get(lacks->body->gates, "before");
    size_t index;
    json_t *gate;

    if (json_array_size(before) == 0)
        return NULL;
    ROLL_TRY(roll_ledger_events(lacks->ledger, lacks->stream, lacks->request->seq, see_verdict,
                                &verdicts));
    json_array_foreach (before, index, gate) {
        const char *verdict = g_hash_table_lookup(of, json_string_value(gate));
        if (g_strcmp0(verdict, "passed") != 0)
            add(lacks, g_strdup_printf("gate '%s'", json_string_value(gate)));
    }
    return NULL;
}

/* The first instant at which both its time has come and a window is open; 0: now. */
static struct roll_error *find_start(const struct lacks *lacks, int64_t *ret_at)
{
    int64_t now = roll_now_ms(), at = MAX(lacks->body->not_before, now);
    struct roll_timing timing = {0};

    ROLL_TRY(roll_timing_at(timing_of(lacks), at, &timing));
    if (!timing.open)
        at = timing.until;
    *ret_at = at > now ? at : 0;
    roll_timing_clear(&timing);
    return NULL;
}

static void check_time(struct lacks *lacks)
{
    char time[ROLL_TIME_SIZE];

    if (lacks->body->not_before <= roll_now_ms())
        return;
    roll_time_format(lacks->body->not_before, time);
    add(lacks, g_strdup_printf("its time, %s", time));
}

static struct roll_error *look(struct lacks *lacks, int64_t rollout, int64_t *ret_starts_at)
{
    roll_auto(event) struct roll_event *request = NULL;
    roll_auto(order) struct roll_order *order = NULL;

    ROLL_TRY(find(lacks, rollout, &request));
    lacks->expires_at = lacks->body->expires;
    check_time(lacks);
    ROLL_TRY(check_gates(lacks));
    ROLL_TRY(roll_order_load(lacks->ledger, lacks->body->order, &order));
    ROLL_TRY(check(lacks, order));
    return find_start(lacks, ret_starts_at);
}

struct roll_error *roll_rollout_lacks(struct roll_ledger *ledger, const char *workspace,
                                      const char *stream, int64_t rollout,
                                      struct roll_lacks *ret_lacks)
{
    struct lacks lacks = {.ledger = ledger,
                          .workspace = workspace,
                          .stream = stream,
                          .texts = g_ptr_array_new_with_free_func(g_free)};
    int64_t starts_at = 0;
    struct roll_error *err = look(&lacks, rollout, &starts_at);

    *ret_lacks = (struct roll_lacks){.texts = lacks.texts,
                                     .approval = lacks.approval,
                                     .hold = lacks.hold,
                                     .dead = lacks.dead,
                                     .parts = lacks.parts,
                                     .expires_at = lacks.expires_at,
                                     .starts_at = starts_at};
    json_decref(lacks.timing);
    return err;
}

void roll_lacks_clear(struct roll_lacks *lacks)
{
    if (lacks->texts)
        g_ptr_array_unref(lacks->texts);
    *lacks = (struct roll_lacks){0};
}
