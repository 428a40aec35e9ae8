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

/* Where this run can be looked at, or NULL. Owned by the caller. */
static char *pipeline_run(void)
{
    const char *server =
        variable(variable("TF_BUILD") ? "SYSTEM_COLLECTIONURI" : "GITHUB_SERVER_URL");
    const char *place = variable(variable("TF_BUILD") ? "SYSTEM_TEAMPROJECT" : "GITHUB_REPOSITORY");
    const char *run = variable(variable("TF_BUILD") ? "BUILD_BUILDID" : "GITHUB_RUN_ID");

    if ((!variable("TF_BUILD") && !variable("GITHUB_ACTIONS")) || !server || !place || !run)
        return NULL;
    const char *slash = g_str_has_suffix(server, "/") ? "" : "/";
    if (variable("TF_BUILD"))
        return g_strdup_printf("%s%s%s/_build/results?buildId=%s", server, slash, place, run);
    return g_strdup_printf("%s%s%s/actions/runs/%s", server, slash, place, run);
}

/* One word: what cannot be part of one becomes '_', and what is too long is cut. Owned by the
 * caller. */
static char *word_of(const char *text)
{
    char *word = g_utf8_make_valid(text, -1);

    for (char *at = word; *at; at++)
        if ((unsigned char)*at <= 0x20 || *at == 0x7f)
            *at = '_';
    if (strlen(word) > ACTOR_MAX_BYTES)
        *g_utf8_find_prev_char(word, word + ACTOR_MAX_BYTES + 1) = '\0';
    return word;
}

char *roll_claimed_actor(void)
{
    const char *person = pipeline_person();
    g_autofree char *local =
        person ? NULL : g_strdup_printf("%s@%s", g_get_user_name(), g_get_host_name());
    g_autofree char *name = word_of(person ? person : local);
    g_autofree char *url = pipeline_run();
    g_auto(GStrv) parts = url ? g_strsplit(url, " ", -1) : NULL;
    g_autofree char *whole = url ? g_strjoinv("%20", parts) : NULL;
    g_autofree char *run = url ? word_of(whole) : NULL;

    return run ? g_strdup_printf("%s run:%s", name, run) : g_steal_pointer(&name);
}
