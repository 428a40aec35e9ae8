/* Kinds and bodies of events: the tables made from the X-macros, copies, and events made in memory.
 *
 * Nothing here knows JSON text; src/ledger/events.c does. */
#include <string.h>

#include "ledger/fields.h"

/* A kind of version 1 bears its bare name. The version is not in the line, so that another meaning
 * needs another name. */
#define K(id, text, version)                                                                       \
    _Static_assert((version) == 1, "a later version needs a name of its own beside the old one");
ROLL_EVENT_KINDS(K)
#undef K

/* The X-macro's rows do not know their struct; inside each function `body` stands for it. */
#define FIELD_ROW(type_, member, name_, need_)                                                     \
    {.name = (name_),                                                                              \
     .type = FIELD_##type_,                                                                        \
     .need = FIELD_##need_,                                                                        \
     .offset = offsetof(body, member)},
#define K(id, text, version)                                                                       \
    static const struct field *fields_##id(void)                                                   \
    {                                                                                              \
        typedef struct roll_##id body;                                                             \
        static const struct field fields[] = {ROLL_FIELDS_##id(FIELD_ROW){.name = NULL}};          \
        _Static_assert(G_N_ELEMENTS(fields) <= ROLL_BODY_FIELDS_MAX, "too many fields");           \
        return fields;                                                                             \
    }
ROLL_EVENT_KINDS(K)
#undef K

struct kind {
    const char *name;
    const struct field *(*fields)(void);
    size_t size;
};

static const struct kind kinds[ROLL_EVENT_KIND_COUNT] = {
#define K(id, text, version)                                                                       \
    [ROLL_EVENT_##id] = {.name = (text), .fields = fields_##id, .size = sizeof(struct roll_##id)},
    ROLL_EVENT_KINDS(K)
#undef K
};

const char *roll_event_kind_name(enum roll_event_kind kind)
{
    return kind > ROLL_EVENT_UNKNOWN && kind < ROLL_EVENT_KIND_COUNT ? kinds[kind].name : NULL;
}

enum roll_event_kind roll_event_kind_find(const char *name)
{
    for (enum roll_event_kind kind = ROLL_EVENT_UNKNOWN + 1; kind < ROLL_EVENT_KIND_COUNT; kind++)
        if (strcmp(kinds[kind].name, name) == 0)
            return kind;
    return ROLL_EVENT_UNKNOWN;
}

const struct field *roll_body_fields(enum roll_event_kind kind)
{
    return kinds[kind].fields();
}

size_t roll_body_size(enum roll_event_kind kind)
{
    return kinds[kind].size;
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void copy_field(const struct field *field, const void *from, void *to)
{
    void *target = field_at(field, to);
    const void *source = field_at(field, from);

    switch (field->type) {
    case FIELD_text:
    case FIELD_object:
        *(char **)target = g_strdup(*(char *const *)source);
        break;
    case FIELD_texts:
    case FIELD_objects:
        *(char ***)target = g_strdupv(*(char **const *)source);
        break;
    case FIELD_json:
        *(json_t **)target = json_deep_copy(*(json_t *const *)source);
        break;
    case FIELD_number:
        *(int64_t *)target = *(const int64_t *)source;
        break;
    case FIELD_flag:
        *(bool *)target = *(const bool *)source;
        break;
    }
}

void *roll_event_body_copy(enum roll_event_kind kind, const void *body)
{
    if (!body || !roll_event_kind_name(kind))
        return NULL;
    void *copy = g_malloc0(roll_body_size(kind));
    for (const struct field *field = roll_body_fields(kind); field->name; field++)
        copy_field(field, body, copy);
    return copy;
}

void roll_event_body_free(enum roll_event_kind kind, void *body)
{
    if (!body || !roll_event_kind_name(kind))
        return;
    for (const struct field *field = roll_body_fields(kind); field->name; field++) {
        void *at = field_at(field, body);
        if (field->type == FIELD_text || field->type == FIELD_object)
            g_free(*(char **)at);
        else if (field->type == FIELD_texts || field->type == FIELD_objects)
            g_strfreev(*(char ***)at);
        else if (field->type == FIELD_json)
            json_decref(*(json_t **)at);
    }
    g_free(body);
}

/* ---- objects --------------------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **roll_body_objects(enum roll_event_kind kind, const void *body)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();

    for (const struct field *field = roll_body_fields(kind); field->name; field++) {
        void *at = field_at(field, body);
        if (field->type == FIELD_object && *(char **)at)
            g_ptr_array_add(found, *(char **)at);
        for (char **each = field->type == FIELD_objects ? *(char ***)at : NULL; each && *each;
             each++)
            g_ptr_array_add(found, *each);
    }
    if (found->len > 1)
        qsort(found->pdata, found->len, sizeof *found->pdata, compare_texts);
    char **sorted = g_new(char *, found->len + 1);
    size_t count = 0;
    for (guint i = 0; i < found->len; i++)
        if (count == 0 || strcmp(sorted[count - 1], found->pdata[i]) != 0)
            sorted[count++] = g_strdup(found->pdata[i]);
    sorted[count] = NULL;
    return sorted;
}

/* ---- events in memory ------------------------------------------------------------------------ */

struct roll_event *roll_event_new(const char *stream, int64_t seq, int64_t at,
                                  const struct roll_actor *actor, enum roll_event_kind kind,
                                  const void *body)
{
    struct roll_event *event = g_new0(struct roll_event, 1);
    g_autofree char *place = g_strdup_printf("%s@%" G_GINT64_FORMAT, stream, seq);

    event->stream = g_strdup(stream);
    event->seq = seq;
    event->kind = kind;
    event->kind_name = g_strdup(roll_event_kind_name(kind));
    event->at = at;
    event->actor.proved = actor ? g_strdup(actor->proved) : NULL;
    event->actor.claimed = actor ? g_strdup(actor->claimed) : NULL;
    memset(event->prev, '0', ROLL_HEX_SIZE - 1);
    /* Names of deployments come from the hash of rollout.requested: two events must not share one.
     */
    roll_sha256_hex(place, strlen(place), event->hash);
    event->body = roll_event_body_copy(kind, body);
    event->objects = body ? roll_body_objects(kind, body) : g_new0(char *, 1);
    return event;
}

void roll_event_free(struct roll_event *event)
{
    if (!event)
        return;
    roll_event_body_free(event->kind, event->body);
    g_free(event->stream);
    g_free(event->kind_name);
    g_free(event->actor.proved);
    g_free(event->actor.claimed);
    g_strfreev(event->objects);
    g_free(event->body_text);
    g_free(event);
}

/* ---- names of streams ------------------------------------------------------------------------ */

/* One part of a name: letters, digits, `.`, `_` and `-`, at its ends a letter or digit. The size, 0
 * if there is none. */
static size_t name_part(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return size > 0 && size <= 64 && g_ascii_isalnum(text[0]) && g_ascii_isalnum(text[size - 1])
               ? size
               : 0;
}

bool roll_stream_is_valid(const char *stream)
{
    size_t part = name_part(stream);

    if (part == 0 || stream[part] == '\0')
        return part > 0;
    if (stream[part] == '/') {
        stream += part + 1;
        part = name_part(stream);
    }
    if (part == 0 || stream[part] == '\0')
        return part > 0;
    if (stream[part] != '~')
        return false;
    stream += part + 1;
    part = name_part(stream);
    return part > 0 && stream[part] == '\0';
}

bool roll_stream_is_side(const char *stream)
{
    return strchr(stream, '~') != NULL;
}

bool roll_stream_is_service(const char *stream)
{
    return strchr(stream, '/') == NULL;
}
