/* SPDX-License-Identifier: MIT */
/* certificates: by OpenSSL's library, for its program makes none that begins tomorrow. */
#include "tests/mqtt/certificates.h"

#include "agent/base/mem.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TWO_DAYS_S = 2 * 24 * 60 * 60 };

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "certificates: %s failed\n", what);
    exit(1);
}

static void write_pem(const char *dir, const char *name, X509 *certificate, EVP_PKEY *key)
{
    CLEANUP(free_p) char *path = xasprintf("%s/%s.pem", dir, name);
    CLEANUP(free_p) char *key_path = xasprintf("%s/%s.key", dir, name);
    FILE *file = fopen(path, "we");

    check(file && PEM_write_X509(file, certificate) && fclose(file) == 0, path);
    file = fopen(key_path, "we");
    check(file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) && fclose(file) == 0,
          key_path);
    check(chmod(key_path, 0600) == 0, key_path);
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    check(extension && X509_add_ext(certificate, extension, -1), "an extension");
    X509_EXTENSION_free(extension);
}

static X509 *make_body(const struct certificate *wanted, EVP_PKEY *key)
{
    static int serial;
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    int64_t expires_s = wanted->expires_s ? wanted->expires_s : TWO_DAYS_S;

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), wanted->begins_s ? wanted->begins_s : -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), expires_s);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               (const unsigned char *)wanted->common_name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
    if (wanted->san)
        add_extension(certificate, NID_subject_alt_name, wanted->san);
    return certificate;
}

char *certificate_authority(const char *dir, const char *name)
{
    const struct certificate wanted = {.common_name = name};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_body(&wanted, key);

    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    check(X509_sign(certificate, key, EVP_sha256()) > 0, "signing");
    write_pem(dir, name, certificate, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return xasprintf("%s/%s.pem", dir, name);
}

static FILE *open_pem(const char *dir, const char *name, const char *suffix)
{
    CLEANUP(free_p) char *path = xasprintf("%s/%s.%s", dir, name, suffix);
    FILE *file = fopen(path, "re");

    check(file != NULL, path);
    return file;
}

void certificate_make(const char *dir, const char *authority, const char *name,
                      const struct certificate *wanted)
{
    FILE *file = open_pem(dir, authority, "pem"), *key_file = open_pem(dir, authority, "key");
    X509 *signer = PEM_read_X509(file, NULL, NULL, NULL);
    EVP_PKEY *signer_key = PEM_read_PrivateKey(key_file, NULL, NULL, NULL);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_body(wanted, key);

    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    check(X509_sign(certificate, signer_key, EVP_sha256()) > 0, "signing");
    write_pem(dir, name, certificate, key);
    fclose(file);
    fclose(key_file);
    X509_free(certificate);
    X509_free(signer);
    EVP_PKEY_free(signer_key);
    EVP_PKEY_free(key);
}
