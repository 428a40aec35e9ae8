/* bench-ledger [--events N] [--cloud NAME] FOLDER: makes FOLDER a workspace with plans and a ledger
 * of N events (default 100,000), the same one every time. FOLDER must be empty or absent. */
#include <stdio.h>

#include "bench.h"
#include "writer.h"

struct arguments {
    gint64 events;
    char *cloud;
    char **folder;
};

static void make_folder(const char *folder)
{
    g_autofree char *plans = g_build_filename(folder, "plans", NULL);
    g_autofree char *state = g_build_filename(folder, "state", NULL);

    if (g_file_test(state, G_FILE_TEST_EXISTS))
        bench_ok(roll_error_new(ROLL_E_CONFLICT, "'%s' has a ledger already", folder));
    if (g_mkdir_with_parents(plans, 0755) != 0)
        bench_ok(roll_error_new(ROLL_E_IO, "cannot make the folder '%s'", plans));
}

static void make_workspace(const struct arguments *arguments)
{
    const char *folder = arguments->folder[0];
    const char *cloud = arguments->cloud ? arguments->cloud : "sandbox";
    g_autofree char *state = g_build_filename(folder, "state", NULL);
    struct roll_ledger *ledger = NULL;
    struct bench_shape shape;

    bench_shape_make(&shape, arguments->events);
    struct bench_content *content =
        bench_content_new(&shape, ROLL_SOURCE_DIR "/tests/bench/service.json", cloud);
    make_folder(folder);
    for (int i = 0; i < shape.services; i++)
        bench_content_plan(content, i, folder);
    bench_ok(roll_ledger_open(state, ROLL_LEDGER_CREATE, &ledger));
    bench_write(ledger, &shape, content);
    roll_ledger_close(ledger);
    bench_content_free(content);
    bench_shape_clear(&shape);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.events = 100000};
    const GOptionEntry options[] = {
        {"events", 0, 0, G_OPTION_ARG_INT64, &arguments.events, "how many events", "N"},
        {"cloud", 0, 0, G_OPTION_ARG_STRING, &arguments.cloud, "the plans' cloud", "NAME"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments.folder, NULL, "FOLDER"},
        {NULL},
    };
    GOptionContext *context = g_option_context_new(NULL);
    bool good;

    g_option_context_add_main_entries(context, options, NULL);
    good = g_option_context_parse(context, &argc, &argv, NULL) && arguments.folder &&
           !arguments.folder[1] && arguments.events >= 1000 && arguments.events <= 10000000;
    g_option_context_free(context);
    if (good)
        make_workspace(&arguments);
    else
        fprintf(stderr, "usage: bench-ledger [--events N] [--cloud NAME] FOLDER   N from 1000\n");
    g_free(arguments.cloud);
    g_strfreev(arguments.folder);
    return good ? 0 : 2;
}
