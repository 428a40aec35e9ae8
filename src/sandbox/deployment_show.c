/* Deployments as answers show them (REST reference 1.5 and 1.6). */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/deployment.h"

char *sandbox_duration(int64_t ms)
{
    GString *text = g_string_new("PT");
    int64_t seconds = ms / 1000;
    if (seconds >= 3600)
        g_string_append_printf(text, "%" G_GINT64_FORMAT "H", seconds / 3600);
    if (seconds >= 60 && seconds / 60 % 60 > 0)
        g_string_append_printf(text, "%" G_GINT64_FORMAT "M", seconds / 60 % 60);
    if (ms % 60000 != 0 || ms == 0) {
        g_string_append_printf(text, "%" G_GINT64_FORMAT, seconds % 60);
        if (ms % 1000 != 0)
            g_string_append_printf(text, ".%03d", (int)(ms % 1000));
        g_string_append_c(text, 'S');
    }
    return g_string_free(text, FALSE);
}

/* The service's serialiser lowers capitals at the beginning of names: AZURE_ID becomes azurE_ID. */
static char *recase(const char *name)
{
    char *text = g_strdup(name);
    for (int i = 0; text[i]; i++) {
        if (i == 1 && !g_ascii_isupper(text[i]))
            break;
        if (i > 0 && text[i + 1] && !g_ascii_isupper(text[i + 1])) {
            if (text[i + 1] == ' ')
                text[i] = g_ascii_tolower(text[i]);
            break;
        }
        text[i] = g_ascii_tolower(text[i]);
    }
    return text;
}

static json_t *read_text(const char *text)
{
    json_t *value = NULL;
    if (text)
        roll_error_free(roll_json_parse(text, strlen(text), ROLL_JSON_STRICT, &value));
    return value;
}

/* Names re-cased; a null value is shown in the answer to PUT only. */
static json_t *show_values(const char *text, enum sandbox_show how)
{
    roll_auto(json) json_t *values = read_text(text);
    if (!values || how == SHOW_RAW)
        return json_incref(values);
    json_t *shown = json_object();
    const char *name;
    json_t *value;
    json_object_foreach (values, name, value) {
        g_autofree char *spelt = recase(name);
        json_t *entry = json_copy(value);
        if (how == SHOW_GET && json_is_null(json_object_get(entry, "value")))
            json_object_del(entry, "value");
        json_object_set_new(shown, spelt, entry);
    }
    return shown;
}

static void set_unless_null(json_t *object, const char *name, json_t *value_take)
{
    if (value_take)
        json_object_set_new(object, name, value_take);
}

json_t *sandbox_deployment_show(const struct sandbox_deployment *deployment, enum sandbox_show how)
{
    bool ended = how != SHOW_ACCEPTED && !sandbox_deployment_is_active(deployment);
    char time[ROLL_TIME_SIZE];
    int64_t at_ms = how == SHOW_ACCEPTED ? deployment->started_ms : deployment->changed_ms;
    g_autofree char *duration = sandbox_duration(at_ms - deployment->started_ms);
    roll_time_format(at_ms, time);
    json_t *properties = json_object();
    json_object_set_new(properties, "templateHash", json_string(deployment->hash));
    set_unless_null(properties, "parameters", show_values(deployment->shown, how));
    json_object_set_new(properties, "mode", json_string(deployment->mode));
    json_object_set_new(properties, "provisioningState",
                        json_string(how == SHOW_ACCEPTED ? "Accepted" : deployment->state));
    json_object_set_new(properties, "timestamp", json_string(time));
    json_object_set_new(properties, "duration", json_string(duration));
    json_object_set_new(properties, "correlationId", json_string(deployment->correlation));
    roll_auto(json) json_t *extra = read_text(deployment->extra);
    json_object_update(properties, extra);
    set_unless_null(properties, "onErrorDeployment", sandbox_on_error_show(deployment));
    if (ended) {
        set_unless_null(properties, "outputs", show_values(deployment->outputs, how));
        set_unless_null(properties, "outputResources", read_text(deployment->output_resources));
        set_unless_null(properties, "error", read_text(deployment->error));
    }
    json_t *shown =
        json_pack("{s:s,s:s,s:s}", "id", deployment->id, "name",
                  sandbox_deployment_name(deployment), "type", "Microsoft.Resources/deployments");
    if (deployment->location && !strstr(deployment->scope, "/resourcegroups/"))
        json_object_set_new(shown, "location", json_string(deployment->location));
    set_unless_null(shown, "tags", read_text(deployment->tags));
    json_object_set_new(shown, "properties", properties);
    return shown;
}
