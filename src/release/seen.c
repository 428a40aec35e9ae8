/* What a release needs and does not hold: templates that ARM will fetch itself, files at addresses,
 * the version of a secret whose reference names none. What they were when it was made is a
 * circumstance of it, which readiness compares with: by then whoever changed them has changed what
 * a back would deploy. Nobody's silence stops a release. */
#include <string.h>

#include "release/maker.h"
#include "rollbook/http.h"
#include "rollbook/time.h"

#define SEEN_MAX 20
#define PATIENCE_MS 5000
#define SPEC_API_VERSION "2022-02-01"

enum kind { SEEN_ADDRESS, SEEN_LINK, SEEN_SECRET };

/* ---- marks ----------------------------------------------------------------------------------- */

/* Of a template spec its templates; of an address what its server says of the content. */
static char *mark_of_link(const json_t *body)
{
    static const char *const parts[] = {"mainTemplate", "linkedTemplates"};
    static const char *const told[] = {"md5", "length", "etag"};
    const json_t *properties = json_object_get(body, "properties");
    g_autoptr(GString) text = g_string_new(NULL);
    roll_auto(json) json_t *content = json_array();
    char hex[ROLL_HEX_SIZE];

    for (size_t i = 0; properties && i < G_N_ELEMENTS(parts); i++)
        json_array_append(content, json_object_get(properties, parts[i])
                                       ? json_object_get(properties, parts[i])
                                       : json_null());
    for (size_t i = 0; !properties && i < G_N_ELEMENTS(told); i++)
        if (json_array_size(content) < 2 && json_object_get(body, told[i]))
            json_array_append(content, json_object_get(body, told[i]));
    roll_json_write(content, text);
    roll_sha256_hex(text->str, text->len, hex);
    return g_strdup(hex);
}

char *roll_release_mark(const json_t *body, bool link)
{
    const char *md5 = roll_json_get_string(body, "md5");
    const char *length = roll_json_get_string(body, "length");

    if (link)
        return mark_of_link(body);
    return g_strdup_printf("%s %s", md5 ? md5 : "-", length ? length : "-");
}

/* ---- secrets --------------------------------------------------------------------------------- */

void release_seen_secret(struct release_maker *maker, const char *vault, const char *secret)
{
    const char *last = strrchr(vault, '/');

    if (last && g_hash_table_size(maker->unpinned) < SEEN_MAX)
        g_hash_table_insert(maker->unpinned, g_strdup_printf("secret %s/%s", last + 1, secret),
                            g_strdup(vault));
}

/* ---- which places ---------------------------------------------------------------------------- */

static bool is_place(const char *text)
{
    return text && (g_str_has_prefix(text, "/subscriptions/") ||
                    g_str_has_prefix(text, "https://") || g_str_has_prefix(text, "http://"));
}

/* Those that the template names by themselves; what an expression gives is known later. */
static void find_links(const json_t *value, GHashTable *places, int depth)
{
    const json_t *link = roll_json_get_nocase(value, "templateLink");
    const char *id = roll_json_get_string(link, "id"), *uri = roll_json_get_string(link, "uri");
    const char *place = is_place(id) ? id : uri, *name;
    json_t *member;
    size_t index;

    if (depth > ROLL_JSON_MAX_DEPTH)
        return;
    if (is_place(place) && g_hash_table_size(places) < SEEN_MAX)
        g_hash_table_insert(places, g_strdup(place), GINT_TO_POINTER(SEEN_LINK));
    json_object_foreach ((json_t *)(uintptr_t)value, name, member)
        find_links(member, places, depth + 1);
    json_array_foreach ((json_t *)(uintptr_t)value, index, member)
        find_links(member, places, depth + 1);
}

static void find_addresses(const struct release_maker *maker, GHashTable *places)
{
    for (guint i = 0; i < maker->artifacts->len; i++) {
        const struct release_artifact *artifact = g_ptr_array_index(maker->artifacts, i);
        if (strcmp(artifact->kind, "image") != 0 && is_place(artifact->reference) &&
            artifact->reference[0] != '/' && g_hash_table_size(places) < SEEN_MAX)
            g_hash_table_insert(places, g_strdup(artifact->reference),
                                GINT_TO_POINTER(SEEN_ADDRESS));
    }
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct looking {
    struct release_maker *maker;
    struct roll_loop *loop;
    json_t *seen;
    guint waiting;
};

struct question {
    struct looking *looking;
    const char *place;
    enum kind kind;
    struct roll_key_vault_call *call; /* under way, or NULL */
};

static char *mark_of(const struct question *question, const json_t *body)
{
    return question->kind == SEEN_SECRET ? g_strdup(roll_json_get_string(body, "current"))
                                         : roll_release_mark(body, question->kind == SEEN_LINK);
}

/* Who deploys need not be allowed to look into a vault: that is nothing to speak of. */
static void take_answer(void *user, const struct roll_arm_reply *reply)
{
    struct question *question = user;
    struct looking *looking = question->looking;
    char at[ROLL_TIME_SIZE];

    question->call = NULL;
    roll_time_format(roll_now_ms(), at);
    if (reply->outcome == ROLL_ARM_OK) {
        g_autofree char *mark = mark_of(question, reply->body);
        json_object_set_new(looking->seen, question->place,
                            json_pack("{s:s,s:s}", "mark", mark, "at", at));
    } else if (question->kind != SEEN_SECRET) {
        release_maker_note(looking->maker, "%s could not be looked at: %s", question->place,
                           reply->message ? reply->message : "no answer");
    }
    if (--looking->waiting == 0)
        roll_loop_stop(looking->loop);
}

static void on_late(void *user)
{
    struct looking *looking = user;

    roll_loop_stop(looking->loop);
}

static const char *vault_of(const struct question *question)
{
    return g_hash_table_lookup(question->looking->maker->unpinned, question->place);
}

static void ask(struct question *question, struct roll_arm *arm, struct roll_credential *credential)
{
    struct roll_loop *loop = question->looking->loop;

    question->looking->waiting++;
    if (question->kind == SEEN_SECRET)
        question->call = roll_key_vault_versions(loop, credential, vault_of(question),
                                                 strchr(question->place, '/') + 1, PATIENCE_MS,
                                                 take_answer, question);
    else if (question->place[0] == '/')
        roll_arm_resource_get(arm, question->place, SPEC_API_VERSION, take_answer, question);
    else
        roll_address_head(loop, credential, question->place, take_answer, question);
}

static struct roll_error *run(struct looking *looking, struct question *questions, guint count)
{
    (void)roll_loop_timer(looking->loop, roll_boot_ms() + PATIENCE_MS, on_late, looking);
    struct roll_error *err = looking->waiting > 0 ? roll_loop_run(looking->loop) : NULL;

    for (guint i = 0; i < count; i++)
        if (questions[i].call)
            roll_key_vault_cancel(questions[i].call);
    return err;
}

/* On a loop of its own: what has not answered in time ends with it. */
static struct roll_error *ask_all(struct looking *looking, GHashTable *places)
{
    roll_auto(loop) struct roll_loop *loop = NULL;
    roll_auto(cloud) struct roll_cloud *cloud = NULL;
    roll_auto(credential) struct roll_credential *credential = NULL;
    roll_auto(arm) struct roll_arm *arm = NULL;
    g_autofree struct question *questions = g_new0(struct question, g_hash_table_size(places) + 1);
    const struct roll_plan_environment *environment = NULL;
    GHashTableIter iter;
    gpointer place, kind;
    guint count = 0;

    ROLL_TRY(roll_loop_new(&loop));
    looking->loop = loop;
    g_hash_table_iter_init(&iter, places);
    while (g_hash_table_iter_next(&iter, &place, &kind))
        questions[count++] =
            (struct question){looking, place, (enum kind)GPOINTER_TO_INT(kind), NULL};
    environment = release_spec_asking(looking->maker->plan, questions[0].kind == SEEN_SECRET
                                                                ? vault_of(&questions[0])
                                                                : questions[0].place);
    ROLL_TRY(release_spec_cloud(looking->maker, environment, &cloud));
    ROLL_TRY(roll_credential_new(loop, cloud, environment->tenant, environment->credential,
                                 &credential));
    arm = roll_arm_new(loop, cloud, credential);
    for (guint i = 0; i < count; i++)
        ask(&questions[i], arm, credential);
    return run(looking, questions, count);
}

/* ---- of a release --------------------------------------------------------------------------- */

static struct roll_error *find_places(const struct release_maker *maker, GHashTable *places)
{
    g_autoptr(GString) text = NULL;
    roll_auto(json) json_t *tmpl = NULL;
    GHashTableIter iter;
    gpointer secret;

    ROLL_TRY(release_object_text(maker->ledger, maker->blobs, maker->template_digest, &text));
    ROLL_TRY(roll_json_parse(text->str, text->len, ROLL_JSON_ARM, &tmpl));
    find_links(tmpl, places, 0);
    find_addresses(maker, places);
    g_hash_table_iter_init(&iter, maker->unpinned);
    while (g_hash_table_iter_next(&iter, &secret, NULL))
        g_hash_table_insert(places, g_strdup(secret), GINT_TO_POINTER(SEEN_SECRET));
    return NULL;
}

/* What a hotfix takes from its base was looked at with that; nobody is asked in an emergency. */
void release_seen_write(struct release_maker *maker, json_t *manifest)
{
    g_autoptr(GHashTable) places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    roll_auto(json) json_t *seen = json_object(),
                           *inherited = json_incref(json_object_get(maker->base, "seen"));
    struct looking looking = {.maker = maker, .seen = seen};
    struct roll_error *err = NULL;

    if (inherited)
        json_object_update(seen, inherited);
    else if (!maker->recorded && !maker->base && maker->loop && !maker->options->offline)
        err = find_places(maker, places);
    if (!err && g_hash_table_size(places) > 0)
        err = ask_all(&looking, places);
    if (err)
        release_maker_note(maker, "what it links could not be looked at: %s", err->message);
    roll_error_free(err);
    if (json_object_size(seen) > 0)
        json_object_set(manifest, "seen", seen);
}
