# SPDX-License-Identifier: Apache-2.0
OSB_PASS_SRCS := osbuilder/pass/layout.c osbuilder/pass/clean.c osbuilder/pass/summary.c
