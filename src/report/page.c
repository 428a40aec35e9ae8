/* The page: one file that holds its style, its script and its facts, and asks nothing of a network.
 * page.html draws the facts; here they are only put into it. */
#include <string.h>

#include "page_html.h"
#include "rollbook/json.h"
#include "rollbook/report.h"
#include "rollbook/text.h"

#define MARK "{{facts}}"

/* Control and bidi characters would turn what is read around. */
static json_t *safe_text(const json_t *value)
{
    g_autoptr(GString) text = g_string_new(NULL);

    roll_text_safe(json_string_value(value), json_string_length(value), true, text);
    return json_stringn(text->str, text->len);
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

GString *roll_report_page(json_t *facts)
{
    const char *page = (const char *)page_html, *mark = strstr(page, MARK);
    GString *out = g_string_new_len(page, mark - page);

    roll_auto(json) json_t *shown = safe(facts);
    append_json(out, shown);
    g_string_append(out, mark + strlen(MARK));
    return out;
}
