/* The JSON reader in its three dialects, beside jansson's own.
 *
 * What a dialect gives is strict: jansson takes it, reading it again gives the same bytes, and the
 * value made without jansson's parser is the one that jansson makes. What jansson takes, STRICT
 * takes, but for depth. */
#include "fuzz.h"

#define LOAD (JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL)

/* NULL only for numbers that no double holds. */
static json_t *load(const GString *strict)
{
    json_error_t why;
    json_t *value = json_loadb(strict->str, strict->len, LOAD, &why);

    FUZZ_CHECK(value || json_error_code(&why) == json_error_numeric_overflow, "%s: %s", why.text,
               strict->str);
    return value;
}

/* With integers as reals on both sides, since jansson refuses what int64 does not hold. */
static json_t *as_reals(const json_t *value)
{
    const char *key;
    json_t *member;

    if (json_is_integer(value))
        return json_real((double)json_integer_value(value));
    if (json_is_array(value)) {
        json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(list, as_reals(json_array_get(value, i)));
        return list;
    }
    if (json_is_object(value)) {
        json_t *object = json_object();
        json_object_foreach ((json_t *)(uintptr_t)value, key, member)
            json_object_set_new_nocheck(object, key, as_reals(member));
        return object;
    }
    return json_incref((json_t *)(uintptr_t)value);
}

static void check_canonical(const json_t *value)
{
    g_autoptr(GString) first = NULL;
    g_autoptr(GString) second = NULL;
    roll_auto(json) json_t *again = NULL;

    if (!fuzz_ok(roll_json_canonical(value, &first)))
        return;
    FUZZ_MUST(roll_json_parse(first->str, first->len, ROLL_JSON_STRICT, &again));
    FUZZ_CHECK(json_equal(value, again), "%s", first->str);
    FUZZ_MUST(roll_json_canonical(again, &second));
    FUZZ_CHECK(g_string_equal(first, second), "%s", first->str);
}

static void check_value(const char *text, size_t size, enum roll_dialect dialect,
                        const GString *strict)
{
    roll_auto(json) json_t *ours = NULL, *theirs = load(strict);

    bool made = fuzz_ok(roll_json_parse(text, size, dialect, &ours));
    FUZZ_CHECK(made == (theirs != NULL), "%s", strict->str);
    if (!made)
        return;
    roll_auto(json) json_t *reals = as_reals(ours);
    FUZZ_CHECK(json_equal(reals, theirs), "%s", strict->str);
    fuzz_check_value(ours);
    check_canonical(ours);
}

static void check_where(const char *text, size_t size, enum roll_dialect dialect)
{
    static const char *const pointers[] = {"", "/a", "/a/b", "/0", "/1/a", "/a~1b/0", "/~0/2"};

    for (size_t i = 0; i < G_N_ELEMENTS(pointers); i++) {
        int line = 0, column = 0;
        roll_json_where(text, size, dialect, pointers[i], &line, &column);
        FUZZ_CHECK(line >= 1 && column >= 1, "%s: %d:%d", pointers[i], line, column);
    }
}

static bool check_dialect(const char *text, size_t size, enum roll_dialect dialect)
{
    g_autoptr(GString) strict = NULL;
    g_autoptr(GString) again = NULL;
    roll_auto(json) json_t *value = NULL;

    check_where(text, size, dialect);
    if (!fuzz_ok(roll_json_read(text, size, dialect, &strict))) {
        FUZZ_CHECK(!fuzz_ok(roll_json_parse(text, size, dialect, &value)), "read refused it");
        return false;
    }
    FUZZ_CHECK(strlen(strict->str) == strict->len, "a NUL in strict text");
    FUZZ_MUST(roll_json_read(strict->str, strict->len, ROLL_JSON_STRICT, &again));
    FUZZ_CHECK(g_string_equal(strict, again), "%s became %s", strict->str, again->str);
    check_value(text, size, dialect, strict);
    return true;
}

static int depth_of(const char *text, size_t size)
{
    int depth = 0, deepest = 0;
    bool quoted = false;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\' && quoted)
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == '[' || text[i] == '{'))
            depth++;
        else if (!quoted && (text[i] == ']' || text[i] == '}'))
            depth--;
        deepest = MAX(deepest, depth);
    }
    return deepest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    fuzz_begin();
    bool strict = check_dialect(text, size, ROLL_JSON_STRICT);
    bool arm = check_dialect(text, size, ROLL_JSON_ARM);
    check_dialect(text, size, ROLL_JSON_PLAN);
    FUZZ_CHECK(!strict || arm, "ARM's dialect refuses strict text");
    /* jansson overlooks a NUL behind a number. */
    roll_auto(json) json_t *theirs =
        memchr(text, '\0', size) ? NULL : json_loadb(text, size, LOAD, NULL);
    FUZZ_CHECK(!theirs || strict || depth_of(text, size) > ROLL_JSON_MAX_DEPTH, "jansson takes it");
    fuzz_end();
    return 0;
}
