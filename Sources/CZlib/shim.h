#ifndef GATEWAY_CZLIB_SHIM_H
#define GATEWAY_CZLIB_SHIM_H
#include <zlib.h>

// deflateInit2 and inflateInit2 are macros, which are not imported. Raw streams: headers, checksums and trailers are
// the gateway's own.
static inline int gateway_deflate_open(z_stream *stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
}
// bits: as inflateInit2 takes them: -15 raw, 15 zlib, 31 gzip.
static inline int gateway_inflate_open(z_stream *stream, int bits) { return inflateInit2(stream, bits); }
#endif
