/* A release from what ARM's history has of a deployment. It was never made here: no commit, no ref;
 * its manifest says where it comes from. */
#include "release/chooser.h"
#include "release/maker.h"

#include <limits.h>

/* ---- parameters ------------------------------------------------------------------------------ */

static const json_t *reference_of(const struct roll_plan_target *target, const char *name)
{
    const json_t *own = target ? roll_json_get_nocase(target->parameters, name) : NULL;

    return json_is_object(json_object_get(own, "reference")) ? own : NULL;
}

/* ARM's entry, or today's reference for what it does not tell. NULL: nothing is known. */
static const json_t *entry_of(const struct roll_plan_target *target, const json_t *parameters,
                              const struct roll_template_parameter *declared)
{
    const json_t *entry = roll_json_get_nocase(parameters, declared->name);

    if (json_object_get(entry, "value") || json_object_get(entry, "reference"))
        return entry;
    return reference_of(target, declared->name);
}

/* The template's spelling: ARM lowers capitals at the beginning of names. */
static json_t *effective(const struct roll_template *tmpl, const struct roll_plan_target *target,
                         const json_t *parameters)
{
    json_t *made = json_object();

    for (size_t i = 0; i < roll_template_parameter_count(tmpl); i++) {
        const struct roll_template_parameter *declared = roll_template_parameter_at(tmpl, i);
        const json_t *entry = entry_of(target, parameters, declared);
        const char *member = json_object_get(entry, "reference") ? "reference" : "value";
        if (entry)
            json_object_set_new(made, declared->name,
                                json_pack("{s:O}", member, json_object_get(entry, member)));
    }
    return made;
}

/* ---- what is missing ------------------------------------------------------------------------- */

static void add_lack(json_t *lacks, char *what_take, const char *why, char *how_take)
{
    json_array_append_new(
        lacks, json_pack("{s:s,s:s,s:s}", "what", what_take, "why", why, "how", how_take));
    g_free(what_take);
    g_free(how_take);
}

static void add_parameter(json_t *lacks, const struct roll_plan_target *target,
                          const struct roll_template_parameter *declared)
{
    add_lack(
        lacks,
        g_strdup_printf("%sparameter '%s'", declared->secure ? "secure " : "", declared->name),
        declared->secure ? "ARM tells its value to nobody"
                         : "its value was not recorded: it looks like a credential, or ARM "
                           "has none",
        g_strdup_printf("give target '%s' in the plan: \"parameters\": { \"%s\": { "
                        "\"reference\": { \"keyVault\": { \"id\": … }, \"secretName\": … } } }",
                        target ? target->name : "?", declared->name));
}

/* What is linked may be another file today, or gone. */
static void add_links(json_t *lacks, const json_t *value, int depth)
{
    const json_t *link = roll_json_get_nocase(value, "templateLink");
    const char *uri = roll_json_get_string(link, "uri");
    const char *path = roll_json_get_string(link, "relativePath");
    const char *spec = roll_json_get_string(link, "id");
    const char *where = uri ? uri : path ? path : spec;
    const char *name;
    json_t *member;
    size_t index;

    if (depth > ROLL_JSON_MAX_DEPTH)
        return;
    if (where)
        add_lack(lacks, g_strdup_printf("linked template '%.*s'", (int)strcspn(where, "?"), where),
                 "its content is not in ARM's history, and may have changed since",
                 g_strdup("put it beside the template, link it by relativePath and release that: "
                          "roll release, roll out"));
    json_object_foreach ((json_t *)(uintptr_t)value, name, member)
        add_links(lacks, member, depth + 1);
    json_array_foreach ((json_t *)(uintptr_t)value, index, member)
        add_links(lacks, member, depth + 1);
}

/* The rules of a release (source.c): what another name or another hour would change. */
static void add_facts(json_t *lacks, const struct roll_template *tmpl,
                      const struct roll_plan_target *target, const json_t *parameters)
{
    struct roll_template_facts facts = {0};
    roll_auto(error) struct roll_error *err = roll_template_facts(tmpl, &facts);

    if (!err && facts.name_leaks && target && !target->deployment_name)
        add_lack(lacks, g_strdup("deployment().name"),
                 "it reaches more than nested deployments' names, so that a redeploy would differ",
                 g_strdup_printf("give target '%s' in the plan: \"deploymentName\"", target->name));
    if (!err && facts.secure_default)
        add_lack(
            lacks, g_strdup_printf("secure parameter '%s'", facts.secure_default),
            "it has a default in the template: a secret that everybody can read",
            g_strdup("release it from git with a Key Vault reference: roll release, roll out"));
    roll_template_facts_clear(&facts);
    for (size_t i = 0; i < roll_template_parameter_count(tmpl); i++) {
        const struct roll_template_parameter *declared = roll_template_parameter_at(tmpl, i);
        if (declared->default_volatile && !declared->secure &&
            !entry_of(target, parameters, declared))
            add_lack(lacks, g_strdup_printf("parameter '%s'", declared->name),
                     "its default is another one each time, and ARM does not tell its value",
                     g_strdup("release it from git: roll release --ref COMMIT, then roll out"));
    }
}

json_t *roll_release_lacks(const struct roll_template *tmpl, const struct roll_plan_target *target,
                           const json_t *parameters)
{
    json_t *lacks = json_array();

    if (!tmpl) {
        add_lack(lacks, g_strdup("the template"), "ARM does not give it, or it holds a credential",
                 g_strdup("release it from git: roll release --ref COMMIT, then roll out"));
        return lacks;
    }
    for (size_t i = 0; i < roll_template_parameter_count(tmpl); i++) {
        const struct roll_template_parameter *declared = roll_template_parameter_at(tmpl, i);
        /* A default is no answer for a secure one: whether it was taken is not known. */
        if (!entry_of(target, parameters, declared) && !declared->nullable &&
            (declared->secure || !declared->has_default))
            add_parameter(lacks, target, declared);
    }
    add_facts(lacks, tmpl, target, parameters);
    add_links(lacks, roll_template_value(tmpl), 0);
    return lacks;
}

static struct roll_error *check_whole(const struct roll_template *tmpl,
                                      const struct roll_plan_target *target, const char *deployment,
                                      const json_t *parameters)
{
    roll_auto(json) json_t *lacks = roll_release_lacks(tmpl, target, parameters);
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    json_t *lack;

    json_array_foreach (lacks, index, lack)
        g_string_append_printf(
            text, "%s%s: %s; %s", index ? "\n" : "", roll_json_get_string(lack, "what"),
            roll_json_get_string(lack, "why"), roll_json_get_string(lack, "how"));
    if (!text->len)
        return NULL;
    return roll_error_new(ROLL_E_REFUSED, "'%s' on '%s' cannot be deployed again: %s", deployment,
                          target->name, text->str);
}

/* ---- the manifest ---------------------------------------------------------------------------- */

struct adopting {
    const struct roll_plan *plan;
    const struct roll_plan_environment *environment;
    struct roll_ledger *ledger;
    const char *version, *deployment;
    struct roll_template *tmpl;
    GPtrArray *blobs;
    json_t *targets, *artifacts; /* parts of the manifest */
    int64_t data_version, data_floor;
};

static json_t *secrets_of(json_t *parameters)
{
    json_t *secrets = json_array(), *entry;
    const char *name;

    json_object_foreach (parameters, name, entry) {
        const json_t *reference = json_object_get(entry, "reference");
        const char *vault = roll_json_get_string(json_object_get(reference, "keyVault"), "id");
        const char *secret = roll_json_get_string(reference, "secretName");
        if (vault && secret)
            json_array_append_new(secrets,
                                  json_pack("{s:s,s:s,s:s,s:s*}", "name", name, "vault", vault,
                                            "secret", secret, "version",
                                            roll_json_get_string(reference, "secretVersion")));
    }
    return secrets;
}

/* Which artifacts it had, as far as the plan's parameters for them tell. */
static void find_artifacts(struct adopting *adopting, const json_t *parameters)
{
    for (guint i = 0; i < adopting->plan->artifacts->len; i++) {
        const struct roll_plan_artifact *artifact = adopting->plan->artifacts->pdata[i];
        const char *reference =
            roll_json_get_string(roll_json_get_nocase(parameters, artifact->parameter), "value");
        if (reference && !json_object_get(adopting->artifacts, artifact->name))
            json_object_set_new(adopting->artifacts, artifact->name,
                                json_pack("{s:s,s:s,s:s}", "kind", artifact->kind, "reference",
                                          reference, "parameter", artifact->parameter));
    }
}

static struct roll_error *expand(const struct adopting *adopting,
                                 const struct roll_plan_target *target, const json_t *parameters)
{
    const struct roll_order_target place = {.scope = target->scope,
                                            .cloud = target->cloud,
                                            .tenant = target->tenant,
                                            .subscription = target->subscription,
                                            .resource_group = target->resource_group,
                                            .management_group = target->management_group,
                                            .location = target->location,
                                            .deployment_name = target->deployment_name};
    const struct roll_template_input input = {.context = release_context(&place),
                                              .parameters = parameters};
    roll_auto(expansion) struct roll_expansion *expansion = NULL;

    return roll_error_wrap(roll_template_expand(adopting->tmpl, &input, &expansion),
                           "while expanding '%s' for '%s'", adopting->deployment, target->name);
}

/* ARM keeps where a subscription's deployment lies, and takes the same name nowhere else. */
static struct roll_error *check_location(const struct adopting *adopting,
                                         const struct roll_plan_target *target,
                                         const char *location)
{
    if (target->scope == ROLL_SCOPE_GROUP || !location ||
        g_ascii_strcasecmp(location, target->location ? target->location : "") == 0)
        return NULL;
    return roll_error_new(ROLL_E_REFUSED,
                          "'%s' on '%s' was deployed with location '%s', the plan says '%s': give "
                          "the target \"location\": \"%s\"",
                          adopting->deployment, target->name, location,
                          target->location ? target->location : "nothing", location);
}

static struct roll_error *add_target(struct adopting *adopting, const struct roll_evidence *piece)
{
    const struct roll_plan_target *target =
        roll_plan_target_find(adopting->environment, piece->target);
    roll_auto(json) json_t *recorded = NULL, *parameters = NULL;
    json_t *entry;

    if (!target)
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no target '%s'",
                              adopting->environment->name, piece->target);
    if (piece->parameters_digest)
        ROLL_TRY(roll_ledger_object_json(adopting->ledger, piece->parameters_digest, &recorded));
    ROLL_TRY(check_whole(adopting->tmpl, target, adopting->deployment, recorded));
    ROLL_TRY(check_location(adopting, target, piece->location));
    adopting->data_version = MAX(adopting->data_version, piece->data_version);
    adopting->data_floor = MAX(adopting->data_floor, piece->data_floor);
    parameters = effective(adopting->tmpl, target, recorded);
    ROLL_TRY(expand(adopting, target, parameters));
    find_artifacts(adopting, parameters);
    const char *digest =
        release_blobs_add_take(adopting->blobs, release_parameters_write(parameters));
    entry = json_pack("{s:s,s:o,s:[],s:o}", "parameters", digest, "scope",
                      release_scope_write(target), "pins", "secrets", secrets_of(parameters));
    release_apply_write(target, entry);
    json_object_set_new(adopting->targets, target->name, entry);
    return NULL;
}

static json_t *manifest_of(const struct adopting *adopting, const char *template_digest)
{
    json_t *sticky = release_texts_write(adopting->plan->sticky);
    char hash[21];

    roll_template_hash(adopting->tmpl, hash);
    json_t *manifest = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:[],s:[],s:O,s:o,s:{s:{s:O}}}", "service", adopting->plan->service,
        "version", adopting->version, "adopted", adopting->deployment, "template", template_digest,
        "templateHash", hash, "changes", "linked", "artifacts", adopting->artifacts, "sticky",
        sticky, "environments", adopting->environment->name, "targets", adopting->targets);
    if (adopting->data_version || adopting->data_floor)
        json_object_set_new(manifest, "data",
                            json_pack("{s:I,s:I}", "version", (json_int_t)adopting->data_version,
                                      "floor", (json_int_t)adopting->data_floor));
    return manifest;
}

/* ---- release and order ----------------------------------------------------------------------- */

static struct roll_error *release_of(struct adopting *adopting, const char *template_digest,
                                     struct roll_release **ret_release)
{
    roll_auto(json) json_t *manifest = manifest_of(adopting, template_digest);
    GString *text = NULL;

    ROLL_TRY(roll_json_canonical(manifest, &text));
    struct roll_release *release = g_new0(struct roll_release, 1);
    release->service = g_strdup(adopting->plan->service);
    release->version = g_strdup(adopting->version);
    release->manifest = json_incref(manifest);
    release->notes = g_new0(char *, 1);
    g_strlcpy(release->digest, release_blobs_add_take(adopting->blobs, text),
              sizeof release->digest);
    release->blobs = g_ptr_array_ref(adopting->blobs);
    *ret_release = release;
    return NULL;
}

static struct roll_error *order_of(const struct adopting *adopting,
                                   const struct roll_release *release,
                                   struct roll_order **ret_order)
{
    roll_auto(order) struct roll_order *order = roll_order_new();
    const char *name;
    json_t *entry;

    order->service = g_strdup(adopting->plan->service);
    order->environment = g_strdup(adopting->environment->name);
    order->lane = ROLL_LANE_RELEASE;
    order->kind = g_strdup("adopted");
    order->rings = 1;
    order->max_parallel = adopting->environment->max_parallel;
    order->max_failures = INT_MAX;
    json_object_foreach (adopting->targets, name, entry) {
        struct roll_order_target *target = NULL;
        ROLL_TRY(release_manifest_order_target(release->manifest, release->digest,
                                               adopting->environment->name, name, entry,
                                               ROLL_LANE_RELEASE, &target));
        g_ptr_array_add(order->targets, target);
    }
    *ret_order = g_steal_pointer(&order);
    return NULL;
}

static struct roll_error *adopt(struct adopting *adopting, const struct roll_evidence *pieces,
                                size_t count, struct roll_release **ret_release,
                                struct roll_order **ret_order)
{
    struct roll_release *release = NULL;

    for (size_t i = 0; i < count; i++)
        ROLL_TRY(add_target(adopting, &pieces[i]));
    ROLL_TRY(release_of(adopting, pieces[0].template_digest, &release));
    struct roll_error *err = order_of(adopting, release, ret_order);
    if (err)
        roll_release_free(release);
    else
        *ret_release = release;
    return err;
}

struct roll_error *roll_release_adopt(const struct roll_plan *plan,
                                      const struct roll_plan_environment *environment,
                                      struct roll_ledger *ledger, const char *version,
                                      const char *deployment, const struct roll_evidence *pieces,
                                      size_t count, struct roll_release **ret_release,
                                      struct roll_order **ret_order)
{
    roll_auto(template) struct roll_template *tmpl = NULL;
    g_autoptr(GString) text = NULL;

    if (!release_version_is_valid(version))
        return roll_error_new(ROLL_E_INVALID, "'%s' cannot be a version", version);
    if (count == 0 || !pieces[0].template_digest)
        return roll_error_new(
            ROLL_E_REFUSED,
            "'%s' cannot be deployed again: ARM does not give its template, or it "
            "holds a credential; release it from git: roll release --ref COMMIT",
            deployment);
    ROLL_TRY(roll_ledger_object(ledger, pieces[0].template_digest, &text));
    ROLL_TRY(roll_template_read(text->str, text->len, NULL, &tmpl));
    struct adopting adopting = {.plan = plan,
                                .environment = environment,
                                .ledger = ledger,
                                .version = version,
                                .deployment = deployment,
                                .tmpl = tmpl,
                                .blobs = release_blobs_new(),
                                .targets = json_object(),
                                .artifacts = json_object()};
    struct roll_error *err = adopt(&adopting, pieces, count, ret_release, ret_order);
    g_ptr_array_unref(adopting.blobs);
    json_decref(adopting.targets);
    json_decref(adopting.artifacts);
    return err;
}
