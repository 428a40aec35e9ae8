/* Notices: what happened in an environment, told to webhooks (DESIGN section 7).
 *
 * They are made from the ledger, so that a crash loses none: the newest rollouts and looks say what happened, `notice.delivered` says
 * who was told. Delivery is at least once: a notice that left and was not recorded leaves again, with the same id. What is
 * older than ROLL_NOTICE_AGE_MS is told to nobody. An address is a secret: it comes from the environment variable that the
 * plan names (`env:NAME`), and only that name is ever shown or recorded. */
#ifndef ROLLBOOK_NOTIFY_H
#define ROLLBOOK_NOTIFY_H

#include "rollbook/http.h"
#include "rollbook/ledger.h"

#define ROLL_NOTICE_AGE_MS (INT64_C(7) * 24 * 3600 * 1000)
#define ROLL_NOTICE_ROLLOUTS 200 /* the newest of an environment that are looked at */
#define ROLL_NOTICE_TEXT 500     /* characters of a text that is told; what is longer is cut */

enum roll_notice_word { /* `on` in the plan */
    ROLL_NOTICE_FAILED,
    ROLL_NOTICE_ROLLED_BACK, /* a rollout of kind back succeeded */
    ROLL_NOTICE_HOTFIX,      /* was requested */
    ROLL_NOTICE_WAITING,     /* and waits still */
    ROLL_NOTICE_REFUSED,
    ROLL_NOTICE_EXPIRED,
    ROLL_NOTICE_CANCELLED,
    ROLL_NOTICE_SUPERSEDED,
    ROLL_NOTICE_SUCCEEDED, /* any other kind */
    ROLL_NOTICE_DRIFT,     /* a look found differences that the one before did not; not that there are fewer */
    ROLL_NOTICE_NOT_READY, /* a release cannot be gone back to; likewise */
    ROLL_NOTICE_OWED,      /* a gate that was put off was not passed, each time; a debt became overdue */
    ROLL_NOTICE_WORDS
};
extern const char *const roll_notice_words[ROLL_NOTICE_WORDS];

/* Texts are owned; those "or NULL" may be. */
struct roll_notice {
    char *id; /* shop/prod#17:failed, the same on every machine */
    enum roll_notice_word word;
    char *stream, *kind, *state; /* kind of a look: "look"; of what is owed: "debt" */
    char *subject;       /* of a look: the target, the release; the debt; else NULL */
    int64_t rollout, at; /* rollout: 0 for a look. at: when it happened, UTC ms */
    int64_t event;       /* of a look: the number of the one that found it first */
    char *release, *from, *who, *reason, *why, *error, *next; /* or NULL. why: of its end; error: the first one; next: to type */
};
void roll_notice_free(struct roll_notice *notice);

/* What happened in the stream since now_ms - ROLL_NOTICE_AGE_MS that one of the words (bits) names, oldest first; without error and
 * next, which roll_notice_describe looks up. A GPtrArray of struct roll_notice *, owned. */
struct roll_error *roll_notices(struct roll_ledger *ledger, const char *stream, unsigned words, int64_t now_ms, GPtrArray **ret_notices) ROLL_CHECKED;
struct roll_error *roll_notice_describe(struct roll_ledger *ledger, struct roll_notice *notice) ROLL_CHECKED;

enum roll_notice_format { ROLL_NOTICE_CLOUDEVENTS, ROLL_NOTICE_TEAMS, ROLL_NOTICE_SLACK, ROLL_NOTICE_FORMATS };
extern const char *const roll_notice_formats[ROLL_NOTICE_FORMATS];

/* The body to POST; ledger_id is part of a CloudEvent's source. Texts are bounded, and text that came from people or Azure is
 * never markup. A new reference. Sources: CloudEvents 1.0 JSON format; Adaptive Cards 1.4 in the message that Teams Workflows take;
 * Slack incoming webhooks, block kit. */
json_t *roll_notice_body(const struct roll_notice *notice, enum roll_notice_format format, const char *ledger_id);

struct roll_notify {
    struct roll_ledger *ledger;
    const struct roll_actor *actor;
    const json_t *rules; /* the plan's `notify`, or NULL */
    const char *stream;
    int64_t now_ms;
    int64_t bound_ms; /* how long all of it may take */
};
/* How many notices wait whose address is known here: environment variables are looked at, nothing is sent. */
struct roll_error *roll_notify_waiting(const struct roll_notify *notify, int *ret_count) ROLL_CHECKED;

struct roll_notified {
    int delivered, left;
    char *unset;   /* `env:NAME` of those whose address is not known here, though there is something to tell, or NULL: not in left */
    char *trouble; /* of the webhooks that were not told all, or NULL; names `env:NAME`, never an address */
};
void roll_notified_clear(struct roll_notified *notified);
/* Sends what waits, each webhook's in order, webhooks side by side, and records what was taken (any 2xx). No redirect is
 * followed, nothing but https or loopback is spoken. A webhook that is down is no error: `left` and `trouble` tell, and a later call
 * tries again. Errors are the ledger's. */
struct roll_error *roll_notify_deliver(const struct roll_notify *notify, struct roll_notified *ret_notified) ROLL_CHECKED;

#endif
