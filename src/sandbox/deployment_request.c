/* Reading what a client asks for: a deployment, by PUT, validate or whatIf, with its template in
 * the body or in a template spec (REST reference 1.4, 5). */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/deployment.h"
#include "sandbox/services.h"
#include "sandbox/slice.h"
#include "sandbox/store.h"

/* What ARM does before it looks closer, for a deployment, validate and what-if: are the providers
 * registered; is the history to be trimmed (REST reference 8.3). */
static struct roll_error *look_at_scope(struct sandbox_server *server,
                                        const struct sandbox_request *request,
                                        struct sandbox_reply *reply, struct sandbox_new *made)
{
    bool registered, full;
    const json_t *resources = roll_template_run_resources(made->run->run);
    ROLL_TRY(sandbox_registration_check(server, request->scope.subscription, resources,
                                        request->now_ms, reply, &registered));
    if (registered)
        return sandbox_history_groom(server, made->deployment, &full);
    sandbox_new_clear(made);
    return NULL;
}

/* ---- template specs ---- */

/* A template of the version: its main one, or the linked one at a path. Borrowed, or NULL. */
static json_t *pick_template(const json_t *version, const char *path)
{
    json_t *properties = json_object_get(version, "properties"), *artifact;
    size_t index;
    if (!path)
        return roll_json_get_nocase(properties, "mainTemplate");
    json_array_foreach (roll_json_get_nocase(properties, "linkedTemplates"), index, artifact) {
        if (g_strcmp0(roll_json_get_string(artifact, "path"), path) == 0)
            return roll_json_get_nocase(artifact, "template");
    }
    return NULL;
}

static struct roll_error *read_spec(struct sandbox_server *server, const char *id, const char *path,
                                    struct sandbox_reply *reply, json_t **ret_template)
{
    roll_auto(sandbox_resource) struct sandbox_resource *version = NULL;
    *ret_template = NULL;
    ROLL_TRY(sandbox_store_get(server, id, &version));
    if (version && strcmp(version->type, "microsoft.resources/templatespecs/versions") == 0)
        *ret_template = json_incref(pick_template(version->body, path));
    if (!version)
        sandbox_reply_error(reply, 404, "ResourceNotFound", "The Resource '%s' was not found.", id);
    else if (!*ret_template)
        sandbox_reply_error(reply, 400, "InvalidTemplate",
                            "The template spec version '%s' has no template '%s'.", id,
                            path ? path : "mainTemplate");
    return NULL;
}

/* Puts the template that templateLink names into body; *ret_good: it is there, or was all along. */
static struct roll_error *resolve_link(struct sandbox_server *server, json_t *body,
                                       struct sandbox_reply *reply, bool *ret_good)
{
    json_t *properties = roll_json_get_nocase(body, "properties");
    const json_t *link = roll_json_get_nocase(properties, "templateLink");
    const json_t *own = roll_json_get_nocase(properties, "template");
    const char *id = json_string_value(roll_json_get_nocase(link, "id"));
    const char *uri = json_string_value(roll_json_get_nocase(link, "uri"));
    const char *path = json_string_value(roll_json_get_nocase(link, "relativePath"));
    json_t *linked = NULL;
    *ret_good = !json_is_object(link);
    if (*ret_good)
        return NULL;
    if ((own && !json_is_null(own)) || !id == !uri) {
        sandbox_reply_error(reply, 400, "InvalidRequestContent",
                            "The request content was invalid: exactly one of 'template' and "
                            "'templateLink' must be given, and in that one of 'id' and 'uri'.");
        return NULL;
    }
    if (uri) {
        sandbox_reply_error(reply, 501, "NotImplemented",
                            "The sandbox fetches nothing, so also not the template '%s'.", uri);
        return NULL;
    }
    ROLL_TRY(read_spec(server, id, path, reply, &linked));
    *ret_good = linked != NULL;
    if (linked)
        json_object_set_new(properties, "template", linked);
    return NULL;
}

/* ---- the request ---- */

/* The template's text as it stands in the body, so that no number is respelt; or what was linked,
 * written out into strict. */
static const char *find_text(const json_t *body, GString *strict, size_t *ret_size)
{
    static const char *const path[] = {"properties", "template", NULL};
    const char *text = sandbox_slice(strict->str, path, ret_size);
    const json_t *properties = roll_json_get_nocase(body, "properties");
    if (!json_is_object(roll_json_get_nocase(properties, "templateLink")))
        return text;
    g_string_truncate(strict, 0);
    roll_json_write(roll_json_get_nocase(properties, "template"), strict);
    *ret_size = strict->len;
    return strict->str;
}

static struct roll_error *make(struct sandbox_server *server, struct sandbox_request *request,
                               struct sandbox_reply *reply, json_t *body, GString *strict,
                               struct sandbox_new *ret_made)
{
    bool there, good = true;
    size_t size = 0;
    g_autofree char *id = sandbox_deployment_id(request);
    ROLL_TRY(sandbox_group_require(server, &request->scope, reply, &there));
    if (there)
        ROLL_TRY(resolve_link(server, body, reply, &there));
    if (!there || !sandbox_tags_check(roll_json_get_nocase(body, "tags"), reply))
        return NULL;
    const char *text = find_text(body, strict, &size);
    ROLL_TRY(sandbox_deployment_make(server, id, body, text, size, request->correlation_id,
                                     request->now_ms, reply, ret_made));
    if (ret_made->deployment)
        ROLL_TRY(sandbox_deployment_expand(ret_made, reply));
    if (ret_made->deployment)
        ROLL_TRY(sandbox_role_check_template(server, request, ret_made->expansion->resources, reply,
                                             &good));
    if (ret_made->deployment && good)
        ROLL_TRY(sandbox_preflight(server, ret_made, reply, &good));
    if (ret_made->deployment && good)
        ROLL_TRY(sandbox_on_error_read(server, ret_made->deployment,
                                       roll_json_get_nocase(body, "properties"), reply, &good));
    if (ret_made->deployment && good)
        ROLL_TRY(sandbox_secrets_use(
            server, roll_json_get_nocase(roll_json_get_nocase(body, "properties"), "parameters"),
            request->now_ms, reply, &good));
    if (!good)
        sandbox_new_clear(ret_made);
    return ret_made->deployment ? look_at_scope(server, request, reply, ret_made) : NULL;
}

struct roll_error *sandbox_request_deployment(struct sandbox_server *server,
                                              struct sandbox_request *request,
                                              struct sandbox_reply *reply, json_t **ret_body,
                                              struct sandbox_new *ret_made)
{
    GString *strict = NULL;
    *ret_body = NULL;
    *ret_made = (struct sandbox_new){0};
    if (!sandbox_request_json(request, reply, ret_body, &strict))
        return NULL;
    struct roll_error *err = make(server, request, reply, *ret_body, strict, ret_made);
    g_string_free(strict, TRUE);
    return err;
}
