/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/json_read.h"

#include <string.h>

static int read_id_map(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_id_map *m = element;
	int r;

	if ((r = json_need_u32(v, "containerID", &m->container_id, rd->err)) < 0 ||
	    (r = json_need_u32(v, "hostID", &m->host_id, rd->err)) < 0)
		return r;
	return json_need_u32(v, "size", &m->size, rd->err);
}

int oci_read_id_maps(struct oci_reader *rd, const struct json_value *obj, const char *key,
		     struct oci_id_map **ret, size_t *ret_n)
{
	int r = oci_read_objects(rd, obj, key, sizeof(**ret), read_id_map, ret, ret_n);

	return r < 0 ? r : 0;
}

static int read_namespace(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_namespace *ns = element;
	const char *type = NULL;
	int r = json_need_string(v, "type", &type, rd->err);

	if (r < 0)
		return r;
	while (ns->type < OCI_NS_MAX && strcmp(type, oci_ns_name(ns->type)) != 0)
		ns->type++;
	if (ns->type == OCI_NS_MAX)
		return json_fail(json_find(v, "type"), rd->err, "unknown namespace \"%s\"", type);
	return oci_read_string(rd, v, "path", &ns->path);
}

static int read_device(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_device *d = element;
	const char *need = NULL;
	int r;

	if ((r = json_need_string(v, "path", &need, rd->err)) < 0 ||
	    (r = json_need_string(v, "type", &need, rd->err)) < 0 ||
	    (r = oci_read_string(rd, v, "path", &d->path)) < 0 ||
	    (r = oci_read_type(rd, v, "type", "cbup", &d->type)) < 0 ||
	    (r = json_get_i64(v, "major", &d->major, rd->err)) < 0 ||
	    (r = json_get_i64(v, "minor", &d->minor, rd->err)) < 0 ||
	    (r = oci_read_opt_u32(rd, v, "fileMode", &d->has_file_mode, &d->file_mode)) < 0 ||
	    (r = oci_read_opt_u32(rd, v, "uid", &d->has_uid, &d->uid)) < 0)
		return r;
	return oci_read_opt_u32(rd, v, "gid", &d->has_gid, &d->gid);
}

static int read_offset(struct oci_reader *rd, const struct json_value *offsets, const char *clock,
		       struct oci_time_offset *ret)
{
	const struct json_value *v = NULL;
	int r = json_get_object(offsets, clock, &v, rd->err);

	if (r <= 0)
		return r;
	ret->has = true;
	if ((r = json_get_i64(v, "secs", &ret->secs, rd->err)) < 0)
		return r;
	return json_get_u32(v, "nanosecs", &ret->nanosecs, rd->err);
}

/* What the agent protocol does not carry. */
static int read_host_parts(struct oci_reader *rd, const struct json_value *v, struct oci_linux *l)
{
	const struct json_value *part = NULL;
	struct oci_strings flags = { 0 };
	int r = json_get_object(v, "personality", &part, rd->err);

	if (r > 0) {
		if ((r = oci_read_string(rd, part, "domain", &l->personality)) < 0 ||
		    (r = oci_read_strings(rd, part, "flags", &flags)) < 0)
			return r;
		l->n_personality_flags = flags.n;
	}
	if (r >= 0)
		r = json_get_object(v, "timeOffsets", &part, rd->err);
	if (r > 0 && (r = read_offset(rd, part, "monotonic", &l->monotonic)) >= 0)
		r = read_offset(rd, part, "boottime", &l->boottime);
	l->has_intel_rdt = json_find(v, "intelRdt");
	l->has_net_devices = json_count(json_find(v, "netDevices")) > 0;
	l->has_memory_policy = json_find(v, "memoryPolicy");
	return r < 0 ? r : 0;
}

/* Sections that are structs of their own. */
static int read_parts(struct oci_reader *rd, const struct json_value *v, struct oci_linux *l)
{
	const struct json_value *part = NULL;
	int r = json_get_object(v, "resources", &part, rd->err);

	if (r > 0) {
		l->resources = arena_new(rd->arena, struct oci_resources);
		r = l->resources ? oci_read_resources(rd, part, l->resources) : error_oom(rd->err);
	}
	if (r < 0 || (r = read_host_parts(rd, v, l)) < 0)
		return r;
	r = json_get_object(v, "seccomp", &part, rd->err);
	if (r > 0) {
		l->seccomp = arena_new(rd->arena, struct oci_seccomp);
		r = l->seccomp ? oci_read_seccomp(rd, part, l->seccomp) : error_oom(rd->err);
	}
	return r;
}

int oci_read_linux(struct oci_reader *rd, const struct json_value *v, struct oci_linux *l)
{
	int r;

	if ((r = oci_read_id_maps(rd, v, "uidMappings", &l->uid_mappings, &l->n_uid_mappings)) <
		    0 ||
	    (r = oci_read_id_maps(rd, v, "gidMappings", &l->gid_mappings, &l->n_gid_mappings)) <
		    0 ||
	    (r = oci_read_map(rd, v, "sysctl", &l->sysctl, &l->n_sysctl)) < 0 ||
	    (r = oci_read_string(rd, v, "cgroupsPath", &l->cgroups_path)) < 0 ||
	    (r = oci_read_objects(rd, v, "namespaces", sizeof(*l->namespaces), read_namespace,
				  &l->namespaces, &l->n_namespaces)) < 0 ||
	    (r = oci_read_objects(rd, v, "devices", sizeof(*l->devices), read_device, &l->devices,
				  &l->n_devices)) < 0 ||
	    (r = oci_read_string(rd, v, "rootfsPropagation", &l->rootfs_propagation)) < 0 ||
	    (r = oci_read_strings(rd, v, "maskedPaths", &l->masked_paths)) < 0 ||
	    (r = oci_read_strings(rd, v, "readonlyPaths", &l->readonly_paths)) < 0 ||
	    (r = oci_read_string(rd, v, "mountLabel", &l->mount_label)) < 0)
		return r;
	return read_parts(rd, v, l);
}
