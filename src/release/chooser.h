/* What out, hotfix, back and forward have in common: from "this target goes to that release" to a
 * whole choice. */
#ifndef ROLL_RELEASE_CHOOSER_H
#define ROLL_RELEASE_CHOOSER_H

#include "release/history.h"
#include "release/manifest.h"

struct release_chooser {
    const struct roll_plan *plan;                    /* NULL: an automatic back looks at no plan */
    const struct roll_plan_environment *environment; /* likewise */
    const struct roll_choice_options *options;
    struct release_history *history; /* owned */
    enum roll_lane lane;
    const char *kind;
    GPtrArray *candidates; /* char *: selected targets: the plan's, in its order, then those only
                              the ledger has */
    struct roll_choice *choice; /* owned; handed over by release_chooser_finish */
    GPtrArray *skipped, *notes; /* char * */
    GPtrArray *groups;          /* struct release_note_group *: one note for many targets */
    GHashTable *stored;         /* char *: digests of objects that were looked for and found */
    GPtrArray *used;            /* char *: overrides that made a difference */
    guint clean;                /* targets that hold their goal */
    bool again;                 /* they get it once more */
    bool keeping;               /* one that is left out for want of values keeps another release */
};

struct roll_error *
release_chooser_new(const struct roll_plan *plan, const struct roll_plan_environment *environment,
                    struct roll_ledger *ledger, const struct roll_choice_options *options,
                    enum roll_lane lane, const char *kind, struct release_chooser **ret_chooser)
    ROLL_CHECKED;
/* Over a history (consumed), without a plan and without candidates. */
struct release_chooser *release_chooser_over(struct release_history *history,
                                             const struct roll_choice_options *options,
                                             enum roll_lane lane, const char *kind);
void release_chooser_free(struct release_chooser *chooser);
ROLL_AUTO_DEFINE(release_chooser, struct release_chooser, release_chooser_free)

void release_chooser_note(struct release_chooser *chooser, const char *format, ...)
    ROLL_PRINTF(2, 3);
/* "TEXT: 'a', 'b' and 3 more", one note for all targets with the same text. text is consumed. */
void release_chooser_note_target(struct release_chooser *chooser, char *text, const char *target);
void release_chooser_close_groups(struct release_chooser *chooser);
/* "VERSION: REASON"; reason is consumed. */
void release_chooser_skip(struct release_chooser *chooser, const char *version, char *reason);

/* The command that passes the gate `kind`, or NULL where the plan does not let it pass. Owned. */
char *release_chooser_override_command(const struct release_chooser *chooser, const char *version,
                                       const char *kind);
/* Was this gate overridden by the person? Remembers that it mattered. */
bool release_chooser_overridden(struct release_chooser *chooser, const char *kind);

/* The highest data floor of the candidates (0: none) and whose it is (borrowed, or NULL). */
int64_t release_chooser_floor(const struct release_chooser *chooser, const char **ret_target);

/* The facts of a version for all candidates, and the verdict. ret_reason as release_eligible. */
struct roll_error *release_chooser_verdict(struct release_chooser *chooser, const char *version,
                                           enum release_verdict *ret_verdict, char **ret_reason)
    ROLL_CHECKED;
/* A refusal for such a verdict, with what to type next. reason is consumed. */
struct roll_error *release_chooser_refuse(struct release_chooser *chooser, const char *version,
                                          enum release_verdict verdict, char *reason) ROLL_CHECKED;

/* This target is to hold that release: adds it to the order unless it is there and clean, or has no
 * recorded body. */
struct roll_error *release_chooser_put(struct release_chooser *chooser, const char *target,
                                       const char *version) ROLL_CHECKED;

/* What was left behind becomes bad here, unless it is a goal, is so already, or only some targets
 * go back. */
struct roll_error *release_chooser_leave(struct release_chooser *chooser, const char *version)
    ROLL_CHECKED;

/* The same for every release that an order brought to the targets in touched. */
struct roll_error *release_chooser_leave_order(struct release_chooser *chooser,
                                               const struct roll_order *order, GHashTable *touched)
    ROLL_CHECKED;

/* A target's newest eligible release, as if `skip_rollout` had not been; *ret_version NULL when
 * there is none. Owned. */
struct roll_error *release_target_goal(struct release_chooser *chooser, const char *target,
                                       int64_t skip_rollout, char **ret_version) ROLL_CHECKED;

/* Rings, limits and the request. ROLL_E_NOTHING when no target needs a step. */
struct roll_error *release_chooser_finish(struct release_chooser *chooser,
                                          struct roll_choice **ret_choice) ROLL_CHECKED;

/* ---- whole.c --------------------------------------------------------------------------------- */

/* Is what the target would be sent still in the ledger? ROLL_E_DAMAGED names release, target and
 * the next release that is whole. */
struct roll_error *release_check_manifest(struct release_chooser *chooser,
                                          const struct release_info *info, const char *target)
    ROLL_CHECKED;
struct roll_error *release_check_objects(struct release_chooser *chooser,
                                         const struct roll_order_target *target) ROLL_CHECKED;

/* ---- sticky.c -------------------------------------------------------------------------------- */

/* Gives target the parameters that are sent: sticky ones with the value of the last accepted step
 * (lane rollback), secrets without their recorded version (--secrets current). New parameters go
 * into the choice's blobs. */
struct roll_error *release_sticky_apply(struct release_chooser *chooser, const json_t *manifest,
                                        struct roll_order_target *target) ROLL_CHECKED;

/* ---- keep.c ---------------------------------------------------------------------------------- */

/* ROLL_E_REFUSED when a stack of the order would delete what the plan keeps, as far as the ledger
 * knows what it manages. */
struct roll_error *release_check_kept(const struct release_chooser *chooser,
                                      const struct roll_choice *choice) ROLL_CHECKED;

/* ---- include_new.c --------------------------------------------------------------------------- */

/* A manifest's entry for a target that the release does not know: today's plan for the target, with
 * the values that the release recorded for its siblings. ROLL_E_REFUSED names what is missing. New
 * reference; the parameters are in blobs. */
struct roll_error *release_include_new(struct release_chooser *chooser, const json_t *manifest,
                                       const char *name, json_t **ret_entry) ROLL_CHECKED;

/* ---- differences.c --------------------------------------------------------------------------- */

/* Notes where what is recorded for the target differs from today's plan. */
struct roll_error *release_note_differences(struct release_chooser *chooser,
                                            const struct roll_order_target *target) ROLL_CHECKED;

/* ---- parameters_text.c ----------------------------------------------------------------------- */

/* The effective parameters as they are sent and stored: strict JSON, names sorted by byte. Owned.
 */
GString *release_parameters_write(json_t *parameters);

#endif
