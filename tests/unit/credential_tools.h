/* A login at a scripted server, the variables that choose a credential, and what one token gave. */
#ifndef ROLLBOOK_TESTS_CREDENTIAL_TOOLS_H
#define ROLLBOOK_TESTS_CREDENTIAL_TOOLS_H

#include <check.h>

#include "azure/credential.h"
#include "tools/scripted_server.h"

struct world {
    struct scripted_server *server;
    struct roll_loop *loop;
    struct roll_cloud *cloud;
    struct roll_credential *credential;
    char *folder;
};

struct seen {
    int calls;
    char *token, *problem;
};

static inline void ok(struct roll_error *err)
{
    ck_assert_msg(!err, "%s", err ? err->message : "");
}

/* Nothing of the surroundings; a PATH without az; nobody at the address of IMDS. */
static inline void clean_environment(const char *folder)
{
    g_auto(GStrv) names = g_listenv();
    g_autofree char *nobody = g_strdup_printf("http://127.0.0.1:%d", scripted_free_port());

    for (char **name = names; *name; name++)
        if (!g_str_has_prefix(*name, "CK_") && !g_str_has_prefix(*name, "LSAN_") &&
            !g_str_has_prefix(*name, "ASAN_"))
            g_unsetenv(*name);
    g_setenv("PATH", folder, TRUE);
    g_setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", nobody, TRUE);
}

/* In the environment an empty value is as good as none. */
static inline void set(const char *name, const char *value)
{
    g_setenv(name, value, TRUE);
}

static inline void set_application(void)
{
    set("AZURE_TENANT_ID", "tenant.example");
    set("AZURE_CLIENT_ID", "client-1");
}

/* A variable that holds an address below the server. */
static inline void set_address(const struct world *world, const char *name, const char *path)
{
    g_autofree char *url = g_strconcat(scripted_server_url(world->server), path, NULL);

    set(name, url);
}

static inline void open_world(struct world *world, const char *script)
{
    world->server = scripted_server_start(script, 0);
    world->folder = g_dir_make_tmp("roll-credentials-XXXXXX", NULL);
    world->credential = NULL;
    clean_environment(world->folder);
    ok(roll_loop_new(&world->loop));
    ok(roll_cloud_new("sandbox", scripted_server_url(world->server), &world->cloud));
    world->cloud->sandbox = false;
    g_free(world->cloud->login);
    world->cloud->login = g_strdup(scripted_server_url(world->server));
}

static inline void use(struct world *world, const char *kind)
{
    ok(roll_credential_new(world->loop, world->cloud, NULL, kind, &world->credential));
    world->credential->retry_second = 1;
}

static inline void close_world(struct world *world)
{
    g_autofree char *complaint = scripted_server_stop(world->server);
    g_autoptr(GDir) dir = g_dir_open(world->folder, 0, NULL);

    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename(world->folder, name, NULL);
        remove(path);
    }
    remove(world->folder);
    g_free(world->folder);
    roll_credential_free(world->credential);
    roll_cloud_free(world->cloud);
    roll_loop_free(world->loop);
    ck_assert_msg(!complaint, "%s", complaint);
    ck_assert_int_eq(roll_error_live(), 0);
}

static inline void on_token(void *user, const struct roll_secret *token,
                            const struct roll_error *err)
{
    struct seen *seen = user;

    seen->calls++;
    seen->token = token ? g_strdup(roll_secret_reveal(token)) : NULL;
    seen->problem = err ? g_strdup(err->message) : NULL;
}

static inline void clear(struct seen *seen)
{
    g_free(seen->token);
    g_free(seen->problem);
    *seen = (struct seen){0};
}

static inline void ask(struct world *world, const char *audience, struct seen *seen)
{
    clear(seen);
    roll_credential_token(world->credential, audience, on_token, seen);
    ck_assert_int_eq(seen->calls, 0);
    ok(roll_loop_run(world->loop));
    ck_assert_int_eq(seen->calls, 1);
}

static inline void expect_token(struct world *world, const char *text)
{
    struct seen seen = {0};

    ask(world, NULL, &seen);
    ck_assert_msg(!seen.problem, "%s", seen.problem);
    ck_assert_str_eq(seen.token, text);
    clear(&seen);
}

static inline void expect_problem(struct world *world, const char *text)
{
    struct seen seen = {0};

    ask(world, NULL, &seen);
    ck_assert_ptr_null(seen.token);
    ck_assert_msg(strstr(seen.problem, text), "%s", seen.problem);
    ck_assert_msg(!strstr(seen.problem, "s3cret"), "%s", seen.problem);
    clear(&seen);
}

static inline char *put_file(const struct world *world, const char *name, const char *text,
                             gssize size)
{
    char *path = g_build_filename(world->folder, name, NULL);

    ck_assert(g_file_set_contents(path, text, size, NULL));
    return path;
}

static inline struct token *own_token(const struct world *world)
{
    return g_hash_table_lookup(world->credential->tokens, world->cloud->audience);
}

#define LOGIN                                                                                      \
    "expect POST /tenant.example/oauth2/v2.0/token times 1\n"                                      \
    "  has-header client-request-id\n"
#define GOOD "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"tok\"}\n"

#define IMDS                                                                                       \
    "expect GET ~/metadata/identity/oauth2/token\\?api-version=2018-02-01&resource=http.*\n"       \
    "  has-header Metadata: true\n  lacks-header Authorization\n"
#define PROBE                                                                                      \
    "expect GET /metadata/identity/oauth2/token times 1\n  lacks-header Metadata\n"                \
    "reply 400\n  body {\"error\":\"bad_request_102\"}\n"

static inline void set_imds(const struct world *world)
{
    set_address(world, "AZURE_POD_IDENTITY_AUTHORITY_HOST", "");
}

#endif
