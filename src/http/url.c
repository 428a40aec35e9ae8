/* Addresses: what may carry a token, what is loopback, and how text becomes a part of one. */
#include <string.h>

#include "http/internal.h"

/* A name, four numbers or [IPv6], then perhaps :PORT. Anything else is an address that two readers
 * could take for two hosts: `evil.example:.management.azure.com` ends like ours,
 * and of `127.0.0.1\@evil.example` libcurl makes a user and another host. */
static bool is_authority(const char *host, size_t size)
{
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    g_autofree char *text = g_strndup(host, size);
    size_t length = strspn(text, name);

    if (*text == '[') {
        length = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
        if (text[length++] != ']')
            return false;
    }
    if (length == 0)
        return false;
    const char *port = text + length;
    return *port == '\0' ||
           (*port == ':' && strspn(port + 1, "0123456789") == strlen(port + 1) && port[1]);
}

/* Where the authority begins and ends, and whether the scheme is https. False unless http or https.
 */
static bool split(const char *url, bool *ret_https, const char **ret_host, size_t *ret_size)
{
    bool https = g_ascii_strncasecmp(url, "https://", 8) == 0;
    if (!https && g_ascii_strncasecmp(url, "http://", 7) != 0)
        return false;
    const char *host = url + (https ? 8 : 7);
    size_t size = strcspn(host, "/?#");
    if (!is_authority(host, size)) /* no user@, no backslash either */
        return false;
    *ret_https = https;
    *ret_host = host;
    *ret_size = size;
    return true;
}

bool roll_url_is_https(const char *url)
{
    bool https = false;
    const char *host = NULL;
    size_t size = 0;

    return split(url, &https, &host, &size) && https;
}

/* Four decimal numbers, the first 127: names such as 127.evil.example are none. */
static bool is_loopback_ipv4(const char *host, size_t size)
{
    g_autofree char *text = g_strndup(host, size);
    g_auto(GStrv) parts = g_strsplit(text, ".", 5);

    if (g_strv_length(parts) != 4 || strcmp(parts[0], "127") != 0)
        return false;
    for (int i = 1; i < 4; i++) {
        guint64 number = 0;
        if (!g_ascii_string_to_unsigned(parts[i], 10, 0, 255, &number, NULL))
            return false;
    }
    return true;
}

bool roll_url_is_loopback(const char *url)
{
    bool https = false;
    const char *host = NULL;
    size_t size = 0;

    if (!split(url, &https, &host, &size))
        return false;
    if (size >= 5 && strncmp(host, "[::1]", 5) == 0 && (size == 5 || host[5] == ':'))
        return true;
    const char *colon = memchr(host, ':', size);
    size_t name = colon ? (size_t)(colon - host) : size;
    if (name == 9 && g_ascii_strncasecmp(host, "localhost", 9) == 0)
        return true;
    return is_loopback_ipv4(host, name);
}

bool roll_url_is_within(const char *url, const char *base)
{
    bool https = false, base_https = false;
    const char *host = NULL, *base_host = NULL;
    size_t size = 0, base_size = 0;

    if (!split(url, &https, &host, &size) || !split(base, &base_https, &base_host, &base_size) ||
        https != base_https || size < base_size)
        return false;
    const char *tail = host + size - base_size;
    if (g_ascii_strncasecmp(tail, base_host, base_size) != 0)
        return false;
    return size == base_size || (https && tail[-1] == '.');
}

void roll_url_encode(const char *text, GString *out)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (const char *at = text; *at; at++) {
        if (strchr(unreserved, *at))
            g_string_append_c(out, *at);
        else
            g_string_append_printf(out, "%%%02X", (unsigned char)*at);
    }
}

char *url_target(const char *url)
{
    bool https = false;
    const char *host = NULL;
    size_t size = 0;

    if (!split(url, &https, &host, &size))
        return NULL;
    const char *path = host + size;
    size_t length = strcspn(path, "#");
    if (*path == '/')
        return g_strndup(path, length);
    g_autofree char *rest = g_strndup(path, length);
    return g_strconcat("/", rest, NULL);
}
