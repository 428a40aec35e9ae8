/* Which releases are looked at: those that a back would go to, what is live, and the newest good
 * ones as far as the plan keeps them (`retain`). */
#include <string.h>

#include "watch/ready.h"

/* ---- one release ---------------------------------------------------------------------------- */

static struct ready_release *find(const struct ready_check *check, const char *version)
{
    for (guint i = 0; i < check->releases->len; i++) {
        struct ready_release *release = g_ptr_array_index(check->releases, i);
        if (strcmp(release->version, version) == 0)
            return release;
    }
    return NULL;
}

static struct roll_error *take_row(void *user, const struct roll_release_row *row)
{
    struct ready_release *release = user;

    release->digest = g_strdup(row->manifest);
    release->made = row->seq;
    return NULL;
}

static struct roll_error *take_known(void *user, const struct roll_target_row *row)
{
    g_hash_table_add(user, g_strdup(row->target));
    return NULL;
}

/* Nothing goes back where nothing was ever sent: what is missing there (its group) is no trouble. A
 * release that was asked for by name may be on its way to all. */
static struct roll_error *read_known(struct ready_check *check)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    if (check->options->release)
        return NULL;
    ROLL_TRY(roll_ledger_targets(check->options->ledger, check->stream, NULL, take_known, known));
    check->known = g_steal_pointer(&known);
    return NULL;
}

/* Recorded targets that today's plan still has, in the plan's order. */
static void find_targets(const struct ready_check *check, struct ready_release *release)
{
    const struct roll_plan_environment *environment = check->options->environment;
    const json_t *recorded = json_object_get(
        json_object_get(json_object_get(release->manifest, "environments"), environment->name),
        "targets");

    for (guint i = 0; i < environment->targets->len; i++) {
        const struct roll_plan_target *target = g_ptr_array_index(environment->targets, i);
        if (check->known && !g_hash_table_contains(check->known, target->name))
            continue;
        if (json_object_get(recorded, target->name) || !release->manifest)
            g_ptr_array_add(release->targets, g_strdup(target->name));
    }
}

/* A manifest that is damaged or redacted makes a release, too: a dead one. */
static struct roll_error *add(struct ready_check *check, const char *version,
                              struct ready_release **ret_release)
{
    struct roll_ledger *ledger = check->options->ledger;
    struct ready_release *release = find(check, version);

    *ret_release = release;
    if (release)
        return NULL;
    release = ready_release_new(version);
    g_ptr_array_add(check->releases, release);
    ROLL_TRY(
        roll_ledger_release(ledger, check->options->plan->service, version, take_row, release));
    struct roll_error *err = roll_ledger_object_json(ledger, release->digest, &release->manifest);
    if (err) {
        struct ready_item *item =
            ready_check_item(check, &ready_object, "manifest", version, NULL, NULL);
        ready_item_say(item, READY_DEAD, g_strdup(err->message), g_strdup("roll ledger verify"));
        ready_release_use(release, item, NULL);
        roll_error_free(err);
    }
    find_targets(check, release);
    *ret_release = release;
    return NULL;
}

/* ---- where a back goes ---------------------------------------------------------------------- */

static struct roll_error *add_goals(struct ready_check *check)
{
    const struct roll_ready_options *options = check->options;
    const struct roll_choice_options plain = {.ring = -1, .release = options->release};
    struct roll_error *err = roll_choose_back(options->plan, options->environment, options->ledger,
                                              &plain, &check->choice);

    if (err) { /* there is none: status and back say why */
        check->lost = roll_error_code(err) == ROLL_E_NOT_FOUND; /* see find_lost */
        if (check->lost || roll_error_code(err) == ROLL_E_NOTHING)
            check->no_goal = g_strdup(err->message);
        roll_error_free(err);
        check->choice = NULL;
        return NULL;
    }
    for (guint i = 0; !options->release && i < check->choice->order->targets->len; i++) {
        const struct roll_order_target *target =
            g_ptr_array_index(check->choice->order->targets, i);
        struct ready_release *release = NULL;
        ROLL_TRY(add(check, target->release, &release));
        release->goal = true;
    }
    return NULL;
}

/* ---- what is live, what was good ------------------------------------------------------------ */

static struct roll_error *take_live(void *user, const struct roll_target_row *row)
{
    if (row->release)
        g_hash_table_add(user, g_strdup(row->release));
    return NULL;
}

struct good {
    GPtrArray *versions; /* char *, owned, newest first, each once */
    int retain;
};

static struct roll_error *take_good(void *user, const struct roll_success_row *row)
{
    struct good *good = user;

    if (row->adopted || !row->release ||
        g_ptr_array_find_with_equal_func(good->versions, row->release, g_str_equal, NULL))
        return NULL;
    g_ptr_array_add(good->versions, g_strdup(row->release));
    return NULL;
}

static struct roll_error *add_good(struct ready_check *check)
{
    const struct roll_ready_options *options = check->options;
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    struct good good = {versions, 0};
    int kept = 0;

    ROLL_TRY(roll_ledger_successes(options->ledger, check->stream, NULL, take_good, &good));
    for (guint i = 0; i < versions->len && kept < MAX(options->plan->retain, 1); i++) {
        const char *where = NULL;
        struct ready_release *release = NULL;
        ROLL_TRY(roll_ledger_bad(options->ledger, check->stream, versions->pdata[i], &where));
        if (where)
            continue;
        ROLL_TRY(add(check, versions->pdata[i], &release));
        kept++;
    }
    return NULL;
}

/* A first release has nothing to go back to, which is nobody's trouble. Where another was good
 * once, or the only one is not any more, there is no way back though there was one. */
static struct roll_error *find_lost(struct ready_check *check)
{
    const struct roll_ready_options *options = check->options;
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    struct good good = {versions, 0};

    if (!check->lost)
        return NULL;
    ROLL_TRY(roll_ledger_successes(options->ledger, check->stream, NULL, take_good, &good));
    for (guint i = 0; i < versions->len; i++) {
        const struct ready_release *release = find(check, versions->pdata[i]);
        const char *where = NULL;
        ROLL_TRY(roll_ledger_bad(options->ledger, check->stream, versions->pdata[i], &where));
        if (where || !release || !release->live)
            return NULL;
    }
    check->lost = false;
    g_clear_pointer(&check->no_goal, g_free);
    return NULL;
}

static struct roll_error *add_live(struct ready_check *check, bool all)
{
    g_autoptr(GHashTable) live = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iter;
    gpointer version;

    ROLL_TRY(roll_ledger_targets(check->options->ledger, check->stream, NULL, take_live, live));
    g_hash_table_iter_init(&iter, live);
    while (g_hash_table_iter_next(&iter, &version, NULL)) {
        struct ready_release *release = find(check, version);
        if (!release && all)
            ROLL_TRY(add(check, version, &release));
        if (release)
            release->live = true;
    }
    return NULL;
}

static struct roll_error *add_one(struct ready_check *check)
{
    struct ready_release *release = NULL;
    const char *name = check->options->environment->name;

    ROLL_TRY(add(check, check->options->release, &release));
    if (release->targets->len == 0)
        return roll_error_new(ROLL_E_NOT_FOUND, "release '%s' has nothing for the targets of '%s'",
                              release->version, name);
    return NULL;
}

static gint by_newest(gconstpointer a, gconstpointer b)
{
    const struct ready_release *left = *(struct ready_release *const *)a;
    const struct ready_release *right = *(struct ready_release *const *)b;

    return left->made < right->made ? 1 : left->made > right->made ? -1 : 0;
}

struct roll_error *ready_find_releases(struct ready_check *check)
{
    bool one = check->options->release != NULL;

    ROLL_TRY(read_known(check));
    if (one)
        ROLL_TRY(add_one(check));
    ROLL_TRY(add_goals(check));
    if (!one)
        ROLL_TRY(add_good(check));
    ROLL_TRY(add_live(check, !one));
    if (!one)
        ROLL_TRY(find_lost(check));
    g_ptr_array_sort(check->releases, by_newest);
    return NULL;
}
