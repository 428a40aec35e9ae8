/* A 401 or 403 of the store, in words for whoever has to mend it: which of the things that this
 * machine shows is wrong, expired, or not enough. Source: services reference 3.4 (codes), 3.6
 * (SAS). */
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"
#include "sync/sync.h"

enum way { KEY, SAS, TOKEN };

#define CLOCK_MS (INT64_C(10) * 60 * 1000) /* the service takes a quarter of an hour */

static enum way way_of(const struct roll_sync *sync)
{
    return sync->credential ? TOKEN : sync->sas ? SAS : KEY;
}

static bool is_code(const struct answer *answer, const char *code)
{
    return g_strcmp0(answer->code, code) == 0;
}

bool sync_lacks_right(const struct answer *answer)
{
    return answer->sync->sas && answer->outcome == ROLL_STORAGE_FORBIDDEN &&
           is_code(answer, "AuthorizationPermissionMismatch");
}

/* ---- what a SAS says of itself --------------------------------------------------------------- */

/* Times and rights are no secret, the signature is. Owned, NULL: it has no such field. */
static char *sas_field(const struct roll_sync *sync, const char *name)
{
    const char *query = roll_secret_reveal(sync->secret);
    g_auto(GStrv) fields = g_strsplit(query + (query[0] == '?'), "&", -1);
    size_t size = strlen(name);

    for (char **field = fields; *field; field++)
        if (strncmp(*field, name, size) == 0 && (*field)[size] == '=')
            return g_uri_unescape_string(*field + size + 1, NULL);
    return NULL;
}

static int64_t sas_time(const struct roll_sync *sync, const char *name)
{
    g_autofree char *text = sas_field(sync, name);
    int64_t at = 0;

    roll_error_free(text ? roll_time_parse(text, &at) : NULL);
    return at;
}

/* By the store's clock, where it said what it shows. NULL: its times are good. */
static char *sas_is_out_of_time(const struct answer *answer)
{
    const struct roll_sync *sync = answer->sync;
    int64_t now = answer->server_date_ms ? answer->server_date_ms : roll_now_ms();
    int64_t begin = sas_time(sync, "st"), end = sas_time(sync, "se");
    char text[ROLL_TIME_SIZE];

    if (end && end <= now) {
        roll_time_format(end, text);
        return g_strdup_printf("the SAS of ARM_SAS_TOKEN expired at %s", text);
    }
    if (begin && begin > now) {
        roll_time_format(begin, text);
        return g_strdup_printf("the SAS of ARM_SAS_TOKEN is not valid before %s", text);
    }
    return NULL;
}

/* ---- the words ------------------------------------------------------------------------------- */

struct words {
    char *what;
    char *next[2]; /* owned */
};

static char *make_sas(const struct roll_sync *sync)
{
    return g_strdup_printf("az storage container generate-sas --account-name %s --name %s "
                           "--permissions racl --expiry TIME   and set ARM_SAS_TOKEN",
                           sync->account, sync->container);
}

static void say_role(const struct roll_sync *sync, struct words *words)
{
    words->next[0] = g_strdup_printf("az role assignment create --assignee WHO --role \"Storage "
                                     "Blob Data Contributor\" --scope ID-OF-ACCOUNT-%s   Owner of "
                                     "the account is not enough",
                                     sync->account);
    words->next[1] = g_strdup("a role that was just given takes up to 10 minutes");
}

static void not_proved(const struct answer *answer, struct words *words)
{
    const struct roll_sync *sync = answer->sync;
    int64_t off = answer->server_date_ms ? roll_now_ms() - answer->server_date_ms : 0;

    if (way_of(sync) != TOKEN && ABS(off) > CLOCK_MS) {
        words->what = g_strdup_printf("this machine's clock is %" G_GINT64_FORMAT
                                      " min %s the store's, which takes no more than 15",
                                      ABS(off) / 60000, off > 0 ? "ahead of" : "behind");
        words->next[0] = g_strdup("set the clock (timedatectl), then the same again");
    } else if (way_of(sync) == KEY) {
        words->what = g_strdup_printf("ARM_ACCESS_KEY is not a key of account '%s' (any more)",
                                      sync->account);
        words->next[0] = g_strdup_printf(
            "az storage account keys list --account-name %s   and set ARM_ACCESS_KEY",
            sync->account);
    } else if (way_of(sync) == SAS) {
        words->what = g_strdup("the SAS of ARM_SAS_TOKEN is not valid: the key that signed it was "
                               "changed, it is of another account or container, or a part of it "
                               "was lost in copying");
        words->next[0] = make_sas(sync);
    } else {
        words->what = g_strdup("the store does not take the token: it is of another tenant or "
                               "cloud than the account");
        words->next[0] = g_strdup("give plans/ledger.json the account's 'tenant_id' and "
                                  "'environment'");
        words->next[1] = g_strdup("roll doctor   says which credential is used");
    }
}

static void lacks_right(const struct answer *answer, struct words *words)
{
    const struct roll_sync *sync = answer->sync;
    g_autofree char *rights = way_of(sync) == SAS ? sas_field(sync, "sp") : NULL;

    if (way_of(sync) == SAS) {
        words->what =
            g_strdup_printf("the SAS of ARM_SAS_TOKEN does not give the right to do this: it has "
                            "sp=%s, all that roll does needs racl",
                            rights ? rights : "(none)");
        words->next[0] = make_sas(sync);
    } else {
        words->what = g_strdup("who asks has no role on the store's data that allows this");
        say_role(sync, words);
    }
}

/* The service says this of its firewall; emulators also of a wrong signature. */
static void not_admitted(const struct answer *answer, struct words *words)
{
    const struct roll_sync *sync = answer->sync;

    words->what = g_strdup_printf(
        "account '%s' does not admit this: its network rules keep this machine out%s",
        sync->account,
        way_of(sync) == SAS
            ? ", or the SAS is for other addresses (sip), protocols (spr) or services"
        : way_of(sync) == KEY ? ", or ARM_ACCESS_KEY is not its key"
                              : "");
    words->next[0] = g_strdup_printf("az storage account show --name %s --query networkRuleSet   "
                                     "and try from an agent that it admits",
                                     sync->account);
}

static void no_keys(const struct answer *answer, struct words *words)
{
    words->what = g_strdup_printf("account '%s' takes neither access keys nor the SAS that they "
                                  "sign",
                                  answer->sync->account);
    words->next[0] = g_strdup("set \"use_azuread_auth\": true in plans/ledger.json");
    words->next[1] = g_strdup("or a SAS of a user delegation key (--auth-mode login --as-user)");
}

static const struct {
    const char *code;
    void (*say)(const struct answer *answer, struct words *words);
} rows[] = {
    {"AuthenticationFailed", not_proved},
    {"InvalidAuthenticationInfo", not_proved},
    {"NoAuthenticationInformation", not_proved},
    {"AuthorizationPermissionMismatch", lacks_right},
    {"InsufficientAccountPermissions", lacks_right},
    {"AuthorizationFailure", not_admitted},
    {"AuthorizationSourceIPMismatch", not_admitted},
    {"AuthorizationProtocolMismatch", not_admitted},
    {"AuthorizationServiceMismatch", not_admitted},
    {"AuthorizationResourceTypeMismatch", not_admitted},
    {"KeyBasedAuthenticationNotPermitted", no_keys},
};

/* Nothing was doubled: a place is written once. Nothing is lost either: what is in the store is
 * found when somebody reads it. */
static void not_proved_to_be_there(const struct answer *answer, struct words *words)
{
    const struct roll_sync *sync = answer->sync;
    g_autofree char *rights = way_of(sync) == SAS ? sas_field(sync, "sp") : NULL;

    words->what = g_strdup_printf("the shared store may have taken this: its answer was lost, and "
                                  "%s%s%s not let us look",
                                  rights ? "a SAS with sp=" : "what this machine shows",
                                  rights ? rights : "", " does");
    if (way_of(sync) == SAS)
        words->next[0] = make_sas(sync);
    else
        say_role(sync, words);
    g_free(words->next[1]);
    words->next[1] =
        g_strdup("roll ledger sync   then, here: shows whether it is there, and brings "
                 "in what was recorded aside");
}

static void explain(const struct answer *answer, struct words *words)
{
    if (answer->unproved) {
        not_proved_to_be_there(answer, words);
        return;
    }
    words->what = way_of(answer->sync) == SAS ? sas_is_out_of_time(answer) : NULL;
    if (words->what) {
        words->next[0] = make_sas(answer->sync);
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (is_code(answer, rows[i].code)) {
            rows[i].say(answer, words);
            return;
        }
    words->what = g_strdup("the shared store does not let us");
    words->next[0] = g_strdup_printf("az storage account show --name %s   by whoever may",
                                     answer->sync->account);
}

struct roll_error *sync_refused(const struct answer *answer, const char *what)
{
    struct words words = {0};
    roll_auto(json) json_t *detail = json_object(), *next = json_array();
    g_autoptr(GString) text = g_string_new(NULL);

    explain(answer, &words);
    for (size_t i = 0; i < G_N_ELEMENTS(words.next); i++)
        if (words.next[i])
            json_array_append_new(next, json_string(words.next[i]));
    json_object_set(detail, "next", next);
    roll_json_write(detail, text);
    struct roll_error *err =
        roll_error_new(ROLL_E_CREDENTIAL, "%s (%d%s%s), while %s", words.what, answer->status,
                       answer->code ? " " : "", answer->code ? answer->code : "", what);
    g_free(words.what);
    for (size_t i = 0; i < G_N_ELEMENTS(words.next); i++)
        g_free(words.next[i]);
    return roll_error_detail(err, text->str);
}
