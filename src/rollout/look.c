/* A ledger that is alone does not believe it: what do the deployments of a scope say about who
 * deployed here last?
 *
 * Every deployment carries tags of its ledger (DESIGN section 4). The newest one of this stream
 * decides: made by another ledger, or by a rollout that this one does not know. A release is
 * refused then, before its first PUT; a rollback and a hotfix look beside their PUTs, and say it.
 */
#include <string.h>

#include "driver.h"
#include "rollbook/json.h"
#include "rollbook/log.h"
#include "rollbook/time.h"

enum { SCOPES_MAX = 4, DEPLOYMENTS_MAX = 50 };
/* So much later than the first PUT, which a second connection at that moment would hold back. */
#define BESIDE_MS 300
/* So long a rollout that was quicker than the look waits for it. */
#define PATIENCE_MS 2000
/* After so long whoever waits is told for what. */
#define SILENCE_MS 5000

struct roll_look {
    struct roll_driver *driver;
    size_t asked, answered;
    char *found; /* what does not fit, or NULL */
    bool aside;  /* that is a side stream's, of this very ledger */
    bool dated;  /* ARM's clock is known: */
    int64_t ahead_ms;
    char *unread; /* why a list could not be had, or NULL */
    bool blocks;  /* somebody decides by it */
    bool awaited; /* the rollout has ended, and waits a moment for it */
    bool over;    /* the command's --timeout is */
};

/* ---- one deployment -------------------------------------------------------------------------- */

static bool is_known(struct roll_driver *driver, const char *seq, const char *head)
{
    roll_auto(event) struct roll_event *event = NULL;
    int64_t number = g_ascii_strtoll(seq, NULL, 10);
    struct roll_error *err =
        roll_ledger_event(driver->options->ledger, driver->stream, number, &event);
    bool known = !err && strcmp(event->hash, head) == 0;

    roll_error_free(err);
    return known;
}

/* `roll adopt` has taken it over: what another ledger did then is known here. */
struct adopted {
    const char *name;
    int64_t at;
    bool found;
};

static struct roll_error *see_adopted(void *user, const struct roll_adopted_row *row)
{
    struct adopted *adopted = user;

    if (row->at == adopted->at && strcmp(row->name, adopted->name) == 0)
        adopted->found = true;
    return NULL;
}

static bool is_adopted(struct roll_driver *driver, const json_t *deployment)
{
    const json_t *properties = roll_json_get_nocase(deployment, "properties");
    const char *at = roll_json_get_string(properties, "timestamp");
    struct adopted adopted = {.name = roll_json_get_string(deployment, "name")};
    struct roll_error *err;

    if (!adopted.name || !at)
        return false;
    err = roll_time_parse(at, &adopted.at);
    if (!err)
        err = roll_ledger_adopted(driver->options->ledger, driver->stream, see_adopted, &adopted);
    roll_error_free(err);
    return adopted.found;
}

static bool is_own(const struct roll_driver *driver, const char *seq)
{
    struct roll_machine_view view = {0};

    if (!driver->look->blocks) /* else nothing was requested yet */
        roll_machine_view(driver->machine, &view);
    return view.rollout != 0 && view.rollout == g_ascii_strtoll(seq, NULL, 10);
}

/* NULL: it is of another stream, or carries no tags of ours. */
static const char *tag_of(const json_t *deployment, const char *name)
{
    return roll_json_get_string(roll_json_get_nocase(deployment, "tags"), name);
}

/* What another replica has done while the store was out of its reach. */
static bool is_aside(struct roll_driver *driver, const json_t *deployment)
{
    const char *ledger = tag_of(deployment, "roll-ledger"), *seq = tag_of(deployment, "roll-seq");

    return g_strcmp0(ledger, roll_ledger_id(driver->options->ledger)) == 0 && seq &&
           roll_number_is_side(g_ascii_strtoll(seq, NULL, 10));
}

/* *ret_ours: it decides. Owned, NULL: it fits. */
static char *judge(struct roll_driver *driver, const json_t *deployment, bool *ret_ours)
{
    const char *ledger = tag_of(deployment, "roll-ledger"), *seq = tag_of(deployment, "roll-seq");
    const char *stream = tag_of(deployment, "roll-stream"), *head = tag_of(deployment, "roll-head");
    const char *name = roll_json_get_string(deployment, "name");

    *ret_ours = ledger && seq && head && g_strcmp0(stream, driver->stream) == 0;
    if (*ret_ours && is_own(driver, seq) && is_known(driver, seq, head))
        *ret_ours = false; /* what this very rollout has put decides nothing */
    if (!*ret_ours)
        return NULL;
    if (is_adopted(driver, deployment))
        return NULL;
    if (strcmp(ledger, roll_ledger_id(driver->options->ledger)) != 0)
        return g_strdup_printf("deployment '%s' was made by another ledger (%.8s)",
                               name ? name : "?", ledger);
    if (is_known(driver, seq, head))
        return NULL;
    return g_strdup_printf(
        "deployment '%s' belongs to rollout %s#%s, which this ledger does not know",
        name ? name : "?", stream, seq);
}

/* ---- the looks ------------------------------------------------------------------------------- */

static void say_unread(struct roll_look *look)
{
    g_autofree char *text = NULL;

    if (!look->unread || look->found)
        return;
    text = g_strdup_printf("who deployed here last cannot be read (%s): a rollout by another "
                           "ledger would not be noticed",
                           look->unread);
    roll_driver_notice(look->driver, text);
}

static void end(struct roll_look *look)
{
    struct roll_driver *driver = look->driver;
    g_autofree char *text = NULL;

    if (look->blocks || look->awaited)
        roll_loop_stop(driver->options->loop);
    if (look->blocks)
        say_unread(look);
    if (look->blocks || !look->found)
        return;
    text = g_strdup_printf("%s: run 'roll ledger sync' afterwards", look->found);
    roll_driver_notice(driver, text);
}

/* The list is newest first. One that cannot be had is no reason to stop: what follows needs more
 * rights than it. */
static void on_list(void *user, const struct roll_arm_reply *reply)
{
    struct roll_look *look = user;
    const json_t *list = reply->body ? json_object_get(reply->body, "value") : NULL;
    bool decided = false;

    if (!look->driver)
        return;
    if (reply->server_date_ms) {
        look->dated = true;
        look->ahead_ms = reply->server_date_ms - roll_now_ms();
    }
    if (reply->outcome != ROLL_ARM_OK && reply->outcome != ROLL_ARM_NOT_FOUND) {
        if (!look->unread)
            look->unread = g_strdup(reply->code      ? reply->code
                                    : reply->message ? reply->message
                                                     : "no answer");
        roll_log(ROLL_LOG_VERBOSE, "who deployed here last is not known: %s",
                 reply->message ? reply->message : "no answer");
    }
    for (size_t i = 0; !decided && i < json_array_size(list); i++) {
        char *found = judge(look->driver, json_array_get(list, i), &decided);
        look->aside |= found && is_aside(look->driver, json_array_get(list, i));
        if (look->found)
            g_free(found);
        else
            look->found = found;
    }
    if (++look->answered == look->asked)
        end(look);
}

static void ask(struct roll_look *look, const struct roll_order_target *target, GHashTable *seen)
{
    const struct roll_arm_scope scope = {.kind = target->scope,
                                         .subscription = target->subscription,
                                         .resource_group = target->resource_group,
                                         .management_group = target->management_group};
    struct roll_arm *arm = NULL;

    if (strcmp(target->apply, "deployment") != 0 ||
        !g_hash_table_add(seen, roll_arm_scope_path(&scope)))
        return;
    struct roll_error *err = roll_links_get(look->driver->links, target, &arm, NULL);
    if (err) { /* said when the step is sent */
        roll_error_free(err);
        return;
    }
    look->asked++;
    roll_arm_list(arm, &scope, DEPLOYMENTS_MAX, on_list, look);
}

/* A fleet is looked at in its first targets: whoever else deploys it is seen there. */
static void start(struct roll_driver *driver, bool blocks)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const GPtrArray *targets = driver->order->targets;

    driver->look = g_new0(struct roll_look, 1);
    roll_links_keep(driver->links, driver->look);
    driver->look->driver = driver;
    driver->look->blocks = blocks;
    for (guint i = 0; i < targets->len && i < SCOPES_MAX; i++)
        ask(driver->look, g_ptr_array_index(targets, i), seen);
}

void roll_look_leave(struct roll_look *look)
{
    if (look)
        look->driver = NULL;
}

void roll_look_free(void *user)
{
    struct roll_look *look = user;

    g_free(look->found);
    g_free(look->unread);
    g_free(look);
}

static void say_silence(void *user)
{
    struct roll_driver *driver = user;

    roll_driver_notice(driver,
                       "Azure has not answered for 5 s; who deployed here last is asked again");
}

static void give_up(void *user)
{
    struct roll_look *look = user;

    look->over = true;
    roll_loop_stop(look->driver->options->loop);
}

/* Every answer, or the end of the command's --timeout. What comes later is only said, as beside a
 * rollback. */
static struct roll_error *wait_for_answers(struct roll_driver *driver)
{
    struct roll_look *look = driver->look;
    struct roll_loop *loop = driver->options->loop;
    int64_t now = roll_boot_ms(), timeout = driver->options->timeout_ms;
    unsigned silence = roll_loop_timer(loop, now + SILENCE_MS, say_silence, driver);
    unsigned limit = timeout > 0 ? roll_loop_timer(loop, now + timeout, give_up, look) : 0;
    struct roll_error *err = NULL;

    while (!err && !look->over && look->answered < look->asked)
        err = roll_loop_run(loop);
    roll_loop_cancel_timer(loop, silence);
    roll_loop_cancel_timer(loop, limit);
    if (!err && look->answered < look->asked) {
        look->unread = look->unread ? look->unread : g_strdup("no answer in time");
        say_unread(look);
        look->blocks = false;
    }
    return err;
}

struct roll_error *roll_driver_look_before(struct roll_driver *driver)
{
    struct roll_look *look;

    if (!driver->options->look || driver->order->lane != ROLL_LANE_RELEASE)
        return NULL;
    start(driver, true);
    look = driver->look;
    ROLL_TRY(wait_for_answers(driver));
    if (!look->found)
        return NULL;
    return roll_error_detail(
        roll_error_new(ROLL_E_CONFLICT,
                       "%s: somebody deploys '%s' with another ledger, or this one "
                       "has not heard",
                       look->found, driver->stream),
        "{\"next\":[\"roll ledger sync\",\"roll ledger import EXPORT\",\"roll adopt\"]}");
}

static void stop(void *user)
{
    roll_loop_stop(user);
}

static void start_beside(void *user)
{
    struct roll_driver *driver = user;

    driver->look_timer = 0;
    start(driver, false);
}

static void too_late(void *user)
{
    struct roll_driver *driver = user;

    driver->look_timer = 0;
    driver->look->awaited = false;
    roll_loop_stop(driver->options->loop);
}

struct roll_error *roll_driver_look_end(struct roll_driver *driver)
{
    struct roll_look *look;

    if (driver->look_timer) {
        roll_loop_cancel_timer(driver->options->loop, driver->look_timer);
        start_beside(driver);
    }
    look = driver->look;
    if (!look || look->blocks || look->answered >= look->asked)
        return NULL;
    look->awaited = true;
    driver->look_timer =
        roll_loop_timer(driver->options->loop, roll_boot_ms() + PATIENCE_MS, too_late, driver);
    while (look->awaited && look->answered < look->asked)
        ROLL_TRY(roll_loop_run(driver->options->loop));
    return NULL;
}

void roll_driver_look_beside(struct roll_driver *driver)
{
    if (!driver->options->look || driver->look || driver->look_timer ||
        driver->order->lane == ROLL_LANE_RELEASE)
        return;
    driver->look_timer =
        roll_loop_timer(driver->options->loop, roll_boot_ms() + BESIDE_MS, start_beside, driver);
}

struct roll_error *roll_driver_look_now(struct roll_driver *driver, struct roll_found *ret_found)
{
    bool waits = driver->order->lane == ROLL_LANE_RELEASE;
    int64_t until = roll_boot_ms() + PATIENCE_MS;
    struct roll_error *err = NULL;

    start(driver, true);
    unsigned timer =
        waits ? 0 : roll_loop_timer(driver->options->loop, until, stop, driver->options->loop);
    while (!err && driver->look->answered < driver->look->asked &&
           (waits || roll_boot_ms() < until))
        err = roll_loop_run(driver->options->loop);
    roll_loop_cancel_timer(driver->options->loop, timer);
    ROLL_TRY(err);
    *ret_found = (struct roll_found){.text = g_strdup(driver->look->found),
                                     .aside = driver->look->aside,
                                     .dated = driver->look->dated,
                                     .ahead_ms = driver->look->ahead_ms};
    return NULL;
}

struct roll_error *roll_rollout_look(const struct roll_driver_options *options,
                                     const struct roll_order *order, char **ret_found)
{
    g_autofree char *stream = g_strdup_printf("%s/%s", order->service, order->environment);
    struct roll_error *err = NULL;
    struct roll_driver driver;

    roll_driver_init(&driver, options, stream);
    driver.order = order;
    start(&driver, true);
    while (!err && driver.look->answered < driver.look->asked)
        err = roll_loop_run(options->loop);
    *ret_found = g_strdup(driver.look->found);
    roll_driver_clear(&driver);
    return err;
}
