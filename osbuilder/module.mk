# The image pipeline: a library and the `osbuilder` program; one fragment a part.
-include osbuilder/tree/module.mk
-include osbuilder/source/module.mk
-include osbuilder/pass/module.mk
-include osbuilder/writer/module.mk
-include osbuilder/disk/module.mk
-include osbuilder/recipe/module.mk
-include osbuilder/source/read.mk
-include osbuilder/cli/module.mk
-include osbuilder/source/read_test.mk
