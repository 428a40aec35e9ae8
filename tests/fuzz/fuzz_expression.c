/* One expression: parsed and evaluated with the template of the function vectors around it.
 *
 * The first byte chooses: '~' without a template at management-group scope, '!' with answers for
 * reference() and list*(); else neither. Brackets are added unless they are there. */
#include "fuzz.h"
#include "rollbook/template.h"

static struct roll_error *answer(void *user, const char *resource_id, const char *api_version,
                                 json_t **ret_value)
{
    (void)user, (void)api_version;
    *ret_value = json_pack("{s:s, s:s, s:{s:s, s:[i,i]}}", "id", resource_id, "location",
                           "westeurope", "properties", "key", "value", "list", 1, 2);
    return NULL;
}

static struct roll_error *answer_list(void *user, const char *function, const char *resource_id,
                                      const char *api_version, const json_t *body,
                                      json_t **ret_value)
{
    (void)user, (void)api_version, (void)resource_id, (void)body;
    *ret_value = json_pack("{s:[{s:s, s:s}]}", "keys", "keyName", function, "value", "k1");
    return NULL;
}

static const struct roll_template *around(void)
{
    static struct roll_template *tmpl;
    g_autofree char *text = NULL;
    gsize size = 0;

    if (!tmpl) {
        FUZZ_CHECK(g_file_get_contents(ROLL_SOURCE_DIR "/tests/data/template/context.json", &text,
                                       &size, NULL),
                   "tests/data/template/context.json is missing");
        FUZZ_MUST(roll_template_read(text, size, "context.json", &tmpl));
    }
    return tmpl;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct roll_template_runtime runtime = {.reference = answer, .list = answer_list};
    char mode = size > 0 && (data[0] == '~' || data[0] == '!') ? (char)data[0] : ' ';
    bool alone = mode == '~';
    g_autofree char *text = mode == ' ' ? fuzz_text(data, size) : fuzz_text(data + 1, size - 1);
    g_autofree char *expression =
        text[0] == '[' ? g_strdup(text) : g_strconcat("[", text, "]", NULL);
    roll_auto(json) json_t *value = NULL;
    struct roll_template_input input = {
        .context = {.scope = alone ? ROLL_SCOPE_MANAGEMENT_GROUP : ROLL_SCOPE_GROUP,
                    .management_group = "mg",
                    .subscription_id = "11111111-1111-1111-1111-111111111111",
                    .resource_group = "rg",
                    .location = "westeurope",
                    .deployment_name = "deploy",
                    .utc_now = "2019-03-05T17:53:18.25Z",
                    .guid_seed = "seed"},
        .runtime = mode == '!' ? &runtime : NULL};

    fuzz_begin();
    if (fuzz_ok(roll_template_eval(alone ? NULL : around(), &input, expression, &value)))
        fuzz_check_value(value);
    fuzz_end();
    return 0;
}
