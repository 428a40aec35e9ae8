/* Requests to ARM: what the files of azure build on. */
#ifndef ROLLBOOK_AZURE_ARM_H
#define ROLLBOOK_AZURE_ARM_H

#include "rollbook/azure.h"
#include "rollbook/json.h"

/* One version for all calls on deployments, groups and their operations. 2022-09-01 has all that is
 * used here (what-if, tags, symbolic names), is the version of the recorded traffic that the
 * reference rests on, and is offered in every cloud; sovereign clouds get newer ones later (REST
 * reference 1.2, 11). */
#define ARM_API_VERSION "2022-09-01"

/* ---- budget.c: reads of a subscription, paced where ARM counts them ---- */

struct budget;
struct budget *budget_new(void);
void budget_free(struct budget *budget);
/* When the next read of this subscription ("": tenant) may leave, boot ms; at most now when at
 * once. Counts it. */
int64_t budget_take(struct budget *budget, const char *subscription, int64_t now);
/* A write's reply: ARM that counts writes counts reads. */
void budget_saw_write(struct budget *budget, const char *subscription,
                      const struct roll_http_reply *reply);
/* ARM counts the reads of this subscription. */
bool budget_counts(struct budget *budget, const char *subscription);
/* What a reply says: counters switch pacing on, 429 holds all reads back. */
void budget_saw(struct budget *budget, const char *subscription,
                const struct roll_http_reply *reply, int64_t now);

/* ---- arm.c ---- */

struct arm_call; /* one request under way */

struct roll_arm {
    struct roll_loop *loop;             /* borrowed */
    const struct roll_cloud *cloud;     /* borrowed */
    struct roll_credential *credential; /* borrowed */
    GPtrArray *auxiliary; /* struct roll_credential *, borrowed: of other tenants */
    struct budget *budget;
    GHashTable *calls; /* struct arm_call, owned */
};

struct arm_request {
    const char *method;
    const char *url;  /* absolute, within the cloud */
    const char *body; /* or NULL */
    size_t body_size;
    const char *correlation_id; /* or NULL */
    const char *subscription;   /* of a read, for its budget ("": tenant); NULL: no read */
    const char *written;        /* of a PUT: whose counters the reply may have; or NULL */
    enum roll_http_retry retry;
    int64_t deadline_ms; /* of all attempts; 0: http's default */
    int64_t at;          /* boot ms, not before; 0 */
    int64_t leave_by;    /* boot ms, not after; 0 */
};

/* err: no token, then reply is NULL. Everything is borrowed. */
typedef void (*arm_fn)(void *user, const struct roll_http_reply *reply,
                       const struct roll_error *err);

/* fn is called once, or, when the arm is freed before, free_user. */
void arm_send(struct roll_arm *arm, const struct arm_request *request, arm_fn fn, void *user,
              GDestroyNotify free_user);

/* ---- scope.c: addresses. All owned by the caller ---- */

char *arm_deployments_url(const struct roll_arm *arm, const struct roll_arm_scope *scope);
/* suffix: "", "/cancel", … */
char *arm_deployment_url(const struct roll_arm *arm, const struct roll_arm_scope *scope,
                         const char *name, const char *suffix);
char *arm_operations_url(const struct roll_arm *arm, const struct roll_arm_scope *scope,
                         const char *name);
const char *arm_scope_subscription(const struct roll_arm_scope *scope); /* "" for the tenant */
/* Each segment of an id encoded, slashes kept; suffix as it is ("", "/providers/…"). */
char *arm_id_url(const struct roll_arm *arm, const char *id, const char *suffix,
                 const char *api_version);
char *arm_id_subscription(const char *id); /* "" when it has none */

/* A scope that owns its texts, read from a deployment's id. */
struct deployment_id {
    struct roll_arm_scope scope;
    char *name;
    char *texts[3];
};
bool deployment_id_parse(const char *id, struct deployment_id *ret_id);
void deployment_id_clear(struct deployment_id *id);

/* ---- reply.c ---- */

/* What a good reply must have, so that nothing unreadable counts as an answer. */
enum arm_rule {
    ARM_DEPLOYMENT, /* a deployment with its provisioningState */
    ARM_STATUS,     /* Azure-AsyncOperation: {"status":…} */
    ARM_LOCATION,   /* Location, or either: a state in the body decides, else 202 is running and
                       another 2xx the end */
    ARM_OBJECT,     /* a JSON object */
    ARM_THERE,      /* HEAD: a 404 has no words, and is an answer all the same */
    ARM_ANY,
};

/* A reply with its own memory. */
struct arm_answer {
    struct roll_arm_reply reply;
    json_t *body; /* owned; reply.body borrows it */
    char *code, *message, *error_json, *correlation_id, *poll_url;
};
void arm_answer_read(struct arm_answer *answer, const struct roll_arm *arm, enum arm_rule rule,
                     const struct roll_http_reply *reply, const struct roll_error *err);
void arm_answer_clear(struct arm_answer *answer);
/* Sets body (stolen) and the reply's view of it. */
void arm_answer_take_body(struct arm_answer *answer, json_t *body);
/* Replaces code and message (copied). */
void arm_answer_fail(struct arm_answer *answer, enum roll_arm_outcome outcome, const char *code,
                     const char *message);

/* An error in the body of a good answer is a no, whatever the status says; so is an end without
 * success. */
void arm_refuse_if_error(struct arm_answer *answer);

/* One request, one reply: reads the answer by the rule and calls fn. */
void arm_simple(struct roll_arm *arm, const struct arm_request *request, enum arm_rule rule,
                roll_arm_fn fn, void *user);

/* ---- advice.c ---- */

struct arm_advice {
    const char *code, *advice;
};
extern const struct arm_advice arm_advices[]; /* NULL at the end */

/* ---- wait.c ---- */

/* Sends, and follows Azure-AsyncOperation or Location to the end. until_ms: how long, from now.
 * first_rule: of a 2xx that is the whole answer. done gets the last answer, which it may change; OK
 * with a final state, or without one. */
typedef void (*arm_done_fn)(struct arm_answer *answer, bool polled, roll_arm_fn fn, void *user);
void arm_wait(struct roll_arm *arm, const struct arm_request *request, int64_t until_ms,
              const char *subscription, arm_done_fn done, roll_arm_fn fn, void *user);

/* Answers without a body: an outcome and its words. */
void arm_say(roll_arm_fn fn, void *user, enum roll_arm_outcome outcome, int status,
             const char *code, const char *message);

/* As a roll_arm_fn wants it: what was polled to an end without success is REFUSED, with what (“the
 * action”) in its message where ARM gives none. */
void arm_settled(struct arm_answer *answer, bool polled, const char *what, roll_arm_fn fn,
                 void *user);

/* ---- list.c ---- */

/* A list as a roll_arm_fn wants it: all pages from url on, at most max items; body: {"value": […]}.
 */
void arm_list(struct roll_arm *arm, const char *url, const char *subscription, size_t max,
              roll_arm_fn fn, void *user);

/* All pages from url on, at most max items; page_fn is called for each item (borrowed) in order,
 * then done. On a failure of any page done gets its answer. */
void arm_pages(struct roll_arm *arm, const char *url, const char *subscription, size_t max,
               void (*item)(void *user, json_t *item),
               void (*done)(void *user, struct arm_answer *answer), void *user,
               GDestroyNotify free_user);

#endif
