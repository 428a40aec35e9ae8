/* Who we are, for commands that write the ledger only but are for some roles: the token of the
 * environment's credential says so, as it does for the commands that act. */
#include "app.h"

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

struct roll_error *roll_app_need_role(struct roll_app *app, const struct roll_plan *plan,
                                      const struct roll_plan_environment *environment,
                                      enum roll_lane lane, const char *what)
{
    struct proof proof = {0};
    char **roles = environment->lanes[lane].roles;
    struct roll_error *err;

    if (!roles || !*roles)
        return NULL;
    err = prove(app, environment, lane, &proof);
    if (!err) {
        const struct roll_actor actor = {.proved = proof.proved, .claimed = app->actor.claimed};
        err = roll_policy_need_role(plan, environment, lane, &actor, proof.groups, what);
    }
    if (!err)
        keep(app, &proof);
    proof_clear(&proof);
    return err;
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
