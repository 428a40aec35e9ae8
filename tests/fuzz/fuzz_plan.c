/* Plan files; behind a line `====` the file with targets that a plan may name, `fleet.json`.
 *
 * They are read as the program reads them, from a folder of this process. */
#include <unistd.h>

#include "fuzz.h"
#include "plan/internal.h"

static char *folder; /* made with the first input */
static const char *const files[] = {"plans/shop.json", "plans/fleet.json"};

static void remove_folder(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(folder, files[i], NULL);
        unlink(path);
    }
    g_autofree char *plans = g_build_filename(folder, "plans", NULL);
    rmdir(plans);
    rmdir(folder);
    g_free(folder);
}

static void make_folder(void)
{
    g_autofree char *plans = NULL;

    folder = g_dir_make_tmp("roll-fuzz-XXXXXX", NULL);
    FUZZ_CHECK(folder, "no folder for temporary files");
    plans = g_build_filename(folder, "plans", NULL);
    FUZZ_CHECK(g_mkdir_with_parents(plans, 0700) == 0, "%s", plans);
    atexit(remove_folder);
}

/* The part as a file (empty where there is none). Its path, owned by the caller. */
static char *write_file(const GPtrArray *parts, guint which)
{
    size_t size = 0;
    const char *text = which < parts->len ? fuzz_part(parts, which, &size) : "";
    char *path = g_build_filename(folder, files[which], NULL);
    FILE *file = fopen(path, "w");

    FUZZ_CHECK(file, "%s", path);
    FUZZ_CHECK(size == 0 || fwrite(text, 1, size, file) == size, "%s", path);
    FUZZ_CHECK(fclose(file) == 0, "%s", path);
    return path;
}

static void look_at_environment(const struct roll_plan *plan,
                                const struct roll_plan_environment *environment)
{
    FUZZ_CHECK(roll_plan_environment_find(plan, environment->name) == environment, "%s",
               environment->name);
    for (guint i = 0; i < environment->targets->len; i++) {
        const struct roll_plan_target *target = environment->targets->pdata[i];
        int ring = roll_plan_ring(environment, target->name);
        FUZZ_CHECK(roll_plan_target_find(environment, target->name) == target, "%s", target->name);
        FUZZ_CHECK(ring >= 0 && ring < roll_plan_ring_count(environment), "%s", target->name);
    }
}

static void look_at_plan(const struct roll_plan *plan)
{
    g_autofree char *filled = NULL;

    FUZZ_CHECK(plan->service && plan->template_path, "a plan without a service");
    fuzz_check_value(plan->value);
    for (guint i = 0; i < plan->environments->len; i++)
        look_at_environment(plan, plan->environments->pdata[i]);
    if (plan->parameters_path)
        fuzz_ok(roll_plan_fill(plan->parameters_path, &filled, "environment", "prod", "target",
                               "weu", NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct roll_plan_checker checker; /* the schema, prepared once */
    g_autoptr(GPtrArray) parts = fuzz_parts(data, size);
    roll_auto(workspace) struct roll_workspace *workspace = NULL;
    roll_auto(plan) struct roll_plan *plan = NULL;

    fuzz_begin();
    if (!folder)
        make_folder();
    g_autofree char *path = write_file(parts, 0);
    g_free(write_file(parts, 1));
    fuzz_ok(roll_workspace_find(folder, &workspace));
    bool valid = fuzz_ok(roll_plan_read_with(&checker, path, &plan));
    if (valid)
        look_at_plan(plan);
    FUZZ_CHECK(!valid || workspace, "a valid plan makes no workspace");
    fuzz_end();
    return 0;
}
