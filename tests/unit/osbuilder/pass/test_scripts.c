/* SPDX-License-Identifier: Apache-2.0 */
/* Passes that do what the scripts of packages would have done. */
#include "support/cmocka_all.h"

#include <string.h>

#include "pass/pass.h"
#include "support/tree_text.h"

static void test_defaults(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	assert_int_equal(pass_defaults(t, &err), 0);
	assert_int_equal(tree_count(t), 1);
	tree_put(t, "usr/share/base-files/profile", "P\n");
	tree_put(t, "usr/share/base-files/motd", "M\n");
	tree_put(t, "usr/share/libc-bin/nsswitch.conf", "N\n");
	tree_put(t, "etc/motd", "own\n");
	tree_put(t, "etc/protocols", "");
	tree_put(t, "usr/share/zoneinfo/Etc/UTC", "");
	tree_put(t, "opt", "a file of somebody");
	if (pass_defaults(t, &err) < 0)
		fail_msg("%s", err.msg);
	tree_is(t, "etc/profile", "P\n");
	tree_is(t, "etc/nsswitch.conf", "N\n");
	tree_is(t, "etc/motd", "own\n");
	tree_is(t, "opt", "a file of somebody");
	tree_has(t, "etc/hosts", "127.0.0.1\tlocalhost\n");
	tree_leads(t, "etc/localtime", "/usr/share/zoneinfo/Etc/UTC");
	tree_leads(t, "etc/mtab", "../proc/self/mounts");
	assert_int_equal(tree_lookup(t, "var/mail")->inode->mode, S_IFDIR | 02775);
	assert_int_equal(tree_lookup(t, "var/mail")->inode->gid, 8);
	tree_free(t);
}

static void test_shells(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	assert_int_equal(pass_merge_usr(t, "x86_64", &err), 0);
	tree_put(t, "usr/bin/sh", "");
	tree_put(t, "usr/bin/bash", "");
	tree_put(t, "usr/share/debianutils/shells", "# comment\n/bin/sh\n");
	tree_put(t, "usr/share/debianutils/shells.d/bash", "/bin/bash\n/bin/sh\n/opt/x\n");
	assert_int_equal(pass_defaults(t, &err), 0);
	tree_is(t, "etc/shells",
		"# /etc/shells: valid login shells\n/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n/opt/x\n");
	tree_free(t);
}

static void test_alternatives(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	tree_put(t, "usr/sbin/iptables-nft", "");
	tree_put(t, "usr/sbin/iptables-nft-save", "");
	tree_put(t, "usr/sbin/iptables-legacy", "");
	tree_put(t, "usr/sbin/iptables-legacy-restore", "");
	tree_put(t, "usr/sbin/ebtables-legacy", "");
	tree_put(t, "usr/bin/mawk", "");
	tree_put(t, "usr/bin/original-awk", "");
	tree_put(t, "bin/more", "");
	tree_put(t, "usr/bin/pager", "of a package");
	if (pass_alternatives(t, &err) < 0)
		fail_msg("%s", err.msg);
	tree_leads(t, "usr/sbin/iptables", "/etc/alternatives/iptables");
	tree_leads(t, "etc/alternatives/iptables", "/usr/sbin/iptables-nft");
	tree_leads(t, "etc/alternatives/iptables-save", "/usr/sbin/iptables-nft-save");
	/* all of one kind or none: nft has no such part here */
	assert_null(tree_lookup(t, "usr/sbin/iptables-restore"));
	tree_leads(t, "etc/alternatives/ebtables", "/usr/sbin/ebtables-legacy");
	tree_leads(t, "etc/alternatives/awk", "/usr/bin/mawk");
	tree_leads(t, "usr/bin/nawk", "/etc/alternatives/nawk");
	tree_is(t, "usr/bin/pager", "of a package");
	assert_null(tree_lookup(t, "etc/alternatives/editor"));
	tree_free(t);
}

static void test_certificates(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	assert_int_equal(pass_ca_certificates(t, &err), 0);
	assert_int_equal(tree_count(t), 1);
	tree_put(t, "usr/share/ca-certificates/mozilla/B.crt", "B\n");
	tree_put(t, "usr/share/ca-certificates/mozilla/A.crt", "A");
	tree_put(t, "usr/share/ca-certificates/mozilla/README", "R\n");
	tree_put(t, "usr/local/share/ca-certificates/own.crt", "O\n");
	if (pass_ca_certificates(t, &err) < 0)
		fail_msg("%s", err.msg);
	tree_is(t, "etc/ssl/certs/ca-certificates.crt", "A\nB\nO\n");
	tree_leads(t, "etc/ssl/certs/A.pem", "/usr/share/ca-certificates/mozilla/A.crt");
	tree_leads(t, "etc/ssl/certs/own.pem", "/usr/local/share/ca-certificates/own.crt");
	tree_free(t);
}

static void test_tmpfiles(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();
	const struct tree_inode *ino;

	assert_int_equal(pass_tmpfiles(t, &err), 0);
	tree_put(t, "etc/passwd", "root:x:0:0::/:/bin/sh\nu:x:7:8::/:/bin/sh\n");
	tree_put(t, "etc/group", "root:x:0:\njournal:x:9:\n");
	tree_put(t, "etc/shadow", "");
	tree_put(t, "etc/gshadow", "");
	tree_put(t, "etc/mtab", "old");
	tree_put(t, "var/log/journal/x", "");
	tree_put(t, "usr/share/factory/etc/issue", "");
	tree_put(
		t, "usr/lib/tmpfiles.d/a.conf",
		"# comment\nd /var/lib/x 0750 u journal -\nq /srv - - -\nf /var/log/wtmp 0664 root journal - a b\n"
		"L+ /etc/mtab - - - - ../proc/self/mounts\nL /etc/issue\nL /etc/none\n"
		"z /var/log/journal 2755 root journal - -\nd /run/x 0755 root root -\n"
		"f! /var/boot - - -\nf^ /var/cred - - - - c\nd /var/%m - - -\nr! /var/log/wtmp\n"
		"d /var/unknown 0700 nobody_here - -\nd /var/badmode 9 - -\nd relative\nx\n");
	tree_put(t, "usr/lib/tmpfiles.d/b.conf", "d /var/hidden - - -\n");
	tree_put(t, "etc/tmpfiles.d/b.conf", "");
	if (pass_tmpfiles(t, &err) < 0)
		fail_msg("%s", err.msg);
	ino = tree_lookup(t, "var/lib/x")->inode;
	assert_int_equal(ino->mode, S_IFDIR | 0750);
	assert_int_equal(ino->uid, 7);
	assert_int_equal(ino->gid, 9);
	assert_int_equal(tree_lookup(t, "srv")->inode->mode, S_IFDIR | 0755);
	tree_is(t, "var/log/wtmp", "a b");
	assert_int_equal(tree_lookup(t, "var/log/wtmp")->inode->mode, S_IFREG | 0664);
	tree_leads(t, "etc/mtab", "../proc/self/mounts");
	tree_leads(t, "etc/issue", "/usr/share/factory/etc/issue");
	assert_int_equal(tree_lookup(t, "var/log/journal")->inode->mode, S_IFDIR | 02755);
	assert_int_equal(tree_lookup(t, "var/log/journal")->inode->gid, 9);
	assert_int_equal(tree_lookup(t, "var/unknown")->inode->mode, S_IFDIR | 0755);
	assert_null(tree_lookup(t, "etc/none"));
	assert_null(tree_lookup(t, "run"));
	assert_null(tree_lookup(t, "var/boot"));
	assert_null(tree_lookup(t, "var/cred"));
	assert_null(tree_lookup(t, "var/%m"));
	assert_null(tree_lookup(t, "var/hidden"));
	tree_free(t);
}

static void test_pam(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	assert_int_equal(pass_pam(t, &err), 0);
	assert_int_equal(tree_count(t), 1);
	tree_put(t, "usr/share/pam/common-auth",
		 "# head\n$auth_primary\nauth\trequisite\tpam_deny.so\n$auth_additional\n");
	tree_put(t, "usr/share/pam/common-session", "$session_primary\n$session_additional\n");
	tree_put(t, "usr/share/pam/common-session-noninteractive", "$session_nonint_additional\n");
	tree_put(t, "usr/share/pam-configs/unix",
		 "Name: Unix\nDefault: yes\nPriority: 256\nAuth-Type: Primary\nAuth:\n"
		 "\t[success=end default=ignore]\tpam_unix.so try_first_pass\nAuth-Initial:\n"
		 "\t[success=end default=ignore]\tpam_unix.so\nSession-Type: Additional\nSession:\n"
		 "\trequired\tpam_unix.so\n");
	tree_put(
		t, "usr/share/pam-configs/first",
		"Default: yes\nPriority: 900\nAuth-Type: Primary\nAuth:\n"
		"\t[success=end default=die]\tpam_one.so a b\n\trequired\tpam_two.so\n"
		"Session-Type: Additional\nSession-Interactive-Only: yes\nSession:\n\toptional\tpam_i.so\n");
	tree_put(t, "usr/share/pam-configs/off",
		 "Default: no\nPriority: 999\nAuth-Type: Primary\nAuth:\n\trequired\tpam_off.so\n");
	if (pass_pam(t, &err) < 0)
		fail_msg("%s", err.msg);
	tree_is(t, "etc/pam.d/common-auth",
		"# head\nauth\t[success=3 default=die]\tpam_one.so a b\nauth\trequired\tpam_two.so \n"
		"auth\t[success=1 default=ignore]\tpam_unix.so try_first_pass\n"
		"auth\trequisite\tpam_deny.so\n");
	tree_is(t, "etc/pam.d/common-session",
		"session\t[default=1]\t\t\tpam_permit.so\nsession\toptional\tpam_i.so \n"
		"session\trequired\tpam_unix.so \n");
	tree_is(t, "etc/pam.d/common-session-noninteractive", "session\trequired\tpam_unix.so \n");
	assert_null(tree_lookup(t, "etc/pam.d/common-account"));
	tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),     cmocka_unit_test(test_shells),
		cmocka_unit_test(test_alternatives), cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_tmpfiles),     cmocka_unit_test(test_pam),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
