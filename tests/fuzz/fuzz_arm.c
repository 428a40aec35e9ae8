/* Replies of ARM, from the wire's text to the end of a call.
 *
 * The first byte chooses the call; behind a line `====` each part is a reply: its status line and
 * headers, an empty line, its body. This file brings an arm_send of its own, so that the library's
 * (tokens, budget, network) is not linked: calls run on the replies alone, and the last repeats. */
#include "azure/arm.h"
#include "replies.h"

#define SENDS_MAX 64 /* then there is no credential any more, and every call must end */

/* ---- the other end ---- */

struct pending {
    arm_fn fn;
    void *user;
};

static GQueue pending = G_QUEUE_INIT; /* struct pending: sends that have no answer yet */
static int sends;

void arm_send(struct roll_arm *arm, const struct arm_request *request, arm_fn fn, void *user,
              GDestroyNotify free_user)
{
    struct pending *send = g_new(struct pending, 1);

    (void)free_user; /* every send is answered here */
    FUZZ_CHECK(roll_url_is_within(request->url, arm->cloud->arm), "a token would go to %s",
               request->url);
    *send = (struct pending){fn, user};
    g_queue_push_tail(&pending, send);
    sends++;
}

static void answer(const GPtrArray *parts, guint index, const struct pending *send)
{
    struct fuzz_reply reply;

    fuzz_reply_read(&reply, parts, index);
    send->fn(send->user, &reply.reply, NULL);
    fuzz_reply_clear(&reply);
}

static void answer_all(GPtrArray *parts)
{
    guint at = 1;

    while (!g_queue_is_empty(&pending)) {
        g_autofree struct pending *send = g_queue_pop_head(&pending);
        if (sends > SENDS_MAX || parts->len < 2)
            send->fn(send->user, NULL, NULL);
        else
            answer(parts, at, send);
        at = MIN(at + 1, parts->len - 1);
    }
}

/* ---- the calls ---- */

static void check_text(const char *text)
{
    FUZZ_CHECK(!text || g_utf8_validate(text, -1, NULL), "text that is not UTF-8");
}

static void on_end(void *user, const struct roll_arm_reply *reply)
{
    int *ends = user;

    (*ends)++;
    check_text(reply->code);
    check_text(reply->message);
    check_text(reply->state);
    check_text(reply->error_json);
    FUZZ_CHECK(reply->retry_after_ms >= -1 && reply->retry_after_ms <= 3600 * 1000, "wait %d ms",
               (int)reply->retry_after_ms);
    if (reply->error_json) {
        roll_auto(json) json_t *error = NULL;
        FUZZ_MUST(roll_json_parse(reply->error_json, strlen(reply->error_json), ROLL_JSON_STRICT,
                                  &error));
    }
    if (reply->body)
        fuzz_check_value(reply->body);
    roll_arm_advice(reply->code);
}

static const char id[] = "/subscriptions/s/resourceGroups/g/providers/A.B/c/d";

static void on_permissions(void *user, const struct roll_arm_reply *reply)
{
    on_end(user, reply);
    if (reply->outcome == ROLL_ARM_OK)
        roll_arm_permits(reply->body, "Microsoft.Web/sites/write");
}

static void on_provider(void *user, const struct roll_arm_reply *reply)
{
    on_end(user, reply);
    if (reply->outcome != ROLL_ARM_OK)
        return;
    g_autofree char *version = roll_arm_provider_version(reply->body, "sites/slots");
    FUZZ_CHECK(!version || roll_arm_provider_offers(reply->body, "sites/slots", version),
               "'%s' is not offered", version);
}

static void on_alerts(void *user, const struct roll_arm_reply *reply)
{
    static const char *const severities[] = {"Sev1", NULL};
    const json_t *alerts =
        reply->outcome == ROLL_ARM_OK ? json_object_get(reply->body, "value") : NULL;
    size_t index;
    json_t *alert;

    on_end(user, reply);
    json_array_foreach ((json_t *)(uintptr_t)alerts, index, alert)
        roll_alert_counts(alert, severities, "g", 0);
}

/* What is there besides deployments. */
static void look(struct roll_arm *arm, const struct roll_arm_scope *scope, char which, int *ends)
{
    const struct roll_arm_activity query = {.from_ms = 1, .to_ms = 2, .max = 3};

    switch (which) {
    case 'e':
        roll_arm_alerts(arm, "s", "g", on_alerts, ends);
        break;
    case 'k':
        roll_arm_stack_get(arm, scope, "d", on_end, ends);
        break;
    case 'm':
        roll_arm_permissions(arm, "/subscriptions/s", on_permissions, ends);
        break;
    case 'n':
        roll_arm_provider_get(arm, "s", "Microsoft.Web", on_provider, ends);
        break;
    case 'c':
        roll_arm_locks(arm, id, true, on_end, ends);
        break;
    case 't':
        roll_arm_activities(arm, "s", &query, on_end, ends);
        break;
    case 'u':
        roll_arm_resources(arm, "/subscriptions/s", on_end, ends);
        break;
    default:
        roll_arm_export(arm, scope, "d", on_end, ends);
        break;
    }
}

static void call(struct roll_arm *arm, char which, int *ends)
{
    struct roll_arm_scope scope = {
        .kind = ROLL_SCOPE_GROUP, .subscription = "s", .resource_group = "g"};
    struct roll_arm_deployment deployment = {.scope = scope,
                                             .name = "d",
                                             .correlation_id = "c",
                                             .template_text = "{}",
                                             .parameters_text = "{}"};

    switch (which) {
    case 'l':
        roll_arm_list(arm, &scope, 0, on_end, ends);
        break;
    case 'o':
        roll_arm_operations(arm, &scope, "d", on_end, ends);
        break;
    case 'w':
        roll_arm_what_if(arm, &deployment, on_end, ends);
        break;
    case 'v':
        roll_arm_validate(arm, &deployment, on_end, ends);
        break;
    case 'a':
        roll_arm_action(arm, id, "2022-09-01", "{}", NULL, on_end, ends);
        break;
    case 'p':
        roll_arm_put(arm, &deployment, on_end, ends);
        break;
    case 's':
        roll_arm_poll(arm, &scope, "d", "https://management.azure.com/poll", on_end, ends);
        break;
    case 'r':
        roll_arm_resource_get(arm, id, "2022-09-01", on_end, ends);
        break;
    case 'g':
        roll_arm_get(arm, &scope, "d", on_end, ends);
        break;
    default:
        look(arm, &scope, which, ends);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GPtrArray) parts = fuzz_parts(data, size);
    roll_auto(cloud) struct roll_cloud *cloud = NULL;
    int ends = 0;

    fuzz_begin();
    FUZZ_MUST(roll_cloud_new(NULL, NULL, &cloud));
    struct roll_arm arm = {.cloud = cloud};
    sends = 0;
    call(&arm, size > 0 ? (char)data[0] : 'g', &ends);
    answer_all(parts);
    FUZZ_CHECK(ends == 1, "a call gave %d replies", ends);
    fuzz_end();
    return 0;
}
