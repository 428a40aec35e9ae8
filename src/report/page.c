/* The page: one file that holds its style, its script and its facts, and asks nothing of a network.
 * page.js draws the facts; here they are only put into it. What a list of rollouts shows is one
 * document; what an opened rollout shows beside it is a line of text of its own, which is read when
 * it is opened, so that thousands of rollouts cost little. */
#include <string.h>

#include "page_css.h"
#include "page_html.h"
#include "page_js.h"
#include "rollbook/json.h"
#include "rollbook/report.h"
#include "rollbook/text.h"

/* ---- safe to show ---------------------------------------------------------------------------- */

/* Control and bidi characters would turn what is read around. */
static json_t *safe_text(const json_t *value)
{
    g_autoptr(GString) text = g_string_new(NULL);

    roll_text_safe(json_string_value(value), json_string_length(value), true, text);
    return json_stringn(text->str, text->len);
}

/* What is null or an empty list says nothing. */
static bool says_nothing(const json_t *value)
{
    return json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0);
}

static json_t *safe(json_t *value)
{
    const char *name;
    size_t index;
    json_t *member, *copy;

    if (json_is_string(value))
        return safe_text(value);
    if (!json_is_object(value) && !json_is_array(value))
        return json_incref(value);
    copy = json_is_object(value) ? json_object() : json_array();
    json_object_foreach (value, name, member)
        json_object_set_new(copy, name, safe(member));
    json_array_foreach (value, index, member)
        json_array_append_new(copy, safe(member));
    return copy;
}

/* Inside a script element only "<" can end or bend it (</script>, <!--); the rest of JSON is inert
 * there. */
static void append_json(GString *out, const json_t *facts)
{
    g_autoptr(GString) text = g_string_new(NULL);

    roll_json_write(facts, text);
    g_string_replace(text, "<", "\\u003c", 0);
    g_string_append_len(out, text->str, (gssize)text->len);
}

/* ---- a rollout's own line -------------------------------------------------------------------- */

/* [seq, at, kind, hash, text, by]; 0 stands for what the event before has too. */
static json_t *short_events(const json_t *events)
{
    static const char *const members[] = {"seq", "at", "kind", "hash", "text", "by"};
    const json_t *before = NULL;
    json_t *list = json_array(), *event;
    size_t index;

    json_array_foreach (events, index, event) {
        json_t *row = json_array();
        for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
            json_t *value = json_object_get(event, members[i]);
            bool same = !value ||
                        (before && i > 0 && json_equal(json_object_get(before, members[i]), value));
            json_array_append_new(row, same ? json_integer(0) : safe(value));
        }
        json_array_append_new(list, row);
        before = event;
    }
    return list;
}

static json_t *short_target(json_t *target)
{
    json_t *copy = json_object(), *value;
    const char *name;

    json_object_foreach (target, name, value)
        if (!says_nothing(value))
            json_object_set_new(copy, name, safe(value));
    return copy;
}

static json_t *short_targets(const json_t *targets)
{
    json_t *list = json_array(), *target;
    size_t index;

    json_array_foreach (targets, index, target)
        json_array_append_new(list, short_target(target));
    return list;
}

static bool is_listed(const char *member)
{
    static const char *const listed[] = {"rollout", "kind",      "from",       "version",
                                         "state",   "startedAt", "finishedAt", "durationMs",
                                         "reason",  "actor",     "tried",      NULL};

    return g_strv_contains(listed, member);
}

/* What the page has from elsewhere: its name has service and environment in it. */
static bool is_known(const char *member)
{
    static const char *const known[] = {"service", "environment", "release", NULL};

    return g_strv_contains(known, member);
}

/* One rollout becomes an entry of the list, and a line. */
static json_t *split(json_t *rollout, GString *lines)
{
    json_t *entry = json_object(), *value;
    roll_auto(json) json_t *more = json_object();
    const char *name;

    json_object_foreach (rollout, name, value) {
        if (says_nothing(value) || is_known(name))
            continue;
        if (is_listed(name))
            json_object_set_new(entry, name, safe(value));
        else if (strcmp(name, "events") == 0)
            json_object_set_new(more, name, short_events(value));
        else if (strcmp(name, "targets") == 0)
            json_object_set_new(more, name, short_targets(value));
        else
            json_object_set_new(more, name, safe(value));
    }
    append_json(lines, more);
    g_string_append_c(lines, '\n');
    return entry;
}

static json_t *split_environment(json_t *environment, size_t index, GString *lines)
{
    json_t *copy = json_object(), *rollouts = json_array(), *value;
    const char *name;
    size_t at;

    json_object_foreach (environment, name, value)
        if (strcmp(name, "rollouts") != 0)
            json_object_set_new(copy, name, safe(value));
    json_object_set_new(copy, "rollouts", rollouts);
    g_string_append_printf(lines, "<script type=\"text/plain\" id=\"more-%zu\">", index);
    json_array_foreach (json_object_get(environment, "rollouts"), at, value)
        json_array_append_new(rollouts, split(value, lines));
    g_string_append(lines, "</script>\n");
    return copy;
}

/* ---- the page -------------------------------------------------------------------------------- */

/* An incident's page tells one story; of the others it needs nothing. */
static json_t *shown(json_t *facts, GString *lines)
{
    json_t *copy = json_object(), *environments = json_array(), *value;
    bool incident = json_object_get(facts, "incident") != NULL;
    const char *name;
    size_t index;

    json_object_foreach (facts, name, value)
        if (strcmp(name, "environments") != 0 && !(incident && strcmp(name, "releases") == 0))
            json_object_set_new(copy, name, safe(value));
    json_object_set_new(copy, "environments", environments);
    json_array_foreach (json_object_get(facts, "environments"), index, value)
        if (!incident)
            json_array_append_new(environments, split_environment(value, index, lines));
    return copy;
}

static void append_facts(GString *out, json_t *facts)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    roll_auto(json) json_t *document = shown(facts, lines);

    g_string_append(out, "<script type=\"application/json\" id=\"facts\">");
    append_json(out, document);
    g_string_append(out, "</script>\n");
    g_string_append_len(out, lines->str, (gssize)lines->len);
}

/* The marks of page.html, in the order in which they stand there. */
GString *roll_report_page(json_t *facts)
{
    static const char *const marks[] = {"{{style}}", "{{facts}}", "{{script}}"};
    const char *at = (const char *)page_html;
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
        const char *mark = strstr(at, marks[i]);
        g_string_append_len(out, at, mark - at);
        at = mark + strlen(marks[i]);
        if (i == 0)
            g_string_append_len(out, (const char *)page_css, (gssize)page_css_size);
        else if (i == 1)
            append_facts(out, facts);
        else
            g_string_append_len(out, (const char *)page_js, (gssize)page_js_size);
    }
    g_string_append(out, at);
    return out;
}
