/* SPDX-License-Identifier: Apache-2.0 */
#include "service/devices.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include "base/alloc.h"
#include "base/strbuf.h"
#include "device/device.h"
#include "wire/agent.pb-c.h"

#define PCI_OPTIONS_MAX 32 /* functions of one device */

/* Of a device that was found. Strings are in the spec's arena. */
struct found {
	const Grpc__Device *msg;
	char *node; /* NULL: the guest's kernel drives it, and the container has no node of it */
	char type;
	dev_t dev;
	size_t entry;	      /* in linux.devices */
	int64_t major, minor; /* what stood there */
};

struct pci_pair { /* an address of the host, and what it is here */
	const char *host, *guest;
};

struct lookup {
	struct oci_spec *spec;
	struct found *found;
	size_t n_found;
	struct pci_pair *pairs;
	size_t n_pairs, cap_pairs;
};

static int find_entry(const struct lookup *lk, struct found *f, struct error *err)
{
	const struct oci_linux *l = &lk->spec->linux_;

	for (size_t i = 0; i < l->n_devices; i++) {
		if (!str_eq(l->devices[i].path, f->msg->container_path))
			continue;
		f->entry = i;
		f->major = l->devices[i].major;
		f->minor = l->devices[i].minor;
		return 0;
	}
	return error_set(err, -EINVAL, "device \"%s\" is not in linux.devices",
			 f->msg->container_path);
}

static int find_block(struct lookup *lk, struct found *f, struct error *err)
{
	const Grpc__Device *d = f->msg;
	bool by_id =
		device_is_pci_path(d->id) || str_eq(d->type, "scsi") || str_eq(d->type, "blk-ccw");
	_cleanup_free_ char *path = NULL;
	int r = device_block_resolve(d->type, by_id && *d->id ? d->id : d->vm_path, &path, err);

	if (r == 0)
		r = device_number(path, &f->type, &f->dev, err);
	if (r < 0)
		return r;
	f->node = arena_strdup(&lk->spec->arena, path);
	return f->node ? find_entry(lk, f, err) : error_oom(err);
}

/* "0000:1a:00.0=02/03": the function's address on the host, and its path here. */
static int find_function(struct lookup *lk, const char *option, char **ret_address,
			 struct error *err)
{
	const char *eq = strchr(option, '=');
	struct arena *mem = &lk->spec->arena;
	struct pci_pair *pair;
	char *address = NULL;
	int r;

	if (!eq)
		return error_set(err, -EINVAL, "device option \"%s\" is not ADDRESS=PATH", option);
	if (array_reserve(&lk->pairs, &lk->cap_pairs, lk->n_pairs + 1, sizeof(*lk->pairs)) < 0)
		return error_oom(err);
	r = device_pci_address("/sys", eq + 1, &address, err);
	if (r < 0)
		return r;
	pair = &lk->pairs[lk->n_pairs++];
	pair->host = arena_memdup0(mem, option, (size_t)(eq - option));
	pair->guest = *ret_address = arena_strdup(mem, address);
	free(address);
	return pair->host && pair->guest ? 0 : error_oom(err);
}

static int find_vfio(struct lookup *lk, struct found *f, bool own_driver, struct error *err)
{
	const Grpc__Device *d = f->msg;
	char *address = NULL;
	int r = 0;

	if (!d->n_options || d->n_options > PCI_OPTIONS_MAX)
		return error_set(err, -EINVAL, "device \"%s\": 1 to %d options ADDRESS=PATH", d->id,
				 PCI_OPTIONS_MAX);
	for (size_t i = 0; r == 0 && i < d->n_options; i++) {
		_cleanup_free_ char *group = NULL;

		r = find_function(lk, d->options[i], &address, err);
		if (r == 0 && !own_driver)
			r = device_bind_vfio("/sys", address, &group, err);
		if (r == 0 && group &&
		    !(f->node = arena_printf(&lk->spec->arena, "/dev/vfio/%s", group)))
			r = error_oom(err);
	}
	if (r < 0 || own_driver)
		return r;
	/* The node may come a moment after the group. */
	r = device_number(f->node, &f->type, &f->dev, err);
	if (r == -ENOENT)
		err->code = r = -EAGAIN;
	return r < 0 ? r : find_entry(lk, f, err);
}

static int find_one(struct lookup *lk, struct found *f, struct error *err)
{
	static const char *const blocks[] = { "blk", "mmioblk", "scsi", "blk-ccw", "nvdimm" };
	const char *type = f->msg->type;

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		if (str_eq(type, blocks[i]))
			return find_block(lk, f, err);
	if (str_eq(type, "vfio-pci-gk"))
		return find_vfio(lk, f, true, err);
	if (str_eq(type, "vfio-pci"))
		return find_vfio(lk, f, false, err);
	if (str_after(type, "vfio-ap"))
		return error_set(err, -EOPNOTSUPP, "device type \"%s\" is not supported", type);
	return error_set(err, -EINVAL, "device type \"%s\" is not known", type);
}

/* ---- the document --------------------------------------------------------------------------------------------------- */

/* Rules for the host's numbers are meant for these devices, and each is changed once. */
static void put_rules_right(struct lookup *lk)
{
	struct oci_resources *res = lk->spec->linux_.resources;

	for (size_t i = 0; res && i < res->n_devices; i++) {
		struct oci_device_rule *rule = &res->devices[i];

		for (size_t k = 0; k < lk->n_found; k++) {
			const struct found *f = &lk->found[k];

			if (!f->node || rule->type != f->type || rule->major != f->major ||
			    rule->minor != f->minor)
				continue;
			rule->major = major(f->dev);
			rule->minor = minor(f->dev);
			break;
		}
	}
}

static const char *guest_address(const struct lookup *lk, const char *host, size_t n)
{
	for (size_t i = 0; i < lk->n_pairs; i++)
		if (strlen(lk->pairs[i].host) == n && memcmp(lk->pairs[i].host, host, n) == 0)
			return lk->pairs[i].guest;
	return NULL;
}

/* "PCIDEVICE_RESOURCE=A,B" of Kubernetes' device plug-ins. Addresses that are not this container's stay. */
static int put_variable_right(struct lookup *lk, char **var, struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const char *p = strchr(*var, '=');
	int n = 0;

	if (!p || !str_after(*var, "PCIDEVICE_"))
		return 0;
	n |= strbuf_add(&out, *var, (size_t)(++p - *var));
	while (*p) {
		size_t len = strcspn(p, ",");
		const char *guest = guest_address(lk, p, len);

		n |= guest ? strbuf_addstr(&out, guest) : strbuf_add(&out, p, len);
		p += len;
		if (*p)
			n |= strbuf_addch(&out, *p++);
	}
	if (n < 0)
		return error_oom(err);
	*var = arena_strdup(&lk->spec->arena, out.buf);
	return *var ? 0 : error_oom(err);
}

static int change_spec(struct lookup *lk, struct error *err)
{
	struct oci_linux *l = &lk->spec->linux_;
	struct oci_strings *env = lk->spec->process ? &lk->spec->process->env : NULL;
	int r = 0;

	for (size_t i = 0; i < lk->n_found; i++) {
		struct found *f = &lk->found[i];
		struct oci_device *d;

		if (!f->node)
			continue;
		d = &l->devices[f->entry];
		d->type = f->type;
		d->major = major(f->dev);
		d->minor = minor(f->dev);
		if (str_eq(f->msg->type, "vfio-pci"))
			d->path = f->node;
	}
	put_rules_right(lk);
	for (size_t i = 0; r == 0 && env && lk->n_pairs && i < env->n; i++)
		r = put_variable_right(lk, &env->v[i], err);
	return r;
}

static int refuse_cdi(const struct oci_spec *spec, struct error *err)
{
	for (size_t i = 0; i < spec->n_annotations; i++)
		if (str_after(spec->annotations[i].key, "cdi.k8s.io/"))
			return error_set(err, -EOPNOTSUPP,
					 "CDI devices (annotation \"%s\") are not supported",
					 spec->annotations[i].key);
	return 0;
}

int devices_apply(struct Grpc__Device *const *devices, size_t n, struct oci_spec *spec,
		  struct error *err)
{
	struct lookup lk = { .spec = spec };
	int r = refuse_cdi(spec, err);

	if (r < 0)
		return r;
	if (n > DEVICES_MAX)
		return error_set(err, -EINVAL, "more than %d devices", DEVICES_MAX);
	lk.found = new0_array(struct found, n);
	if (!lk.found)
		return error_oom(err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		lk.found[i].msg = devices[i];
		r = find_one(&lk, &lk.found[i], err);
		lk.n_found = i + 1;
	}
	if (r == 0)
		r = change_spec(&lk, err);
	free(lk.found);
	free(lk.pairs);
	return r;
}
