/* Evidence that counts from now on: a release as if it had been made then, and a rollout of kind
 * adopted that succeeded when ARM says so. */
#include "watch/adopt.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/time.h"

#define EVENT_TARGETS 100 /* an event takes 64 KiB */

/* ---- the release ----------------------------------------------------------------------------- */

static int64_t tagged_number(const struct watch_found *found, const char *name)
{
    const json_t *tags = json_object_get(found->details, "tags");
    const char *text = json_string_value(roll_json_get_nocase(tags, name));

    return text ? MAX(g_ascii_strtoll(text, NULL, 10), 0) : 0;
}

static struct roll_error *make(const struct watch_acceptance *acceptance, const char *version,
                               struct roll_release **ret_release, struct roll_order **ret_order)
{
    const struct roll_adopt_options *options = acceptance->options;
    g_autofree struct roll_evidence *pieces =
        g_new0(struct roll_evidence, acceptance->pieces->len + 1);

    for (guint i = 0; i < acceptance->pieces->len; i++) {
        const struct watch_found *found = acceptance->pieces->pdata[i];
        pieces[i] = (struct roll_evidence){
            .target = found->target,
            .template_digest = found->template_digest,
            .parameters_digest = found->parameters_digest,
            .location = json_string_value(json_object_get(found->details, "location")),
            .data_version = acceptance->lost ? tagged_number(found, "roll-data") : 0,
            .data_floor = acceptance->lost ? tagged_number(found, "roll-floor") : 0};
    }
    return roll_release_adopt(options->plan, options->environment, options->ledger, version,
                              acceptance->name, pieces, acceptance->pieces->len, ret_release,
                              ret_order);
}

struct roll_error *watch_accept_check(const struct watch_acceptance *acceptance)
{
    roll_auto(release) struct roll_release *release = NULL;
    roll_auto(order) struct roll_order *order = NULL;

    return make(acceptance, acceptance->name, &release, &order);
}

static struct roll_error *take_manifest(void *user, const struct roll_release_row *row)
{
    *(char **)user = g_strdup(row->manifest);
    return NULL;
}

static struct roll_error *manifest_of(const struct watch_acceptance *acceptance,
                                      const char *version, char **ret_manifest)
{
    struct roll_error *err =
        roll_ledger_release(acceptance->options->ledger, acceptance->options->plan->service,
                            version, take_manifest, ret_manifest);

    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    return NULL;
}

/* A version is used once: what has the same name and another content is told by its time. */
static char *dated(const struct watch_acceptance *acceptance, const char *version)
{
    const struct watch_found *found = acceptance->pieces->pdata[0];
    char at[ROLL_TIME_SIZE];

    roll_time_format(found->at, at);
    g_autofree char *compact = g_strdup(at);
    char *to = compact;
    for (const char *from = at; *from; from++)
        if (g_ascii_isalnum(*from))
            *to++ = *from;
    *to = '\0';
    return g_strdup_printf("%.80s-%s", version, compact);
}

struct roll_error *watch_accept_release(struct watch_acceptance *acceptance, const char *version)
{
    roll_auto(release) struct roll_release *release = NULL;
    roll_auto(order) struct roll_order *order = NULL;
    g_autofree char *taken = NULL, *other = NULL;

    ROLL_TRY(make(acceptance, version, &release, &order));
    ROLL_TRY(manifest_of(acceptance, version, &taken));
    if (taken && strcmp(taken, release->digest) != 0) {
        other = dated(acceptance, version);
        g_clear_pointer(&release, roll_release_free);
        g_clear_pointer(&order, roll_order_free);
        ROLL_TRY(make(acceptance, other, &release, &order));
    }
    ROLL_TRY(roll_release_record(acceptance->options->ledger, acceptance->options->actor, release));
    g_free(acceptance->version);
    acceptance->version = g_strdup(release->version);
    g_strlcpy(acceptance->manifest, release->digest, sizeof acceptance->manifest);
    return NULL;
}

/* ---- targets --------------------------------------------------------------------------------- */

static bool is_live(const struct watch_acceptance *acceptance, const struct watch_found *piece)
{
    return watch_found_succeeded(piece) && watch_traces_is_live(acceptance->traces, piece);
}

static json_t *target_of(const struct watch_acceptance *acceptance, const struct watch_found *piece)
{
    int64_t floor = acceptance->lost ? tagged_number(piece, "roll-floor") : 0;
    json_t *entry = json_pack(
        "{s:I,s:I,s:I,s:I,s:s*}", "adopted", (json_int_t)piece->seq, "at", (json_int_t)piece->at,
        "durationMs", (json_int_t)watch_found_duration(piece), "resources",
        (json_int_t)json_array_size(json_object_get(piece->details, "outputResources")), "result",
        piece->details_digest);

    if (is_live(acceptance, piece))
        json_object_set_new(entry, "live", json_true());
    else if (acceptance->newest && g_hash_table_contains(acceptance->newest, piece))
        json_object_set_new(entry, "dirty", json_true());
    if (!watch_found_succeeded(piece))
        json_object_set_new(entry, "failed", json_true());
    if (floor)
        json_object_set_new(entry, "floor", json_integer(floor));
    return entry;
}

/* ---- the events ------------------------------------------------------------------------------ */

/* One event, with what it points to. */
struct part {
    json_t *targets;
    GHashTable *digests; /* of parameters; borrowed from the order */
    char **parts;
};

static void part_free(void *data)
{
    struct part *part = data;

    json_decref(part->targets);
    g_hash_table_unref(part->digests);
    g_free(part->parts);
    g_free(part);
}

static struct part *part_new(void)
{
    struct part *part = g_new0(struct part, 1);

    part->targets = json_object();
    part->digests = g_hash_table_new(g_str_hash, g_str_equal);
    return part;
}

static GPtrArray *parts_of(const struct watch_acceptance *acceptance,
                           const struct roll_order *order)
{
    GPtrArray *parts = g_ptr_array_new_with_free_func(part_free);
    g_autoptr(GHashTable) digests = g_hash_table_new(g_str_hash, g_str_equal);
    struct part *part = NULL;

    for (guint i = 0; i < order->targets->len; i++) {
        struct roll_order_target *target = order->targets->pdata[i];
        g_hash_table_insert(digests, target->name, target->parameters_digest);
    }
    for (guint i = 0; i < acceptance->pieces->len; i++) {
        const struct watch_found *piece = acceptance->pieces->pdata[i];
        char *digest = g_hash_table_lookup(digests, piece->target);
        if (i % EVENT_TARGETS == 0) {
            part = part_new();
            g_ptr_array_add(parts, part);
        }
        json_object_set_new(part->targets, piece->target, target_of(acceptance, piece));
        if (digest)
            g_hash_table_add(part->digests, digest);
    }
    for (guint i = 0; i < parts->len; i++) {
        part = parts->pdata[i];
        part->parts = (char **)g_hash_table_get_keys_as_array(part->digests, NULL);
    }
    return parts;
}

static char *lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void set_span(const struct watch_acceptance *acceptance, struct roll_adoption_accepted *body)
{
    body->count = acceptance->pieces->len;
    body->from_at = INT64_MAX;
    for (guint i = 0; i < acceptance->pieces->len; i++) {
        const struct watch_found *piece = acceptance->pieces->pdata[i];
        body->from_at = MIN(body->from_at, piece->at - watch_found_duration(piece));
        body->to_at = MAX(body->to_at, piece->at);
    }
}

static struct roll_adoption_accepted body_of(const struct watch_acceptance *acceptance,
                                             const char *order, struct part *part, guint after,
                                             bool several)
{
    const struct watch_lost *lost = acceptance->lost;
    struct roll_adoption_accepted body = {.name = lent(acceptance->name),
                                          .reason = lent(acceptance->reason),
                                          .release = acceptance->version,
                                          .order = lent(order),
                                          .targets = part->targets,
                                          .parts = part->parts,
                                          .recovered = lost != NULL,
                                          .after = after};

    if (several)
        set_span(acceptance, &body);
    if (!lost)
        return body;
    body.lane = lent(lost->lane);
    body.from = lent(lost->from);
    body.failed = lost->failed;
    body.partial = lost->partial || !lost->release;
    if (acceptance->first && after == 0) {
        body.bad = acceptance->bad;
        body.lifts = acceptance->lifts;
        body.hold = lost->hold;
    }
    return body;
}

static struct roll_error *look_again(const struct watch_acceptance *acceptance)
{
    for (guint i = 0; i < acceptance->pieces->len; i++) {
        struct watch_found *piece = acceptance->pieces->pdata[i];
        struct roll_adopted_row row = {
            .target = piece->target, .name = piece->name, .at = piece->at};
        ROLL_TRY(roll_ledger_adopted_find(acceptance->options->ledger, acceptance->stream, &row));
        piece->accepted = row.accepted;
    }
    return NULL;
}

/* Somebody else may have accepted the same since it was read. */
static struct roll_error *check_open(void *user)
{
    const struct watch_acceptance *acceptance = user;

    ROLL_TRY(look_again(acceptance));
    for (guint i = 0; i < acceptance->pieces->len; i++) {
        const struct watch_found *piece = acceptance->pieces->pdata[i];
        if (piece->accepted)
            return roll_error_new(ROLL_E_NOTHING, "'%s' on '%s' counts already: %s#%" PRId64,
                                  piece->name, piece->target, acceptance->stream, piece->accepted);
    }
    return NULL;
}

static struct roll_error *append(struct watch_acceptance *acceptance,
                                 const struct roll_release *release, const struct roll_order *order)
{
    g_autoptr(GArray) objects = g_array_new(FALSE, FALSE, sizeof(struct roll_object));
    g_autoptr(GPtrArray) parts = parts_of(acceptance, order);
    g_autofree struct roll_adoption_accepted *bodies =
        g_new0(struct roll_adoption_accepted, parts->len);
    g_autofree struct roll_draft *drafts = g_new0(struct roll_draft, parts->len);
    g_autoptr(GString) text = NULL;
    char digest[ROLL_HEX_SIZE];

    ROLL_TRY(roll_order_write(order, &text));
    roll_sha256_hex(text->str, text->len, digest);
    const struct roll_object own = {text->str, text->len};
    g_array_append_val(objects, own);
    for (guint i = 0; i < release->blobs->len; i++) {
        const struct roll_blob *blob = release->blobs->pdata[i];
        const struct roll_object object = {blob->data->str, blob->data->len};
        bool named = false;
        for (guint j = 0; !named && j < parts->len; j++)
            named = g_hash_table_contains(((struct part *)parts->pdata[j])->digests, blob->digest);
        if (named)
            g_array_append_val(objects, object);
    }
    for (guint i = 0; i < parts->len; i++) {
        bodies[i] = body_of(acceptance, digest, parts->pdata[i], i, parts->len > 1);
        drafts[i] =
            (struct roll_draft){acceptance->stream, ROLL_EVENT_adoption_accepted, &bodies[i]};
    }
    (void)roll_fault("adoption-accept");
    return watch_append_checked(acceptance->options->ledger, acceptance->options->actor, drafts,
                                parts->len, (const struct roll_object *)(void *)objects->data,
                                objects->len, check_open, acceptance);
}

struct roll_error *watch_accept(struct watch_acceptance *acceptance, json_t **ret_done)
{
    roll_auto(release) struct roll_release *release = NULL;
    roll_auto(order) struct roll_order *order = NULL;
    roll_auto(json) json_t *names = json_array(), *live = json_array();

    ROLL_TRY(make(acceptance, acceptance->version, &release, &order));
    for (guint i = 0; i < order->targets->len; i++) {
        struct roll_order_target *target = order->targets->pdata[i];
        g_free(target->manifest);
        target->manifest = g_strdup(acceptance->manifest);
    }
    ROLL_TRY(append(acceptance, release, order));
    ROLL_TRY(look_again(acceptance));
    for (guint i = 0; i < acceptance->pieces->len; i++) {
        const struct watch_found *piece = acceptance->pieces->pdata[i];
        json_array_append_new(names, json_string(piece->target));
        if (is_live(acceptance, piece))
            json_array_append_new(live, json_string(piece->target));
    }
    *ret_done = json_pack(
        "{s:s,s:s,s:I,s:O,s:O}", "name", acceptance->name, "release", acceptance->version,
        "rollout", (json_int_t)((const struct watch_found *)acceptance->pieces->pdata[0])->accepted,
        "targets", names, "live", live);
    return NULL;
}
