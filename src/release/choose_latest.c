/* Which release a schedule takes, and what it leaves alone: releases that descend from a bad one
 * (DESIGN section 7, *Quarantine and hold*), unless they contain the commit that is named as its
 * fix. */
#include "release/choose.h"

/* ---- quarantine ------------------------------------------------------------------------------ */

struct bad_release {
    char *version, *commit, *fixed_by; /* fixed_by or NULL */
};

struct bad_list {
    struct roll_ledger *ledger;
    const char *stream;
    GPtrArray *bad; /* struct bad_release * */
};

static void bad_release_free(void *data)
{
    struct bad_release *bad = data;
    g_free(bad->version);
    g_free(bad->commit);
    g_free(bad->fixed_by);
    g_free(bad);
}

static struct roll_error *take_bad(void *user, const struct roll_release_row *row)
{
    struct bad_list *list = user;
    const char *where = NULL;
    if (g_strcmp0(row->verdict, "bad") != 0)
        ROLL_TRY(roll_ledger_bad(list->ledger, list->stream, row->version, &where));
    else
        where = "service";
    if (!where)
        return NULL;
    struct bad_release *bad = g_new0(struct bad_release, 1);
    bad->version = g_strdup(row->version);
    bad->commit = g_strdup(row->commit);
    bad->fixed_by = g_strdup(row->fixed_by);
    g_ptr_array_add(list->bad, bad);
    return NULL;
}

/* *ret_known false: the repository does not say. */
static struct roll_error *contains(struct roll_git *git, const char *commit, const char *ancestor,
                                   bool *ret_known, bool *ret_contains)
{
    *ret_known = *ret_contains = strcmp(commit, ancestor) == 0;
    if (*ret_known || !git)
        return NULL;
    struct roll_error *err = roll_git_contains(git, commit, ancestor, ret_contains);
    *ret_known = err == NULL;
    if (roll_error_code(err) == ROLL_E_NOT_FOUND || roll_error_code(err) == ROLL_E_GIT) {
        roll_error_free(err);
        return NULL;
    }
    return err;
}

static struct roll_error *check_one(struct roll_git *git, const char *commit,
                                    const struct bad_release *bad, char **ret_reason)
{
    bool known = false, descends = false, fix_known = false, fixed = false;
    if (!bad->commit) /* nothing to descend from */
        return NULL;
    ROLL_TRY(contains(git, commit, bad->commit, &known, &descends));
    if (known && !descends)
        return NULL;
    if (bad->fixed_by)
        ROLL_TRY(contains(git, commit, bad->fixed_by, &fix_known, &fixed));
    if (fix_known && fixed)
        return NULL;
    *ret_reason =
        known ? g_strdup_printf("it descends from %s, which is bad", bad->version)
              : g_strdup_printf("whether it descends from %s, which is bad, cannot be told: "
                                "commit %.12s is not at hand",
                                bad->version, bad->commit);
    return NULL;
}

static struct roll_error *take_commit(void *user, const struct roll_release_row *row)
{
    *(char **)user = g_strdup(row->commit);
    return NULL;
}

struct roll_error *roll_release_quarantined(struct roll_ledger *ledger, const char *stream,
                                            struct roll_git *git, const char *version,
                                            char **ret_reason)
{
    g_autofree char *service = g_strndup(stream, strcspn(stream, "/"));
    g_autofree char *commit = NULL;
    struct bad_list list = {ledger, stream, NULL};
    g_autoptr(GPtrArray) bad = g_ptr_array_new_with_free_func(bad_release_free);
    char *reason = NULL;
    list.bad = bad;
    ROLL_TRY(roll_ledger_release(ledger, service, version, take_commit, &commit));
    ROLL_TRY(roll_ledger_releases(ledger, service, take_bad, &list));
    for (guint i = 0; !reason && i < bad->len; i++) {
        const struct bad_release *one = g_ptr_array_index(bad, i);
        if (strcmp(one->version, version) == 0)
            reason = g_strdup("it is bad");
        else if (commit)
            ROLL_TRY(check_one(git, commit, one, &reason));
    }
    *ret_reason = reason;
    return NULL;
}

/* ---- latest ---------------------------------------------------------------------------------- */

static struct roll_error *why_not(const struct roll_plan *plan,
                                  const struct roll_plan_environment *environment,
                                  const struct roll_plan_environment *from,
                                  struct roll_ledger *ledger, struct roll_git *git,
                                  const char *version, char **ret_reason)
{
    g_autofree char *there = g_strdup_printf("%s/%s", plan->service, from->name);
    g_autofree char *here = g_strdup_printf("%s/%s", plan->service, environment->name);
    struct roll_plan_environment as_if = *environment; /* as if it came after `from` */
    if (g_strcmp0(environment->after, from->name) != 0)
        as_if.after_bake_ms = 0;
    as_if.after = from->name;
    ROLL_TRY(release_baked(plan, &as_if, ledger, version, ret_reason));
    if (!*ret_reason)
        ROLL_TRY(roll_release_quarantined(ledger, there, git, version, ret_reason));
    if (!*ret_reason)
        ROLL_TRY(roll_release_quarantined(ledger, here, git, version, ret_reason));
    return NULL;
}

struct roll_error *roll_choose_latest(const struct roll_plan *plan,
                                      const struct roll_plan_environment *environment,
                                      const char *from, struct roll_ledger *ledger,
                                      struct roll_git *git, char **ret_version)
{
    const struct roll_plan_environment *source = roll_plan_environment_find(plan, from);
    roll_auto(release_history) struct release_history *there = NULL;
    g_autoptr(GPtrArray) successes = NULL;
    g_autoptr(GString) skipped = g_string_new(NULL);
    const struct release_success_query query = {.limit = 0};
    if (!source)
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no environment '%s'", plan->service,
                              from);
    ROLL_TRY(release_history_read(ledger, plan->service, from, &there));
    ROLL_TRY(release_history_successes(there, &query, &successes));
    for (guint i = 0; i < successes->len; i++) {
        const struct release_success *success = g_ptr_array_index(successes, i);
        g_autofree char *reason = NULL;
        if (!success->release)
            continue;
        ROLL_TRY(why_not(plan, environment, source, ledger, git, success->release, &reason));
        if (!reason) {
            *ret_version = g_strdup(success->release);
            return NULL;
        }
        if (i < 5)
            g_string_append_printf(skipped, "; %s: %s", success->release, reason);
    }
    return release_error_next(roll_error_new(ROLL_E_NOT_FOUND,
                                             "no release of '%s' can go to '%s' by itself%s",
                                             there->stream, environment->name, skipped->str),
                              g_strdup_printf("roll out %s", there->stream), NULL);
}
