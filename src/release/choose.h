/* Checks that out, hotfix and forward share. */
#ifndef ROLL_RELEASE_CHOOSE_H
#define ROLL_RELEASE_CHOOSE_H

#include "release/chooser.h"

/* ROLL_E_CONFLICT while a rollout of the environment has not ended. */
struct roll_error *release_check_idle(struct release_chooser *chooser) ROLL_CHECKED;
/* Not bad, not below the floor and, when asked for, it succeeded here: REFUSED. */
struct roll_error *release_check_eligible(struct release_chooser *chooser, const char *version,
                                          bool must_have_succeeded) ROLL_CHECKED;
/* contain.c: the release must contain what is live: commits in order, and a live hotfix's fix.
 * REFUSED. */
struct roll_error *release_check_contains(struct release_chooser *chooser, struct roll_git *git,
                                          const struct release_info *release) ROLL_CHECKED;
/* Enters into the request which hotfixes' debts its success closes, or that it opens again. */
struct roll_error *release_pay_hotfixes(struct release_chooser *chooser, struct roll_git *git,
                                        const struct release_info *release) ROLL_CHECKED;
struct roll_error *release_reopen_hotfix(struct release_chooser *chooser, const char *version)
    ROLL_CHECKED;
/* promoted.c: has version succeeded and baked in the environment that this one comes after?
 * *ret_reason NULL: yes; else why not, owned. */
struct roll_error *release_baked(const struct roll_plan *plan,
                                 const struct roll_plan_environment *environment,
                                 struct roll_ledger *ledger, const char *version, char **ret_reason)
    ROLL_CHECKED;
/* All candidates to version, in lane release: every gate of that lane that this module knows. */
struct roll_error *release_choose_for_lane_release(struct release_chooser *chooser,
                                                   struct roll_git *git, const char *version,
                                                   struct roll_choice **ret_choice) ROLL_CHECKED;

#endif
