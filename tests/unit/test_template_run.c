/* Runs for servers, and what a release asks of a template: facts, pins, secrets, comparison, hash,
 * findings. */
#include "suite_tools.h"
#include "template_tools.h"

/* ---- a server that remembers what was put ---- */

struct server {
    json_t *put; /* id → resource */
    int references;
    int lists;
};

static struct roll_error *answer_reference(void *user, const char *id, const char *api_version,
                                           json_t **ret_value)
{
    struct server *server = user;
    json_t *found = json_object_get(server->put, id);
    (void)api_version;
    server->references++;
    if (!found)
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s' is not there", id);
    *ret_value = json_incref(found);
    return NULL;
}

static struct roll_error *answer_list(void *user, const char *function, const char *id,
                                      const char *api_version, const json_t *body,
                                      json_t **ret_value)
{
    struct server *server = user;
    server->lists++;
    ck_assert_str_eq(function, "listKeys");
    ck_assert_str_eq(api_version, "2022-09-01");
    ck_assert_ptr_null(body);
    *ret_value = json_pack("{s:[{s:s}]}", "keys", "value", strrchr(id, '/') + 1);
    return NULL;
}

static struct roll_template_run *run_of(const struct roll_template *tmpl, struct server *server,
                                        const json_t *parameters)
{
    struct roll_template_runtime runtime = {
        .user = server, .reference = answer_reference, .list = answer_list};
    struct roll_template_input input = {.context = {.scope = roll_template_scope(tmpl)},
                                        .parameters = parameters,
                                        .runtime = &runtime};
    struct roll_template_run *run = NULL;
    struct roll_error *err = roll_template_run_new(tmpl, &input, &run);
    ck_assert_msg(!err, "%s", err ? err->message : "");
    return run;
}

static json_t *body_of(struct roll_template_run *run, size_t index)
{
    json_t *body = NULL;
    struct roll_error *err = roll_template_run_body(run, index, &body);
    ck_assert_msg(!err, "%s", err ? err->message : "");
    return body;
}

#define ST RG "/providers/Microsoft.Storage/storageAccounts/"

START_TEST(test_template_run__evaluates_in_dependency_order)
{
    roll_auto(template) struct roll_template *tmpl = template_of(
        HEAD "`parameters`:{`pw`:{`type`:`securestring`}},`resources`:[{`type`:`Microsoft.Storage/"
             "storageAccounts`,"
             "`apiVersion`:`2022-09-01`,`name`:`b`,`properties`:{`from`:`[reference('a').color]`,`"
             "key`:`[listKeys('a', '2022-"
             "09-01').keys[0].value]`,`full`:`[reference('a', '2022-09-01', "
             "'Full').kind]`,`pw`:`[parameters('pw')]`}},"
             "{`type`:`Microsoft.Storage/"
             "storageAccounts`,`apiVersion`:`2022-09-01`,`name`:`a`,`kind`:`K`,`properties`:{"
             "`color`:`red`}}],`outputs`:{`o`:{`type`:`string`,`value`:`[reference('b').from]`}}}");
    roll_auto(json) json_t *put = json_object();
    roll_auto(json) json_t *parameters = json_of("{`pw`:{`value`:`hunter22`}}");
    struct server server = {.put = put};
    roll_auto(template_run) struct roll_template_run *run = run_of(tmpl, &server, parameters);
    const json_t *resources = roll_template_run_resources(run);
    ck_assert_uint_eq(json_array_size(resources), 2);
    assert_at(resources, "0.name", "`a`");
    assert_at(resources, "1.properties.from", "`[reference('" ST "a', '2022-09-01').color]`");
    assert_at(resources, "1.properties.pw", "`[parameters('pw')]`");
    ck_assert_int_eq(server.references, 0);
    ck_assert_uint_eq(roll_template_run_needs(run, 0)->len, 0);
    ck_assert_uint_eq(roll_template_run_needs(run, 1)->len, 1);
    ck_assert_uint_eq(g_array_index(roll_template_run_needs(run, 1), size_t, 0), 0);
    json_object_set_new(put, ST "a", body_of(run, 0));
    json_object_set_new(put, ST "b", body_of(run, 1));
    assert_at(json_object_get(put, ST "b"), "properties",
              "{`from`:`red`,`key`:`a`,`full`:`K`,`pw`:`hunter22`}");
    roll_auto(json) json_t *outputs = NULL;
    struct roll_error *err = roll_template_run_outputs(run, &outputs);
    ck_assert_msg(!err, "%s", err ? err->message : "");
    assert_json(outputs, "{`o`:{`type`:`String`,`value`:`red`}}");
    roll_auto(json) json_t *shown = roll_template_run_parameters(run);
    assert_json(shown, "{`pw`:{`type`:`SecureString`}}");
    ck_assert_int_eq(roll_error_live(), 0);
}
END_TEST

START_TEST(test_template_run__passes_the_servers_error_on)
{
    roll_auto(template) struct roll_template *tmpl =
        template_of(HEAD "`resources`:[{`type`:`A.B/"
                         "c`,`apiVersion`:`2020-01-01`,`name`:`x`,`properties`:{`y`:`[reference('/"
                         "gone','2020-01-01').z]`}}]}");
    roll_auto(json) json_t *put = json_object();
    struct server server = {.put = put};
    roll_auto(template_run) struct roll_template_run *run = run_of(tmpl, &server, NULL);
    json_t *body = NULL;
    struct roll_error *err = roll_template_run_body(run, 0, &body);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_NOT_FOUND);
    ck_assert_ptr_null(body);
    roll_error_free(err);
    json_object_set_new(put, "/gone", json_pack("{s:{s:i}}", "properties", "z", 5));
    body = body_of(run, 0);
    assert_at(body, "properties.y", "5");
    json_decref(body);
}
END_TEST

START_TEST(test_template_run__serial_loops_wait_batch_by_batch)
{
    roll_auto(template) struct roll_template *tmpl =
        template_of(HEAD "`resources`:[{`type`:`A.B/"
                         "c`,`apiVersion`:`2020-01-01`,`name`:`[concat('x', copyIndex())]`,`copy`:{"
                         "`name`:`l`,`count`:5,`mode`:`serial`,`batchSize`:2}}]}");
    struct server server = {0};
    roll_auto(template_run) struct roll_template_run *run = run_of(tmpl, &server, NULL);
    static const size_t expected[] = {0, 0, 2, 2, 2};
    for (size_t i = 0; i < 5; i++)
        ck_assert_uint_eq(roll_template_run_needs(run, i)->len, expected[i]);
    ck_assert_uint_eq(g_array_index(roll_template_run_needs(run, 4), size_t, 0), 2);
    ck_assert_ptr_null(at_path(roll_template_run_resources(run), "4.dependsOn"));
}
END_TEST

START_TEST(test_template_run__nested_inner_is_sent_as_written)
{
    roll_auto(template) struct roll_template *tmpl =
        template_of(HEAD "`variables`:{`v`:`x`},`resources`:[{`type`:`Microsoft.Resources/"
                         "deployments`,`apiVersion`:`2022-09-01`,`name`:`n`,"
                         "`properties`:{`mode`:`Incremental`,`expressionEvaluationOptions`:{`scope`"
                         ":`inner`},`parameters`:{`p`:{`value`:`["
                         "variables('v')]`}},`template`:" HEAD
                         "`parameters`:{`p`:{`type`:`securestring`}},`resources`:[],`outputs`:{`o`:"
                         "{`type`:`string`,`value`:`[concat("
                         "parameters('p'), '[x]')]`}}}}}]}");
    struct server server = {0};
    roll_auto(template_run) struct roll_template_run *run = run_of(tmpl, &server, NULL);
    roll_auto(json) json_t *body = body_of(run, 0);
    assert_at(body, "properties.parameters", "{`p`:{`value`:`x`}}");
    assert_at(body, "properties.template.outputs.o.value", "`[concat(parameters('p'), '[x]')]`");
}
END_TEST

START_TEST(test_template_run__nested_outer_is_evaluated_and_escaped)
{
    roll_auto(template) struct roll_template *tmpl = template_of(
        HEAD
        "`variables`:{`v`:`[[literal]`},`resources`:[{`type`:`A.B/"
        "c`,`apiVersion`:`2020-01-01`,`name`:`x`},{`type`:"
        "`Microsoft.Resources/"
        "deployments`,`apiVersion`:`2022-09-01`,`name`:`n`,`properties`:{`mode`:`Incremental`,"
        "`template`:" HEAD
        "`resources`:[{`type`:`A.B/c`,`apiVersion`:`2020-01-01`,`name`:`y`,`properties`:{`t`:`["
        "variables('v')]`,`r`:`[reference('x').z]`}}],`outputs`:{`o`:{`type`:`string`,`value`:`["
        "variables('v')]`}}}}}]}");
    roll_auto(json) json_t *put = json_object();
    struct server server = {.put = put};
    roll_auto(template_run) struct roll_template_run *run = run_of(tmpl, &server, NULL);
    ck_assert_uint_eq(roll_template_run_needs(run, 1)->len,
                      1); /* what is inside refers to the parent's x */
    json_object_set_new(put, RG "/providers/A.B/c/x",
                        json_pack("{s:{s:s}}", "properties", "z", "[q]"));
    roll_auto(json) json_t *body = body_of(run, 1);
    assert_at(body, "properties.template.resources.0.properties", "{`t`:`[[literal]`,`r`:`[[q]`}");
    g_autofree char *nested = text_of(at_path(body, "properties.template"));
    roll_auto(expansion) struct roll_expansion *x = expansion_of(nested, NULL);
    assert_at(x->resources, "0.properties", "{`t`:`[literal]`,`r`:`[q]`}");
    assert_at(x->outputs, "o.value", "`[literal]`");
}
END_TEST

START_TEST(test_template_run__input_need_not_outlive_the_call)
{
    roll_auto(template) struct roll_template *tmpl =
        template_of(HEAD "`parameters`:{`p`:{`type`:`string`}},`resources`:[{`type`:`A.B/"
                         "c`,`apiVersion`:`2020-01-01`,`name`:"
                         "`x`,`properties`:{`n`:`[deployment().name]`,`p`:`[parameters('p')]`}}]}");
    json_t *parameters = json_of("{`p`:{`value`:`v`}}");
    char *name = g_strdup("dep");
    struct roll_template_input input = {.context = {.deployment_name = name},
                                        .parameters = parameters};
    roll_auto(template_run) struct roll_template_run *run = NULL;
    struct roll_error *err = roll_template_run_new(tmpl, &input, &run);
    ck_assert_msg(!err, "%s", err ? err->message : "");
    g_free(name);
    json_decref(parameters);
    memset(&input, 0xff, sizeof(input));
    roll_auto(json) json_t *body = body_of(run, 0);
    assert_at(body, "properties", "{`n`:`dep`,`p`:`v`}");
}
END_TEST

/* ---- facts ---- */

static bool name_leaks(const char *text)
{
    roll_auto(template) struct roll_template *tmpl = template_of(text);
    struct roll_template_facts facts;
    struct roll_error *err = roll_template_facts(tmpl, &facts);
    ck_assert_ptr_null(err);
    bool leaks = facts.name_leaks;
    roll_template_facts_clear(&facts);
    return leaks;
}

#define DEPLOYMENT(name, parameters, inner)                                                        \
    "{`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2022-09-01`,`name`:`" name            \
    "`,`properties`:{`mode`:`"                                                                     \
    "Incremental`,`expressionEvaluationOptions`:{`scope`:`inner`},`parameters`:{" parameters       \
    "},`template`:" HEAD inner "}}"
#define THING(value)                                                                               \
    "{`type`:`A.B/c`,`apiVersion`:`2020-01-01`,`name`:`x`,`properties`:{`y`:`" value "`}}"

START_TEST(test_template_facts__deployment_name)
{
    ck_assert(!name_leaks(HEAD "`resources`:[" DEPLOYMENT("[concat(deployment().name, 'x')]", "",
                                                          "`resources`:[]}") "]}"));
    ck_assert(name_leaks(HEAD "`resources`:[" THING("[deployment().name]") "]}"));
    ck_assert(name_leaks(HEAD "`resources`:[" THING("[string(deployment())]") "]}"));
    ck_assert(!name_leaks(HEAD "`resources`:[" THING("[deployment().properties.mode]") "]}"));
    ck_assert(
        name_leaks(HEAD "`variables`:{`v`:`[uniqueString(deployment().name)]`},`resources`:[" THING(
            "[variables('v')]") "]}"));
    ck_assert(!name_leaks(HEAD "`variables`:{`v`:`[deployment().name]`},`resources`:[" DEPLOYMENT(
        "[variables('v')]", "", "`resources`:[]}") "]}"));
    ck_assert(name_leaks(HEAD "`resources`:[" DEPLOYMENT(
        "[deployment().name]", "", "`resources`:[" THING("[deployment().name]") "]}") "]}"));
    ck_assert(!name_leaks(HEAD "`resources`:[" DEPLOYMENT(
        "fixed", "", "`resources`:[" THING("[deployment().name]") "]}") "]}"));
    ck_assert(name_leaks(
        HEAD "`resources`:[" DEPLOYMENT("n", "`p`:{`value`:`[deployment().name]`}",
                                        "`parameters`:{`p`:{`type`:`string`}},`resources`:[" THING(
                                            "[parameters('p')]") "]}") "]}"));
    ck_assert(!name_leaks(HEAD "`resources`:[" DEPLOYMENT(
        "n", "`p`:{`value`:`[deployment().name]`}",
        "`parameters`:{`p`:{`type`:`string`}},`resources`:[" DEPLOYMENT(
            "[parameters('p')]", "", "`resources`:[]}") "]}") "]}"));
    ck_assert(name_leaks(
        HEAD "`resources`:[],`outputs`:{`o`:{`type`:`string`,`value`:`[deployment().name]`}}}"));
}
END_TEST

START_TEST(test_template_facts__the_others)
{
    roll_auto(template) struct roll_template *tmpl =
        template_of(HEAD "`parameters`:{`a`:{`type`:`securestring`,`defaultValue`:`[newGuid()]`},`"
                         "b`:{`type`:`securestring`,"
                         "`defaultValue`:``},`c`:{`type`:`secureObject`,`defaultValue`:{`x`:1}}},`"
                         "resources`:[" THING("[deployer().objectId]") "," DEPLOYMENT(
                             "n", "",
                             "`parameters`:{`t`:{`type`:`string`,`defaultValue`:`[utcNow()]`}},`"
                             "resources`:[]}") "]}");
    struct roll_template_facts facts;
    struct roll_error *err = roll_template_facts(tmpl, &facts);
    ck_assert_ptr_null(err);
    ck_assert(facts.uses_deployer);
    ck_assert(facts.inner_volatile);
    ck_assert(!facts.links);
    ck_assert_str_eq(facts.secure_default, "c");
    roll_template_facts_clear(&facts);
    roll_auto(template) struct roll_template *linked =
        template_of(HEAD "`resources`:[{`type`:`Microsoft.Resources/"
                         "deployments`,`apiVersion`:`2022-09-01`,`name`:`n`,`properties`:{`mode`:`"
                         "Incremental`,`templateLink`:{`relativePath`:`x.json`}}}," DEPLOYMENT(
                             "m", "`t`:{`value`:`x`}",
                             "`parameters`:{`t`:{`type`:`string`,`defaultValue`:`[utcNow()]`}},`"
                             "resources`:[]}") "]}");
    err = roll_template_facts(linked, &facts);
    ck_assert_ptr_null(err);
    ck_assert(facts.links);
    ck_assert(!facts.inner_volatile);
    ck_assert(!facts.uses_deployer);
    ck_assert_ptr_null(facts.secure_default);
    roll_template_facts_clear(&facts);
}
END_TEST

START_TEST(test_template_facts__pins_volatile_defaults)
{
    roll_auto(template) struct roll_template *tmpl =
        template_of(HEAD "`parameters`:{`t`:{`type`:`string`,`defaultValue`:`[utcNow('yyyy')]`},`u`"
                         ":{`type`:`string`,`defaultValue`:`["
                         "concat('x', "
                         "parameters('T'))]`},`g`:{`type`:`string`,`defaultValue`:`[newGuid()]`},`"
                         "plain`:{`type`:`string`,"
                         "`defaultValue`:`p`},`secret`:{`type`:`securestring`,`defaultValue`:`["
                         "newGuid()]`}},`resources`:[]}");
    roll_auto(json) json_t *given = json_of("{`G`:{`value`:`fixed`}}");
    struct roll_template_input input = {.context = {.utc_now = "2026-01-01T00:00:00Z"},
                                        .parameters = given};
    roll_auto(json) json_t *pins = NULL;
    struct roll_error *err = roll_template_pins(tmpl, &input, &pins);
    ck_assert_msg(!err, "%s", err ? err->message : "");
    assert_json(pins, "{`t`:`2026`,`u`:`x2026`}");
    ck_assert(roll_template_parameter_find(tmpl, "U")->default_volatile);
    ck_assert(!roll_template_parameter_find(tmpl, "plain")->default_volatile);
    ck_assert(roll_template_parameter_find(tmpl, "secret")->secure);
    ck_assert_ptr_null(roll_template_parameter_find(tmpl, "nobody"));
    ck_assert_str_eq(roll_template_parameter_at(tmpl, 4)->type, "securestring");
}
END_TEST

START_TEST(test_template_facts__guids_come_from_the_seed)
{
    const char *text = HEAD
        "`parameters`:{`a`:{`type`:`string`,`defaultValue`:`[newGuid()]`},`b`:{`type`:`string`,"
        "`defaultValue`:`[newGuid()]`}},`resources`:[]}";
    roll_auto(template) struct roll_template *tmpl = template_of(text);
    struct roll_template_input input = {.context = {.guid_seed = "s"}};
    roll_auto(json) json_t *first = NULL;
    roll_auto(json) json_t *second = NULL;
    struct roll_error *err = roll_template_pins(tmpl, &input, &first);
    ck_assert_ptr_null(err);
    err = roll_template_pins(tmpl, &input, &second);
    ck_assert_ptr_null(err);
    ck_assert(json_equal(first, second));
    ck_assert_str_ne(roll_json_get_string(first, "a"), roll_json_get_string(first, "b"));
}
END_TEST

START_TEST(test_template_facts__secret_outputs)
{
    roll_auto(template) struct roll_template *tmpl = template_of(
        HEAD
        "`parameters`:{`pw`:{`type`:`securestring`}},`variables`:{`v`:`[concat('x', "
        "parameters('pw'))]`},`resources`:[" DEPLOYMENT(
            "n", "",
            "`resources`:[],`outputs`:{`key`:{`type`:`string`,`value`:`[listKeys('/x', "
            "'2020-01-01').k]`},"
            "`fine`:{`type`:`string`,`value`:`f`}}}") "],`outputs`:{`a`:{`type`:`securestring`"
                                                      ",`value`:`x`},"
                                                      "`b`:{`type`:`string`,`value`:`["
                                                      "listKeys('/x', "
                                                      "'2020-01-01').k]`},`c`:{`type`:`string`"
                                                      ",`value`:`[variables('v')]`"
                                                      "},`d`:{`type`:`string`,`value`:`["
                                                      "reference('n').outputs.key.value]`},`e`"
                                                      ":{`type`:`string`,`value`:`[reference("
                                                      "'n').outputs.fine.value]`},`g`:{`type`:`"
                                                      "object`,`value`:`[reference('n').outputs]`},"
                                                      "`h`:{`type`:`object`,`value`:`[reference('n'"
                                                      ")]`},`i`:{`type`:`string`,`value`:`["
                                                      "reference('n').mode]`},`f`:{`type`:"
                                                      "`array`,`copy`:{`count`:1,`input`:`["
                                                      "parameters('PW')]`}}}}");
    static const char secret[] = "abcdfgh";
    for (const char *name = "abcdefghi"; *name; name++) {
        char text[2] = {*name, '\0'};
        ck_assert_msg(roll_template_output_is_secret(tmpl, text) == (strchr(secret, *name) != NULL),
                      "output %s", text);
    }
    ck_assert(!roll_template_output_is_secret(tmpl, "nobody"));
}
END_TEST

/* ---- comparison ---- */

START_TEST(test_template_compare__lists_changes_by_id)
{
    roll_auto(json) json_t *before =
        json_of("[{`id`:`/"
                "b`,`type`:`T`,`name`:`b`,`properties`:{`x`:1,`list`:[{`name`:`p`,`v`:1},{`name`:`"
                "q`,`v`:2}],`plain`:[1,2]}},"
                "{`id`:`/gone`,`type`:`T`,`name`:`gone`},{`id`:`/"
                "same`,`type`:`T`,`name`:`same`,`dependsOn`:[`/b`]},{`id`:`/n`,`type`:"
                "`Microsoft.Resources/deployments`,`properties`:{`template`:{`resources`:[{`id`:`/"
                "In`,`type`:`T`,`name`:`in`,`sku`:{"
                "`name`:`S1`}}]}}}]");
    roll_auto(json) json_t *after = json_of(
        "[{`id`:`/SAME`,`type`:`T`,`name`:`same`},{`id`:`/"
        "B`,`type`:`T`,`name`:`b`,`properties`:{`x`:1.0,`list`:[{`name`:`Q`,"
        "`v`:2},{`name`:`p`,`v`:3},{`name`:`r`}],`plain`:[1],`y`:null}},{`id`:`/"
        "new`,`type`:`T`,`name`:`new`,`location`:`x`},{`id`:`/n`,"
        "`type`:`Microsoft.Resources/deployments`,`properties`:{`template`:{`resources`:[{`id`:`/"
        "in`,`type`:`T`,`name`:`in`,"
        "`sku`:{`name`:`S2`}}]}}}]");
    roll_auto(json) json_t *changes = NULL;
    struct roll_error *err = roll_template_compare(before, after, &changes);
    ck_assert_ptr_null(err);
    assert_json(changes,
                "[{`change`:`modify`,`id`:`/"
                "B`,`type`:`T`,`name`:`b`,`properties`:[{`path`:`properties.list[p].v`,`change`:`"
                "modify`,`before`:1,`after`:3},{`path`:`properties.list[q].name`,`change`:`modify`,"
                "`before`:`q`,`after`:`Q`},"
                "{`path`:`properties.list[r]`,`change`:`create`,`after`:{`name`:`r`}},{`path`:`"
                "properties.plain[1]`,`change`:`"
                "delete`,`before`:2},{`path`:`properties.y`,`change`:`create`,`after`:null}]},{`"
                "change`:`delete`,`id`:`/gone`,"
                "`type`:`T`,`name`:`gone`,`properties`:[],`before`:{}},{`change`:`modify`,`id`:`/"
                "in`,`type`:`T`,`name`:`in`,`properties`:[{"
                "`path`:`sku.name`,`change`:`modify`,`before`:`S1`,`after`:`S2`}]},{`change`:`"
                "create`,`id`:`/new`,`type`:`T`,"
                "`name`:`new`,`properties`:[],`after`:{`location`:`x`}}]");
}
END_TEST

/* Neither the case of names nor the spelling of a location is a difference; two names that differ
 * by case alone are two members. */
START_TEST(test_template_compare__spelling)
{
    roll_auto(json) json_t *before =
        json_of("[{`id`:`/a`,`location`:`West Europe`,`properties`:{`Note`:`x`,`tags`:{`k`:1,`K`:2}"
                ",`location`:`West Europe`,`empty`:[]}}]");
    roll_auto(json) json_t *after =
        json_of("[{`id`:`/A`,`Location`:`westeurope`,`properties`:{`note`:`x`,`tags`:{`K`:3,`k`:1}"
                ",`location`:`westeurope`,`empty`:[{`name`:`n`}]}}]");
    roll_auto(json) json_t *changes = NULL;
    struct roll_error *err = roll_template_compare(before, after, &changes);
    ck_assert_ptr_null(err);
    assert_json(changes, "[{`change`:`modify`,`id`:`/A`,`properties`:[{`path`:`properties.tags.K`,"
                         "`change`:`modify`,`before`:2,`after`:3},{`path`:`properties.location`,"
                         "`change`:`modify`,`before`:`West Europe`,`after`:`westeurope`},{`path`:"
                         "`properties.empty[n]`,`change`:`create`,`after`:{`name`:`n`}}]}]");
}
END_TEST

/* ---- hash ---- */

START_TEST(test_template_hash__recorded_value)
{
    roll_auto(template) struct roll_template *tmpl = template_of(
        "{`resources`:[],`contentVersion`:`1.0.0.0`,`$schema`:`https://schema.management."
        "azure.com/schemas/2015-01-01/deploymentParameters.json#`}");
    char hash[21];
    roll_template_hash(tmpl, hash);
    ck_assert_str_eq(hash, "3965660584125802942");
}
END_TEST

START_TEST(test_template_hash__ignores_order_case_and_its_own_note)
{
    roll_auto(template) struct roll_template *tmpl = template_of(
        HEAD "`parameters`:{`p`:{`type`:`string`}},`resources`:[],`metadata`:{`_generator`:{"
             "`name`:`bicep`,`templateHash`:`1`}},`outputs`:{`o`:{`type`:`string`,`value`:`x`}}}");
    roll_auto(template) struct roll_template *other = template_of(
        "{`outputs`:{`O`:{`value`:`X`,`type`:`string`}},`metadata`:{`_generator`:{`name`:`bicep`,"
        "`templateHash`:`2`}},`contentVersion`:`1.0.0.0`,`resources`:[]," SCHEMA(
            "deployment") ",`parameters`:{`p`:{`type`:`String`}}}");
    char first[21];
    char second[21];
    roll_template_hash(tmpl, first);
    roll_template_hash(other, second);
    ck_assert_str_eq(first, second);
}
END_TEST

/* Also inside types; the order itself is held by the hashes of the corpus. */
START_TEST(test_template_hash__ignores_the_order_of_types)
{
    roll_auto(template) struct roll_template *tmpl = template_of(
        HEAD2 "`definitions`:{`d`:{`type`:`object`,`properties`:{`a`:{`type`:`array`,`items`:{"
              "`type`:`int`,`minValue`:1,`nullable`:true},`metadata`:{}}}}},`parameters`:{`p`:{"
              "`$ref`:`#/definitions/d`,`nullable`:true}},`resources`:{}}");
    roll_auto(template) struct roll_template *other = template_of(
        HEAD2 "`definitions`:{`d`:{`properties`:{`a`:{`items`:{`nullable`:true,`minValue`:1,`type`:"
              "`int`},`metadata`:{},`type`:`array`}},`type`:`object`}},`parameters`:{`p`:{"
              "`nullable`:true,`$ref`:`#/definitions/d`}},`resources`:{}}");
    char first[21];
    char second[21];
    roll_template_hash(tmpl, first);
    roll_template_hash(other, second);
    ck_assert_str_eq(first, second);
}
END_TEST

/* ---- findings ---- */

START_TEST(test_template_check__finds_all_at_once)
{
    g_autofree char *text = quoted(
        HEAD "\n`parameters`:{`unused`:{`type`:`string`},`used`:{`type`:`string`}},\n`variables`:{`"
             "idle`:1},\n`resources`:[{`type`"
             ":`A.B/"
             "c`,`apiVersion`:`latest`,\n`name`:`[parameters('nobody')]`,\n`tags`:{`a`:`[concat(]`,"
             "\n`b`:`[mystery()]`,\n"
             "`c`:`[parameters('USED')]`,\n`d`:`[toLower()]`,\n`e`:`[variables('none')]`}}]}");
    roll_auto(json) json_t *findings = NULL;
    struct roll_error *err = roll_template_check(text, strlen(text), "main.json", NULL, &findings);
    ck_assert_ptr_null(err);
    static const struct {
        int line;
        const char *level, *message;
    } expected[] = {
        {2, "warning", "The template parameter 'unused' is declared but never used."},
        {3, "warning", "The template variable 'idle' is declared but never used."},
        {4, "error", "The apiVersion 'latest' is not of the form"},
        {5, "error", "The template parameter 'nobody' is not found."},
        {6, "error", "Unable to parse language expression 'concat('"},
        {7, "error", "The template function 'mystery' is not valid."},
        {9, "error", "The template function 'toLower' does not take 0 argument(s)."},
        {10, "error", "The template variable 'none' is not found."},
    };
    ck_assert_uint_eq(json_array_size(findings), G_N_ELEMENTS(expected));
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        const json_t *finding = json_array_get(findings, i);
        ck_assert_int_eq(json_integer_value(json_object_get(finding, "line")), expected[i].line);
        ck_assert_str_eq(roll_json_get_string(finding, "level"), expected[i].level);
        ck_assert_msg(strstr(roll_json_get_string(finding, "message"), expected[i].message) != NULL,
                      "%s", roll_json_get_string(finding, "message"));
    }
}
END_TEST

START_TEST(test_template_check__says_where_the_syntax_is_wrong)
{
    const char *text = "{\n  \"a\": }";
    roll_auto(json) json_t *findings = NULL;
    struct roll_error *err = roll_template_check(text, strlen(text), NULL, NULL, &findings);
    ck_assert_ptr_null(err);
    ck_assert_uint_eq(json_array_size(findings), 1);
    assert_at(findings, "0.line", "2");
}
END_TEST

START_TEST(test_template_check__expands_where_no_value_is_needed)
{
    g_autofree char *text = quoted(
        HEAD "`resources`:[],\n`variables`:{\n`v`:`[fail('no')]`},`outputs`:{`o`:{`type`:`string`,"
             "`value`:`[variables('v')]`}}}");
    roll_auto(json) json_t *findings = NULL;
    struct roll_error *err = roll_template_check(text, strlen(text), NULL, NULL, &findings);
    ck_assert_ptr_null(err);
    ck_assert_uint_eq(json_array_size(findings), 1);
    assert_at(findings, "0.line", "3");
    g_autofree char *fine = quoted(HEAD "`resources`:[]}");
    roll_auto(json) json_t *none = NULL;
    err = roll_template_check(fine, strlen(fine), NULL, NULL, &none);
    ck_assert_ptr_null(err);
    ck_assert_uint_eq(json_array_size(none), 0);
}
END_TEST

/* ---- linked templates ---- */

/* What lies at a path, as the linker is asked for it: always from the root's folder. */
static struct roll_error *load_linked(void *user, const struct roll_template *parent,
                                      const char *relative_path, const char *uri,
                                      struct roll_template **ret_template)
{
    static const struct {
        const char *path, *text;
    } files[] = {
        {"sub/a.json",
         HEAD "`resources`:[{`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2022-09-01`,"
              "`name`:`b`,`properties`:{`mode`:`Incremental`,`templateLink`:{`relativePath`:"
              "`b.json`}}},{`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2022-09-01`,"
              "`name`:`c`,`properties`:{`mode`:`Incremental`,`templateLink`:{`uri`:"
              "`[uri(deployment().properties.templateLink.uri,'../c.json')]`}}}]}"},
        {"sub/b.json", HEAD "`resources`:[]}"},
        {"c.json", HEAD "`resources`:[],\n`outputs`:{`o`:{`type`:`int`,`value`:`x`}}}"},
    };
    int *asked = user;
    (void)parent;
    (void)uri;
    (*asked)++;
    for (size_t i = 0; relative_path && i < G_N_ELEMENTS(files); i++)
        if (strcmp(files[i].path, relative_path) == 0) {
            g_autofree char *text = quoted(files[i].text);
            return roll_template_read(text, strlen(text), files[i].path, ret_template);
        }
    return NULL;
}

#define LINK(name, path)                                                                           \
    "{`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2022-09-01`,`name`:`" name            \
    "`,`properties`:{`mode`:`Incremental`,`templateLink`:{`relativePath`:`" path "`}}}"

START_TEST(test_template_check__evaluates_what_needs_no_value)
{
    static const struct {
        const char *text, *message; /* NULL: nothing is found */
    } cases[] = {
        {"`resources`:[{`type`:`A.B/c`,`apiVersion`:`2020-01-01`,`name`:`a/b`,"
         "`tags`:{`t`:`[parameters('p')]`}}]",
         "has incorrect segment lengths"},
        {"`resources`:[{`type`:`A.B/c`,`apiVersion`:`2020-01-01`,`name`:`a`,`dependsOn`:[`b`],"
         "`tags`:{`t`:`[parameters('p')]`}}]",
         "'b' is not defined in the template"},
        {"`resources`:[{`type`:`A.B/c`,`apiVersion`:`2020-01-01`,`name`:`[concat('a',copyIndex())]`"
         ",`copy`:{`name`:`l`,`count`:`[length(parameters('p'))]`}}]",
         NULL},
        {"`resources`:[{`type`:`A.B/c`,`apiVersion`:`2020-01-01`,`name`:`[parameters('p')]`,"
         "`condition`:`[equals(parameters('p'),'x')]`}]",
         NULL},
        {"`resources`:[],`outputs`:{`o`:{`type`:`string`,`value`:`[parameters('p')]`}},"
         "`asserts`:{`never`:`[equals(1,2)]`,`maybe`:`[equals(parameters('p'),'x')]`}",
         "The template assertion 'never' fails."},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        roll_auto(json) json_t *findings = NULL;
        g_autofree char *ticked =
            g_strconcat(HEAD "`parameters`:{`p`:{`type`:`string`}},", cases[i].text, "}", NULL);
        g_autofree char *text = quoted(ticked);
        ck_assert_ptr_null(roll_template_check(text, strlen(text), NULL, NULL, &findings));
        ck_assert_uint_eq(json_array_size(findings), cases[i].message ? 1 : 0);
        if (cases[i].message)
            ck_assert_ptr_nonnull(strstr(
                roll_json_get_string(json_array_get(findings, 0), "message"), cases[i].message));
    }
}
END_TEST

START_TEST(test_template_check__looks_into_linked_files)
{
    int asked = 0;
    struct roll_template_linker linker = {.user = &asked, .load = load_linked};
    roll_auto(json) json_t *findings = NULL;
    g_autofree char *text = quoted(HEAD "`resources`:[" LINK("one", "sub/a.json") "," LINK(
        "two", "sub/b.json") "," LINK("none", "none.json") "]}");
    struct roll_error *err =
        roll_template_check(text, strlen(text), "main.json", &linker, &findings);
    ck_assert_ptr_null(err);
    ck_assert_uint_eq(json_array_size(findings), 1);
    assert_at(findings, "0.file", "`c.json`");
    assert_at(findings, "0.line", "2");
}
END_TEST

START_TEST(test_template__a_link_may_ask_for_a_content_version)
{
    static const char *const versions[] = {"1.0.0.0", "2.0.0.0"};
    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
        int asked = 0;
        struct roll_template_linker linker = {.user = &asked, .load = load_linked};
        struct roll_template_input input = {.linker = &linker};
        roll_auto(template) struct roll_template *tmpl = NULL;
        roll_auto(expansion) struct roll_expansion *x = NULL;
        g_autofree char *link = g_strdup_printf("sub/b.json`,`contentVersion`:`%s", versions[i]);
        g_autofree char *ticked = g_strconcat(
            HEAD "`resources`:[{`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2022-09-01`,"
                 "`name`:`l`,`properties`:{`mode`:`Incremental`,`templateLink`:{`relativePath`:`",
            link, "`}}}]}", NULL);
        g_autofree char *text = quoted(ticked);
        ck_assert_ptr_null(roll_template_read(text, strlen(text), "main.json", &tmpl));
        struct roll_error *err = roll_template_expand(tmpl, &input, &x);
        ck_assert_msg(i == 0 ? !err : err && strstr(err->message, "the template has '1.0.0.0'"),
                      "%s: %s", versions[i], err ? err->message : "taken");
        roll_error_free(err);
    }
}
END_TEST

START_TEST(test_template__each_link_is_read_once_from_beside_its_file)
{
    int asked = 0;
    struct roll_template_linker linker = {.user = &asked, .load = load_linked};
    struct roll_template_input input = {.linker = &linker};
    roll_auto(template) struct roll_template *tmpl = NULL;
    roll_auto(expansion) struct roll_expansion *x = NULL;
    g_autofree char *text = quoted(HEAD "`resources`:[" LINK("b1", "sub/b.json") "," LINK(
        "b2", "sub/b.json") "," LINK("none", "none.json") "]}");
    ck_assert_ptr_null(roll_template_read(text, strlen(text), "main.json", &tmpl));
    ck_assert_ptr_null(roll_template_expand(tmpl, &input, &x));
    ck_assert_int_eq(asked, 2);
    assert_at(x->resources, "0.properties.template.resources", "[]");
    assert_at(x->resources, "1.properties.template.resources", "[]");
    ck_assert_ptr_null(at_path(x->resources, "2.properties.template"));
}
END_TEST

/* ---- parameter files ---- */

START_TEST(test_template_parameters__envelope_or_map)
{
    static const char *const files[] = {
        "{`$schema`:`x`,`contentVersion`:`1.0.0.0`,`parameters`:{`a`:{`value`:1,},}} // comment",
        "{`parameters`:{`a`:{`value`:1}}}",
        "{`a`:{`value`:1}}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *text = quoted(files[i]);
        roll_auto(json) json_t *parameters = NULL;
        struct roll_error *err = roll_parameters_read(text, strlen(text), "p.json", &parameters);
        ck_assert_msg(!err, "%s", err ? err->message : "");
        assert_json(parameters, "{`a`:{`value`:1}}");
    }
    static const char *const bad[] = {
        "[]",
        "{`parameters`:{`a`:1}}",
        "{`a`:{`val`:1}}",
        "{",
        "{`parameters`:{`a`:{`reference`:{`secretName`:`s`}}}}",
        "{`parameters`:{`a`:{`reference`:{`keyVault`:{`id`:`/v`}}}}}",
        "{`parameters`:{`a`:{`reference`:{`keyVault`:{`id`:`[concat('/v')]`},`secretName`:`s`}}}}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text = quoted(bad[i]);
        json_t *parameters = NULL;
        struct roll_error *err = roll_parameters_read(text, strlen(text), "p.json", &parameters);
        ck_assert_msg(err != NULL, "%s", bad[i]);
        ck_assert_ptr_null(parameters);
        roll_error_free(err);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template_run");
    TCase *tcase = tcase_create("run");
    tcase_add_test(tcase, test_template_run__evaluates_in_dependency_order);
    tcase_add_test(tcase, test_template_run__passes_the_servers_error_on);
    tcase_add_test(tcase, test_template_run__serial_loops_wait_batch_by_batch);
    tcase_add_test(tcase, test_template_run__nested_inner_is_sent_as_written);
    tcase_add_test(tcase, test_template_run__nested_outer_is_evaluated_and_escaped);
    tcase_add_test(tcase, test_template_run__input_need_not_outlive_the_call);
    tcase_add_test(tcase, test_template_facts__deployment_name);
    tcase_add_test(tcase, test_template_facts__the_others);
    tcase_add_test(tcase, test_template_facts__pins_volatile_defaults);
    tcase_add_test(tcase, test_template_facts__guids_come_from_the_seed);
    tcase_add_test(tcase, test_template_facts__secret_outputs);
    tcase_add_test(tcase, test_template_compare__lists_changes_by_id);
    tcase_add_test(tcase, test_template_compare__spelling);
    tcase_add_test(tcase, test_template_hash__recorded_value);
    tcase_add_test(tcase, test_template_hash__ignores_order_case_and_its_own_note);
    tcase_add_test(tcase, test_template_hash__ignores_the_order_of_types);
    tcase_add_test(tcase, test_template_check__finds_all_at_once);
    tcase_add_test(tcase, test_template_check__says_where_the_syntax_is_wrong);
    tcase_add_test(tcase, test_template_check__expands_where_no_value_is_needed);
    tcase_add_test(tcase, test_template_check__evaluates_what_needs_no_value);
    tcase_add_test(tcase, test_template_check__looks_into_linked_files);
    tcase_add_test(tcase, test_template__a_link_may_ask_for_a_content_version);
    tcase_add_test(tcase, test_template__each_link_is_read_once_from_beside_its_file);
    tcase_add_test(tcase, test_template_parameters__envelope_or_map);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
