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

/* ---- the manual page ------------------------------------------------------------------------ */

/* A dash that is typed is a minus in roff; a dot or quote at a line's start would be a request. */
static void write_roff(const char *text, GString *out)
{
    bool at_start = true;

    for (; *text; text++) {
        if (at_start && (*text == '.' || *text == '\''))
            g_string_append(out, "\\&");
        if (*text == '-' || *text == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *text);
        at_start = *text == '\n';
    }
}

static void man_options(const struct roll_option *options, GString *out)
{
    for (; options && options->name; options++) {
        g_string_append(out, ".TP\n.B ");
        if (options->letter)
            g_string_append_printf(out, "\\-%c, ", options->letter);
        write_roff("--", out);
        write_roff(options->name, out);
        if (options->value)
            g_string_append_printf(out, " \\fI%s\\fR", options->value);
        g_string_append_c(out, '\n');
        write_roff(options->help, out);
        g_string_append_c(out, '\n');
    }
}

static void man_command(const struct roll_command *parent, const struct roll_command *command,
                        GString *out)
{
    g_string_append_printf(out, ".SS roll %s%s%s ", parent ? parent->name : "", parent ? " " : "",
                           command->name);
    write_roff(command->arguments, out);
    g_string_append_c(out, '\n');
    write_roff(command->summary, out);
    g_string_append(out, ".\n");
    if (command->details) {
        g_string_append(out, ".PP\n");
        write_roff(command->details, out);
        g_string_append_c(out, '\n');
    }
    man_options(command->options, out);
    for (const struct roll_command *const *sub = command->subcommands; sub && *sub; sub++)
        man_command(command, *sub, out);
}

void roll_help_man(struct roll_app *app)
{
    g_autoptr(GString) out =
        g_string_new(".TH ROLL 1 \"\" \"Rollbook " ROLL_VERSION "\" \"User Commands\"\n"
                     ".SH NAME\nroll \\- roll out, roll back and roll forward Azure deployments\n"
                     ".SH SYNOPSIS\n.B roll\n[options] COMMAND ...\n.SH OPTIONS\n");

    man_options(roll_global_options, out);
    g_string_append(out, ".SH COMMANDS\n");
    for (const struct roll_command *const *command = roll_commands; *command; command++)
        man_command(NULL, *command, out);
    g_string_append(out, ".SH EXIT STATUS\n.nf\n");
    write_roff(roll_help_exit_codes, out);
    g_string_append(out, ".fi\n");
    fwrite(out->str, 1, out->len, app->out.file);
}
