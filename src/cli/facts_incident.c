/* The incident of `roll report`: the rollouts of one trouble, and all that the ledger says of them
 * in order of time. */
#include "facts.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"

/* ---- which rollouts ------------------------------------------------------------------------- */

/* The rollouts of the same trouble: what it undid or took the place of, what was done because of
 * it, and what undid it next. */
static bool belongs(const json_t *view, const json_t *incident)
{
    const char *own = roll_json_get_string(view, "rollout");
    const char *it = roll_json_get_string(incident, "rollout");
    const char *members[] = {"cause", "supersedes", "supersededBy"};

    if (strcmp(own, it) == 0)
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
        if (g_strcmp0(roll_json_get_string(view, members[i]), it) == 0 ||
            g_strcmp0(roll_json_get_string(incident, members[i]), own) == 0)
            return true;
    return false;
}

/* Newest first: index of the incident in the list; the one before it in time brought what it left,
 * the one after it is what followed. */
static json_t *choose_story(const json_t *rollouts, size_t at)
{
    const json_t *incident = json_array_get(rollouts, at);
    json_t *chosen = json_array();

    for (size_t i = json_array_size(rollouts); i-- > 0;) {
        json_t *view = json_array_get(rollouts, i);
        if (i == at + 1 || (at > 0 && i == at - 1) || belongs(view, incident))
            json_array_append(chosen, view);
    }
    return chosen;
}

/* One of another stream, with its events. */
static struct roll_error *add_part(struct roll_app *app, const char *name, json_t *chosen)
{
    g_autofree char *stream = g_strndup(name, strcspn(name, "#"));
    const char *number = name + strlen(stream) + 1;
    roll_auto(json) json_t *view = NULL, *list = json_array(), *bands = json_array();

    ROLL_TRY(roll_view_rollout_find(app, stream, g_ascii_strtoll(number, NULL, 10), &view));
    json_array_append(list, view);
    ROLL_TRY(facts_add_events(app, stream, list, bands));
    facts_add_duration(view);
    facts_shorten_targets(view);
    json_array_append(chosen, view);
    return NULL;
}

/* What a rollback with its dependents took along, or what it went along with. */
static struct roll_error *add_parts(struct roll_app *app, const json_t *incident, json_t *chosen)
{
    const char *whole = roll_json_get_string(incident, "partOf");
    size_t index, at;
    json_t *part, *earlier;

    json_array_foreach (json_object_get(incident, "parts"), index, part) {
        json_array_foreach (json_object_get(part, "earlier"), at, earlier)
            ROLL_TRY(add_part(app, json_string_value(earlier), chosen));
        if (roll_json_get_string(part, "rollout"))
            ROLL_TRY(add_part(app, roll_json_get_string(part, "rollout"), chosen));
    }
    return whole ? add_part(app, whole, chosen) : NULL;
}

/* ---- in order of time ------------------------------------------------------------------------ */

/* Streams have numbers of their own; one of them never goes back in time. */
static int by_time(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
    int64_t left_at = facts_time(left, "at"), right_at = facts_time(right, "at");
    int order =
        g_strcmp0(roll_json_get_string(left, "stream"), roll_json_get_string(right, "stream"));
    json_int_t left_seq = json_integer_value(json_object_get(left, "seq"));
    json_int_t right_seq = json_integer_value(json_object_get(right, "seq"));

    if (left_at != right_at)
        return left_at < right_at ? -1 : 1;
    if (order != 0)
        return order;
    return left_seq < right_seq ? -1 : left_seq > right_seq;
}

/* What happened elsewhere says where. */
static void name_event(json_t *event, const char *rollout, const char *own)
{
    const char *hash = strchr(rollout, '#');
    bool here = strncmp(rollout, own, (size_t)(hash - rollout) + 1) == 0;

    json_object_set_new(
        event, "text",
        json_sprintf("%s %s", here ? hash : rollout, roll_json_get_string(event, "text")));
    if (!here)
        json_object_set_new(event, "stream", json_stringn(rollout, (size_t)(hash - rollout)));
}

static json_t *merge_events(const json_t *rollouts, const char *own)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    json_t *merged = json_array(), *view, *event;
    size_t index, at;

    json_array_foreach (rollouts, index, view)
        json_array_foreach (json_object_get(view, "events"), at, event) {
            name_event(event, roll_json_get_string(view, "rollout"), own);
            g_ptr_array_add(all, event);
        }
    qsort(all->pdata, all->len, sizeof(gpointer), by_time);
    for (guint i = 0; i < all->len; i++)
        json_array_append(merged, g_ptr_array_index(all, i));
    return merged;
}

/* ---- the story ------------------------------------------------------------------------------- */

static json_t *sentence_of(const json_t *view)
{
    static const struct {
        const char *kind, *words;
    } kinds[] = {{"out", "Release"},
                 {"back", "Rollback"},
                 {"hotfix", "Hotfix"},
                 {"forward", "Way forward"},
                 {"adopted", "Adoption"}};
    const char *kind = roll_json_get_string(view, "kind"), *words = kind;
    const char *tried = roll_json_get_string(view, "tried");
    const char *from = tried ? tried : roll_json_get_string(view, "from"),
               *to = roll_json_get_string(view, "version");
    const char *reason = roll_json_get_string(view, "reason");
    const char *why = roll_json_get_string(view, "endReason");

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_strcmp0(kinds[i].kind, kind) == 0)
            words = kinds[i].words;
    return json_sprintf("%s of %s/%s%s%s%s%s%s: %s%s%s%s. Asked for at %.19s UTC%s%s.", words,
                        roll_json_get_string(view, "service"),
                        roll_json_get_string(view, "environment"), from ? " from " : "",
                        from ? from : "", tried ? ", which did not succeed," : "", to ? " to " : "",
                        to ? to : "", roll_json_get_string(view, "state"), why ? " (" : "",
                        why ? why : "", why ? ")" : "", roll_json_get_string(view, "startedAt"),
                        reason ? ", because: " : "", reason ? reason : "");
}

struct roll_error *facts_add_incident(struct roll_app *app,
                                      const struct roll_facts_options *options, json_t *facts)
{
    const json_t *environment = json_array_get(json_object_get(facts, "environments"), 0);
    const json_t *rollouts = json_object_get(environment, "rollouts");
    g_autofree char *name = g_strdup_printf("%s#%" PRId64, options->stream, options->incident);
    size_t index;
    json_t *view;

    json_array_foreach (rollouts, index, view) {
        if (strcmp(roll_json_get_string(view, "rollout"), name) != 0)
            continue;
        roll_auto(json) json_t *chosen = choose_story(rollouts, index);
        ROLL_TRY(add_parts(app, view, chosen));
        json_object_set_new(facts, "incident",
                            json_pack("{s:s,s:o,s:o,s:O}", "rollout", name, "sentence",
                                      sentence_of(view), "events", merge_events(chosen, name),
                                      "rollouts", chosen));
        return NULL;
    }
    return roll_error_new(ROLL_E_NOT_FOUND, "there is no rollout '%s'", name);
}
