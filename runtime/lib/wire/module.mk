# ttrpc, its messages and its transports. The messages come from proto/NAME.proto as wire/NAME.pb-c.h.
WIRE_PROTOS := agent cgroups_v1 cgroups_v2 containerd_types containerd_v1_types csi events google health oci runtimeoptions status task \
	task_events ttrpc types
WIRE_PROTO_DIR := runtime/lib/wire/proto
GEN_HDRS += $(WIRE_PROTOS:%=$(GEN)/wire/%.pb-c.h)

# All of them are generated together, because each header includes its imports' headers.
$(GEN)/wire/%.pb-c.c $(GEN)/wire/%.pb-c.h: $(WIRE_PROTO_DIR)/%.proto $(WIRE_PROTOS:%=$(WIRE_PROTO_DIR)/%.proto)
	$(call say,PROTOC,$(GEN)/wire/$*.pb-c.c)mkdir -p $(GEN)/wire && \
		$(PROTOC_C) --proto_path=$(WIRE_PROTO_DIR) --c_out=$(GEN)/wire $<

$(eval $(call lib,wireproto,$(WIRE_PROTOS:%=$(GEN)/wire/%.pb-c.c)))

# Users of wire also link wireproto and base, and -lprotobuf-c.
WIRE_SRCS := $(addprefix runtime/lib/wire/,message.c transport.c ttrpc.c ttrpc_client.c ttrpc_conn.c ttrpc_server.c)
$(eval $(call lib,wire,$(WIRE_SRCS)))

# Messages as JSON, for tools: users also link codec, -ljansson and -lm.
$(eval $(call lib,wirejson,$(addprefix runtime/lib/wire/,message_json.c message_json_out.c message_text.c)))

WIRE_TEST_LIBS := wire wireproto base
$(foreach t,test_message test_protos test_transport test_ttrpc test_ttrpc_client test_ttrpc_server,\
	$(eval $(call unit,runtime/lib/wire/$(t),$(WIRE_TEST_LIBS),-lprotobuf-c)))
$(foreach f,ttrpc_frames agent_msgs,$(eval $(call fuzz,$(f),$(WIRE_TEST_LIBS),-lprotobuf-c)))
$(eval $(call unit,runtime/lib/wire/test_message_json,wirejson codec $(WIRE_TEST_LIBS),-lprotobuf-c -ljansson -lm))
$(eval $(call fuzz,message_json,wirejson codec $(WIRE_TEST_LIBS),-lprotobuf-c -ljansson -lm))
