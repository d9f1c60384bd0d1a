#define _GNU_SOURCE
#include "CWipingAllocator.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_ANOTHER_ALLOCATOR
#endif
#endif

#ifdef HAS_ANOTHER_ALLOCATOR

#if __has_feature(address_sanitizer)
// The sanitizer's allocator calls this before it takes a block back (sanitizer/allocator_interface.h). ThreadSanitizer calls it in
// realloc before it copies, so that there is none for it.
void __sanitizer_free_hook(const volatile void *pointer) {
  if (pointer != NULL) {
    explicit_bzero((void *)pointer, malloc_usable_size((void *)pointer));
  }
}
#endif

int wiping_allocator_active(void) { return 1; }

#else

extern void *__libc_malloc(size_t);
extern void __libc_free(void *);

void free(void *pointer) {
  if (pointer == NULL) {
    return;
  }
  int saved = errno;
  explicit_bzero(pointer, malloc_usable_size(pointer));
  __libc_free(pointer);
  errno = saved;
}

// Never in place: shrinking in place would hand back a tail that was not wiped, and moving inside glibc would not wipe at all.
void *realloc(void *pointer, size_t size) {
  if (pointer == NULL) {
    return __libc_malloc(size);
  }
  if (size == 0) {
    free(pointer);
    return NULL;
  }
  size_t held = malloc_usable_size(pointer);
  if (size <= held && size >= held / 2) {
    return pointer;
  }
  void *moved = __libc_malloc(size);
  if (moved == NULL) {
    return NULL;
  }
  memcpy(moved, pointer, size < held ? size : held);
  free(pointer);
  return moved;
}

int wiping_allocator_active(void) { return dlsym(RTLD_DEFAULT, "free") == (void *)free; }

#endif
