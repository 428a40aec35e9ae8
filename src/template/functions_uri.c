/* uri, uriComponent, buildUri, parseUri (reference 17.6; RFC 3986). */
#include "function.h"

struct parts {
    char *scheme;
    char *authority; /* NULL: none */
    char *path;
    char *query;    /* with its ?, or NULL */
    char *fragment; /* with its #, or NULL */
};

static void parts_clear(struct parts *parts)
{
    g_free(parts->scheme);
    g_free(parts->authority);
    g_free(parts->path);
    g_free(parts->query);
    g_free(parts->fragment);
}

#define auto_parts __attribute__((cleanup(parts_clear))) struct parts

static void split_uri(const char *text, struct parts *parts)
{
    size_t scheme =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    if (scheme > 0 && text[scheme] == ':' && g_ascii_isalpha(text[0])) {
        parts->scheme = g_ascii_strdown(text, (gssize)scheme);
        text += scheme + 1;
    }
    if (g_str_has_prefix(text, "//")) {
        size_t size = strcspn(text + 2, "/?#");
        parts->authority = g_strndup(text + 2, size);
        text += 2 + size;
    }
    size_t path = strcspn(text, "?#");
    parts->path = g_strndup(text, path);
    text += path;
    size_t query = *text == '?' ? strcspn(text, "#") : 0;
    if (query > 0)
        parts->query = g_strndup(text, query);
    text += query;
    if (*text)
        parts->fragment = g_strdup(text);
}

/* RFC 3986, 5.2.4. */
static char *remove_dot_segments(const char *path)
{
    g_auto(GStrv) segments = g_strsplit(path, "/", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    bool rooted = *path == '/';
    for (char **segment = segments; *segment; segment++) {
        bool last = !segment[1];
        if (strcmp(*segment, ".") == 0 || strcmp(*segment, "..") == 0) {
            if ((*segment)[1] && kept->len > (rooted ? 1u : 0u))
                g_ptr_array_set_size(kept, (gint)kept->len - 1);
            if (last)
                g_ptr_array_add(kept, (gpointer)(uintptr_t) "");
        } else {
            g_ptr_array_add(kept, *segment);
        }
    }
    g_ptr_array_add(kept, NULL);
    return g_strjoinv("/", (char **)kept->pdata);
}

static char *merge_paths(const struct parts *base, const char *relative)
{
    const char *slash = strrchr(base->path, '/');
    if (!slash)
        return g_strconcat("/", relative, NULL);
    return g_strdup_printf("%.*s%s", (int)(slash - base->path + 1), base->path, relative);
}

/* Host in lower case, default port dropped, user info kept. */
static char *normal_authority(const char *scheme, const char *authority)
{
    const char *at = strrchr(authority, '@');
    const char *host = at ? at + 1 : authority;
    g_autofree char *lower = g_ascii_strdown(host, -1);
    const char *port = g_strcmp0(scheme, "https") == 0  ? ":443"
                       : g_strcmp0(scheme, "http") == 0 ? ":80"
                                                        : NULL;
    if (port && g_str_has_suffix(lower, port))
        lower[strlen(lower) - strlen(port)] = '\0';
    return g_strdup_printf("%.*s%s", (int)(host - authority), authority, lower);
}

static void resolve(const struct parts *base, const struct parts *relative, GString *out)
{
    const struct parts *source = relative->scheme ? relative : base;
    const char *authority =
        relative->scheme || relative->authority ? relative->authority : base->authority;
    const char *query = relative->query;
    g_autofree char *path = NULL;
    if (relative->scheme || relative->authority || relative->path[0] == '/') {
        path = remove_dot_segments(relative->path);
    } else if (relative->path[0] == '\0') {
        path = g_strdup(base->path);
        query = query ? query : base->query;
    } else {
        g_autofree char *merged = merge_paths(base, relative->path);
        path = remove_dot_segments(merged);
    }
    g_string_append_printf(out, "%s:", source->scheme);
    if (authority) {
        g_autofree char *normal = normal_authority(source->scheme, authority);
        g_string_append_printf(out, "//%s", normal);
    }
    g_string_append(out, *path || !authority ? path : "/");
    g_string_append(out, query ? query : "");
    g_string_append(out, relative->fragment ? relative->fragment : "");
}

struct roll_error *function_uri(const struct call *call, json_t **ret_value)
{
    auto_parts base = {0};
    auto_parts relative = {0};
    split_uri(json_string_value(call->args[0]), &base);
    split_uri(json_string_value(call->args[1]), &relative);
    if (!base.scheme || (!base.authority && base.path[0] == '\0'))
        return function_error(
            call, "expects its first argument to be a uri string. The provided value is '%.200s'.",
            json_string_value(call->args[0]));
    GString *out = g_string_new(NULL);
    resolve(&base, &relative, out);
    return return_text(call, out, ret_value);
}

struct roll_error *function_uri_component(const struct call *call, json_t **ret_value)
{
    GString *out = g_string_new(NULL);
    for (const unsigned char *at = (const unsigned char *)json_string_value(call->args[0]); *at;
         at++) {
        if (g_ascii_isalnum((char)*at) || strchr("-_.~", *at))
            g_string_append_c(out, (char)*at);
        else
            g_string_append_printf(out, "%%%02X", *at);
    }
    return return_text(call, out, ret_value);
}

struct roll_error *function_uri_component_to_string(const struct call *call, json_t **ret_value)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (const char *at = json_string_value(call->args[0]); *at; at++) {
        if (*at == '%' && g_ascii_isxdigit(at[1]) && g_ascii_isxdigit(at[2])) {
            g_string_append_c(
                out, (char)(g_ascii_xdigit_value(at[1]) * 16 + g_ascii_xdigit_value(at[2])));
            at += 2;
        } else {
            g_string_append_c(out, *at);
        }
    }
    g_autofree char *valid = g_utf8_make_valid(out->str, (gssize)out->len);
    return return_chars(call, valid, strlen(valid), ret_value);
}

static const char *text_member(const json_t *object, const char *name)
{
    const json_t *value = object_get(object, name);
    return json_is_string(value) ? json_string_value(value) : "";
}

struct roll_error *function_build_uri(const struct call *call, json_t **ret_value)
{
    const json_t *object = call->args[0];
    const char *scheme = text_member(object, "scheme");
    const char *path = text_member(object, "path");
    const char *query = text_member(object, "query");
    const json_t *port = object_get(object, "port");
    if (!*scheme || !*text_member(object, "host"))
        return function_error(call,
                              "expects an object with at least the members 'scheme' and 'host'.");
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "%s://%s", scheme, text_member(object, "host"));
    if (json_is_integer(port))
        g_string_append_printf(out, ":%" JSON_INTEGER_FORMAT, json_integer_value(port));
    g_string_append_printf(out, "%s%s", *path == '/' ? "" : "/", path);
    if (*query)
        g_string_append_printf(out, "%s%s", *query == '?' ? "" : "?", query);
    return return_text(call, out, ret_value);
}

static void put_host(const char *authority, json_t *object)
{
    const char *at = strrchr(authority, '@');
    const char *host = at ? at + 1 : authority;
    const char *colon = strrchr(host, ':');
    gint64 port = 0;
    if (colon && strchr(colon, ']'))
        colon = NULL; /* inside an IPv6 address */
    bool numeric = colon && g_ascii_string_to_signed(colon + 1, 10, 0, 65535, &port, NULL);
    g_autofree char *name = numeric ? g_strndup(host, (gsize)(colon - host)) : g_strdup(host);
    object_put(object, "host", json_text(name));
    object_put(object, "port", numeric ? json_integer(port) : json_null());
}

struct roll_error *function_parse_uri(const struct call *call, json_t **ret_value)
{
    auto_parts parts = {0};
    split_uri(json_string_value(call->args[0]), &parts);
    if (!parts.scheme || !parts.authority)
        return function_error(
            call, "expects its first argument to be a uri string. The provided value is '%.200s'.",
            json_string_value(call->args[0]));
    ROLL_TRY(work_hold(call->eval->work, OBJECT_BYTES(5) + 5 * ROLL_JSON_STRING_BYTES +
                                             json_string_length(call->args[0])));
    json_t *object = json_object();
    object_put(object, "scheme", json_text(parts.scheme));
    put_host(parts.authority, object);
    object_put(object, "path", json_text(*parts.path ? parts.path : "/"));
    object_put(object, "query", json_text(parts.query ? parts.query : ""));
    *ret_value = object;
    return NULL;
}
