/* What the tags of a lost ledger's deployments prove, and what follows from them. */
#include "ledger_tools.h"
#include "rollbook/json.h"
#include "watch/adopt.h"

#define HEAD_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define STREAM "shop/prod"

static const char plan_text[] =
    "{\"service\":\"shop\",\"source\":{\"template\":\"main.json\"},\"environments\":{\"prod\":{"
    "\"cloud\":\"sandbox\",\"subscription\":\"11111111-1111-1111-1111-111111111111\",\"targets\":{"
    "\"weu\":{\"resourceGroup\":\"one\"},\"neu\":{\"resourceGroup\":\"one\"},"
    "\"fixed\":{\"resourceGroup\":\"two\",\"deploymentName\":\"always\"}}}}}";

static struct place place;
static struct roll_plan *plan;
static struct roll_adopt_options options;
static GPtrArray *found;

static void found_free(void *data)
{
    struct watch_found *row = data;

    json_decref(row->details);
    g_free(row->name);
    g_free(row);
}

static void setup(void)
{
    place = place_make();
    g_autofree char *path = g_build_filename(place.root, "shop.json", NULL);

    ck_assert(g_file_set_contents(path, plan_text, -1, NULL));
    ck_ok(roll_plan_read(path, &plan));
    options = (struct roll_adopt_options){.plan = plan,
                                          .environment = roll_plan_environment_find(plan, "prod")};
    found = g_ptr_array_new_with_free_func(found_free);
}

static void teardown(void)
{
    g_ptr_array_unref(found);
    roll_plan_free(plan);
    place_remove(&place);
}

/* ---- proof ----------------------------------------------------------------------------------- */

static json_t *tags_new(const char *target, const char *seq, const char *release, const char *more)
{
    json_t *tags =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s*}", "roll-ledger",
                  "12345678-0000-0000-0000-000000000000", "roll-stream", STREAM, "roll-head",
                  HEAD_A, "roll-seq", seq, "roll-release", release, "roll-target", target);
    roll_auto(json) json_t *others = json_loads(more, 0, NULL);

    json_object_update(tags, others);
    return tags;
}

static enum watch_proof prove(const json_t *tags, const char *name, const char *correlation,
                              const char **ret_target)
{
    const struct roll_plan_target *target = NULL;
    enum watch_proof proof = watch_prove(&options, STREAM, tags, name, correlation,
                                         options.environment->targets, &target);

    *ret_target = target ? target->name : "-";
    return proof;
}

START_TEST(test_adopt__name_and_id_prove_the_target)
{
    char correlation[ROLL_UUID_SIZE];
    g_autofree char *name = roll_step_name("shop", "prod", HEAD_A, "neu", 0, 3, correlation);
    g_autofree char *upper = g_ascii_strup(correlation, -1);
    roll_auto(json) json_t *tagged = tags_new("neu", "7", "1.0.0", "{}");
    roll_auto(json) json_t *untagged = tags_new(NULL, "7", "1.0.0", "{}");
    roll_auto(json) json_t *wrong = tags_new("weu", "7", "1.0.0", "{}");
    const char *target;

    ck_assert_int_eq(prove(tagged, name, correlation, &target), WATCH_PROVED);
    ck_assert_str_eq(target, "neu");
    ck_assert_int_eq(prove(untagged, name, upper, &target), WATCH_PROVED);
    ck_assert_str_eq(target, "neu");
    ck_assert_int_eq(prove(wrong, name, correlation, &target), WATCH_FORGED);
    ck_assert_int_eq(prove(tagged, "by-hand", correlation, &target), WATCH_FORGED);
    ck_assert_int_eq(prove(tagged, name, "99999999-0000-0000-0000-000000000000", &target),
                     WATCH_FORGED);
    ck_assert_int_eq(prove(NULL, name, correlation, &target), WATCH_UNTAGGED);
}
END_TEST

START_TEST(test_adopt__other_streams_and_targets_are_foreign)
{
    char correlation[ROLL_UUID_SIZE];
    g_autofree char *gone = roll_step_name("shop", "prod", HEAD_A, "gone", 0, 1, correlation);
    roll_auto(json) json_t *of_gone = tags_new("gone", "7", "1.0.0", "{}");
    roll_auto(json) json_t *other =
        tags_new("weu", "7", "1.0.0", "{\"roll-stream\":\"shop/test\"}");
    const char *target;

    ck_assert_int_eq(prove(of_gone, gone, correlation, &target), WATCH_FOREIGN);
    ck_assert_int_eq(prove(other, gone, correlation, &target), WATCH_FOREIGN);
}
END_TEST

START_TEST(test_adopt__a_fixed_name_is_its_targets)
{
    char correlation[ROLL_UUID_SIZE];
    roll_auto(json) json_t *tags = tags_new("fixed", "7", "1.0.0", "{}");
    const char *target;

    g_free(roll_step_name("shop", "prod", HEAD_A, "fixed", 0, 1, correlation));
    ck_assert_int_eq(prove(tags, "Always", correlation, &target), WATCH_PROVED);
    ck_assert_str_eq(target, "fixed");
    ck_assert_int_eq(prove(tags, "sometimes", correlation, &target), WATCH_FORGED);
}
END_TEST

/* ---- lost rollouts --------------------------------------------------------------------------- */

static struct watch_found *piece(int64_t seq, const char *target, const char *release,
                                 const char *state, const char *more)
{
    struct watch_found *row = g_new0(struct watch_found, 1);
    char correlation[ROLL_UUID_SIZE], number[24];

    g_snprintf(number, sizeof number, "%d", (int)seq);
    row->name = roll_step_name("shop", "prod", HEAD_A, target, 0, 1, correlation);
    row->target = T(target);
    row->state = T(state);
    row->seq = (int64_t)found->len + 1;
    row->at = seq * 1000;
    row->details = json_pack("{s:s,s:o,s:i}", "correlationId", correlation, "tags",
                             tags_new(target, number, release, more), "durationMs", 10);
    g_ptr_array_add(found, row);
    return row;
}

/* "SEQ release [failed] [partial] [bad …] [hold];" for each. */
static void are_lost(const char *expected)
{
    g_autoptr(GPtrArray) all = watch_lost_group(&options, STREAM, found);
    g_autoptr(GString) text = g_string_new(NULL);

    watch_lost_conclude(all);
    for (guint i = 0; i < all->len; i++) {
        const struct watch_lost *lost = all->pdata[i];
        g_string_append_printf(text, "%d %s%s%s%s%s%s;", (int)lost->seq,
                               lost->release ? lost->release : "-", lost->failed ? " failed" : "",
                               lost->partial ? " partial" : "", lost->bad ? " bad " : "",
                               lost->bad ? lost->bad[0] : "", lost->hold ? " hold" : "");
    }
    ck_assert_str_eq(text->str, expected);
}

#define OUT "\"roll-lane\":\"release\",\"roll-kind\":\"out\",\"roll-targets\":\"2\""
#define FROM(version) ",\"roll-from\":\"" version "\"}"

START_TEST(test_adopt__a_whole_rollout_is_good)
{
    piece(1, "weu", "1.0.0", "Succeeded", "{" OUT "}");
    piece(1, "neu", "1.0.0", "succeeded", "{" OUT "}");
    are_lost("1 1.0.0;");
}
END_TEST

START_TEST(test_adopt__what_failed_or_is_not_whole_is_not_good)
{
    piece(1, "weu", "1.0.0", "Succeeded", "{" OUT "}");
    piece(1, "neu", "1.0.0", "Failed", "{" OUT "}");
    piece(2, "weu", "1.1.0", "Succeeded", "{" OUT "}");
    are_lost("1 1.0.0 failed;2 1.1.0 failed;");
}
END_TEST

/* Its deployments succeeded, its checks did not: the next rollout still found the older one live.
 */
START_TEST(test_adopt__the_next_rollout_tells_whether_checks_passed)
{
    piece(1, "weu", "1.0.0", "Succeeded", "{" OUT "}");
    piece(1, "neu", "1.0.0", "Succeeded", "{" OUT "}");
    piece(2, "weu", "1.1.0", "Succeeded", "{" OUT FROM("1.0.0"));
    piece(2, "neu", "1.1.0", "Succeeded", "{" OUT FROM("1.0.0"));
    piece(3, "weu", "1.2.0", "Succeeded", "{" OUT FROM("1.0.0"));
    piece(3, "neu", "1.2.0", "Succeeded", "{" OUT FROM("1.0.0"));
    are_lost("1 1.0.0;2 1.1.0 failed;3 1.2.0;");
}
END_TEST

/* An environment may be mixed, since what was accepted was of one target: then no release is live,
 * and what each target had tells. */
START_TEST(test_adopt__what_a_target_had_tells_where_the_environment_was_mixed)
{
    static const char *const tags = "\"roll-lane\":\"rollback\",\"roll-kind\":\"back\","
                                    "\"roll-targets\":\"1\"";
    g_autofree char *back =
        g_strdup_printf("{%s,\"roll-from\":\"1.0.0\",\"roll-had\":\"1.0.0\"}", tags);
    g_autofree char *mixed = g_strdup_printf("{%s,\"roll-had\":\"old\"}", tags);
    g_autofree char *dirty = g_strdup_printf("{%s,\"roll-had\":\"\"}", tags);

    piece(1, "weu", "1.0.0", "Succeeded", "{" OUT ",\"roll-had\":\"\"}");
    piece(1, "neu", "1.0.0", "Succeeded", "{" OUT ",\"roll-had\":\"\"}");
    piece(2, "weu", "old", "Succeeded", back);
    piece(3, "weu", "1.0.0", "Succeeded", mixed);
    piece(4, "weu", "old", "Succeeded", back);
    piece(5, "weu", "older", "Succeeded", dirty);
    are_lost("1 1.0.0;2 old;3 1.0.0;4 old failed;5 older hold;");
}
END_TEST

START_TEST(test_adopt__a_back_says_what_it_left)
{
    static const char back[] = "{\"roll-lane\":\"rollback\",\"roll-kind\":\"back\","
                               "\"roll-targets\":\"1\",\"roll-bad\":\"1.1.0,1.0.9\"" FROM("1.1.0");

    piece(1, "weu", "1.1.0", "Succeeded", "{\"roll-kind\":\"out\",\"roll-targets\":\"1\"}");
    piece(2, "weu", "1.0.0", "Succeeded", back);
    are_lost("1 1.1.0;2 1.0.0 bad 1.1.0 hold;");
}
END_TEST

/* Older tags say neither lane nor kind. */
START_TEST(test_adopt__who_returns_backs_away)
{
    piece(1, "weu", "1.0.0", "Succeeded", "{}");
    piece(1, "neu", "1.0.0", "Succeeded", "{}");
    piece(2, "weu", "1.1.0", "Succeeded", "{}");
    piece(2, "neu", "1.1.0", "Succeeded", "{}");
    piece(3, "weu", "1.0.0", "Succeeded", "{}");
    piece(3, "neu", "1.0.0", "Succeeded", "{}");
    piece(4, "weu", "1.2.0", "Succeeded", "{}");
    are_lost("1 1.0.0;2 1.1.0;3 1.0.0 bad 1.1.0;4 1.2.0 partial;");
}
END_TEST

START_TEST(test_adopt__the_newest_attempt_counts_and_what_is_forged_does_not)
{
    struct watch_found *again = piece(1, "weu", "1.0.0", "Succeeded", "{}");

    again->at += 5;
    piece(1, "weu", "1.0.0", "Failed", "{}");
    json_object_set_new(piece(2, "weu", "9.9.9", "Succeeded", "{}")->details, "correlationId",
                        json_string("99999999-0000-0000-0000-000000000000"));
    are_lost("1 1.0.0;");
}
END_TEST

START_TEST(test_adopt__targets_with_different_releases_are_no_release)
{
    piece(1, "weu", "1.0.0", "Succeeded", "{}");
    piece(1, "neu", "1.1.0", "Succeeded", "{}");
    are_lost("1 -;");
}
END_TEST

/* ---- what is live ---------------------------------------------------------------------------- */

static struct watch_found *put(const char *target, int64_t at, const char *resource)
{
    struct watch_found *row = g_new0(struct watch_found, 1);

    row->name = g_strdup("web");
    row->target = T(target);
    row->state = T("Succeeded");
    row->at = at;
    row->details =
        json_pack("{s:o}", "outputResources", resource ? json_pack("[s]", resource) : json_array());
    g_ptr_array_add(found, row);
    return row;
}

/* gap: a target that was not read, or NULL. */
static bool is_live_but(const char *gap, GPtrArray *entries, const struct watch_found *row)
{
    g_autoptr(GHashTable) gaps = g_hash_table_new(g_str_hash, g_str_equal);
    struct watch_place unread = {.why = T("AuthorizationFailed: no")};
    const struct watch_adopting adopting = {.entries = entries, .gaps = gaps};

    if (gap)
        g_hash_table_insert(gaps, T(gap), &unread);
    roll_auto(watch_traces) struct watch_traces *traces = watch_traces_new(&adopting, found);

    return watch_traces_is_live(traces, row);
}

static bool is_live(GPtrArray *entries, const struct watch_found *row)
{
    return is_live_but(NULL, entries, row);
}

START_TEST(test_adopt__what_was_not_read_is_not_live)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    const struct watch_found *row = put("weu", 1, "/a");

    ck_assert(is_live_but("neu", none, row));
    ck_assert(!is_live_but("weu", none, row));
}
END_TEST

START_TEST(test_adopt__live_is_what_nothing_later_put)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    const struct watch_found *old = put("weu", 1, "/A"), *other = put("weu", 2, "/b"),
                             *new = put("weu", 3, "/a");

    ck_assert(!is_live(none, old));
    ck_assert(is_live(none, other));
    ck_assert(is_live(none, new));
    put("neu", 9, NULL);
    ck_assert(is_live(none, new));
    put("weu", 9, NULL);
    ck_assert(!is_live(none, new));
}
END_TEST

static bool is_live_beside(const char *name, const char *state, const char *resource,
                           enum watch_class class, const struct watch_found *row)
{
    roll_auto(json) json_t *deployment =
        resource ? json_pack("{s:{s:[{s:s}]}}", "properties", "outputResources", "id", resource)
                 : json_object();
    struct watch_entry entry = {.target = options.environment->targets->pdata[0],
                                .class = class,
                                .deployment = deployment,
                                .name = name,
                                .state = state,
                                .at = 100};
    g_autoptr(GPtrArray) entries = g_ptr_array_new();

    g_ptr_array_add(entries, &entry);
    return is_live(entries, row);
}

START_TEST(test_adopt__live_is_not_what_runs_or_policy_has_put_over)
{
    const struct watch_found *row = put("weu", 1, "/a");

    ck_assert(is_live_beside("web", "Succeeded", "/b", WATCH_EVIDENCE, row));
    ck_assert(!is_live_beside("web", "Succeeded", "/A", WATCH_NESTED, row));
    ck_assert(!is_live_beside("PolicyDeployment_1", "Succeeded", "/a", WATCH_POLICY, row));
    ck_assert(is_live_beside("PolicyDeployment_1", "Succeeded", NULL, WATCH_POLICY, row));
    ck_assert(is_live_beside("web", "Failed", NULL, WATCH_OTHER, row));
    ck_assert(!is_live_beside("web", "Running", NULL, WATCH_RUNNING, row));
    ck_assert(!is_live_beside("web", NULL, NULL, WATCH_RUNNING, row));
    ck_assert(!is_live_beside("web", "Failed", NULL, WATCH_EVIDENCE, row));
}
END_TEST

/* ---- appending ------------------------------------------------------------------------------- */

struct race {
    struct roll_ledger *ledger;
    int asked;
    bool done;
};

/* Somebody appends between the look and the append: the look is taken again. */
static struct roll_error *be_late(void *user)
{
    struct race *race = user;

    if (race->asked++ == 0)
        say(race->ledger, STREAM, 2000, hold_set, .reason = T("mine"));
    return race->done && race->asked > 1 ? roll_error_new(ROLL_E_NOTHING, "by now") : NULL;
}

START_TEST(test_adopt__what_was_decided_is_looked_at_again_after_a_conflict)
{
    struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    const struct roll_actor actor = {.claimed = T("me")};
    const struct roll_hold_set body = {.reason = T("yours")};
    const struct roll_draft draft = {STREAM, ROLL_EVENT_hold_set, &body};
    struct race race = {.ledger = ledger};
    struct roll_head head = {0};

    ck_ok(watch_append_checked(ledger, &actor, &draft, 1, NULL, 0, be_late, &race));
    ck_assert_int_eq(race.asked, 2);
    ck_ok(roll_ledger_head(ledger, STREAM, &head));
    ck_assert_int_eq(head.seq, 2);
    race = (struct race){.ledger = ledger, .done = true};
    struct roll_error *err =
        watch_append_checked(ledger, &actor, &draft, 1, NULL, 0, be_late, &race);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_NOTHING);
    roll_error_free(err);
    ck_ok(roll_ledger_head(ledger, STREAM, &head));
    ck_assert_int_eq(head.seq, 3);
    roll_ledger_close(ledger);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch: adopt");
    TCase *tcase = tcase_create("adopt");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_adopt__name_and_id_prove_the_target);
    tcase_add_test(tcase, test_adopt__other_streams_and_targets_are_foreign);
    tcase_add_test(tcase, test_adopt__a_fixed_name_is_its_targets);
    tcase_add_test(tcase, test_adopt__a_whole_rollout_is_good);
    tcase_add_test(tcase, test_adopt__what_failed_or_is_not_whole_is_not_good);
    tcase_add_test(tcase, test_adopt__the_next_rollout_tells_whether_checks_passed);
    tcase_add_test(tcase, test_adopt__what_a_target_had_tells_where_the_environment_was_mixed);
    tcase_add_test(tcase, test_adopt__a_back_says_what_it_left);
    tcase_add_test(tcase, test_adopt__who_returns_backs_away);
    tcase_add_test(tcase, test_adopt__the_newest_attempt_counts_and_what_is_forged_does_not);
    tcase_add_test(tcase, test_adopt__targets_with_different_releases_are_no_release);
    tcase_add_test(tcase, test_adopt__live_is_what_nothing_later_put);
    tcase_add_test(tcase, test_adopt__what_was_not_read_is_not_live);
    tcase_add_test(tcase, test_adopt__live_is_not_what_runs_or_policy_has_put_over);
    tcase_add_test(tcase, test_adopt__what_was_decided_is_looked_at_again_after_a_conflict);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
