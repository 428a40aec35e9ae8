/* Who a token says that we are: the claims of a JWT, unchecked, since ARM checks them and we only
 * record them.
 *
 * Source: services reference 1, REST reference 10.2. Everything is bounded; what is no JWT has no
 * claims. */
#include <string.h>

#include "azure/credential.h"
#include "rollbook/json.h"

#define TOKEN_MAX_BYTES (64u << 10)
#define CLAIM_MAX_BYTES 256
#define GROUPS_MAX 2000 /* Entra puts at most 200 into a token */

/* base64url without padding, as JWTs have it (RFC 7515). NULL when it is something else. Owned by
 * the caller. */
static char *decode_base64url(const char *text, size_t size, gsize *ret_size)
{
    g_autofree char *plain = g_malloc(size + 4);
    size_t length = 0;

    for (; length < size; length++) {
        char c = text[length];
        if (!g_ascii_isalnum(c) && c != '-' && c != '_')
            return NULL;
        plain[length] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    while (length % 4 != 0)
        plain[length++] = '=';
    plain[length] = '\0';
    return (char *)g_base64_decode(plain, ret_size);
}

/* One word: what cannot be part of one becomes '_'. NULL when it is missing, empty or too long. */
static char *claim_word(const json_t *claims, const char *name)
{
    const json_t *claim = json_object_get(claims, name);
    const char *text = json_string_value(claim);

    /* A NUL inside would make us somebody else. */
    if (!text || !*text || strlen(text) > CLAIM_MAX_BYTES ||
        strlen(text) != json_string_length(claim))
        return NULL;
    char *word = g_strdup(text);
    for (char *at = word; *at; at++)
        if ((unsigned char)*at <= 0x20 || *at == 0x7f)
            *at = '_';
    return word;
}

static void add_claim(GString *actor, const json_t *claims, const char *name, const char *prefix)
{
    g_autofree char *word = claim_word(claims, name);

    if (word)
        g_string_append_printf(actor, "%s%s%s", actor->len > 0 ? " " : "", prefix, word);
}

static char *describe(const json_t *claims)
{
    static const char *const names[] = {"upn", "preferred_username", "unique_name"};
    static const char *const apps[] = {"appid", "azp"}; /* v1 and v2 tokens */
    GString *actor = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(names) && actor->len == 0; i++)
        add_claim(actor, claims, names[i], "");
    for (size_t i = 0; i < G_N_ELEMENTS(apps) && actor->len == 0; i++)
        add_claim(actor, claims, apps[i], "app:");
    bool person = actor->len > 0 && !g_str_has_prefix(actor->str, "app:");
    add_claim(actor, claims, "oid", "oid:");
    add_claim(actor, claims, "tid", "tenant:");
    for (size_t i = 0; i < G_N_ELEMENTS(apps) && person; i++) {
        size_t before = actor->len;
        add_claim(actor, claims, apps[i], "client:"); /* with which program the person signed in */
        person = actor->len == before;
    }
    bool empty = actor->len == 0;
    return g_string_free(actor, empty);
}

/* The groups that it names, or NULL where it leaves them open: no such claim, or too many for a
 * token (overage). */
static char **groups_of(const json_t *claims)
{
    const json_t *groups = json_object_get(claims, "groups");
    GPtrArray *names;

    if (!json_is_array(groups) || json_array_size(groups) > GROUPS_MAX)
        return NULL;
    names = g_ptr_array_new();
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const char *name = json_string_value(json_array_get(groups, i));
        if (name && strlen(name) <= CLAIM_MAX_BYTES)
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

/* New reference, or NULL. */
static json_t *read_claims(const char *token, size_t size)
{
    g_autofree char *decoded = NULL;
    gsize decoded_size = 0;
    roll_auto(json) json_t *claims = NULL;

    if (size > TOKEN_MAX_BYTES)
        return NULL;
    const char *first = memchr(token, '.', size);
    if (!first)
        return NULL;
    const char *payload = first + 1;
    const char *second = memchr(payload, '.', size - (size_t)(payload - token));
    if (!second)
        return NULL;
    decoded = decode_base64url(payload, (size_t)(second - payload), &decoded_size);
    if (!decoded)
        return NULL;
    roll_auto(error) struct roll_error *err =
        roll_json_parse(decoded, decoded_size, ROLL_JSON_STRICT, &claims);
    return err || !json_is_object(claims) ? NULL : json_incref(claims);
}

char *claims_actor(const char *token, size_t size)
{
    roll_auto(json) json_t *claims = read_claims(token, size);

    return claims ? describe(claims) : NULL;
}

char **claims_groups(const char *token, size_t size)
{
    roll_auto(json) json_t *claims = read_claims(token, size);

    return groups_of(claims);
}
