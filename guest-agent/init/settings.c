/* SPDX-License-Identifier: Apache-2.0 */
#include "init/settings.h"

#include <string.h>
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/time.h"

const char SETTING_UNKNOWN[] = "unknown", SETTING_BAD[] = "bad value",
	   SETTING_OOM[] = "out of memory";

static const char *set_log(struct agent_config *c, const char *v)
{
	return log_level_parse(v, &c->log_level) < 0 ? SETTING_BAD : NULL;
}

static const char *set_text(char buf[AGENT_ADDR_MAX], const char *v)
{
	size_t n = strlen(v);

	if (!n || n >= AGENT_ADDR_MAX)
		return n ? "too long" : "empty";
	memcpy(buf, v, n + 1);
	return NULL;
}

static const char *set_server_addr(struct agent_config *c, const char *v)
{
	return set_text(c->server_addr, v);
}

static const char *set_policy_file(struct agent_config *c, const char *v)
{
	return set_text(c->policy_file, v);
}

static const char *set_config_file(struct agent_config *c, const char *v)
{
	return set_text(c->config_file, v);
}

static const char *set_hotplug(struct agent_config *c, const char *v)
{
	uint32_t n;

	if (parse_u32(v, 10, &n) < 0 || !n || n > AGENT_HOTPLUG_MAX_SEC)
		return SETTING_BAD;
	c->hotplug_usec = n * USEC_PER_SEC;
	return NULL;
}

static const char *set_pipe_size(struct agent_config *c, const char *v)
{
	uint32_t n;

	if (parse_u32(v, 10, &n) < 0 || n > AGENT_PIPE_SIZE_MAX)
		return SETTING_BAD;
	c->pipe_size = n;
	return NULL;
}

static const char *set_log_vport(struct agent_config *c, const char *v)
{
	return parse_u32(v, 10, &c->log_vport) < 0 ? SETTING_BAD : NULL;
}

static const char *set_console_vport(struct agent_config *c, const char *v)
{
	return parse_u32(v, 10, &c->debug_console_vport) < 0 ? SETTING_BAD : NULL;
}

/* A word alone on the command line means yes. */
static const char *set_console(struct agent_config *c, const char *v)
{
	if (!*v)
		c->debug_console = true;
	else if (parse_bool(v, &c->debug_console) < 0)
		return SETTING_BAD;
	return NULL;
}

/* Always so here, or of no meaning for this agent: version 2 of cgroups, a mode for developers, seccomp. */
static const char *set_nothing(struct agent_config *c, const char *v)
{
	return NULL;
}

static const struct {
	const char *param, *key; /* NULL: not there */
	const char *(*set)(struct agent_config *c, const char *v);
} settings[] = {
	{ "agent.log", "log_level", set_log },
	{ "agent.server_addr", "server_addr", set_server_addr },
	{ "agent.hotplug_timeout", "hotplug_timeout", set_hotplug },
	{ "agent.container_pipe_size", "container_pipe_size", set_pipe_size },
	{ "agent.log_vport", "log_vport", set_log_vport },
	{ "agent.debug_console", "debug_console", set_console },
	{ "agent.debug_console_vport", "debug_console_vport", set_console_vport },
	{ "agent.policy_file", "policy_file", set_policy_file },
	{ "agent.config_file", NULL, set_config_file },
	{ "agent.devmode", "dev_mode", set_nothing },
	{ "agent.unified_cgroup_hierarchy", "unified_cgroup_hierarchy", set_nothing },
	{ NULL, "supports_seccomp", set_nothing },
};

/* Known to upstream's agent and asking for a function that is not in this one, unless the value switches it off. */
static const char *const unsupported[] = {
	"trace",
	"passfd_listener_port",
	"mem_agent_enable",
	"guest_components_procs",
	"guest_components_rest_api",
	"secure_storage_integrity",
	"https_proxy",
	"no_proxy",
	"cdh_api_timeout",
	"image_pull_timeout",
	"cdi_timeout",
	"visible_cdi_devices",
	"launch_process_timeout",
};

static const char *note_unsupported(struct agent_config *c, const char *shown, const char *bare,
				    const char *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++) {
		if (!str_eq(bare, unsupported[i]))
			continue;
		if (str_eq(v, "0") || str_eq(v, "false") || str_eq(v, "none"))
			return NULL;
		return strv_add(&c->unsupported, shown) < 0 ? SETTING_OOM : NULL;
	}
	return SETTING_UNKNOWN;
}

const char *setting_from_param(struct agent_config *c, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].param && str_eq(settings[i].param, name))
			return settings[i].set(c, value);
	return note_unsupported(c, name, str_after(name, "agent."), value);
}

const char *setting_from_key(struct agent_config *c, const char *key, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].key && str_eq(settings[i].key, key))
			return settings[i].set(c, value);
	return note_unsupported(c, key, key, value);
}
