/* The whole way of a deployment against scripted answers of ARM: what is sent in which order, what
 * is recorded of it, what the person is told. One row for each rule of issue 4's list of retries,
 * polls and errors that concerns a rollout. */
#include "ledger_tools.h"

#include "rollbook/json.h"
#include "rollbook/rollout.h"
#include "rollbook/time.h"
#include "tools/scripted_server.h"

#define SUBSCRIPTION "11111111-1111-1111-1111-111111111111"
#define GROUP "/subscriptions/" SUBSCRIPTION "/resourceGroups/shop-weu"
#define RECORDS GROUP "/providers/Microsoft.Resources/deployments/"

/* ---- the world ---- */

struct world {
    struct place place;
    struct scripted_server *server;
    struct roll_ledger *ledger;
    struct roll_loop *loop;
    struct roll_links *links;
    GString *notices;
    struct roll_outcome outcome;
    struct shared *shared; /* or NULL */
};

static void count_event(void *user, const struct roll_event *event);

static struct roll_error *sandbox_url(void *user, const char **ret_url)
{
    struct world *world = user;

    *ret_url = scripted_server_url(world->server);
    return NULL;
}

static void on_notice(void *user, const char *text)
{
    struct world *world = user;

    g_string_append_printf(world->notices, "%s\n", text);
}

static struct roll_blob *blob_of(const char *text)
{
    struct roll_blob *blob = g_new0(struct roll_blob, 1);

    blob->data = g_string_new(text);
    roll_sha256_hex(text, strlen(text), blob->digest);
    return blob;
}

static void free_step(gpointer data)
{
    (void)data;
}

static void free_blob(gpointer data)
{
    struct roll_blob *blob = data;

    g_string_free(blob->data, TRUE);
    g_free(blob);
}

static struct roll_choice *choice_new(struct world *world, enum roll_lane lane)
{
    struct roll_choice *choice = g_new0(struct roll_choice, 1);
    struct roll_order_target *target = g_new0(struct roll_order_target, 1);
    struct roll_blob *tmpl = blob_of("{\"resources\":[]}"), *parameters = blob_of("{}");

    choice->order = roll_order_new();
    choice->order->service = g_strdup("shop");
    choice->order->environment = g_strdup("prod");
    choice->order->lane = lane;
    choice->order->kind = g_strdup("out");
    choice->order->max_parallel = 50;
    choice->order->rings = 1;
    *target = (struct roll_order_target){
        .name = g_strdup("weu"),
        .release = g_strdup("1.1.0"),
        .manifest = g_strdup(tmpl->digest),
        .template_digest = g_strdup(tmpl->digest),
        .parameters_digest = g_strdup(parameters->digest),
        .scope = ROLL_SCOPE_GROUP,
        .cloud = g_strdup("sandbox"),
        .subscription = g_strdup(SUBSCRIPTION),
        .resource_group = g_strdup("shop-weu"),
        .apply = g_strdup("deployment"),
        .steps = g_ptr_array_new_with_free_func(free_step),
    };
    g_ptr_array_add(choice->order->targets, target);
    choice->blobs = g_ptr_array_new_with_free_func(free_blob);
    g_ptr_array_add(choice->blobs, tmpl);
    g_ptr_array_add(choice->blobs, parameters);
    const char *parts[] = {tmpl->digest, parameters->digest, NULL};
    choice->request = (struct roll_rollout_requested){
        .lane = g_strdup(roll_lane_names[lane]),
        .kind = g_strdup("out"),
        .release = g_strdup("1.1.0"),
        .targets = 1,
        .parts = g_strdupv((char **)(uintptr_t)parts),
    };
    ck_ok(roll_ledger_head(world->ledger, "shop/prod", &choice->head));
    return choice;
}

static void open_world(struct world *world, const char *script)
{
    *world = (struct world){.place = place_make(), .notices = g_string_new(NULL)};
    world->ledger = place_open(&world->place, ROLL_LEDGER_CREATE);
    struct roll_hold_set hold = {.reason = T("the ledger's id follows from its first event")};
    say_body(world->ledger, "shop/test", 0, ROLL_EVENT_hold_set, &hold, NULL);
    g_autoptr(GString) text = g_string_new(script);
    g_string_replace(text, "LEDGER", roll_ledger_id(world->ledger), 0);
    world->server = scripted_server_start(text->str, 0);
    ck_ok(roll_loop_new(&world->loop));
    world->links = roll_links_new(world->loop, sandbox_url, world);
}

static void close_world(struct world *world)
{
    g_autofree char *complaint = scripted_server_stop(world->server);

    roll_links_free(world->links);
    roll_loop_free(world->loop);
    roll_ledger_close(world->ledger);
    place_remove(&world->place);
    g_string_free(world->notices, TRUE);
    ck_assert_msg(!complaint, "%s", complaint);
    ck_assert_int_eq(roll_error_live(), 0);
}

static void drive(struct world *world, enum roll_lane lane, bool wait_for_access)
{
    struct roll_listener listener = {
        .user = world, .notice = on_notice, .event = world->shared ? count_event : NULL};
    struct roll_choice *choice = choice_new(world, lane);
    struct roll_driver_options options = {
        .ledger = world->ledger,
        .loop = world->loop,
        .links = world->links,
        .actor = somebody,
        .listener = &listener,
        .timeout_ms = 240000,
        .wait_for_access = wait_for_access,
        .retain = 2,
    };

    ck_ok(roll_rollout_start(&options, choice, &world->outcome));
    /* The ledger has them: a fleet's order is megabytes. */
    ck_assert_int_eq(choice->blobs->len, 0);
    ck_assert(roll_ledger_has_object(world->ledger, choice->request.order));
    roll_choice_free(choice);
}

/* ---- what happened ---- */

static const char *word_of(const struct scripted_request *request)
{
    static const struct {
        const char *part, *word;
    } words[] = {
        {"/op?", "POLL"},           {"/operations?", "OPERATIONS"}, {"/deployments/?", "LIST"},
        {"/register?", "REGISTER"}, {"/locks?", "LOCKS"},           {"/cancel?", "CANCEL"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (strstr(request->target, words[i].part))
            return words[i].word;
    return request->method;
}

static char *requests_of(struct world *world)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < scripted_server_count(world->server); i++)
        g_string_append_printf(text, "%s%s", i ? " " : "",
                               word_of(scripted_server_request(world->server, i)));
    return g_string_free(text, FALSE);
}

struct record {
    GString *text; /* "succeeded", "refused InvalidTemplate", "history a,b" */
    char *result;
};

static struct roll_error *see_event(void *user, const struct roll_event *event)
{
    struct record *record = user;
    const struct roll_step_ended *ended = roll_event_body(event, step_ended);
    const struct roll_history_deleted *deleted = roll_event_body(event, history_deleted);

    if (deleted) {
        g_autofree char *names = g_strjoinv(",", deleted->names);
        g_string_append_printf(record->text, "history %s; ", names);
    }
    if (ended) {
        g_string_append_printf(record->text, "%s%s%s", ended->outcome, ended->code ? " " : "",
                               ended->code ? ended->code : "");
        g_free(record->result);
        record->result = g_strdup(ended->result);
    }
    return NULL;
}

/* ---- rules ---- */

#define ERROR(code) "  body {\"error\":{\"code\":\"" code "\",\"message\":\"because\"}}\n"
#define PUT_NO(status, code) "expect PUT " RECORDS "* times 1\nreply " status "\n" ERROR(code)
#define PUT_LOST(reply) "expect PUT " RECORDS "* times 1\nreply " reply "\n"
#define PUT_OK                                                                                     \
    "expect PUT " RECORDS "* times 1\nreply 201\n  header Azure-AsyncOperation: ${url}/op?x=1\n"   \
    "  body {\"properties\":{\"provisioningState\":\"Accepted\",\"correlationId\":"                \
    "\"${header:x-ms-correlation-request-id}\"}}\n"
#define COUNTED                                                                                    \
    "expect PUT " RECORDS "* times 1\nreply 201\n  header Azure-AsyncOperation: ${url}/op?x=1\n"   \
    "  header x-ms-ratelimit-remaining-subscription-writes: 199\n"                                 \
    "  body {\"properties\":{\"provisioningState\":\"Accepted\",\"correlationId\":"                \
    "\"${header:x-ms-correlation-request-id}\"}}\n"
#define POLL(status) "expect GET /op?x=1 times 1\nreply 200\n  body {\"status\":\"" status "\"}\n"
#define POLL_NO(status, code) "expect GET /op?x=1 times 1\nreply " status "\n" ERROR(code)
#define GET(state)                                                                                 \
    "expect GET " RECORDS "* times 1\nreply 200\n  body {\"properties\":{\"provisioningState\":"   \
    "\"" state "\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"correlationId\":"                      \
    "\"${last:x-ms-correlation-request-id}\"}}\n"
#define GET_NO(status, code) "expect GET " RECORDS "* times 1\nreply " status "\n" ERROR(code)
#define GOOD PUT_OK POLL("Succeeded") GET("Succeeded")
#define SOON "  header retry-after-ms: 100\n"
#define MISSING                                                                                    \
    "expect PUT " RECORDS "* times 1\nreply 409\n  body {\"error\":{\"code\":"                     \
    "\"InvalidTemplateDeployment\",\"message\":\"m\",\"details\":[{\"code\":"                      \
    "\"MissingSubscriptionRegistration\",\"message\":\"m\",\"target\":\"Microsoft.Web\"}]}}\n"
#define REGISTER                                                                                   \
    "expect POST /subscriptions/" SUBSCRIPTION "/providers/Microsoft.Web/register times 1\n"
#define LIST "expect GET " RECORDS "?api-version=2022-09-01 times 1\nreply 200\n  body "
#define ENTRY(name, ledger, release, state, minute)                                                \
    "{\"name\":\"" name "\",\"tags\":{\"roll-ledger\":\"" ledger                                   \
    "\",\"roll-stream\":\"shop/prod\",\"roll-release\":\"" release                                 \
    "\"},\"properties\":{\"provisioningState\":\"" state                                           \
    "\",\"timestamp\":\"2026-01-01T00:" minute ":00Z\"}}"
#define HISTORY                                                                                    \
    LIST "{\"value\":[" ENTRY("roll-b", "LEDGER", "0.2.0", "Succeeded", "02") "," ENTRY(           \
        "roll-a", "LEDGER", "0.1.0", "Failed",                                                     \
        "01") "," ENTRY("roll-active", "LEDGER", "0.1.0", "Running",                               \
                        "00") "," ENTRY("roll-theirs", "another", "0.1.0", "Succeeded",            \
                                        "00") "," ENTRY("other", "LEDGER", "0.1.0", "Succeeded",   \
                                                        "00") "," ENTRY("roll-kept", "LEDGER",     \
                                                                        "1.1.0", "Succeeded",      \
                                                                        "00") "]}\n"

static const struct {
    const char *script;
    enum roll_lane lane;
    bool wait;
    const char *requests, *recorded;
    const char *notice; /* a part of what is said, or NULL */
} rules[] = {
    {GOOD, ROLL_LANE_RELEASE, false, "PUT POLL GET", "succeeded", NULL},
    /* A definite no ends the step. */
    {PUT_NO("400", "InvalidTemplate"), ROLL_LANE_RELEASE, false, "PUT", "refused InvalidTemplate",
     NULL},
    {PUT_NO("404", "ResourceGroupNotFound"), ROLL_LANE_RELEASE, false, "PUT",
     "refused ResourceGroupNotFound", NULL},
    {PUT_NO("409", "Conflict"), ROLL_LANE_RELEASE, false, "PUT", "refused Conflict", NULL},
    {PUT_NO("409", "ResourceGroupBeingDeleted"), ROLL_LANE_RELEASE, false, "PUT",
     "refused ResourceGroupBeingDeleted", NULL},
    {PUT_NO("412", "PreconditionFailed"), ROLL_LANE_RELEASE, false, "PUT",
     "refused PreconditionFailed", NULL},
    {PUT_NO("501", "NotImplemented"), ROLL_LANE_RELEASE, false, "PUT", "refused NotImplemented",
     NULL},
    /* Another operation: look whose it is, wait, and send again. */
    {"expect PUT " RECORDS "* times 1\nreply 409\n" SOON ERROR("DeploymentActive")
         GET_NO("404", "DeploymentNotFound") GOOD,
     ROLL_LANE_RELEASE, false, "PUT GET PUT POLL GET", "succeeded",
     "weu: another operation is in the way; waiting for it (DeploymentActive)"},
    {"expect PUT " RECORDS "* times 1\nreply 409\n" SOON ERROR("AnotherOperationInProgress")
         GET_NO("404", "DeploymentNotFound") GOOD,
     ROLL_LANE_RELEASE, false, "PUT GET PUT POLL GET", "succeeded", "AnotherOperationInProgress"},
    {"expect PUT " RECORDS "* times 1\nreply 429\n" SOON ERROR(
         "RetryableErrorDueToAnotherOperation") GET_NO("404", "DeploymentNotFound") GOOD,
     ROLL_LANE_ROLLBACK, false, "PUT GET PUT POLL GET", "succeeded", "RetryableError"},
    {"expect PUT " RECORDS "* times 1\nreply 409\n" SOON ERROR("Conflict")
         GET_NO("404", "DeploymentNotFound") GOOD,
     ROLL_LANE_RELEASE, false, "PUT GET PUT POLL GET", "succeeded", "Conflict"},
    /* One of ours is there already: it is adopted. */
    {"expect PUT " RECORDS "* times 1\nreply 409\n" SOON ERROR("DeploymentActive") GET("Running")
         GET("Succeeded"),
     ROLL_LANE_RELEASE, false, "PUT GET GET", "succeeded", NULL},
    /* Certainly not accepted: the same again. */
    {"expect PUT " RECORDS "* times 1\nreply 429\n" SOON ERROR("TooManyRequests") GOOD,
     ROLL_LANE_RELEASE, false, "PUT PUT POLL GET", "succeeded", "ARM asks to slow down"},
    /* Not known: look by name first. */
    {PUT_LOST("500") GET("Running") GET("Succeeded"), ROLL_LANE_RELEASE, false, "PUT GET GET",
     "succeeded", NULL},
    {PUT_LOST("408") GET("Succeeded"), ROLL_LANE_RELEASE, false, "PUT GET", "succeeded", NULL},
    {PUT_LOST("504") GET("Succeeded"), ROLL_LANE_RELEASE, false, "PUT GET", "succeeded", NULL},
    {PUT_LOST("404\n  body <html>") GET("Succeeded"), ROLL_LANE_RELEASE, false, "PUT GET",
     "succeeded", NULL},
    {PUT_LOST("201\n  fault drop") GET("Succeeded"), ROLL_LANE_RELEASE, false, "PUT GET",
     "succeeded", NULL},
    {PUT_LOST("201\n  body {}") GET("Succeeded"), ROLL_LANE_RELEASE, false, "PUT GET", "succeeded",
     NULL},
    /* Polls: 404 is transient as DeploymentNotFound only. */
    {PUT_OK POLL_NO("404", "DeploymentNotFound") POLL("Running") POLL("Succeeded") GET("Succeeded"),
     ROLL_LANE_RELEASE, false, "PUT POLL POLL POLL GET", "succeeded", NULL},
    /* Reads that are counted: the deployment itself is polled, whose end needs no second read. */
    {COUNTED GET("Running") GET_NO("404", "DeploymentNotFound") GET("Succeeded"), ROLL_LANE_RELEASE,
     false, "PUT GET GET GET", "succeeded", NULL},
    {COUNTED GET_NO("404", "ResourceGroupNotFound") GET_NO("404", "ResourceGroupNotFound"),
     ROLL_LANE_RELEASE, false, "PUT GET GET", "failed ResourceGroupNotFound", NULL},
    {COUNTED GET("Failed") "expect GET " GROUP "/deployments/* times 1\nreply 200\n  body "
                           "{\"value\":[]}\n",
     ROLL_LANE_RELEASE, false, "PUT GET OPERATIONS", "failed", NULL},
    {PUT_OK POLL_NO("404", "ResourceGroupNotFound") GET_NO("404", "ResourceGroupNotFound"),
     ROLL_LANE_RELEASE, false, "PUT POLL GET", "failed ResourceGroupNotFound", NULL},
    {PUT_OK POLL_NO("404", "SubscriptionNotFound") GET_NO("404", "SubscriptionNotFound"),
     ROLL_LANE_RELEASE, false, "PUT POLL GET", "failed SubscriptionNotFound", NULL},
    {PUT_OK "expect GET /op?x=1 times 1\nreply 503\n" SOON POLL("SomethingNew") POLL("canceled")
         GET("Canceled") "expect GET " GROUP "/deployments/* times 1\nreply 200\n  body "
                         "{\"value\":[]}\n",
     ROLL_LANE_RELEASE, false, "PUT POLL POLL POLL GET OPERATIONS", "cancelled", NULL},
    /* What a cancelled one has put is asked once: a back may be waiting. */
    {COUNTED GET("Canceled") "expect GET " GROUP
                             "/deployments/* times 1\nreply 403\n" ERROR("AuthorizationFailed"),
     ROLL_LANE_RELEASE, false, "PUT GET OPERATIONS", "cancelled", NULL},
    {PUT_OK POLL_NO("403", "AuthorizationFailed") GET("Succeeded"), ROLL_LANE_RELEASE, false,
     "PUT POLL GET", "succeeded", NULL},
    /* A role that was just granted. */
    {PUT_NO("403", "AuthorizationFailed"), ROLL_LANE_RELEASE, false, "PUT",
     "refused AuthorizationFailed", NULL},
    {"expect PUT " RECORDS "* times 1\nreply 403\n" SOON ERROR(
         "AuthorizationFailed") "expect PUT " RECORDS
                                "* times 1\nreply 403\n" SOON ERROR("LinkedAuthorizationFailed")
                                    GOOD,
     ROLL_LANE_ROLLBACK, true, "PUT PUT PUT POLL GET", "succeeded",
     "not allowed yet (AuthorizationFailed)"},
    {"expect PUT " RECORDS "* times 1\nreply 400\n" SOON
     "  body {\"error\":{\"code\":\"InvalidTemplateDeployment\",\"message\":\"The template "
     "deployment "
     "failed with error: 'Authorization failed for template resource 'w' of type 'T'.'\"}}\n" GOOD,
     ROLL_LANE_ROLLBACK, true, "PUT PUT POLL GET", "succeeded",
     "not allowed yet (InvalidTemplateDeployment)"},
    {PUT_NO("400", "InvalidTemplateDeployment"), ROLL_LANE_ROLLBACK, true, "PUT",
     "refused InvalidTemplateDeployment", NULL},
    {PUT_NO("403", "RequestDisallowedByPolicy"), ROLL_LANE_RELEASE, true, "PUT",
     "refused RequestDisallowedByPolicy", NULL},
    /* A provider that is not registered. */
    {MISSING REGISTER "reply 200\n  body {\"registrationState\":\"Registered\"}\n" GOOD,
     ROLL_LANE_RELEASE, false, "PUT REGISTER PUT POLL GET", "succeeded",
     "registering the resource provider 'Microsoft.Web' in subscription"},
    {MISSING REGISTER "reply 403\n" ERROR("AuthorizationFailed"), ROLL_LANE_RELEASE, false,
     "PUT REGISTER", "refused MissingSubscriptionRegistration", NULL},
    {MISSING, ROLL_LANE_HOTFIX, false, "PUT", "refused MissingSubscriptionRegistration", NULL},
    {MISSING, ROLL_LANE_ROLLBACK, false, "PUT", "refused MissingSubscriptionRegistration", NULL},
    /* A full history: ours, ended, of no release that is kept; the oldest first. */
    {PUT_NO("409", "DeploymentQuotaExceeded") HISTORY
     "expect DELETE " RECORDS "roll-a times 1\nreply 204\nexpect "
     "DELETE " RECORDS "roll-b times 1\nreply 204\n" GOOD,
     ROLL_LANE_ROLLBACK, false, "PUT LIST DELETE DELETE PUT POLL GET",
     "history roll-a,roll-b; succeeded", "history is full"},
    {PUT_NO("409", "DeploymentQuotaExceeded") LIST "{\"value\":[]}\n", ROLL_LANE_RELEASE, false,
     "PUT LIST", "refused DeploymentQuotaExceeded", NULL},
    {PUT_NO("409", "DeploymentQuotaExceeded") HISTORY
     "expect DELETE " RECORDS "* times 2\nreply 409\n" ERROR(
         "ScopeLocked") "expect GET " GROUP "/providers/Microsoft.Authorization/locks times "
                        "1\nreply 200\n  body {\"value\":[{\"id\":"
                        "\"/l\",\"name\":\"keep\",\"properties\":{\"level\":\"CanNotDelete\"}}]}\n",
     ROLL_LANE_RELEASE, false, "PUT LIST DELETE DELETE LOCKS", "refused DeploymentQuotaExceeded",
     NULL},
    /* Whether it went is not known: look. */
    {PUT_NO("409", "DeploymentQuotaExceeded") LIST "{\"value\":[" ENTRY(
         "roll-a", "LEDGER", "0.1.0", "Failed",
         "01") "]}\nexpect DELETE " RECORDS "roll-a times 1\nreply 500\nexpect HEAD " RECORDS
               "roll-a times 1\nreply 404\n" GOOD,
     ROLL_LANE_RELEASE, false, "PUT LIST DELETE HEAD PUT POLL GET", "history roll-a; succeeded",
     NULL},
};

START_TEST(test_rollout_driver__rule)
{
    struct world world;
    struct record record = {.text = g_string_new(NULL)};
    g_autofree char *script = g_strconcat("in-order\n", rules[_i].script, NULL);

    open_world(&world, strstr(rules[_i].script, "DELETE") ? rules[_i].script : script);
    drive(&world, rules[_i].lane, rules[_i].wait);
    ck_ok(roll_ledger_events(world.ledger, "shop/prod", 1, see_event, &record));
    g_autofree char *requests = requests_of(&world);
    ck_assert_str_eq(requests, rules[_i].requests);
    ck_assert_str_eq(record.text->str, rules[_i].recorded);
    if (rules[_i].notice)
        ck_assert_msg(strstr(world.notices->str, rules[_i].notice), "%s", world.notices->str);
    g_string_free(record.text, TRUE);
    g_free(record.result);
    close_world(&world);
}
END_TEST

/* The whole nested error is in the ledger, and all innermost causes beside it. */
START_TEST(test_rollout_driver__the_whole_error_is_kept)
{
    static const char script[] = PUT_OK
        "expect GET /op?x=1 times 1\nreply 200\n  body {\"status\":\"Failed\",\"error\":{\"code\":"
        "\"DeploymentFailed\",\"message\":\"outer\"}}\n"
        "expect GET " RECORDS
        "* times 1\nreply 200\n  body {\"properties\":{\"provisioningState\":\"Failed\","
        "\"correlationId\":\"${last:x-ms-correlation-request-id}\",\"error\":{\"code\":"
        "\"DeploymentFailed\",\"message\":\"outer\",\"details\":[{\"code\":\"Conflict\","
        "\"message\":"
        "\"{\\\"error\\\":{\\\"code\\\":\\\"SkuNotAvailable\\\",\\\"message\\\":\\\"no such "
        "size\\\"}}\"}]}}}\n"
        "expect GET " GROUP "/deployments/* times 1\nreply 200\n  body {\"value\":[{\"properties\":"
        "{\"provisioningState\":\"Failed\",\"targetResource\":{\"id\":\"/vm\",\"resourceType\":"
        "\"Microsoft.Compute/virtualMachines\"},\"statusMessage\":{\"error\":{\"code\":"
        "\"SkuNotAvailable\",\"message\":\"no such size\"}}}},{\"properties\":"
        "{\"provisioningState\":\"Failed\",\"targetResource\":{\"id\":\"/db\",\"resourceType\":"
        "\"Microsoft.Sql/servers\"},\"statusMessage\":{\"error\":{\"code\":\"QuotaExceeded\","
        "\"message\":\"full\"}}}}]}\n";
    struct world world;
    struct record record = {.text = g_string_new(NULL)};
    roll_auto(json) json_t *result = NULL;

    open_world(&world, script);
    drive(&world, ROLL_LANE_RELEASE, false);
    ck_ok(roll_ledger_events(world.ledger, "shop/prod", 1, see_event, &record));
    ck_assert_str_eq(record.text->str, "failed SkuNotAvailable");
    ck_ok(roll_ledger_object_json(world.ledger, record.result, &result));
    g_autofree char *error = json_dumps(json_object_get(result, "error"), JSON_COMPACT);
    g_autofree char *causes = json_dumps(json_object_get(result, "causes"), JSON_COMPACT);
    ck_assert_msg(strstr(error, "\"outer\"") && strstr(error, "no such size"), "%s", error);
    ck_assert_str_eq(causes, "[{\"code\":\"SkuNotAvailable\",\"message\":\"no such size\","
                             "\"resource\":\"/vm\"},{\"code\":\"QuotaExceeded\",\"message\":"
                             "\"full\",\"resource\":\"/db\"}]");
    g_string_free(record.text, TRUE);
    g_free(record.result);
    close_world(&world);
}
END_TEST

/* ---- a shared ledger ---- */

struct shared {
    struct world *world;
    struct roll_publisher publisher;
    bool foreign;           /* a hold takes the place of the first event that waits */
    int published, flushed; /* how often */
    int ends, holds;        /* that the listener was told */
};

static struct roll_error *take_request(void *user, const struct roll_batch *batch)
{
    struct shared *shared = user;

    ck_assert_int_eq(batch->drafts[0].kind, ROLL_EVENT_rollout_requested);
    shared->published++;
    return NULL;
}

static struct roll_error *see_waiting(void *user, const struct roll_waiting *waiting)
{
    *(struct roll_waiting *)user =
        (struct roll_waiting){.first = waiting->first, .count = waiting->count};
    return NULL;
}

static struct roll_error *one_line(void *user, const char **ret_line, size_t *ret_size)
{
    GString *line = user;

    *ret_line = line->len ? line->str : NULL;
    *ret_size = strlen(line->str);
    line->len = 0;
    return NULL;
}

static void take_place(struct shared *shared, int64_t seq)
{
    struct roll_ledger *ledger = shared->world->ledger;
    const struct roll_hold_set hold = {.reason = T("somebody else's")};
    g_autoptr(GString) before = NULL, line = NULL, text = g_string_new(NULL);
    char prev[ROLL_HEX_SIZE], hash[ROLL_HEX_SIZE];
    int64_t events;

    ck_ok(roll_ledger_line(ledger, "shop/prod", seq - 1, &before));
    roll_sha256_hex(before->str, before->len, prev);
    ck_ok(roll_event_compose("shop/prod", seq, prev, roll_now_ms(), &somebody, ROLL_EVENT_hold_set,
                             &hold, &line, hash));
    g_string_printf(text, "{\"event\":%s,\"hash\":\"%s\"}", line->str, hash);
    ck_ok(roll_ledger_import(ledger, one_line, text, &events));
    ck_assert_int_eq(events, 1);
}

static struct roll_error *flush_shared(void *user, int64_t patience_ms)
{
    struct shared *shared = user;
    struct roll_waiting waiting = {0};

    ck_assert_int_le(patience_ms, 5000);
    shared->flushed++;
    if (!shared->foreign)
        return roll_error_new(ROLL_E_HTTP, "no way there");
    ck_ok(roll_ledger_waiting(shared->world->ledger, see_waiting, &waiting));
    take_place(shared, waiting.first);
    return roll_ledger_set_remote(shared->world->ledger, "shop/prod",
                                  &(struct roll_remote){.seq = waiting.first + waiting.count});
}

static void count_event(void *user, const struct roll_event *event)
{
    struct shared *shared = ((struct world *)user)->shared;

    shared->ends += event->kind == ROLL_EVENT_step_ended;
    shared->holds += event->kind == ROLL_EVENT_hold_set;
}

static void drive_shared(struct world *world, struct shared *shared)
{
    open_world(world, GOOD);
    shared->world = world;
    world->shared = shared;
    shared->publisher = (struct roll_publisher){shared, take_request, flush_shared};
    roll_ledger_set_publisher(world->ledger, &shared->publisher);
    drive(world, ROLL_LANE_RELEASE, false);
    ck_assert_int_eq(world->outcome.end, ROLL_END_SUCCEEDED);
    ck_assert_int_eq(shared->published, 1);
    ck_assert_int_ge(shared->flushed, 1);
    ck_assert_int_eq(shared->ends, 1);
}

START_TEST(test_rollout_driver__a_store_that_is_down_changes_no_outcome)
{
    struct shared shared = {0};
    struct roll_waiting waiting = {0};
    struct world world;

    drive_shared(&world, &shared);
    ck_ok(roll_ledger_waiting(world.ledger, see_waiting, &waiting));
    ck_assert_int_ge(waiting.count, 2);
    ck_assert_msg(strstr(world.notices->str, "waits for the shared ledger"), "%s",
                  world.notices->str);
    close_world(&world);
}
END_TEST

START_TEST(test_rollout_driver__somebodys_event_comes_between)
{
    struct shared shared = {.foreign = true};
    struct roll_waiting waiting = {0};
    struct world world;

    drive_shared(&world, &shared);
    ck_assert_int_eq(shared.holds, 1);
    ck_ok(roll_ledger_waiting(world.ledger, see_waiting, &waiting));
    ck_assert_int_eq(waiting.count, 0);
    close_world(&world);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("rollout_driver");
    TCase *rollout = tcase_create("rules");

    tcase_set_timeout(rollout, 60);
    tcase_add_loop_test(rollout, test_rollout_driver__rule, 0, G_N_ELEMENTS(rules));
    tcase_add_test(rollout, test_rollout_driver__the_whole_error_is_kept);
    tcase_add_test(rollout, test_rollout_driver__a_store_that_is_down_changes_no_outcome);
    tcase_add_test(rollout, test_rollout_driver__somebodys_event_comes_between);
    suite_add_tcase(all, rollout);
    return all;
}

int main(void)
{
    return run_suite(suite());
}
