/* What a reply says in its headers. */
#include <string.h>

#include "http/internal.h"
#include "rollbook/time.h"

#define HEADERS_MAX_BYTES                                                                          \
    (256u << 10) /* polling addresses alone have 4 KB; ARM sends about 20 headers */
#define HEADERS_MAX 500
#define RETRY_AFTER_MAX_MS (60 * 60 * 1000)
#define DATE_END_S 253402300800 /* the year 10000: a later one is a slip, or means harm */

struct roll_http_headers {
    GHashTable *first; /* name in lower case → first value, both owned */
    size_t bytes;
    unsigned count;
    bool ended; /* what follows an empty line is a trailer, and ignored */
};

struct roll_http_headers *headers_new(void)
{
    struct roll_http_headers *headers = g_new0(struct roll_http_headers, 1);

    headers->first = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return headers;
}

void headers_free(struct roll_http_headers *headers)
{
    if (!headers)
        return;
    g_hash_table_unref(headers->first);
    g_free(headers);
}

void headers_clear(struct roll_http_headers *headers)
{
    g_hash_table_remove_all(headers->first);
    headers->bytes = 0;
    headers->count = 0;
    headers->ended = false;
}

/* Of a name the first line counts; of several challenges the one that can be answered (services
 * reference 1.8). */
static bool is_better(const char *name, const char *known, const char *value)
{
    static const char bearer[] = "Bearer ";
    const size_t size = sizeof bearer - 1;

    return strcmp(name, "www-authenticate") == 0 && g_ascii_strncasecmp(known, bearer, size) != 0 &&
           g_ascii_strncasecmp(value, bearer, size) == 0;
}

static void keep(struct roll_http_headers *headers, const char *line, size_t size)
{
    const char *colon = memchr(line, ':', size);

    if (!colon)
        return;
    g_autofree char *name = g_ascii_strdown(line, colon - line);
    g_strstrip(name);
    const char *known = g_hash_table_lookup(headers->first, name);
    g_autofree char *value = g_strndup(colon + 1, size - (size_t)(colon - line) - 1);
    g_strstrip(value);
    if (!known || is_better(name, known, value))
        g_hash_table_replace(headers->first, g_steal_pointer(&name), g_steal_pointer(&value));
}

bool headers_add(struct roll_http_headers *headers, const char *line, size_t size)
{
    headers->bytes += size;
    headers->count++;
    if (headers->bytes > HEADERS_MAX_BYTES || headers->count > HEADERS_MAX)
        return false;
    if (size >= 5 && g_ascii_strncasecmp(line, "HTTP/", 5) == 0) {
        /* A status line: what came before belonged to a 1xx reply or to a proxy. The sums go on. */
        g_hash_table_remove_all(headers->first);
        headers->ended = false;
    } else if (size == 0 || line[0] == '\r' || line[0] == '\n') {
        headers->ended = true;
    } else if (!headers->ended) {
        keep(headers, line, size);
    }
    return true;
}

const char *roll_http_header(const struct roll_http_reply *reply, const char *name)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);

    return reply->headers ? g_hash_table_lookup(reply->headers->first, lower) : NULL;
}

/* A whole number of units, capped; -1 when it is none. */
static int64_t parse_delay(const char *text, int64_t unit_ms)
{
    char *end = NULL;

    if (!g_ascii_isdigit(text[0]))
        return -1;
    guint64 number = g_ascii_strtoull(text, &end, 10);
    if (*end == '.') /* some services send fractions of milliseconds */
        end += 1 + strspn(end + 1, "0123456789");
    if (*end != '\0')
        return -1;
    return number > RETRY_AFTER_MAX_MS / (guint64)unit_ms ? RETRY_AFTER_MAX_MS
                                                          : (int64_t)number * unit_ms;
}

int64_t header_date_ms(const char *text)
{
    time_t at = text ? curl_getdate(text, NULL) : (time_t)-1;

    return at > 0 && at < DATE_END_S ? (int64_t)at * 1000 : 0;
}

int64_t roll_http_retry_after_ms(const struct roll_http_reply *reply)
{
    static const char *const in_ms[] = {"retry-after-ms", "x-ms-retry-after-ms"};

    for (size_t i = 0; i < G_N_ELEMENTS(in_ms); i++) {
        const char *value = roll_http_header(reply, in_ms[i]);
        int64_t ms = value ? parse_delay(value, 1) : -1;
        if (ms >= 0)
            return ms;
    }
    const char *value = roll_http_header(reply, "retry-after");
    if (!value)
        return -1;
    int64_t ms = parse_delay(value, 1000);
    if (ms >= 0)
        return ms;
    int64_t date = header_date_ms(value);
    if (date == 0)
        return -1;
    /* Against the server's own clock where it tells it: ours may be wrong. */
    int64_t now = reply->server_date_ms ? reply->server_date_ms : roll_now_ms();
    return CLAMP(date - now, 0, RETRY_AFTER_MAX_MS);
}
