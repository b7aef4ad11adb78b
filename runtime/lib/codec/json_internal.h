/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_INTERNAL_H
#define CODEC_JSON_INTERNAL_H

#include "codec/json.h"

/*
 * Private to codec/json*.c. json_parse.c is the only file that includes jansson; it fills the tree.
 */

struct json_doc {
	struct arena arena;
	struct json_value *root;
	size_t n_nodes;
};

/* Reads text into doc->root. */
int json_parse_text(struct json_doc *doc, const char *text, size_t len, struct error *err);

#endif
