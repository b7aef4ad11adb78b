/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "support/cmocka_all.h"
#include "writer/out.h"

static void round_trip(void **state)
{
	struct error err = ERROR_INIT;
	struct out o = OUT_INIT;
	uint8_t *data = malloc(3 << 20), *have = malloc(3 << 20);
	int fd = -1;

	for (size_t i = 0; i < 3 << 20; i++)
		data[i] = (uint8_t)(i * 31 + i / 4096);
	assert_int_equal(fd_memfd("out", &fd), 0);
	assert_int_equal(out_open(&o, fd, 1000, &err), 0);
	/* Out of order, across the buffer's size, and on where the last write ended. */
	assert_int_equal(out_seek(&o, 1 << 20, &err), 0);
	assert_int_equal(out_add(&o, data + (1 << 20), 1500000, &err), 0);
	assert_int_equal(out_seek(&o, (1 << 20) + 1500000, &err), 0);
	assert_int_equal(out_add(&o, data + (1 << 20) + 1500000, (2 << 20) - 1500000, &err), 0);
	assert_int_equal(out_seek(&o, 0, &err), 0);
	assert_int_equal(out_add(&o, data, 1 << 20, &err), 0);
	assert_int_equal(out_finish(&o, 4 << 20, &err), 0);
	out_release(&o);
	assert_int_equal(lseek(fd, 0, SEEK_END), (4 << 20) + 1000);
	assert_int_equal(fd_pread_full(fd, have, 3 << 20, 1000), 0);
	assert_memory_equal(have, data, 3 << 20);
	fd_close(fd);
	free(data);
	free(have);
}

static void zeros_stay_holes(void **state)
{
	struct error err = ERROR_INIT;
	struct out o = OUT_INIT;
	uint8_t *zeros = calloc(1, 8 << 20);
	struct stat st;
	int fd = -1;

	assert_int_equal(fd_memfd("out", &fd), 0);
	assert_int_equal(out_open(&o, fd, 0, &err), 0);
	assert_int_equal(out_add(&o, zeros, 8 << 20, &err), 0);
	assert_int_equal(out_add(&o, "x", 1, &err), 0);
	assert_int_equal(out_pad(&o, 4096, &err), 0);
	assert_int_equal(out_finish(&o, (8 << 20) + 4096, &err), 0);
	out_release(&o);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, (8 << 20) + 4096);
	assert_true(st.st_blocks <= 16);
	fd_close(fd);
	free(zeros);
}

static void write_error_is_told(void **state)
{
	struct error err = ERROR_INIT;
	struct out o = OUT_INIT;
	int p[2];

	assert_int_equal(fd_pipe(p, 0), 0);
	assert_int_equal(out_open(&o, p[0], 0, &err), 0);
	assert_int_equal(out_add(&o, "x", 1, &err), 0);
	assert_true(out_flush(&o, &err) < 0);
	assert_non_null(strstr(err.msg, "cannot write: "));
	out_release(&o);
	fd_close(p[0]);
	fd_close(p[1]);
}

/* Data in the first, third and last stretch of 64 KiB; small files have no holes. */
static void segments(void **state)
{
	struct error err = ERROR_INIT;
	size_t n = (2 << 20) + 5000;
	uint8_t *b = calloc(1, n);
	struct blob blob = BLOB_INIT;
	struct segs s = { 0 };

	b[0] = 1;
	b[2 * 65536 + 65535] = 1;
	b[n - 1] = 1;
	assert_int_equal(blob_from_bytes(&blob, b, n), 0);
	assert_int_equal(segs_of_blob(&blob, &s, &err), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.v[0].start, 0);
	assert_int_equal(s.v[0].count, 16);
	assert_int_equal(s.v[1].start, 32);
	assert_int_equal(s.v[1].count, 16);
	assert_int_equal(s.v[2].start, 512);
	assert_int_equal(s.v[2].count, 2);
	assert_int_equal(s.blocks, 34);
	segs_release(&s);
	blob_release(&blob);
	assert_int_equal(blob_from_bytes(&blob, b + 1, 1 << 20), 0);
	assert_int_equal(segs_of_blob(&blob, &s, &err), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.blocks, 256);
	segs_release(&s);
	blob_release(&blob);
	free(b);
}

static void writers_by_name(void **state)
{
	assert_ptr_equal(writer_find("ext4"), &writer_ext4);
	assert_ptr_equal(writer_find("erofs"), &writer_erofs);
	assert_ptr_equal(writer_find("cpio"), &writer_cpio);
	assert_null(writer_find("xfs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),	       cmocka_unit_test(zeros_stay_holes),
		cmocka_unit_test(write_error_is_told), cmocka_unit_test(segments),
		cmocka_unit_test(writers_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
