/* validate and calculateTemplateHash (REST reference 1.7 and 1.11). */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/deployment.h"
#include "sandbox/store.h"

void sandbox_flatten(const json_t *resources, GPtrArray *out)
{
    for (size_t i = 0; i < json_array_size(resources); i++) {
        json_t *resource = json_array_get(resources, i);
        const char *type = roll_json_get_string(resource, "type");
        if (!type || g_ascii_strcasecmp(type, "Microsoft.Resources/deployments") != 0) {
            g_ptr_array_add(out, resource);
            continue;
        }
        const json_t *tmpl = json_object_get(json_object_get(resource, "properties"), "template");
        sandbox_flatten(json_object_get(tmpl, "resources"), out);
    }
}

/* ---- validate ---- */

struct roll_error *sandbox_deployment_validate(struct sandbox_server *server,
                                               struct sandbox_request *request,
                                               struct sandbox_reply *reply)
{
    roll_auto(json) json_t *body = NULL;
    g_autoptr(GPtrArray) resources = g_ptr_array_new();
    struct sandbox_new made;
    struct roll_error *err = sandbox_request_deployment(server, request, reply, &body, &made);
    if (!err && made.deployment) {
        json_t *shown = sandbox_deployment_show(made.deployment, SHOW_ACCEPTED);
        json_t *properties = json_object_get(shown, "properties");
        json_t *validated = json_array();
        sandbox_flatten(made.expansion->resources, resources);
        for (guint i = 0; i < resources->len; i++) {
            const char *id = roll_json_get_string(resources->pdata[i], "id");
            json_array_append_new(validated, json_pack("{s:s?}", "id", id));
        }
        json_object_set_new(properties, "provisioningState", json_string("Succeeded"));
        json_object_set_new(properties, "timestamp", json_string("0001-01-01T00:00:00Z"));
        json_object_set_new(properties, "duration", json_string("PT0S"));
        json_object_set_new(properties, "validatedResources", validated);
        sandbox_reply_set(reply, 200, shown);
    }
    sandbox_new_clear(&made);
    return err;
}

/* ---- the hash ---- */

struct roll_error *sandbox_template_hash(struct sandbox_server *server,
                                         struct sandbox_request *request,
                                         struct sandbox_reply *reply)
{
    struct roll_template *tmpl = NULL;
    char hash[21];
    size_t size;
    (void)server;
    struct roll_error *err =
        roll_template_read(request->body->str, request->body->len, NULL, &tmpl);
    if (err) {
        sandbox_template_refusal(err, reply);
        roll_error_free(err);
        return NULL;
    }
    roll_template_hash(tmpl, hash);
    const char *text = roll_template_text(tmpl, &size);
    g_autofree char *upper = g_ascii_strup(text, (gssize)size);
    sandbox_reply_set(reply, 200,
                      json_pack("{s:s,s:s}", "minifiedTemplate", upper, "templateHash", hash));
    roll_template_free(tmpl);
    return NULL;
}
