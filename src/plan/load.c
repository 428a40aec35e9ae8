/* A checked draft as structs: the plan itself. Nothing can fail any more. */
#include "plan/internal.h"
#include "rollbook/time.h"

char *roll_plan_text_of(const json_t *object, const char *name, const char *fallback)
{
    const char *text = roll_json_get_string(object, name);
    return g_strdup(text ? text : fallback);
}

char **roll_plan_texts_of(const json_t *object, const char *name)
{
    GPtrArray *texts = g_ptr_array_new();
    size_t at;
    json_t *element;
    json_array_foreach (json_object_get(object, name), at, element) {
        g_ptr_array_add(texts, g_strdup(json_string_value(element)));
    }
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

int64_t roll_plan_ms_of(const json_t *object, const char *name, int64_t fallback)
{
    const char *text = roll_json_get_string(object, name);
    int64_t ms = fallback;
    if (text) {
        roll_auto(error) struct roll_error *err = roll_duration_parse(text, &ms);
        g_assert(!err); /* the schema's format has read it already */
    }
    return ms;
}

int roll_plan_int_of(const json_t *object, const char *name, int fallback)
{
    const json_t *value = json_object_get(object, name);
    return value ? (int)json_integer_value(value) : fallback;
}

json_t *roll_plan_json_of(const json_t *object, const char *name)
{
    return json_incref(json_object_get(object, name));
}

static void artifact_free(void *data)
{
    struct roll_plan_artifact *artifact = data;
    g_free(artifact->name);
    g_free(artifact->kind);
    g_free(artifact->reference);
    g_free(artifact->tag);
    g_free(artifact->parameter);
    g_free(artifact);
}

static GPtrArray *load_artifacts(json_t *values)
{
    GPtrArray *artifacts = g_ptr_array_new_with_free_func(artifact_free);
    const char *name;
    json_t *value;
    json_object_foreach (values, name, value) {
        struct roll_plan_artifact *artifact = g_new0(struct roll_plan_artifact, 1);
        artifact->name = g_strdup(name);
        artifact->kind = roll_plan_text_of(value, "kind", NULL);
        artifact->reference = roll_plan_text_of(value, "name", NULL);
        artifact->tag = roll_plan_text_of(value, "tag", NULL);
        artifact->parameter = roll_plan_text_of(value, "parameter", NULL);
        g_ptr_array_add(artifacts, artifact);
    }
    return artifacts;
}

static void free_environment(void *environment)
{
    roll_plan_environment_free(environment);
}

static GPtrArray *load_environments(const struct roll_draft *draft)
{
    GPtrArray *environments = g_ptr_array_new_with_free_func(free_environment);
    const char *name;
    json_t *value;
    json_object_foreach (json_object_get(draft->plan->value, "environments"), name, value) {
        g_ptr_array_add(environments, roll_plan_load_environment(draft, name, value));
    }
    return environments;
}

static void schedule_free(void *data)
{
    struct roll_plan_schedule *schedule = data;
    g_free(schedule->name);
    g_free(schedule->environment);
    g_free(schedule->cron);
    g_free(schedule->zone);
    g_free(schedule->release);
    g_free(schedule);
}

static GPtrArray *load_schedule(json_t *values)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(schedule_free);
    size_t at;
    json_t *value;
    json_array_foreach (values, at, value) {
        struct roll_plan_schedule *schedule = g_new0(struct roll_plan_schedule, 1);
        schedule->name = roll_plan_text_of(value, "name", NULL);
        schedule->environment = roll_plan_text_of(value, "environment", NULL);
        schedule->cron = roll_plan_text_of(value, "cron", NULL);
        schedule->zone = roll_plan_text_of(value, "zone", "UTC");
        schedule->release = roll_plan_text_of(value, "release", NULL);
        schedule->ask_ms = roll_plan_ms_of(value, "ask", 0);
        schedule->run_missed = g_strcmp0(roll_json_get_string(value, "missed"), "run") == 0;
        schedule->expires_ms = roll_plan_ms_of(value, "expires", 0);
        g_ptr_array_add(list, schedule);
    }
    return list;
}

/* The workspace is the folder above the plan's. */
static char *repository_path(const struct roll_document *document, const json_t *source)
{
    g_autofree char *folder = g_path_get_dirname(document->path);
    g_autofree char *root = g_path_get_dirname(folder);
    const char *repository = roll_json_get_string(source, "repository");
    return g_canonicalize_filename(repository ? repository : ".", root);
}

struct roll_plan *roll_plan_load(const struct roll_draft *draft)
{
    const struct roll_document *document = draft->plan;
    const json_t *source = json_object_get(document->value, "source");
    const json_t *data = json_object_get(document->value, "data");
    struct roll_plan *plan = g_new0(struct roll_plan, 1);
    plan->service = roll_plan_text_of(document->value, "service", NULL);
    plan->path = g_strdup(document->path);
    plan->text = g_strndup(document->strict->str, document->strict->len);
    plan->repository = repository_path(document, source);
    plan->template_spec = roll_plan_text_of(source, "templateSpec", NULL);
    plan->template_path = roll_plan_text_of(source, "template", plan->template_spec);
    plan->parameters_path = roll_plan_text_of(source, "parameters", NULL);
    plan->artifacts = load_artifacts(json_object_get(document->value, "artifacts"));
    plan->sticky = roll_plan_texts_of(document->value, "sticky");
    plan->data_version = json_integer_value(json_object_get(data, "version"));
    plan->data_floor = json_integer_value(json_object_get(data, "floor"));
    plan->environments = load_environments(draft);
    plan->schedule = load_schedule(json_object_get(document->value, "schedule"));
    plan->value = json_incref(document->value);
    plan->retain = roll_plan_int_of(document->value, "retain", 10);
    return plan;
}

void roll_plan_free(struct roll_plan *plan)
{
    if (!plan)
        return;
    g_free(plan->service);
    g_free(plan->path);
    g_free(plan->text);
    g_free(plan->repository);
    g_free(plan->template_path);
    g_free(plan->template_spec);
    g_free(plan->parameters_path);
    g_ptr_array_unref(plan->artifacts);
    g_strfreev(plan->sticky);
    g_ptr_array_unref(plan->environments);
    g_ptr_array_unref(plan->schedule);
    json_decref(plan->value);
    g_free(plan);
}
