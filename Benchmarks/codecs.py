"""What each level of each library makes of the benchmark's bodies: bytes and CPU time.

    python3 Benchmarks/codecs.py [20k|1m|FILE] [ROUNDS]

The libraries are called as the gateway calls them (states made once and reset, the size announced)
and `zlib 6 anew` as nginx does, which makes a state for each response. All take their turn in each
round, so each finds the processor's cache as the one before it left it, and a slow moment of the
machine hits all of them: compare medians, not the best rounds. There is no counter of instructions
on a virtual machine like the one this was written on.
"""

import ctypes
import ctypes.util
import sys
import time

import scenarios


def library(name):
    return ctypes.CDLL(ctypes.util.find_library(name))


class ZStream(ctypes.Structure):
    """zlib's z_stream."""

    _fields_ = [
        ("next_in", ctypes.c_void_p), ("avail_in", ctypes.c_uint), ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p), ("avail_out", ctypes.c_uint), ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p), ("state", ctypes.c_void_p), ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p), ("opaque", ctypes.c_void_p), ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong), ("reserved", ctypes.c_ulong)]


class Bodies:
    """One body, and room for what becomes of it."""

    def __init__(self, content):
        self.content, self.count = content, len(content)
        self.source = ctypes.create_string_buffer(content, len(content))
        self.room = len(content) * 2 + 4096
        self.target = ctypes.create_string_buffer(self.room)


def zlib_codecs(body):
    zlib = library("z")

    def opened(level):
        stream = ZStream()
        if zlib.deflateInit2_(ctypes.byref(stream), level, 8, -15, 8, 0, b"1", 112):
            sys.exit("zlib has other structures here")
        return stream

    def deflate(stream):
        stream.next_in, stream.avail_in = ctypes.addressof(body.source), body.count
        stream.next_out, stream.avail_out = ctypes.addressof(body.target), body.room
        zlib.deflate(ctypes.byref(stream), 4)
        return stream.total_out

    def reused(level, tuned=None):
        stream = opened(level)

        def run():
            zlib.deflateReset(ctypes.byref(stream))
            if tuned:
                zlib.deflateTune(ctypes.byref(stream), *tuned)
            return deflate(stream)
        return run

    def anew():
        stream = opened(6)
        count = deflate(stream)
        zlib.deflateEnd(ctypes.byref(stream))
        return count

    yield from ((f"zlib {level}", reused(level)) for level in (1, 4, 5, 6, 9))
    yield "zlib 6 tuned", reused(6, (8, 32, 48, 64))
    yield "zlib 6 anew", anew


def libdeflate_codecs(body):
    deflate = library("deflate")
    deflate.libdeflate_alloc_compressor.restype = ctypes.c_void_p
    deflate.libdeflate_deflate_compress.restype = ctypes.c_size_t
    deflate.libdeflate_deflate_compress.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]

    def level_of(level):
        compressor = deflate.libdeflate_alloc_compressor(level)
        return lambda: deflate.libdeflate_deflate_compress(
            compressor, ctypes.addressof(body.source), body.count, ctypes.addressof(body.target),
            body.room)

    yield from ((f"libdeflate {level}", level_of(level)) for level in (1, 4, 5, 6, 7, 9))


def zstd_codecs(body):
    zstd = library("zstd")
    zstd.ZSTD_createCCtx.restype = ctypes.c_void_p
    zstd.ZSTD_compress2.restype = ctypes.c_size_t
    zstd.ZSTD_compress2.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]
    zstd.ZSTD_CCtx_setParameter.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]

    def level_of(level, *parameters):
        context = zstd.ZSTD_createCCtx()
        zstd.ZSTD_CCtx_setParameter(context, 100, level)
        for name, value in parameters:
            zstd.ZSTD_CCtx_setParameter(context, name, value)
        return lambda: zstd.ZSTD_compress2(
            context, ctypes.addressof(body.target), body.room, ctypes.addressof(body.source),
            body.count)

    yield from ((f"zstd {level}", level_of(level)) for level in (-1, 1, 2, 3, 4, 5, 6, 9))
    # 101 is the window, 102 and 103 the tables, 105 the shortest match.
    yield "zstd 3, tables 2^14", level_of(3, (102, 14), (103, 14))
    yield "zstd 3, tables 2^13", level_of(3, (102, 13), (103, 13))
    yield "zstd 3, matches of 6", level_of(3, (105, 6))
    yield "zstd 3, window 2^16", level_of(3, (101, 16))


def brotli_codecs(body):
    brotli = library("brotlienc")
    brotli.BrotliEncoderCompress.argtypes = [
        ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.c_void_p]

    def quality_of(quality):
        def run():
            count = ctypes.c_size_t(body.room)
            brotli.BrotliEncoderCompress(
                quality, 16, 0, body.count, ctypes.addressof(body.source), ctypes.byref(count),
                ctypes.addressof(body.target))
            return count.value
        return run

    yield from ((f"brotli {quality}", quality_of(quality)) for quality in (1, 3, 4, 5, 8))


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else "20k"
    if name in scenarios.JSON_SIZES:
        content = scenarios.json_body(scenarios.JSON_SIZES[name])
    else:
        with open(name, "rb") as file:
            content = file.read()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else max(20, 6_000_000 // len(content))
    body = Bodies(content)
    codecs = [codec for make in (zlib_codecs, libdeflate_codecs, zstd_codecs, brotli_codecs)
              for codec in make(body)]
    sizes, times = {}, {label: [] for label, _ in codecs}
    for _ in range(rounds):
        for label, run in codecs:
            before = time.thread_time_ns()
            sizes[label] = run()
            times[label].append((time.thread_time_ns() - before) / 1000)
    print(f"{len(content)} bytes of {name}, {rounds} rounds; headers and checksums left out\n")
    print("| | bytes | CPU µs, median | least |\n|---|---:|---:|---:|")
    for label, _ in codecs:
        figures = sorted(times[label])
        print(f"| {label} | {sizes[label]:,} | "
              f"{figures[len(figures) // 2]:,.0f} | {figures[0]:,.0f} |")


if __name__ == "__main__":
    main()
