BASE_SRCS := $(addprefix runtime/lib/base/,alloc.c arena.c error.c fd.c file.c log.c log_sink.c loop.c \
	loop_child.c parse.c path.c process.c strbuf.c strv.c time.c)
$(eval $(call lib,base,$(BASE_SRCS)))
