/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads libcurl and OpenSSL at run time, after connd has begun to serve. Loading them and their two
 * dozen libraries takes longer than opening a snapshot of ten thousand objects. Only requests to
 * the manager need them, so no lookup waits for that.
 *
 * Only this module knows the library's file name and package. fetch.c and its files use the
 * functions.
 */
#pragma once

#include <curl/curl.h>

#include "base/attr.h"
#include "base/why.h"

/* 7.87.0, the first version with CURLOPT_QUICK_EXIT. Compare with LIBCURL_VERSION_NUM. */
#define LIBCURL_QUICK_EXIT 0x075700

/* The functions in use. curl_easy_init() is called as libcurl.easy_init(). */
#define LIBCURL_FUNCTIONS(X)                                                                       \
	X(easy_cleanup)                                                                            \
	X(easy_getinfo)                                                                            \
	X(easy_init)                                                                               \
	X(easy_pause)                                                                              \
	X(easy_setopt)                                                                             \
	X(easy_strerror)                                                                           \
	X(global_cleanup)                                                                          \
	X(global_init_mem)                                                                         \
	X(multi_add_handle)                                                                        \
	X(multi_assign)                                                                            \
	X(multi_cleanup)                                                                           \
	X(multi_info_read)                                                                         \
	X(multi_init)                                                                              \
	X(multi_remove_handle)                                                                     \
	X(multi_setopt)                                                                            \
	X(multi_socket_action)                                                                     \
	X(multi_strerror)                                                                          \
	X(slist_append)                                                                            \
	X(slist_free_all)                                                                          \
	X(version_info)

struct libcurl {
#define LIBCURL_POINTER(name) typeof(curl_##name) *(name);
	LIBCURL_FUNCTIONS(LIBCURL_POINTER)
#undef LIBCURL_POINTER
};

extern struct libcurl libcurl; /* all NULL before libcurl_load() */

/* Sets environment variables for libcurl. Call it in main(), before any thread is created. */
void libcurl_prepare(void);
/*
 * Loads libcurl, makes it and OpenSSL allocate from base/mem, and initializes it. May run in any
 * thread while no other one uses libcurl, and again after a failure. 0, also if it is already
 * loaded; or -errno with a sentence for the operator.
 */
MUST_CHECK int libcurl_load(struct why *why);
void libcurl_end(void); /* does nothing if libcurl is not loaded */
