/* Credentials written into the template itself would be in the ledger for ever. Every text in it is
 * looked at, also those inside of expressions; a refusal names the place, and never the text. */
#include <string.h>

#include "release/maker.h"

struct looking {
    struct release_maker *maker;
    GString *path; /* a JSON pointer to what is looked at */
};

/* The texts between single quotes, one by one: what stands behind `Password=` outside of them is an
 * expression, and no password. */
static const char *scan_expression(const struct release_scanner *scanner, const char *text)
{
    g_autoptr(GString) literal = g_string_new(NULL);
    const char *what = NULL;
    bool inside = false;

    for (const char *at = text; *at && !what; at++) {
        if (*at != '\'') {
            if (inside)
                g_string_append_c(literal, *at);
        } else if (inside && at[1] == '\'') {
            g_string_append_c(literal, *at++);
        } else {
            if (inside)
                what = release_scan_text(scanner, literal->str, literal->len);
            g_string_truncate(literal, 0);
            inside = !inside;
        }
    }
    return what;
}

static const char *scan(const struct release_scanner *scanner, const char *text)
{
    bool expression = text[0] == '[' && text[1] != '[' && g_str_has_suffix(text, "]");

    return expression ? scan_expression(scanner, text)
                      : release_scan_text(scanner, text, strlen(text));
}

/* A parameter's default also goes by the parameter's name. */
static bool is_overridden(const struct looking *looking)
{
    const char *const *overrides = looking->maker->options->overrides;
    g_auto(GStrv) parts = g_strsplit(looking->path->str, "/", 5);

    return release_overridden(overrides, "secret-scan", looking->path->str) ||
           (g_strv_length(parts) > 3 && g_ascii_strcasecmp(parts[1], "parameters") == 0 &&
            g_ascii_strcasecmp(parts[3], "defaultValue") == 0 &&
            release_overridden(overrides, "secret-scan", parts[2]));
}

static struct roll_error *check_text(const struct looking *looking, const char *text)
{
    struct release_maker *maker = looking->maker;
    const char *what = scan(maker->scanner, text);

    if (!what)
        return NULL;
    if (is_overridden(looking)) {
        release_maker_note(maker, "the secret scan was overridden for %s of the template",
                           looking->path->str);
        return NULL;
    }
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED,
                       "the template holds what looks like %s, at %s; the ledger would keep it",
                       what, looking->path->str),
        g_strdup("a parameter of type securestring in its place, with a Key Vault reference"),
        g_strdup_printf("--override secret-scan:%s, if it is none", looking->path->str), NULL);
}

static struct roll_error *check_value(struct looking *looking, const json_t *value);

static struct roll_error *check_member(struct looking *looking, const char *name,
                                       const json_t *value)
{
    gsize size = looking->path->len;

    g_string_append_printf(looking->path, "/%s", name);
    struct roll_error *err = check_value(looking, value);
    g_string_truncate(looking->path, size);
    return err;
}

static struct roll_error *check_value(struct looking *looking, const json_t *value)
{
    const char *name;
    json_t *member;

    if (json_is_string(value))
        return check_text(looking, json_string_value(value));
    for (size_t i = 0; i < json_array_size(value); i++) {
        g_autofree char *index = g_strdup_printf("%zu", i);
        ROLL_TRY(check_member(looking, index, json_array_get(value, i)));
    }
    json_object_foreach ((json_t *)(uintptr_t)value, name, member)
        ROLL_TRY(check_member(looking, name, member));
    return NULL;
}

struct roll_error *release_check_template(struct release_maker *maker)
{
    struct looking looking = {maker, g_string_new(NULL)};
    struct roll_error *err = check_value(&looking, roll_template_value(maker->tmpl));

    g_string_free(looking.path, TRUE);
    return err;
}
