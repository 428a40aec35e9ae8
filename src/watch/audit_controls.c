/* The DevOps controls of the Microsoft cloud security benchmark v1, and what the ledger has to say
 * to each: facts that are evidence, and exceptions. Adding one is one row. */
#include <string.h>

#include "watch/audit.h"

static const struct {
    const char *id, *title, *note;
} controls[] = {
    {"DS-1", "Threat modelling", "The ledger has no evidence of it: link the threat model here."},
    {"DS-2", "Software supply chain security", NULL},
    {"DS-3", "Secure DevOps infrastructure", NULL},
    {"DS-4", "Static analysis as a gate", NULL},
    {"DS-5", "Dynamic analysis as a gate",
     "Gates that run a command or ask an address; what they look at is the plan's to say."},
    {"DS-6", "Workload security through the life cycle", NULL},
    {"DS-7", "Logging and monitoring of DevOps",
     "'roll ledger verify' proves chain and signatures; keep the heads below elsewhere."},
};

/* ---- evidence ------------------------------------------------------------------------------- */

static size_t one(const json_t *view)
{
    (void)view;
    return 1;
}

static size_t has_commit(const json_t *view)
{
    return json_object_get(json_object_get(view, "source"), "commit") != NULL;
}

static size_t has_artifacts(const json_t *view)
{
    return json_integer_value(json_object_get(json_object_get(view, "source"), "artifacts")) > 0;
}

static size_t is_proved(const json_t *view)
{
    return roll_json_get_string(json_object_get(view, "actor"), "proved") != NULL;
}

static size_t has_run(const json_t *view)
{
    return json_object_get(view, "run") != NULL;
}

static size_t is_committed(const json_t *view)
{
    return json_is_true(json_object_get(json_object_get(view, "governance"), "committed"));
}

static size_t count_given(const json_t *view)
{
    return json_array_size(json_object_get(json_object_get(view, "approvals"), "given"));
}

static size_t count_rejected(const json_t *view)
{
    return json_array_size(json_object_get(json_object_get(view, "approvals"), "rejected"));
}

static size_t count_reviews(const json_t *view)
{
    return json_array_size(json_object_get(view, "reviews"));
}

static size_t count_gates(const json_t *view, bool is_static, bool passed)
{
    size_t index, count = 0;
    json_t *gate;

    json_array_foreach (json_object_get(view, "gates"), index, gate)
        if (audit_is(gate, "kind", "sarif") == is_static && roll_json_get_string(gate, "verdict") &&
            audit_is(gate, "verdict", "passed") == passed)
            count++;
    return count;
}

static size_t static_passed(const json_t *view)
{
    return count_gates(view, true, true);
}

static size_t static_failed(const json_t *view)
{
    return count_gates(view, true, false);
}

static size_t dynamic_passed(const json_t *view)
{
    return count_gates(view, false, true);
}

static size_t dynamic_failed(const json_t *view)
{
    return count_gates(view, false, false);
}

static size_t was_sent(const json_t *view)
{
    return json_integer_value(json_object_get(view, "sent")) > 0;
}

static size_t went_back(const json_t *view)
{
    return was_sent(view) && audit_is(view, "kind", "back");
}

/* of: counted over the rollouts; event: or so many events of this kind. */
static const struct {
    const char *control, *fact;
    size_t (*of)(const json_t *view);
    const char *event;
} evidence[] = {
    {"DS-2", "releases recorded, every part by its digest", NULL, "release.made"},
    {"DS-2", "rollouts of a release that names its commit", has_commit, NULL},
    {"DS-2", "rollouts whose artifacts are pinned by digest", has_artifacts, NULL},
    {"DS-3", "rollouts asked for", one, NULL},
    {"DS-3", "of these by an identity that a token proved", is_proved, NULL},
    {"DS-3", "of these by a pipeline run that is named", has_run, NULL},
    {"DS-3", "of these under a plan and approvers as committed", is_committed, NULL},
    {"DS-3", "approvals given, each signed over the request's hash", count_given, NULL},
    {"DS-3", "rollouts refused by an approver", count_rejected, NULL},
    {"DS-3", "reviews after the event", count_reviews, NULL},
    {"DS-4", "scan reports that passed", static_passed, NULL},
    {"DS-4", "scan reports that did not", static_failed, NULL},
    {"DS-5", "commands and addresses that passed", dynamic_passed, NULL},
    {"DS-5", "commands and addresses that did not", dynamic_failed, NULL},
    {"DS-6", "rollouts that sent recorded templates and parameters", was_sent, NULL},
    {"DS-6", "of these rollbacks to recorded bytes", went_back, NULL},
    {"DS-6", "looks for drift", NULL, "drift.checked"},
    {"DS-6", "checks that a release can be deployed again", NULL, "readiness.checked"},
    {"DS-7", "events in the ledger, each chained to the one before", NULL, "all"},
    {"DS-7", "notices delivered", NULL, "notice.delivered"},
};

static json_t *evidence_for(const char *control, const json_t *rollouts, const json_t *events)
{
    json_t *list = json_array(), *view;
    size_t index;

    for (size_t i = 0; i < G_N_ELEMENTS(evidence); i++) {
        json_int_t count = 0;
        if (strcmp(evidence[i].control, control) != 0)
            continue;
        if (evidence[i].event)
            count = json_integer_value(json_object_get(events, evidence[i].event));
        else
            json_array_foreach (rollouts, index, view)
                count += (json_int_t)evidence[i].of(view);
        json_array_append_new(list,
                              json_pack("{s:s,s:I}", "fact", evidence[i].fact, "count", count));
    }
    return list;
}

/* ---- exceptions ----------------------------------------------------------------------------- */

/* kind: as in a rollout's exceptions, or an event's. */
static const struct {
    const char *control, *kind, *text;
} exceptions[] = {
    {"DS-2", "commit-unknown", "sent a release that names no commit"},
    {"DS-3", "actor-not-proved", "asked for by somebody whom no token proved"},
    {"DS-3", "membership-unknown", "let through although the token did not say the groups"},
    {"DS-3", "unapproved", "sent without asking for anybody's approval"},
    {"DS-3", "self-approved", "approved by who asked"},
    {"DS-3", "approval-overridden", "approval passed by"},
    {"DS-3", "governance-not-committed", "the governing plan was not as committed"},
    {"DS-3", "ungoverned", "no lanes governed it, or the governing plan is gone"},
    {"DS-3", "override", "another rule passed by"},
    {"DS-3", "debt-open", "something is owed"},
    {"DS-3", "debt-overdue", "something is overdue"},
    {"DS-4", "static-absent", "sent without a scan report as gate"},
    {"DS-4", "static-put-off", "scan report put off or passed by"},
    {"DS-5", "dynamic-absent", "sent without a command or address as gate"},
    {"DS-5", "dynamic-put-off", "command or address put off or passed by"},
    {"DS-6", "work-tree-dirty", "made from a work tree that had changes"},
    {"DS-6", "drift.found", "looks for drift that found some"},
    {"DS-7", "object.redacted", "objects taken out, each with a reason"},
    {"DS-7", "ledger.reconciled", "recorded aside while the store was out of reach"},
};

static bool has_exception(const json_t *view, const char *kind)
{
    size_t index;
    json_t *exception;

    json_array_foreach (json_object_get(view, "exceptions"), index, exception)
        if (audit_is(exception, "kind", kind))
            return true;
    return false;
}

static json_t *exceptions_of(const char *control, const json_t *rollouts, const json_t *events)
{
    json_t *list = json_array(), *view;
    size_t index;

    for (size_t i = 0; i < G_N_ELEMENTS(exceptions); i++) {
        json_t *names;
        json_int_t count = json_integer_value(json_object_get(events, exceptions[i].kind));
        if (strcmp(exceptions[i].control, control) != 0)
            continue;
        names = json_array();
        json_array_foreach (rollouts, index, view)
            if (has_exception(view, exceptions[i].kind))
                json_array_append(names, json_object_get(view, "rollout"));
        count += (json_int_t)json_array_size(names);
        if (count > 0)
            json_array_append_new(list,
                                  json_pack("{s:s,s:s,s:I,s:O}", "kind", exceptions[i].kind, "text",
                                            exceptions[i].text, "count", count, "rollouts", names));
        json_decref(names);
    }
    return list;
}

json_t *roll_audit_controls(const json_t *rollouts, const json_t *events)
{
    json_t *list = json_array();

    for (size_t i = 0; i < G_N_ELEMENTS(controls); i++)
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:s*,s:o,s:o}", "id", controls[i].id, "title",
                            controls[i].title, "note", controls[i].note, "evidence",
                            evidence_for(controls[i].id, rollouts, events), "exceptions",
                            exceptions_of(controls[i].id, rollouts, events)));
    return list;
}
