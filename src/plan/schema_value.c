/* Keywords about single values: types, choices, texts and numbers. */
#include <string.h>

#include "plan/schema.h"
#include "rollbook/time.h"

static bool is_object(const json_t *value)
{
    return json_is_object(value);
}

static bool is_array(const json_t *value)
{
    return json_is_array(value);
}

static bool is_string(const json_t *value)
{
    return json_is_string(value);
}

static bool is_integer(const json_t *value)
{
    return json_is_integer(value);
}

static bool is_number(const json_t *value)
{
    return json_is_number(value);
}

static bool is_boolean(const json_t *value)
{
    return json_is_boolean(value);
}

static const struct type {
    const char *name;
    const char *shown;
    bool (*holds)(const json_t *value);
} types[] = {
    {"object", "an object { }", is_object},    {"array", "a list [ ]", is_array},
    {"string", "a text in quotes", is_string}, {"integer", "a whole number", is_integer},
    {"number", "a number", is_number},         {"boolean", "true or false", is_boolean},
};

static const struct type *find_type(const char *name)
{
    for (size_t at = 0; at < G_N_ELEMENTS(types); at++)
        if (strcmp(types[at].name, name) == 0)
            return &types[at];
    return NULL;
}

bool roll_keyword_type_known(const char *name)
{
    return find_type(name) != NULL;
}

void roll_keyword_type(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    const struct type *type = find_type(json_string_value(argument));
    if (type->holds(value))
        return;
    /* a title describes texts; that a text is expected at all is said first */
    (void)rules;
    roll_check_expected(check, NULL, type->shown, value);
}

void roll_keyword_enum(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    (void)rules;
    g_autoptr(GString) expected = g_string_new("one of ");
    size_t at;
    json_t *choice;
    json_array_foreach (argument, at, choice) {
        if (json_equal(choice, value))
            return;
        g_string_append_printf(expected, "%s'%s'", at ? ", " : "", json_string_value(choice));
    }
    roll_check_expected(check, NULL, expected->str, value);
}

void roll_keyword_const(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    (void)rules;
    if (json_equal(argument, value))
        return;
    g_autofree char *expected = g_strdup_printf("'%s'", json_string_value(argument));
    roll_check_expected(check, NULL, expected, value);
}

void roll_keyword_pattern(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    if (!json_is_string(value))
        return;
    const char *pattern = json_string_value(argument);
    if (g_regex_match(roll_schema_pattern(check->schema, pattern), json_string_value(value), 0,
                      NULL))
        return;
    g_autofree char *expected = g_strdup_printf("a text that matches %s", pattern);
    roll_check_expected(check, rules, expected, value);
}

/* ---- formats -------------------------------------------------------------------------------- */

static bool is_duration(const char *text)
{
    int64_t ms;
    roll_auto(error) struct roll_error *err =
        text[0] == 'P' ? roll_duration_parse(text, &ms) : roll_error_new(ROLL_E_INVALID, "short");
    return !err;
}

static bool is_uuid(const char *text)
{
    return g_uuid_string_is_valid(text);
}

static const struct format {
    const char *name;
    const char *shown;
    bool (*holds)(const char *text);
} formats[] = {
    {"duration", "a duration such as PT10M, PT1H30M or P2D", is_duration},
    {"uuid", "a GUID such as 11111111-1111-1111-1111-111111111111", is_uuid},
};

static const struct format *find_format(const char *name)
{
    for (size_t at = 0; at < G_N_ELEMENTS(formats); at++)
        if (strcmp(formats[at].name, name) == 0)
            return &formats[at];
    return NULL;
}

bool roll_keyword_format_known(const char *name)
{
    return find_format(name) != NULL;
}

void roll_keyword_format(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    const struct format *format = find_format(json_string_value(argument));
    if (json_is_string(value) && !format->holds(json_string_value(value)))
        roll_check_expected(check, rules, format->shown, value);
}

/* ---- numbers and lengths -------------------------------------------------------------------- */

void roll_keyword_minimum(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    (void)rules;
    double least = json_number_value(argument);
    if (!json_is_number(value) || json_number_value(value) >= least)
        return;
    g_autofree char *expected = g_strdup_printf("at least %.15g", least);
    roll_check_expected(check, NULL, expected, value);
}

void roll_keyword_maximum(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    (void)rules;
    double most = json_number_value(argument);
    if (!json_is_number(value) || json_number_value(value) <= most)
        return;
    g_autofree char *expected = g_strdup_printf("at most %.15g", most);
    roll_check_expected(check, NULL, expected, value);
}

void roll_keyword_min_length(struct roll_check *check, json_t *rules, json_t *argument,
                             json_t *value)
{
    if (!json_is_string(value) ||
        g_utf8_strlen(json_string_value(value), -1) >= json_integer_value(argument))
        return;
    g_autofree char *expected = g_strdup_printf("at least %" JSON_INTEGER_FORMAT " characters",
                                                json_integer_value(argument));
    roll_check_expected(check, rules, expected, value);
}

void roll_keyword_max_length(struct roll_check *check, json_t *rules, json_t *argument,
                             json_t *value)
{
    (void)rules;
    if (!json_is_string(value) ||
        g_utf8_strlen(json_string_value(value), -1) <= json_integer_value(argument))
        return;
    g_autofree char *expected = g_strdup_printf("at most %" JSON_INTEGER_FORMAT " characters",
                                                json_integer_value(argument));
    roll_check_expected(check, NULL, expected, value);
}
