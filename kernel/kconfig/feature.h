/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KCONFIG_FEATURE_H
#define KCONFIG_FEATURE_H

#include "kconfig/kconfig.h"

/*
 * Configurations seen through our features: what a kernel can do, not how its options are called. `ours` is the set read from the
 * fragments, `kernel` the configuration of a kernel.
 */
enum feature_state {
	FEATURE_FULL,	/* has every option that is on in our fragments, built in */
	FEATURE_MODULE, /* as FULL, but some only as modules: an image needs those */
	FEATURE_LACKS,	/* lacks at least one */
};

enum feature_state feature_state(const struct kconfig *ours, size_t feature,
				 const struct kconfig *kernel);

/*
 * What the kernel lacks, one block a feature: name, what does not work without it, the options. Added to `out`; *ret_lacks is the
 * number of features lacked. Options that our fragments turn off, and numbers and texts, are a matter of taste and not looked at.
 * 0 or -ENOMEM.
 */
int feature_fit(const struct kconfig *ours, const struct kconfig *kernel, struct strbuf *out,
		size_t *ret_lacks);

/*
 * Every option in which two kernels differ, under the feature it belongs to, those of no feature last. *ret_differ is their number.
 * 0 or -ENOMEM.
 */
int feature_diff(const struct kconfig *ours, const struct kconfig *a, const struct kconfig *b,
		 struct strbuf *out, size_t *ret_differ);

#endif
