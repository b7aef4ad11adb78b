/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/writer.h"

#include "base/alloc.h"
#include "writer/crc32c.h"
#include "writer/ext4_priv.h"
#include "writer/le.h"

/*
 * ext4 with extents, flex_bg, 64bit, metadata_csum, sparse_super, dir_nlink and extra_isize; 4096-byte blocks, 256-byte
 * inodes. No journal: a guest mounts its root read-only, and a journal would cost 4 MiB and a replay. The size is computed
 * from the tree; there is no lost+found and no reserved space. Directories of more than EXT4_LINEAR_MAX blocks have hash trees.
 *
 * Everything is laid out first, and contents are copied in one pass of large writes. Directories, extent trees, attributes, inode tables
 * and what libext2fs writes come after them when their hash gives the UUID, which seeds all checksums; when the seed is given they come
 * first, so that who hashes the image (struct writer_follow) gets it in order.
 */

#define EXT4_TIME_MIN INT32_MIN
#define EXT4_TIME_MAX (INT64_C(0x3ffffffff) + INT32_MIN) /* 34 bits */

uint32_t ext4_inode_seed(const struct ext4 *fs, uint32_t num)
{
	uint8_t b[8];

	le_put32(b, num);
	le_put32(b + 4, 0); /* i_generation */
	return crc32c(fs->csum_seed, b, sizeof(b));
}

static bool is_slow_symlink(const struct tree_inode *in)
{
	return S_ISLNK(in->mode) && strlen(in->target) > EXT4_FAST_SYMLINK_MAX;
}

static int plan_dir(struct ext4 *fs, const struct tree_node *dir, struct ext4_inode *x,
		    struct error *err)
{
	uint32_t blocks = 0;
	int r = ext4_dir_plan(fs, dir, x, &blocks, err);

	if (r == 0 && segs_whole(&x->map, blocks) < 0)
		r = error_oom(err);
	return r;
}

/* Numbers, block maps and attributes of all inodes; *ret_blocks is what they need. */
static int plan(struct ext4 *fs, uint64_t *ret_blocks, struct error *err)
{
	uint64_t need = 0;

	for (size_t i = 0; i < fs->list.n; i++) {
		const struct witem *it = &fs->list.v[i];
		struct ext4_inode *x = &fs->in[i];
		int r = ext4_xattrs_plan(it->in, x, err);

		x->num = i ? E2_FIRST_INODE + (uint32_t)i - 1 : E2_ROOT_INODE;
		if (r == 0 && S_ISREG(it->in->mode))
			r = segs_of_blob(&it->in->content, &x->map, err);
		else if (r == 0 && S_ISDIR(it->in->mode))
			r = plan_dir(fs, it->first, x, err);
		else if (r == 0 && is_slow_symlink(it->in))
			r = segs_whole(&x->map, 1);
		if (r < 0)
			return writer_blame(it->first, err);
		need += x->map.blocks + ext4_nodes_uncut(&x->map) + (x->xattr_block != NULL);
	}
	*ret_blocks = need;
	return 0;
}

/*
 * Every stretch of free blocks that is full cuts at most one file in two, which then needs at most two blocks more for its extent tree.
 * There is one at each group's tables, and there are two behind the bitmaps. A file of one extent in a single group stays below the
 * four of an inode.
 */
static uint64_t cut_blocks(const struct ext4 *fs, uint32_t groups)
{
	size_t most = 0;

	for (size_t i = 0; i < fs->list.n; i++)
		most = MAX(most, fs->in[i].map.n);
	return groups == 1 && most <= 1 ? 0 : 2 * ((uint64_t)groups + 3);
}

static int create(struct ext4 *fs, int fd, uint64_t offset, uint64_t need, struct error *err)
{
	const struct writer_params *p = fs->params;
	uint64_t inodes = E2_FIRST_INODE - 1 + fs->list.n - 1 + (uint64_t)p->free_inodes;
	uint64_t data = need + p->free_bytes / WRITER_BLOCK + (p->free_bytes % WRITER_BLOCK != 0);
	struct e2_params ep = { { 0 }, (uint32_t)inodes, p->epoch, p->label };

	if (inodes > UINT32_MAX / 2)
		return error_set(err, -EINVAL, "%llu inodes are too many",
				 (unsigned long long)inodes);
	if (p->free_bytes > TREE_FILE_MAX)
		return error_set(err, -EINVAL, "free space of %llu bytes is over the limit of %llu",
				 (unsigned long long)p->free_bytes,
				 (unsigned long long)TREE_FILE_MAX);
	e2_plan(data, (uint32_t)inodes, &ep.geometry);
	e2_plan(data + cut_blocks(fs, ep.geometry.groups), (uint32_t)inodes, &ep.geometry);
	return e2_create(fd, offset, &ep, &fs->e2, err);
}

/* Metadata that is read together lies together: directories, attributes, long link targets; then contents. */
static int allocate(struct ext4 *fs, struct error *err)
{
	int r = 0;

	for (int pass = 0; r == 0 && pass < 2; pass++) {
		for (size_t i = 0; r == 0 && i < fs->list.n; i++) {
			struct ext4_inode *x = &fs->in[i];

			if (S_ISREG(fs->list.v[i].in->mode) == (pass == 1))
				r = ext4_allocate(fs, x, err);
			if (r == 0 && pass == 0 && x->xattr_block) {
				x->xattr_pblk = ext4_take_block(fs);
				if (!x->xattr_pblk)
					r = error_set(err, -ENOSPC, "no block for attributes");
			}
		}
	}
	ext4_commit_run(fs);
	for (size_t i = 1; r == 0 && i < fs->list.n; i++)
		e2_use_inode(fs->e2, fs->in[i].num, S_ISDIR(fs->list.v[i].in->mode));
	return r;
}

static int copy_file(struct ext4 *fs, const struct blob *b, const struct ext4_inode *x,
		     struct wseed *seed, struct error *err)
{
	_cleanup_blob_reader_ struct blob_reader rd = BLOB_READER_INIT;
	int r = blob_reader_open(&rd, b, err);

	for (size_t i = 0; r == 0 && i < x->n_ext; i++) {
		uint64_t off = (uint64_t)x->ext[i].lblk * WRITER_BLOCK;
		uint64_t len = MIN((uint64_t)x->ext[i].len * WRITER_BLOCK, b->size - off);

		r = out_seek(&fs->out, x->ext[i].pblk * WRITER_BLOCK, err);
		if (r == 0)
			r = out_blob(&fs->out, &rd, off, len, seed, err);
		if (r == 0)
			r = out_pad(&fs->out, WRITER_BLOCK, err);
	}
	return r;
}

static int copy_contents(struct ext4 *fs, struct error *err)
{
	for (size_t i = 0; i < fs->list.n; i++) {
		const struct witem *it = &fs->list.v[i];

		if (!S_ISREG(it->in->mode) || !fs->in[i].n_ext)
			continue;
		if (copy_file(fs, &it->in->content, &fs->in[i], &fs->seed, err) < 0)
			return writer_blame(it->first, err);
	}
	return 0;
}

static int identify(struct ext4 *fs, struct writer_result *res, struct error *err)
{
	int r = wseed_uuid(res->seed, "ext4 uuid", res->uuid, err);

	if (r < 0)
		return r;
	e2_identify(fs->e2, res->uuid, fs->hash_seed);
	/* ext4_fill_super(): without the csum_seed feature the seed is the checksum of the UUID. */
	fs->csum_seed = crc32c(UINT32_MAX, res->uuid, sizeof(res->uuid));
	return 0;
}

/* Blocks of a directory or a slow symlink, from memory. */
static int write_blocks(struct ext4 *fs, const struct ext4_inode *x, const uint8_t *data,
			struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < x->n_ext; i++) {
		r = out_seek(&fs->out, x->ext[i].pblk * WRITER_BLOCK, err);
		if (r == 0)
			r = out_add(&fs->out, data + (size_t)x->ext[i].lblk * WRITER_BLOCK,
				    (size_t)x->ext[i].len * WRITER_BLOCK, err);
	}
	return r;
}

static int write_metadata(struct ext4 *fs, size_t i, struct error *err)
{
	const struct witem *it = &fs->list.v[i];
	struct ext4_inode *x = &fs->in[i];
	_cleanup_free_ uint8_t *data = NULL;
	int r = 0;

	if (S_ISDIR(it->in->mode) || is_slow_symlink(it->in)) {
		data = calloc(x->map.blocks, WRITER_BLOCK);
		if (!data)
			return error_oom(err);
		if (S_ISDIR(it->in->mode))
			r = ext4_dir_fill(fs, it->first, x, data, err);
		else
			memcpy(data, it->in->target, strlen(it->in->target));
		r = r < 0 ? r : write_blocks(fs, x, data, err);
	}
	if (r == 0 && x->xattr_block) {
		ext4_xattr_block_csum(fs, x);
		r = out_seek(&fs->out, x->xattr_pblk * WRITER_BLOCK, err);
		if (r == 0)
			r = out_add(&fs->out, x->xattr_block, WRITER_BLOCK, err);
	}
	return r;
}

/* Seconds in 34 bits: 32 in the old field, 2 in the extra field below the nanoseconds. EXT4_*_TIME of fs/ext4/ext4.h. */
static void put_time(uint8_t *ino, unsigned at, unsigned extra, int64_t sec, uint32_t nsec)
{
	if (sec < EXT4_TIME_MIN)
		sec = EXT4_TIME_MIN;
	if (sec > EXT4_TIME_MAX)
		sec = EXT4_TIME_MAX;
	le_put32(ino + at, (uint32_t)sec);
	le_put32(ino + extra, (uint32_t)((sec - (int32_t)(uint32_t)sec) >> 32 & 3) | nsec << 2);
}

/* i_block of a device: old 8:8 form in the first word when it fits, else new_encode_dev() in the second. */
static void put_rdev(uint8_t *b, uint32_t major, uint32_t minor)
{
	if (major < 256 && minor < 256)
		le_put32(b, major << 8 | minor);
	else
		le_put32(b + 4, writer_encode_dev(major, minor));
}

static uint32_t link_count(const struct witem *it)
{
	uint32_t n = writer_links(it);

	/* dir_nlink: 1 is "many". tree.h keeps other inodes below the limit. */
	return S_ISDIR(it->in->mode) && n >= EXT4_LINK_MAX ? 1 : n;
}

static uint64_t inode_size(const struct ext4 *fs, size_t i)
{
	const struct tree_inode *in = fs->list.v[i].in;

	if (S_ISREG(in->mode))
		return in->content.size;
	if (S_ISDIR(in->mode))
		return (uint64_t)fs->in[i].map.blocks * WRITER_BLOCK;
	return S_ISLNK(in->mode) ? strlen(in->target) : 0;
}

static int make_inode(struct ext4 *fs, size_t i, uint8_t *b, struct error *err)
{
	const struct tree_inode *in = fs->list.v[i].in;
	const struct ext4_inode *x = &fs->in[i];
	uint64_t size = inode_size(fs, i);
	uint64_t sectors = (x->map.blocks + x->n_nodes + (x->xattr_block != NULL)) * 8;
	int64_t sec;
	uint32_t nsec, csum;

	writer_mtime(fs->params, in, &sec, &nsec);
	le_put16(b + EXT4_I_MODE, (uint16_t)in->mode);
	le_put16(b + EXT4_I_UID, (uint16_t)in->uid);
	le_put16(b + EXT4_I_UID_HIGH, (uint16_t)(in->uid >> 16));
	le_put16(b + EXT4_I_GID, (uint16_t)in->gid);
	le_put16(b + EXT4_I_GID_HIGH, (uint16_t)(in->gid >> 16));
	le_put32(b + EXT4_I_SIZE_LO, (uint32_t)size);
	le_put32(b + EXT4_I_SIZE_HIGH, (uint32_t)(size >> 32));
	le_put16(b + EXT4_I_LINKS, (uint16_t)link_count(&fs->list.v[i]));
	le_put32(b + EXT4_I_BLOCKS_LO, (uint32_t)sectors);
	le_put16(b + EXT4_I_BLOCKS_HIGH, (uint16_t)(sectors >> 32));
	le_put32(b + EXT4_I_FILE_ACL_LO, (uint32_t)x->xattr_pblk);
	le_put16(b + EXT4_I_ACL_HIGH, (uint16_t)(x->xattr_pblk >> 32));
	le_put16(b + EXT4_I_EXTRA_ISIZE, EXT4_EXTRA_ISIZE);
	put_time(b, EXT4_I_ATIME, EXT4_I_ATIME_EXTRA, sec, nsec);
	put_time(b, EXT4_I_CTIME, EXT4_I_CTIME_EXTRA, sec, nsec);
	put_time(b, EXT4_I_MTIME, EXT4_I_MTIME_EXTRA, sec, nsec);
	put_time(b, EXT4_I_CRTIME, EXT4_I_CRTIME_EXTRA, sec, nsec);
	memcpy(b + EXT4_I_XATTR, x->xattr_inline, sizeof(x->xattr_inline));
	if (S_ISREG(in->mode) || S_ISDIR(in->mode) || is_slow_symlink(in)) {
		int r = ext4_extents_write(fs, x, b + EXT4_I_BLOCK, err);

		if (r < 0)
			return r;
		le_put32(b + EXT4_I_FLAGS, EXT4_EXTENTS_FL | (x->indexed ? EXT4_INDEX_FL : 0));
	} else if (S_ISLNK(in->mode)) {
		memcpy(b + EXT4_I_BLOCK, in->target, (size_t)size);
	} else if (S_ISCHR(in->mode) || S_ISBLK(in->mode)) {
		put_rdev(b + EXT4_I_BLOCK, in->rdev_major, in->rdev_minor);
	}
	/* Both halves are 0 while it is computed. */
	csum = crc32c(ext4_inode_seed(fs, x->num), b, E2_INODE_SIZE);
	le_put16(b + EXT4_I_CSUM_LO, (uint16_t)csum);
	le_put16(b + EXT4_I_CSUM_HI, (uint16_t)(csum >> 16));
	return 0;
}

/* Inode numbers ascend with the list but for the root, so each group's table is made and written once. */
static int write_inodes(struct ext4 *fs, struct error *err)
{
	uint32_t per_group = e2_inodes_per_group(fs->e2);
	size_t table = (size_t)per_group * E2_INODE_SIZE, i = 0;
	_cleanup_free_ uint8_t *b = malloc(table);
	int r = 0;

	if (!b)
		return error_oom(err);
	for (uint32_t g = 0; r == 0 && g < e2_groups(fs->e2) && i < fs->list.n; g++) {
		uint64_t first = (uint64_t)g * per_group + 1;

		memset(b, 0, table);
		for (; r == 0 && i < fs->list.n && fs->in[i].num < first + per_group; i++)
			r = make_inode(fs, i, b + (fs->in[i].num - first) * E2_INODE_SIZE, err);
		if (r == 0)
			r = out_seek(&fs->out, e2_inode_table(fs->e2, g) * WRITER_BLOCK, err);
		if (r == 0)
			r = out_add(&fs->out, b, table, err);
	}
	return r;
}

static void ext4_release(struct ext4 *fs)
{
	for (size_t i = 0; fs->in && i < fs->list.n; i++) {
		segs_release(&fs->in[i].map);
		free(fs->in[i].ext);
		free(fs->in[i].nodes);
		free(fs->in[i].xattr_block);
	}
	free(fs->in);
	wlist_release(&fs->list);
	out_release(&fs->out);
	wseed_release(&fs->seed);
	e2_free(fs->e2);
}

/* All but contents. */
static int write_rest(struct ext4 *fs, struct writer_result *res, struct error *err)
{
	int r = wseed_finish(&fs->seed, fs->params, res->seed, err);

	r = r < 0 ? r : identify(fs, res, err);
	for (size_t i = 0; r == 0 && i < fs->list.n; i++)
		r = write_metadata(fs, i, err);
	r = r < 0 ? r : write_inodes(fs, err);
	r = r < 0 ? r : out_finish(&fs->out, res->size, err);
	return r < 0 ? r : e2_finish(&fs->e2, err);
}

static int write_all(struct ext4 *fs, struct writer_result *res, struct error *err)
{
	const struct writer_params *p = fs->params;
	int r;

	if (!p->seed) {
		r = copy_contents(fs, err);
		return r < 0 ? r : write_rest(fs, res, err);
	}
	r = write_rest(fs, res, err);
	if (r == 0 && p->follow)
		r = out_follow(&fs->out, p->follow, res->size, res->seed, err);
	r = r < 0 ? r : copy_contents(fs, err);
	return r < 0 ? r : out_finish(&fs->out, res->size, err);
}

static int ext4_write(struct tree *t, const struct writer_params *p, int fd, uint64_t offset,
		      struct writer_result *ret, struct error *err)
{
	_cleanup_(
		ext4_release) struct ext4 fs = { .params = p, .out = OUT_INIT, .seed = WSEED_INIT };
	struct writer_result res = { 0 };
	uint64_t need = 0;
	int r = wlist_build(t, &fs.list, err);

	fs.out.progress = p->progress;
	if (r == 0) {
		fs.in = new0_array(struct ext4_inode, fs.list.n);
		r = fs.in ? out_open(&fs.out, fd, offset, err) : error_oom(err);
		fs.out.threaded = true;
	}
	r = r < 0 ? r : wseed_begin(&fs.seed, &fs.list, p, err);
	r = r < 0 ? r : wseed_uuid(fs.seed.tree, "ext4 hash seed", fs.hash_seed, err);
	r = r < 0 ? r : plan(&fs, &need, err);
	r = r < 0 ? r : create(&fs, fd, offset, need, err);
	r = r < 0 ? r : allocate(&fs, err);
	if (r == 0) {
		res.size = e2_blocks(fs.e2) * WRITER_BLOCK;
		r = write_all(&fs, &res, err);
	}
	if (r == 0)
		*ret = res;
	return r;
}

const struct writer_ops writer_ext4 = { "ext4", ext4_write };
