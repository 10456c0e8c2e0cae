#ifndef GATEWAY_CLIBDEFLATE_SHIM_H
#define GATEWAY_CLIBDEFLATE_SHIM_H
#include <libdeflate.h>
#endif
