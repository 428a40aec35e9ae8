/* What must hold when all has come to rest, read from the ledger and from the sandbox's own
 * records. */
#include "torture/world.h"

#include <stdlib.h>
#include <string.h>

#include "rollbook/rollout.h"
#include "rollbook/sql.h"

#define SERVICE "app"
#define ENVIRONMENT "prod"

/* ---- the sandbox's side ---------------------------------------------------------------------- */

enum { SELECT_DEPLOYMENTS, SELECT_ACCEPTED, SELECT_SITES, SELECT_COUNT };

static const struct roll_sql_text statements[] = {
    [SELECT_DEPLOYMENTS] = {"deployments", "SELECT id, state, correlation, serial, "
                                           "coalesce(json_extract(tags, '$.\"roll-release\"'), '') "
                                           "FROM deployment WHERE parent IS NULL ORDER BY serial"},
    [SELECT_ACCEPTED] = {"accepted", "SELECT target, count(*) FROM activity "
                                     "WHERE json_extract(entry, '$.status.value') = 'Accepted' "
                                     "AND target LIKE '%/deployments/roll-%' GROUP BY target"},
    [SELECT_SITES] = {"sites", "SELECT key, coalesce(json_extract(body, '$.properties.note'), ''), "
                               "coalesce(json_extract(body, '$.properties.image'), '') "
                               "FROM resource WHERE type = 'microsoft.web/sites'"},
};

struct deployment {
    char *group, *state, *correlation, *release;
    int64_t serial;
    bool known; /* an intent of the ledger names it */
};

struct check {
    struct world *world;
    struct roll_ledger *ledger;
    GHashTable *deployments; /* name → struct deployment */
    GHashTable *last;        /* group → borrowed: the newest one */
    GHashTable *hashes;      /* rollout number → hash of its request */
    GHashTable *intents; /* TARGET/NAME → outcome, "" while open; accepted is the first character */
    GHashTable *sites;   /* group → "note image" */
    GString *wrong;
};

static void complain(struct check *check, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void complain(struct check *check, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    g_string_append_vprintf(check->wrong, format, values);
    g_string_append_c(check->wrong, '\n');
    va_end(values);
}

static void deployment_free(gpointer data)
{
    struct deployment *deployment = data;

    g_free(deployment->group);
    g_free(deployment->state);
    g_free(deployment->correlation);
    g_free(deployment->release);
    g_free(deployment);
}

/* The group in an id: …/resourceGroups/NAME/…, owned. */
static char *group_of(const char *id)
{
    g_autofree char *lower = g_ascii_strdown(id, -1);
    const char *at = strstr(lower, "/resourcegroups/");

    at = at ? at + strlen("/resourcegroups/") : "";
    return g_strndup(at, strcspn(at, "/"));
}

static struct roll_error *each(struct roll_sql *sql, int statement,
                               void (*fn)(struct check *, struct roll_sql_stmt *),
                               struct check *check)
{
    struct roll_sql_stmt *stmt;
    bool row = true;

    ROLL_TRY(roll_sql_use(sql, statement, &stmt));
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        fn(check, stmt);
    }
}

static void note_deployment(struct check *check, struct roll_sql_stmt *stmt)
{
    const char *id = roll_sql_text_at(stmt, 0);
    struct deployment *deployment = g_new0(struct deployment, 1);

    deployment->group = group_of(id);
    deployment->state = g_strdup(roll_sql_text_at(stmt, 1));
    deployment->correlation = g_strdup(roll_sql_text_at(stmt, 2));
    deployment->serial = roll_sql_int_at(stmt, 3);
    deployment->release = g_strdup(roll_sql_text_at(stmt, 4));
    g_hash_table_insert(check->deployments, g_strdup(strrchr(id, '/') + 1), deployment);
    g_hash_table_insert(check->last, g_strdup(deployment->group), deployment);
}

static void note_accepted(struct check *check, struct roll_sql_stmt *stmt)
{
    if (roll_sql_int_at(stmt, 1) != 1)
        complain(check, "ARM took %s %d times", strrchr(roll_sql_text_at(stmt, 0), '/') + 1,
                 (int)roll_sql_int_at(stmt, 1));
}

static void note_site(struct check *check, struct roll_sql_stmt *stmt)
{
    g_hash_table_insert(
        check->sites, group_of(roll_sql_text_at(stmt, 0)),
        g_strdup_printf("%s %s", roll_sql_text_at(stmt, 1), roll_sql_text_at(stmt, 2)));
}

static struct roll_error *read_sandbox(struct check *check)
{
    g_autofree char *path = g_build_filename(check->world->folder, "state", "sandbox.db", NULL);
    struct roll_sql_options options = {
        .path = path, .statements = statements, .count = SELECT_COUNT};
    roll_auto(sql) struct roll_sql *sql = NULL;

    ROLL_TRY(roll_sql_open(&options, &sql));
    ROLL_TRY(each(sql, SELECT_DEPLOYMENTS, note_deployment, check));
    ROLL_TRY(each(sql, SELECT_ACCEPTED, note_accepted, check));
    return each(sql, SELECT_SITES, note_site, check);
}

/* ---- the ledger's side ----------------------------------------------------------------------- */

static char *name_of(struct check *check, int64_t rollout, const char *target, int64_t step,
                     int64_t attempt, char correlation[ROLL_UUID_SIZE])
{
    const char *hash = g_hash_table_lookup(check->hashes, GSIZE_TO_POINTER((gsize)rollout));

    if (!hash) {
        complain(check, "a step of #%d, which was not requested", (int)rollout);
        hash = "";
    }
    return roll_step_name(SERVICE, ENVIRONMENT, hash, target, step, attempt, correlation);
}

static void note_intent(struct check *check, const struct roll_step_intended *body)
{
    char correlation[ROLL_UUID_SIZE];
    char *name =
        name_of(check, body->rollout, body->target, body->step, body->attempt, correlation);

    if (g_hash_table_contains(check->intents, name))
        complain(check, "%s of #%d is intended twice", body->target, (int)body->rollout);
    g_hash_table_insert(check->intents, name, g_strdup(""));
}

static void note_outcome(struct check *check, const struct roll_step_ended *body)
{
    char correlation[ROLL_UUID_SIZE];
    g_autofree char *name =
        name_of(check, body->rollout, body->target, body->step, body->attempt, correlation);
    const char *before = g_hash_table_lookup(check->intents, name);
    const struct deployment *deployment = g_hash_table_lookup(check->deployments, name);

    if (!before)
        return; /* a target that was never started gets its last event, too */
    /* Who was overruled, and has not heard it, says the same again (src/README.md). */
    if (*before && !(check->world->shared && g_str_equal(before, body->outcome)))
        complain(check, "%s of #%d has two outcomes", body->target, (int)body->rollout);
    g_hash_table_insert(check->intents, g_strdup(name), g_strdup(body->outcome));
    if (body->accepted && !deployment)
        complain(check, "%s of #%d is said to be accepted, but ARM never had %s", body->target,
                 (int)body->rollout, name);
    if (!body->accepted && deployment)
        complain(check, "%s of #%d is said not to have been accepted, but ARM has %s (%s)",
                 body->target, (int)body->rollout, name, deployment->state);
    if (body->accepted && deployment &&
        g_str_equal(body->outcome, "succeeded") != g_str_equal(deployment->state, "Succeeded"))
        complain(check, "%s of #%d: %s, but %s in ARM", body->target, (int)body->rollout,
                 body->outcome, deployment->state);
    if (deployment && !g_str_equal(deployment->correlation, correlation))
        complain(check, "%s of #%d has another correlation id in ARM", body->target,
                 (int)body->rollout);
}

static struct roll_error *note_event(void *user, const struct roll_event *event)
{
    struct check *check = user;

    if (event->kind == ROLL_EVENT_rollout_requested)
        g_hash_table_insert(check->hashes, GSIZE_TO_POINTER((gsize)event->seq),
                            g_strdup(event->hash));
    else if (event->kind == ROLL_EVENT_step_intended)
        note_intent(check, event->body);
    else if (event->kind == ROLL_EVENT_step_ended)
        note_outcome(check, event->body);
    return NULL;
}

static void check_intents(struct check *check)
{
    GHashTableIter iter;
    gpointer name, value;

    g_hash_table_iter_init(&iter, check->intents);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        struct deployment *deployment = g_hash_table_lookup(check->deployments, name);
        if (*(const char *)value == '\0')
            complain(check, "the intent of %s has no outcome", (const char *)name);
        if (deployment)
            deployment->known = true;
    }
    g_hash_table_iter_init(&iter, check->deployments);
    while (g_hash_table_iter_next(&iter, &name, &value))
        if (!((const struct deployment *)value)->known)
            complain(check, "ARM has %s, which no intent names", (const char *)name);
}

/* A release looks the same wherever and whenever it is deployed. */
static void check_site(struct check *check, const char *group, const char *release)
{
    const char *site = g_hash_table_lookup(check->sites, group);
    const char *before = g_hash_table_lookup(check->world->looks, release);

    if (!site)
        complain(check, "there is no site in %s", group);
    else if (!before)
        g_hash_table_insert(check->world->looks, g_strdup(release), g_strdup(site));
    else if (!g_str_equal(site, before))
        complain(check, "%s holds %s, whose site was '%s', and is '%s'", group, release, before,
                 site);
}

static struct roll_error *check_target(void *user, const struct roll_target_row *row)
{
    struct check *check = user;
    g_autofree char *group = world_group(check->world, row->target);
    const struct deployment *last = g_hash_table_lookup(check->last, group);

    if (row->dirty || !row->release)
        complain(check, "%s is dirty", row->target);
    else if (!last || !g_str_equal(last->release, row->release) ||
             !g_str_equal(last->state, "Succeeded"))
        complain(check, "%s holds %s, but the last deployment there is of %s, %s", row->target,
                 row->release, last ? last->release : "nothing", last ? last->state : "-");
    else
        check_site(check, group, row->release);
    return NULL;
}

static struct roll_error *check_environment(void *user, const struct roll_environment_row *row)
{
    struct check *check = user;

    if (row->open_rollout)
        complain(check, "#%d is open", (int)row->open_rollout);
    if (row->dirty)
        complain(check, "%d targets are dirty", (int)row->dirty);
    return NULL;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static struct roll_error *check_ledger(struct check *check)
{
    struct roll_verify_report report = {0};
    bool equal = false;

    ROLL_TRY(roll_ledger_verify(check->ledger, &(struct roll_verify_options){.projections = true},
                                &report));
    if (report.first_bad)
        complain(check, "verify: %s", report.first_bad);
    roll_verify_report_clear(&report);
    ROLL_TRY(roll_ledger_rebuild(check->ledger, &equal));
    if (!equal)
        complain(check, "the rebuilt tables differ from the live ones");
    ROLL_TRY(roll_ledger_events(check->ledger, WORLD_STREAM, 1, note_event, check));
    check_intents(check);
    ROLL_TRY(roll_ledger_targets(check->ledger, WORLD_STREAM, NULL, check_target, check));
    return roll_ledger_environments(check->ledger, WORLD_STREAM, check_environment, check);
}

static struct roll_error *check_all(struct check *check)
{
    g_autofree char *state = g_build_filename(check->world->folder, "state", NULL);
    g_autofree char *sandbox = g_build_filename(state, "sandbox.db", NULL);

    ROLL_TRY(read_sandbox(check));
    ROLL_TRY(roll_ledger_open(state, ROLL_LEDGER_WRITE, &check->ledger));
    ROLL_TRY(check_ledger(check));
    return world_check_prunes(check->world, check->ledger, sandbox, check->wrong);
}

char *world_check(struct world *world)
{
    struct check check = {
        .world = world,
        .deployments = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, deployment_free),
        .last = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .hashes = g_hash_table_new_full(NULL, NULL, NULL, g_free),
        .intents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
        .sites = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
        .wrong = g_string_new(NULL)};
    struct roll_error *err = check_all(&check);

    for (const struct roll_error *each_err = err; each_err; each_err = each_err->cause)
        complain(&check, "checking failed: %s", each_err->message);
    roll_error_free(err);
    roll_ledger_close(check.ledger);
    g_hash_table_unref(check.last);
    g_hash_table_unref(check.deployments);
    g_hash_table_unref(check.hashes);
    g_hash_table_unref(check.intents);
    g_hash_table_unref(check.sites);
    if (check.wrong->len > 0)
        return g_string_free(check.wrong, FALSE);
    g_string_free(check.wrong, TRUE);
    return NULL;
}

/* ---- what was said --------------------------------------------------------------------------- */

static struct roll_error *note_state(void *user, const struct roll_rollout_row *row)
{
    g_strlcpy(user, row->state, 32);
    return NULL;
}

/* Whatever was printed as done is done, even if the process was killed a moment later. */
static char *check_promise(struct world *world, const char *output)
{
    const char *at = strstr(output, WORLD_STREAM "#");
    g_autofree char *state_dir = g_build_filename(world->folder, "state", NULL);
    roll_auto(ledger) struct roll_ledger *ledger = NULL;
    char state[32] = "";
    char *end;

    for (; at; at = strstr(at + 1, WORLD_STREAM "#")) {
        gint64 number = g_ascii_strtoll(at + strlen(WORLD_STREAM "#"), &end, 10);
        if (!g_str_has_prefix(end, " succeeded\n") || (at > output && at[-1] != '\n'))
            continue;
        struct roll_rollout_query query = {.stream = WORLD_STREAM, .number = number};
        struct roll_error *err =
            ledger ? NULL : roll_ledger_open(state_dir, ROLL_LEDGER_READ, &ledger);
        if (!err)
            err = roll_ledger_rollouts(ledger, &query, note_state, state);
        char *wrong = err ? g_strdup(err->message) : NULL;
        roll_error_free(err);
        if (!wrong && !g_str_equal(state, "succeeded"))
            wrong =
                g_strdup_printf("#%d was said to have succeeded, and is '%s'", (int)number, state);
        if (wrong)
            return wrong;
    }
    return NULL;
}

char *world_check_said(struct world *world, const struct ran *ran)
{
    static const int documented[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 77, 130};

    if (ran->late)
        return g_strdup("it hangs");
    if (ran->status < 0 && ran->status != -9)
        return g_strdup_printf("signal %d ended it: %s", -ran->status, ran->output);
    for (size_t i = 0; ran->status >= 0 && ran->status != documented[i]; i++)
        if (i + 1 == G_N_ELEMENTS(documented))
            return g_strdup_printf("exit status %d: %s", ran->status, ran->output);
    if (ran->status > 0 && ran->status != 77 && !strstr(ran->output, "error: ") &&
        !strstr(ran->output, WORLD_STREAM "#"))
        return g_strdup_printf("exit status %d without a reason: '%s'", ran->status, ran->output);
    return check_promise(world, ran->output);
}
