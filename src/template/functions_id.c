/* resourceId and its kin (reference 17.9). */
#include "expand.h"
#include "function.h"

static struct roll_error *id_error(const struct call *call, const char *format, ...)
    ROLL_PRINTF(2, 3) ROLL_CHECKED;

static struct roll_error *id_error(const struct call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    return template_error("Unable to evaluate template language function '%s': %s Please see "
                          "https://aka.ms/arm-functions for usage details.",
                          call->function->name, message);
}

/* The arguments that make an id: what stands before the type, the type, the names. */
struct id_parts {
    unsigned prefixes;
    const char *type; /* owned */
    unsigned first_name;
};

static bool has_inner_slash(const char *text)
{
    const char *slash = strchr(text, '/');
    return slash && slash[1];
}

static unsigned count_segments(const char *type)
{
    unsigned count = 1;
    for (; *type; type++)
        count += *type == '/';
    return count;
}

static struct roll_error *find_type(const struct call *call, unsigned from, unsigned *ret_index)
{
    unsigned found = 0;
    for (unsigned i = from; i < call->count; i++) {
        if (!json_is_string(call->args[i])) {
            call->eval->work->loose_id = true;
            return id_error(call, "all function arguments must be string literals.");
        }
        if (has_inner_slash(json_string_value(call->args[i]))) {
            *ret_index = i;
            found++;
        }
    }
    if (found != 1)
        return id_error(
            call,
            "function requires exactly one multi-segmented argument which must be resource type "
            "including resource provider namespace.");
    return NULL;
}

static struct roll_error *read_parts(const struct call *call, unsigned from, unsigned max_prefixes,
                                     struct id_parts *parts)
{
    unsigned index = 0;
    ROLL_TRY(find_type(call, from, &index));
    parts->prefixes = index - from;
    if (parts->prefixes > max_prefixes)
        return id_error(call,
                        "function requires at most '%u' argument(s) before the resource type. '%u' "
                        "were provided.",
                        max_prefixes, parts->prefixes);
    g_autofree char *type = g_strdup(json_string_value(call->args[index]));
    if (g_str_has_suffix(type, "/"))
        type[strlen(type) - 1] = '\0';
    unsigned required = count_segments(type) - 1;
    unsigned given = call->count - index - 1;
    if (required != given)
        return id_error(call, "the type '%s' requires '%u' resource name argument(s).", type,
                        required);
    parts->first_name = index + 1;
    parts->type = g_steal_pointer(&type);
    return NULL;
}

/* Appends /providers/… and frees the parts. */
static json_t *finish_id(const struct call *call, struct pieces *pieces, struct id_parts *parts)
{
    const char *at = parts->type ? parts->type : "";
    size_t segment = strcspn(at, "/");
    g_autofree char *namespace = g_strndup(at, segment);
    pieces_text(pieces, "/providers/");
    pieces_text(pieces, namespace);
    at += segment;
    for (unsigned i = parts->first_name; i < call->count; i++) {
        segment = 1 + strcspn(at + 1, "/");
        g_autofree char *type = g_strndup(at, segment);
        pieces_text(pieces, type);
        pieces_text(pieces, "/");
        pieces_text(pieces, json_string_value(call->args[i]));
        at += segment;
    }
    g_free((char *)(uintptr_t)parts->type);
    return pieces_end(pieces);
}

static bool is_guid(const char *text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    for (size_t i = 0; i < sizeof(shape); i++)
        if (shape[i] == 'x' ? !g_ascii_isxdigit(text[i]) : text[i] != shape[i])
            return false;
    return true;
}

struct roll_error *function_resource_id(const struct call *call, json_t **ret_value)
{
    const struct scope *scope = &call->eval->env->scope;
    struct id_parts parts = {0};
    ROLL_TRY(read_parts(call, 0, 2, &parts));
    json_t *subscription = scope->subscription;
    json_t *group = scope->kind == ROLL_SCOPE_GROUP ? scope->group : NULL;
    bool within = scope->kind == ROLL_SCOPE_GROUP || scope->kind == ROLL_SCOPE_SUBSCRIPTION;
    if (parts.prefixes == 2) {
        subscription = call->args[0];
        group = call->args[1];
    } else if (parts.prefixes == 1) {
        if (scope->kind != ROLL_SCOPE_GROUP && is_guid(json_string_value(call->args[0])))
            subscription = call->args[0];
        else
            group = call->args[0];
    }
    struct pieces *pieces = pieces_new(call->eval->work);
    if (within || parts.prefixes > 0) {
        pieces_text(pieces, "/subscriptions/");
        pieces_value(pieces, subscription);
        if (group) {
            pieces_text(pieces, "/resourceGroups/");
            pieces_value(pieces, group);
        }
    }
    *ret_value = finish_id(call, pieces, &parts);
    return work_make(call->eval->work, 256);
}

struct roll_error *function_subscription_resource_id(const struct call *call, json_t **ret_value)
{
    struct id_parts parts = {0};
    ROLL_TRY(read_parts(call, 0, 1, &parts));
    struct pieces *pieces = pieces_new(call->eval->work);
    pieces_text(pieces, "/subscriptions/");
    pieces_value(pieces, parts.prefixes > 0 ? call->args[0] : call->eval->env->scope.subscription);
    *ret_value = finish_id(call, pieces, &parts);
    return work_make(call->eval->work, 256);
}

struct roll_error *function_management_group_resource_id(const struct call *call,
                                                         json_t **ret_value)
{
    struct id_parts parts = {0};
    ROLL_TRY(read_parts(call, 0, 1, &parts));
    struct pieces *pieces = pieces_new(call->eval->work);
    pieces_text(pieces, "/providers/Microsoft.Management/managementGroups/");
    pieces_value(pieces,
                 parts.prefixes > 0 ? call->args[0] : call->eval->env->scope.management_group);
    *ret_value = finish_id(call, pieces, &parts);
    return work_make(call->eval->work, 256);
}

struct roll_error *function_tenant_resource_id(const struct call *call, json_t **ret_value)
{
    struct id_parts parts = {0};
    ROLL_TRY(read_parts(call, 0, 0, &parts));
    *ret_value = finish_id(call, pieces_new(call->eval->work), &parts);
    return work_make(call->eval->work, 256);
}

struct roll_error *function_extension_resource_id(const struct call *call, json_t **ret_value)
{
    struct id_parts parts = {0};
    ROLL_TRY(read_parts(call, 1, 0, &parts));
    g_autofree char *base = g_strdup(json_string_value(call->args[0]));
    if (g_str_has_suffix(base, "/"))
        base[strlen(base) - 1] = '\0';
    struct pieces *pieces = pieces_new(call->eval->work);
    pieces_text(pieces, base);
    *ret_value = finish_id(call, pieces, &parts);
    return work_make(call->eval->work, 256);
}
