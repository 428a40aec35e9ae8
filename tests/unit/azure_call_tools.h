/* For tests of what one call does: a deployment that is put, a client secret, the end of a loop. */
#ifndef ROLLBOOK_TESTS_AZURE_CALL_TOOLS_H
#define ROLLBOOK_TESTS_AZURE_CALL_TOOLS_H

#include "azure_tools.h"

static inline void put(struct world *world, struct seen *seen)
{
    roll_auto(json) json_t *tags = json_pack("{s:s}", "roll-seq", "17");
    struct roll_arm_deployment deployment = {
        .scope = group,
        .name = "d1",
        .correlation_id = "c0c0c0c0-0000-4000-8000-000000000001",
        .location = "westeurope",
        .template_text = "{\"n\":0.10,\"big\":9223372036854775808}",
        .parameters_text = "{\"p\":{\"value\":1e2}}",
        .tags = tags,
    };

    clear(seen);
    roll_arm_put(world->arm, &deployment, on_reply, seen);
    ck_assert_int_eq(seen->calls, 0);
    run(world, seen);
}

static inline void set_client_secret(void)
{
    g_setenv("AZURE_TENANT_ID", "tenant.example", TRUE);
    g_setenv("AZURE_CLIENT_ID", "client-1", TRUE);
    g_setenv("AZURE_CLIENT_SECRET", "s3cret&+ %", TRUE);
}

static inline void stop_loop(void *user)
{
    roll_loop_stop(user);
}

#endif
