/* Objects put together by names without regard to case; a map of folded names once there are many.
 */
#include "value.h"

#define FEW 8

struct merge {
    json_t *into;
    GHashTable *folded; /* lower-case name → spelling, NULL while there are few */
};

struct merge *merge_new(json_t *into)
{
    struct merge *merge = g_new0(struct merge, 1);
    merge->into = into;
    return merge;
}

void merge_free(struct merge *merge)
{
    if (!merge)
        return;
    if (merge->folded)
        g_hash_table_unref(merge->folded);
    g_free(merge);
}

static void remember(struct merge *merge, const char *key)
{
    g_hash_table_insert(merge->folded, g_ascii_strdown(key, -1), g_strdup(key));
}

const char *merge_key(struct merge *merge, const char *key)
{
    const char *other;
    json_t *value;
    if (json_object_get(merge->into, key))
        return key;
    if (!merge->folded && json_object_size(merge->into) <= FEW) {
        const char *spelling = object_key(merge->into, key);
        return spelling ? spelling : key;
    }
    if (!merge->folded) {
        merge->folded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        json_object_foreach (merge->into, other, value)
            remember(merge, other);
    }
    g_autofree char *lower = g_ascii_strdown(key, -1);
    const char *spelling = g_hash_table_lookup(merge->folded, lower);
    return spelling ? spelling : key;
}

void merge_put(struct merge *merge, const char *key, json_t *value)
{
    const char *spelling = merge_key(merge, key);
    if (merge->folded && spelling == key)
        remember(merge, key);
    object_put(merge->into, spelling, value);
}
