/* Readiness decided: what an answer means for each kind of finding, what stays dead, what a
 * release's findings add up to, what an earlier drill left. No network: answers are made here. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rollbook/time.h"
#include "suite_tools.h"
#include "watch/ready.h"

#define NOW (INT64_C(1772355600) * 1000)
#define DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000001"
#define OTHER "sha256:0000000000000000000000000000000000000000000000000000000000000002"

/* ---- answers -------------------------------------------------------------------------------- */

static const struct roll_arm_reply gone = {.outcome = ROLL_ARM_NOT_FOUND, .status = 404};
static const struct roll_arm_reply silent = {.outcome = ROLL_ARM_LOST, .message = "no answer"};
static const struct roll_arm_reply forbidden = {
    .outcome = ROLL_ARM_REFUSED, .status = 403, .code = "AuthorizationFailed"};

static void answer(struct ready_item *item, const char *text)
{
    json_t *body = json_loads(text, 0, NULL);
    const struct roll_arm_reply reply = {.outcome = ROLL_ARM_OK, .status = 200, .body = body};

    ck_assert_msg(body != NULL, "no JSON: %s", text);
    ready_judge_item(item, &reply, NOW);
    json_decref(body);
}

static void is(const struct ready_item *item, enum ready_state state, const char *why)
{
    ck_assert_msg(item->state == state, "%s: %s, not %s (%s)", item->key, ready_words[item->state],
                  ready_words[state], item->why ? item->why : "-");
    if (why)
        ck_assert_msg(item->why && strstr(item->why, why), "'%s' is not in '%s'", why,
                      item->why ? item->why : "-");
    else
        ck_assert_ptr_null(item->why);
}

/* Each case with a fresh item: what was dead before has a say in the next answer. */
static void judged(const struct ready_kind *kind, const char *a, const char *b, const char *c,
                   const char *body, const struct roll_arm_reply *reply, enum ready_state state,
                   const char *why)
{
    struct ready_item *item = ready_item_new(kind, a, b, c, NULL);

    if (body)
        answer(item, body);
    else
        ready_judge_item(item, reply, NOW);
    is(item, state, why);
    ready_item_free(item);
}

static void at_clock(void)
{
    g_setenv("ROLL_TEST_NOW", "2026-03-01T09:00:00Z", TRUE);
}

/* ---- kinds ---------------------------------------------------------------------------------- */

START_TEST(test_ready__an_image_is_there_by_its_digest)
{
    const char *name = "r.azurecr.io/web@" DIGEST;

    judged(&ready_image, name, NULL, NULL, "{\"digest\":\"" DIGEST "\"}", NULL, READY_OK, NULL);
    judged(&ready_image, name, NULL, NULL, "{\"digest\":\"" OTHER "\"}", NULL, READY_DEAD,
           "another");
    judged(&ready_image, name, NULL, NULL, NULL, &gone, READY_DEAD, "not in the registry");
    judged(&ready_image, name, NULL, NULL, NULL, &silent, READY_DEGRADED, "could not be asked");
    judged(&ready_image, name, NULL, NULL, NULL, &forbidden, READY_DEGRADED, "could not be asked");
}
END_TEST

START_TEST(test_ready__a_tag_that_moved_is_a_warning)
{
    judged(&ready_tag, "r/web", "v1", DIGEST, "{\"digest\":\"" DIGEST "\"}", NULL, READY_OK, NULL);
    judged(&ready_tag, "r/web", "v1", DIGEST, "{\"digest\":\"" OTHER "\"}", NULL, READY_DEGRADED,
           "points to another");
    judged(&ready_tag, "r/web", "v1", DIGEST, NULL, &gone, READY_DEGRADED, "the tag is gone");
    judged(&ready_tag, "r/web", "v1", DIGEST, NULL, &silent, READY_OK, NULL);
}
END_TEST

START_TEST(test_ready__an_address_keeps_its_version_and_content)
{
    const char *url = "https://a.blob.core.windows.net/c/b.zip?versionid=V1";
    struct ready_item *item = ready_item_new(&ready_address, url, NULL, NULL, NULL);

    judged(&ready_address, url, NULL, NULL, "{\"versionId\":\"V2\"}", NULL, READY_DEAD,
           "version V2");
    judged(&ready_address, url, NULL, NULL, NULL, &gone, READY_DEAD, "nothing at this address");
    judged(&ready_address, url, NULL, NULL, NULL, &silent, READY_DEGRADED, "could not");
    answer(item, "{\"versionId\":\"V1\",\"md5\":\"a\",\"length\":\"7\",\"etag\":\"1\"}");
    is(item, READY_OK, NULL);
    answer(item, "{\"versionId\":\"V1\",\"md5\":\"a\",\"length\":\"7\",\"etag\":\"2\"}");
    is(item, READY_OK, NULL); /* metadata change an ETag, too */
    answer(item, "{\"versionId\":\"V1\",\"md5\":\"b\",\"length\":\"7\"}");
    is(item, READY_DEAD, "another one than at the first look, 2026-03-01T09:00:00");
    answer(item, "{\"versionId\":\"V1\",\"md5\":\"a\",\"length\":\"7\"}");
    is(item, READY_OK, NULL);
    ready_item_free(item);
}
END_TEST

#define GALLERY(state, more)                                                                       \
    "{\"properties\":{\"provisioningState\":\"" state                                              \
    "\",\"publishingProfile\":{\"targetRegions\":[{\"name\":\"West Europe\"}]" more "}}}"

START_TEST(test_ready__a_gallery_version_is_whole_replicated_and_alive)
{
    at_clock();
    judged(&ready_gallery, "/g", "westeurope", NULL, GALLERY("Succeeded", ""), NULL, READY_OK,
           NULL);
    judged(&ready_gallery, "/g", "", NULL, GALLERY("Updating", ""), NULL, READY_OK, NULL);
    judged(&ready_gallery, "/g", "northeurope", NULL, GALLERY("Succeeded", ""), NULL, READY_DEAD,
           "not replicated to northeurope");
    judged(&ready_gallery, "/g", "westeurope", NULL, GALLERY("Failed", ""), NULL, READY_DEAD,
           "is Failed");
    judged(&ready_gallery, "/g", "westeurope", NULL,
           GALLERY("Succeeded", ",\"endOfLifeDate\":\"2026-02-28T00:00:00Z\""), NULL,
           READY_DEGRADED, "life ended");
    judged(&ready_gallery, "/g", "westeurope", NULL,
           GALLERY("Succeeded", ",\"endOfLifeDate\":\"2026-04-01T00:00:00Z\""), NULL, READY_OK,
           NULL);
    judged(&ready_gallery, "/g", "westeurope", NULL, NULL, &gone, READY_DEAD, "not in the gallery");
}
END_TEST

#define VERSIONS(attributes) "{\"current\":\"1\",\"versions\":[{\"version\":\"1\"," attributes "}]}"

START_TEST(test_ready__a_secret_is_enabled_and_in_its_time)
{
    at_clock();
    judged(&ready_secret, "kv", "s", "1", VERSIONS("\"enabled\":true"), NULL, READY_OK, NULL);
    judged(&ready_secret, "kv", "s", "", VERSIONS("\"enabled\":true"), NULL, READY_OK, NULL);
    judged(&ready_secret, "kv", "s", "1", VERSIONS("\"enabled\":false"), NULL, READY_DEAD,
           "disabled");
    judged(&ready_secret, "kv", "s", "2", VERSIONS("\"enabled\":true"), NULL, READY_DEAD,
           "this version");
    judged(&ready_secret, "kv", "s", "", "{\"versions\":[]}", NULL, READY_DEAD, "the secret any");
    judged(&ready_secret, "kv", "s", "1", VERSIONS("\"enabled\":true,\"expires\":1772355599"), NULL,
           READY_DEGRADED, "expired");
    judged(&ready_secret, "kv", "s", "1", VERSIONS("\"enabled\":true,\"notBefore\":1772355601"),
           NULL, READY_DEGRADED, "from");
    judged(&ready_secret, "kv", "s", "1", NULL, &forbidden, READY_DEGRADED, "could not");
    struct ready_item *item = ready_item_new(&ready_secret, "kv", "s", "1", NULL);
    answer(item, VERSIONS("\"enabled\":true,\"expires\":1772355601"));
    is(item, READY_OK, NULL);
    ck_assert_int_eq(item->until, INT64_C(1772355601000));
    ready_item_free(item);
}
END_TEST

START_TEST(test_ready__rights_are_those_of_the_scope_or_the_vault)
{
    const char *group = "/subscriptions/s/resourceGroups/g";
    const char *vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv";
    const char *deploy = "Microsoft.KeyVault/vaults/deploy/action";

    judged(&ready_role, group, "A/b/write,A/c/write", NULL,
           "{\"value\":[{\"actions\":[\"*\"],\"notActions\":[\"A/c/*\"]}]}", NULL, READY_DEAD,
           "may not do A/c/write");
    judged(&ready_role, group, "A/b/write", NULL, NULL, &gone, READY_DEAD, "group is gone");
    judged(&ready_role, group, "A/b/write", NULL, NULL, &forbidden, READY_DEAD, "may not");
    judged(&ready_role, vault, deploy, NULL, "{\"value\":[{\"actions\":[\"*/read\"]}]}", NULL,
           READY_DEAD, "vaults/deploy/action");
    judged(&ready_role, vault, deploy, NULL, NULL, &gone, READY_DEAD, "vault is gone");
    judged(&ready_role, vault, deploy, NULL, NULL, &forbidden, READY_DEGRADED, "could not");
}
END_TEST

#define LOCK(level, id)                                                                            \
    "{\"value\":[{\"id\":\"" id "/providers/Microsoft.Authorization/locks/"                        \
    "l\",\"name\":\"l\",\"properties\":{\"level\":\"" level "\"}}]}"

START_TEST(test_ready__a_read_only_lock_stops_its_scope)
{
    judged(&ready_lock, "/g", NULL, NULL, LOCK("CanNotDelete", "/g"), NULL, READY_OK, NULL);
    judged(&ready_lock, "/g", NULL, NULL, LOCK("ReadOnly", "/g"), NULL, READY_DEAD, "every");
    judged(&ready_lock_below, "/g", NULL, NULL, LOCK("ReadOnly", "/g"), NULL, READY_OK, NULL);
    judged(&ready_lock_below, "/g", NULL, NULL, LOCK("ReadOnly", "/g/providers/A/b/c"), NULL,
           READY_DEGRADED, "on /g/providers/A/b/c");
    judged(&ready_lock, "/g", NULL, NULL, NULL, &silent, READY_DEGRADED, "could not");
}
END_TEST

START_TEST(test_ready__a_drill_tells_a_no_from_silence)
{
    static const struct roll_arm_reply no = {
        .outcome = ROLL_ARM_REFUSED, .code = "InvalidTemplate", .message = "line 1"};

    judged(&ready_validate, "1.0", "weu", "c", NULL, &no, READY_DEAD,
           "fails: InvalidTemplate: line 1");
    judged(&ready_validate, "1.0", "weu", "c", NULL, &silent, READY_DEGRADED, "could not be had");
    struct ready_item *item = ready_item_new(&ready_forecast, "1.0", "weu", "c", NULL);
    answer(item, "{\"changes\":[{\"changeType\":\"Modify\"},{\"changeType\":\"NoChange\"},"
                 "{\"changeType\":\"Delete\"}]}");
    ck_assert_int_eq(json_integer_value(json_object_get(item->facts, "changes")), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(item->facts, "deletes")), 1);
    ready_judge_item(item, &no, NOW);
    ck_assert_ptr_null(item->facts);
    ready_item_free(item);
}
END_TEST

/* ---- dead stays dead ------------------------------------------------------------------------ */

START_TEST(test_ready__what_was_dead_stays_dead_until_somebody_says_otherwise)
{
    struct ready_item *item = ready_item_new(&ready_image, "r/web@" DIGEST, NULL, NULL, NULL);

    ready_judge_item(item, &gone, NOW);
    for (int i = 0; i < 3; i++)
        ready_judge_item(item, &silent, NOW);
    is(item, READY_DEAD,
       "not in the registry any more (asked again: could not be asked: no answer)");
    ck_assert_msg(strlen(item->why) < 120, "it grows: %s", item->why);
    ck_assert_ptr_nonnull(item->next);
    ck_assert_ptr_nonnull(strstr(item->next, "push it again"));
    answer(item, "{\"digest\":\"" DIGEST "\"}");
    is(item, READY_OK, NULL);
    ready_judge_item(item, &silent, NOW);
    is(item, READY_DEGRADED, "could not");
    ready_item_free(item);
}
END_TEST

/* An answer that is definite counts, also where it is only a warning. */
START_TEST(test_ready__dead_may_become_degraded_by_a_word)
{
    struct ready_item *item = ready_item_new(&ready_secret, "kv", "s", "1", NULL);

    at_clock();
    answer(item, VERSIONS("\"enabled\":false"));
    is(item, READY_DEAD, NULL ? "" : "disabled");
    answer(item, VERSIONS("\"enabled\":true,\"expires\":1"));
    is(item, READY_DEGRADED, "expired");
    ready_item_free(item);
}
END_TEST

/* ---- a release ------------------------------------------------------------------------------ */

struct bench {
    struct roll_plan plan;
    struct roll_plan_environment environment;
    struct roll_ready_options options;
    struct ready_check *check;
    struct ready_release *release;
};

static void bench_open(struct bench *bench)
{
    static char service[] = "app", environment[] = "prod";

    memset(bench, 0, sizeof(*bench));
    bench->plan.service = service;
    bench->environment.name = environment;
    bench->options.plan = &bench->plan;
    bench->options.environment = &bench->environment;
    bench->check = ready_check_new(&bench->options);
    bench->check->now_ms = NOW;
    bench->release = ready_release_new("1.0");
    g_ptr_array_add(bench->release->targets, g_strdup("weu"));
    g_ptr_array_add(bench->release->targets, g_strdup("neu"));
    g_ptr_array_add(bench->check->releases, bench->release);
}

static const char *target_of(const struct bench *bench, guint index)
{
    return g_ptr_array_index(bench->release->targets, index);
}

static void counts_are(const struct bench *bench, int ready, int degraded, int dead)
{
    json_t *counts = ready_counts(bench->release);

    ck_assert_int_eq(json_integer_value(json_object_get(counts, "ready")), ready);
    ck_assert_int_eq(json_integer_value(json_object_get(counts, "degraded")), degraded);
    ck_assert_int_eq(json_integer_value(json_object_get(counts, "dead")), dead);
    json_decref(counts);
}

START_TEST(test_ready__a_release_is_as_ready_as_its_worst_need)
{
    struct bench bench;

    bench_open(&bench);
    struct ready_item *role =
        ready_check_item(bench.check, &ready_role, "/g", "A/b/write", NULL, NULL);
    struct ready_item *image =
        ready_check_item(bench.check, &ready_image, "r/web@" DIGEST, NULL, NULL, NULL);
    ready_release_use(bench.release, role, target_of(&bench, 0));
    ready_release_use(bench.release, image, NULL);
    ready_judge(bench.check, bench.release);
    ck_assert_int_eq(bench.release->state, READY_OK);
    counts_are(&bench, 2, 0, 0);
    ready_judge_item(role, &gone, NOW);
    g_hash_table_unref(bench.release->worst);
    ready_judge(bench.check, bench.release);
    ck_assert_int_eq(bench.release->state, READY_DEAD);
    counts_are(&bench, 1, 0, 1);
    ready_judge_item(image, &silent, NOW);
    g_hash_table_unref(bench.release->worst);
    ready_judge(bench.check, bench.release);
    counts_are(&bench, 0, 1, 1);
    ready_check_free(bench.check);
}
END_TEST

START_TEST(test_ready__since_is_when_the_word_changed)
{
    struct bench bench;

    bench_open(&bench);
    bench.release->was = g_strdup("ready");
    bench.release->since = NOW - 5000;
    ready_judge(bench.check, bench.release);
    ck_assert_int_eq(bench.release->since, NOW - 5000);
    g_hash_table_unref(bench.release->worst);
    g_free(bench.release->was);
    bench.release->was = g_strdup("dead");
    ready_judge(bench.check, bench.release);
    ck_assert_int_eq(bench.release->since, NOW);
    ready_check_free(bench.check);
}
END_TEST

START_TEST(test_ready__equal_reasons_are_told_once)
{
    struct bench bench;

    bench_open(&bench);
    for (guint i = 0; i < 2; i++) {
        struct ready_item *item =
            ready_check_item(bench.check, &ready_gallery, "/g", i ? "a" : "b", NULL, NULL);
        ready_judge_item(item, &gone, NOW);
        ready_release_use(bench.release, item, target_of(&bench, i));
    }
    ready_judge(bench.check, bench.release);
    json_t *reasons = ready_reasons(bench.check, bench.release);
    ck_assert_int_eq(json_array_size(reasons), 1);
    ck_assert_int_eq(json_array_size(json_object_get(json_array_get(reasons, 0), "targets")), 2);
    ck_assert_ptr_null(json_object_get(json_array_get(reasons, 0), "key"));
    json_decref(reasons);
    ready_check_free(bench.check);
}
END_TEST

/* ---- what an earlier drill left ------------------------------------------------------------- */

static void carry(struct bench *bench, const char *kind, const char *target, const char *state,
                  int64_t age_ms)
{
    g_autofree char *content = g_strnfill(64, 'a');
    json_t *entry = json_pack("{s:o,s:s,s:s,s:I,s:[s]}", "key",
                              json_sprintf("%s 1.0 %s %s", kind, target, content), "kind", kind,
                              "state", state, "at", (json_int_t)(NOW - age_ms), "targets", target);

    ready_carry_drill(bench->check, bench->release, entry);
    json_decref(entry);
}

START_TEST(test_ready__a_drill_is_carried_on)
{
    struct bench bench;
    const int64_t day = INT64_C(24) * 3600 * 1000;

    bench_open(&bench);
    carry(&bench, "role", "weu", "dead", 0);       /* is no drill's */
    carry(&bench, "validate", "gone", "dead", 0);  /* a target that is no more */
    carry(&bench, "what-if", "weu", "ready", day); /* too old for a good word */
    ck_assert_int_eq(bench.release->uses->len, 0);
    carry(&bench, "validate", "weu", "dead", 30 * day);
    carry(&bench, "what-if", "neu", "ready", day - 1);
    ck_assert_int_eq(bench.release->uses->len, 2);
    const struct ready_use *use = &g_array_index(bench.release->uses, struct ready_use, 0);
    ck_assert(use->item->carried);
    ck_assert_str_eq(use->target, "weu");
    carry(&bench, "validate", "weu", "dead", 30 * day);
    ck_assert_int_eq(bench.release->uses->len, 2);
    ready_check_free(bench.check);
}
END_TEST

/* Only what is not known is asked: a good word that is young enough, and what only a drill asks,
 * are. */
START_TEST(test_ready__known_is_what_was_well_lately)
{
    struct ready_item *item = ready_item_new(&ready_secret, "kv", "s", "1", NULL);
    const int64_t hour = INT64_C(3600) * 1000;

    ck_assert(!ready_is_known(item, NOW));
    item->at = NOW;
    ck_assert(ready_is_known(item, NOW + 6 * hour - 1));
    ck_assert(!ready_is_known(item, NOW + 6 * hour));
    ck_assert(!ready_is_known(item, NOW - 1)); /* a clock that was set back */
    item->until = NOW + hour;
    ck_assert(!ready_is_known(item, NOW + hour));
    item->until = 0;
    item->state = READY_DEGRADED;
    ck_assert(!ready_is_known(item, NOW));
    item->carried = true;
    ck_assert(ready_is_known(item, NOW + 900 * hour));
    ready_item_free(item);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_ready__an_image_is_there_by_its_digest,
        test_ready__a_tag_that_moved_is_a_warning,
        test_ready__an_address_keeps_its_version_and_content,
        test_ready__a_gallery_version_is_whole_replicated_and_alive,
        test_ready__a_secret_is_enabled_and_in_its_time,
        test_ready__rights_are_those_of_the_scope_or_the_vault,
        test_ready__a_read_only_lock_stops_its_scope,
        test_ready__a_drill_tells_a_no_from_silence,
        test_ready__what_was_dead_stays_dead_until_somebody_says_otherwise,
        test_ready__dead_may_become_degraded_by_a_word,
        test_ready__a_release_is_as_ready_as_its_worst_need,
        test_ready__since_is_when_the_word_changed,
        test_ready__equal_reasons_are_told_once,
        test_ready__a_drill_is_carried_on,
        test_ready__known_is_what_was_well_lately,
    };
    Suite *suite = suite_create("readiness");
    TCase *tcase = tcase_create("decisions");

    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
