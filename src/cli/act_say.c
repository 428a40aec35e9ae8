/* What is said before and after: the blast radius, the difference, how it ended. */
#include "act.h"
#include "tell.h"

#include <inttypes.h>
#include <malloc.h>
#include <string.h>

#include "rollbook/json.h"
#include "view.h"

/* ---- saying what would happen --------------------------------------------------------------- */

void roll_act_say_notes(struct roll_act *act, const struct roll_choice *choice)
{
    for (char **line = choice->skipped; line && *line; line++)
        roll_say(act->app, "skipped  %s", *line);
    for (char **line = choice->notes; line && *line; line++)
        roll_say(act->app, "note     %s", *line);
}

static bool touches_group(const struct roll_order *order, const char **ret_subscription)
{
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (target->subscription) {
            *ret_subscription = target->subscription;
            return true;
        }
    }
    return false;
}

static bool deletes_what_leaves(const struct roll_order_target *target)
{
    return target->delete_unmanaged && g_strcmp0(target->apply, "stack") == 0;
}

static bool any_deletes_what_leaves(const struct roll_order *order)
{
    for (guint i = 0; i < order->targets->len; i++)
        if (deletes_what_leaves(g_ptr_array_index(order->targets, i)))
            return true;
    return false;
}

/* The blast radius in one sentence. */
char *roll_act_sentence(const struct roll_act *act, const struct roll_choice *choice)
{
    const struct roll_order *order = choice->order;
    GString *text = g_string_new(NULL);
    const char *subscription = NULL;

    g_string_append_printf(text, "roll %s %s", act->verb, act->stream);
    if (choice->request.release)
        g_string_append_printf(text, " to %s", choice->request.release);
    else
        g_string_append(text, " to each target's own release");
    if (choice->request.from && g_strcmp0(choice->request.from, choice->request.release) != 0)
        g_string_append_printf(text, ", from %s", choice->request.from);
    g_string_append_printf(text, ": %u target%s", order->targets->len,
                           order->targets->len == 1 ? "" : "s");
    if (order->rings > 1)
        g_string_append_printf(text, " in %d rings", order->rings);
    if (touches_group(order, &subscription))
        g_string_append_printf(text, ", subscription %s", subscription);
    if (order->prune)
        g_string_append(text, ", and deletes what newer releases left over");
    if (any_deletes_what_leaves(order))
        g_string_append(text, "; what leaves a stack is deleted");
    return g_string_free(text, FALSE);
}

/* What a stack deletes is nobody's leftover. */
static void drop_leftover(json_t *leftovers, const char *id)
{
    for (size_t i = json_array_size(leftovers); i-- > 0;) {
        const char *other = roll_json_get_string(json_array_get(leftovers, i), "id");
        if (id && other && g_ascii_strcasecmp(other, id) == 0)
            json_array_remove(leftovers, i);
    }
}

/* What the goal does not have stays, unless leftovers are deleted, or the stack deletes what leaves
 * it: groups it never does. */
void roll_act_leave_deleted(const struct roll_order_target *target, json_t *changes,
                            json_t *leftovers)
{
    size_t index;
    json_t *change;

    json_array_foreach (changes, index, change) {
        const char *id = roll_json_get_string(change, "id");
        const char *type = roll_json_get_string(change, "type");
        if (g_strcmp0(roll_json_get_string(change, "change"), "delete") != 0)
            continue;
        if (deletes_what_leaves(target) && type &&
            g_ascii_strcasecmp(type, "Microsoft.Resources/resourceGroups") != 0)
            drop_leftover(leftovers, id);
        else if (!roll_act_is_deleted(leftovers, id))
            json_object_set_new(change, "change", json_string("leave"));
    }
}

static struct roll_error *diff_json(struct roll_act *act, const struct roll_choice *choice,
                                    json_t *targets, const json_t *leftovers)
{
    roll_auto(differ) struct roll_differ *differ = NULL;

    ROLL_TRY(roll_differ_new(act->app->ledger, choice, &differ));
    for (guint i = 0; i < choice->order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, i);
        json_t *changes = NULL;
        const char *tried = NULL;

        ROLL_TRY(roll_differ_tried(differ, target, &tried));
        ROLL_TRY(roll_differ_target(differ, target, &changes));
        roll_act_leave_deleted(target, changes, json_object_get(leftovers, target->name));
        json_array_append_new(targets, json_pack("{s:s,s:s?,s:s*,s:s,s:o}", "name", target->name,
                                                 "from", target->had, "tried", tried, "to",
                                                 target->release, "changes", changes));
    }
    return NULL;
}

void roll_act_say_change(struct roll_app *app, const char *names, const char *from,
                         const char *tried, const char *to, const json_t *changes)
{
    roll_say(app, "%s  %s%s → %s", names,
             from    ? from
             : tried ? tried
                     : "nothing",
             !from && tried ? " (did not succeed)" : "", to);
    if (roll_report_changes(&app->out, changes, 2) == 0)
        roll_say(app, !from && tried ? "  the same is sent again" : "  no differences");
}

static const char *change_sign(const char *type)
{
    static const char *const signs[][2] = {{"Create", "+"}, {"Delete", "-"},  {"Modify", "~"},
                                           {"Deploy", "~"}, {"NoChange", ""}, {"Ignore", ""}};

    for (size_t i = 0; type && i < G_N_ELEMENTS(signs); i++)
        if (strcmp(signs[i][0], type) == 0)
            return signs[i][1];
    return "?";
}

static void say_forecast_target(struct roll_app *app, const char *target, const json_t *changes)
{
    size_t index, unchanged = 0;
    json_t *change;

    roll_say(app, "%s  what ARM forecasts", target);
    json_array_foreach (changes, index, change) {
        const char *type = roll_json_get_string(change, "changeType");
        const char *id = roll_json_get_string(change, "resourceId");
        const char *sign = change_sign(type);
        const char *note = roll_json_get_string(change, "note");

        if (*sign)
            roll_say(app, "  %s %s  %s", sign, type ? type : "", id ? id : "");
        else
            unchanged++;
        if (note)
            roll_say(app, "    %s", note);
    }
    roll_say(app, "  %zu unchanged", unchanged);
}

static void say_forecast(struct roll_app *app, const json_t *forecasts)
{
    const char *target;
    json_t *changes;

    json_object_foreach ((json_t *)(uintptr_t)forecasts, target, changes)
        say_forecast_target(app, target, changes);
}

static struct roll_error *forecast(struct roll_act *act, const struct roll_choice *choice,
                                   json_t **ret_forecasts)
{
    struct roll_driver_options options = roll_act_driver(act, NULL);

    return act->options->what_if ? roll_rollout_what_if(&options, choice, ret_forecasts) : NULL;
}

/* One command prints one document. */
static void say_document(const struct roll_act *act, const json_t *document)
{
    if (act->documents)
        json_array_append(act->documents, (json_t *)(uintptr_t)document);
    else
        roll_report_json(&act->app->out, document);
}

static void show_diff_json(struct roll_act *act, const struct roll_choice *choice, json_t *targets,
                           json_t *forecasts, json_t *leftovers)
{
    roll_auto(json) json_t *document = json_pack(
        "{s:s,s:s,s:s,s:s,s:s?,s:s?,s:O,s:O*,s:O*}", "service", act->plan->service, "environment",
        act->environment->name, "lane", roll_lane_names[choice->order->lane], "kind",
        choice->order->kind, "version", choice->request.release, "from", choice->request.from,
        "targets", targets, "whatIf", forecasts, "leftovers", leftovers);

    say_document(act, document);
}

/* Of more targets than a person reads, those that change alike are shown once. */
enum { FEW_TARGETS = 10 };

static bool is_fleet(const struct roll_act *act, const struct roll_choice *choice)
{
    return choice->order->targets->len > FEW_TARGETS && !act->app->json &&
           !act->app->globals.verbose;
}

struct roll_error *roll_act_show_diff(struct roll_act *act, const struct roll_choice *choice)
{
    roll_auto(json) json_t *targets = json_array();
    roll_auto(json) json_t *forecasts = NULL;
    roll_auto(json) json_t *leftovers = NULL;
    struct roll_app *app = act->app;
    size_t index;
    json_t *target;

    ROLL_TRY(roll_act_leftovers(act, choice, &leftovers));
    if (is_fleet(act, choice))
        ROLL_TRY(roll_act_say_alike(act, choice, leftovers));
    else
        ROLL_TRY(diff_json(act, choice, targets, leftovers));
    ROLL_TRY(forecast(act, choice, &forecasts));
    if (app->json) {
        show_diff_json(act, choice, targets, forecasts, leftovers);
        return NULL;
    }
    json_array_foreach (targets, index, target) {
        roll_act_say_change(app, roll_json_get_string(target, "name"),
                            roll_json_get_string(target, "from"),
                            roll_json_get_string(target, "tried"),
                            roll_json_get_string(target, "to"), json_object_get(target, "changes"));
    }
    if (forecasts)
        say_forecast(app, forecasts);
    roll_act_say_leftovers(act, leftovers);
    roll_say(app, "nothing was done (--dry-run)");
    return NULL;
}

/* ---- how it ended -------------------------------------------------------------------------- */

static enum roll_code end_code(const struct roll_outcome *outcome)
{
    switch (outcome->end) {
    case ROLL_END_SUCCEEDED:
        return ROLL_OK;
    case ROLL_END_FAILED_BACK:
        return outcome->back_end == ROLL_END_SUCCEEDED ? ROLL_E_FAILED_ROLLED_BACK : ROLL_E_FAILED;
    case ROLL_END_CANCELLED:
        return ROLL_E_CANCELLED;
    case ROLL_END_SUPERSEDED:
    case ROLL_END_EXPIRED:
        return ROLL_E_EXPIRED;
    case ROLL_END_WAITING:
        return ROLL_E_WAITING;
    case ROLL_END_REFUSED:
        return ROLL_E_REFUSED;
    case ROLL_END_DETACHED:
    case ROLL_END_SETTLED:
        return ROLL_E_DETACHED;
    case ROLL_END_FENCED:
    case ROLL_END_CONFLICT:
    case ROLL_END_UNKNOWN_KIND:
        return ROLL_E_CONFLICT;
    case ROLL_END_ENDED:
        return ROLL_E_NOTHING;
    default:
        return ROLL_E_FAILED;
    }
}

/* Nothing is said to go on that was never accepted. */
static const char *detached_words(const struct roll_outcome *outcome)
{
    if (outcome->reached)
        return "goes on in Azure; this command has let go";
    return outcome->unsure ? "was let go; whether Azure has any of it is not known"
                           : "was let go; nothing has reached Azure yet";
}

static const char *end_word(enum roll_machine_end end)
{
    static const char *const words[] = {
        [ROLL_END_SUCCEEDED] = "succeeded",
        [ROLL_END_FAILED] = "failed",
        [ROLL_END_FAILED_BACK] = "failed",
        [ROLL_END_CANCELLED] = "cancelled",
        [ROLL_END_SUPERSEDED] = "superseded by a newer rollout",
        [ROLL_END_ENDED] = "has ended already",
        [ROLL_END_SETTLED] = "settled",
        [ROLL_END_CONFLICT] = "met another writer",
        [ROLL_END_FENCED] = "is driven by another process now",
        [ROLL_END_UNKNOWN_KIND] = "holds events of a newer roll; use that version",
        [ROLL_END_ERROR] = "stopped",
        [ROLL_END_WAITING] = "waits; nothing was sent",
        [ROLL_END_REFUSED] = "was refused; nothing was sent",
        [ROLL_END_EXPIRED] = "expired; nothing was sent",
    };

    return (size_t)end < G_N_ELEMENTS(words) && words[end] ? words[end] : "ended";
}

void roll_act_say_group(struct roll_app *app, const json_t *view, const char *words,
                        const char *const *states)
{
    enum { SHOWN_NAMES = 20 };
    g_autoptr(GString) names = g_string_new(NULL);
    size_t index, count = 0;
    json_t *target;

    json_array_foreach (json_object_get(view, "targets"), index, target) {
        if (g_strv_contains(states, roll_json_get_string(target, "state")) && count++ < SHOWN_NAMES)
            g_string_append_printf(names, "%s%s", names->len ? ", " : "",
                                   roll_json_get_string(target, "name"));
    }
    if (count > SHOWN_NAMES)
        g_string_append_printf(names, " and %zu more", count - SHOWN_NAMES);
    if (names->len)
        roll_say(app, "  %s: %s", words, names->str);
}

/* What a cancel left behind, by target. */
static void say_cancelled(struct roll_app *app, const json_t *view)
{
    roll_act_say_group(app, view, "deployed before the cancel, stays",
                       (const char *[]){"succeeded", NULL});
    roll_act_say_group(app, view, "stopped on its way, half-applied",
                       (const char *[]){"cancelled", "failed", "running", NULL});
    roll_act_say_group(app, view, "not touched",
                       (const char *[]){"skipped", "absent", "refused", "conflict", NULL});
}

static void say_end(struct roll_act *act, const struct roll_outcome *outcome, const json_t *view)
{
    const char *why = roll_json_get_string(view, "endReason");
    bool failed = outcome->end == ROLL_END_FAILED || outcome->end == ROLL_END_FAILED_BACK ||
                  outcome->end == ROLL_END_REFUSED;
    g_autofree char *name = g_strdup_printf("%s#%" PRId64, act->name, outcome->rollout);

    g_autofree char *line = g_strdup_printf(
        "%s#%" PRId64 " %s%s%s", act->stream, outcome->rollout,
        outcome->end == ROLL_END_DETACHED                      ? detached_words(outcome)
        : outcome->end == ROLL_END_WAITING && outcome->reached ? "waits; what was begun has ended"
                                                               : end_word(outcome->end),
        failed && why ? ": " : "", failed && why ? why : "");
    if (failed)
        roll_print_issue(act->app, line);
    roll_say(act->app, "%s", line);
    if (outcome->end == ROLL_END_CANCELLED)
        say_cancelled(act->app, view);
    if (outcome->end == ROLL_END_DETACHED && outcome->reached)
        roll_act_say_group(act->app, view, "not sent before it is resumed",
                           (const char *[]){"waiting", NULL});
    /* A back that brought everything and left a target unhealthy says so too. */
    roll_view_say_failures(act->app, json_object_get(view, "targets"), name);
    if (outcome->back)
        roll_say(act->app, "%s#%" PRId64 " (the way back) %s", act->stream, outcome->back,
                 end_word(outcome->back_end));
}

/* With --quiet only what went wrong is said, where errors are said. */
static void say_end_quietly(struct roll_act *act, const struct roll_outcome *outcome,
                            const json_t *view)
{
    struct roll_app *app = act->app;
    const struct roll_screen out = app->out;

    switch (outcome->end) {
    case ROLL_END_SUCCEEDED:
    case ROLL_END_WAITING:
    case ROLL_END_DETACHED:
    case ROLL_END_SETTLED:
    case ROLL_END_CANCELLED:
    case ROLL_END_ENDED:
        return;
    default:
        break;
    }
    app->out = app->err;
    app->globals.quiet = false;
    say_end(act, outcome, view);
    app->globals.quiet = true;
    app->out = out;
}

static struct roll_error *say_all(struct roll_act *act, const struct roll_outcome *outcome)
{
    struct roll_app *app = act->app;
    roll_auto(json) json_t *view = NULL;
    enum roll_code code = end_code(outcome);

    app->exit_status = roll_code_exit(code);
    if (!outcome->rollout)
        return NULL;
    ROLL_TRY(roll_view_rollout_find(app, act->stream, outcome->rollout, &view));
    if (app->json) {
        say_document(act, view);
        return NULL;
    }
    if (app->globals.quiet) {
        say_end_quietly(act, outcome, view);
        return NULL;
    }
    say_end(act, outcome, view);
    roll_say_stacks(app, view);
    roll_say_leftovers(app, view);
    return roll_act_say_next(act, outcome, view);
}

/* Whoever interrupts wants to leave; what a schedule began is told by roll run, once for all. */
struct roll_error *roll_act_finish(struct roll_act *act, const struct roll_outcome *outcome)
{
    struct roll_error *err;

    /* What driving a fleet took is free by now, but in small pieces: the texts that are read to
     * tell of it would come on top. */
    malloc_trim(0);
    err = say_all(act, outcome);
    if (!err && outcome->rollout && outcome->end != ROLL_END_DETACHED && !act->scheduled)
        roll_tell(act->app, act->plan, act->stream, ROLL_TELL_MS);
    roll_app_come_home(act->app);
    return err;
}
