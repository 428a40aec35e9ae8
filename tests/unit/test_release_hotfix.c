/* Hotfixes, and what differs between two releases. */
#include "release_shop.h"

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
    Suite *suite = suite_create("release_hotfix");
    TCase *tests = tcase_create("release_hotfix");

    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, test_release__a_hotfix_changes_only_artifacts);
    tcase_add_test(tests, test_release__hotfixes_are_counted);
    tcase_add_test(tests, test_release__a_hotfix_of_some_targets_is_the_same_for_the_others);
    tcase_add_test(tests, test_release__the_commit_of_a_hotfix_is_looked_up);
    tcase_add_test(tests, test_release__a_hotfix_from_a_ref_descends_from_what_is_live);
    tcase_add_test(tests, test_release__a_hotfix_of_an_unknown_commit_is_not_stopped);
    tcase_add_test(tests, test_release__diff_of_two_releases_names_what_differs);
    tcase_add_test(tests, test_release__diff_of_a_first_out_creates_everything);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
