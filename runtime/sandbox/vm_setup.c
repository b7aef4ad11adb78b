/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/strbuf.h"
#include "image.h"
#include "sandbox/match.h"
#include "sandbox/sandbox_internal.h"
#include "storage/guest_paths.h"

/* The agent protocol's debug console (upstream's port). */
#define DEBUG_CONSOLE_PARAMS "agent.debug_console agent.debug_console_vport=1026"

static bool is_fake(const struct sandbox *sb)
{
	return sb->vm_ops == &vm_fake_ops;
}

/* Whether the image's init is the agent itself; images without a manifest are upstream's, which start systemd. */
static bool agent_is_init(const char *image)
{
	_cleanup_manifest_ struct manifest m;

	memset(&m, 0, sizeof(m));
	return manifest_load(image, &m, NULL) == 0 && m.agent_is_init;
}

int setup_check_assets(struct sandbox *sb, struct error *err)
{
	const struct config *c = sb->config;
	struct image_check_params check = { 0 };
	struct image_info info;
	struct utsname host;
	int r;

	if (is_fake(sb))
		return 0;
	r = vm_check_kernel(c->kernel, err);
	if (r < 0)
		return r;
	if (uname(&host) < 0)
		return error_sys(err, -errno, "uname");
	check.is_initrd = c->initrd != NULL;
	check.path = check.is_initrd ? c->initrd : c->image;
	check.arch = host.machine;
	r = image_check(&check, &info, err);
	if (r == 0)
		r = match_agent_protocol(check.path, info.agent_protocol, err);
	if (r == 0)
		r = match_kernel(c->kernel, host.machine, check.path, err);
	if (r == 0 && !check.is_initrd)
		r = match_filesystem(check.path, info.filesystem, c->rootfs_type, err);
	if (r == 0 && !check.is_initrd) {
		r = match_verity(c->kernel_verity_params, check.path, &info, &sb->verity, err);
		sb->measured = r > 0;
	}
	return r < 0 ? r : 0;
}

static int join_kernel_params(struct sandbox *sb, struct error *err)
{
	const struct config *c = sb->config;
	_cleanup_strbuf_ struct strbuf sb_params = STRBUF_INIT;
	int r = 0;

	if (c->kernel_params)
		r = strbuf_addstr(&sb_params, c->kernel_params);
	if (r == 0 && c->agent_debug)
		r = strbuf_addstr(&sb_params, " agent.log=debug");
	if (r == 0 && c->debug_console)
		r = strbuf_addstr(&sb_params, " " DEBUG_CONSOLE_PARAMS);
	if (r < 0)
		return error_oom(err);
	free(sb->kernel_params);
	sb->kernel_params = strbuf_detach(&sb_params, NULL);
	return sb->kernel_params ? 0 : error_oom(err);
}

static unsigned host_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

int setup_vm_params(struct sandbox *sb, const char *disk_image, struct error *err)
{
	static const enum vm_accel accels[] = {
		[CONFIG_ACCEL_AUTO] = VM_ACCEL_AUTO,
		[CONFIG_ACCEL_KVM] = VM_ACCEL_KVM,
		[CONFIG_ACCEL_TCG] = VM_ACCEL_TCG,
	};
	static const enum vm_transport transports[] = {
		[CONFIG_TRANSPORT_AUTO] = VM_TRANSPORT_AUTO,
		[CONFIG_TRANSPORT_VHOST] = VM_TRANSPORT_VHOST,
		[CONFIG_TRANSPORT_VHOST_USER] = VM_TRANSPORT_VHOST_USER,
	};
	const struct config *c = sb->config;
	struct vm_params *p = &sb->vm_params;

	if (join_kernel_params(sb, err) < 0)
		return -ENOMEM;
	vm_params_preset(p);
	p->name = sb->id;
	p->dir = sb->vm_dir;
	p->path = c->hypervisor_path;
	p->machine_type = c->machine_type;
	p->cpu_features = c->cpu_features;
	p->kernel = c->kernel;
	p->image = c->image;
	p->initrd = c->initrd;
	p->rootfs_type = c->rootfs_type;
	p->verity = sb->measured ? &sb->verity : NULL;
	p->image_nvdimm = c->image_nvdimm;
	p->kernel_params = sb->kernel_params;
	p->agent_init = c->initrd || (c->image && agent_is_init(c->image));
	p->debug = c->hypervisor_debug;
	p->vcpus = c->vcpus ? c->vcpus : host_cpus();
	p->max_vcpus = p->vcpus; /* no hotplug yet */
	p->memory_mib = c->memory_mib;
	p->accel = accels[c->accel];
	p->transport = transports[c->transport];
	if (disk_image) {
		sb->disk = (struct vm_disk){ .path = disk_image, .id = "rootfs", .readonly = true };
		p->disks = &sb->disk;
		p->n_disks = 1;
	}
	if (sb->use_share) {
		sb->fs = (struct vm_fs){ .socket = sb->fs_socket,
					 .tag = GUEST_SHARED_TAG,
					 .queue_size = c->virtio_fs_queue_size };
		p->fs = &sb->fs;
	}
	return 0;
}
