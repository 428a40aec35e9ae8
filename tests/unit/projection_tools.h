/* Rows of the projections, copied out of their callbacks. */
#ifndef ROLLBOOK_TESTS_PROJECTION_TOOLS_H
#define ROLLBOOK_TESTS_PROJECTION_TOOLS_H

#include "ledger_one.h"

static const char *const both[] = {"weu", "neu", NULL};
static const char *const weu[] = {"weu", NULL};

/* Copies of texts live as long as the test's process. */
static inline const char *keep(const char *text)
{
    return text ? g_intern_string(text) : NULL;
}

static inline struct roll_error *copy_environment(void *user,
                                                  const struct roll_environment_row *row)
{
    struct roll_environment_row *copy = user;

    *copy = *row;
    copy->stream = keep(row->stream);
    copy->live = keep(row->live);
    copy->last_good = keep(row->last_good);
    copy->previous = keep(row->previous);
    copy->hold_reason = keep(row->hold_reason);
    copy->last_state = keep(row->last_state);
    return NULL;
}

static inline struct roll_environment_row environment(void)
{
    struct roll_environment_row row = {0};

    ck_ok(roll_ledger_environments(ledger, PROD, copy_environment, &row));
    return row;
}

static inline struct roll_error *copy_target(void *user, const struct roll_target_row *row)
{
    struct roll_target_row *copy = user;

    *copy = *row;
    copy->target = keep(row->target);
    copy->release = keep(row->release);
    copy->accepted_release = keep(row->accepted_release);
    return NULL;
}

static inline struct roll_target_row target(const char *name)
{
    struct roll_target_row row = {0};

    ck_ok(roll_ledger_targets(ledger, PROD, name, copy_target, &row));
    return row;
}

static inline struct roll_error *copy_rollout(void *user, const struct roll_rollout_row *row)
{
    struct roll_rollout_row *copy = user;

    *copy = *row;
    copy->stream = keep(row->stream);
    copy->hash = keep(row->hash);
    copy->lane = keep(row->lane);
    copy->kind = keep(row->kind);
    copy->release = keep(row->release);
    copy->from = keep(row->from);
    copy->reason = keep(row->reason);
    copy->order = keep(row->order);
    copy->state = keep(row->state);
    copy->end_reason = keep(row->end_reason);
    copy->proved = keep(row->proved);
    copy->claimed = keep(row->claimed);
    copy->driver = keep(row->driver);
    copy->host = keep(row->host);
    return NULL;
}

static inline struct roll_rollout_row rollout(int64_t number)
{
    struct roll_rollout_row row = {0};

    ck_ok(roll_ledger_rollouts(ledger,
                               &(struct roll_rollout_query){.stream = PROD, .number = number},
                               copy_rollout, &row));
    return row;
}

static inline struct roll_error *copy_release(void *user, const struct roll_release_row *row)
{
    struct roll_release_row *copy = user;

    *copy = *row;
    copy->version = keep(row->version);
    copy->verdict = keep(row->verdict);
    copy->fixed_by = keep(row->fixed_by);
    copy->reason = keep(row->reason);
    copy->commit = keep(row->commit);
    copy->base = keep(row->base);
    return NULL;
}

static inline struct roll_release_row release(const char *version)
{
    struct roll_release_row row = {0};

    ck_ok(roll_ledger_release(ledger, "shop", version, copy_release, &row));
    return row;
}

static inline const char *bad_where(const char *version)
{
    const char *where;

    ck_ok(roll_ledger_bad(ledger, PROD, version, &where));
    return where;
}

#endif
