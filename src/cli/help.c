/* Help from the table. Works without configuration, workspace or network. */
#include "app.h"

#include <string.h>

static void write_options(const struct roll_option *options, GString *out)
{
    for (; options && options->name; options++) {
        g_autofree char *left = g_strdup_printf(
            "%s--%s%s%s", options->letter ? (char[]){'-', options->letter, ',', ' ', 0} : "    ",
            options->name, options->value ? " " : "", options->value ? options->value : "");
        g_string_append_printf(out, "  %-30s %s\n", left, options->help);
    }
}

void roll_help_all(struct roll_app *app)
{
    g_autoptr(GString) out = g_string_new("Roll out, roll back and roll forward Azure deployments, "
                                          "from a ledger of every version.\n\n"
                                          "usage: roll [options] COMMAND …\n\ncommands:\n");

    for (const struct roll_command *const *command = roll_commands; *command; command++)
        g_string_append_printf(out, "  %-12s %s\n", (*command)->name, (*command)->summary);
    g_string_append(out, "\noptions:\n");
    write_options(roll_global_options, out);
    g_string_append(
        out, "\n'roll help COMMAND' tells more; 'roll help exit-codes' lists the exit codes.\n"
             "Production is down? roll status, then roll back ENV.\n");
    fwrite(out->str, 1, out->len, app->out.file);
}

void roll_help_command(struct roll_app *app, const struct roll_command *parent,
                       const struct roll_command *command)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const char *prefix = parent ? parent->name : "";
    const char *blank = parent ? " " : "";

    g_string_append_printf(out, "%s\n\n", command->summary);
    if (command->subcommands) {
        g_string_append_printf(out, "usage: roll %s COMMAND …\n\ncommands:\n", command->name);
        for (const struct roll_command *const *sub = command->subcommands; *sub; sub++)
            g_string_append_printf(out, "  %-12s %s\n", (*sub)->name, (*sub)->summary);
    } else {
        g_string_append_printf(out, "usage: roll %s%s%s %s\n", prefix, blank, command->name,
                               command->arguments);
    }
    if (command->details)
        g_string_append_printf(out, "\n%s\n", command->details);
    if (command->options) {
        g_string_append(out, "\noptions:\n");
        write_options(command->options, out);
    }
    g_string_append(out, "\nglobal options:\n");
    write_options(roll_global_options, out);
    fwrite(out->str, 1, out->len, app->out.file);
}
