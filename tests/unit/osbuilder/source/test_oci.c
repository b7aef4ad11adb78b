/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "source/oci.h"
#include "support/make_archive.h"

#define INDEX	 "application/vnd.oci.image.index.v1+json"
#define MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define CONFIG	 "application/vnd.oci.image.config.v1+json"
#define LAYER	 "application/vnd.oci.image.layer.v1.tar"
#define HEX_A	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B	 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C	 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define HEX_D	 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

/* A layout in memory, and the manifest that is being written. */
struct layout {
	struct tree *tree;
	struct strbuf layers; /* descriptors */
	unsigned n;
};

static void add(struct layout *l, const char *path, const void *data, size_t len)
{
	struct error err = ERROR_INIT;

	if (tree_add_file(l->tree, path, 0644, data, len, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Stores a blob and returns its descriptor as JSON, malloc'd. */
static char *add_blob(struct layout *l, const char *type, const void *data, size_t len)
{
	char hex[SHA_HEX_MAX], path[32 + SHA_HEX_MAX], *desc;

	assert_int_equal(sha_hex_of(SHA_KIND_256, data, len, hex), 0);
	snprintf(path, sizeof(path), "blobs/sha256/%s", hex);
	add(l, path, data, len);
	desc = str_printf("\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu", type, hex,
			  len);
	assert_non_null(desc);
	return desc;
}

static void layout_start(struct layout *l)
{
	*l = (struct layout){ tree_new(), STRBUF_INIT, 0 };
	add(l, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", 30);
}

static void add_layer(struct layout *l, const char *filter, const char *type,
		      const struct archive_member *m, size_t n)
{
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	_cleanup_free_ char *desc = NULL;

	make_tar(&tar, filter, m, n);
	desc = add_blob(l, type, tar.buf, tar.len);
	assert_int_equal(strbuf_addf(&l->layers, "%s{%s}", l->n++ ? "," : "", desc), 0);
}

/* Manifest and index.json around the layers; `extra` goes into the descriptor in the index. */
static void layout_finish(struct layout *l, const char *arch, const char *extra)
{
	_cleanup_free_ char *config = NULL, *config_desc = NULL, *manifest = NULL, *desc = NULL,
			    *index = NULL;

	config = str_printf("{\"architecture\":\"%s\",\"os\":\"linux\"}", arch);
	config_desc = add_blob(l, CONFIG, config, strlen(config));
	manifest = str_printf("{\"schemaVersion\":2,\"config\":{%s},\"layers\":[%s]}", config_desc,
			      l->layers.buf);
	desc = add_blob(l, MANIFEST, manifest, strlen(manifest));
	index = str_printf("{\"schemaVersion\":2,\"manifests\":[{%s%s}]}", desc, extra);
	add(l, "index.json", index, strlen(index));
}

static void layout_end(struct layout *l)
{
	tree_free(l->tree);
	strbuf_release(&l->layers);
}

static int unpack(struct layout *l, struct tree *t, const char *reference, uint64_t max,
		  const char *target, struct error *err)
{
	const struct oci_query q = { reference, "amd64" };
	_cleanup_(oci_image_release) struct oci_image image = { 0 };
	const struct la_limits limits = { max, 1000 };
	int r = oci_find_image(l->tree, &q, &image, err);

	return r < 0 ? r : oci_unpack_image(t, l->tree, &image, target, &limits, err);
}

static const struct archive_member base_layer[] = {
	{ "etc/", 'd', NULL, 0755, 0 },	       { "etc/keep", 'f', "keep", 0644, 0 },
	{ "etc/gone", 'f', "gone", 0644, 0 },  { "opaque/a", 'f', "a", 0644, 0 },
	{ "opaque/sub/b", 'f', "b", 0644, 0 }, { "dir/x", 'f', "x", 0644, 0 },
	{ "tolink/y", 'f', "y", 0644, 0 },     { "real/z", 'f', "z", 0644, 0 },
	{ "via", 'l', "real", 0777, 0 },       { "todir", 'l', "real", 0777, 0 },
};

static void test_layers(void **state)
{
	/* the whiteouts stand behind what they must not touch */
	static const struct archive_member second[] = {
		{ "opaque/new", 'f', "new", 0644, 0 },	{ "opaque/.wh..wh..opq", 'f', "", 0644, 0 },
		{ "etc/.wh.gone", 'f', "", 0644, 0 },	{ "etc/.wh.never", 'f', "", 0644, 0 },
		{ "etc/again", 'f', "again", 0644, 0 }, { "etc/.wh.again", 'f', "", 0644, 0 },
		{ "via/.wh.z", 'f', "", 0644, 0 },	{ "dir", 'f', "now a file", 0644, 0 },
		{ "tolink", 'l', "etc", 0777, 0 },	{ "todir/", 'd', NULL, 0700, 0 },
		{ ".wh..wh.plnk", 'd', NULL, 0700, 0 }, { "hard", 'h', "etc/again", 0644, 0 },
	};
	static const char *const filters[] = { "none", "gzip", "zstd" };
	static const char *const types[] = { LAYER, LAYER "+gzip", LAYER "+zstd" };

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct tree *t = tree_new();
		struct error err = ERROR_INIT;
		struct layout l;

		layout_start(&l);
		add_layer(&l, filters[i], types[i], base_layer, ARRAY_SIZE(base_layer));
		add_layer(&l, filters[i], types[i], second, ARRAY_SIZE(second));
		layout_finish(&l, "amd64", "");
		if (unpack(&l, t, NULL, 1 << 20, "/img", &err) < 0)
			fail_msg("%s: %s", filters[i], err.msg);
		assert_non_null(tree_lookup(t, "img/etc/keep"));
		assert_null(tree_lookup(t, "img/etc/gone"));
		assert_non_null(tree_lookup(t, "img/etc/again"));
		assert_ptr_equal(tree_lookup(t, "img/hard")->inode,
				 tree_lookup(t, "img/etc/again")->inode);
		assert_int_equal(tree_lookup(t, "img/opaque")->n_children, 1);
		assert_non_null(tree_lookup(t, "img/opaque/new"));
		assert_null(tree_lookup(t, "img/real/z"));
		assert_true(S_ISREG(tree_lookup(t, "img/dir")->inode->mode));
		assert_true(S_ISLNK(tree_lookup(t, "img/tolink")->inode->mode));
		assert_int_equal(tree_lookup(t, "img/todir")->inode->mode, S_IFDIR | 0700);
		assert_null(tree_lookup(t, "img/.wh..wh.plnk"));
		assert_int_equal(tree_lookup(t, "img/etc")->n_children, 2);
		tree_free(t);
		layout_end(&l);
	}
}

static void test_hostile_layers(void **state)
{
	static const struct {
		struct archive_member m[2];
		const char *message;
	} cases[] = {
		{ { { "../out", 'f', "x", 0644, 0 } }, "entry '../out': path contains '..'" },
		{ { { "/etc/passwd", 'f', "x", 0644, 0 } }, "entry '/etc/passwd': absolute path" },
		{ { { "a/../../.wh.etc", 'f', "", 0644, 0 } },
		  "entry 'a/../../.wh.etc': path contains '..'" },
		{ { { "etc/.wh.", 'f', "", 0644, 0 } },
		  "entry 'etc/.wh.': whiteout without a name" },
		{ { { "etc/.wh...", 'f', "", 0644, 0 } },
		  "entry 'etc/.wh...': whiteout without a name" },
		{ { { "h", 'h', "../../etc/shadow", 0644, 0 } },
		  "entry 'h': hard link target '../../etc/shadow': path contains '..'" },
		{ { { "a", 'f', "x", 0644, 0 }, { "a", 'f', "y", 0644, 0 } },
		  "entry 'a': is there twice" },
		{ { { "a", 'f', "x", 0644, 0 }, { "a", 'd', NULL, 0755, 0 } },
		  "entry 'a/': is there twice" },
		{ { { "bomb", 'f', NULL, 0644, 2 << 20 } }, "unpacks to more than" },
		{ { { "e", 'l', "/..", 0777, 0 }, { "e/tmp/x", 'f', "x", 0644, 0 } }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tree *t = tree_new();
		struct error err = ERROR_INIT;
		struct layout l;
		int r;

		layout_start(&l);
		add_layer(&l, "gzip", LAYER "+gzip", base_layer, ARRAY_SIZE(base_layer));
		add_layer(&l, "gzip", LAYER "+gzip", cases[i].m, cases[i].m[1].path ? 2 : 1);
		layout_finish(&l, "amd64", "");
		r = unpack(&l, t, NULL, 1 << 20, NULL, &err);
		if (cases[i].message) {
			assert_true(r < 0);
			assert_non_null(strstr(err.msg, cases[i].message));
			assert_non_null(strstr(err.msg, "layer 2 (sha256:"));
		} else { /* a link through the root stays inside */
			assert_int_equal(r, 0);
			assert_non_null(tree_lookup(t, "tmp/x"));
		}
		tree_free(t);
		layout_end(&l);
	}
}

/* The limit is for all layers together. */
static void test_limit_in_sum(void **state)
{
	static const struct archive_member m[] = { { "f", 'f', NULL, 0644, 600 << 10 } };
	struct tree *t = tree_new();
	struct error err = ERROR_INIT;
	struct layout l;

	layout_start(&l);
	add_layer(&l, "gzip", LAYER "+gzip", m, 1);
	add_layer(&l, "zstd", LAYER "+zstd", m, 1);
	layout_finish(&l, "amd64", "");
	assert_int_equal(unpack(&l, t, NULL, 1 << 20, NULL, &err), -EFBIG);
	assert_non_null(strstr(err.msg, "layer 2 (sha256:"));
	tree_free(t);
	layout_end(&l);
}

static void test_damaged_layout(void **state)
{
	struct error err = ERROR_INIT;
	struct tree_node *blobs;
	struct layout l;
	struct tree *t;

	for (int i = 0; i < 6; i++) {
		static const char *const want[] = {
			" is damaged: its digest is sha256:",
			" bytes, its descriptor says ",
			"the layout has no blob sha256:",
			"it has no file oci-layout",
			"it has no file index.json",
			"oci-layout: layout version '2.0.0' is not known (only 1.x)",
		};
		char path[TREE_PATH_BUF];
		uint8_t data[8192];
		struct blob *b;

		layout_start(&l);
		t = tree_new();
		add_layer(&l, "none", LAYER, base_layer, 2);
		layout_finish(&l, "amd64", "");
		blobs = tree_lookup(l.tree, "blobs/sha256");
		for (size_t k = 0; i < 3 && k < blobs->n_children; k++) {
			b = &blobs->children[k]->inode->content;
			if (b->size < 1024) /* not the layer */
				continue;
			assert_true(b->size <= sizeof(data));
			assert_int_equal(blob_read(b, 0, data, b->size, &err), 0);
			data[600] ^= 1;
			tree_path(blobs->children[k], path);
			if (i == 2)
				tree_remove(l.tree, blobs->children[k]);
			else
				add(&l, path, data, b->size - (i == 1));
			break;
		}
		if (i == 3)
			tree_remove(l.tree, tree_lookup(l.tree, "oci-layout"));
		if (i == 4)
			tree_remove(l.tree, tree_lookup(l.tree, "index.json"));
		if (i == 5)
			add(&l, "oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}", 30);
		assert_true(unpack(&l, t, NULL, 1 << 20, NULL, &err) < 0);
		if (!strstr(err.msg, want[i]))
			fail_msg("%d: %s", i, err.msg);
		assert_int_equal(tree_count(t), 1);
		tree_free(t);
		layout_end(&l);
	}
}

#define DESC(type, hex) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" hex "\",\"size\":5"
#define PLATFORM(arch)	",\"platform\":{\"architecture\":\"" arch "\",\"os\":\"linux\"}}"
#define NAMED(name)	",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}}"
#define LIST(...)	"{\"schemaVersion\":2,\"manifests\":[" __VA_ARGS__ "]}"

static void test_index(void **state)
{
	static const struct {
		const char *text, *reference, *digest, *message;
	} cases[] = {
		{ LIST(DESC(MANIFEST, HEX_A) "}"), NULL, "sha256:" HEX_A, NULL },
		{ LIST(DESC(MANIFEST, HEX_A) PLATFORM("arm64") "," DESC(MANIFEST, HEX_B)
			       PLATFORM("amd64")),
		  NULL, "sha256:" HEX_B, NULL },
		{ LIST(DESC(MANIFEST, HEX_A) NAMED("v1") "," DESC(MANIFEST, HEX_B) NAMED("v2")),
		  "v2", "sha256:" HEX_B, NULL },
		{ LIST(DESC(MANIFEST, HEX_A) NAMED("v1") "," DESC(MANIFEST, HEX_B) NAMED("v2")),
		  "sha256:" HEX_A, "sha256:" HEX_A, NULL },
		{ LIST(DESC(MANIFEST, HEX_A) NAMED("v1") "," DESC(MANIFEST, HEX_A) NAMED("v2")),
		  NULL, "sha256:" HEX_A, NULL },
		{ LIST(DESC(MANIFEST, HEX_A) NAMED("v1") "," DESC(MANIFEST, HEX_B) NAMED("v2")),
		  NULL, NULL, "holds 2 images, and 'reference' must name one: v1, v2" },
		{ LIST(DESC(MANIFEST, HEX_A) NAMED("v1")), "v3", NULL,
		  "holds no image 'v3', only v1" },
		{ LIST(DESC(MANIFEST, HEX_A) PLATFORM("arm64")), NULL, NULL,
		  "has no image for linux/amd64, only for linux/arm64" },
		{ LIST(""), NULL, NULL, "holds no image" },
		{ LIST(DESC(LAYER, HEX_A) "}"), NULL, NULL,
		  "manifests[0]: is neither a manifest nor an index" },
		{ LIST(DESC("text/plain", HEX_A) "}"), NULL, NULL,
		  "manifests[0].mediaType: unknown media type 'text/plain'" },
		{ LIST(DESC("application/vnd.docker.distribution.manifest.list.v2+json",
			    HEX_A) "}"),
		  NULL, "sha256:" HEX_A, NULL },
		{ LIST(DESC("application/vnd.docker.distribution.manifest.v2+json", HEX_A) "}"),
		  NULL, "sha256:" HEX_A, NULL },
		{ LIST(DESC(MANIFEST, "../../x") "}"), NULL, NULL,
		  "manifests[0].digest: 'sha256:../../x' is not a SHA-256 or SHA-512 digest" },
		{ "{\"schemaVersion\":1,\"manifests\":[]}", NULL, NULL,
		  "schemaVersion: 1 is not known (only 2)" },
		{ "{\"schemaVersion\":2}", NULL, NULL, "manifests: missing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct oci_query q = { cases[i].reference, "amd64" };
		struct error err = ERROR_INIT;
		struct oci_desc d = { 0 };
		int r = oci_read_index(cases[i].text, strlen(cases[i].text), &q, &d, &err);

		if (cases[i].digest) {
			if (r < 0)
				fail_msg("%zu: %s", i, err.msg);
			assert_string_equal(d.digest, cases[i].digest);
			continue;
		}
		assert_true(r < 0);
		assert_string_equal(err.msg, cases[i].message);
	}
}

/* Each architecture finds its own image, by the names that Go has for them. */
static void test_platforms(void **state)
{
	static const char text[] = LIST(
		DESC(MANIFEST, HEX_A) PLATFORM("arm64") "," DESC(MANIFEST, HEX_B)
			PLATFORM("amd64") "," DESC(MANIFEST, HEX_C)
				PLATFORM("ppc64le") "," DESC(MANIFEST, HEX_D) PLATFORM("s390x"));
	static const char *const want[][2] = { { "aarch64", "sha256:" HEX_A },
					       { "x86_64", "sha256:" HEX_B },
					       { "ppc64le", "sha256:" HEX_C },
					       { "s390x", "sha256:" HEX_D } };

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const struct oci_query q = { NULL, oci_arch(want[i][0]) };
		struct error err = ERROR_INIT;
		struct oci_desc d = { 0 };

		assert_int_equal(oci_read_index(text, strlen(text), &q, &d, &err), 0);
		assert_string_equal(d.digest, want[i][1]);
	}
	assert_null(oci_arch("riscv64"));
}

static void test_foreign(void **state)
{
	static const char *const types[] = {
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, want = STRBUF_INIT;
		_cleanup_(oci_image_release) struct oci_image image = { 0 };
		struct error err = ERROR_INIT;

		strbuf_addf(&text,
			    "{\"schemaVersion\":2,\"config\":" DESC(
				    CONFIG, HEX_A) "},\"layers\":[{"
						   "\"mediaType\":\"%s\",\"digest\":\"sha256:" HEX_B
						   "\",\"size\":5}]}",
			    types[i]);
		strbuf_addf(
			&want,
			"layers[0].mediaType: '%s': a foreign layer, which the image does not hold",
			types[i]);
		assert_int_equal(oci_read_manifest(text.buf, text.len, &image, &err), -EINVAL);
		assert_string_equal(err.msg, want.buf);
	}
}

/* What `docker save` wrote before it wrote image layouts. */
static void test_docker_archive(void **state)
{
	_cleanup_tree_ struct tree *layout = tree_new();
	_cleanup_(oci_image_release) struct oci_image image = { 0 };
	const struct oci_query q = { NULL, "amd64" };
	struct error err = ERROR_INIT;

	assert_int_equal(tree_add_file(layout, "manifest.json", 0644, "[]", 2, &err), 0);
	assert_int_equal(oci_find_image(layout, &q, &image, &err), -EINVAL);
	assert_non_null(
		strstr(err.msg, "is a docker-archive, not an OCI image layout (skopeo copy "));
}

static void test_manifest(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "{\"schemaVersion\":2,\"config\":" DESC(LAYER, HEX_A) "},\"layers\":[]}",
		  "config: is not the configuration of a container image" },
		{ "{\"schemaVersion\":2,\"config\":" DESC(CONFIG, HEX_A) "},\"layers\":[" DESC(
			  CONFIG, HEX_A) "}]}",
		  "layers[0]: is not a layer" },
		{ "{\"schemaVersion\":2,\"config\":" DESC(CONFIG, HEX_A) "}}", "layers: missing" },
		{ "{\"schemaVersion\":2,\"layers\":[]}", "config: missing" },
		{ "[]", "(root): expected an object, got an array" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(oci_image_release) struct oci_image image = { 0 };
		struct error err = ERROR_INIT;

		assert_int_equal(oci_read_manifest(cases[i].text, strlen(cases[i].text), &image,
						   &err),
				 -EINVAL);
		assert_string_equal(err.msg, cases[i].message);
	}
}

static void test_wrong_platform(void **state)
{
	struct tree *t = tree_new();
	struct error err = ERROR_INIT;
	struct layout l;

	layout_start(&l);
	add_layer(&l, "none", LAYER, base_layer, 2);
	layout_finish(&l, "s390x", "");
	assert_int_equal(unpack(&l, t, NULL, 1 << 20, NULL, &err), -ENOEXEC);
	assert_string_equal(err.msg, "the image is for linux/s390x, not for linux/amd64");
	tree_free(t);
	layout_end(&l);
}

/* An index that names an index and so on: found as long as it is not too deep. */
static void test_nested(void **state)
{
	for (int depth = 1; depth <= OCI_INDEX_DEPTH + 1; depth++) {
		struct tree *t = tree_new();
		struct error err = ERROR_INIT;
		struct layout l;
		int r;

		layout_start(&l);
		add_layer(&l, "none", LAYER, base_layer, ARRAY_SIZE(base_layer));
		layout_finish(&l, "amd64", "");
		for (int i = 0; i < depth; i++) {
			struct tree_node *n = tree_lookup(l.tree, "index.json");
			_cleanup_free_ char *inner =
				strndup((char *)n->inode->content.bytes, n->inode->content.size);
			_cleanup_free_ char *desc = add_blob(&l, INDEX, inner, strlen(inner));
			_cleanup_free_ char *text = str_printf(LIST("{%s" NAMED("top")), desc);

			add(&l, "index.json", text, strlen(text));
		}
		r = unpack(&l, t, "top", 1 << 20, NULL, &err);
		assert_int_equal(r, depth <= OCI_INDEX_DEPTH ? 0 : -E2BIG);
		if (r < 0)
			assert_string_equal(err.msg, "more than 4 indexes inside each other");
		else
			assert_non_null(tree_lookup(t, "etc/keep"));
		tree_free(t);
		layout_end(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_platforms),      cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_docker_archive), cmocka_unit_test(test_layers),
		cmocka_unit_test(test_hostile_layers), cmocka_unit_test(test_limit_in_sum),
		cmocka_unit_test(test_damaged_layout), cmocka_unit_test(test_index),
		cmocka_unit_test(test_manifest),       cmocka_unit_test(test_wrong_platform),
		cmocka_unit_test(test_nested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
