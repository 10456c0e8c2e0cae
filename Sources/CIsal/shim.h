#ifndef GATEWAY_CISAL_SHIM_H
#define GATEWAY_CISAL_SHIM_H
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

// The size of the level's working memory is a macro of macros, which is not imported. Medium: half of the default at
// the same speed and size on bodies of 20 KB and of 1 MiB.
#define GATEWAY_ISAL_LEVEL 1
#define GATEWAY_ISAL_WORK ISAL_DEF_LVL1_MEDIUM

// Starts a raw stream with the working memory it has; the library's own initialiser forgets it.
static inline void gateway_isal_begin(struct isal_zstream *stream, uint8_t *work) {
  isal_deflate_init(stream);
  stream->level = GATEWAY_ISAL_LEVEL;
  stream->level_buf = work;
  stream->level_buf_size = GATEWAY_ISAL_WORK;
  stream->gzip_flag = IGZIP_DEFLATE;
}

// Allocation of both: the working memory's size is known here only.
static inline uint8_t *gateway_isal_work(void) { return (uint8_t *)malloc(GATEWAY_ISAL_WORK); }
static inline long gateway_isal_bytes(void) { return (long)(sizeof(struct isal_zstream) + GATEWAY_ISAL_WORK); }

// Compresses a whole content; 0 if it does not fit.
static inline size_t gateway_isal_whole(
    struct isal_zstream *stream, uint8_t *work, const uint8_t *in, uint32_t in_count, uint8_t *out,
    uint32_t out_count) {
  isal_deflate_stateless_init(stream);
  stream->level = GATEWAY_ISAL_LEVEL;
  stream->level_buf = work;
  stream->level_buf_size = GATEWAY_ISAL_WORK;
  stream->gzip_flag = IGZIP_DEFLATE;
  stream->end_of_stream = 1;
  stream->flush = NO_FLUSH;
  stream->next_in = (uint8_t *)in;
  stream->avail_in = in_count;
  stream->next_out = out;
  stream->avail_out = out_count;
  return isal_deflate_stateless(stream) == COMP_OK ? stream->total_out : 0;
}

// One step; 0 process, 1 flush, 2 finish. The stream's state is an enumeration inside a union-laden structure.
// Returns 1 when all that was asked for is in the output, 0 when there is more, -1 on an error.
static inline int gateway_isal_step(
    struct isal_zstream *stream, const uint8_t *in, uint32_t in_count, uint8_t *out, uint32_t out_count, int operation,
    uint32_t *taken, uint32_t *made) {
  stream->next_in = (uint8_t *)in;
  stream->avail_in = in_count;
  stream->next_out = out;
  stream->avail_out = out_count;
  stream->flush = operation == 1 ? SYNC_FLUSH : NO_FLUSH;
  stream->end_of_stream = operation == 2;
  int result = isal_deflate(stream);
  *taken = in_count - stream->avail_in;
  *made = out_count - stream->avail_out;
  if (result != COMP_OK) return -1;
  if (operation == 2) return stream->internal_state.state == ZSTATE_END;
  return stream->avail_in == 0 && stream->avail_out > 0;
}
#endif
