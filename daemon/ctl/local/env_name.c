/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/local/env_name.h"

#include <string.h>

#include "base/attr.h"

void
env_name_write(struct buf *out, enum secrets_kind kind, const char *key)
{
	if (kind == SECRETS_ENV) {
		buf_adds(out, key);
		return;
	}
	buf_adds(out, kind == SECRETS_CONNECTION ? "AIRFLOW_CONN_" : "AIRFLOW_VAR_");
	for (const char *c = key; *c; c++)
		buf_addc(out, (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c));
}

/* A name that ends with a star stands for all names with that beginning. */
static const char *const dangerous[] = {
	/* the dynamic loader, and what libc ignores in programs that change their user */
	"LD_*",
	"DYLD_*",
	"GLIBC_TUNABLES",
	"GCONV_PATH",
	"GETCONF_DIR",
	"HOSTALIASES",
	"LOCALDOMAIN",
	"LOCPATH",
	"MALLOC_*",
	"NIS_PATH",
	"NLSPATH",
	"RESOLV_HOST_CONF",
	"RES_OPTIONS",
	"TMPDIR",
	"TZDIR",
	/* where programs and their configuration are found */
	"PATH",
	"HOME",
	"XDG_*",
	/* shells */
	"SHELL",
	"IFS",
	"ENV",
	"BASH_*",
	"SHELLOPTS",
	"BASHOPTS",
	"CDPATH",
	"FPATH",
	"GLOBIGNORE",
	"PROMPT_COMMAND",
	"PS0",
	"PS1",
	"PS2",
	"PS4",
	"ZDOTDIR",
	/* interpreters */
	"PYTHON*",
	"PERL*",
	"RUBY*",
	"GEM_*",
	"BUNDLE_*",
	"NODE_*",
	"NPM_CONFIG_*",
	"npm_config_*",
	"LUA_*",
	"PHPRC",
	"PHP_INI_SCAN_DIR",
	"R_PROFILE*",
	"R_ENVIRON*",
	"CLASSPATH",
	"JAVA_TOOL_OPTIONS",
	"JDK_JAVA_OPTIONS",
	"_JAVA_OPTIONS",
	/* programs that are run on behalf of others */
	"GIT_*",
	"SSH_ASKPASS*",
	"SUDO_*",
	"EDITOR",
	"VISUAL",
	"PAGER",
	"BROWSER",
	"LESSOPEN",
	"LESSCLOSE",
	"MANPAGER",
	/* code that OpenSSL loads */
	"OPENSSL_*",
	/* which connd the command asks */
	"CONND_*",
};

bool
env_name_is_dangerous(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(dangerous); i++) {
		size_t n = strlen(dangerous[i]);
		bool begins = dangerous[i][n - 1] == '*';

		if (begins ? strncmp(name, dangerous[i], n - 1) == 0
			   : strcmp(name, dangerous[i]) == 0)
			return true;
	}
	return false;
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
#define DIGITS  "0123456789"

static bool
is_printable(const char *name)
{
	for (const char *c = name; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == '=')
			return false;
	return *name;
}

bool
env_name_fits(const char *name, enum env_reader reader)
{
	const char *set = reader == ENV_SHELL ? LETTERS DIGITS : LETTERS DIGITS ".-";

	if (reader == ENV_PROCESS)
		return is_printable(name);
	return *name && !strchr(DIGITS ".-", *name) && name[strspn(name, set)] == '\0';
}
