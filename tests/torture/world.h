/* A workspace of its own for the torture of the real program: a service `app` with an environment `prod` of two targets in the
 * sandbox, commands that are run, killed and hindered, and the rules that must hold when all has come to rest. */
#ifndef ROLLBOOK_TESTS_TORTURE_WORLD_H
#define ROLLBOOK_TESTS_TORTURE_WORLD_H

#include <glib.h>

#include "rollbook/ledger.h"

#define WORLD_STREAM "app/prod"

struct world {
    char *folder;
    char *other; /* the second operator's, who has a replica of the same ledger and the same sandbox, or NULL */
    char *container;
    char *program; /* which roll is run */
    GRand *chance;
    GString *history; /* what was run so far, a line each: printed with a failure */
    GHashTable *looks; /* release → what its site looks like, as it was first seen */
    int version;      /* last release's number: 1.0.N */
    int targets;      /* a fleet of so many (make-fleet); 0: the two of make-app */
    gint64 span_us;   /* what the last act that was not killed took */
    bool shared;      /* its ledger has a store (ARM_ACCESS_KEY and AZURITE are set) */
    bool down;        /* the store is out of reach */
};

/* How a command ended. */
struct ran {
    int status; /* exit status; -SIGNAL when a signal ended it */
    bool late;  /* it had to be ended by its deadline: a hang */
    char output[16384];
};

/* Of a target: a fleet's are numbered. Owned. */
char *world_group(const struct world *world, const char *target);

struct hindrance {
    const char *environment[4]; /* NAME=VALUE …, NULL at the end */
    gint64 kill_after_us;       /* SIGKILL then; 0: not */
};

/* Makes the workspace in `folder`, which must not be there, with release 1.0.0 deployed to prod. Ends the process with a
 * message where that fails. shared: `container` of the store in AZURITE, else NULL. targets: of a fleet, in rings, that goes back when too
 * many fail; 0: none. */
void world_make(struct world *world, const char *folder, const char *program, guint32 seed, const char *container, int targets);
void world_clear(struct world *world, bool keep);

/* Runs `roll ARGUMENTS…` in the workspace; hindrance may be NULL. */
void world_roll(struct world *world, const struct hindrance *hindrance, char *const *arguments, struct ran *ret_ran);

/* One of the acts: chosen by name, "any" by chance. A new version is committed where the act needs one. */
extern const char *const world_acts[];
void world_act(struct world *world, const char *act, const struct hindrance *hindrance, struct ran *ret_ran);

/* What a release (1.0.N…) has that no other one has: the name of an application security group, owned, or NULL. */
char *world_thing(const char *release);

/* Shared: the other operator acts from now on; the store goes out of reach, or comes back. */
void world_swap(struct world *world);
void world_store(struct world *world, bool down);
/* age.c: the ledger becomes one of an older program: version 1 … world_newest() - 1. */
void world_age(struct world *world, int version);
int world_newest(void);

/* world_prune.c: what is gone was to be deleted, once, and what is live has all its things. wrong: what is not so is added.
 * sandbox: the path of its state. */
struct roll_error *world_check_prunes(const struct world *world, struct roll_ledger *ledger, const char *sandbox, GString *wrong) ROLL_CHECKED;

/* Resumes until nothing is open. NULL, or what is wrong; owned. */
char *world_recover(struct world *world);
/* All rules of rest: the ledger verifies, its rebuilt tables equal the live ones, every intent has its outcome, the sandbox
 * has what the ledger says, and took each deployment once. NULL, or what is wrong; owned. */
char *world_check(struct world *world);
/* What an act printed must be true: what it called succeeded has succeeded, an exit status is one of the documented ones, a
 * failure says why. NULL, or what is wrong; owned. */
char *world_check_said(struct world *world, const struct ran *ran);

#endif
