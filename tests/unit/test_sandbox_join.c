/* The workspace's sandbox: who starts it, who joins it, when it ends, and that nothing is lost in
 * between. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "sandbox_tools.h"
#include "suite_tools.h"

#define GROUP SUB "/resourcegroups/shop"

static char *folder; /* the state folder, with a path longer than a socket's may be */
static char *top;
static struct peer peer;

static void setup(void)
{
    top = g_dir_make_tmp("roll-test-join-XXXXXX", NULL);
    ck_assert_ptr_nonnull(top);
    folder =
        g_build_filename(top, "a-workspace-whose-path-is-longer-than-a-socket-address-may-ever-be",
                         "another-folder-on-the-way-down-to-it", "state", NULL);
    ck_assert_uint_gt(strlen(folder), 108);
    peer.curl = curl_easy_init();
    peer.token = "a-token";
}

static bool is_locked(void)
{
    g_autofree char *path = g_build_filename(folder, "run", "sandbox.lock", NULL);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return locked;
}

/* The server's end is seen at its lock; it takes milliseconds. */
static void await_end(void)
{
    int64_t until = roll_boot_ms() + 60000;
    while (is_locked()) {
        ck_assert_msg(roll_boot_ms() < until, "the server does not end");
        g_usleep(2000);
    }
}

static void teardown(void)
{
    await_end();
    peer_clear(&peer);
    remove_tree(top);
    g_free(folder);
    g_free(top);
}

static void use(const struct roll_sandbox *sandbox)
{
    g_free(peer.url);
    peer.url = g_strdup(roll_sandbox_url(sandbox));
}

START_TEST(test_sandbox__one_server_serves_all_who_join)
{
    roll_auto(sandbox) struct roll_sandbox *first = NULL;
    roll_auto(sandbox) struct roll_sandbox *second = NULL;
    OK(roll_sandbox_join(folder, &first));
    OK(roll_sandbox_join(folder, &second));
    ck_assert_str_eq(roll_sandbox_url(first), roll_sandbox_url(second));
    g_autofree char *ignore = g_build_filename(folder, ".gitignore", NULL);
    ck_assert(g_file_test(ignore, G_FILE_TEST_IS_REGULAR));
    use(first);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
    roll_sandbox_leave(g_steal_pointer(&first));
    expect_only(&peer, 200, "GET", GROUP API, NULL);
    ck_assert(is_locked());
}
END_TEST

START_TEST(test_sandbox__keeps_state_and_port_over_its_end)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    OK(roll_sandbox_join(folder, &sandbox));
    g_autofree char *url = g_strdup(roll_sandbox_url(sandbox));
    use(sandbox);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
    roll_sandbox_leave(g_steal_pointer(&sandbox));
    await_end();
    OK(roll_sandbox_join(folder, &sandbox));
    ck_assert_str_eq(roll_sandbox_url(sandbox), url);
    expect_only(&peer, 200, "GET", GROUP API, NULL);
}
END_TEST

/* The port is the workspace's, wherever its folder goes. */
START_TEST(test_sandbox__keeps_the_port_of_a_folder_that_moved)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    OK(roll_sandbox_join(folder, &sandbox));
    g_autofree char *url = g_strdup(roll_sandbox_url(sandbox));
    roll_sandbox_leave(g_steal_pointer(&sandbox));
    await_end();
    g_autofree char *moved = g_build_filename(top, "moved", NULL);
    ck_assert_int_eq(g_rename(folder, moved), 0);
    OK(roll_sandbox_join(moved, &sandbox));
    ck_assert_str_eq(roll_sandbox_url(sandbox), url);
    roll_sandbox_leave(g_steal_pointer(&sandbox));
    g_free(folder);
    folder = g_steal_pointer(&moved);
}
END_TEST

START_TEST(test_sandbox__takes_another_port_when_its_own_is_taken)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    OK(roll_sandbox_join(folder, &sandbox));
    g_autofree char *url = g_strdup(roll_sandbox_url(sandbox));
    roll_sandbox_leave(g_steal_pointer(&sandbox));
    await_end();
    struct peer thief = {0};
    struct roll_sandbox_options options = {
        .port = (int)g_ascii_strtoll(strrchr(url, ':') + 1, NULL, 10)};
    peer_start(&thief, &options);
    OK(roll_sandbox_join(folder, &sandbox));
    ck_assert_str_ne(roll_sandbox_url(sandbox), url);
    peer_stop(&thief, SIGTERM);
    peer_clear(&thief);
}
END_TEST

/* Joins, and ends with 0 when the sandbox answered. With SIGKILL it never says goodbye. */
static void be_user(bool brutal)
{
    struct roll_sandbox *sandbox = NULL;
    struct roll_error *err = roll_sandbox_join(folder, &sandbox);
    if (err) {
        fprintf(stderr, "join: %s\n", err->message);
        _exit(1);
    }
    struct peer own = {
        .url = g_strdup(roll_sandbox_url(sandbox)), .curl = curl_easy_init(), .token = "a-token"};
    struct answer answer = call(&own, "GET", SUB "/resourcegroups" API, NULL);
    if (answer.status != 200) {
        fprintf(stderr, "join: answer %d, curl %d\n", answer.status, answer.curl);
        _exit(2);
    }
    if (brutal)
        kill(getpid(), SIGKILL);
    roll_sandbox_leave(sandbox);
    _exit(0);
}

START_TEST(test_sandbox__many_join_and_leave_at_once)
{
    for (int round = 0; round < 5; round++) {
        pid_t pids[20];
        for (size_t i = 0; i < G_N_ELEMENTS(pids); i++) {
            pids[i] = fork();
            ck_assert_int_ge(pids[i], 0);
            if (pids[i] == 0)
                be_user(i % 4 == 3);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(pids); i++) {
            int status;
            ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
            if (i % 4 == 3)
                ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
            else
                ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x",
                              (unsigned)status);
        }
    }
}
END_TEST

/* The process that holds the lock, from /proc/locks by the lock file's inode. */
static pid_t find_server(void)
{
    g_autofree char *path = g_build_filename(folder, "run", "sandbox.lock", NULL);
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    GDir *dir = g_dir_open("/proc", 0, NULL);
    pid_t found = 0;
    for (const char *name = g_dir_read_name(dir); name && !found; name = g_dir_read_name(dir)) {
        for (int fd = 0; fd < 20 && g_ascii_isdigit(*name); fd++) {
            g_autofree char *link = g_strdup_printf("/proc/%s/fd/%d", name, fd);
            struct stat other;
            if (stat(link, &other) == 0 && other.st_ino == info.st_ino &&
                other.st_dev == info.st_dev)
                found = (pid_t)g_ascii_strtoll(name, NULL, 10);
        }
    }
    g_dir_close(dir);
    return found;
}

START_TEST(test_sandbox__a_killed_server_is_replaced)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    roll_auto(sandbox) struct roll_sandbox *next = NULL;
    OK(roll_sandbox_join(folder, &sandbox));
    use(sandbox);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
    pid_t server = find_server();
    ck_assert_int_gt(server, 0);
    ck_assert_int_eq(kill(server, SIGKILL), 0);
    await_end();
    OK(roll_sandbox_join(folder, &next));
    ck_assert_str_eq(roll_sandbox_url(next), peer.url);
    expect_only(&peer, 200, "GET", GROUP API, NULL);
}
END_TEST

START_TEST(test_sandbox__holds_nothing_of_the_command)
{
    g_autofree char *path = g_build_filename(top, "ledger", NULL);
    int fd = open(path, O_RDWR | O_CREAT, 0600); /* without O_CLOEXEC, on purpose */
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    ck_assert_int_eq(dup2(fd, 500), 500); /* below and above what the server needs */
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    OK(roll_sandbox_join(folder, &sandbox));
    pid_t server = find_server();
    ck_assert_int_ne(getpgid(server), getpgrp());
    ck_assert_int_ne(getsid(server), getsid(0));
    close(fd);
    close(500);
    fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    close(fd);
    for (int i = 0; i < 3; i++) {
        char target[64] = "";
        g_autofree char *link = g_strdup_printf("/proc/%d/fd/%d", (int)server, i);
        ck_assert_int_gt(readlink(link, target, sizeof(target) - 1), 0);
        ck_assert_str_eq(target, "/dev/null");
    }
}
END_TEST

START_TEST(test_sandbox__stays_until_its_operations_have_ended)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    g_setenv("ROLL_SANDBOX_OPERATION_TIME", "PT0.3S", TRUE);
    OK(roll_sandbox_join(folder, &sandbox));
    use(sandbox);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
    int64_t before = roll_boot_ms();
    expect_only(&peer, 202, "DELETE", GROUP API, NULL);
    roll_sandbox_leave(g_steal_pointer(&sandbox));
    await_end();
    ck_assert_int_ge(roll_boot_ms() - before, 290); /* the clocks may differ by a tick */
    g_unsetenv("ROLL_SANDBOX_OPERATION_TIME");
}
END_TEST

/* Whoever comes after the last one has left meets a server of its own, with its own clock and
 * faults, however late the old one notices. */
START_TEST(test_sandbox__greets_nobody_when_all_have_gone)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "sandbox.sock"};
    g_autofree char *run = g_build_filename(folder, "run", NULL);
    char byte;

    OK(roll_sandbox_join(folder, &sandbox));
    pid_t server = find_server();
    ck_assert_int_gt(server, 0);
    ck_assert_int_eq(kill(server, SIGSTOP), 0);
    roll_sandbox_leave(g_steal_pointer(&sandbox));
    ck_assert_int_eq(chdir(run), 0); /* the path is too long for a socket */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(kill(server, SIGCONT), 0);
    ck_assert_int_le(recv(fd, &byte, 1, 0), 0);
    close(fd);
}
END_TEST

/* A deployment of an hour keeps the server of a workspace that is deleted no hour. */
START_TEST(test_sandbox__ends_when_its_folder_is_deleted)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    int status;

    g_setenv("ROLL_SANDBOX_OPERATION_TIME", "1h", TRUE);
    OK(roll_sandbox_join(folder, &sandbox));
    use(sandbox);
    pid_t server = find_server();
    int fd = (int)syscall(SYS_pidfd_open, server, 0);
    ck_assert_int_ge(fd, 0);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
    expect_only(&peer, 202, "DELETE", GROUP API, NULL);
    roll_sandbox_leave(g_steal_pointer(&sandbox));
    ck_assert(is_locked());
    remove_tree(folder);
    struct pollfd item = {.fd = fd, .events = POLLIN};
    while ((status = poll(&item, 1, 60000)) < 0 && errno == EINTR)
        ;
    ck_assert_msg(status == 1, "the server does not end");
    close(fd);
}
END_TEST

/* What runs ends when it is told to, and what comes afterwards takes no time. */
START_TEST(test_sandbox__hurries)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;

    g_setenv("ROLL_SANDBOX_OPERATION_TIME", "1h", TRUE);
    OK(roll_sandbox_join(folder, &sandbox));
    use(sandbox);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
    expect_only(&peer, 202, "DELETE", GROUP API, NULL);
    expect_only(&peer, 200, "GET", GROUP API, NULL);
    expect_only(&peer, 204, "POST", "/sandbox/hurry" API, NULL);
    expect_only(&peer, 404, "GET", GROUP API, NULL);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
    expect_only(&peer, 202, "DELETE", GROUP API, NULL);
    expect_only(&peer, 404, "GET", GROUP API, NULL);
}
END_TEST

START_TEST(test_sandbox__says_why_it_cannot_start)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    g_setenv("ROLL_SANDBOX_FAULTS", "explode=now", TRUE);
    FAILS(ROLL_E_USAGE, roll_sandbox_join(folder, &sandbox));
    g_unsetenv("ROLL_SANDBOX_FAULTS");
    await_end();
    g_autofree char *state = g_build_filename(folder, "sandbox.db", NULL);
    g_unlink(state);
    ck_assert(g_file_set_contents(state, "a text that is surely no database of any kind at all", -1,
                                  NULL));
    FAILS(ROLL_E_FOREIGN, roll_sandbox_join(folder, &sandbox));
}
END_TEST

START_TEST(test_sandbox__a_folder_that_is_a_file_is_a_clear_error)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    g_autofree char *file = g_build_filename(top, "file", NULL);
    ck_assert(g_file_set_contents(file, "x", -1, NULL));
    FAILS(ROLL_E_IO, roll_sandbox_join(file, &sandbox));
    ck_assert_ptr_null(sandbox);
}
END_TEST

START_TEST(test_sandbox__serves_a_workspace_for_others)
{
    int fds[2], port = 0, status;
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    struct roll_sandbox_options options = {0};
    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(roll_sandbox_serve_workspace(folder, &options, tell_port, &fds[1]) ? 1 : 0);
    ck_assert_int_eq(read(fds[0], &port, sizeof(port)), sizeof(port));
    OK(roll_sandbox_join(folder, &sandbox));
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d", port);
    ck_assert_str_eq(roll_sandbox_url(sandbox), url);
    FAILS(ROLL_E_CONFLICT, roll_sandbox_serve_workspace(folder, &options, NULL, NULL));
    roll_sandbox_leave(g_steal_pointer(&sandbox));
    OK(roll_sandbox_join(folder, &sandbox));
    kill(pid, SIGINT);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("sandbox join");
    TCase *tcase = tcase_create("join");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_sandbox__one_server_serves_all_who_join);
    tcase_add_test(tcase, test_sandbox__keeps_state_and_port_over_its_end);
    tcase_add_test(tcase, test_sandbox__keeps_the_port_of_a_folder_that_moved);
    tcase_add_test(tcase, test_sandbox__takes_another_port_when_its_own_is_taken);
    tcase_add_test(tcase, test_sandbox__many_join_and_leave_at_once);
    tcase_add_test(tcase, test_sandbox__a_killed_server_is_replaced);
    tcase_add_test(tcase, test_sandbox__holds_nothing_of_the_command);
    tcase_add_test(tcase, test_sandbox__stays_until_its_operations_have_ended);
    tcase_add_test(tcase, test_sandbox__greets_nobody_when_all_have_gone);
    tcase_add_test(tcase, test_sandbox__ends_when_its_folder_is_deleted);
    tcase_add_test(tcase, test_sandbox__hurries);
    tcase_add_test(tcase, test_sandbox__says_why_it_cannot_start);
    tcase_add_test(tcase, test_sandbox__a_folder_that_is_a_file_is_a_clear_error);
    tcase_add_test(tcase, test_sandbox__serves_a_workspace_for_others);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = run_suite(make_suite());
    curl_global_cleanup();
    return failed;
}
