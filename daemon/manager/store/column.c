/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/store/column.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"

#define AD_SIZE 256

/* What the envelope of a column is bound to. */
struct bound {
	char text[AD_SIZE];
	struct span ad;
};

static int
bind(struct bound *b, const char *table, const char *row, const char *column, int64_t version)
{
	int n = snprintf(b->text, AD_SIZE, "%s|%s|%s|%lld", table, row, column, (long long)version);

	b->ad = (struct span){ b->text, (size_t)n };
	return n > 0 && n < AD_SIZE ? 0 : -EINVAL;
}

int
column_seal(const struct keys *k, const char *table, const char *row, const char *column,
    int64_t version, struct span text, struct buf *out)
{
	struct bound b;
	int r = bind(&b, table, row, column, version);

	return r == 0 ? keys_seal(k, b.ad, text, out) : r;
}

int
column_open(const struct keys *k, const char *table, const char *row, const char *column,
    int64_t version, struct span sealed, struct buf *out)
{
	struct bound b;
	int r = bind(&b, table, row, column, version);

	if (r == 0)
		r = keys_open(k, b.ad, sealed, out);
	if (r == -EBADMSG)
		column_log_unopened(b.ad);
	return r;
}

void
column_log_unopened(struct span ad)
{
	char place[AD_SIZE];

	(void)snprintf(place, sizeof place, "%.*s", (int)ad.n, ad.p);
	log_error("a sealed value cannot be decrypted: it is damaged, or a copy from another row "
		  "or backup",
	    LOG_STR("place", place));
}
