# The OCI runtime specification. oci: structs, for every program; ocijson: config.json (with codec, -ljansson), for the host;
# ocipb: to and from the agent protocol's messages (with wireproto, -lprotobuf-c).
OCI_SRCS := $(addprefix runtime/lib/oci/,spec.c validate.c)
OCIJSON_SRCS := $(addprefix runtime/lib/oci/,json_default.c json_linux.c json_mounts.c json_process.c json_read.c \
	json_resources.c json_seccomp.c json_spec.c)
$(eval $(call lib,oci,$(OCI_SRCS)))
$(eval $(call lib,ocijson,$(OCIJSON_SRCS)))
OCIPB_SRCS := $(addprefix runtime/lib/oci/,pb_convert.c pb_linux.c pb_process.c pb_resources.c pb_seccomp.c pb_spec.c)
$(eval $(call lib,ocipb,$(OCIPB_SRCS)))
