/* Helpers of the fuzz targets. */
#include "fuzz.h"

#include <time.h>

bool fuzz_ok(struct roll_error *err)
{
    bool ok = !err;

    for (const struct roll_error *each = err; each; each = each->cause) {
        FUZZ_CHECK(each->code != ROLL_OK && each->code != ROLL_E_INTERNAL, "%s", each->message);
        FUZZ_CHECK(each->message && *each->message, "an error without a message");
        FUZZ_CHECK(g_utf8_validate(each->message, -1, NULL), "a message that is not UTF-8");
    }
    roll_error_free(err);
    return ok;
}

#ifdef ROLL_FUZZING
#define SECONDS_MAX 5
#else
#define SECONDS_MAX 60 /* the driver that replays has bounds of its own */
#endif

static clock_t begun;

void fuzz_begin(void)
{
    begun = clock();
}

void fuzz_end(void)
{
    double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;

    FUZZ_CHECK(seconds < SECONDS_MAX, "it took %.1f s", seconds);
    FUZZ_CHECK(roll_error_live() == 0, "%ld errors were dropped", roll_error_live());
}

GPtrArray *fuzz_parts(const uint8_t *data, size_t size)
{
    static const char mark[] = "\n====\n";
    const size_t mark_size = sizeof mark - 1;
    GPtrArray *parts = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    for (;;) {
        const uint8_t *found = memmem(data, size, mark, mark_size);
        size_t part = found ? (size_t)(found - data) : size;
        g_ptr_array_add(parts, g_bytes_new(data, part));
        if (!found)
            return parts;
        data += part + mark_size;
        size -= part + mark_size;
    }
}

const char *fuzz_part(const GPtrArray *parts, guint index, size_t *ret_size)
{
    gsize size = 0;
    const char *bytes = g_bytes_get_data(parts->pdata[index], &size);

    *ret_size = size;
    return bytes ? bytes : "";
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    return g_strndup((const char *)data, size);
}

void fuzz_check_value(const json_t *value)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) pretty = g_string_new(NULL);
    roll_auto(json) json_t *again = NULL, *from_pretty = NULL;

    roll_json_write(value, text);
    roll_json_write_pretty(value, pretty);
    FUZZ_MUST(roll_json_parse(text->str, text->len, ROLL_JSON_STRICT, &again));
    FUZZ_CHECK(json_equal(value, again), "%s", text->str);
    FUZZ_MUST(roll_json_parse(pretty->str, pretty->len, ROLL_JSON_STRICT, &from_pretty));
    FUZZ_CHECK(json_equal(value, from_pretty), "%s", pretty->str);
}
