/* Deleting leftovers, as the driver does it: which of a target's may go, the DELETE itself, and the
 * look whether one is still there. The same sorting without any deletion is what --dry-run
 * --what-if shows. */
#include "driver.h"

#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/json.h"
#include "rollbook/time.h"
#include "rollout/send.h"

/* ---- which may go ---------------------------------------------------------------------------- */

static void free_leftover(gpointer leftover)
{
    roll_leftover_free(leftover);
}

/* As the machine wants them; what is gone by itself is recorded too: the ledger alone does not know
 * it, and would go on listing it as left over. */
static GPtrArray *leftovers_of(const GPtrArray *items, const char *all_stay)
{
    GPtrArray *leftovers = g_ptr_array_new_with_free_func(free_leftover);

    for (guint i = 0; i < items->len; i++) {
        const struct roll_prune_item *item = g_ptr_array_index(items, i);
        const char *reason = item->gone     ? "it is not there any more"
                             : item->reason ? item->reason
                                            : all_stay;
        struct roll_leftover *leftover = g_new0(struct roll_leftover, 1);
        leftover->id = g_strdup(item->id);
        leftover->api_version = reason ? NULL : g_strdup(item->api_version);
        leftover->reason = g_strdup(reason);
        g_ptr_array_add(leftovers, leftover);
    }
    return leftovers;
}

static void sorted(void *user, GPtrArray *items)
{
    struct roll_send *send = user;

    roll_send_sorted(send, leftovers_of(items, NULL));
}

/* Made again when another process wrote meanwhile. */
static struct roll_error *pruner_of(struct roll_driver *driver)
{
    int64_t version = 0;

    ROLL_TRY(roll_ledger_data_version(driver->options->ledger, &version));
    if (driver->pruner && version == driver->pruner_version)
        return NULL;
    roll_pruner_free(g_steal_pointer(&driver->pruner));
    driver->pruner_version = version;
    return roll_pruner_new(driver->options->ledger, driver->order, &driver->pruner);
}

struct late {
    struct roll_send *send;
    GPtrArray *leftovers;
};

/* Nothing is answered from inside the pump. */
static void answer(void *user)
{
    struct late *late = user;

    roll_send_sorted(late->send, late->leftovers);
    g_free(late);
}

static void answer_later(struct roll_send *send, GPtrArray *leftovers)
{
    struct late *late = g_new0(struct late, 1);

    *late = (struct late){send, leftovers};
    roll_loop_timer(send->driver->options->loop, roll_boot_ms(), answer, late);
}

static struct roll_error *sort(struct roll_send *send)
{
    struct roll_driver *driver = send->driver;
    g_autoptr(GPtrArray) items = NULL;
    bool aside = roll_ledger_is_aside(driver->options->ledger);

    ROLL_TRY(pruner_of(driver));
    ROLL_TRY(roll_pruner_items(driver->pruner, send->target, &items));
    if (aside || !roll_sorting_is_needed(items)) {
        roll_prune_decide(items, NULL);
        answer_later(send, leftovers_of(items, aside ? "the shared ledger is out of reach: what "
                                                       "others have is not known"
                                                     : NULL));
        return NULL;
    }
    send->sorting =
        roll_sorting_start(send->arm, send->target, g_steal_pointer(&items), sorted, send);
    return NULL;
}

/* A ledger that cannot tell deletes nothing; the rollout itself has succeeded. */
static void sort_or_say(struct roll_send *send)
{
    struct roll_error *err = sort(send);

    if (!err)
        return;
    roll_driver_notice_once(send->driver,
                            g_strdup_printf("%s: leftovers stay, since they cannot be told: %s",
                                            send->target->name, err->message));
    answer_later(send, g_ptr_array_new_with_free_func(free_leftover));
    roll_error_free(err);
}

/* ---- the deletion ---------------------------------------------------------------------------- */

static void unsent(void *user)
{
    static const struct roll_arm_reply reply = {
        .outcome = ROLL_ARM_UNSENT,
        .message = "the driver's last append is too old to send anything",
        .retry_after_ms = -1,
    };

    roll_send_reply(user, &reply, NULL);
}

static void delete_resource(struct roll_send *send, const struct roll_action *action)
{
    struct roll_driver *driver = send->driver;

    if (!roll_machine_may_put(driver->machine, roll_now_ms(), roll_boot_ms())) {
        roll_loop_timer(driver->options->loop, roll_boot_ms(), unsent, send);
        return;
    }
    roll_fault("before-delete");
    roll_arm_resource_delete(send->arm, action->resource, action->api_version,
                             driver->append_boot_ms + ROLL_FENCE_MS, roll_send_answered, send);
    roll_fault("after-delete");
}

void roll_driver_prune(struct roll_driver *driver, const struct roll_action *action)
{
    struct roll_send *send = roll_send_new(driver, action);
    struct roll_error *err = roll_links_get(driver->links, action->target, &send->arm, NULL);

    if (err && action->kind == ROLL_ACTION_LEFTOVERS) {
        roll_error_free(err);
        answer_later(send, g_ptr_array_new_with_free_func(free_leftover));
    } else if (err) {
        roll_send_refuse_later(send, "NoWayToDelete", err);
    } else if (action->kind == ROLL_ACTION_LEFTOVERS) {
        sort_or_say(send);
    } else if (action->kind == ROLL_ACTION_DELETE) {
        delete_resource(send, action);
    } else {
        roll_arm_resource_get(send->arm, action->resource, action->api_version, roll_send_answered,
                              send);
    }
}

/* ---- without deleting anything -------------------------------------------------------------- */

struct rehearsal {
    struct roll_loop *loop;
    json_t *list;
    bool done;
};

static json_t *list_of(const GPtrArray *items)
{
    json_t *list = json_array();

    for (guint i = 0; i < items->len; i++) {
        const struct roll_prune_item *item = g_ptr_array_index(items, i);
        if (!item->gone)
            json_array_append_new(list, json_pack("{s:s,s:s,s:b,s:s*}", "id", item->id, "release",
                                                  item->release, "delete", item->reason == NULL,
                                                  "reason", item->reason));
    }
    return list;
}

static void rehearsed(void *user, GPtrArray *items)
{
    struct rehearsal *rehearsal = user;

    rehearsal->list = list_of(items);
    rehearsal->done = true;
    roll_loop_stop(rehearsal->loop);
}

static struct roll_error *rehearse(const struct roll_driver_options *options,
                                   struct roll_pruner *pruner,
                                   const struct roll_order_target *target, bool ask,
                                   json_t **ret_list)
{
    struct rehearsal rehearsal = {.loop = options->loop};
    g_autoptr(GPtrArray) items = NULL;
    struct roll_arm *arm = NULL;
    struct roll_sorting *sorting;
    struct roll_error *err = NULL;

    ROLL_TRY(roll_pruner_items(pruner, target, &items));
    if (!ask || !roll_sorting_is_needed(items)) {
        roll_prune_spread(items); /* what needs no answer of ARM is told as it will be done */
        *ret_list = list_of(items);
        return NULL;
    }
    ROLL_TRY(roll_links_get(options->links, target, &arm, NULL));
    sorting = roll_sorting_start(arm, target, g_steal_pointer(&items), rehearsed, &rehearsal);
    while (!rehearsal.done && !err)
        err = roll_loop_run(options->loop);
    if (err)
        return err; /* the loop is broken: what it was asked may not be freed under it */
    roll_sorting_free(sorting);
    *ret_list = rehearsal.list;
    return NULL;
}

struct roll_error *roll_rollout_leftovers(const struct roll_driver_options *options,
                                          const struct roll_choice *choice, bool ask,
                                          json_t **ret_leftovers)
{
    roll_auto(pruner) struct roll_pruner *pruner = NULL;
    roll_auto(json) json_t *all = json_object();

    ROLL_TRY(roll_pruner_new(options->ledger, choice->order, &pruner));
    for (guint i = 0; i < choice->order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, i);
        json_t *list = NULL;

        ROLL_TRY(rehearse(options, pruner, target, ask, &list));
        json_object_set_new(all, target->name, list);
    }
    *ret_leftovers = g_steal_pointer(&all);
    return NULL;
}
