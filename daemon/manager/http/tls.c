/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/http/tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define LOOK_S     2
#define KEY_MAX    (64 * 1024)
#define PAIR_FILES 2

/* What distinguishes a file's contents from its next ones without reading them. */
struct mark {
	struct timespec modified;
	off_t size;
	ino_t inode;
};

struct tls {
	const char *cert, *key;
	SSL_CTX *ctx;
	struct event *look;
	struct mark marks[PAIR_FILES];
};

int
tls_global_init(void)
{
	return CRYPTO_set_mem_functions(mem_alloc_at, mem_resize_at, mem_free_at) ? 0 : -ENOMEM;
}

/* Our clients speak HTTP/1.1 only, whatever else they offer. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
    unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, ours, sizeof ours - 1,
		in, in_len) == OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_OK;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int
bad_pair(struct why *why, const char *path, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	why_set(why, "%.300s: %s%s%s", path, what, reason ? ": " : "", reason ? reason : "");
	ERR_clear_error();
	return -EINVAL;
}

/* Never asks for a passphrase: a server has no terminal. */
static int
no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int
use_key(SSL_CTX *ctx, const char *path, struct why *why)
{
	struct buf text = BUF_INIT(KEY_MAX);
	int r = file_read_secret(path, &text, why);
	EVP_PKEY *key = NULL;
	BIO *bio;

	if (r < 0)
		goto out;
	bio = BIO_new_mem_buf(text.data, (int)text.len);
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (!key)
		r = bad_pair(why, path, "no private key in PEM");
	else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		r = bad_pair(why, path, "not the key of the certificate");
	EVP_PKEY_free(key);
out:
	buf_fini(&text);
	return r;
}

static int
load(const struct tls *t, SSL_CTX **out, struct why *why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int r = 0;

	if (!ctx)
		return bad_pair(why, t->cert, "out of memory");
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
		r = bad_pair(why, t->cert, "TLS 1.2 is not available");
	(void)SSL_CTX_set_options(
	    ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* there are many idle connections */
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	if (r == 0 && SSL_CTX_use_certificate_chain_file(ctx, t->cert) != 1)
		r = bad_pair(why, t->cert, "no certificate in PEM");
	if (r == 0)
		r = use_key(ctx, t->key, why);
	if (r < 0)
		SSL_CTX_free(ctx);
	else
		*out = ctx;
	return r;
}

static struct mark
mark_of(const char *path)
{
	struct mark m;
	struct stat st;

	memset(&m, 0, sizeof m);
	if (stat(path, &st) == 0) {
		m.modified = st.st_mtim;
		m.size = st.st_size;
		m.inode = st.st_ino;
	}
	return m;
}

static bool
same_mark(const struct mark *a, const struct mark *b)
{
	return a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec && a->size == b->size &&
	       a->inode == b->inode;
}

/*
 * The two files are replaced one after the other: in between they do not match, and the loaded pair
 * is kept. Each state of the files is tried once.
 */
static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct tls *t = arg;
	struct mark now[PAIR_FILES] = { mark_of(t->cert), mark_of(t->key) };
	struct why why = { "" };
	SSL_CTX *ctx;

	(void)fd;
	(void)what;
	if (same_mark(&now[0], &t->marks[0]) && same_mark(&now[1], &t->marks[1]))
		return;
	memcpy(t->marks, now, sizeof now);
	if (load(t, &ctx, &why) < 0) {
		log_warn("certificate not loaded, the old one stays", LOG_STR("reason", why.text));
		return;
	}
	SSL_CTX_free(t->ctx); /* connections hold it while they need it */
	t->ctx = ctx;
	log_info("certificate loaded", LOG_STR("file", t->cert));
}

int
tls_new(
    struct tls **out, struct event_base *base, const char *cert, const char *key, struct why *why)
{
	static const struct timeval every = { .tv_sec = LOOK_S };
	struct tls *t = mem_zalloc(sizeof *t);
	int r = -ENOMEM;

	why_set(why, "out of memory");
	if (!t)
		return -ENOMEM;
	t->cert = cert;
	t->key = key;
	t->marks[0] = mark_of(cert);
	t->marks[1] = mark_of(key);
	t->look = event_new(base, -1, EV_PERSIST, on_look, t);
	if (t->look && event_add(t->look, &every) == 0)
		r = load(t, &t->ctx, why);
	if (r < 0)
		t = tls_free(t);
	*out = t;
	return r;
}

struct tls *
tls_free(struct tls *t)
{
	if (!t)
		return NULL;
	if (t->look)
		event_free(t->look);
	SSL_CTX_free(t->ctx);
	mem_free(t);
	return NULL;
}

struct bufferevent *
tls_accept(struct tls *t, struct event_base *base, int fd)
{
	SSL *ssl = SSL_new(t->ctx);
	struct bufferevent *bev = NULL;

	if (ssl)
		bev = bufferevent_openssl_socket_new(
		    base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (!bev)
		SSL_free(ssl);
	else
		/* Many clients end without a goodbye; requests say themselves where they end. */
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

void
tls_goodbye(struct bufferevent *bev)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);

	ERR_clear_error();
	if (ssl && SSL_is_init_finished(ssl))
		(void)SSL_shutdown(ssl); /* best effort: the socket is closed next */
	ERR_clear_error();
}
