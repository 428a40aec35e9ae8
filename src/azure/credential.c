/* Tokens: a cache in memory for each audience, filled by going along the chain of sources.
 *
 * Source: services reference 1.7. A source that lacks something is passed over; one that has
 * everything and fails ends the chain, since the next one would be somebody else. */
#include <string.h>

#include "azure/cloud.h"
#include "azure/credential.h"
#include "rollbook/json.h"
#include "rollbook/log.h"
#include "rollbook/time.h"

/* A token is renewed this long before its end, but not before half of its life (az hands out
 * remainders of 5 minutes). */
#define RENEW_BEFORE_MS (5 * 60 * 1000)
#define RENEW_AGAIN_MS (30 * 1000)
/* Clocks and the way to the service: the last seconds are not used. */
#define USELESS_MS (10 * 1000)

struct waiter {
    roll_token_fn fn;
    void *user;
};

/* ---- life ---- */

/* What belongs into addresses and arguments (services reference 1.7). */
static bool is_tenant(const char *tenant)
{
    size_t size = strlen(tenant);

    if (size == 0 || size > 128)
        return false;
    for (const char *at = tenant; *at; at++)
        if (!g_ascii_isalnum(*at) && *at != '.' && *at != '-')
            return false;
    return tenant[0] != '-';
}

static void token_free(gpointer data)
{
    struct token *token = data;

    if (token->waits_for_cloud)
        cloud_forget(token->credential->cloud, token);
    else if (token->fetching)
        token->source->stop(token);
    g_free(token->claims);
    g_free(token->next_step);
    roll_loop_cancel_timer(token->credential->loop, token->timer);
    roll_secret_free(token->secret);
    roll_error_free(token->err);
    g_array_unref(token->waiters);
    g_string_free(token->tried, TRUE);
    g_ptr_array_unref(token->passed);
    g_free(token->key);
    g_free(token->audience);
    g_free(token);
}

struct roll_error *roll_credential_new(struct roll_loop *loop, const struct roll_cloud *cloud,
                                       const char *tenant, const char *kind,
                                       struct roll_credential **ret_credential)
{
    roll_auto(credential) struct roll_credential *credential = g_new0(struct roll_credential, 1);

    credential->loop = loop;
    credential->cloud = cloud;
    credential->retry_second = 1000;
    credential->tokens = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, token_free);
    if (tenant && !is_tenant(tenant))
        return roll_error_new(ROLL_E_CREDENTIAL, "'%s' is not a tenant", tenant);
    credential->tenant = g_strdup(tenant);
    if (!cloud->sandbox)
        ROLL_TRY(credential_select(credential, kind));
    *ret_credential = g_steal_pointer(&credential);
    return NULL;
}

void roll_credential_free(struct roll_credential *credential)
{
    if (!credential)
        return;
    g_hash_table_unref(credential->tokens);
    roll_secret_free(credential->renewal);
    g_free(credential->tenant);
    g_free(credential->actor);
    g_strfreev(credential->groups);
    g_free(credential);
}

static struct token *need_token(struct roll_credential *credential, const char *audience)
{
    const struct roll_cloud *cloud = credential->cloud;
    const char *wanted = audience ? audience : cloud->lookup ? "" : cloud->audience;
    struct token *token = g_hash_table_lookup(credential->tokens, wanted);

    if (token)
        return token;
    token = g_new0(struct token, 1);
    token->credential = credential;
    token->key = g_strdup(wanted);
    token->audience = *wanted ? g_strdup(wanted) : NULL;
    token->waiters = g_array_new(FALSE, FALSE, sizeof(struct waiter));
    token->tried = g_string_new(NULL);
    token->passed = g_ptr_array_new_with_free_func(g_free);
    g_hash_table_insert(credential->tokens, token->key, token);
    return token;
}

/* ---- answering ---- */

static void answer_waiters(void *user)
{
    struct token *token = user;
    g_autoptr(GArray) waiters = token->waiters;
    roll_auto(error) struct roll_error *err = g_steal_pointer(&token->err);
    roll_auto(secret) struct roll_secret *secret = err ? NULL : roll_secret_ref(token->secret);

    token->timer = 0;
    token->waiters = g_array_new(FALSE, FALSE, sizeof(struct waiter));
    for (guint i = 0; i < waiters->len; i++) {
        struct waiter waiter = g_array_index(waiters, struct waiter, i);
        waiter.fn(waiter.user, secret, err);
    }
}

static void answer_soon(struct token *token)
{
    if (token->timer == 0)
        token->timer = roll_loop_timer(token->credential->loop, 0, answer_waiters, token);
}

static bool is_valid(const struct token *token, int64_t until)
{
    return token->secret && roll_boot_ms() < until;
}

/* When its issuer wants it, else five minutes before the end, else at half of a short life. */
static int64_t renew_after_ms(struct token_life life)
{
    int64_t latest = life.valid * 1000 - MIN(RENEW_BEFORE_MS, life.valid * 500);

    return life.renew > 0 && life.renew < life.valid ? MIN(life.renew * 1000, latest) : latest;
}

void token_fetched(struct token *token, const char *text, size_t size, struct token_life life)
{
    struct roll_credential *credential = token->credential;
    int64_t now = roll_boot_ms();

    life.valid = CLAMP(life.valid, 60, 24 * 60 * 60);
    token->fetching = false;
    roll_secret_free(token->secret);
    token->secret = roll_secret_new(text, size);
    token->expires_at = now + life.valid * 1000 - USELESS_MS;
    token->renew_at = now + renew_after_ms(life);
    if (!credential->worked[0])
        credential->worked[0] = token->source;
    if (!credential->actor) {
        credential->actor = claims_actor(text, size);
        credential->groups = claims_groups(text, size);
    }
    roll_log(ROLL_LOG_DEBUG, "token from %s for %s, valid %d min", token->source->kind,
             token->audience, (int)(life.valid / 60));
    answer_soon(token);
}

/* Another login does not help where none can be reached. */
static struct roll_error *without_token(const struct token *token)
{
    struct roll_error *err = roll_error_new(ROLL_E_CREDENTIAL, "no credential for %s: %s",
                                            token->credential->cloud->name, token->tried->str);
    roll_auto(json) json_t *detail =
        token->next_step ? json_pack("{s:[s]}", "next", token->next_step) : NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    if (!detail)
        return err;
    roll_json_write(detail, text);
    return roll_error_detail(err, text->str);
}

static void end_without_token(struct token *token)
{
    int64_t now = roll_boot_ms();

    token->fetching = false;
    g_clear_pointer(&token->claims, g_free);
    /* One that is old but still valid is better than none; the next try comes a little later. */
    if (is_valid(token, token->expires_at))
        token->renew_at = MIN(now + RENEW_AGAIN_MS, token->expires_at);
    else
        token->err = without_token(token);
    answer_soon(token);
}

static void note_failure(struct token *token, const char *why)
{
    g_string_append_printf(token->tried, "%s%s: %s", token->tried->len > 0 ? "; " : "",
                           token->source->kind, why);
    g_ptr_array_add(token->passed, g_strdup_printf("%s: %s", token->source->kind, why));
}

void token_failed(struct token *token, char *why)
{
    note_failure(token, why);
    g_free(why);
    end_without_token(token);
}

/* The next one that lacks nothing. */
static void try_sources(struct token *token)
{
    while (*token->next) {
        token->source = *token->next++;
        g_autofree char *missing = token->source->lacks(token->credential);
        if (!missing) {
            token->tries = 0;
            token->source->fetch(token);
            return;
        }
        note_failure(token, missing);
    }
    end_without_token(token);
}

void token_unavailable(struct token *token, char *why)
{
    note_failure(token, why);
    g_free(why);
    try_sources(token);
}

static void fetch_from_sources(struct token *token)
{
    struct roll_credential *credential = token->credential;

    if (!token->audience)
        token->audience = g_strdup(credential->cloud->audience);
    token->next = credential->worked[0] ? credential->worked : credential->sources;
    g_string_truncate(token->tried, 0);
    g_clear_pointer(&token->next_step, g_free);
    g_ptr_array_set_size(token->passed, 0);
    try_sources(token);
}

static void on_cloud(void *user, const struct roll_error *err)
{
    struct token *token = user;

    token->waits_for_cloud = false;
    if (!err) {
        fetch_from_sources(token);
        return;
    }
    g_string_assign(token->tried, err->message);
    g_free(token->next_step);
    token->next_step =
        g_strdup_printf("make %s reachable from here: name resolution, proxy, firewall, the "
                        "certificates that are trusted (SSL_CERT_FILE)",
                        token->credential->cloud->arm);
    end_without_token(token);
}

static void fetch(struct token *token)
{
    struct roll_credential *credential = token->credential;

    token->fetching = true;
    token->waits_for_cloud = !cloud_is_known(credential->cloud);
    if (token->waits_for_cloud)
        cloud_look_up(credential->cloud, credential->loop, on_cloud, token);
    else
        fetch_from_sources(token);
}

static void use_static(struct token *token)
{
    struct roll_credential *credential = token->credential;

    token->secret = roll_secret_new("sandbox", 7);
    token->expires_at = token->renew_at = INT64_MAX;
    if (!credential->actor)
        credential->actor = g_strdup("sandbox-developer");
}

/* ---- asking ---- */

struct roll_secret *credential_peek(struct roll_credential *credential, const char *audience)
{
    struct token *token = need_token(credential, audience);

    if (!token->secret && credential->cloud->sandbox)
        use_static(token);
    return is_valid(token, token->renew_at) ? token->secret : NULL;
}

void roll_credential_token(struct roll_credential *credential, const char *audience,
                           roll_token_fn fn, void *user)
{
    struct token *token = need_token(credential, audience);
    struct waiter waiter = {fn, user};

    g_array_append_val(token->waiters, waiter);
    if (credential_peek(credential, audience))
        answer_soon(token);
    else if (!token->fetching && token->timer == 0)
        fetch(token);
}

void roll_credential_prefetch(struct roll_credential *credential)
{
    struct token *token = need_token(credential, NULL);

    if (!credential_peek(credential, NULL) && !token->fetching)
        fetch(token);
}

const char *roll_credential_source(const struct roll_credential *credential)
{
    if (credential->cloud->sandbox)
        return "sandbox";
    return credential->worked[0] ? credential->worked[0]->kind : NULL;
}

char **roll_credential_passed(const struct roll_credential *credential)
{
    const struct roll_cloud *cloud = credential->cloud;
    const char *key = cloud->lookup ? "" : cloud->audience;
    const struct token *token = g_hash_table_lookup(credential->tokens, key);
    GPtrArray *passed = g_ptr_array_new();

    for (guint i = 0; token && i < token->passed->len; i++)
        g_ptr_array_add(passed, g_strdup(token->passed->pdata[i]));
    g_ptr_array_add(passed, NULL);
    return (char **)g_ptr_array_free(passed, FALSE);
}

const char *roll_credential_key_vault(const struct roll_credential *credential)
{
    return credential->cloud->sandbox ? "" : credential->cloud->key_vault;
}

const char *roll_credential_actor(const struct roll_credential *credential)
{
    return credential->actor;
}

const char *const *roll_credential_groups(const struct roll_credential *credential)
{
    return (const char *const *)credential->groups;
}

void credential_drop(struct roll_credential *credential, const char *audience,
                     const struct roll_secret *secret, const char *claims)
{
    struct token *token = need_token(credential, audience);

    if (token->secret != secret || credential->cloud->sandbox)
        return; /* another one refused it before, and a new one is here or under way */
    g_clear_pointer(&token->secret, roll_secret_free);
    g_free(token->claims);
    token->claims = g_strdup(claims);
}

void credential_forget(struct roll_credential *credential, const void *user)
{
    GHashTableIter iter;
    gpointer value = NULL;

    g_hash_table_iter_init(&iter, credential->tokens);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        GArray *waiters = ((struct token *)value)->waiters;
        for (guint i = waiters->len; i > 0; i--)
            if (g_array_index(waiters, struct waiter, i - 1).user == user)
                g_array_remove_index(waiters, i - 1);
    }
}
