/* What else ARM can be asked beside deployments: records, providers, locks, the activity log,
 * deletions. */
#include "azure_tools.h"

#include "rollbook/time.h"
#include "suite_tools.h"

#define SUB "/subscriptions/11111111-1111-1111-1111-111111111111"
#define SITE GROUP "/providers/Microsoft.Web/sites/web"

/* ---- records of deployments ---- */

START_TEST(test_azure_calls__head_tells_there_or_not)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect HEAD " DEPLOYMENT "?api-version=2022-09-01\nreply 204\nreply 404\nreply "
               "503\n  header retry-after-ms: 1\nreply 204\n",
               NULL);
    static const enum roll_arm_outcome wanted[] = {ROLL_ARM_OK, ROLL_ARM_NOT_FOUND, ROLL_ARM_OK};
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        roll_arm_exists(world.arm, &group, "d1", on_reply, &seen);
        run(&world, &seen);
        ck_assert_int_eq(seen.outcome, wanted[i]);
        clear(&seen);
    }
    close_world(&world);
}
END_TEST

START_TEST(test_azure_calls__a_404_without_words_is_no_answer)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, "expect GET " DEPLOYMENT "\nreply 404\n  body <html>lost</html>\n", NULL);
    roll_arm_get(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_LOST);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_calls__a_template_is_exported)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect POST " DEPLOYMENT "/exportTemplate?api-version=2022-09-01\n"
               "reply 200\n  body {\"template\":{\"resources\":[]}}\n",
               NULL);
    roll_arm_export(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_str_eq(seen.body, "{\"template\":{\"resources\":[]}}");
    clear(&seen);
    close_world(&world);
}
END_TEST

static const struct {
    const char *script;
    enum roll_arm_outcome outcome;
    const char *code;
} deletions[] = {
    {"reply 202\n  header Location: ${url}/r/1\n  header retry-after-ms: 1\n"
     "expect GET /r/1\nreply 202\n  header retry-after-ms: 1\nreply 204\n",
     ROLL_ARM_OK, NULL},
    {"reply 204\n", ROLL_ARM_OK, NULL},
    {"reply 200\n", ROLL_ARM_OK, NULL},
    {"reply 409\n  body {\"error\":{\"code\":\"ScopeLocked\",\"message\":\"locked: 'x'\"}}\n",
     ROLL_ARM_REFUSED, "ScopeLocked"},
    {"reply 202\n  header Location: ${url}/r/1\n  header retry-after-ms: 1\n"
     "expect GET /r/1\nreply 409\n  body "
     "{\"error\":{\"code\":\"ScopeLocked\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "ScopeLocked"},
    {"reply 202\n  header Azure-AsyncOperation: ${url}/op\n  header retry-after-ms: 1\n"
     "expect GET /op\nreply 200\n  body {\"status\":\"Failed\",\"error\":{\"code\":\"InUse\","
     "\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "InUse"},
    /* That we may not look says nothing of the operation. */
    {"reply 202\n  header Azure-AsyncOperation: ${url}/op\n  header retry-after-ms: 1\n"
     "expect GET /op\nreply 403\n  body {\"error\":{\"code\":\"AuthorizationFailed\",\"message\":"
     "\"m\"}}\n",
     ROLL_ARM_LOST, "AuthorizationFailed"},
    {"reply 500\n", ROLL_ARM_LOST, NULL},
    {"reply 204\n  fault drop\n", ROLL_ARM_LOST, NULL},
};

START_TEST(test_azure_calls__deletions_are_followed_and_never_repeated)
{
    struct world world;
    struct seen seen = {0};
    g_autofree char *script =
        g_strconcat("expect DELETE " DEPLOYMENT "?api-version=2022-09-01 times 1\n",
                    deletions[_i].script, NULL);
    g_autofree char *resource = g_strconcat(
        "expect DELETE " SITE "?api-version=2022-03-01 times 1\n", deletions[_i].script, NULL);

    open_world(&world, script, NULL);
    roll_arm_delete(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, deletions[_i].outcome);
    ck_assert_pstr_eq(seen.code, deletions[_i].code);
    clear(&seen);
    close_world(&world);
    open_world(&world, resource, NULL);
    roll_arm_resource_delete(world.arm, SITE, "2022-03-01", 0, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, deletions[_i].outcome);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_calls__lists_take_a_state_and_a_number)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect GET " GROUP "/providers/Microsoft.Resources/deployments/"
               "?api-version=2022-09-01&$filter=provisioningState%20eq%20%27Failed%27&$top=5\n"
               "reply 200\n  body {\"value\":[{\"name\":\"a\"}]}\n",
               NULL);
    roll_arm_list_state(world.arm, &group, "Failed", 5, on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.body, "{\"value\":[{\"name\":\"a\"}]}");
    clear(&seen);
    close_world(&world);
}
END_TEST

/* A redirect is no answer of ARM's, and nobody along it gets our token. */
START_TEST(test_azure_calls__no_token_goes_along_a_redirect)
{
    struct scripted_server *other = scripted_server_start("", 0);
    g_autofree char *script =
        g_strdup_printf("expect * * times any\nreply 307\n  header Location: %s/steal\n",
                        scripted_server_url(other));
    struct world world;
    struct seen seen = {0};

    open_world(&world, script, NULL);
    roll_arm_get(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_REFUSED);
    clear(&seen);
    roll_arm_delete(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_REFUSED);
    clear(&seen);
    ck_assert_uint_eq(scripted_server_count(other), 0);
    close_world(&world);
    g_free(scripted_server_stop(other));
}
END_TEST

/* A Location of a deletion elsewhere would get it too; nor is a larger reply read than is bounded.
 */
START_TEST(test_azure_calls__other_hosts_and_endless_replies)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect DELETE *\nreply 202\n  header Location: https://evil.example/r\n"
               "expect GET * times any\nreply 200\n  body-repeat 5000000 x\n",
               NULL);
    roll_arm_delete(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_LOST);
    clear(&seen);
    roll_arm_get(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_LOST);
    ck_assert_uint_eq(scripted_server_count(world.server), 2); /* it would be as large again */
    clear(&seen);
    close_world(&world);
}
END_TEST

/* ---- providers ---- */

#define PROVIDER SUB "/providers/Microsoft.Web"

static const struct {
    const char *script;
    int64_t within_ms;
    enum roll_arm_outcome outcome;
    const char *code;
} registrations[] = {
    {"reply 200\n  body {\"registrationState\":\"Registering\"}\nexpect GET " PROVIDER
     "?api-version=2022-09-01\nreply 200\n  body {\"registrationState\":\"Registering\"}\n"
     "reply 503\n  header retry-after-ms: 1\nreply 200\n  body "
     "{\"registrationState\":\"Registered\"}\n",
     60000, ROLL_ARM_OK, NULL},
    {"reply 200\n  body {\"registrationState\":\"registered\"}\n", 60000, ROLL_ARM_OK, NULL},
    {"reply 403\n  body {\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"m\"}}\n", 60000,
     ROLL_ARM_REFUSED, "AuthorizationFailed"},
    {"reply 500\nexpect GET " PROVIDER
     "\nreply 200\n  body {\"registrationState\":\"Registered\"}\n",
     60000, ROLL_ARM_OK, NULL},
    {"reply 200\n  body {\"registrationState\":\"Registering\"}\n", 0, ROLL_ARM_LOST, NULL},
};

START_TEST(test_azure_calls__a_provider_is_registered_within_a_time)
{
    struct world world;
    struct seen seen = {0};
    g_autofree char *script =
        g_strconcat("expect POST " PROVIDER "/register?api-version=2022-09-01 times 1\n",
                    registrations[_i].script, NULL);

    open_world(&world, script, NULL);
    roll_arm_provider_register(world.arm, group.subscription, "Microsoft.Web",
                               registrations[_i].within_ms, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, registrations[_i].outcome);
    ck_assert_pstr_eq(seen.code, registrations[_i].code);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_calls__versions_of_a_type)
{
    static const char text[] =
        "{\"namespace\":\"Microsoft.Web\",\"resourceTypes\":["
        "{\"resourceType\":\"sites\",\"apiVersions\":[\"2023-01-01\",\"2024-01-01-preview\","
        "\"2022-09-01\",7]},"
        "{\"resourceType\":\"sites/slots\",\"apiVersions\":[\"2021-01-01-preview\",\"2021-02-01-"
        "preview\"]},"
        "{\"resourceType\":\"empty\"}]}";
    roll_auto(json) json_t *provider = json_loads(text, 0, NULL);
    static const char *const rows[][2] = {{"Microsoft.Web/sites", "2023-01-01"},
                                          {"microsoft.web/SITES", "2023-01-01"},
                                          {"Microsoft.Web/sites/slots", "2021-02-01-preview"},
                                          {"Microsoft.Web/empty", NULL},
                                          {"Microsoft.Web/other", NULL},
                                          {"Microsoft.Website/sites", NULL},
                                          {"Microsoft.Web", NULL}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *version = roll_arm_provider_version(provider, rows[i][0]);
        ck_assert_pstr_eq(version, rows[i][1]);
    }
    ck_assert(roll_arm_provider_offers(provider, "Microsoft.Web/sites", "2022-09-01"));
    ck_assert(!roll_arm_provider_offers(provider, "Microsoft.Web/sites", "2019-08-01"));
    ck_assert(!roll_arm_provider_offers(NULL, "Microsoft.Web/sites", "2019-08-01"));
}
END_TEST

/* ---- locks and activity ---- */

START_TEST(test_azure_calls__locks_of_a_scope)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect GET " GROUP "/providers/Microsoft.Authorization/locks"
               "?api-version=2020-05-01&$filter=atScope%28%29\nreply 200\n  body "
               "{\"value\":[{\"name\":\"a\"}],\"nextLink\":\"${url}/next\"}\n"
               "expect GET /next\nreply 200\n  body {\"value\":[{\"name\":\"b\"}]}\n"
               "expect GET " GROUP "/providers/Microsoft.Authorization/locks?api-version=2020-05-01"
               "\nreply 200\n  body {\"value\":[]}\n",
               NULL);
    roll_arm_locks(world.arm, GROUP, true, on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.body, "{\"value\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
    clear(&seen);
    roll_arm_locks(world.arm, GROUP, false, on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.body, "{\"value\":[]}");
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_calls__the_activity_log_is_asked_in_its_own_words)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_activity query = {.from_ms = 1767225600000,
                                      .to_ms = 1767312000000,
                                      .resource_group = "ignored",
                                      .resource_id = GROUP "/x/it's",
                                      .select = "caller,eventTimestamp",
                                      .max = 2};
    g_autoptr(GString) filter = g_string_new(NULL);

    roll_url_encode("eventTimestamp ge '2026-01-01T00:00:00Z' and eventTimestamp le "
                    "'2026-01-02T00:00:00Z' and resourceUri eq '" GROUP "/x/it''s'",
                    filter);
    g_autofree char *script = g_strdup_printf(
        "expect GET " SUB "/providers/Microsoft.Insights/eventtypes/management/values"
        "?api-version=2015-04-01&$filter=%s&$select=caller%%2CeventTimestamp\nreply 200\n"
        "  body {\"value\":[{\"caller\":\"a\"},{\"caller\":\"b\"},{\"caller\":\"c\"}]}\n"
        "reply 400\n  body {\"code\":\"BadRequest\",\"message\":\"The start time cannot be more "
        "than 90 days in the past.\"}\n",
        filter->str);
    open_world(&world, script, NULL);
    roll_arm_activities(world.arm, group.subscription, &query, on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.body, "{\"value\":[{\"caller\":\"a\"},{\"caller\":\"b\"}]}");
    clear(&seen);
    roll_arm_activities(world.arm, group.subscription, &query, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_REFUSED);
    ck_assert_str_eq(seen.code, "BadRequest");
    clear(&seen);
    close_world(&world);
}
END_TEST

/* ---- the order of deletions ---- */

static char *order_of(const struct roll_arm_deletion *items, size_t count)
{
    g_autofree size_t *order = roll_arm_delete_order(items, count);
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < count; i++)
        g_string_append_printf(text, "%s%zu", i ? " " : "", order[i]);
    return g_string_free(text, FALSE);
}

START_TEST(test_azure_calls__what_needs_another_goes_first)
{
    const struct roll_arm_deletion chain[] = {
        {"/g/nic", (const char *const[]){"/g/NET", "/elsewhere", NULL}},
        {"/g/net/subnets/a", NULL},
        {"/g/net/", NULL},
        {"/g/vm", (const char *const[]){"/g/nic", "/g/vm", NULL}},
        {"/g/net/subnets/a/providers/X/locks/l", NULL},
    };
    const struct roll_arm_deletion circle[] = {
        {"/a", (const char *const[]){"/b", NULL}},
        {"/b", (const char *const[]){"/a", NULL}},
        {"/c", (const char *const[]){"/a", NULL}},
    };
    static const struct roll_arm_deletion twice[] = {{"/a", NULL}, {"/A", NULL}};
    g_autofree char *a = order_of(chain, G_N_ELEMENTS(chain));
    g_autofree char *b = order_of(circle, G_N_ELEMENTS(circle));
    g_autofree char *c = order_of(twice, G_N_ELEMENTS(twice));
    g_autofree char *d = order_of(NULL, 0);

    ck_assert_str_eq(a, "4 3 1 0 2");
    ck_assert_str_eq(b, "2 1 0");
    ck_assert_str_eq(c, "1 0");
    ck_assert_str_eq(d, "");
}
END_TEST

/* Random graphs without circles: nobody goes before who needs it. */
START_TEST(test_azure_calls__no_order_breaks_a_dependency)
{
    enum { COUNT = 60 };
    g_autoptr(GRand) random = g_rand_new_with_seed((guint32)_i);
    char *ids[COUNT];
    const char *needs[COUNT][4];
    struct roll_arm_deletion items[COUNT];
    size_t place[COUNT];

    for (int i = 0; i < COUNT; i++) {
        bool below = i > 0 && g_rand_boolean(random);
        const char *above = below ? ids[g_rand_int_range(random, 0, i)] : "";
        int count = i > 0 ? g_rand_int_range(random, 0, 4) : 0;
        ids[i] = g_strdup_printf("%s/x/%d", above, i);
        for (int n = 0; n < count; n++)
            needs[i][n] = ids[g_rand_int_range(random, 0, i)];
        needs[i][count] = NULL;
        items[i] = (struct roll_arm_deletion){ids[i], needs[i]};
    }
    g_autofree size_t *order = roll_arm_delete_order(items, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        place[i] = SIZE_MAX;
    for (size_t i = 0; i < COUNT; i++)
        place[order[i]] = i;
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_uint_ne(place[i], SIZE_MAX);
        for (size_t other = 0; other < COUNT; other++) {
            g_autofree char *below = g_strconcat(ids[other], "/", NULL);
            if (g_str_has_prefix(ids[i], below) || g_strv_contains(needs[i], ids[other]))
                ck_assert_uint_lt(place[i], place[other]);
        }
    }
    for (int i = 0; i < COUNT; i++)
        g_free(ids[i]);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("azure_calls");
    TCase *calls = tcase_create("calls");

    tcase_set_timeout(calls, 20);
    tcase_add_test(calls, test_azure_calls__head_tells_there_or_not);
    tcase_add_test(calls, test_azure_calls__a_404_without_words_is_no_answer);
    tcase_add_test(calls, test_azure_calls__a_template_is_exported);
    tcase_add_loop_test(calls, test_azure_calls__deletions_are_followed_and_never_repeated, 0,
                        G_N_ELEMENTS(deletions));
    tcase_add_test(calls, test_azure_calls__lists_take_a_state_and_a_number);
    tcase_add_test(calls, test_azure_calls__no_token_goes_along_a_redirect);
    tcase_add_test(calls, test_azure_calls__other_hosts_and_endless_replies);
    tcase_add_loop_test(calls, test_azure_calls__a_provider_is_registered_within_a_time, 0,
                        G_N_ELEMENTS(registrations));
    tcase_add_test(calls, test_azure_calls__versions_of_a_type);
    tcase_add_test(calls, test_azure_calls__locks_of_a_scope);
    tcase_add_test(calls, test_azure_calls__the_activity_log_is_asked_in_its_own_words);
    tcase_add_test(calls, test_azure_calls__what_needs_another_goes_first);
    tcase_add_loop_test(calls, test_azure_calls__no_order_breaks_a_dependency, 0, 50);
    suite_add_tcase(all, calls);
    return all;
}

int main(void)
{
    return run_suite(suite());
}
