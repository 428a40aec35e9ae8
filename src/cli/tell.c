/* Telling webhooks what happened: at the end of a command, within a short bound, and by roll run.
 * It never changes how a command ends. */
#include "tell.h"

#include "rollbook/notify.h"
#include "rollbook/time.h"

static struct roll_notify notify_of(const struct roll_app *app, const struct roll_plan *plan,
                                    const char *stream)
{
    return (struct roll_notify){.ledger = app->ledger,
                                .actor = &app->actor,
                                .rules = json_object_get(plan->value, "notify"),
                                .stream = stream,
                                .now_ms = roll_now_ms()};
}

static void say_trouble(struct roll_app *app, const char *stream, const char *trouble, int left)
{
    if (!app->globals.quiet)
        roll_print(app->err.file, "%s: %d notice%s not delivered: %s; 'roll run' tries again\n",
                   stream, left, left == 1 ? "" : "s", trouble);
}

int roll_tell(struct roll_app *app, const struct roll_plan *plan, const char *stream,
              int64_t bound_ms)
{
    struct roll_notify notify = notify_of(app, plan, stream);
    struct roll_notified notified = {0};
    roll_auto(error) struct roll_error *err = NULL;

    notify.bound_ms = bound_ms;
    if (json_array_size(notify.rules) == 0)
        return 0;
    fflush(app->out.file);
    err = roll_notify_deliver(&notify, &notified);
    if (err)
        say_trouble(app, stream, err->message, 1);
    else if (notified.left)
        say_trouble(app, stream, notified.trouble ? notified.trouble : "the rest waits",
                    notified.left);
    if (notified.unset && bound_ms == ROLL_TELL_RUN_MS && !app->globals.quiet)
        roll_print(app->err.file, "%s: notices wait for a machine that has %s\n", stream,
                   notified.unset);
    int delivered = notified.delivered;
    roll_notified_clear(&notified);
    return delivered;
}

struct roll_error *roll_tell_waits(struct roll_app *app, const struct roll_plan *plan,
                                   const char *stream, bool *ret_waits)
{
    struct roll_notify notify = notify_of(app, plan, stream);
    int count = 0;

    if (app->ledger && json_array_size(notify.rules) > 0)
        ROLL_TRY(roll_notify_waiting(&notify, &count));
    *ret_waits = count > 0;
    return NULL;
}
