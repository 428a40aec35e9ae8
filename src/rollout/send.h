/* How steps are sent: what the rows of the table (send.c) share. */
#ifndef ROLL_ROLLOUT_SEND_H
#define ROLL_ROLLOUT_SEND_H

#include "rollout/driver.h"

/* ---- send_put.c: a PUT of a template, up to the moment when it leaves ------------------------ */

struct roll_put {
    struct roll_send *send;
    GString *template_text, *parameters_text;
    json_t *tags;
    void (*ready)(struct roll_put *put); /* everything is at hand; consumes put */
};

/* Reads what is recorded, and looks for the resource group or makes it; then ready is called, now
 * or later. What goes wrong is answered. */
void roll_put_begin(struct roll_send *send, const struct roll_action *action,
                    void (*ready)(struct roll_put *put));
/* Looking around may have taken longer than the fence holds: then the answer is UNSENT (the machine
 * renews its claim and comes again), and put is consumed. */
bool roll_put_may_leave(struct roll_put *put);
/* Answers with reply and frees put. */
void roll_put_reply(struct roll_put *put, const struct roll_arm_reply *reply);
void roll_put_free(struct roll_put *put);

/* tags.c: what the deployment or stack says of itself. New reference. */
json_t *roll_send_tags(const struct roll_send *send, const char *request_hash);

struct roll_arm_scope roll_send_scope(const struct roll_order_target *target);
/* Answers the send that user is. */
void roll_send_answered(void *user, const struct roll_arm_reply *reply);
/* The same with what is kept of a final answer. */
void roll_send_seen(void *user, const struct roll_arm_reply *reply);

/* ---- send_stack.c --------------------------------------------------------------------------- */

extern const struct roll_step_driver roll_stack_driver;

#endif
