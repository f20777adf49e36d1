/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/tls_init.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json/write.h"
#include "manager/program/owner.h"

#define PEM_MAX     (64 * 1024)
#define NAMES_MAX   (8 * 1024)
#define HOST_MAX    256
#define DEFAULT_S   (10 * 365 * 86400L)
#define BACKDATED_S 3600 /* the clients' clocks may be behind */
#define PIN_SIZE    (sizeof "sha256//" + 4 * ((SHA256_DIGEST_LENGTH + 2) / 3))

struct pair {
	EVP_PKEY *key;
	X509 *cert;
};

static int
refuse(struct why *why, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	why_set(why, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
	ERR_clear_error();
	return -1;
}

static void
pair_fini(struct pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}

/* --- the certificate ------------------------------------------------------------------ */

static void
add_name(struct buf *names, const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];
	bool is_address =
	    inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;

	buf_addf(names, "%s%s:%s", names->len ? "," : "", is_address ? "IP" : "DNS", host);
}

/* Writes the names of this machine as OpenSSL takes them: DNS:a,IP:b. */
static void
list_names(const struct options *o, const char *self, struct buf *names)
{
	add_name(names, "localhost");
	add_name(names, "127.0.0.1");
	add_name(names, "::1");
	add_name(names, self);
	for (size_t i = 0; i < o->n_hosts; i++)
		add_name(names, o->hosts[i]);
}

static bool
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool done = e && X509_add_ext(cert, e, -1) == 1;

	X509_EXTENSION_free(e);
	return done;
}

static bool
set_serial(X509 *cert)
{
	unsigned char bytes[16];
	BIGNUM *n = NULL;
	bool done = false;

	if (RAND_bytes(bytes, sizeof bytes) == 1) {
		bytes[0] &= 0x7f; /* positive */
		n = BN_bin2bn(bytes, sizeof bytes, NULL);
	}
	if (n)
		done = BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
	BN_free(n);
	return done;
}

/* A self-signed certificate that is valid for these names only. */
static bool
fill(const struct pair *p, const char *self, const char *names, long seconds)
{
	X509_NAME *name = X509_get_subject_name(p->cert);

	return X509_set_version(p->cert, 2) == 1 && set_serial(p->cert) &&
	       X509_gmtime_adj(X509_getm_notBefore(p->cert), -BACKDATED_S) &&
	       X509_gmtime_adj(X509_getm_notAfter(p->cert), seconds) &&
	       X509_set_pubkey(p->cert, p->key) == 1 &&
	       X509_NAME_add_entry_by_txt(
		   name, "CN", MBSTRING_ASC, (const unsigned char *)self, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(p->cert, name) == 1 &&
	       add_extension(p->cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	       add_extension(p->cert, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
	       add_extension(p->cert, NID_ext_key_usage, "serverAuth") &&
	       add_extension(p->cert, NID_subject_alt_name, names) &&
	       X509_sign(p->cert, p->key, EVP_sha256()) > 0;
}

static int
make_pair(struct pair *p, const struct options *o, const char *self, struct why *why)
{
	long seconds = o->expires_in_s ? (long)o->expires_in_s : DEFAULT_S;
	struct buf names = BUF_INIT(NAMES_MAX);
	bool done = false;

	list_names(o, self, &names);
	p->key = EVP_EC_gen("P-256");
	p->cert = X509_new();
	if (p->key && p->cert && !buf_error(&names))
		done = fill(p, self, buf_str(&names), seconds);
	buf_fini(&names);
	return done ? 0 : refuse(why, "the certificate could not be made");
}

/* --- what is written and printed ------------------------------------------------------ */

/* The pin of a public key as libcurl has it. */
static bool
make_pin(const struct pair *p, char out[static PIN_SIZE])
{
	unsigned char digest[SHA256_DIGEST_LENGTH], *der = NULL;
	int n = i2d_PUBKEY(p->key, &der);
	size_t prefix = sizeof "sha256//" - 1;

	if (n <= 0)
		return false;
	(void)SHA256(der, (size_t)n, digest);
	OPENSSL_free(der);
	memcpy(out, "sha256//", prefix);
	(void)EVP_EncodeBlock((unsigned char *)out + prefix, digest, sizeof digest);
	return true;
}

static int
write_pem(BIO *bio, const char *path, struct why *why)
{
	char *text;
	long n = BIO_get_mem_data(bio, &text);

	return n > 0 ? file_create(path, text, (size_t)n, why) : refuse(why, "out of memory");
}

static int
write_pair(const struct pair *p, const char *key_path, const char *cert_path, struct why *why)
{
	BIO *key = BIO_new(BIO_s_secmem()), *cert = BIO_new(BIO_s_mem());
	int r = -1;

	if (!key || !cert ||
	    PEM_write_bio_PKCS8PrivateKey(key, p->key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_X509(cert, p->cert) != 1)
		(void)refuse(why, "out of memory");
	else
		r = write_pem(key, key_path, why);
	if (r == 0) {
		r = write_pem(cert, cert_path, why);
		if (r < 0)
			(void)unlink(key_path); /* this run created it */
	}
	BIO_free(key);
	BIO_free(cert);
	return r < 0 ? -1 : 0;
}

static void
print(struct buf *out, const struct options *o, const char *self, const char *key_path,
    const char *cert_path, const char *pin)
{
	struct buf line = BUF_INIT(PEM_MAX);

	buf_addc(out, '{');
	jtext_member_string(out, "certificate", span_of(cert_path));
	jtext_member_string(out, "key", span_of(key_path));
	jtext_member_string(out, "pin", span_of(pin));
	buf_addf(&line, "--tls-cert %s --tls-key %s", cert_path, key_path);
	jtext_member_string(out, "options", span_of_buf(&line));
	buf_reset(&line);
	buf_addf(
	    &line, "copy %s to /etc/connd/manager.crt on every machine that runs connd", cert_path);
	jtext_member_string(out, "next", span_of_buf(&line));
	jtext_name(out, "connd.conf");
	buf_adds(out, "[\"[manager]\",");
	buf_reset(&line);
	buf_addf(&line, "url = https://%s:8888", o->n_hosts ? o->hosts[0] : self);
	jtext_string(out, span_of_buf(&line));
	buf_adds(out, ",\"ca_file = /etc/connd/manager.crt\",");
	buf_reset(&line);
	buf_addf(&line, "pin = %s", pin);
	jtext_string(out, span_of_buf(&line));
	buf_adds(out, "]}");
	buf_fini(&line);
}

int
tls_init(const struct options *o, struct buf *out, struct why *why)
{
	char self[HOST_MAX] = "localhost", key_path[4096], cert_path[4096], pin[PIN_SIZE];
	struct pair p = { 0 };
	int r;

	if (owner_check(o->data, why) < 0)
		return -1;
	(void)gethostname(self, sizeof self - 1); /* otherwise localhost is used */
	if (snprintf(key_path, sizeof key_path, "%s/tls.key", o->data) >= (int)sizeof key_path ||
	    snprintf(cert_path, sizeof cert_path, "%s/tls.crt", o->data) >= (int)sizeof cert_path)
		return refuse(why, "the path of the data directory is too long");
	if (access(key_path, F_OK) == 0 || access(cert_path, F_OK) == 0) {
		why_set(why, "%.300s: there is a tls.key or tls.crt already; nothing was changed",
		    o->data);
		return -1;
	}
	r = make_pair(&p, o, self, why);
	if (r == 0 && !make_pin(&p, pin))
		r = refuse(why, "out of memory");
	if (r == 0)
		r = write_pair(&p, key_path, cert_path, why);
	if (r == 0)
		print(out, o, self, key_path, cert_path, pin);
	pair_fini(&p);
	return r;
}
