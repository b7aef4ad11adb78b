/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/cmd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include "base/alloc.h"
#include "base/file.h"

#define DEFAULT_FRAGMENTS "kernel/configs"

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* The files "*.conf" of a directory, in the order of their names. A missing directory has none. */
static int list_directory(const char *dir, struct strv *ret, struct error *err)
{
	_cleanup_(closedirp) DIR *d = opendir(dir);
	const struct dirent *e;

	if (!d)
		return errno == ENOENT ? 0 : error_sys(err, -errno, "cannot read %s", dir);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && str_ends(e->d_name, ".conf") &&
		    strv_addf(ret, "%s/%s", dir, e->d_name) < 0)
			return error_oom(err);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return 0;
}

static int load_directory(struct kconfig *kc, const char *dir, const struct strv *tags,
			  struct error *err)
{
	_cleanup_strv_ struct strv files = STRV_INIT;
	int r = list_directory(dir, &files, err);

	for (size_t i = 0; r == 0 && i < files.n; i++)
		r = kconfig_load_fragment(kc, files.v[i], tags, err);
	return r;
}

/* Common, architecture, build type. */
static int load_directories(struct kconfig *kc, const struct kconfig_options *opt,
			    const struct strv *tags, struct error *err)
{
	const char *top = opt->fragments ? opt->fragments : DEFAULT_FRAGMENTS;
	_cleanup_strv_ struct strv dirs = STRV_INIT;
	int r = 0;

	if (strv_addf(&dirs, "%s/common", top) < 0 ||
	    strv_addf(&dirs, "%s/%s", top, opt->arch) < 0 ||
	    (opt->type && strv_addf(&dirs, "%s/build-types/%s", top, opt->type) < 0))
		return error_oom(err);
	for (size_t i = 0; r == 0 && i < dirs.n; i++) {
		const size_t before = kc->n_files;

		r = load_directory(kc, dirs.v[i], tags, err);
		if (r == 0 && kc->n_files == before)
			return error_set(err, -ENOENT, "%s: no fragment (*.conf) for this kernel",
					 dirs.v[i]);
	}
	return r;
}

int cmd_load_fragments(const struct kconfig_options *opt, char *const *args, int n,
		       struct kconfig *ret, struct error *err)
{
	_cleanup_strv_ struct strv tags = STRV_INIT;
	int r = 0;

	if (strv_add(&tags, opt->arch) < 0 || (opt->type && strv_add(&tags, opt->type) < 0))
		return error_oom(err);
	if (opt->fragments || n == 0)
		r = load_directories(ret, opt, &tags, err);
	for (int i = 0; r == 0 && i < n; i++)
		r = kconfig_load_fragment(ret, args[i], &tags, err);
	return r < 0 ? r : kconfig_check_features(ret, err);
}

/* Prints the table and fails when there is anything in it. */
static int report(const struct kconfig *want, const struct kconfig *got, const char *what,
		  struct error *err)
{
	_cleanup_strbuf_ struct strbuf table = STRBUF_INIT;
	size_t bad;

	if (kconfig_compare(want, got, &table, &bad) < 0)
		return error_oom(err);
	if (bad == 0)
		return 0;
	fputs(table.buf, stderr);
	return error_set(err, -EBADMSG, "%s: %zu faults in %zu options of the fragments", what, bad,
			 want->n);
}

int cmd_merge(const struct kconfig_options *opt, char *const *args, int n, struct error *err)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int r;

	if (!opt->output)
		return error_set(err, -EINVAL, "merge needs -o OUT");
	r = cmd_load_fragments(opt, args, n, &kc, err);
	if (r == 0)
		r = report(&kc, NULL, "merge", err);
	if (r < 0)
		return r;
	if (strbuf_addstr(&out, "# Merged by kata-kconfig.\n") < 0 || kconfig_write(&kc, &out) < 0)
		return error_oom(err);
	return file_write_atomic(AT_FDCWD, opt->output, 0644, out.buf, out.len, err);
}

int cmd_check(const struct kconfig_options *opt, char *const *args, int n, struct error *err)
{
	_cleanup_kconfig_ struct kconfig want = KCONFIG_INIT, got = KCONFIG_INIT;
	int r;

	if (n < 1)
		return error_set(err, -EINVAL, "check needs a result (.config)");
	r = kconfig_load(&got, args[0], err);
	if (r == 0)
		r = cmd_load_fragments(opt, args + 1, n - 1, &want, err);
	return r < 0 ? r : report(&want, &got, args[0], err);
}
