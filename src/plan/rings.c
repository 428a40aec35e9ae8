/* Rings: which targets go together, ring after ring. A ring is a list of names, or says what its
 * targets are like: labels, a share in percent, or both.
 *
 * A name is the plainest word and counts wherever it stands; then the rings take in order of what
 * no name has put elsewhere. A share goes by the digest of the name, so that release after release
 * meets the same targets first, and a target more moves hardly any other. */
#include <string.h>

#include "plan/internal.h"
#include "rollbook/digest.h"

#define NOT_DEALT (-1)

struct dealt {
    const char *name;
    const json_t *labels; /* or NULL */
    int ring;
    char digest[ROLL_HEX_SIZE]; /* of the name; "" until it is needed */
};

/* ---- names ---------------------------------------------------------------------------------- */

static void take_names(json_t *rings, GHashTable *by_name)
{
    size_t ring, at;
    json_t *names, *name;

    json_array_foreach (rings, ring, names) {
        json_array_foreach (names, at, name) {
            const char *text = json_string_value(name);
            struct dealt *target = text ? g_hash_table_lookup(by_name, text) : NULL;
            if (target && target->ring == NOT_DEALT)
                target->ring = (int)ring;
        }
    }
}

/* ---- labels --------------------------------------------------------------------------------- */

static bool is_one_of(const char *value, const json_t *wanted)
{
    size_t at;
    json_t *word;

    if (json_is_string(wanted))
        return strcmp(value, json_string_value(wanted)) == 0;
    json_array_foreach ((json_t *)(uintptr_t)wanted, at, word)
        if (json_is_string(word) && strcmp(value, json_string_value(word)) == 0)
            return true;
    return false;
}

static bool has_labels(const struct dealt *target, json_t *wanted)
{
    const char *name;
    json_t *values;

    json_object_foreach (wanted, name, values) {
        const char *own = json_string_value(json_object_get(target->labels, name));
        if (!own || !is_one_of(own, values))
            return false;
    }
    return true;
}

/* ---- shares --------------------------------------------------------------------------------- */

static int by_digest(gconstpointer a, gconstpointer b)
{
    const struct dealt *left = *(const struct dealt *const *)a;
    const struct dealt *right = *(const struct dealt *const *)b;

    return strcmp(left->digest, right->digest);
}

static void sort_for_share(GPtrArray *targets)
{
    for (guint i = 0; i < targets->len; i++) {
        struct dealt *target = g_ptr_array_index(targets, i);
        if (!target->digest[0])
            roll_sha256_hex(target->name, strlen(target->name), target->digest);
    }
    g_ptr_array_sort(targets, by_digest);
}

/* The share is one of all that have the labels, also of those that are in a ring already: 10 of
 * 10,000 are 1,000, whoever went before. A share that is begun has at least one target. */
static void take_described(GArray *dealt, const json_t *description, int ring)
{
    json_t *labels = json_object_get(description, "labels");
    const json_t *percent = json_object_get(description, "percent");
    g_autoptr(GPtrArray) fitting = g_ptr_array_new();
    int64_t all = 0;

    for (guint i = 0; i < dealt->len; i++) {
        struct dealt *target = &g_array_index(dealt, struct dealt, i);
        if (!has_labels(target, labels))
            continue;
        all++;
        if (target->ring == NOT_DEALT)
            g_ptr_array_add(fitting, target);
    }
    int64_t share = percent ? (all * json_integer_value(percent) + 99) / 100 : all;
    if (share < (int64_t)fitting->len)
        sort_for_share(fitting);
    for (guint i = 0; i < fitting->len && i < share; i++)
        ((struct dealt *)g_ptr_array_index(fitting, i))->ring = ring;
}

/* ---- dealing -------------------------------------------------------------------------------- */

static GArray *begin(json_t *targets)
{
    guint count = (guint)json_object_size(targets);
    GArray *dealt = g_array_sized_new(FALSE, FALSE, sizeof(struct dealt), count);
    const char *name;
    json_t *value;

    json_object_foreach (targets, name, value) {
        struct dealt target = {
            .name = name, .labels = json_object_get(value, "labels"), .ring = NOT_DEALT};
        g_array_append_val(dealt, target);
    }
    return dealt;
}

GArray *roll_plan_deal(json_t *rings, json_t *targets)
{
    g_autoptr(GArray) dealt = begin(targets);
    g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
    GArray *numbers = g_array_sized_new(FALSE, FALSE, sizeof(int), dealt->len);
    int rest = (int)json_array_size(rings);
    size_t ring;
    json_t *value;

    for (guint i = 0; i < dealt->len; i++) {
        struct dealt *target = &g_array_index(dealt, struct dealt, i);
        g_hash_table_insert(by_name, (gpointer)(uintptr_t)target->name, target);
    }
    take_names(rings, by_name);
    json_array_foreach (rings, ring, value)
        if (json_is_object(value))
            take_described(dealt, value, (int)ring);
    for (guint i = 0; i < dealt->len; i++) {
        int number = g_array_index(dealt, struct dealt, i).ring;
        g_array_append_vals(numbers, number == NOT_DEALT ? &rest : &number, 1);
    }
    return numbers;
}
