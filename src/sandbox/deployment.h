/* Deployments: their rows, their life and their handlers (REST reference 1). Private to the module.
 *
 * Nothing here waits: a row says when each running operation will have ended, and
 * sandbox_life_advance does, in the order of those times, what has become due. So a killed server
 * goes on where it was. */
#ifndef SANDBOX_DEPLOYMENT_H
#define SANDBOX_DEPLOYMENT_H

#include "rollbook/time.h"
#include "sandbox/http.h"
#include "sandbox/server.h"

struct sandbox_deployment {
    int64_t serial;
    char *key, *id, *scope; /* scope: key of the holder */
    char *state;
    char *status_id; /* the 20 digits of its operationStatuses URL (REST reference 1.5) */
    int64_t started_ms, changed_ms;
    char *correlation;
    char *location; /* or NULL */
    char *tags;     /* JSON or NULL */
    char *mode;
    char *digest; /* of the template's text */
    char *hash;
    char *parameters; /* JSON as it was sent; without secrets once the deployment has ended */
    char *shown;      /* JSON: parameters as answers show them */
    char *extra;      /* JSON: providers, dependencies and what else is fixed from the start */
    char *outputs, *output_resources, *error; /* JSON or NULL */
    bool failing;                             /* an operation has failed: nothing more is started */
    int64_t parent, parent_position; /* the operation that this nested deployment is; 0: none */
    char *on_error; /* JSON or NULL: onErrorDeployment, or of which deployment this is the rerun */
};
void sandbox_deployment_free(struct sandbox_deployment *deployment);
ROLL_AUTO_DEFINE(sandbox_deployment, struct sandbox_deployment, sandbox_deployment_free)

struct sandbox_operation {
    int64_t position;
    char *id, *target, *type;
    char *state; /* Waiting, Running, Succeeded, Failed, Canceled */
    int64_t start_ms, end_ms;
    int64_t nested; /* serial, 0: none */
    bool created;
    char *error; /* JSON or NULL */
    char *kind;  /* provisioningOperation: Create or Delete */
};

/* ---- rows (deployment_rows.c) ---- */

/* NULL and no error when there is none. */
struct roll_error *sandbox_deployment_find(struct sandbox_server *server, const char *id,
                                           struct sandbox_deployment **ret_deployment) ROLL_CHECKED;
struct roll_error *sandbox_deployment_load(struct sandbox_server *server, int64_t serial,
                                           struct sandbox_deployment **ret_deployment) ROLL_CHECKED;
/* Appends struct sandbox_deployment, newest first; state NULL: in any. */
struct roll_error *sandbox_deployment_page(struct sandbox_server *server, const char *scope_id,
                                           int64_t before, const char *state, int top,
                                           GPtrArray *out) ROLL_CHECKED;
/* The newest one that succeeded, nested ones and except_id left out. NULL when there is none. */
struct roll_error *sandbox_deployment_last_good(struct sandbox_server *server, const char *scope_id,
                                                const char *except_id, char **ret_id) ROLL_CHECKED;
/* Sets serial. Replaces an older row of the same name. */
struct roll_error *sandbox_deployment_insert(struct sandbox_server *server,
                                             struct sandbox_deployment *deployment,
                                             const char *template_text, size_t template_size)
    ROLL_CHECKED;
struct roll_error *sandbox_deployment_save(struct sandbox_server *server,
                                           const struct sandbox_deployment *deployment)
    ROLL_CHECKED;
struct roll_error *sandbox_deployment_remove(struct sandbox_server *server,
                                             const struct sandbox_deployment *deployment)
    ROLL_CHECKED;
bool sandbox_deployment_is_active(const struct sandbox_deployment *deployment);
const char *sandbox_deployment_name(const struct sandbox_deployment *deployment);
GPtrArray *sandbox_deployments_new(void);

struct roll_error *sandbox_operation_add(struct sandbox_server *server, int64_t deployment,
                                         int64_t position, const char *kind, const char *target,
                                         const char *type) ROLL_CHECKED;
struct roll_error *sandbox_operation_start(struct sandbox_server *server, int64_t deployment,
                                           int64_t position, int64_t start_ms, int64_t end_ms,
                                           int64_t nested) ROLL_CHECKED;
/* error_json NULL for a success. */
struct roll_error *sandbox_operation_end(struct sandbox_server *server, int64_t deployment,
                                         int64_t position, const char *state, int64_t end_ms,
                                         bool created, const char *error_json) ROLL_CHECKED;
/* Appends struct sandbox_operation by position. */
struct roll_error *sandbox_operations(struct sandbox_server *server, int64_t deployment,
                                      GPtrArray *out) ROLL_CHECKED;
GPtrArray *sandbox_operations_new(void);

/* ---- the history of a scope (history.c) ---- */

#define SANDBOX_HISTORY_LIMIT 800
/* False, and ScopeLocked in reply, when a lock keeps this entry. */
struct roll_error *sandbox_history_deletable(struct sandbox_server *server,
                                             const struct sandbox_deployment *deployment,
                                             struct sandbox_reply *reply, bool *ret_deletable)
    ROLL_CHECKED;
/* Trims the history that deployment would join. *ret_full: there is still no room for it. */
struct roll_error *sandbox_history_groom(struct sandbox_server *server,
                                         const struct sandbox_deployment *deployment,
                                         bool *ret_full) ROLL_CHECKED;

/* ---- templates and runs (deployment_run.c) ---- */

/* A parsed template by its text, from the cache if it is there. New reference. Errors of
 * roll_template_read. */
struct roll_error *sandbox_template_read(struct sandbox_server *server, const char *text,
                                         size_t size, char **ret_digest,
                                         struct roll_template **ret_template) ROLL_CHECKED;
/* By digest: the stored text. NULL and no error when it is gone. Owned by the caller. */
struct roll_error *sandbox_template_text(struct sandbox_server *server, const char *digest,
                                         char **ret_text) ROLL_CHECKED;

/* What a template is evaluated with; its texts belong to the frame. */
struct sandbox_frame {
    struct roll_template_input input;
    json_t *parameters;  /* owned: Key Vault references have become values */
    json_t *group_tags;  /* owned, or NULL */
    json_t *environment; /* owned */
    struct sandbox_id id;
    char utc_now[ROLL_TIME_SIZE];
    char *location;
    char *seed;
};

/* A template with its frame, ready to be evaluated resource by resource. */
struct sandbox_run {
    struct roll_template *tmpl;
    struct sandbox_frame frame;
    struct roll_template_run *run;
};
/* deployment_id is whole; nested: another deployment's operation; parameters is JSON text. The same
 * arguments give the same run. Refusals of the template have the code ROLL_E_TEMPLATE. tmpl is
 * referenced. */
struct roll_error *sandbox_run_new(struct sandbox_server *server, struct roll_template *tmpl,
                                   const char *deployment_id, bool nested, const char *location,
                                   const char *parameters, int64_t started_ms,
                                   struct sandbox_run **ret_run) ROLL_CHECKED;
void sandbox_run_free(struct sandbox_run *run);
ROLL_AUTO_DEFINE(sandbox_run, struct sandbox_run, sandbox_run_free)

/* The deployment's own run, made again from its row when it is not at hand. Borrowed until the next
 * call. */
struct roll_error *sandbox_run_get(struct sandbox_server *server,
                                   const struct sandbox_deployment *deployment,
                                   struct sandbox_run **ret_run) ROLL_CHECKED;
/* Keeps a run for sandbox_run_get. */
void sandbox_run_keep_take(struct sandbox_server *server, int64_t serial, struct sandbox_run *run);
void sandbox_run_forget(struct sandbox_server *server, int64_t serial);

/* Answers reference() and list*(); server->runtime is set up with it. */
struct roll_template_runtime sandbox_runtime(struct sandbox_server *server);

/* ---- onErrorDeployment (on_error.c) ---- */

/* Reads it from a request's properties into deployment->on_error, LastSuccessful resolved. False
 * and a refusal in reply when there is nothing to go back to. */
struct roll_error *sandbox_on_error_read(struct sandbox_server *server,
                                         struct sandbox_deployment *deployment,
                                         const json_t *properties, struct sandbox_reply *reply,
                                         bool *ret_good) ROLL_CHECKED;
/* As answers show it. New reference, NULL: nothing to show. */
json_t *sandbox_on_error_show(const struct sandbox_deployment *deployment);

/* ---- life (life.c) ---- */

/* Does what has become due until now, in one transaction; nothing when nothing is due. */
struct roll_error *sandbox_life_advance(struct sandbox_server *server, int64_t now_ms) ROLL_CHECKED;
/* Starts a deployment that was inserted: operations without needs begin at at_ms. */
struct roll_error *sandbox_life_begin(struct sandbox_server *server,
                                      struct sandbox_deployment *deployment, int64_t at_ms)
    ROLL_CHECKED;
struct roll_error *sandbox_life_cancel(struct sandbox_server *server,
                                       struct sandbox_deployment *deployment, int64_t at_ms)
    ROLL_CHECKED;

/* ---- making one (deployment_new.c) ---- */

/* What a request's body (or a nested deployment's) leads to: a row that is not yet inserted, and
 * its run. */
struct sandbox_new {
    struct sandbox_deployment *deployment;
    struct sandbox_run *run;
    const char *template_text; /* borrowed from run */
    size_t template_size;
    struct roll_expansion
        *expansion; /* owned; only of what a request asks for: everything that can be known now */
};
void sandbox_new_clear(struct sandbox_new *made);
/* InvalidTemplate with the words of the template's error, and where it stands. */
void sandbox_template_refusal(const struct roll_error *err, struct sandbox_reply *reply);
/* Checks as ARM does. A refusal is in reply and leaves ret_made->deployment NULL. template_text:
 * the template as it stands in the body, so that no number is respelt; NULL: taken from body. */
struct roll_error *sandbox_deployment_make(struct sandbox_server *server, const char *deployment_id,
                                           const json_t *body, const char *template_text,
                                           size_t template_size, const char *correlation,
                                           int64_t at_ms, struct sandbox_reply *reply,
                                           struct sandbox_new *ret_made) ROLL_CHECKED;
/* Fills in expansion, so that what only shows when everything is evaluated (outputs, nested
 * deployments) is refused before anything runs. A refusal is in reply and clears made. */
struct roll_error *sandbox_deployment_expand(struct sandbox_new *made, struct sandbox_reply *reply)
    ROLL_CHECKED;
/* Inserts it with its operations and hands its run to the cache. */
struct roll_error *sandbox_deployment_store(struct sandbox_server *server, struct sandbox_new *made)
    ROLL_CHECKED;

/* Deployed resources at every level, nested deployments themselves left out. Borrowed from
 * resources. */
void sandbox_flatten(const json_t *resources, GPtrArray *out);

/* What providers would refuse before anything runs (preflight.c). A refusal is in reply. */
struct roll_error *sandbox_preflight(struct sandbox_server *server, const struct sandbox_new *made,
                                     struct sandbox_reply *reply, bool *ret_good) ROLL_CHECKED;

/* ---- what answers show (deployment_show.c) ---- */

enum sandbox_show {
    SHOW_ACCEPTED,
    SHOW_GET,
    SHOW_RAW /* names of outputs as the template spells them */
};
json_t *sandbox_deployment_show(const struct sandbox_deployment *deployment, enum sandbox_show how);
/* `PT2.029424S`. */
char *sandbox_duration(int64_t ms);

/* ---- handlers ---- */

/* The id that the request's path names. Owned by the caller. */
char *sandbox_deployment_id(const struct sandbox_request *request);

/* Reads a request for a deployment (PUT, validate, whatIf; deployment_request.c). ret_body: new
 * reference or NULL; a refusal is in reply and leaves ret_made empty. */
struct roll_error *sandbox_request_deployment(struct sandbox_server *server,
                                              struct sandbox_request *request,
                                              struct sandbox_reply *reply, json_t **ret_body,
                                              struct sandbox_new *ret_made) ROLL_CHECKED;

struct roll_error *sandbox_deployment_put(struct sandbox_server *, struct sandbox_request *,
                                          struct sandbox_reply *);
struct roll_error *sandbox_deployment_get(struct sandbox_server *, struct sandbox_request *,
                                          struct sandbox_reply *);
struct roll_error *sandbox_deployment_delete(struct sandbox_server *, struct sandbox_request *,
                                             struct sandbox_reply *);
struct roll_error *sandbox_deployment_list(struct sandbox_server *, struct sandbox_request *,
                                           struct sandbox_reply *);
struct roll_error *sandbox_deployment_status(struct sandbox_server *, struct sandbox_request *,
                                             struct sandbox_reply *);
struct roll_error *sandbox_deployment_cancel(struct sandbox_server *, struct sandbox_request *,
                                             struct sandbox_reply *);
struct roll_error *sandbox_deployment_validate(struct sandbox_server *, struct sandbox_request *,
                                               struct sandbox_reply *);
struct roll_error *sandbox_deployment_what_if(struct sandbox_server *, struct sandbox_request *,
                                              struct sandbox_reply *);
struct roll_error *sandbox_deployment_export(struct sandbox_server *, struct sandbox_request *,
                                             struct sandbox_reply *);
struct roll_error *sandbox_deployment_operations(struct sandbox_server *, struct sandbox_request *,
                                                 struct sandbox_reply *);
struct roll_error *sandbox_template_hash(struct sandbox_server *, struct sandbox_request *,
                                         struct sandbox_reply *);

#endif
