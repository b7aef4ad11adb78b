/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AGENT_TESTS_H
#define TESTS_AGENT_TESTS_H

#include "unit/guest-agent/service/agent_client.h"

/* The parts of test_agent_local, which all use one agent. */
extern struct agent_client client;

void start_sleeper(const char *cid); /* a running container that does nothing */
void test_cat(void **state);
void test_exec(void **state);
void test_signals(void **state);
void test_created_only(void **state);
void test_terminal(void **state);
void test_reader_lost(void **state);
void test_background_holds_stream(void **state);
void test_paths(void **state);
void test_bind_mount(void **state);
void test_storages(void **state);
void test_overlay_root(void **state);
void test_usual_mounts(void **state);
void test_limits(void **state);
void test_device_rules(void **state);
void test_user_namespace(void **state);
void test_seccomp(void **state);
void test_hooks(void **state);

/* agent_accounting_tests.c */
void test_stats(void **state);
void test_update(void **state);
void test_pause(void **state);
void test_oom(void **state);
void test_list_processes(void **state);
void test_metrics(void **state);
void test_guest_refusals(void **state);

/* agent_escape_tests.c: known ways out of containers */
void test_leaked_descriptors(void **state);
void test_own_binary(void **state);

/* agent_network_tests.c */
void test_interfaces(void **state);
void test_bad_interfaces(void **state);
void test_interface_by_pci(void **state);
void test_late_interface(void **state);
void test_routes(void **state);
void test_bad_routes(void **state);
void test_neighbours(void **state);
void test_iptables(void **state);

/* agent_port_tests.c */
void test_debug_console(void **state);
void test_log_port(void **state);
void test_bad_clients(void **state);
void test_many_streams(void **state);

/* agent_volume_tests.c */
void test_copy_file(void **state);
void test_volume_stats(void **state);
void test_grow_ext4(void **state);
void test_grow_xfs(void **state);
void test_layers(void **state);
void test_devices(void **state);
void test_block_device(void **state);
void test_update_ephemeral(void **state);
void test_fs_group(void **state);
void test_watchable(void **state);
void test_stale_mounts(void **state);

#endif
