/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_AGENT_CTL_REQUEST_H
#define TOOLS_AGENT_CTL_REQUEST_H

#include <stdbool.h>
#include "oci/spec.h"
#include "tools/agent-ctl/line.h"
#include "wire/message_json.h"

/*
 * Requests from command lines. What can be called is read from the descriptors of grpc.AgentService and grpc.Health, so no method can
 * be missing.
 *
 * A request is filled in this order: the OCI bundle; file://PATH and json://, which hold the message as JSON; PATH=VALUE words; and
 * then, unless values->none, ids and the like that nothing has set:
 *
 *   sandbox_id, container_id   those of the command before; made up for CreateSandbox and CreateContainer
 *   exec_id                    of the process that CreateContainer or ExecProcess named last in this container, else ""; for
 *                              CreateContainer the container's id, for ExecProcess a new one
 *   SignalProcess              signal 9
 *   GetGuestDetails            everything; SetGuestDateTime: now; only when nothing was given
 *   ReadStdout, ReadStderr     32768 bytes
 *   CopyFile                   file_size: the end of the data; file_mode 0100644; dir_mode 0755
 *
 * Short names: sid, cid, args (a command line: of ExecProcess' or CreateContainer's process), spec=file://PATH (a config.json).
 * A value file://PATH is what the file holds.
 */
#define CTL_FILE_MAX (8u << 20)
#define CTL_ID_LEN   64 /* hexadecimal digits of an id that is made up */

struct ctl_values {
	bool none;				   /* --no-auto-values */
	bool no_files;				   /* refuse to read files, for fuzzing */
	const char *bundle_dir;			   /* NULL: none */
	char *sandbox_id, *container_id, *exec_id; /* of the last commands; owned; NULL: none yet */
};
void ctl_values_release(struct ctl_values *v);

/* A method by its name, any case; NULL: there is none. */
const ProtobufCMethodDescriptor *ctl_method(const char *name,
					    const ProtobufCServiceDescriptor **ret_service);
/* The services, ended by NULL. */
extern const ProtobufCServiceDescriptor *const ctl_services[];

struct ctl_request {
	const ProtobufCServiceDescriptor *service;
	const ProtobufCMethodDescriptor *method;
	struct message_builder b;
	ProtobufCMessage *msg; /* in b */
	struct oci_spec *spec; /* what msg may point into; NULL: none */
	struct strv given;     /* paths that words have set */
	bool any;	       /* something was given at all */
};
#define CTL_REQUEST_INIT                                      \
	{                                                     \
		.b = MESSAGE_BUILDER_INIT, .given = STRV_INIT \
	}
void ctl_request_release(struct ctl_request *r);
#define _cleanup_ctl_request_ _cleanup_(ctl_request_release)

/* *ret starts as CTL_REQUEST_INIT. v remembers the ids. -EINVAL names the method, and the field where it is one. */
int ctl_request_build(struct ctl_values *v, const char *name, const struct ctl_line *line,
		      struct ctl_request *ret, struct error *err);

/* "PATH=VALUE" for a field of the message, or a short name. */
bool ctl_word_is_field(const ProtobufCMessageDescriptor *desc, const char *word);
/* CTL_ID_LEN random hexadecimal digits and a NUL. */
int ctl_random_id(char buf[CTL_ID_LEN + 1], struct error *err);
/* The value of a string field of this name, or NULL when the message has no such field. */
const char *ctl_field_text(const ProtobufCMessage *msg, const char *name);

#endif
