/* Who asks, by the word of the pipeline or of this machine: recorded beside what the token proves.
 *
 * Source: services reference 5.1, 5.2. A job can overwrite these variables, so they are claims. */
#include <string.h>

#include "rollbook/azure.h"

#define ACTOR_MAX_BYTES 256

static const char *variable(const char *name)
{
    const char *value = g_getenv(name);

    return value && *value ? value : NULL;
}

static const char *pipeline_person(void)
{
    if (variable("TF_BUILD")) {
        const char *mail = variable("BUILD_REQUESTEDFOREMAIL");
        return mail ? mail : variable("BUILD_REQUESTEDFOR");
    }
    if (variable("GITHUB_ACTIONS")) {
        /* Differs from the actor when somebody runs it again: it is who asks now. */
        const char *person = variable("GITHUB_TRIGGERING_ACTOR");
        return person ? person : variable("GITHUB_ACTOR");
    }
    return NULL;
}

char *roll_claimed_actor(void)
{
    const char *person = pipeline_person();
    g_autofree char *local =
        person ? NULL : g_strdup_printf("%s@%s", g_get_user_name(), g_get_host_name());
    g_autofree char *valid = g_utf8_make_valid(person ? person : local, -1);

    if (strlen(valid) > ACTOR_MAX_BYTES) {
        char *end = g_utf8_find_prev_char(valid, valid + ACTOR_MAX_BYTES + 1);
        *end = '\0';
    }
    return g_steal_pointer(&valid);
}
