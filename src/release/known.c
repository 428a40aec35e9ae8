/* What the ledger knows of the releases that the one being made is compared with. */
#include "release/maker.h"

void release_known_clear(struct release_known *known)
{
    g_free(known->version);
    g_free(known->manifest);
    g_free(known->commit);
}

static struct roll_error *take_known(void *user, const struct roll_release_row *row)
{
    struct release_known *known = user;
    release_known_clear(known);
    *known = (struct release_known){g_strdup(row->version), g_strdup(row->manifest),
                                    g_strdup(row->commit), row->seq};
    return NULL;
}

/* known->version stays NULL when the ledger has no such release. */
static struct roll_error *find_known(struct release_maker *maker, const char *version,
                                     struct release_known *known)
{
    struct roll_error *err =
        roll_ledger_release(maker->ledger, maker->plan->service, version, take_known, known);
    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    return NULL;
}

struct roll_error *release_known_base(struct release_maker *maker, struct release_known *known)
{
    return roll_ledger_release(maker->ledger, maker->plan->service, maker->options->base,
                               take_known, known);
}

struct predecessor {
    int64_t before; /* the sequence number of the release whose predecessor is wanted, 0: it is not
                       recorded */
    struct release_known known;
    bool found;
};

static struct roll_error *take_predecessor(void *user, const struct roll_release_row *row)
{
    struct predecessor *predecessor = user;
    if (predecessor->found || (predecessor->before && row->seq >= predecessor->before))
        return NULL;
    predecessor->found = true;
    return take_known(&predecessor->known, row);
}

/* The changes are counted from the base, else from the release made before this one. */
struct roll_error *release_list_changes(struct release_maker *maker, int64_t recorded_seq)
{
    struct predecessor predecessor = {.before = recorded_seq};
    struct roll_error *err;
    if (maker->options->base)
        err = find_known(maker, maker->options->base, &predecessor.known);
    else
        err = roll_ledger_releases(maker->ledger, maker->plan->service, take_predecessor,
                                   &predecessor);
    if (!err)
        err = release_source_changes(maker, predecessor.known.commit);
    release_known_clear(&predecessor.known);
    return err;
}

static void forget_recorded(struct release_maker *maker)
{
    g_clear_pointer(&maker->recorded, json_decref);
    g_clear_pointer(&maker->recorded_book, release_book_free);
    g_clear_pointer(&maker->recorded_digest, g_free);
}

struct roll_error *release_load_recorded(struct release_maker *maker, int64_t *ret_seq)
{
    struct release_known known = {0};
    struct roll_error *err = find_known(maker, maker->version, &known);
    forget_recorded(maker);
    if (!err && known.manifest)
        err = release_book_read(maker->ledger, known.manifest, NULL, &maker->recorded_book);
    if (!err && known.manifest) {
        maker->recorded = json_incref((json_t *)(uintptr_t)release_book_head(maker->recorded_book));
        maker->recorded_digest = g_steal_pointer(&known.manifest);
    }
    *ret_seq = known.seq;
    release_known_clear(&known);
    return err;
}
