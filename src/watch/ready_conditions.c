/* What Azure has to offer and to allow, so that a release can be deployed again: secrets,
 * api-versions, roles, locks. Each kind with its question and its judgement; dead and degraded mean
 * what they mean in ready_artifacts.c. Source: services reference 2.1; REST reference 5, 6.3, 6.4.
 */
#include <string.h>

#include "rollbook/time.h"
#include "watch/ready.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define VAULT_TIMEOUT_MS 20000

/* ---- secrets -------------------------------------------------------------------------------- */

/* vault, secret, version or "": then the current one is the item's mark */
static char *secret_question(const struct ready_item *item)
{
    return g_strdup_printf("secret %s/%s", item->texts[0], item->texts[1]);
}

static struct roll_error *ask_secret(const struct roll_ready_options *options,
                                     const struct ready_item *item, roll_arm_fn fn, void *user)
{
    struct roll_credential *credential = NULL;

    ROLL_TRY(roll_links_get(options->links, item->via, NULL, &credential));
    roll_key_vault_versions(options->loop, credential, item->texts[0], item->texts[1],
                            VAULT_TIMEOUT_MS, fn, user);
    return NULL;
}

static const json_t *find_version(const json_t *body, const char *version)
{
    size_t index;
    const json_t *entry;

    if (!*version)
        version = roll_json_get_string(body, "current");
    json_array_foreach (json_object_get(body, "versions"), index, entry)
        if (g_strcmp0(roll_json_get_string(entry, "version"), version) == 0)
            return entry;
    return NULL;
}

static void gone(struct ready_item *item)
{
    bool one = *item->texts[2] != '\0';

    ready_item_say(item, READY_DEAD,
                   g_strdup(one ? "the vault has not got this version of the secret any more"
                                : "the vault has not got the secret any more"),
                   g_strdup_printf("az keyvault secret recover --vault-name %s --name %s",
                                   item->texts[0], item->texts[1]));
}

static void judge_secret(struct ready_item *item, const struct roll_arm_reply *reply)
{
    const json_t *version = find_version(reply->body, item->texts[2]);
    json_int_t expires = json_integer_value(json_object_get(version, "expires"));
    json_int_t begins = json_integer_value(json_object_get(version, "notBefore"));
    int64_t now_s = roll_now_ms() / 1000;
    char at[ROLL_TIME_SIZE];

    if (reply->outcome == ROLL_ARM_OK && version && !*item->texts[2]) {
        g_free(item->mark);
        item->mark = g_strdup(roll_json_get_string(version, "version"));
        item->marked = item->at;
    }
    if (reply->outcome == ROLL_ARM_NOT_FOUND || (reply->outcome == ROLL_ARM_OK && !version)) {
        gone(item);
    } else if (reply->outcome != ROLL_ARM_OK) {
        ready_item_unasked(
            item, reply, g_strdup_printf("give the role 'Key Vault Reader' on %s", item->texts[0]));
    } else if (!json_is_true(json_object_get(version, "enabled"))) {
        ready_item_say(
            item, READY_DEAD, g_strdup("the version of the secret is disabled"),
            g_strdup_printf("az keyvault secret set-attributes --vault-name %s --name %s%s%s "
                            "--enabled true",
                            item->texts[0], item->texts[1], *item->texts[2] ? " --version " : "",
                            item->texts[2]));
    } else if (expires && expires <= now_s) {
        roll_time_format(expires * 1000, at);
        ready_item_say(item, READY_DEGRADED,
                       g_strdup_printf("the version of the secret expired at %s: ARM still takes "
                                       "it, what it opens may not",
                                       at),
                       g_strdup("make a new version, and a release that names it"));
    } else if (begins > now_s) {
        roll_time_format(begins * 1000, at);
        ready_item_say(item, READY_DEGRADED,
                       g_strdup_printf("the version of the secret is good from %s on", at), NULL);
    } else {
        item->until = expires * 1000;
    }
}

const struct ready_kind ready_secret = {"secret", 6 * HOUR_MS, secret_question, ask_secret,
                                        judge_secret};

/* ---- api-versions --------------------------------------------------------------------------- */

/* subscription or "", type, api-version */
static char *version_question(const struct ready_item *item)
{
    g_autofree char *space = g_strndup(item->texts[1], strcspn(item->texts[1], "/"));

    return g_strdup_printf("provider %s %s", item->texts[0], space);
}

static struct roll_error *ask_version(const struct roll_ready_options *options,
                                      const struct ready_item *item, roll_arm_fn fn, void *user)
{
    struct roll_arm *arm = NULL;
    g_autofree char *space = g_strndup(item->texts[1], strcspn(item->texts[1], "/"));

    ROLL_TRY(roll_links_get(options->links, item->via, &arm, NULL));
    roll_arm_provider_get(arm, *item->texts[0] ? item->texts[0] : NULL, space, fn, user);
    return NULL;
}

static void judge_version(struct ready_item *item, const struct roll_arm_reply *reply)
{
    g_autofree char *newest =
        reply->body ? roll_arm_provider_version(reply->body, item->texts[1]) : NULL;

    if (reply->outcome == ROLL_ARM_NOT_FOUND || (reply->outcome == ROLL_ARM_OK && !newest))
        ready_item_say(item, READY_DEAD,
                       g_strdup_printf("the type %s is offered no more", item->texts[1]), NULL);
    else if (reply->outcome != ROLL_ARM_OK)
        ready_item_unasked(item, reply, NULL);
    else if (!roll_arm_provider_offers(reply->body, item->texts[1], item->texts[2]))
        ready_item_say(item, READY_DEAD,
                       g_strdup_printf("the api-version %s of %s was retired (the newest is %s)",
                                       item->texts[2], item->texts[1], newest),
                       g_strdup("only a release with a newer template gets past it: roll hotfix"));
}

const struct ready_kind ready_version = {"api-version", 24 * HOUR_MS, version_question, ask_version,
                                         judge_version};

/* ---- roles ---------------------------------------------------------------------------------- */

/* scope's id, actions with commas between */
static struct roll_error *ask_role(const struct roll_ready_options *options,
                                   const struct ready_item *item, roll_arm_fn fn, void *user)
{
    struct roll_arm *arm = NULL;

    ROLL_TRY(roll_links_get(options->links, item->via, &arm, NULL));
    roll_arm_permissions(arm, item->texts[0], fn, user);
    return NULL;
}

static char *lacking(const json_t *permissions, const char *actions)
{
    g_auto(GStrv) wanted = g_strsplit(actions, ",", -1);
    g_autoptr(GString) text = g_string_new(NULL);
    int count = 0;

    for (char **action = wanted; *action; action++)
        if (!roll_arm_permits(permissions, *action) && count++ < 5)
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", *action);
    if (count > 5)
        g_string_append_printf(text, " and %d more", count - 5);
    return count ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

/* Of a scope, or of a vault that parameters refer to. At a vault that does not let one look at
 * one's own rights the deployment may be allowed all the same. */
static void judge_role(struct ready_item *item, const struct roll_arm_reply *reply)
{
    bool vault = strcasestr(item->texts[0], "/vaults/") != NULL;
    bool closed = g_strcmp0(reply->code, "AuthorizationFailed") == 0;

    if (vault && reply->outcome == ROLL_ARM_NOT_FOUND) {
        ready_item_say(
            item, READY_DEAD, g_strdup("the key vault is gone"),
            g_strdup_printf("az keyvault recover --name %s", strrchr(item->texts[0], '/') + 1));
        return;
    }
    if (reply->outcome == ROLL_ARM_NOT_FOUND) {
        ready_item_say(item, READY_DEAD, g_strdup("the resource group is gone"),
                       g_strdup("roll back ENV --recreate-groups   makes it again"));
        return;
    }
    if (reply->outcome != ROLL_ARM_OK && (vault || !closed)) {
        ready_item_unasked(item, reply, NULL);
        return;
    }
    g_autofree char *lacks = lacking(reply->body, item->texts[1]);
    if (lacks)
        ready_item_say(item, READY_DEAD, g_strdup_printf("the credential may not do %s", lacks),
                       g_strdup("roll doctor --role rollback ENV   prints the role that it needs"));
}

const struct ready_kind ready_role = {"role", 1 * HOUR_MS, ready_item_question, ask_role,
                                      judge_role};

/* ---- locks ---------------------------------------------------------------------------------- */

static struct roll_error *ask_lock(const struct roll_ready_options *options,
                                   const struct ready_item *item, roll_arm_fn fn, void *user)
{
    struct roll_arm *arm = NULL;

    ROLL_TRY(roll_links_get(options->links, item->via, &arm, NULL));
    roll_arm_locks(arm, item->texts[0], item->kind == &ready_lock, fn, user);
    return NULL;
}

static const json_t *find_read_only(const json_t *body)
{
    size_t index;
    const json_t *lock;

    json_array_foreach (json_object_get(body, "value"), index, lock) {
        const char *level = roll_json_get_string(json_object_get(lock, "properties"), "level");
        if (level && g_ascii_strcasecmp(level, "ReadOnly") == 0)
            return lock;
    }
    return NULL;
}

/* What a lock stands on; owned. */
static char *place_of_lock(const char *id)
{
    const char *end = id ? strcasestr(id, "/providers/Microsoft.Authorization/locks/") : NULL;

    return end ? g_strndup(id, (gsize)(end - id)) : g_strdup("the scope");
}

static void judge_lock(struct ready_item *item, const struct roll_arm_reply *reply)
{
    const json_t *lock = find_read_only(reply->body);
    const char *id = roll_json_get_string(lock, "id");
    const char *name = roll_json_get_string(lock, "name");
    g_autofree char *place = place_of_lock(id);
    bool below = item->kind == &ready_lock_below;

    if (reply->outcome == ROLL_ARM_NOT_FOUND)
        return; /* the group's absence is told with its role */
    if (reply->outcome != ROLL_ARM_OK) {
        ready_item_unasked(item, reply, g_strdup("give the role Reader on the scope"));
        return;
    }
    bool own = g_ascii_strcasecmp(place, item->texts[0]) == 0;
    if (!lock || (below && own))
        return;
    ready_item_say(
        item, below ? READY_DEGRADED : READY_DEAD,
        g_strdup_printf("the read-only lock '%s'%s%s %s", name ? name : "?", own ? "" : " on ",
                        own ? "" : place,
                        below ? "fails a deployment that changes it" : "fails every deployment"),
        g_strdup_printf("az lock delete --ids %s", id ? id : "ID"));
}

const struct ready_kind ready_lock = {"lock", 1 * HOUR_MS, NULL, ask_lock, judge_lock};
const struct ready_kind ready_lock_below = {"lock-below", 1 * HOUR_MS, NULL, ask_lock, judge_lock};
