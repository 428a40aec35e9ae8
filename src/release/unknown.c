/* A version that nobody recorded: the answer names what may have been meant. */
#include "release/internal.h"
#include "rollbook/text.h"

static struct roll_error *take_version(void *user, const struct roll_release_row *row)
{
    g_ptr_array_add(user, g_strdup(row->version));
    return NULL;
}

/* ROLL_E_NOT_FOUND for a version that is not in the ledger, naming what may have been meant. */
static struct roll_error *unknown_version(struct roll_ledger *ledger, const char *service,
                                          const char *version)
{
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    ROLL_TRY(roll_ledger_releases(ledger, service, take_version, versions));
    if (!versions->len)
        return release_error_next(
            roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no release yet", service),
            g_strdup_printf("roll release %s", service), NULL);
    const char *newest = g_ptr_array_index(versions, 0);
    g_ptr_array_add(versions, NULL);
    const char *nearest = roll_text_nearest(version, (const char *const *)versions->pdata);
    if (nearest)
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no release '%s'; did you mean '%s'?",
                              service, version, nearest);
    return roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no release '%s'; its newest is '%s'", service,
                          version, newest);
}

struct roll_error *release_row(struct roll_ledger *ledger, const char *service, const char *version,
                               roll_release_fn fn, void *user)
{
    struct roll_error *err = roll_ledger_release(ledger, service, version, fn, user);
    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    return unknown_version(ledger, service, version);
}
