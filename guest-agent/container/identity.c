/* SPDX-License-Identifier: Apache-2.0 */
#include "container/identity.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "container/caps.h"

#define PASSWD_MAX    (1u << 20) /* bytes read of a container's /etc/passwd */
#define DEFAULT_UMASK 0022
#define GROUPS_MAX    65536 /* NGROUPS_MAX, linux/limits.h */

int rlimit_parse(const char *name)
{
	static const struct {
		const char *name;
		int num;
	} table[] = {
		{ "RLIMIT_CPU", RLIMIT_CPU },		{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
		{ "RLIMIT_DATA", RLIMIT_DATA },		{ "RLIMIT_STACK", RLIMIT_STACK },
		{ "RLIMIT_CORE", RLIMIT_CORE },		{ "RLIMIT_RSS", RLIMIT_RSS },
		{ "RLIMIT_NPROC", RLIMIT_NPROC },	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
		{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },	{ "RLIMIT_AS", RLIMIT_AS },
		{ "RLIMIT_LOCKS", RLIMIT_LOCKS },	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
		{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE }, { "RLIMIT_NICE", RLIMIT_NICE },
		{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (str_eq(name, table[i].name))
			return table[i].num;
	return -EINVAL;
}

int identity_apply_limits(const struct oci_process *p, struct error *err)
{
	if (p->has_oom_score_adj) {
		char text[16];
		int r;

		snprintf(text, sizeof(text), "%d", p->oom_score_adj);
		r = file_write_existing(AT_FDCWD, "/proc/self/oom_score_adj", text, err);
		if (r < 0)
			return error_prefix(err, "process.oomScoreAdj %s", text);
	}
	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct oci_rlimit *l = &p->rlimits[i];
		struct rlimit rl = { .rlim_cur = l->soft, .rlim_max = l->hard };
		int num = rlimit_parse(l->type);

		if (num < 0)
			return error_set(err, -EINVAL, "process.rlimits: unknown type \"%s\"",
					 l->type ? l->type : "");
		if (setrlimit((__rlimit_resource_t)num, &rl) < 0)
			return error_sys(err, -errno, "cannot set %s to %llu:%llu", l->type,
					 (unsigned long long)l->soft, (unsigned long long)l->hard);
	}
	return 0;
}

/*
 * A user that is not root cannot open /dev/stderr when the pipe or terminal behind it is root's. Where ownership cannot be had (another
 * file system, a user namespace), it stays. /dev/null is everybody's.
 */
static void give_streams(uint32_t uid)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0 || st.st_uid == uid ||
		    (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
			continue;
		if (fchown(fd, uid, (gid_t)-1) < 0)
			continue;
	}
}

static int set_user(const struct oci_user *u, struct error *err)
{
	_cleanup_free_ gid_t *groups = NULL;

	if (u->n_additional_gids > GROUPS_MAX)
		return error_set(err, -EINVAL, "process.user.additionalGids: more than %d",
				 GROUPS_MAX);
	groups = new0_array(gid_t, u->n_additional_gids);
	if (!groups)
		return error_oom(err);
	for (size_t i = 0; i < u->n_additional_gids; i++)
		groups[i] = u->additional_gids[i];
	give_streams(u->uid);
	/* Denied where an ordinary user maps its one group (user_namespaces(7)): then there is nothing to add, and none can be dropped. */
	if (setgroups(u->n_additional_gids, groups) < 0 && (errno != EPERM || u->n_additional_gids))
		return error_sys(err, -errno, "cannot set additional groups");
	if (setresgid(u->gid, u->gid, u->gid) < 0)
		return error_sys(err, -errno, "cannot become group %u", u->gid);
	if (setresuid(u->uid, u->uid, u->uid) < 0)
		return error_sys(err, -errno, "cannot become user %u", u->uid);
	return 0;
}

/*
 * The working directory must be below the root: a path through a descriptor that leaked (/proc/self/fd/N) could lead out of it.
 * The system call says "(unreachable)" then (getcwd(2), C library/kernel differences).
 */
static bool cwd_is_inside(void)
{
	char buf[PATH_MAX];

	return syscall(SYS_getcwd, buf, sizeof(buf)) < 0 || buf[0] == '/';
}

int identity_apply(const struct oci_process *p, struct error *err)
{
	const char *cwd = p->cwd && *p->cwd ? p->cwd : "/";
	struct cap_sets sets;
	bool inside;

	if (p->has_capabilities &&
	    (cap_sets_parse(&p->caps, &sets, err) < 0 || cap_apply_before_setuid(&sets, err) < 0))
		return err->code;
	/* As root first: the user may lack search permission on the way; then as the user, whose network mount may refuse root. */
	inside = chdir(cwd) == 0;
	if (set_user(&p->user, err) < 0)
		return err->code;
	if (!inside && chdir(cwd) < 0)
		return error_sys(err, -errno, "cannot change to working directory \"%s\"", cwd);
	if (!cwd_is_inside())
		return error_set(err, -EPERM, "working directory \"%s\" is outside of the root",
				 cwd);
	umask(p->user.has_umask ? p->user.umask & 0777 : DEFAULT_UMASK);
	if (p->has_capabilities && cap_apply_after_setuid(&sets, err) < 0)
		return err->code;
	if (p->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, -errno, "cannot set no_new_privs");
	return 0;
}

/* The home directory of the line "name:pw:UID:gid:gecos:HOME:shell" with this uid; malloc'd or NULL. */
static char *home_in_passwd(char *text, uint32_t uid)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *field[7];
		size_t n = 0;
		uint32_t id;

		for (char *p = line; p && n < ARRAY_SIZE(field); n++) {
			field[n] = p;
			p = strchr(p, ':');
			if (p)
				*p++ = '\0';
		}
		if (n >= 6 && parse_u32(field[2], 10, &id) == 0 && id == uid && *field[5])
			return strdup(field[5]);
	}
	return NULL;
}

static char *home_of(uint32_t uid)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *home = NULL;

	if (file_read(AT_FDCWD, "/etc/passwd", PASSWD_MAX, &text, NULL) == 0 && text.len)
		home = home_in_passwd(text.buf, uid);
	return home;
}

char **identity_environment(const struct oci_process *p)
{
	char **env = new0_array(char *, p->env.n + 3);
	size_t n = 0;

	if (!env)
		return NULL;
	for (size_t i = 0; i < p->env.n; i++)
		env[n++] = p->env.v[i];
	if (!env_get(env, "HOME")) {
		_cleanup_free_ char *home = home_of(p->user.uid);

		env[n++] = str_printf("HOME=%s", home ? home : "/");
	}
	if (p->terminal && !env_get(env, "TERM"))
		env[n++] = str_printf("TERM=xterm");
	return env;
}

/* A container's name for the agent itself: /proc/self/exe or a link to it. Nothing of the container shall run that. */
static bool is_own_binary(const struct stat *st)
{
	struct stat own;

	return stat("/proc/self/exe", &own) == 0 && own.st_dev == st->st_dev &&
	       own.st_ino == st->st_ino;
}

/* 0 if it can be executed by this process. */
static int check_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || is_own_binary(&st))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

int identity_find_program(const char *name, char *const *env, char **ret, struct error *err)
{
	const char *path = env_get(env, "PATH");
	int worst = -ENOENT;

	if (!name || !*name)
		return error_set(err, -ENOENT, "exec \"\": No such file or directory");
	if (strchr(name, '/')) {
		int r = check_program(name);

		if (r < 0)
			return error_sys(err, r, "exec \"%s\"", name);
		*ret = strdup(name);
		return *ret ? 0 : error_oom(err);
	}
	while (path && *path) {
		size_t n = strcspn(path, ":");
		char *full = str_printf("%.*s%s%s", (int)n, path, n ? "/" : "./", name);
		int r;

		if (!full)
			return error_oom(err);
		r = check_program(full);
		if (r == 0) {
			*ret = full;
			return 0;
		}
		free(full);
		if (r == -EACCES)
			worst = r;
		path += n + (path[n] == ':');
	}
	if (worst == -ENOENT)
		return error_set(err, worst, "exec \"%s\": executable file not found in $PATH: %s",
				 name, strerror(ENOENT));
	return error_sys(err, worst, "exec \"%s\"", name);
}
