/* Connections to clouds: made when a target first needs one, shared by all targets of the same
 * cloud, tenant and credential. */
#include "driver.h"

struct link {
    struct roll_cloud *cloud;
    struct roll_credential *credential;
    struct roll_arm *arm;
};

struct roll_links {
    struct roll_loop *loop; /* borrowed */
    struct roll_error *(*sandbox)(void *user, const char **ret_url);
    void *sandbox_user;
    GHashTable *links; /* "cloud\ntenant\ncredential" -> struct link * */
};

static void link_free(void *item)
{
    struct link *link = item;

    roll_arm_free(link->arm);
    roll_credential_free(link->credential);
    roll_cloud_free(link->cloud);
    g_free(link);
}

struct roll_links *roll_links_new(struct roll_loop *loop,
                                  struct roll_error *(*sandbox)(void *user, const char **ret_url),
                                  void *sandbox_user)
{
    struct roll_links *links = g_new0(struct roll_links, 1);

    links->loop = loop;
    links->sandbox = sandbox;
    links->sandbox_user = sandbox_user;
    links->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, link_free);
    return links;
}

void roll_links_free(struct roll_links *links)
{
    if (!links)
        return;
    g_hash_table_unref(links->links);
    g_free(links);
}

static struct roll_error *open_cloud(struct roll_links *links, const char *name,
                                     struct roll_cloud **ret_cloud)
{
    const char *url = NULL;

    if (g_strcmp0(name, "sandbox") == 0) {
        if (!links->sandbox)
            return roll_error_new(ROLL_E_INVALID, "there is no sandbox here");
        ROLL_TRY(links->sandbox(links->sandbox_user, &url));
    }
    return roll_cloud_new(name, url, ret_cloud);
}

static struct roll_error *open_link(struct roll_links *links,
                                    const struct roll_order_target *target, struct link **ret_link)
{
    roll_auto(cloud) struct roll_cloud *cloud = NULL;
    struct roll_credential *credential = NULL;
    struct link *link;

    ROLL_TRY(open_cloud(links, target->cloud, &cloud));
    ROLL_TRY(
        roll_credential_new(links->loop, cloud, target->tenant, target->credential, &credential));
    link = g_new0(struct link, 1);
    link->cloud = g_steal_pointer(&cloud);
    link->credential = credential;
    link->arm = roll_arm_new(links->loop, link->cloud, credential);
    *ret_link = link;
    return NULL;
}

struct roll_error *roll_links_get(struct roll_links *links, const struct roll_order_target *target,
                                  struct roll_arm **ret_arm,
                                  struct roll_credential **ret_credential)
{
    g_autofree char *key = g_strjoin("\n", target->cloud ? target->cloud : "public",
                                     target->tenant ? target->tenant : "",
                                     target->credential ? target->credential : "", NULL);
    struct link *link = g_hash_table_lookup(links->links, key);

    if (!link) {
        ROLL_TRY(open_link(links, target, &link));
        g_hash_table_insert(links->links, g_steal_pointer(&key), link);
    }
    if (ret_arm)
        *ret_arm = link->arm;
    if (ret_credential)
        *ret_credential = link->credential;
    return NULL;
}

void roll_links_prefetch(struct roll_links *links, const struct roll_order_target *target)
{
    struct roll_credential *credential = NULL;
    roll_auto(error) struct roll_error *err = roll_links_get(links, target, NULL, &credential);

    if (err)
        return;
    roll_credential_prefetch(credential);
    roll_loop_start(links->loop);
}

/* ---- who we are ------------------------------------------------------------------------------ */

struct token_wait {
    struct roll_loop *loop;
    struct roll_error *err;
    bool done;
};

static void token_seen(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct token_wait *wait = user;

    if (!token)
        wait->err = roll_error_new(ROLL_E_CREDENTIAL, "%s", err ? err->message : "no token");
    wait->done = true;
    roll_loop_stop(wait->loop);
}

struct roll_error *roll_links_prove(struct roll_links *links,
                                    const struct roll_order_target *target, char **ret_proved)
{
    struct token_wait wait = {.loop = links->loop};
    struct roll_credential *credential = NULL;

    ROLL_TRY(roll_links_get(links, target, NULL, &credential));
    if (!roll_credential_actor(credential)) {
        roll_credential_token(credential, NULL, token_seen, &wait);
        while (!wait.done)
            ROLL_TRY(roll_loop_run(links->loop));
    }
    ROLL_TRY(wait.err);
    *ret_proved = g_strdup(roll_credential_actor(credential));
    return NULL;
}
