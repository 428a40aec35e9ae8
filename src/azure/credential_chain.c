/* The chain: which sources of tokens there are, and which of them a credential tries.
 *
 * Source: services reference 1.7. */
#include "azure/credential.h"

/* In DefaultAzureCredential's order, with the pipelines' own tokens beside other federated ones.
 * Those without fetch are known by name only. */
static const struct token_source powershell = {
    .kind = "powershell", .sdk_name = "AzurePowerShellCredential", .group = TOKEN_ON_REQUEST};
static const struct token_source azd = {
    .kind = "azd", .sdk_name = "AzureDeveloperCliCredential", .group = TOKEN_ON_REQUEST};
static const struct token_source *const known[] = {&token_source_environment,
                                                   &token_source_workload_identity,
                                                   &token_source_github,
                                                   &token_source_azure_pipelines,
                                                   &token_source_managed_identity,
                                                   &token_source_cli,
                                                   &token_source_device_code,
                                                   &powershell,
                                                   &azd};

static bool is_called(const struct token_source *source, const char *name)
{
    return g_ascii_strcasecmp(source->kind, name) == 0 ||
           g_ascii_strcasecmp(source->sdk_name, name) == 0;
}

/* "environment, …, cli" */
static char *supported_names(void)
{
    GString *names = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        if (known[i]->fetch)
            g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", known[i]->kind);
    return g_string_free(names, FALSE);
}

static struct roll_error *select_by_name(struct roll_credential *credential, const char *name,
                                         const char *where)
{
    const struct token_source *source = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(known) && !source; i++)
        if (is_called(known[i], name))
            source = known[i];
    if (source && source->fetch) {
        credential->sources[0] = source;
        credential->sources[1] = NULL;
        return NULL;
    }
    g_autofree char *names = supported_names();
    return roll_error_new(ROLL_E_CREDENTIAL,
                          source ? "credential '%s' (%s) is not supported by this version; one of "
                                   "%s is needed"
                                 : "unknown credential '%s' (%s); one of %s is needed",
                          name, where, names);
}

/* groups: of enum token_group. */
static void select_groups(struct roll_credential *credential, unsigned groups)
{
    size_t count = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        if (known[i]->group & groups)
            credential->sources[count++] = known[i];
    credential->sources[count] = NULL;
}

struct roll_error *credential_select(struct roll_credential *credential, const char *kind)
{
    const char *narrowed = g_getenv("AZURE_TOKEN_CREDENTIALS");

    if (kind)
        return select_by_name(credential, kind, "in the plan");
    if (!narrowed || !*narrowed)
        select_groups(credential, TOKEN_PRODUCTION | TOKEN_DEVELOPER);
    else if (g_ascii_strcasecmp(narrowed, "prod") == 0)
        select_groups(credential, TOKEN_PRODUCTION);
    else if (g_ascii_strcasecmp(narrowed, "dev") == 0)
        select_groups(credential, TOKEN_DEVELOPER);
    else
        return select_by_name(credential, narrowed, "AZURE_TOKEN_CREDENTIALS");
    return NULL;
}
