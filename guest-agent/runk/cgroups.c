/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/cgroups.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"

int cgroups_root(struct cgroup_root **ret, struct error *err)
{
	return cgroup_root_open(&(struct cgroup_options){ .rootless = geteuid() != 0 }, ret, err);
}

int cgroups_open(const char *name, struct cgroups *ret, struct error *err)
{
	struct cgroups c = CGROUPS_INIT;
	int r;

	*ret = c;
	if (!name)
		return 0;
	r = cgroups_root(&c.root, err);
	if (r < 0)
		return r;
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

	return cgroups_open(name, &c, &err) == 0 && c.cg && cgroup_frozen(c.cg) == 1;
}

int cgroups_signal(const struct cgroups *c, int sig, struct error *err)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;

	if (sig == SIGKILL && cgroup_kill(c->cg) == 0)
		return 0;
	if (cgroup_procs(c->cg, &pids, &n, err) < 0)
		return err->code;
	for (size_t i = 0; i < n; i++)
		if (kill(pids[i], sig) < 0 && errno != ESRCH)
			return error_sys(err, -errno, "signal %d to process %d", sig, (int)pids[i]);
	return 0;
}
