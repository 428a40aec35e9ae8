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

static struct roll_release *release_new(struct release_maker *maker, json_t *manifest,
                                        const char *digest)
{
    struct roll_release *release = g_new0(struct roll_release, 1);
    release->service = g_strdup(maker->plan->service);
    release->version = g_strdup(maker->version);
    release->manifest = json_incref(manifest);
    release->notes = take_lines(maker->notes);
    g_strlcpy(release->digest, digest, sizeof release->digest);
    return release;
}

struct roll_release *release_as_recorded(struct release_maker *maker, json_t *manifest,
                                         const char *digest)
{
    struct roll_release *release = release_new(maker, manifest, digest);
    release->recorded = true;
    release->blobs = release_blobs_new();
    return release;
}

struct roll_error *release_finish(struct release_maker *maker, struct roll_release **ret_release)
{
    roll_auto(json) json_t *manifest = release_manifest_write(maker);
    GString *text = NULL;
    if (maker->recorded) {
        g_autofree char *differs = release_manifest_difference(maker, manifest);
        if (*differs)
            return taken(maker, differs);
        *ret_release = release_as_recorded(maker, maker->recorded, maker->recorded_digest);
        return NULL;
    }
    release_seen_write(maker, manifest);
    ROLL_TRY(roll_error_wrap(release_book_write(maker->book, manifest, &text),
                             "the manifest of '%s'", maker->version));
    *ret_release = release_new(maker, manifest, release_maker_keep_take(maker, text));
    (*ret_release)->blobs = g_ptr_array_ref(maker->blobs);
    return NULL;
}

/* The number-th name of a hotfix of the base, and what is recorded under it. */
struct roll_error *release_try_hotfix_name(struct release_maker *maker, int number)
{
    const char *base = maker->options->base, *mark = strstr(base, "-hotfix.");
    g_autofree char *stem = mark ? g_strndup(base, (gsize)(mark - base)) : g_strdup(base);
    int64_t seq;
    g_free(maker->version);
    maker->version = g_strdup_printf("%s-hotfix.%d", stem, number);
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
