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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_shells),
		cmocka_unit_test(test_alternatives),
		cmocka_unit_test(test_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
