/* What a fuzzer implements: libFuzzer calls it, or replay.c does with the files of its corpus. */
#ifndef ROLL_FUZZ_H
#define ROLL_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
