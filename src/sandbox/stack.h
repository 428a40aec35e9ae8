/* Deployment stacks: rows, life, deny settings and handlers (REST reference 4). Private to the
 * module.
 *
 * A stack lies on top of an ordinary deployment: the PUT starts one, its end tells what the stack
 * manages from now on, and what has left the stack is detached or, one operation's time later,
 * deleted. Like a deployment's, a stack's state follows from stored times. */
#ifndef SANDBOX_STACK_H
#define SANDBOX_STACK_H

#include "sandbox/deployment.h"

struct sandbox_stack {
    int64_t serial;
    char *key, *id, *scope; /* scope: key of the holder */
    char *state;            /* in lower camel case, as ARM spells a stack's */
    char *operation;        /* GUID of the last change's operationStatus */
    int64_t deployment;     /* serial of the managed deployment, 0: none */
    int64_t started_ms;
    json_t *body;    /* owned: what GET answers */
    char *template;  /* text */
    json_t *pending; /* owned, or NULL: {"delete":[ID],"remove":BOOL} */
};
void sandbox_stack_free(struct sandbox_stack *stack);
ROLL_AUTO_DEFINE(sandbox_stack, struct sandbox_stack, sandbox_stack_free)

/* ---- rows (stack_rows.c) ---- */

/* NULL and no error when there is none. */
struct roll_error *sandbox_stack_find(struct sandbox_server *server, const char *id,
                                      struct sandbox_stack **ret_stack) ROLL_CHECKED;
struct roll_error *sandbox_stack_of(struct sandbox_server *server, int64_t deployment,
                                    struct sandbox_stack **ret_stack) ROLL_CHECKED;
/* Appends struct sandbox_stack, oldest first; those that deny something, of all scopes, without a
 * scope. */
struct roll_error *sandbox_stack_page(struct sandbox_server *server, const char *scope_id,
                                      int64_t after, int top, GPtrArray *out) ROLL_CHECKED;
GPtrArray *sandbox_stacks_new(void);
/* Inserts or rewrites, and notes the state of its operation. */
struct roll_error *sandbox_stack_save(struct sandbox_server *server,
                                      const struct sandbox_stack *stack) ROLL_CHECKED;
/* Its operation ends succeeded. */
struct roll_error *sandbox_stack_remove(struct sandbox_server *server,
                                        const struct sandbox_stack *stack) ROLL_CHECKED;
bool sandbox_stack_is_active(const struct sandbox_stack *stack);
json_t *sandbox_stack_properties(const struct sandbox_stack *stack); /* borrowed */
/* Sets the state, also in the body. */
void sandbox_stack_enter(struct sandbox_stack *stack, const char *state);

/* ---- life (stack_life.c) ---- */

/* A deployment has ended (or was cancelled): if a stack manages it, the stack goes on. */
struct roll_error *sandbox_stack_deployed(struct sandbox_server *server,
                                          const struct sandbox_deployment *deployment,
                                          int64_t at_ms) ROLL_CHECKED;
#define SANDBOX_STACK_TASK "clean-stack"
/* The time of its deletions is over. */
struct roll_error *sandbox_stack_clean(struct sandbox_server *server, const char *id, int64_t at_ms)
    ROLL_CHECKED;
/* What the stack manages goes, as the two words say, and then the stack itself. *ret_at_once: it
 * is gone already, since nothing had to be deleted. */
struct roll_error *sandbox_stack_leave(struct sandbox_server *server, struct sandbox_stack *stack,
                                       bool delete_resources, bool delete_groups, int64_t at_ms,
                                       bool *ret_at_once) ROLL_CHECKED;

/* ---- deny settings (stack_deny.c) ---- */

/* Is the action in a list of such as `Microsoft.Storage/storageAccounts/delete`, or with stars? */
bool sandbox_action_matches(const json_t *list, const char *action);
/* *ret_free is false, and DenyAssignmentAuthorizationFailed in reply, when a stack denies the
 * change. deployment: serial of the one that makes it, 0: a client; a stack does not deny what its
 * own deployment does. principal: the caller's object id, or NULL. verb: write or delete. */
struct roll_error *sandbox_stack_check(struct sandbox_server *server, const struct sandbox_id *id,
                                       const char *verb, int64_t deployment, const char *principal,
                                       struct sandbox_reply *reply, bool *ret_free) ROLL_CHECKED;

/* The same for what a client asks for, by its token. */
struct roll_error *sandbox_stack_check_request(struct sandbox_server *server,
                                               const struct sandbox_request *request,
                                               const struct sandbox_id *id, const char *verb,
                                               struct sandbox_reply *reply, bool *ret_free)
    ROLL_CHECKED;

/* ---- requests (stack_request.c) ---- */

/* What a PUT or validate asks for. */
struct sandbox_stack_asked {
    json_t *body;            /* owned */
    GString *strict;         /* owned */
    json_t *action, *deny;   /* owned */
    struct sandbox_new made; /* the managed deployment; empty when the request was refused */
};
void sandbox_stack_asked_clear(struct sandbox_stack_asked *asked);
/* Reads a PUT or validate. A refusal is in reply and leaves asked->made empty; clear it anyhow. */
struct roll_error *sandbox_stack_read(struct sandbox_server *server,
                                      struct sandbox_request *request, struct sandbox_reply *reply,
                                      struct sandbox_stack_asked *asked) ROLL_CHECKED;
/* A tenant has no stacks, and a group must be there. */
struct roll_error *sandbox_stack_check_scope(struct sandbox_server *server,
                                             const struct sandbox_request *request,
                                             struct sandbox_reply *reply, bool *ret_there)
    ROLL_CHECKED;

/* ---- handlers (stacks.c) ---- */

struct roll_error *sandbox_stack_put(struct sandbox_server *, struct sandbox_request *,
                                     struct sandbox_reply *);
struct roll_error *sandbox_stack_get(struct sandbox_server *, struct sandbox_request *,
                                     struct sandbox_reply *);
struct roll_error *sandbox_stack_list(struct sandbox_server *, struct sandbox_request *,
                                      struct sandbox_reply *);
struct roll_error *sandbox_stack_delete(struct sandbox_server *, struct sandbox_request *,
                                        struct sandbox_reply *);
struct roll_error *sandbox_stack_validate(struct sandbox_server *, struct sandbox_request *,
                                          struct sandbox_reply *);
struct roll_error *sandbox_stack_export(struct sandbox_server *, struct sandbox_request *,
                                        struct sandbox_reply *);
struct roll_error *sandbox_stack_status(struct sandbox_server *, struct sandbox_request *,
                                        struct sandbox_reply *);

#endif
