/* Faults on purpose, in the order and number that their SPECs say. Private to the module.
 *
 *   fail=TYPE[:COUNT]                        resources of TYPE end Failed (the first COUNT of them)
 *   status=CODE:METHOD:PATHPART[:COUNT]      answered so, nothing done
 *   delay=MS:METHOD:PATHPART[:COUNT]         done at once, answered later
 *   drop=METHOD:PATHPART[:COUNT]             done, then the connection is closed without an answer
 *   404-poll=COUNT                           the first COUNT polls of operation statuses find
 * nothing
 *
 * METHOD may be *; PATHPART is a part of the path, without regard to case; without COUNT: every
 * time. */
#ifndef SANDBOX_FAULTS_H
#define SANDBOX_FAULTS_H

#include "rollbook/error.h"

struct sandbox_faults;

/* specs is NULL-terminated or NULL. ROLL_E_USAGE names the one that is not understood. */
struct roll_error *sandbox_faults_new(const char *const *specs, struct sandbox_faults **ret_faults)
    ROLL_CHECKED;
void sandbox_faults_free(struct sandbox_faults *faults);

struct sandbox_fault_hit {
    int status; /* 0: none */
    int64_t delay_ms;
    bool drop;
};
/* What is to happen to this request; counts. */
struct sandbox_fault_hit sandbox_faults_request(struct sandbox_faults *faults, const char *method,
                                                const char *path);
bool sandbox_faults_type(struct sandbox_faults *faults, const char *type);
bool sandbox_faults_poll(struct sandbox_faults *faults);

#endif
