/* The workspace: making it, running commands in it, bringing it to rest. What must hold then is in
 * world_check.c. */
#include "torture/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_US (90 * G_USEC_PER_SEC)
#define TARGET_DEADLINE_US (G_USEC_PER_SEC / 5) /* and so much more for each target of a fleet */
#define TRIES 8

/* ---- running --------------------------------------------------------------------------------- */

static void note(struct world *world, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void note(struct world *world, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    g_string_append_vprintf(world->history, format, values);
    va_end(values);
}

static pid_t start(struct world *world, const struct hindrance *hindrance, char *const *argv)
{
    g_autofree char *out = g_build_filename(world->folder, "out", NULL);
    pid_t child = fork();

    if (child != 0)
        return child;
    int null = open("/dev/null", O_RDONLY);
    int file = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (null < 0 || file < 0 || chdir(world->folder) != 0)
        _exit(126);
    dup2(null, 0);
    dup2(file, 1);
    dup2(file, 2);
    for (int i = 0; hindrance && hindrance->environment[i]; i++)
        putenv((char *)(uintptr_t)hindrance->environment[i]);
    execvp(argv[0], argv);
    _exit(127);
}

static void await(const struct world *world, struct ran *ran, pid_t child, gint64 kill_after_us)
{
    gint64 began = g_get_monotonic_time();
    gint64 deadline = DEADLINE_US + world->targets * TARGET_DEADLINE_US;
    bool killed = false;
    int status = 0;

    while (waitpid(child, &status, WNOHANG) == 0) {
        gint64 passed = g_get_monotonic_time() - began;
        if (!killed && ((kill_after_us && passed >= kill_after_us) || passed > deadline)) {
            ran->late = passed > deadline;
            kill(child, SIGKILL);
            killed = true;
        }
        g_usleep(kill_after_us && !killed ? (gulong)CLAMP(kill_after_us - passed, 20, 500) : 500);
    }
    ran->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void read_output(const struct world *world, struct ran *ran)
{
    g_autofree char *path = g_build_filename(world->folder, "out", NULL);
    g_autofree char *text = NULL;

    ran->output[0] = '\0';
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    size_t size = strlen(text); /* a fleet's: the end says what came of it */
    g_strlcpy(ran->output, size < sizeof ran->output ? text : text + size - sizeof ran->output + 1,
              sizeof ran->output);
}

void world_roll(struct world *world, const struct hindrance *hindrance, char *const *arguments,
                struct ran *ret_ran)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *words = g_strjoinv(" ", (char **)(uintptr_t)arguments);

    g_ptr_array_add(argv, world->program);
    for (; *arguments; arguments++)
        g_ptr_array_add(argv, *arguments);
    g_ptr_array_add(argv, NULL);
    *ret_ran = (struct ran){0};
    await(world, ret_ran, start(world, hindrance, (char *const *)argv->pdata),
          hindrance ? hindrance->kill_after_us : 0);
    read_output(world, ret_ran);
    note(world, "  roll %s", words);
    for (int i = 0; hindrance && hindrance->environment[i]; i++)
        note(world, " {%s}", hindrance->environment[i]);
    if (hindrance && hindrance->kill_after_us)
        note(world, " {SIGKILL after %d us}", (int)hindrance->kill_after_us);
    const char *error = strstr(ret_ran->output, "error: ");
    note(world, " → %d%s%.*s\n", ret_ran->status, error ? "  " : "",
         error ? (int)strcspn(error, "\n") : 0, error ? error : "");
}

static bool run_tool(struct world *world, char *const *argv)
{
    struct ran ran = {0};

    await(world, &ran, start(world, NULL, argv), 0);
    read_output(world, &ran);
    if (ran.status != 0)
        fprintf(stderr, "'%s' ended with %d: %s\n", argv[0], ran.status, ran.output);
    return ran.status == 0;
}

/* ---- making ---------------------------------------------------------------------------------- */

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})
#define T(text) ((char *)(uintptr_t)(text))

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "the workspace cannot be made: %s\n", what);
    exit(2);
}

static void point(const struct world *world, const char *folder, const char *endpoint)
{
    g_autofree char *path = g_build_filename(folder, "plans", "ledger.json", NULL);
    g_autofree char *text =
        g_strdup_printf("{ \"storage_account_name\": \"devstoreaccount1\", \"container_name\": "
                        "\"%s\", \"key\": \"ledger\", \"endpoint\": \"%s\" }\n",
                        world->container, endpoint);

    must(g_file_set_contents(path, text, -1, NULL), "plans/ledger.json");
}

void world_store(struct world *world, bool down)
{
    const char *endpoint = down ? "http://127.0.0.1:1/devstoreaccount1" : g_getenv("AZURITE");

    world->down = down;
    point(world, world->folder, endpoint);
    point(world, world->other, endpoint);
    note(world, "  -- the store is %s\n", down ? "out of reach" : "back");
}

void world_swap(struct world *world)
{
    char *folder = world->folder;

    world->folder = world->other;
    world->other = folder;
    note(world, "  -- %s acts\n", strrchr(world->folder, '/') + 1);
}

static void share(struct world *world)
{
    struct ran ran;

    point(world, world->folder, g_getenv("AZURITE"));
    must(run_tool(world, WORDS(T("git"), T("add"), T("-A"))), "git add");
    must(run_tool(world, WORDS(T("git"), T("commit"), T("-qm"), T("ledger"))), "git commit");
    must(run_tool(world, WORDS(T("git"), T("tag"), T("-f"), T("v1.0.0"))), "git tag");
    world_roll(world, NULL, WORDS(T("ledger"), T("init-store")), &ran);
    must(ran.status == 0, ran.output);
    world->shared = true;
}

/* The second operator: the same repository, a replica of its own, the same Azure. */
static void add_operator(struct world *world)
{
    g_autofree char *command = g_strdup_printf(
        "set -e; cd '%s'; mkdir -p state; cp -r '%s/plans' '%s/infra' '%s/.git' '%s/.gitignore' .; "
        "ln -s '%s/state/sandbox.db' state/sandbox.db",
        world->other, world->folder, world->folder, world->folder, world->folder, world->folder);
    struct ran ran;

    must(g_mkdir_with_parents(world->other, 0700) == 0, world->other);
    must(run_tool(world, WORDS(T("sh"), T("-c"), command)), "a second operator");
    world_swap(world);
    world_roll(world, NULL, WORDS(T("ledger"), T("sync")), &ran);
    must(ran.status == 0, ran.output);
    world_swap(world);
}

/* The tools of the scenarios, and a person whom git knows. Not for a compiler: one of these tools
 * is called `as`. */
static void set_environment(void)
{
    const char *const names[] = {"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME",
                                 "GIT_COMMITTER_EMAIL"};
    g_autofree char *path =
        g_strconcat(ROLL_SOURCE_DIR "/tests/scenarios/bin:", g_getenv("PATH"), NULL);

    g_setenv("PATH", path, TRUE);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_setenv(names[i], "test@example.com", TRUE);
}

char *world_group(const struct world *world, const char *target)
{
    return world->targets ? g_strdup_printf("app-%d", (int)g_ascii_strtoll(target + 1, NULL, 10))
                          : g_strconcat("app-", target, NULL);
}

static bool make_app(struct world *world)
{
    g_autofree char *count = g_strdup_printf("%d", world->targets);
    g_autofree char *plan = g_strdup_printf(
        "\"rings\": [[\"s00007\"], {\"labels\": {\"tier\": \"canary\"}}, {\"percent\": 10}], "
        "\"maxParallel\": %d, \"maxFailures\": %d, \"onFailure\": \"back\"",
        MAX(world->targets / 5, 4), world->targets / 50);

    return world->targets ? run_tool(world, WORDS(T("make-fleet"), count, plan))
                          : run_tool(world, WORDS(T("make-app")));
}

void world_make(struct world *world, const char *folder, const char *program, guint32 seed,
                const char *container, int targets)
{
    struct ran ran;

    *world = (struct world){.folder = container ? g_build_filename(folder, "alice", NULL)
                                                : g_strdup(folder),
                            .other = container ? g_build_filename(folder, "bob", NULL) : NULL,
                            .container = g_strdup(container),
                            .program = g_strdup(program),
                            .targets = targets,
                            .chance = g_rand_new_with_seed(seed),
                            .looks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
                            .history = g_string_new(NULL)};
    set_environment();
    must(g_mkdir_with_parents(world->folder, 0700) == 0, folder);
    must(make_app(world), "the app");
    /* What commands say is written beside it (start). */
    must(run_tool(world, WORDS(T("sh"), T("-c"),
                               T("set -e; echo /out >>.git/info/exclude; git rm -q --cached out; "
                                 "git commit -q --amend --no-edit; git tag -f v1.0.0"))),
         "what is ignored");
    if (container)
        share(world);
    world->span_us = -g_get_monotonic_time();
    world_roll(world, NULL, WORDS(T("out"), T("prod"), T("--yes")), &ran);
    world->span_us += g_get_monotonic_time();
    must(ran.status == 0, ran.output);
    if (container)
        add_operator(world);
}

void world_clear(struct world *world, bool keep)
{
    if (!keep) {
        g_autofree char *top =
            world->other ? g_path_get_dirname(world->folder) : g_strdup(world->folder);
        g_autofree char *command = g_strdup_printf("rm -rf --one-file-system -- '%s'", top);
        g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL);
    }
    g_rand_free(world->chance);
    g_hash_table_unref(world->looks);
    g_string_free(world->history, TRUE);
    g_free(world->folder);
    g_free(world->other);
    g_free(world->container);
    g_free(world->program);
}

/* ---- acts ------------------------------------------------------------------------------------ */

const char *const world_acts[] = {"out",   "back", "forward", "hotfix",
                                  "prune", "hold", "sync",    NULL};

char *world_thing(const char *release)
{
    const char *number = g_str_has_prefix(release, "1.0.") ? release + strlen("1.0.") : "";

    return g_ascii_strtoll(number, NULL, 10) % 2
               ? g_strdup_printf("asg-%.*s", (int)strcspn(number, "-"), number)
               : NULL;
}

static void act_out(struct world *world, const struct hindrance *hindrance, struct ran *ran)
{
    g_autofree char *version = g_strdup_printf("1.0.%d", ++world->version);
    g_autofree char *thing = world_thing(version);

    must(run_tool(world, WORDS(T("next-version"), version, thing)), "next-version");
    if (world->other)
        must(run_tool(world, WORDS(T("git"), T("-C"), world->other, T("pull"), T("-q"), T("--tags"),
                                   world->folder, T("main"))),
             "git pull");
    world_roll(
        world, hindrance,
        WORDS(T("out"), T("prod"), T("--yes"), T("--override"), T("hotfix"), T("--reason"), T("r")),
        ran);
}

static void act_hotfix(struct world *world, const struct hindrance *hindrance, struct ran *ran)
{
    g_autofree char *image =
        g_strdup_printf("web=contoso.azurecr.io/app/web@sha256:%064d", 1000 + ++world->version);

    world_roll(
        world, hindrance,
        WORDS(T("hotfix"), T("prod"), T("--yes"), T("--reason"), T("r"), T("--artifact"), image),
        ran);
}

static void act_once(struct world *world, const char *act, const struct hindrance *hindrance,
                     struct ran *ret_ran)
{
    static const char *const weights[] = {"out",     "out",    "out",   "back",  "back", "back",
                                          "forward", "hotfix", "prune", "prune", "hold"};
    static const char *const in_emergency[] = {"back", "back", "prune", "hotfix"};

    if (g_str_equal(act, "any") && world->down)
        act = in_emergency[g_rand_int_range(world->chance, 0, G_N_ELEMENTS(in_emergency))];
    if (g_str_equal(act, "any") && world->targets)
        act = g_rand_int_range(world->chance, 0, 3) ? "out" : "back";
    if (g_str_equal(act, "any"))
        act = world->shared && g_rand_int_range(world->chance, 0, 5) == 0
                  ? "sync"
                  : weights[g_rand_int_range(world->chance, 0, G_N_ELEMENTS(weights))];
    if (g_str_equal(act, "out"))
        act_out(world, hindrance, ret_ran);
    else if (g_str_equal(act, "hotfix"))
        act_hotfix(world, hindrance, ret_ran);
    else if (g_str_equal(act, "back") || g_str_equal(act, "forward"))
        world_roll(world, hindrance, WORDS(T(act), T("prod"), T("--yes"), T("--reason"), T("r")),
                   ret_ran);
    else if (g_str_equal(act, "prune"))
        world_roll(world, hindrance,
                   WORDS(T("back"), T("prod"), T("--prune"), T("--yes"), T("--reason"), T("r")),
                   ret_ran);
    else if (g_str_equal(act, "hold"))
        world_roll(world, hindrance,
                   WORDS(T("mark"), T("prod"), T("floor"), T("0"), T("--reason"), T("r")), ret_ran);
    else
        world_roll(world, hindrance, WORDS(T("ledger"), T("sync")), ret_ran);
}

void world_act(struct world *world, const char *act, const struct hindrance *hindrance,
               struct ran *ret_ran)
{
    gint64 began = g_get_monotonic_time();

    act_once(world, act, hindrance, ret_ran);
    if (ret_ran->status == 0)
        world->span_us = g_get_monotonic_time() - began;
}

/* ---- rest ------------------------------------------------------------------------------------ */

static struct roll_error *note_open(void *user, const struct roll_rollout_row *row)
{
    if (row->ended_at == 0)
        *(int64_t *)user = row->number;
    return NULL;
}

/* The oldest rollout without an end, 0: none. After an emergency there may be several. */
static char *open_rollout(const struct world *world, int64_t *ret_open)
{
    g_autofree char *state = g_build_filename(world->folder, "state", NULL);
    const struct roll_rollout_query query = {.stream = WORLD_STREAM};
    roll_auto(ledger) struct roll_ledger *ledger = NULL;
    struct roll_error *err = roll_ledger_open(state, ROLL_LEDGER_READ, &ledger);

    *ret_open = 0;
    if (!err)
        err = roll_ledger_rollouts(ledger, &query, note_open, ret_open);
    char *said = err ? g_strdup_printf("the ledger cannot be read: %s", err->message) : NULL;
    roll_error_free(err);
    return said;
}

static char *sync_once(struct world *world)
{
    struct ran ran = {0};

    if (!world->shared)
        return NULL;
    world_roll(world, NULL, WORDS(T("ledger"), T("sync")), &ran);
    return ran.status == 0 || ran.status == 77
               ? NULL
               : g_strdup_printf("sync ends with %d: %s", ran.status, ran.output);
}

static char *sync_both(struct world *world)
{
    char *wrong = sync_once(world);

    if (!world->other || wrong)
        return wrong;
    world_swap(world);
    wrong = sync_once(world);
    world_swap(world);
    return wrong ? wrong : sync_once(world);
}

static struct roll_error *note_dirty(void *user, const struct roll_environment_row *row)
{
    *(int64_t *)user = row->dirty;
    return NULL;
}

/* What failed in a fleet whose back failed too is sent again; whatever hindered it has an end. */
static char *clean(struct world *world)
{
    g_autofree char *state = g_build_filename(world->folder, "state", NULL);
    int64_t dirty = 0;
    struct ran ran = {0};

    for (int i = 0; world->targets && i < TRIES; i++) {
        roll_auto(ledger) struct roll_ledger *ledger = NULL;
        struct roll_error *err = roll_ledger_open(state, ROLL_LEDGER_READ, &ledger);
        if (!err)
            err = roll_ledger_environments(ledger, WORLD_STREAM, note_dirty, &dirty);
        char *wrong = err ? g_strdup(err->message) : NULL;
        roll_error_free(err);
        if (wrong || dirty == 0)
            return wrong;
        world_roll(world, NULL, WORDS(T("resume"), T("prod"), T("--yes")), &ran);
    }
    return dirty == 0 ? NULL : g_strdup_printf("%d targets stay dirty: %s", (int)dirty, ran.output);
}

char *world_recover(struct world *world)
{
    struct ran ran = {0};
    int64_t open = 0;

    if (world->down)
        world_store(world, false);
    for (int i = 0; i < TRIES; i++) {
        char *wrong = sync_both(world);
        if (!wrong)
            wrong = open_rollout(world, &open);
        if (wrong || open == 0)
            return wrong ? wrong : clean(world);
        g_autofree char *name = g_strdup_printf("prod#%" G_GINT64_FORMAT, open);
        world_roll(world, NULL, WORDS(T("resume"), name, T("--yes"), T("--take")), &ran);
        if (ran.late)
            return g_strdup_printf("resume hangs: %s", ran.output);
    }
    return g_strdup_printf("app/prod#%d does not end by resuming: %s", (int)open, ran.output);
}
