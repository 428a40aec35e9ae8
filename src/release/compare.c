/* What an order would change, offline: two expansions, of what a target holds and of what it would
 * be sent. Links were made part of the template when the release was made, so that the ledger alone
 * is enough. */
#include "release/history.h"
#include "release/maker.h"

struct roll_differ {
    struct roll_ledger *ledger;      /* borrowed */
    const GPtrArray *blobs;          /* borrowed: of a choice that is not recorded yet, or NULL */
    struct release_history *history; /* of the environment */
    GHashTable *templates;           /* digest -> struct roll_template *: a fleet shares one */
};

static void free_template(gpointer tmpl)
{
    roll_template_free(tmpl);
}

static struct roll_error *differ_new(struct roll_ledger *ledger, const GPtrArray *blobs,
                                     const char *service, const char *environment,
                                     struct roll_differ **ret_differ)
{
    struct release_history *history = NULL;
    ROLL_TRY(release_history_read(ledger, service, environment, &history));
    struct roll_differ *differ = g_new0(struct roll_differ, 1);
    differ->ledger = ledger;
    differ->blobs = blobs;
    differ->history = history;
    differ->templates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_template);
    *ret_differ = differ;
    return NULL;
}

struct roll_error *roll_differ_new(struct roll_ledger *ledger, const struct roll_choice *choice,
                                   struct roll_differ **ret_differ)
{
    return differ_new(ledger, choice->blobs, choice->order->service, choice->order->environment,
                      ret_differ);
}

void roll_differ_free(struct roll_differ *differ)
{
    if (!differ)
        return;
    release_history_free(differ->history);
    g_hash_table_unref(differ->templates);
    g_free(differ);
}

/* ---- one side -------------------------------------------------------------------------------- */

static struct roll_error *template_of(struct roll_differ *differ, const char *digest,
                                      struct roll_template **ret_template)
{
    g_autoptr(GString) text = NULL;
    *ret_template = g_hash_table_lookup(differ->templates, digest);
    if (*ret_template)
        return NULL;
    ROLL_TRY(release_object_text(differ->ledger, differ->blobs, digest, &text));
    ROLL_TRY(roll_template_read(text->str, text->len, NULL, ret_template));
    g_hash_table_insert(differ->templates, g_strdup(digest), *ret_template);
    return NULL;
}

static struct roll_error *expand(struct roll_differ *differ, const struct roll_order_target *target,
                                 json_t **ret_resources)
{
    struct roll_template *tmpl = NULL;
    roll_auto(json) json_t *parameters = NULL;
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    ROLL_TRY(template_of(differ, target->template_digest, &tmpl));
    ROLL_TRY(
        release_object_json(differ->ledger, differ->blobs, target->parameters_digest, &parameters));
    const struct roll_template_input input = {.context = release_context(target),
                                              .parameters = parameters};
    ROLL_TRY(roll_template_expand(tmpl, &input, &expansion));
    *ret_resources = json_incref(expansion->resources);
    return NULL;
}

static struct roll_error *resources(struct roll_differ *differ,
                                    const struct roll_order_target *target, json_t **ret_resources)
{
    return roll_error_wrap(expand(differ, target, ret_resources), "while expanding '%s' for '%s'",
                           target->release, target->name);
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
    roll_auto(json) json_t *entry = NULL;
    ROLL_TRY(release_history_entry(history, had, name, &entry));
    if (!entry)
        return NULL;
    ROLL_TRY(release_manifest_order_target(manifest, info->manifest, history->environment, name,
                                           entry, ROLL_LANE_RELEASE, ret_made));
    *ret_target = *ret_made;
    return NULL;
}

static struct roll_error *held_resources(struct roll_differ *differ, const char *name,
                                         const char *had, json_t **ret_resources)
{
    struct roll_order_target *made = NULL;
    const struct roll_order_target *body = NULL;
    struct roll_error *err = held_body(differ->history, name, had, &made, &body);
    if (!err && body)
        err = resources(differ, body, ret_resources);
    else if (!err)
        *ret_resources = json_array();
    release_order_target_free(made);
    return err;
}

/* The body that the last rollout sent, where that did not succeed; else NULL. */
static struct roll_error *tried_body(struct roll_differ *differ,
                                     const struct roll_order_target *target,
                                     const struct roll_order_target **ret_body)
{
    const struct release_held *held = release_history_held(differ->history, target->name);
    *ret_body = NULL;
    if (target->had || !held || !held->dirty || !held->dirty_rollout)
        return NULL;
    return release_history_order_target(differ->history, held->dirty_rollout, target->name,
                                        ret_body);
}

struct roll_error *roll_differ_tried(struct roll_differ *differ,
                                     const struct roll_order_target *target,
                                     const char **ret_version)
{
    const struct roll_order_target *body = NULL;
    ROLL_TRY(tried_body(differ, target, &body));
    *ret_version = body ? body->release : NULL;
    return NULL;
}

struct roll_error *roll_differ_target(struct roll_differ *differ,
                                      const struct roll_order_target *target, json_t **ret_changes)
{
    roll_auto(json) json_t *before = NULL, *after = NULL;
    const struct roll_order_target *tried = NULL;
    ROLL_TRY(tried_body(differ, target, &tried));
    if (target->had)
        ROLL_TRY(held_resources(differ, target->name, target->had, &before));
    else if (tried)
        ROLL_TRY(resources(differ, tried, &before));
    else
        before = json_array();
    ROLL_TRY(resources(differ, target, &after));
    return roll_template_compare(before, after, ret_changes);
}

/* ---- two releases ---------------------------------------------------------------------------- */

static struct roll_error *recorded_resources(struct roll_differ *differ, const char *version,
                                             const char *name, json_t **ret_resources)
{
    struct release_history *history = differ->history;
    const struct release_info *info = NULL;
    const json_t *manifest = NULL;
    struct roll_order_target *body = NULL;
    ROLL_TRY(release_history_info(history, version, &info));
    ROLL_TRY(release_history_manifest(history, version, &manifest));
    roll_auto(json) json_t *entry = NULL;
    ROLL_TRY(release_history_entry(history, version, name, &entry));
    if (!entry) {
        *ret_resources = json_array();
        return NULL;
    }
    ROLL_TRY(release_manifest_order_target(manifest, info->manifest, history->environment, name,
                                           entry, ROLL_LANE_RELEASE, &body));
    struct roll_error *err = resources(differ, body, ret_resources);
    release_order_target_free(body);
    return err;
}

static struct roll_error *diff_target(struct roll_differ *differ, const char *name, const char *a,
                                      const char *b, json_t *diff)
{
    roll_auto(json) json_t *before = NULL, *after = NULL;
    json_t *changes = NULL;
    ROLL_TRY(recorded_resources(differ, a, name, &before));
    ROLL_TRY(recorded_resources(differ, b, name, &after));
    ROLL_TRY(roll_template_compare(before, after, &changes));
    json_object_set_new(diff, name, changes);
    return NULL;
}

static struct roll_error *diff_all(struct roll_differ *differ, const char *a, const char *b,
                                   json_t *diff)
{
    const char *versions[] = {a, b};
    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
        const GPtrArray *names = NULL;
        ROLL_TRY(release_history_names(differ->history, versions[i], &names));
        for (guint at = 0; at < names->len; at++) {
            const char *name = g_ptr_array_index(names, at);
            if (!json_object_get(diff, name))
                ROLL_TRY(diff_target(differ, name, a, b, diff));
        }
    }
    return NULL;
}

struct roll_error *roll_release_diff(struct roll_ledger *ledger, const char *service,
                                     const char *environment, const char *a, const char *b,
                                     json_t **ret_diff)
{
    roll_auto(differ) struct roll_differ *differ = NULL;
    roll_auto(json) json_t *diff = json_object();
    ROLL_TRY(differ_new(ledger, NULL, service, environment, &differ));
    ROLL_TRY(diff_all(differ, a, b, diff));
    *ret_diff = g_steal_pointer(&diff);
    return NULL;
}
