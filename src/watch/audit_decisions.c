/* What people decided beside rollouts: marks, holds, floors, what was taken for good, what was
 * redacted. */
#include <string.h>

#include "watch/audit.h"

static bool is_decision(enum roll_event_kind kind)
{
    return kind == ROLL_EVENT_release_marked || kind == ROLL_EVENT_hold_set ||
           kind == ROLL_EVENT_hold_lifted || kind == ROLL_EVENT_floor_set ||
           kind == ROLL_EVENT_adoption_accepted || kind == ROLL_EVENT_object_redacted;
}

void audit_take_decision(struct audit *audit, const struct roll_event *event)
{
    roll_auto(json) json_t *body = NULL;

    if (!is_decision(event->kind))
        return;
    /* It was read from the ledger, where what cannot be read does not arrive. */
    roll_error_free(
        roll_json_parse(event->body_text, strlen(event->body_text), ROLL_JSON_STRICT, &body));
    json_array_append_new(audit->decisions,
                          json_pack("{s:s,s:I,s:o,s:s,s:s,s:O*,s:{s:s*,s:s*}}", "stream",
                                    event->stream, "seq", (json_int_t)event->seq, "at",
                                    audit_time(event->at), "kind", event->kind_name, "hash",
                                    event->hash, "body", body, "actor", "proved",
                                    event->actor.proved, "claimed", event->actor.claimed));
}
