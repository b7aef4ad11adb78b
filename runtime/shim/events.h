/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIM_EVENTS_H
#define SHIM_EVENTS_H

#include <protobuf-c/protobuf-c.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * Events for containerd: containerd.services.events.ttrpc.v1.Events/Forward on the socket that it names in TTRPC_ADDRESS. One at a
 * time and in order; what cannot be delivered is tried again EVENTS_TRIES times, then dropped with a line in the log. Without an
 * address (the OCI command line, CRI-O) events are only logged.
 */
#define EVENTS_QUEUE_MAX  2048 /* as upstream; the oldest goes */
#define EVENTS_TRIES	  5
#define EVENTS_TIMEOUT_MS 5000

struct events;
/* address: a path, perhaps with "unix://"; NULL or "": only logged. */
int events_new(struct loop *loop, const char *address, const char *namespace_, struct events **ret,
	       struct error *err);
/* What is not delivered yet is lost. NULL accepted; returns NULL. */
struct events *events_free(struct events *e);
/* Copies the event. e NULL: nothing. */
void events_publish(struct events *e, const char *topic, const ProtobufCMessage *event);

#endif
