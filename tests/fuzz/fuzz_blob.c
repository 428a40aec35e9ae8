/* What Blob Storage answers: a list of blobs, or an error. What is accepted is whole, and means the
 * same when it is written again. */
#include "azure/storage.h"
#include "fuzz.h"

static GString *write_list(const GPtrArray *items, const char *marker)
{
    GString *text =
        g_string_new("<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>");

    for (guint i = 0; i < items->len; i++) {
        const struct roll_storage_item *item = items->pdata[i];
        g_autofree char *entry = g_markup_printf_escaped(
            "<Blob><Name>%s</Name><Properties><Etag>%s</Etag><Content-Length>%" G_GINT64_FORMAT
            "</Content-Length></Properties></Blob>",
            item->name, item->etag, item->length);
        g_string_append(text, entry);
    }
    g_autofree char *end = g_markup_printf_escaped("</Blobs><NextMarker>%s</NextMarker>"
                                                   "</EnumerationResults>",
                                                   marker ? marker : "");
    g_string_append(text, end);
    return text;
}

static void check_again(const GPtrArray *items, const char *marker)
{
    g_autoptr(GString) text = write_list(items, marker);
    g_autoptr(GPtrArray) again = NULL;
    g_autofree char *next = NULL;

    FUZZ_MUST(roll_storage_parse_list(text->str, text->len, &again, &next));
    FUZZ_CHECK(again->len == items->len && g_strcmp0(marker, next) == 0, "%s", text->str);
    for (guint i = 0; i < items->len; i++) {
        const struct roll_storage_item *first = items->pdata[i], *second = again->pdata[i];
        FUZZ_CHECK(strcmp(first->name, second->name) == 0 &&
                       strcmp(first->etag, second->etag) == 0 && first->length == second->length,
                   "%s", text->str);
    }
}

static void check_list(const char *text, size_t size)
{
    g_autoptr(GPtrArray) items = NULL;
    g_autofree char *marker = NULL;

    if (!fuzz_ok(roll_storage_parse_list(text, size, &items, &marker)))
        return;
    for (guint i = 0; i < items->len; i++) {
        const struct roll_storage_item *item = items->pdata[i];
        FUZZ_CHECK(item->name[0] && item->etag[0] == '"' && item->length >= 0, "%s", item->name);
    }
    check_again(items, marker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *code = NULL, *message = NULL;

    fuzz_begin();
    check_list((const char *)data, size);
    storage_parse_error((const char *)data, size, &code, &message);
    FUZZ_CHECK(!message || !strpbrk(message, "\r\n"), "%s", message);
    fuzz_end();
    return 0;
}
