/* bench-back FOLDER ROLL: how long `roll back` takes from the key press to the accepted PUT.
 *
 * The floor is a curl that PUTs the same body to the same server over TLS. Both are whole programs,
 * and their time ends when the server has answered the PUT: what a program does afterwards, such as
 * recording the outcome, hinders nobody. Asking where the login is and fetching a token do not
 * count: a curl that does it before its PUT says what it costs. Each run begins with the same
 * ledger. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arm.h"
#include "bench.h"
#include "writer.h"

enum { ROUNDS = 60, EVENTS = 10000, MAX_WORDS = 30 };

struct setting {
    const char *folder, *roll;
    char *workspace, *ledger_path, *cert_path, *put_url, *metadata_url, *token_url, *body;
    char *snapshot;
    gsize snapshot_size;
    struct bench_arm *arm;
};

/* ---- the workspace -------------------------------------------------------------------------- */

static void make_workspace(struct setting *setting)
{
    g_autofree char *cloud = g_strdup_printf("https://localhost:%u", bench_arm_port(setting->arm));

    bench_remove_state(setting->workspace);
    bench_workspace_make(setting->workspace, EVENTS, cloud);
    if (!g_file_get_contents(setting->ledger_path, &setting->snapshot, &setting->snapshot_size,
                             NULL))
        bench_ok(roll_error_new(ROLL_E_IO, "cannot read '%s'", setting->ledger_path));
}

/* Synced, so that nobody pays for these writes while being measured. */
static void restore(const struct setting *setting)
{
    int fd = open(setting->ledger_path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    gsize done = 0;

    while (fd >= 0 && done < setting->snapshot_size) {
        ssize_t got = write(fd, setting->snapshot + done, setting->snapshot_size - done);
        if (got <= 0)
            break;
        done += (gsize)got;
    }
    if (fd < 0 || done < setting->snapshot_size || fsync(fd) != 0)
        bench_ok(roll_error_new(ROLL_E_IO, "cannot restore '%s'", setting->ledger_path));
    if (fd >= 0)
        close(fd);
}

static void set_environment(const struct setting *setting)
{
    g_autofree char *authority =
        g_strdup_printf("http://127.0.0.1:%u", bench_arm_token_port(setting->arm));

    g_setenv("SSL_CERT_FILE", setting->cert_path, TRUE);
    g_setenv("AZURE_AUTHORITY_HOST", authority, TRUE);
    g_setenv("AZURE_TENANT_ID", "tenant", TRUE);
    g_setenv("AZURE_CLIENT_ID", "bench", TRUE);
    g_setenv("AZURE_CLIENT_SECRET", "bench", TRUE);
}

/* ---- one run -------------------------------------------------------------------------------- */

/* Seconds from the start of the program to the answered PUT; the program has ended then, too. */
static double run(const struct setting *setting, const char *const *words)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    bench_arm_expect(setting->arm);
    double start = bench_now();
    if (posix_spawnp(&pid, words[0], &actions, NULL, (char *const *)(uintptr_t)words, environ) != 0)
        bench_ok(roll_error_new(ROLL_E_PROCESS, "cannot start '%s'", words[0]));
    double answered = bench_arm_answered(setting->arm);
    waitpid(pid, NULL, 0);
    posix_spawn_file_actions_destroy(&actions);
    if (answered <= 0)
        bench_ok(roll_error_new(ROLL_E_TIMEOUT, "'%s' sent no PUT", words[0]));
    return answered - start;
}

static double run_roll(const struct setting *setting)
{
    const char *const words[] = {setting->roll, "-q",          "-C",    setting->workspace,
                                 "back",        "shop-01/dev", "--yes", "--no-wait",
                                 NULL};

    restore(setting);
    return run(setting, words);
}

static double run_curl(const struct setting *setting, bool token)
{
    const char *words[MAX_WORDS] = {"curl", "-s"};
    const char *const login[] = {"--cacert",
                                 setting->cert_path,
                                 setting->metadata_url,
                                 "--next",
                                 "-s",
                                 "-d",
                                 "grant_type=client_credentials",
                                 setting->token_url,
                                 "--next",
                                 "-s"};
    const char *const put[] = {"--cacert",
                               setting->cert_path,
                               "-X",
                               "PUT",
                               "-H",
                               "Content-Type: application/json",
                               "-H",
                               "Authorization: Bearer bench",
                               "--data-binary",
                               setting->body,
                               setting->put_url};
    size_t count = 2;

    for (size_t i = 0; token && i < G_N_ELEMENTS(login); i++)
        words[count++] = login[i];
    for (size_t i = 0; i < G_N_ELEMENTS(put); i++)
        words[count++] = put[i];
    return run(setting, words);
}

/* ---- the row -------------------------------------------------------------------------------- */

static void measure(const struct setting *setting)
{
    struct bench_samples figure, floor, with_token;

    bench_samples_init(&figure);
    bench_samples_init(&floor);
    bench_samples_init(&with_token);
    for (int round = 0; round < ROUNDS; round++) {
        bench_samples_add(&floor, run_curl(setting, false));
        bench_samples_add(&figure, run_roll(setting));
        bench_samples_add(&with_token, run_curl(setting, true));
    }
    double token = bench_samples_median(&with_token) - bench_samples_median(&floor);
    for (guint i = 0; i < figure.seconds->len && token > 0; i++)
        g_array_index(figure.seconds, double, i) -= token;
    bench_row("back", 1, &figure, &floor, 0);
    bench_samples_clear(&figure);
    bench_samples_clear(&floor);
    bench_samples_clear(&with_token);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench-back FOLDER ROLL\n");
        return 2;
    }
    struct setting setting = {.folder = argv[1], .roll = argv[2]};
    setting.workspace = g_build_filename(argv[1], "workspace", NULL);
    setting.ledger_path = g_build_filename(setting.workspace, "state", "ledger.db", NULL);
    setting.cert_path = g_build_filename(argv[1], "ca.pem", NULL);
    setting.body = g_strdup_printf("@%s/put.json", argv[1]);
    if (g_mkdir_with_parents(argv[1], 0755) != 0)
        bench_ok(roll_error_new(ROLL_E_IO, "cannot make the folder '%s'", argv[1]));
    setting.arm = bench_arm_start(argv[1]);
    setting.metadata_url =
        g_strdup_printf("https://localhost:%u/metadata/endpoints", bench_arm_port(setting.arm));
    setting.token_url = g_strdup_printf("http://127.0.0.1:%u/tenant/oauth2/v2.0/token",
                                        bench_arm_token_port(setting.arm));
    set_environment(&setting);
    make_workspace(&setting);
    run_roll(&setting); /* says where the PUT goes, and what is in it */
    setting.put_url = g_strdup_printf("https://localhost:%u%s", bench_arm_port(setting.arm),
                                      bench_arm_first(setting.arm));
    measure(&setting);
    bench_arm_stop(setting.arm);
    bench_remove_state(setting.workspace);
    g_free(setting.workspace);
    g_free(setting.ledger_path);
    g_free(setting.cert_path);
    g_free(setting.put_url);
    g_free(setting.metadata_url);
    g_free(setting.token_url);
    g_free(setting.body);
    g_free(setting.snapshot);
    return 0;
}
