/* Faults on purpose, as a client meets them, and token buckets. */
#include "sandbox/faults.h"
#include "sandbox_tools.h"
#include "suite_tools.h"

#define GROUP SUB "/resourcegroups/shop"
#define DEPLOYMENT GROUP "/providers/Microsoft.Resources/deployments/"
#define EMPTY                                                                                      \
    "{\"properties\":{\"mode\":\"Incremental\",\"template\":{\"$schema\":\"https://"               \
    "schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\","                   \
    "\"contentVersion\":\"1.0.0.0\",\"resources\":[]}}}"

static struct peer peer;

static void teardown(void)
{
    if (peer.pid > 0)
        ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
    peer_clear(&peer);
}

static void start(const char *const *faults)
{
    struct roll_sandbox_options options = {.faults = faults};
    peer_start(&peer, &options);
    peer.fresh = true;
}

static void make_group(void)
{
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
}

static void expect_broken(const char *method, const char *path, const char *body)
{
    struct answer answer = call(&peer, method, path, body);
    ck_assert_int_ne(answer.curl, CURLE_OK);
    answer_clear(&answer);
}

static char *header_value(const char *method, const char *path, const char *name)
{
    struct answer answer = call(&peer, method, path, NULL);
    char *value = header_of(&answer, name);
    answer_clear(&answer);
    return value;
}

/* ---- requests ---- */

START_TEST(test_sandbox_faults__a_lost_request_does_nothing)
{
    static const char *const faults[] = {"lost=PUT:deployments/d1:1", NULL};
    start(faults);
    make_group();
    expect_broken("PUT", DEPLOYMENT "d1" API, EMPTY);
    expect_only(&peer, 404, "GET", DEPLOYMENT "d1" API, NULL);
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API, EMPTY);
}
END_TEST

START_TEST(test_sandbox_faults__half_of_an_answer)
{
    static const char *const faults[] = {"truncate=PUT:deployments/d1:1", NULL};
    start(faults);
    make_group();
    struct answer answer = call(&peer, "PUT", DEPLOYMENT "d1" API, EMPTY);
    ck_assert_int_eq(answer.curl, CURLE_PARTIAL_FILE);
    ck_assert_int_eq(answer.status, 201);
    ck_assert_ptr_null(answer.json);
    g_autofree char *length = header_of(&answer, "Content-Length");
    ck_assert_uint_eq(strtoul(length, NULL, 10) / 2, answer.text->len);
    answer_clear(&answer);
    expect_only(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
}
END_TEST

START_TEST(test_sandbox_faults__a_request_is_done_twice)
{
    static const char *const faults[] = {"twice=PUT:deployments/d1:1",
                                         "twice=DELETE:deployments/d1", NULL};
    start(faults);
    make_group();
    /* A new name would be 201: the first one was. */
    expect_only(&peer, 200, "PUT", DEPLOYMENT "d1" API, EMPTY);
    expect_only(&peer, 204, "DELETE", DEPLOYMENT "d1" API, NULL);
    expect_only(&peer, 204, "DELETE", DEPLOYMENT "d1" API, NULL);
}
END_TEST

START_TEST(test_sandbox_faults__a_wrong_retry_after)
{
    static const char *const faults[] = {
        "retry-after=-5:GET:/one", "retry-after=soon:GET:/two",    "retry-after=future:GET:/three",
        "status=503:GET:/four",    "retry-after=100000:GET:/four", NULL};
    start(faults);
    g_autofree char *one = header_value("GET", GROUP "/one" API, "Retry-After");
    g_autofree char *two = header_value("GET", GROUP "/two" API, "Retry-After");
    g_autofree char *three = header_value("GET", GROUP "/three" API, "Retry-After");
    g_autofree char *four = header_value("GET", GROUP "/four" API, "Retry-After");
    ck_assert_str_eq(one, "-5");
    ck_assert_str_eq(two, "soon");
    ck_assert(g_str_has_suffix(three, " GMT"));
    ck_assert_int_gt(curl_getdate(three, NULL), time(NULL) + 80000);
    ck_assert_str_eq(four, "100000");
}
END_TEST

/* ---- chance ---- */

static struct sandbox_faults *read_faults(const char *first, const char *second)
{
    const char *specs[] = {first, second, NULL};
    struct sandbox_faults *faults = NULL;
    OK(sandbox_faults_new(specs, &faults));
    return faults;
}

/* A letter a request: what struck. */
static char *history(const char *seed)
{
    struct sandbox_faults *faults = read_faults("status=500:GET:/a:30%", seed);
    GString *text = g_string_new(NULL);
    for (int i = 0; i < 1000; i++)
        g_string_append_c(text,
                          sandbox_faults_request(faults, "GET", "/A").status == 500 ? 'x' : '.');
    sandbox_faults_free(faults);
    return g_string_free(text, FALSE);
}

START_TEST(test_sandbox_faults__chance_follows_from_the_seed)
{
    g_autofree char *one = history("seed=1");
    g_autofree char *again = history("seed=1");
    g_autofree char *two = history("seed=2");
    int hits = 0;
    for (const char *c = one; *c; c++)
        hits += *c == 'x';
    ck_assert_str_eq(one, again);
    ck_assert_str_ne(one, two);
    ck_assert_int_gt(hits, 240);
    ck_assert_int_lt(hits, 360);
}
END_TEST

START_TEST(test_sandbox_faults__counts_only_what_it_is_about)
{
    struct sandbox_faults *faults = read_faults("drop=PUT:/a:1", "delay=7:*:/b");
    ck_assert(!sandbox_faults_request(faults, "GET", "/a").drop);
    ck_assert(!sandbox_faults_request(faults, "PUT", "/c").drop);
    ck_assert(sandbox_faults_request(faults, "PUT", "/x/A/y").drop);
    ck_assert(!sandbox_faults_request(faults, "PUT", "/a").drop);
    ck_assert_int_eq(sandbox_faults_request(faults, "DELETE", "/b").delay_ms, 7);
    sandbox_faults_free(faults);
}
END_TEST

START_TEST(test_sandbox_faults__refuses_what_it_does_not_understand)
{
    static const char *const bad[] = {
        "lost=GET",     "truncate=",          "twice=GET:",        "seed=",
        "seed=x",       "retry-after=GET:/a", "drop=GET:/:0%",     "drop=GET:/:101%",
        "drop=GET:/:%", "404-poll=5:6",       "status=1000:GET:/", "retry-after=:GET:/a"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        const char *specs[] = {bad[i], NULL};
        struct sandbox_faults *faults = NULL;
        FAILS(ROLL_E_USAGE, sandbox_faults_new(specs, &faults));
        ck_assert_ptr_null(faults);
    }
}
END_TEST

/* ---- token buckets ---- */

START_TEST(test_sandbox_faults__counts_nothing_unless_asked_to)
{
    struct roll_sandbox_options options = {0};
    peer_start(&peer, &options);
    g_autofree char *left =
        header_value("GET", GROUP API, "x-ms-ratelimit-remaining-subscription-reads");
    ck_assert_ptr_null(left);
    for (int i = 0; i < 400; i++)
        expect_only(&peer, 404, "GET", GROUP API, NULL);
}
END_TEST

START_TEST(test_sandbox_faults__refuses_who_asks_too_often)
{
    struct roll_sandbox_options options = {.buckets = true};
    peer_start(&peer, &options);
    struct answer answer = {0};
    int asked = 0;
    do {
        answer_clear(&answer);
        answer = call(&peer, "GET", GROUP API, NULL);
    } while (answer.status == 404 && asked++ < 5000);
    ck_assert_int_eq(answer.status, 429);
    ck_assert_int_ge(asked, 250);
    ck_assert_str_eq(text_of(answer.json, "error.code"), "SubscriptionRequestsThrottled");
    g_autofree char *wait = header_of(&answer, "Retry-After");
    g_autofree char *left = header_of(&answer, "x-ms-ratelimit-remaining-subscription-reads");
    ck_assert_str_eq(wait, "1");
    ck_assert_str_eq(left, "0");
    answer_clear(&answer);
    /* Writes have a bucket of their own, and so has another subscription. */
    make_group();
    expect_only(&peer, 404, "GET",
                "/subscriptions/99999999-1111-1111-1111-111111111111/resourcegroups/shop" API,
                NULL);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("sandbox faults");
    TCase *tcase = tcase_create("faults");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, test_sandbox_faults__a_lost_request_does_nothing);
    tcase_add_test(tcase, test_sandbox_faults__half_of_an_answer);
    tcase_add_test(tcase, test_sandbox_faults__a_request_is_done_twice);
    tcase_add_test(tcase, test_sandbox_faults__a_wrong_retry_after);
    tcase_add_test(tcase, test_sandbox_faults__chance_follows_from_the_seed);
    tcase_add_test(tcase, test_sandbox_faults__counts_only_what_it_is_about);
    tcase_add_test(tcase, test_sandbox_faults__refuses_what_it_does_not_understand);
    tcase_add_test(tcase, test_sandbox_faults__counts_nothing_unless_asked_to);
    tcase_add_test(tcase, test_sandbox_faults__refuses_who_asks_too_often);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
