/* Is everything that a target would be sent still in the ledger? Asked while a release is chosen:
 * a redacted object that is found out between two targets leaves an environment half-way. */
#include "release/chooser.h"

static bool there(struct release_chooser *chooser, const char *digest)
{
    if (!digest)
        return false;
    if (g_hash_table_contains(chooser->stored, digest))
        return true;
    if (!roll_ledger_has_object(chooser->history->ledger, digest) &&
        !release_blobs_has(chooser->choice->blobs, digest))
        return false;
    g_hash_table_add(chooser->stored, g_strdup(digest));
    return true;
}

/* ---- what else could be sent ----------------------------------------------------------------- */

static struct roll_error *is_whole(struct release_chooser *chooser, const char *version,
                                   const char *target, bool *ret_whole)
{
    const struct release_info *info = NULL;
    const json_t *manifest = NULL;
    *ret_whole = false;
    ROLL_TRY(release_history_info(chooser->history, version, &info));
    if (!there(chooser, info->manifest))
        return NULL;
    ROLL_TRY(release_history_manifest(chooser->history, version, &manifest));
    roll_auto(json) json_t *entry = NULL;
    ROLL_TRY(release_history_entry(chooser->history, version, target, &entry));
    *ret_whole = there(chooser, roll_json_get_string(manifest, "template")) &&
                 there(chooser, roll_json_get_string(entry, "parameters"));
    return NULL;
}

/* The newest other one that may be returned to; *ret_version NULL when there is none. Owned. */
static struct roll_error *next_whole(struct release_chooser *chooser, const char *version,
                                     const char *target, char **ret_version)
{
    const struct release_held *held = release_history_held(chooser->history, target);
    g_autoptr(GPtrArray) successes = NULL;
    const struct release_success_query query = {.limit = 0};
    ROLL_TRY(release_history_successes(chooser->history, &query, &successes));
    for (guint i = 0; i < successes->len && !*ret_version; i++) {
        const struct release_success *success = g_ptr_array_index(successes, i);
        enum release_verdict verdict = RELEASE_ADOPTED;
        bool whole = false;
        if (strcmp(success->release, version) == 0 ||
            g_strcmp0(success->release, held ? held->release : NULL) == 0)
            continue;
        if (!success->adopted)
            ROLL_TRY(release_chooser_verdict(chooser, success->release, &verdict, NULL));
        if (verdict == RELEASE_ELIGIBLE)
            ROLL_TRY(is_whole(chooser, success->release, target, &whole));
        if (whole)
            *ret_version = g_strdup(success->release);
    }
    return NULL;
}

/* ---- refusal --------------------------------------------------------------------------------- */

static struct roll_error *damaged(struct release_chooser *chooser, const char *version,
                                  const char *target, const char *what, const char *digest)
{
    g_autofree char *other = NULL;
    ROLL_TRY(next_whole(chooser, version, target, &other));
    return release_error_next(
        roll_error_new(ROLL_E_DAMAGED,
                       "'%s' cannot be sent to target '%s': the %s of '%s' (object %.12s) is "
                       "missing or redacted; %s%s%s",
                       version, target, what, version, digest ? digest : "-",
                       other ? "the next good release is '" : "no other good release is whole",
                       other ? other : "", other ? "'" : ""),
        other ? g_strdup_printf("roll back %s --to %s", chooser->history->stream, other)
              : g_strdup_printf("roll hotfix %s --artifact NAME=REF --reason TEXT",
                                chooser->history->stream),
        g_strdup("roll ledger verify"), NULL);
}

struct roll_error *release_check_manifest(struct release_chooser *chooser,
                                          const struct release_info *info, const char *target)
{
    if (there(chooser, info->manifest))
        return NULL;
    return damaged(chooser, info->version, target, "manifest", info->manifest);
}

struct roll_error *release_check_objects(struct release_chooser *chooser,
                                         const struct roll_order_target *target)
{
    if (!there(chooser, target->template_digest))
        return damaged(chooser, target->release, target->name, "template", target->template_digest);
    if (!there(chooser, target->parameters_digest))
        return damaged(chooser, target->release, target->name, "parameter object",
                       target->parameters_digest);
    return NULL;
}
