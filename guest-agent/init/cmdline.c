/* SPDX-License-Identifier: Apache-2.0 */
#include "init/cmdline.h"

#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "init/settings.h"

void agent_config_preset(struct agent_config *c)
{
	memset(c, 0, sizeof(*c));
	c->log_level = LOG_L_INFO;
	memcpy(c->server_addr, AGENT_ADDR_DEFAULT, sizeof(AGENT_ADDR_DEFAULT));
	memcpy(c->policy_file, AGENT_POLICY_DEFAULT, sizeof(AGENT_POLICY_DEFAULT));
	c->hotplug_usec = 3 * USEC_PER_SEC;
}

void agent_config_release(struct agent_config *c)
{
	strv_release(&c->unsupported);
}

/* value is NULL for a word without "=". */
static int parse_param(struct agent_config *c, const char *key, const char *value,
		       struct error *err)
{
	const char *v = value ? value : "";
	const char *fault = setting_from_param(c, key, v);

	if (!fault || fault == SETTING_UNKNOWN)
		return 0;
	if (fault == SETTING_OOM)
		return error_oom(err);
	if (fault == SETTING_BAD)
		return error_set(err, -EINVAL, "kernel parameter %s: bad value \"%s\"", key, v);
	return error_set(err, -EINVAL, "kernel parameter %s: %s", key, fault);
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
