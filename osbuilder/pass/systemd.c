/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest whose PID 1 is systemd and whose agent is a service. The units say what upstream's do (src/agent/kata-agent.service.in,
 * kata-containers.target); what is removed is what `rootfs.sh -d` removes.
 */
#include "pass/pass.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "pass/text.h"

#define UNIT_DIR "/usr/lib/systemd/system"
#define ETC_DIR	 "/etc/systemd/system"

static const char tmp_mount[] = "[Unit]\n"
				"Description=Temporary Directory /tmp\n"
				"ConditionPathIsSymbolicLink=!/tmp\n"
				"DefaultDependencies=no\n"
				"Conflicts=umount.target\n"
				"Before=local-fs.target umount.target\n"
				"After=swap.target\n"
				"\n"
				"[Mount]\n"
				"What=tmpfs\n"
				"Where=/tmp\n"
				"Type=tmpfs\n"
				"Options=mode=1777,strictatime,nosuid,nodev\n";

static int add_agent_unit(struct tree *t, const char *agent_path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf u = STRBUF_INIT;
	int r = strbuf_addstr(&u, "[Unit]\n"
				  "Description=Kata Containers Agent\n"
				  "Documentation=" PASS_PROJECT_URL "\n"
				  "Wants=kata-containers.target\n"
				  "\n"
				  "[Service]\n"
				  /* to the console, which the host may read */
				  "StandardOutput=tty\n"
				  "Type=simple\n");

	r |= strbuf_addf(&u, "ExecStart=%s\n", agent_path);
	r |= strbuf_addstr(&u, "LimitNOFILE=1073741824\n"
			       "ExecStop=/bin/sync ; /usr/bin/systemctl --force poweroff\n"
			       "FailureAction=poweroff\n"
			       "OOMScoreAdjust=-997\n");
	if (r)
		return error_oom(err);
	return tree_add_file(t, UNIT_DIR "/kata-agent.service", 0644, u.buf, u.len, err);
}

static int add_target(struct tree *t, bool confidential, struct error *err)
{
	_cleanup_strbuf_ struct strbuf u = STRBUF_INIT;
	int r = strbuf_addstr(&u, "[Unit]\n"
				  "Description=Kata Containers Agent Target\n"
				  "Requires=basic.target\n"
				  "Requires=tmp.mount\n"
				  "Wants=chronyd.service\n"
				  "Requires=kata-agent.service\n");

	if (confidential) /* it gives /run the options of /etc/fstab */
		r |= strbuf_addstr(&u, "Requires=systemd-remount-fs.service\n");
	r |= strbuf_addstr(&u, "Conflicts=rescue.service rescue.target\n"
			       "After=basic.target rescue.service rescue.target\n"
			       "AllowIsolate=yes\n");
	if (r)
		return error_oom(err);
	return tree_add_file(t, UNIT_DIR "/kata-containers.target", 0644, u.buf, u.len, err);
}

static int add_links(struct tree *t, struct error *err)
{
	int r = tree_add_symlink(t, ETC_DIR "/basic.target.wants/kata-containers.target",
				 UNIT_DIR "/kata-containers.target", err);

	if (r == 0 && pass_exists(t, UNIT_DIR "/dbus.socket"))
		r = tree_add_symlink(t, ETC_DIR "/kata-containers.target.wants/dbus.socket",
				     UNIT_DIR "/dbus.socket", err);
	return r;
}

/* A tmp.mount that is there is kept: systemd's own, or one of the recipe. */
static int add_tmp_mount(struct tree *t, struct error *err)
{
	if (pass_exists(t, UNIT_DIR "/tmp.mount") || pass_exists(t, ETC_DIR "/tmp.mount"))
		return 0;
	return tree_add_file(t, ETC_DIR "/tmp.mount", 0644, tmp_mount, strlen(tmp_mount), err);
}

int pass_systemd(struct tree *t, const struct pass_systemd_params *p, struct error *err)
{
	int r;

	if (!pass_exists(t, "/usr/lib/systemd/systemd"))
		return error_set(err, -ENOENT,
				 "systemd shall be the init, but the image has no "
				 "/usr/lib/systemd/systemd");
	r = add_agent_unit(t, p->agent_path, err);
	if (r == 0)
		r = add_target(t, p->confidential, err);
	if (r == 0)
		r = add_tmp_mount(t, err);
	return r < 0 ? r : add_links(t, err);
}

/* Names of files that go, wherever they are. */
static const char *const trimmed_units[] = {
	"coredump@",	 "journald",	 "journald-dev-log", "journal-flush",
	"random-seed",	 "timesyncd",	 "tmpfiles-setup",   "udevd",
	"udevd-control", "udevd-kernel", "udev-trigger",     "update-utmp",
};
static const char *const trimmed_files[] = {
	"systemd-bless-boot-generator", "systemd-fstab-generator",	  "systemd-getty-generator",
	"systemd-gpt-auto-generator",	"systemd-tmpfiles-cleanup.timer",
};

static bool is_trimmed(const struct tree_node *n)
{
	const char *unit = str_after(n->name, "systemd-");

	if (!unit || tree_is_dir(n))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(trimmed_units); i++) {
		const char *kind = str_after(unit, trimmed_units[i]);

		if (str_eq(kind, ".service") || str_eq(kind, ".socket"))
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(trimmed_files); i++)
		if (str_eq(n->name, trimmed_files[i]))
			return true;
	return false;
}

static void trim_below(struct tree *t, struct tree_node *dir)
{
	/* backwards: removing a child moves only those after it */
	for (size_t i = dir->n_children; i > 0; i--) {
		struct tree_node *n = dir->children[i - 1];

		if (tree_is_dir(n))
			trim_below(t, n);
		else if (is_trimmed(n))
			tree_remove(t, n);
	}
}

void pass_trim_systemd(struct tree *t)
{
	trim_below(t, tree_root(t));
}

int pass_confidential(struct tree *t, struct error *err)
{
	static const char line[] = "tmpfs /run tmpfs nodev,nosuid,size=50% 0 0\n";
	_cleanup_strbuf_ struct strbuf fstab = STRBUF_INIT;
	int r = pass_read_text(t, "/etc/fstab", &fstab, err);

	if (r < 0)
		return r;
	if (fstab.len && fstab.buf[fstab.len - 1] != '\n' && strbuf_addch(&fstab, '\n') < 0)
		return error_oom(err);
	if (strbuf_addstr(&fstab, line) < 0)
		return error_oom(err);
	return pass_write_text(t, "/etc/fstab", &fstab, err);
}
