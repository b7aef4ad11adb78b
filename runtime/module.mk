# The host runtime: one fragment a part.
-include runtime/vmm/module.mk
-include runtime/hypervisor/module.mk
-include runtime/config/module.mk
-include runtime/storage/module.mk
-include runtime/agent/module.mk
-include runtime/sandbox/module.mk
-include runtime/shim/module.mk
-include runtime/cli/module.mk
-include runtime/tools/agent-ctl/module.mk
