/* Outcomes of steps: what is known of one, when it is ready to be recorded, and which event is its
 * target's last. */
#include "rollout/machine.h"

bool machine_succeeded(const char *outcome)
{
    return strcmp(outcome, "succeeded") == 0;
}

/* Everything but these is still running. Stacks write them in lower case. */
const char *machine_outcome_of(const char *state)
{
    static const char *const pairs[][2] = {
        {"Succeeded", "succeeded"},
        {"Failed", "failed"},
        {"Canceled", "cancelled"},
    };

    for (size_t i = 0; state && i < G_N_ELEMENTS(pairs); i++) {
        if (g_ascii_strcasecmp(state, pairs[i][0]) == 0)
            return pairs[i][1];
    }
    return NULL;
}

static void set_text(char **member, const char *text)
{
    if (!text)
        return;
    g_free(*member);
    if (strlen(text) <= MACHINE_TEXT_MAX) {
        *member = g_utf8_make_valid(text, -1);
    } else {
        const char *end = g_utf8_find_prev_char(text, text + MACHINE_TEXT_MAX);
        *member = g_utf8_make_valid(text, end - text);
    }
}

static struct roll_step_ended *outcome_of(struct job *job)
{
    if (!job->outcome)
        job->outcome = g_new0(struct roll_step_ended, 1);
    return job->outcome;
}

void machine_forget_outcome(struct job *job)
{
    if (job->outcome)
        roll_event_body_free(ROLL_EVENT_step_ended, job->outcome);
    machine_blob_free(job->result);
    g_free(job->lost_words);
    job->outcome = NULL;
    job->result = NULL;
    job->lost_words = NULL;
}

/* Later replies know more: what they say replaces what was known, what they leave out stays. */
void machine_note(struct job *job, const struct roll_observation *reply)
{
    struct roll_step_ended *outcome = outcome_of(job);

    if (job->phase != PHASE_EXPLAIN)
        set_text(&outcome->outcome, machine_outcome_of(reply->state));
    set_text(&outcome->code, reply->code);
    set_text(&outcome->message, reply->message);
    if (reply->arm_at > 0)
        outcome->arm_at = reply->arm_at;
    if (reply->duration_ms > 0)
        outcome->duration_ms = reply->duration_ms;
    if (reply->resources > 0)
        outcome->resources = reply->resources;
    if (reply->result && reply->result != job->result) {
        machine_blob_free(job->result);
        job->result = reply->result;
        set_text(&outcome->result, job->result->digest);
    }
}

/* code, message: only where ARM gave none. */
void machine_conclude(struct roll_machine *machine, struct job *job, const char *outcome,
                      const char *code, const char *message)
{
    struct roll_step_ended *body = outcome_of(job);

    set_text(&body->outcome, outcome);
    if (!body->code)
        set_text(&body->code, code);
    if (!body->message)
        set_text(&body->message, message);
    machine_record_ready(machine, job);
}

/* A deployment of an older rollout that ended after this one may have overwritten it. */
static bool was_overtaken(const struct job *job)
{
    int64_t arm_at = job->outcome->arm_at;

    if (job->step != 0 || !machine_succeeded(job->outcome->outcome))
        return false;
    if (arm_at == 0) /* ARM did not say when: once more is enough */
        return job->rival_at > 0 && job->attempt == 1;
    return job->rival_at >= arm_at;
}

static bool waits_for_rivals(const struct job *job)
{
    return job->step == 0 && job->followed > 0 && machine_succeeded(job->outcome->outcome);
}

/* A failure counts as soon as it is known: the append that records it starts no target more. */
static void count_failure(struct roll_machine *machine, struct job *job)
{
    if (job->failing || machine_is_deletion(job) || job->rollout != machine->own ||
        machine_succeeded(job->outcome->outcome) || machine_only_reports(job, job->step))
        return;
    job->failing = true;
    machine->failing++;
}

void machine_record_ready(struct roll_machine *machine, struct job *job)
{
    bool settling = machine->mode == ROLL_MACHINE_SETTLE;

    machine_not_due(machine, job);
    job->again = was_overtaken(job);
    bool may_again = job->again && !machine_tidies(machine);
    if (settling && (may_again || waits_for_rivals(job))) {
        machine_leave(machine, job); /* only a driver can put it right */
        return;
    }
    job->phase = PHASE_RECORD;
    count_failure(machine, job);
    job->held = waits_for_rivals(job);
    if (job->held)
        return;
    if (settling)
        machine->unsettled--;
    g_queue_push_tail(&machine->records, job);
}

/* ---- drafts --------------------------------------------------------------------------------- */

/* What else goes with an outcome, in the same append. */
enum sequel { SEQUEL_NONE, SEQUEL_ATTEMPT, SEQUEL_CLOSING };

/* Nothing more is started in this rollout. */
static bool is_over(const struct roll_machine *machine, const struct job *job)
{
    return job->rollout->cancelling || job->rollout != machine->own || job->rollout->stray;
}

static bool is_last(const struct roll_machine *machine, const struct job *job,
                    enum sequel *ret_sequel)
{
    int64_t next = machine_next_step(job, job->step);
    bool over = is_over(machine, job);

    *ret_sequel = SEQUEL_NONE;
    if (machine_only_reports(job, job->step))
        return false; /* the last event was that of the step before the reports */
    if (strcmp(job->outcome->outcome, "absent") == 0)
        return over || machine->mode == ROLL_MACHINE_DRIVE;
    if (!machine_succeeded(job->outcome->outcome))
        return true;
    if (job->again)
        *ret_sequel = over ? SEQUEL_CLOSING : SEQUEL_ATTEMPT;
    else if (next >= 0 && !machine_only_reports(job, next) && over)
        *ret_sequel = SEQUEL_CLOSING;
    return !job->again && (next < 0 || machine_only_reports(job, next));
}

static struct roll_step_ended closing_of(struct job *job, struct append *append)
{
    return (struct roll_step_ended){
        .rollout = job->rollout->number,
        .target = job->target->name,
        .step = job->again ? 0 : machine_next_step(job, job->step),
        .attempt = job->again ? job->attempt + 1 : 1,
        .outcome = machine_text(append, "cancelled"),
        .last = true,
        .release = job->target->release,
        .message = machine_text(append, "not started: the rollout was stopped"),
    };
}

static struct roll_step_intended attempt_of(struct job *job)
{
    return (struct roll_step_intended){
        .rollout = job->rollout->number,
        .target = job->target->name,
        .step = 0,
        .attempt = job->attempt + 1,
        .release = job->target->release,
        .floor = job->target->floor,
    };
}

static void complete(struct job *job, bool last)
{
    struct roll_step_ended *body = job->outcome;

    body->rollout = job->rollout->number;
    set_text(&body->target, job->target->name);
    set_text(&body->release, job->target->release);
    body->step = job->step;
    body->attempt = job->attempt;
    body->accepted = job->accepted;
    body->last = last;
}

void machine_draft_record(struct roll_machine *machine, struct append *append, struct job *job)
{
    enum sequel sequel;

    if (machine_is_deletion(job)) {
        machine_prune_draft_record(machine, append, job);
        return;
    }
    complete(job, is_last(machine, job, &sequel));
    machine_draft(machine, append, ROLL_EVENT_step_ended, job->outcome);
    if (job->result)
        g_ptr_array_add(append->blobs, job->result);
    if (sequel == SEQUEL_ATTEMPT) {
        struct roll_step_intended *body = machine_body(append, struct roll_step_intended);
        *body = attempt_of(job);
        machine_draft(machine, append, ROLL_EVENT_step_intended, body);
    } else if (sequel == SEQUEL_CLOSING) {
        struct roll_step_ended *body = machine_body(append, struct roll_step_ended);
        *body = closing_of(job, append);
        machine_draft(machine, append, ROLL_EVENT_step_ended, body);
    }
}
