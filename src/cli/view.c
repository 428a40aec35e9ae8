/* Views of the ledger: what log, show, status and the end of a rollout print. JSON is a contract
 * (DESIGN section 12). */
#include "view.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *time_or_null(int64_t unix_ms)
{
    char text[ROLL_TIME_SIZE];

    if (!unix_ms)
        return json_null();
    roll_time_format(unix_ms, text);
    return json_string(text);
}

enum roll_paint roll_view_state_paint(const char *state)
{
    if (roll_state_is_good(state))
        return ROLL_GOOD;
    if (g_strcmp0(state, "failed") == 0)
        return ROLL_BAD;
    if (g_strcmp0(state, "running") == 0 || g_strcmp0(state, "verifying") == 0 ||
        g_strcmp0(state, "cancelled") == 0)
        return ROLL_WARN;
    return ROLL_PLAIN;
}

/* A rollout beside this one: why it was started, or what took its place. */
static json_t *rollout_or_null(const char *stream, int64_t number)
{
    return number ? json_sprintf("%s#%" PRId64, stream, number) : json_null();
}

static json_t *view_of(const struct roll_rollout_row *row, const char *service,
                       const char *environment)
{
    json_t *view = json_object();

    json_object_set_new(view, "rollout", rollout_or_null(row->stream, row->number));
    json_object_set_new(view, "service", json_string(service));
    json_object_set_new(view, "environment", json_string(environment));
    json_object_set_new(view, "lane", json_string(row->lane));
    json_object_set_new(view, "kind", json_string(row->kind));
    json_object_set_new(view, "release",
                        row->release ? json_sprintf("%s@%s", service, row->release) : json_null());
    json_object_set_new(view, "version", text_or_null(row->release));
    json_object_set_new(view, "from", text_or_null(row->from));
    json_object_set_new(view, "state", json_string(row->state));
    json_object_set_new(view, "reason", text_or_null(row->reason));
    json_object_set_new(view, "endReason", text_or_null(row->end_reason));
    json_object_set_new(view, "cause", rollout_or_null(row->stream, row->cause));
    json_object_set_new(view, "supersedes", rollout_or_null(row->stream, row->supersedes));
    json_object_set_new(view, "supersededBy", rollout_or_null(row->stream, row->superseded_by));
    json_object_set_new(view, "actor",
                        json_pack("{s:o,s:o}", "proved", text_or_null(row->proved), "claimed",
                                  text_or_null(row->claimed)));
    json_object_set_new(view, "startedAt", time_or_null(row->requested_at));
    json_object_set_new(view, "finishedAt", time_or_null(row->ended_at));
    return view;
}

/* What is needed of a row when its query is over: targets are asked for by queries of their own,
 * and these must not begin while the rows are still being read. */
struct kept {
    char *stream, *service, *environment, *hash, *lane, *kind, *order;
    int64_t number, ended_at;
    json_t *view; /* borrowed from the list */
};

static void kept_free(void *item)
{
    struct kept *kept = item;

    g_free(kept->stream);
    g_free(kept->service);
    g_free(kept->environment);
    g_free(kept->hash);
    g_free(kept->lane);
    g_free(kept->kind);
    g_free(kept->order);
    g_free(kept);
}

/* The state of a target is that of its last step; several steps share one row. */
struct targets {
    struct roll_app *app;
    const struct kept *rollout;
    json_t *list; /* borrowed from the view: in the order's order */
    json_t *by_name;
    json_t *words;       /* what many targets say alike: text -> itself */
    json_t *none;        /* no leftovers */
    GHashTable *results; /* name -> digest of what is kept of its deployment or stack */
    json_t *pruned;      /* name -> what became of leftovers */
};

/* Of a fleet's states and releases one of each is kept. Borrowed. */
static json_t *word_of(struct targets *targets, const char *text)
{
    json_t *word = json_object_get(targets->words, text);

    if (!word) {
        word = json_string(text);
        json_object_set_new(targets->words, text, word);
    }
    return word;
}

static json_t *target_of(struct targets *targets, const char *name)
{
    json_t *target = json_object_get(targets->by_name, name);

    if (target)
        return target;
    target =
        json_pack("{s:s,s:O,s:n,s:n,s:i,s:O}", "name", name, "state", word_of(targets, "waiting"),
                  "deployment", "correlationId", "resources", 0, "leftovers", targets->none);
    json_object_set_new(targets->by_name, name, target);
    return target;
}

/* What an earlier step or attempt said is over with the next one. */
static void forget_failure(json_t *target)
{
    static const char *const members[] = {"code", "message", "result", "step", NULL};

    for (int i = 0; members[i]; i++)
        json_object_del(target, members[i]);
}

/* A step after the deployment has a correlation id of its own; which action it is stands in the
 * order (set_action). */
static void set_step(const struct kept *rollout, const struct roll_step_row *row, json_t *target)
{
    char correlation[ROLL_UUID_SIZE];

    if (row->step == 0 || (!row->code && !row->message))
        return;
    g_free(roll_step_name(rollout->service, rollout->environment, rollout->hash, row->target,
                          row->step, row->attempt, correlation));
    json_object_set_new(
        target, "step",
        json_pack("{s:I,s:s}", "number", (json_int_t)row->step, "correlationId", correlation));
}

static struct roll_error *add_step(void *user, const struct roll_step_row *row)
{
    struct targets *targets = user;
    const struct kept *rollout = targets->rollout;
    json_t *target = target_of(targets, row->target);

    forget_failure(target);

    if (row->step == 0) {
        char correlation[ROLL_UUID_SIZE];
        g_autofree char *name =
            roll_step_name(rollout->service, rollout->environment, rollout->hash, row->target, 0,
                           row->attempt, correlation);
        json_object_set_new(target, "deployment", json_string(name));
        json_object_set_new(target, "correlationId", json_string(correlation));
        json_object_set_new(target, "resources", json_integer(row->resources));
        json_object_set(target, "release",
                        row->release ? word_of(targets, row->release) : json_null());
        json_object_set_new(target, "durationMs", json_integer(row->duration_ms));
        if (row->result)
            g_hash_table_replace(targets->results, g_strdup(row->target), g_strdup(row->result));
    }
    json_object_set(target, "state", word_of(targets, row->outcome ? row->outcome : "running"));
    if (row->code)
        json_object_set_new(target, "code", json_string(row->code));
    if (row->message)
        json_object_set_new(target, "message", json_string(row->message));
    if (row->code && row->result)
        json_object_set_new(target, "result", json_string(row->result));
    set_step(rollout, row, target);
    return NULL;
}

static struct roll_error *add_prune(void *user, const struct roll_prune_row *row)
{
    json_t *pruned = user, *list = json_object_get(pruned, row->target);

    if (!list) {
        list = json_array();
        json_object_set_new(pruned, row->target, list);
    }
    json_array_append_new(list, json_pack("{s:s,s:s,s:s*}", "resource", row->resource, "outcome",
                                          row->outcome ? row->outcome : "intended", "message",
                                          row->message));
    return NULL;
}

/* A target that its rollout never reached does not wait any more when that has ended. */
static void skip_untouched(json_t *target)
{
    if (g_strcmp0(roll_json_get_string(target, "state"), "waiting") == 0)
        json_object_set_new(target, "state", json_string("skipped"));
}

/* A name that does not change with attempts stands in the order. */
static void set_name(const struct kept *rollout, const struct roll_order_target *target,
                     json_t *view)
{
    char *fixed = roll_fixed_name(rollout->service, rollout->environment, target);

    if (fixed && json_is_string(json_object_get(view, "deployment")))
        json_object_set_new(view, "deployment", json_string(fixed));
    g_free(fixed);
}

/* The action that failed and the resource that it was for; a check behind the actions has neither,
 * and the deployment's correlation id. */
static void set_action(const struct roll_order_target *target, json_t *view)
{
    json_t *step = json_object_get(view, "step");
    json_int_t number = json_integer_value(json_object_get(step, "number"));

    if (!step)
        return;
    if (number < 1 || number > (json_int_t)target->steps->len) {
        json_object_del(view, "step");
        return;
    }
    const struct roll_plan_step *action = g_ptr_array_index(target->steps, (guint)number - 1);
    const char *verb = strrchr(action->action, '/');
    const struct roll_arm_scope scope = {target->scope, target->subscription,
                                         target->resource_group, target->management_group};
    g_autofree char *base = roll_arm_scope_path(&scope);
    g_autofree char *path = g_strndup(action->action, (gsize)(verb - action->action));
    json_object_set_new(step, "action", json_string(verb + 1));
    json_object_set_new(step, "resource",
                        *path == '/' ? json_string(path)
                                     : json_sprintf("%s/providers/%s", base, path));
}

/* What left a stack: "deletedResources", "detachedResources", "failedResources", where there are
 * any. */
static struct roll_error *add_stack(struct roll_app *app, const struct targets *targets,
                                    const struct roll_order_target *target, json_t *view)
{
    static const char *const lists[] = {"deletedResources", "detachedResources", "failedResources",
                                        NULL};
    const char *digest = g_hash_table_lookup(targets->results, target->name);
    roll_auto(json) json_t *result = NULL;

    if (strcmp(target->apply, "stack") != 0 || !digest ||
        !roll_ledger_has_object(app->ledger, digest))
        return NULL;
    ROLL_TRY(roll_ledger_object_json(app->ledger, digest, &result));
    for (int i = 0; lists[i]; i++)
        if (json_object_get(result, lists[i]))
            json_object_set(view, lists[i], json_object_get(result, lists[i]));
    return NULL;
}

/* What was adopted had a name, a correlation id and an author of its own. */
static struct roll_error *add_adopted(struct roll_app *app, const struct targets *targets,
                                      const struct roll_order_target *target, json_t *view)
{
    const char *digest = g_hash_table_lookup(targets->results, target->name);
    roll_auto(json) json_t *details = NULL;

    if (digest && roll_ledger_has_object(app->ledger, digest))
        ROLL_TRY(roll_ledger_object_json(app->ledger, digest, &details));
    json_object_set_new(view, "deployment", text_or_null(roll_json_get_string(details, "name")));
    json_object_set_new(view, "correlationId",
                        text_or_null(roll_json_get_string(details, "correlationId")));
    if (json_object_get(details, "by"))
        json_object_set(view, "by", json_object_get(details, "by"));
    return NULL;
}

static struct roll_error *add_target(void *user, const struct roll_order_target *target)
{
    struct targets *targets = user;
    const struct kept *rollout = targets->rollout;
    json_t *view = target_of(targets, target->name);

    if (rollout->ended_at)
        skip_untouched(view);
    if (!json_object_get(view, "release"))
        json_object_set(view, "release", word_of(targets, target->release));
    set_name(rollout, target, view);
    set_action(target, view);
    ROLL_TRY(add_stack(targets->app, targets, target, view));
    if (strcmp(rollout->kind, "adopted") == 0)
        ROLL_TRY(add_adopted(targets->app, targets, target, view));
    if (json_object_get(targets->pruned, target->name))
        json_object_set(view, "pruned", json_object_get(targets->pruned, target->name));
    json_array_append(targets->list, view);
    return NULL;
}

/* Leftovers are told from what the steps of the ledger put; only a rollback leaves any. */
static struct roll_error *add_with_leftovers(struct targets *targets, const GString *text)
{
    const struct kept *rollout = targets->rollout;
    roll_auto(order) struct roll_order *order = NULL;
    roll_auto(leftovers) struct roll_leftovers *leftovers = NULL;

    ROLL_TRY(roll_order_read(text->str, text->len, &order));
    ROLL_TRY(roll_leftovers_new(targets->app->ledger, order, rollout->number, &leftovers));
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        json_t *left = NULL;
        ROLL_TRY(add_target(targets, target));
        ROLL_TRY(roll_leftovers_of(leftovers, target, &left));
        json_object_set_new(target_of(targets, target->name), "leftovers", left);
    }
    if (order->parts)
        json_object_set_new(rollout->view, "parts", roll_view_old_parts(order->parts));
    return NULL;
}

static struct roll_error *add_order(struct targets *targets, const GString *text)
{
    const struct kept *rollout = targets->rollout;
    roll_auto(order) struct roll_order *head = NULL;

    if (strcmp(rollout->lane, "rollback") == 0 && rollout->ended_at)
        return add_with_leftovers(targets, text);
    ROLL_TRY(roll_order_each(text->str, text->len, add_target, targets, &head));
    if (head->parts)
        json_object_set_new(rollout->view, "parts", roll_view_old_parts(head->parts));
    return NULL;
}

/* All innermost causes of a failure; a result that is gone (redacted) takes nothing else away. */
static void add_causes(struct roll_app *app, json_t *targets)
{
    size_t index;
    json_t *target;

    json_array_foreach (targets, index, target) {
        const char *digest = roll_json_get_string(target, "result");
        json_t *result = NULL;
        if (!digest)
            continue;
        roll_error_free(roll_ledger_object_json(app->ledger, digest, &result));
        if (json_array_size(json_object_get(result, "causes")) > 0)
            json_object_set(target, "causes", json_object_get(result, "causes"));
        json_decref(result);
    }
}

static struct roll_error *add_targets(struct roll_app *app, const struct kept *rollout)
{
    roll_auto(json) json_t *by_name = json_object();
    g_autoptr(GHashTable) results = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    roll_auto(json) json_t *pruned = json_object();
    roll_auto(json) json_t *words = json_object();
    roll_auto(json) json_t *none = json_array();
    json_t *list = json_array();
    struct targets targets = {.app = app,
                              .rollout = rollout,
                              .list = list,
                              .by_name = by_name,
                              .words = words,
                              .none = none,
                              .results = results,
                              .pruned = pruned};
    g_autoptr(GString) text = NULL;

    json_object_set_new(rollout->view, "targets", list);
    /* First, since reading it takes a fleet's order twice for a moment. */
    ROLL_TRY(roll_ledger_object(app->ledger, rollout->order, &text));
    ROLL_TRY(roll_ledger_steps(app->ledger, rollout->stream, rollout->number, add_step, &targets));
    ROLL_TRY(roll_ledger_prunes(app->ledger, rollout->stream, rollout->number, add_prune, pruned));
    ROLL_TRY(add_order(&targets, text));
    add_causes(app, list);
    return NULL;
}

/* ---- lists ---------------------------------------------------------------------------------- */

struct listing {
    json_t *list;
    GPtrArray *kept;
};

static struct roll_error *keep(void *user, const struct roll_rollout_row *row)
{
    struct listing *listing = user;
    g_auto(GStrv) names = g_strsplit(row->stream, "/", 2);
    struct kept *kept = g_new(struct kept, 1);

    *kept = (struct kept){
        .stream = g_strdup(row->stream),
        .service = g_strdup(names[0] ? names[0] : ""),
        .environment = g_strdup(names[0] && names[1] ? names[1] : ""),
        .hash = g_strdup(row->hash),
        .lane = g_strdup(row->lane),
        .kind = g_strdup(row->kind),
        .order = g_strdup(row->order),
        .number = row->number,
        .ended_at = row->ended_at,
    };
    kept->view = view_of(row, kept->service, kept->environment);
    g_ptr_array_add(listing->kept, kept);
    json_array_append_new(listing->list, kept->view);
    return NULL;
}

struct roll_error *roll_view_rollouts(struct roll_app *app, const struct roll_rollout_query *query,
                                      bool with_targets, json_t **ret_list)
{
    roll_auto(json) json_t *list = json_array();
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(kept_free);
    struct listing listing = {list, all};

    ROLL_TRY(roll_ledger_rollouts(app->ledger, query, keep, &listing));
    for (guint i = 0; with_targets && i < all->len; i++)
        ROLL_TRY(add_targets(app, g_ptr_array_index(all, i)));
    ROLL_TRY(roll_view_add_tried(app, list));
    *ret_list = g_steal_pointer(&list);
    return NULL;
}

struct roll_error *roll_view_rollout_find(struct roll_app *app, const char *stream, int64_t number,
                                          json_t **ret_view)
{
    struct roll_rollout_query query = {.stream = stream, .number = number, .limit = 1};
    roll_auto(json) json_t *list = NULL;

    ROLL_TRY(roll_view_rollouts(app, &query, true, &list));
    if (json_array_size(list) == 0)
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no rollout '%s#%" PRId64 "'", stream,
                              number);
    ROLL_TRY(roll_view_add_parts(app, stream, number, json_array_get(list, 0)));
    *ret_view = json_incref(json_array_get(list, 0));
    return NULL;
}
