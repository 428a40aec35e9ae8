/* What a rollback undid that never became live: "from 1.1.0 to 1.1.0" would tell nothing. */
#include "view.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/json.h"

/* Rollouts before it that are looked at: those that sent nothing are passed by. */
#define MAX_BEFORE 16

struct before {
    int64_t than;
    GPtrArray *views; /* [{"rollout","version","state"}], newest first, owned */
};

static int64_t number_of(const json_t *view)
{
    const char *hash = strchr(roll_json_get_string(view, "rollout"), '#');

    return g_ascii_strtoll(hash + 1, NULL, 10);
}

static char *stream_of(const json_t *view)
{
    const char *rollout = roll_json_get_string(view, "rollout");

    return g_strndup(rollout, strcspn(rollout, "#"));
}

static void free_view(gpointer view)
{
    json_decref(view);
}

static struct roll_error *take_before(void *user, const struct roll_rollout_row *row)
{
    struct before *before = user;

    if (row->number >= before->than)
        return NULL;
    g_ptr_array_add(before->views, json_pack("{s:o,s:s?,s:s}", "rollout",
                                             json_sprintf("%s#%" PRId64, row->stream, row->number),
                                             "version", row->release, "state", row->state));
    return before->views->len >= MAX_BEFORE ? roll_error_new(ROLL_E_FOUND, "enough was read")
                                            : NULL;
}

static struct roll_error *enough(struct roll_error *err)
{
    if (roll_error_code(err) != ROLL_E_FOUND)
        return err;
    roll_error_free(err);
    return NULL;
}

static struct roll_error *take_sent(void *user, const struct roll_step_row *row)
{
    if (!row->intended_at || g_strcmp0(row->outcome, "absent") == 0 ||
        g_strcmp0(row->outcome, "skipped") == 0)
        return NULL;
    *(bool *)user = true;
    return roll_error_new(ROLL_E_FOUND, "enough was read");
}

/* The newest one before that sent something; NULL: none of those that are looked at. Borrowed. */
static struct roll_error *last_sent(struct roll_app *app, const char *stream,
                                    const GPtrArray *views, const json_t **ret_view)
{
    *ret_view = NULL;
    for (guint i = 0; i < views->len; i++) {
        bool sent = false;
        ROLL_TRY(enough(roll_ledger_steps(
            app->ledger, stream, number_of(g_ptr_array_index(views, i)), take_sent, &sent)));
        if (sent) {
            *ret_view = g_ptr_array_index(views, i);
            return NULL;
        }
    }
    return NULL;
}

/* Those that stand in the list already need not be asked for. */
static struct roll_error *read_before(struct roll_app *app, const json_t *list, size_t place,
                                      const char *stream, GPtrArray *views)
{
    struct before before = {number_of(json_array_get(list, place)), views};
    const struct roll_rollout_query query = {.stream = stream};

    for (size_t i = place + 1; i < json_array_size(list) && views->len < MAX_BEFORE; i++) {
        json_t *view = json_array_get(list, i);
        g_autofree char *other = stream_of(view);
        if (strcmp(other, stream) == 0)
            g_ptr_array_add(views, json_incref(view));
    }
    if (views->len > 0)
        return NULL;
    return enough(roll_ledger_rollouts(app->ledger, &query, take_before, &before));
}

static struct roll_error *add_tried(struct roll_app *app, json_t *list, size_t place)
{
    json_t *view = json_array_get(list, place);
    const char *to = roll_json_get_string(view, "version");
    g_autofree char *stream = stream_of(view);
    g_autoptr(GPtrArray) views = g_ptr_array_new_with_free_func(free_view);
    const json_t *last;

    if (strcmp(roll_json_get_string(view, "kind"), "back") != 0 || !to ||
        g_strcmp0(roll_json_get_string(view, "from"), to) != 0)
        return NULL;
    ROLL_TRY(read_before(app, list, place, stream, views));
    ROLL_TRY(last_sent(app, stream, views, &last));
    const char *tried = last ? roll_json_get_string(last, "version") : NULL;
    if (tried && strcmp(tried, to) != 0 && !roll_state_is_good(roll_json_get_string(last, "state")))
        json_object_set_new(view, "tried", json_string(tried));
    return NULL;
}

struct roll_error *roll_view_add_tried(struct roll_app *app, json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        ROLL_TRY(add_tried(app, list, i));
    return NULL;
}

char *roll_view_releases(const json_t *view)
{
    const char *from = roll_json_get_string(view, "from");
    const char *tried = roll_json_get_string(view, "tried");
    const char *to = roll_json_get_string(view, "version");

    if (!to)
        to = "each its own";
    if (tried)
        return g_strdup_printf("%s (did not succeed) → %s", tried, to);
    return g_strdup_printf("%s%s%s", from ? from : "", from ? " → " : "", to);
}
