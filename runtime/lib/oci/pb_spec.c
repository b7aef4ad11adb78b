/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec_pb.h"

#include <stdlib.h>
#include "base/alloc.h"
#include "oci/pb_convert.h"

static void *make_mount(struct arena *a, const void *src)
{
	const struct oci_mount *mount = src;
	Grpc__Mount *m = oci_pb_new(a, &grpc__mount__descriptor);

	if (m) {
		m->destination = oci_pb_text(mount->destination);
		m->source = oci_pb_text(mount->source);
		m->type = oci_pb_text(mount->type);
		m->n_options = mount->options.n;
		m->options = mount->options.v;
	}
	return m;
}

static void *make_hook(struct arena *a, const void *src)
{
	const struct oci_hook *h = src;
	Grpc__Hook *m = oci_pb_new(a, &grpc__hook__descriptor);

	if (m) {
		m->path = oci_pb_text(h->path);
		m->n_args = h->args.n;
		m->args = h->args.v;
		m->n_env = h->env.n;
		m->env = h->env.v;
		m->timeout = h->has_timeout ? h->timeout : 0;
	}
	return m;
}

static int repeat_hooks(struct arena *a, Grpc__Hook ***ret, size_t *ret_n,
			const struct oci_hook_list *list)
{
	return oci_pb_repeat(a, ret, ret_n, list->v, list->n, sizeof(*list->v), make_hook);
}

static Grpc__Hooks *make_hooks(struct arena *a, const struct oci_hooks *h)
{
	Grpc__Hooks *m = oci_pb_new(a, &grpc__hooks__descriptor);

	if (!m || repeat_hooks(a, &m->prestart, &m->n_prestart, &h->prestart) < 0 ||
	    repeat_hooks(a, &m->createruntime, &m->n_createruntime, &h->create_runtime) < 0 ||
	    repeat_hooks(a, &m->createcontainer, &m->n_createcontainer, &h->create_container) < 0 ||
	    repeat_hooks(a, &m->startcontainer, &m->n_startcontainer, &h->start_container) < 0 ||
	    repeat_hooks(a, &m->poststart, &m->n_poststart, &h->poststart) < 0 ||
	    repeat_hooks(a, &m->poststop, &m->n_poststop, &h->poststop) < 0)
		return NULL;
	return m;
}

static bool has_hooks(const struct oci_hooks *h)
{
	return h->prestart.n + h->create_runtime.n + h->create_container.n + h->start_container.n +
		       h->poststart.n + h->poststop.n >
	       0;
}

static int make_root(struct arena *a, const struct oci_spec *spec, Grpc__Root **ret)
{
	if (!spec->root_path)
		return 0;
	*ret = oci_pb_new(a, &grpc__root__descriptor);
	if (!*ret)
		return -ENOMEM;
	(*ret)->path = spec->root_path;
	(*ret)->readonly = spec->root_readonly;
	return 0;
}

Grpc__Spec *oci_spec_to_pb(struct arena *a, const struct oci_spec *spec)
{
	Grpc__Spec *m = oci_pb_new(a, &grpc__spec__descriptor);

	if (!m)
		return NULL;
	m->version = oci_pb_text(spec->oci_version);
	m->hostname = oci_pb_text(spec->hostname);
	m->domainname = oci_pb_text(spec->domainname);
	if (spec->process && !(m->process = oci_process_to_pb(a, spec->process)))
		return NULL;
	if (has_hooks(&spec->hooks) && !(m->hooks = make_hooks(a, &spec->hooks)))
		return NULL;
	m->linux_ = oci_pb_make_linux(a, &spec->linux_);
	if (!m->linux_ || make_root(a, spec, &m->root) < 0 ||
	    oci_pb_repeat(a, &m->mounts, &m->n_mounts, spec->mounts, spec->n_mounts,
			  sizeof(*spec->mounts), make_mount) < 0 ||
	    oci_pb_map(a, &grpc__spec__annotations_entry__descriptor, &m->annotations,
		       &m->n_annotations, spec->annotations, spec->n_annotations) < 0)
		return NULL;
	return m;
}

static int read_mount(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__Mount *m = msg;
	struct oci_mount *mount = element;
	int r;

	if ((r = oci_pb_read_text(rd, m->destination, &mount->destination)) < 0 ||
	    (r = oci_pb_read_text(rd, m->source, &mount->source)) < 0 ||
	    (r = oci_pb_read_text(rd, m->type, &mount->type)) < 0)
		return r;
	return oci_pb_read_texts(rd, "options", m->options, m->n_options, &mount->options);
}

static int read_hook(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__Hook *m = msg;
	struct oci_hook *h = element;
	int r;

	h->has_timeout = m->timeout != 0;
	h->timeout = m->timeout;
	if ((r = oci_pb_read_text(rd, m->path, &h->path)) < 0 ||
	    (r = oci_pb_read_texts(rd, "args", m->args, m->n_args, &h->args)) < 0)
		return r;
	return oci_pb_read_texts(rd, "env", m->env, m->n_env, &h->env);
}

static int read_hooks(struct oci_pb_reader *rd, const Grpc__Hooks *m, struct oci_hooks *h)
{
	const struct {
		const char *path;
		Grpc__Hook **msgs;
		size_t n;
		struct oci_hook_list *list;
	} kinds[] = {
		{ "hooks.prestart", m->prestart, m->n_prestart, &h->prestart },
		{ "hooks.createRuntime", m->createruntime, m->n_createruntime, &h->create_runtime },
		{ "hooks.createContainer", m->createcontainer, m->n_createcontainer,
		  &h->create_container },
		{ "hooks.startContainer", m->startcontainer, m->n_startcontainer,
		  &h->start_container },
		{ "hooks.poststart", m->poststart, m->n_poststart, &h->poststart },
		{ "hooks.poststop", m->poststop, m->n_poststop, &h->poststop },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int r = oci_pb_read_repeated(rd, kinds[i].path, kinds[i].msgs, kinds[i].n,
					     sizeof(struct oci_hook), read_hook, &kinds[i].list->v,
					     &kinds[i].list->n);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_spec(struct oci_pb_reader *rd, const Grpc__Spec *m, struct oci_spec *spec)
{
	int r;

	if (m->root) {
		spec->root_readonly = m->root->readonly;
		r = oci_pb_read_text(rd, m->root->path, &spec->root_path);
		if (r < 0)
			return r;
	}
	if (m->process && (r = oci_pb_read_process(rd, m->process, &spec->process)) < 0)
		return r;
	if (m->hooks && (r = read_hooks(rd, m->hooks, &spec->hooks)) < 0)
		return r;
	if (m->linux_ && (r = oci_pb_read_linux(rd, m->linux_, &spec->linux_)) < 0)
		return r;
	if ((r = oci_pb_read_text(rd, m->version, &spec->oci_version)) < 0 ||
	    (r = oci_pb_read_text(rd, m->hostname, &spec->hostname)) < 0 ||
	    (r = oci_pb_read_text(rd, m->domainname, &spec->domainname)) < 0 ||
	    (r = oci_pb_read_repeated(rd, "mounts", m->mounts, m->n_mounts, sizeof(*spec->mounts),
				      read_mount, &spec->mounts, &spec->n_mounts)) < 0)
		return r;
	return oci_pb_read_map(rd, "annotations", m->annotations, m->n_annotations,
			       &spec->annotations, &spec->n_annotations);
}

int oci_spec_from_pb(const Grpc__Spec *msg, struct oci_spec **ret, struct error *err)
{
	_cleanup_oci_spec_ struct oci_spec *spec = new0(struct oci_spec);
	struct oci_pb_reader rd = { .err = err };
	int r;

	if (!spec)
		return error_oom(err);
	rd.arena = &spec->arena;
	r = read_spec(&rd, msg, spec);
	if (r < 0)
		return r;
	*ret = steal_ptr(spec);
	return 0;
}
