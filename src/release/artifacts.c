/* Artifacts become immutable references, in this order: what was typed (--artifact), what the
 * parameter file already pins, what the plan's tag points to at the registry now. Without one of
 * them there is no release. */
#include "release/maker.h"
#include "release/reference.h"

#include "rollbook/http.h"

/* ---- the registry ---------------------------------------------------------------------------- */

struct digest_answer {
    struct roll_loop *loop;
    char *digest, *problem;
};

static void take_digest(void *user, const struct roll_arm_reply *reply)
{
    struct digest_answer *answer = user;
    const char *digest = roll_json_get_string(reply->body, "digest");
    if (reply->outcome == ROLL_ARM_OK && digest)
        answer->digest = g_strdup(digest);
    else
        answer->problem = g_strdup(reply->message ? reply->message
                                   : reply->code  ? reply->code
                                                  : "the registry does not answer");
    roll_loop_stop(answer->loop);
}

/* Who asks the registry: as for the first environment that is not a sandbox; NULL asks anonymously.
 */
static struct roll_error *registry_credential(struct release_maker *maker,
                                              struct roll_cloud **ret_cloud,
                                              struct roll_credential **ret_credential)
{
    for (guint i = 0; i < maker->plan->environments->len; i++) {
        const struct roll_plan_environment *environment =
            g_ptr_array_index(maker->plan->environments, i);
        if (g_strcmp0(environment->cloud, "sandbox") == 0)
            continue;
        ROLL_TRY(roll_cloud_new(environment->cloud, NULL, ret_cloud));
        return roll_credential_new(maker->loop, *ret_cloud, environment->tenant,
                                   environment->credential, ret_credential);
    }
    return NULL;
}

static struct roll_error *ask_registry(struct release_maker *maker, const char *artifact,
                                       const char *name, const char *tag, char **ret_reference)
{
    if (!maker->loop)
        return roll_error_new(ROLL_E_REFUSED,
                              "artifact '%s': the tag '%s:%s' cannot be resolved here", artifact,
                              name, tag);
    roll_auto(cloud) struct roll_cloud *cloud = NULL;
    roll_auto(credential) struct roll_credential *credential = NULL;
    ROLL_TRY(registry_credential(maker, &cloud, &credential));
    struct digest_answer answer = {.loop = maker->loop};
    roll_registry_digest(maker->loop, credential, name, tag, take_digest, &answer);
    struct roll_error *err = answer.digest || answer.problem ? NULL : roll_loop_run(maker->loop);
    if (!err && !answer.digest)
        err = release_error_next(
            roll_error_new(ROLL_E_REFUSED,
                           "artifact '%s': the digest of '%s:%s' could not be resolved: %s",
                           artifact, name, tag,
                           answer.problem ? answer.problem : "the registry does not answer"),
            g_strdup_printf("pin it: --artifact %s=%s@sha256:DIGEST", artifact, name), NULL);
    if (!err)
        *ret_reference = g_strconcat(name, "@", answer.digest, NULL);
    g_free(answer.digest);
    g_free(answer.problem);
    return err;
}

/* ---- what was typed -------------------------------------------------------------------------- */

static struct roll_error *take_row(void *user, const struct roll_release_row *row)
{
    *(char **)user = g_strdup(row->manifest);
    return NULL;
}

/* NAME=@1.4.1: what that release recorded. */
static struct roll_error *from_release(struct release_maker *maker, const char *artifact,
                                       const char *version, char **ret_reference)
{
    g_autofree char *digest = NULL;
    roll_auto(json) json_t *manifest = NULL;
    ROLL_TRY(release_row(maker->ledger, maker->plan->service, version, take_row, &digest));
    ROLL_TRY(roll_ledger_object_json(maker->ledger, digest, &manifest));
    const json_t *artifacts = json_object_get(manifest, "artifacts");
    const char *reference = roll_json_get_string(json_object_get(artifacts, artifact), "reference");
    if (!reference)
        return roll_error_new(ROLL_E_NOT_FOUND, "release '%s' has no artifact '%s'", version,
                              artifact);
    *ret_reference = g_strdup(reference);
    return NULL;
}

static struct roll_error *not_immutable(const struct release_artifact *artifact, const char *what)
{
    const char *shape = release_reference_shape(artifact->kind);
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED,
                       "artifact '%s' has no immutable reference%s%s%s; it needs %s",
                       artifact->name, what ? ": '" : "", what ? what : "", what ? "'" : "", shape),
        g_strdup_printf("pin it: --artifact %s=%s", artifact->name, shape), NULL);
}

/* The address of a blob may carry its key. */
static struct roll_error *check_typed(struct release_maker *maker, const char *name,
                                      const char *typed)
{
    const char *what = release_scan_text(maker->scanner, typed, strlen(typed));
    if (!what || release_overridden(maker->options->overrides, "secret-scan", name))
        return NULL;
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED, "the reference of artifact '%s' looks like %s", name, what),
        g_strdup_printf("--override secret-scan:%s, if it is none", name), NULL);
}

static struct roll_error *resolve_typed(struct release_maker *maker,
                                        struct release_artifact *artifact, const char *typed)
{
    if (typed[0] == '@')
        return from_release(maker, artifact->name, typed + 1, &artifact->reference);
    g_autofree char *whole = release_reference_complete(artifact->kind, artifact->base_name, typed);
    if (release_reference_is_immutable(artifact->kind, whole)) {
        artifact->reference = g_steal_pointer(&whole);
        return NULL;
    }
    if (strcmp(artifact->kind, "image") != 0 || strchr(whole, '@'))
        return not_immutable(artifact, whole);
    g_autofree char *name = NULL, *tag = NULL;
    release_reference_split(whole, &name, &tag);
    artifact->resolved = g_strdup(tag);
    return ask_registry(maker, artifact->name, name, tag, &artifact->reference);
}

static struct release_artifact *find(const struct release_maker *maker, const char *name)
{
    for (guint i = 0; i < maker->artifacts->len; i++) {
        struct release_artifact *artifact = g_ptr_array_index(maker->artifacts, i);
        if (strcmp(artifact->name, name) == 0)
            return artifact;
    }
    return NULL;
}

static struct roll_error *unknown_artifact(const struct release_maker *maker, const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < maker->artifacts->len; i++)
        g_ptr_array_add(names, ((struct release_artifact *)maker->artifacts->pdata[i])->name);
    g_autofree char *all = release_join_names(names, 10);
    return roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no artifact '%s'; it has %s",
                          maker->plan->service, name, names->len ? all : "none");
}

static struct roll_error *take_typed(struct release_maker *maker, const char *typed)
{
    const char *equals = strchr(typed, '=');
    if (!equals || equals == typed || !equals[1])
        return roll_error_new(ROLL_E_USAGE, "'--artifact %s' is not NAME=REFERENCE", typed);
    g_autofree char *name = g_strndup(typed, (gsize)(equals - typed));
    struct release_artifact *artifact = find(maker, name);
    if (!artifact)
        return unknown_artifact(maker, name);
    ROLL_TRY(check_typed(maker, name, equals + 1));
    g_clear_pointer(&artifact->reference, g_free);
    artifact->given = true;
    return resolve_typed(maker, artifact, equals + 1);
}

/* ---- the plan's, or the base's --------------------------------------------------------------- */

static struct roll_error *fill(const struct release_maker *maker, const char *pattern,
                               char **ret_text)
{
    *ret_text = NULL;
    if (!pattern)
        return NULL;
    return roll_plan_fill(pattern, ret_text, "version", maker->version, "commit", maker->commit_id,
                          "service", maker->plan->service, NULL);
}

static struct roll_error *from_plan(struct release_maker *maker)
{
    for (guint i = 0; i < maker->plan->artifacts->len; i++) {
        const struct roll_plan_artifact *planned = g_ptr_array_index(maker->plan->artifacts, i);
        struct release_artifact *artifact = g_new0(struct release_artifact, 1);
        g_ptr_array_add(maker->artifacts, artifact);
        artifact->name = g_strdup(planned->name);
        artifact->kind = g_strdup(planned->kind);
        artifact->parameter = g_strdup(planned->parameter);
        ROLL_TRY(fill(maker, planned->reference, &artifact->base_name));
        ROLL_TRY(fill(maker, planned->tag, &artifact->tag));
        if (maker->tmpl && !roll_template_parameter_find(maker->tmpl, artifact->parameter))
            return roll_error_new(
                ROLL_E_PLAN, "artifact '%s' sets the parameter '%s', which '%s' does not declare",
                artifact->name, artifact->parameter, maker->plan->template_path);
    }
    return NULL;
}

static void from_base(struct release_maker *maker)
{
    const char *name;
    json_t *recorded;
    json_object_foreach (json_object_get(maker->base, "artifacts"), name, recorded) {
        struct release_artifact *artifact = g_new0(struct release_artifact, 1);
        const char *reference = roll_json_get_string(recorded, "reference");
        g_ptr_array_add(maker->artifacts, artifact);
        artifact->name = g_strdup(name);
        artifact->kind = g_strdup(roll_json_get_string(recorded, "kind"));
        artifact->parameter = g_strdup(roll_json_get_string(recorded, "parameter"));
        artifact->reference = g_strdup(reference);
        const char *at = reference ? strchr(reference, '@') : NULL;
        artifact->base_name = at ? g_strndup(reference, (gsize)(at - reference)) : NULL;
    }
}

struct roll_error *release_artifacts_prepare(struct release_maker *maker)
{
    const char *const *typed = maker->options->artifacts;
    if (maker->options->from_base)
        from_base(maker);
    else
        ROLL_TRY(from_plan(maker));
    for (; typed && *typed; typed++)
        ROLL_TRY(take_typed(maker, *typed));
    return NULL;
}

/* ---- one target ------------------------------------------------------------------------------ */

/* A release has one thing under a name: targets may pull it from different places, but it must be
 * the same. */
static struct roll_error *take_from_parameters(struct release_artifact *artifact,
                                               const char *target, const char *reference)
{
    if (!artifact->reference) {
        artifact->reference = g_strdup(reference);
        return NULL;
    }
    g_autofree char *known = release_reference_identity(artifact->kind, artifact->reference);
    g_autofree char *here = release_reference_identity(artifact->kind, reference);
    if (strcmp(known, here) == 0)
        return NULL;
    return roll_error_new(
        ROLL_E_REFUSED,
        "artifact '%s' is '%s' for target '%s' and '%s' elsewhere: a release has one",
        artifact->name, reference, target, artifact->reference);
}

static struct roll_error *resolve_planned(struct release_maker *maker,
                                          struct release_artifact *artifact)
{
    const char *name = artifact->base_name;
    if (!artifact->tag) {
        if (!name || !release_reference_is_immutable(artifact->kind, name))
            return not_immutable(artifact, name);
        artifact->reference = g_strdup(name);
        return NULL;
    }
    if (strcmp(artifact->kind, "image") == 0) {
        artifact->resolved = g_strdup(artifact->tag);
        return ask_registry(maker, artifact->name, name, artifact->tag, &artifact->reference);
    }
    g_autofree char *whole = strcmp(artifact->kind, "gallery-image") == 0
                                 ? g_strconcat(name, "/versions/", artifact->tag, NULL)
                                 : g_strconcat(name, "?versionid=", artifact->tag, NULL);
    if (!release_reference_is_immutable(artifact->kind, whole))
        return not_immutable(artifact, whole);
    artifact->reference = g_steal_pointer(&whole);
    return NULL;
}

static struct roll_error *apply(struct release_maker *maker, struct release_artifact *artifact,
                                const char *target, json_t *parameters)
{
    const json_t *entry = roll_json_get_nocase(parameters, artifact->parameter);
    const char *written = roll_json_get_string(entry, "value");
    if (!artifact->given && written && release_reference_is_immutable(artifact->kind, written))
        return take_from_parameters(artifact, target, written);
    if (!artifact->reference)
        ROLL_TRY(resolve_planned(maker, artifact));
    const struct roll_template_parameter *declared =
        roll_template_parameter_find(maker->tmpl, artifact->parameter);
    json_t *value = json_object();
    json_object_set_new(value, "value", json_string(artifact->reference));
    json_object_set_new(parameters, declared ? declared->name : artifact->parameter, value);
    return NULL;
}

struct roll_error *release_artifacts_apply(struct release_maker *maker, const char *target,
                                           json_t *parameters)
{
    for (guint i = 0; i < maker->artifacts->len; i++)
        ROLL_TRY(apply(maker, g_ptr_array_index(maker->artifacts, i), target, parameters));
    return NULL;
}

json_t *release_artifacts_write(const struct release_maker *maker)
{
    json_t *artifacts = json_object();
    for (guint i = 0; i < maker->artifacts->len; i++) {
        const struct release_artifact *artifact = g_ptr_array_index(maker->artifacts, i);
        json_t *value = json_object();
        json_object_set_new(value, "kind", json_string(artifact->kind));
        json_object_set_new(value, "reference", json_string(artifact->reference));
        json_object_set_new(value, "parameter", json_string(artifact->parameter));
        json_object_set_new(artifacts, artifact->name, value);
    }
    return artifacts;
}

/* A release that is made again may find its tag elsewhere: a circumstance, which readiness looks
 * at. */
void release_artifacts_write_tags(const struct release_maker *maker, json_t *manifest)
{
    const json_t *before = json_object_get(maker->base, "artifacts");
    const json_t *inherited = json_object_get(maker->base, "tags");
    roll_auto(json) json_t *tags = json_object();
    for (guint i = 0; i < maker->artifacts->len; i++) {
        const struct release_artifact *artifact = g_ptr_array_index(maker->artifacts, i);
        const char *had =
            roll_json_get_string(json_object_get(before, artifact->name), "reference");
        const char *tag = artifact->resolved;
        if (!tag && had && g_strcmp0(had, artifact->reference) == 0)
            tag = roll_json_get_string(inherited, artifact->name);
        if (tag)
            json_object_set_new(tags, artifact->name, json_string(tag));
    }
    if (json_object_size(tags) > 0)
        json_object_set(manifest, "tags", tags);
}
