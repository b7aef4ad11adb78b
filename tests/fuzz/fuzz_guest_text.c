/* SPDX-License-Identifier: Apache-2.0 */
/* The small texts that reach the agent from outside: kernel command line, mount options, PCI paths, cgroup paths, capability names. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "cgroup/convert.h"
#include "container/caps.h"
#include "container/mountopt.h"
#include "device/device.h"
#include "init/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_options(char *text)
{
	struct mount_opts o;
	char *words[64];
	size_t n = 0;
	char *save = NULL;

	for (char *w = strtok_r(text, ",", &save); w && n < ARRAY_SIZE(words);
	     w = strtok_r(NULL, ",", &save))
		words[n++] = w;
	if (mount_opts_parse(words, n, &o, NULL) == 0)
		mount_opts_release(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agent_config c;
	char *text = mem_dup0(data, size);
	char *path;

	if (!text)
		return 0;
	agent_config_preset(&c);
	agent_config_parse_cmdline(&c, text, NULL);
	agent_config_release(&c);
	agent_config_preset(&c);
	agent_config_parse_file(&c, text, size, "f", NULL);
	agent_config_release(&c);
	device_is_pci_path(text);
	cap_parse(text);
	path = cgroup_clean_path(text, "id", NULL);
	/* Whatever came in: a relative path that stays below. */
	if (path && (path[0] == '/' || !*path || strcmp(path, "..") == 0 ||
		     strncmp(path, "../", 3) == 0 || strstr(path, "/../")))
		abort();
	free(path);
	fuzz_options(text);
	free(text);
	return 0;
}
