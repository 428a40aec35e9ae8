/* What lanes rest on: the plan, the approvers, the revoked keys, as they were reviewed. */
#ifndef ROLL_CLI_GOVERNANCE_H
#define ROLL_CLI_GOVERNANCE_H

#include "app.h"

/* ROLL_E_REFUSED, with what to do. */
struct roll_error *roll_governance_refuse(const char *slip);
/* Refuses what is not as committed (roll_governance_slip): for what lifts or loosens. */
struct roll_error *roll_app_need_governance(struct roll_app *app, const struct roll_plan *plan,
                                            const struct roll_plan_environment *environment)
    ROLL_CHECKED;

/* member: approvers, revoked. NULL: the plan names none. Owned. */
char *roll_governing_path(const struct roll_app *app, const struct roll_plan *plan,
                          const char *member);
/* *ret_data NULL: there is no such file. Owned. */
struct roll_error *roll_governing_read(const char *path, GString **ret_data) ROLL_CHECKED;

#endif
