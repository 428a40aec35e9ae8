/* Making releases: what is read from git, what is recorded, and everything that is refused before
 * that. */
#include "release_git.h"
#include "release_world.h"

#include "release/secret_scan.h"
#include "tools/scripted_server.h"

#define DIGEST(letter)                                                                             \
    letter letter letter letter letter letter letter letter letter letter letter letter letter     \
        letter letter letter
#define VAULT                                                                                      \
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g/providers/"              \
    "Microsoft.KeyVault/vaults/v"
#define WEB_1 "contoso.azurecr.io/shop/web@sha256:" DIGEST("1111")
#define WEB_2 "contoso.azurecr.io/shop/web@sha256:" DIGEST("2222")

struct shop {
    struct place place;
    struct repo repo;
    struct roll_ledger *ledger;
    struct roll_plan *plan;
    struct roll_actor actor;
    struct commit_id commit;
};

#define SCHEMA                                                                                     \
    "\"$schema\":\"https://schema.management.azure.com/schemas/2019-04-01/"                        \
    "deploymentTemplate.json#\","                                                                  \
    "\"contentVersion\":\"1.0.0.0\""

static const char template_text[] =
    "{" SCHEMA ",\n"
    "  // the shop\n"
    "  \"parameters\": { \"region\": {\"type\":\"string\"}, \"webImage\": {\"type\":\"string\"},\n"
    "    \"capacity\": {\"type\":\"int\",\"defaultValue\":1,\"maxValue\":9},\n"
    "    \"password\": {\"type\":\"securestring\",\"defaultValue\":\"\"},\n"
    "    \"note\": {\"type\":\"string\",\"defaultValue\":\"none\"},\n"
    "    \"seed\": {\"type\":\"string\",\"defaultValue\":\"[newGuid()]\"} },\n"
    "  \"resources\": [ {\"type\":\"Microsoft.Web/sites\",\"apiVersion\":\"2022-09-01\",\n"
    "    \"name\":\"[concat('web-',parameters('region'))]\",\"location\":\"westeurope\",\n"
    "    \"properties\":{\"image\":\"[parameters('webImage')]\",\"ratio\":0.10} } ]\n"
    "}\n";

static const char plan_text[] =
    "{ \"service\": \"shop\",\n"
    "  \"source\": {\"template\": \"infra/main.json\", \"parameters\": "
    "\"infra/{environment}.parameters.json\"},\n"
    "  \"artifacts\": {\"web\": {\"kind\": \"image\", \"name\": \"contoso.azurecr.io/shop/web\", "
    "\"parameter\": \"webImage\"}},\n"
    "  \"sticky\": [\"capacity\"], \"data\": {\"version\": 7, \"floor\": 5},\n"
    "  \"environments\": {\n"
    "    \"staging\": {\"cloud\": \"sandbox\", \"subscription\": "
    "\"11111111-1111-1111-1111-111111111111\",\n"
    "      \"targets\": {\"weu\": {\"resourceGroup\": \"s\", \"parameters\": {\"region\": "
    "\"st\"}}}},\n"
    "    \"prod\": {\"cloud\": \"sandbox\", \"subscription\": "
    "\"11111111-1111-1111-1111-111111111111\",\n"
    "      \"steps\": [{\"action\": \"Microsoft.Web/sites/web-{target}/restart\", \"apiVersion\": "
    "\"2022-09-01\"}],\n"
    "      \"targets\": {\"weu\": {\"resourceGroup\": \"w\", \"location\": \"westeurope\", "
    "\"parameters\": "
    "{\"Region\": \"weu\", \"capacity\": 3}},\n"
    "        \"neu\": {\"resourceGroup\": \"n\"}}}}}\n";

static void read_plan(struct shop *shop)
{
    g_autofree char *path = g_build_filename(shop->repo.root, "plans", "shop.json", NULL);
    roll_plan_free(shop->plan);
    shop->plan = NULL;
    ck_ok(roll_plan_read(path, &shop->plan));
}

static struct shop shop_make(void)
{
    struct shop shop = {.place = place_make(), .actor = {.proved = T("alice@contoso.com")}};
    ck_ok(roll_ledger_open(shop.place.state, ROLL_LEDGER_CREATE, &shop.ledger));
    shop.repo = repo_make(shop.place.root);
    repo_put(&shop.repo, "infra/main.json", template_text);
    repo_put(&shop.repo, "infra/staging.parameters.json", "{\"capacity\":{\"value\":2}}");
    repo_put(&shop.repo, "infra/prod.parameters.json",
             "{\"parameters\":{\"region\":{\"value\":\"neu\"},\"Capacity\":{\"value\":2}}}");
    repo_put(&shop.repo, "plans/shop.json", plan_text);
    shop.commit = repo_commit_on(&shop.repo, "first\n\nbody", NULL);
    repo_tag(&shop.repo, "v1.0.0", &shop.commit);
    read_plan(&shop);
    return shop;
}

static void shop_close(struct shop *shop)
{
    roll_plan_free(shop->plan);
    roll_ledger_close(shop->ledger);
    repo_close(&shop->repo);
    place_remove(&shop->place);
    ck_assert_int_eq(roll_error_live(), 0);
}

static const char *const web_1[] = {"web=" WEB_1, NULL};
static const char *const web_2[] = {"web=" WEB_2, NULL};

static struct roll_error *make(struct shop *shop, const struct roll_release_options *options,
                               struct roll_release **ret_release)
{
    return roll_release_make(shop->plan, shop->ledger, NULL, options, ret_release);
}

static struct roll_release *made(struct shop *shop, const struct roll_release_options *options)
{
    static const struct roll_release_options defaults = {.artifacts = web_1};
    struct roll_release *release = NULL;
    ck_ok(make(shop, options ? options : &defaults, &release));
    return release;
}

static struct roll_release *recorded(struct shop *shop, const struct roll_release_options *options)
{
    struct roll_release *release = made(shop, options);
    ck_ok(roll_release_record(shop->ledger, &shop->actor, release));
    return release;
}

/* Changes one file, commits, and reads the plan again. */
static void change(struct shop *shop, const char *name, const char *text)
{
    shop->commit = repo_change(&shop->repo, name, text, &shop->commit);
    if (g_str_has_prefix(name, "plans/"))
        read_plan(shop);
}

/* Replaces words of a file's text, commits. */
static void edit(struct shop *shop, const char *name, const char *from, const char *to)
{
    g_autofree char *path = g_build_filename(shop->repo.root, name, NULL), *text = NULL;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    g_autoptr(GString) edited = g_string_new(text);
    ck_assert_msg(g_string_replace(edited, from, to, 1) == 1, "'%s' is not in %s", from, name);
    change(shop, name, edited->str);
}

static const json_t *entry_of(const struct roll_release *release, const char *environment,
                              const char *target)
{
    const json_t *entry = release_manifest_target(release->manifest, environment, target);
    ck_assert_ptr_nonnull(entry);
    return entry;
}

/* The effective parameters of a target. New reference. */
static json_t *parameters_of(struct shop *shop, const struct roll_release *release,
                             const char *environment, const char *target)
{
    json_t *parameters = NULL;
    const char *digest = roll_json_get_string(entry_of(release, environment, target), "parameters");
    ck_ok(release_object_json(shop->ledger, release->blobs, digest, &parameters));
    return parameters;
}

static void assert_value(const json_t *parameters, const char *name, const char *text)
{
    g_autoptr(GString) value = g_string_new(NULL);
    const json_t *found = json_object_get(json_object_get(parameters, name), "value");
    ck_assert_msg(found != NULL, "no value for %s", name);
    roll_json_write(found, value);
    ck_assert_str_eq(value->str, text);
}

/* ---- what is recorded ------------------------------------------------------------------------ */

START_TEST(test_release__make_takes_version_and_commit_from_git)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *release = made(&shop, NULL);
    ck_assert_str_eq(release->version, "1.0.0");
    ck_assert(!release->recorded);
    ck_assert_str_eq(roll_json_get_string(release->manifest, "commit"), shop.commit.text);
    ck_assert_str_eq(roll_json_get_string(release->manifest, "ref"), "HEAD");
    ck_assert_str_eq(roll_json_get_string(release->manifest, "author"), "Ada <ada@example.com>");
    const json_t *changes = json_object_get(release->manifest, "changes");
    ck_assert_int_eq(json_array_size(changes), 1);
    ck_assert_str_eq(roll_json_get_string(json_array_get(changes, 0), "subject"), "first");
    ck_assert_ptr_null(json_object_get(release->manifest, "dirty"));
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__make_layers_file_own_artifact_and_pins)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *release = made(&shop, NULL);
    roll_auto(json) json_t *weu = parameters_of(&shop, release, "prod", "weu");
    roll_auto(json) json_t *neu = parameters_of(&shop, release, "prod", "neu");
    roll_auto(json) json_t *staging = parameters_of(&shop, release, "staging", "weu");
    assert_value(weu, "region", "\"weu\"");
    assert_value(weu, "capacity", "3");
    assert_value(neu, "region", "\"neu\"");
    assert_value(neu, "capacity", "2");
    assert_value(staging, "region", "\"st\"");
    assert_value(weu, "webImage", "\"" WEB_1 "\"");
    ck_assert_int_eq(json_object_size(weu), 4); /* region, capacity, webImage, seed */
    const json_t *pins = json_object_get(entry_of(release, "prod", "weu"), "pins");
    ck_assert_str_eq(json_string_value(json_array_get(pins, 0)), "seed");
    const char *one = roll_json_get_string(json_object_get(weu, "seed"), "value");
    const char *other = roll_json_get_string(json_object_get(neu, "seed"), "value");
    ck_assert(roll_uuid_is_valid(one));
    ck_assert_str_ne(one, other); /* once for each target */
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__make_records_scope_steps_data_and_sticky)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *release = made(&shop, NULL);
    const json_t *entry = entry_of(release, "prod", "weu"),
                 *scope = json_object_get(entry, "scope");
    ck_assert_str_eq(roll_json_get_string(scope, "resourceGroup"), "w");
    ck_assert_str_eq(roll_json_get_string(scope, "kind"), "resourceGroup");
    ck_assert_str_eq(roll_json_get_string(scope, "location"), "westeurope");
    ck_assert_str_eq(roll_json_get_string(entry, "apply"), "deployment");
    ck_assert_int_eq(json_array_size(release_manifest_steps(release->manifest, "prod")), 1);
    const json_t *data = json_object_get(release->manifest, "data");
    ck_assert_int_eq(json_integer_value(json_object_get(data, "floor")), 5);
    const json_t *sticky = json_object_get(release->manifest, "sticky");
    ck_assert_str_eq(json_string_value(json_array_get(sticky, 0)), "capacity");
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__make_keeps_the_template_as_written_but_strict)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *release = made(&shop, NULL);
    g_autoptr(GString) text = NULL;
    ck_ok(release_object_text(shop.ledger, release->blobs,
                              roll_json_get_string(release->manifest, "template"), &text));
    ck_assert_ptr_nonnull(strstr(text->str, "\"ratio\":0.10}"));
    ck_assert_ptr_null(strstr(text->str, "the shop"));
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__record_and_load)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *release = recorded(&shop, NULL);
    roll_auto(release) struct roll_release *loaded = NULL;
    ck_ok(roll_release_load(shop.ledger, "shop", "1.0.0", &loaded));
    ck_assert_str_eq(loaded->digest, release->digest);
    ck_assert(json_equal(loaded->manifest, release->manifest));
    roll_auto(release) struct roll_release *none = NULL;
    ck_fails(roll_release_load(shop.ledger, "shop", "1.0.1", &none), ROLL_E_NOT_FOUND);
    ck_ok(roll_release_record(shop.ledger, &shop.actor, release)); /* again: nothing */
    struct roll_head head;
    ck_ok(roll_ledger_head(shop.ledger, "shop", &head));
    ck_assert_int_eq(head.seq, 1);
    shop_close(&shop);
}
END_TEST

/* 1,000 targets with values of their own: more objects than one event can name. */
START_TEST(test_release__record_has_room_for_a_fleet)
{
    struct shop shop = shop_make();
    g_autoptr(GString) plan = g_string_new("{\"service\":\"fleet\",\"source\":{\"template\":"
                                           "\"infra/fleet.json\"},\"environments\":{\"prod\":"
                                           "{\"cloud\":\"sandbox\",\"subscription\":\"11111111-"
                                           "1111-1111-1111-111111111111\",\"targets\":{");
    for (int i = 0; i < 1000; i++)
        g_string_append_printf(plan,
                               "%s\"t%d\":{\"resourceGroup\":\"g\",\"parameters\":{\"n\":%d}}",
                               i ? "," : "", i, i);
    g_string_append(plan, "}}}}");
    change(&shop, "infra/fleet.json",
           "{" SCHEMA ",\"parameters\":{\"n\":{\"type\":\"int\"}},\"resources\":[]}");
    change(&shop, "plans/shop.json", plan->str);
    const struct roll_release_options options = {.version = "1.0.0"};
    roll_auto(release) struct roll_release *release = recorded(&shop, &options);
    roll_auto(event) struct roll_event *event = NULL;
    ck_ok(roll_ledger_event(shop.ledger, "fleet", 3, &event));
    ck_assert_int_eq(event->kind, ROLL_EVENT_release_made);
    roll_auto(json) json_t *parameters = parameters_of(&shop, release, "prod", "t999");
    assert_value(parameters, "n", "999");
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__the_same_content_again_is_the_same_release)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *first = recorded(&shop, NULL);
    const struct roll_release_options by_tag = {.ref = "v1.0.0", .artifacts = web_1};
    roll_auto(release) struct roll_release *again = made(&shop, &by_tag);
    ck_assert(again->recorded); /* with the pins that were drawn then */
    ck_assert_str_eq(again->digest, first->digest);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_version_is_used_once)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *first = recorded(&shop, NULL);
    const struct roll_release_options other = {.artifacts = web_2};
    struct roll_release *release = NULL;
    ck_refused(make(&shop, &other, &release), ROLL_E_CONFLICT, "'artifacts'", "--version OTHER");
    edit(&shop, "infra/main.json", "0.10", "0.20");
    const struct roll_release_options reuse = {.version = "1.0.0", .artifacts = web_1};
    ck_refused(make(&shop, &reuse, &release), ROLL_E_CONFLICT, "'template'",
               "roll show shop@1.0.0");
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__changes_are_those_since_the_previous_release)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *first = recorded(&shop, NULL);
    edit(&shop, "infra/main.json", "0.10", "0.20");
    edit(&shop, "infra/main.json", "0.20", "0.30");
    const struct roll_release_options options = {.version = "1.1.0", .artifacts = web_1};
    roll_auto(release) struct roll_release *second = recorded(&shop, &options);
    ck_assert_int_eq(json_array_size(json_object_get(second->manifest, "changes")), 2);
    roll_auto(release) struct roll_release *again = made(&shop, &options);
    ck_assert(again->recorded);
    edit(&shop, "infra/main.json", "0.30", "0.40");
    const struct roll_release_options third = {.version = "1.2.0", .artifacts = web_1};
    roll_auto(release) struct roll_release *last = made(&shop, &third);
    ck_assert_int_eq(json_array_size(json_object_get(last->manifest, "changes")), 1);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_ref_is_read_not_the_work_tree)
{
    struct shop shop = shop_make();
    edit(&shop, "infra/main.json", "0.10", "0.20");
    const struct roll_release_options old = {.ref = "v1.0.0", .artifacts = web_1};
    roll_auto(release) struct roll_release *release = made(&shop, &old);
    ck_assert_str_eq(release->version, "1.0.0");
    g_autoptr(GString) text = NULL;
    ck_ok(release_object_text(shop.ledger, release->blobs,
                              roll_json_get_string(release->manifest, "template"), &text));
    ck_assert_ptr_nonnull(strstr(text->str, "0.10"));
    struct roll_release *none = NULL;
    const struct roll_release_options unknown = {.ref = "nowhere", .artifacts = web_1};
    ck_refused(make(&shop, &unknown, &none), ROLL_E_NOT_FOUND, "nowhere", NULL);
    shop_close(&shop);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

START_TEST(test_release__a_dirty_tree_is_refused_unless_allowed)
{
    struct shop shop = shop_make();
    repo_put(&shop.repo, "infra/main.json", "{}");
    struct roll_release *none = NULL;
    const struct roll_release_options plain = {.artifacts = web_1},
                                      allowed = {.artifacts = web_1, .allow_dirty = true};
    ck_refused(make(&shop, &plain, &none), ROLL_E_REFUSED, "infra/main.json", "--allow-dirty");
    roll_auto(release) struct roll_release *release = made(&shop, &allowed);
    ck_assert(json_is_true(json_object_get(release->manifest, "dirty")));
    ck_assert(world_says(release->notes, "what is committed was released"));
    shop_close(&shop);
}
END_TEST

/* Only root can make a checkout that belongs to someone else. */
START_TEST(test_release__another_users_checkout_names_the_line_that_helps)
{
    struct shop shop = shop_make();
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    if (chown(shop.repo.root, 12345, 12345) == 0)
        ck_refused(make(&shop, &options, &none), ROLL_E_REFUSED, "another user",
                   "git config --global --add safe.directory");
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_missing_parameter_is_refused_by_name)
{
    struct shop shop = shop_make();
    change(&shop, "infra/prod.parameters.json", "{}");
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    ck_refused(make(&shop, &options, &none), ROLL_E_TEMPLATE,
               "target 'prod/neu': parameter 'region'", NULL);
    struct roll_head head;
    ck_ok(roll_ledger_head(shop.ledger, "shop", &head));
    ck_assert_int_eq(head.seq, 0);
    shop_close(&shop);
}
END_TEST

/* The error names the target, whatever the template module says below it. */
static void fails_for(struct roll_error *err, const char *words)
{
    ck_assert_msg(err && err->code == ROLL_E_TEMPLATE, "%s", err ? err->message : "no error");
    ck_assert_msg(strstr(err->message, words) != NULL, "%s", err->message);
    ck_assert_ptr_nonnull(err->cause);
    roll_error_free(err);
}

START_TEST(test_release__a_value_of_the_wrong_type_is_refused_by_name)
{
    struct shop shop = shop_make();
    edit(&shop, "plans/shop.json", "\"capacity\": 3", "\"capacity\": 30");
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    fails_for(make(&shop, &options, &none), "target 'prod/weu': parameter 'capacity'");
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__an_undeclared_parameter_is_refused_by_name)
{
    struct shop shop = shop_make();
    edit(&shop, "plans/shop.json", "\"capacity\": 3", "\"cpacity\": 3");
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    ck_refused(make(&shop, &options, &none), ROLL_E_TEMPLATE,
               "target 'prod/weu': parameter 'cpacity' is given, the template does not declare it",
               NULL);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__template_errors_are_found_before_anything_is_recorded)
{
    struct shop shop = shop_make();
    edit(&shop, "infra/main.json", "[concat('web-',parameters('region'))]",
         "[split(parameters('region'),'x')[5]]");
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    fails_for(make(&shop, &options, &none), "target 'staging/weu'");
    change(&shop, "infra/main.json", "{ this is no template");
    struct roll_error *syntax = make(&shop, &options, &none);
    ck_assert_ptr_nonnull(syntax);
    roll_error_free(syntax);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_template_for_another_scope_is_refused)
{
    struct shop shop = shop_make();
    edit(&shop, "infra/main.json", "2019-04-01/deploymentTemplate.json",
         "2018-05-01/subscriptionDeploymentTemplate.json");
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    ck_refused(make(&shop, &options, &none), ROLL_E_TEMPLATE, "is for a subscription", NULL);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_version_must_look_like_one)
{
    struct shop shop = shop_make();
    struct roll_release *none = NULL;
    const struct roll_release_options blank = {.artifacts = web_1, .version = "1 0"},
                                      at = {.artifacts = web_1, .version = "shop@1"},
                                      dash = {.artifacts = web_1, .version = "--help"};
    ck_fails(make(&shop, &blank, &none), ROLL_E_USAGE);
    ck_fails(make(&shop, &at, &none), ROLL_E_USAGE);
    ck_fails(make(&shop, &dash, &none), ROLL_E_USAGE);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_leaking_deployment_name_needs_a_fixed_one)
{
    struct shop shop = shop_make();
    edit(&shop, "infra/main.json", "0.10", "\"[deployment().name]\"");
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    ck_refused(make(&shop, &options, &none), ROLL_E_REFUSED, "'staging/weu' a 'deploymentName'",
               NULL);
    edit(&shop, "plans/shop.json", "\"resourceGroup\": \"s\"",
         "\"resourceGroup\": \"s\", \"deploymentName\": \"fixed\"");
    edit(&shop, "plans/shop.json", "\"resourceGroup\": \"w\"",
         "\"resourceGroup\": \"w\", \"deploymentName\": \"fixed\"");
    edit(&shop, "plans/shop.json", "\"resourceGroup\": \"n\"",
         "\"resourceGroup\": \"n\", \"deploymentName\": \"fixed\"");
    roll_auto(release) struct roll_release *release = made(&shop, &options);
    ck_assert_str_eq(roll_json_get_string(entry_of(release, "prod", "neu"), "deploymentName"),
                     "fixed");
    shop_close(&shop);
}
END_TEST

/* ---- artifacts ------------------------------------------------------------------------------- */

START_TEST(test_release__an_artifact_without_digest_is_refused)
{
    struct shop shop = shop_make();
    struct roll_release *none = NULL;
    const char *const tagged[] = {"web=contoso.azurecr.io/shop/web:1.0.0", NULL};
    const struct roll_release_options nothing = {0}, tag = {.artifacts = tagged};
    ck_refused(make(&shop, &nothing, &none), ROLL_E_REFUSED,
               "artifact 'web' has no immutable reference",
               "pin it: --artifact web=NAME@sha256:DIGEST");
    ck_refused(make(&shop, &tag, &none), ROLL_E_REFUSED, "cannot be resolved", NULL);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__an_unknown_artifact_names_those_that_there_are)
{
    struct shop shop = shop_make();
    struct roll_release *none = NULL;
    const char *const unknown[] = {"wbe=" WEB_1, NULL}, *const malformed[] = {"web", NULL};
    const struct roll_release_options options = {.artifacts = unknown},
                                      broken = {.artifacts = malformed};
    ck_refused(make(&shop, &options, &none), ROLL_E_NOT_FOUND, "no artifact 'wbe'; it has 'web'",
               NULL);
    ck_fails(make(&shop, &broken, &none), ROLL_E_USAGE);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__an_artifact_is_completed_or_taken_from_a_release)
{
    struct shop shop = shop_make();
    const char *const digest_only[] = {"web=sha256:" DIGEST("1111"), NULL};
    const struct roll_release_options options = {.artifacts = digest_only};
    roll_auto(release) struct roll_release *first = recorded(&shop, &options);
    const json_t *artifact = json_object_get(json_object_get(first->manifest, "artifacts"), "web");
    ck_assert_str_eq(roll_json_get_string(artifact, "reference"), WEB_1);
    const char *const from_release[] = {"web=@1.0.0", NULL}, *const from_nowhere[] = {"web=@0.1",
                                                                                      NULL};
    const struct roll_release_options again = {.artifacts = from_release, .version = "1.0.1"},
                                      nowhere = {.artifacts = from_nowhere, .version = "1.0.2"};
    roll_auto(release) struct roll_release *second = made(&shop, &again);
    artifact = json_object_get(json_object_get(second->manifest, "artifacts"), "web");
    ck_assert_str_eq(roll_json_get_string(artifact, "reference"), WEB_1);
    struct roll_release *none = NULL;
    ck_fails(make(&shop, &nowhere, &none), ROLL_E_NOT_FOUND);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_tag_is_resolved_once_at_the_registry)
{
    struct shop shop = shop_make();
    struct scripted_server *server =
        scripted_server_start("expect HEAD /v2/shop/web/manifests/1.0.0\nreply 200\n"
                              "  header Docker-Content-Digest: sha256:" DIGEST("1111") "\n",
                              0);
    g_autofree char *name = g_strdup_printf("127.0.0.1:%d/shop/web\", \"tag\": \"{version}",
                                            scripted_server_port(server));
    edit(&shop, "plans/shop.json", "contoso.azurecr.io/shop/web", name);
    roll_auto(loop) struct roll_loop *loop = NULL;
    roll_auto(release) struct roll_release *release = NULL;
    const struct roll_release_options options = {.version = "1.0.0"};
    ck_ok(roll_loop_new(&loop));
    ck_ok(roll_release_make(shop.plan, shop.ledger, loop, &options, &release));
    const json_t *artifact =
        json_object_get(json_object_get(release->manifest, "artifacts"), "web");
    const char *reference = roll_json_get_string(artifact, "reference");
    ck_assert_msg(g_str_has_suffix(reference, "/shop/web@sha256:" DIGEST("1111")), "%s", reference);
    g_autofree char *complaint = scripted_server_stop(server);
    ck_assert_msg(!complaint, "%s", complaint);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_tag_that_the_registry_does_not_have_is_refused)
{
    struct shop shop = shop_make();
    struct scripted_server *server =
        scripted_server_start("expect HEAD /v2/shop/web/manifests/2\nreply 404\n", 0);
    g_autofree char *typed =
        g_strdup_printf("web=127.0.0.1:%d/shop/web:2", scripted_server_port(server));
    const char *const artifacts[] = {typed, NULL};
    roll_auto(loop) struct roll_loop *loop = NULL;
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = artifacts};
    ck_ok(roll_loop_new(&loop));
    ck_refused(roll_release_make(shop.plan, shop.ledger, loop, &options, &none), ROLL_E_REFUSED,
               "could not be found out", "@sha256:DIGEST");
    g_free(scripted_server_stop(server));
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_digest_in_the_parameter_file_counts)
{
    struct shop shop = shop_make();
    edit(&shop, "infra/prod.parameters.json", "\"Capacity\"",
         "\"webImage\":{\"value\":\"mirror.azurecr.io/web@sha256:" DIGEST(
             "1111") "\"},\"Capacity\"");
    edit(&shop, "infra/staging.parameters.json", "\"capacity\"",
         "\"webImage\":{\"value\":\"" WEB_1 "\"},\"capacity\"");
    const struct roll_release_options nothing = {0}, typed = {.artifacts = web_2};
    roll_auto(release) struct roll_release *release = made(&shop, &nothing);
    roll_auto(json) json_t *weu = parameters_of(&shop, release, "prod", "weu");
    assert_value(weu, "webImage", "\"mirror.azurecr.io/web@sha256:" DIGEST("1111") "\"");
    roll_auto(release) struct roll_release *other =
        made(&shop, &typed); /* what is typed comes first */
    roll_auto(json) json_t *typed_weu = parameters_of(&shop, other, "prod", "weu");
    assert_value(typed_weu, "webImage", "\"" WEB_2 "\"");
    edit(&shop, "infra/staging.parameters.json", DIGEST("1111"), DIGEST("3333"));
    struct roll_release *none = NULL;
    ck_refused(make(&shop, &nothing, &none), ROLL_E_REFUSED, "a release has one", NULL);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__an_artifact_whose_parameter_is_not_declared_is_refused)
{
    struct shop shop = shop_make();
    edit(&shop, "plans/shop.json", "\"parameter\": \"webImage\"", "\"parameter\": \"image\"");
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    ck_refused(make(&shop, &options, &none), ROLL_E_PLAN, "sets the parameter 'image'", NULL);
    shop_close(&shop);
}
END_TEST

/* ---- secrets --------------------------------------------------------------------------------- */

START_TEST(test_release__a_secure_parameter_takes_no_plain_value)
{
    struct shop shop = shop_make();
    edit(&shop, "plans/shop.json", "\"capacity\": 3", "\"password\": \"hunter2-and-more\"");
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    struct roll_error *err = make(&shop, &options, &none);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_REFUSED);
    ck_assert_ptr_nonnull(
        strstr(err->message, "parameter 'password' is secure and has a plain value"));
    ck_assert_ptr_null(strstr(err->detail, "secret-scan"));
    ck_assert_ptr_null(strstr(err->message, "hunter2"));
    roll_error_free(err);
    const char *const overrides[] = {"secret-scan:password", NULL};
    const struct roll_release_options overridden = {.artifacts = web_1, .overrides = overrides};
    ck_refused(make(&shop, &overridden, &none), ROLL_E_REFUSED,
               "parameter 'password' is secure and has a plain value", NULL);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_key_vault_reference_is_recorded)
{
    struct shop shop = shop_make();
    edit(&shop, "plans/shop.json", "\"capacity\": 3",
         "\"password\": {\"reference\": {\"keyVault\": {\"id\": \"" VAULT "\"}, \"secretName\": "
         "\"pw\", \"secretVersion\": \"7\"}}");
    roll_auto(release) struct roll_release *release = made(&shop, NULL);
    const json_t *secrets = json_object_get(entry_of(release, "prod", "weu"), "secrets");
    const json_t *secret = json_array_get(secrets, 0);
    ck_assert_str_eq(roll_json_get_string(secret, "name"), "password");
    ck_assert_str_eq(roll_json_get_string(secret, "vault"), VAULT);
    ck_assert_str_eq(roll_json_get_string(secret, "secret"), "pw");
    ck_assert_str_eq(roll_json_get_string(secret, "version"), "7");
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_computed_default_of_a_secure_parameter_is_refused)
{
    struct shop shop = shop_make();
    edit(&shop, "infra/main.json", "\"securestring\",\"defaultValue\":\"\"",
         "\"securestring\",\"defaultValue\":\"[newGuid()]\"");
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    ck_refused(make(&shop, &options, &none), ROLL_E_REFUSED,
               "parameter 'password' is secure and has a computed default", NULL);
    const char *const overrides[] = {"secret-scan:password", NULL};
    const struct roll_release_options overridden = {.artifacts = web_1, .overrides = overrides};
    ck_refused(make(&shop, &overridden, &none), ROLL_E_REFUSED,
               "parameter 'password' is secure and has a computed default", NULL);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_plain_credential_is_refused_by_name)
{
    struct shop shop = shop_make();
    edit(
        &shop, "plans/shop.json", "\"capacity\": 3",
        "\"note\": \"Endpoint=sb://x/;SharedAccessKeyName=k;SharedAccessKey=" DIGEST("abcd") "=\"");
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    ck_refused(make(&shop, &options, &none), ROLL_E_REFUSED,
               "target 'prod/weu': parameter 'note' looks like a connection string with a key",
               "secret-scan:note");
    const char *const overrides[] = {"secret-scan:note", NULL};
    const struct roll_release_options overridden = {.artifacts = web_1, .overrides = overrides};
    roll_auto(release) struct roll_release *release = made(&shop, &overridden);
    ck_assert(world_says(release->notes, "overridden for parameter 'note'"));
    shop_close(&shop);
}
END_TEST

/* In the template, as a value of its own and as a text of an expression; what only an expression
 * makes a password of is none. */
START_TEST(test_release__a_credential_in_the_template_is_refused_by_its_place)
{
    static const char *const texts[] = {
        "Server=x;Password=Tr0ub4dor;",
        "[concat('Server=x;Password=Tr0ub4dor', ';')]",
        "[concat('it''s;Password=Tr0ub4dor;')]",
    };
    const struct roll_release_options options = {.artifacts = web_1};
    const char *const overrides[] = {"secret-scan:/variables/v/0", NULL};
    const struct roll_release_options overridden = {.artifacts = web_1, .overrides = overrides};

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct shop shop = shop_make();
        g_autofree char *with =
            g_strdup_printf("\"variables\": { \"v\": [ \"%s\" ] }, \"resources\"", texts[i]);
        edit(&shop, "infra/main.json", "\"resources\"", with);
        struct roll_release *none = NULL;
        ck_refused(make(&shop, &options, &none), ROLL_E_REFUSED,
                   "the template holds what looks like a connection string with a password, at "
                   "/variables/v/0; the ledger would keep it",
                   "secret-scan:/variables/v/0");
        roll_auto(release) struct roll_release *release = made(&shop, &overridden);
        ck_assert(world_says(release->notes, "overridden for /variables/v/0 of the template"));
        shop_close(&shop);
    }
}
END_TEST

START_TEST(test_release__an_expression_behind_a_password_is_none)
{
    struct shop shop = shop_make();
    const struct roll_release_options options = {.artifacts = web_1};

    edit(&shop, "infra/main.json", "\"resources\"",
         "\"variables\": { \"v\": \"[concat('Server=x;Password=', uniqueString('a'), ';')]\" }, "
         "\"resources\"");
    roll_auto(release) struct roll_release *release = made(&shop, &options);
    shop_close(&shop);
}
END_TEST

static const struct {
    const char *text, *what; /* what NULL: harmless */
} scans[] = {
    {"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" DIGEST(
         "Ab1+") "Zz==;EndpointSuffix=core.windows.net",
     "a connection string"},
    {"Server=tcp:x;User ID=u;Password=Tr0ub4dor;", "a connection string with a password"},
    {"Server=tcp:x;Password={your_password};", NULL},
    {"Server=tcp:x;Authentication=Active Directory Default;", NULL},
    {"https://a.blob.core.windows.net/c?sv=2022-11-02&se=2027&sig=abcdefghijklmnopqrstuvwxyz%3D",
     "a shared access signature"},
    {"https://a.blob.core.windows.net/c?versionid=2026", NULL},
    {"-----BEGIN RSA PRIVATE KEY-----\nMIIE", "a private key"},
    {"-----BEGIN PRIVATE KEY-----", "a private key"},
    {"-----BEGIN CERTIFICATE-----\nMIIE", NULL},
    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.SflKxwRJSMeKKF2QT4fwpMeJf36POk6y",
     "a JSON web token"},
    {"abc8Q~abcdefghijklmnopqrstuvwxyzABCDEF", "an Azure client secret"},
    {"release-8Q~notes", NULL},
    {DIGEST("Ab1+") "Ab1+Ab1+Ab1+Ab1+Ab1+Zz==", "an account key"},
    {"https://user:hunter22@example.com/", "an address with a password"},
    {"ssh://git@example.com/x", NULL},
    {"contoso.azurecr.io/shop/web@sha256:" DIGEST("1111"), NULL},
    {"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/a", NULL},
    {"The password= is explained elsewhere", NULL},
};

START_TEST(test_release__scan_knows_the_shapes_of_credentials)
{
    roll_auto(release_scanner) struct release_scanner *scanner = release_scanner_new();
    const char *what = release_scan_text(scanner, scans[_i].text, strlen(scans[_i].text));
    if (!scans[_i].what)
        ck_assert_msg(what == NULL, "'%s' is taken for %s", scans[_i].text, what);
    else
        ck_assert_msg(what && strstr(what, scans[_i].what), "'%s' is taken for %s", scans[_i].text,
                      what ? what : "harmless");
    roll_auto(json) json_t *nested = json_pack("{s:[i,{s:s}]}", "a", 1, "b", scans[_i].text);
    ck_assert((release_scan_value(scanner, nested) != NULL) == (scans[_i].what != NULL));
}
END_TEST

/* ---- links ----------------------------------------------------------------------------------- */

START_TEST(test_release__linked_templates_become_part_of_the_release)
{
    struct shop shop = shop_make();
    change(&shop, "infra/modules/plan.json",
           "{" SCHEMA
           ",\"resources\":[{\"type\":\"Microsoft.Web/serverfarms\",\"apiVersion\":\"2022-09-01\","
           "\"name\":\"p\",\"location\":\"westeurope\",\"properties\":{\"share\":0.50}}]}");
    edit(&shop, "infra/main.json", "\"resources\": [",
         "\"resources\": [ "
         "{\"type\":\"Microsoft.Resources/deployments\",\"apiVersion\":\"2022-09-01\",\"name\":"
         "\"inner\",\"properties\":{\"mode\":\"Incremental\",\"templateLink\":{\"relativePath\":"
         "\"modules/plan.json\"}}},");
    roll_auto(release) struct roll_release *release =
        recorded(&shop, &(struct roll_release_options){.artifacts = web_1, .version = "1.1.0"});
    const json_t *link = json_array_get(json_object_get(release->manifest, "linked"), 0);
    ck_assert_str_eq(roll_json_get_string(link, "path"), "infra/modules/plan.json");
    ck_assert(roll_ledger_has_object(shop.ledger, roll_json_get_string(link, "digest")));
    g_autoptr(GString) text = NULL;
    ck_ok(roll_ledger_object(shop.ledger, roll_json_get_string(release->manifest, "template"),
                             &text));
    ck_assert_ptr_nonnull(
        strstr(text->str, "\"expressionEvaluationOptions\":{\"scope\":\"inner\"},\"template\":{"));
    ck_assert_ptr_nonnull(strstr(text->str, "\"share\":0.50"));
    ck_assert_ptr_nonnull(strstr(text->str, "\"mode\":\"Incremental\""));
    ck_assert_ptr_null(strstr(text->str, "templateLink"));
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_linked_template_that_is_missing_is_refused)
{
    struct shop shop = shop_make();
    edit(&shop, "infra/main.json", "\"resources\": [",
         "\"resources\": [ "
         "{\"type\":\"Microsoft.Resources/deployments\",\"apiVersion\":\"2022-09-01\",\"name\":"
         "\"inner\",\"properties\":{\"mode\":\"Incremental\",\"templateLink\":{\"relativePath\":"
         "\"gone.json\"}}},");
    struct roll_release *none = NULL;
    const struct roll_release_options options = {.artifacts = web_1};
    ck_refused(make(&shop, &options, &none), ROLL_E_NOT_FOUND, "'gone.json'", NULL);
    shop_close(&shop);
}
END_TEST

/* ---- bicep ----------------------------------------------------------------------------------- */

/* A bicep command of our own: it prints its version, and a template for any file. */
static void install_bicep(struct shop *shop)
{
    g_autofree char *folder = g_build_filename(shop->place.root, "bin", NULL);
    g_autofree char *path = g_build_filename(folder, "bicep", NULL);
    g_autofree char *script = g_strdup_printf(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'Bicep CLI version 0.30.3'; else\n"
        "cat \"%s/infra/main.json\"; fi\n",
        shop->repo.root);
    g_autofree char *search = g_strconcat(folder, ":", g_getenv("PATH"), NULL);
    ck_assert_int_eq(g_mkdir_with_parents(folder, 0700), 0);
    ck_assert(g_file_set_contents(path, script, -1, NULL));
    ck_assert_int_eq(g_chmod(path, 0700), 0);
    ck_assert(g_setenv("PATH", search, TRUE));
}

START_TEST(test_release__bicep_is_compiled_and_its_version_recorded)
{
    struct shop shop = shop_make();
    repo_put(&shop.repo, "infra/main.bicep", "param region string");
    edit(&shop, "plans/shop.json", "infra/main.json", "infra/main.bicep");
    const struct roll_release_options options = {.version = "1.1.0", .artifacts = web_1},
                                      old = {
                                          .ref = "HEAD~1", .version = "1.0.9", .artifacts = web_1};
    struct roll_release *none = NULL;
    g_autofree char *before = g_strdup(g_getenv("PATH"));
    ck_assert(g_setenv("PATH", shop.place.root, TRUE));
    ck_refused(make(&shop, &options, &none), ROLL_E_NOT_FOUND, "needs the command 'bicep'", NULL);
    ck_assert(g_setenv("PATH", before, TRUE));
    install_bicep(&shop);
    roll_auto(release) struct roll_release *release = made(&shop, &options);
    ck_assert_str_eq(roll_json_get_string(release->manifest, "bicep"), "Bicep CLI version 0.30.3");
    ck_refused(make(&shop, &old, &none), ROLL_E_REFUSED, "is compiled from the work tree",
               "git checkout");
    shop_close(&shop);
}
END_TEST

/* ---- hotfix ---------------------------------------------------------------------------------- */

START_TEST(test_release__a_hotfix_changes_only_artifacts)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *base = recorded(&shop, NULL);
    edit(&shop, "infra/main.json", "0.10", "0.20"); /* today's files do not matter */
    edit(&shop, "plans/shop.json", "\"version\": 7", "\"version\": 8");
    const struct roll_release_options options = {
        .base = "1.0.0", .from_base = true, .artifacts = web_2};
    roll_auto(release) struct roll_release *fix = recorded(&shop, &options);
    ck_assert_str_eq(fix->version, "1.0.0-hotfix.1");
    ck_assert_str_eq(roll_json_get_string(fix->manifest, "base"), "1.0.0");
    ck_assert_str_eq(roll_json_get_string(fix->manifest, "template"),
                     roll_json_get_string(base->manifest, "template"));
    ck_assert_str_eq(roll_json_get_string(fix->manifest, "commit"),
                     roll_json_get_string(base->manifest, "commit"));
    const json_t *data = json_object_get(fix->manifest, "data");
    ck_assert_int_eq(json_integer_value(json_object_get(data, "version")), 7);
    roll_auto(json) json_t *before = parameters_of(&shop, base, "prod", "weu");
    roll_auto(json) json_t *after = parameters_of(&shop, fix, "prod", "weu");
    assert_value(after, "webImage", "\"" WEB_2 "\"");
    json_object_del(before, "webImage");
    json_object_del(after, "webImage");
    ck_assert(json_equal(before, after)); /* pins too */
    roll_auto(release) struct roll_release *again = made(&shop, &options);
    ck_assert(again->recorded);
    ck_assert_str_eq(again->version, "1.0.0-hotfix.1");
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__hotfixes_are_counted)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *base = recorded(&shop, NULL);
    const struct roll_release_options
        first = {.base = "1.0.0", .from_base = true, .artifacts = web_2, .commit = COMMIT_A},
        second = {.base = "1.0.0-hotfix.1", .from_base = true, .artifacts = web_1},
        nothing = {.base = "1.0.0", .from_base = true, .artifacts = web_1};
    roll_auto(release) struct roll_release *one = recorded(&shop, &first);
    ck_assert_str_eq(roll_json_get_string(one->manifest, "commit"), COMMIT_A);
    roll_auto(release) struct roll_release *two = recorded(&shop, &second);
    ck_assert_str_eq(two->version, "1.0.0-hotfix.2");
    struct roll_release *none = NULL;
    ck_refused(make(&shop, &nothing, &none), ROLL_E_NOTHING, "would change nothing", NULL);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_hotfix_of_some_targets_is_the_same_for_the_others)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *base = recorded(&shop, NULL);
    const struct roll_release_options
        first = {.base = "1.0.0", .from_base = true, .artifacts = web_2},
        again = {.base = "1.0.0-hotfix.1", .from_base = true, .artifacts = web_2},
        other = {
            .base = "1.0.0-hotfix.1", .from_base = true, .artifacts = web_2, .version = "1.0.1"};
    roll_auto(release) struct roll_release *fix = recorded(&shop, &first);
    roll_auto(release) struct roll_release *same = made(&shop, &again);
    ck_assert(same->recorded);
    ck_assert_str_eq(same->version, "1.0.0-hotfix.1");
    ck_assert_str_eq(same->digest, fix->digest);
    struct roll_release *none = NULL;
    ck_refused(make(&shop, &other, &none), ROLL_E_NOTHING, "would change nothing", NULL);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__the_commit_of_a_hotfix_is_looked_up)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *base = recorded(&shop, NULL);
    const struct roll_release_options
        head = {.base = "1.0.0", .from_base = true, .artifacts = web_2, .commit = "HEAD"},
        word = {.base = "1.0.0", .from_base = true, .artifacts = web_2, .commit = "nix"},
        short_id = {.base = "1.0.0", .from_base = true, .artifacts = web_2, .commit = "abc123"},
        foreign = {.base = "1.0.0", .from_base = true, .artifacts = web_2, .commit = "ABCDEF1"};
    struct roll_release *none = NULL;
    ck_refused(make(&shop, &word, &none), ROLL_E_NOT_FOUND, "'nix'", NULL);
    ck_refused(make(&shop, &short_id, &none), ROLL_E_NOT_FOUND, "'abc123'", NULL);
    roll_auto(release) struct roll_release *found = made(&shop, &head);
    ck_assert_str_eq(roll_json_get_string(found->manifest, "commit"),
                     roll_json_get_string(base->manifest, "commit"));
    roll_auto(release) struct roll_release *unknown = made(&shop, &foreign);
    ck_assert_str_eq(roll_json_get_string(unknown->manifest, "commit"), "abcdef1");
    ck_assert(world_says(unknown->notes, "is not in this repository"));
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_hotfix_from_a_ref_descends_from_what_is_live)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *base = recorded(&shop, NULL);
    edit(&shop, "infra/main.json", "0.10", "0.20");
    const struct roll_release_options options = {
        .base = "1.0.0", .ref = "HEAD", .artifacts = web_1};
    roll_auto(release) struct roll_release *fix = made(&shop, &options);
    ck_assert_str_eq(fix->version, "1.0.0-hotfix.1");
    ck_assert_int_eq(json_array_size(json_object_get(fix->manifest, "changes")), 1);
    ck_ok(roll_release_record(shop.ledger, &shop.actor, fix));
    roll_auto(release) struct roll_release *again = made(&shop, &options);
    ck_assert(again->recorded);
    edit(&shop, "infra/main.json", "0.20", "0.30");
    roll_auto(release) struct roll_release *second = made(&shop, &options);
    ck_assert_str_eq(second->version, "1.0.0-hotfix.2");
    repo_put(&shop.repo, "infra/main.json", template_text);
    shop.commit = repo_commit_on(&shop.repo, "unrelated", NULL);
    struct roll_release *none = NULL;
    ck_refused(make(&shop, &options, &none), ROLL_E_REFUSED,
               "does not descend from the live '1.0.0'", "git checkout -b fix");
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__a_hotfix_of_an_unknown_commit_is_not_stopped)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *base = recorded(&shop, NULL);
    const struct roll_release_options image = {
        .base = "1.0.0", .from_base = true, .artifacts = web_2, .commit = COMMIT_C};
    roll_auto(release) struct roll_release *live = recorded(&shop, &image);
    const struct roll_release_options options = {
        .base = "1.0.0-hotfix.1", .ref = "HEAD", .artifacts = web_2};
    roll_auto(release) struct roll_release *fix = made(&shop, &options);
    ck_assert_str_eq(fix->version, "1.0.0-hotfix.2");
    ck_assert(world_says(fix->notes, "could not be checked"));
    shop_close(&shop);
}
END_TEST

/* ---- comparing ------------------------------------------------------------------------------- */

START_TEST(test_release__diff_of_two_releases_names_what_differs)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *first = recorded(&shop, NULL);
    edit(&shop, "infra/main.json", "\"ratio\":0.10", "\"ratio\":0.20");
    const struct roll_release_options options = {.version = "1.1.0", .artifacts = web_1};
    roll_auto(release) struct roll_release *second = recorded(&shop, &options);
    roll_auto(json) json_t *diff = NULL;
    ck_ok(roll_release_diff(shop.ledger, "shop", "prod", "1.0.0", "1.1.0", &diff));
    ck_assert_int_eq(json_object_size(diff), 2);
    const json_t *change = json_array_get(json_object_get(diff, "weu"), 0);
    ck_assert_str_eq(roll_json_get_string(change, "change"), "modify");
    const json_t *property = json_array_get(json_object_get(change, "properties"), 0);
    ck_assert_ptr_nonnull(strstr(roll_json_get_string(property, "path"), "ratio"));
    roll_auto(json) json_t *none = NULL;
    ck_fails(roll_release_diff(shop.ledger, "shop", "prod", "1.0.0", "9", &none), ROLL_E_NOT_FOUND);
    shop_close(&shop);
}
END_TEST

START_TEST(test_release__diff_of_a_first_out_creates_everything)
{
    struct shop shop = shop_make();
    roll_auto(release) struct roll_release *first = recorded(&shop, NULL);
    const struct roll_plan_environment *prod = roll_plan_environment_find(shop.plan, "prod");
    const struct roll_choice_options options = {.release = "1.0.0", .ring = -1};
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(roll_choose_out(shop.plan, prod, shop.ledger, NULL, &options, &choice));
    const struct roll_order_target *weu = g_ptr_array_index(choice->order->targets, 0);
    roll_auto(json) json_t *changes = NULL;
    roll_auto(differ) struct roll_differ *differ = NULL;
    ck_ok(roll_differ_new(shop.ledger, choice, &differ));
    ck_ok(roll_differ_target(differ, weu, &changes));
    ck_assert_int_eq(json_array_size(changes), 1);
    const json_t *change = json_array_get(changes, 0);
    ck_assert_str_eq(roll_json_get_string(change, "change"), "create");
    ck_assert_ptr_nonnull(strstr(roll_json_get_string(change, "id"), "web-weu"));
    shop_close(&shop);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("release_make");
    TCase *tcase = tcase_create("make");
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_release__make_takes_version_and_commit_from_git);
    tcase_add_test(tcase, test_release__make_layers_file_own_artifact_and_pins);
    tcase_add_test(tcase, test_release__make_records_scope_steps_data_and_sticky);
    tcase_add_test(tcase, test_release__make_keeps_the_template_as_written_but_strict);
    tcase_add_test(tcase, test_release__record_and_load);
    tcase_add_test(tcase, test_release__record_has_room_for_a_fleet);
    tcase_add_test(tcase, test_release__the_same_content_again_is_the_same_release);
    tcase_add_test(tcase, test_release__a_version_is_used_once);
    tcase_add_test(tcase, test_release__changes_are_those_since_the_previous_release);
    tcase_add_test(tcase, test_release__a_ref_is_read_not_the_work_tree);
    tcase_add_test(tcase, test_release__a_dirty_tree_is_refused_unless_allowed);
    tcase_add_test(tcase, test_release__another_users_checkout_names_the_line_that_helps);
    tcase_add_test(tcase, test_release__a_missing_parameter_is_refused_by_name);
    tcase_add_test(tcase, test_release__a_value_of_the_wrong_type_is_refused_by_name);
    tcase_add_test(tcase, test_release__an_undeclared_parameter_is_refused_by_name);
    tcase_add_test(tcase, test_release__template_errors_are_found_before_anything_is_recorded);
    tcase_add_test(tcase, test_release__a_template_for_another_scope_is_refused);
    tcase_add_test(tcase, test_release__a_version_must_look_like_one);
    tcase_add_test(tcase, test_release__a_leaking_deployment_name_needs_a_fixed_one);
    tcase_add_test(tcase, test_release__an_artifact_without_digest_is_refused);
    tcase_add_test(tcase, test_release__an_unknown_artifact_names_those_that_there_are);
    tcase_add_test(tcase, test_release__an_artifact_is_completed_or_taken_from_a_release);
    tcase_add_test(tcase, test_release__a_tag_is_resolved_once_at_the_registry);
    tcase_add_test(tcase, test_release__a_tag_that_the_registry_does_not_have_is_refused);
    tcase_add_test(tcase, test_release__a_digest_in_the_parameter_file_counts);
    tcase_add_test(tcase, test_release__an_artifact_whose_parameter_is_not_declared_is_refused);
    tcase_add_test(tcase, test_release__a_secure_parameter_takes_no_plain_value);
    tcase_add_test(tcase, test_release__a_key_vault_reference_is_recorded);
    tcase_add_test(tcase, test_release__a_computed_default_of_a_secure_parameter_is_refused);
    tcase_add_test(tcase, test_release__a_plain_credential_is_refused_by_name);
    tcase_add_loop_test(tcase, test_release__scan_knows_the_shapes_of_credentials, 0,
                        G_N_ELEMENTS(scans));
    tcase_add_test(tcase, test_release__linked_templates_become_part_of_the_release);
    tcase_add_test(tcase, test_release__a_linked_template_that_is_missing_is_refused);
    tcase_add_test(tcase, test_release__bicep_is_compiled_and_its_version_recorded);
    tcase_add_test(tcase, test_release__a_hotfix_changes_only_artifacts);
    tcase_add_test(tcase, test_release__hotfixes_are_counted);
    tcase_add_test(tcase, test_release__a_hotfix_of_some_targets_is_the_same_for_the_others);
    tcase_add_test(tcase, test_release__the_commit_of_a_hotfix_is_looked_up);
    tcase_add_test(tcase, test_release__a_hotfix_from_a_ref_descends_from_what_is_live);
    tcase_add_test(tcase, test_release__a_hotfix_of_an_unknown_commit_is_not_stopped);
    tcase_add_test(tcase, test_release__diff_of_two_releases_names_what_differs);
    tcase_add_test(tcase, test_release__a_credential_in_the_template_is_refused_by_its_place);
    tcase_add_test(tcase, test_release__an_expression_behind_a_password_is_none);
    tcase_add_test(tcase, test_release__diff_of_a_first_out_creates_everything);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
