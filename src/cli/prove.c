/* Who we are, for commands that write the ledger only but are for some roles: the token of the
 * environment's credential says so, as it does for the commands that act. */
#include "app.h"
#include "governance.h"

#include <string.h>

#include "rollbook/log.h"
#include "rollbook/policy.h"
#include "rollbook/rollout.h"

struct proof {
    struct roll_loop *loop;
    struct roll_links *links;
    char *proved;
    const char *const *groups; /* borrowed from links */
};

static void proof_clear(struct proof *proof)
{
    roll_links_free(proof->links);
    roll_loop_free(proof->loop);
    g_free(proof->proved);
}

/* The lane's own credential, else that of the first target: as a rollout in this lane has it. */
static struct roll_order_target target_of(const struct roll_plan_environment *environment,
                                          enum roll_lane lane)
{
    const struct roll_plan_target *first = g_ptr_array_index(environment->targets, 0);
    char *own = environment->lanes[lane].credential;

    return (struct roll_order_target){.name = first->name,
                                      .cloud = first->cloud,
                                      .tenant = first->tenant,
                                      .credential = own ? own : first->credential};
}

/* In the sandbox nobody is proved, and the claimed name counts. */
static struct roll_error *prove(struct roll_app *app,
                                const struct roll_plan_environment *environment,
                                enum roll_lane lane, struct proof *proof)
{
    struct roll_order_target target = target_of(environment, lane);
    struct roll_credential *credential = NULL;

    if (g_strcmp0(environment->cloud, "sandbox") == 0)
        return NULL;
    ROLL_TRY(roll_loop_new(&proof->loop));
    proof->links = roll_links_new(proof->loop, roll_app_sandbox, app);
    ROLL_TRY(roll_links_prove(proof->links, &target, &proof->proved));
    ROLL_TRY(roll_links_get(proof->links, &target, NULL, &credential));
    proof->groups = roll_credential_groups(credential);
    return NULL;
}

/* From now on what is recorded names it. */
static void keep(struct roll_app *app, struct proof *proof)
{
    if (!proof->proved)
        return;
    g_free(app->actor.proved);
    app->actor.proved = g_steal_pointer(&proof->proved);
}

/* The first word names; what follows is ids and addresses. */
bool roll_app_is_same(const char *one, const char *other)
{
    size_t size = one ? strcspn(one, " ") : 0;

    return size && other && strcspn(other, " ") == size &&
           g_ascii_strncasecmp(one, other, size) == 0;
}

/* A claimed name is no proof, but in the sandbox. */
static bool is_requester(const struct roll_app *app, const struct proof *proof,
                         const struct roll_plan_environment *environment,
                         const struct roll_actor *requester)
{
    if (!requester)
        return false;
    return g_strcmp0(environment->cloud, "sandbox") == 0
               ? roll_app_is_same(app->actor.claimed, requester->claimed)
               : roll_app_is_same(proof->proved, requester->proved);
}

struct roll_error *roll_app_need_role_or_be(struct roll_app *app, const struct roll_plan *plan,
                                            const struct roll_plan_environment *environment,
                                            enum roll_lane lane, const struct roll_actor *requester,
                                            const char *what)
{
    struct proof proof = {0};
    char **roles = environment->lanes[lane].roles;
    struct roll_error *err;

    if (!roles || !*roles)
        return NULL;
    err = prove(app, environment, lane, &proof);
    if (!err && !is_requester(app, &proof, environment, requester)) {
        const struct roll_actor actor = {.proved = proof.proved, .claimed = app->actor.claimed};
        err = roll_policy_need_role(plan, environment, lane, &actor, proof.groups, what);
    }
    keep(app, &proof);
    proof_clear(&proof);
    return err;
}

struct roll_error *roll_app_need_role(struct roll_app *app, const struct roll_plan *plan,
                                      const struct roll_plan_environment *environment,
                                      enum roll_lane lane, const char *what)
{
    ROLL_TRY(roll_app_need_governance(app, plan, environment));
    return roll_app_need_role_or_be(app, plan, environment, lane, NULL, what);
}

/* The roles of all lanes, each once, as a person reads them. Owned. */
static char *all_roles(const struct roll_plan_environment *environment)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    for (int lane = 0; lane < ROLL_LANE_COUNT; lane++)
        for (char **role = environment->lanes[lane].roles; role && *role; role++)
            if (!g_ptr_array_find_with_equal_func(all, *role, g_str_equal, NULL))
                g_ptr_array_add(all, *role);
    g_ptr_array_add(all, NULL);
    return g_strjoinv(" or ", (char **)all->pdata);
}

struct roll_error *roll_app_need_any_role(struct roll_app *app, const struct roll_plan *plan,
                                          const struct roll_plan_environment *environment,
                                          const char *what)
{
    struct roll_error *err = NULL;

    for (int lane = 0; lane < ROLL_LANE_COUNT; lane++) {
        roll_error_free(err);
        err = roll_app_need_role_or_be(app, plan, environment, (enum roll_lane)lane, NULL, what);
        if (!err)
            return NULL;
    }
    if (roll_error_code(err) != ROLL_E_REFUSED)
        return err;
    roll_error_free(err);
    g_autofree char *list = all_roles(environment);
    return roll_error_new(ROLL_E_REFUSED, "%s is for role %s; '%s' has none of them", what, list,
                          app->actor.proved    ? app->actor.proved
                          : app->actor.claimed ? app->actor.claimed
                                               : "nobody known");
}

bool roll_app_has_role(struct roll_app *app, const json_t *plan,
                       const struct roll_plan_environment *environment, const char *const *roles)
{
    struct proof proof = {0};
    const struct roll_order_target target = target_of(environment, ROLL_LANE_RELEASE);
    bool sandbox = g_strcmp0(environment->cloud, "sandbox") == 0, has = false;
    struct roll_error *err = NULL;

    /* Nobody is sent to a browser for it. */
    if (g_strcmp0(target.credential, "device-code") != 0)
        err = prove(app, environment, ROLL_LANE_RELEASE, &proof);
    if (err)
        roll_log(ROLL_LOG_VERBOSE, "who this is cannot be proved: %s", err->message);
    roll_error_free(err);
    const struct roll_actor actor = {.proved = proof.proved, .claimed = app->actor.claimed};
    for (; *roles && !has; roles++)
        has = roll_policy_is_member(plan, *roles, &actor, proof.groups, sandbox);
    keep(app, &proof);
    proof_clear(&proof);
    return has;
}
