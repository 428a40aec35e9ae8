/* Every command, in the order in which help lists them. */
#include "app.h"

extern const struct roll_command roll_cmd_init, roll_cmd_release, roll_cmd_out, roll_cmd_back,
    roll_cmd_forward, roll_cmd_hotfix, roll_cmd_status, roll_cmd_log, roll_cmd_show, roll_cmd_diff,
    roll_cmd_resume, roll_cmd_cancel, roll_cmd_mark, roll_cmd_hold, roll_cmd_unhold,
    roll_cmd_ledger, roll_cmd_template, roll_cmd_sandbox, roll_cmd_help, roll_cmd_version,
    roll_cmd_completion, roll_cmd_window, roll_cmd_doctor;

const struct roll_command *const roll_commands[] = {
    &roll_cmd_init,    &roll_cmd_release,  &roll_cmd_out,        &roll_cmd_back,
    &roll_cmd_forward, &roll_cmd_hotfix,   &roll_cmd_status,     &roll_cmd_log,
    &roll_cmd_show,    &roll_cmd_diff,     &roll_cmd_resume,     &roll_cmd_cancel,
    &roll_cmd_mark,    &roll_cmd_hold,     &roll_cmd_unhold,     &roll_cmd_window,
    &roll_cmd_ledger,  &roll_cmd_template, &roll_cmd_doctor,     &roll_cmd_sandbox,
    &roll_cmd_help,    &roll_cmd_version,  &roll_cmd_completion, NULL,
};
