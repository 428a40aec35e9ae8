/* bench-report [--json FILE] [--machine TEXT] RESULT…: one table out of what was measured, and one
 * of how cost grows.
 *
 * A RESULT is hyperfine's export ROW.COUNT.ROUND.json of two commands, the floor and this program
 * (several rounds are taken together), or holds lines of JSON: a row as bench_row writes it;
 * {"id", "missing"}, why a row was not measured; {"growth": WHAT, "of": THINGS, "points": [[SIZE,
 * SECONDS], …]}. TEXT says where and when: it is the document's member "machine". */
#include <stdio.h>

#include "report.h"
#include "rollbook/json.h"

static void write_json(const char *path, const char *machine, const struct report *report)
{
    roll_auto(json) json_t *document = report_json(report);
    g_autoptr(GString) text = g_string_new(NULL);

    if (machine)
        json_object_set_new(document, "machine", json_string(machine));
    roll_json_write_pretty(document, text);
    g_string_append_c(text, '\n');
    if (!g_file_set_contents(path, text->str, (gssize)text->len, NULL))
        bench_ok(roll_error_new(ROLL_E_IO, "cannot write '%s'", path));
}

struct arguments {
    char *json, *machine;
    char **results;
};

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct report report = {0};
    const GOptionEntry options[] = {
        {"json", 0, 0, G_OPTION_ARG_FILENAME, &arguments.json, "also as a document", "FILE"},
        {"machine", 0, 0, G_OPTION_ARG_STRING, &arguments.machine, "where and when", "TEXT"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments.results, NULL, "RESULT"},
        {NULL},
    };
    GOptionContext *context = g_option_context_new(NULL);

    g_option_context_add_main_entries(context, options, NULL);
    bool good = g_option_context_parse(context, &argc, &argv, NULL) && arguments.results;
    g_option_context_free(context);
    if (!good) {
        fprintf(stderr, "usage: bench-report [--json FILE] [--machine TEXT] RESULT…\n");
        return 2;
    }
    for (char **result = arguments.results; *result; result++)
        report_read(&report, *result);
    report_sum_up(&report);
    if (arguments.machine)
        printf("%s\n", arguments.machine);
    report_print(&report);
    if (arguments.json)
        write_json(arguments.json, arguments.machine, &report);
    g_ptr_array_unref(report.rows);
    g_ptr_array_unref(report.growth);
    g_free(arguments.json);
    g_free(arguments.machine);
    g_strfreev(arguments.results);
    return 0;
}
