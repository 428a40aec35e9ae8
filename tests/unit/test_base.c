/* Errors, digests, times, durations, secrets, log, fault points, text. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "rollbook/digest.h"
#include "rollbook/error.h"
#include "rollbook/fault.h"
#include "rollbook/json.h"
#include "rollbook/log.h"
#include "rollbook/secret.h"
#include "rollbook/text.h"
#include "rollbook/time.h"
#include "suite_tools.h"

START_TEST(test_error__chain_keeps_code_and_order)
{
    struct roll_error *err = roll_error_new(ROLL_E_LOCKED, "file '%s' is locked", "x");

    err = roll_error_wrap(roll_error_detail(err, "{}"), "while opening %d", 7);
    ck_assert_int_eq(err->code, ROLL_E_LOCKED);
    ck_assert_str_eq(err->message, "while opening 7");
    ck_assert_ptr_null(err->detail);
    ck_assert_str_eq(err->cause->message, "file 'x' is locked");
    ck_assert_str_eq(err->cause->detail, "{}");
    err = roll_error_join(err, roll_error_new(ROLL_E_IO, "cleaning up"));
    ck_assert_str_eq(err->cause->cause->message, "cleaning up");
#ifdef ROLL_DEBUG
    ck_assert_int_eq(roll_error_live(), 3);
#endif
    roll_error_free(err);
    ck_assert_int_eq(roll_error_live(), 0);
}
END_TEST

START_TEST(test_error__success_stays_success)
{
    ck_assert_ptr_null(roll_error_wrap(NULL, "while %s", "nothing"));
    ck_assert_ptr_null(roll_error_join(NULL, NULL));
    ck_assert_ptr_null(roll_error_detail(NULL, "{}"));
    ck_assert_int_eq(roll_error_code(NULL), ROLL_OK);
    roll_error_free(NULL);
    struct roll_error *second = roll_error_new(ROLL_E_IO, "x");
    ck_assert_ptr_eq(roll_error_join(NULL, second), second);
    ck_assert_ptr_eq(roll_error_join(second, NULL), second);
    roll_error_free(second);
}
END_TEST

START_TEST(test_error__errno_becomes_a_code)
{
    static const struct {
        int errnum;
        enum roll_code code;
    } rows[] = {{ENOSPC, ROLL_E_NO_SPACE},  {EDQUOT, ROLL_E_NO_SPACE}, {EROFS, ROLL_E_READ_ONLY},
                {EACCES, ROLL_E_READ_ONLY}, {EIO, ROLL_E_IO},          {ENOENT, ROLL_E_IO}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        roll_auto(error) struct roll_error *err =
            roll_error_errno(rows[i].errnum, "cannot %s", "x");
        ck_assert_int_eq(err->code, rows[i].code);
        ck_assert(g_str_has_prefix(err->message, "cannot x: "));
    }
}
END_TEST

START_TEST(test_error__exit_statuses_are_the_contract)
{
    ck_assert_int_eq(roll_code_exit(ROLL_OK), 0);
    ck_assert_int_eq(roll_code_exit(ROLL_E_INTERNAL), 1);
    ck_assert_int_eq(roll_code_exit(ROLL_E_USAGE), 2);
    ck_assert_int_eq(roll_code_exit(ROLL_E_NOTHING), 77);
    ck_assert_int_eq(roll_code_exit(ROLL_E_DETACHED), 130);
    ck_assert_int_eq(roll_code_exit(ROLL_E_CANCELLED), 8);
    ck_assert_int_eq(roll_code_exit((enum roll_code)9999), 1);
    ck_assert_str_eq(roll_code_text(ROLL_E_CONFLICT), "conflict");
}
END_TEST

/* FIPS 180-4's examples, and what other implementations say. */
START_TEST(test_digest__sha256_vectors)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    static const char million[] =
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    char hex[ROLL_HEX_SIZE];

    roll_sha256_hex("abc", 3, hex);
    ck_assert_str_eq(hex, abc);
    roll_sha256_hex(NULL, 0, hex);
    ck_assert_str_eq(hex, empty);
    struct roll_sha256 *state = roll_sha256_begin();
    for (int i = 0; i < 100000; i++)
        roll_sha256_add(state, "aaaaaaaaaa", 10);
    roll_sha256_end(state, hex);
    ck_assert_str_eq(hex, million);
}
END_TEST

START_TEST(test_digest__hex_and_uuid_are_recognised)
{
    static const char hex[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    ck_assert(roll_hex_is_digest(hex));
    ck_assert(!roll_hex_is_digest(hex + 1));
    ck_assert(
        !roll_hex_is_digest("BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    ck_assert(
        !roll_hex_is_digest("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0"));
    ck_assert(!roll_hex_is_digest(""));
    ck_assert(roll_uuid_is_valid("00000000-0000-0000-0000-000000000000"));
    ck_assert(roll_uuid_is_valid("6F9619FF-8B86-D011-B42D-00CF4FC964FF"));
    ck_assert(!roll_uuid_is_valid("6F9619FF-8B86-D011-B42D-00CF4FC964F"));
    ck_assert(!roll_uuid_is_valid("6F9619FF-8B86-D011-B42D-00CF4FC964FFa"));
    ck_assert(!roll_uuid_is_valid("6F9619FF08B86-D011-B42D-00CF4FC964FF"));
    ck_assert(!roll_uuid_is_valid("{F9619FF-8B86-D011-B42D-00CF4FC964F}"));
    ck_assert(!roll_uuid_is_valid(""));
}
END_TEST

/* Names of rollouts, deployments and role assignments are made from it: the value must never
 * change. */
START_TEST(test_digest__uuids_from_parts_are_stable_and_separate)
{
    char a[ROLL_UUID_SIZE], b[ROLL_UUID_SIZE];

    roll_uuid_from(a, "ab", "c", NULL);
    ck_assert(roll_uuid_is_valid(a));
    ck_assert_str_eq(a, "629c2f14-f654-8026-886f-2aefe1855533");
    roll_uuid_from(b, "a", "bc", NULL);
    ck_assert_str_ne(a, b);
    ck_assert_int_eq(a[14], '8');
    ck_assert_ptr_nonnull(strchr("89ab", a[19]));
    roll_uuid_random(a);
    roll_uuid_random(b);
    ck_assert(roll_uuid_is_valid(a) && roll_uuid_is_valid(b));
    ck_assert_int_eq(a[14], '4');
    ck_assert_ptr_nonnull(strchr("89ab", a[19]));
    ck_assert_str_ne(a, b);
}
END_TEST

static void time_is(const char *text, int64_t wanted)
{
    int64_t ms = 0;
    roll_auto(error) struct roll_error *err = roll_time_parse(text, &ms);

    ck_assert_msg(!err, "%s", text);
    ck_assert_msg(ms == wanted, "%s: %" G_GINT64_FORMAT, text, ms);
}

START_TEST(test_base__a_date_of_http_has_english_names)
{
    g_autofree char *text = roll_time_http(1795331935999);

    ck_assert_str_eq(text, "Sun, 22 Nov 2026 07:18:55 GMT");
}
END_TEST

START_TEST(test_time__rfc3339)
{
    char text[ROLL_TIME_SIZE];

    time_is("1970-01-01T00:00:00Z", 0);
    time_is("2026-11-21T09:30:00.123Z", 1795253400123);
    time_is("2026-11-21t11:30:00.1239999+02:00", 1795253400123);
    time_is("2026-11-21T04:00:00.1239999-05:30", 1795253400123);
    time_is("2016-12-31T23:59:60Z", 1483228800000);
    time_is("2024-02-29T00:00:00Z", 1709164800000);
    time_is("0001-01-01T00:00:00Z", -62135596800000);
    time_is("9999-12-31T23:59:59.999999999Z", 253402300799999);
    time_is("1969-12-31T23:59:59.999Z", -1);
    roll_time_format(1795253400123, text);
    ck_assert_str_eq(text, "2026-11-21T09:30:00.123Z");
    roll_time_format(1795253400000, text);
    ck_assert_str_eq(text, "2026-11-21T09:30:00Z");
    roll_time_format(-1, text);
    ck_assert_str_eq(text, "1969-12-31T23:59:59.999Z");
    roll_time_format(INT64_MIN, text);
    ck_assert_str_eq(text, "0001-01-01T00:00:00Z");
    roll_time_format(INT64_MAX, text);
    ck_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
}
END_TEST

/* Every day from year 1 to 9999, against the rule of the calendar itself. */
START_TEST(test_time__every_day_is_exact)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t ms = -62135596800000;
    char text[ROLL_TIME_SIZE], wanted[32];

    for (int year = 1; year <= 9999; year++)
        for (int month = 1; month <= 12; month++) {
            bool leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
            int days = lengths[month - 1] + (month == 2 && leap);
            for (int day = 1; day <= days; day++, ms += 86400000) {
                int64_t parsed = 0;
                roll_time_format(ms, text);
                g_snprintf(wanted, sizeof wanted, "%04d-%02d-%02dT00:00:00Z", year, month, day);
                if (strcmp(text, wanted) != 0)
                    ck_abort_msg("%s, not %s", text, wanted);
                roll_auto(error) struct roll_error *err = roll_time_parse(text, &parsed);
                if (err || parsed != ms)
                    ck_abort_msg("%s", text);
            }
        }
}
END_TEST

START_TEST(test_time__what_is_no_time_is_refused)
{
    static const char *const bad[] = {
        "",
        "2026-11-21",
        "2026-11-21T09:30:00",
        "2026-11-21T09:30Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00Zx",
        "26-01-01T00:00:00Z",
        "2026-1-01T00:00:00Z",
        " 2026-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:60Z",
        "-001-01-01T00:00:00Z",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        int64_t ms = 42;
        roll_auto(error) struct roll_error *err = roll_time_parse(bad[i], &ms);
        ck_assert_msg(roll_error_code(err) == ROLL_E_INVALID, "%s", bad[i]);
        ck_assert_int_eq(ms, 42);
    }
}
END_TEST

START_TEST(test_time__durations)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"2s", 2000},       {"10m", 600000},        {"1h", 3600000},      {"3d", 259200000},
        {"0s", 0},          {"PT2S", 2000},         {"PT10M", 600000},    {"P1DT12H", 129600000},
        {"P2D", 172800000}, {"PT0.25S", 250},       {"PT1.2345S", 1234},  {"PT0S", 0},
        {"P1W", 604800000}, {"PT1H30M5S", 5405000}, {"P1DT0S", 86400000}, {"PT90M", 5400000}};
    static const char *const bad[] = {"",
                                      "s",
                                      "2",
                                      "2 s",
                                      "-2s",
                                      "2S",
                                      "2x",
                                      "1h30m",
                                      "P",
                                      "PT",
                                      "P1DT",
                                      "P1Y",
                                      "P1M",
                                      "PT1D",
                                      "P1S",
                                      "PT1S1M",
                                      "PT1S1S",
                                      "PT1.5M",
                                      "PT.5S",
                                      "PT1.S",
                                      "PT1",
                                      "P1",
                                      "PTS",
                                      "P-1D",
                                      "9999999999999999999s",
                                      "9223372036854775807d",
                                      "PT9223372036854775807S",
                                      "pt2s",
                                      "P1DTT1S"};

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        int64_t ms = -1;
        roll_auto(error) struct roll_error *err = roll_duration_parse(good[i].text, &ms);
        ck_assert_msg(!err && ms == good[i].ms, "%s", good[i].text);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        int64_t ms = -1;
        roll_auto(error) struct roll_error *err = roll_duration_parse(bad[i], &ms);
        ck_assert_msg(roll_error_code(err) == ROLL_E_INVALID && ms == -1, "%s", bad[i]);
    }
}
END_TEST

START_TEST(test_time__durations_for_people)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{0, "0 s"},
                {400, "0.4 s"},
                {2000, "2 s"},
                {9940, "9.9 s"},
                {9960, "10 s"},
                {38000, "38 s"},
                {59499, "59 s"},
                {59500, "1 min"},
                {250000, "4 min 10 s"},
                {3599600, "1 h"},
                {7500000, "2 h 5 min"},
                {86399999, "1 d"},
                {273600000, "3 d 4 h"},
                {-400, "-0.4 s"},
                {INT64_MIN, "-106751991167 d 7 h"}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) text = g_string_new("in ");
        roll_duration_write(rows[i].ms, text);
        ck_assert_str_eq(text->str + 3, rows[i].text);
    }
}
END_TEST

START_TEST(test_time__clocks_run)
{
    int64_t boot = roll_boot_ms(), now = roll_now_ms();

    ck_assert_int_ge(roll_boot_ms(), boot);
    ck_assert_int_gt(now, INT64_C(1600000000000));
}
END_TEST

#ifdef ROLL_TESTING
START_TEST(test_time__the_test_clock_runs_on_from_where_it_is_set)
{
    g_setenv("ROLL_TEST_NOW", "2001-02-03T04:05:06Z", TRUE);
    int64_t boot = roll_boot_ms(), now = roll_now_ms();

    ck_assert_int_ge(now, 981173106000);
    ck_assert_int_lt(now, 981173106000 + 60000);
    while (roll_boot_ms() < boot + 3)
        continue;
    ck_assert_int_gt(roll_now_ms(), now);
}
END_TEST

START_TEST(test_fault__errors_at_the_named_pass_only)
{
    g_setenv("ROLL_FAULT", "before-put:2:error,other:1:error", TRUE);
    ck_assert(!roll_fault("before-put"));
    ck_assert(roll_fault("before-put"));
    ck_assert(!roll_fault("before-put"));
    ck_assert(roll_fault("other"));
    ck_assert(!roll_fault("third"));
}
END_TEST

START_TEST(test_fault__kill_kills)
{
    g_setenv("ROLL_FAULT", "after-intent:2:kill", TRUE);
    ck_assert(!roll_fault("after-intent"));
    roll_fault("after-intent");
}
END_TEST

START_TEST(test_fault__a_misspelt_fault_does_not_pass)
{
    g_setenv("ROLL_FAULT", "after-intent:kill", TRUE);
    roll_fault("after-intent");
}
END_TEST
#endif

START_TEST(test_secret__is_kept_counted_and_wiped)
{
    roll_auto(secret) struct roll_secret *secret = roll_secret_new("s3cret\0x", 8);
    struct roll_secret *again = roll_secret_ref(secret);
    char memory[] = "secret";

    ck_assert_ptr_eq(again, secret);
    roll_secret_free(again);
    ck_assert_uint_eq(roll_secret_size(secret), 8);
    ck_assert_mem_eq(roll_secret_reveal(secret), "s3cret\0x", 9);
    roll_wipe(memory, sizeof memory);
    for (size_t i = 0; i < sizeof memory; i++)
        ck_assert_int_eq(memory[i], 0);
    roll_secret_free(NULL);
    ck_assert_ptr_null(roll_secret_ref(NULL));
    g_autofree char *large = g_strnfill(100000, 'k');
    roll_auto(secret) struct roll_secret *long_secret = roll_secret_new(large, 100000);
    ck_assert_str_eq(roll_secret_reveal(long_secret), large);
}
END_TEST

START_TEST(test_log__writes_one_harmless_line_at_its_level)
{
    char text[128] = "";
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    ck_assert_int_eq(roll_log_level(), ROLL_LOG_NORMAL);
    roll_log(ROLL_LOG_VERBOSE, "not seen");
    roll_log(ROLL_LOG_NORMAL, "a\nb \x1b[31m%d", 7);
    roll_log_set_level(ROLL_LOG_QUIET);
    roll_log(ROLL_LOG_NORMAL, "not seen");
    close(fds[1]);
    close(STDERR_FILENO);
    ck_assert_int_gt(read(fds[0], text, sizeof text - 1), 0);
    ck_assert_str_eq(text, "roll: a b \\x1B[31m7\n");
}
END_TEST

static void shown(const char *text, bool keep_lines, const char *wanted)
{
    g_autoptr(GString) out = g_string_new(NULL);

    roll_text_safe(text, strlen(text), keep_lines, out);
    ck_assert_str_eq(out->str, wanted);
}

START_TEST(test_text__controls_are_shown)
{
    shown("plain gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80", false,
          "plain gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80");
    shown("\x1b]0;x\x07", false, "\\x1B]0;x\\x07");
    shown("\x7F\xC2\x9B", false, "\\x7F\\x9B");
    shown("a\xE2\x80\xAE"
          "b\xE2\x81\xA6",
          false, "a\\u{202E}b\\u{2066}");
    shown("\xD8\x9C\xE2\x80\xA8\xEF\xBB\xBF", false, "\\u{061C}\\u{2028}\\u{FEFF}");
    shown("\xFF\xC3", false, "\\xFF\\xC3");
    shown("a\r\nb\nc\rd", false, "a b c d");
    shown("a\r\nb\nc\td", true, "a\nb\nc d");
    g_autoptr(GString) out = g_string_new(NULL);
    roll_text_safe("a\0b", 3, false, out);
    ck_assert_str_eq(out->str, "a\\x00b");
}
END_TEST

START_TEST(test_text__a_json_document_keeps_its_value)
{
    static const char *const texts[] = {
        "##vso[task.x]", "a ##[error]", "\x1b[0m \x7f \xC2\x9B \xE2\x80\xAE \xF3\xA0\x81\x81",
        "::error::\n",   "##",          "plain gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80"};
    roll_auto(json) json_t *value = json_array();
    roll_auto(json) json_t *again = NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        json_array_append_new(value, json_string(texts[i]));
    roll_json_write_pretty(value, text);
    roll_text_safe_json(text);
    ck_assert_ptr_null(strstr(text->str, "##vso["));
    ck_assert_ptr_null(strstr(text->str, "##["));
    for (size_t i = 0; i < text->len; i++)
        ck_assert(text->str[i] == '\n' || (unsigned char)text->str[i] >= 0x20);
    ck_assert_ptr_null(strstr(text->str, "\xC2\x9B"));
    ck_assert_ptr_null(strstr(text->str, "\xE2\x80\xAE"));
    ck_assert_ptr_null(strstr(text->str, "\xF3\xA0\x81\x81"));
    ck_assert_ptr_nonnull(strstr(text->str, texts[5]));
    again = json_loads(text->str, 0, NULL);
    ck_assert(again && json_equal(again, value));
}
END_TEST

START_TEST(test_text__pipeline_commands_are_broken_up)
{
    shown("\xC2\xA0 \xE3\x80\x80::error::x", false, "\xC2\xA0 \xE3\x80\x80: :error::x");
    shown("x ##vso[task.setvariable]y", false, "x # #vso[task.setvariable]y");
    shown("##VSO[task]", false, "# #VSO[task]");
    shown("##[error]x", false, "# #[error]x");
    shown("::set-output name=a::b", false, ": :set-output name=a::b");
    shown("a\n  ::error::x", true, "a\n  : :error::x");
    shown("std::string # ## #[", false, "std::string # ## #[");
}
END_TEST

START_TEST(test_text__width_of_what_a_terminal_shows)
{
    ck_assert_int_eq(roll_text_width(""), 0);
    ck_assert_int_eq(roll_text_width("abc"), 3);
    ck_assert_int_eq(roll_text_width("gr\xC3\xBC\xC3\x9F"), 4);
    ck_assert_int_eq(roll_text_width("\xE6\x97\xA5\xE6\x9C\xAC"), 4);
    ck_assert_int_eq(roll_text_width("e\xCC\x81"), 1);
}
END_TEST

START_TEST(test_text__nearest_candidate)
{
    static const char *const commands[] = {"status", "release", "resume", "report",
                                           "back",   "out",     "log",    NULL};

    ck_assert_str_eq(roll_text_nearest("statsu", commands), "status");
    ck_assert_str_eq(roll_text_nearest("relase", commands), "release");
    ck_assert_str_eq(roll_text_nearest("BACK", commands), "back");
    ck_assert_str_eq(roll_text_nearest("rel", commands), "release");
    ck_assert_str_eq(roll_text_nearest("bakc", commands), "back");
    ck_assert_ptr_null(roll_text_nearest("deploy", commands));
    ck_assert_ptr_null(roll_text_nearest("", commands));
    ck_assert_ptr_null(roll_text_nearest("xy", commands));
    g_autofree char *large = g_strnfill(10000, 'a');
    ck_assert_ptr_null(roll_text_nearest(large, commands));
}
END_TEST

static void no_error_is_lost(void)
{
    ck_assert_int_eq(roll_error_live(), 0);
}

static TCase *plain_tests(void)
{
    TCase *tcase = tcase_create("base");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, NULL, no_error_is_lost);
    tcase_add_test(tcase, test_error__chain_keeps_code_and_order);
    tcase_add_test(tcase, test_error__success_stays_success);
    tcase_add_test(tcase, test_error__errno_becomes_a_code);
    tcase_add_test(tcase, test_error__exit_statuses_are_the_contract);
    tcase_add_test(tcase, test_digest__sha256_vectors);
    tcase_add_test(tcase, test_digest__hex_and_uuid_are_recognised);
    tcase_add_test(tcase, test_digest__uuids_from_parts_are_stable_and_separate);
    tcase_add_test(tcase, test_time__rfc3339);
    tcase_add_test(tcase, test_base__a_date_of_http_has_english_names);
    tcase_add_test(tcase, test_time__every_day_is_exact);
    tcase_add_test(tcase, test_time__what_is_no_time_is_refused);
    tcase_add_test(tcase, test_time__durations);
    tcase_add_test(tcase, test_time__durations_for_people);
    tcase_add_test(tcase, test_time__clocks_run);
    tcase_add_test(tcase, test_secret__is_kept_counted_and_wiped);
    tcase_add_test(tcase, test_log__writes_one_harmless_line_at_its_level);
    tcase_add_test(tcase, test_text__controls_are_shown);
    tcase_add_test(tcase, test_text__pipeline_commands_are_broken_up);
    tcase_add_test(tcase, test_text__a_json_document_keeps_its_value);
    tcase_add_test(tcase, test_text__width_of_what_a_terminal_shows);
    tcase_add_test(tcase, test_text__nearest_candidate);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("base");

    suite_add_tcase(suite, plain_tests());
#ifdef ROLL_TESTING
    TCase *switches = tcase_create("switches");
    tcase_add_test(switches, test_time__the_test_clock_runs_on_from_where_it_is_set);
    tcase_add_test(switches, test_fault__errors_at_the_named_pass_only);
    tcase_add_test_raise_signal(switches, test_fault__kill_kills, SIGKILL);
    tcase_add_test_raise_signal(switches, test_fault__a_misspelt_fault_does_not_pass, SIGTRAP);
    suite_add_tcase(suite, switches);
#endif
    return run_suite(suite);
}
