/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/parse.h"
#include "codec/sha.h"
#include "disk/verity.h"
#include "support/cmocka_all.h"
#include "support/tool.h"

#define SALT	"\x01\x02\x03salt"
#define DATA_AT 8192

/* Data block i is 256 times the 16 bytes (7 i + k) modulo 256. */
static int data_file(uint64_t blocks)
{
	uint8_t b[4096];
	int fd = -1;

	assert_int_equal(fd_memfd("verity", &fd), 0);
	for (uint64_t i = 0; i < blocks; i++) {
		for (size_t k = 0; k < sizeof(b); k++)
			b[k] = (uint8_t)(i * 7 + k % 16);
		assert_int_equal(fd_pwrite_full(fd, b, sizeof(b), (off_t)(DATA_AT + i * 4096)), 0);
	}
	return fd;
}

static struct verity_params params(uint64_t blocks)
{
	return (struct verity_params){ .data_offset = DATA_AT,
				       .data_size = blocks * 4096,
				       .hash_offset = DATA_AT + blocks * 4096,
				       .salt = (const uint8_t *)SALT,
				       .salt_len = 7 };
}

/* Roots from `veritysetup format --no-superblock` (first) and an independent program; hash of the tree from the latter. */
static void known_answers(void **state)
{
	static const struct {
		uint64_t blocks;
		const char *root, *tree;
	} known[] = {
		{ 1, "bcc6227f15be3b27d459fb5d0832044f8bbe25125f45831b8a49c3bf2d1d7287", NULL },
		{ 128, "7630140b4fcd5531cb889960aef6455b325bf753e088a6911d59555081310b6e",
		  "90bd5af45b6f5eceac83ed50145423974519952cd57deeb206d5faf84841a845" },
		{ 129, "931842671ae205b323fe48928e286cdbc69a4c36b0651cbbac8d5ecbb552cae1",
		  "bf83bd2c6cd90193fc9fab8f4ee232432de1d47eb0cdf624c6aff27ec988c2ab" },
		{ 16385, "ac607eef640de776c747421c275070adddb449b2509a6e432925cd79a41396d8",
		  "2f95ddb851b75e9943b6527a45154ed5e95062c59bd098e22623775987572e88" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct verity_params p = params(known[i].blocks);
		struct error err = ERROR_INIT;
		uint8_t root[VERITY_DIGEST];
		char hex[SHA_HEX_MAX];
		int fd = data_file(known[i].blocks);

		assert_int_equal(verity_write(fd, &p, root, &err), 0);
		hex_encode(hex, root, sizeof(root));
		assert_string_equal(hex, known[i].root);
		assert_int_equal(lseek(fd, 0, SEEK_END),
				 p.hash_offset + verity_hash_size(p.data_size));
		if (known[i].tree) {
			assert_int_equal(sha_hex_of_fd(SHA_KIND_256, fd, p.hash_offset, UINT64_MAX,
						       hex, &err),
					 0);
			assert_string_equal(hex, known[i].tree);
		}
		fd_close(fd);
	}
}

/* Sizes measured with veritysetup. */
static void sizes(void **state)
{
	static const struct {
		uint64_t mib, blocks;
	} known[] = { { 128, 259 }, { 250, 505 }, { 377, 761 }, { 512, 1033 }, { 1024, 2065 } };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		assert_int_equal(verity_hash_size(known[i].mib << 20), known[i].blocks * 4096);
	assert_int_equal(verity_hash_size(4096), 0);
}

static void veritysetup_agrees(void **state)
{
	struct verity_params p = params(300);
	struct error err = ERROR_INIT;
	uint8_t root[VERITY_DIGEST];
	char hex[SHA_HEX_MAX], *dir;
	int fd;

	if (!tool_have("veritysetup")) {
		skip_because("veritysetup is not installed");
	}
	dir = tool_tmpdir();
	fd = data_file(300);
	assert_int_equal(verity_write(fd, &p, root, &err), 0);
	hex_encode(hex, root, sizeof(root));
	free(tool_ok(
		"tail -c +%d /proc/%d/fd/%d > %s/all && head -c %llu %s/all > %s/data && tail -c "
		"+%llu %s/all > %s/hash",
		DATA_AT + 1, (int)getpid(), fd, dir, (unsigned long long)p.data_size, dir, dir,
		(unsigned long long)p.data_size + 1, dir, dir));
	free(tool_ok("veritysetup verify --no-superblock --salt=01020373616c74 %s/data %s/hash %s",
		     dir, dir, hex));
	fd_close(fd);
	tool_rmdir(dir);
}

/* In pieces, with parts left out, it is the tree that reading the file gives. */
static void data_as_it_is_written(void **state)
{
	enum { N = 400 };
	static const struct {
		uint64_t first, n;
	} pieces[] = { { 3, 1 }, { 4, 130 }, { 200, 0 }, { 200, 7 }, { 399, 1 } };
	const struct verity_params p = params(N);
	struct error err = ERROR_INIT;
	uint8_t want[VERITY_DIGEST], root[VERITY_DIGEST], *data = malloc(N * 4096);
	uint8_t tree[5 * 4096], again[5 * 4096];
	const uint64_t size = verity_hash_size(p.data_size);
	_cleanup_verity_ struct verity *v = NULL;
	int fd = data_file(N);

	assert_int_equal(size, sizeof(tree));
	assert_int_equal(verity_write(fd, &p, want, &err), 0);
	assert_int_equal(fd_pread_full(fd, tree, size, (off_t)p.hash_offset), 0);
	assert_int_equal(fd_pread_full(fd, data, N * 4096, DATA_AT), 0);
	assert_int_equal(ftruncate(fd, (off_t)p.hash_offset), 0);
	assert_int_equal(verity_begin(fd, &p, &v, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		assert_int_equal(verity_add(v, DATA_AT + pieces[i].first * 4096,
					    data + pieces[i].first * 4096, pieces[i].n * 4096,
					    &err),
				 0);
	/* behind the data, before what was added, no whole block */
	assert_int_equal(verity_add(v, DATA_AT + N * 4096, data, 4096, &err), -EINVAL);
	assert_int_equal(verity_add(v, DATA_AT + 399 * 4096, data, 4096, &err), -EINVAL);
	assert_int_equal(verity_add(v, DATA_AT + N * 4096, data, 100, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "verity: 100 bytes at byte "));
	assert_int_equal(verity_finish(v, root, &err), 0);
	assert_memory_equal(root, want, sizeof(root));
	assert_int_equal(fd_pread_full(fd, again, size, (off_t)p.hash_offset), 0);
	assert_memory_equal(again, tree, size);
	fd_close(fd);
	free(data);
}

static void refusals(void **state)
{
	struct verity_params p = params(2);
	struct error err = ERROR_INIT;
	uint8_t root[VERITY_DIGEST], salt[300] = { 0 };
	int fd = data_file(2);

	p.data_size = 5000;
	assert_int_equal(verity_write(fd, &p, root, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "5000 bytes of data are not a multiple of 4096"));
	p.data_size = 0;
	assert_int_equal(verity_write(fd, &p, root, &err), -EINVAL);
	p.data_size = VERITY_DATA_MAX + 4096;
	assert_int_equal(verity_write(fd, &p, root, &err), -EINVAL);
	p.data_size = 8192;
	p.salt = salt;
	p.salt_len = sizeof(salt);
	assert_int_equal(verity_write(fd, &p, root, &err), -EINVAL);
	assert_string_equal(err.msg, "verity: a salt of 300 bytes is longer than 256");
	p = params(3); /* one block more than the file has */
	assert_int_equal(verity_write(fd, &p, root, &err), -ENODATA);
	assert_string_equal(err.msg, "verity: the file ends at byte 16384, the data at 20480");
	fd_close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),      cmocka_unit_test(sizes),
		cmocka_unit_test(veritysetup_agrees), cmocka_unit_test(data_as_it_is_written),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
