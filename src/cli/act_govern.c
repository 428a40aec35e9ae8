/* What governs a request (DESIGN section 7): who asks, which plan and approvers, what it has to
 * wait for, and what it owes. All of it is entered into the request. */
#include "act.h"
#include "governance.h"

#include <string.h>

#include "rollbook/log.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"

/* ---- files that govern ---------------------------------------------------------------------- */

static void attach(struct roll_choice *choice, GString *data_take, char **digest)
{
    struct roll_blob *blob = g_new0(struct roll_blob, 1);

    blob->data = data_take;
    roll_sha256_hex(blob->data->str, blob->data->len, blob->digest);
    g_ptr_array_add(choice->blobs, blob);
    g_free(*digest);
    *digest = g_strdup(blob->digest);
}

/* In an emergency a plan that is not committed governs all the same, and the ledger says so. */
static struct roll_error *check_governance(struct roll_act *act, json_t *overrides)
{
    const struct roll_plan_lane *rules = &act->environment->lanes[act->lane];
    const char *root = act->app->workspace->root;
    g_autoptr(GPtrArray) scripts = g_ptr_array_new_with_free_func(g_free);
    struct roll_error *err = NULL;
    g_autofree char *slip = NULL;

    roll_governance_scripts(act->plan, root, rules->gates, scripts);
    roll_governance_scripts(act->plan, root, rules->deferred, scripts);
    ROLL_TRY(roll_governance_slip(act->app->ledger, root, act->plan, act->environment, act->stream,
                                  scripts, &slip));
    if (slip && act->lane == ROLL_LANE_RELEASE)
        err = roll_governance_refuse(slip);
    else if (slip)
        json_array_append_new(overrides,
                              json_pack("{s:s,s:s}", "kind", "governance", "reason", slip));
    return err;
}

/* Approvals can only be given where it is recorded who may. */
static struct roll_error *attach_approvers(struct roll_act *act, struct roll_choice *choice)
{
    g_autofree char *approvers = roll_governing_path(act->app, act->plan, "approvers");
    g_autofree char *revoked = roll_governing_path(act->app, act->plan, "revoked");
    GString *data = NULL;

    if (json_array_size(act->environment->lanes[act->lane].approvals) == 0)
        return NULL;
    ROLL_TRY(roll_governing_read(approvers, &data));
    if (data)
        attach(choice, data, &choice->request.approvers);
    else if (json_object_get(choice->request.gates, "approvals"))
        return roll_error_detail(
            roll_error_new(ROLL_E_REFUSED,
                           "lane %s of '%s' asks for approvals, and '%s' is not there",
                           roll_lane_names[act->lane], act->environment->name, approvers),
            "{\"next\":[\"write it: a line 'NAME namespaces=\\\"rollbook\\\" KEYTYPE KEY' for each "
            "approver, as ssh-keygen has it\"]}");
    if (!revoked)
        return NULL;
    ROLL_TRY(roll_governing_read(revoked, &data));
    if (!data)
        return roll_error_new(ROLL_E_NOT_FOUND, "the list of revoked keys '%s' is not there",
                              revoked);
    attach(choice, data, &choice->request.revoked);
    return NULL;
}

/* ---- who ------------------------------------------------------------------------------------ */

/* Lanes with roles ask who we are, and only the token proves it. */
static struct roll_error *prove(struct roll_act *act, const struct roll_choice *choice,
                                const char *const **ret_groups)
{
    const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, 0);
    struct roll_credential *credential = NULL;

    if (!act->environment->has_lanes)
        return NULL;
    if (!act->app->actor.proved)
        ROLL_TRY(roll_links_prove(act->links, target, &act->app->actor.proved));
    ROLL_TRY(roll_links_get(act->links, target, NULL, &credential));
    *ret_groups = roll_credential_groups(credential);
    return NULL;
}

/* What the choice passed by is recorded with the person's reason, as what policy passed by is. */
static void give_reason(const struct roll_act *act, json_t *overrides)
{
    size_t index;
    json_t *override;

    json_array_foreach (overrides, index, override) {
        if (act->options->reason && !json_object_get(override, "reason"))
            json_object_set_new(override, "reason", json_string(act->options->reason));
    }
}

/* ---- the request ---------------------------------------------------------------------------- */

static void take_overrides(struct roll_choice *choice, json_t *overrides)
{
    if (json_array_size(overrides) == 0)
        return;
    json_decref(choice->request.overrides);
    choice->request.overrides = json_incref(overrides);
}

/* What the choice says of hotfixes stays beside it. */
static void take_gates(struct roll_choice *choice, json_t *gates_take)
{
    if (gates_take && choice->request.gates)
        json_object_update(gates_take, choice->request.gates);
    if (!gates_take)
        return;
    json_decref(choice->request.gates);
    choice->request.gates = gates_take;
}

static struct roll_error *enter(struct roll_act *act, struct roll_choice *choice,
                                const struct roll_requester *requester, json_t *overrides)
{
    json_t *passed = NULL;
    int64_t expires = 0;

    ROLL_TRY(roll_policy_check(act->plan, act->environment, act->lane, requester, &passed));
    json_array_extend(overrides, passed);
    json_decref(passed);
    ROLL_TRY(roll_policy_check_overdue(act->app->ledger, act->environment, act->stream, act->lane,
                                       requester, choice->request.gates, overrides));
    ROLL_TRY(check_governance(act, overrides));
    give_reason(act, overrides);
    take_overrides(choice, overrides);
    take_gates(choice, roll_policy_gates(act->plan, act->environment, act->lane, requester,
                                         overrides, &expires));
    /* Asked for before its time, it has from its time on as long as others have. */
    if (expires && choice->request.not_before > requester->at_ms)
        expires += choice->request.not_before - requester->at_ms;
    if (expires && (!choice->request.expires || choice->request.expires > expires))
        choice->request.expires = expires;
    roll_policy_gates_after(act->plan, choice->request.gates, choice->order->health);
    attach(choice, g_string_new(act->plan->text), &choice->request.plan);
    return attach_approvers(act, choice);
}

struct roll_error *roll_act_govern(struct roll_act *act, struct roll_choice *choice)
{
    const GPtrArray *words = act->options->overrides;
    roll_auto(json) json_t *overrides = json_array();
    struct roll_requester requester = {
        .actor = &act->app->actor,
        .sandbox = g_strcmp0(act->environment->cloud, "sandbox") == 0,
        .overrides = words ? (const char *const *)words->pdata : NULL,
        .reason = act->options->reason,
        .at_ms = roll_now_ms(),
        .when_open = act->options->wait || act->when_open,
    };

    json_array_extend(overrides, choice->request.overrides);
    ROLL_TRY(prove(act, choice, &requester.groups));
    return enter(act, choice, &requester, overrides);
}
