/* Versions of Key Vault secrets against scripted replies: pages, the newest, refusals, and where a
 * token may go. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "azure/credential.h"
#include "rollbook/json.h"
#include "suite_tools.h"
#include "tools/scripted_server.h"

/* The vault is called 127, so that its host below the "suffix" 0.0.1:PORT is this machine. */
#define VAULT "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/127"
#define LIST                                                                                       \
    "expect GET /secrets/db/versions?api-version=7.4&maxresults=25\n"                              \
    "  has-header Authorization: Bearer vault-token\n"                                             \
    "  has-header x-ms-client-request-id\n"
#define LOGIN                                                                                      \
    "expect POST /tenant.example/oauth2/v2.0/token times 1\n"                                      \
    "reply 200\n  body {\"access_token\":\"vault-token\",\"expires_in\":3600}\n"

struct world {
    struct scripted_server *server;
    struct roll_loop *loop;
    struct roll_cloud *cloud;
    struct roll_credential *credential;
};

struct seen {
    int calls, status;
    enum roll_arm_outcome outcome;
    char *code, *message;
    json_t *body;
};

static void ok(struct roll_error *err)
{
    ck_assert_msg(!err, "%s", err ? err->message : "");
}

static void open_world(struct world *world, const char *script)
{
    g_unsetenv("AZURE_AUTHORITY_HOST");
    g_unsetenv("http_proxy");
    g_setenv("AZURE_CLIENT_ID", "client-1", TRUE);
    g_setenv("AZURE_TENANT_ID", "tenant.example", TRUE);
    g_setenv("AZURE_CLIENT_SECRET", "s3cret", TRUE);
    world->server = scripted_server_start(script, 0);
    ok(roll_loop_new(&world->loop));
    ok(roll_cloud_new("public", NULL, &world->cloud));
    g_free(world->cloud->login);
    g_free(world->cloud->key_vault);
    world->cloud->login = g_strdup(scripted_server_url(world->server));
    world->cloud->key_vault = g_strdup_printf("0.0.1:%d", scripted_server_port(world->server));
    ok(roll_credential_new(world->loop, world->cloud, NULL, "environment", &world->credential));
}

static void close_world(struct world *world, struct seen *seen)
{
    g_autofree char *complaint = scripted_server_stop(world->server);

    roll_credential_free(world->credential);
    roll_cloud_free(world->cloud);
    roll_loop_free(world->loop);
    g_free(seen->code);
    g_free(seen->message);
    json_decref(seen->body);
    ck_assert_msg(!complaint, "%s", complaint);
    ck_assert_int_eq(roll_error_live(), 0);
}

static void on_versions(void *user, const struct roll_arm_reply *reply)
{
    struct seen *seen = user;

    seen->calls++;
    seen->status = reply->status;
    seen->outcome = reply->outcome;
    seen->code = g_strdup(reply->code);
    seen->message = g_strdup(reply->message);
    seen->body = json_incref(reply->body);
}

static void ask(struct world *world, const char *vault, const char *secret, struct seen *seen)
{
    roll_key_vault_versions(world->loop, world->credential, vault, secret, 5000, on_versions, seen);
    ck_assert_int_eq(seen->calls, 0);
    ok(roll_loop_run(world->loop));
    ck_assert_int_eq(seen->calls, 1);
}

START_TEST(test_azure_key_vault__the_newest_of_all_pages_is_current)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, LOGIN LIST
               "reply 200\n  body {\"value\":[{\"id\":\"https://v/secrets/db/old\",\"attributes\":"
               "{\"enabled\":true,\"created\":100,\"exp\":900}}],"
               "\"nextLink\":\"${url}/secrets/db/versions?api-version=7.4&$skiptoken=x\"}\n"
               "expect GET /secrets/db/versions?api-version=7.4&$skiptoken=x\n"
               "reply 200\n  body {\"value\":[{\"id\":\"https://v/secrets/db/new\",\"attributes\":"
               "{\"enabled\":false,\"created\":300}},{\"id\":\"https://v/secrets/db/mid\","
               "\"attributes\":{\"created\":200,\"nbf\":5}},{\"id\":7}],\"nextLink\":null}\n");
    ask(&world, VAULT, "db", &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    g_autoptr(GString) text = g_string_new(NULL);
    roll_json_write(seen.body, text);
    ck_assert_str_eq(text->str,
                     "{\"versions\":[{\"version\":\"old\",\"enabled\":true,\"created\":100,"
                     "\"expires\":900},{\"version\":\"new\",\"enabled\":false,\"created\":300},"
                     "{\"version\":\"mid\",\"enabled\":true,\"created\":200,\"notBefore\":5}],"
                     "\"current\":\"new\"}");
    ck_assert_ptr_nonnull(strstr(scripted_server_request(world.server, 0)->body->str, "0.0.1"));
    close_world(&world, &seen);
}
END_TEST

static const struct {
    const char *reply;
    enum roll_arm_outcome outcome;
    const char *code, *message;
} refusals[] = {
    {"reply 200\n  body {\"value\":[]}\n", ROLL_ARM_NOT_FOUND, "SecretNotFound", "no such secret"},
    {"reply 403\n  body {\"error\":{\"code\":\"Forbidden\",\"message\":\"no\",\"innererror\":"
     "{\"code\":\"ForbiddenByRbac\",\"message\":\"no list\"}}}\n",
     ROLL_ARM_REFUSED, "ForbiddenByRbac", "answered 403"},
    {"reply 200\n  body []\n", ROLL_ARM_LOST, NULL, "holds no list"},
    {"reply 200\n  body <html>\n", ROLL_ARM_LOST, NULL, "holds no list"},
    {"reply 200\n  body {\"value\":[],\"nextLink\":\"https://elsewhere.example/x\"}\n",
     ROLL_ARM_LOST, NULL, "outside the vault"},
    {"reply 200\n  body {\"value\":[],\"nextLink\":\"${url}.example/x\"}\n", ROLL_ARM_LOST, NULL,
     "outside the vault"},
};

START_TEST(test_azure_key_vault__what_it_may_refuse)
{
    struct world world;
    struct seen seen = {0};
    g_autofree char *script = g_strconcat(LOGIN LIST, refusals[_i].reply, NULL);

    open_world(&world, script);
    ask(&world, "127", "db", &seen);
    ck_assert_int_eq(seen.outcome, refusals[_i].outcome);
    ck_assert_pstr_eq(seen.code, refusals[_i].code);
    ck_assert_msg(strstr(seen.message, refusals[_i].message), "%s", seen.message);
    close_world(&world, &seen);
}
END_TEST

static const char *const odd_names[][2] = {
    {"127", "../x"}, {"evil.example/", "db"}, {"a.b", "db"}, {"", "db"}, {"127", ""}};

START_TEST(test_azure_key_vault__no_token_goes_to_an_odd_name)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, "");
    ask(&world, odd_names[_i][0], odd_names[_i][1], &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_REFUSED);
    ck_assert_str_eq(seen.code, "InvalidName");
    close_world(&world, &seen);
}
END_TEST

static void stop(void *loop)
{
    roll_loop_stop(loop);
}

START_TEST(test_azure_key_vault__one_that_was_cancelled_says_nothing)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, "expect POST /tenant.example/oauth2/v2.0/token times any\nreply 200\n"
                       "fault silent\n");
    struct roll_key_vault_call *call = roll_key_vault_versions(world.loop, world.credential, "127",
                                                               "db", 5000, on_versions, &seen);
    roll_loop_timer(world.loop, 0, stop, world.loop);
    ok(roll_loop_run(world.loop));
    roll_key_vault_cancel(call);
    ck_assert_int_eq(seen.calls, 0);
    close_world(&world, &seen);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("azure_key_vault");
    TCase *tests = tcase_create("versions");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_azure_key_vault__the_newest_of_all_pages_is_current);
    tcase_add_loop_test(tests, test_azure_key_vault__what_it_may_refuse, 0, G_N_ELEMENTS(refusals));
    tcase_add_loop_test(tests, test_azure_key_vault__no_token_goes_to_an_odd_name, 0,
                        G_N_ELEMENTS(odd_names));
    tcase_add_test(tests, test_azure_key_vault__one_that_was_cancelled_says_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
