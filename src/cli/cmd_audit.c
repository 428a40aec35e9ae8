/* roll audit: what an auditor asks of the ledger. Never contacts ARM. */
#include "view.h"

#include "rollbook/time.h"
#include "rollbook/watch.h"

struct context {
    int64_t from, to;
};

static void print(struct roll_app *app, const json_t *facts)
{
    g_autoptr(GString) text = NULL;

    if (app->json) {
        roll_report_json(&app->out, facts);
        return;
    }
    text = g_strcmp0(app->globals.output, "csv") == 0 ? roll_report_audit_csv(facts)
                                                      : roll_report_audit_markdown(facts);
    fwrite(text->str, 1, text->len, app->out.file);
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    g_autofree char *stream = NULL;
    roll_auto(json) json_t *rollouts = NULL, *facts = NULL;

    if (context->to && context->from >= context->to)
        return roll_error_new(ROLL_E_USAGE, "'--from' is later than '--to'");
    if (arguments[0])
        ROLL_TRY(roll_stream_argument(app, arguments[0], &stream));
    const struct roll_rollout_query query = {.stream = stream};
    const struct roll_audit_options options = {
        .stream = stream, .from = context->from, .to = context->to, .at = roll_now_ms()};
    if (app->ledger)
        ROLL_TRY(roll_view_rollouts(app, &query, false, &rollouts));
    else
        rollouts = json_array();
    ROLL_TRY(roll_audit(app->ledger, &options, rollouts, &facts));
    print(app, facts);
    return NULL;
}

static const struct roll_option options[] = {
    {"from", 0, ROLL_TIME, offsetof(struct context, from), "TIME", "rollouts requested since then"},
    {"to", 0, ROLL_TIME, offsetof(struct context, to), "TIME", "rollouts requested before then"},
    {NULL},
};

static const char *const forms[] = {"markdown", "csv", NULL};

const struct roll_command roll_cmd_audit = {
    .name = "audit",
    .arguments = "[ENV]",
    .summary = "who deployed what, why, under which approvals, gates and overrides",
    .details = "-o markdown (default): the DevOps controls of the Microsoft cloud security "
               "benchmark, what is\n"
               "evidence for each and what is an exception, then a row for each rollout. -o csv: "
               "the rows\n"
               "alone. -o json: all facts.",
    .options = options,
    .context_size = sizeof(struct context),
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run,
    .forms = forms,
};
