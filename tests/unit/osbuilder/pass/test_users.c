/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "pass/pass.h"
#include "support/tree_text.h"

#define EPOCH (INT64_C(20000) * 86400)

static const char passwd_master[] = "root:*:0:0:root:/root:/bin/bash\n"
				    "daemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin";
static const char group_master[] = "root:*:0:\nshadow:*:42:\nadm:*:4:daemon\n";

static struct tree *new_tree(void)
{
	struct tree *t = tree_new();

	assert_non_null(t);
	tree_put(t, "usr/share/base-passwd/passwd.master", passwd_master);
	tree_put(t, "usr/share/base-passwd/group.master", group_master);
	return t;
}

static void test_masters(void **state)
{
	struct recipe rc = { 0 };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	if (pass_users(t, &rc, EPOCH, &err) < 0)
		fail_msg("%s", err.msg);
	tree_is(t, "etc/passwd",
		"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n");
	tree_is(t, "etc/group", "root:x:0:\nshadow:x:42:\nadm:x:4:daemon\n");
	tree_is(t, "etc/shadow", "root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n");
	tree_is(t, "etc/gshadow", "root:*::\nshadow:*::\nadm:*::daemon\n");
	assert_int_equal(tree_lookup(t, "etc/shadow")->inode->mode, S_IFREG | 0640);
	assert_int_equal(tree_lookup(t, "etc/shadow")->inode->gid, 42);
	/* a second time changes nothing */
	assert_int_equal(pass_users(t, &rc, EPOCH + 86400, &err), 0);
	tree_is(t, "etc/shadow", "root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n");
	tree_free(t);
}

static void test_no_accounts(void **state)
{
	struct recipe_account wanted = { .name = (char *)"u", .id = RECIPE_ID_NONE };
	struct recipe rc = { 0 };
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	assert_int_equal(pass_users(t, &rc, EPOCH, &err), 0);
	assert_null(tree_lookup(t, "etc"));
	rc.accounts = &wanted;
	rc.n_accounts = 1;
	assert_int_equal(pass_users(t, &rc, EPOCH, &err), -ENOENT);
	assert_string_equal(err.msg, "the image has no /etc/passwd that users could be added to");
	tree_free(t);
}

static void test_sysusers(void **state)
{
	struct recipe rc = { 0 };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	tree_put(
		t, "usr/lib/sysusers.d/b.conf",
		"# comment\n\nu messagebus - \"System Message Bus\"\ng render -\nm messagebus render\n"
		"u! locked 200:adm - / /bin/sh\nr - 500-900\nu %b - -\n");
	tree_put(t, "usr/lib/sysusers.d/a.conf", "g first 77\n");
	tree_put(t, "usr/lib/sysusers.d/c.conf", "u never 5\n");
	tree_put(t, "etc/sysusers.d/c.conf", "u own /usr/share - /srv\n");
	tree_put(t, "usr/lib/sysusers.d/readme", "u readme 5\n");
	assert_int_equal(pass_users(t, &rc, 0, &err), 0);
	tree_is(t, "etc/group",
		"root:x:0:\nshadow:x:42:\nadm:x:4:daemon\nfirst:x:77:\nmessagebus:x:999:\n"
		"render:x:998:messagebus\nown:x:997:\n");
	tree_has(t, "etc/passwd",
		 "\nmessagebus:x:999:999:System Message Bus:/:/usr/sbin/nologin\n"
		 "locked:x:200:4::/:/bin/sh\n");
	/* no day of the password where the epoch is none */
	tree_has(t, "etc/shadow", "\nmessagebus:!*::0:99999:7:::\n");
	tree_lacks(t, "etc/passwd", "never");
	tree_lacks(t, "etc/passwd", "readme");
	tree_free(t);
}

static void test_recipe_accounts(void **state)
{
	struct recipe_account accounts[] = {
		{ .is_group = true, .name = (char *)"g1", .id = 300 },
		{ .name = (char *)"u1",
		  .id = 301,
		  .group = (char *)"g1",
		  .home = (char *)"/home/u1" },
		{ .name = (char *)"u2", .id = RECIPE_ID_NONE },
		{ .name = (char *)"u3", .id = RECIPE_ID_NONE, .when = (char *)"/usr/bin/none" },
	};
	struct recipe rc = { .accounts = accounts, .n_accounts = ARRAY_SIZE(accounts) };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	assert_int_equal(strv_add(&accounts[1].groups, "adm"), 0);
	if (pass_users(t, &rc, EPOCH, &err) < 0)
		fail_msg("%s", err.msg);
	tree_has(t, "etc/passwd",
		 "u1:x:301:300::/home/u1:/usr/sbin/nologin\nu2:x:999:999::/:/usr/sbin/nologin\n");
	tree_has(t, "etc/group", "adm:x:4:daemon,u1\ng1:x:300:\nu2:x:999:\n");
	tree_lacks(t, "etc/passwd", "u3");
	strv_release(&accounts[1].groups);
	tree_free(t);
}

static void test_bad_accounts(void **state)
{
	static const struct {
		struct recipe_account account;
		const char *message;
	} cases[] = {
		{ { .name = (char *)"0x", .id = RECIPE_ID_NONE },
		  "users: '0x' cannot be the name of a user or group" },
		{ { .name = (char *)"a:b", .id = RECIPE_ID_NONE },
		  "users: 'a:b' cannot be the name of a user or group" },
		{ { .name = (char *)"abcdefghijklmnopqrstuvwxyzabcdef", .id = RECIPE_ID_NONE },
		  "cannot be the name of a user or group" },
		{ { .name = (char *)"a", .id = 1 },
		  "users: user a cannot have the id 1: it is used" },
		{ { .name = (char *)"a", .id = 42, .is_group = true },
		  "users: group a cannot have the id 42: it is used" },
		{ { .name = (char *)"a", .id = RECIPE_ID_NONE, .gecos = (char *)"x\ny" },
		  "cannot stand in /etc/passwd" },
		{ { .name = (char *)"a", .id = RECIPE_ID_NONE, .home = (char *)"/x:0:0" },
		  "users: '/x:0:0' cannot stand in /etc/passwd" },
		{ { .name = (char *)"a", .id = RECIPE_ID_NONE, .group = (char *)"none" },
		  "users: user a: there is no group 'none'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct recipe_account a = cases[i].account;
		struct recipe rc = { .accounts = &a, .n_accounts = 1 };
		struct error err = ERROR_INIT;
		struct tree *t = new_tree();

		assert_true(pass_users(t, &rc, EPOCH, &err) < 0);
		if (!strstr(err.msg, cases[i].message))
			fail_msg("case %zu: %s", i, err.msg);
		tree_free(t);
	}
}

static void test_bad_sysusers(void **state)
{
	struct recipe rc = { 0 };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	tree_put(t, "usr/lib/sysusers.d/x.conf", "u a 12z\n");
	assert_int_equal(pass_users(t, &rc, EPOCH, &err), -EINVAL);
	assert_string_equal(err.msg, "users: /usr/lib/sysusers.d/x.conf: '12z' is not an id");
	tree_put(t, "usr/lib/sysusers.d/x.conf", "m nobody_here adm:x\n");
	assert_int_equal(pass_users(t, &rc, EPOCH, &err), -EINVAL);
	tree_free(t);
	t = new_tree();
	tree_put_bytes(t, "etc/passwd", "a\0b", 3);
	tree_put(t, "etc/group", "");
	assert_int_equal(pass_users(t, &rc, EPOCH, &err), -EBADMSG);
	assert_string_equal(err.msg, "/etc/passwd or /etc/group has a NUL byte");
	tree_free(t);
}

static void test_owners(void **state)
{
	struct recipe_owner owners[] = {
		{ .path = (char *)"/f", .user = (char *)"daemon", .group = (char *)"adm" },
		{ .path = (char *)"/g", .has_mode = true, .mode = 04711 },
		{ .path = (char *)"/none", .when = (char *)"/none", .user = (char *)"nobody" },
	};
	struct recipe rc = { 0 }, with = { .owners = owners, .n_owners = ARRAY_SIZE(owners) };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	tree_put(t, "f", "");
	tree_put(t, "g", "");
	assert_int_equal(pass_users(t, &rc, EPOCH, &err), 0);
	if (pass_owners(t, &with, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(tree_lookup(t, "f")->inode->uid, 1);
	assert_int_equal(tree_lookup(t, "f")->inode->gid, 4);
	assert_int_equal(tree_lookup(t, "f")->inode->mode, S_IFREG | 0644);
	assert_int_equal(tree_lookup(t, "g")->inode->mode, S_IFREG | 04711);
	owners[0].user = (char *)"nobody";
	assert_int_equal(pass_owners(t, &with, &err), -ENOENT);
	assert_string_equal(err.msg, "recipe owner '/f': there is no user 'nobody'");
	owners[0].path = (char *)"/h";
	assert_int_equal(pass_owners(t, &with, &err), -ENOENT);
	assert_string_equal(err.msg, "recipe owner: there is no '/h' in the image");
	tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masters),	     cmocka_unit_test(test_no_accounts),
		cmocka_unit_test(test_sysusers),     cmocka_unit_test(test_recipe_accounts),
		cmocka_unit_test(test_bad_accounts), cmocka_unit_test(test_bad_sysusers),
		cmocka_unit_test(test_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
