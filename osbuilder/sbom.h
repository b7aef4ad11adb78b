/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_SBOM_H
#define OSBUILDER_SBOM_H

#include "base/error.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "manifest.h"
#include "tree/tree.h"

/*
 * IMAGE.spdx.json, beside an image or initrd: a bill of materials in SPDX 2.3 as JSON (https://spdx.github.io/spdx-spec/v2.3/), made from
 * the tree that the image was written from, so it names what is in there and not what was asked for.
 *
 *	document	describes SPDXRef-Image; created at SOURCE_DATE_EPOCH; its namespace ends in the SHA-256 of all the rest
 *	packages	SPDXRef-Image (SHA-512 of the file), SPDXRef-Agent, SPDXRef-Package-N (version, SHA-256 of the package file,
 *			purl where the kind of package is known). Those that have files in the image were "analyzed": their
 *			packageVerificationCode covers just these files
 *	files		every name of a regular file, with SHA-1 and SHA-256. Bytes of a name that are no UTF-8 are written as %XX
 *	relationships	DOCUMENT DESCRIBES image; image CONTAINS packages, agent and files of no package; these CONTAIN their files
 *
 * Nothing is said about licenses (NOASSERTION). The same image gives the same bytes.
 */

#define SBOM_SUFFIX ".spdx.json"

struct sbom;

/* Hashes the regular files whose content has no sums yet. The tree's files must stay until sbom_free(). Uses the inodes' marks. */
int sbom_collect(struct tree *t, struct sbom **ret, struct error *err);
/* `distro` is the recipe's distribution.name, for purls; may be NULL. The manifest must be complete (size and hash). */
int sbom_to_json(const struct sbom *s, const struct manifest *m, const char *distro,
		 struct strbuf *out, struct error *err);
void sbom_free(struct sbom *s);

/* The file beside an image or initrd, until it is committed. */
struct sbom_out {
	struct file_out file;
	char *path;
};
#define SBOM_OUT_INIT               \
	{                           \
		FILE_OUT_INIT, NULL \
	}
int sbom_out_write(struct sbom_out *o, const char *image_path, const struct sbom *s,
		   const struct manifest *m, const char *distro, struct error *err);
/* After output_commit() of the image, which removes an old one. */
int sbom_out_commit(struct sbom_out *o, struct error *err);
void sbom_out_release(struct sbom_out *o);

#endif
