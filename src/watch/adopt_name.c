/* roll adopt --accept NAME: which of what was found is meant, and which of that can be accepted. */
#include "watch/adopt.h"

#include <inttypes.h>
#include <string.h>

/* ---- what is meant --------------------------------------------------------------------------- */

static bool is_wanted(const struct roll_adopt_options *options, const struct watch_found *found)
{
    return g_ascii_strcasecmp(found->name, options->accept) == 0 &&
           (!options->targets || g_strv_contains(options->targets, found->target)) &&
           roll_plan_target_find(options->environment, found->target);
}

/* The newest of each target; rows come by target and time. */
static GPtrArray *pick(const struct roll_adopt_options *options, const GPtrArray *all)
{
    GPtrArray *pieces = g_ptr_array_new();

    for (guint i = 0; i < all->len; i++) {
        struct watch_found *found = all->pdata[i];
        struct watch_found *last = pieces->len ? pieces->pdata[pieces->len - 1] : NULL;
        if (!is_wanted(options, found))
            continue;
        if (!last || strcmp(last->target, found->target) != 0)
            g_ptr_array_add(pieces, found);
        else if (found->at > last->at)
            pieces->pdata[pieces->len - 1] = found;
    }
    return pieces;
}

/* One deployment that may be of two targets of one place: a person has to say of which. */
static struct roll_error *check_ambiguous(const struct roll_adopt_options *options,
                                          const GPtrArray *pieces)
{
    g_autoptr(GHashTable) owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < pieces->len; i++) {
        const struct watch_found *piece = pieces->pdata[i];
        const char *id = roll_json_get_string(piece->details, "id");
        char *lower = id ? g_ascii_strdown(id, -1) : NULL;
        const struct watch_found *other = lower ? g_hash_table_lookup(owners, lower) : NULL;
        if (other) {
            g_free(lower);
            return roll_error_new(ROLL_E_REFUSED,
                                  "'%s' may be of '%s' or of '%s', which are in one place: say "
                                  "which with --target",
                                  options->accept, other->target, piece->target);
        }
        if (lower)
            g_hash_table_insert(owners, lower, pieces->pdata[i]);
    }
    return NULL;
}

/* ---- what can be accepted -------------------------------------------------------------------- */

static void leave(json_t *left, const struct watch_found *piece, char *why_take)
{
    json_array_append_new(left, json_pack("{s:s,s:s}", "target", piece->target, "why", why_take));
    g_free(why_take);
}

/* Why not, or NULL. ROLL_E_NOTHING: it counts already. */
static struct roll_error *check_piece(const struct watch_acceptance *acceptance,
                                      struct watch_found *piece)
{
    g_autoptr(GPtrArray) alone = g_ptr_array_new();
    struct watch_acceptance one = *acceptance;
    bool missing = false;
    const char *gap = watch_adopt_gap(acceptance->adopting, piece->target, &missing);

    if (piece->accepted)
        return roll_error_new(ROLL_E_NOTHING, "'%s' on '%s' counts already: %s#%" PRId64,
                              piece->name, piece->target, acceptance->stream, piece->accepted);
    if (!watch_found_succeeded(piece))
        return roll_error_new(ROLL_E_REFUSED, "'%s' on '%s' did not succeed: it %s", piece->name,
                              piece->target, piece->state ? piece->state : "has no state");
    if (gap && !missing)
        return roll_error_new(ROLL_E_INVALID,
                              "'%s' on '%s' cannot be accepted now: what came after it cannot be "
                              "read: %s",
                              piece->name, piece->target, gap);
    g_ptr_array_add(alone, piece);
    one.pieces = alone;
    return watch_accept_check(&one);
}

static struct roll_error *sort_out(struct watch_acceptance *acceptance, const GPtrArray *wanted,
                                   json_t *left)
{
    struct roll_error *first = NULL;

    for (guint i = 0; i < wanted->len; i++) {
        struct watch_found *piece = wanted->pdata[i];
        struct roll_error *err = check_piece(acceptance, piece);
        enum roll_code code = roll_error_code(err);
        if (!err) {
            g_ptr_array_add(acceptance->pieces, piece);
            continue;
        }
        if (code != ROLL_E_NOTHING && code != ROLL_E_REFUSED && code != ROLL_E_TEMPLATE &&
            code != ROLL_E_INVALID) {
            roll_error_free(first);
            return err;
        }
        leave(left, piece, g_strdup(err->message));
        /* What is refused says more than what is done already. */
        if (!first || (roll_error_code(first) == ROLL_E_NOTHING && code != ROLL_E_NOTHING)) {
            roll_error_free(first);
            first = err;
        } else {
            roll_error_free(err);
        }
    }
    if (acceptance->pieces->len == 0)
        return first;
    roll_error_free(first);
    return NULL;
}

static struct roll_error *check_alike(const GPtrArray *pieces)
{
    const struct watch_found *first = pieces->pdata[0];

    for (guint i = 1; i < pieces->len; i++) {
        const struct watch_found *piece = pieces->pdata[i];
        if (g_strcmp0(piece->template_digest, first->template_digest) != 0)
            return roll_error_new(ROLL_E_REFUSED,
                                  "'%s' has another template on '%s' than on '%s': accept each "
                                  "with --target",
                                  piece->name, piece->target, first->target);
    }
    return NULL;
}

/* What a redeploy does otherwise. Deployments in mode Complete are never sent (DESIGN section 6).
 */
static json_t *notes_of(const struct roll_adopt_options *options, const GPtrArray *pieces)
{
    json_t *notes = json_array();
    guint all = options->environment->targets->len;

    if (pieces->len < all)
        json_array_append_new(notes,
                              json_sprintf("a back to it is for %u of %u targets: the others keep "
                                           "what they have",
                                           pieces->len, all));

    for (guint i = 0; i < pieces->len; i++) {
        const struct watch_found *piece = pieces->pdata[i];
        const char *mode = roll_json_get_string(piece->details, "mode");
        if (g_strcmp0(mode, "Complete") != 0)
            continue;
        json_array_append_new(
            notes, json_sprintf("'%s': it ran in mode Complete; going back to it deletes nothing, "
                                "what it does not have is listed as left over",
                                piece->target));
    }
    return notes;
}

static struct roll_error *accept(struct watch_acceptance *acceptance, const GPtrArray *found,
                                 json_t *left, json_t **ret_done)
{
    g_autoptr(GPtrArray) wanted = pick(acceptance->options, found);

    if (wanted->len == 0)
        return roll_error_new(ROLL_E_NOT_FOUND,
                              "no deployment '%s' was found in ARM's history of '%s'",
                              acceptance->name, acceptance->stream);
    ROLL_TRY(check_ambiguous(acceptance->options, wanted));
    ROLL_TRY(sort_out(acceptance, wanted, left));
    ROLL_TRY(check_alike(acceptance->pieces));
    ROLL_TRY(watch_accept_release(acceptance, acceptance->name));
    return watch_accept(acceptance, ret_done);
}

struct roll_error *watch_accept_name(const struct watch_adopting *adopting, json_t **ret_done)
{
    const struct roll_adopt_options *options = adopting->options;
    g_autoptr(GPtrArray) found = NULL;
    g_autoptr(GPtrArray) pieces = g_ptr_array_new();
    roll_auto(watch_traces) struct watch_traces *traces = NULL;
    roll_auto(json) json_t *left = json_array();

    ROLL_TRY(watch_found_read(options, adopting->stream, &found));
    traces = watch_traces_new(adopting, found);
    struct watch_acceptance acceptance = {.options = options,
                                          .adopting = adopting,
                                          .stream = adopting->stream,
                                          .name = options->accept,
                                          .reason = options->reason,
                                          .traces = traces,
                                          .pieces = pieces};
    struct roll_error *err = accept(&acceptance, found, left, ret_done);
    roll_auto(json) json_t *notes = notes_of(options, pieces);
    g_free(acceptance.version);
    if (!err && json_array_size(left) > 0)
        json_object_set(*ret_done, "left", left);
    if (!err && json_array_size(notes) > 0)
        json_object_set(*ret_done, "notes", notes);
    return err;
}
