/* roll doctor [ENV]: would it work now, and as whom? */
#include <string.h>

#include "doctor.h"
#include "rollbook/time.h"

struct context {
    const char *role;
};

/* ---- findings ------------------------------------------------------------------------------- */

static void finding_free(void *item)
{
    struct doctor_finding *finding = item;

    g_free(finding->where);
    g_free(finding->detail);
    g_free(finding->next);
    g_strfreev(finding->more);
    g_free(finding);
}

struct doctor_finding *doctor_find(struct doctor *doctor, const char *where, const char *check)
{
    struct doctor_finding *finding = g_new0(struct doctor_finding, 1);

    finding->where = g_strdup(where);
    finding->check = check;
    finding->took_ms = -1;
    g_ptr_array_add(doctor->findings, finding);
    return finding;
}

void doctor_say(struct doctor_finding *finding, enum doctor_state state, char *detail, char *next)
{
    finding->state = state;
    g_free(finding->detail);
    g_free(finding->next);
    finding->detail = detail;
    finding->next = next;
}

/* ---- showing them --------------------------------------------------------------------------- */

static const struct {
    const char *word, *name;
    enum roll_paint paint;
} states[] = {
    [DOCTOR_OK] = {"ok", "ok", ROLL_GOOD},
    [DOCTOR_NONE] = {"-", "none", ROLL_DIM},
    [DOCTOR_WARN] = {"warning", "warning", ROLL_WARN},
    [DOCTOR_BAD] = {"bad", "bad", ROLL_BAD},
};

static json_t *view_of(const struct doctor_finding *finding)
{
    json_t *view = json_pack("{s:s,s:s,s:s,s:s*,s:s*}", "where", finding->where, "check",
                             finding->check, "state", states[finding->state].name, "detail",
                             finding->detail, "next", finding->next);

    if (finding->took_ms >= 0)
        json_object_set_new(view, "tookMs", json_integer(finding->took_ms));
    if (finding->more && *finding->more) {
        json_t *more = json_array();
        for (char **line = finding->more; *line; line++)
            json_array_append_new(more, json_string(*line));
        json_object_set_new(view, "more", more);
    }
    return view;
}

static void print_json(struct doctor *doctor, bool good)
{
    json_t *checks = json_array();
    roll_auto(json) json_t *view = NULL;

    for (guint i = 0; i < doctor->findings->len; i++)
        json_array_append_new(checks, view_of(g_ptr_array_index(doctor->findings, i)));
    view = json_pack("{s:b,s:o}", "ok", good, "checks", checks);
    roll_report_json(&doctor->app->out, view);
}

static void add_row(struct roll_table *table, const char *where, const char *check,
                    const char *word, enum roll_paint paint, const char *detail)
{
    roll_table_cell(table, ROLL_PLAIN, where);
    roll_table_cell(table, ROLL_PLAIN, check);
    roll_table_cell(table, paint, word);
    roll_table_cell(table, ROLL_PLAIN, detail);
    roll_table_row(table);
}

static void add_finding(struct roll_table *table, const struct doctor_finding *finding, bool first)
{
    g_autoptr(GString) detail = g_string_new(finding->detail);

    if (finding->took_ms >= 0) {
        g_string_append(detail, ", ");
        roll_duration_write(finding->took_ms, detail);
    }
    add_row(table, first ? finding->where : "", finding->check, states[finding->state].word,
            states[finding->state].paint, detail->str);
    for (char **line = finding->more; line && *line; line++)
        add_row(table, "", "", "", ROLL_DIM, *line);
}

static void print_table(struct doctor *doctor)
{
    static const char *const headings[] = {"WHERE", "CHECK", "STATE", "", NULL};
    roll_auto(table) struct roll_table *table = roll_table_new(headings);
    const char *last = NULL;
    bool first = true;

    for (guint i = 0; i < doctor->findings->len; i++) {
        const struct doctor_finding *finding = g_ptr_array_index(doctor->findings, i);
        add_finding(table, finding, g_strcmp0(last, finding->where) != 0);
        last = finding->where;
    }
    roll_table_print(table, &doctor->app->out);
    for (guint i = 0; i < doctor->findings->len; i++) {
        const struct doctor_finding *finding = g_ptr_array_index(doctor->findings, i);
        if (!finding->next)
            continue;
        roll_say(doctor->app, "%s%s", first ? "next: " : "      ", finding->next);
        first = false;
    }
}

/* ---- which environments --------------------------------------------------------------------- */

struct places {
    GPtrArray *plans;
    GArray *list; /* struct doctor_place */
};

static void add_plan(struct places *places, struct roll_plan *plan)
{
    g_ptr_array_add(places->plans, plan);
    for (guint i = 0; i < plan->environments->len; i++) {
        struct doctor_place place = {plan, g_ptr_array_index(plan->environments, i)};
        g_array_append_val(places->list, place);
    }
}

/* Plans that are not valid were told by doctor_look_here. */
static void find_all(struct roll_app *app, struct places *places)
{
    for (size_t i = 0; app->workspace->plans[i]; i++) {
        struct roll_plan *plan = NULL;
        roll_auto(error) struct roll_error *err = roll_plan_read(app->workspace->plans[i], &plan);
        if (!err)
            add_plan(places, plan);
    }
}

static struct roll_error *find_places(struct roll_app *app, const char *name, struct places *places)
{
    struct doctor_place place = {0};
    struct roll_plan *plan = NULL;

    if (!name) {
        find_all(app, places);
        return NULL;
    }
    ROLL_TRY(roll_workspace_environment(app->workspace, name, &plan, &place.environment));
    place.plan = plan;
    g_ptr_array_add(places->plans, plan);
    g_array_append_val(places->list, place);
    return NULL;
}

static void plan_free(void *plan)
{
    roll_plan_free(plan);
}

/* ---- the command ---------------------------------------------------------------------------- */

static struct roll_error *look(struct roll_app *app, const struct places *places)
{
    g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(finding_free);
    struct doctor doctor = {app, findings};
    bool good = true;

    ROLL_TRY(doctor_look_here(&doctor));
    ROLL_TRY(doctor_look_there(&doctor, (const struct doctor_place *)(void *)places->list->data,
                               places->list->len));
    for (guint i = 0; i < findings->len; i++)
        good =
            good && ((struct doctor_finding *)g_ptr_array_index(findings, i))->state < DOCTOR_WARN;
    if (app->json)
        print_json(&doctor, good);
    else
        print_table(&doctor);
    app->exit_status = good ? 0 : 4;
    return NULL;
}

static struct roll_error *print_role(struct roll_app *app, const char *name,
                                     const struct places *places)
{
    g_autoptr(GPtrArray) environments = g_ptr_array_new();
    int lane = 0;

    while (lane < ROLL_LANE_COUNT && strcmp(roll_lane_names[lane], name) != 0)
        lane++;
    if (lane == ROLL_LANE_COUNT)
        return roll_error_new(ROLL_E_USAGE, "'--role' takes release, hotfix or rollback, not '%s'",
                              name);
    if (places->plans->len > 1)
        return roll_error_new(ROLL_E_USAGE,
                              "a role is for the environments of one service: name one, as "
                              "SERVICE/ENV");
    for (guint i = 0; i < places->list->len; i++)
        g_ptr_array_add(
            environments,
            (void *)(uintptr_t)g_array_index(places->list, struct doctor_place, i).environment);
    if (environments->len == 0)
        return roll_error_new(ROLL_E_PLAN, "there is no valid plan here; 'roll doctor' says more");
    return doctor_print_role(app, g_ptr_array_index(places->plans, 0), environments,
                             (enum roll_lane)lane);
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    g_autoptr(GPtrArray) plans = g_ptr_array_new_with_free_func(plan_free);
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(struct doctor_place));
    struct places places = {plans, list};

    ROLL_TRY(find_places(app, arguments[0], &places));
    return context->role ? print_role(app, context->role, &places) : look(app, &places);
}

static const struct roll_option options[] = {
    {"role", 0, ROLL_TEXT, offsetof(struct context, role), "LANE",
     "print an Azure custom role with the actions that this lane needs"},
    {NULL},
};

const struct roll_command roll_cmd_doctor = {
    .name = "doctor",
    .arguments = "[ENV]",
    .summary = "which credential would be used, and whether everything answers",
    .details =
        "Looks at the ledger, git and, for every environment, at the credential that would be "
        "used\n"
        "(and why those before it were not), at ARM, the registries and the Key Vaults. Changes\n"
        "nothing. Exit code 4 says that something needs attention.\n"
        "\n"
        "With --role it prints a role for 'az role definition create --role-definition @FILE': "
        "what\n"
        "this program calls in that lane, and the types of the recorded releases' templates.",
    .options = options,
    .context_size = sizeof(struct context),
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE, /* a ledger that does not open is a finding */
    .run = run,
};
