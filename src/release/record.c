/* Releases into the ledger and out of it. */
#include "release/internal.h"

#define MAX_TRIES 20

void roll_release_free(struct roll_release *release)
{
    if (!release)
        return;
    g_free(release->service);
    g_free(release->version);
    json_decref(release->manifest);
    if (release->blobs)
        g_ptr_array_unref(release->blobs);
    g_strfreev(release->notes);
    g_free(release);
}

/* ---- record ---------------------------------------------------------------------------------- */

/* Every object but the manifest: template, linked templates, effective parameters. Those of a base
 * are stored already. */
static void add_part(GHashTable *parts, const char *digest)
{
    if (digest)
        g_hash_table_add(parts, g_strdup(digest));
}

static int by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct roll_error *add_target(void *data, const char *within, const char *name,
                                     const json_t *target)
{
    const char *digest = roll_json_get_string(target, "parameters");
    (void)within, (void)name;
    if (digest)
        g_hash_table_add(data, g_strdup(digest));
    return NULL;
}

static const struct roll_blob *manifest_of(const struct roll_release *release)
{
    for (guint i = 0; i < release->blobs->len; i++) {
        const struct roll_blob *blob = g_ptr_array_index(release->blobs, i);
        if (strcmp(blob->digest, release->digest) == 0)
            return blob;
    }
    return NULL;
}

static struct roll_error *parts_of(const struct roll_release *release, char ***ret_parts)
{
    static const char *const path[] = {"environments", "*", "targets", NULL};
    g_autoptr(GHashTable) parts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    roll_auto(json) json_t *head = NULL;
    const struct roll_blob *manifest = manifest_of(release);
    GHashTableIter iter;
    gpointer digest;

    if (!manifest)
        return roll_error_new(ROLL_E_INTERNAL, "a release without its manifest");
    ROLL_TRY(roll_json_parse_each(manifest->data->str, manifest->data->len, ROLL_JSON_STRICT, path,
                                  add_target, parts, &head));
    add_part(parts, roll_json_get_string(head, "template"));
    const json_t *linked = json_object_get(head, "linked");
    for (size_t i = 0; i < json_array_size(linked); i++)
        add_part(parts, roll_json_get_string(json_array_get(linked, i), "digest"));
    g_hash_table_iter_init(&iter, parts);
    while (g_hash_table_iter_next(&iter, &digest, NULL))
        g_ptr_array_add(sorted, digest);
    g_ptr_array_sort(sorted, by_text);
    g_ptr_array_add(sorted, NULL);
    *ret_parts = g_strdupv((char **)sorted->pdata);
    return NULL;
}

static void free_kept(gpointer data)
{
    struct roll_objects_kept *kept = data;
    g_strfreev(kept->parts);
    g_free(kept);
}

/* At least one chunk (struct roll_objects_kept *), each as large as one event may name. */
static GPtrArray *chunks_of(char **parts)
{
    GPtrArray *chunks = g_ptr_array_new_with_free_func(free_kept);
    guint left = g_strv_length(parts);
    do {
        guint count = MIN(left, RELEASE_MAX_PARTS);
        struct roll_objects_kept *kept = g_new0(struct roll_objects_kept, 1);
        kept->parts = g_new0(char *, count + 1);
        for (guint i = 0; i < count; i++)
            kept->parts[i] = g_strdup(*parts++);
        left -= count;
        g_ptr_array_add(chunks, kept);
    } while (left);
    return chunks;
}

static struct roll_error *take_manifest(void *user, const struct roll_release_row *row)
{
    *(char **)user = g_strdup(row->manifest);
    return NULL;
}

/* Another writer was faster: was it with this very release? */
static struct roll_error *check_taken(struct roll_ledger *ledger,
                                      const struct roll_release *release, bool *ret_recorded)
{
    g_autofree char *manifest = NULL;
    struct roll_error *err =
        roll_ledger_release(ledger, release->service, release->version, take_manifest, &manifest);
    *ret_recorded = false;
    if (roll_error_code(err) == ROLL_E_NOT_FOUND) {
        roll_error_free(err);
        return NULL;
    }
    ROLL_TRY(err);
    *ret_recorded = g_strcmp0(manifest, release->digest) == 0;
    if (*ret_recorded)
        return NULL;
    return roll_error_new(ROLL_E_CONFLICT,
                          "version '%s' of '%s' was made with other content meanwhile",
                          release->version, release->service);
}

/* Everything in one transaction: what does not fit into release.made is named just before it. */
static struct roll_error *append(struct roll_ledger *ledger, const struct roll_actor *actor,
                                 const struct roll_release *release, const GArray *drafts,
                                 const struct roll_head *head)
{
    const struct roll_expect expect = {.stream = release->service, .head = *head};
    g_autofree struct roll_object *objects = g_new0(struct roll_object, release->blobs->len);
    for (guint i = 0; i < release->blobs->len; i++) {
        const struct roll_blob *blob = g_ptr_array_index(release->blobs, i);
        objects[i] = (struct roll_object){blob->data->str, blob->data->len};
    }
    return roll_ledger_append(ledger, actor, 0, &expect, 1,
                              (const struct roll_draft *)(void *)drafts->data, drafts->len, objects,
                              release->blobs->len, NULL);
}

/* Looks whether it is there, then appends; another writer in between makes it look again. */
static struct roll_error *append_once(struct roll_ledger *ledger, const struct roll_actor *actor,
                                      const struct roll_release *release, const GArray *drafts)
{
    struct roll_error *err = NULL;
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        struct roll_head head;
        bool recorded = false;
        roll_error_free(err);
        err = NULL;
        ROLL_TRY(roll_ledger_head(ledger, release->service, &head));
        ROLL_TRY(check_taken(ledger, release, &recorded));
        if (recorded)
            return NULL;
        err = append(ledger, actor, release, drafts, &head);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            return err;
    }
    return err;
}

static char *lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

struct roll_error *roll_release_record(struct roll_ledger *ledger, const struct roll_actor *actor,
                                       const struct roll_release *release)
{
    if (release->recorded)
        return NULL;
    const json_t *manifest = release->manifest, *data = json_object_get(manifest, "data");
    g_auto(GStrv) parts = NULL;
    ROLL_TRY(parts_of(release, &parts));
    g_autoptr(GPtrArray) chunks = chunks_of(parts);
    g_autoptr(GArray) drafts = g_array_new(FALSE, FALSE, sizeof(struct roll_draft));
    for (guint i = 0; i + 1 < chunks->len; i++) {
        const struct roll_draft kept = {release->service, ROLL_EVENT_objects_kept,
                                        g_ptr_array_index(chunks, i)};
        g_array_append_val(drafts, kept);
    }
    const struct roll_objects_kept *last = g_ptr_array_index(chunks, chunks->len - 1);
    const struct roll_release_made body = {
        .version = release->version,
        .manifest = lent(release->digest),
        .parts = last->parts,
        .commit = lent(roll_json_get_string(manifest, "commit")),
        .ref = lent(roll_json_get_string(manifest, "ref")),
        .data_version = json_integer_value(json_object_get(data, "version")),
        .data_floor = json_integer_value(json_object_get(data, "floor")),
        .base = lent(roll_json_get_string(manifest, "base")),
    };
    const struct roll_draft made = {release->service, ROLL_EVENT_release_made, &body};
    g_array_append_val(drafts, made);
    return roll_error_wrap(append_once(ledger, actor, release, drafts), "while recording '%s@%s'",
                           release->service, release->version);
}

/* ---- load ------------------------------------------------------------------------------------ */

struct roll_error *roll_release_load(struct roll_ledger *ledger, const char *service,
                                     const char *version, struct roll_release **ret_release)
{
    g_autofree char *digest = NULL;
    json_t *manifest = NULL;
    ROLL_TRY(release_row(ledger, service, version, take_manifest, &digest));
    ROLL_TRY(roll_ledger_object_json(ledger, digest, &manifest));
    struct roll_release *release = g_new0(struct roll_release, 1);
    release->service = g_strdup(service);
    release->version = g_strdup(version);
    g_strlcpy(release->digest, digest, sizeof release->digest);
    release->manifest = manifest;
    release->blobs = release_blobs_new();
    release->recorded = true;
    release->notes = g_new0(char *, 1);
    *ret_release = release;
    return NULL;
}
