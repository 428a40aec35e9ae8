/* What several sources of tokens need: variables, secret files, an end. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "azure/credential.h"

const char *credential_variable(const char *name)
{
    const char *value = g_getenv(name);

    return value && *value ? value : NULL;
}

/* All of it, or -1 with errno; EFBIG when it is longer than max. */
static ssize_t read_all(int fd, char *buffer, size_t max)
{
    size_t size = 0;

    while (size <= max) {
        ssize_t count = read(fd, buffer + size, max + 1 - size);
        if (count == 0)
            return (ssize_t)size;
        if (count > 0)
            size += (size_t)count;
        else if (errno != EINTR)
            return -1;
    }
    errno = EFBIG;
    return -1;
}

struct roll_secret *credential_read_file(const char *path, size_t max, char **ret_problem)
{
    struct roll_secret *secret = NULL;
    struct stat status;
    /* A pipe that nobody writes to would hold us for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t size = -1;
    char *buffer = g_malloc(max + 1);

    if (fd >= 0 && fstat(fd, &status) == 0) {
        if (S_ISREG(status.st_mode))
            size = read_all(fd, buffer, max);
        else
            errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    }
    if (size < 0)
        *ret_problem = g_strdup_printf("'%s' cannot be read: %s", path, g_strerror(errno));
    else
        secret = roll_secret_new(buffer, (size_t)size);
    if (fd >= 0)
        close(fd);
    roll_wipe(buffer, max + 1);
    g_free(buffer);
    return secret;
}

void token_stop(struct token *token)
{
    struct roll_loop *loop = token->credential->loop;

    if (token->http)
        roll_http_cancel(loop, token->http);
    token->http = NULL;
    roll_loop_cancel_timer(loop, token->retry_timer);
    token->retry_timer = 0;
}
