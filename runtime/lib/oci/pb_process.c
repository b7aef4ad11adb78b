/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/pb_convert.h"

#include <stdlib.h>
#include "base/alloc.h"

static void *make_rlimit(struct arena *a, const void *src)
{
	const struct oci_rlimit *l = src;
	Grpc__POSIXRlimit *m = oci_pb_new(a, &grpc__posixrlimit__descriptor);

	if (m) {
		m->type = oci_pb_text(l->type);
		m->hard = l->hard;
		m->soft = l->soft;
	}
	return m;
}

static Grpc__User *make_user(struct arena *a, const struct oci_user *u)
{
	Grpc__User *m = oci_pb_new(a, &grpc__user__descriptor);

	if (!m)
		return NULL;
	m->uid = u->uid;
	m->gid = u->gid;
	m->n_additionalgids = u->n_additional_gids;
	m->additionalgids = u->additional_gids;
	m->username = oci_pb_text(u->username);
	if (u->has_umask) {
		m->has_umask_case = GRPC__USER__HAS_UMASK_UMASK;
		m->umask = u->umask;
	}
	return m;
}

static Grpc__LinuxCapabilities *make_capabilities(struct arena *a, const struct oci_capabilities *c)
{
	Grpc__LinuxCapabilities *m = oci_pb_new(a, &grpc__linux_capabilities__descriptor);

	if (!m)
		return NULL;
	m->n_bounding = c->bounding.n;
	m->bounding = c->bounding.v;
	m->n_effective = c->effective.n;
	m->effective = c->effective.v;
	m->n_inheritable = c->inheritable.n;
	m->inheritable = c->inheritable.v;
	m->n_permitted = c->permitted.n;
	m->permitted = c->permitted.v;
	m->n_ambient = c->ambient.n;
	m->ambient = c->ambient.v;
	return m;
}

Grpc__Process *oci_process_to_pb(struct arena *a, const struct oci_process *p)
{
	Grpc__Process *m = oci_pb_new(a, &grpc__process__descriptor);

	if (!m)
		return NULL;
	m->terminal = p->terminal;
	if (p->console_height || p->console_width) {
		m->consolesize = oci_pb_new(a, &grpc__box__descriptor);
		if (!m->consolesize)
			return NULL;
		m->consolesize->height = p->console_height;
		m->consolesize->width = p->console_width;
	}
	m->user = make_user(a, &p->user);
	if (!m->user)
		return NULL;
	m->n_args = p->args.n;
	m->args = p->args.v;
	m->n_env = p->env.n;
	m->env = p->env.v;
	m->cwd = oci_pb_text(p->cwd);
	if (p->has_capabilities) {
		m->capabilities = make_capabilities(a, &p->caps);
		if (!m->capabilities)
			return NULL;
	}
	if (oci_pb_repeat(a, &m->rlimits, &m->n_rlimits, p->rlimits, p->n_rlimits,
			  sizeof(*p->rlimits), make_rlimit) < 0)
		return NULL;
	m->nonewprivileges = p->no_new_privileges;
	m->apparmorprofile = oci_pb_text(p->apparmor_profile);
	m->selinuxlabel = oci_pb_text(p->selinux_label);
	m->oomscoreadj = p->has_oom_score_adj ? p->oom_score_adj : 0;
	return m;
}

static int read_rlimit(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__POSIXRlimit *m = msg;
	struct oci_rlimit *l = element;

	l->hard = m->hard;
	l->soft = m->soft;
	return oci_pb_read_text(rd, m->type, &l->type);
}

static int read_user(struct oci_pb_reader *rd, const Grpc__User *m, struct oci_user *u)
{
	u->uid = m->uid;
	u->gid = m->gid;
	if (m->has_umask_case == GRPC__USER__HAS_UMASK_UMASK) {
		u->has_umask = true;
		u->umask = m->umask;
	}
	if (m->n_additionalgids > OCI_SPEC_MAX_ITEMS)
		return error_set(rd->err, -EFBIG,
				 "process.user.additionalGids: more than %d elements",
				 OCI_SPEC_MAX_ITEMS);
	if (m->n_additionalgids > 0) {
		size_t n = m->n_additionalgids;

		u->additional_gids = arena_new_array(rd->arena, uint32_t, n);
		if (!u->additional_gids)
			return error_oom(rd->err);
		memcpy(u->additional_gids, m->additionalgids, n * sizeof(uint32_t));
		u->n_additional_gids = n;
	}
	return oci_pb_read_text(rd, m->username, &u->username);
}

static int read_capabilities(struct oci_pb_reader *rd, const Grpc__LinuxCapabilities *m,
			     struct oci_capabilities *c)
{
	static const char path[] = "process.capabilities";
	int r;

	if ((r = oci_pb_read_texts(rd, path, m->bounding, m->n_bounding, &c->bounding)) < 0 ||
	    (r = oci_pb_read_texts(rd, path, m->effective, m->n_effective, &c->effective)) < 0 ||
	    (r = oci_pb_read_texts(rd, path, m->inheritable, m->n_inheritable, &c->inheritable)) <
		    0 ||
	    (r = oci_pb_read_texts(rd, path, m->permitted, m->n_permitted, &c->permitted)) < 0)
		return r;
	return oci_pb_read_texts(rd, path, m->ambient, m->n_ambient, &c->ambient);
}

static int read_process(struct oci_pb_reader *rd, const Grpc__Process *m, struct oci_process *p)
{
	int r;

	p->terminal = m->terminal;
	p->no_new_privileges = m->nonewprivileges;
	if (m->consolesize) {
		p->console_height = m->consolesize->height;
		p->console_width = m->consolesize->width;
	}
	if (m->oomscoreadj < INT32_MIN || m->oomscoreadj > INT32_MAX)
		return error_set(rd->err, -EINVAL, "process.oomScoreAdj: %lld is out of range",
				 (long long)m->oomscoreadj);
	p->has_oom_score_adj = m->oomscoreadj != 0;
	p->oom_score_adj = (int32_t)m->oomscoreadj;
	if (m->user && (r = read_user(rd, m->user, &p->user)) < 0)
		return r;
	p->has_capabilities = m->capabilities != NULL;
	if (m->capabilities && (r = read_capabilities(rd, m->capabilities, &p->caps)) < 0)
		return r;
	if ((r = oci_pb_read_texts(rd, "process.args", m->args, m->n_args, &p->args)) < 0 ||
	    (r = oci_pb_read_texts(rd, "process.env", m->env, m->n_env, &p->env)) < 0 ||
	    (r = oci_pb_read_text(rd, m->cwd, &p->cwd)) < 0 ||
	    (r = oci_pb_read_repeated(rd, "process.rlimits", m->rlimits, m->n_rlimits,
				      sizeof(*p->rlimits), read_rlimit, &p->rlimits,
				      &p->n_rlimits)) < 0 ||
	    (r = oci_pb_read_text(rd, m->apparmorprofile, &p->apparmor_profile)) < 0)
		return r;
	return oci_pb_read_text(rd, m->selinuxlabel, &p->selinux_label);
}

int oci_pb_read_process(struct oci_pb_reader *rd, const Grpc__Process *m, struct oci_process **ret)
{
	*ret = arena_new(rd->arena, struct oci_process);
	return *ret ? read_process(rd, m, *ret) : error_oom(rd->err);
}

int oci_process_from_pb(const Grpc__Process *msg, struct oci_process_doc **ret, struct error *err)
{
	struct oci_process_doc *doc = new0(struct oci_process_doc);
	struct oci_pb_reader rd = { .err = err };
	int r;

	if (!doc)
		return error_oom(err);
	rd.arena = &doc->arena;
	r = read_process(&rd, msg, &doc->process);
	if (r < 0) {
		oci_process_free(doc);
		return r;
	}
	*ret = doc;
	return 0;
}
