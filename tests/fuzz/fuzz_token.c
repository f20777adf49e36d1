/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as an API token: only the issued one is accepted. The first byte says whether the rest
 * is a whole token, or a list of edits of the issued one, three bytes each: operation, position,
 * byte.
 */
#include <string.h>

#include "base/base.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/why.h"
#include "manager/api/token.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/check.h"
#include "tests/unit/store_places.h"

#define NOW 1700000000123

static char dir[TEST_DIR_SIZE];
static struct store *store;
static struct token_authority *authority;
static char issued[LIMIT_TOKEN + 1];
static size_t issued_n;

static void
clean_up(void)
{
	test_dir_remove(dir);
}

static void
set_up(void)
{
	static const uint8_t key[SEAL_KEY_SIZE] = { 7 };
	static const struct store_actor nobody;
	static const struct id none = { "" };
	struct token_request request = { SPAN_LITERAL("t"), SCOPE_ORGANIZATION, { "" }, ROLE_OWNER,
		3600 };
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct token_identity who;
	struct why why;
	struct id id;

	must(base_init() == 0);
	test_dir_make(dir, "fuzz_token");
	must(atexit(clean_up) == 0);
	must(store_create(&store, dir, keys_from_bytes(key), &why) == 0);
	request.scope_id = test_place(store, SCOPE_ORGANIZATION, &none, "o");
	must(token_authority_new(&authority, store) == 0);
	must(token_issue(authority, &request, NOW, &nobody, &id, &text) == 0);
	issued_n = text.len;
	memcpy(issued, text.data, issued_n);
	buf_fini(&text);
	must(token_check(authority, (struct span){ issued, issued_n }, NOW, &who) == TOKEN_GOOD);
}

static size_t
edited(char out[static LIMIT_TOKEN * 2], const uint8_t *edit, size_t n)
{
	size_t len = issued_n;

	memcpy(out, issued, len);
	for (; n >= 3 && len > 0 && len < (size_t)LIMIT_TOKEN * 2 - 1; edit += 3, n -= 3) {
		size_t at = edit[1] % len;

		if (edit[0] & 4)
			at = len - 1 - at; /* the signature is at the end */
		switch (edit[0] % 4) {
		case 0:
			out[at] = (char)edit[2];
			break;
		case 1:
			memmove(out + at + 1, out + at, len++ - at);
			out[at] = (char)edit[2];
			break;
		case 2:
			memmove(out + at, out + at + 1, --len - at);
			break;
		default:
			len = at;
		}
	}
	return len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[LIMIT_TOKEN * 2];
	struct span given = { (const char *)data + 1, n - 1 };
	struct token_identity who;
	int64_t live;
	int verdict;

	if (!authority)
		set_up();
	if (n < 1)
		return 0;
	if (*data & 1)
		given = (struct span){ text, edited(text, data + 1, n - 1) };
	live = mem_live();
	verdict = token_check(authority, given, NOW, &who);
	if (given.n == issued_n && memcmp(given.p, issued, issued_n) == 0)
		must(verdict == TOKEN_GOOD);
	else
		must(verdict > TOKEN_GOOD);
	must(mem_live() == live);
	return 0;
}
