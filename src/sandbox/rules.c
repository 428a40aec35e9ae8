/* Rules of ARM itself about resources: where they stand, how locks and tags may look, what a
 * template spec's version needs (REST reference 5, 6.2, 6.4 and 6.5). */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/store.h"

/* "West Europe" is "westeurope". */
static char *region_of(const char *location)
{
    GString *region = g_string_new(NULL);
    for (const char *c = location; *c; c++) {
        if (*c != ' ')
            g_string_append_c(region, g_ascii_tolower(*c));
    }
    return g_string_free(region, FALSE);
}

struct roll_error *sandbox_location_check(struct sandbox_server *server,
                                          const struct sandbox_id *id, const json_t *body,
                                          struct sandbox_reply *reply, bool *ret_good)
{
    roll_auto(sandbox_resource) struct sandbox_resource *known = NULL;
    const char *location = json_string_value(roll_json_get_nocase(body, "location"));
    *ret_good = true;
    if (!location || !*location)
        return NULL;
    ROLL_TRY(sandbox_store_get(server, id->id, &known));
    const char *old = known ? roll_json_get_string(known->body, "location") : NULL;
    if (!old || !*old)
        return NULL;
    g_autofree char *is = region_of(old);
    g_autofree char *wanted = region_of(location);
    *ret_good = strcmp(is, wanted) == 0;
    if (!*ret_good)
        sandbox_reply_error(
            reply, 409, "InvalidResourceLocation",
            "The resource '%s' already exists in location '%s' in resource group '%s'. A resource "
            "with the same name cannot be created in location '%s'. Please select a new resource "
            "name.",
            id->name, is, id->scope.group ? id->scope.group : "<null>", wanted);
    return NULL;
}

/* Characters, not bytes. */
static bool is_longer(const char *text, long max)
{
    return text && g_utf8_strlen(text, -1) > max;
}

/* Storage accounts take shorter names, and some types fewer tags: their providers say so. */
static bool check_tag(const char *name, const char *value, struct sandbox_reply *reply)
{
    enum { NAME_MAX_CHARACTERS = 512, VALUE_MAX_CHARACTERS = 256 };
    bool reserved = strpbrk(name, "<>%&\\?/") != NULL;

    if (reserved)
        sandbox_reply_error(reply, 400, "InvalidTagNameCharacters",
                            "The tag name '%s' has reserved characters '<,>,%%,&,\\,?,/' or "
                            "control characters.",
                            name);
    else if (is_longer(name, NAME_MAX_CHARACTERS))
        sandbox_reply_error(reply, 400, "InvalidTagName",
                            "A tag's name is longer than '%d' characters.", NAME_MAX_CHARACTERS);
    else if (is_longer(value, VALUE_MAX_CHARACTERS))
        sandbox_reply_error(reply, 400, "InvalidTagValueLength",
                            "The value of tag '%s' is longer than '%d' characters.", name,
                            VALUE_MAX_CHARACTERS);
    else
        return true;
    return false;
}

bool sandbox_tags_check(const json_t *tags, struct sandbox_reply *reply)
{
    enum { TAGS_MAX = 50 };
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)tags, name, value)
        if (!check_tag(name, json_string_value(value), reply))
            return false;
    if (json_object_size(tags) <= TAGS_MAX)
        return true;
    sandbox_reply_error(reply, 400, "InvalidTagsCount",
                        "The number of tags is more than the maximum of '%d'.", TAGS_MAX);
    return false;
}

static bool check_level(const json_t *body, struct sandbox_reply *reply)
{
    const char *level =
        json_string_value(roll_json_get_nocase(roll_json_get_nocase(body, "properties"), "level"));
    if (level && (g_ascii_strcasecmp(level, "CanNotDelete") == 0 ||
                  g_ascii_strcasecmp(level, "ReadOnly") == 0))
        return true;
    sandbox_reply_error(reply, 400, "LockPropertyInvalid",
                        "The lock property 'level' is '%s'; it must be 'CanNotDelete' or "
                        "'ReadOnly'.",
                        level ? level : "");
    return false;
}

/* .../templateSpecs/{spec}/versions/{version} */
static struct roll_error *check_parent(struct sandbox_server *server, const struct sandbox_id *id,
                                       struct sandbox_reply *reply, bool *ret_good)
{
    roll_auto(sandbox_resource) struct sandbox_resource *parent = NULL;
    g_autofree char *above = g_strdup(id->id);
    for (int i = 0; i < 2; i++)
        *strrchr(above, '/') = '\0';
    ROLL_TRY(sandbox_store_get(server, above, &parent));
    *ret_good = parent != NULL;
    if (!parent)
        sandbox_reply_error(reply, 404, "ParentResourceNotFound",
                            "Failed to perform 'write' on resource(s) of type "
                            "'templateSpecs/versions', because the parent resource '%s' could not "
                            "be found.",
                            above);
    return NULL;
}

struct roll_error *sandbox_rules_check(struct sandbox_server *server, const struct sandbox_id *id,
                                       const json_t *body, struct sandbox_reply *reply,
                                       bool *ret_good)
{
    *ret_good = sandbox_tags_check(roll_json_get_nocase(body, "tags"), reply);
    if (*ret_good && g_ascii_strcasecmp(id->type, "Microsoft.Authorization/locks") == 0)
        *ret_good = check_level(body, reply);
    if (*ret_good &&
        g_ascii_strcasecmp(id->type, "Microsoft.Resources/templateSpecs/versions") == 0)
        return check_parent(server, id, reply, ret_good);
    return NULL;
}
