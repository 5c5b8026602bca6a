// What the addon needs of MPI: messages between ranks, and to ask whether they have arrived. An
// MPI's types differ from one implementation to the next, so what calls it is a library of its own,
// compiled against the MPI of this machine; the addon opens it when ranks are asked for.
//
// After open(), all calls must come one after the other, from any thread. A function that fails
// gives what went wrong, which is valid until the next call, and one that succeeds nullptr.
#pragma once

#include <cstdint>

extern "C" {

struct LeiaMpi {
  int version;  // kLeiaMpiVersion
  // "Open MPI v4.1.4, ..."
  const char* (*describe)();
  const char* (*open)(int* rank, int* ranks);
  // Both begin, and return at once. The memory is in use until progress() finds nothing pending.
  // Messages from one rank to another arrive in the order in which they were sent.
  const char* (*send)(const void* data, int64_t bytes, int rank);
  const char* (*receive)(void* data, int64_t bytes, int rank);
  // How many of the messages that were begun are not done.
  const char* (*progress)(int* pending);
  // Sets by_rank[rank] to 1 for each rank of which a message is pending, to 0 for the others.
  void (*awaited)(unsigned char* by_rank);
  const char* (*close)();
};

constexpr int kLeiaMpiVersion = 2;

// The library's only symbol.
using LeiaMpiEntry = const LeiaMpi* (*)();
constexpr const char* kLeiaMpiEntry = "leia_mpi";
}
