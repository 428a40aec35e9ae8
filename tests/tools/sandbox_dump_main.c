/* sandbox-dump STATE_FILE: every resource that a sandbox holds, a line each (id, blank, body),
 * sorted by id without regard to case. What two dumps must have in common, byte for byte, is what
 * was deployed. */
#include <glib.h>
#include <stdio.h>

#include "rollbook/sql.h"

enum { SELECT_RESOURCES, SELECT_COUNT };

static const struct roll_sql_text statements[] = {
    [SELECT_RESOURCES] = {"resources",
                          "SELECT id, body FROM resource WHERE deleting = 0 ORDER BY key"},
};

static struct roll_error *dump(const char *path)
{
    struct roll_sql_options options = {
        .path = path, .statements = statements, .count = SELECT_COUNT, .read_only = true};
    roll_auto(sql) struct roll_sql *sql = NULL;
    struct roll_sql_stmt *stmt = NULL;
    bool row = false;

    ROLL_TRY(roll_sql_open(&options, &sql));
    ROLL_TRY(roll_sql_use(sql, SELECT_RESOURCES, &stmt));
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        printf("%s %s\n", roll_sql_text_at(stmt, 0), roll_sql_text_at(stmt, 1));
    }
}

int main(int argc, char **argv)
{
    struct roll_error *err;

    if (argc != 2) {
        fprintf(stderr, "usage: sandbox-dump STATE_FILE\n");
        return 2;
    }
    err = dump(argv[1]);
    if (!err)
        return 0;
    fprintf(stderr, "%s\n", err->message);
    roll_error_free(err);
    return 1;
}
