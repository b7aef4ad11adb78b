/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIM_OCI_BOOTSTRAP_H
#define SHIM_OCI_BOOTSTRAP_H

/*
 * The start of an engine by the OCI command line, which is the only caller:
 *
 *	containerd-shim-kata-v2 oci --root R --id ID --bundle B --config FILE --lock-fd N --ready-fd N [--log F] [--log-format text|json] [--debug]
 *
 * ROOT/ID exists and its lock is held through the descriptor lock-fd (sandbox/instance.h). When the Task service listens, "ok\n" is
 * written to ready-fd; else the error text, which is for the user. Ends when the last container was deleted, or when nobody
 * creates one.
 */
int oci_bootstrap(int argc, char **argv);

#endif
