/* Which environments there are, without checking or loading what they hold: status and completion
 * need no more, and a fleet's file of targets is not read for it. */
#include "plan/internal.h"

static void free_value(gpointer value)
{
    json_decref(value);
}

struct roll_error *roll_workspace_value(const struct roll_workspace *workspace, size_t index,
                                        const json_t **ret_value)
{
    struct roll_plan_checker *checker = workspace->checker;
    roll_auto(document) struct roll_document *document = NULL;

    if (!checker->values) {
        checker->values = g_ptr_array_new_with_free_func(free_value);
        g_ptr_array_set_size(checker->values, (gint)g_strv_length(workspace->plans));
    }
    if (!checker->values->pdata[index]) {
        g_autofree char *shown = g_path_get_basename(workspace->plans[index]);
        ROLL_TRY(roll_document_read(workspace->plans[index], shown, &document));
        checker->values->pdata[index] = json_incref(document->value);
    }
    *ret_value = checker->values->pdata[index];
    return NULL;
}

struct roll_error *roll_workspace_outline(const struct roll_workspace *workspace,
                                          roll_outline_fn fn, void *user)
{
    for (size_t i = 0; workspace->plans[i]; i++) {
        const json_t *value;
        const char *name;
        json_t *environment;
        ROLL_TRY(roll_workspace_value(workspace, i, &value));
        json_object_foreach (json_object_get(value, "environments"), name, environment) {
            struct roll_outline row = {
                .service = workspace->services[i],
                .environment = name,
                .has_lanes = json_object_get(environment, "lanes") != NULL,
            };
            ROLL_TRY(fn(user, &row));
        }
    }
    return NULL;
}
