/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "codec/json.h"
#include "codec/sha.h"
#include "sbom.h"

#define SHA1_ABC   "a9993e364706816aba3e25717850c26c9cd0d89d"
#define SHA256_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define HEX64	   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define NAMESPACE  "https://katacontainers.io/spdx/"

static struct tree *make_tree(void)
{
	struct error err = ERROR_INIT;
	struct tree *t = tree_new();

	assert_non_null(t);
	assert_int_equal(tree_add_file(t, "/bin/tool", 0755, "abc", 3, &err), 0);
	tree_lookup(t, "/bin/tool")->inode->origin = 1;
	assert_int_equal(tree_link(t, "/bin/same", "/bin/tool", 0, NULL, &err), 0);
	assert_int_equal(tree_add_file(t, "/bin/agent", 0755, "agent", 5, &err), 0);
	assert_int_equal(tree_add_symlink(t, "/sbin/init", "/bin/agent", &err), 0);
	assert_int_equal(tree_add_file(t, "/etc/\xff\xc3\xa4\"", 0644, NULL, 0, &err), 0);
	return t;
}

static void make_manifest(struct manifest *m)
{
	*m = (struct manifest){ .epoch = 1700000000 };
	m->arch = strdup("x86_64");
	m->recipe = strdup("r");
	m->agent_path = strdup("/sbin/init");
	m->agent_version = strdup("1.2");
	memset(m->sha512, 'a', sizeof(m->sha512) - 1);
	memcpy(m->agent_sha256, HEX64, sizeof(m->agent_sha256));
	assert_int_equal(source_packages_add(&m->packages, "g++", "1:2+3", "amd64", HEX64), 0);
	m->packages.v[0].type = "deb";
	assert_int_equal(source_packages_add(&m->packages, "empty", "1", "all", HEX64), 0);
}

static const char *str(const struct json_value *v, const char *key)
{
	const char *s = NULL;
	struct error err = ERROR_INIT;

	if (json_need_string(v, key, &s, &err) < 0)
		fail_msg("%s", err.msg);
	return s;
}

static const struct json_value *by_id(const struct json_value *array, const char *id)
{
	const struct json_value *v;

	json_for_each(v, array)
	{
		if (!strcmp(str(v, "SPDXID"), id))
			return v;
	}
	fail_msg("no %s", id);
	return NULL;
}

static bool related(const struct json_value *array, const char *from, const char *type,
		    const char *to)
{
	const struct json_value *v;

	json_for_each(v, array)
	{
		if (!strcmp(str(v, "spdxElementId"), from) &&
		    !strcmp(str(v, "relationshipType"), type) &&
		    !strcmp(str(v, "relatedSpdxElement"), to))
			return true;
	}
	return false;
}

static void make(const char *distro, struct strbuf *out)
{
	_cleanup_manifest_ struct manifest m;
	_cleanup_tree_ struct tree *t = make_tree();
	struct error err = ERROR_INIT;
	struct sbom *s = NULL;

	make_manifest(&m);
	if (sbom_collect(t, &s, &err) < 0 || sbom_to_json(s, &m, distro, out, &err) < 0)
		fail_msg("%s", err.msg);
	sbom_free(s);
}

static struct json_doc *parse(const struct strbuf *sb)
{
	struct error err = ERROR_INIT;
	struct json_doc *doc = NULL;

	if (json_doc_parse(sb->buf, sb->len, JSON_MAX_BYTES, &doc, &err) < 0)
		fail_msg("%s", err.msg);
	return doc;
}

static void test_document(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT, again = STRBUF_INIT;
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	const struct json_value *root, *info, *creators;
	char hex[SHA_HEX_MAX];
	char *at;

	make("Debian", &sb);
	make("Debian", &again);
	assert_string_equal(sb.buf, again.buf);
	doc = parse(&sb);
	root = json_doc_root(doc);
	assert_string_equal(str(root, "spdxVersion"), "SPDX-2.3");
	assert_string_equal(str(root, "dataLicense"), "CC0-1.0");
	assert_string_equal(str(root, "SPDXID"), "SPDXRef-DOCUMENT");
	assert_string_equal(str(root, "name"), "r image x86_64");
	info = json_find(root, "creationInfo");
	assert_string_equal(str(info, "created"), "2023-11-14T22:13:20Z");
	creators = json_find(info, "creators");
	assert_int_equal(json_count(creators), 1);
	assert_string_equal(json_first(creators)->str.s, "Tool: osbuilder-" KATA_VERSION);
	/* the namespace is the hash of the document with zeros in its place */
	at = strstr(sb.buf, NAMESPACE);
	assert_non_null(at);
	at += strlen(NAMESPACE);
	memset(at, '0', 64);
	assert_int_equal(sha_hex_of(SHA_KIND_256, sb.buf, sb.len, hex), 0);
	assert_string_equal(str(root, "documentNamespace") + strlen(NAMESPACE), hex);
}

static void test_packages(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	const struct json_value *packages, *p;
	char hex[SHA_HEX_MAX];
	bool analyzed = true;
	struct error err = ERROR_INIT;

	make("My Linux", &sb);
	doc = parse(&sb);
	packages = json_find(json_doc_root(doc), "packages");
	assert_int_equal(json_count(packages), 4);
	json_for_each(p, packages)
	{
		assert_true(*str(p, "name"));
		assert_string_equal(str(p, "downloadLocation"), "NOASSERTION");
	}
	p = by_id(packages, "SPDXRef-Package-1");
	assert_string_equal(str(p, "name"), "g++");
	assert_string_equal(str(p, "versionInfo"), "1:2+3");
	assert_string_equal(str(json_first(json_find(p, "externalRefs")), "referenceLocator"),
			    "pkg:deb/my%20linux/g%2B%2B@1%3A2%2B3?arch=amd64");
	assert_string_equal(str(json_first(json_find(p, "checksums")), "checksumValue"), HEX64);
	/* two names of one file: its SHA-1 twice */
	assert_int_equal(sha_hex_of(SHA_KIND_1, SHA1_ABC SHA1_ABC, 80, hex), 0);
	assert_string_equal(
		str(json_find(p, "packageVerificationCode"), "packageVerificationCodeValue"), hex);
	p = by_id(packages, "SPDXRef-Package-2");
	assert_int_equal(json_get_bool(p, "filesAnalyzed", &analyzed, &err), 1);
	assert_false(analyzed);
	assert_null(json_find(p, "packageVerificationCode"));
	assert_null(json_find(p, "externalRefs"));
	p = by_id(packages, "SPDXRef-Agent");
	assert_string_equal(str(p, "versionInfo"), "1.2");
	p = by_id(packages, "SPDXRef-Image");
	assert_string_equal(str(json_first(json_find(p, "checksums")), "algorithm"), "SHA512");
	assert_null(json_find(p, "comment"));
}

/* A checksum would be that of a whole file. */
static void test_padded_image(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct sbom *s = NULL;
	struct manifest m;
	struct tree *t;

	make_manifest(&m);
	m.size = 128 << 20;
	m.sha512_size = 5 << 20;
	t = make_tree();
	assert_int_equal(sbom_collect(t, &s, &err), 0);
	assert_int_equal(sbom_to_json(s, &m, NULL, &sb, &err), 0);
	sbom_free(s);
	tree_free(t);
	assert_non_null(strstr(sb.buf,
			       "\"comment\":\"SHA-512 of the first 5242880 bytes, which only "
			       "zeros follow: aaaa"));
	assert_null(strstr(sb.buf, "SHA512"));
	manifest_release(&m);
}

static void test_files(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	const struct json_value *files, *rel, *sums;

	make(NULL, &sb);
	doc = parse(&sb);
	files = json_find(json_doc_root(doc), "files");
	rel = json_find(json_doc_root(doc), "relationships");
	assert_int_equal(json_count(files), 4);
	assert_string_equal(str(by_id(files, "SPDXRef-File-1"), "fileName"), "./bin/agent");
	assert_string_equal(str(by_id(files, "SPDXRef-File-2"), "fileName"), "./bin/same");
	assert_string_equal(str(by_id(files, "SPDXRef-File-4"), "fileName"), "./etc/%FF\xc3\xa4\"");
	sums = json_first(json_find(by_id(files, "SPDXRef-File-3"), "checksums"));
	assert_string_equal(str(sums, "algorithm"), "SHA1");
	assert_string_equal(str(sums, "checksumValue"), SHA1_ABC);
	assert_string_equal(str(sums->next, "checksumValue"), SHA256_ABC);
	assert_int_equal(json_count(rel), 8);
	assert_true(related(rel, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image"));
	assert_true(related(rel, "SPDXRef-Image", "CONTAINS", "SPDXRef-Package-2"));
	assert_true(related(rel, "SPDXRef-Image", "CONTAINS", "SPDXRef-Agent"));
	assert_true(related(rel, "SPDXRef-Agent", "CONTAINS", "SPDXRef-File-1"));
	assert_true(related(rel, "SPDXRef-Package-1", "CONTAINS", "SPDXRef-File-2"));
	assert_true(related(rel, "SPDXRef-Package-1", "CONTAINS", "SPDXRef-File-3"));
	assert_true(related(rel, "SPDXRef-Image", "CONTAINS", "SPDXRef-File-4"));
}

/* A SHA-256 that somebody knows is not made again; the SHA-1 is. */
static void test_known_hash(void **state)
{
	_cleanup_tree_ struct tree *t = make_tree();
	struct blob *b = &tree_lookup(t, "/bin/tool")->inode->content;
	struct error err = ERROR_INIT;
	struct sbom *s = NULL;
	char hex[SHA_HEX_MAX];

	b->has_sha256 = true;
	memset(b->sums.sha256, 0xab, sizeof(b->sums.sha256));
	assert_int_equal(sbom_collect(t, &s, &err), 0);
	sbom_free(s);
	assert_true(b->has_sums);
	hex_encode(hex, b->sums.sha1, sizeof(b->sums.sha1));
	assert_string_equal(hex, SHA1_ABC);
	assert_int_equal(b->sums.sha256[0], 0xab);
	b = &tree_lookup(t, "/bin/agent")->inode->content;
	assert_true(b->has_sums && b->has_sha256);
}

/* A file that cannot be read any more must not be left out silently. */
static void test_unreadable(void **state)
{
	_cleanup_tree_ struct tree *t = make_tree();
	struct blob *b = &tree_lookup(t, "/bin/agent")->inode->content;
	struct error err = ERROR_INIT;
	struct sbom *s = NULL;

	blob_release(b);
	assert_int_equal(blob_from_path(b, -1, "gone", 5), 0);
	assert_true(sbom_collect(t, &s, &err) < 0);
	assert_non_null(strstr(err.msg, "bill of materials: /bin/agent: cannot open 'gone'"));
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document),     cmocka_unit_test(test_packages),
		cmocka_unit_test(test_padded_image), cmocka_unit_test(test_files),
		cmocka_unit_test(test_unreadable),   cmocka_unit_test(test_known_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
