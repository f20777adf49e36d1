/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kind.h"

#include <string.h>

#include "base/key.h"

static const char *const prefixes[N_KINDS] = {
	[KIND_CONNECTION] = "conn:",
	[KIND_VARIABLE] = "var:",
	[KIND_ENV] = "env:",
};

const char *
kind_prefix(enum record_kind kind)
{
	return prefixes[kind];
}

const char *
kind_split(const char *word, enum record_kind *kind)
{
	for (int k = 0; k < N_KINDS; k++) {
		size_t n = strlen(prefixes[k]);

		if (strncmp(word, prefixes[k], n) != 0)
			continue;
		*kind = (enum record_kind)k;
		return word + n;
	}
	return NULL;
}

bool
kind_may_have_key(enum record_kind kind, struct span key)
{
	if (key_looks_like_value(key))
		return false;
	switch (kind) {
	case KIND_CONNECTION:
		return key_is_conn_id(key);
	case KIND_VARIABLE:
		return key_is_variable_name(key);
	case KIND_ENV:
		return key_is_env_name(key);
	case N_KINDS:
		break;
	}
	return false;
}
