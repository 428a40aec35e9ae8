/* Faults on purpose, in the order and number that their SPECs say; `roll sandbox --help` explains
 * them to people. Private to the module.
 *
 *   fail=TYPE[:COUNT]                        resources of TYPE end Failed
 *   status=CODE:METHOD:PATHPART[:COUNT]      answered so, nothing done
 *   later=CODE:METHOD:PATHPART[:COUNT]       answered 202, nothing done; its Location ends so
 *   delay=MS:METHOD:PATHPART[:COUNT]         done at once, answered later
 *   drop=METHOD:PATHPART[:COUNT]             done, then the connection is closed without an answer
 *   lost=METHOD:PATHPART[:COUNT]             closed without an answer, nothing done
 *   truncate=METHOD:PATHPART[:COUNT]         done, then half of the answer's body
 *   twice=METHOD:PATHPART[:COUNT]            done twice, as by a proxy that repeats; the second
 * answer retry-after=VALUE:METHOD:PATHPART[:COUNT]  that header instead of the right one
 *   404-poll=COUNT                           polls of operation statuses find nothing
 *   seed=NUMBER                              what chance is made from
 *
 * METHOD may be *; PATHPART is a part of the path, without regard to case; COUNT: so many times,
 * the first ones, or `N%`, a chance that follows from seed and number alone; without it every time.
 */
#ifndef SANDBOX_FAULTS_H
#define SANDBOX_FAULTS_H

#include "sandbox/http.h"

struct sandbox_faults;

/* specs is NULL-terminated or NULL. ROLL_E_USAGE names the one that is not understood. */
struct roll_error *sandbox_faults_new(const char *const *specs, struct sandbox_faults **ret_faults)
    ROLL_CHECKED;
void sandbox_faults_free(struct sandbox_faults *faults);

struct sandbox_fault_hit {
    int status, later; /* 0: none */
    int64_t delay_ms;
    bool drop, lost, truncate, twice;
    const char *retry_after; /* borrowed, or NULL */
};
/* What is to happen to this request; counts. */
struct sandbox_fault_hit sandbox_faults_request(struct sandbox_faults *faults, const char *method,
                                                const char *path);
bool sandbox_faults_type(struct sandbox_faults *faults, const char *type);
bool sandbox_faults_poll(struct sandbox_faults *faults);

/* ---- what a fault answers (fault_reply.c) ---- */

void sandbox_fault_reply(const struct sandbox_request *request, int status,
                         struct sandbox_reply *reply);
/* 202 and a Location, at which the request has ended with that status. */
struct roll_error *sandbox_fault_later(struct sandbox_server *server,
                                       const struct sandbox_request *request, int status,
                                       struct sandbox_reply *reply) ROLL_CHECKED;
/* `past` and `future` are dates; every other text stands in the header as it is. */
void sandbox_fault_retry_after(const struct sandbox_request *request, const char *value,
                               struct sandbox_reply *reply);

#endif
