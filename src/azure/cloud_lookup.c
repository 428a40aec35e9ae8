/* Asking a custom cloud where its services are: GET /metadata/endpoints without a token, kept as
 * long as the cloud is.
 *
 * Source: REST reference 11. */
#include <string.h>

#include "azure/cloud.h"
#include "rollbook/log.h"

#define LOOKUP_DEADLINE_MS 30000

/* The newest shape that sovereign and private clouds offer first, and the oldest, which all have.
 */
static const char *const versions[] = {"2022-09-01", "2015-01-01"};

struct waiter {
    cloud_fn fn;
    void *user;
};

struct cloud_lookup {
    struct roll_cloud *cloud; /* borrowed */
    struct roll_loop *loop;   /* borrowed; while somebody waits */
    struct roll_http_call *http;
    GArray *waiters; /* struct waiter */
    size_t version;  /* that is asked for */
};

struct cloud_lookup *cloud_lookup_new(struct roll_cloud *cloud)
{
    struct cloud_lookup *lookup = g_new0(struct cloud_lookup, 1);

    lookup->cloud = cloud;
    lookup->waiters = g_array_new(FALSE, FALSE, sizeof(struct waiter));
    return lookup;
}

void cloud_lookup_free(struct cloud_lookup *lookup)
{
    if (!lookup)
        return;
    if (lookup->http)
        roll_http_cancel(lookup->loop, lookup->http);
    g_array_unref(lookup->waiters);
    g_free(lookup);
}

bool cloud_is_known(const struct roll_cloud *cloud)
{
    return cloud->login != NULL;
}

/* Consumes err. */
static void answer(struct cloud_lookup *lookup, struct roll_error *err)
{
    g_autoptr(GArray) waiters = lookup->waiters;

    lookup->waiters = g_array_new(FALSE, FALSE, sizeof(struct waiter));
    for (guint i = 0; i < waiters->len; i++) {
        struct waiter waiter = g_array_index(waiters, struct waiter, i);
        waiter.fn(waiter.user, err);
    }
    roll_error_free(err);
}

static void ask(struct cloud_lookup *lookup);

static void on_reply(void *user, const struct roll_http_reply *reply)
{
    struct cloud_lookup *lookup = user;
    struct roll_cloud *cloud = lookup->cloud;
    struct roll_error *err = NULL;

    lookup->http = NULL;
    if (reply->outcome == ROLL_HTTP_REPLIED && (reply->status == 400 || reply->status == 404) &&
        lookup->version + 1 < G_N_ELEMENTS(versions)) {
        lookup->version++;
        ask(lookup);
        return;
    }
    if (reply->outcome != ROLL_HTTP_REPLIED)
        err =
            roll_error_new(ROLL_E_CREDENTIAL, "the cloud '%s' does not say where its login is: %s",
                           cloud->arm, reply->problem);
    else if (reply->status != 200)
        err = roll_error_new(ROLL_E_CREDENTIAL,
                             "the cloud '%s' does not say where its login is: /metadata/endpoints "
                             "answers %d",
                             cloud->arm, reply->status);
    else
        err = cloud_read_metadata(cloud, reply->body, reply->body_size);
    if (!err)
        roll_log(ROLL_LOG_VERBOSE, "cloud %s: login %s", cloud->arm, cloud->login);
    answer(lookup, err);
}

static void ask(struct cloud_lookup *lookup)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    g_autofree char *url = g_strdup_printf("%s/metadata/endpoints?api-version=%s",
                                           lookup->cloud->arm, versions[lookup->version]);
    struct roll_http_request request = {.method = "GET",
                                        .url = url,
                                        .headers = headers,
                                        .retry = ROLL_HTTP_RETRY_READ,
                                        .deadline_ms = LOOKUP_DEADLINE_MS};

    lookup->http = roll_http_send(lookup->loop, &request, on_reply, lookup);
}

void cloud_look_up(const struct roll_cloud *cloud, struct roll_loop *loop, cloud_fn fn, void *user)
{
    struct cloud_lookup *lookup = cloud->lookup;
    struct waiter waiter = {fn, user};

    g_array_append_val(lookup->waiters, waiter);
    if (lookup->http)
        return;
    lookup->loop = loop;
    lookup->version = 0;
    ask(lookup);
}

void cloud_forget(const struct roll_cloud *cloud, const void *user)
{
    struct cloud_lookup *lookup = cloud->lookup;

    if (!lookup)
        return;
    for (guint i = lookup->waiters->len; i > 0; i--)
        if (g_array_index(lookup->waiters, struct waiter, i - 1).user == user)
            g_array_remove_index(lookup->waiters, i - 1);
    if (lookup->waiters->len == 0 && lookup->http) {
        roll_http_cancel(lookup->loop, lookup->http);
        lookup->http = NULL;
    }
}
