#include <unistd.h>

#include <cstdio>
#include <exception>

#include "host/cli/cli.h"

int main(int argc, char** argv) {
  try {
    return chronik::host::run_cli(argc, argv, environ);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "chronik-server: %s\n", e.what());
    return 1;
  }
}
