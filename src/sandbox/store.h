/* Stored resources: whatever was PUT, by a client or by a deployment, whole. Private to the module.
 */
#ifndef SANDBOX_STORE_H
#define SANDBOX_STORE_H

#include "sandbox/http.h"
#include "sandbox/server.h"

struct sandbox_resource {
    char *id;
    char *type; /* lower case */
    json_t *body;
    char *api_version; /* or NULL */
    int64_t created_ms;
    int64_t changed_ms;
    bool deleting;
};
void sandbox_resource_free(struct sandbox_resource *resource);
ROLL_AUTO_DEFINE(sandbox_resource, struct sandbox_resource, sandbox_resource_free)

/* NULL and no error when it is not there. A child that was written as part of its parent (a subnet
 * in a network's list) is found too. */
struct roll_error *sandbox_store_get(struct sandbox_server *server, const char *id,
                                     struct sandbox_resource **ret_resource) ROLL_CHECKED;

/* Whether list* functions have something to ask: the resource itself, or one above it, whose
 * provider makes keys and the like on its own
 * (namespaces/authorizationRules/RootManageSharedAccessKey). */
struct roll_error *sandbox_store_answers_list(struct sandbox_server *server, const char *id,
                                              bool *ret_answers) ROLL_CHECKED;

/* Tells the ETag of a body in reply: the same body has the same one (etag.c). */
void sandbox_etag_tell(struct sandbox_reply *reply, const json_t *body);
/* False, and PreconditionFailed in reply, when If-Match or If-None-Match forbid to go on (REST
 * reference 6.2). resource NULL: there is none. */
bool sandbox_etag_check(const struct sandbox_request *request,
                        const struct sandbox_resource *resource, struct sandbox_reply *reply);

/* Rewrites the resource whole with the body as a provider would show it: id, name, type,
 * identities, properties with provisioningState and what providers add. The same body gives the
 * same stored text. ret_created may be NULL. */
struct roll_error *sandbox_store_put(struct sandbox_server *server, const struct sandbox_id *id,
                                     const char *api_version, const json_t *body, int64_t at_ms,
                                     bool *ret_created) ROLL_CHECKED;

/* The body that sandbox_store_put would write. New reference. */
json_t *sandbox_store_shape(const struct sandbox_id *id, const json_t *body);

/* The resource and everything below it. */
struct roll_error *sandbox_store_delete(struct sandbox_server *server, const char *id) ROLL_CHECKED;

enum sandbox_list { LIST_SCOPE, LIST_TYPE, LIST_BELOW };
/* Appends struct sandbox_resource. LIST_SCOPE: held by exactly this scope; LIST_TYPE: those of a
 * type (lower case) among them; LIST_BELOW: everything whose id begins with this one. */
struct roll_error *sandbox_store_list(struct sandbox_server *server, enum sandbox_list list,
                                      const char *scope_id, const char *type, GPtrArray *out)
    ROLL_CHECKED;
GPtrArray *sandbox_resources_new(void);

/* Makes ready what providers add on their own to a body (identities, endpoints, …), in place. */
void sandbox_provider_complete(const struct sandbox_id *id, json_t *body);

/* Whether a provider answers this member (below properties), or something below it, on its own. */
bool sandbox_provider_adds(const char *type, const char *path);

/* The next of the types that have something of their own, in lower case, whose name begins with
 * prefix (lower case): after one that this gave, or the first for NULL. NULL at the end. */
const char *sandbox_provider_next_type(const char *prefix, const char *after);

/* Whether the sandbox knows the type, one of its own list (any spelling). */
bool sandbox_provider_knows(const char *type);
/* Resource providers, as they are spelt; NULL-terminated. */
extern const char *const sandbox_provider_spaces[];

/* Settings, which the state keeps: a value by kind and by what of it ("retired", a type), both
 * without regard to case; what may be NULL. *ret_value is owned, NULL where there is none. */
struct roll_error *sandbox_setting_get(struct sandbox_server *server, const char *kind,
                                       const char *what, char **ret_value) ROLL_CHECKED;
struct roll_error *sandbox_setting_put(struct sandbox_server *server, const char *kind,
                                       const char *what, const char *value) ROLL_CHECKED;

/* Api-versions that a type is offered in, newest first. used: those of stored resources, a set in
 * lower case; retired: the setting, or NULL. New reference. */
json_t *sandbox_versions_of(GHashTable *used, const char *retired);

/* *ret_offered is false, and NoRegisteredProviderFound in reply, when the type's version was
 * retired, or cannot be one of a type that is known. version may be NULL. */
struct roll_error *sandbox_version_check(struct sandbox_server *server, const char *type,
                                         const char *version, const char *location,
                                         struct sandbox_reply *reply, bool *ret_offered)
    ROLL_CHECKED;

/* *ret_good is false, and InvalidResourceLocation in reply, when the resource stands elsewhere. */
struct roll_error *sandbox_location_check(struct sandbox_server *server,
                                          const struct sandbox_id *id, const json_t *body,
                                          struct sandbox_reply *reply, bool *ret_good) ROLL_CHECKED;

/* What clients may say of a resource, with ARM's own rules: levels of locks, names of tags, parents
 * of template specs' versions (rules.c). *ret_good is false, and the refusal in reply, when the
 * body is against them. */
struct roll_error *sandbox_rules_check(struct sandbox_server *server, const struct sandbox_id *id,
                                       const json_t *body, struct sandbox_reply *reply,
                                       bool *ret_good) ROLL_CHECKED;
/* The same of tags (an object, or anything else that then has no names). */
bool sandbox_tags_check(const json_t *tags, struct sandbox_reply *reply);

/* *ret_registered is false, and MissingSubscriptionRegistration in reply, when a provider of these
 * resources is not registered. */
struct roll_error *sandbox_registration_check(struct sandbox_server *server,
                                              const char *subscription, const json_t *resources,
                                              int64_t now_ms, struct sandbox_reply *reply,
                                              bool *ret_registered) ROLL_CHECKED;

/* A feature flag of Microsoft.Resources, by name. */
struct roll_error *sandbox_feature_is_on(struct sandbox_server *server, const char *subscription,
                                         const char *feature, bool *ret_on) ROLL_CHECKED;

/* The index-th member, dotted below properties, that a provider answers on its own whatever a
 * template says; NULL behind the last one. */
const char *sandbox_provider_path(const char *type, size_t index);

/* A fake, stable answer of a list* function. New reference. */
json_t *sandbox_provider_list(const char *function, const char *resource_id);

/* Whether a group exists and is not being deleted; else the error is in reply. */
struct roll_error *sandbox_group_require(struct sandbox_server *server,
                                         const struct sandbox_scope *scope,
                                         struct sandbox_reply *reply, bool *ret_there) ROLL_CHECKED;

enum sandbox_change { CHANGE_WRITE, CHANGE_DELETE };
/* *ret_free is false, and ScopeLocked in reply, when a lock forbids the change. */
struct roll_error *sandbox_lock_check(struct sandbox_server *server, const struct sandbox_id *id,
                                      enum sandbox_change change, struct sandbox_reply *reply,
                                      bool *ret_free) ROLL_CHECKED;

/* Appends the locks that stand at the scope in front of id (a lock's own) and below it; with
 * $filter=atScope() only those of exactly that scope. */
struct roll_error *sandbox_locks_list(struct sandbox_server *server,
                                      const struct sandbox_request *request,
                                      const struct sandbox_id *id, GPtrArray *out) ROLL_CHECKED;

/* tags/default of whatever stands before it in the path. */
bool sandbox_is_tags(const struct sandbox_request *request);

/* Tasks: requests that go on after their answer. token is made; end_at_ms is when kind is done.
 * body_take may be NULL. */
struct roll_error *sandbox_task_new(struct sandbox_server *server, const char *kind,
                                    const char *target, int64_t end_at_ms, int status,
                                    json_t *body_take, char **ret_token) ROLL_CHECKED;

/* The Location at which a task's result can be had, and when to ask. */
void sandbox_reply_location(const struct sandbox_request *request, struct sandbox_reply *reply,
                            const char *token);

/* Handlers. */
struct roll_error *sandbox_subscriptions(struct sandbox_server *, struct sandbox_request *,
                                         struct sandbox_reply *);
struct roll_error *sandbox_subscription(struct sandbox_server *, struct sandbox_request *,
                                        struct sandbox_reply *);
struct roll_error *sandbox_group_list(struct sandbox_server *, struct sandbox_request *,
                                      struct sandbox_reply *);
struct roll_error *sandbox_group(struct sandbox_server *, struct sandbox_request *,
                                 struct sandbox_reply *);
struct roll_error *sandbox_resource_list(struct sandbox_server *, struct sandbox_request *,
                                         struct sandbox_reply *);
struct roll_error *sandbox_group_export(struct sandbox_server *, struct sandbox_request *,
                                        struct sandbox_reply *);
struct roll_error *sandbox_group_move(struct sandbox_server *, struct sandbox_request *,
                                      struct sandbox_reply *);
struct roll_error *sandbox_tags(struct sandbox_server *, struct sandbox_request *,
                                struct sandbox_reply *);
struct roll_error *sandbox_generic(struct sandbox_server *, struct sandbox_request *,
                                   struct sandbox_reply *);
struct roll_error *sandbox_task_result(struct sandbox_server *, struct sandbox_request *,
                                       struct sandbox_reply *);
struct roll_error *sandbox_hurry(struct sandbox_server *, struct sandbox_request *,
                                 struct sandbox_reply *);
struct roll_error *sandbox_action_list(struct sandbox_server *, struct sandbox_request *,
                                       struct sandbox_reply *);
struct roll_error *sandbox_provider(struct sandbox_server *, struct sandbox_request *,
                                    struct sandbox_reply *);
struct roll_error *sandbox_provider_list_all(struct sandbox_server *, struct sandbox_request *,
                                             struct sandbox_reply *);
struct roll_error *sandbox_locations(struct sandbox_server *, struct sandbox_request *,
                                     struct sandbox_reply *);
struct roll_error *sandbox_provider_register(struct sandbox_server *, struct sandbox_request *,
                                             struct sandbox_reply *);
struct roll_error *sandbox_provider_unregister(struct sandbox_server *, struct sandbox_request *,
                                               struct sandbox_reply *);
struct roll_error *sandbox_retire(struct sandbox_server *, struct sandbox_request *,
                                  struct sandbox_reply *);

struct roll_error *sandbox_feature(struct sandbox_server *, struct sandbox_request *,
                                   struct sandbox_reply *);
struct roll_error *sandbox_feature_register(struct sandbox_server *, struct sandbox_request *,
                                            struct sandbox_reply *);
struct roll_error *sandbox_feature_unregister(struct sandbox_server *, struct sandbox_request *,
                                              struct sandbox_reply *);

#endif
