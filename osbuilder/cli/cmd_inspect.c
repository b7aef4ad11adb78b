/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/agent_note.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "codec/json.h"
#include "compat/elf.h"
#include "disk/pfn.h"
#include "image.h"
#include "image_read.h"
#include "writer/le.h"

struct inspect_args {
	bool json;
};

static const struct cli_option options[] = {
	{ "json", NULL, "print it as JSON", CLI_FLAG(struct inspect_args, json) },
	{ NULL },
};

/* Where the agent is looked for when there is no manifest: upstream's path, and the guest's init. */
static const char *const agent_paths[] = { "/usr/bin/kata-agent", "/sbin/init", "/init" };

struct facts {
	const char *path;
	struct image_info info;
	struct manifest manifest; /* when info.has_manifest */
	uint64_t pfn_checksum;	  /* when info.dax: image_check() has found it right */
	char unreadable[256];	  /* why there are no entries; empty: there are */
	size_t entries;
	uint64_t bytes; /* of all files */
	char agent[AGENT_NOTE_DESC_MAX +
		   1]; /* "VERSION PROTOCOL" of the agent in the image; empty when unknown */
};

static void facts_release(struct facts *r)
{
	manifest_release(&r->manifest);
}

/* An initrd starts with a cpio or compression magic, an image with a partition table: 55 aa at byte 510. */
static int look(struct facts *r, bool *ret_image, struct error *err)
{
	_cleanup_fd_ int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	unsigned char sig[2], sum[8];

	if (fd < 0)
		return error_sys(err, -errno, "'%s'", r->path);
	*ret_image =
		fd_pread_full(fd, sig, sizeof(sig), 510) == 0 && sig[0] == 0x55 && sig[1] == 0xaa;
	if (fd_pread_full(fd, sum, sizeof(sum), PFN_OFFSET + PFN_SIZE - sizeof(sum)) == 0)
		r->pfn_checksum = le_get64(sum);
	return 0;
}

static int count(struct tree_node *n, void *data)
{
	struct facts *r = data;

	r->entries++;
	if (S_ISREG(n->inode->mode))
		r->bytes += n->inode->content.size;
	return 0;
}

/* The note of the agent in the tree; anything that goes wrong leaves it unknown. */
static void find_agent(struct facts *r, struct tree *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(agent_paths) && !*r->agent; i++) {
		struct tree_node *n = tree_resolve(t, agent_paths[i]);
		_cleanup_fd_ int fd = -1;

		if (!n || !S_ISREG(n->inode->mode) || fd_memfd("agent", &fd) < 0 ||
		    blob_copy_to_fd(&n->inode->content, fd, NULL) < 0)
			continue;
		if (elf_find_note(fd, AGENT_NOTE_OWNER, AGENT_NOTE_TYPE, r->agent, sizeof(r->agent),
				  NULL) < 0)
			r->agent[0] = '\0';
	}
}

static int gather(struct facts *r, struct error *err)
{
	struct image_check_params p = { .path = r->path, .verify_sha512 = true };
	_cleanup_tree_ struct tree *t = NULL;
	struct error e = ERROR_INIT;
	bool is_image = false;
	int rc = look(r, &is_image, err);

	if (rc < 0)
		return rc;
	p.is_initrd = !is_image;
	rc = image_check(&p, &r->info, err);
	if (rc == 0 && r->info.has_manifest)
		rc = manifest_load(r->path, &r->manifest, err);
	if (rc < 0)
		return rc;
	if (image_read(r->path, &t, NULL, &e) < 0) {
		snprintf(r->unreadable, sizeof(r->unreadable), "%.*s",
			 (int)sizeof(r->unreadable) - 1, error_text(&e));
		return 0;
	}
	tree_walk(tree_root(t), count, r);
	find_agent(r, t);
	return 0;
}

/* Version (0) or protocol (1) of the agent: what the manifest says, else the note in the image. Empty when unknown. */
static void agent_word(const struct facts *r, unsigned which, char out[AGENT_NOTE_DESC_MAX + 1])
{
	const char *known = which ? r->info.agent_protocol : r->info.agent_version;
	const char *space = strchr(r->agent, ' ');

	if (*known || !space)
		snprintf(out, AGENT_NOTE_DESC_MAX + 1, "%s", known);
	else if (which)
		snprintf(out, AGENT_NOTE_DESC_MAX + 1, "%s", space + 1);
	else
		snprintf(out, AGENT_NOTE_DESC_MAX + 1, "%.*s", (int)(space - r->agent), r->agent);
}

static const char *or_unknown(const char *s)
{
	return s && *s ? s : "unknown";
}

static void print_text(const struct facts *r)
{
	const struct image_info *i = &r->info;
	char version[AGENT_NOTE_DESC_MAX + 1], protocol[AGENT_NOTE_DESC_MAX + 1];

	agent_word(r, 0, version);
	agent_word(r, 1, protocol);
	printf("file: %s\nkind: %s\nsize: %llu\n", r->path, i->is_initrd ? "initrd" : "image",
	       (unsigned long long)i->size);
	printf("architecture: %s\nfilesystem: %s\n", or_unknown(i->arch), i->filesystem);
	if (!i->is_initrd)
		printf("dax: %s\n", i->dax ? "yes" : "no");
	for (unsigned k = 0; k < i->n_parts; k++) {
		unsigned long long start = i->parts[k].offset, size = i->parts[k].size;

		printf("partition %u: offset %llu size %llu\n", k + 1, start, size);
		printf("partition %u as a disk: start sector %llu, %llu sectors\n", k + 1,
		       start / DISK_SECTOR, size / DISK_SECTOR);
		if (i->dax)
			printf("partition %u as persistent memory: start sector %llu, %llu sectors\n",
			       k + 1, (start - DISK_DAX_SIZE) / DISK_SECTOR, size / DISK_SECTOR);
	}
	if (i->dax)
		printf("pfn checksum: %016llx, right\n", (unsigned long long)r->pfn_checksum);
	if (i->measured)
		printf("root hash: %s\n", i->verity.root_hash);
	printf("manifest: %s\n", i->has_manifest ? "yes" : "no");
	printf("agent: version %s protocol %s\n", or_unknown(version), or_unknown(protocol));
	if (*r->unreadable)
		printf("content: not readable: %s\n", r->unreadable);
	else
		printf("content: %zu entries, %llu bytes in files\n", r->entries,
		       (unsigned long long)r->bytes);
	for (size_t k = 0; k < r->manifest.packages.n; k++) {
		const struct source_package *p = &r->manifest.packages.v[k];

		printf("package: %s %s %s\n", p->name, p->version, p->arch);
	}
}

static void put_partitions(struct json_out *o, const struct image_info *i)
{
	json_out_array(o, "partitions");
	for (unsigned k = 0; k < i->n_parts; k++) {
		json_out_object(o, NULL);
		json_out_u64(o, "offset", i->parts[k].offset);
		json_out_u64(o, "size", i->parts[k].size);
		json_out_u64(o, "disk_start_sector", i->parts[k].offset / DISK_SECTOR);
		if (i->dax)
			json_out_u64(o, "pmem_start_sector",
				     (i->parts[k].offset - DISK_DAX_SIZE) / DISK_SECTOR);
		json_out_end(o);
	}
	json_out_end(o);
}

static void put_content(struct json_out *o, const struct facts *r)
{
	if (*r->unreadable) {
		json_out_null(o, "content");
		json_out_string(o, "content_unreadable", r->unreadable);
		return;
	}
	json_out_object(o, "content");
	json_out_u64(o, "entries", r->entries);
	json_out_u64(o, "bytes", r->bytes);
	json_out_end(o);
}

static void put_packages(struct json_out *o, const struct source_packages *p)
{
	json_out_array(o, "packages");
	for (size_t k = 0; k < p->n; k++) {
		json_out_object(o, NULL);
		json_out_string(o, "name", p->v[k].name);
		json_out_string(o, "version", p->v[k].version);
		json_out_string(o, "architecture", p->v[k].arch);
		json_out_end(o);
	}
	json_out_end(o);
}

static int print_json(const struct facts *r, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const struct image_info *i = &r->info;
	char word[AGENT_NOTE_DESC_MAX + 1];
	struct json_out o;

	json_out_init(&o, &text, "\t");
	json_out_object(&o, NULL);
	json_out_string(&o, "file", r->path);
	json_out_string(&o, "kind", i->is_initrd ? "initrd" : "image");
	json_out_u64(&o, "size", i->size);
	json_out_string(&o, "architecture", *i->arch ? i->arch : NULL);
	json_out_string(&o, "filesystem", i->filesystem);
	json_out_bool(&o, "dax", i->dax);
	put_partitions(&o, i);
	json_out_string(&o, "root_hash", i->measured ? i->verity.root_hash : NULL);
	json_out_bool(&o, "manifest", i->has_manifest);
	json_out_object(&o, "agent");
	agent_word(r, 0, word);
	json_out_string(&o, "version", *word ? word : NULL);
	agent_word(r, 1, word);
	json_out_string(&o, "protocol", *word ? word : NULL);
	json_out_end(&o);
	put_content(&o, r);
	put_packages(&o, &r->manifest.packages);
	json_out_end(&o);
	if (json_out_finish(&o) < 0)
		return error_oom(err);
	fputs(text.buf, stdout);
	return 0;
}

static int inspect(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	_cleanup_(facts_release) struct facts facts = { 0 };
	struct inspect_args a = { 0 };
	int r = cli_read(c, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	facts.path = argv[1];
	r = gather(&facts, err);
	if (r == 0 && a.json)
		return print_json(&facts, err);
	if (r == 0)
		print_text(&facts);
	return r;
}

const struct cli_command cli_inspect = {
	.name = "inspect",
	.brief = "show what an image or initrd is",
	.synopsis = "[--json] FILE",
	.about =
		"Checks an image or initrd against its manifest, when it has one, and prints what it is: partitions as\n"
		"a plain disk and as persistent memory show them, file system, agent, number of entries, packages.",
	.options = { options },
	.n_operands = 1,
	.operands = "exactly one file is needed",
	.run = inspect,
};
