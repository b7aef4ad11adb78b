/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_AGENT_NOTE_H
#define BASE_AGENT_NOTE_H

#include <stdint.h>

/*
 * The ELF note by which an agent binary says what it is, so that the image builder can put it into the manifest and the
 * engine can refuse a mismatch before boot. Description: "VERSION PROTOCOL", a NUL-ended string, for example "0.1.0 0.0.1".
 * Layout of a note: gABI chapter 5, "Note Section" (4-byte words and alignment).
 *
 *	AGENT_NOTE_DEFINE(KATA_VERSION " " AGENT_PROTOCOL);
 */
/* The agent protocol of this source, both sides: Health.Version's grpc_version, upstream's value. */
#define AGENT_PROTOCOL	    "0.0.1"

#define AGENT_NOTE_OWNER    "kata-agent"
#define AGENT_NOTE_TYPE	    1
#define AGENT_NOTE_DESC_MAX 64

#define AGENT_NOTE_DEFINE(text)                                                                   \
	static const struct {                                                                     \
		uint32_t namesz, descsz, type;                                                    \
		char name[12]; /* the owner with its NUL, padded to 4 */                          \
		char desc[AGENT_NOTE_DESC_MAX];                                                   \
	} agent_note __attribute__((used, aligned(4), section(".note.kata-agent"))) = {           \
		sizeof(AGENT_NOTE_OWNER), AGENT_NOTE_DESC_MAX, AGENT_NOTE_TYPE, AGENT_NOTE_OWNER, \
		text                                                                              \
	}

#endif
