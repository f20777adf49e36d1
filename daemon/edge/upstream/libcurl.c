/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/libcurl.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include "base/mem.h"

#define SONAME         "libcurl.so.4"
#define TEXT_OF(x)     #x
#define TEXT(x)        TEXT_OF(x)
#define OPENSSL_SONAME "libcrypto.so." TEXT(OPENSSL_SHLIB_VERSION)
#define OLDEST         0x075100 /* 7.81.0 */
#define BROKEN         0x075800 /* 7.88.0 loses events */
#define NEEDED         "libcurl 7.81.0 or newer, and not 7.88.0,"

/*
 * An ELF note in the format of systemd's dlopen metadata: tells packaging tools, which read
 * dependencies from ELF headers, that these libraries are needed, too.
 */
#define NOTE_TEXT                                                                                  \
	"[{\"feature\":\"https\",\"description\":\"requests to the "                               \
	"manager\",\"priority\":\"required\","                                                     \
	"\"soname\":[\"" SONAME "\"]},"                                                            \
	"{\"feature\":\"https\",\"description\":\"wiping the memory of TLS\","                     \
	"\"priority\":\"required\",\"soname\":[\"" OPENSSL_SONAME "\"]}]"

struct note {
	uint32_t name_size, text_size, type;
	char name[4];
	char text[sizeof NOTE_TEXT];
};

__attribute__((used, aligned(4), section(".note.dlopen"))) static const struct note note = {
	.name_size = sizeof note.name,
	.text_size = sizeof note.text,
	.type = 0x407c0c0a,
	.name = "FDO",
	.text = NOTE_TEXT,
};

struct libcurl libcurl;
static bool loaded;

static int
fail(const char *what, struct why *why)
{
	why_set(why,
	    "%.300s; " NEEDED " is needed for requests to the manager: install the package "
	    "libcurl4 (Debian, Ubuntu: also libcurl4t64) or libcurl",
	    what);
	return -ELIBACC;
}

/*
 * Makes OpenSSL use our allocator. Must run before libcurl is loaded: some builds of libcurl load
 * libssh, which uses OpenSSL at once.
 */
static int
load_openssl(struct why *why)
{
	void *lib = dlopen(OPENSSL_SONAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	typeof(CRYPTO_set_mem_functions) *set;
	static bool done;

	if (done)
		return 0;
	if (!lib)
		return fail(dlerror(), why);
	set = dlsym(lib, "CRYPTO_set_mem_functions");
	if (!set || !set(mem_alloc_at, mem_resize_at, mem_free_at))
		return fail(OPENSSL_SONAME " was used before its allocator could be set", why);
	done = true;
	return 0;
}

/* Looks up all functions. Returns a sentence about the first missing one, or NULL. */
static const char *
find_functions(void *lib)
{
#define FIND(name)                                                                                 \
	libcurl.name = dlsym(lib, "curl_" #name);                                                  \
	if (!libcurl.name)                                                                         \
		return SONAME " has no curl_" #name;
	LIBCURL_FUNCTIONS(FIND)
#undef FIND
	return NULL;
}

static bool
is_usable(const curl_version_info_data *v)
{
	return v->version_num >= OLDEST && v->version_num != BROKEN;
}

/*
 * Without CURLOPT_QUICK_EXIT libcurl waits for its resolver thread when a fetch ends, which blocks
 * the loop. These options make the resolver give up before the connect time-out.
 */
void
libcurl_prepare(void)
{
#if LIBCURL_VERSION_NUM < LIBCURL_QUICK_EXIT
	(void)setenv("RES_OPTIONS", "timeout:1 attempts:2", 0);
#endif
}

int
libcurl_load(struct why *why)
{
	const char *lack;
	void *lib;
	int r;

	if (loaded)
		return 0;
	r = load_openssl(why);
	if (r < 0)
		return r;
	lib = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!lib)
		return fail(dlerror(), why);
	lack = find_functions(lib);
	if (!lack && !is_usable(libcurl.version_info(CURLVERSION_NOW)))
		lack = SONAME " has an unsupported version";
	if (lack)
		return fail(lack, why);
	if (libcurl.global_init_mem(CURL_GLOBAL_DEFAULT, mem_alloc, mem_free, mem_resize,
		mem_strdup, mem_calloc) != CURLE_OK)
		return fail(SONAME " cannot be initialised", why);
	loaded = true;
	return 0;
}

void
libcurl_end(void)
{
	if (loaded)
		libcurl.global_cleanup();
	loaded = false;
}
