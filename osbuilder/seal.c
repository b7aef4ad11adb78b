/* SPDX-License-Identifier: Apache-2.0 */
#include "seal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "image.h"
#include "image_read.h"
#include "image_write.h"
#include "initrd.h"
#include "pass/pass.h"
#include "sbom.h"
#include "writer/le.h"

#define SUMMARY_MAX (1u << 20)
/* struct ext4_super_block (fs/ext4/ext4.h): s_free_blocks_count_lo, s_log_block_size, s_volume_name, ..._hi. */
#define SB_POS	     1024
#define SB_FREE_LO   12
#define SB_LOG_BLOCK 24
#define SB_LABEL     120
#define SB_FREE_HI   344
#define EROFS_LABEL  64 /* volume_name of struct erofs_super_block */
#define EROFS_INCOMPAT \
	80 /* feature_incompat; the bit is ..._ZERO_PADDING, which writer_erofs sets with LZ4 */
#define EROFS_LZ4 1u
#define LABEL_MAX 15
#define MIB	  (UINT64_C(1) << 20)

struct seal {
	const struct image_seal_params *p;
	struct manifest m;
	struct tree *tree;
	struct image_source source;
	struct agent_file agent;
	int image_fd;
	char label[LABEL_MAX + 1];
	uint64_t free_bytes;
	enum writer_compression compression; /* of the file system */
	struct output out;
	struct measure measure;
	struct sbom *sbom;
	struct sbom_out sbom_out;
};

static void seal_release(struct seal *s)
{
	output_release(&s->out);
	measure_release(&s->measure);
	sbom_out_release(&s->sbom_out);
	sbom_free(s->sbom);
	tree_free(s->tree);
	manifest_release(&s->m);
	agent_file_release(&s->agent);
	fd_close(s->image_fd);
}

/* The manifest, and that the file is what it says. */
static int load(struct seal *s, struct error *err)
{
	struct image_check_params cp = { .path = s->p->path, .verify_sha512 = true };
	struct image_info info;
	int r = manifest_load(s->p->path, &s->m, err);

	if (r == -ENOENT)
		return error_set(err, r,
				 "'%s' has no manifest, which says how it must be written again",
				 s->p->path);
	if (r < 0)
		return r;
	cp.is_initrd = s->m.is_initrd;
	cp.arch = s->m.arch;
	r = image_check(&cp, &info, err);
	if (r == 0)
		r = image_read(s->p->path, &s->tree, &s->source, err);
	return r;
}

/*
 * What the manifest does not have: label and free space of the file system. The recipe's free space is whole MiB; what
 * the writer rounds up to is less than one.
 */
static int read_params(struct seal *s, struct error *err)
{
	bool ext4 = str_eq(s->m.filesystem, "ext4");
	uint8_t sb[1024];
	int r;

	if (s->m.is_initrd)
		return 0;
	r = fd_pread_full(s->image_fd, sb, sizeof(sb),
			  (off_t)(s->source.disk.parts[0].offset + SB_POS));
	if (r < 0)
		return error_sys(err, r, "'%s'", s->p->path);
	memcpy(s->label, sb + (ext4 ? SB_LABEL : EROFS_LABEL), LABEL_MAX);
	if (!ext4 && le_get32(sb + EROFS_INCOMPAT) & EROFS_LZ4)
		s->compression = WRITER_LZ4;
	if (ext4) {
		uint64_t blocks = le_get32(sb + SB_FREE_LO) | (uint64_t)le_get32(sb + SB_FREE_HI)
								      << 32;

		s->free_bytes = (blocks << (10 + le_get32(sb + SB_LOG_BLOCK))) / MIB * MIB;
	}
	return 0;
}

/* The line "  version: ..." behind "agent:" in osbuilder.yaml. A tree without such a file is left as it is. */
static int update_summary(struct seal *s, struct error *err)
{
	struct tree_node *n = tree_resolve(s->tree, INITRD_SUMMARY_PATH);
	_cleanup_strbuf_ struct strbuf y = STRBUF_INIT;
	_cleanup_free_ char *text = NULL;
	char *at, *end;
	int r;

	if (!n || !S_ISREG(n->inode->mode) || n->inode->content.size > SUMMARY_MAX)
		return 0;
	text = calloc(1, n->inode->content.size + 1);
	if (!text)
		return error_oom(err);
	r = blob_read(&n->inode->content, 0, text, n->inode->content.size, err);
	if (r < 0)
		return r;
	at = strstr(text, "\nagent:\n");
	at = at ? strstr(at, "\n  version: ") : NULL;
	end = at ? strchr(at + 1, '\n') : NULL;
	if (!end)
		return 0;
	if (strbuf_add(&y, text, (size_t)(at - text)) < 0 ||
	    strbuf_addstr(&y, "\n  version: \"") < 0 ||
	    strbuf_add_json(&y, s->m.agent_version ? s->m.agent_version : "unknown") < 0 ||
	    strbuf_addstr(&y, "\"") < 0 || strbuf_addstr(&y, end) < 0)
		return error_oom(err);
	blob_release(&n->inode->content);
	return blob_from_bytes(&n->inode->content, y.buf, y.len) < 0 ? error_oom(err) : 0;
}

static int put_agent(struct seal *s, struct error *err)
{
	struct pass_agent_params ap = { .agent = &s->agent, .arch = s->m.arch };
	_cleanup_free_ char *path = strdup(s->m.agent_path);
	struct tree_node *old = tree_resolve(s->tree, s->m.agent_path);
	int r;

	if (!path)
		return error_oom(err);
	if (!old || !S_ISREG(old->inode->mode))
		return error_set(err, -EINVAL, "'%s' has no agent at %s, where its manifest says",
				 s->p->path, s->m.agent_path);
	ap.path = path;
	r = pass_agent(s->tree, &ap, err);
	if (r == 0)
		r = manifest_set_agent(&s->m, &s->agent, path, err);
	if (r == 0)
		r = update_summary(s, err);
	if (r == 0)
		pass_normalize(s->tree, s->m.epoch);
	return r;
}

/* The alignment that the image's size tells: the default when it fits, else the largest power of two. */
static uint64_t alignment(const struct seal *s)
{
	uint64_t size = s->source.disk.image_size, align = s->source.dax ? DISK_ALIGN_DEFAULT : MIB;

	return size % align == 0 ? 0 : size & (~size + 1);
}

static int write_disk(struct seal *s, struct error *err)
{
	const struct image_write_params wp = { .tree = s->tree,
					       .writer = writer_find(s->m.filesystem),
					       .params = { .epoch = s->m.epoch,
							   .label = s->label,
							   .compression = s->compression,
							   .progress = s->p->progress,
							   .free_bytes = s->free_bytes },
					       .dax = s->source.dax,
					       .align = alignment(s),
					       .measure = s->m.measured ? &s->measure : NULL };

	if (!wp.writer)
		return error_set(err, -ENOTSUP, "there is no writer for its file system '%s'",
				 s->m.filesystem);
	return image_write(&wp, &s->out, &s->m, err);
}

static int write_initrd(struct seal *s, struct error *err)
{
	struct initrd_params ip = { .epoch = s->m.epoch,
				    .agent_path = s->m.agent_path,
				    .progress = s->p->progress };
	int r = initrd_compression(s->image_fd, &ip.compression, err);

	progress_begin(s->p->progress, PROGRESS_WRITE, s->out.path, 0, 0);
	if (r == 0)
		r = initrd_write(s->tree, &ip, s->out.file.fd, err);
	if (r < 0)
		return r;
	progress_end(s->p->progress, PROGRESS_WRITE);
	progress_begin(s->p->progress, PROGRESS_SEAL, s->out.path, 0, 0);
	return 0;
}

/* A measured image has its line beside it; another name for it would leave that one wrong. */
static int prepare_measure(struct seal *s, const char *out, struct error *err)
{
	const char *variant = s->p->variant ? s->p->variant : s->m.recipe;
	int r;

	if (!s->m.measured) {
		if (s->p->variant || s->p->salt)
			return error_set(err, -EINVAL, "'%s' is not measured", s->p->path);
		return 0;
	}
	r = measure_prepare(&s->measure, out, variant, s->p->salt, err);
	if (r == 0 && !s->p->out && access(s->measure.line_path, F_OK) < 0)
		return error_sys(err, -errno, "%s (another name is given by --variant)",
				 s->measure.line_path);
	return r;
}

/* Files of packages are not known as such in an image that was read. */
static int write_sbom(struct seal *s, const char *out, struct error *err)
{
	int r;

	if (s->m.packages.n) {
		progress_warn(s->p->progress,
			      "the bill of materials (" SBOM_SUFFIX ") of a sealed image with "
			      "packages cannot be made; an old one is removed");
		return 0;
	}
	r = sbom_collect(s->tree, &s->sbom, err);
	return r < 0 ? r : sbom_out_write(&s->sbom_out, out, s->sbom, &s->m, NULL, err);
}

static int commit(struct seal *s, const char *out, struct error *err)
{
	struct progress_output told = { s->m.is_initrd ? "initrd" : "image",
					out,
					s->out.size,
					s->out.sha512,
					s->out.sha512_size,
					s->m.measured ? s->m.verity.root_hash : NULL };
	int r = s->m.measured ? measure_retract(&s->measure, err) : 0;

	if (r == 0)
		r = output_commit(&s->out, err);
	if (r == 0 && s->m.measured)
		r = measure_commit(&s->measure, err);
	if (r == 0 && s->sbom)
		r = sbom_out_commit(&s->sbom_out, err);
	if (r < 0)
		return r;
	progress_end(s->p->progress, PROGRESS_SEAL);
	progress_output(s->p->progress, &told);
	return 0;
}

int image_seal(const struct image_seal_params *p, struct error *err)
{
	_cleanup_(seal_release) struct seal s = { .p = p,
						  .agent = AGENT_FILE_INIT,
						  .image_fd = -1,
						  .out = OUTPUT_INIT,
						  .measure = MEASURE_INIT };
	const char *out = p->out ? p->out : p->path;
	int r;

	progress_begin(p->progress, PROGRESS_UNPACK, p->path, 0, 0);
	r = load(&s, err);
	if (r < 0)
		return r;
	progress_end(p->progress, PROGRESS_UNPACK);
	r = agent_file_open(&s.agent, p->agent, err);
	if (r == 0)
		r = agent_file_hash(&s.agent, err);
	if (r < 0)
		return r;
	s.image_fd = open(p->path, O_RDONLY | O_CLOEXEC);
	if (s.image_fd < 0)
		return error_sys(err, -errno, "'%s'", p->path);
	r = prepare_measure(&s, out, err);
	if (r == 0)
		r = read_params(&s, err);
	if (r == 0)
		r = put_agent(&s, err);
	if (r == 0)
		r = output_open(&s.out, out, err);
	if (r == 0)
		r = s.m.is_initrd ? write_initrd(&s, err) : write_disk(&s, err);
	if (r == 0)
		r = output_describe(&s.out, &s.m, err);
	if (r == 0)
		r = write_sbom(&s, out, err);
	return r < 0 ? r : commit(&s, out, err);
}
