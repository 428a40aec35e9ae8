/* Which windows and freezes count when a rollout starts or goes on: those of today's plan, as it is
 * committed, less what was passed by with the request. A freeze that was declared while it waited
 * holds it; one that is over in the plan does not. */
#include <string.h>

#include "driver.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"

static bool lane_of(const char *name, enum roll_lane *ret_lane)
{
    for (int lane = 0; lane < ROLL_LANE_COUNT; lane++) {
        if (strcmp(roll_lane_names[lane], name) != 0)
            continue;
        *ret_lane = (enum roll_lane)lane;
        return true;
    }
    return false;
}

/* Who passed by all freezes knew those of then, and no later one. */
static void add_freezes_of_then(const json_t *plan, const char *environment, GPtrArray *words)
{
    const json_t *all = json_object_get(plan, "environments");
    const json_t *freezes = json_object_get(json_object_get(all, environment), "freezes");
    size_t index;
    json_t *freeze;

    json_array_foreach (freezes, index, freeze)
        g_ptr_array_add(words, g_strdup_printf("%s:%s", roll_gate_name(ROLL_GATE_FREEZE),
                                               roll_json_get_string(freeze, "name")));
}

static struct roll_error *words_of(struct roll_ledger *ledger,
                                   const struct roll_rollout_requested *request,
                                   const char *environment, GPtrArray *words)
{
    roll_auto(json) json_t *plan = NULL;
    size_t index;
    json_t *override;

    json_array_foreach (request->overrides, index, override) {
        const char *kind = roll_json_get_string(override, "kind");
        const char *name = roll_json_get_string(override, "name");
        if (!kind)
            continue;
        if (name || strcmp(kind, roll_gate_name(ROLL_GATE_FREEZE)) != 0 || !request->plan) {
            g_ptr_array_add(words, name ? g_strdup_printf("%s:%s", kind, name) : g_strdup(kind));
            continue;
        }
        if (!plan)
            ROLL_TRY(roll_ledger_object_json(ledger, request->plan, &plan));
        add_freezes_of_then(plan, environment, words);
    }
    g_ptr_array_add(words, NULL);
    return NULL;
}

static struct roll_error *read_plan(const char *root, const char *stream,
                                    struct roll_plan **ret_plan,
                                    const struct roll_plan_environment **ret_environment)
{
    roll_auto(workspace) struct roll_workspace *workspace = NULL;
    g_autofree char *service = g_strndup(stream, strcspn(stream, "/"));
    const char *name = strchr(stream, '/') + 1;

    ROLL_TRY(roll_workspace_find(root, &workspace));
    ROLL_TRY(roll_workspace_plan(workspace, service, ret_plan));
    *ret_environment = roll_plan_environment_find(*ret_plan, name);
    return *ret_environment
               ? NULL
               : roll_error_new(ROLL_E_NOT_FOUND, "today's plan has no environment '%s'", name);
}

static struct roll_error *look(struct roll_ledger *ledger, const char *root, const char *stream,
                               const struct roll_rollout_requested *request, enum roll_lane lane,
                               json_t **ret_timing, char **ret_slip)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

    ROLL_TRY(read_plan(root, stream, &plan, &environment));
    ROLL_TRY(words_of(ledger, request, environment->name, words));
    *ret_timing = roll_policy_timing(environment, lane, (const char *const *)words->pdata);
    if (!*ret_timing)
        *ret_timing = json_object();
    if (!ret_slip)
        return NULL;
    return roll_governance_slip(ledger, root, plan, environment, stream, NULL, ret_slip);
}

struct roll_error *roll_today_timing(struct roll_ledger *ledger, const char *root,
                                     const char *stream,
                                     const struct roll_rollout_requested *request,
                                     json_t **ret_timing, char **ret_slip)
{
    enum roll_lane lane;

    *ret_timing = NULL;
    if (ret_slip)
        *ret_slip = NULL;
    if (!root || !strchr(stream, '/') || !lane_of(request->lane, &lane) ||
        (roll_policy_rule(lane, ROLL_GATE_WINDOW) == ROLL_RULE_NONE &&
         roll_policy_rule(lane, ROLL_GATE_FREEZE) == ROLL_RULE_NONE))
        return NULL;
    return roll_error_wrap(look(ledger, root, stream, request, lane, ret_timing, ret_slip),
                           "while looking up today's windows and freezes");
}

struct roll_error *roll_rollout_timing(struct roll_ledger *ledger, const char *workspace,
                                       const char *stream, int64_t rollout, json_t **ret_timing)
{
    roll_auto(event) struct roll_event *event = NULL;
    const struct roll_rollout_requested *request;

    *ret_timing = NULL;
    ROLL_TRY(roll_ledger_event(ledger, stream, rollout, &event));
    request = roll_event_body(event, rollout_requested);
    if (!request)
        return NULL;
    ROLL_TRY(roll_today_timing(ledger, workspace, stream, request, ret_timing, NULL));
    if (!*ret_timing)
        *ret_timing = json_incref(json_object_get(request->gates, "timing"));
    return NULL;
}
