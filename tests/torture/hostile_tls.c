/* Certificates: one that is good, and those that nobody may take. */
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "hostile.h"

#define DAY 86400L
#define NAMES                                                                                      \
    "DNS:management.azure.com,DNS:login.microsoftonline.com,DNS:*.vault.azure.net,"                \
    "DNS:*.blob.core.windows.net,DNS:*.azurecr.io,DNS:gate.example,DNS:health.example,DNS:hook."   \
    "example,DNS:cloud.example,DNS:*.evil.example"

static void must(bool good)
{
    if (!good)
        g_error("OpenSSL makes no certificate");
}

static void set_name(X509_NAME *name, const char *text)
{
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)text, -1, -1,
                                    0) == 1);
}

static void extend(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    must(extension && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

/* issuer NULL: signs itself. names NULL: an authority. */
static X509 *make(EVP_PKEY *key, const char *title, X509 *issuer, EVP_PKEY *issuer_key,
                  const char *names, long from_days, long to_days)
{
    static long serial = 1;
    X509 *certificate = X509_new();

    must(certificate && X509_set_version(certificate, 2) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_days * DAY);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to_days * DAY);
    must(X509_set_pubkey(certificate, key) == 1);
    set_name(X509_get_subject_name(certificate), title);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
    extend(certificate, issuer ? issuer : certificate, NID_basic_constraints,
           names ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (names)
        extend(certificate, issuer ? issuer : certificate, NID_subject_alt_name, names);
    must(X509_sign(certificate, issuer_key ? issuer_key : key, EVP_sha256()) > 0);
    return certificate;
}

void faces_make(struct faces *faces, const char *ca_file)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *other_key = EVP_EC_gen("P-256");
    X509 *ca, *other;

    faces->key = EVP_EC_gen("P-256");
    must(ca_key && other_key && faces->key);
    ca = make(ca_key, "Rollbook tests", NULL, NULL, NULL, -30, 30);
    other = make(other_key, "Rollbook tests", NULL, NULL, NULL, -30, 30);
    faces->certificate[FACE_GOOD] = make(faces->key, "good", ca, ca_key, NAMES, -1, 10);
    faces->certificate[FACE_WRONG_NAME] =
        make(faces->key, ARM_HOST, ca, ca_key, "DNS:other.invalid", -1, 10);
    faces->certificate[FACE_EXPIRED] = make(faces->key, "old", ca, ca_key, NAMES, -9, -1);
    faces->certificate[FACE_NOT_YET] = make(faces->key, "new", ca, ca_key, NAMES, 2, 10);
    faces->certificate[FACE_SELF_SIGNED] = make(faces->key, "own", NULL, NULL, NAMES, -1, 10);
    faces->certificate[FACE_OTHER_CA] = make(faces->key, "other", other, other_key, NAMES, -1, 10);
    FILE *file = fopen(ca_file, "w");
    must(file && PEM_write_X509(file, ca) == 1 && fclose(file) == 0);
    X509_free(ca);
    X509_free(other);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(other_key);
}

void faces_clear(struct faces *faces)
{
    for (int i = 0; i < FACES; i++)
        X509_free(faces->certificate[i]);
    EVP_PKEY_free(faces->key);
}

SSL_CTX *faces_context(const struct faces *faces, enum face face, int max_version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    must(context != NULL);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    if (max_version)
        SSL_CTX_set_max_proto_version(context, max_version);
    SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
    must(SSL_CTX_use_certificate(context, faces->certificate[face]) == 1);
    must(SSL_CTX_use_PrivateKey(context, faces->key) == 1);
    return context;
}
