/* An ARM that answers at once, to measure the way to it and nothing else: deployments over TLS,
 * tokens over plain HTTP, both on loopback, in threads of their own. */
#ifndef ROLL_BENCH_ARM_H
#define ROLL_BENCH_ARM_H

#include <glib.h>

struct bench_arm;

/* folder gets ca.pem, and with the first PUT its body as put.json. Borrowed. */
struct bench_arm *bench_arm_start(const char *folder);
void bench_arm_stop(struct bench_arm *arm);

unsigned bench_arm_port(const struct bench_arm *arm);       /* TLS */
unsigned bench_arm_token_port(const struct bench_arm *arm); /* plain */

/* When the next PUT after this call was answered, by bench_now: waits for it at most 20 seconds;
 * 0 when none came. Call bench_arm_expect before whatever sends it is started. */
void bench_arm_expect(struct bench_arm *arm);
double bench_arm_answered(struct bench_arm *arm);

/* Path and query of the first PUT, borrowed; NULL before. */
const char *bench_arm_first(const struct bench_arm *arm);

#endif
