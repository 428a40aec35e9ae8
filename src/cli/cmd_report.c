/* roll report: what happened, as a page, as Markdown or as JSON. Never contacts ARM. */
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

#include "facts.h"
#include "rollbook/time.h"

struct context {
    const char *html, *incident;
    int64_t since;
    bool markdown;
};

static struct roll_error *write_page(struct roll_app *app, const char *path, json_t *facts)
{
    g_autoptr(GString) page = roll_report_page(facts);
    g_autoptr(GError) problem = NULL;

    if (strcmp(path, "-") == 0) {
        fwrite(page->str, 1, page->len, app->out.file);
        return NULL;
    }
    if (!g_file_set_contents_full(path, page->str, (gssize)page->len,
                                  G_FILE_SET_CONTENTS_CONSISTENT, 0644, &problem))
        return roll_error_new(ROLL_E_IO, "cannot write '%s': %s", path, problem->message);
    roll_say(app, "wrote %s (%zu KiB)", path, (page->len + 1023) / 1024);
    return NULL;
}

static struct roll_error *print(struct roll_app *app, const struct context *context, json_t *facts)
{
    if (app->json) {
        roll_report_json(&app->out, facts);
        return NULL;
    }
    if (context->html)
        return write_page(app, context->html, facts);
    g_autoptr(GString) text = roll_report_markdown(facts);
    fputs(text->str, app->out.file);
    return NULL;
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    g_autofree char *stream = NULL;
    struct roll_facts_options options = {.environment = arguments[0], .since = context->since};
    roll_auto(json) json_t *facts = NULL;

    /* A long ledger is many small values between few large texts: glibc would go through all that
     * is free each time when a text is (a fourth of the whole time). */
    mallopt(M_MXFAST, 0);
    if (context->html && (context->markdown || app->json))
        return roll_error_new(ROLL_E_USAGE, "'--html' is one of three forms: html, markdown, json");
    if (context->incident && context->since)
        return roll_error_new(ROLL_E_USAGE,
                              "'--incident' tells a whole story: it does not go with '--since'");
    if (context->incident) {
        ROLL_TRY(roll_recorded_argument(app, context->incident, &stream, &options.incident));
        if (!app->ledger)
            return roll_error_new(ROLL_E_NOT_FOUND, "nothing was ever recorded here");
        options.stream = stream;
    }
    ROLL_TRY(roll_facts(app, &options, &facts));
    return print(app, context, facts);
}

static const struct roll_option options[] = {
    {"html", 0, ROLL_TEXT, offsetof(struct context, html), "FILE",
     "one page that needs nothing else ('-': to standard output)"},
    {"markdown", 0, ROLL_FLAG, offsetof(struct context, markdown), NULL, "as Markdown (default)"},
    {"incident", 0, ROLL_TEXT, offsetof(struct context, incident), "ROLLOUT",
     "one story in order of time, for a post-mortem"},
    {"since", 0, ROLL_TIME, offsetof(struct context, since), "TIME",
     "only rollouts since then: a time, a day, or how long ago (7d)"},
    {NULL},
};

const struct roll_command roll_cmd_report = {
    .name = "report",
    .arguments = "[ENV]",
    .summary = "what happened, as a page or as text",
    .details = "The page holds its facts, style and script: open the file, mail it, print it.",
    .options = options,
    .context_size = sizeof(struct context),
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run,
};
