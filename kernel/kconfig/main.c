/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/strv.h"
#include "kconfig/kconfig.h"
#include "kconfig/kernel_elf.h"
#include "kconfig/manifest.h"

/* kata-kconfig: merges kernel configuration fragments, checks what Kconfig made of them, and inspects the built kernel. */

#define SERIES_MAX 65536 /* bytes of patches/SERIES/series */

static const char usage[] =
	"Usage: kata-kconfig merge -o OUT FRAGMENT...\n"
	"       kata-kconfig check RESULT FRAGMENT...\n"
	"       kata-kconfig inspect [OPTION]... VMLINUX\n"
	"\n"
	"merge writes the options of all fragments to OUT; an option that two of them set differently is an error.\n"
	"check fails with a table unless RESULT (a .config) has every option of the fragments with its value.\n"
	"inspect prints the version of a kernel and fails unless it is an ELF file of the wanted architecture that can be\n"
	"booted directly (for x86_64: with the PVH entry note).\n"
	"\n"
	"  -a, --arch=ARCH             wanted architecture (default x86_64)\n"
	"  -o, --output=FILE           merge: the result; inspect: write the manifest there\n"
	"  -c, --config=FILE           inspect: the kernel's .config, for the manifest\n"
	"  -p, --patches=FILE          inspect: the series file of the patches applied, for the manifest\n"
	"  -k, --kernel-version=TEXT   inspect: version of the source; the kernel's own must start with it\n"
	"  -n, --config-version=N      inspect: version of the configuration\n"
	"  -h, --help\n";

struct options {
	const char *arch, *output, *config, *patches, *version;
	uint32_t config_version;
};

static int load_all(struct kconfig *kc, char *const *paths, int n, struct error *err)
{
	for (int i = 0; i < n; i++) {
		int r = kconfig_load(kc, paths[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int cmd_merge(const struct options *opt, char *const *args, int n, struct error *err)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int r;

	if (!opt->output || n < 1)
		return error_set(err, -EINVAL, "merge needs -o OUT and at least one fragment");
	r = load_all(&kc, args, n, err);
	if (r < 0)
		return r;
	if (strbuf_addstr(&out, "# Merged by kata-kconfig.\n") < 0 || kconfig_write(&kc, &out) < 0)
		return error_oom(err);
	return file_write_atomic(AT_FDCWD, opt->output, 0644, out.buf, out.len, err);
}

static int cmd_check(const struct options *opt, char *const *args, int n, struct error *err)
{
	_cleanup_kconfig_ struct kconfig want = KCONFIG_INIT, got = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf table = STRBUF_INIT;
	size_t bad;
	int r;

	if (n < 2)
		return error_set(err, -EINVAL, "check needs a result and at least one fragment");
	r = kconfig_load(&got, args[0], err);
	if (r < 0)
		return r;
	r = load_all(&want, args + 1, n - 1, err);
	if (r < 0)
		return r;
	if (kconfig_compare(&want, &got, &table, &bad) < 0)
		return error_oom(err);
	if (bad == 0)
		return 0;
	fputs(table.buf, stderr);
	return error_set(err, -EBADMSG, "%s: %zu of %zu options differ from the fragments", args[0],
			 bad, want.n);
}

/* The names of a series file: one a line, '#' starts a comment. */
static int load_series(const char *path, struct strv *names, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = file_read(AT_FDCWD, path, SERIES_MAX, &text, err);

	if (r < 0)
		return r;
	for (char *l = text.buf, *next; l && *l; l = next) {
		next = strchr(l, '\n');
		if (next)
			*next++ = '\0';
		if (*l && *l != '#' && strv_add(names, l) < 0)
			return error_oom(err);
	}
	return 0;
}

static int write_manifest(const struct options *opt, int fd, struct error *err)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_strv_ struct strv patches = STRV_INIT;
	struct kernel_manifest m = { .arch = opt->arch,
				     .version = opt->version,
				     .config_version = opt->config_version,
				     .options = &kc };
	int r = opt->config ? kconfig_load(&kc, opt->config, err) : 0;

	if (r < 0)
		return r;
	r = opt->patches ? load_series(opt->patches, &patches, err) : 0;
	if (r < 0)
		return r;
	m.patches = patches.v;
	m.n_patches = patches.n;
	r = kernel_manifest_write(&m, fd, &out, err);
	if (r < 0)
		return r;
	return file_write_atomic(AT_FDCWD, opt->output, 0644, out.buf, out.len, err);
}

static int judge(const struct options *opt, const struct kernel_elf *k, struct error *err)
{
	const char *arch = kernel_elf_arch(k->machine);

	if (!str_eq(arch, opt->arch))
		return error_set(err, -EBADMSG, "is a kernel for %s (ELF machine %u), not for %s",
				 arch ? arch : "an unknown architecture", (unsigned int)k->machine,
				 opt->arch);
	if (!k->release[0])
		return error_set(err, -EBADMSG, "has no Linux version string");
	if (opt->version && !str_after(k->release, opt->version))
		return error_set(err, -EBADMSG, "is version %s, not %s", k->release, opt->version);
	if (str_eq(arch, "x86_64") && !k->pvh)
		return error_set(err, -EBADMSG,
				 "has no PVH entry note (was it built with CONFIG_PVH=y?)");
	return 0;
}

static int cmd_inspect(const struct options *opt, char *const *args, int n, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct kernel_elf k;
	int r;

	if (n != 1)
		return error_set(err, -EINVAL, "inspect needs one kernel");
	fd = open(args[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, -errno, "cannot open %s", args[0]);
	r = kernel_elf_read(fd, &k, err);
	if (r == 0)
		r = judge(opt, &k, err);
	if (r == 0 && opt->output)
		r = write_manifest(opt, fd, err);
	if (r < 0)
		return error_prefix(err, "%s", args[0]);
	puts(k.banner);
	return 0;
}

static int parse_options(int argc, char **argv, struct options *opt, struct error *err)
{
	static const struct option longs[] = {
		{ "arch", required_argument, NULL, 'a' },
		{ "output", required_argument, NULL, 'o' },
		{ "config", required_argument, NULL, 'c' },
		{ "patches", required_argument, NULL, 'p' },
		{ "kernel-version", required_argument, NULL, 'k' },
		{ "config-version", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "a:o:c:p:k:n:h", longs, NULL)) != -1) {
		if (c == 'a')
			opt->arch = optarg;
		else if (c == 'o')
			opt->output = optarg;
		else if (c == 'c')
			opt->config = optarg;
		else if (c == 'p')
			opt->patches = optarg;
		else if (c == 'k')
			opt->version = optarg;
		else if (c == 'n' && parse_u32(optarg, 10, &opt->config_version) < 0)
			return error_set(err, -EINVAL, "--config-version: '%s' is not a number",
					 optarg);
		else if (c == 'h')
			return 1;
		else if (c == '?')
			return error_set(err, -EINVAL, "try kata-kconfig --help");
	}
	return 0;
}

static int run(const struct options *opt, char *const *args, int n, struct error *err)
{
	static const struct {
		const char *name;
		int (*fn)(const struct options *, char *const *, int, struct error *);
	} commands[] = {
		{ "merge", cmd_merge },
		{ "check", cmd_check },
		{ "inspect", cmd_inspect },
	};

	for (size_t i = 0; n > 0 && i < ARRAY_SIZE(commands); i++) {
		if (str_eq(args[0], commands[i].name))
			return commands[i].fn(opt, args + 1, n - 1, err);
	}
	return error_set(err, -EINVAL, "no such command; try kata-kconfig --help");
}

int main(int argc, char **argv)
{
	struct options opt = { .arch = "x86_64" };
	struct error err = ERROR_INIT;
	int r = parse_options(argc, argv, &opt, &err);

	if (r > 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (r == 0)
		r = run(&opt, argv + optind, argc - optind, &err);
	if (r < 0)
		fprintf(stderr, "kata-kconfig: %s\n", error_text(&err));
	return r < 0 ? 1 : 0;
}
