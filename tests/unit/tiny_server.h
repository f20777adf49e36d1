/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server in a thread of its own, for tests of the HTTP client: it reads a request's head and
 * hands it to the test's handler, which writes what it wants.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct tiny_server;

/* head: NUL-terminated. True: the connection goes on. Runs in the server's thread. */
typedef bool tiny_handler(void *env, int fd, const char *head);

/* path: of a Unix socket; NULL: a TCP port of the system's choice, on the loopback address. */
struct tiny_server *tiny_server_new(const char *path, tiny_handler *handler, void *env);
int tiny_server_port(const struct tiny_server *s);
/* Waits until all clients have closed their connections. Returns NULL. */
struct tiny_server *tiny_server_free(struct tiny_server *s);

/* Writes all of it; false: the client has gone. */
bool tiny_write(int fd, const void *p, size_t n);
bool tiny_print(int fd, const char *text);
