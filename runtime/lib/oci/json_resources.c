/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/json_read.h"

static int read_device_rule(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_device_rule *d = element;
	int r;

	d->type = 'a';
	d->major = d->minor = -1;
	if ((r = json_need_bool(v, "allow", &d->allow, rd->err)) < 0 ||
	    (r = oci_read_type(rd, v, "type", "abcup", &d->type)) < 0 ||
	    (r = json_get_i64(v, "major", &d->major, rd->err)) < 0 ||
	    (r = json_get_i64(v, "minor", &d->minor, rd->err)) < 0)
		return r;
	return oci_read_string(rd, v, "access", &d->access);
}

static int read_memory(struct oci_reader *rd, const struct json_value *v, struct oci_resources *res)
{
	__typeof__(res->memory) *m = &res->memory;
	int r;

	if ((r = oci_read_opt_i64(rd, v, "limit", &m->has_limit, &m->limit)) < 0 ||
	    (r = oci_read_opt_i64(rd, v, "reservation", &m->has_reservation, &m->reservation)) <
		    0 ||
	    (r = oci_read_opt_i64(rd, v, "swap", &m->has_swap, &m->swap)) < 0 ||
	    (r = oci_read_opt_i64(rd, v, "kernel", &m->has_kernel, &m->kernel)) < 0 ||
	    (r = oci_read_opt_i64(rd, v, "kernelTCP", &m->has_kernel_tcp, &m->kernel_tcp)) < 0 ||
	    (r = oci_read_opt_u64(rd, v, "swappiness", &m->has_swappiness, &m->swappiness)) < 0)
		return r;
	r = json_get_bool(v, "disableOOMKiller", &m->disable_oom_killer, rd->err);
	if (r > 0)
		m->has_disable_oom_killer = true;
	return r;
}

static int read_cpu(struct oci_reader *rd, const struct json_value *v, struct oci_resources *res)
{
	__typeof__(res->cpu) *c = &res->cpu;
	int r;

	if ((r = oci_read_opt_u64(rd, v, "shares", &c->has_shares, &c->shares)) < 0 ||
	    (r = oci_read_opt_i64(rd, v, "quota", &c->has_quota, &c->quota)) < 0 ||
	    (r = oci_read_opt_u64(rd, v, "burst", &c->has_burst, &c->burst)) < 0 ||
	    (r = oci_read_opt_u64(rd, v, "period", &c->has_period, &c->period)) < 0 ||
	    (r = oci_read_opt_i64(rd, v, "realtimeRuntime", &c->has_rt_runtime, &c->rt_runtime)) <
		    0 ||
	    (r = oci_read_opt_u64(rd, v, "realtimePeriod", &c->has_rt_period, &c->rt_period)) < 0 ||
	    (r = oci_read_opt_i64(rd, v, "idle", &c->has_idle, &c->idle)) < 0 ||
	    (r = oci_read_string(rd, v, "cpus", &c->cpus)) < 0)
		return r;
	return oci_read_string(rd, v, "mems", &c->mems);
}

static int read_pids(struct oci_reader *rd, const struct json_value *v, struct oci_resources *res)
{
	return oci_read_opt_i64(rd, v, "limit", &res->has_pids_limit, &res->pids_limit);
}

static int read_weight_device(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_weight_device *d = element;
	int r;

	if ((r = json_need_i64(v, "major", &d->major, rd->err)) < 0 ||
	    (r = json_need_i64(v, "minor", &d->minor, rd->err)) < 0 ||
	    (r = json_get_u16(v, "weight", &d->weight, rd->err)) < 0)
		return r;
	return json_get_u16(v, "leafWeight", &d->leaf_weight, rd->err);
}

static int read_throttle_device(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_throttle_device *d = element;
	int r;

	if ((r = json_need_i64(v, "major", &d->major, rd->err)) < 0 ||
	    (r = json_need_i64(v, "minor", &d->minor, rd->err)) < 0)
		return r;
	return json_need_u64(v, "rate", &d->rate, rd->err);
}

static int read_block_io(struct oci_reader *rd, const struct json_value *v,
			 struct oci_resources *res)
{
	__typeof__(res->block_io) *b = &res->block_io;
	const struct {
		const char *key;
		struct oci_throttle_list *list;
	} throttles[] = {
		{ "throttleReadBpsDevice", &b->read_bps },
		{ "throttleWriteBpsDevice", &b->write_bps },
		{ "throttleReadIOPSDevice", &b->read_iops },
		{ "throttleWriteIOPSDevice", &b->write_iops },
	};
	int r;

	if ((r = oci_read_opt_u16(rd, v, "weight", &b->has_weight, &b->weight)) < 0 ||
	    (r = oci_read_opt_u16(rd, v, "leafWeight", &b->has_leaf_weight, &b->leaf_weight)) < 0 ||
	    (r = oci_read_objects(rd, v, "weightDevice", sizeof(*b->weight_device),
				  read_weight_device, &b->weight_device, &b->n_weight_device)) < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(throttles); i++) {
		r = oci_read_objects(rd, v, throttles[i].key, sizeof(struct oci_throttle_device),
				     read_throttle_device, &throttles[i].list->v,
				     &throttles[i].list->n);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_hugepage_limit(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_hugepage_limit *h = element;
	const char *size = NULL;
	int r;

	if ((r = json_need_string(v, "pageSize", &size, rd->err)) < 0 ||
	    (r = oci_read_string(rd, v, "pageSize", &h->page_size)) < 0)
		return r;
	return json_need_u64(v, "limit", &h->limit, rd->err);
}

static int read_priority(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_interface_priority *p = element;
	const char *name = NULL;
	int r;

	if ((r = json_need_string(v, "name", &name, rd->err)) < 0 ||
	    (r = oci_read_string(rd, v, "name", &p->name)) < 0)
		return r;
	return json_need_u32(v, "priority", &p->priority, rd->err);
}

static int read_network(struct oci_reader *rd, const struct json_value *v,
			struct oci_resources *res)
{
	__typeof__(res->network) *n = &res->network;
	int r = oci_read_opt_u32(rd, v, "classID", &n->has_class_id, &n->class_id);

	if (r < 0)
		return r;
	return oci_read_objects(rd, v, "priorities", sizeof(*n->priorities), read_priority,
				&n->priorities, &n->n_priorities);
}

/* An object of objects, by device name. */
static int read_rdma(struct oci_reader *rd, const struct json_value *v, struct oci_resources *res)
{
	const struct json_value *one;
	size_t n = json_count(v);

	if (n > OCI_SPEC_MAX_ITEMS)
		return json_fail(v, rd->err, "more than %d members", OCI_SPEC_MAX_ITEMS);
	if (!n)
		return 0;
	res->rdma = arena_new_array(rd->arena, struct oci_rdma_limit, n);
	if (!res->rdma)
		return error_oom(rd->err);
	json_for_each(one, v)
	{
		struct oci_rdma_limit *l = &res->rdma[res->n_rdma++];
		const struct json_value *object = NULL;
		int r;

		if ((r = json_as_object(one, &object, rd->err)) < 0 ||
		    (r = oci_read_opt_u32(rd, object, "hcaHandles", &l->has_handles, &l->handles)) <
			    0 ||
		    (r = oci_read_opt_u32(rd, object, "hcaObjects", &l->has_objects, &l->objects)) <
			    0)
			return r;
		l->device = arena_strdup(rd->arena, one->key);
		if (!l->device)
			return error_oom(rd->err);
	}
	return 0;
}

int oci_read_resources(struct oci_reader *rd, const struct json_value *v, struct oci_resources *res)
{
	static const struct {
		const char *key;
		int (*fn)(struct oci_reader *rd, const struct json_value *v,
			  struct oci_resources *res);
	} parts[] = {
		{ "memory", read_memory },    { "cpu", read_cpu },	   { "pids", read_pids },
		{ "blockIO", read_block_io }, { "network", read_network }, { "rdma", read_rdma },
	};
	int r;

	if ((r = oci_read_objects(rd, v, "devices", sizeof(*res->devices), read_device_rule,
				  &res->devices, &res->n_devices)) < 0 ||
	    (r = oci_read_objects(rd, v, "hugepageLimits", sizeof(*res->hugepage_limits),
				  read_hugepage_limit, &res->hugepage_limits,
				  &res->n_hugepage_limits)) < 0 ||
	    (r = oci_read_map(rd, v, "unified", &res->unified, &res->n_unified)) < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const struct json_value *part = NULL;

		r = json_get_object(v, parts[i].key, &part, rd->err);
		if (r > 0)
			r = parts[i].fn(rd, part, res);
		if (r < 0)
			return r;
	}
	return 0;
}
