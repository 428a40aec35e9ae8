/* Every command, in the order in which help lists them. */
#include "app.h"

/* One a line, in the order of help. */
/* clang-format off */
#define ROLL_COMMANDS(C) \
    C(init) \
    C(release) \
    C(out) \
    C(back) \
    C(forward) \
    C(hotfix) \
    C(status) \
    C(log) \
    C(show) \
    C(diff) \
    C(ready) \
    C(drift) \
    C(adopt) \
    C(report) \
    C(audit) \
    C(runbook) \
    C(approve) \
    C(reject) \
    C(review) \
    C(resume) \
    C(cancel) \
    C(mark) \
    C(hold) \
    C(unhold) \
    C(run) \
    C(schedule) \
    C(window) \
    C(ledger) \
    C(template) \
    C(doctor) \
    C(sandbox) \
    C(help) \
    C(version) \
    C(completion)
/* clang-format on */

#define C(name) extern const struct roll_command roll_cmd_##name;
ROLL_COMMANDS(C)
#undef C

#define C(name) &roll_cmd_##name,
const struct roll_command *const roll_commands[] = {ROLL_COMMANDS(C) NULL};
#undef C
