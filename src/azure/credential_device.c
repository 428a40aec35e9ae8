/* A person who signs in elsewhere with a code that is shown on the terminal. Only when it is
 * selected: nobody else is asked to wait for a person.
 *
 * Source: services reference 1.6; RFC 8628. What comes along for renewal is kept in memory, so that
 * one sign-in lasts for a whole rollout and for every service. */
#include <string.h>
#include <unistd.h>

#include "azure/credential.h"
#include "rollbook/log.h"
#include "rollbook/time.h"

/* The public client of Azure's own command line, which every tenant knows. */
#define AZURE_CLI_CLIENT "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
#define INTERVAL_S 5
#define SLOWER_S 5
#define VALID_S 900

static struct login device_login(const struct roll_credential *credential)
{
    struct login login = login_of_environment(credential);

    if (!login.client_id)
        login.client_id = AZURE_CLI_CLIENT;
    if (!login.tenant)
        login.tenant = "organizations";
    return login;
}

static char *lacks(const struct roll_credential *credential)
{
    struct login login = device_login(credential);

    if (roll_log_level() < ROLL_LOG_NORMAL || !isatty(STDERR_FILENO))
        return g_strdup("there is no terminal on which a code could be shown");
    return login_lacks(credential, &login);
}

static void stop(struct token *token)
{
    token_stop(token);
    g_clear_pointer(&token->device_code, roll_secret_free);
}

static GString *begin_form(const struct token *token, const struct login *login)
{
    g_autofree char *scope = g_strconcat(token->audience, "/.default offline_access", NULL);
    GString *form = g_string_sized_new(16384); /* does not grow, so that no copy stays */

    login_add_field(form, "client_id", login->client_id);
    login_add_field(form, "scope", scope);
    return form;
}

/* What the service demands of the token; until one comes, since a renewal may be refused for it. */
static void add_claims(const struct token *token, GString *form)
{
    if (token->claims)
        login_add_field(form, "claims", token->claims);
}

static void send_to(struct token *token, const struct login *login, const char *address,
                    GString *form, roll_http_fn fn)
{
    g_autofree char *url = login_url(token->credential, login, address);

    token->proof = "sign-in";
    login_post(token, url, form, fn);
}

/* Its token, and what renews it. False when reply has none. */
static bool take_token(struct token *token, const struct roll_http_reply *reply)
{
    struct token_reply json = {0};
    bool read = reply->outcome == ROLL_HTTP_REPLIED && reply->status == 200 &&
                token_reply_read(&json, reply->body, reply->body_size);
    const char *text = read ? token_reply_text(&json, "access_token") : NULL;
    const char *renewal = read ? token_reply_text(&json, "refresh_token") : NULL;
    bool good = text && *text;

    if (good && renewal && strlen(renewal) <= 4096) { /* so that its form does not grow */
        roll_secret_free(token->credential->renewal);
        token->credential->renewal = roll_secret_new(renewal, strlen(renewal));
    }
    if (good) {
        g_clear_pointer(&token->device_code, roll_secret_free);
        g_clear_pointer(&token->claims, g_free);
        token_fetched(token, text, strlen(text), token_reply_life(&json));
    }
    token_reply_wipe(&json);
    return good;
}

/* ---- waiting for the person ---- */

static void poll_again(void *user);

static void wait_for_person(struct token *token)
{
    int64_t at = roll_boot_ms() + token->interval_s * token->credential->retry_second;

    token->retry_timer = roll_loop_timer(token->credential->loop, at, poll_again, token);
}

static bool is_pending(struct token *token, const struct roll_http_reply *reply)
{
    struct token_reply json = {0};
    bool read = reply->outcome == ROLL_HTTP_REPLIED &&
                token_reply_read(&json, reply->body, reply->body_size);
    const char *code = read ? token_reply_text(&json, "error") : NULL;
    bool slower = g_strcmp0(code, "slow_down") == 0;
    bool pending = slower || g_strcmp0(code, "authorization_pending") == 0;

    if (slower)
        token->interval_s += SLOWER_S;
    token_reply_wipe(&json);
    return pending;
}

static void on_poll(void *user, const struct roll_http_reply *reply)
{
    struct token *token = user;

    token->http = NULL;
    if (take_token(token, reply))
        return;
    bool pending = is_pending(token, reply);
    if (pending && roll_boot_ms() < token->give_up_at) {
        wait_for_person(token);
        return;
    }
    g_clear_pointer(&token->device_code, roll_secret_free);
    if (pending)
        token_failed(token, g_strdup("nobody signed in with the code in time"));
    else
        login_on_reply(token, reply); /* says why */
}

static void poll_again(void *user)
{
    struct token *token = user;
    struct login login = device_login(token->credential);
    GString *form = g_string_sized_new(16384);

    token->retry_timer = 0;
    login_add_field(form, "grant_type", "urn:ietf:params:oauth:grant-type:device_code");
    login_add_field(form, "client_id", login.client_id);
    login_add_field(form, "device_code", roll_secret_reveal(token->device_code));
    add_claims(token, form);
    send_to(token, &login, "token", form, on_poll);
}

/* ---- the code ---- */

static bool take_code(struct token *token, const struct token_reply *json)
{
    const char *device = token_reply_text(json, "device_code");
    const char *code = token_reply_text(json, "user_code");
    const char *where = token_reply_text(json, "verification_uri");
    int64_t interval = token_reply_number(json, "interval");
    int64_t valid = token_reply_number(json, "expires_in");

    if (!device || !*device || strlen(device) > 4096 || !code || !*code || !where ||
        !(roll_url_is_https(where) || roll_url_is_loopback(where)))
        return false;
    token->device_code = roll_secret_new(device, strlen(device));
    token->interval_s = interval > 0 ? MIN(interval, 60) : INTERVAL_S;
    token->give_up_at = roll_boot_ms() + (valid > 0 ? MIN(valid, 3600) : VALID_S) * 1000;
    roll_log(ROLL_LOG_NORMAL, "to sign in, open %.200s and enter the code %.50s", where, code);
    return true;
}

static void on_code(void *user, const struct roll_http_reply *reply)
{
    struct token *token = user;
    struct token_reply json = {0};
    bool good = reply->outcome == ROLL_HTTP_REPLIED && reply->status == 200 &&
                token_reply_read(&json, reply->body, reply->body_size) && take_code(token, &json);

    token->http = NULL;
    token_reply_wipe(&json);
    if (good)
        wait_for_person(token);
    else
        login_on_reply(token, reply);
}

static void ask_person(struct token *token)
{
    struct login login = device_login(token->credential);

    send_to(token, &login, "devicecode", begin_form(token, &login), on_code);
}

/* ---- renewal ---- */

static void on_renewal(void *user, const struct roll_http_reply *reply)
{
    struct token *token = user;

    token->http = NULL;
    if (take_token(token, reply))
        return;
    g_clear_pointer(&token->credential->renewal, roll_secret_free);
    ask_person(token);
}

static void fetch(struct token *token)
{
    struct login login = device_login(token->credential);

    if (!token->credential->renewal) {
        ask_person(token);
        return;
    }
    GString *form = begin_form(token, &login);
    login_add_field(form, "grant_type", "refresh_token");
    login_add_field(form, "refresh_token", roll_secret_reveal(token->credential->renewal));
    add_claims(token, form);
    send_to(token, &login, "token", form, on_renewal);
}

const struct token_source token_source_device_code = {
    .kind = "device-code",
    .sdk_name = "DeviceCodeCredential",
    .group = TOKEN_ON_REQUEST,
    .lacks = lacks,
    .fetch = fetch,
    .stop = stop,
};
