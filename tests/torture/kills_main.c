/* torture-kills: the real program is killed, between all effects and at any moment, and must come
 * to rest as if it had not been.
 *
 * A workspace lives through many acts (out, back, forward, hotfix, a mark); each is killed by the
 * clock, at a fault point, or at the n-th thing that it does to the disk or to libcurl; the resume
 * after it often too. Then it is resumed in peace, and world_check looks. Everything follows from
 * the seed, but for where a clock's kill hits. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "torture/world.h"

enum { WORLD_KILLS = 25, TEXT_SIZE = 64, TOLD_BYTES = 4096 };

struct options {
    gint64 seed;
    gint kills, jobs, targets;
    gboolean thorough, shared;
    gchar *program;
};

struct tally {
    int kills, acts, missed, failures, worlds; /* missed: the command was through before */
};

/* ---- one kill -------------------------------------------------------------------------------- */

static const char *const points[] = {"before-append", "after-append",         "before-put",
                                     "after-put",     "append-before-commit", "append-after-commit",
                                     "store-has-it",  "before-delete",        "after-delete"};

/* A fleet is killed somewhere in the middle, and often ARM refuses, fails or does not answer some
 * of it. text: two times TEXT_SIZE bytes. */
static void choose_fleets(struct world *world, struct hindrance *hindrance, char *text)
{
    static const char *const faults[] = {"fail=Microsoft.Web/sites", "status=409:PUT:/deployments/",
                                         "lost=PUT:/deployments/", "drop=PUT:/deployments/"};
    GRand *chance = world->chance;
    size_t count = 0;

    *hindrance = (struct hindrance){0};
    if (g_rand_int_range(chance, 0, 3) == 0) {
        g_snprintf(text, TEXT_SIZE, "ROLL_FAULT=%s:%d:kill",
                   g_rand_boolean(chance) ? "after-put" : "before-put",
                   g_rand_int_range(chance, 1, world->targets));
        hindrance->environment[count++] = text;
    } else {
        hindrance->kill_after_us =
            200000 + (gint64)(g_rand_double(chance) * (double)world->span_us);
    }
    if (g_rand_int_range(chance, 0, 3) > 0) {
        g_snprintf(text + TEXT_SIZE, TEXT_SIZE, "ROLL_SANDBOX_FAULTS=%s:%d",
                   faults[g_rand_int_range(chance, 0, G_N_ELEMENTS(faults))],
                   g_rand_int_range(chance, 1, world->targets / 10 + 2));
        hindrance->environment[count] = text + TEXT_SIZE;
    }
}

/* text: two times TEXT_SIZE bytes that live as long as the hindrance. */
static void choose(struct world *world, struct hindrance *hindrance, char *text)
{
    GRand *chance = world->chance;

    if (world->targets) {
        choose_fleets(world, hindrance, text);
        return;
    }
    *hindrance = (struct hindrance){0};
    switch (g_rand_int_range(chance, 0, 8)) {
    case 0:
    case 1:
    case 2:
        hindrance->kill_after_us = g_rand_int_range(chance, 500, world->shared ? 400000 : 90000);
        break;
    case 3:
    case 4:
        g_snprintf(text, TEXT_SIZE, "ROLL_FAULT=%s:%d:kill",
                   points[g_rand_int_range(chance, 0, G_N_ELEMENTS(points))],
                   g_rand_int_range(chance, 1, 6));
        hindrance->environment[0] = text;
        break;
    case 5:
        g_snprintf(text, TEXT_SIZE, "ROLL_TORTURE=curl:%d:kill", g_rand_int_range(chance, 1, 400));
        hindrance->environment[0] = text;
        break;
    default:
        g_snprintf(text, TEXT_SIZE, "ROLL_TORTURE=any:%d:%s", g_rand_int_range(chance, 1, 120),
                   g_rand_boolean(chance) ? "kill" : "torn");
        hindrance->environment[0] = text;
    }
    if (g_rand_int_range(chance, 0, 8) == 0) { /* killed while ARM works */
        hindrance->environment[hindrance->environment[0] ? 1 : 0] =
            "ROLL_SANDBOX_OPERATION_TIME=1s";
        hindrance->kill_after_us *= 25;
    }
}

static void count(struct tally *tally, const struct ran *ran)
{
    __atomic_add_fetch(&tally->acts, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(ran->status == -9 ? &tally->kills : &tally->missed, 1, __ATOMIC_RELAXED);
}

static char *resume_killed(struct world *world, struct tally *tally)
{
    char *arguments[] = {(char *)(uintptr_t) "resume", (char *)(uintptr_t) "prod",
                         (char *)(uintptr_t) "--yes", NULL};
    struct hindrance hindrance;
    char text[2 * TEXT_SIZE];
    struct ran ran;

    choose(world, &hindrance, text);
    world_roll(world, &hindrance, arguments, &ran);
    count(tally, &ran);
    return world_check_said(world, &ran);
}

static char *check_all(struct world *world)
{
    char *wrong = world_check(world);

    if (wrong || !world->other)
        return wrong;
    world_swap(world);
    wrong = world_check(world);
    world_swap(world);
    return wrong;
}

/* Another operator, a store out of reach, a ledger that an older program left. */
static void change_scene(struct world *world)
{
    GRand *chance = world->chance;

    if (world->shared && g_rand_int_range(chance, 0, 3) == 0)
        world_swap(world);
    if (world->shared && !world->down && g_rand_int_range(chance, 0, 6) == 0)
        world_store(world, true);
    if (!world->shared && !world->targets && g_rand_int_range(chance, 0, 4) == 0)
        world_age(world, g_rand_int_range(chance, 1, world_newest()));
}

/* One act with its kill, and mostly the peace after it. */
static char *torment(struct world *world, struct tally *tally)
{
    struct hindrance hindrance;
    char text[2 * TEXT_SIZE];
    struct ran ran;

    change_scene(world);
    choose(world, &hindrance, text);
    world_act(world, "any", &hindrance, &ran);
    count(tally, &ran);
    char *wrong = world_check_said(world, &ran);
    for (int i = 0; !wrong && i < (world->targets ? 3 : 1); i++)
        if (g_rand_int_range(world->chance, 0, world->targets ? 2 : 4) == 0)
            wrong = resume_killed(world, tally);
    if (!wrong && g_rand_int_range(world->chance, 0, 3) == 0)
        return NULL; /* the next act finds it as it lies */
    if (!wrong)
        wrong = world_recover(world);
    return wrong ? wrong : check_all(world);
}

/* ---- a world --------------------------------------------------------------------------------- */

static void tell(const struct world *world, guint32 seed, int number, const char *wrong)
{
    g_print("FAILED: seed %u, world %d, left in %s\n%s%.*s\n", seed, number, world->folder,
            world->history->str, TOLD_BYTES, wrong);
}

static bool is_wanted(const struct options *options, const struct tally *tally)
{
    return __atomic_load_n(&tally->kills, __ATOMIC_RELAXED) < options->kills &&
           __atomic_load_n(&tally->failures, __ATOMIC_RELAXED) == 0;
}

static void live(const struct options *options, const char *root, int number, struct tally *tally)
{
    guint32 seed = (guint32)options->seed;
    g_autofree char *folder = g_strdup_printf("%s/%d", root, number);
    g_autofree char *container =
        options->shared ? g_strdup_printf("kills%u-%d-%d", seed, (int)getpid(), number) : NULL;
    struct world world;
    char *wrong = NULL;

    world_make(&world, folder, options->program, seed * 1000 + (guint32)number, container,
               options->targets);
    int kills = options->targets ? options->kills : WORLD_KILLS;
    for (int i = 0; i < kills && !wrong && is_wanted(options, tally); i++)
        wrong = torment(&world, tally);
    if (!wrong)
        wrong = world_recover(&world);
    if (!wrong)
        wrong = check_all(&world);
    if (wrong) {
        __atomic_add_fetch(&tally->failures, 1, __ATOMIC_RELAXED);
        tell(&world, seed, number, wrong);
    }
    world_clear(&world, wrong != NULL);
    g_free(wrong);
}

/* Worlds are taken one after the other until there were enough kills. Most of a world's time is
 * waiting. */
static void work(const struct options *options, const char *root, struct tally *tally)
{
    while (is_wanted(options, tally))
        live(options, root, __atomic_fetch_add(&tally->worlds, 1, __ATOMIC_RELAXED), tally);
}

static int run(const struct options *options)
{
    struct tally *tally =
        mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_autofree char *root = g_dir_make_tmp("roll-kills-XXXXXX", NULL);
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
    g_print("%d kills in %d commands of %d workspaces, %d failures, %.1f minutes, seed %d\n",
            tally->kills, tally->acts, tally->worlds, tally->failures + broken,
            (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC / 60, (int)options->seed);
    rmdir(root);
    return tally->failures + broken > 0 || tally->kills < options->kills;
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    struct options options = {.seed = 0};
    const GOptionEntry entries[] = {
        {"seed", 0, 0, G_OPTION_ARG_INT64, &options.seed, "N: the same chances again", "N"},
        {"kills", 0, 0, G_OPTION_ARG_INT, &options.kills,
         "N: so many (100; a fleet's: 6; 1000 with --long)", "N"},
        {"jobs", 0, 0, G_OPTION_ARG_INT, &options.jobs, "N: workspaces at once (12)", "N"},
        {"targets", 0, 0, G_OPTION_ARG_INT, &options.targets, "N: a fleet of so many", "N"},
        {"long", 0, 0, G_OPTION_ARG_NONE, &options.thorough, "the long form", NULL},
        {"shared", 0, 0, G_OPTION_ARG_NONE, &options.shared, "with a store (AZURITE)", NULL},
        {"program", 0, 0, G_OPTION_ARG_FILENAME, &options.program, "FILE: roll-faulty", "FILE"},
        {NULL}};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = g_path_get_dirname(self ? self : argv[0]);

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, NULL) || argc > 1)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (options.seed == 0)
        options.seed = g_random_int_range(1, 1000000);
    if (options.jobs == 0)
        options.jobs = options.targets ? 1 : 12; /* a fleet keeps the machine busy */
    if (options.kills == 0)
        options.kills = options.thorough ? 1000 : options.targets ? 6 : 100;
    if (!options.program)
        options.program = g_build_filename(folder, "roll-faulty", NULL);
    int status = run(&options);

    g_free(options.program);
    return status;
}
