/* Workspaces and plans: find, read, check, as C structs (DESIGN section 12).
 *
 * plans/plan.schema.json is embedded and is itself the checker. A plan that is not valid gives ROLL_E_PLAN whose message
 * has all findings, a line each: `plans/shop.json:12:5: expected …`. Everything is owned by the plan and immutable. */
#ifndef ROLLBOOK_PLAN_H
#define ROLLBOOK_PLAN_H

#include <glib.h>
#include <jansson.h>

#include "rollbook/template.h"

/* ---- workspace ------------------------------------------------------------------------------ */

struct roll_workspace {
    char *root;       /* absolute, no slash at the end */
    char *state_dir;  /* ROOT/state */
    char **plans;     /* paths of plan files, absolute, sorted; NULL-terminated */
    char **services;  /* beside plans: the service that each declares, from a glance at its text */
    struct roll_plan_checker *checker; /* private: what reading one plan has prepared for the next */
};
/* From dir (NULL: current) upwards: a folder whose plans/ holds a plan (a *.json with "service") or ledger.json. Only
 * glances at the files: a plan that is not valid is found too, and refused when it is read. ROLL_E_NOT_FOUND. */
struct roll_error *roll_workspace_find(const char *dir, struct roll_workspace **ret_workspace) ROLL_CHECKED;
void roll_workspace_free(struct roll_workspace *workspace);
ROLL_AUTO_DEFINE(workspace, struct roll_workspace, roll_workspace_free)

/* ---- plan ----------------------------------------------------------------------------------- */

enum roll_lane { ROLL_LANE_RELEASE, ROLL_LANE_HOTFIX, ROLL_LANE_ROLLBACK, ROLL_LANE_COUNT };
extern const char *const roll_lane_names[ROLL_LANE_COUNT]; /* "release", "hotfix", "rollback" */

struct roll_plan_artifact {
    char *name;
    char *kind;      /* image, blob, package, gallery-image */
    char *reference; /* the plan's `name`: repository or URL, may hold {version}, {commit} */
    char *tag;       /* pattern, or NULL */
    char *parameter; /* template parameter that takes the reference */
};

struct roll_plan_target {
    char *name;
    enum roll_scope_kind scope;
    char *cloud, *tenant, *subscription, *credential; /* own or inherited; tenant, credential or NULL */
    char **auxiliary_tenants;                         /* own or the environment's; never NULL */
    char *resource_group, *management_group;          /* or NULL */
    char *location;                                   /* or NULL */
    char *apply;                                      /* deployment, stack */
    bool delete_unmanaged;                            /* stack: what leaves it is deleted, not detached */
    json_t *deny_settings;                            /* stack: as written, or NULL */
    char *deployment_name;                            /* fixed by the plan, or NULL */
    json_t *parameters;                               /* {name: value | {"reference":…}}, or NULL */
    int ring;                                         /* from 0 */
};

struct roll_plan_step { /* an ARM POST action after the deployment */
    char *action;       /* Microsoft.Web/sites/web-{target}/slotsswap */
    char *api_version;
    json_t *body;       /* or NULL */
    bool skip_on_back;  /* "onBack": "skip" */
};

enum roll_health_kind { ROLL_HEALTH_HTTP, ROLL_HEALTH_COMMAND, ROLL_HEALTH_ALERTS };
struct roll_plan_health {
    enum roll_health_kind kind;
    char *url;          /* HTTP; {target}, {environment}, {service}, {version} are replaced */
    int expect;         /* status, default 200 */
    char **command;     /* COMMAND: argument vector */
    char **severities;  /* ALERTS */
    int64_t within_ms;  /* keep trying so long; alerts are watched so long; default 5 min */
    int64_t every_ms;   /* default 5 s, of alerts 30 s */
};

struct roll_plan_lane {
    bool declared;
    char **roles;      /* who may request; empty: anybody */
    json_t *approvals; /* [{"role","count"}], or NULL */
    char **gates, **deferred, **overrides; /* never NULL */
    int64_t due_ms;    /* default 2 days */
    int64_t expires_ms; /* how long a request waits; default 7 days */
    char *credential;  /* or NULL */
};

struct roll_plan_environment {
    char *name;
    char *cloud;
    char *tenant, *subscription, *credential;
    char *after;             /* environment that must have had it, or NULL */
    int64_t after_bake_ms;
    GPtrArray *targets;      /* struct roll_plan_target *, in the plan's order; inline or from {"file": …} */
    GHashTable *target_index; /* name to struct roll_plan_target *, of targets */
    int rings;               /* how many; what no ring takes comes last, as one ring */
    int64_t bake_ms, hotfix_bake_ms;
    int max_parallel;        /* default 50 */
    int max_failures;        /* default 0 */
    bool back_on_failure;    /* "onFailure": "back" */
    GPtrArray *steps;        /* struct roll_plan_step * */
    GPtrArray *health;       /* struct roll_plan_health * */
    char **keep, **prune;    /* never NULL */
    struct roll_plan_lane lanes[ROLL_LANE_COUNT];
    bool has_lanes;
    json_t *windows, *freezes; /* as written, checked by the schema; or NULL */
    bool goes_on_when_closed;  /* "whenWindowCloses": "continue" */
    int64_t resume_within_ms;  /* default 1 h */
};

struct roll_plan_schedule {
    char *name, *environment;
    char *cron, *zone;   /* checked; calendar.h reads them */
    char *release;       /* a version, latest:ENVIRONMENT, or NULL: what `roll out` would take */
    int64_t ask_ms;      /* how long before its time it is requested, 0 */
    bool run_missed;     /* "missed": "run" */
    int64_t expires_ms;  /* how long after its time it may still start, 0: not said */
};

struct roll_plan {
    char *service;
    char *path;  /* absolute */
    char *text;  /* strict, minified: the governing plan as recorded */
    char *repository, *template_path, *parameters_path; /* repository absolute (relative to the folder above the plan's);
                                                           parameters_path or NULL, a pattern */
    char *template_spec;     /* id with its version, a pattern; or NULL. Then template_path is only its name for messages */
    GPtrArray *artifacts;    /* struct roll_plan_artifact * */
    char **sticky;           /* never NULL */
    int64_t data_version, data_floor; /* 0: not declared */
    GPtrArray *environments; /* struct roll_plan_environment * */
    GPtrArray *schedule;     /* struct roll_plan_schedule * */
    json_t *value;           /* the whole plan, for what is looked at by later rooms: roles, gates, notify, needs */
    int retain;
};

/* Reads and checks one plan file, and the files with targets that it names (relative to it; their findings are in the same
 * message). A file that cannot be read: ROLL_E_NOT_FOUND, ROLL_E_IO. */
struct roll_error *roll_plan_read(const char *path, struct roll_plan **ret_plan) ROLL_CHECKED;
void roll_plan_free(struct roll_plan *plan);
ROLL_AUTO_DEFINE(plan, struct roll_plan, roll_plan_free)

/* The plan of a service; name NULL: the only one. ROLL_E_NOT_FOUND names the services that there are; two plans of one
 * service are ROLL_E_PLAN. Reads that plan only: a broken one of another service does no harm. */
struct roll_error *roll_workspace_plan(const struct roll_workspace *workspace, const char *service, struct roll_plan **ret_plan) ROLL_CHECKED;

/* "prod" or "shop/prod" to a plan and one of its environments (borrowed from the plan). With several services "prod" alone
 * must be unique. ROLL_E_NOT_FOUND names the nearest, and all that there are. */
struct roll_error *roll_workspace_environment(const struct roll_workspace *workspace, const char *name, struct roll_plan **ret_plan,
                                              const struct roll_plan_environment **ret_environment) ROLL_CHECKED;

/* The environment SERVICE/ENVIRONMENT and all that need it, directly or through others ("needs" in any plan here): owned names,
 * each after everything that it needs. ROLL_E_PLAN: a name that no plan has, a circle, a plan that is not valid. */
struct roll_error *roll_workspace_dependents(const struct roll_workspace *workspace, const char *name, GPtrArray **ret_names) ROLL_CHECKED;

/* Whether the needs of all plans name what is there, and lead into no circle; ROLL_E_PLAN, or a plan's own error. */
struct roll_error *roll_workspace_check_needs(const struct roll_workspace *workspace) ROLL_CHECKED;
/* Who needs SERVICE/ENV, directly or not, by name: for whoever only mentions it. Neither checks plans nor reads files of
 * targets; a plan that cannot be read needs nothing. Owned, of owned texts. */
GPtrArray *roll_workspace_needed_by(const struct roll_workspace *workspace, const char *name);

/* Every environment of every service by name, in the plans' order, without checking the plans or reading files of targets. */
struct roll_outline {
    const char *service, *environment;
    bool has_lanes;
};
typedef struct roll_error *(*roll_outline_fn)(void *user, const struct roll_outline *row);
struct roll_error *roll_workspace_outline(const struct roll_workspace *workspace, roll_outline_fn fn, void *user) ROLL_CHECKED;

/* By name; borrowed from the plan, NULL when there is none. */
const struct roll_plan_environment *roll_plan_environment_find(const struct roll_plan *plan, const char *name);
const struct roll_plan_target *roll_plan_target_find(const struct roll_plan_environment *environment, const char *name);

/* The ring of a target, from 0. */
int roll_plan_ring(const struct roll_plan_environment *environment, const char *target);
int roll_plan_ring_count(const struct roll_plan_environment *environment);

/* Replaces {name} by values: names and values alternate, the list ends with NULL. `{{` is a brace. Unknown names, those
 * whose value is NULL, and a brace that is not closed: ROLL_E_PLAN. Owned. */
struct roll_error *roll_plan_fill(const char *pattern, char **ret_text, ...) ROLL_CHECKED __attribute__((sentinel));

/* Where the shared ledger is: plans/ledger.json (plans/ledger.schema.json). */
struct roll_store {
    char *account, *container;
    char *prefix;    /* of all blobs: "key" */
    char *cloud;     /* public, usgovernment, china */
    char *tenant;    /* or NULL */
    char *endpoint;  /* or NULL: the account's in its cloud */
    bool token;      /* a token, whatever else is in the environment */
};
/* *ret_store NULL: there is no such file, the ledger is this machine's alone. ROLL_E_PLAN as for a plan. */
struct roll_error *roll_workspace_store(const struct roll_workspace *workspace, struct roll_store **ret_store) ROLL_CHECKED;
void roll_store_free(struct roll_store *store);
ROLL_AUTO_DEFINE(store, struct roll_store, roll_store_free)

/* The embedded schema's text (for editors and `roll init`). */
const char *roll_plan_schema(size_t *ret_size);

#endif
