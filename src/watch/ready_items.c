/* Findings, uses and releases as containers: everything that one check holds. */
#include <string.h>

#include "rollbook/digest.h"
#include "watch/ready.h"

const char *const ready_words[] = {"ready", "degraded", "dead"};

/* What needs no question: judged when it is made. */
const struct ready_kind ready_object = {"object", 0, NULL, NULL, NULL};
const struct ready_kind ready_rule = {"rule", 0, NULL, NULL, NULL};

/* ---- places --------------------------------------------------------------------------------- */

void ready_place_free(struct roll_order_target *place)
{
    if (!place)
        return;
    g_free(place->cloud);
    g_free(place->tenant);
    g_free(place->credential);
    g_free(place->subscription);
    g_free(place->resource_group);
    g_free(place->management_group);
    g_free(place->location);
    g_free(place);
}

static struct roll_order_target *place_copy(const struct roll_order_target *from)
{
    struct roll_order_target *place = g_new0(struct roll_order_target, 1);

    place->scope = from->scope;
    place->cloud = g_strdup(from->cloud);
    place->tenant = g_strdup(from->tenant);
    place->credential = g_strdup(from->credential);
    place->subscription = g_strdup(from->subscription);
    place->resource_group = g_strdup(from->resource_group);
    place->management_group = g_strdup(from->management_group);
    place->location = g_strdup(from->location);
    return place;
}

static enum roll_scope_kind kind_of(const char *name)
{
    static const char *const names[] = {[ROLL_SCOPE_GROUP] = "resourceGroup",
                                        [ROLL_SCOPE_SUBSCRIPTION] = "subscription",
                                        [ROLL_SCOPE_MANAGEMENT_GROUP] = "managementGroup"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_strcmp0(names[i], name) == 0)
            return (enum roll_scope_kind)i;
    return ROLL_SCOPE_TENANT;
}

static char *text_of(const json_t *scope, const char *member)
{
    return g_strdup(roll_json_get_string(scope, member));
}

/* Where it goes was recorded; how one signs in is a matter of today. */
struct roll_order_target *ready_place_of(const struct roll_plan_environment *environment,
                                         const struct roll_plan_target *planned,
                                         const json_t *manifest)
{
    const char *lane = environment->lanes[ROLL_LANE_ROLLBACK].credential;
    const json_t *scope =
        json_object_get(ready_entry_of(environment, planned->name, manifest), "scope");
    struct roll_order_target *place = g_new0(struct roll_order_target, 1);

    place->scope = kind_of(roll_json_get_string(scope, "kind"));
    place->cloud = text_of(scope, "cloud");
    place->tenant = text_of(scope, "tenant");
    place->credential = g_strdup(lane ? lane : planned->credential);
    place->subscription = text_of(scope, "subscription");
    place->resource_group = text_of(scope, "resourceGroup");
    place->management_group = text_of(scope, "managementGroup");
    place->location = text_of(scope, "location");
    return place;
}

const json_t *ready_entry_of(const struct roll_plan_environment *environment, const char *target,
                             const json_t *manifest)
{
    const json_t *recorded =
        json_object_get(json_object_get(manifest, "environments"), environment->name);

    return json_object_get(json_object_get(recorded, "targets"), target);
}

/* ---- items ---------------------------------------------------------------------------------- */

/* A long text (a list of actions) counts by its digest. */
static char *key_of(const struct ready_kind *kind, const char *const *texts)
{
    g_autoptr(GString) key = g_string_new(kind->name);
    char hex[ROLL_HEX_SIZE];

    for (int i = 0; i < READY_TEXTS; i++) {
        if (!texts[i])
            continue;
        g_string_append_c(key, ' ');
        if (strlen(texts[i]) <= 512) {
            g_string_append(key, texts[i]);
            continue;
        }
        roll_sha256_hex(texts[i], strlen(texts[i]), hex);
        g_string_append_printf(key, "sha256:%s", hex);
    }
    return g_string_free(g_steal_pointer(&key), FALSE);
}

/* A rule names the release itself; what a long list of actions says is in the finding. */
static char *subject_of(const struct ready_kind *kind, const char *const *texts)
{
    const char *a = texts[0] ? texts[0] : kind->name, *b = texts[1], *c = texts[2];

    if (kind == &ready_secret)
        return g_strdup_printf("secret %s/%s%s%s", a, b, *c ? "/" : "", c);
    if (kind == &ready_version)
        return g_strdup_printf("%s@%s", b, c);
    if (kind == &ready_tag)
        return g_strdup_printf("%s:%s", a, b);
    if (kind == &ready_validate || kind == &ready_forecast)
        return g_strdup("drill");
    return g_strdup(a);
}

struct ready_item *ready_item_new(const struct ready_kind *kind, const char *a, const char *b,
                                  const char *c, const struct roll_order_target *via)
{
    struct ready_item *item = g_new0(struct ready_item, 1);
    const char *texts[READY_TEXTS] = {a, b, c};

    item->kind = kind;
    item->key = key_of(kind, texts);
    item->subject = subject_of(kind, texts);
    for (int i = 0; i < READY_TEXTS; i++)
        item->texts[i] = g_strdup(texts[i]);
    item->via = via ? place_copy(via) : NULL;
    return item;
}

void ready_item_free(struct ready_item *item)
{
    g_free(item->key);
    g_free(item->subject);
    for (int i = 0; i < READY_TEXTS; i++)
        g_free(item->texts[i]);
    ready_place_free(item->via);
    g_free(item->why);
    g_free(item->next);
    g_free(item->mark);
    json_decref(item->facts);
    g_free(item);
}

void ready_item_say(struct ready_item *item, enum ready_state state, char *why, char *next)
{
    if (state < item->state || (state == item->state && item->why)) {
        g_free(why);
        g_free(next);
        return;
    }
    g_free(item->why);
    g_free(item->next);
    item->state = state;
    item->why = why;
    item->next = next;
}

void ready_item_unasked(struct ready_item *item, const struct roll_arm_reply *reply, char *next)
{
    const char *text = reply->message ? reply->message : reply->code;

    item->unasked = true;
    if (reply->outcome != ROLL_ARM_REFUSED && reply->outcome != ROLL_ARM_NO_TOKEN)
        g_clear_pointer(&next, g_free);
    ready_item_say(item, READY_DEGRADED,
                   g_strdup_printf("could not be asked: %s", text ? text : "no answer"), next);
}

char *ready_item_question(const struct ready_item *item)
{
    return g_strdup_printf("%s %s", item->kind->name, item->texts[0]);
}

/* ---- releases ------------------------------------------------------------------------------- */

struct ready_release *ready_release_new(const char *version)
{
    struct ready_release *release = g_new0(struct ready_release, 1);

    release->version = g_strdup(version);
    release->targets = g_ptr_array_new_with_free_func(g_free);
    release->uses = g_array_new(FALSE, FALSE, sizeof(struct ready_use));
    return release;
}

static void release_free(gpointer data)
{
    struct ready_release *release = data;

    g_free(release->version);
    g_free(release->digest);
    json_decref(release->manifest);
    g_ptr_array_unref(release->targets);
    g_array_unref(release->uses);
    g_free(release->was);
    json_decref(release->last);
    g_clear_pointer(&release->worst, g_hash_table_unref);
    g_free(release);
}

void ready_release_use(struct ready_release *release, struct ready_item *item, const char *target)
{
    struct ready_use use = {item, target};

    g_array_append_val(release->uses, use);
}

/* ---- the check ------------------------------------------------------------------------------ */

static void item_free(gpointer data)
{
    ready_item_free(data);
}

static void template_free(gpointer data)
{
    ready_template_free(data);
}

struct ready_check *ready_check_new(const struct roll_ready_options *options)
{
    struct ready_check *check = g_new0(struct ready_check, 1);

    check->options = options;
    check->stream = g_strdup_printf("%s/%s", options->plan->service, options->environment->name);
    check->releases = g_ptr_array_new_with_free_func(release_free);
    check->items = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, item_free);
    check->templates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, template_free);
    return check;
}

void ready_check_free(struct ready_check *check)
{
    if (!check)
        return;
    g_free(check->stream);
    g_ptr_array_unref(check->releases);
    g_hash_table_unref(check->items);
    g_hash_table_unref(check->templates);
    roll_choice_free(check->choice);
    g_clear_pointer(&check->known, g_hash_table_unref);
    g_free(check->no_goal);
    g_free(check);
}

struct ready_item *ready_check_item(struct ready_check *check, const struct ready_kind *kind,
                                    const char *a, const char *b, const char *c,
                                    const struct roll_order_target *via)
{
    const char *texts[READY_TEXTS] = {a, b, c};
    g_autofree char *key = key_of(kind, texts);
    struct ready_item *item = g_hash_table_lookup(check->items, key);

    if (!item) {
        item = ready_item_new(kind, a, b, c, via);
        g_hash_table_insert(check->items, item->key, item);
    }
    return item;
}
