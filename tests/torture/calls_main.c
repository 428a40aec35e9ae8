/* torture-calls: the n-th call of a kind fails in the real program, for every n: an allocation,
 * libcurl, jansson's reader, libgit2, the program's own files, SQLite's. Each command must end with
 * a documented status and a reason, and after a resume in peace all must be as if nothing had
 * happened (world_check): what could not be recorded was not done, or is found again.
 *
 * Each kind has a workspace of its own, in which the acts follow one another; a command that n
 * calls do not reach ends the row. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "torture/world.h"

struct options {
    gint64 seed;
    gint jobs;
    gboolean thorough;
    gchar *program, *only;
};

struct tally {
    int next, tried, struck, failures;
};

/* stride: of the long form; samples: of the short one, drawn below `most`. */
static const struct kind {
    const char *name, *how;
    int stride, samples, most;
} kinds[] = {
    {"curl", "error", 1, 8, 250}, {"git", "error", 1, 4, 60},   {"json", "error", 1, 3, 30},
    {"file", "error", 1, 3, 30},  {"file", "full", 1, 2, 30},   {"open", "error", 1, 2, 6},
    {"read", "error", 7, 2, 120}, {"write", "error", 1, 4, 80}, {"write", "full", 1, 4, 80},
    {"sync", "error", 1, 2, 20},  {"big", "error", 1, 8, 300},  {"alloc", "error", 97, 12, 25000},
};

static const char *const acts[] = {"out", "back", "forward", "hotfix", "hold"};

/* ---- one trial ------------------------------------------------------------------------------- */

/* A small allocation that fails may end the process within a library that does not look (GLib's
 * regular expressions do not): that is a kill, and what it leaves is looked at as after one. One
 * that is sized by what is read must be told. */
static char *check_said(struct world *world, const struct kind *kind, const struct ran *ran)
{
    if (g_str_equal(kind->name, "alloc") && !ran->late && ran->status < 0)
        return NULL;
    if (ran->status < 0)
        return g_strdup_printf("signal %d: %s", -ran->status, ran->output);
    return world_check_said(world, ran);
}

static char *strike(struct world *world, const struct kind *kind, const char *act, int nth,
                    struct tally *tally, bool *ret_struck)
{
    g_autofree char *hit = g_build_filename(world->folder, "hit", NULL);
    g_autofree char *fault = g_strdup_printf("ROLL_TORTURE=%s:%d:%s", kind->name, nth, kind->how);
    g_autofree char *mark = g_strconcat("ROLL_TORTURE_HIT=", hit, NULL);
    struct hindrance hindrance = {.environment = {fault, mark}};
    struct ran ran;

    unlink(hit);
    world_act(world, act, &hindrance, &ran);
    *ret_struck = access(hit, F_OK) == 0;
    __atomic_add_fetch(&tally->tried, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&tally->struck, *ret_struck, __ATOMIC_RELAXED);
    char *wrong = check_said(world, kind, &ran);
    if (!wrong)
        wrong = world_recover(world);
    return wrong ? wrong : world_check(world);
}

/* ---- a kind ---------------------------------------------------------------------------------- */

static char *all_of(struct world *world, const struct kind *kind, const char *act,
                    struct tally *tally)
{
    g_autofree char *folder = g_strdup(world->folder), *program = g_strdup(world->program);
    int first = kind->stride > 1 ? g_rand_int_range(world->chance, 1, kind->stride) : 1;
    int missed = 0;
    char *wrong = NULL;

    /* The acts differ a little from time to time: one that was not reached is not the end of all. A
     * new workspace now and then, since ARM's history has an end. */
    for (int nth = first, trial = 1; missed < 3 && !wrong; nth += kind->stride, trial++) {
        bool struck;
        wrong = strike(world, kind, act, nth, tally, &struck);
        missed = struck ? 0 : missed + 1;
        if (!wrong && trial % 100 == 0) {
            guint32 seed = g_rand_int(world->chance);
            world_clear(world, false);
            world_make(world, folder, program, seed, NULL, 0);
        }
    }
    return wrong;
}

static char *some_of(struct world *world, const struct kind *kind, struct tally *tally)
{
    char *wrong = NULL;

    for (int i = 0; i < kind->samples && !wrong; i++) {
        bool struck;
        /* Most calls are among the first ones of a command. */
        double where = g_rand_double(world->chance);
        int nth = 1 + (int)(where * where * kind->most);
        wrong = strike(world, kind, acts[g_rand_int_range(world->chance, 0, G_N_ELEMENTS(acts))],
                       nth, tally, &struck);
    }
    return wrong;
}

static void try_kind(const struct options *options, const char *root, size_t number,
                     struct tally *tally)
{
    const struct kind *kind = &kinds[number];
    g_autofree char *folder = g_strdup_printf("%s/%s-%s", root, kind->name, kind->how);
    struct world world;
    char *wrong = NULL;

    world_make(&world, folder, options->program, (guint32)options->seed * 100 + (guint32)number,
               NULL, 0);
    if (!options->thorough)
        wrong = some_of(&world, kind, tally);
    for (size_t i = 0; options->thorough && i < G_N_ELEMENTS(acts) && !wrong; i++)
        wrong = all_of(&world, kind, acts[i], tally);
    if (wrong) {
        __atomic_add_fetch(&tally->failures, 1, __ATOMIC_RELAXED);
        const char *tail = world.history->str;
        if (world.history->len > 4000)
            tail += world.history->len - 4000;
        g_print("FAILED: seed %d, kind %s, left in %s\n%s%s\n", (int)options->seed, kind->name,
                folder, tail, wrong);
    }
    world_clear(&world, wrong != NULL);
    g_free(wrong);
}

static void work(const struct options *options, const char *root, struct tally *tally)
{
    for (;;) {
        size_t number = (size_t)__atomic_fetch_add(&tally->next, 1, __ATOMIC_RELAXED);
        if (number >= G_N_ELEMENTS(kinds))
            return;
        if (!options->only || g_str_equal(options->only, kinds[number].name))
            try_kind(options, root, number, tally);
    }
}

static int run(const struct options *options)
{
    struct tally *tally =
        mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_autofree char *root = g_dir_make_tmp("roll-calls-XXXXXX", NULL);
    gint64 began = g_get_monotonic_time();
    int status, broken = 0;

    if (tally == MAP_FAILED || !root)
        return 2;
    g_print("seed %d, %s\n", (int)options->seed, root);
    for (int i = 0; i < options->jobs; i++) {
        if (fork() == 0) {
            work(options, root, tally);
            exit(0);
        }
    }
    while (wait(&status) > 0)
        broken += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    g_print("%d commands, in %d of them a call failed, %d failures, %.1f minutes, seed %d\n",
            tally->tried, tally->struck, tally->failures + broken,
            (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC / 60, (int)options->seed);
    rmdir(root);
    return tally->failures + broken > 0;
}

int main(int argc, char **argv)
{
    struct options options = {.jobs = 6};
    const GOptionEntry entries[] = {
        {"seed", 0, 0, G_OPTION_ARG_INT64, &options.seed, "N: the same chances again", "N"},
        {"jobs", 0, 0, G_OPTION_ARG_INT, &options.jobs, "N: workspaces at once (6)", "N"},
        {"only", 0, 0, G_OPTION_ARG_STRING, &options.only, "KIND: this one", "KIND"},
        {"long", 0, 0, G_OPTION_ARG_NONE, &options.thorough, "every call, not some", NULL},
        {"program", 0, 0, G_OPTION_ARG_FILENAME, &options.program, "FILE: roll-faulty", "FILE"},
        {NULL}};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = g_path_get_dirname(self ? self : argv[0]);

    setlocale(LC_ALL, "C.UTF-8");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, NULL) || argc > 1)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (options.seed == 0)
        options.seed = g_random_int_range(1, 1000000);
    if (!options.program)
        options.program = g_build_filename(folder, "roll-faulty", NULL);
    int status = run(&options);

    g_free(options.program);
    return status;
}
