/* Reading a recorded manifest. Values are borrowed from the manifest. */
#ifndef ROLL_RELEASE_MANIFEST_H
#define ROLL_RELEASE_MANIFEST_H

#include "release/internal.h"

/* The recorded entry of a target, NULL when the release has none. */
const json_t *release_manifest_target(const json_t *manifest, const char *environment,
                                      const char *target);
const json_t *release_manifest_steps(const json_t *manifest, const char *environment);

/* A target's scope as the manifest stores it, from the plan. New reference. */
json_t *release_scope_write(const struct roll_plan_target *target);
/* How it is applied, into its entry: from the plan, or from another entry. */
void release_apply_write(const struct roll_plan_target *target, json_t *entry);
void release_apply_copy(const json_t *from, json_t *entry);

/* An order's target with what entry (of the manifest, or made like one) says of it: digests, scope,
 * application, steps (names filled in; those that a back skips left out when lane is rollback).
 * ring, had, floor and create_group are the caller's. Owned. */
struct roll_error *release_manifest_order_target(
    const json_t *manifest, const char *manifest_digest, const char *environment, const char *name,
    const json_t *entry, enum roll_lane lane, struct roll_order_target **ret_target) ROLL_CHECKED;

#endif
