/* What the making of a release gathers, step by step: source, artifacts, effective parameters,
 * manifest. */
#ifndef ROLL_RELEASE_MAKER_H
#define ROLL_RELEASE_MAKER_H

#include "release/book.h"
#include "release/internal.h"
#include "release/manifest.h"
#include "release/secret_scan.h"

struct release_artifact {
    char *name, *kind, *parameter;
    char *base_name; /* the plan's name, filled; or NULL */
    char *tag;       /* the plan's tag, filled; or NULL */
    char *reference; /* immutable, once it is known; or NULL */
    bool given;      /* by --artifact: it wins over the parameter file */
    char *resolved;  /* the tag that led to the reference, or NULL */
};

struct release_maker {
    const struct roll_plan *plan; /* borrowed, as all up to options */
    struct roll_ledger *ledger;
    struct roll_loop *loop;
    const struct roll_release_options *options;
    struct roll_git *git; /* NULL when made from a base */
    char *git_prefix;     /* of the plan's paths inside the repository: "" or "sub/folder/" */
    struct roll_commit commit;
    char *commit_id, *ref, *author; /* recorded ones when made from a base; ref, author or NULL */
    char *version;
    char *dirty; /* a path that differs, or NULL */
    char *bicep; /* version of the compiler, or NULL */
    struct roll_template *tmpl;
    char *template_digest;
    json_t *spec;            /* {"id","digest"} of a template spec, or NULL */
    GHashTable *spec_linked; /* path -> GString *: its linked templates; or NULL */
    json_t *base;            /* manifest of options->base without its targets, or NULL */
    json_t *recorded;        /* of the same version, or NULL */
    struct release_book *base_book, *recorded_book; /* their targets */
    char *base_digest, *recorded_digest;
    struct release_book *book; /* the targets of the release that is made */
    json_t *changes, *linked, *artifacts_json, *environments; /* parts of the manifest */
    GPtrArray *artifacts;                                     /* struct release_artifact * */
    struct release_scanner *scanner;
    GPtrArray *blobs, *notes;
    GHashTable *kept;     /* the digests of blobs: a fleet's parameters may be thousands */
    GHashTable *unpinned; /* "secret VAULT/NAME" -> the vault's id: references without a version */
};
struct release_maker *release_maker_new(const struct roll_plan *plan, struct roll_ledger *ledger,
                                        struct roll_loop *loop,
                                        const struct roll_release_options *options);
void release_maker_free(struct release_maker *maker);
/* Into blobs, once; data is consumed, the digest borrowed. */
const char *release_maker_keep_take(struct release_maker *maker, GString *data);
ROLL_AUTO_DEFINE(release_maker, struct release_maker, release_maker_free)

/* Adds a line once. */
void release_maker_note(struct release_maker *maker, const char *format, ...) ROLL_PRINTF(2, 3);

/* ---- known.c --------------------------------------------------------------------------------- */

/* A release of the ledger; texts are owned. */
struct release_known {
    char *version, *manifest, *commit;
    int64_t seq;
};
void release_known_clear(struct release_known *known);
/* The release that options->base names; ROLL_E_NOT_FOUND. */
struct roll_error *release_known_base(struct release_maker *maker, struct release_known *known)
    ROLL_CHECKED;
/* Fills maker->recorded and what goes with it, if the ledger has this version; *ret_seq is 0 if
 * not. */
struct roll_error *release_load_recorded(struct release_maker *maker, int64_t *ret_seq)
    ROLL_CHECKED;
/* Fills maker->changes: since the base, else since the release made before recorded_seq (0: the
 * last one). */
struct roll_error *release_list_changes(struct release_maker *maker, int64_t recorded_seq)
    ROLL_CHECKED;

/* ---- make.c, make_git.c, make_base.c --------------------------------------------------------- */

/* A release that the ledger has as `digest`. manifest: without its targets; borrowed. */
struct roll_release *release_as_recorded(struct release_maker *maker, json_t *manifest,
                                         const char *digest);
/* What was gathered becomes a release: a new one, or the same again, or ROLL_E_CONFLICT. */
struct roll_error *release_finish(struct release_maker *maker, struct roll_release **ret_release)
    ROLL_CHECKED;
/* Takes the number-th name of a hotfix of the base, and what is recorded under it. */
struct roll_error *release_try_hotfix_name(struct release_maker *maker, int number) ROLL_CHECKED;
struct roll_error *release_make_from_git(struct release_maker *maker,
                                         struct roll_release **ret_release) ROLL_CHECKED;
struct roll_error *release_make_from_base(struct release_maker *maker,
                                          struct roll_release **ret_release) ROLL_CHECKED;

/* ---- source.c -------------------------------------------------------------------------------- */

/* Opens git, checks the tree, finds commit and version, reads the template. */
struct roll_error *release_source_open(struct release_maker *maker) ROLL_CHECKED;
/* A file of the plan at the commit; path as in the plan. */
struct roll_error *release_source_read(struct release_maker *maker, const char *path,
                                       GString **ret_text) ROLL_CHECKED;
/* Commits since `from` (NULL: all) into maker->changes, at most 200. */
struct roll_error *release_source_changes(struct release_maker *maker, const char *from)
    ROLL_CHECKED;
/* Facts of the template that forbid a release or deserve a note. */
struct roll_error *release_source_check(struct release_maker *maker) ROLL_CHECKED;
/* Is the text fit to be a version (printable, no '@', no blank, at most 100 bytes)? */
bool release_version_is_valid(const char *version);

/* ---- bicep.c --------------------------------------------------------------------------------- */

/* Compiles the work tree's file, which must be what the commit has. */
struct roll_error *release_bicep_compile(struct release_maker *maker, GString **ret_text)
    ROLL_CHECKED;

/* ---- seen.c ---------------------------------------------------------------------------------- */

/* A Key Vault reference without a version: what is current now will be looked at. */
void release_seen_secret(struct release_maker *maker, const char *vault, const char *secret);
/* "seen" of a manifest that is made now: {PLACE: {"mark","at"}} of linked templates and addresses,
 * and of secrets without a version ("secret VAULT/NAME", as readiness calls them) the current one.
 */
void release_seen_write(struct release_maker *maker, json_t *manifest);

/* ---- template_spec.c ------------------------------------------------------------------------- */

/* Whose credential asks about a place: the environment's that lies in its subscription, else the
 * first one's; and its cloud. */
const struct roll_plan_environment *release_spec_asking(const struct roll_plan *plan,
                                                        const char *id);
struct roll_error *release_spec_cloud(const struct release_maker *maker,
                                      const struct roll_plan_environment *environment,
                                      struct roll_cloud **ret_cloud) ROLL_CHECKED;

/* The plan's template spec: its main template, with maker->spec and maker->spec_linked; when Azure
 * is not asked the template as this version has it recorded. Strict JSON. */
struct roll_error *release_spec_read(struct release_maker *maker, GString **ret_text) ROLL_CHECKED;
/* A template that one of the spec links; path as from path_beside. ROLL_E_NOT_FOUND. */
struct roll_error *release_spec_linked(const struct release_maker *maker, const char *path,
                                       GString **ret_text) ROLL_CHECKED;

/* ---- inline.c -------------------------------------------------------------------------------- */

/* The template's text with every template that it links by relative path inside it, read at the
 * commit; NULL when it links none. path: its own, inside the repository. Fills maker->linked. */
struct roll_error *release_inline_links(struct release_maker *maker, const char *path,
                                        const struct roll_template *tmpl, GString **ret_text)
    ROLL_CHECKED;

/* ---- typed_commit.c -------------------------------------------------------------------------- */

/* The full id where the repository knows it, else 7 to 40 digits as they are, with a note.
 * ROLL_E_NOT_FOUND or ROLL_E_GIT for anything else. Owned. */
struct roll_error *release_typed_commit(struct release_maker *maker, const char *typed,
                                        char **ret_id) ROLL_CHECKED;

/* ---- artifacts.c ----------------------------------------------------------------------------- */

struct roll_error *release_artifacts_prepare(struct release_maker *maker) ROLL_CHECKED;
/* Puts references into a target's parameters, or takes them from there. */
struct roll_error *release_artifacts_apply(struct release_maker *maker, const char *target,
                                           json_t *parameters) ROLL_CHECKED;
/* {NAME: {"kind","reference","parameter"}}. New reference. */
json_t *release_artifacts_write(const struct release_maker *maker);
/* "tags": {NAME: TAG}, of those whose digest a tag led to, or did so in the base. */
void release_artifacts_write_tags(const struct release_maker *maker, json_t *manifest);

/* ---- effective.c ----------------------------------------------------------------------------- */

/* The manifest's entry of one target, its parameters checked, pinned, expanded once and put into
 * blobs. New reference. */
struct roll_error *release_effective_entry(struct release_maker *maker,
                                           const struct roll_plan_environment *environment,
                                           const struct roll_plan_target *target,
                                           json_t **ret_entry) ROLL_CHECKED;
/* The same for a target of the base, with only artifacts changed. */
struct roll_error *release_effective_from_base(struct release_maker *maker, const char *environment,
                                               const char *name, const json_t *base,
                                               json_t **ret_entry) ROLL_CHECKED;

/* ---- check_template.c ------------------------------------------------------------------------ */

/* No text of the template looks like a credential, but for those that --override
 * secret-scan:POINTER names. ROLL_E_REFUSED names the place. */
struct roll_error *release_check_template(struct release_maker *maker) ROLL_CHECKED;

/* ---- check_parameters.c ---------------------------------------------------------------------- */

/* Declared, of the right type, complete; secure ones by reference only; nothing that looks like a
 * credential. where is "ENV/TARGET". */
struct roll_error *release_check_parameters(struct release_maker *maker, const char *where,
                                            json_t *parameters) ROLL_CHECKED;

/* ---- manifest_write.c ------------------------------------------------------------------------ */

/* The manifest without its targets, which are in maker->book. New reference. */
json_t *release_manifest_write(const struct release_maker *maker);
/* Names of the members in which it differs from what is recorded under this version, "" when they
 * are the same release. Owned. */
char *release_manifest_difference(const struct release_maker *maker, const json_t *manifest);

/* ---- context.c ------------------------------------------------------------------------------- */

/* Where a target's deployment would run; borrows from target. */
struct roll_template_context release_context(const struct roll_order_target *target);

#endif
