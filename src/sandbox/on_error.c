/* onErrorDeployment: when a deployment of a group fails, an earlier one runs again, with its own
 * template and parameters and in Complete mode, under its own name (REST reference 1.9). */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/life.h"

static bool refuse(struct sandbox_reply *reply, const char *message)
{
    sandbox_reply_error(reply, 400, "InvalidDeployment", "%s", message);
    return false;
}

static struct roll_error *resolve(struct sandbox_server *server,
                                  const struct sandbox_deployment *deployment, const char *type,
                                  const char *name, char **ret_id)
{
    roll_auto(sandbox_deployment) struct sandbox_deployment *named = NULL;
    *ret_id = NULL;
    if (g_ascii_strcasecmp(type, "LastSuccessful") == 0)
        return sandbox_deployment_last_good(server, deployment->scope, deployment->id, ret_id);
    size_t length = strlen(deployment->id) - strlen(sandbox_deployment_name(deployment));
    g_autofree char *id = g_strdup_printf("%.*s%s", (int)length, deployment->id, name);
    ROLL_TRY(sandbox_deployment_find(server, id, &named));
    if (named && strcmp(named->state, "Succeeded") == 0 && strcmp(named->key, deployment->key) != 0)
        *ret_id = g_strdup(named->id);
    return NULL;
}

struct roll_error *sandbox_on_error_read(struct sandbox_server *server,
                                         struct sandbox_deployment *deployment,
                                         const json_t *properties, struct sandbox_reply *reply,
                                         bool *ret_good)
{
    const json_t *given = roll_json_get_nocase(properties, "onErrorDeployment");
    const char *type = json_string_value(roll_json_get_nocase(given, "type"));
    const char *name = json_string_value(roll_json_get_nocase(given, "deploymentName"));
    g_autofree char *id = NULL;
    *ret_good = true;
    if (!given || json_is_null(given))
        return NULL;
    bool last = type && g_ascii_strcasecmp(type, "LastSuccessful") == 0;
    bool specific = type && g_ascii_strcasecmp(type, "SpecificDeployment") == 0;
    *ret_good = false;
    if (!last && !(specific && name)) {
        refuse(reply, "'onErrorDeployment' must have the type 'LastSuccessful', or "
                      "'SpecificDeployment' and a 'deploymentName'.");
        return NULL;
    }
    if (!strstr(deployment->scope, "/resourcegroups/")) {
        refuse(reply, "'onErrorDeployment' is for deployments to resource groups only.");
        return NULL;
    }
    ROLL_TRY(resolve(server, deployment, type, name, &id));
    *ret_good = id || refuse(reply, "'onErrorDeployment' finds no other deployment that succeeded "
                                    "in this resource group.");
    if (!id)
        return NULL;
    roll_auto(json) json_t *kept =
        json_pack("{s:s,s:s}", "type", last ? "LastSuccessful" : "SpecificDeployment",
                  "deploymentName", sandbox_last_name(id));
    deployment->on_error = life_text(kept);
    return NULL;
}

json_t *sandbox_on_error_show(const struct sandbox_deployment *deployment)
{
    roll_auto(json) json_t *kept = life_value(deployment->on_error);
    return json_object_get(kept, "type") ? json_incref(kept) : NULL;
}

/* ---- the rerun ---- */

static void set_state(struct sandbox_deployment *deployment, const char *state)
{
    roll_auto(json) json_t *kept = life_value(deployment->on_error);
    json_object_set_new(kept, "provisioningState", json_string(state));
    g_free(deployment->on_error);
    deployment->on_error = life_text(kept);
}

/* What the record shows: secure values are not kept, their defaults apply. */
static json_t *recorded_parameters(const struct sandbox_deployment *deployment)
{
    roll_auto(json) json_t *shown = life_value(deployment->shown);
    json_t *parameters = json_object();
    const char *name;
    json_t *entry;
    json_object_foreach (shown, name, entry) {
        static const char *const members[] = {"reference", "value"};
        for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
            json_t *value = json_object_get(entry, members[i]);
            if (value && !json_object_get(parameters, name))
                json_object_set_new(parameters, name, json_pack("{s:O}", members[i], value));
        }
    }
    return parameters;
}

static struct roll_error *make_rerun(struct moment *moment, const struct sandbox_deployment *failed,
                                     const struct sandbox_deployment *good,
                                     struct sandbox_new *made)
{
    struct sandbox_reply reply;
    g_autofree char *text = NULL;
    ROLL_TRY(sandbox_template_text(moment->server, good->digest, &text));
    if (!text)
        return roll_error_new(ROLL_E_DAMAGED, "the sandbox's state has lost the template of '%s'",
                              good->id);
    roll_auto(json) json_t *body = json_pack("{s:{s:s,s:{},s:o}}", "properties", "mode", "Complete",
                                             "template", "parameters", recorded_parameters(good));
    roll_auto(json) json_t *tags = life_value(good->tags);
    if (tags)
        json_object_set(body, "tags", tags);
    sandbox_reply_init(&reply);
    struct roll_error *err =
        sandbox_deployment_make(moment->server, good->id, body, text, strlen(text),
                                failed->correlation, moment->at_ms, &reply, made);
    sandbox_reply_clear(&reply);
    return err;
}

static struct roll_error *start_rerun(struct moment *moment, struct sandbox_deployment *failed,
                                      struct sandbox_new *made)
{
    struct sandbox_deployment *rerun = made->deployment;
    rerun->on_error = g_strdup_printf("{\"rerunOf\":%" G_GINT64_FORMAT "}", failed->serial);
    ROLL_TRY(sandbox_deployment_store(moment->server, made));
    g_free(rerun->state);
    rerun->state = g_strdup("Running");
    moment_push(moment, rerun->serial);
    ROLL_TRY(sandbox_deployment_save(moment->server, rerun));
    set_state(failed, "Running");
    return sandbox_deployment_save(moment->server, failed);
}

static struct roll_error *rerun(struct moment *moment, struct sandbox_deployment *failed,
                                const char *name)
{
    roll_auto(sandbox_deployment) struct sandbox_deployment *good = NULL;
    struct sandbox_new made = {0};
    size_t length = strlen(failed->id) - strlen(sandbox_deployment_name(failed));
    g_autofree char *id = g_strdup_printf("%.*s%s", (int)length, failed->id, name);
    ROLL_TRY(sandbox_deployment_find(moment->server, id, &good));
    struct roll_error *err = NULL;
    if (good && !sandbox_deployment_is_active(good))
        err = make_rerun(moment, failed, good, &made);
    if (!err && made.deployment) {
        err = start_rerun(moment, failed, &made);
    } else if (!err) {
        set_state(failed, "Failed");
        err = sandbox_deployment_save(moment->server, failed);
    }
    sandbox_new_clear(&made);
    return err;
}

struct roll_error *life_after_end(struct moment *moment, struct sandbox_deployment *deployment)
{
    roll_auto(json) json_t *kept = life_value(deployment->on_error);
    const char *name = roll_json_get_string(kept, "deploymentName");
    json_int_t serial = json_integer_value(json_object_get(kept, "rerunOf"));
    if (name && strcmp(deployment->state, "Failed") == 0)
        return rerun(moment, deployment, name);
    if (serial == 0)
        return NULL;
    roll_auto(sandbox_deployment) struct sandbox_deployment *failed = NULL;
    ROLL_TRY(sandbox_deployment_load(moment->server, serial, &failed));
    if (!failed)
        return NULL;
    set_state(failed, deployment->state);
    return sandbox_deployment_save(moment->server, failed);
}
