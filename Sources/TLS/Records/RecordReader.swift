public import Bytes

/// Takes the records of a TLS 1.3 peer apart once the handshake is complete.
///
/// It waits for whole records, opens each where it lies or straight into the caller's buffer, and
/// lets nothing out that is not authentic. Alerts and new keys it understands itself.
///
/// Source: RFC 8446 §5.
public struct RecordReader {
    /// What a read came to.
    public enum Reading: Equatable, Sendable {
        /// So many bytes of content, at least 1.
        case bytes(Int)
        /// No whole record is there.
        case wantsInput
        /// The peer has said farewell.
        case ended
        /// The peer has ended the connection with an alert of that number.
        case refused(UInt8)
        /// The peer broke the protocol, and is to be told so.
        case failed(Alert)
    }

    private let keys: TrafficKeys
    private var messages = KeyUpdateReader()
    /// Bytes of content at the read end of the input that have been opened and not been taken.
    private var opened = 0
    /// Bytes behind them that belong to their record: type, padding and tag.
    private var trailing = 0
    /// Records in a row that have brought nothing.
    private var fruitless = 0
    /// Bytes of content that the peer still owes for the renewals of its keys.
    private var renewalDebt = 0
    /// The peer has asked for new keys of ours, and not got them: a further request changes
    /// nothing.
    public var owesKeyUpdate = false

    /// Begins with the peer's keys.
    public init(_ keys: TrafficKeys) { self.keys = keys }

    /// Gives the cipher's memory back until the next record.
    public func rest() { keys.rest() }

    /// Whether a read would come to anything but `wantsInput`, a record without content apart.
    public func mayRead(_ input: Buffer) -> Bool {
        if opened > 0 { return true }
        return switch RecordHeader(input.readable) {
        case .incomplete: false
        case .record(let length): input.count >= TLSLimits.headerBytes + length
        case .refused: true
        }
    }

    /// Reads content.
    /// - Parameters:
    ///   - input: What the peer sent. Opened content that did not fit stays in it, so between two
    ///     calls nothing may be taken from it.
    ///   - target: Has free space.
    ///   - limit: Bytes at most, at least 1.
    /// - Returns: `bytes`, or why there is no content.
    public mutating func read(_ input: Buffer, into target: Buffer, atMost limit: Int) -> Reading {
        while opened == 0 {
            if let reading = openNext(input, into: target, atMost: limit) { return reading }
        }
        let count = min(opened, limit, target.writableCount)
        target.move(count, from: input)
        opened -= count
        if opened == 0 { dropTrailing(input) }
        return .bytes(count)
    }

    /// Opens records until one has content, and leaves that where it is.
    /// - Returns: `bytes` with how many there are.
    public mutating func peek(_ input: Buffer) -> Reading {
        while opened == 0 {
            if let reading = openNext(input, into: nil, atMost: 0) { return reading }
        }
        return .bytes(opened)
    }

    private mutating func dropTrailing(_ input: Buffer) {
        input.consume(trailing)
        trailing = 0
    }

    /// Opens one record.
    ///
    /// Its content goes to `target` if there is room, and else stays.
    /// - Returns: nil when there is something in `opened`, or another record is to be looked at.
    private mutating func openNext(_ input: Buffer, into target: Buffer?, atMost limit: Int)
        -> Reading?
    {
        let length: Int
        switch RecordHeader(input.readable) {
        case .incomplete: return .wantsInput
        case .refused(let alert): return .failed(alert)
        case .record(let count): length = count
        }
        let whole = TLSLimits.headerBytes + length
        guard input.count >= whole else { return .wantsInput }
        let innerCount = length - CipherSuite.tagBytes
        // Its last byte at least is no content, so `limit` is kept.
        let direct = target.flatMap {
            innerCount <= $0.writableCount && innerCount - 1 <= limit ? $0 : nil
        }
        guard let record = open(input, whole: whole, into: direct) else {
            return .failed(.badRecordMAC)
        }
        // Source: RFC 8446 §5.4.
        if innerCount > TLSLimits.recordBytes + 1 { return .failed(.recordOverflow) }
        if record.type == ContentType.applicationData, record.count > 0, !messages.isUnderWay {
            fruitless = 0
            renewalDebt = max(0, renewalDebt - record.count)
            if let direct {
                // Opened into the free space, and initialised by that.
                _ = unsafe direct.fill { _ in record.count }
                input.consume(whole)
                return .bytes(record.count)
            }
            input.consume(TLSLimits.headerBytes)
            opened = record.count
            trailing = length - record.count
            return nil
        }
        input.consume(whole)
        return take(record)
    }

    /// Opens a record: into free space, which then holds more than was there, or where it lies.
    /// - Returns: nil when it is not authentic.
    private func open(_ input: Buffer, whole: Int, into target: Buffer?) -> InnerRecord? {
        let innerCount = whole - TLSLimits.headerBytes - CipherSuite.tagBytes
        var found: InnerRecord?
        unsafe input.rewrite { bytes in
            let record = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<whole])
            func open(_ place: UnsafeMutableRawPointer?) {
                guard let place = unsafe place, unsafe keys.open(record, into: place) else {
                    return
                }
                // `innerCount` bytes have just been written there.
                let start = unsafe place.assumingMemoryBound(to: UInt8.self)
                let plain = unsafe UnsafeBufferPointer(start: start, count: innerCount)
                found = InnerRecord(unsafe plain.span)
            }
            if let target {
                // The free space has `innerCount` bytes; none of them is appended yet.
                _ = unsafe target.fill { space in
                    unsafe open(space.baseAddress)
                    return 0
                }
            } else {
                unsafe open(bytes.baseAddress.map { unsafe $0 + TLSLimits.headerBytes })
            }
        }
        return found
    }

    /// Takes in a record that has nothing for the caller.
    /// - Returns: nil when the next one is to be looked at.
    private mutating func take(_ record: InnerRecord) -> Reading? {
        fruitless += 1
        // The next kind of message may not begin before this one has ended. Source: §5.1.
        if messages.isUnderWay && record.type != ContentType.handshake {
            return .failed(.unexpectedMessage)
        }
        switch record.type {
        case ContentType.applicationData: break
        case ContentType.alert:
            if record.count == 0 { return .failed(.unexpectedMessage) }
            guard record.count == 2 else { return .failed(.decodeError) }
            // The level, before it, says nothing any more. Source: RFC 8446 §6.
            switch Alert(rawValue: record[1]) {
            case .closeNotify: return .ended
            case .userCanceled: break
            default: return .refused(record[1])
            }
        case ContentType.handshake:
            switch messages.take(record) {
            case .incomplete: break
            case .failed(let alert): return .failed(alert)
            case .keyUpdate(let isRequested):
                // A byte of content in between would reset `fruitless`.
                renewalDebt += TLSLimits.bytesPerRenewal
                guard renewalDebt <= TLSLimits.fruitlessRecords * TLSLimits.bytesPerRenewal else {
                    return .failed(.unexpectedMessage)
                }
                guard keys.renew() else { return .failed(.internalError) }
                if isRequested { owesKeyUpdate = true }
            }
        default: return .failed(.unexpectedMessage)
        }
        return fruitless > TLSLimits.fruitlessRecords ? .failed(.unexpectedMessage) : nil
    }
}
