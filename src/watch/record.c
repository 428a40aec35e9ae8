/* What a look found is a fact on its own: it depends on no head, and is appended again when
 * somebody was faster. What was decided on facts is looked at again first. */
#include "watch/drift.h"

#define TRIES 20

struct roll_error *watch_append_checked(struct roll_ledger *ledger, const struct roll_actor *actor,
                                        const struct roll_draft *drafts, size_t n_drafts,
                                        const struct roll_object *objects, size_t n_objects,
                                        watch_check_fn check, void *user)
{
    struct roll_expect expect = {.stream = drafts[0].stream};
    struct roll_error *err = NULL;

    for (int i = 0; i < TRIES; i++) {
        roll_error_free(err);
        err = NULL;
        ROLL_TRY(roll_ledger_head(ledger, expect.stream, &expect.head));
        if (check)
            ROLL_TRY(check(user));
        err = roll_ledger_append(ledger, actor, 0, &expect, 1, drafts, n_drafts, objects, n_objects,
                                 NULL);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            return err;
    }
    return err;
}

struct roll_error *watch_append(struct roll_ledger *ledger, const struct roll_actor *actor,
                                const struct roll_draft *draft, const struct roll_object *objects,
                                size_t n_objects)
{
    return watch_append_checked(ledger, actor, draft, 1, objects, n_objects, NULL, NULL);
}
