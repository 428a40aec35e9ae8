/* What an audit says of a rollout, column by column: for CSV and Markdown. */
#ifndef ROLL_REPORT_AUDIT_H
#define ROLL_REPORT_AUDIT_H

#include <jansson.h>
#include <stddef.h>

struct audit_column {
    const char *name;
    char *(*of)(const json_t *view); /* owned, or NULL */
};
extern const struct audit_column audit_columns[];
extern const size_t audit_column_count;

/* Columns that Markdown has room for. */
char *audit_release(const json_t *view);
char *audit_actor(const json_t *view);
char *audit_approvals(const json_t *view);
char *audit_gates(const json_t *view);
char *audit_overrides(const json_t *view);
char *audit_debts(const json_t *view);
char *audit_governance(const json_t *view);
char *audit_exceptions(const json_t *view);
char *audit_parts(const json_t *view);
char *audit_pruned(const json_t *view);

#endif
