// libcurl (Debian libcurl4-openssl-dev), with typed wrappers for its variadic calls.
#ifndef SECRETS_AGENT_CLIBCURL_H
#define SECRETS_AGENT_CLIBCURL_H
#include <curl/curl.h>
#endif
