/* A release from git and the plan. */
#include "release/maker.h"

static struct roll_error *not_descended(const struct release_maker *maker, const char *commit)
{
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED,
                       "'%s' (commit %.12s) does not descend from the live '%s' (commit %.12s)",
                       maker->ref, maker->commit.id, maker->options->base, commit),
        g_strdup_printf("git checkout -b fix %.12s", commit), NULL);
}

/* A commit that is not in this repository (the live release names an image's) stops no emergency.
 */
static struct roll_error *check_descends(struct release_maker *maker, const char *commit)
{
    bool contains = true;
    struct roll_error *err =
        commit ? roll_git_contains(maker->git, maker->commit.id, commit, &contains) : NULL;
    if (roll_error_code(err) == ROLL_E_NOT_FOUND) {
        roll_error_free(err);
        release_maker_note(maker,
                           "whether it descends from the live %s could not be checked: commit "
                           "%.12s is not in this repository",
                           maker->options->base, commit);
        return NULL;
    }
    ROLL_TRY(err);
    return contains ? NULL : not_descended(maker, commit);
}

static struct roll_error *check_base(struct release_maker *maker)
{
    struct release_known base = {0};
    struct roll_error *err = release_known_base(maker, &base);
    if (!err)
        err = check_descends(maker, base.commit);
    release_known_clear(&base);
    return err;
}

static struct roll_error *each_target(struct release_maker *maker,
                                      const struct roll_plan_environment *environment)
{
    json_t *value = json_object();
    json_object_set_new(value, "targets", json_object());
    json_object_set_new(maker->environments, environment->name, value);
    if (environment->steps->len)
        json_object_set_new(value, "steps", release_steps_write(environment->steps));
    for (guint i = 0; i < environment->targets->len; i++) {
        const struct roll_plan_target *target = g_ptr_array_index(environment->targets, i);
        roll_auto(json) json_t *entry = NULL;
        ROLL_TRY(release_effective_entry(maker, environment, target, &entry));
        ROLL_TRY(release_book_add(maker->book, environment->name, target->name, entry));
    }
    return NULL;
}

static struct roll_error *gather_from_git(struct release_maker *maker)
{
    ROLL_TRY(release_artifacts_prepare(maker));
    for (guint i = 0; i < maker->plan->environments->len; i++)
        ROLL_TRY(each_target(maker, g_ptr_array_index(maker->plan->environments, i)));
    return release_check_template(maker); /* behind what is said of parameters by name */
}

/* From git the name must be known first, artifacts may be called after it: the commit tells which
 * one it is. */
static struct roll_error *name_by_commit(struct release_maker *maker)
{
    for (int number = 1;; number++) {
        ROLL_TRY(release_try_hotfix_name(maker, number));
        if (!maker->recorded ||
            g_strcmp0(roll_json_get_string(maker->recorded, "commit"), maker->commit_id) == 0)
            return NULL;
    }
}

struct roll_error *release_make_from_git(struct release_maker *maker,
                                         struct roll_release **ret_release)
{
    int64_t seq = 0;
    ROLL_TRY(release_source_open(maker));
    ROLL_TRY(release_source_check(maker));
    if (maker->options->base)
        ROLL_TRY(check_base(maker));
    if (maker->version)
        ROLL_TRY(release_load_recorded(maker, &seq));
    else
        ROLL_TRY(name_by_commit(maker));
    ROLL_TRY(release_list_changes(maker, seq));
    ROLL_TRY(gather_from_git(maker));
    return release_finish(maker, ret_release);
}
