/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "compat/e2.h"
#include "support/cmocka_all.h"
#include "support/tool.h"
#include "support/torture_tree.h"
#include "writer/list.h"

/* Directories so large that the writer makes a hash tree. */

static const uint8_t seed[WRITER_SEED_SIZE] = "the seed of these tests";
static const struct writer_params params = { .epoch = TORTURE_EPOCH, .seed = seed };

static void need_e2fsprogs(void)
{
	if (!tool_have("e2fsck") || !tool_have("debugfs")) {
		skip_because("e2fsprogs is not installed");
	}
}

/* "000042xxx..." */
static void make_name(char name[256], unsigned i, int len)
{
	snprintf(name, 256, "%06u", i);
	memset(name + 6, 'x', (size_t)len - 6);
	name[len] = '\0';
}

static void add(struct tree *t, unsigned i, int len)
{
	char path[300], name[256];
	struct error err = ERROR_INIT;

	make_name(name, i, len);
	snprintf(path, sizeof(path), "d/%s", name);
	if (tree_add_file(t, path, 0644, NULL, 0, &err) < 0)
		fail_msg("%s", err.msg);
}

/* e2fsck finds nothing; it rebuilds the directory by -D and still finds nothing; all names are there before and after. */
static void check(struct tree *t, const char *dump_has, unsigned entries)
{
	char *dir = tool_tmpdir(), *out;
	char img[200];

	snprintf(img, sizeof(img), "%s/a.img", dir);
	torture_write(&writer_ext4, t, &params, img);
	free(tool_ok("e2fsck -fn %s", img));
	out = tool_ok("debugfs -R 'htree_dump /d' %s", img);
	if (!strstr(out, dump_has))
		fail_msg("no '%s' in:\n%.2000s", dump_has, out);
	free(out);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tool_number("debugfs -R 'ls -p /d' %s 2>/dev/null | grep -c x",
					     img),
				 entries);
		free(tool_ok("e2fsck -fyD %s; test $? -le 1", img));
		free(tool_ok("e2fsck -fn %s", img));
	}
	tool_rmdir(dir);
}

static void one_level(void **state)
{
	_cleanup_tree_ struct tree *t = tree_new();

	need_e2fsprogs();
	for (unsigned i = 0; i < 20000; i++)
		add(t, i, 8 + (int)(i % 40));
	check(t, "Indirect levels: 0", 20000);
}

/* 15 names of 255 bytes fill a block, and a root has 507 entries. */
static void two_levels(void **state)
{
	_cleanup_tree_ struct tree *t = tree_new();

	need_e2fsprogs();
	for (unsigned i = 0; i < 15 * 507 + 1; i++)
		add(t, i, 255);
	check(t, "Indirect levels: 1", 15 * 507 + 1);
}

/* The last directory that is a list, and the first that is not. */
static void where_it_begins(void **state)
{
	_cleanup_tree_ struct tree *t = tree_new();
	char *dir = tool_tmpdir(), *out;
	char img[200];

	need_e2fsprogs();
	snprintf(img, sizeof(img), "%s/a.img", dir);
	for (unsigned i = 0; i < 16 * 15; i++)
		add(t, i, 255);
	torture_write(&writer_ext4, t, &params, img);
	free(tool_ok("e2fsck -fn %s", img));
	out = tool_ok("debugfs -R 'stat /d' %s", img);
	assert_non_null(strstr(out, "Size: 65536"));
	assert_non_null(strstr(out, "Flags: 0x80000"));
	free(out);
	add(t, 16 * 15, 255);
	torture_write(&writer_ext4, t, &params, img);
	free(tool_ok("e2fsck -fn %s", img));
	out = tool_ok("debugfs -R 'stat /d' %s", img);
	assert_non_null(strstr(out, "Size: 73728")); /* a root and 17 leaves */
	assert_non_null(strstr(out, "Flags: 0x81000"));
	free(out);
	tool_rmdir(dir);
}

struct candidate {
	uint32_t hash;
	unsigned i;
};

static int candidate_cmp(const void *pa, const void *pb)
{
	const struct candidate *a = pa, *b = pb;

	return a->hash < b->hash ? -1 : a->hash > b->hash;
}

/* Two names with one hash, the first the last of its block: the index must say that the next one goes on with it. */
static void collision_over_a_block_end(void **state)
{
	const unsigned count = 300000;
	struct candidate *v = calloc(count, sizeof(*v));
	_cleanup_tree_ struct tree *t = tree_new();
	unsigned at = 0;
	uint8_t hash_seed[16];
	char name[256], hex[16];

	need_e2fsprogs();
	assert_int_equal(wseed_uuid(seed, "ext4 hash seed", hash_seed, NULL), 0);
	for (unsigned i = 0; i < count; i++) {
		make_name(name, i, 255);
		v[i] = (struct candidate){ e2_name_hash(hash_seed, name, 255), i };
	}
	qsort(v, count, sizeof(*v), candidate_cmp);
	for (unsigned i = 15 * 20; i + 1 < count && !at; i++)
		if (v[i].hash == v[i + 1].hash && (i < 2 || v[i - 1].hash != v[i].hash))
			at = i;
	assert_int_not_equal(at, 0);
	for (unsigned i = at + 1 - 15 * 20; i <= at + 16; i++)
		add(t, v[i].i, 255);
	snprintf(hex, sizeof(hex), "0x%08x", v[at].hash | 1);
	check(t, hex, 15 * 20 + 16);
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_level),
		cmocka_unit_test(two_levels),
		cmocka_unit_test(where_it_begins),
		cmocka_unit_test(collision_over_a_block_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
