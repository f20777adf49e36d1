/* SPDX-License-Identifier: Apache-2.0 */
#include "base/curl_setup.h"

#define SET(option, value) CURL_OPTION_SET(setopt, easy, code, option, value)

CURLcode
curl_setup_transport(CURL *easy, curl_setopt_fn *setopt, const struct curl_trust *trust)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
	/* The configuration decides which of the two is allowed. */
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
	SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_PROXY, trust->proxy ? trust->proxy : "");
	SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* no token for a proxy's CONNECT */
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (trust->ca_file) {
		SET(CURLOPT_CAINFO, trust->ca_file);
		SET(CURLOPT_CAPATH, NULL); /* trust only ca_file */
	}
	if (trust->client_cert) {
		SET(CURLOPT_SSLCERT, trust->client_cert);
		SET(CURLOPT_SSLKEY, trust->client_key ? trust->client_key : trust->client_cert);
	}
	if (trust->pin)
		SET(CURLOPT_PINNEDPUBLICKEY, trust->pin);
	return code;
}

static int
on_socket_made(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	struct curl_peer *peer = arg;

	(void)purpose;
	peer->fd = fd;
	return CURL_SOCKOPT_OK;
}

/* Called when libcurl has a connection and has not sent a byte of this request. */
static int
on_connected(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	struct curl_peer *peer = arg;

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	if (peer->fd < 0 || socket_peer_check(peer->fd, peer->path, peer->owners, &peer->why) == 0)
		return CURL_PREREQFUNC_OK;
	return CURL_PREREQFUNC_ABORT;
}

CURLcode
curl_setup_socket(CURL *easy, curl_setopt_fn *setopt, struct curl_peer *peer)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_UNIX_SOCKET_PATH, peer->path);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_SOCKOPTFUNCTION, on_socket_made);
	SET(CURLOPT_SOCKOPTDATA, peer);
	SET(CURLOPT_PREREQFUNCTION, on_connected);
	SET(CURLOPT_PREREQDATA, peer);
	return code;
}
