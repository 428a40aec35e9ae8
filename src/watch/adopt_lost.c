/* The rollouts of a ledger that was lost, from the tags of their deployments: what each was, and
 * what follows from one another. Where the tags do not say that it was good, it was not: a release
 * that nobody can vouch for must not be where an emergency goes. */
#include "watch/adopt.h"

#include <inttypes.h>
#include <string.h>

static void lost_free(void *data)
{
    struct watch_lost *lost = data;

    g_free(lost->key);
    g_free(lost->name);
    g_free(lost->failed);
    g_strfreev(lost->bad);
    g_strfreev(lost->lifts);
    g_ptr_array_unref(lost->pieces);
    g_hash_table_unref(lost->places);
    g_free(lost);
}

bool watch_lost_is_open(const struct watch_lost *lost)
{
    for (guint i = 0; i < lost->pieces->len; i++)
        if (!((const struct watch_found *)lost->pieces->pdata[i])->accepted)
            return true;
    return false;
}

/* ---- grouping -------------------------------------------------------------------------------- */

static const char *tag_of(const struct watch_found *found, const char *name)
{
    return json_string_value(roll_json_get_nocase(json_object_get(found->details, "tags"), name));
}

static int64_t number_of(const struct watch_found *found, const char *name)
{
    const char *text = tag_of(found, name);

    return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

static char **versions_of(const struct watch_found *found, const char *name)
{
    const char *text = tag_of(found, name);

    return text && *text ? g_strsplit(text, ",", 64) : NULL;
}

/* One deployment of a target counts: a second attempt takes the first one's place. */
static void add_piece(struct watch_lost *lost, struct watch_found *found)
{
    int64_t from = found->at - watch_found_duration(found);

    lost->from_ms = lost->pieces->len ? MIN(lost->from_ms, from) : from;
    lost->to_ms = MAX(lost->to_ms, found->at);
    guint place = GPOINTER_TO_UINT(g_hash_table_lookup(lost->places, found->target));
    if (!place) {
        g_ptr_array_add(lost->pieces, found);
        g_hash_table_insert(lost->places, found->target, GUINT_TO_POINTER(lost->pieces->len));
    } else if (found->at > ((const struct watch_found *)lost->pieces->pdata[place - 1])->at) {
        lost->pieces->pdata[place - 1] = found;
    }
}

static struct watch_lost *lost_new(const char *stream, const struct watch_found *found)
{
    struct watch_lost *lost = g_new0(struct watch_lost, 1);

    lost->ledger = tag_of(found, "roll-ledger");
    lost->seq = number_of(found, "roll-seq");
    lost->key = g_strdup_printf("%s#%" PRId64, lost->ledger, lost->seq);
    lost->name = g_strdup_printf("%s#%" PRId64 " of ledger %.8s", stream, lost->seq, lost->ledger);
    lost->lane = tag_of(found, "roll-lane");
    lost->kind = tag_of(found, "roll-kind");
    lost->from = tag_of(found, "roll-from");
    lost->targets = number_of(found, "roll-targets");
    lost->told = lost->kind != NULL;
    lost->partial = tag_of(found, "roll-partial") != NULL;
    lost->bad = versions_of(found, "roll-bad");
    lost->lifts = versions_of(found, "roll-lifts");
    lost->pieces = g_ptr_array_new();
    lost->places = g_hash_table_new(g_str_hash, g_str_equal);
    return lost;
}

static gint by_time(gconstpointer a, gconstpointer b)
{
    const struct watch_lost *left = *(const struct watch_lost *const *)a,
                            *right = *(const struct watch_lost *const *)b;

    if (left->from_ms != right->from_ms)
        return left->from_ms < right->from_ms ? -1 : 1;
    return left->seq < right->seq ? -1 : left->seq > right->seq;
}

/* Its own words are proved again: what was recorded may have been recorded without. */
static bool is_proved(const struct roll_adopt_options *options, const char *stream,
                      const struct watch_found *found)
{
    const struct roll_plan_target *target =
        roll_plan_target_find(options->environment, found->target);
    g_autoptr(GPtrArray) candidates = g_ptr_array_new();

    if (!target || !found->details)
        return false;
    g_ptr_array_add(candidates, (gpointer)(uintptr_t)target);
    return watch_prove(options, stream, json_object_get(found->details, "tags"), found->name,
                       roll_json_get_string(found->details, "correlationId"), candidates,
                       &target) == WATCH_PROVED;
}

static void name_release(struct watch_lost *lost)
{
    lost->release = tag_of(lost->pieces->pdata[0], "roll-release");
    for (guint i = 1; i < lost->pieces->len; i++)
        if (g_strcmp0(lost->release, tag_of(lost->pieces->pdata[i], "roll-release")) != 0)
            lost->release = NULL;
}

GPtrArray *watch_lost_group(const struct roll_adopt_options *options, const char *stream,
                            const GPtrArray *found)
{
    g_autoptr(GHashTable) by_key = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *all = g_ptr_array_new_with_free_func(lost_free);

    for (guint i = 0; i < found->len; i++) {
        struct watch_found *each = found->pdata[i];
        if (!is_proved(options, stream, each))
            continue;
        g_autofree char *key = g_strdup_printf("%s#%" PRId64, tag_of(each, "roll-ledger"),
                                               number_of(each, "roll-seq"));
        struct watch_lost *lost = g_hash_table_lookup(by_key, key);
        if (!lost) {
            lost = lost_new(stream, each);
            g_hash_table_insert(by_key, lost->key, lost);
            g_ptr_array_add(all, lost);
        }
        add_piece(lost, each);
    }
    for (guint i = 0; i < all->len; i++)
        name_release(all->pdata[i]);
    g_ptr_array_sort(all, by_time);
    return all;
}

/* ---- what follows ---------------------------------------------------------------------------- */

static void fail(struct watch_lost *lost, char *why_take)
{
    if (lost->failed)
        g_free(why_take);
    else
        lost->failed = why_take;
}

/* By its own deployments. */
static void judge_pieces(struct watch_lost *lost)
{
    for (guint i = 0; i < lost->pieces->len; i++) {
        const struct watch_found *piece = lost->pieces->pdata[i];
        if (!watch_found_succeeded(piece))
            fail(lost, g_strdup_printf("its deployment on %s ended %s", piece->target,
                                       piece->state ? piece->state : "nobody knows how"));
    }
    if (lost->targets > lost->pieces->len)
        fail(lost, g_strdup_printf("ARM has deployments of %u of its %" PRId64 " targets",
                                   lost->pieces->len, lost->targets));
}

/* An older tool did not say how many targets there were: the one before tells. */
static void judge_breadth(struct watch_lost *lost, const struct watch_lost *before)
{
    for (guint i = 0; !lost->told && before && i < before->pieces->len; i++)
        if (!g_hash_table_contains(lost->places,
                                   ((const struct watch_found *)before->pieces->pdata[i])->target))
            lost->partial = true;
}

/* What a target holds, as far as is known. */
struct held {
    struct watch_lost *lost; /* who put it */
    const char *release;     /* or NULL: nobody knows; borrowed */
};

/* What all of them hold, or NULL. */
static const char *whole(GHashTable *holds)
{
    const char *release = NULL;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, holds);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct held *held = value;
        if (!held->release || (release && strcmp(held->release, release) != 0))
            return NULL;
        release = held->release;
    }
    return release;
}

/* What the next rollout of a target found there tells whether the one before succeeded there, with
 * checks and all. Returns whether its tags say so. */
static bool judge_by_had(GHashTable *holds, const struct watch_lost *next)
{
    bool told = next->pieces->len > 0;

    for (guint i = 0; i < next->pieces->len; i++) {
        const struct watch_found *piece = next->pieces->pdata[i];
        const char *had = tag_of(piece, "roll-had");
        struct held *held = g_hash_table_lookup(holds, piece->target);
        told = told && had;
        if (!had || !held || strcmp(held->lost->ledger, next->ledger) != 0 ||
            g_strcmp0(held->release, had) == 0)
            continue;
        if (held->release)
            fail(held->lost, g_strdup_printf("the next one on %s, #%" PRId64 ", found %s there",
                                             piece->target, next->seq, *had ? had : "no release"));
        held->release = *had ? had : NULL;
    }
    return told;
}

/* What it found live tells so where all targets held the same; where they did not, only an older
 * tool leaves it open what each had. */
static void judge_by_next(struct watch_lost *lost, const struct watch_lost *next,
                          const char *expected, bool told)
{
    if (!next->told || lost->partial || !lost->release || (told && !expected))
        return;
    if (!next->from)
        fail(lost, g_strdup_printf("the next one, #%" PRId64 ", found no release live", next->seq));
    else if (strcmp(next->from, lost->release) != 0)
        fail(lost,
             g_strdup_printf("the next one, #%" PRId64 ", found %s live", next->seq, next->from));
}

static void leave(GHashTable *holds, struct watch_lost *lost)
{
    for (guint i = 0; i < lost->pieces->len; i++) {
        const struct watch_found *piece = lost->pieces->pdata[i];
        struct held *held = g_new0(struct held, 1);
        held->lost = lost;
        held->release = watch_found_succeeded(piece) ? tag_of(piece, "roll-release") : NULL;
        g_hash_table_replace(holds, piece->target, held);
    }
}

/* An older tool did not say what it did: who returns to a release backs away from the one between.
 * seen: the releases before. */
static void suppose_back(struct watch_lost *lost, const struct watch_lost *before, GHashTable *seen)
{
    if (lost->told || !before || !lost->release || !before->release ||
        strcmp(before->release, lost->release) == 0 || !g_hash_table_contains(seen, lost->release))
        return;
    lost->kind = "back";
    lost->lane = "rollback";
    lost->bad = g_new0(char *, 2);
    lost->bad[0] = g_strdup(before->release);
}

void watch_lost_conclude(const GPtrArray *all)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) holds = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    struct watch_lost *last = all->len ? all->pdata[all->len - 1] : NULL;

    for (guint i = 0; i < all->len; i++) {
        struct watch_lost *lost = all->pdata[i];
        struct watch_lost *before = i > 0 ? all->pdata[i - 1] : NULL;
        if (before && strcmp(before->ledger, lost->ledger) != 0)
            before = NULL;
        judge_pieces(lost);
        judge_breadth(lost, before);
        suppose_back(lost, before, seen);
        if (lost->release)
            g_hash_table_add(seen, (gpointer)(uintptr_t)lost->release);
        const char *expected = whole(holds);
        bool told = judge_by_had(holds, lost);
        if (before)
            judge_by_next(before, lost, expected, told);
        leave(holds, lost);
    }
    if (last)
        last->hold = g_strcmp0(last->kind, "back") == 0;
}
