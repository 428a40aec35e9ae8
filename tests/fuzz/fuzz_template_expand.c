/* Everything that is done with a template that could be read: expanded, run, hashed, compared with
 * itself. */
#include "fuzz.h"

#include "rollbook/json.h"
#include "rollbook/template.h"

static struct roll_error *answer_reference(void *user, const char *id, const char *api_version,
                                           json_t **ret_value)
{
    (void)user;
    (void)id;
    (void)api_version;
    *ret_value = json_pack("{s:{s:s,s:[i]}}", "properties", "a", "b", "list", 1);
    return NULL;
}

static struct roll_error *answer_list(void *user, const char *function, const char *id,
                                      const char *api_version, const json_t *body,
                                      json_t **ret_value)
{
    (void)user;
    (void)function;
    (void)id;
    (void)api_version;
    (void)body;
    *ret_value = json_pack("{s:[{s:s}]}", "keys", "value", "k");
    return NULL;
}

/* A value of the right type for whatever has no default. */
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
            json_object_set_new(values, parameter->name, json_pack("{s:o}", "value", value));
        else
            json_decref(value);
    }
    return values;
}

static void run(const struct roll_template *tmpl, const struct roll_template_input *input)
{
    roll_auto(template_run) struct roll_template_run *run = NULL;
    roll_auto(json) json_t *outputs = NULL;
    struct roll_error *err = roll_template_run_new(tmpl, input, &run);
    roll_error_free(err);
    if (err)
        return;
    for (size_t i = 0; i < json_array_size(roll_template_run_resources(run)) && i < 50; i++) {
        roll_auto(json) json_t *body = NULL;
        roll_error_free(roll_template_run_body(run, i, &body));
    }
    roll_error_free(roll_template_run_outputs(run, &outputs));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    roll_auto(template) struct roll_template *tmpl = NULL;
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    roll_auto(json) json_t *changes = NULL;
    roll_auto(json) json_t *pins = NULL;
    struct roll_template_facts facts = {0};
    char hash[21];
    struct roll_error *err = roll_template_read((const char *)data, size, "fuzz.json", &tmpl);
    roll_error_free(err);
    if (err)
        return 0;
    roll_auto(json) json_t *values = values_for(tmpl);
    struct roll_template_runtime runtime = {.reference = answer_reference, .list = answer_list};
    struct roll_template_input input = {.context = {.scope = roll_template_scope(tmpl),
                                                    .utc_now = "2019-03-05T17:53:18Z",
                                                    .guid_seed = "s"},
                                        .parameters = values};
    roll_template_hash(tmpl, hash);
    roll_error_free(roll_template_facts(tmpl, &facts));
    roll_template_facts_clear(&facts);
    roll_error_free(roll_template_pins(tmpl, &input, &pins));
    roll_error_free(roll_template_expand(tmpl, &input, &expansion));
    if (expansion)
        roll_error_free(roll_template_compare(expansion->resources, expansion->outputs, &changes));
    input.runtime = &runtime;
    run(tmpl, &input);
    return 0;
}
