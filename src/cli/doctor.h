/* What `roll doctor` finds: a list of findings, filled by those who look at this machine
 * (doctor_local.c), at the clouds (doctor_cloud.c); and the role that a lane needs (doctor_role.c).
 */
#ifndef ROLL_CLI_DOCTOR_H
#define ROLL_CLI_DOCTOR_H

#include "app.h"

enum doctor_state { DOCTOR_OK, DOCTOR_NONE, DOCTOR_WARN, DOCTOR_BAD };

struct doctor_finding {
    char *where;       /* "workspace", "shop/prod" */
    const char *check; /* static: "credential", "ARM", … */
    enum doctor_state state;
    char *detail;
    char *next;      /* what to type, or NULL */
    char **more;     /* lines below the detail, or NULL */
    int64_t took_ms; /* -1: not asked */
};

struct doctor {
    struct roll_app *app;
    GPtrArray *findings; /* struct doctor_finding *, owned, in the order of printing */
};

/* A new finding at the end; borrowed. where is copied; the others are set by the caller. */
struct doctor_finding *doctor_find(struct doctor *doctor, const char *where, const char *check);
/* Takes detail and next. */
void doctor_say(struct doctor_finding *finding, enum doctor_state state, char *detail, char *next);

/* The ledger, the folder state/, git, bicep; plans that are not valid. */
struct roll_error *doctor_look_here(struct doctor *doctor) ROLL_CHECKED;

/* What an environment is to be asked about: one for each. Its plan is borrowed until
 * doctor_look_there is done. */
struct doctor_place {
    const struct roll_plan *plan;
    const struct roll_plan_environment *environment;
};
/* Credentials, ARM, registries, Key Vaults of all places, side by side. */
struct roll_error *doctor_look_there(struct doctor *doctor, const struct doctor_place *places,
                                     size_t count) ROLL_CHECKED;

/* Prints a custom role for `az role definition create`. environments of one plan. */
struct roll_error *doctor_print_role(struct roll_app *app, const struct roll_plan *plan,
                                     const GPtrArray *environments, enum roll_lane lane)
    ROLL_CHECKED;

#endif
