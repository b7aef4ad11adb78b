/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/layers.h"

#include <string.h>
#include "base/path.h"
#include "base/strbuf.h"

/* Upstream's marks (src/agent/src/storage/multi_layer_erofs.rs). */
#define OPT_PREFIX "X-kata."
#define OPT_GROUP  "X-kata.multi-layer=true"
#define OPT_UPPER  "X-kata.overlay-upper"
#define OPT_LOWER  "X-kata.overlay-lower"
#define OPT_MKDIR  "X-kata.mkdir.path="
#define IN_UPPER   "{{ mount 0 }}" /* in a directory to make: the writable layer's mount point */
#define MKDIR_OPT  "io.katacontainers.volume.overlayfs.create_directory="

struct expansion {
	struct arena *mem;
	const char *dir; /* of the layers' mount points */
	struct storage_req *out;
	size_t n;
	const struct storage_req *upper;
	size_t n_lower;
	struct strbuf lowerdir; /* "lowerdir=A:B", topmost first, as the host sends them */
};

static bool has_option(const struct storage_req *r, const char *option)
{
	for (size_t i = 0; i < r->n_options; i++)
		if (str_eq(r->options[i], option))
			return true;
	return false;
}

static bool in_group(const struct storage_req *r)
{
	return str_eq(r->driver, STORAGE_LAYERS_DRIVER) || has_option(r, OPT_GROUP);
}

static bool is_upper(const struct storage_req *r)
{
	return has_option(r, OPT_UPPER) ||
	       (!has_option(r, OPT_LOWER) && !str_eq(r->fstype, "erofs"));
}

static int refuse_unknown(const struct storage_req *r, struct error *err)
{
	static const char *const known[] = { OPT_GROUP, OPT_UPPER, OPT_LOWER, OPT_MKDIR };

	for (size_t i = 0; i < r->n_options; i++) {
		bool ok = !str_after(r->options[i], OPT_PREFIX);

		for (size_t k = 0; !ok && k < ARRAY_SIZE(known); k++)
			ok = str_after(r->options[i], known[k]) != NULL;
		if (!ok)
			return error_set(err, -EOPNOTSUPP,
					 "layer \"%s\": option \"%s\" is not supported", r->source,
					 r->options[i]);
	}
	return 0;
}

/* A layer as a block storage of its own, with the options that are the kernel's. */
static int add_layer(struct expansion *x, const struct storage_req *r, const char *mount_point,
		     struct error *err)
{
	struct storage_req *o = &x->out[x->n++];

	*o = *r;
	o->driver = str_eq(r->driver, STORAGE_LAYERS_DRIVER) ? "blk" : r->driver;
	o->mount_point = mount_point;
	o->options = arena_new_array(x->mem, char *, r->n_options + 1);
	o->n_options = 0;
	o->has_fs_group = false;
	if (!mount_point || !o->options)
		return error_oom(err);
	for (size_t i = 0; i < r->n_options; i++)
		if (!str_after(r->options[i], OPT_PREFIX))
			((char **)o->options)[o->n_options++] = r->options[i];
	return 0;
}

static int add_lower(struct expansion *x, const struct storage_req *r, struct error *err)
{
	const char *mp = arena_printf(x->mem, "%s/lower-%zu", x->dir, x->n_lower);
	struct storage_req *o;

	if (add_layer(x, r, mp, err) < 0)
		return err->code;
	o = &x->out[x->n - 1];
	o->fstype = "erofs";
	((char **)o->options)[o->n_options++] = (char *)"ro";
	if (strbuf_addf(&x->lowerdir, "%s%s", x->n_lower++ ? ":" : "lowerdir=", mp) < 0)
		return error_oom(err);
	return 0;
}

/* "PATH[:MODE]" with a stand-in for the writable layer's mount point; nothing outside of it is made. */
static char *mkdir_option(struct expansion *x, const char *spec, const char *upper,
			  struct error *err)
{
	const char *rest = str_after(spec, IN_UPPER);
	const char *colon = rest ? strchr(rest, ':') : NULL;
	size_t n = rest ? (colon ? (size_t)(colon - rest) : strlen(rest)) : 0;
	char *opt;

	if (!rest || (n && rest[0] != '/') || strstr(rest, "/..")) {
		error_set(err, -EINVAL, "\"%s\" is not a directory of the writable layer", spec);
		return NULL;
	}
	opt = arena_printf(x->mem, MKDIR_OPT "%s%.*s", upper, (int)n, rest);
	if (!opt)
		error_oom(err);
	return opt;
}

static int add_overlay(struct expansion *x, struct error *err)
{
	const char *upper = arena_printf(x->mem, "%s/upper", x->dir);
	struct storage_req *o;
	char **options = arena_new_array(x->mem, char *, 3);
	char **dirs = arena_new_array(x->mem, char *, x->upper->n_options + 2);
	size_t n = 2;

	if (!upper || !options || !dirs)
		return error_oom(err);
	options[0] = arena_strdup(x->mem, x->lowerdir.buf);
	options[1] = arena_printf(x->mem, "upperdir=%s/upper", upper);
	options[2] = arena_printf(x->mem, "workdir=%s/work", upper);
	dirs[0] = arena_printf(x->mem, MKDIR_OPT "%s/upper", upper);
	dirs[1] = arena_printf(x->mem, MKDIR_OPT "%s/work", upper);
	if (!options[0] || !options[1] || !options[2] || !dirs[0] || !dirs[1])
		return error_oom(err);
	for (size_t i = 0; i < x->upper->n_options; i++) {
		const char *spec = str_after(x->upper->options[i], OPT_MKDIR);

		if (spec && !(dirs[n++] = mkdir_option(x, spec, upper, err)))
			return err->code;
	}
	o = &x->out[x->n++];
	*o = (struct storage_req){ .driver = "overlayfs",
				   .source = "overlay",
				   .fstype = "overlay",
				   .mount_point = x->upper->mount_point,
				   .options = options,
				   .n_options = 3,
				   .driver_options = dirs,
				   .n_driver_options = n,
				   .shared = x->upper->shared };
	return 0;
}

static int expand(struct expansion *x, const struct storage_req *reqs, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (!in_group(&reqs[i]))
			x->out[x->n++] = reqs[i];
	for (size_t i = 0; i < n; i++) {
		int r = 0;

		if (!in_group(&reqs[i]))
			continue;
		if (refuse_unknown(&reqs[i], err) < 0)
			return err->code;
		if (!is_upper(&reqs[i]))
			r = add_lower(x, &reqs[i], err);
		else if (x->upper)
			r = error_set(err, -EINVAL, "layers: more than one writable one");
		else
			x->upper = &reqs[i];
		if (r < 0)
			return r;
		if (x->n_lower > STORAGE_LAYERS_MAX)
			return error_set(err, -EINVAL, "more than %d layers", STORAGE_LAYERS_MAX);
	}
	if (!x->upper || !x->n_lower)
		return error_set(err, -EINVAL, "layers: no %s one",
				 x->upper ? "read-only" : "writable");
	if (add_layer(x, x->upper, arena_printf(x->mem, "%s/upper", x->dir), err) < 0)
		return err->code;
	return add_overlay(x, err);
}

int storage_expand_layers(struct arena *mem, const struct storage_req *reqs, size_t n,
			  const char *cid, struct storage_req **ret, size_t *ret_n,
			  struct error *err)
{
	struct expansion x = { .mem = mem, .lowerdir = STRBUF_INIT };
	size_t in = 0;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		in += in_group(&reqs[i]);
	x.out = arena_new_array(mem, struct storage_req, n + 1);
	x.dir = arena_printf(mem, "%s/%s/multi-layer", STORAGE_RUN_DIR, *cid ? cid : "sandbox");
	if (!x.out || !x.dir)
		return error_oom(err);
	if (in) {
		r = expand(&x, reqs, n, err);
	} else if (n) {
		memcpy(x.out, reqs, n * sizeof(*reqs));
		x.n = n;
	}
	strbuf_release(&x.lowerdir);
	if (r < 0)
		return r;
	*ret = x.out;
	*ret_n = x.n;
	return 0;
}
