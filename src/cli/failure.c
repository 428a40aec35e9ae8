/* An error for the person: what failed, why (innermost words, correlation id), and what to type
 * next. */
#include "app.h"

#include <stdlib.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/text.h"

static void write_safe(const char *text, bool keep_lines, GString *out)
{
    roll_text_safe(text, strlen(text), keep_lines, out);
}

/* "while reading …" is a circumstance; what went wrong in it is said first. */
static bool is_circumstance(const struct roll_error *err)
{
    return g_str_has_prefix(err->message, "while ");
}

static const struct roll_error *said_first(const struct roll_error *err)
{
    while (err->cause && is_circumstance(err))
        err = err->cause;
    return err;
}

static void write_line(const char *before, const struct roll_error *err, GString *out)
{
    g_string_append(out, before);
    write_safe(err->message, true, out);
    g_string_append_c(out, '\n');
}

/* The innermost first. */
static void write_circumstances(const struct roll_error *err, const struct roll_error *until,
                                GString *out)
{
    if (err == until)
        return;
    write_circumstances(err->cause, until, out);
    write_line("  ", err, out);
}

static void write_chain(const struct roll_screen *screen, const struct roll_error *err,
                        GString *out)
{
    /* That there is nothing to do is good news. */
    if (err->code != ROLL_E_NOTHING) {
        roll_paint(screen, ROLL_BAD, "error", out);
        g_string_append(out, ": ");
    }
    const struct roll_error *first = said_first(err);
    write_safe(first->message, true, out);
    g_string_append_c(out, '\n');
    for (const struct roll_error *cause = first->cause; cause; cause = cause->cause)
        write_line("  because: ", cause, out);
    write_circumstances(err, first, out);
}

/* "roll back prod" may be advised, "roll adopt prod" only by a version that has it. */
static bool is_at_hand(const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 3);

    return !words[0] || strcmp(words[0], "roll") != 0 || !words[1] ||
           roll_command_find(roll_commands, words[1]);
}

/* detail {"next": [commands]} is written by the modules that know; a cause's detail counts too. */
static void write_next(const struct roll_error *err, GString *out)
{
    bool first = true;

    for (; err; err = err->cause) {
        roll_auto(json) json_t *detail = err->detail ? json_loads(err->detail, 0, NULL) : NULL;
        const json_t *next = json_object_get(detail, "next");
        const char *correlation = roll_json_get_string(detail, "correlationId");
        const char *advice = roll_arm_advice(roll_json_get_string(detail, "code"));
        size_t index;
        json_t *line;

        if (correlation)
            g_string_append_printf(out, "  correlation id: %s\n", correlation);
        if (advice)
            g_string_append_printf(out, "  %s\n", advice);
        json_array_foreach (next, index, line) {
            const char *text = json_string_value(line);
            if (!text || !is_at_hand(text))
                continue;
            g_string_append(out, first ? "next: " : "      ");
            write_safe(text, false, out);
            g_string_append_c(out, '\n');
            first = false;
        }
    }
}

static const char *general_advice(const struct roll_app *app, enum roll_code code)
{
    switch (code) {
    case ROLL_E_USAGE:
        return app->command ? NULL : "next: roll help\n";
    case ROLL_E_CREDENTIAL:
        return "next: az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET\n"
               "      roll doctor  says which credential would be used\n";
    case ROLL_E_DAMAGED:
        return "next: roll ledger verify\n";
    case ROLL_E_TOO_NEW:
        return "next: use the newest roll that has worked in this workspace\n";
    case ROLL_E_FOREIGN:
        return "next: restore state/ from a backup, or move the file away\n";
    case ROLL_E_NO_SPACE:
        return "next: make room; nothing was damaged\n";
    case ROLL_E_READ_ONLY:
        return "next: let this user read and write the workspace, or run as its owner; nothing was "
               "done\n";
    case ROLL_E_LOCKED:
        return "next: try again; another roll is writing\n";
    default:
        return NULL;
    }
}

/* Pipelines mark a line that begins so; what follows is one safe line, with the characters that end
 * such a command spelt as each asks. */
static void write_issue(const char *message, GString *out)
{
    g_autoptr(GString) text = g_string_new(NULL);

    write_safe(message, false, text);
    if (getenv("TF_BUILD")) {
        g_string_append_printf(out, "##vso[task.logissue type=error]%s\n", text->str);
    } else if (g_strcmp0(getenv("GITHUB_ACTIONS"), "true") == 0) {
        g_string_replace(text, "%", "%25", 0);
        g_string_append_printf(out, "::error::%s\n", text->str);
    }
}

void roll_print_issue(struct roll_app *app, const char *message)
{
    g_autoptr(GString) out = g_string_new(NULL);

    write_issue(message, out);
    fflush(app->out.file);
    fwrite(out->str, 1, out->len, app->err.file);
}

void roll_print_error(struct roll_app *app, const struct roll_error *err)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const char *advice = general_advice(app, err->code);

    if (err->code != ROLL_E_NOTHING)
        write_issue(said_first(err)->message, out);
    write_chain(&app->err, err, out);
    write_next(err, out);
    if (advice && !strstr(out->str, "next: "))
        g_string_append(out, advice);
    if (err->code == ROLL_E_USAGE && app->command && !strstr(out->str, "next: "))
        g_string_append_printf(out, "next: roll help %s%s%s\n",
                               app->parent ? app->parent->name : "", app->parent ? " " : "",
                               app->command->name);
    fflush(app->out.file);
    fwrite(out->str, 1, out->len, app->err.file);
}
