/* SPDX-License-Identifier: Apache-2.0 */
#include "source/rpm.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "codec/toml.h"
#include "hint.h"
#include "source/fetch.h"
#include "source/owner.h"
#include "source/package.h"

#define CHECKSIG_GOOD	": digests signatures OK"
#define CHECKED_AT_ONCE 64 /* files in one run of rpmkeys */
#define RECORD		"resolved.toml"
#define RPM_RECORD_MAX	TOML_MAX_BYTES
#define RPM_KEY_MAX	(1u << 20) /* bytes of a file of keys */

#define RPM_NEEDED	"rpm sources need dnf, dnf-plugins-core and rpm to be installed"

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

/* Other keys are other wishes: what was accepted with some says nothing about others. */
static int add_keys(const struct rpm_root *root, struct strbuf *all, struct error *err)
{
	for (size_t i = 0; i < root->s->keys.n; i++) {
		_cleanup_strbuf_ struct strbuf key = STRBUF_INIT;
		int r = file_read(root->env->dirfd, root->s->keys.v[i], RPM_KEY_MAX, &key, err);

		if (r < 0)
			return error_prefix(err, "key");
		if (strbuf_addf(all, "key %zu\n", key.len) < 0 ||
		    strbuf_add(all, key.buf, key.len) < 0)
			return error_oom(err);
	}
	return 0;
}

static int make_name(struct rpm_root *root, struct error *err)
{
	const struct source_spec *s = root->s;
	const struct strv *const lists[] = { &s->repositories, &s->packages };
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
	char hex[SHA_HEX_MAX];
	int r = add_keys(root, &all, err);

	if (r < 0)
		return r;

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
		return error_hint(err, error_prefix(err, RPM_NEEDED), HINT_DNF);
	*ret_exit = process_exit_code(status);
	return 0;
}

enum dnf_mode {
	DNF_URLS,	 /* print what the packages and what they need would be fetched from */
	DNF_FETCH,	 /* fetch them */
	DNF_FETCH_THESE, /* fetch just these, as far as they are there */
};

/* dnf download */
static int dnf(const struct rpm_root *root, const struct strv *packages, enum dnf_mode mode,
	       struct strbuf *out, struct error *err)
{
	const struct source_spec *s = root->s;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strv_ struct strv argv = STRV_INIT;
	int r, code = 0;

	r = strv_adds(&argv, "dnf", "-q", "-y", NULL);
	/* metadata_expire=0 still lets what was fetched within this second pass for fresh. */
	if (mode == DNF_URLS)
		r |= strv_add(&argv, "--refresh");
	r |= strv_addf(&argv, "--config=%s/dnf.conf", root->dir);
	r |= strv_addf(&argv, "--installroot=%s/root", root->dir);
	r |= strv_addf(&argv, "--releasever=%s", s->release ? s->release : "0");
	r |= strv_addf(&argv, "--forcearch=%s", root->env->arch);
	if (mode == DNF_FETCH_THESE)
		r |= strv_adds(&argv, "--setopt=strict=0", "download", NULL);
	else
		r |= strv_adds(&argv, "download", "--resolve", "--alldeps", NULL);
	r |= mode == DNF_URLS ? strv_add(&argv, "--url")
			      : strv_addf(&argv, "--destdir=%s/packages", root->dir);
	r |= strv_add(&argv, "--");
	for (size_t i = 0; i < packages->n; i++)
		r |= strv_add(&argv, packages->v[i]);
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

/* Signatures by one of the keys, and digests, of the files names[0..n) below packages/. */
static int check_signatures(const struct rpm_root *root, char *const *names, size_t n,
			    struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, text = STRBUF_INIT;
	_cleanup_free_ char *db = str_printf("%s/keys", root->dir);
	_cleanup_strv_ struct strv argv = STRV_INIT;
	const char *line;
	int code = 0, r;

	/* "all": both digests and a signature must be there, and right */
	if (!db || strv_adds(&argv, "rpmkeys", "--dbpath", db, "--define", "_pkgverify_level all",
			     "--checksig", "--", NULL) < 0)
		return error_oom(err);
	for (size_t i = 0; i < n; i++)
		if (strv_addf(&argv, "packages/%s", names[i]) < 0)
			return error_oom(err);
	r = run(root, &argv, &out, &text, &code, err);
	if (r < 0)
		return r;
	line = out.buf ? out.buf : "";
	for (size_t i = 0; i < n; i++) { /* a line a file, in their order */
		const char *said = str_after(line, "packages/");
		size_t len = strcspn(line, "\n");

		said = said ? str_after(said, names[i]) : NULL;
		if (!said || len != (size_t)(said - line) + strlen(CHECKSIG_GOOD) ||
		    strncmp(said, CHECKSIG_GOOD, strlen(CHECKSIG_GOOD)) != 0) {
			said = said ? said + strspn(said, ": ") : last_line(&text);
			return error_set(err, -EKEYREJECTED,
					 "package %s: no good signature by a key of the recipe: "
					 "%.*s",
					 names[i], (int)MIN(strcspn(said, "\n"), (size_t)300),
					 said);
		}
		line += len + (line[len] == '\n');
	}
	return code ? error_set(err, -EKEYREJECTED, "rpmkeys: %.300s", last_line(&text)) : 0;
}

/* A fetched file, whose signature is good, goes to the store; *p says what it is. */
static int take_package(const struct rpm_root *root, const struct store *st, const char *name,
			struct lock_package *p, struct error *err)
{
	_cleanup_free_ char *path = str_printf("%s/packages/%s", root->dir, name);
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	_cleanup_fd_ int fd = -1;
	struct rpm_name what = { 0 };
	const void *map = NULL;
	char hex[SHA_HEX_MAX];
	struct rpm_header h;
	size_t len = 0, payload;
	int r;

	if (!path)
		return error_oom(err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, -errno, "cannot open '%s'", path);
	r = fetch_map(fd, RPM_FILE_MAX, &map, &len, err);
	if (r == 0)
		r = rpm_header_open(map, len, &h, &payload, err);
	if (r == 0)
		r = rpm_header_name(&h, &arena, &what, err);
	if (r == 0 && sha_hex_of(SHA_KIND_256, map, len, hex) < 0)
		r = error_set(err, -EIO, "cannot hash");
	if (map)
		munmap((void *)map, len);
	if (r < 0 || !what.name || !what.version || !what.arch)
		return r;
	p->name = strdup(what.name);
	p->version = strdup(what.version);
	p->arch = strdup(what.arch);
	p->path = strdup(name);
	p->size = len;
	memcpy(p->sha256, hex, sizeof(p->sha256));
	if (!p->name || !p->version || !p->arch || !p->path)
		return error_oom(err);
	r = store_add_fd(st, fd, p->sha256, p->size, err);
	if (r == 0)
		unlink(path); /* the store has it */
	return r;
}

static int take_packages(const struct rpm_root *root, const struct strv *names,
			 struct lock_packages *ret, struct error *err)
{
	_cleanup_store_ struct store st = STORE_INIT;
	int r = store_open(&st, root->env->cache_dir, err);

	if (r == 0)
		r = import_keys(root, err);
	for (size_t i = 0; r == 0 && i < names->n; i += CHECKED_AT_ONCE)
		r = check_signatures(root, names->v + i, MIN(names->n - i, (size_t)CHECKED_AT_ONCE),
				     err);
	for (size_t i = 0; r == 0 && i < names->n; i++) {
		struct lock_package *p = lock_packages_add(ret);

		r = p ? take_package(root, &st, names->v[i], p, err) : error_oom(err);
		if (r < 0)
			error_prefix(err, "package %s", names->v[i]);
	}
	return r;
}

/*
 * What was resolved and accepted last, in the form of a lock file: so that --offline needs neither dnf nor rpmkeys, and files that the
 * store has need not be fetched again.
 */
static int write_record(const struct rpm_root *root, const struct lock_packages *packages,
			struct error *err)
{
	_cleanup_free_ char *path = str_printf("%s/" RECORD, root->dir);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_lock_ struct lock l = { 0 };
	struct lock_source *s = lock_add_source(&l, root->s);
	int r;

	l.recipe = strdup("cache");
	l.arch = strdup(root->env->arch);
	if (!path || !s || !l.recipe || !l.arch)
		return error_oom(err);
	s->resolved = *packages; /* lent */
	r = lock_to_toml(&l, &text, err);
	s->resolved = (struct lock_packages){ 0 };
	return r < 0 ? r : file_write_atomic(AT_FDCWD, path, 0644, text.buf, text.len, err);
}

static int read_record(const struct rpm_root *root, struct lock_packages *ret, struct error *err)
{
	_cleanup_free_ char *path = str_printf("%s/" RECORD, root->dir);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_lock_ struct lock l = { 0 };
	int r = path ? file_read(AT_FDCWD, path, RPM_RECORD_MAX, &text, err) : error_oom(err);

	if (r == 0)
		r = lock_parse(text.buf, text.len, path, &l, err);
	if (r < 0)
		return r;
	if (l.n != 1 || !l.sources)
		return error_set(err, -EBADMSG, "'%s' is damaged", path);
	*ret = l.sources[0].resolved;
	l.sources[0].resolved = (struct lock_packages){ 0 };
	return 0;
}

/* What the store has is put where dnf would put it; dnf compares it with the repository's checksums and fetches what differs. */
static int lay_out(const struct rpm_root *root, const struct strv *names, struct error *err)
{
	_cleanup_(lock_packages_release) struct lock_packages had = { 0 };
	_cleanup_store_ struct store st = STORE_INIT;
	int r = store_open(&st, root->env->cache_dir, err);

	if (r < 0 || read_record(root, &had, NULL) < 0)
		return r;
	for (size_t i = 0; r == 0 && i < had.n; i++) {
		_cleanup_free_ char *path = NULL;
		struct store_map map = STORE_MAP_INIT;

		if (!strv_has(names, had.v[i].path) ||
		    store_map(&st, had.v[i].sha256, had.v[i].size, &map, NULL) < 0)
			continue;
		path = str_printf("%s/packages/%s", root->dir, had.v[i].path);
		r = path ? file_write_atomic(AT_FDCWD, path, 0644, map.data, map.len, err)
			 : error_oom(err);
		store_unmap(&map);
	}
	return r;
}

static int resolve_online(const struct rpm_root *root, struct lock_packages *ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf urls = STRBUF_INIT;
	_cleanup_strv_ struct strv names = STRV_INIT;
	int r = dnf(root, &root->s->packages, DNF_URLS, &urls, err);

	if (r == 0)
		r = rpm_parse_urls(urls.buf, &names, err);
	if (r == 0)
		r = lay_out(root, &names, err);
	if (r == 0)
		r = dnf(root, &root->s->packages, DNF_FETCH, NULL, err);
	if (r == 0)
		r = take_packages(root, &names, ret, err);
	if (r < 0)
		return r;
	lock_packages_sort(ret);
	return write_record(root, ret, err);
}

static int rpm_resolve(const struct source_spec *s, const struct source_env *env,
		       struct lock_packages *ret, struct error *err)
{
	_cleanup_(rpm_root_release) struct rpm_root root = { .s = s, .env = env, .lock_fd = -1 };
	int r = root_open(&root, err);

	if (r < 0)
		return r;
	if (!env->offline)
		return resolve_online(&root, ret, err);
	r = read_record(&root, ret, err);
	if (r != -ENOENT)
		return r;
	return error_hint(err,
			  error_set(err, r,
				    "the cache does not know the packages of these wishes, and "
				    "--offline forbids asking the repositories"),
			  HINT_OFFLINE);
}

/* Exactly these, without what they need. */
static int rpm_fetch(const struct source_spec *s, const struct source_env *env,
		     const struct store *st, const struct lock_package *const *want, size_t n,
		     struct error *err)
{
	_cleanup_(rpm_root_release) struct rpm_root root = { .s = s, .env = env, .lock_fd = -1 };
	_cleanup_free_ bool *done = new0_array(bool, n);
	_cleanup_strv_ struct strv wanted = STRV_INIT;
	struct error said = ERROR_INIT;
	int r = done ? root_open(&root, err) : error_oom(err);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (strv_addf(&wanted, "%s-%s.%s", want[i]->name, want[i]->version, want[i]->arch) <
		    0)
			r = error_oom(err);
	if (r == 0)
		r = dnf(&root, &wanted, DNF_FETCH_THESE, NULL, &said);
	if (r == -ENOENT || r == -ENOMEM)
		return error_set(err, r, "%s", said.msg);
	/* It may have failed because of one of them; which, is seen by what lies there. */
	for (size_t i = 0; (r == 0 || r == -EIO) && i < n; i++) {
		_cleanup_free_ char *path = str_printf("%s/packages/%s", root.dir, want[i]->path);
		_cleanup_fd_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

		if (!path)
			return error_oom(err);
		if (fd < 0)
			continue;
		r = store_add_fd(st, fd, want[i]->sha256, want[i]->size, err);
		unlink(path);
		done[i] = r == 0;
		r = r == -EBADMSG ? 0 : r;
	}
	if (r < 0 && r != -EIO)
		return r;
	return lock_packages_missing(want, done, n, said.code ? said.msg : NULL, err);
}

static int rpm_prepare(const struct source_spec *s, struct layer *const *layers,
		       const struct lock_package *const *packages, size_t n, struct tree *t,
		       struct error *err)
{
	return owner_resolve(layers, packages, n, t, s->plain_owners, err);
}

static const struct package_ops package_rpm = {
	.type = "rpm",
	.resolve = rpm_resolve,
	.fetch = rpm_fetch,
	.read = rpm_read,
	.prepare = rpm_prepare,
};

static int rpm_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		    struct error *err)
{
	return package_load(&package_rpm, s, env, t, err);
}

static int rpm_lock(const struct source_spec *s, const struct source_env *env,
		    struct lock_source *ret, struct error *err)
{
	return package_resolve(&package_rpm, s, env, &ret->resolved, err);
}

const struct source_ops source_rpm = {
	.name = "rpm", .load = rpm_load, .lock = rpm_lock, .tells_stages = true
};
