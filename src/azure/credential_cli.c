/* The token of a person who said `az login`. Source: services reference 1.6. */
#include <string.h>
#include <time.h>

#include "azure/credential.h"
#include "rollbook/time.h"

#define AZ_TIMEOUT_MS 60000 /* its start alone takes a second, on a cold machine ten */
#define UNKNOWN_LIFE_S 300  /* the least that az promises */

static char *lacks(const struct roll_credential *credential)
{
    (void)credential;
    return roll_process_available("az") ? NULL : g_strdup("the command 'az' is not installed");
}

/* `2026-11-21 09:30:00.123456` in local time without a zone: what older versions say. -1 when it is
 * something else. */
static int64_t parse_local_time(const char *text)
{
    struct tm tm = {.tm_isdst = -1};
    const char *end = text ? strptime(text, "%Y-%m-%d %H:%M:%S", &tm) : NULL;

    return end && (*end == '\0' || *end == '.') ? (int64_t)mktime(&tm) : -1;
}

static int64_t seconds_left(const struct token_reply *json)
{
    int64_t at = token_reply_number(json, "expires_on");

    if (at < 0)
        at = parse_local_time(token_reply_text(json, "expiresOn"));
    return at < 0 ? UNKNOWN_LIFE_S : at - roll_now_ms() / 1000;
}

/* az writes prose to both streams; the first line is what it has to say ("Please run 'az login'
 * …"). */
static char *complaint(const struct roll_process_result *result)
{
    const char *text = result->err && result->err->len > 0 ? result->err->str : "";

    text += strspn(text, " \t\r\n");
    if (g_str_has_prefix(text, "ERROR: "))
        text += 7;
    if (result->timed_out)
        return g_strdup("'az account get-access-token' did not end within a minute");
    g_autofree char *line = g_strndup(text, MIN(strcspn(text, "\r\n"), 300));
    g_autofree char *valid = g_utf8_make_valid(line, -1);
    if (*valid)
        return g_strdup_printf("'az account get-access-token' says: %s", valid);
    return g_strdup_printf("'az account get-access-token' gave no token (exit %d)",
                           result->exit_status);
}

static void on_end(void *user, const struct roll_process_result *result)
{
    struct token *token = user;
    struct token_reply json = {0};
    bool read = result->exit_status == 0 && result->out && !result->cut &&
                token_reply_read(&json, result->out->str, result->out->len);
    const char *text = read ? token_reply_text(&json, "accessToken") : NULL;

    if (text && *text)
        token_fetched(token, text, strlen(text),
                      (struct token_life){.valid = seconds_left(&json), .renew = -1});
    else
        token_failed(token, complaint(result));
    token_reply_wipe(&json);
}

static void fetch(struct token *token)
{
    struct roll_credential *credential = token->credential;

    /* az would answer with what it has stored, which was refused. */
    if (token->claims) {
        token_failed(token, g_strdup("the service wants a new sign-in: run 'az logout', then "
                                     "'az login'"));
        return;
    }
    g_autofree char *scope = g_strconcat(token->audience, "/.default", NULL);
    const char *argv[] = {"az",
                          "account",
                          "get-access-token",
                          "--output",
                          "json",
                          "--scope",
                          scope,
                          credential->tenant ? "--tenant" : NULL,
                          credential->tenant,
                          NULL};
    struct roll_process_options options = {.argv = argv, .timeout_ms = AZ_TIMEOUT_MS};
    roll_auto(error) struct roll_error *err =
        roll_loop_process(credential->loop, &options, on_end, token);

    if (err)
        token_failed(token, g_strdup("the command 'az' could not be started"));
}

static void stop(struct token *token)
{
    roll_loop_cancel_process(token->credential->loop, token);
}

const struct token_source token_source_cli = {
    .kind = "cli",
    .sdk_name = "AzureCliCredential",
    .group = TOKEN_DEVELOPER,
    .lacks = lacks,
    .fetch = fetch,
    .stop = stop,
};
