/* Replies of a service, from the wire's text. */
#include "replies.h"

#include "http/internal.h"

static int status_of(const char *line, size_t size)
{
    g_autofree char *text = g_strndup(line, size);
    guint64 status = 200;

    g_ascii_string_to_unsigned(text, 10, 100, 599, &status, NULL);
    return (int)status;
}

void fuzz_reply_read(struct fuzz_reply *ret_reply, const GPtrArray *parts, guint index)
{
    size_t size;
    const char *text = fuzz_part(parts, index, &size), *end = text + size;
    bool first = true, ended = false;
    int status = 200;

    ret_reply->headers = headers_new();
    while (text < end && !ended) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        size_t line = (size_t)((line_end ? line_end : end) - text);
        ended = line == 0;
        if (first)
            status = status_of(text, line);
        else
            headers_add(ret_reply->headers, text, line);
        first = false;
        text += line + (line_end != NULL);
    }
    ret_reply->body = g_strndup(text, (gsize)(end - text));
    ret_reply->reply = (struct roll_http_reply){
        .outcome = ROLL_HTTP_REPLIED,
        .status = status,
        .body = ret_reply->body,
        .body_size = (size_t)(end - text),
        .headers = ret_reply->headers,
    };
}

void fuzz_reply_clear(struct fuzz_reply *reply)
{
    headers_free(reply->headers);
    g_free(reply->body);
}
