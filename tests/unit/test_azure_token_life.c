/* A token's life: renewed, shared, challenged, refused. */
#include "azure/challenge.h"
#include "credential_tools.h"
#include "rollbook/time.h"
#include "suite_tools.h"

/* ---- refusals ---- */

START_TEST(test_azure_credentials__the_logins_codes_come_with_advice)
{
    static const char *const rows[][2] = {
        {"AADSTS7000215: Invalid client secret.", "it is the secret's id that was pasted)"},
        {"AADSTS7000222: Expired.", "(the secret has expired: make a new one)"},
        {"AADSTS700016: Application not found.", "(this tenant does not know the application"},
        {"AADSTS700213: No matching record.", "a new one needs some minutes)"},
        {"AADSTS999999: Who knows.", "invalid_client: AADSTS999999: Who knows."},
        {"no code", "the login refused the client secret: invalid_client: no code"},
    };
    struct world world;
    g_autofree char *script = g_strdup_printf(
        LOGIN "reply 401\n  body {\"error\":\"invalid_client\",\"error_description\":\"%s\\r\\n"
              "Trace ID: 1\"}\n",
        rows[_i][0]);

    open_world(&world, script);
    set_application();
    set("AZURE_CLIENT_SECRET", "s3cret");
    use(&world, "environment");
    expect_problem(&world, rows[_i][1]);
    close_world(&world);
}
END_TEST

/* ---- the life of a token ---- */

static void open_with_secret(struct world *world, const char *script)
{
    open_world(world, script);
    set_application();
    set("AZURE_CLIENT_SECRET", "s3cret");
    use(world, NULL);
}

START_TEST(test_azure_credentials__one_request_serves_many)
{
    struct world world;
    struct seen seen[3] = {0};

    open_with_secret(&world, LOGIN GOOD);
    roll_credential_prefetch(world.credential);
    for (size_t i = 0; i < 3; i++)
        roll_credential_token(world.credential, NULL, on_token, &seen[i]);
    ok(roll_loop_run(world.loop));
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(seen[i].calls, 1);
        ck_assert_str_eq(seen[i].token, "tok");
        clear(&seen[i]);
    }
    close_world(&world);
}
END_TEST

/* Two audiences walk the chain at the same time: the end of one does not disturb the other. */
START_TEST(test_azure_credentials__two_audiences_are_asked_for_at_once)
{
    struct world world;
    struct seen seen[2] = {0};

    open_world(&world, "expect GET /metadata/identity/oauth2/token times 2\n"
                       "  lacks-header Metadata\nreply 400\n  delay 5ms\n" IMDS
                       "reply 200\n  body {\"access_token\":\"m\",\"expires_in\":\"3599\"}\n"
                       "reply 503\n"
                       "reply 200\n  body {\"access_token\":\"m\",\"expires_in\":\"3599\"}\n");
    set_imds(&world);
    use(&world, NULL);
    roll_credential_token(world.credential, NULL, on_token, &seen[0]);
    roll_credential_token(world.credential, "http://vault.example", on_token, &seen[1]);
    ok(roll_loop_run(world.loop));
    for (size_t i = 0; i < 2; i++) {
        ck_assert_str_eq(seen[i].token, "m");
        clear(&seen[i]);
    }
    close_world(&world);
}
END_TEST

static const struct {
    const char *members;
    int64_t at_most_s, at_least_s;
} renewals[] = {
    {"\"expires_in\":3600", 3300, 3000},
    {"\"expires_in\":\"3600\"", 3300, 3000},
    {"\"expires_in\":86400,\"refresh_in\":43200", 43200, 42900},
    {"\"expires_in\":3600,\"refresh_in\":3599", 3300, 3000},
    {"\"expires_in\":400", 200, 0},
    {"\"expires_in\":-5", 30, 0},
    {"\"expires_on\":\"2000-01-01T00:00:00Z\"", 30, 0},
};

START_TEST(test_azure_credentials__a_token_is_renewed_before_its_end)
{
    struct world world;
    g_autofree char *script = g_strdup_printf(
        LOGIN "reply 200\n  body {%s,\"access_token\":\"tok\"}\n", renewals[_i].members);

    open_with_secret(&world, script);
    expect_token(&world, "tok");
    int64_t left = own_token(&world)->renew_at - roll_boot_ms();
    ck_assert_int_le(left, renewals[_i].at_most_s * 1000);
    ck_assert_int_ge(left, renewals[_i].at_least_s * 1000);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__the_old_one_serves_while_no_new_one_is_had)
{
    struct world world;

    open_with_secret(&world, "expect POST /tenant.example/oauth2/v2.0/token times 3\n" GOOD
                             "reply 400\n  body {\"error\":\"invalid_client\"}\n"
                             "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"new\"}\n");
    expect_token(&world, "tok");
    own_token(&world)->renew_at = 0;
    expect_token(&world, "tok");
    own_token(&world)->renew_at = 0;
    expect_token(&world, "new");
    close_world(&world);
}
END_TEST

/* ---- claims challenges ---- */

/* {"access_token":{"nbf":{"essential":true,"value":"1"}}} */
#define CHALLENGE                                                                                  \
    "Bearer realm=\"\", authorization_uri=\"https://login.example/\", "                            \
    "error=\"insufficient_claims\", "                                                              \
    "claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ==\""

START_TEST(test_azure_credentials__a_claims_challenge_is_read)
{
    static const struct {
        const char *header, *claims;
    } rows[] = {
        {CHALLENGE, "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":\"1\"},"
                    "\"xms_cc\":{\"values\":[\"cp1\"]}}}"},
        {"Bearer error=insufficient_claims claims=e30",
         "{\"access_token\":{\"xms_cc\":{\"values\":[\"cp1\"]}}}"},
        {"Bearer error=\"invalid_token\", claims=\"e30\"", NULL},
        {"Bearer error=\"insufficient_claims\", claims=\"W10\"", NULL},
        {"Bearer error=\"insufficient_claims\", claims=\"!!!\"", NULL},
        {"Bearer error=\"insufficient_claims\"", NULL},
        {"Basic realm=x", NULL},
        {NULL, NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *claims = challenge_claims(rows[i].header);
        ck_assert_pstr_eq(claims, rows[i].claims);
    }
}
END_TEST

struct arm_seen {
    int calls;
    enum roll_arm_outcome outcome;
};

static void on_arm(void *user, const struct roll_arm_reply *reply)
{
    struct arm_seen *seen = user;

    seen->calls++;
    seen->outcome = reply->outcome;
}

/* The claims go with the next token, once; the one after it is an ordinary one. */
START_TEST(test_azure_credentials__a_claims_challenge_is_answered_once)
{
    struct world world;
    struct arm_seen seen = {0};

    open_with_secret(&world,
                     LOGIN "  lacks-body nbf\n"
                           "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"t1\"}\n" LOGIN
                           "  has-body &claims=%7B%22access_token%22%3A%7B%22nbf%22\n"
                           "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"t2\"}\n" LOGIN
                           "  lacks-body nbf\n"
                           "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"t3\"}\n"
                           "expect GET /subscriptions/s/resourceGroups/g times 1\n"
                           "  has-header Authorization: Bearer t1\n"
                           "reply 401\n  header WWW-Authenticate: " CHALLENGE "\n"
                           "expect GET /subscriptions/s/resourceGroups/g times 1\n"
                           "  has-header Authorization: Bearer t2\n"
                           "reply 200\n  body {\"name\":\"g\"}\n");
    struct roll_arm *arm = roll_arm_new(world.loop, world.cloud, world.credential);
    roll_arm_group_get(arm, "s", "g", on_arm, &seen);
    ok(roll_loop_run(world.loop));
    ck_assert_int_eq(seen.calls, 1);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    own_token(&world)->renew_at = 0;
    expect_token(&world, "t3");
    roll_arm_free(arm);
    close_world(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("azure_token_life");
    TCase *tests = tcase_create("azure_token_life");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_azure_credentials__the_logins_codes_come_with_advice, 0, 6);
    tcase_add_test(tests, test_azure_credentials__one_request_serves_many);
    tcase_add_test(tests, test_azure_credentials__two_audiences_are_asked_for_at_once);
    tcase_add_loop_test(tests, test_azure_credentials__a_token_is_renewed_before_its_end, 0,
                        G_N_ELEMENTS(renewals));
    tcase_add_test(tests, test_azure_credentials__the_old_one_serves_while_no_new_one_is_had);
    tcase_add_test(tests, test_azure_credentials__a_claims_challenge_is_read);
    tcase_add_test(tests, test_azure_credentials__a_claims_challenge_is_answered_once);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
