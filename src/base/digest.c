/* SHA-256 by libcrypto's block functions.
 *
 * EVP would load providers and openssl.cnf at the first digest: 1.4 ms, more than all else that
 * `roll status` does. The plain functions are marked deprecated for that reason's opposite (they
 * cannot be replaced by a provider), and stay. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "rollbook/digest.h"

#include <glib.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>

struct roll_sha256 {
    SHA256_CTX context;
};

static void write_hex(const unsigned char *bytes, size_t count, char *hex)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        *hex++ = digits[bytes[i] >> 4];
        *hex++ = digits[bytes[i] & 15];
    }
    *hex = '\0';
}

static void finish(struct roll_sha256 *state, unsigned char ret_bytes[SHA256_DIGEST_LENGTH])
{
    SHA256_Final(ret_bytes, &state->context);
}

void roll_sha256_hex(const void *data, size_t size, char ret_hex[ROLL_HEX_SIZE])
{
    unsigned char bytes[SHA256_DIGEST_LENGTH];
    struct roll_sha256 state;

    SHA256_Init(&state.context);
    roll_sha256_add(&state, data, size);
    finish(&state, bytes);
    write_hex(bytes, sizeof bytes, ret_hex);
}

struct roll_sha256 *roll_sha256_begin(void)
{
    struct roll_sha256 *state = g_new(struct roll_sha256, 1);

    SHA256_Init(&state->context);
    return state;
}

void roll_sha256_add(struct roll_sha256 *state, const void *data, size_t size)
{
    if (size > 0)
        SHA256_Update(&state->context, data, size);
}

void roll_sha256_end(struct roll_sha256 *state, char ret_hex[ROLL_HEX_SIZE])
{
    unsigned char bytes[SHA256_DIGEST_LENGTH];

    finish(state, bytes);
    g_free(state);
    write_hex(bytes, sizeof bytes, ret_hex);
}

bool roll_hex_is_digest(const char *text)
{
    return strspn(text, "0123456789abcdef") == ROLL_HEX_SIZE - 1 && text[ROLL_HEX_SIZE - 1] == '\0';
}

/* RFC 9562: the version in the high half of byte 6, the variant in the two highest bits of byte 8.
 */
static void write_uuid(unsigned char bytes[16], int version, char ret_uuid[ROLL_UUID_SIZE])
{
    static const int groups[] = {4, 2, 2, 2, 6};
    char *at = ret_uuid;

    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | (version << 4));
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80);
    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        if (i > 0)
            *at++ = '-';
        write_hex(bytes, (size_t)groups[i], at);
        at += (size_t)groups[i] * 2;
        bytes += groups[i];
    }
}

void roll_uuid_from(char ret_uuid[ROLL_UUID_SIZE], const char *part, ...)
{
    unsigned char bytes[SHA256_DIGEST_LENGTH];
    struct roll_sha256 state;
    va_list parts;

    SHA256_Init(&state.context);
    va_start(parts, part);
    for (; part; part = va_arg(parts, const char *))
        roll_sha256_add(&state, part, strlen(part) + 1);
    va_end(parts);
    finish(&state, bytes);
    write_uuid(bytes, 8, ret_uuid);
}

void roll_uuid_random(char ret_uuid[ROLL_UUID_SIZE])
{
    unsigned char bytes[16];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        g_error("the system gives no random numbers");
    write_uuid(bytes, 4, ret_uuid);
}

bool roll_uuid_is_valid(const char *text)
{
    for (int i = 0; i < ROLL_UUID_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !g_ascii_isxdigit(text[i]))
            return false;
    }
    return text[ROLL_UUID_SIZE - 1] == '\0';
}
