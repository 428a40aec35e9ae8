/* Writes of a subscription, as ARM's answers pace them (REST reference 8): a 429 holds all further
 * PUTs to it back for as long as ARM says, and where ARM tells how many writes are left, the last
 * of them wait for more. Its bucket is that of the region of ARM that answers, which is one for a
 * process. */
#include "driver.h"

#include <string.h>

#include "rollbook/time.h"

enum {
    MOVES_MS = 5 * 60 * 1000, /* so long after the last PUT that ARM took it is held to take more */
    REFILL_MS = 500,          /* until there are that many again: ten a second */
    SPREAD_MS = 20,           /* between two that were held back together */
};

struct pace {
    int64_t held_boot_ms; /* no PUT before */
    int64_t queued;       /* held back since */
    int64_t took_boot_ms; /* when ARM took the last one */
};

static struct pace *find(struct roll_driver *driver, const struct roll_order_target *target)
{
    const char *key = target->subscription ? target->subscription : "";
    struct pace *pace = g_hash_table_lookup(driver->paces, key);

    if (!pace) {
        pace = g_new0(struct pace, 1);
        pace->took_boot_ms = -MOVES_MS;
        g_hash_table_insert(driver->paces, g_strdup(key), pace);
    }
    return pace;
}

static void hold(struct pace *pace, int64_t until_boot_ms)
{
    if (until_boot_ms <= pace->held_boot_ms)
        return;
    pace->held_boot_ms = until_boot_ms;
    pace->queued = 0;
}

void roll_pace_saw(struct roll_send *send, const struct roll_arm_reply *reply)
{
    struct pace *pace = find(send->driver, send->target);
    int64_t now = roll_boot_ms();

    if (reply->outcome == ROLL_ARM_OK)
        pace->took_boot_ms = now;
    if (reply->outcome == ROLL_ARM_THROTTLED && reply->status != 0)
        hold(pace, now + MAX(reply->retry_after_ms, REFILL_MS));
    else if (reply->writes_spent)
        hold(pace, now + REFILL_MS);
}

/* How long this PUT has to wait, 0: not at all. */
int64_t roll_pace_wait_ms(struct roll_send *send)
{
    struct pace *pace = find(send->driver, send->target);
    int64_t left = pace->held_boot_ms - roll_boot_ms();

    return left > 0 ? left + SPREAD_MS * pace->queued++ : 0;
}

bool roll_pace_moves(struct roll_send *send)
{
    return roll_boot_ms() - find(send->driver, send->target)->took_boot_ms < MOVES_MS;
}
