/* Scan reports as gates: which file, and what it has to have been made for. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "gate.h"

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"

#define REPORT_MAX ((off_t)64 << 20) /* bytes */

/* ---- what is rolled out --------------------------------------------------------------------- */

static struct roll_error *see_commit(void *user, const struct roll_release_row *row)
{
    *(char **)user = g_strdup(row->commit);
    return NULL;
}

static void add_digest(GPtrArray *digests, const char *reference)
{
    const char *at = reference ? strrchr(reference, '@') : NULL;

    if (at)
        g_ptr_array_add(digests, g_strdup(at + 1));
}

/* Made from another release by artifacts alone, a release names that one's commit, and every report
 * on that commit was there before its own artifacts were. */
static struct roll_error *load_base(struct roll_gate_evaluation *evaluation, const json_t *manifest)
{
    roll_auto(release) struct roll_release *base = NULL;
    const char *version = roll_json_get_string(manifest, "base"), *name;
    const json_t *artifacts;
    json_t *artifact;

    if (!version)
        return NULL;
    ROLL_TRY(
        roll_release_load(evaluation->options.ledger, gate_service(evaluation), version, &base));
    artifacts = json_object_get(base->manifest, "artifacts");
    evaluation->inherited =
        g_strcmp0(evaluation->commit, roll_json_get_string(base->manifest, "commit")) == 0;
    json_object_foreach (json_object_get(manifest, "artifacts"), name, artifact) {
        const char *reference = roll_json_get_string(artifact, "reference");
        const char *earlier = roll_json_get_string(json_object_get(artifacts, name), "reference");
        if (evaluation->inherited && g_strcmp0(reference, earlier) != 0)
            add_digest(evaluation->changed, reference);
    }
    return NULL;
}

struct roll_error *gate_load_release(struct roll_gate_evaluation *evaluation)
{
    roll_auto(release) struct roll_release *release = NULL;
    const char *name;
    json_t *artifact;

    if (evaluation->body->release) {
        ROLL_TRY(roll_ledger_release(evaluation->options.ledger, gate_service(evaluation),
                                     evaluation->body->release, see_commit, &evaluation->commit));
        ROLL_TRY(roll_release_load(evaluation->options.ledger, gate_service(evaluation),
                                   evaluation->body->release, &release));
        json_object_foreach (json_object_get(release->manifest, "artifacts"), name, artifact)
            add_digest(evaluation->digests, roll_json_get_string(artifact, "reference"));
        ROLL_TRY(load_base(evaluation, release->manifest));
    }
    g_ptr_array_add(evaluation->digests, NULL);
    g_ptr_array_add(evaluation->changed, NULL);
    return NULL;
}

/* ---- the file ------------------------------------------------------------------------------- */

static struct roll_error *unreadable(const char *relative, const char *why)
{
    return roll_error_new(ROLL_E_NOT_FOUND, "the report '%s' cannot be read: %s", relative, why);
}

/* A pipe in its place would never end. */
static struct roll_error *read_report(const struct roll_gate_evaluation *evaluation,
                                      char **ret_text, gsize *ret_size)
{
    g_autofree char *relative = NULL, *path = NULL;
    struct stat stat_;
    GError *error = NULL;
    struct roll_error *err;

    ROLL_TRY(gate_fill(evaluation, roll_json_get_string(evaluation->rule, "sarif"), &relative));
    path = g_build_filename(evaluation->options.workspace ? evaluation->options.workspace : ".",
                            relative, NULL);
    if (stat(path, &stat_) != 0)
        return unreadable(relative, g_strerror(errno));
    if (!S_ISREG(stat_.st_mode))
        return unreadable(relative, "it is not a file");
    if (stat_.st_size > REPORT_MAX)
        return unreadable(relative, "it is larger than 64 MB");
    if (g_file_get_contents(path, ret_text, ret_size, &error))
        return NULL;
    err = unreadable(relative, error->message);
    g_error_free(error);
    return err;
}

/* ---- the verdict ---------------------------------------------------------------------------- */

/* A name by a commit that another release has too is also the name of that one's report. */
static bool is_named(const struct roll_gate_evaluation *evaluation)
{
    const char *pattern = roll_json_get_string(evaluation->rule, "sarif");

    return strstr(pattern, "{version}") || (strstr(pattern, "{commit}") && !evaluation->inherited);
}

struct roll_error *gate_judge_report(struct roll_gate_evaluation *evaluation,
                                     const char **ret_verdict, char **ret_summary)
{
    const json_t *severity = json_object_get(evaluation->rule, "maxSecuritySeverity");
    const char *fail_on = roll_json_get_string(evaluation->rule, "failOn");
    struct roll_sarif_options options = {
        .fail_on = fail_on ? fail_on : "error",
        .max_severity = severity ? json_number_value(severity) : -1,
        .commit = evaluation->inherited ? NULL : evaluation->commit,
        .digests = (const char *const *)evaluation->digests->pdata,
        .changed = (const char *const *)evaluation->changed->pdata,
        .named = is_named(evaluation),
    };
    g_autofree char *text = NULL;
    gsize size = 0;
    json_t *result = NULL;
    char digest[ROLL_HEX_SIZE];

    ROLL_TRY(read_report(evaluation, &text, &size));
    roll_sarif_judge(text, size, &options, ret_verdict, ret_summary, &result);
    roll_sha256_hex(text, size, digest);
    json_object_set_new(result, "digest", json_string(digest));
    json_array_append_new(evaluation->runs, result);
    return NULL;
}
