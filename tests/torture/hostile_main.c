/* Every trick with everybody who speaks, each in a process of its own: nobody crashes, nobody waits
 * beyond their bound or takes more memory than their share, nobody holds a trick for an answer, and
 * no other host gets a word.
 *
 *   torture-hostile [--long] [CLIENT|TRICK]...     --long: with the real time limits, about three
 * minutes of waiting each */
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"
#include "rollbook/time.h"

#define HASTE "20"
#define SLACK_MS 15000 /* a machine that does other things too */
#define MEMORY_MAX_KB (160L << 10)

#ifdef __SANITIZE_ADDRESS__
/* What was freed counts as taken while the sanitizer keeps it aside: 256 MB of it, unless told. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=16";
}
#endif

struct options {
    bool is_long;
    char **only; /* names, NULL-terminated; none: all */
    struct faces faces;
    char *folder;
};

/* ---- one case, in its own process ----------------------------------------------------------- */

static void set_surroundings(const struct options *options, const struct hostile *server)
{
    g_autofree char *proxy = g_strdup_printf("http://127.0.0.1:%d", server->port);
    static const char *const unset[] = {"no_proxy",
                                        "NO_PROXY",
                                        "all_proxy",
                                        "ALL_PROXY",
                                        "AZURE_AUTHORITY_HOST",
                                        "AZURE_CLIENT_CERTIFICATE_PATH"};

    for (size_t i = 0; i < G_N_ELEMENTS(unset); i++)
        g_unsetenv(unset[i]);
    g_setenv("https_proxy", proxy, TRUE);
    g_setenv("http_proxy", proxy, TRUE);
    g_setenv("AZURE_TENANT_ID", "contoso.example", TRUE);
    g_setenv("AZURE_CLIENT_ID", "client-1", TRUE);
    g_setenv("AZURE_CLIENT_SECRET", PLANTED "-secret", TRUE);
    if (options->is_long || server->trick->good)
        g_unsetenv("ROLL_TEST_HASTE");
    else
        g_setenv("ROLL_TEST_HASTE", HASTE, TRUE);
}

/* In the victim's place the secret must arrive, or its absence elsewhere says nothing. */
static bool expects_secret(const struct client *client)
{
    static const char *const without[] = {"registry", "metadata", "gate", "health"};

    for (size_t i = 0; i < G_N_ELEMENTS(without); i++)
        if (g_str_equal(client->name, without[i]))
            return false;
    return true;
}

/* metadata: nothing good comes of an answer that is for others. */
static bool can_be_good(const struct client *client)
{
    static const char *const others[] = {"metadata", "storage-append", "arm-what-if"};

    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        if (g_str_equal(client->name, others[i]))
            return false;
    return true;
}

static const char *judge(const struct client *client, struct hostile *server, bool good,
                         int64_t took_ms, int64_t bound_ms)
{
    const struct trick *trick = server->trick;
    bool tls_bad = trick->face != FACE_GOOD || trick->max_version || trick->plain || trick->deaf;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    if (took_ms > bound_ms)
        return "it took longer than its bound";
    if (usage.ru_maxrss > MEMORY_MAX_KB)
        return "it took more memory than its share";
    if (good && !trick->may_succeed && !(trick->whole && client->any_body))
        return "a trick was taken for an answer";
    if (trick->good && can_be_good(client) && !good)
        return "a good answer was not taken";
    if (trick->good && expects_secret(client) && !strstr(server->victims->str, PLANTED))
        return "the secret was never sent, so that this test proves nothing";
    if (server->elsewhere->len > 0)
        return "another host was spoken to";
    if (tls_bad && server->victims->len > 0)
        return "something was said to a server that did not prove who it is";
    return NULL;
}

static int run_case(const struct options *options, const struct client *client,
                    const struct trick *trick)
{
    struct hostile server = {.faces = &options->faces, .trick = trick, .victim = client->host};
    int64_t haste =
        options->is_long || client->program || trick->good ? 1 : g_ascii_strtoll(HASTE, NULL, 10);
    int64_t start = roll_boot_ms();

    hostile_start(&server);
    set_surroundings(options, &server);
    bool good = client->run(&server);
    int64_t took = roll_boot_ms() - start;
    g_mutex_lock(&server.lock);
    const char *wrong =
        judge(client, &server, good, took, client->bound_ms / haste + client->pauses_ms + SLACK_MS);
    if (!wrong)
        return EXIT_SUCCESS;
    printf("%s, %s: %s (%" G_GINT64_FORMAT " ms%s%s)\n", client->name, trick->name, wrong, took,
           server.elsewhere->len > 0 ? "; " : "",
           server.elsewhere->len > 0 ? server.elsewhere->str : "");
    return EXIT_FAILURE;
}

/* ---- all of them ---------------------------------------------------------------------------- */

struct running {
    pid_t pid;
    const struct client *client;
    const struct trick *trick;
};

static bool is_wanted(const struct options *options, const struct client *client,
                      const struct trick *trick)
{
    bool by_client = true, by_trick = true;

    for (char **name = options->only; *name; name++) {
        for (size_t i = 0; i < client_count; i++)
            if (g_str_equal(*name, clients[i].name))
                by_client = false;
        for (size_t i = 0; i < trick_count; i++)
            if (g_str_equal(*name, tricks[i].name))
                by_trick = false;
    }
    for (char **name = options->only; *name; name++) {
        by_client = by_client || g_str_equal(*name, client->name);
        by_trick = by_trick || g_str_equal(*name, trick->name);
    }
    return by_client && by_trick;
}

static pid_t start_case(const struct options *options, const struct client *client,
                        const struct trick *trick)
{
    int64_t limit_ms = client->bound_ms / (options->is_long ? 1 : 10) + 60000;
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    alarm((unsigned)(limit_ms / 1000)); /* a hang is a failure, not a wait */
    int status = run_case(options, client, trick);
    fflush(NULL);
    _exit(status);
}

static int wait_one(GArray *running)
{
    int status = 0;
    pid_t pid = wait(&status);

    for (guint i = 0; i < running->len; i++) {
        struct running *one = &g_array_index(running, struct running, i);
        if (one->pid != pid)
            continue;
        if (WIFSIGNALED(status))
            printf("%s, %s: ended by signal %d%s\n", one->client->name, one->trick->name,
                   WTERMSIG(status), WTERMSIG(status) == SIGALRM ? ": it hung" : "");
        g_array_remove_index_fast(running, i);
        break;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

static int run_all(const struct options *options, int *ret_count)
{
    guint at_once = options->is_long ? 96 : 48;
    g_autoptr(GArray) running = g_array_new(FALSE, FALSE, sizeof(struct running));
    int failed = 0;

    for (size_t t = 0; t < trick_count; t++) {
        for (size_t c = 0; c < client_count; c++) {
            struct running one = {.client = &clients[c], .trick = &tricks[t]};
            if (!is_wanted(options, one.client, one.trick))
                continue;
            if (running->len >= at_once)
                failed += wait_one(running);
            fflush(NULL);
            one.pid = start_case(options, one.client, one.trick);
            g_array_append_val(running, one);
            (*ret_count)++;
        }
    }
    while (running->len > 0)
        failed += wait_one(running);
    return failed;
}

int main(int argc, char **argv)
{
    struct options options = {.folder = g_dir_make_tmp("roll-hostile-XXXXXX", NULL)};
    g_autofree char *ca = g_build_filename(options.folder, "ca.pem", NULL);
    g_autofree char *config = g_build_filename(options.folder, "openssl.cnf", NULL);
    int64_t start = roll_boot_ms();
    int count = 0;

    options.only = argv + 1;
    if (argc > 1 && g_str_equal(argv[1], "--long")) {
        options.is_long = true;
        options.only++;
    }
    /* What the machine's configuration forbids is not what Rollbook refuses. */
    if (!g_file_set_contents(config,
                             "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
                             "[c]\nMinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n",
                             -1, NULL))
        g_error("%s cannot be written", config);
    g_setenv("OPENSSL_CONF", config, TRUE);
    g_setenv("SSL_CERT_FILE", ca, TRUE);
    faces_make(&options.faces, ca);
    int failed = run_all(&options, &count);
    printf("%d cases, %d failed, %" G_GINT64_FORMAT " s\n", count, failed,
           (roll_boot_ms() - start) / 1000);
    g_unlink(ca);
    g_unlink(config);
    g_rmdir(options.folder);
    faces_clear(&options.faces);
    g_free(options.folder);
    return failed == 0 && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
