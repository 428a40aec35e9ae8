/* From a request's body to a deployment's row: the checks that ARM makes before it accepts one
 * (REST reference 1.3, 1.4 and 7.2), and its operations. Nested deployments come the same way. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/deployment.h"

void sandbox_new_clear(struct sandbox_new *made)
{
    sandbox_deployment_free(made->deployment);
    sandbox_run_free(made->run);
    roll_expansion_free(made->expansion);
    *made = (struct sandbox_new){0};
}

/* All messages of the chain: a template's error says what, its causes say where. */
static char *chain_text(const struct roll_error *err)
{
    GString *text = g_string_new(err->message);
    for (err = err->cause; err; err = err->cause)
        g_string_append_printf(text, ": %s", err->message);
    return g_string_free(text, FALSE);
}

void sandbox_template_refusal(const struct roll_error *err, struct sandbox_reply *reply)
{
    g_autofree char *text = chain_text(err);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_autofree char *message =
        g_str_has_prefix(valid, "Deployment template")
            ? g_strdup(valid)
            : g_strdup_printf("Deployment template validation failed: '%s'.", valid);
    json_t *detail = NULL;
    json_t *shown = json_pack("{s:s,s:s}", "code", "InvalidTemplate", "message", message);
    if (err->detail)
        roll_error_free(
            roll_json_parse(err->detail, strlen(err->detail), ROLL_JSON_STRICT, &detail));
    json_t *line = json_object_get(detail, "line");
    const char *path = roll_json_get_string(detail, "path");
    if (line || path) {
        json_t *column = json_object_get(detail, "column");
        g_autofree char *whole =
            g_strdup_printf("properties.template%s%s", path && *path ? "." : "", path ? path : "");
        json_t *info = json_pack("{s:I,s:I,s:s}", "lineNumber", json_integer_value(line),
                                 "linePosition", json_integer_value(column), "path", whole);
        json_object_set_new(shown, "additionalInfo",
                            json_pack("[{s:s,s:o}]", "type", "TemplateViolation", "info", info));
    }
    json_decref(detail);
    sandbox_reply_error_take(reply, 400, shown);
}

static bool refuse(struct sandbox_reply *reply, const char *code, const char *message)
{
    sandbox_reply_error(reply, 400, code, "%s", message);
    return false;
}

static bool check_name(const char *name, struct sandbox_reply *reply)
{
    if (g_utf8_strlen(name, -1) > 64) {
        sandbox_reply_error(reply, 400, "DeploymentNameLengthLimitExceeded",
                            "The deployment name '%s' has exceeded the length limit of '64'.",
                            name);
        return false;
    }
    if (!sandbox_is_name(name)) {
        sandbox_reply_error(reply, 400, "DeploymentNameInvalidCharacters",
                            "The deployment name '%s' contains invalid characters: only letters, "
                            "digits and '-', '_', "
                            "'.', '(', ')' are allowed.",
                            name);
        return false;
    }
    return true;
}

static bool is_set(const json_t *object, const char *name)
{
    const json_t *value = roll_json_get_nocase(object, name);
    return value && !json_is_null(value);
}

static bool check_built(const json_t *properties, struct sandbox_reply *reply)
{
    static const char *const missing[] = {"templateLink", "parametersLink", "externalInputs",
                                          "extensionConfigs", NULL};
    for (int i = 0; missing[i]; i++) {
        /* A link is done with when the template was found. */
        if (!is_set(properties, missing[i]) || (i == 0 && is_set(properties, "template")))
            continue;
        sandbox_reply_error(reply, 501, "NotImplemented",
                            "The sandbox does not implement 'properties.%s'.", missing[i]);
        return false;
    }
    return true;
}

static bool check_location(const struct sandbox_id *id, const char *location,
                           struct sandbox_reply *reply)
{
    if (id->scope.kind == ROLL_SCOPE_GROUP || (location && *location))
        return true;
    sandbox_reply_error(reply, 400, "InvalidDeployment",
                        "The 'location' property must be specified for '%s'. Please see "
                        "https://aka.ms/arm-deployment-subscription for usage details.",
                        id->name);
    return false;
}

static bool check_body(const struct sandbox_id *id, const json_t *body, struct sandbox_reply *reply)
{
    const json_t *properties = roll_json_get_nocase(body, "properties");
    const char *mode = json_string_value(roll_json_get_nocase(properties, "mode"));
    if (!json_is_object(properties))
        return refuse(reply, "InvalidRequestContent",
                      "The request content was invalid and could not be deserialized: 'properties "
                      "is missing'.");
    if (!mode ||
        (g_ascii_strcasecmp(mode, "Incremental") != 0 && g_ascii_strcasecmp(mode, "Complete") != 0))
        return refuse(reply, "InvalidDeployment",
                      "The 'mode' property must be 'Incremental' or 'Complete'.");
    if (g_ascii_strcasecmp(mode, "Complete") == 0 && id->scope.kind != ROLL_SCOPE_GROUP)
        return refuse(reply, "InvalidDeployment",
                      "The 'mode' property must be 'Incremental' for deployments that are not to a "
                      "resource group.");
    if (!check_built(properties, reply))
        return false;
    if (!is_set(properties, "template"))
        return refuse(reply, "InvalidRequestContent",
                      "The request content was invalid: exactly one of 'template' and "
                      "'templateLink' must be given.");
    return check_location(id, json_string_value(roll_json_get_nocase(body, "location")), reply);
}

/* The template's own text: as it stood in the body, or what the body holds as a string, or (nested)
 * written again. */
static GString *template_text(const json_t *body, const char *text, size_t size)
{
    const json_t *tmpl = roll_json_get_nocase(roll_json_get_nocase(body, "properties"), "template");
    if (json_is_string(tmpl))
        return g_string_new_len(json_string_value(tmpl), (gssize)json_string_length(tmpl));
    if (text)
        return g_string_new_len(text, (gssize)size);
    GString *written = g_string_new(NULL);
    roll_json_write(tmpl, written);
    return written;
}

static char *text_of(const json_t *value)
{
    GString *text = g_string_new(NULL);
    roll_json_write(value, text);
    return g_string_free(text, FALSE);
}

/* 20 digits that run backwards in time: the service's own way to have the newest first (REST
 * reference 1.5). */
static char *status_id(int64_t at_ms)
{
    int64_t ticks = at_ms * 10000 + INT64_C(621355968000000000);
    return g_strdup_printf("%020" G_GINT64_FORMAT, INT64_MAX - ticks);
}

static json_t *resource_reference(const json_t *resource)
{
    const char *name = roll_json_get_string(resource, "name");
    const char *type = roll_json_get_string(resource, "type");
    return json_pack("{s:s?,s:s?,s:s?}", "id", roll_json_get_string(resource, "id"), "resourceType",
                     type, "resourceName", name);
}

static json_t *show_dependencies(const struct roll_template_run *run, const json_t *resources)
{
    json_t *dependencies = json_array();
    for (size_t i = 0; i < json_array_size(resources); i++) {
        GArray *needs = roll_template_run_needs(run, i);
        if (!needs || needs->len == 0)
            continue;
        json_t *list = json_array();
        for (guint n = 0; n < needs->len; n++)
            json_array_append_new(list, resource_reference(json_array_get(
                                            resources, g_array_index(needs, size_t, n))));
        json_t *entry = json_pack("{s:o}", "dependsOn", list);
        json_t *own = resource_reference(json_array_get(resources, i));
        json_object_update(entry, own);
        json_decref(own);
        json_array_append_new(dependencies, entry);
    }
    return dependencies;
}

/* {namespace, resourceTypes:[{resourceType, locations}]} in the order of first use. */
static json_t *show_providers(const json_t *resources)
{
    json_t *providers = json_array();
    size_t i;
    json_t *resource;
    json_array_foreach (resources, i, resource) {
        const char *type = roll_json_get_string(resource, "type");
        const char *slash = type ? strchr(type, '/') : NULL;
        if (!slash)
            continue;
        g_autofree char *space = g_strndup(type, (gsize)(slash - type));
        json_t *types = NULL;
        for (size_t p = 0; p < json_array_size(providers) && !types; p++) {
            json_t *provider = json_array_get(providers, p);
            if (g_ascii_strcasecmp(roll_json_get_string(provider, "namespace"), space) == 0)
                types = json_object_get(provider, "resourceTypes");
        }
        if (!types) {
            types = json_array();
            json_array_append_new(
                providers, json_pack("{s:s,s:o}", "namespace", space, "resourceTypes", types));
        }
        bool known = false;
        for (size_t t = 0; t < json_array_size(types) && !known; t++)
            known =
                g_ascii_strcasecmp(roll_json_get_string(json_array_get(types, t), "resourceType"),
                                   slash + 1) == 0;
        if (!known)
            json_array_append_new(types,
                                  json_pack("{s:s,s:[s?]}", "resourceType", slash + 1, "locations",
                                            roll_json_get_string(resource, "location")));
    }
    return providers;
}

static json_t *show_extra(const struct sandbox_run *run, const json_t *body)
{
    const json_t *resources = roll_template_run_resources(run->run);
    const json_t *properties = roll_json_get_nocase(body, "properties");
    json_t *extra = json_object();
    json_object_set_new(extra, "providers", show_providers(resources));
    json_object_set_new(extra, "dependencies", show_dependencies(run->run, resources));
    static const char *const echoed[] = {"debugSetting", "validationLevel", "templateLink", NULL};
    for (int i = 0; echoed[i]; i++) {
        json_t *value = roll_json_get_nocase(properties, echoed[i]);
        if (value && !json_is_null(value))
            json_object_set(extra, echoed[i], value);
    }
    return extra;
}

/* A parameter that came from a Key Vault shows from where, never what. */
static void show_references(json_t *shown, const json_t *given)
{
    const char *name;
    json_t *entry;
    json_object_foreach ((json_t *)(uintptr_t)given, name, entry) {
        json_t *reference = roll_json_get_nocase(entry, "reference");
        json_t *parameter = roll_json_get_nocase(shown, name);
        if (json_is_object(reference) && json_is_object(parameter))
            json_object_set(parameter, "reference", reference);
    }
}

static void fill(const struct sandbox_id *id, const json_t *body, const char *correlation,
                 int64_t at_ms, struct sandbox_new *made)
{
    struct sandbox_deployment *deployment = made->deployment;
    const json_t *properties = roll_json_get_nocase(body, "properties");
    const json_t *tags = roll_json_get_nocase(body, "tags");
    roll_auto(json) json_t *extra = show_extra(made->run, body);
    roll_auto(json) json_t *shown = roll_template_run_parameters(made->run->run);
    deployment->id = g_strdup(id->id);
    deployment->key = sandbox_key(id->id);
    deployment->scope = sandbox_key(id->scope.id);
    deployment->state = g_strdup("Accepted");
    deployment->status_id = status_id(at_ms);
    deployment->started_ms = deployment->changed_ms = at_ms;
    deployment->correlation = g_strdup(correlation);
    deployment->location = g_strdup(made->run->frame.location);
    deployment->tags = json_is_object(tags) ? text_of(tags) : NULL;
    const char *mode = json_string_value(roll_json_get_nocase(properties, "mode"));
    deployment->mode =
        g_strdup(g_ascii_strcasecmp(mode, "Complete") == 0 ? "Complete" : "Incremental");
    deployment->extra = text_of(extra);
    made->template_text = roll_template_text(made->run->tmpl, &made->template_size);
    show_references(shown, roll_json_get_nocase(properties, "parameters"));
    deployment->shown = text_of(shown);
}

static struct roll_error *evaluate(struct sandbox_server *server, const struct sandbox_id *id,
                                   const json_t *body, const GString *text, bool nested,
                                   int64_t at_ms, struct sandbox_new *made)
{
    struct roll_template *tmpl = NULL;
    struct sandbox_deployment *deployment = made->deployment;
    const json_t *parameters =
        roll_json_get_nocase(roll_json_get_nocase(body, "properties"), "parameters");
    char hash[21];
    deployment->parameters = json_is_object(parameters) ? text_of(parameters) : g_strdup("{}");
    ROLL_TRY(sandbox_template_read(server, text->str, text->len, &deployment->digest, &tmpl));
    roll_template_hash(tmpl, hash);
    deployment->hash = g_strdup(hash);
    struct roll_error *err = sandbox_run_new(
        server, tmpl, id->id, nested, json_string_value(roll_json_get_nocase(body, "location")),
        deployment->parameters, at_ms, &made->run);
    roll_template_free(tmpl);
    return err;
}

/* What the template's author has to mend is refused; anything else is the sandbox's own. Consumes.
 */
static struct roll_error *refuse_template(struct roll_error *err, struct sandbox_reply *reply)
{
    enum roll_code code = roll_error_code(err);
    if (code != ROLL_E_TEMPLATE && code != ROLL_E_SYNTAX && code != ROLL_E_LIMIT &&
        code != ROLL_E_INVALID)
        return err;
    sandbox_template_refusal(err, reply);
    roll_error_free(err);
    return NULL;
}

struct roll_error *sandbox_deployment_make(struct sandbox_server *server, const char *deployment_id,
                                           const json_t *body, const char *template_text_given,
                                           size_t template_size, const char *correlation,
                                           int64_t at_ms, struct sandbox_reply *reply,
                                           struct sandbox_new *ret_made)
{
    struct sandbox_id id = {0};
    struct sandbox_new made = {0};
    *ret_made = made;
    if (!sandbox_id_parse(deployment_id, &id))
        return roll_error_new(ROLL_E_INTERNAL, "'%s' is not a deployment's id", deployment_id);
    if (!check_name(id.name, reply) || !check_body(&id, body, reply)) {
        sandbox_id_clear(&id);
        return NULL;
    }
    made.deployment = g_new0(struct sandbox_deployment, 1);
    GString *text = template_text(body, template_text_given, template_size);
    struct roll_error *err = evaluate(server, &id, body, text, !template_text_given, at_ms, &made);
    if (!err)
        fill(&id, body, correlation, at_ms, &made);
    g_string_free(text, TRUE);
    sandbox_id_clear(&id);
    if (!err) {
        *ret_made = made;
        return NULL;
    }
    sandbox_new_clear(&made);
    return refuse_template(err, reply);
}

struct roll_error *sandbox_deployment_expand(struct sandbox_new *made, struct sandbox_reply *reply)
{
    struct roll_template_input input = made->run->frame.input;
    input.runtime = NULL;
    struct roll_error *err = roll_template_expand(made->run->tmpl, &input, &made->expansion);
    if (!err)
        return NULL;
    sandbox_new_clear(made);
    return refuse_template(err, reply);
}

struct roll_error *sandbox_deployment_store(struct sandbox_server *server, struct sandbox_new *made)
{
    struct sandbox_deployment *deployment = made->deployment;
    ROLL_TRY(
        sandbox_deployment_insert(server, deployment, made->template_text, made->template_size));
    const json_t *resources = roll_template_run_resources(made->run->run);
    for (size_t i = 0; i < json_array_size(resources); i++) {
        const json_t *resource = json_array_get(resources, i);
        const char *id = roll_json_get_string(resource, "id");
        const char *type = roll_json_get_string(resource, "type");
        ROLL_TRY(sandbox_operation_add(server, deployment->serial, (int64_t)i, "Create",
                                       id ? id : "", type ? type : ""));
    }
    sandbox_run_keep_take(server, deployment->serial, g_steal_pointer(&made->run));
    return NULL;
}
