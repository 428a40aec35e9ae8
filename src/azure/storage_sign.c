/* SharedKey: what is signed, and the signature. Pure. Source: services reference 3.5. */
#include <string.h>

#include "rollbook/storage.h"

/* The headers that stand in the string by place, in this order; Content-Length is not among them.
 */
static const char *const placed[] = {"Content-MD5",         "Content-Type", "Date",
                                     "If-Modified-Since",   "If-Match",     "If-None-Match",
                                     "If-Unmodified-Since", "Range"};

static const char *value_of(const char *header)
{
    const char *colon = strchr(header, ':');

    return colon ? colon + 1 + strspn(colon + 1, " ") : "";
}

static const char *find(const char *const *headers, const char *name)
{
    size_t size = strlen(name);

    for (; headers && *headers; headers++)
        if (g_ascii_strncasecmp(*headers, name, size) == 0 && (*headers)[size] == ':')
            return value_of(*headers);
    return "";
}

static gint by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All names that this client sends sort by byte as the service sorts them. */
static void add_ms_headers(GString *text, const char *const *headers)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    for (; headers && *headers; headers++) {
        if (g_ascii_strncasecmp(*headers, "x-ms-", 5) != 0)
            continue;
        g_autofree char *name = g_ascii_strdown(*headers, (gssize)strcspn(*headers, ":"));
        g_ptr_array_add(lines, g_strdup_printf("%s:%s", name, value_of(*headers)));
    }
    g_ptr_array_sort(lines, by_text);
    for (guint i = 0; i < lines->len; i++)
        g_string_append_printf(text, "%s\n", (const char *)lines->pdata[i]);
}

static void add_query(GString *text, const char *query)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) pairs = g_strsplit(query, "&", -1);

    for (char **pair = pairs; *pair; pair++) {
        size_t size = strcspn(*pair, "=");
        g_autofree char *name = g_ascii_strdown(*pair, (gssize)size);
        g_autofree char *value = g_uri_unescape_string((*pair)[size] ? *pair + size + 1 : "", NULL);
        if (size > 0)
            g_ptr_array_add(lines, g_strdup_printf("%s:%s", name, value ? value : ""));
    }
    g_ptr_array_sort(lines, by_text);
    for (guint i = 0; i < lines->len; i++)
        g_string_append_printf(text, "\n%s", (const char *)lines->pdata[i]);
}

char *roll_storage_string_to_sign(const char *method, const char *account, const char *url,
                                  const char *const *headers, size_t body_size)
{
    GString *text = g_string_new(method);
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    size_t size = path ? strcspn(path, "?") : 0;

    g_string_append(text, "\n\n\n"); /* no Content-Encoding, no Content-Language */
    if (body_size > 0)
        g_string_append_printf(text, "%zu", body_size);
    for (size_t i = 0; i < G_N_ELEMENTS(placed); i++)
        g_string_append_printf(text, "\n%s", find(headers, placed[i]));
    g_string_append_c(text, '\n');
    add_ms_headers(text, headers);
    g_string_append_printf(text, "/%s", account);
    if (path)
        g_string_append_len(text, path, (gssize)size);
    if (path && path[size] == '?')
        add_query(text, path + size + 1);
    return g_string_free(text, FALSE);
}

char *roll_storage_signature(const char *key, const char *text)
{
    gsize key_size = 0, digest_size = 32;
    guint8 digest[32];
    guchar *bytes = g_base64_decode(key, &key_size);
    g_autofree char *again = g_base64_encode(bytes, key_size);
    char *signature = NULL;

    if (key_size > 0 && strcmp(again, key) == 0) {
        GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, bytes, key_size);
        g_hmac_update(hmac, (const guchar *)text, -1);
        g_hmac_get_digest(hmac, digest, &digest_size);
        g_hmac_unref(hmac);
        signature = g_base64_encode(digest, digest_size);
    }
    roll_wipe(bytes, key_size);
    roll_wipe(again, strlen(again));
    g_free(bytes);
    return signature;
}
