#include "CLinux.h"

#include <malloc.h>

// Nothing can be allocated meanwhile, and each page costs a call: of a large heap that takes longer than the loop may wait.
void linux_release_free_memory(size_t largest_heap) {
  if (mallinfo2().arena <= largest_heap) {
    malloc_trim(0);
  }
}

void linux_use_one_heap(void) { mallopt(M_ARENA_MAX, 1); }
