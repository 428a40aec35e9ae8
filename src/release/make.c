/* A release from git and plan, or a hotfix from what a release recorded. Nothing is written here:
 * what comes out is what would be appended. */
#include "release/maker.h"

static struct roll_error *taken(const struct release_maker *maker, const char *differs)
{
    return release_error_next(
        roll_error_new(
            ROLL_E_CONFLICT,
            "version '%s' of '%s' was made before with other content (%s); a version is used once",
            maker->version, maker->plan->service, differs),
        g_strdup_printf("roll release %s --version OTHER", maker->plan->service),
        g_strdup_printf("roll show %s@%s", maker->plan->service, maker->version), NULL);
}

static char **take_lines(GPtrArray *lines)
{
    char **copy = g_new0(char *, lines->len + 1);
    for (guint i = 0; i < lines->len; i++)
        copy[i] = g_strdup(g_ptr_array_index(lines, i));
    return copy;
}

struct roll_error *release_as_made(struct release_maker *maker, json_t *manifest, bool recorded,
                                   struct roll_release **ret_release)
{
    GString *text = NULL;
    struct roll_error *err = roll_json_canonical(manifest, &text);
    if (err) {
        json_decref(manifest);
        return roll_error_wrap(err, "the manifest of '%s'", maker->version);
    }
    struct roll_release *release = g_new0(struct roll_release, 1);
    release->service = g_strdup(maker->plan->service);
    release->version = g_strdup(maker->version);
    release->manifest = manifest;
    release->recorded = recorded;
    release->notes = take_lines(maker->notes);
    const char *digest = release_blobs_add_take(maker->blobs, text);
    g_strlcpy(release->digest, digest, sizeof release->digest);
    release->blobs = recorded ? release_blobs_new() : g_ptr_array_ref(maker->blobs);
    *ret_release = release;
    return NULL;
}

struct roll_error *release_finish(struct release_maker *maker, struct roll_release **ret_release)
{
    json_t *manifest = release_manifest_write(maker);
    if (!maker->recorded) {
        release_seen_write(maker, manifest);
        return release_as_made(maker, manifest, false, ret_release);
    }
    g_autofree char *differs = release_manifest_difference(maker->recorded, manifest);
    json_decref(manifest);
    if (*differs)
        return taken(maker, differs);
    json_object_clear(maker->environments); /* of a fleet as much as what is recorded */
    return release_as_made(maker, json_incref(maker->recorded), true, ret_release);
}

/* The number-th name of a hotfix of the base, and what is recorded under it. */
struct roll_error *release_try_hotfix_name(struct release_maker *maker, int number)
{
    const char *base = maker->options->base, *mark = strstr(base, "-hotfix.");
    g_autofree char *stem = mark ? g_strndup(base, (gsize)(mark - base)) : g_strdup(base);
    int64_t seq;
    g_free(maker->version);
    maker->version = g_strdup_printf("%s-hotfix.%d", stem, number);
    g_clear_pointer(&maker->recorded, json_decref);
    return release_load_recorded(maker, &seq);
}

struct roll_error *roll_release_make(const struct roll_plan *plan, struct roll_ledger *ledger,
                                     struct roll_loop *loop,
                                     const struct roll_release_options *options,
                                     struct roll_release **ret_release)
{
    if (options->from_base && !options->base)
        return roll_error_new(ROLL_E_USAGE, "a hotfix of what is live needs its version");
    roll_auto(release_maker) struct release_maker *maker =
        release_maker_new(plan, ledger, loop, options);
    return options->from_base ? release_make_from_base(maker, ret_release)
                              : release_make_from_git(maker, ret_release);
}
