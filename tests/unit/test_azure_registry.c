/* A registry tells the digest of a tag. */
#include "azure_call_tools.h"
#include "suite_tools.h"

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
    /* Several challenges, in headers of their own. */
    {"expect HEAD /v2/shop/web/manifests/1.4 times 1\n"
     "reply 401\n  header WWW-Authenticate: Basic realm=\"x\"\n"
     "  header WWW-Authenticate: Bearer realm=\"${url}/token\",service=\"reg\"\n"
     "expect GET /token?scope=repository%3Ashop%2Fweb%3Apull&service=reg\n"
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

int main(void)
{
    Suite *suite = suite_create("azure_registry");
    TCase *tests = tcase_create("azure_registry");

    tcase_set_timeout(tests, 20);
    tcase_add_loop_test(tests, test_azure__a_registry_tells_the_digest_of_a_tag, 0,
                        G_N_ELEMENTS(registry_rows));
    tcase_add_test(tests, test_azure__an_azure_registry_exchanges_our_token);
    tcase_add_test(tests, test_azure__what_names_no_image_is_not_asked);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
