#ifndef GATEWAY_CLINUX_SHIM_H
#define GATEWAY_CLINUX_SHIM_H
// What Glibc's module map leaves out: epoll, eventfd, splice and the socket details that are macros or GNU extensions.
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// epoll_data is a union, which Swift cannot name: these two keep it to a 64-bit token.
static inline int gateway_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = token;
    return epoll_ctl(epoll, operation, descriptor, &event);
}

// The struct is packed on x86-64, so its fields are read here rather than through an imported layout.
static inline uint64_t gateway_epoll_token(const struct epoll_event *events, int index) {
    return events[index].data.u64;
}

static inline uint32_t gateway_epoll_events(const struct epoll_event *events, int index) {
    return events[index].events;
}

// strerror_r has two signatures; this is the GNU one, under a name that Swift can import.
static inline const char *gateway_strerror(int number, char *buffer, size_t size) {
    return strerror_r(number, buffer, size);
}

// fcntl is variadic.
static inline int gateway_set_pipe_size(int descriptor, int size) {
    return fcntl(descriptor, F_SETPIPE_SZ, size);
}

static inline int gateway_fcntl(int descriptor, int command, int argument) {
    return fcntl(descriptor, command, argument);
}

static inline int64_t gateway_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t gateway_wall_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
#endif
