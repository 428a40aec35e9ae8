/* What the files of readiness share: findings, questions, releases. Private to the module. */
#ifndef ROLL_WATCH_READY_H
#define ROLL_WATCH_READY_H

#include "rollbook/json.h"
#include "rollbook/ready.h"

enum ready_state { READY_OK, READY_DEGRADED, READY_DEAD };
extern const char *const ready_words[]; /* "ready", "degraded", "dead" */

struct ready_item;

/* A kind of finding: how it is asked for and judged (ready_artifacts.c,
 * ready_conditions.c, ready_drill.c). */
struct ready_kind {
    const char *name;
    int64_t valid_ms; /* how long a good answer holds */
    /* What is asked; items with the same question share the answer. NULL: the item's own key.
     * Owned. */
    char *(*question)(const struct ready_item *item);
    /* Asks; fn is called once. NULL: nothing is asked, the item was judged when it was made. */
    struct roll_error *(*ask)(const struct roll_ready_options *options,
                              const struct ready_item *item, roll_arm_fn fn, void *user);
    void (*judge)(struct ready_item *item, const struct roll_arm_reply *reply);
};
extern const struct ready_kind ready_object, ready_rule, ready_image, ready_tag, ready_address,
    ready_gallery, ready_secret, ready_version, ready_link, ready_role, ready_lock,
    ready_lock_below, ready_validate, ready_forecast;

enum { READY_TEXTS = 3 };

/* Something that releases need, once for all that need it. */
struct ready_item {
    const struct ready_kind *kind;
    char *key;                     /* kind and texts */
    char *subject;                 /* for people */
    char *texts[READY_TEXTS];      /* of the kind; NULL: not used */
    struct roll_order_target *via; /* by which login it is asked; owned (a place only) */
    enum ready_state state;
    char *why, *next; /* NULL while all is well */
    char *mark;       /* what is compared the next time, or NULL */
    int64_t marked;   /* when that was, UTC ms */
    int64_t at;       /* when it was asked, UTC ms; 0: never */
    int64_t until;    /* all is well only until then, UTC ms; 0: no end known */
    bool fresh;       /* judged in this run */
    bool unasked;     /* by an answer that says nothing: what was dead stays dead */
    bool carried;     /* of an earlier drill: it stands, and is asked about by a drill alone */
    json_t *facts;    /* of a drill; or NULL */
    /* of a drill: what is sent; borrowed from the choice; NULL: a back would not send it now */
    const struct roll_order_target *target;
    const struct roll_choice *choice;
};
/* texts are copied. Judged well, until somebody says otherwise. */
struct ready_item *ready_item_new(const struct ready_kind *kind, const char *a, const char *b,
                                  const char *c, const struct roll_order_target *via);
void ready_item_free(struct ready_item *item);
/* why and next are taken; a worse word than the item's stands. */
void ready_item_say(struct ready_item *item, enum ready_state state, char *why, char *next);
/* Degraded, since there was no answer or none that decides. next is taken: advice for who was told
 * no, or NULL. */
void ready_item_unasked(struct ready_item *item, const struct roll_arm_reply *reply, char *next);
/* A ready_kind's question that is about a place, whatever else the item compares it with. Owned. */
char *ready_item_question(const struct ready_item *item);

struct ready_use {
    struct ready_item *item; /* borrowed from the check */
    const char *target;      /* borrowed; NULL: all */
};

struct ready_release {
    char *version, *digest; /* of the manifest */
    json_t *manifest;       /* owned; NULL: damaged */
    int64_t made;           /* its place in the service's stream */
    bool goal, live;
    GPtrArray *targets; /* char *, owned: recorded, and in today's plan */
    GArray *uses;       /* struct ready_use */
    enum ready_state state;
    char *was;         /* the last check's word, or NULL */
    int64_t since;     /* UTC ms */
    int64_t seen_seq;  /* of its last event, 0 */
    json_t *last;      /* its result, or NULL */
    GHashTable *worst; /* target -> its worst state, once judged */
};

struct ready_check {
    const struct roll_ready_options *options;
    char *stream;
    int64_t now_ms;
    GPtrArray *releases;        /* struct ready_release *, owned, newest first */
    GHashTable *items;          /* key -> struct ready_item *, owned */
    GHashTable *templates;      /* digest -> struct ready_template *, owned */
    struct roll_choice *choice; /* of a plain back, or NULL */
    char *no_goal;              /* what such a back says that has nothing to do, or NULL */
    GHashTable *known; /* names of targets that anything was ever sent to; or NULL. Owned */
    bool lost;         /* others were good once, and no back may go to any of them */
    guint asked;
};
struct ready_check *ready_check_new(const struct roll_ready_options *options);
void ready_check_free(struct ready_check *check);
ROLL_AUTO_DEFINE(ready_check, struct ready_check, ready_check_free)

/* The item of that key, made at need; borrowed. */
struct ready_item *ready_check_item(struct ready_check *check, const struct ready_kind *kind,
                                    const char *a, const char *b, const char *c,
                                    const struct roll_order_target *via);
struct ready_release *ready_release_new(const char *version);
void ready_release_use(struct ready_release *release, struct ready_item *item, const char *target);

/* ready_retained.c: which releases. */
struct roll_error *ready_find_releases(struct ready_check *check) ROLL_CHECKED;

/* ready_needs.c: what a release needs. */
struct roll_error *ready_find_needs(struct ready_check *check, struct ready_release *release)
    ROLL_CHECKED;

/* ready_template.c: what a release's template deploys on its targets, by expanding it. */
struct ready_template {
    GHashTable *versions; /* "SUBSCRIPTION\nTYPE\nAPI-VERSION", a set */
    GHashTable *links;    /* ids of template specs, addresses; a set */
    GHashTable *types;    /* of resources inside the target's scope, a set */
};
void ready_template_free(struct ready_template *tmpl);
struct roll_error *ready_template_read(struct ready_check *check,
                                       const struct ready_release *release,
                                       const struct ready_template **ret_template) ROLL_CHECKED;

/* ready_ask.c: asks for what is not known any more, side by side. only: items to be asked whatever
 * was known (a set), or NULL. */
struct roll_error *ready_ask_all(struct ready_check *check, GHashTable *only, int64_t patience_ms)
    ROLL_CHECKED;

/* Judges an item by an answer. What is known is not asked again. */
bool ready_is_known(const struct ready_item *item, int64_t now_ms);
void ready_judge_item(struct ready_item *item, const struct roll_arm_reply *reply, int64_t now_ms);

/* ready_result.c: the word on a release, by its findings; and as JSON (new references). */
enum ready_state ready_state_of(const char *word); /* ready when the word is none */
void ready_judge(struct ready_check *check, struct ready_release *release);
/* What is recorded: each item with its key, its times and all that a later check goes by. */
json_t *ready_result(const struct ready_check *check, const struct ready_release *release);
json_t *ready_reasons(const struct ready_check *check,
                      const struct ready_release *release); /* what is not well; for people */
json_t *ready_counts(const struct ready_release *release);  /* targets by state */
/* For people each reason is told once, with all the targets that it concerns: adds entry's targets
 * to the entry of list that says the same. False: there is none. */
bool ready_add_alike(json_t *list, const json_t *entry);

/* ready_record.c: what was recorded of a release, and recording the check. */
struct roll_error *ready_load_last(struct ready_check *check, struct ready_release *release)
    ROLL_CHECKED;
struct roll_error *ready_record(struct ready_check *check) ROLL_CHECKED;

/* ready_drill.c: ARM's validation and forecast of the check's choice; what an earlier drill found,
 * from an entry of the release's last result. */
struct roll_error *ready_add_drill(struct ready_check *check) ROLL_CHECKED;
void ready_carry_drill(struct ready_check *check, struct ready_release *release,
                       const json_t *entry);

/* What a manifest records of a target; borrowed, or NULL. */
const json_t *ready_entry_of(const struct roll_plan_environment *environment, const char *target,
                             const json_t *manifest);
/* A target's recorded place, as the lane rollback signs in; its texts are copies. */
struct roll_order_target *ready_place_of(const struct roll_plan_environment *environment,
                                         const struct roll_plan_target *planned,
                                         const json_t *manifest);
void ready_place_free(struct roll_order_target *place);

#endif
