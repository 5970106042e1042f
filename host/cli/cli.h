// The command line of chronik-server.
#pragma once

namespace chronik::host {

// Parses, runs the command, returns the exit code. environment: as main() gets it.
int run_cli(int argc, char** argv, char** environment);

}  // namespace chronik::host
