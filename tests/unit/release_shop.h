/* A repository with a plan, a template and its releases, for tests that make some. */
#ifndef ROLLBOOK_TESTS_RELEASE_SHOP_H
#define ROLLBOOK_TESTS_RELEASE_SHOP_H

#include "release_git.h"
#include "release_world.h"

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

static inline void read_plan(struct shop *shop)
{
    g_autofree char *path = g_build_filename(shop->repo.root, "plans", "shop.json", NULL);
    roll_plan_free(shop->plan);
    shop->plan = NULL;
    ck_ok(roll_plan_read(path, &shop->plan));
}

static inline struct shop shop_make(void)
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

static inline void shop_close(struct shop *shop)
{
    roll_plan_free(shop->plan);
    roll_ledger_close(shop->ledger);
    repo_close(&shop->repo);
    place_remove(&shop->place);
    ck_assert_int_eq(roll_error_live(), 0);
}

static const char *const web_1[] = {"web=" WEB_1, NULL};
static const char *const web_2[] = {"web=" WEB_2, NULL};

static inline struct roll_error *make(struct shop *shop, const struct roll_release_options *options,
                                      struct roll_release **ret_release)
{
    return roll_release_make(shop->plan, shop->ledger, NULL, options, ret_release);
}

static inline struct roll_release *made(struct shop *shop,
                                        const struct roll_release_options *options)
{
    static const struct roll_release_options defaults = {.artifacts = web_1};
    struct roll_release *release = NULL;
    ck_ok(make(shop, options ? options : &defaults, &release));
    return release;
}

static inline struct roll_release *recorded(struct shop *shop,
                                            const struct roll_release_options *options)
{
    struct roll_release *release = made(shop, options);
    ck_ok(roll_release_record(shop->ledger, &shop->actor, release));
    return release;
}

/* Changes one file, commits, and reads the plan again. */
static inline void change(struct shop *shop, const char *name, const char *text)
{
    shop->commit = repo_change(&shop->repo, name, text, &shop->commit);
    if (g_str_has_prefix(name, "plans/"))
        read_plan(shop);
}

/* Replaces words of a file's text, commits. */
static inline void edit(struct shop *shop, const char *name, const char *from, const char *to)
{
    g_autofree char *path = g_build_filename(shop->repo.root, name, NULL), *text = NULL;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    g_autoptr(GString) edited = g_string_new(text);
    ck_assert_msg(g_string_replace(edited, from, to, 1) == 1, "'%s' is not in %s", from, name);
    change(shop, name, edited->str);
}

/* The manifest of a release that was just made, its targets too: the object, or what is recorded.
 */
static inline void whole(struct shop *shop, struct roll_release *release)
{
    json_decref(release->manifest);
    release->manifest = NULL;
    ck_ok(release_object_json(shop->ledger, release->blobs, release->digest, &release->manifest));
}

static inline const json_t *entry_of(struct shop *shop, struct roll_release *release,
                                     const char *environment, const char *target)
{
    if (!release_manifest_target(release->manifest, environment, target))
        whole(shop, release);
    const json_t *entry = release_manifest_target(release->manifest, environment, target);
    ck_assert_ptr_nonnull(entry);
    return entry;
}

/* The effective parameters of a target. New reference. */
static inline json_t *parameters_of(struct shop *shop, struct roll_release *release,
                                    const char *environment, const char *target)
{
    json_t *parameters = NULL;
    const char *digest =
        roll_json_get_string(entry_of(shop, release, environment, target), "parameters");
    ck_ok(release_object_json(shop->ledger, release->blobs, digest, &parameters));
    return parameters;
}

static inline void assert_value(const json_t *parameters, const char *name, const char *text)
{
    g_autoptr(GString) value = g_string_new(NULL);
    const json_t *found = json_object_get(json_object_get(parameters, name), "value");
    ck_assert_msg(found != NULL, "no value for %s", name);
    roll_json_write(found, value);
    ck_assert_str_eq(value->str, text);
}

#endif
