/* What is no release: refused by name, before anything is recorded; secrets in plain. */
#include "release/secret_scan.h"
#include "release_shop.h"

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
    ck_assert_str_eq(
        roll_json_get_string(entry_of(&shop, release, "prod", "neu"), "deploymentName"), "fixed");
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
    const json_t *secrets = json_object_get(entry_of(&shop, release, "prod", "weu"), "secrets");
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

int main(void)
{
    Suite *suite = suite_create("release_refused");
    TCase *tests = tcase_create("release_refused");

    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, test_release__a_dirty_tree_is_refused_unless_allowed);
    tcase_add_test(tests, test_release__another_users_checkout_names_the_line_that_helps);
    tcase_add_test(tests, test_release__a_missing_parameter_is_refused_by_name);
    tcase_add_test(tests, test_release__a_value_of_the_wrong_type_is_refused_by_name);
    tcase_add_test(tests, test_release__an_undeclared_parameter_is_refused_by_name);
    tcase_add_test(tests, test_release__template_errors_are_found_before_anything_is_recorded);
    tcase_add_test(tests, test_release__a_template_for_another_scope_is_refused);
    tcase_add_test(tests, test_release__a_version_must_look_like_one);
    tcase_add_test(tests, test_release__a_leaking_deployment_name_needs_a_fixed_one);
    tcase_add_test(tests, test_release__a_secure_parameter_takes_no_plain_value);
    tcase_add_test(tests, test_release__a_key_vault_reference_is_recorded);
    tcase_add_test(tests, test_release__a_computed_default_of_a_secure_parameter_is_refused);
    tcase_add_test(tests, test_release__a_plain_credential_is_refused_by_name);
    tcase_add_test(tests, test_release__a_credential_in_the_template_is_refused_by_its_place);
    tcase_add_test(tests, test_release__an_expression_behind_a_password_is_none);
    tcase_add_loop_test(tests, test_release__scan_knows_the_shapes_of_credentials, 0,
                        G_N_ELEMENTS(scans));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
