/* Where a value stands in the text from which it was read: the reader runs again and watches for
 * the pointer. */
#include "base/json_reader.h"

struct search {
    char **segments; /* of the pointer, decoded */
    int count;
    int matched;      /* segments that the way to here agrees with */
    const char *best; /* of the deepest agreement */
};

static void matched(struct search *search, int depth, bool equal, const char *at)
{
    /* A sibling, or what follows a container that was closed, ends what was matched at this depth
     * and below. */
    if (search->matched >= depth)
        search->matched = depth - 1;
    if (search->matched != depth - 1 || !equal)
        return;
    search->matched = depth;
    search->best = at; /* the last of several wins, as it does in the value */
}

static void on_member(void *user, int depth, const char *name, const char *at)
{
    struct search *search = user;

    matched(search, depth, depth <= search->count && strcmp(name, search->segments[depth - 1]) == 0,
            at);
}

static void on_element(void *user, int depth, size_t index, const char *at)
{
    struct search *search = user;
    char text[24];

    g_snprintf(text, sizeof text, "%zu", index);
    matched(search, depth, depth <= search->count && strcmp(text, search->segments[depth - 1]) == 0,
            at);
}

/* RFC 6901: `~1` is a slash, `~0` a tilde. */
static void decode_segment(char *segment)
{
    char *to = segment;

    for (const char *from = segment; *from; from++) {
        if (from[0] == '~' && (from[1] == '0' || from[1] == '1'))
            *to++ = *++from == '0' ? '~' : '/';
        else
            *to++ = *from;
    }
    *to = '\0';
}

void roll_json_where(const char *text, size_t size, enum roll_dialect dialect, const char *pointer,
                     int *ret_line, int *ret_column)
{
    g_autoptr(GString) strict = g_string_sized_new(MIN(size, ROLL_JSON_MAX_BYTES) + 16);
    g_auto(GStrv) segments = g_strsplit(pointer, "/", -1);
    struct search search = {.segments = segments + 1}; /* the first stands before the first slash */
    const struct json_watch watch = {&search, on_member, on_element};
    struct json_reader r;

    if (*pointer == '/') /* "" is the whole document */
        search.count = (int)g_strv_length(segments) - 1;
    for (int i = 0; i < search.count; i++)
        decode_segment(search.segments[i]);
    roll_json_reader_init(&r, text, MIN(size, ROLL_JSON_MAX_BYTES), dialect, strict);
    r.watch = &watch;
    /* Broken text: what was found before the break stands. */
    struct roll_error *broken = json_skip(&r);
    search.best = r.at;
    if (!broken)
        broken = roll_json_read_document(&r);
    roll_error_free(broken);
    roll_json_position(r.start, search.best, ret_line, ret_column);
}
