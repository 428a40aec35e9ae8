/* roll doctor on this machine: ledger, state folder, git, bicep. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "doctor.h"

/* Beyond this every hash takes longer than a person waits. */
#define VERIFY_MAX_BYTES (INT64_C(256) << 20)

/* ---- the ledger ----------------------------------------------------------------------------- */

static void look_at_ledger(struct doctor *doctor)
{
    struct doctor_finding *finding = doctor_find(doctor, "workspace", "ledger");
    struct roll_verify_report report = {0};
    g_autofree char *path = g_build_filename(doctor->app->workspace->state_dir, "ledger.db", NULL);
    struct stat info;

    roll_auto(error) struct roll_error *closed =
        roll_ledger_open(doctor->app->workspace->state_dir, ROLL_LEDGER_READ, &doctor->app->ledger);
    if (roll_error_code(closed) == ROLL_E_NOT_FOUND) {
        doctor_say(finding, DOCTOR_NONE, g_strdup("nothing was recorded yet"), NULL);
        return;
    }
    if (closed) {
        doctor_say(finding, DOCTOR_BAD, g_strdup(closed->message), g_strdup("roll ledger verify"));
        return;
    }
    if (stat(path, &info) == 0 && info.st_size > VERIFY_MAX_BYTES) {
        doctor_say(finding, DOCTOR_OK, g_strdup("opens; too large to be verified here"),
                   g_strdup("roll ledger verify"));
        return;
    }
    roll_auto(error) struct roll_error *err =
        roll_ledger_verify(doctor->app->ledger, NULL, &report);
    if (err)
        doctor_say(finding, DOCTOR_BAD, g_strdup(err->message), g_strdup("roll ledger verify"));
    else if (report.first_bad)
        doctor_say(finding, DOCTOR_BAD, g_strdup(report.first_bad), g_strdup("roll ledger verify"));
    else
        doctor_say(finding, DOCTOR_OK,
                   g_strdup_printf("every hash fits: events %" G_GINT64_FORMAT
                                   ", objects %" G_GINT64_FORMAT,
                                   (gint64)report.events, (gint64)report.objects),
                   NULL);
    roll_verify_report_clear(&report);
}

/* ---- its folder ----------------------------------------------------------------------------- */

static bool has_mode(const char *path, mode_t allowed, GString *problems)
{
    struct stat info;

    if (lstat(path, &info) != 0)
        return false;
    if (S_ISLNK(info.st_mode))
        g_string_append_printf(problems, "%s%s is a symbolic link", problems->len ? "; " : "",
                               path);
    else if (info.st_mode & 0777 & ~allowed)
        g_string_append_printf(problems, "%s%s is open to others (%03o)", problems->len ? "; " : "",
                               path, (unsigned)info.st_mode & 0777);
    else if (info.st_uid != geteuid())
        g_string_append_printf(problems, "%s%s belongs to another user", problems->len ? "; " : "",
                               path);
    return true;
}

static void look_at_folder(struct doctor *doctor)
{
    struct doctor_finding *finding = doctor_find(doctor, "workspace", "state folder");
    const char *folder = doctor->app->workspace->state_dir;
    g_autofree char *ledger = g_build_filename(folder, "ledger.db", NULL);
    g_autoptr(GString) problems = g_string_new(NULL);

    if (!has_mode(folder, 0700, problems)) {
        doctor_say(finding, DOCTOR_NONE, g_strdup("is made at the first write"), NULL);
        return;
    }
    has_mode(ledger, 0600, problems);
    if (problems->len > 0)
        doctor_say(finding, DOCTOR_WARN, g_strdup(problems->str),
                   g_strdup_printf("chmod -R go= %s", folder));
    else
        doctor_say(finding, DOCTOR_OK, g_strdup("only its owner may read it"), NULL);
}

/* ---- git and bicep -------------------------------------------------------------------------- */

static void look_at_git(struct doctor *doctor, const struct roll_plan *plan)
{
    struct doctor_finding *finding = doctor_find(doctor, plan->service, "git");
    roll_auto(git) struct roll_git *git = NULL;
    struct roll_commit commit = {0};
    roll_auto(error) struct roll_error *err = roll_git_open(plan->repository, &git);

    if (!err)
        err = roll_git_resolve(git, "HEAD", &commit);
    if (err) {
        roll_auto(json) json_t *detail = err->detail ? json_loads(err->detail, 0, NULL) : NULL;
        const char *safe = roll_json_get_string(detail, "safeDirectory");
        /* back, status and log do without. */
        doctor_say(finding, DOCTOR_WARN, g_strdup(err->message),
                   safe ? g_strdup_printf("git config --global --add safe.directory %s", safe)
                        : NULL);
        return;
    }
    doctor_say(finding, DOCTOR_OK, g_strdup_printf("%s at %s", plan->repository, commit.id), NULL);
    roll_commit_clear(&commit);
}

static void look_at_bicep(struct doctor *doctor, const struct roll_plan *plan)
{
    bool needed = g_str_has_suffix(plan->template_path, ".bicep");
    bool there = roll_process_available("bicep");
    struct doctor_finding *finding = doctor_find(doctor, plan->service, "bicep");

    if (!needed)
        doctor_say(finding, DOCTOR_NONE,
                   g_strdup(there ? "is there, but not needed" : "is not needed"), NULL);
    else if (there)
        doctor_say(finding, DOCTOR_OK, g_strdup_printf("compiles %s", plan->template_path), NULL);
    else
        doctor_say(finding, DOCTOR_BAD,
                   g_strdup_printf("%s needs the command 'bicep', which is not installed",
                                   plan->template_path),
                   g_strdup("install bicep, or name a compiled template"));
}

/* What back --with-dependents goes by: unsound, it refuses when it is needed most. */
static void look_at_needs(struct doctor *doctor)
{
    roll_auto(error) struct roll_error *err = roll_workspace_check_needs(doctor->app->workspace);

    if (err)
        doctor_say(doctor_find(doctor, "workspace", "needs"), DOCTOR_BAD, g_strdup(err->message),
                   NULL);
}

struct roll_error *doctor_look_here(struct doctor *doctor)
{
    const struct roll_workspace *workspace = doctor->app->workspace;
    bool valid = true;

    look_at_ledger(doctor);
    look_at_folder(doctor);
    for (size_t i = 0; workspace->plans[i]; i++) {
        roll_auto(plan) struct roll_plan *plan = NULL;
        roll_auto(error) struct roll_error *err = roll_plan_read(workspace->plans[i], &plan);
        if (err) {
            doctor_say(doctor_find(doctor, workspace->services[i], "plan"), DOCTOR_BAD,
                       g_strdup(err->message), NULL);
            valid = false;
            continue;
        }
        look_at_git(doctor, plan);
        look_at_bicep(doctor, plan);
    }
    if (valid)
        look_at_needs(doctor);
    return NULL;
}
