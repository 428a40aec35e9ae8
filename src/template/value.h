/* JSON values as the language sees them: names without case, UTF-16 lengths, texts, merging. */
#ifndef ROLL_TEMPLATE_VALUE_H
#define ROLL_TEMPLATE_VALUE_H

#include <string.h>

#include "rollbook/json.h"
#include "rollbook/template.h"

struct work;

/* ---- values (value.c) ---- */
enum type_mask {
    T_STRING = 1,
    T_INT = 2,
    T_BOOL = 4,
    T_ARRAY = 8,
    T_OBJECT = 16,
    T_NULL = 32,
    T_FLOAT = 64,
    T_ANY = 127,
};

unsigned value_type_mask(const json_t *value);
const char *type_word(const json_t *value); /* String, Integer, Boolean, … as messages say it */
struct roll_error *value_equal(struct work *work, const json_t *a, const json_t *b, bool *ret_equal)
    ROLL_CHECKED;
int text_compare(const char *a, const char *b); /* as less() and greater() do */
int key_compare(const char *a, const char *b);  /* as items() does */
json_t *object_get(const json_t *object,
                   const char *key); /* exact spelling first, then without case; borrowed */
/* The member's own spelling, or NULL. */
const char *object_key(const json_t *object, const char *key);
void value_text(const json_t *value, GString *out); /* string(): text itself, True, digits, JSON */
/* Bytes of JSON text, about; bounded work. */
struct roll_error *value_size(struct work *work, const json_t *value, unsigned depth, size_t *size)
    ROLL_CHECKED;
struct roll_error *value_check_depth(struct work *work, const json_t *value) ROLL_CHECKED;
json_t *json_text(const char *text);                             /* a new string value */
json_t *json_gtext(GString *text);                               /* steals */
void object_put(json_t *object, const char *key, json_t *value); /* steals value */
json_t *object_copy(const json_t *object);                       /* shallow */
guint64 murmur64(const void *data, size_t size);

/* g_utf8_next_char() without its cast, which clang refuses for const text. */
static inline const char *next_char(const char *at)
{
    return at + g_utf8_skip[*(const unsigned char *)at];
}

/* UTF-16 units, as the engine counts */
size_t utf16_length(const char *text, size_t size);
/* 2024-01-31, with or without a word such as -preview behind it. */
bool api_version_is_well_formed(const char *text);
#define BAD_API_VERSION                                                                            \
    "The apiVersion '%.100s' is not of the form '2024-01-31' or '2024-01-31-preview'."

/* Byte offset of a UTF-16 index; SIZE_MAX when it is past the end. */
size_t utf16_offset(const char *text, size_t size, size_t units);

/* Members of objects put together, names without regard to case (merge.c). */
struct merge;
struct merge *merge_new(json_t *into); /* borrowed */
const char *merge_key(struct merge *merge,
                      const char *key); /* the spelling that is there, or key itself */
void merge_put(struct merge *merge, const char *key,
               json_t *value); /* steals value; the first spelling stays */
void merge_free(struct merge *merge);
static inline void roll_merge_auto(struct merge **owner)
{
    merge_free(*owner);
}

#endif
