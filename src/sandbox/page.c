/* Pages of lists: $top is a page's size, nextLink the same request from a $skiptoken on. */
#include <string.h>

#include "sandbox/list.h"

bool sandbox_page_check(const struct sandbox_request *request, struct sandbox_reply *reply)
{
    const char *top = sandbox_query(request, "$top");
    guint64 value;
    if (!top || g_ascii_string_to_unsigned(top, 10, 1, INT32_MAX, &value, NULL))
        return true;
    sandbox_reply_error(reply, 400, "InvalidTopInQueryString",
                        "Invalid $top '%s' specified in the query string: it must be a whole "
                        "number above zero.",
                        top);
    return false;
}

int sandbox_page_size(const struct sandbox_request *request, int most)
{
    const char *top = sandbox_query(request, "$top");
    return top ? (int)CLAMP(g_ascii_strtoll(top, NULL, 10), 1, most) : most;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

char *sandbox_page_next(const struct sandbox_request *request, const char *token)
{
    guint count;
    g_autofree gpointer *names = g_hash_table_get_keys_as_array(request->query, &count);
    GString *url = g_string_new(request->base_url);
    qsort(names, count, sizeof(*names), compare_names);
    g_string_append_printf(url, "%s?", request->path);
    for (guint i = 0; i < count; i++) {
        if (strcmp(names[i], "$skiptoken") == 0)
            continue;
        g_string_append_uri_escaped(url, names[i], NULL, FALSE);
        g_string_append_c(url, '=');
        g_string_append_uri_escaped(url, sandbox_query(request, names[i]), NULL, FALSE);
        g_string_append_c(url, '&');
    }
    g_string_append_printf(url, "%%24skiptoken=%s", token);
    return g_string_free(url, FALSE);
}

void sandbox_page_reply(const struct sandbox_request *request, struct sandbox_reply *reply,
                        json_t *list_take, int most)
{
    const char *skip = sandbox_query(request, "$skiptoken");
    size_t count = json_array_size(list_take), size = (size_t)sandbox_page_size(request, most);
    guint64 from = 0;
    if (skip && !g_ascii_string_to_unsigned(skip, 10, 0, count, &from, NULL))
        from = count;
    json_t *page = json_array();
    for (size_t i = from; i < count && i < from + size; i++)
        json_array_append(page, json_array_get(list_take, i));
    json_decref(list_take);
    json_t *body = json_pack("{s:o}", "value", page);
    if (from + size < count) {
        g_autofree char *token = g_strdup_printf("%" G_GUINT64_FORMAT, from + size);
        g_autofree char *next = sandbox_page_next(request, token);
        json_object_set_new(body, "nextLink", json_string(next));
    }
    sandbox_reply_set(reply, 200, body);
}
