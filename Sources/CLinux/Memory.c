#include "CLinux.h"

#include <malloc.h>

void linux_release_free_memory(void) { malloc_trim(0); }

void linux_use_one_heap(void) { mallopt(M_ARENA_MAX, 1); }
