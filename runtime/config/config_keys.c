/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_keys.h"

#include <stdio.h>
#include <string.h>
#include "base/compiler.h"
#include "base/strbuf.h"

/*
 * One line a key: its type, the value at which ignoring it changes nothing, and what happens at another value. Names and
 * defaults: upstream's configuration templates of the Go and Rust runtimes and of 1.x.
 */
enum key_kind {
	KEY_BOOL,   /* neutral "true" or "false" */
	KEY_STRING, /* neutral values, separated by '|'; "*" any */
	KEY_NUMBER, /* neutral value; "*" any */
	KEY_LIST,   /* neutral: empty; "*" any */
	KEY_TABLE,  /* the whole table is known and has no effect */
};
enum key_action { KEY_WARN, KEY_FAIL };

struct known_key {
	const char *name;
	enum key_kind kind;
	const char *neutral;
	enum key_action action;
};

static const struct known_key hypervisor_keys[] = {
	{ "firmware", KEY_STRING, "", KEY_WARN },
	{ "firmware_volume", KEY_STRING, "", KEY_WARN },
	{ "valid_hypervisor_paths", KEY_LIST, "*", KEY_WARN },
	{ "machine_accelerators", KEY_STRING, "", KEY_WARN },
	{ "seccompsandbox", KEY_STRING, "", KEY_FAIL },
	{ "seccomp_sandbox", KEY_STRING, "", KEY_FAIL },
	{ "disable_seccomp", KEY_BOOL, "false", KEY_WARN },
	{ "pflashes", KEY_LIST, "", KEY_WARN },
	{ "use_legacy_serial", KEY_BOOL, "false", KEY_WARN },
	{ "disable_nesting_checks", KEY_BOOL, "*", KEY_WARN },
	{ "disable_nested_virtualization", KEY_BOOL, "false", KEY_WARN },
	{ "memory_slots", KEY_NUMBER, "*", KEY_WARN },
	{ "default_maxmemory", KEY_NUMBER, "*", KEY_WARN },
	{ "memory_offset", KEY_NUMBER, "0", KEY_WARN },
	{ "enable_virtio_mem", KEY_BOOL, "false", KEY_WARN },
	{ "enable_mem_prealloc", KEY_BOOL, "false", KEY_WARN },
	{ "enable_hugepages", KEY_BOOL, "false", KEY_WARN },
	{ "hugepage_type", KEY_STRING, "*", KEY_WARN },
	{ "enable_swap", KEY_BOOL, "*", KEY_WARN },
	{ "reclaim_guest_freed_memory", KEY_BOOL, "false", KEY_WARN },
	{ "enable_balloon_f_reporting", KEY_BOOL, "false", KEY_WARN },
	{ "enable_numa", KEY_BOOL, "false", KEY_WARN },
	{ "numa_mapping", KEY_LIST, "", KEY_WARN },
	{ "overhead_vcpus", KEY_NUMBER, "*", KEY_WARN },
	{ "overhead_memory", KEY_NUMBER, "*", KEY_WARN },
	{ "valid_virtio_fs_daemon_paths", KEY_LIST, "*", KEY_WARN },
	{ "virtio_fs_cache_size", KEY_NUMBER, "0", KEY_WARN },
	{ "virtio_fs_is_dax", KEY_BOOL, "false", KEY_WARN },
	{ "msize_9p", KEY_NUMBER, "*", KEY_WARN },
	{ "disable_block_device_use", KEY_BOOL, "*", KEY_WARN },
	{ "block_device_driver", KEY_STRING, "*", KEY_WARN },
	{ "block_device_aio", KEY_STRING, "*", KEY_WARN },
	{ "block_device_cache_set", KEY_BOOL, "false", KEY_WARN },
	{ "block_device_cache_direct", KEY_BOOL, "false", KEY_WARN },
	{ "block_device_cache_noflush", KEY_BOOL, "false", KEY_WARN },
	{ "block_device_logical_sector_size", KEY_NUMBER, "0", KEY_WARN },
	{ "block_device_physical_sector_size", KEY_NUMBER, "0", KEY_WARN },
	{ "enable_iothreads", KEY_BOOL, "false", KEY_WARN },
	{ "indep_iothreads", KEY_NUMBER, "0", KEY_WARN },
	{ "queue_size", KEY_NUMBER, "*", KEY_WARN },
	{ "num_queues", KEY_NUMBER, "*", KEY_WARN },
	{ "enable_vhost_user_store", KEY_BOOL, "false", KEY_WARN },
	{ "vhost_user_store_path", KEY_STRING, "*", KEY_WARN },
	{ "valid_vhost_user_store_paths", KEY_LIST, "*", KEY_WARN },
	{ "vhost_user_reconnect_timeout_sec", KEY_NUMBER, "*", KEY_WARN },
	{ "default_bridges", KEY_NUMBER, "*", KEY_WARN },
	{ "hot_plug_vfio", KEY_STRING, "no-port", KEY_WARN },
	{ "cold_plug_vfio", KEY_STRING, "no-port", KEY_WARN },
	{ "hotplug_vfio_on_root_bus", KEY_BOOL, "false", KEY_WARN },
	{ "pcie_root_port", KEY_NUMBER, "0", KEY_WARN },
	{ "pcie_switch_port", KEY_NUMBER, "0", KEY_WARN },
	{ "enable_iommu", KEY_BOOL, "false", KEY_WARN },
	{ "enable_iommu_platform", KEY_BOOL, "false", KEY_WARN },
	{ "vm_rootfs_driver", KEY_STRING, "*", KEY_WARN },
	{ "disable_vhost_net", KEY_BOOL, "*", KEY_WARN },
	{ "rx_rate_limiter_max_rate", KEY_NUMBER, "0", KEY_WARN },
	{ "tx_rate_limiter_max_rate", KEY_NUMBER, "0", KEY_WARN },
	{ "network_queues", KEY_NUMBER, "*", KEY_WARN },
	{ "disk_rate_limiter_bw_max_rate", KEY_NUMBER, "0", KEY_WARN },
	{ "disk_rate_limiter_bw_one_time_burst", KEY_NUMBER, "0", KEY_WARN },
	{ "disk_rate_limiter_ops_max_rate", KEY_NUMBER, "0", KEY_WARN },
	{ "disk_rate_limiter_ops_one_time_burst", KEY_NUMBER, "0", KEY_WARN },
	{ "net_rate_limiter_bw_max_rate", KEY_NUMBER, "0", KEY_WARN },
	{ "net_rate_limiter_bw_one_time_burst", KEY_NUMBER, "0", KEY_WARN },
	{ "net_rate_limiter_ops_max_rate", KEY_NUMBER, "0", KEY_WARN },
	{ "net_rate_limiter_ops_one_time_burst", KEY_NUMBER, "0", KEY_WARN },
	{ "rootless", KEY_BOOL, "false", KEY_FAIL },
	{ "enable_annotations", KEY_LIST, "*", KEY_WARN },
	{ "entropy_source", KEY_STRING, "*", KEY_WARN },
	{ "valid_entropy_sources", KEY_LIST, "*", KEY_WARN },
	{ "disable_selinux", KEY_BOOL, "*", KEY_WARN },
	{ "disable_guest_selinux", KEY_BOOL, "true", KEY_FAIL },
	{ "confidential_guest", KEY_BOOL, "false", KEY_FAIL },
	{ "sev_snp_guest", KEY_BOOL, "false", KEY_FAIL },
	{ "snp_id_block", KEY_STRING, "", KEY_FAIL },
	{ "snp_id_auth", KEY_STRING, "", KEY_FAIL },
	{ "snp_guest_policy", KEY_NUMBER, "*", KEY_WARN },
	{ "tdx_quote_generation_service_socket_port", KEY_NUMBER, "*", KEY_WARN },
	{ "measurement_algo", KEY_STRING, "*", KEY_WARN },
	{ "extra_monitor_socket", KEY_STRING, "", KEY_WARN },
	{ "guest_memory_dump_path", KEY_STRING, "", KEY_WARN },
	{ "guest_memory_dump_paging", KEY_BOOL, "false", KEY_WARN },
	{ "guest_hook_path", KEY_STRING, "", KEY_FAIL },
	{ "hypervisor_loglevel", KEY_NUMBER, "*", KEY_WARN },
	{ "log_level", KEY_NUMBER, "*", KEY_WARN },
	{ "enable_guest_swap", KEY_BOOL, "false", KEY_WARN },
	{ "guest_swap_path", KEY_STRING, "*", KEY_WARN },
	{ "guest_swap_size_percent", KEY_NUMBER, "*", KEY_WARN },
	{ "guest_swap_create_threshold_secs", KEY_NUMBER, "*", KEY_WARN },
	{ "jailer_path", KEY_STRING, "", KEY_FAIL },
	{ "valid_jailer_paths", KEY_LIST, "*", KEY_WARN },
	{ "ctlpath", KEY_STRING, "*", KEY_WARN },
	{ "valid_ctlpaths", KEY_LIST, "*", KEY_WARN },
	{ "remote_hypervisor_socket", KEY_STRING, "*", KEY_WARN },
	{ "remote_hypervisor_timeout", KEY_NUMBER, "*", KEY_WARN },
	{ "guest_extension_images", KEY_LIST, "", KEY_WARN },
	{ "boot_to_be_template", KEY_BOOL, "false", KEY_WARN },
	{ "boot_from_template", KEY_BOOL, "false", KEY_WARN },
	{ "memory_path", KEY_STRING, "*", KEY_WARN },
	{ "device_state_path", KEY_STRING, "*", KEY_WARN },
	{ "prefetch_list_path", KEY_STRING, "*", KEY_WARN },
	{ "use_vsock", KEY_BOOL, "*", KEY_WARN },
	{ "file_mem_backend", KEY_STRING, "", KEY_WARN },
	{ "valid_file_mem_backends", KEY_LIST, "*", KEY_WARN },
	{ "factory", KEY_TABLE, "", KEY_WARN },
};

static const struct known_key agent_keys[] = {
	{ "enable_tracing", KEY_BOOL, "false", KEY_WARN },
	{ "trace_mode", KEY_STRING, "*", KEY_WARN },
	{ "trace_type", KEY_STRING, "*", KEY_WARN },
	{ "dial_timeout_ms", KEY_NUMBER, "*", KEY_WARN },
	{ "reconnect_timeout_ms", KEY_NUMBER, "*", KEY_WARN },
	{ "cdh_api_timeout", KEY_NUMBER, "*", KEY_WARN },
	{ "cdh_api_timeout_ms", KEY_NUMBER, "*", KEY_WARN },
	{ "launch_process_timeout", KEY_NUMBER, "*", KEY_WARN },
	{ "visible_cdi_devices", KEY_STRING, "", KEY_WARN },
	{ "create_container_timeout", KEY_NUMBER, "*", KEY_WARN },
	{ "container_pipe_size", KEY_NUMBER, "0", KEY_WARN },
	{ "server_port", KEY_NUMBER, "1024", KEY_FAIL },
	{ "log_port", KEY_NUMBER, "*", KEY_WARN },
	{ "policy", KEY_STRING, "", KEY_FAIL },
	{ "mem_agent", KEY_TABLE, "", KEY_WARN },
};

static const struct known_key runtime_keys[] = {
	{ "internetworking_model", KEY_STRING, "tcfilter|none", KEY_WARN },
	{ "enable_vcpus_pinning", KEY_BOOL, "false", KEY_WARN },
	{ "guest_selinux_label", KEY_STRING, "", KEY_FAIL },
	{ "enable_tracing", KEY_BOOL, "false", KEY_WARN },
	{ "jaeger_endpoint", KEY_STRING, "", KEY_WARN },
	{ "jaeger_user", KEY_STRING, "", KEY_WARN },
	{ "jaeger_password", KEY_STRING, "", KEY_WARN },
	{ "disable_new_netns", KEY_BOOL, "*", KEY_WARN },
	{ "sandbox_cgroup_only", KEY_BOOL, "*", KEY_WARN },
	{ "static_sandbox_resource_mgmt", KEY_BOOL, "*", KEY_WARN },
	{ "sandbox_bind_mounts", KEY_LIST, "", KEY_WARN },
	{ "vfio_mode", KEY_STRING, "*", KEY_WARN },
	{ "disable_guest_empty_dir", KEY_BOOL, "*", KEY_WARN },
	{ "emptydir_mode", KEY_STRING, "shared-fs", KEY_FAIL },
	{ "experimental", KEY_LIST, "", KEY_WARN },
	{ "enable_pprof", KEY_BOOL, "false", KEY_WARN },
	{ "dan_conf", KEY_STRING, "*", KEY_WARN },
	{ "kubelet_root_dir", KEY_STRING, "*", KEY_WARN },
	{ "pod_resource_api_sock", KEY_STRING, "*", KEY_WARN },
	{ "experimental_force_guest_pull", KEY_BOOL, "false", KEY_FAIL },
	{ "name", KEY_STRING, "virt_container", KEY_WARN },
	{ "hypervisor_name", KEY_STRING, "*", KEY_WARN },
	{ "agent_name", KEY_STRING, "kata", KEY_WARN },
	{ "keep_abnormal", KEY_BOOL, "false", KEY_WARN },
	{ "shared_mounts", KEY_LIST, "", KEY_WARN },
	{ "use_passfd_io", KEY_BOOL, "false", KEY_WARN },
	{ "passfd_listener_port", KEY_NUMBER, "*", KEY_WARN },
	{ "enable_agent_pidns", KEY_BOOL, "false", KEY_WARN },
	{ "log_level", KEY_STRING, "*", KEY_WARN },
};

/* Sections of other releases: known, and without effect here. */
static const struct known_key root_keys[] = {
	{ "factory", KEY_TABLE, "", KEY_WARN },
	{ "proxy", KEY_TABLE, "", KEY_WARN },
	{ "shim", KEY_TABLE, "", KEY_WARN },
	{ "netmon", KEY_TABLE, "", KEY_WARN },
};

static bool in_alternatives(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list;; p++) {
		const char *end = strchrnul(p, '|');

		if ((size_t)(end - p) == n && memcmp(p, word, n) == 0)
			return true;
		if (!*end)
			return false;
		p = end;
	}
}

static int kind_check(const struct known_key *k, const struct toml_value *v, struct error *err)
{
	static const char *const names[] = {
		[KEY_BOOL] = "a boolean", [KEY_STRING] = "a string", [KEY_NUMBER] = "a number",
		[KEY_LIST] = "an array",  [KEY_TABLE] = "a table",
	};
	bool ok = false;

	switch (k->kind) {
	case KEY_BOOL:
		ok = v->type == TOML_BOOLEAN;
		break;
	case KEY_STRING:
		ok = v->type == TOML_STRING;
		break;
	case KEY_NUMBER:
		ok = v->type == TOML_INTEGER || v->type == TOML_FLOAT;
		break;
	case KEY_LIST:
		ok = v->type == TOML_ARRAY;
		break;
	case KEY_TABLE:
		ok = v->type == TOML_TABLE;
		break;
	}
	if (ok)
		return 0;
	return toml_fail(v, err, "expected %s, got %s", names[k->kind], toml_type_text(v->type));
}

static bool is_neutral(const struct known_key *k, const struct toml_value *v)
{
	char number[32];

	if (str_eq(k->neutral, "*"))
		return true;
	switch (k->kind) {
	case KEY_BOOL:
		return v->b == str_eq(k->neutral, "true");
	case KEY_STRING:
		return in_alternatives(k->neutral, v->str.s);
	case KEY_NUMBER:
		if (v->type == TOML_FLOAT)
			return false;
		snprintf(number, sizeof(number), "%lld", (long long)v->i);
		return str_eq(number, k->neutral);
	case KEY_LIST:
		return toml_count(v) == 0;
	case KEY_TABLE:
		return true;
	}
	return false;
}

static int check_one(const struct known_key *k, struct toml_value *v, config_warn_fn warn,
		     void *data, struct error *err)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	char path[TOML_KEY_PATH_MAX];
	int r;

	toml_use_all(v);
	r = kind_check(k, v, err);
	if (r < 0)
		return r;
	if (is_neutral(k, v))
		return 0;
	if (k->action == KEY_FAIL)
		return toml_fail(v, err, "not supported yet, and ignoring it would not be safe");
	if (!warn)
		return 0;
	if (strbuf_addf(&line, "%s:%u: \"%s\" is not supported yet and is ignored",
			toml_name(v->doc), v->line, toml_key_path(v, path)) < 0)
		return error_oom(err);
	warn(line.buf, data);
	return 0;
}

int config_keys_check(struct toml_value *section, const char *name, config_warn_fn warn, void *data,
		      struct error *err)
{
	const struct known_key *keys = root_keys;
	size_t n = ARRAY_SIZE(root_keys);

	if (str_after(name, "hypervisor")) {
		keys = hypervisor_keys;
		n = ARRAY_SIZE(hypervisor_keys);
	} else if (str_after(name, "agent")) {
		keys = agent_keys;
		n = ARRAY_SIZE(agent_keys);
	} else if (str_after(name, "runtime")) {
		keys = runtime_keys;
		n = ARRAY_SIZE(runtime_keys);
	}
	for (size_t i = 0; i < n; i++) {
		struct toml_value *v = toml_member(section, keys[i].name);
		int r;

		if (!v)
			continue;
		r = check_one(&keys[i], v, warn, data, err);
		if (r < 0)
			return r;
	}
	return 0;
}
