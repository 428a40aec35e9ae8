/* A ledger that was lost, from the tags of its deployments: each rollout that succeeded somewhere
 * becomes one of kind adopted, its release one with a digest of its own. */
#include "watch/adopt.h"

#include <inttypes.h>
#include <string.h>

/* A rollout of a lost ledger. */
struct lost {
    char *key;  /* LEDGER#SEQ */
    char *name; /* shop/prod#17 of ledger 1a2b3c4d */
    const char *release;
    int64_t at; /* of its first target */
    GPtrArray *pieces;
};

static void lost_free(void *data)
{
    struct lost *lost = data;

    g_free(lost->key);
    g_free(lost->name);
    g_ptr_array_unref(lost->pieces);
    g_free(lost);
}

static bool succeeded(const struct watch_found *found)
{
    return found->release && found->state && g_ascii_strcasecmp(found->state, "Succeeded") == 0;
}

static gint by_time(gconstpointer a, gconstpointer b)
{
    const struct lost *left = *(const struct lost *const *)a,
                      *right = *(const struct lost *const *)b;

    return left->at < right->at ? -1 : left->at > right->at;
}

/* One deployment of a target counts: a second attempt takes the first one's place. */
static void add_piece(struct lost *lost, struct watch_found *found)
{
    for (guint i = 0; i < lost->pieces->len; i++) {
        const struct watch_found *other = lost->pieces->pdata[i];
        if (strcmp(other->target, found->target) != 0)
            continue;
        if (found->at > other->at)
            lost->pieces->pdata[i] = found;
        return;
    }
    g_ptr_array_add(lost->pieces, found);
}

static GPtrArray *group(const struct roll_adopt_options *options, const char *stream,
                        const GPtrArray *found)
{
    g_autoptr(GHashTable) by_key = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *all = g_ptr_array_new_with_free_func(lost_free);

    for (guint i = 0; i < found->len; i++) {
        struct watch_found *each = found->pdata[i];
        const json_t *tags = json_object_get(each->details, "tags");
        const char *ledger = json_string_value(roll_json_get_nocase(tags, "roll-ledger"));
        const char *seq = json_string_value(roll_json_get_nocase(tags, "roll-seq"));
        if (!succeeded(each) || each->accepted || !ledger || !seq ||
            !roll_plan_target_find(options->environment, each->target))
            continue;
        g_autofree char *key = g_strdup_printf("%s#%s", ledger, seq);
        struct lost *lost = g_hash_table_lookup(by_key, key);
        if (!lost) {
            lost = g_new0(struct lost, 1);
            lost->key = g_steal_pointer(&key);
            lost->name = g_strdup_printf("%s#%s of ledger %.8s", stream, seq, ledger);
            lost->release = each->release;
            lost->at = each->at;
            lost->pieces = g_ptr_array_new();
            g_hash_table_insert(by_key, lost->key, lost);
            g_ptr_array_add(all, lost);
        }
        lost->at = MIN(lost->at, each->at);
        add_piece(lost, each);
    }
    g_ptr_array_sort(all, by_time);
    return all;
}

/* ---- releases -------------------------------------------------------------------------------- */

struct known {
    char *version, manifest[ROLL_HEX_SIZE];
};

static void known_free(void *data)
{
    struct known *known = data;

    g_free(known->version);
    g_free(known);
}

/* One release has every target that it was ever rolled out to, with what it had there last. */
static GPtrArray *pieces_of(const GPtrArray *all, const struct lost *wanted)
{
    struct lost sum = {.pieces = g_ptr_array_new()};
    const struct watch_found *first = wanted->pieces->pdata[0];

    for (guint i = 0; i < all->len; i++) {
        const struct lost *lost = all->pdata[i];
        for (guint j = 0; strcmp(lost->release, wanted->release) == 0 && j < lost->pieces->len;
             j++) {
            struct watch_found *piece = lost->pieces->pdata[j];
            if (g_strcmp0(piece->template_digest, first->template_digest) == 0)
                add_piece(&sum, piece);
        }
    }
    return sum.pieces;
}

static struct roll_error *find_release(const struct watch_acceptance *like, const GPtrArray *all,
                                       const struct lost *lost, GHashTable *releases,
                                       const struct known **ret_known)
{
    const struct watch_found *first = lost->pieces->pdata[0];
    g_autofree char *key = g_strdup_printf("%s\n%s", lost->release,
                                           first->template_digest ? first->template_digest : "");
    g_autoptr(GPtrArray) pieces = NULL;
    struct watch_acceptance acceptance = *like;

    *ret_known = g_hash_table_lookup(releases, key);
    if (*ret_known)
        return NULL;
    pieces = pieces_of(all, lost);
    acceptance.pieces = pieces;
    ROLL_TRY(watch_accept_release(&acceptance, lost->release));
    struct known *known = g_new0(struct known, 1);
    known->version = acceptance.version;
    g_strlcpy(known->manifest, acceptance.manifest, sizeof known->manifest);
    g_hash_table_insert(releases, g_steal_pointer(&key), known);
    *ret_known = known;
    return NULL;
}

/* ---- rollouts -------------------------------------------------------------------------------- */

static struct roll_error *recover(struct watch_acceptance *acceptance, const GPtrArray *all,
                                  const struct lost *lost, GHashTable *releases, json_t **ret_done)
{
    g_autofree char *reason = g_strdup_printf("recovered from the tags of %s", lost->name);
    const struct known *known = NULL;

    acceptance->name = lost->name;
    acceptance->reason = reason;
    acceptance->pieces = lost->pieces;
    ROLL_TRY(find_release(acceptance, all, lost, releases, &known));
    acceptance->version = known->version;
    g_strlcpy(acceptance->manifest, known->manifest, sizeof acceptance->manifest);
    struct roll_error *err = watch_accept(acceptance, ret_done);
    acceptance->version = NULL;
    acceptance->reason = NULL;
    return err;
}

/* What one of them lacks keeps none of the others. */
struct roll_error *watch_recover(const struct roll_adopt_options *options, const char *stream,
                                 json_t *done)
{
    g_autoptr(GHashTable) releases =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    g_autoptr(GPtrArray) found = NULL;
    g_autoptr(GPtrArray) all = NULL;
    struct watch_acceptance acceptance = {.options = options, .stream = stream, .recovered = true};

    ROLL_TRY(watch_found_read(options, stream, &found));
    acceptance.found = found;
    all = group(options, stream, found);
    for (guint i = 0; i < all->len; i++) {
        const struct lost *lost = all->pdata[i];
        json_t *one = NULL;
        struct roll_error *err = recover(&acceptance, all, lost, releases, &one);
        enum roll_code code = roll_error_code(err);
        if (code == ROLL_E_REFUSED || code == ROLL_E_TEMPLATE || code == ROLL_E_INVALID ||
            code == ROLL_E_NOT_FOUND) {
            one = json_pack("{s:s,s:s,s:s}", "name", lost->name, "release", lost->release, "error",
                            err->message);
            roll_error_free(err);
            err = NULL;
        }
        ROLL_TRY(err);
        json_array_append_new(done, one);
    }
    return NULL;
}
