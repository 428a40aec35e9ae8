/* Templates and their evaluation: parsed templates by digest, the frame in which one is evaluated,
 * and the answers that only a running deployment has (reference, list*). Both caches are bounded
 * and can be lost at any time. */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox/deployment.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

#define MAX_TEMPLATES 64
#define MAX_RUNS 128

struct roll_error *sandbox_template_read(struct sandbox_server *server, const char *text,
                                         size_t size, char **ret_digest,
                                         struct roll_template **ret_template)
{
    char digest[ROLL_HEX_SIZE];
    roll_sha256_hex(text, size, digest);
    struct roll_template *tmpl = g_hash_table_lookup(server->templates, digest);
    if (!tmpl) {
        ROLL_TRY(roll_template_read(text, size, NULL, &tmpl));
        if (g_hash_table_size(server->templates) >= MAX_TEMPLATES)
            g_hash_table_remove_all(server->templates);
        g_hash_table_replace(server->templates, g_strdup(digest), tmpl);
    }
    *ret_digest = g_strdup(digest);
    *ret_template = roll_template_ref(tmpl);
    return NULL;
}

struct roll_error *sandbox_template_text(struct sandbox_server *server, const char *digest,
                                         char **ret_text)
{
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_TEMPLATE_GET, &stmt));
    roll_sql_bind_text(stmt, ":digest", digest);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_text = row ? g_strdup(roll_sql_text_at(stmt, 0)) : NULL;
    roll_sql_reset(stmt);
    return NULL;
}

/* ---- the frame ---- */

/* There is no Key Vault to ask: a secret's value is made from its reference, the same every time.
 */
static json_t *fake_secret(const json_t *reference)
{
    g_autoptr(GString) text = g_string_new("secret ");
    char hex[ROLL_HEX_SIZE];
    roll_json_write(reference, text);
    roll_sha256_hex(text->str, text->len, hex);
    hex[32] = '\0';
    return json_pack("{s:s+}", "value", "Sandbox-", hex);
}

static json_t *resolve_parameters(const json_t *given)
{
    json_t *resolved = json_object();
    const char *name;
    json_t *entry;
    json_object_foreach ((json_t *)(uintptr_t)given, name, entry) {
        json_t *reference = roll_json_get_nocase(entry, "reference");
        if (json_is_object(reference))
            json_object_set_new(resolved, name, fake_secret(reference));
        else if (json_is_object(entry) && reference)
            json_object_set_new(resolved, name,
                                json_pack("{s:O?}", "value", roll_json_get_nocase(entry, "value")));
        else
            json_object_set(resolved, name, entry);
    }
    return resolved;
}

static struct roll_error *read_group(struct sandbox_server *server, struct sandbox_frame *frame)
{
    roll_auto(sandbox_resource) struct sandbox_resource *group = NULL;
    if (frame->id.scope.kind != ROLL_SCOPE_GROUP)
        return NULL;
    ROLL_TRY(sandbox_store_get(server, frame->id.scope.id, &group));
    if (!group)
        return NULL;
    g_free(frame->location);
    frame->location = g_strdup(roll_json_get_string(group->body, "location"));
    frame->group_tags = json_incref(json_object_get(group->body, "tags"));
    return NULL;
}

static struct roll_error *make_frame(struct sandbox_server *server, const char *deployment_id,
                                     bool nested, const char *location, const char *parameters,
                                     int64_t started_ms, struct sandbox_frame *frame)
{
    roll_auto(json) json_t *given = NULL;
    if (!sandbox_id_parse(deployment_id, &frame->id))
        return roll_error_new(ROLL_E_INTERNAL, "'%s' is not a deployment's id", deployment_id);
    ROLL_TRY(roll_json_parse(parameters, strlen(parameters), ROLL_JSON_STRICT, &given));
    frame->parameters = resolve_parameters(given);
    frame->location = g_strdup(location);
    frame->seed = g_strdup_printf("%s %" G_GINT64_FORMAT, deployment_id, started_ms);
    roll_time_format(started_ms, frame->utc_now);
    ROLL_TRY(read_group(server, frame));
    const struct sandbox_scope *scope = &frame->id.scope;
    frame->input = (struct roll_template_input){
        .context = {.scope = scope->kind,
                    .nested = nested,
                    .tenant_id = "44444444-4444-4444-4444-444444444444",
                    .subscription_id = scope->subscription,
                    .subscription_name = "Rollbook sandbox",
                    .resource_group = scope->group,
                    .management_group = scope->management_group,
                    .location = frame->location,
                    .deployment_name = frame->id.name,
                    .utc_now = frame->utc_now,
                    .guid_seed = frame->seed,
                    .group_tags = frame->group_tags},
        .parameters = frame->parameters,
        .runtime = &server->runtime,
    };
    return NULL;
}

static void clear_frame(struct sandbox_frame *frame)
{
    json_decref(frame->parameters);
    json_decref(frame->group_tags);
    sandbox_id_clear(&frame->id);
    g_free(frame->location);
    g_free(frame->seed);
}

/* ---- runs ---- */

void sandbox_run_free(struct sandbox_run *run)
{
    if (!run)
        return;
    roll_template_run_free(run->run);
    clear_frame(&run->frame);
    roll_template_free(run->tmpl);
    g_free(run);
}

struct roll_error *sandbox_run_new(struct sandbox_server *server, struct roll_template *tmpl,
                                   const char *deployment_id, bool nested, const char *location,
                                   const char *parameters, int64_t started_ms,
                                   struct sandbox_run **ret_run)
{
    roll_auto(sandbox_run) struct sandbox_run *run = g_new0(struct sandbox_run, 1);
    run->tmpl = roll_template_ref(tmpl);
    ROLL_TRY(
        make_frame(server, deployment_id, nested, location, parameters, started_ms, &run->frame));
    ROLL_TRY(roll_template_run_new(run->tmpl, &run->frame.input, &run->run));
    *ret_run = g_steal_pointer(&run);
    return NULL;
}

void sandbox_run_keep_take(struct sandbox_server *server, int64_t serial, struct sandbox_run *run)
{
    if (g_hash_table_size(server->runs) >= MAX_RUNS)
        g_hash_table_remove_all(server->runs);
    g_hash_table_replace(server->runs, g_memdup2(&serial, sizeof(serial)), run);
}

void sandbox_run_forget(struct sandbox_server *server, int64_t serial)
{
    g_hash_table_remove(server->runs, &serial);
}

struct roll_error *sandbox_run_get(struct sandbox_server *server,
                                   const struct sandbox_deployment *deployment,
                                   struct sandbox_run **ret_run)
{
    *ret_run = g_hash_table_lookup(server->runs, &deployment->serial);
    if (*ret_run)
        return NULL;
    g_autofree char *text = NULL;
    g_autofree char *digest = NULL;
    struct roll_template *tmpl = NULL;
    struct sandbox_run *run = NULL;
    ROLL_TRY(sandbox_template_text(server, deployment->digest, &text));
    if (!text)
        return roll_error_new(ROLL_E_DAMAGED, "the sandbox's state has lost the template of '%s'",
                              deployment->id);
    ROLL_TRY(sandbox_template_read(server, text, strlen(text), &digest, &tmpl));
    struct roll_error *err =
        sandbox_run_new(server, tmpl, deployment->id, deployment->parent != 0, deployment->location,
                        deployment->parameters, deployment->started_ms, &run);
    roll_template_free(tmpl);
    ROLL_TRY(err);
    sandbox_run_keep_take(server, deployment->serial, run);
    *ret_run = run;
    return NULL;
}

/* ---- what only a running deployment knows ---- */

static struct roll_error *missing(const char *resource_id)
{
    struct sandbox_id id = {0};
    if (!sandbox_id_parse(resource_id, &id))
        return roll_error_detail(
            roll_error_new(ROLL_E_TEMPLATE, "The resource id '%s' is not valid.", resource_id),
            "{\"code\":\"InvalidTemplate\"}");
    struct roll_error *err =
        roll_error_new(ROLL_E_TEMPLATE,
                       "The Resource '%s/%s' under resource group '%s' was not found. For more "
                       "details please go to "
                       "https://aka.ms/ARMResourceNotFoundFix",
                       id.type, id.name, id.scope.group ? id.scope.group : "<null>");
    sandbox_id_clear(&id);
    return roll_error_detail(err, "{\"code\":\"ResourceNotFound\"}");
}

static struct roll_error *answer_reference(void *user, const char *resource_id,
                                           const char *api_version, json_t **ret_value)
{
    struct sandbox_server *server = user;
    roll_auto(sandbox_deployment) struct sandbox_deployment *deployment = NULL;
    roll_auto(sandbox_resource) struct sandbox_resource *resource = NULL;
    (void)api_version;
    ROLL_TRY(sandbox_deployment_find(server, resource_id, &deployment));
    if (deployment) {
        *ret_value = sandbox_deployment_show(deployment, SHOW_RAW);
        return NULL;
    }
    ROLL_TRY(sandbox_store_get(server, resource_id, &resource));
    if (!resource)
        return missing(resource_id);
    *ret_value = json_incref(resource->body);
    return NULL;
}

static struct roll_error *answer_list(void *user, const char *function, const char *resource_id,
                                      const char *api_version, const json_t *body,
                                      json_t **ret_value)
{
    struct sandbox_server *server = user;
    bool answers;
    (void)api_version, (void)body;
    ROLL_TRY(sandbox_store_answers_list(server, resource_id, &answers));
    if (!answers)
        return missing(resource_id);
    *ret_value = sandbox_provider_list(function, resource_id);
    return NULL;
}

struct roll_template_runtime sandbox_runtime(struct sandbox_server *server)
{
    return (struct roll_template_runtime){
        .user = server, .reference = answer_reference, .list = answer_list};
}
