/* What a target holds, whether it is dirty, and with it what is live. */
#include <string.h>

#include "ledger/fold.h"

/* The environment is whole when no target is dirty and all clean ones hold one release; that is the
 * moment from which it is live. What was live stays noted while targets are dirty, so that it is
 * still known as the previous one. */
void roll_fold_live(struct fold_environment *environment, int64_t rollout, int64_t at)
{
    const char *held = roll_fold_held(environment);

    if (environment->dirty > 0 || !held)
        return;
    if (g_strcmp0(environment->live, held) != 0) {
        fold_set_text(&environment->previous, environment->live);
        fold_set_text(&environment->live, held);
    }
    environment->live_rollout = rollout;
    environment->since = at;
}

/* The first intent of a rollout: from now on nobody knows what the target holds, until the rollout
 * has succeeded there. */
struct roll_error *roll_fold_make_dirty(struct roll_fold *fold, struct fold_target *target,
                                        int64_t rollout)
{
    struct fold_environment *environment;

    if (target->dirty && target->dirty_rollout == rollout)
        return NULL;
    ROLL_TRY(roll_fold_environment(fold, &environment));
    if (target->release)
        roll_fold_hold(environment, target->release, -1);
    if (!target->dirty)
        environment->dirty++;
    environment->changed = true;
    target->restorable = !target->dirty;
    g_free(target->held_release);
    target->held_release = g_steal_pointer(&target->release);
    target->held_rollout = target->rollout;
    target->held_since = target->since;
    target->rollout = target->since = 0;
    target->dirty = true;
    target->dirty_rollout = rollout;
    return NULL;
}

void roll_fold_forget_held(struct fold_target *target)
{
    target->restorable = false;
    target->held_rollout = target->held_since = 0;
    fold_set_text(&target->held_release, NULL);
}

/* Nothing of the rollout reached ARM: the target is what it was before. */
struct roll_error *roll_fold_restore(struct roll_fold *fold, struct fold_target *target)
{
    struct fold_environment *environment;

    ROLL_TRY(roll_fold_environment(fold, &environment));
    environment->dirty--;
    environment->changed = true;
    target->dirty = false;
    target->dirty_rollout = 0;
    target->rollout = target->held_rollout;
    target->since = target->held_since;
    target->release = g_steal_pointer(&target->held_release);
    roll_fold_forget_held(target);
    if (target->release)
        roll_fold_hold(environment, target->release, 1);
    return NULL;
}

/* The rollout succeeded here: the target holds its release. */
struct roll_error *roll_fold_make_clean(struct roll_fold *fold, struct fold_target *target,
                                        int64_t rollout, const char *release, int64_t at)
{
    struct fold_environment *environment;

    ROLL_TRY(roll_fold_environment(fold, &environment));
    environment->dirty--;
    environment->changed = true;
    fold_set_text(&target->release, release);
    target->rollout = rollout;
    target->since = at;
    target->dirty = false;
    target->dirty_rollout = 0;
    roll_fold_forget_held(target);
    roll_fold_hold(environment, release, 1);
    roll_fold_live(environment, rollout, at);
    return NULL;
}
