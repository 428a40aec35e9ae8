/* Token replies: read, looked at, wiped. */
#include <string.h>

#include "azure/credential.h"
#include "rollbook/json.h"
#include "rollbook/time.h"

#define REPLY_MAX_BYTES (128u << 10)

bool token_reply_read(struct token_reply *reply, const char *text, size_t size)
{
    GString *strict = NULL;

    reply->value = NULL;
    if (size > REPLY_MAX_BYTES)
        return false;
    roll_auto(error) struct roll_error *err = roll_json_read(text, size, ROLL_JSON_STRICT, &strict);
    if (err)
        return false;
    reply->value = json_loadb(strict->str, strict->len, 0, NULL);
    roll_wipe(strict->str, strict->len);
    g_string_free(strict, TRUE);
    if (!json_is_object(reply->value))
        token_reply_wipe(reply);
    return reply->value != NULL;
}

const char *token_reply_text(const struct token_reply *reply, const char *name)
{
    return roll_json_get_string(reply->value, name);
}

/* The services spell numbers both ways (services reference 1.5, 1.7). */
int64_t token_reply_number(const struct token_reply *reply, const char *name)
{
    const json_t *value = json_object_get(reply->value, name);
    const char *text = json_string_value(value);
    gint64 number = -1;

    if (json_is_integer(value))
        return json_integer_value(value);
    if (text && g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, &number, NULL))
        return number;
    return -1;
}

/* Seconds until expires_on: since 1970, as number or digits, or RFC 3339 (services reference 1.7).
 */
static int64_t until_expires_on(const struct token_reply *reply)
{
    const char *text = token_reply_text(reply, "expires_on");
    int64_t at = token_reply_number(reply, "expires_on"), at_ms = 0;

    if (at < 0 && text) {
        roll_auto(error) struct roll_error *err = roll_time_parse(text, &at_ms);
        at = err ? -1 : at_ms / 1000;
    }
    return at < 0 ? -1 : at - roll_now_ms() / 1000;
}

struct token_life token_reply_life(const struct token_reply *reply)
{
    struct token_life life = {.valid = token_reply_number(reply, "expires_in"),
                              .renew = token_reply_number(reply, "refresh_in")};

    if (life.valid < 0)
        life.valid = until_expires_on(reply);
    return life;
}

void token_reply_wipe(struct token_reply *reply)
{
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach (reply->value, name, value) {
        if (json_is_string(
                value)) /* its memory is ours until the decref, whatever jansson's const says */
            roll_wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
    }
    json_decref(reply->value);
    reply->value = NULL;
}
