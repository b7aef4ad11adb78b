/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "disk/verity_seal.h"
#include "support/cmocka_all.h"

#define ROOT "63f5e1c0a2b9d87443f5e1c0a2b9d87463f5e1c0a2b9d87463f5e1c0a2b9d874"
#define SALT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define LINE                            \
	"root_hash=" ROOT ",salt=" SALT \
	",data_blocks=96512,data_block_size=4096,hash_block_size=4096"

static void upstream_line(void **state)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct verity_seal s, again;
	struct error err = ERROR_INIT;

	assert_int_equal(verity_seal_parse(LINE "\n", &s, &err), 0);
	assert_string_equal(s.root_hash, ROOT);
	assert_string_equal(s.salt, SALT);
	assert_int_equal(s.data_blocks, 96512);
	assert_int_equal(s.data_block_size, 4096);
	assert_int_equal(s.hash_block_size, 4096);
	assert_int_equal(verity_seal_format(&s, &out), 0);
	assert_string_equal(out.buf, LINE);
	assert_int_equal(verity_seal_parse(" hash_block_size = 4096, salt=" SALT
					   ",data_block_size=4096,\tdata_blocks=96512,root_hash="
					   "63F5E1C0A2B9D87443F5E1C0A2B9D874"
					   "63F5E1C0A2B9D87463F5E1C0A2B9D874 ",
					   &again, &err),
			 0);
	assert_true(verity_seal_equal(&s, &again));
	again.data_blocks--;
	assert_false(verity_seal_equal(&s, &again));
}

static void bad_lines(void **state)
{
	static const char *const cases[][2] = {
		{ "", "verity parameters: '' is not KEY=VALUE" },
		{ LINE ",", "verity parameters: '' is not KEY=VALUE" },
		{ LINE ",salt=00", "verity parameters: 'salt' is given twice" },
		{ LINE ",hash=sha256", "verity parameters: unknown key 'hash'" },
		{ "salt=" SALT, "verity parameters: 'root_hash' is missing" },
		{ "root_hash=" ROOT, "verity parameters: 'salt' is missing" },
		{ "root_hash=" ROOT ",salt=-,data_blocks=1,data_block_size=4096",
		  "verity parameters: 'hash_block_size' is missing" },
		{ "root_hash=12,salt=-,data_blocks=1,data_block_size=4096,hash_block_size=4096",
		  "verity parameters: root_hash has 2 hex digits, not 64" },
		{ "root_hash=" ROOT
		  ",salt=0g,data_blocks=1,data_block_size=4096,hash_block_size=4096",
		  "verity parameters: salt is not a number in hex" },
		{ "root_hash=" ROOT
		  ",salt=012,data_blocks=1,data_block_size=4096,hash_block_size=4096",
		  "verity parameters: salt has 3 hex digits, not an even number up to 512" },
		{ "root_hash=" ROOT
		  ",salt=,data_blocks=1,data_block_size=4096,hash_block_size=4096",
		  "verity parameters: salt has 0 hex digits, not an even number up to 512" },
		{ "root_hash=" ROOT
		  ",salt=-,data_blocks=x,data_block_size=4096,hash_block_size=4096",
		  "verity parameters: data_blocks 'x' is not a number" },
		{ "root_hash=" ROOT
		  ",salt=-,data_blocks=0,data_block_size=4096,hash_block_size=4096",
		  "verity parameters: data_blocks of 0 is not in 1..67108864" },
		{ "root_hash=" ROOT
		  ",salt=-,data_blocks=1,data_block_size=4000,hash_block_size=4096",
		  "verity parameters: data_block_size of 4000 is not a power of two from 512 to "
		  "65536" },
		{ "root_hash=" ROOT
		  ",salt=-,data_blocks=1,data_block_size=4096,hash_block_size=256",
		  "verity parameters: hash_block_size of 256 is not a power of two from 512 to "
		  "65536" },
	};
	char longest[VERITY_LINE_MAX + 2];
	struct verity_seal s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(verity_seal_parse(cases[i][0], &s, &err), -EINVAL);
		assert_string_equal(err.msg, cases[i][1]);
	}
	memset(longest, ' ', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (int k = 0; k < 2; k++) {
		struct error err = ERROR_INIT;

		assert_int_equal(verity_seal_parse(longest + k, &s, &err), -EINVAL);
		assert_string_equal(err.msg, k ? "verity parameters: '' is not KEY=VALUE"
					       : "verity parameters: longer than 1024 bytes");
	}
}

static void salts(void **state)
{
	const uint8_t one[32] = { 1 }, two[32] = { 2 };
	uint8_t a[32], b[32], c[32];

	assert_int_equal(verity_salt_from_seed(one, 32, a), 0);
	assert_int_equal(verity_salt_from_seed(one, 32, b), 0);
	assert_int_equal(verity_salt_from_seed(two, 32, c), 0);
	assert_memory_equal(a, b, 32);
	assert_memory_not_equal(a, c, 32);
	assert_memory_not_equal(a, one, 32);
}

static void fits(void **state)
{
	struct disk_extent parts[2] = { { 0, 8 << 20 }, { 8 << 20, 17 * 4096 } };
	struct error err = ERROR_INIT;
	struct verity_seal s;

	assert_int_equal(verity_seal_set(&s, ROOT, "-", 2048, 4096, 4096, &err), 0);
	assert_int_equal(verity_seal_fits(&s, parts, 2, &err), 0);
	assert_int_equal(verity_seal_fits(&s, parts, 1, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "is not measured: it has no second partition with a hash tree");
	parts[1].size = 16 * 4096;
	assert_int_equal(verity_seal_fits(&s, parts, 2, &err), -EINVAL);
	assert_string_equal(err.msg, "its hash tree needs 69632 bytes, partition 2 has 65536");
	s.data_blocks++;
	assert_int_equal(verity_seal_fits(&s, parts, 2, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "its verity parameters speak of 8392704 bytes, partition 1 has "
			    "8388608");
}

/* One bit anywhere in data or tree: its block is named. Three levels, so that a level between top and leaves is met, too. */
#define BLOCKS	16500u
#define DATA_AT 1048576u
#define FLIPS	204u
#define TREE	(verity_hash_size((uint64_t)BLOCKS * 4096))
static void flip(int fd, uint64_t at, unsigned bit)
{
	uint8_t c;

	assert_int_equal(fd_pread_full(fd, &c, 1, (off_t)at), 0);
	c = (uint8_t)(c ^ 1u << bit);
	assert_int_equal(fd_pwrite_full(fd, &c, 1, (off_t)at), 0);
}

static void every_flip_is_found(void **state)
{
	struct disk_layout l = { .n_parts = 2 };
	const uint8_t salt[] = { 9, 8, 7 };
	struct error err = ERROR_INIT;
	uint64_t all, at, k, random = 5;
	struct verity_bad bad;
	struct verity *v = NULL;
	struct verity_seal s;
	int fd = -1;

	l.parts[0] = (struct disk_extent){ DATA_AT, (uint64_t)BLOCKS * 4096 };
	l.parts[1] = (struct disk_extent){ DATA_AT + (uint64_t)BLOCKS * 4096, TREE };
	all = l.parts[0].size + l.parts[1].size;
	assert_int_equal(fd_memfd("verity", &fd), 0);
	for (uint64_t i = 0; i < BLOCKS; i += 3) /* the others stay holes */
		assert_int_equal(fd_pwrite_full(fd, &i, sizeof(i), (off_t)(DATA_AT + i * 4096)), 0);
	assert_int_equal(ftruncate(fd, (off_t)(DATA_AT + all)), 0);
	assert_int_equal(verity_seal_begin(fd, &l, salt, sizeof(salt), &v, &err), 0);
	assert_int_equal(verity_seal_finish(v, &l, salt, sizeof(salt), &s, &err), 0);
	verity_free(v);
	assert_int_equal(verity_seal_check(fd, l.parts, 2, &s, &bad, &err), 0);
	for (unsigned i = 0; i < FLIPS; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		/* each third in the tree, which is small; both ends of both areas first */
		k = i < 4   ? (uint64_t[]){ 0, l.parts[0].size - 1, l.parts[0].size, all - 1 }[i]
		    : i % 3 ? (random >> 16) % l.parts[0].size
			    : l.parts[0].size + (random >> 16) % TREE;
		at = DATA_AT + k;
		flip(fd, at, i % 8);
		error_clear(&err);
		assert_int_equal(verity_seal_check(fd, l.parts, 2, &s, &bad, &err), -EBADMSG);
		assert_int_equal(bad.partition, k < l.parts[0].size ? 1 : 2);
		assert_int_equal(bad.offset, at / 4096 * 4096);
		assert_int_equal(bad.block,
				 (bad.offset - l.parts[bad.partition - 1].offset) / 4096);
		assert_non_null(strstr(err.msg, "does not match its hash"));
		flip(fd, at, i % 8);
	}
	assert_int_equal(verity_seal_check(fd, l.parts, 2, &s, &bad, &err), 0);
	s.root_hash[0] = s.root_hash[0] == '0' ? '1' : '0';
	assert_int_equal(verity_seal_check(fd, l.parts, 2, &s, &bad, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "partition 2 is damaged: block 0, at byte 68632576 of the "
					"file, does not match its hash (the root hash)"));
	s.data_block_size = 1024;
	assert_int_equal(verity_seal_check(fd, l.parts, 2, &s, &bad, &err), -ENOTSUP);
	assert_string_equal(err.msg,
			    "verity blocks of 1024 and 4096 bytes: only 4096 can be checked");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upstream_line),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(salts),
		cmocka_unit_test(fits),
		cmocka_unit_test(every_flip_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
