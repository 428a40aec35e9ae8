/* A template, and behind a line `====` its parameter file: read, checked, expanded, run, asked for
 * its facts, compared, hashed.
 *
 * Linked templates are the template itself, so that chains of them must be bounded. */
#include "fuzz.h"
#include "rollbook/template.h"

/* ---- what the world answers ---- */

static struct roll_error *answer(void *user, const char *resource_id, const char *api_version,
                                 json_t **ret_value)
{
    (void)user, (void)api_version;
    *ret_value =
        json_pack("{s:s, s:s, s:{s:s, s:{s:{s:s}}}}", "id", resource_id, "location", "westeurope",
                  "properties", "key", "value", "outputs", "name", "value", "x");
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

static struct roll_error *load(void *user, const struct roll_template *parent,
                               const char *relative_path, const char *uri,
                               struct roll_template **ret_template)
{
    (void)parent, (void)relative_path;
    if (!uri || !g_str_has_suffix(uri, "none"))
        *ret_template = roll_template_ref(user);
    return NULL;
}

/* ---- one template ---- */

static void fill(struct roll_template *tmpl, const json_t *parameters, const json_t *deployer,
                 const struct roll_template_linker *linker, struct roll_template_input *ret_input)
{
    *ret_input = (struct roll_template_input){
        .context = {.scope = roll_template_scope(tmpl),
                    .subscription_id = "11111111-1111-1111-1111-111111111111",
                    .resource_group = "rg",
                    .location = "westeurope",
                    .deployment_name = "deploy",
                    .utc_now = "2019-03-05T17:53:18.25Z",
                    .guid_seed = "seed",
                    .deployer = deployer},
        .parameters = parameters,
        .linker = linker};
}

static void look_at_parameters(const struct roll_template *tmpl)
{
    roll_auto(json) json_t *values = json_pack("[s, i, b, [i], {s:s}, n]", "x", 1, 1, 1, "k", "v");

    for (size_t i = 0; i < roll_template_parameter_count(tmpl); i++) {
        const struct roll_template_parameter *parameter = roll_template_parameter_at(tmpl, i);
        FUZZ_CHECK(roll_template_parameter_find(tmpl, parameter->name), "%s", parameter->name);
        for (size_t at = 0; at < json_array_size(values); at++)
            fuzz_ok(
                roll_template_parameter_check(tmpl, parameter->name, json_array_get(values, at)));
    }
}

static void look_at(const struct roll_template *tmpl, const struct roll_template_input *input)
{
    struct roll_template_facts facts = {0};
    roll_auto(json) json_t *pins = NULL;
    char hash[21];

    look_at_parameters(tmpl);
    roll_template_hash(tmpl, hash);
    if (fuzz_ok(roll_template_facts(tmpl, &facts)))
        roll_template_facts_clear(&facts);
    if (fuzz_ok(roll_template_pins(tmpl, input, &pins)))
        fuzz_check_value(pins);
}

/* Nothing differs from itself; everything from nothing. */
static void compare(const json_t *resources)
{
    roll_auto(json) json_t *nothing = json_array(), *same = NULL, *made = NULL;

    if (fuzz_ok(roll_template_compare(resources, resources, &same)))
        FUZZ_CHECK(json_array_size(same) == 0, "an expansion differs from itself");
    if (fuzz_ok(roll_template_compare(nothing, resources, &made)))
        fuzz_check_value(made);
}

static void expand(const struct roll_template *tmpl, const struct roll_template_input *input)
{
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    const char *name;
    json_t *output;

    if (!fuzz_ok(roll_template_expand(tmpl, input, &expansion)))
        return;
    fuzz_check_value(expansion->resources);
    fuzz_check_value(expansion->outputs);
    fuzz_check_value(expansion->parameters);
    if (expansion->asserts)
        fuzz_check_value(expansion->asserts);
    json_object_foreach (expansion->outputs, name, output)
        roll_template_output_is_secret(tmpl, name);
    compare(expansion->resources);
}

static void run(const struct roll_template *tmpl, const struct roll_template_input *input)
{
    roll_auto(template_run) struct roll_template_run *steps = NULL;
    roll_auto(json) json_t *outputs = NULL, *parameters = NULL;

    if (!fuzz_ok(roll_template_run_new(tmpl, input, &steps)))
        return;
    size_t count = json_array_size(roll_template_run_resources(steps));
    for (size_t i = 0; i < count; i++) {
        roll_auto(json) json_t *body = NULL;
        const GArray *needs = roll_template_run_needs(steps, i);
        for (guint at = 0; at < needs->len; at++)
            FUZZ_CHECK(g_array_index(needs, size_t, at) < i, "resource %zu waits for a later one",
                       i);
        if (fuzz_ok(roll_template_run_body(steps, i, &body)))
            fuzz_check_value(body);
    }
    parameters = roll_template_run_parameters(steps);
    fuzz_check_value(parameters);
    if (fuzz_ok(roll_template_run_outputs(steps, &outputs)))
        fuzz_check_value(outputs);
}

static void read_twice(const struct roll_template *tmpl)
{
    roll_auto(template) struct roll_template *again = NULL;
    size_t size = 0, size_again = 0;
    const char *text = roll_template_text(tmpl, &size);

    FUZZ_MUST(roll_template_read(text, size, NULL, &again));
    const char *text_again = roll_template_text(again, &size_again);
    FUZZ_CHECK(size == size_again && memcmp(text, text_again, size) == 0, "%s", text);
}

/* A value of the right type for whatever has no default: where there is no parameter file. */
static json_t *values_for(const struct roll_template *tmpl)
{
    json_t *values = json_object();

    for (size_t i = 0; i < roll_template_parameter_count(tmpl); i++) {
        const struct roll_template_parameter *parameter = roll_template_parameter_at(tmpl, i);
        char first = parameter->type[0];
        json_t *value = first == 'i'   ? json_integer(3)
                        : first == 'b' ? json_true()
                        : first == 'a' ? json_pack("[i,s]", 1, "two")
                        : first == 'o' ? json_pack("{s:i}", "one", 1)
                                       : json_string("text");
        if (!parameter->has_default)
            json_object_set_new_nocheck(values, parameter->name,
                                        json_pack("{s:O}", "value", value));
        json_decref(value);
    }
    return values;
}

static void perform(const char *text, size_t size, const json_t *parameters)
{
    static const struct roll_template_runtime runtime = {.reference = answer, .list = answer_list};
    roll_auto(template) struct roll_template *tmpl = NULL;
    roll_auto(json) json_t *deployer = json_pack("{s:s, s:s}", "objectId", "o", "tenantId", "t");
    roll_auto(json) json_t *findings = NULL;
    struct roll_template_input input;

    if (fuzz_ok(roll_template_check(text, size, "main.json", NULL, &findings)))
        fuzz_check_value(findings);
    if (!fuzz_ok(roll_template_read(text, size, "main.json", &tmpl)))
        return;
    struct roll_template_linker linker = {.user = tmpl, .load = load};
    roll_auto(json) json_t *values = values_for(tmpl);
    fill(tmpl, parameters ? parameters : values, deployer, &linker, &input);
    read_twice(tmpl);
    look_at(tmpl, &input);
    expand(tmpl, &input);
    input.runtime = &runtime;
    run(tmpl, &input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GPtrArray) parts = fuzz_parts(data, size);
    roll_auto(json) json_t *parameters = NULL;
    size_t text_size, parameters_size;
    const char *text = fuzz_part(parts, 0, &text_size);

    fuzz_begin();
    if (parts->len > 1) {
        const char *file = fuzz_part(parts, 1, &parameters_size);
        fuzz_ok(roll_parameters_read(file, parameters_size, NULL, &parameters));
    }
    perform(text, text_size, parameters);
    fuzz_end();
    return 0;
}
