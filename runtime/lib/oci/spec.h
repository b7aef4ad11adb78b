/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_SPEC_H
#define OCI_SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/error.h"

/*
 * The OCI runtime specification's config.json (v1.0.2 and later, Linux) as C structs.
 *
 * A spec owns everything below it through one arena. Optional scalars carry a `has_` flag or a documented "unset" value;
 * strings that are absent are NULL; arrays are pointer + count; string arrays are also NULL ended, as execve wants them.
 * Unknown keys are ignored, as the specification asks; a known key of the wrong type is an error that names its JSON path.
 */

/* A limit on what is read: upstream's shims accept 4 MiB messages, so larger could not reach the agent anyway. */
#define OCI_SPEC_MAX_BYTES (4u << 20)
#define OCI_SPEC_MAX_ITEMS 65536 /* elements in any one array or object */

struct oci_strings {
	char **v; /* NULL ended; NULL when n == 0 */
	size_t n;
};

struct oci_kv {
	char *key, *value;
};

struct oci_user {
	uint32_t uid, gid;
	uint32_t *additional_gids;
	size_t n_additional_gids;
	char *username; /* only agents and Windows use it */
	bool has_umask;
	uint32_t umask;
};

struct oci_capabilities { /* names as in "CAP_CHOWN" */
	struct oci_strings bounding, effective, inheritable, permitted, ambient;
};

struct oci_rlimit {
	char *type; /* "RLIMIT_NOFILE" */
	uint64_t hard, soft;
};

struct oci_process {
	bool terminal;
	uint32_t console_height, console_width; /* 0: unset */
	struct oci_user user;
	struct oci_strings args, env;
	char *cwd;
	bool has_capabilities; /* absent capabilities leave the runtime's set alone */
	struct oci_capabilities caps;
	struct oci_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privileges;
	char *apparmor_profile;
	char *selinux_label;
	bool has_oom_score_adj;
	int32_t oom_score_adj;
	/* The rest cannot travel in the agent protocol: only runtimes that make the process themselves see it. */
	struct {
		char *policy; /* "SCHED_OTHER"; NULL: absent */
		int32_t nice, priority;
		struct oci_strings flags;	    /* "SCHED_FLAG_RESET_ON_FORK" */
		uint64_t runtime, deadline, period; /* nanoseconds */
	} scheduler;
	struct {
		char *klass; /* "IOPRIO_CLASS_BE"; NULL: absent */
		int32_t priority;
	} io_priority;
	struct {
		char *initial, *final; /* lists such as "0-3,7"; NULL: absent */
	} exec_cpu_affinity;
};

struct oci_hook {
	char *path;
	struct oci_strings args, env;
	bool has_timeout;
	int64_t timeout; /* seconds */
};
struct oci_hook_list {
	struct oci_hook *v;
	size_t n;
};
struct oci_hooks {
	struct oci_hook_list prestart, create_runtime, create_container, start_container, poststart,
		poststop;
};

struct oci_id_map {
	uint32_t container_id, host_id, size;
};

struct oci_mount {
	char *destination, *source, *type;
	struct oci_strings options;
	struct oci_id_map *uid_mappings,
		*gid_mappings; /* idmapped mount; not in the agent protocol */
	size_t n_uid_mappings, n_gid_mappings;
};

enum oci_ns_type {
	OCI_NS_PID,
	OCI_NS_NETWORK,
	OCI_NS_MOUNT,
	OCI_NS_IPC,
	OCI_NS_UTS,
	OCI_NS_USER,
	OCI_NS_CGROUP,
	OCI_NS_TIME,
	OCI_NS_MAX,
};
struct oci_namespace {
	enum oci_ns_type type;
	char *path; /* NULL: a new one */
};

struct oci_device {
	char *path;
	char type; /* 'c' 'b' 'p' 'u' */
	int64_t major, minor;
	bool has_file_mode, has_uid, has_gid;
	uint32_t file_mode, uid, gid;
};

struct oci_device_rule {
	bool allow;
	char type;	      /* 'a' 'b' 'c'; 'a' when absent */
	int64_t major, minor; /* -1: any */
	char *access;	      /* "rwm" or NULL for all */
};

struct oci_weight_device {
	int64_t major, minor;
	uint16_t weight, leaf_weight;
};
struct oci_throttle_device {
	int64_t major, minor;
	uint64_t rate;
};
struct oci_throttle_list {
	struct oci_throttle_device *v;
	size_t n;
};
struct oci_hugepage_limit {
	char *page_size; /* "2MB" */
	uint64_t limit;
};

struct oci_interface_priority {
	char *name;
	uint32_t priority;
};

struct oci_rdma_limit {
	char *device; /* "mlx5_1" */
	bool has_handles, has_objects;
	uint32_t handles, objects; /* hcaHandles, hcaObjects */
};

struct oci_resources {
	struct oci_device_rule *devices;
	size_t n_devices;
	struct {
		bool has_limit, has_reservation, has_swap, has_kernel, has_kernel_tcp;
		bool has_swappiness, has_disable_oom_killer;
		int64_t limit, reservation, swap, kernel, kernel_tcp; /* bytes; -1: unlimited */
		uint64_t swappiness;
		bool disable_oom_killer;
	} memory;
	struct {
		bool has_shares, has_quota, has_burst, has_period, has_rt_runtime, has_rt_period;
		bool has_idle;
		uint64_t shares, period, rt_period, burst;
		int64_t quota, rt_runtime; /* microseconds */
		int64_t idle;		   /* 1: scheduled as SCHED_IDLE */
		char *cpus, *mems;
	} cpu;
	bool has_pids_limit;
	int64_t pids_limit; /* <= 0: unlimited */
	struct {
		bool has_weight, has_leaf_weight;
		uint16_t weight, leaf_weight;
		struct oci_weight_device *weight_device;
		size_t n_weight_device;
		struct oci_throttle_list read_bps, write_bps, read_iops, write_iops;
	} block_io;
	struct oci_hugepage_limit *hugepage_limits;
	size_t n_hugepage_limits;
	struct {
		bool has_class_id;
		uint32_t class_id;
		struct oci_interface_priority *priorities;
		size_t n_priorities;
	} network;
	struct oci_rdma_limit *rdma;
	size_t n_rdma;
	struct oci_kv *unified; /* cgroup v2 file → value */
	size_t n_unified;
};

struct oci_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	char *op; /* "SCMP_CMP_EQ" */
};
struct oci_seccomp_syscall {
	struct oci_strings names;
	char *action;
	bool has_errno_ret;
	uint32_t errno_ret;
	struct oci_seccomp_arg *args;
	size_t n_args;
};
struct oci_seccomp {
	char *default_action; /* "SCMP_ACT_ERRNO" */
	bool has_default_errno_ret;
	uint32_t default_errno_ret;
	struct oci_strings architectures, flags;
	char *listener_path, *listener_metadata;
	struct oci_seccomp_syscall *syscalls;
	size_t n_syscalls;
};

struct oci_linux {
	struct oci_id_map *uid_mappings, *gid_mappings;
	size_t n_uid_mappings, n_gid_mappings;
	struct oci_kv *sysctl;
	size_t n_sysctl;
	struct oci_resources *resources; /* NULL: absent */
	char *cgroups_path;
	struct oci_namespace *namespaces;
	size_t n_namespaces;
	struct oci_device *devices;
	size_t n_devices;
	struct oci_seccomp *seccomp; /* NULL: absent */
	char *rootfs_propagation;    /* "private" "rprivate" "slave" ... or NULL */
	struct oci_strings masked_paths, readonly_paths;
	char *mount_label;
	/* Not in the agent protocol. */
	char *personality; /* "LINUX" or "LINUX32"; NULL: absent */
	size_t n_personality_flags;
	struct oci_time_offset {
		bool has;
		int64_t secs;
		uint32_t nanosecs;
	} monotonic, boottime; /* timeOffsets */
	bool has_intel_rdt, has_net_devices, has_memory_policy;
};

struct oci_spec {
	struct arena arena; /* owns everything below */
	char *oci_version;
	struct oci_process *process; /* NULL: absent */
	char *root_path;	     /* NULL: absent; as written, relative to the bundle */
	bool root_readonly;
	char *hostname, *domainname;
	struct oci_mount *mounts;
	size_t n_mounts;
	struct oci_hooks hooks;
	struct oci_kv *annotations;
	size_t n_annotations;
	struct oci_linux linux_; /* zeroed when absent */
};

/* The process object alone, as Task.Exec carries it. */
struct oci_process_doc {
	struct arena arena;
	struct oci_process process;
};

/* The resources object alone. */
struct oci_resources_doc {
	struct arena arena;
	struct oci_resources resources;
};

/*
 * Parses a document. Errors read `PATH: what`, with the JSON path as in "process.args[2]: expected a string, got a number"; syntax errors
 * as "line L column C: ...". oci_spec_load() reads DIR/config.json and prefixes the file's path. The result is the caller's: oci_spec_free().
 */
int oci_spec_parse(const char *json, size_t len, struct oci_spec **ret, struct error *err);
int oci_spec_load(int bundle_fd, const char *bundle_path, struct oci_spec **ret, struct error *err);
struct oci_spec *oci_spec_free(struct oci_spec *spec); /* NULL accepted; returns NULL */
static inline void cleanup_oci_spec(struct oci_spec **p)
{
	*p = oci_spec_free(*p);
}
#define _cleanup_oci_spec_ _cleanup_(cleanup_oci_spec)
int oci_process_parse(const char *json, size_t len, struct oci_process_doc **ret,
		      struct error *err);
struct oci_process_doc *oci_process_free(struct oci_process_doc *doc);
/* The linux.resources object alone, as Task.Update and `update --resources` carry it. NULL accepted; free returns NULL. */
int oci_resources_parse(const char *json, size_t len, struct oci_resources_doc **ret,
			struct error *err);
struct oci_resources_doc *oci_resources_free(struct oci_resources_doc *doc);

/*
 * What must hold for a container to be made: version 1.x, process with args and absolute cwd, root path, absolute mount destinations,
 * known namespace types without duplicates, known capabilities and rlimits. First violation is named by its JSON path.
 */
int oci_spec_validate(const struct oci_spec *spec, struct error *err);

const char *oci_spec_annotation(const struct oci_spec *spec, const char *key); /* or NULL */
const char *oci_ns_name(enum oci_ns_type t); /* "pid" "network" ... */
int oci_ns_clone_flag(enum oci_ns_type t);   /* CLONE_NEW* */

/*
 * The default document that `spec` commands write (tab indented, hostname as given). args: NULL ended, run without a terminal; NULL
 * or empty: a shell on a terminal. Malloc'd; NULL: out of memory.
 */
char *oci_spec_default_json(const char *hostname, bool rootless, const char *const *args);
/* Writes it to the config.json of a bundle, which must not exist yet (-EEXIST, in runc's words). */
int oci_spec_write_default(const char *bundle, const char *hostname, bool rootless,
			   const char *const *args, struct error *err);

#endif
