# Errors, log, buffers, descriptors, paths, processes, the event loop. Uses the C library alone.
BASE_SRCS := $(addprefix runtime/lib/base/,alloc.c arena.c error.c escape.c fd.c file.c log.c \
	loop.c options.c parse.c path.c process.c relay.c strbuf.c strv.c time.c)
$(eval $(call lib,base,$(BASE_SRCS)))

$(foreach t,error escape strbuf containers parse path file fd process loop log options relay,\
	$(eval $(call unit,runtime/lib/base/test_$(t),base)))
