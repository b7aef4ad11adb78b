/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_AGENT_FEATURES_H
#define WIRE_AGENT_FEATURES_H

/*
 * What our agent says of itself in AgentDetails.extra_features (GetGuestDetails). Upstream's engine passes over what it does
 * not know, and ours expects nothing of an agent that does not say it.
 */

/* Followed by a decimal number: CLOCK_BOOTTIME in microseconds when the agent started, and when it listened. */
#define AGENT_FEATURE_BOOT_USEC	 "boot-usec="
#define AGENT_FEATURE_READY_USEC "ready-usec="
/*
 * WriteStdin, ReadStdout and ReadStderr calls of one stream take effect and are answered in the order in which they were sent on
 * one connection, so several may be open at once. A WriteStdin takes all of its bytes or fails.
 */
#define AGENT_FEATURE_ORDERED_STREAMS "ordered-streams"

#endif
