/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/match.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/agent_note.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "support/cmocka_all.h"

#define KERNEL_TEXT "0123456789"

static char dir[] = "/tmp/test_match.XXXXXX";
static char kernel[64], link_path[64], kernel_manifest[80], image[64], image_manifest[96];

static void put(const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0644, text, strlen(text), NULL), 0);
}

/* The kernel is a symlink elsewhere, as installed ones are: the manifest is beside its target. */
static int setup(void **state)
{
	char sub[64];

	if (!mkdtemp(dir))
		return -1;
	snprintf(sub, sizeof(sub), "%s/k", dir);
	snprintf(kernel, sizeof(kernel), "%s/k/vmlinux", dir);
	snprintf(kernel_manifest, sizeof(kernel_manifest), "%s/k/kernel.manifest.json", dir);
	snprintf(link_path, sizeof(link_path), "%s/vmlinux.container", dir);
	snprintf(image, sizeof(image), "%s/a.img", dir);
	snprintf(image_manifest, sizeof(image_manifest), "%s/a.img.manifest.json", dir);
	if (file_mkdir_p(AT_FDCWD, sub, 0755, NULL) < 0 || symlink("k/vmlinux", link_path) < 0)
		return -1;
	put(kernel, KERNEL_TEXT);
	return 0;
}

static int teardown(void **state)
{
	return file_remove_tree(AT_FDCWD, dir, NULL);
}

static void put_kernel(const char *kind, const char *arch, unsigned size, const char *options)
{
	_cleanup_free_ char *text =
		str_printf("{\"format\":1,\"kind\":\"%s\",\"arch\":\"%s\",\"size\":%u,"
			   "\"options\":{%s}}",
			   kind, arch, size, options);

	put(kernel_manifest, text);
}

static void accepted(void)
{
	struct error err = ERROR_INIT;
	int r = match_kernel(link_path, "x86_64", image, &err);

	if (r < 0)
		fail_msg("refused: %s", error_text(&err));
}

/* The message: front, path, rest. */
static void refused(int code, const char *front, const char *path, const char *rest)
{
	struct error err = ERROR_INIT;
	_cleanup_free_ char *want = str_printf("%s%s%s", front, path, rest);

	assert_int_equal(match_kernel(link_path, "x86_64", image, &err), code);
	assert_string_equal(err.msg, want);
}

static void test_protocol(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(match_agent_protocol("/i", "", &err), 0);
	assert_int_equal(match_agent_protocol("/i", AGENT_PROTOCOL, &err), 0);
	assert_int_equal(match_agent_protocol("/i", "9.0", &err), -EPROTONOSUPPORT);
	assert_string_equal(err.msg, "image '/i': its agent speaks protocol 9.0, "
				     "this runtime speaks " AGENT_PROTOCOL);
}

static void test_kernel_without_manifests(void **state)
{
	unlink(kernel_manifest);
	unlink(image_manifest);
	accepted();
	put_kernel("kernel", "x86_64", sizeof(KERNEL_TEXT) - 1, "");
	accepted();
	/* The manifest of another kernel. */
	put_kernel("kernel", "s390x", 77, "");
	accepted();
}

static void test_kernel_options(void **state)
{
	put(image_manifest, "{\"kernel_options\":[\"CONFIG_EROFS_FS\",\"CONFIG_NET\"]}");
	put_kernel("kernel", "x86_64", sizeof(KERNEL_TEXT) - 1, "\"EROFS_FS\":\"y\",\"NET\":\"y\"");
	accepted();
	put_kernel("kernel", "x86_64", sizeof(KERNEL_TEXT) - 1, "\"EROFS_FS\":\"m\",\"NET\":\"y\"");
	refused(-ENOEXEC, "kernel ", link_path, ": lacks CONFIG_EROFS_FS=y, which the image needs");
	put_kernel("kernel", "x86_64", sizeof(KERNEL_TEXT) - 1, "\"EROFS_FS\":\"y\"");
	refused(-ENOEXEC, "kernel ", link_path, ": lacks CONFIG_NET=y, which the image needs");
	put_kernel("kernel", "s390x", sizeof(KERNEL_TEXT) - 1, "");
	refused(-ENOEXEC, "kernel ", link_path, ": is for s390x, the guest is x86_64");
}

static void test_damaged(void **state)
{
	put_kernel("kernel", "x86_64", sizeof(KERNEL_TEXT) - 1, "");
	put(image_manifest, "{\"kernel_options\":[1]}");
	refused(-EINVAL, "", image_manifest,
		": kernel_options[0]: expected a string, got a number");
	put(image_manifest, "{\"kernel_options\":{}}");
	refused(-EINVAL, "", image_manifest, ": kernel_options: expected an array, got an object");
	put_kernel("image", "x86_64", sizeof(KERNEL_TEXT) - 1, "");
	refused(-EINVAL, "", kernel_manifest, ": kind: is not kernel");
	put(kernel_manifest, "{\"format\":2}");
	refused(-EINVAL, "", kernel_manifest, ": format: is 2, this program knows 1");
	put(kernel_manifest, "{\"format\":1,\"kind\":\"kernel\"}");
	refused(-EINVAL, "", kernel_manifest, ": size: missing");
	put(kernel_manifest, "{");
	refused(-EINVAL, "", kernel_manifest,
		": line 1 column 1: string or '}' expected near end of file");
}

/* One more than an image may ask for, and a manifest too large to be one. */
static void test_limits(void **state)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	strbuf_addstr(&text, "{\"kernel_options\":[\"A\"");
	for (int i = 0; i < MATCH_OPTIONS_MAX; i++)
		strbuf_addstr(&text, ",\"A\"");
	strbuf_addstr(&text, "]}");
	put(image_manifest, text.buf);
	put_kernel("kernel", "x86_64", sizeof(KERNEL_TEXT) - 1, "");
	refused(-EINVAL, "", image_manifest, ": kernel_options: more than 1024");
}

#define ROOT_HASH  "63f5e1c0a2b9d87443f5e1c0a2b9d87463f5e1c0a2b9d87463f5e1c0a2b9d874"
#define OTHER_HASH "73f5e1c0a2b9d87443f5e1c0a2b9d87463f5e1c0a2b9d87463f5e1c0a2b9d874"
#define LINE(hash, salt)                \
	"root_hash=" hash ",salt=" salt \
	",data_blocks=2048,data_block_size=4096,hash_block_size=4096"

static void verity_refused(const char *line, const struct image_info *info, const char *why)
{
	struct error err = ERROR_INIT;
	struct verity_seal seal;

	assert_int_equal(match_verity(line, "/i", info, &seal, &err), -EINVAL);
	assert_string_equal(error_text(&err), why);
}

static void test_verity(void **state)
{
	struct image_info plain = { .n_parts = 1, .parts = { { 1 << 20, 8 << 20 } } };
	struct image_info sealed = { .n_parts = 2,
				     .parts = { { 1 << 20, 8 << 20 }, { 9 << 20, 17 * 4096 } },
				     .measured = true };
	struct image_info upstream;
	struct error err = ERROR_INIT;
	struct verity_seal seal;

	assert_int_equal(verity_seal_parse(LINE(ROOT_HASH, "00"), &sealed.verity, &err), 0);
	upstream = sealed;
	upstream.measured = false;
	assert_int_equal(match_verity(NULL, "/i", &plain, &seal, &err), 0);
	assert_int_equal(match_verity(NULL, "/i", &upstream, &seal, &err), 0);
	assert_int_equal(match_verity(NULL, "/i", &sealed, &seal, &err), 1);
	assert_string_equal(seal.root_hash, ROOT_HASH);
	assert_int_equal(match_verity(LINE(ROOT_HASH, "00"), "/i", &sealed, &seal, &err), 1);
	assert_int_equal(match_verity(LINE(OTHER_HASH, "00"), "/i", &upstream, &seal, &err), 1);
	assert_string_equal(seal.root_hash, OTHER_HASH);
	verity_refused(LINE(OTHER_HASH, "00"), &sealed,
		       "kernel_verity_params: image '/i': its manifest says root hash " ROOT_HASH
		       ", the configuration " OTHER_HASH);
	verity_refused(LINE(ROOT_HASH, "01"), &sealed,
		       "kernel_verity_params: image '/i': its manifest says root hash " ROOT_HASH
		       ", the configuration the same with another salt or size");
	verity_refused(
		LINE(ROOT_HASH, "00"), &plain,
		"kernel_verity_params: image '/i': is not measured: it has no second partition "
		"with a hash tree");
	verity_refused("root_hash=" ROOT_HASH, &sealed,
		       "kernel_verity_params: verity parameters: 'salt' is missing");
	verity_refused(LINE(ROOT_HASH, "00") "1", &sealed,
		       "kernel_verity_params: verity parameters: hash_block_size of 40961 is not a "
		       "power of two from 512 to 65536");
}

static void test_filesystem(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(match_filesystem("/i", "erofs", "erofs", &err), 0);
	assert_int_equal(match_filesystem("/i", "erofs", "ext4", &err), -EINVAL);
	assert_string_equal(error_text(&err),
			    "image '/i' has the file system erofs, rootfs_type says ext4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protocol),
		cmocka_unit_test(test_kernel_without_manifests),
		cmocka_unit_test(test_kernel_options),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_verity),
		cmocka_unit_test(test_filesystem),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
