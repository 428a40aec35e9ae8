/* What the tests of ledger share: a folder of their own, and appending in one line. */
#ifndef ROLLBOOK_TESTS_LEDGER_TOOLS_H
#define ROLLBOOK_TESTS_LEDGER_TOOLS_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rollbook/ledger.h"
#include "suite_tools.h"

/* Ends the test with the error's chain. */
#define ck_ok(expression)                                                                          \
    do {                                                                                           \
        struct roll_error *ck_err = (expression);                                                  \
        for (const struct roll_error *each = ck_err; each; each = each->cause)                     \
            fprintf(stderr, "  %s (%s:%d)\n", each->message, each->file, each->line);              \
        ck_assert_msg(!ck_err, "%s: %s", #expression, ck_err ? ck_err->message : "");              \
    } while (0)

/* The call must fail with this code. */
#define ck_fails(expression, wanted)                                                               \
    do {                                                                                           \
        struct roll_error *ck_err = (expression);                                                  \
        ck_assert_msg(ck_err && ck_err->code == (wanted), "%s: %s", #expression,                   \
                      ck_err ? ck_err->message : "no error");                                      \
        roll_error_free(ck_err);                                                                   \
    } while (0)

/* Bodies own their text, tests only lend it. */
#define T(text) ((char *)(uintptr_t)(text))

struct place {
    char root[64];
    char state[80];
    char file[96];
};

static inline struct place place_make(void)
{
    struct place place;

    g_strlcpy(place.root, "/tmp/roll-ledger-XXXXXX", sizeof place.root);
    ck_assert_ptr_nonnull(mkdtemp(place.root));
    g_snprintf(place.state, sizeof place.state, "%s/state", place.root);
    g_snprintf(place.file, sizeof place.file, "%s/ledger.db", place.state);
    return place;
}

static inline int place_remove_one(const char *path, const struct stat *status, int type,
                                   struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static inline void place_remove(const struct place *place)
{
    nftw(place->root, place_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline struct roll_ledger *place_open(const struct place *place, enum roll_ledger_mode mode)
{
    struct roll_ledger *ledger = NULL;

    ck_ok(roll_ledger_open(place->state, mode, &ledger));
    return ledger;
}

/* The tables are what folding the events again gives. */
static inline void check_rebuild(struct roll_ledger *ledger)
{
    bool equal = false;

    ck_ok(roll_ledger_rebuild(ledger, &equal));
    ck_assert_msg(equal, "a rebuild differs from the live tables");
}

static const struct roll_actor somebody = {.proved = T("alice@contoso.com"), .claimed = T("alice")};

/* Appends one event at its stream's head; the sequence number that it got. at: 0 for the clock. */
static inline struct roll_error *try_say(struct roll_ledger *ledger, const char *stream, int64_t at,
                                         enum roll_event_kind kind, const void *body,
                                         const char *object, int64_t *ret_seq)
{
    struct roll_expect expect = {.stream = stream};
    const struct roll_draft draft = {.stream = stream, .kind = kind, .body = body};
    const struct roll_object content = {.data = object, .size = object ? strlen(object) : 0};
    struct roll_head head;

    ROLL_TRY(roll_ledger_head(ledger, stream, &expect.head));
    ROLL_TRY(roll_ledger_append(ledger, &somebody, at, &expect, 1, &draft, 1, &content,
                                object ? 1 : 0, &head));
    *ret_seq = head.seq;
    return NULL;
}

#define say(ledger, stream, at, id, ...)                                                           \
    say_body(ledger, stream, at, ROLL_EVENT_##id, &(const struct roll_##id){__VA_ARGS__}, NULL)
/* The same with an object that is stored along. */
#define say_with(ledger, stream, at, object, id, ...)                                              \
    say_body(ledger, stream, at, ROLL_EVENT_##id, &(const struct roll_##id){__VA_ARGS__}, object)

static inline int64_t say_body(struct roll_ledger *ledger, const char *stream, int64_t at,
                               enum roll_event_kind kind, const void *body, const char *object)
{
    int64_t seq = 0;

    ck_ok(try_say(ledger, stream, at, kind, body, object, &seq));
    return seq;
}

static inline char *digest_of(const char *text)
{
    static char hex[4][ROLL_HEX_SIZE];
    static int next;

    next = (next + 1) % 4;
    roll_sha256_hex(text, strlen(text), hex[next]);
    return hex[next];
}

/* A rollout's request with the order "{}"; the request's number. */
static inline int64_t request(struct roll_ledger *ledger, const char *stream, int64_t at,
                              const char *kind, const char *release)
{
    return say_with(ledger, stream, at, "{}", rollout_requested,
                    .lane = T(g_str_equal(kind, "back") ? "rollback" : "release"), .kind = T(kind),
                    .release = T(release), .order = digest_of("{}"), .targets = 1);
}

static inline void intend(struct roll_ledger *ledger, const char *stream, int64_t at,
                          int64_t rollout, const char *target, const char *release)
{
    say(ledger, stream, at, step_intended, .rollout = rollout, .target = T(target), .attempt = 1,
        .release = T(release));
}

static inline void finish(struct roll_ledger *ledger, const char *stream, int64_t at,
                          int64_t rollout, const char *target, const char *outcome)
{
    bool arrived = !g_str_equal(outcome, "refused") && !g_str_equal(outcome, "absent");

    say(ledger, stream, at, step_ended, .rollout = rollout, .target = T(target), .attempt = 1,
        .outcome = T(outcome), .last = true, .accepted = arrived);
}

/* One rollout from request to success, on targets that are named one after the other; its number.
 */
static inline int64_t roll_out(struct roll_ledger *ledger, const char *stream, int64_t at,
                               const char *kind, const char *release, const char *const *targets)
{
    int64_t number = request(ledger, stream, at, kind, release);

    for (; *targets; targets++) {
        intend(ledger, stream, at + 1, number, *targets, release);
        finish(ledger, stream, at + 2, number, *targets, "succeeded");
    }
    say(ledger, stream, at + 3, rollout_succeeded, .rollout = number);
    return number;
}

#endif
