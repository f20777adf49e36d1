/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration file: it is read, or refused with a sentence that names the file. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "core/config/config.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *const env[] = { (char *)"CONND__ACCESS__DENY=uid:0", NULL };
	struct why why = { "" };
	struct buf oddities = BUF_INIT(64 * 1024);
	struct config *c;
	int r = config_read(&c, "f", (const char *)data, n, env, &oddities, &why);

	if (r == 0) {
		must(c->manager.url.n > 0 && c->manager.organization);
		must(!c->manager.deployment != !c->manager.workspace);
		must(c->manager.refresh_ms >= 1000);
		must(c->freshness.windows.ttl_ms <= c->freshness.windows.stale_ms);
		must(c->freshness.windows.stale_ms <= c->freshness.windows.max_stale_ms);
		must(c->freshness.windows.max_stale_unauthorized_ms <=
		     c->freshness.windows.max_stale_ms);
		must(c->access.n_rules > 0 && strcmp(c->access.rule[0].text, "uid:0") == 0);
		config_free(c);
	} else {
		must(r == -EINVAL &&
		     (strncmp(why.text, "f:", 2) == 0 || strncmp(why.text, "CONND__", 7) == 0));
	}
	must(oddities.len == 0 || oddities.data[oddities.len - 1] == '\n');
	buf_fini(&oddities);
	must(mem_live() == 0);
	return 0;
}
