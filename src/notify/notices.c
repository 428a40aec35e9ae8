/* What there is to tell: from the newest rollouts of a stream, by their state. */
#include <inttypes.h>
#include <string.h>

#include "owed.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"

const char *const roll_notice_words[ROLL_NOTICE_WORDS] = {
    [ROLL_NOTICE_FAILED] = "failed",       [ROLL_NOTICE_ROLLED_BACK] = "rolled-back",
    [ROLL_NOTICE_HOTFIX] = "hotfix",       [ROLL_NOTICE_WAITING] = "waiting",
    [ROLL_NOTICE_REFUSED] = "refused",     [ROLL_NOTICE_EXPIRED] = "expired",
    [ROLL_NOTICE_CANCELLED] = "cancelled", [ROLL_NOTICE_SUPERSEDED] = "superseded",
    [ROLL_NOTICE_SUCCEEDED] = "succeeded", [ROLL_NOTICE_DRIFT] = "drift",
    [ROLL_NOTICE_NOT_READY] = "not-ready", [ROLL_NOTICE_OWED] = "owed",
};

void roll_notice_free(struct roll_notice *notice)
{
    if (!notice)
        return;
    g_free(notice->id);
    g_free(notice->stream);
    g_free(notice->kind);
    g_free(notice->state);
    g_free(notice->subject);
    g_free(notice->release);
    g_free(notice->from);
    g_free(notice->who);
    g_free(notice->reason);
    g_free(notice->why);
    g_free(notice->error);
    g_free(notice->next);
    g_free(notice);
}

struct search {
    const char *stream;
    unsigned words;
    int64_t since;
    GPtrArray *notices;
};

static void add(struct search *search, const struct roll_rollout_row *row,
                enum roll_notice_word word, int64_t at)
{
    if (!(search->words & 1U << word) || at < search->since)
        return;
    struct roll_notice *notice = g_new0(struct roll_notice, 1);
    notice->id =
        g_strdup_printf("%s#%" PRId64 ":%s", row->stream, row->number, roll_notice_words[word]);
    notice->word = word;
    notice->stream = g_strdup(row->stream);
    notice->kind = g_strdup(row->kind);
    notice->state = g_strdup(row->state);
    notice->rollout = row->number;
    notice->at = at;
    notice->release = g_strdup(row->release);
    notice->from = g_strdup(row->from);
    notice->who = g_strdup(row->proved ? row->proved : row->claimed);
    notice->reason = g_strdup(row->reason);
    notice->why = g_strdup(row->end_reason);
    g_ptr_array_add(search->notices, notice);
}

/* ROLL_NOTICE_WORDS: the end is none that is told. */
static enum roll_notice_word word_of_end(const struct roll_rollout_row *row)
{
    if (strcmp(row->state, "succeeded") == 0)
        return strcmp(row->kind, "back") == 0 ? ROLL_NOTICE_ROLLED_BACK : ROLL_NOTICE_SUCCEEDED;
    for (int word = 0; word < ROLL_NOTICE_WORDS; word++)
        if (word != ROLL_NOTICE_WAITING && strcmp(row->state, roll_notice_words[word]) == 0)
            return (enum roll_notice_word)word;
    return ROLL_NOTICE_WORDS;
}

static struct roll_error *see_rollout(void *user, const struct roll_rollout_row *row)
{
    struct search *search = user;

    if (strcmp(row->kind, "adopted") == 0) /* history is no news */
        return NULL;
    if (row->ended_at && word_of_end(row) != ROLL_NOTICE_WORDS)
        add(search, row, word_of_end(row), row->ended_at);
    if (!row->ended_at && strcmp(row->state, "waiting") == 0)
        add(search, row, ROLL_NOTICE_WAITING, row->requested_at);
    if (strcmp(row->kind, "hotfix") == 0)
        add(search, row, ROLL_NOTICE_HOTFIX, row->requested_at);
    return NULL;
}

static void add_look(struct search *search, const struct roll_look_row *row,
                     enum roll_notice_word word)
{
    if (!(search->words & 1U << word) || row->at < search->since)
        return;
    struct roll_notice *notice = g_new0(struct roll_notice, 1);
    notice->id =
        g_strdup_printf("%s#%" PRId64 ":%s", search->stream, row->seq, roll_notice_words[word]);
    notice->word = word;
    notice->stream = g_strdup(search->stream);
    notice->kind = g_strdup("look");
    notice->state = g_strdup(row->summary);
    notice->subject = g_strdup(row->subject);
    notice->at = row->at;
    notice->event = row->seq;
    g_ptr_array_add(search->notices, notice);
}

static struct roll_error *see_look(void *user, const struct roll_look_row *row)
{
    bool drift = strcmp(row->word, roll_notice_words[ROLL_NOTICE_DRIFT]) == 0;

    add_look(user, row, drift ? ROLL_NOTICE_DRIFT : ROLL_NOTICE_NOT_READY);
    return NULL;
}

/* A hotfix is requested before it ends: a rollout's second notice is its earlier one. */
static int by_time(gconstpointer a, gconstpointer b)
{
    const struct roll_notice *first = *(const struct roll_notice *const *)a;
    const struct roll_notice *second = *(const struct roll_notice *const *)b;

    if (first->at != second->at)
        return first->at < second->at ? -1 : 1;
    if (first->rollout != second->rollout)
        return first->rollout < second->rollout ? -1 : 1;
    return (second->word == ROLL_NOTICE_HOTFIX) - (first->word == ROLL_NOTICE_HOTFIX);
}

/* ---- details --------------------------------------------------------------------------------- */

struct first_error {
    int64_t at;
    char *text;
};

static struct roll_error *see_step(void *user, const struct roll_step_row *row)
{
    struct first_error *first = user;

    if (!row->outcome || (!row->code && !row->message) || strcmp(row->outcome, "succeeded") == 0 ||
        (first->text && first->at <= row->ended_at))
        return NULL;
    g_free(first->text);
    first->at = row->ended_at;
    first->text =
        g_strdup_printf("%s: %s%s%s", row->target, row->code ? row->code : "",
                        row->code && row->message ? ": " : "", row->message ? row->message : "");
    return NULL;
}

static struct roll_error *asks_for_approval(struct roll_ledger *ledger,
                                            const struct roll_notice *notice, bool *ret_asks)
{
    roll_auto(event) struct roll_event *event = NULL;
    const struct roll_rollout_requested *body;

    ROLL_TRY(roll_ledger_event(ledger, notice->stream, notice->rollout, &event));
    body = roll_event_body(event, rollout_requested);
    *ret_asks = body && json_array_size(json_object_get(body->gates, "approvals")) > 0;
    return NULL;
}

/* What is new of it: a look that finds less than the one before is no news. */
static struct roll_error *count_fresh(struct roll_ledger *ledger, struct roll_notice *notice)
{
    roll_auto(event) struct roll_event *event = NULL;
    const struct roll_drift_checked *body;

    ROLL_TRY(roll_ledger_event(ledger, notice->stream, notice->event, &event));
    body = event ? roll_event_body(event, drift_checked) : NULL;
    if (!body || body->fresh == 0 || body->fresh == body->differences)
        return NULL;
    g_free(notice->state);
    notice->state = g_strdup_printf("%" PRId64 " new difference%s, %" PRId64 " in all", body->fresh,
                                    body->fresh == 1 ? "" : "s", body->differences);
    return NULL;
}

struct roll_error *roll_notice_describe(struct roll_ledger *ledger, struct roll_notice *notice)
{
    struct first_error first = {0};
    bool asks = false;

    if (notice->word == ROLL_NOTICE_DRIFT)
        ROLL_TRY(count_fresh(ledger, notice));
    if (!notice->rollout) {
        g_free(notice->next);
        notice->next = g_strdup_printf(
            "roll %s %s", notice->word == ROLL_NOTICE_DRIFT ? "drift" : "status", notice->stream);
        return NULL;
    }
    if (notice->word == ROLL_NOTICE_OWED) {
        g_autofree char *name = g_strdup_printf("%s#%" PRId64, notice->stream, notice->rollout);
        g_free(notice->next);
        notice->next = roll_debt_next(name, notice->subject);
        return NULL;
    }
    struct roll_error *err =
        roll_ledger_steps(ledger, notice->stream, notice->rollout, see_step, &first);

    g_free(notice->error);
    g_free(notice->next);
    notice->error = first.text;
    if (!err && notice->word == ROLL_NOTICE_WAITING)
        err = asks_for_approval(ledger, notice, &asks);
    if (notice->word == ROLL_NOTICE_FAILED && strcmp(notice->kind, "back") != 0 && notice->from)
        notice->next = g_strdup_printf("roll back %s", notice->stream);
    else
        notice->next = g_strdup_printf("roll %s %s#%" PRId64, asks ? "approve" : "show",
                                       notice->stream, notice->rollout);
    return err;
}

struct roll_error *roll_notices(struct roll_ledger *ledger, const char *stream, unsigned words,
                                int64_t now_ms, GPtrArray **ret_notices)
{
    g_autoptr(GPtrArray) notices = g_ptr_array_new_with_free_func((GDestroyNotify)roll_notice_free);
    struct search search = {
        .stream = stream, .words = words, .since = now_ms - ROLL_NOTICE_AGE_MS, .notices = notices};
    struct roll_rollout_query query = {.stream = stream, .limit = ROLL_NOTICE_ROLLOUTS};

    ROLL_TRY(roll_ledger_rollouts(ledger, &query, see_rollout, &search));
    ROLL_TRY(roll_ledger_looks(ledger, stream, see_look, &search));
    if (words & 1U << ROLL_NOTICE_OWED)
        ROLL_TRY(roll_notices_owed(ledger, stream, search.since, now_ms, notices));
    g_ptr_array_sort(notices, by_time);
    *ret_notices = g_steal_pointer(&notices);
    return NULL;
}
