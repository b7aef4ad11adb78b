# The engine. sandboxstate is the part that the command line shares: the state's directory and file.
$(eval $(call lib,sandboxstate,$(addprefix runtime/sandbox/,instance.c state.c)))
SANDBOX_SRCS := $(addprefix runtime/sandbox/,container.c guest_spec.c hybrid.c launch.c launch_agent.c launch_steps.c match.c process.c \
	resources.c sandbox.c stdio.c vm_setup.c)
$(eval $(call lib,sandbox,$(SANDBOX_SRCS)))
$(eval $(call unit,runtime/sandbox/test_launch,sandbox base))
$(eval $(call unit,runtime/sandbox/test_hybrid,sandbox base))
$(eval $(call unit,runtime/sandbox/test_stdio,sandbox agentclient ocipb oci wire wireproto base,-lprotobuf-c))
$(eval $(call unit,runtime/sandbox/test_match,sandbox osbdisk codec base,-ljansson -lcrypto))
$(eval $(call unit,runtime/sandbox/test_instance,sandboxstate codec base,-ljansson))
$(eval $(call fuzz,state,sandboxstate codec base,-ljansson))
