/* What the tests of the template module share. */
#ifndef ROLL_TEST_TEMPLATE_TOOLS_H
#define ROLL_TEST_TEMPLATE_TOOLS_H

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/template.h"

#define SCHEMA(kind)                                                                               \
    "\"$schema\":\"https://schema.management.azure.com/schemas/2019-04-01/" kind "Template.json#"  \
                                                                                 "\""
#define HEAD "{" SCHEMA("deployment") ",\"contentVersion\":\"1.0.0.0\","
#define HEAD2                                                                                      \
    "{" SCHEMA("deployment") ",\"contentVersion\":\"1.0.0.0\",\"languageVersion\":\"2.0\","
#define RG "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/DummyResourceGroup"

/* Expressions hold both kinds of quotes: tests write ` for " in JSON. */
static inline char *quoted(const char *text)
{
    char *copy = g_strdup(text);
    for (char *at = copy; *at; at++)
        if (*at == '`')
            *at = '"';
    return copy;
}

static inline json_t *json_of(const char *text)
{
    g_autofree char *strict = quoted(text);
    json_t *value = NULL;
    struct roll_error *err = roll_json_parse(strict, strlen(strict), ROLL_JSON_STRICT, &value);
    ck_assert_msg(!err, "%s: %s", strict, err ? err->message : "");
    return value;
}

static inline char *text_of(const json_t *value)
{
    GString *text = g_string_new(NULL);
    if (value)
        roll_json_write(value, text);
    return g_string_free(text, FALSE);
}

static inline struct roll_template *template_of(const char *text)
{
    g_autofree char *strict = quoted(text);
    struct roll_template *tmpl = NULL;
    struct roll_error *err = roll_template_read(strict, strlen(strict), "main.json", &tmpl);
    ck_assert_msg(!err, "%s: %s", text, err ? err->message : "");
    return tmpl;
}

static inline struct roll_error *try_expand(const char *text, const char *parameters,
                                            struct roll_expansion **ret_expansion)
{
    g_autofree char *strict = quoted(text);
    roll_auto(template) struct roll_template *tmpl = NULL;
    roll_auto(json) json_t *given = parameters ? json_of(parameters) : NULL;
    ROLL_TRY(roll_template_read(strict, strlen(strict), "main.json", &tmpl));
    struct roll_template_input input = {.context = {.scope = roll_template_scope(tmpl)},
                                        .parameters = given};
    return roll_template_expand(tmpl, &input, ret_expansion);
}

static inline struct roll_expansion *expansion_of(const char *text, const char *parameters)
{
    struct roll_expansion *expansion = NULL;
    struct roll_error *err = try_expand(text, parameters, &expansion);
    ck_assert_msg(!err, "%s: %s", text, err ? err->message : "");
    return expansion;
}

static inline void assert_json(const json_t *actual, const char *expected)
{
    roll_auto(json) json_t *wanted = json_of(expected);
    g_autofree char *got = text_of(actual);
    g_autofree char *want = text_of(wanted);
    ck_assert_msg(actual && json_equal(actual, wanted), "is %s, expected %s", got, want);
}

static inline void assert_fails(const char *text, const char *parameters, const char *message)
{
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    struct roll_error *err = try_expand(text, parameters, &expansion);
    ck_assert_msg(err != NULL, "did not fail: %s", text);
    ck_assert_msg(strstr(err->message, message) != NULL, "failed with: %s", err->message);
    roll_error_free(err);
    ck_assert_int_eq(roll_error_live(), 0);
}

/* A member by path, such as `0.properties.template.resources.1.id`. Borrowed. */
static inline json_t *at_path(const json_t *value, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    for (char **part = parts; *part && value; part++)
        value = json_is_array(value) ? json_array_get(value, (size_t)strtoul(*part, NULL, 10))
                                     : json_object_get(value, *part);
    return (json_t *)(uintptr_t)value;
}

static inline void assert_at(const json_t *value, const char *path, const char *expected)
{
    const json_t *found = at_path(value, path);
    g_autofree char *all = text_of(value);
    ck_assert_msg(found != NULL, "nothing at %s of %s", path, all);
    assert_json(found, expected);
}

#endif
