// Keeps the oldest libstdc++ that the addon runs on at GCC 11's (RHEL 9). Built with GCC 12 or
// newer, std::condition_variable::wait would ask for GLIBCXX_3.4.30; its first version, which every
// libstdc++ still has, does the same. Include this where a condition variable waits.
#pragma once

#include <condition_variable>

#if defined(__GLIBCXX__) && defined(__x86_64__)
__asm__(
    ".symver _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE,"
    "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");
#endif
