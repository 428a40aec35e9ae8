/* What the files of plan share: findings with positions, documents, the checker, the draft between
 * reading and loading. */
#ifndef ROLLBOOK_PLAN_INTERNAL_H
#define ROLLBOOK_PLAN_INTERNAL_H

#include "rollbook/json.h"
#include "rollbook/plan.h"

/* ---- findings: what is wrong with a text, and where ----------------------------------------- */

struct roll_findings;

/* file is how the text is called in messages; file is copied, text borrowed. */
struct roll_findings *roll_findings_new(const char *file, const char *text, size_t size);
void roll_findings_free(struct roll_findings *findings);
ROLL_AUTO_DEFINE(findings, struct roll_findings, roll_findings_free)
/* pointer (RFC 6901) says where; beyond 100 findings they are only counted. */
void roll_findings_add(struct roll_findings *findings, const char *pointer, const char *format, ...)
    ROLL_PRINTF(3, 4);
size_t roll_findings_count(const struct roll_findings *findings);
/* Appends `file:line:column: text` for each, in the order of the text, separated by line breaks. */
void roll_findings_write(const struct roll_findings *findings, GString *out);

/* A pointer below base ("" at the top) to the members named, up to NULL; owned. */
char *roll_pointer(const char *base, ...) __attribute__((sentinel));
char *roll_pointer_index(const char *base, size_t index);
void roll_pointer_append(GString *pointer, const char *segment);

/* ---- documents ------------------------------------------------------------------------------ */

struct roll_document {
    char *path;  /* absolute */
    char *shown; /* plans/shop.json */
    char *text;  /* as written */
    size_t size;
    GString *strict; /* minified */
    json_t *value;
    struct roll_findings *findings;
};
/* A regular file of bounded size, as text; shown is its name in messages. NOT_FOUND, IO, LIMIT. */
struct roll_error *roll_plan_read_text(const char *path, const char *shown, char **ret_text,
                                       size_t *ret_size) ROLL_CHECKED;
/* The file cannot be read: NOT_FOUND, IO, LIMIT. Not JSON: ROLL_E_PLAN with its position. */
struct roll_error *roll_document_read(const char *path, const char *shown,
                                      struct roll_document **ret_document) ROLL_CHECKED;
void roll_document_free(struct roll_document *document);
ROLL_AUTO_DEFINE(document, struct roll_document, roll_document_free)

/* ---- the schema ----------------------------------------------------------------------------- */

struct roll_schema;

/* The embedded one. Aborts when it is no JSON: it is part of the program. */
struct roll_schema *roll_schema_new(void);
/* For tests: of any schema; value is borrowed. */
struct roll_schema *roll_schema_of(json_t *value);
void roll_schema_free(struct roll_schema *schema);
ROLL_AUTO_DEFINE(schema, struct roll_schema, roll_schema_free)
/* Checks value against the whole schema or, with ref ("#/$defs/targets"), a part. */
void roll_schema_check(struct roll_schema *schema, const char *ref, json_t *value,
                       struct roll_findings *findings);
/* The keywords, formats and references of a schema that the checker does not interpret: a line
 * each. For tests. */
void roll_schema_unknown(json_t *schema, GString *out);
/* Names of all keywords that the checker acts on; NULL-terminated, owned by the caller (g_free).
 * For tests. */
const char **roll_schema_keywords(void);

/* What is kept between the plans of a workspace. The schema, once it is needed: preparing it costs
 * more than one plan. And what the plans say where nobody checks them, for `status` asks for it
 * with each of its environments. */
struct roll_plan_checker {
    struct roll_schema *schema; /* owned, or NULL until then */
    GPtrArray *values; /* of json_t *: the plans', NULL those that were not read; or NULL */
    GHashTable *needs; /* who needs whom (needs.c), or NULL until then */
};
/* A plan of the workspace by its place in it, unchecked; borrowed from the workspace. */
struct roll_error *roll_workspace_value(const struct roll_workspace *workspace, size_t index,
                                        const json_t **ret_value) ROLL_CHECKED;
/* roll_plan_read with what a checker keeps. */
struct roll_error *roll_plan_read_with(struct roll_plan_checker *checker, const char *path,
                                       struct roll_plan **ret_plan) ROLL_CHECKED;

/* ---- the draft: read, not yet known to be valid --------------------------------------------- */

struct roll_draft {
    struct roll_document *plan;
    GHashTable *fleets; /* environment to struct roll_document *: targets that a file holds */
};
/* The targets of an environment, wherever they stand (borrowed; NULL if there are none), and for
 * findings: the document and the pointer to them (owned; may be NULL when not wanted). */
json_t *roll_draft_targets(const struct roll_draft *draft, const char *environment,
                           struct roll_document **ret_document, char **ret_pointer);

/* What a schema cannot say: names that must exist, scopes that need a subscription, placeholders.
 */
void roll_plan_check(const struct roll_draft *draft);
void roll_plan_check_environment(const struct roll_draft *draft, const char *name,
                                 json_t *environment);

/* rings.c: the ring of each target, in the order of `targets` (an object), from 0; what no ring takes has the number of rings.
 * GArray of int, owned. Whatever is not as the schema says is passed by. */
GArray *roll_plan_deal(json_t *rings, json_t *targets);

/* Is every {name} of pattern one of allowed (NULL-terminated)? Adds a finding otherwise. NULL
 * pattern: nothing. */
void roll_plan_check_pattern(struct roll_findings *findings, const char *pointer,
                             const char *pattern, const char *const *allowed);

/* Cron expressions and time zones, with calendar's own words. NULL text: nothing. */
void roll_plan_check_cron(struct roll_findings *findings, const char *pointer, const char *text);
void roll_plan_check_zone(struct roll_findings *findings, const char *pointer, const char *text);

/* ---- loading: the draft is valid ------------------------------------------------------------ */

struct roll_plan *roll_plan_load(const struct roll_draft *draft);
struct roll_plan_environment *roll_plan_load_environment(const struct roll_draft *draft,
                                                         const char *name, json_t *value);
void roll_plan_environment_free(struct roll_plan_environment *environment);

/* Small readers of checked values: copies, with defaults. */
char *roll_plan_text_of(const json_t *object, const char *name, const char *fallback);
char **roll_plan_texts_of(const json_t *object, const char *name); /* never NULL */
int64_t roll_plan_ms_of(const json_t *object, const char *name, int64_t fallback);
int roll_plan_int_of(const json_t *object, const char *name, int fallback);
json_t *roll_plan_json_of(const json_t *object, const char *name); /* new reference or NULL */

/* ---- workspace ------------------------------------------------------------------------------ */

/* A large file, such as a fleet's targets, without the word that makes it a plan: passed over piece
 * by piece, since each start asks. false: look into it. */
bool roll_plan_lacks_service(const char *path);
/* The value of the member "service" at the top of a JSON text, found without parsing it; owned,
 * NULL if there is none. */
char *roll_plan_scan_service(const char *text, size_t size);

#endif
