/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "image.h"
#include "support/tool.h"

#define H64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define GOOD                                                                                                     \
	"{\"format\":1,\"kind\":\"image\",\"size\":10,\"sha512\":\"" H64 H64 "\","                               \
	"\"architecture\":\"x86_64\",\"recipe\":\"r\",\"source_date_epoch\":5,"                                  \
	"\"filesystem\":\"ext4\",\"dax\":true,\"partitions\":[{\"offset\":3145728,\"size\":4096}],"              \
	"\"uuid\":\"6f9e0ac3-f61c-816f-939b-ab5a8cb40ccc\","                                                     \
	"\"agent\":{\"path\":\"/sbin/init\",\"init\":true,\"version\":\"1\",\"protocol\":null,\"sha256\":\"" H64 \
	"\"},\"later\":7,\"packages\":[{\"name\":\"n\",\"version\":\"v\",\"architecture\":\"all\","              \
	"\"sha256\":\"" H64 "\"}]}"

static void test_round_trip(void **state)
{
	_cleanup_strbuf_ struct strbuf one = STRBUF_INIT, two = STRBUF_INIT;
	struct manifest a = { 0 }, b = { 0 };
	struct error err = ERROR_INIT;

	if (manifest_parse(GOOD, strlen(GOOD), &a, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(a.size, 10);
	assert_int_equal(a.n_parts, 1);
	assert_int_equal(a.parts[0].offset, 3145728);
	assert_true(a.agent_is_init);
	assert_string_equal(a.agent_version, "1");
	assert_null(a.agent_protocol);
	assert_string_equal(a.packages.v[0].sha256, H64);
	assert_int_equal(manifest_to_json(&a, &one, &err), 0);
	assert_int_equal(manifest_parse(one.buf, one.len, &b, &err), 0);
	assert_int_equal(manifest_to_json(&b, &two, &err), 0);
	assert_string_equal(one.buf, two.buf);
	manifest_release(&a);
	manifest_release(&b);
}

#define VERITY                                                                    \
	"\"verity\":{\"root_hash\":\"" H64 "\",\"salt\":\"-\",\"data_blocks\":1," \
	"\"data_block_size\":4096,\"hash_block_size\":4096},\"uuid\""
static char *replaced(const char *from, const char *to);

static void test_verity(void **state)
{
	static const char *const cases[][3] = {
		{ "\"salt\":\"-\",", "", "verity.salt: missing" },
		{ "\"salt\":\"-\"", "\"salt\":\"x\"", "verity: salt has 1 hex digits" },
		{ "\"data_blocks\":1", "\"data_blocks\":0",
		  "verity: data_blocks of 0 is not in 1" },
		{ "{\"root", "5,\"x\":{\"root", "verity: expected an object" },
	};
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT;
	char *text = replaced("\"uuid\"", VERITY);
	struct manifest a = { 0 }, b = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(manifest_parse(text, strlen(text), &a, &err), 0);
	assert_true(a.measured);
	assert_string_equal(a.verity.root_hash, H64);
	assert_int_equal(manifest_to_json(&a, &json, &err), 0);
	assert_non_null(strstr(json.buf, "CONFIG_DM_VERITY"));
	assert_int_equal(manifest_parse(json.buf, json.len, &b, &err), 0);
	assert_true(verity_seal_equal(&a.verity, &b.verity));
	manifest_release(&b);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *at = strstr(text, cases[i][0]);
		char *bad;

		assert_non_null(at);
		bad = str_printf("%.*s%s%s", (int)(at - text), text, cases[i][1],
				 at + strlen(cases[i][0]));
		error_clear(&err);
		assert_int_equal(manifest_parse(bad, strlen(bad), &b, &err), -EINVAL);
		if (!strstr(err.msg, cases[i][2]))
			fail_msg("case %zu: '%s'", i, err.msg);
		free(bad);
	}
	manifest_release(&a);
	free(text);
}

static char *replaced(const char *from, const char *to)
{
	const char *at = strstr(GOOD, from);

	assert_non_null(at);
	return str_printf("%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
}

static void test_bad(void **state)
{
	static const char *const cases[][3] = {
		{ "\"format\":1", "\"format\":2", "format: is 2, this program knows 1" },
		{ "\"image\"", "\"kernel\"", "kind: is neither image nor initrd" },
		{ "\"size\":10,", "", "size: missing" },
		{ "\"recipe\"", "\"sha512_size\":11,\"recipe\"",
		  "sha512_size: is more than the size" },
		{ H64 H64, H64, "sha512: is not a hash of 128 hex digits" },
		{ "\"x86_64\"", "5", "architecture: " },
		{ "6f9e0ac3-", "", "uuid: is not a UUID" },
		{ "\"offset\":3145728", "\"offset\":-1", "partitions[0].offset: " },
		{ "\"name\":\"n\",", "", "packages[0].name: missing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text = replaced(cases[i][0], cases[i][1]);
		struct error err = ERROR_INIT;
		struct manifest m = { 0 };

		assert_true(manifest_parse(text, strlen(text), &m, &err) < 0);
		if (!strstr(err.msg, cases[i][2]))
			fail_msg("case %zu: '%s'", i, err.msg);
		assert_null(m.arch);
		free(text);
	}
}

/* The hash is of the beginning; what follows must be zeros, and an old manifest means all of the file. */
static void test_hash_fits(void **state)
{
	struct manifest m = { .size = 300000, .sha512_size = 3 };
	struct error err = ERROR_INIT;
	int fd = -1;

	assert_int_equal(fd_memfd("image", &fd), 0);
	assert_int_equal(fd_pwrite_full(fd, "abc", 3, 0), 0);
	assert_int_equal(sha_hex_of(SHA_KIND_512, "abc", 3, m.sha512), 0);
	assert_int_equal(manifest_hash_fits(&m, fd, NULL, &err), 1);
	assert_int_equal(ftruncate(fd, 300000), 0);
	assert_int_equal(manifest_hash_fits(&m, fd, NULL, &err), 1);
	assert_int_equal(fd_pwrite_full(fd, "x", 1, 299999), 0);
	assert_int_equal(manifest_hash_fits(&m, fd, NULL, &err), 0);
	assert_int_equal(fd_pwrite_full(fd, "", 1, 299999), 0);
	assert_int_equal(manifest_hash_fits(&m, fd, NULL, &err), 1);
	assert_int_equal(fd_pwrite_full(fd, "x", 1, 3), 0);
	assert_int_equal(manifest_hash_fits(&m, fd, NULL, &err), 0);
	assert_int_equal(fd_pwrite_full(fd, "B\0\0", 3, 1), 0);
	assert_int_equal(manifest_hash_fits(&m, fd, NULL, &err), 0);
	m.sha512_size = 300001;
	assert_int_equal(manifest_hash_fits(&m, fd, NULL, &err), 0);
	fd_close(fd);
	assert_int_equal(manifest_parse(GOOD, strlen(GOOD), &m, &err), 0);
	assert_int_equal(m.sha512_size, 10);
	manifest_release(&m);
}

static int setup(void **state)
{
	*state = tool_tmpdir();
	return 0;
}

static int teardown(void **state)
{
	tool_rmdir(*state);
	return 0;
}

/* A disk image of one ext4 made of a small tree, as `make rootfs-image` would leave it but without a manifest. */
static char *make_image(const char *dir, bool dax)
{
	const struct writer_params wp = { .epoch = 1 };
	struct disk_params dp = { .dax = dax };
	char *path = str_printf("%s/image", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct writer_result res = { 0 };
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();
	struct disk_layout l;

	assert_int_equal(tree_add_file(t, "sbin/init", 0755, "x", 1, &err), 0);
	if (writer_ext4.write(t, &wp, fd, disk_data_offset(dax), &res, &err) < 0)
		fail_msg("%s", err.msg);
	dp.part_sizes[0] = res.size;
	assert_int_equal(disk_plan(&dp, &l, &err), 0);
	assert_int_equal(disk_write(fd, &dp, &l, &err), 0);
	tree_free(t);
	close(fd);
	return path;
}

static void refuse(const struct image_check_params *p, const char *message)
{
	struct error err = ERROR_INIT;
	struct image_info info;

	assert_true(image_check(p, &info, &err) < 0);
	if (!strstr(err.msg, message))
		fail_msg("wanted '%s', got '%s'", message, err.msg);
}

static void write_manifest(const char *image, const char *text)
{
	char *path = str_printf("%s" MANIFEST_SUFFIX, image);
	struct error err = ERROR_INIT;

	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0644, text, strlen(text), &err), 0);
	free(path);
}

static void test_check_without_manifest(void **state)
{
	char *image = make_image(*state, true);
	struct image_check_params p = { .path = image, .arch = "x86_64" };
	struct error err = ERROR_INIT;
	struct image_info info;

	if (image_check(&p, &info, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(info.filesystem, "ext4");
	assert_true(info.dax && !info.has_manifest);
	assert_string_equal(info.arch, "");
	assert_int_equal(info.parts[0].offset, 3u << 20);

	assert_int_equal(truncate(image, (3u << 20) + 4096), 0);
	refuse(&p, "truncated image");
	assert_int_equal(truncate(image, 100), 0);
	refuse(&p, image);
	assert_int_equal(truncate(image, 0), 0);
	refuse(&p, "is empty");
	p.path = *state;
	refuse(&p, "is not a regular file");
	p.path = "/nonexistent/kata.img";
	refuse(&p, "image '/nonexistent/kata.img': No such file or directory");
	free(image);
}

static void test_check_with_manifest(void **state)
{
	char *image = make_image(*state, false);
	struct image_check_params p = { .path = image, .arch = "x86_64" };
	char *text;

	write_manifest(image, "{");
	refuse(&p, MANIFEST_SUFFIX);
	text = replaced("\"x86_64\"", "\"aarch64\"");
	write_manifest(image, text);
	free(text);
	refuse(&p, "is for aarch64, the guest is x86_64");
	write_manifest(image, GOOD);
	refuse(&p, "its manifest says 10");
	text = replaced("\"size\":10", "\"size\":999999999");
	write_manifest(image, text);
	free(text);
	refuse(&p, "is truncated: its manifest says 999999999 bytes, the file has");
	text = replaced("\"image\"", "\"initrd\"");
	write_manifest(image, text);
	free(text);
	refuse(&p, "is an initrd, not an image");
	free(image);
}

static void test_check_initrd(void **state)
{
	char *path = str_printf("%s/initrd", (char *)*state);
	struct image_check_params p = { .path = path, .arch = "x86_64", .is_initrd = true };
	struct error err = ERROR_INIT;
	struct image_info info;

	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0644, "07070100000000", 14, &err), 0);
	assert_int_equal(image_check(&p, &info, &err), 0);
	assert_string_equal(info.filesystem, "cpio");
	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0644, "not an initrd!", 14, &err), 0);
	refuse(&p, "is neither a cpio archive nor a compressed one");
	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0644, "070", 3, &err), 0);
	refuse(&p, "is too short for an initrd");
	free(path);
}

static void test_pack(void **state)
{
	const struct image_pack_params good = { .format = "erofs", .own_as_root = true };
	const struct image_pack_params bad = { .format = "ntfs" };
	char *out = str_printf("%s/out", (char *)*state);
	int fd = open(out, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int dirfd = open("recipes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct writer_result res = { 0 };
	struct error err = ERROR_INIT;
	uint8_t magic[4];

	assert_true(fd >= 0 && dirfd >= 0);
	if (image_pack_dir(dirfd, fd, &good, &res, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(res.size > 0);
	assert_int_equal(pread(fd, magic, 4, 1024), 4);
	assert_memory_equal(magic, "\xe2\xe1\xf5\xe0", 4);
	assert_int_equal(image_pack_dir(dirfd, fd, &bad, &res, &err), -EINVAL);
	assert_string_equal(err.msg, "unknown file system 'ntfs'");
	close(fd);
	close(dirfd);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_hash_fits),
		cmocka_unit_test(test_verity),
		cmocka_unit_test_setup_teardown(test_check_without_manifest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_check_with_manifest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_check_initrd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pack, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
