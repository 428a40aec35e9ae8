/* The JSON reader in its three dialects, positions, and the writers. */
#include <check.h>
#include <stdlib.h>

#include "rollbook/json.h"
#include "suite_tools.h"

static void reads(const char *text, enum roll_dialect dialect, const char *strict)
{
    g_autoptr(GString) out = NULL;
    roll_auto(error) struct roll_error *err = roll_json_read(text, strlen(text), dialect, &out);

    ck_assert_msg(!err, "%s: %s", text, err ? err->message : "");
    ck_assert_str_eq(out->str, strict);
    ck_assert_uint_eq(out->len, strlen(strict));
}

static void refuses(const char *text, enum roll_dialect dialect, const char *message)
{
    g_autoptr(GString) out = NULL;
    roll_auto(error) struct roll_error *err = roll_json_read(text, strlen(text), dialect, &out);

    ck_assert_msg(err, "taken: %s", text);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(err->code, ROLL_E_SYNTAX);
    ck_assert_str_eq(err->message, message);
}

static json_t *parsed(const char *text, enum roll_dialect dialect)
{
    json_t *value = NULL;
    roll_auto(error) struct roll_error *err = roll_json_parse(text, strlen(text), dialect, &value);

    ck_assert_msg(!err, "%s: %s", text, err ? err->message : "");
    return value;
}

START_TEST(test_json__strict_text_is_minified_and_otherwise_untouched)
{
    static const char *const same[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "0.10",
        "1.0",
        "1E+2",
        "1e-07",
        "9223372036854775808",
        "123456789012345678901234567890",
        "\"\"",
        "\"a\\u0041\\/\\n\"",
        "\"\xC3\xA9\xF0\x9F\x98\x80\"",
        "\"\\ud83d\\ude00\"",
        "\"\\u0000\"",
        "[]",
        "{}",
        "[[],{}]",
        "{\"b\":1,\"a\":2,\"b\":3}",
        "\"it's // no /* comment */\"",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
        reads(same[i], ROLL_JSON_STRICT, same[i]);
        reads(same[i], ROLL_JSON_ARM, same[i]);
    }
    reads(" { \"a\" :\r\n\t[ 1 , 2.50 ,\n            {\"b\" : null } ] } \n", ROLL_JSON_STRICT,
          "{\"a\":[1,2.50,{\"b\":null}]}");
}
END_TEST

START_TEST(test_json__strict_refuses_what_is_not_json)
{
    refuses("", ROLL_JSON_STRICT, "line 1, column 1: there is no value, the text is empty");
    refuses("[1,\n 2,]", ROLL_JSON_STRICT, "line 2, column 3: a comma before ']'");
    refuses("{\"a\" 1}", ROLL_JSON_STRICT,
            "line 1, column 6: expected ':' after the name, not '1'");
    refuses("{a:1}", ROLL_JSON_STRICT, "line 1, column 2: expected a name in quotes, not 'a'");
    refuses("{\"a\":1", ROLL_JSON_STRICT,
            "line 1, column 7: the text ends where ',' or '}' is expected");
    refuses("[1}", ROLL_JSON_STRICT, "line 1, column 3: expected ',' or ']', not '}'");
    refuses("1 2", ROLL_JSON_STRICT, "line 1, column 3: expected the end of the text, not '2'");
    refuses("// c\n1", ROLL_JSON_STRICT, "line 1, column 1: expected a value, not '/'");
    refuses("nul", ROLL_JSON_STRICT, "line 1, column 1: expected a value, not 'n'");
    refuses("nullx", ROLL_JSON_STRICT, "line 1, column 1: expected a value, not 'n'");
    refuses("'a'", ROLL_JSON_STRICT, "line 1, column 1: expected a value, not '''");
    refuses("\xEF\xBB\xBF"
            "1",
            ROLL_JSON_STRICT, "line 1, column 1: expected a value, not the byte 0xEF");
    refuses("[\"a\nb\"]", ROLL_JSON_STRICT,
            "line 1, column 4: the string is not closed at the end of the line");
    refuses("\"a\tb\"", ROLL_JSON_STRICT, "line 1, column 3: control character 0x09 in a string");
    refuses("\"abc", ROLL_JSON_STRICT, "line 1, column 1: the string is never closed");
    refuses("\"abc\\", ROLL_JSON_STRICT, "line 1, column 5: the string is never closed");
    refuses("\"\\x\"", ROLL_JSON_STRICT, "line 1, column 2: '\\x' is not an escape sequence");
    refuses("\"\\u12g4\"", ROLL_JSON_STRICT,
            "line 1, column 2: '\\u' needs four hexadecimal digits");
    refuses("{\"a\\u0000\":1}", ROLL_JSON_STRICT,
            "line 1, column 2: a name must not hold the character NUL");
}
END_TEST

START_TEST(test_json__numbers_of_strict_json)
{
    refuses("+1", ROLL_JSON_STRICT, "line 1, column 1: expected a value, not '+'");
    refuses(".5", ROLL_JSON_STRICT, "line 1, column 1: expected a value, not '.'");
    refuses("01", ROLL_JSON_STRICT, "line 1, column 1: a number must not begin with zeros");
    refuses("1.", ROLL_JSON_STRICT, "line 1, column 1: the number needs digits behind the point");
    refuses("1e", ROLL_JSON_STRICT, "line 1, column 1: the number needs digits in its exponent");
    refuses("-", ROLL_JSON_STRICT, "line 1, column 1: expected a number");
    refuses("0x1F", ROLL_JSON_STRICT, "line 1, column 2: expected the end of the text, not 'x'");
}
END_TEST

START_TEST(test_json__arm_takes_what_its_reader_takes)
{
    reads("\xEF\xBB\xBF{}", ROLL_JSON_ARM, "{}");
    reads("// a\n{ /* b */ \"a\" /**/ : // c\r\n 1 /* d\n */ , }// e", ROLL_JSON_ARM, "{\"a\":1}");
    reads("[1,[2,],]", ROLL_JSON_ARM, "[1,[2]]");
    reads("[.25,-.5,+1,+.5,5.,1.e3,0x1F,0x0]", ROLL_JSON_ARM, "[0.25,-0.5,1,0.5,5.0,1.0e3,31,0]");
    reads("0x7FFFFFFFFFFFFFFF", ROLL_JSON_ARM, "9223372036854775807");
    reads("{a: 1, $b_2: 'x', 'c d': \"y\", \xC3\xA9: 2}", ROLL_JSON_ARM,
          "{\"a\":1,\"$b_2\":\"x\",\"c d\":\"y\",\"\xC3\xA9\":2}");
    reads("'it\\'s \"quoted\" and long enough \"for\" words'", ROLL_JSON_ARM,
          "\"it's \\\"quoted\\\" and long enough \\\"for\\\" words\"");
    reads("\"it\\'s\"", ROLL_JSON_ARM, "\"it's\"");
    reads("\"a\r\nb\tc\x01\x0B\"", ROLL_JSON_ARM, "\"a\\r\\nb\\tc\\u0001\\u000b\"");
    reads("\xC2\xA0[1,\xC2\xA0"
          "2]",
          ROLL_JSON_ARM, "[1,2]");
}
END_TEST

START_TEST(test_json__arm_has_its_limits)
{
    refuses("/* open", ROLL_JSON_ARM, "line 1, column 1: the comment is never closed");
    refuses("[1,,2]", ROLL_JSON_ARM, "line 1, column 4: expected a value, not ','");
    refuses("[,]", ROLL_JSON_ARM, "line 1, column 2: expected a value, not ','");
    refuses("{,}", ROLL_JSON_ARM, "line 1, column 2: expected a name in quotes, not ','");
    refuses("0x", ROLL_JSON_ARM, "line 1, column 2: expected the end of the text, not 'x'");
    refuses("0xg", ROLL_JSON_ARM, "line 1, column 1: '0x' needs hexadecimal digits");
    refuses("0x8000000000000000", ROLL_JSON_ARM,
            "line 1, column 1: the hexadecimal number does not fit into 63 bits");
    refuses(".", ROLL_JSON_ARM, "line 1, column 1: the number needs digits behind the point");
    refuses("\"\xFF\"", ROLL_JSON_ARM, "line 1, column 2: the byte 0xFF is not UTF-8");
    refuses("/", ROLL_JSON_ARM, "line 1, column 1: unexpected '/'");
}
END_TEST

START_TEST(test_json__plan_refuses_doubled_names)
{
    reads("{\"a\":1,/* c */\"b\":{\"a\":2,},}", ROLL_JSON_PLAN, "{\"a\":1,\"b\":{\"a\":2}}");
    refuses("{\"a\":1,\n  \"\\u0061\":2}", ROLL_JSON_PLAN,
            "line 2, column 3: the name 'a' is there twice");
    refuses("{'a':1}", ROLL_JSON_PLAN, "line 1, column 2: expected a name in quotes, not '''");
    refuses("\"a\tb\"", ROLL_JSON_PLAN, "line 1, column 3: control character 0x09 in a string");
}
END_TEST

START_TEST(test_json__surrogates_and_utf8_must_be_whole)
{
    static const char *const bad[] = {
        "\"\\ud800\"",  "\"\\udc00\"",      "\"\\ud800\\u0041\"",   "\"\\ud800x\"",
        "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xE2\x82\"",
        "\"\x80\"",     "\"\xE0\x80\x80\"", "\"\xF0\x80\x80\x80\"", "\"\xC3",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        for (int dialect = ROLL_JSON_STRICT; dialect <= ROLL_JSON_PLAN; dialect++) {
            g_autoptr(GString) out = NULL;
            roll_auto(error) struct roll_error *err =
                roll_json_read(bad[i], strlen(bad[i]), (enum roll_dialect)dialect, &out);
            ck_assert_int_eq(roll_error_code(err), ROLL_E_SYNTAX);
        }
}
END_TEST

/* Every length up to some words, every place of the special byte: the scan by words must not miss
 * or overrun. */
START_TEST(test_json__special_bytes_are_found_anywhere)
{
    for (size_t size = 1; size < 40; size++)
        for (size_t at = 0; at < size; at++) {
            g_autoptr(GString) text = g_string_new("\"");
            g_autoptr(GString) wanted = g_string_new("\"");
            for (size_t i = 0; i < size; i++) {
                g_string_append(text, i == at ? "\n" : "a");
                g_string_append(wanted, i == at ? "\\n" : "a");
            }
            g_string_append_c(text, '"');
            g_string_append_c(wanted, '"');
            reads(text->str, ROLL_JSON_ARM, wanted->str);
            g_autoptr(GString) out = NULL;
            roll_auto(error) struct roll_error *err =
                roll_json_read(text->str, text->len, ROLL_JSON_STRICT, &out);
            ck_assert_int_eq(roll_error_code(err), ROLL_E_SYNTAX);
        }
}
END_TEST

static char *nested(int depth)
{
    GString *text = g_string_new(NULL);

    for (int i = 0; i < depth; i++)
        g_string_append(text, i % 2 ? "[" : "{\"a\":");
    g_string_append(text, "1");
    for (int i = depth - 1; i >= 0; i--)
        g_string_append_c(text, i % 2 ? ']' : '}');
    return g_string_free(text, FALSE);
}

START_TEST(test_json__depth_and_size_are_bounded)
{
    g_autofree char *deep = nested(ROLL_JSON_MAX_DEPTH);
    g_autofree char *deeper = nested(ROLL_JSON_MAX_DEPTH + 1);
    g_autoptr(GString) out = NULL;

    reads(deep, ROLL_JSON_PLAN, deep);
    roll_auto(error) struct roll_error *err =
        roll_json_read(deeper, strlen(deeper), ROLL_JSON_PLAN, &out);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_LIMIT);
    ck_assert_str_eq(err->message, "line 1, column 301: nested deeper than 100 levels");

    roll_auto(error) struct roll_error *large =
        roll_json_read("1", (size_t)ROLL_JSON_MAX_BYTES + 1, ROLL_JSON_STRICT, &out);
    ck_assert_int_eq(roll_error_code(large), ROLL_E_LIMIT);
    ck_assert_ptr_null(out);
}
END_TEST

START_TEST(test_json__parse_keeps_nul_and_large_numbers)
{
    roll_auto(json) json_t *value =
        parsed("[\"a\\u0000b\", 9223372036854775807, -9223372036854775808, 9223372036854775808, "
               "+18446744073709551616, 1e308, {\"a\":1,\"a\":2}]",
               ROLL_JSON_ARM);

    ck_assert_uint_eq(json_string_length(json_array_get(value, 0)), 3);
    ck_assert_int_eq(json_integer_value(json_array_get(value, 1)), INT64_MAX);
    ck_assert_int_eq(json_integer_value(json_array_get(value, 2)), INT64_MIN);
    ck_assert(json_is_real(json_array_get(value, 3)));
    ck_assert_double_eq(json_real_value(json_array_get(value, 3)), 9223372036854775808.0);
    ck_assert_double_eq(json_real_value(json_array_get(value, 4)), 18446744073709551616.0);
    ck_assert_double_eq(json_real_value(json_array_get(value, 5)), 1e308);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(value, 6), "a")), 2);
}
END_TEST

START_TEST(test_json__parse_refuses_what_no_double_holds)
{
    g_autofree char *digits = g_strnfill(400, '9');
    g_autofree char *fraction = g_strconcat(digits, ".5", NULL);
    const char *const large[] = {"1e309", "-1E400", digits, fraction};

    for (size_t i = 0; i < G_N_ELEMENTS(large); i++) {
        json_t *value = NULL;
        roll_auto(error) struct roll_error *err =
            roll_json_parse(large[i], strlen(large[i]), ROLL_JSON_STRICT, &value);
        ck_assert_int_eq(roll_error_code(err), ROLL_E_SYNTAX);
        ck_assert_str_eq(err->message, "line 1, column 1: the number is too large");
        reads(large[i], ROLL_JSON_STRICT, large[i]); /* the text keeps it */
    }
}
END_TEST

/* One to three bytes of the text replaced, removed or doubled; the seed is fixed, so that every run
 * is the same. */
static void mutate(GRand *random, GString *text)
{
    static const char bytes[] = "{}[]\"\\:,.+-eE0x19utnf /*'\n\t\x01\x80\xC3\xFF";

    for (int i = g_rand_int_range(random, 1, 4); i > 0 && text->len > 0; i--) {
        gsize at = (gsize)g_rand_int_range(random, 0, (gint32)text->len);
        char byte = bytes[g_rand_int_range(random, 0, sizeof bytes - 1)];
        switch (g_rand_int_range(random, 0, 3)) {
        case 0:
            text->str[at] = byte;
            break;
        case 1:
            g_string_erase(text, (gssize)at, 1);
            break;
        default:
            g_string_insert_c(text, (gssize)at, byte);
            break;
        }
    }
}

static const char mutated[] = "{\"a\": [1, -2.5e3, true, null, \"x\\u00e9\\ud83d\\ude00\\n\\/\"],"
                              " \"b\\t\": {\"c\": {}, \"d\": []}, \"\xC3\xA9\": false, \"a\": 0.1}";

START_TEST(test_json__strict_agrees_with_jansson)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(42);
    int taken = 0;

    for (int i = 0; i < 100000; i++) {
        g_autoptr(GString) text = g_string_new(mutated);
        mutate(random, text);
        roll_auto(json) json_t *theirs =
            json_loadb(text->str, text->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        roll_auto(json) json_t *ours = NULL;
        roll_auto(error) struct roll_error *err =
            roll_json_parse(text->str, text->len, ROLL_JSON_STRICT, &ours);
        if (!err != !!theirs || (theirs && !json_equal(ours, theirs)))
            ck_abort_msg("%s: %s", text->str, err ? err->message : "taken or different");
        taken += theirs != NULL;
    }
    ck_assert_int_gt(taken, 1000); /* or nothing was compared */
}
END_TEST

START_TEST(test_json__what_is_read_is_strict_and_means_the_same)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(43);
    int taken = 0;

    for (int i = 0; i < 100000; i++) {
        g_autoptr(GString) text = g_string_new(mutated);
        g_autoptr(GString) strict = NULL, again = NULL;
        mutate(random, text);
        roll_auto(json) json_t *value = NULL;
        roll_auto(error) struct roll_error *err =
            roll_json_read(text->str, text->len, ROLL_JSON_ARM, &strict);
        roll_auto(error) struct roll_error *no_value =
            roll_json_parse(text->str, text->len, ROLL_JSON_ARM, &value);
        if (!err != !no_value)
            ck_abort_msg("%s: as text or as value, not both", text->str);
        if (err)
            continue;
        taken++;
        roll_auto(error) struct roll_error *broken =
            roll_json_read(strict->str, strict->len, ROLL_JSON_STRICT, &again);
        roll_auto(json) json_t *theirs =
            json_loadb(strict->str, strict->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (broken || !g_string_equal(strict, again) || !json_equal(theirs, value))
            ck_abort_msg("%s became %s", text->str, strict->str);
    }
    ck_assert_int_gt(taken, 1000);
}
END_TEST

START_TEST(test_json__broken_text_does_not_confuse_the_search)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(44);

    for (int i = 0; i < 20000; i++) {
        g_autoptr(GString) text = g_string_new(mutated);
        int line = 0, column = 0;
        mutate(random, text);
        roll_json_where(text->str, text->len, ROLL_JSON_PLAN, "/b\t/d/0", &line, &column);
        ck_assert(line >= 1 && column >= 1 && (size_t)column <= text->len + 1);
    }
}
END_TEST

static void stands_at(const char *text, const char *pointer, int line, int column)
{
    int found_line = 0, found_column = 0;

    roll_json_where(text, strlen(text), ROLL_JSON_ARM, pointer, &found_line, &found_column);
    ck_assert_msg(found_line == line && found_column == column, "'%s' at %d:%d, not %d:%d", pointer,
                  found_line, found_column, line, column);
}

START_TEST(test_json__where_finds_names_and_elements)
{
    static const char text[] = "// head\n"
                               "{\n"
                               "  \"a\": { \"b/c\": [10, 20,\n"
                               "     {\"~d\": 1}] },\n"
                               "  \"x\": { \"b/c\": 1 }, \"\": 3, \"\\u0065\": 4,\n"
                               "  \"dup\": {\"p\": 1},\n"
                               "  \"dup\": {\"q\": 1}\n"
                               "}";

    stands_at(text, "", 2, 1);
    stands_at(text, "/a", 3, 3);
    stands_at(text, "/a/b~1c", 3, 10);
    stands_at(text, "/a/b~1c/1", 3, 22);
    stands_at(text, "/a/b~1c/2/~0d", 4, 7);
    stands_at(text, "/x/b~1c", 5, 10);
    stands_at(text, "/", 5, 22);
    stands_at(text, "/e", 5, 29);
    stands_at(text, "/a/none/of/this", 3, 3);
    stands_at(text, "/none", 2, 1);
    stands_at(text, "/dup/q", 7, 11);
    stands_at(text, "/dup/p", 7, 3);
    stands_at("", "/a", 1, 1);
    stands_at("{\"a\":1, \"b\": oops", "/a", 1, 2);
}
END_TEST

static void canonical(const char *text, const char *wanted)
{
    roll_auto(json) json_t *value = parsed(text, ROLL_JSON_STRICT);
    g_autoptr(GString) out = NULL;
    roll_auto(error) struct roll_error *err = roll_json_canonical(value, &out);

    ck_assert_msg(!err, "%s: %s", text, err ? err->message : "");
    ck_assert_str_eq(out->str, wanted);
}

START_TEST(test_json__canonical_vectors)
{
    canonical("{\"b\":[1, 2],\"a\":{\"d\":null,\"c\":true}}",
              "{\"a\":{\"c\":true,\"d\":null},\"b\":[1,2]}");
    /* By byte: upper case first, then `_`, lower case, and what is not ASCII behind all. */
    canonical("{\"\xC3\xA9\":1,\"z\":2,\"_\":3,\"Z\":4,\"\":5,\"aa\":6,\"a\":7,"
              "\"\xF0\x9F\x98\x80\":8,\"\xEF\xBF\xBD\":9}",
              "{\"\":5,\"Z\":4,\"_\":3,\"a\":7,\"aa\":6,\"z\":2,\"\xC3\xA9\":1,\"\xEF\xBF\xBD\":9,"
              "\"\xF0\x9F\x98\x80\":8}");
    canonical("\"\\u0041\\/\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001F\\u007f\\u00e9\\ud83d\\ude00\"",
              "\"A/\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7F\xC3\xA9\xF0\x9F\x98\x80\"");
    canonical("[9007199254740992,-9007199254740992,0,-0]",
              "[9007199254740992,-9007199254740992,0,0]");
    canonical("[[],{}]", "[[],{}]");
}
END_TEST

START_TEST(test_json__canonical_refuses_what_has_two_spellings)
{
    json_t *const values[] = {json_real(1.5), json_integer(9007199254740993),
                              json_integer(-9007199254740993), json_string_nocheck("\xFF"),
                              json_pack("[f]", 2.0)};
    json_t *deep = json_array();

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GString) out = NULL;
        roll_auto(error) struct roll_error *err = roll_json_canonical(values[i], &out);
        ck_assert_int_eq(roll_error_code(err), ROLL_E_INVALID);
        ck_assert_ptr_null(out);
        json_decref(values[i]);
    }
    for (int i = 0; i < ROLL_JSON_MAX_DEPTH; i++)
        deep = json_pack("[o]", deep);
    g_autoptr(GString) out = NULL;
    roll_auto(error) struct roll_error *err = roll_json_canonical(deep, &out);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_INVALID);
    json_decref(deep);
}
END_TEST

START_TEST(test_json__write_spells_reals_shortest_and_exact)
{
    static const char *const same[] = {
        "0.1",
        "1.0",
        "-0.0",
        "1e+100",
        "0.30000000000000004",
        "4.94065645841247e-324",
        "1.7976931348623157e+308",
        "1e-07",
        "123456789.125",
        "{\"b\":1,\"a\":[\"x\",null]}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
        roll_auto(json) json_t *value = parsed(same[i], ROLL_JSON_STRICT);
        g_autoptr(GString) out = g_string_new(NULL);
        roll_json_write(value, out);
        ck_assert_str_eq(out->str, same[i]);
    }
}
END_TEST

START_TEST(test_json__pretty_is_for_people)
{
    roll_auto(json) json_t *value =
        parsed("{\"a\":[1,{\"b\":\"c\"}],\"d\":{},\"e\":[]}", ROLL_JSON_STRICT);
    g_autoptr(GString) out = g_string_new(NULL);

    roll_json_write_pretty(value, out);
    ck_assert_str_eq(out->str, "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"c\"\n    }\n  ],\n"
                               "  \"d\": {},\n  \"e\": []\n}");
}
END_TEST

START_TEST(test_json__lookup_prefers_the_exact_spelling)
{
    roll_auto(json) json_t *value = parsed("{\"NAME\":1,\"Name\":\"x\",\"n\":2}", ROLL_JSON_STRICT);

    ck_assert_str_eq(json_string_value(roll_json_get_nocase(value, "Name")), "x");
    ck_assert_int_eq(json_integer_value(roll_json_get_nocase(value, "name")), 1);
    ck_assert_ptr_null(roll_json_get_nocase(value, "other"));
    ck_assert_ptr_null(roll_json_get_nocase(NULL, "n"));
    ck_assert_str_eq(roll_json_get_string(value, "Name"), "x");
    ck_assert_ptr_null(roll_json_get_string(value, "n"));
    ck_assert_ptr_null(roll_json_get_string(value, "name"));
}
END_TEST

static void no_error_is_lost(void)
{
    ck_assert_int_eq(roll_error_live(), 0);
}

/* Elements as canonical text, one a line; a `3` ends the reading. */
static struct roll_error *each_line(void *data, const char *within, const char *name,
                                    const json_t *element)
{
    g_autoptr(GString) text = NULL;

    ROLL_TRY(roll_json_canonical(element, &text));
    if (within)
        g_string_append_printf(data, "%s: ", within);
    g_string_append_printf(data, "%s%s%s\n", name ? name : "", name ? "=" : "", text->str);
    return strcmp(text->str, "3") == 0 ? roll_error_new(ROLL_E_CONFLICT, "three") : NULL;
}

static const char *const list[] = {"list", NULL};
static const char *const any[] = {"*", "list", NULL};
static const char *const inner[] = {"a", "b", "list", NULL};

static void hands_over(const char *const *path, const char *text, const char *lines,
                       const char *rest)
{
    g_autoptr(GString) seen = g_string_new(NULL);
    g_autoptr(GString) left = NULL;
    roll_auto(json) json_t *head = NULL;
    roll_auto(error) struct roll_error *err = roll_json_parse_each(
        text, strlen(text), ROLL_JSON_STRICT, path, lines ? each_line : NULL, seen, &head);

    ck_assert_str_eq(seen->str, lines ? lines : "");
    if (!rest) {
        ck_assert_int_eq(roll_error_code(err), ROLL_E_CONFLICT);
        ck_assert_ptr_null(head);
        return;
    }
    ck_assert_msg(!err, "%s: %s", text, err ? err->message : "");
    err = roll_json_canonical(head, &left);
    ck_assert_ptr_null(err);
    ck_assert_str_eq(left->str, rest);
}

START_TEST(test_json__elements_are_handed_over_one_by_one)
{
    hands_over(list,
               "{\"a\":[1,2],\"list\":[{\"list\":[7]},[8,[9]],5,\"x\",{}],\"z\":{\"list\":[4]}}",
               "{\"list\":[7]}\n[8,[9]]\n5\n\"x\"\n{}\n",
               "{\"a\":[1,2],\"list\":[],\"z\":{\"list\":[4]}}");
    hands_over(list, "{\"list\":[]}", "", "{\"list\":[]}");
    hands_over(list, "{\"list\":{\"list\":[1],\"b\":2}}", "list=[1]\nb=2\n", "{\"list\":{}}");
    hands_over(list, "[[1],{\"list\":[1]}]", "", "[[1],{\"list\":[1]}]");
    hands_over(
        any,
        "{\"a\":{\"list\":[1],\"b\":2},\"b\":{\"c\":{\"list\":[3]}},\"c\":{\"list\":{\"x\":4}},"
        "\"d\":[{\"list\":[5]}],\"list\":[6]}",
        "a: 1\nc: x=4\n",
        "{\"a\":{\"b\":2,\"list\":[]},\"b\":{\"c\":{\"list\":[3]}},\"c\":{\"list\":{}},"
        "\"d\":[{\"list\":[5]}],\"list\":[6]}");
    hands_over(list, "{\"list\":[1,3,4]}", "1\n3\n", NULL);
    hands_over(
        inner,
        "{\"a\":{\"b\":{\"list\":[1,{\"a\":[]}],\"x\":[2]},\"list\":[4]},\"b\":{\"list\":[5]}}",
        "1\n{\"a\":[]}\n",
        "{\"a\":{\"b\":{\"list\":[],\"x\":[2]},\"list\":[4]},\"b\":{\"list\":[5]}}");
    hands_over(inner, "{\"a\":[{\"b\":{\"list\":[1]}}]}", "", "{\"a\":[{\"b\":{\"list\":[1]}}]}");
    hands_over(list, "{\"list\":[1,[2]],\"z\":[1]}", NULL, "{\"list\":[],\"z\":[1]}");
}
END_TEST

START_TEST(test_json__a_value_is_skipped_as_it_stands)
{
    static const char *const values[] = {
        "1",
        "-1.5e+3",
        "true",
        "null",
        "\"\"",
        "{}",
        "[]",
        "[[],{}]",
        "\"],}\"",
        "\"a\\\"]\\\\\"",
        "[1]",
        "[1,[2,{\"a]\":[3]}],\"}\"]",
        "{\"a\":{\"b\":[1,\"{\"]},\"c\":null}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *text = g_strdup_printf("%s,\"behind\"]", values[i]);
        ck_assert_str_eq(roll_json_skip(text), ",\"behind\"]");
        ck_assert_str_eq(roll_json_skip(values[i]), ""); /* at the end of a text, too */
    }
    ck_assert_str_eq(roll_json_skip_string("\"a\\\"b\":1"), ":1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("json");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, NULL, no_error_is_lost);
    tcase_add_test(tcase, test_json__strict_text_is_minified_and_otherwise_untouched);
    tcase_add_test(tcase, test_json__strict_refuses_what_is_not_json);
    tcase_add_test(tcase, test_json__a_value_is_skipped_as_it_stands);
    tcase_add_test(tcase, test_json__numbers_of_strict_json);
    tcase_add_test(tcase, test_json__arm_takes_what_its_reader_takes);
    tcase_add_test(tcase, test_json__arm_has_its_limits);
    tcase_add_test(tcase, test_json__plan_refuses_doubled_names);
    tcase_add_test(tcase, test_json__surrogates_and_utf8_must_be_whole);
    tcase_add_test(tcase, test_json__special_bytes_are_found_anywhere);
    tcase_add_test(tcase, test_json__depth_and_size_are_bounded);
    tcase_add_test(tcase, test_json__parse_keeps_nul_and_large_numbers);
    tcase_add_test(tcase, test_json__parse_refuses_what_no_double_holds);
    tcase_add_test(tcase, test_json__elements_are_handed_over_one_by_one);
    tcase_add_test(tcase, test_json__strict_agrees_with_jansson);
    tcase_add_test(tcase, test_json__what_is_read_is_strict_and_means_the_same);
    tcase_add_test(tcase, test_json__broken_text_does_not_confuse_the_search);
    tcase_add_test(tcase, test_json__where_finds_names_and_elements);
    tcase_add_test(tcase, test_json__canonical_vectors);
    tcase_add_test(tcase, test_json__canonical_refuses_what_has_two_spellings);
    tcase_add_test(tcase, test_json__write_spells_reals_shortest_and_exact);
    tcase_add_test(tcase, test_json__pretty_is_for_people);
    tcase_add_test(tcase, test_json__lookup_prefers_the_exact_spelling);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
