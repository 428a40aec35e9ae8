/* Events as canonical JSON: vectors, round trips, and what is refused. */
#include "ledger/fields.h"
#include "ledger_tools.h"
#include "rollbook/json.h"

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* ---- vectors --------------------------------------------------------------------------------- */

START_TEST(test_events__line_is_the_canonical_json_of_design)
{
    const struct roll_step_ended body = {.rollout = 17,
                                         .target = T("weu"),
                                         .step = 0,
                                         .attempt = 1,
                                         .outcome = T("succeeded"),
                                         .last = true,
                                         .message = T("caf\xc3\xa9 \"x\"\n\x01"),
                                         .result = digest_of("result")};
    const char wanted[] =
        "{\"actor\":{\"claimed\":null,\"proved\":\"alice@contoso.com\"},\"at\":1767225600123,"
        "\"body\":{\"attempt\":1,"
        "\"last\":true,\"message\":\"caf\xc3\xa9 \\\"x\\\"\\n\\u0001\",\"outcome\":\"succeeded\","
        "\"result\":\"c5f5e7b5f5d4d9c0\",\"rollout\":17,\"step\":0,\"target\":\"weu\"},\"kind\":"
        "\"step.ended\"";
    const struct roll_actor actor = {.proved = T("alice@contoso.com")};
    g_autoptr(GString) line = NULL;
    char hash[ROLL_HEX_SIZE], again[ROLL_HEX_SIZE];

    ck_ok(roll_event_compose("shop/prod", 18, zeros, 1767225600123, &actor, ROLL_EVENT_step_ended,
                             &body, &line, hash));
    g_autofree char *digest = g_strdup(digest_of("result"));
    g_autoptr(GString) expected = g_string_new(wanted);
    g_string_replace(expected, "c5f5e7b5f5d4d9c0", digest, 1);
    g_string_append_printf(
        expected, ",\"objects\":[\"%s\"],\"prev\":\"%s\",\"seq\":18,\"stream\":\"shop/prod\"}",
        digest, zeros);
    ck_assert_str_eq(line->str, expected->str);
    roll_sha256_hex(line->str, line->len, again);
    ck_assert_str_eq(hash, again);
}
END_TEST

/* ---- round trips ----------------------------------------------------------------------------- */

/* Fills every field with something; with `sparse` only the required ones. */
static void *fill_body(enum roll_event_kind kind, bool sparse)
{
    void *body = g_malloc0(roll_body_size(kind));
    int number = 0;

    for (const struct field *field = roll_body_fields(kind); field->name; field++) {
        void *at = field_at(field, body);
        number++;
        if (sparse && field->need == FIELD_OPTIONAL)
            continue;
        if (field->type == FIELD_text)
            *(char **)at = g_strdup_printf("text %d \xe2\x82\xac \\ \t", number);
        else if (field->type == FIELD_object)
            *(char **)at = g_strdup(digest_of(field->name));
        else if (field->type == FIELD_number)
            *(int64_t *)at = number % 2 ? INT64_C(9007199254740992) : -number;
        else if (field->type == FIELD_flag)
            *(bool *)at = true;
        else if (field->type == FIELD_json)
            *(json_t **)at = json_pack("{s:i,s:[s,b,n,{s:{}}]}", "b", number, "a", "x", 1, "y");
        else if (field->type == FIELD_texts)
            *(char ***)at = g_strsplit("b,a,,b", ",", -1);
        else
            *(char ***)at = g_strsplit(digest_of("other"), ",", -1);
    }
    return body;
}

static void check_round_trip(enum roll_event_kind kind, bool sparse)
{
    void *body = fill_body(kind, sparse);
    roll_auto(event) struct roll_event *event = NULL;
    roll_auto(json) json_t *value = NULL;
    g_autoptr(GString) line = NULL, again = NULL, canonical = NULL;
    char hash[ROLL_HEX_SIZE], hash_again[ROLL_HEX_SIZE];

    ck_ok(roll_event_compose("shop/prod", 7, zeros, 5, &somebody, kind, body, &line, hash));
    ck_ok(roll_json_parse(line->str, line->len, ROLL_JSON_STRICT, &value));
    ck_ok(roll_json_canonical(value, &canonical));
    ck_assert_str_eq(canonical->str, line->str);
    ck_ok(roll_event_parse(line->str, line->len, &event));
    ck_assert_int_eq(event->kind, kind);
    ck_assert_str_eq(event->hash, hash);
    ck_assert_str_eq(event->kind_name, roll_event_kind_name(kind));
    ck_assert_ptr_nonnull(strstr(line->str, event->body_text));
    ck_ok(roll_event_compose("shop/prod", event->seq, event->prev, event->at, &event->actor, kind,
                             event->body, &again, hash_again));
    ck_assert_str_eq(again->str, line->str);
    roll_event_body_free(kind, body);
}

START_TEST(test_events__every_kind_round_trips)
{
    check_round_trip((enum roll_event_kind)(_i + 1), false);
    check_round_trip((enum roll_event_kind)(_i + 1), true);
    ck_assert_int_eq(roll_error_live(), 0);
}
END_TEST

START_TEST(test_events__every_kind_is_found_by_name_and_copied)
{
    enum roll_event_kind kind = (enum roll_event_kind)(_i + 1);
    void *body = fill_body(kind, false);
    struct roll_event *event = roll_event_new("shop/prod", 3, 9, &somebody, kind, body);
    g_autoptr(GString) one = NULL, two = NULL;
    char hash[ROLL_HEX_SIZE];

    ck_assert_int_eq(roll_event_kind_find(roll_event_kind_name(kind)), kind);
    ck_ok(roll_event_compose("shop/prod", 3, zeros, 9, NULL, kind, body, &one, hash));
    roll_event_body_free(kind, body);
    ck_ok(roll_event_compose("shop/prod", 3, zeros, 9, NULL, kind, event->body, &two, hash));
    ck_assert_str_eq(one->str, two->str);
    ck_assert_int_eq(strlen(event->hash), 64);
    roll_event_free(event);
}
END_TEST

START_TEST(test_events__unknown_kind_and_unknown_members_are_kept)
{
    const char text[] = "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":%s,"
                        "\"kind\":\"%s\",\"objects\":[],\"prev\":\"%s\",\"seq\":1,\"stream\":"
                        "\"shop\"}";
    const char hold[] = "{\"newer\":{\"a\":[1,null]},\"reason\":\"r\"}";
    const char *const rows[][2] = {{"[1,2]", "star.gazed"}, {hold, "hold.set"}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        roll_auto(event) struct roll_event *event = NULL;
        g_autoptr(GString) line = g_string_new(NULL);
        g_string_append_printf(line, text, rows[i][0], rows[i][1], zeros);
        ck_ok(roll_event_parse(line->str, line->len, &event));
        ck_assert_str_eq(event->kind_name, rows[i][1]);
        ck_assert_str_eq(event->body_text, rows[i][0]);
        if (i == 0)
            ck_assert(event->kind == ROLL_EVENT_UNKNOWN && event->body == NULL);
        else
            ck_assert_str_eq(roll_event_body(event, hold_set)->reason, "r");
    }
}
END_TEST

/* ---- refusals -------------------------------------------------------------------------------- */

#define HEAD                                                                                       \
    "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":{},\"kind\":\"hold.set\","    \
    "\"objects\":[]"
#define PREV "\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\""
#define TAIL "," PREV ",\"seq\":1,\"stream\":\"shop/prod\"}"

static const char *const not_lines[] = {
    "",
    "{}",
    "[]",
    HEAD "",
    HEAD TAIL " ",
    " " HEAD TAIL,
    HEAD "," PREV ",\"seq\":1,\"stream\":\"shop/prod\",\"x\":1}",
    HEAD "," PREV ",\"seq\":0,\"stream\":\"shop/prod\"}",
    HEAD "," PREV ",\"seq\":-1,\"stream\":\"shop/prod\"}",
    HEAD "," PREV ",\"seq\":1.0,\"stream\":\"shop/prod\"}",
    HEAD "," PREV ",\"seq\":9007199254740993,\"stream\":\"shop/prod\"}",
    HEAD "," PREV ",\"seq\":1,\"stream\":\"../prod\"}",
    HEAD "," PREV ",\"seq\":1,\"stream\":\"shop/prod/x\"}",
    HEAD ",\"prev\":\"00\",\"seq\":1,\"stream\":\"shop/prod\"}",
    HEAD ",\"seq\":1," PREV ",\"stream\":\"shop/prod\"}",
    "{\"actor\":{\"claimed\":null,\"proved\":null,\"x\":1},\"at\":5,\"body\":{},\"kind\":\"hold."
    "set\",\"objects\":[]" TAIL,
    "{\"actor\":{\"claimed\":3,\"proved\":null},\"at\":5,\"body\":{},\"kind\":\"hold.set\","
    "\"objects\":[]" TAIL,
    "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":\"5\",\"body\":{},\"kind\":\"hold.set\","
    "\"objects\":[]" TAIL,
    "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":[],\"kind\":\"hold.set\","
    "\"objects\":[]" TAIL,
    "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":{\"reason\":5},\"kind\":"
    "\"hold.set\",\"objects\":[]" TAIL,
    "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":{\"x\":1.5},\"kind\":\"hold."
    "set\",\"objects\":[]" TAIL,
    "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":{\"x\":1,\"x\":1},\"kind\":"
    "\"hold.set\",\"objects\":[]" TAIL,
    "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":{\"b\":1,\"a\":1},\"kind\":"
    "\"hold.set\",\"objects\":[]" TAIL,
    "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":{\"reason\":\"\\u0041\"},"
    "\"kind\":\"hold.set\",\"objects\":[]" TAIL,
    "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":{},\"kind\":\"floor.set\","
    "\"objects\":[]" TAIL,
    "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":{},\"kind\":\"hold.set\","
    "\"objects\":[\"ff\"]" TAIL,
    "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":{},\"kind\":\"hold.set\","
    "\"objects\":{}" TAIL,
};

START_TEST(test_events__what_is_not_a_canonical_event_is_refused)
{
    struct roll_event *event = NULL;
    struct roll_error *err = roll_event_parse(not_lines[_i], strlen(not_lines[_i]), &event);

    ck_assert_msg(err != NULL, "accepted: %s", not_lines[_i]);
    ck_assert_ptr_null(event);
    roll_error_free(err);
    ck_assert_int_eq(roll_error_live(), 0);
}
END_TEST

/* Any one byte changed: refused, or another line with another hash; never a crash. */
START_TEST(test_events__a_flipped_byte_never_passes_as_the_same_event)
{
    const struct roll_rollout_claimed body = {
        .rollout = 1, .driver = T("d"), .host = T("h"), .until = 5, .settle = true};
    g_autoptr(GString) line = NULL;
    char hash[ROLL_HEX_SIZE];

    ck_ok(roll_event_compose("shop/prod", 7, zeros, 5, &somebody, ROLL_EVENT_rollout_claimed, &body,
                             &line, hash));
    for (gsize i = 0; i < line->len * 8; i++) {
        roll_auto(event) struct roll_event *event = NULL;
        line->str[i / 8] ^= (char)(1 << i % 8);
        struct roll_error *err = roll_event_parse(line->str, line->len, &event);
        if (!err)
            ck_assert_str_ne(event->hash, hash);
        roll_error_free(err);
        line->str[i / 8] ^= (char)(1 << i % 8);
    }
}
END_TEST

START_TEST(test_events__a_body_that_cannot_be_written_is_refused)
{
    g_autoptr(GString) line = NULL;
    g_autofree char *long_text = g_strnfill(70000, 'x');
    char hash[ROLL_HEX_SIZE];
    json_t *deep = json_array();

    for (int i = 0; i < 98; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, deep);
        deep = outer;
    }
    roll_auto(json) json_t *real = json_real(1.5), *owner = deep;
    const struct roll_hold_set latin = {.reason = T("caf\xe9")}, huge = {.reason = long_text};
    const struct roll_floor_set missing = {.floor = 3};
    const struct roll_floor_set large = {.floor = INT64_C(9007199254740993), .reason = T("x")};
    const struct roll_drift_checked object = {.target = T("t"), .result = T("no digest")};
    const struct roll_rollout_requested with_real = {
        .lane = T("l"), .kind = T("k"), .order = digest_of("o"), .seen = real};
    const struct roll_rollout_requested with_deep = {
        .lane = T("l"), .kind = T("k"), .order = digest_of("o"), .seen = deep};
    const struct {
        enum roll_event_kind kind;
        const void *body;
        enum roll_code code;
    } rows[] = {{ROLL_EVENT_hold_set, &latin, ROLL_E_INVALID},
                {ROLL_EVENT_hold_set, &huge, ROLL_E_LIMIT},
                {ROLL_EVENT_floor_set, &missing, ROLL_E_INVALID},
                {ROLL_EVENT_floor_set, &large, ROLL_E_INVALID},
                {ROLL_EVENT_drift_checked, &object, ROLL_E_INVALID},
                {ROLL_EVENT_rollout_requested, &with_real, ROLL_E_INVALID},
                {ROLL_EVENT_rollout_requested, &with_deep, ROLL_E_INVALID},
                {ROLL_EVENT_UNKNOWN, &latin, ROLL_E_INVALID}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        ck_fails(roll_event_compose("shop/prod", 1, zeros, 5, NULL, rows[i].kind, rows[i].body,
                                    &line, hash),
                 rows[i].code);
    ck_fails(roll_event_compose("Shop /prod", 1, zeros, 5, NULL, ROLL_EVENT_hold_set,
                                &(struct roll_hold_set){0}, &line, hash),
             ROLL_E_INVALID);
    ck_assert_ptr_null(line);
}
END_TEST

/* ---- frames ---------------------------------------------------------------------------------- */

START_TEST(test_events__frame_is_checked_without_parsing)
{
    char *parts[] = {digest_of("a"), digest_of("b"), NULL};
    const struct roll_release_made body = {
        .version = T("1.0"), .manifest = digest_of("m"), .parts = parts};
    const struct roll_actor actor = {.proved = T("a\",\"proved\":\\"), .claimed = T("],\"prev\":")};
    g_autoptr(GString) line = NULL, tail = g_string_new(NULL);
    roll_auto(event) struct roll_event *event = NULL;
    char hash[ROLL_HEX_SIZE];
    const char *found;
    size_t size, count;

    ck_ok(roll_event_compose("shop", 7, zeros, 5, &actor, ROLL_EVENT_release_made, &body, &line,
                             hash));
    ck_ok(roll_event_parse(line->str, line->len, &event));
    roll_line_tail(tail, zeros, 7, "shop");
    ck_assert(roll_line_objects(line->str, line->len, tail, &found, &count));
    ck_assert_uint_eq(count, 3);
    ck_assert(roll_line_check(line->str, line->len, 5, "release.made", tail, &found, &size));
    g_autofree char *text = g_strndup(found, size);
    ck_assert_str_eq(text, event->body_text);
    ck_assert(!roll_line_check(line->str, line->len, 6, "release.made", tail, &found, &size));
    ck_assert(!roll_line_check(line->str, line->len, 5, "release.mark", tail, &found, &size));
    ck_assert(!roll_line_check(line->str, line->len - 1, 5, "release.made", tail, &found, &size));
    for (size_t cut = 0; cut < line->len; cut++)
        ck_assert(!roll_line_check(line->str + cut + 1, line->len - cut - 1, 5, "release.made",
                                   tail, &found, &size));
}
END_TEST

START_TEST(test_events__names_of_streams)
{
    const char *const good[] = {"shop", "shop/prod", "a.b_c-1/x", "shop/prod~3f2a-1", "shop~x"};
    const char *const bad[] = {"",      "/",     "shop/",      "/prod",      "shop//prod",
                               "-shop", "shop-", "shop/prod~", "shop~x/y",   "a/b/c",
                               "..",    "a/..",  "shop prod",  "sh\xc3\xb6p"};

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
        ck_assert_msg(roll_stream_is_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        ck_assert_msg(!roll_stream_is_valid(bad[i]), "%s", bad[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger: events");
    TCase *tcase = tcase_create("events");

    tcase_add_test(tcase, test_events__line_is_the_canonical_json_of_design);
    tcase_add_loop_test(tcase, test_events__every_kind_round_trips, 0, ROLL_EVENT_KIND_COUNT - 1);
    tcase_add_loop_test(tcase, test_events__every_kind_is_found_by_name_and_copied, 0,
                        ROLL_EVENT_KIND_COUNT - 1);
    tcase_add_test(tcase, test_events__unknown_kind_and_unknown_members_are_kept);
    tcase_add_loop_test(tcase, test_events__what_is_not_a_canonical_event_is_refused, 0,
                        (int)G_N_ELEMENTS(not_lines));
    tcase_add_test(tcase, test_events__a_flipped_byte_never_passes_as_the_same_event);
    tcase_add_test(tcase, test_events__a_body_that_cannot_be_written_is_refused);
    tcase_add_test(tcase, test_events__frame_is_checked_without_parsing);
    tcase_add_test(tcase, test_events__names_of_streams);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
