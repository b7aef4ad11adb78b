/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/json_read.h"

static int read_arg(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_seccomp_arg *a = element;
	const char *op = NULL;
	int r;

	if ((r = json_need_u32(v, "index", &a->index, rd->err)) < 0 ||
	    (r = json_need_u64(v, "value", &a->value, rd->err)) < 0 ||
	    (r = json_get_u64(v, "valueTwo", &a->value_two, rd->err)) < 0 ||
	    (r = json_need_string(v, "op", &op, rd->err)) < 0)
		return r;
	return oci_read_string(rd, v, "op", &a->op);
}

static int read_syscall(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_seccomp_syscall *s = element;
	const struct json_value *names = NULL;
	const char *action = NULL;
	int r;

	if ((r = json_need_array(v, "names", &names, rd->err)) < 0 ||
	    (r = json_need_string(v, "action", &action, rd->err)) < 0 ||
	    (r = oci_read_strings(rd, v, "names", &s->names)) < 0 ||
	    (r = oci_read_string(rd, v, "action", &s->action)) < 0 ||
	    (r = oci_read_opt_u32(rd, v, "errnoRet", &s->has_errno_ret, &s->errno_ret)) < 0)
		return r;
	return oci_read_objects(rd, v, "args", sizeof(*s->args), read_arg, &s->args, &s->n_args);
}

int oci_read_seccomp(struct oci_reader *rd, const struct json_value *v, struct oci_seccomp *s)
{
	const char *action = NULL;
	int r;

	if ((r = json_need_string(v, "defaultAction", &action, rd->err)) < 0 ||
	    (r = oci_read_string(rd, v, "defaultAction", &s->default_action)) < 0 ||
	    (r = oci_read_opt_u32(rd, v, "defaultErrnoRet", &s->has_default_errno_ret,
				  &s->default_errno_ret)) < 0 ||
	    (r = oci_read_strings(rd, v, "architectures", &s->architectures)) < 0 ||
	    (r = oci_read_strings(rd, v, "flags", &s->flags)) < 0 ||
	    (r = oci_read_string(rd, v, "listenerPath", &s->listener_path)) < 0 ||
	    (r = oci_read_string(rd, v, "listenerMetadata", &s->listener_metadata)) < 0)
		return r;
	return oci_read_objects(rd, v, "syscalls", sizeof(*s->syscalls), read_syscall, &s->syscalls,
				&s->n_syscalls);
}
