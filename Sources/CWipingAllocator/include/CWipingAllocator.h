// Linked into the agent's executable, this makes free and realloc of the whole process (Swift's runtime, libcurl, OpenSSL)
// overwrite what they release, so that no library leaves plaintext in freed heap.
#ifndef SECRETS_AGENT_CWIPINGALLOCATOR_H
#define SECRETS_AGENT_CWIPINGALLOCATOR_H

// True where the wiping functions below are the ones that the process calls.
int wiping_allocator_active(void);

#endif
