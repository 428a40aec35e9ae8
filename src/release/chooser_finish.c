/* From gathered targets to a choice that can be requested: rings, limits, health, and the request
 * with the heads and marks that it was decided on. */
#include "release/choose.h"

#include <inttypes.h>
#include <limits.h>

/* ---- rings ----------------------------------------------------------------------------------- */

static int by_ring(gconstpointer a, gconstpointer b)
{
    const struct roll_order_target *left = *(const struct roll_order_target *const *)a;
    const struct roll_order_target *right = *(const struct roll_order_target *const *)b;
    return left->ring - right->ring;
}

/* Rings that no target of the order is in would only be baked for nothing: they are closed up. */
static void order_rings(struct roll_order *order)
{
    g_ptr_array_sort(order->targets, by_ring); /* stable: the plan's order stays inside a ring */
    int rings = 0, last = -1;
    for (guint i = 0; i < order->targets->len; i++) {
        struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (target->ring != last) {
            last = target->ring;
            rings++;
        }
        target->ring = rings - 1;
    }
    order->rings = MAX(rings, 1);
}

/* DESIGN section 7, last row of the table: what lane rollback leaves away. */
static void govern_order(const struct release_chooser *chooser, struct roll_order *order)
{
    const struct roll_plan_environment *environment = chooser->environment;
    order->service = g_strdup(chooser->history->service);
    order->environment = g_strdup(chooser->history->environment);
    order->lane = chooser->lane;
    order->kind = g_strdup(chooser->kind);
    order_rings(order);
    if (!environment) /* an automatic back: its limits are the failed order's, set by its caller */
        return;
    bool rollback = chooser->lane == ROLL_LANE_ROLLBACK;
    order->max_parallel = environment->max_parallel;
    order->max_failures = rollback ? INT_MAX : environment->max_failures;
    order->bake_ms = chooser->lane == ROLL_LANE_RELEASE  ? environment->bake_ms
                     : chooser->lane == ROLL_LANE_HOTFIX ? environment->hotfix_bake_ms
                                                         : 0;
    order->health_reports_only = rollback;
    order->back_on_failure = environment->back_on_failure && !rollback;
    order->keep = g_strdupv(environment->keep);
    if (chooser->options->prune)
        order->prune = g_strdupv(environment->prune);
    for (guint i = 0; i < environment->health->len; i++)
        g_ptr_array_add(order->health,
                        release_health_copy(g_ptr_array_index(environment->health, i)));
}

/* ---- request --------------------------------------------------------------------------------- */

static char *common_release(const struct roll_order *order)
{
    const char *release = NULL;
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (release && strcmp(release, target->release) != 0)
            return NULL;
        release = target->release;
    }
    return g_strdup(release);
}

static json_t *seen(const struct release_history *history)
{
    json_t *head = json_object();
    json_object_set_new(head, "seq", json_integer(history->service_head.seq));
    json_object_set_new(head, "hash", json_string(history->service_head.hash));
    json_t *streams = json_object();
    json_object_set_new(streams, history->service, head);
    return streams;
}

static json_t *overrides(const GPtrArray *used)
{
    json_t *array = used->len ? json_array() : NULL;
    for (guint i = 0; i < used->len; i++) {
        json_t *override = json_object();
        json_object_set_new(override, "kind", json_string(g_ptr_array_index(used, i)));
        json_array_append_new(array, override);
    }
    return array;
}

/* New parameters must be named by the request, or an export of the ledger would not have them. */
static char **parts_of(const GPtrArray *blobs)
{
    guint count = MIN(blobs->len, RELEASE_MAX_PARTS);
    char **parts = count ? g_new0(char *, count + 1) : NULL;
    for (guint i = 0; i < count; i++)
        parts[i] = g_strdup(((const struct roll_blob *)blobs->pdata[i])->digest);
    return parts;
}

static void fill_request(const struct release_chooser *chooser, struct roll_choice *choice)
{
    struct roll_rollout_requested *request = &choice->request;
    request->lane = g_strdup(roll_lane_names[chooser->lane]);
    request->kind = g_strdup(chooser->kind);
    request->release = common_release(choice->order);
    request->from = g_strdup(chooser->history->live);
    request->targets = choice->order->targets->len;
    request->partial = chooser->options->targets || chooser->options->ring >= 0;
    request->seen = seen(chooser->history);
    request->overrides = overrides(chooser->used);
    request->parts = parts_of(choice->blobs);
}

/* ---- left behind ----------------------------------------------------------------------------- */

static bool is_goal(const struct roll_order *order, const char *version)
{
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (strcmp(target->release, version) == 0)
            return true;
    }
    return false;
}

static void append_text(char ***texts, const char *text)
{
    if (*texts && g_strv_contains((const char *const *)*texts, text))
        return;
    guint count = *texts ? g_strv_length(*texts) : 0;
    *texts = g_renew(char *, *texts, count + 2);
    (*texts)[count] = g_strdup(text);
    (*texts)[count + 1] = NULL;
}

struct roll_error *release_chooser_leave(struct release_chooser *chooser, const char *version)
{
    bool partial = chooser->options->targets || chooser->options->ring >= 0;
    if (!version || is_goal(chooser->choice->order, version))
        return NULL;
    const struct release_info *info = NULL;
    ROLL_TRY(release_history_info(chooser->history, version, &info));
    if (info->base) {
        release_chooser_note(
            chooser,
            "drops the live hotfix %s (of %s): its fix is gone until a release contains it",
            version, info->base);
        ROLL_TRY(release_reopen_hotfix(chooser, version));
    }
    if (info->bad != RELEASE_IS_BAD_HERE && (!partial || chooser->options->bad))
        append_text(&chooser->choice->request.bad, version);
    return NULL;
}

struct roll_error *release_chooser_leave_order(struct release_chooser *chooser,
                                               const struct roll_order *order, GHashTable *touched)
{
    g_autoptr(GHashTable) versions = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (g_hash_table_contains(touched, target->name) &&
            g_hash_table_add(versions, target->release))
            ROLL_TRY(release_chooser_leave(chooser, target->release));
    }
    return NULL;
}

/* ---- end ------------------------------------------------------------------------------------- */

static char **take_lines(GPtrArray *lines)
{
    g_ptr_array_set_free_func(lines, NULL);
    g_ptr_array_add(lines, NULL);
    char **copy = g_memdup2(lines->pdata, lines->len * sizeof(char *));
    g_ptr_array_set_size(lines, 0);
    return copy;
}

static struct roll_error *nothing(const struct release_chooser *chooser)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (chooser->clean)
        g_string_append_printf(text, "nothing to do in '%s': %u target%s already at the goal",
                               chooser->history->stream, chooser->clean,
                               chooser->clean == 1 ? " is" : "s are");
    else
        g_string_append_printf(text, "nothing to do in '%s'", chooser->history->stream);
    for (guint i = 0; i < chooser->notes->len; i++)
        g_string_append_printf(text, "; %s", (const char *)g_ptr_array_index(chooser->notes, i));
    return roll_error_new(ROLL_E_NOTHING, "%s", text->str);
}

struct roll_error *release_chooser_finish(struct release_chooser *chooser,
                                          struct roll_choice **ret_choice)
{
    release_chooser_close_groups(chooser);
    if (chooser->choice->blobs->len > RELEASE_MAX_PARTS)
        release_chooser_note(
            chooser,
            "%u parameter objects are new, more than an event can name: the rest stays "
            "in this copy of the ledger",
            chooser->choice->blobs->len);
    if (!chooser->choice->order->targets->len)
        return nothing(chooser);
    if (chooser->keeping)
        release_chooser_note(chooser,
                             "'%s' will be mixed: what is left out keeps the release that it has",
                             chooser->history->stream);
    struct roll_choice *choice = g_steal_pointer(&chooser->choice);
    govern_order(chooser, choice->order);
    struct roll_error *err = release_check_kept(chooser, choice);
    if (err) {
        roll_choice_free(choice);
        return err;
    }
    fill_request(chooser, choice);
    choice->skipped = take_lines(chooser->skipped);
    choice->notes = take_lines(chooser->notes);
    *ret_choice = choice;
    return NULL;
}
