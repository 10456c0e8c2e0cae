public import Bytes
public import HTTP

extension Buffer {
    /// Writes all fields of a section that travel on: not removed, not hop-by-hop, not skipped.
    ///
    /// `skipped` are names that the caller leaves out or writes itself.
    /// Source: RFC 9110 §7.6.1.
    public func writeEndToEndFields(
        of section: borrowing FieldSection,
        skipping skipped: FieldNameSet = []
    ) {
        section.writeEndToEnd(skipping: skipped, to: self)
    }
}
