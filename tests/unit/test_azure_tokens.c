/* Credentials in general: how a token is got, who it speaks for, what happens when it is refused.
 */
#include <sys/stat.h>

#include "azure_call_tools.h"
#include "rollbook/time.h"
#include "suite_tools.h"

static void clean_environment(void)
{
    static const char *const names[] = {"AZURE_TENANT_ID",
                                        "AZURE_CLIENT_ID",
                                        "AZURE_CLIENT_SECRET",
                                        "AZURE_CLIENT_CERTIFICATE_PATH",
                                        "AZURE_AUTHORITY_HOST",
                                        "IDENTITY_ENDPOINT",
                                        "MSI_ENDPOINT",
                                        "AZURE_FEDERATED_TOKEN_FILE",
                                        "AZURE_TOKEN_CREDENTIALS",
                                        "TF_BUILD",
                                        "GITHUB_ACTIONS"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_unsetenv(names[i]);
}

/* header.payload.signature of these claims. */
static char *make_jwt(const char *claims)
{
    g_autofree char *encoded = g_base64_encode((const guchar *)claims, strlen(claims));

    for (char *at = encoded; *at; at++)
        *at = (char)(*at == '+' ? '-' : *at == '/' ? '_' : *at);
    encoded[strcspn(encoded, "=")] = '\0';
    return g_strdup_printf("e30.%s.c2ln", encoded);
}

struct token_seen {
    int calls;
    char *token, *problem;
};

static void on_token(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct token_seen *seen = user;

    seen->calls++;
    seen->token = token ? g_strdup(roll_secret_reveal(token)) : NULL;
    seen->problem = err ? g_strdup(err->message) : NULL;
}

static void token_clear(struct token_seen *seen)
{
    g_free(seen->token);
    g_free(seen->problem);
    *seen = (struct token_seen){0};
}

static void ask_token(struct world *world, struct token_seen *seen)
{
    roll_credential_token(world->credential, NULL, on_token, seen);
    ck_assert_int_eq(seen->calls, 0);
    ok(roll_loop_run(world->loop));
    ck_assert_int_eq(seen->calls, 1);
}

static const char login_form[] =
    "expect POST /tenant.example/oauth2/v2.0/token times 1\n"
    "  has-header Content-Type: application/x-www-form-urlencoded\n"
    "  lacks-header Authorization\n"
    "  has-body client_id=client-1&scope=http%3A%2F%2F127.0.0.1%3A\n"
    "  has-body "
    "%2F.default&grant_type=client_credentials&claims=%7B%22access_token%22%3A%7B%22xms_cc"
    "%22%3A%7B%22values%22%3A%5B%22cp1%22%5D%7D%7D%7D&client_secret=s3cret%26%2B%20%25\n";

START_TEST(test_azure__sandbox_has_a_static_token)
{
    struct world world;
    struct token_seen seen = {0};

    set_client_secret(); /* must not matter */
    open_world(&world, "", NULL);
    ck_assert_ptr_null(roll_credential_actor(world.credential));
    ask_token(&world, &seen);
    ck_assert_str_eq(seen.token, "sandbox");
    ck_assert_str_eq(roll_credential_actor(world.credential), "sandbox-developer");
    token_clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__client_secret_becomes_a_token_and_an_actor)
{
    struct world world;
    struct token_seen seen = {0};
    g_autofree char *jwt = make_jwt("{\"appid\":\"22222222-2222-2222-2222-222222222222\",\"oid\":"
                                    "\"o-1\",\"tid\":\"t-1\",\"exp\":1}");
    g_autofree char *script = g_strdup_printf(
        "%sreply 200\n  body "
        "{\"token_type\":\"Bearer\",\"expires_in\":\"3599\",\"access_token\":\"%s\"}\n",
        login_form, jwt);

    set_client_secret();
    open_world(&world, script, "environment");
    ask_token(&world, &seen);
    ck_assert_str_eq(seen.token, jwt);
    ck_assert_str_eq(roll_credential_actor(world.credential),
                     "app:22222222-2222-2222-2222-222222222222 oid:o-1 tenant:t-1");
    token_clear(&seen);
    ask_token(&world, &seen); /* from memory: the login is asked once */
    ck_assert_str_eq(seen.token, jwt);
    token_clear(&seen);
    close_world(&world);
}
END_TEST

static const struct {
    const char *token, *actor, *groups; /* groups: NULL: open */
} claims[] = {
    {"{\"upn\":\"alice@contoso.com\",\"appid\":\"a\",\"oid\":\"o\",\"tid\":\"t\"}",
     "alice@contoso.com oid:o tenant:t client:a"},
    {"{\"upn\":\"alice@contoso.com\",\"groups\":[\"g-1\",7,\"g-2\"]}", "alice@contoso.com",
     "g-1 g-2"},
    {"{\"upn\":\"alice@contoso.com\",\"groups\":[]}", "alice@contoso.com", ""},
    {"{\"upn\":\"alice@contoso.com\",\"hasgroups\":true,\"groups\":\"g\"}", "alice@contoso.com"},
    {"{\"preferred_username\":\"bob@contoso.com\"}", "bob@contoso.com"},
    {"{\"unique_name\":\"a b\\u0000\\nc\"}", NULL},
    {"{\"unique_name\":\"a b\\nc\",\"upn\":\"\"}", "a_b_c"},
    {"{\"azp\":\"app-2\",\"upn\":7}", "app:app-2"},
    {"{}", NULL},
    {"[]", NULL},
    {"not json", NULL},
};

START_TEST(test_azure__claims_are_read_as_they_are)
{
    struct world world;
    struct token_seen seen = {0};
    g_autofree char *jwt = make_jwt(claims[_i].token);
    g_autofree char *script = g_strdup_printf(
        "%sreply 200\n  body {\"expires_in\":3599,\"access_token\":\"%s\"}\n", login_form, jwt);

    set_client_secret();
    open_world(&world, script, "environment");
    ask_token(&world, &seen);
    ck_assert_str_eq(seen.token, jwt);
    ck_assert_pstr_eq(roll_credential_actor(world.credential), claims[_i].actor);
    const char *const *groups = roll_credential_groups(world.credential);
    g_autofree char *joined = groups ? g_strjoinv(" ", (char **)(uintptr_t)groups) : NULL;
    ck_assert_pstr_eq(joined, claims[_i].groups);
    token_clear(&seen);
    close_world(&world);
}
END_TEST

static const struct {
    const char *reply, *problem;
} refusals[] = {
    {"reply 401\n  body {\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: "
     "Invalid client "
     "secret.\\r\\nTrace ID: 1\"}\n",
     "environment: the login refused the client secret: invalid_client: AADSTS7000215: Invalid "
     "client secret."},
    {"reply 200\n  body <html>\n", "environment: the login answered 200 without a token"},
    {"reply 200\n  body {\"access_token\":\"\"}\n",
     "environment: the login answered 200 without a token"},
    {"reply 302\n  header Location: http://127.0.0.1/\n",
     "environment: the login answered 302 without a token"},
};

START_TEST(test_azure__a_refused_secret_ends_the_chain)
{
    struct world world;
    struct token_seen seen = {0};
    g_autofree char *script = g_strconcat(login_form, refusals[_i].reply, NULL);

    set_client_secret();
    open_world(&world, script, "environment");
    ask_token(&world, &seen);
    ck_assert_ptr_null(seen.token);
    ck_assert_ptr_nonnull(strstr(seen.problem, refusals[_i].problem));
    ck_assert_ptr_null(strstr(seen.problem, "s3cret"));
    token_clear(&seen);
    close_world(&world);
}
END_TEST

/* A folder for commands, alone in PATH; with az if a script is given. */
static char *make_path(const char *az)
{
    g_autofree char *folder = g_dir_make_tmp("roll-az-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(folder, "az", NULL);

    if (az) {
        ck_assert(g_file_set_contents(file, az, -1, NULL));
        ck_assert_int_eq(chmod(file, 0700), 0);
    }
    g_setenv("PATH", folder, TRUE);
    return g_steal_pointer(&folder);
}

static void remove_path(char *folder)
{
    g_autofree char *file = g_build_filename(folder, "az", NULL),
                    *args = g_build_filename(folder, "args", NULL);

    remove(file);
    remove(args);
    remove(folder);
    g_free(folder);
}

START_TEST(test_azure__what_the_environment_credential_lacks)
{
    static const struct {
        const char *name, *value, *problem;
    } rows[] = {
        {"AZURE_CLIENT_ID", NULL, "AZURE_CLIENT_ID is not set"},
        {"AZURE_TENANT_ID", NULL, "AZURE_TENANT_ID is not set, and the plan names no tenant"},
        {"AZURE_TENANT_ID", "a/b", "AZURE_TENANT_ID is not a tenant"},
        {"AZURE_CLIENT_SECRET", NULL, "neither AZURE_CLIENT_SECRET nor"},
        {"AZURE_AUTHORITY_HOST", "http://login.example",
         "AZURE_AUTHORITY_HOST is not an https address"},
    };
    struct world world;
    struct token_seen seen = {0};

    set_client_secret();
    if (rows[_i].value)
        g_setenv(rows[_i].name, rows[_i].value, TRUE);
    else
        g_unsetenv(rows[_i].name);
    open_world(&world, "", "environment");
    ask_token(&world, &seen);
    ck_assert_ptr_nonnull(strstr(seen.problem, rows[_i].problem));
    token_clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__az_gives_the_token_of_its_user)
{
    struct world world;
    struct token_seen seen = {0};
    char *folder =
        make_path("#!/bin/sh\n"
                  "printf '%s\\n' \"$@\" > \"${0%/*}/args\"\n"
                  "printf '{\"accessToken\":\"tok\",\"expiresOn\":\"2099-01-01 00:00:00.000\"}'\n");
    g_autofree char *args_file = g_build_filename(folder, "args", NULL), *args = NULL,
                    *expected = NULL;

    open_world(&world, "", "AzureCliCredential");
    roll_credential_prefetch(world.credential);
    ask_token(&world, &seen);
    ck_assert_str_eq(seen.token, "tok");
    ck_assert(g_file_get_contents(args_file, &args, NULL, NULL));
    expected = g_strdup_printf("account\nget-access-token\n--output\njson\n--scope\n%s/.default\n",
                               world.cloud->audience);
    ck_assert_str_eq(args, expected);
    token_clear(&seen);
    remove_path(folder);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__az_may_say_that_nobody_is_logged_in)
{
    struct world world;
    struct token_seen seen = {0};
    char *folder = make_path(
        "#!/bin/sh\necho \"ERROR: Please run 'az login' to setup account.\" >&2\nexit 1\n");

    open_world(&world, "", "cli");
    ask_token(&world, &seen);
    ck_assert_ptr_nonnull(
        strstr(seen.problem,
               "cli: 'az account get-access-token' says: Please run 'az login' to setup account."));
    token_clear(&seen);
    remove_path(folder);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__a_freed_credential_ends_az)
{
    struct world world;
    struct token_seen seen = {0};
    char *folder = make_path("#!/bin/sh\nexec /bin/sleep 600\n");

    open_world(&world, "", "cli");
    roll_credential_token(world.credential, NULL, on_token, &seen);
    roll_loop_timer(world.loop, roll_boot_ms() + 50, stop_loop, world.loop);
    ok(roll_loop_run(world.loop));
    g_clear_pointer(&world.arm, roll_arm_free);
    g_clear_pointer(&world.credential, roll_credential_free);
    ok(roll_loop_run(world.loop)); /* nothing is left */
    ck_assert_int_eq(seen.calls, 0);
    remove_path(folder);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__kinds_of_credentials)
{
    static const struct {
        const char *kind, *variable, *problem; /* problem NULL: taken */
    } rows[] = {
        {"environment", NULL, NULL},
        {"cli", "nonsense", NULL},
        {NULL, "prod", NULL},
        {NULL, "DEV", NULL},
        {NULL, "azureclicredential", NULL},
        {NULL, "", NULL},
        {NULL, "nonsense", "unknown credential 'nonsense' (AZURE_TOKEN_CREDENTIALS)"},
        {"managed-identity", NULL, NULL},
        {"powershell", NULL,
         "credential 'powershell' (in the plan) is not supported by this version; one of "
         "environment, workload-identity, "},
        {NULL, "AzureDeveloperCliCredential", "is not supported by this version"},
        {"password", NULL, "unknown credential 'password' (in the plan)"},
    };
    roll_auto(cloud) struct roll_cloud *cloud = NULL;
    roll_auto(loop) struct roll_loop *loop = NULL;

    ok(roll_cloud_new("public", NULL, &cloud));
    ok(roll_loop_new(&loop));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        roll_auto(credential) struct roll_credential *credential = NULL;
        if (rows[i].variable)
            g_setenv("AZURE_TOKEN_CREDENTIALS", rows[i].variable, TRUE);
        else
            g_unsetenv("AZURE_TOKEN_CREDENTIALS");
        roll_auto(error) struct roll_error *err =
            roll_credential_new(loop, cloud, NULL, rows[i].kind, &credential);
        ck_assert_int_eq(roll_error_code(err), rows[i].problem ? ROLL_E_CREDENTIAL : ROLL_OK);
        if (rows[i].problem)
            ck_assert_msg(strstr(err->message, rows[i].problem), "%s", err->message);
    }
}
END_TEST

START_TEST(test_azure__claimed_actor_is_the_requesting_person)
{
    clean_environment();
    g_setenv("GITHUB_ACTOR", "octocat", TRUE);
    g_autofree char *local = roll_claimed_actor();
    ck_assert_ptr_nonnull(strchr(local, '@'));
    g_setenv("GITHUB_ACTIONS", "true", TRUE);
    g_autofree char *github = roll_claimed_actor();
    ck_assert_str_eq(github, "octocat");
    g_setenv("GITHUB_TRIGGERING_ACTOR", "hubot", TRUE);
    g_autofree char *again = roll_claimed_actor();
    ck_assert_str_eq(again, "hubot");
    g_setenv("TF_BUILD", "True", TRUE);
    g_setenv("BUILD_REQUESTEDFOREMAIL", "alice@contoso.com", TRUE);
    g_autofree char *azure = roll_claimed_actor();
    ck_assert_str_eq(azure, "alice@contoso.com");
}
END_TEST

START_TEST(test_azure__claimed_actor_names_the_run)
{
    clean_environment();
    g_setenv("GITHUB_SERVER_URL", "https://github.example", TRUE);
    g_setenv("GITHUB_REPOSITORY", "contoso/shop", TRUE);
    g_setenv("GITHUB_RUN_ID", "42", TRUE);
    g_autofree char *local = roll_claimed_actor();
    ck_assert_ptr_null(strstr(local, "run:"));
    g_setenv("GITHUB_ACTIONS", "true", TRUE);
    g_setenv("GITHUB_ACTOR", "octocat", TRUE);
    g_autofree char *github = roll_claimed_actor();
    ck_assert_str_eq(github, "octocat run:https://github.example/contoso/shop/actions/runs/42");
    g_setenv("TF_BUILD", "True", TRUE);
    g_setenv("BUILD_REQUESTEDFOR", "Alice of\nContoso", TRUE);
    g_setenv("SYSTEM_COLLECTIONURI", "https://dev.azure.example/contoso/", TRUE);
    g_setenv("SYSTEM_TEAMPROJECT", "my shop", TRUE);
    g_setenv("BUILD_BUILDID", "7", TRUE);
    g_autofree char *azure = roll_claimed_actor();
    ck_assert_str_eq(azure,
                     "Alice_of_Contoso run:https://dev.azure.example/contoso/my%20shop/_build/"
                     "results?buildId=7");
}
END_TEST

/* A token that ARM refuses is renewed once, also for a PUT, which was certainly not accepted. */
START_TEST(test_azure__a_refused_token_is_renewed_once)
{
    struct world world;
    struct seen seen = {0};
    static const char script[] =
        "expect POST /tenant.example/oauth2/v2.0/token\n"
        "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"old\"}\n"
        "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"new\"}\n"
        "expect PUT " DEPLOYMENT "\n  if-header Authorization: Bearer old\n"
        "reply 401\n  body "
        "{\"error\":{\"code\":\"ExpiredAuthenticationToken\",\"message\":\"old\"}}\n"
        "expect PUT " DEPLOYMENT "\n  if-header Authorization: Bearer new\n"
        "reply 401\n  body "
        "{\"error\":{\"code\":\"InvalidAuthenticationToken\",\"message\":\"no\"}}\n";

    set_client_secret();
    open_world(&world, script, "environment");
    put(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_REFUSED);
    ck_assert_str_eq(seen.code, "InvalidAuthenticationToken");
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__without_a_token_nothing_is_sent)
{
    struct world world;
    struct seen seen = {0};

    clean_environment();
    open_world(&world, "", "environment");
    put(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_NO_TOKEN);
    ck_assert_ptr_nonnull(strstr(seen.message, "AZURE_CLIENT_ID is not set"));
    ck_assert_uint_eq(scripted_server_count(world.server), 0);
    clear(&seen);
    close_world(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("azure_tokens");
    TCase *tests = tcase_create("azure_tokens");

    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, test_azure__sandbox_has_a_static_token);
    tcase_add_test(tests, test_azure__client_secret_becomes_a_token_and_an_actor);
    tcase_add_loop_test(tests, test_azure__claims_are_read_as_they_are, 0, G_N_ELEMENTS(claims));
    tcase_add_loop_test(tests, test_azure__a_refused_secret_ends_the_chain, 0,
                        G_N_ELEMENTS(refusals));
    tcase_add_loop_test(tests, test_azure__what_the_environment_credential_lacks, 0, 5);
    tcase_add_test(tests, test_azure__az_gives_the_token_of_its_user);
    tcase_add_test(tests, test_azure__az_may_say_that_nobody_is_logged_in);
    tcase_add_test(tests, test_azure__a_freed_credential_ends_az);
    tcase_add_test(tests, test_azure__kinds_of_credentials);
    tcase_add_test(tests, test_azure__claimed_actor_is_the_requesting_person);
    tcase_add_test(tests, test_azure__claimed_actor_names_the_run);
    tcase_add_test(tests, test_azure__a_refused_token_is_renewed_once);
    tcase_add_test(tests, test_azure__without_a_token_nothing_is_sent);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
