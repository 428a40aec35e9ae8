/* Reading the activity log: its filter has one form, and its errors a shape of their own (REST
 * reference 7.1, 10.1). */
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"
#include "sandbox/activity.h"
#include "sandbox/list.h"
#include "sandbox_sql.h"

#define DAYS_MAX 90
#define PAGE 200

struct query {
    int64_t from_ms, to_ms;
    char *scope, *target, *correlation, *provider; /* at most one of them */
};

static void query_clear(struct query *query)
{
    g_free(query->scope);
    g_free(query->target);
    g_free(query->correlation);
    g_free(query->provider);
}

/* Without the word `error` around it. */
static bool refuse(struct sandbox_reply *reply, const char *message)
{
    sandbox_reply_set(reply, 400, json_pack("{s:s,s:s}", "code", "BadRequest", "message", message));
    reply->refused = true;
    return false;
}

/* az leaves the Z out. */
static bool read_time(const char *sign, const char *text, struct query *query)
{
    int64_t at_ms;
    size_t length = strlen(text);
    bool whole = length > 0 && (text[length - 1] == 'Z' || strpbrk(text + MIN(length, 11), "+-"));
    g_autofree char *zoned = g_strconcat(text, whole ? "" : "Z", NULL);
    struct roll_error *err = roll_time_parse(zoned, &at_ms);
    bool good = !err;
    roll_error_free(err);
    if (good && g_ascii_strcasecmp(sign, "ge") == 0)
        query->from_ms = at_ms;
    else if (good && g_ascii_strcasecmp(sign, "le") == 0)
        query->to_ms = at_ms;
    else
        good = false;
    return good;
}

static bool read_condition(const char *name, const char *sign, const char *text,
                           struct query *query)
{
    if (g_ascii_strcasecmp(name, "eventTimestamp") == 0)
        return read_time(sign, text, query);
    /* All that happens here is of the channels that az asks for. */
    if (g_ascii_strcasecmp(name, "eventChannels") == 0)
        return true;
    bool other = query->scope || query->target || query->correlation || query->provider;
    if (other || g_ascii_strcasecmp(sign, "eq") != 0)
        return false;
    if (g_ascii_strcasecmp(name, "resourceGroupName") == 0)
        query->scope = g_ascii_strdown(text, -1);
    else if (g_ascii_strcasecmp(name, "resourceUri") == 0 ||
             g_ascii_strcasecmp(name, "resourceId") == 0) /* as az calls it */
        query->target = sandbox_key(text);
    else if (g_ascii_strcasecmp(name, "correlationId") == 0)
        query->correlation = g_strdup(text);
    else if (g_ascii_strcasecmp(name, "resourceProvider") == 0)
        query->provider = g_ascii_strdown(text, -1);
    else
        return false;
    return true;
}

/* In quotes as the specification has it, or, as az sends times, without. */
static char *read_value(const char **at)
{
    *at += strspn(*at, " ");
    if (**at == '\'')
        return sandbox_filter_text(at);
    size_t length = strcspn(*at, " ");
    char *text = g_strndup(*at, length);
    *at += length;
    return text;
}

static bool read_conditions(const char *filter, struct query *query)
{
    for (const char *at = filter;;) {
        g_autofree char *name = sandbox_filter_name(&at);
        g_autofree char *sign = sandbox_filter_name(&at);
        g_autofree char *text = read_value(&at);
        if (!name || !sign || !text || !read_condition(name, sign, text, query))
            return false;
        at += strspn(at, " ");
        if (!*at)
            return true;
        g_autofree char *join = sandbox_filter_name(&at);
        if (!join || g_ascii_strcasecmp(join, "and") != 0)
            return false;
    }
}

static bool read_query(const struct sandbox_request *request, struct sandbox_reply *reply,
                       struct query *query)
{
    const char *filter = sandbox_query(request, "$filter");
    *query = (struct query){.from_ms = -1, .to_ms = request->now_ms};
    if (!filter || !read_conditions(filter, query) || query->from_ms < 0)
        return refuse(reply, "The filter must have the form \"eventTimestamp ge 'TIME' and "
                             "eventTimestamp le 'TIME'\", with at most one further condition.");
    if (query->from_ms < request->now_ms - INT64_C(86400000) * DAYS_MAX)
        return refuse(reply, "The start time cannot be more than 90 days in the past.");
    return true;
}

/* Only what $select names; everything without it. */
static json_t *select_fields(json_t *entry_take, const char *select)
{
    if (!select || !*select)
        return entry_take;
    g_auto(GStrv) names = g_strsplit(select, ",", -1);
    json_t *selected = json_object();
    for (int i = 0; names[i]; i++) {
        json_t *value = roll_json_get_nocase(entry_take, g_strstrip(names[i]));
        if (value)
            json_object_set(selected, names[i], value);
    }
    json_decref(entry_take);
    return selected;
}

static struct roll_error *read_rows(struct sandbox_server *server,
                                    const struct sandbox_request *request,
                                    const struct query *query, int64_t skip, json_t *list)
{
    struct roll_sql_stmt *stmt;
    bool row;
    const char *subscription = request->scope.subscription;
    g_autofree char *lower = g_ascii_strdown(subscription ? subscription : "", -1);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_ACTIVITY_LIST, &stmt));
    roll_sql_bind_text(stmt, ":subscription", lower);
    roll_sql_bind_int(stmt, ":from", query->from_ms);
    roll_sql_bind_int(stmt, ":to", query->to_ms);
    roll_sql_bind_text(stmt, ":scope", query->scope);
    roll_sql_bind_text(stmt, ":target", query->target);
    roll_sql_bind_text(stmt, ":correlation", query->correlation);
    roll_sql_bind_text(stmt, ":provider", query->provider);
    roll_sql_bind_int(stmt, ":top", PAGE + 1);
    roll_sql_bind_int(stmt, ":skip", skip);
    for (;;) {
        json_t *entry = NULL;
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        const char *text = roll_sql_text_at(stmt, 0);
        struct roll_error *err = roll_json_parse(text, strlen(text), ROLL_JSON_STRICT, &entry);
        if (err) {
            roll_sql_reset(stmt);
            return err;
        }
        json_array_append_new(list, select_fields(entry, sandbox_query(request, "$select")));
    }
}

struct roll_error *sandbox_activity_list(struct sandbox_server *server,
                                         struct sandbox_request *request,
                                         struct sandbox_reply *reply)
{
    struct query query;
    const char *token = sandbox_query(request, "$skiptoken");
    guint64 skip = 0;
    if (token)
        g_ascii_string_to_unsigned(token, 10, 0, G_MAXINT32, &skip, NULL);
    roll_auto(json) json_t *list = json_array();
    struct roll_error *err = NULL;
    bool good = read_query(request, reply, &query);
    if (good)
        err = read_rows(server, request, &query, (int64_t)skip, list);
    query_clear(&query);
    if (err || !good)
        return err;
    json_t *body = json_pack("{s:O}", "value", list);
    if (json_array_size(list) > PAGE) {
        json_array_remove(list, PAGE);
        g_autofree char *next_token = g_strdup_printf("%" G_GUINT64_FORMAT, skip + PAGE);
        g_autofree char *next = sandbox_page_next(request, next_token);
        json_object_set_new(body, "nextLink", json_string(next));
    }
    sandbox_reply_set(reply, 200, body);
    return NULL;
}
