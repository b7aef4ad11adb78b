/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/loop.h"
#include "base/options.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "codec/json.h"
#include "runk/cgroups.h"
#include "runk/runk.h"
#include "runk/state.h"

#define DEFAULT_INTERVAL (5 * USEC_PER_SEC)
#define MIN_INTERVAL	 10000

struct events {
	const struct runk *rk;
	const char *id;
	struct loop *loop;
	struct loop_source *timer;
	struct cgroup_root *root;
	struct cgroup *cg;
	struct state s;
	uint64_t interval;
	struct error *err;
};

static void out_memory(struct json_out *o, const char *key, const struct cgroup_mem *m)
{
	json_out_object(o, key);
	json_out_u64(o, "limit", m->limit);
	json_out_u64(o, "usage", m->usage);
	json_out_u64(o, "max", m->max_usage);
	json_out_u64(o, "failcnt", m->failcnt);
	json_out_end(o);
}

static void out_cpu(struct json_out *o, const struct cgroup_stats *st)
{
	json_out_object(o, "cpu");
	json_out_object(o, "usage");
	json_out_u64(o, "total", st->cpu.total);
	if (st->cpu.n_percpu) {
		json_out_array(o, "percpu");
		for (size_t i = 0; i < st->cpu.n_percpu; i++)
			json_out_u64(o, NULL, st->cpu.percpu[i]);
		json_out_end(o);
	}
	json_out_u64(o, "kernel", st->cpu.kernel);
	json_out_u64(o, "user", st->cpu.user);
	json_out_end(o);
	json_out_object(o, "throttling");
	json_out_u64(o, "periods", st->cpu.periods);
	json_out_u64(o, "throttledPeriods", st->cpu.throttled_periods);
	json_out_u64(o, "throttledTime", st->cpu.throttled_time);
	json_out_end(o);
	json_out_end(o);
}

static void out_io(struct json_out *o, const struct cgroup_stats *st)
{
	static const char *const names[CGROUP_IO_KINDS] = {
		"ioServiceBytesRecursive", "ioServicedRecursive", "ioQueueRecursive",
		"ioServiceTimeRecursive",  "ioWaitTimeRecursive", "ioMergedRecursive",
		"ioTimeRecursive",	   "sectorsRecursive",
	};

	json_out_object(o, "blkio");
	for (size_t k = 0; k < CGROUP_IO_KINDS; k++) {
		if (!st->io[k].n)
			continue;
		json_out_array(o, names[k]);
		for (size_t i = 0; i < st->io[k].n; i++) {
			const struct cgroup_io_entry *e = &st->io[k].v[i];

			json_out_object(o, NULL);
			json_out_u64(o, "major", e->major);
			json_out_u64(o, "minor", e->minor);
			json_out_string(o, "op", e->op ? e->op : "");
			json_out_u64(o, "value", e->value);
			json_out_end(o);
		}
		json_out_end(o);
	}
	json_out_end(o);
}

static void out_all_memory(struct json_out *o, const struct cgroup_stats *st)
{
	json_out_object(o, "memory");
	json_out_u64(o, "cache", st->memory.cache);
	out_memory(o, "usage", &st->memory.usage);
	out_memory(o, "swap", &st->memory.swap);
	out_memory(o, "kernel", &st->memory.kernel);
	out_memory(o, "kernelTCP", &st->memory.kernel_tcp);
	json_out_object(o, "raw");
	for (size_t i = 0; i < st->memory.n_stat; i++)
		json_out_u64(o, st->memory.stat[i].key, st->memory.stat[i].value);
	json_out_end(o);
	json_out_end(o);
}

static void out_stats(struct json_out *o, const struct cgroup_stats *st)
{
	json_out_object(o, "data");
	out_cpu(o, st);
	if (st->memory.present)
		out_all_memory(o, st);
	json_out_object(o, "pids");
	json_out_u64(o, "current", st->pids.current);
	json_out_u64(o, "limit", st->pids.limit == UINT64_MAX ? 0 : st->pids.limit);
	json_out_end(o);
	out_io(o, st);
	json_out_object(o, "hugetlb");
	for (size_t i = 0; i < st->n_huge; i++) {
		json_out_object(o, st->huge[i].size);
		json_out_u64(o, "usage", st->huge[i].usage);
		json_out_u64(o, "max", st->huge[i].max_usage);
		json_out_u64(o, "failcnt", st->huge[i].failcnt);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_end(o);
}

/* One line, as runc writes it. */
static int print_event(const struct events *ev, const char *type, const struct cgroup_stats *st)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct json_out o;

	json_out_init(&o, &sb, NULL);
	json_out_object(&o, NULL);
	json_out_string(&o, "type", type);
	json_out_string(&o, "id", ev->id);
	if (st)
		out_stats(&o, st);
	json_out_end(&o);
	if (json_out_finish(&o) < 0 || strbuf_addch(&sb, '\n') < 0)
		return -ENOMEM;
	return fd_write_full(1, sb.buf, sb.len);
}

static int print_stats(struct events *ev)
{
	struct cgroup_stats st;
	int r;

	memset(&st, 0, sizeof(st));
	if (cgroup_stats(ev->cg, &st, ev->err) < 0)
		return ev->err->code;
	r = print_event(ev, "stats", &st);
	cgroup_stats_release(&st);
	return r < 0 ? error_sys(ev->err, r, "cannot print statistics") : 0;
}

static void on_oom(void *data)
{
	print_event(data, "oom", NULL);
}

static void on_time(struct loop_source *s, void *data)
{
	struct events *ev = data;

	if (!state_alive(&ev->s)) {
		loop_exit(ev->loop, 0);
		return;
	}
	if (print_stats(ev) < 0)
		loop_exit(ev->loop, 1);
	else
		loop_timer_set(s, ev->interval);
}

static int open_container(struct events *ev, struct error *err)
{
	const struct cgroup_options o = { .loop = ev->loop, .rootless = geteuid() != 0 };

	if (state_load(ev->rk->root, ev->id, &ev->s, err) < 0)
		return err->code;
	if (state_status(&ev->s) == STATUS_STOPPED)
		return error_set(err, -ESRCH, "container with id %s is not running", ev->id);
	if (!ev->s.cgroup)
		return error_set(err, -EOPNOTSUPP, "container \"%s\" has no cgroup", ev->id);
	if (cgroup_root_open(&o, &ev->root, err) < 0)
		return err->code;
	return cgroup_open(ev->root, ev->s.cgroup, &ev->cg, err);
}

static int watch(struct events *ev)
{
	/* Without a memory controller there are statistics still. */
	cgroup_oom_watch(ev->cg, on_oom, ev, NULL);
	if (loop_add_timer(ev->loop, on_time, ev, &ev->timer) < 0)
		return error_oom(ev->err);
	loop_timer_set(ev->timer, ev->interval);
	return loop_run(ev->loop);
}

/* "5s", "500ms", or seconds. */
static int parse_interval(const char *text, uint64_t *ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf number = STRBUF_INIT;
	uint64_t unit = USEC_PER_SEC, v;
	size_t n = strspn(text, "0123456789");

	if (str_eq(text + n, "ms"))
		unit = USEC_PER_MSEC;
	else if (str_eq(text + n, "m"))
		unit = 60 * USEC_PER_SEC;
	else if (text[n] && !str_eq(text + n, "s"))
		return error_set(err, -EINVAL, "invalid interval \"%s\"", text);
	if (strbuf_add(&number, text, n) < 0)
		return error_oom(err);
	if (parse_u64(number.buf, 10, &v) < 0 || v > 1000000 || v * unit < MIN_INTERVAL)
		return error_set(err, -EINVAL, "invalid interval \"%s\"", text);
	*ret = v * unit;
	return 0;
}

int cmd_events(const struct runk *rk, int argc, char **argv, struct error *err)
{
	struct events ev = { .rk = rk, .s = STATE_INIT, .interval = DEFAULT_INTERVAL, .err = err };
	const char *interval = NULL;
	bool once = false;
	const struct option_def defs[] = {
		{ "interval", NULL, OPTION_STRING, &interval, "TIME", "between statistics (5s)" },
		{ "stats", NULL, OPTION_FLAG, &once, NULL, "print statistics once" },
	};
	int next, r;

	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err) < 0 ||
	    runk_one_id(argc, argv, next, &ev.id, err) < 0 ||
	    (interval && parse_interval(interval, &ev.interval, err) < 0))
		return 1;
	if (loop_new(&ev.loop) < 0) {
		error_oom(err);
		return 1;
	}
	r = open_container(&ev, err);
	if (r == 0)
		r = once ? print_stats(&ev) : watch(&ev);
	loop_source_free(ev.timer);
	cgroup_close(ev.cg);
	cgroup_root_free(ev.root);
	loop_free(ev.loop);
	state_release(&ev.s);
	return r < 0 ? 1 : r;
}
