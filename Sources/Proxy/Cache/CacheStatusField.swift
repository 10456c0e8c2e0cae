import Bytes
import Caching
import HTTP

/// What the Cache-Status field tells of one response.
///
/// Source: RFC 9211.
struct CacheReport {
    var isHit = false
    var forward: CacheForward?
    /// The upstream's status, where it is not the response's own.
    var forwardStatus: Int?
    /// Seconds for which the response stays fresh; negative since it became stale.
    var timeToLive: Int64?
    var isStored = false
    var isCollapsed = false
    var detail: String?

    init() {}

    /// Of a response that another request's fetch brought.
    init(collapsedWith timing: Timing, now: Int64) {
        forward = .uriMiss
        isCollapsed = true
        timeToLive = timing.remaining(now: now) / 1000
    }

    /// Writes the field.
    func write(key: Span<UInt8>?, to out: Buffer) {
        out.append("Cache-Status: gateway")
        if isHit { out.append("; hit") }
        if let forward {
            out.append("; fwd=")
            out.append(utf8: forward.rawValue)
        }
        if let forwardStatus {
            out.append("; fwd-status=")
            out.append(decimal: forwardStatus)
        }
        if let timeToLive {
            out.append("; ttl=")
            out.append(decimal: Int(timeToLive))
        }
        if isStored { out.append("; stored") }
        if isCollapsed { out.append("; collapsed") }
        if let detail {
            out.append("; detail=")
            out.append(utf8: detail)
        }
        if let key {
            out.append("; key=\"")
            for index in key.indices {
                let byte = key[index]
                // Source: RFC 9651 §4.1.6, a string has visible ASCII and spaces only.
                guard byte >= 0x20, byte < 0x7F else { continue }
                if byte == 0x22 || byte == 0x5C { out.append(UInt8(ascii: "\\")) }
                out.append(byte)
            }
            out.append("\"")
        }
        out.append("\r\n")
    }
}
