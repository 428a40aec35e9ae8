/* The storage client: its life, and a job from its start to its one reply. Writes whose fate is not
 * known are repeated, since each of them can be done once only: a position, a name. */
#include "azure/storage.h"

#include <string.h>

#include "rollbook/time.h"

#define AUDIENCE "https://storage.azure.com"
#define NO_CREDENTIAL "NoCredential" /* none of Azure's */

enum { ATTEMPTS_MAX = 8, PAUSE_MS = 200 };

void storage_start(struct job *job);

/* ---- life ------------------------------------------------------------------------------------ */

/* A token is asked for once for all jobs that wait; the storage may be gone when it comes. */
struct storage_wait {
    struct roll_storage *storage; /* NULL: freed */
};

static void job_free(gpointer data)
{
    struct job *job = data;

    if (job->http)
        roll_http_cancel(job->storage->loop, job->http);
    roll_loop_cancel_timer(job->storage->loop, job->timer);
    g_free(job->blob);
    g_free(job->query);
    g_strfreev(job->headers);
    if (job->body)
        g_string_free(job->body, TRUE);
    g_free(job);
}

static struct roll_error *check(const struct roll_storage_options *options)
{
    int ways = (options->key != NULL) + (options->sas != NULL) + (options->credential != NULL);

    if (ways != 1)
        return roll_error_new(ROLL_E_INTERNAL, "a store needs one way to prove who asks");
    if (!roll_url_is_https(options->endpoint) && !roll_url_is_loopback(options->endpoint))
        return roll_error_new(ROLL_E_INVALID,
                              "the store's endpoint '%s' is neither https nor on loopback",
                              options->endpoint);
    if (!options->key)
        return NULL;
    g_autofree char *probe = roll_storage_signature(roll_secret_reveal(options->key), "");
    return probe ? NULL : roll_error_new(ROLL_E_INVALID, "the store's access key is not base64");
}

struct roll_error *roll_storage_new(const struct roll_storage_options *options,
                                    struct roll_storage **ret_storage)
{
    ROLL_TRY(check(options));
    struct roll_storage *storage = g_new0(struct roll_storage, 1);
    size_t size = strlen(options->endpoint);

    while (size > 0 && options->endpoint[size - 1] == '/')
        size--;
    *storage = (struct roll_storage){.loop = options->loop,
                                     .endpoint = g_strndup(options->endpoint, size),
                                     .account = g_strdup(options->account),
                                     .container = g_strdup(options->container),
                                     .credential = options->credential,
                                     .no_retry = options->no_retry,
                                     .timeout_ms = options->timeout_ms};
    if (options->key)
        storage->key = roll_secret_ref(options->key);
    if (options->sas)
        storage->sas = roll_secret_ref(options->sas);
    storage->jobs = g_hash_table_new_full(NULL, NULL, job_free, NULL);
    *ret_storage = storage;
    return NULL;
}

void roll_storage_set_patience(struct roll_storage *storage, bool no_retry, int64_t timeout_ms)
{
    storage->no_retry = no_retry;
    storage->timeout_ms = timeout_ms;
}

void roll_storage_free(struct roll_storage *storage)
{
    if (!storage)
        return;
    if (storage->token_wait)
        storage->token_wait->storage = NULL;
    g_hash_table_unref(storage->jobs);
    g_free(storage->endpoint);
    g_free(storage->account);
    g_free(storage->container);
    roll_secret_free(storage->key);
    roll_secret_free(storage->sas);
    g_free(storage);
}

/* ---- replies --------------------------------------------------------------------------------- */

static void end(struct job *job, struct roll_storage_reply *reply)
{
    struct roll_storage *storage = job->storage;
    roll_storage_fn fn = job->fn;
    void *user = job->user;

    reply->body = reply->body ? reply->body : "";
    reply->attempts = job->attempts;
    g_hash_table_remove(storage->jobs, job);
    fn(user, reply);
}

static void retry(void *user)
{
    struct job *job = user;

    job->timer = 0;
    storage_start(job);
}

/* Reads are repeated by http. */
static bool try_again(struct job *job, enum roll_storage_outcome outcome, int64_t after_ms)
{
    int64_t pause = MAX(after_ms, (int64_t)PAUSE_MS << MIN(job->attempts, 5));

    if (outcome == ROLL_STORAGE_UNKNOWN)
        job->unsure = true;
    else if (outcome != ROLL_STORAGE_UNREACHABLE)
        return false;
    if (job->reads || job->checking || job->storage->no_retry || job->attempts >= ATTEMPTS_MAX ||
        roll_boot_ms() + pause > job->give_up_at)
        return false;
    job->timer = roll_loop_timer(job->storage->loop, roll_boot_ms() + pause, retry, job);
    return true;
}

/* `bytes 0-11/12`: the length stands behind the slash, also where there is no range. */
static int64_t length_of(const struct roll_http_reply *reply)
{
    const char *range = roll_http_header(reply, "Content-Range");
    const char *slash = range ? strrchr(range, '/') : NULL;

    if (slash && g_ascii_isdigit(slash[1]))
        return g_ascii_strtoll(slash + 1, NULL, 10);
    return reply->status == 200 ? (int64_t)reply->body_size : -1;
}

/* Somebody has our place. If an attempt of ours may have come through, it may be ourselves. */
static bool look_what_is_there(struct job *job, enum roll_storage_outcome outcome)
{
    if (job->position < 0 || job->checking || !job->unsure || outcome != ROLL_STORAGE_MOVED)
        return false;
    job->checking = true;
    storage_start(job);
    return true;
}

/* Who may not read cannot know: that the place is taken says nothing of by whom, and no condition
 * that a write may carry asks for more than a length. */
static enum roll_storage_outcome judge(const struct job *job, enum roll_storage_outcome outcome,
                                       const struct roll_http_reply *reply)
{
    if (!job->checking)
        return outcome;
    if (outcome == ROLL_STORAGE_OK)
        return reply->body_size == job->body->len &&
                       memcmp(reply->body, job->body->str, job->body->len) == 0
                   ? ROLL_STORAGE_OK
                   : ROLL_STORAGE_MOVED;
    if (outcome == ROLL_STORAGE_FORBIDDEN)
        return outcome;
    return outcome == ROLL_STORAGE_BEYOND ? ROLL_STORAGE_MOVED : ROLL_STORAGE_UNKNOWN;
}

static void on_reply(void *user, const struct roll_http_reply *http)
{
    struct job *job = user;
    g_autofree char *code = NULL, *message = NULL;

    job->http = NULL;
    if (http->outcome == ROLL_HTTP_REPLIED && http->status >= 400)
        storage_parse_error(http->body, http->body_size, &code, &message);
    const char *header = roll_http_header(http, "x-ms-error-code");
    const char *known = header ? header : code;
    enum roll_storage_outcome outcome = storage_outcome(http, known);

    if (try_again(job, outcome, roll_http_retry_after_ms(http)) || look_what_is_there(job, outcome))
        return;
    struct roll_storage_reply reply = {
        .outcome = judge(job, outcome, http),
        .status = http->status,
        .code = known,
        .message = http->problem ? http->problem : message,
        .body = http->body,
        .body_size = http->body_size,
        .etag = job->checking ? NULL : roll_http_header(http, "ETag"),
        .length = length_of(http),
        .server_date_ms = http->server_date_ms,
        .unproved = job->checking && outcome == ROLL_STORAGE_FORBIDDEN,
    };
    end(job, &reply);
}

/* ---- starts ---------------------------------------------------------------------------------- */

static void on_token(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct storage_wait *wait = user;
    struct roll_storage *storage = wait->storage;
    g_autoptr(GList) jobs = storage ? g_hash_table_get_keys(storage->jobs) : NULL;

    g_free(wait);
    if (!storage)
        return;
    storage->token_wait = NULL;
    for (GList *at = jobs; at; at = at->next) {
        struct job *job = at->data;
        if (!g_hash_table_contains(storage->jobs, job) || !job->needs_token)
            continue;
        job->needs_token = false;
        if (token) {
            storage_send(job, token, on_reply);
            continue;
        }
        struct roll_storage_reply reply = {
            .outcome = ROLL_STORAGE_UNREACHABLE,
            .code = roll_error_code(err) == ROLL_E_CREDENTIAL ? NO_CREDENTIAL : NULL,
            .message = err ? err->message : "no token",
            .length = -1};
        end(job, &reply);
    }
}

void storage_start(struct job *job)
{
    struct roll_storage *storage = job->storage;

    job->attempts++;
    if (!storage->credential) {
        storage_send(job, NULL, on_reply);
        return;
    }
    job->needs_token = true;
    if (storage->token_wait)
        return;
    storage->token_wait = g_new0(struct storage_wait, 1);
    storage->token_wait->storage = storage;
    roll_credential_token(storage->credential, AUDIENCE, on_token, storage->token_wait);
}

/* ---- errors ---------------------------------------------------------------------------------- */

struct roll_error *roll_storage_error(const struct roll_storage_reply *reply, const char *what)
{
    static const struct {
        enum roll_code code;
        const char *text;
    } rows[] = {
        [ROLL_STORAGE_OK] = {ROLL_E_HTTP, "the shared store gave an answer that does not fit"},
        [ROLL_STORAGE_EXISTS] = {ROLL_E_CONFLICT, "it is in the shared store already"},
        [ROLL_STORAGE_MOVED] = {ROLL_E_CONFLICT, "somebody else was faster"},
        [ROLL_STORAGE_NOT_FOUND] = {ROLL_E_NOT_FOUND, "it is not in the shared store"},
        [ROLL_STORAGE_UNCHANGED] = {ROLL_E_HTTP,
                                    "the shared store gave an answer that does not fit"},
        [ROLL_STORAGE_BEYOND] = {ROLL_E_HTTP, "it is shorter in the shared store"},
        [ROLL_STORAGE_FULL] = {ROLL_E_HTTP, "the blob takes no more blocks"},
        [ROLL_STORAGE_FORBIDDEN] = {ROLL_E_CREDENTIAL, "the shared store does not let us"},
        [ROLL_STORAGE_REFUSED] = {ROLL_E_HTTP, "the shared store refuses"},
        [ROLL_STORAGE_UNREACHABLE] = {ROLL_E_HTTP, "the shared store cannot be reached"},
        [ROLL_STORAGE_UNKNOWN] = {ROLL_E_TIMEOUT, "the shared store does not answer properly"},
    };
    if (g_strcmp0(reply->code, NO_CREDENTIAL) == 0) /* no way around it, and no network's fault */
        return roll_error_new(ROLL_E_CREDENTIAL,
                              "nothing proves to the shared store who asks: %s, "
                              "while %s",
                              reply->message, what);
    const char *text = rows[reply->outcome].text;
    g_autofree char *status =
        reply->status ? g_strdup_printf(" (%d%s%s)", reply->status, reply->code ? " " : "",
                                        reply->code ? reply->code : "")
                      : g_strdup("");

    return roll_error_new(rows[reply->outcome].code, "%s%s%s%s, while %s", text, status,
                          reply->message ? ": " : "", reply->message ? reply->message : "", what);
}
