/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INIT_CMDLINE_H
#define INIT_CMDLINE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/log.h"
#include "base/strv.h"

/*
 * The agent's settings, from the kernel command line (upstream's parameter names). Unknown parameters are ignored; a bad value is an
 * error that names the parameter, and the agent does not start. Double quotes group as in the kernel's own parser.
 */
#define AGENT_CMDLINE_MAX     65536
#define AGENT_ADDR_MAX	      512
#define AGENT_ADDR_DEFAULT    "vsock://-1:1024" /* upstream's port of the agent's service */
#define AGENT_POLICY_DEFAULT  "/etc/kata-opa/default-policy.toml"
#define AGENT_HOTPLUG_MAX_SEC 3600
#define AGENT_PIPE_SIZE_MAX   (16u << 20)

struct agent_config {
	enum log_level log_level;	  /* agent.log */
	char server_addr[AGENT_ADDR_MAX]; /* agent.server_addr */
	uint64_t hotplug_usec;		  /* agent.hotplug_timeout, seconds */
	char policy_file[AGENT_ADDR_MAX]; /* agent.policy_file, of our own */
	char config_file[AGENT_ADDR_MAX]; /* agent.config_file; "": none */
	bool debug_console;		  /* agent.debug_console */
	uint32_t debug_console_vport;	  /* agent.debug_console_vport; 0: on /dev/console */
	uint32_t log_vport;		  /* agent.log_vport; 0: none */
	uint32_t pipe_size; /* agent.container_pipe_size, bytes; 0: the kernel's default */
	/* Parameters that ask for what this agent does not have; for one line of warning. */
	struct strv unsupported;
};

void agent_config_preset(struct agent_config *c);
void agent_config_release(struct agent_config *c);
int agent_config_parse_cmdline(struct agent_config *c, const char *text, struct error *err);
/*
 * A TOML file with upstream's keys: those of the parameters without "agent." (log_level for agent.log). What is empty says nothing; a key
 * that this agent does not know is an error here, since somebody wrote it for this agent.
 */
int agent_config_read_file(struct agent_config *c, const char *path, struct error *err);
int agent_config_parse_file(struct agent_config *c, const char *text, size_t len, const char *name,
			    struct error *err);

#endif
