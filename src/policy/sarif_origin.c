/* What a scan report was made for: by the commit that was looked at, or the digest of the image.
 * Each run of a report answers for itself, since reports of several tools, and of several days, are
 * joined into one file. */
#include <string.h>

#include "policy/sarif.h"
#include "rollbook/json.h"

enum claim { CLAIM_NONE, CLAIM_OTHER, CLAIM_OURS };

/* A run may have looked at several repositories: one of them is ours, then. */
static enum claim claim_commit(const struct sarif_origin *origin, const json_t *run,
                               const char **ret_other)
{
    const char *commit = origin->options->commit;
    enum claim claim = CLAIM_NONE;
    size_t index;
    json_t *entry;

    json_array_foreach (json_object_get(run, "versionControlProvenance"), index, entry) {
        const char *revision = roll_json_get_string(entry, "revisionId");
        if (!revision)
            continue;
        *ret_other = revision;
        if (commit && g_ascii_strcasecmp(revision, commit) == 0)
            return CLAIM_OURS;
        claim = CLAIM_OTHER;
    }
    return claim;
}

/* One image has a digest for each registry that it was pulled from. */
static enum claim claim_digest(struct sarif_origin *origin, const json_t *run,
                               const char **ret_other)
{
    const char *const *digests = origin->options->digests;
    enum claim claim = CLAIM_NONE;
    size_t index;
    json_t *entry;

    json_array_foreach (json_object_get(json_object_get(run, "properties"), "repoDigests"), index,
                        entry) {
        const char *at = json_is_string(entry) ? strrchr(json_string_value(entry), '@') : NULL;
        if (!at)
            continue;
        if (digests && g_strv_contains(digests, at + 1)) {
            g_ptr_array_add(origin->seen, (gpointer)(uintptr_t)(at + 1));
            claim = CLAIM_OURS;
        } else if (claim == CLAIM_NONE) {
            *ret_other = json_string_value(entry);
            claim = CLAIM_OTHER;
        }
    }
    return claim;
}

static void doubt_unbound(struct sarif_origin *origin, const char *tool, const char *revision)
{
    if (origin->options->commit)
        sarif_doubt(origin->problem,
                    "%s does not say which commit it was made for (name the file by {commit} or "
                    "{version}, or let the tool write versionControlProvenance)",
                    tool);
    else if (revision)
        sarif_doubt(origin->problem,
                    "%s looked at commit %.12s, and the release has no commit of its own: its "
                    "report must name the new artifact's digest (repoDigests), or the file the "
                    "{version}",
                    tool, revision);
    else
        sarif_doubt(origin->problem,
                    "%s does not say which artifact it looked at, and the release has no commit of "
                    "its own: its report must name the new artifact's digest (repoDigests), or the "
                    "file the {version}",
                    tool);
}

void sarif_origin_see(struct sarif_origin *origin, const json_t *run, const char *tool)
{
    const struct roll_sarif_options *options = origin->options;
    const char *revision = NULL, *image = NULL;
    enum claim commit, digest;

    if (!origin->seen)
        origin->seen = g_ptr_array_new();
    commit = claim_commit(origin, run, &revision);
    digest = claim_digest(origin, run, &image);
    if (commit == CLAIM_OTHER && options->commit)
        sarif_doubt(origin->problem, "%s looked at commit %.12s, not at %.12s", tool, revision,
                    options->commit);
    else if (digest == CLAIM_OTHER)
        sarif_doubt(origin->problem, "%s looked at '%s', which is not in this release", tool,
                    image);
    else if (commit != CLAIM_OURS && digest != CLAIM_OURS && !options->named)
        doubt_unbound(origin, tool, revision);
}

static bool was_seen(const struct sarif_origin *origin, const char *digest)
{
    for (guint i = 0; origin->seen && i < origin->seen->len; i++)
        if (strcmp(g_ptr_array_index(origin->seen, i), digest) == 0)
            return true;
    return false;
}

void sarif_origin_end(struct sarif_origin *origin)
{
    const char *const *changed = origin->options->changed;

    for (; changed && *changed && !origin->options->named; changed++)
        if (!was_seen(origin, *changed))
            sarif_doubt(origin->problem, "no tool looked at %s, which this release changed",
                        *changed);
    if (origin->seen)
        g_ptr_array_unref(origin->seen);
    origin->seen = NULL;
}
