/* plans/ledger.json: where the shared ledger is. Checked by a schema of its own, as a plan is. */
#include <string.h>

#include "ledger_schema_json.h"
#include "plan/internal.h"

/* Terraform's backend takes them in its file; a plan is shared, and in git. */
static const char not_a_place_for_secrets[] =
    "{\"next\":[\"take it out and set ARM_ACCESS_KEY or ARM_SAS_TOKEN in the environment\","
    "\"where it was committed or shared, make a new key or SAS: this one is known\"]}";

static struct roll_error *check(struct roll_document *document)
{
    roll_auto(json) json_t *value = json_loadb(
        (const char *)ledger_schema_json, ledger_schema_json_size, JSON_REJECT_DUPLICATES, NULL);
    g_autoptr(GString) text = g_string_new(NULL);

    if (!value)
        g_error("an embedded schema cannot be read");
    roll_auto(schema) struct roll_schema *schema = roll_schema_of(value);
    roll_schema_check(schema, NULL, document->value, document->findings);
    if (roll_findings_count(document->findings) == 0)
        return NULL;
    roll_findings_write(document->findings, text);
    struct roll_error *err = roll_error_new(ROLL_E_PLAN, "%s", text->str);
    return json_object_get(document->value, "access_key") ||
                   json_object_get(document->value, "sas_token")
               ? roll_error_detail(err, not_a_place_for_secrets)
               : err;
}

static bool flag_of(const json_t *value, const char *name)
{
    return json_is_true(json_object_get(value, name));
}

static struct roll_store *load(const json_t *value)
{
    struct roll_store *store = g_new0(struct roll_store, 1);

    store->account = roll_plan_text_of(value, "storage_account_name", NULL);
    store->container = roll_plan_text_of(value, "container_name", NULL);
    store->prefix = roll_plan_text_of(value, "key", NULL);
    store->cloud = roll_plan_text_of(value, "environment", "public");
    store->tenant = roll_plan_text_of(value, "tenant_id", NULL);
    store->endpoint = roll_plan_text_of(value, "endpoint", NULL);
    store->token = flag_of(value, "use_azuread_auth") || flag_of(value, "use_oidc");
    return store;
}

struct roll_error *roll_workspace_store(const struct roll_workspace *workspace,
                                        struct roll_store **ret_store)
{
    g_autofree char *path = g_build_filename(workspace->root, "plans", "ledger.json", NULL);
    roll_auto(document) struct roll_document *document = NULL;

    *ret_store = NULL;
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return NULL;
    ROLL_TRY(roll_document_read(path, "plans/ledger.json", &document));
    ROLL_TRY(check(document));
    *ret_store = load(document->value);
    return NULL;
}

void roll_store_free(struct roll_store *store)
{
    if (!store)
        return;
    g_free(store->account);
    g_free(store->container);
    g_free(store->prefix);
    g_free(store->cloud);
    g_free(store->tenant);
    g_free(store->endpoint);
    g_free(store);
}
