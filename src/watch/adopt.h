/* Between the files of adoption; nobody outside module watch includes it. */
#ifndef ROLL_WATCH_ADOPT_H
#define ROLL_WATCH_ADOPT_H

#include "watch/drift.h"

enum watch_class {
    WATCH_OWN,       /* made by this ledger */
    WATCH_KNOWN,     /* adopted before */
    WATCH_RUNNING,   /* not ended yet, or ARM does not say how */
    WATCH_NESTED,    /* a part of another one */
    WATCH_POLICY,    /* Azure Policy's */
    WATCH_OTHER,     /* of another environment or service, by a ledger; or of a target that the plan
                        does not have */
    WATCH_EVIDENCE,  /* of people and other tools */
    WATCH_RECOVERED, /* of this environment, by a ledger that is lost */
};

/* Where targets are: one history, whatever their number. */
struct watch_place {
    char *path;                           /* in lower case */
    const struct roll_plan_target *first; /* one of those that are asked for; borrowed */
    GPtrArray *targets;                   /* all of the environment that are here; borrowed */
    GPtrArray *stacks;                    /* json_t *: theirs */
    json_t *list;                         /* or NULL: why */
    char *why;
    bool has_new;       /* an entry that is to be recorded */
    json_t *log;        /* of activities, or NULL */
    GHashTable *events; /* correlation id -> json_t *, borrowed from it; or NULL */
};
void watch_place_free(void *data);

/* One entry of ARM's history, for one target. */
struct watch_entry {
    struct watch_place *place;             /* borrowed */
    const struct roll_plan_target *target; /* borrowed */
    enum watch_class class;
    json_t *deployment;              /* as ARM has it */
    const json_t *tags;              /* its own, or its stack's; borrowed, or NULL */
    const char *name, *state, *hash; /* borrowed from it; state, hash (of the template) or NULL */
    const char *release;             /* of its tags, where they fit; or NULL */
    char *correlation;               /* in lower case, or NULL */
    bool proved;                     /* tags of this stream, and name and id follow from them */
    bool forged;                     /* such tags, and they do not */
    char *stack;             /* named as a deployment inside that one, and evidence; or NULL */
    char *series;            /* its name without what counts up */
    int64_t at, duration_ms; /* ARM's */
    json_t *who;             /* as watch_who, or NULL */
    json_t *lacks;           /* as roll_release_lacks; once its template was asked for */
    int64_t accepted;        /* KNOWN: its rollout of kind adopted, 0 */
};
void watch_entry_free(void *data);
/* Is it to be recorded? */
bool watch_is_new(const struct watch_entry *entry);

struct watch_adopting {
    const struct roll_adopt_options *options;
    char *stream;
    GPtrArray *places;     /* struct watch_place * */
    GPtrArray *entries;    /* struct watch_entry *, by place, newest first */
    GHashTable *templates; /* template hash -> struct watch_template * */
    json_t *targets;       /* of the report */
    GHashTable *sent;      /* correlation id of this ledger's PUTs -> the target; for stacks */
    GHashTable *gaps;      /* name of a target -> its struct watch_place *, which was not read */
    bool unread;           /* a history could not be read */
};

/* What an export gave; by hash, since most entries of a series have the same. */
struct watch_template {
    struct roll_template *tmpl; /* or NULL: why */
    GString *text;              /* likewise */
    char *why;
    char digest[ROLL_HEX_SIZE];
};

/* ---- adopt_ask.c ----------------------------------------------------------------------------- */

/* Sends question number index, to be answered by fn(call). An error is an answer, too. */
typedef struct roll_error *(*watch_ask_fn)(void *user, guint index, roll_arm_fn fn, void *call);
typedef void (*watch_heard_fn)(void *user, guint index, const struct roll_arm_reply *reply);
/* Asks questions 0 to count-1, some side by side; each is heard once. */
struct roll_error *watch_ask_all(struct roll_loop *loop, guint count, watch_ask_fn ask,
                                 watch_heard_fn heard, void *user) ROLL_CHECKED;
/* "CODE: message". Owned. */
char *watch_why(const struct roll_arm_reply *reply);

/* ---- adopt_list.c: what ARM has -------------------------------------------------------------- */

struct roll_error *watch_adopt_list(struct watch_adopting *adopting) ROLL_CHECKED;
/* Names who made what is new. */
struct roll_error *watch_adopt_who(struct watch_adopting *adopting) ROLL_CHECKED;
struct roll_error *watch_adopt_arm(const struct roll_adopt_options *options,
                                   const struct roll_plan_target *target, struct roll_arm **ret_arm)
    ROLL_CHECKED;
/* Is it one of those that are asked for? */
bool watch_adopt_selected(const struct roll_adopt_options *options,
                          const struct roll_plan_target *target);
struct roll_arm_scope watch_adopt_scope(const struct roll_plan_target *target);

/* ---- adopt_proof.c --------------------------------------------------------------------------- */

enum watch_proof {
    WATCH_UNTAGGED, /* of no ledger */
    WATCH_FOREIGN,  /* of another stream, or of a target that the plan does not have */
    WATCH_PROVED,   /* of this stream: name and correlation id follow from its tags */
    WATCH_FORGED,   /* says so, and they do not follow */
};
/* Whose is a deployment? candidates: targets of the plan that it may be of; *ret_target (PROVED)
 * one of them. Tags are evidence alone where they do not fit: somebody deployed again with them, or
 * wrote them. */
enum watch_proof watch_prove(const struct roll_adopt_options *options, const char *stream,
                             const json_t *tags, const char *name, const char *correlation,
                             const GPtrArray *candidates,
                             const struct roll_plan_target **ret_target);

/* ---- adopt_stack.c: deployments inside stacks ------------------------------------------------ */

/* The stack of a target; NULL: it has none. Owned. */
char *watch_stack_name(const struct roll_adopt_options *options,
                       const struct roll_plan_target *target);
/* Is a deployment named as those that ARM makes for the target's stack? */
bool watch_is_of_stack(const struct roll_adopt_options *options,
                       const struct roll_plan_target *target, const char *name);
/* Fills adopting->sent, where the environment has stacks. */
struct roll_error *watch_adopt_sent(struct watch_adopting *adopting) ROLL_CHECKED;

/* ---- adopt_read.c: entries and their classes ------------------------------------------------- */

struct roll_error *watch_adopt_read(struct watch_adopting *adopting) ROLL_CHECKED;
/* Why a target's history cannot be read, or NULL. *ret_missing: it is not there, and so has none.
 */
const char *watch_adopt_gap(const struct watch_adopting *adopting, const char *target,
                            bool *ret_missing);

/* ---- adopt_nested.c: marks parts of others --------------------------------------------------- */

struct roll_error *watch_adopt_nested(struct watch_adopting *adopting) ROLL_CHECKED;

/* ---- adopt_export.c: asks for the templates of what is new ----------------------------------- */

struct roll_error *watch_adopt_export(struct watch_adopting *adopting) ROLL_CHECKED;
struct watch_template *watch_adopt_template(const struct watch_adopting *adopting,
                                            const struct watch_entry *entry);

/* ---- adopt_record.c -------------------------------------------------------------------------- */

/* Appends what is new; *ret_count of them. */
struct roll_error *watch_adopt_record(struct watch_adopting *adopting, int64_t *ret_count)
    ROLL_CHECKED;
/* What may be kept of its parameters: {name: {"value"|"reference"}}. New reference. */
json_t *watch_adopt_parameters(const struct watch_entry *entry, const struct roll_template *tmpl);

/* ---- adopt_found.c: what the ledger has ------------------------------------------------------ */

/* A row of the ledger, with its event. */
struct watch_found {
    char *target, *name, *state;                                /* state or NULL */
    char *template_digest, *parameters_digest, *details_digest; /* or NULL */
    int64_t at, seq, accepted;
    json_t *details; /* or NULL */
};
/* All of the environment, by target and time. Owned array. */
struct roll_error *watch_found_read(const struct roll_adopt_options *options, const char *stream,
                                    GPtrArray **ret_found) ROLL_CHECKED;
bool watch_found_succeeded(const struct watch_found *found);
int64_t watch_found_duration(const struct watch_found *found);

/* What came last, of everything that is known of the targets: to tell what they have. */
struct watch_traces;
struct watch_traces *watch_traces_new(const struct watch_adopting *adopting,
                                      const GPtrArray *found);
void watch_traces_free(struct watch_traces *traces);
ROLL_AUTO_DEFINE(watch_traces, struct watch_traces, watch_traces_free)
/* Nothing later put, or may have put, any of the same resources. What this ledger rolled out later
 * is seen when it is folded, too. */
bool watch_traces_is_live(const struct watch_traces *traces, const struct watch_found *piece);

/* ---- adopt_accept.c: evidence counts from now on --------------------------------------------- */

struct watch_acceptance {
    const struct roll_adopt_options *options;
    const struct watch_adopting *adopting; /* what was read; NULL with lost */
    const char *stream, *name;             /* name: of the deployment, or the lost rollout */
    const char *reason;
    const struct watch_traces *traces;
    GPtrArray *pieces; /* struct watch_found *: one for each target, of one template */
    char *version, manifest[ROLL_HEX_SIZE]; /* of the release; set by watch_accept_release */
    const struct watch_lost *lost;          /* or NULL: a person's word */
    bool first;                             /* of what is accepted of a lost rollout */
    GHashTable *newest;  /* struct watch_found *: where one of them is not live, nobody knows what
                            is.  Borrowed, or NULL */
    char **bad, **lifts; /* borrowed, or NULL */
};
/* Can its pieces be deployed again? ROLL_E_REFUSED says what is missing. */
struct roll_error *watch_accept_check(const struct watch_acceptance *acceptance) ROLL_CHECKED;
/* Records the release, under the version or, where that is another's, the version and a time. */
struct roll_error *watch_accept_release(struct watch_acceptance *acceptance, const char *version)
    ROLL_CHECKED;
/* Appends adoption.accepted. *ret_done: {"name","release","rollout","targets":[…],"live":[…]}.
 * ROLL_E_NOTHING: one of the pieces counts already, by now. */
struct roll_error *watch_accept(struct watch_acceptance *acceptance, json_t **ret_done)
    ROLL_CHECKED;
/* options->accept, the newest of each target; what cannot be accepted is left, and named in
 * "left": [{"target","why"}]. ROLL_E_NOT_FOUND; ROLL_E_NOTHING: all of it counts already;
 * ROLL_E_REFUSED: none of it can be. */
struct roll_error *watch_accept_name(const struct watch_adopting *adopting, json_t **ret_done)
    ROLL_CHECKED;

/* ---- adopt_lost.c: what rollouts of lost ledgers were; pure ---------------------------------- */

struct watch_lost {
    char *key;                      /* LEDGER#SEQ */
    char *name;                     /* shop/prod#17 of ledger 1a2b3c4d */
    const char *ledger;             /* borrowed from its pieces, as are lane, kind, from */
    int64_t seq, from_ms, to_ms;    /* when it began and ended, by ARM */
    const char *lane, *kind, *from; /* or NULL */
    const char *release;            /* NULL: its targets got different ones */
    char **bad, **lifts;            /* versions, or NULL */
    int64_t targets;                /* of its order, 0: not known */
    bool told;                      /* its tags say what kind it was */
    bool partial, hold;
    char *failed;       /* why it did not succeed as a whole, or NULL */
    GPtrArray *pieces;  /* struct watch_found *, borrowed: the newest of each target */
    GHashTable *places; /* target -> place in pieces, from 1 */
};
/* Oldest first. found: borrowed, and lives longer. Owned array of struct watch_lost *. */
GPtrArray *watch_lost_group(const struct roll_adopt_options *options, const char *stream,
                            const GPtrArray *found);
/* What else follows from one another: which failed, what was backed away from, whether a hold
 * stands. */
void watch_lost_conclude(const GPtrArray *all);
/* Has it pieces that do not count yet? */
bool watch_lost_is_open(const struct watch_lost *lost);

/* ---- adopt_recover.c ------------------------------------------------------------------------- */

/* The rollouts of lost ledgers that do not count yet, oldest first, if nothing is in the way; what
 * became of it into the report ("recovered", "recovery"). */
struct roll_error *watch_recover(const struct watch_adopting *adopting, json_t *report)
    ROLL_CHECKED;
/* How many there are, and what would be in the way, into the report ("recovery"); who asks is not
 * looked at. */
struct roll_error *watch_recover_forecast(const struct watch_adopting *adopting, json_t *report)
    ROLL_CHECKED;

#endif
