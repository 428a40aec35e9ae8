/* roll template check|expand|eval|hash: the template language by itself. Needs neither workspace
 * nor git nor network. */
#include "app.h"

#include <errno.h>
#include <string.h>

#include "rollbook/text.h"

struct context {
    const char *parameters, *template_file, *scope, *subscription, *group, *location, *tenant,
        *management_group, *name, *utc_now, *cloud, *facts;
};

enum { MAX_FILE_BYTES = 16 << 20 };

static struct roll_error *read_file(const char *path, char **ret_text, gsize *ret_size)
{
    GError *gerror = NULL;

    if (!g_file_get_contents(path, ret_text, ret_size, &gerror)) {
        bool missing = g_error_matches(gerror, G_FILE_ERROR, G_FILE_ERROR_NOENT);
        struct roll_error *err =
            roll_error_new(missing ? ROLL_E_NOT_FOUND : ROLL_E_IO, "cannot read '%s'", path);
        g_error_free(gerror);
        return err;
    }
    if (*ret_size > MAX_FILE_BYTES) {
        g_clear_pointer(ret_text, g_free);
        return roll_error_new(ROLL_E_LIMIT, "'%s' is larger than %d MiB", path,
                              MAX_FILE_BYTES >> 20);
    }
    return NULL;
}

static struct roll_error *load(const char *path, struct roll_template **ret_template)
{
    g_autofree char *text = NULL;
    gsize size = 0;

    ROLL_TRY(read_file(path, &text, &size));
    return roll_template_read(text, size, path, ret_template);
}

/* "line 2, column 5: …" of the reader, or the detail of what was evaluated. */
static bool read_place(const struct roll_error *err, char **ret_file, int *line, int *column,
                       const char **ret_rest)
{
    roll_auto(json) json_t *detail = err->detail ? json_loads(err->detail, 0, NULL) : NULL;
    int length = 0;

    *ret_rest = err->message;
    *line = (int)json_integer_value(json_object_get(detail, "line"));
    *column = (int)json_integer_value(json_object_get(detail, "column"));
    *ret_file = g_strdup(roll_json_get_string(detail, "file"));
    if (*line > 0)
        return true;
    if (sscanf(err->message, "line %9d, column %9d: %n", line, column, &length) != 2 || length == 0)
        return false;
    *ret_rest += length;
    return true;
}

/* Every error of a template says file:line:column first, as a compiler does. Consumes err. */
static struct roll_error *placed(struct roll_error *err, const char *path)
{
    g_autofree char *file = NULL;
    const char *rest = NULL;
    int line = 0, column = 0;

    if (!err || !read_place(err, &file, &line, &column, &rest))
        return err;
    struct roll_error *fresh =
        roll_error_new(err->code, "%s:%d:%d: %s", file ? file : path, line, column, rest);
    if (err->detail)
        fresh = roll_error_detail(fresh, err->detail);
    roll_error_free(err);
    return fresh;
}

/* Linked templates are read relative to the root template's folder, nothing from the network. */
static struct roll_error *load_linked(void *user, const struct roll_template *parent,
                                      const char *relative_path, const char *uri,
                                      struct roll_template **ret_template)
{
    const char *root = user;
    g_autofree char *folder = g_path_get_dirname(root);
    g_autofree char *path = NULL;

    (void)parent;
    (void)uri;
    if (!relative_path || g_path_is_absolute(relative_path))
        return NULL;
    path = strcmp(folder, ".") == 0 ? g_strdup(relative_path)
                                    : g_build_filename(folder, relative_path, NULL);
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return NULL;
    return placed(load(path, ret_template), path);
}

static struct roll_error *scope_of(const struct context *context, const struct roll_template *tmpl,
                                   enum roll_scope_kind *ret_scope)
{
    static const char *const names[] = {"resourceGroup", "subscription", "managementGroup",
                                        "tenant"};

    if (!context->scope) {
        *ret_scope = tmpl ? roll_template_scope(tmpl) : ROLL_SCOPE_GROUP;
        return NULL;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_ascii_strcasecmp(context->scope, names[i]) == 0) {
            *ret_scope = (enum roll_scope_kind)i;
            return NULL;
        }
    return roll_error_new(
        ROLL_E_USAGE,
        "'--scope' is resourceGroup, subscription, managementGroup or tenant, not '%s'",
        context->scope);
}

/* What else Azure would say, from a file. */
static struct roll_error *read_facts(const char *path, json_t **ret_facts)
{
    static const char *const known[] = {"deployer",         "environment", "tags",     "providers",
                                        "subscriptionName", "templateUri", "guidSeed", NULL};
    g_autofree char *text = NULL;
    gsize size = 0;
    const char *key;
    json_t *value;
    roll_auto(json) json_t *facts = NULL;

    ROLL_TRY(read_file(path, &text, &size));
    ROLL_TRY(roll_error_wrap(roll_json_parse(text, size, ROLL_JSON_PLAN, &facts),
                             "while reading '%s'", path));
    if (!json_is_object(facts))
        return roll_error_new(ROLL_E_INVALID, "'%s' is not a JSON object", path);
    json_object_foreach (facts, key, value)
        if (!g_strv_contains(known, key))
            return roll_error_new(ROLL_E_INVALID, "'%s' has an unknown member '%s'", path, key);
    *ret_facts = g_steal_pointer(&facts);
    return NULL;
}

/* Borrowed by input as long as it is used. */
struct given {
    json_t *parameters, *facts;
};

static void given_clear(struct given *given)
{
    json_decref(given->parameters);
    json_decref(given->facts);
}

#define auto_given __attribute__((cleanup(given_clear))) struct given

static struct roll_error *make_input(const struct context *context,
                                     const struct roll_template *tmpl, struct given *given,
                                     struct roll_template_input *input)
{
    if (context->parameters) {
        g_autofree char *text = NULL;
        gsize size = 0;
        ROLL_TRY(read_file(context->parameters, &text, &size));
        ROLL_TRY(roll_parameters_read(text, size, context->parameters, &given->parameters));
    }
    if (context->facts)
        ROLL_TRY(read_facts(context->facts, &given->facts));
    input->parameters = given->parameters;
    input->context = (struct roll_template_context){
        .tenant_id = context->tenant,
        .subscription_id = context->subscription,
        .resource_group = context->group,
        .management_group = context->management_group,
        .location = context->location,
        .deployment_name = context->name,
        .utc_now = context->utc_now,
        .cloud = context->cloud,
        .subscription_name = roll_json_get_string(given->facts, "subscriptionName"),
        .template_uri = roll_json_get_string(given->facts, "templateUri"),
        .guid_seed = roll_json_get_string(given->facts, "guidSeed"),
        .group_tags = json_object_get(given->facts, "tags"),
        .environment = json_object_get(given->facts, "environment"),
        .deployer = json_object_get(given->facts, "deployer"),
        .providers = json_object_get(given->facts, "providers"),
    };
    return scope_of(context, tmpl, &input->context.scope);
}

/* ---- check ---------------------------------------------------------------------------------- */

static size_t print_findings(struct roll_app *app, const char *path, const json_t *findings)
{
    size_t index, errors = 0;
    json_t *finding;

    json_array_foreach (findings, index, finding) {
        const char *level = roll_json_get_string(finding, "level");
        g_autoptr(GString) message = g_string_new(NULL);
        const char *text = roll_json_get_string(finding, "message");
        const char *file = roll_json_get_string(finding, "file");

        roll_text_safe(text, strlen(text), false, message);
        if (g_strcmp0(level, "error") == 0)
            errors++;
        if (!app->json)
            roll_print(app->out.file,
                       "%s:%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT ": %s: %s\n",
                       file ? file : path, json_integer_value(json_object_get(finding, "line")),
                       json_integer_value(json_object_get(finding, "column")), level, message->str);
    }
    return errors;
}

static struct roll_error *run_check(struct roll_app *app, void *user, char **arguments)
{
    roll_auto(json) json_t *all = json_object();
    size_t errors = 0;

    (void)user;
    for (; *arguments; arguments++) {
        g_autofree char *text = NULL;
        gsize size = 0;
        json_t *findings = NULL;
        struct roll_template_linker linker = {.user = *arguments, .load = load_linked};

        ROLL_TRY(read_file(*arguments, &text, &size));
        ROLL_TRY(roll_template_check(text, size, *arguments, &linker, &findings));
        json_object_set_new(all, *arguments, findings);
        errors += print_findings(app, *arguments, findings);
    }
    if (app->json)
        roll_report_json(&app->out, all);
    if (errors > 0)
        app->exit_status = 1;
    return NULL;
}

/* ---- expand --------------------------------------------------------------------------------- */

static struct roll_error *run_expand(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    roll_auto(template) struct roll_template *tmpl = NULL;
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    auto_given given = {NULL, NULL};
    roll_auto(json) json_t *view = NULL;
    struct roll_template_linker linker = {.user = arguments[0], .load = load_linked};
    struct roll_template_input input = {.linker = &linker};

    ROLL_TRY(placed(load(arguments[0], &tmpl), arguments[0]));
    ROLL_TRY(make_input(context, tmpl, &given, &input));
    ROLL_TRY(placed(roll_template_expand(tmpl, &input, &expansion), arguments[0]));
    view = json_pack("{s:O,s:O}", "resources", expansion->resources, "outputs", expansion->outputs);
    if (expansion->asserts)
        json_object_set(view, "asserts", expansion->asserts);
    roll_report_json(&app->out, view);
    return NULL;
}

/* ---- eval ----------------------------------------------------------------------------------- */

static struct roll_error *run_eval(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    roll_auto(template) struct roll_template *tmpl = NULL;
    auto_given given = {NULL, NULL};
    roll_auto(json) json_t *value = NULL;
    struct roll_template_input input = {0};

    if (context->template_file)
        ROLL_TRY(placed(load(context->template_file, &tmpl), context->template_file));
    ROLL_TRY(make_input(context, tmpl, &given, &input));
    ROLL_TRY(placed(roll_template_eval(tmpl, &input, arguments[0], &value),
                    context->template_file ? context->template_file : "EXPRESSION"));
    roll_report_json(&app->out, value);
    return NULL;
}

/* ---- hash ----------------------------------------------------------------------------------- */

static struct roll_error *run_hash(struct roll_app *app, void *user, char **arguments)
{
    roll_auto(template) struct roll_template *tmpl = NULL;
    char hash[21];

    (void)user;
    ROLL_TRY(placed(load(arguments[0], &tmpl), arguments[0]));
    roll_template_hash(tmpl, hash);
    if (app->json) {
        roll_auto(json) json_t *view = json_pack("{s:s}", "templateHash", hash);
        roll_report_json(&app->out, view);
    } else {
        roll_print(app->out.file, "%s\n", hash);
    }
    return NULL;
}

/* ---- the table ------------------------------------------------------------------------------ */

#define CONTEXT_OPTIONS                                                                            \
    {                                                                                              \
        "parameters",    'p', ROLL_TEXT, offsetof(struct context, parameters), "FILE",             \
        "parameter file"},                                                                         \
        {"scope",   0,                                                                             \
         ROLL_TEXT, offsetof(struct context, scope),                                               \
         "SCOPE",   "resourceGroup, subscription, managementGroup or tenant"},                     \
        {"subscription",  0, ROLL_TEXT, offsetof(struct context, subscription), "ID",              \
         "subscription()"},                                                                        \
        {"resource-group", 'g', ROLL_TEXT, offsetof(struct context, group), "NAME",                \
         "resourceGroup()"},                                                                       \
        {"location", 'l',                                                                          \
         ROLL_TEXT,  offsetof(struct context, location),                                           \
         "LOCATION", "of the group or the deployment"},                                            \
        {"tenant", 0, ROLL_TEXT, offsetof(struct context, tenant), "ID", "tenant()"},              \
        {"management-group", 0, ROLL_TEXT, offsetof(struct context, management_group), "NAME",     \
         "managementGroup()"},                                                                     \
        {"deployment-name",  0, ROLL_TEXT, offsetof(struct context, name), "NAME",                 \
         "deployment().name"},                                                                     \
        {"utc-now", 0, ROLL_TEXT, offsetof(struct context, utc_now), "TIME", "utcNow()"},          \
        {"cloud",   0,                                                                             \
         ROLL_TEXT, offsetof(struct context, cloud),                                               \
         "CLOUD",   "environment(): public, usgovernment, china or an https address"},             \
    {                                                                                              \
        "facts", 0, ROLL_TEXT, offsetof(struct context, facts), "FILE",                            \
            "more that Azure would say, as JSON: deployer, environment, tags, subscriptionName, "  \
            "templateUri, guidSeed, providers"                                                     \
    }

static const struct roll_option expand_options[] = {CONTEXT_OPTIONS, {NULL}};
static const struct roll_option eval_options[] = {
    {"template", 'f', ROLL_TEXT, offsetof(struct context, template_file), "FILE",
     "the template whose parameters, variables and functions may be used"},
    CONTEXT_OPTIONS,
    {NULL},
};

static const struct roll_command cmd_check = {
    .name = "check",
    .arguments = "FILE…",
    .summary = "report what is wrong, with file, line and column",
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run_check,
};
static const struct roll_command cmd_expand = {
    .name = "expand",
    .arguments = "FILE",
    .summary = "every resource as it would be deployed, as JSON",
    .options = expand_options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_expand,
};
static const struct roll_command cmd_eval = {
    .name = "eval",
    .arguments = "'[EXPRESSION]'",
    .summary = "the value of one expression, as JSON",
    .options = eval_options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_eval,
};
static const struct roll_command cmd_hash = {
    .name = "hash",
    .arguments = "FILE",
    .summary = "ARM's templateHash",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_hash,
};

static const struct roll_command *const subcommands[] = {&cmd_check, &cmd_expand, &cmd_eval,
                                                         &cmd_hash, NULL};

const struct roll_command roll_cmd_template = {
    .name = "template",
    .arguments = "COMMAND",
    .summary = "check, expand, evaluate or hash an ARM template, offline",
    .subcommands = subcommands,
};
