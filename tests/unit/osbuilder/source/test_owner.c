/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "source/owner.h"

struct file {
	const char *path, *text, *user, *group;
};

static void add_files(struct layer *l, const struct file *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct la_entry e = { .path = v[i].path, .mode = S_IFREG | 0644 };
		struct layer_entry *d = NULL;

		assert_int_equal(layer_add(l, &e, &d, NULL), 0);
		d->user = v[i].user;
		d->group = v[i].group;
		if (v[i].text)
			assert_int_equal(blob_from_bytes(&d->content, v[i].text, strlen(v[i].text)),
					 0);
	}
}

static void assert_owner(const struct layer *l, size_t i, uint32_t uid, uint32_t gid)
{
	if (l->v[i].e.uid != uid || l->v[i].e.gid != gid)
		fail_msg("%s: %u:%u instead of %u:%u", l->v[i].e.path, l->v[i].e.uid, l->v[i].e.gid,
			 uid, gid);
}

static char *content(const struct blob *b)
{
	static char text[4096];

	assert_true(b->size < sizeof(text));
	assert_int_equal(blob_read(b, 0, text, b->size, NULL), 0);
	text[b->size] = '\0';
	return text;
}

static const struct lock_package one = { .name = (char *)"one" }, two = { .name = (char *)"two" };
static const struct lock_package *const packages[] = { &one, &two };

/* passwd and group of a package, sysusers.d of another: fixed numbers, free ones, names of other groups, comments. */
static void test_resolve(void **state)
{
	static const struct file first[] = {
		{ "./etc/passwd",
		  "root:x:0:0::/root:/bin/sh\ngames:x:12:100:games:/:/bin/sh\nno line", NULL,
		  NULL },
		{ "etc/group", "root:x:0:\nmail:x:12:\nusers:x:100:\n", NULL, NULL },
		{ "etc/shadow", "root:*:::::::\n", NULL, NULL },
		{ "a", NULL, "root", "mail" },
		{ "b", NULL, "games", "users" },
	};
	static const struct file second[] = {
		{ "c", NULL, "polkitd", "polkitd" },
		{ "d", NULL, "chrony", "chrony" },
		{ "e", NULL, "unbound", "users" },
		{ "f", NULL, "root", "utmp" },
		{ "g", NULL, NULL, NULL },
		{ "usr/lib/sysusers.d/b.conf",
		  "# users\nu chrony - \"chrony: daemon\" /var/lib/chrony\nu idle - \"not needed\"\n",
		  NULL, NULL },
		{ "usr/lib/sysusers.d/a.conf",
		  "u polkitd 27 \"User for polkitd\"\nu! unbound 155:users\ng utmp 22\nm chrony extra\n",
		  NULL, NULL },
		{ "usr/lib/sysusers.d/README", "u nobody-reads-this 1\n", NULL, NULL },
	};
	_cleanup_layer_ struct layer a = { 0 }, b = { 0 };
	struct layer *const layers[] = { &a, &b };
	_cleanup_tree_ struct tree *t = tree_new();
	struct error err = ERROR_INIT;

	add_files(&a, first, ARRAY_SIZE(first));
	add_files(&b, second, ARRAY_SIZE(second));
	if (owner_resolve(layers, packages, 2, t, false, &err) < 0)
		fail_msg("%s", err.msg);
	assert_owner(&a, 3, 0, 12);
	assert_owner(&a, 4, 12, 100);
	assert_owner(&b, 0, 27, 27);
	assert_owner(&b, 1, 999, 999);
	assert_owner(&b, 2, 155, 100);
	assert_owner(&b, 3, 0, 22);
	assert_owner(&b, 4, 0, 0);
	/* who owns something was written; a colon cannot be in a field */
	assert_string_equal(content(&a.v[0].content),
			    "root:x:0:0::/root:/bin/sh\ngames:x:12:100:games:/:/bin/sh\nno line\n"
			    "polkitd:x:27:27:User for polkitd:/:/usr/sbin/nologin\n"
			    "unbound:x:155:100::/:/usr/sbin/nologin\n"
			    "chrony:x:999:999::/var/lib/chrony:/usr/sbin/nologin\n");
	assert_string_equal(content(&a.v[1].content), "root:x:0:\nmail:x:12:\nusers:x:100:\n"
						      "polkitd:x:27:\nutmp:x:22:\nchrony:x:999:\n");
	assert_string_equal(content(&a.v[2].content), "root:*:::::::\npolkitd:!*:::::::\n"
						      "unbound:!*:::::::\nchrony:!*:::::::\n");
}

/* What an earlier source put into the tree counts, and is added to. */
static void test_tree(void **state)
{
	static const struct file files[] = { { "a", NULL, "svc", "svc" },
					     { "b", NULL, "old", "root" } };
	static const char passwd[] = "old:x:7:7::/:/bin/sh\n", conf[] = "u svc 999\n";
	_cleanup_layer_ struct layer a = { 0 };
	struct layer *const layers[] = { &a };
	_cleanup_tree_ struct tree *t = tree_new();
	struct error err = ERROR_INIT;

	add_files(&a, files, ARRAY_SIZE(files));
	assert_int_equal(tree_add_file(t, "/etc/passwd", 0600, passwd, strlen(passwd), &err), 0);
	assert_int_equal(
		tree_add_file(t, "/usr/lib/sysusers.d/s.conf", 0644, conf, strlen(conf), &err), 0);
	if (owner_resolve(layers, packages, 1, t, false, &err) < 0)
		fail_msg("%s", err.msg);
	assert_owner(&a, 0, 999, 999);
	assert_owner(&a, 1, 7, 0);
	assert_string_equal(content(&tree_lookup(t, "/etc/passwd")->inode->content),
			    "old:x:7:7::/:/bin/sh\nsvc:x:999:999::/:/usr/sbin/nologin\n");
	assert_string_equal(content(&tree_lookup(t, "/etc/group")->inode->content), "svc:x:999:\n");
	assert_null(tree_lookup(t, "/etc/shadow"));
}

static void test_unknown(void **state)
{
	static const struct file first[] = { { "x", NULL, "root", "root" } };
	static const struct file second[] = { { "usr/bin/y", NULL, "root", "nobody-knows" } };
	_cleanup_layer_ struct layer a = { 0 }, b = { 0 };
	struct layer *const layers[] = { &a, &b };
	_cleanup_tree_ struct tree *t = tree_new();
	struct error err = ERROR_INIT;

	add_files(&a, first, 1);
	add_files(&b, second, 1);
	assert_int_equal(owner_resolve(layers, packages, 2, t, false, &err), -ENOTSUP);
	assert_string_equal(
		err.msg, "package two: entry '/usr/bin/y' belongs to group nobody-knows, whom no "
			 "package makes (plain_owners gives it to root)");
	assert_int_equal(owner_resolve(layers, packages, 2, t, true, &err), 0);
	assert_owner(&b, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
