/* Runs a fuzzer over every file of a folder, without libFuzzer. */
#include "fuzz.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    g_autoptr(GDir) dir = argc > 1 ? g_dir_open(argv[1], 0, NULL) : NULL;
    unsigned count = 0;
    if (!dir) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return EXIT_FAILURE;
    }
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL);
        g_autofree char *data = NULL;
        gsize size = 0;
        if (!g_file_get_contents(path, &data, &size, NULL))
            continue;
        /* Exactly as large as the input, so that a read past its end is seen. */
        g_autofree uint8_t *exact = g_memdup2(data, size);
        LLVMFuzzerTestOneInput(exact ? exact : (const uint8_t *)"", size);
        count++;
    }
    printf("%u inputs\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
