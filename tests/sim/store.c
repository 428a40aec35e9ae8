/* A model of Blob Storage in the place of src/azure/storage.c: the calls that module sync makes are
 * answered at once, from blobs in memory, under the conditions that the service knows. A store may
 * be out of a host's reach for a while, and take what it never answers. */
#include "sim.h"

#include "rollbook/storage.h"
#include "rollbook/time.h"

#define HTTP_PREFIX "<?xml version=\"1.0\"?><EnumerationResults><Blobs>"

struct blob {
    GString *data;
    int version;
};

struct store {
    GHashTable *blobs; /* name -> struct blob * */
    int versions;
    int64_t away_until[SIM_HOSTS];
};

struct roll_storage {
    bool no_retry;
};

static struct world *current; /* the calls know of no world */

static void free_blob(gpointer data)
{
    struct blob *blob = data;

    g_string_free(blob->data, TRUE);
    g_free(blob);
}

void sim_store_open(struct world *world)
{
    world->store = g_new0(struct store, 1);
    world->store->blobs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_blob);
    current = world;
}

void sim_store_close(struct world *world)
{
    if (!world->store)
        return;
    g_hash_table_unref(world->store->blobs);
    g_free(world->store);
    current = NULL;
}

/* ---- clocks and chance of the host at work --------------------------------------------------- */

int64_t __real_roll_now_ms(void);
int64_t __wrap_roll_now_ms(void);
int64_t __wrap_roll_now_ms(void)
{
    return current ? sim_wall(current, current->host) : __real_roll_now_ms();
}

int64_t __real_roll_boot_ms(void);
int64_t __wrap_roll_boot_ms(void);
int64_t __wrap_roll_boot_ms(void)
{
    return current ? sim_boot(current, current->host) : __real_roll_boot_ms();
}

/* ---- the way to it --------------------------------------------------------------------------- */

bool sim_store_is_away(struct world *world, int host)
{
    return !world->calm && world->now < world->store->away_until[host];
}

/* Out of reach from now on, of this host or of all. */
void sim_store_go_away(struct world *world, int host)
{
    int64_t until = world->now + sim_between(world, SIM_AWAY, 1000,
                                             sim_chance(world, SIM_AWAY, 300) ? 1800000 : 60000);
    bool all = sim_between(world, SIM_AWAY, 0, 1) == 0;

    for (int i = 0; i < SIM_HOSTS; i++)
        if (all || i == host)
            world->store->away_until[i] = MAX(world->store->away_until[i], until);
    sim_trace(world, "store  out of reach of %s until %.3f", all ? "all" : "its host",
              (double)until / 1000);
}

struct call {
    roll_storage_fn fn;
    void *user;
};

static void answer(const struct call *call, enum roll_storage_outcome outcome, const GString *body,
                   const struct blob *blob)
{
    g_autofree char *etag = blob ? g_strdup_printf("\"%d\"", blob->version) : NULL;
    struct roll_storage_reply reply = {
        .outcome = outcome,
        .message = "simulated",
        .body = body ? body->str : "",
        .body_size = body ? body->len : 0,
        .etag = etag,
        .length = blob ? (int64_t)blob->data->len : -1,
        .attempts = 1,
    };

    if (outcome != ROLL_STORAGE_UNREACHABLE && outcome != ROLL_STORAGE_UNKNOWN)
        reply.server_date_ms = (SIM_EPOCH_MS + current->now) / 1000 * 1000;
    call->fn(call->user, &reply);
}

static bool is_cut_off(const struct call *call)
{
    if (sim_chance(current, SIM_AWAY, 8))
        sim_store_go_away(current, current->host);
    if (!sim_store_is_away(current, current->host))
        return false;
    answer(call, ROLL_STORAGE_UNREACHABLE, NULL, NULL);
    return true;
}

static struct blob *find(const char *name)
{
    return g_hash_table_lookup(current->store->blobs, name);
}

static struct blob *make(const char *name)
{
    struct blob *blob = g_new0(struct blob, 1);

    blob->data = g_string_new(NULL);
    blob->version = ++current->store->versions;
    g_hash_table_insert(current->store->blobs, g_strdup(name), blob);
    return blob;
}

/* ---- the calls ------------------------------------------------------------------------------- */

struct roll_error *roll_storage_new(const struct roll_storage_options *options,
                                    struct roll_storage **ret_storage)
{
    (void)options;
    *ret_storage = g_new0(struct roll_storage, 1);
    return NULL;
}

void roll_storage_free(struct roll_storage *storage)
{
    g_free(storage);
}

void roll_storage_set_patience(struct roll_storage *storage, bool no_retry, int64_t timeout_ms)
{
    (void)timeout_ms;
    storage->no_retry = no_retry;
}

void roll_storage_create_container(struct roll_storage *storage, roll_storage_fn fn, void *user)
{
    const struct call call = {fn, user};

    (void)storage;
    if (!is_cut_off(&call))
        answer(&call, ROLL_STORAGE_EXISTS, NULL, NULL);
}

void roll_storage_create_append(struct roll_storage *storage, const char *name, roll_storage_fn fn,
                                void *user)
{
    const struct call call = {fn, user};

    (void)storage;
    if (is_cut_off(&call))
        return;
    answer(&call, find(name) ? ROLL_STORAGE_EXISTS : ROLL_STORAGE_OK, NULL,
           find(name) ? find(name) : make(name));
}

/* Taken, and its answer lost: who has time asks again, and finds its own bytes there. */
static bool is_unheard(const struct roll_storage *storage)
{
    if (!sim_chance(current, SIM_UNHEARD, 30))
        return false;
    if (!storage->no_retry && sim_between(current, SIM_UNHEARD, 0, 3) > 0)
        return false;
    if (sim_between(current, SIM_UNHEARD, 0, 1))
        sim_store_go_away(current, current->host);
    sim_trace(current, "store  takes it, and its answer is lost");
    return true;
}

void roll_storage_append(struct roll_storage *storage, const char *name, int64_t position,
                         const void *data, size_t size, roll_storage_fn fn, void *user)
{
    const struct call call = {fn, user};
    struct blob *blob = find(name);

    if (is_cut_off(&call))
        return;
    if (!blob || (int64_t)blob->data->len != position) {
        answer(&call, blob ? ROLL_STORAGE_MOVED : ROLL_STORAGE_NOT_FOUND, NULL, blob);
        return;
    }
    g_string_append_len(blob->data, data, (gssize)size);
    blob->version = ++current->store->versions;
    answer(&call, is_unheard(storage) ? ROLL_STORAGE_UNKNOWN : ROLL_STORAGE_OK, NULL, blob);
}

void roll_storage_put(struct roll_storage *storage, const char *name, const void *data, size_t size,
                      roll_storage_fn fn, void *user)
{
    const struct call call = {fn, user};
    struct blob *blob = find(name);

    (void)storage;
    if (is_cut_off(&call))
        return;
    if (!blob)
        g_string_append_len(make(name)->data, data, (gssize)size);
    answer(&call, blob ? ROLL_STORAGE_EXISTS : ROLL_STORAGE_OK, NULL, find(name));
}

void roll_storage_read(struct roll_storage *storage, const char *name, int64_t first, int64_t count,
                       const char *etag, size_t max, roll_storage_fn fn, void *user)
{
    const struct call call = {fn, user};
    const struct blob *blob = find(name);
    g_autoptr(GString) body = NULL;

    (void)storage, (void)etag, (void)max;
    if (is_cut_off(&call))
        return;
    if (!blob || first >= (int64_t)blob->data->len) {
        answer(&call, blob ? ROLL_STORAGE_BEYOND : ROLL_STORAGE_NOT_FOUND, NULL, blob);
        return;
    }
    int64_t size = (int64_t)blob->data->len - first;
    body = g_string_new_len(blob->data->str + first, count ? MIN(count, size) : size);
    answer(&call, ROLL_STORAGE_OK, body, blob);
}

void roll_storage_delete(struct roll_storage *storage, const char *name, roll_storage_fn fn,
                         void *user)
{
    const struct call call = {fn, user};

    (void)storage;
    if (is_cut_off(&call))
        return;
    answer(&call,
           g_hash_table_remove(current->store->blobs, name) ? ROLL_STORAGE_OK
                                                            : ROLL_STORAGE_NOT_FOUND,
           NULL, NULL);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

void roll_storage_list(struct roll_storage *storage, const char *prefix, const char *marker,
                       roll_storage_fn fn, void *user)
{
    const struct call call = {fn, user};
    g_autoptr(GString) body = g_string_new(HTTP_PREFIX);

    (void)storage, (void)marker;
    if (is_cut_off(&call))
        return;
    GList *names = g_list_sort(g_hash_table_get_keys(current->store->blobs), by_name);
    for (GList *at = names; at; at = at->next) {
        const struct blob *blob = find(at->data);
        if (g_str_has_prefix(at->data, prefix))
            g_string_append_printf(body,
                                   "<Blob><Name>%s</Name><Properties><Etag>%d</Etag>"
                                   "<Content-Length>%zu</Content-Length></Properties></Blob>",
                                   (const char *)at->data, blob->version, blob->data->len);
    }
    g_list_free(names);
    g_string_append(body, "</Blobs><NextMarker/></EnumerationResults>");
    answer(&call, ROLL_STORAGE_OK, body, NULL);
}

struct roll_error *roll_storage_error(const struct roll_storage_reply *reply, const char *what)
{
    static const enum roll_code codes[] = {
        [ROLL_STORAGE_EXISTS] = ROLL_E_CONFLICT,     [ROLL_STORAGE_MOVED] = ROLL_E_CONFLICT,
        [ROLL_STORAGE_UNREACHABLE] = ROLL_E_HTTP,    [ROLL_STORAGE_UNKNOWN] = ROLL_E_TIMEOUT,
        [ROLL_STORAGE_NOT_FOUND] = ROLL_E_NOT_FOUND,
    };

    return roll_error_new(codes[reply->outcome], "the store: %s", what);
}
