public import Bytes

extension FieldSection {
    /// Appends all fields that travel on, as `name: value` lines: not removed, not hop-by-hop, not
    /// skipped.
    ///
    /// Here and not with the serialisers, because it runs over the section's own memory: one
    /// reservation, then two copies a field.
    ///
    /// - Parameters:
    ///   - skipped: Names to leave out.
    ///   - buffer: Gets the lines.
    public func writeEndToEnd(skipping skipped: FieldNameSet, to buffer: Buffer) {
        // Names and values are apart from each other in the storage; each line adds four bytes.
        buffer.reserve(storage.count + 4 * entries.count + 1)
        unsafe storage.withUnsafeBytes { source in
            _ = unsafe buffer.fill { target in
                unsafe copyLines(from: source, to: target, skipping: skipped)
            }
        }
    }

    /// Copies the lines, each checked to lie within both sides before it is copied.
    ///
    /// - Returns: Bytes written.
    private func copyLines(
        from source: UnsafeRawBufferPointer,
        to target: UnsafeMutableRawBufferPointer,
        skipping skipped: FieldNameSet
    ) -> Int {
        guard let input = source.baseAddress, let output = target.baseAddress else { return 0 }
        var position = 0
        let entries = entries.span
        for index in entries.indices {
            let entry = entries[index]
            guard entry.marks == 0, !skipped.contains(entry.known) else { continue }
            let nameStart = Int(entry.nameStart)
            let nameCount = Int(entry.nameCount)
            let valueStart = Int(entry.valueStart)
            let valueCount = Int(entry.valueCount)
            let byteCount = nameCount &+ valueCount &+ 4
            precondition(nameStart &+ nameCount <= source.count)
            precondition(valueStart &+ valueCount <= source.count)
            precondition(position &+ byteCount <= target.count)
            let name = unsafe output + position
            unsafe name.copyMemory(from: input + nameStart, byteCount: nameCount)
            let value = unsafe name + nameCount + 2
            unsafe value.copyMemory(from: input + valueStart, byteCount: valueCount)
            let colonSpace = UInt16(littleEndian: 0x203A)
            let lineEnd = UInt16(littleEndian: 0x0A0D)
            unsafe (value - 2).storeBytes(of: colonSpace, as: UInt16.self)
            unsafe (value + valueCount).storeBytes(of: lineEnd, as: UInt16.self)
            position &+= byteCount
        }
        return position
    }
}
