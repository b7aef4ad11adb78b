/* SPDX-License-Identifier: Apache-2.0 */
#include "service/agent.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "wire/agent.pb-c.h"
#include "wire/agent_features.h"

#define SYS_MEMORY "/sys/devices/system/memory"
#define RANDOM_MAX 65536 /* bytes of seed taken at once */

/* ---- GetGuestDetails ------------------------------------------------------------------------------------------------ */

static uint64_t memory_block_size(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	uint64_t v;

	if (file_read(AT_FDCWD, SYS_MEMORY "/block_size_bytes", 64, &text, NULL) < 0)
		return 0; /* a kernel without memory hotplug */
	strbuf_trim_end(&text);
	return parse_u64(text.buf, 16, &v) == 0 ? v : 0;
}

void svc_guest_details(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	static const char *const device_handlers[] = { "blk",	  "mmioblk", "scsi",
						       "blk-ccw", "nvdimm",  "vfio-pci-gk",
						       "vfio-pci" };
	const Grpc__GuestDetailsRequest *req = (const Grpc__GuestDetailsRequest *)msg;
	const struct agent *a = data;
	Grpc__GuestDetailsResponse resp = GRPC__GUEST_DETAILS_RESPONSE__INIT;
	Grpc__AgentDetails details = GRPC__AGENT_DETAILS__INIT;
	char boot[48], ready[48];
	char *features[] = { boot, ready, (char *)AGENT_FEATURE_ORDERED_STREAMS };

	/* Of our own: when this program started and when it was ready, on the clock that the kernel's start began. */
	snprintf(boot, sizeof(boot), AGENT_FEATURE_BOOT_USEC "%" PRIu64, a->boot_usec);
	snprintf(ready, sizeof(ready), AGENT_FEATURE_READY_USEC "%" PRIu64, a->ready_usec);
	details.version = (char *)KATA_VERSION;
	details.init_daemon = a->pid1;
	details.device_handlers = (char **)device_handlers;
	details.n_device_handlers = ARRAY_SIZE(device_handlers);
	details.storage_handlers = (char **)storage_drivers;
	while (storage_drivers[details.n_storage_handlers])
		details.n_storage_handlers++;
	details.extra_features = features;
	details.n_extra_features = ARRAY_SIZE(features);
	resp.agent_details = &details;
	if (req->mem_block_size)
		resp.mem_block_size_bytes = memory_block_size();
	if (req->mem_hotplug_probe)
		resp.support_mem_hotplug_probe = access(SYS_MEMORY "/probe", F_OK) == 0;
	ttrpc_call_reply(call, &resp.base);
}

/* ---- ReseedRandomDev, SetGuestDateTime ------------------------------------------------------------------------------ */

static int reseed(const ProtobufCBinaryData *seed, struct error *err)
{
	_cleanup_fd_ int fd = open("/dev/random", O_WRONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return error_sys(err, -errno, "cannot open /dev/random");
	r = fd_write_full(fd, seed->data, seed->len);
	if (r < 0)
		return error_sys(err, r, "cannot write to /dev/random");
	if (ioctl(fd, RNDRESEEDCRNG) < 0)
		return error_sys(err, -errno, "cannot reseed");
	return 0;
}

void svc_reseed_random(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__ReseedRandomDevRequest *req = (const Grpc__ReseedRandomDevRequest *)msg;
	struct error err = ERROR_INIT;
	int r;

	if (!req->data.len || req->data.len > RANDOM_MAX)
		r = error_set(&err, -EINVAL, "data: must have 1 to %d bytes", RANDOM_MAX);
	else
		r = reseed(&req->data, &err);
	agent_reply_empty(call, r, &err);
}

void svc_set_date_time(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__SetGuestDateTimeRequest *req = (const Grpc__SetGuestDateTimeRequest *)msg;
	struct timeval tv = { .tv_sec = req->sec, .tv_usec = req->usec };
	const struct agent *a = data;
	struct error err = ERROR_INIT;
	int r = 0;

	if (!agent_owns_machine(a))
		r = error_set(&err, -EPERM, "the clock is not this agent's: it is in no guest");
	else if (settimeofday(&tv, NULL) < 0)
		r = error_sys(&err, -errno, "cannot set the clock");
	agent_reply_empty(call, r, &err);
}
