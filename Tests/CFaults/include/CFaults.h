// write(2), fsync(2) and rename(2) as the code under test calls them: in the place of the C library's, since the test bundle defines
// them first. They do what they always do, but for the thread that has asked for faults.
#ifndef SECRETS_AGENT_CFAULTS_H
#define SECRETS_AGENT_CFAULTS_H

#include <stdbool.h>
#include <stddef.h>

struct faults {
  // Each call is interrupted by a signal first.
  bool interrupted;
  // The most that one write takes; 0: no limit.
  size_t largest_write;
  // What a write says once so many bytes are written; 0: nothing.
  int write_error;
  size_t bytes_before_error;
  // What the flush of a file, or of a folder, says; 0: nothing.
  int file_flush_error;
  int folder_flush_error;
};

// From now on, on this thread.
void faults_begin(struct faults faults);

// No more. What was called, in order: w for a write, f for a file's flush, d for a folder's, r for a rename; a repeated letter once.
const char *faults_end(void);

#endif
