/* Before this replica goes on with what another one began: is its claim over, and did it go on
 * where this ledger does not see it?
 *
 * Claims are written and judged by the shared store's clock (DESIGN section 4). Where that and this
 * machine's are more than a minute apart one of them is not what it should be, and a person has to
 * say that the other driver is gone. Whoever lost sight of the store may have gone on aside: then
 * what it deployed carries a number of its side stream. */
#include <inttypes.h>
#include <string.h>

#include "driver.h"
#include "rollbook/json.h"
#include "rollbook/sync.h"
#include "rollbook/time.h"
#include "rollout/machine.h"

static struct roll_sync_clock clock_of(const struct roll_driver *driver)
{
    return driver->options->sync ? roll_sync_clock(driver->options->sync)
                                 : (struct roll_sync_clock){0};
}

void roll_driver_set_clock(struct roll_driver *driver)
{
    struct roll_sync_clock clock = clock_of(driver);

    roll_machine_set_clock(driver->machine, clock.known, clock.ahead_ms);
}

bool roll_driver_claim_stands(const struct roll_driver *driver, const struct roll_known *known)
{
    struct roll_sync_clock clock = clock_of(driver);
    int64_t blur = clock.known ? MACHINE_BLUR_MS : 0;

    return !known->detached && known->claim_until + blur > roll_now_ms() + clock.ahead_ms;
}

bool roll_driver_is_free(const struct roll_driver *driver, const struct roll_known *known)
{
    return !roll_driver_claim_stands(driver, known) &&
           (known->detached || ABS(clock_of(driver).ahead_ms) <= MACHINE_SKEW_MS);
}

bool roll_driver_is_anothers(const struct roll_known *known, bool gone)
{
    return known->host && !known->detached && !known->ended_at && !gone;
}

static struct roll_error *with_next(struct roll_error *err_take, const char *first,
                                    const char *second)
{
    roll_auto(json) json_t *detail = json_pack("{s:[s,s]}", "next", first, second);
    g_autoptr(GString) text = g_string_new(NULL);

    roll_json_write(detail, text);
    return roll_error_detail(err_take, text->str);
}

static char *host_of(const struct roll_known *known)
{
    return g_strndup(known->host, strcspn(known->host, ":"));
}

static struct roll_error *check_skew(const struct roll_driver *driver,
                                     const struct roll_known *known, int64_t ahead_ms,
                                     const char *whose, const char *verb)
{
    g_autofree char *host = host_of(known);
    g_autofree char *take =
        g_strdup_printf("roll %s %s#%" PRId64 " --take   if whoever drove it is known to be gone",
                        verb, driver->environment, known->number);

    if (ABS(ahead_ms) <= MACHINE_SKEW_MS || driver->options->take)
        return NULL;
    return with_next(roll_error_new(ROLL_E_CONFLICT,
                                    "this machine's clock is %" PRId64
                                    " s %s %s: whether the claim of %s on '%s#%" PRId64
                                    "' has lapsed cannot be told",
                                    ABS(ahead_ms) / 1000, ahead_ms < 0 ? "ahead of" : "behind",
                                    whose, host, driver->stream, known->number),
                     "set the clock (timedatectl), then the same again", take);
}

struct roll_error *roll_driver_check_clock(const struct roll_driver *driver,
                                           const struct roll_known *known, const char *verb)
{
    return check_skew(driver, known, clock_of(driver).ahead_ms, "the shared store's", verb);
}

static struct roll_error *went_aside(const struct roll_driver *driver,
                                     const struct roll_known *known, const char *found)
{
    g_autofree char *host = host_of(known);
    g_autofree char *sync = g_strdup_printf(
        "roll ledger sync   on %s, as soon as it reaches the store: then all see it", host);
    g_autofree char *cancel =
        g_strdup_printf("roll cancel %s#%" PRId64 "   ends it here; what was done aside stays",
                        driver->environment, known->number);

    return with_next(roll_error_new(ROLL_E_CONFLICT,
                                    "'%s#%" PRId64 "' was left by its driver on %s, which went on "
                                    "without the shared ledger: %s",
                                    driver->stream, known->number, host, found),
                     sync, cancel);
}

static struct roll_error *judge(struct roll_driver *driver, const struct roll_known *known,
                                const struct roll_found *found)
{
    if (found->dated && !clock_of(driver).known)
        ROLL_TRY(check_skew(driver, known, found->ahead_ms, "Azure's", "resume"));
    if (!found->text)
        return NULL;
    if (driver->options->take || !(found->aside || driver->order->lane == ROLL_LANE_RELEASE)) {
        roll_driver_notice(driver, found->text);
        return NULL;
    }
    if (found->aside)
        return went_aside(driver, known, found->text);
    return with_next(roll_error_new(ROLL_E_CONFLICT,
                                    "%s: somebody deploys '%s' with another ledger, or this one "
                                    "has not heard",
                                    found->text, driver->stream),
                     "roll ledger sync", "roll ledger import EXPORT");
}

struct roll_error *roll_driver_check_takeover(struct roll_driver *driver,
                                              const struct roll_known *known)
{
    struct roll_found found = {0};

    if (!driver->options->look)
        return NULL;
    ROLL_TRY(roll_driver_look_now(driver, &found));
    struct roll_error *err = judge(driver, known, &found);
    g_free(found.text);
    return err;
}
