# containerd-shim-kata-v2: the engine and its Task service
$(eval $(call lib,taskservice,$(addprefix runtime/shim/,events.c task_metrics.c task_resources.c task_service.c)))
ENGINE_LIBS := taskservice sandbox sandboxstate storage agentclient hypervisor vmm config ocipb ocijson oci wire \
	wireproto osbuilder codec base
ENGINE_LDLIBS := -lprotobuf-c $(OSBUILDER_LDLIBS)
$(eval $(call prog,$(H),containerd-shim-kata-v2,$(addprefix runtime/shim/,main.c oci_bootstrap.c),$(ENGINE_LIBS),$(ENGINE_LDLIBS)))
PROGRAMS += $(H)/bin/containerd-shim-kata-v2
$(eval $(call unit,runtime/sandbox/test_lifecycle,$(ENGINE_LIBS),$(ENGINE_LDLIBS)))
$(eval $(call unit,runtime/shim/test_task_resources,$(ENGINE_LIBS),$(ENGINE_LDLIBS)))
