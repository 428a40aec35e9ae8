/* Plans in a folder of the test's own, and what is found wrong with them. */
#ifndef ROLLBOOK_TESTS_PLAN_TOOLS_H
#define ROLLBOOK_TESTS_PLAN_TOOLS_H

#include <check.h>
#include <glib/gstdio.h>

#include "plan/internal.h"

static char *folder; /* the test's workspace */

#define OK(expression)                                                                             \
    do {                                                                                           \
        struct roll_error *err_ = (expression);                                                    \
        ck_assert_msg(!err_, "%s: %s", #expression, err_ ? err_->message : "");                    \
    } while (0)

static inline void setup(void)
{
    g_autofree char *made = g_dir_make_tmp("roll-test-plan-XXXXXX", NULL);
    ck_assert_ptr_nonnull(made);
    folder = realpath(made, NULL);
}

static inline void remove_tree(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    if (dir)
        g_dir_close(dir);
    (void)g_remove(path);
}

static inline void teardown(void)
{
    remove_tree(folder);
    free(folder);
    ck_assert_int_eq(roll_error_live(), 0);
}

static inline void put(const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *dir = g_path_get_dirname(path);
    ck_assert_int_eq(g_mkdir_with_parents(dir, 0700), 0);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static inline struct roll_error *read_plan(const char *name, struct roll_plan **ret_plan)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    return roll_plan_read(path, ret_plan);
}

/* The whole message that a plan is refused with; "" if it is not. Owned. */
static inline char *findings(const char *text)
{
    put("plans/shop.json", text);
    roll_auto(plan) struct roll_plan *plan = NULL;
    roll_auto(error) struct roll_error *err = read_plan("plans/shop.json", &plan);
    ck_assert((err == NULL) == (plan != NULL));
    ck_assert(!err || err->code == ROLL_E_PLAN);
    return g_strdup(err ? err->message : "");
}

/* A plan around the members of one environment, which begin at line 2, column 1. */
static inline char *environment_findings(const char *members)
{
    g_autofree char *text = g_strdup_printf("{\"service\":\"shop\",\"source\":{\"template\":\"main."
                                            "json\"},\"environments\":{\"prod\":{\n"
                                            "%s\n}},"
                                            "\"roles\":{\"on-call\":[\"ada@example.com\"]},"
                                            "\"gates\":{\"scan\":{\"sarif\":\"r.sarif\"}}}",
                                            members);
    return findings(text);
}

#define SUBSCRIPTION "11111111-1111-1111-1111-111111111111"
#define ONE_TARGET                                                                                 \
    "\"subscription\":\"" SUBSCRIPTION "\",\"targets\":{\"weu\":{\"resourceGroup\":\"g\"}}"
#define SMALLEST                                                                                   \
    "{\n  \"service\": \"shop\",\n  \"source\": { \"template\": \"main.json\" },\n"                \
    "  \"environments\": { \"prod\": { " ONE_TARGET " } }\n}\n"

static inline struct roll_workspace *find_workspace(const char *below)
{
    g_autofree char *dir = g_build_filename(folder, below, NULL);
    ck_assert_int_eq(g_mkdir_with_parents(dir, 0700), 0);
    struct roll_workspace *workspace = NULL;
    OK(roll_workspace_find(dir, &workspace));
    return workspace;
}

static inline struct roll_error *environment(const char *name, char **ret_found)
{
    roll_auto(workspace) struct roll_workspace *workspace = find_workspace("");
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *found = NULL;
    ROLL_TRY(roll_workspace_environment(workspace, name, &plan, &found));
    *ret_found = g_strdup_printf("%s/%s", plan->service, found->name);
    return NULL;
}

#endif
