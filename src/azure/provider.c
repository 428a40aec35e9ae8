/* Resource providers: what they offer, and registering one. Source: REST reference 6.3. */
#include <string.h>

#include "azure/arm.h"
#include "rollbook/time.h"

#define POLL_FIRST_MS 500
#define POLL_MAX_MS 10000

static char *provider_url(const struct roll_arm *arm, const char *subscription, const char *space,
                          const char *suffix)
{
    GString *url = g_string_new(arm->cloud->arm);

    if (subscription) {
        g_string_append(url, "/subscriptions/");
        roll_url_encode(subscription, url);
    }
    g_string_append(url, "/providers/");
    roll_url_encode(space, url);
    g_string_append_printf(url, "%s?api-version=" ARM_API_VERSION, suffix);
    return g_string_free(url, FALSE);
}

void roll_arm_provider_get(struct roll_arm *arm, const char *subscription, const char *space,
                           roll_arm_fn fn, void *user)
{
    g_autofree char *url = provider_url(arm, subscription, space, "");
    struct arm_request request = {
        .method = "GET",
        .url = url,
        .subscription = subscription ? subscription : "",
        .retry = ROLL_HTTP_RETRY_READ,
    };

    arm_simple(arm, &request, ARM_OBJECT, fn, user);
}

/* ---- registering ---- */

struct registering {
    struct roll_arm *arm;
    char *subscription, *space;
    int64_t until, delay_ms;
    roll_arm_fn fn;
    void *user;
};

static void registering_free(gpointer data)
{
    struct registering *registering = data;

    g_free(registering->subscription);
    g_free(registering->space);
    g_free(registering);
}

static void end(struct registering *registering, struct arm_answer *answer)
{
    registering->fn(registering->user, &answer->reply);
    arm_answer_clear(answer);
    registering_free(registering);
}

static void on_state(void *user, const struct roll_http_reply *reply, const struct roll_error *err);

static void look_later(struct registering *registering, int64_t retry_after_ms)
{
    g_autofree char *url =
        provider_url(registering->arm, registering->subscription, registering->space, "");
    struct arm_request request = {
        .method = "GET",
        .url = url,
        .subscription = registering->subscription,
        .retry = ROLL_HTTP_RETRY_READ,
        .at = roll_boot_ms() + MAX(retry_after_ms, registering->delay_ms),
    };

    registering->delay_ms = MIN(registering->delay_ms * 2, POLL_MAX_MS);
    arm_send(registering->arm, &request, on_state, registering, registering_free);
}

static void too_late(const struct registering *registering, struct arm_answer *answer,
                     const char *state)
{
    g_autofree char *message =
        g_strdup_printf("the resource provider '%s' is still %s", registering->space,
                        state ? state : "being registered");

    arm_answer_fail(answer, ROLL_ARM_LOST, NULL, message);
}

/* The same words for the POST and for each look: the provider with its registrationState. */
static void on_state(void *user, const struct roll_http_reply *reply, const struct roll_error *err)
{
    struct registering *registering = user;
    struct arm_answer answer;

    arm_answer_read(&answer, registering->arm, ARM_OBJECT, reply, err);
    const char *state = json_string_value(roll_json_get_nocase(answer.body, "registrationState"));
    bool unknown =
        answer.reply.outcome == ROLL_ARM_LOST || answer.reply.outcome == ROLL_ARM_THROTTLED;
    bool registered = answer.reply.outcome == ROLL_ARM_OK && state &&
                      g_ascii_strcasecmp(state, "Registered") == 0;

    if (registered || (answer.reply.outcome != ROLL_ARM_OK && !unknown)) {
        end(registering, &answer);
    } else if (roll_boot_ms() >= registering->until) {
        too_late(registering, &answer, state);
        end(registering, &answer);
    } else {
        int64_t after = answer.reply.retry_after_ms;
        arm_answer_clear(&answer);
        look_later(registering, after);
    }
}

void roll_arm_provider_register(struct roll_arm *arm, const char *subscription, const char *space,
                                int64_t within_ms, roll_arm_fn fn, void *user)
{
    g_autofree char *url = provider_url(arm, subscription, space, "/register");
    struct registering *registering = g_new0(struct registering, 1);
    struct arm_request request = {
        .method = "POST", .url = url, .retry = ROLL_HTTP_RETRY_UNACCEPTED};

    *registering = (struct registering){
        .arm = arm,
        .subscription = g_strdup(subscription),
        .space = g_strdup(space),
        .until = roll_boot_ms() + within_ms,
        .delay_ms = POLL_FIRST_MS,
        .fn = fn,
        .user = user,
    };
    arm_send(arm, &request, on_state, registering, registering_free);
}

/* ---- what it offers ---- */

static const json_t *find_type(const json_t *provider, const char *type)
{
    const char *space = json_string_value(roll_json_get_nocase(provider, "namespace"));
    size_t length = space ? strlen(space) : 0, index;
    const json_t *entry;

    if (length == 0 || g_ascii_strncasecmp(type, space, length) != 0 || type[length] != '/')
        return NULL;
    json_array_foreach (roll_json_get_nocase(provider, "resourceTypes"), index, entry) {
        const char *name = json_string_value(roll_json_get_nocase(entry, "resourceType"));
        if (name && g_ascii_strcasecmp(name, type + length + 1) == 0)
            return entry;
    }
    return NULL;
}

bool roll_arm_provider_offers(const json_t *provider, const char *type, const char *api_version)
{
    const json_t *versions = roll_json_get_nocase(find_type(provider, type), "apiVersions"), *entry;
    size_t index;

    json_array_foreach (versions, index, entry) {
        if (json_is_string(entry) && g_ascii_strcasecmp(json_string_value(entry), api_version) == 0)
            return true;
    }
    return false;
}

/* YYYY-MM-DD sorts as text; what follows the day is a preview. */
char *roll_arm_provider_version(const json_t *provider, const char *type)
{
    const json_t *versions = roll_json_get_nocase(find_type(provider, type), "apiVersions"), *entry;
    const char *best = NULL;
    size_t index;

    json_array_foreach (versions, index, entry) {
        const char *version = json_string_value(entry);
        if (!version || !*version)
            continue;
        bool stable = strlen(version) == 10, best_stable = best && strlen(best) == 10;
        if (!best || (stable && !best_stable) ||
            (stable == best_stable && g_ascii_strcasecmp(version, best) > 0))
            best = version;
    }
    return g_strdup(best);
}
