/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "compat/z.h"
#include "compat/zin.h"
#include "support/tool.h"

#define SIZE 300000

static uint8_t content[SIZE];

static int fill(void **state)
{
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (uint8_t)(i * i >> 9);
	return 0;
}

/* A file of these bytes in a row. */
static int file_of(const void *a, size_t n, const void *b, size_t m)
{
	int fd = -1;

	assert_int_equal(fd_memfd("z", &fd), 0);
	assert_int_equal(fd_write_full(fd, a, n), 0);
	assert_int_equal(fd_write_full(fd, b, m), 0);
	return fd;
}

/* All of it; -errno. */
static ssize_t read_all(struct zin *z, uint8_t *buf, size_t size, struct error *err)
{
	size_t n = 0;
	ssize_t k = 1;

	while (k > 0 && n < size) {
		k = zin_read(z, buf + n, MIN(size - n, (size_t)70001), err);
		n += k > 0 ? (size_t)k : 0;
	}
	return k < 0 ? k : (ssize_t)n;
}

/* A member or frame ends where it ends, whatever follows; what is cut or changed is damaged. */
static void one_part(enum z_kind pack, enum zin_kind kind)
{
	_cleanup_free_ uint8_t *back = malloc(SIZE + 1);
	_cleanup_(z_packer_freep) struct z_packer *p = NULL;
	struct error err = ERROR_INIT;
	struct z_buf out = { 0 };
	uint8_t *bytes;
	int fd;

	assert_int_equal(z_packer_new(pack, 0, &p, &err), 0);
	assert_int_equal(z_pack(p, content, SIZE, &out, &err), 0);
	bytes = out.p;
	assert_int_equal(zin_kind_of(bytes), kind);
	for (int what = 0; what < 4; what++) {
		struct zin *z = NULL;
		size_t len = what == 1 ? out.len - 5 : what == 2 ? out.len / 2 : out.len;
		ssize_t n;

		bytes[len - 2] ^= what == 3; /* in the checksum or the size */
		fd = file_of("before", 6, bytes, len);
		assert_int_equal(fd_write_full(fd, "behind", what ? 0 : 6), 0);
		assert_int_equal(zin_open(fd, 6, kind, &z, &err), 0);
		n = read_all(z, back, SIZE + 1, &err);
		if (what == 0) {
			assert_int_equal(n, SIZE);
			assert_memory_equal(back, content, SIZE);
			assert_int_equal(zin_end(z), 6 + out.len);
		} else {
			assert_int_equal(n, -EBADMSG);
			assert_non_null(strstr(err.msg, what == 3 ? "damaged compressed data"
								  : "compressed data is cut off"));
		}
		zin_free(z);
		close(fd);
	}
	free(out.p);
}

static void test_gzip(void **state)
{
	one_part(Z_GZIP, ZIN_GZIP);
}

static void test_zstd(void **state)
{
	one_part(Z_ZSTD, ZIN_ZSTD);
}

/* What libarchive undoes, made by the formats' own programs. */
static void test_others(void **state)
{
	static const char *const tools[] = { "xz", "bzip2", "lzma" };
	_cleanup_free_ uint8_t *back = malloc(SIZE + 1);
	char *dir = tool_tmpdir();
	_cleanup_free_ char *in = str_printf("%s/in", dir), *out = str_printf("%s/out", dir);
	unsigned done = 0;
	int fd = open(in, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(fd_write_full(fd, content, SIZE), 0);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		struct error err = ERROR_INIT;
		struct zin *z = NULL;
		uint8_t magic[ZIN_MAGIC];

		if (!tool_have(tools[i]))
			continue;
		free(tool_ok("%s -c '%s' > '%s'", tools[i], in, out));
		fd = open(out, O_RDWR | O_CLOEXEC);
		assert_int_equal(fd_pread_full(fd, magic, sizeof(magic), 0), 0);
		assert_int_equal(zin_kind_of(magic), ZIN_OTHER);
		assert_int_equal(zin_open(fd, 0, ZIN_OTHER, &z, &err), 0);
		assert_int_equal(read_all(z, back, SIZE + 1, &err), SIZE);
		assert_memory_equal(back, content, SIZE);
		zin_free(z);
		assert_int_equal(ftruncate(fd, 200), 0);
		z = NULL;
		if (zin_open(fd, 0, ZIN_OTHER, &z, &err) == 0)
			assert_int_equal(read_all(z, back, SIZE + 1, &err), -EBADMSG);
		assert_non_null(strstr(err.msg, "damaged compressed data"));
		zin_free(z);
		close(fd);
		done++;
	}
	tool_rmdir(dir);
	if (!done)
		skip_because("none of the compressing programs is installed");
}

static void test_kinds(void **state)
{
	assert_int_equal(zin_kind_of((const uint8_t *)"070701"), ZIN_NONE);
	assert_int_equal(zin_kind_of((const uint8_t *)"\x1f\x8b\x08xxx"), ZIN_GZIP);
	assert_int_equal(zin_kind_of((const uint8_t *)"\x28\xb5\x2f\xfdxx"), ZIN_ZSTD);
	assert_int_equal(zin_kind_of((const uint8_t *)"\x02\x21\x4c\x18xx"), ZIN_OTHER);
	zin_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_zstd),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
