/* The floors of the ledger's rows: SQLite and OpenSSL with nothing around them,
 * with the ledger's pragmas, columns and index. */
#ifndef ROLL_BENCH_RAW_H
#define ROLL_BENCH_RAW_H

#include <glib.h>

struct raw;

/* A line of an event and its hash. */
struct raw_line {
    GString *line;
    char hash[65];
};

/* A new database FOLDER/raw.db; what was there is replaced. */
struct raw *raw_create(const char *folder);
/* A file that a ledger made, for reading. */
struct raw *raw_open(const char *path);
void raw_close(struct raw *raw);

void raw_begin(struct raw *raw);
void raw_insert(struct raw *raw, int64_t seq, const struct raw_line *line);
void raw_commit(struct raw *raw);

/* Reads one column of every row and takes SHA-256 of each; returns how many. */
int64_t raw_hash_lines(struct raw *raw);
int64_t raw_hash_objects(struct raw *raw);

#endif
