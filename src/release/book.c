/* A recorded manifest as it is read while a release is chosen: its head as a value, the targets of
 * one environment as their texts, one after the other, of which a value is made when it is asked
 * for. As one value a fleet's manifest would take five times its text. */
#include "release/book.h"

#include <string.h>

struct release_book {
    json_t *head;        /* the manifest, that environment's targets left out */
    GString *texts;      /* each target's entry, ended by a zero byte */
    GStringChunk *chunk; /* the names */
    GPtrArray *names;    /* in the manifest's order */
    GHashTable *index;   /* name → where its text begins, + 1 */
};

void release_book_free(struct release_book *book)
{
    if (!book)
        return;
    json_decref(book->head);
    g_string_free(book->texts, TRUE);
    g_string_chunk_free(book->chunk);
    g_ptr_array_unref(book->names);
    g_hash_table_unref(book->index);
    g_free(book);
}

static struct release_book *book_new(void)
{
    struct release_book *book = g_new0(struct release_book, 1);

    book->texts = g_string_new(NULL);
    book->chunk = g_string_chunk_new(4096);
    book->names = g_ptr_array_new();
    book->index = g_hash_table_new(g_str_hash, g_str_equal);
    return book;
}

static struct roll_error *take_entry(void *data, const char *name, const json_t *entry)
{
    struct release_book *book = data;

    if (!name)
        return roll_error_new(ROLL_E_INVALID, "the manifest's targets are a list");
    char *copy = g_string_chunk_insert(book->chunk, name);

    g_ptr_array_add(book->names, copy);
    g_hash_table_insert(book->index, copy, GSIZE_TO_POINTER(book->texts->len + 1));
    roll_json_write(entry, book->texts);
    g_string_append_c(book->texts, '\0');
    return NULL;
}

struct roll_error *release_book_read(struct roll_ledger *ledger, const char *digest,
                                     const char *environment, struct release_book **ret_book)
{
    const char *const path[] = {"environments", environment, "targets", NULL};
    g_autoptr(GString) text = NULL;
    roll_auto(release_book) struct release_book *book = book_new();

    ROLL_TRY(roll_ledger_object(ledger, digest, &text));
    ROLL_TRY(roll_json_parse_each(text->str, text->len, ROLL_JSON_STRICT, path, take_entry, book,
                                  &book->head));
    *ret_book = g_steal_pointer(&book);
    return NULL;
}

const json_t *release_book_head(const struct release_book *book)
{
    return book->head;
}

const GPtrArray *release_book_names(const struct release_book *book)
{
    return book->names;
}

struct roll_error *release_book_entry(const struct release_book *book, const char *target,
                                      json_t **ret_entry)
{
    size_t at = GPOINTER_TO_SIZE(g_hash_table_lookup(book->index, target));
    const char *text = at ? book->texts->str + at - 1 : NULL;

    *ret_entry = NULL;
    return text ? roll_json_parse(text, strlen(text), ROLL_JSON_STRICT, ret_entry) : NULL;
}
