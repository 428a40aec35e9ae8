/* What lanes rest on: the plan, the approvers, the revoked keys, as they were reviewed. */
#ifndef ROLL_CLI_GOVERNANCE_H
#define ROLL_CLI_GOVERNANCE_H

#include "app.h"

/* What is not as it is committed, in words; *ret_slip NULL: all is, or nothing is governed.
 * Governed is an environment that has lanes, or had them in the plan that governed it last: whoever
 * profits from it could take them away in a file. For the same reason the files have to be equal
 * also at the ref that that plan named. stream: SERVICE/ENV. Owned. */
struct roll_error *roll_app_governance_slip(struct roll_app *app, const struct roll_plan *plan,
                                            const struct roll_plan_environment *environment,
                                            const char *stream, char **ret_slip) ROLL_CHECKED;
/* ROLL_E_REFUSED, with what to do. */
struct roll_error *roll_governance_refuse(const char *slip);
/* Both: for what lifts or loosens. */
struct roll_error *roll_app_need_governance(struct roll_app *app, const struct roll_plan *plan,
                                            const struct roll_plan_environment *environment)
    ROLL_CHECKED;

/* member: approvers, revoked. NULL: the plan names none. Owned. */
char *roll_governing_path(const struct roll_app *app, const struct roll_plan *plan,
                          const char *member);
/* *ret_data NULL: there is no such file. Owned. */
struct roll_error *roll_governing_read(const char *path, GString **ret_data) ROLL_CHECKED;

#endif
