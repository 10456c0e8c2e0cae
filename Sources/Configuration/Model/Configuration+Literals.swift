/// Values as the file writes them, for whoever explains a configuration.
extension Configuration {
    /// A duration as a person would write it, such as `5s`.
    ///
    /// `duration`: Nanoseconds.
    public static func text(duration: Int64) -> String { Literals.text(duration: duration) }

    /// A size as a person would write it, such as `64k`.
    ///
    /// `size`: Bytes.
    public static func text(size: Int) -> String { Literals.text(size: size) }
}
