/* roll doctor --role LANE: an Azure custom role with the actions that this program calls in that
 * lane, and those of the resource types in the recorded releases' templates.
 *
 * Source: the requests that azure sends (REST reference 1 to 6), each with the action that Azure
 * asks for it. */
#include <string.h>

#include "doctor.h"

/* Releases whose templates are looked at: the newest, which a lane is likely to deploy. */
#define RELEASES_MAX 20
#define DEPTH_MAX 100

#define RELEASE (1u << ROLL_LANE_RELEASE)
#define HOTFIX (1u << ROLL_LANE_HOTFIX)
#define ROLLBACK (1u << ROLL_LANE_ROLLBACK)
#define ALL (RELEASE | HOTFIX | ROLLBACK)

/* What is called whatever is deployed. */
static const struct {
    unsigned lanes;
    const char *action;
} calls[] = {
    {ALL, "Microsoft.Resources/subscriptions/read"},
    {ALL, "Microsoft.Resources/subscriptions/operationresults/read"}, /* where a Location leads */
    {ALL, "Microsoft.Resources/subscriptions/resourceGroups/read"},
    {ALL, "Microsoft.Resources/subscriptions/providers/read"}, /* roll ready */
    {ALL, "Microsoft.Authorization/locks/read"},
    {ALL, "Microsoft.Authorization/permissions/read"},
    {ALL, "Microsoft.Resources/deployments/read"},
    {ALL, "Microsoft.Resources/deployments/write"},
    {ALL,
     "Microsoft.Resources/deployments/delete"}, /* own oldest ones, when ARM's history is full */
    {ALL, "Microsoft.Resources/deployments/cancel/action"},
    {ALL, "Microsoft.Resources/deployments/operations/read"},
    {ALL, "Microsoft.Resources/deployments/operationstatuses/read"},
    {ALL, "Microsoft.Resources/deployments/validate/action"},
    {ALL, "Microsoft.Resources/deployments/whatIf/action"},
    {ALL, "Microsoft.Insights/eventtypes/values/read"}, /* roll drift: who did it */
    /* roll back --prune: what is there, and since when */
    {ROLLBACK, "Microsoft.Resources/subscriptions/resources/read"},
    {ROLLBACK, "Microsoft.Resources/subscriptions/resourceGroups/resources/read"},
};

/* With "apply": "stack". */
static const char *const stack_calls[] = {
    "Microsoft.Resources/deploymentStacks/read",
    "Microsoft.Resources/deploymentStacks/write",
    "Microsoft.Resources/deploymentStacks/delete",
    "Microsoft.Resources/deploymentStacks/validate/action",
    "Microsoft.Resources/deploymentStacks/manageDenySetting/action",
};

struct role {
    struct roll_app *app;
    const struct roll_plan *plan;
    enum roll_lane lane;
    const GPtrArray *environments;                    /* struct roll_plan_environment *, borrowed */
    GHashTable *actions, *scopes, *providers, *notes; /* sets of owned text */
    size_t releases;
    bool deletes; /* a stack deletes what leaves it */
};

static void add(GHashTable *set, const char *text)
{
    g_hash_table_add(set, g_strdup(text));
}

static void add_action(struct role *role, const char *type, const char *verb)
{
    g_hash_table_add(role->actions, g_strdup_printf("%s/%s", type, verb));
}

/* ---- types of the templates ----------------------------------------------------------------- */

/* Microsoft.Web/sites, …/config: letters and slashes, no expression. */
static bool is_type(const char *text)
{
    const char *slash = strchr(text, '/');

    if (!slash || slash == text || !slash[1])
        return false;
    for (const char *at = text; *at; at++)
        if (!g_ascii_isalnum(*at) && *at != '.' && *at != '/' && *at != '-' && *at != '_')
            return false;
    return true;
}

static bool is_kept(char *const *keep, const char *type)
{
    g_auto(GStrv) words = g_strsplit(type, "/", -1);
    g_autoptr(GString) id = g_string_new("/providers/");

    for (guint i = 0; words[i]; i++)
        g_string_append_printf(id, i ? "/%s/any" : "%s", words[i]);
    return roll_resource_is_kept(keep, id->str);
}

/* What 'roll back --prune' may delete in one of the environments. */
static bool is_pruned(struct role *role, const char *type)
{
    if (role->lane != ROLL_LANE_ROLLBACK)
        return false;
    for (guint i = 0; i < role->environments->len; i++) {
        const struct roll_plan_environment *environment = role->environments->pdata[i];
        if (!roll_type_may_go(environment->prune, type) || is_kept(environment->keep, type))
            continue;
        add(role->notes, "the actions TYPE/delete serve 'roll back --prune' (and stacks that "
                         "delete): leave them out where nobody prunes");
        return true;
    }
    return false;
}

static void add_type(struct role *role, const char *type)
{
    g_autofree char *provider = g_strndup(type, strcspn(type, "/"));

    if (g_ascii_strcasecmp(type, "Microsoft.Resources/deployments") == 0)
        return;
    if (g_ascii_strcasecmp(type, "Microsoft.Resources/resourceGroups") == 0) {
        add(role->actions, "Microsoft.Resources/subscriptions/resourceGroups/write");
        return;
    }
    add_action(role, type, "read");
    add_action(role, type, "write");
    if (role->deletes || is_pruned(role, type))
        add_action(role, type, "delete");
    if (g_ascii_strcasecmp(provider, "Microsoft.Resources") != 0)
        add(role->providers, provider);
}

static void find_types(struct role *role, const json_t *value, const char *parent, int depth);

static void take_resource(struct role *role, const json_t *resource, const char *type,
                          const char *parent, int depth)
{
    bool child = parent && !strchr(type, '.');
    g_autofree char *whole = child ? g_strdup_printf("%s/%s", parent, type) : g_strdup(type);

    if (is_type(whole)) {
        if (json_is_true(json_object_get(resource, "existing")))
            add_action(role, whole, "read");
        else
            add_type(role, whole);
    } else {
        g_hash_table_add(role->notes,
                         g_strdup_printf("the type '%s' is an expression: add its actions", type));
    }
    find_types(role, json_object_get(resource, "resources"), whole, depth);
}

/* What has a type and an api-version is a resource, wherever it stands: nested templates too. */
static void find_types(struct role *role, const json_t *value, const char *parent, int depth)
{
    const char *type = roll_json_get_string(value, "type");
    const char *name;
    size_t index;
    json_t *item;

    if (depth > DEPTH_MAX)
        return;
    if (type && json_object_get(value, "apiVersion"))
        take_resource(role, value, type, parent, depth + 1);
    json_object_foreach ((json_t *)(uintptr_t)value, name, item)
        if (!type || strcmp(name, "resources") != 0)
            find_types(role, item, NULL, depth + 1);
    json_array_foreach (value, index, item)
        find_types(role, item, parent, depth + 1);
}

/* listKeys(…): an action on a type that only the expression knows. */
static void find_lists(struct role *role, const char *text)
{
    for (const char *at = strstr(text, "list"); at; at = strstr(at + 4, "list")) {
        size_t size = 4;
        while (g_ascii_isalnum(at[size]))
            size++;
        if (at[size] == '(' && at > text && !g_ascii_isalnum(at[-1]) && g_ascii_isupper(at[4])) {
            g_autofree char *name = g_strndup(at, size);
            g_hash_table_add(
                role->notes,
                g_strdup_printf("a template calls %s(): add TYPE/%s/action", name, name));
        }
    }
}

static struct roll_error *read_template(struct role *role, const char *digest)
{
    GString *text = NULL;
    roll_auto(json) json_t *template = NULL;
    struct roll_error *err = roll_ledger_object(role->app->ledger, digest, &text);

    if (!err)
        err = roll_json_parse(text->str, text->len, ROLL_JSON_STRICT, &template);
    if (!err) {
        find_lists(role, text->str);
        find_types(role, template, NULL, 0);
    }
    if (text)
        g_string_free(text, TRUE);
    return err;
}

/* ---- the releases --------------------------------------------------------------------------- */

static struct roll_error *take_manifest(void *user, const struct roll_release_row *row)
{
    GPtrArray *manifests = user;

    if (manifests->len < RELEASES_MAX)
        g_ptr_array_add(manifests, g_strdup(row->manifest));
    return NULL;
}

static void find_secrets(struct role *role, const json_t *manifest, const char *environment)
{
    json_t *targets = json_object_get(
        json_object_get(json_object_get(manifest, "environments"), environment), "targets");
    const char *name;
    json_t *target;

    json_object_foreach (targets, name, target)
        if (json_array_size(json_object_get(target, "secrets")) > 0) {
            add(role->actions, "Microsoft.KeyVault/vaults/deploy/action");
            g_hash_table_add(role->notes,
                             g_strdup("vaults outside the assignable scopes need their own "
                                      "assignment of Microsoft.KeyVault/vaults/deploy/action"));
            add(role->notes, "'roll ready' reads of a vault's secrets only what is not secret: the "
                             "data action Microsoft.KeyVault/vaults/secrets/readMetadata/action");
        }
}

static struct roll_error *read_releases(struct role *role, const GPtrArray *environments)
{
    g_autoptr(GPtrArray) manifests = g_ptr_array_new_with_free_func(g_free);

    ROLL_TRY(
        roll_ledger_releases(role->app->ledger, role->plan->service, take_manifest, manifests));
    role->releases = manifests->len;
    for (guint i = 0; i < manifests->len; i++) {
        roll_auto(json) json_t *manifest = NULL;
        ROLL_TRY(roll_ledger_object_json(role->app->ledger, manifests->pdata[i], &manifest));
        const char *template = roll_json_get_string(manifest, "template");
        if (template)
            ROLL_TRY(read_template(role, template));
        for (guint k = 0; k < environments->len; k++)
            find_secrets(role, manifest,
                         ((struct roll_plan_environment *)environments->pdata[k])->name);
    }
    return NULL;
}

/* ---- the plan ------------------------------------------------------------------------------- */

/* "Microsoft.Web/sites/web-{target}/slotsswap": types and names take turns; the last word is the
 * action. */
static void add_step(struct role *role, const struct roll_plan_step *step)
{
    g_auto(GStrv) words = g_strsplit(step->action, "/", -1);
    guint count = g_strv_length(words);
    g_autoptr(GString) action = g_string_new(count > 0 ? words[0] : "");

    if (role->lane == ROLL_LANE_ROLLBACK && step->skip_on_back)
        return;
    for (guint i = 1; i + 1 < count; i += 2)
        g_string_append_printf(action, "/%s", words[i]);
    g_string_append_printf(action, "/%s/action", words[count - 1]);
    add(role->actions, action->str);
}

static void add_scope(struct role *role, const struct roll_plan_target *target)
{
    bool makes_groups = role->lane == ROLL_LANE_RELEASE && target->location;
    g_autofree char *scope = NULL;

    if (target->scope == ROLL_SCOPE_GROUP && !makes_groups)
        scope = g_strdup_printf("/subscriptions/%s/resourceGroups/%s", target->subscription,
                                target->resource_group);
    else if (target->scope == ROLL_SCOPE_GROUP || target->scope == ROLL_SCOPE_SUBSCRIPTION)
        scope = g_strdup_printf("/subscriptions/%s", target->subscription);
    else if (target->scope == ROLL_SCOPE_MANAGEMENT_GROUP)
        scope = g_strdup_printf("/providers/Microsoft.Management/managementGroups/%s",
                                target->management_group);
    else
        g_hash_table_add(role->notes, g_strdup("a custom role cannot be assigned at the tenant: "
                                               "assign a built-in one at '/' for that target"));
    if (scope)
        add(role->scopes, scope);
    if (target->scope == ROLL_SCOPE_GROUP && makes_groups)
        add(role->actions, "Microsoft.Resources/subscriptions/resourceGroups/write");
    if (target->scope == ROLL_SCOPE_GROUP && role->lane == ROLL_LANE_ROLLBACK && target->location) {
        add(role->actions, "Microsoft.Resources/subscriptions/resourceGroups/write");
        add(role->notes, "'roll back --recreate-groups' needs the role at the subscription: a "
                         "group that is gone has no assignments");
    }
    if (g_strcmp0(target->apply, "stack") == 0) {
        role->deletes = role->deletes || target->delete_unmanaged;
        for (size_t i = 0; i < G_N_ELEMENTS(stack_calls); i++)
            add(role->actions, stack_calls[i]);
    }
}

static void add_environment(struct role *role, const struct roll_plan_environment *environment)
{
    for (guint i = 0; i < environment->targets->len; i++)
        add_scope(role, g_ptr_array_index(environment->targets, i));
    for (guint i = 0; environment->steps && i < environment->steps->len; i++)
        add_step(role, g_ptr_array_index(environment->steps, i));
    for (guint i = 0; environment->health && i < environment->health->len; i++) {
        const struct roll_plan_health *health = g_ptr_array_index(environment->health, i);
        if (health->kind == ROLL_HEALTH_ALERTS)
            add(role->actions, "Microsoft.AlertsManagement/alerts/read");
    }
}

/* A missing registration is made on lane release only. */
static void add_registrations(struct role *role)
{
    GHashTableIter iter;
    gpointer provider = NULL;

    if (role->lane != ROLL_LANE_RELEASE || g_hash_table_size(role->providers) == 0)
        return;
    g_hash_table_iter_init(&iter, role->providers);
    while (g_hash_table_iter_next(&iter, &provider, NULL))
        add_action(role, provider, "register/action");
}

/* ---- printing ------------------------------------------------------------------------------- */

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return g_ascii_strcasecmp(a, b);
}

/* Sorted; two spellings of one name are one. New reference. */
static json_t *list_of(GHashTable *set)
{
    GList *keys = g_list_sort(g_hash_table_get_keys(set), compare_texts);
    json_t *list = json_array();
    const char *last = NULL;

    for (GList *at = keys; at; at = at->next) {
        if (!last || g_ascii_strcasecmp(last, at->data) != 0)
            json_array_append_new(list, json_string(at->data));
        last = at->data;
    }
    g_list_free(keys);
    return list;
}

static char *name_of(const struct role *role, const GPtrArray *environments)
{
    GString *name = g_string_new("Rollbook ");

    g_string_append_printf(name, "%s %s", roll_lane_names[role->lane], role->plan->service);
    for (guint i = 0; i < environments->len; i++)
        g_string_append_printf(name, "%s%s", i == 0 ? " " : ", ",
                               ((struct roll_plan_environment *)environments->pdata[i])->name);
    return g_string_free(name, FALSE);
}

/* The document is what az takes; what it cannot say goes beside it. */
static void print(const struct role *role, const GPtrArray *environments)
{
    g_autofree char *name = name_of(role, environments);
    g_autofree char *description = g_strdup_printf(
        "What 'roll' needs in lane %s, with the resource types of the recorded releases (%zu).",
        roll_lane_names[role->lane], role->releases);
    roll_auto(json) json_t *view =
        json_pack("{s:s,s:b,s:s,s:o,s:[],s:[],s:[],s:o}", "Name", name, "IsCustom", true,
                  "Description", description, "Actions", list_of(role->actions), "NotActions",
                  "DataActions", "NotDataActions", "AssignableScopes", list_of(role->scopes));
    GHashTableIter iter;
    gpointer note = NULL;

    roll_report_json(&role->app->out, view);
    g_hash_table_iter_init(&iter, role->notes);
    while (!role->app->globals.quiet && g_hash_table_iter_next(&iter, &note, NULL))
        roll_print(role->app->err.file, "note: %s\n", (const char *)note);
}

static GHashTable *set_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static struct roll_error *fill(struct role *role, const GPtrArray *environments)
{
    roll_auto(error) struct roll_error *err =
        roll_ledger_open(role->app->workspace->state_dir, ROLL_LEDGER_READ, &role->app->ledger);

    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
        if (calls[i].lanes & (1u << role->lane))
            add(role->actions, calls[i].action);
    if (role->plan->template_spec)
        add(role->actions, "Microsoft.Resources/templateSpecs/versions/read");
    for (guint i = 0; i < environments->len; i++)
        add_environment(role, environments->pdata[i]);
    if (!err)
        err = read_releases(role, environments);
    if (err && roll_error_code(err) != ROLL_E_NOT_FOUND)
        return g_steal_pointer(&err);
    if (role->releases == 0)
        add(role->notes,
            "no release is recorded yet: the actions of its resource types are missing");
    add_registrations(role);
    return NULL;
}

struct roll_error *doctor_print_role(struct roll_app *app, const struct roll_plan *plan,
                                     const GPtrArray *environments, enum roll_lane lane)
{
    struct role role = {app,       plan,      lane, environments, set_new(), set_new(),
                        set_new(), set_new(), 0,    false};
    struct roll_error *err = fill(&role, environments);

    if (!err)
        print(&role, environments);
    g_hash_table_unref(role.actions);
    g_hash_table_unref(role.scopes);
    g_hash_table_unref(role.providers);
    g_hash_table_unref(role.notes);
    return err;
}
