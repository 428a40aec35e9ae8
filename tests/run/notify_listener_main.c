/* notify-listener NAME: what a service manager would hear at NAME.socket, a line each, into the
 * file NAME. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[1024];
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    FILE *file = argc == 2 ? fopen(argv[1], "w") : NULL;

    if (!file || fd < 0)
        return 2;
    snprintf(address.sun_path, sizeof address.sun_path, "%s.socket", argv[1]);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return 1;
    puts("ready");
    fflush(stdout);
    for (;;) {
        ssize_t size = recv(fd, text, sizeof text - 1, 0);
        if (size < 0)
            return 1;
        text[size] = '\0';
        fprintf(file, "%s\n", text);
        fflush(file);
    }
}
