/* Evidence that counts from now on: a release as if it had been made then, and a rollout of kind
 * adopted that succeeded when ARM says so. */
#include "watch/adopt.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"

/* ---- what the ledger has --------------------------------------------------------------------- */

static void found_free(void *data)
{
    struct watch_found *found = data;

    g_free(found->target);
    g_free(found->name);
    g_free(found->state);
    g_free(found->release);
    g_free(found->template_digest);
    g_free(found->parameters_digest);
    g_free(found->details_digest);
    json_decref(found->details);
    g_free(found);
}

static struct roll_error *see_row(void *user, const struct roll_adopted_row *row)
{
    struct watch_found *found = g_new0(struct watch_found, 1);

    found->target = g_strdup(row->target);
    found->name = g_strdup(row->name);
    found->at = row->at;
    found->seq = row->seq;
    found->accepted = row->accepted;
    g_ptr_array_add(user, found);
    return NULL;
}

static struct roll_error *load(struct roll_ledger *ledger, const char *stream,
                               struct watch_found *found)
{
    roll_auto(event) struct roll_event *event = NULL;
    const struct roll_deployment_adopted *body;

    ROLL_TRY(roll_ledger_event(ledger, stream, found->seq, &event));
    body = roll_event_body(event, deployment_adopted);
    if (!body)
        return NULL;
    found->state = g_strdup(body->state);
    found->release = g_strdup(body->release);
    found->template_digest = g_strdup(body->template);
    found->parameters_digest = g_strdup(body->parameters);
    found->details_digest = g_strdup(body->details);
    return body->details ? roll_ledger_object_json(ledger, body->details, &found->details) : NULL;
}

struct roll_error *watch_found_read(const struct roll_adopt_options *options, const char *stream,
                                    GPtrArray **ret_found)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(found_free);

    ROLL_TRY(roll_ledger_adopted(options->ledger, stream, see_row, all));
    for (guint i = 0; i < all->len; i++)
        ROLL_TRY(load(options->ledger, stream, all->pdata[i]));
    *ret_found = g_steal_pointer(&all);
    return NULL;
}

/* ---- the release ----------------------------------------------------------------------------- */

static struct roll_error *make(const struct watch_acceptance *acceptance, const char *version,
                               struct roll_release **ret_release, struct roll_order **ret_order)
{
    const struct roll_adopt_options *options = acceptance->options;
    g_autofree struct roll_evidence *pieces =
        g_new0(struct roll_evidence, acceptance->pieces->len + 1);

    for (guint i = 0; i < acceptance->pieces->len; i++) {
        const struct watch_found *found = acceptance->pieces->pdata[i];
        pieces[i] =
            (struct roll_evidence){found->target, found->template_digest, found->parameters_digest};
    }
    return roll_release_adopt(options->plan, options->environment, options->ledger, version,
                              acceptance->name, pieces, acceptance->pieces->len, ret_release,
                              ret_order);
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
    acceptance->version = g_strdup(release->version);
    g_strlcpy(acceptance->manifest, release->digest, sizeof acceptance->manifest);
    return NULL;
}

/* ---- what the target has --------------------------------------------------------------------- */

static bool share(const json_t *a, const json_t *b)
{
    size_t i, j;
    json_t *left, *right;

    if (json_array_size(a) == 0 || json_array_size(b) == 0)
        return true; /* what it put is not known */
    json_array_foreach ((json_t *)(uintptr_t)a, i, left)
        json_array_foreach ((json_t *)(uintptr_t)b, j, right)
            if (g_ascii_strcasecmp(json_string_value(left) ? json_string_value(left) : "",
                                   json_string_value(right) ? json_string_value(right) : "") == 0)
                return true;
    return false;
}

/* Nothing that was found later put any of the same resources. What this ledger rolled out later is
 * seen when it is folded. */
static bool is_live(const struct watch_acceptance *acceptance, const struct watch_found *piece)
{
    for (guint i = 0; i < acceptance->found->len; i++) {
        const struct watch_found *other = acceptance->found->pdata[i];
        if (other->at > piece->at && strcmp(other->target, piece->target) == 0 &&
            share(json_object_get(other->details, "outputResources"),
                  json_object_get(piece->details, "outputResources")))
            return false;
    }
    return true;
}

/* ---- the event ------------------------------------------------------------------------------- */

static json_t *targets_of(const struct watch_acceptance *acceptance, json_t *names, json_t *live)
{
    json_t *targets = json_object();

    for (guint i = 0; i < acceptance->pieces->len; i++) {
        const struct watch_found *piece = acceptance->pieces->pdata[i];
        json_t *entry = json_pack(
            "{s:I,s:I,s:I,s:I,s:s*}", "adopted", (json_int_t)piece->seq, "at",
            (json_int_t)piece->at, "durationMs",
            json_integer_value(json_object_get(piece->details, "durationMs")), "resources",
            (json_int_t)json_array_size(json_object_get(piece->details, "outputResources")),
            "result", piece->details_digest);
        json_array_append_new(names, json_string(piece->target));
        if (is_live(acceptance, piece)) {
            json_object_set_new(entry, "live", json_true());
            json_array_append_new(live, json_string(piece->target));
        }
        json_object_set_new(targets, piece->target, entry);
    }
    return targets;
}

static char **parts_of(const struct roll_order *order)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *parts = g_ptr_array_new();

    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = order->targets->pdata[i];
        if (g_hash_table_add(seen, target->parameters_digest))
            g_ptr_array_add(parts, g_strdup(target->parameters_digest));
    }
    g_ptr_array_add(parts, NULL);
    return (char **)g_ptr_array_free(parts, FALSE);
}

static struct roll_error *see_rollout(void *user, const struct roll_adopted_row *row)
{
    int64_t *pair = user; /* the row's number; its rollout */

    if (row->seq == pair[0])
        pair[1] = row->accepted;
    return NULL;
}

static char *lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

static struct roll_error *append(struct watch_acceptance *acceptance,
                                 const struct roll_release *release, const struct roll_order *order,
                                 json_t *targets)
{
    const struct roll_adopt_options *options = acceptance->options;
    g_autoptr(GArray) objects = g_array_new(FALSE, FALSE, sizeof(struct roll_object));
    g_auto(GStrv) parts = parts_of(order);
    g_autoptr(GString) text = NULL;
    char digest[ROLL_HEX_SIZE];

    ROLL_TRY(roll_order_write(order, &text));
    roll_sha256_hex(text->str, text->len, digest);
    const struct roll_object own = {text->str, text->len};
    g_array_append_val(objects, own);
    for (guint i = 0; i < release->blobs->len; i++) {
        const struct roll_blob *blob = release->blobs->pdata[i];
        const struct roll_object object = {blob->data->str, blob->data->len};
        if (g_strv_contains((const char *const *)parts, blob->digest))
            g_array_append_val(objects, object);
    }
    const struct roll_adoption_accepted body = {.name = lent(acceptance->name),
                                                .reason = lent(acceptance->reason),
                                                .release = acceptance->version,
                                                .order = digest,
                                                .targets = targets,
                                                .parts = parts,
                                                .recovered = acceptance->recovered};
    const struct roll_draft draft = {acceptance->stream, ROLL_EVENT_adoption_accepted, &body};
    return watch_append(options->ledger, options->actor, &draft,
                        (const struct roll_object *)(void *)objects->data, objects->len);
}

struct roll_error *watch_accept(struct watch_acceptance *acceptance, json_t **ret_done)
{
    const struct watch_found *first = acceptance->pieces->pdata[0];
    roll_auto(release) struct roll_release *release = NULL;
    roll_auto(order) struct roll_order *order = NULL;
    roll_auto(json) json_t *names = json_array(), *live = json_array(), *targets = NULL;
    int64_t pair[2] = {first->seq, 0};

    ROLL_TRY(make(acceptance, acceptance->version, &release, &order));
    for (guint i = 0; i < order->targets->len; i++) {
        struct roll_order_target *target = order->targets->pdata[i];
        g_free(target->manifest);
        target->manifest = g_strdup(acceptance->manifest);
    }
    targets = targets_of(acceptance, names, live);
    ROLL_TRY(append(acceptance, release, order, targets));
    ROLL_TRY(
        roll_ledger_adopted(acceptance->options->ledger, acceptance->stream, see_rollout, pair));
    *ret_done =
        json_pack("{s:s,s:s,s:I,s:O,s:O}", "name", acceptance->name, "release", acceptance->version,
                  "rollout", (json_int_t)pair[1], "targets", names, "live", live);
    return NULL;
}

/* ---- by name --------------------------------------------------------------------------------- */

static bool is_wanted(const struct roll_adopt_options *options, const struct watch_found *found)
{
    return strcmp(found->name, options->accept) == 0 &&
           (!options->targets || g_strv_contains(options->targets, found->target)) &&
           roll_plan_target_find(options->environment, found->target);
}

/* The newest of each target; rows come by target and time. */
static void pick(struct watch_acceptance *acceptance)
{
    for (guint i = 0; i < acceptance->found->len; i++) {
        struct watch_found *found = acceptance->found->pdata[i];
        GPtrArray *pieces = acceptance->pieces;
        const struct watch_found *last = pieces->len ? pieces->pdata[pieces->len - 1] : NULL;
        if (!is_wanted(acceptance->options, found))
            continue;
        if (last && strcmp(last->target, found->target) == 0)
            pieces->pdata[pieces->len - 1] = found;
        else
            g_ptr_array_add(pieces, found);
    }
}

static struct roll_error *check(const struct watch_acceptance *acceptance)
{
    const struct watch_found *first;

    if (acceptance->pieces->len == 0)
        return roll_error_new(ROLL_E_NOT_FOUND,
                              "no deployment '%s' was found in ARM's history of "
                              "'%s'",
                              acceptance->name, acceptance->stream);
    first = acceptance->pieces->pdata[0];
    for (guint i = 0; i < acceptance->pieces->len; i++) {
        const struct watch_found *piece = acceptance->pieces->pdata[i];
        if (!piece->state || g_ascii_strcasecmp(piece->state, "Succeeded") != 0)
            return roll_error_new(ROLL_E_REFUSED, "'%s' on '%s' did not succeed: it %s",
                                  piece->name, piece->target,
                                  piece->state ? piece->state : "has no state");
        if (piece->accepted)
            return roll_error_new(ROLL_E_NOTHING, "'%s' on '%s' counts already: %s#%" PRId64,
                                  piece->name, piece->target, acceptance->stream, piece->accepted);
        if (g_strcmp0(piece->template_digest, first->template_digest) != 0)
            return roll_error_new(ROLL_E_REFUSED,
                                  "'%s' has another template on '%s' than on '%s': accept each "
                                  "with --target",
                                  piece->name, piece->target, first->target);
    }
    return NULL;
}

struct roll_error *watch_accept_name(const struct roll_adopt_options *options, const char *stream,
                                     json_t **ret_done)
{
    g_autoptr(GPtrArray) found = NULL;
    g_autoptr(GPtrArray) pieces = g_ptr_array_new();
    struct watch_acceptance acceptance = {.options = options,
                                          .stream = stream,
                                          .name = options->accept,
                                          .reason = options->reason,
                                          .pieces = pieces};

    ROLL_TRY(watch_found_read(options, stream, &found));
    acceptance.found = found;
    pick(&acceptance);
    ROLL_TRY(check(&acceptance));
    struct roll_error *err = watch_accept_release(&acceptance, options->accept);
    if (!err)
        err = watch_accept(&acceptance, ret_done);
    g_free(acceptance.version);
    return err;
}
