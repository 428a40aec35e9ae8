/* Findings in a template: everything that can be found at once, each with its place in the file. */
#include "check.h"

#include <stdio.h>

#define MAX_FINDINGS 200

/* file: NULL, or another than the one that is checked. */
static void add_at(struct checker *checker, const char *level, const char *file, int line,
                   int column, const char *message)
{
    g_autofree char *key = g_strdup_printf("%s:%d:%d:%s", file ? file : "", line, column, message);
    if (json_array_size(checker->findings) >= MAX_FINDINGS ||
        g_hash_table_contains(checker->seen, key))
        return;
    g_hash_table_add(checker->seen, g_steal_pointer(&key));
    json_t *finding = json_object();
    if (file)
        object_put(finding, "file", json_text(file));
    object_put(finding, "line", json_integer(line));
    object_put(finding, "column", json_integer(column));
    object_put(finding, "level", json_text(level));
    object_put(finding, "message", json_text(message));
    json_array_append_new(checker->findings, finding);
    checker->errors += strcmp(level, "error") == 0;
}

/* At the pointer where the checker stands. */
void check_add(struct checker *checker, const char *level, const char *format, ...)
{
    int line = 0;
    int column = 0;
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    /* One expression can make the same mistake a thousand times, and finding the place reads the
     * whole text. */
    g_autofree char *key = g_strdup_printf("%s:%s", checker->pointer->str, message);
    if (json_array_size(checker->findings) >= MAX_FINDINGS ||
        !g_hash_table_add(checker->seen, g_steal_pointer(&key)))
        return;
    roll_json_where(checker->text, checker->size, ROLL_JSON_ARM, checker->pointer->str, &line,
                    &column);
    add_at(checker, level, NULL, line, column, message);
}

gsize check_enter(struct checker *checker, const char *key)
{
    gsize length = checker->pointer->len;
    g_string_append_c(checker->pointer, '/');
    for (; *key; key++) {
        if (*key == '~' || *key == '/')
            g_string_append(checker->pointer, *key == '~' ? "~0" : "~1");
        else
            g_string_append_c(checker->pointer, *key);
    }
    return length;
}

gsize check_enter_index(struct checker *checker, size_t index)
{
    gsize length = checker->pointer->len;
    g_string_append_printf(checker->pointer, "/%zu", index);
    return length;
}

void check_leave(struct checker *checker, gsize length)
{
    g_string_truncate(checker->pointer, length);
}

/* ---- the whole ---- */

/* An error of reading or expanding as a finding; consumes it. */
static void add_error(struct checker *checker, struct roll_error *err)
{
    roll_auto(json) json_t *detail = NULL;
    int line = 0;
    int column = 0;
    const char *file = NULL;
    if (!err)
        return;
    if (err->detail) {
        struct roll_error *bad =
            roll_json_parse(err->detail, strlen(err->detail), ROLL_JSON_STRICT, &detail);
        roll_error_free(bad);
    }
    if (detail) {
        line = (int)json_integer_value(json_object_get(detail, "line"));
        column = (int)json_integer_value(json_object_get(detail, "column"));
        file = roll_json_get_string(detail, "file");
        file = g_strcmp0(file, checker->file_name) == 0 ? NULL : file;
    } else if (sscanf(err->message, "line %9d, column %9d", &line, &column) != 2) {
        line = 1; /* of the file as a whole */
        column = 1;
    }
    const char *message = err->message;
    const char *rest = g_str_has_prefix(message, "line ") ? strstr(message, ": ") : NULL;
    add_at(checker, "error", file, line, column, rest && !detail ? rest + 2 : message);
    roll_error_free(err);
}

/* Values that nobody gives here are unknown, as a Key Vault's are: what does not depend on them is
 * evaluated all the same. */
static json_t *unknown_values(const struct roll_template *tmpl)
{
    json_t *given = json_object();
    for (size_t i = 0; i < roll_template_parameter_count(tmpl); i++) {
        const struct roll_template_parameter *parameter = roll_template_parameter_at(tmpl, i);
        if (!parameter->has_default && !parameter->nullable)
            json_object_set_new(given, parameter->name, json_pack("{s:s}", "expression", ""));
    }
    return given;
}

static void check_asserts(struct checker *checker, const json_t *root, const json_t *asserts)
{
    const char *name;
    json_t *value;
    const char *section_key = object_key(root, "asserts");
    if (!section_key)
        return;
    json_object_foreach ((json_t *)(uintptr_t)asserts, name, value) {
        if (!json_is_false(value))
            continue;
        gsize length = check_enter(checker, section_key);
        check_enter(checker, name);
        check_add(checker, "error", "The template assertion '%s' fails.", name);
        check_leave(checker, length);
    }
}

/* What only evaluation finds. */
static void check_expansion(struct checker *checker, const struct roll_template *tmpl)
{
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    roll_auto(json) json_t *given = unknown_values(tmpl);
    struct roll_template_input input = {.context = {.scope = roll_template_scope(tmpl)},
                                        .parameters = given,
                                        .linker = checker->linker};
    struct roll_error *err = roll_template_expand(tmpl, &input, &expansion);
    if (!err)
        check_asserts(checker, tmpl->root, expansion->asserts);
    else if (json_object_size(given) > 0 && strstr(err->message, "must be known before"))
        roll_error_free(err); /* the count of a loop: a value will say it */
    else
        add_error(checker, err);
}

static void check_file(struct checker *checker)
{
    roll_auto(json) json_t *root = NULL;
    roll_auto(template) struct roll_template *tmpl = NULL;
    struct roll_error *err = roll_json_parse_within(checker->text, checker->size, ROLL_JSON_ARM,
                                                    MAX_READ(checker->size), &root, NULL);
    if (err || !json_is_object(root)) {
        add_error(checker, err ? err : template_error("The template is not an object."));
        return;
    }
    check_template(checker, root, NULL);
    g_clear_pointer(&root, json_decref); /* the template has values of its own */
    add_error(checker, roll_template_read(checker->text, checker->size, checker->file_name, &tmpl));
    if (tmpl && checker->errors == 0)
        check_expansion(checker, tmpl);
}

static int compare_findings(const void *a, const void *b)
{
    const json_t *left = *(const json_t *const *)a;
    const json_t *right = *(const json_t *const *)b;
    json_int_t lines = json_integer_value(json_object_get(left, "line")) -
                       json_integer_value(json_object_get(right, "line"));
    json_int_t columns = json_integer_value(json_object_get(left, "column")) -
                         json_integer_value(json_object_get(right, "column"));
    return lines != 0 ? (lines < 0 ? -1 : 1) : columns < 0 ? -1 : columns > 0;
}

static json_t *in_order(const json_t *findings)
{
    size_t index;
    json_t *finding;
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    json_array_foreach (findings, index, finding)
        g_ptr_array_add(sorted, finding);
    g_ptr_array_sort(sorted, compare_findings);
    json_t *all = json_array();
    for (guint i = 0; i < sorted->len; i++)
        json_array_append(all, sorted->pdata[i]);
    return all;
}

struct roll_error *roll_template_check(const char *text, size_t size, const char *file_name,
                                       const struct roll_template_linker *linker,
                                       json_t **ret_findings)
{
    roll_auto(json) json_t *findings = json_array();
    struct checker checker = {.text = text,
                              .size = size,
                              .file_name = file_name,
                              .linker = linker,
                              .findings = findings,
                              .seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                              .pointer = g_string_new(NULL)};
    check_file(&checker);
    *ret_findings = in_order(findings);
    g_hash_table_unref(checker.seen);
    g_string_free(checker.pointer, TRUE);
    return NULL;
}
