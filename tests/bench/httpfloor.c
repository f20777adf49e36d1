/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline of an HTTP round trip with libevent: evhttp and an empty handler.
 *
 *	httpfloor
 *
 * Listens on a free port of 127.0.0.1, prints it, and responds to every request with an empty 304.
 * It exists only for comparison.
 */
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static void
answer(struct evhttp_request *request, void *arg)
{
	(void)arg;
	evhttp_send_reply(request, 304, "Not Modified", NULL);
}

int
main(void)
{
	struct event_base *base = event_base_new();
	struct evhttp *http = base ? evhttp_new(base) : NULL;
	struct evhttp_bound_socket *bound =
	    http ? evhttp_bind_socket_with_handle(http, "127.0.0.1", 0) : NULL;
	struct sockaddr_in at = { 0 };
	socklen_t size = sizeof at;

	if (!bound || getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&at, &size))
		return 1;
	evhttp_set_gencb(http, answer, NULL);
	(void)printf("%u\n", (unsigned)ntohs(at.sin_port));
	(void)fflush(stdout);
	return event_base_dispatch(base) < 0;
}
