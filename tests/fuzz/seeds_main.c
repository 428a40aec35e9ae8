/* Seeds from files that are there anyway: `fuzz-seeds FOLDER SOURCE [SHARED]` fills
 * FOLDER/expression, FOLDER/template, FOLDER/parameters and FOLDER/plan from SOURCE/tests/data,
 * SOURCE/plans and, where it is there, the corpus of SHARED. Nothing of it is kept: scripts/fuzz
 * makes them anew. */
#include <glib/gstdio.h>

#include "fuzz.h"

#define SEED_MAX 6144 /* larger ones only make it slow */

static const char *out;
static int made;

static void put(const char *target, const char *text)
{
    g_autofree char *folder = g_build_filename(out, target, NULL);
    g_autofree char *name = g_strdup_printf("seed-%05d", made++);
    g_autofree char *path = g_build_filename(folder, name, NULL);

    if (strlen(text) > SEED_MAX)
        return;
    FUZZ_CHECK(g_mkdir_with_parents(folder, 0700) == 0, "%s", folder);
    FUZZ_CHECK(g_file_set_contents(path, text, -1, NULL), "%s", path);
}

/* EXPRESSION => …, ?> … or !! …, as tests/data/template/README.md says. */
static void put_vectors(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        char *end = strstr(*line, " => ");
        if (!end)
            end = strstr(*line, " ?> ");
        if (!end)
            end = strstr(*line, " !! ");
        if (!end || **line == '#')
            continue;
        *end = '\0';
        put("expression", *line);
    }
}

static char *text_of(const json_t *value)
{
    GString *text = g_string_new(NULL);

    roll_json_write(value, text);
    return g_string_free(text, FALSE);
}

/* A vector of the shared corpus: its template (with its expression as an output) and parameters. */
static void put_vector(const json_t *vector)
{
    const json_t *tmpl = json_object_get(vector, "template");
    const json_t *parameters = json_object_get(vector, "parametersFile");
    const char *expression = roll_json_get_string(vector, "expression");

    if (expression)
        put("expression", expression);
    if (!tmpl)
        return;
    g_autofree char *text = text_of(tmpl);
    g_autofree char *file = parameters ? text_of(parameters) : NULL;
    g_autofree char *both = file ? g_strconcat(text, "\n====\n", file, NULL) : g_strdup(text);
    put("template", both);
    if (file)
        put("parameters", file);
}

static void put_file(const char *path)
{
    g_autofree char *text = NULL;
    gsize size = 0;
    roll_auto(json) json_t *value = NULL;

    if (!g_file_get_contents(path, &text, &size, NULL))
        return;
    if (g_str_has_suffix(path, ".txt")) {
        put_vectors(text);
        return;
    }
    roll_auto(error) struct roll_error *err = roll_json_parse(text, size, ROLL_JSON_ARM, &value);
    if (err)
        return;
    for (size_t i = 0; i < json_array_size(value); i++)
        put_vector(json_array_get(value, i));
    if (json_object_get(value, "service"))
        put("plan", text);
    else if (json_object_get(value, "resources"))
        put("template", text);
    else if (json_object_get(value, "parameters"))
        put("parameters", text);
}

static void walk(const char *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);

    if (!dir)
        return;
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            walk(path);
        else
            put_file(path);
    }
    g_dir_close(dir);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s FOLDER SOURCE [SHARED]\n", argv[0]);
        return 2;
    }
    out = argv[1];
    g_autofree char *data = g_build_filename(argv[2], "tests/data", NULL);
    g_autofree char *plans = g_build_filename(argv[2], "plans", NULL);
    walk(data);
    walk(plans);
    if (argc > 3) {
        g_autofree char *corpus = g_build_filename(argv[3], "corpus", NULL);
        walk(corpus);
    }
    printf("%d seeds\n", made);
    return 0;
}
