/* SPDX-License-Identifier: Apache-2.0 */
/* manager/http/tls: certificate and key files, and the protocols that a client may use. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <cmocka.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/base.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/http/server.h"
#include "manager/http/tls.h"
#include "tests/unit/check.h"

#define PATH_SIZE (TEST_DIR_SIZE + 32)
#define TURNS     200 /* steps of both sides of a handshake; a dozen are needed */

static struct {
	char dir[TEST_DIR_SIZE];
	char cert[PATH_SIZE], key[PATH_SIZE];
	struct event_base *base;
	struct why why;
} fx;

/* --- files ------------------------------------------------------------------------------ */

static void
write_key(const char *path, EVP_PKEY *key, mode_t mode, const char *passphrase)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, passphrase ? EVP_aes_256_cbc() : NULL, NULL,
			     0, NULL, (void *)(uintptr_t)passphrase),
	    1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
write_cert(const char *path, EVP_PKEY *key)
{
	FILE *f = fopen(path, "we");
	X509 *cert = X509_new();

	assert_true(f && cert);
	assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -3600));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(f, cert), 1);
	assert_int_equal(fclose(f), 0);
	X509_free(cert);
}

static void
write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void
write_pair(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_non_null(key);
	write_key(fx.key, key, 0600, NULL);
	write_cert(fx.cert, key);
	EVP_PKEY_free(key);
}

static int
set_up(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	test_dir_make(fx.dir, "test_http_tls");
	(void)snprintf(fx.cert, sizeof fx.cert, "%s/tls.crt", fx.dir);
	(void)snprintf(fx.key, sizeof fx.key, "%s/tls.key", fx.dir);
	write_pair();
	fx.base = event_base_new();
	assert_non_null(fx.base);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	event_base_free(fx.base);
	test_dir_remove(fx.dir);
	return 0;
}

static int
load(void)
{
	struct tls *t = NULL;
	int r = tls_new(&t, fx.base, fx.cert, fx.key, &fx.why);

	assert_true((r == 0) == (t != NULL));
	tls_free(t);
	return r;
}

static void
is_refused(const char *file, const char *sentence)
{
	assert_true(load() < 0);
	if (!strstr(fx.why.text, file) || !strstr(fx.why.text, sentence))
		fail_msg("%s", fx.why.text);
}

static void
a_pair_that_fits_is_loaded(void **state)
{
	(void)state;
	assert_int_equal(load(), 0);
}

static void
what_is_wrong_with_a_file_is_said(void **state)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	char secret[] = "passphrase";

	(void)state;
	assert_int_equal(chmod(fx.key, 0644), 0);
	is_refused(fx.key, "");
	write_key(fx.key, other, 0600, NULL);
	is_refused(fx.key, "not the key of the certificate");
	write_key(fx.key, other, 0600, secret);
	is_refused(fx.key, "no private key in PEM");
	write_text(fx.key, "-----BEGIN NOTHING-----\n");
	is_refused(fx.key, "no private key in PEM");
	assert_int_equal(unlink(fx.key), 0);
	is_refused(fx.key, "No such file");
	write_text(fx.cert, "");
	is_refused(fx.cert, "no certificate in PEM");
	assert_int_equal(unlink(fx.cert), 0);
	is_refused(fx.cert, "no certificate in PEM");
	EVP_PKEY_free(other);
}

static void
memory_that_is_out_is_an_error(void **state)
{
	int64_t n = 0;
	int r;

	(void)state;
	/* 3.0.2 frees a pointer twice in SSL_CTX_new() when memory fails; 3.0.15 does not. */
	if (OpenSSL_version_num() < 0x300000f0)
		skip();
	do {
		mem_fail_after(n);
		n += 1 + n / 50;
		r = load();
		mem_fail_after(-1);
		assert_true(n < 20000);
	} while (r < 0);
}

/* --- handshakes ------------------------------------------------------------------------- */

struct client {
	const char *alpn; /* as on the wire; NULL: none */
	int most;         /* version; 0: any */
};

/* True if the handshake succeeds; *alpn is the agreed protocol. */
static bool
shakes_hands(const struct client *want, const char **alpn)
{
	static char agreed[32];
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct bufferevent *bev;
	struct tls *t = NULL;
	const unsigned char *text;
	unsigned len = 0;
	int fds[2], r = 0;
	SSL *ssl;

	assert_int_equal(tls_new(&t, fx.base, fx.cert, fx.key, &fx.why), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	bev = tls_accept(t, fx.base, fds[0]);
	assert_non_null(bev);
	assert_int_equal(bufferevent_enable(bev, EV_READ | EV_WRITE), 0);
	SSL_CTX_set_security_level(ctx, 0); /* of the client, so that it can offer old versions */
	ssl = SSL_new(ctx);
	assert_int_equal(SSL_set_fd(ssl, fds[1]), 1);
	if (want->most)
		assert_int_equal(SSL_set_max_proto_version(ssl, want->most), 1);
	if (want->alpn)
		assert_int_equal(SSL_set_alpn_protos(ssl, (const unsigned char *)want->alpn,
				     (unsigned)strlen(want->alpn)),
		    0);
	for (int i = 0; i < TURNS && r != 1; i++) {
		r = SSL_connect(ssl);
		(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
	}
	SSL_get0_alpn_selected(ssl, &text, &len);
	(void)snprintf(agreed, sizeof agreed, "%.*s", (int)len, len ? (const char *)text : "");
	*alpn = agreed;
	tls_goodbye(bev);
	bufferevent_free(bev);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fds[1]);
	tls_free(t);
	(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
	return r == 1;
}

static void
clients_speak_tls_1_2_or_later_and_http_1_1(void **state)
{
	static const struct {
		struct client client;
		bool accepted;
		const char *alpn;
	} table[] = {
		{ { NULL, 0 }, true, "" },
		{ { "\x08http/1.1", 0 }, true, "http/1.1" },
		{ { "\x02h2\x08http/1.1", TLS1_2_VERSION }, true, "http/1.1" },
		{ { "\x02h2", 0 }, false, "" },
		{ { NULL, TLS1_1_VERSION }, false, "" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		const char *alpn;

		if (shakes_hands(&table[i].client, &alpn) != table[i].accepted ||
		    strcmp(alpn, table[i].alpn) != 0)
			fail_msg("row %zu: %s", i, alpn);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pair_that_fits_is_loaded),
		TEST(what_is_wrong_with_a_file_is_said),
		TEST(memory_that_is_out_is_an_error),
		TEST(clients_speak_tls_1_2_or_later_and_http_1_1),
	};

	if (base_init() < 0 || tls_global_init() < 0)
		return 1;
	http_global_init();
	log_setup(LOG_FORMAT_KV, LOG_ERROR);
	return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
