/* Opening a ledger: the folder, the file, whose it is, and the migrations. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/store.h"

static const int migrations[ROLL_LEDGER_VERSION] = {
    LEDGER_SCHEMA_1, LEDGER_SCHEMA_2,  LEDGER_SCHEMA_3, LEDGER_SCHEMA_4,
    LEDGER_SCHEMA_5, LEDGER_SCHEMA_6,  LEDGER_SCHEMA_7, LEDGER_SCHEMA_8,
    LEDGER_SCHEMA_9, LEDGER_SCHEMA_10, LEDGER_SCHEMA_11};

/* ---- folder ---------------------------------------------------------------------------------- */

static struct roll_error *sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct roll_error *err = NULL;

    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL && errno != EROFS))
        err = roll_error_errno(errno, "cannot sync '%s'", dir);
    if (fd >= 0)
        close(fd);
    return err;
}

/* A ledger holds names of people and of infrastructure: it does not belong into the repository that
 * it lies in. */
static struct roll_error *ignore_in_git(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, ".gitignore", NULL);
    struct roll_error *err = NULL;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return errno == EEXIST ? NULL : roll_error_errno(errno, "cannot create '%s'", path);
    if (write(fd, "*\n", 2) != 2)
        err = roll_error_errno(errno, "cannot write '%s'", path);
    close(fd);
    return err;
}

static struct roll_error *make_folder(const char *dir)
{
    g_autofree char *parent = g_path_get_dirname(dir);

    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return roll_error_errno(errno, "cannot create '%s'", dir);
    return sync_folder(parent);
}

/* *ret_there: whether the path is what it should be; a symbolic link or another kind of file is
 * refused. */
static struct roll_error *look(const char *path, mode_t type, bool *ret_there)
{
    struct stat status;

    if (lstat(path, &status) != 0) {
        if (errno != ENOENT)
            return roll_error_errno(errno, "cannot look at '%s'", path);
        *ret_there = false;
        return NULL;
    }
    if (S_ISLNK(status.st_mode))
        return roll_error_new(
            ROLL_E_FOREIGN, "'%s' is a symbolic link, which a ledger is not opened through", path);
    if ((status.st_mode & S_IFMT) != type)
        return roll_error_new(ROLL_E_FOREIGN, "'%s' is not a %s", path,
                              type == S_IFDIR ? "folder" : "regular file");
    *ret_there = true;
    return NULL;
}

/* *ret_made: the file is not there yet; what is made has to reach the disk with its folder. */
static struct roll_error *prepare_folder(struct roll_ledger *ledger, bool *ret_made)
{
    bool folder = false, file = false;

    ROLL_TRY(look(ledger->dir, S_IFDIR, &folder));
    if (!folder && ledger->mode == ROLL_LEDGER_CREATE)
        ROLL_TRY(make_folder(ledger->dir));
    ROLL_TRY(look(ledger->path, S_IFREG, &file));
    *ret_made = !file;
    if (file)
        return NULL;
    if (ledger->mode != ROLL_LEDGER_CREATE)
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no ledger in '%s'", ledger->dir);
    return ignore_in_git(ledger->dir);
}

/* ---- file ------------------------------------------------------------------------------------ */

static struct roll_error *connect_file(struct roll_ledger *ledger, bool read_only)
{
    struct roll_sql_options options = {.path = ledger->path,
                                       .statements = roll_ledger_statements(),
                                       .count = LEDGER_STATEMENTS,
                                       .read_only = read_only,
                                       .create = ledger->mode == ROLL_LEDGER_CREATE,
                                       .application_id = ROLL_LEDGER_APPLICATION,
                                       .wal = true};

    g_clear_pointer(&ledger->sql, roll_sql_close);
    ROLL_TRY(roll_sql_open(&options, &ledger->sql));
    ledger->writable = !read_only;
    return NULL;
}

struct roll_error *roll_ledger_make_writable(struct roll_ledger *ledger)
{
    return ledger->writable ? NULL : connect_file(ledger, false);
}

static struct roll_error *add_meta(struct roll_sql *sql, const char *key, const char *value)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(sql, LEDGER_META_ADD, &stmt));
    roll_sql_bind_text(stmt, ":key", key);
    roll_sql_bind_text(stmt, ":value", value);
    return roll_sql_run(stmt);
}

/* Copies the value, or leaves "" when there is none. */
static struct roll_error *get_meta(struct roll_sql *sql, const char *key,
                                   char ret_value[ROLL_UUID_SIZE])
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(sql, LEDGER_META_GET, &stmt));
    roll_sql_bind_text(stmt, ":key", key);
    ROLL_TRY(roll_sql_step(stmt, &row));
    const char *value = row ? roll_sql_text_at(stmt, 0) : NULL;
    g_strlcpy(ret_value, value ? value : "", ROLL_UUID_SIZE);
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *roll_ledger_schema(struct roll_sql *sql)
{
    for (size_t i = 0; i < G_N_ELEMENTS(migrations); i++)
        ROLL_TRY(roll_sql_script(sql, roll_ledger_statements()[migrations[i]].sql));
    return NULL;
}

static struct roll_error *run_migration(struct roll_sql *sql, int64_t from)
{
    char replica[ROLL_UUID_SIZE];

    ROLL_TRY(roll_sql_script(sql, roll_ledger_statements()[migrations[from]].sql));
    if (from == 0) {
        roll_uuid_random(replica);
        ROLL_TRY(add_meta(sql, "replica", replica));
    }
    return roll_sql_pragma_set(sql, "user_version", from + 1);
}

/* One version up, in one transaction; nothing if another process was faster. */
static struct roll_error *migrate_once(struct roll_sql *sql, int64_t *ret_version)
{
    int64_t version;

    ROLL_TRY(roll_sql_begin(sql, true));
    struct roll_error *err = roll_sql_pragma_get(sql, "user_version", &version);
    if (!err && version < ROLL_LEDGER_VERSION)
        err = run_migration(sql, version);
    if (!err)
        err = roll_sql_commit(sql);
    roll_sql_rollback(sql);
    if (!err)
        *ret_version = MIN(version + 1, ROLL_LEDGER_VERSION);
    return err;
}

static struct roll_error *migrate(struct roll_ledger *ledger)
{
    int64_t version;

    ROLL_TRY(roll_sql_pragma_get(ledger->sql, "user_version", &version));
    if (version > ROLL_LEDGER_VERSION)
        return roll_error_new(ROLL_E_TOO_NEW,
                              "'%s' has version %" G_GINT64_FORMAT
                              ", this program knows versions up to %d",
                              ledger->path, version, ROLL_LEDGER_VERSION);
    if (version < 0)
        return roll_error_new(ROLL_E_DAMAGED, "'%s' has version %" G_GINT64_FORMAT, ledger->path,
                              version);
    if (version == ROLL_LEDGER_VERSION)
        return NULL;
    struct roll_error *err = roll_ledger_make_writable(ledger);
    while (!err && version < ROLL_LEDGER_VERSION)
        err = migrate_once(ledger->sql, &version);
    return roll_error_wrap(
        err, "'%s' was made by an older program and could not be brought up to date", ledger->path);
}

static struct roll_error *load_state(struct roll_ledger *ledger)
{
    g_autoptr(GPtrArray) streams = NULL;

    ROLL_TRY(get_meta(ledger->sql, "replica", ledger->replica));
    ROLL_TRY(get_meta(ledger->sql, "ledger", ledger->id));
    ROLL_TRY(roll_stream_list(ledger, &streams));
    for (guint i = 0; i < streams->len; i++) {
        const struct roll_stream *stream = streams->pdata[i];
        ledger->stale = ledger->stale || stream->projection != ROLL_PROJECTION_VERSION;
        ledger->sides = ledger->sides || roll_side_is_own(ledger, stream->name);
    }
    return NULL;
}

struct roll_error *roll_ledger_open(const char *state_dir, enum roll_ledger_mode mode,
                                    struct roll_ledger **ret_ledger)
{
    roll_auto(ledger) struct roll_ledger *ledger = g_new0(struct roll_ledger, 1);
    bool made = false;

    ledger->dir = g_strdup(state_dir);
    ledger->path = g_build_filename(state_dir, "ledger.db", NULL);
    ledger->mode = mode;
    ROLL_TRY(prepare_folder(ledger, &made));
    ROLL_TRY(connect_file(ledger, mode == ROLL_LEDGER_READ));
    ROLL_TRY(migrate(ledger));
    if (made)
        ROLL_TRY(sync_folder(ledger->dir));
    ROLL_TRY(load_state(ledger));
    *ret_ledger = g_steal_pointer(&ledger);
    return NULL;
}

struct roll_error *roll_ledger_rehearse(struct roll_ledger *ledger, struct roll_ledger **ret_copy)
{
    roll_auto(ledger) struct roll_ledger *copy = g_new0(struct roll_ledger, 1);
    struct roll_sql_options options = {.path = ":memory:",
                                       .statements = roll_ledger_statements(),
                                       .count = LEDGER_STATEMENTS,
                                       .create = true,
                                       .application_id = ROLL_LEDGER_APPLICATION};

    copy->path = g_strdup(options.path);
    copy->mode = ROLL_LEDGER_WRITE;
    copy->writable = true;
    ROLL_TRY(roll_sql_open(&options, &copy->sql));
    if (ledger)
        ROLL_TRY(roll_sql_copy(ledger->sql, copy->sql));
    ROLL_TRY(migrate(copy));
    ROLL_TRY(load_state(copy));
    *ret_copy = g_steal_pointer(&copy);
    return NULL;
}

void roll_ledger_close(struct roll_ledger *ledger)
{
    if (!ledger)
        return;
    roll_sql_close(ledger->sql);
    g_free(ledger->dir);
    g_free(ledger->path);
    g_free(ledger);
}

/* ---- what it is ------------------------------------------------------------------------------ */

const char *roll_ledger_id(struct roll_ledger *ledger)
{
    /* Made with the first event, perhaps by another process. A failure leaves it unknown, as before
     * that event. */
    if (ledger->id[0] == '\0')
        roll_error_free(get_meta(ledger->sql, "ledger", ledger->id));
    return ledger->id;
}

const char *roll_ledger_replica(struct roll_ledger *ledger)
{
    return ledger->replica;
}

struct roll_error *roll_ledger_data_version(struct roll_ledger *ledger, int64_t *ret_version)
{
    return roll_sql_pragma_get(ledger->sql, "data_version", ret_version);
}
