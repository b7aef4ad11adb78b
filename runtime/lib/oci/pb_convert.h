/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_PB_CONVERT_H
#define OCI_PB_CONVERT_H

#include "oci/spec_pb.h"

/*
 * Private to oci/pb_*.c.
 *
 * Writing borrows strings from the spec and takes everything else from the arena. Functions that fill return 0 or -ENOMEM;
 * those that make a message return NULL when memory is out. Signatures take void so that one function can walk all
 * repeated fields.
 */

/* A zeroed, initialised message. */
void *oci_pb_new(struct arena *a, const ProtobufCMessageDescriptor *type);
/* proto3 has no absent strings. */
char *oci_pb_text(const char *s);
typedef void *(*oci_pb_make_fn)(struct arena *a, const void *src);
/* *ret (a pointer to an array of message pointers) and *ret_n from n structs of `size` bytes. */
int oci_pb_repeat(struct arena *a, void *ret, size_t *ret_n, const void *src, size_t n, size_t size,
		  oci_pb_make_fn make);
/* Map entries of the given type: they all have the members base, key, value. */
int oci_pb_map(struct arena *a, const ProtobufCMessageDescriptor *type, void *ret, size_t *ret_n,
	       const struct oci_kv *kv, size_t n);
Grpc__Linux *oci_pb_make_linux(struct arena *a, const struct oci_linux *l);
Grpc__LinuxResources *oci_pb_make_resources(struct arena *a, const struct oci_resources *r);
Grpc__LinuxSeccomp *oci_pb_make_seccomp(struct arena *a, const struct oci_seccomp *s);

/*
 * Reading copies into the arena; empty strings become NULL. 0 or -errno; messages start with the same paths that the JSON reader
 * uses.
 */
struct oci_pb_reader {
	struct arena *arena;
	struct error *err;
};
int oci_pb_read_text(struct oci_pb_reader *rd, const char *s, char **ret);
int oci_pb_read_texts(struct oci_pb_reader *rd, const char *path, char *const *v, size_t n,
		      struct oci_strings *ret);
typedef int (*oci_pb_read_fn)(struct oci_pb_reader *rd, const void *msg, void *element);
/* `msgs` is an array of n message pointers; *ret a pointer to the element type of `size` bytes. */
int oci_pb_read_repeated(struct oci_pb_reader *rd, const char *path, const void *msgs, size_t n,
			 size_t size, oci_pb_read_fn fn, void *ret, size_t *ret_n);
int oci_pb_read_map(struct oci_pb_reader *rd, const char *path, const void *entries, size_t n,
		    struct oci_kv **ret, size_t *ret_n);
int oci_pb_read_process(struct oci_pb_reader *rd, const Grpc__Process *m, struct oci_process **ret);
int oci_pb_read_linux(struct oci_pb_reader *rd, const Grpc__Linux *m, struct oci_linux *l);
int oci_pb_read_resources(struct oci_pb_reader *rd, const Grpc__LinuxResources *m,
			  struct oci_resources *r);
int oci_pb_read_seccomp(struct oci_pb_reader *rd, const Grpc__LinuxSeccomp *m,
			struct oci_seccomp *s);

#endif
