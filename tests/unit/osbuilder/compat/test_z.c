/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "base/strbuf.h"
#include "compat/z.h"
#include "support/cmocka_all.h"

static int collect(void *data, const void *bytes, size_t len, struct error *err)
{
	return strbuf_add(data, bytes, len);
}

static int refuse(void *data, const void *bytes, size_t len, struct error *err)
{
	return error_set(err, -ENOSPC, "the sink is full");
}

/* All members of `gz` inflated by zlib; returns how many there were. */
static unsigned inflate_all(const struct strbuf *gz, struct strbuf *out)
{
	z_stream z = { 0 };
	unsigned members = 0;
	char buf[65536];

	z.next_in = (Bytef *)gz->buf;
	z.avail_in = (uInt)gz->len;
	while (z.avail_in) {
		int r;

		assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
		do {
			z.next_out = (Bytef *)buf;
			z.avail_out = sizeof(buf);
			r = inflate(&z, Z_NO_FLUSH);
			assert_true(r == Z_OK || r == Z_STREAM_END);
			strbuf_add(out, buf, sizeof(buf) - z.avail_out);
		} while (r != Z_STREAM_END);
		inflateEnd(&z);
		members++;
	}
	return members;
}

static void both_kinds(void **state)
{
	static const uint8_t header[8] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0 };
	struct strbuf gz = STRBUF_INIT, back = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct z_packer *p = NULL;
	struct z_stream_out *s = NULL;
	struct z_buf out = { 0 };
	size_t n = 700000;
	char *in = malloc(n);

	for (size_t i = 0; i < n; i++)
		in[i] = (char)(i * i >> 7);
	assert_int_equal(z_packer_new(Z_GZIP, 6, &p, &err), 0);
	assert_int_equal(z_pack(p, in, n, &out, &err), 0);
	assert_int_equal(strbuf_add(&gz, out.p, out.len), 0);
	assert_int_equal(z_pack(p, in, 0, &out, &err), 0);
	assert_int_equal(strbuf_add(&gz, out.p, out.len), 0);
	z_packer_free(p);
	free(out.p);
	assert_memory_equal(gz.buf, header, sizeof(header));
	n = gz.len;
	assert_int_equal(z_stream_new(Z_GZIP, 12, collect, &gz, &s, &err), 0);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(z_stream_write(s, in + i * 100000, 100000, &err), 0);
	assert_int_equal(z_stream_finish(s, &err), 0);
	z_stream_free(s);
	assert_memory_equal(gz.buf + n, header, sizeof(header));
	assert_int_equal(inflate_all(&gz, &back), 3);
	assert_int_equal(back.len, 1400000);
	assert_memory_equal(back.buf, in, 700000);
	assert_memory_equal(back.buf + 700000, in, 700000);
	strbuf_release(&gz);
	strbuf_release(&back);
	free(in);
}

static void errors(void **state)
{
	struct error err = ERROR_INIT;
	struct z_packer *p = NULL;
	struct z_stream_out *s = NULL;

	assert_int_equal(z_packer_new(Z_GZIP, -1, &p, &err), -EINVAL);
	assert_string_equal(err.msg, "gzip level -1 is not between 1 and 12");
	assert_int_equal(z_stream_new(Z_GZIP, 13, collect, NULL, &s, &err), -EINVAL);
	assert_int_equal(z_stream_new(Z_GZIP, 1, refuse, NULL, &s, &err), 0);
	error_clear(&err);
	/* zlib gives the header out at once. */
	assert_int_equal(z_stream_write(s, "abc", 3, &err), -ENOSPC);
	assert_string_equal(err.msg, "the sink is full");
	z_stream_free(s);
	z_packer_free(NULL);
	z_stream_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_kinds),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
