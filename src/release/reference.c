/* A tag, "latest" or a plain blob address can be given another content tomorrow; a release names
 * only what cannot. */
#include "release/reference.h"

#include <string.h>

#define DIGEST "[0-9a-fA-F]{64}"

struct kind {
    const char *name, *immutable, *identity, *shape;
};

/* identity: the first group is what counts when references are compared. */
static const struct kind kinds[] = {
    {"image", "@sha256:" DIGEST "$", "@(sha256:" DIGEST ")$", "NAME@sha256:DIGEST"},
    {"gallery-image", "(?i)/versions/[0-9]+\\.[0-9]+\\.[0-9]+$", "(?i)/versions/([0-9.]+)$",
     ".../images/NAME/versions/1.2.3"},
    {"", "(?i)[?&]versionid=[^&#]+|sha256[:=-]" DIGEST "|@" DIGEST,
     "(?i)([?&]versionid=[^&#]+|" DIGEST ")",
     "URL?versionid=ID, or a URL with sha256-DIGEST in it"},
};

static const struct kind *kind_of(const char *name)
{
    size_t i = 0;
    while (i + 1 < G_N_ELEMENTS(kinds) && g_strcmp0(kinds[i].name, name) != 0)
        i++;
    return &kinds[i];
}

bool release_reference_is_immutable(const char *kind, const char *reference)
{
    return g_regex_match_simple(kind_of(kind)->immutable, reference, 0, 0);
}

char *release_reference_identity(const char *kind, const char *reference)
{
    g_autoptr(GRegex) regex = g_regex_new(kind_of(kind)->identity, 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(regex, reference, 0, &match))
        return g_strdup(reference);
    g_autofree char *found = g_match_info_fetch(match, 1);
    return g_ascii_strdown(found, -1);
}

char *release_reference_complete(const char *kind, const char *name, const char *typed)
{
    bool image = g_strcmp0(kind, "image") == 0, digest = g_str_has_prefix(typed, "sha256:");
    return image && digest && name ? g_strconcat(name, "@", typed, NULL) : g_strdup(typed);
}

void release_reference_split(const char *reference, char **ret_name, char **ret_tag)
{
    const char *slash = strrchr(reference, '/');
    const char *colon = strrchr(slash ? slash : reference, ':');
    *ret_name = colon ? g_strndup(reference, (gsize)(colon - reference)) : g_strdup(reference);
    *ret_tag = g_strdup(colon && colon[1] ? colon + 1 : "latest");
}

const char *release_reference_shape(const char *kind)
{
    return kind_of(kind)->shape;
}
