/* From argv to an exit status: find the command, parse, prepare what it needs, run, report. */
#include "app.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "rollbook/log.h"
#include "rollbook/process.h"
#include "rollbook/text.h"

enum { LARGE_TEXT = 1 << 20 }; /* bytes */

/* Names for --ok, and the exit statuses that they map to 0. */
static const struct {
    const char *name;
    int status;
} ok_names[] = {
    {"not-found", 3}, {"found", 4},    {"refused", 5},  {"conflict", 6},   {"rolled-back", 7},
    {"waiting", 10},  {"expired", 11}, {"nothing", 77}, {"detached", 130},
};

static struct roll_error *check_ok(const char *list)
{
    g_auto(GStrv) names = g_strsplit(list, ",", -1);

    for (char **name = names; *name; name++) {
        bool known = false;
        for (size_t i = 0; i < G_N_ELEMENTS(ok_names); i++)
            known = known || strcmp(ok_names[i].name, *name) == 0;
        if (!known)
            return roll_error_new(
                ROLL_E_USAGE,
                "'--ok' knows not-found, found, refused, conflict, rolled-back, waiting, "
                "expired, nothing and detached, not '%s'",
                *name);
    }
    return NULL;
}

static int map_ok(const char *list, int status)
{
    if (!list)
        return status;
    g_auto(GStrv) names = g_strsplit(list, ",", -1);
    for (char **name = names; *name; name++)
        for (size_t i = 0; i < G_N_ELEMENTS(ok_names); i++)
            if (strcmp(ok_names[i].name, *name) == 0 && ok_names[i].status == status)
                return 0;
    return status;
}

static struct roll_error *unknown_command(const struct roll_command *const *commands,
                                          const char *typed)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *nearest;

    for (; *commands; commands++)
        g_ptr_array_add(names, (void *)(uintptr_t)(*commands)->name);
    g_ptr_array_add(names, NULL);
    nearest = roll_text_nearest(typed, (const char *const *)names->pdata);
    if (nearest)
        return roll_error_new(ROLL_E_USAGE, "unknown command '%s'; did you mean '%s'?", typed,
                              nearest);
    return roll_error_new(ROLL_E_USAGE, "unknown command '%s'", typed);
}

/* The command is the first argument that is no global option; its words are taken out of argv. */
static struct roll_error *find_command(struct roll_app *app, char **argv)
{
    const struct roll_command *const *commands = roll_commands;

    for (char **at = argv; *at; at++) {
        if (strcmp(*at, "--") == 0)
            break;
        if (**at == '-') {
            bool value_follows = strcmp(*at, "-C") == 0 || strcmp(*at, "-o") == 0 ||
                                 strcmp(*at, "--ok") == 0 || strcmp(*at, "--output") == 0 ||
                                 strcmp(*at, "--directory") == 0;
            if (value_follows && at[1])
                at++;
            continue;
        }
        const struct roll_command *found = roll_command_find(commands, *at);
        if (!found)
            return unknown_command(commands, *at);
        app->parent = app->command;
        app->command = found;
        memmove(at, at + 1, (g_strv_length(at + 1) + 1) * sizeof(*at));
        at--;
        if (!found->subcommands)
            break;
        commands = found->subcommands;
    }
    return NULL;
}

/* Every command has table and json; some have a form of their own. */
static struct roll_error *check_output(const struct roll_app *app)
{
    const char *output = app->globals.output;
    const char *const *more = app->command ? app->command->forms : NULL;
    g_autofree char *list = more ? g_strjoinv(", ", (char **)(uintptr_t)more) : NULL;

    if (!output || strcmp(output, "json") == 0 || strcmp(output, "table") == 0 ||
        (more && g_strv_contains(more, output)))
        return NULL;
    if (more)
        return roll_error_new(ROLL_E_USAGE, "'-o' takes json, %s, not '%s'", list, output);
    return roll_error_new(ROLL_E_USAGE, "'-o' takes table or json, not '%s'", output);
}

static struct roll_error *apply_globals(struct roll_app *app)
{
    const struct roll_globals *globals = &app->globals;

    ROLL_TRY(check_output(app));
    app->json = globals->output && strcmp(globals->output, "json") == 0;
    if (globals->ok)
        ROLL_TRY(check_ok(globals->ok));
    if (globals->debug)
        roll_log_set_level(ROLL_LOG_DEBUG);
    else if (globals->verbose)
        roll_log_set_level(ROLL_LOG_VERBOSE);
    else if (globals->quiet)
        roll_log_set_level(ROLL_LOG_QUIET);
    app->out = roll_screen_new(stdout, !globals->no_color);
    app->err = roll_screen_new(stderr, !globals->no_color);
    return NULL;
}

static struct roll_error *check_arguments(const struct roll_app *app, const GPtrArray *arguments)
{
    const struct roll_command *command = app->command;
    int count = (int)arguments->len;

    if (count < command->min_arguments)
        return roll_error_new(ROLL_E_USAGE, "'roll %s%s%s' needs %s",
                              app->parent ? app->parent->name : "", app->parent ? " " : "",
                              command->name, command->arguments);
    if (command->max_arguments >= 0 && count > command->max_arguments)
        return roll_error_new(ROLL_E_USAGE, "unexpected argument '%s'",
                              (const char *)arguments->pdata[command->max_arguments]);
    return NULL;
}

static struct roll_error *find_workspace(struct roll_app *app)
{
    struct roll_error *err = roll_workspace_find(NULL, &app->workspace);

    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    return roll_error_detail(err, "{\"next\":[\"roll init SERVICE   makes a first plan here\"]}");
}

static struct roll_error *prepare(struct roll_app *app)
{
    unsigned needs = app->command->needs;

    if (needs & (ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER | ROLL_WRITES_LEDGER))
        ROLL_TRY(find_workspace(app));
    if (needs & ROLL_WRITES_LEDGER)
        return roll_app_open_ledger(app);
    if (needs & ROLL_READS_LEDGER) {
        struct roll_error *err =
            roll_ledger_open(app->workspace->state_dir, ROLL_LEDGER_READ, &app->ledger);
        if (roll_error_code(err) == ROLL_E_NOT_FOUND) {
            roll_error_free(err);
            err = NULL;
        }
        return err;
    }
    return NULL;
}

static struct roll_error *run_command(struct roll_app *app, char **argv)
{
    const struct roll_command *command = app->command;
    g_autofree void *context = g_malloc0(MAX(command ? command->context_size : 0, 1));
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    struct roll_error *err = roll_options_parse(command, argv, context, &app->globals, arguments);

    if (!err)
        err = apply_globals(app);
    if (!err && (app->globals.help || !command || command->subcommands)) {
        if (command)
            roll_help_command(app, app->parent, command);
        else
            roll_help_all(app);
        app->exit_status = app->globals.help ? 0 : 2;
    } else if (!err) {
        err = check_arguments(app, arguments);
        if (!err && app->globals.directory && chdir(app->globals.directory) != 0)
            err = roll_error_errno(errno, "cannot work in '%s'", app->globals.directory);
        if (!err)
            err = prepare(app);
        g_ptr_array_add(arguments, NULL);
        if (!err)
            err = command->run(app, context, (char **)arguments->pdata);
    }
    if (command)
        roll_options_clear(command->options, context);
    return err;
}

static void app_clear(struct roll_app *app)
{
    roll_app_unshare(app);
    roll_ledger_close(app->ledger);
    roll_sandbox_leave(app->sandbox);
    roll_workspace_free(app->workspace);
    g_free(app->actor.proved);
    g_free(app->actor.claimed);
}

/* A script that asked for JSON gets a document also when there was nothing to do. */
static void print_nothing(struct roll_app *app, const struct roll_error *err)
{
    roll_auto(json) json_t *view =
        json_pack("{s:s,s:s}", "state", "nothing", "reason", err->message);

    roll_report_json(&app->out, view);
}

/* GLib says here that there is no memory, and would abort. Nothing is allocated any more. */
static GLogWriterOutput write_last_words(GLogLevelFlags level, const GLogField *fields,
                                         gsize n_fields, gpointer user)
{
    if (!(level & G_LOG_LEVEL_ERROR))
        return g_log_writer_default(level, fields, n_fields, user);
    fputs("error: ", stderr);
    for (gsize i = 0; i < n_fields; i++)
        if (strcmp(fields[i].key, "MESSAGE") == 0)
            fputs(fields[i].value, stderr);
    fputs("\nnext: roll status  says how far it came; what was recorded is safe\n", stderr);
    _exit(roll_code_exit(ROLL_E_INTERNAL));
}

void roll_begin(void)
{
    /* What a fleet's texts took goes back when they are done with, instead of being a hole between
     * small things that stay; glibc would learn otherwise from the first of them. */
    mallopt(M_MMAP_THRESHOLD, LARGE_TEXT);
    mallopt(M_TRIM_THRESHOLD, LARGE_TEXT);
    g_log_set_writer_func(write_last_words, NULL, NULL);
    /* Values are built in hundreds of places, and one that silently lacks a member would be
     * recorded. */
    json_set_alloc_funcs(g_malloc, g_free);
}

int roll_main(int argc, char **argv)
{
    struct roll_app app = {.out = roll_screen_new(stdout, true),
                           .err = roll_screen_new(stderr, true)};
    g_autofree char **words = g_memdup2(argv, sizeof(*argv) * (size_t)(argc + 1));
    char version[] = "version"; /* for --version; lives as long as the words do */
    char **rest = argc > 0 ? words + 1 : words;
    int status;

    roll_process_keep_private();
    /* A limit on files is an error to be told, not a death in the middle of it. */
    signal(SIGXFSZ, SIG_IGN);
    /* As people ask other programs; behind a command it is an option of that command. */
    if (rest[0] && strcmp(rest[0], "--version") == 0)
        rest[0] = version;
    struct roll_error *err = find_command(&app, rest);

    if (!err)
        err = run_command(&app, rest);
    status = err ? roll_code_exit(roll_error_code(err)) : app.exit_status;
    if (err && app.json && roll_error_code(err) == ROLL_E_NOTHING)
        print_nothing(&app, err);
    if (err)
        roll_print_error(&app, err);
    roll_error_free(err);
    if (fflush(stdout) != 0) {
        if (errno != EPIPE) /* who reads no further wants no more */
            fprintf(stderr,
                    "error: what was said could not be written: %s\n"
                    "next: roll status  says what is live\n",
                    g_strerror(errno));
        status = status ? status : 1;
    }
    status = map_ok(app.globals.ok, status);
    app_clear(&app);
    return status;
}
