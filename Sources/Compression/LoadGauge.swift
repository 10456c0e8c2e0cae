public import HTTP

/// How late a loop is, smoothed, and what compression does about it.
///
/// A loop whose turns take long makes every request wait for as long, the compressed and the
/// others. So levels drop before latency suffers, and then compression stops; it comes back at half
/// of what made it go, so that it does not flicker.
public struct LoadGauge: Sendable {
    /// What may be spent on compression.
    public enum Load: Int, Sendable, Comparable {
        /// What the configuration says.
        case calm
        /// The least work only.
        case busy
        /// Nothing.
        case overloaded

        /// Orders by how busy.
        public static func < (left: Load, right: Load) -> Bool { left.rawValue < right.rawValue }
    }

    /// What may be spent now.
    public private(set) var load = Load.calm
    /// Nanoseconds that a turn takes, smoothed over about eight of them.
    public private(set) var lag: Int64 = 0

    /// A loop that has done nothing yet.
    public init() {}

    /// Takes note of a turn of the loop.
    /// - Parameters:
    ///   - busy: Nanoseconds that it took.
    ///   - limit: Nanoseconds above which levels drop, and at twice of which compression stops;
    ///     nil for never.
    public mutating func turned(busy: Int64, limit: Int64?) {
        lag += (busy - lag) / 8
        guard let limit else {
            load = .calm
            return
        }
        switch load {
        case .calm: if lag > limit { load = lag > 2 * limit ? .overloaded : .busy }
        case .busy:
            if lag > 2 * limit { load = .overloaded } else if lag < limit / 2 { load = .calm }
        case .overloaded: if lag < limit { load = lag < limit / 2 ? .calm : .busy }
        }
    }

    /// The level to compress at, or nil not to.
    public func level(_ configured: CompressionLevel) -> CompressionLevel? {
        switch load {
        case .calm: configured
        case .busy: .fast
        case .overloaded: nil
        }
    }
}
