/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/cmd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "kconfig/kernel_elf.h"
#include "kconfig/manifest.h"

#define SERIES_MAX 65536 /* bytes of patches/SERIES/series */

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

static int write_manifest(const struct kconfig_options *opt, int fd, struct error *err)
{
	const char *boot_file = opt->boot_file;
	_cleanup_fd_ int boot_fd = boot_file ? open(boot_file, O_RDONLY | O_CLOEXEC) : -1;
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT, ours = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_strv_ struct strv patches = STRV_INIT;
	struct kernel_manifest m = { .arch = opt->arch,
				     .version = opt->version,
				     .config_version = opt->config_version,
				     .options = &kc,
				     .ours = &ours,
				     .boot_fd = boot_file ? boot_fd : fd };
	int r = opt->config ? kconfig_load(&kc, opt->config, err) : 0;

	if (boot_file && boot_fd < 0)
		return error_sys(err, -errno, "cannot open %s", boot_file);
	if (r == 0 && opt->fragments)
		r = cmd_load_fragments(opt, NULL, 0, &ours, err);
	if (r == 0 && opt->patches)
		r = load_series(opt->patches, &patches, err);
	if (r < 0)
		return r;
	m.patches = patches.v;
	m.n_patches = patches.n;
	r = kernel_manifest_write(&m, fd, &out, err);
	if (r < 0)
		return r;
	return file_write_atomic(AT_FDCWD, opt->output, 0644, out.buf, out.len, err);
}

static int judge(const struct kconfig_options *opt, const struct kernel_elf *k, struct error *err)
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
	/* Linux itself links so on x86_64 (our patch 0004 changes that) and on ppc64le and s390x, where it stays. */
	if (str_eq(arch, "x86_64") && k->writable_code)
		return error_set(err, -EBADMSG,
				 "has a segment that is writable and executable, at 0x%" PRIx64,
				 k->writable_code_at);
	return 0;
}

int cmd_inspect(const struct kconfig_options *opt, char *const *args, int n, struct error *err)
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
