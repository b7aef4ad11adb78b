/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/options.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "runk/cgroups.h"
#include "runk/runk.h"
#include "runk/state.h"

#define INPUT_MAX (1u << 20) /* bytes of JSON */

struct update_options {
	const char *file, *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_share,
		*rt_period, *rt_runtime, *cpus, *mems, *kernel, *kernel_tcp, *memory, *reservation,
		*swap, *pids, *cpu_idle, *l3, *mem_bw;
};

static int read_all(int fd, struct strbuf *ret, struct error *err)
{
	int r = strbuf_read_fd(ret, fd, INPUT_MAX);

	return r < 0 ? error_sys(err, r, "standard input") : 0;
}

/* The resources of a file ("-": standard input), as a spec of nothing else. */
static int load_file(const char *path, struct oci_spec **ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, doc = STRBUF_INIT;
	int r = str_eq(path, "-") ? read_all(0, &text, err)
				  : file_read(AT_FDCWD, path, INPUT_MAX, &text, err);

	if (r < 0)
		return r;
	if (strbuf_addstr(&doc, "{\"linux\":{\"resources\":") < 0 ||
	    strbuf_add(&doc, text.buf, text.len) < 0 || strbuf_addstr(&doc, "}}") < 0)
		return error_oom(err);
	return oci_spec_parse(doc.buf, doc.len, ret, err);
}

/* "512m" and plain numbers, and -1 for unlimited. */
static int set_bytes(const char *text, const char *option, int64_t *ret, bool *has,
		     struct error *err)
{
	if (!text)
		return 0;
	*has = true;
	if (parse_limit(text, ret) < 0)
		return error_set(err, -EINVAL, "invalid value for %s: %s", option, text);
	return 0;
}

static int set_u64(const char *text, const char *option, uint64_t *ret, bool *has,
		   struct error *err)
{
	if (!text)
		return 0;
	*has = true;
	if (parse_u64(text, 10, ret) < 0)
		return error_set(err, -EINVAL, "invalid value for %s: %s", option, text);
	return 0;
}

static int set_i64(const char *text, const char *option, int64_t *ret, bool *has, struct error *err)
{
	if (!text)
		return 0;
	*has = true;
	if (parse_i64(text, 10, ret) < 0)
		return error_set(err, -EINVAL, "invalid value for %s: %s", option, text);
	return 0;
}

static int by_options(const struct update_options *o, struct oci_resources *r, struct error *err)
{
	uint64_t weight = 0;

	if (set_u64(o->blkio_weight, "blkio-weight", &weight, &r->block_io.has_weight, err) < 0 ||
	    set_u64(o->cpu_period, "cpu-period", &r->cpu.period, &r->cpu.has_period, err) < 0 ||
	    set_i64(o->cpu_quota, "cpu-quota", &r->cpu.quota, &r->cpu.has_quota, err) < 0 ||
	    set_u64(o->cpu_burst, "cpu-burst", &r->cpu.burst, &r->cpu.has_burst, err) < 0 ||
	    set_u64(o->cpu_share, "cpu-share", &r->cpu.shares, &r->cpu.has_shares, err) < 0 ||
	    set_u64(o->rt_period, "cpu-rt-period", &r->cpu.rt_period, &r->cpu.has_rt_period, err) <
		    0 ||
	    set_i64(o->rt_runtime, "cpu-rt-runtime", &r->cpu.rt_runtime, &r->cpu.has_rt_runtime,
		    err) < 0 ||
	    set_bytes(o->kernel, "kernel-memory", &r->memory.kernel, &r->memory.has_kernel, err) <
		    0 ||
	    set_bytes(o->kernel_tcp, "kernel-memory-tcp", &r->memory.kernel_tcp,
		      &r->memory.has_kernel_tcp, err) < 0 ||
	    set_bytes(o->memory, "memory", &r->memory.limit, &r->memory.has_limit, err) < 0 ||
	    set_bytes(o->reservation, "memory-reservation", &r->memory.reservation,
		      &r->memory.has_reservation, err) < 0 ||
	    set_bytes(o->swap, "memory-swap", &r->memory.swap, &r->memory.has_swap, err) < 0 ||
	    set_i64(o->pids, "pids-limit", &r->pids_limit, &r->has_pids_limit, err) < 0)
		return err->code;
	if (weight > UINT16_MAX)
		return error_set(err, -ERANGE, "invalid value for blkio-weight: %s",
				 o->blkio_weight);
	r->block_io.weight = (uint16_t)weight;
	if (o->cpus)
		r->cpu.cpus = (char *)o->cpus;
	if (o->mems)
		r->cpu.mems = (char *)o->mems;
	return 0;
}

static int apply(const struct runk *rk, const char *id, const struct oci_resources *res,
		 struct error *err)
{
	_cleanup_cgroups_ struct cgroups c = CGROUPS_INIT;
	_cleanup_state_ struct state s = STATE_INIT;

	if (state_load(rk->root, id, &s, err) < 0)
		return err->code;
	if (state_status(&s) == STATUS_STOPPED)
		return error_set(err, -ESRCH, "container not running");
	if (cgroups_open(s.cgroup, &c, err) < 0)
		return err->code;
	if (!c.cg)
		return error_set(err, -EOPNOTSUPP, "container \"%s\" has no cgroup", id);
	return cgroup_update(c.cg, res, err);
}

int cmd_update(const struct runk *rk, int argc, char **argv, struct error *err)
{
	struct update_options o = { NULL };
	const struct option_def defs[] = {
		{ "resources", "r", OPTION_STRING, &o.file, "FILE",
		  "the resources as JSON (-: standard input)" },
		{ "blkio-weight", NULL, OPTION_STRING, &o.blkio_weight, "N", "10 to 1000" },
		{ "cpu-period", NULL, OPTION_STRING, &o.cpu_period, "USEC", "of the quota" },
		{ "cpu-quota", NULL, OPTION_STRING, &o.cpu_quota, "USEC", "in each period" },
		{ "cpu-burst", NULL, OPTION_STRING, &o.cpu_burst, "USEC", "saved up at most" },
		{ "cpu-share", NULL, OPTION_STRING, &o.cpu_share, "N", "relative weight" },
		{ "cpu-rt-period", NULL, OPTION_STRING, &o.rt_period, "USEC", "of rt-runtime" },
		{ "cpu-rt-runtime", NULL, OPTION_STRING, &o.rt_runtime, "USEC", "of real time" },
		{ "cpuset-cpus", NULL, OPTION_STRING, &o.cpus, "LIST", "processors" },
		{ "cpuset-mems", NULL, OPTION_STRING, &o.mems, "LIST", "memory nodes" },
		{ "kernel-memory", NULL, OPTION_STRING, &o.kernel, "BYTES", "version 1" },
		{ "kernel-memory-tcp", NULL, OPTION_STRING, &o.kernel_tcp, "BYTES", "version 1" },
		{ "memory", NULL, OPTION_STRING, &o.memory, "BYTES", "limit" },
		{ "memory-reservation", NULL, OPTION_STRING, &o.reservation, "BYTES",
		  "kept when memory is short" },
		{ "memory-swap", NULL, OPTION_STRING, &o.swap, "BYTES", "memory and swap" },
		{ "pids-limit", NULL, OPTION_STRING, &o.pids, "N", "processes" },
	};
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	struct oci_resources res;
	const char *id;
	int next;

	memset(&res, 0, sizeof(res));
	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err) < 0 ||
	    runk_one_id(argc, argv, next, &id, err) < 0)
		return 1;
	if (o.file) {
		if (load_file(o.file, &spec, err) < 0)
			return 1;
		if (!spec->linux_.resources) {
			error_set(err, -EINVAL, "%s: an object is expected", o.file);
			return 1;
		}
		res = *spec->linux_.resources;
	} else if (by_options(&o, &res, err) < 0) {
		return 1;
	}
	/* As with runc, the rules for devices stay. */
	res.devices = NULL;
	res.n_devices = 0;
	apply(rk, id, &res, err);
	return 0;
}
