/* roll status: what was passed by and is owed, and what has drifted. */
#include "status.h"

#include <inttypes.h>

#include "rollbook/policy.h"
#include "rollbook/time.h"

struct owing {
    struct status *status;
    json_t *list;
};

static struct roll_error *see_debt(void *user, const struct roll_debt_row *row)
{
    struct owing *owing = user;
    bool overdue = row->due < roll_now_ms();
    char due[ROLL_TIME_SIZE];

    if (row->closed_at)
        return NULL;
    roll_time_format(row->due, due);
    json_array_append_new(owing->list,
                          json_pack("{s:I,s:s,s:s?,s:s,s:b}", "rollout", (json_int_t)row->rollout,
                                    "debt", row->debt, "owner", row->owner, "due", due, "overdue",
                                    overdue));
    g_autofree char *typed = roll_name_to_type(owing->status->app->workspace, row->stream);
    g_autofree char *name = g_strdup_printf("%s#%" PRId64, typed, row->rollout);
    g_autofree char *next = roll_debt_next(name, row->debt);
    g_ptr_array_add(owing->status->hints,
                    g_strdup_printf("owes %s of %s#%" PRId64 " (%s), %s %s; next: %s", row->debt,
                                    row->stream, row->rollout,
                                    row->owner ? row->owner : "nobody known",
                                    overdue ? "overdue since" : "until", due, next));
    return NULL;
}

struct roll_error *roll_status_add_debts(struct status *status)
{
    size_t index;
    json_t *view;

    json_array_foreach (status->list, index, view) {
        g_autofree char *name = g_strdup_printf("%s/%s", roll_json_get_string(view, "service"),
                                                roll_json_get_string(view, "environment"));
        struct owing owing = {status, NULL};
        if (json_integer_value(json_object_get(view, "debts")) == 0)
            continue;
        owing.list = json_array();
        json_object_set_new(view, "owes", owing.list);
        ROLL_TRY(roll_ledger_debts(status->app->ledger, name, see_debt, &owing));
    }
    return NULL;
}

struct roll_error *roll_status_add_drift(struct status *status)
{
    size_t index, at;
    json_t *view, *finding;

    json_array_foreach (status->list, index, view) {
        g_autofree char *name = g_strdup_printf("%s/%s", roll_json_get_string(view, "service"),
                                                roll_json_get_string(view, "environment"));
        roll_auto(json) json_t *found = NULL;
        ROLL_TRY(roll_view_drift(status->app, name, &found));
        if (json_array_size(found) == 0)
            continue;
        json_object_set(view, "drift", found);
        json_array_foreach (found, at, finding)
            g_ptr_array_add(status->hints,
                            g_strdup_printf("%s %s has drifted: %s since %s; next: roll drift %s",
                                            name, roll_json_get_string(finding, "target"),
                                            roll_json_get_string(finding, "summary"),
                                            roll_json_get_string(finding, "since"), name));
    }
    return NULL;
}
