import Bytes
import COpenSSL

// What OpenSSL calls to move ciphertext: it goes from and to the session's buffers, so that a
// session makes no system call and the same code runs over sockets and in memory.

/// The session that a BIO belongs to.
///
/// A session frees its BIO before itself, so it is there.
private func session(of bio: OpaquePointer) -> TLSSession? {
    guard let data = unsafe BIO_get_data(bio) else { return nil }
    return unsafe Unmanaged<TLSSession>.fromOpaque(data).takeUnretainedValue()
}

let sessionRead:
    @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<CChar>?, Int, UnsafeMutablePointer<Int>?
    ) -> CInt = { bio, target, space, count in
        guard let bio = unsafe bio, let target = unsafe target, let count = unsafe count else {
            return 0
        }
        unsafe gateway_bio_clear_retry(bio)
        guard let input = unsafe session(of: bio)?.input, !input.isEmpty else {
            unsafe gateway_bio_retry_read(bio)
            return 0
        }
        // OpenSSL lends `space` bytes; no more than both have are copied.
        let taken = unsafe input.drain { bytes in
            let length = min(bytes.count, space)
            guard let base = bytes.baseAddress else { return 0 }
            unsafe UnsafeMutableRawPointer(target).copyMemory(from: base, byteCount: length)
            return length
        }
        unsafe count.pointee = taken
        return 1
    }

let sessionWrite:
    @convention(c) (
        OpaquePointer?, UnsafePointer<CChar>?, Int, UnsafeMutablePointer<Int>?
    ) -> CInt = { bio, source, length, count in
        guard let bio = unsafe bio, let source = unsafe source, let count = unsafe count else {
            return 0
        }
        unsafe gateway_bio_clear_retry(bio)
        guard let output = unsafe session(of: bio)?.output else { return 0 }
        // OpenSSL lends `length` bytes, and `reserve` made room for them.
        output.reserve(length)
        _ = unsafe output.fill { space in
            guard let base = space.baseAddress else { return 0 }
            unsafe base.copyMemory(from: UnsafeRawPointer(source), byteCount: length)
            return length
        }
        unsafe count.pointee = length
        return 1
    }

let sessionControl: @convention(c) (OpaquePointer?, CInt, Int, UnsafeMutableRawPointer?) -> Int = {
    // Nothing is held back here, so a flush is done at once; there is nothing else to control.
    _,
    command,
    _,
    _ in command == BIO_CTRL_FLUSH ? 1 : 0
}
