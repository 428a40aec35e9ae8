/* Scopes and resource ids as ARM spells them (REST reference 1.1 and 6). Private to the module. */
#ifndef SANDBOX_IDS_H
#define SANDBOX_IDS_H

#include <glib.h>

#include "rollbook/base.h"
#include "rollbook/template.h"

struct sandbox_scope {
    enum roll_scope_kind kind;
    char *subscription;     /* or NULL */
    char *group;            /* or NULL */
    char *management_group; /* or NULL */
    char *id;               /* canonical, "" for the tenant */
};
void sandbox_scope_clear(struct sandbox_scope *scope);
static inline void roll_sandbox_scope_auto(struct sandbox_scope *scope)
{
    sandbox_scope_clear(scope);
}

/* False when the first count segments are not exactly a scope. */
bool sandbox_scope_parse(char *const *segments, size_t count, struct sandbox_scope *ret_scope);

struct sandbox_id {
    struct sandbox_scope
        scope;  /* the group, subscription, management group or tenant that holds it */
    char *id;   /* with canonical spelling of subscriptions, resourceGroups, providers */
    char *type; /* Microsoft.Web/sites/slots, as spelt */
    char *name; /* site/slot */
};
void sandbox_id_clear(struct sandbox_id *id);

/* A whole resource id, extension resources and resource groups included. False for anything else.
 */
bool sandbox_id_parse_segments(char *const *segments, size_t count, struct sandbox_id *ret_id);
bool sandbox_id_parse(const char *text, struct sandbox_id *ret_id);

/* The key under which an id is stored: lower case, no doubled or last slash. Owned by the caller.
 */
char *sandbox_key(const char *id);

/* The last part of a name: "slot" of "site/slot". Borrowed. */
const char *sandbox_last_name(const char *name);

/* Letters and digits of any script, and - _ . ( ): what names of deployments and groups are made of
 * (REST reference 1.3). */
bool sandbox_is_name(const char *text);

bool sandbox_is_guid(const char *text);

/* The texts of a path split at slashes, empty ones dropped, percent-decoded. NULL when an escape is
 * malformed. */
GPtrArray *sandbox_split(const char *path, bool decode);

#endif
