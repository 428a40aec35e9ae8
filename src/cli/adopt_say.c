/* What roll adopt tells: what it found in ARM's history, what it made of it, and what is missing.
 */
#include "adopt.h"

#include <inttypes.h>
#include <string.h>

#define SHOWN 20 /* newest entries in the table; -o json has all */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = roll_json_get_string(object, name);

    return text ? text : "";
}

static bool is_class(const json_t *deployment, const char *word)
{
    return strcmp(text_of(deployment, "class"), word) == 0;
}

static void print_row(struct roll_table *table, const json_t *deployment)
{
    const json_t *by = json_object_get(deployment, "by");
    const char *state = text_of(deployment, "state"), *who = roll_json_get_string(by, "who");
    const char *tool = text_of(by, "tool");
    bool unknown = strcmp(tool, "unknown") == 0;
    bool whole = json_array_size(json_object_get(deployment, "lacks")) == 0;

    roll_table_cell(table, ROLL_BOLD, text_of(deployment, "name"));
    roll_table_cell(table, ROLL_PLAIN, text_of(deployment, "target"));
    roll_table_cell(table, ROLL_PLAIN, text_of(deployment, "at"));
    roll_table_cell(table, strcmp(state, "Succeeded") == 0 ? ROLL_GOOD : ROLL_BAD, state);
    roll_table_cell_take(
        table, ROLL_PLAIN,
        who ? g_strdup_printf("%s%s%s", who, unknown ? "" : ", ", unknown ? "" : tool)
            : g_strdup("-"));
    roll_table_cell(table, whole ? ROLL_PLAIN : ROLL_WARN,
                    is_class(deployment, "recovered") ? "recovered"
                    : json_is_true(json_object_get(deployment, "forged"))
                        ? "evidence, tags do not fit"
                    : whole ? "evidence"
                            : "evidence, not whole");
    roll_table_row(table);
}

static size_t print_new(struct roll_app *app, const json_t *deployments)
{
    static const char *const headings[] = {"DEPLOYMENT", "TARGET", "ENDED", "STATE",
                                           "BY",         "AS",     NULL};
    roll_auto(table) struct roll_table *table = roll_table_new(headings);
    size_t index, count = 0;
    json_t *deployment;

    json_array_foreach ((json_t *)(uintptr_t)deployments, index, deployment)
        if ((is_class(deployment, "evidence") || is_class(deployment, "recovered")) &&
            count++ < SHOWN)
            print_row(table, deployment);
    if (count > 0)
        roll_table_print(table, &app->out);
    if (count > SHOWN)
        roll_say(app, "and %zu more (-o json has all)", count - SHOWN);
    return count;
}

/* Series of what is only listed, with how many there are. */
static void say_series(struct roll_app *app, const json_t *deployments, const char *class,
                       const char *words)
{
    g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) order = g_ptr_array_new();
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    json_t *deployment;

    json_array_foreach ((json_t *)(uintptr_t)deployments, index, deployment) {
        const char *series = roll_json_get_string(deployment, "series");
        if (!is_class(deployment, class) || !series)
            continue;
        if (!g_hash_table_contains(counts, series))
            g_ptr_array_add(order, (gpointer)(uintptr_t)series);
        g_hash_table_insert(
            counts, (gpointer)(uintptr_t)series,
            GINT_TO_POINTER(GPOINTER_TO_INT(g_hash_table_lookup(counts, series)) + 1));
    }
    for (guint i = 0; i < order->len && i < SHOWN; i++)
        g_string_append_printf(text, "%s%s (%d)", i ? ", " : "", (const char *)order->pdata[i],
                               GPOINTER_TO_INT(g_hash_table_lookup(counts, order->pdata[i])));
    if (order->len > SHOWN)
        g_string_append_printf(text, " and %u more", order->len - SHOWN);
    if (order->len > 0)
        roll_say(app, "%s: %s", words, text->str);
}

/* What came before a stack's last change: ARM keeps the tags of that one alone. */
static void say_stacks(struct roll_app *app, const json_t *deployments)
{
    size_t index, count = 0;
    json_t *deployment;
    const char *stack = NULL;

    json_array_foreach ((json_t *)(uintptr_t)deployments, index, deployment) {
        const char *of = roll_json_get_string(deployment, "stack");
        count += of != NULL;
        stack = of ? of : stack;
    }
    if (count == 1)
        roll_say(app,
                 "1 is of the stack '%s', whose tags tell its last change alone: whose it was "
                 "cannot be told",
                 stack);
    else if (count > 1)
        roll_say(app,
                 "%zu are of stacks as '%s', whose tags tell their last change alone: whose "
                 "they were cannot be told",
                 count, stack);
}

static size_t count_lack(const json_t *deployments, const char *what)
{
    size_t index, at, count = 0;
    json_t *deployment, *lack;

    json_array_foreach ((json_t *)(uintptr_t)deployments, index, deployment)
        json_array_foreach (json_object_get(deployment, "lacks"), at, lack)
            if (strcmp(text_of(lack, "what"), what) == 0)
                count++;
    return count;
}

/* Each obstacle once, with the newest entry that has it. */
static void say_lacks(struct roll_app *app, const json_t *deployments)
{
    g_autoptr(GHashTable) said = g_hash_table_new(g_str_hash, g_str_equal);
    size_t index, at;
    json_t *deployment, *lack;

    json_array_foreach ((json_t *)(uintptr_t)deployments, index, deployment) {
        json_array_foreach (json_object_get(deployment, "lacks"), at, lack) {
            const char *what = text_of(lack, "what");
            if (!g_hash_table_add(said, (gpointer)(uintptr_t)what))
                continue;
            size_t others = count_lack(deployments, what) - 1;
            g_autofree char *more =
                others ? g_strdup_printf(" and %zu more", others) : g_strdup("");
            roll_say(app, "'%s' on '%s'%s: not whole, %s", text_of(deployment, "name"),
                     text_of(deployment, "target"), more, what);
            roll_say(app, "  %s", text_of(lack, "why"));
            roll_say(app, "  %s", text_of(lack, "how"));
        }
    }
}

static void say_targets(struct roll_app *app, const char *stream, const json_t *report)
{
    size_t index;
    json_t *target;

    json_array_foreach (json_object_get(report, "targets"), index, target) {
        const char *error = roll_json_get_string(target, "error");
        if (error)
            roll_say(app, "%s %s: ARM's history cannot be read: %s", stream,
                     text_of(target, "name"), error);
        else
            roll_say(app, "%s %s: %" JSON_INTEGER_FORMAT " in ARM's history", stream,
                     text_of(target, "name"), json_integer_value(json_object_get(target, "found")));
    }
}

size_t adopt_count_unread(const json_t *report, size_t *ret_missing)
{
    size_t index, count = 0, missing = 0;
    json_t *target;

    json_array_foreach (json_object_get(report, "targets"), index, target) {
        count += json_object_get(target, "error") != NULL;
        missing += json_is_true(json_object_get(target, "missing"));
    }
    *ret_missing = missing;
    return count;
}

/* A part that was not read is said last, where it is seen. */
static void say_gap(struct roll_app *app, const json_t *report)
{
    size_t missing, count = adopt_count_unread(report, &missing) - missing;

    if (count > 0)
        roll_say(app, "%zu of %zu targets could not be read: what they have is missing here", count,
                 json_array_size(json_object_get(report, "targets")));
}

static char *join(const json_t *names)
{
    GString *text = g_string_new(NULL);
    size_t index;
    json_t *name;

    json_array_foreach ((json_t *)(uintptr_t)names, index, name)
        g_string_append_printf(text, "%s%s", index ? ", " : "", json_string_value(name));
    return g_string_free(text, FALSE);
}

static void say_accepted(struct roll_app *app, const char *stream, const json_t *one)
{
    const char *error = roll_json_get_string(one, "error");
    g_autofree char *live = join(json_object_get(one, "live"));
    g_autofree char *targets = join(json_object_get(one, "targets"));
    size_t index;
    json_t *left;

    if (error) {
        roll_say(app, "not recovered: %s: %s", text_of(one, "name"), error);
        return;
    }
    if (json_object_get(one, "note")) {
        roll_say(app, "%s", text_of(one, "note"));
        return;
    }
    roll_say(app, "%s is %s, %s#%" JSON_INTEGER_FORMAT " on %s%s%s", text_of(one, "name"),
             text_of(one, "release"), stream, json_integer_value(json_object_get(one, "rollout")),
             targets, *live ? "; live on " : "", live);
    if (json_object_get(one, "failed"))
        roll_say(app, "  it did not succeed: %s", text_of(one, "failed"));
    json_array_foreach (json_object_get(one, "left"), index, left)
        roll_say(app, "  left out: '%s': %s", text_of(left, "target"), text_of(left, "why"));
    json_array_foreach (json_object_get(one, "notes"), index, left)
        roll_say(app, "  %s", json_string_value(left));
}

/* Rollouts of a ledger that is not here: why they do not count, or what no tag says of them. */
static void say_recovery(struct roll_app *app, const json_t *recovery, bool dry_run)
{
    size_t index;
    json_t *row;

    json_int_t count = json_integer_value(json_object_get(recovery, "rollouts"));

    if (json_object_get(recovery, "waits"))
        roll_say(app, "%" JSON_INTEGER_FORMAT " rollout%s of another ledger %s not count: %s",
                 count, count == 1 ? "" : "s", count == 1 ? "does" : "do",
                 text_of(recovery, "waits"));
    else if (dry_run && count > 0)
        roll_say(app, "%" JSON_INTEGER_FORMAT " rollout%s of another ledger would be recovered",
                 count, count == 1 ? "" : "s");
    if (json_object_get(recovery, "notTold"))
        roll_say(app, "the tags do not tell these, set them again:");
    json_array_foreach (json_object_get(recovery, "notTold"), index, row)
        roll_say(app, "  %s: %s", text_of(row, "what"), text_of(row, "how"));
}

void adopt_say(struct roll_app *app, const char *stream, const json_t *report)
{
    const json_t *deployments = json_object_get(report, "deployments");
    const json_t *accepted = json_object_get(report, "accepted");
    bool dry_run = json_is_true(json_object_get(report, "dryRun"));
    json_int_t recorded = json_integer_value(json_object_get(report, "recorded"));
    g_autofree char *environment = roll_name_to_type(app->workspace, stream);
    size_t index, count;
    json_t *one;

    say_targets(app, stream, report);
    count = print_new(app, deployments);
    if (count > SHOWN) {
        say_series(app, deployments, "recovered", "recovered, by series");
        say_series(app, deployments, "evidence", "evidence, by series");
    }
    say_series(app, deployments, "nested", "parts of others, left out");
    say_series(app, deployments, "policy", "of Azure Policy, left out");
    say_series(app, deployments, "own-other", "of other environments, left out");
    say_series(app, deployments, "running", "not ended yet");
    say_stacks(app, deployments);
    say_lacks(app, deployments);
    json_array_foreach (json_object_get(report, "recovered"), index, one)
        say_accepted(app, stream, one);
    say_recovery(app, json_object_get(report, "recovery"), dry_run);
    if (accepted)
        say_accepted(app, stream, accepted);
    if (dry_run)
        roll_say(app, "%zu would be recorded; nothing was (--dry-run)", count);
    else
        roll_say(app, "%" JSON_INTEGER_FORMAT " recorded", recorded);
    say_gap(app, report);
    if (accepted || json_array_size(json_object_get(report, "recovered")) > 0)
        roll_say(app, "next: roll status %s, roll back %s --dry-run", environment, environment);
    else if (count > 0 && !dry_run)
        roll_say(
            app,
            "next: roll adopt %s --accept DEPLOYMENT  makes it a release that a back can go to",
            environment);
}
