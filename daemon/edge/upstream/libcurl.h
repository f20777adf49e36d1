/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl and OpenSSL, loaded when connd serves already. They bring two dozen libraries along, and to
 * load and initialise those takes longer than to open a snapshot of ten thousand objects; only the
 * manager is asked through them, so no lookup waits for that.
 *
 * The one place that knows the library's file name and its package. What is done with its functions is
 * upstream.c's.
 */
#pragma once

#include <curl/curl.h>

#include "base/attr.h"

#define LIBCURL_WHY_SIZE   512
#define LIBCURL_QUICK_EXIT 0x075700 /* 7.87.0 has CURLOPT_QUICK_EXIT; ask of LIBCURL_VERSION_NUM */

/* All that is used of it, once: curl_easy_init() is called as libcurl.easy_init(). */
#define LIBCURL_FUNCTIONS(X)                                                                       \
	X(easy_cleanup)                                                                            \
	X(easy_getinfo)                                                                            \
	X(easy_init)                                                                               \
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

/* The environment that it will find. In main(), before there is a thread. */
void libcurl_prepare(void);
/*
 * Loads it, has it and OpenSSL take their memory from base/mem, and initialises it. In any thread, with
 * nobody using it meanwhile; after a failure it may be tried again. 0, also when it is loaded already; or
 * -errno with a sentence for the operator.
 */
MUST_CHECK int libcurl_load(char why[static LIBCURL_WHY_SIZE]);
void libcurl_end(void); /* not loaded: fine */
