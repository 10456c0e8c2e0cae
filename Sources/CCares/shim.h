#ifndef GATEWAY_CCARES_SHIM_H
#define GATEWAY_CCARES_SHIM_H
// No _GNU_SOURCE here: with it fd_set has other member names than in Swift's Glibc module, and the two cannot be
// imported together.
#include <ares.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/time.h>

// Opens a channel. Here and not in Swift, because struct ares_options holds mutable C strings that the library only
// copies, and its meaning depends on a mask of macros.
// lookups: "f" for /etc/hosts, "b" for DNS. isolated: no search domains.
static inline int gateway_ares_open(
    ares_channel *channel, const char *lookups, int timeout_milliseconds, int tries, int isolated) {
  struct ares_options options;
  memset(&options, 0, sizeof options);
  options.timeout = timeout_milliseconds;
  options.tries = tries;
  options.lookups = (char *)lookups;
  int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS;
  if (isolated) mask |= ARES_OPT_DOMAINS;
  return ares_init_options(channel, &options, mask);
}

// Asks for A and AAAA in the order in which they come: the hints are macros, and sorting would open sockets.
static inline void gateway_ares_ask(
    ares_channel channel, const char *name, ares_addrinfo_callback callback, void *argument) {
  struct ares_addrinfo_hints hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT;
  ares_getaddrinfo(channel, name, NULL, &hints, callback, argument);
}

// Milliseconds until ares_process_fd must be called, rounded up, or -1: the library answers with a pointer to what
// it was given, or NULL.
static inline int gateway_ares_timeout(ares_channel channel) {
  struct timeval space;
  struct timeval *time = ares_timeout(channel, NULL, &space);
  if (!time) return -1;
  return (int)(time->tv_sec * 1000 + (time->tv_usec + 999) / 1000);
}

// Function-like macros are not imported.
static inline int gateway_ares_wants_read(int bits, int index) { return ARES_GETSOCK_READABLE(bits, index) != 0; }
static inline int gateway_ares_wants_write(int bits, int index) { return ARES_GETSOCK_WRITABLE(bits, index) != 0; }

// The resolver's thread itself needs two calls that Swift's Glibc module leaves out: eventfd, and prctl, which is
// variadic.
static inline int gateway_wake_open(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
static inline void gateway_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
#endif
