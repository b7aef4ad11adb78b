/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_POLICY_H
#define SERVICE_POLICY_H

#include <stddef.h>
#include <protobuf-c/protobuf-c.h>
#include "base/error.h"
#include "wire/ttrpc.h"

/*
 * Which calls of the agent's service the host may make: a TOML text of rules, of which one has to allow a call. Without a policy every
 * call is allowed.
 *
 *	format = 1
 *
 *	[[allow]]
 *	rpc = ["CreateSandbox", "StartContainer", "WaitProcess"]
 *
 *	[[allow]]
 *	rpc = "CreateContainer"
 *	[allow.fields]
 *	container_id = "web-*"
 *	"OCI.Process.Args" = ["/usr/bin/web", "--port=*"]
 *	"storages.driver" = ["ephemeral", "blk"]
 *
 * rpc: one name or several; "*" is every call. fields: a path of the request's own field names (agent.proto) and what the
 * value may be, one pattern or several: "*" stands for any text, "?" for one character. Numbers and enumerations are compared in decimal, booleans as
 * true and false. Where a field is repeated on the way, each of its values has to match one of the patterns; where a message on
 * the way is missing, the rule does not apply. Names that no request has are an error: a rule with a slip of the pen must not
 * pass for one.
 *
 * Rego, the language of upstream's policies, is refused by name.
 */
#define POLICY_MAX_BYTES (1u << 20)
#define POLICY_MAX_RULES 4096

struct policy;

/* name: what errors call it. methods: the service's, by which names are checked; kept by pointer. */
int policy_parse(const char *text, size_t len, const char *name, const struct ttrpc_method *methods,
		 size_t n_methods, struct policy **ret, struct error *err);
struct policy *policy_free(struct policy *p); /* NULL accepted; returns NULL */
/* 0, or -EPERM: "CreateContainerRequest is blocked by policy". NULL allows everything. */
int policy_check(const struct policy *p, const struct ttrpc_method *method,
		 const ProtobufCMessage *req, struct error *err);

/* "*" and "?" as above; the whole of text has to match. */
int policy_match(const char *pattern, const char *text);

#endif
