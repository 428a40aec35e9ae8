/* What every deployment says of itself: whose it is, and so much of its rollout that a ledger which
 * lost its memory can tell what it was (module watch, `roll adopt`). ARM takes 50 tags of 256
 * characters (REST reference 6.5). */
#include <inttypes.h>

#include "rollout/send.h"

#define VALUE_MAX 256

static void add(json_t *tags, const char *name, const char *value)
{
    if (value && *value && strlen(value) <= VALUE_MAX)
        json_object_set_new(tags, name, json_string(value));
}

static void add_number(json_t *tags, const char *name, int64_t value)
{
    g_autofree char *text = g_strdup_printf("%" PRId64, value);

    if (value > 0)
        add(tags, name, text);
}

/* As many versions as fit, with commas between: no version holds one. */
static void add_versions(json_t *tags, const char *name, char **versions)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (char **version = versions; version && *version; version++)
        if (!strchr(*version, ',') && text->len + 1 + strlen(*version) <= VALUE_MAX)
            g_string_append_printf(text, "%s%s", text->len ? "," : "", *version);
    add(tags, name, text->str);
}

static struct roll_error *take_data(void *user, const struct roll_release_row *row)
{
    *(int64_t *)user = row->data_version;
    return NULL;
}

static void add_data(json_t *tags, const struct roll_send *send)
{
    int64_t version = 0;

    roll_error_free(roll_ledger_release(send->driver->options->ledger, send->driver->service,
                                        send->target->release, take_data, &version));
    add_number(tags, "roll-data", version);
    add_number(tags, "roll-floor", send->target->floor);
}

/* The request cannot be read: the deployment leaves without them, which no rollback may wait for.
 */
static void add_request(json_t *tags, const struct roll_send *send)
{
    roll_auto(event) struct roll_event *event = NULL;
    const struct roll_rollout_requested *request = NULL;
    struct roll_error *err = roll_ledger_event(send->driver->options->ledger, send->driver->stream,
                                               send->rollout, &event);

    if (!err)
        request = roll_event_body(event, rollout_requested);
    roll_error_free(err);
    if (!request)
        return;
    add(tags, "roll-lane", request->lane);
    add(tags, "roll-kind", request->kind);
    add(tags, "roll-from", request->from);
    add_number(tags, "roll-targets", request->targets);
    add_versions(tags, "roll-bad", request->bad);
    add_versions(tags, "roll-lifts", request->lifts);
    if (request->partial)
        add(tags, "roll-partial", "1");
}

json_t *roll_send_tags(const struct roll_send *send, const char *request_hash)
{
    json_t *tags = json_object();

    add(tags, "roll-ledger", roll_ledger_id(send->driver->options->ledger));
    add(tags, "roll-stream", send->driver->stream);
    add_number(tags, "roll-seq", send->rollout);
    add(tags, "roll-release", send->target->release);
    add(tags, "roll-head", request_hash);
    add(tags, "roll-target", send->target->name);
    /* Said also where it held nothing, or nobody knew what: then what came before did not succeed.
     */
    json_object_set_new(tags, "roll-had", json_string(send->target->had ? send->target->had : ""));
    add_request(tags, send);
    add_data(tags, send);
    return tags;
}
