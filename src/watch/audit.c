/* The facts of an audit, put together: rollouts as log shows them, with what governed each. */
#include <inttypes.h>
#include <string.h>

#include "watch/audit.h"

/* ---- rollouts ------------------------------------------------------------------------------- */

static int64_t started_at(const json_t *view)
{
    const char *text = roll_json_get_string(view, "startedAt");
    int64_t at = 0;
    struct roll_error *err = text ? roll_time_parse(text, &at) : NULL;

    roll_error_free(err);
    return at;
}

static bool is_asked_for(const struct roll_audit_options *options, const json_t *view)
{
    int64_t at = started_at(view);
    g_autofree char *stream = g_strdup_printf("%s/%s", roll_json_get_string(view, "service"),
                                              roll_json_get_string(view, "environment"));

    return at >= options->from && (!options->to || at < options->to) &&
           (!options->stream || strcmp(options->stream, stream) == 0);
}

static void leave_out_others(const struct roll_audit_options *options, json_t *rollouts)
{
    roll_auto(json) json_t *kept = json_array();
    size_t index;
    json_t *view;

    json_array_foreach (rollouts, index, view)
        if (is_asked_for(options, view))
            json_array_append(kept, view);
    json_array_clear(rollouts);
    json_array_extend(rollouts, kept);
}

/* The claim of a pipeline ends in " run:ADDRESS". */
static void add_run(json_t *view)
{
    const char *claimed = roll_json_get_string(json_object_get(view, "actor"), "claimed");
    const char *run = claimed ? strstr(claimed, " run:") : NULL;

    if (run)
        json_object_set_new(view, "run", json_string(run + strlen(" run:")));
}

static void begin_views(struct audit *audit, json_t *rollouts)
{
    size_t index;
    json_t *view;

    json_array_foreach (rollouts, index, view) {
        json_object_set_new(view, "sent", json_integer(0));
        json_object_set_new(
            view, "approvals",
            json_pack("{s:s,s:[],s:[],s:[]}", "state", "", "asked", "given", "rejected"));
        json_object_set_new(view, "gates", json_array());
        json_object_set_new(view, "overrides", json_array());
        json_object_set_new(view, "debts", json_array());
        json_object_set_new(view, "reviews", json_array());
        json_object_set_new(view, "governance", json_pack("{s:n}", "committed"));
        add_run(view);
        g_hash_table_insert(audit->views, g_strdup(roll_json_get_string(view, "rollout")), view);
    }
}

/* ---- debts ---------------------------------------------------------------------------------- */

static json_t *time_or_null(int64_t at)
{
    return at ? audit_time(at) : json_null();
}

static struct roll_error *take_debt(void *user, const struct roll_debt_row *row)
{
    struct audit *audit = user;
    g_autofree char *name = g_strdup_printf("%s#%" PRId64, row->stream, row->rollout);
    json_t *view = g_hash_table_lookup(audit->views, name);
    const char *state = row->closed_at                  ? "closed"
                        : row->due < audit->options->at ? "overdue"
                                                        : "open";

    if (view)
        json_array_append_new(json_object_get(view, "debts"),
                              json_pack("{s:s,s:s,s:s?,s:o,s:o,s:s?}", "debt", row->debt, "state",
                                        state, "owner", row->owner, "due", time_or_null(row->due),
                                        "closedAt", time_or_null(row->closed_at), "closedBy",
                                        row->closed_by));
    return NULL;
}

/* ---- releases ------------------------------------------------------------------------------- */

/* A manifest that is gone (redacted) leaves its digest. */
static void add_source(struct audit *audit, json_t *view)
{
    const char *release = roll_json_get_string(view, "release");
    const char *digest = release ? g_hash_table_lookup(audit->releases, release) : NULL;
    roll_auto(json) json_t *manifest = NULL;
    json_t *source;

    if (!digest)
        return;
    roll_error_free(roll_ledger_object_json(audit->ledger, digest, &manifest));
    source = json_pack("{s:s,s:i}", "manifest", digest, "artifacts",
                       (int)json_object_size(json_object_get(manifest, "artifacts")));
    if (roll_json_get_string(manifest, "commit"))
        json_object_set(source, "commit", json_object_get(manifest, "commit"));
    if (json_is_true(json_object_get(manifest, "dirty")))
        json_object_set_new(source, "dirty", json_true());
    json_object_set_new(view, "source", source);
}

/* ---- all together --------------------------------------------------------------------------- */

static bool is_wanted(const struct roll_audit_options *options, const char *stream)
{
    size_t service = options->stream ? strcspn(options->stream, "/") : 0;

    if (strchr(stream, '~'))
        return false; /* a side stream is read in the course of its main stream */
    return !options->stream || strcmp(stream, options->stream) == 0 ||
           (strlen(stream) == service && strncmp(stream, options->stream, service) == 0);
}

static struct roll_error *read_stream(struct audit *audit, const char *stream, json_t *heads)
{
    struct roll_head head;

    ROLL_TRY(audit_read_stream(audit, stream));
    ROLL_TRY(roll_ledger_debts(audit->ledger, stream, take_debt, audit));
    ROLL_TRY(roll_ledger_main_head(audit->ledger, stream, &head));
    json_array_append_new(heads, json_pack("{s:s,s:I,s:s}", "stream", stream, "seq",
                                           (json_int_t)head.seq, "hash", head.hash));
    return NULL;
}

static struct roll_error *read_ledger(struct audit *audit, json_t *heads)
{
    g_auto(GStrv) streams = NULL;

    if (!audit->ledger)
        return NULL;
    ROLL_TRY(roll_ledger_streams(audit->ledger, &streams));
    for (char **stream = streams; *stream; stream++)
        if (is_wanted(audit->options, *stream))
            ROLL_TRY(read_stream(audit, *stream, heads));
    return NULL;
}

/* A gate after the deployment is part of the health of each target, without which a release does
 * not succeed. */
static void settle_gates_after(json_t *view)
{
    bool passed = audit_is(view, "state", "succeeded") && !audit_is(view, "lane", "rollback");
    size_t index;
    json_t *gate;

    json_array_foreach (json_object_get(view, "gates"), index, gate)
        if (passed && audit_is(gate, "when", "after"))
            json_object_set_new(gate, "verdict", json_string("passed"));
}

static void finish_views(struct audit *audit, json_t *rollouts)
{
    size_t index;
    json_t *view;

    json_array_foreach (rollouts, index, view) {
        json_t *approvals = json_object_get(view, "approvals");
        add_source(audit, view);
        settle_gates_after(view);
        json_object_set_new(approvals, "state", json_string(audit_approval_state(view)));
        json_object_del(approvals, "owed");
        json_object_set_new(view, "exceptions", roll_audit_exceptions(view));
    }
}

static json_t *begin_facts(const struct audit *audit, json_t *rollouts, json_t *heads)
{
    const struct roll_audit_options *options = audit->options;
    json_t *facts = json_object();

    json_object_set_new(facts, "generatedAt", audit_time(options->at));
    if (options->from)
        json_object_set_new(facts, "from", audit_time(options->from));
    if (options->to)
        json_object_set_new(facts, "to", audit_time(options->to));
    json_object_set_new(facts, "ledger",
                        json_string(audit->ledger ? roll_ledger_id(audit->ledger) : ""));
    json_object_set(facts, "rollouts", rollouts);
    json_object_set_new(facts, "events", audit->events);
    json_object_set_new(facts, "decisions", audit->decisions);
    json_object_set_new(facts, "heads", heads);
    return facts;
}

static void drop_json(void *value)
{
    json_decref(value);
}

struct roll_error *roll_audit(struct roll_ledger *ledger, const struct roll_audit_options *options,
                              json_t *rollouts, json_t **ret_facts)
{
    g_autoptr(GHashTable) views = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) releases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GHashTable) plans = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, drop_json);
    struct audit audit = {
        ledger, options, views, releases, plans, json_pack("{s:i}", "all", 0), json_array()};
    json_t *heads = json_array();
    roll_auto(json) json_t *facts = begin_facts(&audit, rollouts, heads);

    leave_out_others(options, rollouts);
    begin_views(&audit, rollouts);
    ROLL_TRY(read_ledger(&audit, heads));
    finish_views(&audit, rollouts);
    json_object_set_new(facts, "controls", roll_audit_controls(rollouts, audit.events));
    *ret_facts = g_steal_pointer(&facts);
    return NULL;
}
