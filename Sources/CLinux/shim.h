#ifndef GATEWAY_CLINUX_SHIM_H
#define GATEWAY_CLINUX_SHIM_H
// What Glibc's module map leaves out: epoll, eventfd, splice and the socket details that are macros or GNU extensions.
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/timerfd.h>
#include <unistd.h>
#endif
