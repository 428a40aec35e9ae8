/* The 64-bit hash of uniqueString() and templateHash (reference 18.1, REST reference 1.11): two
 * 32-bit halves. */
#include "value.h"

static guint32 rotate(guint32 value, int bits)
{
    return value << bits | value >> (32 - bits);
}

static guint32 little_endian(const unsigned char *data, size_t size)
{
    guint32 value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (guint32)data[i] << (8 * i);
    return value;
}

static guint32 mix_first(guint32 block)
{
    return rotate(block * 0x239b961bu, 15) * 0xab0e9789u;
}

static guint32 mix_second(guint32 block)
{
    return rotate(block * 0xab0e9789u, 17) * 0x239b961bu;
}

static guint32 finish(guint32 h)
{
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

guint64 murmur64(const void *data, size_t size)
{
    const unsigned char *at = data;
    guint32 h1 = 0;
    guint32 h2 = 0;
    size_t rest = size;
    for (; rest >= 8; at += 8, rest -= 8) {
        h1 = (rotate(h1 ^ mix_first(little_endian(at, 4)), 19) + h2) * 5 + 0x561ccd1bu;
        h2 = (rotate(h2 ^ mix_second(little_endian(at + 4, 4)), 13) + h1) * 5 + 0x0bcaa747u;
    }
    if (rest > 0)
        h1 ^= mix_first(little_endian(at, MIN(rest, 4u)));
    if (rest > 4)
        h2 ^= mix_second(little_endian(at + 4, rest - 4));
    h1 ^= (guint32)size;
    h2 ^= (guint32)size;
    h1 += h2;
    h2 += h1;
    h1 = finish(h1);
    h2 = finish(h2);
    h1 += h2;
    h2 += h1;
    return (guint64)h2 << 32 | h1;
}
