/* What governs a request (DESIGN section 7): who asks, which plan and approvers, whether they are
 * committed, what it has to wait for, and what it owes. All of it is entered into the request. */
#include "act.h"

#include <stdlib.h>
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

/* *ret_data NULL: there is no such file. */
static struct roll_error *read_file(const char *path, GString **ret_data)
{
    g_autofree char *data = NULL;
    gsize size = 0;
    GError *error = NULL;
    struct roll_error *err = NULL;

    *ret_data = NULL;
    if (g_file_get_contents(path, &data, &size, &error)) {
        if (size > ROLL_APPROVERS_MAX)
            return roll_error_new(ROLL_E_LIMIT, "'%s' is larger than %u bytes", path,
                                  ROLL_APPROVERS_MAX);
        *ret_data = g_string_new_len(data, (gssize)size);
        return NULL;
    }
    if (error->code != G_FILE_ERROR_NOENT)
        err = roll_error_new(ROLL_E_IO, "%s", error->message);
    g_error_free(error);
    return err;
}

static char *governing_path(const struct roll_act *act, const char *member, const char *otherwise)
{
    const char *path =
        roll_json_get_string(json_object_get(act->plan->value, "governance"), member);

    path = path ? path : otherwise;
    return path ? g_build_filename(act->app->workspace->root, path, NULL) : NULL;
}

/* ---- committed? ----------------------------------------------------------------------------- */

struct governance {
    struct roll_git *git;
    struct roll_commit commit;
    char *root; /* of the work tree */
    char *slip; /* what is not as it is committed; owned */
};

static struct roll_error *open_repository(struct roll_act *act, struct governance *governance)
{
    const char *ref = roll_json_get_string(json_object_get(act->plan->value, "governance"), "ref");
    const char *root;

    ROLL_TRY(roll_git_open(act->app->workspace->root, &governance->git));
    root = roll_git_workdir(governance->git);
    governance->root = root ? realpath(root, NULL) : NULL;
    return roll_git_resolve(governance->git, ref ? ref : "HEAD", &governance->commit);
}

static bool is_equal(const struct governance *governance, const char *path)
{
    g_autofree char *real = realpath(path, NULL);
    size_t size = governance->root ? strlen(governance->root) : 0;
    g_autoptr(GString) now = NULL, then = NULL;
    struct roll_error *err;
    bool equal;

    if (!real || !size || strncmp(real, governance->root, size) != 0 || real[size] != '/')
        return false;
    err = read_file(real, &now);
    if (!err && now)
        err = roll_git_read(governance->git, governance->commit.id, real + size + 1,
                            ROLL_APPROVERS_MAX, &then);
    equal = !err && now && then && g_string_equal(now, then);
    roll_error_free(err);
    return equal;
}

static void look_at_files(struct roll_act *act, struct governance *governance)
{
    g_autofree char *approvers = governing_path(act, "approvers", "plans/approvers");
    g_autofree char *revoked = governing_path(act, "revoked", NULL);
    const char *const files[] = {act->plan->path, approvers, revoked, NULL};
    struct roll_error *err = open_repository(act, governance);

    if (err)
        governance->slip =
            g_strdup_printf("whether the plan is committed cannot be told: %s", err->message);
    for (const char *const *file = files; !err && *file && !governance->slip; file++) {
        g_autofree char *name = g_path_get_basename(*file);
        if ((file == files || g_file_test(*file, G_FILE_TEST_EXISTS)) &&
            !is_equal(governance, *file))
            governance->slip = g_strdup_printf("'plans/%s' is not what is committed", name);
    }
    roll_error_free(err);
}

/* In an emergency a plan that is not committed governs all the same, and the ledger says so. */
static struct roll_error *check_governance(struct roll_act *act, json_t *overrides)
{
    struct governance governance = {0};
    struct roll_error *err = NULL;

    if (!act->environment->has_lanes)
        return NULL;
    look_at_files(act, &governance);
    if (governance.slip && act->lane == ROLL_LANE_RELEASE)
        err = roll_error_detail(
            roll_error_new(ROLL_E_REFUSED, "lanes rest on what is reviewed: %s", governance.slip),
            "{\"next\":[\"git add plans && git commit\"]}");
    else if (governance.slip)
        json_array_append_new(
            overrides, json_pack("{s:s,s:s}", "kind", "governance", "reason", governance.slip));
    roll_commit_clear(&governance.commit);
    roll_git_close(governance.git);
    free(governance.root);
    g_free(governance.slip);
    return err;
}

/* Approvals can only be given where it is recorded who may. */
static struct roll_error *attach_approvers(struct roll_act *act, struct roll_choice *choice)
{
    g_autofree char *approvers = governing_path(act, "approvers", "plans/approvers");
    g_autofree char *revoked = governing_path(act, "revoked", NULL);
    GString *data = NULL;

    if (json_array_size(act->environment->lanes[act->lane].approvals) == 0)
        return NULL;
    ROLL_TRY(read_file(approvers, &data));
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
    ROLL_TRY(read_file(revoked, &data));
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
