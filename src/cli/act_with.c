/* Several services in order (--with-dependents): each part is a rollout of its own in its own
 * stream, one after the other; the last one names the others. Nothing is sent before it is known
 * that every part can be done; the first that does not succeed ends it, and what to type next is
 * said. */
#include "act.h"

#include <inttypes.h>
#include <stdarg.h>

struct with {
    const struct roll_act_with *spec;
    GPtrArray *names;  /* in the order in which they are changed */
    GPtrArray *done;   /* "STREAM#NUMBER" */
    json_t *documents; /* of -o json, one for each part; or NULL */
};

static struct roll_error *take_last(void *user, const struct roll_environment_row *row)
{
    *(int64_t *)user = row->last_rollout;
    return NULL;
}

static struct roll_error *last_rollout(struct roll_app *app, const char *stream, int64_t *ret_last)
{
    *ret_last = 0;
    return roll_ledger_environments(app->ledger, stream, take_last, ret_last);
}

static char *joined(const GPtrArray *names, guint from)
{
    GString *text = g_string_new(NULL);

    for (guint i = from; i < names->len; i++)
        g_string_append_printf(text, "%s%s", i > from ? ", " : "", (const char *)names->pdata[i]);
    return g_string_free(text, FALSE);
}

/* Also beside a JSON document, which tells only what was begun. The shell takes the lines as they
 * are. */
static void G_GNUC_PRINTF(2, 3) say(struct roll_app *app, const char *format, ...)
{
    va_list arguments;
    g_autofree char *line = NULL;

    va_start(arguments, format);
    line = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    if (app->json)
        roll_print(app->err.file, "%s\n", line);
    else
        roll_say(app, "%s", line);
}

static void say_rest(const struct with *with, guint at)
{
    struct roll_app *app = with->spec->app;
    g_autofree char *done = joined(with->done, 0);
    g_autofree char *rest = joined(with->names, at + 1);
    const char *name = with->names->pdata[at];

    say(app, "done: %s", with->done->len ? done : "nothing");
    say(app, "not finished: %s", name);
    if (at + 1 < with->names->len)
        say(app, "not begun: %s", rest);
    say(app, "next: roll resume %s%s", name,
        at + 1 < with->names->len ? "  and when it has succeeded, in this order" : "");
    for (guint i = at + 1; i < with->names->len; i++) {
        const char *next = with->names->pdata[i];
        g_autofree char *options = with->spec->options_of(with->spec->user, next);
        say(app, "      roll %s %s%s", with->spec->verb, next, options);
    }
}

/* What cannot be done is found before anything is sent; what needs nothing is left out. */
static struct roll_error *look_at(struct with *with, guint *at)
{
    const struct roll_act_with *spec = with->spec;
    const char *name = with->names->pdata[*at];
    struct roll_error *err = spec->look(spec->user, name);
    int64_t last = 0;

    if (!err) {
        ++*at;
        return NULL;
    }
    if (spec->app->ledger && roll_error_code(err) == ROLL_E_NOT_FOUND) {
        struct roll_error *read_err = last_rollout(spec->app, name, &last);
        if (read_err)
            return roll_error_join(err, read_err);
    }
    if (roll_error_code(err) != ROLL_E_NOTHING &&
        (roll_error_code(err) != ROLL_E_NOT_FOUND || last))
        return roll_error_wrap(err, "nothing was sent, since '%s' cannot go along", name);
    roll_say(spec->app, "note     '%s' has nothing to change and is left out", name);
    roll_error_free(err);
    g_ptr_array_remove_index(with->names, *at);
    return NULL;
}

static struct roll_error *run_part(struct with *with, guint at)
{
    const struct roll_act_with *spec = with->spec;
    const char *name = with->names->pdata[at];
    bool last = at + 1 == with->names->len;
    g_auto(GStrv) parts = g_new0(char *, with->done->len + 1);
    struct roll_error *err;
    int64_t number = 0;

    for (guint i = 0; last && i < with->done->len; i++)
        parts[i] = g_strdup(with->done->pdata[i]);
    err = spec->run(spec->user, name, parts[0] ? parts : NULL, with->documents);
    if (err || spec->app->exit_status) {
        if (!spec->options->dry_run)
            say_rest(with, at);
        return err;
    }
    if (spec->options->dry_run)
        return NULL;
    ROLL_TRY(last_rollout(spec->app, name, &number));
    g_ptr_array_add(with->done, g_strdup_printf("%s#%" PRId64, name, number));
    return NULL;
}

static void reverse(GPtrArray *names)
{
    for (guint i = 0; i < names->len / 2; i++) {
        gpointer name = names->pdata[i];
        names->pdata[i] = names->pdata[names->len - 1 - i];
        names->pdata[names->len - 1 - i] = name;
    }
}

static struct roll_error *run_all(struct with *with)
{
    const struct roll_act_with *spec = with->spec;
    struct roll_app *app = spec->app;
    g_autofree char *order = NULL;

    for (guint at = 0; at < with->names->len;)
        ROLL_TRY(look_at(with, &at));
    if (with->names->len == 0)
        return roll_error_new(ROLL_E_NOTHING, "nothing to do in any of them");
    order = joined(with->names, 0);
    roll_say(app, "in this order: %s", order);
    if (!spec->options->dry_run)
        ROLL_TRY(roll_confirm(app, "Go on with all of them?", spec->options->yes));
    for (guint at = 0; at < with->names->len && !app->exit_status; at++)
        ROLL_TRY(run_part(with, at));
    return NULL;
}

static struct roll_error *full_name(struct roll_app *app, const char *name, char **ret_name)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;

    ROLL_TRY(roll_workspace_environment(app->workspace, name, &plan, &environment));
    *ret_name = roll_stream_of(plan, environment);
    return NULL;
}

struct roll_error *roll_act_with_dependents(const struct roll_act_with *spec, const char *name)
{
    struct with with = {.spec = spec};
    const struct roll_act_options *options = spec->options;
    g_autofree char *stream = NULL;
    struct roll_error *err;

    if (options->targets || options->ring)
        return roll_error_new(ROLL_E_USAGE,
                              "'--with-dependents' does not go with '--target' and '--ring'");
    if (options->no_wait)
        return roll_error_new(ROLL_E_USAGE,
                              "'--with-dependents' does not go with '--no-wait': each part waits "
                              "for the one before it");
    if (!options->dry_run)
        ROLL_TRY(roll_confirm_possible(spec->app, options->yes));
    ROLL_TRY(full_name(spec->app, name, &stream));
    ROLL_TRY(roll_workspace_dependents(spec->app->workspace, stream, &with.names));
    if (spec->dependents_first)
        reverse(with.names);
    with.done = g_ptr_array_new_with_free_func(g_free);
    with.documents = spec->app->json ? json_array() : NULL;
    err = run_all(&with);
    if (json_array_size(with.documents) > 0)
        roll_report_json(&spec->app->out, with.documents);
    json_decref(with.documents);
    g_ptr_array_unref(with.done);
    g_ptr_array_unref(with.names);
    return err;
}
