/* Child processes: output, ends, time-outs, what is inherited and what not. */
#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rollbook/process.h"
#include "rollbook/time.h"
#include "suite_tools.h"

static void run(const struct roll_process_options *options, struct roll_process_result *ret_result)
{
    roll_auto(error) struct roll_error *err = roll_process_run(options, ret_result);

    ck_assert_msg(!err, "%s", err ? err->message : "");
}

static struct roll_process_result shell(const char *script, int64_t timeout_ms, size_t max_bytes)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct roll_process_result result;

    run(&(struct roll_process_options){.argv = argv,
                                       .timeout_ms = timeout_ms,
                                       .max_output_bytes = max_bytes},
        &result);
    return result;
}

START_TEST(test_process__output_and_exit_status)
{
    struct roll_process_result result = shell("echo out; echo err >&2; exit 3", 0, 0);

    ck_assert_int_eq(result.exit_status, 3);
    ck_assert_int_eq(result.signal, 0);
    ck_assert(!result.timed_out && !result.cut);
    ck_assert_str_eq(result.out->str, "out\n");
    ck_assert_str_eq(result.err->str, "err\n");
    roll_process_result_clear(&result);
    ck_assert_ptr_null(result.out);
    roll_process_result_clear(&result);
}
END_TEST

START_TEST(test_process__a_signal_is_told)
{
    struct roll_process_result result = shell("kill -USR1 $$", 0, 0);

    ck_assert_int_eq(result.exit_status, -1);
    ck_assert_int_eq(result.signal, SIGUSR1);
    roll_process_result_clear(&result);
}
END_TEST

START_TEST(test_process__output_is_bounded_and_read_to_its_end)
{
    struct roll_process_result result =
        shell("head -c 3000000 /dev/zero | tr '\\0' x; echo done >&2", 0, 1000);

    ck_assert_int_eq(result.exit_status, 0);
    ck_assert(result.cut);
    ck_assert_uint_eq(result.out->len, 1000);
    ck_assert_str_eq(result.err->str, "done\n");
    roll_process_result_clear(&result);
    result = shell("printf 12345", 0, 5);
    ck_assert(!result.cut);
    ck_assert_str_eq(result.out->str, "12345");
    roll_process_result_clear(&result);
}
END_TEST

START_TEST(test_process__the_time_out_ends_the_whole_group)
{
    int64_t start = roll_boot_ms();
    struct roll_process_result result = shell("sleep 1000 & wait", 500, 0);

    ck_assert(result.timed_out);
    ck_assert_int_eq(result.signal, SIGTERM);
    /* The grandchild held our pipe, whose end was read: it has ended. */
    ck_assert_int_lt(roll_boot_ms() - start, 60000);
    roll_process_result_clear(&result);
}
END_TEST

START_TEST(test_process__who_ignores_term_is_killed)
{
    const char *const argv[] = {"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done",
                                NULL};
    const struct roll_process_options options = {.argv = argv, .timeout_ms = 1};
    roll_auto(process) struct roll_process *process = NULL;
    roll_auto(error) struct roll_error *err = roll_process_start(&options, &process);
    struct roll_process_result result;
    int fds[2];

    ck_assert_ptr_null(err);
    ck_assert_int_eq(roll_process_fds(process, fds), 2);
    struct pollfd ready = {fds[0], POLLIN, 0};
    ck_assert_int_eq(poll(&ready, 1, 60000), 1); /* the trap is set */
    int64_t now = roll_process_deadline(process);
    ck_assert(!roll_process_pump(process, now, &result)); /* SIGTERM */
    ck_assert_int_eq(roll_process_deadline(process), now + 5000);
    ck_assert(!roll_process_pump(process, now + 4999, &result));
    bool done =
        roll_process_pump(process, now + 5000, &result); /* SIGKILL, in a clock of the test */
    while (!done) {
        g_usleep(1000);
        done = roll_process_pump(process, now + 5001, &result);
    }
    ck_assert(result.timed_out);
    ck_assert_int_eq(result.signal, SIGKILL);
    ck_assert_str_eq(result.out->str, "ready\n");
    ck_assert(!roll_process_pump(process, now + 5002, &result)); /* done is told once */
    roll_process_result_clear(&result);
}
END_TEST

/* The shell ends at SIGTERM, and nobody holds our pipes: yet what ignores the signal must not work
 * on. */
START_TEST(test_process__nothing_of_the_group_outlives_its_time_out)
{
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* so that we can wait for the orphan */
    const char *const argv[] = {
        "sh", "-c", "trap '' TERM; sleep 1000 >/dev/null 2>&1 & trap - TERM; echo $!; wait", NULL};
    const struct roll_process_options options = {.argv = argv, .timeout_ms = 3600000};
    struct roll_process_result result;
    roll_auto(process) struct roll_process *process = NULL;
    roll_auto(error) struct roll_error *err = roll_process_start(&options, &process);
    int fds[2];

    ck_assert_ptr_null(err);
    roll_process_fds(process, fds);
    struct pollfd ready = {fds[0], POLLIN, 0};
    ck_assert_int_eq(poll(&ready, 1, 60000), 1);
    int64_t now = roll_process_deadline(process);
    while (!roll_process_pump(process, now, &result))
        g_usleep(1000);
    pid_t orphan = (pid_t)g_ascii_strtoll(result.out->str, NULL, 10);
    int status = 0;

    ck_assert(result.timed_out);
    ck_assert_int_eq(waitpid(orphan, &status, 0), orphan);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    roll_process_result_clear(&result);
}
END_TEST

START_TEST(test_process__what_lingers_does_not_hold_us)
{
    int64_t start = roll_boot_ms();
    struct roll_process_result result = shell("sleep 100 & echo started", 0, 0);

    ck_assert_int_eq(result.exit_status, 0);
    ck_assert(!result.timed_out);
    ck_assert_str_eq(result.out->str, "started\n");
    ck_assert_int_lt(roll_boot_ms() - start, 30000);
    roll_process_result_clear(&result);
}
END_TEST

START_TEST(test_process__missing_programs_are_not_found)
{
    const char *const missing[] = {"roll-no-such-program", "/no/such/program", "./no-such", "/"};

    for (size_t i = 0; i < G_N_ELEMENTS(missing); i++) {
        const char *const argv[] = {missing[i], NULL};
        struct roll_process_result result = {0};
        roll_auto(error) struct roll_error *err =
            roll_process_run(&(struct roll_process_options){.argv = argv}, &result);
        ck_assert_int_eq(roll_error_code(err), ROLL_E_NOT_FOUND);
        ck_assert_ptr_null(result.out);
    }
    ck_assert(roll_process_available("sh"));
    ck_assert(!roll_process_available("roll-no-such-program"));
}
END_TEST

START_TEST(test_process__what_cannot_be_started_says_so)
{
    const char *const argv[] = {"sh", "-c", "exit 0", NULL};
    struct roll_process_result result;
    roll_auto(error) struct roll_error *err = roll_process_run(
        &(struct roll_process_options){.argv = argv, .cwd = "/no/such/folder"}, &result);

    ck_assert_int_eq(roll_error_code(err), ROLL_E_PROCESS);
    ck_assert_ptr_nonnull(strstr(err->message, "/no/such/folder"));
}
END_TEST

START_TEST(test_process__folder_and_environment)
{
    static const char *const add[] = {"ROLL_ADDED=a=b", "HOME=/other", NULL};
    g_autofree char *dir = g_dir_make_tmp("roll-process-XXXXXX", NULL);
    g_autofree char *script = g_build_filename(dir, "tool", NULL);
    const char *const argv[] = {"./tool", "one two", "$HOME", NULL};
    struct roll_process_result result;

    ck_assert(g_file_set_contents_full(
        script, "#!/bin/sh\npwd\necho \"$1|$2|$ROLL_ADDED|$HOME|$ROLL_KEPT\"\n", -1,
        G_FILE_SET_CONTENTS_NONE, 0700, NULL));
    g_setenv("ROLL_KEPT", "kept", TRUE);
    run(&(struct roll_process_options){.argv = argv, .cwd = dir, .env_add = add}, &result);
    g_autofree char *wanted = g_strdup_printf("%s\none two|$HOME|a=b|/other|kept\n", dir);
    ck_assert_str_eq(result.out->str, wanted);
    roll_process_result_clear(&result);
    g_unlink(script);
    g_rmdir(dir);
}
END_TEST

START_TEST(test_process__nothing_else_is_inherited)
{
    int leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC, as a careless library opens it */
    sigset_t blocked;

    ck_assert_int_ge(leak, 3);
    ck_assert_int_eq(dup2(leak, 47), 47);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    struct roll_process_result result =
        shell("ls /proc/self/fd | tr '\\n' ' '; readlink /proc/self/fd/0;"
              "grep -E '^Sig(Blk|Ign)' /proc/self/status",
              60000, 0);
    /* 3 is the folder that ls reads. */
    ck_assert_msg(g_str_has_prefix(result.out->str, "0 1 2 3 /dev/null\n"), "%s", result.out->str);
    ck_assert_ptr_nonnull(strstr(result.out->str, "SigBlk:\t0000000000000000\n"));
    const char *ignored = strstr(result.out->str, "SigIgn:");
    ck_assert_ptr_nonnull(ignored);
    /* 32 and 33 are glibc's own business. */
    ck_assert_uint_eq(g_ascii_strtoull(ignored + 8, NULL, 16) & 0x7FFFFFFF, 0);
    roll_process_result_clear(&result);
}
END_TEST

START_TEST(test_process__credentials_stay_here)
{
    static const char *const argv[] = {"sh", "-c", "env", NULL};
    static const char *const hide[] = {"ROLL_TEST_HOOK", NULL};
    static const char *const secrets[] = {"AZURE_CLIENT_SECRET", "IDENTITY_HEADER",
                                          "ARM_ACCESS_KEY",      "ARM_SAS_TOKEN",
                                          "SYSTEM_ACCESSTOKEN",  "ROLL_TEST_HOOK"};
    struct roll_process_result result;

    for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++)
        g_setenv(secrets[i], "pl4nted", TRUE);
    g_setenv("ROLL_TEST_OTHER", "goes along", TRUE);
    run(&(struct roll_process_options){.argv = argv, .env_hide = hide}, &result);
    ck_assert_ptr_null(strstr(result.out->str, "pl4nted"));
    ck_assert_ptr_nonnull(strstr(result.out->str, "ROLL_TEST_OTHER=goes along"));
    roll_process_result_clear(&result);
    g_setenv("LC_ALL", "C", TRUE);
    run(&(struct roll_process_options){.argv = argv, .env_bare = true}, &result);
    ck_assert_ptr_null(strstr(result.out->str, "ROLL_TEST_OTHER"));
    ck_assert_ptr_nonnull(strstr(result.out->str, "LC_ALL=C"));
    roll_process_result_clear(&result);
}
END_TEST

/* The numbers of the originals are those that the copies get, in another order. */
START_TEST(test_process__files_are_given_by_number)
{
    static const char *const argv[] = {
        "sh", "-c", "cat <&3; cat <&4; (cat <&5) 2>/dev/null || echo none", NULL};
    struct roll_process_result result;
    int ends[2][2];

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pipe2(ends[i], O_CLOEXEC), 0);
        ck_assert_int_eq(write(ends[i][1], i == 0 ? "first\n" : "second\n", 6 + (size_t)i), 6 + i);
        close(ends[i][1]);
    }
    const int files[] = {ends[1][0], ends[0][0]};
    run(&(struct roll_process_options){.argv = argv, .files = files, .file_count = 2}, &result);
    ck_assert_str_eq(result.out->str, "second\nfirst\nnone\n");
    roll_process_result_clear(&result);
    close(ends[0][0]);
    close(ends[1][0]);
}
END_TEST

START_TEST(test_process__no_core_is_left)
{
    struct rlimit limit = {.rlim_cur = 1};

    roll_process_keep_private();
    ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_CORE, &limit), 0);
    ck_assert_int_eq((int)limit.rlim_max, 0);
}
END_TEST

START_TEST(test_process__freeing_ends_the_group)
{
    const char *const argv[] = {"sh", "-c", "sleep 100 & echo $$; wait", NULL};
    struct roll_process *process = NULL;
    roll_auto(error) struct roll_error *err =
        roll_process_start(&(struct roll_process_options){.argv = argv}, &process);
    int fds[2];
    char text[32] = "";

    ck_assert_ptr_null(err);
    ck_assert_int_eq(roll_process_deadline(process), 0);
    roll_process_fds(process, fds);
    int own = dup(fds[0]);
    struct pollfd ready = {own, POLLIN, 0};
    ck_assert_int_eq(poll(&ready, 1, 60000), 1);
    ck_assert_int_gt(read(own, text, sizeof text - 1), 0);
    roll_process_free(process);
    /* The last holder of the other end is gone: end of file, not a hang. */
    ck_assert_int_eq(poll(&ready, 1, 60000), 1);
    ck_assert_int_eq(read(own, text, sizeof text), 0);
    close(own);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
}
END_TEST

START_TEST(test_process__works_without_standard_descriptors)
{
    close(0);
    close(2);
    struct roll_process_result result = shell("cat; echo out; echo err >&2", 60000, 0);

    ck_assert_str_eq(result.out->str, "out\n");
    ck_assert_str_eq(result.err->str, "err\n");
    roll_process_result_clear(&result);
}
END_TEST

static void no_error_is_lost(void)
{
    ck_assert_int_eq(roll_error_live(), 0);
}

int main(void)
{
    Suite *suite = suite_create("process");
    TCase *tcase = tcase_create("process");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, NULL, no_error_is_lost);
    tcase_add_test(tcase, test_process__output_and_exit_status);
    tcase_add_test(tcase, test_process__a_signal_is_told);
    tcase_add_test(tcase, test_process__output_is_bounded_and_read_to_its_end);
    tcase_add_test(tcase, test_process__the_time_out_ends_the_whole_group);
    tcase_add_test(tcase, test_process__who_ignores_term_is_killed);
    tcase_add_test(tcase, test_process__nothing_of_the_group_outlives_its_time_out);
    tcase_add_test(tcase, test_process__what_lingers_does_not_hold_us);
    tcase_add_test(tcase, test_process__missing_programs_are_not_found);
    tcase_add_test(tcase, test_process__what_cannot_be_started_says_so);
    tcase_add_test(tcase, test_process__folder_and_environment);
    tcase_add_test(tcase, test_process__nothing_else_is_inherited);
    tcase_add_test(tcase, test_process__freeing_ends_the_group);
    tcase_add_test(tcase, test_process__credentials_stay_here);
    tcase_add_test(tcase, test_process__files_are_given_by_number);
    tcase_add_test(tcase, test_process__no_core_is_left);
    tcase_add_test(tcase, test_process__works_without_standard_descriptors);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
