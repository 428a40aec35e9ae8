/* Artifacts are pinned by their digests. */
#include "release_shop.h"
#include "tools/scripted_server.h"

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
               "could not be resolved", "@sha256:DIGEST");
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

int main(void)
{
    Suite *suite = suite_create("release_artifacts");
    TCase *tests = tcase_create("release_artifacts");

    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, test_release__an_artifact_without_digest_is_refused);
    tcase_add_test(tests, test_release__an_unknown_artifact_names_those_that_there_are);
    tcase_add_test(tests, test_release__an_artifact_is_completed_or_taken_from_a_release);
    tcase_add_test(tests, test_release__a_tag_is_resolved_once_at_the_registry);
    tcase_add_test(tests, test_release__a_tag_that_the_registry_does_not_have_is_refused);
    tcase_add_test(tests, test_release__a_digest_in_the_parameter_file_counts);
    tcase_add_test(tests, test_release__an_artifact_whose_parameter_is_not_declared_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
