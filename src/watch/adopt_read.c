/* ARM's history of an environment's targets: what is there, what each entry is, and its template
 * (REST reference 1.1, 1.10, 8.3). */
#include "watch/adopt.h"

#include <string.h>

#include "rollbook/time.h"

#define EXPORTS_AT_ONCE 10
#define LOG_MS (INT64_C(89) * 24 * 3600 * 1000)

void watch_entry_free(void *data)
{
    struct watch_entry *entry = data;

    json_decref(entry->deployment);
    json_decref(entry->who);
    json_decref(entry->lacks);
    g_free(entry->series);
    g_free(entry);
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct answer {
    struct roll_loop *loop;
    json_t *list;
    char *why;
    bool done;
};

static void answered(void *user, const struct roll_arm_reply *reply)
{
    struct answer *answer = user;
    json_t *list = json_object_get(reply->body, "value");

    if (reply->outcome == ROLL_ARM_OK && json_is_array(list))
        answer->list = json_incref(list);
    else
        answer->why =
            g_strdup_printf("%s%s%s", reply->code ? reply->code : "", reply->code ? ": " : "",
                            reply->message ? reply->message : "no answer");
    answer->done = true;
    roll_loop_stop(answer->loop);
}

static struct roll_error *await(struct answer *answer)
{
    while (!answer->done)
        ROLL_TRY(roll_loop_run(answer->loop));
    return NULL;
}

static struct roll_arm_scope scope_of(const struct roll_plan_target *target)
{
    return (struct roll_arm_scope){target->scope, target->subscription, target->resource_group,
                                   target->management_group};
}

static struct roll_error *arm_of(const struct roll_adopt_options *options,
                                 const struct roll_plan_target *target, struct roll_arm **ret_arm)
{
    const struct roll_order_target place = {.name = target->name,
                                            .cloud = target->cloud,
                                            .tenant = target->tenant,
                                            .subscription = target->subscription,
                                            .credential = target->credential};

    return roll_links_get(options->links, &place, ret_arm, NULL);
}

/* ---- one entry ------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(roll_json_get_nocase(object, name));
}

/* web-20260301.7 and web-20260302.1 are of one series: what counts up is left out. */
static char *series_of(const char *name)
{
    GString *series = g_string_new(NULL);

    for (const char *at = name; *at;) {
        size_t run = strspn(at, "0123456789abcdefABCDEF");
        size_t digits = strcspn(at, "0123456789");
        if (run > 0 && digits < run && (run >= 6 || g_ascii_isdigit(*at))) {
            g_string_append_c(series, '#');
            at += run;
        } else {
            g_string_append_c(series, *at++);
        }
    }
    return g_string_free(series, FALSE);
}

static void read_tags(const struct watch_adopting *adopting, struct watch_entry *entry)
{
    const json_t *tags = roll_json_get_nocase(entry->deployment, "tags");

    if (g_strcmp0(text_of(tags, "roll-stream"), adopting->stream) != 0)
        return;
    entry->ledger = text_of(tags, "roll-ledger");
    entry->release = text_of(tags, "roll-release");
    entry->seq = text_of(tags, "roll-seq");
}

static struct watch_entry *entry_new(const struct watch_adopting *adopting,
                                     const struct roll_plan_target *target, json_t *deployment)
{
    const json_t *properties = roll_json_get_nocase(deployment, "properties");
    const char *at = text_of(properties, "timestamp"), *took = text_of(properties, "duration");
    struct watch_entry *entry = g_new0(struct watch_entry, 1);

    entry->target = target;
    entry->deployment = json_incref(deployment);
    entry->name = text_of(deployment, "name");
    entry->state = text_of(properties, "provisioningState");
    entry->correlation = text_of(properties, "correlationId");
    entry->hash = text_of(properties, "templateHash");
    entry->series = series_of(entry->name ? entry->name : "");
    if (at)
        roll_error_free(roll_time_parse(at, &entry->at));
    if (took)
        roll_error_free(roll_duration_parse(took, &entry->duration_ms));
    read_tags(adopting, entry);
    return entry;
}

/* ---- classes --------------------------------------------------------------------------------- */

static size_t outputs(const struct watch_entry *entry)
{
    return json_array_size(roll_json_get_nocase(
        roll_json_get_nocase(entry->deployment, "properties"), "outputResources"));
}

/* Does its template deploy others? ARM lists the providers that it uses. */
static bool has_parts(const struct watch_entry *entry)
{
    const json_t *properties = roll_json_get_nocase(entry->deployment, "properties");
    size_t i, j;
    json_t *provider, *type;

    json_array_foreach (roll_json_get_nocase(properties, "providers"), i, provider) {
        const char *space = text_of(provider, "namespace");
        if (!space || g_ascii_strcasecmp(space, "Microsoft.Resources") != 0)
            continue;
        json_array_foreach (roll_json_get_nocase(provider, "resourceTypes"), j, type)
            if (g_ascii_strcasecmp(text_of(type, "resourceType") ? text_of(type, "resourceType")
                                                                 : "",
                                   "deployments") == 0)
                return true;
    }
    return false;
}

/* Nested ones have their parent's correlation id, begin later and end earlier. */
static bool is_parent(const struct watch_entry *entry, const struct watch_entry *other)
{
    if (has_parts(entry) != has_parts(other))
        return has_parts(entry);
    if (entry->at - entry->duration_ms != other->at - other->duration_ms)
        return entry->at - entry->duration_ms < other->at - other->duration_ms;
    if (entry->at != other->at)
        return entry->at > other->at;
    return outputs(entry) > outputs(other);
}

static void find_nested(GPtrArray *entries, guint from)
{
    g_autoptr(GHashTable) parents = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = from; i < entries->len; i++) {
        struct watch_entry *entry = entries->pdata[i];
        struct watch_entry *other =
            entry->correlation ? g_hash_table_lookup(parents, entry->correlation) : NULL;
        if (!entry->correlation)
            continue;
        if (other && !is_parent(entry, other)) {
            entry->class = WATCH_NESTED;
            continue;
        }
        if (other)
            other->class = WATCH_NESTED;
        g_hash_table_insert(parents, (gpointer)(uintptr_t)entry->correlation, entry);
    }
}

static bool is_of_this_ledger(const struct watch_adopting *adopting,
                              const struct watch_entry *entry)
{
    roll_auto(event) struct roll_event *event = NULL;
    const json_t *tags = roll_json_get_nocase(entry->deployment, "tags");
    const char *head = text_of(tags, "roll-head");

    if (!entry->ledger || !entry->seq || !head ||
        strcmp(entry->ledger, roll_ledger_id(adopting->options->ledger)) != 0)
        return false;
    struct roll_error *err = roll_ledger_event(adopting->options->ledger, adopting->stream,
                                               g_ascii_strtoll(entry->seq, NULL, 10), &event);
    bool known = !err && strcmp(event->hash, head) == 0;
    roll_error_free(err);
    return known;
}

static void classify(const struct watch_adopting *adopting, struct watch_entry *entry,
                     GHashTable *known)
{
    g_autofree char *key =
        g_strdup_printf("%s\n%s\n%" G_GINT64_FORMAT, entry->target->name, entry->name, entry->at);
    const int64_t *accepted = g_hash_table_lookup(known, key);

    if (entry->class == WATCH_NESTED)
        return;
    entry->accepted = accepted ? *accepted : 0;
    entry->class = is_of_this_ledger(adopting, entry)                   ? WATCH_OWN
                   : accepted                                           ? WATCH_KNOWN
                   : !roll_arm_state_is_final(entry->state)             ? WATCH_RUNNING
                   : g_str_has_prefix(entry->name, "PolicyDeployment_") ? WATCH_POLICY
                   : entry->ledger && entry->release && entry->seq      ? WATCH_RECOVERED
                                                                        : WATCH_EVIDENCE;
}

/* ---- who ------------------------------------------------------------------------------------- */

/* The log of a group knows who began each of its deployments, for 90 days. Without it they stay
 * unnamed. */
static struct roll_error *name_who(const struct watch_adopting *adopting, struct roll_arm *arm,
                                   const struct roll_plan_target *target, guint from)
{
    const struct roll_arm_activity query = {
        .from_ms = MAX(roll_now_ms() - LOG_MS, adopting->options->since_ms),
        .resource_group = target->resource_group,
        .provider = target->resource_group ? NULL : "Microsoft.Resources"};
    struct answer answer = {.loop = adopting->options->loop};
    g_autoptr(GHashTable) events = g_hash_table_new(g_str_hash, g_str_equal);
    roll_auto(json) json_t *none = json_array();
    size_t index;
    json_t *event;

    if (!target->subscription)
        return NULL;
    roll_arm_activities(arm, target->subscription, &query, answered, &answer);
    struct roll_error *err = await(&answer);
    json_array_foreach (answer.list, index, event) { /* newest first: the first one of each stays */
        const char *correlation = text_of(event, "correlationId");
        if (correlation && text_of(event, "caller"))
            g_hash_table_insert(events, (gpointer)(uintptr_t)correlation, event);
    }
    for (guint i = from; !err && i < adopting->entries->len; i++) {
        struct watch_entry *entry = adopting->entries->pdata[i];
        event = entry->correlation ? g_hash_table_lookup(events, entry->correlation) : NULL;
        if (event)
            entry->who = watch_who(event, none);
    }
    json_decref(answer.list);
    g_free(answer.why);
    return err;
}

/* ---- all ------------------------------------------------------------------------------------- */

static int64_t *copy_number(int64_t number)
{
    return g_memdup2(&number, sizeof number);
}

static struct roll_error *see_known(void *user, const struct roll_adopted_row *row)
{
    g_hash_table_insert(
        user, g_strdup_printf("%s\n%s\n%" G_GINT64_FORMAT, row->target, row->name, row->at),
        copy_number(row->accepted));
    return NULL;
}

static struct roll_error *read_target(struct watch_adopting *adopting,
                                      const struct roll_plan_target *target, GHashTable *known)
{
    struct answer answer = {.loop = adopting->options->loop};
    const struct roll_arm_scope scope = scope_of(target);
    guint from = adopting->entries->len;
    struct roll_arm *arm = NULL;
    size_t index;
    json_t *deployment, *report = json_pack("{s:s}", "name", target->name);

    json_array_append_new(adopting->targets, report);
    ROLL_TRY(arm_of(adopting->options, target, &arm));
    roll_arm_list(arm, &scope, 0, answered, &answer);
    struct roll_error *err = await(&answer);
    if (answer.why)
        json_object_set_new(report, "error", json_string(answer.why));
    json_object_set_new(report, "found", json_integer((json_int_t)json_array_size(answer.list)));
    json_array_foreach (answer.list, index, deployment) {
        struct watch_entry *entry = entry_new(adopting, target, deployment);
        if (entry->name && entry->at >= adopting->options->since_ms)
            g_ptr_array_add(adopting->entries, entry);
        else
            watch_entry_free(entry);
    }
    json_decref(answer.list);
    g_free(answer.why);
    ROLL_TRY(err);
    find_nested(adopting->entries, from);
    for (guint i = from; i < adopting->entries->len; i++)
        classify(adopting, adopting->entries->pdata[i], known);
    return from < adopting->entries->len ? name_who(adopting, arm, target, from) : NULL;
}

struct roll_error *watch_adopt_read(struct watch_adopting *adopting)
{
    const struct roll_adopt_options *options = adopting->options;
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    ROLL_TRY(roll_ledger_adopted(options->ledger, adopting->stream, see_known, known));
    for (guint i = 0; i < options->environment->targets->len; i++) {
        const struct roll_plan_target *target = options->environment->targets->pdata[i];
        if (!options->targets || g_strv_contains(options->targets, target->name))
            ROLL_TRY(read_target(adopting, target, known));
    }
    return NULL;
}

/* ---- templates ------------------------------------------------------------------------------- */

struct exports {
    const struct watch_adopting *adopting;
    guint next, under_way;
};

struct export
{
    struct exports *exports;
    struct watch_template *into;
};

static bool is_new(const struct watch_entry *entry)
{
    return entry->class == WATCH_EVIDENCE || entry->class == WATCH_RECOVERED;
}

static const char *key_of(const struct watch_entry *entry)
{
    const char *id = text_of(entry->deployment, "id");

    return entry->hash ? entry->hash : id ? id : entry->name;
}

struct watch_template *watch_adopt_template(const struct watch_adopting *adopting,
                                            const struct watch_entry *entry)
{
    return g_hash_table_lookup(adopting->templates, key_of(entry));
}

/* What looks like a credential may be one: such a template is not kept. */
static void take_template(struct watch_template *into, const json_t *value)
{
    into->text = g_string_new(NULL);
    roll_json_write(value, into->text);
    struct roll_error *err =
        roll_template_read(into->text->str, into->text->len, NULL, &into->tmpl);
    if (err || watch_looks_secret(value)) {
        into->why = g_strdup(err ? err->message : "it holds what looks like a credential");
        g_clear_pointer(&into->tmpl, roll_template_free);
        g_string_free(g_steal_pointer(&into->text), TRUE);
        roll_error_free(err);
        return;
    }
    roll_sha256_hex(into->text->str, into->text->len, into->digest);
}

static void exported(void *user, const struct roll_arm_reply *reply)
{
    struct export *export = user;
    const json_t *value = json_object_get(reply->body, "template");

    if (reply->outcome == ROLL_ARM_OK && json_is_object(value))
        take_template(export->into, value);
    else
        export->into->why = g_strdup(reply->code      ? reply->code
                                     : reply->message ? reply->message
                                                      : "no answer");
    export->exports->under_way--;
    roll_loop_stop(export->exports->adopting->options->loop);
    g_free(export);
}

static struct roll_error *ask_next(struct exports *exports)
{
    const struct watch_adopting *adopting = exports->adopting;
    const struct watch_entry *entry = adopting->entries->pdata[exports->next++];
    struct roll_arm *arm = NULL;

    if (!is_new(entry) || watch_adopt_template(adopting, entry))
        return NULL;
    const struct roll_arm_scope scope = scope_of(entry->target);
    ROLL_TRY(arm_of(adopting->options, entry->target, &arm));
    struct watch_template *tmpl = g_new0(struct watch_template, 1);
    g_hash_table_insert(adopting->templates, g_strdup(key_of(entry)), tmpl);
    struct export *export = g_new0(struct export, 1);
    *export = (struct export){exports, tmpl};
    exports->under_way++;
    roll_arm_export(arm, &scope, entry->name, exported, export);
    return NULL;
}

static void judge(const struct watch_adopting *adopting, struct watch_entry *entry)
{
    const struct watch_template *tmpl = watch_adopt_template(adopting, entry);
    roll_auto(json) json_t *parameters = watch_adopt_parameters(entry, tmpl ? tmpl->tmpl : NULL);

    entry->lacks = roll_release_lacks(tmpl ? tmpl->tmpl : NULL, entry->target, parameters);
}

struct roll_error *watch_adopt_export(struct watch_adopting *adopting)
{
    struct exports exports = {.adopting = adopting};

    for (;;) {
        while (exports.next < adopting->entries->len && exports.under_way < EXPORTS_AT_ONCE)
            ROLL_TRY(ask_next(&exports));
        if (exports.under_way == 0)
            break;
        ROLL_TRY(roll_loop_run(adopting->options->loop));
    }
    for (guint i = 0; i < adopting->entries->len; i++)
        if (is_new(adopting->entries->pdata[i]))
            judge(adopting, adopting->entries->pdata[i]);
    return NULL;
}
