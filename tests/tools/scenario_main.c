/* The scenario runner: a data file of commands with what they must print, run in a folder of its
 * own.
 *
 *   scenario [--update|--times] FILE   exit 0: all as written; 1: differences were printed; 77:
 *                                      skipped; --times: what each command took
 *
 * The format is in tests/README.md. Commands run by sh, as a person types them; PATH begins with
 * the program's folder. Output is made comparable (times, digests, durations, folder) before it is
 * compared. At the end the ledger, if there is one, is verified, and its rebuilt tables must equal
 * the live ones. */
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollbook/azure.h"
#include "rollbook/process.h"

struct step {
    GString *command;
    GPtrArray *expected; /* of char *, without the two blanks */
    int exit_status;
    guint line;
};

struct scenario {
    const char *path;
    char *folder;
    GPtrArray *steps;
    GPtrArray *environment; /* "NAME=VALUE" */
    char *needs;            /* a command that succeeds where this can run, or NULL */
    GString *updated;       /* the file with what was printed */
    char *actor;            /* who the ledger says that runs this */
    bool times;
};

/* ---- reading -------------------------------------------------------------------------------- */

static void step_free(void *item)
{
    struct step *step = item;

    g_string_free(step->command, TRUE);
    g_ptr_array_unref(step->expected);
    g_free(step);
}

static struct step *step_new(const char *command, guint line)
{
    struct step *step = g_new0(struct step, 1);

    step->command = g_string_new(command);
    step->expected = g_ptr_array_new_with_free_func(g_free);
    step->line = line;
    return step;
}

/* "  [77]": the exit status; "  []" is output. */
static bool is_exit_status(const char *line)
{
    size_t digits = g_str_has_prefix(line, "  [") ? strspn(line + 3, "0123456789") : 0;

    return digits > 0 && strcmp(line + 3 + digits, "]") == 0;
}

static void read_lines(struct scenario *scenario, char **lines)
{
    struct step *step = NULL;

    for (guint at = 0; lines[at]; at++) {
        const char *line = lines[at];

        if (g_str_has_prefix(line, "  $ ")) {
            step = step_new(line + 4, at + 1);
            g_ptr_array_add(scenario->steps, step);
        } else if (step && g_str_has_prefix(line, "  > ")) {
            g_string_append_c(step->command, '\n');
            g_string_append(step->command, line + 4);
        } else if (step && is_exit_status(line)) {
            step->exit_status = (int)g_ascii_strtoll(line + 3, NULL, 10);
        } else if (step && g_str_has_prefix(line, "  ")) {
            g_ptr_array_add(step->expected, g_strdup(line + 2));
        } else if (g_str_has_prefix(line, "env: ")) {
            g_ptr_array_add(scenario->environment, g_strdup(line + 5));
        } else if (g_str_has_prefix(line, "needs: ")) {
            g_free(scenario->needs);
            scenario->needs = g_strdup(line + 7);
        } else {
            step = NULL;
        }
    }
}

/* ---- making output comparable --------------------------------------------------------------- */

static const struct {
    const char *pattern, *replacement;
} rules[] = {
    {"\\b[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z| UTC)", "<TIME>"},
    {"\\b[0-9a-f]{64}\\b", "<DIGEST>"},
    {"\\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\\b(?<!0{12})(?<!1{12})",
     "<UUID>"},
    {"\\b(roll-[a-z0-9-]+)-[0-9a-f]{12}\\b", "\\1-<DIGITS>"},
    {"\\b[0-9a-f]{40}\\b", "<COMMIT>"},
    {"(recorded(?:, the same content)?  )[0-9a-f]{12}", "\\1<DIGEST>"},
    {"(just now|\\b[0-9.]+ (s|min|h|d)( [0-9]+ (s|min|h))? ago)", "<AGO>"},
    {"\\b[0-9]+(\\.[0-9]+)? (s|min [0-9]+ s)\\b", "<TOOK>"},
    {"127\\.0\\.0\\.1:[0-9]+", "127.0.0.1:<PORT>"},
    {"(\"durationMs\": )[0-9]+", "\\1<TOOK>"},
    {" +$", ""},
};

static char *comparable(const struct scenario *scenario, const char *text)
{
    g_autofree char *in_folder = NULL;
    GString *out = g_string_new(text);

    g_string_replace(out, scenario->folder, "<FOLDER>", 0);
    g_string_replace(out, scenario->actor, "<ACTOR>", 0);
    in_folder = g_string_free(out, FALSE);
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        g_autoptr(GRegex) regex = g_regex_new(rules[i].pattern, G_REGEX_MULTILINE, 0, NULL);
        char *next = g_regex_replace(regex, in_folder, -1, 0, rules[i].replacement, 0, NULL);
        g_free(in_folder);
        in_folder = next;
    }
    /* Columns that were padded for a value of another width. */
    g_autoptr(GRegex) blanks = g_regex_new("(?<=\\S) {2,}", 0, 0, NULL);
    return g_regex_replace(blanks, in_folder, -1, 0, "  ", 0, NULL);
}

/* A line that ends with " (glob)" may hold '*'; a line "..." stands for any number of lines. */
static bool line_matches(const char *expected, const char *actual)
{
    if (!g_str_has_suffix(expected, " (glob)"))
        return strcmp(expected, actual) == 0;
    g_autofree char *pattern = g_strndup(expected, strlen(expected) - strlen(" (glob)"));
    return g_pattern_match_simple(pattern, actual);
}

static bool lines_match(char **expected, char **actual)
{
    if (!*expected)
        return *actual == NULL;
    if (strcmp(*expected, "...") == 0) {
        for (;; actual++) {
            if (lines_match(expected + 1, actual))
                return true;
            if (!*actual)
                return false;
        }
    }
    return *actual && line_matches(*expected, *actual) && lines_match(expected + 1, actual + 1);
}

/* ---- running -------------------------------------------------------------------------------- */

static bool execute(const struct scenario *scenario, const char *command, char **ret_output,
                    int *ret_exit)
{
    g_autofree char *script = g_strdup_printf("exec 2>&1\n%s", command);
    const char *argv[] = {"sh", "-c", script, NULL};
    struct roll_process_options options = {
        .argv = argv,
        .env_add = (const char *const *)scenario->environment->pdata,
        .cwd = scenario->folder,
        .timeout_ms = 300000,
    };
    struct roll_process_result result;
    struct roll_error *err = roll_process_run(&options, &result);

    if (err) {
        fprintf(stderr, "%s\n", err->message);
        roll_error_free(err);
        return false;
    }
    *ret_output = comparable(scenario, result.out->str);
    *ret_exit = result.timed_out ? 124 : result.signal ? 128 + result.signal : result.exit_status;
    roll_process_result_clear(&result);
    return true;
}

static int compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Targets that go side by side end in any order: their lines are put into one. */
static void sort_progress(char **lines)
{
    g_autoptr(GRegex) progress =
        g_regex_new("^  [a-z0-9-]+  (succeeded|failed|cancelled)", 0, 0, NULL);

    while (*lines) {
        size_t count = 0;
        while (lines[count] && g_regex_match(progress, lines[count], 0, NULL))
            count++;
        qsort(lines, count, sizeof(*lines), compare_lines);
        lines += MAX(count, 1);
    }
}

static char **output_lines(const char *output)
{
    g_autofree char *text = g_strdup(output);
    char **lines;

    if (g_str_has_suffix(text, "\n"))
        text[strlen(text) - 1] = 0;
    lines = *text ? g_strsplit(text, "\n", -1) : g_new0(char *, 1);
    sort_progress(lines);
    return lines;
}

static void show_difference(const struct scenario *scenario, const struct step *step,
                            char **expected, char **actual, int exit_status)
{
    printf("%s:%u: $ %s\n", scenario->path, step->line, step->command->str);
    for (char **line = expected; *line; line++)
        printf("  - %s\n", *line);
    if (step->exit_status)
        printf("  - [%d]\n", step->exit_status);
    for (char **line = actual; *line; line++)
        printf("  + %s\n", *line);
    if (exit_status)
        printf("  + [%d]\n", exit_status);
}

static void write_updated(struct scenario *scenario, const struct step *step, char **lines,
                          int exit_status)
{
    g_auto(GStrv) command = g_strsplit(step->command->str, "\n", -1);

    for (char **line = command; *line; line++)
        g_string_append_printf(scenario->updated, "  %s %s\n", line == command ? "$" : ">", *line);
    for (char **line = lines; *line; line++)
        g_string_append_printf(scenario->updated, **line ? "  %s\n" : "  \n", *line);
    if (exit_status)
        g_string_append_printf(scenario->updated, "  [%d]\n", exit_status);
}

static bool run_step(struct scenario *scenario, const struct step *step)
{
    g_autofree char *output = NULL;
    int exit_status = 0;

    gint64 began_us = g_get_monotonic_time();

    if (!execute(scenario, step->command->str, &output, &exit_status))
        return false;
    if (scenario->times)
        printf("%s:%u: %.1f s\n", scenario->path, step->line,
               (double)(g_get_monotonic_time() - began_us) / G_USEC_PER_SEC);
    g_auto(GStrv) actual = output_lines(output);
    g_autoptr(GPtrArray) wanted = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < step->expected->len; i++)
        g_ptr_array_add(wanted, comparable(scenario, g_ptr_array_index(step->expected, i)));
    g_ptr_array_add(wanted, NULL);
    sort_progress((char **)wanted->pdata);
    bool same = exit_status == step->exit_status && lines_match((char **)wanted->pdata, actual);

    /* Lines written with wildcards stay as they are written. */
    write_updated(scenario, step, same ? (char **)wanted->pdata : actual, exit_status);
    if (!same)
        show_difference(scenario, step, (char **)wanted->pdata, actual, exit_status);
    return same;
}

/* False, having said so, where what the scenario needs is not at hand. */
static bool can_run(const struct scenario *scenario)
{
    g_autofree char *output = NULL;
    int exit_status = 0;

    if (!scenario->needs)
        return true;
    if (execute(scenario, scenario->needs, &output, &exit_status) && exit_status == 0)
        return true;
    printf("%s: skipped, '%s' does not work here\n", scenario->path, scenario->needs);
    return false;
}

/* DESIGN section 4: after every end-to-end test the rebuilt tables equal the live ones. */
static bool check_ledgers(const struct scenario *scenario)
{
    static const char check[] =
        "for d in . */; do [ -f \"$d/state/ledger.db\" ] || continue; (cd \"$d\" && "
        "if [ -e .damaged ]; then exit 0; fi; roll -q ledger verify && roll ledger rebuild -o "
        "json) || exit 1; done";
    g_autofree char *output = NULL;
    int exit_status = 0;

    if (!execute(scenario, check, &output, &exit_status))
        return false;
    if (exit_status == 0 && !strstr(output, "false"))
        return true;
    printf("%s: the ledger does not hold at the end\n%s", scenario->path, output);
    return false;
}

/* ---- the file ------------------------------------------------------------------------------- */

/* Everything but commands and what they printed is kept; steps come in the order of the file. */
static void keep_prose(struct scenario *scenario, char **lines, guint *at, guint until)
{
    for (; *at < until && lines[*at]; (*at)++)
        if (!g_str_has_prefix(lines[*at], "  "))
            g_string_append_printf(scenario->updated, "%s%s", lines[*at],
                                   lines[*at + 1] ? "\n" : "");
}

static bool run_all(struct scenario *scenario, char **lines)
{
    bool good = true;
    guint at = 0;

    for (guint i = 0; i < scenario->steps->len; i++) {
        const struct step *step = g_ptr_array_index(scenario->steps, i);
        keep_prose(scenario, lines, &at, step->line - 1);
        good = run_step(scenario, step) && good;
    }
    keep_prose(scenario, lines, &at, G_MAXUINT);
    return good;
}

/* A scenario prints the same in a pipeline, behind a proxy and with somebody's credentials at hand.
 */
static void forget_surroundings(void)
{
    static const char *const prefixes[] = {"AZURE_", "BUILD_", "GIT_",  "GITHUB_",  "ROLL_",
                                           "TF_",    "http",   "https", "NO_COLOR", NULL};
    g_auto(GStrv) names = g_listenv();

    for (char **name = names; *name; name++)
        for (const char *const *prefix = prefixes; *prefix; prefix++)
            if (g_str_has_prefix(*name, *prefix))
                g_unsetenv(*name);
}

static void set_environment(struct scenario *scenario, const char *program_folder)
{
    g_ptr_array_add(
        scenario->environment,
        g_strdup_printf(
            "PATH=%s:%s/tests/tools:%s/tests/scenarios/bin:/usr/local/bin:/usr/bin:/bin",
            program_folder, program_folder, ROLL_SOURCE_DIR));
    g_ptr_array_add(scenario->environment, g_strdup_printf("HOME=%s", scenario->folder));
    g_ptr_array_add(scenario->environment, g_strdup_printf("SOURCE=%s", ROLL_SOURCE_DIR));
    g_ptr_array_add(scenario->environment, g_strdup("GIT_CONFIG_NOSYSTEM=1"));
    g_ptr_array_add(scenario->environment, g_strdup("GIT_AUTHOR_NAME=A"));
    g_ptr_array_add(scenario->environment, g_strdup("GIT_AUTHOR_EMAIL=a@example.com"));
    g_ptr_array_add(scenario->environment, g_strdup("GIT_COMMITTER_NAME=A"));
    g_ptr_array_add(scenario->environment, g_strdup("GIT_COMMITTER_EMAIL=a@example.com"));
    g_ptr_array_add(scenario->environment, g_strdup("GIT_AUTHOR_DATE=2026-01-01T00:00:00Z"));
    g_ptr_array_add(scenario->environment, g_strdup("GIT_COMMITTER_DATE=2026-01-01T00:00:00Z"));
    g_ptr_array_add(scenario->environment, g_strdup("TERM=dumb"));
    g_ptr_array_add(scenario->environment, g_strdup("USER=tester"));
    g_ptr_array_add(scenario->environment, g_strdup("LOGNAME=tester"));
    g_ptr_array_add(scenario->environment, NULL);
}

static void remove_folder(const char *folder)
{
    const char *argv[] = {"rm", "-rf", folder, NULL};
    struct roll_process_options options = {.argv = argv};
    struct roll_process_result result;
    struct roll_error *err = roll_process_run(&options, &result);

    if (!err)
        roll_process_result_clear(&result);
    roll_error_free(err);
}

int main(int argc, char **argv)
{
    bool update = argc > 2 && strcmp(argv[1], "--update") == 0;
    struct scenario scenario = {.path = argv[argc - 1],
                                .times = argc > 2 && strcmp(argv[1], "--times") == 0};
    g_autofree char *text = NULL;
    bool good, skipped;

    if (argc < 2 || !g_file_get_contents(scenario.path, &text, NULL, NULL)) {
        fprintf(stderr, "usage: scenario [--update|--times] FILE\n");
        return 2;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    scenario.folder = g_dir_make_tmp("roll-scenario-XXXXXX", NULL);
    forget_surroundings();
    scenario.actor = roll_claimed_actor();
    scenario.steps = g_ptr_array_new_with_free_func(step_free);
    scenario.environment = g_ptr_array_new_with_free_func(g_free);
    scenario.updated = g_string_new(NULL);
    set_environment(&scenario, ROLL_BINARY_DIR);
    g_ptr_array_set_size(scenario.environment, (gint)scenario.environment->len - 1);
    read_lines(&scenario, lines);
    g_ptr_array_add(scenario.environment, NULL);
    skipped = !can_run(&scenario);
    good = skipped || run_all(&scenario, lines);
    good = (skipped || check_ledgers(&scenario)) && good;
    if (update && !good)
        g_file_set_contents(scenario.path, scenario.updated->str, (gssize)scenario.updated->len,
                            NULL);
    remove_folder(scenario.folder);
    g_ptr_array_unref(scenario.steps);
    g_ptr_array_unref(scenario.environment);
    g_string_free(scenario.updated, TRUE);
    g_free(scenario.folder);
    g_free(scenario.actor);
    g_free(scenario.needs);
    return skipped ? 77 : good ? 0 : 1;
}
