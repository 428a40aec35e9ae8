/* The smaller parts of an order as C and as JSON: steps, health checks, scopes, one target's
 * memory. A step's body is kept as text, since canonical JSON has no reals and the body must leave
 * as it was written. */
#include "release/internal.h"

const char *const release_scope_names[] = {"resourceGroup", "subscription", "managementGroup",
                                           "tenant", NULL};

struct roll_error *release_scope_find(const char *name, enum roll_scope_kind *ret_kind)
{
    for (int i = 0; name && release_scope_names[i]; i++) {
        if (strcmp(release_scope_names[i], name) == 0) {
            *ret_kind = (enum roll_scope_kind)i;
            return NULL;
        }
    }
    return roll_error_new(ROLL_E_INVALID, "unknown scope '%s'", name ? name : "");
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void step_free(struct roll_plan_step *step)
{
    if (!step)
        return;
    g_free(step->action);
    g_free(step->api_version);
    json_decref(step->body);
    g_free(step);
}

void release_health_free(struct roll_plan_health *health)
{
    if (!health)
        return;
    g_free(health->url);
    g_strfreev(health->command);
    g_strfreev(health->severities);
    g_free(health);
}

struct roll_plan_health *release_health_copy(const struct roll_plan_health *health)
{
    struct roll_plan_health *copy = g_memdup2(health, sizeof *health);
    copy->url = g_strdup(health->url);
    copy->command = g_strdupv(health->command);
    copy->severities = g_strdupv(health->severities);
    return copy;
}

static void free_step(gpointer step)
{
    step_free(step);
}

static void free_health(gpointer health)
{
    release_health_free(health);
}

struct roll_order_target *release_order_target_new(void)
{
    struct roll_order_target *target = g_new0(struct roll_order_target, 1);
    target->steps = g_ptr_array_new_with_free_func(free_step);
    return target;
}

void release_order_target_free(struct roll_order_target *target)
{
    if (!target)
        return;
    char *texts[] = {target->name,
                     target->release,
                     target->manifest,
                     target->template_digest,
                     target->parameters_digest,
                     target->cloud,
                     target->tenant,
                     target->subscription,
                     target->credential,
                     target->auxiliary_tenants,
                     target->resource_group,
                     target->management_group,
                     target->location,
                     target->apply,
                     target->deployment_name,
                     target->had};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    json_decref(target->deny_settings);
    g_ptr_array_unref(target->steps);
    g_free(target);
}

/* ---- steps ----------------------------------------------------------------------------------- */

json_t *release_steps_write(const GPtrArray *steps)
{
    json_t *array = json_array();
    for (guint i = 0; i < steps->len; i++) {
        const struct roll_plan_step *step = g_ptr_array_index(steps, i);
        json_t *value = json_object();
        json_object_set_new(value, "action", json_string(step->action));
        json_object_set_new(value, "apiVersion", json_string(step->api_version));
        if (step->body) {
            g_autoptr(GString) body = g_string_new(NULL);
            roll_json_write(step->body, body);
            json_object_set_new(value, "body", json_stringn(body->str, body->len));
        }
        if (step->skip_on_back)
            json_object_set_new(value, "onBack", json_string("skip"));
        json_array_append_new(array, value);
    }
    return array;
}

static struct roll_error *step_read(const json_t *value, struct roll_plan_step *step)
{
    step->action = g_strdup(roll_json_get_string(value, "action"));
    step->api_version = g_strdup(roll_json_get_string(value, "apiVersion"));
    if (!step->action || !step->api_version)
        return roll_error_new(ROLL_E_INVALID, "a step needs 'action' and 'apiVersion'");
    const char *body = roll_json_get_string(value, "body");
    if (body)
        ROLL_TRY(roll_json_parse(body, strlen(body), ROLL_JSON_STRICT, &step->body));
    step->skip_on_back = g_strcmp0(roll_json_get_string(value, "onBack"), "skip") == 0;
    return NULL;
}

struct roll_error *release_steps_read(const json_t *value, GPtrArray **ret_steps)
{
    g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func(free_step);
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct roll_plan_step *step = g_new0(struct roll_plan_step, 1);
        g_ptr_array_add(steps, step);
        ROLL_TRY(step_read(json_array_get(value, i), step));
    }
    *ret_steps = g_steal_pointer(&steps);
    return NULL;
}

/* ---- health ---------------------------------------------------------------------------------- */

static const char *const health_kinds[] = {"http", "command", "alerts"};

json_t *release_texts_write(char *const *texts)
{
    json_t *array = json_array();
    for (size_t i = 0; texts && texts[i]; i++)
        json_array_append_new(array, json_string(texts[i]));
    return array;
}

char **release_texts_read(const json_t *array)
{
    GPtrArray *texts = g_ptr_array_new();
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (text)
            g_ptr_array_add(texts, g_strdup(text));
    }
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

json_t *release_health_write(const GPtrArray *health)
{
    json_t *array = json_array();
    for (guint i = 0; i < health->len; i++) {
        const struct roll_plan_health *check = g_ptr_array_index(health, i);
        json_t *value = json_object();
        json_object_set_new(value, "kind", json_string(health_kinds[check->kind]));
        if (check->url)
            json_object_set_new(value, "url", json_string(check->url));
        if (check->command)
            json_object_set_new(value, "command", release_texts_write(check->command));
        if (check->severities)
            json_object_set_new(value, "severities", release_texts_write(check->severities));
        json_object_set_new(value, "expect", json_integer(check->expect));
        json_object_set_new(value, "withinMs", json_integer(check->within_ms));
        json_object_set_new(value, "everyMs", json_integer(check->every_ms));
        json_array_append_new(array, value);
    }
    return array;
}

static struct roll_error *check_read(const json_t *value, struct roll_plan_health *check)
{
    const char *kind = roll_json_get_string(value, "kind");
    size_t found = 0;
    while (found < G_N_ELEMENTS(health_kinds) && g_strcmp0(kind, health_kinds[found]) != 0)
        found++;
    if (found == G_N_ELEMENTS(health_kinds))
        return roll_error_new(ROLL_E_INVALID, "unknown health check '%s'", kind ? kind : "");
    check->kind = (enum roll_health_kind)found;
    check->url = g_strdup(roll_json_get_string(value, "url"));
    if (check->kind == ROLL_HEALTH_HTTP && !check->url)
        return roll_error_new(ROLL_E_INVALID, "an http check needs 'url'");
    const json_t *command = json_object_get(value, "command");
    check->command = command ? release_texts_read(command) : NULL;
    if (check->kind == ROLL_HEALTH_COMMAND && (!check->command || !check->command[0]))
        return roll_error_new(ROLL_E_INVALID, "a command check needs 'command'");
    const json_t *severities = json_object_get(value, "severities");
    check->severities = severities ? release_texts_read(severities) : NULL;
    check->expect = (int)json_integer_value(json_object_get(value, "expect"));
    check->within_ms = json_integer_value(json_object_get(value, "withinMs"));
    check->every_ms = json_integer_value(json_object_get(value, "everyMs"));
    return NULL;
}

struct roll_error *release_health_read(const json_t *value, GPtrArray **ret_health)
{
    g_autoptr(GPtrArray) health = g_ptr_array_new_with_free_func(free_health);
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct roll_plan_health *check = g_new0(struct roll_plan_health, 1);
        g_ptr_array_add(health, check);
        ROLL_TRY(check_read(json_array_get(value, i), check));
    }
    *ret_health = g_steal_pointer(&health);
    return NULL;
}
