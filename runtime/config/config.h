/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strv.h"

/*
 * configuration.toml: upstream's sections and key names, plus two of our own ([hypervisor.qemu] accelerator, transport).
 *
 * Every key of upstream's templates is known. A key that this version does not act on is silent while it has upstream's
 * default value, gives a warning otherwise, and is refused where ignoring it would weaken security. A key that
 * nobody knows gives a warning. Warnings read
 *
 *	FILE:LINE: unknown key "hypervisor.qemu.foo"
 *	FILE:LINE: "hypervisor.qemu.enable_iommu" is not supported yet and is ignored
 *
 * errors "FILE:LINE:COLUMN: what" for syntax, "FILE:LINE: KEY: what" for values.
 */

#define CONFIG_MAX_DROPINS 256

enum config_shared_fs {
	CONFIG_FS_VIRTIO, /* virtio-fs */
	CONFIG_FS_NONE,	  /* packed root file systems */
};
enum config_accel { CONFIG_ACCEL_AUTO, CONFIG_ACCEL_KVM, CONFIG_ACCEL_TCG };
enum config_transport {
	CONFIG_TRANSPORT_AUTO,
	CONFIG_TRANSPORT_VHOST,
	CONFIG_TRANSPORT_VHOST_USER
};

struct config {
	char *path; /* absolute path of the main file */

	/* [hypervisor.NAME] */
	char *hypervisor;      /* "qemu", "fake" */
	char *hypervisor_path; /* of the binary */
	char *kernel;
	char *image; /* exactly one of image and initrd is set */
	char *initrd;
	char *machine_type; /* NULL: the driver's default */
	char *cpu_features;
	char *kernel_params;
	char *rootfs_type;
	char *kernel_verity_params; /* the line of disk/verity_seal.h, as written; NULL: what the image's manifest says */
	uint32_t vcpus;	     /* 0: as many as the host has */
	uint32_t max_vcpus;  /* 0: as many as the host has */
	uint32_t memory_mib; /* at least CONFIG_MIN_MEMORY_MIB */
	enum config_shared_fs shared_fs;
	char *virtio_fs_daemon; /* NULL: looked for where distributions put it */
	char *virtio_fs_cache;
	uint32_t virtio_fs_queue_size;
	struct strv virtio_fs_extra_args;
	bool image_nvdimm;
	bool hypervisor_debug;
	enum config_accel accel;
	enum config_transport transport;

	/* [agent.kata] */
	bool agent_debug;
	bool debug_console;
	uint32_t dial_timeout; /* seconds until the agent must have answered */
	struct strv kernel_modules;

	/* [runtime] */
	bool debug;
	bool disable_guest_seccomp;
	uint32_t create_container_timeout; /* seconds */
};

#define CONFIG_MIN_MEMORY_MIB 64

typedef void (*config_warn_fn)(const char *line, void *data);

/*
 * Reads the file and the drop-ins of config.d beside it (alphabetical, later wins), and checks what can be checked without
 * looking at the host. warn may be NULL. *ret is the caller's: config_free().
 */
int config_load(const char *path, config_warn_fn warn, void *data, struct config **ret,
		struct error *err);
struct config *config_free(struct config *c); /* NULL accepted; returns NULL */
static inline void cleanup_config(struct config **p)
{
	*p = config_free(*p);
}
#define _cleanup_config_ _cleanup_(cleanup_config)

/* The places where the file is looked for, in order; NULL ended. */
extern const char *const config_default_paths[];
/*
 * The file to use: `option` when given, else the environment's KATA_CONF_FILE when it names one of the default places, else the
 * first default place that exists. Malloc'd into *ret; -ENOENT naming the places.
 */
int config_find(const char *option, char **ret, struct error *err);

#endif
