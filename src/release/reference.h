/* References of artifacts: what is immutable, and how a plan's name and a tag become one. Text in,
 * text out. */
#ifndef ROLL_RELEASE_REFERENCE_H
#define ROLL_RELEASE_REFERENCE_H

#include <glib.h>

#include "rollbook/base.h"

/* Can nobody put something else under this reference? image: …@sha256:…; blob, package: a version
 * id or a SHA-256 in it; gallery-image: …/versions/1.2.3. */
bool release_reference_is_immutable(const char *kind, const char *reference);

/* What makes two references the same thing (the digest, the version id, the version), else the
 * whole reference. Owned. */
char *release_reference_identity(const char *kind, const char *reference);

/* What was typed for an artifact, completed by the plan's name: "sha256:…" becomes NAME@sha256:….
 * Owned. */
char *release_reference_complete(const char *kind, const char *name, const char *typed);

/* Splits "registry/repository:tag" (":latest" when there is none). Owned. */
void release_reference_split(const char *reference, char **ret_name, char **ret_tag);

/* What an immutable reference of this kind looks like, for messages. Static. */
const char *release_reference_shape(const char *kind);

#endif
