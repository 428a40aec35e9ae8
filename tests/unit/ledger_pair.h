/* Two ledgers of one team, ours and theirs: a fixture, and what carries events between them. */
#ifndef ROLLBOOK_TESTS_LEDGER_PAIR_H
#define ROLLBOOK_TESTS_LEDGER_PAIR_H

#include "ledger_tools.h"

#define PROD "shop/prod" /* the stream of most tests */

static struct place here, there;
static struct roll_ledger *ours, *theirs;

static inline void setup(void)
{
    here = place_make();
    there = place_make();
    ours = place_open(&here, ROLL_LEDGER_CREATE);
    theirs = place_open(&there, ROLL_LEDGER_CREATE);
}

/* The chain is whole, and the tables are what folding the events gives. */
static inline void check(struct roll_ledger *ledger)
{
    struct roll_verify_report report = {0};

    ck_ok(roll_ledger_verify(ledger, &(struct roll_verify_options){.projections = true}, &report));
    ck_assert_msg(!report.first_bad, "%s", report.first_bad);
    check_rebuild(ledger);
}

static inline void teardown(void)
{
    check(ours);
    check(theirs);
    roll_ledger_close(ours);
    roll_ledger_close(theirs);
    place_remove(&here);
    place_remove(&there);
}

static inline struct roll_error *write_line(void *user, const char *line, size_t size)
{
    g_string_append_len(user, line, (gssize)size);
    return NULL;
}

static inline struct roll_error *read_line(void *user, const char **ret_line, size_t *ret_size)
{
    const char **at = user, *end = strchr(*at, '\n');

    *ret_line = end ? *at : NULL;
    *ret_size = end ? (size_t)(end - *at) : 0;
    *at = end ? end + 1 : *at;
    return NULL;
}

/* All that one has goes to the other, as export and import move it. */
static inline void carry(struct roll_ledger *from, struct roll_ledger *to)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *at;
    int64_t events;

    ck_ok(roll_ledger_export(from, write_line, text));
    at = text->str;
    ck_ok(roll_ledger_import(to, read_line, &at, &events));
}

#endif
