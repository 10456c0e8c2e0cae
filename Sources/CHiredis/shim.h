#ifndef GATEWAY_CHIREDIS_SHIM_H
#define GATEWAY_CHIREDIS_SHIM_H
// Only the reader, and not hiredis.h: that one brings sys/time.h, which Swift's Glibc module sees otherwise.
#include <hiredis/read.h>
#include <stdlib.h>
#include <string.h>

// One reply. Here and not in Swift, because the reader builds replies through a table of C callbacks whose types
// differ between versions of the library.
typedef struct gateway_reply {
  int type;
  long long integer;
  size_t length;
  char *text;
  size_t count;
  struct gateway_reply **items;
} gateway_reply;

static inline void gateway_reply_free(void *object) {
  gateway_reply *reply = (gateway_reply *)object;
  if (reply == NULL) return;
  for (size_t index = 0; index < reply->count; index++) gateway_reply_free(reply->items[index]);
  free(reply->items);
  free(reply->text);
  free(reply);
}

static inline void *gateway_reply_make(const redisReadTask *task, int type) {
  gateway_reply *reply = (gateway_reply *)calloc(1, sizeof(gateway_reply));
  if (reply == NULL) return NULL;
  reply->type = type;
  if (task->parent != NULL) {
    gateway_reply *parent = (gateway_reply *)task->parent->obj;
    if (task->idx < 0 || (size_t)task->idx >= parent->count) {
      free(reply);
      return NULL;
    }
    parent->items[task->idx] = reply;
  }
  return reply;
}

static inline void *gateway_reply_string(const redisReadTask *task, char *text, size_t length) {
  char *copy = (char *)malloc(length + 1);
  if (copy == NULL) return NULL;
  memcpy(copy, text, length);
  copy[length] = 0;
  gateway_reply *reply = (gateway_reply *)gateway_reply_make(task, task->type);
  if (reply == NULL) {
    free(copy);
    return NULL;
  }
  reply->text = copy;
  reply->length = length;
  return reply;
}

static inline void *gateway_reply_array(const redisReadTask *task, int count) {
  // None of the gateway's commands is answered with more.
  if (count < 0 || count > 65536) return NULL;
  gateway_reply *reply = (gateway_reply *)gateway_reply_make(task, REDIS_REPLY_ARRAY);
  if (reply == NULL || count == 0) return reply;
  reply->items = (gateway_reply **)calloc((size_t)count, sizeof(gateway_reply *));
  if (reply->items != NULL) reply->count = (size_t)count;
  return reply;
}

static inline void *gateway_reply_integer(const redisReadTask *task, long long value) {
  gateway_reply *reply = (gateway_reply *)gateway_reply_make(task, REDIS_REPLY_INTEGER);
  if (reply != NULL) reply->integer = value;
  return reply;
}

static inline void *gateway_reply_nil(const redisReadTask *task) {
  return gateway_reply_make(task, REDIS_REPLY_NIL);
}

// A reader whose replies are gateway_reply.
static inline redisReader *gateway_reader_make(void) {
  static redisReplyObjectFunctions functions;
  functions.createString = gateway_reply_string;
  functions.createArray = gateway_reply_array;
  functions.createInteger = gateway_reply_integer;
  functions.createNil = gateway_reply_nil;
  functions.freeObject = gateway_reply_free;
  return redisReaderCreateWithFunctions(&functions);
}

enum {
  gateway_reply_is_string = REDIS_REPLY_STRING,
  gateway_reply_is_array = REDIS_REPLY_ARRAY,
  gateway_reply_is_integer = REDIS_REPLY_INTEGER,
  gateway_reply_is_nil = REDIS_REPLY_NIL,
  gateway_reply_is_status = REDIS_REPLY_STATUS,
  gateway_reply_is_error = REDIS_REPLY_ERROR
};
#endif
