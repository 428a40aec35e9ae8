/* What the files of the audit share. */
#ifndef ROLL_WATCH_AUDIT_H
#define ROLL_WATCH_AUDIT_H

#include "rollbook/json.h"
#include "rollbook/time.h"
#include "rollbook/watch.h"

struct audit {
    struct roll_ledger *ledger; /* or NULL */
    const struct roll_audit_options *options;
    GHashTable *views;    /* "STREAM#NUMBER" -> view, borrowed from the list */
    GHashTable *releases; /* "SERVICE@VERSION" -> digest of the manifest, owned */
    GHashTable *plans;    /* digest -> plan, a reference; JSON null: it is gone */
    json_t *events;       /* kind -> number; borrowed from the facts, as decisions */
    json_t *decisions;
};

/* Adds what the events of a stream say of the rollouts in views. */
struct roll_error *audit_read_stream(struct audit *audit, const char *stream) ROLL_CHECKED;
/* Adds the event to decisions if it is one. */
void audit_take_decision(struct audit *audit, const struct roll_event *event);
/* The member "approvals"."state" of a view, when all events were read. */
const char *audit_approval_state(const json_t *view);

static inline json_t *audit_time(int64_t at)
{
    char text[ROLL_TIME_SIZE];

    roll_time_format(at, text);
    return json_string(text);
}

static inline bool audit_is(const json_t *object, const char *member, const char *text)
{
    return g_strcmp0(roll_json_get_string(object, member), text) == 0;
}

#endif
