#include "CLinux.h"

#include <malloc.h>

void linux_release_free_memory(void) { malloc_trim(0); }
