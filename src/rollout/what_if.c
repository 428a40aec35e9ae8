/* ARM's own forecast of what a choice would change: asked for with --dry-run --what-if. ARM counts
 * it as a write. */
#include "driver.h"

#include <string.h>

#include "rollbook/json.h"

struct forecast {
    struct roll_loop *loop;
    const struct roll_order_target *target; /* borrowed */
    const char *correlation_id;             /* borrowed */
    json_t *changes;                        /* owned */
    struct roll_error *err;
    bool done;
};

/* The rollout would make the group first: ARM has nothing to compare with. */
static bool is_to_be_made(const struct roll_order_target *target,
                          const struct roll_arm_reply *reply)
{
    return target->create_group && g_strcmp0(reply->code, "ResourceGroupNotFound") == 0;
}

static json_t *all_is_made(const struct roll_order_target *target)
{
    return json_pack("[{s:s,s:o,s:s}]", "changeType", "Create", "resourceId",
                     json_sprintf("/subscriptions/%s/resourceGroups/%s", target->subscription,
                                  target->resource_group),
                     "note",
                     "the resource group does not exist yet: it would be created, and everything "
                     "that the template has in it");
}

/* With what the person needs to ask for help: the code's advice hangs on `code`. */
static struct roll_error *failure(const struct forecast *forecast,
                                  const struct roll_arm_reply *reply)
{
    json_t *error = reply->error_json ? json_loads(reply->error_json, 0, NULL) : NULL;
    roll_auto(json) json_t *detail =
        json_pack("{s:s*,s:s,s:o*}", "code", reply->code, "correlationId", forecast->correlation_id,
                  "error", error);
    g_autoptr(GString) text = g_string_new(NULL);

    roll_json_write(detail, text);
    return roll_error_detail(roll_error_new(ROLL_E_ARM, "ARM's what-if failed: %s%s%s",
                                            reply->code ? reply->code : "no code",
                                            reply->message ? ": " : "",
                                            reply->message ? reply->message : ""),
                             text->str);
}

static void answered(void *user, const struct roll_arm_reply *reply)
{
    struct forecast *forecast = user;
    json_t *changes = json_object_get(reply->body, "changes");

    if (reply->outcome == ROLL_ARM_OK && changes)
        forecast->changes = json_incref(changes);
    else if (is_to_be_made(forecast->target, reply))
        forecast->changes = all_is_made(forecast->target);
    else
        forecast->err = failure(forecast, reply);
    forecast->done = true;
    roll_loop_stop(forecast->loop);
}

/* Values that the choice made new are not in the ledger yet. */
static struct roll_error *object_text(struct roll_ledger *ledger, const struct roll_choice *choice,
                                      const char *digest, GString **ret_text)
{
    for (guint i = 0; i < choice->blobs->len; i++) {
        const struct roll_blob *blob = g_ptr_array_index(choice->blobs, i);
        if (strcmp(blob->digest, digest) == 0) {
            *ret_text = g_string_new_len(blob->data->str, (gssize)blob->data->len);
            return NULL;
        }
    }
    return roll_ledger_object(ledger, digest, ret_text);
}

static struct roll_error *ask(const struct roll_driver_options *options,
                              const struct roll_choice *choice,
                              const struct roll_order_target *target, json_t **ret_changes)
{
    char correlation_id[ROLL_UUID_SIZE];
    struct forecast forecast = {
        .loop = options->loop, .target = target, .correlation_id = correlation_id};
    g_autoptr(GString) template_text = NULL;
    g_autoptr(GString) parameters_text = NULL;
    g_autofree char *name =
        g_strdup_printf("roll-%s-%s-what-if", choice->order->service, choice->order->environment);
    struct roll_arm *arm = NULL;

    ROLL_TRY(roll_links_get(options->links, target, &arm, NULL));
    ROLL_TRY(object_text(options->ledger, choice, target->template_digest, &template_text));
    ROLL_TRY(object_text(options->ledger, choice, target->parameters_digest, &parameters_text));
    roll_uuid_random(correlation_id);
    struct roll_arm_deployment deployment = {
        .scope = {target->scope, target->subscription, target->resource_group,
                  target->management_group},
        .name = name,
        .correlation_id = correlation_id,
        .location = target->scope == ROLL_SCOPE_GROUP ? NULL : target->location,
        .template_text = template_text->str,
        .parameters_text = parameters_text->str,
    };
    roll_arm_what_if(arm, &deployment, answered, &forecast);
    while (!forecast.done)
        ROLL_TRY(roll_loop_run(options->loop));
    ROLL_TRY(forecast.err);
    *ret_changes = forecast.changes;
    return NULL;
}

static struct roll_error *ask_all(const struct roll_driver_options *options,
                                  const struct roll_choice *choice, json_t *forecasts)
{
    for (guint i = 0; i < choice->order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, i);
        json_t *changes = NULL;

        ROLL_TRY(roll_error_wrap(ask(options, choice, target, &changes),
                                 "while asking for target '%s'", target->name));
        json_object_set_new(forecasts, target->name, changes);
    }
    return NULL;
}

struct roll_error *roll_rollout_what_if(const struct roll_driver_options *options,
                                        const struct roll_choice *choice, json_t **ret_forecasts)
{
    roll_auto(json) json_t *forecasts = json_object();
    struct roll_error *err = ask_all(options, choice, forecasts);

    if (!err)
        *ret_forecasts = g_steal_pointer(&forecasts);
    return err;
}
