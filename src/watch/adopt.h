/* Between the files of adoption; nobody outside module watch includes it. */
#ifndef ROLL_WATCH_ADOPT_H
#define ROLL_WATCH_ADOPT_H

#include "watch/drift.h"

enum watch_class {
    WATCH_OWN,       /* made by this ledger */
    WATCH_KNOWN,     /* adopted before */
    WATCH_RUNNING,   /* not ended yet */
    WATCH_NESTED,    /* a part of another one in the list */
    WATCH_POLICY,    /* Azure Policy's */
    WATCH_EVIDENCE,  /* of people and other tools */
    WATCH_RECOVERED, /* of this environment, by a ledger that is lost */
};

/* One entry of ARM's history. */
struct watch_entry {
    const struct roll_plan_target *target; /* borrowed */
    enum watch_class class;
    json_t *deployment; /* as ARM has it */
    const char *name, *state, *correlation,
        *hash;                          /* borrowed from it; hash: of the template, or NULL */
    const char *ledger, *release, *seq; /* its tags, where they are of this stream; else NULL */
    char *series;                       /* its name without what counts up */
    int64_t at, duration_ms;            /* ARM's */
    json_t *who;                        /* as watch_who, or NULL */
    json_t *lacks;                      /* as roll_release_lacks; once its template was asked for */
    int64_t accepted;                   /* KNOWN: its rollout of kind adopted, 0 */
};
void watch_entry_free(void *entry);

struct watch_adopting {
    const struct roll_adopt_options *options;
    char *stream;
    GPtrArray *entries;    /* struct watch_entry *, newest first for each target */
    GHashTable *templates; /* template hash -> struct watch_template * */
    json_t *targets;       /* of the report */
};

/* What an export gave; by hash, since most entries of a series have the same. */
struct watch_template {
    struct roll_template *tmpl; /* or NULL: why */
    GString *text;              /* likewise */
    char *why;
    char digest[ROLL_HEX_SIZE];
};

/* adopt_read.c: lists, sorts into classes, names who it was. */
struct roll_error *watch_adopt_read(struct watch_adopting *adopting) ROLL_CHECKED;
/* Asks for the templates of what is new. */
struct roll_error *watch_adopt_export(struct watch_adopting *adopting) ROLL_CHECKED;
struct watch_template *watch_adopt_template(const struct watch_adopting *adopting,
                                            const struct watch_entry *entry);

/* adopt_record.c: appends what is new; *ret_count of them. */
struct roll_error *watch_adopt_record(struct watch_adopting *adopting, int64_t *ret_count)
    ROLL_CHECKED;
/* What may be kept of its parameters: {name: {"value"|"reference"}}. New reference. */
json_t *watch_adopt_parameters(const struct watch_entry *entry, const struct roll_template *tmpl);

/* adopt_accept.c: evidence counts from now on. */

/* A row of the ledger, with its event. */
struct watch_found {
    char *target, *name, *state, *release;                      /* release: of the tag, or NULL */
    char *template_digest, *parameters_digest, *details_digest; /* or NULL */
    int64_t at, seq, accepted;
    json_t *details; /* or NULL */
};
/* All of the environment, by target and time. Owned array. */
struct roll_error *watch_found_read(const struct roll_adopt_options *options, const char *stream,
                                    GPtrArray **ret_found) ROLL_CHECKED;

struct watch_acceptance {
    const struct roll_adopt_options *options;
    const char *stream, *name; /* name: of the deployment, or the lost rollout */
    const char *reason;
    const GPtrArray *found; /* all */
    GPtrArray *pieces; /* struct watch_found *, of found: one for each target, of one template */
    char *version, manifest[ROLL_HEX_SIZE]; /* of the release; set by watch_accept_release */
    bool recovered;
};
/* Records the release, under the version or, where that is another's, the version and a time. */
struct roll_error *watch_accept_release(struct watch_acceptance *acceptance, const char *version)
    ROLL_CHECKED;
/* Appends adoption.accepted. *ret_done: {"name","release","rollout","at","targets":[…],"live":[…]}.
 */
struct roll_error *watch_accept(struct watch_acceptance *acceptance, json_t **ret_done)
    ROLL_CHECKED;
/* options->accept, the newest of each target. ROLL_E_NOT_FOUND; ROLL_E_NOTHING: it counts already.
 */
struct roll_error *watch_accept_name(const struct roll_adopt_options *options, const char *stream,
                                     json_t **ret_done) ROLL_CHECKED;

/* adopt_recover.c: the rollouts of lost ledgers that do not count yet, oldest first: as above, or
 * {"name","release","error"}. */
struct roll_error *watch_recover(const struct roll_adopt_options *options, const char *stream,
                                 json_t *done) ROLL_CHECKED;

#endif
