/* Templates that are linked by relative path come from the same commit and are recorded by digest.
 */
#include "release/maker.h"

#define MAX_LINKED_BYTES (4u << 20)

/* "infra/main.json" and "modules/a.json" give "infra/modules/a.json"; ".." is resolved here, git
 * refuses what leaves. */
static char *path_beside(const char *parent, const char *relative)
{
    g_autofree char *folder = g_path_get_dirname(parent);
    g_autofree char *absolute = g_build_filename("/", folder, NULL);
    g_autofree char *canonical = g_canonicalize_filename(relative, absolute);
    return g_strdup(canonical + 1);
}

static struct roll_error *load_relative(struct release_maker *maker, const char *path,
                                        struct roll_template **ret_template)
{
    g_autoptr(GString) text = NULL;
    ROLL_TRY(roll_git_read(maker->git, maker->commit.id, path, MAX_LINKED_BYTES, &text));
    ROLL_TRY(roll_template_read(text->str, text->len, path, ret_template));
    struct roll_template *tmpl = roll_template_ref(*ret_template);
    g_ptr_array_add(maker->link_templates, tmpl);
    g_hash_table_insert(maker->link_paths, tmpl, g_strdup(path));
    if (g_hash_table_contains(maker->link_digests, path))
        return NULL;
    size_t size = 0;
    const char *strict = roll_template_text(tmpl, &size);
    const char *digest =
        release_blobs_add_take(maker->blobs, g_string_new_len(strict, (gssize)size));
    g_hash_table_insert(maker->link_digests, g_strdup(path), g_strdup(digest));
    json_t *link = json_object();
    json_object_set_new(link, "path", json_string(path));
    json_object_set_new(link, "digest", json_string(digest));
    json_array_append_new(maker->linked, link);
    return NULL;
}

static struct roll_error *load(void *user, const struct roll_template *parent,
                               const char *relative_path, const char *uri,
                               struct roll_template **ret_template)
{
    struct release_maker *maker = user;
    const char *from = g_hash_table_lookup(maker->link_paths, parent);
    *ret_template = NULL;
    if (relative_path && from && maker->git) {
        g_autofree char *path = path_beside(from, relative_path);
        return roll_error_wrap(load_relative(maker, path, ret_template),
                               "while reading the linked template '%s'", relative_path);
    }
    /* An address may carry a signature behind its question mark. */
    const char *shown = uri ? uri : relative_path;
    release_maker_note(
        maker,
        "the linked template '%.*s' is not part of the release: Azure reads it when it "
        "deploys",
        (int)strcspn(shown, "?"), shown);
    return NULL;
}

struct roll_template_linker release_source_linker(struct release_maker *maker)
{
    return (struct roll_template_linker){.user = maker, .load = load};
}
