/* SPDX-License-Identifier: Apache-2.0 */
#include "init/cmdline.h"

#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/time.h"

/* Known to upstream's agent and asking for a function that is not in this one, unless the value switches it off. */
static const char *const unsupported_params[] = {
	"agent.debug_console",
	"agent.debug_console_vport",
	"agent.log_vport",
	"agent.devmode",
	"agent.trace",
	"agent.passfd_listener_port",
	"agent.config_file",
	"agent.mem_agent_enable",
	"agent.guest_components_procs",
};

void agent_config_preset(struct agent_config *c)
{
	memset(c, 0, sizeof(*c));
	c->log_level = LOG_L_INFO;
	memcpy(c->server_addr, AGENT_ADDR_DEFAULT, sizeof(AGENT_ADDR_DEFAULT));
	c->hotplug_usec = 3 * USEC_PER_SEC;
}

void agent_config_release(struct agent_config *c)
{
	strv_release(&c->unsupported);
}

static int bad_value(struct error *err, const char *key, const char *value)
{
	return error_set(err, -EINVAL, "kernel parameter %s: bad value \"%s\"", key, value);
}

static int set_server_addr(struct agent_config *c, const char *value, struct error *err)
{
	size_t n = strlen(value);

	if (!n || n >= sizeof(c->server_addr))
		return error_set(err, -EINVAL, "kernel parameter agent.server_addr: %s",
				 n ? "too long" : "empty");
	memcpy(c->server_addr, value, n + 1);
	return 0;
}

static int note_unsupported(struct agent_config *c, const char *key, const char *value,
			    struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(unsupported_params); i++) {
		if (!str_eq(key, unsupported_params[i]))
			continue;
		if (value &&
		    (str_eq(value, "0") || str_eq(value, "false") || str_eq(value, "none")))
			return 0;
		return strv_add(&c->unsupported, key) < 0 ? error_oom(err) : 0;
	}
	return 0;
}

/* value is NULL for a word without "=". */
static int parse_param(struct agent_config *c, const char *key, const char *value,
		       struct error *err)
{
	const char *v = value ? value : "";
	uint32_t n;

	if (str_eq(key, "agent.log"))
		return log_level_parse(v, &c->log_level) < 0 ? bad_value(err, key, v) : 0;
	if (str_eq(key, "agent.server_addr"))
		return set_server_addr(c, v, err);
	if (str_eq(key, "agent.hotplug_timeout")) {
		if (parse_u32(v, 10, &n) < 0 || !n || n > AGENT_HOTPLUG_MAX_SEC)
			return bad_value(err, key, v);
		c->hotplug_usec = n * USEC_PER_SEC;
		return 0;
	}
	if (str_eq(key, "agent.container_pipe_size")) {
		if (parse_u32(v, 10, &n) < 0 || n > AGENT_PIPE_SIZE_MAX)
			return bad_value(err, key, v);
		c->pipe_size = n;
		return 0;
	}
	return note_unsupported(c, key, value, err);
}

/* Cuts the next parameter out of *p, takes quotes away, and splits it at "=". False at the end. */
static bool next_param(char **p, char **ret_key, char **ret_value)
{
	char *s = *p, *out;
	bool quoted = false;

	while (*s == ' ' || *s == '\t' || *s == '\n')
		s++;
	if (!*s)
		return false;
	*ret_key = out = s;
	*ret_value = NULL;
	for (; *s && (quoted || (*s != ' ' && *s != '\t' && *s != '\n')); s++) {
		if (*s == '"') {
			quoted = !quoted;
		} else if (*s == '=' && !*ret_value) {
			*out++ = '\0';
			*ret_value = out;
		} else {
			*out++ = *s;
		}
	}
	*p = *s ? s + 1 : s;
	*out = '\0';
	return true;
}

int agent_config_parse_cmdline(struct agent_config *c, const char *text, struct error *err)
{
	_cleanup_free_ char *copy = NULL;
	char *p, *key, *value;

	if (strnlen(text, AGENT_CMDLINE_MAX) >= AGENT_CMDLINE_MAX)
		return error_set(err, -EINVAL, "kernel command line: longer than %d bytes",
				 AGENT_CMDLINE_MAX);
	copy = strdup(text);
	if (!copy)
		return error_oom(err);
	for (p = copy; next_param(&p, &key, &value);) {
		int r;

		if (!str_after(key, "agent."))
			continue;
		r = parse_param(c, key, value, err);
		if (r < 0)
			return r;
	}
	return 0;
}
