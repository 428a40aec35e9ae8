/* A release is made: what is recorded of templates, parameters, links and Bicep. */
#include "release_shop.h"

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
    const json_t *pins = json_object_get(entry_of(&shop, release, "prod", "weu"), "pins");
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
    const json_t *entry = entry_of(&shop, release, "prod", "weu"),
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
    g_autoptr(GString) text = NULL, canonical = NULL;
    ck_ok(roll_ledger_object(shop.ledger, release->digest, &text));
    ck_ok(roll_json_canonical(loaded->manifest, &canonical));
    ck_assert_str_eq(text->str, canonical->str);
    whole(&shop, release);
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

int main(void)
{
    Suite *suite = suite_create("release_make");
    TCase *tests = tcase_create("release_make");

    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, test_release__make_takes_version_and_commit_from_git);
    tcase_add_test(tests, test_release__make_layers_file_own_artifact_and_pins);
    tcase_add_test(tests, test_release__make_records_scope_steps_data_and_sticky);
    tcase_add_test(tests, test_release__make_keeps_the_template_as_written_but_strict);
    tcase_add_test(tests, test_release__record_and_load);
    tcase_add_test(tests, test_release__record_has_room_for_a_fleet);
    tcase_add_test(tests, test_release__the_same_content_again_is_the_same_release);
    tcase_add_test(tests, test_release__a_version_is_used_once);
    tcase_add_test(tests, test_release__changes_are_those_since_the_previous_release);
    tcase_add_test(tests, test_release__a_ref_is_read_not_the_work_tree);
    tcase_add_test(tests, test_release__linked_templates_become_part_of_the_release);
    tcase_add_test(tests, test_release__a_linked_template_that_is_missing_is_refused);
    tcase_add_test(tests, test_release__bicep_is_compiled_and_its_version_recorded);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
