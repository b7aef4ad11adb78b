/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include "base/parse.h"
#include "kconfig/cmd.h"

/*
 * kata-kconfig: merges kernel configuration fragments, checks what Kconfig made of them, compares kernels by what they can do, and
 * inspects the built kernel.
 */

static const char usage[] =
	"Usage: kata-kconfig merge -o OUT [OPTION]... [FRAGMENT]...\n"
	"       kata-kconfig check RESULT [OPTION]... [FRAGMENT]...\n"
	"       kata-kconfig fit KERNEL [OPTION]... [FRAGMENT]...\n"
	"       kata-kconfig diff KERNEL KERNEL [OPTION]... [FRAGMENT]...\n"
	"       kata-kconfig inspect [OPTION]... VMLINUX\n"
	"\n"
	"merge writes the options of all fragments to OUT; an option that two of them set is an error.\n"
	"check fails with a table unless RESULT (a .config) has every option of the fragments with its value.\n"
	"fit tells which features a kernel lacks, and what does not work without them: exit status 1 when there are any.\n"
	"diff tells in which options two kernels differ, by feature: exit status 1 when there are any.\n"
	"inspect prints the version of a kernel and fails unless it is an ELF file of the wanted architecture that can be\n"
	"booted directly (for x86_64: with the PVH entry note).\n"
	"\n"
	"A KERNEL is a .config, a config.gz, or a vmlinux with its configuration inside.\n"
	"\n"
	"  -a, --arch=ARCH             architecture (default x86_64)\n"
	"  -b, --build-type=TYPE       debug, confidential, microvm, ...: the fragments of build-types/TYPE, too\n"
	"  -f, --fragments=DIR         all fragments of DIR/common and DIR/ARCH (default kernel/configs, unless FRAGMENTs are\n"
	"                              named)\n"
	"  -o, --output=FILE           merge: the result; inspect: write the manifest there\n"
	"  -c, --config=FILE           inspect: the kernel's .config, for the manifest\n"
	"  -p, --patches=FILE          inspect: the series file of the patches applied, for the manifest\n"
	"  -k, --kernel-version=TEXT   inspect: version of the source; the kernel's own must start with it\n"
	"  -n, --config-version=N      inspect: version of the configuration\n"
	"  -i, --boot-file=FILE        inspect: what was made of VMLINUX for the VMM; its size and digest go into the manifest\n"
	"  -h, --help\n";

static int parse_options(int argc, char **argv, struct kconfig_options *opt, struct error *err)
{
	static const struct option longs[] = {
		{ "arch", required_argument, NULL, 'a' },
		{ "build-type", required_argument, NULL, 'b' },
		{ "fragments", required_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ "config", required_argument, NULL, 'c' },
		{ "patches", required_argument, NULL, 'p' },
		{ "kernel-version", required_argument, NULL, 'k' },
		{ "config-version", required_argument, NULL, 'n' },
		{ "boot-file", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const struct {
		int c;
		const char **to;
	} texts[] = { { 'a', &opt->arch },    { 'b', &opt->type },     { 'f', &opt->fragments },
		      { 'o', &opt->output },  { 'c', &opt->config },   { 'p', &opt->patches },
		      { 'k', &opt->version }, { 'i', &opt->boot_file } };
	int c;

	while ((c = getopt_long(argc, argv, "a:b:f:o:c:p:k:n:i:h", longs, NULL)) != -1) {
		for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
			if (texts[i].c == c)
				*texts[i].to = optarg;
		if (c == 'n' && parse_u32(optarg, 10, &opt->config_version) < 0)
			return error_set(err, -EINVAL, "--config-version: '%s' is not a number",
					 optarg);
		if (c == 'h')
			return 1;
		if (c == '?')
			return error_set(err, -EINVAL, "try kata-kconfig --help");
	}
	return 0;
}

static int run(const struct kconfig_options *opt, char *const *args, int n, struct error *err)
{
	static const struct {
		const char *name;
		int (*fn)(const struct kconfig_options *, char *const *, int, struct error *);
	} commands[] = {
		{ "merge", cmd_merge }, { "check", cmd_check },	    { "fit", cmd_fit },
		{ "diff", cmd_diff },	{ "inspect", cmd_inspect },
	};

	for (size_t i = 0; n > 0 && i < ARRAY_SIZE(commands); i++) {
		if (str_eq(args[0], commands[i].name))
			return commands[i].fn(opt, args + 1, n - 1, err);
	}
	return error_set(err, -EINVAL, "no such command; try kata-kconfig --help");
}

int main(int argc, char **argv)
{
	struct kconfig_options opt = { .arch = "x86_64" };
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
	return r < 0 ? 2 : r;
}
