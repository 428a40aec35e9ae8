/* What the last looks found, for status and the page: drift that still stands. A look says nothing
 * about what was rolled out after it. */
#include "view.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"

struct finding {
    char *target, *summary;
    int64_t at, checked_at, checked_seq;
};

static void finding_free(void *item)
{
    struct finding *finding = item;

    g_free(finding->target);
    g_free(finding->summary);
    g_free(finding);
}

static struct roll_error *see_look(void *user, const struct roll_look_row *row)
{
    struct finding *finding;

    if (strcmp(row->word, "drift") != 0)
        return NULL;
    finding = g_new0(struct finding, 1);
    finding->target = g_strdup(row->subject);
    finding->summary = g_strdup(row->summary);
    finding->at = row->at;
    finding->checked_at = row->checked_at;
    finding->checked_seq = row->checked_seq;
    g_ptr_array_add(user, finding);
    return NULL;
}

struct standing {
    bool holds;
    int64_t rollout, since;
};

static struct roll_error *see_target(void *user, const struct roll_target_row *row)
{
    *(struct standing *)user =
        (struct standing){!row->dirty && row->release, row->rollout, row->since};
    return NULL;
}

/* Times alone do not tell: clocks differ, and several things happen in one millisecond. */
static bool stands(const struct finding *finding, const struct standing *target)
{
    bool later = roll_number_is_side(target->rollout) ? target->since > finding->checked_at
                                                      : target->rollout > finding->checked_seq;

    return target->holds && !later;
}

static struct roll_error *add_finding(struct roll_app *app, const char *stream,
                                      const struct finding *finding, json_t *list)
{
    char at[ROLL_TIME_SIZE], checked[ROLL_TIME_SIZE];
    struct standing target = {0};

    ROLL_TRY(roll_ledger_targets(app->ledger, stream, finding->target, see_target, &target));
    if (!stands(finding, &target))
        return NULL;
    roll_time_format(finding->at, at);
    roll_time_format(finding->checked_at, checked);
    json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "target", finding->target, "summary",
                                          finding->summary, "since", at, "checkedAt", checked));
    return NULL;
}

struct roll_error *roll_view_drift(struct roll_app *app, const char *stream, json_t **ret_list)
{
    g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(finding_free);
    roll_auto(json) json_t *list = json_array();

    if (app->ledger)
        ROLL_TRY(roll_ledger_looks(app->ledger, stream, see_look, findings));
    for (guint i = 0; i < findings->len; i++)
        ROLL_TRY(add_finding(app, stream, g_ptr_array_index(findings, i), list));
    *ret_list = g_steal_pointer(&list);
    return NULL;
}
