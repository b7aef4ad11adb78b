/* SPDX-License-Identifier: Apache-2.0 */
/* The source "deb": apt resolves and fetches, reading is ours. */
#include "source/apt.h"
#include "source/deb.h"
#include "source/package.h"

static int read_deb(struct layer *l, struct layer_spool *spool, const void *data, size_t len,
		    const char *arch, struct source_package_info *ret, struct error *err)
{
	return deb_read(l, spool, data, len, source_debian_arch(arch), ret, err);
}

static const struct package_ops package_deb = {
	.type = "deb",
	.resolve = apt_resolve,
	.fetch = apt_download,
	.read = read_deb,
};

static int deb_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		    struct error *err)
{
	return package_load(&package_deb, s, env, t, err);
}

static int deb_lock(const struct source_spec *s, const struct source_env *env,
		    struct lock_source *ret, struct error *err)
{
	return package_resolve(&package_deb, s, env, &ret->resolved, err);
}

const struct source_ops source_deb = {
	.name = "deb", .load = deb_load, .lock = deb_lock, .tells_stages = true
};
