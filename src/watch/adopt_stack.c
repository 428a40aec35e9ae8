/* The deployments inside deployment stacks. ARM names and makes them: they have the correlation id
 * of the PUT that changed the stack, and no tags (REST reference 4.3). A ledger knows its own by
 * that id; one that is lost knows those of the stack's last change, whose tags the stack keeps. */
#include "watch/adopt.h"

#include <string.h>

/* A deployment's name has 64 characters, so that ARM shortens a long one of a stack. */
#define FRONT_MAX 40

char *watch_stack_name(const struct roll_adopt_options *options,
                       const struct roll_plan_target *target)
{
    const struct roll_order_target like = {.deployment_name = target->deployment_name,
                                           .apply = target->apply};

    if (strcmp(target->apply, "stack") != 0)
        return NULL;
    return roll_fixed_name(options->plan->service, options->environment->name, &like);
}

bool watch_is_of_stack(const struct roll_adopt_options *options,
                       const struct roll_plan_target *target, const char *name)
{
    g_autofree char *stack = watch_stack_name(options, target);
    size_t length = stack ? MIN(strlen(stack), FRONT_MAX) : 0;

    return stack && g_ascii_strncasecmp(name, stack, length) == 0 &&
           (length == FRONT_MAX || name[length] == '-');
}

/* ---- what this ledger sent ------------------------------------------------------------------- */

struct sent {
    struct watch_adopting *adopting;
    GPtrArray *rollouts; /* struct request * */
    const struct request *request;
};

struct request {
    int64_t number;
    char *hash;
};

static void request_free(void *data)
{
    struct request *request = data;

    g_free(request->hash);
    g_free(request);
}

static struct roll_error *see_rollout(void *user, const struct roll_rollout_row *row)
{
    struct sent *sent = user;
    struct request *request;

    if (strcmp(row->kind, "adopted") == 0)
        return NULL;
    request = g_new0(struct request, 1);
    request->number = row->number;
    request->hash = g_strdup(row->hash);
    g_ptr_array_add(sent->rollouts, request);
    return NULL;
}

/* Attempts before the last one were sent, too. */
static struct roll_error *see_step(void *user, const struct roll_step_row *row)
{
    const struct sent *sent = user;
    const struct roll_adopt_options *options = sent->adopting->options;
    const struct roll_plan_target *target =
        roll_plan_target_find(options->environment, row->target);

    for (int64_t attempt = 1; target && row->step == 0 && attempt <= row->attempt; attempt++) {
        char correlation[ROLL_UUID_SIZE];
        g_free(roll_step_name(options->plan->service, options->environment->name,
                              sent->request->hash, row->target, 0, attempt, correlation));
        g_hash_table_insert(sent->adopting->sent, g_strdup(correlation),
                            (gpointer)(uintptr_t)target);
    }
    return NULL;
}

static bool has_stacks(const struct roll_plan_environment *environment)
{
    for (guint i = 0; i < environment->targets->len; i++)
        if (strcmp(((const struct roll_plan_target *)environment->targets->pdata[i])->apply,
                   "stack") == 0)
            return true;
    return false;
}

struct roll_error *watch_adopt_sent(struct watch_adopting *adopting)
{
    const struct roll_adopt_options *options = adopting->options;
    g_autoptr(GPtrArray) rollouts = g_ptr_array_new_with_free_func(request_free);
    const struct roll_rollout_query query = {.stream = adopting->stream};
    struct sent sent = {.adopting = adopting, .rollouts = rollouts};

    if (!has_stacks(options->environment))
        return NULL;
    ROLL_TRY(roll_ledger_rollouts(options->ledger, &query, see_rollout, &sent));
    for (guint i = 0; i < rollouts->len; i++) {
        sent.request = rollouts->pdata[i];
        ROLL_TRY(roll_ledger_steps(options->ledger, adopting->stream, sent.request->number,
                                   see_step, &sent));
    }
    return NULL;
}
