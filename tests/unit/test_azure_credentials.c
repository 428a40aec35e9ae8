/* Every credential against scripted replies on loopback: what it sends, what it makes of the
 * answers, what it says when something is missing, and that no secret is in its words. */
#include <check.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure/challenge.h"
#include "azure/credential.h"
#include "rollbook/json.h"
#include "rollbook/time.h"
#include "tools/scripted_server.h"

/* ---- helpers ---- */

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

static void ok(struct roll_error *err)
{
    ck_assert_msg(!err, "%s", err ? err->message : "");
}

/* Nothing of the surroundings; a PATH without az; nobody at the address of IMDS. */
static void clean_environment(const char *folder)
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
static void set(const char *name, const char *value)
{
    g_setenv(name, value, TRUE);
}

static void set_application(void)
{
    set("AZURE_TENANT_ID", "tenant.example");
    set("AZURE_CLIENT_ID", "client-1");
}

/* A variable that holds an address below the server. */
static void set_address(const struct world *world, const char *name, const char *path)
{
    g_autofree char *url = g_strconcat(scripted_server_url(world->server), path, NULL);

    set(name, url);
}

static void open_world(struct world *world, const char *script)
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

static void use(struct world *world, const char *kind)
{
    ok(roll_credential_new(world->loop, world->cloud, NULL, kind, &world->credential));
    world->credential->retry_second = 1;
}

static void close_world(struct world *world)
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

static void on_token(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct seen *seen = user;

    seen->calls++;
    seen->token = token ? g_strdup(roll_secret_reveal(token)) : NULL;
    seen->problem = err ? g_strdup(err->message) : NULL;
}

static void clear(struct seen *seen)
{
    g_free(seen->token);
    g_free(seen->problem);
    *seen = (struct seen){0};
}

static void ask(struct world *world, const char *audience, struct seen *seen)
{
    clear(seen);
    roll_credential_token(world->credential, audience, on_token, seen);
    ck_assert_int_eq(seen->calls, 0);
    ok(roll_loop_run(world->loop));
    ck_assert_int_eq(seen->calls, 1);
}

static void expect_token(struct world *world, const char *text)
{
    struct seen seen = {0};

    ask(world, NULL, &seen);
    ck_assert_msg(!seen.problem, "%s", seen.problem);
    ck_assert_str_eq(seen.token, text);
    clear(&seen);
}

static void expect_problem(struct world *world, const char *text)
{
    struct seen seen = {0};

    ask(world, NULL, &seen);
    ck_assert_ptr_null(seen.token);
    ck_assert_msg(strstr(seen.problem, text), "%s", seen.problem);
    ck_assert_msg(!strstr(seen.problem, "s3cret"), "%s", seen.problem);
    clear(&seen);
}

static char *put_file(const struct world *world, const char *name, const char *text, gssize size)
{
    char *path = g_build_filename(world->folder, name, NULL);

    ck_assert(g_file_set_contents(path, text, size, NULL));
    return path;
}

static struct token *own_token(const struct world *world)
{
    return g_hash_table_lookup(world->credential->tokens, world->cloud->audience);
}

#define LOGIN                                                                                      \
    "expect POST /tenant.example/oauth2/v2.0/token times 1\n"                                      \
    "  has-header client-request-id\n"
#define GOOD "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"tok\"}\n"

/* ---- client certificates ---- */

/* Made once, in main: it takes a while. */
static EVP_PKEY *rsa_key, *other_key;

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"roll", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    return certificate;
}

/* What a certificate's file consists of, in this order. */
enum piece { END, KEY, ENCRYPTED_KEY, OWN, OTHER, CURVE, PFX, PFX_WITH_PASSWORD, GARBAGE };

static const char password[] = "s3cret-password";

static void write_pfx(BIO *bio, X509 *certificate, const char *with)
{
    PKCS12 *file = PKCS12_create(with, "roll", rsa_key, certificate, NULL, 0, 0, 0, 0, 0);

    ck_assert_ptr_nonnull(file);
    i2d_PKCS12_bio(bio, file);
    PKCS12_free(file);
}

/* Key and certificate of an elliptic curve. */
static void write_curve(BIO *bio)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key);

    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    PEM_write_bio_X509(bio, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void write_piece(BIO *bio, enum piece piece, X509 *own, X509 *other)
{
    if (piece == KEY)
        PEM_write_bio_PrivateKey(bio, rsa_key, NULL, NULL, 0, NULL, NULL);
    else if (piece == ENCRYPTED_KEY)
        PEM_write_bio_PKCS8PrivateKey(bio, rsa_key, EVP_aes_256_cbc(), password,
                                      (int)strlen(password), NULL, NULL);
    else if (piece == PFX || piece == PFX_WITH_PASSWORD)
        write_pfx(bio, own, piece == PFX ? NULL : password);
    else if (piece == CURVE)
        write_curve(bio);
    else if (piece == GARBAGE)
        BIO_puts(bio, "s3cret garbage");
    else
        PEM_write_bio_X509(bio, piece == OWN ? own : other);
}

static void put_certificate(const struct world *world, const enum piece pieces[3])
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *own = make_certificate(rsa_key), *other = make_certificate(other_key);
    char *text = NULL;

    for (size_t i = 0; i < 3 && pieces[i] != END; i++)
        write_piece(bio, pieces[i], own, other);
    long size = BIO_get_mem_data(bio, &text);
    g_autofree char *path = put_file(world, "certificate", text, size);
    set("AZURE_CLIENT_CERTIFICATE_PATH", path);
    X509_free(own);
    X509_free(other);
    BIO_free(bio);
}

static guchar *decode(const char *text, gsize *size)
{
    g_autoptr(GString) plain = g_string_new(text);

    ck_assert_ptr_null(strchr(text, '='));
    g_strdelimit(plain->str, "-", '+');
    g_strdelimit(plain->str, "_", '/');
    while (plain->len % 4 != 0)
        g_string_append_c(plain, '=');
    return g_base64_decode(plain->str, size);
}

static json_t *decode_json(const char *text)
{
    gsize size = 0;
    g_autofree guchar *plain = decode(text, &size);
    json_t *value = json_loadb((char *)plain, size, 0, NULL);

    ck_assert_ptr_nonnull(value);
    return value;
}

/* The value of client_assertion in the form that came. */
static char *sent_assertion(const struct world *world)
{
    const struct scripted_request *request = scripted_server_request(world->server, 0);
    const char *at = strstr(request->body->str, "client_assertion=");

    ck_assert_ptr_nonnull(at);
    at += strlen("client_assertion=");
    return g_strndup(at, strcspn(at, "&"));
}

static void check_header(const json_t *header)
{
    ck_assert_str_eq(roll_json_get_string(header, "alg"), "PS256");
    ck_assert_str_eq(roll_json_get_string(header, "typ"), "JWT");
    ck_assert_uint_eq(strlen(roll_json_get_string(header, "x5t#S256")), 43);
}

static void check_claims(const struct world *world, const json_t *payload)
{
    g_autofree char *audience =
        g_strconcat(scripted_server_url(world->server), "/tenant.example/oauth2/v2.0/token", NULL);
    json_int_t from = json_integer_value(json_object_get(payload, "nbf"));
    json_int_t until = json_integer_value(json_object_get(payload, "exp"));

    ck_assert_str_eq(roll_json_get_string(payload, "aud"), audience);
    ck_assert_str_eq(roll_json_get_string(payload, "iss"), "client-1");
    ck_assert_str_eq(roll_json_get_string(payload, "sub"), "client-1");
    ck_assert_uint_eq(strlen(roll_json_get_string(payload, "jti")), 36);
    ck_assert_int_eq(until - from, 600);
    ck_assert_int_le(from, roll_now_ms() / 1000);
    ck_assert_int_ge(from, roll_now_ms() / 1000 - 300);
}

static void check_signature(const char *signed_text, size_t signed_size, const char *signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    gsize size = 0;
    g_autofree guchar *bytes = decode(signature, &size);

    ck_assert_int_eq(EVP_DigestVerifyInit(context, &parameters, EVP_sha256(), NULL, rsa_key), 1);
    EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 32);
    ck_assert_int_eq(
        EVP_DigestVerify(context, bytes, size, (const guchar *)signed_text, signed_size), 1);
    EVP_MD_CTX_free(context);
}

static const enum piece certificate_files[][3] = {
    {KEY, OWN}, {OTHER, OWN, KEY}, {ENCRYPTED_KEY, OWN}, {PFX}, {PFX_WITH_PASSWORD},
};

START_TEST(test_azure_credentials__a_certificate_signs_an_assertion)
{
    struct world world;

    open_world(&world, LOGIN "  has-body client_id=client-1&scope=\n"
                             "  has-body &grant_type=client_credentials&claims=%7B\n"
                             "  has-body &client_assertion_type=urn"
                             "%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&\n"
                             "  lacks-body client_secret\n" GOOD);
    set_application();
    put_certificate(&world, certificate_files[_i]);
    if (certificate_files[_i][0] == ENCRYPTED_KEY || certificate_files[_i][0] == PFX_WITH_PASSWORD)
        set("AZURE_CLIENT_CERTIFICATE_PASSWORD", password);
    use(&world, "environment");
    expect_token(&world, "tok");
    g_autofree char *assertion = sent_assertion(&world);
    g_auto(GStrv) parts = g_strsplit(assertion, ".", -1);
    ck_assert_uint_eq(g_strv_length(parts), 3);
    roll_auto(json) json_t *header = decode_json(parts[0]), *payload = decode_json(parts[1]);
    check_header(header);
    check_claims(&world, payload);
    check_signature(assertion, strlen(parts[0]) + 1 + strlen(parts[1]), parts[2]);
    close_world(&world);
}
END_TEST

/* x5t#S256 is the digest of the certificate itself, not of another one in the file. */
START_TEST(test_azure_credentials__the_thumbprint_is_the_certificates_own)
{
    struct world world;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_size = 0;
    gsize size = 0, length = 0;
    g_autofree char *problem = NULL, *text = NULL;

    open_world(&world, "");
    put_certificate(&world, certificate_files[1]);
    const char *path = g_getenv("AZURE_CLIENT_CERTIFICATE_PATH");
    ck_assert(g_file_get_contents(path, &text, &length, NULL));
    BIO *bio = BIO_new_mem_buf(strstr(text + 1, "-----BEGIN CERT"), -1); /* the second one */
    X509 *own = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    ck_assert_int_eq(X509_digest(own, EVP_sha256(), digest, &digest_size), 1);
    struct certificate_use made = {
        .path = path, .client_id = "c", .audience = "https://login.example"};
    roll_auto(secret) struct roll_secret *assertion = certificate_assertion(&made, &problem);
    ck_assert_ptr_nonnull(assertion);
    g_auto(GStrv) parts = g_strsplit(roll_secret_reveal(assertion), ".", -1);
    roll_auto(json) json_t *header = decode_json(parts[0]);
    g_autofree guchar *thumbprint = decode(roll_json_get_string(header, "x5t#S256"), &size);
    ck_assert_mem_eq(thumbprint, digest, 32);
    X509_free(own);
    BIO_free(bio);
    close_world(&world);
}
END_TEST

static const struct {
    enum piece pieces[3];
    const char *password, *problem;
} bad_certificates[] = {
    {{OWN}, NULL, "has no private key"},
    {{KEY}, NULL, "has no certificate that belongs to its key"},
    {{KEY, OTHER}, NULL, "has no certificate that belongs to its key"},
    {{ENCRYPTED_KEY, OWN}, NULL, "has an encrypted key that AZURE_CLIENT_CERTIFICATE_PASSWORD"},
    {{ENCRYPTED_KEY, OWN}, "s3cret-wrong", "has an encrypted key that"},
    {{PFX_WITH_PASSWORD}, NULL, "needs AZURE_CLIENT_CERTIFICATE_PASSWORD"},
    {{PFX_WITH_PASSWORD}, "s3cret-wrong", "is not opened by AZURE_CLIENT_CERTIFICATE_PASSWORD"},
    {{CURVE}, NULL, "has a key that is not RSA"},
    {{GARBAGE}, NULL, "is neither PEM nor PKCS#12"},
    {{END}, NULL, "is neither PEM nor PKCS#12"},
};

START_TEST(test_azure_credentials__what_is_wrong_with_a_certificate)
{
    struct world world;

    open_world(&world, "");
    set_application();
    put_certificate(&world, bad_certificates[_i].pieces);
    if (bad_certificates[_i].password)
        set("AZURE_CLIENT_CERTIFICATE_PASSWORD", bad_certificates[_i].password);
    use(&world, "environment");
    expect_problem(&world, bad_certificates[_i].problem);
    expect_problem(&world, g_getenv("AZURE_CLIENT_CERTIFICATE_PATH"));
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_certificate_that_is_not_there)
{
    struct world world;

    open_world(&world, "");
    set_application();
    set("AZURE_CLIENT_CERTIFICATE_PATH", "/nonexistent/a.pem");
    use(&world, "environment");
    expect_problem(&world, "environment: the client certificate '/nonexistent/a.pem' cannot be "
                           "read: No such file or directory");
    set("AZURE_CLIENT_CERTIFICATE_PATH", world.folder);
    expect_problem(&world, "cannot be read: Is a directory");
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_secret_wins_over_a_certificate)
{
    struct world world;

    open_world(&world, LOGIN "  has-body client_secret=s3cret\n  lacks-body assertion\n" GOOD);
    set_application();
    set("AZURE_CLIENT_SECRET", "s3cret");
    set("AZURE_CLIENT_CERTIFICATE_PATH", "/nonexistent");
    use(&world, "environment");
    expect_token(&world, "tok");
    close_world(&world);
}
END_TEST

/* ---- federated tokens ---- */

START_TEST(test_azure_credentials__the_federated_token_file_is_read_for_every_token)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, LOGIN "  if-body client_assertion=a.b.c1\n" GOOD LOGIN
                             "  if-body vault.example\n  has-body client_assertion=a.b.c2\n"
                             "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"v\"}\n");
    set_application();
    g_autofree char *path = put_file(&world, "token", "a.b.c1\n", -1);
    set("AZURE_FEDERATED_TOKEN_FILE", path);
    use(&world, "workload-identity");
    expect_token(&world, "tok");
    g_free(put_file(&world, "token", " a.b.c2", -1));
    ask(&world, "https://vault.example", &seen);
    ck_assert_str_eq(seen.token, "v");
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__what_is_no_federated_token_is_not_sent)
{
    static const struct {
        const char *text, *problem; /* text NULL: no file */
    } rows[] = {
        {NULL, "workload-identity: the federated token '"},
        {"", "is no JWT"},
        {"s3cret", "is no JWT"},
        {"s3cret.a.b c", "is no JWT"},
    };
    struct world world;

    open_world(&world, "");
    set_application();
    g_autofree char *path = g_build_filename(world.folder, "token", NULL);
    set("AZURE_FEDERATED_TOKEN_FILE", path);
    if (rows[_i].text)
        g_free(put_file(&world, "token", rows[_i].text, -1));
    use(&world, "WorkloadIdentityCredential");
    expect_problem(&world, rows[_i].problem);
    close_world(&world);
}
END_TEST

static void set_github(const struct world *world)
{
    set_application();
    set_address(world, "ACTIONS_ID_TOKEN_REQUEST_URL", "/ids?v=1");
    set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret-github");
}

#define GITHUB                                                                                     \
    "expect GET /ids?v=1&audience=api%3A%2F%2FAzureADTokenExchange times 1\n"                      \
    "  has-header Authorization: Bearer s3cret-github\n"

START_TEST(test_azure_credentials__github_issues_a_token_for_each_of_ours)
{
    struct world world;

    open_world(&world,
               GITHUB "reply 200\n  body {\"value\":\"a.b.c\"}\n" LOGIN
                      "  has-body client_assertion=a.b.c\n  lacks-header Authorization\n" GOOD);
    set_github(&world);
    use(&world, "github");
    expect_token(&world, "tok");
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__github_may_refuse)
{
    static const char *const replies[] = {"reply 403\n  body s3cret\n",
                                          "reply 200\n  body {\"value\":\"s3cret\"}\n",
                                          "reply 302\n  header Location: http://127.0.0.1/\n"};
    struct world world;
    g_autofree char *script = g_strconcat(GITHUB, replies[_i], NULL);

    open_world(&world, script);
    set_github(&world);
    use(&world, "github");
    expect_problem(&world, "github: GitHub answered ");
    close_world(&world);
}
END_TEST

static void set_pipelines(const struct world *world)
{
    set_address(world, "SYSTEM_OIDCREQUESTURI", "/oidc");
    set("SYSTEM_ACCESSTOKEN", "s3cret-pipeline");
    set("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "s-c");
    set("AZURESUBSCRIPTION_CLIENT_ID", "client-1");
    set("AZURESUBSCRIPTION_TENANT_ID", "tenant.example");
}

#define PIPELINES                                                                                  \
    "expect POST /oidc?api-version=7.1&serviceConnectionId=s-c times 1\n"                          \
    "  has-header Authorization: Bearer s3cret-pipeline\n"                                         \
    "  has-header X-TFS-FedAuthRedirect: Suppress\n"                                               \
    "  has-header Content-Length: 0\n"                                                             \
    "  has-header Content-Type: application/json\n"

START_TEST(test_azure_credentials__a_service_connection_issues_a_token_for_each_of_ours)
{
    struct world world;

    open_world(&world, PIPELINES "reply 200\n  body {\"oidcToken\":\"a.b.c\"}\n" LOGIN
                                 "  has-body client_id=client-1&\n"
                                 "  has-body client_assertion=a.b.c\n" GOOD);
    set_pipelines(&world);
    use(&world, "azure-pipelines");
    expect_token(&world, "tok");
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_service_connection_may_refuse)
{
    struct world world;

    open_world(&world, PIPELINES "reply 401\n  header x-vss-e2eid: e-1\n"
                                 "  header x-msedge-ref: r-1\n  body s3cret\n");
    set_pipelines(&world);
    use(&world, "AzurePipelinesCredential");
    expect_problem(&world, "azure-pipelines: Azure Pipelines answered 401 without an id token; "
                           "x-vss-e2eid e-1; x-msedge-ref r-1");
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__clouds_have_their_own_federation_audience)
{
    static const char *const rows[][2] = {{"public", "api://AzureADTokenExchange"},
                                          {"china", "api://AzureADTokenExchangeChina"},
                                          {"usgovernment", "api://AzureADTokenExchangeUSGov"}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        roll_auto(cloud) struct roll_cloud *cloud = NULL;
        ok(roll_cloud_new(rows[i][0], NULL, &cloud));
        struct roll_credential credential = {.cloud = cloud};
        ck_assert_str_eq(login_federation_audience(&credential), rows[i][1]);
    }
}
END_TEST

/* ---- managed identity ---- */

#define IMDS                                                                                       \
    "expect GET ~/metadata/identity/oauth2/token\\?api-version=2018-02-01&resource=http.*\n"       \
    "  has-header Metadata: true\n  lacks-header Authorization\n"
#define PROBE                                                                                      \
    "expect GET /metadata/identity/oauth2/token times 1\n  lacks-header Metadata\n"                \
    "reply 400\n  body {\"error\":\"bad_request_102\"}\n"

static void set_imds(const struct world *world)
{
    set_address(world, "AZURE_POD_IDENTITY_AUTHORITY_HOST", "");
}

START_TEST(test_azure_credentials__imds_is_asked_again_as_published)
{
    struct world world;

    open_world(&world, IMDS "reply 404\nreply 410\nreply 429\nreply 503\n"
                            "reply 200\n  body {\"access_token\":\"m\",\"expires_in\":\"3599\"}\n");
    set_imds(&world);
    use(&world, "managed-identity");
    expect_token(&world, "m");
    ck_assert_uint_eq(scripted_server_count(world.server), 5);
    close_world(&world);
}
END_TEST

static const struct {
    const char *reply, *problem;
    guint requests;
} imds_refusals[] = {
    {"reply 400\n  body {\"error\":\"invalid_request\",\"error_description\":\"Identity not "
     "found\"}\n",
     "managed-identity: the identity endpoint answered 400: invalid_request: Identity not found",
     1},
    {"reply 401\n", "managed-identity: the identity endpoint answered 401", 1},
    {"reply 504\n", "NO_PROXY must have 169.254.169.254", 5},
    {"reply 410\n", "managed-identity: the identity endpoint answered 410", 8},
    {"reply 200\n  body {\"access_token\":\"\"}\n", "the identity endpoint answered 200", 1},
};

START_TEST(test_azure_credentials__imds_may_refuse)
{
    struct world world;
    g_autofree char *script = g_strconcat(IMDS, imds_refusals[_i].reply, NULL);
    g_autofree char *many = g_strdup_printf(" times %u\n", imds_refusals[_i].requests);
    g_auto(GStrv) lines = g_strsplit(script, "\n", 2);
    g_autofree char *counted = g_strconcat(lines[0], many, lines[1], NULL);

    open_world(&world, counted);
    set_imds(&world);
    use(&world, "ManagedIdentityCredential");
    expect_problem(&world, imds_refusals[_i].problem);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_user_assigned_identity_is_named)
{
    struct world world;

    open_world(&world, "expect GET ~/metadata/identity/oauth2/token\\?.*&client_id=client-1\n"
                       "reply 200\n  body {\"access_token\":\"m\",\"expires_in\":\"3599\"}\n");
    set_imds(&world);
    set("AZURE_CLIENT_ID", "client-1");
    use(&world, "managed-identity");
    expect_token(&world, "m");
    close_world(&world);
}
END_TEST

/* In a chain it is looked for first; once it has given a token, not again. */
START_TEST(test_azure_credentials__the_chain_looks_for_imds_first)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               PROBE IMDS "reply 200\n  body {\"access_token\":\"m\",\"expires_in\":\"86399\"}\n"
                          "reply 200\n  body {\"access_token\":\"n\",\"expires_in\":\"86399\"}\n");
    set_imds(&world);
    use(&world, NULL);
    expect_token(&world, "m");
    int64_t left = own_token(&world)->renew_at - roll_boot_ms();
    ck_assert_int_le(left, 43200000); /* half of its life */
    ck_assert_int_ge(left, 42900000);
    ask(&world, "http://vault.example", &seen);
    ck_assert_str_eq(seen.token, "n");
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_machine_without_an_identity_goes_on_in_the_chain)
{
    struct world world;

    open_world(&world, PROBE IMDS "reply 400\n  body {\"error\":\"invalid_request\"}\n");
    set_imds(&world);
    use(&world, NULL);
    expect_problem(&world, "managed-identity: the identity endpoint answered 400: invalid_request; "
                           "cli: the command 'az' is not installed");
    close_world(&world);
}
END_TEST

static void set_app_service(const struct world *world)
{
    set_address(world, "IDENTITY_ENDPOINT", "/msi/token");
    set("IDENTITY_HEADER", "s3cret-header");
}

START_TEST(test_azure_credentials__app_service_has_an_endpoint_of_its_own)
{
    struct world world;
    g_autofree char *script = g_strdup_printf(
        "expect GET ~/msi/token\\?api-version=2019-08-01&resource=http.*\n"
        "  has-header X-IDENTITY-HEADER: s3cret-header\n  lacks-header Metadata\n"
        "reply 200\n  body {\"access_token\":\"m\",\"expires_on\":\"%" G_GINT64_FORMAT "\"}\n",
        roll_now_ms() / 1000 + 3600);

    open_world(&world, script);
    set_app_service(&world);
    use(&world, NULL); /* no probe: its variables say that it is there */
    expect_token(&world, "m");
    int64_t left = own_token(&world)->expires_at - roll_boot_ms();
    ck_assert_int_le(left, 3600000);
    ck_assert_int_ge(left, 3300000);
    close_world(&world);
}
END_TEST

/* ---- device code ---- */

/* A terminal as standard error; returns its other side. */
static int open_terminal(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);

    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(slave, 0);
    ck_assert_int_eq(dup2(slave, STDERR_FILENO), STDERR_FILENO);
    close(slave);
    return master;
}

static void expect_shown(int terminal, const char *text)
{
    char shown[2048] = "";
    ssize_t size = read(terminal, shown, sizeof(shown) - 1);

    ck_assert_int_gt(size, 0);
    ck_assert_msg(strstr(shown, text), "%s", shown);
    ck_assert_msg(!strstr(shown, "s3cret"), "%s", shown);
}

#define DEVICE_CODE                                                                                \
    "expect POST /organizations/oauth2/v2.0/devicecode times 1\n"                                  \
    "  has-body client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46&scope=http\n"                       \
    "  has-body %2F.default%20offline_access\n"                                                    \
    "reply 200\n  body "                                                                           \
    "{\"device_code\":\"s3cret-device\",\"user_code\":\"ABCD\",\"verification_uri\":"              \
    "\"https://login.example/device\",\"expires_in\":900,\"interval\":3}\n"
#define DEVICE_POLL                                                                                \
    "expect POST /organizations/oauth2/v2.0/token\n"                                               \
    "  if-body grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&\n"               \
    "  has-body device_code=s3cret-device\n"

START_TEST(test_azure_credentials__a_person_signs_in_with_a_code)
{
    struct world world;
    struct seen seen = {0};
    int terminal = open_terminal();

    open_world(&world, DEVICE_CODE DEVICE_POLL
               "reply 400\n  body {\"error\":\"authorization_pending\"}\n"
               "reply 400\n  body {\"error\":\"slow_down\"}\n"
               "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"d\",\"refresh_token\":"
               "\"s3cret-renewal\"}\n"
               "expect POST /organizations/oauth2/v2.0/token times 1\n"
               "  if-body grant_type=refresh_token&refresh_token=s3cret-renewal\n"
               "  has-body vault.example\n"
               "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"v\"}\n");
    use(&world, "device-code");
    expect_token(&world, "d");
    ck_assert_int_eq(own_token(&world)->interval_s, 8);
    expect_shown(terminal, "to sign in, open https://login.example/device and enter the code ABCD");
    ask(&world, "http://vault.example", &seen);
    ck_assert_str_eq(seen.token, "v");
    clear(&seen);
    close(terminal);
    close_world(&world);
}
END_TEST

/* A sign-in that cannot be renewed any more is made again. */
START_TEST(test_azure_credentials__a_refused_renewal_asks_the_person_again)
{
    struct world world;
    int terminal = open_terminal();

    open_world(&world, "expect POST /organizations/oauth2/v2.0/token times 1\n"
                       "  if-body grant_type=refresh_token&refresh_token=s3cret-old\n"
                       "reply 400\n  body {\"error\":\"invalid_grant\"}\n" DEVICE_CODE DEVICE_POLL
                       "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"d\"}\n");
    use(&world, "DeviceCodeCredential");
    world.credential->renewal = roll_secret_new("s3cret-old", 10);
    expect_token(&world, "d");
    ck_assert_ptr_null(world.credential->renewal);
    close(terminal);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_person_may_decline)
{
    struct world world;
    int terminal = open_terminal();

    open_world(&world, DEVICE_CODE DEVICE_POLL
               "reply 400\n  body {\"error\":\"authorization_declined\",\"error_description\":"
               "\"AADSTS1: No.\"}\n");
    use(&world, "device-code");
    expect_problem(&world, "device-code: the login refused the sign-in: authorization_declined: "
                           "AADSTS1: No.");
    close(terminal);
    close_world(&world);
}
END_TEST

static void stop_loop(void *user)
{
    roll_loop_stop(user);
}

/* Asks, and returns when the code has come; polls are seconds apart. */
static void begin_sign_in(struct world *world, struct seen *seen)
{
    roll_credential_token(world->credential, NULL, on_token, seen);
    while (!own_token(world)->device_code) {
        roll_loop_timer(world->loop, roll_boot_ms() + 10, stop_loop, world->loop);
        ok(roll_loop_run(world->loop));
    }
}

START_TEST(test_azure_credentials__a_code_runs_out)
{
    struct world world;
    struct seen seen = {0};
    int terminal = open_terminal();

    open_world(&world,
               DEVICE_CODE DEVICE_POLL "reply 400\n  body {\"error\":\"authorization_pending\"}\n");
    use(&world, "device-code");
    world.credential->retry_second = 100;
    begin_sign_in(&world, &seen);
    own_token(&world)->give_up_at = 0;
    ok(roll_loop_run(world.loop));
    ck_assert_msg(strstr(seen.problem, "nobody signed in with the code in time"), "%s",
                  seen.problem);
    clear(&seen);
    close(terminal);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__a_freed_credential_waits_for_nobody)
{
    struct world world;
    struct seen seen = {0};
    int terminal = open_terminal();

    open_world(&world, DEVICE_CODE);
    use(&world, "device-code");
    world.credential->retry_second = 100000;
    begin_sign_in(&world, &seen);
    g_clear_pointer(&world.credential, roll_credential_free);
    ok(roll_loop_run(world.loop)); /* nothing is left */
    ck_assert_int_eq(seen.calls, 0);
    close(terminal);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__without_a_terminal_there_is_no_code)
{
    struct world world;
    int null = open("/dev/null", O_WRONLY);

    dup2(null, STDERR_FILENO);
    close(null);
    open_world(&world, "");
    use(&world, "device-code");
    expect_problem(&world, "device-code: there is no terminal on which a code could be shown");
    close_world(&world);
}
END_TEST

/* ---- what each lacks ---- */

static const struct {
    const char *kind;
    const char *settings[4][2];
    const char *problem;
} lacking[] = {
    {"environment", {{NULL}}, "environment: AZURE_CLIENT_ID is not set"},
    {"environment",
     {{"AZURE_CLIENT_ID", "c"}, {"AZURE_TENANT_ID", "t"}},
     "neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set"},
    {"workload-identity", {{NULL}}, "AZURE_FEDERATED_TOKEN_FILE is not set"},
    {"workload-identity",
     {{"AZURE_FEDERATED_TOKEN_FILE", "/x"}, {"AZURE_CLIENT_ID", "c"}, {"AZURE_TENANT_ID", "a/b"}},
     "AZURE_TENANT_ID is no tenant"},
    {"github", {{NULL}}, "ACTIONS_ID_TOKEN_REQUEST_URL is not set"},
    {"github", {{"GITHUB_ACTIONS", "true"}}, "the job has no 'permissions: id-token: write'"},
    {"github",
     {{"ACTIONS_ID_TOKEN_REQUEST_URL", "http://example.com/"},
      {"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret"}},
     "ACTIONS_ID_TOKEN_REQUEST_URL is no https address"},
    {"azure-pipelines", {{NULL}}, "SYSTEM_OIDCREQUESTURI is not set"},
    {"azure-pipelines",
     {{"SYSTEM_OIDCREQUESTURI", "https://dev.example/"}},
     "SYSTEM_ACCESSTOKEN is not set (the step's 'env:' must map it to $(System.AccessToken))"},
    {"azure-pipelines",
     {{"SYSTEM_OIDCREQUESTURI", "https://dev.example/"}, {"SYSTEM_ACCESSTOKEN", "s3cret"}},
     "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID is not set"},
    {"managed-identity",
     {{"IDENTITY_ENDPOINT", "http://example.com"}, {"IDENTITY_HEADER", "s3cret"}},
     "IDENTITY_ENDPOINT is neither https nor on this machine"},
    {"managed-identity",
     {{"IDENTITY_ENDPOINT", "http://169.254.1.1.example.com/"}, {"IDENTITY_HEADER", "s3cret"}},
     "IDENTITY_ENDPOINT is neither https nor on this machine"},
    {"managed-identity",
     {{"IDENTITY_ENDPOINT", "https://h"},
      {"IDENTITY_HEADER", "s3cret"},
      {"IDENTITY_SERVER_THUMBPRINT", "t"}},
     "the managed identity of Service Fabric is not supported by this version"},
    {"managed-identity", {{"MSI_ENDPOINT", "http://h"}}, "of Cloud Shell is not supported"},
    {"managed-identity",
     {{"MSI_ENDPOINT", "http://h"}, {"MSI_SECRET", "s3cret"}},
     "of Azure Machine Learning is not supported"},
    {"managed-identity",
     {{"IDENTITY_ENDPOINT", "http://h"}, {"IMDS_ENDPOINT", "http://h"}},
     "of Azure Arc is not supported"},
};

START_TEST(test_azure_credentials__what_each_lacks)
{
    struct world world;

    open_world(&world, "");
    for (size_t i = 0; i < 4 && lacking[_i].settings[i][0]; i++)
        set(lacking[_i].settings[i][0], lacking[_i].settings[i][1]);
    use(&world, lacking[_i].kind);
    expect_problem(&world, lacking[_i].problem);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__an_empty_chain_names_all_in_order)
{
    struct world world;

    open_world(&world, "");
    use(&world, NULL);
    expect_problem(
        &world,
        "no credential for sandbox: environment: AZURE_CLIENT_ID is not set; workload-identity: "
        "AZURE_FEDERATED_TOKEN_FILE is not set; github: ACTIONS_ID_TOKEN_REQUEST_URL is not set; "
        "azure-pipelines: SYSTEM_OIDCREQUESTURI is not set; managed-identity: this is no machine "
        "with a managed identity (IMDS does not answer); cli: the command 'az' is not installed");
    close_world(&world);
}
END_TEST

/* ---- refusals ---- */

START_TEST(test_azure_credentials__the_logins_codes_come_with_advice)
{
    static const char *const rows[][2] = {
        {"AADSTS7000215: Invalid client secret.", "it is the secret's id that was pasted)"},
        {"AADSTS7000222: Expired.", "(the secret has expired: make a new one)"},
        {"AADSTS700016: Application not found.", "(this tenant does not know the application"},
        {"AADSTS700213: No matching record.", "a new one needs some minutes)"},
        {"AADSTS999999: Who knows.", "invalid_client: AADSTS999999: Who knows."},
        {"no code", "the login refused the client secret: invalid_client: no code"},
    };
    struct world world;
    g_autofree char *script = g_strdup_printf(
        LOGIN "reply 401\n  body {\"error\":\"invalid_client\",\"error_description\":\"%s\\r\\n"
              "Trace ID: 1\"}\n",
        rows[_i][0]);

    open_world(&world, script);
    set_application();
    set("AZURE_CLIENT_SECRET", "s3cret");
    use(&world, "environment");
    expect_problem(&world, rows[_i][1]);
    close_world(&world);
}
END_TEST

/* ---- the life of a token ---- */

static void open_with_secret(struct world *world, const char *script)
{
    open_world(world, script);
    set_application();
    set("AZURE_CLIENT_SECRET", "s3cret");
    use(world, NULL);
}

START_TEST(test_azure_credentials__one_request_serves_many)
{
    struct world world;
    struct seen seen[3] = {0};

    open_with_secret(&world, LOGIN GOOD);
    roll_credential_prefetch(world.credential);
    for (size_t i = 0; i < 3; i++)
        roll_credential_token(world.credential, NULL, on_token, &seen[i]);
    ok(roll_loop_run(world.loop));
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(seen[i].calls, 1);
        ck_assert_str_eq(seen[i].token, "tok");
        clear(&seen[i]);
    }
    close_world(&world);
}
END_TEST

/* Two audiences walk the chain at the same time: the end of one does not disturb the other. */
START_TEST(test_azure_credentials__two_audiences_are_asked_for_at_once)
{
    struct world world;
    struct seen seen[2] = {0};

    open_world(&world, "expect GET /metadata/identity/oauth2/token times 2\n"
                       "  lacks-header Metadata\nreply 400\n  delay 5ms\n" IMDS
                       "reply 200\n  body {\"access_token\":\"m\",\"expires_in\":\"3599\"}\n"
                       "reply 503\n"
                       "reply 200\n  body {\"access_token\":\"m\",\"expires_in\":\"3599\"}\n");
    set_imds(&world);
    use(&world, NULL);
    roll_credential_token(world.credential, NULL, on_token, &seen[0]);
    roll_credential_token(world.credential, "http://vault.example", on_token, &seen[1]);
    ok(roll_loop_run(world.loop));
    for (size_t i = 0; i < 2; i++) {
        ck_assert_str_eq(seen[i].token, "m");
        clear(&seen[i]);
    }
    close_world(&world);
}
END_TEST

static const struct {
    const char *members;
    int64_t at_most_s, at_least_s;
} renewals[] = {
    {"\"expires_in\":3600", 3300, 3000},
    {"\"expires_in\":\"3600\"", 3300, 3000},
    {"\"expires_in\":86400,\"refresh_in\":43200", 43200, 42900},
    {"\"expires_in\":3600,\"refresh_in\":3599", 3300, 3000},
    {"\"expires_in\":400", 200, 0},
    {"\"expires_in\":-5", 30, 0},
    {"\"expires_on\":\"2000-01-01T00:00:00Z\"", 30, 0},
};

START_TEST(test_azure_credentials__a_token_is_renewed_before_its_end)
{
    struct world world;
    g_autofree char *script = g_strdup_printf(
        LOGIN "reply 200\n  body {%s,\"access_token\":\"tok\"}\n", renewals[_i].members);

    open_with_secret(&world, script);
    expect_token(&world, "tok");
    int64_t left = own_token(&world)->renew_at - roll_boot_ms();
    ck_assert_int_le(left, renewals[_i].at_most_s * 1000);
    ck_assert_int_ge(left, renewals[_i].at_least_s * 1000);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__the_old_one_serves_while_no_new_one_is_had)
{
    struct world world;

    open_with_secret(&world, "expect POST /tenant.example/oauth2/v2.0/token times 3\n" GOOD
                             "reply 400\n  body {\"error\":\"invalid_client\"}\n"
                             "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"new\"}\n");
    expect_token(&world, "tok");
    own_token(&world)->renew_at = 0;
    expect_token(&world, "tok");
    own_token(&world)->renew_at = 0;
    expect_token(&world, "new");
    close_world(&world);
}
END_TEST

/* ---- claims challenges ---- */

/* {"access_token":{"nbf":{"essential":true,"value":"1"}}} */
#define CHALLENGE                                                                                  \
    "Bearer realm=\"\", authorization_uri=\"https://login.example/\", "                            \
    "error=\"insufficient_claims\", "                                                              \
    "claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ==\""

START_TEST(test_azure_credentials__a_claims_challenge_is_read)
{
    static const struct {
        const char *header, *claims;
    } rows[] = {
        {CHALLENGE, "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":\"1\"},"
                    "\"xms_cc\":{\"values\":[\"cp1\"]}}}"},
        {"Bearer error=insufficient_claims claims=e30",
         "{\"access_token\":{\"xms_cc\":{\"values\":[\"cp1\"]}}}"},
        {"Bearer error=\"invalid_token\", claims=\"e30\"", NULL},
        {"Bearer error=\"insufficient_claims\", claims=\"W10\"", NULL},
        {"Bearer error=\"insufficient_claims\", claims=\"!!!\"", NULL},
        {"Bearer error=\"insufficient_claims\"", NULL},
        {"Basic realm=x", NULL},
        {NULL, NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *claims = challenge_claims(rows[i].header);
        ck_assert_pstr_eq(claims, rows[i].claims);
    }
}
END_TEST

struct arm_seen {
    int calls;
    enum roll_arm_outcome outcome;
};

static void on_arm(void *user, const struct roll_arm_reply *reply)
{
    struct arm_seen *seen = user;

    seen->calls++;
    seen->outcome = reply->outcome;
}

/* The claims go with the next token, once; the one after it is an ordinary one. */
START_TEST(test_azure_credentials__a_claims_challenge_is_answered_once)
{
    struct world world;
    struct arm_seen seen = {0};

    open_with_secret(&world,
                     LOGIN "  lacks-body nbf\n"
                           "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"t1\"}\n" LOGIN
                           "  has-body &claims=%7B%22access_token%22%3A%7B%22nbf%22\n"
                           "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"t2\"}\n" LOGIN
                           "  lacks-body nbf\n"
                           "reply 200\n  body {\"expires_in\":3599,\"access_token\":\"t3\"}\n"
                           "expect GET /subscriptions/s/resourceGroups/g times 1\n"
                           "  has-header Authorization: Bearer t1\n"
                           "reply 401\n  header WWW-Authenticate: " CHALLENGE "\n"
                           "expect GET /subscriptions/s/resourceGroups/g times 1\n"
                           "  has-header Authorization: Bearer t2\n"
                           "reply 200\n  body {\"name\":\"g\"}\n");
    struct roll_arm *arm = roll_arm_new(world.loop, world.cloud, world.credential);
    roll_arm_group_get(arm, "s", "g", on_arm, &seen);
    ok(roll_loop_run(world.loop));
    ck_assert_int_eq(seen.calls, 1);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    own_token(&world)->renew_at = 0;
    expect_token(&world, "t3");
    roll_arm_free(arm);
    close_world(&world);
}
END_TEST

/* ---- names ---- */

static void on_reply(void *user, const struct roll_arm_reply *reply)
{
    *(enum roll_arm_outcome *)user = reply->outcome;
}

/* A refused token is renewed once; which of them it was is not said, so that all are. */
START_TEST(test_azure_credentials__other_tenants_send_their_tokens_along)
{
    struct world world;
    struct roll_credential *others[2] = {NULL, NULL};
    enum roll_arm_outcome outcome = ROLL_ARM_LOST;

    open_world(&world, "expect POST /tenant.example/oauth2/v2.0/token times 2\n"
                       "reply 200\n  body {\"access_token\":\"main\",\"expires_in\":3600}\n"
                       "expect POST /second/oauth2/v2.0/token times 2\n"
                       "reply 200\n  body {\"access_token\":\"two\",\"expires_in\":3600}\n"
                       "expect POST /third/oauth2/v2.0/token times 2\n"
                       "reply 200\n  body {\"access_token\":\"three\",\"expires_in\":3600}\n"
                       "expect GET /subscriptions/s times 2\n"
                       "  has-header Authorization: Bearer main\n"
                       "  has-header x-ms-authorization-auxiliary: Bearer two, Bearer three\n"
                       "reply 401\n  body {}\nreply 200\n  body {\"id\":\"x\"}\n");
    set_application();
    set("AZURE_CLIENT_SECRET", "s3cret");
    use(&world, "environment");
    ok(roll_credential_new(world.loop, world.cloud, "second", "environment", &others[0]));
    ok(roll_credential_new(world.loop, world.cloud, "third", "environment", &others[1]));
    struct roll_arm *arm = roll_arm_new(world.loop, world.cloud, world.credential);
    roll_arm_add_auxiliary(arm, others[0]);
    roll_arm_add_auxiliary(arm, others[1]);
    roll_arm_resource_get(arm, "/subscriptions/s", "2022-12-01", on_reply, &outcome);
    ok(roll_loop_run(world.loop));
    ck_assert_int_eq(outcome, ROLL_ARM_OK);
    roll_arm_free(arm);
    roll_credential_free(others[0]);
    roll_credential_free(others[1]);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__without_the_other_tenants_token_nothing_is_sent)
{
    struct world world;
    struct roll_credential *other = NULL;
    enum roll_arm_outcome outcome = ROLL_ARM_LOST;

    open_world(&world, "expect POST /tenant.example/oauth2/v2.0/token times 1\n"
                       "reply 200\n  body {\"access_token\":\"main\",\"expires_in\":3600}\n"
                       "expect POST /second/oauth2/v2.0/token times 1\n"
                       "reply 401\n  body {\"error\":\"invalid_client\"}\n");
    set_application();
    set("AZURE_CLIENT_SECRET", "s3cret");
    use(&world, "environment");
    ok(roll_credential_new(world.loop, world.cloud, "second", "environment", &other));
    struct roll_arm *arm = roll_arm_new(world.loop, world.cloud, world.credential);
    roll_arm_add_auxiliary(arm, other);
    roll_arm_resource_get(arm, "/subscriptions/s", "2022-12-01", on_reply, &outcome);
    ok(roll_loop_run(world.loop));
    ck_assert_int_eq(outcome, ROLL_ARM_NO_TOKEN);
    roll_arm_free(arm);
    roll_credential_free(other);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_credentials__each_is_selected_by_its_name)
{
    static const char *const names[] = {"environment",     "workload-identity", "github",
                                        "azure-pipelines", "managed-identity",  "cli",
                                        "device-code"};
    roll_auto(cloud) struct roll_cloud *cloud = NULL;
    roll_auto(loop) struct roll_loop *loop = NULL;

    ok(roll_cloud_new("public", NULL, &cloud));
    ok(roll_loop_new(&loop));
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        roll_auto(credential) struct roll_credential *credential = NULL;
        ok(roll_credential_new(loop, cloud, NULL, names[i], &credential));
        ck_assert_str_eq(credential->sources[0]->kind, names[i]);
        ck_assert_ptr_null(credential->sources[1]);
    }
}
END_TEST

START_TEST(test_azure_credentials__the_chain_is_narrowed_by_its_variable)
{
    static const struct {
        const char *value;
        int count;
        const char *first;
    } rows[] = {{"", 6, "environment"},
                {"prod", 5, "environment"},
                {"dev", 1, "cli"},
                {"ManagedIdentityCredential", 1, "managed-identity"},
                {"workloadidentitycredential", 1, "workload-identity"}};
    roll_auto(cloud) struct roll_cloud *cloud = NULL;
    roll_auto(loop) struct roll_loop *loop = NULL;

    ok(roll_cloud_new("public", NULL, &cloud));
    ok(roll_loop_new(&loop));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        roll_auto(credential) struct roll_credential *credential = NULL;
        int count = 0;
        set("AZURE_TOKEN_CREDENTIALS", rows[i].value);
        ok(roll_credential_new(loop, cloud, NULL, NULL, &credential));
        while (credential->sources[count])
            count++;
        ck_assert_int_eq(count, rows[i].count);
        ck_assert_str_eq(credential->sources[0]->kind, rows[i].first);
    }
}
END_TEST

/* ---- suite ---- */

static void add_certificates(TCase *tests)
{
    tcase_add_loop_test(tests, test_azure_credentials__a_certificate_signs_an_assertion, 0,
                        G_N_ELEMENTS(certificate_files));
    tcase_add_test(tests, test_azure_credentials__the_thumbprint_is_the_certificates_own);
    tcase_add_loop_test(tests, test_azure_credentials__what_is_wrong_with_a_certificate, 0,
                        G_N_ELEMENTS(bad_certificates));
    tcase_add_test(tests, test_azure_credentials__a_certificate_that_is_not_there);
    tcase_add_test(tests, test_azure_credentials__a_secret_wins_over_a_certificate);
}

static void add_federated(TCase *tests)
{
    tcase_add_test(tests, test_azure_credentials__the_federated_token_file_is_read_for_every_token);
    tcase_add_loop_test(tests, test_azure_credentials__what_is_no_federated_token_is_not_sent, 0,
                        4);
    tcase_add_test(tests, test_azure_credentials__github_issues_a_token_for_each_of_ours);
    tcase_add_loop_test(tests, test_azure_credentials__github_may_refuse, 0, 3);
    tcase_add_test(tests,
                   test_azure_credentials__a_service_connection_issues_a_token_for_each_of_ours);
    tcase_add_test(tests, test_azure_credentials__a_service_connection_may_refuse);
    tcase_add_test(tests, test_azure_credentials__clouds_have_their_own_federation_audience);
}

static void add_managed(TCase *tests)
{
    tcase_add_test(tests, test_azure_credentials__imds_is_asked_again_as_published);
    tcase_add_loop_test(tests, test_azure_credentials__imds_may_refuse, 0,
                        G_N_ELEMENTS(imds_refusals));
    tcase_add_test(tests, test_azure_credentials__a_user_assigned_identity_is_named);
    tcase_add_test(tests, test_azure_credentials__the_chain_looks_for_imds_first);
    tcase_add_test(tests,
                   test_azure_credentials__a_machine_without_an_identity_goes_on_in_the_chain);
    tcase_add_test(tests, test_azure_credentials__app_service_has_an_endpoint_of_its_own);
}

static void add_device(TCase *tests)
{
    tcase_add_test(tests, test_azure_credentials__a_person_signs_in_with_a_code);
    tcase_add_test(tests, test_azure_credentials__a_refused_renewal_asks_the_person_again);
    tcase_add_test(tests, test_azure_credentials__a_person_may_decline);
    tcase_add_test(tests, test_azure_credentials__a_code_runs_out);
    tcase_add_test(tests, test_azure_credentials__a_freed_credential_waits_for_nobody);
    tcase_add_test(tests, test_azure_credentials__without_a_terminal_there_is_no_code);
}

static void add_life(TCase *tests)
{
    tcase_add_loop_test(tests, test_azure_credentials__what_each_lacks, 0, G_N_ELEMENTS(lacking));
    tcase_add_test(tests, test_azure_credentials__an_empty_chain_names_all_in_order);
    tcase_add_loop_test(tests, test_azure_credentials__the_logins_codes_come_with_advice, 0, 6);
    tcase_add_test(tests, test_azure_credentials__one_request_serves_many);
    tcase_add_test(tests, test_azure_credentials__two_audiences_are_asked_for_at_once);
    tcase_add_loop_test(tests, test_azure_credentials__a_token_is_renewed_before_its_end, 0,
                        G_N_ELEMENTS(renewals));
    tcase_add_test(tests, test_azure_credentials__the_old_one_serves_while_no_new_one_is_had);
    tcase_add_test(tests, test_azure_credentials__a_claims_challenge_is_read);
    tcase_add_test(tests, test_azure_credentials__a_claims_challenge_is_answered_once);
    tcase_add_test(tests, test_azure_credentials__other_tenants_send_their_tokens_along);
    tcase_add_test(tests, test_azure_credentials__without_the_other_tenants_token_nothing_is_sent);
    tcase_add_test(tests, test_azure_credentials__each_is_selected_by_its_name);
    tcase_add_test(tests, test_azure_credentials__the_chain_is_narrowed_by_its_variable);
}

static Suite *suite(void)
{
    static void (*const adders[])(TCase * tests) = {add_certificates, add_federated, add_managed,
                                                    add_device, add_life};
    static const char *const names[] = {"certificates", "federated", "managed", "device", "life"};
    Suite *all = suite_create("azure credentials");

    for (size_t i = 0; i < G_N_ELEMENTS(adders); i++) {
        TCase *tests = tcase_create(names[i]);
        tcase_set_timeout(tests, 60);
        adders[i](tests);
        suite_add_tcase(all, tests);
    }
    return all;
}

int main(void)
{
    rsa_key = EVP_RSA_gen(2048);
    other_key = EVP_RSA_gen(2048);
    SRunner *runner = srunner_create(suite());

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    EVP_PKEY_free(rsa_key);
    EVP_PKEY_free(other_key);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
