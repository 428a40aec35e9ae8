/* Which environments there are, without checking or loading what they hold: status and completion
 * need no more, and a fleet's file of targets is not read for it. */
#include "plan/internal.h"

static struct roll_error *outline_plan(const char *path, const char *service, roll_outline_fn fn,
                                       void *user)
{
    struct roll_document *document = NULL;
    g_autofree char *shown = g_path_get_basename(path);
    const char *name;
    json_t *environment;
    struct roll_error *err = roll_document_read(path, shown, &document);

    if (err)
        return err;
    json_object_foreach (json_object_get(document->value, "environments"), name, environment) {
        struct roll_outline row = {
            .service = service,
            .environment = name,
            .has_lanes = json_object_get(environment, "lanes") != NULL,
        };
        if (!err)
            err = fn(user, &row);
    }
    roll_document_free(document);
    return err;
}

struct roll_error *roll_workspace_outline(const struct roll_workspace *workspace,
                                          roll_outline_fn fn, void *user)
{
    for (size_t i = 0; workspace->plans[i]; i++)
        ROLL_TRY(outline_plan(workspace->plans[i], workspace->services[i], fn, user));
    return NULL;
}
