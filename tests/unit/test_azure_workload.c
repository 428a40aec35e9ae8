/* Who runs without a secret: federated tokens and managed identities. */
#include "credential_tools.h"
#include "rollbook/time.h"
#include "suite_tools.h"

/* ---- federated tokens ---- */

START_TEST(test_azure_credentials__the_federated_token_file_is_read_for_every_token)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, LOGIN "  if-body client_assertion=a.b.c1\n" GOOD LOGIN
                             "  if-body vault.example\n  has-body client_assertion=a.b.c2\n"
                             "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"v\"}\n");
    set_application();
    g_autofree char *path = put_file(&world, "token", "a.b.c1\n", -1);
    set("AZURE_FEDERATED_TOKEN_FILE", path);
    use(&world, "workload-identity");
    expect_token(&world, "tok");
    g_free(put_file(&world, "token", " a.b.c2", -1));
    ask(&world, "https://vault.example", &seen);
    ck_assert_str_eq(seen.token, "v");
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__what_is_no_federated_token_is_not_sent)
{
    static const struct {
        const char *text, *problem; /* text NULL: no file */
    } rows[] = {
        {NULL, "workload-identity: the federated token '"},
        {"", "is not a JWT"},
        {"s3cret", "is not a JWT"},
        {"s3cret.a.b c", "is not a JWT"},
    };
    struct world world;

    open_world(&world, "");
    set_application();
    g_autofree char *path = g_build_filename(world.folder, "token", NULL);
    set("AZURE_FEDERATED_TOKEN_FILE", path);
    if (rows[_i].text)
        g_free(put_file(&world, "token", rows[_i].text, -1));
    use(&world, "WorkloadIdentityCredential");
    expect_problem(&world, rows[_i].problem);
    close_world(&world);
}
END_TEST

static void set_github(const struct world *world)
{
    set_application();
    set_address(world, "ACTIONS_ID_TOKEN_REQUEST_URL", "/ids?v=1");
    set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret-github");
}

#define GITHUB                                                                                     \
    "expect GET /ids?v=1&audience=api%3A%2F%2FAzureADTokenExchange times 1\n"                      \
    "  has-header Authorization: Bearer s3cret-github\n"

START_TEST(test_azure_credentials__github_issues_a_token_for_each_of_ours)
{
    struct world world;

    open_world(&world,
               GITHUB "reply 200\n  body {\"value\":\"a.b.c\"}\n" LOGIN
                      "  has-body client_assertion=a.b.c\n  lacks-header Authorization\n" GOOD);
    set_github(&world);
    use(&world, "github");
    expect_token(&world, "tok");
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__github_may_refuse)
{
    static const char *const replies[] = {"reply 403\n  body s3cret\n",
                                          "reply 200\n  body {\"value\":\"s3cret\"}\n",
                                          "reply 302\n  header Location: http://127.0.0.1/\n"};
    struct world world;
    g_autofree char *script = g_strconcat(GITHUB, replies[_i], NULL);

    open_world(&world, script);
    set_github(&world);
    use(&world, "github");
    expect_problem(&world, "github: GitHub answered ");
    close_world(&world);
}
END_TEST

static void set_pipelines(const struct world *world)
{
    set_address(world, "SYSTEM_OIDCREQUESTURI", "/oidc");
    set("SYSTEM_ACCESSTOKEN", "s3cret-pipeline");
    set("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "s-c");
    set("AZURESUBSCRIPTION_CLIENT_ID", "client-1");
    set("AZURESUBSCRIPTION_TENANT_ID", "tenant.example");
}

#define PIPELINES                                                                                  \
    "expect POST /oidc?api-version=7.1&serviceConnectionId=s-c times 1\n"                          \
    "  has-header Authorization: Bearer s3cret-pipeline\n"                                         \
    "  has-header X-TFS-FedAuthRedirect: Suppress\n"                                               \
    "  has-header Content-Length: 0\n"                                                             \
    "  has-header Content-Type: application/json\n"

START_TEST(test_azure_credentials__a_service_connection_issues_a_token_for_each_of_ours)
{
    struct world world;

    open_world(&world, PIPELINES "reply 200\n  body {\"oidcToken\":\"a.b.c\"}\n" LOGIN
                                 "  has-body client_id=client-1&\n"
                                 "  has-body client_assertion=a.b.c\n" GOOD);
    set_pipelines(&world);
    use(&world, "azure-pipelines");
    expect_token(&world, "tok");
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_service_connection_may_refuse)
{
    struct world world;

    open_world(&world, PIPELINES "reply 401\n  header x-vss-e2eid: e-1\n"
                                 "  header x-msedge-ref: r-1\n  body s3cret\n");
    set_pipelines(&world);
    use(&world, "AzurePipelinesCredential");
    expect_problem(&world, "azure-pipelines: Azure Pipelines answered 401 without an id token; "
                           "x-vss-e2eid e-1; x-msedge-ref r-1");
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__clouds_have_their_own_federation_audience)
{
    static const char *const rows[][2] = {{"public", "api://AzureADTokenExchange"},
                                          {"china", "api://AzureADTokenExchangeChina"},
                                          {"usgovernment", "api://AzureADTokenExchangeUSGov"}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        roll_auto(cloud) struct roll_cloud *cloud = NULL;
        ok(roll_cloud_new(rows[i][0], NULL, &cloud));
        struct roll_credential credential = {.cloud = cloud};
        ck_assert_str_eq(login_federation_audience(&credential), rows[i][1]);
    }
}
END_TEST

/* ---- managed identity ---- */

START_TEST(test_azure_credentials__imds_is_asked_again_as_published)
{
    struct world world;

    open_world(&world, IMDS "reply 404\nreply 410\nreply 429\nreply 503\n"
                            "reply 200\n  body {\"access_token\":\"m\",\"expires_in\":\"3599\"}\n");
    set_imds(&world);
    use(&world, "managed-identity");
    expect_token(&world, "m");
    ck_assert_uint_eq(scripted_server_count(world.server), 5);
    close_world(&world);
}
END_TEST

static const struct {
    const char *reply, *problem;
    guint requests;
} imds_refusals[] = {
    {"reply 400\n  body {\"error\":\"invalid_request\",\"error_description\":\"Identity not "
     "found\"}\n",
     "managed-identity: the identity endpoint answered 400: invalid_request: Identity not found",
     1},
    {"reply 401\n", "managed-identity: the identity endpoint answered 401", 1},
    {"reply 504\n", "NO_PROXY must have 169.254.169.254", 5},
    {"reply 410\n", "managed-identity: the identity endpoint answered 410", 8},
    {"reply 200\n  body {\"access_token\":\"\"}\n", "the identity endpoint answered 200", 1},
};

START_TEST(test_azure_credentials__imds_may_refuse)
{
    struct world world;
    g_autofree char *script = g_strconcat(IMDS, imds_refusals[_i].reply, NULL);
    g_autofree char *many = g_strdup_printf(" times %u\n", imds_refusals[_i].requests);
    g_auto(GStrv) lines = g_strsplit(script, "\n", 2);
    g_autofree char *counted = g_strconcat(lines[0], many, lines[1], NULL);

    open_world(&world, counted);
    set_imds(&world);
    use(&world, "ManagedIdentityCredential");
    expect_problem(&world, imds_refusals[_i].problem);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_user_assigned_identity_is_named)
{
    struct world world;

    open_world(&world, "expect GET ~/metadata/identity/oauth2/token\\?.*&client_id=client-1\n"
                       "reply 200\n  body {\"access_token\":\"m\",\"expires_in\":\"3599\"}\n");
    set_imds(&world);
    set("AZURE_CLIENT_ID", "client-1");
    use(&world, "managed-identity");
    expect_token(&world, "m");
    close_world(&world);
}
END_TEST

/* In a chain it is looked for first; once it has given a token, not again. */
START_TEST(test_azure_credentials__the_chain_looks_for_imds_first)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               PROBE IMDS "reply 200\n  body {\"access_token\":\"m\",\"expires_in\":\"86399\"}\n"
                          "reply 200\n  body {\"access_token\":\"n\",\"expires_in\":\"86399\"}\n");
    set_imds(&world);
    use(&world, NULL);
    expect_token(&world, "m");
    int64_t left = own_token(&world)->renew_at - roll_boot_ms();
    ck_assert_int_le(left, 43200000); /* half of its life */
    ck_assert_int_ge(left, 42900000);
    ask(&world, "http://vault.example", &seen);
    ck_assert_str_eq(seen.token, "n");
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_machine_without_an_identity_goes_on_in_the_chain)
{
    struct world world;

    open_world(&world, PROBE IMDS "reply 400\n  body {\"error\":\"invalid_request\"}\n");
    set_imds(&world);
    use(&world, NULL);
    expect_problem(&world, "managed-identity: the identity endpoint answered 400: invalid_request; "
                           "cli: the command 'az' is not installed");
    close_world(&world);
}
END_TEST

static void set_app_service(const struct world *world)
{
    set_address(world, "IDENTITY_ENDPOINT", "/msi/token");
    set("IDENTITY_HEADER", "s3cret-header");
}

START_TEST(test_azure_credentials__app_service_has_an_endpoint_of_its_own)
{
    struct world world;
    g_autofree char *script = g_strdup_printf(
        "expect GET ~/msi/token\\?api-version=2019-08-01&resource=http.*\n"
        "  has-header X-IDENTITY-HEADER: s3cret-header\n  lacks-header Metadata\n"
        "reply 200\n  body {\"access_token\":\"m\",\"expires_on\":\"%" G_GINT64_FORMAT "\"}\n",
        roll_now_ms() / 1000 + 3600);

    open_world(&world, script);
    set_app_service(&world);
    use(&world, NULL); /* no probe: its variables say that it is there */
    expect_token(&world, "m");
    int64_t left = own_token(&world)->expires_at - roll_boot_ms();
    ck_assert_int_le(left, 3600000);
    ck_assert_int_ge(left, 3300000);
    close_world(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("azure_workload");
    TCase *tests = tcase_create("azure_workload");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_azure_credentials__the_federated_token_file_is_read_for_every_token);
    tcase_add_loop_test(tests, test_azure_credentials__what_is_no_federated_token_is_not_sent, 0,
                        4);
    tcase_add_test(tests, test_azure_credentials__github_issues_a_token_for_each_of_ours);
    tcase_add_loop_test(tests, test_azure_credentials__github_may_refuse, 0, 3);
    tcase_add_test(tests,
                   test_azure_credentials__a_service_connection_issues_a_token_for_each_of_ours);
    tcase_add_test(tests, test_azure_credentials__a_service_connection_may_refuse);
    tcase_add_test(tests, test_azure_credentials__clouds_have_their_own_federation_audience);
    tcase_add_test(tests, test_azure_credentials__imds_is_asked_again_as_published);
    tcase_add_loop_test(tests, test_azure_credentials__imds_may_refuse, 0,
                        G_N_ELEMENTS(imds_refusals));
    tcase_add_test(tests, test_azure_credentials__a_user_assigned_identity_is_named);
    tcase_add_test(tests, test_azure_credentials__the_chain_looks_for_imds_first);
    tcase_add_test(tests,
                   test_azure_credentials__a_machine_without_an_identity_goes_on_in_the_chain);
    tcase_add_test(tests, test_azure_credentials__app_service_has_an_endpoint_of_its_own);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
