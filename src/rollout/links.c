/* Connections to clouds: made when a target first needs one, shared by all targets of the same
 * cloud, tenant and credential. */
#include "driver.h"

#include "rollbook/log.h"
#include "rollbook/time.h"

#define AUXILIARY_MAX 3 /* REST reference 7.4 */

/* One token for each (cloud, tenant, credential). */
struct login {
    struct roll_cloud *cloud;
    struct roll_credential *credential;
};

struct roll_links {
    struct roll_loop *loop; /* borrowed */
    struct roll_error *(*sandbox)(void *user, const char **ret_url);
    void *sandbox_user;
    GHashTable *logins; /* "cloud\ntenant\ncredential" -> struct login * */
    GHashTable *arms;   /* the same and "\nauxiliary tenants" -> struct roll_arm * */
    GPtrArray *looks;   /* struct roll_look *: their answers may come until the links are freed */
    GPtrArray *waits;   /* struct token_wait *, as well */
    int64_t patience_ms;
};

/* Its answer may come until the links are freed. */
struct token_wait {
    struct roll_loop *loop;
    struct roll_error *err;
    bool done, over;
};

static void token_wait_free(void *user)
{
    struct token_wait *wait = user;

    roll_error_free(wait->err);
    g_free(wait);
}

static void login_free(void *item)
{
    struct login *login = item;

    roll_credential_free(login->credential);
    roll_cloud_free(login->cloud);
    g_free(login);
}

static void arm_free(void *arm)
{
    roll_arm_free(arm);
}

struct roll_links *roll_links_new(struct roll_loop *loop,
                                  struct roll_error *(*sandbox)(void *user, const char **ret_url),
                                  void *sandbox_user)
{
    struct roll_links *links = g_new0(struct roll_links, 1);

    links->loop = loop;
    links->sandbox = sandbox;
    links->sandbox_user = sandbox_user;
    links->logins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, login_free);
    links->arms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, arm_free);
    links->looks = g_ptr_array_new_with_free_func(roll_look_free);
    links->waits = g_ptr_array_new_with_free_func(token_wait_free);
    return links;
}

void roll_links_free(struct roll_links *links)
{
    if (!links)
        return;
    g_hash_table_unref(links->arms);
    g_hash_table_unref(links->logins);
    g_ptr_array_unref(links->looks);
    g_ptr_array_unref(links->waits);
    g_free(links);
}

void roll_links_set_patience(struct roll_links *links, int64_t patience_ms)
{
    links->patience_ms = patience_ms;
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

static struct roll_error *get_login(struct roll_links *links, const char *cloud, const char *tenant,
                                    const char *credential, struct login **ret_login)
{
    g_autofree char *key = g_strjoin("\n", cloud ? cloud : "public", tenant ? tenant : "",
                                     credential ? credential : "", NULL);
    struct login *login = g_hash_table_lookup(links->logins, key);
    roll_auto(cloud) struct roll_cloud *opened = NULL;
    struct roll_credential *made = NULL;

    if (!login) {
        ROLL_TRY(open_cloud(links, cloud, &opened));
        ROLL_TRY(roll_credential_new(links->loop, opened, tenant, credential, &made));
        login = g_new0(struct login, 1);
        login->cloud = g_steal_pointer(&opened);
        login->credential = made;
        g_hash_table_insert(links->logins, g_steal_pointer(&key), login);
    }
    *ret_login = login;
    return NULL;
}

/* Tokens of other tenants, by the same way of signing in. */
static struct roll_error *add_auxiliary(struct roll_links *links,
                                        const struct roll_order_target *target,
                                        struct roll_arm *arm)
{
    g_auto(GStrv) tenants = g_strsplit(target->auxiliary_tenants, ",", -1);

    if (g_strv_length(tenants) > AUXILIARY_MAX)
        return roll_error_new(ROLL_E_INVALID,
                              "target '%s' names %u auxiliary tenants; ARM takes %d", target->name,
                              g_strv_length(tenants), AUXILIARY_MAX);
    for (char **tenant = tenants; *tenant; tenant++) {
        struct login *login = NULL;
        ROLL_TRY(get_login(links, target->cloud, *tenant, target->credential, &login));
        roll_arm_add_auxiliary(arm, login->credential);
    }
    return NULL;
}

static struct roll_error *get_arm(struct roll_links *links, const struct roll_order_target *target,
                                  const struct login *login, struct roll_arm **ret_arm)
{
    g_autofree char *key = g_strjoin(
        "\n", target->cloud ? target->cloud : "public", target->tenant ? target->tenant : "",
        target->credential ? target->credential : "",
        target->auxiliary_tenants ? target->auxiliary_tenants : "", NULL);
    struct roll_arm *arm = g_hash_table_lookup(links->arms, key);
    roll_auto(arm) struct roll_arm *opened = NULL;

    if (!arm) {
        opened = roll_arm_new(links->loop, login->cloud, login->credential);
        if (target->auxiliary_tenants)
            ROLL_TRY(add_auxiliary(links, target, opened));
        arm = g_steal_pointer(&opened);
        g_hash_table_insert(links->arms, g_steal_pointer(&key), arm);
    }
    *ret_arm = arm;
    return NULL;
}

struct roll_error *roll_links_get(struct roll_links *links, const struct roll_order_target *target,
                                  struct roll_arm **ret_arm,
                                  struct roll_credential **ret_credential)
{
    struct login *login = NULL;

    ROLL_TRY(get_login(links, target->cloud, target->tenant, target->credential, &login));
    if (ret_arm)
        ROLL_TRY(get_arm(links, target, login, ret_arm));
    if (ret_credential)
        *ret_credential = login->credential;
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

void roll_links_keep(struct roll_links *links, struct roll_look *look)
{
    g_ptr_array_add(links->looks, look);
}

/* ---- who we are ------------------------------------------------------------------------------ */

#define SILENCE_MS 5000 /* after so long whoever waits is told for what */

/* What to type next is in the detail. */
static void token_seen(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct token_wait *wait = user;

    if (!token)
        wait->err = roll_error_new(ROLL_E_CREDENTIAL, "%s", err ? err->message : "no token");
    if (!token && err && err->detail)
        wait->err = roll_error_detail(wait->err, err->detail);
    wait->done = true;
    roll_loop_stop(wait->loop);
}

static void say_silence(void *user)
{
    (void)user;
    roll_log(ROLL_LOG_NORMAL, "the login has not answered for 5 s; it is asked again");
}

static void give_up(void *user)
{
    struct token_wait *wait = user;

    wait->over = true;
    roll_loop_stop(wait->loop);
}

/* Nothing was asked of Azure yet, so that the end of a wait is the end of the command. */
static struct roll_error *wait_for_token(struct roll_links *links,
                                         struct roll_credential *credential)
{
    struct token_wait *wait = g_new0(struct token_wait, 1);
    struct roll_loop *loop = links->loop;
    int64_t now = roll_boot_ms(), patience = links->patience_ms;
    unsigned silence = roll_loop_timer(loop, now + SILENCE_MS, say_silence, NULL);
    unsigned limit = patience > 0 ? roll_loop_timer(loop, now + patience, give_up, wait) : 0;
    struct roll_error *err = NULL;

    wait->loop = loop;
    g_ptr_array_add(links->waits, wait);
    roll_credential_token(credential, NULL, token_seen, wait);
    while (!err && !wait->done && !wait->over)
        err = roll_loop_run(loop);
    roll_loop_cancel_timer(loop, silence);
    roll_loop_cancel_timer(loop, limit);
    ROLL_TRY(err);
    if (!wait->done)
        return roll_error_detail(roll_error_new(ROLL_E_CREDENTIAL,
                                                "no token in time (--timeout): the login has not "
                                                "answered; nothing was done"),
                                 "{\"next\":[\"roll doctor\"]}");
    return g_steal_pointer(&wait->err);
}

struct roll_error *roll_links_prove(struct roll_links *links,
                                    const struct roll_order_target *target, char **ret_proved)
{
    struct roll_credential *credential = NULL;

    ROLL_TRY(roll_links_get(links, target, NULL, &credential));
    if (!roll_credential_actor(credential))
        ROLL_TRY(wait_for_token(links, credential));
    *ret_proved = g_strdup(roll_credential_actor(credential));
    return NULL;
}
