/* Gathers a choice: candidates, targets with their recorded bodies, notes; at the end rings, limits
 * and the request. Rings, parallelism, health and what follows a failure are today's plan's; bodies
 * are the release's. */
#include "release/chooser.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>

#include "release/chain.h"
#include "rollbook/text.h"

struct release_note_group {
    char *text;
    GPtrArray *names; /* borrowed from the candidates */
};

static void free_group(gpointer data)
{
    struct release_note_group *group = data;
    g_free(group->text);
    g_ptr_array_unref(group->names);
    g_free(group);
}

void release_chooser_free(struct release_chooser *chooser)
{
    if (!chooser)
        return;
    release_history_free(chooser->history);
    roll_choice_free(chooser->choice);
    g_ptr_array_unref(chooser->groups);
    g_ptr_array_unref(chooser->candidates);
    g_ptr_array_unref(chooser->skipped);
    g_ptr_array_unref(chooser->notes);
    g_ptr_array_unref(chooser->used);
    g_hash_table_unref(chooser->stored);
    g_free(chooser);
}

/* ---- candidates ------------------------------------------------------------------------------ */

static bool selected(const struct release_chooser *chooser, const char *target)
{
    const struct roll_choice_options *options = chooser->options;
    if (options->targets && !g_strv_contains(options->targets, target))
        return false;
    if (options->ring < 0 || !chooser->environment)
        return true;
    return roll_plan_target_find(chooser->environment, target) &&
           roll_plan_ring(chooser->environment, target) == options->ring;
}

static void add_candidate(struct release_chooser *chooser, const char *target)
{
    if (selected(chooser, target))
        g_ptr_array_add(chooser->candidates, g_strdup(target));
}

static void fill_candidates(struct release_chooser *chooser)
{
    const struct roll_plan_environment *environment = chooser->environment;
    for (guint i = 0; environment && i < environment->targets->len; i++) {
        const struct roll_plan_target *target = g_ptr_array_index(environment->targets, i);
        add_candidate(chooser, target->name);
    }
    for (guint i = 0; i < chooser->history->targets->len; i++) {
        const struct release_held *held = g_ptr_array_index(chooser->history->targets, i);
        if (!environment || !roll_plan_target_find(environment, held->name))
            add_candidate(chooser, held->name);
    }
}

static struct roll_error *unknown_target(const struct release_chooser *chooser, const char *typed)
{
    const struct roll_plan_environment *environment = chooser->environment;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < environment->targets->len; i++)
        g_ptr_array_add(names, ((struct roll_plan_target *)environment->targets->pdata[i])->name);
    g_autofree char *all = release_join_names(names, 10);
    g_ptr_array_add(names, NULL);
    const char *nearest = roll_text_nearest(typed, (const char *const *)names->pdata);
    return roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no target '%s'; %s%s%sit has %s",
                          chooser->history->stream, typed, nearest ? "did you mean '" : "",
                          nearest ? nearest : "", nearest ? "'? " : "", all);
}

static struct roll_error *check_selection(const struct release_chooser *chooser)
{
    const struct roll_choice_options *options = chooser->options;
    for (size_t i = 0; options->targets && options->targets[i]; i++)
        if (!roll_plan_target_find(chooser->environment, options->targets[i]) &&
            !release_history_held(chooser->history, options->targets[i]))
            return unknown_target(chooser, options->targets[i]);
    int rings = roll_plan_ring_count(chooser->environment);
    if (options->ring >= rings)
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no ring %d; its rings are 1 to %d",
                              chooser->history->stream, options->ring + 1, rings);
    return NULL;
}

struct roll_error *
release_chooser_new(const struct roll_plan *plan, const struct roll_plan_environment *environment,
                    struct roll_ledger *ledger, const struct roll_choice_options *options,
                    enum roll_lane lane, const char *kind, struct release_chooser **ret_chooser)
{
    struct release_history *history = NULL;
    ROLL_TRY(release_history_read(ledger, plan->service, environment->name, &history));
    roll_auto(release_chooser) struct release_chooser *chooser =
        release_chooser_over(history, options, lane, kind);
    chooser->plan = plan;
    chooser->environment = environment;
    ROLL_TRY(check_selection(chooser));
    fill_candidates(chooser);
    *ret_chooser = g_steal_pointer(&chooser);
    return NULL;
}

struct release_chooser *release_chooser_over(struct release_history *history,
                                             const struct roll_choice_options *options,
                                             enum roll_lane lane, const char *kind)
{
    struct release_chooser *chooser = g_new0(struct release_chooser, 1);
    chooser->history = history;
    chooser->options = options;
    chooser->lane = lane;
    chooser->kind = kind;
    chooser->candidates = g_ptr_array_new_with_free_func(g_free);
    chooser->skipped = g_ptr_array_new_with_free_func(g_free);
    chooser->notes = g_ptr_array_new_with_free_func(g_free);
    chooser->groups = g_ptr_array_new_with_free_func(free_group);
    chooser->used = g_ptr_array_new_with_free_func(g_free);
    chooser->stored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    chooser->choice = g_new0(struct roll_choice, 1);
    chooser->choice->order = roll_order_new();
    chooser->choice->blobs = release_blobs_new();
    chooser->choice->head = history->head;
    return chooser;
}

/* ---- notes ----------------------------------------------------------------------------------- */

void release_chooser_note(struct release_chooser *chooser, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    g_ptr_array_add(chooser->notes, g_strdup_vprintf(format, list));
    va_end(list);
}

void release_chooser_note_target(struct release_chooser *chooser, char *text, const char *target)
{
    struct release_note_group *group = NULL;
    for (guint i = 0; i < chooser->groups->len && !group; i++) {
        struct release_note_group *other = g_ptr_array_index(chooser->groups, i);
        if (strcmp(other->text, text) == 0)
            group = other;
    }
    if (!group) {
        group = g_new0(struct release_note_group, 1);
        group->text = g_strdup(text);
        group->names = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(chooser->groups, group);
    }
    g_ptr_array_add(group->names, g_strdup(target));
    g_free(text);
}

void release_chooser_skip(struct release_chooser *chooser, const char *version, char *reason)
{
    g_autofree char *line = g_strdup_printf("%s: %s", version, reason);
    if (!g_ptr_array_find_with_equal_func(chooser->skipped, line, g_str_equal, NULL))
        g_ptr_array_add(chooser->skipped, g_steal_pointer(&line));
    g_free(reason);
}

void release_chooser_close_groups(struct release_chooser *chooser)
{
    for (guint i = 0; i < chooser->groups->len; i++) {
        const struct release_note_group *group = g_ptr_array_index(chooser->groups, i);
        g_autofree char *names = release_join_names(group->names, 10);
        release_chooser_note(chooser, "%s: %s", group->text, names);
    }
    g_ptr_array_set_size(chooser->groups, 0);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

/* On lane release a person passes only what the plan lets pass; a plan without lanes lets
 * everybody. */
static bool may_override(const struct release_chooser *chooser, const char *kind)
{
    const struct roll_plan_environment *environment = chooser->environment;
    if (!environment || !environment->has_lanes || chooser->lane != ROLL_LANE_RELEASE)
        return true;
    char **allowed = environment->lanes[ROLL_LANE_RELEASE].overrides;
    return allowed && g_strv_contains((const char *const *)allowed, kind);
}

bool release_chooser_overridden(struct release_chooser *chooser, const char *kind)
{
    if (!release_overridden(chooser->options->overrides, kind, NULL) ||
        !may_override(chooser, kind))
        return false;
    if (!g_ptr_array_find_with_equal_func(chooser->used, kind, g_str_equal, NULL))
        g_ptr_array_add(chooser->used, g_strdup(kind));
    return true;
}

/* What was passed already must be passed again. */
static char *overrides_with(const struct release_chooser *chooser, const char *kind)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < chooser->used->len; i++) {
        const char *used = g_ptr_array_index(chooser->used, i);
        if (strcmp(used, kind) != 0)
            g_string_append_printf(text, "--override %s ", used);
    }
    g_string_append_printf(text, "--override %s", kind);
    return g_string_free(text, FALSE);
}

/* The command that passes a gate, or NULL where the plan does not let it pass. Owned. */
char *release_chooser_override_command(const struct release_chooser *chooser, const char *version,
                                       const char *kind)
{
    const char *stream = chooser->history->stream;
    if (!may_override(chooser, kind))
        return NULL;
    g_autofree char *overrides = overrides_with(chooser, kind);
    if (strcmp(chooser->kind, "forward") == 0)
        return g_strdup_printf("roll forward %s --to %s %s --reason TEXT", stream, version,
                               overrides);
    return g_strdup_printf("roll out %s --release %s %s --reason TEXT", stream, version, overrides);
}

int64_t release_chooser_floor(const struct release_chooser *chooser, const char **ret_target)
{
    int64_t floor = 0;
    *ret_target = NULL;
    for (guint i = 0; i < chooser->candidates->len; i++) {
        const struct release_held *held =
            release_history_held(chooser->history, g_ptr_array_index(chooser->candidates, i));
        if (held && held->floor > floor) {
            floor = held->floor;
            *ret_target = held->name;
        }
    }
    return floor;
}

struct roll_error *release_chooser_verdict(struct release_chooser *chooser, const char *version,
                                           enum release_verdict *ret_verdict, char **ret_reason)
{
    const char *floor_target = NULL;
    int64_t floor = release_chooser_floor(chooser, &floor_target);
    struct release_facts facts;
    ROLL_TRY(release_history_facts(chooser->history, version, floor, floor_target, &facts));
    *ret_verdict = release_eligible(&facts, ret_reason);
    return NULL;
}

static struct roll_error *refuse_floor(struct release_chooser *chooser, const char *version,
                                       const char *reason)
{
    const char *stream = chooser->history->stream, *floor_target = NULL;
    int64_t floor = release_chooser_floor(chooser, &floor_target);
    g_autofree char *safe = NULL;
    ROLL_TRY(release_history_nearest_safe(chooser->history, version, floor, &safe));
    if (!safe)
        return release_error_next(
            roll_error_new(ROLL_E_REFUSED, "'%s' is refused: %s; no release is safe", version,
                           reason),
            g_strdup_printf("roll mark %s floor N --reason TEXT", stream), NULL);
    if (g_strcmp0(safe, chooser->history->live) == 0)
        return release_error_next(
            roll_error_new(ROLL_E_REFUSED,
                           "'%s' is refused: %s; the nearest safe release is '%s', which is live",
                           version, reason, safe),
            g_strdup_printf("roll hotfix %s --artifact NAME=REF --reason TEXT", stream),
            g_strdup_printf("roll mark %s floor N --reason TEXT", stream), NULL);
    bool succeeded = false;
    ROLL_TRY(release_history_succeeded(chooser->history, safe, &succeeded));
    bool back = succeeded && chooser->lane == ROLL_LANE_ROLLBACK;
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED, "'%s' is refused: %s; the nearest safe release is '%s'",
                       version, reason, safe),
        back ? g_strdup_printf("roll back %s --to %s", stream, safe)
             : g_strdup_printf("roll out %s --release %s", stream, safe),
        NULL);
}

/* Did the back whose hold stands leave this release? Then a forward returns to it. */
static struct roll_error *left_by_hold(const struct release_chooser *chooser, const char *version,
                                       bool *ret_left)
{
    roll_auto(release_chain) struct release_chain *chain = NULL;
    ROLL_TRY(release_chain_read(chooser->history, &chain));
    *ret_left = release_chain_marked(chain, version);
    return NULL;
}

static struct roll_error *refuse_bad_here(struct release_chooser *chooser, const char *version,
                                          struct roll_error *refusal)
{
    bool left = false;
    struct roll_error *err = left_by_hold(chooser, version, &left);
    if (err) {
        roll_error_free(refusal);
        return err;
    }
    char *override = release_chooser_override_command(chooser, version, "quarantine");
    if (!left)
        return release_error_next(refusal, override, NULL);
    return release_error_next(
        refusal, g_strdup_printf("roll forward %s --reason TEXT", chooser->history->stream),
        override, NULL);
}

struct roll_error *release_chooser_refuse(struct release_chooser *chooser, const char *version,
                                          enum release_verdict verdict, char *reason)
{
    g_autofree char *why = reason;
    const char *stream = chooser->history->stream;
    if (verdict == RELEASE_BELOW_FLOOR)
        return refuse_floor(chooser, version, why);
    struct roll_error *err =
        roll_error_new(ROLL_E_REFUSED, "'%s' is refused for '%s': %s", version, stream, why);
    switch (verdict) {
    case RELEASE_NEVER_HERE:
        return release_error_next(err, g_strdup_printf("roll out %s --release %s", stream, version),
                                  NULL);
    case RELEASE_ADOPTED:
        return release_error_next(
            err, g_strdup_printf("roll adopt %s --accept %s", stream, version), NULL);
    case RELEASE_BAD_SERVICE:
        return release_error_next(err,
                                  g_strdup_printf("roll mark %s@%s good --reason TEXT",
                                                  chooser->history->service, version),
                                  NULL);
    case RELEASE_BAD_HERE:
        return refuse_bad_here(chooser, version, err);
    default:
        return err;
    }
}
