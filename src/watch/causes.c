/* Which events of the activity log may have made a difference. It tells resources and operations,
 * no properties: what may have been one of several acts is left open, and what cannot have
 * changed anything (keys that were listed, restarts) is no cause. Pure. */
#include "watch/log.h"

#include <string.h>

/* ---- what changes anything ------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t length = text ? strlen(text) : 0, size = strlen(end);

    return length >= size && g_ascii_strcasecmp(text + length - size, end) == 0;
}

/* Actions that change what a template describes; most only do something, or list. */
static bool is_changing_action(const char *operation)
{
    static const char *const ends[] = {
        "/slotsswap/action",
        "/applySlotConfig/action",
        "/resetSlotConfig/action",
        "/moveResources/action",
        NULL,
    };

    for (int i = 0; ends[i]; i++)
        if (ends_with(operation, ends[i]))
            return true;
    return false;
}

static bool is_word(const char *text, const char *word)
{
    return text && g_ascii_strcasecmp(text, word) == 0;
}

static bool changes(const json_t *event)
{
    const char *operation = watch_event_word(event, "operationName");
    const char *status = watch_event_word(event, "status");

    if (!operation || is_word(status, "Failed") || is_word(status, "Started") ||
        is_word(status, "Canceled") || is_word(status, "Cancelled"))
        return false;
    return ends_with(operation, "/write") || ends_with(operation, "/delete") ||
           is_changing_action(operation);
}

/* What was accepted and failed afterwards. Owned set of operation ids, borrowed from the events. */
static GHashTable *failures(const json_t *events)
{
    GHashTable *failed = g_hash_table_new(g_str_hash, g_str_equal);
    size_t index;
    json_t *event;

    json_array_foreach ((json_t *)(uintptr_t)events, index, event) {
        const char *operation = roll_json_get_string(event, "operationId");
        if (operation && is_word(watch_event_word(event, "status"), "Failed"))
            g_hash_table_add(failed, (gpointer)(uintptr_t)operation);
    }
    return failed;
}

/* ---- where it was ---------------------------------------------------------------------------- */

/* What of `id` lies below `above`; NULL: nothing. "" for the same. */
static const char *below(const char *id, const char *above)
{
    size_t length = strlen(above);

    if (g_ascii_strncasecmp(id, above, length) != 0)
        return NULL;
    return id[length] == '\0' ? id + length : id[length] == '/' ? id + length + 1 : NULL;
}

static bool contains(const char *text, const char *part, size_t length)
{
    for (; *text; text++)
        if (g_ascii_strncasecmp(text, part, length) == 0)
            return true;
    return false;
}

static bool is_extension(const char *rest)
{
    return g_ascii_strncasecmp(rest, "providers/", strlen("providers/")) == 0;
}

/* A child that its parent shows too: `config/web` in `properties.siteConfig`, `subnets/a` in
 * `properties.subnets`. What extends a resource (locks, roles, diagnostics) is no part of it, but
 * for its tags. */
static bool shows_in(const char *rest, const char *path)
{
    static const char tags[] = "providers/Microsoft.Resources/tags";

    if (is_extension(rest))
        return below(rest, tags) && path && contains(path, "tags", 4);
    return !path || contains(path, rest, strcspn(rest, "/"));
}

enum cause { NO_CAUSE, WEAK, STRONG };

static enum cause cause_of_gone(const char *operation, const char *id, const char *resource)
{
    const char *rest = below(resource, id);
    bool gone = ends_with(operation, "/delete") || ends_with(operation, "/moveResources/action");

    if (!rest)
        return NO_CAUSE;
    if (gone)
        return *rest ? WEAK : STRONG;
    /* A parent that was put without it. */
    return *rest && !is_extension(rest) && strstr(id, "/providers/") ? WEAK : NO_CAUSE;
}

static enum cause cause_of_change(const char *operation, const char *id, const char *resource,
                                  const char *path)
{
    const char *inside = below(id, resource), *rest = below(resource, id);
    bool deletes = ends_with(operation, "/delete");

    if (inside && !*inside)
        return deletes ? NO_CAUSE : STRONG;
    if (inside)
        return shows_in(inside, path) ? STRONG : NO_CAUSE;
    if (rest && !deletes && !is_extension(rest) && strstr(id, "/providers/"))
        return WEAK;
    return NO_CAUSE;
}

static enum cause cause(const json_t *event, const json_t *difference)
{
    const char *id = roll_json_get_string(event, "resourceId");
    const char *operation = watch_event_word(event, "operationName");
    const char *resource = roll_json_get_string(difference, "resource");
    bool gone = g_strcmp0(roll_json_get_string(difference, "change"), "deleted") == 0;

    if (!id || !*id || !resource || !changes(event))
        return NO_CAUSE;
    return gone
               ? cause_of_gone(operation, id, resource)
               : cause_of_change(operation, id, resource, roll_json_get_string(difference, "path"));
}

/* ---- whose ----------------------------------------------------------------------------------- */

static bool is_own(const json_t *event, GHashTable *own)
{
    const char *correlation = roll_json_get_string(event, "correlationId");

    return correlation && g_hash_table_contains(own, correlation);
}

static bool is_own_write(const json_t *event, const char *resource, GHashTable *own)
{
    const char *id = roll_json_get_string(event, "resourceId");

    return is_own(event, own) && changes(event) && id && g_ascii_strcasecmp(id, resource) == 0;
}

/* What was there before our own write was overwritten by it. 0: the log does not have it. */
static int64_t own_write_at(const json_t *events, const char *resource, GHashTable *own)
{
    int64_t first = 0;
    size_t index;
    json_t *event;

    json_array_foreach ((json_t *)(uintptr_t)events, index, event) {
        int64_t at = watch_event_time(event);
        if (is_own_write(event, resource, own) && (first == 0 || at < first))
            first = at;
    }
    return first;
}

bool watch_has_own_write(const json_t *events, const char *resource, GHashTable *own)
{
    return own_write_at(events, resource, own) > 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int newest_first(gconstpointer a, gconstpointer b)
{
    int64_t left = watch_event_time(*(json_t *const *)a);
    int64_t right = watch_event_time(*(json_t *const *)b);

    return (left < right) - (left > right);
}

/* One event of each act and hand: Accepted and Succeeded are the same one. */
static json_t *one_of_each(GPtrArray *events)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_t *list = json_array();

    g_ptr_array_sort(events, newest_first);
    for (guint i = 0; i < events->len; i++) {
        const char *correlation = roll_json_get_string(events->pdata[i], "correlationId");
        const char *caller = roll_json_get_string(events->pdata[i], "caller");
        if (!correlation ||
            g_hash_table_add(seen, g_strdup_printf("%s\n%s", correlation, caller ? caller : "")))
            json_array_append(list, events->pdata[i]);
    }
    return list;
}

static bool failed(const json_t *event, GHashTable *failures)
{
    const char *operation = roll_json_get_string(event, "operationId");

    return operation && g_hash_table_contains(failures, operation);
}

json_t *watch_causes(const json_t *events, const json_t *difference, const struct watch_span *span,
                     GHashTable *own)
{
    const char *resource = roll_json_get_string(difference, "resource");
    int64_t after = MAX(span->after, own_write_at(events, resource ? resource : "", own));
    g_autoptr(GHashTable) vain = failures(events);
    GPtrArray *found[] = {NULL, g_ptr_array_new(), g_ptr_array_new()};
    size_t index;
    json_t *event;

    json_array_foreach ((json_t *)(uintptr_t)events, index, event) {
        int64_t at = watch_event_time(event);
        enum cause how =
            at < after || at > span->before || is_own(event, own) || failed(event, vain)
                ? NO_CAUSE
                : cause(event, difference);
        if (how != NO_CAUSE)
            g_ptr_array_add(found[how], event);
    }
    json_t *list = one_of_each(found[found[STRONG]->len > 0 ? STRONG : WEAK]);
    g_ptr_array_unref(found[WEAK]);
    g_ptr_array_unref(found[STRONG]);
    return list;
}
