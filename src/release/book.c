/* A manifest while a release is made or chosen: its head as a value, the targets as their canonical
 * texts, one after the other, of which a value is made when it is asked for. As one value a fleet's
 * manifest would take five times its text. */
#include "release/book.h"

#include <string.h>

/* The targets of one environment. */
struct place {
    GPtrArray *names;  /* in the manifest's order */
    GHashTable *index; /* name → where its text begins, + 1 */
};

struct release_book {
    json_t *head;        /* the manifest, those targets left out; or NULL */
    GString *texts;      /* each target's entry, ended by a zero byte */
    GStringChunk *chunk; /* the names */
    GHashTable *places;  /* environment → struct place *, owned */
    GPtrArray *none;     /* the names of an environment that is not there */
};

static void place_free(gpointer data)
{
    struct place *place = data;

    g_ptr_array_unref(place->names);
    g_hash_table_unref(place->index);
    g_free(place);
}

void release_book_free(struct release_book *book)
{
    if (!book)
        return;
    json_decref(book->head);
    g_string_free(book->texts, TRUE);
    g_hash_table_unref(book->places);
    g_ptr_array_unref(book->none);
    g_string_chunk_free(book->chunk);
    g_free(book);
}

struct release_book *release_book_new(void)
{
    struct release_book *book = g_new0(struct release_book, 1);

    book->texts = g_string_new(NULL);
    book->chunk = g_string_chunk_new(4096);
    book->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, place_free);
    book->none = g_ptr_array_new();
    return book;
}

static struct place *find_place(struct release_book *book, const char *environment)
{
    struct place *place = g_hash_table_lookup(book->places, environment);

    if (!place) {
        place = g_new0(struct place, 1);
        place->names = g_ptr_array_new();
        place->index = g_hash_table_new(g_str_hash, g_str_equal);
        g_hash_table_insert(book->places, g_strdup(environment), place);
    }
    return place;
}

struct roll_error *release_book_add(struct release_book *book, const char *environment,
                                    const char *target, const json_t *entry)
{
    struct place *place = find_place(book, environment);
    g_autoptr(GString) text = NULL;

    ROLL_TRY(roll_json_canonical(entry, &text));
    char *copy = g_string_chunk_insert(book->chunk, target);
    g_ptr_array_add(place->names, copy);
    g_hash_table_insert(place->index, copy, GSIZE_TO_POINTER(book->texts->len + 1));
    g_string_append_len(book->texts, text->str, (gssize)text->len + 1);
    return NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct release_book *book;
    const char *environment; /* or NULL */
};

static struct roll_error *take_entry(void *data, const char *within, const char *name,
                                     const json_t *entry)
{
    const struct reading *reading = data;

    if (!name)
        return roll_error_new(ROLL_E_INVALID, "the manifest's targets are a list");
    return release_book_add(reading->book, reading->environment ? reading->environment : within,
                            name, entry);
}

struct roll_error *release_book_read(struct roll_ledger *ledger, const char *digest,
                                     const char *environment, struct release_book **ret_book)
{
    const char *const path[] = {"environments", environment ? environment : "*", "targets", NULL};
    g_autoptr(GString) text = NULL;
    roll_auto(release_book) struct release_book *book = release_book_new();
    struct reading reading = {book, environment};

    ROLL_TRY(roll_ledger_object(ledger, digest, &text));
    ROLL_TRY(roll_json_parse_each(text->str, text->len, ROLL_JSON_STRICT, path, take_entry,
                                  &reading, &book->head));
    *ret_book = g_steal_pointer(&book);
    return NULL;
}

const json_t *release_book_head(const struct release_book *book)
{
    return book->head;
}

const GPtrArray *release_book_names(const struct release_book *book, const char *environment)
{
    const struct place *place = g_hash_table_lookup(book->places, environment);

    return place ? place->names : book->none;
}

static const char *text_of(const struct release_book *book, const char *environment,
                           const char *target)
{
    const struct place *place = g_hash_table_lookup(book->places, environment);
    size_t at = place ? GPOINTER_TO_SIZE(g_hash_table_lookup(place->index, target)) : 0;

    return at ? book->texts->str + at - 1 : NULL;
}

struct roll_error *release_book_entry(const struct release_book *book, const char *environment,
                                      const char *target, json_t **ret_entry)
{
    const char *text = text_of(book, environment, target);

    *ret_entry = NULL;
    return text ? roll_json_parse(text, strlen(text), ROLL_JSON_STRICT, ret_entry) : NULL;
}

bool release_book_equals(const struct release_book *a, const struct release_book *b)
{
    GHashTableIter iter;
    gpointer environment, data;
    guint left = 0, right = 0;

    g_hash_table_iter_init(&iter, b->places);
    while (g_hash_table_iter_next(&iter, NULL, &data))
        right += ((const struct place *)data)->names->len;
    g_hash_table_iter_init(&iter, a->places);
    while (g_hash_table_iter_next(&iter, &environment, &data)) {
        const GPtrArray *names = ((const struct place *)data)->names;
        left += names->len;
        for (guint i = 0; i < names->len; i++) {
            const char *target = g_ptr_array_index(names, i);
            if (g_strcmp0(text_of(a, environment, target), text_of(b, environment, target)) != 0)
                return false;
        }
    }
    return left == right;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "NAME": for each member, in order; the value is fn's to write. */
typedef struct roll_error *(*member_fn)(const struct release_book *book, const char *within,
                                        const char *name, const json_t *value, GString *out);

static struct roll_error *write_members(const struct release_book *book, const json_t *object,
                                        const GPtrArray *names, const char *within, member_fn fn,
                                        GString *out)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_sized_new(names->len);

    g_ptr_array_extend(sorted, (GPtrArray *)(uintptr_t)names, NULL, NULL);
    g_ptr_array_sort(sorted, by_text);
    g_string_append_c(out, '{');
    for (guint i = 0; i < sorted->len; i++) {
        const char *name = g_ptr_array_index(sorted, i);
        if (i > 0)
            g_string_append_c(out, ',');
        roll_json_write_string(name, strlen(name), out);
        g_string_append_c(out, ':');
        ROLL_TRY(fn(book, within, name, json_object_get(object, name), out));
    }
    g_string_append_c(out, '}');
    return NULL;
}

static struct roll_error *write_object(const struct release_book *book, const json_t *object,
                                       const char *within, member_fn fn, GString *out)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, name, value)
        g_ptr_array_add(names, (gpointer)(uintptr_t)name);
    return write_members(book, object, names, within, fn, out);
}

static struct roll_error *write_value(const json_t *value, GString *out)
{
    g_autoptr(GString) text = NULL;

    ROLL_TRY(roll_json_canonical(value, &text));
    g_string_append_len(out, text->str, (gssize)text->len);
    return NULL;
}

static struct roll_error *write_target(const struct release_book *book, const char *within,
                                       const char *name, const json_t *value, GString *out)
{
    (void)value;
    g_string_append(out, text_of(book, within, name));
    return NULL;
}

static struct roll_error *write_part(const struct release_book *book, const char *within,
                                     const char *name, const json_t *value, GString *out)
{
    if (strcmp(name, "targets") != 0)
        return write_value(value, out);
    return write_members(book, NULL, release_book_names(book, within), within, write_target, out);
}

static struct roll_error *write_environment(const struct release_book *book, const char *within,
                                            const char *name, const json_t *value, GString *out)
{
    (void)within;
    return write_object(book, value, name, write_part, out);
}

static struct roll_error *write_top(const struct release_book *book, const char *within,
                                    const char *name, const json_t *value, GString *out)
{
    if (strcmp(name, "environments") != 0)
        return write_value(value, out);
    return write_object(book, value, within, write_environment, out);
}

struct roll_error *release_book_write(const struct release_book *book, const json_t *head,
                                      GString **ret_text)
{
    g_autoptr(GString) text = g_string_sized_new(book->texts->len + 4096);

    ROLL_TRY(write_object(book, head, NULL, write_top, text));
    *ret_text = g_steal_pointer(&text);
    return NULL;
}
