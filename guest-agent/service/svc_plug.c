/* SPDX-License-Identifier: Apache-2.0 */
/* What the host adds to a running guest: processors, memory, swap. */
#include "service/agent.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "cgroup/cpulist.h"
#include "device/device.h"
#include "wire/agent.pb-c.h"

#define SYS_MEMORY	 "/sys/devices/system/memory"
#define SYS_CPU		 "/sys/devices/system/cpu"
#define MAX_CPUS	 8192 /* NR_CPUS of the largest x86 configuration */
#define MAX_PROBES	 4096 /* addresses of one call; a block is 128 MiB and more */
#define BLOCKS_AT_ONCE	 4 /* memory blocks that are brought up between two looks at other work */
#define ONLINE_USEC	 500000	 /* for processors that the host has just added */
#define ONLINE_WAIT_USEC 5000000 /* the same for a caller that says it wants to wait */

/* A call that waits for the machine. */
struct plug {
	struct list link; /* in the agent */
	struct agent *agent;
	struct ttrpc_call *call;
	struct hotplug_wait *wait;
	uint32_t want; /* OnlineCPUMem: how many are to be online in the end */
	bool must, memory;
	const char *source; /* AddSwap: the request's */
	char path[128];
};

static void plug_free(struct plug *p)
{
	hotplug_cancel(p->wait);
	list_del(&p->link);
	free(p);
}

static void plug_end(struct plug *p, const struct error *err)
{
	agent_reply_empty(p->call, err ? err->code : 0, err);
	plug_free(p);
}

void agent_plug_release(struct agent *a)
{
	/* Their callers are told by the server's end. */
	while (!list_empty(&a->plugs))
		plug_free(list_entry(a->plugs.next, struct plug, link));
}

static struct plug *plug_new(struct agent *a, struct ttrpc_call *call)
{
	struct plug *p = new0(struct plug);

	if (!p) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "Out of memory");
		return NULL;
	}
	p->agent = a;
	p->call = call;
	list_add_tail(&a->plugs, &p->link);
	return p;
}

static void plug_start(struct plug *p, uint64_t usec, hotplug_try_fn try_fn, hotplug_done_fn done)
{
	if (hotplug_wait(p->agent->hotplug, usec, try_fn, done, p, &p->wait) < 0) {
		struct error err = ERROR_INIT;

		error_oom(&err);
		plug_end(p, &err);
	}
}

/* ---- OnlineCPUMem -------------------------------------------------------------------------------------------------- */

static bool file_says(const char *path, const char *word)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (file_read(AT_FDCWD, path, 64, &text, NULL) < 0)
		return false;
	strbuf_trim_end(&text);
	return str_eq(text.buf, word);
}

uint32_t agent_cpus_online(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	size_t n = 0;

	if (file_read(AT_FDCWD, SYS_CPU "/online", 65536, &text, NULL) < 0)
		return 0;
	strbuf_trim_end(&text);
	return cpulist_count(text.buf, MAX_CPUS, &n) == 0 ? (uint32_t)n : 0;
}

static void bring_up_cpus(uint32_t most)
{
	for (unsigned int i = 0; i < MAX_CPUS && most; i++) {
		char path[80];

		snprintf(path, sizeof(path), SYS_CPU "/cpu%u", i);
		if (access(path, F_OK) < 0)
			break;
		snprintf(path, sizeof(path), SYS_CPU "/cpu%u/online", i);
		if (file_says(path, "0") && file_write_existing(AT_FDCWD, path, "1", NULL) == 0)
			most--;
	}
}

/* True: there may be more. */
static bool bring_up_memory(void)
{
	DIR *d = opendir(SYS_MEMORY);
	unsigned int done = 0;
	struct dirent *e;

	while (d && done < BLOCKS_AT_ONCE && (e = readdir(d))) {
		char path[320];

		if (strncmp(e->d_name, "memory", 6) != 0)
			continue;
		snprintf(path, sizeof(path), SYS_MEMORY "/%s/state", e->d_name);
		/* A block that cannot be brought up stays so, and is not tried again by this call. */
		if (file_says(path, "offline") &&
		    file_write_existing(AT_FDCWD, path, "online", NULL) == 0)
			done++;
	}
	if (d)
		closedir(d);
	return done == BLOCKS_AT_ONCE;
}

static int try_online(void *data, struct error *err)
{
	struct plug *p = data;
	uint32_t now = agent_cpus_online();

	if (p->want > now) {
		bring_up_cpus(p->want - now);
		now = agent_cpus_online();
	}
	if (p->memory && bring_up_memory())
		return error_set(err, -EAGAIN, "memory blocks are left");
	if (p->want > now)
		return error_set(err, -EAGAIN, "%u of %u processors are online", now, p->want);
	return 0;
}

static void on_online(const struct error *err, void *data)
{
	struct plug *p = data;

	p->agent->cpus_online = agent_cpus_online();
	/* The host may have asked before it has plugged in: only a caller that waits is told. */
	plug_end(p, p->must ? err : NULL);
}

void svc_online_cpu_mem(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__OnlineCPUMemRequest *req = (const Grpc__OnlineCPUMemRequest *)msg;
	struct agent *a = data;
	uint32_t now = agent_cpus_online();
	struct plug *p;

	if (!agent_owns_machine(a)) {
		ttrpc_call_fail(call, TTRPC_PERMISSION_DENIED,
				"the processors are not this agent's: it is in no guest");
		return;
	}
	if (req->nb_cpus > MAX_CPUS) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "nb_cpus: more than %d", MAX_CPUS);
		return;
	}
	p = plug_new(a, call);
	if (!p)
		return;
	/* Counted from what was there before: some kernels bring new ones up themselves. */
	if (a->cpus_online > now)
		a->cpus_online = now;
	p->want = req->nb_cpus ? a->cpus_online + req->nb_cpus : 0;
	p->must = req->wait;
	p->memory = !req->cpu_only;
	plug_start(p, req->wait ? ONLINE_WAIT_USEC : ONLINE_USEC, try_online, on_online);
}

/* ---- MemHotplugByProbe --------------------------------------------------------------------------------------------- */

void svc_mem_hotplug_by_probe(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__MemHotplugByProbeRequest *req = (const Grpc__MemHotplugByProbeRequest *)msg;
	struct error err = ERROR_INIT;
	int r = 0;

	if (!agent_owns_machine(data))
		r = error_set(&err, -EPERM, "the memory is not this agent's: it is in no guest");
	else if (req->n_memhotplugprobeaddr > MAX_PROBES)
		r = error_set(&err, -EINVAL, "memHotplugProbeAddr: more than %d", MAX_PROBES);
	else if (access(SYS_MEMORY "/probe", F_OK) < 0)
		r = error_set(&err, -EOPNOTSUPP, "this kernel has no " SYS_MEMORY "/probe");
	for (size_t i = 0; r == 0 && i < req->n_memhotplugprobeaddr; i++) {
		char text[24];

		snprintf(text, sizeof(text), "0x%" PRIx64, req->memhotplugprobeaddr[i]);
		r = file_write_existing(AT_FDCWD, SYS_MEMORY "/probe", text, &err);
		if (r < 0)
			error_prefix(&err, "memory at %s", text);
	}
	agent_reply_empty(call, r, &err);
}

/* ---- AddSwap, AddSwapPath ------------------------------------------------------------------------------------------ */

static int try_swap(void *data, struct error *err)
{
	struct plug *p = data;
	_cleanup_free_ char *path = NULL;
	struct stat st;
	int r = p->path[0] ? device_block_resolve("blk", p->path, &path, err) : 0;
	const char *what = path ? path : p->source;

	if (r < 0)
		return r;
	if (stat(what, &st) < 0)
		return error_sys(err, errno == ENOENT ? -EAGAIN : -errno, "swap \"%s\"", what);
	if (swapon(what, 0) < 0)
		return error_sys(err, errno == EBUSY ? -EEXIST : -errno, "cannot swap to \"%s\"",
				 what);
	return 0;
}

static void on_swap(const struct error *err, void *data)
{
	plug_end(data, err);
}

static void add_swap(struct ttrpc_call *call, struct agent *a, const char *pci, const char *path)
{
	struct error err = ERROR_INIT;
	struct plug *p;
	int r = 0;

	if (!agent_owns_machine(a))
		r = error_set(&err, -EPERM, "swap is not this agent's: it is in no guest");
	else if (pci && !device_is_pci_path(pci))
		r = error_set(&err, -EINVAL, "PCIPath: \"%s\" is not a path of slots", pci);
	else if (path && path[0] != '/')
		r = error_set(&err, -EINVAL, "path: \"%.64s\" is not absolute", path);
	if (r < 0) {
		ttrpc_call_error(call, &err);
		return;
	}
	p = plug_new(a, call);
	if (!p)
		return;
	p->source = path;
	if (pci)
		snprintf(p->path, sizeof(p->path), "%s", pci);
	plug_start(p, a->config->hotplug_usec, try_swap, on_swap);
}

void svc_add_swap(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__AddSwapRequest *req = (const Grpc__AddSwapRequest *)msg;
	char pci[3 * PCI_PATH_MAX_DEPTH + 1] = "";
	size_t len = 0;

	for (size_t i = 0; i < req->n_pcipath; i++) {
		if (i >= PCI_PATH_MAX_DEPTH || req->pcipath[i] > 0x1f) {
			ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT,
					"PCIPath: more than %d slots, or one above 31",
					PCI_PATH_MAX_DEPTH);
			return;
		}
		len += (size_t)snprintf(pci + len, sizeof(pci) - len, "%s%02x", i ? "/" : "",
					req->pcipath[i]);
	}
	add_swap(call, data, pci, NULL);
}

void svc_add_swap_path(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	add_swap(call, data, NULL, ((const Grpc__AddSwapPathRequest *)msg)->path);
}
