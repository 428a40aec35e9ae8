/* Well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates, nothing above
 * U+10FFFF.
 *
 * GLib's validator refuses NUL, which is a character of a JSON string, and cannot stop at the first
 * odd byte. */
#ifndef ROLL_BASE_UTF8_H
#define ROLL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the sequence at `at` (1 to 4), 0 when it is not well-formed or cut off. `at` must lie
 * before `end`. */
static inline size_t roll_utf8_sequence(const char *at, const char *end)
{
    const unsigned char *p = (const unsigned char *)at;
    size_t left = (size_t)(end - at);
    unsigned char low = 0x80, high = 0xBF;
    size_t size;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF) {
        size = 2;
    } else if ((p[0] & 0xF0) == 0xE0) {
        size = 3;
        if (p[0] == 0xE0)
            low = 0xA0;
        else if (p[0] == 0xED)
            high = 0x9F;
    } else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        size = 4;
        if (p[0] == 0xF0)
            low = 0x90;
        else if (p[0] == 0xF4)
            high = 0x8F;
    } else {
        return 0;
    }
    if (left < size || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return size;
}

/* Whether all of the text is well-formed; NUL is a character like others. */
static inline bool roll_utf8_valid(const char *text, size_t size)
{
    const char *end = text + size;

    while (text < end) {
        size_t length = roll_utf8_sequence(text, end);
        if (length == 0)
            return false;
        text += length;
    }
    return true;
}

#endif
