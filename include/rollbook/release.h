/* Releases: make a snapshot, choose targets, compare two (DESIGN sections 5 and 6).
 *
 * A manifest is canonical JSON, an object of the ledger; its SHA-256 is the release's identity:
 *   {"service","version","commit","ref","author","dirty"?,"base"?,"bicep"?,"template":DIGEST,"templateHash",
 *    "templateSpec":{"id","digest"}?,
 *    "changes":[{"commit","subject"}],"linked":[{"path","digest"}],"artifacts":{NAME:{"kind","reference","parameter"}},
 *    "tags":{NAME: the tag that led to the digest}?,"data":{"version","floor"}?,"sticky":[…],"environments":{ENV:{"targets":{TARGET:{"parameters":DIGEST,
 *    "scope":{"kind","cloud",…},"apply","deleteUnmanaged"?,"denySettings"?,"deploymentName"?,"pins":[NAME],"secrets":[{"name","vault","secret","version"?}]}},
 *    "steps":[…]?}}}
 * The template is whole: what it links by relative path stands inside it. Effective parameters are objects of their own:
 * the map {name: {"value"|"reference"}} as strict JSON, names sorted. ref, author, changes, dirty, bicep and tags tell how a
 * release came to be and do not make it another one.
 *
 * An order says what one rollout does to each target; it is an object too, and together with events it is all that a
 * rollout needs: neither git nor today's plan is looked at again. */
#ifndef ROLLBOOK_RELEASE_H
#define ROLLBOOK_RELEASE_H

#include "rollbook/azure.h"
#include "rollbook/git.h"
#include "rollbook/ledger.h"
#include "rollbook/plan.h"

/* ---- making a release ----------------------------------------------------------------------- */

struct roll_release_options {
    const char *ref;                  /* NULL: HEAD */
    const char *version;              /* NULL: from git */
    const char *const *artifacts;     /* "web=…@sha256:…" or "web=@1.4.1", NULL-terminated, or NULL */
    const char *base;                 /* hotfix: version that it is made from */
    bool from_base;                   /* hotfix without --ref: template and parameters of base, only artifacts change */
    const char *commit;               /* --commit of such a hotfix, or NULL */
    bool allow_dirty;
    const char *const *overrides;     /* "secret-scan:NAME", … or NULL */
    bool offline;                     /* Azure is not asked: a template spec must be recorded under this version */
    struct roll_error *(*sandbox)(void *user, const char **ret_url); /* as of roll_links_new, for template specs; or NULL */
    void *sandbox_user;
};

/* An object to be appended with the event. */
struct roll_blob {
    char digest[ROLL_HEX_SIZE];
    GString *data; /* owned */
};

struct roll_release {
    char *service, *version;
    char digest[ROLL_HEX_SIZE]; /* of the manifest */
    json_t *manifest;           /* owned. Of a release that was just made the targets are left out (a fleet's are large): digest names the whole */
    GPtrArray *blobs;           /* struct roll_blob *: manifest, template, linked templates, parameters; empty if recorded */
    bool recorded;              /* the same content is in the ledger already under this version */
    char **notes;               /* for the person: deployer(), unpinnable defaults, dirty tree, … */
};
void roll_release_free(struct roll_release *release);
ROLL_AUTO_DEFINE(release, struct roll_release, roll_release_free)

/* Reads git, plan and registries (through loop; may be NULL when no tag has to be resolved); writes nothing. Refusals:
 * dirty tree (REFUSED), artifact without digest, plain secret, missing parameter, template errors, version reuse with other
 * content (CONFLICT). */
struct roll_error *roll_release_make(const struct roll_plan *plan, struct roll_ledger *ledger, struct roll_loop *loop,
                                     const struct roll_release_options *options, struct roll_release **ret_release) ROLL_CHECKED;
/* Appends release.made with its objects; does nothing for a recorded one. Reads again on conflict. */
struct roll_error *roll_release_record(struct roll_ledger *ledger, const struct roll_actor *actor, const struct roll_release *release) ROLL_CHECKED;
/* From the ledger, by version. ROLL_E_NOT_FOUND names the nearest. */
struct roll_error *roll_release_load(struct roll_ledger *ledger, const char *service, const char *version, struct roll_release **ret_release) ROLL_CHECKED;

/* ---- orders --------------------------------------------------------------------------------- */

struct roll_order_target {
    char *name;
    int ring;
    char *release, *manifest;      /* version and digest */
    char *template_digest, *parameters_digest; /* what is sent; parameters after sticky values */
    enum roll_scope_kind scope;
    char *cloud, *tenant, *subscription, *credential, *resource_group, *management_group, *location; /* or NULL */
    char *auxiliary_tenants;       /* GUIDs with commas between, or NULL */
    char *apply;                   /* deployment, stack */
    bool delete_unmanaged;         /* stack: what leaves it is deleted */
    json_t *deny_settings;         /* stack: as sent, or NULL: none. Owned */
    char *deployment_name;         /* of the deployment or stack, fixed by the plan; or NULL: derived */
    char *had;                     /* version that it held, or NULL */
    int64_t floor;                 /* data floor that the first intent raises it to */
    bool create_group;             /* lane release with a location */
    GPtrArray *steps;              /* struct roll_plan_step *: actions after the deployment, names filled in */
};

struct roll_order {
    char *service, *environment;
    enum roll_lane lane;
    char *kind;                    /* out, hotfix, back, forward */
    GPtrArray *targets;            /* struct roll_order_target *, by ring, then by the plan's order */
    int rings;                     /* 1 for lane rollback */
    int max_parallel, max_failures;
    int64_t bake_ms;
    bool health_reports_only;      /* lane rollback */
    GPtrArray *health;             /* struct roll_plan_health * */
    bool back_on_failure;
    char **keep;                   /* types that nothing may delete; NULL: none */
    char **prune;                  /* --prune: types that may be deleted beside the built-in ones; NULL: leftovers stay */
    char **parts;                  /* rollouts of other services that belong to this one and ended before, "network/prod#17"; NULL: none */
};
struct roll_order *roll_order_new(void);
void roll_order_free(struct roll_order *order);
ROLL_AUTO_DEFINE(order, struct roll_order, roll_order_free)
struct roll_error *roll_order_write(const struct roll_order *order, GString **ret_text) ROLL_CHECKED; /* canonical JSON */
struct roll_error *roll_order_read(const char *text, size_t size, struct roll_order **ret_order) ROLL_CHECKED;
/* Of the ledger, by digest. */
struct roll_error *roll_order_load(struct roll_ledger *ledger, const char *digest, struct roll_order **ret_order)
    ROLL_CHECKED;
/* As roll_order_read, one target at a time, in the order's order (borrowed, gone afterwards; what fn returns ends the reading),
 * and then the order without any: a fleet's takes no more than its text. */
typedef struct roll_error *(*roll_order_target_fn)(void *user, const struct roll_order_target *target);
struct roll_error *roll_order_each(const char *text, size_t size, roll_order_target_fn fn, void *user,
                                   struct roll_order **ret_head) ROLL_CHECKED;

/* ---- adopting ------------------------------------------------------------------------------- */

/* What ARM's history has of one deployment (module watch), as objects of the ledger. */
struct roll_evidence {
    const char *target;                               /* of the plan */
    const char *template_digest, *parameters_digest;  /* {name: {"value"|"reference"}}, without what ARM does not tell */
    const char *location;                             /* of the deployment, at other scopes than a group's; or NULL */
    int64_t data_version, data_floor;                 /* what its tags say of its release's data; 0 */
};
/* A release as if it had been made then, and the order of a rollout of kind adopted. What ARM does not tell (values of secure
 * parameters) is taken from today's plan, where the target has a reference for it. All pieces have the same template. ROLL_E_REFUSED
 * names what is missing for a redeploy, and how to map it. Nothing is written; what is to be recorded is in the release. */
struct roll_error *roll_release_adopt(const struct roll_plan *plan, const struct roll_plan_environment *environment, struct roll_ledger *ledger,
                                      const char *version, const char *deployment, const struct roll_evidence *pieces, size_t count,
                                      struct roll_release **ret_release, struct roll_order **ret_order) ROLL_CHECKED;
/* What stands in the way of deploying a template with these parameters again: [{"what","why","how"}]; target: of the plan, or NULL: a
 * name that the plan does not have. tmpl NULL: ARM has no template. New reference. */
json_t *roll_release_lacks(const struct roll_template *tmpl, const struct roll_plan_target *target, const json_t *parameters);

/* ---- choosing ------------------------------------------------------------------------------- */

struct roll_choice_options {
    const char *release;           /* out: --release; back, forward: --to; NULL: the default */
    int64_t at;                    /* back --at, UTC ms; 0 */
    int steps;                     /* back --steps; 0 */
    const char *const *targets;    /* --target, or NULL */
    int ring;                      /* --ring, -1: all */
    bool again;                    /* out: a target that has the release gets a step too */
    bool no_sticky, include_new, bad, secrets_current, recreate_groups;
    bool prune;                    /* back: leftovers are deleted; a target at its goal that has any gets a step too */
    const char *const *overrides;  /* "order", "hold", …, or NULL */
};

/* Words of --override that count here, in lane release and only as far as the plan's lane lists them (a plan without lanes
 * lets all pass): order, hold, after, hotfix, quarantine (a release that is marked bad); in lane hotfix: order, quarantine.
 * The data floor is passed by nothing but `roll mark ENV floor N`. Those that made a difference are in request.overrides
 * as [{"kind"}]; the caller adds the reason. */

/* What would be requested. Pure decision on ledger and plan; nothing is written. */
struct roll_choice {
    struct roll_order *order;
    struct roll_rollout_requested request; /* complete but for order digest and plan; its strings are owned */
    GPtrArray *blobs;              /* struct roll_blob *: parameters that sticky values made new */
    char **skipped;                /* "1.1.0: marked bad here (rollout 7)", … */
    char **notes;                  /* differences from today's plan, targets left out, sticky values, dropped hotfix, … */
    struct roll_head head;         /* of the environment's stream that it was decided on */
};
void roll_choice_free(struct roll_choice *choice);
ROLL_AUTO_DEFINE(choice, struct roll_choice, roll_choice_free)

/* back: a back that is under way is ROLL_E_CONFLICT (it is to be resumed) unless another goal is named; any other open
 * rollout is superseded, by hotfix too; out and forward refuse it with ROLL_E_CONFLICT. forward: whether it undoes a back
 * (lane rollback) or is a release can be read from the order's lane; that a reason is given is the caller's to check.
 * While targets hold different releases, the live one is the newest of them.
 *
 * Each returns ROLL_E_NOTHING when no target needs a step; REFUSED, NOT_FOUND with the reason and, in the error's detail,
 * {"next": [commands]} where DESIGN names one. git may be NULL (back and forward never need it; out uses it for ancestry
 * and, when it cannot, says so in notes). */
struct roll_error *roll_choose_out(const struct roll_plan *plan, const struct roll_plan_environment *environment, struct roll_ledger *ledger,
                                   struct roll_git *git, const struct roll_choice_options *options, struct roll_choice **ret_choice) ROLL_CHECKED;
struct roll_error *roll_choose_hotfix(const struct roll_plan *plan, const struct roll_plan_environment *environment, struct roll_ledger *ledger,
                                      struct roll_git *git, const struct roll_choice_options *options, struct roll_choice **ret_choice) ROLL_CHECKED;
struct roll_error *roll_choose_back(const struct roll_plan *plan, const struct roll_plan_environment *environment, struct roll_ledger *ledger,
                                    const struct roll_choice_options *options, struct roll_choice **ret_choice) ROLL_CHECKED;
struct roll_error *roll_choose_forward(const struct roll_plan *plan, const struct roll_plan_environment *environment, struct roll_ledger *ledger,
                                       struct roll_git *git, const struct roll_choice_options *options, struct roll_choice **ret_choice) ROLL_CHECKED;
/* After a failure with onFailure back: the touched targets of rollout return to what each had, or to its newest eligible
 * one. */
struct roll_error *roll_choose_auto_back(struct roll_ledger *ledger, const char *stream, int64_t rollout, const struct roll_order *failed,
                                         struct roll_choice **ret_choice) ROLL_CHECKED;

/* The release that `out` without --release would take, when `after` names an environment: newest that succeeded and baked
 * there, not bad. ROLL_E_NOT_FOUND. Owned version. */
struct roll_error *roll_choose_promoted(const struct roll_plan *plan, const struct roll_plan_environment *environment, struct roll_ledger *ledger, char **ret_version) ROLL_CHECKED;

/* What a schedule's `latest:FROM` takes: the newest release that succeeded in FROM and baked there (as long as `after` says, where
 * it names FROM), is not bad and does not descend from a bad one, there or here. ROLL_E_NOT_FOUND says why not. Owned. */
struct roll_error *roll_choose_latest(const struct roll_plan *plan, const struct roll_plan_environment *environment, const char *from,
                                      struct roll_ledger *ledger, struct roll_git *git, char **ret_version) ROLL_CHECKED;
/* Does a release hold what a hotfix fixed? By the references of the artifacts that it changed, else by its commits, as themselves or
 * as equal patches. UNKNOWN: git (NULL: there is none) lacks a commit. ROLL_E_NOT_FOUND: no such release. */
enum roll_holds { ROLL_HOLDS_UNKNOWN, ROLL_HOLDS_NOT, ROLL_HOLDS_BY_ARTIFACTS, ROLL_HOLDS_BY_COMMIT };
struct roll_error *roll_release_holds_fix(struct roll_ledger *ledger, struct roll_git *git, const char *service, const char *environment,
                                          const char *version, const char *fix, enum roll_holds *ret_holds) ROLL_CHECKED;
/* Is a release bad in an environment (or for the service), or does its commit contain a bad one's without containing the commit that
 * fixes it? *ret_reason: owned, NULL: neither. What cannot be told (git NULL, a commit that is not there) counts as yes. */
struct roll_error *roll_release_quarantined(struct roll_ledger *ledger, const char *stream, struct roll_git *git, const char *version, char **ret_reason) ROLL_CHECKED;

/* ---- comparing ------------------------------------------------------------------------------ */

/* Compares what targets hold (nothing where they had nothing) with what a choice would put there, offline. Where the last rollout did
 * not succeed nobody knows what a target holds: it is compared with what was sent. Made once for all targets of the choice, which is
 * borrowed, as ledger is: what they share is read once. */
struct roll_differ;
struct roll_error *roll_differ_new(struct roll_ledger *ledger, const struct roll_choice *choice, struct roll_differ **ret_differ) ROLL_CHECKED;
void roll_differ_free(struct roll_differ *differ);
ROLL_AUTO_DEFINE(differ, struct roll_differ, roll_differ_free)
/* The release that was sent last where it did not succeed; NULL: the target holds what the order says that it had. Borrowed until the
 * differ is freed. */
struct roll_error *roll_differ_tried(struct roll_differ *differ, const struct roll_order_target *target, const char **ret_version) ROLL_CHECKED;
/* One target of the choice's order. As roll_template_compare; new reference. */
struct roll_error *roll_differ_target(struct roll_differ *differ, const struct roll_order_target *target, json_t **ret_changes) ROLL_CHECKED;
/* Two releases of a service in an environment: {"target": changes}. */
struct roll_error *roll_release_diff(struct roll_ledger *ledger, const char *service, const char *environment, const char *a, const char *b, json_t **ret_diff) ROLL_CHECKED;

/* Resources that deployments since the goal was first there put on a target and the goal's own did not. Told from recorded
 * step results ({"outputResources":[ID, …]}), so equally before and after the goal is sent. Made once for all targets of an
 * order; ledger is borrowed. until: rollouts after this one do not count (as it was when that one ended); 0: all do. */
struct roll_leftovers;
struct roll_error *roll_leftovers_new(struct roll_ledger *ledger, const struct roll_order *order, int64_t until, struct roll_leftovers **ret_leftovers) ROLL_CHECKED;
void roll_leftovers_free(struct roll_leftovers *leftovers);
ROLL_AUTO_DEFINE(leftovers, struct roll_leftovers, roll_leftovers_free)
/* Of one target of that order: [{"id","release","begun"?: true, where no deployment got it done}], by id. New reference. */
struct roll_error *roll_leftovers_of(struct roll_leftovers *leftovers, const struct roll_order_target *target, json_t **ret_leftovers) ROLL_CHECKED;

/* ---- deleting leftovers ---------------------------------------------------------------------- */

/* A leftover and what is known of it. All texts owned, or NULL. */
struct roll_prune_item {
    char *id, *type, *release; /* release: the newest that put it */
    int64_t added_at;          /* UTC ms: intent of the first step since the goal that put it; 0: not known */
    char **needs;              /* ids of what its template says that it depends on */
    /* What ARM says, entered by the caller. */
    int64_t created_at;        /* UTC ms, 0: not known */
    bool gone;                 /* it is not there any more */
    char *api_version;
    char *reason;              /* why it stays (a lock, for one); NULL: it may go */
};
void roll_prune_item_free(struct roll_prune_item *item);

/* Made once for all targets of an order, which is borrowed, as ledger is. */
struct roll_pruner;
struct roll_error *roll_pruner_new(struct roll_ledger *ledger, const struct roll_order *order, struct roll_pruner **ret_pruner) ROLL_CHECKED;
void roll_pruner_free(struct roll_pruner *pruner);
ROLL_AUTO_DEFINE(pruner, struct roll_pruner, roll_pruner_free)
/* The leftovers of a target of that order, by id; those that stay for what the ledger and the plan say have their reason. */
struct roll_error *roll_pruner_items(struct roll_pruner *pruner, const struct roll_order_target *target, GPtrArray **ret_items) ROLL_CHECKED;
/* With what ARM says entered: the rest of the reasons; then what stays, and after it what is deleted, in that order. present: what
 * ARM lists in the scope ([{"id"}]). Pure. */
void roll_prune_decide(GPtrArray *items, const json_t *present);
/* The last part of that alone, which needs nothing of ARM: what stays keeps what it needs and what it lies below; the order. */
void roll_prune_spread(GPtrArray *items);

/* ---- keep ----------------------------------------------------------------------------------- */

/* Is the type one that --prune may delete: on the built-in list, or named by the plan's prune (may be NULL)? */
bool roll_type_may_go(char *const *prune, const char *type);
/* Is the resource's type one of the plan's words in keep (a star stands for everything below), or below one of them? Without
 * regard to case; keep may be NULL. */
bool roll_resource_is_kept(char *const *keep, const char *resource_id);
/* Those of managed ([{"id"}] or [ID]) that are kept and that the target's release does not put: they would leave its stack.
 * Named with commas, at most five; owned, NULL: none. */
struct roll_error *roll_order_unmanaged_kept(struct roll_ledger *ledger, const struct roll_order *order,
                                             const struct roll_order_target *target, const json_t *managed, char **ret_kept) ROLL_CHECKED;
/* Output that is kept: valid UTF-8, and lines that look like a credential are left out with a word. Owned. */
char *roll_release_redact(const char *text, size_t size);

/* What an answer about a linked template (link: of a template spec, or an address) or about an
 * artifact's address says of the content, to be compared later. A manifest's "seen" {PLACE:
 * {"mark","at"}} has what it was when the release was made; of "secret VAULT/NAME", whose reference
 * names no version, the one that was current. Owned. */
char *roll_release_mark(const json_t *body, bool link);

#endif
