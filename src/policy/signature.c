/* SSH signatures by ssh-keygen (services reference, section 7): never a shell, its exit code alone
 * decides, and what it needs as files is in memory alone. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "rollbook/digest.h"
#include "rollbook/policy.h"
#include "rollbook/process.h"

#define BEGIN "-----BEGIN SSH SIGNATURE-----"
#define END "-----END SSH SIGNATURE-----"
#define SIGNATURE_MAX 16384
#define TIMEOUT_MS 60000
#define FIRST_FILE 3

/* ---- files that are in no folder ------------------------------------------------------------- */

/* What ssh-keygen wants as files: in memory, so that nobody else reads them and nothing is left
 * after a kill. */
struct desk {
    GArray *files; /* descriptors; the child has them as 3, 4, … */
    char *approvers, *revoked, *message, *signature,
        *key; /* what they are called: here message, in the child the others */
};

static void desk_clear(struct desk *desk)
{
    for (guint i = 0; desk->files && i < desk->files->len; i++)
        close(g_array_index(desk->files, int, i));
    if (desk->files)
        g_array_unref(desk->files);
    g_free(desk->approvers);
    g_free(desk->revoked);
    g_free(desk->message);
    g_free(desk->signature);
    g_free(desk->key);
}

static bool write_whole(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

static struct roll_error *lay(struct desk *desk, const char *name, const char *data, size_t size,
                              char **ret_path)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0)
        return roll_error_new(ROLL_E_IO, "cannot keep '%s' in memory: %s", name, g_strerror(errno));
    *ret_path = g_strdup_printf("/proc/self/fd/%u", FIRST_FILE + desk->files->len);
    g_array_append_val(desk->files, fd);
    if (!write_whole(fd, data, size))
        return roll_error_new(ROLL_E_IO, "cannot keep '%s' in memory: %s", name, g_strerror(errno));
    return NULL;
}

/* Its standard input is opened before it has the others, from our own number. */
static struct roll_error *lay_message(struct desk *desk, const char *message)
{
    g_autofree char *there = NULL;

    ROLL_TRY(lay(desk, "message", message, strlen(message), &there));
    desk->message =
        g_strdup_printf("/proc/self/fd/%d", g_array_index(desk->files, int, desk->files->len - 1));
    return NULL;
}

static struct roll_error *desk_open(struct desk *desk, const struct roll_signers *signers)
{
    *desk = (struct desk){.files = g_array_new(FALSE, FALSE, sizeof(int))};
    if (signers && signers->approvers)
        ROLL_TRY(lay(desk, "approvers", signers->approvers->str, signers->approvers->len,
                     &desk->approvers));
    if (signers && signers->revoked)
        ROLL_TRY(
            lay(desk, "revoked", signers->revoked->str, signers->revoked->len, &desk->revoked));
    return NULL;
}

/* ---- running it ----------------------------------------------------------------------------- */

static struct roll_error *run(const struct desk *desk, GPtrArray *argv,
                              struct roll_process_result *ret_result)
{
    struct roll_process_options options = {.timeout_ms = TIMEOUT_MS,
                                           .input_path = desk->message,
                                           .env_bare = true,
                                           .files = (const int *)(const void *)desk->files->data,
                                           .file_count = (int)desk->files->len,
                                           .max_output_bytes = 1 << 20};
    struct roll_error *err;

    g_ptr_array_add(argv, NULL);
    options.argv = (const char *const *)argv->pdata;
    err = roll_process_run(&options, ret_result);
    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    return roll_error_detail(
        roll_error_new(ROLL_E_NOT_FOUND,
                       "'%s' is not on PATH: approvals are SSH signatures, and it checks them",
                       options.argv[0]),
        "{\"next\":[\"install OpenSSH's client (8.9 or later)\"]}");
}

static GPtrArray *words(const char *first, ...)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    va_list list;

    va_start(list, first);
    for (const char *word = first; word; word = va_arg(list, const char *))
        g_ptr_array_add(argv, g_strdup(word));
    va_end(list);
    return argv;
}

/* YYYYMMDDHHMMSSZ: without the Z it would be local time. */
static void add_time(GPtrArray *argv, int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;
    char text[32];

    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &parts);
    g_ptr_array_add(argv, g_strdup("-O"));
    g_ptr_array_add(argv, g_strdup_printf("verify-time=%s", text));
}

static char *armour(const char *signature)
{
    GString *text = g_string_new(BEGIN "\n");

    for (size_t at = 0, size = strlen(signature); at < size; at += 70)
        g_string_append_printf(text, "%.70s\n", signature + at);
    g_string_append(text, END "\n");
    return g_string_free(text, FALSE);
}

/* NULL: there is none in the text. */
static char *unarmour(const char *text)
{
    const char *begin = strstr(text, BEGIN), *end = begin ? strstr(begin, END) : NULL;
    GString *signature;

    if (!end)
        return NULL;
    signature = g_string_new(NULL);
    for (const char *at = begin + strlen(BEGIN); at < end; at++)
        if (!g_ascii_isspace(*at))
            g_string_append_c(signature, *at);
    return g_string_free(signature, FALSE);
}

static bool is_signature(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size <= SIGNATURE_MAX &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") ==
               size;
}

/* ---- checking ------------------------------------------------------------------------------- */

static struct roll_error *lay_out(struct desk *desk, const struct roll_signers *signers,
                                  const char *message, const char *signature)
{
    g_autofree char *armoured = armour(signature);

    if (!is_signature(signature))
        return roll_error_new(ROLL_E_REFUSED, "this is not an SSH signature");
    if (!signers->approvers)
        return roll_error_new(ROLL_E_REFUSED, "no approvers were recorded with the request");
    ROLL_TRY(desk_open(desk, signers));
    if (message)
        ROLL_TRY(lay_message(desk, message));
    return lay(desk, "signature", armoured, strlen(armoured), &desk->signature);
}

static struct roll_error *verify(struct desk *desk, const char *principal, int64_t at_ms)
{
    g_autoptr(GPtrArray) argv =
        words("ssh-keygen", "-Y", "verify", "-f", desk->approvers, "-I", principal, "-n",
              ROLL_SIGNATURE_NAMESPACE, "-s", desk->signature, NULL);
    struct roll_process_result result = {0};
    bool good;

    if (desk->revoked) {
        g_ptr_array_add(argv, g_strdup("-r"));
        g_ptr_array_add(argv, g_strdup(desk->revoked));
    }
    add_time(argv, at_ms);
    ROLL_TRY(run(desk, argv, &result));
    good = result.exit_status == 0;
    roll_process_result_clear(&result);
    return good
               ? NULL
               : roll_error_new(ROLL_E_REFUSED,
                                "the signature is not one by '%s' for this request with a key that "
                                "was valid then",
                                principal);
}

/* An option in the principal's place would be read as one. */
struct roll_error *roll_signature_verify(const struct roll_signers *signers, const char *principal,
                                         const char *message, const char *signature, int64_t at_ms)
{
    struct desk desk = {0};
    struct roll_error *err;

    if (principal[0] == '-' || !principal[0] || strpbrk(principal, ",*?! \t\n"))
        return roll_error_new(ROLL_E_REFUSED, "'%s' is not a person's name", principal);
    err = lay_out(&desk, signers, message, signature);
    if (!err)
        err = verify(&desk, principal, at_ms);
    desk_clear(&desk);
    return err;
}

static struct roll_error *principals(struct desk *desk, int64_t at_ms, char ***ret_principals)
{
    g_autoptr(GPtrArray) argv = words("ssh-keygen", "-Y", "find-principals", "-f", desk->approvers,
                                      "-s", desk->signature, NULL);
    struct roll_process_result result = {0};

    add_time(argv, at_ms);
    ROLL_TRY(run(desk, argv, &result));
    g_strchomp(result.out->str);
    *ret_principals = g_strsplit_set(result.exit_status == 0 ? result.out->str : "", "\n,", -1);
    roll_process_result_clear(&result);
    return NULL;
}

struct roll_error *roll_signature_principals(const struct roll_signers *signers,
                                             const char *signature, int64_t at_ms,
                                             char ***ret_principals)
{
    struct desk desk = {0};
    struct roll_error *err = lay_out(&desk, signers, NULL, signature);

    if (!err)
        err = principals(&desk, at_ms, ret_principals);
    desk_clear(&desk);
    return err;
}

/* SSHSIG, uint32 version, string public key, … (PROTOCOL.sshsig) */
struct roll_error *roll_signature_key(const char *signature, char ret_key[ROLL_HEX_SIZE])
{
    enum { KEY_AT = 6 + 4 + 4 };
    gsize size = 0;
    g_autofree guchar *blob = is_signature(signature) ? g_base64_decode(signature, &size) : NULL;
    size_t key;

    if (!blob || size < KEY_AT || memcmp(blob, "SSHSIG", 6) != 0)
        return roll_error_new(ROLL_E_INVALID, "this is not an SSH signature");
    key = ((size_t)blob[10] << 24) | ((size_t)blob[11] << 16) | ((size_t)blob[12] << 8) | blob[13];
    if (key == 0 || key > size - KEY_AT)
        return roll_error_new(ROLL_E_INVALID, "this is not an SSH signature");
    roll_sha256_hex(blob + KEY_AT, key, ret_key);
    return NULL;
}

/* ---- making --------------------------------------------------------------------------------- */

/* The agent's first key that the approvers file lists. */
static struct roll_error *key_of_agent(struct desk *desk, const struct roll_signers *signers)
{
    g_autoptr(GPtrArray) argv = words("ssh-add", "-L", NULL);
    struct roll_process_result result = {0};
    g_auto(GStrv) lines = NULL;
    struct roll_error *err = run(desk, argv, &result);

    if (!err)
        lines = g_strsplit(result.out->str, "\n", -1);
    roll_process_result_clear(&result);
    ROLL_TRY(err);
    for (char **line = lines; *line; line++) {
        g_auto(GStrv) parts = g_strsplit(*line, " ", 3);
        if (parts[0] && parts[1] && signers->approvers && strstr(signers->approvers->str, parts[1]))
            return lay(desk, "key.pub", *line, strlen(*line), &desk->key);
    }
    return roll_error_detail(
        roll_error_new(ROLL_E_NOT_FOUND, "the SSH agent has no key that the approvers file lists"),
        "{\"next\":[\"ssh-add FILE\",\"repeat it with --key FILE\"]}");
}

static struct roll_error *sign(struct desk *desk, const char *key, char **ret_signature)
{
    g_autoptr(GPtrArray) argv =
        words("ssh-keygen", "-Y", "sign", "-f", key, "-n", ROLL_SIGNATURE_NAMESPACE, NULL);
    struct roll_process_result result = {0};
    struct roll_error *err = NULL;

    ROLL_TRY(run(desk, argv, &result));
    *ret_signature = result.exit_status == 0 ? unarmour(result.out->str) : NULL;
    if (!*ret_signature)
        err = roll_error_detail(
            roll_error_new(ROLL_E_PROCESS, "ssh-keygen could not sign with '%s': %.200s", key,
                           g_strstrip(result.err->str)),
            "{\"next\":[\"a key with a passphrase: ssh-add it, and give --key FILE.pub or --key "
            "agent\"]}");
    roll_process_result_clear(&result);
    return err;
}

struct roll_error *roll_signature_make(const struct roll_signers *signers, const char *key,
                                       const char *message, char **ret_signature)
{
    struct desk desk = {0};
    struct roll_error *err = desk_open(&desk, NULL);

    if (!err)
        err = lay_message(&desk, message);
    if (!err && strcmp(key, "agent") == 0)
        err = key_of_agent(&desk, signers);
    if (!err)
        err = sign(&desk, desk.key ? desk.key : key, ret_signature);
    desk_clear(&desk);
    return err;
}
