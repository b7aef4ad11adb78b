# SPDX-License-Identifier: Apache-2.0
OSB_RECIPE_SRCS := osbuilder/recipe/recipe.c osbuilder/recipe/value.c osbuilder/recipe/source.c osbuilder/recipe/arch.c \
	osbuilder/recipe/guest.c osbuilder/recipe/account.c osbuilder/recipe/scaffold.c
