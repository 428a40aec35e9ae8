/* Scopes and resource ids: parsing and the one spelling under which they are stored. Segments
 * compare without case. */
#include "sandbox/ids.h"

#include <string.h>

static bool is(const char *segment, const char *word)
{
    return g_ascii_strcasecmp(segment, word) == 0;
}

void sandbox_scope_clear(struct sandbox_scope *scope)
{
    g_clear_pointer(&scope->subscription, g_free);
    g_clear_pointer(&scope->group, g_free);
    g_clear_pointer(&scope->management_group, g_free);
    g_clear_pointer(&scope->id, g_free);
}

bool sandbox_scope_parse(char *const *segments, size_t count, struct sandbox_scope *ret_scope)
{
    struct sandbox_scope scope = {0};
    if (count == 0) {
        scope.kind = ROLL_SCOPE_TENANT;
        scope.id = g_strdup("");
    } else if ((count == 2 || count == 4) && is(segments[0], "subscriptions")) {
        if (count == 4 && !is(segments[2], "resourcegroups"))
            return false;
        scope.kind = count == 2 ? ROLL_SCOPE_SUBSCRIPTION : ROLL_SCOPE_GROUP;
        scope.subscription = g_strdup(segments[1]);
        if (count == 4) {
            scope.group = g_strdup(segments[3]);
            scope.id =
                g_strdup_printf("/subscriptions/%s/resourceGroups/%s", segments[1], segments[3]);
        } else {
            scope.id = g_strdup_printf("/subscriptions/%s", segments[1]);
        }
    } else if (count == 4 && is(segments[0], "providers") &&
               is(segments[1], "microsoft.management") && is(segments[2], "managementgroups")) {
        scope.kind = ROLL_SCOPE_MANAGEMENT_GROUP;
        scope.management_group = g_strdup(segments[3]);
        scope.id =
            g_strdup_printf("/providers/Microsoft.Management/managementGroups/%s", segments[3]);
    } else {
        return false;
    }
    *ret_scope = scope;
    return true;
}

void sandbox_id_clear(struct sandbox_id *id)
{
    sandbox_scope_clear(&id->scope);
    g_clear_pointer(&id->id, g_free);
    g_clear_pointer(&id->type, g_free);
    g_clear_pointer(&id->name, g_free);
}

/* `NS/t/n/t2/n2 …`: an odd number of at least three segments. Appends to type and name. */
static bool read_provider_part(char *const *segments, size_t count, GString *type, GString *name)
{
    if (count < 3 || count % 2 == 0)
        return false;
    g_string_assign(type, segments[0]);
    g_string_truncate(name, 0);
    for (size_t i = 1; i < count; i += 2) {
        g_string_append_printf(type, "/%s", segments[i]);
        g_string_append_printf(name, "%s%s", i > 1 ? "/" : "", segments[i + 1]);
    }
    return true;
}

static size_t next_providers(char *const *segments, size_t from, size_t count)
{
    for (size_t i = from; i < count; i++) {
        if (is(segments[i], "providers"))
            return i;
    }
    return count;
}

/* How many segments belong to the group, subscription or management group at the beginning. */
static size_t holder_length(char *const *segments, size_t count)
{
    if (count >= 4 && is(segments[0], "subscriptions") && is(segments[2], "resourcegroups"))
        return 4;
    if (count >= 2 && is(segments[0], "subscriptions"))
        return 2;
    if (count > 4 && is(segments[0], "providers") && is(segments[1], "microsoft.management") &&
        is(segments[2], "managementgroups") && is(segments[4], "providers"))
        return 4;
    return 0;
}

bool sandbox_id_parse_segments(char *const *segments, size_t count, struct sandbox_id *ret_id)
{
    size_t held = holder_length(segments, count);
    struct sandbox_id id = {0};
    if (held == 4 && count == 4 && is(segments[0], "subscriptions")) {
        sandbox_scope_parse(segments, 2, &id.scope);
        id.id = g_strdup_printf("/subscriptions/%s/resourceGroups/%s", segments[1], segments[3]);
        id.type = g_strdup("Microsoft.Resources/resourceGroups");
        id.name = g_strdup(segments[3]);
        *ret_id = id;
        return true;
    }
    if (held == count || !sandbox_scope_parse(segments, held, &id.scope))
        return false;
    g_autoptr(GString) type = g_string_new(NULL);
    g_autoptr(GString) name = g_string_new(NULL);
    g_autoptr(GString) text = g_string_new(id.scope.id);
    for (size_t at = held; at < count;) {
        size_t end = next_providers(segments, at + 1, count);
        if (!is(segments[at], "providers") ||
            !read_provider_part(segments + at + 1, end - at - 1, type, name)) {
            sandbox_id_clear(&id);
            return false;
        }
        g_string_append(text, "/providers");
        for (size_t i = at + 1; i < end; i++)
            g_string_append_printf(text, "/%s", segments[i]);
        at = end;
    }
    id.id = g_strdup(text->str);
    id.type = g_strdup(type->str);
    id.name = g_strdup(name->str);
    *ret_id = id;
    return true;
}

bool sandbox_id_parse(const char *text, struct sandbox_id *ret_id)
{
    if (text[0] != '/')
        return false;
    g_autoptr(GPtrArray) segments = sandbox_split(text, false);
    return sandbox_id_parse_segments((char *const *)segments->pdata, segments->len, ret_id);
}

char *sandbox_key(const char *id)
{
    GString *key = g_string_sized_new(strlen(id));
    for (const char *c = id; *c; c++) {
        if (*c == '/' && (c[1] == '/' || c[1] == '\0'))
            continue;
        g_string_append_c(key, g_ascii_tolower(*c));
    }
    return g_string_free(key, FALSE);
}

const char *sandbox_last_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

bool sandbox_is_name(const char *text)
{
    for (const char *c = text; *c; c += g_utf8_skip[*(const guchar *)c]) {
        if (!g_unichar_isalnum(g_utf8_get_char(c)) && !strchr("-_.()", *c))
            return false;
    }
    return true;
}

bool sandbox_is_guid(const char *text)
{
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !g_ascii_isxdigit(text[i]))
            return false;
    }
    return text[36] == '\0';
}

GPtrArray *sandbox_split(const char *path, bool decode)
{
    g_autoptr(GPtrArray) segments = g_ptr_array_new_with_free_func(g_free);
    for (const char *c = path; *c;) {
        size_t length = strcspn(c, "/");
        if (length > 0) {
            char *segment =
                decode ? g_uri_unescape_segment(c, c + length, NULL) : g_strndup(c, length);
            if (!segment)
                return NULL;
            g_ptr_array_add(segments, segment);
        }
        c += length;
        while (*c == '/')
            c++;
    }
    return g_steal_pointer(&segments);
}
