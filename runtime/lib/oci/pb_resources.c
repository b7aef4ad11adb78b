/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/pb_convert.h"

#include <string.h>

/* Numbers travel without their has_ flags: the protocol takes 0 for unset, as upstream's agents do. */

static void *make_device_rule(struct arena *a, const void *src)
{
	const struct oci_device_rule *d = src;
	Grpc__LinuxDeviceCgroup *m = oci_pb_new(a, &grpc__linux_device_cgroup__descriptor);

	if (!m)
		return NULL;
	m->allow = d->allow;
	m->type = arena_memdup0(a, &d->type, 1);
	m->major = d->major;
	m->minor = d->minor;
	m->access = oci_pb_text(d->access);
	return m->type ? m : NULL;
}

static void *make_hugepage_limit(struct arena *a, const void *src)
{
	const struct oci_hugepage_limit *h = src;
	Grpc__LinuxHugepageLimit *m = oci_pb_new(a, &grpc__linux_hugepage_limit__descriptor);

	if (m) {
		m->pagesize = oci_pb_text(h->page_size);
		m->limit = h->limit;
	}
	return m;
}

static void *make_weight_device(struct arena *a, const void *src)
{
	const struct oci_weight_device *d = src;
	Grpc__LinuxWeightDevice *m = oci_pb_new(a, &grpc__linux_weight_device__descriptor);

	if (m) {
		m->major = d->major;
		m->minor = d->minor;
		m->weight = d->weight;
		m->leafweight = d->leaf_weight;
	}
	return m;
}

static void *make_throttle_device(struct arena *a, const void *src)
{
	const struct oci_throttle_device *d = src;
	Grpc__LinuxThrottleDevice *m = oci_pb_new(a, &grpc__linux_throttle_device__descriptor);

	if (m) {
		m->major = d->major;
		m->minor = d->minor;
		m->rate = d->rate;
	}
	return m;
}

static int repeat_throttle(struct arena *a, Grpc__LinuxThrottleDevice ***ret, size_t *ret_n,
			   const struct oci_throttle_list *list)
{
	return oci_pb_repeat(a, ret, ret_n, list->v, list->n, sizeof(*list->v),
			     make_throttle_device);
}

static int make_block_io(struct arena *a, const struct oci_resources *res, Grpc__LinuxBlockIO **ret)
{
	__typeof__(res->block_io) const *b = &res->block_io;
	Grpc__LinuxBlockIO *m;

	if (!b->has_weight && !b->has_leaf_weight &&
	    b->n_weight_device + b->read_bps.n + b->write_bps.n + b->read_iops.n +
			    b->write_iops.n ==
		    0)
		return 0;
	m = *ret = oci_pb_new(a, &grpc__linux_block_io__descriptor);
	if (!m)
		return -ENOMEM;
	m->weight = b->weight;
	m->leafweight = b->leaf_weight;
	if (oci_pb_repeat(a, &m->weightdevice, &m->n_weightdevice, b->weight_device,
			  b->n_weight_device, sizeof(*b->weight_device), make_weight_device) < 0 ||
	    repeat_throttle(a, &m->throttlereadbpsdevice, &m->n_throttlereadbpsdevice,
			    &b->read_bps) < 0 ||
	    repeat_throttle(a, &m->throttlewritebpsdevice, &m->n_throttlewritebpsdevice,
			    &b->write_bps) < 0 ||
	    repeat_throttle(a, &m->throttlereadiopsdevice, &m->n_throttlereadiopsdevice,
			    &b->read_iops) < 0)
		return -ENOMEM;
	return repeat_throttle(a, &m->throttlewriteiopsdevice, &m->n_throttlewriteiopsdevice,
			       &b->write_iops);
}

static int make_memory(struct arena *a, const struct oci_resources *res, Grpc__LinuxMemory **ret)
{
	__typeof__(res->memory) const *s = &res->memory;
	Grpc__LinuxMemory *m;

	if (!s->has_limit && !s->has_reservation && !s->has_swap && !s->has_kernel &&
	    !s->has_kernel_tcp && !s->has_swappiness && !s->has_disable_oom_killer)
		return 0;
	m = *ret = oci_pb_new(a, &grpc__linux_memory__descriptor);
	if (!m)
		return -ENOMEM;
	m->limit = s->limit;
	m->reservation = s->reservation;
	m->swap = s->swap;
	m->kernel = s->kernel;
	m->kerneltcp = s->kernel_tcp;
	m->swappiness = s->swappiness;
	m->disableoomkiller = s->disable_oom_killer;
	return 0;
}

static int make_cpu(struct arena *a, const struct oci_resources *res, Grpc__LinuxCPU **ret)
{
	__typeof__(res->cpu) const *c = &res->cpu;
	Grpc__LinuxCPU *m;

	if (!c->has_shares && !c->has_quota && !c->has_burst && !c->has_period &&
	    !c->has_rt_runtime && !c->has_rt_period && !c->cpus && !c->mems)
		return 0;
	m = *ret = oci_pb_new(a, &grpc__linux_cpu__descriptor);
	if (!m)
		return -ENOMEM;
	m->shares = c->shares;
	m->quota = c->quota;
	m->burst = c->burst;
	m->period = c->period;
	m->realtimeruntime = c->rt_runtime;
	m->realtimeperiod = c->rt_period;
	m->cpus = oci_pb_text(c->cpus);
	m->mems = oci_pb_text(c->mems);
	return 0;
}

static void *make_priority(struct arena *a, const void *src)
{
	const struct oci_interface_priority *p = src;
	Grpc__LinuxInterfacePriority *m =
		oci_pb_new(a, &grpc__linux_interface_priority__descriptor);

	if (m) {
		m->name = oci_pb_text(p->name);
		m->priority = p->priority;
	}
	return m;
}

static int make_network(struct arena *a, const struct oci_resources *res, Grpc__LinuxNetwork **ret)
{
	__typeof__(res->network) const *n = &res->network;
	Grpc__LinuxNetwork *m;

	if (!n->has_class_id && n->n_priorities == 0)
		return 0;
	m = *ret = oci_pb_new(a, &grpc__linux_network__descriptor);
	if (!m)
		return -ENOMEM;
	m->classid = n->class_id;
	return oci_pb_repeat(a, &m->priorities, &m->n_priorities, n->priorities, n->n_priorities,
			     sizeof(*n->priorities), make_priority);
}

Grpc__LinuxResources *oci_pb_make_resources(struct arena *a, const struct oci_resources *r)
{
	Grpc__LinuxResources *m = oci_pb_new(a, &grpc__linux_resources__descriptor);

	if (!m || make_memory(a, r, &m->memory) < 0 || make_cpu(a, r, &m->cpu) < 0 ||
	    make_block_io(a, r, &m->blockio) < 0 || make_network(a, r, &m->network) < 0 ||
	    oci_pb_repeat(a, &m->devices, &m->n_devices, r->devices, r->n_devices,
			  sizeof(*r->devices), make_device_rule) < 0 ||
	    oci_pb_repeat(a, &m->hugepagelimits, &m->n_hugepagelimits, r->hugepage_limits,
			  r->n_hugepage_limits, sizeof(*r->hugepage_limits),
			  make_hugepage_limit) < 0 ||
	    oci_pb_map(a, &grpc__linux_resources__unified_entry__descriptor, &m->unified,
		       &m->n_unified, r->unified, r->n_unified) < 0)
		return NULL;
	if (r->has_pids_limit) {
		m->pids = oci_pb_new(a, &grpc__linux_pids__descriptor);
		if (!m->pids)
			return NULL;
		m->pids->limit = r->pids_limit;
	}
	return m;
}

static int read_device_rule(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__LinuxDeviceCgroup *m = msg;
	struct oci_device_rule *d = element;

	if (strlen(m->type) > 1 || (*m->type && !strchr("abcup", m->type[0])))
		return error_set(rd->err, -EINVAL, "unknown type \"%s\", expected one of \"abcup\"",
				 m->type);
	d->allow = m->allow;
	d->type = *m->type ? m->type[0] : 'a';
	d->major = m->major;
	d->minor = m->minor;
	if (d->type == 'a') /* no numbers with "all"; some callers leave them 0 */
		d->major = d->minor = -1;
	return oci_pb_read_text(rd, m->access, &d->access);
}

static int read_hugepage_limit(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__LinuxHugepageLimit *m = msg;
	struct oci_hugepage_limit *h = element;

	h->limit = m->limit;
	return oci_pb_read_text(rd, m->pagesize, &h->page_size);
}

static int check_u16(struct oci_pb_reader *rd, const char *what, uint32_t v)
{
	return v <= UINT16_MAX ? 0 : error_set(rd->err, -EINVAL, "%s %u is out of range", what, v);
}

static int read_weight_device(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__LinuxWeightDevice *m = msg;
	struct oci_weight_device *d = element;
	int r = check_u16(rd, "weight", m->weight);

	if (r == 0)
		r = check_u16(rd, "leafWeight", m->leafweight);
	d->major = m->major;
	d->minor = m->minor;
	d->weight = (uint16_t)m->weight;
	d->leaf_weight = (uint16_t)m->leafweight;
	return r;
}

static int read_throttle_device(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__LinuxThrottleDevice *m = msg;
	struct oci_throttle_device *d = element;

	d->major = m->major;
	d->minor = m->minor;
	d->rate = m->rate;
	return 0;
}

static int read_throttle(struct oci_pb_reader *rd, const char *path,
			 Grpc__LinuxThrottleDevice *const *msgs, size_t n,
			 struct oci_throttle_list *list)
{
	return oci_pb_read_repeated(rd, path, msgs, n, sizeof(*list->v), read_throttle_device,
				    &list->v, &list->n);
}

static int read_block_io(struct oci_pb_reader *rd, const Grpc__LinuxBlockIO *m,
			 struct oci_resources *res)
{
	__typeof__(res->block_io) *b = &res->block_io;
	int r;

	if ((r = check_u16(rd, "linux.resources.blockIO.weight:", m->weight)) < 0 ||
	    (r = check_u16(rd, "linux.resources.blockIO.leafWeight:", m->leafweight)) < 0)
		return r;
	b->has_weight = m->weight != 0;
	b->weight = (uint16_t)m->weight;
	b->has_leaf_weight = m->leafweight != 0;
	b->leaf_weight = (uint16_t)m->leafweight;
	if ((r = oci_pb_read_repeated(rd, "linux.resources.blockIO.weightDevice", m->weightdevice,
				      m->n_weightdevice, sizeof(*b->weight_device),
				      read_weight_device, &b->weight_device, &b->n_weight_device)) <
		    0 ||
	    (r = read_throttle(rd, "linux.resources.blockIO.throttleReadBpsDevice",
			       m->throttlereadbpsdevice, m->n_throttlereadbpsdevice,
			       &b->read_bps)) < 0 ||
	    (r = read_throttle(rd, "linux.resources.blockIO.throttleWriteBpsDevice",
			       m->throttlewritebpsdevice, m->n_throttlewritebpsdevice,
			       &b->write_bps)) < 0 ||
	    (r = read_throttle(rd, "linux.resources.blockIO.throttleReadIOPSDevice",
			       m->throttlereadiopsdevice, m->n_throttlereadiopsdevice,
			       &b->read_iops)) < 0)
		return r;
	return read_throttle(rd, "linux.resources.blockIO.throttleWriteIOPSDevice",
			     m->throttlewriteiopsdevice, m->n_throttlewriteiopsdevice,
			     &b->write_iops);
}

static void read_memory(const Grpc__LinuxMemory *m, struct oci_resources *res)
{
	__typeof__(res->memory) *s = &res->memory;

	s->has_limit = m->limit != 0;
	s->limit = m->limit;
	s->has_reservation = m->reservation != 0;
	s->reservation = m->reservation;
	s->has_swap = m->swap != 0;
	s->swap = m->swap;
	s->has_kernel = m->kernel != 0;
	s->kernel = m->kernel;
	s->has_kernel_tcp = m->kerneltcp != 0;
	s->kernel_tcp = m->kerneltcp;
	s->has_swappiness = m->swappiness != 0;
	s->swappiness = m->swappiness;
	s->has_disable_oom_killer = m->disableoomkiller;
	s->disable_oom_killer = m->disableoomkiller;
}

static int read_cpu(struct oci_pb_reader *rd, const Grpc__LinuxCPU *m, struct oci_resources *res)
{
	__typeof__(res->cpu) *c = &res->cpu;
	int r;

	c->has_shares = m->shares != 0;
	c->shares = m->shares;
	c->has_quota = m->quota != 0;
	c->quota = m->quota;
	c->has_burst = m->burst != 0;
	c->burst = m->burst;
	c->has_period = m->period != 0;
	c->period = m->period;
	c->has_rt_runtime = m->realtimeruntime != 0;
	c->rt_runtime = m->realtimeruntime;
	c->has_rt_period = m->realtimeperiod != 0;
	c->rt_period = m->realtimeperiod;
	r = oci_pb_read_text(rd, m->cpus, &c->cpus);
	return r < 0 ? r : oci_pb_read_text(rd, m->mems, &c->mems);
}

static int read_priority(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__LinuxInterfacePriority *m = msg;
	struct oci_interface_priority *p = element;

	p->priority = m->priority;
	return oci_pb_read_text(rd, m->name, &p->name);
}

static int read_network(struct oci_pb_reader *rd, const Grpc__LinuxNetwork *m,
			struct oci_resources *res)
{
	__typeof__(res->network) *n = &res->network;

	n->has_class_id = m->classid != 0;
	n->class_id = m->classid;
	return oci_pb_read_repeated(rd, "linux.resources.network.priorities", m->priorities,
				    m->n_priorities, sizeof(*n->priorities), read_priority,
				    &n->priorities, &n->n_priorities);
}

int oci_pb_read_resources(struct oci_pb_reader *rd, const Grpc__LinuxResources *m,
			  struct oci_resources *res)
{
	int r;

	if (m->memory)
		read_memory(m->memory, res);
	if (m->cpu && (r = read_cpu(rd, m->cpu, res)) < 0)
		return r;
	if (m->blockio && (r = read_block_io(rd, m->blockio, res)) < 0)
		return r;
	if (m->network && (r = read_network(rd, m->network, res)) < 0)
		return r;
	if (m->pids) {
		res->has_pids_limit = true;
		res->pids_limit = m->pids->limit;
	}
	if ((r = oci_pb_read_repeated(rd, "linux.resources.devices", m->devices, m->n_devices,
				      sizeof(*res->devices), read_device_rule, &res->devices,
				      &res->n_devices)) < 0 ||
	    (r = oci_pb_read_repeated(rd, "linux.resources.hugepageLimits", m->hugepagelimits,
				      m->n_hugepagelimits, sizeof(*res->hugepage_limits),
				      read_hugepage_limit, &res->hugepage_limits,
				      &res->n_hugepage_limits)) < 0)
		return r;
	return oci_pb_read_map(rd, "linux.resources.unified", m->unified, m->n_unified,
			       &res->unified, &res->n_unified);
}
