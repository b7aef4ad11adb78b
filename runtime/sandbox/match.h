/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_MATCH_H
#define SANDBOX_MATCH_H

#include "base/error.h"
#include "image.h"

/*
 * Kernel, image and runtime are matched by what their manifests say, before anything is started. What a manifest does not
 * say, and a missing one (upstream's images and kernels have none), is no reason to refuse.
 */

/* Of a manifest's kernel_options: entries, and bytes of kernel.manifest.json. */
#define MATCH_OPTIONS_MAX	   1024
#define MATCH_KERNEL_MANIFEST_MAX  (1u << 20)
#define MATCH_KERNEL_MANIFEST_NAME "kernel.manifest.json"

/*
 * The protocol that the image's agent speaks against this runtime's (AGENT_PROTOCOL). "" is accepted: not known.
 * -EPROTONOSUPPORT names the image and both protocols.
 */
int match_agent_protocol(const char *image, const char *protocol, struct error *err);

/*
 * kernel.manifest.json (format: kernel/kconfig/manifest.h) in the directory of the kernel, symlinks resolved, against the
 * architecture of the guest and IMAGE.manifest.json's kernel_options, which the kernel must have built in ("y"). The manifest
 * describes the vmlinux whose size it names; of another file in that directory it says nothing. -ENOEXEC: another
 * architecture or a missing option, -EINVAL: a damaged manifest.
 */
int match_kernel(const char *kernel, const char *arch, const char *image, struct error *err);

/* The file system found in the image against rootfs_type; the kernel would only panic over it. -EINVAL names both. */
int match_filesystem(const char *image, const char *found, const char *rootfs_type,
		     struct error *err);

/*
 * What the image must be sealed as: the configuration's kernel_verity_params (NULL: not set) where set, else what the manifest says.
 * 1 and *ret: measured, 0: not measured. -EINVAL: a bad line, an image without the two partitions or with smaller ones, a manifest
 * that says something else.
 */
int match_verity(const char *configured, const char *image, const struct image_info *info,
		 struct verity_seal *ret, struct error *err);

#endif
