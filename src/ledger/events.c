/* Events as canonical JSON: the only place that knows how they are written.
 *
 * A line is composed directly from a body's table of fields (sorted by name), so that appending
 * makes no JSON values; parsing goes through the strict reader and then composes the line again:
 * what is not byte for byte the same was not canonical, and is refused. */
#include <string.h>

#include "ledger/fields.h"
#include "rollbook/json.h"

#define EXACT_INTEGER (INT64_C(1) << 53)
#define JSON_FIELD_DEPTH_MAX                                                                       \
    64 /* a line must stay readable: the reader stops at ROLL_JSON_MAX_DEPTH */

/* ---- writing values -------------------------------------------------------------------------- */

static struct roll_error *write_text(const char *text, GString *out)
{
    size_t size = strlen(text);

    if (!g_utf8_validate(text, (gssize)size, NULL))
        return roll_error_new(ROLL_E_INVALID, "text is not UTF-8");
    roll_json_write_string(text, size, out);
    return NULL;
}

static struct roll_error *write_digest(const char *digest, GString *out)
{
    if (!roll_hex_is_digest(digest))
        return roll_error_new(ROLL_E_INVALID, "'%s' is not a digest", digest);
    g_string_append_c(out, '"');
    g_string_append_len(out, digest, ROLL_HEX_SIZE - 1);
    g_string_append_c(out, '"');
    return NULL;
}

static struct roll_error *write_integer(int64_t value, GString *out)
{
    if (value > EXACT_INTEGER || value < -EXACT_INTEGER)
        return roll_error_new(ROLL_E_INVALID, "the number %" G_GINT64_FORMAT " lies beyond 2^53",
                              value);
    roll_line_number(out, value);
    return NULL;
}

static struct roll_error *
write_list(char *const *list, struct roll_error *(*write)(const char *, GString *), GString *out)
{
    g_string_append_c(out, '[');
    for (char *const *each = list; *each; each++) {
        if (each != list)
            g_string_append_c(out, ',');
        ROLL_TRY(write(*each, out));
    }
    g_string_append_c(out, ']');
    return NULL;
}

static bool deeper_than(const json_t *value, int levels)
{
    const char *key;
    const json_t *member;

    if (levels == 0)
        return json_is_object(value) || json_is_array(value);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (deeper_than(json_array_get(value, i), levels - 1))
            return true;
    json_object_foreach ((json_t *)(uintptr_t)value, key, member)
        if (deeper_than(member, levels - 1))
            return true;
    return false;
}

static struct roll_error *write_json(const json_t *value, GString *out)
{
    g_autoptr(GString) text = NULL;

    if (deeper_than(value, JSON_FIELD_DEPTH_MAX))
        return roll_error_new(ROLL_E_INVALID, "nested deeper than %d levels", JSON_FIELD_DEPTH_MAX);
    ROLL_TRY(roll_json_canonical(value, &text));
    g_string_append_len(out, text->str, (gssize)text->len);
    return NULL;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static bool is_present(const struct field *field, const void *body)
{
    const void *at = field_at(field, body);

    switch (field->type) {
    case FIELD_number:
        return field->need == FIELD_REQUIRED || *(const int64_t *)at != 0;
    case FIELD_flag:
        return field->need == FIELD_REQUIRED || *(const bool *)at;
    default:
        return *(void *const *)at != NULL;
    }
}

static struct roll_error *write_field(const struct field *field, const void *body, GString *out)
{
    const void *at = field_at(field, body);

    switch (field->type) {
    case FIELD_text:
        return write_text(*(const char *const *)at, out);
    case FIELD_object:
        return write_digest(*(const char *const *)at, out);
    case FIELD_texts:
        return write_list(*(char *const *const *)at, write_text, out);
    case FIELD_objects:
        return write_list(*(char *const *const *)at, write_digest, out);
    case FIELD_number:
        return write_integer(*(const int64_t *)at, out);
    case FIELD_flag:
        g_string_append(out, *(const bool *)at ? "true" : "false");
        return NULL;
    case FIELD_json:
        return write_json(*(const json_t *const *)at, out);
    }
    return NULL;
}

/* The fields that are present, sorted by name (a table is short, and mostly in order of thought,
 * not of bytes). */
static struct roll_error *sort_fields(enum roll_event_kind kind, const void *body,
                                      const struct field *ret_sorted[ROLL_BODY_FIELDS_MAX],
                                      size_t *ret_count)
{
    size_t count = 0;

    for (const struct field *field = roll_body_fields(kind); field->name; field++) {
        if (!is_present(field, body)) {
            if (field->need == FIELD_REQUIRED)
                return roll_error_new(ROLL_E_INVALID, "'%s' needs '%s'", roll_event_kind_name(kind),
                                      field->name);
            continue;
        }
        size_t at = count++;
        for (; at > 0 && strcmp(ret_sorted[at - 1]->name, field->name) > 0; at--)
            ret_sorted[at] = ret_sorted[at - 1];
        ret_sorted[at] = field;
    }
    *ret_count = count;
    return NULL;
}

static struct roll_error *write_body(enum roll_event_kind kind, const void *body, GString *out)
{
    const struct field *sorted[ROLL_BODY_FIELDS_MAX];
    size_t count = 0;

    ROLL_TRY(sort_fields(kind, body, sorted, &count));
    g_string_append_c(out, '{');
    for (size_t i = 0; i < count; i++) {
        g_string_append(out, i > 0 ? ",\"" : "\"");
        g_string_append(out, sorted[i]->name);
        g_string_append(out, "\":");
        struct roll_error *err = write_field(sorted[i], body, out);
        if (err)
            return roll_error_wrap(err, "field '%s' of '%s' is not valid", sorted[i]->name,
                                   roll_event_kind_name(kind));
    }
    g_string_append_c(out, '}');
    return NULL;
}

/* A field ends at its first NUL: the line would say more than what is understood. */
static bool has_nul(const json_t *text)
{
    return strlen(json_string_value(text)) != json_string_length(text);
}

static struct roll_error *read_list(const json_t *value, bool digests, char ***ret_list)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

    if (!json_is_array(value))
        return roll_error_new(ROLL_E_INVALID, "a list is expected");
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *text = json_string_value(json_array_get(value, i));
        if (!text || has_nul(json_array_get(value, i)) || (digests && !roll_hex_is_digest(text)))
            return roll_error_new(ROLL_E_INVALID, "a list of %s is expected",
                                  digests ? "digests" : "texts");
        g_ptr_array_add(list, g_strdup(text));
    }
    g_ptr_array_add(list, NULL);
    *ret_list = (char **)g_ptr_array_steal(list, NULL);
    return NULL;
}

static struct roll_error *read_field(const struct field *field, json_t *value, void *body)
{
    void *at = field_at(field, body);

    switch (field->type) {
    case FIELD_text:
    case FIELD_object:
        if (!json_is_string(value))
            return roll_error_new(ROLL_E_INVALID, "text is expected");
        if (field->type == FIELD_object && !roll_hex_is_digest(json_string_value(value)))
            return roll_error_new(ROLL_E_INVALID, "a digest is expected");
        if (has_nul(value))
            return roll_error_new(ROLL_E_INVALID, "text must not hold the character NUL");
        *(char **)at = g_strdup(json_string_value(value));
        return NULL;
    case FIELD_texts:
    case FIELD_objects:
        return read_list(value, field->type == FIELD_objects, at);
    case FIELD_number:
        if (!json_is_integer(value))
            return roll_error_new(ROLL_E_INVALID, "an integer is expected");
        *(int64_t *)at = json_integer_value(value);
        return NULL;
    case FIELD_flag:
        if (!json_is_boolean(value))
            return roll_error_new(ROLL_E_INVALID, "true or false is expected");
        *(bool *)at = json_is_true(value);
        return NULL;
    case FIELD_json:
        *(json_t **)at = json_incref(value);
        return NULL;
    }
    return NULL;
}

/* Members that the table does not know are kept in the text and ignored here: a newer program may
 * add optional ones. */
static struct roll_error *read_body(enum roll_event_kind kind, const json_t *value, void *body)
{
    if (!json_is_object(value))
        return roll_error_new(ROLL_E_INVALID, "the body of '%s' is not an object",
                              roll_event_kind_name(kind));
    for (const struct field *field = roll_body_fields(kind); field->name; field++) {
        json_t *member = json_object_get(value, field->name);
        if (!member && field->need == FIELD_REQUIRED)
            return roll_error_new(ROLL_E_INVALID, "'%s' needs '%s'", roll_event_kind_name(kind),
                                  field->name);
        if (!member)
            continue;
        struct roll_error *err = read_field(field, member, body);
        if (err)
            return roll_error_wrap(err, "field '%s' of '%s' is not valid", field->name,
                                   roll_event_kind_name(kind));
    }
    return NULL;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static struct roll_error *write_name(const char *text, GString *out)
{
    if (text)
        return write_text(text, out);
    g_string_append(out, "null");
    return NULL;
}

static struct roll_error *write_head(const struct roll_actor *actor, int64_t at, GString *out)
{
    g_string_append(out, "{\"actor\":{\"claimed\":");
    ROLL_TRY(write_name(actor ? actor->claimed : NULL, out));
    g_string_append(out, ",\"proved\":");
    ROLL_TRY(write_name(actor ? actor->proved : NULL, out));
    g_string_append(out, "},\"at\":");
    ROLL_TRY(write_integer(at, out));
    g_string_append(out, ",\"body\":");
    return NULL;
}

static struct roll_error *write_end(const char *kind, char *const *objects, const char *prev,
                                    int64_t seq, const char *stream, GString *out)
{
    g_string_append(out, ",\"kind\":");
    ROLL_TRY(write_text(kind, out));
    g_string_append(out, ",\"objects\":");
    ROLL_TRY(write_list(objects, write_digest, out));
    g_string_truncate(out, out->len - 1); /* roll_line_tail brings the bracket */
    roll_line_tail(out, prev, seq, stream);
    return NULL;
}

static struct roll_error *check_place(const char *stream, int64_t seq, const char *prev)
{
    if (!roll_stream_is_valid(stream))
        return roll_error_new(ROLL_E_INVALID, "'%s' is not a stream's name", stream);
    if (seq < 1 || seq > EXACT_INTEGER)
        return roll_error_new(ROLL_E_INVALID, "%" G_GINT64_FORMAT " is not a sequence number", seq);
    if (!roll_hex_is_digest(prev))
        return roll_error_new(ROLL_E_INVALID, "'%s' is not a hash", prev);
    return NULL;
}

static struct roll_error *check_size(const GString *line)
{
    if (line->len > ROLL_EVENT_LINE_MAX)
        return roll_error_new(ROLL_E_LIMIT, "an event has %" G_GSIZE_FORMAT " bytes, more than %u",
                              line->len, ROLL_EVENT_LINE_MAX);
    return NULL;
}

struct roll_error *roll_event_compose(const char *stream, int64_t seq, const char *prev, int64_t at,
                                      const struct roll_actor *actor, enum roll_event_kind kind,
                                      const void *body, GString **ret_line,
                                      char ret_hash[ROLL_HEX_SIZE])
{
    g_autoptr(GString) line = g_string_sized_new(768);
    const char *name = roll_event_kind_name(kind);

    if (!name)
        return roll_error_new(ROLL_E_INVALID, "an event of unknown kind cannot be made");
    ROLL_TRY(check_place(stream, seq, prev));
    g_auto(GStrv) objects = roll_body_objects(kind, body);
    ROLL_TRY(write_head(actor, at, line));
    ROLL_TRY(write_body(kind, body, line));
    ROLL_TRY(write_end(name, objects, prev, seq, stream, line));
    ROLL_TRY(check_size(line));
    roll_sha256_hex(line->str, line->len, ret_hash);
    *ret_line = g_steal_pointer(&line);
    return NULL;
}

/* ---- parsing --------------------------------------------------------------------------------- */

/* Borrowed members of a parsed line. */
struct members {
    const json_t *actor, *body, *objects;
    const char *kind, *prev, *stream;
    int64_t at, seq;
};

/* Names of kinds are compared byte by byte in the line, so those of newer programs must need no
 * escapes. */
static bool is_kind_name(const char *kind)
{
    size_t size = strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789.-_");

    return size > 0 && kind[size] == '\0';
}

static struct roll_error *read_members(const json_t *value, struct members *ret_members)
{
    const json_t *at = json_object_get(value, "at"), *seq = json_object_get(value, "seq");
    struct members m = {.actor = json_object_get(value, "actor"),
                        .body = json_object_get(value, "body"),
                        .objects = json_object_get(value, "objects"),
                        .kind = roll_json_get_string(value, "kind"),
                        .prev = roll_json_get_string(value, "prev"),
                        .stream = roll_json_get_string(value, "stream"),
                        .at = json_integer_value(at),
                        .seq = json_integer_value(seq)};

    if (json_object_size(value) != 8 || !m.actor || !m.body || !m.objects || !m.kind || !m.prev ||
        !m.stream || !json_is_integer(at) || !json_is_integer(seq) ||
        json_object_size(m.actor) != 2)
        return roll_error_new(ROLL_E_INVALID, "the line does not have the members of an event");
    if (!is_kind_name(m.kind))
        return roll_error_new(ROLL_E_INVALID, "'%s' is not a kind of event", m.kind);
    *ret_members = m;
    return check_place(m.stream, m.seq, m.prev);
}

static struct roll_error *fill_event(const struct members *m, struct roll_event *event)
{
    event->stream = g_strdup(m->stream);
    event->seq = m->seq;
    event->kind = roll_event_kind_find(m->kind);
    event->kind_name = g_strdup(m->kind);
    event->at = m->at;
    event->actor.proved = g_strdup(roll_json_get_string(m->actor, "proved"));
    event->actor.claimed = g_strdup(roll_json_get_string(m->actor, "claimed"));
    g_strlcpy(event->prev, m->prev, sizeof event->prev);
    ROLL_TRY(read_list(m->objects, true, &event->objects));
    for (char **each = event->objects; each[0] && each[1]; each++)
        if (strcmp(each[0], each[1]) >= 0)
            return roll_error_new(ROLL_E_INVALID, "the objects of an event are not sorted");
    if (event->kind == ROLL_EVENT_UNKNOWN)
        return NULL;
    event->body = g_malloc0(roll_body_size(event->kind));
    return read_body(event->kind, m->body, event->body);
}

/* An object that is named in the body alone would not be carried along by export and pull. */
static struct roll_error *check_objects(const struct roll_event *event)
{
    if (event->kind == ROLL_EVENT_UNKNOWN)
        return NULL;
    g_auto(GStrv) named = roll_body_objects(event->kind, event->body);
    for (char **each = named; *each; each++)
        if (!g_strv_contains((const char *const *)event->objects, *each))
            return roll_error_new(ROLL_E_INVALID,
                                  "object %.12s is named in the body but not in 'objects'", *each);
    return NULL;
}

/* Composes the line again and compares. The text of the body is taken from it. */
static struct roll_error *check_bytes(const struct members *m, struct roll_event *event,
                                      const char *line, size_t size)
{
    g_autoptr(GString) again = g_string_sized_new(size + 64);
    g_autoptr(GString) body = NULL;

    ROLL_TRY(roll_json_canonical(m->body, &body));
    ROLL_TRY(write_head(&event->actor, m->at, again));
    g_string_append_len(again, body->str, (gssize)body->len);
    ROLL_TRY(write_end(m->kind, event->objects, m->prev, m->seq, m->stream, again));
    if (again->len != size || memcmp(again->str, line, size) != 0)
        return roll_error_new(ROLL_E_INVALID, "the line of an event is not canonical");
    event->body_text = g_string_free(g_steal_pointer(&body), FALSE);
    return NULL;
}

struct roll_error *roll_event_parse(const char *line, size_t size, struct roll_event **ret_event)
{
    roll_auto(event) struct roll_event *event = g_new0(struct roll_event, 1);
    roll_auto(json) json_t *value = NULL;
    struct members members;

    if (size > ROLL_EVENT_LINE_MAX)
        return roll_error_new(ROLL_E_LIMIT, "an event has %zu bytes, more than %u", size,
                              ROLL_EVENT_LINE_MAX);
    ROLL_TRY(roll_json_parse(line, size, ROLL_JSON_STRICT, &value));
    ROLL_TRY(read_members(value, &members));
    ROLL_TRY(fill_event(&members, event));
    ROLL_TRY(check_objects(event));
    ROLL_TRY(check_bytes(&members, event, line, size));
    roll_sha256_hex(line, size, event->hash);
    *ret_event = g_steal_pointer(&event);
    return NULL;
}
