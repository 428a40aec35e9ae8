/* The table of rules: which function folds which kind, and in which streams the kind has a meaning.
 */
#include "ledger/fold.h"
#include "ledger/fields.h"

static struct roll_error *fold_unknown(struct roll_fold *fold, const struct roll_event *event)
{
    struct fold_environment *environment;

    (void)event;
    if (roll_stream_is_service(fold->name))
        return NULL;
    ROLL_TRY(roll_fold_environment(fold, &environment));
    environment->unknown = environment->changed = true;
    return NULL;
}

enum place { ANYWHERE, IN_SERVICE, IN_ENVIRONMENT };

struct rule {
    enum place place;
    roll_fold_fn fold; /* NULL: the kind changes no projection */
};

static const struct rule rules[ROLL_EVENT_KIND_COUNT] = {
    [ROLL_EVENT_UNKNOWN] = {ANYWHERE, fold_unknown},
    [ROLL_EVENT_release_made] = {IN_SERVICE, roll_fold_release_made},
    [ROLL_EVENT_release_marked] = {IN_SERVICE, roll_fold_release_marked},
    [ROLL_EVENT_rollout_requested] = {IN_ENVIRONMENT, roll_fold_rollout_requested},
    [ROLL_EVENT_rollout_claimed] = {IN_ENVIRONMENT, roll_fold_rollout_claimed},
    [ROLL_EVENT_rollout_detached] = {IN_ENVIRONMENT, roll_fold_rollout_detached},
    [ROLL_EVENT_step_intended] = {IN_ENVIRONMENT, roll_fold_step_intended},
    [ROLL_EVENT_step_ended] = {IN_ENVIRONMENT, roll_fold_step_ended},
    [ROLL_EVENT_rollout_succeeded] = {IN_ENVIRONMENT, roll_fold_rollout_ended},
    [ROLL_EVENT_rollout_failed] = {IN_ENVIRONMENT, roll_fold_rollout_ended},
    [ROLL_EVENT_rollout_cancelled] = {IN_ENVIRONMENT, roll_fold_rollout_ended},
    [ROLL_EVENT_rollout_refused] = {IN_ENVIRONMENT, roll_fold_rollout_ended},
    [ROLL_EVENT_rollout_expired] = {IN_ENVIRONMENT, roll_fold_rollout_ended},
    [ROLL_EVENT_rollout_superseded] = {IN_ENVIRONMENT, roll_fold_rollout_ended},
    [ROLL_EVENT_hold_set] = {IN_ENVIRONMENT, roll_fold_hold_set},
    [ROLL_EVENT_hold_lifted] = {IN_ENVIRONMENT, roll_fold_hold_lifted},
    [ROLL_EVENT_floor_set] = {IN_ENVIRONMENT, roll_fold_floor_set},
    [ROLL_EVENT_slot_passed] = {IN_ENVIRONMENT, roll_fold_slot_passed},
    [ROLL_EVENT_debt_closed] = {IN_ENVIRONMENT, roll_fold_debt_closed},
    [ROLL_EVENT_prune_intended] = {IN_ENVIRONMENT, roll_fold_prune_intended},
    [ROLL_EVENT_prune_ended] = {IN_ENVIRONMENT, roll_fold_prune_ended},
    [ROLL_EVENT_notice_delivered] = {IN_ENVIRONMENT, roll_fold_notice_delivered},
    [ROLL_EVENT_drift_checked] = {IN_ENVIRONMENT, roll_fold_drift_checked},
    [ROLL_EVENT_readiness_checked] = {IN_ENVIRONMENT, roll_fold_readiness_checked},
    [ROLL_EVENT_baseline_taken] = {IN_ENVIRONMENT, roll_fold_baseline_taken},
    [ROLL_EVENT_deployment_adopted] = {IN_ENVIRONMENT, roll_fold_deployment_adopted},
    [ROLL_EVENT_adoption_accepted] = {IN_ENVIRONMENT, roll_fold_adoption_accepted},
    [ROLL_EVENT_gate_evaluated] = {IN_ENVIRONMENT, roll_fold_gate_evaluated},
};

struct roll_error *roll_fold_event(struct roll_fold *fold, const struct roll_event *event)
{
    const struct rule *rule = &rules[event->kind];
    bool service = roll_stream_is_service(fold->name);

    if (!rule->fold || roll_stream_is_side(fold->name))
        return NULL;
    if (rule->place != ANYWHERE && service != (rule->place == IN_SERVICE))
        return NULL;
    return rule->fold(fold, event);
}
