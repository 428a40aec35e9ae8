/* The functions of the template language, one row each: name, least and most arguments, their
 * types, what is special, the evaluator. Sorted by the first column. Adding a function is one row
 * here, its name in function.h, one test. */
#include "function.h"

/* clang-format off */
static const struct function functions[] = {
    {"add", "add", 2, 2, {T_INT}, 0, function_add, NULL},
    {"and", "and", 2, MANY, {T_ANY}, 0, NULL, special_and},
    {"array", "array", 1, 1, {T_ANY}, 0, function_array, NULL},
    {"base64", "base64", 1, 1, {T_STRING}, 0, function_base64, NULL},
    {"base64tojson", "base64ToJson", 1, 1, {T_STRING}, 0, function_base64_to_json, NULL},
    {"base64tostring", "base64ToString", 1, 1, {T_STRING}, 0, function_base64_to_string, NULL},
    {"bool", "bool", 1, 1, {T_STRING | T_INT | T_BOOL}, 0, function_bool, NULL},
    {"builduri", "buildUri", 1, 1, {T_OBJECT}, F_DEEP, function_build_uri, NULL},
    {"cidrhost", "cidrHost", 2, 2, {T_STRING, T_INT}, 0, function_cidr_host, NULL},
    {"cidrsubnet", "cidrSubnet", 3, 3, {T_STRING, T_INT, T_INT}, 0, function_cidr_subnet, NULL},
    {"coalesce", "coalesce", 1, MANY, {T_ANY}, 0, NULL, special_coalesce},
    {"concat", "concat", 1, MANY, {T_STRING | T_INT | T_BOOL | T_FLOAT | T_ARRAY | T_NULL}, 0, function_concat, NULL},
    {"contains", "contains", 2, 2, {T_STRING | T_ARRAY | T_OBJECT, T_ANY}, 0, function_contains, NULL},
    {"copyindex", "copyIndex", 0, 2, {T_ANY}, F_NAMES, NULL, special_copy_index},
    {"createarray", "createArray", 0, MANY, {T_ANY}, F_OPEN, function_create_array, NULL},
    {"createobject", "createObject", 0, MANY, {T_ANY}, F_OPEN, function_create_object, NULL},
    {"datauri", "dataUri", 1, 1, {T_STRING}, 0, function_data_uri, NULL},
    {"datauritostring", "dataUriToString", 1, 1, {T_STRING}, 0, function_data_uri_to_string, NULL},
    {"datetimeadd", "dateTimeAdd", 2, 3, {T_STRING}, 0, function_date_time_add, NULL},
    {"datetimefromepoch", "dateTimeFromEpoch", 1, 1, {T_INT}, 0, function_date_time_from_epoch, NULL},
    {"datetimetoepoch", "dateTimeToEpoch", 1, 1, {T_STRING}, 0, function_date_time_to_epoch, NULL},
    {"deployer", "deployer", 0, 0, {T_ANY}, 0, function_deployer, NULL},
    {"deployment", "deployment", 0, 0, {T_ANY}, 0, function_deployment, NULL},
    {"distinct", "distinct", 1, 1, {T_ARRAY}, F_DEEP, function_distinct, NULL},
    {"div", "div", 2, 2, {T_INT}, 0, function_div, NULL},
    {"empty", "empty", 1, 1, {T_STRING | T_ARRAY | T_OBJECT | T_NULL}, 0, function_empty, NULL},
    {"endswith", "endsWith", 2, 2, {T_STRING}, 0, function_ends_with, NULL},
    {"environment", "environment", 0, 0, {T_ANY}, 0, function_environment, NULL},
    {"equals", "equals", 2, 2, {T_ANY}, F_DEEP, function_equals, NULL},
    {"extensionresourceid", "extensionResourceId", 3, MANY, {T_STRING}, 0, function_extension_resource_id, NULL},
    {"externalinputs", "externalInputs", 1, 1, {T_STRING}, 0, function_external_inputs, NULL},
    {"fail", "fail", 1, 1, {T_STRING}, 0, function_fail, NULL},
    {"false", "false", 0, 0, {T_ANY}, 0, function_false, NULL},
    {"filter", "filter", 2, 2, {T_ANY}, 0, NULL, special_filter},
    {"first", "first", 1, 1, {T_STRING | T_ARRAY}, 0, function_first, NULL},
    {"flatten", "flatten", 1, 1, {T_ARRAY}, 0, function_flatten, NULL},
    {"float", "float", 1, 1, {T_STRING | T_INT | T_FLOAT}, 0, function_float, NULL},
    {"format", "format", 1, MANY, {T_STRING, T_ANY}, F_DEEP, function_format, NULL},
    {"greater", "greater", 2, 2, {T_STRING | T_INT}, 0, function_greater, NULL},
    {"greaterorequals", "greaterOrEquals", 2, 2, {T_STRING | T_INT}, 0, function_greater_or_equals, NULL},
    {"groupby", "groupBy", 2, 3, {T_ANY}, 0, NULL, special_group_by},
    {"guid", "guid", 1, MANY, {T_STRING}, 0, function_guid, NULL},
    {"if", "if", 3, 3, {T_ANY}, 0, NULL, special_if},
    {"indexfromend", "indexFromEnd", 2, 2, {T_ARRAY, T_INT}, 0, function_index_from_end, NULL},
    {"indexof", "indexOf", 2, 2, {T_STRING | T_ARRAY, T_ANY}, F_DEEP, function_index_of, NULL},
    {"int", "int", 1, 1, {T_STRING | T_INT | T_FLOAT}, 0, function_int, NULL},
    {"intersection", "intersection", 2, MANY, {T_ARRAY | T_OBJECT}, F_DEEP, function_intersection, NULL},
    {"items", "items", 1, 1, {T_OBJECT}, 0, function_items, NULL},
    {"join", "join", 2, 2, {T_ARRAY, T_STRING}, F_DEEP, function_join, NULL},
    {"json", "json", 1, 1, {T_STRING}, 0, function_json, NULL},
    {"lambda", "lambda", 1, MANY, {T_ANY}, F_NAMES, NULL, special_lambda},
    {"lambdavariables", "lambdaVariables", 1, 1, {T_ANY}, F_NAMES, NULL, special_lambda_variables},
    {"last", "last", 1, 1, {T_STRING | T_ARRAY}, 0, function_last, NULL},
    {"lastindexof", "lastIndexOf", 2, 2, {T_STRING | T_ARRAY, T_ANY}, F_DEEP, function_last_index_of, NULL},
    {"length", "length", 1, 1, {T_STRING | T_ARRAY | T_OBJECT}, 0, function_length, NULL},
    {"less", "less", 2, 2, {T_STRING | T_INT}, 0, function_less, NULL},
    {"lessorequals", "lessOrEquals", 2, 2, {T_STRING | T_INT}, 0, function_less_or_equals, NULL},
    {"like", "like", 2, 2, {T_STRING}, 0, function_like, NULL},
    {"managementgroup", "managementGroup", 0, 0, {T_ANY}, 0, function_management_group, NULL},
    {"managementgroupresourceid", "managementGroupResourceId", 2, MANY, {T_STRING}, 0, function_management_group_resource_id, NULL},
    {"map", "map", 2, 2, {T_ANY}, 0, NULL, special_map},
    {"mapvalues", "mapValues", 2, 2, {T_ANY}, 0, NULL, special_map_values},
    {"max", "max", 1, MANY, {T_INT | T_ARRAY}, F_DEEP, function_max, NULL},
    {"min", "min", 1, MANY, {T_INT | T_ARRAY}, F_DEEP, function_min, NULL},
    {"mod", "mod", 2, 2, {T_INT}, 0, function_mod, NULL},
    {"mul", "mul", 2, 2, {T_INT}, 0, function_mul, NULL},
    {"newguid", "newGuid", 0, 0, {T_ANY}, F_DEFAULT, function_new_guid, NULL},
    {"not", "not", 1, 1, {T_BOOL}, 0, function_not, NULL},
    {"null", "null", 0, 0, {T_ANY}, 0, function_null, NULL},
    {"objectkeys", "objectKeys", 1, 1, {T_OBJECT}, 0, function_object_keys, NULL},
    {"or", "or", 2, MANY, {T_ANY}, 0, NULL, special_or},
    {"padleft", "padLeft", 2, 3, {T_STRING | T_INT, T_INT, T_STRING}, 0, function_pad_left, NULL},
    {"parameters", "parameters", 1, 1, {T_ANY}, F_NAMES, NULL, special_parameters},
    {"parsecidr", "parseCidr", 1, 1, {T_STRING}, 0, function_parse_cidr, NULL},
    {"parseuri", "parseUri", 1, 1, {T_STRING}, 0, function_parse_uri, NULL},
    {"pickzones", "pickZones", 3, 5, {T_STRING, T_STRING, T_STRING, T_INT}, 0, function_pick_zones, NULL},
    {"providers", "providers", 1, 2, {T_STRING}, 0, function_providers, NULL},
    {"range", "range", 2, 2, {T_INT}, 0, function_range, NULL},
    {"reduce", "reduce", 3, 3, {T_ANY}, 0, NULL, special_reduce},
    {"reference", "reference", 1, 3, {T_ANY}, F_RUNTIME, NULL, special_reference},
    {"references", "references", 1, 2, {T_ANY}, F_RUNTIME, NULL, special_references},
    {"replace", "replace", 3, 3, {T_STRING}, 0, function_replace, NULL},
    {"resourcegroup", "resourceGroup", 0, 0, {T_ANY}, 0, function_resource_group, NULL},
    {"resourceid", "resourceId", 2, MANY, {T_ANY}, 0, function_resource_id, NULL},
    {"roledefinitions", "roleDefinitions", 1, 1, {T_STRING}, 0, function_unknown, NULL},
    {"shallowmerge", "shallowMerge", 1, 1, {T_ARRAY}, 0, function_shallow_merge, NULL},
    {"skip", "skip", 2, 2, {T_STRING | T_ARRAY, T_INT}, 0, function_skip, NULL},
    {"sort", "sort", 2, 2, {T_ANY}, 0, NULL, special_sort},
    {"split", "split", 2, 2, {T_STRING, T_STRING | T_ARRAY}, F_DEEP, function_split, NULL},
    {"startswith", "startsWith", 2, 2, {T_STRING}, 0, function_starts_with, NULL},
    {"string", "string", 1, 1, {T_ANY}, F_DEEP, function_string, NULL},
    {"sub", "sub", 2, 2, {T_INT}, 0, function_sub, NULL},
    {"subscription", "subscription", 0, 0, {T_ANY}, 0, function_subscription, NULL},
    {"subscriptionresourceid", "subscriptionResourceId", 2, MANY, {T_ANY}, 0, function_subscription_resource_id, NULL},
    {"substring", "substring", 2, 3, {T_STRING, T_INT, T_INT}, 0, function_substring, NULL},
    {"take", "take", 2, 2, {T_STRING | T_ARRAY, T_INT}, 0, function_take, NULL},
    {"tenant", "tenant", 0, 0, {T_ANY}, 0, function_tenant, NULL},
    {"tenantresourceid", "tenantResourceId", 2, MANY, {T_STRING}, 0, function_tenant_resource_id, NULL},
    {"tologicalzone", "toLogicalZone", 3, 3, {T_STRING}, 0, function_unknown, NULL},
    {"tologicalzones", "toLogicalZones", 3, 3, {T_STRING, T_STRING, T_ARRAY}, 0, function_unknown, NULL},
    {"tolower", "toLower", 1, 1, {T_STRING}, 0, function_to_lower, NULL},
    {"toobject", "toObject", 2, 3, {T_ANY}, 0, NULL, special_to_object},
    {"tophysicalzone", "toPhysicalZone", 3, 3, {T_STRING}, 0, function_unknown, NULL},
    {"tophysicalzones", "toPhysicalZones", 3, 3, {T_STRING, T_STRING, T_ARRAY}, 0, function_unknown, NULL},
    {"toupper", "toUpper", 1, 1, {T_STRING}, 0, function_to_upper, NULL},
    {"trim", "trim", 1, 1, {T_STRING}, 0, function_trim, NULL},
    {"true", "true", 0, 0, {T_ANY}, 0, function_true, NULL},
    {"tryget", "tryGet", 2, MANY, {T_ANY, T_STRING | T_INT}, F_OPEN, function_try_get, NULL},
    {"tryindexfromend", "tryIndexFromEnd", 2, 2, {T_ARRAY | T_NULL, T_INT}, 0, function_try_index_from_end, NULL},
    {"union", "union", 1, MANY, {T_ARRAY | T_OBJECT}, 0, function_union, NULL},
    {"uniquestring", "uniqueString", 1, MANY, {T_STRING}, 0, function_unique_string, NULL},
    {"uri", "uri", 2, 2, {T_STRING}, 0, function_uri, NULL},
    {"uricomponent", "uriComponent", 1, 1, {T_STRING}, 0, function_uri_component, NULL},
    {"uricomponenttostring", "uriComponentToString", 1, 1, {T_STRING}, 0, function_uri_component_to_string, NULL},
    {"utcnow", "utcNow", 0, 1, {T_STRING}, F_DEFAULT, function_utc_now, NULL},
    {"variables", "variables", 1, 1, {T_ANY}, F_NAMES, NULL, special_variables},
};

/* Any name that begins with `list`. */
static const struct function list_function =
    {"list*", "list*", 1, 3, {T_ANY}, F_RUNTIME | F_LIST, NULL, special_list};
/* clang-format on */

size_t function_count(void)
{
    return G_N_ELEMENTS(functions);
}

const struct function *function_at(size_t index)
{
    return &functions[index];
}

const struct function *function_find(const char *name, size_t size)
{
    char key[40];
    if (size >= sizeof(key))
        return size > 4 && g_ascii_strncasecmp(name, "list", 4) == 0 ? &list_function : NULL;
    for (size_t i = 0; i < size; i++)
        key[i] = g_ascii_tolower(name[i]);
    key[size] = '\0';
    size_t low = 0;
    size_t high = G_N_ELEMENTS(functions);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(key, functions[middle].key);
        if (order == 0)
            return &functions[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return strncmp(key, "list", 4) == 0 ? &list_function : NULL;
}

unsigned value_type_mask(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return T_STRING;
    case JSON_INTEGER:
        return T_INT;
    case JSON_REAL:
        return T_FLOAT;
    case JSON_TRUE:
    case JSON_FALSE:
        return T_BOOL;
    case JSON_ARRAY:
        return T_ARRAY;
    case JSON_OBJECT:
        return T_OBJECT;
    default:
        return T_NULL;
    }
}

const char *type_word(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return "String";
    case JSON_INTEGER:
        return "Integer";
    case JSON_REAL:
        return "Float";
    case JSON_TRUE:
    case JSON_FALSE:
        return "Boolean";
    case JSON_ARRAY:
        return "Array";
    case JSON_OBJECT:
        return "Object";
    default:
        return "Null";
    }
}

struct roll_error *function_error(const struct call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    return template_error(
        "The template language function '%s' %s Please see https://aka.ms/arm-functions for usage "
        "details.",
        call->function->name, message);
}

static void append_types(unsigned mask, GString *out)
{
    static const char *const words[] = {"String", "Integer", "Boolean", "Array",
                                        "Object", "Null",    "Float"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (mask & 1u << i)
            g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", words[i]);
}

struct roll_error *argument_type_error(const struct function *function, unsigned index,
                                       unsigned mask, const json_t *value)
{
    static const char *const ordinals[] = {"first", "second", "third", "fourth", "fifth"};
    g_autoptr(GString) expected = g_string_new(NULL);
    g_autofree char *later = g_strdup_printf("%uth", index + 1);
    append_types(mask, expected);
    return template_error(
        "The template language function '%s' expects its %s parameter to be of type '%s'. The "
        "provided value is of type '%s'. Please see https://aka.ms/arm-functions for usage "
        "details.",
        function->name, index < G_N_ELEMENTS(ordinals) ? ordinals[index] : later, expected->str,
        type_word(value));
}

struct roll_error *argument_error(const struct function *function, unsigned index, json_t *value)
{
    unsigned mask = T_ANY;
    for (unsigned i = 0; i < G_N_ELEMENTS(function->types) && i <= index; i++)
        mask = function->types[i] ? function->types[i] : mask;
    return argument_type_error(function, index, mask, value);
}

struct roll_error *return_chars(const struct call *call, const char *text, size_t size,
                                json_t **ret_value)
{
    ROLL_TRY(work_make(call->eval->work, size + ROLL_JSON_STRING_BYTES));
    *ret_value = json_stringn_nocheck(text, size);
    return NULL;
}

struct roll_error *return_text(const struct call *call, GString *text, json_t **ret_value)
{
    struct roll_error *err = return_chars(call, text->str, text->len, ret_value);
    g_string_free(text, TRUE);
    return err;
}
