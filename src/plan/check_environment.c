/* What a schema cannot say of one environment: rings, lanes, steps, health, and the scope of each
 * target. */
#include <string.h>

#include "plan/internal.h"

#define MAX_DESCRIBED 100 /* each looks at every target */
#include "rollbook/time.h"

struct environment_check {
    const struct roll_draft *draft;
    struct roll_findings *findings; /* of the plan */
    json_t *plan;
    json_t *environment;
    char *base; /* /environments/NAME */
};

/* ---- targets -------------------------------------------------------------------------------- */

static bool says(json_t *target, const char *name)
{
    return json_object_get(target, name) != NULL;
}

/* Which scope a target has, and whether it has what that needs. Pointers are made only for a
 * finding: a fleet has ten thousand targets. */
static void check_target(const struct environment_check *check, struct roll_findings *findings,
                         const char *base, const char *name, json_t *target)
{
    bool subscription = says(target, "subscription") || says(check->environment, "subscription");
    bool group = says(target, "resourceGroup");
    bool management = says(target, "managementGroup");
    bool tenant = says(target, "scope");
    g_autofree char *pointer = NULL;
    if ((group && management) || (tenant && (group || management))) {
        pointer = roll_pointer(base, name, NULL);
        roll_findings_add(findings, pointer,
                          "expected only one of 'resourceGroup', 'managementGroup' and 'scope'");
        return;
    }
    if (!management && !tenant && !subscription) {
        pointer = roll_pointer(base, name, NULL);
        roll_findings_add(findings, pointer,
                          group ? "expected a 'subscription', here or in the environment: the "
                                  "resource group needs one"
                                : "expected a scope: 'resourceGroup', 'managementGroup', "
                                  "'subscription' or \"scope\": \"tenant\"");
        return;
    }
    if (!group && !says(target, "location")) {
        pointer = roll_pointer(base, name, NULL);
        roll_findings_add(findings, pointer,
                          "expected a 'location': a deployment outside resource groups is recorded "
                          "in one");
    }
}

static bool is_stack(const struct environment_check *check, json_t *target)
{
    const char *own = roll_json_get_string(target, "apply");
    const char *apply = own ? own : roll_json_get_string(check->environment, "apply");
    return g_strcmp0(apply, "stack") == 0;
}

/* REST reference 4.1, 4.2, 4.4. */
static void check_stack(const struct environment_check *check, struct roll_findings *findings,
                        const char *base, const char *name, json_t *target)
{
    json_t *own = json_object_get(target, "denySettings");
    json_t *deny = own ? own : json_object_get(check->environment, "denySettings");
    const char *mode = roll_json_get_string(deny, "mode");
    g_autofree char *pointer = NULL;
    if (!is_stack(check, target))
        return;
    pointer = roll_pointer(base, name, NULL);
    if (says(target, "scope"))
        roll_findings_add(findings, pointer,
                          "a tenant has no stacks: expected \"apply\": "
                          "\"deployment\"");
    if (says(target, "managementGroup") && mode && strcmp(mode, "none") != 0)
        roll_findings_add(findings, pointer,
                          "'denySettings' do not exist at management groups: expected the mode "
                          "'none'");
    if (json_array_size(json_object_get(deny, "excludedPrincipals")) > 5 ||
        json_array_size(json_object_get(deny, "excludedActions")) > 200)
        roll_findings_add(findings, pointer,
                          "'denySettings' excludes at most 5 principals and 200 actions");
}

/* Two targets that put the same deployment would take each other's for their own, and of two that
 * put the same stack each would drop what the other has. */
static char *deployment_key(const struct environment_check *check, json_t *target)
{
    const char *name = roll_json_get_string(target, "deploymentName");
    if (!name && is_stack(check, target))
        name = "";
    if (!name)
        return NULL;
    const char *own = roll_json_get_string(target, "subscription");
    const char *subscription = own ? own : roll_json_get_string(check->environment, "subscription");
    const char *group = roll_json_get_string(target, "resourceGroup");
    const char *management = roll_json_get_string(target, "managementGroup");
    g_autofree char *key = g_strdup_printf(
        "%s/%s/%s/%s", management || says(target, "scope") || !subscription ? "" : subscription,
        group ? group : "", management ? management : "", name);
    return g_ascii_strdown(key, -1);
}

static void check_targets(const struct environment_check *check, const char *environment)
{
    struct roll_document *document = NULL;
    g_autofree char *base = NULL;
    json_t *targets = roll_draft_targets(check->draft, environment, &document, &base);
    g_autoptr(GHashTable) deployments =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const char *name;
    json_t *target;
    json_object_foreach (targets, name, target) {
        check_target(check, document->findings, base, name, target);
        check_stack(check, document->findings, base, name, target);
        char *key = deployment_key(check, target);
        if (key && !g_hash_table_add(deployments, key)) {
            bool named = says(target, "deploymentName");
            g_autofree char *pointer =
                roll_pointer(base, name, named ? "deploymentName" : NULL, NULL);
            roll_findings_add(document->findings, pointer,
                              named ? "another target of the same scope has this deployment name"
                                    : "another target of the same scope has the same stack: "
                                      "expected a 'deploymentName' of its own");
        }
    }
}

/* ---- rings ---------------------------------------------------------------------------------- */

static size_t count_described(json_t *rings)
{
    size_t ring, count = 0;
    json_t *value;

    json_array_foreach (rings, ring, value)
        count += json_is_object(value);
    return count;
}

/* A ring that says what its targets are like, and is empty, says something else than was meant: a
 * word was mistyped, or the rings before it took all. Its targets would go with the last ring. */
static void check_taken(const struct environment_check *check, json_t *rings, json_t *targets)
{
    g_autofree char *base = roll_pointer(check->base, "rings", NULL);
    size_t ring;
    json_t *value;

    if (count_described(rings) > MAX_DESCRIBED) {
        roll_findings_add(check->findings, base, "more than %d rings by labels or percent",
                          MAX_DESCRIBED);
        return;
    }
    g_autoptr(GArray) numbers = roll_plan_deal(rings, targets);
    g_autofree guint *counts = g_new0(guint, json_array_size(rings) + 1);
    for (guint i = 0; i < numbers->len; i++)
        counts[g_array_index(numbers, int, i)]++;
    json_array_foreach (rings, ring, value) {
        if (!json_is_object(value) || counts[ring])
            continue;
        g_autofree char *pointer = roll_pointer_index(base, ring);
        roll_findings_add(check->findings, pointer,
                          json_object_get(value, "labels")
                              ? "no target that is not in a ring already has these labels"
                              : "all targets are in a ring already");
    }
}

static void check_rings(const struct environment_check *check, const char *environment)
{
    json_t *targets = roll_draft_targets(check->draft, environment, NULL, NULL);
    if (!targets)
        return; /* that they are missing is said elsewhere */
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    size_t ring, at;
    json_t *names, *name, *rings = json_object_get(check->environment, "rings");
    json_array_foreach (rings, ring, names) {
        json_array_foreach (names, at, name) {
            const char *text = json_string_value(name);
            bool known = text && json_object_get(targets, text);
            bool first = text && g_hash_table_add(seen, (gpointer)(uintptr_t)text);
            if (!text || (known && first))
                continue;
            g_autofree char *base = roll_pointer(check->base, "rings", NULL);
            g_autofree char *pointer = g_strdup_printf("%s/%zu/%zu", base, ring, at);
            if (!known)
                roll_findings_add(check->findings, pointer, "target '%s' is not among 'targets'",
                                  text);
            else
                roll_findings_add(check->findings, pointer, "target '%s' is in a ring already",
                                  text);
        }
    }
    check_taken(check, rings, targets);
}

/* ---- lanes ---------------------------------------------------------------------------------- */

/* Each text of a list must be a member of the plan's object `where`. */
static void check_names(const struct environment_check *check, const char *base, json_t *names,
                        const char *kind, const char *where)
{
    json_t *known = json_object_get(check->plan, where);
    size_t at;
    json_t *name;
    json_array_foreach (names, at, name) {
        const char *text = json_string_value(name);
        if (!text || json_object_get(known, text))
            continue;
        g_autofree char *pointer = roll_pointer_index(base, at);
        roll_findings_add(check->findings, pointer, "%s '%s' is not among '%s'", kind, text, where);
    }
}

static void check_approvals(const struct environment_check *check, const char *base,
                            json_t *approvals)
{
    json_t *roles = json_object_get(check->plan, "roles");
    size_t at;
    json_t *approval;
    json_array_foreach (approvals, at, approval) {
        const char *role = roll_json_get_string(approval, "role");
        if (!role || json_object_get(roles, role))
            continue;
        g_autofree char *pointer = g_strdup_printf("%s/%zu/role", base, at);
        roll_findings_add(check->findings, pointer, "role '%s' is not among 'roles'", role);
    }
}

static void check_lanes(const struct environment_check *check)
{
    static const struct {
        const char *list, *kind, *where;
    } rules[] = {
        {"roles", "role", "roles"}, {"gates", "gate", "gates"}, {"deferred", "gate", "gates"}};
    const char *name;
    json_t *lane;
    json_object_foreach (json_object_get(check->environment, "lanes"), name, lane) {
        for (size_t at = 0; at < G_N_ELEMENTS(rules); at++) {
            g_autofree char *base = roll_pointer(check->base, "lanes", name, rules[at].list, NULL);
            check_names(check, base, json_object_get(lane, rules[at].list), rules[at].kind,
                        rules[at].where);
        }
        g_autofree char *base = roll_pointer(check->base, "lanes", name, "approvals", NULL);
        check_approvals(check, base, json_object_get(lane, "approvals"));
    }
}

/* ---- steps, health, windows ----------------------------------------------------------------- */

static void check_health(const struct environment_check *check)
{
    static const char *const known[] = {"service", "environment", "target", "version", NULL};
    size_t at, word_at;
    json_t *health, *word;
    json_array_foreach (json_object_get(check->environment, "health"), at, health) {
        g_autofree char *list = roll_pointer(check->base, "health", NULL);
        g_autofree char *base = roll_pointer_index(list, at);
        g_autofree char *http = roll_pointer(base, "http", NULL);
        g_autofree char *command = roll_pointer(base, "command", NULL);
        roll_plan_check_pattern(check->findings, http, roll_json_get_string(health, "http"), known);
        json_array_foreach (json_object_get(health, "command"), word_at, word) {
            g_autofree char *pointer = roll_pointer_index(command, word_at);
            roll_plan_check_pattern(check->findings, pointer, json_string_value(word), known);
        }
    }
}

static void check_steps(const struct environment_check *check)
{
    static const char *const known[] = {"service", "environment", "target", NULL};
    size_t at;
    json_t *step;
    json_array_foreach (json_object_get(check->environment, "steps"), at, step) {
        g_autofree char *list = roll_pointer(check->base, "steps", NULL);
        g_autofree char *pointer = g_strdup_printf("%s/%zu/action", list, at);
        roll_plan_check_pattern(check->findings, pointer, roll_json_get_string(step, "action"),
                                known);
    }
}

static void check_when(const struct environment_check *check, const char *entries, size_t at,
                       json_t *entry)
{
    g_autofree char *cron = g_strdup_printf("%s/%zu/cron", entries, at);
    g_autofree char *zone = g_strdup_printf("%s/%zu/zone", entries, at);
    g_autofree char *length = g_strdup_printf("%s/%zu/for", entries, at);
    const char *text = roll_json_get_string(entry, "for");
    int64_t ms = 1;
    roll_auto(error) struct roll_error *err = text ? roll_duration_parse(text, &ms) : NULL;

    roll_plan_check_cron(check->findings, cron, roll_json_get_string(entry, "cron"));
    roll_plan_check_zone(check->findings, zone, roll_json_get_string(entry, "zone"));
    if (!err && ms <= 0)
        roll_findings_add(check->findings, length, "expected longer than nothing");
}

/* Both lists are referred to by name. Times of one form compare as texts. */
static void check_windows(const struct environment_check *check, const char *list)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    size_t at;
    json_t *entry;
    json_array_foreach (json_object_get(check->environment, list), at, entry) {
        g_autofree char *entries = roll_pointer(check->base, list, NULL);
        const char *name = roll_json_get_string(entry, "name");
        const char *from = roll_json_get_string(entry, "from");
        const char *to = roll_json_get_string(entry, "to");
        g_autofree char *named = g_strdup_printf("%s/%zu/name", entries, at);
        g_autofree char *ended = g_strdup_printf("%s/%zu/to", entries, at);
        if (name && !g_hash_table_add(names, (gpointer)(uintptr_t)name))
            roll_findings_add(check->findings, named, "'%s' stands here for the second time", name);
        if (from && to && strcmp(from, to) >= 0)
            roll_findings_add(check->findings, ended, "expected a time after 'from' (%s)", from);
        check_when(check, entries, at, entry);
    }
}

void roll_plan_check_environment(const struct roll_draft *draft, const char *name,
                                 json_t *environment)
{
    g_autofree char *base = roll_pointer("", "environments", name, NULL);
    struct environment_check check = {draft, draft->plan->findings, draft->plan->value, environment,
                                      base};
    check_targets(&check, name);
    check_rings(&check, name);
    check_lanes(&check);
    check_health(&check);
    check_steps(&check);
    check_windows(&check, "windows");
    check_windows(&check, "freezes");
}
