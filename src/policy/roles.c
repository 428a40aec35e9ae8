/* Who is a member of a role. */
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/policy.h"

/* The first word of what the token says names the person or application; what follows (object id,
 * tenant, a display name) proves nothing about it. */
static bool is_named(const char *actor, const char *member)
{
    size_t size = actor ? strcspn(actor, " ") : 0;

    return size > 0 && strlen(member) == size && g_ascii_strncasecmp(actor, member, size) == 0;
}

static const json_t *members_of(const json_t *plan, const char *role)
{
    return json_object_get(json_object_get(plan, "roles"), role);
}

/* "group:ID" */
static bool is_in_group(const char *const *groups, const char *member)
{
    for (; groups && *groups && g_str_has_prefix(member, "group:"); groups++)
        if (g_ascii_strcasecmp(*groups, member + strlen("group:")) == 0)
            return true;
    return false;
}

bool roll_policy_is_member(const json_t *plan, const char *role, const struct roll_actor *actor,
                           const char *const *groups, bool sandbox)
{
    size_t index;
    json_t *member;

    json_array_foreach (members_of(plan, role), index, member) {
        const char *name = json_string_value(member);
        if (name && (is_named(actor->proved, name) || is_in_group(groups, name) ||
                     (sandbox && is_named(actor->claimed, name))))
            return true;
    }
    return false;
}

bool roll_policy_names_member(const json_t *plan, const char *role, const char *name)
{
    size_t index;
    json_t *member;

    json_array_foreach (members_of(plan, role), index, member) {
        const char *known = json_string_value(member);
        if (known && g_ascii_strcasecmp(known, name) == 0)
            return true;
    }
    return false;
}

bool roll_policy_asks_groups(const json_t *plan, char *const *roles)
{
    for (; roles && *roles; roles++) {
        size_t index;
        json_t *member;

        json_array_foreach (members_of(plan, *roles), index, member)
            if (json_is_string(member) && g_str_has_prefix(json_string_value(member), "group:"))
                return true;
    }
    return false;
}

struct roll_error *roll_policy_need_role(const struct roll_plan *plan,
                                         const struct roll_plan_environment *environment,
                                         enum roll_lane lane, const struct roll_actor *actor,
                                         const char *const *groups, const char *what)
{
    char **roles = environment->lanes[lane].roles;
    bool sandbox = g_strcmp0(environment->cloud, "sandbox") == 0;
    g_autofree char *list = roles ? g_strjoinv(" or ", roles) : NULL;

    if (!roles || !*roles)
        return NULL;
    for (char **role = roles; *role; role++)
        if (roll_policy_is_member(plan->value, *role, actor, groups, sandbox))
            return NULL;
    if (lane == ROLL_LANE_ROLLBACK && !groups && roll_policy_asks_groups(plan->value, roles))
        return NULL;
    return roll_error_new(ROLL_E_REFUSED, "%s is for role %s; '%s' has none of them", what, list,
                          actor->proved    ? actor->proved
                          : actor->claimed ? actor->claimed
                                           : "nobody known");
}
