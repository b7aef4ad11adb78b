/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* linux/sched.h; older C libraries lack it. */
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

struct oci_spec *oci_spec_free(struct oci_spec *spec)
{
	if (spec) {
		arena_release(&spec->arena);
		free(spec);
	}
	return NULL;
}

struct oci_process_doc *oci_process_free(struct oci_process_doc *doc)
{
	if (doc) {
		arena_release(&doc->arena);
		free(doc);
	}
	return NULL;
}

struct oci_resources_doc *oci_resources_free(struct oci_resources_doc *doc)
{
	if (doc) {
		arena_release(&doc->arena);
		free(doc);
	}
	return NULL;
}

const char *oci_spec_annotation(const struct oci_spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->n_annotations; i++) {
		if (strcmp(spec->annotations[i].key, key) == 0)
			return spec->annotations[i].value;
	}
	return NULL;
}

/* Names: runtime-spec config-linux.md "Namespaces". */
static const struct {
	const char *name;
	int flag;
} ns_types[OCI_NS_MAX] = {
	[OCI_NS_PID] = { "pid", CLONE_NEWPID },
	[OCI_NS_NETWORK] = { "network", CLONE_NEWNET },
	[OCI_NS_MOUNT] = { "mount", CLONE_NEWNS },
	[OCI_NS_IPC] = { "ipc", CLONE_NEWIPC },
	[OCI_NS_UTS] = { "uts", CLONE_NEWUTS },
	[OCI_NS_USER] = { "user", CLONE_NEWUSER },
	[OCI_NS_CGROUP] = { "cgroup", CLONE_NEWCGROUP },
	[OCI_NS_TIME] = { "time", CLONE_NEWTIME },
};

const char *oci_ns_name(enum oci_ns_type t)
{
	return ns_types[t].name;
}

int oci_ns_clone_flag(enum oci_ns_type t)
{
	return ns_types[t].flag;
}
