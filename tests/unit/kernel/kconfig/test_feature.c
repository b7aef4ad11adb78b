/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "support/cmocka_all.h"
#include "kconfig/feature.h"

static const char fragments[] = "#: shared: shared directories fail\n"
				"CONFIG_FUSE_FS=y\nCONFIG_VIRTIO_FS=y\n"
				"#: cpus: many CPUs\nCONFIG_SMP=y\nCONFIG_NR_CPUS=240\n"
				"#: base: nothing\n# CONFIG_MODULES is not set\n";

static void parse(struct kconfig *kc, const char *file, const char *text)
{
	struct error err = ERROR_INIT;

	assert_int_equal(kconfig_parse(kc, file, text, strlen(text), &err), 0);
}

static void what_a_kernel_lacks(void **state)
{
	_cleanup_kconfig_ struct kconfig ours = KCONFIG_INIT, k = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	size_t lacks = 9;

	parse(&ours, "ours", fragments);
	parse(&k, "k",
	      "CONFIG_FUSE_FS=m\nCONFIG_VIRTIO_FS=m\nCONFIG_NR_CPUS=8\nCONFIG_MODULES=y\n");
	assert_int_equal(feature_fit(&ours, &k, &out, &lacks), 0);
	assert_int_equal(lacks, 1);
	assert_string_equal(out.buf, "shared: only with modules (else shared directories fail)\n"
				     "  modules: FUSE_FS VIRTIO_FS\n"
				     "cpus: without it many CPUs\n  lacks: SMP\n");
	assert_int_equal(feature_state(&ours, 0, &k), FEATURE_MODULE);
	assert_int_equal(feature_state(&ours, 1, &k), FEATURE_LACKS);
	assert_int_equal(feature_state(&ours, 2, &k), FEATURE_FULL);

	strbuf_reset(&out);
	kconfig_release(&k);
	parse(&k, "k", "CONFIG_FUSE_FS=y\nCONFIG_VIRTIO_FS=y\nCONFIG_SMP=y\n");
	assert_int_equal(feature_fit(&ours, &k, &out, &lacks), 0);
	assert_int_equal(lacks, 0);
	assert_int_equal(out.len, 0);
}

static void how_two_kernels_differ(void **state)
{
	_cleanup_kconfig_ struct kconfig ours = KCONFIG_INIT, a = KCONFIG_INIT, b = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	size_t differ = 9;

	parse(&ours, "ours", fragments);
	parse(&a, "a", "CONFIG_A=y\nCONFIG_NR_CPUS=8\nCONFIG_SMP=y\nCONFIG_Z=1\n");
	parse(&b, "b", "CONFIG_B=m\nCONFIG_NR_CPUS=240\nCONFIG_SMP=y\nCONFIG_Z=1\n");
	assert_int_equal(feature_diff(&ours, &a, &b, &out, &differ), 0);
	assert_int_equal(differ, 3);
	assert_string_equal(out.buf, "cpus\n"
				     "  NR_CPUS                              8            240\n"
				     "(no feature)\n"
				     "  A                                    y            n\n"
				     "  B                                    n            m\n");
	strbuf_reset(&out);
	assert_int_equal(feature_diff(&ours, &a, &a, &out, &differ), 0);
	assert_int_equal(differ, 0);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_kernel_lacks),
		cmocka_unit_test(how_two_kernels_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
