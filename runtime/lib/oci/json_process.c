/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/json_read.h"

static int read_user(struct oci_reader *rd, const struct json_value *process, struct oci_user *u)
{
	const struct json_value *v = NULL;
	int r = json_get_object(process, "user", &v, rd->err);

	if (r <= 0)
		return r;
	if ((r = json_get_u32(v, "uid", &u->uid, rd->err)) < 0 ||
	    (r = json_get_u32(v, "gid", &u->gid, rd->err)) < 0 ||
	    (r = oci_read_opt_u32(rd, v, "umask", &u->has_umask, &u->umask)) < 0 ||
	    (r = oci_read_u32s(rd, v, "additionalGids", &u->additional_gids,
			       &u->n_additional_gids)) < 0)
		return r;
	return oci_read_string(rd, v, "username", &u->username);
}

static int read_capabilities(struct oci_reader *rd, const struct json_value *process,
			     struct oci_process *p)
{
	struct oci_capabilities *c = &p->caps;
	const struct json_value *v = NULL;
	int r = json_get_object(process, "capabilities", &v, rd->err);

	if (r <= 0)
		return r;
	p->has_capabilities = true;
	if ((r = oci_read_strings(rd, v, "bounding", &c->bounding)) < 0 ||
	    (r = oci_read_strings(rd, v, "effective", &c->effective)) < 0 ||
	    (r = oci_read_strings(rd, v, "inheritable", &c->inheritable)) < 0 ||
	    (r = oci_read_strings(rd, v, "permitted", &c->permitted)) < 0)
		return r;
	return oci_read_strings(rd, v, "ambient", &c->ambient);
}

static int read_rlimit(struct oci_reader *rd, const struct json_value *v, void *element)
{
	struct oci_rlimit *l = element;
	const char *type = NULL;
	int r;

	if ((r = json_need_string(v, "type", &type, rd->err)) < 0 ||
	    (r = json_need_u64(v, "hard", &l->hard, rd->err)) < 0 ||
	    (r = json_need_u64(v, "soft", &l->soft, rd->err)) < 0)
		return r;
	return oci_read_string(rd, v, "type", &l->type);
}

static int read_console(struct oci_reader *rd, const struct json_value *process,
			struct oci_process *p)
{
	const struct json_value *v = NULL;
	int r = json_get_object(process, "consoleSize", &v, rd->err);

	if (r <= 0)
		return r;
	r = json_get_u32(v, "height", &p->console_height, rd->err);
	if (r < 0)
		return r;
	return json_get_u32(v, "width", &p->console_width, rd->err);
}

static int read_scheduler(struct oci_reader *rd, const struct json_value *process,
			  struct oci_process *p)
{
	const struct json_value *v = NULL;
	int r = json_get_object(process, "scheduler", &v, rd->err);

	if (r <= 0)
		return r;
	if ((r = oci_read_string(rd, v, "policy", &p->scheduler.policy)) < 0 ||
	    (r = json_get_i32(v, "nice", &p->scheduler.nice, rd->err)) < 0 ||
	    (r = json_get_i32(v, "priority", &p->scheduler.priority, rd->err)) < 0 ||
	    (r = oci_read_strings(rd, v, "flags", &p->scheduler.flags)) < 0 ||
	    (r = json_get_u64(v, "runtime", &p->scheduler.runtime, rd->err)) < 0 ||
	    (r = json_get_u64(v, "deadline", &p->scheduler.deadline, rd->err)) < 0)
		return r;
	return json_get_u64(v, "period", &p->scheduler.period, rd->err);
}

/* What the agent protocol does not carry. */
static int read_host_parts(struct oci_reader *rd, const struct json_value *process,
			   struct oci_process *p)
{
	const struct json_value *v = NULL;
	int r = read_scheduler(rd, process, p);

	if (r >= 0)
		r = json_get_object(process, "ioPriority", &v, rd->err);
	if (r > 0 && (r = oci_read_string(rd, v, "class", &p->io_priority.klass)) >= 0)
		r = json_get_i32(v, "priority", &p->io_priority.priority, rd->err);
	if (r >= 0)
		r = json_get_object(process, "execCPUAffinity", &v, rd->err);
	if (r > 0 && (r = oci_read_string(rd, v, "initial", &p->exec_cpu_affinity.initial)) >= 0)
		r = oci_read_string(rd, v, "final", &p->exec_cpu_affinity.final);
	return r;
}

int oci_read_process(struct oci_reader *rd, const struct json_value *v, struct oci_process *p)
{
	int r;

	if ((r = json_get_bool(v, "terminal", &p->terminal, rd->err)) < 0 ||
	    (r = read_console(rd, v, p)) < 0 || (r = read_user(rd, v, &p->user)) < 0 ||
	    (r = oci_read_strings(rd, v, "args", &p->args)) < 0 ||
	    (r = oci_read_strings(rd, v, "env", &p->env)) < 0 ||
	    (r = oci_read_string(rd, v, "cwd", &p->cwd)) < 0 ||
	    (r = read_capabilities(rd, v, p)) < 0 ||
	    (r = oci_read_objects(rd, v, "rlimits", sizeof(*p->rlimits), read_rlimit, &p->rlimits,
				  &p->n_rlimits)) < 0 ||
	    (r = json_get_bool(v, "noNewPrivileges", &p->no_new_privileges, rd->err)) < 0 ||
	    (r = oci_read_string(rd, v, "apparmorProfile", &p->apparmor_profile)) < 0 ||
	    (r = oci_read_string(rd, v, "selinuxLabel", &p->selinux_label)) < 0 ||
	    (r = read_host_parts(rd, v, p)) < 0)
		return r;
	r = json_get_i32(v, "oomScoreAdj", &p->oom_score_adj, rd->err);
	if (r > 0)
		p->has_oom_score_adj = true;
	return r < 0 ? r : 0;
}
