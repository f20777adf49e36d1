/* SPDX-License-Identifier: Apache-2.0 */
/* What http.c (connections) and httpserver.c (sockets, start, stop) share; for nobody else. */
#pragma once

#include "manager/http.h"

#define HTTP_MAX_LISTENERS 4

struct evconnlistener;
struct event;

struct http_server {
	struct event_base *base;
	struct http_options options;
	struct http_handler handler;
	struct http_call *first, *last;
	size_t n_conns;
	struct evconnlistener *listeners[HTTP_MAX_LISTENERS];
	size_t n_listeners;
	struct event *resume; /* accepts again after file descriptors ran out */
	struct event *grace;
	int port;
	bool stopping;
	void (*stopped)(void *arg);
	void *stopped_arg;
	int64_t date_second;
	char date[sizeof "Thu, 01 Jan 1970 00:00:00 GMT"];
};

void http_server_accepted(struct http_server *s, int fd); /* takes fd */
void http_server_make_room(struct http_server *s);
void http_server_close_idle(struct http_server *s);
void http_server_close_all(struct http_server *s);
void http_server_check_stopped(struct http_server *s);
