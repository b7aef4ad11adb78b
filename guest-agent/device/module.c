/* SPDX-License-Identifier: Apache-2.0 */
#include "device/module.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"

#define MODULES_DIR "/lib/modules"
/* include/uapi/linux/module.h, since Linux 5.17: the kernel takes the compression off itself. */
#define INIT_COMPRESSED 4

bool module_name_ok(const char *name)
{
	size_t n = strlen(name);

	return n && n <= MODULE_NAME_MAX && name[0] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
		       n;
}

/* "kernel/net/foo-bar.ko.xz" is the file of "foo_bar". */
static bool is_file_of(const char *path, size_t len, const char *name)
{
	const char *base = path;

	for (size_t i = 0; i < len; i++)
		if (path[i] == '/')
			base = path + i + 1;
	for (; *name; name++, base++)
		if (base >= path + len ||
		    (*base == '-' ? '_' : *base) != (*name == '-' ? '_' : *name))
			return false;
	return (size_t)(path + len - base) >= 3 && memcmp(base, ".ko", 3) == 0;
}

/* "FILE: NEEDED NEEDED...", where the last needed has to come first. */
static int read_line(const char *line, size_t len, struct strv *ret)
{
	const char *colon = memchr(line, ':', len), *end = line + len;
	int r = 0;

	while (r == 0 && end > colon + 1) {
		const char *p = end;

		while (p > colon + 1 && p[-1] != ' ')
			p--;
		if (end > p)
			r = strv_addf(ret, "%.*s", (int)(end - p), p);
		end = p > colon + 1 ? p - 1 : p;
	}
	return r < 0 ? r : strv_addf(ret, "%.*s", (int)(colon - line), line);
}

int module_files(const char *dep, const char *name, struct strv *ret)
{
	for (const char *line = dep; *line;) {
		size_t len = strcspn(line, "\n");
		const char *colon = memchr(line, ':', len);

		if (colon && is_file_of(line, (size_t)(colon - line), name))
			return read_line(line, len, ret);
		line += len;
		if (*line)
			line++;
	}
	return -ENOENT;
}

static int load_file(const char *dir, const char *file, const char *params, struct error *err)
{
	_cleanup_free_ char *path = str_printf("%s/%s", dir, file);
	_cleanup_fd_ int fd = -1;

	if (!path)
		return error_oom(err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, -errno, "cannot open %s", path);
	if (syscall(SYS_finit_module, fd, params, str_ends(file, ".ko") ? 0 : INIT_COMPRESSED) <
		    0 &&
	    errno != EEXIST)
		return error_sys(err, -errno, "cannot load %s", path);
	return 0;
}

static bool built_in(const char *dir, const char *name)
{
	_cleanup_free_ char *path = str_printf("%s/modules.builtin", dir);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (!path || file_read(AT_FDCWD, path, MODULES_DEP_MAX, &text, NULL) < 0)
		return false;
	for (const char *line = text.buf; *line;) {
		size_t len = strcspn(line, "\n");

		if (is_file_of(line, len, name))
			return true;
		line += len + (line[len] != '\0');
	}
	return false;
}

static int load_by_dep(const char *name, char *const *params, size_t n, struct error *err)
{
	_cleanup_strbuf_ struct strbuf dep = STRBUF_INIT, line = STRBUF_INIT;
	_cleanup_strv_ struct strv files = STRV_INIT;
	char dir[sizeof(MODULES_DIR) + sizeof(((struct utsname *)0)->release) + 1], path[192];
	struct utsname un;
	int r;

	if (uname(&un) < 0)
		return error_sys(err, -errno, "uname");
	snprintf(dir, sizeof(dir), MODULES_DIR "/%s", un.release);
	if (built_in(dir, name))
		return 0;
	snprintf(path, sizeof(path), "%s/modules.dep", dir);
	r = file_read(AT_FDCWD, path, MODULES_DEP_MAX, &dep, NULL);
	if (r == 0)
		r = module_files(dep.buf, name, &files);
	if (r < 0)
		return error_set(err, r, "there is no such module in %s", dir);
	for (size_t i = 0; i < n; i++)
		if (strbuf_addf(&line, "%s%s", i ? " " : "", params[i]) < 0)
			return error_oom(err);
	for (size_t i = 0; r == 0 && i < files.n; i++)
		r = load_file(dir, files.v[i], i + 1 == files.n ? line.buf : "", err);
	return r;
}

static int load_by_modprobe(const char *modprobe, const char *name, char *const *params, size_t n,
			    struct error *err)
{
	_cleanup_strv_ struct strv argv = STRV_INIT;
	_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
	struct process_params p;
	int status = 0, r;

	/* After "--" nothing is an option. */
	if (strv_adds(&argv, modprobe, "--", name, NULL) < 0)
		return error_oom(err);
	for (size_t i = 0; i < n; i++)
		if (strv_add(&argv, params[i]) < 0)
			return error_oom(err);
	process_params_preset(&p);
	p.path = modprobe;
	p.argv = argv.v;
	r = process_run(&p, NULL, &said, &status, err);
	if (r < 0 || status == 0)
		return r;
	strbuf_trim_end(&said);
	return error_set(err, -EIO, "%s", *said.buf ? said.buf : "modprobe failed");
}

int module_load(const char *name, char *const *params, size_t n_params, struct error *err)
{
	static const char *const programs[] = { "/sbin/modprobe", "/usr/sbin/modprobe" };
	int r;

	if (!module_name_ok(name))
		return error_set(err, -EINVAL, "\"%.64s\" is not the name of a kernel module",
				 name);
	if (n_params > MODULE_PARAMS_MAX)
		return error_set(err, -EINVAL, "kernel module \"%s\": more than %d parameters",
				 name, MODULE_PARAMS_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		if (access(programs[i], X_OK) < 0)
			continue;
		r = load_by_modprobe(programs[i], name, params, n_params, err);
		return r < 0 ? error_prefix(err, "kernel module \"%s\"", name) : 0;
	}
	r = load_by_dep(name, params, n_params, err);
	return r < 0 ? error_prefix(err, "kernel module \"%s\"", name) : 0;
}
