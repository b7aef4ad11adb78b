/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <string.h>

#include "base/alloc.h"
#include "pass/pass.h"
#include "support/tree_text.h"

#define UNITS "usr/lib/systemd/system/"
#define ETC   "etc/systemd/system/"

static void test_units(void **state)
{
	struct pass_systemd_params p = { "/usr/bin/kata-agent", false };
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	assert_int_equal(pass_systemd(t, &p, &err), -ENOENT);
	assert_string_equal(err.msg, "systemd shall be the init, but the image has no "
				     "/usr/lib/systemd/systemd");
	tree_put(t, "usr/lib/systemd/systemd", "");
	assert_int_equal(pass_systemd(t, &p, &err), 0);
	tree_is(t, UNITS "kata-agent.service",
		"[Unit]\nDescription=Kata Containers Agent\n"
		"Documentation=https://github.com/kata-containers/kata-containers\n"
		"Wants=kata-containers.target\n\n[Service]\nStandardOutput=tty\nType=simple\n"
		"ExecStart=/usr/bin/kata-agent\nLimitNOFILE=1073741824\n"
		"ExecStop=/bin/sync ; /usr/bin/systemctl --force poweroff\n"
		"FailureAction=poweroff\nOOMScoreAdjust=-997\n");
	tree_is(t, UNITS "kata-containers.target",
		"[Unit]\nDescription=Kata Containers Agent Target\nRequires=basic.target\n"
		"Requires=tmp.mount\nWants=chronyd.service\nRequires=kata-agent.service\n"
		"Conflicts=rescue.service rescue.target\n"
		"After=basic.target rescue.service rescue.target\nAllowIsolate=yes\n");
	tree_leads(t, ETC "basic.target.wants/kata-containers.target",
		   "/" UNITS "kata-containers.target");
	tree_has(t, ETC "tmp.mount", "Options=mode=1777,strictatime,nosuid,nodev\n");
	assert_null(tree_lookup(t, ETC "kata-containers.target.wants"));
	tree_free(t);
}

static void test_units_of_others(void **state)
{
	struct pass_systemd_params p = { "/sbin/agent", true };
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	tree_put(t, "usr/lib/systemd/systemd", "");
	tree_put(t, UNITS "tmp.mount", "own");
	tree_put(t, UNITS "dbus.socket", "");
	assert_int_equal(pass_systemd(t, &p, &err), 0);
	assert_null(tree_lookup(t, ETC "tmp.mount"));
	tree_leads(t, ETC "kata-containers.target.wants/dbus.socket", "/" UNITS "dbus.socket");
	tree_has(t, UNITS "kata-containers.target", "\nRequires=systemd-remount-fs.service\n");
	tree_put(t, "etc/fstab", "# none");
	assert_int_equal(pass_confidential(t, &err), 0);
	tree_is(t, "etc/fstab", "# none\ntmpfs /run tmpfs nodev,nosuid,size=50% 0 0\n");
	tree_free(t);
}

static void test_trim(void **state)
{
	static const char *const gone[] = {
		UNITS "systemd-journald.service",
		UNITS "systemd-journald.socket",
		UNITS "systemd-udevd-kernel.socket",
		UNITS "systemd-coredump@.service",
		ETC "sysinit.target.wants/systemd-timesyncd.service",
		"usr/lib/systemd/system-generators/systemd-fstab-generator",
		UNITS "systemd-tmpfiles-cleanup.timer",
	};
	static const char *const stay[] = {
		UNITS "systemd-journald-audit.socket", UNITS "systemd-remount-fs.service",
		UNITS "systemd-tmpfiles-clean.timer",  "usr/lib/systemd/systemd-journald",
		UNITS "systemd-journald.service.d/x",  UNITS "my-systemd-journald.service",
	};
	struct tree *t = tree_new();

	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		tree_put(t, gone[i], "");
	for (size_t i = 0; i < ARRAY_SIZE(stay); i++)
		tree_put(t, stay[i], "");
	pass_trim_systemd(t);
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		assert_null(tree_lookup(t, gone[i]));
	for (size_t i = 0; i < ARRAY_SIZE(stay); i++)
		assert_non_null(tree_lookup(t, stay[i]));
	tree_free(t);
}

static void test_presets(void **state)
{
	struct recipe_systemd p = { 0 };
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	tree_put(
		t, UNITS "a.service",
		"[Unit]\nWantedBy=no.target\n[Install]\nAlias=b.service\nWantedBy=multi-user.target x.target\n"
		"RequiredBy = y.target\nAlso=also.socket\n[X]\nWantedBy=no2.target\n");
	tree_put(t, UNITS "also.socket", "[Unit]\n[Install]\nWantedBy=sockets.target\n");
	tree_put(t, UNITS "getty@.service",
		 "[Unit]\n[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n");
	tree_put(t, UNITS "t@.service", "[Unit]\n[Install]\nWantedBy=t.target\n");
	tree_put(t, UNITS "off.service", "[Unit]\n[Install]\nWantedBy=off.target\n");
	tree_put(t, UNITS "on.service", "[Unit]\n[Install]\nWantedBy=on.target ../evil\n");
	tree_put(t, UNITS "third.service", "[Unit]\n[Install]\nWantedBy=third.target\n");
	tree_put(t, UNITS "plain.service", "[Unit]\n");
	tree_put(
		t, "usr/lib/systemd/system-preset/90-x.preset",
		"# c\ndisable off.*\nenable on.service\ndisable also.socket\ndisable third.service\n");
	tree_put(t, "usr/lib/systemd/system-preset/95-y.preset",
		 "enable off.service\ndisable on.*\n");
	tree_put(t, ETC "y.target.requires/a.service", "of somebody else");
	assert_int_equal(strv_add(&p.enable, "third.*"), 0);
	if (pass_presets(t, &p, &err) < 0)
		fail_msg("%s", err.msg);
	tree_leads(t, ETC "b.service", "/" UNITS "a.service");
	tree_leads(t, ETC "multi-user.target.wants/a.service", "/" UNITS "a.service");
	tree_leads(t, ETC "x.target.wants/a.service", "/" UNITS "a.service");
	tree_is(t, ETC "y.target.requires/a.service", "of somebody else");
	tree_leads(t, ETC "sockets.target.wants/also.socket", "/" UNITS "also.socket");
	tree_leads(t, ETC "getty.target.wants/getty@tty1.service", "/" UNITS "getty@.service");
	tree_leads(t, ETC "on.target.wants/on.service", "/" UNITS "on.service");
	tree_leads(t, ETC "third.target.wants/third.service", "/" UNITS "third.service");
	assert_null(tree_lookup(t, ETC "off.target.wants"));
	assert_null(tree_lookup(t, ETC "t.target.wants"));
	assert_null(tree_lookup(t, ETC "no.target.wants"));
	assert_null(tree_lookup(t, ETC "no2.target.wants"));
	assert_null(tree_lookup(t, "evil.wants"));
	strv_release(&p.enable);
	tree_free(t);
}

static void test_chrony(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	assert_int_equal(pass_chrony(t, &err), 0);
	assert_null(tree_lookup(t, "etc"));
	tree_put(t, "usr/sbin/chronyd", "");
	tree_put(t, "etc/chrony/chrony.conf",
		 "pool a iburst\n# server x\nserver b\nmakestep 1 3\n");
	tree_put(t, UNITS "chrony.service",
		 "[Unit]\nDescription=c\n[Service]\nExecStart=/usr/sbin/chronyd -u _chrony -F 2\n"
		 "ReadWritePaths=/run /var/lib/chrony -/var/log\nStateDirectory=chrony\n"
		 "LogsDirectoryMode=0750\n");
	if (pass_chrony(t, &err) < 0)
		fail_msg("%s", err.msg);
	tree_is(t, "etc/chrony/chrony.conf",
		"# pool a iburst\n# server x\n# server b\nmakestep 1 3\n"
		"refclock PHC /dev/ptp0 poll 3 dpoll -2 offset 0\nmakestep 1 -1\n");
	tree_is(t, UNITS "chrony.service",
		"[Unit]\nConditionPathExists=/dev/ptp0\nDescription=c\n[Service]\n"
		"ExecStart=/usr/sbin/chronyd -F 2\nReadWritePaths=/run -/var/lib/chrony -/var/log\n"
		"#StateDirectory=chrony\n#LogsDirectoryMode=0750\n");
	tree_free(t);
	/* without a file there is one then, where chronyd looks for it by default */
	t = tree_new();
	tree_put(t, "usr/sbin/chronyd", "");
	assert_int_equal(pass_chrony(t, &err), 0);
	tree_is(t, "etc/chrony.conf",
		"refclock PHC /dev/ptp0 poll 3 dpoll -2 offset 0\nmakestep 1 -1\n");
	tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),  cmocka_unit_test(test_units_of_others),
		cmocka_unit_test(test_trim),   cmocka_unit_test(test_presets),
		cmocka_unit_test(test_chrony),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
