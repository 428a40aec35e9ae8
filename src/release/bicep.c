/* Bicep is compiled by its own command. The command reads files, not commits, so the work tree must
 * be the commit: then what is compiled, modules and all, is what is committed. */
#include "release/maker.h"
#include "rollbook/process.h"

#define COMPILE_MS (120 * 1000)
#define MAX_COMPILED_BYTES (16u << 20)

static struct roll_error *run(const char *const *argv, const char *cwd,
                              struct roll_process_result *result)
{
    const struct roll_process_options options = {
        .argv = argv, .cwd = cwd, .timeout_ms = COMPILE_MS, .max_output_bytes = MAX_COMPILED_BYTES};
    ROLL_TRY(roll_process_run(&options, result));
    if (result->exit_status == 0 && !result->cut)
        return NULL;
    g_strstrip(result->err->str);
    return roll_error_new(ROLL_E_TEMPLATE, "'%s %s' %s: %s", argv[0], argv[1],
                          result->timed_out ? "took too long"
                          : result->cut     ? "wrote more than 16 MiB"
                                            : "failed",
                          result->err->str);
}

static struct roll_error *compiler_version(struct release_maker *maker)
{
    static const char *const argv[] = {"bicep", "--version", NULL};
    struct roll_process_result result = {0};
    struct roll_error *err = run(argv, NULL, &result);
    if (!err) {
        g_strstrip(result.out->str);
        maker->bicep = g_strndup(result.out->str, 200);
    }
    roll_process_result_clear(&result);
    return err;
}

static struct roll_error *is_head(struct release_maker *maker)
{
    struct roll_commit head = {0};
    ROLL_TRY(roll_git_resolve(maker->git, "HEAD", &head));
    bool same = strcmp(head.id, maker->commit.id) == 0;
    roll_commit_clear(&head);
    if (same && !maker->dirty)
        return NULL;
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED,
                       "'%s' is compiled from the work tree, which is not commit %.12s",
                       maker->plan->template_path, maker->commit.id),
        g_strdup_printf("git checkout %.12s", maker->commit.id), NULL);
}

struct roll_error *release_bicep_compile(struct release_maker *maker, GString **ret_text)
{
    if (!roll_process_available("bicep"))
        return roll_error_new(
            ROLL_E_NOT_FOUND,
            "'%s' needs the command 'bicep', which is not installed; the plan may name "
            "the compiled JSON file instead",
            maker->plan->template_path);
    ROLL_TRY(is_head(maker));
    ROLL_TRY(compiler_version(maker));
    g_autofree char *file =
        g_build_filename(maker->plan->repository, maker->plan->template_path, NULL);
    const char *const argv[] = {"bicep", "build", "--stdout", file, NULL};
    struct roll_process_result result = {0};
    struct roll_error *err = run(argv, maker->plan->repository, &result);
    if (!err)
        *ret_text = g_string_new_len(result.out->str, (gssize)result.out->len);
    roll_process_result_clear(&result);
    return err;
}
