/* Is it the store that this replica knows, and is all still there that was seen in it? A store that
 * was deleted, emptied, cut, restored from an older copy, or that plans/ledger.json names by
 * mistake is refused; the replica stays as it is. */
#include <string.h>

#include "rollbook/json.h"
#include "sync/sync.h"

/* next: commands and what they do, NULL-terminated. */
static struct roll_error *with_next(struct roll_error *err_take, const char *const *next)
{
    roll_auto(json) json_t *list = json_array(), *detail = json_object();
    g_autoptr(GString) text = g_string_new(NULL);

    for (; *next; next++)
        json_array_append_new(list, json_string(*next));
    json_object_set(detail, "next", list);
    roll_json_write(detail, text);
    return roll_error_detail(err_take, text->str);
}

static int64_t count_events(GHashTable *remotes)
{
    GHashTableIter iter;
    gpointer value;
    int64_t events = 0;

    g_hash_table_iter_init(&iter, remotes);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        events += ((const struct roll_remote *)value)->seq;
    return events;
}

/* ---- the container --------------------------------------------------------------------------- */

static struct roll_error *deleted(const struct roll_sync *sync, int64_t events,
                                  struct roll_error *err_take)
{
    g_autofree char *list = g_strdup_printf("az storage container list --account-name %s "
                                            "--include-deleted true   it may be restorable",
                                            sync->account);
    const char *const next[] = {
        list, "roll ledger export FILE   keeps what this machine has",
        "roll ledger init-store --replace   only when it is gone for good: begins a new one with "
        "what this machine has",
        NULL};

    roll_error_free(err_take);
    return with_next(
        roll_error_new(ROLL_E_DAMAGED,
                       "container '%s' of account '%s' is not there any more, and with it the "
                       "shared ledger, of which this replica knows %" G_GINT64_FORMAT
                       " events: it was deleted",
                       sync->container, sync->account, events),
        next);
}

struct roll_error *sync_no_container(struct roll_sync *sync, GHashTable *remotes,
                                     struct roll_error *err_take)
{
    static const char *const next[] = {
        "ask your team: where it shares a ledger already, plans/ledger.json is wrong, or the "
        "container was deleted",
        "roll ledger init-store   only for a team that begins now", NULL};

    return count_events(remotes) > 0 ? deleted(sync, count_events(remotes), err_take)
                                     : with_next(err_take, next);
}

/* ---- what was there must still be there ------------------------------------------------------ */

static struct roll_error *cut(const char *stream, int64_t seq, const char *how)
{
    static const char *const next[] = {"roll ledger verify", "roll ledger export FILE",
                                       "restore the container, or type roll ledger init-store "
                                       "--replace with a new 'key' in plans/ledger.json",
                                       NULL};

    return with_next(
        roll_error_new(ROLL_E_DAMAGED,
                       "the shared store %s '%s', of which this replica knows %" G_GINT64_FORMAT
                       " events: it was cut, emptied, or restored from an older copy",
                       how, stream, seq),
        next);
}

/* The store has another name than the one that was pulled, and does not have what was there. */
static struct roll_error *another(const struct roll_sync *sync, const char *name, const char *has)
{
    g_autofree char *correct =
        g_strdup_printf("correct storage_account_name, container_name or key in "
                        "plans/ledger.json: this replica was pulled from '%s'",
                        name);
    const char *const next[] = {correct,
                                "roll ledger init-store --replace   when the team moves there: "
                                "uploads what this machine has",
                                NULL};

    return with_next(roll_error_new(ROLL_E_CONFLICT,
                                    "this replica knows the shared ledger '%s', and "
                                    "plans/ledger.json names '%s' now, which %s",
                                    name, sync->name, has),
                     next);
}

static struct roll_error *check_streams(GHashTable *listed, GHashTable *remotes)
{
    GHashTableIter iter;
    gpointer name, value;

    g_hash_table_iter_init(&iter, remotes);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const struct roll_remote *remote = value;
        const struct listed *found = g_hash_table_lookup(listed, name);
        int64_t segment = remote->seq ? sync_segment_of(remote->seq) : 0;
        if (remote->seq == 0)
            continue;
        if (!found)
            return cut(name, remote->seq, "has no");
        if (found->segments < segment ||
            (found->segments == segment && found->length < remote->size))
            return cut(name, remote->seq, "has less of");
    }
    return NULL;
}

/* It may have been copied to where it is now: then it is the same ledger, with all that it had. */
static struct roll_error *check_name(struct roll_sync *sync, struct roll_ledger *ledger,
                                     GHashTable *listed, const char *name)
{
    g_autofree char *id = NULL, *stream = NULL;

    if (g_hash_table_size(listed) == 0)
        return another(sync, name, "is empty");
    ROLL_TRY(sync_read_owner(sync, &id, &stream));
    return g_strcmp0(id, roll_ledger_id(ledger)) == 0 ? NULL
                                                      : another(sync, name, "holds another ledger");
}

struct roll_error *sync_check_past(struct roll_sync *sync, struct roll_ledger *ledger,
                                   GHashTable *listed, GHashTable *remotes)
{
    struct roll_store_known known;
    struct roll_error *err = NULL;

    if (count_events(remotes) == 0)
        return NULL;
    ROLL_TRY(roll_ledger_store_known(ledger, &known));
    if (known.name && known.name[0] && strcmp(known.name, sync->name) != 0)
        err = check_name(sync, ledger, listed, known.name);
    roll_store_known_clear(&known);
    return err ? err : check_streams(listed, remotes);
}

/* ---- a new store ----------------------------------------------------------------------------- */

static struct roll_error *make_container(struct roll_sync *sync, bool *ret_made)
{
    roll_auto(answer) struct answer *answer = sync_answer_new(sync);

    roll_storage_create_container(sync->storage, sync_answered, answer);
    ROLL_TRY(sync_wait(sync, &answer));
    if (answer->outcome == ROLL_STORAGE_FORBIDDEN) {
        g_autofree char *make = g_strdup_printf(
            "az storage container create --account-name %s --name %s   by whoever may, then roll "
            "ledger sync",
            sync->account, sync->container);
        const char *const next[] = {
            make,
            "to make a container, a SAS of that container is not enough: ARM_ACCESS_KEY, or "
            "the role Storage Blob Data Contributor on the account",
            NULL};
        return with_next(sync_failed(answer, "making its container"), next);
    }
    if (answer->outcome != ROLL_STORAGE_OK && answer->outcome != ROLL_STORAGE_EXISTS)
        return sync_failed(answer, "making its container");
    *ret_made = answer->outcome == ROLL_STORAGE_OK;
    return NULL;
}

struct roll_error *sync_check_store(struct roll_sync *sync, struct roll_ledger *ledger)
{
    g_autoptr(GHashTable) remotes = NULL, listed = NULL;

    ROLL_TRY(roll_ledger_remotes(ledger, &remotes));
    struct roll_error *err = sync_list(sync, &listed);

    if (roll_error_code(err) == ROLL_E_NOT_FOUND)
        return sync_no_container(sync, remotes, err);
    return err ? err : sync_check_past(sync, ledger, listed, remotes);
}

static struct roll_error *check_empty(struct roll_sync *sync)
{
    static const char *const next[] = {"roll ledger sync", NULL};
    g_autoptr(GHashTable) listed = NULL;

    ROLL_TRY(sync_list(sync, &listed));
    if (g_hash_table_size(listed) == 0)
        return NULL;
    return with_next(roll_error_new(ROLL_E_CONFLICT,
                                    "'%s' holds a ledger already: nothing is replaced", sync->name),
                     next);
}

struct roll_error *roll_sync_init_store(struct roll_sync *sync, struct roll_ledger *ledger,
                                        bool replace, bool *ret_made)
{
    g_autoptr(GHashTable) remotes = NULL;

    if (ledger)
        ROLL_TRY(roll_ledger_remotes(ledger, &remotes));
    bool knows = remotes && count_events(remotes) > 0;
    *ret_made = false;
    if (knows && !replace)
        return sync_check_store(sync, ledger);
    ROLL_TRY(make_container(sync, ret_made));
    if (!knows)
        return NULL;
    ROLL_TRY(check_empty(sync));
    return roll_ledger_forget_store(ledger);
}
