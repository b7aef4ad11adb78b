# containerd-shim-kata-v2: the engine and its Task service
$(eval $(call lib,taskservice,runtime/shim/task_service.c))
ENGINE_LIBS := taskservice sandbox sandboxstate storage agentclient hypervisor vmm config ocipb ocijson oci wire \
	wireproto osbuilder codec base
ENGINE_LDLIBS := -lprotobuf-c $(OSBUILDER_LDLIBS)
$(eval $(call prog,$(H),containerd-shim-kata-v2,$(addprefix runtime/shim/,main.c oci_bootstrap.c),$(ENGINE_LIBS),$(ENGINE_LDLIBS)))
PROGRAMS += $(H)/bin/containerd-shim-kata-v2
$(eval $(call unit,runtime/sandbox/test_lifecycle,$(ENGINE_LIBS),$(ENGINE_LDLIBS)))
