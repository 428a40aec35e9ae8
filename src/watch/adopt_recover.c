/* A ledger that was lost, from the tags of its deployments: each rollout becomes one of kind
 * adopted, as good as its tags say that it was, its release one with a digest of its own. */
#include "watch/adopt.h"

#include <inttypes.h>
#include <string.h>

struct recovering {
    const struct watch_adopting *adopting;
    const GPtrArray *all;   /* struct watch_lost *, oldest first */
    GHashTable *by_release; /* release and template -> target -> struct watch_found * */
    GHashTable *releases;   /* the same -> struct known * */
    struct watch_traces *traces;
    GHashTable *newest; /* struct watch_found *: the last of each target */
    bool alone;         /* this ledger rolled nothing out itself */
    json_t *done;
};

/* ---- releases -------------------------------------------------------------------------------- */

struct known {
    char *release, *version, manifest[ROLL_HEX_SIZE];
};

static void known_free(void *data)
{
    struct known *known = data;

    g_free(known->release);
    g_free(known->version);
    g_free(known);
}

static const char *release_of(const struct watch_found *piece)
{
    return json_string_value(
        roll_json_get_nocase(json_object_get(piece->details, "tags"), "roll-release"));
}

static char *key_of(const struct watch_found *piece)
{
    return g_strdup_printf("%s\n%s", release_of(piece),
                           piece->template_digest ? piece->template_digest : "");
}

/* One release has every target that it was ever rolled out to, with what it had there last: also
 * what counts already, so that it comes out the same whenever it is made. */
static void gather(GHashTable *by_release, struct watch_found *piece)
{
    char *key = key_of(piece);
    GHashTable *newest = g_hash_table_lookup(by_release, key);
    const struct watch_found *other;

    if (newest) {
        g_free(key);
    } else {
        newest = g_hash_table_new(g_str_hash, g_str_equal);
        g_hash_table_insert(by_release, key, newest);
    }
    other = g_hash_table_lookup(newest, piece->target);
    if (!other || piece->at > other->at)
        g_hash_table_replace(newest, piece->target, piece);
}

static GHashTable *gather_all(const GPtrArray *all)
{
    GHashTable *by_release =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);

    for (guint i = 0; i < all->len; i++) {
        const struct watch_lost *lost = all->pdata[i];
        for (guint j = 0; j < lost->pieces->len; j++)
            gather(by_release, lost->pieces->pdata[j]);
    }
    return by_release;
}

static gint by_target(gconstpointer a, gconstpointer b)
{
    const struct watch_found *left = *(const struct watch_found *const *)a,
                             *right = *(const struct watch_found *const *)b;

    return strcmp(left->target, right->target);
}

/* What a lost ledger put there last: if it is not what the target has, nobody knows what is. */
static GHashTable *newest_of(const GPtrArray *all)
{
    g_autoptr(GHashTable) by_target = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTable *newest = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    gpointer piece;

    for (guint i = 0; i < all->len; i++) {
        const struct watch_lost *lost = all->pdata[i];
        for (guint j = 0; j < lost->pieces->len; j++) {
            struct watch_found *each = lost->pieces->pdata[j];
            const struct watch_found *other = g_hash_table_lookup(by_target, each->target);
            if (!other || each->at > other->at)
                g_hash_table_replace(by_target, each->target, each);
        }
    }
    g_hash_table_iter_init(&iter, by_target);
    while (g_hash_table_iter_next(&iter, NULL, &piece))
        g_hash_table_add(newest, piece);
    return newest;
}

static GPtrArray *pieces_of(GHashTable *newest)
{
    GPtrArray *pieces = g_ptr_array_new();
    GHashTableIter iter;
    gpointer piece;

    g_hash_table_iter_init(&iter, newest);
    while (g_hash_table_iter_next(&iter, NULL, &piece))
        g_ptr_array_add(pieces, piece);
    g_ptr_array_sort(pieces, by_target);
    return pieces;
}

static struct roll_error *find_release(struct recovering *recovering,
                                       const struct watch_acceptance *like,
                                       const struct known **ret_known)
{
    g_autofree char *key = key_of(like->pieces->pdata[0]);
    const char *release = release_of(like->pieces->pdata[0]);
    g_autoptr(GPtrArray) pieces = NULL;
    struct watch_acceptance acceptance = *like;

    *ret_known = g_hash_table_lookup(recovering->releases, key);
    if (*ret_known)
        return NULL;
    pieces = pieces_of(g_hash_table_lookup(recovering->by_release, key));
    acceptance.pieces = pieces;
    ROLL_TRY(watch_accept_release(&acceptance, release));
    struct known *known = g_new0(struct known, 1);
    known->release = g_strdup(release);
    known->version = acceptance.version;
    g_strlcpy(known->manifest, acceptance.manifest, sizeof known->manifest);
    g_hash_table_insert(recovering->releases, g_steal_pointer(&key), known);
    *ret_known = known;
    return NULL;
}

/* A mark holds under the release's own name, and under the names that it was recovered with. */
static char **names_of(const struct recovering *recovering, char **versions)
{
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    for (char **version = versions; version && *version; version++) {
        g_ptr_array_add(names, g_strdup(*version));
        g_hash_table_iter_init(&iter, recovering->releases);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
            const struct known *known = value;
            if (strcmp(known->release, *version) == 0 && strcmp(known->version, *version) != 0)
                g_ptr_array_add(names, g_strdup(known->version));
        }
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

/* ---- one rollout ----------------------------------------------------------------------------- */

static json_t *unrecovered(const struct watch_lost *lost, const char *release, const char *why)
{
    return json_pack("{s:s,s:s*,s:s}", "name", lost->name, "release", release, "error", why);
}

/* What it lacks keeps none of the others; what counts by now is done. */
static struct roll_error *forgive(const struct watch_lost *lost, const char *release,
                                  struct roll_error *err, json_t **ret_one)
{
    enum roll_code code = roll_error_code(err);

    if (code != ROLL_E_REFUSED && code != ROLL_E_TEMPLATE && code != ROLL_E_INVALID &&
        code != ROLL_E_NOT_FOUND && code != ROLL_E_NOTHING)
        return err;
    if (code != ROLL_E_NOTHING)
        *ret_one = unrecovered(lost, release, err->message);
    roll_error_free(err);
    return NULL;
}

static struct roll_error *recover_part(struct recovering *recovering,
                                       struct watch_acceptance *acceptance, json_t **ret_one)
{
    const struct watch_lost *lost = acceptance->lost;
    const struct known *known = NULL;
    g_auto(GStrv) bad = NULL;
    g_auto(GStrv) lifts = NULL;

    ROLL_TRY(find_release(recovering, acceptance, &known));
    bad = names_of(recovering, lost->bad);
    lifts = names_of(recovering, lost->lifts);
    acceptance->bad = bad;
    acceptance->lifts = lifts;
    acceptance->version = known->version;
    g_strlcpy(acceptance->manifest, known->manifest, sizeof acceptance->manifest);
    struct roll_error *err = watch_accept(acceptance, ret_one);
    acceptance->version = NULL;
    acceptance->bad = acceptance->lifts = NULL;
    ROLL_TRY(err);
    if (lost->failed)
        json_object_set_new(*ret_one, "failed", json_string(lost->failed));
    if (lost->kind)
        json_object_set_new(*ret_one, "kind", json_string(lost->kind));
    return NULL;
}

static void array_free(void *array)
{
    g_ptr_array_unref(array);
}

/* Its targets may have got different releases, or templates of one: each is a part. */
static GPtrArray *parts_of(const struct watch_lost *lost)
{
    g_autoptr(GHashTable) by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GPtrArray *parts = g_ptr_array_new_with_free_func(array_free);

    for (guint i = 0; i < lost->pieces->len; i++) {
        const struct watch_found *piece = lost->pieces->pdata[i];
        char *key = key_of(piece);
        GPtrArray *part = g_hash_table_lookup(by_key, key);
        if (part || piece->accepted) {
            g_free(key);
        } else {
            part = g_ptr_array_new();
            g_ptr_array_add(parts, part);
            g_hash_table_insert(by_key, key, part);
        }
        if (part && !piece->accepted)
            g_ptr_array_add(part, lost->pieces->pdata[i]);
    }
    return parts;
}

static struct roll_error *recover(struct recovering *recovering, struct watch_lost *lost)
{
    g_autofree char *reason = g_strdup_printf("recovered from the tags of %s%s%s", lost->name,
                                              lost->kind ? ": " : "", lost->kind ? lost->kind : "");
    g_autoptr(GPtrArray) parts = parts_of(lost);
    bool first = true;

    lost->hold = lost->hold && recovering->alone;
    lost->partial = lost->partial || parts->len > 1;
    for (guint i = 0; i < parts->len; i++) {
        GPtrArray *pieces = parts->pdata[i];
        struct watch_acceptance acceptance = {.options = recovering->adopting->options,
                                              .stream = recovering->adopting->stream,
                                              .name = lost->name,
                                              .reason = reason,
                                              .traces = recovering->traces,
                                              .newest = recovering->newest,
                                              .pieces = pieces,
                                              .lost = lost,
                                              .first = first};
        json_t *one = NULL;
        struct roll_error *err = recover_part(recovering, &acceptance, &one);
        first = first && err;
        ROLL_TRY(forgive(lost, release_of(pieces->pdata[0]), err, &one));
        if (one)
            json_array_append_new(recovering->done, one);
    }
    return NULL;
}

/* ---- whether --------------------------------------------------------------------------------- */

static struct roll_error *see_rollout(void *user, const struct roll_rollout_row *row)
{
    if (strcmp(row->kind, "adopted") == 0)
        return NULL;
    *(bool *)user = true;
    return roll_error_new(ROLL_E_NOTHING, "one is enough");
}

static struct roll_error *has_own(const struct watch_adopting *adopting, bool *ret_own)
{
    const struct roll_rollout_query query = {.stream = adopting->stream};
    struct roll_error *err =
        roll_ledger_rollouts(adopting->options->ledger, &query, see_rollout, ret_own);

    if (!*ret_own)
        return err;
    roll_error_free(err);
    return NULL;
}

/* Why it cannot be now, or NULL. A rollout of which a part was not read would be told wrong, and
 * its release would be made twice. */
static const char *obstacle(const struct watch_adopting *adopting, bool own)
{
    const struct roll_adopt_options *options = adopting->options;

    if (options->targets)
        return "only some targets were asked for: run it without --target";
    if (options->since_ms)
        return "only what is newer was asked for: run it without --since";
    if (adopting->unread)
        return "the history of a target cannot be read: a part of them may be missing";
    if (own && !options->recover)
        return "this ledger has rollouts of its own: run it with --recover if the other one is "
               "lost, 'roll ledger sync' if it is not";
    return NULL;
}

static guint count_open(const GPtrArray *all)
{
    guint count = 0;

    for (guint i = 0; i < all->len; i++)
        count += watch_lost_is_open(all->pdata[i]);
    return count;
}

/* What a ledger knows and no tag says, and how it is said again. */
static json_t *not_told(const struct watch_adopting *adopting)
{
    const char *environment = adopting->options->environment->name;
    json_t *list = json_array();
    const struct {
        const char *what, *how;
    } rows[] = {
        {"what a person marked bad", "roll mark VERSION bad --reason TEXT"},
        {"whether checks of the last rollout passed", "roll mark VERSION bad --reason TEXT"},
        {"a person's hold", "roll hold %s --reason TEXT"},
        {"a data floor that a person set", "roll mark %s floor N --reason TEXT"},
        {"approvals, reasons, debts and who asked",
         "roll ledger import EXPORT, or roll ledger sync, where either is left"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *mark = strstr(rows[i].how, "%s");
        g_autofree char *how = mark ? g_strdup_printf("%.*s%s%s", (int)(mark - rows[i].how),
                                                      rows[i].how, environment, mark + 2)
                                    : g_strdup(rows[i].how);
        json_array_append_new(list, json_pack("{s:s,s:s}", "what", rows[i].what, "how", how));
    }
    return list;
}

static struct roll_error *recover_all(struct recovering *recovering)
{
    for (guint i = 0; i < recovering->all->len; i++)
        ROLL_TRY(recover(recovering, recovering->all->pdata[i]));
    return NULL;
}

static struct roll_error *decide(const struct watch_adopting *adopting, const GPtrArray *all,
                                 bool own, json_t *report, bool *ret_go)
{
    const struct roll_adopt_options *options = adopting->options;
    const char *why = obstacle(adopting, own);
    json_t *recovery = json_pack("{s:I}", "rollouts", (json_int_t)count_open(all));
    struct roll_error *err = NULL;

    json_object_set_new(report, "recovery", recovery);
    if (!why && options->may_recover)
        err = options->may_recover(options->may_user);
    if (why || roll_error_code(err) == ROLL_E_REFUSED) {
        json_object_set_new(recovery, "waits", json_string(why ? why : err->message));
        json_object_set_new(recovery, "refused", json_boolean(!why));
        roll_error_free(err);
        return NULL;
    }
    ROLL_TRY(err);
    json_object_set_new(recovery, "notTold", not_told(adopting));
    *ret_go = true;
    return NULL;
}

struct roll_error *watch_recover(const struct watch_adopting *adopting, json_t *report)
{
    g_autoptr(GHashTable) releases =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    g_autoptr(GHashTable) by_release = NULL;
    g_autoptr(GHashTable) newest = NULL;
    g_autoptr(GPtrArray) found = NULL;
    g_autoptr(GPtrArray) all = NULL;
    roll_auto(watch_traces) struct watch_traces *traces = NULL;
    bool go = false, own = false;

    ROLL_TRY(watch_found_read(adopting->options, adopting->stream, &found));
    all = watch_lost_group(adopting->options, adopting->stream, found);
    if (count_open(all) == 0)
        return NULL;
    watch_lost_conclude(all);
    ROLL_TRY(has_own(adopting, &own));
    ROLL_TRY(decide(adopting, all, own, report, &go));
    if (!go)
        return NULL;
    by_release = gather_all(all);
    newest = newest_of(all);
    traces = watch_traces_new(adopting, found);
    struct recovering recovering = {.adopting = adopting,
                                    .all = all,
                                    .by_release = by_release,
                                    .releases = releases,
                                    .traces = traces,
                                    .newest = newest,
                                    .alone = !own,
                                    .done = json_object_get(report, "recovered")};
    return recover_all(&recovering);
}

/* Each rollout once, whatever the number of its targets. */
static gint64 count_found(const struct watch_adopting *adopting)
{
    g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < adopting->entries->len; i++) {
        const struct watch_entry *entry = adopting->entries->pdata[i];
        if (entry->class != WATCH_RECOVERED &&
            !(entry->proved && entry->class == WATCH_KNOWN && !entry->accepted))
            continue;
        g_hash_table_add(
            keys, g_strdup_printf(
                      "%s#%s", json_string_value(roll_json_get_nocase(entry->tags, "roll-ledger")),
                      json_string_value(roll_json_get_nocase(entry->tags, "roll-seq"))));
    }
    return g_hash_table_size(keys);
}

struct roll_error *watch_recover_forecast(const struct watch_adopting *adopting, json_t *report)
{
    gint64 count = count_found(adopting);
    bool own = false;

    if (count == 0)
        return NULL;
    ROLL_TRY(has_own(adopting, &own));
    json_object_set_new(
        report, "recovery",
        json_pack("{s:I,s:s*}", "rollouts", (json_int_t)count, "waits", obstacle(adopting, own)));
    return NULL;
}
