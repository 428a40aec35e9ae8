/* Where the plans lie, and which of them a name means. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/internal.h"
#include "rollbook/text.h"

/* ---- finding -------------------------------------------------------------------------------- */

static gint by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the files plans/NAME.json, sorted; NULL when there is no such folder. Owned. */
static GPtrArray *list_json(const char *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    if (!dir)
        return NULL;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir))
        if (name[0] != '.' && g_str_has_suffix(name, ".json"))
            g_ptr_array_add(names, g_strdup(name));
    g_dir_close(dir);
    g_ptr_array_sort(names, by_text);
    return names;
}

/* What cannot be read is no plan: a folder or a foreign file named *.json must not stand in the
 * way. */
static char *service_of(const char *path)
{
    g_autofree char *text = NULL;
    size_t size = 0;
    if (roll_plan_lacks_service(path))
        return NULL;
    roll_auto(error) struct roll_error *err = roll_plan_read_text(path, path, &text, &size);
    return err ? NULL : roll_plan_scan_service(text, size);
}

/* The workspace at root, or NULL when there is none. *odd: the first JSON file that is no plan,
 * kept for the message if no workspace is found at all; owned. */
static struct roll_workspace *look_at(const char *root, char **odd)
{
    g_autofree char *folder = g_build_filename(root, "plans", NULL);
    g_autoptr(GPtrArray) names = list_json(folder);
    if (!names)
        return NULL;
    GPtrArray *plans = g_ptr_array_new();
    GPtrArray *services = g_ptr_array_new();
    bool ledger = false;
    for (guint at = 0; at < names->len; at++) {
        g_autofree char *path = g_build_filename(folder, names->pdata[at], NULL);
        if (strcmp(names->pdata[at], "ledger.json") == 0) {
            ledger = true;
            continue;
        }
        char *service = service_of(path);
        if (!service) {
            if (!*odd && !g_str_has_suffix(names->pdata[at], ".schema.json"))
                *odd = g_strdup(path);
            continue;
        }
        g_ptr_array_add(plans, g_steal_pointer(&path));
        g_ptr_array_add(services, service);
    }
    bool found = ledger || plans->len > 0;
    g_ptr_array_add(plans, NULL);
    g_ptr_array_add(services, NULL);
    struct roll_workspace *workspace = g_new0(struct roll_workspace, 1);
    workspace->root = g_strdup(root);
    workspace->state_dir = g_build_filename(root, "state", NULL);
    workspace->plans = (char **)g_ptr_array_free(plans, FALSE);
    workspace->services = (char **)g_ptr_array_free(services, FALSE);
    workspace->checker = g_new0(struct roll_plan_checker, 1);
    if (!found)
        g_clear_pointer(&workspace, roll_workspace_free);
    return workspace;
}

/* A plan that a slip of the pen made unreadable is more likely than no workspace. */
ROLL_NEVER_NULL
static struct roll_error *no_workspace(const char *start, const char *odd)
{
    struct roll_plan *plan = NULL;
    struct roll_error *err = odd ? roll_plan_read(odd, &plan) : NULL;
    if (err)
        return err;
    roll_plan_free(plan);
    return roll_error_new(ROLL_E_NOT_FOUND,
                          "neither '%s' nor a folder above it holds plans/ with a plan", start);
}

struct roll_error *roll_workspace_find(const char *dir, struct roll_workspace **ret_workspace)
{
    g_autofree char *start = realpath(dir ? dir : ".", NULL);
    if (!start && (errno == ENOENT || errno == ENOTDIR))
        return roll_error_new(ROLL_E_NOT_FOUND, "folder '%s' does not exist", dir ? dir : ".");
    if (!start)
        return roll_error_errno(errno, "folder '%s' cannot be read", dir ? dir : ".");
    g_autofree char *folder = g_strdup(start);
    g_autofree char *odd = NULL;
    for (;;) {
        struct roll_workspace *workspace = look_at(folder, &odd);
        if (workspace) {
            *ret_workspace = workspace;
            return NULL;
        }
        if (strcmp(folder, "/") == 0)
            break;
        char *parent = g_path_get_dirname(folder);
        g_free(folder);
        folder = parent;
    }
    return no_workspace(start, odd);
}

void roll_workspace_free(struct roll_workspace *workspace)
{
    if (!workspace)
        return;
    g_free(workspace->root);
    g_free(workspace->state_dir);
    g_strfreev(workspace->plans);
    g_strfreev(workspace->services);
    roll_schema_free(workspace->checker->schema);
    g_clear_pointer(&workspace->checker->values, g_ptr_array_unref);
    g_clear_pointer(&workspace->checker->needs, g_hash_table_unref);
    g_free(workspace->checker);
    g_free(workspace);
}

/* ---- choosing ------------------------------------------------------------------------------- */

/* `no service 'shp', did you mean 'shop'? there are: …`. names are borrowed. */
static struct roll_error *unknown(const char *kind, const char *name, GPtrArray *names,
                                  const char *within)
{
    g_autoptr(GString) all = g_string_new(NULL);
    for (guint at = 0; at < names->len; at++)
        g_string_append_printf(all, "%s%s", at ? ", " : "", (const char *)names->pdata[at]);
    g_ptr_array_add(names, NULL);
    const char *nearest = roll_text_nearest(name, (const char *const *)names->pdata);
    g_autofree char *hint =
        nearest ? g_strdup_printf(", did you mean '%s'?", nearest) : g_strdup(";");
    return roll_error_new(ROLL_E_NOT_FOUND, "no %s '%s'%s%s there are: %s", kind, name, within,
                          hint, all->len ? all->str : "none");
}

static struct roll_error *no_such_service(const struct roll_workspace *workspace,
                                          const char *service)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (char **name = workspace->services; *name; name++)
        g_ptr_array_add(names, *name);
    if (service)
        return unknown("service", service, names, "");
    g_autofree char *all = g_strjoinv(", ", workspace->services);
    if (!*all)
        return roll_error_new(ROLL_E_NOT_FOUND, "the workspace '%s' has no plan", workspace->root);
    return roll_error_new(ROLL_E_NOT_FOUND, "several services are here, one must be named: %s",
                          all);
}

struct roll_error *roll_workspace_plan(const struct roll_workspace *workspace, const char *service,
                                       struct roll_plan **ret_plan)
{
    const char *found = NULL;
    guint count = g_strv_length(workspace->plans);
    for (guint at = 0; at < count; at++) {
        if (service ? strcmp(workspace->services[at], service) != 0 : count != 1)
            continue;
        if (found)
            return roll_error_new(ROLL_E_PLAN, "'%s' and '%s' are both plans of service '%s'",
                                  found, workspace->plans[at], service);
        found = workspace->plans[at];
    }
    if (!found)
        return no_such_service(workspace, service);
    return roll_plan_read_with(workspace->checker, found, ret_plan);
}

static void add_names(GPtrArray *names, const struct roll_plan *plan, bool qualified)
{
    for (guint at = 0; at < plan->environments->len; at++) {
        const struct roll_plan_environment *environment = plan->environments->pdata[at];
        g_ptr_array_add(names, qualified
                                   ? g_strdup_printf("%s/%s", plan->service, environment->name)
                                   : g_strdup(environment->name));
    }
}

static struct roll_error *find_qualified(const struct roll_workspace *workspace, const char *name,
                                         const char *slash, struct roll_plan **ret_plan,
                                         const struct roll_plan_environment **ret_environment)
{
    g_autofree char *service = slash ? g_strndup(name, (gsize)(slash - name)) : NULL;
    const char *short_name = slash ? slash + 1 : name;
    roll_auto(plan) struct roll_plan *plan = NULL;
    ROLL_TRY(roll_workspace_plan(workspace, service, &plan));
    const struct roll_plan_environment *environment = roll_plan_environment_find(plan, short_name);
    if (!environment) {
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        add_names(names, plan, false);
        g_autofree char *within = g_strdup_printf(" of service '%s'", plan->service);
        return unknown("environment", short_name, names, within);
    }
    *ret_environment = environment;
    *ret_plan = g_steal_pointer(&plan);
    return NULL;
}

/* The short name among several services. A plan that cannot be read may hold the name too: it is
 * not guessed. */
static struct roll_error *find_short(const struct roll_workspace *workspace, const char *name,
                                     struct roll_plan **ret_plan,
                                     const struct roll_plan_environment **ret_environment)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    roll_auto(plan) struct roll_plan *found = NULL;
    for (char **path = workspace->plans; *path; path++) {
        roll_auto(plan) struct roll_plan *plan = NULL;
        struct roll_error *err = roll_plan_read_with(workspace->checker, *path, &plan);
        if (err)
            return roll_error_wrap(err,
                                   "'%s' alone may mean an environment of '%s', which is not "
                                   "valid; with its service, SERVICE/%s, it is certain",
                                   name, *path, name);
        add_names(names, plan, true);
        if (!roll_plan_environment_find(plan, name))
            continue;
        if (found)
            return roll_error_new(ROLL_E_NOT_FOUND,
                                  "several services have an environment '%s': '%s/%s' and '%s/%s'",
                                  name, found->service, name, plan->service, name);
        found = g_steal_pointer(&plan);
    }
    if (!found)
        return unknown("environment", name, names, "");
    *ret_environment = roll_plan_environment_find(found, name);
    *ret_plan = g_steal_pointer(&found);
    return NULL;
}

struct roll_error *roll_workspace_environment(const struct roll_workspace *workspace,
                                              const char *name, struct roll_plan **ret_plan,
                                              const struct roll_plan_environment **ret_environment)
{
    const char *slash = strchr(name, '/');
    if (slash || g_strv_length(workspace->plans) < 2)
        return find_qualified(workspace, name, slash, ret_plan, ret_environment);
    return find_short(workspace, name, ret_plan, ret_environment);
}
