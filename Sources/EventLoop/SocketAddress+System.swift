import Addressing
import CLinux

extension SocketAddress {
    /// Whether this is a unix socket.
    var isUnix: Bool {
        if case .unix = self { return true }
        return false
    }
}

/// The kernel's form of an address, and back.
extension Sockets {
    /// Lends an address to a system call in the kernel's form.
    static func withAddress(
        _ address: SocketAddress,
        _ body: (UnsafePointer<sockaddr_storage>, socklen_t) -> Int32
    ) throws(SystemError) -> Int32 {
        var storage = sockaddr_storage()
        let size: socklen_t
        switch address {
        case .ip(let ip, let port):
            size = fill(&storage, ip: ip, port: port)
        case .unix(let path):
            size = try fill(&storage, path: path)
        }
        // The storage is as large as any address, and `size` bytes of it are filled in.
        return unsafe withUnsafePointer(to: &storage) { unsafe body($0, size) }
    }

    /// The address in the kernel's form, or nil for a family that is not used here.
    static func address(from storage: sockaddr_storage) -> SocketAddress? {
        var storage = storage
        // The family says which structure the storage holds.
        return unsafe withUnsafePointer(to: &storage) { pointer -> SocketAddress? in
            switch Int32(unsafe pointer.pointee.ss_family) {
            case AF_INET:
                return unsafe pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    let address = IPAddress(
                        v4: UInt32(bigEndian: unsafe $0.pointee.sin_addr.s_addr)
                    )
                    return .ip(address, port: UInt16(bigEndian: unsafe $0.pointee.sin_port))
                }
            case AF_INET6:
                return unsafe pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    var words: (UInt64, UInt64) = (0, 0)
                    var source = unsafe $0.pointee.sin6_addr
                    // Both are 16 bytes.
                    unsafe withUnsafeMutableBytes(of: &words) { target in
                        unsafe withUnsafeBytes(of: &source) { unsafe target.copyMemory(from: $0) }
                    }
                    let address = IPAddress(
                        high: UInt64(bigEndian: words.0),
                        low: UInt64(bigEndian: words.1)
                    ).unmapped
                    return .ip(address, port: UInt16(bigEndian: unsafe $0.pointee.sin6_port))
                }
            case AF_UNIX:
                return unsafe pointer.withMemoryRebound(to: sockaddr_un.self, capacity: 1) {
                    unsafe .unix(path: path(of: $0.pointee))
                }
            default: return nil
            }
        }
    }

    private static func fill(_ storage: inout sockaddr_storage, ip: IPAddress, port: UInt16)
        -> socklen_t
    {
        // Each branch writes one structure that fits into the storage.
        unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            if let v4 = ip.v4 {
                unsafe pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    unsafe $0.pointee.sin_family = sa_family_t(AF_INET)
                    unsafe $0.pointee.sin_port = port.bigEndian
                    unsafe $0.pointee.sin_addr.s_addr = v4.bigEndian
                }
                return socklen_t(MemoryLayout<sockaddr_in>.size)
            }
            unsafe pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                unsafe $0.pointee.sin6_family = sa_family_t(AF_INET6)
                unsafe $0.pointee.sin6_port = port.bigEndian
                var words = (ip.high.bigEndian, ip.low.bigEndian)
                unsafe withUnsafeMutableBytes(of: &$0.pointee.sin6_addr) { target in
                    unsafe withUnsafeBytes(of: &words) { unsafe target.copyMemory(from: $0) }
                }
            }
            return socklen_t(MemoryLayout<sockaddr_in6>.size)
        }
    }

    /// A path, or with `@` in front a name in the abstract namespace.
    ///
    /// Source: unix(7).
    private static func fill(_ storage: inout sockaddr_storage, path: String)
        throws(SystemError) -> socklen_t
    {
        var bytes = Array(path.utf8)
        guard bytes.count <= SocketAddress.maximumPathCount, !bytes.isEmpty else {
            throw SystemError(number: ENAMETOOLONG)
        }
        let isAbstract = bytes[0] == UInt8(ascii: "@")
        if isAbstract { bytes[0] = 0 }
        // At most 107 bytes, checked above, go into a field of 108.
        unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr_un.self, capacity: 1) {
                unsafe $0.pointee.sun_family = sa_family_t(AF_UNIX)
                unsafe withUnsafeMutableBytes(of: &$0.pointee.sun_path) {
                    unsafe $0.copyBytes(from: bytes)
                }
            }
        }
        let length = MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1)
        return socklen_t(length)
    }

    private static func path(of address: sockaddr_un) -> String {
        var address = address
        // The field is 108 bytes, all of them initialised.
        let bytes = unsafe withUnsafeBytes(of: &address.sun_path) { unsafe Array($0) }
        let isAbstract = bytes.count > 1 && bytes[0] == 0 && bytes[1] != 0
        let name = (isAbstract ? bytes.dropFirst() : bytes[...]).prefix { $0 != 0 }
        return (isAbstract ? "@" : "") + String(decoding: name, as: UTF8.self)
    }
}
