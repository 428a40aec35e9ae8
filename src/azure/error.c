/* The innermost cause of an ARM error. Source: REST reference 7.1: nested details, JSON inside
 * message texts, inner errors with capitals, bare and OAuth shapes. Depth and number of texts that
 * are read are bounded; a leaf is found anyway. */
#include <string.h>

#include "azure/arm.h"

#define LEAF_DEPTH 24
#define LEAF_TEXTS 64
#define MESSAGE_MAX_BYTES 4096

/* Codes that say no more than "something below failed": any other one is preferred. */
static const char *const general[] = {"DeploymentFailed",
                                      "ResourceDeploymentFailure",
                                      "MultipleErrorsOccurred",
                                      "InvalidTemplateDeployment",
                                      "PreflightValidationCheckFailed",
                                      "Conflict",
                                      "BadRequest",
                                      "Failed"};

#define LEAVES_MAX 50

struct search {
    char *code, *message; /* the best so far */
    bool is_general;
    int texts;      /* that were read as JSON */
    json_t *leaves; /* all of them, owned, or NULL: not wanted */
};

static bool is_general(const char *code)
{
    for (size_t i = 0; i < G_N_ELEMENTS(general); i++)
        if (g_ascii_strcasecmp(code, general[i]) == 0)
            return true;
    return false;
}

/* At most so much, cut between characters. */
static char *bounded(const char *text)
{
    size_t size = strlen(text);

    if (size <= MESSAGE_MAX_BYTES)
        return g_strdup(text);
    const char *end = g_utf8_find_prev_char(text, text + MESSAGE_MAX_BYTES - 2);
    g_autofree char *cut = g_strndup(text, (gsize)(end - text));
    return g_strconcat(cut, "…", NULL);
}

static const char *member_text(const json_t *object, const char *name)
{
    return json_string_value(roll_json_get_nocase(object, name));
}

/* The same words come again and again, from each level that passed them on. */
static bool is_known(const json_t *leaves, const json_t *leaf)
{
    size_t index;
    json_t *other;

    json_array_foreach ((json_t *)(uintptr_t)leaves, index, other) {
        if (json_equal(other, leaf))
            return true;
    }
    return false;
}

static void keep(struct search *search, const char *code, const char *message, const char *target)
{
    g_autofree char *short_code = code ? g_strndup(code, 256) : NULL;
    g_autofree char *short_message = message ? bounded(message) : NULL;
    g_autofree char *short_target = target ? bounded(target) : NULL;

    if (!search->leaves || json_array_size(search->leaves) >= LEAVES_MAX)
        return;
    json_t *leaf = json_pack("{s:s*,s:s*,s:s*}", "code", short_code, "message", short_message,
                             "target", short_target);
    if (leaf && !is_known(search->leaves, leaf))
        json_array_append(search->leaves, leaf);
    json_decref(leaf);
}

static void offer(struct search *search, const char *code, const char *message, const char *target)
{
    bool vague = !code || is_general(code);

    keep(search, code, message, target);
    if ((search->code || search->message) && (!search->is_general || vague))
        return;
    g_free(search->code);
    g_free(search->message);
    search->code = code ? g_strndup(code, 256) : NULL;
    search->message = message ? bounded(message) : NULL;
    search->is_general = vague;
}

static bool look(struct search *search, const json_t *value, int depth);

/* Did the list hold a cause? */
static bool look_at_list(struct search *search, const json_t *list, int depth)
{
    bool found = false;

    for (size_t i = 0; i < json_array_size(list); i++)
        found = look(search, json_array_get(list, i), depth) || found;
    return found;
}

static bool look_at_text(struct search *search, const char *text, int depth)
{
    roll_auto(json) json_t *inner = NULL;
    const char *start = text ? text + strspn(text, " \t\r\n") : "";

    if ((*start != '{' && *start != '[') || search->texts >= LEAF_TEXTS)
        return false;
    search->texts++;
    roll_auto(error) struct roll_error *err =
        roll_json_parse(start, strlen(start), ROLL_JSON_STRICT, &inner);
    return !err && look(search, inner, depth);
}

static bool look_inside(struct search *search, const json_t *value, int depth)
{
    static const char *const members[] = {"details", "error", "innererror", "errorEntity",
                                          "statusMessage"};
    bool found = false;

    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        const json_t *member = roll_json_get_nocase(value, members[i]);
        if (json_is_string(member))
            found = look_at_text(search, json_string_value(member), depth) || found;
        else
            found = look(search, member, depth) || found;
    }
    return look_at_text(search, member_text(value, "message"), depth) || found;
}

static bool look(struct search *search, const json_t *value, int depth)
{
    if (depth >= LEAF_DEPTH)
        return false;
    if (json_is_array(value))
        return look_at_list(search, value, depth + 1);
    if (!json_is_object(value))
        return false;
    if (look_inside(search, value, depth + 1))
        return true;
    const char *code = member_text(value, "code"), *message = member_text(value, "message");
    if (!code && !message)
        return look(search, roll_json_get_nocase(value, "properties"), depth + 1);
    offer(search, code && *code ? code : NULL, message, member_text(value, "target"));
    return true;
}

/* {"error":"invalid_client","error_description":"…"} */
static bool look_at_oauth(struct search *search, const json_t *body)
{
    const char *code = member_text(body, "error");

    if (code)
        offer(search, code, member_text(body, "error_description"), NULL);
    return code != NULL;
}

void roll_arm_error_leaf(const json_t *body, char **ret_code, char **ret_message)
{
    struct search search = {0};

    if (!look_at_oauth(&search, body))
        look(&search, body, 0);
    *ret_code = search.code;
    *ret_message = search.message;
}

/* Vague ones count only where nothing else is said. */
static void drop_vague(json_t *leaves)
{
    size_t vague = 0, size = json_array_size(leaves);

    for (size_t i = 0; i < size; i++) {
        const char *code = roll_json_get_string(json_array_get(leaves, i), "code");
        vague += !code || is_general(code);
    }
    for (size_t i = vague < size ? size : 0; i-- > 0;) {
        const char *code = roll_json_get_string(json_array_get(leaves, i), "code");
        if (!code || is_general(code))
            json_array_remove(leaves, i);
    }
}

json_t *roll_arm_error_leaves(const json_t *body)
{
    struct search search = {.leaves = json_array()};

    if (!look_at_oauth(&search, body))
        look(&search, body, 0);
    g_free(search.code);
    g_free(search.message);
    drop_vague(search.leaves);
    return search.leaves;
}
