/* The drill: ARM validates and forecasts what a back would send. ARM counts both as writes, so that
 * they are made on request, and once a day for where a back goes. */
#include <string.h>

#include "rollbook/digest.h"
#include "watch/ready.h"

enum { MESSAGE_MAX = 200 }; /* characters */
#define DRILL_MS (INT64_C(24) * 3600 * 1000)

/* Sticky values that the choice made new are not in the ledger. */
static struct roll_error *text_of(const struct roll_ready_options *options,
                                  const struct roll_choice *choice, const char *digest,
                                  GString **ret_text)
{
    for (guint i = 0; i < choice->blobs->len; i++) {
        const struct roll_blob *blob = g_ptr_array_index(choice->blobs, i);
        if (strcmp(blob->digest, digest) == 0) {
            *ret_text = g_string_new_len(blob->data->str, (gssize)blob->data->len);
            return NULL;
        }
    }
    return roll_ledger_object(options->ledger, digest, ret_text);
}

/* ---- asking --------------------------------------------------------------------------------- */

struct sent {
    struct roll_arm *arm;
    GString *template_text, *parameters_text;
    char *name;
    char correlation[ROLL_UUID_SIZE];
    struct roll_arm_deployment deployment;
};

static void sent_clear(struct sent *sent)
{
    if (sent->template_text)
        g_string_free(sent->template_text, TRUE);
    if (sent->parameters_text)
        g_string_free(sent->parameters_text, TRUE);
    g_free(sent->name);
}

static struct roll_error *prepare(const struct roll_ready_options *options,
                                  const struct ready_item *item, struct sent *sent)
{
    const struct roll_order_target *target = item->target;

    ROLL_TRY(roll_links_get(options->links, target, &sent->arm, NULL));
    ROLL_TRY(text_of(options, item->choice, target->template_digest, &sent->template_text));
    ROLL_TRY(text_of(options, item->choice, target->parameters_digest, &sent->parameters_text));
    sent->name =
        g_strdup_printf("roll-%s-%s-drill", options->plan->service, options->environment->name);
    roll_uuid_random(sent->correlation);
    sent->deployment = (struct roll_arm_deployment){
        .scope = {target->scope, target->subscription, target->resource_group,
                  target->management_group},
        .name = sent->name,
        .correlation_id = sent->correlation,
        .location = target->scope == ROLL_SCOPE_GROUP ? NULL : target->location,
        .template_text = sent->template_text->str,
        .parameters_text = sent->parameters_text->str,
    };
    return NULL;
}

static struct roll_error *ask(const struct roll_ready_options *options,
                              const struct ready_item *item, roll_arm_fn fn, void *user)
{
    struct sent sent = {0};
    struct roll_error *err = prepare(options, item, &sent);

    if (!err && item->kind == &ready_validate)
        roll_arm_validate(sent.arm, &sent.deployment, fn, user);
    else if (!err)
        roll_arm_what_if(sent.arm, &sent.deployment, fn, user);
    sent_clear(&sent);
    return err;
}

/* ---- judging -------------------------------------------------------------------------------- */

/* ARM may list every version that there is. Owned, or NULL. */
static char *shorten(const char *text)
{
    g_autofree char *valid = text ? g_utf8_make_valid(text, -1) : NULL;

    if (!valid || g_utf8_strlen(valid, -1) <= MESSAGE_MAX)
        return g_steal_pointer(&valid);
    g_autofree char *shorter = g_utf8_substring(valid, 0, MESSAGE_MAX);
    return g_strconcat(shorter, " …", NULL);
}

/* Known: ARM's definite no. */
static bool is_refused(const struct roll_arm_reply *reply)
{
    return reply->outcome == ROLL_ARM_REFUSED || reply->outcome == ROLL_ARM_NOT_FOUND;
}

static void judge(struct ready_item *item, const struct roll_arm_reply *reply)
{
    const char *what = item->kind == &ready_validate ? "validation" : "what-if";
    const char *code = reply->code ? reply->code : "no code";
    const char *advice = reply->code ? roll_arm_advice(reply->code) : NULL;

    if (reply->outcome == ROLL_ARM_OK)
        return;
    g_autofree char *message = shorten(reply->message);
    ready_item_say(item, is_refused(reply) ? READY_DEAD : READY_DEGRADED,
                   g_strdup_printf("ARM's %s %s: %s%s%s", what,
                                   is_refused(reply) ? "fails" : "could not be had", code,
                                   message ? ": " : "", message ? message : ""),
                   g_strdup(advice));
}

static void judge_forecast(struct ready_item *item, const struct roll_arm_reply *reply)
{
    const json_t *changes = json_object_get(reply->body, "changes"), *change;
    int count = 0, deletes = 0;
    size_t index;

    judge(item, reply);
    if (reply->outcome != ROLL_ARM_OK)
        return;
    json_array_foreach (changes, index, change) {
        const char *type = roll_json_get_string(change, "changeType");
        count += g_strcmp0(type, "NoChange") != 0 && g_strcmp0(type, "Ignore") != 0;
        deletes += g_strcmp0(type, "Delete") == 0;
    }
    json_decref(item->facts);
    item->facts = json_pack("{s:i,s:i}", "changes", count, "deletes", deletes);
}

const struct ready_kind ready_validate = {"validate", DRILL_MS, NULL, ask, judge};
const struct ready_kind ready_forecast = {"what-if", DRILL_MS, NULL, ask, judge_forecast};

/* ---- what is drilled ------------------------------------------------------------------------ */

static struct ready_release *release_of(const struct ready_check *check, const char *version)
{
    for (guint i = 0; i < check->releases->len; i++) {
        struct ready_release *release = g_ptr_array_index(check->releases, i);
        if (strcmp(release->version, version) == 0)
            return release;
    }
    return NULL;
}

static void add(struct ready_check *check, struct ready_release *release,
                const struct ready_kind *kind, const struct roll_order_target *target)
{
    struct ready_item *item =
        ready_check_item(check, kind, release->version, target->name, NULL, NULL);
    guint index;

    item->target = target;
    item->choice = check->choice;
    if (g_ptr_array_find_with_equal_func(release->targets, target->name, g_str_equal, &index))
        ready_release_use(release, item, g_ptr_array_index(release->targets, index));
}

/* A stack has no what-if; what it validates is its template. */
struct roll_error *ready_add_drill(struct ready_check *check)
{
    for (guint i = 0; check->choice && i < check->choice->order->targets->len; i++) {
        const struct roll_order_target *target =
            g_ptr_array_index(check->choice->order->targets, i);
        struct ready_release *release = release_of(check, target->release);
        if (!release)
            continue;
        add(check, release, &ready_validate, target);
        if (strcmp(target->apply, "stack") != 0)
            add(check, release, &ready_forecast, target);
    }
    return NULL;
}
