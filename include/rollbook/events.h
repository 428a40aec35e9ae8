/* Every kind of event: its name, body as a struct, and version, in one table. Owned by ledger.
 *
 * ROLL_EVENT_KINDS lists the kinds; ROLL_FIELDS_<id> lists the fields of a body. Struct, encoder, decoder and destructor
 * are made from these lists; JSON of events exists only in src/ledger/events.c. Append only: a field is never renamed or
 * given another meaning, new fields are OPTIONAL, a change of meaning raises the version.
 *
 * Field types:
 *   text     char *     UTF-8, NULL when absent
 *   number   int64_t    0 when absent
 *   flag     bool       false when absent
 *   texts    char **    NULL-terminated, NULL when absent
 *   object   char *     digest of an object; it is entered into the event's `objects`
 *   objects  char **    digests, likewise
 *   json     json_t *   anything else, canonical (integers only); NULL when absent
 * All are owned by the body. */
#ifndef ROLLBOOK_EVENTS_H
#define ROLLBOOK_EVENTS_H

#include <glib.h>
#include <jansson.h>

#include "rollbook/digest.h"
#include "rollbook/error.h"

/* ---- bodies: F(type, member, "name in JSON", REQUIRED or OPTIONAL) -------------------------- */

/* Stream SERVICE. A release was made. parts: template, linked templates, effective parameters of every target. */
#define ROLL_FIELDS_release_made(F)                                                                \
    F(text, version, "version", REQUIRED)                                                          \
    F(object, manifest, "manifest", REQUIRED)                                                      \
    F(objects, parts, "parts", REQUIRED)                                                           \
    F(text, commit, "commit", OPTIONAL)                                                            \
    F(text, ref, "ref", OPTIONAL)                                                                  \
    F(number, data_version, "dataVersion", OPTIONAL)                                               \
    F(number, data_floor, "dataFloor", OPTIONAL)                                                   \
    F(text, base, "base", OPTIONAL) /* a hotfix: the version that it was made from */

/* Stream SERVICE. `roll mark`: verdict is "good" or "bad". */
#define ROLL_FIELDS_release_marked(F)                                                              \
    F(text, version, "version", REQUIRED)                                                          \
    F(text, verdict, "verdict", REQUIRED)                                                          \
    F(text, fixed_by, "fixedBy", OPTIONAL) /* commit */                                            \
    F(text, reason, "reason", OPTIONAL)

/* Stream SERVICE/ENVIRONMENT from here on. rollout: sequence number of its rollout.requested; in a side stream, and for
 * what was requested there, its number in the main stream's course (ledger.h).
 * lane: release, hotfix, rollback. kind: out, hotfix, back, forward, adopted. order: what is done to which target
 * (release.h). bad: versions that this back marks bad here; lifts: versions whose mark here this forward lifts. */
#define ROLL_FIELDS_rollout_requested(F)                                                           \
    F(text, lane, "lane", REQUIRED)                                                                \
    F(text, kind, "kind", REQUIRED)                                                                \
    F(text, release, "release", OPTIONAL) /* version; absent when targets go to different ones */  \
    F(text, from, "from", OPTIONAL)       /* version that was live; absent when mixed or none */   \
    F(object, order, "order", REQUIRED)                                                            \
    F(number, targets, "targets", REQUIRED)                                                        \
    F(text, reason, "reason", OPTIONAL)                                                            \
    F(number, cause, "cause", OPTIONAL)           /* rollout whose failure made this back */       \
    F(number, supersedes, "supersedes", OPTIONAL) /* rollout that this one takes the place of */   \
    F(flag, partial, "partial", OPTIONAL)         /* --target or --ring */                         \
    F(flag, hold, "hold", OPTIONAL)               /* sets the hold */                              \
    F(flag, unhold, "unhold", OPTIONAL)           /* ends the hold of a back */                    \
    F(texts, bad, "bad", OPTIONAL)                                                                 \
    F(texts, lifts, "lifts", OPTIONAL)                                                             \
    F(json, seen, "seen", OPTIONAL)           /* {stream: {"seq","hash"}} of other streams */      \
    F(json, overrides, "overrides", OPTIONAL) /* [{"kind","name","reason"}] */                     \
    F(json, gates, "gates", OPTIONAL)         /* what governs it: policy.h */                      \
    F(object, plan, "plan", OPTIONAL)         /* the governing plan */                             \
    F(object, approvers, "approvers", OPTIONAL) /* allowed signers, as ssh-keygen has them */      \
    F(object, revoked, "revoked", OPTIONAL)   /* keys that do not count: a KRL, or a list */       \
    F(text, driver, "driver", OPTIONAL)       /* UUID of the process, where it has to wait */      \
    F(text, slot, "slot", OPTIONAL) /* a schedule's slot key */                                    \
    F(number, not_before, "notBefore", OPTIONAL)                                                   \
    F(number, expires, "expires", OPTIONAL)                                                        \
    F(number, resume_within, "resumeWithin", OPTIONAL)                                             \
    F(objects, parts, "parts", OPTIONAL) /* parameters that this rollout made new: sticky values */ \
    F(json, with, "with", OPTIONAL)       /* what goes back before it, and how: rollout.h, "parts" */ \
    F(text, part_of, "partOf", OPTIONAL)  /* the rollout that this one is a part of, "network/prod#17" */

/* Who drives, until when (UTC ms). A renewal is another one by the same driver. */
#define ROLL_FIELDS_rollout_claimed(F)                                                             \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, driver, "driver", REQUIRED) /* UUID of the process's claim */                          \
    F(text, host, "host", REQUIRED)                                                                \
    F(number, until, "until", REQUIRED)                                                            \
    F(flag, settle, "settle", OPTIONAL) /* only to record outcomes: no PUT follows */               \
    F(json, timing, "timing", OPTIONAL) /* windows and freezes that count from here on, where they are not the request's */

#define ROLL_FIELDS_rollout_detached(F)                                                            \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, driver, "driver", REQUIRED)

/* Durable before the request leaves. step 0 is the deployment or stack, later ones are actions. The deployment's name and
 * correlation id follow from the hash of rollout.requested, target, step and attempt (rollout.h). */
#define ROLL_FIELDS_step_intended(F)                                                               \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, target, "target", REQUIRED)                                                            \
    F(number, step, "step", REQUIRED)                                                              \
    F(number, attempt, "attempt", REQUIRED)                                                        \
    F(text, release, "release", REQUIRED)                                                          \
    F(number, floor, "floor", OPTIONAL) /* the target's data floor rises to this */

/* Exactly one for every intent, and one for every health check (which has no intent).
 * outcome: succeeded, failed, cancelled, refused (never accepted), conflict (the name is another's), absent (never
 * arrived), skipped. result: outputResources, outputs that may be stored, ARM's whole error. */
#define ROLL_FIELDS_step_ended(F)                                                                  \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, target, "target", REQUIRED)                                                            \
    F(number, step, "step", REQUIRED)                                                              \
    F(number, attempt, "attempt", REQUIRED)                                                        \
    F(text, outcome, "outcome", REQUIRED)                                                          \
    F(flag, last, "last", OPTIONAL) /* nothing more happens to this target in this rollout */      \
    F(flag, accepted, "accepted", OPTIONAL)                                                        \
    F(text, release, "release", OPTIONAL)                                                          \
    F(number, arm_at, "armAt", OPTIONAL) /* ARM's own timestamp, UTC ms */                         \
    F(number, duration_ms, "durationMs", OPTIONAL)                                                 \
    F(number, resources, "resources", OPTIONAL)                                                    \
    F(text, code, "code", OPTIONAL)       /* innermost error code */                               \
    F(text, message, "message", OPTIONAL) /* innermost message, at most 2,000 bytes */             \
    F(object, result, "result", OPTIONAL)

/* A person asks to cancel. */
#define ROLL_FIELDS_rollout_cancelling(F)                                                          \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, reason, "reason", OPTIONAL)

/* The six ends of a rollout share one body. by: the rollout that superseded it. */
#define ROLL_FIELDS_rollout_end(F)                                                                 \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, reason, "reason", OPTIONAL)                                                            \
    F(number, by, "by", OPTIONAL)                                                                  \
    F(object, result, "result", OPTIONAL) /* leftovers, health that was only reported */
#define ROLL_FIELDS_rollout_succeeded ROLL_FIELDS_rollout_end
#define ROLL_FIELDS_rollout_failed ROLL_FIELDS_rollout_end
#define ROLL_FIELDS_rollout_cancelled ROLL_FIELDS_rollout_end
#define ROLL_FIELDS_rollout_refused ROLL_FIELDS_rollout_end
#define ROLL_FIELDS_rollout_expired ROLL_FIELDS_rollout_end
#define ROLL_FIELDS_rollout_superseded ROLL_FIELDS_rollout_end

#define ROLL_FIELDS_hold_set(F) F(text, reason, "reason", OPTIONAL)
#define ROLL_FIELDS_hold_lifted(F) F(text, reason, "reason", OPTIONAL)

/* `roll mark ENV floor N`: sets the floor of every target, or of one. */
#define ROLL_FIELDS_floor_set(F)                                                                   \
    F(number, floor, "floor", REQUIRED)                                                            \
    F(text, target, "target", OPTIONAL)                                                            \
    F(text, reason, "reason", REQUIRED)

#define ROLL_FIELDS_approval_given(F)                                                              \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, approver, "approver", REQUIRED)                                                        \
    F(text, signature, "signature", REQUIRED)
#define ROLL_FIELDS_approval_rejected(F)                                                           \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, approver, "approver", REQUIRED)                                                        \
    F(text, reason, "reason", OPTIONAL)
#define ROLL_FIELDS_gate_evaluated(F)                                                              \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, gate, "gate", REQUIRED)                                                                \
    F(text, verdict, "verdict", REQUIRED) /* passed, failed, error */                              \
    F(text, summary, "summary", OPTIONAL)                                                          \
    F(object, result, "result", OPTIONAL)                                                          \
    F(json, scripts, "scripts", OPTIONAL) /* what its command ran: {PATH: {"digest","dirty"?}} */
#define ROLL_FIELDS_debt_closed(F)                                                                 \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, debt, "debt", REQUIRED)                                                                \
    F(text, reason, "reason", OPTIONAL)
#define ROLL_FIELDS_review_given(F)                                                                \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, contained_in, "containedIn", OPTIONAL)                                                 \
    F(text, found, "found", OPTIONAL) /* of that: same artifacts, commit, differs, unknown */      \
    F(text, reason, "reason", REQUIRED)
#define ROLL_FIELDS_slot_passed(F)                                                                 \
    F(text, slot, "slot", REQUIRED)                                                                \
    F(text, fate, "fate", REQUIRED) /* skipped, expired, missed: a newer one was due, needless: it was there already */ \
    F(number, earlier, "earlier", OPTIONAL) /* so many before it were missed too, and have no event of their own */

#define ROLL_FIELDS_baseline_taken(F)                                                              \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, target, "target", REQUIRED)                                                            \
    F(object, result, "result", REQUIRED)                                                          \
    F(number, differences, "differences", OPTIONAL)                                                \
    F(number, pending, "pending", OPTIONAL) /* more that the activity log may still explain */
/* result: watch.h. differences: those that the rollout explains are none; fresh: of them, what the last look did not find. finding tells one set of differences from the next (result says who made them too, which is known later). */
#define ROLL_FIELDS_drift_checked(F)                                                               \
    F(text, target, "target", REQUIRED)                                                            \
    F(number, differences, "differences", OPTIONAL)                                                \
    F(object, result, "result", OPTIONAL)                                                          \
    F(text, finding, "finding", OPTIONAL)                                                          \
    F(number, rollout, "rollout", OPTIONAL) /* that put there what is live */                      \
    F(number, unevaluated, "unevaluated", OPTIONAL)                                                \
    F(number, fresh, "fresh", OPTIONAL)                                                            \
    F(number, unsure, "unsure", OPTIONAL) /* beside them: ARM may have said so just after the rollout */
#define ROLL_FIELDS_readiness_checked(F)                                                           \
    F(text, release, "release", REQUIRED)                                                          \
    F(text, state, "state", REQUIRED) /* ready, degraded, dead */                                  \
    F(object, result, "result", OPTIONAL)
/* An entry of ARM's history: evidence. parts: all objects of it; details (watch.h), template and parameters name them. */
#define ROLL_FIELDS_deployment_adopted(F)                                                          \
    F(text, name, "name", REQUIRED)                                                                \
    F(text, target, "target", REQUIRED)                                                            \
    F(text, release, "release", OPTIONAL) /* of a rollout of a lost ledger: what its tag says */   \
    F(number, arm_at, "armAt", REQUIRED)                                                           \
    F(objects, parts, "parts", REQUIRED)                                                           \
    F(text, state, "state", OPTIONAL) /* provisioningState */                                      \
    F(object, details, "details", OPTIONAL)                                                        \
    F(object, template, "template", OPTIONAL)                                                      \
    F(object, parameters, "parameters", OPTIONAL)
/* Evidence that counts from now on as a rollout of kind adopted, whose number is this event's: release succeeded on targets,
 * {TARGET: {"adopted": SEQ, "at", "durationMs", "resources", "result"?: details, "live"?: true, "dirty"?: true, "failed"?: true,
 * "floor"?}}; live: it is what the target has; dirty: since then nobody knows what the target has. What does not fit into one event goes on in the next one of the same
 * append (after). Of a lost ledger's rollout the rest says what its tags do; without them: lane release, it succeeded. */
#define ROLL_FIELDS_adoption_accepted(F)                                                           \
    F(text, name, "name", REQUIRED)                                                                \
    F(text, reason, "reason", OPTIONAL)                                                            \
    F(text, release, "release", OPTIONAL)                                                          \
    F(object, order, "order", OPTIONAL)                                                            \
    F(json, targets, "targets", OPTIONAL)                                                          \
    F(objects, parts, "parts", OPTIONAL)      /* parameters that the order names */                \
    F(flag, recovered, "recovered", OPTIONAL) /* from the tags of a lost ledger's deployments */   \
    F(text, lane, "lane", OPTIONAL)                                                                \
    F(text, from, "from", OPTIONAL)            /* version that was live */                         \
    F(text, failed, "failed", OPTIONAL)        /* it did not succeed as a whole: why */            \
    F(texts, bad, "bad", OPTIONAL)             /* versions that this back left */                  \
    F(texts, lifts, "lifts", OPTIONAL)         /* versions whose mark here this forward lifts */   \
    F(flag, partial, "partial", OPTIONAL)                                                          \
    F(flag, hold, "hold", OPTIONAL)            /* nothing ended this back's hold */                \
    F(number, count, "count", OPTIONAL)        /* targets of all its events, where there are several */ \
    F(number, from_at, "fromAt", OPTIONAL)     /* likewise: when the first one began, UTC ms */    \
    F(number, to_at, "toAt", OPTIONAL)         /* likewise: when the last one ended */             \
    F(number, after, "after", OPTIONAL)        /* goes on with the rollout of the event so many before it */

#define ROLL_FIELDS_prune_intended(F)                                                              \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, target, "target", REQUIRED)                                                            \
    F(text, resource, "resource", REQUIRED)                                                        \
    F(text, api_version, "apiVersion", REQUIRED)
#define ROLL_FIELDS_prune_ended(F)                                                                 \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, target, "target", REQUIRED)                                                            \
    F(text, resource, "resource", REQUIRED)                                                        \
    F(text, outcome, "outcome", REQUIRED)                                                          \
    F(text, message, "message", OPTIONAL)
#define ROLL_FIELDS_history_deleted(F)                                                             \
    F(number, rollout, "rollout", REQUIRED)                                                        \
    F(text, target, "target", REQUIRED)                                                            \
    F(texts, names, "names", REQUIRED)
#define ROLL_FIELDS_notice_delivered(F)                                                            \
    F(text, notice, "notice", REQUIRED)                                                            \
    F(text, webhook, "webhook", REQUIRED)

/* The shared ledger: side names the side stream, head its last hash, which is spliced in here. */
#define ROLL_FIELDS_ledger_joined(F)                                                               \
    F(text, side, "side", REQUIRED)                                                                \
    F(text, head, "head", REQUIRED)                                                                \
    F(number, side_seq, "seq", REQUIRED)
#define ROLL_FIELDS_ledger_reconciled ROLL_FIELDS_ledger_joined

/* Any stream that names the object. The digest is text here: the object itself is gone. */
#define ROLL_FIELDS_object_redacted(F)                                                             \
    F(text, object, "object", REQUIRED)                                                            \
    F(text, reason, "reason", REQUIRED)

/* Any stream: objects that the next event's own objects refer to. An event has room for some 400 digests; a release of
 * thousands of targets has more, and names them in events of this kind just before release.made. */
#define ROLL_FIELDS_objects_kept(F) F(objects, parts, "parts", REQUIRED)

/* ---- kinds: K(id, "name", version) ---------------------------------------------------------- */

#define ROLL_EVENT_KINDS(K)                                                                        \
    K(release_made, "release.made", 1)                                                             \
    K(release_marked, "release.marked", 1)                                                         \
    K(rollout_requested, "rollout.requested", 1)                                                   \
    K(rollout_claimed, "rollout.claimed", 1)                                                       \
    K(rollout_detached, "rollout.detached", 1)                                                     \
    K(step_intended, "step.intended", 1)                                                           \
    K(step_ended, "step.ended", 1)                                                                 \
    K(rollout_cancelling, "rollout.cancelling", 1)                                                 \
    K(rollout_succeeded, "rollout.succeeded", 1)                                                   \
    K(rollout_failed, "rollout.failed", 1)                                                         \
    K(rollout_cancelled, "rollout.cancelled", 1)                                                   \
    K(rollout_refused, "rollout.refused", 1)                                                       \
    K(rollout_expired, "rollout.expired", 1)                                                       \
    K(rollout_superseded, "rollout.superseded", 1)                                                 \
    K(hold_set, "hold.set", 1)                                                                     \
    K(hold_lifted, "hold.lifted", 1)                                                               \
    K(floor_set, "floor.set", 1)                                                                   \
    K(approval_given, "approval.given", 1)                                                         \
    K(approval_rejected, "approval.rejected", 1)                                                   \
    K(gate_evaluated, "gate.evaluated", 1)                                                         \
    K(debt_closed, "debt.closed", 1)                                                               \
    K(review_given, "review.given", 1)                                                             \
    K(slot_passed, "slot.passed", 1)                                                               \
    K(baseline_taken, "baseline.taken", 1)                                                         \
    K(drift_checked, "drift.checked", 1)                                                           \
    K(readiness_checked, "readiness.checked", 1)                                                   \
    K(deployment_adopted, "deployment.adopted", 1)                                                 \
    K(adoption_accepted, "adoption.accepted", 1)                                                   \
    K(prune_intended, "prune.intended", 1)                                                         \
    K(prune_ended, "prune.ended", 1)                                                               \
    K(history_deleted, "history.deleted", 1)                                                       \
    K(notice_delivered, "notice.delivered", 1)                                                     \
    K(ledger_joined, "ledger.joined", 1)                                                           \
    K(ledger_reconciled, "ledger.reconciled", 1)                                                   \
    K(object_redacted, "object.redacted", 1)                                                       \
    K(objects_kept, "objects.kept", 1)

enum roll_event_kind {
    ROLL_EVENT_UNKNOWN, /* made by a newer program: kept and shown, never driven */
#define K(id, name, version) ROLL_EVENT_##id,
    ROLL_EVENT_KINDS(K)
#undef K
    ROLL_EVENT_KIND_COUNT
};

#define ROLL_FIELD_C_text char *
#define ROLL_FIELD_C_number int64_t
#define ROLL_FIELD_C_flag bool
#define ROLL_FIELD_C_texts char **
#define ROLL_FIELD_C_object char *
#define ROLL_FIELD_C_objects char **
#define ROLL_FIELD_C_json json_t *

#define ROLL_FIELD_MEMBER(type, member, name, need) ROLL_FIELD_C_##type member;
/* struct roll_rollout_requested, struct roll_step_ended, … */
#define K(id, name, version)                                                                       \
    struct roll_##id {                                                                             \
        ROLL_FIELDS_##id(ROLL_FIELD_MEMBER)                                                        \
    };
ROLL_EVENT_KINDS(K)
#undef K

/* Who did it: proved by token claims, claimed by the environment. Either may be NULL; borrowed or owned as its holder says. */
struct roll_actor {
    char *proved;
    char *claimed;
};

/* An event as read. Everything is owned by the event. body points to the struct of its kind, or is NULL if unknown. */
struct roll_event {
    char *stream;
    int64_t seq;
    enum roll_event_kind kind;
    char *kind_name;
    int64_t at; /* UTC ms */
    struct roll_actor actor;
    char prev[ROLL_HEX_SIZE];
    char hash[ROLL_HEX_SIZE];
    char **objects; /* sorted digests */
    void *body;
    char *body_text; /* canonical JSON, as hashed */
    int64_t beside_at; /* 0; in the course of a stream that had moved on when a side stream was spliced in (ledger.reconciled):
                          when ARM last had a deployment of that side stream on the step's target; else 1 */
};

const char *roll_event_kind_name(enum roll_event_kind kind); /* static, NULL for UNKNOWN */
enum roll_event_kind roll_event_kind_find(const char *name);

/* The line that is hashed and its hash. body: the struct of kind. ROLL_E_LIMIT over 64 KiB, ROLL_E_INVALID for a missing
 * required field or text that is not UTF-8. The caller owns *ret_line. Pure. */
struct roll_error *roll_event_compose(const char *stream, int64_t seq, const char *prev, int64_t at,
                                      const struct roll_actor *actor, enum roll_event_kind kind, const void *body,
                                      GString **ret_line, char ret_hash[ROLL_HEX_SIZE]) ROLL_CHECKED;

/* Parses a line and checks its form (canonical bytes, exactly the members of DESIGN section 4). */
struct roll_error *roll_event_parse(const char *line, size_t size, struct roll_event **ret_event) ROLL_CHECKED;

/* An event made in memory, without bytes: for the simulator and for tests. body is copied. */
struct roll_event *roll_event_new(const char *stream, int64_t seq, int64_t at, const struct roll_actor *actor,
                                  enum roll_event_kind kind, const void *body);
void roll_event_free(struct roll_event *event);
ROLL_AUTO_DEFINE(event, struct roll_event, roll_event_free)

/* Typed body, NULL if the event is of another kind: roll_event_body(event, step_ended)->outcome. */
#define roll_event_body(event, id)                                                                 \
    ((event)->kind == ROLL_EVENT_##id ? (const struct roll_##id *)(event)->body : NULL)

/* Deep copy and destructor of a body; kind tells the struct. */
void *roll_event_body_copy(enum roll_event_kind kind, const void *body);
void roll_event_body_free(enum roll_event_kind kind, void *body);

#endif
