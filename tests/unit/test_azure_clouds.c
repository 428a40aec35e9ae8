/* Clouds: the rows of the known ones, and what a custom one says of itself. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "azure/cloud.h"
#include "azure/credential.h"
#include "suite_tools.h"
#include "tools/scripted_server.h"

static void ok(struct roll_error *err)
{
    ck_assert_msg(!err, "%s", err ? err->message : "");
}

/* REST reference 11, services reference 1.1. */
static const char *const rows[][7] = {
    {"public", "https://management.azure.com", "https://management.azure.com",
     "https://login.microsoftonline.com", "vault.azure.net", "core.windows.net", "azurecr.io"},
    {"usgovernment", "https://management.usgovcloudapi.net",
     "https://management.core.usgovcloudapi.net", "https://login.microsoftonline.us",
     "vault.usgovcloudapi.net", "core.usgovcloudapi.net", "azurecr.us"},
    {"china", "https://management.chinacloudapi.cn", "https://management.core.chinacloudapi.cn",
     "https://login.chinacloudapi.cn", "vault.azure.cn", "core.chinacloudapi.cn", "azurecr.cn"},
};

START_TEST(test_azure_clouds__the_known_ones)
{
    roll_auto(cloud) struct roll_cloud *cloud = NULL;

    ok(roll_cloud_new(rows[_i][0], NULL, &cloud));
    ck_assert_str_eq(cloud->arm, rows[_i][1]);
    ck_assert_str_eq(cloud->audience, rows[_i][2]);
    ck_assert_str_eq(cloud->login, rows[_i][3]);
    ck_assert_str_eq(cloud->key_vault, rows[_i][4]);
    ck_assert_str_eq(cloud->storage, rows[_i][5]);
    ck_assert_str_eq(cloud->registry, rows[_i][6]);
    ck_assert(cloud_is_known(cloud));
}
END_TEST

#define LOGIN                                                                                      \
    "\"authentication\":{\"loginEndpoint\":\"https://login.local/adfs/\","                         \
    "\"audiences\":[\"https://arm.local/id\",\"https://other\"]}"
#define SUFFIXES                                                                                   \
    "\"suffixes\":{\"keyVaultDns\":\".vault.local\",\"acrLoginServer\":\"azurecr.local\","         \
    "\"storage\":\"sto rage\"}"

static const struct {
    const char *text;
    const char *key_vault, *registry; /* of a good one */
    const char *problem;              /* NULL: good */
} replies[] = {
    {"{" LOGIN "," SUFFIXES "}", "vault.local", "azurecr.local", NULL},
    {"\xef\xbb\xbf{" LOGIN "," SUFFIXES "}", "vault.local", "azurecr.local", NULL},
    {"{" LOGIN ",\"galleryEndpoint\":\"https://g\"}", "", "", NULL},
    {"[{" LOGIN "," SUFFIXES "}]", "vault.local", "azurecr.local", NULL},
    {"[{\"resourceManager\":\"https://elsewhere\"},{\"resourceManager\":\"https://ARM.local/"
     "\"," LOGIN "," SUFFIXES "}]",
     "vault.local", "azurecr.local", NULL},
    {"[{\"resourceManager\":\"https://a\"," LOGIN "},{\"resourceManager\":\"https://b\"," LOGIN
     "}]",
     NULL, NULL, "with several clouds, none of which is at this address"},
    {"[]", NULL, NULL, "none of which is at this address"},
    {"{}", NULL, NULL, "without a login endpoint"},
    {"{\"authentication\":{\"loginEndpoint\":\"https://l\",\"audiences\":[]}}", NULL, NULL,
     "without a login endpoint and an audience"},
    {"{\"authentication\":{\"loginEndpoint\":\"https://l\",\"audiences\":[7]}}", NULL, NULL,
     "without a login endpoint and an audience"},
    {"{\"authentication\":{\"loginEndpoint\":\"http://login.local\",\"audiences\":[\"a\"]}}", NULL,
     NULL, "that is not an https address"},
    {"{\"authentication\":{\"loginEndpoint\":\"http://127.0.0.1:1\",\"audiences\":[\"a\"]}}", NULL,
     NULL, "that is not an https address"},
    {"{\"authentication\":{\"loginEndpoint\":\"https://l\\u0000x\",\"audiences\":[\"a\"]}}", NULL,
     NULL, "without a login endpoint"},
    {"<html>", NULL, NULL, "that is not JSON"},
    {"7", NULL, NULL, "without a login endpoint"},
};

START_TEST(test_azure_clouds__a_custom_one_is_read_in_every_shape)
{
    roll_auto(cloud) struct roll_cloud *cloud = NULL;

    ok(roll_cloud_new("https://arm.local/", NULL, &cloud));
    ck_assert(!cloud_is_known(cloud));
    ck_assert_str_eq(cloud->registry, "");
    roll_auto(error) struct roll_error *err =
        cloud_read_metadata(cloud, replies[_i].text, strlen(replies[_i].text));
    ck_assert_int_eq(cloud_is_known(cloud), !replies[_i].problem);
    if (replies[_i].problem) {
        ck_assert_int_eq(roll_error_code(err), ROLL_E_CREDENTIAL);
        ck_assert_msg(strstr(err->message, replies[_i].problem), "%s", err->message);
        ck_assert_ptr_nonnull(strstr(err->message, "https://arm.local"));
        return;
    }
    ok(g_steal_pointer(&err));
    ck_assert_str_eq(cloud->login, "https://login.local/adfs");
    ck_assert_str_eq(cloud->audience, "https://arm.local/id");
    ck_assert_str_eq(cloud->key_vault, replies[_i].key_vault);
    ck_assert_str_eq(cloud->registry, replies[_i].registry);
    ck_assert_str_eq(cloud->storage, "");
}
END_TEST

/* ---- asked over the wire ---- */

struct world {
    struct scripted_server *server;
    struct roll_loop *loop;
    struct roll_cloud *cloud;
    struct roll_credential *credential;
};

struct seen {
    int calls;
    char *token, *problem;
};

static void on_token(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct seen *seen = user;

    seen->calls++;
    g_free(seen->token);
    g_free(seen->problem);
    seen->token = token ? g_strdup(roll_secret_reveal(token)) : NULL;
    seen->problem = err ? g_strdup(err->message) : NULL;
}

/* A custom cloud that is, for the test, on loopback without TLS. */
static void open_world(struct world *world, const char *script)
{
    static const char *const names[] = {"AZURE_AUTHORITY_HOST", "AZURE_CLIENT_CERTIFICATE_PATH",
                                        "AZURE_TOKEN_CREDENTIALS", "http_proxy"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_unsetenv(names[i]);
    g_setenv("AZURE_CLIENT_ID", "client-1", TRUE);
    g_setenv("AZURE_TENANT_ID", "tenant.example", TRUE);
    g_setenv("AZURE_CLIENT_SECRET", "s3cret", TRUE);
    world->server = scripted_server_start(script, 0);
    ok(roll_loop_new(&world->loop));
    ok(roll_cloud_new("https://arm.local", NULL, &world->cloud));
    g_free(world->cloud->arm);
    world->cloud->arm = g_strdup(scripted_server_url(world->server));
    ok(roll_credential_new(world->loop, world->cloud, NULL, "environment", &world->credential));
}

static void close_world(struct world *world)
{
    g_autofree char *complaint = scripted_server_stop(world->server);

    roll_credential_free(world->credential);
    roll_cloud_free(world->cloud);
    roll_loop_free(world->loop);
    ck_assert_msg(!complaint, "%s", complaint);
    ck_assert_int_eq(roll_error_live(), 0);
}

static void clear(struct seen *seen)
{
    g_free(seen->token);
    g_free(seen->problem);
}

#define TOKEN_REPLY "reply 200 OK\n  body {\"access_token\":\"tok\",\"expires_in\":3600}\n"

START_TEST(test_azure_clouds__it_is_asked_once_before_the_first_token)
{
    struct world world;
    struct seen first = {0}, second = {0};

    open_world(&world, "expect GET /metadata/endpoints?api-version=2022-09-01 times 1\n"
                       "  lacks-header Authorization\n"
                       "reply 200 OK\n"
                       "  body {\"authentication\":{\"loginEndpoint\":\"${url}/\","
                       "\"audiences\":[\"https://arm.local/\"]}}\n"
                       "expect POST /tenant.example/oauth2/v2.0/token times 2\n"
                       "  has-body scope=https%3A%2F%2F\n" TOKEN_REPLY);
    roll_credential_token(world.credential, NULL, on_token, &first);
    roll_credential_token(world.credential, "https://vault.local", on_token, &second);
    ok(roll_loop_run(world.loop));
    ck_assert_str_eq(first.token, "tok");
    ck_assert_str_eq(second.token, "tok");
    roll_credential_token(world.credential, NULL, on_token, &first);
    ok(roll_loop_run(world.loop));
    ck_assert_int_eq(first.calls, 2);
    bool asked = false; /* the two may arrive in either order */
    for (unsigned i = 1; i <= 2; i++)
        asked |= strstr(scripted_server_request(world.server, i)->body->str,
                        "arm.local%2F%2F.default") != NULL;
    ck_assert(asked);
    clear(&first);
    clear(&second);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_clouds__an_old_one_is_asked_in_the_old_way)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, "expect GET /metadata/endpoints?api-version=2022-09-01 times 1\n"
                       "reply 400 Bad Request\n  body {}\n"
                       "expect GET /metadata/endpoints?api-version=2015-01-01 times 1\n"
                       "reply 200 OK\n"
                       "  body {\"galleryEndpoint\":\"x\",\"authentication\":{\"loginEndpoint\":"
                       "\"${url}/adfs\",\"audiences\":[\"https://arm.local\"]}}\n"
                       "expect POST /adfs/oauth2/token times 1\n" TOKEN_REPLY);
    roll_credential_token(world.credential, NULL, on_token, &seen);
    ok(roll_loop_run(world.loop));
    ck_assert_str_eq(seen.token, "tok");
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_clouds__one_that_does_not_say_is_asked_again_by_the_next)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, "expect GET /metadata/endpoints?api-version=2022-09-01 times 1\n"
                       "reply 403 Forbidden\n  body {}\n"
                       "expect GET /metadata/endpoints?api-version=2022-09-01 times 1\n"
                       "reply 200 OK\n  body {}\n");
    roll_credential_token(world.credential, NULL, on_token, &seen);
    ok(roll_loop_run(world.loop));
    ck_assert_ptr_nonnull(strstr(seen.problem, "does not say where its login is"));
    ck_assert_ptr_nonnull(strstr(seen.problem, "403"));
    roll_credential_token(world.credential, NULL, on_token, &seen);
    ok(roll_loop_run(world.loop));
    ck_assert_ptr_nonnull(strstr(seen.problem, "without a login endpoint"));
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_clouds__a_freed_credential_waits_for_no_cloud)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, "expect GET /metadata/endpoints* times any\nreply 200 OK\nfault silent\n");
    roll_credential_token(world.credential, NULL, on_token, &seen);
    g_clear_pointer(&world.credential, roll_credential_free);
    ok(roll_loop_run(world.loop));
    ck_assert_int_eq(seen.calls, 0);
    close_world(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("azure_clouds");
    TCase *tests = tcase_create("clouds");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_azure_clouds__the_known_ones, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(tests, test_azure_clouds__a_custom_one_is_read_in_every_shape, 0,
                        G_N_ELEMENTS(replies));
    tcase_add_test(tests, test_azure_clouds__it_is_asked_once_before_the_first_token);
    tcase_add_test(tests, test_azure_clouds__an_old_one_is_asked_in_the_old_way);
    tcase_add_test(tests, test_azure_clouds__one_that_does_not_say_is_asked_again_by_the_next);
    tcase_add_test(tests, test_azure_clouds__a_freed_credential_waits_for_no_cloud);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
