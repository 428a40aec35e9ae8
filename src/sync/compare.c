/* The ledger beside the store: the store is read as a whole, as a fresh machine would, and believed
 * no more than that. */
#include <string.h>

#include "sync/sync.h"

struct comparing {
    struct roll_ledger *here, *there;
    GString *text;
    int64_t behind, ahead;
};

static void say(struct comparing *comparing, const char *stream, const struct roll_head *here,
                const struct roll_head *there)
{
    g_string_append_printf(comparing->text,
                           "%s%s: event %" G_GINT64_FORMAT " (%.12s) here is not in the shared "
                           "store, which ends at event %" G_GINT64_FORMAT " (%.12s)",
                           comparing->text->len ? "\n" : "", stream, here->seq, here->hash,
                           there->seq, there->hash);
}

struct ending {
    struct roll_ledger *ledger;
    const char *stream;
    struct roll_head *head;
    int64_t waiting;
};

static struct roll_error *end_before(void *user, const struct roll_waiting *waiting)
{
    struct ending *ending = user;
    g_autoptr(GString) line = NULL;

    if (strcmp(waiting->stream, ending->stream) != 0 || waiting->first < 2)
        return NULL;
    ROLL_TRY(roll_ledger_line(ending->ledger, ending->stream, waiting->first - 1, &line));
    ending->head->seq = waiting->first - 1;
    roll_sha256_hex(line->str, line->len, ending->head->hash);
    ending->waiting = waiting->count;
    return NULL;
}

/* One of the two must be the beginning of the other; what waits for the store has no place in it.
 */
static struct roll_error *compare(struct comparing *comparing, const char *stream)
{
    roll_auto(event) struct roll_event *event = NULL;
    struct roll_head here, there;
    struct roll_remote remote;
    struct ending ending = {.ledger = comparing->here, .stream = stream, .head = &here};

    ROLL_TRY(roll_ledger_main_head(comparing->here, stream, &here));
    ROLL_TRY(roll_ledger_waiting(comparing->here, end_before, &ending));
    comparing->ahead += ending.waiting;
    ROLL_TRY(roll_ledger_main_head(comparing->there, stream, &there));
    ROLL_TRY(roll_ledger_remote(comparing->here, stream, &remote));
    if (there.seq < here.seq && there.seq >= remote.seq) {
        comparing->ahead += here.seq - there.seq;
        return NULL;
    }
    if (here.seq == 0 || there.seq < here.seq) {
        if (here.seq > 0)
            say(comparing, stream, &here, &there);
        return NULL;
    }
    g_autoptr(GString) line = NULL;
    char hash[ROLL_HEX_SIZE];
    ROLL_TRY(roll_ledger_line(comparing->there, stream, here.seq, &line));
    roll_sha256_hex(line->str, line->len, hash);
    if (strcmp(hash, here.hash) != 0)
        say(comparing, stream, &here, &there);
    comparing->behind += there.seq - here.seq;
    return NULL;
}

struct roll_error *roll_sync_compare(struct roll_sync *sync, struct roll_ledger *ledger,
                                     struct roll_sync_comparison *ret_comparison)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) streams = NULL;
    roll_auto(ledger) struct roll_ledger *whole = NULL;
    struct comparing comparing = {.here = ledger, .text = text};

    *ret_comparison = (struct roll_sync_comparison){0};
    ROLL_TRY(sync_check_store(sync, ledger)); /* else what was cut off is missed as contents only */
    ROLL_TRY(sync_count_lost(sync, ledger, &ret_comparison->lost));
    if (ret_comparison->lost)
        return NULL;
    ROLL_TRY(roll_ledger_rehearse(NULL, &whole));
    ROLL_TRY(roll_sync_pull(sync, whole, NULL));
    ret_comparison->empty = sync->report.empty;
    comparing.there = whole;
    ROLL_TRY(roll_ledger_streams(whole, &streams));
    for (char **stream = streams; *stream; stream++)
        ROLL_TRY(compare(&comparing, *stream));
    g_auto(GStrv) own = NULL;
    ROLL_TRY(roll_ledger_streams(ledger, &own));
    for (char **stream = own; *stream; stream++)
        if (!g_strv_contains((const char *const *)streams, *stream))
            ROLL_TRY(compare(&comparing, *stream));
    ret_comparison->behind = comparing.behind;
    ret_comparison->ahead = comparing.ahead;
    if (text->len)
        ret_comparison->parted = g_string_free(g_steal_pointer(&text), FALSE);
    return NULL;
}
