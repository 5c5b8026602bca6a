#include "collectives/mpi/leia_mpi.h"

#include <mpi.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

// MPI counts in int.
constexpr int64_t kMostBytes = int64_t{1} << 30;

MPI_Comm ranks = MPI_COMM_NULL;
int rank_count = 0;
std::vector<MPI_Request> requests;
// Of each request, the rank that is to send; that of a message to another is kNobody.
constexpr int kNobody = -1;
std::vector<int> senders;
std::string message;

const char* failure(int status) {
  if (status == MPI_SUCCESS) return nullptr;
  char words[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(status, words, &length);
  message.assign(words, static_cast<size_t>(length));
  return message.c_str();
}

const char* describe() {
  char words[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(words, &length);
  message.assign(words, static_cast<size_t>(length));
  message.resize(std::min(message.size(), message.find_first_of(",\n")));
  return message.c_str();
}

const char* open(int* rank, int* size) {
  int provided = 0;
  if (const char* wrong =
          failure(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided))) {
    return wrong;
  }
  if (provided < MPI_THREAD_SERIALIZED) return "this MPI was built without support for threads";
  if (const char* wrong = failure(MPI_Comm_dup(MPI_COMM_WORLD, &ranks))) return wrong;
  MPI_Comm_set_errhandler(ranks, MPI_ERRORS_RETURN);
  MPI_Comm_rank(ranks, rank);
  MPI_Comm_size(ranks, &rank_count);
  *size = rank_count;
  return nullptr;
}

// In pieces that MPI can count. There is one even if there are no bytes.
template <class Begin>
const char* begin_pieces(int64_t bytes, int sender, const Begin& begin) {
  int64_t done = 0;
  do {
    const int64_t piece = std::min(bytes - done, kMostBytes);
    requests.push_back(MPI_REQUEST_NULL);
    senders.push_back(sender);
    const int status = begin(done, static_cast<int>(piece), &requests.back());
    if (const char* wrong = failure(status)) return wrong;
    done += piece;
  } while (done < bytes);
  return nullptr;
}

const char* send(const void* data, int64_t bytes, int rank) {
  return begin_pieces(bytes, kNobody, [=](int64_t at, int count, MPI_Request* request) {
    return MPI_Isend(static_cast<const char*>(data) + at, count, MPI_BYTE, rank, 0, ranks, request);
  });
}

const char* receive(void* data, int64_t bytes, int rank) {
  return begin_pieces(bytes, rank, [=](int64_t at, int count, MPI_Request* request) {
    return MPI_Irecv(static_cast<char*>(data) + at, count, MPI_BYTE, rank, 0, ranks, request);
  });
}

const char* progress(int* pending) {
  static std::vector<int> done;
  done.resize(requests.size());
  int count = 0;
  // What is done becomes MPI_REQUEST_NULL.
  const int status = MPI_Testsome(static_cast<int>(requests.size()), requests.data(), &count,
                                  done.data(), MPI_STATUSES_IGNORE);
  *pending = static_cast<int>(requests.size() -
                              static_cast<size_t>(std::ranges::count(requests, MPI_REQUEST_NULL)));
  if (*pending == 0) {
    requests.clear();
    senders.clear();
  }
  return failure(status);
}

void awaited(unsigned char* by_rank) {
  std::fill_n(by_rank, rank_count, static_cast<unsigned char>(0));
  for (size_t i = 0; i < requests.size(); ++i) {
    if (requests[i] != MPI_REQUEST_NULL && senders[i] != kNobody) by_rank[senders[i]] = 1;
  }
}

const char* close() {
  if (const char* wrong = failure(MPI_Comm_free(&ranks))) return wrong;
  return failure(MPI_Finalize());
}

constexpr LeiaMpi kFunctions = {kLeiaMpiVersion, describe, open,    send,
                                receive,         progress, awaited, close};

}  // namespace

extern "C" __attribute__((visibility("default"))) const LeiaMpi* leia_mpi();

const LeiaMpi* leia_mpi() {
  return &kFunctions;
}
