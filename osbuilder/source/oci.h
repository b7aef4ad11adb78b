/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_OCI_H
#define SOURCE_OCI_H

#include "codec/json.h"
#include "compat/la.h"
#include "source/source.h"

/*
 * For osbuilder/source/ (and its tests) only. Container images in an OCI image layout (OCI image specification 1.1,
 * image-layout.md): index.json names manifests, a manifest names a configuration and layers, each a blob that is found by
 * its digest. The layout itself is held as a tree, so that a directory and a tar of one are read alike. Docker's media
 * types for the same documents are taken too.
 */

#define OCI_JSON_MAX	   (4u << 20) /* bytes of an index, manifest or configuration */
#define OCI_LAYERS_MAX	   1024
#define OCI_INDEX_DEPTH	   4   /* indexes inside indexes */
#define OCI_DIGEST_MAX	   136 /* "sha512:" and 128 digits, and the NUL */
#define OCI_MANIFESTS_MAX  4096
#define OCI_LAYOUT_ENTRIES 100000 /* files in a layout */

enum oci_kind { OCI_INDEX, OCI_MANIFEST, OCI_CONFIG, OCI_LAYER };

/* A reference to a blob (descriptor.md). */
struct oci_desc {
	enum oci_kind kind;
	char digest[OCI_DIGEST_MAX]; /* "sha256:HEX" or "sha512:HEX", checked */
	uint64_t size;		     /* bytes */
};

struct oci_image {
	struct oci_desc manifest, config;
	struct oci_desc *layers; /* lowest first */
	size_t n_layers;
};
void oci_image_release(struct oci_image *i);

/* Reads one descriptor; an unknown media type is refused by name. */
int oci_read_desc(const struct json_value *v, struct oci_desc *ret, struct error *err);
/* Fills config and layers from the text of a manifest. */
int oci_read_manifest(const char *text, size_t len, struct oci_image *ret, struct error *err);
/* What an index is searched for. */
struct oci_query {
	const char *
		reference; /* annotation org.opencontainers.image.ref.name or a digest; NULL: any */
	const char *oci_arch; /* "amd64" ... */
};
/*
 * The descriptor of the image (or of a nested index) in the text of an index. Manifests for other platforms are passed
 * over; more than one that fits is refused with their names, -ENOENT says what there is.
 */
int oci_read_index(const char *text, size_t len, const struct oci_query *q, struct oci_desc *ret,
		   struct error *err);

/* The content of a blob, its size and digest checked. It belongs to the layout. */
int oci_find_blob(struct tree *layout, const struct oci_desc *d, const struct blob **ret,
		  struct error *err);
/* From oci-layout and index.json down to the checked configuration. */
int oci_find_image(struct tree *layout, const struct oci_query *q, struct oci_image *ret,
		   struct error *err);
/* Adds the layers below target, whiteouts applied; the limits are for all of them together. */
int oci_unpack_image(struct tree *t, struct tree *layout, const struct oci_image *i,
		     const char *target, const struct la_limits *limits, struct error *err);

/* "amd64" for "x86_64" and so on, as Go writes them; NULL for others. */
const char *oci_arch(const char *arch);

#endif
