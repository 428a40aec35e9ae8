/* roll help, version and completion: no configuration, no network, nothing initialised. */
#include "app.h"

#include <string.h>

const char roll_help_exit_codes[] =
    "exit codes\n"
    "    0  done\n"
    "    1  error\n"
    "    2  wrong usage\n"
    "    3  not found\n"
    "    4  found something (drift, not ready; differences with --exit-code)\n"
    "    5  refused by policy\n"
    "    6  conflict\n"
    "    7  failed and rolled back\n"
    "    8  failed, not rolled back\n"
    "    9  ledger damaged\n"
    "   10  waiting (approval, window, slot)\n"
    "   11  expired or superseded\n"
    "   77  nothing to do\n"
    "  130  detached, can be resumed\n"
    "--ok LIST maps some of them to 0, for example --ok waiting,nothing\n";

struct context {
    bool man;
};

static struct roll_error *run_help(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    const struct roll_command *const *commands = roll_commands;
    const struct roll_command *command = NULL, *parent = NULL;

    if (context->man) {
        roll_help_man(app);
        return NULL;
    }
    if (!arguments[0]) {
        roll_help_all(app);
        return NULL;
    }
    if (strcmp(arguments[0], "exit-codes") == 0) {
        fputs(roll_help_exit_codes, app->out.file);
        return NULL;
    }
    for (; *arguments; arguments++) {
        parent = command;
        command = roll_command_find(commands, *arguments);
        if (!command)
            return roll_error_detail(
                roll_error_new(ROLL_E_USAGE, "there is no command '%s'", *arguments),
                "{\"next\":[\"roll help\"]}");
        commands = command->subcommands;
    }
    roll_help_command(app, parent, command);
    return NULL;
}

static const struct roll_option help_options[] = {
    {"man", 0, ROLL_FLAG, offsetof(struct context, man), NULL, "the manual page, as man reads it"},
    {NULL},
};

const struct roll_command roll_cmd_help = {
    .name = "help",
    .arguments = "[COMMAND…]",
    .summary = "help, also for one command; 'roll help exit-codes'",
    .options = help_options,
    .context_size = sizeof(struct context),
    .max_arguments = 2,
    .run = run_help,
};

static struct roll_error *run_version(struct roll_app *app, void *context, char **arguments)
{
    (void)context;
    (void)arguments;
    if (app->json) {
        roll_auto(json) json_t *view = json_pack("{s:s}", "version", ROLL_VERSION);
        roll_report_json(&app->out, view);
    } else {
        fputs("roll " ROLL_VERSION "\n", app->out.file);
    }
    return NULL;
}

const struct roll_command roll_cmd_version = {
    .name = "version",
    .arguments = "",
    .summary = "this program's version",
    .run = run_version,
};

/* ---- completion ----------------------------------------------------------------------------- */

static void add_words(const struct roll_option *options, GString *words)
{
    for (; options && options->name; options++)
        g_string_append_printf(words, " --%s", options->name);
}

static void add_case(const char *pattern, const struct roll_command *command, GString *out)
{
    g_autoptr(GString) words = g_string_new(NULL);

    for (const struct roll_command *const *sub = command->subcommands; sub && *sub; sub++)
        g_string_append_printf(words, " %s", (*sub)->name);
    add_words(command->options, words);
    add_words(roll_global_options, words);
    g_string_append_printf(out, "    %s) words=\"%s\" ;;\n", pattern, words->str + 1);
}

static void write_cases(GString *out)
{
    for (const struct roll_command *const *command = roll_commands; *command; command++) {
        for (const struct roll_command *const *sub = (*command)->subcommands; sub && *sub; sub++) {
            g_autofree char *pattern = g_strdup_printf("\"%s %s\"", (*command)->name, (*sub)->name);
            add_case(pattern, *sub, out);
        }
        g_autofree char *pattern = g_strdup_printf("\"%s\"*", (*command)->name);
        add_case(pattern, *command, out);
    }
}

static struct roll_error *run_completion(struct roll_app *app, void *context, char **arguments)
{
    g_autoptr(GString) out = g_string_new(NULL);

    (void)context;
    if (strcmp(arguments[0], "bash") != 0 && strcmp(arguments[0], "zsh") != 0)
        return roll_error_new(ROLL_E_USAGE, "completions are there for bash and zsh, not for '%s'",
                              arguments[0]);
    if (strcmp(arguments[0], "zsh") == 0)
        g_string_append(out, "autoload -U +X bashcompinit && bashcompinit\n");
    g_string_append(out, "# Completion for roll: eval \"$(roll completion bash)\"\n_roll() {\n  "
                         "local words command=\"${COMP_WORDS[1]} ${COMP_WORDS[2]}\"\n"
                         "  case \"$command\" in\n");
    write_cases(out);
    g_string_append(out, "  esac\n  if [ \"$COMP_CWORD\" = 1 ]; then\n    words=\"");
    for (const struct roll_command *const *command = roll_commands; *command; command++)
        g_string_append_printf(out, "%s%s", command == roll_commands ? "" : " ", (*command)->name);
    g_string_append(out, "\"\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- "
                         "\"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -o default -F _roll roll\n");
    fwrite(out->str, 1, out->len, app->out.file);
    return NULL;
}

const struct roll_command roll_cmd_completion = {
    .name = "completion",
    .arguments = "bash|zsh",
    .summary = "shell completion, made from this program's own table",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_completion,
};
