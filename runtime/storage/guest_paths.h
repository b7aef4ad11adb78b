/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_GUEST_PATHS_H
#define STORAGE_GUEST_PATHS_H

/* Places in the guest, as upstream. */
#define GUEST_SHARED_DIR "/run/kata-containers/shared/containers" /* the virtio-fs mount */
#define GUEST_LAYERS_DIR "/run/kata-containers/sandbox/layers"	  /* packed images */
#define GUEST_SHARED_TAG "kataShared"				  /* of the virtio-fs device */

#endif
