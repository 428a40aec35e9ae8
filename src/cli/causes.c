/* Why a target failed, for the person: the innermost causes, each with code, message and resource,
 * then the correlation id that support asks for, and what to do next. */
#include "view.h"

#include <string.h>

#define CAUSES_SHOWN 10

static const char *subject_of(const json_t *cause)
{
    const char *resource = roll_json_get_string(cause, "resource");

    return resource ? resource : roll_json_get_string(cause, "target");
}

static bool is_same(const json_t *cause, const json_t *target, const char *member)
{
    return g_strcmp0(roll_json_get_string(cause, member), roll_json_get_string(target, member)) ==
           0;
}

/* The one that is said already: by code and message, else (the driver may have had more to say) by
 * code. SIZE_MAX: none. */
static size_t find_said(const json_t *causes, const json_t *target)
{
    size_t said = SIZE_MAX;

    for (size_t i = json_array_size(causes); i-- > 0;) {
        const json_t *cause = json_array_get(causes, i);
        if (is_same(cause, target, "code") && said == SIZE_MAX)
            said = i;
        else if (is_same(cause, target, "code") &&
                 (is_same(cause, target, "message") ||
                  !is_same(json_array_get(causes, said), target, "message")))
            said = i;
    }
    return said;
}

static void say_cause(struct roll_app *app, const json_t *cause)
{
    const char *code = roll_json_get_string(cause, "code");
    const char *message = roll_json_get_string(cause, "message");
    const char *subject = subject_of(cause);

    roll_say(app, "     also %s%s%s%s%s%s", code ? code : "", code && message ? ": " : "",
             message ? message : "", subject ? " (" : "", subject ? subject : "",
             subject ? ")" : "");
}

static void say_causes(struct roll_app *app, const json_t *target)
{
    const json_t *causes = json_object_get(target, "causes");
    size_t said = find_said(causes, target), others = 0;

    if (said != SIZE_MAX && subject_of(json_array_get(causes, said)))
        roll_say(app, "     resource %s", subject_of(json_array_get(causes, said)));
    for (size_t i = 0; i < json_array_size(causes); i++)
        if (i != said && others++ < CAUSES_SHOWN)
            say_cause(app, json_array_get(causes, i));
    if (others > CAUSES_SHOWN)
        roll_say(app, "     and %zu more; 'roll show -o json' has all of them",
                 others - CAUSES_SHOWN);
}

/* Older outcomes have no code where ARM gave none. */
static bool has_failed(const json_t *target)
{
    static const char *const states[] = {"failed", "refused", "absent", "conflict", NULL};
    const char *state = roll_json_get_string(target, "state");

    return roll_json_get_string(target, "code") ||
           (state && roll_json_get_string(target, "message") && g_strv_contains(states, state));
}

void roll_view_say_failure(struct roll_app *app, const json_t *target, const char *indent)
{
    const char *code = roll_json_get_string(target, "code");
    const char *message = roll_json_get_string(target, "message");
    const json_t *step = json_object_get(target, "step");
    const char *correlation = roll_json_get_string(step ? step : target, "correlationId");
    const char *advice = roll_arm_advice(code);

    if (!has_failed(target))
        return;
    if (!code)
        code = roll_json_get_string(target, "state");
    roll_say(app, "%s%s  %s%s%s", indent, roll_json_get_string(target, "name"), code,
             message ? ": " : "", message ? message : "");
    if (step)
        roll_say(app,
                 "     step %" JSON_INTEGER_FORMAT ", '%s'; the deployment before it succeeded",
                 json_integer_value(json_object_get(step, "number")),
                 roll_json_get_string(step, "action"));
    if (roll_json_get_string(step, "resource"))
        roll_say(app, "     resource %s", roll_json_get_string(step, "resource"));
    say_causes(app, target);
    if (correlation)
        roll_say(app, "     correlation id %s", correlation);
    if (advice)
        roll_say(app, "     %s", advice);
}
