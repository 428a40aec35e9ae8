/* 20 reads a second for each subscription, where ARM counts them: its bucket refills with 25, and
 * others read too.
 *
 * Source: REST reference 8.1, DESIGN section 11. Without counters (sandbox, private clouds) nothing
 * is paced. */
#include "azure/arm.h"

#define READ_INTERVAL_MS 50
#define BURST_MS 1000 /* what was not used in the last second may be used at once */

struct bucket {
    bool counted;
    int64_t next; /* boot ms: when the next read may leave, had all been spread evenly */
};

struct budget {
    GHashTable *buckets; /* subscription in lower case → struct bucket, owned */
};

struct budget *budget_new(void)
{
    struct budget *budget = g_new0(struct budget, 1);

    budget->buckets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return budget;
}

void budget_free(struct budget *budget)
{
    if (!budget)
        return;
    g_hash_table_unref(budget->buckets);
    g_free(budget);
}

static struct bucket *find(struct budget *budget, const char *subscription)
{
    g_autofree char *key = g_ascii_strdown(subscription, -1);
    struct bucket *bucket = g_hash_table_lookup(budget->buckets, key);

    if (!bucket) {
        bucket = g_new0(struct bucket, 1);
        g_hash_table_insert(budget->buckets, g_steal_pointer(&key), bucket);
    }
    return bucket;
}

int64_t budget_take(struct budget *budget, const char *subscription, int64_t now)
{
    struct bucket *bucket = find(budget, subscription);

    if (!bucket->counted)
        return MAX(now, bucket->next); /* next is set by a 429 only */
    int64_t at = MAX(bucket->next, now - BURST_MS);
    bucket->next = at + READ_INTERVAL_MS;
    return MAX(at, now);
}

void budget_saw_write(struct budget *budget, const char *subscription,
                      const struct roll_http_reply *reply)
{
    static const char *const counters[] = {"x-ms-ratelimit-remaining-subscription-writes",
                                           "x-ms-ratelimit-remaining-subscription-global-writes",
                                           "x-ms-ratelimit-remaining-tenant-writes"};

    for (size_t i = 0; i < G_N_ELEMENTS(counters); i++)
        if (roll_http_header(reply, counters[i]))
            find(budget, subscription)->counted = true;
}

bool budget_counts(struct budget *budget, const char *subscription)
{
    return find(budget, subscription)->counted;
}

void budget_saw(struct budget *budget, const char *subscription,
                const struct roll_http_reply *reply, int64_t now)
{
    static const char *const counters[] = {"x-ms-ratelimit-remaining-subscription-reads",
                                           "x-ms-ratelimit-remaining-subscription-global-reads",
                                           "x-ms-ratelimit-remaining-tenant-reads"};
    struct bucket *bucket = find(budget, subscription);

    for (size_t i = 0; i < G_N_ELEMENTS(counters); i++)
        if (roll_http_header(reply, counters[i]))
            bucket->counted = true;
    int64_t wait = reply->status == 429 ? roll_http_retry_after_ms(reply) : -1;
    if (wait > 0)
        bucket->next = MAX(bucket->next, now + wait);
}
