/* What left a stack, and what became of it, in words. */
#include "view.h"

static void say_left_stack(struct roll_app *app, const json_t *view, const char *list,
                           const char *words)
{
    size_t index, count = 0;
    json_t *target;

    json_array_foreach (json_object_get(view, "targets"), index, target) {
        size_t at;
        json_t *resource;
        json_array_foreach (json_object_get(target, list), at, resource) {
            const char *id = json_is_string(resource) ? json_string_value(resource)
                                                      : roll_json_get_string(resource, "id");
            const char *why = roll_json_get_string(resource, "message");
            if (count++ == 0)
                roll_say(app, "%s", words);
            roll_say(app, "  %s%s%s", id, why ? ": " : "", why ? why : "");
        }
    }
}

void roll_say_stacks(struct roll_app *app, const json_t *view)
{
    bool back = g_strcmp0(roll_json_get_string(view, "lane"), "rollback") == 0;

    say_left_stack(app, view, "deletedResources", "left the stack and was deleted:");
    if (!back) /* a back lists it among what newer releases left over */
        say_left_stack(app, view, "detachedResources", "left the stack and stays:");
    say_left_stack(app, view, "failedResources", "left the stack, but could not be deleted:");
}
