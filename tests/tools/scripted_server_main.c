/* scripted-server FILE [PORT]: serves a script until its standard input ends, then says what was
 * not as expected.
 *
 * Its first line on standard output is its address. Exit: 0 all came as expected, 1 not, 2 wrong
 * usage. */
#include <stdio.h>
#include <unistd.h>

#include "tools/scripted_server.h"

int main(int argc, char **argv)
{
    g_autofree char *script = NULL;
    g_autoptr(GError) err = NULL;
    guint64 port = 0;
    char bytes[256];

    if (argc < 2 || argc > 3 ||
        (argc == 3 && !g_ascii_string_to_unsigned(argv[2], 10, 0, 65535, &port, NULL))) {
        fprintf(stderr, "usage: scripted-server FILE [PORT]\n");
        return 2;
    }
    if (!g_file_get_contents(argv[1], &script, NULL, &err)) {
        fprintf(stderr, "scripted-server: %s\n", err->message);
        return 2;
    }
    struct scripted_server *server = scripted_server_start(script, (int)port);
    printf("%s\n", scripted_server_url(server));
    fflush(stdout);
    while (read(STDIN_FILENO, bytes, sizeof bytes) > 0)
        continue;
    g_autofree char *complaint = scripted_server_stop(server);
    if (complaint)
        fprintf(stderr, "%s", complaint);
    return complaint ? 1 : 0;
}
