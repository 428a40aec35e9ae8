/* Of a rollback, as Markdown: what went back with it, and what became of what newer releases had
 * put. */
#include <string.h>

#include "report/markdown.h"
#include "rollbook/json.h"

static void append_part(GString *out, const json_t *view, const json_t *part)
{
    const char *rollout = roll_json_get_string(part, "rollout");
    const char *state = roll_json_get_string(part, "state");

    g_string_append(out, "- before ");
    markdown_text(out, roll_json_get_string(view, "rollout"));
    g_string_append(out, " went back ");
    markdown_text(out, rollout ? rollout : roll_json_get_string(part, "environment"));
    g_string_append_printf(out, ": %s%s\n", state ? state : "not begun",
                           json_is_true(json_object_get(part, "apart")) ? ", by itself" : "");
}

static void append_parts(GString *out, const json_t *view)
{
    size_t index;
    json_t *part;

    json_array_foreach (json_object_get(view, "parts"), index, part)
        append_part(out, view, part);
}

/* A target, and whose it is: those of several rollouts have the same names. */
struct left {
    const char *rollout;
    const json_t *target; /* borrowed */
};

static void append_resource(GString *out, const struct left *left, const char *words,
                            const char *id, const char *why)
{
    g_string_append(out, "- ");
    markdown_text(out, left->rollout);
    g_string_append_c(out, ' ');
    markdown_text(out, roll_json_get_string(left->target, "name"));
    g_string_append_printf(out, ": %s `%s`", words, id);
    if (why) {
        g_string_append(out, ": ");
        markdown_text(out, why);
    }
    g_string_append_c(out, '\n');
}

static const char *words_of(const char *outcome)
{
    static const char *const words[][2] = {{"deleted", "deleted"},
                                           {"failed", "could not be deleted:"},
                                           {"kept", "stays:"},
                                           {"absent", "not deleted:"}};

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_strcmp0(words[i][0], outcome) == 0)
            return words[i][1];
    return "about to be deleted:";
}

/* Left over and never spoken of: no --prune. */
static bool is_spoken_of(const json_t *target, const char *id)
{
    size_t index;
    json_t *pruned;

    json_array_foreach (json_object_get(target, "pruned"), index, pruned)
        if (g_ascii_strcasecmp(roll_json_get_string(pruned, "resource"), id) == 0)
            return true;
    return false;
}

static void append_stack(GString *out, const struct left *left, const char *list, const char *words)
{
    size_t index;
    json_t *resource;

    json_array_foreach (json_object_get(left->target, list), index, resource)
        append_resource(out, left, words,
                        json_is_string(resource) ? json_string_value(resource)
                                                 : roll_json_get_string(resource, "id"),
                        roll_json_get_string(resource, "message"));
}

static void append_target(GString *out, const struct left *left)
{
    size_t index;
    json_t *entry;

    json_array_foreach (json_object_get(left->target, "pruned"), index, entry)
        append_resource(out, left, words_of(roll_json_get_string(entry, "outcome")),
                        roll_json_get_string(entry, "resource"),
                        roll_json_get_string(entry, "message"));
    json_array_foreach (json_object_get(left->target, "leftovers"), index, entry) {
        const char *id = roll_json_get_string(entry, "id");
        if (!is_spoken_of(left->target, id))
            append_resource(out, left,
                            json_is_true(json_object_get(entry, "begun")) ? "stays, if it is there:"
                                                                          : "stays:",
                            id, NULL);
    }
    append_stack(out, left, "deletedResources", "left the stack, deleted");
    append_stack(out, left, "detachedResources", "left the stack, stays:");
    append_stack(out, left, "failedResources", "left the stack, could not be deleted:");
}

void markdown_left(GString *out, const json_t *rollouts)
{
    static const char *const headings[] = {"## Parts\n\n", "## Left over\n\n"};

    for (size_t part = 0; part < G_N_ELEMENTS(headings); part++) {
        g_autoptr(GString) text = g_string_new(NULL);
        size_t index, at;
        json_t *view, *target;
        json_array_foreach (rollouts, index, view) {
            if (part == 0)
                append_parts(text, view);
            else
                json_array_foreach (json_object_get(view, "targets"), at, target)
                    append_target(text,
                                  &(struct left){roll_json_get_string(view, "rollout"), target});
        }
        if (text->len)
            g_string_append_printf(out, "%s%s\n", headings[part], text->str);
    }
}

static guint count_of(const json_t *view, const char *outcome)
{
    size_t index, at;
    json_t *target, *pruned;
    guint count = 0;

    json_array_foreach (json_object_get(view, "targets"), index, target)
        json_array_foreach (json_object_get(target, "pruned"), at, pruned)
            count += g_strcmp0(roll_json_get_string(pruned, "outcome"), outcome) == 0;
    return count;
}

/* Rollbacks that took others along, or had something deleted: a line each, the rest in its
 * incident. */
void markdown_notable(GString *out, const json_t *rollouts)
{
    size_t index;
    json_t *view;
    gsize before = out->len;

    json_array_foreach (rollouts, index, view) {
        guint deleted = count_of(view, "deleted"), failed = count_of(view, "failed");
        append_parts(out, view);
        if (!deleted && !failed)
            continue;
        g_string_append(out, "- ");
        markdown_text(out, roll_json_get_string(view, "rollout"));
        g_string_append_printf(out, " deleted %u of what newer releases had put", deleted);
        if (failed)
            g_string_append_printf(out, ", %u could not be", failed);
        g_string_append_c(out, '\n');
    }
    if (out->len > before)
        g_string_append_c(out, '\n');
}
