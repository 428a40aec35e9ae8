/* roll doctor in the clouds: what is asked of ARM, Key Vaults, registries and logins, and what the
 * answers say. Each question has one finding. */
#include <string.h>

#include "doctor_cloud.h"
#include "rollbook/time.h"

#define ASKED_MAX 5   /* subscriptions, registries, vaults of one connection */
#define SKEW_MAX_S 60 /* DESIGN section 4: beyond it nobody takes over */
#define SUBSCRIPTION_API "2022-12-01"

struct doctor_question {
    struct doctor_connection *connection;
    struct doctor_finding *finding;
    int64_t began;
    char *subject; /* a subscription, a registry's host, VAULT/SECRET */
};

static struct doctor_question *ask_new(struct doctor_connection *connection,
                                       struct doctor_finding *finding, const char *subject)
{
    struct doctor_question *ask = g_new0(struct doctor_question, 1);

    ask->connection = connection;
    ask->finding = finding;
    ask->subject = g_strdup(subject);
    ask->began = roll_boot_ms();
    doctor_say(finding, DOCTOR_WARN, g_strdup_printf("%s does not answer", subject), NULL);
    g_ptr_array_add(connection->clouds->questions, ask);
    connection->clouds->open++;
    return ask;
}

static void answered(struct doctor_question *ask, enum doctor_state state, char *detail, char *next)
{
    struct doctor_clouds *clouds = ask->connection->clouds;

    ask->finding->took_ms = roll_boot_ms() - ask->began;
    doctor_say(ask->finding, state, detail, next);
    if (--clouds->open == 0)
        roll_loop_stop(clouds->loop);
}

void doctor_question_free(void *item)
{
    struct doctor_question *ask = item;

    g_free(ask->subject);
    g_free(ask);
}

/* ---- ARM ------------------------------------------------------------------------------------ */

static void see_clock(struct doctor_connection *connection, int64_t server_ms)
{
    struct doctor_finding *finding = connection->clock;
    int64_t skew_s = (roll_now_ms() - server_ms) / 1000;

    if (server_ms <= 0 || finding->state != DOCTOR_NONE)
        return;
    if (ABS(skew_s) <= 2) /* the header has whole seconds, and the reply was on its way */
        doctor_say(finding, DOCTOR_OK, g_strdup("agrees with Azure's"), NULL);
    else if (ABS(skew_s) <= SKEW_MAX_S)
        doctor_say(finding, DOCTOR_OK,
                   g_strdup_printf("%d s %s Azure's", (int)ABS(skew_s),
                                   skew_s > 0 ? "ahead of" : "behind"),
                   NULL);
    else
        doctor_say(finding, DOCTOR_BAD,
                   g_strdup_printf("%" G_GINT64_FORMAT " s %s Azure's: tokens and claims are off",
                                   (gint64)ABS(skew_s), skew_s > 0 ? "ahead of" : "behind"),
                   g_strdup("set this machine's clock (timedatectl set-ntp true)"));
}

static void on_arm(void *user, const struct roll_arm_reply *reply)
{
    struct doctor_question *ask = user;

    see_clock(ask->connection, reply->server_date_ms);
    if (reply->outcome == ROLL_ARM_OK)
        answered(ask, DOCTOR_OK, g_strdup_printf("answers for %s", ask->subject), NULL);
    else if (reply->status > 0)
        answered(ask, DOCTOR_BAD,
                 g_strdup_printf("refuses %s: %s", ask->subject,
                                 reply->code ? reply->code : "without a reason"),
                 g_strdup_printf("roll doctor --role release %s   prints the role that it needs",
                                 ask->connection->where));
    else
        answered(ask, DOCTOR_BAD,
                 g_strdup_printf("does not answer: %s", reply->message ? reply->message : ""),
                 NULL);
}

static void ask_arm(struct doctor_connection *connection)
{
    for (guint i = 0; i < MIN(connection->subscriptions->len, ASKED_MAX); i++) {
        const char *id = g_ptr_array_index(connection->subscriptions, i);
        struct doctor_question *ask = ask_new(
            connection, doctor_find(connection->clouds->doctor, connection->where, "ARM"), id);
        roll_arm_resource_get(connection->arm, id, SUBSCRIPTION_API, on_arm, ask);
    }
}

/* ---- Key Vault ------------------------------------------------------------------------------ */

static void on_vault(void *user, const struct roll_arm_reply *reply)
{
    struct doctor_question *ask = user;
    g_autofree char *vault = g_strndup(ask->subject, strcspn(ask->subject, "/"));

    if (reply->outcome == ROLL_ARM_OK || reply->outcome == ROLL_ARM_NOT_FOUND)
        answered(ask, DOCTOR_OK, g_strdup_printf("%s answers", vault), NULL);
    else if (reply->status > 0) /* a deployment needs no more than vaults/deploy/action at ARM */
        answered(ask, DOCTOR_WARN,
                 g_strdup_printf("%s: versions of its secrets cannot be seen", reply->message),
                 g_strdup_printf("give the role 'Key Vault Reader' on %s", vault));
    else
        answered(ask, DOCTOR_BAD, g_strdup(reply->message), NULL);
}

static void ask_vaults(struct doctor_connection *connection)
{
    const char *suffix = roll_credential_key_vault(connection->credential);

    for (guint i = 0; *suffix && i < MIN(connection->vaults->len, ASKED_MAX); i++) {
        struct doctor_question *ask = ask_new(
            connection, doctor_find(connection->clouds->doctor, connection->where, "Key Vault"),
            g_ptr_array_index(connection->vaults, i));
        g_autofree char *vault = g_strndup(ask->subject, strcspn(ask->subject, "/"));
        roll_key_vault_versions(connection->clouds->loop, connection->credential, vault,
                                ask->subject + strlen(vault) + 1, DOCTOR_WAIT_MS, on_vault, ask);
    }
}

/* ---- the credential ------------------------------------------------------------------------- */

/* What the failure itself advises, else another credential. */
static char *next_of(const struct roll_error *err)
{
    roll_auto(json) json_t *detail = err->detail ? json_loads(err->detail, 0, NULL) : NULL;
    const char *next = json_string_value(json_array_get(json_object_get(detail, "next"), 0));

    return g_strdup(next ? next
                         : "az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and "
                           "AZURE_CLIENT_SECRET");
}

static void on_token(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct doctor_question *ask = user;
    struct doctor_connection *connection = ask->connection;
    const char *who = roll_credential_actor(connection->credential);
    char **passed = roll_credential_passed(connection->credential);

    ask->finding->more = passed;
    if (!token) {
        doctor_say(doctor_find(connection->clouds->doctor, connection->where, "ARM"), DOCTOR_NONE,
                   g_strdup("was not asked: there is no token"), NULL);
        answered(ask, DOCTOR_BAD, g_strdup(passed[0] ? "none works" : err->message), next_of(err));
        return;
    }
    connection->clouds->open++; /* what follows belongs to the same look */
    ask_arm(connection);
    ask_vaults(connection);
    connection->clouds->open--;
    answered(ask, DOCTOR_OK,
             g_strdup_printf("%s, %s", roll_credential_source(connection->credential),
                             who ? who : "whom the token does not name"),
             NULL);
}

static const char *credential_word(const char *credential)
{
    return credential ? credential : "the default chain";
}

void doctor_ask_credential(struct doctor_connection *connection)
{
    roll_credential_token(connection->credential, NULL, on_token,
                          ask_new(connection, connection->credential_finding,
                                  credential_word(connection->target.credential)));
}

/* ---- registries ----------------------------------------------------------------------------- */

static void on_registry(void *user, const struct roll_http_reply *reply)
{
    struct doctor_question *ask = user;

    if (reply->outcome != ROLL_HTTP_REPLIED)
        answered(ask, DOCTOR_WARN,
                 g_strdup_printf("%s does not answer: %s", ask->subject, reply->problem), NULL);
    else if (reply->status == 200 || reply->status == 401) /* 401: and wants a token */
        answered(ask, DOCTOR_OK, g_strdup_printf("%s answers", ask->subject), NULL);
    else
        answered(ask, DOCTOR_WARN, g_strdup_printf("%s answers %d", ask->subject, reply->status),
                 NULL);
}

/* Without a token: whether it is there at all. */
static void ask_registry(struct doctor_connection *connection, const char *host)
{
    g_autofree char *plain = g_strdup_printf("http://%s/v2/", host);
    g_autofree char *url = g_strdup_printf("https://%s/v2/", host);
    struct roll_http_request request = {.method = "GET",
                                        .url = roll_url_is_loopback(plain) ? plain : url,
                                        .timeout_ms = DOCTOR_WAIT_MS / 2};
    struct doctor_question *ask = ask_new(
        connection, doctor_find(connection->clouds->doctor, connection->where, "registry"), host);

    roll_http_send(connection->clouds->loop, &request, on_registry, ask);
}

void doctor_ask_registries(struct doctor_connection *connection, const struct roll_plan *plan)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < plan->artifacts->len && g_hash_table_size(seen) < ASKED_MAX; i++) {
        const struct roll_plan_artifact *artifact = g_ptr_array_index(plan->artifacts, i);
        g_autofree char *host = g_strndup(artifact->reference, strcspn(artifact->reference, "/{ "));
        if (g_str_equal(artifact->kind, "image") && strpbrk(host, ".:") &&
            g_hash_table_add(seen, g_strdup(host)))
            ask_registry(connection, host);
    }
}
