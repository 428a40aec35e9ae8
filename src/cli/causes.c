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

/* ---- of a fleet ------------------------------------------------------------------------------ */

/* Failures in full, of those that failed alike; beyond it a line for each code. */
enum { FULL_FAILURES = 10, FULL_FIRST = 3, SHOWN_NAMES = 8 };

struct alike {
    const char *code; /* borrowed from the view */
    GString *names;
    size_t count;
};

static void alike_free(gpointer item)
{
    struct alike *alike = item;

    g_string_free(alike->names, TRUE);
    g_free(alike);
}

static struct alike *find_alike(GPtrArray *all, const json_t *target)
{
    const char *code = roll_json_get_string(target, "code");

    if (!code)
        code = roll_json_get_string(target, "state");
    for (guint i = 0; i < all->len; i++) {
        struct alike *alike = g_ptr_array_index(all, i);
        if (strcmp(alike->code, code) == 0)
            return alike;
    }
    struct alike *alike = g_new0(struct alike, 1);
    alike->code = code;
    alike->names = g_string_new(NULL);
    g_ptr_array_add(all, alike);
    return alike;
}

static void say_alike(struct roll_app *app, const struct alike *alike)
{
    g_autoptr(GString) more = g_string_new(NULL);

    if (alike->count > SHOWN_NAMES)
        g_string_printf(more, " and %zu more", alike->count - SHOWN_NAMES);
    roll_say(app, "  %zu %s: %s%s", alike->count, alike->code, alike->names->str, more->str);
}

static size_t count_failed(const json_t *targets)
{
    size_t index, failed = 0;
    json_t *target;

    json_array_foreach ((json_t *)(uintptr_t)targets, index, target)
        failed += has_failed(target);
    return failed;
}

void roll_view_say_failures(struct roll_app *app, const json_t *targets, const char *rollout)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(alike_free);
    bool many = count_failed(targets) > FULL_FAILURES && !app->globals.verbose;
    size_t index;
    json_t *target;

    json_array_foreach ((json_t *)(uintptr_t)targets, index, target) {
        struct alike *alike = many && has_failed(target) ? find_alike(all, target) : NULL;
        if (!alike || alike->count < FULL_FIRST)
            roll_view_say_failure(app, target, "  ");
        if (alike && alike->count++ < SHOWN_NAMES)
            g_string_append_printf(alike->names, "%s%s", alike->names->len ? ", " : "",
                                   roll_json_get_string(target, "name"));
    }
    for (guint i = 0; i < all->len; i++)
        say_alike(app, g_ptr_array_index(all, i));
    if (many)
        roll_say(app, "  each with its reason: roll show %s", rollout);
}
