/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/cmd.h"

#include <stdio.h>
#include "kconfig/feature.h"
#include "kconfig/ikconfig.h"

int cmd_fit(const struct kconfig_options *opt, char *const *args, int n, struct error *err)
{
	_cleanup_kconfig_ struct kconfig ours = KCONFIG_INIT, kernel = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	size_t lacks;
	int r;

	if (n < 1)
		return error_set(err, -EINVAL, "fit needs a kernel: .config, config.gz or vmlinux");
	r = ikconfig_load(&kernel, args[0], err);
	if (r == 0)
		r = cmd_load_fragments(opt, args + 1, n - 1, &ours, err);
	if (r < 0)
		return r;
	if (feature_fit(&ours, &kernel, &out, &lacks) < 0)
		return error_oom(err);
	fputs(out.buf, stdout);
	printf("%s: %zu of %zu features are missing\n", args[0], lacks, ours.n_features);
	return lacks ? 1 : 0;
}

int cmd_diff(const struct kconfig_options *opt, char *const *args, int n, struct error *err)
{
	_cleanup_kconfig_ struct kconfig ours = KCONFIG_INIT, a = KCONFIG_INIT, b = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	size_t differ;
	int r;

	if (n < 2)
		return error_set(err, -EINVAL, "diff needs two kernels");
	r = ikconfig_load(&a, args[0], err);
	if (r == 0)
		r = ikconfig_load(&b, args[1], err);
	if (r == 0)
		r = cmd_load_fragments(opt, args + 2, n - 2, &ours, err);
	if (r < 0)
		return r;
	if (feature_diff(&ours, &a, &b, &out, &differ) < 0)
		return error_oom(err);
	fputs(out.buf, stdout);
	return differ ? 1 : 0;
}
