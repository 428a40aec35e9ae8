/* What goes back: the reply with its texts filled in, or what goes wrong with it on purpose. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tools/scripted_internal.h"

/* ---- replies -------------------------------------------------------------------------------- */

/* Of the newest request that had it. */
static void append_last(const struct connection *connection, const char *name, GString *out)
{
    struct scripted_server *server = connection->server;

    g_mutex_lock(&server->lock);
    for (guint i = server->requests->len; i-- > 0;) {
        const char *value = scripted_request_header(g_ptr_array_index(server->requests, i), name);
        if (value) {
            g_string_append(out, value);
            break;
        }
    }
    g_mutex_unlock(&server->lock);
}

static void append_variable(const struct connection *connection, const struct script_expect *expect,
                            const struct scripted_request *request, const char *name, GString *out)
{
    if (g_str_equal(name, "url")) {
        g_string_append(out, connection->server->url);
    } else if (g_str_equal(name, "port")) {
        g_string_append_printf(out, "%d", connection->server->port);
    } else if (g_str_equal(name, "target")) {
        g_string_append(out, request->target);
    } else if (g_str_equal(name, "path")) {
        g_string_append_len(out, request->target, (gssize)strcspn(request->target, "?"));
    } else if (g_str_equal(name, "body")) {
        g_string_append_len(out, request->body->str, (gssize)request->body->len);
    } else if (g_str_has_prefix(name, "header:")) {
        const char *value = scripted_request_header(request, name + 7);
        g_string_append(out, value ? value : "");
    } else if (g_str_has_prefix(name, "last:")) {
        append_last(connection, name + 5, out);
    } else if (g_str_has_prefix(name, "match:") && expect->regex) {
        g_autoptr(GMatchInfo) match = NULL;
        g_regex_match(expect->regex, request->target, 0, &match);
        g_autofree char *group =
            g_match_info_fetch(match, (gint)g_ascii_strtoll(name + 6, NULL, 10));
        g_string_append(out, group ? group : "");
    } else {
        g_string_append_printf(out, "${%s}", name);
    }
}

static GString *fill_in(const struct connection *connection, const struct script_expect *expect,
                        const struct scripted_request *request, const char *text)
{
    GString *out = g_string_new(NULL);

    while (*text) {
        const char *start = strstr(text, "${");
        const char *end = start ? strchr(start, '}') : NULL;
        if (!end) {
            g_string_append(out, text);
            break;
        }
        g_string_append_len(out, text, start - text);
        g_autofree char *name = g_strndup(start + 2, (gsize)(end - start) - 2);
        append_variable(connection, expect, request, name, out);
        text = end + 1;
    }
    return out;
}

static bool has_own_header(const struct script_reply *reply, const char *name)
{
    for (guint i = 0; i < reply->headers->len; i++) {
        const char *header = g_ptr_array_index(reply->headers, i);
        if (g_ascii_strncasecmp(header, name, strlen(name)) == 0)
            return true;
    }
    return false;
}

static GString *make_head(const struct connection *connection, const struct script_expect *expect,
                          const struct scripted_request *request, const struct script_reply *reply,
                          gsize body_size)
{
    GString *head = g_string_new(NULL);

    g_string_printf(head, "HTTP/1.1 %d %s\r\n", reply->status, reply->reason);
    for (guint i = 0; i < reply->headers->len; i++) {
        GString *line = fill_in(connection, expect, request, g_ptr_array_index(reply->headers, i));
        g_string_append_printf(head, "%s\r\n", line->str);
        g_string_free(line, TRUE);
    }
    if (!has_own_header(reply, "content-length:") && !has_own_header(reply, "transfer-encoding:") &&
        reply->status != 204 && reply->status != 304)
        g_string_append_printf(head, "Content-Length: %zu\r\n", body_size);
    if (reply->close)
        g_string_append(head, "Connection: close\r\n");
    g_string_append(head, "\r\n");
    return head;
}

static bool write_slowly(struct connection *connection, const GString *body, gsize step,
                         int pause_ms)
{
    step = MAX(step, 1);
    for (gsize at = 0; at < body->len; at += step) {
        if (!write_all(connection, body->str + at, MIN(step, body->len - at)))
            return false;
        if (wait_for(connection->server, -1, 0, pause_ms) || is_stopping(connection->server))
            return false;
    }
    return true;
}

/* Does the connection go on? */
static bool write_reply(struct connection *connection, const struct script_reply *reply,
                        const GString *head, const GString *body)
{
    switch (reply->fault) {
    case SCRIPT_TRUNCATE:
    case SCRIPT_STALL:
        if (write_all(connection, head->str, head->len) &&
            write_all(connection, body->str, MIN(reply->fault_bytes, body->len)) &&
            reply->fault == SCRIPT_STALL)
            wait_for_end(connection);
        return false;
    case SCRIPT_DRIP:
        return write_all(connection, head->str, head->len) &&
               write_slowly(connection, body, reply->fault_bytes, reply->fault_ms);
    default: {
        /* One write, so that nothing depends on how the peer's kernel cuts it. */
        g_autoptr(GString) whole = g_string_new_len(head->str, (gssize)head->len);
        g_string_append_len(whole, body->str, (gssize)body->len);
        return write_all(connection, whole->str, whole->len) && !reply->close && !reply->leave;
    }
    }
}

static void close_with_reset(struct connection *connection)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

bool answer(struct connection *connection, const struct script_expect *expect,
            const struct scripted_request *request, const struct script_reply *reply)
{
    if (reply->delay_ms > 0)
        (void)wait_for(connection->server, -1, 0, reply->delay_ms);
    if (is_stopping(connection->server) || reply->fault == SCRIPT_DROP)
        return false;
    if (reply->fault == SCRIPT_SILENT) {
        wait_for_end(connection);
        return false;
    }
    if (reply->fault == SCRIPT_RESET) {
        close_with_reset(connection);
        return false;
    }
    if (reply->raw) {
        g_autoptr(GString) raw = fill_in(connection, expect, request, reply->raw);
        return write_all(connection, raw->str, raw->len) && !reply->close && !reply->leave;
    }
    g_autoptr(GString) body = reply->binary
                                  ? g_string_new_len(reply->body->str, (gssize)reply->body->len)
                                  : fill_in(connection, expect, request, reply->body->str);
    g_autoptr(GString) head = make_head(connection, expect, request, reply, body->len);
    if (g_str_equal(request->method, "HEAD"))
        g_string_truncate(body, 0);
    return write_reply(connection, reply, head, body);
}

bool answer_unexpected(struct connection *connection)
{
    static const char reply[] = "HTTP/1.1 599 Not in the script\r\nContent-Length: 0\r\n\r\n";

    return write_all(connection, reply, sizeof reply - 1);
}
