/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "support/cmocka_all.h"
#include "kconfig/ikconfig.h"

/* The text as one gzip member. */
static size_t compress_text(const char *text, uint8_t *out, size_t cap)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)text,
		       .avail_in = (uInt)strlen(text),
		       .next_out = out,
		       .avail_out = (uInt)cap };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return cap - z.avail_out;
}

static void all_forms(void **state)
{
	static const char text[] = "CONFIG_A=y\nCONFIG_B=m\n";
	uint8_t buf[512] = { 0 };
	size_t n;

	for (int form = 0; form < 3; form++) {
		_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
		struct error err = ERROR_INIT;

		memset(buf, 0, sizeof(buf));
		n = compress_text(text, buf + 16, 256);
		memcpy(buf + 8, "IKCFG_ST", 8);
		memcpy(buf + 16 + n, "IKCFG_ED", 8);
		if (form == 0)
			assert_int_equal(ikconfig_parse(&kc, "f", text, strlen(text), &err), 0);
		else if (form == 1) /* config.gz */
			assert_int_equal(ikconfig_parse(&kc, "f", buf + 16, n, &err), 0);
		else /* inside a kernel */
			assert_int_equal(ikconfig_parse(&kc, "f", buf, sizeof(buf), &err), 0);
		assert_int_equal(kc.n, 2);
		assert_string_equal(kconfig_find(&kc, "B")->value, "m");
	}
}

static void what_is_refused(void **state)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	struct error err = ERROR_INIT;
	uint8_t buf[1024] = { 0 };
	size_t n = compress_text("CONFIG_A=y\n", buf, sizeof(buf));

	assert_int_equal(ikconfig_parse(&kc, "cut", buf, n - 9, &err), -EBADMSG);
	assert_string_equal(err.msg, "cut: damaged gzip data");
	error_clear(&err);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(ikconfig_parse(&kc, "vmlinux", buf, sizeof(buf), &err), -ENODATA);
	assert_string_equal(err.msg,
			    "vmlinux: no configuration inside (the kernel was built without "
			    "CONFIG_IKCONFIG)");
	error_clear(&err);
	memcpy(buf + 0x202, "HdrS", 4);
	assert_int_equal(ikconfig_parse(&kc, "vmlinuz", buf, sizeof(buf), &err), -EINVAL);
	assert_string_equal(err.msg,
			    "vmlinuz: a bzImage is compressed: give the vmlinux or the .config");
	assert_int_equal(kc.n, 0);
}

static void a_bomb_is_refused(void **state)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	struct error err = ERROR_INIT;
	char *text = malloc(KCONFIG_FILE_MAX + 2);
	uint8_t *buf = malloc(65536);
	size_t n;

	assert_non_null(text);
	assert_non_null(buf);
	memset(text, '\n', KCONFIG_FILE_MAX + 1);
	text[KCONFIG_FILE_MAX + 1] = '\0';
	n = compress_text(text, buf, 65536);
	assert_int_equal(ikconfig_parse(&kc, "bomb", buf, n, &err), -EFBIG);
	assert_string_equal(err.msg, "bomb: the configuration is larger than 1048576 bytes");
	free(text);
	free(buf);
}

static void files(void **state)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	char path[] = "/tmp/test_ikconfig.XXXXXX";
	struct error err = ERROR_INIT;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(ikconfig_load(&kc, path, &err), 0); /* empty */
	assert_int_equal(write(fd, "CONFIG_A=y\n", 11), 11);
	close(fd);
	assert_int_equal(ikconfig_load(&kc, path, &err), 0);
	assert_int_equal(kc.n, 1);
	unlink(path);
	assert_int_equal(ikconfig_load(&kc, path, &err), -ENOENT);
	assert_non_null(strstr(err.msg, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_forms),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_bomb_is_refused),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
