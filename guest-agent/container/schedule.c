/* SPDX-License-Identifier: Apache-2.0 */
#include "container/schedule.h"

#include <linux/ioprio.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/strbuf.h"

/* sched_setattr(2); the kernel's header for it collides with the C library's. */
struct sched_attr {
	uint32_t size, sched_policy;
	uint64_t sched_flags;
	int32_t sched_nice;
	uint32_t sched_priority;
	uint64_t sched_runtime, sched_deadline, sched_period;
};

struct word {
	const char *name;
	uint32_t value;
};

/* linux/sched.h */
static const struct word policies[] = {
	{ "SCHED_OTHER", SCHED_OTHER }, { "SCHED_FIFO", SCHED_FIFO }, { "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH }, { "SCHED_ISO", 4 },	      { "SCHED_IDLE", SCHED_IDLE },
	{ "SCHED_DEADLINE", 6 },
};
static const struct word sched_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", 0x01 },  { "SCHED_FLAG_RECLAIM", 0x02 },
	{ "SCHED_FLAG_DL_OVERRUN", 0x04 },     { "SCHED_FLAG_KEEP_POLICY", 0x08 },
	{ "SCHED_FLAG_KEEP_PARAMS", 0x10 },    { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
};
static const struct word io_classes[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
};
static const struct word domains[] = {
	{ "LINUX", PER_LINUX },
	{ "LINUX32", PER_LINUX32 },
};

static int lookup(const struct word *table, size_t n, const char *name, const char *where,
		  uint32_t *ret, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(name, table[i].name)) {
			*ret = table[i].value;
			return 0;
		}
	}
	return error_set(err, -EINVAL, "%s: unknown value \"%s\"", where, name ? name : "");
}
#define LOOKUP(table, name, where, ret, err) \
	lookup((table), ARRAY_SIZE(table), (name), (where), (ret), (err))

static int scheduler_attr(const struct oci_process *p, struct sched_attr *a, struct error *err)
{
	uint32_t v;

	memset(a, 0, sizeof(*a));
	a->size = sizeof(*a);
	if (LOOKUP(policies, p->scheduler.policy, "process.scheduler.policy", &a->sched_policy,
		   err) < 0)
		return err->code;
	for (size_t i = 0; i < p->scheduler.flags.n; i++) {
		if (LOOKUP(sched_flags, p->scheduler.flags.v[i], "process.scheduler.flags", &v,
			   err) < 0)
			return err->code;
		a->sched_flags |= v;
	}
	if (p->scheduler.nice < -20 || p->scheduler.nice > 19)
		return error_set(err, -EINVAL, "process.scheduler.nice: %d is not in -20..19",
				 p->scheduler.nice);
	if (p->scheduler.priority < 0)
		return error_set(err, -EINVAL, "process.scheduler.priority: %d is negative",
				 p->scheduler.priority);
	a->sched_nice = p->scheduler.nice;
	a->sched_priority = (uint32_t)p->scheduler.priority;
	a->sched_runtime = p->scheduler.runtime;
	a->sched_deadline = p->scheduler.deadline;
	a->sched_period = p->scheduler.period;
	return 0;
}

static int io_priority(const struct oci_process *p, int *ret, struct error *err)
{
	uint32_t klass;

	if (LOOKUP(io_classes, p->io_priority.klass, "process.ioPriority.class", &klass, err) < 0)
		return err->code;
	if (p->io_priority.priority < 0 || p->io_priority.priority > 7)
		return error_set(err, -EINVAL, "process.ioPriority.priority: %d is not in 0..7",
				 p->io_priority.priority);
	*ret = (int)(klass << IOPRIO_CLASS_SHIFT) | p->io_priority.priority;
	return 0;
}

static int domain_of(const struct oci_linux *l, uint32_t *ret, struct error *err)
{
	if (l->n_personality_flags)
		return error_set(err, -EINVAL, "linux.personality.flags: none is defined");
	return LOOKUP(domains, l->personality, "linux.personality.domain", ret, err);
}

int schedule_check(const struct oci_process *p, const struct oci_linux *l, struct error *err)
{
	struct sched_attr a;
	uint32_t domain;
	int prio;

	if ((p->scheduler.policy && scheduler_attr(p, &a, err) < 0) ||
	    (p->io_priority.klass && io_priority(p, &prio, err) < 0) ||
	    (l && l->personality && domain_of(l, &domain, err) < 0))
		return err->code;
	return 0;
}

int schedule_apply(const struct oci_process *p, const struct oci_linux *l, struct error *err)
{
	struct sched_attr a;
	uint32_t domain;
	int prio = 0;

	if (p->scheduler.policy) {
		if (scheduler_attr(p, &a, err) < 0)
			return err->code;
		if (syscall(SYS_sched_setattr, 0, &a, 0) < 0)
			return error_sys(err, -errno, "process.scheduler");
	}
	if (p->io_priority.klass) {
		if (io_priority(p, &prio, err) < 0)
			return err->code;
		if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, prio) < 0)
			return error_sys(err, -errno, "process.ioPriority");
	}
	if (l && l->personality) {
		if (domain_of(l, &domain, err) < 0)
			return err->code;
		if (personality(domain) < 0)
			return error_sys(err, -errno, "linux.personality");
	}
	return 0;
}

int schedule_affinity(const char *cpus, struct error *err)
{
	cpu_set_t set;
	const char *p = cpus;

	CPU_ZERO(&set);
	while (*p) {
		char *end;
		unsigned long from = strtoul(p, &end, 10), to = from;

		if (end != p && *end == '-') {
			p = end + 1;
			to = strtoul(p, &end, 10);
		}
		if (end == p || from > to || to >= CPU_SETSIZE || (*end && *end != ','))
			return error_set(err, -EINVAL, "bad list of processors \"%s\"", cpus);
		for (; from <= to; from++)
			CPU_SET(from, &set);
		p = *end ? end + 1 : end;
	}
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return error_sys(err, -errno, "cannot run on processors \"%s\"", cpus);
	return 0;
}
