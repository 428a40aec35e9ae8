/* What a back asks of readiness: nothing, unless the last check called its goal dead. Then those
 * findings alone are asked again, for two seconds at most: the image may be there again. What does
 * not answer stays dead. And when the next check is due. */
#include <string.h>

#include "rollbook/time.h"
#include "watch/ready.h"

#define AGAIN_MS 2000
/* Daily; a little less, so that a timer that comes once a day meets it. */
#define DAILY_MS (INT64_C(23) * 3600 * 1000)

/* ---- dead goals ----------------------------------------------------------------------------- */

struct word {
    char *state;
    int64_t checked_at;
};

static struct roll_error *see_word(void *user, const struct roll_look_row *row)
{
    struct word *word = user;

    word->state = g_strdup(row->summary);
    word->checked_at = row->checked_at;
    return NULL;
}

static struct roll_error *is_state(struct roll_ledger *ledger, const char *stream,
                                   const char *version, enum ready_state state, bool *ret_is)
{
    struct word word = {0};

    ROLL_TRY(roll_ledger_look(ledger, stream, "not-ready", version, see_word, &word));
    *ret_is = g_strcmp0(word.state, ready_words[state]) == 0;
    g_free(word.state);
    return NULL;
}

/* Targets of the order by the release that they go to: version -> GPtrArray of names, borrowed. */
static GHashTable *goals_of(const struct roll_order *order)
{
    GHashTable *goals =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);

    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        GPtrArray *names = g_hash_table_lookup(goals, target->release);
        if (!names) {
            names = g_ptr_array_new();
            g_hash_table_insert(goals, target->release, names);
        }
        g_ptr_array_add(names, target->name);
    }
    return goals;
}

static bool concerns(const struct ready_use *use, const GPtrArray *targets)
{
    return !use->target || g_ptr_array_find_with_equal_func((GPtrArray *)(uintptr_t)targets,
                                                            use->target, g_str_equal, NULL);
}

/* Only what was dead for these targets; a rule or an object is judged anew by itself. */
static GHashTable *dead_items(const struct ready_release *release, const GPtrArray *targets)
{
    GHashTable *dead = g_hash_table_new(g_direct_hash, g_direct_equal);

    for (guint i = 0; i < release->uses->len; i++) {
        const struct ready_use *use = &g_array_index(release->uses, struct ready_use, i);
        if (use->item->state == READY_DEAD && concerns(use, targets))
            g_hash_table_add(dead, use->item);
    }
    return dead;
}

static void add_reason(GString *why, const char *version, const struct ready_item *item)
{
    g_string_append_printf(why, "%s%s: %s: %s", why->len ? "\n" : "", version, item->subject,
                           item->why);
}

/* Many targets may have the same trouble: it is told once. */
static void add_reasons(GString *why, const struct ready_release *release, const GPtrArray *targets)
{
    g_autoptr(GHashTable) told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < release->uses->len; i++) {
        const struct ready_use *use = &g_array_index(release->uses, struct ready_use, i);
        if (use->item->state == READY_DEAD && concerns(use, targets) &&
            g_hash_table_add(told, g_strdup_printf("%s %s", use->item->subject, use->item->why)))
            add_reason(why, release->version, use->item);
    }
}

static struct roll_error *look_again(const struct roll_ready_options *options, const char *version,
                                     const GPtrArray *targets, GString *why)
{
    struct roll_ready_options one = *options;
    one.release = version;
    one.drill = false;
    roll_auto(ready_check) struct ready_check *check = ready_check_new(&one);

    check->now_ms = roll_now_ms();
    ROLL_TRY(ready_find_releases(check));
    struct ready_release *release = g_ptr_array_index(check->releases, 0);
    ROLL_TRY(ready_find_needs(check, release));
    ROLL_TRY(ready_load_last(check, release));
    g_autoptr(GHashTable) dead = dead_items(release, targets);
    ROLL_TRY(ready_ask_all(check, dead, AGAIN_MS));
    add_reasons(why, release, targets);
    return NULL;
}

/* ---- the next ready one --------------------------------------------------------------------- */

struct older {
    GPtrArray *versions; /* char *, owned, newest first */
    guint max;           /* so many are enough; 0: all */
    int64_t oldest;      /* when the last of them succeeded */
};

static struct roll_error *take_success(void *user, const struct roll_success_row *row)
{
    struct older *older = user;

    if (!row->adopted && row->release &&
        !g_ptr_array_find_with_equal_func(older->versions, row->release, g_str_equal, NULL))
        g_ptr_array_add(older->versions, g_strdup(row->release));
    older->oldest = row->at;
    return older->max && older->versions->len >= older->max
               ? roll_error_new(ROLL_E_FOUND, "enough was read")
               : NULL;
}

/* Found ready, and a back that names it would go there: not live, bad or below a floor. */
static struct roll_error *would_go(const struct roll_ready_options *options, const char *stream,
                                   const char *version, bool *ret_goes)
{
    const struct roll_choice_options to = {.ring = -1, .release = version};
    roll_auto(choice) struct roll_choice *choice = NULL;

    ROLL_TRY(is_state(options->ledger, stream, version, READY_OK, ret_goes));
    if (!*ret_goes)
        return NULL;
    struct roll_error *err =
        roll_choose_back(options->plan, options->environment, options->ledger, &to, &choice);
    *ret_goes = err == NULL;
    roll_error_free(err);
    return NULL;
}

static struct roll_error *find_next(const struct roll_ready_options *options, const char *stream,
                                    GHashTable *goals, char **ret_next)
{
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    struct older older = {.versions = versions};

    ROLL_TRY(roll_ledger_successes(options->ledger, stream, NULL, take_success, &older));
    for (guint i = 0; i < versions->len && !*ret_next; i++) {
        const char *version = g_ptr_array_index(versions, i);
        bool goes = false;
        if (!g_hash_table_contains(goals, version))
            ROLL_TRY(would_go(options, stream, version, &goes));
        if (goes)
            *ret_next = g_strdup(version);
    }
    return NULL;
}

/* ---- before a back -------------------------------------------------------------------------- */

struct roll_error *roll_ready_before_back(const struct roll_ready_options *options,
                                          const struct roll_order *order, char **ret_why,
                                          char **ret_next)
{
    g_autofree char *stream =
        g_strdup_printf("%s/%s", options->plan->service, options->environment->name);
    g_autoptr(GHashTable) goals = goals_of(order);
    g_autoptr(GString) why = g_string_new(NULL);
    GHashTableIter iter;
    gpointer version, targets;

    *ret_why = *ret_next = NULL;
    g_hash_table_iter_init(&iter, goals);
    while (g_hash_table_iter_next(&iter, &version, &targets)) {
        bool dead = false;
        ROLL_TRY(is_state(options->ledger, stream, version, READY_DEAD, &dead));
        if (dead)
            ROLL_TRY(look_again(options, version, targets, why));
    }
    if (!why->len)
        return NULL;
    ROLL_TRY(find_next(options, stream, goals, ret_next));
    *ret_why = g_string_free(g_steal_pointer(&why), FALSE);
    return NULL;
}

/* ---- when it is due ------------------------------------------------------------------------- */

enum { DUE_LOOKS = 20 }; /* releases whose last check is looked for */

struct roll_error *roll_ready_due(struct roll_ledger *ledger, const char *stream, int64_t *ret_due)
{
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    struct older older = {.versions = versions, .max = DUE_LOOKS};
    int64_t last = 0;

    *ret_due = INT64_MAX;
    if (!ledger)
        return NULL;
    struct roll_error *err = roll_ledger_successes(ledger, stream, NULL, take_success, &older);
    if (err && roll_error_code(err) != ROLL_E_FOUND)
        return err;
    roll_error_free(err);
    for (guint i = 0; i < versions->len; i++) {
        struct word word = {0};
        ROLL_TRY(roll_ledger_look(ledger, stream, "not-ready", g_ptr_array_index(versions, i),
                                  see_word, &word));
        g_free(word.state);
        last = MAX(last, word.checked_at);
    }
    if (versions->len)
        *ret_due = (last ? last : older.oldest) + DAILY_MS;
    return NULL;
}
