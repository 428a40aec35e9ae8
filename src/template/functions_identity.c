/* uniqueString, guid, newGuid (reference 18.1, 18.2). */
#include "function.h"

#include "rollbook/digest.h"

static GString *joined(const struct call *call)
{
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; i < call->count; i++) {
        if (i > 0)
            g_string_append_c(text, '-');
        g_string_append(text, json_string_value(call->args[i]));
    }
    return text;
}

static struct roll_error *check_length(const struct call *call, const GString *text)
{
    ROLL_TRY(work_burn(call->eval->work, text->len / 16));
    if (text->len <= MAX_LITERAL)
        return NULL;
    return function_error(call, "expects at most '%d' characters. '%zu' were provided.",
                          MAX_LITERAL, text->len);
}

struct roll_error *function_unique_string(const struct call *call, json_t **ret_value)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    g_autoptr(GString) text = joined(call);
    char out[13];
    ROLL_TRY(check_length(call, text));
    guint64 hash = murmur64(text->str, text->len);
    for (size_t i = 0; i < sizeof(out); i++, hash <<= 5)
        out[i] = alphabet[hash >> 59];
    return return_chars(call, out, sizeof(out), ret_value);
}

static struct roll_error *return_uuid(const struct call *call, guint8 bytes[16], int version,
                                      json_t **ret_value)
{
    bytes[6] = (guint8)((bytes[6] & 0x0f) | version << 4);
    bytes[8] = (guint8)((bytes[8] & 0x3f) | 0x80);
    GString *text = g_string_new(NULL);
    for (int i = 0; i < 16; i++)
        g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               bytes[i]);
    return return_text(call, text, ret_value);
}

struct roll_error *function_guid(const struct call *call, json_t **ret_value)
{
    static const guint8 space[16] = {0x11, 0xfb, 0x06, 0xfb, 0x71, 0x2d, 0x4d, 0xdd,
                                     0x98, 0xc7, 0xe7, 0x1b, 0xbd, 0x58, 0x88, 0x30};
    g_autoptr(GString) text = joined(call);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 digest[20];
    gsize size = sizeof(digest);
    ROLL_TRY(check_length(call, text));
    g_checksum_update(sum, space, sizeof(space));
    g_checksum_update(sum, (const guchar *)text->str, (gssize)text->len);
    g_checksum_get_digest(sum, digest, &size);
    return return_uuid(call, digest, 5, ret_value);
}

struct roll_error *function_new_guid(const struct call *call, json_t **ret_value)
{
    struct work *work = call->eval->work;
    const char *seed = work->input->context.guid_seed;
    char uuid[ROLL_UUID_SIZE];
    if (!seed) {
        roll_uuid_random(uuid);
        return return_chars(call, uuid, strlen(uuid), ret_value);
    }
    g_autofree char *text = g_strdup_printf("%s/%u", seed, work->guids++);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 digest[32];
    gsize size = sizeof(digest);
    g_checksum_update(sum, (const guchar *)text, -1);
    g_checksum_get_digest(sum, digest, &size);
    return return_uuid(call, digest, 4, ret_value);
}
