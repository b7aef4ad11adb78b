/* SPDX-License-Identifier: Apache-2.0 */
#include "support/oci_dump.h"

#include "codec/json.h"

static void str(struct json_out *o, const char *key, const char *s)
{
	if (s)
		json_out_string(o, key, s);
}

static void strs(struct json_out *o, const char *key, const struct oci_strings *s)
{
	if (s->n > 0)
		json_out_strings(o, key, s->v, s->n);
}

static void flag(struct json_out *o, const char *key, bool b)
{
	if (b)
		json_out_bool(o, key, true);
}

static void i64(struct json_out *o, const char *key, bool has, int64_t v)
{
	if (has)
		json_out_i64(o, key, v);
}

static void u64(struct json_out *o, const char *key, bool has, uint64_t v)
{
	if (has)
		json_out_u64(o, key, v);
}

static void type(struct json_out *o, char c)
{
	char text[2] = { c, '\0' };

	json_out_string(o, "type", text);
}

static void map(struct json_out *o, const char *key, const struct oci_kv *kv, size_t n)
{
	if (n == 0)
		return;
	json_out_object(o, key);
	for (size_t i = 0; i < n; i++)
		json_out_string(o, kv[i].key, kv[i].value);
	json_out_end(o);
}

static void dump_process(struct json_out *o, const struct oci_process *p)
{
	json_out_object(o, "process");
	flag(o, "terminal", p->terminal);
	if (p->console_height || p->console_width) {
		json_out_object(o, "consoleSize");
		json_out_u64(o, "height", p->console_height);
		json_out_u64(o, "width", p->console_width);
		json_out_end(o);
	}
	json_out_object(o, "user");
	json_out_u64(o, "uid", p->user.uid);
	json_out_u64(o, "gid", p->user.gid);
	u64(o, "umask", p->user.has_umask, p->user.umask);
	if (p->user.n_additional_gids > 0) {
		json_out_array(o, "additionalGids");
		for (size_t i = 0; i < p->user.n_additional_gids; i++)
			json_out_u64(o, NULL, p->user.additional_gids[i]);
		json_out_end(o);
	}
	str(o, "username", p->user.username);
	json_out_end(o);
	strs(o, "args", &p->args);
	strs(o, "env", &p->env);
	str(o, "cwd", p->cwd);
	if (p->has_capabilities) {
		json_out_object(o, "capabilities");
		strs(o, "bounding", &p->caps.bounding);
		strs(o, "effective", &p->caps.effective);
		strs(o, "inheritable", &p->caps.inheritable);
		strs(o, "permitted", &p->caps.permitted);
		strs(o, "ambient", &p->caps.ambient);
		json_out_end(o);
	}
	json_out_array(o, "rlimits");
	for (size_t i = 0; i < p->n_rlimits; i++) {
		json_out_object(o, NULL);
		str(o, "type", p->rlimits[i].type);
		json_out_u64(o, "hard", p->rlimits[i].hard);
		json_out_u64(o, "soft", p->rlimits[i].soft);
		json_out_end(o);
	}
	json_out_end(o);
	flag(o, "noNewPrivileges", p->no_new_privileges);
	str(o, "apparmorProfile", p->apparmor_profile);
	str(o, "selinuxLabel", p->selinux_label);
	i64(o, "oomScoreAdj", p->has_oom_score_adj, p->oom_score_adj);
	json_out_end(o);
}

static void dump_mounts(struct json_out *o, const struct oci_spec *spec)
{
	json_out_array(o, "mounts");
	for (size_t i = 0; i < spec->n_mounts; i++) {
		json_out_object(o, NULL);
		str(o, "destination", spec->mounts[i].destination);
		str(o, "type", spec->mounts[i].type);
		str(o, "source", spec->mounts[i].source);
		strs(o, "options", &spec->mounts[i].options);
		json_out_end(o);
	}
	json_out_end(o);
}

static void dump_hook_list(struct json_out *o, const char *key, const struct oci_hook_list *list)
{
	if (list->n == 0)
		return;
	json_out_array(o, key);
	for (size_t i = 0; i < list->n; i++) {
		json_out_object(o, NULL);
		str(o, "path", list->v[i].path);
		strs(o, "args", &list->v[i].args);
		strs(o, "env", &list->v[i].env);
		i64(o, "timeout", list->v[i].has_timeout, list->v[i].timeout);
		json_out_end(o);
	}
	json_out_end(o);
}

static void dump_hooks(struct json_out *o, const struct oci_hooks *h)
{
	json_out_object(o, "hooks");
	dump_hook_list(o, "prestart", &h->prestart);
	dump_hook_list(o, "createRuntime", &h->create_runtime);
	dump_hook_list(o, "createContainer", &h->create_container);
	dump_hook_list(o, "startContainer", &h->start_container);
	dump_hook_list(o, "poststart", &h->poststart);
	dump_hook_list(o, "poststop", &h->poststop);
	json_out_end(o);
}

static void dump_id_maps(struct json_out *o, const char *key, const struct oci_id_map *m, size_t n)
{
	if (n == 0)
		return;
	json_out_array(o, key);
	for (size_t i = 0; i < n; i++) {
		json_out_object(o, NULL);
		json_out_u64(o, "containerID", m[i].container_id);
		json_out_u64(o, "hostID", m[i].host_id);
		json_out_u64(o, "size", m[i].size);
		json_out_end(o);
	}
	json_out_end(o);
}

static void dump_devices(struct json_out *o, const struct oci_linux *l)
{
	json_out_array(o, "namespaces");
	for (size_t i = 0; i < l->n_namespaces; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "type", oci_ns_name(l->namespaces[i].type));
		str(o, "path", l->namespaces[i].path);
		json_out_end(o);
	}
	json_out_end(o);
	if (l->n_devices == 0)
		return;
	json_out_array(o, "devices");
	for (size_t i = 0; i < l->n_devices; i++) {
		const struct oci_device *d = &l->devices[i];

		json_out_object(o, NULL);
		str(o, "path", d->path);
		type(o, d->type);
		json_out_i64(o, "major", d->major);
		json_out_i64(o, "minor", d->minor);
		u64(o, "fileMode", d->has_file_mode, d->file_mode);
		u64(o, "uid", d->has_uid, d->uid);
		u64(o, "gid", d->has_gid, d->gid);
		json_out_end(o);
	}
	json_out_end(o);
}

static void dump_seccomp(struct json_out *o, const struct oci_seccomp *s)
{
	json_out_object(o, "seccomp");
	str(o, "defaultAction", s->default_action);
	u64(o, "defaultErrnoRet", s->has_default_errno_ret, s->default_errno_ret);
	strs(o, "architectures", &s->architectures);
	strs(o, "flags", &s->flags);
	str(o, "listenerPath", s->listener_path);
	str(o, "listenerMetadata", s->listener_metadata);
	json_out_array(o, "syscalls");
	for (size_t i = 0; i < s->n_syscalls; i++) {
		const struct oci_seccomp_syscall *c = &s->syscalls[i];

		json_out_object(o, NULL);
		strs(o, "names", &c->names);
		str(o, "action", c->action);
		u64(o, "errnoRet", c->has_errno_ret, c->errno_ret);
		if (c->n_args > 0)
			json_out_array(o, "args");
		for (size_t k = 0; k < c->n_args; k++) {
			json_out_object(o, NULL);
			json_out_u64(o, "index", c->args[k].index);
			json_out_u64(o, "value", c->args[k].value);
			json_out_u64(o, "valueTwo", c->args[k].value_two);
			str(o, "op", c->args[k].op);
			json_out_end(o);
		}
		if (c->n_args > 0)
			json_out_end(o);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_end(o);
}

static void dump_device_rules(struct json_out *o, const struct oci_resources *r)
{
	json_out_array(o, "devices");
	for (size_t i = 0; i < r->n_devices; i++) {
		const struct oci_device_rule *d = &r->devices[i];

		json_out_object(o, NULL);
		json_out_bool(o, "allow", d->allow);
		if (d->type != 'a')
			type(o, d->type);
		i64(o, "major", d->major != -1, d->major);
		i64(o, "minor", d->minor != -1, d->minor);
		str(o, "access", d->access);
		json_out_end(o);
	}
	json_out_end(o);
}

static void dump_memory_cpu(struct json_out *o, const struct oci_resources *r)
{
	__typeof__(r->memory) const *m = &r->memory;
	__typeof__(r->cpu) const *c = &r->cpu;

	json_out_object(o, "memory");
	i64(o, "limit", m->has_limit, m->limit);
	i64(o, "reservation", m->has_reservation, m->reservation);
	i64(o, "swap", m->has_swap, m->swap);
	i64(o, "kernel", m->has_kernel, m->kernel);
	i64(o, "kernelTCP", m->has_kernel_tcp, m->kernel_tcp);
	u64(o, "swappiness", m->has_swappiness, m->swappiness);
	if (m->has_disable_oom_killer)
		json_out_bool(o, "disableOOMKiller", m->disable_oom_killer);
	json_out_end(o);
	json_out_object(o, "cpu");
	u64(o, "shares", c->has_shares, c->shares);
	i64(o, "quota", c->has_quota, c->quota);
	u64(o, "burst", c->has_burst, c->burst);
	u64(o, "period", c->has_period, c->period);
	i64(o, "realtimeRuntime", c->has_rt_runtime, c->rt_runtime);
	u64(o, "realtimePeriod", c->has_rt_period, c->rt_period);
	str(o, "cpus", c->cpus);
	str(o, "mems", c->mems);
	json_out_end(o);
}

static void dump_throttle(struct json_out *o, const char *key, const struct oci_throttle_list *list)
{
	json_out_array(o, key);
	for (size_t i = 0; i < list->n; i++) {
		json_out_object(o, NULL);
		json_out_i64(o, "major", list->v[i].major);
		json_out_i64(o, "minor", list->v[i].minor);
		json_out_u64(o, "rate", list->v[i].rate);
		json_out_end(o);
	}
	json_out_end(o);
}

static void dump_block_io(struct json_out *o, const struct oci_resources *r)
{
	__typeof__(r->block_io) const *b = &r->block_io;

	json_out_object(o, "blockIO");
	u64(o, "weight", b->has_weight, b->weight);
	u64(o, "leafWeight", b->has_leaf_weight, b->leaf_weight);
	json_out_array(o, "weightDevice");
	for (size_t i = 0; i < b->n_weight_device; i++) {
		json_out_object(o, NULL);
		json_out_i64(o, "major", b->weight_device[i].major);
		json_out_i64(o, "minor", b->weight_device[i].minor);
		json_out_u64(o, "weight", b->weight_device[i].weight);
		json_out_u64(o, "leafWeight", b->weight_device[i].leaf_weight);
		json_out_end(o);
	}
	json_out_end(o);
	dump_throttle(o, "throttleReadBpsDevice", &b->read_bps);
	dump_throttle(o, "throttleWriteBpsDevice", &b->write_bps);
	dump_throttle(o, "throttleReadIOPSDevice", &b->read_iops);
	dump_throttle(o, "throttleWriteIOPSDevice", &b->write_iops);
	json_out_end(o);
}

static void dump_resources(struct json_out *o, const struct oci_resources *r)
{
	json_out_object(o, "resources");
	dump_device_rules(o, r);
	dump_memory_cpu(o, r);
	if (r->has_pids_limit) {
		json_out_object(o, "pids");
		json_out_i64(o, "limit", r->pids_limit);
		json_out_end(o);
	}
	dump_block_io(o, r);
	json_out_array(o, "hugepageLimits");
	for (size_t i = 0; i < r->n_hugepage_limits; i++) {
		json_out_object(o, NULL);
		str(o, "pageSize", r->hugepage_limits[i].page_size);
		json_out_u64(o, "limit", r->hugepage_limits[i].limit);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_object(o, "network");
	u64(o, "classID", r->network.has_class_id, r->network.class_id);
	json_out_array(o, "priorities");
	for (size_t i = 0; i < r->network.n_priorities; i++) {
		json_out_object(o, NULL);
		str(o, "name", r->network.priorities[i].name);
		json_out_u64(o, "priority", r->network.priorities[i].priority);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_end(o);
	map(o, "unified", r->unified, r->n_unified);
	json_out_end(o);
}

static void dump_linux(struct json_out *o, const struct oci_linux *l)
{
	json_out_object(o, "linux");
	dump_id_maps(o, "uidMappings", l->uid_mappings, l->n_uid_mappings);
	dump_id_maps(o, "gidMappings", l->gid_mappings, l->n_gid_mappings);
	map(o, "sysctl", l->sysctl, l->n_sysctl);
	str(o, "cgroupsPath", l->cgroups_path);
	dump_devices(o, l);
	if (l->seccomp)
		dump_seccomp(o, l->seccomp);
	if (l->resources)
		dump_resources(o, l->resources);
	str(o, "rootfsPropagation", l->rootfs_propagation);
	strs(o, "maskedPaths", &l->masked_paths);
	strs(o, "readonlyPaths", &l->readonly_paths);
	str(o, "mountLabel", l->mount_label);
	json_out_end(o);
}

int oci_dump(const struct oci_spec *spec, struct strbuf *out)
{
	struct json_out o;

	json_out_init(&o, out, "\t");
	json_out_object(&o, NULL);
	str(&o, "ociVersion", spec->oci_version);
	if (spec->process)
		dump_process(&o, spec->process);
	if (spec->root_path) {
		json_out_object(&o, "root");
		json_out_string(&o, "path", spec->root_path);
		json_out_bool(&o, "readonly", spec->root_readonly);
		json_out_end(&o);
	}
	str(&o, "hostname", spec->hostname);
	str(&o, "domainname", spec->domainname);
	dump_mounts(&o, spec);
	dump_hooks(&o, &spec->hooks);
	map(&o, "annotations", spec->annotations, spec->n_annotations);
	dump_linux(&o, &spec->linux_);
	json_out_end(&o);
	return json_out_finish(&o);
}
