/// A growable run of bytes with a read end and a write end.
///
/// One buffer serves one direction of one connection: bytes are appended behind `writeIndex` and
/// consumed at `readIndex`. It never refuses an append, so who fills it checks its named limit
/// first. A class, because a connection lends it to its stream and takes it back, and a pool keeps
/// it in between; it belongs to one event loop and is deliberately not `Sendable`.
///
/// This file owns raw memory. Everything it lends out is a `Span`, whose bounds are checked.
@safe public final class Buffer {
    // Exclusivity is not checked at run time for these four: every access below is one load or one
    // store and none spans a call, so no two can overlap, and the checks cost more than everything
    // else that a small append does (measured: half of the time to write a message head).

    /// The memory, `storedCapacity` bytes of it.
    ///
    /// Invariant: allocated by this class, freed by `deinit`.
    @exclusivity(unchecked) @usableFromInline var base: UnsafeMutableRawPointer
    @exclusivity(unchecked) @usableFromInline var uncheckedCapacity: Int
    @exclusivity(unchecked) @usableFromInline var uncheckedReadIndex = 0
    @exclusivity(unchecked) @usableFromInline var uncheckedWriteIndex = 0

    /// Bytes allocated.
    @inlinable var storedCapacity: Int {
        get { unsafe uncheckedCapacity }
        set { unsafe uncheckedCapacity = newValue }
    }
    /// Invariant: `0 <= readIndex <= writeIndex <= storedCapacity`; all below `writeIndex` is
    /// initialised.
    @inlinable var readIndex: Int {
        get { unsafe uncheckedReadIndex }
        set { unsafe uncheckedReadIndex = newValue }
    }
    /// The write end; the invariant on `readIndex` holds.
    @inlinable var writeIndex: Int {
        get { unsafe uncheckedWriteIndex }
        set { unsafe uncheckedWriteIndex = newValue }
    }

    /// The smallest allocation: less would be moved again by the first message head.
    public static let minimumCapacity = 256

    /// Makes an empty buffer.
    /// - Parameter capacity: Bytes to allocate at once.
    public init(capacity: Int = Buffer.minimumCapacity) {
        let size = max(capacity, Buffer.minimumCapacity)
        unsafe uncheckedCapacity = size
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    }

    deinit {
        // Allocated by `init` or `reallocate`, which leave exactly one live allocation.
        unsafe base.deallocate()
    }

    /// Bytes allocated.
    @inlinable public var capacity: Int { storedCapacity }
    /// Bytes waiting to be read.
    @inlinable public var count: Int { writeIndex - readIndex }
    /// Whether nothing waits to be read.
    @inlinable public var isEmpty: Bool { writeIndex == readIndex }
    /// Bytes that fit behind the write end without moving anything.
    @inlinable public var writableCount: Int { storedCapacity - writeIndex }

    /// The bytes waiting to be read, lent until the buffer is next changed.
    @inlinable public var readable: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            // Initialised by the invariant on `writeIndex`; the span cannot outlive the borrow of
            // self.
            let bytes = unsafe UnsafeBufferPointer(
                start: UnsafePointer(
                    (base + readIndex).assumingMemoryBound(to: UInt8.self)
                ),
                count: writeIndex - readIndex
            )
            let span = unsafe Span<UInt8>(_unsafeElements: bytes)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Drops bytes from the read end.
    /// - Parameter byteCount: At most `count`.
    @inlinable public func consume(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= writeIndex - readIndex)
        readIndex += byteCount
        if readIndex == writeIndex {
            readIndex = 0
            writeIndex = 0
        }
    }

    /// Drops everything, and keeps the memory.
    @inlinable public func removeAll() {
        readIndex = 0
        writeIndex = 0
    }

    /// Makes room for at least `byteCount` more bytes behind the write end, by moving what is
    /// unread to the front if that is enough, and by growing otherwise.
    @inlinable public func reserve(_ byteCount: Int) {
        if storedCapacity - writeIndex < byteCount { makeRoom(byteCount) }
    }

    @usableFromInline func makeRoom(_ byteCount: Int) {
        let unread = writeIndex - readIndex
        let needed = unread + byteCount
        if needed <= storedCapacity {
            unsafe base.copyMemory(from: base + readIndex, byteCount: unread)
        } else {
            let grown = max(storedCapacity * 2, needed)
            let fresh = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
            unsafe fresh.copyMemory(from: base + readIndex, byteCount: unread)
            unsafe base.deallocate()
            unsafe base = fresh
            storedCapacity = grown
        }
        readIndex = 0
        writeIndex = unread
    }

    /// Replaces the memory by one of another size; unread bytes stay.
    /// - Parameter capacity: At least `count`, else it is taken as `count`.
    public func resize(to capacity: Int) {
        let unread = writeIndex - readIndex
        let size = max(capacity, unread, Buffer.minimumCapacity)
        guard size != storedCapacity else { return }
        let fresh = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        unsafe fresh.copyMemory(from: base + readIndex, byteCount: unread)
        unsafe base.deallocate()
        unsafe base = fresh
        storedCapacity = size
        readIndex = 0
        writeIndex = unread
    }

    /// Appends one byte.
    @inlinable @inline(__always) public func append(_ byte: UInt8) {
        reserve(1)
        // In bounds: `reserve` left at least one byte.
        unsafe base.storeBytes(of: byte, toByteOffset: writeIndex, as: UInt8.self)
        writeIndex += 1
    }

    /// Appends bytes.
    @inlinable public func append(_ bytes: Span<UInt8>) {
        let length = bytes.count
        reserve(length)
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            // In bounds: `reserve` left `length` bytes; the two never overlap, a span of this
            // buffer cannot be alive while the buffer is being changed.
            unsafe (base + writeIndex).copyMemory(from: start, byteCount: length)
        }
        writeIndex += length
    }

    /// Appends the bytes of a literal.
    ///
    /// Always inlined: a copy of a length that is known is a few stores.
    @inlinable @inline(__always) public func append(_ literal: StaticString) {
        let length = literal.utf8CodeUnitCount
        reserve(length)
        // A StaticString with a pointer representation, which every literal of more than one scalar
        // has, stays valid for the life of the process.
        precondition(literal.hasPointerRepresentation)
        unsafe (base + writeIndex).copyMemory(from: literal.utf8Start, byteCount: length)
        writeIndex += length
    }

    /// Appends an array's bytes.
    @inlinable public func append(_ bytes: [UInt8]) {
        append(bytes.span)
    }

    /// Moves bytes here from another buffer's read end.
    /// - Parameters:
    ///   - byteCount: At most `source.count`.
    ///   - source: Another buffer.
    public func move(_ byteCount: Int, from source: Buffer) {
        precondition(byteCount >= 0 && byteCount <= source.count && source !== self)
        reserve(byteCount)
        // In bounds on both sides: checked and reserved above; two buffers never share memory.
        unsafe (base + writeIndex).copyMemory(
            from: source.base + source.readIndex,
            byteCount: byteCount
        )
        writeIndex += byteCount
        source.consume(byteCount)
    }

    /// Appends a string's UTF-8.
    ///
    /// Not for the path of a request: configuration and errors only.
    public func append(utf8 text: String) {
        var copy = text
        copy.withUTF8 { source in
            reserve(source.count)
            if let start = source.baseAddress {
                unsafe (base + writeIndex).copyMemory(from: start, byteCount: source.count)
            }
            writeIndex += source.count
        }
    }

    /// Appends a number in decimal.
    /// - Parameter decimal: Any value; a negative one gets a minus sign.
    public func append(decimal: Int) {
        if decimal >= 0 && decimal < 10 {
            append(UInt8(truncatingIfNeeded: decimal) &+ 48)
            return
        }
        reserve(20)
        if decimal < 0 { append(45) }
        var rest = decimal.magnitude
        var digits = rest < 10 ? 1 : 2
        var bound: UInt = 100
        // 10 to the power of 19 is the highest that fits.
        while digits < 20 && rest >= bound {
            digits += 1
            bound &*= 10
        }
        var position = writeIndex + digits
        let end = position
        while position > end - digits {
            position -= 1
            let digit = UInt8(truncatingIfNeeded: rest % 10) &+ 48
            // In bounds: at most 20 bytes, which were reserved.
            unsafe base.storeBytes(of: digit, toByteOffset: position, as: UInt8.self)
            rest /= 10
        }
        writeIndex = end
    }

    /// Appends a number in lower-case hexadecimal without leading zeros, as a chunk size wants it.
    public func append(hexadecimal: UInt) {
        var shift = max(0, (UInt.bitWidth - hexadecimal.leadingZeroBitCount + 3) / 4 - 1) * 4
        while true {
            let digit = UInt8(truncatingIfNeeded: (hexadecimal >> UInt(shift)) & 15)
            append(digit < 10 ? digit &+ 48 : digit &+ 87)
            if shift == 0 { return }
            shift -= 4
        }
    }

    /// Appends a number as 16 lower-case hexadecimal digits.
    public func append(paddedHexadecimal value: UInt64) {
        reserve(16)
        var shift = 32
        while shift >= 0 {
            // Eight digits at once: the nibbles of 32 bits, spread over the bytes of a word.
            var nibbles = (value >> UInt64(shift)) & 0xFFFF_FFFF
            nibbles = (nibbles | nibbles << 16) & 0x0000_FFFF_0000_FFFF
            nibbles = (nibbles | nibbles << 8) & 0x00FF_00FF_00FF_00FF
            nibbles = (nibbles | nibbles << 4) & 0x0F0F_0F0F_0F0F_0F0F
            // 1 in each byte whose nibble is a letter: from 10 on, adding 6 carries into bit 4.
            let letters = ((nibbles &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
            let digits = nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 39
            // In bounds: 16 bytes were reserved.
            unsafe base.storeBytes(of: digits.bigEndian, toByteOffset: writeIndex, as: UInt64.self)
            writeIndex += 8
            shift -= 32
        }
    }

    /// Lends the space behind the write end to a system call and takes in what it wrote.
    /// - Parameter body: Gets at least one byte of space (call `reserve` first) and returns how
    ///   many bytes it initialised; a negative count is passed through and appends nothing.
    /// - Returns: What `body` returned.
    @inlinable public func fill(_ body: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
        let space = unsafe UnsafeMutableRawBufferPointer(
            start: base + writeIndex,
            count: storedCapacity - writeIndex
        )
        let written = unsafe body(space)
        if written > 0 {
            precondition(written <= storedCapacity - writeIndex)
            writeIndex += written
        }
        return written
    }

    /// Lends the unread bytes to be changed where they are, as decryption does.
    @inlinable public func rewrite(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        unsafe body(
            UnsafeMutableRawBufferPointer(start: base + readIndex, count: writeIndex - readIndex)
        )
    }

    /// Lends the unread bytes to a system call and consumes what it took.
    /// - Parameter body: Returns how many bytes it took; a negative count consumes nothing.
    /// - Returns: What `body` returned.
    @inlinable public func drain(_ body: (UnsafeRawBufferPointer) -> Int) -> Int {
        let bytes = unsafe UnsafeRawBufferPointer(
            start: base + readIndex,
            count: writeIndex - readIndex
        )
        let taken = unsafe body(bytes)
        if taken > 0 { consume(taken) }
        return taken
    }
}
