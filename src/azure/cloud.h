/* Custom clouds: where their services are, as their own ARM tells it. Private to the module.
 *
 * Source: REST reference 11, services reference 1.1. */
#ifndef ROLLBOOK_AZURE_CLOUD_H
#define ROLLBOOK_AZURE_CLOUD_H

#include "rollbook/azure.h"

/* cloud is borrowed: it owns this. */
struct cloud_lookup *cloud_lookup_new(struct roll_cloud *cloud);
/* Nobody waits any more. */
void cloud_lookup_free(struct cloud_lookup *lookup);

/* Whether login, audience and suffixes are there. */
bool cloud_is_known(const struct roll_cloud *cloud);

/* Asks the cloud, once for all who ask meanwhile; fn is called once, never before this returns: err
 * (borrowed) says why nothing is known, and the next one to ask tries again. */
typedef void (*cloud_fn)(void *user, const struct roll_error *err);
void cloud_look_up(const struct roll_cloud *cloud, struct roll_loop *loop, cloud_fn fn, void *user);
/* Where a host of the cloud's services (below suffix) is: in a sandbox at the sandbox, which plays it; else on https, on loopback on
 * http. Owned by the caller. */
char *cloud_base_of(const struct roll_cloud *cloud, const char *host, const char *suffix);
/* fn with this user is not called any more. */
void cloud_forget(const struct roll_cloud *cloud, const void *user);

/* Takes over what a reply of /metadata/endpoints says, in any of its shapes: one object, a list of
 * clouds, or the flat one of 2015-01-01. ROLL_E_CREDENTIAL; cloud is unchanged then. */
struct roll_error *cloud_read_metadata(struct roll_cloud *cloud, const char *text, size_t size)
    ROLL_CHECKED;

#endif
