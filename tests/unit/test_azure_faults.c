/* 2,000 random scripts of faults, each from its seed: whatever comes back, every call gives exactly
 * one reply, a PUT leaves once, nothing counts as accepted that was not, and nothing definite is
 * made of what is not known. */
#include "azure_tools.h"

#include "rollbook/time.h"
#include "suite_tools.h"

#define SEEDS_AT_ONCE 100
#define BATCHES 20
#define SUBSCRIPTION "11111111-1111-1111-1111-111111111111"

static const int statuses[] = {200, 201, 202, 204, 300, 307, 400, 401, 403, 404, 405, 408, 409,
                               412, 413, 418, 429, 500, 501, 502, 503, 504, 505, 520, 599};

static const struct {
    const char *text;
    bool is_record; /* a deployment with its state */
} bodies[] = {
    {"{\"properties\":{\"provisioningState\":\"Accepted\",\"correlationId\":\"c\"}}", true},
    {"{\"properties\":{\"provisioningState\":\"SomethingNew\",\"timestamp\":\"never\"}}", true},
    {"{\"properties\":{\"provisioningState\":null}}", false},
    {"{\"properties\":[]}", false},
    {"{\"error\":{\"code\":\"DeploymentActive\",\"message\":\"m\"}}", false},
    {"{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"m\",\"details\":null}}", false},
    {"{\"error\":{\"code\":\"DeploymentFailed\",\"details\":[{\"message\":\"{\\\"error\\\":"
     "{\\\"code\\\":\\\"SkuNotAvailable\\\"}}\"}]}}",
     false},
    {"{\"error\":\"invalid\",\"error_description\":\"d\"}", false},
    {"{\"code\":\"BadRequest\",\"message\":\"bare\"}", false},
    {"{\"Code\":\"X\",\"Details\":[{\"Message\":\"w\"}],\"Innererror\":7}", false},
    {"{\"error\":{\"code\":[],\"message\":{}}}", false},
    {"<html><title>504</title></html>", false},
    {"[1,2,3]", false},
    {"\"text\"", false},
    {"null", false},
    {"{\"properties\":{\"provisioningState\":\"Succe", false},
    {"", false},
};

static const char *const headers[] = {"",
                                      "  header Retry-After: 0\n",
                                      "  header Retry-After: -7\n",
                                      "  header Retry-After: soon\n",
                                      "  header Retry-After: 99999999999999999999\n",
                                      "  header Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\n",
                                      "  header retry-after-ms: 1\n",
                                      "  header Azure-AsyncOperation: https://evil.example/op\n",
                                      "  header Azure-AsyncOperation: ${url}/op\n",
                                      "  header Azure-AsyncOperation: not an address\n",
                                      "  header Location: ${url}/elsewhere\n",
                                      "  header Content-Encoding: gzip\n",
                                      "  header Date: yesterday\n",
                                      "  header x-ms-failure-cause: gateway\n"};

static const char *const faults[] = {"  fault drop\n", "  fault reset\n", "  fault truncate 0\n",
                                     "  fault truncate 9\n"};

/* What the PUT of one seed gets. */
struct plan {
    int status;
    size_t body, header;
    const char *fault;
};

static struct plan plan_of(GRand *random)
{
    return (struct plan){
        .status = statuses[g_rand_int_range(random, 0, G_N_ELEMENTS(statuses))],
        .body = (size_t)g_rand_int_range(random, 0, G_N_ELEMENTS(bodies)),
        .header = (size_t)g_rand_int_range(random, 0, G_N_ELEMENTS(headers)),
        .fault = g_rand_int_range(random, 0, 5) == 0
                     ? faults[g_rand_int_range(random, 0, G_N_ELEMENTS(faults))]
                     : "",
    };
}

static void add_reply(GString *script, const struct plan *plan)
{
    g_string_append_printf(script, "reply %d\n%s", plan->status, headers[plan->header]);
    if (*bodies[plan->body].text && plan->status != 204)
        g_string_append_printf(script, "  body %s\n", bodies[plan->body].text);
    g_string_append(script, plan->fault);
}

#define PATH(seed)                                                                                 \
    "/subscriptions/" SUBSCRIPTION "/resourceGroups/g%d/providers/Microsoft.Resources/"            \
    "deployments/d1",                                                                              \
        seed

/* The PUT once; reads meet up to two faults, and then what is there. */
static void add_expectations(GString *script, int seed, GRand *random, const struct plan *plan)
{
    static const int transient[] = {408, 500, 502, 503, 504};
    int troubles = g_rand_int_range(random, 0, 3);

    g_string_append(script, "expect PUT ");
    g_string_append_printf(script, PATH(seed));
    g_string_append(script, " times 1\n");
    add_reply(script, plan);
    g_string_append(script, "expect GET ");
    g_string_append_printf(script, PATH(seed));
    g_string_append_c(script, '\n');
    for (int i = 0; i < troubles; i++) {
        if (g_rand_boolean(random))
            g_string_append_printf(script, "reply %d\n  header retry-after-ms: 1\n",
                                   transient[g_rand_int_range(random, 0, 5)]);
        else
            g_string_append_printf(script, "reply 200\n  body {}\n%s",
                                   faults[g_rand_int_range(random, 0, 3)]);
    }
    g_string_append(script, "reply 200\n  body {\"properties\":{\"provisioningState\":"
                            "\"Succeeded\"}}\n");
}

/* ---- what must hold ---- */

static bool is_definite(int status)
{
    return status == 501 || status == 505 || (status >= 300 && status < 500 && status != 408);
}

static void check_put(int seed, const struct plan *plan, const struct seen *seen)
{
    bool cut = *plan->fault != '\0';
    bool good = plan->status < 300 && plan->status != 204 && bodies[plan->body].is_record;
    bool zipped = strstr(headers[plan->header], "gzip") != NULL; /* which the body is not */
    g_autofree char *what =
        g_strdup_printf("seed %d: %d '%s' '%s' '%s' gave %d", seed, plan->status,
                        headers[plan->header], bodies[plan->body].text, plan->fault, seen->outcome);

    if (seen->outcome == ROLL_ARM_OK)
        ck_assert_msg(good && !zipped, "%s", what);
    if (good && !cut && !zipped)
        ck_assert_msg(seen->outcome == ROLL_ARM_OK, "%s", what);
    if (seen->outcome != ROLL_ARM_OK && seen->outcome != ROLL_ARM_LOST)
        ck_assert_msg(is_definite(plan->status), "%s", what);
    if (seen->outcome != ROLL_ARM_OK)
        ck_assert_msg(seen->code || seen->message, "%s", what);
    ck_assert_msg(!seen->poll_url || !strstr(seen->poll_url, "evil"), "%s", what);
    ck_assert_msg(seen->retry_after_ms >= -1 && seen->retry_after_ms <= 3600000, "%s", what);
    if (seen->error_json) {
        roll_auto(json) json_t *error = json_loads(seen->error_json, JSON_DECODE_ANY, NULL);
        ck_assert_msg(error, "%s: %s", what, seen->error_json);
    }
}

START_TEST(test_azure_faults__nothing_untrue_is_made_of_them)
{
    struct world world;
    struct plan plans[SEEDS_AT_ONCE];
    struct seen puts[SEEDS_AT_ONCE] = {0}, gets[SEEDS_AT_ONCE] = {0};
    g_autoptr(GString) script = g_string_new(NULL);

    for (int i = 0; i < SEEDS_AT_ONCE; i++) {
        int seed = _i * SEEDS_AT_ONCE + i;
        g_autoptr(GRand) random = g_rand_new_with_seed((guint32)seed);
        plans[i] = plan_of(random);
        add_expectations(script, i, random, &plans[i]);
    }
    open_world(&world, script->str, NULL);
    for (int i = 0; i < SEEDS_AT_ONCE; i++) {
        g_autofree char *name = g_strdup_printf("g%d", i);
        struct roll_arm_scope scope = {
            .kind = ROLL_SCOPE_GROUP, .subscription = SUBSCRIPTION, .resource_group = name};
        struct roll_arm_deployment deployment = {
            .scope = scope, .name = "d1", .template_text = "{}"};
        roll_arm_put(world.arm, &deployment, on_reply, &puts[i]);
        roll_arm_get(world.arm, &scope, "d1", on_reply, &gets[i]);
    }
    ok(roll_loop_run(world.loop));
    for (int i = 0; i < SEEDS_AT_ONCE; i++) {
        int seed = _i * SEEDS_AT_ONCE + i;
        ck_assert_msg(puts[i].calls == 1 && gets[i].calls == 1, "seed %d: %d and %d replies", seed,
                      puts[i].calls, gets[i].calls);
        check_put(seed, &plans[i], &puts[i]);
        ck_assert_msg(gets[i].outcome == ROLL_ARM_OK && strcmp(gets[i].state, "Succeeded") == 0,
                      "seed %d: the read gave %d", seed, gets[i].outcome);
        clear(&puts[i]);
        clear(&gets[i]);
    }
    close_world(&world); /* complains of a second PUT */
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("azure_faults");
    TCase *scripts = tcase_create("scripts");

    tcase_set_timeout(scripts, 120);
    tcase_add_loop_test(scripts, test_azure_faults__nothing_untrue_is_made_of_them, 0, BATCHES);
    suite_add_tcase(all, scripts);
    return all;
}

int main(void)
{
    return run_suite(suite());
}
