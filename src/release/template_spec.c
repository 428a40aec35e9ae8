/* A template spec as a release's source: the version is read from ARM when the release is made,
 * with what it links, and recorded like a template of the repository (REST reference 5). A version
 * can be overwritten at Azure; what was recorded cannot. */
#include "release/maker.h"
#include "rollbook/http.h"

#define SPEC_API_VERSION "2022-02-01"
#define LINKED_MAX 1000

/* ---- asking ARM ------------------------------------------------------------------------------ */

struct spec_answer {
    struct roll_loop *loop; /* borrowed */
    json_t *body;           /* owned, or NULL */
    char *problem;          /* owned, or NULL */
    enum roll_code code;    /* of that */
};

static void take_spec(void *user, const struct roll_arm_reply *reply)
{
    struct spec_answer *answer = user;
    if (reply->outcome == ROLL_ARM_OK)
        answer->body = json_incref(reply->body);
    else
        answer->problem = g_strdup(reply->message ? reply->message
                                   : reply->code  ? reply->code
                                                  : "Azure does not answer");
    answer->code = reply->outcome == ROLL_ARM_NOT_FOUND  ? ROLL_E_NOT_FOUND
                   : reply->outcome == ROLL_ARM_NO_TOKEN ? ROLL_E_CREDENTIAL
                                                         : ROLL_E_REFUSED;
    roll_loop_stop(answer->loop);
}

static bool uses_subscription(const struct roll_plan_environment *environment, const char *id)
{
    for (guint i = 0; i < environment->targets->len; i++) {
        const struct roll_plan_target *target = g_ptr_array_index(environment->targets, i);
        g_autofree char *prefix =
            g_strdup_printf("/subscriptions/%s/", target->subscription ? target->subscription : "");
        if (g_ascii_strncasecmp(id, prefix, strlen(prefix)) == 0)
            return true;
    }
    return false;
}

/* Who asks: as for the environment that lies in the spec's subscription, else the first one. */
const struct roll_plan_environment *release_spec_asking(const struct roll_plan *plan,
                                                        const char *id)
{
    for (guint i = 0; i < plan->environments->len; i++)
        if (uses_subscription(g_ptr_array_index(plan->environments, i), id))
            return g_ptr_array_index(plan->environments, i);
    return g_ptr_array_index(plan->environments, 0);
}

struct roll_error *release_spec_cloud(const struct release_maker *maker,
                                      const struct roll_plan_environment *environment,
                                      struct roll_cloud **ret_cloud)
{
    const struct roll_release_options *options = maker->options;
    const char *url = NULL;
    if (g_strcmp0(environment->cloud, "sandbox") == 0 && options->sandbox)
        ROLL_TRY(options->sandbox(options->sandbox_user, &url));
    return roll_cloud_new(environment->cloud, url, ret_cloud);
}

static struct roll_error *fetch(const struct release_maker *maker, const char *id,
                                json_t **ret_spec)
{
    const struct roll_plan_environment *environment = release_spec_asking(maker->plan, id);
    struct spec_answer answer = {.loop = maker->loop, .code = ROLL_E_REFUSED};
    roll_auto(cloud) struct roll_cloud *cloud = NULL;
    roll_auto(credential) struct roll_credential *credential = NULL;
    roll_auto(arm) struct roll_arm *arm = NULL;
    ROLL_TRY(release_spec_cloud(maker, environment, &cloud));
    ROLL_TRY(roll_credential_new(maker->loop, cloud, environment->tenant, environment->credential,
                                 &credential));
    arm = roll_arm_new(maker->loop, cloud, credential);
    roll_arm_resource_get(arm, id, SPEC_API_VERSION, take_spec, &answer);
    struct roll_error *err = roll_loop_run(maker->loop);
    if (!err && !answer.body)
        err = roll_error_new(answer.code, "the template spec '%s' cannot be read: %s", id,
                             answer.problem ? answer.problem : "interrupted");
    g_free(answer.problem);
    *ret_spec = answer.body;
    return err;
}

/* ---- what it holds --------------------------------------------------------------------------- */

static void free_text(void *text)
{
    g_string_free(text, TRUE);
}

static GString *text_of(const json_t *value)
{
    GString *text = g_string_new(NULL);
    roll_json_write(value, text);
    return text;
}

/* "./a/b.json" and "a\b.json" are "a/b.json". Owned. */
static char *normal_path(const char *path)
{
    g_autofree char *slashes = g_strdelimit(g_strdup(path), "\\", '/');
    g_autofree char *canonical = g_canonicalize_filename(slashes, "/");
    return g_strdup(canonical + 1);
}

static struct roll_error *take_linked(struct release_maker *maker, const json_t *linked)
{
    maker->spec_linked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_text);
    if (json_array_size(linked) > LINKED_MAX)
        return roll_error_new(ROLL_E_LIMIT, "a template spec links more than %d templates",
                              LINKED_MAX);
    for (size_t i = 0; i < json_array_size(linked); i++) {
        const json_t *entry = json_array_get(linked, i);
        const char *path = json_string_value(roll_json_get_nocase(entry, "path"));
        const json_t *tmpl = roll_json_get_nocase(entry, "template");
        if (path && json_is_object(tmpl))
            g_hash_table_replace(maker->spec_linked, normal_path(path), text_of(tmpl));
    }
    return NULL;
}

static void note_spec(struct release_maker *maker, const char *id, const GString *text)
{
    char digest[ROLL_HEX_SIZE];
    roll_sha256_hex(text->str, text->len, digest);
    maker->spec = json_pack("{s:s,s:s}", "id", id, "digest", digest);
}

static struct roll_error *read_spec(struct release_maker *maker, const char *id, const json_t *spec,
                                    GString **ret_text)
{
    const json_t *properties = roll_json_get_nocase(spec, "properties");
    const json_t *main_template = roll_json_get_nocase(properties, "mainTemplate");
    if (!json_is_object(main_template))
        return roll_error_new(ROLL_E_REFUSED, "the template spec '%s' has no main template", id);
    ROLL_TRY(take_linked(maker, roll_json_get_nocase(properties, "linkedTemplates")));
    *ret_text = text_of(main_template);
    note_spec(maker, id, *ret_text);
    return NULL;
}

struct roll_error *release_spec_linked(const struct release_maker *maker, const char *path,
                                       GString **ret_text)
{
    const GString *text = g_hash_table_lookup(maker->spec_linked, path);
    if (!text)
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s' is not part of the template spec", path);
    *ret_text = g_string_new_len(text->str, (gssize)text->len);
    return NULL;
}

/* ---- without asking -------------------------------------------------------------------------- */

static struct roll_error *not_recorded(const struct release_maker *maker, const char *id)
{
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED,
                       "the template spec '%s' is not recorded yet, and nobody is asked here", id),
        g_strdup_printf("roll release %s", maker->plan->service), NULL);
}

/* As this version has it: whole, so that nothing is left to link. */
static struct roll_error *read_recorded(struct release_maker *maker, const char *id,
                                        GString **ret_text)
{
    int64_t seq = 0;
    if (maker->version)
        ROLL_TRY(release_load_recorded(maker, &seq));
    json_t *spec = json_object_get(maker->recorded, "templateSpec");
    const char *digest = roll_json_get_string(maker->recorded, "template");
    if (!digest || g_strcmp0(roll_json_get_string(spec, "id"), id) != 0)
        return not_recorded(maker, id);
    maker->spec = json_incref(spec);
    json_array_extend(maker->linked, json_object_get(maker->recorded, "linked"));
    return roll_ledger_object(maker->ledger, digest, ret_text);
}

struct roll_error *release_spec_read(struct release_maker *maker, GString **ret_text)
{
    g_autofree char *id = NULL;
    roll_auto(json) json_t *spec = NULL;
    ROLL_TRY(roll_plan_fill(maker->plan->template_spec, &id, "version", maker->version, NULL));
    if (maker->options->offline || !maker->loop)
        return read_recorded(maker, id, ret_text);
    ROLL_TRY(fetch(maker, id, &spec));
    return read_spec(maker, id, spec, ret_text);
}
