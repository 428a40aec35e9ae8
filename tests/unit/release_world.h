/* What the tests of release share: a ledger with releases and rollouts written by hand, and a plan
 * made of structs. */
#ifndef ROLLBOOK_TESTS_RELEASE_WORLD_H
#define ROLLBOOK_TESTS_RELEASE_WORLD_H

#include "ledger_tools.h"
#include "release/manifest.h"

#define COMMIT(letter) letter letter letter letter letter letter letter letter letter letter
#define COMMIT_A COMMIT("aaaa")
#define COMMIT_B COMMIT("bbbb")
#define COMMIT_C COMMIT("cccc")

struct world {
    struct place place;
    struct roll_ledger *ledger;
    struct roll_plan *plan;
    struct roll_plan_environment *prod, *staging;
    struct roll_actor actor;
};

/* ---- the plan -------------------------------------------------------------------------------- */

static inline struct roll_plan_target *world_target(struct roll_plan_environment *environment,
                                                    const char *name)
{
    struct roll_plan_target *target = g_new0(struct roll_plan_target, 1);
    target->name = g_strdup(name);
    target->scope = ROLL_SCOPE_GROUP;
    target->cloud = g_strdup("sandbox");
    target->subscription = g_strdup("11111111-1111-1111-1111-111111111111");
    target->resource_group = g_strconcat("shop-", name, NULL);
    target->location = g_strdup("westeurope");
    target->apply = g_strdup("deployment");
    target->ring = (int)environment->targets->len; /* each is a ring of its own */
    g_ptr_array_add(environment->targets, target);
    g_hash_table_insert(environment->target_index, target->name, target);
    return target;
}

static const char world_plan_text[] =
    "{\"service\":\"shop\",\"source\":{\"template\":\"infra/main.json\"},\"environments\":{"
    "\"staging\":{\"cloud\":\"sandbox\",\"subscription\":\"11111111-1111-1111-1111-111111111111\","
    "\"targets\":{"
    "\"weu\":{\"resourceGroup\":\"shop-weu\",\"location\":\"westeurope\"}}},"
    "\"prod\":{\"cloud\":\"sandbox\",\"subscription\":\"11111111-1111-1111-1111-111111111111\","
    "\"rings\":[[\"weu\"],[\"neu\"]],\"targets\":{"
    "\"weu\":{\"resourceGroup\":\"shop-weu\",\"location\":\"westeurope\"},"
    "\"neu\":{\"resourceGroup\":\"shop-neu\",\"location\":\"westeurope\"}}}}}";

static inline void world_plan(struct world *world)
{
    g_autofree char *path = g_build_filename(world->place.root, "shop.json", NULL);
    ck_assert(g_file_set_contents(path, world_plan_text, -1, NULL));
    ck_ok(roll_plan_read(path, &world->plan));
    world->staging = g_ptr_array_index(world->plan->environments, 0);
    world->prod = g_ptr_array_index(world->plan->environments, 1);
}

/* ---- setup ----------------------------------------------------------------------------------- */

static inline struct world world_make(void)
{
    struct world world = {.place = place_make(), .actor = {.proved = T("alice@contoso.com")}};
    ck_ok(roll_ledger_open(world.place.state, ROLL_LEDGER_CREATE, &world.ledger));
    world_plan(&world);
    return world;
}

static inline void world_close(struct world *world)
{
    roll_plan_free(world->plan);
    roll_ledger_close(world->ledger);
    place_remove(&world->place);
    ck_assert_int_eq(roll_error_live(), 0);
}

static inline struct roll_head world_append(struct world *world, const char *stream,
                                            enum roll_event_kind kind, const void *body,
                                            const GPtrArray *blobs, int64_t at)
{
    struct roll_object objects[64];
    size_t count = 0;
    for (guint i = 0; blobs && i < blobs->len; i++) {
        const struct roll_blob *blob = g_ptr_array_index(blobs, i);
        objects[count++] = (struct roll_object){blob->data->str, blob->data->len};
    }
    struct roll_expect expect = {.stream = stream};
    struct roll_draft draft = {stream, kind, body};
    struct roll_head head;
    ck_ok(roll_ledger_head(world->ledger, stream, &expect.head));
    ck_ok(roll_ledger_append(world->ledger, &world->actor, at, &expect, 1, &draft, 1, objects,
                             count, &head));
    return head;
}

/* ---- releases -------------------------------------------------------------------------------- */

struct world_release {
    const char *version, *commit, *base, *artifact; /* artifact: reference of `web` */
    int64_t data_version, data_floor;
    const char *targets;    /* of prod, blank-separated; NULL: "weu neu" */
    const char *parameters; /* text; NULL: {"version":{"value":VERSION}} */
    const char *sticky;     /* one name, or NULL */
    const char *template_text;
    json_t *steps; /* stolen, or NULL */
};

static const char world_template[] = "{\"$schema\":\"https://schema.management.azure.com/schemas/"
                                     "2019-04-01/deploymentTemplate.json#\","
                                     "\"contentVersion\":\"1.0.0.0\",\"parameters\":{\"version\":{"
                                     "\"type\":\"string\"}},\"resources\":[]}";

static inline json_t *world_entries(const struct world *world, const char *targets,
                                    const char *parameters)
{
    g_auto(GStrv) names = g_strsplit(targets, " ", 0);
    json_t *entries = json_object();
    for (char **name = names; *name; name++) {
        const struct roll_plan_target *planned = roll_plan_target_find(world->prod, *name);
        json_t *entry = json_object();
        json_object_set_new(entry, "apply", json_string("deployment"));
        json_object_set_new(entry, "parameters", json_string(parameters));
        struct roll_plan_target gone = {.scope = ROLL_SCOPE_GROUP,
                                        .cloud = T("sandbox"),
                                        .subscription = T("s"),
                                        .resource_group = T("shop-gone")};
        json_object_set_new(entry, "scope", release_scope_write(planned ? planned : &gone));
        json_object_set_new(entries, *name, entry);
    }
    return entries;
}

static inline void world_release(struct world *world, const struct world_release *release)
{
    g_autoptr(GPtrArray) blobs = release_blobs_new();
    g_autofree char *values =
        release->parameters ? g_strdup(release->parameters)
                            : g_strdup_printf("{\"version\":{\"value\":\"%s\"}}", release->version);
    const char *tmpl = release_blobs_add_take(
        blobs, g_string_new(release->template_text ? release->template_text : world_template));
    const char *parameters = release_blobs_add_take(blobs, g_string_new(values));
    roll_auto(json) json_t *manifest = json_object();
    json_object_set_new(manifest, "service", json_string("shop"));
    json_object_set_new(manifest, "version", json_string(release->version));
    json_object_set_new(manifest, "template", json_string(tmpl));
    if (release->sticky)
        json_object_set_new(manifest, "sticky", json_pack("[s]", release->sticky));
    if (release->artifact)
        json_object_set_new(manifest, "artifacts",
                            json_pack("{s:{s:s,s:s,s:s}}", "web", "kind", "image", "reference",
                                      release->artifact, "parameter", "webImage"));
    json_t *prod = json_object();
    json_object_set_new(
        prod, "targets",
        world_entries(world, release->targets ? release->targets : "weu neu", parameters));
    if (release->steps)
        json_object_set_new(prod, "steps", release->steps);
    json_t *staging = json_pack("{s:o}", "targets", world_entries(world, "weu", parameters));
    json_object_set_new(manifest, "environments",
                        json_pack("{s:o,s:o}", "prod", prod, "staging", staging));
    GString *text = NULL;
    ck_ok(roll_json_canonical(manifest, &text));
    const char *digest = release_blobs_add_take(blobs, text);
    char *parts[] = {T(tmpl), T(parameters), NULL};
    const struct roll_release_made made = {.version = T(release->version),
                                           .manifest = T(digest),
                                           .parts = parts,
                                           .commit = T(release->commit),
                                           .base = T(release->base),
                                           .data_version = release->data_version,
                                           .data_floor = release->data_floor};
    world_append(world, "shop", ROLL_EVENT_release_made, &made, blobs, 0);
}

static inline void world_made(struct world *world, const char *version, const char *commit)
{
    const struct world_release release = {.version = version, .commit = commit};
    world_release(world, &release);
}

/* ---- rollouts -------------------------------------------------------------------------------- */

/* Requests a choice as the driver would; its number. */
static inline int64_t world_request(struct world *world, const char *stream,
                                    struct roll_choice *choice)
{
    GString *text = NULL;
    ck_ok(roll_order_write(choice->order, &text));
    choice->request.order = g_strdup(release_blobs_add_take(choice->blobs, text));
    return world_append(world, stream, ROLL_EVENT_rollout_requested, &choice->request,
                        choice->blobs, 0)
        .seq;
}

static inline void world_intend(struct world *world, const char *stream, int64_t rollout,
                                const struct roll_order_target *target)
{
    const struct roll_step_intended intended = {.rollout = rollout,
                                                .target = target->name,
                                                .attempt = 1,
                                                .release = target->release,
                                                .floor = target->floor};
    world_append(world, stream, ROLL_EVENT_step_intended, &intended, NULL, 0);
}

/* result: JSON text of the step's result, or NULL. */
static inline void world_end_step(struct world *world, const char *stream, int64_t rollout,
                                  const struct roll_order_target *target, const char *outcome,
                                  const char *result, int64_t at)
{
    g_autoptr(GPtrArray) blobs = release_blobs_new();
    const char *digest = result ? release_blobs_add_take(blobs, g_string_new(result)) : NULL;
    const struct roll_step_ended ended = {.rollout = rollout,
                                          .target = target->name,
                                          .attempt = 1,
                                          .outcome = T(outcome),
                                          .last = true,
                                          .accepted = strcmp(outcome, "succeeded") == 0 ||
                                                      strcmp(outcome, "failed") == 0,
                                          .release = target->release,
                                          .result = T(digest)};
    world_append(world, stream, ROLL_EVENT_step_ended, &ended, blobs, at);
}

static inline void world_end(struct world *world, const char *stream, int64_t rollout,
                             enum roll_event_kind kind, int64_t at)
{
    const struct roll_rollout_failed end = {.rollout = rollout};
    world_append(world, stream, kind, &end, NULL, at);
}

/* Performs a choice (freed): every target succeeds but those in `failing` (blank-separated, or
 * NULL). Its number. */
static inline int64_t world_perform(struct world *world, const char *stream,
                                    struct roll_choice *choice, const char *failing)
{
    g_auto(GStrv) names = g_strsplit(failing ? failing : "", " ", 0);
    int64_t number = world_request(world, stream, choice);
    for (guint i = 0; i < choice->order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, i);
        bool fails = g_strv_contains((const char *const *)names, target->name);
        world_intend(world, stream, number, target);
        world_end_step(world, stream, number, target, fails ? "failed" : "succeeded", NULL, 0);
    }
    world_end(world, stream, number,
              names[0] && *names[0] ? ROLL_EVENT_rollout_failed : ROLL_EVENT_rollout_succeeded, 0);
    roll_choice_free(choice);
    return number;
}

/* ---- choosing in one line -------------------------------------------------------------------- */

static const struct roll_choice_options world_defaults = {.ring = -1};

static inline struct roll_choice *world_choose_out(struct world *world, const char *version)
{
    static const char *const everything[] = {"order",  "hold",       "after",
                                             "hotfix", "quarantine", NULL};
    const struct roll_choice_options options = {
        .release = version, .ring = -1, .overrides = everything};
    struct roll_choice *choice = NULL;
    ck_ok(roll_choose_out(world->plan, world->prod, world->ledger, NULL, &options, &choice));
    return choice;
}

/* Brings a release to prod, whatever stands in its way; failing as world_perform. */
static inline int64_t world_out(struct world *world, const char *version, const char *failing)
{
    return world_perform(world, "shop/prod", world_choose_out(world, version), failing);
}

static inline struct roll_choice *world_back(struct world *world,
                                             const struct roll_choice_options *options)
{
    struct roll_choice *choice = NULL;
    ck_ok(roll_choose_back(world->plan, world->prod, world->ledger,
                           options ? options : &world_defaults, &choice));
    return choice;
}

/* "weu=1.0.0 neu=1.1.0": what the order does. Owned. */
static inline char *world_goals(const struct roll_choice *choice)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < choice->order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, i);
        g_string_append_printf(text, "%s%s=%s", i ? " " : "", target->name, target->release);
    }
    return g_string_free(text, FALSE);
}

#define ck_goals(choice, wanted)                                                                   \
    do {                                                                                           \
        g_autofree char *ck_text = world_goals(choice);                                            \
        ck_assert_str_eq(ck_text, wanted);                                                         \
    } while (0)

/* Some line of the list holds the words. */
static inline bool world_says(char **lines, const char *words)
{
    for (; lines && *lines; lines++)
        if (strstr(*lines, words))
            return true;
    return false;
}

/* The call fails with this code; its message holds `words`, its detail (unless NULL) names
 * `command`. */
#define ck_refused(expression, wanted, words, command)                                             \
    do {                                                                                           \
        const char *ck_command = (command);                                                        \
        struct roll_error *ck_err = (expression);                                                  \
        ck_assert_msg(ck_err && ck_err->code == (wanted), "%s: %s", #expression,                   \
                      ck_err ? ck_err->message : "no error");                                      \
        ck_assert_msg(strstr(ck_err->message, words) != NULL, "%s", ck_err->message);              \
        if (ck_command)                                                                            \
            ck_assert_msg(ck_err->detail &&strstr(ck_err->detail, ck_command), "%s",               \
                          ck_err->detail);                                                         \
        roll_error_free(ck_err);                                                                   \
    } while (0)

#endif
