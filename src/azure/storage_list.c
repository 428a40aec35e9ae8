/* The XML of Blob Storage: lists, and the code of an error. GLib's reader is strict; unknown
 * elements are passed by.
 *
 * Source: services reference 3.1, 3.2. */
#include <string.h>

#include "azure/storage.h"

enum { ITEMS_MAX = 5000, NAME_MAX_BYTES = 4096 };

struct reading {
    GString *path; /* /EnumerationResults/Blobs/Blob/Name */
    GString *text; /* of the innermost element */
    GPtrArray *items;
    struct roll_storage_item *item;
    char *marker;
    char *code, *message; /* of an <Error> */
};

static void free_item(gpointer data)
{
    struct roll_storage_item *item = data;

    g_free(item->name);
    g_free(item->etag);
    g_free(item);
}

static void on_start(GMarkupParseContext *context, const char *element, const char **names,
                     const char **values, gpointer user, GError **error)
{
    struct reading *reading = user;

    (void)context, (void)names, (void)values;
    g_string_append_printf(reading->path, "/%s", element);
    g_string_truncate(reading->text, 0);
    if (reading->path->len > 512)
        g_set_error_literal(error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, "too deep");
    if (strcmp(reading->path->str, "/EnumerationResults/Blobs/Blob") != 0)
        return;
    if (reading->items->len >= ITEMS_MAX) {
        g_set_error_literal(error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, "too long");
        return;
    }
    reading->item = g_new0(struct roll_storage_item, 1);
    reading->item->length = -1;
    g_ptr_array_add(reading->items, reading->item);
}

static void take(char **place, const GString *text)
{
    g_free(*place);
    *place = g_strndup(text->str, text->len);
}

/* In lists an ETag comes without quotes, in headers with them. */
static void take_item(struct reading *reading, const char *name)
{
    struct roll_storage_item *item = reading->item;

    if (strcmp(name, "Name") == 0) {
        take(&item->name, reading->text);
    } else if (strcmp(name, "Properties/Etag") == 0) {
        g_free(item->etag);
        item->etag = reading->text->str[0] == '"' ? g_strdup(reading->text->str)
                                                  : g_strdup_printf("\"%s\"", reading->text->str);
    } else if (strcmp(name, "Properties/Content-Length") == 0) {
        item->length = g_ascii_strtoll(reading->text->str, NULL, 10);
    }
}

static void on_end(GMarkupParseContext *context, const char *element, gpointer user, GError **error)
{
    static const char blob[] = "/EnumerationResults/Blobs/Blob/";
    struct reading *reading = user;

    (void)context, (void)error;
    if (reading->item && g_str_has_prefix(reading->path->str, blob))
        take_item(reading, reading->path->str + sizeof blob - 1);
    else if (strcmp(reading->path->str, "/EnumerationResults/NextMarker") == 0)
        take(&reading->marker, reading->text);
    else if (strcmp(reading->path->str, "/Error/Code") == 0)
        take(&reading->code, reading->text);
    else if (strcmp(reading->path->str, "/Error/Message") == 0)
        take(&reading->message, reading->text);
    g_string_truncate(reading->path, reading->path->len - strlen(element) - 1);
    g_string_truncate(reading->text, 0);
}

static void on_text(GMarkupParseContext *context, const char *text, gsize size, gpointer user,
                    GError **error)
{
    struct reading *reading = user;

    (void)context;
    if (reading->text->len + size > NAME_MAX_BYTES)
        g_set_error_literal(error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, "too long");
    else
        g_string_append_len(reading->text, text, (gssize)size);
}

static bool parse(struct reading *reading, const char *text, size_t size, char **ret_why)
{
    static const GMarkupParser parser = {
        .start_element = on_start, .end_element = on_end, .text = on_text};
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, reading, NULL);
    g_autoptr(GError) failed = NULL;

    reading->path = g_string_new(NULL);
    reading->text = g_string_new(NULL);
    reading->items = g_ptr_array_new_with_free_func(free_item);
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        size -= 3;
    }
    bool good = g_markup_parse_context_parse(context, text, (gssize)size, &failed) &&
                g_markup_parse_context_end_parse(context, &failed);
    if (!good)
        *ret_why = g_strdup(failed ? failed->message : "it ends too early");
    g_markup_parse_context_free(context);
    return good;
}

static void reading_clear(struct reading *reading)
{
    g_string_free(reading->path, TRUE);
    g_string_free(reading->text, TRUE);
    if (reading->items)
        g_ptr_array_unref(reading->items);
    g_free(reading->marker);
    g_free(reading->code);
    g_free(reading->message);
}

static bool is_whole(const struct reading *reading)
{
    for (guint i = 0; i < reading->items->len; i++) {
        const struct roll_storage_item *item = reading->items->pdata[i];
        if (!item->name || !item->name[0] || !item->etag || item->length < 0)
            return false;
    }
    return true;
}

struct roll_error *roll_storage_parse_list(const char *text, size_t size, GPtrArray **ret_items,
                                           char **ret_marker)
{
    struct reading reading = {0};
    g_autofree char *why = NULL;
    bool good = parse(&reading, text, size, &why) && is_whole(&reading);

    if (good) {
        *ret_items = g_steal_pointer(&reading.items);
        *ret_marker = reading.marker && reading.marker[0] ? g_steal_pointer(&reading.marker) : NULL;
    }
    reading_clear(&reading);
    return good ? NULL
                : roll_error_new(ROLL_E_HTTP, "the store's list of blobs cannot be read: %s",
                                 why ? why : "an entry lacks its name, ETag or length");
}

/* The message is Azure's first line; what follows it are ids and times. */
void storage_parse_error(const char *text, size_t size, char **ret_code, char **ret_message)
{
    struct reading reading = {0};
    g_autofree char *why = NULL;

    if (parse(&reading, text, size, &why)) {
        *ret_code = g_steal_pointer(&reading.code);
        *ret_message = g_steal_pointer(&reading.message);
        if (*ret_message)
            (*ret_message)[strcspn(*ret_message, "\r\n")] = '\0';
    }
    reading_clear(&reading);
}
