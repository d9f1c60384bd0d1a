// libyaml (Debian libyaml-dev), linked from its archive so that a node does not need it.
#ifndef SECRETS_AGENT_CLIBYAML_H
#define SECRETS_AGENT_CLIBYAML_H
#include <yaml.h>
#endif
