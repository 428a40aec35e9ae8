/* The operations of a deployment, those of nested deployments with them, and the cause of a failure
 * among them.
 *
 * Source: REST reference 1.8, 7.1: the outer record may say DeploymentFailed and nothing more. */
#include "azure/arm.h"

#define DEPTH_MAX 5
#define OPERATIONS_MAX 2000
#define CAUSES_MAX 50

struct level {
    struct deployment_id id;
    int depth;
};

struct operations {
    struct roll_arm *arm;
    roll_arm_fn fn;
    void *user;
    json_t *all, *causes; /* owned */
    GQueue levels;        /* struct level, owned; the head is being read */
    GHashTable *seen;     /* ids in lower case */
    /* of the best cause, borrowed from causes */
    const json_t *best;
    int best_depth;
};

static void level_free(gpointer data)
{
    struct level *level = data;

    deployment_id_clear(&level->id);
    g_free(level);
}

static void operations_free(gpointer data)
{
    struct operations *operations = data;

    json_decref(operations->all);
    json_decref(operations->causes);
    g_queue_clear_full(&operations->levels, level_free);
    g_hash_table_unref(operations->seen);
    g_free(operations);
}

static int depth_now(struct operations *operations)
{
    const struct level *level = g_queue_peek_head(&operations->levels);

    return level->depth;
}

/* Outer deployments repeat what their resources say: the deeper one is kept, whose resource it is.
 */
static void drop_repeated(struct operations *operations, const json_t *cause, int depth)
{
    for (size_t i = json_array_size(operations->causes); i-- > 0;) {
        const json_t *known = json_array_get(operations->causes, i);
        if (json_integer_value(json_object_get(known, "depth")) >= depth ||
            !json_equal(json_object_get(known, "code"), json_object_get(cause, "code")) ||
            !json_equal(json_object_get(known, "message"), json_object_get(cause, "message")))
            continue;
        if (operations->best == known)
            operations->best = NULL;
        json_array_remove(operations->causes, i);
    }
}

static void keep_cause(struct operations *operations, const json_t *leaf, const char *resource)
{
    const char *about = roll_json_get_string(leaf, "target");
    int depth = depth_now(operations);
    json_t *cause =
        json_pack("{s:s?, s:s?, s:s?, s:s*, s:i}", "code", roll_json_get_string(leaf, "code"),
                  "message", roll_json_get_string(leaf, "message"), "resource", resource, "target",
                  about, "depth", depth);

    drop_repeated(operations, cause, depth);
    if (json_array_size(operations->causes) >= CAUSES_MAX) {
        json_decref(cause);
        return;
    }
    json_array_append_new(operations->causes, cause);
    if (!operations->best || depth > operations->best_depth) {
        operations->best = cause;
        operations->best_depth = depth;
    }
}

static void note_causes(struct operations *operations, const json_t *properties,
                        const char *resource)
{
    roll_auto(json) json_t *leaves = roll_arm_error_leaves(properties);
    size_t index;
    json_t *leaf;

    json_array_foreach (leaves, index, leaf)
        keep_cause(operations, leaf, resource);
}

/* The depth was for telling repeats. */
static void finish_causes(struct operations *operations)
{
    size_t index;
    json_t *cause;

    json_array_foreach (operations->causes, index, cause)
        json_object_del(cause, "depth");
}

static void follow(struct operations *operations, const char *id)
{
    int depth = depth_now(operations) + 1;
    char *key = g_ascii_strdown(id, -1);

    if (depth > DEPTH_MAX || !g_hash_table_add(operations->seen, key))
        return;
    struct level *level = g_new0(struct level, 1);
    level->depth = depth;
    if (deployment_id_parse(id, &level->id))
        g_queue_push_tail(&operations->levels, level);
    else
        level_free(level);
}

static void on_operation(void *user, json_t *operation)
{
    struct operations *operations = user;
    const json_t *properties = roll_json_get_nocase(operation, "properties");
    const json_t *target = roll_json_get_nocase(properties, "targetResource");
    const char *id = json_string_value(roll_json_get_nocase(target, "id"));
    const char *type = json_string_value(roll_json_get_nocase(target, "resourceType"));
    const char *state = json_string_value(roll_json_get_nocase(properties, "provisioningState"));

    if (json_array_size(operations->all) >= OPERATIONS_MAX)
        return;
    json_array_append(operations->all, operation);
    if (state && g_ascii_strcasecmp(state, "Failed") == 0)
        note_causes(operations, properties, id);
    if (id && type && g_ascii_strcasecmp(type, "Microsoft.Resources/deployments") == 0)
        follow(operations, id);
}

static void end(struct operations *operations, struct arm_answer *answer)
{
    json_t *body = json_object();

    finish_causes(operations);
    json_object_set(body, "value", operations->all);
    arm_answer_take_body(answer, body);
    if (operations->best) {
        roll_auto(json) json_t *error = json_deep_copy(operations->best);
        GString *text = g_string_new(NULL);
        json_object_set(error, "causes", operations->causes);
        roll_json_write(error, text);
        g_free(answer->error_json);
        answer->reply.error_json = answer->error_json = g_string_free(text, FALSE);
        arm_answer_fail(answer, ROLL_ARM_OK, roll_json_get_string(operations->best, "code"),
                        roll_json_get_string(operations->best, "message"));
    }
    operations->fn(operations->user, &answer->reply);
    operations_free(operations);
}

static void read_level(struct operations *operations);

static void level_done(void *user, struct arm_answer *answer)
{
    struct operations *operations = user;
    bool root = depth_now(operations) == 0;

    /* A nested one that cannot be read (not begun, pruned) takes nothing from what is known. */
    if (root && answer->reply.outcome != ROLL_ARM_OK) {
        operations->fn(operations->user, &answer->reply);
        operations_free(operations);
        return;
    }
    level_free(g_queue_pop_head(&operations->levels));
    if (operations->levels.length > 0 && json_array_size(operations->all) < OPERATIONS_MAX) {
        read_level(operations);
        return;
    }
    if (answer->reply.outcome != ROLL_ARM_OK)
        arm_answer_fail(answer, ROLL_ARM_OK, NULL, NULL);
    end(operations, answer);
}

static void read_level(struct operations *operations)
{
    const struct level *level = g_queue_peek_head(&operations->levels);
    g_autofree char *url = arm_operations_url(operations->arm, &level->id.scope, level->id.name);

    arm_pages(operations->arm, url, arm_scope_subscription(&level->id.scope), OPERATIONS_MAX,
              on_operation, level_done, operations, operations_free);
}

void roll_arm_operations(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name,
                         roll_arm_fn fn, void *user)
{
    struct operations *operations = g_new0(struct operations, 1);
    struct level *level = g_new0(struct level, 1);

    operations->arm = arm;
    operations->fn = fn;
    operations->user = user;
    operations->all = json_array();
    operations->causes = json_array();
    operations->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_queue_init(&operations->levels);
    level->id.texts[0] = g_strdup(scope->subscription);
    level->id.texts[1] = g_strdup(scope->resource_group);
    level->id.texts[2] = g_strdup(scope->management_group);
    level->id.scope = (struct roll_arm_scope){scope->kind, level->id.texts[0], level->id.texts[1],
                                              level->id.texts[2]};
    level->id.name = g_strdup(name);
    g_queue_push_tail(&operations->levels, level);
    read_level(operations);
}
