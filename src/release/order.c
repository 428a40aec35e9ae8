/* Orders as canonical JSON: what one rollout does to each target. Tables say which member is called
 * what, so that writer and reader cannot drift apart. Members that the reader does not know are
 * ignored: newer programs may add some. */
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>

#include "release/internal.h"

#define MAX_TARGETS 100000

struct text_field {
    const char *name;
    size_t offset;
    bool required;
};

#define TARGET(member, name, required)                                                             \
    {                                                                                              \
        name, offsetof(struct roll_order_target, member), required                                 \
    }
static const struct text_field target_texts[] = {
    TARGET(name, "name", true),
    TARGET(release, "release", true),
    TARGET(manifest, "manifest", true),
    TARGET(template_digest, "template", true),
    TARGET(parameters_digest, "parameters", true),
    TARGET(cloud, "cloud", false),
    TARGET(tenant, "tenant", false),
    TARGET(subscription, "subscription", false),
    TARGET(credential, "credential", false),
    TARGET(auxiliary_tenants, "auxiliaryTenants", false),
    TARGET(resource_group, "resourceGroup", false),
    TARGET(management_group, "managementGroup", false),
    TARGET(location, "location", false),
    TARGET(apply, "apply", true),
    TARGET(deployment_name, "deploymentName", false),
    TARGET(had, "had", false),
};
#undef TARGET

#define ORDER(member, name)                                                                        \
    {                                                                                              \
        name, offsetof(struct roll_order, member), true                                            \
    }
static const struct text_field order_texts[] = {
    ORDER(service, "service"),
    ORDER(environment, "environment"),
    ORDER(kind, "kind"),
};
#undef ORDER

static void texts_write(json_t *value, const void *object, const struct text_field *fields,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = *(char *const *)((const char *)object + fields[i].offset);
        if (text)
            json_object_set_new(value, fields[i].name, json_string(text));
    }
}

static struct roll_error *texts_read(const json_t *value, void *object,
                                     const struct text_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = roll_json_get_string(value, fields[i].name);
        if (!text && fields[i].required)
            return roll_error_new(ROLL_E_INVALID, "'%s' is missing", fields[i].name);
        *(char **)((char *)object + fields[i].offset) = g_strdup(text);
    }
    return NULL;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void free_target(gpointer target)
{
    release_order_target_free(target);
}

struct roll_order *roll_order_new(void)
{
    struct roll_order *order = g_new0(struct roll_order, 1);
    order->targets = g_ptr_array_new_with_free_func(free_target);
    order->health = g_ptr_array_new();
    return order;
}

void roll_order_free(struct roll_order *order)
{
    if (!order)
        return;
    g_free(order->service);
    g_free(order->environment);
    g_free(order->kind);
    g_ptr_array_unref(order->targets);
    /* Whoever fills the array need not know the destructor. */
    g_ptr_array_set_free_func(order->health, NULL);
    for (guint i = 0; i < order->health->len; i++)
        release_health_free(g_ptr_array_index(order->health, i));
    g_ptr_array_unref(order->health);
    g_strfreev(order->keep);
    g_strfreev(order->prune);
    g_strfreev(order->parts);
    g_free(order);
}

/* ---- write ----------------------------------------------------------------------------------- */

static json_t *target_write(const struct roll_order_target *target)
{
    json_t *value = json_object();
    texts_write(value, target, target_texts, G_N_ELEMENTS(target_texts));
    json_object_set_new(value, "scope", json_string(release_scope_names[target->scope]));
    json_object_set_new(value, "ring", json_integer(target->ring));
    if (target->floor)
        json_object_set_new(value, "floor", json_integer(target->floor));
    if (target->create_group)
        json_object_set_new(value, "createGroup", json_true());
    if (target->delete_unmanaged)
        json_object_set_new(value, "deleteUnmanaged", json_true());
    if (target->deny_settings)
        json_object_set(value, "denySettings", target->deny_settings);
    if (target->steps->len)
        json_object_set_new(value, "steps", release_steps_write(target->steps));
    return value;
}

static json_t *head_write(const struct roll_order *order)
{
    json_t *value = json_object();
    texts_write(value, order, order_texts, G_N_ELEMENTS(order_texts));
    json_object_set_new(value, "lane", json_string(roll_lane_names[order->lane]));
    json_object_set_new(value, "rings", json_integer(order->rings));
    json_object_set_new(value, "maxParallel", json_integer(order->max_parallel));
    json_object_set_new(value, "maxFailures", json_integer(order->max_failures));
    json_object_set_new(value, "bakeMs", json_integer(order->bake_ms));
    if (order->health->len)
        json_object_set_new(value, "health", release_health_write(order->health));
    if (order->health_reports_only)
        json_object_set_new(value, "healthReportsOnly", json_true());
    if (order->back_on_failure)
        json_object_set_new(value, "backOnFailure", json_true());
    if (order->keep && order->keep[0])
        json_object_set_new(value, "keep", release_texts_write(order->keep));
    if (order->parts)
        json_object_set_new(value, "parts", release_texts_write(order->parts));
    if (order->prune)
        json_object_set_new(value, "prune", release_texts_write(order->prune));
    return value;
}

/* One target at a time: a fleet's targets as one value would take five times the text. "targets"
 * sorts behind all other members, so that what is appended is canonical. */
struct roll_error *roll_order_write(const struct roll_order *order, GString **ret_text)
{
    roll_auto(json) json_t *head = head_write(order);
    g_autoptr(GString) text = NULL;

    ROLL_TRY(roll_json_canonical(head, &text));
    g_string_truncate(text, text->len - 1);
    g_string_append(text, ",\"targets\":[");
    for (guint i = 0; i < order->targets->len; i++) {
        roll_auto(json) json_t *value = target_write(g_ptr_array_index(order->targets, i));
        g_autoptr(GString) target = NULL;
        ROLL_TRY(roll_json_canonical(value, &target));
        if (i > 0)
            g_string_append_c(text, ',');
        g_string_append_len(text, target->str, (gssize)target->len);
    }
    g_string_append(text, "]}");
    *ret_text = g_steal_pointer(&text);
    return NULL;
}

/* ---- read ------------------------------------------------------------------------------------ */

static struct roll_error *number_read(const json_t *value, const char *name, int64_t min,
                                      int64_t max, int64_t *ret_number)
{
    const json_t *member = json_object_get(value, name);
    if (!member && min <= 0) { /* a member of the value 0 is left out */
        *ret_number = 0;
        return NULL;
    }
    if (!json_is_integer(member) || json_integer_value(member) < min ||
        json_integer_value(member) > max)
        return roll_error_new(ROLL_E_INVALID, "'%s' is not a number from %" PRId64 " to %" PRId64,
                              name, min, max);
    *ret_number = json_integer_value(member);
    return NULL;
}

static struct roll_error *int_read(const json_t *value, const char *name, int min, int *ret_number)
{
    int64_t number = 0;
    ROLL_TRY(number_read(value, name, min, INT_MAX, &number));
    *ret_number = (int)number;
    return NULL;
}

static struct roll_error *target_read(const json_t *value, struct roll_order_target *target)
{
    ROLL_TRY(texts_read(value, target, target_texts, G_N_ELEMENTS(target_texts)));
    const char *digests[] = {target->manifest, target->template_digest, target->parameters_digest};
    for (size_t i = 0; i < G_N_ELEMENTS(digests); i++)
        if (!roll_hex_is_digest(digests[i]))
            return roll_error_new(ROLL_E_INVALID, "'%s' is not a digest", digests[i]);
    ROLL_TRY(release_scope_find(roll_json_get_string(value, "scope"), &target->scope));
    ROLL_TRY(int_read(value, "ring", 0, &target->ring));
    ROLL_TRY(number_read(value, "floor", 0, INT64_MAX, &target->floor));
    target->create_group = json_is_true(json_object_get(value, "createGroup"));
    target->delete_unmanaged = json_is_true(json_object_get(value, "deleteUnmanaged"));
    target->deny_settings = json_incref(json_object_get(value, "denySettings"));
    g_autoptr(GPtrArray) steps = NULL;
    ROLL_TRY(release_steps_read(json_object_get(value, "steps"), &steps));
    g_ptr_array_unref(target->steps);
    target->steps = g_steal_pointer(&steps);
    return NULL;
}

static struct roll_error *wrap_target(struct roll_error *err,
                                      const struct roll_order_target *target)
{
    return roll_error_wrap(err, "target '%s' of the order",
                           target->name ? target->name : "without a name");
}

static struct roll_error *each_target(void *data, const char *within, const char *name,
                                      const json_t *value)
{
    (void)within, (void)name;
    struct roll_order *order = data;
    struct roll_order_target *target = release_order_target_new();

    g_ptr_array_add(order->targets, target);
    if (order->targets->len > MAX_TARGETS)
        return roll_error_new(ROLL_E_INVALID, "more than %d targets", MAX_TARGETS);
    struct roll_error *err = target_read(value, target);
    return err ? wrap_target(err, target) : NULL;
}

/* What roll_json_parse_each hands each target to. */
typedef struct roll_error *(*element_fn)(void *data, const char *within, const char *name,
                                         const json_t *value);

struct passing {
    roll_order_target_fn fn;
    void *user;
};

static struct roll_error *pass_target(void *data, const char *within, const char *name,
                                      const json_t *value)
{
    (void)within, (void)name;
    const struct passing *passing = data;
    struct roll_order_target *target = release_order_target_new();
    struct roll_error *err = target_read(value, target);

    err = err ? wrap_target(err, target) : passing->fn(passing->user, target);
    release_order_target_free(target);
    return err;
}

static struct roll_error *check_rings(const struct roll_order *order)
{
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (target->ring >= order->rings)
            return wrap_target(
                roll_error_new(ROLL_E_INVALID, "ring %d of %d", target->ring, order->rings),
                target);
    }
    return NULL;
}

static struct roll_error *lane_read(const json_t *value, enum roll_lane *ret_lane)
{
    const char *lane = roll_json_get_string(value, "lane");
    for (int i = 0; lane && i < ROLL_LANE_COUNT; i++) {
        if (strcmp(roll_lane_names[i], lane) == 0) {
            *ret_lane = (enum roll_lane)i;
            return NULL;
        }
    }
    return roll_error_new(ROLL_E_INVALID, "unknown lane '%s'", lane ? lane : "");
}

static struct roll_error *head_read(const json_t *value, struct roll_order *order)
{
    ROLL_TRY(texts_read(value, order, order_texts, G_N_ELEMENTS(order_texts)));
    ROLL_TRY(lane_read(value, &order->lane));
    ROLL_TRY(int_read(value, "rings", 1, &order->rings));
    ROLL_TRY(int_read(value, "maxParallel", 1, &order->max_parallel));
    ROLL_TRY(int_read(value, "maxFailures", 0, &order->max_failures));
    ROLL_TRY(number_read(value, "bakeMs", 0, INT64_MAX, &order->bake_ms));
    order->health_reports_only = json_is_true(json_object_get(value, "healthReportsOnly"));
    order->back_on_failure = json_is_true(json_object_get(value, "backOnFailure"));
    if (json_object_get(value, "keep"))
        order->keep = release_texts_read(json_object_get(value, "keep"));
    if (json_object_get(value, "prune"))
        order->prune = release_texts_read(json_object_get(value, "prune"));
    if (json_object_get(value, "parts"))
        order->parts = release_texts_read(json_object_get(value, "parts"));
    g_autoptr(GPtrArray) health = NULL;
    ROLL_TRY(release_health_read(json_object_get(value, "health"), &health));
    g_ptr_array_set_free_func(health, NULL);
    g_ptr_array_extend(order->health, health, NULL, NULL);
    if (!json_is_array(json_object_get(value, "targets")))
        return roll_error_new(ROLL_E_INVALID, "'targets' is not an array");
    return check_rings(order);
}

static struct roll_error *order_parse(const char *text, size_t size, element_fn each, void *user,
                                      struct roll_order *order)
{
    static const char *const path[] = {"targets", NULL};
    roll_auto(json) json_t *head = NULL;

    ROLL_TRY(roll_json_parse_each(text, size, ROLL_JSON_STRICT, path, each, user, &head));
    if (!json_is_object(head))
        return roll_error_new(ROLL_E_INVALID, "an order is a JSON object");
    return head_read(head, order);
}

struct roll_error *roll_order_read(const char *text, size_t size, struct roll_order **ret_order)
{
    roll_auto(order) struct roll_order *order = roll_order_new();
    struct roll_error *err = order_parse(text, size, each_target, order, order);

    if (err)
        return roll_error_wrap(err, "order not valid");
    *ret_order = g_steal_pointer(&order);
    return NULL;
}

struct roll_error *roll_order_load(struct roll_ledger *ledger, const char *digest,
                                   struct roll_order **ret_order)
{
    g_autoptr(GString) text = NULL;

    ROLL_TRY(roll_ledger_object(ledger, digest, &text));
    return roll_order_read(text->str, text->len, ret_order);
}

struct roll_error *roll_order_each(const char *text, size_t size, roll_order_target_fn fn,
                                   void *user, struct roll_order **ret_head)
{
    roll_auto(order) struct roll_order *head = roll_order_new();
    struct passing passing = {fn, user};

    ROLL_TRY(order_parse(text, size, pass_target, &passing, head));
    *ret_head = g_steal_pointer(&head);
    return NULL;
}
