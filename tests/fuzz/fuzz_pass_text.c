/* SPDX-License-Identifier: Apache-2.0 */
/* The text files of packages that passes read: accounts, sysusers.d, tmpfiles.d, units, presets, PAM profiles, chrony, ld.so.conf. */
#include <stdint.h>
#include "base/alloc.h"
#include "pass/pass.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const paths[] = {
	"etc/passwd",
	"etc/group",
	"usr/lib/sysusers.d/x.conf",
	"usr/lib/tmpfiles.d/x.conf",
	"usr/lib/systemd/system/x@.service",
	"usr/lib/systemd/system-preset/x.preset",
	"usr/share/pam-configs/x",
	"usr/share/pam/common-auth",
	"usr/share/debianutils/shells",
	"etc/chrony.conf",
	"usr/lib/systemd/system/chronyd.service",
	"etc/ld.so.conf",
	"lib/modules/1/modules.order",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strv_ struct strv keep = STRV_INIT, dlopen = STRV_INIT;
	_cleanup_tree_ struct tree *t = tree_new();
	const struct recipe rc = { 0 };
	struct error err = ERROR_INIT;
	/* the first byte says which of the files are there, so that one input is not all of them at once */
	uint8_t which = size ? data[0] : 0;

	if (!t || size < 1 || strv_add(&keep, "/etc") < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (which & 1u << i % 8)
			tree_add_file(t, paths[i], 0644, data + 1, size - 1, &err);
	tree_add_file(t, "usr/sbin/chronyd", 0755, "", 0, &err);
	pass_users(t, &rc, 86400, &err);
	pass_tmpfiles(t, &err);
	pass_presets(t, &rc.systemd, &err);
	pass_defaults(t, &err);
	pass_pam(t, &err);
	pass_chrony(t, &err);
	pass_depmod(t, &err);
	pass_keep(t, "x86_64", &keep, &dlopen, &err);
	return 0;
}
