/* Which expectation a request fulfils, and what about it is not as expected. */
#include <string.h>

#include "tools/scripted_internal.h"

/* ---- matching ------------------------------------------------------------------------------- */

static bool header_contains(const struct scripted_request *request, const char *name,
                            const char *text)
{
    const char *value = scripted_request_header(request, name);

    return value && (!text || strstr(value, text));
}

static bool body_contains(const struct scripted_request *request, const char *text)
{
    return g_strstr_len(request->body->str, (gssize)request->body->len, text) != NULL;
}

static bool holds(const struct script_condition *condition, const struct scripted_request *request)
{
    switch (condition->kind) {
    case SCRIPT_IF_HEADER:
    case SCRIPT_HAS_HEADER:
        return header_contains(request, condition->name, condition->text);
    case SCRIPT_LACKS_HEADER:
        return !header_contains(request, condition->name, condition->text);
    case SCRIPT_IF_BODY:
    case SCRIPT_HAS_BODY:
        return body_contains(request, condition->text);
    case SCRIPT_LACKS_BODY:
        return !body_contains(request, condition->text);
    }
    return false;
}

/* Without '?' in the pattern only the path counts; '*' at its end stands for the rest. */
static bool target_matches(const struct script_expect *expect, const char *target)
{
    if (expect->regex)
        return g_regex_match(expect->regex, target, 0, NULL);
    gsize size = strchr(expect->target, '?') ? strlen(target) : strcspn(target, "?");
    gsize wanted = strlen(expect->target);
    if (wanted > 0 && expect->target[wanted - 1] == '*')
        return strncmp(target, expect->target, wanted - 1) == 0;
    return size == wanted && strncmp(target, expect->target, size) == 0;
}

static bool matches(const struct script_expect *expect, const struct scripted_request *request)
{
    if (!g_str_equal(expect->method, "*") && !g_str_equal(expect->method, request->method))
        return false;
    if (!target_matches(expect, request->target))
        return false;
    for (guint i = 0; i < expect->conditions->len; i++) {
        const struct script_condition *condition = g_ptr_array_index(expect->conditions, i);
        if ((condition->kind == SCRIPT_IF_HEADER || condition->kind == SCRIPT_IF_BODY) &&
            !holds(condition, request))
            return false;
    }
    return true;
}

void complain(struct scripted_server *server, char *complaint)
{
    g_ptr_array_add(server->complaints, complaint);
}

static void check_conditions(struct scripted_server *server, const struct script_expect *expect,
                             const struct scripted_request *request)
{
    static const char *const words[] = {
        [SCRIPT_HAS_HEADER] = "should have the header",
        [SCRIPT_LACKS_HEADER] = "should not have the header",
        [SCRIPT_HAS_BODY] = "should have in its body",
        [SCRIPT_LACKS_BODY] = "should not have in its body",
    };

    for (guint i = 0; i < expect->conditions->len; i++) {
        const struct script_condition *condition = g_ptr_array_index(expect->conditions, i);
        if (!holds(condition, request))
            complain(server, g_strdup_printf("%s %s (line %d) %s '%s%s%s'", request->method,
                                             request->target, expect->line, words[condition->kind],
                                             condition->name ? condition->name : "",
                                             condition->name && condition->text ? ": " : "",
                                             condition->text ? condition->text : ""));
    }
}

/* The reply for this request, or NULL when nobody expects it. Takes the request into the log. */
const struct script_reply *find_reply(struct scripted_server *server,
                                      struct scripted_request *request,
                                      const struct script_expect **ret_expect)
{
    const struct script_reply *reply = NULL;

    g_mutex_lock(&server->lock);
    g_ptr_array_add(server->requests, request);
    for (guint i = 0; i < server->script->expects->len && !reply; i++) {
        struct script_expect *expect = g_ptr_array_index(server->script->expects, i);
        if (expect->times >= 0 && expect->seen >= expect->times)
            continue;
        if (matches(expect, request)) {
            check_conditions(server, expect, request);
            reply = g_ptr_array_index(expect->replies,
                                      MIN((guint)expect->seen, expect->replies->len - 1));
            expect->seen++;
            *ret_expect = expect;
        } else if (server->script->in_order && expect->times >= 0) {
            break;
        }
    }
    if (!reply)
        complain(server, g_strdup_printf("%s %s was not expected%s", request->method,
                                         request->target, server->script->in_order ? " now" : ""));
    g_mutex_unlock(&server->lock);
    return reply;
}
