import Glibc

/// What a thread derives keys with.
///
/// OpenSSL calls `LibraryProvider` in the midst of a handshake and does not say of which: so
/// the thread that shakes hands says it, here.
final class KeyDerivation {
    /// What keeps the traffic secrets of the handshake that this thread is at; nil: nobody.
    var secrets: TrafficSecrets?
    private let sha256: KeyedHash
    private let sha384: KeyedHash

    private init?() {
        guard let sha256 = KeyedHash(.sha256), let sha384 = KeyedHash(.sha384) else { return nil }
        self.sha256 = sha256
        self.sha384 = sha384
    }

    /// HMAC with a hash.
    func keyed(_ hash: KeyHash) -> KeyedHash { hash == .sha256 ? sha256 : sha384 }

    /// The calling thread's, made when it is first asked for; nil when memory has run out.
    static var ofThread: KeyDerivation? {
        guard let slot else { return nil }
        if let place = unsafe pthread_getspecific(slot) {
            // The thread holds one reference until it ends.
            return unsafe Unmanaged<KeyDerivation>.fromOpaque(place).takeUnretainedValue()
        }
        guard let fresh = KeyDerivation() else { return nil }
        let reference = unsafe Unmanaged.passRetained(fresh)
        guard unsafe pthread_setspecific(slot, reference.toOpaque()) == 0 else {
            unsafe reference.release()
            return nil
        }
        return fresh
    }

    /// Where a thread has its own; nil when the system has no more such places.
    private static let slot: pthread_key_t? = {
        var key = pthread_key_t()
        let result = unsafe pthread_key_create(&key) { place in
            guard let place = unsafe place else { return }
            // What `ofThread` has retained.
            unsafe Unmanaged<KeyDerivation>.fromOpaque(place).release()
        }
        return result == 0 ? key : nil
    }()
}
