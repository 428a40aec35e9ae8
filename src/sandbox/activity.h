/* The activity log: who changed what, and how it ended (REST reference 10.1). Reads leave no trace
 * in it. Private to the module. */
#ifndef SANDBOX_ACTIVITY_H
#define SANDBOX_ACTIVITY_H

#include "sandbox/http.h"

/* Before and after a request that changes something; nothing for others. */
struct roll_error *sandbox_activity_begin(struct sandbox_server *server,
                                          const struct sandbox_request *request) ROLL_CHECKED;
struct roll_error *sandbox_activity_end(struct sandbox_server *server,
                                        const struct sandbox_request *request,
                                        const struct sandbox_reply *reply) ROLL_CHECKED;

/* What a request changes, and how the log calls that: write, delete or NAME/action. False: nothing
 * that has an id. *ret_id is for sandbox_id_clear, *ret_verb owned. */
bool sandbox_request_change(const struct sandbox_request *request, struct sandbox_id *ret_id,
                            char **ret_verb);
/* `Microsoft.Web/sites/write`, as roles and the log spell it. Owned. */
char *sandbox_action(const struct sandbox_id *id, const char *verb);

/* A resource that was written for the caller whose request had this correlation id. */
struct roll_error *sandbox_activity_write(struct sandbox_server *server,
                                          const struct sandbox_id *id, const char *correlation,
                                          int64_t at_ms, bool created) ROLL_CHECKED;

/* activity_list.c */
struct roll_error *sandbox_activity_list(struct sandbox_server *, struct sandbox_request *,
                                         struct sandbox_reply *);

#endif
