/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_TOOL_H
#define TESTS_SUPPORT_TOOL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/compiler.h"

/* Foreign programs that check what we wrote, and temporary files, for unit tests. */

/* Is the program in PATH (or in a sbin directory)? A test without it calls skip() and says which. */
bool tool_have(const char *name);

/* Runs a shell command; returns its exit code (128 + signal when killed) and its output, both streams, malloc'd and NUL ended. */
int tool_run(char **ret_output, const char *fmt, ...) _printf_(2, 3);

/* Asserts exit code 0 (prints the output otherwise) and returns the output. */
char *tool_ok(const char *fmt, ...) _printf_(1, 2);

/* As tool_ok(); the output must be a number. */
uint64_t tool_number(const char *fmt, ...) _printf_(1, 2);

/* A new temporary directory, and its removal with everything in it. */
char *tool_tmpdir(void);
void tool_rmdir(char *dir);

#endif
