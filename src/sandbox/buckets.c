/* Token buckets: how many requests a caller has left, by subscription (or tenant) and kind (REST
 * reference 8). They are kept in memory; ARM's own are not durable either. */
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"
#include "sandbox/http.h"
#include "sandbox/server.h"

#define BUCKETS_MAX 10000u

enum kind { KIND_READS, KIND_WRITES, KIND_DELETES };

static const struct {
    const char *name;
    int64_t size, per_second;
} kinds[] = {
    [KIND_READS] = {"reads", 250, 25},
    [KIND_WRITES] = {"writes", 200, 10},
    [KIND_DELETES] = {"deletes", 200, 10},
};

struct bucket {
    int64_t left; /* thousandths of a request */
    int64_t at_ms;
};

static enum kind kind_of(const struct sandbox_request *request)
{
    if (request->method & (METHOD_GET | METHOD_HEAD))
        return KIND_READS;
    return request->method == METHOD_DELETE ? KIND_DELETES : KIND_WRITES;
}

static struct bucket *get_bucket(struct sandbox_server *server,
                                 const struct sandbox_request *request, enum kind kind)
{
    roll_auto(json) json_t *claims = sandbox_claims(request);
    const char *principal = roll_json_get_string(claims, "oid");
    const char *subscription = request->scope.subscription;
    g_autofree char *name = g_strdup_printf("%s %s %s", subscription ? subscription : "tenant",
                                            principal ? principal : "", kinds[kind].name);
    for (char *c = name; *c; c++)
        *c = g_ascii_tolower(*c);
    struct bucket *bucket = g_hash_table_lookup(server->buckets, name);
    if (bucket)
        return bucket;
    if (g_hash_table_size(server->buckets) >= BUCKETS_MAX)
        g_hash_table_remove_all(server->buckets);
    bucket = g_new0(struct bucket, 1);
    *bucket = (struct bucket){.left = kinds[kind].size * 1000, .at_ms = request->now_ms};
    g_hash_table_replace(server->buckets, g_steal_pointer(&name), bucket);
    return bucket;
}

static void fill_up(struct bucket *bucket, enum kind kind, int64_t now_ms)
{
    int64_t passed_ms = CLAMP(now_ms - bucket->at_ms, 0, 3600000);
    bucket->left = MIN(bucket->left + passed_ms * kinds[kind].per_second, kinds[kind].size * 1000);
    bucket->at_ms = now_ms;
}

static void refuse(const struct sandbox_request *request, const struct bucket *bucket,
                   enum kind kind, struct sandbox_reply *reply)
{
    static const char *const singular[] = {"read", "write", "delete"};
    roll_auto(json) json_t *claims = sandbox_claims(request);
    const char *actor = roll_json_get_string(claims, "oid");
    int64_t rate = kinds[kind].per_second * 1000;
    int wait = (int)((1000 - bucket->left + rate - 1) / rate);
    const char *subscription = request->scope.subscription;
    sandbox_reply_error(
        reply, 429, subscription ? "SubscriptionRequestsThrottled" : "TenantRequestsThrottled",
        "Number of '%s' requests for %s '%s' actor '%s' exceeded. Please try again "
        "after '%d' seconds after additional tokens are available. Refer to "
        "https://aka.ms/arm-throttling for additional information.",
        singular[kind], subscription ? "subscription" : "tenant", subscription ? subscription : "",
        actor ? actor : "sandbox-developer", MAX(wait, 1));
    sandbox_reply_header(reply, "Retry-After", "%d", MAX(wait, 1));
}

bool sandbox_buckets_take(struct sandbox_server *server, const struct sandbox_request *request,
                          struct sandbox_reply *reply)
{
    if (!server->throttled)
        return true; /* nor counted: a client that is told of counters goes slowly */
    enum kind kind = kind_of(request);
    struct bucket *bucket = get_bucket(server, request, kind);
    const char *scope = request->scope.subscription ? "subscription" : "tenant";
    fill_up(bucket, kind, request->now_ms);
    bool empty = bucket->left < 1000;
    if (!empty)
        bucket->left -= 1000;
    g_autofree char *name =
        g_strdup_printf("x-ms-ratelimit-remaining-%s-%s", scope, kinds[kind].name);
    g_autofree char *global =
        g_strdup_printf("x-ms-ratelimit-remaining-%s-global-%s", scope, kinds[kind].name);
    sandbox_reply_header(reply, name, "%d", (int)(bucket->left / 1000));
    sandbox_reply_header(reply, global, "%d", (int)(bucket->left / 1000 + 14 * kinds[kind].size));
    if (!empty)
        return true;
    refuse(request, bucket, kind, reply);
    return false;
}
