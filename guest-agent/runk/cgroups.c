/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/cgroups.h"

#include <signal.h>
#include <string.h>
#include "base/file.h"
#include "base/parse.h"

#define PROCS_MAX (1u << 20) /* bytes of cgroup.procs */

int cgroups_open(const char *name, struct cgroups *ret, struct error *err)
{
	struct cgroups c = CGROUPS_INIT;
	int r;

	*ret = c;
	if (!name)
		return 0;
	r = cgroup_root_open(true, &c.root);
	if (r < 0)
		return error_sys(err, r, "no cgroup hierarchy");
	r = cgroup_open(c.root, name, &c.cg, err);
	if (r < 0 && r != -ENOENT) {
		cgroups_close(&c);
		return r;
	}
	error_clear(err);
	*ret = c;
	return 0;
}

void cgroups_close(struct cgroups *c)
{
	c->cg = cgroup_close(c->cg);
	c->root = cgroup_root_free(c->root);
}

bool cgroups_frozen(const char *name)
{
	_cleanup_cgroups_ struct cgroups c = CGROUPS_INIT;
	struct error err = ERROR_INIT;

	return cgroups_open(name, &c, &err) == 0 && c.cg &&
	       cgroup_read_u64(c.cg, "cgroup.events", "frozen") == 1;
}

int cgroups_signal(const struct cgroups *c, int sig, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *save = NULL;

	if (sig == SIGKILL && cgroup_kill(c->cg) == 0)
		return 0;
	if (file_read(cgroup_fd(c->cg), "cgroup.procs", PROCS_MAX, &text, err) < 0)
		return err->code;
	for (char *w = strtok_r(text.buf, "\n", &save); w; w = strtok_r(NULL, "\n", &save)) {
		uint32_t pid;

		if (parse_u32(w, 10, &pid) == 0 && kill((pid_t)pid, sig) < 0 && errno != ESRCH)
			return error_sys(err, -errno, "signal %d to process %u", sig, pid);
	}
	return 0;
}
