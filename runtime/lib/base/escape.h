/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>
#include "base/strbuf.h"

/*
 * Text from outside (names of files, messages that quote them) for terminals and for formats that want UTF-8. A byte that is not shown
 * as it is becomes \xHH. All add to `out`; 0 or -ENOMEM.
 */

/*
 * Bytes of the UTF-8 character at p, of which n may be read; 0 when it is none (Unicode 15, table 3-7: no overlong forms, no
 * surrogates, up to U+10FFFF). n may be more than there is when a NUL byte ends the text.
 */
size_t utf8_len(const unsigned char *p, size_t n);

/* Printable ASCII but for the backslash as it is: one line, and the name can be had back. */
int escape_name(struct strbuf *out, const char *s);
/*
 * For people: also other UTF-8 and the backslash as they are, but no control character, nothing that changes the direction of text
 * and no invisible or private one. One line.
 */
int escape_text(struct strbuf *out, const char *s);
/* All UTF-8 as it is, control characters too: what an encoder of JSON escapes itself. */
int escape_utf8(struct strbuf *out, const char *s);

#endif
