/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/convert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "cgroup/convert_internal.h"

#define SHARES_MIN 2
#define SHARES_MAX 262144
#define WEIGHT_MAX 10000

void cgroup_settings_release(struct cgroup_settings *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].file);
		free(s->v[i].value);
	}
	free(s->v);
	*s = (struct cgroup_settings)CGROUP_SETTINGS_INIT;
}

int setting_add(struct cgroup_settings *s, const char *file, const char *value)
{
	struct cgroup_setting *e;

	if (array_reserve(&s->v, &s->cap, s->n + 1, sizeof(*s->v)) < 0)
		return -ENOMEM;
	e = &s->v[s->n];
	memset(e, 0, sizeof(*e));
	e->file = strdup(file);
	e->value = strdup(value);
	s->n++;
	return e->file && e->value ? 0 : -ENOMEM;
}

int setting_addf(struct cgroup_settings *s, const char *file, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	return r < 0 ? r : setting_add(s, file, text.buf);
}

int setting_u64(struct cgroup_settings *s, const char *file, uint64_t v)
{
	return setting_addf(s, file, "%" PRIu64, v);
}

void setting_optional(struct cgroup_settings *s)
{
	if (s->n)
		s->v[s->n - 1].optional = true;
}

void setting_either(struct cgroup_settings *s)
{
	if (s->n)
		s->v[s->n - 1].either = true;
}

int setting_throttle(struct cgroup_settings *s, const char *file, const char *key,
		     const struct oci_throttle_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (setting_addf(s, file, "%" PRId64 ":%" PRId64 " %s%" PRIu64, l->v[i].major,
				 l->v[i].minor, key, l->v[i].rate) < 0)
			return -ENOMEM;
	return 0;
}

int setting_check_huge(const struct oci_resources *r, struct error *err)
{
	for (size_t i = 0; i < r->n_hugepage_limits; i++) {
		const char *size = r->hugepage_limits[i].page_size;

		if (!size || !*size || strlen(size) > 32 || strchr(size, '/'))
			return error_set(err, -EINVAL,
					 "linux.resources.hugepageLimits[%zu]: bad size", i);
	}
	return 0;
}

int setting_unified(struct cgroup_settings *s, const struct oci_resources *r, struct error *err)
{
	for (size_t i = 0; i < r->n_unified; i++) {
		const char *key = r->unified[i].key, *value = r->unified[i].value;

		/* cgroup.* would move or kill processes; a slash would leave the directory. */
		if (!key || !*key || strchr(key, '/') || !strchr(key, '.') ||
		    str_after(key, "cgroup."))
			return error_set(err, -EINVAL,
					 "linux.resources.unified: bad file name \"%s\"",
					 key ? key : "");
		if (setting_add(s, key, value ? value : "") < 0)
			return error_oom(err);
	}
	return 0;
}

int setting_rdma(struct cgroup_settings *s, const struct oci_resources *r)
{
	for (size_t i = 0; i < r->n_rdma; i++) {
		const struct oci_rdma_limit *l = &r->rdma[i];
		char handles[32] = "", objects[32] = "";

		if (l->has_handles)
			snprintf(handles, sizeof(handles), " hca_handle=%u", l->handles);
		if (l->has_objects)
			snprintf(objects, sizeof(objects), " hca_object=%u", l->objects);
		if (setting_addf(s, "rdma.max", "%s%s%s", l->device, handles, objects) < 0)
			return -ENOMEM;
	}
	return 0;
}

uint64_t cgroup_weight_of_shares(uint64_t shares)
{
	if (!shares)
		return 0;
	shares = MIN(MAX(shares, (uint64_t)SHARES_MIN), (uint64_t)SHARES_MAX);
	return 1 + (shares - SHARES_MIN) * (WEIGHT_MAX - 1) / (SHARES_MAX - SHARES_MIN);
}

uint64_t cgroup_io_weight(uint16_t weight)
{
	if (!weight)
		return 0;
	return 1 + (MIN(MAX((uint64_t)weight, (uint64_t)10), (uint64_t)1000) - 10) *
			   (WEIGHT_MAX - 1) / 990;
}

void cgroup_cpu_max(char out[CGROUP_CPU_MAX_LEN], int64_t quota, uint64_t period)
{
	if (!period)
		period = 100000;
	if (quota <= 0)
		snprintf(out, CGROUP_CPU_MAX_LEN, "max %" PRIu64, period);
	else
		snprintf(out, CGROUP_CPU_MAX_LEN, "%" PRId64 " %" PRIu64, quota, period);
}

char *cgroup_clean_path(const char *path, const char *id, bool *ret_own)
{
	_cleanup_free_ char *raw = NULL, *clean = NULL;
	const char *p1, *p2;
	bool own = false;

	if (ret_own)
		*ret_own = false;
	if (!path || !*path)
		return strdup(id);
	p1 = strchr(path, ':');
	p2 = p1 ? strchr(p1 + 1, ':') : NULL;
	own = !p2 && path[0] != '/';
	if (p2)
		raw = str_printf("/%.*s/%.*s-%s.scope", (int)(p1 - path), path, (int)(p2 - p1 - 1),
				 p1 + 1, p2 + 1);
	else
		raw = str_printf("/%s", path);
	clean = raw ? path_clean(raw) : NULL;
	if (!clean)
		return NULL;
	if (ret_own)
		*ret_own = own;
	/* Nothing left ("/", ".."): the root is not a container's. */
	return strdup(clean[1] ? clean + 1 : id);
}
