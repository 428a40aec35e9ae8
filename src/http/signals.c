/* Signals become bytes in a pipe of the loop; nothing else happens in the handler. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "http/internal.h"

static const int user_signals[] = {SIGINT, SIGTERM, SIGHUP};

struct signals {
    int read_fd, write_fd;
    bool has_user, has_child;
    struct sigaction old_user[G_N_ELEMENTS(user_signals)], old_child;
    void (*fn)(void *user, int signal_number);
    void *user;
};

/* The interrupt flag of the process: where the handler writes. -1 while no loop has the signals. */
static volatile sig_atomic_t signal_pipe = -1;

static void on_signal(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;

    /* A full pipe holds enough bytes to wake the loop. */
    if (signal_pipe >= 0 && write(signal_pipe, &byte, 1) < 0)
        errno = saved;
    errno = saved;
}

static void install(int number, void (*handler)(int), struct sigaction *ret_old)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, ret_old);
}

static struct roll_error *need_pipe(struct roll_loop *loop)
{
    int fds[2];

    if (loop->signals)
        return NULL;
    if (signal_pipe >= 0)
        return roll_error_new(ROLL_E_INTERNAL, "another loop of this process has the signals");
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return roll_error_errno(errno, "cannot make a pipe for signals");
    loop->signals = g_new0(struct signals, 1);
    loop->signals->read_fd = fds[0];
    loop->signals->write_fd = fds[1];
    signal_pipe = fds[1];
    signal(SIGPIPE, SIG_IGN); /* stays so: a peer that hangs up is an error code, never the end */
    return NULL;
}

struct roll_error *roll_loop_signals(struct roll_loop *loop,
                                     void (*fn)(void *user, int signal_number), void *user)
{
    ROLL_TRY(need_pipe(loop));
    struct signals *signals = loop->signals;
    signals->fn = fn;
    signals->user = user;
    if (signals->has_user)
        return NULL;
    signals->has_user = true;
    for (size_t i = 0; i < G_N_ELEMENTS(user_signals); i++)
        install(user_signals[i], on_signal, &signals->old_user[i]);
    return NULL;
}

struct roll_error *signals_need_child(struct roll_loop *loop)
{
    ROLL_TRY(need_pipe(loop));
    if (!loop->signals->has_child) {
        loop->signals->has_child = true;
        install(SIGCHLD, on_signal, &loop->signals->old_child);
    }
    return NULL;
}

int signals_fd(const struct roll_loop *loop)
{
    return loop->signals ? loop->signals->read_fd : -1;
}

/* Children are pumped after every wait; their signal has done its work by ending the wait. */
void signals_dispatch(struct roll_loop *loop)
{
    unsigned char bytes[64];
    ssize_t count = 0;

    while ((count = read(loop->signals->read_fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < count; i++)
            if (bytes[i] != SIGCHLD && loop->signals->fn)
                loop->signals->fn(loop->signals->user, bytes[i]);
    }
}

void signals_free(struct signals *signals)
{
    if (!signals)
        return;
    for (size_t i = 0; signals->has_user && i < G_N_ELEMENTS(user_signals); i++)
        sigaction(user_signals[i], &signals->old_user[i], NULL);
    if (signals->has_child)
        sigaction(SIGCHLD, &signals->old_child, NULL);
    signal_pipe = -1;
    close(signals->read_fd);
    close(signals->write_fd);
    g_free(signals);
}
