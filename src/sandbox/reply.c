/* Making replies and reading request bodies. */
#include <stdarg.h>
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/http.h"

static void header_free(void *data)
{
    struct sandbox_header *header = data;
    g_free(header->name);
    g_free(header->value);
    g_free(header);
}

void sandbox_reply_init(struct sandbox_reply *reply)
{
    *reply = (struct sandbox_reply){.status = 500};
    reply->headers = g_ptr_array_new_with_free_func(header_free);
}

void sandbox_reply_clear(struct sandbox_reply *reply)
{
    json_decref(reply->body);
    if (reply->text)
        g_string_free(reply->text, TRUE);
    if (reply->headers)
        g_ptr_array_unref(reply->headers);
    *reply = (struct sandbox_reply){0};
}

void sandbox_reply_header(struct sandbox_reply *reply, const char *name, const char *format, ...)
{
    struct sandbox_header *header = g_new0(struct sandbox_header, 1);
    va_list args;
    va_start(args, format);
    header->value = g_strdup_vprintf(format, args);
    va_end(args);
    header->name = g_strdup(name);
    for (guint i = 0; i < reply->headers->len; i++) {
        const struct sandbox_header *known = reply->headers->pdata[i];
        if (g_ascii_strcasecmp(known->name, name) == 0)
            g_ptr_array_remove_index(reply->headers, i--);
    }
    g_ptr_array_add(reply->headers, header);
}

void sandbox_reply_set(struct sandbox_reply *reply, int status, json_t *body_take)
{
    json_decref(reply->body);
    reply->body = body_take;
    if (reply->text)
        g_string_free(reply->text, TRUE);
    reply->text = NULL;
    reply->status = status;
    reply->refused = false;
}

void sandbox_reply_error_take(struct sandbox_reply *reply, int status, json_t *error_take)
{
    sandbox_reply_set(reply, status, json_pack("{s:o}", "error", error_take));
    reply->refused = true;
}

void sandbox_reply_error(struct sandbox_reply *reply, int status, const char *code,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *valid = g_utf8_make_valid(message, -1);
    sandbox_reply_error_take(reply, status, json_pack("{s:s,s:s}", "code", code, "message", valid));
}

const char *sandbox_query(const struct sandbox_request *request, const char *name)
{
    return g_hash_table_lookup(request->query, name);
}

bool sandbox_request_json(const struct sandbox_request *request, struct sandbox_reply *reply,
                          json_t **ret_body, GString **ret_strict)
{
    GString *strict = NULL;
    json_t *body = NULL;
    roll_auto(error) struct roll_error *err =
        roll_json_read(request->body->str, request->body->len, ROLL_JSON_ARM, &strict);
    if (!err)
        err = roll_json_parse(strict->str, strict->len, ROLL_JSON_STRICT, &body);
    if (err || !json_is_object(body)) {
        sandbox_reply_error(reply, 400, "InvalidRequestContent",
                            "The request content was invalid and could not be deserialized: '%s'.",
                            err ? err->message : "the body is not an object");
        if (strict)
            g_string_free(strict, TRUE);
        json_decref(body);
        return false;
    }
    *ret_body = body;
    if (ret_strict)
        *ret_strict = strict;
    else
        g_string_free(strict, TRUE);
    return true;
}

void sandbox_request_clear(struct sandbox_request *request)
{
    g_free(request->method_name);
    g_free(request->path);
    g_free(request->base_url);
    g_free(request->authorization);
    g_free(request->if_match);
    g_free(request->if_none_match);
    g_free(request->correlation_id);
    g_free(request->client_request_id);
    g_clear_pointer(&request->segments, g_ptr_array_unref);
    g_clear_pointer(&request->query, g_hash_table_unref);
    if (request->body)
        g_string_free(request->body, TRUE);
    sandbox_scope_clear(&request->scope);
    *request = (struct sandbox_request){0};
}
