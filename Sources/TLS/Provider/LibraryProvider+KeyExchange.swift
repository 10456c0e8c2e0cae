import COpenSSL

/// What two keys of X25519 agree on, as OpenSSL asks for it.
///
/// Source: provider-keyexch(7).
extension LibraryProvider {
    static let exchangeFunctions = unsafe LibraryList([
        function(OSSL_FUNC_KEYEXCH_NEWCTX, newExchange),
        function(OSSL_FUNC_KEYEXCH_FREECTX, release),
        function(OSSL_FUNC_KEYEXCH_INIT, setOwn),
        function(OSSL_FUNC_KEYEXCH_SET_PEER, setPeer),
        function(OSSL_FUNC_KEYEXCH_DERIVE, agree),
    ])

    /// The keys of both sides, as far as they are known.
    private final class Exchange {
        var own: ExchangeKey?
        var peer: ExchangeKey?
    }

    private static let newExchange:
        @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { _ in
            unsafe lend(Exchange())
        }

    private static let setOwn:
        @convention(c) (
            UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, UnsafePointer<OSSL_PARAM>?
        ) -> CInt = { exchange, key, _ in
            guard let exchange = unsafe exchange, let key = unsafe key else { return 0 }
            let held: Exchange = unsafe borrow(exchange)
            unsafe held.own = borrow(key)
            return 1
        }

    private static let setPeer:
        @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> CInt = {
            exchange,
            key in
            guard let exchange = unsafe exchange, let key = unsafe key else { return 0 }
            let held: Exchange = unsafe borrow(exchange)
            unsafe held.peer = borrow(key)
            return 1
        }

    /// Without a place to write to, OpenSSL asks only how many bytes there will be.
    private static let agree:
        @convention(c) (
            UnsafeMutableRawPointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int>?, Int
        ) -> CInt = { exchange, target, count, room in
            guard let exchange = unsafe exchange, let count = unsafe count else { return 0 }
            unsafe count.pointee = ExchangeKey.byteCount
            guard let target = unsafe target else { return 1 }
            let held: Exchange = unsafe borrow(exchange)
            guard room >= ExchangeKey.byteCount, let own = held.own, let peer = held.peer else {
                return 0
            }
            // OpenSSL lends at least as many bytes as it has just said.
            let lent = unsafe UnsafeMutableBufferPointer(
                start: target,
                count: ExchangeKey.byteCount
            )
            var bytes = unsafe lent.mutableSpan
            return own.agree(with: peer, into: &bytes) ? 1 : 0
        }
}
