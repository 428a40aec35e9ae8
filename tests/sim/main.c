/* The simulator as a program. Exit 0: every rule held (or, with --expect-violation, one was
 * broken); 1: else; 2: usage. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCK = 512 }; /* seeds */

struct options {
    gint64 seed, first, seeds;
    gint targets, acts, jobs;
    gboolean shrink, verbose, expect_violation, shared, all;
};

/* ---- one seed
 * --------------------------------------------------------------------------------------------------------------
 */

static char *run(struct sim_config config, bool verbose)
{
    config.verbose = verbose;
    return sim_run(&config);
}

static bool fails(struct sim_config config)
{
    g_autofree char *violation = run(config, false);

    return violation != NULL;
}

/* ---- shrinking: less trouble, fewer acts, fewer targets, as long as it still fails
 * ---------------------------------------------- */

static void shrink_trouble(struct sim_config *config)
{
    for (int i = 0; i < SIM_TROUBLES; i++) {
        struct sim_config less = *config;
        less.off |= 1U << i;
        if (fails(less))
            *config = less;
    }
}

static void shrink_number(struct sim_config *config, int *number, int from, struct sim_config *copy,
                          int *copy_number)
{
    for (int i = 1; i < from; i++) {
        *copy = *config;
        *copy_number = i;
        if (fails(*copy)) {
            *number = i;
            return;
        }
    }
}

static struct sim_config shrink(struct sim_config config)
{
    struct sim_config copy;

    shrink_trouble(&config);
    shrink_number(&config, &config.acts, 9, &copy, &copy.acts);
    shrink_number(&config, &config.targets, SIM_TARGETS_MAX, &copy, &copy.targets);
    shrink_trouble(&config);
    return config;
}

static void print_config(const struct sim_config *config)
{
    printf("shrunk to: --seed %llu --targets %d --acts %d, without",
           (unsigned long long)config->seed, config->targets, config->acts);
    for (int i = 0; i < SIM_TROUBLES; i++) {
        if (config->off & (1U << i))
            printf(" %s", sim_trouble_names[i]);
    }
    putchar('\n');
}

/* ---- many seeds
 * ---------------------------------------------------------------------------------------------------------------------
 */

static void tell(struct sim_config config, const struct options *options, const char *violation)
{
    printf("seed %llu: %s\n", (unsigned long long)config.seed, violation);
    if (options->expect_violation)
        return;
    if (options->shrink) {
        config = shrink(config);
        print_config(&config);
    }
    g_free(run(config, true));
    printf("again with: sim --seed %llu%s --verbose --shrink\n", (unsigned long long)config.seed,
           config.shared ? " --shared" : "");
}

/* How many of its seeds broke a rule. The first one ends it, but with --all. Worlds with a shared
 * ledger, which take longest, come at equal distances: so each job has blocks. */
static int run_share(const struct options *options, int job, gint64 *at)
{
    gint64 first = options->seed >= 0 ? options->seed : options->first;
    gint64 count = options->seed >= 0 ? 1 : options->seeds;
    int failed = 0;

    for (gint64 i = 0; i < count && (failed == 0 || options->all); i++) {
        if (i / BLOCK % options->jobs != job)
            continue;
        struct sim_config config = {.seed = (uint64_t)(first + i),
                                    .targets = options->targets,
                                    .acts = options->acts,
                                    .shared = options->shared};
        *at = first + i;
        g_autofree char *violation = run(config, options->verbose && !options->shrink);
        if (!violation)
            continue;
        failed++;
        if (options->all)
            printf("seed %llu: %s\n", (unsigned long long)config.seed, violation);
        else
            tell(config, options, violation);
        fflush(stdout);
    }
    return failed;
}

static void start_job(const struct options *options, int job, gint64 *at, pid_t *ret_child)
{
    fflush(stdout);
    *ret_child = fork();
    if (*ret_child < 0) {
        perror("fork");
        exit(2);
    }
    if (*ret_child == 0)
        exit(run_share(options, job, at) > 0);
}

/* A crash is a finding, too. */
static bool has_failed(pid_t child, const gint64 *at)
{
    int status = 0;

    if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
        printf("seed %lld: ended by signal %d\n", (long long)*at, WTERMSIG(status));
    return status != 0;
}

/* Each job is a process of its own. Did one of them break a rule? */
static bool run_jobs(const struct options *options)
{
    gint64 *at = mmap(NULL, sizeof *at * (size_t)options->jobs, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_autofree pid_t *children = g_new0(pid_t, options->jobs);
    bool failed = false;

    if (at == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    for (int job = 1; job < options->jobs; job++)
        start_job(options, job, &at[job], &children[job]);
    failed = run_share(options, 0, &at[0]) > 0;
    for (int job = 1; job < options->jobs; job++)
        failed |= has_failed(children[job], &at[job]);
    return failed;
}

static int run_seeds(const struct options *options)
{
    gint64 first = options->seed >= 0 ? options->seed : options->first;
    gint64 count = options->seed >= 0 ? 1 : options->seeds;
    bool failed = run_jobs(options);

    if (!failed)
        printf("%lld seeds from %lld: every rule held\n", (long long)count, (long long)first);
    return failed == (options->expect_violation != FALSE) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options options = {.seed = -1, .first = 1, .seeds = 1000, .jobs = 1};
    const GOptionEntry entries[] = {
        {"seed", 0, 0, G_OPTION_ARG_INT64, &options.seed, "run this one", "N"},
        {"seeds", 0, 0, G_OPTION_ARG_INT64, &options.seeds, "run so many (1000)", "N"},
        {"first", 0, 0, G_OPTION_ARG_INT64, &options.first, "from this one on (1)", "N"},
        {"jobs", 0, 0, G_OPTION_ARG_INT, &options.jobs, "by so many processes (1)", "N"},
        {"all", 0, 0, G_OPTION_ARG_NONE, &options.all,
         "go on behind a failing seed, and only name each", NULL},
        {"targets", 0, 0, G_OPTION_ARG_INT, &options.targets, "at most so many targets", "N"},
        {"acts", 0, 0, G_OPTION_ARG_INT, &options.acts, "people act at most so often", "N"},
        {"shrink", 0, 0, G_OPTION_ARG_NONE, &options.shrink,
         "make a failing seed smaller before its trace", NULL},
        {"verbose", 0, 0, G_OPTION_ARG_NONE, &options.verbose, "print the history", NULL},
        {"shared", 0, 0, G_OPTION_ARG_NONE, &options.shared,
         "every world has a shared ledger, not one in 128", NULL},
        {"expect-violation", 0, 0, G_OPTION_ARG_NONE, &options.expect_violation,
         "succeed when a rule is broken", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- simulate rollouts from seeds");
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 2;
    }
    options.jobs = CLAMP(options.jobs, 1, 64);
    return run_seeds(&options);
}
