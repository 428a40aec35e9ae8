/* What several commands share: arguments, questions, the ledger. */
#include "app.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "rollbook/text.h"

char *roll_stream_of(const struct roll_plan *plan, const struct roll_plan_environment *environment)
{
    return g_strdup_printf("%s/%s", plan->service, environment->name);
}

struct sought_name {
    const char *environment;
    int count;
};

static struct roll_error *count_name(void *user, const struct roll_outline *row)
{
    struct sought_name *sought = user;

    sought->count += strcmp(row->environment, sought->environment) == 0;
    return NULL;
}

/* The command that was asked may not know the short name either when a plan cannot be read. */
char *roll_name_to_type(const struct roll_workspace *workspace, const char *stream)
{
    struct sought_name sought = {.environment = strchr(stream, '/') + 1};
    struct roll_error *err = g_strv_length(workspace->plans) > 1
                                 ? roll_workspace_outline(workspace, count_name, &sought)
                                 : NULL;
    bool certain = !err && sought.count < 2;

    roll_error_free(err);
    return g_strdup(certain ? sought.environment : stream);
}

struct roll_error *roll_version_argument(const char *text, const char *service,
                                         const char **ret_version)
{
    const char *at = strrchr(text, '@');

    if (!at) {
        *ret_version = text;
        return NULL;
    }
    if (strlen(service) != (size_t)(at - text) || strncmp(text, service, (size_t)(at - text)) != 0)
        return roll_error_new(ROLL_E_USAGE, "'%s' is not a release of '%s'", text, service);
    if (!at[1])
        return roll_error_new(ROLL_E_USAGE, "'%s' has no version after '@'", text);
    *ret_version = at + 1;
    return NULL;
}

const char *roll_ended_words(const char *state)
{
    static const char *const words[][2] = {
        {"refused", "was refused"},         {"cancelled", "was cancelled"},
        {"superseded", "was superseded"},   {"running", "is running"},
        {"verifying", "is being verified"}, {"succeeded", "has succeeded"},
        {"failed", "has failed"},           {"expired", "has expired"}};

    for (size_t i = 0; state && i < G_N_ELEMENTS(words); i++)
        if (strcmp(state, words[i][0]) == 0)
            return words[i][1];
    return "has ended";
}

/* The only stream that the ledger has by this name, owned; NULL: none, or several. */
static struct roll_error *find_recorded(struct roll_app *app, const char *name, char **ret_stream)
{
    g_auto(GStrv) streams = NULL;
    g_autofree char *ending = g_strconcat("/", name, NULL);

    if (!app->ledger)
        return NULL;
    ROLL_TRY(roll_ledger_streams(app->ledger, &streams));
    for (char **stream = streams; *stream; stream++) {
        if (!strchr(*stream, '/') || strchr(*stream, '~') ||
            (strcmp(*stream, name) != 0 && !g_str_has_suffix(*stream, ending)))
            continue;
        if (*ret_stream) {
            g_clear_pointer(ret_stream, g_free);
            return NULL;
        }
        *ret_stream = g_strdup(*stream);
    }
    return NULL;
}

static bool several_have(const struct roll_workspace *workspace, const char *environment)
{
    struct sought_name sought = {.environment = environment};

    roll_error_free(roll_workspace_outline(workspace, count_name, &sought));
    return sought.count > 1;
}

struct roll_error *roll_stream_argument(struct roll_app *app, const char *name, char **ret_stream)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    struct roll_error *err = roll_workspace_environment(app->workspace, name, &plan, &environment);

    *ret_stream = NULL;
    if (!err) {
        *ret_stream = roll_stream_of(plan, environment);
        return NULL;
    }
    if (several_have(app->workspace, name)) /* which one is meant is not for the ledger to say */
        return err;
    struct roll_error *failed = find_recorded(app, name, ret_stream);
    if (failed || !*ret_stream)
        return roll_error_join(err, failed);
    if (!app->globals.quiet)
        roll_print(app->err.file, "from the ledger alone: %s\n", err->message);
    roll_error_free(err);
    return NULL;
}

/* "prod#17": *ret_environment is owned. */
static struct roll_error *split_rollout(const char *text, char **ret_environment,
                                        int64_t *ret_number)
{
    const char *hash = strchr(text, '#');
    char *end = NULL;
    gint64 number;

    if (!hash || hash == text)
        return roll_error_new(
            ROLL_E_USAGE, "a rollout is written ENV#NUMBER, for example prod#17, not '%s'", text);
    number = g_ascii_strtoll(hash + 1, &end, 10);
    if (number <= 0 || *end)
        return roll_error_new(ROLL_E_USAGE, "'%s' has no number after '#'", text);
    *ret_environment = g_strndup(text, (gsize)(hash - text));
    *ret_number = number;
    return NULL;
}

struct roll_error *roll_rollout_argument(struct roll_app *app, const char *text, char **ret_stream,
                                         int64_t *ret_number)
{
    g_autofree char *name = NULL;
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;

    ROLL_TRY(split_rollout(text, &name, ret_number));
    ROLL_TRY(roll_workspace_environment(app->workspace, name, &plan, &environment));
    *ret_stream = roll_stream_of(plan, environment);
    return NULL;
}

struct roll_error *roll_recorded_argument(struct roll_app *app, const char *text, char **ret_stream,
                                          int64_t *ret_number)
{
    g_autofree char *name = NULL;

    ROLL_TRY(split_rollout(text, &name, ret_number));
    return roll_stream_argument(app, name, ret_stream);
}

struct roll_error *roll_confirm_possible(const struct roll_app *app, bool yes)
{
    if (yes || (isatty(STDIN_FILENO) && app->err.terminal))
        return NULL;
    return roll_error_detail(
        roll_error_new(ROLL_E_USAGE, "this changes Azure and there is no terminal to ask"),
        "{\"next\":[\"the same with --yes\"]}");
}

struct roll_error *roll_confirm(struct roll_app *app, const char *question, bool yes)
{
    char answer[16] = "";

    if (yes)
        return NULL;
    ROLL_TRY(roll_confirm_possible(app, yes));
    roll_print(app->err.file, "%s [y/N] ", question);
    fflush(app->err.file);
    if (!fgets(answer, sizeof(answer), stdin))
        answer[0] = 0;
    g_strstrip(answer);
    if (g_ascii_strcasecmp(answer, "y") == 0 || g_ascii_strcasecmp(answer, "yes") == 0)
        return NULL;
    return roll_error_new(ROLL_E_NOTHING, "nothing was done");
}

struct roll_error *roll_app_open_ledger(struct roll_app *app)
{
    roll_app_unshare(app);
    roll_ledger_close(app->ledger);
    app->ledger = NULL;
    if (!app->actor.claimed)
        app->actor.claimed = roll_claimed_actor();
    return roll_ledger_open(app->workspace->state_dir, ROLL_LEDGER_CREATE, &app->ledger);
}

struct roll_error *roll_app_write_ledger(struct roll_app *app)
{
    ROLL_TRY(roll_app_open_ledger(app));
    return roll_app_share(app);
}

struct roll_error *roll_app_append(struct roll_app *app, const char *stream,
                                   const struct roll_draft *drafts, size_t count)
{
    struct roll_error *err = NULL;

    for (int tries = 0; tries < 20; tries++) {
        struct roll_expect expect = {.stream = stream};
        roll_error_free(err);
        ROLL_TRY(roll_ledger_head(app->ledger, stream, &expect.head));
        err = roll_ledger_append(app->ledger, &app->actor, 0, &expect, 1, drafts, count, NULL, 0,
                                 NULL);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            return err;
    }
    return err;
}

struct roll_error *roll_app_sandbox(void *user, const char **ret_url)
{
    struct roll_app *app = user;

    if (!app->sandbox)
        ROLL_TRY(roll_sandbox_join(app->workspace->state_dir, &app->sandbox));
    *ret_url = roll_sandbox_url(app->sandbox);
    return NULL;
}

/* A line is a line: what came from elsewhere begins no second one, unless the format itself has
 * several. */
ROLL_PRINTF(2, 0)
static void tell(FILE *file, const char *format, va_list arguments)
{
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    g_autoptr(GString) safe = g_string_new(NULL);
    size_t size = strlen(text);
    bool ends = g_str_has_suffix(format, "\n");
    const char *first = strchr(format, '\n');

    if (ends && size > 0)
        size--;
    roll_text_safe(text, size, first && first[1], safe);
    if (ends)
        g_string_append_c(safe, '\n');
    fwrite(safe->str, 1, safe->len, file);
}

void roll_print(FILE *file, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    tell(file, format, arguments);
    va_end(arguments);
}

void roll_say(struct roll_app *app, const char *format, ...)
{
    va_list arguments;

    if (app->json || app->globals.quiet)
        return;
    va_start(arguments, format);
    tell(app->out.file, format, arguments);
    va_end(arguments);
    fputc('\n', app->out.file);
}
