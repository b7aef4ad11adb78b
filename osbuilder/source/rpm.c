/* SPDX-License-Identifier: Apache-2.0 */
#include "source/rpm.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "source/fetch.h"

#define RPM_NEEDED "rpm sources need dnf, dnf-plugins-core and rpm to be installed"

/* The private root of one set of repositories, keys and packages. */
struct rpm_root {
	const struct source_spec *s;
	const struct source_env *env;
	char *dir; /* CACHE/rpm/ARCH-HASH */
	int lock_fd;
};

static void rpm_root_release(struct rpm_root *r)
{
	free(r->dir);
	r->lock_fd = fd_close(r->lock_fd);
}

/* An absolute path for one that may be relative to the recipe's directory. */
static char *recipe_path(const struct source_env *env, const char *path)
{
	char fd_path[PATH_FD_MAX], dir[4096];
	ssize_t n;

	if (*path == '/')
		return strdup(path);
	n = readlink(path_of_fd(fd_path, env->dirfd), dir, sizeof(dir) - 1);
	if (n <= 0)
		return NULL;
	dir[n] = '\0';
	return path_join(dir, path);
}

static int conf_text(const struct rpm_root *root, struct strbuf *c, struct error *err)
{
	const struct source_spec *s = root->s;
	int r = strbuf_addf(
		c,
		"[main]\ncachedir=%1$s/cache\npersistdir=%1$s/persist\nlogdir=%1$s/log\n"
		"reposdir=%1$s/empty\nvarsdir=%1$s/empty\npluginconfpath=%1$s/empty\n"
		"install_weak_deps=0\nbest=1\nstrict=1\nmetadata_expire=0\n"
		"skip_if_unavailable=0\n",
		root->dir);

	for (size_t i = 0; i < s->repositories.n; i++) {
		const char *repo = s->repositories.v[i];
		_cleanup_free_ char *local = NULL;

		if (!strstr(repo, "://")) {
			local = recipe_path(root->env, repo);
			if (!local)
				return error_oom(err);
		}
		r |= strbuf_addf(c, "[repo%1$zu]\nname=repo%1$zu\nenabled=1\nbaseurl=%2$s%3$s\n", i,
				 local ? "file://" : "", local ? local : repo);
	}
	return r ? error_oom(err) : 0;
}

static int make_name(struct rpm_root *root, struct error *err)
{
	const struct source_spec *s = root->s;
	const struct strv *const lists[] = { &s->repositories, &s->packages };
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
	char hex[SHA_HEX_MAX];

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		for (size_t i = 0; i < lists[k]->n; i++)
			if (strbuf_addf(&all, "%zu %s\n", k, lists[k]->v[i]) < 0)
				return error_oom(err);
	if (strbuf_addf(&all, "release %s\n", s->release ? s->release : "") < 0 ||
	    sha_hex_of(SHA_KIND_256, all.buf, all.len, hex) < 0)
		return error_oom(err);
	root->dir = str_printf("%s/rpm/%s-%.12s", root->env->cache_dir, root->env->arch, hex);
	return root->dir ? 0 : error_oom(err);
}

static int root_open(struct rpm_root *root, struct error *err)
{
	static const char *const subs[] = { "empty", "root", "packages" };
	_cleanup_strbuf_ struct strbuf conf = STRBUF_INIT;
	_cleanup_free_ char *path = NULL;
	int r = make_name(root, err);

	if (r == 0 && strpbrk(root->dir, " \t\n,#[]$"))
		r = error_set(err, -EINVAL, "cache directory '%s' has characters dnf cannot take",
			      root->env->cache_dir);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(subs); i++) {
		_cleanup_free_ char *d = str_printf("%s/%s", root->dir, subs[i]);

		r = d ? file_mkdir_p(AT_FDCWD, d, 0755, err) : error_oom(err);
	}
	if (r < 0)
		return r;
	root->lock_fd = open(root->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root->lock_fd < 0)
		return error_sys(err, -errno, "cannot open '%s'", root->dir);
	while (flock(root->lock_fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return error_sys(err, -errno, "cannot lock '%s'", root->dir);
	path = str_printf("%s/dnf.conf", root->dir);
	r = path ? conf_text(root, &conf, err) : error_oom(err);
	return r < 0 ? r : file_write_atomic(AT_FDCWD, path, 0644, conf.buf, conf.len, err);
}

/* The last line that is not empty, without "Error: ". */
static const char *last_line(struct strbuf *text)
{
	const char *line, *rest;

	strbuf_trim_end(text);
	line = strrchr(text->buf, '\n');
	line = line ? line + 1 : text->buf;
	rest = str_after(line, "Error: ");
	return rest ? rest : line;
}

/* Runs argv with a home of its own; the wait status is the program's, what it said is in text. */
static int run(const struct rpm_root *root, const struct strv *argv, struct strbuf *out,
	       struct strbuf *text, int *ret_exit, struct error *err)
{
	_cleanup_strv_ struct strv env = STRV_INIT;
	struct process_params p;
	int status, r;

	if (strv_addf(&env, "HOME=%s", root->dir) < 0)
		return error_oom(err);
	for (char **e = environ; *e; e++)
		if (!str_after(*e, "HOME=") && !str_after(*e, "LANG") && !str_after(*e, "LC_") &&
		    strv_add(&env, *e) < 0)
			return error_oom(err);
	process_params_preset(&p);
	p.path = argv->v[0];
	p.argv = argv->v;
	p.envp = env.v;
	/* dnf asks for the working directory's path, which the user may not be able to reach. */
	p.cwd = root->dir;
	r = process_run(&p, out, text, &status, err);
	if (r < 0)
		return error_prefix(err, RPM_NEEDED);
	*ret_exit = process_exit_code(status);
	return 0;
}

/* dnf download; url_only: only print what it would fetch. */
static int dnf(const struct rpm_root *root, bool url_only, struct strbuf *out, struct error *err)
{
	const struct source_spec *s = root->s;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strv_ struct strv argv = STRV_INIT;
	int r, code = 0;

	r = strv_adds(&argv, "dnf", "-q", "-y", NULL);
	r |= strv_addf(&argv, "--config=%s/dnf.conf", root->dir);
	r |= strv_addf(&argv, "--installroot=%s/root", root->dir);
	r |= strv_addf(&argv, "--releasever=%s", s->release ? s->release : "0");
	r |= strv_addf(&argv, "--forcearch=%s", root->env->arch);
	if (root->env->offline)
		r |= strv_add(&argv, "--cacheonly");
	r |= strv_adds(&argv, "download", "--resolve", "--alldeps", NULL);
	r |= url_only ? strv_add(&argv, "--url")
		      : strv_addf(&argv, "--destdir=%s/packages", root->dir);
	r |= strv_add(&argv, "--");
	for (size_t i = 0; i < s->packages.n; i++)
		r |= strv_add(&argv, s->packages.v[i]);
	if (r)
		return error_oom(err);
	r = run(root, &argv, out, &text, &code, err);
	if (r == 0 && code == 1 && strstr(text.buf, "No such command"))
		return error_set(err, -ENOENT, RPM_NEEDED);
	if (r == 0 && code)
		r = error_set(err, -EIO, "dnf: %.800s", last_line(&text));
	return r;
}

/* A key database that holds the recipe's keys and nothing else. */
static int import_keys(const struct rpm_root *root, struct error *err)
{
	_cleanup_free_ char *db = str_printf("%s/keys", root->dir);
	int r;

	if (!db)
		return error_oom(err);
	r = file_remove_tree(AT_FDCWD, db, err);
	if (r == 0)
		r = file_mkdir_p(AT_FDCWD, db, 0755, err);
	for (size_t i = 0; r == 0 && i < root->s->keys.n; i++) {
		_cleanup_free_ char *key = recipe_path(root->env, root->s->keys.v[i]);
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		_cleanup_strv_ struct strv argv = STRV_INIT;
		int code = 0;

		if (!key || strv_adds(&argv, "rpmkeys", "--dbpath", db, "--import", key, NULL) < 0)
			return error_oom(err);
		r = run(root, &argv, NULL, &text, &code, err);
		if (r == 0 && code)
			r = error_set(err, -EINVAL, "key '%s': %.500s", key, last_line(&text));
	}
	return r;
}

/* One package: its signature by one of the keys and its digests. */
static int check_signature(const struct rpm_root *root, const char *path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, text = STRBUF_INIT;
	_cleanup_free_ char *db = str_printf("%s/keys", root->dir);
	_cleanup_strv_ struct strv argv = STRV_INIT;
	const char *said;
	int code = 0, r;

	/* "all": both digests and a signature must be there, and right */
	if (!db || strv_adds(&argv, "rpmkeys", "--dbpath", db, "--define", "_pkgverify_level all",
			     "--checksig", path, NULL) < 0)
		return error_oom(err);
	r = run(root, &argv, &out, &text, &code, err);
	if (r < 0)
		return r;
	said = out.len ? str_after(last_line(&out), path) : NULL;
	if (code == 0 && str_eq(said, ": digests signatures OK"))
		return 0;
	return error_set(err, -EKEYREJECTED, "no good signature by a key of the recipe: %.300s",
			 said ? said + strspn(said, ": ") : last_line(&text));
}

static int query(const struct rpm_root *root, const char *path, struct rpm_info *ret,
		 struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, text = STRBUF_INIT;
	_cleanup_free_ char *db = str_printf("%s/keys", root->dir);
	_cleanup_strv_ struct strv argv = STRV_INIT;
	int code = 0, r;

	if (!db ||
	    strv_adds(&argv, "rpm", "--dbpath", db, "-qp", "--qf", RPM_QUERY, path, NULL) < 0)
		return error_oom(err);
	r = run(root, &argv, &out, &text, &code, err);
	if (r == 0 && code)
		return error_set(err, -EBADMSG, "rpm: %.300s", last_line(&text));
	return r < 0 ? r : rpm_parse_query(out.buf, root->s->plain_owners, ret, err);
}

static int take_package(const struct rpm_root *root, struct tree *t, const char *name,
			struct error *err)
{
	_cleanup_free_ char *path = str_printf("%s/packages/%s", root->dir, name);
	_cleanup_fd_ int fd = -1;
	struct rpm_info info;
	char hex[SHA_HEX_MAX];
	struct stat st;
	int r;

	if (!path)
		return error_oom(err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, -errno, "cannot open '%s'", path);
	if ((uint64_t)st.st_size > RPM_FILE_MAX)
		return error_set(err, -EFBIG, "has more than %llu bytes",
				 (unsigned long long)RPM_FILE_MAX);
	r = check_signature(root, path, err);
	if (r == 0)
		r = query(root, path, &info, err);
	if (r < 0)
		return r;
	if (strv_has(&root->s->omit, info.name))
		return 0;
	if (!str_eq(info.arch, root->env->arch) && !str_eq(info.arch, "noarch"))
		return error_set(err, -ENOEXEC, "is for %s, the image is for %s", info.arch,
				 root->env->arch);
	r = sha_hex_of_fd(SHA_KIND_256, fd, 0, UINT64_MAX, hex, err);
	if (r == 0)
		r = rpm_unpack_fd(t, fd, err);
	if (r == 0 &&
	    source_packages_add(root->env->packages, info.name, info.version, info.arch, hex) < 0)
		r = error_oom(err);
	return r;
}

static int rpm_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		    struct error *err)
{
	_cleanup_(rpm_root_release) struct rpm_root root = { .s = s, .env = env, .lock_fd = -1 };
	_cleanup_strbuf_ struct strbuf urls = STRBUF_INIT;
	_cleanup_strv_ struct strv names = STRV_INIT;
	int r;

	if (s->repositories.n > RPM_REPOS_MAX)
		return error_set(err, -E2BIG, "more than %d repositories", RPM_REPOS_MAX);
	r = root_open(&root, err);
	if (r == 0)
		r = dnf(&root, true, &urls, err);
	if (r == 0)
		r = rpm_parse_urls(urls.buf, &names, err);
	if (r == 0 && !env->offline)
		r = dnf(&root, false, NULL, err);
	if (r == 0)
		r = import_keys(&root, err);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		r = take_package(&root, t, names.v[i], err);
		if (r < 0)
			error_prefix(err, "package %s", names.v[i]);
	}
	return r;
}

const struct source_ops source_rpm = { "rpm", rpm_load };
