/* SPDX-License-Identifier: Apache-2.0 */
#include "source/apt.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"

void apt_files_release(struct apt_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].name);
	free(f->v);
	*f = (struct apt_files){ 0 };
}

/* The private root of one set of sources and one architecture. */
struct apt_root {
	char *dir;  /* CACHE/apt/ARCH-HASH */
	char *debs; /* CACHE/debs: shared, names are unique within a distribution */
	char *conf; /* DIR/apt.conf */
	int lock_fd;
	bool has_lists; /* `update` was done once with these sources */
};

static void apt_root_release(struct apt_root *a)
{
	free(a->dir);
	free(a->debs);
	free(a->conf);
	a->lock_fd = fd_close(a->lock_fd);
}

/*
 * How the host reaches mirrors (proxy, retries, dates that are not to be checked) is its administrator's knowledge, so
 * those settings are carried over; hooks, preferences and everything else are not.
 */
static bool host_setting_wanted(const char *line)
{
	static const char *const wanted[] = {
		"Acquire::http::",  "Acquire::https::",	    "Acquire::Check-Valid-Until ",
		"Acquire::Retries", "Acquire::Check-Date ", "Acquire::Max-ValidTime",
		"Acquire::ForceIPv"
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (str_after(line, wanted[i]))
			return true;
	return false;
}

static int add_host_settings(struct strbuf *conf, struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	char name[] = "apt-config", dump[] = "dump";
	char *const argv[] = { name, dump, NULL };
	struct process_params p;
	int status, r;
	char *next;

	process_params_preset(&p);
	p.path = argv[0];
	p.argv = argv;
	r = process_run(&p, &out, NULL, &status, err);
	if (r < 0)
		return error_prefix(err, "apt is needed to fetch Debian packages");
	if (process_exit_code(status) != 0)
		return error_set(err, -EIO, "apt-config dump failed with status %d",
				 process_exit_code(status));
	for (char *line = out.buf; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (host_setting_wanted(line) && strbuf_addf(conf, "%s\n", line) < 0)
			return error_oom(err);
	}
	return 0;
}

static int conf_text(const struct apt_root *a, const char *deb_arch, struct strbuf *c,
		     struct error *err)
{
	int r = add_host_settings(c, err);

	if (r < 0)
		return r;
	r = strbuf_addf(c,
			"Dir::State \"%1$s\";\n"
			"Dir::State::lists \"%1$s/lists\";\n"
			"Dir::State::status \"%1$s/status\";\n"
			"Dir::State::extended_states \"%1$s/extended_states\";\n"
			"Dir::Cache \"%1$s\";\n"
			"Dir::Cache::pkgcache \"%1$s/pkgcache.bin\";\n"
			"Dir::Cache::srcpkgcache \"%1$s/srcpkgcache.bin\";\n"
			"Dir::Cache::archives \"%2$s\";\n"
			"Dir::Log \"%1$s/log\";\n"
			"Dir::Etc::main \"/dev/null\";\n"
			"Dir::Etc::parts \"%1$s/empty\";\n"
			"Dir::Etc::preferences \"/dev/null\";\n"
			"Dir::Etc::preferencesparts \"%1$s/empty\";\n"
			"Dir::Etc::sourcelist \"%1$s/osbuilder.sources\";\n"
			"Dir::Etc::sourceparts \"%1$s/empty\";\n"
			"Dir::Etc::trusted \"/dev/null\";\n"
			"Dir::Etc::trustedparts \"%1$s/empty\";\n",
			a->dir, a->debs);
	r |= strbuf_addf(
		c,
		"APT::Architecture \"%1$s\";\n"
		"APT::Architectures { \"%1$s\"; };\n"
		"APT::Install-Recommends \"false\";\n"
		"APT::Get::Assume-Yes \"true\";\n"
		"APT::Get::AllowUnauthenticated \"false\";\n"
		"Acquire::AllowInsecureRepositories \"false\";\n"
		"Acquire::AllowWeakRepositories \"false\";\n"
		"Acquire::AllowDowngradeToInsecureRepositories \"false\";\n"
		"Acquire::ForceHash \"SHA256\";\n"
		"Acquire::Languages \"none\";\n"
		"Acquire::GzipIndexes \"true\";\n"
		"APT::Update::Error-Mode \"any\";\n"
		/* one lock of our own covers the whole fetch; apt's would need root's files */
		"Debug::NoLocking \"true\";\n"
		/* when root calls: stay root, the directories belong to the caller */
		"APT::Sandbox::User \"root\";\n",
		deb_arch);
	return r ? error_oom(err) : 0;
}

static int make_dirs(const char *dir, const char *const *subs, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *p = str_printf("%s/%s", dir, subs[i]);
		int r;

		if (!p)
			return error_oom(err);
		r = file_mkdir_p(AT_FDCWD, p, 0755, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_in(const char *dir, const char *name, const char *data, size_t len,
		    struct error *err)
{
	_cleanup_free_ char *p = str_printf("%s/%s", dir, name);

	if (!p)
		return error_oom(err);
	return file_write_atomic(AT_FDCWD, p, 0644, data, len, err);
}

static int take_lock(struct apt_root *a, const char *cache, struct error *err)
{
	_cleanup_free_ char *p = str_printf("%s/apt/lock", cache);

	if (!p)
		return error_oom(err);
	a->lock_fd = open(p, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (a->lock_fd < 0)
		return error_sys(err, -errno, "cannot open '%s'", p);
	while (flock(a->lock_fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return error_sys(err, -errno, "cannot lock '%s'", p);
	return 0;
}

static int apt_root_open(struct apt_root *a, const struct source_spec *s,
			 const struct source_env *env, struct error *err)
{
	static const char *const subs[] = { "lists/partial", "empty", "none/partial", "log" };
	static const char *const cache_subs[] = { "apt", "debs/partial" };
	const char *deb_arch = source_debian_arch(env->arch);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, conf = STRBUF_INIT;
	_cleanup_free_ char *stamp = NULL;
	char hex[SHA_HEX_MAX];
	int r;

	if (!deb_arch)
		return error_set(err, -EINVAL, "architecture '%s' has no Debian packages",
				 env->arch);
	/* the path is written into apt's configuration between quotes */
	if (strpbrk(env->cache_dir, "\"\\\n;") || env->cache_dir[0] != '/')
		return error_set(err, -EINVAL,
				 "cache directory '%s' has characters apt cannot take",
				 env->cache_dir);
	r = apt_sources_text(s, "/etc/apt", &text, err);
	if (r < 0)
		return r;
	if (sha_hex_of(SHA_KIND_256, text.buf, text.len, hex) < 0)
		return error_oom(err);
	a->dir = str_printf("%s/apt/%s-%.12s", env->cache_dir, deb_arch, hex);
	a->debs = str_printf("%s/debs", env->cache_dir);
	a->conf = a->dir ? str_printf("%s/apt.conf", a->dir) : NULL;
	stamp = a->dir ? str_printf("%s/lists.done", a->dir) : NULL;
	if (!a->debs || !a->conf || !stamp)
		return error_oom(err);
	r = make_dirs(env->cache_dir, cache_subs, ARRAY_SIZE(cache_subs), err);
	if (r == 0)
		r = make_dirs(a->dir, subs, ARRAY_SIZE(subs), err);
	if (r == 0)
		r = take_lock(a, env->cache_dir, err);
	if (r == 0)
		r = conf_text(a, deb_arch, &conf, err);
	if (r == 0)
		r = write_in(a->dir, "osbuilder.sources", text.buf, text.len, err);
	if (r == 0)
		r = write_in(a->dir, "status", "", 0, err);
	if (r == 0)
		r = write_in(a->dir, "apt.conf", conf.buf, conf.len, err);
	a->has_lists = access(stamp, F_OK) == 0;
	return r;
}

/* apt's own words: its last "E:" line, else the last line. */
static const char *last_error(char *text)
{
	char *best = NULL, *last = text, *next;

	for (char *line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (str_after(line, "E: "))
			best = line + 3;
		else if (*line)
			last = line;
	}
	return best ? best : last;
}

static int apt_get(const struct apt_root *a, const struct strv *args, struct strbuf *out,
		   struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strv_ struct strv argv = STRV_INIT, env = STRV_INIT;
	struct process_params p;
	int status, r;

	if (strv_add(&argv, "apt-get") < 0 || strv_add(&argv, "-qq") < 0 ||
	    strv_addf(&env, "APT_CONFIG=%s", a->conf) < 0 ||
	    strv_add(&env, "DEBIAN_FRONTEND=noninteractive") < 0)
		return error_oom(err);
	for (size_t i = 0; i < args->n; i++)
		if (strv_add(&argv, args->v[i]) < 0)
			return error_oom(err);
	for (char **e = environ; *e; e++)
		if (!str_after(*e, "APT_CONFIG=") && !str_after(*e, "LANG") &&
		    !str_after(*e, "LC_") && strv_add(&env, *e) < 0)
			return error_oom(err);
	process_params_preset(&p);
	p.path = "apt-get";
	p.argv = argv.v;
	p.envp = env.v;
	r = process_run(&p, out, &text, &status, err);
	if (r < 0)
		return error_prefix(err, "apt is needed to fetch Debian packages");
	if (process_exit_code(status) != 0)
		return error_set(err, -EIO, "apt: %s", last_error(text.buf));
	return 0;
}

int apt_parse_uris(const char *text, struct apt_files *ret, struct error *err)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		char name[256], size[32], hash[7 + 2 * SHA_SIZE_256 + 1];
		uint8_t digest[SHA_SIZE_256];
		const char *uri_end = memchr(line + 1, '\'', len ? len - 1 : 0);
		struct apt_file *f;

		if (*line == '\'') {
			if (!uri_end || sscanf(uri_end + 1, " %255[^ \n] %31[0-9] %71[^ \n]", name,
					       size, hash) != 3)
				return error_set(err, -EBADMSG,
						 "cannot understand apt's line '%.*s'",
						 (int)MIN(len, (size_t)200), line);
			if (strchr(name, '/') || !str_ends(name, ".deb"))
				return error_set(err, -EBADMSG, "apt names a file '%s'", name);
			if (!str_after(hash, "SHA256:") ||
			    hex_decode(digest, SHA_SIZE_256, hash + 7) < 0)
				return error_set(err, -EBADMSG, "apt has no SHA-256 for %s", name);
			if (ret->n >= SOURCE_PACKAGES_MAX)
				return error_set(err, -E2BIG, "more than %d packages",
						 SOURCE_PACKAGES_MAX);
			if (array_reserve(&ret->v, &ret->cap, ret->n + 1, sizeof(*ret->v)) < 0)
				return error_oom(err);
			f = &ret->v[ret->n];
			memcpy(f->sha256, hash + 7, sizeof(f->sha256));
			if (parse_u64(size, 10, &f->size) < 0)
				return error_set(err, -EBADMSG, "bad size of %s", name);
			f->name = strdup(name);
			if (!f->name)
				return error_oom(err);
			ret->n++;
		}
		line += len + (line[len] == '\n');
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct apt_file *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int add_names(struct strv *args, const struct source_spec *s, struct error *err)
{
	if (strv_add(args, "install") < 0 || strv_add(args, "--") < 0)
		return error_oom(err);
	for (size_t i = 0; i < s->packages.n; i++)
		if (strv_add(args, s->packages.v[i]) < 0)
			return error_oom(err);
	return 0;
}

static int update(const struct apt_root *a, struct error *err)
{
	_cleanup_strv_ struct strv args = STRV_INIT;
	int r;

	if (strv_add(&args, "update") < 0)
		return error_oom(err);
	r = apt_get(a, &args, NULL, err);
	return r < 0 ? r : write_in(a->dir, "lists.done", "", 0, err);
}

int apt_fetch(const struct source_spec *s, const struct source_env *env, struct apt_files *ret,
	      char **ret_dir, struct error *err)
{
	_cleanup_(apt_root_release) struct apt_root a = { .lock_fd = -1 };
	_cleanup_strv_ struct strv list = STRV_INIT, get = STRV_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int r;

	r = apt_root_open(&a, s, env, err);
	if (r < 0)
		return r;
	if (env->offline && !a.has_lists)
		return error_set(
			err, -ENOENT,
			"the cache has no package lists, and --offline forbids fetching them");
	if (!env->offline) {
		r = update(&a, err);
		if (r < 0)
			return r;
	}
	/* With an empty archive directory apt lists every file, not only those it would download. */
	if (strv_add(&list, "--print-uris") < 0 || strv_add(&list, "-o") < 0 ||
	    strv_addf(&list, "Dir::Cache::archives=%s/none", a.dir) < 0 ||
	    strv_add(&get, env->offline ? "--no-download" : "--download-only") < 0 ||
	    strv_add(&get, "--download-only") < 0)
		return error_oom(err);
	r = add_names(&list, s, err);
	if (r == 0)
		r = add_names(&get, s, err);
	if (r == 0)
		r = apt_get(&a, &list, &out, err);
	if (r == 0)
		r = apt_parse_uris(out.buf, ret, err);
	if (r == 0)
		r = apt_get(&a, &get, NULL, err);
	if (r < 0)
		return r;
	qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	*ret_dir = steal_ptr(a.debs);
	return 0;
}
