/* Reads the projections of one environment. Rows are copied, since they live only during their
 * callback and one question leads to the next; what was asked once is kept. */
#include "release/history.h"

#include <inttypes.h>

#include "release/book.h"
#include "rollbook/text.h"

struct roll_error *release_stop(void)
{
    return roll_error_new(ROLL_E_FOUND, "enough was read");
}

struct roll_error *release_stopped(struct roll_error *err)
{
    if (roll_error_code(err) != ROLL_E_FOUND)
        return err;
    roll_error_free(err);
    return NULL;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void free_held(gpointer data)
{
    struct release_held *held = data;
    g_free(held->name);
    g_free(held->release);
    g_free(held->accepted_release);
    g_free(held);
}

static void free_info(gpointer data)
{
    struct release_info *info = data;
    g_free(info->version);
    g_free(info->manifest);
    g_free(info->commit);
    g_free(info->base);
    g_free(info->mark_reason);
    g_free(info);
}

static void free_book(gpointer data)
{
    release_book_free(data);
}

static void free_order(gpointer data)
{
    release_known_order_free(data);
}

void release_rollout_free(struct release_rollout *rollout)
{
    if (!rollout)
        return;
    g_free(rollout->kind);
    g_free(rollout->state);
    g_free(rollout->release);
    g_hash_table_unref(rollout->touched);
    g_free(rollout);
}

void release_history_free(struct release_history *history)
{
    if (!history)
        return;
    g_free(history->service);
    g_free(history->environment);
    g_free(history->stream);
    g_free(history->live);
    g_free(history->last_good);
    g_free(history->hold_reason);
    g_hash_table_unref(history->by_name);
    g_ptr_array_unref(history->targets);
    g_hash_table_unref(history->infos);
    g_hash_table_unref(history->succeeded);
    g_hash_table_unref(history->failed);
    g_hash_table_unref(history->books);
    g_hash_table_unref(history->orders);
    g_free(history);
}

static struct release_history *history_new(struct roll_ledger *ledger, const char *service,
                                           const char *environment)
{
    struct release_history *history = g_new0(struct release_history, 1);
    history->ledger = ledger;
    history->service = g_strdup(service);
    history->environment = g_strdup(environment);
    history->stream = release_stream_name(service, environment);
    history->targets = g_ptr_array_new_with_free_func(free_held);
    history->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    history->infos = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_info);
    history->succeeded = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    history->failed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    history->books = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_book);
    history->orders = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_order);
    return history;
}

/* ---- the environment ------------------------------------------------------------------------- */

static struct roll_error *take_environment(void *user, const struct roll_environment_row *row)
{
    struct release_history *history = user;
    history->live = g_strdup(row->live);
    history->last_good = g_strdup(row->last_good);
    history->hold = row->hold;
    history->hold_by_person = row->hold_by_person;
    history->hold_reason = g_strdup(row->hold_reason);
    history->hold_rollout = row->hold_rollout;
    history->open_rollout = row->open_rollout;
    return NULL;
}

static struct roll_error *take_target(void *user, const struct roll_target_row *row)
{
    struct release_history *history = user;
    struct release_held *held = g_new0(struct release_held, 1);
    held->name = g_strdup(row->target);
    held->release = row->dirty ? NULL : g_strdup(row->release);
    held->accepted_release = g_strdup(row->accepted_release);
    held->rollout = row->rollout;
    held->dirty = row->dirty;
    held->dirty_rollout = row->dirty_rollout;
    held->accepted_rollout = row->accepted_rollout;
    held->floor = row->floor;
    g_ptr_array_add(history->targets, held);
    g_hash_table_insert(history->by_name, held->name, held);
    return NULL;
}

struct roll_error *release_history_read(struct roll_ledger *ledger, const char *service,
                                        const char *environment,
                                        struct release_history **ret_history)
{
    roll_auto(release_history) struct release_history *history =
        history_new(ledger, service, environment);
    /* The heads first: whatever is appended while the rest is read makes the append of the choice a
     * conflict. */
    ROLL_TRY(roll_ledger_head(ledger, history->stream, &history->head));
    ROLL_TRY(roll_ledger_head(ledger, service, &history->service_head));
    ROLL_TRY(roll_ledger_environments(ledger, history->stream, take_environment, history));
    ROLL_TRY(roll_ledger_targets(ledger, history->stream, NULL, take_target, history));
    *ret_history = g_steal_pointer(&history);
    return NULL;
}

const struct release_held *release_history_held(const struct release_history *history,
                                                const char *target)
{
    return g_hash_table_lookup(history->by_name, target);
}

/* ---- releases -------------------------------------------------------------------------------- */

static struct roll_error *take_info(void *user, const struct roll_release_row *row)
{
    struct release_info **ret_info = user;
    struct release_info *info = g_new0(struct release_info, 1);
    info->version = g_strdup(row->version);
    info->manifest = g_strdup(row->manifest);
    info->commit = g_strdup(row->commit);
    info->base = g_strdup(row->base);
    info->mark_reason = g_strdup(row->reason);
    info->marked_bad = g_strcmp0(row->verdict, "bad") == 0;
    info->seq = row->seq;
    info->data_version = row->data_version;
    info->data_floor = row->data_floor;
    *ret_info = info;
    return NULL;
}

struct roll_error *release_history_info(struct release_history *history, const char *version,
                                        const struct release_info **ret_info)
{
    struct release_info *info = g_hash_table_lookup(history->infos, version);
    if (!info) {
        ROLL_TRY(release_row(history->ledger, history->service, version, take_info, &info));
        g_hash_table_insert(history->infos, info->version, info);
        const char *where = NULL;
        ROLL_TRY(roll_ledger_bad(history->ledger, history->stream, version, &where));
        info->bad = !where                       ? RELEASE_NOT_BAD
                    : strcmp(where, "here") == 0 ? RELEASE_IS_BAD_HERE
                                                 : RELEASE_IS_BAD_SERVICE;
    }
    *ret_info = info;
    return NULL;
}

static struct roll_error *find_book(struct release_history *history, const char *version,
                                    const struct release_book **ret_book)
{
    struct release_book *book = g_hash_table_lookup(history->books, version);

    if (!book) {
        const struct release_info *info = NULL;
        ROLL_TRY(release_history_info(history, version, &info));
        ROLL_TRY(release_book_read(history->ledger, info->manifest, history->environment, &book));
        g_hash_table_insert(history->books, g_strdup(version), book);
    }
    *ret_book = book;
    return NULL;
}

struct roll_error *release_history_manifest(struct release_history *history, const char *version,
                                            const json_t **ret_manifest)
{
    const struct release_book *book = NULL;

    ROLL_TRY(find_book(history, version, &book));
    *ret_manifest = release_book_head(book);
    return NULL;
}

struct roll_error *release_history_entry(struct release_history *history, const char *version,
                                         const char *target, json_t **ret_entry)
{
    const struct release_book *book = NULL;

    ROLL_TRY(find_book(history, version, &book));
    return release_book_entry(book, history->environment, target, ret_entry);
}

struct roll_error *release_history_names(struct release_history *history, const char *version,
                                         const GPtrArray **ret_names)
{
    const struct release_book *book = NULL;

    ROLL_TRY(find_book(history, version, &book));
    *ret_names = release_book_names(book, history->environment);
    return NULL;
}

struct roll_error *release_history_facts(struct release_history *history, const char *version,
                                         int64_t floor, const char *floor_target,
                                         struct release_facts *ret_facts)
{
    const struct release_info *info = NULL;
    ROLL_TRY(release_history_info(history, version, &info));
    bool succeeded = false;
    ROLL_TRY(release_history_succeeded(history, version, &succeeded));
    *ret_facts = (struct release_facts){
        .succeeded = succeeded,
        .bad = info->bad,
        .bad_reason = info->bad == RELEASE_IS_BAD_SERVICE ? info->mark_reason : NULL,
        .data_version = info->data_version,
        .floor = floor,
        .floor_target = floor_target,
    };
    return NULL;
}

struct safe_row {
    char *version;
    int64_t seq;
};
struct safe_query {
    GArray *rows;
    int64_t floor, wanted_seq;
    const char *wanted;
};

static struct roll_error *take_safe(void *user, const struct roll_release_row *row)
{
    struct safe_query *query = user;
    if (strcmp(row->version, query->wanted) == 0)
        query->wanted_seq = row->seq;
    else if (row->data_version >= query->floor && g_strcmp0(row->verdict, "bad") != 0) {
        struct safe_row safe = {g_strdup(row->version), row->seq};
        g_array_append_val(query->rows, safe);
    }
    return NULL;
}

static int by_distance(const void *a, const void *b, void *user)
{
    const struct safe_row *left = a, *right = b;
    int64_t wanted = *(const int64_t *)user;
    int64_t far_left = ABS(left->seq - wanted), far_right = ABS(right->seq - wanted);
    if (far_left != far_right)
        return far_left < far_right ? -1 : 1;
    return left->seq > right->seq ? -1 : 1;
}

static void clear_safe(void *row)
{
    g_free(((struct safe_row *)row)->version);
}

struct roll_error *release_history_nearest_safe(struct release_history *history, const char *wanted,
                                                int64_t floor, char **ret_version)
{
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct safe_row));
    g_array_set_clear_func(rows, clear_safe);
    struct safe_query query = {.rows = rows, .floor = floor, .wanted = wanted};
    ROLL_TRY(roll_ledger_releases(history->ledger, history->service, take_safe, &query));
    g_array_sort_with_data(rows, by_distance, &query.wanted_seq);
    const char *safe = NULL;
    for (guint i = 0; i < rows->len; i++) {
        const char *version = g_array_index(rows, struct safe_row, i).version;
        struct release_facts facts;
        ROLL_TRY(release_history_facts(history, version, floor, NULL, &facts));
        enum release_verdict verdict = release_eligible(&facts, NULL);
        if (verdict == RELEASE_ELIGIBLE) {
            safe = version;
            break;
        }
        if (verdict == RELEASE_NEVER_HERE && facts.bad == RELEASE_NOT_BAD && !safe)
            safe = version;
    }
    *ret_version = g_strdup(safe);
    return NULL;
}

/* ---- successes ------------------------------------------------------------------------------- */

static void free_success(gpointer data)
{
    struct release_success *success = data;
    g_free(success->release);
    g_free(success);
}

struct success_list {
    const struct release_success_query *query;
    GPtrArray *successes;
    GHashTable *seen; /* release -> struct release_success *, borrowed */
};

static struct roll_error *take_success(void *user, const struct roll_success_row *row)
{
    struct success_list *list = user;
    const struct release_success_query *query = list->query;
    if (!row->release || (query->until && row->at > query->until) ||
        (query->skip_rollout && row->rollout == query->skip_rollout))
        return NULL;
    struct release_success *success = g_hash_table_lookup(list->seen, row->release);
    if (success) {
        success->good |= row->good;
        return NULL;
    }
    success = g_new0(struct release_success, 1);
    success->release = g_strdup(row->release);
    success->rollout = row->rollout;
    success->at = row->at;
    success->adopted = row->adopted;
    success->good = row->good;
    g_ptr_array_add(list->successes, success);
    g_hash_table_insert(list->seen, success->release, success);
    return query->limit && list->successes->len >= query->limit ? release_stop() : NULL;
}

struct roll_error *release_history_successes(struct release_history *history,
                                             const struct release_success_query *query,
                                             GPtrArray **ret_successes)
{
    g_autoptr(GPtrArray) successes = g_ptr_array_new_with_free_func(free_success);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    struct success_list list = {query, successes, seen};
    ROLL_TRY(release_stopped(roll_ledger_successes(history->ledger, history->stream, query->target,
                                                   take_success, &list)));
    *ret_successes = g_steal_pointer(&successes);
    return NULL;
}
