/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/pb_convert.h"

#include <string.h>

static void *make_id_map(struct arena *a, const void *src)
{
	const struct oci_id_map *map = src;
	Grpc__LinuxIDMapping *m = oci_pb_new(a, &grpc__linux_idmapping__descriptor);

	if (m) {
		m->containerid = map->container_id;
		m->hostid = map->host_id;
		m->size = map->size;
	}
	return m;
}

static void *make_namespace(struct arena *a, const void *src)
{
	const struct oci_namespace *ns = src;
	Grpc__LinuxNamespace *m = oci_pb_new(a, &grpc__linux_namespace__descriptor);

	if (m) {
		m->type = oci_pb_text(oci_ns_name(ns->type));
		m->path = oci_pb_text(ns->path);
	}
	return m;
}

static void *make_device(struct arena *a, const void *src)
{
	const struct oci_device *d = src;
	Grpc__LinuxDevice *m = oci_pb_new(a, &grpc__linux_device__descriptor);

	if (!m)
		return NULL;
	m->path = oci_pb_text(d->path);
	m->type = arena_memdup0(a, &d->type, 1);
	m->major = d->major;
	m->minor = d->minor;
	m->filemode = d->has_file_mode ? d->file_mode : 0;
	m->uid = d->has_uid ? d->uid : 0;
	m->gid = d->has_gid ? d->gid : 0;
	return m->type ? m : NULL;
}

static int make_lists(struct arena *a, const struct oci_linux *l, Grpc__Linux *m)
{
	if (oci_pb_repeat(a, &m->uidmappings, &m->n_uidmappings, l->uid_mappings, l->n_uid_mappings,
			  sizeof(*l->uid_mappings), make_id_map) < 0 ||
	    oci_pb_repeat(a, &m->gidmappings, &m->n_gidmappings, l->gid_mappings, l->n_gid_mappings,
			  sizeof(*l->gid_mappings), make_id_map) < 0 ||
	    oci_pb_repeat(a, &m->namespaces, &m->n_namespaces, l->namespaces, l->n_namespaces,
			  sizeof(*l->namespaces), make_namespace) < 0 ||
	    oci_pb_repeat(a, &m->devices, &m->n_devices, l->devices, l->n_devices,
			  sizeof(*l->devices), make_device) < 0)
		return -ENOMEM;
	return oci_pb_map(a, &grpc__linux__sysctl_entry__descriptor, &m->sysctl, &m->n_sysctl,
			  l->sysctl, l->n_sysctl);
}

Grpc__Linux *oci_pb_make_linux(struct arena *a, const struct oci_linux *l)
{
	Grpc__Linux *m = oci_pb_new(a, &grpc__linux__descriptor);

	if (!m || make_lists(a, l, m) < 0)
		return NULL;
	if (l->resources && !(m->resources = oci_pb_make_resources(a, l->resources)))
		return NULL;
	if (l->seccomp && !(m->seccomp = oci_pb_make_seccomp(a, l->seccomp)))
		return NULL;
	m->cgroupspath = oci_pb_text(l->cgroups_path);
	m->rootfspropagation = oci_pb_text(l->rootfs_propagation);
	m->n_maskedpaths = l->masked_paths.n;
	m->maskedpaths = l->masked_paths.v;
	m->n_readonlypaths = l->readonly_paths.n;
	m->readonlypaths = l->readonly_paths.v;
	m->mountlabel = oci_pb_text(l->mount_label);
	return m;
}

static int read_id_map(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__LinuxIDMapping *m = msg;
	struct oci_id_map *map = element;

	map->container_id = m->containerid;
	map->host_id = m->hostid;
	map->size = m->size;
	return 0;
}

static int read_namespace(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__LinuxNamespace *m = msg;
	struct oci_namespace *ns = element;

	while (ns->type < OCI_NS_MAX && strcmp(m->type, oci_ns_name(ns->type)) != 0)
		ns->type++;
	if (ns->type == OCI_NS_MAX)
		return error_set(rd->err, -EINVAL, "unknown namespace \"%s\"", m->type);
	return oci_pb_read_text(rd, m->path, &ns->path);
}

static int read_device(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__LinuxDevice *m = msg;
	struct oci_device *d = element;

	if (strlen(m->type) != 1 || !strchr("cbup", m->type[0]))
		return error_set(rd->err, -EINVAL, "unknown type \"%s\", expected one of \"cbup\"",
				 m->type);
	d->type = m->type[0];
	d->major = m->major;
	d->minor = m->minor;
	d->has_file_mode = m->filemode != 0;
	d->file_mode = m->filemode;
	d->has_uid = d->has_gid = true; /* 0 is what the runtime uses for absent ones, too */
	d->uid = m->uid;
	d->gid = m->gid;
	return oci_pb_read_text(rd, m->path, &d->path);
}

static int read_lists(struct oci_pb_reader *rd, const Grpc__Linux *m, struct oci_linux *l)
{
	int r;

	if ((r = oci_pb_read_repeated(rd, "linux.uidMappings", m->uidmappings, m->n_uidmappings,
				      sizeof(*l->uid_mappings), read_id_map, &l->uid_mappings,
				      &l->n_uid_mappings)) < 0 ||
	    (r = oci_pb_read_repeated(rd, "linux.gidMappings", m->gidmappings, m->n_gidmappings,
				      sizeof(*l->gid_mappings), read_id_map, &l->gid_mappings,
				      &l->n_gid_mappings)) < 0 ||
	    (r = oci_pb_read_repeated(rd, "linux.namespaces", m->namespaces, m->n_namespaces,
				      sizeof(*l->namespaces), read_namespace, &l->namespaces,
				      &l->n_namespaces)) < 0 ||
	    (r = oci_pb_read_repeated(rd, "linux.devices", m->devices, m->n_devices,
				      sizeof(*l->devices), read_device, &l->devices,
				      &l->n_devices)) < 0)
		return r;
	return oci_pb_read_map(rd, "linux.sysctl", m->sysctl, m->n_sysctl, &l->sysctl,
			       &l->n_sysctl);
}

int oci_pb_read_linux(struct oci_pb_reader *rd, const Grpc__Linux *m, struct oci_linux *l)
{
	int r;

	if ((r = read_lists(rd, m, l)) < 0 ||
	    (r = oci_pb_read_text(rd, m->cgroupspath, &l->cgroups_path)) < 0 ||
	    (r = oci_pb_read_text(rd, m->rootfspropagation, &l->rootfs_propagation)) < 0 ||
	    (r = oci_pb_read_texts(rd, "linux.maskedPaths", m->maskedpaths, m->n_maskedpaths,
				   &l->masked_paths)) < 0 ||
	    (r = oci_pb_read_texts(rd, "linux.readonlyPaths", m->readonlypaths, m->n_readonlypaths,
				   &l->readonly_paths)) < 0 ||
	    (r = oci_pb_read_text(rd, m->mountlabel, &l->mount_label)) < 0)
		return r;
	if (m->resources) {
		l->resources = arena_new(rd->arena, struct oci_resources);
		r = l->resources ? oci_pb_read_resources(rd, m->resources, l->resources)
				 : error_oom(rd->err);
	}
	if (r == 0 && m->seccomp) {
		l->seccomp = arena_new(rd->arena, struct oci_seccomp);
		r = l->seccomp ? oci_pb_read_seccomp(rd, m->seccomp, l->seccomp)
			       : error_oom(rd->err);
	}
	return r;
}
