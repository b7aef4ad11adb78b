/* SPDX-License-Identifier: Apache-2.0 */
#include "source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

static const struct source_ops *const sources[] = { &source_deb,  &source_dir,	   &source_tar,
						    &source_file, &source_modules, &source_oci,
						    &source_apk,  &source_rpm };

const struct source_ops *source_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (str_eq(sources[i]->name, type))
			return sources[i];
	return NULL;
}

int source_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		struct error *err)
{
	const struct source_ops *ops = source_find(s->type);
	const size_t before = env->packages ? env->packages->n : 0;
	int r;

	if (!ops)
		return error_set(err, -EINVAL, "unknown source type '%s'", s->type);
	if (!ops->tells_stages)
		progress_begin(env->progress, PROGRESS_UNPACK, ops->name, 0, 0);
	r = ops->load(s, env, t, err);
	if (r < 0)
		return error_wrap(err, r, "source %s", s->type);
	if (!ops->tells_stages)
		progress_end(env->progress, PROGRESS_UNPACK);
	for (size_t i = before; env->packages && i < env->packages->n; i++)
		env->packages->v[i].type = ops->name;
	return 0;
}

int source_packages_add(struct source_packages *p, const char *name, const char *version,
			const char *arch, const char *sha256)
{
	struct source_package *d;

	if (!p)
		return 0;
	if (array_reserve(&p->v, &p->cap, p->n + 1, sizeof(*p->v)) < 0)
		return -ENOMEM;
	d = &p->v[p->n++];
	*d = (struct source_package){ strdup(name), strdup(version), strdup(arch), "", NULL };
	snprintf(d->sha256, sizeof(d->sha256), "%s", sha256);
	return d->name && d->version && d->arch ? 0 : -ENOMEM;
}

void source_packages_release(struct source_packages *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].name);
		free(p->v[i].version);
		free(p->v[i].arch);
	}
	free(p->v);
	*p = (struct source_packages){ 0 };
}

const char *source_debian_arch(const char *arch)
{
	static const char *const names[][2] = { { "x86_64", "amd64" },
						{ "aarch64", "arm64" },
						{ "ppc64le", "ppc64el" },
						{ "s390x", "s390x" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(names[i][0], arch))
			return names[i][1];
	return NULL;
}
