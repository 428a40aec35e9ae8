/* roll doctor in the clouds: for every environment the credential and whom it proves, ARM,
 * registries, Key Vaults, and how far the clocks are apart. All is asked side by side; what has not
 * answered in time is said to be silent. */
#include <string.h>

#include "doctor.h"
#include "rollbook/time.h"

#define WAIT_MS 40000 /* longer than the login may take: its own words say why not */
#define ASKED_MAX 5   /* subscriptions, registries, vaults of one connection */
#define SKEW_MAX_S 60 /* DESIGN section 4: beyond it nobody takes over */
#define SUBSCRIPTION_API "2022-12-01"

struct look {
    struct doctor *doctor;
    struct roll_loop *loop;
    struct roll_links *links;
    GPtrArray *connections; /* struct connection *, owned */
    GPtrArray *asks;        /* struct ask *, owned */
    size_t open;            /* questions without an answer */
};

/* A way to sign in, and what is asked with it. */
struct connection {
    struct look *look;
    char *where; /* shop/prod */
    struct roll_order_target target;
    struct roll_arm *arm;
    struct roll_credential *credential;
    struct doctor_finding *credential_finding, *clock;
    GPtrArray *subscriptions; /* text, borrowed from the plan */
    GPtrArray *vaults;        /* text "VAULT/SECRET", owned */
};

/* One question. */
struct ask {
    struct connection *connection;
    struct doctor_finding *finding;
    int64_t began;
    char *subject; /* a subscription, a registry's host, VAULT/SECRET */
};

static struct ask *ask_new(struct connection *connection, struct doctor_finding *finding,
                           const char *subject)
{
    struct ask *ask = g_new0(struct ask, 1);

    ask->connection = connection;
    ask->finding = finding;
    ask->subject = g_strdup(subject);
    ask->began = roll_boot_ms();
    doctor_say(finding, DOCTOR_WARN, g_strdup_printf("%s does not answer", subject), NULL);
    g_ptr_array_add(connection->look->asks, ask);
    connection->look->open++;
    return ask;
}

static void answered(struct ask *ask, enum doctor_state state, char *detail, char *next)
{
    struct look *look = ask->connection->look;

    ask->finding->took_ms = roll_boot_ms() - ask->began;
    doctor_say(ask->finding, state, detail, next);
    if (--look->open == 0)
        roll_loop_stop(look->loop);
}

static void ask_free(void *item)
{
    struct ask *ask = item;

    g_free(ask->subject);
    g_free(ask);
}

static void connection_free(void *item)
{
    struct connection *connection = item;

    g_free(connection->where);
    g_ptr_array_unref(connection->subscriptions);
    g_ptr_array_unref(connection->vaults);
    g_free(connection);
}

/* ---- ARM ------------------------------------------------------------------------------------ */

static void see_clock(struct connection *connection, int64_t server_ms)
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
    struct ask *ask = user;

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

static void ask_arm(struct connection *connection)
{
    for (guint i = 0; i < MIN(connection->subscriptions->len, ASKED_MAX); i++) {
        const char *id = g_ptr_array_index(connection->subscriptions, i);
        struct ask *ask = ask_new(
            connection, doctor_find(connection->look->doctor, connection->where, "ARM"), id);
        roll_arm_resource_get(connection->arm, id, SUBSCRIPTION_API, on_arm, ask);
    }
}

/* ---- Key Vault ------------------------------------------------------------------------------ */

static void on_vault(void *user, const struct roll_arm_reply *reply)
{
    struct ask *ask = user;
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

static void ask_vaults(struct connection *connection)
{
    const char *suffix = roll_credential_key_vault(connection->credential);

    for (guint i = 0; *suffix && i < MIN(connection->vaults->len, ASKED_MAX); i++) {
        struct ask *ask = ask_new(
            connection, doctor_find(connection->look->doctor, connection->where, "Key Vault"),
            g_ptr_array_index(connection->vaults, i));
        g_autofree char *vault = g_strndup(ask->subject, strcspn(ask->subject, "/"));
        roll_key_vault_versions(connection->look->loop, connection->credential, vault,
                                ask->subject + strlen(vault) + 1, WAIT_MS, on_vault, ask);
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
    struct ask *ask = user;
    struct connection *connection = ask->connection;
    const char *who = roll_credential_actor(connection->credential);
    char **passed = roll_credential_passed(connection->credential);

    ask->finding->more = passed;
    if (!token) {
        doctor_say(doctor_find(connection->look->doctor, connection->where, "ARM"), DOCTOR_NONE,
                   g_strdup("was not asked: there is no token"), NULL);
        answered(ask, DOCTOR_BAD, g_strdup(passed[0] ? "none works" : err->message), next_of(err));
        return;
    }
    connection->look->open++; /* what follows belongs to the same look */
    ask_arm(connection);
    ask_vaults(connection);
    connection->look->open--;
    answered(ask, DOCTOR_OK,
             g_strdup_printf("%s, %s", roll_credential_source(connection->credential),
                             who ? who : "whom the token does not name"),
             NULL);
}

/* ---- registries ----------------------------------------------------------------------------- */

static void on_registry(void *user, const struct roll_http_reply *reply)
{
    struct ask *ask = user;

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
static void ask_registry(struct connection *connection, const char *host)
{
    g_autofree char *plain = g_strdup_printf("http://%s/v2/", host);
    g_autofree char *url = g_strdup_printf("https://%s/v2/", host);
    struct roll_http_request request = {.method = "GET",
                                        .url = roll_url_is_loopback(plain) ? plain : url,
                                        .timeout_ms = WAIT_MS / 2};
    struct ask *ask = ask_new(
        connection, doctor_find(connection->look->doctor, connection->where, "registry"), host);

    roll_http_send(connection->look->loop, &request, on_registry, ask);
}

static void ask_registries(struct connection *connection, const struct roll_plan *plan)
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

/* ---- which connections there are ------------------------------------------------------------ */

static const char *credential_word(const char *credential)
{
    return credential ? credential : "the default chain";
}

/* The credential's question comes first, so that its row does. */
static struct roll_error *connect(struct look *look, const char *where,
                                  const struct roll_plan_target *planned, const char *credential,
                                  struct connection **ret_connection)
{
    struct connection *connection = g_new0(struct connection, 1);

    g_ptr_array_add(look->connections, connection);
    connection->look = look;
    connection->where = g_strdup(where);
    connection->subscriptions = g_ptr_array_new_with_free_func(g_free);
    connection->vaults = g_ptr_array_new_with_free_func(g_free);
    connection->target = (struct roll_order_target){.cloud = planned->cloud,
                                                    .tenant = planned->tenant,
                                                    .credential = (char *)(uintptr_t)credential};
    connection->credential_finding = doctor_find(look->doctor, where, "credential");
    connection->clock = doctor_find(look->doctor, where, "clock");
    doctor_say(connection->clock, DOCTOR_NONE, g_strdup("nobody has said what time it is"), NULL);
    *ret_connection = connection;
    return roll_links_get(look->links, &connection->target, &connection->arm,
                          &connection->credential);
}

static char *scope_of(const struct roll_plan_target *target)
{
    if (target->subscription)
        return g_strdup_printf("/subscriptions/%s", target->subscription);
    if (target->management_group)
        return g_strdup_printf("/providers/Microsoft.Management/managementGroups/%s",
                               target->management_group);
    return NULL;
}

static void add_scope(struct connection *connection, const struct roll_plan_target *target)
{
    char *scope = scope_of(target);

    if (!scope ||
        g_ptr_array_find_with_equal_func(connection->subscriptions, scope, g_str_equal, NULL))
        g_free(scope);
    else
        g_ptr_array_add(connection->subscriptions, scope);
}

/* ---- vaults that the newest release names --------------------------------------------------- */

static struct roll_error *take_newest(void *user, const struct roll_release_row *row)
{
    char **digest = user;

    if (!*digest)
        *digest = g_strdup(row->manifest);
    return NULL;
}

static void add_secrets(struct connection *connection, const json_t *secrets)
{
    size_t index;
    json_t *secret;

    json_array_foreach (secrets, index, secret) {
        const char *id = roll_json_get_string(secret, "vault");
        const char *name = roll_json_get_string(secret, "secret");
        const char *last = id ? strrchr(id, '/') : NULL;
        if (!last || !last[1] || !name)
            continue;
        bool known = false;
        for (guint i = 0; i < connection->vaults->len && !known; i++) {
            const char *have = g_ptr_array_index(connection->vaults, i);
            known = g_str_has_prefix(have, last + 1) && have[strlen(last + 1)] == '/';
        }
        if (!known)
            g_ptr_array_add(connection->vaults, g_strdup_printf("%s/%s", last + 1, name));
    }
}

static void add_vaults(struct connection *connection, const struct doctor_place *place)
{
    struct roll_ledger *ledger = connection->look->doctor->app->ledger;
    g_autofree char *digest = NULL;
    roll_auto(json) json_t *manifest = NULL;
    roll_auto(error) struct roll_error *err =
        ledger ? roll_ledger_releases(ledger, place->plan->service, take_newest, &digest) : NULL;
    const char *name;
    json_t *target;

    if (!err && digest)
        err = roll_ledger_object_json(ledger, digest, &manifest);
    json_t *environment =
        json_object_get(json_object_get(manifest, "environments"), place->environment->name);
    json_object_foreach (json_object_get(environment, "targets"), name, target)
        add_secrets(connection, json_object_get(target, "secrets"));
}

/* ---- one environment ------------------------------------------------------------------------ */

struct ways {
    struct look *look;
    const struct doctor_place *place;
    const char *where;
    GHashTable *known; /* "cloud\ntenant\ncredential" -> struct connection * */
};

static struct roll_error *add_way(struct ways *ways, const struct roll_plan_target *target,
                                  const char *credential)
{
    g_autofree char *key = g_strjoin("\n", target->cloud, target->tenant ? target->tenant : "",
                                     credential ? credential : "", NULL);
    struct connection *connection = g_hash_table_lookup(ways->known, key);

    if (!connection) {
        struct roll_error *err = connect(ways->look, ways->where, target, credential, &connection);
        g_hash_table_insert(ways->known, g_steal_pointer(&key), connection);
        if (err) {
            doctor_say(connection->credential_finding, DOCTOR_BAD, g_strdup(err->message), NULL);
            roll_error_free(err);
            connection->credential = NULL;
        }
    }
    add_scope(connection, target);
    return NULL;
}

static struct roll_error *add_target(struct ways *ways, const struct roll_plan_target *target)
{
    const struct roll_plan_environment *environment = ways->place->environment;

    if (!environment->has_lanes)
        return add_way(ways, target, target->credential);
    for (int lane = 0; lane < ROLL_LANE_COUNT; lane++) {
        const char *own = environment->lanes[lane].credential;
        ROLL_TRY(add_way(ways, target, own ? own : target->credential));
    }
    return NULL;
}

/* Asks what the connections of an environment are for, once its targets are all known. */
static void begin(struct ways *ways, guint from)
{
    GPtrArray *connections = ways->look->connections;

    for (guint i = from; i < connections->len; i++) {
        struct connection *connection = g_ptr_array_index(connections, i);
        if (!connection->credential)
            continue;
        add_vaults(connection, ways->place);
        roll_credential_token(connection->credential, NULL, on_token,
                              ask_new(connection, connection->credential_finding,
                                      credential_word(connection->target.credential)));
        if (i == from)
            ask_registries(connection, ways->place->plan);
    }
}

static struct roll_error *add_place(struct look *look, const struct doctor_place *place)
{
    g_autofree char *where = roll_stream_of(place->plan, place->environment);
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct ways ways = {look, place, where, known};
    guint from = look->connections->len;

    for (guint i = 0; i < place->environment->targets->len; i++)
        ROLL_TRY(add_target(&ways, g_ptr_array_index(place->environment->targets, i)));
    begin(&ways, from);
    return NULL;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void too_late(void *user)
{
    struct look *look = user;

    roll_loop_stop(look->loop);
}

/* Rows of one environment stand together in this order, though the answers came in another one. */
static int rank_of(const char *check)
{
    static const char *const checks[] = {"credential", "clock", "ARM", "registry", "Key Vault"};
    size_t rank = 0;

    while (rank < G_N_ELEMENTS(checks) && strcmp(checks[rank], check) != 0)
        rank++;
    return (int)rank;
}

static int compare_findings(gconstpointer a, gconstpointer b, gpointer user)
{
    const struct doctor_finding *left = *(struct doctor_finding *const *)a;
    const struct doctor_finding *right = *(struct doctor_finding *const *)b;
    GHashTable *places = user;
    int first = GPOINTER_TO_INT(g_hash_table_lookup(places, left->where));
    int second = GPOINTER_TO_INT(g_hash_table_lookup(places, right->where));

    return first != second ? first - second : rank_of(left->check) - rank_of(right->check);
}

static void sort_findings(struct doctor *doctor)
{
    g_autoptr(GHashTable) places = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < doctor->findings->len; i++) {
        struct doctor_finding *finding = g_ptr_array_index(doctor->findings, i);
        if (!g_hash_table_contains(places, finding->where))
            g_hash_table_insert(places, finding->where, GINT_TO_POINTER((int)i));
    }
    g_ptr_array_sort_with_data(doctor->findings, compare_findings, places);
}

static struct roll_error *look_all(struct look *look, const struct doctor_place *places,
                                   size_t count)
{
    unsigned timer = roll_loop_timer(look->loop, roll_boot_ms() + WAIT_MS, too_late, look);

    for (size_t i = 0; i < count; i++)
        ROLL_TRY(add_place(look, &places[i]));
    struct roll_error *err = look->open > 0 ? roll_loop_run(look->loop) : NULL;
    roll_loop_cancel_timer(look->loop, timer);
    sort_findings(look->doctor);
    return err;
}

struct roll_error *doctor_look_there(struct doctor *doctor, const struct doctor_place *places,
                                     size_t count)
{
    g_autoptr(GPtrArray) asks = g_ptr_array_new_with_free_func(ask_free);
    g_autoptr(GPtrArray) connections = g_ptr_array_new_with_free_func(connection_free);
    roll_auto(loop) struct roll_loop *loop = NULL;

    ROLL_TRY(roll_loop_new(&loop));
    roll_auto(links) struct roll_links *links = roll_links_new(loop, roll_app_sandbox, doctor->app);
    struct look look = {doctor, loop, links, connections, asks, 0};
    return look_all(&look, places, count);
}
