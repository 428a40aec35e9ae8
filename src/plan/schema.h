/* Between the checker and its keywords. */
#ifndef ROLLBOOK_PLAN_SCHEMA_H
#define ROLLBOOK_PLAN_SCHEMA_H

#include "plan/internal.h"

/* One check of one value and all below it. */
struct roll_check {
    struct roll_schema *schema;
    struct roll_findings *findings; /* NULL: only counted, to see whether something holds */
    size_t failures;
    GString *pointer; /* to the value that is looked at */
};

/* What a keyword does: argument is its value in the schema `rules`. */
typedef void (*roll_keyword_fn)(struct roll_check *check, json_t *rules, json_t *argument,
                                json_t *value);

void roll_check_value(struct roll_check *check, json_t *rules, json_t *value);
bool roll_check_holds(struct roll_check *check, json_t *rules, json_t *value);
/* The same, one member or element deeper. */
void roll_check_member(struct roll_check *check, json_t *rules, const char *name, json_t *value);
void roll_check_element(struct roll_check *check, json_t *rules, size_t index, json_t *value);
void roll_check_fail(struct roll_check *check, const char *format, ...) ROLL_PRINTF(2, 3);
/* "expected …, not …": the title of rules if it has one, else what is given. */
void roll_check_expected(struct roll_check *check, json_t *rules, const char *otherwise,
                         json_t *value);
/* A compiled pattern, kept by the schema. */
GRegex *roll_schema_pattern(struct roll_schema *schema, const char *pattern);
/* The part of the root that "#/…" names; NULL if there is none. Borrowed. */
json_t *roll_schema_resolve(json_t *root, const char *ref);

void roll_keyword_type(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_enum(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_const(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_pattern(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_format(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_minimum(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_maximum(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_min_length(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_max_length(struct roll_check *, json_t *, json_t *, json_t *);

void roll_keyword_properties(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_additional(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_property_names(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_required(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_dependent_required(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_min_properties(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_max_properties(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_items(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_min_items(struct roll_check *, json_t *, json_t *, json_t *);
void roll_keyword_unique_items(struct roll_check *, json_t *, json_t *, json_t *);

bool roll_keyword_type_known(const char *name);
bool roll_keyword_format_known(const char *name);

#endif
