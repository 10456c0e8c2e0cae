#ifndef GATEWAY_COPENSSL_SHIM_H
#define GATEWAY_COPENSSL_SHIM_H
// Function-like macros are not imported: each has a function of its own here, and nothing else is here.
// No _GNU_SOURCE, for the reason in CCares.
#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/http.h>
#include <openssl/kdf.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Contexts.
static inline void gateway_ctx_set_mode(SSL_CTX *context, long mode) { SSL_CTX_set_mode(context, mode); }
static inline int gateway_ctx_set_minimum(SSL_CTX *context, int version) {
  return SSL_CTX_set_min_proto_version(context, version);
}
static inline int gateway_ctx_set_groups(SSL_CTX *context, const char *list) {
  return SSL_CTX_set1_groups_list(context, (char *)list);
}
static inline long gateway_ctx_set_session_cache(SSL_CTX *context, long mode) {
  return SSL_CTX_set_session_cache_mode(context, mode);
}
static inline int gateway_ctx_add_chain(SSL_CTX *context, X509 *certificate) {
  return SSL_CTX_add1_chain_cert(context, certificate) == 1;
}
static inline long gateway_ctx_set_ticket_keys(
    SSL_CTX *context,
    int (*callback)(SSL *, unsigned char *, unsigned char *, EVP_CIPHER_CTX *, EVP_MAC_CTX *, int)) {
  return SSL_CTX_set_tlsext_ticket_key_evp_cb(context, callback);
}
static inline long gateway_ctx_set_status(SSL_CTX *context, int (*callback)(SSL *, void *)) {
  return SSL_CTX_set_tlsext_status_cb(context, callback);
}
static inline int gateway_ctx_clear_chain(SSL_CTX *context) { return SSL_CTX_clear_chain_certs(context) == 1; }

static inline int gateway_ctx_cipher_count(SSL_CTX *context) {
  return sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(context));
}
static inline const SSL_CIPHER *gateway_ctx_cipher_at(SSL_CTX *context, int index) {
  return sk_SSL_CIPHER_value(SSL_CTX_get_ciphers(context), index);
}

// One connection.
static inline int gateway_ssl_set_minimum(SSL *ssl, int version) { return SSL_set_min_proto_version(ssl, version); }
static inline int gateway_ssl_set_maximum(SSL *ssl, int version) { return SSL_set_max_proto_version(ssl, version); }
static inline int gateway_ssl_set_server_name(SSL *ssl, const char *name) {
  return SSL_set_tlsext_host_name(ssl, (char *)name);
}
static inline long gateway_ssl_set_ocsp_response(SSL *ssl, unsigned char *bytes, long count) {
  return SSL_set_tlsext_status_ocsp_resp(ssl, bytes, count);
}

static inline int gateway_ssl_set_groups(SSL *ssl, const char *list) {
  return SSL_set1_groups_list(ssl, (char *)list);
}

// The order of the list decides, but who prefers ChaCha20, for want of AES in hardware, gets it; nobody may
// negotiate anew on an established connection. OpenSSL's own way against replays keeps sessions, and would make every
// ticket a number in a table of one process: StrikeRegister is ours.
static const uint64_t gateway_server_options =
    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
    SSL_OP_NO_ANTI_REPLAY;
static const uint64_t gateway_no_tickets = SSL_OP_NO_TICKET;
static const unsigned long gateway_name_flags = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;

// Tickets are authenticated by HMAC with SHA-256. Here and not in Swift, because a parameter keeps pointers to its
// name and value, and a string of Swift's lasts no longer than the call that it is handed to.
static inline int gateway_mac_set_key(EVP_MAC_CTX *mac, const unsigned char *key, size_t count) {
  OSSL_PARAM parameters[3];
  parameters[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key, count);
  parameters[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0);
  parameters[2] = OSSL_PARAM_construct_end();
  return EVP_MAC_CTX_set_params(mac, parameters);
}

// Errors.
static inline int gateway_error_library(unsigned long code) { return ERR_GET_LIB(code); }
static inline int gateway_error_reason(unsigned long code) { return ERR_GET_REASON(code); }

// The answer of BIO callbacks.
static inline void gateway_bio_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void gateway_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }

// OPENSSL_free is a macro that adds file and line.
static inline void *gateway_allocate(size_t count) { return OPENSSL_malloc(count); }

// Certificates.
static inline int gateway_certificate_count(const STACK_OF(X509) *stack) { return sk_X509_num(stack); }
static inline X509 *gateway_certificate_at(const STACK_OF(X509) *stack, int index) {
  return sk_X509_value(stack, index);
}
static inline void gateway_free_names(GENERAL_NAMES *names) {
  sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
}
static inline int gateway_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }

// Making certificates. MBSTRING_UTF8 is a macro of macros; X509V3_set_ctx takes a structure whose
// last field a macro sets.
static const int gateway_text_utf8 = MBSTRING_UTF8;
static inline int gateway_add_extension(X509 *certificate, X509 *issuer, int kind, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
  if (extension == NULL) return 0;
  int result = X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return result;
}

// The alternative names of a certificate, or NULL; the result of this call has no type.
static inline GENERAL_NAMES *gateway_alternative_names(const X509 *certificate) {
  return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

// OCSP. Stacks are macros; OSSL_HTTP_transfer wants the parts of a URL, and a dozen arguments that
// have no other value than these here.
static inline char *gateway_first_string(STACK_OF(OPENSSL_STRING) *list) {
  return sk_OPENSSL_STRING_num(list) > 0 ? sk_OPENSSL_STRING_value(list, 0) : NULL;
}
static inline int gateway_verify_ocsp(OCSP_BASICRESP *response, X509 *issuer, X509_STORE *store) {
  STACK_OF(X509) *certificates = sk_X509_new_null();
  if (certificates == NULL || sk_X509_push(certificates, issuer) <= 0) {
    sk_X509_free(certificates);
    return 0;
  }
  int result = OCSP_basic_verify(response, certificates, store, 0);
  sk_X509_free(certificates);
  return result;
}
static inline BIO *gateway_post(const char *url, const char *type, BIO *body, const char *expected,
                                size_t limit, int seconds) {
  char *host = NULL, *port = NULL, *path = NULL;
  int secure = 0;
  if (!OSSL_HTTP_parse_url(url, &secure, NULL, &host, &port, NULL, &path, NULL, NULL)) return NULL;
  BIO *answer = OSSL_HTTP_transfer(NULL, host, port, path, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0,
                                   NULL, type, body, expected, 1, limit, seconds, 0);
  OPENSSL_free(host);
  OPENSSL_free(port);
  OPENSSL_free(path);
  return answer;
}
#endif
