/* One moment in the life of deployments, shared by the files that do it. Private to the module. */
#ifndef SANDBOX_LIFE_H
#define SANDBOX_LIFE_H

#include "sandbox/deployment.h"

/* One moment: at_ms, and the deployments in which something ended then. A queue instead of
 * recursion, since a nested deployment can end while its parent is being looked through. */
struct moment {
    struct sandbox_server *server;
    int64_t at_ms;
    GQueue ready; /* of int64_t *: serials */
};
/* Each serial stands in the queue once. */
void moment_push(struct moment *moment, int64_t serial);

char *life_text(const json_t *value); /* compact JSON, owned by the caller */
json_t *life_value(const char *text); /* new reference; NULL for NULL */
json_t *life_error(const char *code, const char *target, const char *message);
/* A refusal of the template's evaluation becomes the operation's error; anything else is the
 * sandbox's own. Consumes. */
struct roll_error *life_as_failure(struct roll_error *err, const char *target, json_t **ret_failure)
    ROLL_CHECKED;

/* life_end.c: nothing runs any more and nothing is to come. operations: all of its operations. */
struct roll_error *life_end_deployment(struct moment *moment, struct sandbox_deployment *deployment,
                                       GPtrArray *operations) ROLL_CHECKED;
/* A nested deployment has ended: so has its operation. */
struct roll_error *life_end_parent(struct moment *moment,
                                   const struct sandbox_deployment *deployment) ROLL_CHECKED;
/* The parameters as they were sent may hold secrets; once a deployment has ended nothing needs them
 * any more. */
void life_forget_parameters(struct sandbox_deployment *deployment);

/* on_error.c: what follows when a deployment has ended, saved as it is. */
struct roll_error *life_after_end(struct moment *moment, struct sandbox_deployment *deployment)
    ROLL_CHECKED;

/* life_work.c: the time of a running operation is over. */
struct roll_error *life_complete_operation(struct moment *moment, int64_t serial, int64_t position)
    ROLL_CHECKED;
/* Something ended in this deployment, or it has just begun: start what can start, or end it. */
struct roll_error *life_go_on(struct moment *moment, int64_t serial) ROLL_CHECKED;

#endif
