/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "hint.h"
#include "image_write.h"
#include "initrd.h"
#include "pass/pass.h"
#include "recipe/recipe.h"
#include "record.h"
#include "recipe_lock.h"
#include "sbom.h"
#include "writer/dir.h"

void image_build_params_preset(struct image_build_params *p)
{
	memset(p, 0, sizeof(*p));
	p->recipes_dir = "recipes";
	p->cache_dir = "build/cache";
	p->free_mib = -1;
}

struct build {
	const struct image_build_params *p;
	struct recipe *recipe;
	struct tree *tree;
	struct agent_file agent;
	struct manifest m; /* filled on the way; completed for each output */
	struct output image, initrd;
	struct sbom *sbom; /* of the tree; one for image and initrd */
	struct sbom_out image_sbom, initrd_sbom;
	enum writer_compression compression, initrd_compression;
	bool dax; /* the image has the DAX header */
	bool measured;
	struct measure measure;
	struct dir_out rootfs;
	struct file_out tar;
};

static void build_release(struct build *b)
{
	measure_release(&b->measure);
	output_release(&b->image);
	output_release(&b->initrd);
	dir_out_release(&b->rootfs); /* before the tree that it refers to */
	file_out_release(&b->tar);
	sbom_out_release(&b->image_sbom);
	sbom_out_release(&b->initrd_sbom);
	sbom_free(b->sbom);
	tree_free(b->tree);
	recipe_free(b->recipe);
	manifest_release(&b->m);
	agent_file_release(&b->agent);
}

/* That recipe, agent and the wanted outputs fit each other. */
static int check_wanted(const struct build *b, struct error *err)
{
	const struct image_build_params *p = b->p;

	if (!b->recipe->agent_path && (p->image_out || p->initrd_out))
		return error_set(
			err, -EINVAL,
			"recipe '%s' has no agent: only --rootfs and --tar can be made of it",
			b->recipe->name);
	if (b->recipe->agent_path && !p->agent)
		return error_hint(err,
				  error_set(err, -EINVAL,
					    "recipe '%s' has an agent: --agent is missing",
					    b->recipe->name),
				  HINT_AGENT);
	/* dir_out_write() looks again; this says it before the packages are fetched */
	if (p->rootfs_out && faccessat(AT_FDCWD, p->rootfs_out, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return error_hint(err,
				  error_set(err, -EEXIST, "'%s' exists already", p->rootfs_out),
				  HINT_EXISTS);
	return 0;
}

/* File system, its compression, and whether it can have the DAX header. */
static int check_filesystem(struct build *b, struct error *err)
{
	const char *name = b->p->compression ? b->p->compression : b->recipe->compression;
	const struct writer_ops *w = writer_find(b->m.filesystem);
	int r;

	if (w != &writer_ext4 && w != &writer_erofs)
		return error_set(err, -EINVAL, "unknown file system '%s'", b->m.filesystem);
	r = writer_compression(w, name, &b->compression, err);
	if (r < 0)
		return r;
	b->dax = b->recipe->dax && !b->p->no_dax;
	if (b->compression == WRITER_PLAIN || !b->dax)
		return 0;
	if (b->recipe->dax_given)
		return error_set(err, -EINVAL,
				 "recipe '%s' wants image.dax, but what %s compressed cannot be "
				 "mapped: --no-dax is missing",
				 b->recipe->name, name);
	b->dax = false;
	return 0;
}

static int open_inputs(struct build *b, const struct record *record, struct error *err)
{
	const struct image_build_params *p = b->p;
	int r;

	r = recipe_load(p->recipe, p->recipes_dir, &b->recipe, err);
	if (r == 0)
		r = recipe_select_arch(b->recipe, p->arch, err);
	if (r == 0)
		r = recipe_apply(b->recipe, &p->choices, err);
	if (r == 0)
		r = check_wanted(b, err);
	if (r < 0)
		return r;
	if (b->recipe->agent_path) {
		r = agent_file_open(&b->agent, p->agent, err);
		if (r == 0 && !record_sha256(record, b->agent.fd, b->agent.sha256))
			r = agent_file_hash(&b->agent, err);
		if (r < 0)
			return r;
	}
	b->m.arch = strdup(p->arch);
	b->m.recipe = strdup(b->recipe->name);
	b->m.filesystem = strdup(p->filesystem ? p->filesystem : b->recipe->filesystem);
	if (!b->m.arch || !b->m.recipe || !b->m.filesystem)
		return error_oom(err);
	r = writer_compression(&writer_cpio,
			       p->initrd_compression ? p->initrd_compression
						     : b->recipe->initrd_compression,
			       &b->initrd_compression, err);
	if (r < 0)
		return error_prefix(err, "initrd");
	r = check_filesystem(b, err);
	if (r < 0)
		return r;
	b->m.epoch = p->epoch;
	b->measured = p->image_out && (p->measured || b->recipe->measured);
	if (p->measured && !p->image_out)
		return error_set(err, -EINVAL, "only an image can be measured: --image is missing");
	if (p->salt && !b->measured)
		return error_set(err, -EINVAL,
				 "a verity salt is for a measured image (--measured)");
	if (!b->measured)
		return 0;
	return measure_prepare(&b->measure, p->image_out, p->variant ? p->variant : b->recipe->name,
			       p->salt, err);
}

static int load_sources(struct build *b, struct error *err)
{
	_cleanup_free_ char *cache = path_absolute(b->p->cache_dir);
	_cleanup_lock_ struct lock lock = { 0 };
	struct source_env env = { .arch = b->p->arch,
				  .dirfd = b->recipe->dirfd,
				  .cache_dir = cache,
				  .offline = b->p->offline,
				  .packages = &b->m.packages,
				  .progress = b->p->progress };
	int r = cache ? recipe_lock_load(b->p, b->recipe, &lock, err) : error_oom(err);
	size_t locked = 0;

	for (size_t i = 0; r >= 0 && i < b->recipe->n_sources; i++) {
		const struct source_spec *s = &b->recipe->sources[i];

		/* the sources of the lock file are in the recipe's order, as recipe_lock_load() has seen */
		env.lock = lock_wants(s) && lock.n ? &lock.sources[locked++] : NULL;
		r = source_load(s, &env, b->tree, err);
	}
	return r < 0 ? r : 0;
}

static int run_passes(struct build *b, struct error *err)
{
	const struct pass_run_params p = { .recipe = b->recipe,
					   .arch = b->p->arch,
					   .epoch = b->p->epoch,
					   .agent = &b->agent,
					   .agent_version = b->m.agent_version };

	return pass_run(b->tree, &p, &b->m.agent_is_init, err);
}

static int make_tree(struct build *b, struct error *err)
{
	int r = 0;

	b->tree = tree_new();
	if (!b->tree)
		return error_oom(err);
	if (b->recipe->merge_usr)
		r = pass_merge_usr(b->tree, b->p->arch, err);
	if (r == 0)
		r = load_sources(b, err);
	if (r == 0) {
		progress_begin(b->p->progress, PROGRESS_PASSES, NULL, 0, 0);
		r = run_passes(b, err);
	}
	if (r == 0)
		progress_end(b->p->progress, PROGRESS_PASSES);
	return r < 0 ? error_wrap(err, r, "recipe '%s'", b->recipe->name) : 0;
}

static int write_image(struct build *b, struct error *err)
{
	const uint64_t free_mib =
		b->p->free_mib < 0 ? b->recipe->free_mib : (uint64_t)b->p->free_mib;
	const struct image_write_params wp = { .tree = b->tree,
					       .writer = writer_find(b->m.filesystem),
					       .params = { .epoch = b->p->epoch,
							   .label = "kata-root",
							   .compression = b->compression,
							   .progress = b->p->progress,
							   .free_bytes = free_mib << 20 },
					       .dax = b->dax,
					       .align = b->p->align_mib << 20,
					       .measure = b->measured ? &b->measure : NULL };
	int r = output_open(&b->image, b->p->image_out, err);

	b->m.is_initrd = false;
	if (r == 0)
		r = image_write(&wp, &b->image, &b->m, err);
	if (r == 0 && !b->sbom)
		r = sbom_collect(b->tree, &b->sbom, err);
	return r < 0 ? r : output_describe(&b->image, &b->m, err);
}

static int write_initrd(struct build *b, struct error *err)
{
	const struct initrd_params ip = { .epoch = b->p->epoch,
					  .compression = b->initrd_compression,
					  .drop_xattrs = b->recipe->initrd_drop_xattrs,
					  .agent_path = b->recipe->agent_path,
					  .progress = b->p->progress };
	char *fs = strdup("cpio");
	int r;

	if (!fs)
		return error_oom(err);
	free(b->m.filesystem);
	b->m.filesystem = fs;
	b->m.is_initrd = true;
	b->m.dax = b->m.measured = false;
	b->m.n_parts = 0;
	b->m.uuid[0] = '\0';
	progress_begin(b->p->progress, PROGRESS_WRITE, b->p->initrd_out, 0, 0);
	/* The kernel starts /init of an initramfs, not /sbin/init. */
	r = tree_add_symlink(b->tree, "/init", "/sbin/init", err);
	if (r == 0)
		r = output_open(&b->initrd, b->p->initrd_out, err);
	if (r == 0)
		r = initrd_write(b->tree, &ip, b->initrd.file.fd, err);
	if (r == -ENOTSUP)
		return error_prefix(err, "initrd (the recipe may allow it by initrd.drop_xattrs)");
	if (r < 0)
		return r;
	progress_end(b->p->progress, PROGRESS_WRITE);
	progress_begin(b->p->progress, PROGRESS_SEAL, b->p->initrd_out, 0, 0);
	return output_describe(&b->initrd, &b->m, err);
}

static int write_tar(struct build *b, struct error *err)
{
	const struct image_build_params *p = b->p;
	const struct writer_params wp = { .epoch = p->epoch, .progress = p->progress };
	struct writer_result res;
	int r;

	progress_begin(p->progress, PROGRESS_WRITE, p->tar_out, 0, 0);
	r = file_out_open(&b->tar, AT_FDCWD, p->tar_out, 0644, err);
	r = r < 0 ? r : writer_tar.write(b->tree, &wp, b->tar.fd, 0, &res, err);
	if (r == 0)
		progress_end(p->progress, PROGRESS_WRITE);
	return r;
}

/* Beside the output that the manifest describes just now. */
static int write_sbom(struct build *b, struct sbom_out *o, const char *path, struct error *err)
{
	int r = b->sbom ? 0 : sbom_collect(b->tree, &b->sbom, err);

	if (r == 0)
		r = sbom_out_write(o, path, b->sbom, &b->m, b->recipe->distro_name, err);
	if (r == 0)
		progress_end(b->p->progress, PROGRESS_SEAL);
	return r;
}

static int write_rootfs(struct build *b, struct error *err)
{
	const struct image_build_params *p = b->p;
	const struct writer_params wp = { .epoch = p->epoch, .progress = p->progress };
	int r;

	progress_begin(p->progress, PROGRESS_WRITE, p->rootfs_out, 0, 0);
	r = dir_out_write(&b->rootfs, b->tree, AT_FDCWD, p->rootfs_out, &wp, err);
	if (r == 0)
		progress_end(p->progress, PROGRESS_WRITE);
	return r;
}

static void start_sync(const struct build *b)
{
	const struct file_out *const files[] = { &b->image.file,      &b->image.manifest,
						 &b->initrd.file,     &b->initrd.manifest,
						 &b->image_sbom.file, &b->initrd_sbom.file,
						 &b->measure.line,    &b->tar };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		file_out_start_sync(files[i]);
}

/* What is there now. */
static void tell_outputs(const struct build *b)
{
	const struct image_build_params *p = b->p;
	const struct progress_output image = {
		"image",	 p->image_out,	       b->image.size,
		b->image.sha512, b->image.sha512_size, b->measured ? b->m.verity.root_hash : NULL
	};
	const struct progress_output initrd = {
		"initrd",	  p->initrd_out,	 b->initrd.size,
		b->initrd.sha512, b->initrd.sha512_size, NULL
	};
	const struct progress_output rootfs = { .kind = "rootfs", .path = p->rootfs_out };
	const struct progress_output tar = { .kind = "tar", .path = p->tar_out };

	if (p->image_out)
		progress_output(p->progress, &image);
	if (p->initrd_out)
		progress_output(p->progress, &initrd);
	if (p->rootfs_out)
		progress_output(p->progress, &rootfs);
	if (p->tar_out)
		progress_output(p->progress, &tar);
}

/* Before they get their names. */
static void expect_outputs(const struct build *b, struct record *r)
{
	const struct image_build_params *p = b->p;

	record_expect(r, p->image_out, b->image.file.fd);
	record_expect(r, b->image.manifest_path, b->image.manifest.fd);
	record_expect(r, b->image_sbom.path, b->image_sbom.file.fd);
	record_expect(r, p->initrd_out, b->initrd.file.fd);
	record_expect(r, b->initrd.manifest_path, b->initrd.manifest.fd);
	record_expect(r, b->initrd_sbom.path, b->initrd_sbom.file.fd);
	record_expect(r, p->tar_out, b->tar.fd);
	record_expect(r, b->measure.line_path, b->measure.line.fd);
}

static int build_all(const struct image_build_params *p, struct record *record, struct error *err)
{
	_cleanup_(build_release) struct build b = { .p = p,
						    .agent = AGENT_FILE_INIT,
						    .image = OUTPUT_INIT,
						    .measure = MEASURE_INIT,
						    .initrd = OUTPUT_INIT,
						    .image_sbom = SBOM_OUT_INIT,
						    .initrd_sbom = SBOM_OUT_INIT,
						    .rootfs = DIR_OUT_INIT,
						    .tar = FILE_OUT_INIT };
	int r = open_inputs(&b, record, err);

	if (r == 0 && b.recipe->agent_path)
		r = manifest_set_agent(&b.m, &b.agent, b.recipe->agent_path, err);
	if (r == 0)
		r = make_tree(&b, err);
	if (r == 0 && p->image_out)
		r = write_image(&b, err);
	if (r == 0 && p->image_out)
		r = write_sbom(&b, &b.image_sbom, p->image_out, err);
	if (r == 0 && p->rootfs_out) /* before the initrd, which adds to the tree */
		r = write_rootfs(&b, err);
	if (r == 0 && p->tar_out)
		r = write_tar(&b, err);
	if (r == 0 && p->initrd_out)
		r = write_initrd(&b, err);
	if (r == 0 && p->initrd_out)
		r = write_sbom(&b, &b.initrd_sbom, p->initrd_out, err);
	if (r == 0 && p->rootfs_out) /* the one that may still refuse what it finds there */
		r = dir_out_commit(&b.rootfs, err);
	if (r == 0) {
		start_sync(&b);
		expect_outputs(&b, record);
	}
	if (r == 0 && b.measured)
		r = measure_retract(&b.measure, err);
	if (r == 0 && p->image_out)
		r = output_commit(&b.image, err);
	if (r == 0 && b.measured)
		r = measure_commit(&b.measure, err);
	if (r == 0 && p->initrd_out)
		r = output_commit(&b.initrd, err);
	if (r == 0 && p->tar_out)
		r = file_out_commit(&b.tar, err);
	if (r == 0)
		r = sbom_out_commit(&b.image_sbom, err);
	if (r == 0)
		r = sbom_out_commit(&b.initrd_sbom, err);
	if (r == 0)
		tell_outputs(&b);
	return r;
}

/* What is there already. 1: nothing is to be done. */
static int tell_current(const struct image_build_params *p, const struct record *record)
{
	const struct {
		const char *kind, *path;
	} outputs[] = { { "image", p->image_out }, { "initrd", p->initrd_out } };

	if (p->force || !record_is_current(record))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		_cleanup_manifest_ struct manifest m = { 0 };
		struct progress_output told = { .kind = outputs[i].kind,
						.path = outputs[i].path,
						.unchanged = true };

		if (!outputs[i].path)
			continue;
		if (manifest_load(outputs[i].path, &m, NULL) < 0)
			return 0;
		told.size = m.size;
		told.sha512 = m.sha512;
		told.sha512_size = m.sha512_size;
		told.root_hash = m.measured ? m.verity.root_hash : NULL;
		progress_output(p->progress, &told);
	}
	if (p->tar_out)
		progress_output(p->progress, &(struct progress_output){ .kind = "tar",
									.path = p->tar_out,
									.unchanged = true });
	return 1;
}

int image_build(const struct image_build_params *p, struct error *err)
{
	_cleanup_record_ struct record record = { 0 };
	int r;

	record_begin(&record, p);
	if (tell_current(p, &record))
		return 0;
	r = build_all(p, &record, err);
	if (r == 0)
		record_finish(&record, p);
	return r;
}

int image_pack_dir(int dirfd, int out_fd, const struct image_pack_params *p,
		   struct writer_result *ret, struct error *err)
{
	const struct source_dir_params dp = { .own_as_root = p->own_as_root, .target = "" };
	const struct writer_params wp = { .keep_times = true,
					  .seed = p->seed,
					  .free_bytes = p->free_bytes };
	const struct writer_ops *w = writer_find(p->format);
	_cleanup_tree_ struct tree *t = NULL;
	int r;

	if (!w)
		return error_set(err, -EINVAL, "unknown file system '%s'", p->format);
	t = tree_new();
	if (!t)
		return error_oom(err);
	r = source_add_dir(t, dirfd, &dp, err);
	return r < 0 ? r : w->write(t, &wp, out_fd, 0, ret, err);
}
