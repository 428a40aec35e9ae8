/* Client certificates: a file with certificate and RSA key, and the assertion that it signs.
 *
 * Source: services reference 1.3; RFC 7515, 7518 (PS256: salt of 32 bytes, MGF1 with SHA-256). */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "azure/credential.h"
#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "rollbook/time.h"

#define FILE_MAX_BYTES (256u << 10)
#define CERTIFICATES_MAX 16
#define KEY_MIN_BITS 2048
#define VALID_S (10 * 60)

struct pair {
    EVP_PKEY *key;
    X509 *certificate;
    STACK_OF(X509) * others; /* of the file, in its order; or NULL */
};

static void pair_clear(struct pair *pair)
{
    EVP_PKEY_free(pair->key);
    X509_free(pair->certificate);
    sk_X509_pop_free(pair->others, X509_free);
    ERR_clear_error();
}

/* Without a callback OpenSSL would ask on the terminal. */
static int give_password(char *buffer, int size, int writing, void *user)
{
    const char *password = user;
    size_t length = password ? strlen(password) : 0;

    (void)writing;
    if (length == 0 || size <= 0 || length > (size_t)size)
        return -1;
    memcpy(buffer, password, length);
    return (int)length;
}

/* Key and certificate in either order; of several certificates (a chain) the key's own. */
static const char *read_pem(const struct roll_secret *text, const char *password, struct pair *pair)
{
    void *user = (void *)(uintptr_t)password;
    BIO *bio = BIO_new_mem_buf(roll_secret_reveal(text), (int)roll_secret_size(text));

    pair->key = PEM_read_bio_PrivateKey(bio, NULL, give_password, user);
    BIO_free(bio);
    if (!pair->key)
        return strstr(roll_secret_reveal(text), "ENCRYPTED")
                   ? "has an encrypted key that AZURE_CLIENT_CERTIFICATE_PASSWORD does not open"
                   : "has no private key";
    bio = BIO_new_mem_buf(roll_secret_reveal(text), (int)roll_secret_size(text));
    pair->others = sk_X509_new_null();
    for (int i = 0; i < CERTIFICATES_MAX; i++) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, give_password, user);
        if (!certificate)
            break;
        if (!pair->certificate && X509_check_private_key(certificate, pair->key) == 1)
            pair->certificate = certificate;
        else if (sk_X509_push(pair->others, certificate) <= 0)
            X509_free(certificate);
    }
    BIO_free(bio);
    return pair->certificate ? NULL : "has no certificate that belongs to its key";
}

static const char *read_pkcs12(const struct roll_secret *bytes, const char *password,
                               struct pair *pair)
{
    BIO *bio = BIO_new_mem_buf(roll_secret_reveal(bytes), (int)roll_secret_size(bytes));
    PKCS12 *file = d2i_PKCS12_bio(bio, NULL);
    const char *problem = NULL;

    BIO_free(bio);
    if (!file)
        return "is neither PEM nor PKCS#12";
    if (PKCS12_parse(file, password, &pair->key, &pair->certificate, &pair->others) != 1)
        problem = password ? "is not opened by AZURE_CLIENT_CERTIFICATE_PASSWORD (or it has an old "
                             "encryption: export it again with AES-256)"
                           : "needs AZURE_CLIENT_CERTIFICATE_PASSWORD";
    else if (!pair->key || !pair->certificate)
        problem = "lacks the certificate or its private key";
    PKCS12_free(file);
    return problem;
}

static const char *read_pair(const struct roll_secret *bytes, const char *password,
                             struct pair *pair)
{
    bool pem = strstr(roll_secret_reveal(bytes), "-----BEGIN ") != NULL;
    const char *problem =
        pem ? read_pem(bytes, password, pair) : read_pkcs12(bytes, password, pair);

    if (problem)
        return problem;
    if (!EVP_PKEY_is_a(pair->key, "RSA"))
        return "has a key that is not RSA, which the login does not take";
    if (EVP_PKEY_get_bits(pair->key) < KEY_MIN_BITS)
        return "has an RSA key of less than 2048 bits";
    return NULL;
}

/* base64url without padding. Appends. */
static void write_base64url(const unsigned char *bytes, size_t size, GString *out)
{
    g_autofree char *text = g_base64_encode(bytes, size);

    for (const char *at = text; *at && *at != '='; at++)
        g_string_append_c(out, (char)(*at == '+' ? '-' : *at == '/' ? '_' : *at));
}

/* Takes value. */
static void write_part(json_t *value, GString *out)
{
    g_autoptr(GString) text = g_string_new(NULL);

    roll_json_write(value, text);
    write_base64url((const unsigned char *)text->str, text->len, out);
    json_decref(value);
}

static bool set_thumbprint(json_t *header, const char *name, X509 *certificate, const EVP_MD *how)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    g_autoptr(GString) thumbprint = g_string_new(NULL);

    if (X509_digest(certificate, how, digest, &size) != 1)
        return false;
    write_base64url(digest, size, thumbprint);
    return json_object_set_new(header, name, json_string(thumbprint->str)) == 0;
}

/* Standard base64 with padding (RFC 7515 4.1.6). */
static bool add_to_chain(json_t *chain, X509 *certificate)
{
    unsigned char *bytes = NULL;
    int size = i2d_X509(certificate, &bytes);

    if (size <= 0)
        return false;
    g_autofree char *text = g_base64_encode(bytes, (gsize)size);
    OPENSSL_free(bytes);
    return json_array_append_new(chain, json_string(text)) == 0;
}

/* The leaf, then each one's issuer as far as the file has it. New reference, or NULL. */
static json_t *make_chain(const struct pair *pair)
{
    json_t *chain = json_array();
    X509 *last = pair->certificate;
    bool good = add_to_chain(chain, last);
    int count = sk_X509_num(pair->others); /* -1: none */

    for (int length = 1; good && last && length <= count;) {
        X509 *issuer = NULL;
        for (int i = 0; i < count && !issuer; i++)
            if (sk_X509_value(pair->others, i) != last &&
                X509_check_issued(sk_X509_value(pair->others, i), last) == X509_V_OK)
                issuer = sk_X509_value(pair->others, i);
        good = !issuer || add_to_chain(chain, issuer);
        length++;
        last = issuer;
    }
    if (good)
        return chain;
    json_decref(chain);
    return NULL;
}

static json_t *make_header(const struct pair *pair, const struct certificate_use *use)
{
    json_t *header = json_pack("{s:s, s:s}", "alg", use->adfs ? "RS256" : "PS256", "typ", "JWT");
    bool good = set_thumbprint(header, use->adfs ? "x5t" : "x5t#S256", pair->certificate,
                               use->adfs ? EVP_sha1() : EVP_sha256());
    json_t *chain = good && use->chain ? make_chain(pair) : NULL;

    if (chain)
        json_object_set_new(header, "x5c", chain);
    if (good && (chain || !use->chain))
        return header;
    json_decref(header);
    return NULL;
}

static json_t *make_claims(const char *client_id, const char *audience)
{
    char id[ROLL_UUID_SIZE];
    json_int_t now = roll_now_ms() / 1000;

    roll_uuid_random(id);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "aud", audience, "iss", client_id, "sub",
                     client_id, "jti", id, "nbf", now, "exp", now + VALID_S);
}

static bool sign(EVP_PKEY *key, bool pss, const GString *text, unsigned char *signature,
                 size_t *size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    bool done =
        EVP_DigestSignInit(context, &parameters, EVP_sha256(), NULL, key) == 1 &&
        (!pss || (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 32) == 1 &&
                  EVP_PKEY_CTX_set_rsa_mgf1_md(parameters, EVP_sha256()) == 1)) &&
        EVP_DigestSign(context, signature, size, (const unsigned char *)text->str, text->len) == 1;

    EVP_MD_CTX_free(context);
    return done;
}

/* NULL when OpenSSL refuses. */
static struct roll_secret *make_assertion(const struct pair *pair,
                                          const struct certificate_use *use)
{
    json_t *header = make_header(pair, use);
    json_t *claims = make_claims(use->client_id, use->audience);
    size_t size = (size_t)EVP_PKEY_get_size(pair->key);
    g_autofree unsigned char *signature = g_malloc0(size);
    struct roll_secret *assertion = NULL;

    if (!header || !claims) {
        json_decref(header);
        json_decref(claims);
        return NULL;
    }
    /* Does not grow, so that no copy stays: a chain is as long as its file at most. */
    GString *text = g_string_sized_new(use->chain ? 2 * FILE_MAX_BYTES : 8192);
    write_part(header, text);
    g_string_append_c(text, '.');
    write_part(claims, text);
    if (sign(pair->key, !use->adfs, text, signature, &size)) {
        g_string_append_c(text, '.');
        write_base64url(signature, size, text);
        assertion = roll_secret_new(text->str, text->len);
    }
    roll_wipe(text->str, text->len);
    g_string_free(text, TRUE);
    return assertion;
}

struct roll_secret *certificate_assertion(const struct certificate_use *use, char **ret_problem)
{
    roll_auto(secret) struct roll_secret *bytes =
        credential_read_file(use->path, FILE_MAX_BYTES, ret_problem);
    struct roll_secret *assertion = NULL;
    struct pair pair = {0};

    if (!bytes)
        return NULL;
    const char *problem = read_pair(bytes, use->password, &pair);
    if (!problem) {
        assertion = make_assertion(&pair, use);
        problem = assertion ? NULL : "could not be used to sign";
    }
    if (problem)
        *ret_problem = g_strdup_printf("'%s' %s", use->path, problem);
    pair_clear(&pair);
    return assertion;
}
