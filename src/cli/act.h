/* What out, back, forward and hotfix have in common: choose, say it, ask, drive, tell. */
#ifndef ROLL_CLI_ACT_H
#define ROLL_CLI_ACT_H

#include "app.h"

struct roll_act_options {
    bool dry_run, what_if, yes, wait, no_wait, take, wait_for_access;
    const char *reason;
    const char *secrets; /* "recorded" (default) or "current" */
    int64_t timeout_ms;
    GPtrArray *targets, *overrides;
    int ring; /* 1 is the first; 0: all */
};

/* Rows for a command's table; `member` is its struct roll_act_options. */
#define ROLL_ACT_OPTIONS(type, member)                                                             \
    {"dry-run", 0,                                                                                 \
     ROLL_FLAG, offsetof(type, member.dry_run),                                                    \
     NULL,      "show what would change, offline; do nothing"},                                    \
        {"what-if", 0,                                                                             \
         ROLL_FLAG, offsetof(type, member.what_if),                                                \
         NULL,      "with --dry-run: ask ARM's what-if too"},                                      \
        {"yes", 'y', ROLL_FLAG, offsetof(type, member.yes), NULL, "do not ask"},                   \
        {"reason", 'r', ROLL_TEXT, offsetof(type, member.reason), "TEXT", "why; recorded"},        \
        {"target",   't',                                                                          \
         ROLL_TEXTS, offsetof(type, member.targets),                                               \
         "NAME",     "only this target; may be repeated"},                                         \
        {"ring",     0,                                                                            \
         ROLL_COUNT, offsetof(type, member.ring),                                                  \
         "N",        "only the targets of this ring (1 is the first)"},                            \
        {"override",    0,                                                                         \
         ROLL_TEXTS,    offsetof(type, member.overrides),                                          \
         "KIND[:NAME]", "pass a gate; needs --reason"},                                            \
        {"secrets", 0,                                                                             \
         ROLL_TEXT, offsetof(type, member.secrets),                                                \
         "WHICH",   "current: Key Vault secrets without their recorded versions, this once"},      \
        {"wait",    0,                                                                             \
         ROLL_FLAG, offsetof(type, member.wait),                                                   \
         NULL,      "wait for the end (default), and for approvals and windows"},                  \
        {"no-wait", 0,                                                                             \
         ROLL_FLAG, offsetof(type, member.no_wait),                                                \
         NULL,      "leave as soon as ARM has accepted"},                                          \
        {"wait-for-access",                                                                        \
         0,                                                                                        \
         ROLL_FLAG,                                                                                \
         offsetof(type, member.wait_for_access),                                                   \
         NULL,                                                                                     \
         "retry a 403 with new tokens, for 10 minutes"},                                   \
    {                                                                                              \
        "timeout", 0, ROLL_DURATION, offsetof(type, member.timeout_ms), "DURATION",                \
            "end the wait (not the deployment)"                                                    \
    }

/* One verb: how it chooses. */
struct roll_act {
    struct roll_app *app;
    const struct roll_act_options *options;
    struct roll_choice_options choice; /* targets, ring and overrides are filled by roll_act_run */
    enum roll_lane lane;
    const char *verb;                                /* out, back, … */
    bool resumes_back;                               /* a back during a back resumes it */
    bool scheduled; /* by roll run */
    bool when_open; /* outside of its window it is requested all the same, and waits */
    struct roll_plan *plan;                          /* set by roll_act_open */
    const struct roll_plan_environment *environment; /* set by roll_act_open */
    char *stream;                                    /* set by roll_act_open */
    char *name; /* what to type for the environment; set by roll_act_open */
    struct roll_git *git; /* opened by choose where it is needed; freed by roll_act_clear */
    struct roll_loop *loop;
    struct roll_links *links;
    json_t *documents; /* -o json: where the document goes, instead of stdout; borrowed, or NULL */
    json_t *with; /* --with-dependents: what goes back first, rollout.requested's; then it is only asked for; borrowed, or NULL */
    const char *part_of; /* the rollout that it is a part of; borrowed, or NULL */
    struct roll_act *whole; /* that one's command: it goes on by itself, and its loop and links are used; borrowed, or NULL */
    int64_t requested;   /* set by roll_act_run where `with` is: its number, if it waits now */
    const char *reason; /* where the person gives none: that of what is sent again */
    void *user;
    struct roll_error *(*choose)(struct roll_act *act, struct roll_choice **ret_choice);
};

/* Before anything else: do the options go together, and can a person be asked? ROLL_E_USAGE. */
struct roll_error *roll_act_check(const struct roll_act *act) ROLL_CHECKED;
/* Finds the environment, checks the options, opens ledger and loop, settles what an interrupted
 * rollout left. */
struct roll_error *roll_act_open(struct roll_act *act, const char *environment) ROLL_CHECKED;
/* For --dry-run, which asks nobody, not even the shared store: what this machine knows; a ledger in
 * memory where it knows nothing. */
struct roll_error *roll_act_read_ledger(struct roll_act *act) ROLL_CHECKED;
/* Records what became of intents without outcome, of which it speaks first. Nothing to settle: at once. */
struct roll_error *roll_act_settle(struct roll_act *act) ROLL_CHECKED;
/* Is it a kind that --override takes, with a name where it needs one? ROLL_E_USAGE. */
struct roll_error *roll_act_check_override(const char *given) ROLL_CHECKED;
struct roll_error *roll_act_run(struct roll_act *act) ROLL_CHECKED;
void roll_act_clear(struct roll_act *act);

/* Records a release that is not in the ledger yet. */
struct roll_error *roll_act_record(struct roll_act *act, const struct roll_release *release)
    ROLL_CHECKED;

/* act_release.c: which release goes out. All NULL: with `after` in the plan the newest that the predecessor has proved, else a
 * snapshot of HEAD; a snapshot is recorded. */
struct roll_act_source {
    const char *release, *ref, *version;
    GPtrArray *artifacts;
    bool allow_dirty;
};
struct roll_error *roll_act_decide_release(struct roll_act *act,
                                           const struct roll_act_source *source,
                                           char **ret_version) ROLL_CHECKED;

/* The repository of the plan; ROLL_E_GIT and friends. Opened once. */
struct roll_error *roll_act_git(struct roll_act *act) ROLL_CHECKED;

/* The same where the choice can do without, and says what it could not see. */
void roll_act_try_git(struct roll_act *act);

/* Goes on with a rollout: an open one is resumed; of one that failed, what is still dirty is sent
 * again by a new one. */
struct roll_error *roll_act_resume(struct roll_act *act, int64_t rollout) ROLL_CHECKED;

/* Drives with live progress and prints how it ended. drive: one of roll_rollout_start, … wrapped.
 */
struct roll_driver_options roll_act_driver(const struct roll_act *act,
                                           struct roll_progress *progress);
struct roll_error *roll_act_finish(struct roll_act *act, const struct roll_outcome *outcome)
    ROLL_CHECKED;

/* act_govern.c: who asks and what governs, what has to be waited for and what is owed, entered into the request. */
struct roll_error *roll_act_govern(struct roll_act *act, struct roll_choice *choice) ROLL_CHECKED;
/* act_say.c */
char *roll_act_sentence(const struct roll_act *act, const struct roll_choice *choice); /* owned */
void roll_act_say_notes(struct roll_act *act, const struct roll_choice *choice);
/* --dry-run: the offline difference, and ARM's forecast with --what-if. */
struct roll_error *roll_act_show_diff(struct roll_act *act, const struct roll_choice *choice)
    ROLL_CHECKED;
/* What the goal does not have stays, unless leftovers (of one target) are deleted. */
void roll_act_leave_deleted(const struct roll_order_target *target, json_t *changes,
                            json_t *leftovers);
/* One target's, or that of several alike. tried, or NULL: what was sent last and did not succeed, where it is not known what they hold
 * (from is NULL then). */
void roll_act_say_change(struct roll_app *app, const char *names, const char *from,
                         const char *tried, const char *to, const json_t *changes);
/* The names of a view's targets in these states, in a line behind words; none: nothing. */
void roll_act_say_group(struct roll_app *app, const json_t *view, const char *words,
                        const char *const *states);
/* act_rehearse.c: --dry-run of resume and cancel, whose rollout was decided when it was asked for:
 * where each target stands, as far as it is known here, and what would become of it.
 * ROLL_E_NOTHING: it has ended. */
struct roll_error *roll_act_rehearse_resume(struct roll_act *act, int64_t rollout) ROLL_CHECKED;
struct roll_error *roll_act_rehearse_cancel(struct roll_act *act, int64_t rollout) ROLL_CHECKED;
/* act_alike.c: the offline difference of many targets, each kind of difference once; holds no more than one of each. */
struct roll_error *roll_act_say_alike(struct roll_act *act, const struct roll_choice *choice,
                                      const json_t *leftovers) ROLL_CHECKED;
/* act_with.c: a rollback with all that need it is one rollout, asked for first, that names its parts, waits for them and goes last.
 * How each part goes back: */
struct roll_act_with {
    struct roll_act *act; /* opened, of what was asked for */
    const struct roll_act_options *options;
    struct roll_choice_options choice; /* release and steps are for what was asked for alone */
    bool anyway;
};
struct roll_error *roll_act_with_dependents(const struct roll_act_with *with) ROLL_CHECKED;
/* Those parts of an open rollout (of act) that have not gone back yet. *ret_stopped: one did not; it was said, and the exit
 * status is set. Nothing when it has no parts. */
struct roll_error *roll_act_run_parts(struct roll_act *act, int64_t rollout, bool *ret_stopped) ROLL_CHECKED;
/* The parts of an ended one that never went back, as `with` of its successor; NULL: none. New reference. */
struct roll_error *roll_act_parts_left(struct roll_act *act, int64_t rollout, json_t **ret_with) ROLL_CHECKED;
/* roll_choose_back; a goal that is known to be dead is no goal, unless anyway. */
struct roll_error *roll_act_choose_back(struct roll_act *act, bool anyway,
                                        struct roll_choice **ret_choice) ROLL_CHECKED;
/* act_prune.c: where leftovers are deleted (else nothing): {target: [{"id","release","delete","reason"?}]}, with --what-if as ARM
 * knows them; the same said; what became of them in a rollout's view; and whether a rollout was asked to delete them. */
struct roll_error *roll_act_leftovers(struct roll_act *act, const struct roll_choice *choice,
                                      json_t **ret_leftovers) ROLL_CHECKED;
struct roll_error *roll_act_say_prune(struct roll_act *act, const struct roll_choice *choice)
    ROLL_CHECKED;
void roll_act_say_leftovers(struct roll_act *act, const json_t *leftovers);
bool roll_act_is_deleted(const json_t *leftovers, const char *id); /* leftovers: of one target */
size_t roll_say_leftovers(struct roll_app *app, const json_t *view);
struct roll_error *roll_act_prunes(struct roll_act *act, int64_t rollout, bool *ret_prunes)
    ROLL_CHECKED;
/* act_next.c: view is the rollout as `roll show` has it. */
struct roll_error *roll_act_say_next(struct roll_act *act, const struct roll_outcome *outcome,
                                     const json_t *view) ROLL_CHECKED;
/* With -o json stdout belongs to the document. */
const struct roll_screen *roll_act_progress_screen(const struct roll_app *app);

#endif
