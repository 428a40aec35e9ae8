/* The sandbox's own login, and what it says of its cloud: every form that clients use, and every
 * refusal. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "azure/credential.h"
#include "rollbook/digest.h"
#include "sandbox_tools.h"
#include "suite_tools.h"

#define TENANT "44444444-4444-4444-4444-444444444444"
#define APP "client_id=app-1&grant_type=client_credentials"
#define ARM_SCOPE "&scope=https%3A%2F%2Fmanagement.azure.com%2F.default"
#define SECRET "&client_secret=s3cret"
#define TOKEN "/" TENANT "/oauth2/v2.0/token"
#define BY_ASSERTION                                                                               \
    "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"      \
    "&client_assertion="

static struct peer peer;
static char *folder;

static void setup(void)
{
    folder = g_dir_make_tmp("roll-test-login-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
}

static void teardown(void)
{
    if (peer.pid > 0)
        ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
    peer_clear(&peer);
    remove_tree(folder);
    g_clear_pointer(&folder, g_free);
}

static void start(const char *const *certificates, int64_t token_life_ms)
{
    struct roll_sandbox_options options = {.client_certificates = certificates,
                                           .token_life_ms = token_life_ms};
    peer_start(&peer, &options);
}

/* The claims of a token. New reference. */
static json_t *claims_of(const char *token)
{
    g_auto(GStrv) parts = g_strsplit(token, ".", -1);
    gsize size;

    ck_assert_uint_eq(g_strv_length(parts), 3);
    g_autoptr(GString) base64 = g_string_new(parts[1]);
    for (char *c = base64->str; *c; c++)
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    while (base64->len % 4)
        g_string_append_c(base64, '=');
    g_autofree guchar *text = g_base64_decode(base64->str, &size);
    json_t *claims = json_loadb((const char *)text, size, 0, NULL);
    ck_assert(json_is_object(claims));
    return claims;
}

static void refused(const char *form, int status, const char *error, int number)
{
    struct answer answer = expect(&peer, status, "POST", TOKEN, form);

    ck_assert_str_eq(text_of(answer.json, "error"), error);
    ck_assert_int_eq(json_integer_value(at(answer.json, "error_codes.0")), number);
    g_autofree char *start = g_strdup_printf("AADSTS%d: ", number);
    ck_assert(g_str_has_prefix(text_of(answer.json, "error_description"), start));
    answer_clear(&answer);
}

START_TEST(test_sandbox_login__a_secret_gives_a_token_that_arm_takes)
{
    start(NULL, 0);
    struct answer answer = expect(&peer, 200, "POST", TOKEN, APP SECRET ARM_SCOPE);
    ck_assert_str_eq(text_of(answer.json, "token_type"), "Bearer");
    ck_assert_int_eq(json_integer_value(at(answer.json, "expires_in")), 3599);
    json_t *claims = claims_of(text_of(answer.json, "access_token"));
    ck_assert_str_eq(text_of(claims, "aud"), "https://management.azure.com");
    ck_assert_str_eq(text_of(claims, "appid"), "app-1");
    ck_assert_str_eq(text_of(claims, "tid"), TENANT);
    ck_assert_str_eq(text_of(claims, "appidacr"), "1");
    ck_assert(roll_uuid_is_valid(text_of(claims, "oid")));
    ck_assert_int_eq(json_integer_value(at(claims, "exp")) - json_integer_value(at(claims, "iat")),
                     3599);
    peer.token = text_of(answer.json, "access_token");
    expect_only(&peer, 200, "GET", SUB API, NULL);
    peer.token = NULL;
    json_decref(claims);
    answer_clear(&answer);
}
END_TEST

START_TEST(test_sandbox_login__a_token_for_something_else_is_none_for_arm)
{
    start(NULL, 0);
    struct answer answer = expect(&peer, 200, "POST", TOKEN,
                                  APP SECRET "&scope=https%3A%2F%2Fvault.azure.net%2F.default");
    peer.token = text_of(answer.json, "access_token");
    struct answer denied = expect(&peer, 401, "GET", SUB API, NULL);
    ck_assert_str_eq(text_of(denied.json, "error.code"), "InvalidAuthenticationToken");
    g_autofree char *challenge = header_of(&denied, "WWW-Authenticate");
    ck_assert_ptr_nonnull(strstr(challenge, peer.url));
    peer.token = NULL;
    answer_clear(&denied);
    answer_clear(&answer);
}
END_TEST

START_TEST(test_sandbox_login__a_short_life_ends)
{
    start(NULL, 1000);
    struct answer answer = expect(&peer, 200, "POST", TOKEN, APP SECRET ARM_SCOPE);
    ck_assert_int_eq(json_integer_value(at(answer.json, "expires_in")), 1);
    peer.token = text_of(answer.json, "access_token");
    int64_t until = roll_boot_ms() + 60000;
    for (int status = 200; status != 401; g_usleep(50000)) {
        struct answer shown = call(&peer, "GET", SUB API, NULL);
        status = shown.status;
        ck_assert_int_lt(roll_boot_ms(), until);
        answer_clear(&shown);
    }
    peer.token = NULL;
    answer_clear(&answer);
}
END_TEST

START_TEST(test_sandbox_login__what_it_refuses)
{
    start(NULL, 0);
    refused("grant_type=client_credentials" SECRET ARM_SCOPE, 400, "invalid_request", 900144);
    refused("client_id=a&grant_type=password" SECRET ARM_SCOPE, 400, "unsupported_grant_type",
            70003);
    refused(APP ARM_SCOPE, 401, "invalid_client", 7000218);
    refused(APP "&client_secret=wrong" ARM_SCOPE, 401, "invalid_client", 7000215);
    refused(APP "&client_secret=expired" ARM_SCOPE, 401, "invalid_client", 7000222);
    refused(APP SECRET, 400, "invalid_request", 900144);
    refused(APP SECRET "&scope=openid", 400, "invalid_scope", 1002012);
    refused(APP ARM_SCOPE "&client_assertion=abc", 400, "invalid_request", 900144);
    refused(APP ARM_SCOPE BY_ASSERTION "abc", 400, "invalid_request", 50027);
}
END_TEST

START_TEST(test_sandbox_login__the_form_of_adfs_and_of_version_1)
{
    start(NULL, 0);
    struct answer answer = expect(&peer, 200, "POST", "/adfs/oauth2/token",
                                  APP SECRET "&resource=https%3A%2F%2Fmanagement.azure.com%2F");
    ck_assert_str_eq(text_of(answer.json, "expires_in"), "3599");
    json_t *claims = claims_of(text_of(answer.json, "access_token"));
    ck_assert_str_eq(text_of(claims, "aud"), "https://management.azure.com/");
    ck_assert_str_eq(text_of(claims, "tid"), TENANT);
    peer.token = text_of(answer.json, "access_token");
    expect_only(&peer, 200, "GET", SUB API, NULL);
    peer.token = NULL;
    json_decref(claims);
    answer_clear(&answer);
    expect_only(&peer, 200, "POST", "/adfs/" TENANT "/oauth2/v2.0/token", APP SECRET ARM_SCOPE);
    peer.token = "a-token";
    expect_only(&peer, 501, "POST", "/adfs/oauth2/devicecode", APP);
}
END_TEST

/* ---- assertions ---- */

static char *part(json_t *value)
{
    g_autofree char *text = json_dumps(value, JSON_COMPACT);
    g_autofree char *base64 = g_base64_encode((const guchar *)text, strlen(text));
    char *end = base64 + strcspn(base64, "=");

    json_decref(value);
    *end = '\0';
    return g_strdup(g_strdelimit(g_strdelimit(base64, "+", '-'), "/", '_'));
}

/* Somebody else's token: its signature says nothing here. */
static char *foreign_form(const char *audience, const char *issuer, int64_t from_now_s)
{
    g_autofree char *header = part(json_pack("{s:s}", "alg", "RS256"));
    g_autofree char *claims =
        part(json_pack("{s:s,s:s,s:s,s:I}", "aud", audience, "iss", issuer, "sub", "repo:a/b",
                       "exp", (json_int_t)roll_now_ms() / 1000 + from_now_s));

    return g_strconcat(APP ARM_SCOPE BY_ASSERTION, header, ".", claims, ".c2ln", NULL);
}

START_TEST(test_sandbox_login__a_federated_token_is_judged_by_its_claims)
{
    start(NULL, 0);
    g_autofree char *good = foreign_form("api://AzureADTokenExchange", "https://issuer", 300);
    g_autofree char *late = foreign_form("api://AzureADTokenExchange", "https://issuer", -900);
    g_autofree char *other = foreign_form("https://elsewhere", "https://issuer", 300);
    g_autofree char *own = foreign_form("api://AzureADTokenExchange", "app-1", 300);
    struct answer answer = expect(&peer, 200, "POST", TOKEN, good);
    json_t *claims = claims_of(text_of(answer.json, "access_token"));
    ck_assert_str_eq(text_of(claims, "appidacr"), "2");
    json_decref(claims);
    answer_clear(&answer);
    refused(late, 401, "invalid_client", 700024);
    refused(other, 401, "invalid_client", 700213);
    refused(own, 401, "invalid_client", 700021);
}
END_TEST

/* A key with its certificate in one PEM file. Owned path. */
static char *make_pair(const char *name)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    X509 *certificate = X509_new();
    char *path = g_build_filename(folder, name, NULL);
    FILE *file = fopen(path, "w");

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    ck_assert_int_eq(PEM_write_X509(file, certificate), 1);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return path;
}

/* A form with an assertion that this program's own code has signed. audience: a path of the login.
 */
static char *own_form(const char *path, const char *audience, bool chain, bool adfs)
{
    g_autofree char *url = g_strconcat(peer.url, audience, NULL);
    g_autofree char *problem = NULL;
    struct certificate_use use = {
        .path = path, .client_id = "app-1", .audience = url, .chain = chain, .adfs = adfs};
    struct roll_secret *assertion = certificate_assertion(&use, &problem);

    ck_assert_msg(assertion, "%s", problem ? problem : "");
    char *form = g_strconcat(APP ARM_SCOPE BY_ASSERTION, roll_secret_reveal(assertion), NULL);
    roll_secret_free(assertion);
    return form;
}

START_TEST(test_sandbox_login__an_assertion_is_checked_against_the_known_certificate)
{
    g_autofree char *known = make_pair("known.pem"), *other = make_pair("other.pem");
    const char *const files[] = {known, NULL};
    start(files, 0);
    g_autofree char *good = own_form(known, TOKEN, false, false);
    g_autofree char *unknown = own_form(other, TOKEN, false, false);
    g_autofree char *elsewhere = own_form(known, "/contoso.com/oauth2/v2.0/token", false, false);
    expect_only(&peer, 200, "POST", TOKEN, good);
    g_autofree char *adfs = own_form(known, "/adfs/oauth2/token", false, true);
    expect_only(&peer, 200, "POST", "/adfs/oauth2/token", adfs);
    refused(unknown, 401, "invalid_client", 700027);
    refused(elsewhere, 401, "invalid_client", 700023);
    /* One character of the signature. */
    char *at = good + strlen(good) - 20;
    *at = *at == 'A' ? 'B' : 'A';
    refused(good, 401, "invalid_client", 700027);
}
END_TEST

START_TEST(test_sandbox_login__without_known_certificates_the_claims_decide)
{
    g_autofree char *pair = make_pair("any.pem");
    start(NULL, 0);
    g_autofree char *form = own_form(pair, TOKEN, false, false);
    expect_only(&peer, 200, "POST", TOKEN, form);
    g_autofree char *with_chain = own_form(pair, TOKEN, true, false);
    expect_only(&peer, 200, "POST", TOKEN, with_chain);
    char *at = with_chain + strlen(with_chain) - 20;
    *at = *at == 'A' ? 'B' : 'A';
    refused(with_chain, 401, "invalid_client", 700027);
}
END_TEST

static X509 *issue(EVP_PKEY *key, const char *subject, EVP_PKEY *issuer_key, const char *issuer)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const guchar *)subject, -1, -1, 0);
    name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const guchar *)issuer, -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_NAME_free(name);
    X509_set_version(certificate, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    ck_assert_int_gt(X509_sign(certificate, issuer_key, EVP_sha256()), 0);
    return certificate;
}

/* PKCS#12 with the leaf, the root before the one between, as tools write it; DER of the three in
 * ret_der. */
static char *make_pkcs12(char *ret_der[3])
{
    EVP_PKEY *keys[3] = {EVP_RSA_gen(2048), EVP_RSA_gen(2048), EVP_RSA_gen(2048)};
    X509 *chain[3] = {issue(keys[0], "leaf", keys[1], "between"),
                      issue(keys[1], "between", keys[2], "root"),
                      issue(keys[2], "root", keys[2], "root")};
    STACK_OF(X509) *others = sk_X509_new_null();
    char *path = g_build_filename(folder, "chain.pfx", NULL);
    FILE *out = fopen(path, "w");

    sk_X509_push(others, chain[2]);
    sk_X509_push(others, chain[1]);
    PKCS12 *file = PKCS12_create("pass", "roll", keys[0], chain[0], others, 0, 0, 0, 0, 0);
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(i2d_PKCS12_fp(out, file), 1);
    fclose(out);
    PKCS12_free(file);
    sk_X509_free(others);
    for (int i = 0; i < 3; i++) {
        unsigned char *der = NULL;
        int size = i2d_X509(chain[i], &der);
        ret_der[i] = g_base64_encode(der, (gsize)size);
        OPENSSL_free(der);
        X509_free(chain[i]);
        EVP_PKEY_free(keys[i]);
    }
    return path;
}

START_TEST(test_sandbox_login__a_chain_is_sent_leaf_first)
{
    char *der[3];
    g_autofree char *path = make_pkcs12(der), *problem = NULL;
    start(NULL, 0);
    g_autofree char *url = g_strconcat(peer.url, TOKEN, NULL);
    struct certificate_use use = {
        .path = path, .password = "pass", .client_id = "app-1", .audience = url, .chain = true};
    struct roll_secret *assertion = certificate_assertion(&use, &problem);
    ck_assert_msg(assertion, "%s", problem ? problem : "");
    g_auto(GStrv) parts = g_strsplit(roll_secret_reveal(assertion), ".", -1);
    g_autofree char *swapped =
        g_strjoin(".", "x", parts[0], "x", NULL); /* the header in the middle */
    json_t *header = claims_of(swapped);
    ck_assert_uint_eq(json_array_size(at(header, "x5c")), 3);
    ck_assert_str_eq(text_of(header, "x5c.0"), der[0]);
    ck_assert_str_eq(text_of(header, "x5c.1"), der[1]);
    ck_assert_str_eq(text_of(header, "x5c.2"), der[2]);
    g_autofree char *form =
        g_strconcat(APP ARM_SCOPE BY_ASSERTION, roll_secret_reveal(assertion), NULL);
    expect_only(&peer, 200, "POST", TOKEN, form);
    json_decref(header);
    roll_secret_free(assertion);
    for (int i = 0; i < 3; i++)
        g_free(der[i]);
}
END_TEST

START_TEST(test_sandbox_login__a_certificate_file_without_one_is_refused)
{
    const char *const files[] = {"/dev/null", NULL};
    struct roll_sandbox_options options = {.client_certificates = files};
    FAILS(ROLL_E_USAGE, roll_sandbox_serve(&options, NULL, NULL));
}
END_TEST

/* ---- discovery ---- */

static void expect_url(const json_t *value, const char *path, const char *wanted)
{
    g_autofree char *url = g_strconcat(peer.url, wanted, NULL);

    ck_assert_str_eq(text_of(value, path), url);
}

START_TEST(test_sandbox_login__discovery_needs_no_token)
{
    start(NULL, 0);
    peer.token = NULL;
    struct answer answer =
        expect(&peer, 200, "GET", "/" TENANT "/v2.0/.well-known/openid-configuration", NULL);
    expect_url(answer.json, "token_endpoint", TOKEN);
    expect_url(answer.json, "issuer", "/" TENANT "/v2.0");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", "/adfs/.well-known/openid-configuration", NULL);
    expect_url(answer.json, "token_endpoint", "/adfs/oauth2/token");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", "/.well-known/openid-configuration", NULL);
    expect_url(answer.json, "token_endpoint", TOKEN);
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", "/common/discovery/instance?api-version=1.1", NULL);
    expect_url(answer.json, "tenant_discovery_endpoint",
               "/" TENANT "/v2.0/.well-known/openid-configuration");
    ck_assert_str_eq(text_of(answer.json, "metadata.0.aliases.0"), strstr(peer.url, "://") + 3);
    answer_clear(&answer);
    expect_only(&peer, 401, "GET", "/subscriptions" API, NULL);
}
END_TEST

START_TEST(test_sandbox_login__metadata_in_every_shape)
{
    start(NULL, 0);
    peer.token = NULL;
    struct answer answer =
        expect(&peer, 200, "GET", "/metadata/endpoints?api-version=2015-01-01", NULL);
    expect_url(answer.json, "authentication.loginEndpoint", "/adfs");
    expect_url(answer.json, "authentication.audiences.0", "/");
    expect_url(answer.json, "graphEndpoint", "/");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", "/metadata/endpoints?api-version=2018-01-01", NULL);
    expect_url(answer.json, "cloudEndpoint.sandbox.endpoint", "");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", "/metadata/endpoints?api-version=2020-06-01", NULL);
    expect_url(answer.json, "0.resourceManager", "");
    ck_assert_str_eq(text_of(answer.json, "0.suffixes.keyVaultDns"), "vault.sandbox.invalid");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", "/metadata/endpoints?api-version=2023-11-01", NULL);
    expect_url(answer.json, "resourceManager", "");
    answer_clear(&answer);
    expect_error(&peer, 400, "MissingApiVersionParameter", "GET", "/metadata/endpoints", NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sandbox_login");
    TCase *tests = tcase_create("login");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_sandbox_login__a_secret_gives_a_token_that_arm_takes);
    tcase_add_test(tests, test_sandbox_login__a_token_for_something_else_is_none_for_arm);
    tcase_add_test(tests, test_sandbox_login__a_short_life_ends);
    tcase_add_test(tests, test_sandbox_login__what_it_refuses);
    tcase_add_test(tests, test_sandbox_login__the_form_of_adfs_and_of_version_1);
    tcase_add_test(tests, test_sandbox_login__a_federated_token_is_judged_by_its_claims);
    tcase_add_test(tests,
                   test_sandbox_login__an_assertion_is_checked_against_the_known_certificate);
    tcase_add_test(tests, test_sandbox_login__without_known_certificates_the_claims_decide);
    tcase_add_test(tests, test_sandbox_login__a_chain_is_sent_leaf_first);
    tcase_add_test(tests, test_sandbox_login__a_certificate_file_without_one_is_refused);
    tcase_add_test(tests, test_sandbox_login__discovery_needs_no_token);
    tcase_add_test(tests, test_sandbox_login__metadata_in_every_shape);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
