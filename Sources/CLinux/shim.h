#ifndef GATEWAY_CLINUX_SHIM_H
#define GATEWAY_CLINUX_SHIM_H
// What Glibc's module map leaves out: epoll, eventfd, splice and the socket details that are macros or GNU extensions.
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// epoll_data is a union and epoll_event a packed struct, which Swift cannot import well: these two
// keep both on this side and pass tokens and flags as plain arrays.
static inline int gateway_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = token;
    return epoll_ctl(epoll, operation, descriptor, &event);
}

#define GATEWAY_EVENTS_PER_POLL 512

static inline int gateway_epoll_wait(int epoll, uint64_t *tokens, uint32_t *flags, int timeout) {
    struct epoll_event events[GATEWAY_EVENTS_PER_POLL];
    int count = epoll_wait(epoll, events, GATEWAY_EVENTS_PER_POLL, timeout);
    for (int index = 0; index < count; index++) {
        tokens[index] = events[index].data.u64;
        flags[index] = events[index].events;
    }
    return count;
}

// The same flags as uint32_t: the enum's and the macros' types differ from header to header.
static const uint32_t gateway_in = EPOLLIN, gateway_out = EPOLLOUT, gateway_err = EPOLLERR;
static const uint32_t gateway_hup = EPOLLHUP, gateway_rdhup = EPOLLRDHUP;
static const uint32_t gateway_exclusive = EPOLLEXCLUSIVE;
static const uint32_t gateway_edge = EPOLLET;

// With GNU extensions these take a transparent union in place of the address pointer.
static inline int gateway_bind(int descriptor, const struct sockaddr_storage *address, socklen_t size) {
    return bind(descriptor, (const struct sockaddr *)address, size);
}

static inline int gateway_connect(int descriptor, const struct sockaddr_storage *address, socklen_t size) {
    return connect(descriptor, (const struct sockaddr *)address, size);
}

static inline int gateway_accept(int descriptor, struct sockaddr_storage *peer) {
    socklen_t size = sizeof *peer;
    return accept4(descriptor, (struct sockaddr *)peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline int gateway_getsockname(int descriptor, struct sockaddr_storage *local) {
    socklen_t size = sizeof *local;
    return getsockname(descriptor, (struct sockaddr *)local, &size);
}

// Waits until one of two descriptors can be read, or the time is over.
static inline int gateway_wait_two(int first, int second, int timeout_milliseconds) {
    struct pollfd descriptors[2] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
    return poll(descriptors, 2, timeout_milliseconds);
}

// errno is a macro over thread-local storage.
static inline int gateway_errno(void) {
    return errno;
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

// open is variadic; O_TMPFILE needs GNU extensions.
static inline int gateway_open_temporary(const char *directory) {
    return open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

// open is variadic. O_NONBLOCK: a pipe in the place of a file must make nobody wait; it reads as empty, or fails.
static inline int gateway_file_open(const char *path) { return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); }

// st_mtim and st_ctim are macros behind which the members differ.
static inline int gateway_file_stamp(const char *path, int64_t *modified, int64_t *changed, int64_t *size,
                                     uint64_t *inode) {
    struct stat status;
    if (stat(path, &status) != 0) return -1;
    *modified = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    *changed = (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
    *size = (int64_t)status.st_size;
    *inode = (uint64_t)status.st_ino;
    return 0;
}

// realpath is hidden without extensions; what it gives is freed by the second.
static inline char *gateway_real_path(const char *path) { return realpath(path, NULL); }
static inline void gateway_free(void *memory) { free(memory); }

// open is variadic. O_NONBLOCK: a pipe in the place of the file must not make the loop wait.
static inline int gateway_open_regular(const char *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat status;
    if (descriptor >= 0 && (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

// open is variadic. What a directory of stored responses needs: itself, its lock, files read and files written.
static inline int gateway_open_folder(int parent, const char *path) {
    return openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline int gateway_open_lock(int parent, const char *path) {
    return openat(parent, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static inline int gateway_open_stored(int parent, const char *path) {
    return openat(parent, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static inline int gateway_open_new(int parent, const char *path) {
    return openat(parent, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static inline int gateway_open_append(int parent, const char *path) {
    return openat(parent, path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
}

// LOCK_EX is a macro beside a function of the same name.
static inline int gateway_lock_file(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB); }
static inline int gateway_unlock_file(int descriptor) { return flock(descriptor, LOCK_UN); }

// The size of a regular file, or -1.
static inline int64_t gateway_regular_size(int descriptor) {
    struct stat status;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return -1;
    return (int64_t)status.st_size;
}

// d_name is an array inside a structure, which Swift imports as a tuple. Gives the next entry that is a file or a
// folder and whose name fits; 1 for a file, 2 for a folder, 0 at the end, -1 on an error.
static inline int gateway_next_entry(DIR *folder, char *name, size_t room, int64_t *size, int64_t *modified) {
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (entry == NULL) return errno == 0 ? 0 : -1;
        size_t count = strlen(entry->d_name);
        struct stat status;
        if (count >= room || fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (entry->d_name[0] == '.' || (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))) continue;
        memcpy(name, entry->d_name, count + 1);
        *size = (int64_t)status.st_size;
        *modified = (int64_t)status.st_mtim.tv_sec;
        return S_ISREG(status.st_mode) ? 1 : 2;
    }
}

// S_ISSOCK is a macro.
static inline bool gateway_is_socket(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

// CPU_COUNT is a macro over a bit set.
static inline int gateway_processor_count(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

// With GNU extensions the resource is an enum of its own type.
static inline int gateway_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

// Segments are described by pointer arithmetic on the loader's own structures. Code that nobody has
// written to comes back from the page cache when it is run again.
static inline int gateway_let_code_go(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size, (void)unused;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || segment->p_flags != (PF_R | PF_X)) continue;
        uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~page;
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_filesz + page) & ~page;
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

static inline void gateway_release_code(void) { dl_iterate_phdr(gateway_let_code_go, NULL); }

// Memory that the kernel sends without copying it; memfd_create needs GNU extensions.
static inline int gateway_make_page_file(void) { return memfd_create("gateway-cache", MFD_CLOEXEC); }

// st_blocks counts 512 bytes each.
static inline int64_t gateway_file_bytes(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 ? (int64_t)status.st_blocks * 512 : -1;
}

// Where a file may only grow to some size, writing past that raises a signal.
static inline bool gateway_files_are_limited(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
}

// The flags are macros of linux/falloc.h.
static inline int gateway_punch(int descriptor, int64_t start, int64_t length) {
    return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, length);
}

// open is variadic.
static inline int gateway_open_growing(int parent, const char *path) {
    unlinkat(parent, path, 0);
    return openat(parent, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static inline int gateway_open_renewable(int parent, const char *path) {
    return openat(parent, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static inline bool gateway_is_same_file(int first, int second) {
    struct stat one, other;
    return fstat(first, &one) == 0 && fstat(second, &other) == 0 && one.st_dev == other.st_dev &&
        one.st_ino == other.st_ino;
}

// RWF_NOWAIT is a macro, and preadv2 needs GNU extensions: reads what is in memory, and no more.
static inline ssize_t gateway_read_now(int descriptor, void *bytes, size_t count, int64_t offset) {
    struct iovec piece = {bytes, count};
    return preadv2(descriptor, &piece, 1, offset, RWF_NOWAIT);
}

static inline bool gateway_is_in_memory(int descriptor, int64_t offset) {
    char byte;
    return gateway_read_now(descriptor, &byte, 1, offset) == 1;
}

// The flag is a macro.
static inline int gateway_start_writeback(int descriptor, int64_t start, int64_t length) {
    return sync_file_range(descriptor, start, length, SYNC_FILE_RANGE_WRITE);
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
