/* roll doctor in the clouds: for every environment the credential and whom it proves, ARM,
 * registries, Key Vaults, and how far the clocks are apart. All is asked side by side; what has not
 * answered in time is said to be silent. */
#include <string.h>

#include "doctor_cloud.h"
#include "rollbook/time.h"

static void connection_free(void *item)
{
    struct doctor_connection *connection = item;

    g_free(connection->where);
    g_ptr_array_unref(connection->subscriptions);
    g_ptr_array_unref(connection->vaults);
    g_free(connection);
}

/* ---- which connections there are ------------------------------------------------------------ */

/* The credential's question comes first, so that its row does. */
static struct roll_error *connect(struct doctor_clouds *clouds, const char *where,
                                  const struct roll_plan_target *planned, const char *credential,
                                  struct doctor_connection **ret_connection)
{
    struct doctor_connection *connection = g_new0(struct doctor_connection, 1);

    g_ptr_array_add(clouds->connections, connection);
    connection->clouds = clouds;
    connection->where = g_strdup(where);
    connection->subscriptions = g_ptr_array_new_with_free_func(g_free);
    connection->vaults = g_ptr_array_new_with_free_func(g_free);
    connection->target = (struct roll_order_target){.cloud = planned->cloud,
                                                    .tenant = planned->tenant,
                                                    .credential = (char *)(uintptr_t)credential};
    connection->credential_finding = doctor_find(clouds->doctor, where, "credential");
    connection->clock = doctor_find(clouds->doctor, where, "clock");
    doctor_say(connection->clock, DOCTOR_NONE, g_strdup("nobody has said what time it is"), NULL);
    *ret_connection = connection;
    return roll_links_get(clouds->links, &connection->target, &connection->arm,
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

static void add_scope(struct doctor_connection *connection, const struct roll_plan_target *target)
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

static void add_secrets(struct doctor_connection *connection, const json_t *secrets)
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

static void add_vaults(struct doctor_connection *connection, const struct doctor_place *place)
{
    struct roll_ledger *ledger = connection->clouds->doctor->app->ledger;
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
    struct doctor_clouds *clouds;
    const struct doctor_place *place;
    const char *where;
    GHashTable *known; /* "cloud\ntenant\ncredential" -> struct doctor_connection * */
};

static struct roll_error *add_way(struct ways *ways, const struct roll_plan_target *target,
                                  const char *credential)
{
    g_autofree char *key = g_strjoin("\n", target->cloud, target->tenant ? target->tenant : "",
                                     credential ? credential : "", NULL);
    struct doctor_connection *connection = g_hash_table_lookup(ways->known, key);

    if (!connection) {
        struct roll_error *err =
            connect(ways->clouds, ways->where, target, credential, &connection);
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
    GPtrArray *connections = ways->clouds->connections;

    for (guint i = from; i < connections->len; i++) {
        struct doctor_connection *connection = g_ptr_array_index(connections, i);
        if (!connection->credential)
            continue;
        add_vaults(connection, ways->place);
        doctor_ask_credential(connection);
        if (i == from)
            doctor_ask_registries(connection, ways->place->plan);
    }
}

static struct roll_error *add_place(struct doctor_clouds *clouds, const struct doctor_place *place)
{
    g_autofree char *where = roll_stream_of(place->plan, place->environment);
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct ways ways = {clouds, place, where, known};
    guint from = clouds->connections->len;

    for (guint i = 0; i < place->environment->targets->len; i++)
        ROLL_TRY(add_target(&ways, g_ptr_array_index(place->environment->targets, i)));
    begin(&ways, from);
    return NULL;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void too_late(void *user)
{
    struct doctor_clouds *clouds = user;

    roll_loop_stop(clouds->loop);
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

static struct roll_error *look_all(struct doctor_clouds *clouds, const struct doctor_place *places,
                                   size_t count)
{
    unsigned timer =
        roll_loop_timer(clouds->loop, roll_boot_ms() + DOCTOR_WAIT_MS, too_late, clouds);

    for (size_t i = 0; i < count; i++)
        ROLL_TRY(add_place(clouds, &places[i]));
    struct roll_error *err = clouds->open > 0 ? roll_loop_run(clouds->loop) : NULL;
    roll_loop_cancel_timer(clouds->loop, timer);
    sort_findings(clouds->doctor);
    return err;
}

struct roll_error *doctor_look_there(struct doctor *doctor, const struct doctor_place *places,
                                     size_t count)
{
    g_autoptr(GPtrArray) questions = g_ptr_array_new_with_free_func(doctor_question_free);
    g_autoptr(GPtrArray) connections = g_ptr_array_new_with_free_func(connection_free);
    roll_auto(loop) struct roll_loop *loop = NULL;

    ROLL_TRY(roll_loop_new(&loop));
    roll_auto(links) struct roll_links *links = roll_links_new(loop, roll_app_sandbox, doctor->app);
    struct doctor_clouds clouds = {doctor, loop, links, connections, questions, 0};
    return look_all(&clouds, places, count);
}
