/* libmicrohttpd on loopback; a PUT is answered with 201 before anything is done with it. */
#include "arm.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>

#include "bench.h"
#include "sandbox/service.h"

/* The login is the environment's AZURE_AUTHORITY_HOST. */
#define METADATA                                                                                   \
    "{\"authentication\":{\"loginEndpoint\":\"https://login.invalid/"                              \
    "\",\"audiences\":[\"bench\"]}}"
#define TOKEN "{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"e30.e30.bench\"}"
#define MAX_BODY (8u << 20)
#define PATIENCE_S 20

struct bench_arm {
    const char *folder;
    struct MHD_Daemon *deployments, *tokens;
    GMutex mutex;
    GCond changed;
    char *first;     /* path and query of the first PUT, or NULL */
    double answered; /* when the last PUT was; 0 after bench_arm_expect */
};

struct request {
    GString *body;
    GString *query;
};

static void write_file(const struct bench_arm *arm, const char *name, const char *text, size_t size)
{
    g_autofree char *path = g_build_filename(arm->folder, name, NULL);

    if (!g_file_set_contents(path, text, (gssize)size, NULL))
        bench_ok(roll_error_new(ROLL_E_IO, "cannot write '%s'", path));
}

static enum MHD_Result add_query(void *user, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    GString *query = user;

    (void)kind;
    g_string_append_printf(query, "%c%s=%s", query->len ? '&' : '?', name, value ? value : "");
    return MHD_YES;
}

static void note_put(struct bench_arm *arm, const char *path, const struct request *request)
{
    double now = bench_now();

    g_mutex_lock(&arm->mutex);
    if (!arm->first) {
        arm->first = g_strconcat(path, request->query->str, NULL);
        write_file(arm, "put.json", request->body->str, request->body->len);
    }
    arm->answered = now;
    g_cond_signal(&arm->changed);
    g_mutex_unlock(&arm->mutex);
}

/* ---- answers -------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);

    MHD_add_response_header(response, "Content-Type", "application/json; charset=utf-8");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);

    return value ? value : "";
}

static enum MHD_Result answer_deployment(struct MHD_Connection *connection, const char *path,
                                         bool put)
{
    const char *name = strrchr(path, '/');
    g_autofree char *body = g_strdup_printf(
        "{\"id\":\"%s\",\"name\":\"%s\",\"type\":\"Microsoft.Resources/deployments\","
        "\"properties\":{\"provisioningState\":\"%s\",\"correlationId\":\"%s\","
        "\"timestamp\":\"2026-01-01T00:00:00Z\",\"duration\":\"PT0S\"}}",
        path, name ? name + 1 : "", put ? "Accepted" : "Running",
        header(connection, "x-ms-correlation-request-id"));

    return answer(connection, put ? MHD_HTTP_CREATED : MHD_HTTP_OK, body);
}

static enum MHD_Result dispatch(struct bench_arm *arm, struct MHD_Connection *connection,
                                const char *method, const char *path, const struct request *request)
{
    if (g_str_has_suffix(path, "/token"))
        return answer(connection, MHD_HTTP_OK, TOKEN);
    if (g_str_has_suffix(path, "/metadata/endpoints"))
        return answer(connection, MHD_HTTP_OK, METADATA);
    if (g_str_has_suffix(path, "/deployments") || g_str_has_suffix(path, "/deployments/"))
        return answer(connection, MHD_HTTP_OK, "{\"value\":[]}");
    if (strcmp(method, "PUT") == 0 && strstr(path, "/deployments/")) {
        enum MHD_Result result = answer_deployment(connection, path, true);
        note_put(arm, path, request);
        return result;
    }
    return answer_deployment(connection, path, false);
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    struct request *request = *state;

    (void)version;
    if (!request) {
        *state = request = g_new0(struct request, 1);
        request->body = g_string_new(NULL);
        request->query = g_string_new(NULL);
        MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_query, request->query);
        return MHD_YES;
    }
    if (*size > 0) {
        if (request->body->len + *size > MAX_BODY)
            return MHD_NO;
        g_string_append_len(request->body, data, (gssize)*size);
        *size = 0;
        return MHD_YES;
    }
    return dispatch(user, connection, method, path, request);
}

static void completed(void *user, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode why)
{
    struct request *request = *state;

    (void)user;
    (void)connection;
    (void)why;
    if (!request)
        return;
    g_string_free(request->body, TRUE);
    g_string_free(request->query, TRUE);
    g_free(request);
}

/* ---- serving -------------------------------------------------------------------------------- */

static struct MHD_Daemon *serve(struct bench_arm *arm, const char *key, const char *cert)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | (key ? MHD_USE_TLS : 0);
    const struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
                                         {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert},
                                         {MHD_OPTION_END, 0, NULL}};
    struct MHD_Daemon *daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, handle, arm, MHD_OPTION_SOCK_ADDR, &address,
                         MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_ARRAY,
                         key ? tls : plain, MHD_OPTION_END);

    if (!daemon)
        bench_ok(roll_error_new(ROLL_E_IO, "cannot serve on loopback"));
    return daemon;
}

static unsigned port_of(struct MHD_Daemon *daemon)
{
    return MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

struct bench_arm *bench_arm_start(const char *folder)
{
    struct bench_arm *arm = g_new0(struct bench_arm, 1);
    g_autofree char *key = NULL, *cert = NULL;

    arm->folder = folder;
    g_mutex_init(&arm->mutex);
    g_cond_init(&arm->changed);
    bench_ok(sandbox_tls_make(&key, &cert));
    write_file(arm, "ca.pem", cert, strlen(cert));
    arm->deployments = serve(arm, key, cert);
    arm->tokens = serve(arm, NULL, NULL);
    return arm;
}

void bench_arm_stop(struct bench_arm *arm)
{
    MHD_stop_daemon(arm->deployments);
    MHD_stop_daemon(arm->tokens);
    g_mutex_clear(&arm->mutex);
    g_cond_clear(&arm->changed);
    g_free(arm->first);
    g_free(arm);
}

unsigned bench_arm_port(const struct bench_arm *arm)
{
    return port_of(arm->deployments);
}

unsigned bench_arm_token_port(const struct bench_arm *arm)
{
    return port_of(arm->tokens);
}

/* ---- watching ------------------------------------------------------------------------------- */

void bench_arm_expect(struct bench_arm *arm)
{
    g_mutex_lock(&arm->mutex);
    arm->answered = 0;
    g_mutex_unlock(&arm->mutex);
}

double bench_arm_answered(struct bench_arm *arm)
{
    gint64 until = g_get_monotonic_time() + PATIENCE_S * G_TIME_SPAN_SECOND;

    g_mutex_lock(&arm->mutex);
    while (arm->answered <= 0 && g_cond_wait_until(&arm->changed, &arm->mutex, until))
        ;
    double answered = arm->answered;
    g_mutex_unlock(&arm->mutex);
    return answered;
}

const char *bench_arm_first(const struct bench_arm *arm)
{
    return arm->first;
}
