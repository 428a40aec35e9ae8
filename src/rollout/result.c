/* What the ledger keeps of a deployment's or stack's answer. Secrets never: an output of secure
 * type, or one whose expression reads keys or a secure parameter, is left out. */
#include "driver.h"

#include "rollbook/json.h"

static json_t *storable_outputs(struct roll_ledger *ledger, const struct roll_order_target *target,
                                json_t *outputs)
{
    roll_auto(template) struct roll_template *tmpl = NULL;
    g_autoptr(GString) text = NULL;
    struct roll_error *err = roll_ledger_object(ledger, target->template_digest, &text);
    json_t *kept = json_object();
    const char *name;
    json_t *value;

    if (!err)
        err = roll_template_read(text->str, text->len, NULL, &tmpl);
    json_object_foreach (outputs, name, value) {
        if (tmpl && !roll_template_output_is_secret(tmpl, name))
            json_object_set(kept, name, value);
    }
    roll_error_free(
        err); /* without the template nothing is known to be harmless: nothing is kept */
    return kept;
}

/* What it has put: a stack says what it manages. */
static const json_t *put_resources(const json_t *properties)
{
    const json_t *output = json_object_get(properties, "outputResources");

    return json_object_get(properties, "actionOnUnmanage")
               ? json_object_get(properties, "resources")
               : output;
}

static json_t *resource_ids(const json_t *resources)
{
    json_t *ids = json_array();
    size_t index;
    json_t *resource;

    json_array_foreach ((json_t *)(uintptr_t)resources, index, resource) {
        json_t *id = json_object_get(resource, "id");
        if (json_is_string(id))
            json_array_append(ids, id);
    }
    return ids;
}

/* What could not be deleted, with the innermost cause. */
static json_t *failed_resources(const json_t *resources)
{
    json_t *list = json_array();
    size_t index;
    json_t *resource;

    json_array_foreach ((json_t *)(uintptr_t)resources, index, resource) {
        const char *id = roll_json_get_string(resource, "id");
        g_autofree char *code = NULL, *message = NULL;
        roll_arm_error_leaf(resource, &code, &message);
        if (id)
            json_array_append_new(
                list, json_pack("{s:s,s:s*,s:s*}", "id", id, "code", code, "message", message));
    }
    return list;
}

static void add_list(json_t *result, const char *name, json_t *list_take)
{
    if (json_array_size(list_take) > 0)
        json_object_set(result, name, list_take);
    json_decref(list_take);
}

/* What left a stack, and what became of it. */
static void add_stack(json_t *result, const json_t *properties)
{
    static const char *const lists[] = {"deletedResources", "detachedResources", NULL};

    for (int i = 0; lists[i]; i++)
        add_list(result, lists[i], resource_ids(json_object_get(properties, lists[i])));
    add_list(result, "failedResources",
             failed_resources(json_object_get(properties, "failedResources")));
}

int64_t roll_result_resources(const struct roll_arm_reply *reply)
{
    return (int64_t)json_array_size(put_resources(json_object_get(reply->body, "properties")));
}

static json_t *error_of(const struct roll_arm_reply *reply)
{
    json_t *error = json_loads(reply->error_json, JSON_DECODE_ANY, NULL);

    return error ? error : json_string(reply->error_json);
}

/* ARM's whole error, and its innermost causes beside it. */
static void add_error(json_t *result, const struct roll_arm_reply *reply)
{
    json_t *error = error_of(reply);
    roll_auto(json) json_t *causes = roll_arm_error_leaves(error);

    json_object_set_new(result, "error", error);
    if (json_array_size(causes) > 0)
        json_object_set(result, "causes", causes);
}

static json_t *result_of(struct roll_ledger *ledger, const struct roll_order_target *target,
                         const struct roll_arm_reply *reply)
{
    const json_t *properties = json_object_get(reply->body, "properties");
    json_t *outputs = json_object_get(properties, "outputs");
    json_t *result = json_object();

    add_list(result, "outputResources", resource_ids(put_resources(properties)));
    add_stack(result, properties);
    if (json_object_size(outputs) > 0)
        json_object_set_new(result, "outputs", storable_outputs(ledger, target, outputs));
    if (reply->error_json)
        add_error(result, reply);
    return result;
}

static struct roll_blob *blob_of(const json_t *result)
{
    struct roll_blob *blob;

    if (json_object_size(result) == 0)
        return NULL;
    blob = g_new0(struct roll_blob, 1);
    blob->data = g_string_new(NULL);
    roll_json_write(result, blob->data);
    roll_sha256_hex(blob->data->str, blob->data->len, blob->digest);
    return blob;
}

struct roll_blob *roll_result_blob(struct roll_ledger *ledger,
                                   const struct roll_order_target *target,
                                   const struct roll_arm_reply *reply)
{
    roll_auto(json) json_t *result = result_of(ledger, target, reply);

    return blob_of(result);
}

/* Of its operations: which resource failed, and why. */
static void add_causes(json_t *result, const struct roll_arm_reply *reply)
{
    roll_auto(json) json_t *error = error_of(reply);
    json_t *causes = json_object_get(error, "causes");

    if (json_array_size(causes) > 0)
        json_object_set(result, "causes", causes);
    if (!json_object_get(result, "error"))
        json_object_set(result, "error", error);
}

/* ARM took the resource: it is there, whatever its state. What a provider refused never was (REST
 * reference 7.1: ResourceDeploymentFailure is said of what was accepted and failed later). */
static bool was_put(const json_t *operation)
{
    const char *kind = roll_json_get_string(operation, "provisioningOperation");
    const char *state = roll_json_get_string(operation, "provisioningState");
    const json_t *error = json_object_get(json_object_get(operation, "statusMessage"), "error");

    return g_strcmp0(kind, "Create") == 0 &&
           (g_strcmp0(state, "Failed") != 0 ||
            g_strcmp0(roll_json_get_string(error, "code"), "ResourceDeploymentFailure") == 0);
}

/* It may have failed before it came to be: ARM tells it only to who looks for the resource. */
static bool was_finished(const json_t *operation)
{
    return g_strcmp0(roll_json_get_string(operation, "provisioningState"), "Succeeded") == 0;
}

static bool has_id(const json_t *ids, const json_t *id)
{
    size_t index;
    json_t *known;

    json_array_foreach ((json_t *)(uintptr_t)ids, index, known)
        if (g_ascii_strcasecmp(json_string_value(known), json_string_value(id)) == 0)
            return true;
    return false;
}

/* What a deployment that did not succeed has put all the same: it says so nowhere else (REST
 * reference 1.6). Records of nested deployments are no resources. begunResources: of them, those
 * that it did not get done. */
static void add_put(json_t *result, const json_t *operations)
{
    json_t *ids = json_array(), *begun = json_array(), *operation;
    size_t index;

    json_array_foreach ((json_t *)(uintptr_t)operations, index, operation) {
        const json_t *properties = json_object_get(operation, "properties");
        const json_t *target = json_object_get(properties, "targetResource");
        const char *type = roll_json_get_string(target, "resourceType");
        json_t *id = json_object_get(target, "id");
        if (json_is_string(id) && type &&
            g_ascii_strcasecmp(type, "Microsoft.Resources/deployments") != 0 &&
            was_put(properties) && !has_id(ids, id)) {
            json_array_append(ids, id);
            if (!was_finished(properties))
                json_array_append(begun, id);
        }
    }
    if (json_object_get(result, "outputResources")) {
        json_decref(ids);
        json_decref(begun);
        return;
    }
    add_list(result, "outputResources", ids);
    add_list(result, "begunResources", begun);
}

struct roll_blob *roll_result_failed(struct roll_driver *driver, const struct roll_send *send,
                                     const struct roll_arm_reply *reply)
{
    json_t *known = g_hash_table_lookup(driver->failures, send->correlation_id);

    if (send->kind != ROLL_ACTION_EXPLAIN || !known) {
        known = result_of(driver->options->ledger, send->target, reply);
        g_hash_table_replace(driver->failures, g_strdup(send->correlation_id), known);
    }
    if (send->kind == ROLL_ACTION_EXPLAIN && reply->error_json)
        add_causes(known, reply);
    if (send->kind == ROLL_ACTION_EXPLAIN)
        add_put(known, json_object_get(reply->body, "value"));
    return blob_of(known);
}
