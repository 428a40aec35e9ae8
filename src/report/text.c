/* JSON, differences and times in the forms that people and scripts read. */
#include "rollbook/report.h"

#include <string.h>

#include "rollbook/json.h"
#include "rollbook/text.h"
#include "rollbook/time.h"

void roll_report_json(const struct roll_screen *screen, const json_t *value)
{
    g_autoptr(GString) text = g_string_new(NULL);

    roll_json_write_pretty(value, text);
    roll_text_safe_json(text);
    g_string_append_c(text, '\n');
    fwrite(text->str, 1, text->len, screen->file);
}

char *roll_report_actor(const char *proved, const char *claimed)
{
    const char *actor = proved ? proved : claimed;

    return actor ? g_strndup(actor, strcspn(actor, " ")) : NULL;
}

char *roll_report_names(const json_t *names)
{
    enum { MAX_NAMED = 5 };
    g_autoptr(GString) text = g_string_new(NULL);
    size_t count = json_array_size(names);

    for (size_t i = 0; i < MIN(count, MAX_NAMED); i++)
        g_string_append_printf(text, "%s%s", i ? ", " : "",
                               json_string_value(json_array_get(names, i)));
    if (count > MAX_NAMED)
        g_string_append_printf(text, " and %zu more", count - MAX_NAMED);
    return count ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

char *roll_report_time(int64_t unix_ms)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(unix_ms / 1000);

    return time ? g_date_time_format(time, "%Y-%m-%d %H:%M UTC") : g_strdup("-");
}

/* One unit is enough to judge by; the exact time is in the JSON. */
char *roll_report_ago(int64_t unix_ms, int64_t now_ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
    int64_t age = now_ms - unix_ms;

    for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
        if (age >= units[i].ms)
            return g_strdup_printf("%" G_GINT64_FORMAT " %s ago", (gint64)(age / units[i].ms),
                                   units[i].unit);
    return g_strdup("just now");
}

struct change_style {
    const char *name, *sign;
    enum roll_paint paint;
};

static const struct change_style *change_style(const json_t *change)
{
    static const struct change_style styles[] = {
        {"create", "+", ROLL_GOOD},
        {"delete", "-", ROLL_BAD},
        {"leave", "·", ROLL_DIM},
        {"modify", "~", ROLL_WARN},
    };
    const char *name = roll_json_get_string(change, "change");

    for (size_t i = 0; i + 1 < G_N_ELEMENTS(styles); i++)
        if (name && strcmp(styles[i].name, name) == 0)
            return &styles[i];
    return &styles[G_N_ELEMENTS(styles) - 1];
}

enum { MAX_SHOWN = 100, KEEP_BEFORE = 12 };

/* A value on one line from byte `from` on, cut where it would push the rest off the screen. */
static void write_value(const GString *text, size_t from, GString *out)
{
    const char *start = text->str + from;
    size_t size = text->len - from;

    if (from > 0)
        g_string_append(out, "…");
    if (size > MAX_SHOWN) {
        const char *end = g_utf8_find_prev_char(start, start + MAX_SHOWN);
        roll_text_safe(start, end ? (size_t)(end - start) : 0, false, out);
        g_string_append(out, "…");
        return;
    }
    roll_text_safe(start, size, false, out);
}

/* Two long values that begin alike are shown from where they differ, with a little before it. */
static size_t common_start(const GString *a, const GString *b)
{
    size_t same = 0;

    if (a->len <= MAX_SHOWN && b->len <= MAX_SHOWN)
        return 0;
    while (same < a->len && same < b->len && a->str[same] == b->str[same])
        same++;
    if (same <= MAX_SHOWN / 2)
        return 0;
    same -= KEEP_BEFORE;
    while (same > 0 && (a->str[same] & 0xC0) == 0x80)
        same--;
    return same;
}

static void write_property(const struct roll_screen *screen, const json_t *property, int indent,
                           GString *out)
{
    const struct change_style *style = change_style(property);
    const json_t *before = json_object_get(property, "before");
    const json_t *after = json_object_get(property, "after");
    const char *path = roll_json_get_string(property, "path");
    g_autoptr(GString) old_text = g_string_new(NULL);
    g_autoptr(GString) new_text = g_string_new(NULL);
    size_t from;

    g_string_append_printf(out, "%*s", indent, "");
    roll_paint(screen, style->paint, style->sign, out);
    g_string_append_c(out, ' ');
    roll_text_safe(path ? path : "", path ? strlen(path) : 0, false, out);
    g_string_append(out, ": ");
    if (before)
        roll_json_write(before, old_text);
    if (after)
        roll_json_write(after, new_text);
    from = before && after ? common_start(old_text, new_text) : 0;
    if (before)
        write_value(old_text, from, out);
    if (before && after)
        g_string_append(out, " → ");
    if (after)
        write_value(new_text, from, out);
    g_string_append_c(out, '\n');
}

/* ---- where a resource is, when its name does not say it ---- */

enum { PART_SUBSCRIPTION = 1, PART_GROUP = 3 };

/* The resource group, else the subscription, else "the tenant" or the like, of an id. */
static char *place_of(const char *id)
{
    g_auto(GStrv) parts = g_strsplit(id, "/", 6);
    guint count = g_strv_length(parts);

    if (count > PART_GROUP + 1 && g_ascii_strcasecmp(parts[PART_GROUP], "resourceGroups") == 0)
        return g_ascii_strdown(parts[PART_GROUP + 1], -1);
    if (count > PART_SUBSCRIPTION + 1 &&
        g_ascii_strcasecmp(parts[PART_SUBSCRIPTION], "subscriptions") == 0)
        return g_strdup_printf("subscription %s", parts[PART_SUBSCRIPTION + 1]);
    return g_strdup("tenant");
}

static bool in_one_place(const json_t *changes)
{
    g_autofree char *first = NULL;
    size_t index;
    json_t *change;

    json_array_foreach ((json_t *)(uintptr_t)changes, index, change) {
        const char *id = roll_json_get_string(change, "id");
        g_autofree char *place = place_of(id ? id : "");
        if (first && strcmp(first, place) != 0)
            return false;
        if (!first)
            first = g_steal_pointer(&place);
    }
    return true;
}

/* What an extension resource is on: `Ns/a/x` of `…/providers/Ns/a/x/providers/Ext/b/y`. */
static char *extended(const char *id)
{
    const char *first = strstr(id, "/providers/");
    const char *last = g_strrstr(id, "/providers/");

    if (!first || first == last)
        return NULL;
    first += strlen("/providers/");
    return g_strndup(first, (gsize)(last - first));
}

static void write_place(const json_t *change, bool one_place, GString *out)
{
    const char *id = roll_json_get_string(change, "id");
    g_autofree char *on = extended(id ? id : "");
    g_autofree char *place = one_place ? NULL : place_of(id ? id : "");

    if (on) {
        g_string_append(out, "  on ");
        roll_text_safe(on, strlen(on), false, out);
    }
    if (place) {
        g_string_append(out, "  in ");
        roll_text_safe(place, strlen(place), false, out);
    }
}

size_t roll_report_changes(const struct roll_screen *screen, const json_t *changes, int indent)
{
    g_autoptr(GString) out = g_string_new(NULL);
    size_t index;
    json_t *change;

    bool one_place = in_one_place(changes);

    json_array_foreach (changes, index, change) {
        const struct change_style *style = change_style(change);
        const char *type = roll_json_get_string(change, "type");
        const char *name = roll_json_get_string(change, "name");
        size_t at;
        json_t *property;

        g_string_append_printf(out, "%*s", indent, "");
        roll_paint(screen, style->paint, style->sign, out);
        g_string_append_c(out, ' ');
        roll_text_safe(type ? type : "", type ? strlen(type) : 0, false, out);
        g_string_append_c(out, ' ');
        roll_text_safe(name ? name : "", name ? strlen(name) : 0, false, out);
        write_place(change, one_place, out);
        if (strcmp(style->name, "leave") == 0)
            g_string_append(out, "  stays, left over");
        g_string_append_c(out, '\n');
        json_array_foreach (json_object_get(change, "properties"), at, property)
            write_property(screen, property, indent + 4, out);
    }
    fwrite(out->str, 1, out->len, screen->file);
    return json_array_size(changes);
}
