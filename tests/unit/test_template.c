/* Templates as wholes: resources, loops, dependencies, nested deployments, outputs, types, limits.
 */
#include "suite_tools.h"
#include "template_tools.h"

#define STORAGE(rest)                                                                              \
    "{`type`:`Microsoft.Storage/storageAccounts`,`apiVersion`:`2022-09-01`," rest "}"

START_TEST(test_template__resource_has_full_id_and_evaluated_members)
{
    roll_auto(expansion) struct roll_expansion *x =
        expansion_of(HEAD "`resources`:[" STORAGE(
                         "`name`:`[concat('s','t')]`,`comments`:`no`,`location`:`[resourceGroup()"
                         ".location]`,`tags`:{`[concat('a','b')]`:`[[x]`},`properties`:{}") "]}",
                     NULL);
    assert_json(x->resources,
                "[{`id`:`" RG
                "/providers/Microsoft.Storage/storageAccounts/st`,`type`:`Microsoft.Storage/"
                "storageAccounts`,`apiVersion`:`2022-09-01`,`name`:`st`,`location`:`Dummy "
                "Location`,`tags`:{`"
                "ab`:`[x]`},`properties`:{}}]");
    ck_assert(x->complete);
}
END_TEST

START_TEST(test_template__false_condition_leaves_out_resource_and_dependency)
{
    roll_auto(expansion) struct roll_expansion *x = expansion_of(
        HEAD "`parameters`:{`on`:{`type`:`bool`}},`resources`:[" STORAGE(
            "`name`:`a`,`condition`:`[parameters('on')]`") "," STORAGE("`name`:`b`,`dependsOn`:[`a`"
                                                                       "],`condition`:true") "]}",
        "{`on`:{`value`:false}}");
    ck_assert_uint_eq(json_array_size(x->resources), 1);
    assert_at(x->resources, "0.name", "`b`");
    assert_at(x->resources, "0.dependsOn", "[]");
}
END_TEST

START_TEST(test_template__name_of_what_is_off_may_fail)
{
    roll_auto(expansion) struct roll_expansion *x = expansion_of(
        HEAD "`resources`:[" STORAGE("`name`:`[first(split(null(), "
                                     "'/'))]`,`condition`:false") "," STORAGE("`name`:`b`") "]}",
        NULL);
    ck_assert_uint_eq(json_array_size(x->resources), 1);
    assert_fails(HEAD "`resources`:[" STORAGE("`name`:`[first(split(null(), '/'))]`") "]}", NULL,
                 "The template resource 'Microsoft.Storage/storageAccounts' at line '1'");
}
END_TEST

START_TEST(test_template__copy_makes_instances)
{
    roll_auto(expansion) struct roll_expansion *x = expansion_of(
        HEAD "`resources`:[" STORAGE(
            "`name`:`[concat('s', "
            "copyIndex(1))]`,`copy`:{`name`:`loop`,`count`:`[add(1,1)]`,`mode`:`serial`,`batchSize`"
            ":1},"
            "`properties`:{`i`:`[copyIndex('LOOP')]`,`copy`:[{`name`:`disks`,`count`:2,`input`:{`"
            "lun`:`[copyIndex('disks')]`,"
            "`of`:`[copyIndex()]`}}]}") "," STORAGE("`name`:`last`,`dependsOn`:[`Loop`]") "]}",
        NULL);
    ck_assert_uint_eq(json_array_size(x->resources), 3);
    assert_at(x->resources, "0.name", "`s1`");
    assert_at(x->resources, "1.properties", "{`i`:1,`disks`:[{`lun`:0,`of`:1},{`lun`:1,`of`:1}]}");
    assert_at(x->resources, "2.dependsOn",
              "[`" RG "/providers/Microsoft.Storage/storageAccounts/s1`,`" RG
              "/providers/Microsoft.Storage/storageAccounts/s2`]");
    ck_assert(json_object_get(json_array_get(x->resources, 0), "copy") == NULL);
}
END_TEST

START_TEST(test_template__copy_count_is_checked)
{
    assert_fails(HEAD "`resources`:[" STORAGE("`name`:`a`,`copy`:{`name`:`l`,`count`:801}") "]}",
                 NULL,
                 "has an invalid copy count. The copy count must be a positive integer value and "
                 "cannot exceed '800'");
    assert_fails(HEAD "`resources`:[" STORAGE("`name`:`a`,`copy`:{`name`:`l`,`count`:-1}") "]}",
                 NULL, "invalid copy count");
    assert_fails(HEAD "`resources`:[" STORAGE(
                     "`name`:`a`,`copy`:{`name`:`l`,`count`:`[createArray()]`}") "]}",
                 NULL, "invalid copy count");
    roll_auto(expansion) struct roll_expansion *none = expansion_of(
        HEAD "`resources`:[" STORAGE("`name`:`a`,`copy`:{`name`:`l`,`count`:`0`}") "," STORAGE(
            "`name`:`b`,`dependsOn`:[`l`]") "]}",
        NULL);
    ck_assert_uint_eq(json_array_size(none->resources), 1);
}
END_TEST

START_TEST(test_template__children_take_parent_type_and_name)
{
    roll_auto(expansion) struct roll_expansion *x = expansion_of(
        HEAD "`resources`:[{`type`:`A.B/"
             "c`,`apiVersion`:`2020-01-01`,`name`:`p`,`resources`:[{`type`:`d`,`apiVersion`:`2020-"
             "01-01`,`name`:`q`,`dependsOn`:[`p`]},{`type`:`A.B/c/"
             "e`,`apiVersion`:`2020-01-01`,`name`:`p/r`},{`type`:`"
             "providers/f`,`apiVersion`:`2020-01-01`,`name`:`G.H/s`}]}]}",
        NULL);
    assert_at(x->resources, "1.id", "`" RG "/providers/A.B/c/p/d/q`");
    assert_at(x->resources, "1.type", "`A.B/c/d`");
    assert_at(x->resources, "1.name", "`p/q`");
    assert_at(x->resources, "1.dependsOn", "[`" RG "/providers/A.B/c/p`]");
    assert_at(x->resources, "2.id", "`" RG "/providers/A.B/c/p/e/r`");
    assert_at(x->resources, "3.id", "`" RG "/providers/A.B/c/p/providers/G.H/f/s`");
    ck_assert(at_path(x->resources, "0.resources") == NULL);
}
END_TEST

START_TEST(test_template__wrong_segments_are_refused)
{
    assert_fails(HEAD "`resources`:[" STORAGE("`name`:`a/b`") "]}", NULL,
                 "The template resource 'a/b' for type 'Microsoft.Storage/storageAccounts' at line "
                 "'1' and column '");
    assert_fails(HEAD
                 "`resources`:[{`type`:`[concat('A.B/c')]`,`apiVersion`:`2020-01-01`,`name`:`p`}]}",
                 NULL, "The type property cannot be an expression.");
}
END_TEST

START_TEST(test_template__duplicates_are_refused)
{
    assert_fails(HEAD "`resources`:[" STORAGE("`name`:`a`") "," STORAGE("`name`:`A`") "]}", NULL,
                 "The resource 'Microsoft.Storage/storageAccounts/A' at line '1' and column '");
    roll_auto(expansion) struct roll_expansion *x = expansion_of(
        HEAD "`resources`:[" STORAGE("`name`:`a`,`condition`:false") "," STORAGE("`name`:`a`") "]}",
        NULL);
    ck_assert_uint_eq(json_array_size(x->resources), 1);
}
END_TEST

START_TEST(test_template__dependencies_resolve_in_all_forms)
{
    roll_auto(expansion) struct roll_expansion *x =
        expansion_of(HEAD "`resources`:[" STORAGE("`name`:`a`") "," STORAGE(
                         "`name`:`b`,`dependsOn`:[`A`,`[resourceId('Microsoft.Storage/"
                         "storageAccounts','a')]`,`Microsoft.Storage/"
                         "storageAccounts/a`]") "]}",
                     NULL);
    assert_at(x->resources, "1.dependsOn",
              "[`" RG "/providers/Microsoft.Storage/storageAccounts/a`]");
    assert_fails(HEAD
                 "`resources`:[" STORAGE("`name`:`b`,`dependsOn`:[`Microsoft.Web/sites/x`]") "]}",
                 NULL, "The resource 'Microsoft.Web/sites/x' is not defined in the template.");
    assert_fails(HEAD "`resources`:[" STORAGE("`name`:`b`,`dependsOn`:[1]") "]}", NULL,
                 "must be strings");
}
END_TEST

START_TEST(test_template__cycles_are_found)
{
    assert_fails(HEAD "`resources`:[" STORAGE("`name`:`a`,`dependsOn`:[`b`]") "," STORAGE(
                     "`name`:`b`,`dependsOn`:[`a`]") "]}",
                 NULL,
                 "Circular dependency detected on resource: '" RG
                 "/providers/Microsoft.Storage/storageAccounts/a'.");
    assert_fails(
        HEAD
        "`resources`:[" STORAGE("`name`:`a`,`properties`:{`x`:`[reference('b').y]`}") "," STORAGE(
            "`name`:`b`,`dependsOn`:[`a`]") "]}",
        NULL, "Circular dependency detected");
}
END_TEST

START_TEST(test_template__extension_resources_hang_on_their_scope)
{
    roll_auto(expansion) struct roll_expansion *x =
        expansion_of(HEAD "`resources`:[{`type`:`Microsoft.Authorization/"
                          "locks`,`apiVersion`:`2020-05-01`,`name`:`l`,`scope`:`Microsoft."
                          "Storage/storageAccounts/st`},{`type`:`Microsoft.Authorization/"
                          "locks`,`apiVersion`:`2020-05-01`,`name`:`l`,"
                          "`scope`:`[resourceGroup().id]`}]}",
                     NULL);
    assert_at(x->resources, "0.id",
              "`" RG "/providers/Microsoft.Storage/storageAccounts/st/providers/Microsoft."
              "Authorization/locks/l`");
    assert_at(x->resources, "1.id", "`" RG "/providers/Microsoft.Authorization/locks/l`");
}
END_TEST

START_TEST(test_template__reference_stands_in_properties_only)
{
    assert_fails(HEAD "`resources`:[" STORAGE("`name`:`a`") "," STORAGE(
                     "`name`:`b`,`tags`:{`x`:`[reference('a').y]`}") "]}",
                 NULL, "The template function 'reference' is not expected at this location.");
    assert_fails(HEAD "`resources`:[" STORAGE("`name`:`[reference('a').x]`") "]}", NULL,
                 "not expected at this location");
}
END_TEST

START_TEST(test_template__null_location_is_an_error_null_literal_is_not)
{
    assert_fails(HEAD "`resources`:[" STORAGE("`name`:`a`,`location`:`[null()]`") "]}", NULL,
                 "Evaluation result of language expression '[null()]' is type 'Null', expected "
                 "type is 'String'.");
    roll_auto(expansion) struct roll_expansion *x =
        expansion_of(HEAD "`resources`:[" STORAGE("`name`:`a`,`location`:null") "]}", NULL);
    assert_at(x->resources, "0.location", "null");
}
END_TEST

/* ---- parameters ---- */

START_TEST(test_template__parameters_are_checked)
{
    static const struct {
        const char *declared, *given, *message;
    } cases[] = {
        {"`type`:`int`", "`x`", "Expected 'Integer'. Actual 'String'."},
        {"`type`:`bool`", "`true`", "Expected 'Boolean'. Actual 'String'."},
        {"`type`:`string`", "1", "Expected 'String, Uri'. Actual 'Integer'."},
        {"`type`:`array`", "{}", "Expected 'Array'. Actual 'Object'."},
        {"`type`:`object`", "[]", "Expected 'Object'. Actual 'Array'."},
        {"`type`:`string`,`allowedValues`:[`a`,`b`]", "`A`",
         "not part of the allowed value(s): 'a,b'."},
        {"`type`:`array`,`allowedValues`:[`a`,`b`]", "[`a`,`c`]",
         "not part of the allowed value(s)"},
        {"`type`:`array`,`allowedValues`:[[`a`,`b`]]", "[`a`]", "not part of the allowed value(s)"},
        {"`type`:`string`,`minLength`:3", "`ab`", "greater than or equal to '3'"},
        {"`type`:`array`,`maxLength`:1", "[1,2]", "less than or equal to '1'"},
        {"`type`:`int`,`minValue`:3", "2", "out of the range"},
        {"`type`:`int`,`maxValue`:3", "4", "out of the range"},
        {"`type`:`string`", "null", "is not provided"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text =
            g_strconcat(HEAD "`parameters`:{`p`:{", cases[i].declared, "}},`resources`:[]}", NULL);
        g_autofree char *given = g_strconcat("{`p`:{`value`:", cases[i].given, "}}", NULL);
        assert_fails(text, given, cases[i].message);
    }
    assert_fails(HEAD "`parameters`:{`p`:{`type`:`int`}},`resources`:[]}",
                 "{`p`:{`reference`:{`keyVault`:{`id`:`/x`},`secretName`:`s`}}}",
                 "a Key Vault reference gives a 'String', the parameter is of type 'Int'");
}
END_TEST

START_TEST(test_template__parameters_that_fit_are_taken)
{
    static const char *const cases[][2] = {
        {"`type`:`array`,`allowedValues`:[`a`,`b`]", "[`b`,`a`,`b`]"},
        {"`type`:`array`,`allowedValues`:[[`a`]]", "[`a`]"},
        {"`type`:`String`,`minLength`:2,`maxLength`:2", "`ab`"},
        {"`type`:`string`,`nullable`:true", "null"},
        {"`type`:`string`,`defaultValue`:`d`", "null"},
        {"`type`:`INT`,`minValue`:-3,`maxValue`:-3", "-3"},
        {"`type`:`int`,`minValue`:5", "`12`"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text =
            g_strconcat(HEAD "`parameters`:{`p`:{", cases[i][0], "}},`resources`:[]}", NULL);
        g_autofree char *given = g_strconcat("{`P`:{`value`:", cases[i][1], "}}", NULL);
        roll_auto(expansion) struct roll_expansion *x = expansion_of(text, given);
        ck_assert(x != NULL);
    }
}
END_TEST

START_TEST(test_template__unknown_and_missing_parameters_are_refused)
{
    assert_fails(HEAD "`parameters`:{`c`:{`type`:`string`},`d`:{`type`:`string`}},`resources`:[]}",
                 "{`a`:{`value`:1},`b`:{`value`:1}}",
                 "The template parameters 'a, b' in the parameters file are not valid; they are "
                 "not present in the original "
                 "template and can therefore not be provided at deployment time. The only "
                 "supported parameters for this "
                 "template are 'c, d'.");
    assert_fails(HEAD "`parameters`:{`c`:{`type`:`string`}},`resources`:[]}", NULL,
                 "The value for the template parameter 'c' is not provided.");
}
END_TEST

START_TEST(test_template__secrets_are_not_shown)
{
    roll_auto(expansion) struct roll_expansion *x = expansion_of(
        HEAD
        "`parameters`:{`pw`:{`type`:`securestring`},`kv`:{`type`:`string`}},`variables`:{`v`:`["
        "concat('u:', parameters("
        "'pw'))]`},`resources`:[" STORAGE(
            "`name`:`[concat('n', "
            "uniqueString(parameters('pw')))]`,`properties`:{`a`:`[variables('v')]`,`b`:`[length("
            "parameters('pw'))]`,`c`:`[parameters('kv')]`}") "],`outputs`:{`s`:{`type`:`"
                                                             "securestring`,`value`:`["
                                                             "parameters('pw')]`}}}",
        "{`pw`:{`value`:`hunter22`},`kv`:{`reference`:{`keyVault`:{`id`:`/x`},`secretName`:`s`}}}");
    g_autofree char *all = text_of(x->resources);
    ck_assert_ptr_null(strstr(all, "hunter22"));
    assert_at(x->resources, "0.properties",
              "{`a`:`[concat('u:', parameters('pw'))]`,`b`:8,`c`:`[parameters('kv')]`}");
    ck_assert_ptr_null(strstr(json_string_value(at_path(x->resources, "0.name")), "["));
    assert_json(x->outputs, "{`s`:{`type`:`SecureString`}}");
    assert_json(
        x->parameters,
        "{`pw`:{`type`:`SecureString`},`kv`:{`type`:`String`,`value`:`[parameters('kv')]`}}");
    ck_assert(!x->complete);
}
END_TEST

START_TEST(test_template__defaults_refer_to_one_another)
{
    roll_auto(expansion) struct roll_expansion *x =
        expansion_of(HEAD "`parameters`:{`b`:{`type`:`string`,`defaultValue`:`[concat(parameters('"
                          "a'),'2')]`},`a`:{`type`:`string`,"
                          "`defaultValue`:`1`}},`resources`:[],`outputs`:{`o`:{`type`:`string`,`"
                          "value`:`[parameters('b')]`}}}",
                     NULL);
    assert_at(x->outputs, "o.value", "`12`");
    assert_fails(HEAD "`parameters`:{`b`:{`type`:`string`,`defaultValue`:`[parameters('a')]`},`a`:{"
                      "`type`:`string`,"
                      "`defaultValue`:`[parameters('b')]`}},`resources`:[]}",
                 NULL, "refers to itself");
}
END_TEST

START_TEST(test_template__type_system_checks_deeply)
{
    static const struct {
        const char *given, *message;
    } cases[] = {
        {"{`name`:`web`,`port`:80,`tags`:[`a`]}", NULL},
        {"{`name`:`web`,`port`:80,`tags`:[`a`],`extra`:1}", "the property 'extra' is not allowed"},
        {"{`name`:`web`,`port`:80,`tags`:[1]}",
         "Expected 'String, Uri'. Actual 'Integer'. (value 'p.tags.0')"},
        {"{`name`:`web`,`port`:0,`tags`:[]}", "out of the range"},
        {"{`port`:80,`tags`:[]}", "the property 'name' is missing"},
        {"{`name`:`web`,`port`:80,`tags`:[],`more`:null}", NULL},
        {"{`name`:`web`,`port`:80,`tags`:[],`shape`:{`kind`:`square`,`side`:2}}", NULL},
        {"{`name`:`web`,`port`:80,`tags`:[],`shape`:{`kind`:`round`}}",
         "the property 'radius' is missing"},
        {"{`name`:`web`,`port`:80,`tags`:[],`shape`:{`kind`:`odd`}}",
         "names none of the possible types"},
        {"{`name`:`web`,`port`:80,`tags`:[],`pair`:[1]}", "'2' are required"},
        {"{`name`:`web`,`port`:80,`tags`:[],`pair`:[1,`x`,3]}", "no more than '2' are allowed"},
        {"{`name`:`web`,`port`:80,`tags`:[],`more`:{`name`:`in`,`port`:1,`tags`:[],`more`:{}}}",
         "is missing"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *text = HEAD2
            "`definitions`:{`port`:{`type`:`int`,`minValue`:1},`round`:{`type`:`object`,`"
            "properties`:{`kind`:{`type`:"
            "`string`},`radius`:{`type`:`int`}}},`rule`:{`type`:`object`,`properties`:{`name`:{`"
            "type`:`string`},`port`:"
            "{`$ref`:`#/definitions/"
            "port`},`tags`:{`type`:`array`,`items`:{`type`:`string`}},`more`:{`$ref`:`#/"
            "definitions/"
            "rule`,`nullable`:true},`pair`:{`type`:`array`,`nullable`:true,`prefixItems`:[{`type`:`"
            "int`},{"
            "`type`:`string`}],`items`:false},`shape`:{`type`:`object`,`nullable`:true,`"
            "discriminator`:{`propertyName`:"
            "`kind`,`mapping`:{`square`:{`type`:`object`,`properties`:{`side`:{`type`:`int`}}},`"
            "round`:{`$ref`:`#/"
            "definitions/round`}}}}},`additionalProperties`:false}},`parameters`:{`p`:{`$ref`:`#/"
            "definitions/rule`}},"
            "`resources`:{}}";
        g_autofree char *given = g_strconcat("{`p`:{`value`:", cases[i].given, "}}", NULL);
        if (cases[i].message) {
            assert_fails(text, given, cases[i].message);
        } else {
            roll_auto(expansion) struct roll_expansion *x = expansion_of(text, given);
            ck_assert(x != NULL);
        }
    }
}
END_TEST

/* ---- symbolic names ---- */

START_TEST(test_template__symbolic_names)
{
    roll_auto(expansion) struct roll_expansion *x =
        expansion_of(HEAD2 "`resources`:{`vault`:{`existing`:true,`type`:`Microsoft.KeyVault/"
                           "vaults`,`apiVersion`:`2022-07-01`,`name`:`kv`,"
                           "`dependsOn`:[`st`]},`st`:" STORAGE("`name`:`st`") ",`many`:" STORAGE(
                               "`name`:`[format('m{0}', "
                               "copyIndex())]`,`copy`:{`name`:`many`,`count`:"
                               "2}") ",`last`:" STORAGE("`name`:`z`,`"
                                                        "dependsOn`:[`many[1]`"
                                                        ",`vault`],`"
                                                        "properties`:{`v`:`["
                                                        "reference('vault')."
                                                        "uri]`,`n`:`[length("
                                                        "references('many'))]`"
                                                        ",`m`:`[reference('"
                                                        "many[0]', "
                                                        "'2020-01-01', "
                                                        "'full').sku]`}") "}}",
                     NULL);
    ck_assert_uint_eq(json_array_size(x->resources), 4);
    assert_at(x->resources, "3.dependsOn",
              "[`" RG "/providers/Microsoft.Storage/storageAccounts/m1`,`" RG
              "/providers/Microsoft.Storage/storageAccounts/st`]");
    assert_at(
        x->resources, "3.properties",
        "{`v`:`[reference('" RG
        "/providers/Microsoft.KeyVault/vaults/kv', '2022-07-01').uri]`,`n`:2,`m`:`[reference('" RG
        "/providers/Microsoft.Storage/storageAccounts/m0', '2020-01-01', 'Full').sku]`}");
    assert_fails(HEAD2 "`resources`:{`st`:" STORAGE("`name`:`s`,`dependsOn`:[`ST`]") "}}", NULL,
                 "is not defined in the template");
}
END_TEST

START_TEST(test_template__asserts)
{
    roll_auto(expansion) struct roll_expansion *x =
        expansion_of(HEAD2 "`resources`:{},`variables`:{`n`:3},`asserts`:{`yes`:`[greater("
                           "variables('n'), 2)]`,`no`:false}}",
                     NULL);
    assert_json(x->asserts, "{`yes`:true,`no`:false}");
    assert_fails(HEAD2 "`resources`:{},`asserts`:{`a`:`[1]`}}", NULL,
                 "The template assertion 'a' is not valid");
}
END_TEST

/* ---- nested deployments ---- */

#define NESTED(target, options, parameters, body)                                                  \
    "{`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2022-09-01`,`name`:`inner`," target   \
    "`properties`:{`mode`:`Incremental`," options parameters "`template`:" HEAD body "}}}"

START_TEST(test_template__inner_scope_has_its_own_names_and_group)
{
    roll_auto(expansion) struct roll_expansion *x = expansion_of(
        HEAD "`variables`:{`v`:`parent`},`resources`:[" NESTED(
            "`resourceGroup`:`other`,", "`expressionEvaluationOptions`:{`scope`:`inner`},",
            "`parameters`:{`p`:{`value`:`[variables('v')]`}},",
            "`parameters`:{`p`:{`type`:`string`}},`variables`:{`v`:`child`},`resources`:[" STORAGE(
                "`name`:`[variables('v')]`,`location`:`[resourceGroup().location]`,`tags`:{`t`:`["
                "parameters('p')]`}") "],"
                                      "`outputs`:{`g`:{`type`:`string`,`value`:`[resourceGroup()."
                                      "name]`}}") "],`outputs`:{`o`:{`type`:`string`,"
                                                  "`value`:`[reference('inner').outputs.g.value]`}}"
                                                  "}",
        NULL);
    const char *id = "`/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/other/"
                     "providers/Microsoft.Storage/"
                     "storageAccounts/child`";
    assert_at(x->resources, "0.properties.template.resources.0.id", id);
    assert_at(x->resources, "0.properties.template.resources.0.location",
              "`[resourceGroup().location]`");
    assert_at(x->resources, "0.properties.template.resources.0.tags", "{`t`:`parent`}");
    assert_at(x->resources, "0.properties.template.outputs.g.value", "`other`");
    assert_at(x->outputs, "o.value", "`other`");
    assert_at(x->resources, "0.id",
              "`/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/other/providers/"
              "Microsoft.Resources/deployments/inner`");
}
END_TEST

START_TEST(test_template__outer_scope_uses_the_parents_names)
{
    roll_auto(expansion) struct roll_expansion *x =
        expansion_of(HEAD "`variables`:{`v`:`parent`},`resources`:[" NESTED(
                         "`resourceGroup`:`other`,`copy`:{`name`:`l`,`count`:1},", "", "",
                         "`variables`:{`v`:`child`},`resources`:[" STORAGE(
                             "`name`:`[concat(variables('v'), "
                             "copyIndex())]`,`tags`:{`g`:`[resourceGroup().name]`}") "]") "]}",
                     NULL);
    assert_at(x->resources, "0.properties.template.resources.0.name", "`parent0`");
    assert_at(x->resources, "0.properties.template.resources.0.tags.g", "`DummyResourceGroup`");
    assert_at(x->resources, "0.properties.template.resources.0.id",
              "`/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/other/providers/"
              "Microsoft.Storage/"
              "storageAccounts/parent0`");
}
END_TEST

START_TEST(test_template__subscription_deploys_groups_and_into_them)
{
    roll_auto(expansion) struct roll_expansion *x = expansion_of(
        "{" SCHEMA("subscriptionDeployment") ",`contentVersion`:`1.0.0.0`,`resources`:[{`type`:`"
                                             "Microsoft.Resources/"
                                             "resourceGroups`,`apiVersion`:`2021-04-01`,`name`:`"
                                             "rg1`,`location`:`westeurope`}," NESTED(
                                                 "`resourceGroup`:`rg1`,`dependsOn`:[`["
                                                 "subscriptionResourceId('Microsoft.Resources/"
                                                 "resourceGroups','rg1')]`],",
                                                 "`expressionEvaluationOptions`:{`scope`:`inner`},",
                                                 "",
                                                 "`resources`:[" STORAGE(
                                                     "`name`:`st`,`location`:`[resourceGroup()."
                                                     "location]`") "]") "]}",
        NULL);
    assert_at(x->resources, "0.id",
              "`/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg1`");
    assert_at(x->resources, "1.dependsOn",
              "[`/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg1`]");
    assert_at(x->resources, "1.properties.template.resources.0.location", "`westeurope`");
}
END_TEST

START_TEST(test_template__other_scopes)
{
    roll_auto(expansion) struct roll_expansion *mg = expansion_of(
        "{" SCHEMA(
            "managementGroupDeployment") ",`contentVersion`:`1.0.0.0`,`resources`:[{`type`:`"
                                         "Microsoft.Authorization/"
                                         "policyDefinitions`,`apiVersion`:`2020-01-01`,`name`:`p`},"
                                         "{`type`:`Microsoft.Subscription/"
                                         "aliases`,`apiVersion`:`2020-"
                                         "01-01`,`name`:`s`,`scope`:`/`}," NESTED(
                                             "`scope`:`Microsoft.Management/managementGroups/"
                                             "m2`,`location`:`x`,",
                                             "", "",
                                             "`resources`:[]") "," NESTED("`subscriptionId`:`s1`,`"
                                                                          "location`:`x`,",
                                                                          "", "",
                                                                          "`resources`:[]") "]}",
        NULL);
    assert_at(
        mg->resources, "0.id",
        "`/providers/Microsoft.Management/managementGroups/00000000-0000-0000-0000-000000000000/"
        "providers/Microsoft.Authorization/policyDefinitions/p`");
    assert_at(mg->resources, "1.id", "`/providers/Microsoft.Subscription/aliases/s`");
    assert_at(mg->resources, "2.id",
              "`/providers/Microsoft.Management/managementGroups/m2/providers/Microsoft.Resources/"
              "deployments/inner`");
    assert_at(mg->resources, "3.id",
              "`/subscriptions/s1/providers/Microsoft.Resources/deployments/inner`");
    roll_auto(expansion) struct roll_expansion *tenant = expansion_of(
        "{" SCHEMA("tenantDeployment") ",`contentVersion`:`1.0.0.0`,`resources`:[{`type`:`"
                                       "Microsoft.Management/"
                                       "managementGroups`,`apiVersion`:`2020-01-01`,`name`:`m`}]}",
        NULL);
    assert_at(tenant->resources, "0.id", "`/providers/Microsoft.Management/managementGroups/m`");
}
END_TEST

/* Parameters that only a run knows leave the template's resources known. */
START_TEST(test_template__what_comes_with_a_run_stays_an_expression)
{
    roll_auto(expansion) struct roll_expansion *x = expansion_of(
        HEAD "`resources`:[{`type`:`A.B/c`,`apiVersion`:`2020-01-01`,`name`:`s`}," NESTED(
            "", "`expressionEvaluationOptions`:{`scope`:`inner`},",
            "`parameters`:`[reference('s').p]`,",
            "`parameters`:{`p`:{`type`:`string`}},`resources`:[{`type`:`A.B/c`,`apiVersion`:"
            "`2020-01-01`,`name`:`n`,`properties`:{`v`:`[parameters('p')]`}}]") "]}",
        NULL);
    assert_at(x->resources, "1.properties.parameters",
              "`[reference('" RG "/providers/A.B/c/s', '2020-01-01').p]`");
    assert_at(x->resources, "1.properties.template.resources.0.properties.v",
              "`[parameters('p')]`");
    roll_auto(expansion) struct roll_expansion *linked = expansion_of(
        HEAD "`resources`:[" NESTED(
            "", "`expressionEvaluationOptions`:{`scope`:`inner`},",
            "`parametersLink`:{`uri`:`https://h/p.json`},",
            "`parameters`:{`p`:{`type`:`string`}},`resources`:[{`type`:`A.B/c`,`apiVersion`:"
            "`2020-01-01`,`name`:`n`,`properties`:{`v`:`[parameters('p')]`}}]") "]}",
        NULL);
    assert_at(linked->resources, "0.properties.template.resources.0.properties.v",
              "`[parameters('p')]`");
    roll_auto(expansion) struct roll_expansion *count = expansion_of(
        HEAD "`resources`:[{`type`:`A.B/c`,`apiVersion`:`2020-01-01`,`name`:`s`}," NESTED(
            "", "`expressionEvaluationOptions`:{`scope`:`inner`},",
            "`parameters`:{`n`:{`value`:`[reference('s').n]`}},",
            "`parameters`:{`n`:{`type`:`int`}},`resources`:[{`type`:`A.B/"
            "c`,`apiVersion`:`2020-01-01`,`name`:`[concat('a', copyIndex())]`,`copy`:{`name`:`l`,"
            "`count`:`[parameters('n')]`}}]") "]}",
        NULL);
    ck_assert_ptr_null(at_path(count->resources, "1.properties.template"));
    ck_assert(!count->complete);
}
END_TEST

START_TEST(test_template__large_resources_are_refused)
{
    assert_fails(HEAD
                 "`resources`:[{`type`:`A.B/c`,`apiVersion`:`2020-01-01`,`name`:`s`,`properties`:{"
                 "`x`:`[padLeft('', 1048000)]`,`y`:`[padLeft('', 1048000)]`}}]}",
                 NULL, "is larger than '1048576' bytes");
}
END_TEST

START_TEST(test_template__outputs_are_typed_and_conditional)
{
    roll_auto(expansion) struct roll_expansion *x = expansion_of(
        HEAD "`resources`:[],`outputs`:{`a`:{`type`:`array`,`copy`:{`count`:2,`input`:`[copyIndex("
             "1)]`}},`b`:{`type`:`string`,"
             "`condition`:`[false()]`,`value`:`[fail('x')]`},`c`:{`type`:`int`,`value`:`[1]`}}}",
        NULL);
    assert_json(x->outputs, "{`a`:{`type`:`Array`,`value`:[1,2]},`c`:{`type`:`Int`,`value`:1}}");
    assert_fails(HEAD "`resources`:[],`outputs`:{`a`:{`type`:`string`,`value`:`[null()]`}}}", NULL,
                 "The template output 'a' is not valid: Template output JToken type is not valid. "
                 "Expected 'String, Uri'. "
                 "Actual 'Null'");
}
END_TEST

START_TEST(test_template__error_says_where)
{
    g_autofree char *text = quoted(
        HEAD "\n`resources`: [],\n`outputs`: {\n  `a`: {`type`: `string`, `value`: `[concat(]`}}}");
    struct roll_template *tmpl = NULL;
    struct roll_error *err = roll_template_read(text, strlen(text), "main.json", &tmpl);
    ck_assert(err != NULL);
    ck_assert_str_eq(
        err->detail,
        "{\"line\":4,\"column\":27,\"path\":\"outputs.a.value\",\"file\":\"main.json\"}");
    roll_error_free(err);
}
END_TEST

START_TEST(test_template__frame_is_checked)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "not an object"},
        {"{`contentVersion`:`1.0.0.0`,`resources`:[]}", "has no '$schema'"},
        {"{`$schema`:`http://x/y.json`,`contentVersion`:`1.0.0.0`,`resources`:[]}",
         "is not supported"},
        {"{" SCHEMA("deployment") ",`resources`:[]}", "has no 'contentVersion'"},
        {"{" SCHEMA("deployment") ",`contentVersion`:`x`,`resources`:[]}", "not of the form"},
        {HEAD "`parameters`:{}}", "no section 'resources'"},
        {HEAD "`resources`:[],`bogus`:1}", "Could not find member 'bogus'"},
        {HEAD "`resources`:[],`variables`:[]}", "'variables' is not an object"},
        {HEAD "`resources`:[],`parameters`:{`p`:{`type`:`text`}}}",
         "The type 'text' of the template parameter 'p'"},
        {HEAD "`resources`:[{`name`:`x`}]}", "has no 'type'"},
        {HEAD "`resources`:[],`outputs`:{`o`:{`type`:`string`,`value`:`[]`}}}",
         "Unable to parse language expression '': expected token 'Identifier' and actual "
         "'EndOfData'."},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_fails(cases[i].text, NULL, cases[i].message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template");
    TCase *tcase = tcase_create("whole");
    tcase_add_test(tcase, test_template__resource_has_full_id_and_evaluated_members);
    tcase_add_test(tcase, test_template__false_condition_leaves_out_resource_and_dependency);
    tcase_add_test(tcase, test_template__name_of_what_is_off_may_fail);
    tcase_add_test(tcase, test_template__copy_makes_instances);
    tcase_add_test(tcase, test_template__copy_count_is_checked);
    tcase_add_test(tcase, test_template__children_take_parent_type_and_name);
    tcase_add_test(tcase, test_template__wrong_segments_are_refused);
    tcase_add_test(tcase, test_template__duplicates_are_refused);
    tcase_add_test(tcase, test_template__dependencies_resolve_in_all_forms);
    tcase_add_test(tcase, test_template__cycles_are_found);
    tcase_add_test(tcase, test_template__extension_resources_hang_on_their_scope);
    tcase_add_test(tcase, test_template__reference_stands_in_properties_only);
    tcase_add_test(tcase, test_template__null_location_is_an_error_null_literal_is_not);
    tcase_add_test(tcase, test_template__parameters_are_checked);
    tcase_add_test(tcase, test_template__parameters_that_fit_are_taken);
    tcase_add_test(tcase, test_template__unknown_and_missing_parameters_are_refused);
    tcase_add_test(tcase, test_template__secrets_are_not_shown);
    tcase_add_test(tcase, test_template__defaults_refer_to_one_another);
    tcase_add_test(tcase, test_template__type_system_checks_deeply);
    tcase_add_test(tcase, test_template__symbolic_names);
    tcase_add_test(tcase, test_template__asserts);
    tcase_add_test(tcase, test_template__inner_scope_has_its_own_names_and_group);
    tcase_add_test(tcase, test_template__outer_scope_uses_the_parents_names);
    tcase_add_test(tcase, test_template__subscription_deploys_groups_and_into_them);
    tcase_add_test(tcase, test_template__other_scopes);
    tcase_add_test(tcase, test_template__what_comes_with_a_run_stays_an_expression);
    tcase_add_test(tcase, test_template__large_resources_are_refused);
    tcase_add_test(tcase, test_template__outputs_are_typed_and_conditional);
    tcase_add_test(tcase, test_template__error_says_where);
    tcase_add_test(tcase, test_template__frame_is_checked);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
