/* roll init SERVICE: a smallest plan to begin with. Overwrites nothing. */
#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct context {
    const char *template_path, *group, *subscription;
};

static struct roll_error *write_new(const char *path, const char *text, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    ssize_t written;

    if (fd < 0 && errno == EEXIST)
        return roll_error_new(ROLL_E_CONFLICT, "'%s' is there already; nothing was changed", path);
    if (fd < 0)
        return roll_error_errno(errno, "cannot make '%s'", path);
    written = write(fd, text, size);
    if (close(fd) != 0 || written != (ssize_t)size)
        return roll_error_errno(errno, "cannot write '%s'", path);
    return NULL;
}

static struct roll_error *check_name(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > 20 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != length || name[0] == '-')
        return roll_error_new(ROLL_E_USAGE,
                              "a service's name has 1 to 20 of a-z, 0-9 and '-', not '%s'", name);
    return NULL;
}

static char *plan_text(const struct context *context, const char *service)
{
    const char *group = context->group ? context->group : "";
    g_autofree char *default_group = g_strdup_printf("%s-dev", service);

    return g_strdup_printf("{\n"
                           "  \"$schema\": \"./plan.schema.json\",\n"
                           "  \"service\": \"%s\",\n"
                           "  \"source\": { \"template\": \"%s\" },\n"
                           "  \"environments\": {\n"
                           "    \"dev\": {\n"
                           "      \"cloud\": \"sandbox\", // public, when it is to be real\n"
                           "      \"subscription\": \"%s\",\n"
                           "      \"targets\": { \"main\": { \"resourceGroup\": \"%s\", "
                           "\"location\": \"westeurope\" } }\n"
                           "    }\n"
                           "  }\n"
                           "}\n",
                           service, context->template_path ? context->template_path : "main.json",
                           context->subscription ? context->subscription
                                                 : "00000000-0000-0000-0000-000000000000",
                           *group ? group : default_group);
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    g_autofree char *path = g_strdup_printf("plans/%s.json", arguments[0]);
    g_autofree char *text = plan_text(user, arguments[0]);
    size_t schema_size = 0;
    const char *schema = roll_plan_schema(&schema_size);

    ROLL_TRY(check_name(arguments[0]));
    if (mkdir("plans", 0777) != 0 && errno != EEXIST)
        return roll_error_errno(errno, "cannot make the folder 'plans'");
    ROLL_TRY(write_new(path, text, strlen(text)));
    if (access("plans/plan.schema.json", F_OK) != 0)
        ROLL_TRY(write_new("plans/plan.schema.json", schema, schema_size));
    if (app->json) {
        roll_auto(json) json_t *view =
            json_pack("{s:s,s:s,s:s}", "service", arguments[0], "plan", path, "environment", "dev");
        roll_report_json(&app->out, view);
    }
    roll_say(app, "%s  a plan with one environment in the sandbox", path);
    roll_say(app, "plans/plan.schema.json  for your editor");
    roll_say(app, "next: commit your template, then roll out dev");
    return NULL;
}

static const struct roll_option options[] = {
    {"template", 0, ROLL_TEXT, offsetof(struct context, template_path), "FILE",
     "the template, relative to the repository (default: main.json)"},
    {"resource-group", 'g', ROLL_TEXT, offsetof(struct context, group), "NAME",
     "default: SERVICE-dev"},
    {"subscription", 0, ROLL_TEXT, offsetof(struct context, subscription), "ID",
     "default: zeros, good for the sandbox"},
    {NULL},
};

const struct roll_command roll_cmd_init = {
    .name = "init",
    .arguments = "SERVICE",
    .summary = "make a first plan in this folder",
    .options = options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
