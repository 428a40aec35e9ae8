/* Everything here is a function of the shape, the template and the cloud: the same ledger comes out
 * every time. */
#include "content.h"

#include <string.h>

#include "bench.h"
#include "rollbook/json.h"

#define SUBSCRIPTION "11111111-1111-1111-1111-111111111111"
#define REVISION_EVERY 4 /* releases: the template changes more rarely than the image */
#define FLEET_WAVES 16   /* sets of parameters that the fleet's targets share */

struct bench_content {
    const struct bench_shape *shape;
    const char *cloud;
    GString *tmpl;
    GHashTable *releases; /* service → struct bench_release */
};

static char *digest_of(const GString *text)
{
    char hex[ROLL_HEX_SIZE];

    roll_sha256_hex(text->str, text->len, hex);
    return g_strdup(hex);
}

/* Digests that stand for images and commits. */
static char *digest_for(const char *what, int service, int number)
{
    g_autofree char *seed = g_strdup_printf("%s %d %d", what, service, number);
    char hex[ROLL_HEX_SIZE];

    roll_sha256_hex(seed, strlen(seed), hex);
    return g_strdup(hex);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void free_text(gpointer text)
{
    g_string_free(text, TRUE);
}

static void free_release(gpointer data)
{
    struct bench_release *release = data;

    g_free(release->version);
    g_free(release->commit);
    g_free(release->manifest);
    g_free(release->tmpl);
    for (int i = 0; i < BENCH_ENVIRONMENTS; i++)
        g_ptr_array_unref(release->parameters[i]);
    g_ptr_array_unref(release->texts);
    g_free(release);
}

struct bench_content *bench_content_new(const struct bench_shape *shape, const char *template_path,
                                        const char *cloud)
{
    struct bench_content *content = g_new0(struct bench_content, 1);
    g_autofree char *text = NULL;
    gsize size = 0;

    if (!g_file_get_contents(template_path, &text, &size, NULL))
        bench_ok(roll_error_new(ROLL_E_NOT_FOUND, "cannot read '%s'", template_path));
    bench_ok(roll_json_read(text, size, ROLL_JSON_ARM, &content->tmpl));
    content->shape = shape;
    content->cloud = cloud;
    content->releases = g_hash_table_new_full(NULL, NULL, NULL, free_release);
    return content;
}

void bench_content_free(struct bench_content *content)
{
    g_hash_table_unref(content->releases);
    g_string_free(content->tmpl, TRUE);
    g_free(content);
}

/* ---- targets -------------------------------------------------------------------------------- */

static char *group_of(const struct bench_content *content, int service, int environment, int target)
{
    g_autofree char *name = bench_service_name(content->shape, service);
    g_autofree char *place = bench_target_name(content->shape, service, environment, target);

    return g_strdup_printf("%s-%s-%s", name, bench_environments[environment], place);
}

static json_t *scope_of(const struct bench_content *content, int service, int environment,
                        int target)
{
    g_autofree char *group = group_of(content, service, environment, target);

    return json_pack("{s:s,s:s,s:s,s:s,s:s}", "kind", "resourceGroup", "cloud", content->cloud,
                     "subscription", SUBSCRIPTION, "resourceGroup", group, "location",
                     "westeurope");
}

/* ---- releases ------------------------------------------------------------------------------- */

/* Stores a text and gives its digest, which is borrowed from nobody: owned. */
static char *take_text(struct bench_release *release, GString *text)
{
    char *digest = digest_of(text);

    g_ptr_array_add(release->texts, text);
    return digest;
}

static GString *canonical(json_t *value)
{
    GString *text = NULL;

    bench_ok(roll_json_canonical(value, &text));
    json_decref(value);
    return text;
}

static char *image_of(const struct bench_release *release)
{
    g_autofree char *digest = digest_for("image", release->service, release->number);

    return g_strdup_printf("contoso.azurecr.io/shop/web@sha256:%s", digest);
}

static GString *parameters_text(const struct bench_release *release, int environment,
                                const char *region)
{
    g_autofree char *image = image_of(release);

    return canonical(json_pack("{s:{s:s},s:{s:s},s:{s:s},s:{s:i}}", "environmentName", "value",
                               bench_environments[environment], "region", "value", region,
                               "webImage", "value", image, "capacity", "value", 2));
}

static char *region_of(const struct bench_content *content, int service, int environment,
                       int target)
{
    if (bench_is_fleet(content->shape, service) && environment == BENCH_PROD)
        return g_strdup_printf("wave-%02d", target % FLEET_WAVES);
    return bench_target_name(content->shape, service, environment, target);
}

static void make_parameters(struct bench_content *content, struct bench_release *release,
                            int environment)
{
    GPtrArray *digests = release->parameters[environment];
    int targets = bench_targets(content->shape, release->service, environment);

    for (int i = 0; i < targets; i++) {
        if (i >= FLEET_WAVES) {
            g_ptr_array_add(digests, g_strdup(g_ptr_array_index(digests, (guint)i % FLEET_WAVES)));
            continue;
        }
        g_autofree char *region = region_of(content, release->service, environment, i);
        g_ptr_array_add(digests, take_text(release, parameters_text(release, environment, region)));
    }
}

static json_t *manifest_environment(struct bench_content *content,
                                    const struct bench_release *release, int environment)
{
    json_t *targets = json_object();

    for (guint i = 0; i < release->parameters[environment]->len; i++) {
        g_autofree char *name =
            bench_target_name(content->shape, release->service, environment, (int)i);
        json_object_set_new(targets, name,
                            json_pack("{s:s,s:o,s:s}", "parameters",
                                      g_ptr_array_index(release->parameters[environment], i),
                                      "scope",
                                      scope_of(content, release->service, environment, (int)i),
                                      "apply", "deployment"));
    }
    return json_pack("{s:o}", "targets", targets);
}

static json_t *manifest_value(struct bench_content *content, const struct bench_release *release)
{
    g_autofree char *service = bench_service_name(content->shape, release->service);
    g_autofree char *image = image_of(release);
    json_t *environments = json_object();

    for (int i = 0; i < BENCH_ENVIRONMENTS; i++)
        json_object_set_new(environments, bench_environments[i],
                            manifest_environment(content, release, i));
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:{s:{s:s,s:s}},s:[s],s:o}", "service", service,
                     "version", release->version, "commit", release->commit, "ref",
                     "refs/heads/main", "author", "Dana Developer <dana@contoso.example>",
                     "template", release->tmpl, "artifacts", "web", "kind", "image", "reference",
                     image, "sticky", "capacity", "environments", environments);
}

static struct bench_release *make_release(struct bench_content *content, int service, int number)
{
    struct bench_release *release = g_new0(struct bench_release, 1);
    g_autofree char *revision =
        g_strdup_printf("\"contentVersion\":\"1.0.%d.0\"", number / REVISION_EVERY);
    GString *tmpl = g_string_new_len(content->tmpl->str, (gssize)content->tmpl->len);

    release->service = service;
    release->number = number;
    release->version = bench_version(number);
    release->commit = digest_for("commit", service, number);
    release->commit[40] = '\0';
    release->texts = g_ptr_array_new_with_free_func(free_text);
    g_string_replace(tmpl, "\"contentVersion\":\"1.0.0.0\"", revision, 1);
    release->tmpl = take_text(release, tmpl);
    for (int i = 0; i < BENCH_ENVIRONMENTS; i++) {
        release->parameters[i] = g_ptr_array_new_with_free_func(g_free);
        make_parameters(content, release, i);
    }
    release->manifest = take_text(release, canonical(manifest_value(content, release)));
    return release;
}

const struct bench_release *bench_content_release(struct bench_content *content, int service,
                                                  int number)
{
    struct bench_release *release =
        g_hash_table_lookup(content->releases, GINT_TO_POINTER(service));

    if (!release || release->number != number) {
        release = make_release(content, service, number);
        g_hash_table_insert(content->releases, GINT_TO_POINTER(service), release);
    }
    return release;
}

/* ---- orders --------------------------------------------------------------------------------- */

static struct roll_order_target *order_target(struct bench_content *content,
                                              const struct bench_rollout *rollout,
                                              const struct bench_release *release, int target)
{
    struct roll_order_target *entry = g_new0(struct roll_order_target, 1);

    entry->name = bench_target_name(content->shape, rollout->service, rollout->environment, target);
    entry->release = g_strdup(release->version);
    entry->manifest = g_strdup(release->manifest);
    entry->template_digest = g_strdup(release->tmpl);
    entry->parameters_digest =
        g_strdup(g_ptr_array_index(release->parameters[rollout->environment], (guint)target));
    entry->scope = ROLL_SCOPE_GROUP;
    entry->cloud = g_strdup(content->cloud);
    entry->subscription = g_strdup(SUBSCRIPTION);
    entry->resource_group = group_of(content, rollout->service, rollout->environment, target);
    entry->location = g_strdup("westeurope");
    entry->apply = g_strdup("deployment");
    entry->had = rollout->from ? bench_version(rollout->from) : NULL;
    entry->create_group = rollout->kind != BENCH_BACK;
    entry->steps = g_ptr_array_new();
    return entry;
}

GString *bench_content_order(struct bench_content *content, const struct bench_rollout *rollout)
{
    const struct bench_release *release =
        bench_content_release(content, rollout->service, rollout->release);
    roll_auto(order) struct roll_order *order = roll_order_new();
    int targets = bench_targets(content->shape, rollout->service, rollout->environment);
    bool back = rollout->kind == BENCH_BACK;
    GString *text = NULL;

    order->service = bench_service_name(content->shape, rollout->service);
    order->environment = g_strdup(bench_environments[rollout->environment]);
    order->lane = back ? ROLL_LANE_ROLLBACK : ROLL_LANE_RELEASE;
    order->kind = g_strdup(back ? "back" : "out");
    order->rings = 1;
    order->max_parallel = 50;
    order->health_reports_only = back;
    for (int i = 0; i < targets; i++)
        g_ptr_array_add(order->targets, order_target(content, rollout, release, i));
    bench_ok(roll_order_write(order, &text));
    return text;
}

/* ---- results -------------------------------------------------------------------------------- */

GString *bench_content_result(struct bench_content *content, int service, int environment,
                              int target)
{
    static const char *const types[] = {
        "Microsoft.ManagedIdentity/userAssignedIdentities/app-identity",
        "Microsoft.Storage/storageAccounts/appstorage",
        "Microsoft.KeyVault/vaults/app-vault",
        "Microsoft.OperationalInsights/workspaces/app-logs",
        "Microsoft.Insights/components/app-insights",
        "Microsoft.Web/serverfarms/app-plan",
        "Microsoft.Web/sites/app-site",
    };
    g_autofree char *group = group_of(content, service, environment, target);
    json_t *ids = json_array();

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
        json_array_append_new(ids, json_sprintf("/subscriptions/" SUBSCRIPTION
                                                "/resourceGroups/%s/providers/%s",
                                                group, types[i]));
    return canonical(json_pack("{s:o}", "outputResources", ids));
}

/* ---- plans ---------------------------------------------------------------------------------- */

static void write_file(const char *folder, const char *name, json_t *value)
{
    g_autofree char *path = g_strdup_printf("%s/plans/%s", folder, name);
    g_autoptr(GString) text = g_string_new(NULL);

    roll_json_write_pretty(value, text);
    g_string_append_c(text, '\n');
    if (!g_file_set_contents(path, text->str, (gssize)text->len, NULL))
        bench_ok(roll_error_new(ROLL_E_IO, "cannot write '%s'", path));
    json_decref(value);
}

static json_t *plan_targets(const struct bench_content *content, int service, int environment)
{
    int count = bench_targets(content->shape, service, environment);
    json_t *targets = json_object();

    for (int i = 0; i < count; i++) {
        g_autofree char *name = bench_target_name(content->shape, service, environment, i);
        g_autofree char *group = group_of(content, service, environment, i);
        g_autofree char *region = region_of(content, service, environment, i);
        json_object_set_new(targets, name,
                            json_pack("{s:s,s:s,s:{s:s}}", "resourceGroup", group, "location",
                                      "westeurope", "parameters", "region", region));
    }
    return targets;
}

static json_t *plan_environment(const struct bench_content *content, int service, int environment,
                                const char *folder)
{
    json_t *targets = plan_targets(content, service, environment);

    if (bench_is_fleet(content->shape, service) && environment == BENCH_PROD) {
        write_file(folder, "stamps.json", targets);
        targets = json_pack("{s:s}", "file", "stamps.json");
    }
    return json_pack("{s:s,s:s,s:o}", "cloud", content->cloud, "subscription", SUBSCRIPTION,
                     "targets", targets);
}

void bench_content_plan(struct bench_content *content, int service, const char *folder)
{
    g_autofree char *name = bench_service_name(content->shape, service);
    g_autofree char *file = g_strconcat(name, ".json", NULL);
    json_t *environments = json_object();

    for (int i = 0; i < BENCH_ENVIRONMENTS; i++)
        json_object_set_new(environments, bench_environments[i],
                            plan_environment(content, service, i, folder));
    write_file(folder, file,
               json_pack("{s:s,s:{s:s},s:{s:{s:s,s:s,s:s,s:s}},s:[s],s:o}", "service", name,
                         "source", "template", "infra/main.json", "artifacts", "web", "kind",
                         "image", "name", "contoso.azurecr.io/shop/web", "tag", "{version}",
                         "parameter", "webImage", "sticky", "capacity", "environments",
                         environments));
}
