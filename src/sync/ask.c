/* A call of storage as a question that is waited for. In a hurry the wait ends in time, whatever
 * the network and the credential do; an answer that comes later is thrown away. */
#include <stdarg.h>
#include <string.h>

#include "rollbook/time.h"
#include "sync/sync.h"

enum { PRECISE_MS = 3000 };

struct answer *sync_answer_new(struct roll_sync *sync)
{
    struct answer *answer = g_new0(struct answer, 1);
    int64_t left = sync->give_up_at ? sync->give_up_at - roll_boot_ms() : 0;

    answer->sync = sync;
    answer->length = -1;
    answer->asked_ms = roll_now_ms();
    sync->report.requests++;
    roll_storage_set_patience(sync->storage, sync->give_up_at != 0,
                              sync->give_up_at ? MAX(left, 1) : 0);
    return answer;
}

void sync_answer_free(struct answer *answer)
{
    if (!answer)
        return;
    g_free(answer->code);
    g_free(answer->message);
    g_free(answer->etag);
    if (answer->body)
        g_string_free(answer->body, TRUE);
    g_free(answer);
}

/* The header has whole seconds, and was written some time between question and answer: the two
 * clocks agree when they may. One that took long says less than what is known. */
static void compare_clocks(const struct answer *answer)
{
    struct roll_sync_clock *clock = &answer->sync->clock;
    int64_t least = answer->server_date_ms - roll_now_ms();
    int64_t most = answer->server_date_ms + 999 - answer->asked_ms;

    if (!answer->server_date_ms || (clock->known && most - least > PRECISE_MS))
        return;
    clock->known = true;
    clock->ahead_ms = least > 0 ? least : MIN(most, 0);
}

struct roll_sync_clock roll_sync_clock(const struct roll_sync *sync)
{
    return sync->clock;
}

void sync_answered(void *user, const struct roll_storage_reply *reply)
{
    struct answer *answer = user;
    struct roll_loop *loop = answer->sync->loop;

    if (answer->abandoned) {
        g_ptr_array_remove_fast(answer->sync->answers, answer);
        return;
    }
    answer->done = true;
    answer->outcome = reply->outcome;
    answer->status = reply->status;
    answer->code = g_strdup(reply->code);
    answer->message = g_strdup(reply->message);
    answer->etag = g_strdup(reply->etag);
    answer->body = g_string_new_len(reply->body, (gssize)reply->body_size);
    answer->length = reply->length;
    answer->server_date_ms = reply->server_date_ms;
    answer->unproved = reply->unproved;
    compare_clocks(answer);
    answer->sync->report.requests += MAX(reply->attempts - 1, 0);
    roll_loop_stop(loop);
}

static void too_late(void *user)
{
    roll_loop_stop(user);
}

struct roll_error *sync_wait(struct roll_sync *sync, struct answer **place)
{
    struct answer *answer = *place;
    unsigned timer =
        sync->give_up_at ? roll_loop_timer(sync->loop, sync->give_up_at, too_late, sync->loop) : 0;
    struct roll_error *err = NULL;

    while (!err && !answer->done && (!sync->give_up_at || roll_boot_ms() < sync->give_up_at))
        err = roll_loop_run(sync->loop);
    roll_loop_cancel_timer(sync->loop, timer);
    if (answer->done)
        return err;
    answer->abandoned = true;
    g_ptr_array_add(sync->answers, answer);
    *place = NULL;
    return err ? err
               : roll_error_new(ROLL_E_TIMEOUT, "the shared store did not answer within %d s",
                                (int)(sync->patience_ms / 1000));
}

struct roll_error *sync_failed(const struct answer *answer, const char *format, ...)
{
    const struct roll_storage_reply reply = {.outcome = answer->outcome,
                                             .status = answer->status,
                                             .code = answer->code,
                                             .message = answer->message};
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return answer->outcome == ROLL_STORAGE_FORBIDDEN ? sync_refused(answer, what)
                                                     : roll_storage_error(&reply, what);
}

void sync_hurry_for(struct roll_sync *sync, int64_t patience_ms)
{
    sync->patience_ms = patience_ms;
    sync->give_up_at = patience_ms ? roll_boot_ms() + patience_ms : 0;
}

void roll_sync_hurry(struct roll_sync *sync, bool hurry)
{
    sync_hurry_for(sync, hurry ? ROLL_SYNC_EMERGENCY_MS : 0);
}

bool roll_sync_is_absent(const struct roll_error *err)
{
    enum roll_code code = roll_error_code(err);

    return code == ROLL_E_HTTP || code == ROLL_E_TIMEOUT || code == ROLL_E_CREDENTIAL ||
           code == ROLL_E_NOT_FOUND;
}
