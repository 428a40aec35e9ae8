/* The bodies of events as tables: what the encoder, the decoder, the copier and the destructor walk
 * over.
 *
 * Private to ledger. The tables are made from the X-macros of rollbook/events.h. */
#ifndef ROLLBOOK_LEDGER_FIELDS_H
#define ROLLBOOK_LEDGER_FIELDS_H

#include "rollbook/events.h"

enum field_type {
    FIELD_text,
    FIELD_number,
    FIELD_flag,
    FIELD_texts,
    FIELD_object,
    FIELD_objects,
    FIELD_json,
};

enum field_need { FIELD_REQUIRED, FIELD_OPTIONAL };

struct field {
    const char *name; /* in JSON; NULL ends a table */
    enum field_type type;
    enum field_need need;
    size_t offset;
};

#define ROLL_BODY_FIELDS_MAX 32 /* no kind has more fields */
#define ROLL_EVENT_LINE_MAX (64u << 10)

/* Fields of a kind, ended by a NULL name, and the size of its struct. Not for ROLL_EVENT_UNKNOWN.
 */
const struct field *roll_body_fields(enum roll_event_kind kind);
size_t roll_body_size(enum roll_event_kind kind);

/* Where a field lies in a body. */
static inline void *field_at(const struct field *field, const void *body)
{
    return (char *)(uintptr_t)body + field->offset;
}

/* The digests that a body names: sorted, each once, NULL-terminated; the caller frees it with
 * g_strfreev. */
char **roll_body_objects(enum roll_event_kind kind, const void *body);

/* Whether a stream has a name that may be stored: SERVICE, SERVICE/ENVIRONMENT or
 * SERVICE/ENVIRONMENT~REPLICA. */
bool roll_stream_is_valid(const char *stream);
bool roll_stream_is_side(const char *stream);
bool roll_stream_is_service(const char *stream);

/* Appends a number in decimal. */
void roll_line_number(GString *out, int64_t value);

/* Digests of the `objects` member of a canonical line, found from its end without parsing:
 * ret_first points at the first digest's quote, each takes 67 bytes with its comma. False when the
 * line has not that form. tail is what must follow the list, as roll_line_tail makes it. */
bool roll_line_objects(const char *line, size_t size, const GString *tail, const char **ret_first,
                       size_t *ret_count);

/* `],"prev":"…","seq":N,"stream":"…"}`: the end of a line, made from what is known beside it. */
void roll_line_tail(GString *out, const char *prev, int64_t seq, const char *stream);

/* Checks the text around `body` against what is known beside the line, without parsing the body.
 * tail as above; the places of the body are given back. False when a byte differs. */
bool roll_line_check(const char *line, size_t size, int64_t at, const char *kind,
                     const GString *tail, const char **ret_body, size_t *ret_body_size);

#endif
