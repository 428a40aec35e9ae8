/* What single events say of a rollout: who asked under which plan, who approved, which gates said
 * what. */
#include <inttypes.h>
#include <string.h>

#include "watch/audit.h"

struct reading {
    struct audit *audit;
    const char *stream;
};

/* ---- the request ---------------------------------------------------------------------------- */

/* A governing plan by its digest; NULL when it is gone or was never recorded. Borrowed. */
static const json_t *recorded_plan(struct audit *audit, const char *digest)
{
    json_t *plan = digest ? g_hash_table_lookup(audit->plans, digest) : NULL;
    struct roll_error *err = NULL;

    if (!digest)
        return NULL;
    if (!plan) {
        err = roll_ledger_object_json(audit->ledger, digest, &plan);
        roll_error_free(err); /* redacted: what it said is gone, that it governed is not */
        plan = err ? json_null() : plan;
        g_hash_table_insert(audit->plans, g_strdup(digest), plan);
    }
    return json_is_object(plan) ? plan : NULL;
}

/* Where lanes are, a request is only made when plan and approvers are as committed, or says that
 * they were not. */
static json_t *committed(const json_t *plan, const char *environment, const json_t *overrides)
{
    const json_t *place = json_object_get(json_object_get(plan, "environments"), environment);
    size_t index;
    json_t *override;

    json_array_foreach (overrides, index, override)
        if (audit_is(override, "kind", "governance"))
            return json_false();
    return json_object_get(place, "lanes") ? json_true() : json_null();
}

static void set_text(json_t *object, const char *member, const char *text)
{
    if (text)
        json_object_set_new(object, member, json_string(text));
}

static void add_gate(json_t *view, const json_t *plan, const char *name, const char *when)
{
    static const char *const kinds[] = {"sarif", "command", "http"};
    const json_t *gate = json_object_get(json_object_get(plan, "gates"), name);
    json_t *entry = json_pack("{s:s,s:s,s:n}", "gate", name, "when", when, "verdict");

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (json_object_get(gate, kinds[i]))
            json_object_set_new(entry, "kind", json_string(kinds[i]));
    json_array_append_new(json_object_get(view, "gates"), entry);
}

static void add_gates(json_t *view, const json_t *plan, const json_t *gates)
{
    static const char *const lists[] = {"before", "after"};
    size_t index;
    json_t *value;

    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
        json_array_foreach (json_object_get(gates, lists[i]), index, value)
            add_gate(view, plan, json_string_value(value), lists[i]);
    json_array_foreach (json_object_get(gates, "debts"), index, value) {
        const char *debt = roll_json_get_string(value, "debt");
        if (debt && g_str_has_prefix(debt, "gate:"))
            add_gate(view, plan, debt + strlen("gate:"), "later");
    }
}

/* What became of parts is known to their own streams. */
static struct roll_error *take_parts(struct reading *reading, const struct roll_event *event,
                                     json_t *view)
{
    const struct roll_rollout_requested *body = event->body;
    json_t *parts = NULL;

    set_text(view, "partOf", body->part_of);
    if (!body->with || json_object_get(view, "parts"))
        return NULL;
    ROLL_TRY(roll_rollout_parts(reading->audit->ledger, reading->stream, event->seq, &parts));
    json_object_set_new(view, "parts", parts);
    return NULL;
}

static void take_request(struct reading *reading, const struct roll_event *event, json_t *view)
{
    const struct roll_rollout_requested *body = event->body;
    const json_t *plan = recorded_plan(reading->audit, body->plan);
    json_t *asked = json_object_get(body->gates, "approvals");
    json_t *owed = json_object_get(body->gates, "owed");
    json_t *governance = json_object();

    set_text(governance, "plan", body->plan);
    set_text(governance, "approvers", body->approvers);
    set_text(governance, "revoked", body->revoked);
    json_object_set_new(
        governance, "committed",
        committed(plan, roll_json_get_string(view, "environment"), body->overrides));
    json_object_set_new(view, "governance", governance);
    json_object_set_new(view, "request", json_string(event->hash));
    set_text(view, "slot", body->slot);
    if (body->overrides)
        json_object_set(view, "overrides", body->overrides);
    if (asked || owed)
        json_object_set(json_object_get(view, "approvals"), "asked", asked ? asked : owed);
    if (owed)
        json_object_set_new(json_object_get(view, "approvals"), "owed", json_true());
    add_gates(view, plan, body->gates);
}

/* ---- what came of it ------------------------------------------------------------------------ */

/* "SHA256:…", as ssh-keygen prints it; NULL when the signature is none. Owned. */
static char *fingerprint(const char *signature)
{
    char hex[ROLL_HEX_SIZE];
    guchar digest[(ROLL_HEX_SIZE - 1) / 2];
    g_autofree char *base64 = NULL;
    struct roll_error *err = signature ? roll_signature_key(signature, hex) : NULL;

    if (!signature || err) {
        roll_error_free(err);
        return NULL;
    }
    for (size_t i = 0; i < sizeof digest; i++)
        digest[i] =
            (guchar)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    base64 = g_base64_encode(digest, sizeof digest);
    base64[strcspn(base64, "=")] = '\0';
    return g_strconcat("SHA256:", base64, NULL);
}

/* What belongs to a voice and is not known is left out. */
static void add_voice(json_t *list, const struct roll_event *event, const char *by,
                      const char *signature, const char *reason)
{
    json_t *voice = json_object();
    g_autofree char *key = fingerprint(signature);

    set_text(voice, "by", by);
    json_object_set_new(voice, "at", audit_time(event->at));
    set_text(voice, "key", key);
    set_text(voice, "reason", reason);
    json_array_append_new(list, voice);
}

/* The last word on a gate counts; it may be asked for again while it is put off. */
static void take_gate(json_t *view, const struct roll_event *event)
{
    const struct roll_gate_evaluated *body = event->body;
    size_t index;
    json_t *gate;

    json_array_foreach (json_object_get(view, "gates"), index, gate) {
        if (!audit_is(gate, "gate", body->gate))
            continue;
        json_object_set_new(gate, "verdict", json_string(body->verdict));
        set_text(gate, "summary", body->summary);
        json_object_set_new(gate, "at", audit_time(event->at));
    }
}

static void count_step(json_t *view)
{
    json_int_t sent = json_integer_value(json_object_get(view, "sent"));

    json_object_set_new(view, "sent", json_integer(sent + 1));
}

static json_t *view_of(const struct reading *reading, int64_t number)
{
    g_autofree char *name = g_strdup_printf("%s#%" PRId64, reading->stream, number);

    return g_hash_table_lookup(reading->audit->views, name);
}

static void take_voice(const struct reading *reading, const struct roll_event *event)
{
    const struct roll_approval_given *given = roll_event_body(event, approval_given);
    const struct roll_approval_rejected *rejected = roll_event_body(event, approval_rejected);
    const struct roll_review_given *review = roll_event_body(event, review_given);
    json_t *view = view_of(reading, given      ? given->rollout
                                    : rejected ? rejected->rollout
                                               : review->rollout);
    json_t *approvals = json_object_get(view, "approvals");

    if (given)
        add_voice(json_object_get(approvals, "given"), event, given->approver, given->signature,
                  NULL);
    else if (rejected)
        add_voice(json_object_get(approvals, "rejected"), event, rejected->approver, NULL,
                  rejected->reason);
    else
        add_voice(json_object_get(view, "reviews"), event,
                  event->actor.proved ? event->actor.proved : event->actor.claimed, NULL,
                  review->reason);
}

/* What became of leftovers; where targets are told, it stands there. */
static void take_prune(const struct reading *reading, const struct roll_prune_ended *body)
{
    json_t *view = view_of(reading, body->rollout), *list = json_object_get(view, "pruned");

    if (!view || json_object_get(view, "targets"))
        return;
    if (!list) {
        list = json_array();
        json_object_set_new(view, "pruned", list);
    }
    json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s*}", "target", body->target, "resource",
                                          body->resource, "outcome", body->outcome, "message",
                                          body->message));
}

static void take_outcome(struct reading *reading, const struct roll_event *event)
{
    const struct roll_step_intended *intended = roll_event_body(event, step_intended);
    const struct roll_gate_evaluated *gate = roll_event_body(event, gate_evaluated);
    json_t *view = intended ? view_of(reading, intended->rollout)
                   : gate   ? view_of(reading, gate->rollout)
                            : NULL;

    if (view && intended)
        count_step(view);
    else if (view)
        take_gate(view, event);
    else if (event->kind == ROLL_EVENT_prune_ended)
        take_prune(reading, event->body);
    else if (event->kind == ROLL_EVENT_approval_given ||
             event->kind == ROLL_EVENT_approval_rejected || event->kind == ROLL_EVENT_review_given)
        take_voice(reading, event);
}

/* ---- counting ------------------------------------------------------------------------------- */

static void count(json_t *events, const char *kind)
{
    json_int_t before = json_integer_value(json_object_get(events, kind));

    json_object_set_new(events, kind, json_integer(before + 1));
}

static void count_event(struct audit *audit, const struct roll_event *event)
{
    const struct roll_drift_checked *drift = roll_event_body(event, drift_checked);

    if (event->at < audit->options->from || (audit->options->to && event->at >= audit->options->to))
        return;
    count(audit->events, "all");
    count(audit->events, event->kind_name);
    if (drift && drift->differences > 0)
        count(audit->events, "drift.found");
    audit_take_decision(audit, event);
}

static struct roll_error *take_event(void *user, const struct roll_event *event)
{
    struct reading *reading = user;
    const struct roll_release_made *made = roll_event_body(event, release_made);
    json_t *view;

    count_event(reading->audit, event);
    if (made) {
        g_hash_table_replace(reading->audit->releases,
                             g_strdup_printf("%s@%s", reading->stream, made->version),
                             g_strdup(made->manifest));
    } else if (event->kind == ROLL_EVENT_rollout_requested) {
        view = view_of(reading, event->seq);
        if (!view)
            return NULL;
        take_request(reading, event, view);
        return take_parts(reading, event, view);
    } else if (event->body) {
        take_outcome(reading, event);
    }
    return NULL;
}

struct roll_error *audit_read_stream(struct audit *audit, const char *stream)
{
    struct reading reading = {audit, stream};
    bool whole = g_strcmp0(stream, audit->options->stream) != 0;

    return roll_ledger_events(audit->ledger, stream, whole ? 1 : MAX(audit->options->first, 1),
                              take_event, &reading);
}
