/* A person signs in with a code. */
#include <fcntl.h>

#include "credential_tools.h"
#include "rollbook/time.h"
#include "suite_tools.h"

/* A terminal as standard error; returns its other side. */
static int open_terminal(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);

    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(slave, 0);
    ck_assert_int_eq(dup2(slave, STDERR_FILENO), STDERR_FILENO);
    close(slave);
    return master;
}

static void expect_shown(int terminal, const char *text)
{
    char shown[2048] = "";
    ssize_t size = read(terminal, shown, sizeof(shown) - 1);

    ck_assert_int_gt(size, 0);
    ck_assert_msg(strstr(shown, text), "%s", shown);
    ck_assert_msg(!strstr(shown, "s3cret"), "%s", shown);
}

#define DEVICE_CODE                                                                                \
    "expect POST /organizations/oauth2/v2.0/devicecode times 1\n"                                  \
    "  has-body client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46&scope=http\n"                       \
    "  has-body %2F.default%20offline_access\n"                                                    \
    "reply 200\n  body "                                                                           \
    "{\"device_code\":\"s3cret-device\",\"user_code\":\"ABCD\",\"verification_uri\":"              \
    "\"https://login.example/device\",\"expires_in\":900,\"interval\":3}\n"
#define DEVICE_POLL                                                                                \
    "expect POST /organizations/oauth2/v2.0/token\n"                                               \
    "  if-body grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&\n"               \
    "  has-body device_code=s3cret-device\n"

START_TEST(test_azure_credentials__a_person_signs_in_with_a_code)
{
    struct world world;
    struct seen seen = {0};
    int terminal = open_terminal();

    open_world(&world, DEVICE_CODE DEVICE_POLL
               "reply 400\n  body {\"error\":\"authorization_pending\"}\n"
               "reply 400\n  body {\"error\":\"slow_down\"}\n"
               "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"d\",\"refresh_token\":"
               "\"s3cret-renewal\"}\n"
               "expect POST /organizations/oauth2/v2.0/token times 1\n"
               "  if-body grant_type=refresh_token&refresh_token=s3cret-renewal\n"
               "  has-body vault.example\n"
               "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"v\"}\n");
    use(&world, "device-code");
    expect_token(&world, "d");
    ck_assert_int_eq(own_token(&world)->interval_s, 8);
    expect_shown(terminal, "to sign in, open https://login.example/device and enter the code ABCD");
    ask(&world, "http://vault.example", &seen);
    ck_assert_str_eq(seen.token, "v");
    clear(&seen);
    close(terminal);
    close_world(&world);
}
END_TEST

/* A sign-in that cannot be renewed any more is made again. */
START_TEST(test_azure_credentials__a_refused_renewal_asks_the_person_again)
{
    struct world world;
    int terminal = open_terminal();

    open_world(&world, "expect POST /organizations/oauth2/v2.0/token times 1\n"
                       "  if-body grant_type=refresh_token&refresh_token=s3cret-old\n"
                       "reply 400\n  body {\"error\":\"invalid_grant\"}\n" DEVICE_CODE DEVICE_POLL
                       "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"d\"}\n");
    use(&world, "DeviceCodeCredential");
    world.credential->renewal = roll_secret_new("s3cret-old", 10);
    expect_token(&world, "d");
    ck_assert_ptr_null(world.credential->renewal);
    close(terminal);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_person_may_decline)
{
    struct world world;
    int terminal = open_terminal();

    open_world(&world, DEVICE_CODE DEVICE_POLL
               "reply 400\n  body {\"error\":\"authorization_declined\",\"error_description\":"
               "\"AADSTS1: No.\"}\n");
    use(&world, "device-code");
    expect_problem(&world, "device-code: the login refused the sign-in: authorization_declined: "
                           "AADSTS1: No.");
    close(terminal);
    close_world(&world);
}
END_TEST

static void stop_loop(void *user)
{
    roll_loop_stop(user);
}

/* Asks, and returns when the code has come; polls are seconds apart. */
static void begin_sign_in(struct world *world, struct seen *seen)
{
    roll_credential_token(world->credential, NULL, on_token, seen);
    while (!own_token(world)->device_code) {
        roll_loop_timer(world->loop, roll_boot_ms() + 10, stop_loop, world->loop);
        ok(roll_loop_run(world->loop));
    }
}

START_TEST(test_azure_credentials__a_code_runs_out)
{
    struct world world;
    struct seen seen = {0};
    int terminal = open_terminal();

    open_world(&world,
               DEVICE_CODE DEVICE_POLL "reply 400\n  body {\"error\":\"authorization_pending\"}\n");
    use(&world, "device-code");
    world.credential->retry_second = 100;
    begin_sign_in(&world, &seen);
    own_token(&world)->give_up_at = 0;
    ok(roll_loop_run(world.loop));
    ck_assert_msg(strstr(seen.problem, "nobody signed in with the code in time"), "%s",
                  seen.problem);
    clear(&seen);
    close(terminal);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_freed_credential_waits_for_nobody)
{
    struct world world;
    struct seen seen = {0};
    int terminal = open_terminal();

    open_world(&world, DEVICE_CODE);
    use(&world, "device-code");
    world.credential->retry_second = 100000;
    begin_sign_in(&world, &seen);
    g_clear_pointer(&world.credential, roll_credential_free);
    ok(roll_loop_run(world.loop)); /* nothing is left */
    ck_assert_int_eq(seen.calls, 0);
    close(terminal);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__without_a_terminal_there_is_no_code)
{
    struct world world;
    int null = open("/dev/null", O_WRONLY);

    dup2(null, STDERR_FILENO);
    close(null);
    open_world(&world, "");
    use(&world, "device-code");
    expect_problem(&world, "device-code: there is no terminal on which a code could be shown");
    close_world(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("azure_device_code");
    TCase *tests = tcase_create("azure_device_code");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_azure_credentials__a_person_signs_in_with_a_code);
    tcase_add_test(tests, test_azure_credentials__a_refused_renewal_asks_the_person_again);
    tcase_add_test(tests, test_azure_credentials__a_person_may_decline);
    tcase_add_test(tests, test_azure_credentials__a_code_runs_out);
    tcase_add_test(tests, test_azure_credentials__a_freed_credential_waits_for_nobody);
    tcase_add_test(tests, test_azure_credentials__without_a_terminal_there_is_no_code);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
