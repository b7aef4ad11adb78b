/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "base/options.h"
#include "base/strbuf.h"
#include "codec/json.h"
#include "container/caps.h"
#include "container/mountopt.h"
#include "runk/runk.h"

static void list(struct json_out *o, const char *key, const char *const *v, size_t n)
{
	json_out_array(o, key);
	for (size_t i = 0; i < n; i++)
		json_out_string(o, NULL, v[i]);
	json_out_end(o);
}
#define LIST(o, key, ...)                                      \
	list((o), (key), (const char *const[]){ __VA_ARGS__ }, \
	     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

static void enabled(struct json_out *o, const char *key, bool yes)
{
	json_out_object(o, key);
	json_out_bool(o, "enabled", yes);
	json_out_end(o);
}

static void out_capabilities(struct json_out *o)
{
	const char *name;

	json_out_array(o, "capabilities");
	for (int i = 0; (name = cap_name(i)); i++) {
		char text[40];

		snprintf(text, sizeof(text), "CAP_%s", name);
		json_out_string(o, NULL, text);
	}
	json_out_end(o);
}

static void out_seccomp(struct json_out *o)
{
	json_out_object(o, "seccomp");
	json_out_bool(o, "enabled", true);
	LIST(o, "actions", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
	     "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY",
	     "SCMP_ACT_TRACE", "SCMP_ACT_TRAP");
	LIST(o, "operators", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE",
	     "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE");
	LIST(o, "knownFlags", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	     "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
	json_out_end(o);
}

static void out_linux(struct json_out *o)
{
	json_out_object(o, "linux");
	LIST(o, "namespaces", "cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts");
	out_capabilities(o);
	json_out_object(o, "cgroup");
	json_out_bool(o, "v1", true);
	json_out_bool(o, "v2", true);
	json_out_bool(o, "systemd", false);
	json_out_bool(o, "systemdUser", false);
	json_out_bool(o, "rdma", true);
	json_out_end(o);
	out_seccomp(o);
	enabled(o, "apparmor", true);
	enabled(o, "selinux", true);
	enabled(o, "intelRdt", false);
	json_out_object(o, "mountExtensions");
	enabled(o, "idmap", true);
	json_out_end(o);
	json_out_end(o);
}

int cmd_features(const struct runk *rk, int argc, char **argv, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct json_out o;
	const char *word;
	int next;

	if (options_parse(NULL, 0, argc, argv, &next, err) < 0)
		return 1;
	json_out_init(&o, &sb, "  ");
	json_out_object(&o, NULL);
	json_out_string(&o, "ociVersionMin", "1.0.0");
	json_out_string(&o, "ociVersionMax", RUNK_OCI_VERSION);
	LIST(&o, "hooks", "prestart", "createRuntime", "createContainer", "startContainer",
	     "poststart", "poststop");
	json_out_array(&o, "mountOptions");
	for (size_t i = 0; (word = mount_opts_word(i)); i++)
		json_out_string(&o, NULL, word);
	json_out_end(&o);
	out_linux(&o);
	json_out_end(&o);
	if (json_out_finish(&o) < 0)
		error_oom(err);
	else
		fputs(sb.buf, stdout);
	return 0;
}
