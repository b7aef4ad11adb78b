/* SPDX-License-Identifier: Apache-2.0 */
#include "container/seccomp.h"

#include <ctype.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"

#define MAX_ARGS 6			       /* of a system call */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static int parse_action(const char *name, bool has_errno, uint32_t errno_ret, uint32_t *ret,
			struct error *err)
{
	static const struct {
		const char *name;
		uint32_t action;
	} table[] = {
		{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
		{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
		{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
		{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY },
	};
	uint32_t value = has_errno ? errno_ret : EPERM;

	if (str_eq(name, "SCMP_ACT_ERRNO")) {
		*ret = SCMP_ACT_ERRNO(value);
		return 0;
	}
	if (str_eq(name, "SCMP_ACT_TRACE")) {
		*ret = SCMP_ACT_TRACE(value);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!str_eq(name, table[i].name))
			continue;
		if (has_errno)
			return error_set(err, -EINVAL, "linux.seccomp: %s takes no errnoRet", name);
		*ret = table[i].action;
		return 0;
	}
	return error_set(err, -EINVAL, "linux.seccomp: unknown action \"%s\"", name ? name : "");
}

static int parse_op(const char *name, enum scmp_compare *ret, struct error *err)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} table[] = {
		{ "SCMP_CMP_NE", SCMP_CMP_NE },
		{ "SCMP_CMP_LT", SCMP_CMP_LT },
		{ "SCMP_CMP_LE", SCMP_CMP_LE },
		{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
		{ "SCMP_CMP_GE", SCMP_CMP_GE },
		{ "SCMP_CMP_GT", SCMP_CMP_GT },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (str_eq(name, table[i].name)) {
			*ret = table[i].op;
			return 0;
		}
	}
	return error_set(err, -EINVAL, "linux.seccomp: unknown operator \"%s\"", name ? name : "");
}

static int parse_flags(const struct oci_seccomp *s, unsigned int *ret, struct error *err)
{
	static const struct {
		const char *name;
		unsigned long flag;
	} table[] = {
		{ "SECCOMP_FILTER_FLAG_TSYNC", 0 }, /* one thread: nothing to synchronise */
		{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
		{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
		  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
	};

	*ret = 0;
	for (size_t i = 0; i < s->flags.n; i++) {
		size_t k = 0;

		while (k < ARRAY_SIZE(table) && !str_eq(s->flags.v[i], table[k].name))
			k++;
		if (k == ARRAY_SIZE(table))
			return error_set(err, -EINVAL, "linux.seccomp.flags: unknown flag \"%s\"",
					 s->flags.v[i]);
		*ret |= (unsigned int)table[k].flag;
	}
	return 0;
}

/* "SCMP_ARCH_X86_64" is libseccomp's "x86_64". */
static int add_architectures(scmp_filter_ctx ctx, const struct oci_seccomp *s, struct error *err)
{
	for (size_t i = 0; i < s->architectures.n; i++) {
		const char *word = str_after(s->architectures.v[i], "SCMP_ARCH_");
		char name[32] = "";
		uint32_t arch;
		int r;

		for (size_t k = 0; word && word[k] && k < sizeof(name) - 1; k++)
			name[k] = (char)tolower((unsigned char)word[k]);
		arch = seccomp_arch_resolve_name(name);
		if (!arch)
			return error_set(err, -EINVAL,
					 "linux.seccomp.architectures: unknown \"%s\"",
					 s->architectures.v[i]);
		r = seccomp_arch_add(ctx, arch);
		/* Of another byte order: nothing of it could run here. */
		if (r < 0 && r != -EEXIST && r != -EDOM && r != -EINVAL)
			return error_sys(err, r, "linux.seccomp.architectures \"%s\"",
					 s->architectures.v[i]);
	}
	return 0;
}

static int add_rule(scmp_filter_ctx ctx, uint32_t action, int nr, const struct scmp_arg_cmp *args,
		    unsigned int n, const char *name, struct error *err)
{
	int r = seccomp_rule_add_array(ctx, action, nr, n, args);

	/* EEXIST: said already. EDOM: none such on one of the architectures. */
	if (r < 0 && r != -EEXIST && r != -EDOM)
		return error_sys(err, r, "linux.seccomp: system call \"%s\"", name);
	return 0;
}

static int add_call(scmp_filter_ctx ctx, const struct oci_seccomp_syscall *c, const char *name,
		    uint32_t action, struct error *err)
{
	struct scmp_arg_cmp args[MAX_ARGS];
	bool seen[MAX_ARGS] = { false }, twice = false;
	int nr = seccomp_syscall_resolve_name(name);

	if (nr == __NR_SCMP_ERROR)
		return 0;
	if (c->n_args > MAX_ARGS)
		return error_set(err, -EINVAL, "linux.seccomp: system call \"%s\": %zu arguments",
				 name, c->n_args);
	for (size_t i = 0; i < c->n_args; i++) {
		const struct oci_seccomp_arg *a = &c->args[i];
		enum scmp_compare op;

		if (a->index >= MAX_ARGS)
			return error_set(err, -EINVAL,
					 "linux.seccomp: system call \"%s\": argument index %u",
					 name, a->index);
		if (parse_op(a->op, &op, err) < 0)
			return err->code;
		twice |= seen[a->index];
		seen[a->index] = true;
		args[i] = (struct scmp_arg_cmp){ a->index, op, a->value, a->value_two };
	}
	if (!twice)
		return add_rule(ctx, action, nr, args, (unsigned int)c->n_args, name, err);
	/* Conditions on the same argument cannot all hold in one rule of libseccomp's: any of them, as other runtimes read it. */
	for (size_t i = 0; i < c->n_args; i++)
		if (add_rule(ctx, action, nr, &args[i], 1, name, err) < 0)
			return err->code;
	return 0;
}

static int add_calls(scmp_filter_ctx ctx, const struct oci_seccomp *s, uint32_t def,
		     struct error *err)
{
	for (size_t i = 0; i < s->n_syscalls; i++) {
		const struct oci_seccomp_syscall *c = &s->syscalls[i];
		uint32_t action;

		if (parse_action(c->action, c->has_errno_ret, c->errno_ret, &action, err) < 0)
			return err->code;
		if (action == def)
			continue;
		for (size_t k = 0; k < c->names.n; k++)
			if (add_call(ctx, c, c->names.v[k], action, err) < 0)
				return err->code;
	}
	return 0;
}

/* The program as memory: libseccomp writes it to a descriptor. */
static int export_program(scmp_filter_ctx ctx, struct seccomp_filter *f, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;
	int r = fd_memfd("seccomp", &fd);

	if (r == 0)
		r = seccomp_export_bpf(ctx, fd);
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r)
		return error_sys(err, r, "linux.seccomp: cannot make the program");
	if ((size_t)st.st_size / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return error_set(err, -E2BIG, "linux.seccomp: more than %d instructions",
				 BPF_MAXINSNS);
	f->prog = malloc((size_t)st.st_size);
	if (!f->prog)
		return error_oom(err);
	r = fd_pread_full(fd, f->prog, (size_t)st.st_size, 0);
	if (r < 0)
		return error_sys(err, r, "linux.seccomp: cannot read the program");
	f->n = (unsigned short)((size_t)st.st_size / sizeof(struct sock_filter));
	return 0;
}

int filter_compile(const struct oci_seccomp *s, struct seccomp_filter *ret, struct error *err)
{
	scmp_filter_ctx ctx;
	uint32_t def;
	int r;

	if (parse_action(s->default_action, s->has_default_errno_ret, s->default_errno_ret, &def,
			 err) < 0 ||
	    parse_flags(s, &ret->flags, err) < 0)
		return err->code;
	ctx = seccomp_init(def);
	if (!ctx)
		return error_set(err, -EINVAL, "linux.seccomp: cannot begin a program");
	r = add_architectures(ctx, s, err);
	if (r == 0)
		r = add_calls(ctx, s, def, err);
	if (r == 0)
		r = export_program(ctx, ret, err);
	seccomp_release(ctx);
	return r;
}

static bool notifies(const struct oci_seccomp *s)
{
	for (size_t i = 0; i < s->n_syscalls; i++)
		if (str_eq(s->syscalls[i].action, "SCMP_ACT_NOTIFY"))
			return true;
	return str_eq(s->default_action, "SCMP_ACT_NOTIFY");
}

int filter_connect(const struct oci_seccomp *s, const char *state, int pid,
		   struct seccomp_filter *f, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	if (!notifies(s))
		return 0;
	if (!s->listener_path || s->listener_path[0] != '/')
		return error_set(err, -EINVAL,
				 "linux.seccomp.listenerPath: an absolute path is needed");
	/* "The Container Process State" of the specification. */
	if (strbuf_addf(&sb, "{\"ociVersion\":\"1.0.2\",\"fds\":[\"seccompFd\"],\"pid\":%d", pid) <
		    0 ||
	    strbuf_addstr(&sb, ",\"metadata\":\"") < 0 ||
	    strbuf_add_json(&sb, s->listener_metadata ? s->listener_metadata : "") < 0 ||
	    strbuf_addf(&sb, "\",\"state\":%s}", state) < 0)
		return error_oom(err);
	f->message = strbuf_detach(&sb, NULL);
	if (!f->message)
		return error_oom(err);
	f->flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	if (fd_unix_connect(s->listener_path, &f->listener, err) < 0)
		return error_prefix(err, "linux.seccomp.listenerPath");
	return 0;
}

int filter_load(struct seccomp_filter *f, struct error *err)
{
	struct sock_fprog prog = { .len = f->n, .filter = f->prog };
	long fd;
	int r;

	if (!f->prog)
		return 0;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, f->flags, &prog);
	if (fd < 0)
		return error_sys(err, -errno, "cannot load the seccomp filter");
	if (f->listener < 0)
		return 0;
	/* From here on system calls that are notified wait for who gets this. */
	r = fd_send_message(f->listener, f->message, strlen(f->message), (int)fd);
	close((int)fd);
	f->listener = fd_close(f->listener);
	return r < 0 ? error_sys(err, r, "cannot hand over the seccomp listener") : 0;
}
