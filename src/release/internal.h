/* Shared by the files of module release; nobody outside includes it. */
#ifndef ROLL_RELEASE_INTERNAL_H
#define ROLL_RELEASE_INTERNAL_H

#include "rollbook/json.h"
#include "rollbook/release.h"

/* ---- blob.c ---------------------------------------------------------------------------------- */

void release_blob_free(struct roll_blob *blob);
/* An array that owns blobs. */
GPtrArray *release_blobs_new(void);
/* Adds data (consumed) unless its digest is there; the digest is borrowed from the array. */
const char *release_blobs_add_take(GPtrArray *blobs, GString *data);
/* The same where there may be thousands; index: a set of the digests of all that are there, borrowed from them. */
const char *release_blobs_add_indexed_take(GPtrArray *blobs, GHashTable *index, GString *data);
bool release_blobs_has(const GPtrArray *blobs, const char *digest);
/* An object that is about to be stored (blobs, may be NULL) or is stored. New reference. */
struct roll_error *release_object_json(struct roll_ledger *ledger, const GPtrArray *blobs,
                                       const char *digest, json_t **ret_value) ROLL_CHECKED;
struct roll_error *release_object_text(struct roll_ledger *ledger, const GPtrArray *blobs,
                                       const char *digest, GString **ret_text) ROLL_CHECKED;

/* keep.c: "Microsoft.Network/dnsZones/A" of a resource's id; owned, NULL when it has none. */
char *release_type_of(const char *id);
/* What the target's recorded template and parameters expand to. */
struct roll_error *release_expand_target(struct roll_ledger *ledger, const GPtrArray *blobs,
                                         const struct roll_order_target *target,
                                         struct roll_expansion **ret_expansion) ROLL_CHECKED;

/* An event names at most so many objects, or it would pass its 64 KiB. */
#define RELEASE_MAX_PARTS 400

/* ---- refuse.c -------------------------------------------------------------------------------- */

/* Sets the detail {"next": [commands]}; the list ends with NULL, each command is owned by the call
 * and freed. */
/* roll_ledger_release() with that error. */
struct roll_error *release_row(struct roll_ledger *ledger, const char *service, const char *version,
                               roll_release_fn fn, void *user) ROLL_CHECKED;
struct roll_error *release_error_next(struct roll_error *err, ...) ROLL_CHECKED
    __attribute__((sentinel));
/* Does the list hold "KIND" or, with a name, "KIND:NAME"? */
bool release_overridden(const char *const *overrides, const char *kind, const char *name);
/* "a, b and 3 more": at most `limit` names. Owned. */
char *release_join_names(const GPtrArray *names, guint limit);
/* The commands that name an environment are given its whole name: it is right in every workspace.
 * Owned. */
char *release_stream_name(const char *service, const char *environment);

/* ---- order_parts.c --------------------------------------------------------------------------- */

void release_health_free(struct roll_plan_health *health);
struct roll_plan_health *release_health_copy(const struct roll_plan_health *health);
json_t *release_steps_write(const GPtrArray *steps);
json_t *release_health_write(const GPtrArray *health);
/* value: array or NULL. The array owns its elements. */
struct roll_error *release_steps_read(const json_t *value, GPtrArray **ret_steps) ROLL_CHECKED;
struct roll_error *release_health_read(const json_t *value, GPtrArray **ret_health) ROLL_CHECKED;
json_t *release_texts_write(char *const *texts); /* NULL: an empty array */
char **release_texts_read(const json_t *array);
struct roll_order_target *release_order_target_new(void);
void release_order_target_free(struct roll_order_target *target);

extern const char *const release_scope_names[]; /* by enum roll_scope_kind, NULL at the end */
/* ROLL_E_INVALID for an unknown name. */
struct roll_error *release_scope_find(const char *name, enum roll_scope_kind *ret_kind)
    ROLL_CHECKED;

#endif
