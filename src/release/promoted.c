/* The predecessor: what has succeeded and baked in the environment that the plan names in "after".
 */
#include "release/choose.h"

#include "rollbook/time.h"

/* The reason why a success there does not count yet, or NULL. Owned. */
static struct roll_error *why_not(struct release_history *there, struct release_history *here,
                                  const struct roll_plan_environment *environment,
                                  const struct release_success *success, char **ret_reason)
{
    int64_t baked_at = success->at + environment->after_bake_ms;
    *ret_reason = NULL;
    if (success->adopted) {
        *ret_reason = g_strdup("adopted and not accepted");
        return NULL;
    }
    const struct release_info *info = NULL;
    ROLL_TRY(release_history_info(there, success->release, &info));
    enum release_bad bad = info->bad;
    ROLL_TRY(release_history_info(here, success->release, &info));
    if (bad == RELEASE_IS_BAD_HERE) {
        *ret_reason = g_strdup_printf("marked bad in '%s'", there->stream);
    } else if (info->bad != RELEASE_NOT_BAD) {
        *ret_reason =
            g_strdup(info->bad == RELEASE_IS_BAD_HERE ? "marked bad here"
                                                      : "marked bad for the whole service");
    } else if (baked_at > roll_now_ms()) {
        char text[ROLL_TIME_SIZE];
        roll_time_format(baked_at, text);
        *ret_reason = g_strdup_printf("it bakes in '%s' until %s", there->stream, text);
    }
    return NULL;
}

struct pair {
    struct release_history *there, *here;
};

static void pair_clear(struct pair *pair)
{
    release_history_free(pair->there);
    release_history_free(pair->here);
}

static struct roll_error *pair_read(const struct roll_plan *plan,
                                    const struct roll_plan_environment *environment,
                                    struct roll_ledger *ledger, struct pair *pair)
{
    ROLL_TRY(release_history_read(ledger, plan->service, environment->after, &pair->there));
    return release_history_read(ledger, plan->service, environment->name, &pair->here);
}

/* ---- one version ----------------------------------------------------------------------------- */

static struct roll_error *baked(const struct pair *pair,
                                const struct roll_plan_environment *environment,
                                const char *version, char **ret_reason)
{
    g_autoptr(GPtrArray) successes = NULL;
    const struct release_success_query query = {.limit = 0};
    ROLL_TRY(release_history_successes(pair->there, &query, &successes));
    for (guint i = 0; i < successes->len; i++) {
        const struct release_success *success = g_ptr_array_index(successes, i);
        if (strcmp(success->release, version) == 0)
            return why_not(pair->there, pair->here, environment, success, ret_reason);
    }
    *ret_reason = g_strdup_printf("it has not succeeded in '%s'", pair->there->stream);
    return NULL;
}

struct roll_error *release_baked(const struct roll_plan *plan,
                                 const struct roll_plan_environment *environment,
                                 struct roll_ledger *ledger, const char *version, char **ret_reason)
{
    struct pair pair = {0};
    struct roll_error *err = pair_read(plan, environment, ledger, &pair);
    if (!err)
        err = baked(&pair, environment, version, ret_reason);
    pair_clear(&pair);
    return err;
}

/* ---- the newest ------------------------------------------------------------------------------ */

static struct roll_error *
newest(const struct pair *pair, const struct roll_plan_environment *environment, char **ret_version)
{
    g_autoptr(GString) skipped = g_string_new(NULL);
    g_autoptr(GPtrArray) successes = NULL;
    const struct release_success_query query = {.limit = 0};
    ROLL_TRY(release_history_successes(pair->there, &query, &successes));
    for (guint i = 0; i < successes->len; i++) {
        const struct release_success *success = g_ptr_array_index(successes, i);
        g_autofree char *reason = NULL;
        ROLL_TRY(why_not(pair->there, pair->here, environment, success, &reason));
        if (!reason) {
            *ret_version = g_strdup(success->release);
            return NULL;
        }
        if (i < 5)
            g_string_append_printf(skipped, "; %s: %s", success->release, reason);
    }
    return release_error_next(roll_error_new(ROLL_E_NOT_FOUND,
                                             "no release has succeeded and baked in '%s'%s",
                                             pair->there->stream, skipped->str),
                              g_strdup_printf("roll out %s", pair->there->stream), NULL);
}

struct roll_error *roll_choose_promoted(const struct roll_plan *plan,
                                        const struct roll_plan_environment *environment,
                                        struct roll_ledger *ledger, char **ret_version)
{
    if (!environment->after)
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s/%s' comes after no other environment",
                              plan->service, environment->name);
    struct pair pair = {0};
    struct roll_error *err = pair_read(plan, environment, ledger, &pair);
    if (!err)
        err = newest(&pair, environment, ret_version);
    pair_clear(&pair);
    return err;
}
