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
};

static void sent_clear(struct sent *sent)
{
    if (sent->template_text)
        g_string_free(sent->template_text, TRUE);
    if (sent->parameters_text)
        g_string_free(sent->parameters_text, TRUE);
    g_free(sent->name);
}

/* A stack is validated under its own name: ARM compares with what it manages. */
static char *name_of(const struct roll_ready_options *options,
                     const struct roll_order_target *target)
{
    const char *service = options->plan->service, *environment = options->environment->name;

    return strcmp(target->apply, "stack") == 0
               ? roll_fixed_name(service, environment, target)
               : g_strdup_printf("roll-%s-%s-drill", service, environment);
}

static struct roll_error *prepare(const struct roll_ready_options *options,
                                  const struct ready_item *item, struct sent *sent)
{
    const struct roll_order_target *target = item->target;

    if (!target)
        return roll_error_new(ROLL_E_NOT_FOUND, "a back would not send it now");
    ROLL_TRY(roll_links_get(options->links, target, &sent->arm, NULL));
    ROLL_TRY(text_of(options, item->choice, target->template_digest, &sent->template_text));
    ROLL_TRY(text_of(options, item->choice, target->parameters_digest, &sent->parameters_text));
    sent->name = name_of(options, target);
    roll_uuid_random(sent->correlation);
    return NULL;
}

static void ask_deployment(const struct ready_item *item, const struct sent *sent, roll_arm_fn fn,
                           void *user)
{
    const struct roll_order_target *target = item->target;
    const struct roll_arm_deployment deployment = {
        .scope = {target->scope, target->subscription, target->resource_group,
                  target->management_group},
        .name = sent->name,
        .correlation_id = sent->correlation,
        .location = target->scope == ROLL_SCOPE_GROUP ? NULL : target->location,
        .template_text = sent->template_text->str,
        .parameters_text = sent->parameters_text->str,
    };

    if (item->kind == &ready_validate)
        roll_arm_validate(sent->arm, &deployment, fn, user);
    else
        roll_arm_what_if(sent->arm, &deployment, fn, user);
}

static void ask_stack(const struct ready_item *item, const struct sent *sent, roll_arm_fn fn,
                      void *user)
{
    const struct roll_order_target *target = item->target;
    const struct roll_arm_stack stack = {
        .scope = {target->scope, target->subscription, target->resource_group,
                  target->management_group},
        .name = sent->name,
        .correlation_id = sent->correlation,
        .location = target->scope == ROLL_SCOPE_GROUP ? NULL : target->location,
        .template_text = sent->template_text->str,
        .parameters_text = sent->parameters_text->str,
        .unmanage = {.delete_resources = target->delete_unmanaged},
        .deny_settings = target->deny_settings,
    };

    roll_arm_stack_validate(sent->arm, &stack, fn, user);
}

static struct roll_error *ask(const struct roll_ready_options *options,
                              const struct ready_item *item, roll_arm_fn fn, void *user)
{
    struct sent sent = {0};
    struct roll_error *err = prepare(options, item, &sent);

    if (!err && strcmp(item->target->apply, "stack") == 0)
        ask_stack(item, &sent, fn, user);
    else if (!err)
        ask_deployment(item, &sent, fn, user);
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
    item->unasked = !is_refused(reply);
    g_autofree char *message = shorten(reply->message);
    /* It stands until somebody has drilled again, and says how. */
    char *next = g_strdup_printf("%s%sroll ready ENV --release VERSION --drill   asks again",
                                 advice ? advice : "", advice ? "; then " : "");
    ready_item_say(item, is_refused(reply) ? READY_DEAD : READY_DEGRADED,
                   g_strdup_printf("ARM's %s %s: %s%s%s", what,
                                   is_refused(reply) ? "fails" : "could not be had", code,
                                   message ? ": " : "", message ? message : ""),
                   next);
}

static void judge_validation(struct ready_item *item, const struct roll_arm_reply *reply)
{
    judge(item, reply);
    if (reply->outcome == ROLL_ARM_OK)
        item->facts = json_pack("{s:b}", "valid", true);
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
    item->facts = json_pack("{s:i,s:i}", "changes", count, "deletes", deletes);
}

const struct ready_kind ready_validate = {"validate", DRILL_MS, NULL, ask, judge_validation};
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

/* What ARM was asked about: bytes, and how they would be applied. */
static void content_of(const struct roll_order_target *target, char ret_hex[ROLL_HEX_SIZE])
{
    g_autofree char *text =
        g_strjoin(" ", target->apply, target->template_digest, target->parameters_digest, NULL);

    roll_sha256_hex(text, strlen(text), ret_hex);
}

static void add(struct ready_check *check, struct ready_release *release,
                const struct ready_kind *kind, const struct roll_order_target *target)
{
    char content[ROLL_HEX_SIZE];
    guint index;

    content_of(target, content);
    struct ready_item *item =
        ready_check_item(check, kind, release->version, target->name, content, NULL);
    item->target = target;
    item->choice = check->choice;
    if (g_ptr_array_find_with_equal_func(release->targets, target->name, g_str_equal, &index))
        ready_release_use(release, item, g_ptr_array_index(release->targets, index));
}

/* A stack has no what-if. */
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

/* ---- what an earlier drill found ------------------------------------------------------------ */

static const struct roll_order_target *
sent_to(const struct ready_check *check, const struct ready_release *release, const char *name)
{
    for (guint i = 0; check->choice && i < check->choice->order->targets->len; i++) {
        const struct roll_order_target *target =
            g_ptr_array_index(check->choice->order->targets, i);
        if (strcmp(target->name, name) == 0 && strcmp(target->release, release->version) == 0)
            return target;
    }
    return NULL;
}

static const struct ready_kind *drill_kind(const json_t *entry)
{
    const char *name = roll_json_get_string(entry, "kind");

    return g_strcmp0(name, ready_validate.name) == 0   ? &ready_validate
           : g_strcmp0(name, ready_forecast.name) == 0 ? &ready_forecast
                                                       : NULL;
}

/* No finding of a drill may become well because nobody drilled: it stands, and is not asked again,
 * until somebody does, or other bytes would be sent. A good word is as old as it may be. */
void ready_carry_drill(struct ready_check *check, struct ready_release *release,
                       const json_t *entry)
{
    const struct ready_kind *kind = drill_kind(entry);
    const char *key = roll_json_get_string(entry, "key");
    const char *name = json_string_value(json_array_get(json_object_get(entry, "targets"), 0));
    const char *content = key ? strrchr(key, ' ') : NULL;
    char now[ROLL_HEX_SIZE];
    guint index;

    if (!kind || !name || !content || strlen(content + 1) != ROLL_HEX_SIZE - 1 ||
        g_hash_table_contains(check->items, key) ||
        !g_ptr_array_find_with_equal_func(release->targets, name, g_str_equal, &index))
        return;
    if (g_strcmp0(roll_json_get_string(entry, "state"), ready_words[READY_OK]) == 0 &&
        check->now_ms - json_integer_value(json_object_get(entry, "at")) >= DRILL_MS)
        return;
    const struct roll_order_target *target = sent_to(check, release, name);
    if (target)
        content_of(target, now);
    if (target && strcmp(now, content + 1) != 0)
        return;
    struct ready_item *item =
        ready_check_item(check, kind, release->version, name, content + 1, NULL);
    item->carried = true;
    item->target = target;
    item->choice = check->choice;
    ready_release_use(release, item, g_ptr_array_index(release->targets, index));
}
