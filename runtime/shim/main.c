/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-shim-kata-v2: the engine of one sandbox. containerd's bootstrap (start, delete) comes later; the OCI command line starts
 * it with the action "oci".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/compiler.h"
#include "base/options.h"
#include "shim/oci_bootstrap.h"

#ifndef KATA_COMMIT
#define KATA_COMMIT "unknown"
#endif

static void print_version(void)
{
	printf("Kata Containers containerd shim (C): id: \"io.containerd.kata.v2\", version: %s, commit: %s\n",
	       KATA_VERSION, KATA_COMMIT);
}

static int fail(const char *text)
{
	fprintf(stderr, "containerd-shim-kata-v2: %s\n", text);
	return 1;
}

int main(int argc, char **argv)
{
	const char *namespace_ = "", *id = "", *address = "", *publish = "", *bundle = "",
		   *socket = "";
	bool version = false, debug = false, info = false;
	const struct option_def defs[] = {
		{ "namespace", NULL, OPTION_STRING, &namespace_, "NAME", NULL },
		{ "id", NULL, OPTION_STRING, &id, "ID", NULL },
		{ "address", NULL, OPTION_STRING, &address, "PATH", NULL },
		{ "publish-binary", NULL, OPTION_STRING, &publish, "PATH", NULL },
		{ "bundle", NULL, OPTION_STRING, &bundle, "DIR", NULL },
		{ "socket", NULL, OPTION_STRING, &socket, "PATH", NULL },
		{ "debug", NULL, OPTION_FLAG, &debug, NULL, NULL },
		{ "info", NULL, OPTION_FLAG, &info, NULL, NULL },
		{ "version", "v", OPTION_FLAG, &version, NULL, NULL },
	};
	struct error err = ERROR_INIT;
	int next = 1;

	if (argc > 1 && strcmp(argv[1], "oci") == 0)
		return oci_bootstrap(argc - 1, argv + 1);
	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, &err) < 0)
		return fail(error_text(&err));
	if (version) {
		print_version();
		return 0;
	}
	if (info)
		return fail("-info is not supported yet");
	if (next < argc && (strcmp(argv[next], "start") == 0 || strcmp(argv[next], "delete") == 0))
		return fail("containerd's start and delete actions are not supported yet; "
			    "use kata-runtime");
	return fail("no action given");
}
