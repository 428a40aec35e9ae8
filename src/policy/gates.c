/* What a request has to wait for, and what it owes (DESIGN section 7). */
#include <inttypes.h>
#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"

struct request {
    const struct roll_plan *plan;
    const struct roll_plan_environment *environment;
    const struct roll_plan_lane *rules;
    enum roll_lane lane;
    const struct roll_requester *requester;
    const json_t *overrides;
    json_t *gates;
};

static bool is_passed_by(const struct request *request, const char *kind, const char *name)
{
    size_t index;
    json_t *override;

    json_array_foreach (request->overrides, index, override) {
        const char *given = roll_json_get_string(override, "name");
        if (g_strcmp0(roll_json_get_string(override, "kind"), kind) == 0 &&
            (!given || g_strcmp0(given, name) == 0))
            return true;
    }
    return false;
}

/* ---- debts ---------------------------------------------------------------------------------- */

/* In the sandbox nobody is proved. */
static char *owner_of(const struct roll_requester *requester)
{
    const struct roll_actor *actor = requester->actor;
    const char *name = requester->sandbox || !actor->proved ? actor->claimed : actor->proved;

    return name ? g_strndup(name, strcspn(name, " ")) : g_strdup("nobody known");
}

static void owe(struct request *request, const char *kind, const char *name, const char *reason)
{
    g_autofree char *debt = name ? g_strdup_printf("%s:%s", kind, name) : g_strdup(kind);
    g_autofree char *owner = owner_of(request->requester);
    json_t *debts = json_object_get(request->gates, "debts");
    json_int_t due = request->requester->at_ms + request->rules->due_ms;

    if (!debts) {
        debts = json_array();
        json_object_set_new(request->gates, "debts", debts);
    }
    json_array_append_new(debts, json_pack("{s:s,s:s,s:I,s:s*}", "debt", debt, "owner", owner,
                                           "due", due, "reason", reason));
}

/* The others are waited for, or passed by as a whole; what they owe is said where they are. */
static void owe_override(struct request *request, const json_t *override)
{
    const char *kind = roll_json_get_string(override, "kind");
    const char *name = roll_json_get_string(override, "name");
    const char *reason = roll_json_get_string(override, "reason");

    if (!kind || strcmp(kind, "gate") == 0)
        return;
    g_autofree char *whole = name ? g_strdup_printf("%s:%s", kind, name) : g_strdup(kind);
    if (strcmp(kind, "approval") == 0 || strcmp(kind, "membership-unknown") == 0)
        owe(request, kind, NULL, reason);
    else
        owe(request, "override", whole, reason);
}

/* ---- gates ---------------------------------------------------------------------------------- */

static void append_name(json_t *gates, const char *list, const char *name)
{
    json_t *names = json_object_get(gates, list);

    if (!names) {
        names = json_array();
        json_object_set_new(gates, list, names);
    }
    json_array_append_new(names, json_string(name));
}

static bool is_after(const struct roll_plan *plan, const char *name)
{
    const json_t *gate = json_object_get(json_object_get(plan->value, "gates"), name);

    return g_strcmp0(roll_json_get_string(gate, "when"), "after") == 0;
}

static void add_gates(struct request *request)
{
    for (char **name = request->rules->gates; name && *name; name++) {
        if (is_passed_by(request, roll_gate_name(ROLL_GATE_CHECK), *name))
            owe(request, "gate", *name, request->requester->reason);
        else
            append_name(request->gates, is_after(request->plan, *name) ? "after" : "before", *name);
    }
    for (char **name = request->rules->deferred; name && *name; name++)
        if (!request->rules->gates ||
            !g_strv_contains((const char *const *)request->rules->gates, *name))
            owe(request, "gate", *name, "deferred");
}

static void add_approvals(struct request *request)
{
    bool passed = is_passed_by(request, roll_gate_name(ROLL_GATE_APPROVAL), NULL);

    if (json_array_size(request->rules->approvals) > 0)
        json_object_set(request->gates, passed ? "owed" : "approvals", request->rules->approvals);
}

static GPtrArray *words_of(const json_t *overrides)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    size_t index;
    json_t *override;

    json_array_foreach (overrides, index, override) {
        const char *kind = roll_json_get_string(override, "kind");
        const char *name = roll_json_get_string(override, "name");
        if (kind)
            g_ptr_array_add(words, name ? g_strdup_printf("%s:%s", kind, name) : g_strdup(kind));
    }
    g_ptr_array_add(words, NULL);
    return words;
}

/* The rules are recorded also while they are open: a rollout may outlast its window. */
static void add_timing(struct request *request)
{
    g_autoptr(GPtrArray) words = words_of(request->overrides);
    json_t *rules =
        roll_policy_timing(request->environment, request->lane, (const char *const *)words->pdata);
    struct roll_timing timing = {0};
    struct roll_error *err;

    if (!rules)
        return;
    json_object_set_new(request->gates, "timing", rules);
    err = roll_timing_at(rules, request->requester->at_ms, &timing);
    if (err || !timing.open)
        json_object_set_new(request->gates, "wait", json_true());
    if (!err)
        roll_timing_clear(&timing);
    roll_error_free(err); /* it is not passed: whoever starts it says so */
}

json_t *roll_policy_gates(const struct roll_plan *plan,
                          const struct roll_plan_environment *environment, enum roll_lane lane,
                          const struct roll_requester *requester, const json_t *overrides,
                          int64_t *ret_expires)
{
    struct request request = {plan,      environment,  &environment->lanes[lane], lane, requester,
                              overrides, json_object()};
    size_t index;
    json_t *override;

    add_approvals(&request);
    add_gates(&request);
    add_timing(&request);
    json_array_foreach (overrides, index, override)
        owe_override(&request, override);
    if (lane == ROLL_LANE_HOTFIX)
        owe(&request, "hotfix", NULL, NULL);
    *ret_expires = 0;
    if (json_object_get(request.gates, "approvals") || json_object_get(request.gates, "before") ||
        json_object_get(request.gates, "wait"))
        *ret_expires = requester->at_ms + request.rules->expires_ms;
    if (json_object_size(request.gates) > 0)
        return request.gates;
    json_decref(request.gates);
    return NULL;
}

/* ---- gates after the deployment ------------------------------------------------------------- */

static int64_t timeout_of(const json_t *gate)
{
    enum { DEFAULT_MS = 300000 };
    const char *text = roll_json_get_string(gate, "timeout");
    int64_t ms = DEFAULT_MS;

    if (text)
        roll_error_free(roll_duration_parse(text, &ms));
    return ms;
}

static char **argv_of(const json_t *command)
{
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
    size_t index;
    json_t *word;

    json_array_foreach (command, index, word)
        g_strv_builder_add(argv, json_string_value(word));
    return g_strv_builder_end(argv);
}

void roll_policy_gates_after(const struct roll_plan *plan, const json_t *gates, GPtrArray *health)
{
    size_t index;
    json_t *name;

    json_array_foreach (json_object_get(gates, "after"), index, name) {
        const json_t *gate =
            json_object_get(json_object_get(plan->value, "gates"), json_string_value(name));
        struct roll_plan_health *check = g_new0(struct roll_plan_health, 1);
        const json_t *command = json_object_get(gate, "command");

        check->kind = command ? ROLL_HEALTH_COMMAND : ROLL_HEALTH_HTTP;
        check->command = command ? argv_of(command) : NULL;
        check->url = g_strdup(roll_json_get_string(gate, "http"));
        check->expect = (int)json_integer_value(json_object_get(gate, "expect"));
        check->expect = check->expect ? check->expect : 200;
        check->within_ms = timeout_of(gate);
        check->every_ms = 5000;
        g_ptr_array_add(health, check);
    }
}

/* ---- overdue debts -------------------------------------------------------------------------- */

enum { NEXT_MAX = 8 };

struct overdue {
    int64_t at_ms;
    const json_t *contains;
    GString *text;
    json_t *next; /* what closes each of them, to be typed */
};

/* The release that contains the fix must not wait for itself. */
static bool is_paid(const struct overdue *overdue, const struct roll_debt_row *row)
{
    size_t index;
    json_t *rollout;

    json_array_foreach (overdue->contains, index, rollout)
        if (json_integer_value(rollout) == row->rollout && strcmp(row->debt, "hotfix") == 0)
            return true;
    return false;
}

static struct roll_error *see_debt(void *user, const struct roll_debt_row *row)
{
    struct overdue *overdue = user;
    char due[ROLL_TIME_SIZE];
    g_autofree char *rollout =
        g_strdup_printf("%s#%" PRId64, strchr(row->stream, '/') + 1, row->rollout);
    g_autofree char *next = roll_debt_next(rollout, row->debt);

    if (row->closed_at || row->due >= overdue->at_ms || is_paid(overdue, row))
        return NULL;
    roll_time_format(row->due, due);
    g_string_append_printf(overdue->text, "%s%s of %s#%" PRId64 " (due %.10s, %s)",
                           overdue->text->len ? "; " : "", row->debt, row->stream, row->rollout,
                           due, row->owner ? row->owner : "nobody known");
    if (json_array_size(overdue->next) < NEXT_MAX)
        json_array_append_new(overdue->next, json_string(next));
    return NULL;
}

static struct roll_error *refuse_overdue(const struct overdue *overdue, const char *stream,
                                         bool may)
{
    roll_auto(json) json_t *detail = NULL;

    if (may)
        json_array_append_new(overdue->next,
                              json_string("repeat it with --override overdue --reason TEXT"));
    detail = json_pack("{s:O}", "next", overdue->next);
    g_autoptr(GString) text = g_string_new(NULL);
    roll_json_write(detail, text);
    return roll_error_detail(
        roll_error_new(ROLL_E_REFUSED, "'%s' has overdue debts: %s", stream, overdue->text->str),
        text->str);
}

struct roll_error *roll_policy_check_overdue(struct roll_ledger *ledger,
                                             const struct roll_plan_environment *environment,
                                             const char *stream, enum roll_lane lane,
                                             const struct roll_requester *requester,
                                             const json_t *gates, json_t *overrides)
{
    const char *kind = roll_gate_name(ROLL_GATE_OVERDUE);
    const char *const *allowed = (const char *const *)environment->lanes[lane].overrides;
    bool wanted = requester->overrides && g_strv_contains(requester->overrides, kind);
    bool may = !environment->has_lanes || (allowed && g_strv_contains(allowed, kind));
    g_autoptr(GString) text = g_string_new(NULL);
    roll_auto(json) json_t *next = json_array();
    struct overdue overdue = {requester->at_ms, json_object_get(gates, "contains"), text, next};

    if (roll_policy_rule(lane, ROLL_GATE_OVERDUE) == ROLL_RULE_NONE)
        return NULL;
    ROLL_TRY(roll_ledger_debts(ledger, stream, see_debt, &overdue));
    if (!text->len)
        return NULL;
    if (wanted && may) {
        json_array_append_new(overrides,
                              json_pack("{s:s,s:s*}", "kind", kind, "reason", requester->reason));
        return NULL;
    }
    return refuse_overdue(&overdue, stream, may);
}
