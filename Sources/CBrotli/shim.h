#ifndef GATEWAY_CBROTLI_SHIM_H
#define GATEWAY_CBROTLI_SHIM_H
#include <brotli/decode.h>
#include <brotli/encode.h>
#endif
