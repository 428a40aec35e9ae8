/* A rollback with all that need it (--with-dependents). It is one rollout: requested first, it
 * names in its request what goes back before it, waits until each of these parts has, and goes
 * last. Each part is a rollout in its own stream that names the whole. So whoever types `roll
 * resume` of the whole goes on where it stopped, with the options that were given then. */
#include <inttypes.h>
#include <string.h>

#include "ready.h"
#include "rollbook/json.h"
#include "rollbook/time.h"
#include "view.h"

struct roll_error *roll_act_choose_back(struct roll_act *act, bool anyway,
                                        struct roll_choice **ret_choice)
{
    roll_auto(choice) struct roll_choice *choice = NULL;

    ROLL_TRY(
        roll_choose_back(act->plan, act->environment, act->app->ledger, &act->choice, &choice));
    if (!anyway)
        ROLL_TRY(roll_ready_bar(act, choice));
    *ret_choice = g_steal_pointer(&choice);
    return NULL;
}

/* ---- how parts go back, as it is recorded ---------------------------------------------------- */

static const struct {
    const char *name;
    size_t offset;
} flags[] = {
    {"noSticky", offsetof(struct roll_act_with, choice.no_sticky)},
    {"includeNew", offsetof(struct roll_act_with, choice.include_new)},
    {"recreateGroups", offsetof(struct roll_act_with, choice.recreate_groups)},
    {"prune", offsetof(struct roll_act_with, choice.prune)},
    {"secretsCurrent", offsetof(struct roll_act_with, choice.secrets_current)},
    {"anyway", offsetof(struct roll_act_with, anyway)},
};

/* names: the parts, and behind them the whole. New reference. */
static json_t *write_with(const struct roll_act_with *with, const GPtrArray *names)
{
    const GPtrArray *words = with->options->overrides;
    json_t *value = json_object(), *parts = json_array(), *overrides = json_array();

    for (guint i = 0; i + 1 < names->len; i++)
        json_array_append_new(parts, json_string(names->pdata[i]));
    for (guint i = 0; words && i < words->len && words->pdata[i]; i++)
        json_array_append_new(overrides, json_string(words->pdata[i]));
    json_object_set_new(value, "parts", parts);
    if (with->choice.at)
        json_object_set_new(value, "at", json_integer(with->choice.at));
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
        if (*(const bool *)((const char *)with + flags[i].offset))
            json_object_set_new(value, flags[i].name, json_true());
    if (json_array_size(overrides) > 0)
        json_object_set(value, "overrides", overrides);
    json_decref(overrides);
    return value;
}

/* options: to be filled with the words of then; its array is owned by the caller. */
static void read_with(const json_t *value, struct roll_act_options *options,
                      struct roll_act_with *with)
{
    const json_t *overrides = json_object_get(value, "overrides");
    size_t index;
    json_t *word;

    with->choice.at = json_integer_value(json_object_get(value, "at"));
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
        *(bool *)((char *)with + flags[i].offset) =
            json_is_true(json_object_get(value, flags[i].name));
    options->overrides = NULL;
    if (json_array_size(overrides) == 0)
        return;
    options->overrides = g_ptr_array_new_with_free_func(g_free);
    json_array_foreach (overrides, index, word)
        g_ptr_array_add(options->overrides, g_strdup(json_string_value(word)));
    g_ptr_array_add(options->overrides, NULL);
}

/* ---- one part -------------------------------------------------------------------------------- */

static struct roll_error *choose(struct roll_act *act, struct roll_choice **ret_choice)
{
    const struct roll_act_with *with = act->user;

    return roll_act_choose_back(act, with->anyway, ret_choice);
}

static struct roll_act act_of(const struct roll_act_with *with,
                              const struct roll_act_options *options)
{
    return (struct roll_act){.app = with->act->app,
                             .options = options,
                             .whole = with->act,
                             .lane = ROLL_LANE_ROLLBACK,
                             .verb = "back",
                             .choice = with->choice,
                             .user = (void *)(uintptr_t)with,
                             .choose = choose};
}

/* A goal that was named is of what was asked for; the others go back to their own last good
 * release, or to what was live at the time of --at. */
static struct roll_act_with for_part(const struct roll_act_with *with)
{
    struct roll_act_with part = *with;

    part.choice.release = NULL;
    part.choice.steps = 0;
    part.choice.bad = false;
    return part;
}

/* What would hinder it, before anything is sent. */
static struct roll_error *look(const struct roll_act_with *with, const char *name)
{
    struct roll_act act = act_of(with, with->options);
    roll_auto(choice) struct roll_choice *choice = NULL;
    struct roll_error *err = roll_act_open(&act, name);

    act.choice.ring = -1;
    if (!err)
        err = choose(&act, &choice);
    roll_act_clear(&act);
    return err;
}

/* What cannot go along is found before anything is sent. A dependent that has nowhere to go keeps
 * nobody from going back: it is left out. */
static struct roll_error *look_at(const struct roll_act_with *with, const char *whole,
                                  GPtrArray *names, guint *at)
{
    const char *name = names->pdata[*at];
    bool itself = strcmp(name, whole) == 0;
    struct roll_act_with part = itself ? *with : for_part(with);
    struct roll_error *err = look(&part, name);

    if (!err) {
        ++*at;
        return NULL;
    }
    if (roll_error_code(err) != ROLL_E_NOTHING &&
        (itself || roll_error_code(err) != ROLL_E_NOT_FOUND))
        return roll_error_wrap(err, "nothing was sent, since '%s' cannot go along", name);
    roll_say(with->act->app, "note     '%s' is left out and stays as it is: %s", name,
             err->message);
    roll_error_free(err);
    g_ptr_array_remove_index(names, *at);
    return NULL;
}

static struct roll_error *run_one(const struct roll_act_with *with, const char *name,
                                  const char *whole, json_t *documents)
{
    struct roll_act_options options = *with->options;
    g_autofree char *belongs = g_strndup(whole, strcspn(whole, "#"));
    g_autofree char *reason = options.reason
                                  ? g_strdup_printf("%s (with %s)", options.reason, belongs)
                                  : g_strdup_printf("with %s", belongs);
    struct roll_act act = act_of(with, &options);
    struct roll_error *err;

    options.yes = true;
    options.reason = reason;
    act.part_of = whole;
    act.documents = documents;
    err = roll_act_open(&act, name);
    if (!err)
        err = roll_act_run(&act);
    roll_act_clear(&act);
    return err;
}

/* ---- asking for the whole -------------------------------------------------------------------- */

static char *joined(const GPtrArray *names)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < names->len; i++)
        g_string_append_printf(text, "%s%s", i ? ", " : "", (const char *)names->pdata[i]);
    return g_string_free(text, FALSE);
}

static void reverse(GPtrArray *names)
{
    for (guint i = 0; i < names->len / 2; i++) {
        gpointer name = names->pdata[i];
        names->pdata[i] = names->pdata[names->len - 1 - i];
        names->pdata[names->len - 1 - i] = name;
    }
}

/* The whole is what goes last of those that have something to change. */
static struct roll_error *request(const struct roll_act_with *with, const char *whole,
                                  const GPtrArray *names, json_t *documents)
{
    struct roll_act_options options = *with->options;
    const char *last = names->pdata[names->len - 1];
    struct roll_act_with own = strcmp(last, whole) == 0 ? *with : for_part(with);
    roll_auto(json) json_t *value = write_with(with, names);
    struct roll_act act = act_of(&own, &options);
    struct roll_error *err;

    options.yes = true;
    act.with = names->len > 1 ? value : NULL;
    act.documents = documents;
    err = roll_act_open(&act, last);
    if (!err)
        err = roll_act_run(&act);
    act.with = NULL;
    if (!err && act.requested)
        err = roll_act_resume(&act, act.requested);
    roll_act_clear(&act);
    return err;
}

static struct roll_error *rehearse(const struct roll_act_with *with, const char *whole,
                                   const GPtrArray *names, json_t *documents)
{
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        struct roll_act_with part = strcmp(name, whole) == 0 ? *with : for_part(with);
        struct roll_act act = act_of(&part, with->options);
        struct roll_error *err = roll_act_open(&act, name);

        act.documents = documents;
        if (!err)
            err = roll_act_run(&act);
        roll_act_clear(&act);
        ROLL_TRY(err);
    }
    return NULL;
}

static struct roll_error *run_all(const struct roll_act_with *with, const char *whole,
                                  GPtrArray *names, json_t *documents)
{
    struct roll_app *app = with->act->app;
    g_autofree char *order = NULL;

    for (guint at = 0; at < names->len;)
        ROLL_TRY(look_at(with, whole, names, &at));
    if (names->len == 0)
        return roll_error_new(ROLL_E_NOTHING, "nothing to do in any of them");
    order = joined(names);
    roll_say(app, "in this order: %s", order);
    if (with->options->dry_run)
        return rehearse(with, whole, names, documents);
    ROLL_TRY(roll_confirm(app, "Go on with all of them?", with->options->yes));
    return request(with, whole, names, documents);
}

struct roll_error *roll_act_with_dependents(const struct roll_act_with *with)
{
    struct roll_app *app = with->act->app;
    g_autoptr(GPtrArray) names = NULL;
    roll_auto(json) json_t *documents = app->json ? json_array() : NULL;
    struct roll_error *err;

    if (!with->options->dry_run)
        ROLL_TRY(roll_confirm_possible(app, with->options->yes));
    ROLL_TRY(roll_workspace_dependents(app->workspace, with->act->stream, &names));
    reverse(names);
    err = run_all(with, with->act->stream, names, documents);
    if (json_array_size(documents) > 0)
        roll_report_json(&app->out, documents);
    return err;
}

/* ---- going on with its parts ----------------------------------------------------------------- */

/* One that is under way is gone on with, and what failed is sent again; what was never begun, or
 * ended without sending anything, is asked for. */
static bool is_resumed(const json_t *part)
{
    static const char *const anew[] = {"refused", "expired", "superseded", NULL};
    const char *state = roll_json_get_string(part, "state");

    return state && !g_strv_contains(anew, state);
}

static struct roll_error *resume_one(const struct roll_act_with *with, const json_t *part,
                                     json_t *documents)
{
    const char *rollout = roll_json_get_string(part, "rollout");
    struct roll_act_options options = *with->options;
    struct roll_act act = act_of(with, &options);
    struct roll_error *err;

    options.yes = true;
    options.reason = NULL; /* that of then */
    act.documents = documents;
    err = roll_act_open(&act, roll_json_get_string(part, "environment"));
    if (!err)
        err = roll_act_resume(&act, g_ascii_strtoll(strchr(rollout, '#') + 1, NULL, 10));
    roll_act_clear(&act);
    return err;
}

static struct roll_error *run_part(const struct roll_act_with *with, const char *whole,
                                   const json_t *part, json_t *documents)
{
    const char *name = roll_json_get_string(part, "environment");
    struct roll_error *err = is_resumed(part) ? resume_one(with, part, documents)
                                              : run_one(with, name, whole, documents);

    if (roll_error_code(err) != ROLL_E_NOTHING)
        return err;
    return roll_error_wrap(err,
                           "'%s' is a part of '%s' and cannot go back (roll cancel %s ends it)",
                           name, whole, whole);
}

/* Also beside a JSON document, which tells only what was begun. */
static void say_stopped(struct roll_act *act, int64_t rollout, const json_t *parts, size_t at)
{
    FILE *file = act->app->json ? act->app->err.file : act->app->out.file;
    const char *name = roll_json_get_string(json_array_get(parts, at), "environment");
    g_autoptr(GString) rest = g_string_new(NULL);

    for (size_t i = at + 1; i < json_array_size(parts); i++)
        if (!json_is_true(json_object_get(json_array_get(parts, i), "done")))
            g_string_append_printf(rest, "%s, ",
                                   roll_json_get_string(json_array_get(parts, i), "environment"));
    if (act->app->globals.quiet)
        return;
    roll_print(file,
               "%s#%" PRId64 " stops at its part %s; not begun: %s%s\n"
               "next: roll resume %s#%" PRId64 "  goes on with %s and what comes after it\n"
               "      roll cancel %s#%" PRId64 "  drops what has not begun\n",
               act->stream, rollout, name, rest->str, act->stream, act->name, rollout, name,
               act->name, rollout);
}

/* What else it waits for (an approval) comes before its first part. */
static struct roll_error *may_begin(struct roll_act *act, int64_t rollout, bool *ret_waits)
{
    struct roll_lacks lacks = {0};
    struct roll_error *err = roll_rollout_lacks(act->app->ledger, act->app->workspace->root,
                                                act->stream, rollout, &lacks);

    *ret_waits = !err && lacks.texts->len > lacks.parts;
    roll_lacks_clear(&lacks);
    return err;
}

static struct roll_error *run_parts(struct roll_act *act, const struct roll_act_with *with,
                                    int64_t rollout, const json_t *parts, bool *ret_stopped)
{
    g_autofree char *whole = g_strdup_printf("%s#%" PRId64, act->stream, rollout);
    size_t index;
    json_t *part;
    bool any = false;

    json_array_foreach ((json_t *)(uintptr_t)parts, index, part) {
        struct roll_error *err;
        if (json_is_true(json_object_get(part, "done")))
            continue;
        any = true;
        err = run_part(with, whole, part, act->documents);
        *ret_stopped = err || act->app->exit_status;
        if (*ret_stopped)
            say_stopped(act, rollout, parts, index);
        if (err || *ret_stopped)
            return err;
    }
    if (any)
        roll_say(act->app, "%s goes on: its parts have gone back", whole);
    return NULL;
}

static struct roll_error *tell_waiting(struct roll_act *act, int64_t rollout, bool *ret_stopped)
{
    const struct roll_outcome outcome = {.end = ROLL_END_WAITING, .rollout = rollout};

    *ret_stopped = true;
    return roll_act_finish(act, &outcome);
}

/* The document of the whole, beside those of its parts. */
static struct roll_error *add_document(struct roll_act *act, int64_t rollout)
{
    roll_auto(json) json_t *view = NULL;

    if (!act->documents)
        return NULL;
    ROLL_TRY(roll_view_rollout_find(act->app, act->stream, rollout, &view));
    json_array_append(act->documents, view);
    return NULL;
}

struct roll_error *roll_act_run_parts(struct roll_act *act, int64_t rollout, bool *ret_stopped)
{
    roll_auto(json) json_t *parts = NULL;
    roll_auto(event) struct roll_event *request = NULL;
    const struct roll_rollout_requested *body;
    struct roll_act_options options = *act->options;
    struct roll_act_with with = {.act = act, .options = &options};
    struct roll_error *err;
    bool waits = false;

    ROLL_TRY(roll_rollout_parts(act->app->ledger, act->stream, rollout, &parts));
    if (!parts)
        return NULL;
    ROLL_TRY(may_begin(act, rollout, &waits));
    if (waits)
        return tell_waiting(act, rollout, ret_stopped);
    ROLL_TRY(roll_ledger_event(act->app->ledger, act->stream, rollout, &request));
    body = roll_event_body(request, rollout_requested);
    read_with(body->with, &options, &with);
    options.reason = body->reason;
    options.take = false; /* of the whole */
    err = run_parts(act, &with, rollout, parts, ret_stopped);
    if (options.overrides)
        g_ptr_array_unref(options.overrides);
    if (!err && *ret_stopped)
        err = add_document(act, rollout);
    return err;
}

struct roll_error *roll_act_parts_left(struct roll_act *act, int64_t rollout, json_t **ret_with)
{
    roll_auto(json) json_t *parts = NULL, *left = json_array();
    roll_auto(event) struct roll_event *request = NULL;
    const struct roll_rollout_requested *body;
    size_t index;
    json_t *part;

    ROLL_TRY(roll_rollout_parts(act->app->ledger, act->stream, rollout, &parts));
    json_array_foreach (parts, index, part)
        if (!json_is_true(json_object_get(part, "done")))
            json_array_append(left, json_object_get(part, "environment"));
    if (json_array_size(left) == 0)
        return NULL;
    ROLL_TRY(roll_ledger_event(act->app->ledger, act->stream, rollout, &request));
    body = roll_event_body(request, rollout_requested);
    *ret_with = json_copy(body->with);
    json_object_set(*ret_with, "parts", left);
    return NULL;
}
