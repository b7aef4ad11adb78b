/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_FILECAPS_H
#define SOURCE_FILECAPS_H

#include <stdint.h>
#include "base/error.h"

/*
 * For osbuilder/source/ (and its tests) only. File capabilities: from the text that cap_to_text(3) writes and packages hold
 * ("cap_net_raw=ep", "= cap_chown,cap_setuid+p") to the bytes of the attribute security.capability (struct vfs_cap_data of revision 2,
 * include/uapi/linux/capability.h). The attribute has one bit for "effective", so what is effective must be all that is permitted
 * or inheritable, or nothing.
 */
#define FILECAPS_XATTR "security.capability"
#define FILECAPS_SIZE  20 /* bytes */
int filecaps_parse(const char *text, uint8_t out[FILECAPS_SIZE], struct error *err);

#endif
