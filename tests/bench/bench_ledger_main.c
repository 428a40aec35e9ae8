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
        bench_workspace_make(arguments.folder[0], arguments.events,
                             arguments.cloud ? arguments.cloud : "sandbox");
    else
        fprintf(stderr, "usage: bench-ledger [--events N] [--cloud NAME] FOLDER   N from 1000\n");
    g_free(arguments.cloud);
    g_strfreev(arguments.folder);
    return good ? 0 : 2;
}
