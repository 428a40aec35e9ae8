/* roll review: what a rollout owes is made up for. A deferred gate is evaluated now; the rest is
 * closed by a person's word, who has the release role and is not the one that owes it. All is
 * looked at before anything is recorded; what this command cannot close is named. */
#include "review.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/policy.h"

struct context {
    const char *reason, *contained_in, *debt;
    bool yes;
};

/* An open debt, and what is to become of it. */
struct debt {
    char *name;
    enum { EVALUATE, WORD, LEFT } way;
    enum roll_code code;     /* LEFT: if nothing else is to be done */
    char *why, *next;        /* LEFT */
    char *verdict, *summary; /* of a gate that was evaluated */
};

struct review {
    struct roll_app *app;
    const struct context *context;
    char *stream, *name; /* name: of the environment and rollout, as it is typed: prod#17 */
    int64_t rollout;
    struct roll_plan *plan;
    const struct roll_plan_environment *environment;
    const char *version, *found; /* of contained_in: borrowed from it; static */
    GPtrArray *debts;
};

static void debt_free(void *data)
{
    struct debt *debt = data;

    g_free(debt->name);
    g_free(debt->why);
    g_free(debt->next);
    g_free(debt->verdict);
    g_free(debt->summary);
    g_free(debt);
}

static void review_clear(struct review *review)
{
    g_free(review->stream);
    g_free(review->name);
    roll_plan_free(review->plan);
    g_ptr_array_unref(review->debts);
}

static struct roll_error *see_debt(void *user, const struct roll_debt_row *row)
{
    struct review *review = user;
    const char *only = review->context->contained_in ? "hotfix" : review->context->debt;

    if (row->rollout != review->rollout || row->closed_at || (only && strcmp(only, row->debt) != 0))
        return NULL;
    struct debt *debt = g_new0(struct debt, 1);
    debt->name = g_strdup(row->debt);
    g_ptr_array_add(review->debts, debt);
    return NULL;
}

/* ---- who ------------------------------------------------------------------------------------ */

static bool is_me(const struct roll_app *app, const char *name)
{
    return roll_app_is_same(app->actor.proved, name) || roll_app_is_same(app->actor.claimed, name);
}

/* Who asked for the rollout, by credential or by name, owes what it owes: somebody else's word
 * closes it. Neither may a pipeline whose credential it was. */
static struct roll_error *check_reviewer(const struct review *review)
{
    struct roll_app *app = review->app;
    roll_auto(event) struct roll_event *request = NULL;
    const char *by;

    ROLL_TRY(roll_ledger_event(app->ledger, review->stream, review->rollout, &request));
    by = is_me(app, request->actor.proved)    ? request->actor.proved
         : is_me(app, request->actor.claimed) ? request->actor.claimed
                                              : NULL;
    return by ? roll_error_new(ROLL_E_REFUSED,
                               "'%s' asked for '%s#%" PRId64 "': somebody else reviews it", by,
                               review->stream, review->rollout)
              : NULL;
}

/* ---- what becomes of each ------------------------------------------------------------------- */

static void leave(const struct review *review, struct debt *debt, enum roll_code code,
                  char *why_take)
{
    debt->way = LEFT;
    debt->code = code;
    debt->why = why_take;
    debt->next = roll_debt_next(review->name, debt->name);
}

/* A word stands for one approval, by somebody who could have given it. */
static struct roll_error *judge_approval(const struct review *review, struct debt *debt)
{
    roll_auto(approved) struct roll_approved *approved = NULL;
    g_autoptr(GPtrArray) roles = g_ptr_array_new();
    int64_t voices = 0;
    size_t index;
    json_t *wanted;

    ROLL_TRY(roll_approved_load(review->app->ledger, review->stream, review->rollout, &approved));
    json_array_foreach (approved->approvals, index, wanted) {
        const json_t *count = json_object_get(wanted, "count");
        g_ptr_array_add(roles, (char *)(uintptr_t)roll_json_get_string(wanted, "role"));
        voices += json_is_integer(count) ? json_integer_value(count) : 1;
    }
    g_ptr_array_add(roles, NULL);
    debt->way = WORD;
    if (voices == 1 && roll_app_has_role(review->app, approved->plan, review->environment,
                                         (const char *const *)roles->pdata))
        return NULL;
    g_autofree char *list = g_strjoinv(voices == 1 ? " or " : " and ", (char **)roles->pdata);
    leave(review, debt, ROLL_E_REFUSED,
          voices == 1 ? g_strdup_printf("only role %s can give it", list)
                      : g_strdup_printf("it asks for %" PRId64 " people, of %s", voices, list));
    return NULL;
}

static struct roll_error *judge(const struct review *review, struct debt *debt)
{
    const struct context *context = review->context;

    if (strcmp(debt->name, "hotfix") == 0) {
        debt->way = WORD;
        if (!context->contained_in)
            leave(review, debt, ROLL_E_USAGE,
                  g_strdup("a release that contains the fix closes it"));
    } else if (g_str_has_prefix(debt->name, "gate:") && !context->reason) {
        debt->way = EVALUATE;
    } else if (strcmp(debt->name, "approval") == 0) {
        if (context->reason)
            return judge_approval(review, debt);
        leave(review, debt, ROLL_E_USAGE, g_strdup("an approval closes it"));
    } else {
        debt->way = WORD;
        if (!context->reason)
            leave(review, debt, ROLL_E_USAGE, g_strdup("a word closes it, with '--reason'"));
    }
    return NULL;
}

/* What one was asked for, and cannot be done, is an error; beside others it is only named. */
static struct roll_error *judge_all(const struct review *review)
{
    const struct debt *first;

    for (guint i = 0; i < review->debts->len; i++)
        ROLL_TRY(judge(review, review->debts->pdata[i]));
    for (guint i = 0; i < review->debts->len; i++)
        if (((const struct debt *)review->debts->pdata[i])->way != LEFT)
            return NULL;
    first = review->debts->pdata[0];
    g_autofree char *next = g_strdup_printf("{\"next\":[\"%s\"]}", first->next);
    return roll_error_detail(roll_error_new(first->code, "'%s' of '%s#%" PRId64 "' stays open: %s",
                                            first->name, review->stream, review->rollout,
                                            first->why),
                             next);
}

/* ---- words ---------------------------------------------------------------------------------- */

/* One word closes all that it can, or nothing. */
static struct roll_error *give_word(const struct review *review)
{
    const struct context *context = review->context;
    g_autofree char *reason = g_strdup(context->reason), *contained = g_strdup(review->version),
                    *found = g_strdup(review->found);
    g_autofree struct roll_debt_closed *closed =
        g_new0(struct roll_debt_closed, review->debts->len);
    g_autofree struct roll_draft *drafts = g_new0(struct roll_draft, review->debts->len + 1);
    struct roll_review_given given = {
        .rollout = review->rollout, .contained_in = contained, .found = found, .reason = reason};
    size_t count = 0;

    drafts[count++] = (struct roll_draft){review->stream, ROLL_EVENT_review_given, &given};
    for (guint i = 0; i < review->debts->len; i++) {
        const struct debt *debt = review->debts->pdata[i];
        if (debt->way != WORD)
            continue;
        closed[i] = (struct roll_debt_closed){
            .rollout = review->rollout, .debt = debt->name, .reason = reason};
        drafts[count++] = (struct roll_draft){review->stream, ROLL_EVENT_debt_closed, &closed[i]};
    }
    return count > 1 ? roll_app_append(review->app, review->stream, drafts, count) : NULL;
}

/* ---- gates ---------------------------------------------------------------------------------- */

static struct roll_error *evaluate(const struct review *review, struct debt *debt)
{
    struct roll_gate_options options = {.ledger = review->app->ledger,
                                        .workspace = review->app->workspace->root,
                                        .stream = review->stream,
                                        .rollout = review->rollout,
                                        .gate = debt->name + strlen("gate:")};
    roll_auto(loop) struct roll_loop *loop = NULL;

    ROLL_TRY(roll_loop_new(&loop));
    options.loop = loop;
    return roll_gate_make_up(&options, &review->app->actor, &debt->verdict, &debt->summary);
}

static bool is_closed(const struct debt *debt)
{
    return debt->way == WORD || g_strcmp0(debt->verdict, "passed") == 0;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void tell_json(const struct review *review)
{
    g_autofree char *rollout = g_strdup_printf("%s#%" PRId64, review->stream, review->rollout);
    json_t *closed = json_array(), *open = json_array();

    for (guint i = 0; i < review->debts->len; i++) {
        const struct debt *debt = review->debts->pdata[i];
        json_array_append_new(is_closed(debt) ? closed : open,
                              json_pack("{s:s,s:s*,s:s*,s:s*,s:s*}", "debt", debt->name, "verdict",
                                        debt->verdict, "summary", debt->summary, "why", debt->why,
                                        "next", debt->next));
    }
    roll_auto(json) json_t *view = json_pack(
        "{s:s,s:s*,s:s*,s:s*,s:o,s:o}", "rollout", rollout, "reason", review->context->reason,
        "containedIn", review->version, "found", review->found, "closed", closed, "open", open);
    roll_report_json(&review->app->out, view);
}

/* Owned. */
static char *gate_sentence(const struct review *review, const struct debt *debt, const char *quote)
{
    const char *verdict = g_strcmp0(debt->verdict, "passed") == 0   ? "has passed"
                          : g_strcmp0(debt->verdict, "failed") == 0 ? "was not passed"
                                                                    : "could not be evaluated";

    return g_strdup_printf("gate '%s' of %s%s#%" PRId64 "%s %s%s%s", debt->name + strlen("gate:"),
                           quote, review->stream, review->rollout, quote, verdict,
                           debt->summary ? ": " : "", debt->summary ? debt->summary : "");
}

static void tell_one(const struct review *review, const struct debt *debt)
{
    struct roll_app *app = review->app;
    g_autofree char *gate = debt->way == EVALUATE ? gate_sentence(review, debt, "") : NULL;

    if (debt->way == LEFT)
        roll_say(app, "%s of %s#%" PRId64 " stays open: %s; next: %s", debt->name, review->stream,
                 review->rollout, debt->why, debt->next);
    else if (debt->way == WORD)
        roll_say(app, "%s of %s#%" PRId64 " is closed", debt->name, review->stream,
                 review->rollout);
    else if (is_closed(debt))
        roll_say(app, "%s", gate);
}

static struct roll_error *failed_gates(const struct review *review)
{
    g_autoptr(GPtrArray) failed = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < review->debts->len; i++) {
        const struct debt *debt = review->debts->pdata[i];
        if (debt->way == EVALUATE && !is_closed(debt))
            g_ptr_array_add(failed, gate_sentence(review, debt, "'"));
    }
    if (failed->len == 0)
        return NULL;
    g_ptr_array_add(failed, NULL);
    g_autofree char *all = g_strjoinv("; ", (char **)failed->pdata);
    return roll_error_new(ROLL_E_REFUSED, "%s", all);
}

/* ---- all ------------------------------------------------------------------------------------ */

static struct roll_error *see_rollout(void *user, const struct roll_rollout_row *row)
{
    (void)row;
    *(bool *)user = true;
    return NULL;
}

static struct roll_error *check_there(const struct review *review)
{
    const struct roll_rollout_query query = {
        .stream = review->stream, .number = review->rollout, .limit = 1};
    bool there = false;

    ROLL_TRY(roll_ledger_rollouts(review->app->ledger, &query, see_rollout, &there));
    return there ? NULL
                 : roll_error_new(ROLL_E_NOT_FOUND, "there is no rollout '%s#%" PRId64 "'",
                                  review->stream, review->rollout);
}

static struct roll_error *look(struct review *review)
{
    struct roll_app *app = review->app;
    const struct context *context = review->context;
    const char *only = context->contained_in ? "hotfix" : context->debt;

    ROLL_TRY(check_there(review));
    ROLL_TRY(roll_ledger_debts(app->ledger, review->stream, see_debt, review));
    if (review->debts->len == 0)
        return roll_error_new(ROLL_E_NOTHING, "'%s#%" PRId64 "' owes nothing%s%s", review->stream,
                              review->rollout, only ? " of the kind " : "", only ? only : "");
    ROLL_TRY(roll_workspace_environment(app->workspace, review->stream, &review->plan,
                                        &review->environment));
    ROLL_TRY(roll_app_need_role(app, review->plan, review->environment, ROLL_LANE_RELEASE,
                                "'roll review'"));
    g_autofree char *name = roll_name_to_type(app->workspace, review->stream);
    review->name = g_strdup_printf("%s#%" PRId64, name, review->rollout);
    if (context->reason)
        ROLL_TRY(check_reviewer(review));
    if (context->contained_in)
        ROLL_TRY(roll_review_contained(app, review->plan, review->environment->name, review->stream,
                                       review->rollout, context->contained_in, &review->version,
                                       &review->found));
    return judge_all(review);
}

static struct roll_error *perform(struct review *review)
{
    ROLL_TRY(look(review));
    ROLL_TRY(give_word(review));
    for (guint i = 0; i < review->debts->len; i++) {
        struct debt *debt = review->debts->pdata[i];
        if (debt->way == EVALUATE)
            ROLL_TRY(evaluate(review, debt));
        tell_one(review, debt);
    }
    if (review->app->json)
        tell_json(review);
    return failed_gates(review);
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    struct review review = {
        .app = app, .context = context, .debts = g_ptr_array_new_with_free_func(debt_free)};
    struct roll_error *err = NULL;

    if (context->contained_in && !context->reason)
        err = roll_error_new(ROLL_E_USAGE,
                             "'--contained-in' is a person's word: it needs '--reason'");
    if (!err)
        err = roll_rollout_argument(app, arguments[0], &review.stream, &review.rollout);
    if (!err)
        err = roll_app_write_ledger(app);
    if (!err)
        err = perform(&review);
    review_clear(&review);
    return err;
}

static const struct roll_option options[] = {
    {"reason", 'r', ROLL_TEXT, offsetof(struct context, reason), "TEXT",
     "why it may be closed; recorded. Without it deferred gates are evaluated"},
    {"contained-in", 0, ROLL_TEXT, offsetof(struct context, contained_in), "VERSION",
     "the release that contains the hotfix"},
    {"debt", 0, ROLL_TEXT, offsetof(struct context, debt), "NAME", "only this debt"},
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL,
     "for scripts: nothing is asked anyway"},
    {NULL},
};

const struct roll_command roll_cmd_review = {
    .name = "review",
    .arguments = "ROLLOUT",
    .summary = "make up for what a rollout owes: a gate put off, an override, a hotfix",
    .details =
        "For the release role. With --reason somebody other than the person who asked for the\n"
        "rollout vouches for it. An approval that was passed by is closed by 'roll approve', or "
        "by\n"
        "the word of somebody who could have given it.",
    .options = options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
