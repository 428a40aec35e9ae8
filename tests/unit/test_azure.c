/* Tokens and ARM's answers, against scripted replies on loopback. */
#include <sys/stat.h>

#include "azure_tools.h"
#include "http/internal.h"
#include "rollbook/time.h"

/* ---- helpers ---- */

static void put(struct world *world, struct seen *seen)
{
    roll_auto(json) json_t *tags = json_pack("{s:s}", "roll-seq", "17");
    struct roll_arm_deployment deployment = {
        .scope = group,
        .name = "d1",
        .correlation_id = "c0c0c0c0-0000-4000-8000-000000000001",
        .location = "westeurope",
        .template_text = "{\"n\":0.10,\"big\":9223372036854775808}",
        .parameters_text = "{\"p\":{\"value\":1e2}}",
        .tags = tags,
    };

    clear(seen);
    roll_arm_put(world->arm, &deployment, on_reply, seen);
    ck_assert_int_eq(seen->calls, 0);
    run(world, seen);
}

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

/* ---- clouds and scopes ---- */

START_TEST(test_azure__clouds_by_name)
{
    static const struct {
        const char *name, *arm, *login;
    } rows[] = {
        {NULL, "https://management.azure.com", "https://login.microsoftonline.com"},
        {"public", "https://management.azure.com", "https://login.microsoftonline.com"},
        {"usgovernment", "https://management.usgovcloudapi.net",
         "https://login.microsoftonline.us"},
        {"china", "https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn"},
        {"https://arm.local.stack/", "https://arm.local.stack", NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        roll_auto(cloud) struct roll_cloud *cloud = NULL;
        ok(roll_cloud_new(rows[i].name, NULL, &cloud));
        ck_assert_str_eq(cloud->arm, rows[i].arm);
        ck_assert_pstr_eq(cloud->login, rows[i].login);
        ck_assert(!cloud->sandbox);
    }
}
END_TEST

START_TEST(test_azure__odd_clouds_are_refused)
{
    static const char *const names[][2] = {{"Public", NULL},
                                           {"http://arm.example", NULL},
                                           {"sandbox", NULL},
                                           {"sandbox", "http://192.0.2.1:80"}};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        struct roll_cloud *cloud = NULL;
        roll_auto(error) struct roll_error *err = roll_cloud_new(names[i][0], names[i][1], &cloud);
        ck_assert_int_eq(roll_error_code(err), ROLL_E_INVALID);
        ck_assert_ptr_null(cloud);
    }
}
END_TEST

START_TEST(test_azure__scope_paths)
{
    struct roll_arm_scope subscription = {.kind = ROLL_SCOPE_SUBSCRIPTION, .subscription = "s/1"};
    struct roll_arm_scope management = {.kind = ROLL_SCOPE_MANAGEMENT_GROUP,
                                        .management_group = "mg 1"};
    struct roll_arm_scope tenant = {.kind = ROLL_SCOPE_TENANT};
    g_autofree char *a = roll_arm_scope_path(&group), *b = roll_arm_scope_path(&subscription),
                    *c = roll_arm_scope_path(&management), *d = roll_arm_scope_path(&tenant);

    ck_assert_str_eq(a, GROUP);
    ck_assert_str_eq(b, "/subscriptions/s%2F1");
    ck_assert_str_eq(c, "/providers/Microsoft.Management/managementGroups/mg%201");
    ck_assert_str_eq(d, "");
}
END_TEST

START_TEST(test_azure__deployment_ids_are_read_at_all_scopes)
{
    static const struct {
        const char *id;
        int kind; /* -1: none */
    } rows[] = {
        {DEPLOYMENT, ROLL_SCOPE_GROUP},
        {"/SUBSCRIPTIONS/s/resourcegroups/g/PROVIDERS/microsoft.resources/Deployments/n",
         ROLL_SCOPE_GROUP},
        {"/subscriptions/s/providers/Microsoft.Resources/deployments/n", ROLL_SCOPE_SUBSCRIPTION},
        {"/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.Resources/"
         "deployments/n",
         ROLL_SCOPE_MANAGEMENT_GROUP},
        {"/providers/Microsoft.Resources/deployments/n", ROLL_SCOPE_TENANT},
        {"/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/n", -1},
        {"/subscriptions/s/resourceGroups/g/x/providers/Microsoft.Resources/deployments/n", -1},
        {"/providers/Microsoft.Resources/deployments/", -1},
        {"deployments", -1},
        {"", -1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct deployment_id id;
        bool read = deployment_id_parse(rows[i].id, &id);
        ck_assert_msg(read == (rows[i].kind >= 0), "%s", rows[i].id);
        if (read)
            ck_assert_int_eq((int)id.scope.kind, rows[i].kind);
        deployment_id_clear(&id);
    }
}
END_TEST

START_TEST(test_azure__only_three_states_are_final)
{
    ck_assert(roll_arm_state_is_final("Succeeded"));
    ck_assert(roll_arm_state_is_final("failed"));
    ck_assert(roll_arm_state_is_final("CANCELED"));
    ck_assert(!roll_arm_state_is_final("Running"));
    ck_assert(!roll_arm_state_is_final("Deleted"));
    ck_assert(!roll_arm_state_is_final("SomethingNew"));
    ck_assert(!roll_arm_state_is_final(""));
    ck_assert(!roll_arm_state_is_final(NULL));
}
END_TEST

/* ---- errors ---- */

static const struct {
    const char *body, *code, *message;
} leaves[] = {
    {"{\"error\":{\"code\":\"ResourceGroupNotFound\",\"message\":\"gone\"}}",
     "ResourceGroupNotFound", "gone"},
    {"{\"code\":\"BadRequest\",\"message\":\"too old\"}", "BadRequest", "too old"},
    {"{\"Code\":\"X\",\"Message\":\"web\",\"Details\":[{\"Message\":\"web\"},{\"Code\":\"SiteX\"},"
     "{\"ErrorEntity\":{\"Code\":\"SiteY\",\"Message\":\"why\"}}],\"Innererror\":null}",
     "SiteX", NULL},
    {"{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: no\"}", "invalid_client",
     "AADSTS7000215: no"},
    {"{\"error\":{\"code\":\"DeploymentFailed\",\"message\":\"m\",\"details\":[{\"code\":"
     "\"Conflict\",\"message\":"
     "\"{\\r\\n  \\\"status\\\": \\\"Failed\\\",\\r\\n  \\\"error\\\": {\\\"code\\\": "
     "\\\"ResourceDeploymentFailure\\\","
     "\\\"message\\\":\\\"x\\\",\\\"details\\\":[{\\\"code\\\":\\\"SkuNotAvailable\\\","
     "\\\"message\\\":\\\"no such size\\\"}]}}\"}]}}",
     "SkuNotAvailable", "no such size"},
    {"{\"error\":{\"code\":\"DeploymentFailed\",\"message\":\"m\",\"details\":[{\"code\":"
     "\"Conflict\",\"message\":\"busy\"},"
     "{\"code\":\"QuotaExceeded\",\"message\":\"full\"}]}}",
     "QuotaExceeded", "full"},
    {"{\"error\":{\"code\":\"DeploymentFailed\",\"message\":\"m\",\"details\":[]}}",
     "DeploymentFailed", "m"},
    {"{\"error\":{\"code\":\"A\",\"message\":\"m\",\"details\":\"some text\"}}", "A", "m"},
    {"{\"error\":{\"code\":\"A\",\"message\":\"{ not json\"}}", "A", "{ not json"},
    {"{\"status\":\"Failed\",\"error\":{\"code\":\"A\",\"message\":\"m\",\"innererror\":{\"code\":"
     "\"B\",\"message\":\"n\"}}}",
     "B", "n"},
    {"{\"properties\":{\"error\":{\"code\":\"A\",\"message\":\"m\"}}}", "A", "m"},
    {"{\"properties\":{\"statusMessage\":{\"error\":{\"code\":\"A\",\"message\":\"m\"}}}}", "A",
     "m"},
    {"{\"error\":{\"code\":1,\"message\":[]}}", NULL, NULL},
    {"{\"error\":null}", NULL, NULL},
    {"[]", NULL, NULL},
    {"\"text\"", NULL, NULL},
    {"{}", NULL, NULL},
};

START_TEST(test_azure__the_innermost_error_is_found)
{
    roll_auto(json) json_t *body = NULL;
    g_autofree char *code = NULL, *message = NULL;

    ok(roll_json_parse(leaves[_i].body, strlen(leaves[_i].body), ROLL_JSON_STRICT, &body));
    roll_arm_error_leaf(body, &code, &message);
    ck_assert_pstr_eq(code, leaves[_i].code);
    ck_assert_pstr_eq(message, leaves[_i].message);
}
END_TEST

/* Errors in errors without end, each as text of the one around it or nested in it: bounded, and not
 * lost. */
START_TEST(test_azure__error_bombs_are_bounded)
{
    roll_auto(json) json_t *nested = json_pack("{s:s,s:s}", "code", "Inner", "message", "m");
    roll_auto(json) json_t *wide = json_array();
    g_autofree char *code = NULL, *message = NULL;

    for (int i = 0; i < 90; i++)
        nested = json_pack("{s:s,s:s,s:[o]}", "code", "Outer", "message", "o", "details", nested);
    roll_arm_error_leaf(nested, &code, &message);
    ck_assert_str_eq(code, "Outer");
    g_clear_pointer(&code, g_free);
    g_clear_pointer(&message, g_free);

    g_autofree char *long_text = g_strnfill(100000, 'x');
    for (int i = 0; i < 1000; i++)
        json_array_append_new(wide, json_pack("{s:s}", "message", "{\"code\":\"Conflict\"}"));
    json_array_append_new(wide, json_pack("{s:s,s:s}", "code", "Last", "message", long_text));
    roll_arm_error_leaf(wide, &code, &message);
    ck_assert_str_eq(code, "Last");
    ck_assert_uint_le(strlen(message), 4100);
}
END_TEST

START_TEST(test_azure__known_codes_have_advice)
{
    ck_assert_ptr_nonnull(roll_arm_advice("AuthorizationFailed"));
    ck_assert_ptr_nonnull(roll_arm_advice("resourcegroupnotfound"));
    ck_assert_ptr_null(roll_arm_advice("NoSuchCode"));
    ck_assert_ptr_null(roll_arm_advice(NULL));
}
END_TEST

/* ---- credentials ---- */

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

static void set_client_secret(void)
{
    g_setenv("AZURE_TENANT_ID", "tenant.example", TRUE);
    g_setenv("AZURE_CLIENT_ID", "client-1", TRUE);
    g_setenv("AZURE_CLIENT_SECRET", "s3cret&+ %", TRUE);
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
        {"AZURE_TENANT_ID", "a/b", "AZURE_TENANT_ID is no tenant"},
        {"AZURE_CLIENT_SECRET", NULL, "neither AZURE_CLIENT_SECRET nor"},
        {"AZURE_AUTHORITY_HOST", "http://login.example",
         "AZURE_AUTHORITY_HOST is no https address"},
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

static void stop_loop(void *user)
{
    roll_loop_stop(user);
}

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

/* ---- put ---- */

START_TEST(test_azure__put_sends_recorded_bytes_and_reads_the_record)
{
    struct world world;
    struct seen seen = {0};

    open_world(
        &world,
        "expect PUT " DEPLOYMENT "?api-version=2022-09-01\n"
        "  has-header Authorization: Bearer sandbox\n"
        "  has-header x-ms-client-request-id\n"
        "  has-header x-ms-correlation-request-id: c0c0c0c0-0000-4000-8000-000000000001\n"
        "  has-header User-Agent: rollbook/\n"
        "  has-header Content-Type: application/json\n"
        "  has-body "
        "{\"tags\":{\"roll-seq\":\"17\"},\"properties\":{\"mode\":\"Incremental\",\"template\":"
        "{\"n\":0.10,\"big\":9223372036854775808},\"parameters\":{\"p\":{\"value\":1e2}}}}\n"
        "reply 201\n  header Azure-AsyncOperation: ${url}/poll%3a?t=1&s=%2f\n"
        "  body "
        "{\"name\":\"d1\",\"properties\":{\"provisioningState\":\"Accepted\",\"correlationId\":"
        "\"${header:x-ms-correlation-request-id}\",\"timestamp\":\"2023-02-07T12:48:56.4962385Z\","
        "\"duration\":\"PT1M39.7689131S\"}}\n",
        NULL);
    put(&world, &seen);
    g_autofree char *poll = g_strconcat(world.cloud->arm, "/poll%3a?t=1&s=%2f", NULL);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_int_eq(seen.status, 201);
    ck_assert_str_eq(seen.state, "Accepted");
    ck_assert_str_eq(seen.correlation_id, "c0c0c0c0-0000-4000-8000-000000000001");
    ck_assert_str_eq(seen.poll_url, poll);
    ck_assert_int_eq(seen.arm_at, INT64_C(1675774136496));
    ck_assert_int_eq(seen.duration_ms, 99768);
    ck_assert_int_eq(seen.retry_after_ms, -1);
    ck_assert_ptr_null(seen.code);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__location_travels_outside_groups_only)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_deployment deployment = {
        .scope = {.kind = ROLL_SCOPE_SUBSCRIPTION, .subscription = "s"},
        .name = "n",
        .location = "west\"europe",
        .template_text = "{}",
    };

    open_world(&world,
               "expect PUT /subscriptions/s/providers/Microsoft.Resources/deployments/n\n"
               "  has-body "
               "{\"location\":\"west\\\"europe\",\"properties\":{\"mode\":\"Incremental\","
               "\"template\":{}}}\n"
               "reply 200\n  body {\"properties\":{\"provisioningState\":\"Accepted\"}}\n",
               NULL);
    roll_arm_put(world.arm, &deployment, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    clear(&seen);
    close_world(&world);
}
END_TEST

static const struct {
    const char *reply;
    enum roll_arm_outcome outcome;
    const char *code;
} puts_rows[] = {
    {"reply 409\n  body {\"error\":{\"code\":\"DeploymentActive\",\"message\":\"m\"}}\n",
     ROLL_ARM_BUSY, "DeploymentActive"},
    {"reply 409\n  body {\"error\":{\"code\":\"AnotherOperationInProgress\",\"message\":\"m\"}}\n",
     ROLL_ARM_BUSY, "AnotherOperationInProgress"},
    {"reply 429\n  body "
     "{\"error\":{\"code\":\"RetryableErrorDueToAnotherOperation\",\"message\":\"m\"}}\n",
     ROLL_ARM_BUSY, "RetryableErrorDueToAnotherOperation"},
    {"reply 409\n  header Retry-After: 5\n  body "
     "{\"error\":{\"code\":\"Conflict\",\"message\":\"m\"}}\n",
     ROLL_ARM_BUSY, "Conflict"},
    {"reply 409\n  body {\"error\":{\"code\":\"Conflict\",\"message\":\"m\"}}\n", ROLL_ARM_REFUSED,
     "Conflict"},
    {"reply 429\n  header Retry-After: 3\n  body "
     "{\"error\":{\"code\":\"SubscriptionRequestsThrottled\",\"message\":\"m\"}}\n",
     ROLL_ARM_THROTTLED, "SubscriptionRequestsThrottled"},
    {"reply 404\n  body {\"error\":{\"code\":\"ResourceGroupNotFound\",\"message\":\"m\"}}\n",
     ROLL_ARM_NOT_FOUND, "ResourceGroupNotFound"},
    {"reply 400\n  body {\"error\":{\"code\":\"InvalidTemplate\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "InvalidTemplate"},
    {"reply 403\n  body {\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "AuthorizationFailed"},
    {"reply 401\n", ROLL_ARM_REFUSED, NULL},
    {"reply 307\n  header Location: http://127.0.0.1/\n", ROLL_ARM_REFUSED, NULL},
    {"reply 408\n", ROLL_ARM_LOST, NULL},
    {"reply 500\n  body {\"error\":{\"code\":\"InternalServerError\",\"message\":\"m\"}}\n",
     ROLL_ARM_LOST, "InternalServerError"},
    {"reply 502\n  body <html>bad gateway</html>\n", ROLL_ARM_LOST, NULL},
    {"reply 504\n", ROLL_ARM_LOST, NULL},
    {"reply 201\n  fault drop\n", ROLL_ARM_LOST, NULL},
    {"reply 201\n  body {\"properties\":{\"provisioningState\":\"Accepted\"}}\n  fault truncate "
     "20\n",
     ROLL_ARM_LOST, NULL},
    {"reply 200\n  body <html>log in to the hotel</html>\n", ROLL_ARM_LOST, NULL},
    {"reply 201\n", ROLL_ARM_LOST, NULL},
    {"reply 201\n  body {}\n", ROLL_ARM_LOST, NULL},
    {"reply 201\n  body {\"properties\":{\"provisioningState\":7}}\n", ROLL_ARM_LOST, NULL},
    {"reply 204\n", ROLL_ARM_LOST, NULL},
};

START_TEST(test_azure__put_is_accepted_refused_or_unknown)
{
    struct world world;
    struct seen seen = {0};
    g_autofree char *script = g_strconcat("expect PUT " DEPLOYMENT "\n", puts_rows[_i].reply, NULL);

    open_world(&world, script, NULL);
    put(&world, &seen);
    ck_assert_int_eq(seen.outcome, puts_rows[_i].outcome);
    ck_assert_pstr_eq(seen.code, puts_rows[_i].code);
    ck_assert_ptr_nonnull(seen.message);
    ck_assert_uint_eq(scripted_server_count(world.server), 1); /* never repeated here */
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__put_to_nobody_is_unsent)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, "", NULL);
    g_free(world.cloud->arm);
    world.cloud->arm = g_strdup_printf("http://127.0.0.1:%d", scripted_free_port());
    put(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_UNSENT);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__the_whole_error_is_kept)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect PUT " DEPLOYMENT "\nreply 400\n"
               "  body { \"error\" : {\"message\":\"m\", \"code\":\"A\", "
               "\"details\":[{\"code\":\"B\",\"message\":\"n\"}]}}\n",
               NULL);
    put(&world, &seen);
    ck_assert_str_eq(seen.code, "B");
    ck_assert_str_eq(seen.error_json, "{\"error\":{\"code\":\"A\",\"details\":[{\"code\":\"B\","
                                      "\"message\":\"n\"}],\"message\":\"m\"}}");
    clear(&seen);
    close_world(&world);
    open_world(&world, "expect PUT " DEPLOYMENT "\nreply 502\n  body <h1>\"no\"</h1>\n", NULL);
    put(&world, &seen);
    ck_assert_str_eq(seen.error_json, "{\"status\":502,\"text\":\"<h1>\\\"no\\\"</h1>\"}");
    clear(&seen);
    close_world(&world);
}
END_TEST

/* A polling address elsewhere would get our token. */
START_TEST(test_azure__a_polling_address_elsewhere_is_not_taken)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect PUT " DEPLOYMENT
               "\nreply 201\n  header Azure-AsyncOperation: https://evil.example/poll\n"
               "  body {\"properties\":{\"provisioningState\":\"Accepted\"}}\n"
               "expect GET " DEPLOYMENT "\nreply 200\n"
               "  body {\"properties\":{\"provisioningState\":\"Running\"}}\n",
               NULL);
    put(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_ptr_null(seen.poll_url);
    clear(&seen);
    roll_arm_poll(world.arm, &group, "d1", "https://evil.example/poll", on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.state, "Running");
    clear(&seen);
    close_world(&world);
}
END_TEST

/* ---- get and poll ---- */

static const struct {
    const char *reply;
    enum roll_arm_outcome outcome;
    const char *state, *code;
} polls[] = {
    {"reply 200\n  body {\"status\":\"Running\"}\n", ROLL_ARM_OK, "Running", NULL},
    {"reply 200\n  body {\"status\":\"Succeeded\"}\n", ROLL_ARM_OK, "Succeeded", NULL},
    {"reply 200\n  body "
     "{\"status\":\"Failed\",\"error\":{\"code\":\"DeploymentFailed\",\"message\":\"m\","
     "\"details\":"
     "[{\"code\":\"SkuNotAvailable\",\"message\":\"n\"}]}}\n",
     ROLL_ARM_OK, "Failed", "SkuNotAvailable"},
    {"reply 200\n  body {\"status\":\"Canceled\"}\n", ROLL_ARM_OK, "Canceled", NULL},
    {"reply 200\n  body {\"status\":\"Failed\"}\n", ROLL_ARM_OK, "Failed", NULL},
    {"reply 404\n  body {\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"m\"}}\n",
     ROLL_ARM_NOT_FOUND, NULL, "DeploymentNotFound"},
    {"reply 200\n  body {}\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 200\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 202\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 200\n  body {\"status\":null}\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 200\n  body [\"Succeeded\"]\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 200\n  body Succeeded\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 503\n  header retry-after-ms: 1\nreply 200\n  body {\"status\":\"Running\"}\n",
     ROLL_ARM_OK, "Running", NULL},
};

START_TEST(test_azure__a_poll_tells_the_state_or_that_it_is_unknown)
{
    struct world world;
    struct seen seen = {0};
    g_autofree char *script = g_strconcat("expect GET /op?t=%3a\n", polls[_i].reply, NULL);

    open_world(&world, script, NULL);
    g_autofree char *url = g_strconcat(world.cloud->arm, "/op?t=%3a", NULL);
    roll_arm_poll(world.arm, &group, "d1", url, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, polls[_i].outcome);
    ck_assert_pstr_eq(seen.state, polls[_i].state);
    ck_assert_pstr_eq(seen.code, polls[_i].code);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__a_polling_address_that_refuses_is_told_at_once)
{
    struct world world;
    struct seen seen = {0};
    int64_t start = roll_boot_ms();

    open_world(&world, "", NULL);
    g_free(world.cloud->arm);
    world.cloud->arm = g_strdup_printf("http://127.0.0.1:%d", scripted_free_port());
    g_autofree char *url = g_strconcat(world.cloud->arm, "/op", NULL);
    roll_arm_poll(world.arm, &group, "d1", url, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_UNSENT);
    ck_assert_int_lt(roll_boot_ms() - start, 5000);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__get_reads_a_failed_deployment)
{
    struct world world;
    struct seen seen = {0};

    open_world(
        &world,
        "expect GET " DEPLOYMENT "?api-version=2022-09-01\n  lacks-header Content-Type\nreply 200\n"
        "  body "
        "{\"properties\":{\"provisioningState\":\"Failed\",\"correlationId\":\"c\",\"error\":"
        "{\"code\":\"DeploymentFailed\",\"message\":\"m\"}}}\n",
        NULL);
    roll_arm_get(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_str_eq(seen.state, "Failed");
    ck_assert_str_eq(seen.code, "DeploymentFailed");
    ck_assert_str_eq(seen.correlation_id, "c");
    ck_assert_str_eq(seen.error_json, "{\"code\":\"DeploymentFailed\",\"message\":\"m\"}");
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__cancel_is_accepted_or_too_late)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect POST " DEPLOYMENT "/cancel\n  has-header Content-Length: 0\nreply 204\n"
               "reply 409\n  body "
               "{\"error\":{\"code\":\"DeploymentCannotBeCancelled\",\"message\":\"m\"}}\n",
               NULL);
    roll_arm_cancel(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    clear(&seen);
    roll_arm_cancel(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_REFUSED);
    ck_assert_str_eq(seen.code, "DeploymentCannotBeCancelled");
    clear(&seen);
    close_world(&world);
}
END_TEST

/* ---- lists and operations ---- */

#define LIST                                                                                       \
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/shop-weu/providers/"       \
    "Microsoft.Resources/deployments/"

START_TEST(test_azure__lists_follow_their_pages)
{
    struct world world;
    struct seen seen = {0};

    open_world(
        &world,
        "expect GET " LIST "?api-version=2022-09-01\nreply 200\n"
        "  body {\"value\":[{\"name\":\"a\"}],\"nextLink\":\"${url}/next?$skiptoken=1%2F\"}\n"
        "expect GET /next?$skiptoken=1%2F\nreply 200\n  body {\"value\":[{\"name\":\"b\"}]}\n"
        "expect GET " LIST "?api-version=2022-09-01&$top=1\nreply 200\n"
        "  body {\"value\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"nextLink\":\"${url}/next\"}\n",
        NULL);
    roll_arm_list(world.arm, &group, 0, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_str_eq(seen.body, "{\"value\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
    clear(&seen);
    roll_arm_list(world.arm, &group, 1, on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.body, "{\"value\":[{\"name\":\"a\"}]}");
    clear(&seen);
    close_world(&world);
}
END_TEST

static const char *const bad_lists[] = {
    "reply 200\n  body {\"value\":[],\"nextLink\":\"https://evil.example/next\"}\n",
    "reply 200\n  body {\"value\":{}}\n",
    "reply 200\n  body []\n",
    ("reply 200\n  body {\"value\":[],\"nextLink\":\"${url}/subscriptions/x\"}\nexpect GET "
     "/subscriptions/x\nreply 200\n  body {\"v\n"),
};

START_TEST(test_azure__a_list_that_cannot_be_read_is_no_empty_list)
{
    struct world world;
    struct seen seen = {0};
    g_autofree char *script = g_strconcat("expect GET " LIST "\n", bad_lists[_i], NULL);

    open_world(&world, script, NULL);
    roll_arm_list(world.arm, &group, 0, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_LOST);
    clear(&seen);
    close_world(&world);
}
END_TEST

#define OPERATIONS                                                                                 \
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/shop-weu/deployments/"

START_TEST(test_azure__operations_of_nested_deployments_tell_the_cause)
{
    struct world world;
    struct seen seen = {0};

    open_world(
        &world,
        "expect GET " OPERATIONS "d1/operations?api-version=2022-09-01\nreply 200\n  body <<END\n"
        "{\"value\":[{\"operationId\":\"1\",\"properties\":{\"provisioningState\":\"Succeeded\"}},"
        "{\"operationId\":\"2\",\"properties\":{\"provisioningState\":\"Failed\",\"statusMessage\":"
        "{\"error\":{\"code\":\"DeploymentFailed\",\"message\":\"outer\"}},"
        "\"targetResource\":{\"id\":\"" GROUP
        "/providers/Microsoft.Resources/deployments/inner\",\"resourceType\":\"Microsoft.Resources/"
        "deployments\"}}}]}\nEND\n"
        "expect GET " OPERATIONS "inner/operations\nreply 200\n  body <<END\n"
        "{\"value\":[{\"operationId\":\"3\",\"properties\":{\"provisioningState\":\"Failed\","
        "\"statusMessage\":\"{\\\"error\\\":{\\\"code\\\":\\\"SkuNotAvailable\\\",\\\"message\\\":"
        "\\\"no\\\"}}\","
        "\"targetResource\":{\"id\":\"/x/sites/web\",\"resourceType\":\"Microsoft.Web/sites\"}}},"
        "{\"operationId\":\"4\",\"properties\":{\"provisioningState\":\"Running\","
        "\"targetResource\":{\"id\":\"" DEPLOYMENT
        "\",\"resourceType\":\"Microsoft.Resources/deployments\"}}}]}\nEND\n"
        "expect GET " OPERATIONS "d1/operations\nreply 404\n  body "
        "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"m\"}}\n",
        NULL);
    roll_arm_operations(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_str_eq(seen.code, "SkuNotAvailable");
    ck_assert_str_eq(seen.message, "no");
    ck_assert_ptr_nonnull(strstr(seen.error_json, "\"resource\":\"/x/sites/web\""));
    for (int i = 1; i <= 4; i++) {
        g_autofree char *id = g_strdup_printf("\"operationId\":\"%d\"", i);
        ck_assert_ptr_nonnull(strstr(seen.body, id));
    }
    clear(&seen);
    close_world(&world);
}
END_TEST

#define FAILED(error, resource, type)                                                              \
    "{\"properties\":{\"provisioningState\":\"Failed\",\"statusMessage\":{\"error\":" error        \
    "},\"targetResource\":{\"id\":\"" resource "\",\"resourceType\":\"" type "\"}}}"
#define BOTH                                                                                       \
    "{\"code\":\"Failed\",\"message\":\"both\",\"details\":["                                      \
    "{\"code\":\"A\",\"message\":\"one\"},{\"code\":\"B\",\"message\":\"two\"}]}"

/* The outer deployment repeats both causes of its resource. */
START_TEST(test_azure__each_cause_is_told_once_and_of_its_resource)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect GET " OPERATIONS "d1/operations?api-version=2022-09-01\nreply 200\n"
               "  body {\"value\":[" FAILED(
                   BOTH, GROUP "/providers/Microsoft.Resources/deployments/inner",
                   "Microsoft.Resources/deployments") "]}\n"
                                                      "expect GET " OPERATIONS
                                                      "inner/operations\nreply 200\n"
                                                      "  body {\"value\":[" FAILED(
                                                          BOTH, "/x/sql/db1",
                                                          "Microsoft.Sql/servers") "]}\n",
               NULL);
    roll_arm_operations(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.code, "A");
    json_t *error = json_loads(seen.error_json, 0, NULL);
    g_autofree char *causes = json_dumps(json_object_get(error, "causes"), JSON_COMPACT);
    ck_assert_str_eq(causes, "[{\"code\":\"A\",\"message\":\"one\",\"resource\":\"/x/sql/db1\"},"
                             "{\"code\":\"B\",\"message\":\"two\",\"resource\":\"/x/sql/db1\"}]");
    json_decref(error);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__operations_of_an_unknown_deployment_are_not_found)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect GET " OPERATIONS "d1/operations\nreply 404\n"
               "  body {\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"m\"}}\n",
               NULL);
    roll_arm_operations(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_NOT_FOUND);
    clear(&seen);
    close_world(&world);
}
END_TEST

/* ---- what is followed to its end ---- */

static const struct {
    const char *script;
    enum roll_arm_outcome outcome;
    const char *body, *code;
} what_ifs[] = {
    {"reply 202\n  header Location: ${url}/r/1\n  header Retry-After: 0\n"
     "expect GET /r/1\nreply 202\n  header Location: ${url}/r/2\n  header retry-after-ms: 1\n"
     "expect GET /r/2\nreply 200\n  body "
     "{\"status\":\"Succeeded\",\"properties\":{\"changes\":[{\"changeType\":\"Create\"}]}}\n",
     ROLL_ARM_OK, "{\"changes\":[{\"changeType\":\"Create\"}]}", NULL},
    {"reply 200\n  body {\"status\":\"Succeeded\",\"properties\":{\"changes\":[]}}\n", ROLL_ARM_OK,
     "{\"changes\":[]}", NULL},
    {"reply 202\n  header Location: ${url}/r/1\n  header retry-after-ms: 1\n"
     "expect GET /r/1\nreply 200\n  body "
     "{\"status\":\"Failed\",\"error\":{\"code\":\"InvalidTemplate\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, NULL, "InvalidTemplate"},
    {"reply 202\n  header Location: ${url}/r/1\n  header retry-after-ms: 1\n"
     "expect GET /r/1\nreply 400\n  body "
     "{\"error\":{\"code\":\"InvalidTemplate\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, NULL, "InvalidTemplate"},
    {"reply 400\n  body {\"error\":{\"code\":\"InvalidTemplate\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, NULL, "InvalidTemplate"},
    {"reply 202\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 202\n  header Location: https://evil.example/r\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 200\n  body {\"status\":\"Succeeded\",\"properties\":{}}\n", ROLL_ARM_LOST, NULL, NULL},
};

START_TEST(test_azure__what_if_is_followed_to_its_end)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_deployment deployment = {.scope = group, .name = "d1", .template_text = "{}"};
    g_autofree char *script =
        g_strconcat("expect POST " DEPLOYMENT "/whatIf\n  has-body \"whatIfSettings\"\n",
                    what_ifs[_i].script, NULL);

    open_world(&world, script, NULL);
    roll_arm_what_if(world.arm, &deployment, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, what_ifs[_i].outcome);
    ck_assert_pstr_eq(seen.code, what_ifs[_i].code);
    if (what_ifs[_i].body)
        ck_assert_str_eq(seen.body, what_ifs[_i].body);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__validate_looks_for_an_error_whatever_the_status)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_deployment deployment = {.scope = group, .name = "d1", .template_text = "{}"};

    open_world(&world,
               "expect POST " DEPLOYMENT "/validate\n"
               "reply 200\n  body {\"properties\":{\"provisioningState\":\"Succeeded\"}}\n"
               "reply 200\n  body "
               "{\"error\":{\"code\":\"InvalidTemplateDeployment\",\"message\":\"m\"},"
               "\"properties\":{}}\n",
               NULL);
    roll_arm_validate(world.arm, &deployment, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    clear(&seen);
    roll_arm_validate(world.arm, &deployment, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_REFUSED);
    ck_assert_str_eq(seen.code, "InvalidTemplateDeployment");
    clear(&seen);
    close_world(&world);
}
END_TEST

static const struct {
    const char *script;
    enum roll_arm_outcome outcome;
    const char *code;
} actions[] = {
    {"reply 200\n", ROLL_ARM_OK, NULL},
    {"reply 204\n", ROLL_ARM_OK, NULL},
    {"reply 200\n  body {\"properties\":{\"provisioningState\":\"Updating\"}}\n", ROLL_ARM_OK,
     NULL},
    {"reply 202\n  header Azure-AsyncOperation: ${url}/op\n  header Location: ${url}/never\n  "
     "header retry-after-ms: 1\n"
     "expect GET /op\nreply 404\nreply 200\n  body {\"status\":\"InProgress\"}\n  header "
     "retry-after-ms: 1\n"
     "reply 200\n  body {\"status\":\"Succeeded\"}\n",
     ROLL_ARM_OK, NULL},
    {"reply 202\n  header Location: ${url}/op\n  header retry-after-ms: 1\nexpect GET /op\nreply "
     "202\n  header retry-after-ms: 1\nreply 204\n",
     ROLL_ARM_OK, NULL},
    {"reply 202\n  header Azure-AsyncOperation: ${url}/op\n  header retry-after-ms: 1\n"
     "expect GET /op\nreply 200\n  body "
     "{\"status\":\"Failed\",\"error\":{\"code\":\"SlotSwapFailed\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "SlotSwapFailed"},
    {"reply 202\n  header Location: ${url}/op\n  header retry-after-ms: 1\n"
     "expect GET /op\nreply 409\n  body "
     "{\"error\":{\"code\":\"SlotSwapFailed\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "SlotSwapFailed"},
    /* An Azure-AsyncOperation without a status says nothing, least of all that it is done. */
    {"reply 202\n  header Azure-AsyncOperation: ${url}/op\n  header retry-after-ms: 1\n"
     "expect GET /op\nreply 200\n  body {}\n  header retry-after-ms: 1\n"
     "reply 200\n  body {\"status\":\"Canceled\"}\n",
     ROLL_ARM_REFUSED, NULL},
    {"reply 202\n", ROLL_ARM_LOST, NULL},
    {"reply 500\n", ROLL_ARM_LOST, NULL},
    {"reply 200\n  fault drop\n", ROLL_ARM_LOST, NULL},
};

START_TEST(test_azure__actions_are_followed_and_never_repeated)
{
    struct world world;
    struct seen seen = {0};
    g_autofree char *script = g_strconcat(
        "expect POST " GROUP
        "/providers/Microsoft.Web/sites/web%20a/slotsswap?api-version=2022-09-01 times 1\n"
        "  has-body {\"targetSlot\":\"staging\"}\n  has-header x-ms-correlation-request-id: c1\n",
        actions[_i].script, NULL);

    open_world(&world, script, NULL);
    roll_arm_action(world.arm, GROUP "/providers/Microsoft.Web/sites/web a/slotsswap", "2022-09-01",
                    "{\"targetSlot\":\"staging\"}", "c1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, actions[_i].outcome);
    ck_assert_pstr_eq(seen.code, actions[_i].code);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__groups_are_read_and_made)
{
    struct world world;
    struct seen seen = {0};

    open_world(
        &world,
        "expect GET " GROUP
        "\nreply 404\n  body {\"error\":{\"code\":\"ResourceGroupNotFound\",\"message\":\"m\"}}\n"
        "expect PUT " GROUP "\n  has-body {\"location\":\"westeurope\"}\n"
        "reply 429\n  header retry-after-ms: 1\n"
        "reply 201\n  body {\"properties\":{\"provisioningState\":\"Succeeded\"}}\n",
        NULL);
    roll_arm_group_get(world.arm, group.subscription, group.resource_group, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_NOT_FOUND);
    clear(&seen);
    roll_arm_group_put(world.arm, group.subscription, group.resource_group, "westeurope", NULL,
                       on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_str_eq(seen.state, "Succeeded");
    clear(&seen);
    close_world(&world);
}
END_TEST

/* A PUT that may have made the group is followed by a look, never by another PUT. */
START_TEST(test_azure__a_group_that_may_be_made_is_looked_for)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "in-order\nexpect PUT " GROUP " times 1\nreply 503\n"
               "expect GET " GROUP " times 1\nreply 404\n  body "
               "{\"error\":{\"code\":\"ResourceGroupNotFound\",\"message\":\"m\"}}\n"
               "expect PUT " GROUP " times 1\nreply 201\n  fault drop\n"
               "expect GET " GROUP " times 1\nreply 200\n  body "
               "{\"properties\":{\"provisioningState\":\"Succeeded\"}}\n",
               NULL);
    roll_arm_group_put(world.arm, group.subscription, group.resource_group, "westeurope", NULL,
                       on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    clear(&seen);
    close_world(&world);
}
END_TEST

static void not_called(void *user, const struct roll_arm_reply *reply)
{
    (void)user, (void)reply;
    ck_abort_msg("called back after the end");
}

START_TEST(test_azure__a_freed_client_calls_nobody)
{
    struct world world;
    struct roll_arm_deployment deployment = {.scope = group, .name = "d1", .template_text = "{}"};

    open_world(&world,
               "expect * * times any\nreply 202\n  header Location: ${url}/later\n  header "
               "Retry-After: 60\n",
               NULL);
    roll_arm_what_if(world.arm, &deployment, not_called, NULL);
    roll_arm_list(world.arm, &group, 0, not_called, NULL);
    roll_arm_put(world.arm, &deployment, not_called, NULL);
    g_clear_pointer(&world.arm, roll_arm_free);
    ok(roll_loop_run(world.loop));
    world.arm = roll_arm_new(world.loop, world.cloud, world.credential);
    roll_arm_what_if(world.arm, &deployment, not_called, NULL);
    roll_loop_timer(world.loop, roll_boot_ms() + 100, stop_loop, world.loop);
    ok(roll_loop_run(world.loop));
    close_world(&world);
}
END_TEST

/* ---- the read budget ---- */

START_TEST(test_azure__reads_are_paced_where_arm_counts_them)
{
    struct budget *budget = budget_new();
    struct roll_http_reply reply = {
        .outcome = ROLL_HTTP_REPLIED, .status = 200, .headers = headers_new()};
    static const char counter[] = "x-ms-ratelimit-remaining-subscription-reads: 11999\r\n";
    int64_t now = 1000000;

    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(budget_take(budget, "S", now), now); /* nobody counts: nothing is paced */
    headers_add((struct roll_http_headers *)(uintptr_t)reply.headers, counter, sizeof counter - 1);
    budget_saw(budget, "s", &reply, now);
    for (int i = 0; i < 21; i++)
        ck_assert_int_eq(budget_take(budget, "S", now), now);
    for (int i = 1; i <= 100; i++)
        ck_assert_int_eq(budget_take(budget, "S", now), now + i * 50);
    ck_assert_int_eq(budget_take(budget, "other", now), now);
    headers_free((struct roll_http_headers *)(uintptr_t)reply.headers);
    budget_free(budget);
}
END_TEST

START_TEST(test_azure__a_429_holds_all_reads_of_its_subscription)
{
    struct budget *budget = budget_new();
    struct roll_http_reply reply = {
        .outcome = ROLL_HTTP_REPLIED, .status = 429, .headers = headers_new()};
    static const char after[] = "Retry-After: 7\r\n";
    int64_t now = 1000000;

    headers_add((struct roll_http_headers *)(uintptr_t)reply.headers, after, sizeof after - 1);
    budget_saw(budget, "s", &reply, now);
    ck_assert_int_eq(budget_take(budget, "s", now), now + 7000);
    ck_assert_int_eq(budget_take(budget, "", now), now);
    ck_assert_int_eq(budget_take(budget, "s", now + 8000), now + 8000);
    headers_free((struct roll_http_headers *)(uintptr_t)reply.headers);
    budget_free(budget);
}
END_TEST

/* ---- registries ---- */

#define DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct {
    const char *script;
    enum roll_arm_outcome outcome;
    const char *code, *digest;
} registry_rows[] = {
    {"expect HEAD /v2/shop/web/manifests/1.4\n  has-header Accept: "
     "application/vnd.oci.image.index.v1+json\n"
     "reply 200\n  header Docker-Content-Digest: " DIGEST "\n",
     ROLL_ARM_OK, NULL, DIGEST},
    {"expect HEAD /v2/shop/web/manifests/1.4\nreply 200\n"
     "expect GET /v2/shop/web/manifests/1.4\nreply 200\n  body {}\n",
     ROLL_ARM_OK, NULL, "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
    {"expect HEAD /v2/shop/web/manifests/1.4 times 1\n  lacks-header Authorization\n"
     "reply 401\n  header WWW-Authenticate: Bearer "
     "realm=\"${url}/token\",service=\"reg\",scope=\"x\"\n"
     "expect GET /token?scope=repository%3Ashop%2Fweb%3Apull&service=reg\n  lacks-header "
     "Authorization\n"
     "reply 200\n  body {\"token\":\"anon\"}\n"
     "expect HEAD /v2/shop/web/manifests/1.4 times 1\n  has-header Authorization: Bearer anon\n"
     "reply 200\n  header Docker-Content-Digest: " DIGEST "\n",
     ROLL_ARM_OK, NULL, DIGEST},
    {"expect HEAD /v2/shop/web/manifests/1.4\nreply 404\n", ROLL_ARM_NOT_FOUND, "MANIFEST_UNKNOWN",
     NULL},
    {"expect HEAD /v2/shop/web/manifests/1.4\nreply 401\n  header WWW-Authenticate: Basic "
     "realm=x\n",
     ROLL_ARM_REFUSED, "UNAUTHORIZED", NULL},
    {"expect HEAD /v2/shop/web/manifests/1.4\nreply 401\n  header WWW-Authenticate: Bearer "
     "realm=http://evil.example/\n",
     ROLL_ARM_REFUSED, "UNAUTHORIZED", NULL},
};

START_TEST(test_azure__a_registry_tells_the_digest_of_a_tag)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, registry_rows[_i].script, NULL);
    g_autofree char *name =
        g_strdup_printf("127.0.0.1:%d/shop/web", scripted_server_port(world.server));
    roll_registry_digest(world.loop, world.credential, name, "1.4", on_reply, &seen);
    ck_assert_int_eq(seen.calls, 0);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, registry_rows[_i].outcome);
    ck_assert_pstr_eq(seen.code, registry_rows[_i].code);
    if (registry_rows[_i].digest) {
        g_autofree char *body = g_strdup_printf("{\"digest\":\"%s\"}", registry_rows[_i].digest);
        ck_assert_str_eq(seen.body, body);
    }
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__an_azure_registry_exchanges_our_token)
{
    struct world world;
    struct seen seen = {0};

    set_client_secret();
    open_world(
        &world,
        "expect HEAD /v2/shop/web/manifests/1.4 times 1\nreply 401\n  header WWW-Authenticate: "
        "Bearer realm=\"https://x/\"\n"
        "expect POST /tenant.example/oauth2/v2.0/token\n  has-body "
        "scope=https%3A%2F%2Fcontainerregistry.azure.net%2F.default\n"
        "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"aad\"}\n"
        "expect POST /oauth2/exchange\n  has-body grant_type=access_token&service=127.0.0.1%3A\n  "
        "has-body &access_token=aad\n"
        "reply 200\n  body {\"refresh_token\":\"ref\"}\n"
        "expect POST /oauth2/token\n  has-body "
        "&scope=repository%3Ashop%2Fweb%3Apull&refresh_token=ref\n"
        "reply 200\n  body {\"access_token\":\"acr\"}\n"
        "expect HEAD /v2/shop/web/manifests/1.4 times 1\n  has-header Authorization: Bearer acr\n"
        "reply 200\n  header Docker-Content-Digest: " DIGEST "\n",
        "environment");
    int port = scripted_server_port(world.server);
    g_free(world.cloud->registry);
    world.cloud->registry = g_strdup_printf("0.0.1:%d", port);
    g_autofree char *name = g_strdup_printf("127.0.0.1:%d/shop/web", port);
    roll_registry_digest(world.loop, world.credential, name, "1.4", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__what_names_no_image_is_not_asked)
{
    static const char *const names[] = {"nginx",    "shop/web", "a.io/../x",
                                        "a.io/x y", "a.io/",    "a b.io/x"};
    struct world world;

    open_world(&world, "", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        struct seen seen = {0};
        roll_registry_digest(world.loop, NULL, names[i], "1", on_reply, &seen);
        run(&world, &seen);
        ck_assert_int_eq(seen.outcome, ROLL_ARM_REFUSED);
        ck_assert_str_eq(seen.code, "NAME_INVALID");
        clear(&seen);
    }
    close_world(&world);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("azure");
    TCase *names = tcase_create("names");
    TCase *credentials = tcase_create("credentials");
    TCase *arm = tcase_create("arm");

    tcase_set_timeout(credentials, 20);
    tcase_set_timeout(arm, 20);
    tcase_add_test(names, test_azure__clouds_by_name);
    tcase_add_test(names, test_azure__odd_clouds_are_refused);
    tcase_add_test(names, test_azure__scope_paths);
    tcase_add_test(names, test_azure__deployment_ids_are_read_at_all_scopes);
    tcase_add_test(names, test_azure__only_three_states_are_final);
    tcase_add_loop_test(names, test_azure__the_innermost_error_is_found, 0, G_N_ELEMENTS(leaves));
    tcase_add_test(names, test_azure__error_bombs_are_bounded);
    tcase_add_test(names, test_azure__known_codes_have_advice);
    tcase_add_test(credentials, test_azure__sandbox_has_a_static_token);
    tcase_add_test(credentials, test_azure__client_secret_becomes_a_token_and_an_actor);
    tcase_add_loop_test(credentials, test_azure__claims_are_read_as_they_are, 0,
                        G_N_ELEMENTS(claims));
    tcase_add_loop_test(credentials, test_azure__a_refused_secret_ends_the_chain, 0,
                        G_N_ELEMENTS(refusals));
    tcase_add_loop_test(credentials, test_azure__what_the_environment_credential_lacks, 0, 5);
    tcase_add_test(credentials, test_azure__az_gives_the_token_of_its_user);
    tcase_add_test(credentials, test_azure__az_may_say_that_nobody_is_logged_in);
    tcase_add_test(credentials, test_azure__a_freed_credential_ends_az);
    tcase_add_test(credentials, test_azure__kinds_of_credentials);
    tcase_add_test(credentials, test_azure__claimed_actor_is_the_requesting_person);
    tcase_add_test(credentials, test_azure__claimed_actor_names_the_run);
    tcase_add_test(credentials, test_azure__a_refused_token_is_renewed_once);
    tcase_add_test(credentials, test_azure__without_a_token_nothing_is_sent);
    tcase_add_test(arm, test_azure__put_sends_recorded_bytes_and_reads_the_record);
    tcase_add_test(arm, test_azure__location_travels_outside_groups_only);
    tcase_add_loop_test(arm, test_azure__put_is_accepted_refused_or_unknown, 0,
                        G_N_ELEMENTS(puts_rows));
    tcase_add_test(arm, test_azure__put_to_nobody_is_unsent);
    tcase_add_test(arm, test_azure__the_whole_error_is_kept);
    tcase_add_test(arm, test_azure__a_polling_address_elsewhere_is_not_taken);
    tcase_add_loop_test(arm, test_azure__a_poll_tells_the_state_or_that_it_is_unknown, 0,
                        G_N_ELEMENTS(polls));
    tcase_add_test(arm, test_azure__a_polling_address_that_refuses_is_told_at_once);
    tcase_add_test(arm, test_azure__get_reads_a_failed_deployment);
    tcase_add_test(arm, test_azure__cancel_is_accepted_or_too_late);
    tcase_add_test(arm, test_azure__lists_follow_their_pages);
    tcase_add_loop_test(arm, test_azure__a_list_that_cannot_be_read_is_no_empty_list, 0,
                        G_N_ELEMENTS(bad_lists));
    tcase_add_test(arm, test_azure__operations_of_nested_deployments_tell_the_cause);
    tcase_add_test(arm, test_azure__each_cause_is_told_once_and_of_its_resource);
    tcase_add_test(arm, test_azure__operations_of_an_unknown_deployment_are_not_found);
    tcase_add_loop_test(arm, test_azure__what_if_is_followed_to_its_end, 0, G_N_ELEMENTS(what_ifs));
    tcase_add_test(arm, test_azure__validate_looks_for_an_error_whatever_the_status);
    tcase_add_loop_test(arm, test_azure__actions_are_followed_and_never_repeated, 0,
                        G_N_ELEMENTS(actions));
    tcase_add_test(arm, test_azure__groups_are_read_and_made);
    tcase_add_test(arm, test_azure__a_group_that_may_be_made_is_looked_for);
    tcase_add_test(arm, test_azure__a_freed_client_calls_nobody);
    tcase_add_test(arm, test_azure__reads_are_paced_where_arm_counts_them);
    tcase_add_test(arm, test_azure__a_429_holds_all_reads_of_its_subscription);
    tcase_add_loop_test(arm, test_azure__a_registry_tells_the_digest_of_a_tag, 0,
                        G_N_ELEMENTS(registry_rows));
    tcase_add_test(arm, test_azure__an_azure_registry_exchanges_our_token);
    tcase_add_test(arm, test_azure__what_names_no_image_is_not_asked);
    suite_add_tcase(all, names);
    suite_add_tcase(all, credentials);
    suite_add_tcase(all, arm);
    return all;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
