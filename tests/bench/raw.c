/* SQLite and SHA-256 as plainly as they can be used. */
#include "raw.h"

#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct raw {
    sqlite3 *db;
    sqlite3_stmt *insert;
};

static void must(struct raw *raw, int result)
{
    if (result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW)
        return;
    fprintf(stderr, "error: raw SQLite: %s\n", sqlite3_errmsg(raw->db));
    exit(1);
}

static void run(struct raw *raw, const char *sql)
{
    must(raw, sqlite3_exec(raw->db, sql, NULL, NULL, NULL));
}

static struct raw *connect_to(const char *path, int flags)
{
    struct raw *raw = g_new0(struct raw, 1);

    must(raw, sqlite3_open_v2(path, &raw->db, flags | SQLITE_OPEN_NOMUTEX, NULL));
    run(raw, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
             "foreign_keys=ON;"
             "PRAGMA recursive_triggers=ON; PRAGMA trusted_schema=OFF; PRAGMA "
             "cell_size_check=ON");
    return raw;
}

struct raw *raw_create(const char *folder)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    g_autofree char *path = g_build_filename(folder, "raw.db", NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *old = g_strconcat(path, suffixes[i], NULL);
        unlink(old);
    }
    struct raw *raw = connect_to(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    run(raw, "CREATE TABLE events (id INTEGER PRIMARY KEY, stream INTEGER NOT NULL,"
             "  seq INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,"
             "  hash TEXT NOT NULL, line TEXT NOT NULL) STRICT;"
             "CREATE UNIQUE INDEX events_place ON events (stream, seq)");
    must(raw, sqlite3_prepare_v2(raw->db,
                                 "INSERT INTO events (stream, seq, kind, at, hash, line)"
                                 " VALUES (1, ?1, 'step.ended', ?2, ?3, ?4)",
                                 -1, &raw->insert, NULL));
    return raw;
}

struct raw *raw_open(const char *path)
{
    return connect_to(path, SQLITE_OPEN_READWRITE);
}

void raw_close(struct raw *raw)
{
    sqlite3_finalize(raw->insert);
    sqlite3_close(raw->db);
    g_free(raw);
}

void raw_begin(struct raw *raw)
{
    run(raw, "BEGIN IMMEDIATE");
}

void raw_commit(struct raw *raw)
{
    run(raw, "COMMIT");
}

void raw_insert(struct raw *raw, int64_t seq, const struct raw_line *line)
{
    sqlite3_bind_int64(raw->insert, 1, seq);
    sqlite3_bind_int64(raw->insert, 2, INT64_C(1700000000000) + seq);
    sqlite3_bind_text(raw->insert, 3, line->hash, 64, SQLITE_STATIC);
    sqlite3_bind_text(raw->insert, 4, line->line->str, (int)line->line->len, SQLITE_STATIC);
    must(raw, sqlite3_step(raw->insert));
    must(raw, sqlite3_reset(raw->insert));
}

static int64_t hash_column(struct raw *raw, const char *sql)
{
    EVP_MD *kind = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE];
    sqlite3_stmt *stmt;
    int64_t count = 0;

    must(raw, sqlite3_prepare_v2(raw->db, sql, -1, &stmt, NULL));
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const void *data = sqlite3_column_blob(stmt, 0);
        size_t size = (size_t)sqlite3_column_bytes(stmt, 0);
        if (EVP_DigestInit_ex2(context, kind, NULL) != 1 ||
            EVP_DigestUpdate(context, data, size) != 1 ||
            EVP_DigestFinal_ex(context, digest, NULL) != 1)
            abort();
        count++;
    }
    must(raw, sqlite3_finalize(stmt));
    EVP_MD_CTX_free(context);
    EVP_MD_free(kind);
    return count;
}

int64_t raw_hash_lines(struct raw *raw)
{
    return hash_column(raw, "SELECT line FROM events ORDER BY id");
}

int64_t raw_hash_objects(struct raw *raw)
{
    return hash_column(raw, "SELECT data FROM objects ORDER BY id");
}
