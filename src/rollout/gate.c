/* Evaluating one gate: a scan report is read, a command run, an address asked. Which gate it is,
 * and for what, stands in the request that was recorded; nothing of it comes from today's plan.
 * What cannot be evaluated has the verdict error, which is not passed. */
#include <inttypes.h>
#include <string.h>

#include "gate.h"

#include "driver.h"
#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"

/* OUTPUT_MAX: of one run; KEPT_MAX: of all, since a fleet's runs are one object of the ledger. */
enum { OUTPUT_MAX = 64 * 1024, KEPT_MAX = 8 << 20, DEFAULT_TIMEOUT_MS = 300000 };

static void evaluation_free(struct roll_gate_evaluation *evaluation)
{
    g_free(evaluation->stream);
    g_free(evaluation->gate);
    roll_event_free(evaluation->request);
    json_decref(evaluation->plan);
    json_decref(evaluation->runs);
    json_decref(evaluation->scripts);
    g_free(evaluation->commit);
    g_ptr_array_unref(evaluation->digests);
    g_ptr_array_unref(evaluation->changed);
    g_ptr_array_unref(evaluation->targets);
    g_free(evaluation);
}

/* ---- the answer ----------------------------------------------------------------------------- */

static struct roll_blob *blob_of(const json_t *value)
{
    struct roll_blob *blob = g_new0(struct roll_blob, 1);
    struct roll_error *err = roll_json_canonical(value, &blob->data);

    if (err) {
        roll_error_free(err);
        g_free(blob);
        return NULL;
    }
    roll_sha256_hex(blob->data->str, blob->data->len, blob->digest);
    return blob;
}

static void answer(struct roll_gate_evaluation *evaluation, const char *verdict,
                   const char *summary)
{
    roll_auto(json) json_t *result =
        json_pack("{s:s,s:s,s:s,s:O}", "gate", evaluation->gate, "verdict", verdict, "summary",
                  summary ? summary : "", "runs", evaluation->runs);

    evaluation->fn(evaluation->user, verdict, summary, evaluation->scripts, blob_of(result));
    evaluation_free(evaluation);
}

/* ---- what it is for ------------------------------------------------------------------------- */

const char *gate_service(const struct roll_gate_evaluation *evaluation)
{
    return roll_json_get_string(evaluation->plan, "service");
}

static const char *environment_of(const struct roll_gate_evaluation *evaluation)
{
    return strchr(evaluation->stream, '/') + 1;
}

/* A gate that speaks of a target is looked at for each. */
static struct roll_error *load_targets(struct roll_gate_evaluation *evaluation)
{
    g_autoptr(GString) rule = g_string_new(NULL);
    roll_auto(order) struct roll_order *order = NULL;

    roll_json_write(evaluation->rule, rule);
    if (!strstr(rule->str, "{target}")) {
        g_ptr_array_add(evaluation->targets, NULL);
        return NULL;
    }
    ROLL_TRY(roll_order_load(evaluation->options.ledger, evaluation->body->order, &order));
    for (guint i = 0; i < order->targets->len; i++)
        g_ptr_array_add(
            evaluation->targets,
            g_strdup(
                ((const struct roll_order_target *)g_ptr_array_index(order->targets, i))->name));
    if (order->targets->len == 0)
        return roll_error_new(ROLL_E_INVALID, "'%s#%" PRId64 "' has no target to look at",
                              evaluation->stream, evaluation->options.rollout);
    return NULL;
}

static struct roll_error *load(struct roll_gate_evaluation *evaluation)
{
    const char *timeout;

    ROLL_TRY(roll_ledger_event(evaluation->options.ledger, evaluation->stream,
                               evaluation->options.rollout, &evaluation->request));
    evaluation->body = roll_event_body(evaluation->request, rollout_requested);
    if (!evaluation->body || !evaluation->body->plan)
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s#%" PRId64 "' names no plan",
                              evaluation->stream, evaluation->options.rollout);
    ROLL_TRY(roll_ledger_object_json(evaluation->options.ledger, evaluation->body->plan,
                                     &evaluation->plan));
    evaluation->rule =
        json_object_get(json_object_get(evaluation->plan, "gates"), evaluation->gate);
    if (!evaluation->rule)
        return roll_error_new(ROLL_E_NOT_FOUND, "the plan has no gate '%s'", evaluation->gate);
    timeout = roll_json_get_string(evaluation->rule, "timeout");
    if (timeout)
        ROLL_TRY(roll_duration_parse(timeout, &evaluation->timeout_ms));
    ROLL_TRY(gate_load_release(evaluation));
    return load_targets(evaluation);
}

struct roll_error *gate_fill(const struct roll_gate_evaluation *evaluation, const char *pattern,
                             char **ret_text)
{
    const char *target = g_ptr_array_index(evaluation->targets, evaluation->at);

    return roll_plan_fill(pattern, ret_text, "service", gate_service(evaluation), "environment",
                          environment_of(evaluation), "version", evaluation->body->release,
                          "commit", evaluation->commit, "target", target, NULL);
}

static struct roll_error *start_report(struct roll_gate_evaluation *evaluation)
{
    const char *verdict = NULL;
    g_autofree char *summary = NULL;

    ROLL_TRY(gate_judge_report(evaluation, &verdict, &summary));
    answer(evaluation, verdict, summary);
    return NULL;
}

/* ---- one after the other -------------------------------------------------------------------- */

static struct roll_error *start_run(struct roll_gate_evaluation *evaluation);

static void fail(struct roll_gate_evaluation *evaluation, struct roll_error *err_take)
{
    g_autofree char *message = g_strdup(err_take->message);

    roll_error_free(err_take);
    answer(evaluation, "error", message);
}

/* verdict NULL: this one passed. */
static void run_ended(struct roll_gate_evaluation *evaluation, const char *verdict,
                      const char *what)
{
    const char *target = g_ptr_array_index(evaluation->targets, evaluation->at);
    g_autofree char *summary =
        target && what ? g_strdup_printf("%s: %s", target, what) : g_strdup(what);
    struct roll_error *err;

    if (verdict || ++evaluation->at == evaluation->targets->len) {
        answer(evaluation, verdict ? verdict : "passed", summary);
        return;
    }
    err = start_run(evaluation);
    if (err)
        fail(evaluation, err);
}

/* ---- commands ------------------------------------------------------------------------------- */

static void keep_output(struct roll_gate_evaluation *evaluation, json_t *run, const char *name,
                        const GString *output)
{
    g_autofree char *text = roll_release_redact(output->str, MIN(output->len, OUTPUT_MAX));
    size_t size = strlen(text);

    if (evaluation->kept + size > KEPT_MAX)
        json_object_set_new(run, "cut", json_true());
    else if (size)
        json_object_set_new(run, name, json_string(text));
    evaluation->kept += evaluation->kept + size > KEPT_MAX ? 0 : size;
}

static void command_done(void *user, const struct roll_process_result *result)
{
    struct roll_gate_evaluation *evaluation = user;
    json_t *run = json_pack("{s:i,s:s*}", "exit", result->exit_status, "target",
                            g_ptr_array_index(evaluation->targets, evaluation->at));
    g_autofree char *what = NULL;

    keep_output(evaluation, run, "stdout", result->out);
    keep_output(evaluation, run, "stderr", result->err);
    if (result->cut)
        json_object_set_new(run, "cut", json_true());
    json_array_append_new(evaluation->runs, run);
    if (result->timed_out)
        what = g_strdup("took too long");
    else if (result->signal)
        what = g_strdup_printf("ended by signal %d", result->signal);
    else if (result->exit_status != 0)
        what = g_strdup_printf("ended with exit code %d", result->exit_status);
    run_ended(evaluation,
              !what                                 ? NULL
              : result->timed_out || result->signal ? "error"
                                                    : "failed",
              what);
}

static void add_variable(GPtrArray *list, const char *name, const char *value)
{
    g_ptr_array_add(list, g_strdup_printf("%s=%s", name, value ? value : ""));
}

static GPtrArray *variables(const struct roll_gate_evaluation *evaluation)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *rollout =
        g_strdup_printf("%s#%" PRId64, evaluation->stream, evaluation->options.rollout);

    add_variable(list, "ROLL_SERVICE", gate_service(evaluation));
    add_variable(list, "ROLL_ENVIRONMENT", environment_of(evaluation));
    add_variable(list, "ROLL_RELEASE", evaluation->body->release);
    add_variable(list, "ROLL_COMMIT", evaluation->commit);
    add_variable(list, "ROLL_LANE", evaluation->body->lane);
    add_variable(list, "ROLL_KIND", evaluation->body->kind);
    add_variable(list, "ROLL_ROLLOUT", rollout);
    add_variable(list, "ROLL_GATE", evaluation->gate);
    add_variable(list, "ROLL_TARGET", g_ptr_array_index(evaluation->targets, evaluation->at));
    g_ptr_array_add(list, NULL);
    return list;
}

/* What runs is what was reviewed: an ordinary release does not rest on a script that was not. */
static struct roll_error *note_scripts(struct roll_gate_evaluation *evaluation,
                                       const GPtrArray *argv)
{
    const char *root = evaluation->options.workspace ? evaluation->options.workspace : ".";
    g_autoptr(GPtrArray) scripts = g_ptr_array_new_with_free_func(g_free);
    roll_auto(json) json_t *digests = NULL;
    const char *path;
    json_t *entry;

    for (guint i = 0; i + 1 < argv->len; i++)
        roll_governance_script(root, g_ptr_array_index(argv, i), scripts);
    if (scripts->len == 0)
        return NULL;
    digests = roll_governance_digests(evaluation->plan, root, scripts);
    if (!evaluation->scripts)
        evaluation->scripts = json_object();
    json_object_update(evaluation->scripts, digests);
    if (strcmp(evaluation->body->lane, roll_lane_names[ROLL_LANE_RELEASE]) != 0)
        return NULL;
    json_object_foreach (digests, path, entry)
        if (json_object_get(entry, "dirty"))
            return roll_error_new(ROLL_E_REFUSED, "its script '%s' is not what is committed", path);
    return NULL;
}

static struct roll_error *start_command(struct roll_gate_evaluation *evaluation)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) environment = variables(evaluation);
    g_autoptr(GPtrArray) hidden = roll_hidden_variables(evaluation->plan);
    struct roll_process_options options = {.timeout_ms = evaluation->timeout_ms,
                                           .cwd = evaluation->options.workspace,
                                           .max_output_bytes = OUTPUT_MAX};
    size_t index;
    json_t *word;

    json_array_foreach (json_object_get(evaluation->rule, "command"), index, word) {
        char *filled = NULL;
        ROLL_TRY(gate_fill(evaluation, json_string_value(word), &filled));
        g_ptr_array_add(argv, filled);
    }
    g_ptr_array_add(argv, NULL);
    ROLL_TRY(note_scripts(evaluation, argv));
    options.argv = (const char *const *)argv->pdata;
    options.env_add = (const char *const *)environment->pdata;
    options.env_hide = (const char *const *)hidden->pdata;
    return roll_loop_process(evaluation->options.loop, &options, command_done, evaluation);
}

/* ---- addresses ------------------------------------------------------------------------------ */

static void http_done(void *user, const struct roll_http_reply *reply)
{
    struct roll_gate_evaluation *evaluation = user;
    const json_t *wanted = json_object_get(evaluation->rule, "expect");
    int expect = wanted ? (int)json_integer_value(wanted) : 200;
    bool replied = reply->outcome == ROLL_HTTP_REPLIED;

    g_autofree char *what = NULL;

    evaluation->call = NULL;

    json_array_append_new(evaluation->runs,
                          json_pack("{s:i,s:s*}", "status", reply->status, "target",
                                    g_ptr_array_index(evaluation->targets, evaluation->at)));
    if (!replied)
        what = g_strdup(reply->problem ? reply->problem : "no answer");
    else if (reply->status != expect)
        what = g_strdup_printf("answered %d instead of %d", reply->status, expect);
    run_ended(evaluation, !what ? NULL : replied ? "failed" : "error", what);
}

static struct roll_error *start_http(struct roll_gate_evaluation *evaluation)
{
    g_autofree char *url = NULL;
    struct roll_http_request request = {.method = "GET",
                                        .retry = ROLL_HTTP_RETRY_READ,
                                        .timeout_ms = MIN(evaluation->timeout_ms, 30000),
                                        .deadline_ms = evaluation->timeout_ms};

    ROLL_TRY(gate_fill(evaluation, roll_json_get_string(evaluation->rule, "http"), &url));
    request.url = url;
    evaluation->call = roll_http_send(evaluation->options.loop, &request, http_done, evaluation);
    return NULL;
}

/* ---- starting ------------------------------------------------------------------------------- */

static struct roll_error *start_run(struct roll_gate_evaluation *evaluation)
{
    if (json_object_get(evaluation->rule, "command"))
        return start_command(evaluation);
    return start_http(evaluation);
}

static void start(void *user)
{
    struct roll_gate_evaluation *evaluation = user;
    struct roll_error *err;

    evaluation->timer = 0;
    err = load(evaluation);
    if (!err && json_object_get(evaluation->rule, "sarif"))
        err = start_report(evaluation);
    else if (!err)
        err = start_run(evaluation);
    if (err)
        fail(evaluation, err);
}

struct roll_gate_evaluation *roll_gate_evaluate(const struct roll_gate_options *options,
                                                roll_gate_fn fn, void *user)
{
    struct roll_gate_evaluation *evaluation = g_new0(struct roll_gate_evaluation, 1);

    evaluation->options = *options;
    evaluation->fn = fn;
    evaluation->user = user;
    evaluation->stream = g_strdup(options->stream);
    evaluation->gate = g_strdup(options->gate);
    evaluation->runs = json_array();
    evaluation->digests = g_ptr_array_new_with_free_func(g_free);
    evaluation->changed = g_ptr_array_new_with_free_func(g_free);
    evaluation->targets = g_ptr_array_new_with_free_func(g_free);
    evaluation->timeout_ms = DEFAULT_TIMEOUT_MS;
    evaluation->timer = roll_loop_timer(options->loop, roll_boot_ms(), start, evaluation);
    return evaluation;
}

void roll_gate_cancel(struct roll_gate_evaluation *evaluation)
{
    if (!evaluation)
        return;
    roll_loop_cancel_timer(evaluation->options.loop, evaluation->timer);
    roll_loop_cancel_process(evaluation->options.loop, evaluation);
    if (evaluation->call)
        roll_http_cancel(evaluation->options.loop, evaluation->call);
    evaluation_free(evaluation);
}

/* ---- a deferred gate ------------------------------------------------------------------------ */

struct late {
    struct roll_loop *loop;
    char *verdict, *summary;
    struct roll_blob *result;
    json_t *scripts;
    bool done;
};

static void late_done(void *user, const char *verdict, const char *summary, const json_t *scripts,
                      struct roll_blob *result_take)
{
    struct late *late = user;

    late->verdict = g_strdup(verdict);
    late->summary = g_strdup(summary);
    late->result = result_take;
    late->scripts = json_deep_copy(scripts);
    late->done = true;
    roll_loop_stop(late->loop);
}

static struct roll_error *append_verdict(const struct roll_gate_options *options,
                                         const struct roll_actor *actor, const struct late *late)
{
    enum { TRIES = 20 };
    g_autofree char *gate = g_strdup(options->gate);
    struct roll_gate_evaluated body = {.rollout = options->rollout,
                                       .gate = gate,
                                       .verdict = late->verdict,
                                       .summary = late->summary,
                                       .result = late->result ? late->result->digest : NULL,
                                       .scripts = late->scripts};
    struct roll_draft draft = {options->stream, ROLL_EVENT_gate_evaluated, &body};
    struct roll_object object = {late->result ? late->result->data->str : NULL,
                                 late->result ? late->result->data->len : 0};
    struct roll_error *err = NULL;

    for (int tries = 0; tries < TRIES; tries++) {
        struct roll_expect expect = {.stream = options->stream};
        roll_error_free(err);
        ROLL_TRY(roll_ledger_head(options->ledger, options->stream, &expect.head));
        err = roll_ledger_append(options->ledger, actor, 0, &expect, 1, &draft, 1, &object,
                                 late->result ? 1 : 0, NULL);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            return err;
    }
    return err;
}

struct roll_error *roll_gate_make_up(const struct roll_gate_options *options,
                                     const struct roll_actor *actor, char **ret_verdict,
                                     char **ret_summary)
{
    struct late late = {.loop = options->loop};
    struct roll_gate_evaluation *evaluation = roll_gate_evaluate(options, late_done, &late);
    struct roll_error *err = NULL;

    while (!late.done && !err)
        err = roll_loop_run(options->loop);
    if (!late.done)
        roll_gate_cancel(evaluation);
    if (!err)
        err = append_verdict(options, actor, &late);
    if (late.result)
        g_string_free(late.result->data, TRUE);
    g_free(late.result);
    json_decref(late.scripts);
    *ret_verdict = late.verdict;
    *ret_summary = late.summary;
    return err;
}
