/* Lines of a segment: the ones of `roll ledger export`. */
#include <string.h>

#include "sync/sync.h"

static const char open_text[] = "{\"event\":", hash_text[] = ",\"hash\":\"", close_text[] = "\"}";

void sync_add_line(GString *text, const char *line, const char *hash)
{
    g_string_append(text, open_text);
    g_string_append(text, line);
    g_string_append(text, hash_text);
    g_string_append(text, hash);
    g_string_append(text, close_text);
    g_string_append_c(text, '\n');
}

struct roll_error *sync_parse_line(const char *line, size_t size, struct roll_event **ret_event)
{
    const size_t head = sizeof open_text - 1,
                 tail = sizeof hash_text - 1 + ROLL_HEX_SIZE - 1 + sizeof close_text - 1;

    if (size < head + tail || memcmp(line, open_text, head) != 0)
        return roll_error_new(ROLL_E_DAMAGED, "a line in the shared store is not an event");
    struct roll_error *err = roll_event_parse(line + head, size - head - tail, ret_event);
    if (err)
        err->code = ROLL_E_DAMAGED;
    return roll_error_wrap(err, "while reading a line of the shared store");
}
