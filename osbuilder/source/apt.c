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
#include "hint.h"
#include "source/watch.h"

/* libapt's helper program of the package apt; downloads single files and checks their hashes. */
#define APT_HELPER	  "/usr/lib/apt/apt-helper"
#define DOWNLOADS_AT_ONCE 256 /* files in one call: keeps the command line well below ARG_MAX */

/* The private root of one set of sources and one architecture. */
struct apt_root {
	char *dir;		   /* CACHE/apt/ARCH-HASH */
	char *conf;		   /* DIR/apt.conf */
	struct strv suites, bases; /* suites that have a mirror; URIs of the mirrors */
	int lock_fd;
	bool has_lists; /* `update` was done once with these sources */
};

static void apt_root_release(struct apt_root *a)
{
	free(a->dir);
	free(a->conf);
	strv_release(&a->suites);
	strv_release(&a->bases);
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
		return error_hint(err, error_prefix(err, "apt is needed to fetch Debian packages"),
				  HINT_APT);
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
			/* always empty: so apt lists every file, not only those it lacks */
			"Dir::Cache::archives \"%1$s/none\";\n"
			"Dir::Log \"%1$s/log\";\n"
			"Dir::Etc::main \"/dev/null\";\n"
			"Dir::Etc::parts \"%1$s/empty\";\n"
			"Dir::Etc::preferences \"/dev/null\";\n"
			"Dir::Etc::preferencesparts \"%1$s/empty\";\n"
			"Dir::Etc::sourcelist \"%1$s/osbuilder.sources\";\n"
			"Dir::Etc::sourceparts \"%1$s/empty\";\n"
			"Dir::Etc::trusted \"/dev/null\";\n"
			"Dir::Etc::trustedparts \"%1$s/empty\";\n",
			a->dir);
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

/* A file that has this content already keeps its time: apt would make its cache of the package lists anew. */
static int write_in(const char *dir, const char *name, const char *data, size_t len,
		    struct error *err)
{
	_cleanup_free_ char *p = str_printf("%s/%s", dir, name);
	_cleanup_strbuf_ struct strbuf old = STRBUF_INIT;

	if (!p)
		return error_oom(err);
	if (file_read(AT_FDCWD, p, len, &old, NULL) == 0 && old.len == len &&
	    memcmp(old.buf, data, len) == 0)
		return 0;
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
	static const char *const cache_subs[] = { "apt" };
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
	a->conf = a->dir ? str_printf("%s/apt.conf", a->dir) : NULL;
	stamp = a->dir ? str_printf("%s/lists.done", a->dir) : NULL;
	if (!a->conf || !stamp)
		return error_oom(err);
	r = apt_field_words(text.buf, "Suites:", &a->suites, err);
	if (r == 0)
		r = apt_base_uris(text.buf, &a->bases, err);
	if (r < 0)
		return r;
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

/* apt's own words: its first "E:" line, which is the cause of the others, else the last line. */
static const char *first_error(char *text)
{
	char *best = NULL, *last = text, *next;

	for (char *line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!best && str_after(line, "E: "))
			best = line + 3;
		else if (*line)
			last = line;
	}
	return best ? best : last;
}

static const char *hint_of(const char *said)
{
	if (strstr(said, "NO_PUBKEY") || strstr(said, "is not signed"))
		return HINT_KEYRING;
	return strstr(said, "Failed to fetch") || strstr(said, "resolv") ? HINT_NETWORK : NULL;
}

/* Runs one of apt's programs with the private root's configuration. */
static int apt_run(const struct apt_root *a, const char *program, const struct strv *args,
		   struct strbuf *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strv_ struct strv argv = STRV_INIT, env = STRV_INIT;
	struct process_params p;
	const char *hint;
	int status, r;

	if (strv_add(&argv, program) < 0 || strv_add(&argv, "-qq") < 0 ||
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
	p.path = program;
	p.argv = argv.v;
	p.envp = env.v;
	r = process_run(&p, out, &text, &status, err);
	if (r < 0)
		return error_hint(err, error_prefix(err, "apt is needed to fetch Debian packages"),
				  HINT_APT);
	if (process_exit_code(status) == 0)
		return 0;
	hint = hint_of(text.buf); /* first_error() cuts the text into lines */
	return error_hint(err, error_set(err, -EIO, "apt: %s", first_error(text.buf)), hint);
}

/* What follows the base; NULL when the URI does not start with it. apt writes "file:///x" as "file:/x". */
static const char *after_base(const char *uri, const char *base)
{
	const char *rest = str_after(uri, base), *slashes = strstr(base, ":///");
	size_t scheme;

	if (rest || !slashes)
		return rest;
	scheme = (size_t)(slashes + 1 - base);
	return strncmp(uri, base, scheme) == 0 ? str_after(uri + scheme, slashes + 3) : NULL;
}

/* The part of the URI behind the longest base that it starts with; NULL for none. */
static const char *path_below(const char *uri, const struct strv *bases)
{
	const char *best = NULL;

	for (size_t i = 0; i < bases->n; i++) {
		const char *rest = after_base(uri, bases->v[i]);

		if (rest && *rest == '/') {
			rest += strspn(rest, "/");
			if (!best || strlen(rest) < strlen(best))
				best = rest;
		}
	}
	return best;
}

/* "name_version_arch.deb" */
static int split_file_name(const char *file, struct lock_package *p, struct error *err)
{
	const char *v = strchr(file, '_'), *a = v ? strchr(v + 1, '_') : NULL;
	size_t len = strlen(file);
	char *d;

	if (strchr(file, '/') || !str_ends(file, ".deb"))
		return error_set(err, -EBADMSG, "apt names a file '%s'", file);
	if (!a || v == file || a == v + 1 || a + 1 == file + len - 4)
		return error_set(err, -EBADMSG, "cannot understand the file name '%s'", file);
	p->name = mem_dup0(file, (size_t)(v - file));
	p->version = mem_dup0(v + 1, (size_t)(a - v - 1));
	p->arch = mem_dup0(a + 1, (size_t)(file + len - 4 - a - 1));
	if (!p->name || !p->version || !p->arch)
		return error_oom(err);
	d = strstr(p->version, "%3a");
	if (d) {
		*d = ':';
		memmove(d + 1, d + 3, strlen(d + 3) + 1);
	}
	return 0;
}

static int parse_uri_line(const char *line, size_t len, const struct strv *bases,
			  struct lock_packages *ret, struct error *err)
{
	const char *uri_end = memchr(line + 1, '\'', len ? len - 1 : 0), *path;
	char name[256], size[32], hash[7 + STORE_SHA_LEN + 1];
	uint8_t digest[SHA_SIZE_256];
	struct lock_package *p;
	int r;

	if (!uri_end ||
	    sscanf(uri_end + 1, " %255[^ \n] %31[0-9] %71[^ \n]", name, size, hash) != 3)
		return error_set(err, -EBADMSG, "cannot understand apt's line '%.*s'",
				 (int)MIN(len, (size_t)200), line);
	if (ret->n >= SOURCE_PACKAGES_MAX)
		return error_set(err, -E2BIG, "more than %d packages", SOURCE_PACKAGES_MAX);
	p = lock_packages_add(ret);
	if (!p)
		return error_oom(err);
	r = split_file_name(name, p, err);
	if (r < 0)
		return r;
	if (!str_after(hash, "SHA256:") || hex_decode(digest, SHA_SIZE_256, hash + 7) < 0)
		return error_set(err, -EBADMSG, "apt has no SHA-256 for %s", name);
	hex_encode(p->sha256, digest, SHA_SIZE_256);
	if (parse_u64(size, 10, &p->size) < 0 || !p->size || p->size > STORE_FILE_MAX)
		return error_set(err, -EBADMSG, "bad size of %s", name);
	p->uri = mem_dup0(line + 1, (size_t)(uri_end - line - 1));
	if (!p->uri)
		return error_oom(err);
	path = path_below(p->uri, bases);
	p->path = path ? strdup(path) : NULL;
	return p->path || !path ? 0 : error_oom(err);
}

int apt_parse_uris(const char *text, const struct strv *bases, struct lock_packages *ret,
		   struct error *err)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (*line == '\'') {
			int r = parse_uri_line(line, len, bases, ret, err);

			if (r < 0)
				return r;
		}
		line += len + (line[len] == '\n');
	}
	lock_packages_sort(ret);
	return 0;
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

/*
 * apt passes over a suite whose Release file does not name the architecture. What is then missing would go unseen: it may be
 * the security updates.
 */
static int check_suites(const struct apt_root *a, const char *arch, struct error *err)
{
	static const char *const words[] = { "indextargets", "--format", "$(RELEASE)",
					     "Created-By: Packages" };
	_cleanup_strv_ struct strv args = STRV_INIT, have = STRV_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strv_add(&args, words[i]) < 0)
			return error_oom(err);
	r = apt_run(a, "apt-get", &args, &out, err);
	for (char *save = NULL, *w = out.buf ? strtok_r(out.buf, "\n", &save) : NULL; r == 0 && w;
	     w = strtok_r(NULL, "\n", &save))
		r = strv_add(&have, w) < 0 ? error_oom(err) : 0;
	for (size_t i = 0; r == 0 && i < a->suites.n; i++)
		if (!strv_has(&have, a->suites.v[i]))
			r = error_set(err, -ENOENT,
				      "suite '%s' has no packages for %s (the recipe may leave "
				      "it out in [source.arch.%s])",
				      a->suites.v[i], arch, arch);
	return r;
}

static int update(const struct apt_root *a, const char *arch, struct error *err)
{
	_cleanup_strv_ struct strv args = STRV_INIT;
	int r;

	if (strv_add(&args, "update") < 0)
		return error_oom(err);
	r = apt_run(a, "apt-get", &args, NULL, err);
	if (r == 0)
		r = check_suites(a, arch, err);
	return r < 0 ? r : write_in(a->dir, "lists.done", "", 0, err);
}

int apt_resolve(const struct source_spec *s, const struct source_env *env,
		struct lock_packages *ret, struct error *err)
{
	_cleanup_(apt_root_release) struct apt_root a = { .lock_fd = -1 };
	_cleanup_strv_ struct strv list = STRV_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int r;

	r = apt_root_open(&a, s, env, err);
	if (r < 0)
		return r;
	if (env->offline && !a.has_lists)
		return error_hint(
			err,
			error_set(err, -ENOENT,
				  "the cache has no package lists, and --offline forbids fetching "
				  "them"),
			HINT_OFFLINE);
	if (!env->offline) {
		r = update(&a, env->arch, err);
		if (r < 0)
			return r;
	}
	if (strv_add(&list, "--print-uris") < 0)
		return error_oom(err);
	r = add_names(&list, s, err);
	if (r == 0)
		r = apt_run(&a, "apt-get", &list, &out, err);
	return r < 0 ? r : apt_parse_uris(out.buf, &a.bases, ret, err);
}

/* What is still wanted, and how often it was met. */
struct download {
	const struct apt_root *a;
	const struct store *st;
	const struct lock_package *const *want;
	bool *done;
	size_t n;
	char *dir; /* where apt puts files */
	struct progress *progress;
	struct error apt_said;
};

/* A file is there; `told` bytes of this and others were told while they came. */
static void add_fetched(const struct download *d, uint64_t size, uint64_t *told)
{
	uint64_t part = MIN(size, *told);

	*told -= part;
	progress_add(d->progress, PROGRESS_FETCH, 1, size - part);
}

/* One call of apt-helper for up to DOWNLOADS_AT_ONCE files from `first` on; base NULL: their own URIs. Returns where to go on. */
static int download_some(struct download *d, const char *base, size_t *first, struct error *err)
{
	_cleanup_strv_ struct strv args = STRV_INIT;
	size_t i, begin = *first, n = 0;
	uint64_t told;
	struct watch w;
	int r = strv_add(&args, "download-file");

	for (i = begin; r == 0 && i < d->n && n < DOWNLOADS_AT_ONCE; i++) {
		const struct lock_package *p = d->want[i];

		if (d->done[i] || (base ? !p->path : !p->uri))
			continue;
		r |= base ? strv_addf(&args, "%s/%s", base, p->path) : strv_add(&args, p->uri);
		r |= strv_addf(&args, "%s/%s", d->dir, p->sha256);
		r |= strv_addf(&args, "SHA256:%s", p->sha256);
		n++;
	}
	*first = i;
	if (r)
		return error_oom(err);
	if (!n)
		return 0;
	/* It fails when one of the files cannot be had; which, is seen by what lies there. */
	watch_begin(&w, d->progress, PROGRESS_FETCH, d->dir);
	r = apt_run(d->a, APT_HELPER, &args, NULL, &d->apt_said);
	told = watch_end(&w);
	if (r == -ENOENT || r == -ENOMEM)
		return error_set(err, r, "%s", d->apt_said.msg);
	for (i = begin; i < *first; i++) {
		_cleanup_free_ char *path = str_printf("%s/%s", d->dir, d->want[i]->sha256);
		_cleanup_fd_ int fd = -1;

		if (!path)
			return error_oom(err);
		fd = d->done[i] ? -1 : open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		r = store_add_fd(d->st, fd, d->want[i]->sha256, d->want[i]->size, err);
		if (r < 0 && r != -EBADMSG)
			return r;
		d->done[i] = r == 0;
		if (d->done[i])
			add_fetched(d, d->want[i]->size, &told);
		unlink(path);
	}
	return 0;
}

static int download_all(struct download *d, struct error *err)
{
	for (size_t k = 0; k <= d->a->bases.n; k++)
		for (size_t i = 0; i < d->n;) {
			int r = download_some(d, k ? d->a->bases.v[k - 1] : NULL, &i, err);

			if (r < 0)
				return r;
		}
	return 0;
}

int apt_download(const struct source_spec *s, const struct source_env *env, const struct store *st,
		 const struct lock_package *const *want, size_t n, struct error *err)
{
	_cleanup_(apt_root_release) struct apt_root a = { .lock_fd = -1 };
	_cleanup_free_ bool *done = new0_array(bool, n);
	_cleanup_free_ char *dir = NULL;
	struct download d = {
		.a = &a, .st = st, .want = want, .done = done, .n = n, .progress = env->progress
	};
	int r = done ? apt_root_open(&a, s, env, err) : error_oom(err);

	if (r < 0)
		return r;
	d.dir = dir = str_printf("%s/fetch", a.dir);
	if (!dir)
		return error_oom(err);
	r = file_remove_tree(AT_FDCWD, dir, err);
	if (r == 0)
		r = file_mkdir_p(AT_FDCWD, dir, 0755, err);
	if (r == 0)
		r = download_all(&d, err);
	if (r == 0)
		r = lock_packages_missing(want, done, n, d.apt_said.code ? d.apt_said.msg : NULL,
					  err);
	file_remove_tree(AT_FDCWD, dir, NULL);
	return r;
}
