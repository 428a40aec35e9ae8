/* One reader before jansson, and the two ways to write.
 *
 * Text from files and from the network goes through roll_json_read, which accepts a dialect and gives minified strict
 * JSON (RFC 8259) with number tokens, member order and strings untouched. That text is what is sent and hashed; values
 * for looking at are jansson's. json_dumps is never used (it spells 0.1 as 0.10000000000000001). */
#ifndef ROLLBOOK_JSON_H
#define ROLLBOOK_JSON_H

#include <glib.h>
#include <jansson.h>

#include "rollbook/error.h"

enum roll_dialect {
    ROLL_JSON_STRICT, /* RFC 8259; duplicate names: the last one wins */
    ROLL_JSON_ARM,    /* what ARM's reader takes: comments, trailing commas, raw line breaks and tabs in strings, BOM,
                         unquoted and single-quoted names, single-quoted strings, .25, +1, hexadecimal */
    ROLL_JSON_PLAN,   /* comments, trailing commas, BOM; duplicate names are refused */
};

#define ROLL_JSON_MAX_DEPTH 100
#define ROLL_JSON_MAX_BYTES (64u << 20)

/* Minifies. ROLL_E_SYNTAX says `line L, column C: …` (1-based, columns in bytes); ROLL_E_LIMIT for depth and size.
 * Invalid UTF-8, lone surrogates, a raw NUL, `\u0000` in a name, and (STRICT, PLAN) raw control characters in strings are
 * syntax errors. */
struct roll_error *roll_json_read(const char *text, size_t size, enum roll_dialect dialect,
                                  GString **ret_strict) ROLL_CHECKED;

/* The same as a value: a new reference, made without jansson's own parser (some three times faster). Any JSON value at
 * the top. Integers beyond int64 become reals in the value; what no double holds is ROLL_E_SYNTAX. */
struct roll_error *roll_json_parse(const char *text, size_t size, enum roll_dialect dialect,
                                   json_t **ret_value) ROLL_CHECKED;

/* roll_json_parse for a document with one large array or object, which stands at the end of `path` (names of members from the root
 * down, NULL-terminated; "*" stands for any name): each element is handed over as soon as it is read (borrowed, gone afterwards; `name` is NULL in
 * an array), and *ret_rest is the document with that container empty. `within` is the
 * name that the path's last "*" stood for, or NULL. So the whole takes no more memory than its largest element. What `each` returns ends
 * the reading; NULL instead of `each`: the elements are only left out. */
struct roll_error *roll_json_parse_each(const char *text, size_t size, enum roll_dialect dialect,
                                        const char *const *path,
                                        struct roll_error *(*each)(void *data, const char *within, const char *name, const json_t *element),
                                        void *data, json_t **ret_rest) ROLL_CHECKED;

/* About what a value holds in memory, the allocator's own included: upper bounds, for limits. */
enum {
    ROLL_JSON_OBJECT_BYTES = 240,
    ROLL_JSON_MEMBER_BYTES = 112, /* and the name's length; the value has its own */
    ROLL_JSON_ARRAY_BYTES = 128,
    ROLL_JSON_ITEM_BYTES = 16,
    ROLL_JSON_NUMBER_BYTES = 32,
    ROLL_JSON_STRING_BYTES = 80, /* and the text's length */
};

/* roll_json_parse for a text that nobody trusts: ROLL_E_LIMIT once the value takes more than max_bytes of memory (`[],`
 * takes forty times its text). ret_bytes, which may be NULL: what it takes, as counted above. */
struct roll_error *roll_json_parse_within(const char *text, size_t size, enum roll_dialect dialect, size_t max_bytes,
                                          json_t **ret_value, size_t *ret_bytes) ROLL_CHECKED;

/* Where a value (or, if it is a member, its name) stands in the original text: 1-based line and column, by RFC 6901
 * pointer. The nearest existing ancestor if the pointer leads nowhere. Scans the text; meant for error messages. */
void roll_json_where(const char *text, size_t size, enum roll_dialect dialect, const char *pointer,
                     int *ret_line, int *ret_column);

/* In strict text as roll_json_read makes it, without parsing: behind the value, or the string, whose first character is at.
 * Borrowed from the text. */
const char *roll_json_skip(const char *at);
const char *roll_json_skip_string(const char *at);

/* Canonical JSON for hashing: UTF-8, keys sorted by byte, no white space, shortest escapes, integers within +-2^53.
 * ROLL_E_INVALID for reals, larger integers, and keys or strings that are not UTF-8. */
struct roll_error *roll_json_canonical(const json_t *value, GString **ret_text) ROLL_CHECKED;

/* Compact text with member order kept and reals in their shortest exact spelling (always with '.' or 'e'). */
void roll_json_write(const json_t *value, GString *out);
/* The same, two blanks of indentation, for people. */
void roll_json_write_pretty(const json_t *value, GString *out);
/* A JSON string literal with quotes; text must be valid UTF-8. */
void roll_json_write_string(const char *text, size_t size, GString *out);

/* Lookup without regard to ASCII case; exact spelling first. Borrowed, NULL if absent or not an object. */
json_t *roll_json_get_nocase(const json_t *object, const char *name);

/* Borrowed text of a string member, or NULL when it is absent or no string. */
const char *roll_json_get_string(const json_t *object, const char *name);

static inline void roll_json_auto(json_t **owner)
{
    json_decref(*owner);
}

#endif
