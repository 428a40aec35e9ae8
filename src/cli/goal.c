/* What is live, and where a plain `roll back` would go, for status and for advice: told from the
 * ledger's tables, so that it costs nothing even where an environment has thousands of targets. */
#include "app.h"

#include <string.h>

static struct roll_error *see_live(void *user, const struct roll_environment_row *row)
{
    char **version = user;

    *version = g_strdup(row->live ? row->live : row->last_good);
    return NULL;
}

struct roll_error *roll_live_release(struct roll_app *app, const char *stream, char **ret_version)
{
    *ret_version = NULL;
    return roll_ledger_environments(app->ledger, stream, see_live, ret_version);
}

struct search {
    struct roll_ledger *ledger;
    const char *stream, *service;
    const char *const *except;
    int64_t floor; /* -1: not read yet */
    char *version;
};

static struct roll_error *enough(void)
{
    return roll_error_new(ROLL_E_FOUND, "enough was read");
}

static struct roll_error *found_or_error(struct roll_error *err)
{
    if (roll_error_code(err) != ROLL_E_FOUND)
        return err;
    roll_error_free(err);
    return NULL;
}

static struct roll_error *see_data(void *user, const struct roll_release_row *row)
{
    *(int64_t *)user = row->data_version;
    return NULL;
}

static struct roll_error *is_below_floor(struct search *search, const char *version,
                                         bool *ret_below)
{
    int64_t data_version = 0;

    ROLL_TRY(
        roll_ledger_release(search->ledger, search->service, version, see_data, &data_version));
    if (search->floor < 0)
        ROLL_TRY(roll_ledger_floor(search->ledger, search->stream, &search->floor));
    *ret_below = data_version < search->floor;
    return NULL;
}

static bool is_excepted(const struct search *search, const char *version)
{
    return search->except && g_strv_contains(search->except, version);
}

static struct roll_error *see_success(void *user, const struct roll_success_row *row)
{
    struct search *search = user;
    const char *where = NULL;
    bool below = false;

    if (row->adopted || !row->release || is_excepted(search, row->release))
        return NULL;
    ROLL_TRY(roll_ledger_bad(search->ledger, search->stream, row->release, &where));
    if (where)
        return NULL;
    ROLL_TRY(is_below_floor(search, row->release, &below));
    if (below)
        return NULL;
    search->version = g_strdup(row->release);
    return enough();
}

/* Where targets differ, only the choice itself knows; a plan that cannot be read leaves it open. */
static char *chosen_goal(struct roll_app *app, const char *stream, const char *live,
                         GPtrArray *goals)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    roll_auto(choice) struct roll_choice *choice = NULL;
    struct roll_choice_options options = {.ring = -1};
    struct roll_error *err =
        roll_workspace_environment(app->workspace, stream, &plan, &environment);

    if (!err)
        err = roll_choose_back(plan, environment, app->ledger, &options, &choice);
    if (err) { /* what was refused left everything where a back would go */
        bool there = roll_error_code(err) == ROLL_E_NOTHING;
        roll_error_free(err);
        return there ? g_strdup(live) : NULL;
    }
    if (choice->request.release)
        return g_strdup(choice->request.release);
    for (guint i = 0; i < choice->order->targets->len; i++) {
        const struct roll_order_target *target = choice->order->targets->pdata[i];
        if (!g_ptr_array_find_with_equal_func(goals, target->release, g_str_equal, NULL))
            g_ptr_array_add(goals, g_strdup(target->release));
    }
    return g_strdup("each its own");
}

char *roll_uneven_goal(struct roll_app *app, const char *stream, const char *live, int64_t targets,
                       GPtrArray *goals)
{
    enum { MANY = 200 };

    return targets <= MANY ? chosen_goal(app, stream, live, goals) : g_strdup("each its own");
}

struct roll_error *roll_back_goal(struct roll_app *app, const char *stream,
                                  const char *const *except, char **ret_version)
{
    g_auto(GStrv) names = g_strsplit(stream, "/", 2);
    struct search search = {.ledger = app->ledger,
                            .stream = stream,
                            .service = names[0],
                            .except = except,
                            .floor = -1};

    *ret_version = NULL;
    if (!app->ledger)
        return NULL;
    ROLL_TRY(
        found_or_error(roll_ledger_successes(app->ledger, stream, NULL, see_success, &search)));
    *ret_version = search.version;
    return NULL;
}
