/* The reader's state, shared by its structure (json_read.c), its tokens (json_token.c) and the
 * search for a position (json_where.c). */
#ifndef ROLL_BASE_JSON_READER_H
#define ROLL_BASE_JSON_READER_H

#include <string.h>

#include "rollbook/json.h"

/* Told of each member and element in the order of the text; `depth` counts the containers around
 * it, from 1. */
struct json_watch {
    void *user;
    void (*member)(void *user, int depth, const char *name, const char *at);
    void (*element)(void *user, int depth, size_t index, const char *at);
};

/* The value under construction (json_build.c). */
struct json_builder {
    json_t *root; /* owned until it is taken */
    json_t *
        open[ROLL_JSON_MAX_DEPTH]; /* borrowed: each is held by the one before, the first by root */
    int depth;
    GString *key;  /* the name that waits for its value */
    GString *text; /* of the string at hand, when it has escapes */
    size_t bytes;  /* what the value takes so far */
    size_t max_bytes;
    const struct json_each *each; /* or NULL */
    GString *within;              /* the name that "*" on its path stood for, */
    bool starred;                 /* if there was one */
    int on_path;                  /* how many of the open containers lie on its path */
};

/* What roll_json_parse_each was asked for. */
struct json_each {
    const char *const *path;
    int length; /* of the path */
    struct roll_error *(*call)(void *data, const char *within, const char *name,
                               const json_t *element); /* or NULL */
    void *data;
};

struct json_reader {
    const char *start; /* behind a byte order mark; lines and columns count from here */
    const char *at;
    const char *end;
    enum roll_dialect dialect;
    GString *out;
    const struct json_watch *watch; /* or NULL */
    struct json_builder *builder;   /* or NULL: `out` then only holds the token at hand */
};

/* Reads one document from r->at to r->end into r->out. */
struct roll_error *roll_json_read_document(struct json_reader *r) ROLL_CHECKED;

/* Sets start, at, end; skips a byte order mark where the dialect has one. */
void roll_json_reader_init(struct json_reader *r, const char *text, size_t size,
                           enum roll_dialect dialect, GString *out);

/* ROLL_E_SYNTAX with the position of `at`. */
struct roll_error *roll_json_syntax(const struct json_reader *r, const char *at, const char *format,
                                    ...) ROLL_PRINTF(3, 4) ROLL_CHECKED;
void roll_json_position(const char *start, const char *at, int *ret_line, int *ret_column);

struct roll_error *roll_json_skip_more(struct json_reader *r) ROLL_CHECKED;
struct roll_error *roll_json_take_string(struct json_reader *r) ROLL_CHECKED;
struct roll_error *roll_json_take_number(struct json_reader *r) ROLL_CHECKED;
struct roll_error *roll_json_take_bare_name(struct json_reader *r) ROLL_CHECKED;

/* Appends what the strict literal, quotes included, says. */
void roll_json_unescape(const char *literal, size_t size, GString *out);

/* What was read becomes a part of the value. The literal was written to `out` at `from`; `at` is
 * its place in the text. */
void roll_json_build_name(struct json_reader *r, size_t from);
struct roll_error *roll_json_build_scalar(struct json_reader *r, size_t from, const char *at)
    ROLL_CHECKED;
struct roll_error *roll_json_build_open(struct json_reader *r, bool object) ROLL_CHECKED;
struct roll_error *roll_json_build_close(struct json_reader *r) ROLL_CHECKED;

static inline void json_put(struct json_reader *r, const char *bytes, size_t size)
{
    GString *out = r->out;

    if (out->len + size <
        out->allocated_len) { /* what g_string_append_len does, without the call */
        memcpy(out->str + out->len, bytes, size);
        out->len += size;
    } else {
        g_string_append_len(out, bytes, (gssize)size);
    }
}

static inline void json_put_char(struct json_reader *r, char c)
{
    json_put(r, &c, 1);
}

static inline bool json_is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Blanks and, where the dialect has them, comments. */
static inline struct roll_error *json_skip(struct json_reader *r)
{
    const char *at = r->at, *end = r->end;

    while (at < end && json_is_blank(*at)) {
        at++;
        while (end - at >= 8 && memcmp(at, "        ", 8) == 0) /* indentation */
            at += 8;
    }
    r->at = at;
    if (at == end ||
        (*at > ' ' && *at != '/')) /* a signed char: what lies beyond ASCII is looked at */
        return NULL;
    return r->dialect == ROLL_JSON_STRICT ? NULL : roll_json_skip_more(r);
}

#endif
