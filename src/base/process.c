/* Child processes by posix_spawn, in a session of their own.
 *
 * A session gives the group that a time-out kills, and takes the terminal away: a tool that would
 * ask for a password fails at once instead of being stopped in the background. The child stays a
 * zombie until all is over, so that its group's number cannot be reused for somebody else while
 * signals may still be sent to it. */
#include "rollbook/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rollbook/time.h"

#define DEFAULT_OUTPUT_BYTES ((size_t)1 << 20)
#define KILL_AFTER_MS 5000 /* from SIGTERM to SIGKILL */
#define LINGER_MS 2000     /* for what the child left behind and that still holds its output */
#define READS_PER_PUMP 16  /* a child that never stops writing must not hold the event loop */
#define FILES_MAX 8        /* that a child is given beside its standard ones */
#define BLIND_POLL_MS 5    /* where the kernel has no pidfd */

enum phase { PHASE_RUNNING, PHASE_TERMINATED, PHASE_KILLED };

struct roll_process {
    pid_t pid;
    int fds[2]; /* stdout, stderr; -1 when closed */
    enum phase phase;
    bool exited;
    bool reaped;
    int64_t deadline_ms; /* boot ms of the next signal, 0: none */
    int64_t linger_ms;   /* boot ms when the output is cut off after the exit, 0: not yet */
    size_t max_output_bytes;
    struct roll_process_result result; /* owned until it is handed over */
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* An absolute path, since the child changes its folder before exec. A name with a slash is relative
 * to cwd. */
static char *find_program(const struct roll_process_options *options)
{
    const char *name = options->argv[0];

    if (strchr(name, '/')) {
        g_autofree char *folder = g_canonicalize_filename(options->cwd ? options->cwd : ".", NULL);
        g_autofree char *path = g_canonicalize_filename(name, folder);
        return g_file_test(path, G_FILE_TEST_IS_EXECUTABLE) &&
                       !g_file_test(path, G_FILE_TEST_IS_DIR)
                   ? g_steal_pointer(&path)
                   : NULL;
    }
    g_autofree char *found = g_find_program_in_path(name);
    return found ? g_canonicalize_filename(found, NULL) : NULL;
}

/* What proves who we are stays with us: a gate or a health check is somebody else's program, and
 * az, ssh-keygen and bicep need none of it. */
static const char *const credentials[] = {
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_PASSWORD",
    "IDENTITY_HEADER",
    "MSI_SECRET",
    "ARM_ACCESS_KEY",
    "ARM_SAS_TOKEN",
    "ARM_CLIENT_SECRET",
    "SYSTEM_ACCESSTOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    NULL,
};

static char **hide(char **environment, const char *const *names)
{
    for (; names && *names; names++)
        environment = g_environ_unsetenv(environment, *names);
    return environment;
}

static bool is_bare(const char *variable)
{
    static const char *const names[] = {
        "PATH=", "HOME=",   "USER=",          "LOGNAME=",       "LANG=",           "LC_",
        "TZ=",   "TMPDIR=", "SSH_AUTH_SOCK=", "SSH_AGENT_PID=", "SSH_SK_PROVIDER="};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_str_has_prefix(variable, names[i]))
            return true;
    return false;
}

/* Takes the list. */
static char **keep_bare(char **environment)
{
    GPtrArray *kept = g_ptr_array_new();

    for (char **variable = environment; *variable; variable++) {
        if (is_bare(*variable))
            g_ptr_array_add(kept, *variable);
        else
            g_free(*variable);
    }
    g_ptr_array_add(kept, NULL);
    g_free(environment);
    return (char **)g_ptr_array_free(kept, FALSE);
}

static char **make_environment(const struct roll_process_options *options)
{
    char **environment = hide(hide(g_get_environ(), credentials), options->env_hide);
    const char *const *env_add = options->env_add;

    if (options->env_bare)
        environment = keep_bare(environment);
    for (; env_add && *env_add; env_add++) {
        const char *equals = strchr(*env_add, '=');
        g_assert(equals);
        g_autofree char *name = g_strndup(*env_add, (gsize)(equals - *env_add));
        environment = g_environ_setenv(environment, name, equals + 1, TRUE);
    }
    return environment;
}

static void set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t all, none;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(attributes,
                                  &all); /* our PIPE is ignored; the child's must not be */
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setflags(attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static void set_descriptors(posix_spawn_file_actions_t *actions,
                            const struct roll_process_options *options, const int *files, int out,
                            int err)
{
    const char *input = options->input_path ? options->input_path : "/dev/null";

    posix_spawn_file_actions_addopen(actions, STDIN_FILENO, input, O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(actions, err, STDERR_FILENO);
    for (int i = 0; i < options->file_count; i++)
        posix_spawn_file_actions_adddup2(actions, files[i], STDERR_FILENO + 1 + i);
    posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1 + options->file_count);
    if (options->cwd)
        posix_spawn_file_actions_addchdir_np(actions, options->cwd);
}

/* Copies with numbers that are in nobody's way when they become 3, 4, … */
static int copy_files(const struct roll_process_options *options, int ret_copies[FILES_MAX])
{
    int failure = 0;

    g_assert(options->file_count <= FILES_MAX);
    for (int i = 0; i < options->file_count; i++) {
        ret_copies[i] = fcntl(options->files[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1 + FILES_MAX);
        if (ret_copies[i] < 0)
            failure = errno;
    }
    return failure;
}

/* 0 or errno. */
static int spawn(const struct roll_process_options *options, const char *program, int out, int err,
                 pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int files[FILES_MAX];
    g_auto(GStrv) environment = make_environment(options);
    g_auto(GStrv) argv =
        g_strdupv((char **)(uintptr_t)options->argv); /* posix_spawn wants it mutable */

    int failure = copy_files(options, files);

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    set_attributes(&attributes);
    set_descriptors(&actions, options, files, out, err);
    if (!failure)
        failure = posix_spawn(ret_pid, program, &actions, &attributes, argv, environment);
    for (int i = 0; i < options->file_count; i++)
        close_fd(&files[i]);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* Should our own 0 to 2 be closed, a pipe may get their numbers. The order in set_descriptors holds
 * for that, too: the end that the child writes to is never 0, and stdout's lies below stderr's. */
static bool make_pipe(int ret_fds[2])
{
    return pipe2(ret_fds, O_CLOEXEC) == 0 && fcntl(ret_fds[0], F_SETFL, O_NONBLOCK) == 0;
}

struct roll_error *roll_process_start(const struct roll_process_options *options,
                                      struct roll_process **ret_process)
{
    g_autofree char *program = find_program(options);
    int out[2] = {-1, -1}, err[2] = {-1, -1}, failure;
    pid_t pid = -1;

    if (!program)
        return roll_error_new(ROLL_E_NOT_FOUND, "the command '%s' is not there", options->argv[0]);
    if (make_pipe(out) && make_pipe(err))
        failure = spawn(options, program, out[1], err[1], &pid);
    else
        failure = errno ? errno : EMFILE;
    close_fd(&out[1]);
    close_fd(&err[1]);
    if (failure) {
        close_fd(&out[0]);
        close_fd(&err[0]);
        return roll_error_new(ROLL_E_PROCESS, "cannot start '%s'%s%s%s: %s", program,
                              options->cwd ? " in '" : "", options->cwd ? options->cwd : "",
                              options->cwd ? "'" : "", g_strerror(failure));
    }
    struct roll_process *process = g_new0(struct roll_process, 1);
    process->pid = pid;
    process->fds[0] = out[0];
    process->fds[1] = err[0];
    if (options->timeout_ms > 0)
        process->deadline_ms = roll_boot_ms() + options->timeout_ms;
    process->max_output_bytes =
        options->max_output_bytes ? options->max_output_bytes : DEFAULT_OUTPUT_BYTES;
    process->result = (struct roll_process_result){
        .exit_status = -1, .out = g_string_new(NULL), .err = g_string_new(NULL)};
    *ret_process = process;
    return NULL;
}

int roll_process_fds(const struct roll_process *process, int ret_fds[2])
{
    int count = 0;

    for (int i = 0; i < 2; i++)
        if (process->fds[i] >= 0)
            ret_fds[count++] = process->fds[i];
    return count;
}

int64_t roll_process_deadline(const struct roll_process *process)
{
    if (process->linger_ms && process->deadline_ms)
        return MIN(process->linger_ms, process->deadline_ms);
    return process->linger_ms ? process->linger_ms : process->deadline_ms;
}

static void read_output(struct roll_process *process, int *fd, GString *output)
{
    char buffer[16384];

    for (int i = 0; *fd >= 0 && i < READS_PER_PUMP; i++) {
        ssize_t count = read(*fd, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0) {
            close_fd(fd);
            return;
        }
        size_t room = process->max_output_bytes - output->len;
        g_string_append_len(output, buffer, (gssize)MIN(room, (size_t)count));
        if ((size_t)count > room) /* read on, or the child would block forever */
            process->result.cut = true;
    }
}

/* Looks without reaping. */
static void look_for_exit(struct roll_process *process, int64_t boot_ms)
{
    siginfo_t info = {0};

    if (process->exited ||
        waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid != process->pid)
        return;
    process->exited = true;
    process->linger_ms = boot_ms + LINGER_MS;
    if (info.si_code == CLD_EXITED)
        process->result.exit_status = info.si_status;
    else
        process->result.signal = info.si_status;
}

static void signal_group(const struct roll_process *process, int signal)
{
    kill(-process->pid, signal);
}

static void fire_timers(struct roll_process *process, int64_t boot_ms)
{
    if (process->exited && boot_ms >= process->linger_ms) {
        signal_group(process, SIGKILL);
        close_fd(&process->fds[0]);
        close_fd(&process->fds[1]);
        return;
    }
    if (!process->deadline_ms || boot_ms < process->deadline_ms)
        return;
    if (process->phase == PHASE_RUNNING) {
        process->result.timed_out = !process->exited;
        process->phase = PHASE_TERMINATED;
        process->deadline_ms = boot_ms + KILL_AFTER_MS;
        signal_group(process, SIGTERM);
    } else {
        process->phase = PHASE_KILLED;
        process->deadline_ms = 0;
        signal_group(process, SIGKILL);
    }
}

static void reap(struct roll_process *process)
{
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    process->reaped = true;
}

bool roll_process_pump(struct roll_process *process, int64_t boot_ms,
                       struct roll_process_result *ret_result)
{
    if (process->reaped)
        return false;
    look_for_exit(process, boot_ms); /* before reading: what an ended child wrote is all there */
    read_output(process, &process->fds[0], process->result.out);
    read_output(process, &process->fds[1], process->result.err);
    fire_timers(process, boot_ms);
    if (!process->exited || process->fds[0] >= 0 || process->fds[1] >= 0)
        return false;
    if (process->phase != PHASE_RUNNING) /* what ignored SIGTERM must not outlive the time-out */
        signal_group(process, SIGKILL);
    reap(process);
    *ret_result = process->result;
    process->result = (struct roll_process_result){0};
    return true;
}

void roll_process_free(struct roll_process *process)
{
    if (!process)
        return;
    if (!process->reaped) {
        signal_group(process, SIGKILL);
        reap(process);
    }
    close_fd(&process->fds[0]);
    close_fd(&process->fds[1]);
    roll_process_result_clear(&process->result);
    g_free(process);
}

void roll_process_result_clear(struct roll_process_result *result)
{
    if (result->out)
        g_string_free(result->out, TRUE);
    if (result->err)
        g_string_free(result->err, TRUE);
    *result = (struct roll_process_result){0};
}

/* Sleeps until output, exit or timer. */
static void wait_for_change(const struct roll_process *process, int pidfd)
{
    struct pollfd polled[3];
    nfds_t count = 0;
    int64_t deadline = roll_process_deadline(process);
    int wait_ms = -1;

    for (int i = 0; i < 2; i++)
        if (process->fds[i] >= 0)
            polled[count++] = (struct pollfd){process->fds[i], POLLIN, 0};
    if (pidfd >= 0 && !process->exited)
        polled[count++] = (struct pollfd){pidfd, POLLIN, 0};
    if (deadline)
        wait_ms = (int)CLAMP(deadline - roll_boot_ms(), 0, 60000);
    if (pidfd < 0 && (wait_ms < 0 || wait_ms > BLIND_POLL_MS))
        wait_ms = BLIND_POLL_MS;
    (void)poll(polled, count, wait_ms);
}

struct roll_error *roll_process_run(const struct roll_process_options *options,
                                    struct roll_process_result *ret_result)
{
    roll_auto(process) struct roll_process *process = NULL;

    ROLL_TRY(roll_process_start(options, &process));
    int pidfd = pidfd_open(process->pid, 0);
    while (!roll_process_pump(process, roll_boot_ms(), ret_result))
        wait_for_change(process, pidfd);
    close_fd(&pidfd);
    return NULL;
}

bool roll_process_available(const char *name)
{
    g_autofree char *path = g_find_program_in_path(name);

    return path != NULL;
}

void roll_process_keep_private(void)
{
    static const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}
