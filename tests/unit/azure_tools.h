/* For tests of the ARM client: a scripted server, a loop, a credential, and what one call gave. */
#ifndef AZURE_TOOLS_H
#define AZURE_TOOLS_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "azure/arm.h"
#include "rollbook/azure.h"
#include "rollbook/json.h"
#include "tools/scripted_server.h"

/* A loop, a cloud at the scripted server, a credential and an ARM client. */
struct world {
    struct scripted_server *server;
    struct roll_loop *loop;
    struct roll_cloud *cloud;
    struct roll_credential *credential;
    struct roll_arm *arm;
};

/* What one call gave, copied out of its callback. */
struct seen {
    int calls;
    enum roll_arm_outcome outcome;
    int status;
    char *body, *code, *message, *error_json, *state, *correlation_id, *poll_url;
    int64_t arm_at, duration_ms, retry_after_ms;
};

static const struct roll_arm_scope group = {.kind = ROLL_SCOPE_GROUP,
                                            .subscription = "11111111-1111-1111-1111-111111111111",
                                            .resource_group = "shop-weu"};
#define GROUP "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/shop-weu"
#define DEPLOYMENT GROUP "/providers/Microsoft.Resources/deployments/d1"

static inline void on_reply(void *user, const struct roll_arm_reply *reply)
{
    struct seen *seen = user;
    GString *body = g_string_new(NULL);

    seen->calls++;
    seen->outcome = reply->outcome;
    seen->status = reply->status;
    if (reply->body)
        roll_json_write(reply->body, body);
    seen->body = g_string_free(body, FALSE);
    seen->code = g_strdup(reply->code);
    seen->message = g_strdup(reply->message);
    seen->error_json = g_strdup(reply->error_json);
    seen->state = g_strdup(reply->state);
    seen->correlation_id = g_strdup(reply->correlation_id);
    seen->poll_url = g_strdup(reply->poll_url);
    seen->arm_at = reply->arm_at;
    seen->duration_ms = reply->duration_ms;
    seen->retry_after_ms = reply->retry_after_ms;
}

static inline void clear(struct seen *seen)
{
    g_free(seen->body);
    g_free(seen->code);
    g_free(seen->message);
    g_free(seen->error_json);
    g_free(seen->state);
    g_free(seen->correlation_id);
    g_free(seen->poll_url);
    *seen = (struct seen){0};
}

static inline void ok(struct roll_error *err)
{
    ck_assert_msg(!err, "%s", err ? err->message : "");
}

static inline void run(struct world *world, const struct seen *seen)
{
    ok(roll_loop_run(world->loop));
    ck_assert_int_eq(seen->calls, 1);
}

/* A sandbox cloud when kind is NULL; else one as real as loopback allows, with its login at the
 * same server. */
static inline void open_world(struct world *world, const char *script, const char *kind)
{
    world->server = scripted_server_start(script, 0);
    ok(roll_loop_new(&world->loop));
    ok(roll_cloud_new("sandbox", scripted_server_url(world->server), &world->cloud));
    if (kind) {
        world->cloud->sandbox = false;
        g_free(world->cloud->login);
        world->cloud->login = g_strdup(scripted_server_url(world->server));
    }
    ok(roll_credential_new(world->loop, world->cloud, NULL, kind, &world->credential));
    world->arm = roll_arm_new(world->loop, world->cloud, world->credential);
}

static inline void close_world(struct world *world)
{
    g_autofree char *complaint = scripted_server_stop(world->server);

    roll_arm_free(world->arm);
    roll_credential_free(world->credential);
    roll_cloud_free(world->cloud);
    roll_loop_free(world->loop);
    ck_assert_msg(!complaint, "%s", complaint);
    ck_assert_int_eq(roll_error_live(), 0);
}

#endif
