/* Everything of Rollbook that speaks to a network, asked for one thing each. In the process itself
 * where there is a function for it; by the program where only a whole command does it. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "hostile.h"
#include "rollbook/azure.h"
#include "rollbook/storage.h"

#define SUBSCRIPTION "11111111-1111-1111-1111-111111111111"
#define SECOND 1000

static void must(struct roll_error *err)
{
    if (err)
        g_error("%s", err->message);
}

struct world {
    struct roll_loop *loop;
    struct roll_cloud *cloud;
    struct roll_credential *credential;
    struct roll_arm *arm;
    bool good;
    int calls;
};

static void open_world(struct world *world, const char *cloud)
{
    must(roll_loop_new(&world->loop));
    must(roll_cloud_new(cloud, NULL, &world->cloud));
    must(roll_credential_new(world->loop, world->cloud, NULL, "environment", &world->credential));
    world->arm = roll_arm_new(world->loop, world->cloud, world->credential);
}

static bool close_world(struct world *world)
{
    must(roll_loop_run(world->loop));
    roll_arm_free(world->arm);
    roll_credential_free(world->credential);
    roll_cloud_free(world->cloud);
    roll_loop_free(world->loop);
    if (world->calls != 1)
        g_error("%d replies instead of one", world->calls);
    return world->good;
}

static void on_arm(void *user, const struct roll_arm_reply *reply)
{
    struct world *world = user;

    world->calls++;
    world->good = reply->outcome == ROLL_ARM_OK;
}

static const struct roll_arm_scope group = {
    .kind = ROLL_SCOPE_GROUP, .subscription = SUBSCRIPTION, .resource_group = "g"};

static bool run_get(const struct hostile *server)
{
    struct world world = {0};

    (void)server;
    open_world(&world, "public");
    roll_arm_get(world.arm, &group, "d", on_arm, &world);
    return close_world(&world);
}

static bool run_put(const struct hostile *server)
{
    struct world world = {0};
    struct roll_arm_deployment deployment = {
        .scope = group, .name = "d", .template_text = "{}", .parameters_text = "{}"};

    (void)server;
    open_world(&world, "public");
    roll_arm_put(world.arm, &deployment, on_arm, &world);
    return close_world(&world);
}

static bool run_what_if(const struct hostile *server)
{
    struct world world = {0};
    struct roll_arm_deployment deployment = {
        .scope = group, .name = "d", .template_text = "{}", .parameters_text = "{}"};

    (void)server;
    open_world(&world, "public");
    roll_arm_what_if(world.arm, &deployment, on_arm, &world);
    return close_world(&world);
}

static bool run_operations(const struct hostile *server)
{
    struct world world = {0};

    (void)server;
    open_world(&world, "public");
    roll_arm_operations(world.arm, &group, "d", on_arm, &world);
    return close_world(&world);
}

static bool run_action(const struct hostile *server)
{
    struct world world = {0};

    (void)server;
    open_world(&world, "public");
    roll_arm_action(world.arm,
                    "/subscriptions/" SUBSCRIPTION
                    "/resourceGroups/g/providers/Microsoft.Web/sites/s/slotsswap",
                    "2022-09-01", "{}", NULL, on_arm, &world);
    return close_world(&world);
}

static void on_token(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct world *world = user;

    (void)err;
    world->calls++;
    world->good = token != NULL;
}

static bool run_token(const struct hostile *server)
{
    struct world world = {0};

    (void)server;
    open_world(&world, "public");
    roll_credential_token(world.credential, NULL, on_token, &world);
    return close_world(&world);
}

static bool run_metadata(const struct hostile *server)
{
    struct world world = {0};

    (void)server;
    open_world(&world, "https://cloud.example");
    roll_credential_token(world.credential, NULL, on_token, &world);
    return close_world(&world);
}

static bool run_vault(const struct hostile *server)
{
    struct world world = {0};

    (void)server;
    open_world(&world, "public");
    roll_key_vault_versions(world.loop, world.credential, "shop", "db", 10 * SECOND, on_arm,
                            &world);
    return close_world(&world);
}

static bool run_registry(const struct hostile *server)
{
    struct world world = {0};

    (void)server;
    open_world(&world, "public");
    roll_registry_digest(world.loop, world.credential, "contoso.azurecr.io/shop/web", "1", on_arm,
                         &world);
    return close_world(&world);
}

static void on_storage(void *user, const struct roll_storage_reply *reply)
{
    struct world *world = user;

    world->calls++;
    world->good = reply->outcome == ROLL_STORAGE_OK;
}

static bool run_storage(bool append)
{
    struct world world = {0};
    struct roll_storage *storage;

    open_world(&world, "public");
    struct roll_storage_options options = {.loop = world.loop,
                                           .endpoint = "https://drop.blob.core.windows.net",
                                           .account = "drop",
                                           .container = "c",
                                           .credential = world.credential,
                                           .timeout_ms = 10 * SECOND};
    must(roll_storage_new(&options, &storage));
    if (append)
        roll_storage_append(storage, "shop", 0, "x", 1, on_storage, &world);
    else
        roll_storage_read(storage, "shop", 0, 100, NULL, 0, on_storage, &world);
    must(roll_loop_run(world.loop));
    roll_storage_free(storage);
    return close_world(&world);
}

static bool run_storage_read(const struct hostile *server)
{
    (void)server;
    return run_storage(false);
}

static bool run_storage_append(const struct hostile *server)
{
    (void)server;
    return run_storage(true);
}

/* ---- the program ---------------------------------------------------------------------------- */

static int spawn(const char *folder, const char *const *argv, char **ret_output)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *out = NULL, *err = NULL;
    int status = -1;

    if (!g_spawn_sync(folder, (char **)(uintptr_t)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out,
                      &err, &status, &failure))
        g_error("%s: %s", argv[0], failure->message);
    *ret_output = g_strconcat(out, err, NULL);
    if (!WIFEXITED(status))
        g_error("%s ended by signal %d", argv[0], WTERMSIG(status));
    return WEXITSTATUS(status);
}

static void set_git(void)
{
    static const char *const identity[] = {"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL",
                                           "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"};
    g_autofree char *path =
        g_strconcat(ROLL_SOURCE_DIR "/tests/scenarios/bin:", g_getenv("PATH"), NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(identity); i++)
        g_setenv(identity[i], "a@example.com", TRUE);
    g_setenv("GIT_CONFIG_NOSYSTEM", "1", TRUE);
    g_setenv("PATH", path, TRUE);
}

/* A workspace whose environment prod speaks to the victim, and an out of it. */
static bool run_program(const char *prod, const char *top, int good_exit)
{
    g_autofree char *folder = g_dir_make_tmp("roll-hostile-XXXXXX", NULL);
    g_autofree char *make_app =
        g_build_filename(ROLL_SOURCE_DIR "/tests/scenarios/bin/make-app", NULL);
    g_autofree char *made = NULL, *said = NULL, *removed = NULL;
    const char *make[] = {make_app, prod, top, NULL};
    const char *out[] = {ROLL_BINARY_DIR "/roll", "-vv", "out", "prod", "--yes", NULL};
    const char *clear[] = {"rm", "-rf", "--one-file-system", folder, NULL};

    set_git();
    g_unsetenv("ROLL_TEST_HASTE"); /* commands have limits that people wait for */
    if (spawn(folder, make, &made) != 0)
        g_error("make-app: %s", made);
    int status = spawn(folder, out, &said);
    if (strstr(said, PLANTED))
        g_error("a secret is shown: %s", said);
    if (status != good_exit && status != 5 && status != 8)
        g_error("exit code %d: %s", status, said);
    if (status != good_exit && g_getenv("ROLL_TEST_VERBOSE"))
        fprintf(stderr, "%s", said);
    spawn(folder, clear, &removed);
    return status == good_exit;
}

static bool run_gate(const struct hostile *server)
{
    (void)server;
    return run_program("\"lanes\":{\"release\":{\"gates\":[\"ready\"]}}",
                       "\"gates\":{\"ready\":{\"http\":\"https://gate.example/ready\","
                       "\"timeout\":\"PT2S\"}}",
                       0);
}

static bool run_health(const struct hostile *server)
{
    (void)server;
    return run_program("\"health\":[{\"http\":\"https://health.example/\",\"within\":\"PT1S\"}]",
                       "", 0);
}

/* What it is told is taken, or not: the rollout succeeds all the same. Whether it was taken is
 * asked afterwards by what waits. */
static bool run_webhook(const struct hostile *server)
{
    g_setenv("HOOK", "https://hook.example/" PLANTED "/services", TRUE);
    if (!run_program("", "\"notify\":[{\"webhook\":\"env:HOOK\",\"on\":[\"succeeded\"]}]", 0))
        g_error("a webhook stood in the way");
    return server->trick->good;
}

const struct client clients[] = {
    {"arm-get", ARM_HOST, run_get, 160 * SECOND, false},
    {"arm-put", ARM_HOST, run_put, 160 * SECOND, false},
    {"arm-what-if", ARM_HOST, run_what_if, 160 * SECOND, false},
    {"arm-operations", ARM_HOST, run_operations, 160 * SECOND, false},
    {"arm-action", ARM_HOST, run_action, 160 * SECOND, false, .any_body = true},
    {"token", LOGIN_HOST, run_token, 70 * SECOND, false},
    {"metadata", "cloud.example", run_metadata, 140 * SECOND, false},
    {"key-vault", "shop.vault.azure.net", run_vault, 30 * SECOND, false},
    {"registry", "contoso.azurecr.io", run_registry, 140 * SECOND, false},
    {"storage-read", "drop.blob.core.windows.net", run_storage_read, 120 * SECOND, false,
     .any_body = true},
    {"storage-append", "drop.blob.core.windows.net", run_storage_append, 120 * SECOND, false,
     .any_body = true, .pauses_ms = 20 * SECOND},
    {"gate", "gate.example", run_gate, 40 * SECOND, true, .any_body = true},
    {"health", "health.example", run_health, 40 * SECOND, true, .any_body = true},
    {"webhook", "hook.example", run_webhook, 30 * SECOND, true},
};
const size_t client_count = G_N_ELEMENTS(clients);
