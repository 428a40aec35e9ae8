/* Is a deployment what its tags say? Its name and its correlation id are made from the hash of the
 * request, the target and the attempt (DESIGN section 6), all but the attempt in the tags. */
#include "watch/adopt.h"

#include <string.h>

#define ATTEMPTS_MAX 64 /* of one step in one rollout */

static const char *tag_of(const json_t *tags, const char *name)
{
    return json_string_value(roll_json_get_nocase(tags, name));
}

static bool is_hex(const char *text)
{
    return text && strlen(text) == ROLL_HEX_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == ROLL_HEX_SIZE - 1;
}

static bool is_fixed(const struct roll_adopt_options *options,
                     const struct roll_plan_target *target, const char *name)
{
    return strcmp(target->apply, "stack") == 0
               ? watch_is_of_stack(options, target, name)
               : target->deployment_name && g_ascii_strcasecmp(name, target->deployment_name) == 0;
}

/* target: of the plan, or NULL: only its name is known. */
static bool fits(const struct roll_adopt_options *options, const char *head,
                 const char *target_name, const struct roll_plan_target *target, const char *name,
                 const char *correlation)
{
    char expected[ROLL_UUID_SIZE];

    for (int64_t attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
        g_autofree char *derived =
            roll_step_name(options->plan->service, options->environment->name, head, target_name, 0,
                           attempt, expected);
        if (g_ascii_strcasecmp(expected, correlation) == 0)
            return g_ascii_strcasecmp(derived, name) == 0 ||
                   (target && is_fixed(options, target, name));
    }
    return false;
}

enum watch_proof watch_prove(const struct roll_adopt_options *options, const char *stream,
                             const json_t *tags, const char *name, const char *correlation,
                             const GPtrArray *candidates,
                             const struct roll_plan_target **ret_target)
{
    const char *head = tag_of(tags, "roll-head"), *tagged = tag_of(tags, "roll-target");

    if (!tag_of(tags, "roll-stream"))
        return WATCH_UNTAGGED;
    if (strcmp(tag_of(tags, "roll-stream"), stream) != 0)
        return WATCH_FOREIGN;
    if (!name || !correlation || !is_hex(head) || !tag_of(tags, "roll-ledger") ||
        !tag_of(tags, "roll-seq") || !tag_of(tags, "roll-release"))
        return WATCH_FORGED;
    for (guint i = 0; i < candidates->len; i++) {
        const struct roll_plan_target *target = candidates->pdata[i];
        if (tagged && strcmp(tagged, target->name) != 0)
            continue;
        if (fits(options, head, target->name, target, name, correlation)) {
            *ret_target = target;
            return WATCH_PROVED;
        }
        if (tagged)
            return WATCH_FORGED;
    }
    return tagged && fits(options, head, tagged, NULL, name, correlation) ? WATCH_FOREIGN
                                                                          : WATCH_FORGED;
}
