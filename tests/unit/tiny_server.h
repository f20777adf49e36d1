/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server in its own thread, for tests of the HTTP client: it reads the head of a request and
 * passes it to the handler of the test, which writes the response.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct tiny_server;

/* head: with a NUL. Returns true to keep the connection. Runs in the server's thread. */
typedef bool tiny_handler(void *env, int fd, const char *head);

/* path: of a Unix socket; NULL: a free TCP port of the loopback address. */
struct tiny_server *tiny_server_new(const char *path, tiny_handler *handler, void *env);
int tiny_server_port(const struct tiny_server *s);
/* Waits until all clients have closed their connections. Returns NULL. */
struct tiny_server *tiny_server_free(struct tiny_server *s);

/* Writes all bytes. False if the client has closed. */
bool tiny_write(int fd, const void *p, size_t n);
bool tiny_print(int fd, const char *text);
