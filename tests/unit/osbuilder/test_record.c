/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "codec/sha.h"
#include "compat/la.h"
#include "record.h"
#include "support/tool.h"

#define RECIPE                                                       \
	"format = 1\nname = \"r\"\n[agent]\npath = \"/sbin/init\"\n" \
	"[[source]]\ntype = \"dir\"\npath = \"../files\"\n"

/* A directory with a recipe, an agent, and "outputs"; the working directory while a test runs. */
struct fixture {
	char *dir;
	struct image_build_params p;
};

static void write_file(const char *path, const char *text)
{
	struct error err = ERROR_INIT;

	if (file_write_atomic(AT_FDCWD, path, 0644, text, strlen(text), &err) < 0)
		fail_msg("%s", err.msg);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->dir = tool_tmpdir();
	assert_int_equal(chdir(f->dir), 0);
	assert_int_equal(mkdir("recipe", 0755) | mkdir("files", 0755) | mkdir("files/sub", 0755),
			 0);
	write_file("recipe/recipe.toml", RECIPE);
	write_file("files/sub/one", "one");
	write_file("agent", "agent");
	image_build_params_preset(&f->p);
	f->p.recipe = "./recipe";
	f->p.agent = "agent";
	f->p.arch = "x86_64";
	f->p.image_out = "i.img";
	f->p.cache_dir = "cache";
	assert_int_equal(strv_adds(&f->p.arguments, "--recipe", "./recipe", "--agent=agent",
				   "--image", "i.img", NULL),
			 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(chdir("/"), 0);
	tool_rmdir(f->dir);
	strv_release(&f->p.arguments);
	free(f);
	return 0;
}

static void expect(struct record *r, const char *path)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	record_expect(r, path, fd);
}

static void make_outputs(struct record *r)
{
	static const char *const outputs[] = { "i.img", "i.img.manifest.json", "i.img.spdx.json" };

	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		write_file(outputs[i], "output");
		expect(r, outputs[i]);
	}
}

/* What a build does, with `between` run in the middle of it. */
static void build(const struct fixture *f, const char *between)
{
	_cleanup_record_ struct record r = { 0 };

	record_begin(&r, &f->p);
	assert_true(r.usable);
	make_outputs(&r);
	if (between)
		free(tool_ok("cd '%s' && %s", f->dir, between));
	record_finish(&r, &f->p);
}

static bool is_current(const struct fixture *f)
{
	_cleanup_record_ struct record r = { 0 };

	record_begin(&r, &f->p);
	return record_is_current(&r);
}

static void test_current(void **state)
{
	struct fixture *f = *state;

	assert_false(is_current(f));
	build(f, NULL);
	assert_true(is_current(f));
	assert_true(is_current(f));
}

/* The build loads libarchive, which is one of the libraries in the key: before it is made. First of all tests, since that stays loaded. */
static void test_archive_reader(void **state)
{
	_cleanup_record_ struct record r = { 0 };
	struct error err = ERROR_INIT;
	struct fixture *f = *state;

	write_file("recipe/recipe.toml",
		   RECIPE "[[source]]\ntype = \"tar\"\npath = \"../files.tar\"\n");
	write_file("files.tar", "tar");
	record_begin(&r, &f->p);
	assert_true(r.usable);
	assert_int_equal(la_load(&err), 0);
	make_outputs(&r);
	record_finish(&r, &f->p);
	assert_true(is_current(f));
}

/* Every one of these makes a build necessary. */
static void test_changes(void **state)
{
	static const char *const changes[] = {
		"printf X >> agent",
		"printf Agent > agent",
		"touch recipe/recipe.toml",
		"echo '# x' >> recipe/recipe.toml",
		"touch recipe/new",
		"printf two > files/sub/one",
		"touch -d @5 files/sub/one",
		"chmod 0600 files/sub/one",
		"mv files/sub/one files/sub/two",
		"ln -s x files/sub/link",
		"rm i.img",
		"cp i.img x && mv x i.img",
		"printf outPut > i.img",
		"printf x >> i.img.spdx.json",
		"printf outPut > i.img.manifest.json",
		"rm i.img.manifest.json",
		"ln -f -s i.img i.img.spdx.json",
		"for f in cache/builds/*; do printf x >> $f; done",
		"for f in cache/builds/*; do : > $f; done",
		"rm cache/builds/*",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		free(tool_ok("cd '%s' && rm -f i.img*", f->dir));
		build(f, NULL);
		assert_true(is_current(f));
		free(tool_ok("cd '%s' && %s", f->dir, changes[i]));
		if (is_current(f))
			fail_msg("not noticed: %s", changes[i]);
	}
}

static void test_parameters(void **state)
{
	struct fixture *f = *state;

	build(f, NULL);
	f->p.epoch = 1;
	assert_false(is_current(f));
	f->p.epoch = 0;
	assert_true(is_current(f));
	assert_int_equal(strv_add(&f->p.arguments, "--measured"), 0);
	assert_false(is_current(f));
	/* an option that this test made up, with a directory */
	assert_int_equal(mkdir("modules", 0755), 0);
	assert_int_equal(strv_add(&f->p.arguments, "--what=modules"), 0);
	build(f, NULL);
	assert_true(is_current(f));
	write_file("modules/m.ko", "x");
	assert_false(is_current(f));
}

/* Neither what changed while it was read nor what somebody else wrote is recorded. */
static void test_meanwhile(void **state)
{
	struct fixture *f = *state;

	build(f, NULL);
	assert_true(is_current(f));
	build(f, "printf two > files/sub/one");
	assert_false(is_current(f));
	build(f, "cp -p i.img x && mv x i.img");
	assert_false(is_current(f));
	build(f, NULL);
	assert_true(is_current(f));
}

/* The hash of a file is taken again when it is as it was, unless it has just been changed. */
static void test_read_once(void **state)
{
	struct fixture *f = *state;

	for (int right = 0; right < 2; right++) {
		_cleanup_record_ struct record r = { 0 };
		uint8_t digest[SHA_SIZE_MAX];

		record_begin(&r, &f->p);
		assert_int_equal(r.n_inputs, 0);
		assert_int_equal(stat("agent", &r.inputs[0].st), 0);
		assert_int_equal(sha_of(SHA_KIND_256, "agent", 5, digest), 0);
		memcpy(r.inputs[0].sha256, digest, right ? SHA_SIZE_256 : 0);
		r.n_inputs = 1;
		make_outputs(&r);
		record_finish(&r, &f->p);
		assert_int_equal(is_current(f), right);
	}
}

/* What has been hashed for the key is known, as long as it is that file. */
static void test_hash_known(void **state)
{
	_cleanup_fd_ int fd = open("agent", O_RDWR | O_CLOEXEC);
	_cleanup_record_ struct record r = { 0 };
	uint8_t digest[SHA_SIZE_256] = { 0 };
	struct fixture *f = *state;

	record_begin(&r, &f->p);
	assert_false(record_sha256(&r, fd, digest)); /* it has just been changed */
	assert_int_equal(fstat(fd, &r.inputs[0].st), 0);
	memset(r.inputs[0].sha256, 7, SHA_SIZE_256);
	r.n_inputs = 1;
	assert_true(record_sha256(&r, fd, digest));
	assert_true(digest[0] == 7 && digest[SHA_SIZE_256 - 1] == 7);
	assert_int_equal(ftruncate(fd, 4), 0);
	assert_false(record_sha256(&r, fd, digest));
}

static bool usable(const struct fixture *f)
{
	_cleanup_record_ struct record r = { 0 };

	record_begin(&r, &f->p);
	return r.usable;
}

static void test_doubt(void **state)
{
	struct fixture *f = *state;

	assert_true(usable(f));
	f->p.rootfs_out = "dir";
	assert_false(usable(f));
	f->p.rootfs_out = NULL;
	write_file("recipe/recipe.toml",
		   RECIPE "[[source]]\ntype = \"deb\"\nsuites = [\"s\"]\ncomponents = [\"c\"]\n"
			  "packages = [\"p\"]\n");
	assert_false(usable(f));
	write_file("recipe/lock-x86_64.toml", "");
	assert_true(usable(f));
	f->p.lock = LOCK_USE_NONE;
	assert_false(usable(f));
	f->p.lock = LOCK_USE_AUTO;
	write_file("recipe/recipe.toml", "nonsense");
	assert_false(usable(f));
	write_file("recipe/recipe.toml", RECIPE);
	strv_release(&f->p.arguments);
	assert_false(usable(f));
	assert_int_equal(strv_add(&f->p.arguments, "/dev/null"), 0);
	assert_false(usable(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_archive_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hash_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_current, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parameters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_doubt, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
