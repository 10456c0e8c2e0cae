#ifndef GATEWAY_CCARES_SHIM_H
#define GATEWAY_CCARES_SHIM_H
#include <ares.h>
#endif
