/* What can be found about what a release needs: each kind with its question and its judgement.
 *
 * Dead: a back would fail, or would not bring back what was recorded. Degraded: it would work as
 * far as can be told, and somebody should look; also what could not be asked. Source: services
 * reference 2.1, 4; REST reference 5, 6.3, 6.4. */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/time.h"
#include "watch/ready.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define VAULT_TIMEOUT_MS 20000
#define GALLERY_VERSION "2023-07-03"
#define SPEC_VERSION "2022-02-01"

const char *const ready_words[] = {"ready", "degraded", "dead"};

/* ---- words ---------------------------------------------------------------------------------- */

/* Nobody has answered, or without a definite word; next is advice for who was told no. */
static void unknown(struct ready_item *item, const struct roll_arm_reply *reply, char *next)
{
    const char *text = reply->message ? reply->message : reply->code;

    item->unasked = true;
    if (reply->outcome != ROLL_ARM_REFUSED && reply->outcome != ROLL_ARM_NO_TOKEN)
        g_clear_pointer(&next, g_free);
    ready_item_say(item, READY_DEGRADED,
                   g_strdup_printf("could not be asked: %s", text ? text : "no answer"), next);
}

static char *versioned_advice(const char *what)
{
    return g_strdup_printf("%s; or mark the release bad: roll mark VERSION bad", what);
}

/* A release says what it was when it was made; one that could not look then is compared with the
 * first look. */
static void compare_mark(struct ready_item *item, char *mark, const char *what, const char *next)
{
    const char *made = item->texts[1], *made_at = item->texts[2];
    char at[ROLL_TIME_SIZE];

    roll_time_format(item->marked, at);
    g_autofree char *since =
        made ? g_strdup_printf("when the release was made, %s", made_at)
             : g_strdup_printf("at the first look, %s", item->marked ? at : "which was before");
    if (!made && !item->mark) {
        item->mark = mark;
        item->marked = item->at;
        return;
    }
    if (strcmp(made ? made : item->mark, mark) != 0)
        ready_item_say(item, READY_DEAD, g_strdup_printf("%s is another one than %s", what, since),
                       versioned_advice(next));
    g_free(mark);
}

/* Of a place, whatever else the item compares it with. */
static char *id_question(const struct ready_item *item)
{
    return g_strdup_printf("%s %s", item->kind->name, item->texts[0]);
}

/* ---- images --------------------------------------------------------------------------------- */

/* name@sha256:… */
static struct roll_error *ask_image(const struct roll_ready_options *options,
                                    const struct ready_item *item, roll_arm_fn fn, void *user)
{
    struct roll_credential *credential = NULL;
    const char *at = strchr(item->texts[0], '@');
    g_autofree char *name = g_strndup(item->texts[0], (gsize)(at - item->texts[0]));

    ROLL_TRY(roll_links_get(options->links, item->via, NULL, &credential));
    roll_registry_digest(options->loop, credential, name, at + 1, fn, user);
    return NULL;
}

static void judge_image(struct ready_item *item, const struct roll_arm_reply *reply)
{
    const char *digest = roll_json_get_string(reply->body, "digest");
    const char *wanted = strchr(item->texts[0], '@') + 1;

    if (reply->outcome == ROLL_ARM_NOT_FOUND)
        ready_item_say(item, READY_DEAD, g_strdup("the image is not in the registry any more"),
                       versioned_advice("push it again, or restore it (az acr manifest restore)"));
    else if (reply->outcome != ROLL_ARM_OK)
        unknown(item, reply, g_strdup("give the role AcrPull on the registry"));
    else if (g_strcmp0(digest, wanted) != 0)
        ready_item_say(item, READY_DEAD,
                       g_strdup_printf("the registry gives another image (%s) for it",
                                       digest ? digest : "without a digest"),
                       NULL);
}

const struct ready_kind ready_image = {"image", 12 * HOUR_MS, NULL, ask_image, judge_image};

/* name, tag, the digest that it had when the release was made: a manifest that has lost its tag is
 * what retention policies delete. */
static struct roll_error *ask_tag(const struct roll_ready_options *options,
                                  const struct ready_item *item, roll_arm_fn fn, void *user)
{
    struct roll_credential *credential = NULL;

    ROLL_TRY(roll_links_get(options->links, item->via, NULL, &credential));
    roll_registry_digest(options->loop, credential, item->texts[0], item->texts[1], fn, user);
    return NULL;
}

static void judge_tag(struct ready_item *item, const struct roll_arm_reply *reply)
{
    const char *digest = roll_json_get_string(reply->body, "digest");
    char *next = g_strdup("lock it (az acr repository update --image NAME@DIGEST --delete-enabled "
                          "false), or give the tag back");

    if (reply->outcome == ROLL_ARM_OK && g_strcmp0(digest, item->texts[2]) != 0)
        ready_item_say(item, READY_DEGRADED,
                       g_strdup("the tag points to another image now: what has no tag may be "
                                "deleted by a retention policy"),
                       next);
    else if (reply->outcome == ROLL_ARM_NOT_FOUND)
        ready_item_say(item, READY_DEGRADED,
                       g_strdup("the tag is gone: what has no tag may be deleted by a retention "
                                "policy"),
                       next);
    else
        g_free(next); /* the digest itself is asked for by its own */
}

const struct ready_kind ready_tag = {"tag", 12 * HOUR_MS, NULL, ask_tag, judge_tag};

/* ---- addresses ------------------------------------------------------------------------------ */

static struct roll_error *ask_address(const struct roll_ready_options *options,
                                      const struct ready_item *item, roll_arm_fn fn, void *user)
{
    struct roll_credential *credential = NULL;

    ROLL_TRY(roll_links_get(options->links, item->via, NULL, &credential));
    roll_address_head(options->loop, credential, item->texts[0], fn, user);
    return NULL;
}

/* The version id that the address names, if it names one. Owned. */
static char *version_of(const char *url)
{
    const char *query = strchr(url, '?');
    const char *at = query ? strcasestr(query, "versionid=") : NULL;

    if (!at || (at[-1] != '?' && at[-1] != '&'))
        return NULL;
    at += strlen("versionid=");
    g_autofree char *text = g_strndup(at, strcspn(at, "&#"));
    return g_uri_unescape_string(text, NULL);
}

/* MD5 where there is one: an ETag changes with metadata too. */
static void judge_address(struct ready_item *item, const struct roll_arm_reply *reply)
{
    g_autofree char *wanted = version_of(item->texts[0]);
    const char *version = roll_json_get_string(reply->body, "versionId");

    if (reply->outcome == ROLL_ARM_NOT_FOUND) {
        ready_item_say(item, READY_DEAD, g_strdup("there is nothing at this address any more"),
                       versioned_advice("upload it again, or undelete it"));
        return;
    }
    if (reply->outcome != ROLL_ARM_OK) {
        unknown(item, reply, g_strdup("give the role 'Storage Blob Data Reader' on the account"));
        return;
    }
    if (wanted && version && strcmp(wanted, version) != 0)
        ready_item_say(item, READY_DEAD, g_strdup_printf("the account gives version %s", version),
                       NULL);
    else
        compare_mark(item, roll_release_mark(reply->body, false), "its content",
                     "put the recorded content back");
}

const struct ready_kind ready_address = {"address", 12 * HOUR_MS, id_question, ask_address,
                                         judge_address};

/* ---- versions of gallery images ------------------------------------------------------------- */

static struct roll_error *ask_gallery(const struct roll_ready_options *options,
                                      const struct ready_item *item, roll_arm_fn fn, void *user)
{
    struct roll_arm *arm = NULL;

    ROLL_TRY(roll_links_get(options->links, item->via, &arm, NULL));
    roll_arm_resource_get(arm, item->texts[0], GALLERY_VERSION, fn, user);
    return NULL;
}

/* West Europe is westeurope. */
static bool is_same_place(const char *a, const char *b)
{
    g_autoptr(GString) left = g_string_new(a), right = g_string_new(b);

    g_string_replace(left, " ", "", 0);
    g_string_replace(right, " ", "", 0);
    return g_ascii_strcasecmp(left->str, right->str) == 0;
}

static bool is_replicated(const json_t *profile, const char *location)
{
    const json_t *regions = json_object_get(profile, "targetRegions"), *region;
    size_t index;

    json_array_foreach (regions, index, region) {
        const char *name = roll_json_get_string(region, "name");
        if (name && is_same_place(name, location))
            return true;
    }
    return !regions || !*location;
}

static void judge_gallery(struct ready_item *item, const struct roll_arm_reply *reply)
{
    const json_t *properties = json_object_get(reply->body, "properties");
    const json_t *profile = json_object_get(properties, "publishingProfile");
    const char *state = roll_json_get_string(properties, "provisioningState");
    const char *end = roll_json_get_string(profile, "endOfLifeDate");
    int64_t end_ms = 0;

    if (end)
        roll_error_free(roll_time_parse(end, &end_ms));
    if (reply->outcome == ROLL_ARM_NOT_FOUND)
        ready_item_say(item, READY_DEAD,
                       g_strdup("the image version is not in the gallery any more"),
                       versioned_advice("make it again"));
    else if (reply->outcome != ROLL_ARM_OK)
        unknown(item, reply, g_strdup("give the role Reader on the gallery"));
    else if (state && g_ascii_strcasecmp(state, "Succeeded") != 0 &&
             g_ascii_strcasecmp(state, "Updating") != 0)
        ready_item_say(item, READY_DEAD, g_strdup_printf("the image version is %s", state), NULL);
    else if (!is_replicated(profile, item->texts[1]))
        ready_item_say(item, READY_DEAD,
                       g_strdup_printf("the image version is not replicated to %s", item->texts[1]),
                       g_strdup("add the region to its publishing profile"));
    else if (end_ms && end_ms <= roll_now_ms())
        ready_item_say(item, READY_DEGRADED,
                       g_strdup_printf("the image version's life ended at %s", end), NULL);
}

const struct ready_kind ready_gallery = {"gallery-image", 12 * HOUR_MS, id_question, ask_gallery,
                                         judge_gallery};

/* ---- secrets -------------------------------------------------------------------------------- */

/* vault, secret, version or "" */
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

    if (reply->outcome == ROLL_ARM_NOT_FOUND || (reply->outcome == ROLL_ARM_OK && !version)) {
        gone(item);
    } else if (reply->outcome != ROLL_ARM_OK) {
        unknown(item, reply,
                g_strdup_printf("give the role 'Key Vault Reader' on %s", item->texts[0]));
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
        unknown(item, reply, NULL);
    else if (!roll_arm_provider_offers(reply->body, item->texts[1], item->texts[2]))
        ready_item_say(item, READY_DEAD,
                       g_strdup_printf("the api-version %s of %s was retired (the newest is %s)",
                                       item->texts[2], item->texts[1], newest),
                       g_strdup("only a release with a newer template gets past it: roll hotfix"));
}

const struct ready_kind ready_version = {"api-version", 24 * HOUR_MS, version_question, ask_version,
                                         judge_version};

/* ---- templates that ARM fetches itself ------------------------------------------------------ */

static struct roll_error *ask_link(const struct roll_ready_options *options,
                                   const struct ready_item *item, roll_arm_fn fn, void *user)
{
    struct roll_arm *arm = NULL;
    struct roll_credential *credential = NULL;

    ROLL_TRY(roll_links_get(options->links, item->via, &arm, &credential));
    if (item->texts[0][0] == '/')
        roll_arm_resource_get(arm, item->texts[0], SPEC_VERSION, fn, user);
    else
        roll_address_head(options->loop, credential, item->texts[0], fn, user);
    return NULL;
}

static void judge_link(struct ready_item *item, const struct roll_arm_reply *reply)
{
    if (reply->outcome == ROLL_ARM_NOT_FOUND) {
        ready_item_say(item, READY_DEAD, g_strdup("the linked template is gone"),
                       versioned_advice("put it back"));
        return;
    }
    if (reply->outcome != ROLL_ARM_OK) {
        unknown(item, reply, NULL);
        return;
    }
    compare_mark(item, roll_release_mark(reply->body, true), "the linked template",
                 "a back would not deploy what was deployed: put the former one back");
}

const struct ready_kind ready_link = {"linked-template", 12 * HOUR_MS, id_question, ask_link,
                                      judge_link};

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
        ready_item_say(item, READY_DEAD, g_strdup("the key vault is gone"),
                       g_strdup_printf("az keyvault recover --name %s",
                                       strrchr(item->texts[0], '/') + 1));
        return;
    }
    if (reply->outcome == ROLL_ARM_NOT_FOUND) {
        ready_item_say(item, READY_DEAD, g_strdup("the resource group is gone"),
                       g_strdup("roll back ENV --recreate-groups   makes it again"));
        return;
    }
    if (reply->outcome != ROLL_ARM_OK && (vault || !closed)) {
        unknown(item, reply, NULL);
        return;
    }
    g_autofree char *lacks = lacking(reply->body, item->texts[1]);
    if (lacks)
        ready_item_say(item, READY_DEAD, g_strdup_printf("the credential may not do %s", lacks),
                       g_strdup("roll doctor --role rollback ENV   prints the role that it needs"));
}

const struct ready_kind ready_role = {"role", 1 * HOUR_MS, id_question, ask_role, judge_role};

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
        unknown(item, reply, g_strdup("give the role Reader on the scope"));
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

/* ---- what needs no question ----------------------------------------------------------------- */

const struct ready_kind ready_object = {"object", 0, NULL, NULL, NULL};
const struct ready_kind ready_rule = {"rule", 0, NULL, NULL, NULL};
