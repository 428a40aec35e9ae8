/* Writing the activity log. */
#include "sandbox/activity.h"

#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "rollbook/time.h"
#include "sandbox/login.h"
#include "sandbox/server.h"
#include "sandbox_sql.h"

/* The log is bounded: Azure keeps 90 days, this so many events. */
#define EVENTS_MAX 100000

struct event {
    const struct sandbox_id *id;
    const char *verb; /* write, delete, or NAME/action */
    const char *correlation;
    const char *name;   /* BeginRequest or EndRequest */
    const char *status; /* Started, Accepted, Succeeded or Failed */
    const char *sub_status;
    const json_t *who; /* caller, claims and httpRequest */
    int64_t at_ms;
};

/* ---- who ---- */

/* As the log spells the claims of a token. */
static json_t *show_claims(const json_t *claims)
{
    static const struct {
        const char *from, *to;
    } names[] = {
        {"oid", "http://schemas.microsoft.com/identity/claims/objectidentifier"},
        {"tid", "http://schemas.microsoft.com/identity/claims/tenantid"},
        {"upn", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"},
        {"aud", "aud"},
        {"iss", "iss"},
        {"appid", "appid"},
        {"appidacr", "appidacr"},
        {"name", "name"},
        {"idtyp", "idtyp"},
    };
    json_t *shown = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *text = roll_json_get_string(claims, names[i].from);
        if (text)
            json_object_set_new(shown, names[i].to, json_string(text));
    }
    return shown;
}

/* Who a bearer text that is no JWT belongs to. */
#define DEVELOPER "developer@sandbox.invalid"

static json_t *who_asks(const struct sandbox_request *request)
{
    roll_auto(json) json_t *claims = sandbox_claims(request);
    const char *person = roll_json_get_string(claims, "upn");
    const char *object = roll_json_get_string(claims, "oid");
    const char *client = request->client_request_id;
    return json_pack("{s:s,s:o,s:{s:s,s:s,s:s}}", "caller",
                     person   ? person
                     : object ? object
                              : DEVELOPER,
                     "claims", show_claims(claims), "httpRequest", "clientRequestId",
                     client ? client : "", "clientIpAddress", "127.0.0.1", "method",
                     request->method_name);
}

/* ---- what ---- */

static json_t *localizable(const char *text)
{
    return json_pack("{s:s,s:s}", "value", text, "localizedValue", text);
}

static const char *type_of(const struct sandbox_id *id)
{
    return g_ascii_strcasecmp(id->type, "Microsoft.Resources/resourceGroups") == 0
               ? "Microsoft.Resources/subscriptions/resourceGroups"
               : id->type;
}

char *sandbox_action(const struct sandbox_id *id, const char *verb)
{
    return g_strdup_printf("%s/%s", type_of(id), verb);
}

static json_t *make_entry(const struct event *event)
{
    const struct sandbox_id *id = event->id;
    const char *type = type_of(id);
    const char *holder = type != id->type ? id->name : id->scope.group;
    char time[ROLL_TIME_SIZE], own[ROLL_UUID_SIZE], operation[ROLL_UUID_SIZE];
    g_autofree char *action = sandbox_action(id, event->verb);
    g_autofree char *provider = g_strndup(type, strcspn(type, "/"));
    roll_time_format(event->at_ms, time);
    roll_uuid_random(own);
    roll_uuid_from(operation, "activity", event->correlation, id->id, event->verb, NULL);
    g_autofree char *event_id = g_strdup_printf("%s/events/%s/ticks/%" G_GINT64_FORMAT, id->id, own,
                                                event->at_ms * 10000 + INT64_C(621355968000000000));
    json_t *entry = json_copy((json_t *)(uintptr_t)event->who);
    roll_auto(json) json_t *rest =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s?}", "eventDataId", own, "id", event_id,
                  "correlationId", event->correlation, "operationId", operation, "level",
                  strcmp(event->status, "Failed") == 0 ? "Error" : "Informational", "resourceId",
                  id->id, "eventTimestamp", time, "submissionTimestamp", time, "tenantId",
                  SANDBOX_TENANT, "subscriptionId", id->scope.subscription);
    json_object_update(entry, rest);
    if (holder)
        json_object_set_new(entry, "resourceGroupName", json_string(holder));
    json_object_set_new(entry, "operationName", localizable(action));
    json_object_set_new(entry, "eventName", localizable(event->name));
    json_object_set_new(entry, "category", localizable("Administrative"));
    json_object_set_new(entry, "status", localizable(event->status));
    json_object_set_new(entry, "subStatus", localizable(event->sub_status));
    json_object_set_new(entry, "resourceProviderName", localizable(provider));
    json_object_set_new(entry, "resourceType", localizable(type));
    json_object_set_new(entry, "authorization",
                        json_pack("{s:s,s:s}", "action", action, "scope", id->id));
    return entry;
}

static struct roll_error *prune(struct sandbox_server *server, int64_t newest)
{
    struct roll_sql_stmt *stmt;
    if (newest % 1000 != 0 || newest <= EVENTS_MAX)
        return NULL;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_ACTIVITY_PRUNE, &stmt));
    roll_sql_bind_int(stmt, ":serial", newest - EVENTS_MAX);
    return roll_sql_run(stmt);
}

static struct roll_error *insert(struct sandbox_server *server, const struct event *event)
{
    struct roll_sql_stmt *stmt;
    bool row;
    roll_auto(json) json_t *entry = make_entry(event);
    g_autoptr(GString) text = g_string_new(NULL);
    const char *group = roll_json_get_string(entry, "resourceGroupName");
    const char *subscription = event->id->scope.subscription;
    g_autofree char *target = sandbox_key(event->id->id);
    g_autofree char *scope = g_ascii_strdown(group ? group : "", -1);
    g_autofree char *lower = g_ascii_strdown(subscription ? subscription : "", -1);
    roll_json_write(entry, text);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_ACTIVITY_INSERT, &stmt));
    roll_sql_bind_int(stmt, ":at", event->at_ms);
    roll_sql_bind_text(stmt, ":subscription", lower);
    roll_sql_bind_text(stmt, ":scope", scope);
    roll_sql_bind_text(stmt, ":target", target);
    roll_sql_bind_text(stmt, ":correlation", event->correlation);
    roll_sql_bind_text(stmt, ":entry", text->str);
    ROLL_TRY(roll_sql_step(stmt, &row));
    int64_t serial = row ? roll_sql_int_at(stmt, 0) : 0;
    roll_sql_reset(stmt);
    return prune(server, serial);
}

/* ---- requests ---- */

bool sandbox_request_change(const struct sandbox_request *request, struct sandbox_id *ret_id,
                            char **ret_verb)
{
    char *const *segments = (char *const *)request->segments->pdata;
    guint count = request->segments->len;
    bool action = request->method == METHOD_POST;
    if (request->method & (METHOD_GET | METHOD_HEAD) || count < (action ? 2u : 1u) ||
        !sandbox_id_parse_segments(segments, count - (action ? 1 : 0), ret_id))
        return false;
    *ret_verb = action ? g_strdup_printf("%s/action", segments[count - 1])
                       : g_strdup(request->method == METHOD_DELETE ? "delete" : "write");
    return true;
}

static struct roll_error *note(struct sandbox_server *server, const struct sandbox_request *request,
                               const char *name, const char *status, const char *sub_status)
{
    struct sandbox_id id = {0};
    g_autofree char *verb = NULL;
    if (!sandbox_request_change(request, &id, &verb))
        return NULL;
    roll_auto(json) json_t *who = who_asks(request);
    struct event event = {.id = &id,
                          .verb = verb,
                          .correlation = request->correlation_id,
                          .name = name,
                          .status = status,
                          .sub_status = sub_status,
                          .who = who,
                          .at_ms = request->now_ms};
    struct roll_error *err = insert(server, &event);
    sandbox_id_clear(&id);
    return err;
}

struct roll_error *sandbox_activity_begin(struct sandbox_server *server,
                                          const struct sandbox_request *request)
{
    return note(server, request, "BeginRequest", "Started", "");
}

struct roll_error *sandbox_activity_end(struct sandbox_server *server,
                                        const struct sandbox_request *request,
                                        const struct sandbox_reply *reply)
{
    static const struct {
        int status;
        const char *word;
    } words[] = {{200, "OK"},         {201, "Created"},   {202, "Accepted"}, {204, "NoContent"},
                 {400, "BadRequest"}, {403, "Forbidden"}, {404, "NotFound"}, {409, "Conflict"}};
    const char *word = "";
    bool failed = reply->status >= 400;
    bool deployment = request->method == METHOD_PUT && request->name;
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (words[i].status == reply->status)
            word = words[i].word;
    }
    bool goes_on = reply->status == 202 || (deployment && !failed);
    return note(server, request, "EndRequest",
                failed    ? "Failed"
                : goes_on ? "Accepted"
                          : "Succeeded",
                word);
}

struct roll_error *sandbox_activity_write(struct sandbox_server *server,
                                          const struct sandbox_id *id, const char *correlation,
                                          int64_t at_ms, bool created)
{
    struct roll_sql_stmt *stmt;
    bool row;
    json_t *first = NULL;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_ACTIVITY_OF, &stmt));
    roll_sql_bind_text(stmt, ":correlation", correlation);
    ROLL_TRY(roll_sql_step(stmt, &row));
    const char *text = row ? roll_sql_text_at(stmt, 0) : NULL;
    struct roll_error *err =
        text ? roll_json_parse(text, strlen(text), ROLL_JSON_STRICT, &first) : NULL;
    roll_sql_reset(stmt);
    ROLL_TRY(err);
    roll_auto(json) json_t *entry = first;
    roll_auto(json) json_t *who =
        json_pack("{s:O?,s:O?}", "caller", json_object_get(entry, "caller"), "claims",
                  json_object_get(entry, "claims"));
    struct event event = {.id = id,
                          .verb = "write",
                          .correlation = correlation,
                          .name = "EndRequest",
                          .status = "Succeeded",
                          .sub_status = created ? "Created" : "OK",
                          .who = who,
                          .at_ms = at_ms};
    return insert(server, &event);
}
