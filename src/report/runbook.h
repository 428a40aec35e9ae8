/* What the files of the runbook's page share. */
#ifndef ROLL_REPORT_RUNBOOK_H
#define ROLL_REPORT_RUNBOOK_H

#include "report/markdown.h"
#include "rollbook/json.h"
#include "rollbook/report.h"

/* "    roll VERB ENV REST". */
void runbook_command(GString *out, const json_t *facts, const char *verb, const char *rest);
/* "`roll VERB ENV REST`", inside a sentence. */
void runbook_inline(GString *out, const json_t *facts, const char *verb, const char *rest);
const json_t *runbook_lane(const json_t *facts, const char *lane);
/* "on-call (alice@contoso.com, …) or …"; "anybody who has the credential" where nothing is said. */
void runbook_who(GString *out, const json_t *facts, const char *lane);
/* "1 of security, 2 of manager"; "nobody". */
void runbook_approvals(GString *out, const json_t *lane);
/* Texts with ", " between them. */
void runbook_join(GString *out, const json_t *texts);

/* runbook_trouble.c: if it does not go well; fix, forward, hold; who may; where to look. */
void runbook_failure(GString *out, const json_t *facts);
void runbook_other_ways(GString *out, const json_t *facts);
void runbook_people(GString *out, const json_t *facts);
void runbook_places(GString *out, const json_t *facts);

#endif
