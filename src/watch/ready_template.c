/* What a release's template deploys on its targets: types with their api-versions, and templates
 * that ARM fetches itself. By expanding it, so that conditions, loops and nested deployments count
 * as they do at ARM; of many targets some stand for all. */
#include <string.h>

#include "watch/ready.h"

enum { SAMPLES = 20, DEPTH_MAX = 100 };
#define DEPLOYMENTS "Microsoft.Resources/deployments"

static GHashTable *set_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void ready_template_free(struct ready_template *tmpl)
{
    if (!tmpl)
        return;
    g_hash_table_unref(tmpl->versions);
    g_hash_table_unref(tmpl->links);
    g_hash_table_unref(tmpl->types);
    g_free(tmpl);
}

/* ---- resources ------------------------------------------------------------------------------ */

static bool is_plain(const char *text)
{
    return text && *text && *text != '[';
}

static char *subscription_of(const char *id)
{
    const char *at = id && g_ascii_strncasecmp(id, "/subscriptions/", 15) == 0 ? id + 15 : NULL;

    return at ? g_strndup(at, strcspn(at, "/")) : g_strdup("");
}

static void take_link(struct ready_template *found, const json_t *properties)
{
    const json_t *link = json_object_get(properties, "templateLink");
    const char *id = roll_json_get_string(link, "id"), *uri = roll_json_get_string(link, "uri");
    const char *place = is_plain(id) ? id : is_plain(uri) ? uri : NULL;

    if (place && (place[0] == '/' || g_str_has_prefix(place, "http")))
        g_hash_table_add(found->links, g_strdup(place));
}

static void take_resources(struct ready_template *found, const json_t *resources, const char *scope,
                           int depth);

static void take_resource(struct ready_template *found, const json_t *resource, const char *scope,
                          int depth)
{
    const char *type = roll_json_get_string(resource, "type");
    const char *version = roll_json_get_string(resource, "apiVersion");
    const char *id = roll_json_get_string(resource, "id");
    const json_t *properties = json_object_get(resource, "properties");
    g_autofree char *subscription = subscription_of(id);

    if (type && g_ascii_strcasecmp(type, DEPLOYMENTS) == 0) {
        take_link(found, properties);
        take_resources(found, json_object_get(json_object_get(properties, "template"), "resources"),
                       scope, depth + 1);
        return;
    }
    if (!type || !is_plain(type) || !strchr(type, '/'))
        return;
    if (is_plain(version))
        g_hash_table_add(found->versions, g_strjoin("\n", subscription, type, version, NULL));
    if (id && g_ascii_strncasecmp(id, scope, strlen(scope)) == 0)
        g_hash_table_add(found->types, g_strdup(type));
}

static void take_resources(struct ready_template *found, const json_t *resources, const char *scope,
                           int depth)
{
    size_t index;
    const json_t *resource;

    if (depth > DEPTH_MAX)
        return;
    json_array_foreach (resources, index, resource)
        take_resource(found, resource, scope, depth);
}

/* ---- expanding ------------------------------------------------------------------------------ */

static struct roll_error *expand(struct ready_check *check, const struct ready_release *release,
                                 struct roll_template *tmpl, const char *name,
                                 struct ready_template *found)
{
    const struct roll_plan_environment *environment = check->options->environment;
    const struct roll_plan_target *planned = roll_plan_target_find(environment, name);
    const json_t *entry = ready_entry_of(environment, name, release->manifest);
    const char *digest = roll_json_get_string(entry, "parameters");
    struct roll_order_target *place = ready_place_of(environment, planned, release->manifest);
    const struct roll_arm_scope scope = {place->scope, place->subscription, place->resource_group,
                                         place->management_group};
    g_autofree char *path = roll_arm_scope_path(&scope);
    roll_auto(json) json_t *parameters = NULL;
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    struct roll_template_input input = {
        .context = {.scope = place->scope,
                    .subscription_id = place->subscription,
                    .resource_group = place->resource_group,
                    .management_group = place->management_group,
                    .tenant_id = place->tenant,
                    .location = place->location,
                    .deployment_name = "ready",
                    .cloud = place->cloud},
    };
    struct roll_error *err =
        digest ? roll_ledger_object_json(check->options->ledger, digest, &parameters) : NULL;

    input.parameters = parameters;
    if (!err)
        err = roll_template_expand(tmpl, &input, &expansion);
    if (!err)
        take_resources(found, expansion->resources, path, 0);
    ready_place_free(place);
    return err;
}

/* What cannot be read or expanded is told by other findings: its bytes, or ARM's validation. */
static void expand_samples(struct ready_check *check, const struct ready_release *release,
                           const char *digest, struct ready_template *found)
{
    g_autoptr(GString) text = NULL;
    roll_auto(template) struct roll_template *tmpl = NULL;
    guint all = release->targets->len, count = MIN(all, SAMPLES);
    struct roll_error *err = roll_ledger_object(check->options->ledger, digest, &text);

    if (!err)
        err = roll_template_read(text->str, text->len, digest, &tmpl);
    for (guint i = 0; !err && i < count; i++)
        err = expand(check, release, tmpl, g_ptr_array_index(release->targets, i * all / count),
                     found);
    roll_error_free(err);
}

struct roll_error *ready_template_read(struct ready_check *check,
                                       const struct ready_release *release,
                                       const struct ready_template **ret_template)
{
    const char *digest = roll_json_get_string(release->manifest, "template");
    struct ready_template *found;

    if (!digest)
        return roll_error_new(ROLL_E_INVALID, "the manifest of '%s' names no template",
                              release->version);
    /* Parameters have a say in what is deployed: so by release, not by the template alone. */
    found = g_hash_table_lookup(check->templates, release->digest);
    if (!found) {
        found = g_new0(struct ready_template, 1);
        found->versions = set_new();
        found->links = set_new();
        found->types = set_new();
        g_hash_table_insert(check->templates, g_strdup(release->digest), found);
        expand_samples(check, release, digest, found);
    }
    *ret_template = found;
    return NULL;
}
