/* A scope's deployment history holds 800 entries, and ARM trims it by itself unless a lock or a
 * missing right keeps it from doing so (REST reference 8.3). Then this tool's own oldest entries
 * are deleted: named `roll-…`, tagged with this ledger, ended, and not of the last releases.
 *
 * What was deleted is recorded when it is known to be gone. A record at ARM is no evidence that
 * this tool needs: a crash in between loses nothing. */
#include "driver.h"

#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"

#define BATCH 25 /* entries in one go: deletions are counted as writes are */
#define AT_ONCE 5
#define RETAIN 10
#define APPEND_TRIES 5

struct entry {
    char *name;
    int64_t at;
};

struct roll_trim {
    struct roll_send *send;
    struct roll_arm *arm;
    struct roll_arm_scope scope; /* borrowed from the target */
    roll_history_fn done;
    void *user;
    GPtrArray *entries; /* struct entry *, oldest first */
    guint next;         /* to be deleted */
    guint under_way;
    GPtrArray *gone; /* names, owned */
    char *problem;   /* ARM's words about the first that could not be deleted */
    bool locked;
    GHashTable *kept;      /* "STREAM\nRELEASE" */
    GHashTable *streams;   /* that kept was read for */
    GHashTable *deletions; /* struct deletion *, under way, owned */
};

struct deletion {
    struct roll_trim *trim;
    char *name;
};

static void deletion_free(gpointer data)
{
    struct deletion *deletion = data;

    g_free(deletion->name);
    g_free(deletion);
}

static void entry_free(gpointer data)
{
    struct entry *entry = data;

    g_free(entry->name);
    g_free(entry);
}

void roll_trim_free(struct roll_trim *trim)
{
    if (!trim)
        return;
    g_hash_table_unref(trim->deletions);
    g_ptr_array_unref(trim->entries);
    g_ptr_array_unref(trim->gone);
    g_hash_table_unref(trim->kept);
    g_hash_table_unref(trim->streams);
    g_free(trim->problem);
    g_free(trim);
}

static void end(struct roll_trim *trim, const char *problem)
{
    trim->done(trim->user, problem); /* who asked frees it */
}

/* ---- what is kept --------------------------------------------------------------------------- */

struct keeping {
    struct roll_trim *trim;
    const char *stream;
    GHashTable *seen; /* releases */
    guint retain;
};

static void keep(struct keeping *keeping, const char *release)
{
    if (release)
        g_hash_table_add(keeping->trim->kept, g_strdup_printf("%s\n%s", keeping->stream, release));
}

static struct roll_error *keep_rollout(void *user, const struct roll_rollout_row *row)
{
    struct keeping *keeping = user;

    if (row->release && g_hash_table_size(keeping->seen) < keeping->retain) {
        g_hash_table_add(keeping->seen, g_strdup(row->release));
        keep(keeping, row->release);
    }
    return NULL;
}

/* Live ones, and those that the next rollback would return to. */
static struct roll_error *keep_target(void *user, const struct roll_target_row *row)
{
    keep(user, row->release);
    keep(user, row->accepted_release);
    return NULL;
}

static struct roll_error *keep_success(void *user, const struct roll_success_row *row)
{
    struct keeping *keeping = user;

    if (g_hash_table_size(keeping->seen) < keeping->retain) {
        g_hash_table_add(keeping->seen, g_strdup(row->release));
        keep(keeping, row->release);
    }
    return NULL;
}

static struct roll_error *read_kept(struct roll_trim *trim, const char *stream)
{
    struct roll_driver *driver = trim->send->driver;
    struct roll_ledger *ledger = driver->options->ledger;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) good = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint retain = driver->options->retain > 0 ? (guint)driver->options->retain : RETAIN;
    struct keeping keeping = {trim, stream, seen, retain};
    struct roll_rollout_query query = {.stream = stream};

    if (!g_hash_table_add(trim->streams, g_strdup(stream)))
        return NULL;
    ROLL_TRY(roll_ledger_rollouts(ledger, &query, keep_rollout, &keeping));
    ROLL_TRY(roll_ledger_targets(ledger, stream, NULL, keep_target, &keeping));
    keeping.seen = good;
    return roll_ledger_successes(ledger, stream, NULL, keep_success, &keeping);
}

static bool is_kept(struct roll_trim *trim, const char *stream, const char *release)
{
    g_autofree char *key = g_strdup_printf("%s\n%s", stream, release);
    struct roll_error *err = read_kept(trim, stream);
    bool unreadable = err != NULL;

    roll_error_free(err); /* what cannot be told is kept */
    return unreadable || g_hash_table_contains(trim->kept, key);
}

/* ---- which ones ----------------------------------------------------------------------------- */

static bool is_ours(struct roll_trim *trim, const json_t *item, const char *name)
{
    const json_t *tags = roll_json_get_nocase(item, "tags");
    const char *ledger = json_string_value(roll_json_get_nocase(tags, "roll-ledger"));
    const char *stream = json_string_value(roll_json_get_nocase(tags, "roll-stream"));
    const char *release = json_string_value(roll_json_get_nocase(tags, "roll-release"));

    return g_str_has_prefix(name, "roll-") && ledger && stream && release &&
           strcmp(ledger, roll_ledger_id(trim->send->driver->options->ledger)) == 0 &&
           !is_kept(trim, stream, release);
}

static void consider(struct roll_trim *trim, const json_t *item)
{
    const char *name = json_string_value(roll_json_get_nocase(item, "name"));
    const json_t *properties = roll_json_get_nocase(item, "properties");
    const char *state = json_string_value(roll_json_get_nocase(properties, "provisioningState"));
    const char *at = json_string_value(roll_json_get_nocase(properties, "timestamp"));
    int64_t at_ms = 0;

    if (!name || !at || !roll_arm_state_is_final(state) || !is_ours(trim, item, name))
        return;
    roll_auto(error) struct roll_error *err = roll_time_parse(at, &at_ms);
    if (err)
        return;
    struct entry *entry = g_new0(struct entry, 1);
    entry->name = g_strdup(name);
    entry->at = at_ms;
    g_ptr_array_add(trim->entries, entry);
}

static gint by_age(gconstpointer a, gconstpointer b)
{
    const struct entry *left = *(const struct entry *const *)a,
                       *right = *(const struct entry *const *)b;

    if (left->at != right->at)
        return left->at < right->at ? -1 : 1;
    return strcmp(left->name, right->name);
}

/* ---- recording ------------------------------------------------------------------------------ */

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct roll_error *append_once(struct roll_trim *trim,
                                      const struct roll_history_deleted *body)
{
    struct roll_driver *driver = trim->send->driver;
    struct roll_expect expect = {.stream = driver->stream, .head = driver->head};
    struct roll_draft draft = {
        .stream = driver->stream, .kind = ROLL_EVENT_history_deleted, .body = body};

    return roll_ledger_append(driver->options->ledger, &driver->actor, 0, &expect, 1, &draft, 1,
                              NULL, 0, NULL);
}

static struct roll_error *record(struct roll_trim *trim)
{
    struct roll_driver *driver = trim->send->driver;
    struct roll_history_deleted body = {.rollout = trim->send->rollout,
                                        .target = trim->send->target->name};
    struct roll_error *err = NULL;

    if (trim->gone->len == 0)
        return NULL;
    g_ptr_array_sort(trim->gone, by_name); /* not by who answered first */
    g_ptr_array_add(trim->gone, NULL);
    body.names = (char **)trim->gone->pdata;
    for (int i = 0; i < APPEND_TRIES; i++) {
        err = append_once(trim, &body);
        struct roll_error *read_err = roll_driver_catch_up(driver);
        if (read_err)
            return roll_error_join(err, read_err);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            return err;
        if (i + 1 < APPEND_TRIES)
            g_clear_pointer(&err, roll_error_free);
    }
    return err;
}

static void finish(struct roll_trim *trim)
{
    guint count = trim->gone->len;
    struct roll_error *err = record(trim);
    g_autofree char *problem = NULL;

    if (err)
        problem = g_strdup_printf("entries of ARM's history were deleted, but not recorded: %s",
                                  err->message);
    else if (count == 0)
        problem = g_strdup_printf("ARM's history of this scope is full: %s",
                                  trim->problem ? trim->problem
                                                : "it holds no entry of this ledger that is older "
                                                  "than the releases to retain");
    roll_error_free(err);
    end(trim, problem);
}

/* ---- locks ---------------------------------------------------------------------------------- */

static void add_lock(GString *text, const json_t *lock)
{
    const json_t *properties = roll_json_get_nocase(lock, "properties");
    const char *id = json_string_value(roll_json_get_nocase(lock, "id"));
    const char *name = json_string_value(roll_json_get_nocase(lock, "name"));
    const char *level = json_string_value(roll_json_get_nocase(properties, "level"));

    if (name && text->len < 500)
        g_string_append_printf(text, "%slock '%s' (%s) %s", text->len ? ", " : "", name,
                               level ? level : "?", id ? id : "");
}

/* ARM's refusal names the locked scope; people look for the lock. */
static void locks_seen(void *user, const struct roll_arm_reply *reply)
{
    struct roll_trim *trim = user;
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    const json_t *lock;

    if (reply->outcome == ROLL_ARM_OK)
        json_array_foreach (json_object_get(reply->body, "value"), index, lock)
            add_lock(text, lock);
    if (text->len > 0) {
        char *problem = g_strdup_printf("nothing can be deleted from it: %s; remove the lock, then "
                                        "'roll resume'",
                                        text->str);
        g_free(trim->problem);
        trim->problem = problem;
    }
    finish(trim);
}

static void look_for_locks(struct roll_trim *trim)
{
    g_autofree char *path = roll_arm_scope_path(&trim->scope);

    if (*path)
        roll_arm_locks(trim->arm, path, true, locks_seen, trim);
    else
        finish(trim);
}

/* ---- deleting ------------------------------------------------------------------------------- */

static void go_on(struct roll_trim *trim);

static void deletion_end(struct deletion *deletion, bool gone)
{
    struct roll_trim *trim = deletion->trim;

    trim->under_way--;
    if (gone)
        g_ptr_array_add(trim->gone, g_steal_pointer(&deletion->name));
    g_hash_table_remove(trim->deletions, deletion);
    go_on(trim);
}

static void looked(void *user, const struct roll_arm_reply *reply)
{
    deletion_end(user, reply->outcome == ROLL_ARM_NOT_FOUND);
}

static void deleted(void *user, const struct roll_arm_reply *reply)
{
    struct deletion *deletion = user;
    struct roll_trim *trim = deletion->trim;

    if (reply->outcome == ROLL_ARM_LOST) {
        roll_arm_exists(trim->arm, &trim->scope, deletion->name, looked, deletion);
        return;
    }
    if (reply->outcome != ROLL_ARM_OK && !trim->problem) {
        trim->problem = g_strdup_printf("'%s' cannot be deleted: %s", deletion->name,
                                        reply->message ? reply->message : "no answer");
        trim->locked = reply->code && g_ascii_strcasecmp(reply->code, "ScopeLocked") == 0;
        trim->next = trim->entries->len; /* the others would fare no better */
    }
    deletion_end(deletion, reply->outcome == ROLL_ARM_OK);
}

static void go_on(struct roll_trim *trim)
{
    while (trim->under_way < AT_ONCE && trim->next < trim->entries->len) {
        const struct entry *entry = g_ptr_array_index(trim->entries, trim->next++);
        struct deletion *deletion = g_new0(struct deletion, 1);
        deletion->trim = trim;
        deletion->name = g_strdup(entry->name);
        g_hash_table_add(trim->deletions, deletion);
        trim->under_way++;
        roll_arm_delete(trim->arm, &trim->scope, entry->name, deleted, deletion);
    }
    if (trim->under_way > 0)
        return;
    if (trim->locked && trim->gone->len == 0)
        look_for_locks(trim);
    else
        finish(trim);
}

static void listed(void *user, const struct roll_arm_reply *reply)
{
    struct roll_trim *trim = user;
    size_t index;
    const json_t *item;

    if (reply->outcome != ROLL_ARM_OK) {
        trim->problem = g_strdup_printf("it cannot be listed: %s",
                                        reply->message ? reply->message : "no answer");
        finish(trim);
        return;
    }
    json_array_foreach (json_object_get(reply->body, "value"), index, item)
        consider(trim, item);
    g_ptr_array_sort(trim->entries, by_age);
    if (trim->entries->len > BATCH)
        g_ptr_array_set_size(trim->entries, BATCH);
    go_on(trim);
}

struct roll_trim *roll_history_trim(struct roll_send *send, roll_history_fn done, void *user)
{
    struct roll_trim *trim = g_new0(struct roll_trim, 1);
    const struct roll_order_target *target = send->target;

    *trim = (struct roll_trim){
        .send = send,
        .arm = send->arm,
        .scope = {target->scope, target->subscription, target->resource_group,
                  target->management_group},
        .done = done,
        .user = user,
        .entries = g_ptr_array_new_with_free_func(entry_free),
        .gone = g_ptr_array_new_with_free_func(g_free),
        .kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .streams = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .deletions = g_hash_table_new_full(NULL, NULL, deletion_free, NULL),
    };
    roll_arm_list(send->arm, &trim->scope, 0, listed, trim);
    return trim;
}
