/* roll approve, roll reject: a person's word on a rollout that waits. Approving only records; the
 * waiting command, roll resume or roll run starts. */
#include "act.h"
#include "tell.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/policy.h"
#include "rollbook/time.h"

struct context {
    const char *key, *as, *import, *reason;
    bool print, yes;
};

/* What it caused, and what waits to be told. It changes nothing about how the command ends. */
static void tell_webhooks(struct roll_app *app, const char *stream)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    struct roll_error *err =
        roll_workspace_environment(app->workspace, stream, &plan, &environment);

    if (!err)
        roll_tell(app, plan, stream, ROLL_TELL_MS);
    roll_error_free(err);
}

/* ---- a rollout that can be approved --------------------------------------------------------- */

struct subject {
    char *stream;
    int64_t number;
    bool owed; /* it has ended or runs, and its approval was passed by */
    struct roll_approved *approved;
};

static void subject_clear(struct subject *subject)
{
    g_free(subject->stream);
    roll_approved_free(subject->approved);
}

static struct roll_error *see_state(void *user, const struct roll_rollout_row *row)
{
    *(char **)user = g_strdup(row->state);
    return NULL;
}

static struct roll_error *see_owed(void *user, const struct roll_debt_row *row)
{
    struct subject *subject = user;

    if (row->rollout == subject->number && !row->closed_at && strcmp(row->debt, "approval") == 0)
        subject->owed = true;
    return NULL;
}

/* Whether or not somebody has recorded it: a word that comes too late changes nothing. */
static struct roll_error *check_expired(const struct subject *subject)
{
    int64_t expires = subject->approved->expires;

    if (!expires || roll_now_ms() < expires)
        return NULL;
    g_autofree char *time = roll_report_time(expires);
    return roll_error_new(ROLL_E_EXPIRED,
                          "'%s#%" PRId64 "' has expired, %s; nothing of it is sent any more",
                          subject->stream, subject->number, time);
}

static struct roll_error *find(struct roll_app *app, const char *text, struct subject *ret_subject)
{
    struct roll_rollout_query query = {.limit = 1};
    g_autofree char *state = NULL;

    ROLL_TRY(roll_rollout_argument(app, text, &ret_subject->stream, &ret_subject->number));
    ROLL_TRY(roll_app_write_ledger(app));
    query.stream = ret_subject->stream;
    query.number = ret_subject->number;
    ROLL_TRY(roll_ledger_rollouts(app->ledger, &query, see_state, &state));
    ROLL_TRY(roll_approved_load(app->ledger, ret_subject->stream, ret_subject->number,
                                &ret_subject->approved));
    if (state && strcmp(state, "waiting") == 0)
        return check_expired(ret_subject);
    ROLL_TRY(roll_ledger_debts(app->ledger, ret_subject->stream, see_owed, ret_subject));
    if (ret_subject->owed)
        return NULL;
    return roll_error_new(ROLL_E_NOTHING, "'%s#%" PRId64 "' does not wait for an approval: it %s",
                          ret_subject->stream, ret_subject->number, roll_ended_words(state));
}

/* ---- the signature -------------------------------------------------------------------------- */

struct word {
    char *approver, *signature;
};

static void word_clear(struct word *word)
{
    g_free(word->approver);
    g_free(word->signature);
}

/* find-principals says whose key it is, of any role and for any message; what counts is checked
 * afterwards. */
static struct roll_error *name_signer(const struct subject *subject,
                                      const struct roll_signers *signers, struct word *word)
{
    g_auto(GStrv) names = NULL;
    struct roll_error *err = NULL;

    ROLL_TRY(roll_signature_principals(signers, word->signature, roll_now_ms(), &names));
    for (char **name = names; *name && !word->approver; name++) {
        roll_error_free(err);
        err = roll_approval_check(subject->approved, *name, word->signature, roll_now_ms());
        if (!err)
            word->approver = g_strdup(*name);
    }
    if (word->approver || err)
        return err;
    return roll_error_detail(
        roll_error_new(ROLL_E_REFUSED, "the key is not among the approvers that were recorded with "
                                       "the request, or not valid now"),
        "{\"next\":[\"repeat it with --key FILE of a key in plans/approvers\"]}");
}

static struct roll_error *sign(const struct context *context, const struct subject *subject,
                               struct word *word)
{
    const struct roll_signers signers = {subject->approved->approvers, subject->approved->revoked};
    g_autofree char *message = g_strdup_printf("%s\n", subject->approved->hash);

    if (context->key && strcmp(context->key, "agent") != 0 &&
        !g_file_test(context->key, G_FILE_TEST_EXISTS))
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no key '%s'", context->key);
    ROLL_TRY(roll_signature_make(&signers, context->key ? context->key : "agent", message,
                                 &word->signature));
    word->approver = g_strdup(context->as);
    return word->approver ? NULL : name_signer(subject, &signers, word);
}

/* "rollbook-approval shop/prod#17 alice@contoso.com SIGNATURE" */
static struct roll_error *import(const char *line, const struct subject *subject, struct word *word)
{
    g_auto(GStrv) parts = g_strsplit_set(line, " \n", -1);
    g_autofree char *about = g_strdup_printf("%s#%" PRId64, subject->stream, subject->number);

    if (g_strv_length(parts) < 4 || strcmp(parts[0], "rollbook-approval") != 0)
        return roll_error_new(ROLL_E_USAGE, "this is not a line that 'roll approve --print' made");
    if (strcmp(parts[1], about) != 0)
        return roll_error_new(ROLL_E_REFUSED, "this approval is of '%s', not of '%s'", parts[1],
                              about);
    word->approver = g_strdup(parts[2]);
    word->signature = g_strdup(parts[3]);
    return NULL;
}

/* ---- recording ------------------------------------------------------------------------------ */

static struct roll_error *close_debt(struct roll_app *app, const struct subject *subject)
{
    g_autofree char *debt = g_strdup("approval");
    struct roll_debt_closed body = {.rollout = subject->number, .debt = debt};
    struct roll_draft draft = {subject->stream, ROLL_EVENT_debt_closed, &body};

    return roll_app_append(app, subject->stream, &draft, 1);
}

/* One voice, however often it is raised. */
static struct roll_error *check_new(struct roll_app *app, const struct subject *subject,
                                    const struct word *word)
{
    g_autofree char *missing = NULL;
    bool has = false;

    ROLL_TRY(
        roll_approvals_has(app->ledger, subject->approved, word->approver, word->signature, &has));
    if (!has)
        return NULL;
    ROLL_TRY(roll_approvals_missing(app->ledger, subject->approved, 0, &missing));
    return roll_error_new(ROLL_E_NOTHING, "'%s' has approved '%s#%" PRId64 "' already%s%s%s",
                          word->approver, subject->stream, subject->number,
                          missing ? "; it still asks for " : "", missing ? missing : "",
                          missing ? ", by another person" : "");
}

static struct roll_error *record(struct roll_app *app, const struct subject *subject,
                                 const struct word *word, char **ret_missing)
{
    struct roll_approval_given body = {
        .rollout = subject->number, .approver = word->approver, .signature = word->signature};
    struct roll_draft draft = {subject->stream, ROLL_EVENT_approval_given, &body};

    ROLL_TRY(check_new(app, subject, word));
    ROLL_TRY(roll_app_append(app, subject->stream, &draft, 1));
    ROLL_TRY(roll_approvals_missing(app->ledger, subject->approved, 0, ret_missing));
    return subject->owed && !*ret_missing ? close_debt(app, subject) : NULL;
}

static void tell(struct roll_app *app, const struct subject *subject, const struct word *word,
                 const char *missing)
{
    g_autofree char *name = roll_name_to_type(app->workspace, subject->stream);

    if (app->json) {
        g_autofree char *rollout = g_strdup_printf("%s#%" PRId64, subject->stream, subject->number);
        roll_auto(json) json_t *view = json_pack("{s:s,s:s,s:s?}", "rollout", rollout, "approver",
                                                 word->approver, "missing", missing);
        roll_report_json(&app->out, view);
        return;
    }
    roll_say(app, "%s#%" PRId64 " is approved by %s%s%s", subject->stream, subject->number,
             word->approver, missing ? "; it still asks for " : "", missing ? missing : "");
    if (!missing && !subject->owed)
        roll_say(app, "next: roll resume %s#%" PRId64 "   unless a command waits for it", name,
                 subject->number);
}

static struct roll_error *approve(struct roll_app *app, const struct context *context,
                                  const struct subject *subject)
{
    struct word word = {0};
    g_autofree char *missing = NULL;
    struct roll_error *err =
        context->import ? import(context->import, subject, &word) : sign(context, subject, &word);

    if (!err)
        err = roll_approval_check(subject->approved, word.approver, word.signature, roll_now_ms());
    if (!err && context->print) {
        roll_print(app->out.file, "rollbook-approval %s#%" PRId64 " %s %s\n", subject->stream,
                   subject->number, word.approver, word.signature);
    } else if (!err) {
        err = record(app, subject, &word, &missing);
        if (!err)
            tell(app, subject, &word, missing);
    }
    word_clear(&word);
    return err;
}

static struct roll_error *run_approve(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    struct subject subject = {0};
    struct roll_error *err;

    if (context->import && (context->print || context->key || context->as))
        return roll_error_new(ROLL_E_USAGE,
                              "'--import' goes without '--print', '--key' and '--as'");
    err = find(app, arguments[0], &subject);
    if (!err)
        err = approve(app, context, &subject);
    if (!err && !context->print)
        tell_webhooks(app, subject.stream);
    subject_clear(&subject);
    return err;
}

/* ---- reject --------------------------------------------------------------------------------- */

/* Whose word it is may stay unproved: nothing is sent because of it. Who is somebody else is
 * refused. */
static struct roll_error *check_rejecter(struct roll_app *app, const struct subject *subject)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    g_autoptr(GPtrArray) roles = g_ptr_array_new();
    g_autofree char *list = NULL;
    size_t index;
    json_t *wanted;

    ROLL_TRY(roll_workspace_environment(app->workspace, subject->stream, &plan, &environment));
    json_array_foreach (subject->approved->approvals, index, wanted)
        g_ptr_array_add(roles, (char *)(uintptr_t)roll_json_get_string(wanted, "role"));
    for (char **role = environment->lanes[ROLL_LANE_RELEASE].roles; role && *role; role++)
        g_ptr_array_add(roles, *role);
    g_ptr_array_add(roles, NULL);
    if (roll_app_has_role(app, subject->approved->plan, environment,
                          (const char *const *)roles->pdata) ||
        (!app->actor.proved && g_strcmp0(environment->cloud, "sandbox") != 0))
        return NULL;
    list = g_strjoinv(" or ", (char **)roles->pdata);
    return roll_error_new(ROLL_E_REFUSED, "'roll reject' is for role %s; '%s' has none of them",
                          list, app->actor.proved ? app->actor.proved : app->actor.claimed);
}

static struct roll_error *reject(struct roll_app *app, const struct context *context,
                                 const struct subject *subject)
{
    g_autofree char *reason = g_strdup(context->reason);
    g_autofree char *name = NULL;
    struct roll_approval_rejected body = {.rollout = subject->number, .reason = reason};
    struct roll_draft draft = {subject->stream, ROLL_EVENT_approval_rejected, &body};
    struct roll_act_options nothing = {0};
    struct roll_act act = {.app = app, .options = &nothing};
    struct roll_outcome outcome = {0};
    struct roll_error *err;

    ROLL_TRY(check_rejecter(app, subject));
    name = roll_report_actor(app->actor.proved, app->actor.claimed);
    body.approver = name;
    ROLL_TRY(roll_app_append(app, subject->stream, &draft, 1));
    ROLL_TRY(roll_loop_new(&act.loop));
    act.links = roll_links_new(act.loop, roll_app_sandbox, app);
    struct roll_driver_options options = roll_act_driver(&act, NULL);
    options.unproved = true;
    err = roll_rollout_resume(&options, subject->stream, subject->number, &outcome);
    roll_act_clear(&act);
    ROLL_TRY(err);
    roll_say(app, "%s#%" PRId64 " is refused; nothing of it was sent", subject->stream,
             subject->number);
    return NULL;
}

static struct roll_error *run_reject(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    struct subject subject = {0};
    struct roll_error *err;

    if (!context->reason)
        return roll_error_new(ROLL_E_USAGE, "'roll reject' needs '--reason'");
    err = find(app, arguments[0], &subject);
    if (!err && subject.owed)
        err = roll_error_new(ROLL_E_NOTHING, "'%s#%" PRId64 "' is not waiting any more",
                             subject.stream, subject.number);
    if (!err)
        err = reject(app, context, &subject);
    if (!err)
        tell_webhooks(app, subject.stream);
    subject_clear(&subject);
    return err;
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct roll_option approve_options[] = {
    {"key", 'k', ROLL_TEXT, offsetof(struct context, key), "FILE|agent",
     "an SSH key, or the agent's (default)"},
    {"as", 0, ROLL_TEXT, offsetof(struct context, as), "NAME", "the name in the approvers file"},
    {"print", 0, ROLL_FLAG, offsetof(struct context, print), NULL,
     "print the approval as one line; record nothing"},
    {"import", 0, ROLL_TEXT, offsetof(struct context, import), "LINE",
     "record a line that --print made elsewhere"},
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL,
     "for scripts: nothing is asked anyway"},
    {NULL},
};

const struct roll_command roll_cmd_approve = {
    .name = "approve",
    .arguments = "ROLLOUT",
    .summary = "sign a rollout that waits for an approval",
    .details =
        "Signs the hash of the request with an SSH key that the approvers file lists. Whoever\n"
        "asked for a rollout may not approve it. The approval is only recorded: the command that\n"
        "waits, 'roll resume' or 'roll run' starts the rollout.",
    .options = approve_options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run_approve,
};

static const struct roll_option reject_options[] = {
    {"reason", 'r', ROLL_TEXT, offsetof(struct context, reason), "TEXT", "why; recorded"},
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL,
     "for scripts: nothing is asked anyway"},
    {NULL},
};

const struct roll_command roll_cmd_reject = {
    .name = "reject",
    .arguments = "ROLLOUT",
    .summary = "refuse a rollout that waits",
    .options = reject_options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run_reject,
};
