/* SPDX-License-Identifier: Apache-2.0 */
#include "sbom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/parse.h"
#include "base/time.h"
#include "codec/json.h"
#include "codec/sha.h"
#include "tree/sums.h"

#define SBOM_NAMESPACE "https://katacontainers.io/spdx/"
#define NOBODY	       "NOASSERTION"
#define UNKNOWN_HASH   "0000000000000000000000000000000000000000000000000000000000000000"

/* One inode's content, in hex. */
struct sums {
	char sha1[2 * SHA_SIZE_1 + 1], sha256[2 * SHA_SIZE_256 + 1];
};

struct sbom {
	struct tree *tree;
	struct sums *sums;
	size_t n_sums, cap_sums;
	struct sbom_file {
		struct tree_node *node;
		size_t sums;
	} * files;
	size_t n_files, cap_files;
};

void sbom_free(struct sbom *s)
{
	if (!s)
		return;
	free(s->sums);
	free(s->files);
	free(s);
}

static int add_node(struct tree_node *n, void *data)
{
	struct sbom *s = data;

	if (!S_ISREG(n->inode->mode))
		return 0;
	if (!n->inode->mark) {
		const struct blob_sums *from = &n->inode->content.sums;

		if (array_reserve(&s->sums, &s->cap_sums, s->n_sums + 1, sizeof(*s->sums)) < 0)
			return -ENOMEM;
		hex_encode(s->sums[s->n_sums].sha1, from->sha1, sizeof(from->sha1));
		hex_encode(s->sums[s->n_sums].sha256, from->sha256, sizeof(from->sha256));
		n->inode->mark = ++s->n_sums;
	}
	if (array_reserve(&s->files, &s->cap_files, s->n_files + 1, sizeof(*s->files)) < 0)
		return -ENOMEM;
	s->files[s->n_files++] = (struct sbom_file){ n, n->inode->mark - 1 };
	return 0;
}

int sbom_collect(struct tree *t, struct sbom **ret, struct error *err)
{
	struct sbom *s = new0(struct sbom);
	int r;

	if (!s)
		return error_oom(err);
	s->tree = t;
	r = tree_sum_contents(t, err);
	if (r == 0 && tree_walk(tree_root(t), add_node, s) < 0)
		r = error_oom(err);
	tree_clear_marks(t);
	if (r < 0) {
		sbom_free(s);
		return error_prefix(err, "bill of materials");
	}
	*ret = s;
	return 0;
}

/* "./usr/bin/bash" */
static int file_name(const struct tree_node *node, char path[TREE_PATH_BUF], struct strbuf *out)
{
	const unsigned char *p = (const unsigned char *)tree_path(node, path);
	int r;

	strbuf_reset(out);
	r = strbuf_addch(out, '.');
	while (*p) {
		size_t n = utf8_len(p, 4);

		r |= n ? strbuf_add(out, p, n) : strbuf_addf(out, "%%%02X", *p);
		p += n ? n : 1;
	}
	return r;
}

/* As a purl wants it (https://github.com/package-url/purl-spec): what is not unreserved becomes %XX. */
static int add_quoted(struct strbuf *out, const char *s, bool lower)
{
	int r = 0;

	for (; *s; s++) {
		char c = *s;

		if (lower && c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr(".-_~", c))
			r |= strbuf_addch(out, c);
		else
			r |= strbuf_addf(out, "%%%02X", (unsigned char)c);
	}
	return r;
}

static int put_purl(struct json_out *o, const struct source_package *p, const char *distro,
		    struct strbuf *tmp)
{
	int r;

	if (!p->type)
		return 0;
	strbuf_reset(tmp);
	r = strbuf_addf(tmp, "pkg:%s/", p->type);
	if (!distro || !*distro)
		distro = str_eq(p->type, "deb")	  ? "debian"
			 : str_eq(p->type, "apk") ? "alpine"
						  : NULL;
	if (distro) {
		r |= add_quoted(tmp, distro, true);
		r |= strbuf_addch(tmp, '/');
	}
	r |= add_quoted(tmp, p->name, false);
	r |= strbuf_addch(tmp, '@');
	r |= add_quoted(tmp, p->version, false);
	r |= strbuf_addstr(tmp, "?arch=");
	r |= add_quoted(tmp, p->arch, false);
	json_out_array(o, "externalRefs");
	json_out_object(o, NULL);
	json_out_string(o, "referenceCategory", "PACKAGE-MANAGER");
	json_out_string(o, "referenceType", "purl");
	json_out_string(o, "referenceLocator", tmp->buf);
	json_out_end(o);
	json_out_end(o);
	return r;
}

static void put_checksum(struct json_out *o, const char *algorithm, const char *value)
{
	json_out_object(o, NULL);
	json_out_string(o, "algorithm", algorithm);
	json_out_string(o, "checksumValue", value);
	json_out_end(o);
}

/* One document while it is written. Files are grouped by what contains them: 0 image, N package N, n_packages + 1 the agent. */
struct doc {
	const struct sbom *s;
	const struct manifest *m;
	struct json_out o;
	struct strbuf tmp;
	uint32_t *owner;  /* of each file */
	size_t *by_owner; /* files sorted by owner, then their order */
	size_t *start;	  /* by_owner[start[k]..start[k + 1]) are owner k's */
	char path[TREE_PATH_BUF];
};

static void doc_release(struct doc *d)
{
	free(d->owner);
	free(d->by_owner);
	free(d->start);
	strbuf_release(&d->tmp);
}

static int doc_group(struct doc *d)
{
	const size_t n = d->s->n_files, owners = d->m->packages.n + 2;
	struct tree_node *agent =
		d->m->agent_path ? tree_resolve(d->s->tree, d->m->agent_path) : NULL;
	_cleanup_free_ size_t *at = new0_array(size_t, owners + 1);

	d->owner = new0_array(uint32_t, n);
	d->by_owner = new0_array(size_t, n);
	d->start = new0_array(size_t, owners + 1);
	if (!at || !d->owner || !d->by_owner || !d->start)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct tree_inode *ino = d->s->files[i].node->inode;

		d->owner[i] = agent && ino == agent->inode	? (uint32_t)owners - 1
			      : ino->origin <= d->m->packages.n ? ino->origin
								: 0;
		d->start[d->owner[i] + 1]++;
	}
	for (size_t k = 0; k < owners; k++) {
		d->start[k + 1] += d->start[k];
		at[k] = d->start[k];
	}
	for (size_t i = 0; i < n; i++)
		d->by_owner[at[d->owner[i]]++] = i;
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* packageVerificationCode (SPDX 2.3, 7.9): SHA-1 of the files' SHA-1s in hex, sorted, without separators. */
static int put_code(struct doc *d, uint32_t owner)
{
	const size_t n = d->start[owner + 1] - d->start[owner];
	_cleanup_free_ const char **hashes = new0_array(const char *, n);
	_cleanup_sha_ struct sha sha = SHA_INIT;
	char hex[2 * SHA_SIZE_1 + 1];
	uint8_t digest[SHA_SIZE_MAX];
	int r;

	json_out_bool(&d->o, "filesAnalyzed", n != 0);
	if (!n)
		return 0;
	if (!hashes || sha_begin(&sha, SHA_KIND_1) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		hashes[i] = d->s->sums[d->s->files[d->by_owner[d->start[owner] + i]].sums].sha1;
	qsort(hashes, n, sizeof(*hashes), by_text);
	r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = sha_update(&sha, hashes[i], strlen(hashes[i]));
	if (r == 0)
		r = sha_finish(&sha, digest);
	hex_encode(hex, digest, SHA_SIZE_1);
	json_out_object(&d->o, "packageVerificationCode");
	json_out_string(&d->o, "packageVerificationCodeValue", hex);
	json_out_end(&d->o);
	return r;
}

/* What every package must say. */
static int open_package(struct doc *d, const char *id, const char *name, const char *version,
			uint32_t owner)
{
	json_out_object(&d->o, NULL);
	json_out_string(&d->o, "SPDXID", id);
	json_out_string(&d->o, "name", name);
	if (version)
		json_out_string(&d->o, "versionInfo", version);
	json_out_string(&d->o, "downloadLocation", NOBODY);
	json_out_string(&d->o, "licenseConcluded", NOBODY);
	json_out_string(&d->o, "licenseDeclared", NOBODY);
	json_out_string(&d->o, "copyrightText", NOBODY);
	return put_code(d, owner);
}

static void close_package(struct doc *d, const char *algorithm, const char *checksum)
{
	json_out_array(&d->o, "checksums");
	put_checksum(&d->o, algorithm, checksum);
	json_out_end(&d->o);
	json_out_end(&d->o);
}

/* A checksum is of a whole file; that of an image leaves out the zeros at its end. */
static int put_image_hash(struct doc *d)
{
	if (d->m->sha512_size == d->m->size) {
		close_package(d, "SHA512", d->m->sha512);
		return 0;
	}
	strbuf_reset(&d->tmp);
	if (strbuf_addf(&d->tmp, "SHA-512 of the first %llu bytes, which only zeros follow: %s",
			(unsigned long long)d->m->sha512_size, d->m->sha512) < 0)
		return -ENOMEM;
	json_out_string(&d->o, "comment", d->tmp.buf);
	json_out_end(&d->o);
	return 0;
}

static int put_packages(struct doc *d, const char *distro)
{
	const struct source_packages *p = &d->m->packages;
	char id[40];
	int r;

	json_out_array(&d->o, "packages");
	r = open_package(d, "SPDXRef-Image", d->m->recipe, NULL, 0);
	json_out_string(&d->o, "primaryPackagePurpose", "OPERATING-SYSTEM");
	r |= put_image_hash(d);
	if (d->m->agent_path) {
		r |= open_package(d, "SPDXRef-Agent", "kata-agent", d->m->agent_version,
				  (uint32_t)p->n + 1);
		close_package(d, "SHA256", d->m->agent_sha256);
	}
	for (size_t i = 0; i < p->n; i++) {
		snprintf(id, sizeof(id), "SPDXRef-Package-%zu", i + 1);
		r |= open_package(d, id, p->v[i].name, p->v[i].version, (uint32_t)i + 1);
		r |= put_purl(&d->o, &p->v[i], distro, &d->tmp);
		close_package(d, "SHA256", p->v[i].sha256);
	}
	json_out_end(&d->o);
	return r;
}

static int put_files(struct doc *d)
{
	char id[40];
	int r = 0;

	json_out_array(&d->o, "files");
	for (size_t i = 0; i < d->s->n_files; i++) {
		const struct sums *sums = &d->s->sums[d->s->files[i].sums];

		r |= file_name(d->s->files[i].node, d->path, &d->tmp);
		snprintf(id, sizeof(id), "SPDXRef-File-%zu", i + 1);
		json_out_object(&d->o, NULL);
		json_out_string(&d->o, "SPDXID", id);
		json_out_string(&d->o, "fileName", d->tmp.buf);
		json_out_array(&d->o, "checksums");
		put_checksum(&d->o, "SHA1", sums->sha1);
		put_checksum(&d->o, "SHA256", sums->sha256);
		json_out_end(&d->o);
		json_out_string(&d->o, "licenseConcluded", NOBODY);
		json_out_string(&d->o, "copyrightText", NOBODY);
		json_out_end(&d->o);
	}
	json_out_end(&d->o);
	return r;
}

static void put_relation(struct doc *d, const char *from, const char *type, const char *to)
{
	json_out_object(&d->o, NULL);
	json_out_string(&d->o, "spdxElementId", from);
	json_out_string(&d->o, "relationshipType", type);
	json_out_string(&d->o, "relatedSpdxElement", to);
	json_out_end(&d->o);
}

static void put_relations(struct doc *d)
{
	const uint32_t agent = (uint32_t)d->m->packages.n + 1;
	char from[40], to[40];

	json_out_array(&d->o, "relationships");
	put_relation(d, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image");
	for (uint32_t k = 0; k <= agent; k++) {
		if (k == agent && !d->m->agent_path)
			break;
		snprintf(from, sizeof(from), "SPDXRef-Package-%u", k);
		if (k == 0 || k == agent)
			snprintf(from, sizeof(from), "SPDXRef-%s", k ? "Agent" : "Image");
		if (k)
			put_relation(d, "SPDXRef-Image", "CONTAINS", from);
		for (size_t i = d->start[k]; i < d->start[k + 1]; i++) {
			snprintf(to, sizeof(to), "SPDXRef-File-%zu", d->by_owner[i] + 1);
			put_relation(d, from, "CONTAINS", to);
		}
	}
	json_out_end(&d->o);
}

/* The namespace's end, written as zeros, becomes the hash of the text with the zeros. */
static int set_namespace(struct strbuf *out, size_t from)
{
	char hex[SHA_HEX_MAX];
	char *at = strstr(out->buf + from, SBOM_NAMESPACE);

	at = at ? strstr(at, UNKNOWN_HASH) : NULL;
	if (!at || sha_hex_of(SHA_KIND_256, out->buf + from, out->len - from, hex) < 0)
		return -EIO;
	memcpy(at, hex, strlen(UNKNOWN_HASH));
	return 0;
}

static int put_head(struct doc *d)
{
	const char *kind = d->m->is_initrd ? "initrd" : "image";
	char created[TIME_RFC3339_MAX];
	int r;

	json_out_object(&d->o, NULL);
	json_out_string(&d->o, "spdxVersion", "SPDX-2.3");
	json_out_string(&d->o, "dataLicense", "CC0-1.0");
	json_out_string(&d->o, "SPDXID", "SPDXRef-DOCUMENT");
	strbuf_reset(&d->tmp);
	r = strbuf_addf(&d->tmp, "%s %s %s", d->m->recipe, kind, d->m->arch);
	json_out_string(&d->o, "name", d->tmp.buf);
	json_out_string(&d->o, "documentNamespace", SBOM_NAMESPACE UNKNOWN_HASH);
	json_out_object(&d->o, "creationInfo");
	time_rfc3339(created, (uint64_t)d->m->epoch * 1000000000u);
	memcpy(created + strlen("2026-01-02T03:04:05"), "Z", 2); /* fractions are not allowed */
	json_out_string(&d->o, "created", created);
	json_out_array(&d->o, "creators");
	json_out_string(&d->o, NULL, "Tool: osbuilder-" KATA_VERSION);
	json_out_end(&d->o);
	json_out_end(&d->o);
	return r;
}

int sbom_to_json(const struct sbom *s, const struct manifest *m, const char *distro,
		 struct strbuf *out, struct error *err)
{
	_cleanup_(doc_release) struct doc d = { .s = s, .m = m, .tmp = STRBUF_INIT };
	const size_t from = out->len;
	int r = doc_group(&d);

	if (r < 0)
		return error_oom(err);
	json_out_init(&d.o, out, NULL);
	r = put_head(&d);
	r |= put_packages(&d, distro);
	r |= put_files(&d);
	put_relations(&d);
	json_out_end(&d.o);
	if (r || json_out_finish(&d.o) < 0)
		return error_oom(err);
	if (strbuf_addch(out, '\n') < 0)
		return error_oom(err);
	r = set_namespace(out, from);
	return r < 0 ? error_sys(err, r, "bill of materials") : 0;
}
