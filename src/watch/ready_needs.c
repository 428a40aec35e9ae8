/* What a release needs to be deployed again, from its manifest, its template and today's rules. */
#include <inttypes.h>
#include <string.h>

#include "watch/ready.h"

/* Of a fleet's scopes so many are asked about: they share their roles and locks with their ring. */
enum { SCOPES_MAX = 100 };

struct needs {
    struct ready_check *check;
    struct ready_release *release;
    struct roll_order_target *first; /* a place to ask from about what no target owns */
};

/* ---- the ledger's own bytes ----------------------------------------------------------------- */

/* Reading an object verifies it. */
static void need_object(struct needs *needs, const char *what, const char *digest,
                        const char *target)
{
    struct ready_check *check = needs->check;
    GString *data = NULL;

    if (!digest)
        return;
    struct ready_item *item = ready_check_item(check, &ready_object, digest, NULL, NULL, NULL);
    if (!item->fresh) {
        struct roll_error *err = roll_ledger_object(check->options->ledger, digest, &data);
        if (err)
            ready_item_say(item, READY_DEAD, g_strdup_printf("%s: %s", what, err->message),
                           g_strdup(roll_error_code(err) == ROLL_E_NOT_FOUND
                                        ? "it is not to be had any more: roll mark VERSION bad"
                                        : "roll ledger verify"));
        roll_error_free(err);
        if (data)
            g_string_free(data, TRUE);
        item->fresh = true;
    }
    ready_release_use(needs->release, item, target);
}

static void need_objects(struct needs *needs)
{
    const json_t *manifest = needs->release->manifest, *linked;
    size_t index;

    need_object(needs, "the template", roll_json_get_string(manifest, "template"), NULL);
    json_array_foreach (json_object_get(manifest, "linked"), index, linked)
        need_object(needs, "a linked template", roll_json_get_string(linked, "digest"), NULL);
}

/* A place outside of the ledger, with what it was when the release was made, if that is known. */
static struct ready_item *place_item(struct needs *needs, const struct ready_kind *kind,
                                     const char *place)
{
    const json_t *seen = json_object_get(json_object_get(needs->release->manifest, "seen"), place);

    return ready_check_item(needs->check, kind, place, roll_json_get_string(seen, "mark"),
                            roll_json_get_string(seen, "at"), needs->first);
}

/* ---- artifacts ------------------------------------------------------------------------------ */

/* The tag that led to the digest when the release was made. */
static void need_tag(struct needs *needs, const char *name, const char *reference)
{
    const char *tag = roll_json_get_string(json_object_get(needs->release->manifest, "tags"), name);
    const char *at = strchr(reference, '@');

    if (!tag)
        return;
    g_autofree char *repository = g_strndup(reference, (gsize)(at - reference));
    ready_release_use(
        needs->release,
        ready_check_item(needs->check, &ready_tag, repository, tag, at + 1, needs->first), NULL);
}

static void need_gallery(struct needs *needs, const char *reference)
{
    const struct roll_plan_environment *environment = needs->check->options->environment;

    for (guint i = 0; i < needs->release->targets->len; i++) {
        const char *target = g_ptr_array_index(needs->release->targets, i);
        const struct roll_plan_target *planned = roll_plan_target_find(environment, target);
        const char *location = planned->location ? planned->location : "";
        ready_release_use(
            needs->release,
            ready_check_item(needs->check, &ready_gallery, reference, location, NULL, needs->first),
            target);
    }
}

static void need_artifact(struct needs *needs, const char *name, const json_t *artifact)
{
    const char *kind = roll_json_get_string(artifact, "kind");
    const char *reference = roll_json_get_string(artifact, "reference");
    bool image = g_strcmp0(kind, "image") == 0;

    if (!reference || (image && !strchr(reference, '@')))
        return; /* nothing immutable: made by hand */
    if (g_strcmp0(kind, "gallery-image") == 0) {
        need_gallery(needs, reference);
        return;
    }
    ready_release_use(
        needs->release,
        image ? ready_check_item(needs->check, &ready_image, reference, NULL, NULL, needs->first)
              : place_item(needs, &ready_address, reference),
        NULL);
    if (image)
        need_tag(needs, name, reference);
}

static void need_artifacts(struct needs *needs)
{
    const char *name;
    json_t *artifact;

    json_object_foreach (json_object_get(needs->release->manifest, "artifacts"), name, artifact)
        need_artifact(needs, name, artifact);
}

/* ---- secrets -------------------------------------------------------------------------------- */

#define VAULT_ACTION "Microsoft.KeyVault/vaults/deploy/action"

/* ARM fetches a reference's value for who deploys, if he may. */
static void need_vault(struct needs *needs, const char *id, const char *target,
                       const struct roll_order_target *place)
{
    if (g_ascii_strncasecmp(id, "/subscriptions/", strlen("/subscriptions/")) == 0)
        ready_release_use(
            needs->release,
            ready_check_item(needs->check, &ready_role, id, VAULT_ACTION, NULL, place), target);
}

static void need_secrets(struct needs *needs, const json_t *entry, const char *target,
                         const struct roll_order_target *place)
{
    size_t index;
    const json_t *secret;

    json_array_foreach (json_object_get(entry, "secrets"), index, secret) {
        const char *id = roll_json_get_string(secret, "vault");
        const char *name = roll_json_get_string(secret, "secret");
        const char *version = roll_json_get_string(secret, "version");
        const char *last = id ? strrchr(id, '/') : NULL;
        if (!last || !last[1] || !name)
            continue;
        ready_release_use(needs->release,
                          ready_check_item(needs->check, &ready_secret, last + 1, name,
                                           version ? version : "", place),
                          target);
        need_vault(needs, id, target, place);
    }
}

/* ---- what the template names ---------------------------------------------------------------- */

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The actions that a deployment of it takes inside its target's scope. Sorted, with commas. */
static char *actions_of(const struct ready_template *tmpl, bool stack, bool denies)
{
    g_autoptr(GPtrArray) actions = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer type;

    g_ptr_array_add(actions, g_strdup(stack ? "Microsoft.Resources/deploymentStacks/write"
                                            : "Microsoft.Resources/deployments/write"));
    if (denies)
        g_ptr_array_add(actions,
                        g_strdup("Microsoft.Resources/deploymentStacks/manageDenySetting/action"));
    g_hash_table_iter_init(&iter, tmpl->types);
    while (g_hash_table_iter_next(&iter, &type, NULL))
        if (g_ascii_strcasecmp(type, "Microsoft.Resources/resourceGroups") == 0)
            g_ptr_array_add(actions,
                            g_strdup("Microsoft.Resources/subscriptions/resourceGroups/write"));
        else
            g_ptr_array_add(actions, g_strconcat(type, "/write", NULL));
    g_ptr_array_sort(actions, compare_texts);
    g_ptr_array_add(actions, NULL);
    return g_strjoinv(",", (char **)actions->pdata);
}

static void need_versions(struct needs *needs, const struct ready_template *tmpl)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, tmpl->versions);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        g_auto(GStrv) words = g_strsplit(key, "\n", 3);
        ready_release_use(needs->release,
                          ready_check_item(needs->check, &ready_version, words[0], words[1],
                                           words[2], needs->first),
                          NULL);
    }
    g_hash_table_iter_init(&iter, tmpl->links);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        ready_release_use(needs->release, place_item(needs, &ready_link, key), NULL);
}

/* ---- scopes --------------------------------------------------------------------------------- */

static bool is_sampled(guint index, guint all)
{
    return all <= SCOPES_MAX || index * SCOPES_MAX / all != (index + 1) * SCOPES_MAX / all;
}

static void need_scope(struct needs *needs, const char *target, const char *actions,
                       const struct roll_order_target *place)
{
    const struct roll_arm_scope scope = {place->scope, place->subscription, place->resource_group,
                                         place->management_group};
    g_autofree char *id = roll_arm_scope_path(&scope);
    bool lockable = place->scope == ROLL_SCOPE_GROUP || place->scope == ROLL_SCOPE_SUBSCRIPTION;

    if (!*id)
        return; /* the tenant has neither */
    ready_release_use(needs->release,
                      ready_check_item(needs->check, &ready_role, id, actions, NULL, place),
                      target);
    if (!lockable)
        return;
    ready_release_use(needs->release,
                      ready_check_item(needs->check, &ready_lock, id, NULL, NULL, place), target);
    if (place->scope == ROLL_SCOPE_GROUP)
        ready_release_use(needs->release,
                          ready_check_item(needs->check, &ready_lock_below, id, NULL, NULL, place),
                          target);
}

/* ---- rules of today ------------------------------------------------------------------------- */

struct rules {
    struct needs *needs;
    int64_t data_version;
};

static struct roll_error *see_data(void *user, const struct roll_release_row *row)
{
    ((struct rules *)user)->data_version = row->data_version;
    return NULL;
}

static void bar(struct needs *needs, const char *target, char *why, char *next)
{
    struct ready_release *release = needs->release;
    struct ready_item *item = ready_check_item(needs->check, &ready_rule, release->version,
                                               target ? target : "", NULL, NULL);

    ready_item_say(item, READY_DEAD, why, next);
    item->fresh = true;
    ready_release_use(release, item, target);
}

static bool has_target(const struct ready_release *release, const char *name, const char **ret_name)
{
    guint index;
    bool there = g_ptr_array_find_with_equal_func(release->targets, name, g_str_equal, &index);

    *ret_name = there ? g_ptr_array_index(release->targets, index) : NULL;
    return there;
}

static struct roll_error *see_floor(void *user, const struct roll_target_row *row)
{
    struct rules *rules = user;
    const char *target;

    if (row->floor > rules->data_version && has_target(rules->needs->release, row->target, &target))
        bar(rules->needs, target,
            g_strdup_printf("it is made for data version %" PRId64
                            ", below the data floor %" PRId64,
                            rules->data_version, row->floor),
            g_strdup_printf("roll mark ENV floor %" PRId64
                            " --reason TEXT   only if the data were taken back",
                            rules->data_version));
    return NULL;
}

static struct roll_error *need_rules(struct needs *needs)
{
    struct roll_ledger *ledger = needs->check->options->ledger;
    const char *service = needs->check->options->plan->service, *where = NULL;
    struct rules rules = {.needs = needs};

    ROLL_TRY(roll_ledger_release(ledger, service, needs->release->version, see_data, &rules));
    ROLL_TRY(roll_ledger_targets(ledger, needs->check->stream, NULL, see_floor, &rules));
    ROLL_TRY(roll_ledger_bad(ledger, needs->check->stream, needs->release->version, &where));
    if (where)
        bar(needs, NULL,
            g_strdup_printf("it is marked bad%s",
                            strcmp(where, "here") == 0 ? " here" : " for the whole service"),
            g_strdup_printf("roll mark %s good", needs->release->version));
    return NULL;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void need_target(struct needs *needs, const struct ready_template *tmpl, guint index)
{
    struct ready_release *release = needs->release;
    const struct roll_plan_environment *environment = needs->check->options->environment;
    const char *target = g_ptr_array_index(release->targets, index);
    const struct roll_plan_target *planned = roll_plan_target_find(environment, target);
    const json_t *entry = ready_entry_of(environment, target, release->manifest);
    struct roll_order_target *place = ready_place_of(environment, planned, release->manifest);
    bool stack = g_strcmp0(roll_json_get_string(entry, "apply"), "stack") == 0;
    g_autofree char *actions =
        actions_of(tmpl, stack, stack && json_object_get(entry, "denySettings"));

    need_object(needs, "the recorded parameters", roll_json_get_string(entry, "parameters"),
                target);
    need_secrets(needs, entry, target, place);
    if (is_sampled(index, release->targets->len))
        need_scope(needs, target, actions, place);
    ready_place_free(place);
}

struct roll_error *ready_find_needs(struct ready_check *check, struct ready_release *release)
{
    const struct roll_plan_environment *environment = check->options->environment;
    const struct ready_template *tmpl = NULL;
    struct needs needs = {check, release, NULL};

    if (!release->manifest || release->targets->len == 0)
        return need_rules(&needs);
    ROLL_TRY(ready_template_read(check, release, &tmpl));
    needs.first = ready_place_of(
        environment, roll_plan_target_find(environment, g_ptr_array_index(release->targets, 0)),
        release->manifest);
    need_objects(&needs);
    need_versions(&needs, tmpl);
    need_artifacts(&needs);
    for (guint i = 0; i < release->targets->len; i++)
        need_target(&needs, tmpl, i);
    ready_place_free(needs.first);
    return need_rules(&needs);
}
