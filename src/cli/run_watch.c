/* All environments: those with something to do get a process each, so that a long bake in one keeps
 * nobody else waiting. --watch looks again when the next thing is due, and at least twice a minute.
 */
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rollbook/calendar.h"
#include "rollbook/time.h"

#define LOOK_MS (INT64_C(30) * 1000)  /* plans and ledgers change without a word */
#define AGAIN_MS (INT64_C(60) * 1000) /* what could not be done is tried again then, and later… */
#define AGAIN_MAX_MS                                                                               \
    (16 * AGAIN_MS) /* … at ever longer distances, while the ledger does not move */
#define LEAVE_MS                                                                                   \
    (INT64_C(60) * 1000) /* children detach within seconds; nobody is waited for longer */

struct child {
    struct watch *watch;
    char *name; /* shop/prod */
    GPid pid;   /* 0: not running */
    int fd;
    int64_t again_boot_ms; /* not before then, unless the ledger has moved */
    int64_t again_ms;
    int64_t head; /* of its stream, when it was started */
};

struct watch {
    struct roll_app *app;
    struct roll_loop *loop;
    GHashTable *children; /* name to struct child * */
    int running, worst;
    bool stay, stopping;
    char *problem; /* the last one that was told */
    json_t *done;  /* of one pass, borrowed */
    unsigned timer;
    struct roll_error *err;
};

/* ---- children ------------------------------------------------------------------------------- */

static void child_free(void *data)
{
    struct child *child = data;

    if (child->pid)
        g_spawn_close_pid(child->pid);
    g_free(child->name);
    g_free(child);
}

/* Of several ends the one that needs a person most. */
int roll_run_worse(int a, int b)
{
    static const int order[] = {77, 0, 11, 10, 130, 4, 6, 3, 5, 2, 7, 8, 1, 9};
    size_t rank_a = 0, rank_b = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        rank_a = order[i] == a ? i : rank_a;
        rank_b = order[i] == b ? i : rank_b;
    }
    return rank_a >= rank_b ? a : b;
}

static void look_soon(struct watch *watch);

static void on_exit_of(void *user)
{
    struct child *child = user;
    struct watch *watch = child->watch;
    int status = 0;

    if (waitpid(child->pid, &status, WNOHANG) == 0)
        return;
    roll_loop_unwatch(watch->loop, child->fd);
    close(child->fd);
    child->pid = 0;
    watch->running--;
    watch->worst = roll_run_worse(watch->worst, WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    if (!watch->running && (watch->stopping || !watch->stay))
        roll_loop_stop(watch->loop);
    else if (watch->stay)
        look_soon(watch);
}

static void own_group(gpointer user)
{
    (void)user;
    setpgid(0, 0);
}

/* The clock of a test has run on since it was set. */
static void hand_on_clock(void)
{
#ifdef ROLL_TESTING
    char now[ROLL_TIME_SIZE];

    if (!g_getenv("ROLL_TEST_NOW"))
        return;
    roll_time_format(roll_now_ms(), now);
    g_setenv("ROLL_TEST_NOW", now, TRUE);
#endif
}

static struct roll_error *start(struct watch *watch, struct child *child)
{
    struct roll_app *app = watch->app;
    const char *argv[10] = {"/proc/self/exe", "roll", "-C", app->workspace->root};
    size_t count = 4;
    GError *problem = NULL;

    if (app->globals.quiet)
        argv[count++] = "-q";
    if (app->globals.debug || app->globals.verbose)
        argv[count++] = app->globals.debug ? "-vv" : "-v";
    argv[count++] = "run";
    argv[count++] = child->name;
    hand_on_clock();
    if (!g_spawn_async(NULL, (char **)(uintptr_t)argv, NULL,
                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_FILE_AND_ARGV_ZERO, own_group, NULL,
                       &child->pid, &problem)) {
        struct roll_error *err = roll_error_new(
            ROLL_E_PROCESS, "cannot start a process for '%s': %s", child->name, problem->message);
        g_error_free(problem);
        child->pid = 0;
        return err;
    }
    child->fd = pidfd_open(child->pid, 0);
    if (child->fd < 0)
        return roll_error_errno(errno, "cannot watch the process for '%s'", child->name);
    watch->running++;
    roll_loop_watch(watch->loop, child->fd, on_exit_of, child);
    return NULL;
}

/* ---- looking -------------------------------------------------------------------------------- */

static struct child *child_of(struct watch *watch, const char *name)
{
    struct child *child = g_hash_table_lookup(watch->children, name);

    if (!child) {
        child = g_new0(struct child, 1);
        child->watch = watch;
        child->name = g_strdup(name);
        g_hash_table_insert(watch->children, child->name, child);
    }
    return child;
}

static struct roll_error *open_ledger(struct roll_app *app)
{
    struct roll_error *err;

    roll_ledger_close(app->ledger);
    app->ledger = NULL;
    err = roll_ledger_open(app->workspace->state_dir, ROLL_LEDGER_READ, &app->ledger);
    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    return NULL;
}

static struct roll_error *look_at(struct watch *watch, const struct roll_plan *plan,
                                  const struct roll_plan_environment *environment, GPtrArray *work,
                                  int64_t *wake)
{
    g_autofree char *stream = roll_stream_of(plan, environment);
    struct child *child = child_of(watch, stream);
    struct roll_head head = {0};
    struct roll_run_view view = {0};

    if (child->pid)
        return NULL;
    ROLL_TRY(roll_run_look(watch->app, plan, environment, roll_now_ms(), &view));
    *wake = MIN(*wake, view.wake);
    if (watch->app->ledger)
        ROLL_TRY(roll_ledger_head(watch->app->ledger, stream, &head));
    if (view.work && (roll_boot_ms() >= child->again_boot_ms || head.seq != child->head)) {
        child->again_ms =
            head.seq != child->head ? AGAIN_MS : CLAMP(2 * child->again_ms, AGAIN_MS, AGAIN_MAX_MS);
        child->again_boot_ms = roll_boot_ms() + child->again_ms;
        child->head = head.seq;
        g_ptr_array_add(work, child);
    }
    roll_run_view_clear(&view);
    bool quiet = watch->stay || (work->len > 0 && work->pdata[work->len - 1] == child);
    return quiet ? NULL : roll_run_remind(watch->app, stream, watch->done); /* else its pass does */
}

/* A plan that cannot be read stops its own service only; it is told once. */
static void tell(struct watch *watch, struct roll_error *err_take)
{
    if (err_take && g_strcmp0(watch->problem, err_take->message) != 0) {
        g_free(watch->problem);
        watch->problem = g_strdup(err_take->message);
        roll_print_error(watch->app, err_take);
        watch->worst = roll_run_worse(watch->worst, roll_code_exit(err_take->code));
    }
    roll_error_free(err_take);
}

static void look_at_service(struct watch *watch, const char *service, GPtrArray *work,
                            int64_t *wake)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    struct roll_error *err = roll_workspace_plan(watch->app->workspace, service, &plan);

    for (guint i = 0; !err && i < plan->environments->len; i++)
        err = look_at(watch, plan, plan->environments->pdata[i], work, wake);
    tell(watch, err);
}

/* What there is to do, and when to look again. Plans are read anew. */
static struct roll_error *look(struct watch *watch, GPtrArray *work, int64_t *wake)
{
    struct roll_app *app = watch->app;
    struct roll_workspace *workspace = NULL;

    ROLL_TRY(roll_workspace_find(app->workspace->root, &workspace));
    roll_workspace_free(app->workspace);
    app->workspace = workspace;
    ROLL_TRY(open_ledger(app));
    for (char **service = workspace->services; *service; service++)
        look_at_service(watch, *service, work, wake);
    return NULL;
}

/* ---- one pass ------------------------------------------------------------------------------- */

static void watch_init(struct watch *watch, struct roll_app *app, bool stay)
{
    *watch = (struct watch){.app = app, .stay = stay, .worst = roll_code_exit(ROLL_E_NOTHING)};
    watch->children = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, child_free);
}

static void watch_clear(struct watch *watch)
{
    g_hash_table_unref(watch->children);
    g_free(watch->problem);
    roll_loop_free(watch->loop);
}

static void stop_children(struct watch *watch)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, watch->children);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct child *child = value;
        if (child->pid)
            kill(-child->pid, SIGTERM);
    }
}

static void on_late(void *user)
{
    struct watch *watch = user;

    fputs("a process has not let go; what it drives can be resumed\n", watch->app->err.file);
    roll_loop_stop(watch->loop);
}

static void on_signal(void *user, int number)
{
    struct watch *watch = user;

    if (number == SIGHUP && watch->stay) {
        look_soon(watch);
        return;
    }
    watch->stopping = true;
    roll_systemd_notify("STOPPING=1\nSTATUS=letting go");
    roll_loop_cancel_timer(watch->loop, watch->timer);
    watch->timer = 0;
    stop_children(watch);
    if (!watch->running)
        roll_loop_stop(watch->loop);
    else
        roll_loop_timer(watch->loop, roll_boot_ms() + LEAVE_MS, on_late, watch);
}

static struct roll_error *start_all(struct watch *watch, const GPtrArray *work)
{
    for (guint i = 0; i < work->len; i++)
        ROLL_TRY(start(watch, work->pdata[i]));
    return NULL;
}

/* In JSON there is one document, so that one after the other writes into it. */
static struct roll_error *one_by_one(struct roll_app *app, const GPtrArray *work, json_t *done)
{
    for (guint i = 0; i < work->len; i++) {
        const struct child *child = work->pdata[i];
        ROLL_TRY(roll_run_environment(app, child->name, done));
    }
    return NULL;
}

struct roll_error *roll_run_all(struct roll_app *app, json_t *done)
{
    g_autoptr(GPtrArray) work = g_ptr_array_new();
    int64_t wake = ROLL_NEVER;
    struct watch watch;
    struct roll_error *err;

    watch_init(&watch, app, false);
    watch.done = done;
    err = look(&watch, work, &wake);
    if (!err && (work->len < 2 || app->json)) {
        err = one_by_one(app, work, done);
        app->exit_status = watch.worst;
        watch_clear(&watch);
        return err;
    }
    roll_ledger_close(app->ledger); /* not a child's to inherit */
    app->ledger = NULL;
    if (!err)
        err = roll_loop_new(&watch.loop);
    if (!err)
        err = roll_loop_signals(watch.loop, on_signal, &watch);
    if (!err)
        err = start_all(&watch, work);
    while (!err && watch.running)
        err = roll_loop_run(watch.loop);
    app->exit_status = watch.worst;
    watch_clear(&watch);
    return err;
}

/* ---- staying -------------------------------------------------------------------------------- */

static void tick(void *user);

static void plan_tick(struct watch *watch, int64_t ms)
{
    int64_t watchdog = roll_systemd_watchdog_ms();

    roll_loop_cancel_timer(watch->loop, watch->timer);
    if (watchdog > 0)
        ms = MIN(ms, watchdog);
    watch->timer = roll_loop_timer(watch->loop, roll_boot_ms() + MAX(ms, 10), tick, watch);
}

static void look_soon(struct watch *watch)
{
    if (!watch->stopping)
        plan_tick(watch, 0);
}

static void tell_status(const struct watch *watch, int64_t wake)
{
    char at[ROLL_TIME_SIZE] = "nothing";
    g_autofree char *state = NULL;

    if (wake != ROLL_NEVER)
        roll_time_format(wake, at);
    state =
        g_strdup_printf("READY=1\nWATCHDOG=1\nSTATUS=%d at work; next due: %s", watch->running, at);
    roll_systemd_notify(state);
}

static void tick(void *user)
{
    struct watch *watch = user;
    g_autoptr(GPtrArray) work = g_ptr_array_new();
    int64_t wake = ROLL_NEVER;
    struct roll_error *err;

    watch->timer = 0;
    err = look(watch, work, &wake);
    roll_ledger_close(watch->app->ledger);
    watch->app->ledger = NULL;
    if (!err)
        err = start_all(watch, work);
    tell(watch, err);
    tell_status(watch, wake);
    plan_tick(watch, wake == ROLL_NEVER ? LOOK_MS : CLAMP(wake - roll_now_ms(), 0, LOOK_MS));
}

struct roll_error *roll_run_watch(struct roll_app *app)
{
    struct watch watch;
    struct roll_error *err;

    watch_init(&watch, app, true);
    err = roll_loop_new(&watch.loop);
    if (!err)
        err = roll_loop_signals(watch.loop, on_signal, &watch);
    if (!err) {
        roll_say(app, "watching %s", app->workspace->root);
        fflush(app->out.file);
        tick(&watch);
        err = roll_loop_run(watch.loop);
    }
    watch_clear(&watch);
    return err;
}
