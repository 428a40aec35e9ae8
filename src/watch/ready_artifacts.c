/* What a release refers to and does not hold: images, blobs, image versions of a gallery, linked
 * templates. Each kind with its question and its judgement.
 *
 * Dead: a back would fail, or would not bring back what was recorded. Degraded: it would work as
 * far as can be told, and somebody should look; also what could not be asked. Source: services
 * reference 3.2, 4. */
#include <string.h>

#include "rollbook/time.h"
#include "watch/ready.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define GALLERY_VERSION "2023-07-03"
#define SPEC_VERSION "2022-02-01"

/* ---- words ---------------------------------------------------------------------------------- */

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
        ready_item_unasked(item, reply, g_strdup("give the role AcrPull on the registry"));
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
        ready_item_unasked(item, reply,
                           g_strdup("give the role 'Storage Blob Data Reader' on the account"));
        return;
    }
    if (wanted && version && strcmp(wanted, version) != 0)
        ready_item_say(item, READY_DEAD, g_strdup_printf("the account gives version %s", version),
                       NULL);
    else
        compare_mark(item, roll_release_mark(reply->body, false), "its content",
                     "put the recorded content back");
}

const struct ready_kind ready_address = {"address", 12 * HOUR_MS, ready_item_question, ask_address,
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
        ready_item_unasked(item, reply, g_strdup("give the role Reader on the gallery"));
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

const struct ready_kind ready_gallery = {"gallery-image", 12 * HOUR_MS, ready_item_question,
                                         ask_gallery, judge_gallery};

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
        ready_item_unasked(item, reply, NULL);
        return;
    }
    compare_mark(item, roll_release_mark(reply->body, true), "the linked template",
                 "a back would not deploy what was deployed: put the former one back");
}

const struct ready_kind ready_link = {"linked-template", 12 * HOUR_MS, ready_item_question,
                                      ask_link, judge_link};
