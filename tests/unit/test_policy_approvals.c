/* Approvals: what ssh-keygen says, and what counts. Skipped without ssh-keygen. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_tools.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"
#include "rollbook/process.h"

#define NOON INT64_C(1795608000000) /* 2026-11-25T12:00:00Z */
#define PROD "shop/prod"

static char *folder;
static GString *approvers;
static struct roll_signers signers;

static void run(const char *const *argv)
{
    struct roll_process_options options = {.argv = argv, .cwd = folder};
    struct roll_process_result result = {0};

    ck_ok(roll_process_run(&options, &result));
    ck_assert_msg(result.exit_status == 0, "%s", result.err->str);
    roll_process_result_clear(&result);
}

static char *key_path(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

/* Adds a line to the approvers file. */
static void make_key(const char *name, const char *principals, const char *options)
{
    g_autofree char *path = key_path(name), *public = g_strconcat(path, ".pub", NULL), *text = NULL;
    const char *argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "",
                          "-C",         "",   "-f", path,      NULL};

    run(argv);
    ck_assert(g_file_get_contents(public, &text, NULL, NULL));
    if (principals)
        g_string_append_printf(approvers, "%s %s %s\n", principals, options, g_strchomp(text));
}

static void setup(void)
{
    folder = g_dir_make_tmp("roll-test-sign-XXXXXX", NULL);
    approvers = g_string_new(NULL);
    signers = (struct roll_signers){approvers, NULL};
    make_key("alice", "alice@contoso.com", "namespaces=\"rollbook\"");
}

static void teardown(void)
{
    const char *argv[] = {"rm", "-rf", folder, NULL};

    run(argv);
    g_string_free(approvers, TRUE);
    g_free(folder);
}

static char *sign(const char *key, const char *message)
{
    g_autofree char *path = key_path(key);
    char *signature = NULL;

    ck_ok(roll_signature_make(NULL, path, message, &signature));
    return signature;
}

static enum roll_code verify(const char *principal, const char *message, const char *signature,
                             int64_t at)
{
    struct roll_error *err = roll_signature_verify(&signers, principal, message, signature, at);
    enum roll_code code = roll_error_code(err);

    roll_error_free(err);
    return code;
}

START_TEST(test_signature__is_of_one_person_and_one_message)
{
    g_autofree char *signature = sign("alice", "hash\n");

    make_key("bob", "bob@contoso.com", "namespaces=\"rollbook\"");
    ck_assert_int_eq(verify("alice@contoso.com", "hash\n", signature, NOON), ROLL_OK);
    ck_assert_int_eq(verify("bob@contoso.com", "hash\n", signature, NOON), ROLL_E_REFUSED);
    ck_assert_int_eq(verify("alice@contoso.com", "hash", signature, NOON), ROLL_E_REFUSED);
    ck_assert_int_eq(verify("alice@contoso.com", "hash\n", "AAAA", NOON), ROLL_E_REFUSED);
    ck_assert_int_eq(verify("alice@contoso.com", "hash\n", "no signature", NOON), ROLL_E_REFUSED);
    ck_assert_int_eq(verify("-f/etc/passwd", "hash\n", signature, NOON), ROLL_E_REFUSED);
    ck_assert_int_eq(verify("*", "hash\n", signature, NOON), ROLL_E_REFUSED);
}
END_TEST

/* find-principals knows the key, whatever it signed; only verify looks at the rest. */
START_TEST(test_signature__of_another_namespace_is_refused_though_its_key_is_known)
{
    g_autofree char *path = key_path("alice"), *message = key_path("message"), *text = NULL;
    g_autofree char *signed_path = g_strconcat(message, ".sig", NULL);
    const char *argv[] = {"ssh-keygen", "-Y", "sign", "-f", path, "-n", "git", message, NULL};
    g_autoptr(GString) body = g_string_new(NULL);
    g_auto(GStrv) lines = NULL, names = NULL;

    ck_assert(g_file_set_contents(message, "hash\n", -1, NULL));
    run(argv);
    ck_assert(g_file_get_contents(signed_path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line != '-')
            g_string_append(body, *line);
    ck_ok(roll_signature_principals(&signers, body->str, NOON, &names));
    ck_assert_str_eq(names[0], "alice@contoso.com");
    ck_assert_int_eq(verify("alice@contoso.com", "hash\n", body->str, NOON), ROLL_E_REFUSED);
}
END_TEST

/* The event's time counts, not the time of looking. */
START_TEST(test_signature__counts_while_its_key_is_valid)
{
    make_key("carol", "carol@contoso.com",
             "namespaces=\"rollbook\",valid-after=\"20261125Z\",valid-before=\"20261126Z\"");
    g_autofree char *signature = sign("carol", "hash\n");

    ck_assert_int_eq(verify("carol@contoso.com", "hash\n", signature, NOON), ROLL_OK);
    ck_assert_int_eq(verify("carol@contoso.com", "hash\n", signature, NOON + 86400000),
                     ROLL_E_REFUSED);
    ck_assert_int_eq(verify("carol@contoso.com", "hash\n", signature, NOON - 86400000),
                     ROLL_E_REFUSED);
}
END_TEST

START_TEST(test_signature__of_a_revoked_key_is_refused)
{
    g_autofree char *path = key_path("alice.pub"), *text = NULL;
    g_autofree char *signature = sign("alice", "hash\n");
    g_autoptr(GString) revoked = NULL;

    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    revoked = g_string_new(text);
    signers.revoked = revoked;
    ck_assert_int_eq(verify("alice@contoso.com", "hash\n", signature, NOON), ROLL_E_REFUSED);
}
END_TEST

START_TEST(test_signature__without_ssh_keygen_says_so)
{
    g_autofree char *signature = sign("alice", "hash\n");

    g_setenv("PATH", folder, TRUE);
    ck_assert_int_eq(verify("alice@contoso.com", "hash\n", signature, NOON), ROLL_E_NOT_FOUND);
    g_setenv("PATH", "/usr/local/bin:/usr/bin:/bin", TRUE);
}
END_TEST

/* ---- in a ledger ---------------------------------------------------------------------------- */

static const char plan_text[] = "{\"roles\":{\"manager\":[\"alice@contoso.com\",\"bob@contoso."
                                "com\"],\"security\":[\"bob@contoso.com\","
                                "\"carol@contoso.com\"]}}";

static struct place place;
static struct roll_ledger *ledger;
static char request_hash[ROLL_HEX_SIZE];

static struct roll_error *take_hash(void *user, const struct roll_event *event)
{
    (void)user;
    if (event->kind == ROLL_EVENT_rollout_requested)
        memcpy(request_hash, event->hash, sizeof request_hash);
    return NULL;
}

/* Requested by alice, as `somebody` of ledger_tools. */
static int64_t request_from(const char *approvals, const char *lane, const char *base)
{
    g_autofree char *gates_text = g_strdup_printf("{\"approvals\":%s}", approvals);
    roll_auto(json) json_t *gates = json_loads(gates_text, 0, NULL);
    struct roll_rollout_requested body = {.lane = T(lane),
                                          .kind = T("out"),
                                          .from = T(base),
                                          .order = digest_of("{}"),
                                          .targets = 1,
                                          .gates = gates,
                                          .plan = digest_of(plan_text),
                                          .approvers = digest_of(approvers->str),
                                          .driver = T("d")};
    struct roll_draft draft = {PROD, ROLL_EVENT_rollout_requested, &body};
    struct roll_object objects[] = {
        {"{}", 2}, {plan_text, strlen(plan_text)}, {approvers->str, approvers->len}};
    struct roll_expect expect = {.stream = PROD};

    ck_ok(roll_ledger_head(ledger, PROD, &expect.head));
    ck_ok(roll_ledger_append(ledger, &somebody, NOON, &expect, 1, &draft, 1, objects, 3, NULL));
    ck_ok(roll_ledger_events(ledger, PROD, 1, take_hash, NULL));
    return expect.head.seq + 1;
}

static int64_t request_approvals(const char *approvals)
{
    return request_from(approvals, "release", "1.0.0");
}

static void give(int64_t rollout, const char *principal, const char *key)
{
    g_autofree char *message = g_strdup_printf("%s\n", request_hash);
    g_autofree char *signature = sign(key, message);

    say(ledger, PROD, NOON, approval_given, .rollout = rollout, .approver = T(principal),
        .signature = signature);
}

static void is_missing(int64_t rollout, const char *expected)
{
    roll_auto(approved) struct roll_approved *approved = NULL;
    g_autofree char *missing = NULL;

    ck_ok(roll_approved_load(ledger, PROD, rollout, &approved));
    ck_ok(roll_approvals_missing(ledger, approved, 0, &missing));
    ck_assert_str_eq(missing ? missing : "", expected);
}

static void is_bad(const char *part)
{
    g_autofree char *bad = NULL;

    ck_ok(roll_approvals_verify(ledger, &bad));
    if (!part)
        ck_assert_msg(bad == NULL, "%s", bad);
    else
        ck_assert_msg(bad && strstr(bad, part), "%s", bad ? bad : "nothing");
}

static void ledger_setup(void)
{
    setup();
    make_key("bob", "bob@contoso.com", "namespaces=\"rollbook\"");
    make_key("carol", "carol@contoso.com", "namespaces=\"rollbook\"");
    make_key("mallory", NULL, NULL);
    place = place_make();
    ledger = place_open(&place, ROLL_LEDGER_CREATE);
}

static void ledger_teardown(void)
{
    roll_ledger_close(ledger);
    place_remove(&place);
    teardown();
}

#define BOTH "[{\"role\":\"manager\",\"count\":1},{\"role\":\"security\",\"count\":1}]"

START_TEST(test_approvals__are_each_for_one_role)
{
    int64_t rollout = request_approvals(BOTH);

    is_missing(rollout, "manager, security");
    give(rollout, "bob@contoso.com", "bob");
    is_missing(rollout, "security"); /* he has both roles, and one voice */
    give(rollout, "bob@contoso.com", "bob");
    is_missing(rollout, "security");
    give(rollout, "carol@contoso.com", "carol");
    is_missing(rollout, "");
    is_bad(NULL);
}
END_TEST

/* What somebody writes into the database by hand has a good chain, and a bad signature. */
START_TEST(test_approvals__forged_and_self_made_ones_do_not_count_and_are_found)
{
    int64_t rollout = request_approvals(BOTH);

    give(rollout, "alice@contoso.com", "alice");
    is_missing(rollout, "manager, security");
    is_bad("asked for");
    give(rollout, "carol@contoso.com", "mallory");
    is_missing(rollout, "manager, security");
}
END_TEST

START_TEST(test_approvals__by_who_has_none_of_the_roles_are_found)
{
    int64_t rollout = request_approvals("[{\"role\":\"manager\",\"count\":1}]");

    give(rollout, "carol@contoso.com", "carol");
    is_missing(rollout, "manager");
    is_bad("none of the roles");
}
END_TEST

/* Whoever started a pipeline asked for what its identity asks for. */
START_TEST(test_approvals__are_not_for_who_started_the_pipeline)
{
    int64_t rollout = request_approvals(BOTH);
    g_autofree char *message = g_strconcat(request_hash, "\n", NULL);
    g_autofree char *signature = sign("bob", message);
    roll_auto(approved) struct roll_approved *approved = NULL;

    ck_ok(roll_approved_load(ledger, PROD, rollout, &approved));
    ck_ok(roll_approval_check(approved, "bob@contoso.com", signature, NOON));
    g_free(approved->requester.claimed);
    approved->requester.claimed = g_strdup("Bob@contoso.com (pipeline 7)");
    struct roll_error *err = roll_approval_check(approved, "bob@contoso.com", signature, NOON);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_REFUSED);
    roll_error_free(err);
}
END_TEST

START_TEST(test_approvals__a_forged_one_is_named_by_verify)
{
    int64_t rollout = request_approvals(BOTH);

    give(rollout, "carol@contoso.com", "mallory");
    is_bad("shop/prod 2: the approval of #1 by 'carol@contoso.com' does not count");
}
END_TEST

START_TEST(test_approvals__of_another_request_are_refused)
{
    int64_t first = request_approvals(BOTH), second;
    g_autofree char *message = g_strdup_printf("%s\n", request_hash);
    g_autofree char *signature = sign("carol", message);

    say(ledger, PROD, NOON, rollout_refused, .rollout = first);
    second = request_approvals(BOTH);
    say(ledger, PROD, NOON, approval_given, .rollout = second, .approver = T("carol@contoso.com"),
        .signature = signature);
    is_missing(second, "manager, security");
    is_bad("#3");
}
END_TEST

/* The hash that is signed holds both: the same release from elsewhere, or in another lane, is
 * another request. */
static void check_other(const char *lane, const char *base)
{
    int64_t first = request_approvals(BOTH), second;
    g_autofree char *message = g_strdup_printf("%s\n", request_hash);
    g_autofree char *signature = sign("carol", message);

    say(ledger, PROD, NOON, rollout_refused, .rollout = first);
    second = request_from(BOTH, lane, base);
    say(ledger, PROD, NOON, approval_given, .rollout = second, .approver = T("carol@contoso.com"),
        .signature = signature);
    is_missing(second, "manager, security");
    is_bad("does not count");
    give(second, "carol@contoso.com", "carol");
    is_missing(second, "manager");
}

START_TEST(test_approvals__of_another_lane_are_refused)
{
    check_other("hotfix", "1.0.0");
}
END_TEST

START_TEST(test_approvals__from_another_base_are_refused)
{
    check_other("release", "1.1.0");
}
END_TEST

START_TEST(test_approvals__a_start_without_them_is_found)
{
    int64_t rollout = request_approvals(BOTH);

    give(rollout, "carol@contoso.com", "carol");
    say(ledger, PROD, NOON, rollout_claimed, .rollout = rollout, .driver = T("d"), .host = T("h"),
        .until = NOON);
    give(rollout, "bob@contoso.com", "bob"); /* too late */
    is_bad("#1 started without the approval of manager");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy: approvals");
    TCase *one = tcase_create("signatures"), *all = tcase_create("in a ledger");

    if (!roll_process_available("ssh-keygen")) {
        puts("skipped: there is no ssh-keygen");
        return 77;
    }
    tcase_set_timeout(one, 60);
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_test(one, test_signature__is_of_one_person_and_one_message);
    tcase_add_test(one, test_signature__of_another_namespace_is_refused_though_its_key_is_known);
    tcase_add_test(one, test_signature__counts_while_its_key_is_valid);
    tcase_add_test(one, test_signature__of_a_revoked_key_is_refused);
    tcase_add_test(one, test_signature__without_ssh_keygen_says_so);
    tcase_add_checked_fixture(all, ledger_setup, ledger_teardown);
    tcase_add_test(all, test_approvals__are_each_for_one_role);
    tcase_add_test(all, test_approvals__forged_and_self_made_ones_do_not_count_and_are_found);
    tcase_add_test(all, test_approvals__by_who_has_none_of_the_roles_are_found);
    tcase_add_test(all, test_approvals__are_not_for_who_started_the_pipeline);
    tcase_add_test(all, test_approvals__a_forged_one_is_named_by_verify);
    tcase_add_test(all, test_approvals__of_another_request_are_refused);
    tcase_add_test(all, test_approvals__of_another_lane_are_refused);
    tcase_add_test(all, test_approvals__from_another_base_are_refused);
    tcase_add_test(all, test_approvals__a_start_without_them_is_found);
    suite_add_tcase(suite, one);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
