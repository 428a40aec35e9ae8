/* What an order would change, offline: two expansions, of what a target holds and of what it would
 * be sent. Links were made part of the template when the release was made, so that the ledger alone
 * is enough. */
#include "release/history.h"
#include "release/maker.h"

/* ---- one side -------------------------------------------------------------------------------- */

static struct roll_error *expand(struct roll_ledger *ledger, const GPtrArray *blobs,
                                 const struct roll_order_target *target, json_t **ret_resources)
{
    g_autoptr(GString) text = NULL;
    roll_auto(template) struct roll_template *tmpl = NULL;
    roll_auto(json) json_t *parameters = NULL;
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    ROLL_TRY(release_object_text(ledger, blobs, target->template_digest, &text));
    ROLL_TRY(roll_template_read(text->str, text->len, NULL, &tmpl));
    ROLL_TRY(release_object_json(ledger, blobs, target->parameters_digest, &parameters));
    const struct roll_template_input input = {.context = release_context(target),
                                              .parameters = parameters};
    ROLL_TRY(roll_template_expand(tmpl, &input, &expansion));
    *ret_resources = json_incref(expansion->resources);
    return NULL;
}

struct roll_error *roll_release_resources(struct roll_ledger *ledger,
                                          const struct roll_order_target *target,
                                          json_t **ret_resources)
{
    return roll_error_wrap(expand(ledger, NULL, target, ret_resources),
                           "while expanding '%s' for '%s'", target->release, target->name);
}

/* ---- what a target holds --------------------------------------------------------------------- */

/* The body that was sent: the order of the rollout that put it there, else what the release
 * recorded. *ret_target is NULL when neither says anything. Owned by the history's order or by
 * *ret_made. */
static struct roll_error *held_body(struct release_history *history, const char *name,
                                    const char *had, struct roll_order_target **ret_made,
                                    const struct roll_order_target **ret_target)
{
    const struct release_held *held = release_history_held(history, name);
    *ret_target = NULL;
    if (held && held->rollout && g_strcmp0(held->release, had) == 0)
        ROLL_TRY(release_history_order_target(history, held->rollout, name, ret_target));
    if (*ret_target)
        return NULL;
    const struct release_info *info = NULL;
    const json_t *manifest = NULL;
    ROLL_TRY(release_history_info(history, had, &info));
    ROLL_TRY(release_history_manifest(history, had, &manifest));
    const json_t *entry = release_manifest_target(manifest, history->environment, name);
    if (!entry)
        return NULL;
    ROLL_TRY(release_manifest_order_target(manifest, info->manifest, history->environment, name,
                                           entry, ROLL_LANE_RELEASE, ret_made));
    *ret_target = *ret_made;
    return NULL;
}

static struct roll_error *held_resources(struct release_history *history, const char *name,
                                         const char *had, json_t **ret_resources)
{
    struct roll_order_target *made = NULL;
    const struct roll_order_target *body = NULL;
    struct roll_error *err = held_body(history, name, had, &made, &body);
    if (!err && body)
        err = roll_release_resources(history->ledger, body, ret_resources);
    else if (!err)
        *ret_resources = json_array();
    release_order_target_free(made);
    return err;
}

static struct roll_error *order_diff(struct roll_ledger *ledger, const GPtrArray *blobs,
                                     const struct roll_order *order,
                                     const struct roll_order_target *target, json_t **ret_changes)
{
    roll_auto(json) json_t *before = NULL, *after = NULL;
    roll_auto(release_history) struct release_history *history = NULL;
    if (target->had) {
        ROLL_TRY(release_history_read(ledger, order->service, order->environment, &history));
        ROLL_TRY(held_resources(history, target->name, target->had, &before));
    } else {
        before = json_array();
    }
    ROLL_TRY(roll_error_wrap(expand(ledger, blobs, target, &after), "while expanding '%s' for '%s'",
                             target->release, target->name));
    return roll_template_compare(before, after, ret_changes);
}

struct roll_error *roll_order_diff(struct roll_ledger *ledger, const struct roll_order *order,
                                   const struct roll_order_target *target, json_t **ret_changes)
{
    return order_diff(ledger, NULL, order, target, ret_changes);
}

struct roll_error *roll_choice_diff(struct roll_ledger *ledger, const struct roll_choice *choice,
                                    const struct roll_order_target *target, json_t **ret_changes)
{
    return order_diff(ledger, choice->blobs, choice->order, target, ret_changes);
}

/* ---- two releases ---------------------------------------------------------------------------- */

static struct roll_error *recorded_resources(struct release_history *history, const char *version,
                                             const char *name, json_t **ret_resources)
{
    const struct release_info *info = NULL;
    const json_t *manifest = NULL;
    struct roll_order_target *body = NULL;
    ROLL_TRY(release_history_info(history, version, &info));
    ROLL_TRY(release_history_manifest(history, version, &manifest));
    const json_t *entry = release_manifest_target(manifest, history->environment, name);
    if (!entry) {
        *ret_resources = json_array();
        return NULL;
    }
    ROLL_TRY(release_manifest_order_target(manifest, info->manifest, history->environment, name,
                                           entry, ROLL_LANE_RELEASE, &body));
    struct roll_error *err = roll_release_resources(history->ledger, body, ret_resources);
    release_order_target_free(body);
    return err;
}

static struct roll_error *diff_target(struct release_history *history, const char *name,
                                      const char *a, const char *b, json_t *diff)
{
    roll_auto(json) json_t *before = NULL, *after = NULL;
    json_t *changes = NULL;
    ROLL_TRY(recorded_resources(history, a, name, &before));
    ROLL_TRY(recorded_resources(history, b, name, &after));
    ROLL_TRY(roll_template_compare(before, after, &changes));
    json_object_set_new(diff, name, changes);
    return NULL;
}

static struct roll_error *diff_all(struct release_history *history, const char *a, const char *b,
                                   json_t *diff)
{
    const char *versions[] = {a, b};
    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
        const json_t *manifest = NULL;
        const char *name;
        json_t *entry;
        ROLL_TRY(release_history_manifest(history, versions[i], &manifest));
        const json_t *targets = release_manifest_targets(manifest, history->environment);
        json_object_foreach ((json_t *)(uintptr_t)targets, name, entry)
            if (!json_object_get(diff, name))
                ROLL_TRY(diff_target(history, name, a, b, diff));
    }
    return NULL;
}

struct roll_error *roll_release_diff(struct roll_ledger *ledger, const char *service,
                                     const char *environment, const char *a, const char *b,
                                     json_t **ret_diff)
{
    roll_auto(release_history) struct release_history *history = NULL;
    roll_auto(json) json_t *diff = json_object();
    ROLL_TRY(release_history_read(ledger, service, environment, &history));
    ROLL_TRY(diff_all(history, a, b, diff));
    *ret_diff = g_steal_pointer(&diff);
    return NULL;
}
