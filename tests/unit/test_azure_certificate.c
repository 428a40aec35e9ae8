/* Client certificates sign their assertions. */
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "credential_tools.h"
#include "rollbook/json.h"
#include "rollbook/time.h"
#include "suite_tools.h"

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

int main(void)
{
    Suite *suite = suite_create("azure_certificate");
    TCase *tests = tcase_create("azure_certificate");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_azure_credentials__a_certificate_signs_an_assertion, 0,
                        G_N_ELEMENTS(certificate_files));
    tcase_add_test(tests, test_azure_credentials__the_thumbprint_is_the_certificates_own);
    tcase_add_loop_test(tests, test_azure_credentials__what_is_wrong_with_a_certificate, 0,
                        G_N_ELEMENTS(bad_certificates));
    tcase_add_test(tests, test_azure_credentials__a_certificate_that_is_not_there);
    tcase_add_test(tests, test_azure_credentials__a_secret_wins_over_a_certificate);
    rsa_key = EVP_RSA_gen(2048);
    other_key = EVP_RSA_gen(2048);
    suite_add_tcase(suite, tests);
    int failed = run_suite(suite);
    EVP_PKEY_free(rsa_key);
    EVP_PKEY_free(other_key);
    return failed;
}
