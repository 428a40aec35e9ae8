/* Kinds of credentials: selected by name, in a chain, and what each lacks. */
#include "credential_tools.h"
#include "suite_tools.h"

/* ---- what each lacks ---- */

static const struct {
    const char *kind;
    const char *settings[4][2];
    const char *problem;
} lacking[] = {
    {"environment", {{NULL}}, "environment: AZURE_CLIENT_ID is not set"},
    {"environment",
     {{"AZURE_CLIENT_ID", "c"}, {"AZURE_TENANT_ID", "t"}},
     "neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set"},
    {"workload-identity", {{NULL}}, "AZURE_FEDERATED_TOKEN_FILE is not set"},
    {"workload-identity",
     {{"AZURE_FEDERATED_TOKEN_FILE", "/x"}, {"AZURE_CLIENT_ID", "c"}, {"AZURE_TENANT_ID", "a/b"}},
     "AZURE_TENANT_ID is not a tenant"},
    {"github", {{NULL}}, "ACTIONS_ID_TOKEN_REQUEST_URL is not set"},
    {"github", {{"GITHUB_ACTIONS", "true"}}, "the job has no 'permissions: id-token: write'"},
    {"github",
     {{"ACTIONS_ID_TOKEN_REQUEST_URL", "http://example.com/"},
      {"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret"}},
     "ACTIONS_ID_TOKEN_REQUEST_URL is not an https address"},
    {"azure-pipelines", {{NULL}}, "SYSTEM_OIDCREQUESTURI is not set"},
    {"azure-pipelines",
     {{"SYSTEM_OIDCREQUESTURI", "https://dev.example/"}},
     "SYSTEM_ACCESSTOKEN is not set (the step's 'env:' must map it to $(System.AccessToken))"},
    {"azure-pipelines",
     {{"SYSTEM_OIDCREQUESTURI", "https://dev.example/"}, {"SYSTEM_ACCESSTOKEN", "s3cret"}},
     "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID is not set"},
    {"managed-identity",
     {{"IDENTITY_ENDPOINT", "http://example.com"}, {"IDENTITY_HEADER", "s3cret"}},
     "IDENTITY_ENDPOINT is neither https nor on this machine"},
    {"managed-identity",
     {{"IDENTITY_ENDPOINT", "http://169.254.1.1.example.com/"}, {"IDENTITY_HEADER", "s3cret"}},
     "IDENTITY_ENDPOINT is neither https nor on this machine"},
    {"managed-identity",
     {{"IDENTITY_ENDPOINT", "https://h"},
      {"IDENTITY_HEADER", "s3cret"},
      {"IDENTITY_SERVER_THUMBPRINT", "t"}},
     "the managed identity of Service Fabric is not supported by this version"},
    {"managed-identity", {{"MSI_ENDPOINT", "http://h"}}, "of Cloud Shell is not supported"},
    {"managed-identity",
     {{"MSI_ENDPOINT", "http://h"}, {"MSI_SECRET", "s3cret"}},
     "of Azure Machine Learning is not supported"},
    {"managed-identity",
     {{"IDENTITY_ENDPOINT", "http://h"}, {"IMDS_ENDPOINT", "http://h"}},
     "of Azure Arc is not supported"},
};

START_TEST(test_azure_credentials__what_each_lacks)
{
    struct world world;

    open_world(&world, "");
    for (size_t i = 0; i < 4 && lacking[_i].settings[i][0]; i++)
        set(lacking[_i].settings[i][0], lacking[_i].settings[i][1]);
    use(&world, lacking[_i].kind);
    expect_problem(&world, lacking[_i].problem);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__an_empty_chain_names_all_in_order)
{
    struct world world;

    open_world(&world, "");
    use(&world, NULL);
    expect_problem(
        &world,
        "no credential for sandbox: environment: AZURE_CLIENT_ID is not set; workload-identity: "
        "AZURE_FEDERATED_TOKEN_FILE is not set; github: ACTIONS_ID_TOKEN_REQUEST_URL is not set; "
        "azure-pipelines: SYSTEM_OIDCREQUESTURI is not set; managed-identity: this is not a "
        "machine "
        "with a managed identity (IMDS does not answer); cli: the command 'az' is not installed");
    close_world(&world);
}
END_TEST

/* ---- names ---- */

static void on_reply(void *user, const struct roll_arm_reply *reply)
{
    *(enum roll_arm_outcome *)user = reply->outcome;
}

/* A refused token is renewed once; which of them it was is not said, so that all are. */
START_TEST(test_azure_credentials__other_tenants_send_their_tokens_along)
{
    struct world world;
    struct roll_credential *others[2] = {NULL, NULL};
    enum roll_arm_outcome outcome = ROLL_ARM_LOST;

    open_world(&world, "expect POST /tenant.example/oauth2/v2.0/token times 2\n"
                       "reply 200\n  body {\"access_token\":\"main\",\"expires_in\":3600}\n"
                       "expect POST /second/oauth2/v2.0/token times 2\n"
                       "reply 200\n  body {\"access_token\":\"two\",\"expires_in\":3600}\n"
                       "expect POST /third/oauth2/v2.0/token times 2\n"
                       "reply 200\n  body {\"access_token\":\"three\",\"expires_in\":3600}\n"
                       "expect GET /subscriptions/s times 2\n"
                       "  has-header Authorization: Bearer main\n"
                       "  has-header x-ms-authorization-auxiliary: Bearer two, Bearer three\n"
                       "reply 401\n  body {}\nreply 200\n  body {\"id\":\"x\"}\n");
    set_application();
    set("AZURE_CLIENT_SECRET", "s3cret");
    use(&world, "environment");
    ok(roll_credential_new(world.loop, world.cloud, "second", "environment", &others[0]));
    ok(roll_credential_new(world.loop, world.cloud, "third", "environment", &others[1]));
    struct roll_arm *arm = roll_arm_new(world.loop, world.cloud, world.credential);
    roll_arm_add_auxiliary(arm, others[0]);
    roll_arm_add_auxiliary(arm, others[1]);
    roll_arm_resource_get(arm, "/subscriptions/s", "2022-12-01", on_reply, &outcome);
    ok(roll_loop_run(world.loop));
    ck_assert_int_eq(outcome, ROLL_ARM_OK);
    roll_arm_free(arm);
    roll_credential_free(others[0]);
    roll_credential_free(others[1]);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__without_the_other_tenants_token_nothing_is_sent)
{
    struct world world;
    struct roll_credential *other = NULL;
    enum roll_arm_outcome outcome = ROLL_ARM_LOST;

    open_world(&world, "expect POST /tenant.example/oauth2/v2.0/token times 1\n"
                       "reply 200\n  body {\"access_token\":\"main\",\"expires_in\":3600}\n"
                       "expect POST /second/oauth2/v2.0/token times 1\n"
                       "reply 401\n  body {\"error\":\"invalid_client\"}\n");
    set_application();
    set("AZURE_CLIENT_SECRET", "s3cret");
    use(&world, "environment");
    ok(roll_credential_new(world.loop, world.cloud, "second", "environment", &other));
    struct roll_arm *arm = roll_arm_new(world.loop, world.cloud, world.credential);
    roll_arm_add_auxiliary(arm, other);
    roll_arm_resource_get(arm, "/subscriptions/s", "2022-12-01", on_reply, &outcome);
    ok(roll_loop_run(world.loop));
    ck_assert_int_eq(outcome, ROLL_ARM_NO_TOKEN);
    roll_arm_free(arm);
    roll_credential_free(other);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__each_is_selected_by_its_name)
{
    static const char *const names[] = {"environment",     "workload-identity", "github",
                                        "azure-pipelines", "managed-identity",  "cli",
                                        "device-code"};
    roll_auto(cloud) struct roll_cloud *cloud = NULL;
    roll_auto(loop) struct roll_loop *loop = NULL;

    ok(roll_cloud_new("public", NULL, &cloud));
    ok(roll_loop_new(&loop));
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        roll_auto(credential) struct roll_credential *credential = NULL;
        ok(roll_credential_new(loop, cloud, NULL, names[i], &credential));
        ck_assert_str_eq(credential->sources[0]->kind, names[i]);
        ck_assert_ptr_null(credential->sources[1]);
    }
}
END_TEST

START_TEST(test_azure_credentials__the_chain_is_narrowed_by_its_variable)
{
    static const struct {
        const char *value;
        int count;
        const char *first;
    } rows[] = {{"", 6, "environment"},
                {"prod", 5, "environment"},
                {"dev", 1, "cli"},
                {"ManagedIdentityCredential", 1, "managed-identity"},
                {"workloadidentitycredential", 1, "workload-identity"}};
    roll_auto(cloud) struct roll_cloud *cloud = NULL;
    roll_auto(loop) struct roll_loop *loop = NULL;

    ok(roll_cloud_new("public", NULL, &cloud));
    ok(roll_loop_new(&loop));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        roll_auto(credential) struct roll_credential *credential = NULL;
        int count = 0;
        set("AZURE_TOKEN_CREDENTIALS", rows[i].value);
        ok(roll_credential_new(loop, cloud, NULL, NULL, &credential));
        while (credential->sources[count])
            count++;
        ck_assert_int_eq(count, rows[i].count);
        ck_assert_str_eq(credential->sources[0]->kind, rows[i].first);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("azure_credentials");
    TCase *tests = tcase_create("azure_credentials");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_azure_credentials__what_each_lacks, 0, G_N_ELEMENTS(lacking));
    tcase_add_test(tests, test_azure_credentials__an_empty_chain_names_all_in_order);
    tcase_add_test(tests, test_azure_credentials__other_tenants_send_their_tokens_along);
    tcase_add_test(tests, test_azure_credentials__without_the_other_tenants_token_nothing_is_sent);
    tcase_add_test(tests, test_azure_credentials__each_is_selected_by_its_name);
    tcase_add_test(tests, test_azure_credentials__the_chain_is_narrowed_by_its_variable);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
