/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdint.h>
#include "base/error.h"

/*
 * The commands of the osbuilder program, one file each. argv[0] is the command's name. The exit status, or -errno with
 * the one line that main() prints.
 */
int cli_build(int argc, char **argv, struct error *err);
int cli_inspect(int argc, char **argv, struct error *err);
int cli_extract(int argc, char **argv, struct error *err);
int cli_diff(int argc, char **argv, struct error *err);
int cli_seal(int argc, char **argv, struct error *err);
int cli_verify(int argc, char **argv, struct error *err);
int cli_lock(int argc, char **argv, struct error *err);
int cli_pack(int argc, char **argv, struct error *err);

/*
 * The time of the build: the value of --source-date-epoch when it was given, else $SOURCE_DATE_EPOCH. 1: *ret is set; 0: neither is
 * there; -EINVAL.
 */
int cli_epoch(const char *option, int64_t *ret, struct error *err);

#endif
