/* roll ledger …: look after the ledger itself. */
#include "app.h"
#include "rollbook/policy.h"
#include "rollbook/sync.h"

#include <errno.h>
#include <string.h>

struct context {
    const char *head, *reason;
    bool yes, online;
};

static struct roll_error *need_ledger(struct roll_app *app)
{
    return app->ledger ? NULL : roll_error_new(ROLL_E_NOT_FOUND, "nothing was ever recorded here");
}

static struct roll_error *need_events(struct roll_app *app)
{
    g_autofree char *first = NULL;

    ROLL_TRY(need_ledger(app));
    ROLL_TRY(roll_ledger_first_stream(app->ledger, &first));
    return first ? NULL : roll_error_new(ROLL_E_NOT_FOUND, "nothing was ever recorded here");
}

/* ---- verify --------------------------------------------------------------------------------- */

/* Heads to note elsewhere: only they can show later that a tail was cut off. */
static struct roll_error *read_heads(struct roll_app *app, json_t *heads)
{
    g_auto(GStrv) streams = NULL;

    ROLL_TRY(roll_ledger_streams(app->ledger, &streams));
    for (char **stream = streams; *stream; stream++) {
        struct roll_head head;
        ROLL_TRY(roll_ledger_main_head(app->ledger, *stream, &head));
        json_object_set_new(
            heads, *stream,
            json_sprintf("%s@%" G_GINT64_FORMAT ":%s", *stream, (gint64)head.seq, head.hash));
    }
    return NULL;
}

static void print_report(struct roll_app *app, const struct roll_verify_report *report,
                         json_t *heads)
{
    const char *stream;
    json_t *head;

    if (app->json) {
        roll_auto(json) json_t *view =
            json_pack("{s:I,s:I,s:I,s:I,s:s?,s:b,s:O}", "streams", (json_int_t)report->streams,
                      "events", (json_int_t)report->events, "objects", (json_int_t)report->objects,
                      "redacted", (json_int_t)report->redacted, "firstBad", report->first_bad, "ok",
                      report->first_bad == NULL, "heads", heads);
        roll_report_json(&app->out, view);
        return;
    }
    roll_say(app,
             "%" G_GINT64_FORMAT " stream%s, %" G_GINT64_FORMAT " event%s, %" G_GINT64_FORMAT
             " object%s%s",
             (gint64)report->streams, report->streams == 1 ? "" : "s", (gint64)report->events,
             report->events == 1 ? "" : "s", (gint64)report->objects,
             report->objects == 1 ? "" : "s", report->first_bad ? "" : ": every hash fits");
    if (report->first_bad || json_object_size(heads) == 0)
        return;
    roll_say(app, "a tail that was cut off cannot be seen offline; note these for --head:");
    json_object_foreach (heads, stream, head)
        roll_say(app, "  %s", json_string_value(head));
}

static struct roll_error *run_verify(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    struct roll_verify_options options = {.head = context->head, .projections = true};
    struct roll_verify_report report = {0};
    roll_auto(json) json_t *heads = json_object();
    struct roll_error *err = NULL;

    (void)arguments;
    ROLL_TRY(need_ledger(app));
    ROLL_TRY(roll_ledger_verify(app->ledger, &options, &report));
    if (!report.first_bad)
        err = roll_approvals_verify(app->ledger, &report.first_bad);
    err = roll_error_join(err, read_heads(app, heads));
    print_report(app, &report, heads);
    if (report.first_bad)
        err = roll_error_join(
            roll_error_detail(
                roll_error_new(ROLL_E_DAMAGED, "%s", report.first_bad),
                "{\"next\":[\"copy the folder state/ away as it is\","
                "\"restore it from a backup, or roll ledger import an export into a new one\"]}"),
            err);
    roll_verify_report_clear(&report);
    if (!err && context->online)
        err = roll_ledger_verify_online(app);
    return err;
}

static const struct roll_option verify_options[] = {
    {"head", 0, ROLL_TEXT, offsetof(struct context, head), "HASH",
     "a hash noted elsewhere that must be in the ledger"},
    {"online", 0, ROLL_FLAG, offsetof(struct context, online), NULL,
     "compare with the shared store, and with what deployments at ARM say"},
    {NULL},
};

static const struct roll_command cmd_verify = {
    .name = "verify",
    .arguments = "",
    .summary = "recompute every hash and every projection; exit 9 names the first bad row",
    .options = verify_options,
    .context_size = sizeof(struct context),
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run_verify,
};

/* ---- rebuild -------------------------------------------------------------------------------- */

static struct roll_error *run_rebuild(struct roll_app *app, void *user, char **arguments)
{
    bool equal = false;

    (void)user;
    (void)arguments;
    ROLL_TRY(roll_ledger_rebuild(app->ledger, &equal));
    if (app->json) {
        roll_auto(json) json_t *view = json_pack("{s:b}", "equal", equal);
        roll_report_json(&app->out, view);
    } else {
        roll_say(app, equal ? "rebuilt; nothing differed"
                            : "rebuilt; what was there before differed from the events");
    }
    return NULL;
}

/* What writes only the ledger never asks, and takes the word all the same (DESIGN section 9). */
static const struct roll_option yes_options[] = {
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL,
     "for scripts: nothing is asked anyway"},
    {NULL},
};

static const struct roll_command cmd_rebuild = {
    .name = "rebuild",
    .arguments = "",
    .summary = "fold all events again into the tables that commands read",
    .options = yes_options,
    .context_size = sizeof(struct context),
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_WRITES_LEDGER,
    .run = run_rebuild,
};

/* ---- export and import ---------------------------------------------------------------------- */

static struct roll_error *write_line(void *user, const char *line, size_t size)
{
    FILE *file = user;

    if (fwrite(line, 1, size, file) != size)
        return roll_error_errno(errno, "cannot write the export");
    return NULL;
}

static struct roll_error *run_export(struct roll_app *app, void *user, char **arguments)
{
    FILE *file = app->out.file;
    struct roll_error *err;

    (void)user;
    bool knows = false;
    ROLL_TRY(roll_sync_knows(app->ledger, &knows));
    if (!knows)
        ROLL_TRY(roll_ledger_from_store(app));
    ROLL_TRY(need_events(app));
    if (arguments[0]) {
        file = fopen(arguments[0], "wxe");
        if (!file)
            return roll_error_errno(errno, "cannot make '%s'", arguments[0]);
    }
    err = roll_ledger_export(app->ledger, write_line, file);
    if (fflush(file) != 0 && !err)
        err = roll_error_errno(errno, "cannot write the export");
    if (arguments[0] && fclose(file) != 0 && !err)
        err = roll_error_errno(errno, "cannot write '%s'", arguments[0]);
    return err;
}

static const struct roll_command cmd_export = {
    .name = "export",
    .arguments = "[FILE]",
    .summary = "the whole ledger as JSON Lines",
    .details = "A machine where nothing was recorded yet exports the shared ledger of "
               "plans/ledger.json, and keeps nothing of it.",
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run_export,
};

struct reader {
    FILE *file;
    char *line;
    size_t capacity;
};

static struct roll_error *read_line(void *user, const char **ret_line, size_t *ret_size)
{
    struct reader *reader = user;
    ssize_t size = getline(&reader->line, &reader->capacity, reader->file);

    if (size < 0) {
        if (ferror(reader->file))
            return roll_error_errno(errno, "cannot read the import");
        *ret_line = NULL;
        return NULL;
    }
    if (size > 0 && reader->line[size - 1] == '\n')
        size--;
    *ret_line = reader->line;
    *ret_size = (size_t)size;
    return NULL;
}

static struct roll_error *run_import(struct roll_app *app, void *user, char **arguments)
{
    struct reader reader = {.file = stdin};
    int64_t events = 0;
    struct roll_error *err;

    (void)user;
    if (strcmp(arguments[0], "-") != 0)
        reader.file = fopen(arguments[0], "re");
    if (!reader.file)
        return roll_error_errno(errno, "cannot open '%s'", arguments[0]);
    err = roll_ledger_import(app->ledger, read_line, &reader, &events);
    free(reader.line);
    if (reader.file != stdin)
        fclose(reader.file);
    ROLL_TRY(err);
    if (app->json) {
        roll_auto(json) json_t *view = json_pack("{s:I}", "newEvents", (json_int_t)events);
        roll_report_json(&app->out, view);
    }
    roll_say(app, "%" G_GINT64_FORMAT " new event%s", (gint64)events, events == 1 ? "" : "s");
    return NULL;
}

static const struct roll_command cmd_import = {
    .name = "import",
    .arguments = "FILE | -",
    .summary = "extend this ledger by an export of it",
    .options = yes_options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_WRITES_LEDGER,
    .run = run_import,
};

/* ---- redact --------------------------------------------------------------------------------- */

static struct roll_error *run_redact(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;

    if (!context->reason)
        return roll_error_new(ROLL_E_USAGE, "'roll ledger redact' needs '--reason'");
    ROLL_TRY(roll_app_share(app));
    ROLL_TRY(roll_ledger_redact(app->ledger, &app->actor, arguments[0], context->reason));
    if (app->json) {
        roll_auto(json) json_t *view = json_pack("{s:s}", "redacted", arguments[0]);
        roll_report_json(&app->out, view);
    }
    roll_say(app, "the object's content is gone; its digest stays, and verify accepts it");
    return roll_ledger_redact_store(app, arguments[0]);
}

static const struct roll_option redact_options[] = {
    {"reason", 'r', ROLL_TEXT, offsetof(struct context, reason), "TEXT", "why; recorded"},
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL,
     "for scripts: nothing is asked anyway"},
    {NULL},
};

static const struct roll_command cmd_redact = {
    .name = "redact",
    .arguments = "OBJECT --reason TEXT",
    .summary = "take an object's content out for good, leaving a tombstone",
    .options = redact_options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_WRITES_LEDGER,
    .run = run_redact,
};

extern const struct roll_command roll_cmd_ledger_init_store, roll_cmd_ledger_sync;
static const struct roll_command *const subcommands[] = {&cmd_verify,
                                                         &cmd_rebuild,
                                                         &cmd_export,
                                                         &cmd_import,
                                                         &cmd_redact,
                                                         &roll_cmd_ledger_sync,
                                                         &roll_cmd_ledger_init_store,
                                                         NULL};

const struct roll_command roll_cmd_ledger = {
    .name = "ledger",
    .arguments = "COMMAND",
    .summary = "verify, rebuild, export, import, redact or share the ledger",
    .subcommands = subcommands,
};
