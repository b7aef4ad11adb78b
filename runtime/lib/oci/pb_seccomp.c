/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/pb_convert.h"

static void *make_arg(struct arena *a, const void *src)
{
	const struct oci_seccomp_arg *arg = src;
	Grpc__LinuxSeccompArg *m = oci_pb_new(a, &grpc__linux_seccomp_arg__descriptor);

	if (m) {
		m->index = arg->index;
		m->value = arg->value;
		m->valuetwo = arg->value_two;
		m->op = oci_pb_text(arg->op);
	}
	return m;
}

static void *make_syscall(struct arena *a, const void *src)
{
	const struct oci_seccomp_syscall *s = src;
	Grpc__LinuxSyscall *m = oci_pb_new(a, &grpc__linux_syscall__descriptor);

	if (!m)
		return NULL;
	m->n_names = s->names.n;
	m->names = s->names.v;
	m->action = oci_pb_text(s->action);
	if (s->has_errno_ret) {
		m->errno_ret_case = GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
		m->errnoret = s->errno_ret;
	}
	if (oci_pb_repeat(a, &m->args, &m->n_args, s->args, s->n_args, sizeof(*s->args), make_arg) <
	    0)
		return NULL;
	return m;
}

Grpc__LinuxSeccomp *oci_pb_make_seccomp(struct arena *a, const struct oci_seccomp *s)
{
	Grpc__LinuxSeccomp *m = oci_pb_new(a, &grpc__linux_seccomp__descriptor);

	if (!m)
		return NULL;
	m->defaultaction = oci_pb_text(s->default_action);
	if (s->has_default_errno_ret) {
		m->has_default_errno_ret_case =
			GRPC__LINUX_SECCOMP__HAS_DEFAULT_ERRNO_RET_DEFAULT_ERRNO_RET;
		m->defaulterrnoret = s->default_errno_ret;
	}
	m->n_architectures = s->architectures.n;
	m->architectures = s->architectures.v;
	m->n_flags = s->flags.n;
	m->flags = s->flags.v;
	m->listenerpath = oci_pb_text(s->listener_path);
	m->listenermetadata = oci_pb_text(s->listener_metadata);
	if (oci_pb_repeat(a, &m->syscalls, &m->n_syscalls, s->syscalls, s->n_syscalls,
			  sizeof(*s->syscalls), make_syscall) < 0)
		return NULL;
	return m;
}

static int read_arg(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__LinuxSeccompArg *m = msg;
	struct oci_seccomp_arg *arg = element;

	if (m->index > UINT32_MAX)
		return error_set(rd->err, -EINVAL, "index %llu is out of range",
				 (unsigned long long)m->index);
	arg->index = (uint32_t)m->index;
	arg->value = m->value;
	arg->value_two = m->valuetwo;
	return oci_pb_read_text(rd, m->op, &arg->op);
}

static int read_syscall(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const Grpc__LinuxSyscall *m = msg;
	struct oci_seccomp_syscall *s = element;
	int r;

	if (m->errno_ret_case == GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET) {
		s->has_errno_ret = true;
		s->errno_ret = m->errnoret;
	}
	if ((r = oci_pb_read_texts(rd, "names", m->names, m->n_names, &s->names)) < 0 ||
	    (r = oci_pb_read_text(rd, m->action, &s->action)) < 0)
		return r;
	return oci_pb_read_repeated(rd, "args", m->args, m->n_args, sizeof(*s->args), read_arg,
				    &s->args, &s->n_args);
}

int oci_pb_read_seccomp(struct oci_pb_reader *rd, const Grpc__LinuxSeccomp *m,
			struct oci_seccomp *s)
{
	int r;

	if (m->has_default_errno_ret_case ==
	    GRPC__LINUX_SECCOMP__HAS_DEFAULT_ERRNO_RET_DEFAULT_ERRNO_RET) {
		s->has_default_errno_ret = true;
		s->default_errno_ret = m->defaulterrnoret;
	}
	if ((r = oci_pb_read_text(rd, m->defaultaction, &s->default_action)) < 0 ||
	    (r = oci_pb_read_texts(rd, "linux.seccomp.architectures", m->architectures,
				   m->n_architectures, &s->architectures)) < 0 ||
	    (r = oci_pb_read_texts(rd, "linux.seccomp.flags", m->flags, m->n_flags, &s->flags)) <
		    0 ||
	    (r = oci_pb_read_text(rd, m->listenerpath, &s->listener_path)) < 0 ||
	    (r = oci_pb_read_text(rd, m->listenermetadata, &s->listener_metadata)) < 0)
		return r;
	return oci_pb_read_repeated(rd, "linux.seccomp.syscalls", m->syscalls, m->n_syscalls,
				    sizeof(*s->syscalls), read_syscall, &s->syscalls,
				    &s->n_syscalls);
}
