/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Checked parsing of numbers: the whole string must be the number, no white space, no sign for unsigned.
 * 0, -EINVAL (not a number) or -ERANGE. The result is written only on success.
 */
int parse_u64(const char *s, int base, uint64_t *ret);
int parse_u32(const char *s, int base, uint32_t *ret);
int parse_i64(const char *s, int base, int64_t *ret);
/* Decimal with an optional K M G T (binary), optional "iB"/"B" after it. */
int parse_size(const char *s, uint64_t *ret);
/* A size that limits something: as parse_size(), or -1 for no limit. */
int parse_limit(const char *s, int64_t *ret);
/* Splits a line in place at blanks and tabs; how many words, at most max. */
size_t parse_words(char *line, char **words, size_t max);
/* true false yes no 1 0 on off. */
int parse_bool(const char *s, bool *ret);
/* A signal by name with or without SIG, or by number 1..64. Signal number or -EINVAL. */
int parse_signal(const char *s);
/* n lower-case hex digits pairs of data into out (2n + 1 bytes). */
void hex_encode(char *out, const void *data, uint32_t n);
/* The reverse; -EINVAL unless exactly 2n hex digits. */
int hex_decode(void *out, uint32_t n, const char *s);

#endif
