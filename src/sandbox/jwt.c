/* JWTs: three parts in base64url, and who signed them. */
#include "sandbox/jwt.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "rollbook/json.h"

#define CERTIFICATES_MAX 64
#define CHAIN_MAX 16

/* base64 in either alphabet, padded or not: clients send both (services reference 1.3). */
static guchar *decode(const char *text, gsize *ret_size)
{
    g_autoptr(GString) base64 = g_string_new(text);

    for (char *c = base64->str; *c; c++)
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    while (base64->len % 4 != 0)
        g_string_append_c(base64, '=');
    return g_base64_decode(base64->str, ret_size);
}

static json_t *decode_object(const char *text)
{
    gsize size;
    g_autofree guchar *bytes = decode(text, &size);
    json_t *value = NULL;

    roll_error_free(roll_json_parse((const char *)bytes, size, ROLL_JSON_STRICT, &value));
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

bool sandbox_jwt_read(const char *token, struct sandbox_jwt *ret_jwt)
{
    g_auto(GStrv) parts = g_strsplit(token, ".", 4);
    struct sandbox_jwt jwt = {0};
    gsize size;

    if (g_strv_length(parts) != 3)
        return false;
    jwt.header = decode_object(parts[0]);
    jwt.claims = decode_object(parts[1]);
    if (!jwt.header || !jwt.claims) {
        sandbox_jwt_clear(&jwt);
        return false;
    }
    guchar *signature = decode(parts[2], &size);
    jwt.signature = g_bytes_new_take(signature, size);
    jwt.signed_text = g_strdup_printf("%s.%s", parts[0], parts[1]);
    *ret_jwt = jwt;
    return true;
}

void sandbox_jwt_clear(struct sandbox_jwt *jwt)
{
    json_decref(jwt->header);
    json_decref(jwt->claims);
    g_clear_pointer(&jwt->signature, g_bytes_unref);
    g_free(jwt->signed_text);
    *jwt = (struct sandbox_jwt){0};
}

static void append_part(const json_t *value, GString *out)
{
    g_autoptr(GString) text = g_string_new(NULL);

    roll_json_write(value, text);
    g_autofree char *base64 = g_base64_encode((const guchar *)text->str, text->len);
    for (const char *at = base64; *at && *at != '='; at++)
        g_string_append_c(out, (char)(*at == '+' ? '-' : *at == '/' ? '_' : *at));
}

char *sandbox_jwt_write(const json_t *claims)
{
    roll_auto(json) json_t *header = json_pack("{s:s,s:s}", "typ", "JWT", "alg", "none");
    GString *token = g_string_new(NULL);

    append_part(header, token);
    g_string_append_c(token, '.');
    append_part(claims, token);
    g_string_append_c(token, '.');
    return g_string_free(token, FALSE);
}

/* ---- who signed ----------------------------------------------------------------------------- */

static void free_certificate(void *certificate)
{
    X509_free(certificate);
}

static struct roll_error *read_file(const char *path, GPtrArray *certificates)
{
    BIO *bio = BIO_new_file(path, "r");
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    guint before = certificates->len;

    while (certificate && certificates->len < CERTIFICATES_MAX) {
        g_ptr_array_add(certificates, certificate);
        certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    }
    X509_free(certificate);
    BIO_free(bio);
    ERR_clear_error();
    return certificates->len > before
               ? NULL
               : roll_error_new(ROLL_E_USAGE, "'%s' is not a file with a certificate in PEM", path);
}

struct roll_error *sandbox_certificates_read(const char *const *files, GPtrArray **ret_certificates)
{
    g_autoptr(GPtrArray) certificates = g_ptr_array_new_with_free_func(free_certificate);

    for (; files && *files; files++)
        ROLL_TRY(read_file(*files, certificates));
    *ret_certificates = g_steal_pointer(&certificates);
    return NULL;
}

static bool has_thumbprint(const X509 *certificate, const char *text, const EVP_MD *digest)
{
    unsigned char own[EVP_MAX_MD_SIZE];
    unsigned int own_size = 0;
    gsize size;
    g_autofree guchar *given = decode(text, &size);

    return X509_digest(certificate, digest, own, &own_size) == 1 && size == own_size &&
           memcmp(own, given, size) == 0;
}

/* Both thumbprints, as far as they are there. */
static bool is_named(const X509 *certificate, const json_t *header)
{
    const char *sha256 = roll_json_get_string(header, "x5t#S256");
    const char *sha1 = roll_json_get_string(header, "x5t");

    return (sha256 || sha1) && (!sha256 || has_thumbprint(certificate, sha256, EVP_sha256())) &&
           (!sha1 || has_thumbprint(certificate, sha1, EVP_sha1()));
}

/* The leaf of x5c. New, or NULL. */
static X509 *carried(const json_t *header)
{
    const json_t *chain = json_object_get(header, "x5c");
    const char *leaf = json_string_value(json_array_get(chain, 0));
    gsize size;

    if (!leaf || json_array_size(chain) > CHAIN_MAX)
        return NULL;
    g_autofree guchar *bytes = decode(leaf, &size);
    const unsigned char *at = bytes;
    return d2i_X509(NULL, &at, (long)size);
}

static bool is_signed_by(const struct sandbox_jwt *jwt, X509 *certificate)
{
    const char *algorithm = roll_json_get_string(jwt->header, "alg");
    bool pss = g_strcmp0(algorithm, "PS256") == 0;
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    gsize size;
    const unsigned char *signature = g_bytes_get_data(jwt->signature, &size);
    EVP_PKEY_CTX *parameters = NULL;

    if (!key || !EVP_PKEY_is_a(key, "RSA") || (!pss && g_strcmp0(algorithm, "RS256") != 0))
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good =
        EVP_DigestVerifyInit(context, &parameters, EVP_sha256(), NULL, key) == 1 &&
        (!pss || (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1 &&
                  EVP_PKEY_CTX_set_rsa_mgf1_md(parameters, EVP_sha256()) == 1)) &&
        EVP_DigestVerify(context, signature, size, (const unsigned char *)jwt->signed_text,
                         strlen(jwt->signed_text)) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

/* Registered: itself, or whoever issued it (by subject and issuer). Where nothing is, all are. */
static bool is_registered(X509 *certificate, const GPtrArray *known)
{
    bool found = known->len == 0;

    for (guint i = 0; i < known->len && !found; i++) {
        X509 *one = known->pdata[i];
        found =
            X509_cmp(one, certificate) == 0 || X509_verify(certificate, X509_get0_pubkey(one)) == 1;
    }
    return found;
}

enum sandbox_signature sandbox_jwt_verify(const struct sandbox_jwt *jwt, const GPtrArray *known)
{
    X509 *certificate = carried(jwt->header);

    for (guint i = 0; !certificate && i < known->len; i++)
        if (is_named(known->pdata[i], jwt->header)) {
            certificate = known->pdata[i];
            X509_up_ref(certificate);
        }
    ERR_clear_error();
    /* Where certificates are registered, one by another is not that application's. */
    if (!certificate)
        return known->len > 0 || json_object_get(jwt->header, "x5c") ? SANDBOX_SIGNATURE_WRONG
                                                                     : SANDBOX_SIGNATURE_UNKNOWN;
    bool good = is_registered(certificate, known) && is_named(certificate, jwt->header) &&
                is_signed_by(jwt, certificate);
    ERR_clear_error();
    X509_free(certificate);
    return good ? SANDBOX_SIGNATURE_GOOD : SANDBOX_SIGNATURE_WRONG;
}
